"""Temperature and humidity beside the bench while a run goes on: asked for between whiles, never waited for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from acquire.records import Surroundings
from drivers import errors

#: Between two questions to the logger, s; after a failure twice as long each time, up to the longest pause.
EVERY, LONGEST_PAUSE = 5.0, 600.0

#: How far from a reading in time a value of the logger may be that stands beside it, s.
LONGEST_AGE = 60.0

#: Where no value is young enough, because points are far apart, its answer is waited for so long at most, s.
SHORT_WAIT = 0.3

#: Remarks on the logger in one run: a bad contact would make one every few seconds.
MOST_REMARKS = 6

_MOST_KEPT = 1000  # values: a burst of 2500 points takes no longer than that

UNKNOWN = Surroundings()


class Room:
    """What the logger has said lately. A logger that is slow, garbled or gone costs its own values and no time.

    ``logger``: a driver with ``trigger``, ``poll`` and ``asked``, None for a bench without one; ``now``: the time, s.
    """

    def __init__(self, logger: Any, now: Callable[[], float]) -> None:
        self._logger = logger
        self._now = now
        self._values: deque[tuple[float, Surroundings]] = deque(maxlen=_MOST_KEPT)
        self._ask_at = self._asked_at = -inf
        self._pause = EVERY
        self._lost = False
        self._remarks: list[str] = []
        self._said = 0

    def look(self) -> None:
        """Take in an answer that has come, or ask where it is time to; waits for nothing."""
        if self._logger is None:
            return
        if self._logger.asked:
            self._try(self._take)
        if not self._logger.asked and self._now() >= self._ask_at:
            self._try(self._ask)

    def at(self, time: float) -> Surroundings:
        """The values nearest to ``time`` (s); NaN where none is near enough."""
        if self._logger is None:
            return UNKNOWN
        if self._logger.asked:
            self._try(self._take)
        nearest = self._nearest(time)
        if nearest is None and self._logger.asked and not self._lost:
            self._try(lambda: self._take(SHORT_WAIT))
            nearest = self._nearest(time)
        return UNKNOWN if nearest is None else nearest

    def _nearest(self, time: float) -> Surroundings | None:
        """The value nearest to ``time`` (s); None where none is near enough."""
        best, nearest = LONGEST_AGE, None
        for taken, values in reversed(self._values):
            if abs(taken - time) > best:
                if taken < time:
                    break  # the others are older still
                continue
            best, nearest = abs(taken - time), values
        return nearest

    def remarks(self) -> list[str]:
        """What there was to say of the logger since the last time."""
        said, self._remarks = self._remarks, []
        return said

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except errors.InstrumentError as problem:
            if not self._lost:
                self._remark(f"{problem} Temperature and humidity are missing until it answers again")
            self._lost = True
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._ask_at = self._now() + self._pause

    def _ask(self) -> None:
        self._asked_at = self._now()
        self._ask_at = self._asked_at + self._pause
        self._logger.trigger()

    def _take(self, wait: float = 0.0) -> None:
        if (found := self._logger.poll(wait)) is None:
            return
        # Its answer may have lain there for a while: it is as old as the question
        self._values.append((self._asked_at, Surroundings(found.temperature, found.relative_humidity)))
        self._pause, self._ask_at = EVERY, self._asked_at + EVERY
        if self._lost:
            self._remark("the logger of temperature and humidity answers again")
        self._lost = False

    def _remark(self, text: str) -> None:
        self._said += 1
        if self._said < MOST_REMARKS:
            self._remarks.append(text)
        elif self._said == MOST_REMARKS:
            self._remarks.append(f"{text}; no more is said of it in this run")
