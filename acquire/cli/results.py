"""What was measured: shown, exported, and, at the end of a run, told to whoever takes it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, USAGE, AnalysisOption, JsonOption
from acquire.cli.terminal import (
    Telling,
    complain,
    how_many,
    let_terminal_go,
    say,
    say_in_lines,
    say_json,
    shell_quoted,
    whoever_listens,
    wrapped,
)

if TYPE_CHECKING:
    from acquire.run_file.read import Run
    from acquire.session import RunResult

#: How long a stream may take to accept how a run ended, s; then it is taken for one that takes nothing; and one
#: that took nothing during the run.
LAST_WORDS, STUCK_WORDS = 1.0, 0.1

#: The last word on the output, by :class:`acquire.session.Output`.
OUTPUT_SAID = {
    "off": "the output is off: taken to zero, switched off, asked",
    "never on": "the output was never switched on",
    "not confirmed to be off": "THE OUTPUT MAY STILL BE ON: press OUTPUT on the instrument now",
}

MAY_BE_ON = "MAY STILL BE ON"  # of an output: said whatever stands in the way


def show(
    run_files: Annotated[
        list[str],
        typer.Argument(
            help="run file, several or a folder to compare; with --budget: RUN.h5 [FIGURE]", metavar="RUN.h5 ..."
        ),
    ],
    budget: Annotated[
        bool, typer.Option("--budget", help="where the uncertainty of FIGURE comes from; without one, an overview")
    ] = False,
    analysis: AnalysisOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was measured: conditions, figures of merit, findings; of several runs a table to compare them."""
    from acquire.run_file import reading_apart

    figure = run_files.pop() if budget and len(run_files) > 1 else None
    paths = [path for text in run_files for path in _in_its_place(Path(text))]
    if budget and len(paths) > 1:
        raise complain(f"{paths[1]}: --budget explains one run: acquire show RUN.h5 [FIGURE] --budget", USAGE)
    if len(paths) > 1:
        if is_figure := [text for text in run_files[1:] if not text.endswith(".h5") and not Path(text).exists()]:
            raise complain(f"{is_figure[0]}: is no run file; a figure is only asked for with --budget", USAGE)
        from acquire.cli.comparison import print_comparison

        return print_comparison(list(reading_apart.read_runs(paths, analysis)), as_json)
    return _show_one(paths[0], figure, budget, as_json, analysis)


def _in_its_place(path: Path) -> list[Path]:
    """A run file, or those of a folder, the oldest first; a folder without any stands for itself."""
    from acquire.run_file.read import run_files_in

    try:
        return (run_files_in(path)[::-1] if path.is_dir() else []) or [path]
    except OSError:  # who opens it says why it cannot be read
        return [path]


def _show_one(path: Path, figure: str | None, budget: bool, as_json: bool, analysis: str | None) -> None:
    from acquire.run_file import read as reading
    from acquire.run_file import reading_apart

    try:
        recorded, earlier = reading_apart.read_run_and_earlier(path, analysis)
    except reading.ArchiveError as error:
        raise complain(error, FAILED) from error
    if budget:
        from acquire.cli.budget_table import print_budgets

        print_budgets(recorded, figure, as_json)
        return tell_damage(recorded)
    if as_json:
        print_run(recorded, as_json)
    else:
        from acquire.run_file.conditions import overrides

        print_description(recorded, earlier.text)
        print_run(recorded, as_json, read_above=list(overrides(recorded)))
    tell_damage(recorded)
    return None


def tell_damage(run: Run) -> None:
    """Say what the checksums of a file say against it.

    :raises typer.Exit: it is damaged.
    """
    if run.integrity.damaged:
        raise complain(f"{run.path}: {run.integrity}", FAILED)
    if not run.integrity.verifiable:
        complain(f"{run.path}: {run.integrity}", COMPLETED)


def told(result: RunResult, as_json: bool, *, stuck: bool, beside: Mapping[str, Any] | None = None) -> bool:
    """Say how a run ended, and never wait long for that; false when a stream takes nothing.

    ``stuck``: what the run was shown on takes nothing already; ``beside``: what the run was for, where that is not its
    figures of merit: a part of the JSON object in place of their table.
    """
    error = Telling(partial(_print_error, result))
    if not error.done(STUCK_WORDS if stuck and as_json else LAST_WORDS) and MAY_BE_ON in result.error:
        let_terminal_go(sys.stderr)
        error.done(LAST_WORDS)
    shown = Telling(partial(_print_result, result, as_json, beside))
    heard = error.done(0.0)
    if shown.done(STUCK_WORDS if stuck and not as_json else LAST_WORDS):
        return heard
    if heard:
        Telling(partial(_print_where, result)).done(LAST_WORDS)
    return False


def _print_error(result: RunResult) -> None:
    lines = [f"acquire: {result.error}"] if result.error else []
    lines += [f"acquire: {result.not_shown}"] if result.not_shown else []
    with whoever_listens(sys.stderr):
        say(sys.stderr, *(part for line in lines for part in line.split("\n")))


def _print_where(result: RunResult) -> None:
    """Say where what standard output did not take is to be found."""
    with whoever_listens(sys.stderr):
        say(sys.stderr, "acquire: standard output takes nothing; how the run ended:")
        if result.run is not None:
            say(sys.stderr, f"{_ending(result.run)}; see it with: acquire show {shell_quoted(result.run.path)}")


def _print_result(result: RunResult, as_json: bool, beside: Mapping[str, Any] | None) -> None:
    with whoever_listens(sys.stdout):
        if result.run is not None:
            print_run(result.run, as_json, beside, output=OUTPUT_SAID[result.output])
        elif as_json:
            status = "stopped" if result.interrupted else "failed"
            said = without_a_run(result.error, status, result.unfinished)
            say_json({**said, **_output_key(OUTPUT_SAID[result.output]), **(beside or {})})
        else:
            say(sys.stdout, OUTPUT_SAID[result.output])


def without_a_run(reason: str, status: str, path: Path | None = None) -> dict[str, Any]:
    """The JSON object where there is no finished run to tell of."""
    return {
        "run_id": None,
        "path": None if path is None else str(path),
        "status": status,
        "stop_reason": reason,
        "figures_of_merit": {},
        "findings": [],
    }


def print_run(
    run: Run,
    as_json: bool,
    beside: Mapping[str, Any] | None = None,
    output: str = "",
    read_above: Collection[str] = (),
) -> None:
    """Say what came of a run: figures of merit, notes, how it ended, its file; ``beside`` as :func:`told`.

    ``output`` says whether the output is off, where this was the run just now; ``read_above`` are notes that stand
    above already.
    """
    if as_json:
        say_json({**run.summary(), **_output_key(output), **(beside or {})})
        return
    from acquire.cli import display

    if beside is None:
        _print_figures(run)
    notes = [f"note: {note.text} (at {note.time:.1f} s)" for note in run.notes if note.text not in read_above]
    say_in_lines(sys.stdout, *(display.finding_text(finding) for finding in run.findings), *notes, *_how_far(run))
    say(sys.stdout, _ending(run), *filter(None, [output]), run.path)


def _print_figures(run: Run) -> None:
    """Say the figures of merit; of a run that ended early, in which many were not reached, those that there are."""
    from acquire.cli import display
    from acquire.photometry.customary_units import PAPER

    there = {name: figure for name, figure in run.figures.items() if isfinite(figure.value)}
    of_paper = not PAPER.keys().isdisjoint(there)
    # Of a device that is not to shine a mobility that is missing is told with the reason
    if figures := run.figures if of_paper or run.calibration.layer.stated else there:
        display.SpectatorConsole().print(display.figures_table(figures, f"{run.sample}: figures of merit"))
    if len(run.tables["branches"]["branch"]) > 1:
        display.SpectatorConsole().print(display.branches_table(run.tables["branches"]))
    if of_paper:
        told = run.figures if run.status == "completed" else there
        say_in_lines(sys.stdout, display.figures_line(told, run.sample))


def _how_far(run: Run) -> list[str]:
    from acquire.cli.conditions import how_far

    return list(filter(None, [how_far(run)]))


def _output_key(output: str) -> dict[str, str]:
    return {"output": output.removeprefix("the output ")} if output else {}


def _ending(run: Run) -> str:
    """How a run ended and what there is of it, in a line."""
    reason = f" ({run.stop_reason})" if run.stop_reason else ""
    from acquire.records import of_sweep

    of_curve = int(of_sweep(run.tables["jvl"]["branch"]).sum())
    afterwards = f" and {run.points - of_curve} afterwards" if run.points > of_curve else ""
    spectra = how_many(len(run.spectra), "spectrum", "spectra")
    counted = f"{how_many(of_curve, 'point')}{afterwards}, {spectra}"
    if rows := run.rows.get("lifetime", 0):
        of_curves = f", {how_many(of_curve, 'point')} of curves" if of_curve else ""
        counted = f"{how_many(rows, 'point')} of the lifetime{of_curves}, {spectra}"
    return f"{run.status}{reason}: {counted}"


def print_description(run: Run, earlier: str = "") -> None:
    """Say what a run was: sample, settings, instruments, dark readings, tags, whether its file is as it was written.

    ``earlier``: what its device went through before.
    """
    from acquire.cli.conditions import conditions
    from acquire.cli.plan import page_width

    told = [*conditions(run), *([("earlier stress", earlier)] if earlier else [])]
    for name, value in told:
        first, *rest = wrapped(value, page_width() - _LABEL if sys.stdout.isatty() else None)
        say(sys.stdout, f"{name:>{_LABEL - 2}}  {first}", *(f"{'':{_LABEL}}{line}" for line in rest))


_LABEL = 20  # columns before what is said
