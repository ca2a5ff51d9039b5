"""Pixels that age by turns: one after the other is driven for a while, and goes on in its own file at its next turn.

T_x of such a pixel is the time under stress; it has rested in between, which devices notice: it is not comparable with
a lifetime under constant stress, and the run file says so at every turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isnan, nan
from pathlib import Path

from acquire.bench.preparation import PreparedRun
from acquire.bench.resuming import TakenUp, age, take_up
from acquire.records import Event, Record
from acquire.run_file.batch_index import TURN_OVER
from acquire.safety.interruption import StopRequest
from drivers.simulated.bench import SimulatedBench


class Turn(StopRequest):
    """Ends a run ``stress`` s after its first point, curves in between included; else it is the batch's request."""

    def __init__(self, of_batch: StopRequest, stress: float) -> None:
        super().__init__()
        self._of_batch = of_batch
        self.mailbox, self.pause = of_batch.mailbox, of_batch.pause
        self._stress = stress
        self._first = nan
        self._over = ""

    @property
    def over(self) -> bool:
        """Whether the run ends for it, and for nothing else."""
        return bool(self._over) and not self._of_batch()

    def __call__(self) -> str:
        """Why the run should end now; empty when it should go on."""
        return self._of_batch() or self._over

    def seen(self, event: Event) -> None:
        """A spectator of the run: the turn begins with its first point."""
        if isinstance(event, Record):
            time = event.reading.time
            self._first = time if isnan(self._first) else self._first
            if time - self._first >= self._stress * (1 - 1e-9):
                self._over = TURN_OVER

    def ask(self, reason: str) -> None:
        """As :meth:`StopRequest.ask`, of the whole batch."""
        self._of_batch.ask(reason)

    def note(self, reason: str) -> None:
        """As :meth:`StopRequest.note`, of the whole batch."""
        self._of_batch.note(reason)

    def look(self) -> None:
        """As :meth:`StopRequest.look`, of the whole batch."""
        self._of_batch.look()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """As :meth:`StopRequest.interruptible`, of the whole batch."""
        with self._of_batch.interruptible():
            yield


class Ageing:
    """The pixels that age on a bench, by the relay of each; on a simulated one they are as old as their files say."""

    def __init__(self, place: SimulatedBench | None) -> None:
        self._place = place
        self._begun: dict[int, float] = {}

    def begins(self, relay: int) -> None:
        """A pixel is driven for the first time."""
        if self._place is not None:
            self._begun[relay] = self._place.clock.now()

    def taken_up(self, relay: int, path: Path) -> tuple[TakenUp, float | None]:
        """A run to be gone on with, and how long ago it began (s) where that is not by the clock on the wall.

        :raises acquire.run_file.read.ArchiveError: it cannot be gone on with.
        """
        run = take_up(path)
        if self._place is None:
            return run, None
        now = self._place.clock.now()
        if relay not in self._begun:  # began with another process, and so did its simulated device
            age(self._place.fixture.behind(relay), run)
            self._begun[relay] = now - run.last
        return run, now - self._begun[relay]


def remark(stress: float, run: TakenUp | None, ago: float | None) -> str:
    """What a run file says of a turn: that there are rests, and how large a part of the time is stress."""
    said = f"aged by turns of {stress:.6g} s under stress, at rest with the output off in between"
    if run is not None and ago:
        said += f"; so far {run.stress:.6g} s under stress of {ago:.6g} s (duty {run.stress / ago:.1%})"
    return f"{said}: its T_x is time under stress, and not comparable with constant stress"


def relay_of(prepared: PreparedRun) -> int:
    """The relay behind which the pixel of a run is."""
    switch = prepared.loaded.bench.instruments.pixel_switch
    sample = prepared.loaded.sweep.sample
    return 1 if switch is None else switch.pixels[sample.switched_as or sample.pixel]
