"""A small process beside a run that switches the output off when the run is killed or stopped.

The run starts it (:func:`guarded`), waits until it is ready, and tells it through a pipe what it is doing, at which
level, and by when it will say the next word. The system closes the pipe when the run ends, however it ends; a run that
was stopped says nothing. In both cases the guardian, :mod:`acquire.safety.guardian_process`, makes the source safe by
itself.

It answers what it hears. A run whose guardian has ended, was stopped or fell silent starts another one, which finds in
its pipe what the run has said since; without one the run ends in order.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, Self

from acquire.safety.off_first import PATIENCE, SourceAddress
from drivers.errors import InstrumentError
from drivers.specification import SerialLine

COMMAND = (sys.executable, "-m", "acquire.safety.guardian_process")
READY_PATIENCE = 30.0  # s; half a second is usual, a first start after an installation may take many
SUCCESSOR_PATIENCE = 10.0  # s until another guardian is ready
SILENCE = 3.0  # s beyond the time when a word was due
LONGEST_GOODBYE = 5.0  # s from the end of the run's pipe to that of the guardian, when nothing is to be done
LONGEST_ATTEMPT = 10.0  # s beyond its patience; then an attempt of the guardian to switch off is left behind
UNDER_WAY = 3000  # bytes in the pipe that were not acknowledged; one of Windows holds 4096, and must never be full

_USUAL = 10.0  # s until the next word, where a word does not tell

READY, OFF, FAILED = b"ready", b"off", b"failed"


class NotGuarded(InstrumentError):
    """There is no guardian, so that nothing is or stays switched on."""


@dataclass(frozen=True)
class Order:
    """What the guardian must know to make a source safe without the run: its address, and how to speak with it.

    ``run`` is the absolute path of the run file; ``process`` the number of the run's process, which started the
    guardian, and which the guardian ends when it was stopped; 0 for none.
    """

    run: str
    source: SourceAddress
    process: int = 0
    patience: float = PATIENCE  # s of trying to switch off
    silence: float = SILENCE  # s

    def as_line(self) -> bytes:
        """The order as it goes through the pipe: JSON in one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Order:
        """The order from its line.

        :raises ValueError: it is none.
        """
        try:
            content = json.loads(line)
            where = content.pop("source")
            line_settings = SerialLine(**where.pop("serial"))
            return cls(source=SourceAddress(serial=line_settings, **where), **content)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


class Beat(NamedTuple):
    """A word from a run whose output is on.

    ``within``: s until the next one. ``source``: VOLT or CURR. ``level``: the last one (V or A), NaN while the source
    runs a list by itself. ``lowest``: a level that the source has at least; a ramp from there never goes up. NaN where
    that is not known.
    """

    within: float
    source: str
    level: float
    lowest: float
    doing: str

    def as_line(self) -> bytes:
        """The word as it goes through the pipe."""
        within, source, level, lowest, doing = self
        # Bytes are formatted in a quarter of the time of a text that is encoded then
        return b"beat %.3f %b %.7g %.7g %b\n" % (within, source.encode(), level, lowest, doing.encode())

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """The word from its line, without the line's end; one that makes no sense tells that no level is known."""
        try:
            _, within, source, level, lowest, doing = line.decode().split(" ", 5)
            beat = cls(float(within), source, float(level), float(lowest), doing)
            if beat.source in ("VOLT", "CURR") and 0.0 <= beat.within < math.inf:
                return beat
        except ValueError:
            pass
        return cls(_USUAL, "", math.nan, math.nan, f"something that makes no sense: {line[:80]!r}")

    def __str__(self) -> str:
        unit = {"VOLT": "V", "CURR": "A"}.get(self.source, "")
        level = f"level {self.level:g} {unit}" if math.isfinite(self.level) else "level not known"
        return f"{self.doing}, {level}"


# --- in the run ---------------------------------------------------------------------------------------------


class Guard(Protocol):
    """What a bench tells of its output."""

    def output_goes_on(self, source: str, within: float) -> None:
        """From now on the output may be on, at level zero.

        :raises NotGuarded: no guardian is there.
        """

    def beat(self, doing: str, source: str, level: float, within: float) -> None:
        """``level`` (V or A; NaN: not known) is sent next; the next word comes ``within`` s.

        :raises NotGuarded: there is no guardian any more; raised once, so that switching off is not disturbed.
        """

    def still(self) -> None:
        """The same is being done, at the same level.

        :raises NotGuarded: as :meth:`beat`.
        """

    def switching_off(self, within: float) -> None:
        """The output is about to go off, from whatever level; the next word, if one is owed, comes ``within`` s."""

    def output_is_off(self) -> None:
        """The instrument has said that its output is off."""

    def take_over(self) -> None:
        """The run could not confirm that, and has closed its link to the source: the guardian acts, now."""

    def remarks(self) -> list[str]:
        """What is to be noted about the guardian since this was asked last."""


class NoGuard:
    """For instruments that live and die with this process: no guardian could reach them."""

    def wait_until_ready(self) -> None:
        """Nothing to wait for."""

    def output_goes_on(self, source: str, within: float) -> None:
        """Nothing to do."""

    def beat(self, doing: str, source: str, level: float, within: float) -> None:
        """Nothing to do."""

    def still(self) -> None:
        """Nothing to do."""

    def switching_off(self, within: float) -> None:
        """Nothing to do."""

    def output_is_off(self) -> None:
        """Nothing to do."""

    def take_over(self) -> None:
        """Nothing to do."""

    def remarks(self) -> list[str]:
        """Nothing happens."""
        return []


class GuardianProcess:
    """One guardian, and the run's ends of the pipes to and from it; ``ahead``: one that was started before its run.

    :raises NotGuarded: it cannot be started.
    """

    def __init__(self, order: Order, ahead: subprocess.Popen[bytes] | None = None) -> None:
        self._where = f"the guardian of {order.source.resource}"
        try:
            self.process = ahead if ahead is not None and ahead.poll() is None else _started()
        except OSError as error:
            raise self._not_guarded(f"cannot be started ({error})") from error
        assert self.process.stdin is not None
        self._write = self.process.stdin.write
        self._answer = b""
        self._answered = threading.Event()
        self._gone = False
        self._said = self._heard = 0  # bytes, the order apart
        self._started = self._waiting_since = time.monotonic()  # the latter: since when something was not heard
        self._level_is_known = True
        line = order.as_line()
        self._order_length = len(line)
        with suppress(OSError):  # it has ended already: it will not be ready
            self._write(line)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        answers = iter(self.process.stdout.readline, b"")
        self._answer = next(answers, b"").strip()
        self._waiting_since = time.monotonic()
        self._answered.set()
        for answer in answers:
            with suppress(ValueError):
                self._heard = int(answer)
                self._waiting_since = time.monotonic()
        self._gone = True

    def wait_until_ready(self, patience: float) -> None:
        """Wait until the guardian could act.

        :raises NotGuarded: it will not, or not in time.
        """
        self._answered.wait(patience)
        self._require_ready(patience)

    def is_ready(self, patience: float) -> bool:
        """Whether the guardian could act by now; not waiting, for ``patience`` s from its start at most.

        :raises NotGuarded: as :meth:`wait_until_ready`.
        """
        if not self._answered.is_set() and time.monotonic() < self._started + patience:
            return False
        self._require_ready(patience)
        return True

    def _require_ready(self, patience: float) -> None:
        if not self._answered.is_set():
            raise self._not_guarded(f"was not ready within {patience:g} s")
        if self._answer != READY:
            why = self._answer.decode(errors="replace")
            raise self._not_guarded(f"ended before it was ready{f' ({why})' if why else ''}")

    def _not_guarded(self, message: str) -> NotGuarded:
        hint = f"Try again; if it stays so, see what `{' '.join(COMMAND)} --check` says"
        return NotGuarded(self._where, message, hint)

    def lost(self) -> str:
        """Why it could not act any more; empty when it could."""
        if self._gone:
            return "has ended"
        if _is_stopped(self.process.pid):
            return "was stopped"
        if self._heard != self._said and time.monotonic() > self._waiting_since + SILENCE:
            return f"has not answered for {SILENCE:g} s"
        return ""

    def say(self, word: bytes) -> None:
        """Say something, never waiting. With too much under way a beat is left out, and that is said beforehand."""
        under_way = self._said - self._heard
        if not under_way:
            self._waiting_since = time.monotonic()
        if not self._answered.is_set():
            under_way += self._order_length  # it may lie in the pipe still
        if under_way + len(word) > UNDER_WAY and word not in _FINAL:
            if not self._level_is_known:
                return
            word = _LEVEL_NOT_KNOWN
        self._level_is_known = word is not _LEVEL_NOT_KNOWN
        try:
            self._write(word)
        except OSError:
            self._gone = True
        self._said += len(word)

    def end(self, patience: float) -> None:
        """Close the pipe to it, give it ``patience`` s to end, then end it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join()
        self.process.stdout.close()

    def abandon(self) -> None:
        """Kill it at once; a thread sees to what is left of it, which may take time."""
        with suppress(OSError):
            self.process.kill()
        threading.Thread(target=self.end, args=(0.0,), daemon=True).start()


def _is_stopped(number: int) -> bool:
    """Whether a child of this process was stopped, where the system tells."""
    if sys.platform != "win32" and sys.platform != "darwin":
        with suppress(ChildProcessError):  # it was waited for already
            return os.waitid(os.P_PID, number, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    return False


_FINAL = (OFF + b"\n", FAILED + b"\n")  # few and short: there is room for them at any time
_NOTHING_WAS_ON = Beat(0.0, "", 0.0, 0.0, "")
_LEVEL_NOT_KNOWN = Beat(_USUAL, "VOLT", math.nan, math.nan, "more than could be told").as_line()


class Guarding:
    """The guardian of a run, and the next one should it be lost: the run's side of it. Not for several threads."""

    def __init__(self, order: Order, ahead: subprocess.Popen[bytes] | None = None) -> None:
        self._order = order
        self._guardian: GuardianProcess | None = GuardianProcess(order, ahead)
        self._succeeding = False  # is the guardian another one that was not ready when it was last asked?
        self._beat = _NOTHING_WAS_ON
        self._on = False  # may the output be on?
        self._due = math.inf  # when the next word is due
        self._raised = False
        self._taken_over = False
        self._remarks: list[str] = []

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process of the guardian; None while there is none."""
        return self._guardian.process if self._guardian else None

    def wait_until_ready(self) -> None:
        """Wait until the guardian could act.

        :raises NotGuarded: it will not, or not in time.
        """
        assert self._guardian is not None
        self._guardian.wait_until_ready(READY_PATIENCE)

    def output_goes_on(self, source: str, within: float) -> None:
        """From now on the output may be on, at level zero.

        :raises NotGuarded: no guardian is there.
        """
        self._on = True
        self._raised = False  # it was on before: a loss is told again
        self._say(Beat(within, source, 0.0, 0.0, "switching on"))
        if self._guardian is None or self._succeeding or self._guardian.lost():
            self.output_is_off()
            self._beat = _NOTHING_WAS_ON
            where = f"the guardian of {self._order.source.resource}"
            raise NotGuarded(where, "has ended", "Nothing was switched on. Try again")

    def beat(self, doing: str, source: str, level: float, within: float) -> None:
        """As :meth:`Guard.beat`."""
        before = self._beat.level
        away = 0.0 < before <= level or level <= before < 0.0  # from zero, as sweeps go
        lowest = before if away else _lower(level, before)
        self._say(Beat(within, source, level, lowest, doing))

    def still(self) -> None:
        """As :meth:`Guard.still`."""
        if self._on and not self._taken_over:
            within, source, level, _, doing = self._beat
            self._say(Beat(within, source, level, level, doing))

    def switching_off(self, within: float) -> None:
        """As :meth:`Guard.switching_off`."""
        self._raised = True
        self._say(Beat(within, self._beat.source, math.nan, math.nan, "switching off"))

    def output_is_off(self) -> None:
        """As :meth:`Guard.output_is_off`."""
        self._on, self._due = False, math.inf
        if self._guardian is not None:
            self._guardian.say(OFF + b"\n")

    def take_over(self) -> None:
        """As :meth:`Guard.take_over`."""
        if self._guardian is None or self._taken_over:
            return
        with suppress(NotGuarded):
            self._look_after(self._guardian)
        if self._guardian is not None:
            self._guardian.say(FAILED + b"\n")
        self._taken_over = True

    def remarks(self) -> list[str]:
        """As :meth:`Guard.remarks`."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def _say(self, beat: Beat) -> None:
        self._require_timely(beat)
        self._beat = beat
        if self._guardian is not None:
            self._guardian.say(beat.as_line())  # before it is looked at: a word to one that is gone tells that at once
            self._look_after(self._guardian)

    def _require_timely(self, beat: Beat) -> None:
        """:raises NotGuarded: this word comes far too late; the guardian stood still as well, or would have acted."""
        now = time.monotonic()
        late, self._due = now - self._due, now + beat.within
        if late > SILENCE and not self._raised:
            self._raised = True
            where = f"the guardian of {self._order.source.resource}"
            message = f"the run stood still, {late:.0f} s beyond what it had announced, and the guardian with it"
            raise NotGuarded(where, message, "Was the computer asleep, or its processes frozen?")

    def _look_after(self, guardian: GuardianProcess) -> None:
        """Replace a guardian that is lost.

        :raises NotGuarded: there is no other one; raised once.
        """
        try:
            if not self._succeeding:
                if why := guardian.lost():
                    self._replace(guardian, why)
            elif guardian.is_ready(SUCCESSOR_PATIENCE):
                self._succeeding = False
                self._remarks.append("another guardian is ready")
        except NotGuarded as problem:
            if self._guardian is not None:
                self._guardian.abandon()
            self._guardian, self._succeeding = None, False
            if not self._raised:
                self._raised = True
                raise NotGuarded(problem.where, f"{problem.what}; the run ends here", problem.hint) from problem

    def _replace(self, lost: GuardianProcess, why: str) -> None:
        """Start another guardian, which knows the last word before anything else happens.

        :raises NotGuarded: it cannot be started.
        """
        self._remarks.append(f"the guardian {why}; another one is started")
        self._guardian = None
        lost.abandon()  # first: two must not act at once
        self._guardian, self._succeeding = GuardianProcess(self._order), True
        self._guardian.say(self._beat.as_line())

    def dismiss(self) -> None:
        """Let the guardian end; wait for what it can do if the output is not known to be off."""
        if self._on:
            self.take_over()
        if self._guardian is None:
            return
        patience = LONGEST_GOODBYE
        if self._taken_over:
            patience += self._order.patience + LONGEST_ATTEMPT + (SUCCESSOR_PATIENCE if self._succeeding else 0.0)
        elif not self._succeeding and self._guardian.lost():
            patience = 0.0
        elif self._succeeding or self._beat is _NOTHING_WAS_ON:
            patience = 0.0  # no need to wait until it is ready
        self._guardian.end(patience)


def _lower(level: float, before: float) -> float:
    """Of two levels, one of which the source has: the one nearer to zero, or zero between them; NaN if not known."""
    if math.isnan(level) or math.isnan(before):
        return math.nan
    return min(level, before, key=abs) if level * before > 0.0 else 0.0


@contextmanager
def guarded(order: Order | None, ahead: subprocess.Popen[bytes] | None = None) -> Iterator[Guarding | NoGuard]:
    """Start a guardian, not waiting for it, and let it go at the end; without an order there is none.

    ``ahead`` is one that :func:`started_ahead` has started for this run.

    If the output was not confirmed to be off by then, the end waits until the guardian has tried as well.

    :raises NotGuarded: it cannot be started.
    """
    if order is None:
        yield NoGuard()
        return
    guard = Guarding(order, ahead)
    try:
        yield guard
    finally:
        guard.dismiss()


def started_ahead() -> subprocess.Popen[bytes] | None:
    """A guardian for the run after this one, which gets its order then; None where none can be started now.

    It ends by itself when this process does.
    """
    try:
        return _started()
    except OSError:
        return None


def let_go_ahead(ahead: subprocess.Popen[bytes]) -> None:
    """Let a guardian end that was started ahead for a run that did not come."""
    assert ahead.stdin is not None
    assert ahead.stdout is not None
    with suppress(OSError):
        ahead.stdin.close()
    ahead.kill()  # it has no order, and nothing that it could do
    ahead.wait()
    ahead.stdout.close()


def _started() -> subprocess.Popen[bytes]:
    """A guardian that neither Ctrl-C nor a closed terminal or console window takes along."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
    return subprocess.Popen(
        COMMAND,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],  # -m looks there first: not at what lies in the current folder
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )
