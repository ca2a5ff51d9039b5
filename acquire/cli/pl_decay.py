"""The command ``acquire pl-decay``: lifetimes of photoluminescence, their averages, and rates by a quantum yield."""

from __future__ import annotations

import re
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, USAGE, JsonOption
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
    from acquire.spectroscopy.pl_decay import JudgedDecay
    from acquire.spectroscopy.roles import MeasuredDecay

AVERAGES = ("intensity", "amplitude")


def pl_decay(
    files: Annotated[list[Path], typer.Argument(help="decays, CSV or HDF5: time and counts", metavar="FILE ...")],
    irf: Annotated[
        Path | None, typer.Option("--irf", help="the instrument's response, in the same channels", metavar="FILE")
    ] = None,
    exponentials: Annotated[
        int | None, typer.Option("--exponentials", help="1, 2 or 3; else as many as the counts support", min=1, max=3)
    ] = None,
    begin: Annotated[str, typer.Option("--from", help="fit from this time on, like '2 ns'", metavar="TIME")] = "",
    end: Annotated[str, typer.Option("--until", help="fit until this time", metavar="TIME")] = "",
    plqy: Annotated[
        str,
        typer.Option("--plqy", help="quantum yield for k_r, k_nr, like '33.4 +- 1 %'; one a file", metavar="PLQY,..."),
    ] = "",
    average: Annotated[
        str,
        typer.Option("--average", help="lifetime that the rates are by: intensity (tau_int) or amplitude (tau_amp)"),
    ] = "intensity",
    columns: ColumnsOption = "",
    units: UnitsOption = "",
    group: GroupOption = "",
    published: PublishedOption = None,
    to: ToOption = None,
    formats: FormatsOption = "",
    to_json: JsonOption = False,
) -> None:
    """Fit one to three exponentials to decays of photoluminescence, convolved with the instrument's response."""
    if average not in AVERAGES:
        raise complain(f"--average {average}: it is {' or '.join(AVERAGES)}", USAGE)
    span = tuple(
        quantity(text, "s", name, "2 ns") if text else nan for text, name in ((begin, "--from"), (end, "--until"))
    )
    wanted, beside = wanted_formats(formats), published_file(published)
    yields = _yields(plqy, len(files))
    found = [(path, _judged(path, irf, exponentials, span, columns, units, group)) for path in files]
    lines, content = [], []
    for i, (path, one) in enumerate(found):
        figures = _figures(one, yields[i] if yields else None, average)
        known = values_of(beside, path.stem)
        lines += [
            str(path),
            *_said(one),
            *lines_of(figures, known),
            *(f"  caution: {text}" for text in one.remarks),
            "",
        ]
        content.append(_content(path, one, figures, known))

    def draw() -> Any:
        from acquire.report.spectroscopy_pictures import decay_picture

        return decay_picture([(path.stem, one) for path, one in found])

    stem = f"{files[0].stem}_pl_decay" if len(files) == 1 else "pl_decay"
    tell(lines[:-1], {"decays": content}, write_picture(draw, to, files[0], stem, wanted), to_json)
    raise typer.Exit(COMPLETED)


_WITH_SPREAD = re.compile(r"(?P<value>[^+±]+?)\s*(?:(?:\+-|\+/-|±)\s*(?P<spread>.+))?")


def _yields(text: str, files: int) -> list[tuple[float, float]]:
    """Quantum yields with their standard uncertainties, one a file; one for all where only one is given.

    :raises typer.Exit: they are none, or not as many as files.
    """
    if not text:
        return []
    found = []
    for part in text.split(","):
        match = _WITH_SPREAD.fullmatch(part.strip())
        value, spread = (match["value"], match["spread"] or "") if match else (part, "")
        percent = "%" if part.strip().endswith("%") and not value.endswith("%") else ""
        number = quantity(value + percent, "", "--plqy", "33.4 %")
        if not 0 < number <= 1:
            raise complain(f"--plqy {part.strip()}: a quantum yield lies above 0 and is at most 100 %", USAGE)
        found.append((number, quantity(spread, "", "--plqy", "33.4 +- 1 %") if spread else 0.0))
    if len(found) == 1:
        return found * files
    if len(found) != files:
        raise complain(f"--plqy names {len(found)} quantum yields for {files} files: give one a file, or one", USAGE)
    return found


def _judged(
    path: Path,
    irf: Path | None,
    exponentials: int | None,
    span: tuple[float, ...],
    columns: str,
    units: str,
    group: str,
) -> JudgedDecay:
    """What is known of a file's decay.

    :raises typer.Exit: it holds none, or the response is of other channels.
    """
    from acquire.spectroscopy.measured_table import TableError
    from acquire.spectroscopy.pl_decay import judged
    from acquire.spectroscopy.roles import DECAY, measured_decay

    roles = [role.name for role in DECAY]
    asked, said = pairs(columns, "--columns", roles), pairs(units, "--units", roles)
    table = table_of(path, group)
    try:
        decay = measured_decay(table, asked, said)
        if irf is not None:
            decay = _with_response(decay, irf, asked, said, group)
        return judged(decay, exponentials, *span)
    except (TableError, ValueError) as error:
        raise complain(f"{path}: {error}", USAGE) from error


def _with_response(
    decay: MeasuredDecay, irf: Path, asked: dict[str, str], said: dict[str, str], group: str
) -> MeasuredDecay:
    """The decay with the response of another file.

    :raises TableError: its channels are others.
    """
    import numpy as np

    from acquire.spectroscopy.measured_table import TableError, column_of
    from acquire.spectroscopy.roles import COUNTS, RESPONSE, TIME, MeasuredDecay

    table = table_of(irf, group)
    asked = {role: column for role, column in asked.items() if role == "time"}
    time = column_of(table, TIME, asked, said)
    values = column_of(table, RESPONSE, asked, said)
    values = column_of(table, COUNTS, asked, said) if values is None else values
    if time is None or values is None:
        raise TableError(f"the response {irf} has no columns of time and counts; its columns are {table.names()}")
    width = float(np.median(np.diff(decay.time)))
    if time.size != decay.time.size or np.abs(time - decay.time).max() > 0.1 * width:
        raise TableError(f"the response {irf} is not in the channels of the decay: record both with the same settings")
    return MeasuredDecay(decay.time, decay.counts, np.nan_to_num(values))


def _figures(one: JudgedDecay, known: tuple[float, float] | None, average: str) -> dict[str, Figure]:
    from acquire.evaluation.figure import Figure
    from acquire.spectroscopy.pl_decay import figures_of, rate_figures

    figures = figures_of(one)
    if known is None:
        return figures
    plqy, spread = known
    return {
        **figures,
        "photoluminescence_quantum_yield": Figure(plqy, "1", "ok", uncertainty=spread),
        **rate_figures(figures, plqy, spread, average),
    }


def _said(one: JudgedDecay) -> list[str]:
    from acquire.cli.terminal import how_many

    fit, time = one.fit, one.decay.time * 1e9
    tried = ", ".join(f"{each.components}: {each.deviance:.0f}" for each in one.tried)
    response = (
        "convolved with the response" if one.decay.response is not None else "without a response, from the peak on"
    )
    return [
        f"  {how_many(fit.components, 'exponential')}, {response}; chi^2 {fit.dispersion:.3f} "
        f"({fit.freedom} degrees of freedom), background {fit.background:.3g} a channel",
        f"  fitted from {time[fit.first]:.4g} to {time[fit.last - 1]:.4g} ns",
        f"  the counts support {one.supported} (deviance with {tried})",
    ]


def _content(path: Path, one: JudgedDecay, figures: dict[str, Figure], known: Any) -> dict[str, Any]:
    fit = one.fit
    return {
        "path": str(path),
        "exponentials": fit.components,
        "supported": one.supported,
        "deviances": [each.deviance for each in one.tried],
        "dispersion": fit.dispersion,
        "degrees_of_freedom": fit.freedom,
        "background": fit.background,
        "response_shift": fit.shift,
        "window": [float(one.decay.time[fit.first]), float(one.decay.time[fit.last - 1])],
        "remarks": list(one.remarks),
        "figures_of_merit": as_json(figures, known),
    }
