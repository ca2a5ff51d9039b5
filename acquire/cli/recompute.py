"""``acquire recompute``: results of finished runs computed anew from their raw readings, beside the first ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import (
    COMPLETED,
    FAILED,
    USAGE,
    JsonOption,
    OtherAreaOption,
    OtherCalibrationOption,
    OtherResponsivityOption,
)
from acquire.cli.run_files import run_files_named, tell_of_each
from acquire.cli.terminal import complain, how_many, waiting

if TYPE_CHECKING:
    from acquire.recompute.recompute import Recomputed

#: So many places are named at which numbers differ; the rest is counted.
_MOST_NAMED = 8


def recompute(
    run_files: Annotated[list[Path], typer.Argument(help="run files, or folders of them", metavar="RUN.h5 ...")],
    calibration: OtherCalibrationOption = None,
    area: OtherAreaOption = "",
    responsivity: OtherResponsivityOption = None,
    angles: Annotated[
        Path | None,
        typer.Option("--angles", help="by the angular factor from these readings at angles", metavar="FILE.csv"),
    ] = None,
    angles_of: Annotated[
        str,
        typer.Option("--angles-of", help="of what spectra at angles are: radiance or intensity", metavar="QUANTITY"),
    ] = "",
    another_photodiode: Annotated[
        bool, typer.Option("--another-photodiode", help="the calibration is of another serial number, and meant")
    ] = False,
    parent: Annotated[
        str, typer.Option("--from", help="the analysis to start from; run: the run's own results", metavar="NAME")
    ] = "latest",
    name: Annotated[str, typer.Option("--name", help="what the new analysis is called", metavar="NAME")] = "",
    reason: Annotated[str, typer.Option("--reason", help="why; it stands in the file", metavar="TEXT")] = "",
    user: Annotated[str, typer.Option("--user", help="who does it", metavar="NAME")] = "",
    as_json: JsonOption = False,
) -> None:
    """Compute results anew from the raw readings, as an analysis beside the first; nothing that is there changes.

    Without anything to be different the numbers are computed again and compared with those in the file.
    """
    from acquire.config import ConfigurationError
    from acquire.recompute.changes import read_changes
    from acquire.recompute.recompute import Wanted, objections
    from acquire.recompute.recompute import recompute as anew

    try:
        changes = read_changes(
            area, calibration, responsivity, angles, angles_of, another_photodiode=another_photodiode
        )
    except ConfigurationError as error:
        raise complain(error, USAGE) from error
    wanted = Wanted(changes, parent.strip(), name.strip(), reason.strip(), user.strip())
    if wrong := objections(wanted):
        raise complain(wrong, USAGE)
    paths, absent = run_files_named(run_files)
    for line in absent:
        complain(line, FAILED)
    done = tell_of_each(paths, lambda path: anew(path, wanted, waiting()), _lines, _plain, as_json=as_json)
    raise typer.Exit(FAILED if absent or None in done else COMPLETED)


def _lines(found: Recomputed) -> Iterator[str]:
    computation, path = found.computation, found.run.path
    parent = computation.parent.analysis.name if computation.parent.analysis else "run"
    yield from _of_formulas(found, parent)
    if found.analysis is not None:
        said = "; ".join([*found.analysis.changed, *([] if found.analysis.changed else ["formulas of this program"])])
        yield f"{path}: analysis {found.analysis.name} (from {parent}): {said}"
        yield from _figures(found)


def _of_formulas(found: Recomputed, parent: str) -> Iterator[str]:
    """How the numbers in the file differ from those that this program computes of the same readings."""
    computation, path = found.computation, found.run.path
    if not computation.compared:
        return
    counted = how_many(computation.compared, "column and figure", "columns and figures")
    apart = [one for one in computation.unchanged if not one.by_rounding]
    if not computation.unchanged:
        yield f"{path}: the same to the last bit as '{parent}': {counted}"
    elif not apart:
        largest = max(one.largest for one in computation.unchanged)
        yield f"{path}: the same as '{parent}' within {largest:.1g}: {counted}; another machine or older libraries"
    else:
        yield f"{path}: of {counted} of '{parent}' {len(apart)} differ with the formulas of this program:"
        yield from (f"  {text}" for text in computation.formulas)
        yield from (f"    {one}" for one in apart[:_MOST_NAMED])
        if len(apart) > _MOST_NAMED:
            yield f"    and {len(apart) - _MOST_NAMED} more (--json)"


def _figures(found: Recomputed) -> Iterator[str]:
    """The figures that papers name, before and after."""
    from math import isfinite

    from acquire.photometry.customary_units import PAPER, QUANTITIES, customary, quantity_of_figure

    before, after = found.computation.parent.figures, found.run.figures
    for name, label in PAPER.items():
        there = [figures[name].value for figures in (before, after) if name in figures]
        if name not in after or not any(map(isfinite, there)):
            continue
        quantity = quantity_of_figure(name)
        old, new = (
            f"{customary(figures[name].value, quantity):.6g}" if name in figures else "-" for figures in (before, after)
        )
        unit, status = QUANTITIES[quantity].unit, after[name].status
        value = new if old == new else f"{old} -> {new}"
        words = [value, *([] if unit == "1" else [unit]), *(["as before"] if old == new else [])]
        yield f"  {label:>10}  {' '.join([*words, *([] if status == 'ok' else [f'({status})'])])}"


def _plain(found: Recomputed) -> dict[str, Any]:
    from math import isfinite

    computation = found.computation
    return {
        "run_id": found.run.run_id,
        "path": str(found.run.path),
        "parent": computation.parent.analysis.name if computation.parent.analysis else "run",
        "analysis": None if found.analysis is None else found.analysis.plain(),
        "compared": computation.compared,
        "differences": [
            {
                "place": one.place,
                "rows": one.rows,
                "of": one.of,
                "largest": one.largest if isfinite(one.largest) else None,
            }
            for one in computation.unchanged
        ],
        "figures_of_merit": found.run.summary()["figures_of_merit"],
    }
