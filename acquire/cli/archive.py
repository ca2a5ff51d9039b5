"""``acquire archive``: many run files, found, tabulated and worked on by way of a catalogue of their summaries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.archive_runs import (
    CatalogueOption,
    FigureOption,
    ForceOption,
    JobsOption,
    SchedulerOption,
    TextArgument,
    ToOption,
    WhereOption,
    all_chosen,
    catalogue_at,
    chosen,
    hint_where_nothing,
    refusals,
    workers_of,
)
from acquire.cli.arguments import (
    COMPLETED,
    FAILED,
    INTERRUPTED,
    USAGE,
    JsonOption,
    OtherAreaOption,
    OtherCalibrationOption,
    OtherResponsivityOption,
)
from acquire.cli.terminal import complain, how_many, say, say_json, whoever_listens

if TYPE_CHECKING:
    from acquire.archive.catalogue import Catalogue, Indexed
    from acquire.archive.recomputing import Outcome
    from acquire.run_file.export.sheets import Sheet
    from acquire.run_file.summary import RunSummary

archive = typer.Typer(
    name="archive",
    help="Find runs among very many by a catalogue of their summaries; tables, statistics and exports of them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_SHOWN = 50  # runs on a screen, unless --limit says otherwise


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
    found = catalogue_at(catalogue)
    try:
        named = folders or found.folders()
        if not named:
            raise complain("name a folder of run files: acquire archive index FOLDER", USAGE)
        if forget:
            for folder in named:
                found.forget(folder)
            raise typer.Exit(COMPLETED)
        done = found.index(named, workers_of(jobs, scheduler), None if as_json else _tell)
        total = found.count()
    except refusals() as error:
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

    found = catalogue_at(catalogue)
    try:
        runs = list(islice(chosen(found, text, where), limit + 1))
        hint = hint_where_nothing(found)
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

    runs = all_chosen(catalogue_at(catalogue), text, where)
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
    runs = all_chosen(catalogue_at(catalogue), text, where)
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

    with _complaining():
        sheet = made()
        if to is not None:
            write_table(sheet, to, force=force)
    with whoever_listens(sys.stdout):
        if to is None:
            say(sys.stdout, *markdown(sheet).splitlines())
        else:
            say(sys.stdout, f"{to}: {how_many(sheet.rows, 'row')}")


@contextmanager
def _complaining() -> Iterator[None]:
    """:raises typer.Exit: a table cannot be written, or a figure was asked for that there is not."""
    from acquire.run_file.read import ArchiveError

    try:
        yield
    except ValueError as error:
        raise complain(error, USAGE) from error
    except ArchiveError as error:
        raise complain(error, FAILED) from error


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
    runs = all_chosen(catalogue_at(catalogue), text, where)
    try:
        done = export_parquet(runs, parquet, workers_of(jobs, scheduler), force=force)
    except refusals() as error:
        raise complain(error, FAILED) from error
    with whoever_listens(sys.stdout):
        counted = f"{how_many(done.points, 'point')}, {how_many(done.spectra, 'spectrum', 'spectra')}"
        say(sys.stdout, f"{parquet}: {how_many(done.runs, 'run')}, {counted}")
    if done.skipped:
        raise complain([f"left out: {path}: {why.removeprefix(f'{path}: ')}" for path, why in done.skipped], FAILED)


@archive.command(short_help="Compute the results of many runs anew, as analyses.")
def recompute(
    text: TextArgument = "",
    where: WhereOption = None,
    everything: Annotated[bool, typer.Option("--all", help="every run of the catalogue")] = False,
    calibration: OtherCalibrationOption = None,
    area: OtherAreaOption = "",
    responsivity: OtherResponsivityOption = None,
    name: Annotated[
        str, typer.Option("--name", help="what the new analyses are called; who has one is passed over", metavar="NAME")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="why; it stands in the files", metavar="TEXT")] = "",
    to: Annotated[
        Path | None,
        typer.Option("--to", help="a table of the results instead (.csv, .xlsx, .md): no run file is changed"),
    ] = None,
    force: ForceOption = False,
    user: Annotated[str, typer.Option("--user", help="who does it", metavar="NAME")] = "",
    jobs: JobsOption = 2,
    scheduler: SchedulerOption = None,
    catalogue: CatalogueOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the results of the chosen runs anew from their raw readings; nothing that is there changes.

    Without anything to be different, the numbers are computed again and compared with those in the files. With --to, a
    table of the new results is written, and the files stay as they are: to see first what would come of it.
    """
    from acquire.archive.recomputing import recompute_all
    from acquire.archive.tables import figures_asked, refuse_table, table_of, write_table
    from acquire.config import ConfigurationError
    from acquire.recompute.changes import read_changes
    from acquire.recompute.recompute import Wanted, objections

    if not (text or where or everything):
        raise complain("say which runs: a text, --where, or --all", USAGE)
    try:
        wanted = Wanted(
            read_changes(area, calibration, responsivity), name=name.strip(), reason=reason.strip(), user=user.strip()
        )
    except ConfigurationError as error:
        raise complain(error, USAGE) from error
    if wrong := objections(wanted):
        raise complain(wrong, USAGE)
    if to is not None:
        with _complaining():
            refuse_table(to, force=force)
    # Folder by folder, as they lie on the disk
    paths = sorted(run.path for run in all_chosen(catalogue_at(catalogue), text, where) if run.finished)
    try:
        done = recompute_all(paths, wanted, workers_of(jobs, scheduler), into_files=to is None)
    except refusals() as error:
        raise complain(error, FAILED) from error
    refused = [one for one in done if one.refused]
    if to is not None:
        runs = [one.summary for one in done if one.summary is not None]
        with _complaining():
            write_table(table_of(runs, figures_asked(runs)), to, force=force)
    with whoever_listens(sys.stdout):
        if as_json:
            say_json({"runs": [_plain_outcome(one) for one in done]})
        else:
            compared = [one for one in done if one.identical is not None]
            added, there = sum(bool(one.added) for one in done), sum(one.there for one in done)
            same = sum(one.identical is True for one in compared)
            outcome = f"{added} got an analysis, {there} had it already, {len(refused)} refused"
            if to is not None:
                outcome = f"{len(done) - len(refused)} in {to}, no file was changed, {len(refused)} refused"
            say(sys.stdout, f"{how_many(len(done), 'run')}: {outcome}")
            if compared:
                say(sys.stdout, f"of {len(compared)} that were compared {same} are the same to the last bit")
    if refused:
        raise complain([one.refused for one in refused], FAILED)


def _plain_outcome(one: Outcome) -> dict[str, Any]:
    """What came of a file, as a JSON object."""
    told = {field.name: getattr(one, field.name) for field in fields(one) if field.name != "summary"}
    return {**told, "path": str(one.path)} | ({"summary": one.summary.plain()} if one.summary else {})
