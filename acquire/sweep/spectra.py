"""When a spectrum is due: at levels, at luminances when first crossed, at every n-th point; or only as needed. Pure.

*As needed*: of those that are due only the ones are taken before which colour or kappa (EQE over current efficiency)
may have moved by more than a given share since the last one. It is reckoned as if they moved in proportion to the
current, the worst that devices do (heat): with the distance d, the larger change of ln L and of ln J since the last
spectrum, they may have moved by s (e^d - 1). The sensitivity s is learnt from the spectra so far: of two neighbours it
is the change of ln kappa, of x or of y, whichever is largest, over 1 - e^-d; the larger of the last two pairs counts,
times :data:`SAFETY`. Before there are two spectra it is :data:`PRIOR`, and never less than a fifth of that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import expm1, inf, isfinite, isnan, log, nan

from acquire.records import Branch, PointFlag, Record, Step
from acquire.sweep.afterwards import AfterwardsPlan
from acquire.sweep.exposure import ExposureMode, ExposureTimes


@dataclass(frozen=True)
class SpectraPlan:
    """When spectra are taken and how: luminances in cd/m^2, voltages in V, times in s.

    ``first_in_clear_light``: luminance itself comes from spectra, so that none can wait for a luminance: the first is
    taken once the photodiode's light is clear of its noise, and at the steps ``first_at_the_latest``, by their index,
    if it stands out at all. ``as_needed``: the share by which colour or kappa may move from one spectrum to the next,
    0 where all that are due are taken. ``mode`` is how they are exposed, ``retries`` how often one is tried again in
    another mode, ``times`` how long they take. ``most`` counts those ``afterwards`` as well.
    ``first_again``: the level of the first one is read once more when the sweep is over.
    """

    at_luminance: tuple[float, ...] = ()
    every_points: int = 0
    every_above: float = inf
    sample_every: float = 1.0
    most: int = 0
    first_in_clear_light: bool = False
    first_at_the_latest: tuple[range, ...] = ()
    first_index: int = 0
    as_needed: float = 0.0
    mode: ExposureMode = field(default_factory=ExposureMode)
    retries: int = 0
    times: ExposureTimes = field(default_factory=ExposureTimes)
    afterwards: AfterwardsPlan = field(default_factory=AfterwardsPlan)
    first_again: bool = True


#: Noise over light of the photodiode, relative: clear enough for the first spectrum, and for it at the latest.
CLEAR_LIGHT, LEAST_LIGHT = 1e-3, 0.1

#: Points from one attempt to take the first spectrum to the next, and how many attempts there is room for.
POINTS_BETWEEN_ATTEMPTS, MOST_ATTEMPTS = 5, 3


#: How fast ln kappa, x and y change with ln L or ln J before two spectra have shown it.
PRIOR = 0.01

#: By how much faster the next stretch may change than those before showed.
SAFETY = 1.2

_FARTHEST = 100.0  # e^d has to stay a number

#: The least that a sensitivity is taken for, in shares of :data:`PRIOR`.
_LEAST = 0.2


@dataclass(frozen=True)
class Shape:
    """What a spectrum says of points: ``kappa`` [A/cd] and CIE 1931 x, y."""

    kappa: float
    x: float
    y: float

    def distance(self, other: Shape) -> float:
        """The larger of the changes of ln kappa, of x and of y."""
        changes = abs(log(self.kappa / other.kappa)), abs(self.x - other.x), abs(self.y - other.y)
        return max(changes)


class Movement:
    """How far colour and kappa may have moved since the last spectrum, learnt from the spectra so far."""

    def __init__(self) -> None:
        self._last: tuple[Record, Shape] | None = None
        self._slopes: list[float] = []

    @property
    def sensitivity(self) -> float:
        """How fast ln kappa, x or y, whichever does most, change with ln L or ln J at the last spectrum."""
        learnt = SAFETY * max(self._slopes) if self._slopes else PRIOR
        return max(learnt, _LEAST * PRIOR)

    def since_last(self, record: Record) -> float:
        """By what share colour or kappa may have moved since the last spectrum; infinite where nobody can say."""
        if self._last is None or isnan(distance := _apart(record, self._last[0])):
            return inf
        return self.sensitivity * expm1(min(distance, _FARTHEST))

    def learn(self, record: Record, shape: Shape) -> None:
        """Take a spectrum at a point into account."""
        if self._last is not None and (distance := _apart(record, self._last[0])) > 0.0:
            self._slopes = [*self._slopes[-1:], shape.distance(self._last[1]) / -expm1(-distance)]
        self._last = record, shape


def _apart(one: Record, other: Record) -> float:
    """The larger change of ln L and ln J between two points; NaN where neither is known."""
    changes = [
        abs(log(getattr(one, name) / getattr(other, name)))
        for name in ("luminance", "current_density")
        if getattr(one, name) / (getattr(other, name) or nan) > 0.0
    ]
    return max(changes, default=nan)


@dataclass
class _Account:
    """How many spectra were due and how long they take, s: those taken, and those left out, by the exposure model."""

    taken: int = 0
    left_out: int = 0
    expected: float = 0.0
    lasted: float = 0.0
    saved: float = 0.0

    def text(self, share: float, sensitivity: float) -> str:
        due = self.taken + self.left_out
        scale = self.lasted / self.expected if self.expected > 0.0 and self.lasted > 0.0 else 1.0
        return (
            f"spectra as needed: {self.taken} of {due} that were due were taken in {self.lasted:.0f} s; "
            f"about {scale * self.saved:.0f} s of exposure saved. Between them colour and kappa moved by less than "
            f"{share:.2g}, by a sensitivity of {sensitivity:.2g}"
        )


class SpectrumSchedule:
    """Decides at which points a spectrum is due, from what has been measured so far."""

    def __init__(self, plan: SpectraPlan) -> None:
        self._movement = Movement()
        self._account = _Account()
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
        if step.branch is Branch.AFTERWARDS:
            return step.spectrum
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
        if self._not_needed(record):
            return False
        self._taken += 1
        return True

    def _not_needed(self, record: Record) -> bool:
        """Whether a spectrum that is due is left out, since nothing can have moved far."""
        if not self._plan.as_needed:
            return False
        if self._movement.since_last(record) > self._plan.as_needed:
            return False
        self._account.left_out += 1
        self._account.saved += self._expected(record)
        return True

    def _expected(self, record: Record) -> float:
        return self._plan.times.total(record.luminance, self._plan.mode) if isfinite(record.luminance) else 0.0

    def taken(self, step: Step, record: Record, shape: tuple[float, float, float] | None, lasted: float) -> None:
        """Take note that a spectrum was taken at a point in ``lasted`` s; ``shape`` where it has one that counts."""
        if step.branch is Branch.AFTERWARDS:
            return
        if shape is not None:
            self._movement.learn(record, Shape(*shape))
        self._account.taken += 1
        self._account.expected += self._expected(record)
        self._account.lasted += lasted

    @property
    def saved(self) -> str:
        """What was saved by taking spectra as needed, in words; empty where all that were due were taken."""
        if not self._plan.as_needed or not (self._account.taken or self._account.left_out):
            return ""
        return self._account.text(self._plan.as_needed, self._movement.sensitivity)

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
