"""The commands that speak to a run from another terminal: who runs what, stop, pause, resume, answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, USAGE, JsonOption
from acquire.cli.terminal import complain, say, say_json, whoever_listens

if TYPE_CHECKING:
    from acquire.safety.running import RunningNow

RunArgument = Annotated[
    str | None,
    typer.Argument(help="run file, run_id or process; not needed where one run goes on", metavar="RUN"),
]

ByOption = Annotated[str | None, typer.Option("--by", help="who asks, for the run file; else your user name")]


def running(as_json: JsonOption = False) -> None:
    """List the runs that go on here: who runs what, how far each is, whether its output is on."""
    from acquire.safety.running import running as runs

    found = runs()
    with whoever_listens(sys.stdout):
        if as_json:
            return say_json({"runs": [_plain(now) for now in found]})
        say(sys.stdout, *([line for now in found for line in _lines(now)] or ["no run goes on"]))
    return None


def stop(
    run: RunArgument = None,
    every: Annotated[bool, typer.Option("--all", help="all runs that go on")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="until it has ended, its file finished")] = False,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop a run from another terminal, and wait until its output is off; its file is finished as after Ctrl-C."""
    stopped = [_stopped(now, _who(by), wait=wait, quiet=as_json) for now in _chosen(run, every=every)]
    if as_json:
        say_json({"runs": [_plain(now) for now in stopped if now is not None]})
    raise typer.Exit(COMPLETED if all(now is not None and now.output == "off" for now in stopped) else FAILED)


def pause(
    run: RunArgument = None,
    longest: Annotated[
        str, typer.Option("--longest", help="end the run if nobody goes on with it within this", metavar="TIME")
    ] = "30 min",
    by: ByOption = None,
) -> None:
    """Pause a run before its next point: output to zero and off, until `acquire resume`; the file marks the gap."""
    from acquire.config.quantities import QuantityError, parse_quantity

    try:
        seconds = parse_quantity(longest, "s", "30 min")
    except QuantityError as error:
        raise complain(f"--longest: {error}; {error.hint}", USAGE) from error
    now = _asked({"kind": "pause", "longest": seconds}, run, by)
    _tell_once_in(now, ("paused",), "it is going to be paused before its next point")


def resume(run: RunArgument = None, by: ByOption = None) -> None:
    """Go on with a run that is paused, at the same step, with the output on again."""
    now = _asked({"kind": "resume"}, run, by)
    _tell_once_in(now, ("opening", "measuring", "ending"), "it is going to go on")


def answer(
    answer: Annotated[str, typer.Argument(help="yes: it is done; no: the batch ends here", metavar="yes|no")],
    run: RunArgument = None,
    by: ByOption = None,
) -> None:
    """Answer what a batch asks, such as whether the next substrate is in."""
    (now,) = _chosen(run)
    if not now.question:
        raise complain(f"{now} asks nothing now", FAILED)
    say(sys.stderr, now.question)
    _asked({"kind": "answer", "question": now.question_id, "answer": answer}, now.name, by)


def _who(by: str | None) -> str:
    from acquire.safety.lock import ourselves

    return by or ourselves("").user


@contextmanager
def _complaining() -> Iterator[None]:
    """What is not heard inside is said, and ends the command."""
    from acquire.safety.running import NotHeard, NotRunning

    try:
        yield
    except NotHeard as problem:
        raise complain(problem, USAGE if isinstance(problem, NotRunning) else FAILED) from problem


def _chosen(run: str | None, *, every: bool = False) -> list[RunningNow]:
    """The runs that are meant.

    :raises typer.Exit: none goes on, or it is not said which.
    """
    from acquire.safety.running import named
    from acquire.safety.running import running as runs

    found = runs()
    if run is not None and every:
        raise complain("either a run, or --all", USAGE)
    with _complaining():
        if run is not None:
            return [named(run, found)]
    if not found:
        raise complain("no run goes on", USAGE)
    if len(found) > 1 and not every:
        lines = [line for now in found for line in _lines(now)]
        raise complain(["several runs go on; say which, by its process for example:", *lines], USAGE)
    return found


#: So long a pause, or its end, is waited for, s: a spectrum under way is finished first.
LONGEST_WAIT = 15.0


def _tell_once_in(run: RunningNow, phases: tuple[str, ...], not_yet: str) -> None:
    """Say that a run has come to one of these phases, or that it is not there yet."""
    from acquire.safety.running import once_in

    now = once_in(run, phases, LONGEST_WAIT)
    there = now.phase in phases or now.phase == "ended"
    say(sys.stdout, f"  {now.phase}: output {_output(now)}" if there else f"  {now.doing}: {not_yet}")


def _asked(request: dict[str, Any], run: str | None, by: str | None) -> RunningNow:
    """The run that was asked, which is going to do it.

    :raises typer.Exit: it is not, or it is not said which run is meant.
    """
    from acquire.safety.running import post

    (now,) = _chosen(run)
    with _complaining():
        answer = post(now, request, _who(by))
    if not answer.done:
        raise complain(f"{now}: {answer.text}", FAILED)
    say(sys.stdout, f"{now}: {answer.text}")
    return now


def _stopped(run: RunningNow, by: str, *, wait: bool, quiet: bool) -> RunningNow | None:
    """Stop a run and say what comes of it; how it stands with its output off, None where that is not known."""
    from acquire.safety.running import NotHeard, stopping

    say(sys.stderr, f"stopping {run}")
    last = None
    try:
        for last in stopping(run, by, until_off=not wait):
            say(sys.stderr, *([f"  {last.doing}; output {_output(last)}"] if last.phase != "ended" else []))
    except NotHeard as problem:
        say(sys.stderr, problem)
        return None
    with whoever_listens(sys.stdout):
        if last is not None and not quiet:
            there = "ended; " if last.phase == "ended" or not last.lives else ""
            later = "" if there else "; its file is being finished"
            say(sys.stdout, f"{last.path or run}: {there}{_how_left(last)}{later}")
    return last


def _how_left(last: RunningNow) -> str:
    """What is known of the output of a run that has ended."""
    from acquire.safety.lock import clock_time

    if last.output == "off":
        return f"output off{', asked at ' + clock_time(last.asked) if last.asked else '; it was never switched on'}"
    return "THE OUTPUT MAY STILL BE ON: it ended without a word of it; look at the instrument, or: acquire off"


def _output(now: RunningNow) -> str:
    return f"{now.output}, asked" if now.output == "off" and now.asked else now.output


def _lines(now: RunningNow) -> Iterator[str]:
    """A run in a few lines."""
    yield str(now)
    far = f"{now.points} of {now.most_points} points" if now.most_points else now.doing
    left = f", about {now.left:.0f} s left" if isfinite(now.left) and now.phase == "measuring" else ""
    whose = "" if now.ours else "; another user's: you may not speak to it"
    yield f"  {now.phase}: {far}{left}; output {_output(now)}{whose}"
    if now.question:
        yield f"  it asks: {now.question} (acquire answer yes)"


def _plain(now: RunningNow) -> dict[str, Any]:
    """A run as JSON has it."""
    from dataclasses import asdict

    plain = {key: value for key, value in asdict(now).items() if key not in ("folder", "lives")}
    return {**plain, "left": now.left if isfinite(now.left) else None}
