"""The command that sets levels by hand, for alignment and focus: a run whose next step comes from a person."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING

import typer

from acquire.cli import results
from acquire.cli.arguments import (
    COMPLETED,
    FAILED,
    INTERRUPTED,
    USAGE,
    AreaOption,
    BatchOption,
    BenchOption,
    JsonOption,
    NoteOption,
    OutputOption,
    PixelOption,
    RemoteOption,
    SampleOption,
    SweepArgument,
    UserOption,
)
from acquire.cli.terminal import complain, leave, say_json, waiting

if TYPE_CHECKING:
    from rich.console import Console

    from acquire.bench.preparation import PreparedRun
    from acquire.bench.site import Site
    from acquire.cli.live.large import Large
    from acquire.cli.live.lines import Lines
    from acquire.safety.interruption import StopRequest
    from acquire.safety.mailbox import Answer, Mailbox, Request
    from acquire.session import RunResult
    from acquire.sinks import Spectator
    from acquire.sweep.by_hand import Command, Reach

#: What the request for a level may be.
_LEVELS = ("SET", "MOVE", "STEP")


def live(
    sweep: SweepArgument,
    bench: BenchOption = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
    sample: SampleOption = None,
    pixel: PixelOption = None,
    area: AreaOption = None,
    batch: BatchOption = None,
    user: UserOption = None,
    note: NoteOption = None,
    remote: RemoteOption = "",
) -> None:
    """Set levels by hand within a sweep's limits and watch V, I, L; recorded as a run. Typed, or piped line by line.

    A level such as '3.2 V', + and - by a step, 'step 50 mV', spectrum, 'wait 5 s', off, quit. Ctrl-C ends it at once.
    """
    from acquire import session
    from acquire.cli.again import said
    from acquire.cli.display import SpectatorConsole
    from acquire.config import ConfigurationError
    from acquire.safety.interruption import StopRequest

    given = {"--sample": sample, "--pixel": pixel, "--note": note, "--area": area, "--user": user, "--batch": batch}
    try:
        prepared = session.prepare(sweep, bench, said(given, False, sweep, bench, output))
        folder = session.run_folder(prepared, output)
    except ConfigurationError as error:
        if as_json:
            say_json(results.without_a_run(str(error), "failed"))
        raise complain(error, USAGE) from error
    commands = Commands()
    prepared = commands.prepared(prepared)
    with StopRequest(remote).listening() as stop:
        commands.taken_from(stop.mailbox)
        with commands.shown(SpectatorConsole(stderr=as_json), prepared, stop) as spectator:
            result = session.run(prepared, folder, spectator, stop, in_real_time(prepared), waiting=waiting())
        told = results.told(result, as_json, stuck=spectator.stuck)
    status = _status(result)
    if not told:
        leave(status)
    raise typer.Exit(status)


def _status(result: RunResult) -> int:
    return INTERRUPTED if result.interrupted else FAILED if result.failed else COMPLETED


class Commands:
    """What was typed and is not carried out yet. Lines come from one thread, and are taken in that of the run."""

    def __init__(self) -> None:
        from queue import Queue

        self._waiting: Queue[Command] = Queue(maxsize=1000)  # who pipes more has to wait
        self._reach: Reach | None = None
        self._drawing: Large | Lines | None = None

    def prepared(self, prepared: PreparedRun) -> PreparedRun:
        """The run by hand within a prepared sweep, which takes what is typed here.

        :raises typer.Exit: the sweep has no level that could be set by hand.
        """
        from acquire.sweep.by_hand import ByHand, by_hand

        if prepared.plan.pulse is not None:
            raise complain(f"{prepared.loaded.sweep_path}: levels that are pulsed are not set by hand", USAGE)
        plan = by_hand(prepared.plan, self.take)
        assert isinstance(plan.course, ByHand)
        self._reach = plan.course.reach
        return replace(prepared, plan=plan)

    def take(self) -> Command | None:
        """The next command; None where there is none at the moment."""
        from queue import Empty

        try:
            return self._waiting.get_nowait()
        except Empty:
            return None

    def line(self, text: str) -> None:
        """Take a line; one that is no command, or goes too far, is refused and said."""
        from acquire.sweep.by_hand import UnknownCommand, command_of

        assert self._reach is not None
        try:
            command = command_of(text, self._reach)
        except UnknownCommand as error:
            self._say(f"not done: {error}" + (f"; {error.hint}" if error.hint else ""))
            return
        if command is not None:
            self._waiting.put(command)

    def taken_from(self, mailbox: Mailbox) -> None:
        """Take commands from outside as well: ``level`` (field ``level``, like '3.2 V'), off, spectrum, end."""
        for kind, line in {"level": "", "off": "off", "spectrum": "spectrum", "end": "quit"}.items():
            mailbox.takes(kind, partial(self._asked, line))

    def _asked(self, line: str, request: Request) -> Answer:
        """A command from outside, in the thread of the mailbox."""
        from queue import Full

        from acquire.safety.mailbox import Answer
        from acquire.sweep.by_hand import UnknownCommand, command_of

        assert self._reach is not None
        text = line or request.text("level")
        try:
            command = command_of(text, self._reach)
            if command is None or (not line and command.doing.name not in _LEVELS):
                return Answer(False, "not done: name a level, like '3.2 V', or + or -")
            self._waiting.put_nowait(command)
        except UnknownCommand as error:
            return Answer(False, f"not done: {error}" + (f"; {error.hint}" if error.hint else ""))
        except Full:
            return Answer(False, "not done: so many commands wait already")
        self._say(f"{text}, says {request.by}")
        return Answer(True, text)

    def ended(self) -> None:
        """Nothing more is typed: the run ends once what was typed is done."""
        from acquire.sweep.by_hand import Command, Doing

        self._waiting.put(Command(Doing.QUIT))

    def _say(self, text: str) -> None:
        if self._drawing is not None:
            self._drawing.say(text)

    @contextmanager
    def shown(self, console: Console, prepared: PreparedRun, stop: StopRequest) -> Iterator[Spectator]:
        """A spectator that shows the run, while lines are taken from standard input."""
        from acquire.cli.live.account import Account
        from acquire.cli.live.keyboard import Typing, listening
        from acquire.cli.live.large import Large
        from acquire.cli.live.lines import Lines
        from acquire.cli.live.outlook import outlook_of
        from acquire.cli.live.screen import PERIOD
        from acquire.sinks import Spectator

        typing = Typing(self.line, self.ended)
        keyboard = nullcontext() if stop.mailbox.started_for else listening(sys.stdin, typing, self.line, self.ended)
        account = Account(outlook_of(prepared, datetime.now().astimezone().date()), monotonic)
        if console.is_terminal and not console.is_dumb_terminal:
            drawing: Large | Lines = Large(console, account, lambda: typing.text, stop, self.help)
        else:
            drawing = Lines(console, account, stop)
        self._drawing = drawing
        spectator = Spectator(drawing, drawing.finish, tick=drawing.tick, period=PERIOD)
        try:
            with keyboard:
                yield spectator
        finally:
            spectator.close()

    @property
    def help(self) -> str:
        """What may be typed, in one line."""
        assert self._reach is not None
        unit, step = self._reach.unit, f"{self._reach.step:g}"
        span = f"{self._reach.lowest:g} {unit} to {self._reach.highest:g} {unit}"
        spectrum = ", spectrum" if self._reach.spectra else ""
        return f"type a level ({span}), + or - ({step} {unit}), step ...{spectrum}, wait 5 s, off, quit; Ctrl-C ends it"


def in_real_time(prepared: PreparedRun) -> Site | None:
    """The site of a simulated bench on which waiting takes its time, for who types meanwhile; None on a real bench."""
    if not prepared.loaded.bench.simulated:
        return None
    from acquire.bench.simulated import simulated_bench
    from acquire.bench.site import Site

    simulated = simulated_bench(prepared.loaded)

    def wait(seconds: float) -> None:
        sleep(seconds)
        simulated.clock.advance(seconds)

    return Site(simulated.library, simulated.clock.now, wait)
