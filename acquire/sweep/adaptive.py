"""Levels that are made finer where it matters: around turn-on, around the maximum of the efficiency. Pure.

A forward branch goes up in its coarse levels. Once a luminance is seen to be crossed, or the efficiency to have passed
its maximum, the branch goes back below that place and through it again in fine levels, then on where it was. So fine
and coarse points of a place are seconds apart, before the device saw anything higher than some coarse levels more; a
refinement after the whole branch would mix them with points of a device that had been driven to the top meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import ceil, isfinite, nan

from acquire.config.sweep import Refinement
from acquire.records import BAD_READING, LIMITED, Branch, PointFlag, Record, Step
from acquire.sweep.levels import branches_of
from acquire.sweep.schedule import Schedule
from acquire.sweep.stop_rules import LEAST_LUMINANCE

_NOT_COUNTED, _DARK = int(LIMITED | BAD_READING), int(PointFlag.BELOW_DARK_NOISE)

#: The efficiency has passed its maximum once it stays below this share of it for two coarse levels.
FALLEN = 0.98

#: How often a branch may be refined around a maximum: a larger one may follow the first.
MOST_MAXIMA = 2


@dataclass(frozen=True)
class Adaptive:
    """Coarse ``steps`` whose forward branches are refined; a :class:`~acquire.sweep.schedule.Course`."""

    steps: tuple[Step, ...]
    refinement: Refinement

    @cached_property
    def most_points(self) -> int:
        """The most steps: the coarse ones, and as many fine ones as the widest intervals that may be refined hold."""
        return len(self.steps) + self.most_added

    @cached_property
    def most_added(self) -> int:
        """The most fine levels, all branches together."""
        return sum(self._most_added(branch) for branch in branches_of(self.steps) if _refined(branch))

    def _most_added(self, branch: Sequence[Step]) -> int:
        wanted = self.refinement
        intervals = len(wanted.at_luminance) + (2 * MOST_MAXIMA if wanted.efficiency_maximum else 0)
        held = sorted((len(self._between(one, other)) for one, other in pairwise(branch)), reverse=True)
        return sum(held[:intervals])

    @cached_property
    def largest_level(self) -> float:
        """The largest coarse level, V or A: fine ones lie between two of them."""
        return max(abs(step.level) for step in self.steps)

    def schedule(self) -> Schedule:
        """The coarse steps, and after some of them the fine ones that they call for."""
        index = 0
        for branch in branches_of(self.steps):
            seen = Seen(self.refinement) if _refined(branch) else None
            for i, step in enumerate(branch):
                record = yield replace(step, index=index)
                index += 1
                if seen is None:
                    continue
                for interval in seen.to_refine(record, last=i == len(branch) - 1):
                    for fine in self._between(branch[interval], branch[interval + 1]):
                        yield replace(fine, index=index)
                        index += 1
        return None

    def _between(self, one: Step, other: Step) -> list[Step]:
        """The fine steps between two coarse ones, in the order from the first to the second."""
        span = other.level - one.level
        parts = ceil(abs(span) / self.refinement.step - 1e-9)
        levels = (round(one.level + span * i / parts, 12) for i in range(1, parts))
        return [replace(other, level=level, spectrum=False, before=None, refined=True) for level in levels]


def _refined(branch: Sequence[Step]) -> bool:
    return branch[0].branch is Branch.FORWARD


class Seen:
    """What the coarse points of one branch have shown, and which intervals between two of them call for fine levels."""

    def __init__(self, refinement: Refinement) -> None:
        self._waiting = sorted(refinement.at_luminance)
        self._maxima_left = MOST_MAXIMA if refinement.efficiency_maximum else 0
        self._luminance: list[float] = []
        self._efficiency: list[float] = []
        self._done: set[int] = set()

    def to_refine(self, record: Record, *, last: bool) -> list[int]:
        """Take the record of the next coarse point; the intervals to refine now, each at most once, lowest first.

        Interval i lies between the coarse points i and i + 1, which were both visited. ``last``: the branch is over.
        """
        luminance = _luminance(record)
        efficiency = record.current_efficiency if luminance >= LEAST_LUMINANCE else nan
        self._luminance.append(luminance)
        self._efficiency.append(efficiency if isfinite(efficiency) else nan)
        wanted = {*self._crossings(last=last), *self._around_maximum(last=last)} - self._done
        self._done |= wanted
        return sorted(wanted)

    def _crossings(self, *, last: bool) -> Iterator[int]:
        """Where luminances are crossed upwards: the point beyond bears it out, but at the end of a branch."""
        for target in tuple(self._waiting):
            for i in self._upper_points(last=last):
                below, above, beyond = self._luminance[i - 1], self._luminance[i], self._luminance[min(i + 1, self._n)]
                if below < target <= above and beyond >= target:
                    self._waiting.remove(target)
                    yield i - 1
                    break

    @property
    def _n(self) -> int:
        """The index of the last point."""
        return len(self._luminance) - 1

    def _upper_points(self, *, last: bool) -> Iterable[int]:
        """Which points may be the upper end of a crossing that is told by now."""
        return [i for i in (self._n - 1, *([self._n] if last else [])) if i >= 1]

    def _around_maximum(self, *, last: bool) -> Iterator[int]:
        """The two intervals around the maximum of the efficiency, once it has passed, or the branch is over."""
        top = self._top()
        if not self._maxima_left or top is None or not 0 < top < self._n or {top - 1, top} <= self._done:
            return
        lately = self._efficiency[max(top, self._n - 2) + 1 :]
        fallen = len(lately) == 2 and max(lately) < FALLEN * self._efficiency[top]
        if last or fallen:
            self._maxima_left -= 1
            yield from (top - 1, top)

    def _top(self) -> int | None:
        """The point with the largest efficiency; one that stands out alone is noise."""
        known = [i for i, value in enumerate(self._efficiency) if isfinite(value)]
        return max(known, key=lambda i: (self._smooth(i), self._efficiency[i]), default=None)

    def _smooth(self, i: int) -> float:
        """The median of a point and its neighbours; of two the smaller one."""
        around = sorted(value for value in self._efficiency[max(i - 1, 0) : i + 2] if isfinite(value))
        return around[(len(around) - 1) // 2]


def _luminance(record: Record) -> float:
    """The luminance of a point [cd/m^2]; none where it is not told from dark, NaN where a limit decided."""
    flags = int(record.flags)
    if flags & _NOT_COUNTED:
        return nan
    return min(record.luminance, 0.0) if flags & _DARK else record.luminance
