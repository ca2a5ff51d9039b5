"""What people asked of a recorded run, asked again when it was then: a stop, pauses, levels set by hand.

When it was, the messages of the file say: the output goes off for a pause, and at the level zero by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acquire.records import Exchange
from acquire.replay.tape import Tape
from acquire.run_file.read import Run
from acquire.safety.interruption import StopRequest, asked_for
from acquire.safety.mailbox import Mailbox
from acquire.safety.pausing import LONGEST_PAUSED, PauseRequest
from acquire.sweep.by_hand import Command, Doing
from acquire.sweep.schedule import LOOK_AGAIN

_OFF = b":OUTP OFF"
_ROUNDING = 1e-6  # s
_LONGEST = re.compile(r"output at zero and off; ended after (\S+) s without a word")


class AskedAsThen(StopRequest):
    """Asks for a stop where somebody did then, after the last point of the run, and for each pause. Nobody else asks.

    ``points`` gives how many points there are by now.
    """

    def __init__(self, run: Run, tape: Tape, points: Callable[[], int], folder: Path) -> None:
        super().__init__()
        self.mailbox = Mailbox(folder=folder)
        pauses = _pauses_of(run)
        self.pause = PausesAsThen(pauses, tape)
        self._tape, self._points, self._most = tape, points, run.points + run.rows.get("lifetime", 0)
        self._asked_for = run.stop_reason if asked_for(run.stop_reason) else ""
        self._not_before = pauses[-1].end if pauses and pauses[-1].ended else 0.0

    def __call__(self) -> str:
        """Why the run should end now; empty when it should go on."""
        if self._asked_for and self._points() >= self._most and self._tape.now >= self._not_before - _ROUNDING:
            self.note(self._asked_for)
        return super().__call__()


# --- pauses ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pause:
    """A pause: who asked for it, for how long at most [s]; before which message, from 0; when it was over [s]."""

    by: str
    longest: float
    before: int
    end: float
    ended: bool


def _pauses_of(run: Run) -> list[_Pause]:
    rows = run.tables["pauses"]
    told = [said[1] for note in run.notes if (said := _LONGEST.search(note.text)) is not None]
    found = list[_Pause]()
    for row, begin in enumerate(rows["time"].tolist()):
        until = begin + _ROUNDING
        off = [number for number, one in enumerate(run.exchanges) if one.time <= until and _OFF in one.sent]
        longest = float(told[row]) if row < len(told) else LONGEST_PAUSED
        by, ended = rows["by"][row].decode(errors="replace"), bool(rows["ended"][row])
        before = _ramp_before(run.exchanges, off[-1]) if off else len(run.exchanges)
        found.append(_Pause(by, longest, before, begin + float(rows["duration"][row]), ended))
    return found


def _ramp_before(messages: tuple[Exchange, ...], off: int) -> int:
    """Where the levels begin that lead to zero before the output goes off."""
    first = off
    while first and messages[first - 1].sent.startswith(b":SOUR:") and b"?" not in messages[first - 1].sent:
        first -= 1
    return first


class PausesAsThen(PauseRequest):
    """Asks for the pauses of a run when they were, and goes on when the run did."""

    def __init__(self, pauses: list[_Pause], tape: Tape) -> None:
        super().__init__()
        self._left, self._tape, self._allowed = list(pauses), tape, False

    def allow(self, *, virtual: bool = False) -> None:
        """Pauses come from now on."""
        self._allowed = True
        super().allow(virtual=virtual)

    def refuse(self, why: str) -> None:
        """None comes any more."""
        self._allowed = False
        super().refuse(why)

    def wait(self, duration: float) -> None:
        """Wait for nobody: the run goes on when its next message is due by the clock of the recording."""
        if not self._left[0].ended and self._tape.next_is_due_within(duration):
            self._left.pop(0)
            self.take_back()

    def __call__(self) -> str:
        """Who asks for a pause; empty when the run should go on."""
        if not super().__call__() and self._allowed and self._left and self._tape.position >= self._left[0].before:
            self.ask(self._left[0].by, self._left[0].longest)
        return super().__call__()


# --- levels set by hand --------------------------------------------------------------------------------------------


class HandAsThen:
    """The levels that a person set, row by row: what :attr:`acquire.sweep.by_hand.ByHand.take` asks for."""

    def __init__(self, run: Run, tape: Tape) -> None:
        points = run.tables["jvl"]
        self._levels, self._tape = points["source_level"].tolist(), tape
        self._spectra = {int(row) for row in run.tables["spectra"]["point_index"]}
        self._ended_by_hand = not asked_for(run.stop_reason)
        paused = {one.before for one in _pauses_of(run)}
        off = [
            one.time
            for number, one in enumerate(run.exchanges)
            if _OFF in one.sent and _ramp_before(run.exchanges, number) not in paused
        ]
        times = points["time"]
        before_rows = np.searchsorted(times, off, side="left").tolist() if len(times) else []
        #: Before which rows the output was off; what ends every run is none of them.
        self._off_before = {row for row in before_rows[:-1] if row or off[0] > 0.0}
        self._row, self._is_off = 0, False

    def take(self) -> Command | None:
        """The next command; None where there was none at the moment."""
        row = self._row
        if row in self._off_before and not self._is_off:
            self._is_off = True
            return Command(Doing.OFF)
        if row == len(self._levels):
            return Command(Doing.QUIT) if self._ended_by_hand and self._may_go_on() else None
        if not self._may_go_on():
            return None
        before = self._levels[row - 1] if row and not self._is_off else 0.0
        is_set = self._is_off or self._levels[row] != before
        self._off_before.discard(row)
        self._row, self._is_off = row + 1, False
        if is_set:
            return Command(Doing.SET, self._levels[row])
        return Command(Doing.SPECTRUM) if row in self._spectra else None

    def _may_go_on(self) -> bool:
        return not self._is_off or self._tape.next_is_due_within(LOOK_AGAIN)
