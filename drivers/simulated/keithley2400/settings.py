"""Everything that can be set on the 2400, with its *RST values, and what the settings put on the terminals.

Source: Keithley Series 2400 User's Manual 2400S-900-01, section 18 (command tables and defaults) and section 13
(output-off states).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from drivers.simulated.keithley2400.ranges import (
    TEST_CURRENTS,
    full_scale,
    nominal_range,
    round_to_source_step,
)

NO_OVER_VOLTAGE_PROTECTION = 210.0
"""OVP setting (V) that stands for NONE."""

MEASURED = ("VOLT", "CURR", "RES")
ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
SOFT_LIMITS = (2, 3, 5, 6, 7, 8, 9, 10, 11, 12)


@dataclass(slots=True)
class SourceSettings:
    """One source function. Ranges are nominal; ``triggered`` is the level for the next source action."""

    range: float
    level_limit: float
    auto: bool = True
    mode: str = "FIX"
    level: float = 0.0
    triggered: float | None = None
    start: float = 0.0
    stop: float = 0.0
    step: float | None = None  # None: the step follows from the number of points
    levels: tuple[float, ...] = ()
    soak: float = 0.0


@dataclass(slots=True)
class SenseSettings:
    """One measured function; ``protection`` is the compliance (A or V) where there is one."""

    range: float
    lower_limit: float
    auto: bool = True
    protection: float = 0.0
    follow_protection: bool = False


@dataclass(slots=True)
class SoftLimit:
    """The limits of one test of CALC2."""

    lower: float = -1.0
    upper: float = 1.0
    lower_pattern: int = 15
    upper_pattern: int = 15


def _source_axes() -> dict[str, SourceSettings]:
    return {"VOLT": SourceSettings(20.0, 210.0), "CURR": SourceSettings(1e-4, 1.05)}


def _sense_axes() -> dict[str, SenseSettings]:
    return {
        "VOLT": SenseSettings(20.0, 0.2, protection=21.0),
        "CURR": SenseSettings(1e-4, 1e-6, protection=1.05e-4),
        "RES": SenseSettings(2e5, 20.0),
    }


@dataclass(slots=True)
class Settings:
    """The setup that ``*RST`` makes and ``*SAV`` keeps. SI units; words in their short form."""

    output_off_state: str = "NORM"
    output_enable_used: bool = False
    terminals: str = "FRON"
    auto_off: bool = False
    auto_off_mode: str = "ALW"
    source_function: str = "VOLT"
    memory_sweep: bool = False
    memory_points: int = 1
    memory_start: int = 1
    source: dict[str, SourceSettings] = field(default_factory=_source_axes)
    over_voltage_protection: float = NO_OVER_VOLTAGE_PROTECTION
    source_delay: float = 0.0
    source_delay_auto: bool = True
    sweep_spacing: str = "LIN"
    sweep_points: int = 2500
    sweep_direction: str = "UP"
    sweep_ranging: str = "BEST"
    sweep_abort: str = "NEV"
    list_start: int = 1
    digital_output: int = 15
    digital_size: int = 4
    digital_clear_auto: bool = False
    digital_clear_delay: float = 1e-4
    digital_line4_mode: str = "EOT"
    digital_line4_busy: bool = False
    concurrent: bool = True
    functions: frozenset[str] = frozenset({"CURR"})
    sense: dict[str, SenseSettings] = field(default_factory=_sense_axes)
    nplc: float = 1.0
    resistance_mode: str = "AUTO"
    offset_compensation: bool = False
    filter_on: bool = False
    filter_count: int = 10
    filter_control: str = "REP"
    data_format: str = "ASC"
    byte_order: str = "NORM"
    elements: tuple[str, ...] = ELEMENTS
    calculation_elements: tuple[str, ...] = ("CALC",)
    arm_count: float = 1
    arm_source: str = "IMM"
    arm_timer: float = 0.1
    arm_direction: str = "ACC"
    arm_input_line: int = 1
    arm_output_line: int = 2
    arm_output: str = "NONE"
    trigger_count: int = 1
    trigger_source: str = "IMM"
    trigger_delay: float = 0.0
    trigger_direction: str = "ACC"
    trigger_input: tuple[str, ...] = ()
    trigger_input_line: int = 1
    trigger_output: tuple[str, ...] = ()
    trigger_output_line: int = 2
    autozero: bool = True
    caching: bool = False
    remote_sense: bool = False
    guard: str = "CABL"
    control_model: str = "SING"
    timer_reset_auto: bool = False
    beeper: bool = True
    math_on: bool = False
    math_name: str = "POWER"
    limit_feed: str = "VOLT"
    null_offset: float = 0.0
    null_on: bool = False
    compliance_limit_on: bool = False
    compliance_limit_fail: str = "IN"
    compliance_limit_pattern: int = 15
    limits_on: tuple[int, ...] = ()
    limits_failed: tuple[int, ...] = ()  # in the last reading; 1 is the compliance test
    limits: dict[int, SoftLimit] = field(default_factory=lambda: {number: SoftLimit() for number in SOFT_LIMITS})
    limit_control: str = "IMM"
    limit_clear_auto: bool = True
    limit_mode: str = "GRAD"
    limit_pass_pattern: int = 15
    statistic: str = "MEAN"
    display_on: bool = True
    display_digits: int = 6

    @property
    def auto_ohms(self) -> bool:
        """Whether the instrument chooses source and limits for resistance by itself."""
        return "RES" in self.functions and self.resistance_mode == "AUTO"

    @property
    def active_source(self) -> str:
        """The function that really is sourced, VOLT or CURR."""
        return "CURR" if self.auto_ohms else self.source_function

    def axis(self) -> SourceSettings:
        """The settings of the selected source function."""
        return self.source[self.source_function]


MEMORY_SETTINGS = (
    "source_function", "source", "source_delay", "source_delay_auto", "functions", "concurrent", "sense", "nplc",
    "filter_on", "filter_count", "filter_control", "remote_sense", "autozero", "math_on", "math_name",
    "null_on", "null_offset",
)  # fmt: skip
"""What one source-memory location keeps."""


class Drive(NamedTuple):
    """What is put on the terminals.

    ``function`` is VOLT, CURR or OPEN (relay open); ``limit`` is in the other unit and ``limited_by`` tells which
    limit that is; ``over_voltage`` when the OVP limit cuts the level itself.
    """

    function: Literal["VOLT", "CURR", "OPEN"]
    level: float = 0.0
    limit: float = 0.0
    limited_by: Literal["protection", "range", "over_voltage"] = "protection"
    over_voltage: bool = False


def drive_off(settings: Settings, *, tripped: bool) -> Drive:
    """The terminals with the output off; ``tripped`` by output enable or over temperature."""
    state = "HIMP" if tripped else settings.output_off_state
    if state == "HIMP":
        return Drive("OPEN")
    if state == "ZERO":
        return Drive("VOLT", 0.0, settings.sense["CURR"].protection)
    if state.startswith("GUAR"):
        return Drive("CURR", 0.0, 0.005 * _range_in_force(settings, "VOLT"))
    return Drive("VOLT", 0.0, 0.005 * _range_in_force(settings, "CURR"))


def drive_on(settings: Settings, swept_level: float | None) -> Drive:
    """The terminals with the output on, at the level (V or A) of a sweep or else at the fixed one."""
    if settings.auto_ohms:
        return Drive("CURR", TEST_CURRENTS[settings.sense["RES"].range], 21.0)
    function = settings.source_function
    axis = settings.source[function]
    level = round_to_source_step(function, axis.range, axis.level if swept_level is None else swept_level)
    if function == "VOLT":
        return _voltage_drive(settings, level)
    return _current_drive(settings, level)


def _voltage_drive(settings: Settings, level: float) -> Drive:
    limit, limited_by = _limit(settings.sense["CURR"])
    allowed = settings.over_voltage_protection
    if abs(level) > allowed:
        return Drive("VOLT", math.copysign(allowed, level), limit, limited_by, over_voltage=True)
    return Drive("VOLT", level, limit, limited_by)


def _current_drive(settings: Settings, level: float) -> Drive:
    limit, limited_by = _limit(settings.sense["VOLT"])
    if settings.over_voltage_protection < limit:
        return Drive("CURR", level, settings.over_voltage_protection, "over_voltage")
    return Drive("CURR", level, limit, limited_by)


def _limit(sense: SenseSettings) -> tuple[float, Literal["protection", "range"]]:
    """The compliance in force: a fixed measure range clamps at its full scale when that is lower."""
    clamp = math.inf if sense.auto else full_scale(sense.range)
    return (clamp, "range") if clamp < sense.protection else (sense.protection, "protection")


def _range_in_force(settings: Settings, function: str) -> float:
    if function == settings.active_source:
        return source_range_in_force(settings)
    return settings.sense[function].range


def source_range_in_force(settings: Settings) -> float:
    """Nominal range of what is sourced; it is the measure range of that function too."""
    if settings.auto_ohms:
        return nominal_range("CURR", TEST_CURRENTS[settings.sense["RES"].range])
    return settings.axis().range


def measure_ranges(settings: Settings) -> tuple[float, float]:
    """Nominal ranges on which voltage and current are measured now."""
    if settings.auto_ohms:
        resistance = settings.sense["RES"].range
        test_current = TEST_CURRENTS[resistance]
        return nominal_range("VOLT", resistance * test_current), nominal_range("CURR", test_current)
    if settings.source_function == "VOLT":
        return settings.source["VOLT"].range, settings.sense["CURR"].range
    return settings.sense["VOLT"].range, settings.source["CURR"].range


def measured_functions(settings: Settings) -> frozenset[str]:
    """The functions the A/D converter has to convert: resistance needs voltage and current."""
    return frozenset({"VOLT", "CURR"}) if "RES" in settings.functions else settings.functions


def sweep_levels(settings: Settings) -> tuple[float, ...]:
    """The levels of a staircase or list sweep of the selected source, first to last, as they will be sourced."""
    axis = settings.axis()
    if axis.mode == "LIST":
        start = min(settings.list_start, max(len(axis.levels), 1)) - 1
        return axis.levels[start:]
    levels = _staircase(axis.start, axis.stop, sweep_points(settings), settings.sweep_spacing)
    return levels[::-1] if settings.sweep_direction == "DOWN" else levels


def sweep_points(settings: Settings) -> int:
    """Points of the staircase: as set, or from the step if that was set last."""
    axis = settings.axis()
    if not axis.step:
        return settings.sweep_points
    return min(2500, math.floor(abs((axis.stop - axis.start) / axis.step) + 1.5))


def sweep_step(settings: Settings, axis: SourceSettings) -> float:
    """Step of the staircase: as set, or from the number of points if that was set last."""
    if axis.step is not None:
        return axis.step
    return (axis.stop - axis.start) / max(1, settings.sweep_points - 1)


def _staircase(start: float, stop: float, points: int, spacing: str) -> tuple[float, ...]:
    last = max(1, points - 1)
    if spacing == "LOG":
        return tuple(start * (stop / start) ** (index / last) for index in range(points))
    return tuple(start + (stop - start) * index / last for index in range(points))
