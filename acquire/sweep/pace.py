"""Which points come late: something held the run, and the device stayed at the level before it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan

from acquire.records import PointFlag, Reading, counted

#: A delay up to this is no more than what a range change, a slow line or a busy machine takes, s.
LEAST_DELAY = 1.0

#: What looking for the ranges takes after a jump from the dark level, s.
RANGE_SEARCH = 1.0


class Pace:
    """Compares when points begin with how long one takes by the plan, ``time_per_point`` [s].

    A point is late that begins later than planned by more than its own planned time, and more than
    :data:`LEAST_DELAY`. ``say`` receives the first such point at once, and by :meth:`sum_up` how many more there were.
    """

    def __init__(self, time_per_point: float, say: Callable[[str], None]) -> None:
        self._time_per_point = time_per_point
        self._allowed = max(time_per_point, LEAST_DELAY)
        self._due = nan
        self._readings = 0  # since a pause
        self._late = 0
        self._say = say

    def examined(self, reading: Reading) -> Reading:
        """The reading of a point, flagged when it comes late; one that was repeated is never late itself."""
        due, self._due = self._due, reading.time + self._time_per_point
        self._readings += 1
        delay = reading.time - due
        # The first reading may have looked for its ranges
        allowed = self._allowed + (RANGE_SEARCH if self._readings == 2 else 0.0)
        if not delay > allowed or int(reading.flags) & PointFlag.READING_REPEATED:
            return reading
        self._late += 1
        if self._late == 1:
            late = f"point {counted(reading.index)}: {delay:.3g} s late"
            self._say(f"{late}; the device stayed at the level before it meanwhile")
        return replace(reading, flags=reading.flags | PointFlag.LATE)

    def expect(self, due: float) -> None:
        """The next point is due at ``due`` [s], after a wait."""
        self._due, self._readings = due, 1  # after a wait the ranges may be looked for

    def pause(self) -> None:
        """Something else is done between two points: when the next one is due is not known."""
        self._due, self._readings = nan, 0

    def sum_up(self) -> None:
        """Say how many points came late besides the first."""
        if (more := self._late - 1) > 0:
            self._say(f"{more} more {'point' if more == 1 else 'points'} came late")
