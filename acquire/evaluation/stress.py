"""The time a device has been under the stress of a lifetime. Pure.

It stands still while the levels of a curve are gone through, in a pause, and while the program was not running; it is
0 at the end of the burn-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan


@dataclass
class StressClock:
    """Tells the time under stress [s] of each reading from when it began, s since the start of the run.

    ``begun`` is the time under stress at which this part of the run begins; its first reading comes ``settle`` later.
    """

    begun: float = 0.0
    settle: float = 0.0
    paused: float = 0.0
    _base: float = nan
    _break: float = nan

    def of_course(self, moment: float, paused: float = 0.0) -> float:
        """The time under stress of a reading at the level that is kept, ``paused`` s of pause just before it."""
        self._leave_out(paused)
        if not isnan(self._break):
            self.paused += moment - self._break
            self._break = nan
        return self._at(moment)

    def of_curve(self, moment: float, paused: float = 0.0) -> float:
        """The time under stress at a reading of a curve: it stands still from its first reading on."""
        self._leave_out(paused)
        if isnan(self._break):
            self._break = moment
        return self._at(self._break)

    def due(self, stress: float) -> float:
        """When a reading at that time under stress has to begin, s since the first reading of this part of the run."""
        return max(stress - self.begun - self.settle + self.paused, 0.0)

    def _leave_out(self, paused: float) -> None:
        """A pause is no stress; one within a curve is left out with it, and one before any reading is before it all."""
        if isnan(self._break) and not isnan(self._base):
            self.paused += paused

    def _at(self, moment: float) -> float:
        if isnan(self._base):
            self._base = moment
        return self.begun + self.settle + moment - self._base - self.paused
