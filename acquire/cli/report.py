"""The command ``acquire report``: a page, pictures and tables of one run, of several beside each other, of a batch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, USAGE, AnalysisOption, JsonOption
from acquire.cli.run_files import run_files_named
from acquire.cli.terminal import complain, how_many, say, say_json, whoever_listens

if TYPE_CHECKING:
    from acquire.config.answers import AnswersFile
    from acquire.report.assembled import Report
    from acquire.report.batch import Statistics
    from acquire.run_file.documented import DocumentedRun

FORMATS = ("png", "svg", "pdf")
ANSWERS = "answers.yaml"
EXTRA = ("jinja2", "matplotlib")


def report(
    run_files: Annotated[list[Path], typer.Argument(help="run files, or folders of them", metavar="RUN.h5 ...")],
    to: Annotated[
        Path | None, typer.Option("--to", help="folder; default: one beside the first run file", metavar="DIR")
    ] = None,
    formats: Annotated[
        str, typer.Option("--formats", help="pictures as files of their own: png, svg, pdf, or none")
    ] = "png",
    published: Annotated[
        Path | None,
        typer.Option("--published", help="published values to stand beside those measured", metavar="FILE.yaml"),
    ] = None,
    shown: Annotated[
        str, typer.Option("--shown", help="the device that stands for a batch: median, best, or its name")
    ] = "median",
    checklist: Annotated[
        bool, typer.Option("--checklist", help="what a careful paper states, filled from the files")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="with the checklist: ask what no file knows, once per bench and substrate")
    ] = False,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", help=f"file of the answers; default: {ANSWERS} beside the first run file"),
    ] = None,
    style: Annotated[
        Path | None, typer.Option("--style", help="style sheet of matplotlib in place of ours", metavar="FILE.mplstyle")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace files that are no report's")] = False,
    analysis: AnalysisOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pictures, tables and one page (HTML) of run files; several are compared, a batch is counted."""
    from acquire.config import ConfigurationError
    from acquire.config.loading import load_published

    wanted = _formats(formats)
    _need_extra()
    try:
        beside = load_published(published) if published else None
    except ConfigurationError as error:
        raise complain(error, USAGE) from error
    runs, wrong = _read(run_files, analysis)
    if not runs:
        raise complain("no run file was read: nothing to report", FAILED)
    known, answers_path = None, answers or runs[0].run.path.parent / ANSWERS
    if checklist or ask:
        known = _answers(answers_path)
        if ask:
            from acquire.cli.asking import ask_what_is_missing

            known = ask_what_is_missing(runs, known, answers_path)
    made = _assembled(runs, beside, shown, known, str(answers_path))
    written = _written(made, wanted, to, style, force=force)
    _tell(made, written, as_json)
    raise typer.Exit(FAILED if wrong or any(one.run.integrity.damaged for one in runs) else COMPLETED)


def _need_extra() -> None:
    """:raises typer.Exit: what a report is made with is not installed."""
    from importlib.util import find_spec

    if missing := [name for name in EXTRA if find_spec(name) is None]:
        hint = 'pip install "jvl-bench[report]"'
        raise complain(f'a report needs {" and ".join(missing)}, the extra "report": {hint}', FAILED)


def report_after_run(path: Path, as_json: bool) -> None:
    """The page of a run that has just ended, beside its file; whatever goes wrong is said and changes nothing else.

    Its path goes to standard output, with ``as_json`` to standard error. The file was read back when it was finished,
    so no other process reads it.
    """
    from acquire.run_file.documented import read_documented

    try:
        _need_extra()
        made = _assembled((read_documented(path),), None, "median", None, "")
        written = _written(made, (), None, None, force=False)
    except typer.Exit:  # why is said already
        return
    except Exception as error:
        complain(f"acquire: the report was not made: {type(error).__name__}: {error}", FAILED)
        return
    with whoever_listens(sys.stdout):
        say(sys.stderr if as_json else sys.stdout, written[-1])


def _formats(text: str) -> tuple[str, ...]:
    """The formats that are asked for.

    :raises typer.Exit: one of them is not known.
    """
    wanted = tuple(dict.fromkeys(one.strip().lower() for one in text.split(",") if one.strip()))
    if wanted == ("none",):
        return ()
    if wrong := [one for one in wanted if one not in FORMATS]:
        raise complain(f"--formats: '{wrong[0]}' is not one of {', '.join(FORMATS)}; write them like png,pdf", USAGE)
    return wanted


def _read(paths: Sequence[Path], analysis: str | None) -> tuple[tuple[DocumentedRun, ...], bool]:
    """The runs of files and folders, each once, and whether something could not be read; that is said."""
    from acquire.run_file.reading_apart import read_documented

    files, absent = run_files_named(paths)
    for line in absent:
        complain(line, FAILED)
    wrong = bool(absent)
    runs: list[DocumentedRun] = []
    for path, found in read_documented(files, analysis):
        if isinstance(found, Exception):
            complain(found, FAILED)
            wrong = True
            continue
        if found.run.integrity.damaged:
            complain(f"{path}: {found.run.integrity}", FAILED)
            wrong = True
        if all(found.run.run_id != one.run.run_id for one in runs):
            runs.append(found)
    return tuple(runs), wrong


def _answers(path: Path) -> AnswersFile:
    """What was answered so far.

    :raises typer.Exit: the file is wrong.
    """
    from acquire.config import ConfigurationError
    from acquire.config.answers import AnswersFile
    from acquire.config.loading import load_answers

    if not path.exists():
        return AnswersFile(kind="answers")
    try:
        return load_answers(path)
    except ConfigurationError as error:
        raise complain(error, USAGE) from error


def _assembled(runs: tuple[DocumentedRun, ...], beside: Any, shown: str, known: Any, answers_path: str) -> Report:
    from acquire.report.assembled import UnknownDevice, assembled

    try:
        return assembled(runs, beside, shown, known, answers_path)
    except UnknownDevice as error:
        raise complain(f"--shown: {error}", USAGE) from error


def _written(
    made: Report, formats: tuple[str, ...], to: Path | None, style_sheet: Path | None, *, force: bool
) -> list[Path]:
    """Draw and write a report.

    :raises typer.Exit: it cannot be drawn or written.
    """
    from acquire.report.assembled import illustrated
    from acquire.report.written import ReportError, folder_of, write

    try:
        from acquire.report.style import PictureError, read_style

        style = read_style(style_sheet) if style_sheet else None
        on_page = dict.fromkeys(("svg", *formats))
        drawn = replace(made, illustrations=illustrated(made, tuple(on_page), style))
        return write(drawn, to or folder_of(made.runs), formats, force=force)
    except (PictureError, ReportError) as error:
        raise complain(error, FAILED) from error


def _tell(made: Report, written: Sequence[Path], as_json: bool) -> None:
    """Say what was written, the page last; of a batch how many, and of the checklist what is missing."""
    if as_json:
        say_json(_plain(made, written))
        return
    for note in made.table.notes[1:]:
        say(sys.stdout, note)
    for line in _batch_lines(made):
        say(sys.stdout, line)
    if made.entries:
        from acquire.report.checklist import counted

        counts = ", ".join(f"{number} {word}" for word, number in counted(made.entries).items() if number)
        say(sys.stdout, f"checklist: {counts}; --ask asks for what no file knows, answers in {made.answers_path}")
    say(sys.stdout, *written)


def _batch_lines(made: Report) -> Sequence[str]:
    """A batch in a few lines."""
    from acquire.photometry.customary_units import PAPER
    from acquire.report.batch import State

    lines = []
    batch = made.batch
    for group in batch.groups if batch.is_one else ():
        alive, dead = batch.of(State.ALIVE, group), batch.of(State.DEAD, group)
        why = f" ({'; '.join(f'{one.label}: {one.reason}' for one in dead)})" if dead else ""
        lines.append(f"{group}: {how_many(len(alive) + len(dead), 'device')}, {len(dead)} dead{why}")
        lines += [f"  {one.label}: not judged, {one.reason}" for one in batch.of(State.NOT_JUDGED, group)]
        lines += [f"  {PAPER[row.figure]:>8}  {_statistics_text(row)}" for row in batch.statistics(group)]
    if made.shown is not None:
        lines.append(f"shown: {made.shown.label}, {batch.rank(made.shown)}")
    return lines


def _statistics_text(row: Statistics) -> str:
    """The statistics of a figure in a line; one device alone has a value, and no spread."""
    from acquire.report.batch import statistic_text

    if row.n == 1:
        return f"{statistic_text(row.figure, row.median)}, {row.best} (n = 1)"
    return (
        f"median {statistic_text(row.figure, row.median)}, mean {statistic_text(row.figure, row.mean)}, "
        f"standard deviation {statistic_text(row.figure, row.deviation, 2)}, best {row.best} (n = {row.n})"
    )


def _plain(made: Report, written: Sequence[Path]) -> dict[str, Any]:
    """The report as a JSON object: where it is, and statistics in SI units."""
    from dataclasses import asdict
    from math import isfinite

    from acquire.report.batch import State
    from acquire.report.checklist import counted

    batch = made.batch
    return {
        "page": str(written[-1]),
        "written": [str(path) for path in written],
        "run_ids": [one.run.run_id for one in made.runs],
        "groups": {
            group: {
                "alive": [one.label for one in batch.of(State.ALIVE, group)],
                "dead": {one.label: one.reason for one in batch.of(State.DEAD, group)},
                "not_judged": {one.label: one.reason for one in batch.of(State.NOT_JUDGED, group)},
                "statistics": {
                    one.figure: {
                        name: value if not isinstance(value, float) or isfinite(value) else None
                        for name, value in asdict(one).items()
                        if name != "figure"
                    }
                    for one in batch.statistics(group)
                },
            }
            for group in batch.groups
        },
        "shown": made.shown.label if made.shown else None,
        "checklist": counted(made.entries) if made.entries else None,
    }
