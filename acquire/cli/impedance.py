"""The command ``acquire impedance``: resistances and capacitance of impedance spectra, Kramers-Kronig said first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, USAGE, JsonOption
from acquire.cli.spectroscopy import (
    ColumnsOption,
    FormatsOption,
    GroupOption,
    PublishedOption,
    ToOption,
    UnitsOption,
    as_json,
    lines_of,
    pairs,
    published_file,
    quantity,
    table_of,
    tell,
    values_of,
    wanted_formats,
    write_picture,
)
from acquire.cli.terminal import complain

if TYPE_CHECKING:
    from acquire.evaluation.figure import Figure
    from acquire.spectroscopy.impedance import JudgedSpectrum


def impedance(
    files: Annotated[list[Path], typer.Argument(help="impedance spectra, CSV or HDF5", metavar="FILE ...")],
    model: Annotated[
        str, typer.Option("--model", help="rc, cole_cole (a depressed arc), or auto: what the spectrum asks for")
    ] = "auto",
    run: Annotated[
        Path | None, typer.Option("--run", help="J-V sweep of the device, for dV/dI at the bias", metavar="RUN.h5")
    ] = None,
    bias: Annotated[str, typer.Option("--bias", help="DC voltage of the spectrum, like '6 V'", metavar="VOLTAGE")] = "",
    columns: ColumnsOption = "",
    units: UnitsOption = "",
    group: GroupOption = "",
    published: PublishedOption = None,
    to: ToOption = None,
    formats: FormatsOption = "",
    to_json: JsonOption = False,
) -> None:
    """Fit R_s + R_p parallel to C, or to a constant-phase element, to impedance spectra; with a run check dV/dI."""
    from acquire.spectroscopy.impedance import MODELS

    if model not in MODELS:
        raise complain(f"--model {model}: it is {', '.join(MODELS)}", USAGE)
    if bool(run) != bool(bias):
        raise complain(
            "--run and --bias go together: the sweep, and the voltage at which the spectrum was taken", USAGE
        )
    wanted, beside = wanted_formats(formats), published_file(published)
    by_sweep = _by_sweep(run, bias) if run else None
    found = [(path, _judged(path, model, columns, units, group)) for path in files]
    lines, content = [], []
    for path, one in found:
        known = values_of(beside, path.stem)
        more, said, agrees = _with_sweep(one, by_sweep)
        lines += [str(path), *_said(one), *lines_of({**one.figures, **more}, known), *said, ""]
        content.append(_content(path, one, {**one.figures, **more}, known, agrees))

    def draw() -> Any:
        from acquire.report.spectroscopy_pictures import impedance_picture

        return impedance_picture([(path.stem, one) for path, one in found])

    stem = f"{files[0].stem}_impedance" if len(files) == 1 else "impedance"
    tell(lines[:-1], {"spectra": content}, write_picture(draw, to, files[0], stem, wanted), to_json)
    raise typer.Exit(COMPLETED)


def _judged(path: Path, model: str, columns: str, units: str, group: str) -> JudgedSpectrum:
    """What is known of a file's spectrum.

    :raises typer.Exit: it holds none.
    """
    from acquire.spectroscopy.impedance import judged
    from acquire.spectroscopy.measured_table import TableError
    from acquire.spectroscopy.roles import IMPEDANCE, impedance_spectrum

    roles = [role.name for role in IMPEDANCE]
    asked, said = pairs(columns, "--columns", roles), pairs(units, "--units", roles)
    table = table_of(path, group)
    try:
        return judged(impedance_spectrum(table, asked, said), model)
    except TableError as error:
        raise complain(f"{path}: {error}", USAGE) from error


def _by_sweep(run: Path, bias: str) -> Figure:
    """dV/dI of a run at a bias.

    :raises typer.Exit: the run cannot be read, or the bias is no voltage.
    """
    import numpy as np

    from acquire.run_file.read import ArchiveError
    from acquire.run_file.reading_apart import read_run
    from acquire.spectroscopy.dc_check import differential_resistance

    at = quantity(bias, "V", "--bias", "6 V")
    try:
        points = read_run(run).records
    except ArchiveError as error:
        raise complain(error, FAILED) from error
    readings = [one.reading for one in points]
    first = [one for one in readings if (one.branch, one.cycle) == (readings[0].branch, readings[0].cycle)]
    voltage = np.array([one.voltage for one in first], float)
    current = np.array([one.current for one in first], float)
    return differential_resistance(voltage, current, at)


def _with_sweep(one: JudgedSpectrum, by_sweep: Figure | None) -> tuple[dict[str, Figure], list[str], bool | None]:
    if by_sweep is None:
        return {}, [], None
    from acquire.spectroscopy.dc_check import verdict

    agrees, words = verdict(one.figures["dc_resistance"], by_sweep)
    return {"differential_resistance": by_sweep}, [f"  DC check: {words}"], agrees


def _said(one: JudgedSpectrum) -> list[str]:
    test, spectrum = one.test, one.spectrum
    passed = "passed" if test.passed else "NOT passed"
    left = f", {spectrum.missing} rows without a number left out" if spectrum.missing else ""
    kind = "R_s + R_p parallel to C" if one.fit.model == "rc" else "R_s + R_p parallel to a constant-phase element"
    return [
        f"  Kramers-Kronig, {test.elements} elements: {passed}; rms {test.rms:.2%} of |Z|, drift {test.drift:.2%}",
        f"  {spectrum.frequency.size} frequencies, {spectrum.frequency[0]:.4g} to {spectrum.frequency[-1]:.4g} Hz"
        f"{left}",
        f"  {kind}: residuals of ln Z {one.fit.scatter:.2%} rms",
    ]


def _content(
    path: Path, one: JudgedSpectrum, figures: dict[str, Figure], known: Any, agrees: bool | None
) -> dict[str, Any]:
    return {
        "path": str(path),
        "model": one.fit.model,
        "frequencies": int(one.spectrum.frequency.size),
        "kramers_kronig": {
            "passed": one.test.passed,
            "rms": one.test.rms,
            "drift": one.test.drift,
            "elements": one.test.elements,
        },
        "residual_rms": one.fit.scatter,
        "dc_check": agrees,
        "figures_of_merit": as_json(figures, known),
    }
