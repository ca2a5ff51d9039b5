"""A guardian in the process and the virtual time of its run: it hears what a real one hears, and acts as one does.

A run on a simulated bench has no guardian: nothing that it could save outlives the process. Here the run's side of it
(:class:`acquire.safety.guardian.Guarding`) speaks with a :class:`Guardian`, which switches off by the code of the real
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from acquire import session
from acquire.safety import guardian, guardian_process, off_first
from acquire.safety.guardian import FAILED, OFF, Beat, NotGuarded, Order
from acquire.safety.off_first import SourceAddress
from drivers.link import SerialLine
from drivers.simulated.bench import SimulatedBench


class Guardian:
    """In place of a :class:`acquire.safety.guardian.GuardianProcess`; all guardians of one run share ``watch``."""

    process = None

    def __init__(self, order: Order, watch: Watch) -> None:
        self._order, self._watch = order, watch
        watch.guardians.append(self)
        self.beat: Beat | None = None
        self.last = b""
        self.trouble = ""

    def wait_until_ready(self, _patience: float) -> None:
        """A first guardian is ready; another one unless there can be none. :raises NotGuarded: there can be none."""
        if len(self._watch.guardians) > 1 and self._watch.no_other:
            raise NotGuarded("the guardian", "cannot be started", "Try again")

    def is_ready(self, patience: float) -> bool:
        """A guardian in this process is ready at once. :raises NotGuarded: as :meth:`wait_until_ready`."""
        self.wait_until_ready(patience)
        return True

    def lost(self) -> str:
        """Why it could not act any more; empty when it could."""
        return self.trouble

    def say(self, word: bytes) -> None:
        """Hear a word of the run; a dead run says nothing."""
        if self.trouble or self._watch.run_is_dead:
            return
        self.last = word.strip()
        if self.last.startswith(b"beat"):
            self.beat = Beat.from_line(self.last)
        elif self.last == OFF:
            self.beat = None
        elif self.last == FAILED:
            self.act(guardian_process.AFTER_A_RUN)

    def abandon(self) -> None:
        """The run kills it and goes on."""
        self.end(0.0)

    def end(self, _patience: float) -> None:
        """The run lets it go."""

    def act(self, once_sent: float = off_first.PATIENCE) -> None:
        """Make the source safe, unless its output is off."""
        if self.trouble or self.beat is None:
            return
        self._watch.acted = True
        library: Any = self._watch.bench.library
        source = SourceAddress("keithley2400", self._order.source.resource, library, self._order.source.serial)
        work = guardian_process._Work(Order(self._order.run, source, patience=self._order.patience), self.beat)
        clock = self._watch.bench.clock
        virtual = SimpleNamespace(monotonic=clock.now, sleep=clock.advance)
        with patch.object(off_first, "time", virtual):
            _, last = work.attempt(lock=False, once_sent=once_sent)
        work.log.add(last)
        work.log.write()


class Watch:
    """The guardians of one run, and what befalls them. ``bench`` is there once the run has opened it."""

    def __init__(self, resource: str, serial: SerialLine) -> None:
        self.resource, self.serial = resource, serial
        self.guardians: list[Guardian] = []
        self.bench: SimulatedBench
        self.no_other = self.run_is_dead = self.acted = False

    def befall(self, trouble: str, *, no_other: bool = False) -> None:
        """The guardian dies, or falls silent; perhaps there can be no other."""
        self.no_other = no_other
        self.guardians[-1].trouble = trouble

    def after_the_run_died(self) -> None:
        """What the guardian does when the pipe of its run has ended."""
        self.guardians[-1].act()

    @contextmanager
    def over_the_run(self) -> Iterator[None]:
        """Inside, runs in this process have guardians of this watch."""
        with ExitStack() as stack:
            order = _order(self.resource, self.serial)
            stack.enter_context(patch.object(session, "guardian_order", order))
            stack.enter_context(
                patch.object(guardian, "GuardianProcess", lambda order, _ahead=None: Guardian(order, self))
            )
            yield


def _order(resource: str, serial: SerialLine) -> Callable[[Any, Path], Order]:
    address = SourceAddress("keithley2400", resource, "", serial)
    return lambda _loaded, path: Order(str(path.resolve()), address)
