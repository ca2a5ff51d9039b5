"""Time for the twins: one queue of future events, on virtual or on real time.

A twin never waits. It asks the clock to call it back at the moment something happens (a conversion ends, an
exposure is over) and returns. The owner of the clock lets time pass: the in-process VISA library advances a
:class:`VirtualClock` while a read waits, the server runs a :class:`RealClock` as the seconds go by.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable


class Event:
    """An action due at one moment; :meth:`cancel` makes it never happen."""

    __slots__ = ("action", "when")

    def __init__(self, when: float, action: Callable[[], None]) -> None:
        self.when = when
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Drop the action; cancelling twice or after the event is harmless."""
        self.action = None


class Clock:
    """A queue of events in the order of their times; equal times run in the order they were asked for."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Event]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """Seconds since the clock was made; inside an event, the moment the event was due."""
        raise NotImplementedError

    def call_at(self, when: float, action: Callable[[], None]) -> Event:
        """Have ``action`` called at ``when`` (s); a moment in the past means as soon as possible."""
        event = Event(when, action)
        heapq.heappush(self._queue, (when, next(self._order), event))
        return event

    def call_after(self, delay: float, action: Callable[[], None]) -> Event:
        """Have ``action`` called ``delay`` seconds from now."""
        return self.call_at(self.now() + delay, action)

    def next_event(self) -> float | None:
        """When the next event is due (s), None when there is none."""
        while self._queue and self._queue[0][2].action is None:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def _next_action(self, limit: float) -> tuple[float, Callable[[], None]] | None:
        """Take the next event out of the queue if it is due by ``limit`` (s)."""
        while self._queue and self._queue[0][0] <= limit:
            due, _, event = heapq.heappop(self._queue)
            if event.action is not None:
                return due, event.action
        return None


class VirtualClock(Clock):
    """Time that passes only by :meth:`VirtualClock.advance`, as fast as the machine can, or :meth:`in_step`."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._wait_until: Callable[[float], None] | None = None

    def in_step(self) -> None:
        """From now on never run ahead of the time on the wall, for who looks on."""
        begun = time.monotonic() - self._now

        def wait_until(when: float) -> None:
            time.sleep(max(begun + when - time.monotonic(), 0.0))

        self._wait_until = wait_until

    def now(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def advance_to(self, when: float) -> None:
        """Let time pass until ``when`` (s), running every event on the way; never backwards."""
        if self._wait_until is not None:
            self._wait_until(when)
        while event := self._next_action(when):
            due, action = event
            self._now = max(self._now, due)
            action()
        self._now = max(self._now, when)

    def advance(self, duration: float) -> None:
        """Let ``duration`` seconds pass."""
        self.advance_to(self._now + duration)


class RealClock(Clock):
    """The machine's monotonic time; :meth:`run_due` must be called often enough by its owner."""

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()
        self._event_time: float | None = None

    def now(self) -> float:
        """Seconds since the clock was made; inside an event, the moment the event was due."""
        return time.monotonic() - self._start if self._event_time is None else self._event_time

    def run_due(self) -> bool:
        """Run every event whose moment has come; whether there was any."""
        if not self._queue or self._queue[0][0] > (limit := self.now()):
            return False
        while event := self._next_action(limit):
            self._event_time, action = event
            try:
                action()
            finally:
                self._event_time = None
        return True
