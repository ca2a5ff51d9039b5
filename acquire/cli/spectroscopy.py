"""What ``acquire impedance``, ``pl-decay`` and ``absorbance`` have in common: columns by option, figures, pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import FAILED, USAGE
from acquire.cli.terminal import complain, say, say_json, whoever_listens

if TYPE_CHECKING:
    from acquire.config.published import PublishedFile, PublishedValue
    from acquire.evaluation.figure import Figure
    from acquire.spectroscopy.measured_table import MeasuredTable

ColumnsOption = Annotated[
    str,
    typer.Option("--columns", help="which column is what, by number or name: time=1,counts=3", metavar="ROLE=COLUMN"),
]
UnitsOption = Annotated[
    str, typer.Option("--units", help="units that the file does not say: time=ns", metavar="ROLE=UNIT")
]
GroupOption = Annotated[str, typer.Option("--group", help="of an HDF5 file: the group of the table", metavar="PATH")]
ToOption = Annotated[
    Path | None, typer.Option("--to", help="folder for the picture; default: beside the first file", metavar="DIR")
]
FormatsOption = Annotated[
    str,
    typer.Option(
        "--formats", help="of the picture: png, svg, pdf, several, or none; default: png, if the extra is there"
    ),
]
PublishedOption = Annotated[
    Path | None,
    typer.Option("--published", help="published values to stand beside, by the file's name", metavar="FILE.yaml"),
]

FORMATS = ("png", "svg", "pdf")


def pairs(text: str, option: str, roles: Sequence[str]) -> dict[str, str]:
    """What an option like ``time=1,counts=3`` says, by role.

    :raises typer.Exit: it is not written so, or names no role.
    """
    found: dict[str, str] = {}
    for part in (one.strip() for one in text.split(",") if one.strip()):
        role, _, value = (side.strip() for side in part.partition("="))
        role = role.replace("-", "_")
        if role not in roles or not value:
            raise complain(f"{option} {text}: '{part}' is not ROLE=VALUE with a role of {', '.join(roles)}", USAGE)
        found[role] = value
    return found


def table_of(path: Path, group: str) -> MeasuredTable:
    """The table of a file.

    :raises typer.Exit: there is none.
    """
    from acquire.run_file.measured_table import read_table
    from acquire.spectroscopy.measured_table import TableError

    try:
        return read_table(path, group)
    except TableError as error:
        raise complain(error, USAGE) from error


def quantity(text: str, unit: str, option: str, example: str) -> float:
    """A quantity given by option, in ``unit``.

    :raises typer.Exit: it is none.
    """
    from acquire.config.quantities import QuantityError, parse_quantity

    try:
        return parse_quantity(text, unit, example)
    except QuantityError as error:
        raise complain(f"{option}: {error}; {error.hint}", USAGE) from error


# --- figures -----------------------------------------------------------------------------------------------------


def lines_of(figures: Mapping[str, Figure], published: Mapping[str, PublishedValue] | None = None) -> list[str]:
    """Figures in lines: name, value, u, status, and what was published of it."""
    from acquire.photometry.customary_units import figure_title

    lines = []
    for name, figure in figures.items():
        beside = _beside(name, figure, published or {})
        status = f"  {figure.status}" + (f": {figure.reason}" if figure.reason else "") if figure.status != "ok" else ""
        lines.append(f"  {figure_title(name):<42} {_value(name, figure)}{beside}{status}")
    return lines


def _value(name: str, figure: Figure) -> str:
    from acquire.photometry.customary_units import QUANTITIES, quantity_of_figure

    one = QUANTITIES[quantity_of_figure(name)]
    unit = "" if one.unit == "1" else f" {one.unit}"
    if not isfinite(figure.value):
        return "-"
    return f"{with_spread(figure.value * one.factor, figure.uncertainty * one.factor)}{unit}"


def with_spread(value: float, spread: float) -> str:
    """A value and its standard uncertainty, both to the second digit of the uncertainty."""
    if not (isfinite(spread) and spread > 0):
        return f"{value:.5g}"
    from math import floor, log10

    places = 1 - floor(log10(spread))
    if abs(value) >= 1e6 or places > 9:
        digits = max(floor(log10(abs(value) or 1)) + places, 0)
        return f"{value:.{digits}e} +- {spread:.1e}"
    return f"{value:.{max(places, 0)}f} +- {spread:.{max(places, 0)}f}"


def _beside(name: str, figure: Figure, published: Mapping[str, PublishedValue]) -> str:
    from acquire.photometry.customary_units import QUANTITIES, quantity_of_figure

    if name not in published or not isfinite(figure.value):
        return ""
    one, value = QUANTITIES[quantity_of_figure(name)], published[name]
    shown = f"{value.value * one.factor:.{max(value.decimals(one.factor), 0)}f}"
    return f"  published {shown}, {figure.value / value.value - 1:+.2%}"


def as_json(figures: Mapping[str, Figure], published: Mapping[str, PublishedValue] | None = None) -> dict[str, Any]:
    """Figures as JSON has them, in SI."""
    found = {}
    for name, figure in figures.items():
        one: dict[str, Any] = {
            "value": figure.value if isfinite(figure.value) else None,
            "unit": figure.unit,
            "uncertainty": figure.uncertainty if isfinite(figure.uncertainty) else None,
            "status": figure.status,
            "reason": figure.reason,
        }
        if published and name in published:
            one["published"] = published[name].value
        found[name] = one
    return found


def published_file(path: Path | None) -> PublishedFile | None:
    """The file of published values.

    :raises typer.Exit: it is wrong.
    """
    if path is None:
        return None
    from acquire.config import ConfigurationError
    from acquire.config.loading import load_published

    try:
        return load_published(path)
    except ConfigurationError as error:
        raise complain(error, USAGE) from error


def values_of(published: PublishedFile | None, name: str) -> dict[str, PublishedValue]:
    """What was published of a device, by figure; said where nothing was."""
    if published is None:
        return {}
    from acquire.config.published import device_named

    found = device_named(published, name)
    if found is None:
        known = ", ".join(one.name for one in published.devices)
        complain(f"nothing was published of '{name}'; there are {known}", FAILED)
        return {}
    return found.values()


# --- pictures ----------------------------------------------------------------------------------------------------


def wanted_formats(text: str) -> tuple[str, ...] | None:
    """The formats that are asked for; None where nothing was said.

    :raises typer.Exit: one of them is not known.
    """
    if not text:
        return None
    formats = tuple(dict.fromkeys(one.strip().lower() for one in text.split(",") if one.strip()))
    if formats == ("none",):
        return ()
    if wrong := [one for one in formats if one not in FORMATS]:
        raise complain(f"--formats: '{wrong[0]}' is not one of {', '.join(FORMATS)}; write them like png,pdf", USAGE)
    return formats


def write_picture(
    draw: Callable[[], Any], to: Path | None, first: Path, stem: str, formats: tuple[str, ...] | None
) -> list[Path]:
    """Draw and write a picture; without the extra that draws, say so, and fail only where one was asked for.

    :raises typer.Exit: it was asked for and cannot be drawn, or cannot be written.
    """
    from importlib.util import find_spec

    if formats == ():
        return []
    if find_spec("matplotlib") is None:
        said = complain(
            'a picture needs matplotlib, the extra "report": pip install "jvl-bench[report]", or --formats none', FAILED
        )
        if formats is not None:
            raise said
        return []
    from acquire.report.style import PictureError, save

    try:
        return save(draw(), to or first.parent, stem, formats or ("png",))
    except PictureError as error:
        raise complain(error, FAILED) from error


def tell(lines: Sequence[str], content: dict[str, Any], written: Sequence[Path], to_json: bool) -> None:
    """Say what was found, with the pictures last."""
    with whoever_listens(sys.stdout):
        if to_json:
            say_json({**content, "pictures": [str(path) for path in written]})
        else:
            say(sys.stdout, *lines, *written)
