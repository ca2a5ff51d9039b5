"""From a sweep file and the limits of a bench to a plan: steps, spectra, duration, stress. Pure.

A plan is data. It can be listed, timed and checked before any output is switched on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf

from acquire.config import BenchFile, SweepFile
from acquire.config.linked_timing import linked_timing
from acquire.records import Branch, Step
from acquire.sweep.adaptive import Adaptive
from acquire.sweep.afterwards import ONCE_MORE, AfterwardsPlan
from acquire.sweep.exposure import ExposureMode, ExposureTimes
from acquire.sweep.levels import branches_of, steps_of
from acquire.sweep.lifetime import LifetimeCourse, lifetime_course
from acquire.sweep.pulses import PulsePlan, pulse_plan
from acquire.sweep.read_back import ReadBackLimits, read_back_limits
from acquire.sweep.schedule import Course, Schedule, in_order
from acquire.sweep.spectra import MOST_ATTEMPTS, SpectraPlan
from acquire.sweep.stop_rules import StopRules, _stop_rules
from drivers import models
from drivers.specification import PointTiming, SourceMeterSpecification


@dataclass(frozen=True)
class DarkPlan:
    """The dark level and how often it is read."""

    step: Step
    readings_before: int
    readings_after: int


@dataclass(frozen=True)
class Stress:
    """The most that the plan can ask of the device: V, A, W."""

    voltage: float
    current: float
    power: float


@dataclass(frozen=True)
class SweepPlan:
    """Everything the engine carries out. Levels in V or A, times in s.

    ``steps`` are those that are known beforehand; ``course`` is where further ones come from, where not all are known.
    ``exposures``: what each of the spectra may take, the dim ones of a branch first where it goes up. ``most_stored``:
    readings that both meters can store. ``pulse``: how levels are pulsed, and ``time_per_point`` their period then.
    ``time_per_reading``: of readings that the program asks for one by one, as those at the dark level always are.
    """

    source_function: str
    source_unit: str
    source_range: float
    largest_level: float
    compliance: float
    steps: tuple[Step, ...]
    dark: DarkPlan
    spectra: SpectraPlan
    stop_rules: StopRules
    settle: float
    hardware_timed: bool
    time_per_point: float
    time_per_reading: float
    duration: float
    exposures: tuple[float, ...]
    stress: Stress
    read_back: ReadBackLimits
    repeat_bad_readings: bool
    most_stored: int
    pulse: PulsePlan | None = None
    course: Course | None = None

    @property
    def most_points(self) -> int:
        """The most points, and rows, that can come of it."""
        return len(self.steps) if self.course is None else self.course.most_points

    def schedule(self) -> Schedule:
        """Its steps from the first, each once the record of the one before is known."""
        return in_order(self.steps) if self.course is None else self.course.schedule()

    @property
    def lasting(self) -> bool:
        """Whether one level is kept while the device changes, which is what is measured."""
        return isinstance(self.course, LifetimeCourse)

    @property
    def held_readings(self) -> int:
        """How often the meters are read while levels are held; no points come of it."""
        return held_readings(self.steps, self.time_per_reading)


def make_plan(sweep: SweepFile, bench: BenchFile) -> SweepPlan:
    """Work a checked sweep file out on a bench."""
    source, measure = sweep.source, sweep.measure
    lifetime = None if sweep.lifetime is None else lifetime_course(sweep.lifetime, source, measure.settle)
    steps = steps_of(source, _spectrum_levels(sweep))
    voltage_source = source.function == "voltage"
    before = [step.before.level for step in steps if step.before is not None]
    levels = [step.level for step in steps] + before + [sweep.dark.voltage if voltage_source else 0.0]
    span = _source_meter(bench).span(source.function)
    largest = max(abs(level) for level in [*levels, lifetime.largest_level if lifetime else 0.0])
    dark = DarkPlan(
        Step(-1, Branch.FORWARD, sweep.dark.voltage if voltage_source else 0.0),
        sweep.dark.readings if sweep.dark.before else 0,
        sweep.dark.readings if sweep.dark.after else 0,
    )
    refined = Adaptive(steps, source.refine) if source.refine else None
    course = lifetime or refined
    most_points = course.most_points if course else len(steps)
    spectra = (
        _spectra_of_lifetime(sweep, bench, lifetime) if lifetime else _spectra_plan(sweep, bench, steps, most_points)
    )
    per_point = point_time(sweep, bench)
    source_range = span.smallest_range(largest if source.range == "auto" else source.range)
    again = 1 if spectra.most else 0  # the level of the first spectrum, when the sweep is over
    readings = dark.readings_before + dark.readings_after + again + spectra.afterwards.most_points
    by_program = stepped_time(sweep, bench)
    exposures = _exposures(sweep, bench, spectra)
    held = held_readings(steps, by_program)
    through = lifetime.duration(per_point) if lifetime else most_points * per_point + held * by_program
    return SweepPlan(
        source_function=source.function,
        source_unit="V" if voltage_source else "A",
        source_range=source_range,
        largest_level=largest,
        compliance=source.compliance,
        steps=steps,
        dark=dark,
        spectra=spectra,
        stop_rules=_stop_rules(sweep, bench),
        settle=measure.settle,
        hardware_timed=measure.timing == "hardware",
        time_per_point=per_point,
        time_per_reading=by_program,
        duration=through + readings * by_program + sum(exposures),
        exposures=exposures,
        stress=_stress(largest, source.compliance, voltage_source),
        read_back=read_back_limits(sweep, bench, source_range),
        repeat_bad_readings=measure.bad_reading == "retry",
        most_stored=_most_stored(bench),
        pulse=pulse_plan(sweep, bench),
        course=course,
    )


def held_readings(steps: Sequence[Step], time_per_reading: float) -> int:
    """How often the meters are read while levels are held: pre-bias, rests, holds of single levels."""
    times = [time for step in steps for time in (step.hold, step.before.time if step.before else 0.0)]
    return sum(ceil(time / time_per_reading - 1e-9) for time in times)


def point_time(sweep: SweepFile, bench: BenchFile) -> float:
    """Seconds a point takes: the slower of two meters that integrate at the same time, after settling."""
    if sweep.measure.timing == "hardware":
        pulse = pulse_plan(sweep, bench)
        if pulse is not None:
            return pulse.period
        return linked_timing(sweep.measure, bench.instruments, sweep.source.function, sweep.measure.settle).mean
    return stepped_time(sweep, bench)


def stepped_time(sweep: SweepFile, bench: BenchFile) -> float:
    """Seconds a reading takes that the program asks for by itself, as those at the dark level always are."""
    return max(_source_meter_time(sweep, bench), _photodiode_meter_time(sweep, bench))


def _source_meter_time(sweep: SweepFile, bench: BenchFile) -> float:
    measure = sweep.measure
    return _source_meter(bench).point_time(
        PointTiming(
            nplc=measure.nplc,
            line_frequency=bench.instruments.smu.line_frequency,
            autozero=measure.autozero,
            source=sweep.source.function,
            trigger_delay=measure.settle,
            filter_count=measure.filter_count,
            static=True,
        )
    )


def _photodiode_meter_time(sweep: SweepFile, bench: BenchFile) -> float:
    measure = sweep.measure
    return models.multimeter(bench.instruments.photodiode_meter.model).reading_time(
        PointTiming(
            nplc=measure.photodiode_nplc,
            line_frequency=bench.instruments.smu.line_frequency,
            autozero=measure.autozero,
            trigger_delay=measure.settle,
            filter_count=measure.filter_count,
        )
    )


def _source_meter(bench: BenchFile) -> SourceMeterSpecification:
    return models.source_meter(bench.instruments.smu.model)


def _most_stored(bench: BenchFile) -> int:
    return min(_source_meter(bench).buffer, models.multimeter(bench.instruments.photodiode_meter.model).buffer)


def bursts(steps: tuple[Step, ...], most: int) -> list[tuple[Step, ...]]:
    """The steps in as few groups of at most ``most`` as possible; what is held before a step begins a group.

    Of what lies between, no group is shorter than the others by over one.
    """
    begins = [i for i, step in enumerate(steps) if i == 0 or step.before is not None]
    groups = [steps[start:stop] for start, stop in pairwise([*begins, len(steps)])]
    return [part for group in groups for part in _in_equal_parts(group, most)]


def _in_equal_parts(steps: tuple[Step, ...], most: int) -> list[tuple[Step, ...]]:
    number = -(-len(steps) // most)
    edges = [len(steps) * i // number for i in range(number + 1)]
    return [steps[start:stop] for start, stop in pairwise(edges)]


def _spectrum_levels(sweep: SweepFile) -> tuple[float, ...]:
    if sweep.spectra is None:
        return ()
    return sweep.spectra.at_voltage if sweep.source.function == "voltage" else sweep.spectra.at_current


def _spectra_plan(sweep: SweepFile, bench: BenchFile, steps: tuple[Step, ...], most_points: int) -> SpectraPlan:
    wanted = sweep.spectra
    if wanted is None:
        return SpectraPlan()
    number_of_branches = len(branches_of(steps))
    every = wanted.every
    most = (
        sum(step.spectrum for step in steps)
        + number_of_branches * len(wanted.at_luminance)
        + (most_points // every.points + number_of_branches if every else 0)
    )
    afterwards = _afterwards_plan(sweep, bench)
    by_luminance = bool(wanted.at_luminance or wanted.afterwards) or (every is not None and every.above > 0.0)
    first = by_luminance and bench.photodiode.luminance_route == "from_spectra"
    return SpectraPlan(
        at_luminance=tuple(wanted.at_luminance),
        every_points=every.points if every else 0,
        every_above=every.above if every else inf,
        sample_every=wanted.sample_every,
        most=min(most + (MOST_ATTEMPTS if first else 0), most_points) + afterwards.most_spectra,
        first_in_clear_light=first,
        first_at_the_latest=_last_quarters(steps) if first else (),
        as_needed=wanted.as_needed.share if wanted.as_needed else 0.0,
        mode=afterwards.mode,
        retries=wanted.retries,
        times=afterwards.times,
        afterwards=afterwards,
    )


def _afterwards_plan(sweep: SweepFile, bench: BenchFile) -> AfterwardsPlan:
    """What is to be done when the sweep is over; mode and duration of an exposure also where that is nothing."""
    wanted, meter = sweep.spectra, bench.instruments.spectroradiometer
    assert wanted is not None
    after = wanted.afterwards
    return AfterwardsPlan(
        at_luminance=tuple(after.at_luminance) if after else (),
        time_budget=after.time_budget if after else inf,
        times=ExposureTimes(meter.model, meter.measuring_angle) if meter else ExposureTimes(),
        mode=ExposureMode(wanted.speed, wanted.internal_nd, wanted.integration_time or 1.0),
    )


def _spectra_of_lifetime(sweep: SweepFile, bench: BenchFile, lifetime: LifetimeCourse) -> SpectraPlan:
    """How they are taken; the schedule of a lifetime itself says at which steps."""
    if sweep.spectra is None:
        return SpectraPlan()
    how = _afterwards_plan(sweep, bench)
    return SpectraPlan(
        sample_every=sweep.spectra.sample_every,
        most=lifetime.most_spectra,
        mode=how.mode,
        retries=sweep.spectra.retries,
        times=how.times,
    )


def _last_quarters(steps: tuple[Step, ...]) -> tuple[range, ...]:
    """The indices of the steps of the last quarter of each branch."""
    ends = [branch[-1].index + 1 for branch in branches_of(steps)]
    return tuple(range(stop - -(-(stop - start) // 4), stop) for start, stop in pairwise([0, *ends]))


def _exposures(sweep: SweepFile, bench: BenchFile, spectra: SpectraPlan) -> tuple[float, ...]:
    """Seconds that each spectrum may take: those at a luminance by that luminance, the others as if at 100 cd/m^2."""
    if bench.instruments.spectroradiometer is None or sweep.spectra is None:
        return ()
    rising = sorted(spectra.at_luminance)
    in_order = {"forward": rising, "reverse": rising[::-1], "both": rising + rising[::-1]}
    luminances = list(in_order[sweep.source.direction]) * sweep.source.cycles
    afterwards = spectra.afterwards.at_luminance
    afterwards = (*afterwards[:ONCE_MORE], *afterwards)
    luminances += [100.0] * (spectra.most - len(luminances) - len(afterwards))
    return tuple(spectra.times.total(luminance, spectra.mode) for luminance in (*luminances, *afterwards))


def _stress(largest: float, compliance: float, voltage_source: bool) -> Stress:
    voltage, current = (largest, compliance) if voltage_source else (compliance, largest)
    return Stress(voltage, current, voltage * current)
