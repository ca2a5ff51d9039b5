"""What was measured: shown, exported, and, at the end of a run, told to whoever takes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, USAGE, JsonOption, RunArgument
from acquire.cli.terminal import Telling, _quoted, _whoever_listens, complain, let_terminal_go, say, say_json

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
    run_file: RunArgument,
    figure: Annotated[
        str | None, typer.Argument(help="with --budget: the figure of merit to explain", metavar="FIGURE")
    ] = None,
    budget: Annotated[
        bool, typer.Option("--budget", help="where the uncertainty of FIGURE comes from; without one, an overview")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what was measured and the figures of merit."""
    if figure is not None and not budget:
        raise complain(f"{figure}: is only asked for with --budget", USAGE)
    from acquire.run_file import read as reading
    from acquire.run_file import reading_apart

    try:
        recorded = reading_apart.read_run(run_file)
    except reading.ArchiveError as error:
        raise complain(error, FAILED) from error
    if budget:
        from acquire.cli.budget_table import print_budgets

        print_budgets(recorded, figure, as_json)
        return tell_damage(recorded)
    if not as_json:
        print_description(recorded)
    print_run(recorded, as_json)
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
    with _whoever_listens(sys.stderr):
        say(sys.stderr, *(part for line in lines for part in line.split("\n")))


def _print_where(result: RunResult) -> None:
    """Say where what standard output did not take is to be found."""
    with _whoever_listens(sys.stderr):
        say(sys.stderr, "acquire: standard output takes nothing; how the run ended:")
        if result.run is not None:
            say(sys.stderr, f"{_ending(result.run)}; see it with: acquire show {_quoted(result.run.path)}")


def _print_result(result: RunResult, as_json: bool, beside: Mapping[str, Any] | None) -> None:
    with _whoever_listens(sys.stdout):
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


def print_run(run: Run, as_json: bool, beside: Mapping[str, Any] | None = None, output: str = "") -> None:
    """Say what came of a run: figures of merit, notes, how it ended, its file; ``beside`` as :func:`told`.

    ``output`` says whether the output is off, where this was the run just now.
    """
    if as_json:
        say_json({**run.summary(), **_output_key(output), **(beside or {})})
        return
    from acquire.cli import display

    if run.figures and beside is None:
        table = display.figures_table(run.figures, f"{run.sample}: figures of merit")
        display.SpectatorConsole().print(table)
        say(sys.stdout, display.figures_line(run.figures, run.sample))
    say(sys.stdout, *(display.finding_text(finding) for finding in run.findings))
    say(sys.stdout, *(f"note: {note.text} (at {note.time:.1f} s)" for note in run.notes))
    say(sys.stdout, _ending(run), *filter(None, [output]), run.path)


def _output_key(output: str) -> dict[str, str]:
    return {"output": output.removeprefix("the output ")} if output else {}


def _ending(run: Run) -> str:
    """How a run ended and what there is of it, in a line."""
    reason = f" ({run.stop_reason})" if run.stop_reason else ""
    return f"{run.status}{reason}: {run.points} points, {len(run.spectra)} spectra"


def print_description(run: Run) -> None:
    """Say what a run was: title, sample, times, instruments, dark readings, whether its file is as it was written."""
    from acquire.cli import display

    unit = run.calibration.conditions.meter_unit
    lines = [
        ("title", run.title),
        ("sample", run.sample),
        ("started", run.start_time),
        ("ended", run.end_time or "not finished: the run is going on, or was cut off (then: acquire recover)"),
        *run.instruments.items(),
        *((f"dark {when}", display.dark_text(level, unit)) for when, level in run.dark_levels.items()),
        *_photodiode(run),
        ("checksums", str(run.integrity)),
    ]
    say(sys.stdout, *(f"{name:>18}  {value}" for name, value in lines))


def _photodiode(run: Run) -> Iterator[tuple[str, str]]:
    """What turned the photodiode's signal into light."""
    from acquire.cli.display import mismatch_text

    photodiode = run.calibration.photodiode
    if photodiode is None:
        yield "photodiode", "no calibration"
        return
    yield "photodiode", f"{photodiode.identification}: {photodiode.method}"
    factors = run.mismatch_factors
    if factors.size:
        ends = mismatch_text(float(factors.min())), mismatch_text(float(factors.max()))
        yield "mismatch factor", " to ".join(dict.fromkeys(ends))
