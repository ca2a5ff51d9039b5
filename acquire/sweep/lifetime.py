"""One level kept for hours to months: its schedule, from what was measured so far to the next point. Pure.

Time is that under stress (:mod:`acquire.evaluation.stress`), 0 at the end of the burn-in.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from math import floor, inf, isnan, log10, nan

from acquire.config.lifetime import EndConditions, Lifetime, Sampling
from acquire.config.sweep import Source
from acquire.evaluation.stress import StressClock
from acquire.records import Branch, Record, Step
from acquire.sweep.levels import stretch_levels
from acquire.sweep.schedule import Schedule

#: Points in a row at which light must have fallen so far: a single one is noise now and then.
LASTING = 3

#: Two times closer than this are one, s.
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a lifetime has come, in what is needed to go on with it.

    ``stress`` [s] at the last point; ``rows`` so far of all kinds, ``curves`` gone through or begun.
    ``initial_luminance`` L_0 by time, ``initial_voltage`` and ``largest_luminance``, NaN while not known.
    """

    stress: float
    rows: int = 0
    curves: int = 0
    initial_luminance: float = nan
    initial_voltage: float = nan
    largest_luminance: float = nan


@dataclass(frozen=True)
class LifetimeCourse:
    """A lifetime as it is carried out: levels in V or A, times in s under stress; ``done`` is what was done before."""

    level: float
    sampling: tuple[Sampling, ...]
    points_per_decade: float
    first: float
    last: float
    burn_in: float
    burn_in_every: float
    initial_time: float
    by_maximum: bool
    spectrum_times: tuple[float, ...]
    spectrum_shares: tuple[float, ...]
    curve_times: tuple[float, ...]
    curve_levels: tuple[float, ...]
    end: EndConditions
    hold_at_end: float
    most_samples: int
    settle: float = 0.0
    done: Progress | None = None

    @property
    def most_points(self) -> int:
        """The most rows, those of before among them: samples, those at times that were asked for, curves."""
        asked = len(self.spectrum_times) + len(self.spectrum_shares) + 2
        most = self.most_samples + asked + len(self.curve_times) * (len(self.curve_levels) + 2)
        most += self.done.rows if self.done else 0  # each part begins with points of its own
        return most if self.end.points is None else min(most, self.end.points + 1)

    @property
    def largest_level(self) -> float:
        """The largest of all levels, those of the curves included."""
        return max(abs(level) for level in (self.level, *self.curve_levels))

    @property
    def most_spectra(self) -> int:
        """The most spectra; one more where it is gone on with."""
        asked = len(self.spectrum_times) + len(self.spectrum_shares)
        return asked + bool(asked)

    def duration(self, time_per_point: float) -> float:
        """How long it takes at most, s: the spectra and the first point left out."""
        curves = len(self.curve_times) * len(self.curve_levels) * time_per_point
        return self.burn_in + self.last + curves + self.hold_at_end

    def gone_on_with(self, done: Progress) -> LifetimeCourse:
        """What is left of it."""
        return replace(self, done=done)

    def schedule(self) -> Schedule:
        """The steps, each from what was measured before it."""
        return _Run(self).steps()

    def next_sample(self, stress: float) -> float:
        """When, of the time under stress, the first point after ``stress`` is due; infinite after the last."""
        after = stress + _ROUNDING
        if after < 0.0:
            number = floor((after + self.burn_in) / self.burn_in_every + 1e-9) + 1
            return min(number * self.burn_in_every - self.burn_in, 0.0)
        asked = (*self.spectrum_times, *self.curve_times, self.initial_time, self.last)
        return min([self._regular(after), *(time for time in asked if time > after)], default=inf)

    def _regular(self, after: float) -> float:
        """The first regular time after one, the burn-in left out."""
        if self.points_per_decade:
            number = 0 if after < self.first else floor(log10(after / self.first) * self.points_per_decade + 1e-9) + 1
            time = self.first * 10 ** (number / self.points_per_decade)
            return time if time <= self.last + _ROUNDING else inf
        begins = [0.0, *(part.until for part in self.sampling)]
        place = bisect_right(begins, after) - 1
        if place >= len(self.sampling):
            return inf
        part, begin = self.sampling[place], begins[place]
        return float(min(begin + (floor((after - begin) / part.every) + 1) * part.every, part.until))


class _Run:
    """A lifetime under way."""

    def __init__(self, course: LifetimeCourse) -> None:
        done = course.done or Progress(-course.burn_in)
        self._course = course
        self._clock = StressClock(done.stress, course.settle)
        self._stress = done.stress
        self._index, self._curves = done.rows, done.curves
        self._initial, self._voltage = done.initial_luminance, done.initial_voltage
        self._largest = done.largest_luminance
        self._dim = {"share": 0, "luminance": 0, "signal": 0}
        self._ratio = inf

    def steps(self) -> Schedule:
        """Every step; returns why it is over."""
        course, due = self._course, 0.0
        shares, spectrum = sorted(course.spectrum_shares, reverse=True), self._first_spectrum()
        asked = [time for time in course.spectrum_times if time > self._stress + _ROUNDING]
        while True:
            if self._curve_is_due():
                yield from self._curve()
            record = yield self._step(due, spectrum=spectrum)
            now = self._taken(record)
            if why := self._met(record):
                break
            due, spectrum = 0.0, False
            if self._curve_is_due():
                continue
            if asked and asked[0] <= now + _ROUNDING:  # the one before took longer than until then
                spectrum, asked = True, [time for time in asked if time > now + _ROUNDING]
                continue
            if passed := [share for share in shares if self._ratio <= share]:
                shares, spectrum = [share for share in shares if share not in passed], True
                continue
            if (planned := course.next_sample(now)) == inf:
                why = f"{course.last:g} s under stress"
                break
            spectrum = bool(asked) and asked[0] <= planned + _ROUNDING
            asked = asked[1:] if spectrum else asked
            due = self._clock.due(planned)
        if course.hold_at_end and self._index < course.most_points:
            self._taken((yield self._step(0.0, hold=course.hold_at_end)))
        return f"end of the lifetime: {why}"

    def _first_spectrum(self) -> bool:
        """Whether one is taken at the first point: where it is asked for then, and where a run is gone on with."""
        if self._course.done is not None and self._course.done.rows:
            return bool(self._course.most_spectra)
        return self._course.burn_in == 0.0 and any(time <= _ROUNDING for time in self._course.spectrum_times)

    def _step(self, due: float, *, spectrum: bool = False, hold: float = 0.0) -> Step:
        step = Step(self._index, Branch.FORWARD, self._course.level, spectrum, 0, hold, due=max(due, 0.0))
        self._index += 1
        return step

    def _curve_is_due(self) -> bool:
        times = self._course.curve_times
        return self._curves < len(times) and times[self._curves] <= self._stress + _ROUNDING

    def _curve(self) -> Schedule:
        """The levels of a curve; the time under stress stands still until the level is back."""
        self._curves += 1
        for level in self._course.curve_levels:
            record = yield Step(self._index, Branch.FORWARD, level, cycle=self._curves)
            self._index += 1
            self._stress = self._clock.of_curve(record.reading.time, record.reading.paused)
        return None

    def _taken(self, record: Record) -> float:
        """The time under stress of a point of the course, which is looked at."""
        self._stress = self._clock.of_course(record.reading.time, record.reading.paused)
        luminance = record.luminance
        if isnan(luminance) or self._stress < -_ROUNDING:
            return self._stress
        self._largest = luminance if isnan(self._largest) else max(self._largest, luminance)
        if isnan(self._initial) and self._stress >= self._course.initial_time - _ROUNDING:
            self._initial, self._voltage = luminance, record.reading.voltage
        reference = self._largest if self._course.by_maximum else self._initial
        self._ratio = luminance / reference if not isnan(self._initial) and reference > 0.0 else inf
        return self._stress

    def _met(self, record: Record) -> str:
        """Which end condition is met; empty for none."""
        end, reading = self._course.end, record.reading
        voltage, current = abs(reading.voltage), abs(reading.current)
        signal, light = abs(reading.photodiode_signal), record.luminance
        rise = voltage - abs(self._voltage)
        share, dimmest = end.luminance_share, end.luminance_below
        for met, why in (
            (
                share is not None and self._lasting("share", self._ratio <= share),
                f"luminance at {self._ratio:.2%} of L_0",
            ),
            (dimmest is not None and self._lasting("luminance", light < dimmest), f"luminance {light:.4g} cd/m^2"),
            (_above(voltage, end.voltage_above) or _below(voltage, end.voltage_below), f"voltage {voltage:.4g} V"),
            (_above(rise, end.voltage_rise), f"voltage risen by {rise:.3g} V"),
            (_above(current, end.current_above) or _below(current, end.current_below), f"current {current:.4g} A"),
            (
                self._lasting("signal", _below(signal, end.photodiode_signal_below)),
                f"photodiode signal {signal:.4g} V",
            ),
            (end.points is not None and self._index >= end.points, f"{self._index} points"),
        ):
            if met:
                return f"{why} after {self._stress:.6g} s under stress"
        return ""

    def _lasting(self, what: str, dim: bool) -> bool:
        """Whether it has been so at several points in a row."""
        self._dim[what] = self._dim[what] + 1 if dim else 0
        return self._dim[what] >= LASTING


def _above(value: float, limit: float | None) -> bool:
    return limit is not None and value > limit


def _below(value: float, limit: float | None) -> bool:
    return limit is not None and value < limit


def lifetime_course(lifetime: Lifetime, source: Source, settle: float) -> LifetimeCourse:
    """The course of a checked section ``lifetime`` at the level of its source."""
    curves = lifetime.curves
    return LifetimeCourse(
        level=source.levels[0],
        sampling=lifetime.sampling,
        points_per_decade=lifetime.points_per_decade or 0.0,
        first=lifetime.first,
        last=lifetime.last,
        burn_in=lifetime.burn_in,
        burn_in_every=lifetime.burn_in_every,
        initial_time=lifetime.initial_time,
        by_maximum=lifetime.initial_luminance == "by_maximum",
        spectrum_times=tuple(sorted({*lifetime.spectra_at, *_reference_times(lifetime)})),
        spectrum_shares=lifetime.spectra_at_shares,
        curve_times=tuple(sorted(curves.at)) if curves else (),
        curve_levels=tuple(stretch_levels(curves)) if curves else (),
        end=lifetime.end,
        hold_at_end=lifetime.hold_at_end or 0.0,
        most_samples=lifetime.sample_count(),
        settle=settle,
    )


def _reference_times(lifetime: Lifetime) -> list[float]:
    """When a spectrum is taken to say what the photodiode's luminance is worth."""
    if lifetime.reference == "never":
        return []
    every = lifetime.reference_every or inf
    count = int((lifetime.last - lifetime.initial_time) / every) if lifetime.reference == "every" else 0
    return [lifetime.initial_time + i * every if i else lifetime.initial_time for i in range(count + 1)]
