"""Ranges, steps, autorange rules and conversion times of the 2400: pure functions.

Sources: SPEC-2400 Rev. L (ranges, steps, speeds); Keithley Series 2400 User's Manual 2400S-900-01, appendix A
(time of one point) and section 7 (range and limits).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

VOLTAGE_RANGES = (0.2, 2.0, 20.0, 200.0)
CURRENT_RANGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
RESISTANCE_RANGES = (20.0, 200.0, 2e3, 2e4, 2e5, 2e6, 2e7, 2e8)
RANGES = {"VOLT": VOLTAGE_RANGES, "CURR": CURRENT_RANGES, "RES": RESISTANCE_RANGES}
"""Nominal ranges: V, A, ohm."""

TEST_CURRENTS = dict(zip(RESISTANCE_RANGES, (0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-6, 1e-7), strict=True))
"""Current (A) that auto ohms sends on each resistance range."""

# Whole numbers of steps per unit, so that a rounded value is the nearest float to its decimal form.
_SOURCE_STEPS_PER_RANGE = {"VOLT": 40_000, "CURR": 20_000}
_MEASURE_STEPS_PER_RANGE = {"VOLT": 200_000, "CURR": 100_000}

_OVERFLOW = 1.055  # of range: end of the measuring display
_TOLERANCE = 1.0 + 1e-9  # 105 % of a range is still inside it, whatever its binary form

_ENDS = {name: [1.05 * nominal * _TOLERANCE for nominal in ranges] for name, ranges in RANGES.items()}

_AD_OVERHEAD = 185e-6  # s per A/D phase
_TRIGGER_LATENCY = 225e-6  # s after a trigger-link pulse, at most
_SOURCE_SETUP = 50e-6  # s

RECALL_TIME = 5.4e-3
"""Seconds that each point of a memory sweep takes to recall: what is left of 1/164 s (SPEC-2400) per reading."""


def full_scale(nominal: float) -> float:
    """105 % of a range: as far as source and measurement go."""
    return round(nominal * 1.05, 12)


def nominal_range(function: str, value: float) -> float:
    """The lowest nominal range of a function that holds ``value``; the highest one if none does."""
    position = bisect.bisect_left(_ENDS[function], abs(value))
    return RANGES[function][min(position, len(RANGES[function]) - 1)]


def neighbouring_range(ranges: Sequence[float], nominal: float, steps: int) -> float:
    """The range ``steps`` above (or below, if negative), at most the last one."""
    return ranges[min(max(ranges.index(nominal) + steps, 0), len(ranges) - 1)]


def autorange(ranges: Sequence[float], nominal: float, value: float, lowest: float, highest: float) -> float:
    """The range that a reading of ``value`` leads to.

    At 105 % of range three up; at 10, 1 or 0.1 % one, two or three down (2400 User's Manual, section 7). The
    result stays between ``lowest`` and ``highest``.
    """
    size = abs(value)
    if size * _TOLERANCE >= 1.05 * nominal:
        nominal = neighbouring_range(ranges, nominal, 3)
    elif size <= 0.1 * nominal:
        steps = 3 if size <= 0.001 * nominal else 2 if size <= 0.01 * nominal else 1
        nominal = neighbouring_range(ranges, nominal, -steps)
    return min(max(nominal, lowest), highest)


def round_to_source_step(function: str, nominal: float, level: float) -> float:
    """The level (V or A) that the source really puts out on a range."""
    per_unit = _SOURCE_STEPS_PER_RANGE[function] / nominal
    return round(level * per_unit) / per_unit


def round_to_measure_step(function: str, nominal: float, value: float) -> float:
    """A measured value (V or A) in whole steps of its range; infinite above 105.5 % of it."""
    if abs(value) > _OVERFLOW * nominal:
        return math.copysign(math.inf, value)
    per_unit = _MEASURE_STEPS_PER_RANGE[function] / nominal
    return round(value * per_unit) / per_unit


def exceeds_power(function: str, source_range: float, protection: float) -> bool:
    """Whether a source range and a compliance together go beyond 22 W.

    200 V range: 105 mA at most; 1 A range: 21 V at most.
    """
    if function == "VOLT":
        return source_range == VOLTAGE_RANGES[-1] and protection > 0.105 * _TOLERANCE
    return source_range == CURRENT_RANGES[-1] and protection > 21.0 * _TOLERANCE


ConversionTiming = tuple[int, float, float]
"""Phases k, and overhead h (s) for a voltage source and for a current source."""

CONVERSION_TIMING: dict[tuple[bool, bool], ConversionTiming] = {
    (True, False): (3, 1.8e-3, 2.15e-3),
    (True, True): (4, 2.3e-3, 2.65e-3),
    (False, False): (1, 0.30e-3, 0.64e-3),
    (False, True): (2, 0.5e-3, 0.9e-3),
}
"""By (auto-zero on, voltage and current both measured); 2400 User's Manual, appendix A."""


def conversion_time(nplc: float, line_frequency: float, source: str, timing: ConversionTiming) -> float:
    """Seconds of one conversion, ``k (NPLC/f + 185 us) + h``; ``source`` is VOLT or CURR."""
    phases, voltage_overhead, current_overhead = timing
    overhead = voltage_overhead if source == "VOLT" else current_overhead
    return phases * (nplc / line_frequency + _AD_OVERHEAD) + overhead


def automatic_source_delay(source: str, current_range: float) -> float:
    """Source delay (s) with ``SOUR:DEL:AUTO ON``; 100 us are added to the table's value.

    ``current_range`` (A) is the measure range of a voltage source, the source range of a current source.
    """
    lowest = current_range <= 1e-6
    if source == "VOLT":
        delay = 3e-3 if lowest else 2e-3 if current_range <= 1e-5 else 1e-3
    else:
        delay = 3e-3 if lowest else 2e-3 if current_range > 0.1 else 1e-3
    return delay + 100e-6


def source_phase_time(delay: float) -> float:
    """Seconds from the source action to the conversion."""
    return _SOURCE_SETUP + delay


def static_source_phase_time(*, autozero: bool) -> float:
    """Seconds that replace the source phase when a fixed level stays on and auto output-off is not used."""
    return 500e-6 if autozero else 100e-6


def link_latency() -> float:
    """Seconds between a trigger-link pulse and the action it starts."""
    return _TRIGGER_LATENCY


def resistance_of(voltage: float, current: float) -> float:
    """Resistance (ohm); infinite without current or with a value over range."""
    if current == 0.0 or math.isinf(voltage) or math.isinf(current):
        return math.inf
    return voltage / current
