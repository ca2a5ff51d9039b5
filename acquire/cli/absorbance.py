"""The command ``acquire absorbance``: how much of a film is left after rinsing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, USAGE, JsonOption
from acquire.cli.spectroscopy import (
    ColumnsOption,
    FormatsOption,
    GroupOption,
    ToOption,
    UnitsOption,
    as_json,
    lines_of,
    pairs,
    quantity,
    table_of,
    tell,
    wanted_formats,
    write_picture,
)
from acquire.cli.terminal import complain

if TYPE_CHECKING:
    from acquire.spectroscopy.roles import AbsorbanceSpectrum


def absorbance(
    before: Annotated[Path, typer.Argument(help="absorbance before, CSV or HDF5", metavar="BEFORE")],
    after: Annotated[Path, typer.Argument(help="absorbance after", metavar="AFTER")],
    at: Annotated[str, typer.Option("--at", help="wavelength at which the films are compared", metavar="WAVELENGTH")],
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline", help="where the film absorbs nothing, like '700 to 800 nm'; twice: a line", metavar="SPAN"
        ),
    ] = None,
    accuracy: Annotated[
        float, typer.Option("--accuracy", help="limits +- of an absorbance, by the data sheet")
    ] = 0.002,
    names: Annotated[
        str, typer.Option("--names", help="what the two films are called, between a comma", metavar="NAMES")
    ] = "pristine, rinsed",
    columns: ColumnsOption = "",
    units: UnitsOption = "",
    group: GroupOption = "",
    to: ToOption = None,
    formats: FormatsOption = "",
    to_json: JsonOption = False,
) -> None:
    """Compare the absorbance of a film before and after a step: the ratio is that of the thicknesses."""
    from acquire.spectroscopy.absorbance import compared

    wanted = wanted_formats(formats)
    wavelength = quantity(at, "nm", "--at", "450 nm")
    windows = [_span(text) for text in baseline or []]
    films = [name.strip() for name in names.split(",")]
    if len(films) != 2 or not all(films) or films[0] == films[1]:
        raise complain(f"--names {names}: two films have two names; write them like 'pristine, rinsed'", USAGE)
    spectra = [_spectrum(path, columns, units, group) for path in (before, after)]
    try:
        found = compared(spectra[0], spectra[1], wavelength, windows, accuracy)
    except ValueError as error:
        raise complain(f"{before}, {after}: {error}", USAGE) from error
    zero = "no baseline: the zero is that of the instrument" if not windows else f"baseline {', '.join(baseline or [])}"
    lines = [
        f"{films[0]} ({before}) -> {films[1]} ({after})",
        f"  at {wavelength:g} nm; {zero}",
        *lines_of(found.figures),
    ]
    content = {
        "before": str(before),
        "after": str(after),
        "names": films,
        "wavelength": wavelength,
        "baseline": [list(window) for window in windows],
        "figures_of_merit": as_json(found.figures),
    }

    def draw() -> Any:
        from acquire.report.spectroscopy_pictures import absorbance_picture

        return absorbance_picture(found, (films[0], films[1]))

    written = write_picture(draw, to, after, f"{after.stem}_absorbance", wanted)
    tell(lines, content, written, to_json)
    raise typer.Exit(COMPLETED)


_SPAN = re.compile(r"(?P<low>[^a-zA-Z]+?)\s*(?P<unit>[a-zA-Zµ]*)\s*(?:to|\.\.|-)\s*(?P<high>.+)")


def _span(text: str) -> tuple[float, float]:
    """A span of wavelengths, in nm.

    :raises typer.Exit: it is none.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise complain(f"--baseline {text}: write it like '700 to 800 nm'", USAGE)
    high = quantity(match["high"], "nm", "--baseline", "700 to 800 nm")
    unit = match["unit"] or match["high"].strip().lstrip("0123456789.eE+- ")
    low = quantity(f"{match['low']} {unit}", "nm", "--baseline", "700 to 800 nm")
    if not low < high:
        raise complain(f"--baseline {text}: it begins where it ends, or after", USAGE)
    return low, high


def _spectrum(path: Path, columns: str, units: str, group: str) -> AbsorbanceSpectrum:
    """The absorbance of a file.

    :raises typer.Exit: it holds none.
    """
    from acquire.spectroscopy.measured_table import TableError
    from acquire.spectroscopy.roles import ABSORPTION, absorbance_spectrum

    roles = [role.name for role in ABSORPTION]
    asked, said = pairs(columns, "--columns", roles), pairs(units, "--units", roles)
    table = table_of(path, group)
    try:
        return absorbance_spectrum(table, asked, said)
    except TableError as error:
        raise complain(f"{path}: {error}", USAGE) from error
