"""How long a run still takes, by what was measured so far. Pure."""

from __future__ import annotations

from collections import deque
from math import nan

#: Points whose pace counts: that of now, where it changes on the way (ranges, a filter, a busy line).
POINTS_OF_NOW = 30


class Remaining:
    """Points at the pace of the last ones, spectra as planned times what the ones so far took beyond their plan.

    ``points`` of ``time_per_point`` [s], ``exposures`` [s] of the spectra in their order, ``dark`` readings afterwards:
    as planned.
    """

    def __init__(self, points: int, time_per_point: float, exposures: tuple[float, ...] = (), dark: int = 0) -> None:
        self._points_left, self._dark = points, dark
        self._planned_pace = time_per_point
        self._paces: deque[float] = deque(maxlen=POINTS_OF_NOW)
        self._begun = nan  # the last point, s
        self._exposures = exposures
        self._spectra = 0
        self._taken = 0.0  # s

    def point(self, time: float) -> None:
        """A point was read that began at ``time`` [s]."""
        self._points_left = max(self._points_left - 1, 0)
        if (pace := time - self._begun) > 0.0:
            self._paces.append(pace)
        self._begun = time

    def pause(self) -> None:
        """Something else is done between two points, which says nothing of their pace."""
        self._begun = nan

    def spectrum(self, duration: float) -> None:
        """A spectrum was taken, in ``duration`` [s]."""
        self._spectra += 1
        self._taken += duration
        self.pause()

    def seconds(self, exposing: float = 0.0) -> float:
        """Seconds to go; ``exposing`` s of a spectrum are over."""
        pace = sum(self._paces) / len(self._paces) if self._paces else self._planned_pace
        return (self._points_left + self._dark) * pace + max(self._exposures_left() - exposing, 0.0)

    def _exposures_left(self) -> float:
        planned = sum(self._exposures[: self._spectra])
        ratio = self._taken / planned if planned > 0.0 else 1.0
        # No point gets a second spectrum: what is left of the last one counts as well
        left = self._exposures[self._spectra :][: self._points_left + 1]
        return ratio * sum(left)
