"""Which catalogue, which of its runs, and who works on them: what the commands of ``acquire archive`` share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import FAILED, USAGE
from acquire.cli.terminal import complain

if TYPE_CHECKING:
    from acquire.archive.catalogue import Catalogue
    from acquire.archive.criteria import Criteria
    from acquire.archive.spread import Workers
    from acquire.cli.selection import Condition, Field
    from acquire.run_file.summary import RunSummary

CatalogueOption = Annotated[
    Path | None,
    typer.Option("--catalogue", help="catalogue file, on a local disk; default: this user's own", metavar="FILE"),
]
JobsOption = Annotated[int, typer.Option("--jobs", min=1, max=256, help="so many processes of this computer")]
SchedulerOption = Annotated[
    str | None,
    typer.Option("--scheduler", help="the workers of this Dask scheduler instead, tcp://host:8786", metavar="ADDRESS"),
]
TextArgument = Annotated[
    str, typer.Argument(help="what any text of a run contains: sample, title, tag, comment, file, ...", metavar="TEXT")
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help='only runs of which it is true: "EQE_1000 > 5"; may be repeated',
        metavar="CONDITION",
    ),
]
FigureOption = Annotated[
    list[str] | None,
    typer.Option("--figure", help="a figure of merit by its name in run files; may be repeated", metavar="NAME"),
]
ToOption = Annotated[
    Path | None,
    typer.Option("--to", help="write it: FILE.csv, FILE.xlsx or FILE.md; default: Markdown here", metavar="FILE"),
]
ForceOption = Annotated[bool, typer.Option("--force", help="replace what is there")]


# --- which catalogue, which runs, by whom -------------------------------------------------------------------------


def catalogue_at(path: Path | None) -> Catalogue:
    """The catalogue that is meant: this user's own unless another one is named."""
    from platformdirs import user_data_path

    from acquire.archive.catalogue import Catalogue

    return Catalogue(path or user_data_path("jvl-bench", appauthor=False) / "service" / "catalogue.sqlite")


def workers_of(jobs: int, scheduler: str | None) -> Workers:
    """Who does the work."""
    from acquire.archive.scheduler import Scheduler
    from acquire.archive.spread import Here

    return Here(jobs) if scheduler is None else Scheduler(scheduler)


def chosen(catalogue: Catalogue, text: str, where: Sequence[str] | None) -> Iterator[RunSummary]:
    """The runs that are wanted, the newest first.

    :raises ValueError: a condition makes no sense.
    """
    from acquire.archive.criteria import Criteria
    from acquire.cli import selection

    figures = catalogue.figures()
    conditions: list[Condition] = [selection.condition(one, figures) for one in where or ()]
    criteria = Criteria(text=text)
    for one in where or ():
        name, sign, wanted = selection.taken_apart(one)
        criteria = _narrowed(criteria, selection.field_called(name, figures), sign, wanted)
    return (run for run in catalogue.iterate(criteria) if all(fits(run) for fits in conditions))


_WHOLE = ("sample", "pixel", "batch", "group", "user", "tag")


def _narrowed(criteria: Criteria, field: Field, sign: str, wanted: str) -> Criteria:
    """The criteria with what a catalogue can tell of a condition: no run that fulfils it is left out."""
    from acquire.cli.selection import number_in

    if field.figure and isfinite(number_in(wanted)):
        least, most = criteria.figures.get(field.figure, (-inf, inf))
        low, high = _span(field.figure, sign, number_in(wanted))
        return replace(criteria, figures={**criteria.figures, field.figure: (max(least, low), min(most, high))})
    if field.name == "date" and sign in (">", ">=", "="):
        criteria = replace(criteria, since=max(criteria.since, wanted))
    if field.name == "date" and sign in ("<", "<=", "="):
        return replace(criteria, until=min(criteria.until, wanted) if criteria.until else wanted)
    if field.name in _WHOLE and sign == "=":
        named: dict[str, Any] = {field.name: wanted}
        return replace(criteria, **named)
    if field.name == "status" and sign == "=":
        return replace(criteria, states=(wanted,))
    return criteria


def _span(figure: str, sign: str, number: float) -> tuple[float, float]:
    """Between which values [SI] a figure lies of which a condition is true, with room for rounding."""
    from acquire.photometry.customary_units import QUANTITIES, quantity_of_figure

    quantity = QUANTITIES[quantity_of_figure(figure)]
    value = (number - quantity.zero) / quantity.factor
    room = 1e-9 * max(abs(value), abs(quantity.zero))
    low = value - room if sign in (">", ">=", "=") else -inf
    return low, value + room if sign in ("<", "<=", "=") else inf


def refusals() -> tuple[type[Exception], ...]:
    """What work on an archive ends with, told in one line."""
    from acquire.archive.apart import TaskFailed
    from acquire.archive.catalogue import CatalogueError
    from acquire.archive.scheduler import NoScheduler
    from acquire.run_file.read import ArchiveError

    return CatalogueError, NoScheduler, TaskFailed, ArchiveError


def all_chosen(catalogue: Catalogue, text: str, where: Sequence[str] | None) -> list[RunSummary]:
    """The runs that are wanted.

    :raises typer.Exit: a condition makes no sense, or no run is wanted.
    """
    from acquire.archive.catalogue import CatalogueError

    try:
        runs = list(chosen(catalogue, text, where))
    except ValueError as error:
        raise complain(error, USAGE) from error
    except CatalogueError as error:
        raise complain(error, FAILED) from error
    if not runs:
        raise complain(f"{catalogue.path}: no such run{hint_where_nothing(catalogue)}", FAILED)
    return runs


def hint_where_nothing(catalogue: Catalogue) -> str:
    """What to do about a catalogue in which there is nothing yet."""
    return "" if catalogue.folders() else "; no folder was indexed yet: acquire archive index FOLDER"
