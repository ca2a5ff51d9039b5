"""When a spectrum is due: at levels, at luminances when first crossed, at every n-th point. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan

from acquire.records import Branch, PointFlag, Record, Step


@dataclass(frozen=True)
class SpectraPlan:
    """When spectra are taken and how: luminances in cd/m^2, voltages in V, times in s.

    ``first_in_clear_light``: luminance itself comes from spectra, so that none can wait for a luminance: the first is
    taken once the photodiode's light is clear of its noise, and at the steps ``first_at_the_latest``, by their index,
    if it stands out at all.
    """

    at_luminance: tuple[float, ...] = ()
    every_points: int = 0
    every_above: float = inf
    sample_every: float = 1.0
    most: int = 0
    first_in_clear_light: bool = False
    first_at_the_latest: tuple[range, ...] = ()


#: Noise over light of the photodiode, relative: clear enough for the first spectrum, and for it at the latest.
CLEAR_LIGHT, LEAST_LIGHT = 1e-3, 0.1

#: Points from one attempt to take the first spectrum to the next, and how many attempts there is room for.
POINTS_BETWEEN_ATTEMPTS, MOST_ATTEMPTS = 5, 3


class SpectrumSchedule:
    """Decides at which points a spectrum is due, from what has been measured so far."""

    def __init__(self, plan: SpectraPlan) -> None:
        self._plan = plan
        self._waiting: dict[tuple[Branch, int], list[float]] = {}
        self._begun: set[tuple[Branch, int]] = set()
        self._since_last = inf
        self._taken = 0

    def due(self, step: Step, record: Record, *, noise_of_light: float = inf) -> bool:
        """Whether to take a spectrum at this point.

        A luminance is reached at the first point of a branch, in each cycle, on its far side; points in compliance or
        with an overflowing photodiode reading do not count. ``noise_of_light`` is that of the photodiode, relative,
        while no spectrum has given luminance yet.
        """
        if not self._plan.most:
            return False
        reached = self._reached(step, record)
        self._since_last += 1
        often = (
            self._plan.every_points > 0
            and (self._plan.every_above <= 0.0 or record.luminance > self._plan.every_above)
            and self._since_last >= self._plan.every_points
        )
        if (
            not (step.spectrum or reached or often or self._first(step, noise_of_light))
            or self._taken >= self._plan.most
        ):
            return False
        self._since_last = 0
        self._taken += 1
        return True

    def _first(self, step: Step, noise: float) -> bool:
        if not self._plan.first_in_clear_light or self._since_last < POINTS_BETWEEN_ATTEMPTS:
            return False
        late = any(step.index in steps for steps in self._plan.first_at_the_latest)
        return noise <= (LEAST_LIGHT if late else CLEAR_LIGHT)

    def _reached(self, step: Step, record: Record) -> bool:
        luminance, branch = record.luminance, (step.branch, step.cycle)
        if isnan(luminance) or record.flags & (PointFlag.COMPLIANCE | PointFlag.PHOTODIODE_OVERFLOW):
            return False
        waiting = self._waiting.setdefault(branch, list(self._plan.at_luminance))
        rising = step.branch is Branch.FORWARD
        if not rising and branch not in self._begun:
            # A reverse branch begins in bright light: what lies above its first point was never passed.
            self._begun.add(branch)
            self._waiting[branch] = [level for level in waiting if level <= luminance]
            return False
        passed = [level for level in waiting if (luminance >= level if rising else luminance <= level)]
        self._waiting[branch] = [level for level in waiting if level not in passed]
        return bool(passed)
