"""How the 2400 measures: times, autoranging, noise, filter, and the status element of a reading.

Sources: Keithley Series 2400 User's Manual 2400S-900-01, section 7 (ranges, speed, filters), section 18 (status
element) and appendix A (time of one point); SPEC-2400 Rev. L.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from drivers.simulated.fixture import OperatingPoint, TestFixture
from drivers.simulated.keithley2400.ranges import (
    CONVERSION_TIMING,
    RANGES,
    ConversionTiming,
    automatic_source_delay,
    autorange,
    conversion_time,
    resistance_of,
    round_to_measure_step,
    source_phase_time,
    static_source_phase_time,
)
from drivers.simulated.keithley2400.rules import highest_measure_range
from drivers.simulated.keithley2400.settings import Drive, Settings, measure_ranges, measured_functions

RANGE_CHANGE_TIME = 1 / 75
"""Seconds of conversion until a value shows that it does not fit its range (SPEC-2400: 75 range changes/s)."""

OVERFLOW = 1 << 0
_FILTER, _FRONT, _REAL_COMPLIANCE = 1 << 1, 1 << 2, 1 << 3
_OVER_VOLTAGE, _MATH, _NULL, _AUTO_OHMS = 1 << 4, 1 << 5, 1 << 6, 1 << 10
_MEASURED = {"VOLT": 1 << 11, "CURR": 1 << 12, "RES": 1 << 13}
_SOURCE = {"VOLT": 1 << 14, "CURR": 1 << 15}
_RANGE_COMPLIANCE, _OFFSET_COMPENSATED, _REMOTE_SENSE = 1 << 16, 1 << 17, 1 << 22


class TimingOptions(Protocol):
    """The switches for what the documents leave open about conversion times."""

    @property
    def one_function_phases(self) -> int:
        """The A/D phases of one function with auto-zero and concurrent measuring on."""

    @property
    def two_functions_without_autozero(self) -> ConversionTiming:
        """The phases and overheads of two functions with auto-zero off."""


def conversion_timing(settings: Settings, options: TimingOptions) -> ConversionTiming:
    """Phases and overheads of one conversion with these settings."""
    two = len(measured_functions(settings)) > 1
    if two and not settings.autozero:
        return options.two_functions_without_autozero
    timing = CONVERSION_TIMING[settings.autozero, two]
    if settings.autozero and not two and settings.concurrent:
        return (options.one_function_phases, *timing[1:])
    return timing


def averaged_conversions(settings: Settings) -> int:
    """Conversions that one reading takes: the filter count of the repeat filter, else one."""
    return settings.filter_count if settings.filter_on and settings.filter_control == "REP" else 1


def point_conversion_time(settings: Settings, line_frequency: float, timing: ConversionTiming) -> float:
    """Seconds of all conversions of one reading."""
    duration = conversion_time(settings.nplc, line_frequency, settings.active_source, timing)
    return averaged_conversions(settings) * duration


def source_phase(settings: Settings, *, skip_delay: bool) -> float:
    """Seconds from the source action to the conversion."""
    if skip_delay:
        return static_source_phase_time(autozero=settings.autozero)
    if not settings.source_delay_auto:
        return source_phase_time(settings.source_delay)
    _, current_range = measure_ranges(settings)
    return source_phase_time(automatic_source_delay(settings.active_source, current_range))


def wanted_range(settings: Settings, point: OperatingPoint) -> tuple[str, float] | None:
    """The measured function whose automatic range does not fit, and the range it goes to."""
    function = "RES" if settings.auto_ohms else "CURR" if settings.source_function == "VOLT" else "VOLT"
    sense = settings.sense[function]
    if not sense.auto or not settings.functions:
        return None
    highest = highest_measure_range(settings, function)
    lowest = min(sense.lower_limit, highest)
    range_ = autorange(RANGES[function], sense.range, _sensed(point, function), lowest, highest)
    return None if range_ == sense.range else (function, range_)


def _sensed(point: OperatingPoint, function: str) -> float:
    if function == "CURR":
        return point.current
    return point.voltage if function == "VOLT" else resistance_of(point.voltage, point.current)


def noisy(
    settings: Settings, ranges: tuple[float, float], point: OperatingPoint, fixture: TestFixture
) -> tuple[float, float]:
    """Voltage and current as converted: constant noise on V, relative noise and a part of range on I."""
    noise, averaging = fixture.noise, math.sqrt(averaged_conversions(settings))
    voltage, current, _ = point
    spread = noise.smu_current_relative * abs(current) + noise.smu_current_floor_fraction * ranges[1]
    if noise.smu_voltage:
        voltage += noise.smu_voltage / averaging * next(fixture.normal_deviates)
    if spread:
        current += spread / averaging * next(fixture.normal_deviates)
    return voltage, current


class MovingFilter:
    """The stack of the moving filter: the mean of the last readings, all taken on the same ranges."""

    def __init__(self) -> None:
        self._stack: deque[tuple[float, float]] = deque()
        self._ranges: tuple[float, float] | None = None

    def restart(self) -> None:
        """Begin with an empty stack."""
        self._stack.clear()

    def take(self, count: int, ranges: tuple[float, float], voltage: float, current: float) -> tuple[float, float]:
        """Put a conversion on the stack; the mean of the last ``count``."""
        if ranges != self._ranges:
            self._ranges = ranges
            self._stack.clear()
        self._stack.append((voltage, current))
        while len(self._stack) > count:
            self._stack.popleft()
        filled = len(self._stack)
        return sum(v for v, _ in self._stack) / filled, sum(i for _, i in self._stack) / filled


class Limiting(NamedTuple):
    """What holds the source: real compliance, range compliance, over-voltage limit."""

    real: bool
    by_range: bool
    over_voltage: bool


_NOT_LIMITED = Limiting(real=False, by_range=False, over_voltage=False)


def limiting_of(drive: Drive, point: OperatingPoint) -> Limiting:
    """Which limit decides at an operating point."""
    if not point.clamped and not drive.over_voltage:
        return _NOT_LIMITED
    return Limiting(
        point.clamped and drive.limited_by == "protection",
        point.clamped and drive.limited_by == "range",
        drive.over_voltage or drive.limited_by == "over_voltage",
    )


def reading_elements(
    settings: Settings,
    ranges: tuple[float, float],
    voltage: float,
    current: float,
    programmed: Mapping[str, float],
) -> dict[str, float]:
    """VOLT, CURR and RES of a reading.

    Each is the measured value if sensed, else the programmed one if there is one, else NaN.
    """
    volts = round_to_measure_step("VOLT", ranges[0], voltage)
    amperes = round_to_measure_step("CURR", ranges[1], current)
    elements = {"VOLT": math.nan, "CURR": math.nan, "RES": math.nan, **programmed}
    if "VOLT" in settings.functions:
        elements["VOLT"] = volts
    if "CURR" in settings.functions:
        elements["CURR"] = amperes
    if "RES" in settings.functions:
        elements["RES"] = resistance_of(volts, amperes)
    return elements


def status_element(settings: Settings, sourced: str, elements: Mapping[str, float], limiting: Limiting) -> int:
    """The 24-bit status word without the bits of the limit tests."""
    status = _SOURCE[sourced]
    for name in settings.functions:
        status |= _MEASURED[name]
    return (
        status
        | (OVERFLOW if any(map(math.isinf, elements.values())) else 0)
        | (_FILTER if settings.filter_on else 0)
        | (_FRONT if settings.terminals == "FRON" else 0)
        | (_REAL_COMPLIANCE if limiting.real else 0)
        | (_OVER_VOLTAGE if limiting.over_voltage else 0)
        | (_MATH if settings.math_on else 0)
        | (_NULL if settings.null_on else 0)
        | (_AUTO_OHMS if settings.auto_ohms else 0)
        | (_RANGE_COMPLIANCE if limiting.by_range else 0)
        | (_OFFSET_COMPENSATED if settings.offset_compensation else 0)
        | (_REMOTE_SENSE if settings.remote_sense else 0)
    )
