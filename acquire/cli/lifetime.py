"""acquire lifetime: the lifetimes of several runs beside each other, and how they follow from the luminance."""

from __future__ import annotations

import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import FAILED, USAGE, JsonOption
from acquire.cli.terminal import complain, say, say_json

if TYPE_CHECKING:
    from acquire.evaluation.figure import Figure
    from acquire.photometry.lifetime import Acceleration

_SHARES = (95, 90, 80, 50)

#: What is not used for an acceleration exponent: a guess.
_USABLE = ("ok", "extrapolated")


def lifetime(
    run_files: Annotated[list[Path], typer.Argument(help="lifetimes, at one level or several", metavar="RUN.h5 ...")],
    at: Annotated[
        str, typer.Option("--at", help="the initial luminance for which a lifetime is wanted", metavar="LUMINANCE")
    ] = "100 cd/m^2",
    share: Annotated[int, typer.Option("--share", help="T50, T80, T90 or T95")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show lifetimes beside each other, also of runs that go on; of three levels or more the acceleration exponent."""
    luminance = _luminance(at)
    if share not in _SHARES:
        raise complain(f"--share {share}: it is 95, 90, 80 or 50", USAGE)
    rows = [_figures(path) for path in run_files]
    found, why = _acceleration(rows, share)
    if as_json:
        say_json(_as_json(rows, share, luminance, found, why))
        return
    say(sys.stdout, *_table(rows), "", *_said(share, luminance, found, why))


def _luminance(text: str) -> float:
    """The luminance that was asked for, cd/m^2.

    :raises typer.Exit: it is none.
    """
    from pydantic_core import PydanticCustomError

    from acquire.config.quantities import Quantity

    try:
        return float(Quantity("cd/m^2", "100 cd/m^2", above=0.0).read(text))
    except PydanticCustomError as error:
        raise complain(f"--at {text}: {error.message()}; write it like --at '100 cd/m^2'", USAGE) from error


def _figures(path: Path) -> tuple[Path, str, dict[str, Figure]]:
    """A run's file, its sample, and its figures; of one that goes on those by what is known so far.

    :raises typer.Exit: it is no lifetime, or cannot be read.
    """
    from acquire.run_file.lifetime import lifetime_of
    from acquire.run_file.read import ArchiveError
    from acquire.run_file.reading_apart import read_run

    try:
        run = read_run(path)
        return (
            path,
            run.sample,
            dict(run.figures if run.finished and run.rows.get("lifetime") else lifetime_of(run).figures),
        )
    except ArchiveError as error:
        raise complain(error, FAILED) from error


def _acceleration(rows: list[tuple[Path, str, dict[str, Figure]]], share: int) -> tuple[Acceleration | None, str]:
    """The acceleration exponent over these runs, or why there is none."""
    import numpy as np

    from acquire.photometry.lifetime import FEWEST_LEVELS, acceleration, distinct_levels

    usable = [
        (figures["initial_luminance"], figures[f"lifetime_{share}"])
        for _, _, figures in rows
        if figures.get(f"lifetime_{share}") is not None
        and figures[f"lifetime_{share}"].status in _USABLE
        and isfinite(figures["initial_luminance"].value)
    ]
    luminances, lifetimes = (np.array([pair[i].value for pair in usable]) for i in (0, 1))
    levels = distinct_levels(luminances) if usable else 0
    if levels < FEWEST_LEVELS:
        return None, (
            f"no acceleration exponent: T{share} is known at {levels} different initial luminances, and "
            f"{FEWEST_LEVELS} are needed; age further devices at other levels"
        )
    spread = np.array([pair[1].uncertainty for pair in usable]) / lifetimes
    return acceleration(luminances, lifetimes, spread), ""


def _table(rows: list[tuple[Path, str, dict[str, Figure]]]) -> list[str]:
    lines = [f"{'sample':<20} {'L_0 cd/m^2':>11}" + "".join(f"{f'T{share} h':>16}" for share in _SHARES) + "   beta"]
    for path, sample, figures in rows:
        cells = "".join(f"{_hours(figures[f'lifetime_{share}']):>16}" for share in _SHARES)
        beta = figures["lifetime_stretching_exponent"]
        exponent = f"{beta.value:7.3f}" if isfinite(beta.value) else "      -"
        lines.append(f"{sample[:20]:<20} {figures['initial_luminance'].value:>11.4g}{cells}{exponent}   {path.name}")
    return [*lines, "", "~ extrapolated beyond the record by the fitted curve; ~~ beyond twice the record: a guess"]


_MARKS = {"ok": "", "extrapolated": "~", "extrapolated_far": "~~"}


def _hours(figure: Figure) -> str:
    if not isfinite(figure.value):
        return "-"
    return f"{_MARKS.get(figure.status, '!')}{figure.value / 3600:.4g}"


def _said(share: int, luminance: float, found: Acceleration | None, why: str) -> list[str]:
    if found is None:
        return [why]
    low, high = found.interval_at(luminance)
    value = found.lifetime_at(luminance)
    beyond = not found.levels.min() <= luminance <= found.levels.max()
    outside = ", outside the levels that were measured" if beyond else ""
    return [
        f"acceleration: L_0^n T{share} = const with n = {found.exponent:.4g} +- {found.half_width:.2g} "
        f"(95 %, {found.levels.size} runs)",
        f"T{share} at {luminance:.4g} cd/m^2: {value / 3600:.4g} h, 95 % from {low / 3600:.4g} h to "
        f"{high / 3600:.4g} h{outside}",
    ]


def _as_json(
    rows: list[tuple[Path, str, dict[str, Figure]]],
    share: int,
    luminance: float,
    found: Acceleration | None,
    why: str,
) -> dict[str, Any]:
    runs = [
        {
            "path": str(path),
            "sample": sample,
            "figures_of_merit": {
                name: {
                    "value": figure.value if isfinite(figure.value) else None,
                    "unit": figure.unit,
                    "uncertainty": figure.uncertainty if isfinite(figure.uncertainty) else None,
                    "status": figure.status,
                }
                for name, figure in figures.items()
            },
        }
        for path, sample, figures in rows
    ]
    result: dict[str, Any] = {"runs": runs, "acceleration": None, "reason": why}
    if found is not None:
        low, high = found.interval_at(luminance)
        result["acceleration"] = {
            "share": share / 100,
            "exponent": found.exponent,
            "uncertainty": found.uncertainty,
            "half_width_95": found.half_width,
            "at_luminance": luminance,
            "lifetime": found.lifetime_at(luminance),
            "lifetime_from": low,
            "lifetime_to": high,
        }
    return result
