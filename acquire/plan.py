"""From a sweep file and the limits of a bench to a plan: steps, spectra, duration, stress. Pure.

A plan is data. It can be listed, timed and checked before any output is switched on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf, isnan

from acquire.config import BenchFile, SweepFile
from acquire.read_back import ReadBackLimits, is_bad, read_back_limits, what_is_missing
from acquire.records import Branch, PointFlag, Reading, Record, Step
from drivers import timing

# As plain integers: an operation on enumeration members takes a microsecond, and there are several a point.
_DARK = int(PointFlag.BELOW_DARK_NOISE | PointFlag.NO_PHOTODIODE_READING)
_LIMITED = int(PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE)

#: Points in a row above the dark noise that count as light: a single one is noise now and then.
LASTING_LIGHT = 3


@dataclass(frozen=True)
class SpectraPlan:
    """When spectra are taken and how: luminances in cd/m^2, voltages in V, times in s."""

    at_luminance: tuple[float, ...] = ()
    every_points: int = 0
    every_above: float = inf
    sample_every: float = 1.0
    most: int = 0


@dataclass(frozen=True)
class StopRules:
    """What ends a sweep early, besides the last level; SI units, a share as a fraction of 1."""

    on_compliance: bool = True
    luminance_above: float = inf
    current_above: float = inf
    current_density_above: float = inf
    voltage_above: float = inf
    luminance_below_maximum: float = 0.0
    no_light_by: float = inf
    short_voltage_below: float = 0.0
    short_current_above: float = inf
    on_bad_reading: bool = False

    @cached_property
    def any_upper_limit(self) -> bool:
        """Whether a measured quantity is limited from above."""
        return min(self.luminance_above, self.current_above, self.current_density_above, self.voltage_above) < inf


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
    """Everything the engine carries out. Levels in V or A, times in s."""

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
    duration: float
    stress: Stress
    read_back: ReadBackLimits
    repeat_bad_readings: bool


def staircase(start: float, stop: float, step: float | None, points: int | None) -> list[float]:
    """Levels from start to stop, both exact.

    With ``step``: its sign is that of the way to go; a last step that does not fit is shorter. With ``points``:
    that many equidistant levels, both ends included.
    """
    span = stop - start
    if points is not None:
        return [start] if points == 1 else _equidistant(start, stop, points - 1)
    if span == 0.0 or not step:
        return [start]
    ratio = abs(span / step)
    whole = round(ratio)
    if whole >= 1 and abs(ratio - whole) < 1e-6:
        return _equidistant(start, stop, whole)
    size = abs(step) if span > 0 else -abs(step)
    return [_tidy(start + i * size) for i in range(int(ratio) + 1)] + [stop]


def _equidistant(start: float, stop: float, intervals: int) -> list[float]:
    levels = [_tidy(start + (stop - start) * i / intervals) for i in range(intervals)]
    return [*levels, stop]


def _tidy(level: float) -> float:
    """0.30000000000000004 is 0.3: twelve decimals are far below any source's resolution."""
    return round(level, 12)


def branches(levels: list[float], direction: str) -> list[tuple[Branch, float]]:
    """The levels in the order in which they are sent; ``both`` turns at the last level and sends it twice.

    A branch that leads away from zero is forward, one that leads back is reverse, wherever the file starts.
    """
    out, back = Branch.FORWARD, Branch.REVERSE
    if abs(levels[-1]) < abs(levels[0]):
        out, back = back, out
    there = [(out, level) for level in levels]
    return_way = [(back, level) for level in reversed(levels)]
    if direction == "forward":
        return there
    if direction == "reverse":
        return return_way
    return there + return_way


def make_plan(sweep: SweepFile, bench: BenchFile) -> SweepPlan:
    """Work a checked sweep file out on a bench."""
    source, measure = sweep.source, sweep.measure
    ordered = branches(staircase(source.start, source.stop, source.step, source.points), source.direction)
    spectrum_levels = _nearest_steps(ordered, _spectrum_levels(sweep))
    steps = tuple(Step(index, branch, level, index in spectrum_levels) for index, (branch, level) in enumerate(ordered))
    voltage_source = source.function == "voltage"
    levels = [step.level for step in steps] + [sweep.dark.voltage if voltage_source else 0.0]
    ranges = timing.SMU_VOLTAGE_RANGES if voltage_source else timing.SMU_CURRENT_RANGES
    largest = max(abs(level) for level in levels)
    dark = DarkPlan(
        Step(-1, Branch.FORWARD, sweep.dark.voltage if voltage_source else 0.0),
        sweep.dark.readings if sweep.dark.before else 0,
        sweep.dark.readings if sweep.dark.after else 0,
    )
    spectra = _spectra_plan(sweep, steps)
    per_point = point_time(sweep, bench)
    source_range = timing.smallest_range(
        largest if source.range == "auto" else source.range, ranges, timing.SMU_FULL_SCALE
    )
    readings = len(steps) + dark.readings_before + dark.readings_after
    return SweepPlan(
        source_function=source.function,
        source_unit="V" if voltage_source else "A",
        source_range=source_range,
        largest_level=largest,
        compliance=source.compliance,
        steps=steps,
        dark=dark,
        spectra=spectra,
        stop_rules=_stop_rules(sweep),
        settle=measure.settle,
        hardware_timed=measure.timing == "hardware",
        time_per_point=per_point,
        duration=readings * per_point + _exposures(sweep, bench, spectra),
        stress=_stress(largest, source.compliance, voltage_source),
        read_back=read_back_limits(sweep, bench, source_range),
        repeat_bad_readings=measure.bad_reading == "retry",
    )


def point_time(sweep: SweepFile, bench: BenchFile) -> float:
    """Seconds a point takes: the slower of two meters that integrate at the same time, after settling."""
    hardware = sweep.measure.timing == "hardware"
    settle = sweep.measure.settle
    source = _source_meter_time(sweep, bench, hardware)
    if not hardware:
        return max(source, _photodiode_meter_time(sweep, bench, settle, linked=False))
    # The source settles, then pulses the other meter: both share that part.
    before_the_pulse = source - _source_meter_conversion(sweep, bench)
    return max(source, before_the_pulse + _photodiode_meter_time(sweep, bench, 0.0, linked=True))


def _source_meter_time(sweep: SweepFile, bench: BenchFile, hardware: bool) -> float:
    measure = sweep.measure
    return timing.smu_time_per_point(
        nplc=measure.nplc,
        line_frequency=bench.instruments.smu.line_frequency,
        autozero=measure.autozero,
        source=_source(sweep),
        trigger_delay=0.0 if hardware else measure.settle,
        source_delay=measure.settle,
        filter_count=measure.filter_count,
        static=not hardware,
        linked=hardware,
    )


def _source_meter_conversion(sweep: SweepFile, bench: BenchFile) -> float:
    measure = sweep.measure
    return measure.filter_count * timing.smu_conversion_time(
        nplc=measure.nplc,
        line_frequency=bench.instruments.smu.line_frequency,
        autozero=measure.autozero,
        source=_source(sweep),
    )


def _photodiode_meter_time(sweep: SweepFile, bench: BenchFile, delay: float, *, linked: bool) -> float:
    measure = sweep.measure
    return timing.dmm_time_per_reading(
        nplc=measure.photodiode_nplc,
        line_frequency=bench.instruments.smu.line_frequency,
        autozero=measure.autozero,
        trigger_delay=delay,
        filter_count=measure.filter_count,
        linked=linked,
    )


def _source(sweep: SweepFile) -> timing.Source:
    return "voltage" if sweep.source.function == "voltage" else "current"


def bursts(steps: tuple[Step, ...], most: int) -> list[tuple[Step, ...]]:
    """The steps in as few groups of at most ``most`` as possible, none of them shorter than the others by over one."""
    number = -(-len(steps) // most)
    edges = [len(steps) * i // number for i in range(number + 1)]
    return [steps[start:stop] for start, stop in pairwise(edges)]


class SpectrumSchedule:
    """Decides at which points a spectrum is due, from what has been measured so far."""

    def __init__(self, plan: SpectraPlan) -> None:
        self._plan = plan
        self._waiting: dict[Branch, list[float]] = {}
        self._begun: set[Branch] = set()
        self._since_last = inf
        self._taken = 0

    def due(self, step: Step, record: Record) -> bool:
        """Whether to take a spectrum at this point.

        A luminance is reached at the first point of a branch on its far side; points in compliance or with an
        overflowing photodiode reading do not count.
        """
        if not self._plan.most:
            return False
        reached = self._reached(step.branch, record)
        self._since_last += 1
        often = (
            self._plan.every_points > 0
            and (self._plan.every_above <= 0.0 or record.luminance > self._plan.every_above)
            and self._since_last >= self._plan.every_points
        )
        if not (step.spectrum or reached or often) or self._taken >= self._plan.most:
            return False
        self._since_last = 0
        self._taken += 1
        return True

    def _reached(self, branch: Branch, record: Record) -> bool:
        luminance = record.luminance
        if isnan(luminance) or record.flags & (PointFlag.COMPLIANCE | PointFlag.PHOTODIODE_OVERFLOW):
            return False
        waiting = self._waiting.setdefault(branch, list(self._plan.at_luminance))
        rising = branch is Branch.FORWARD
        if not rising and branch not in self._begun:
            # A reverse branch begins in bright light: what lies above its first point was never passed.
            self._begun.add(branch)
            self._waiting[branch] = [level for level in waiting if level <= luminance]
            return False
        passed = [level for level in waiting if (luminance >= level if rising else luminance <= level)]
        self._waiting[branch] = [level for level in waiting if level not in passed]
        return bool(passed)


class StopWatch:
    """Looks at every point of a sweep and says when a stop rule is met."""

    def __init__(self, rules: StopRules) -> None:
        self._rules = rules
        self._brightest: dict[Branch, float] = {}
        self._lit_in_a_row = 0
        self._light_seen = False

    def reason(self, record: Record) -> str:
        """Why the sweep should end at this point; empty when it should not."""
        branch, luminance = record.reading.branch, record.luminance
        dark = int(record.flags) & _DARK
        self._lit_in_a_row = 0 if dark else self._lit_in_a_row + 1
        self._light_seen = self._light_seen or self._lit_in_a_row >= LASTING_LIGHT
        lit = not dark and not isnan(luminance)
        if lit:
            self._brightest[branch] = max(luminance, self._brightest.get(branch, 0.0))
        why = (
            self._bad(record.reading)
            or self._limited(record)
            or self._too_much(record)
            or self._sick_device(record, lit, bool(dark))
        )
        return f"{why} (point {record.reading.index}, level {record.reading.source_level:g})" if why else ""

    def _bad(self, reading: Reading) -> str:
        return what_is_missing(reading) if self._rules.on_bad_reading and is_bad(reading) else ""

    def _limited(self, record: Record) -> str:
        limited = int(record.flags) & _LIMITED
        return "the source went into compliance" if limited and self._rules.on_compliance else ""

    def _too_much(self, record: Record) -> str:
        rules, reading = self._rules, record.reading
        if not rules.any_upper_limit:
            return ""
        for name, value, limit, unit in (
            ("luminance", record.luminance, rules.luminance_above, "cd/m^2"),
            ("current", abs(reading.current), rules.current_above, "A"),
            ("current density", abs(record.current_density), rules.current_density_above, "A/m^2"),
            ("voltage", abs(reading.voltage), rules.voltage_above, "V"),
        ):
            if value > limit:
                return f"{name} {value:.4g} {unit} is above the {limit:.4g} {unit} of the stop rule"
        return ""

    def _sick_device(self, record: Record, lit: bool, dark: bool) -> str:
        rules, reading = self._rules, record.reading
        if abs(reading.voltage) < rules.short_voltage_below and abs(reading.current) > rules.short_current_above:
            return f"short: {abs(reading.current):.4g} A at {reading.voltage:.4g} V"
        if dark and not self._light_seen and abs(reading.voltage) >= rules.no_light_by:
            return f"no light by {reading.voltage:.4g} V"
        brightest = self._brightest.get(reading.branch, 0.0)
        rising = reading.branch is Branch.FORWARD
        if rising and lit and record.luminance < rules.luminance_below_maximum * brightest:
            share = f"{rules.luminance_below_maximum:.0%}"
            return f"luminance {record.luminance:.4g} cd/m^2 has fallen below {share} of its maximum"
        return ""


def _nearest_steps(ordered: list[tuple[Branch, float]], levels: tuple[float, ...]) -> set[int]:
    chosen = set()
    for branch in {branch for branch, _ in ordered}:
        indices = [i for i, (b, _) in enumerate(ordered) if b is branch]
        chosen |= {min(indices, key=lambda i: abs(ordered[i][1] - level)) for level in levels}
    return chosen


def _spectrum_levels(sweep: SweepFile) -> tuple[float, ...]:
    if sweep.spectra is None:
        return ()
    return sweep.spectra.at_voltage if sweep.source.function == "voltage" else sweep.spectra.at_current


def _spectra_plan(sweep: SweepFile, steps: tuple[Step, ...]) -> SpectraPlan:
    wanted = sweep.spectra
    if wanted is None:
        return SpectraPlan()
    number_of_branches = len({step.branch for step in steps})
    every = wanted.every
    most = (
        sum(step.spectrum for step in steps)
        + number_of_branches * len(wanted.at_luminance)
        + (len(steps) // every.points + number_of_branches if every else 0)
    )
    return SpectraPlan(
        at_luminance=tuple(wanted.at_luminance),
        every_points=every.points if every else 0,
        every_above=every.above if every else inf,
        sample_every=wanted.sample_every,
        most=min(most, len(steps)),
    )


def _stop_rules(sweep: SweepFile) -> StopRules:
    stop = sweep.stop
    return StopRules(
        on_compliance=stop.on_compliance == "stop",
        luminance_above=_limit(stop.luminance_above),
        current_above=_limit(stop.current_above),
        current_density_above=_limit(stop.current_density_above),
        voltage_above=_limit(stop.voltage_above),
        luminance_below_maximum=stop.luminance_below_maximum or 0.0,
        no_light_by=_limit(stop.no_light_by),
        short_voltage_below=stop.short.voltage_below if stop.short else 0.0,
        short_current_above=stop.short.current_above if stop.short else inf,
        on_bad_reading=sweep.measure.bad_reading == "stop",
    )


def _limit(value: float | None) -> float:
    return inf if value is None else value


def _exposures(sweep: SweepFile, bench: BenchFile, spectra: SpectraPlan) -> float:
    """Seconds that all spectra may take: those at a luminance by that luminance, the others as if at 100 cd/m^2."""
    meter, wanted = bench.instruments.spectroradiometer, sweep.spectra
    if meter is None or wanted is None:
        return 0.0
    number_of_branches = 2 if sweep.source.direction == "both" else 1
    luminances = list(spectra.at_luminance) * number_of_branches
    luminances += [100.0] * (spectra.most - len(luminances))
    return sum(
        timing.spectroradiometer_exposure(
            max(luminance, 1e-3),
            measuring_angle=meter.measuring_angle,
            speed_mode=wanted.speed,
            integration_time=wanted.integration_time or 1.0,
            internal_nd=wanted.internal_nd,
        ).total
        for luminance in luminances
    )


def _stress(largest: float, compliance: float, voltage_source: bool) -> Stress:
    voltage, current = (largest, compliance) if voltage_source else (compliance, largest)
    return Stress(voltage, current, voltage * current)
