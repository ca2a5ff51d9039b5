"""Spectra at asked luminances when a sweep is over: each level is found from the curve just measured. Pure.

Between two points of a branch the level is linear in ln L where it is a voltage, and its logarithm is where it is a
current (as all that is read off a curve at a luminance). It is set and read, and corrected once, by a step of the
secant through the two points, where the luminance is off by more than :data:`CLOSE_ENOUGH`; then the spectrum is taken.
While no spectrum of the device is known a luminance may rest on a stand-in: where the first one shows it to be off by
more than :data:`TO_TAKE_AGAIN`, it is taken once more at a level corrected by what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from math import copysign, exp, inf, log

from acquire.records import BAD_READING, LIMITED, Branch, PointFlag, Record, Step
from acquire.sweep.exposure import ExposureMode, ExposureTimes
from acquire.sweep.schedule import Schedule

#: A luminance that is off by more, as a change of ln L, is corrected; the first spectrum is taken once more beyond the
#: second; one that is off by the third in the end is noted.
CLOSE_ENOUGH, TO_TAKE_AGAIN, WORTH_A_NOTE = 0.01, 0.02, 0.05

#: Points that each asked luminance takes at most: the level as the curve has it, and as corrected. One more where the
#: first spectrum shows that luminance was another one than a stand-in said.
POINTS_EACH, ONCE_MORE = 2, 1

_NOT_OF_A_CURVE = int(
    BAD_READING | LIMITED | PointFlag.BELOW_DARK_NOISE | PointFlag.AMPLIFIER_LIMIT | PointFlag.LEVEL_NOT_REACHED
)


@dataclass(frozen=True)
class AfterwardsPlan:
    """Luminances [cd/m^2] in the order in which their spectra are taken, and how long all of them may take [s]."""

    at_luminance: tuple[float, ...] = ()
    time_budget: float = inf
    times: ExposureTimes = field(default_factory=ExposureTimes)
    mode: ExposureMode = field(default_factory=ExposureMode)

    @property
    def most_points(self) -> int:
        """The most points that come of it."""
        return POINTS_EACH * len(self.at_luminance) + (ONCE_MORE if self.at_luminance else 0)

    @property
    def most_spectra(self) -> int:
        """The most spectra that are taken."""
        return len(self.at_luminance) + (ONCE_MORE if self.at_luminance else 0)


@dataclass(frozen=True)
class LevelAt:
    """The level [V or A] at a luminance between two points of a curve, and all that a correction needs.

    ``slope``: change of the level, or of its logarithm where ``logarithmic``, with ln L; ``span``: the levels of the
    branch between which a corrected one has to stay.
    """

    level: float
    slope: float
    logarithmic: bool
    span: tuple[float, float]

    def corrected(self, off: float) -> float:
        """The level for a luminance that is to change by ``off``, as a change of ln L; no further than the branch."""
        if self.logarithmic:
            level = copysign(exp(log(abs(self.level)) + self.slope * off), self.level)
        else:
            level = self.level + self.slope * off
        return min(max(level, self.span[0]), self.span[1])


def level_at(luminance: float, records: Sequence[Record], *, logarithmic: bool) -> LevelAt | None:
    """Where a sweep reaches a luminance [cd/m^2]; None where no branch does.

    The last forward branch that passes it upwards, at the first such place; else the last reverse one, read from its
    end. Points at which a limit decided, or without light, are left out.
    """
    for branch in _rising(records):
        if (found := _crossing(luminance, branch, logarithmic=logarithmic)) is not None:
            return found
    return None


def _rising(records: Sequence[Record]) -> Iterator[list[tuple[float, float]]]:
    """Level and luminance along each branch from dark to bright: the last forward one first, then reverse ones."""
    branches = [list(group) for _, group in groupby(records, lambda one: (one.reading.branch, one.reading.cycle))]
    for direction in (Branch.FORWARD, Branch.REVERSE):
        for points in reversed(branches):
            if points[0].reading.branch is direction:
                lit = [(one.reading.source_level, one.luminance) for one in points if _of_a_curve(one)]
                yield sorted(lit, key=lambda point: abs(point[0]))  # levels that were refined came later


def _of_a_curve(record: Record) -> bool:
    return not int(record.flags) & _NOT_OF_A_CURVE and record.luminance > 0.0 and record.reading.source_level != 0.0


def _crossing(luminance: float, points: Sequence[tuple[float, float]], *, logarithmic: bool) -> LevelAt | None:
    levels = [level for level, _ in points]
    for i, ((low, dim), (high, bright)) in enumerate(pairwise(points)):
        stays = i + 2 >= len(points) or points[i + 2][1] >= luminance  # one point alone may be noise
        if dim < luminance <= bright and stays and low * high > 0.0:
            one, other = (log(abs(low)), log(abs(high))) if logarithmic else (low, high)
            slope = (other - one) / log(bright / dim)
            at = LevelAt(low, slope, logarithmic, (min(levels), max(levels)))
            return LevelAt(at.corrected(log(luminance / dim)), slope, logarithmic, at.span)
    return None


def afterwards(
    plan: AfterwardsPlan, curve: Callable[[], Sequence[Record]], source_unit: str, say: Callable[[str], None]
) -> Schedule:
    """The steps for the spectra of a plan, from the ``curve`` of its sweep; ``say`` is told what is left out.

    ``curve`` gives the records of the sweep as they are known at the moment: a spectrum may change what luminance they
    have. A spectrum is due at the steps that say so, and the record of such a step is to know it. What would not be
    over within the time budget is left out; an exposure that has begun is not cut short. ``source_unit`` is V or A.
    """
    if records := curve():
        seeking = _Seeking(plan, curve, source_unit, say, records[-1])
        for luminance in plan.at_luminance:
            yield from seeking.spectrum_at(luminance)
    return None


class _Seeking:
    """Seeks one level after the other; ``last`` is the last record of the sweep."""

    def __init__(
        self,
        plan: AfterwardsPlan,
        curve: Callable[[], Sequence[Record]],
        unit: str,
        say: Callable[[str], None],
        last: Record,
    ) -> None:
        self._plan, self._curve, self._unit, self._say = plan, curve, unit, say
        self._begun = self._now = last.reading.time
        self._index, self._cycle = last.reading.index + 1, last.reading.cycle
        self._first = True  # until there is a spectrum

    def spectrum_at(self, luminance: float) -> Generator[Step, Record, None]:
        """The steps for one luminance [cd/m^2]: its level, the same corrected, with the spectrum."""
        which = f"no spectrum afterwards at {luminance:g} cd/m^2"
        found = level_at(luminance, self._curve(), logarithmic=self._unit == "A")
        if found is None:
            self._say(f"{which}: no branch passes it between two of its points")
            return
        if self._no_time_for(luminance, which):
            return
        record = yield from self._read(found.level, luminance)
        if not _of_a_curve(record):
            self._say(f"{which}: at {found.level:.6g} {self._unit} there is no light to go by, or a limit decides")
            return
        if self._no_time_for(luminance, which):
            return
        off = log(luminance / record.luminance)
        if abs(off) > CLOSE_ENOUGH:
            found = replace(found, level=found.corrected(off))
        record = yield from self._read(found.level, luminance, spectrum=True)
        yield from self._looked_at(record, luminance, found)

    def _looked_at(self, record: Record, luminance: float, found: LevelAt) -> Generator[Step, Record, None]:
        """Where the first spectrum shows that luminance was another one than a stand-in said, take it once more."""
        first, self._first = self._first, False
        off = log(luminance / record.luminance) if record.luminance > 0.0 else inf
        exposure = self._plan.times.total(luminance, self._plan.mode)
        if not first or not TO_TAKE_AGAIN < abs(off) < inf or self._left < 2 * exposure:
            return
        self._say(
            f"asked for {luminance:g} cd/m^2 afterwards: by its own spectrum it is {record.luminance:.4g} cd/m^2; "
            "taken once more at a corrected level"
        )
        yield from self._read(found.corrected(off), luminance, spectrum=True)

    def _read(self, level: float, luminance: float, *, spectrum: bool = False) -> Generator[Step, Record, Record]:
        record = yield Step(
            self._index, Branch.AFTERWARDS, level, spectrum, cycle=self._cycle, asked_luminance=luminance
        )
        self._index, self._now = self._index + 1, record.reading.time
        return record

    @property
    def _left(self) -> float:
        """What is left of the time budget by the last reading, s."""
        return self._plan.time_budget - (self._now - self._begun)

    def _no_time_for(self, luminance: float, which: str) -> bool:
        exposure = self._plan.times.total(luminance, self._plan.mode)
        if exposure <= self._left:
            return False
        left = max(self._left, 0.0)
        self._say(f"{which}: it may take {exposure:.0f} s, and {left:.0f} s of the time budget are left")
        return True
