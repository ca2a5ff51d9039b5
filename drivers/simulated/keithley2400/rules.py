"""What the 2400 allows to be set: the rules that tie levels, ranges, compliance and functions together.

Each function changes a :class:`~drivers.simulated.keithley2400.settings.Settings` or raises
:class:`~drivers.simulated.scpi.status.CommandError` with the instrument's error number and changes nothing. Sources:
Keithley Series 2400 User's Manual 2400S-900-01, sections 6, 7 and 18 and appendix B.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from drivers.simulated.keithley2400.ranges import (
    CURRENT_RANGES,
    RANGES,
    exceeds_power,
    full_scale,
    neighbouring_range,
    nominal_range,
)
from drivers.simulated.keithley2400.settings import (
    MEASURED,
    Settings,
    source_range_in_force,
    sweep_levels,
)
from drivers.simulated.scpi.status import CommandError

_OTHER = {"VOLT": "CURR", "CURR": "VOLT"}
_SMALLEST_COMPLIANCE = 0.001  # of the measure range
_PROTECTION_STEPS = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0)
_NO_PROTECTION_FROM = 161.0  # V


def _refuse_with_auto_ohms(settings: Settings) -> None:
    if settings.auto_ohms:
        raise CommandError(825)


def _moved_range(function: str, nominal: float, value: float | str) -> float:
    if isinstance(value, str):
        return neighbouring_range(RANGES[function], nominal, 1 if value == "UP" else -1)
    return nominal_range(function, value)


def _check_source_range(settings: Settings, function: str, nominal: float) -> None:
    if exceeds_power(function, nominal, settings.sense[_OTHER[function]].protection):
        raise CommandError(826)
    if function == "CURR" and nominal == CURRENT_RANGES[-1] and settings.guard == "OHMS":
        raise CommandError(827)


def set_source_function(settings: Settings, function: str) -> None:
    """VOLT, CURR or MEM (a sweep through stored setups)."""
    _refuse_with_auto_ohms(settings)
    settings.memory_sweep = function == "MEM"
    if function != "MEM":
        settings.source_function = function


def set_source_range(settings: Settings, function: str, value: float | str) -> None:
    """A fixed source range that holds a value, or one range UP or DOWN; a level beyond it is cut."""
    _refuse_with_auto_ohms(settings)
    axis = settings.source[function]
    nominal = _moved_range(function, axis.range, value)
    _check_source_range(settings, function, nominal)
    axis.range, axis.auto = nominal, False
    axis.level = max(-full_scale(nominal), min(axis.level, full_scale(nominal)))


def set_source_autorange(settings: Settings, function: str, on: bool) -> None:
    """Let the source range follow the level, or keep it."""
    axis = settings.source[function]
    if on:
        nominal = nominal_range(function, axis.level)
        _check_source_range(settings, function, nominal)
        axis.range = nominal
    axis.auto = on


def checked_level(settings: Settings, function: str, level: float | str, *, clip: bool) -> float:
    """The level that a command asks for; with ``clip``, the end of a fixed range stands for what is beyond it.

    MIN and MAX mean the instrument's limits.

    :raises CommandError: -222 beyond a fixed range, -221 for MIN and MAX on a fixed range below the highest.
    """
    _refuse_with_auto_ohms(settings)
    axis = settings.source[function]
    if isinstance(level, str):
        if not axis.auto and axis.range != RANGES[function][-1]:
            raise CommandError(-221)
        level = math.copysign(axis.level_limit, 1.0 if level == "MAX" else -1.0)
    if axis.auto:
        _check_source_range(settings, function, nominal_range(function, level))
    elif nominal_range(function, level) > axis.range:
        if not clip:
            raise CommandError(-222)
        level = math.copysign(full_scale(axis.range), level)
    return level


def take_level(settings: Settings, function: str, level: float) -> None:
    """Make a checked level the level of the source; the source range follows if it is automatic."""
    axis = settings.source[function]
    if axis.auto:
        axis.range = nominal_range(function, level)
    axis.level, axis.triggered = level, None


def smallest_compliance(function: str) -> float:
    """The smallest compliance (A or V) of any measure range."""
    return _SMALLEST_COMPLIANCE * RANGES[function][0]


def set_protection(settings: Settings, function: str, compliance: float) -> None:
    """The compliance of a measured function (A for a voltage source, V for a current source).

    :raises CommandError: +822 below 0.1 % of the measure range (of the lowest when it is automatic), +826 beyond 22 W.
    """
    sense, source = settings.sense[function], _OTHER[function]
    limit = abs(compliance)
    smallest = _SMALLEST_COMPLIANCE * (RANGES[function][0] if sense.auto else sense.range)
    if limit < smallest * (1.0 - 1e-9):
        raise CommandError(822)
    if exceeds_power(source, settings.source[source].range, limit):
        raise CommandError(826)
    sense.protection = limit
    if sense.follow_protection:
        sense.range, sense.auto = nominal_range(function, limit), False
    elif sense.auto:
        sense.range = min(sense.range, nominal_range(function, limit))


def set_range_follows_protection(settings: Settings, function: str, on: bool) -> None:
    """``PROT:RSYN``: the measure range follows the compliance."""
    sense = settings.sense[function]
    sense.follow_protection = on
    if on:
        sense.range, sense.auto = nominal_range(function, sense.protection), False


def highest_measure_range(settings: Settings, function: str) -> float:
    """Nominal range of the compliance, above which nothing can be measured; for resistance the top range."""
    if function == "RES":
        return RANGES["RES"][-1]
    return nominal_range(function, settings.sense[function].protection)


def set_sense_range(settings: Settings, function: str, value: float | str) -> None:
    """A fixed measure range.

    :raises CommandError: +823 for the sourced function, +824 above the compliance range.
    """
    if function != "RES":
        _refuse_with_auto_ohms(settings)
        if function == settings.source_function:
            raise CommandError(823)
    sense = settings.sense[function]
    nominal = _moved_range(function, sense.range, value)
    if nominal > highest_measure_range(settings, function):
        raise CommandError(824)
    sense.range, sense.auto = nominal, False


def shown_sense_range(settings: Settings, function: str) -> float:
    """Full scale of the range in force; the sourced function is read on the source range."""
    if function == settings.active_source:
        return full_scale(source_range_in_force(settings))
    return full_scale(settings.sense[function].range)


def over_voltage_step(voltage: float) -> float:
    """An OVP value comes down to a step, at least 20 V; from 161 V there is no protection (210 V)."""
    size = abs(voltage)
    if size >= _NO_PROTECTION_FROM:
        return 210.0
    return max((step for step in _PROTECTION_STEPS if step <= size), default=_PROTECTION_STEPS[0])


def add_functions(settings: Settings, names: Iterable[str]) -> None:
    """``SENS:FUNC``: adds while concurrent measuring is on, replaces (one function) while it is off.

    :raises CommandError: -221, more than one to replace it.
    """
    added = tuple(names)
    if settings.concurrent:
        settings.functions |= frozenset(added)
    elif len(added) > 1:
        raise CommandError(-221)
    else:
        settings.functions = frozenset(added)


def remove_functions(settings: Settings, names: Iterable[str]) -> None:
    """``SENS:FUNC:OFF``."""
    settings.functions -= frozenset(names)


def set_concurrent(settings: Settings, on: bool) -> None:
    """Switching concurrent measuring off leaves voltage only."""
    if settings.concurrent and not on:
        settings.functions = frozenset({"VOLT"})
    settings.concurrent = on


def set_counts(settings: Settings, *, arm: float | None = None, trigger: int | None = None) -> None:
    """Arm or trigger count.

    :raises CommandError: -221, their product passes 2500 (an endless arm count does not).
    """
    arm_count = settings.arm_count if arm is None else arm
    trigger_count = settings.trigger_count if trigger is None else trigger
    if math.isfinite(arm_count) and arm_count * trigger_count > 2500:
        raise CommandError(-221)
    settings.arm_count, settings.trigger_count = arm_count, trigger_count


def set_step(settings: Settings, function: str, step: float) -> None:
    """Step of the staircase; from now on the number of points follows.

    :raises CommandError: -222, it passes 2500.
    """
    axis = settings.source[function]
    if step and abs((axis.stop - axis.start) / step) + 1.5 > 2501:
        raise CommandError(-222)
    axis.step = step


def set_points(settings: Settings, points: int) -> None:
    """Number of points of the staircase; from now on the step follows."""
    settings.sweep_points = points
    for axis in settings.source.values():
        axis.step = None


def checked_sweep(settings: Settings) -> tuple[float, ...]:
    """The levels of the sweep that is set up, and the source range for it if one is to hold them all (BEST).

    :raises CommandError: +801 without levels, -221 for a logarithmic staircase through zero, -222 for a level beyond a
        fixed source range, +826 beyond 22 W.
    """
    axis, function = settings.axis(), settings.source_function
    if axis.mode == "SWE" and settings.sweep_spacing == "LOG" and axis.start * axis.stop <= 0.0:
        raise CommandError(-221)
    levels = sweep_levels(settings)
    if not levels:
        raise CommandError(801)
    highest = nominal_range(function, max(levels, key=abs))
    _check_source_range(settings, function, highest)
    if settings.sweep_ranging == "FIX" and highest > axis.range:
        raise CommandError(-222)
    if settings.sweep_ranging == "BEST":
        axis.range = highest
    return levels


def configure(settings: Settings, functions: frozenset[str], *, reset_protection: bool) -> None:
    """``CONF``: one reading of these functions with their controls at the *RST values."""
    fresh = Settings()
    for function in functions or frozenset(MEASURED):
        sense = fresh.sense[function]
        if not reset_protection:
            sense.protection = settings.sense[function].protection
        sense.range = min(sense.range, nominal_range(function, sense.protection)) if sense.protection else sense.range
        settings.sense[function] = sense
    for name in (
        "nplc", "filter_on", "filter_count", "filter_control", "resistance_mode", "offset_compensation",
        "arm_count", "arm_source", "trigger_count", "trigger_source", "trigger_delay", "autozero",
        "math_on", "null_on",
    ):  # fmt: skip
        setattr(settings, name, getattr(fresh, name))
    settings.functions = functions
