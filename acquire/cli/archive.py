"""``acquire archive``: many run files, found, tabulated and worked on by way of a catalogue of their summaries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, INTERRUPTED, USAGE, JsonOption
from acquire.cli.terminal import complain, how_many, say, say_json, whoever_listens

if TYPE_CHECKING:
    from acquire.archive.catalogue import Catalogue, Indexed
    from acquire.archive.criteria import Criteria
    from acquire.archive.spread import Workers
    from acquire.cli.selection import Condition, Field
    from acquire.run_file.export.sheets import Sheet
    from acquire.run_file.summary import RunSummary

archive = typer.Typer(
    name="archive",
    help="Find runs among very many by a catalogue of their summaries; tables, statistics and exports of them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

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

_SHOWN = 50  # runs on a screen, unless --limit says otherwise


# --- which catalogue, which runs, by whom -------------------------------------------------------------------------


def _catalogue(path: Path | None) -> Catalogue:
    from platformdirs import user_data_path

    from acquire.archive.catalogue import Catalogue

    return Catalogue(path or user_data_path("jvl-bench") / "service" / "catalogue.sqlite")


def _workers(jobs: int, scheduler: str | None) -> Workers:
    from acquire.archive.scheduler import Scheduler
    from acquire.archive.spread import Here

    return Here(jobs) if scheduler is None else Scheduler(scheduler)


def _chosen(catalogue: Catalogue, text: str, where: Sequence[str] | None) -> Iterator[RunSummary]:
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


def _refusals() -> tuple[type[Exception], ...]:
    from acquire.archive.apart import TaskFailed
    from acquire.archive.catalogue import CatalogueError
    from acquire.archive.scheduler import NoScheduler
    from acquire.run_file.read import ArchiveError

    return CatalogueError, NoScheduler, TaskFailed, ArchiveError


def _all_chosen(catalogue: Catalogue, text: str, where: Sequence[str] | None) -> list[RunSummary]:
    """:raises typer.Exit: a condition makes no sense, or no run is wanted."""
    from acquire.archive.catalogue import CatalogueError

    try:
        runs = list(_chosen(catalogue, text, where))
    except ValueError as error:
        raise complain(error, USAGE) from error
    except CatalogueError as error:
        raise complain(error, FAILED) from error
    if not runs:
        raise complain(f"{catalogue.path}: no such run{_hint(catalogue)}", FAILED)
    return runs


def _hint(catalogue: Catalogue) -> str:
    return "" if catalogue.folders() else "; no folder was indexed yet: acquire archive index FOLDER"


# --- commands ------------------------------------------------------------------------------------------------


@archive.command(short_help="Bring the catalogue up to date with folders of run files.")
def index(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="folders of run files, those in them too; default: those indexed before", metavar="FOLDER"),
    ] = None,
    catalogue: CatalogueOption = None,
    jobs: JobsOption = 2,
    scheduler: SchedulerOption = None,
    forget: Annotated[bool, typer.Option("--forget", help="leave these folders out of the catalogue instead")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the summaries of new and changed run files into the catalogue; what was read stays if it is interrupted."""
    found = _catalogue(catalogue)
    try:
        named = folders or found.folders()
        if not named:
            raise complain("name a folder of run files: acquire archive index FOLDER", USAGE)
        if forget:
            for folder in named:
                found.forget(folder)
            raise typer.Exit(COMPLETED)
        done = found.index(named, _workers(jobs, scheduler), None if as_json else _tell)
        total = found.count()
    except _refusals() as error:
        raise complain(error, FAILED) from error
    except KeyboardInterrupt:
        raise complain("interrupted: what was read is kept, the next index goes on from there", INTERRUPTED) from None
    with whoever_listens(sys.stdout):
        if as_json:
            say_json({"catalogue": str(found.path), "runs": total, **_plain(done)})
        else:
            say(sys.stdout, *_in_words(found, done, total))
    raise typer.Exit(FAILED if done.folders else COMPLETED)


def _tell(progress: Any) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        with whoever_listens(sys.stderr):
            print(
                f"\r{progress.done} of {progress.of}", end="" if progress.done < progress.of else "\n", file=sys.stderr
            )


def _plain(done: Indexed) -> dict[str, Any]:
    named = {
        name: [{"path": str(path), "reason": reason} for path, reason in getattr(done, name)]
        for name in ("skipped", "left", "folders")
    }
    return {"read": done.read, "unchanged": done.unchanged, "gone": done.gone, **named}


def _in_words(catalogue: Catalogue, done: Indexed, total: int) -> Iterator[str]:
    for path, why in done.folders:
        yield f"cannot be read: {path}: {why}"
    for path, why in done.skipped:
        yield f"skipped: {path}: {why.removeprefix(f'{path}: ')}"
    for path, why in done.left:
        yield f"left for next time: {path}: {why.removeprefix(f'{path}: ')}"
    yield f"{how_many(done.read, 'run file')} read, {done.unchanged} had not changed, {done.gone} are gone"
    yield f"{catalogue.path}: {how_many(total, 'run')}"


@archive.command(short_help="Find runs in the catalogue; nothing is opened.")
def find(
    text: TextArgument = "",
    where: WhereOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="at most so many, the newest")] = _SHOWN,
    names: Annotated[bool, typer.Option("--names", help="only the paths, for another command")] = False,
    catalogue: CatalogueOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find runs among all that were indexed: by a text, by conditions on figures of merit, dates, tags."""
    from itertools import islice

    from acquire.archive.catalogue import CatalogueError

    found = _catalogue(catalogue)
    try:
        runs = list(islice(_chosen(found, text, where), limit + 1))
        hint = _hint(found)
    except ValueError as error:
        raise complain(error, USAGE) from error
    except CatalogueError as error:
        raise complain(error, FAILED) from error
    shown, more = runs[:limit], len(runs) > limit
    with whoever_listens(sys.stdout):
        if as_json:
            plain = [{"path": str(run.path), "state": run.state, **run.plain()} for run in shown]
            say_json({"catalogue": str(found.path), "runs": plain, "more": more})
        elif names:
            say(sys.stdout, *(run.path for run in shown))
        else:
            _print(shown)
            last = f"the newest {limit}; there are more: --limit" if more else how_many(len(shown), "run")
            say(sys.stdout, f"{found.path}: {last}{hint if not shown else ''}")


def _print(runs: Sequence[RunSummary]) -> None:
    from acquire.cli.listing import print_runs

    if runs:
        print_runs(runs)


@archive.command(short_help="Figures of merit of many runs as CSV, XLSX or Markdown.")
def table(
    text: TextArgument = "",
    where: WhereOption = None,
    figure: FigureOption = None,
    to: ToOption = None,
    force: ForceOption = False,
    catalogue: CatalogueOption = None,
) -> None:
    """Write a row for each run, the newest first: sample, status, figures of merit with uncertainty and status."""
    from acquire.archive.tables import figures_asked, table_of

    runs = _all_chosen(_catalogue(catalogue), text, where)
    _write(to, lambda: table_of(runs, figures_asked(runs, figure or ())), force)


@archive.command(short_help="n, mean, deviation, median and best by sample or group.")
def statistics(
    text: TextArgument = "",
    where: WhereOption = None,
    by: Annotated[
        str,
        typer.Option("--by", help="what runs share that count together: fields, between commas", metavar="FIELDS"),
    ] = "sample",
    figure: FigureOption = None,
    to: ToOption = None,
    force: ForceOption = False,
    catalogue: CatalogueOption = None,
) -> None:
    """Take the figures of merit of runs together; a value that physics forbids counts for none."""
    from acquire.archive.statistics import TOGETHER, statistics_of
    from acquire.archive.tables import figures_asked, statistics_table

    fields = [name.strip() for name in by.split(",") if name.strip()]
    if not fields or (wrong := [name for name in fields if name not in TOGETHER]):
        named = ", ".join(wrong) if fields else "nothing"
        raise complain(f"--by: {named} is no field to count by; there are {', '.join(TOGETHER)}", USAGE)
    runs = _all_chosen(_catalogue(catalogue), text, where)
    _write(
        to,
        lambda: statistics_table(statistics_of(runs, fields, figures_asked(runs, figure or ())), fields),
        force,
    )


def _write(to: Path | None, made: Callable[[], Sheet], force: bool) -> None:
    """Write a table, or say it.

    :raises typer.Exit: it cannot be written, or a figure was asked for that there is not.
    """
    from acquire.archive.tables import markdown, write_table
    from acquire.run_file.read import ArchiveError

    try:
        sheet = made()
        if to is not None:
            write_table(sheet, to, force=force)
    except ValueError as error:
        raise complain(error, USAGE) from error
    except ArchiveError as error:
        raise complain(error, FAILED) from error
    with whoever_listens(sys.stdout):
        if to is None:
            say(sys.stdout, *markdown(sheet).splitlines())
        else:
            say(sys.stdout, f"{to}: {how_many(sheet.rows, 'row')}")


@archive.command(short_help="Runs with all points and spectra as Parquet files.")
def export(
    text: TextArgument = "",
    where: WhereOption = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="folder for runs.parquet, jvl/, spectra/", metavar="DIR")
    ] = None,
    jobs: JobsOption = 2,
    scheduler: SchedulerOption = None,
    force: ForceOption = False,
    catalogue: CatalogueOption = None,
) -> None:
    """Write runs as Parquet files (SI), for pandas, Polars, DuckDB and R: a row a run, a point, a spectrum."""
    from acquire.archive.parquet import export_parquet

    if parquet is None:
        raise complain("say where: acquire archive export --parquet DIR", USAGE)
    runs = _all_chosen(_catalogue(catalogue), text, where)
    try:
        done = export_parquet(runs, parquet, _workers(jobs, scheduler), force=force)
    except _refusals() as error:
        raise complain(error, FAILED) from error
    with whoever_listens(sys.stdout):
        counted = f"{how_many(done.points, 'point')}, {how_many(done.spectra, 'spectrum', 'spectra')}"
        say(sys.stdout, f"{parquet}: {how_many(done.runs, 'run')}, {counted}")
    if done.skipped:
        raise complain([f"left out: {path}: {why.removeprefix(f'{path}: ')}" for path, why in done.skipped], FAILED)
