"""What a Model 2000 can measure: functions, ranges, settings and their defaults, durations, digits.

Pure: no bytes, no clock. Sources: Model 2000 Quick Start Guide (2000-903-01) for commands, limits and defaults;
Model 2000 Repair Manual with specifications for ranges, resolution and speed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

OVERFLOW = 9.9e37
OVER_RANGE = 1.2
#: Seconds a reading of AC takes when the detector bandwidth is below 30 Hz.
SLOW_AC_TIME = 2.0
AC_FAST_BANDWIDTH = 30.0


@dataclass(frozen=True, slots=True)
class MeasuringFunction:
    """One function of the meter.

    ``name`` as the meter prints it; ``ranges`` nominal, ascending; ``limit`` the largest argument of RANGe;
    ``reference`` the limits of REFerence; ``delays`` the automatic trigger delay (s) of each range;
    ``open_input`` what it reads with nothing connected (inf: overflow); ``fixed_nplc`` where none can be set.
    """

    name: str
    unit: str
    ranges: tuple[float, ...]
    limit: float
    reference: tuple[float, float]
    delays: tuple[float, ...]
    open_input: float = 0.0
    fixed_nplc: float | None = None

    def holding(self, expected: float) -> float:
        """The lowest range that holds ``expected``; the highest when none does."""
        return next((r for r in self.ranges if abs(expected) <= r), self.ranges[-1])

    def full_scale(self, range_: float) -> float:
        """The largest value that still reads: 120 % of the range, less on the top ranges of volts and amps."""
        if range_ == self.ranges[-1] and self.limit < OVER_RANGE * range_:
            return self.limit
        return OVER_RANGE * range_

    def auto_delay(self, range_: float, delays: tuple[float, ...] | None = None) -> float:
        """The trigger delay (s) that TRIG:DEL:AUTO chooses on ``range_``; ``delays`` replaces the table."""
        table = self.delays if delays is None else delays
        return table[min(self.ranges.index(range_), len(table) - 1)]


_OHM_RANGES = (100.0, 1e3, 10e3, 100e3, 1e6, 10e6, 100e6)
_OHM_DELAYS = (0.003, 0.003, 0.013, 0.025, 0.1, 0.15, 0.25)
_VOLT_AC_RANGES = (0.1, 1.0, 10.0, 100.0, 750.0)

FUNCTIONS: Mapping[str, MeasuringFunction] = {
    function.name: function
    for function in (
        MeasuringFunction(
            "VOLT:DC",
            "VDC",
            (0.1, 1.0, 10.0, 100.0, 1000.0),
            1010.0,
            (-1010.0, 1010.0),
            (0.001, 0.001, 0.001, 0.005, 0.005),
        ),
        MeasuringFunction("VOLT:AC", "VAC", _VOLT_AC_RANGES, 757.5, (-757.5, 757.5), (0.4,)),
        MeasuringFunction("CURR:DC", "ADC", (0.01, 0.1, 1.0, 3.0), 3.1, (-3.1, 3.1), (0.002,)),
        MeasuringFunction("CURR:AC", "AAC", (1.0, 3.0), 3.1, (-3.1, 3.1), (0.4,)),
        MeasuringFunction("RES", "OHM", _OHM_RANGES, 120e6, (0.0, 120e6), _OHM_DELAYS, math.inf),
        MeasuringFunction("FRES", "OHM4W", _OHM_RANGES, 101e6, (0.0, 101e6), _OHM_DELAYS, math.inf),
        MeasuringFunction("FREQ", "HZ", (15e6,), 15e6, (0.0, 15e6), (0.001,)),
        MeasuringFunction("PER", "SEC", (1.0,), 1.0, (0.0, 1.0), (0.001,)),
        MeasuringFunction("TEMP", "C", (1000.0,), 1372.0, (-200.0, 1372.0), (0.001,), 23.0),
        MeasuringFunction("DIOD", "VDC", (10.0,), 10.0, (0.0, 10.0), (0.001,), math.inf, 0.1),
        MeasuringFunction("CONT", "OHM", (1e3,), 1e3, (0.0, 1e3), (0.003,), math.inf, 0.01),
    )
}


@dataclass(slots=True)
class FunctionSettings:
    """The settings one function keeps for itself; each function uses those it has."""

    range: float
    autorange: bool = True
    nplc: float = 1.0
    digits: int = 7
    reference: float = 0.0
    reference_on: bool = False
    filter_on: bool = False
    filter_count: int = 10
    filter_control: str = "REP"
    bandwidth: float = 20.0
    aperture: float = 1.0
    threshold_range: float = 10.0
    diode_current: float = 1e-3
    continuity_threshold: float = 10.0
    thermocouple: str = "J"
    reference_junction: str = "SIM"
    simulated_junction: float = 23.0


@dataclass(slots=True)
class TriggerSettings:
    """The trigger model's settings; ``count`` may be infinite; times in s."""

    continuous: bool = False
    source: str = "IMM"
    count: float = 1
    samples: int = 1
    delay: float = 0.0
    delay_auto: bool = True
    timer: float = 0.1


@dataclass(slots=True)
class MathSettings:
    """CALCulate1 (m x + b, percent), CALCulate2 (buffer statistics) and CALCulate3 (limits)."""

    form: str = "NONE"
    on: bool = False
    slope: float = 1.0
    offset: float = 0.0
    unit: str = "MXB"
    percent: float = 1.0
    statistic: str = "NONE"
    statistic_on: bool = False
    upper: float = 1.0
    lower: float = -1.0
    limits_on: bool = False


@dataclass(slots=True)
class HoldSettings:
    """Reading hold: ``window`` in percent, ``count`` conversions that must lie inside it."""

    window: float = 1.0
    count: int = 5
    on: bool = False


@dataclass(slots=True)
class VoltageUnit:
    """UNIT:VOLT: V, DB (against ``db_reference`` V) or DBM (1 mW in ``dbm_impedance`` ohm)."""

    unit: str = "V"
    db_reference: float = 1.0
    dbm_impedance: float = 75.0


@dataclass(slots=True)
class Setup:
    """Everything that *RST and SYST:PRES set and *SAV keeps."""

    function: str = "VOLT:DC"
    functions: dict[str, FunctionSettings] = field(default_factory=dict)
    trigger: TriggerSettings = field(default_factory=TriggerSettings)
    math: MathSettings = field(default_factory=MathSettings)
    hold: HoldSettings = field(default_factory=HoldSettings)
    units: dict[str, VoltageUnit] = field(default_factory=dict)
    temperature_unit: str = "C"
    data_format: str = "ASC"
    elements: tuple[str, ...] = ("READ",)
    byte_order: str = "NORM"
    autozero: bool = True
    beeper: bool = True
    key_click: bool = True
    display: bool = True
    display_text: str = ""
    display_text_on: bool = False

    @property
    def active(self) -> FunctionSettings:
        """The settings of the selected function."""
        return self.functions[self.function]


def default_function_settings(name: str, *, filter_on: bool, bandwidth: float) -> FunctionSettings:
    """What *RST gives a function: top range with autorange, 1 PLC, 6.5 digits, repeating filter of 10."""
    return FunctionSettings(range=FUNCTIONS[name].ranges[-1], filter_on=filter_on, bandwidth=bandwidth)


def reset_setup(*, filter_on: bool = False, delay_auto: bool = True, bandwidth: float = 20.0) -> Setup:
    """The *RST defaults; the arguments are the points that third-party code disagrees on."""
    return Setup(
        functions={
            name: default_function_settings(name, filter_on=filter_on, bandwidth=bandwidth) for name in FUNCTIONS
        },
        trigger=TriggerSettings(delay_auto=delay_auto),
        units={"VOLT:DC": VoltageUnit(), "VOLT:AC": VoltageUnit()},
    )


def preset_setup(*, bandwidth: float = 20.0) -> Setup:
    """The bench defaults of SYST:PRES and the factory power-up: free-running, moving filter of 10."""
    setup = reset_setup(filter_on=True, bandwidth=bandwidth)
    for settings in setup.functions.values():
        settings.filter_control = "MOV"
    setup.trigger.continuous = True
    setup.trigger.count = math.inf
    setup.byte_order = "SWAP"
    return setup


def conversion_time(nplc: float, line_frequency: float, *, autozero: bool, fast_overhead: float = 0.003) -> float:
    """Seconds for one conversion over ``nplc`` power line cycles of ``line_frequency`` (Hz).

    A fit to the reading rates of the Repair Manual; ``fast_overhead`` (s) is what auto-zero adds below 1 PLC,
    where the manual gives no rate.
    """
    window = nplc / line_frequency
    if autozero:
        return 2.0 * window if nplc >= 1.0 else 2.0 * window + fast_overhead
    return 1.2 * window if nplc >= 1.0 else window + 0.33e-3


def function_conversion_time(setup: Setup, line_frequency: float, fast_overhead: float) -> float:
    """Seconds for one conversion of the selected function with its settings."""
    settings = setup.active
    if setup.function in ("FREQ", "PER"):
        return settings.aperture
    if setup.function.endswith(":AC") and settings.bandwidth < AC_FAST_BANDWIDTH:
        return SLOW_AC_TIME
    fixed = FUNCTIONS[setup.function].fixed_nplc
    return conversion_time(
        settings.nplc if fixed is None else fixed,
        line_frequency,
        autozero=setup.autozero,
        fast_overhead=fast_overhead,
    )


def autorange_step(
    function: MeasuringFunction, range_: float, value: float, *, up: float = OVER_RANGE, down: float = 0.1
) -> float:
    """The range to try next after ``value`` was met on ``range_``: one up, one down, or the same."""
    position = function.ranges.index(range_)
    if abs(value) > up * range_ and position + 1 < len(function.ranges):
        return function.ranges[position + 1]
    if abs(value) < down * range_ and position > 0:
        return function.ranges[position - 1]
    return range_


@functools.cache
def resolution(range_: float, digits: int) -> float:
    """The last place of a reading with ``digits`` (7 means 6.5 digits): 10 uV on 10 V, 10 uA on 3 A."""
    return float(10.0 ** (math.ceil(math.log10(range_) - 1e-9) - digits + 1))


def rounded(value: float, range_: float, digits: int) -> float:
    """``value`` to the last place that the range and the digit count show."""
    step = resolution(range_, digits)
    return round(value / step) * step


def in_voltage_unit(volts: float, unit: VoltageUnit) -> float:
    """``volts`` in V, dB or dBm; overflow where the logarithm of zero would be needed."""
    if unit.unit == "V" or abs(volts) >= OVERFLOW:
        return volts
    if volts == 0.0:
        return OVERFLOW
    if unit.unit == "DB":
        return 20.0 * math.log10(abs(volts) / unit.db_reference)
    return 10.0 * math.log10(volts * volts / unit.dbm_impedance / 1e-3)


def in_temperature_unit(celsius: float, unit: str) -> float:
    """``celsius`` in C, F or K."""
    return {"C": celsius, "F": celsius * 1.8 + 32.0, "K": celsius + 273.15}[unit]


def computed(value: float, settings: MathSettings) -> float:
    """CALCulate1 of ``value``, one form of which is chosen: m x + b or the deviation in percent; overflow stays."""
    if abs(value) >= OVERFLOW:
        return value
    if settings.form == "MXB":
        return settings.slope * value + settings.offset
    if settings.percent == 0.0:
        return OVERFLOW
    return (value - settings.percent) / settings.percent * 100.0


def statistic_of(values: list[float], statistic: str) -> float:
    """CALCulate2 of the buffer: MEAN, SDEV (n - 1), MAX or MIN."""
    if statistic == "MAX":
        return max(values)
    if statistic == "MIN":
        return min(values)
    mean = math.fsum(values) / len(values)
    if statistic == "MEAN":
        return mean
    if len(values) < 2:
        return 0.0
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
