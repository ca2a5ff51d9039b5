"""What passes between program and Keithley 2400: settings and sweeps as messages, replies as readings. Pure.

Commands after the Series 2400 SourceMeter User's Manual, 2400S-900-01 Rev. K; power envelope after SPEC-2400.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Literal, NamedTuple

from drivers.keithley2400.specification import SPECIFICATION
from drivers.ranges import delay_setting
from drivers.scpi import INVALID, Setting
from drivers.specification import PointTiming, Source

MNEMONIC = {"voltage": "VOLT", "current": "CURR"}
_TERMINALS = {"front": "FRON", "rear": "REAR"}
_OFF_STATES = {"normal": "NORM", "zero": "ZERO", "guard": "GUAR", "high_impedance": "HIMP"}
_VALUES_PER_MESSAGE = 100  # more than 100 list values in one message are refused
_RANGE_CHANGES = 4  # three up, three up, and down by one and one
_RANGE_CHANGE = 1 / 75  # s, besides the conversion
_SLOWEST_CLOCK = 1.02  # mains and the instrument's own clock

OFF = ":OUTP OFF"

# PyMeasure's order, so that its properties find each element in its place
ELEMENTS = "VOLT,CURR,RES,TIME,STAT"


@dataclass(frozen=True)
class SmuLimits:
    """Largest magnitudes ever allowed at the terminals, as a level or as a compliance: V and A.

    ``power`` (W) limits largest level times compliance; None: no limit of its own.
    """

    voltage: float = SPECIFICATION.voltage.largest
    current: float = SPECIFICATION.current.largest
    power: float | None = None


@dataclass(frozen=True)
class SmuSettings:
    """Everything that decides what the 2400 does with a level.

    ``max_level``: largest magnitude that will be sent (V or A); it picks the source range, and more is refused.
    ``compliance``: limit of the other quantity (A or V). ``measure_range``: of that other quantity, None for
    autorange, then not below ``measure_range_lower_limit``. ``settling_time`` (s) passes in the instrument between
    the new level and the measurement. ``filter_count``: readings averaged into one, 1 for none.
    ``smallest_source_range`` (V or A): keeps the source from a finer range than this, None for the finest.
    ``interlock``: whether the output enable line must be closed. ``over_voltage_protection``: 20, 40, 60, 80, 100,
    120 or 160 V, None for no limit below the range.
    """

    source: Source
    max_level: float
    compliance: float
    measure_range: float | None = None
    measure_range_lower_limit: float | None = None
    nplc: float = 1.0
    autozero: bool = True
    four_wire: bool = False
    terminals: Literal["front", "rear"] = "front"
    line_frequency: Literal[50, 60] = 50
    output_off_state: Literal["normal", "zero", "guard", "high_impedance"] = "normal"
    over_voltage_protection: int | None = None
    interlock: bool = False
    smallest_source_range: float | None = None
    filter_count: int = 1
    settling_time: float = 0.0

    @property
    def measured(self) -> Source:
        """Get the quantity that is limited and measured rather than set."""
        return "current" if self.source == "voltage" else "voltage"

    @property
    def source_range(self) -> float:
        """Get the nominal source range (V or A).

        :raises ValueError: there is none.
        """
        span, wanted = SPECIFICATION.span(self.source), self.smallest_source_range
        needed = span.smallest_range(self.max_level)
        return needed if wanted is None else max(needed, span.smallest_range(wanted))

    @property
    def source_step(self) -> float:
        """Get the programming resolution of the source (V or A)."""
        return SPECIFICATION.span(self.source).steps[self.source_range]

    @property
    def trigger_delay(self) -> float:
        """Get the settling time in the steps that the instrument has, s."""
        return delay_setting(self.settling_time, SPECIFICATION.delay_step)

    @property
    def longest_reading(self) -> float:
        """Get the longest time a reading may take in the instrument, s.

        With autorange each change of range costs a conversion, and the filter may begin anew once.
        """
        longest = self.time_per_point
        if self.measure_range is None:
            unfiltered = replace(self, filter_count=1, settling_time=0.0).time_per_point
            longest += self.time_per_point - self.trigger_delay + _RANGE_CHANGES * (unfiltered + _RANGE_CHANGE)
        return _SLOWEST_CLOCK * longest

    @property
    def time_per_point(self) -> float:
        """Get the time one point takes in the instrument, settling included, s."""
        return SPECIFICATION.point_time(
            PointTiming(
                nplc=self.nplc,
                line_frequency=self.line_frequency,
                autozero=self.autozero,
                source=self.source,
                trigger_delay=self.trigger_delay,
                filter_count=self.filter_count,
                static=True,
            )
        )


def objections(settings: SmuSettings, limits: SmuLimits) -> list[str]:
    """Every reason not to send these settings; empty when there is none."""
    return [*_beyond_limits(settings, limits), *_beyond_instrument(settings)] or _beyond_power(settings)


def _beyond_limits(settings: SmuSettings, limits: SmuLimits) -> Iterator[str]:
    limit = {
        "voltage": min(limits.voltage, SPECIFICATION.voltage.largest),
        "current": min(limits.current, SPECIFICATION.current.largest),
    }
    if not 0 <= settings.max_level <= limit[settings.source]:
        yield f"largest level {settings.max_level:g} is not between 0 and {limit[settings.source]:g}"
    finest, coarsest = settings.smallest_source_range, max(SPECIFICATION.span(settings.source).ranges)
    if finest is not None and not 0 < finest <= coarsest:
        yield f"source range {finest:g} is not between 0 and {coarsest:g}"
    if not 0 < settings.compliance <= limit[settings.measured]:
        yield f"compliance {settings.compliance:g} is not between 0 and {limit[settings.measured]:g}"
    power = settings.max_level * settings.compliance
    if limits.power is not None and not power <= limits.power * (1 + 1e-12):
        yield f"largest level x compliance is {power:g} W, the limit is {limits.power:g} W"


def _beyond_instrument(settings: SmuSettings) -> Iterator[str]:
    if not 0.01 <= settings.nplc <= 10:
        yield f"nplc {settings.nplc:g} is not between 0.01 and 10"
    if not 1 <= settings.filter_count <= 100:
        yield f"filter count {settings.filter_count} is not between 1 and 100"
    if not 0 <= settings.settling_time <= 999.9999:
        yield f"settling time {settings.settling_time:g} s is not between 0 and 999.9999 s"
    if settings.over_voltage_protection not in (None, *SPECIFICATION.protection_steps):
        steps = SPECIFICATION.protection_steps
        yield f"over-voltage protection {settings.over_voltage_protection} V is not one of {steps}"


def _beyond_power(settings: SmuSettings) -> list[str]:
    """Combinations of ranges the instrument refuses (+824, +826)."""
    measured = SPECIFICATION.span(settings.measured)
    compliance_range = measured.smallest_range(settings.compliance)
    reasons = [
        f"measure range {range_:g} is not between 0 and that of the compliance"
        for range_ in (settings.measure_range, settings.measure_range_lower_limit)
        if range_ is not None and not 0 < range_ <= compliance_range * measured.full_scale
    ]
    (full_current_voltage, _), (_, full_voltage_current) = SPECIFICATION.envelope
    if settings.source == "voltage" and settings.source_range == 200 and settings.compliance > full_voltage_current:
        reasons.append(f"the 200 V range allows a compliance of at most {full_voltage_current * 1e3:g} mA")
    if settings.source == "current" and settings.source_range == 1 and settings.compliance > full_current_voltage:
        reasons.append(f"the 1 A range allows a compliance of at most {full_current_voltage:g} V")
    return reasons


def setting_table(settings: SmuSettings) -> list[Setting]:
    """The settings in the order in which they must be sent: source range, compliance, then measure range."""
    return [*_system_table(settings), *_source_table(settings), *_sense_table(settings), *_trigger_table(settings)]


def _system_table(settings: SmuSettings) -> list[Setting]:
    return [
        Setting("line_frequency", ":SYST:LFR", settings.line_frequency),
        Setting("autozero", ":SYST:AZER:STAT", settings.autozero),
        Setting("four_wire", ":SYST:RSEN", settings.four_wire),
        Setting("terminals", ":ROUT:TERM", _TERMINALS[settings.terminals]),
        Setting("output_off_state", ":OUTP:SMOD", _OFF_STATES[settings.output_off_state]),
        Setting("interlock", ":OUTP:ENAB", settings.interlock),
    ]


def _source_table(settings: SmuSettings) -> list[Setting]:
    source = f":SOUR:{MNEMONIC[settings.source]}"
    full_scale = SPECIFICATION.span(settings.source).full_scale
    table = [
        Setting("source", ":SOUR:FUNC", MNEMONIC[settings.source]),
        Setting("source_mode", f"{source}:MODE", "FIX"),
        Setting("source_range", f"{source}:RANG", settings.source_range, full_scale),
        # Skipped for a level set by command; settling is the trigger delay
        Setting("source_delay", ":SOUR:DEL", 0.0),
        Setting("auto_output_off", ":SOUR:CLE:AUTO", False),
    ]
    if settings.over_voltage_protection is not None:
        table.append(Setting("over_voltage_protection", ":SOUR:VOLT:PROT", settings.over_voltage_protection))
    return table


def _sense_table(settings: SmuSettings) -> list[Setting]:
    sense = f":SENS:{MNEMONIC[settings.measured]}"
    return [
        Setting("concurrent", ":SENS:FUNC:CONC", True),
        Setting("measured", ":SENS:FUNC", '"VOLT","CURR"'),
        Setting("compliance", f"{sense}:PROT", settings.compliance),
        *_measure_range_table(settings, sense),
        Setting("nplc", f"{sense}:NPLC", settings.nplc),
        Setting("filter_type", ":SENS:AVER:TCON", "REP"),
        Setting("filter_count", ":SENS:AVER:COUN", settings.filter_count),
        Setting("filter", ":SENS:AVER:STAT", settings.filter_count > 1),
    ]


def _measure_range_table(settings: SmuSettings, sense: str) -> list[Setting]:
    span = SPECIFICATION.span(settings.measured)
    if settings.measure_range is not None:
        nominal = span.smallest_range(settings.measure_range)
        return [Setting("measure_range", f"{sense}:RANG", nominal, span.full_scale)]
    table = [Setting("measure_autorange", f"{sense}:RANG:AUTO", True)]
    if settings.measure_range_lower_limit is not None:
        lowest = span.smallest_range(settings.measure_range_lower_limit)
        name, command = "measure_range_lower_limit", f"{sense}:RANG:AUTO:LLIM"
        table.append(Setting(name, command, lowest, span.full_scale))
    return table


def _trigger_table(settings: SmuSettings) -> list[Setting]:
    return [
        Setting("arm_count", ":ARM:COUN", 1),
        Setting("trigger_count", ":TRIG:COUN", 1),
        Setting("trigger_source", ":TRIG:SOUR", "IMM"),
        Setting("settling_time", ":TRIG:DEL", settings.trigger_delay),
        Setting("elements", ":FORM:ELEM", ELEMENTS),
    ]


def rounded_level(level: float, step: float, bound: float) -> float:
    """``level`` on the source's grid of ``step``; towards zero where rounding would pass ``bound``."""
    sent = round(level / step) * step
    if abs(sent) > bound * (1 + 1e-9):
        sent -= math.copysign(step, sent)
    return sent


def list_sweep_table(
    source: Source, levels: Sequence[float], *, source_delay: float, linked: bool, input_line: int, output_line: int
) -> list[str | Setting]:
    """Settings and messages of a sweep from the instrument's own memory (User's Manual, sweep and trigger sections).

    In the order in which they must be sent; what is not a setting cannot be read back, or not by itself.

    ``linked``: wait for a falling edge on ``input_line`` before every level but the first, and send one on
    ``output_line`` when the source has settled; else run freely. At most 100 levels go into one message.
    """
    mnemonic = MNEMONIC[source]
    return [
        Setting("source_mode", f":SOUR:{mnemonic}:MODE", "LIST"),
        *_list_messages(mnemonic, levels),
        Setting("source_delay", ":SOUR:DEL", source_delay),
        Setting("compliance_abort", ":SOUR:SWE:CAB", "NEV"),
        Setting("trigger_count", ":TRIG:COUN", len(levels)),
        Setting("settling_time", ":TRIG:DEL", 0),
        *_trigger_link_table(linked, input_line, output_line),
        ":TRAC:FEED:CONT NEV",  # storing must be off while the buffer is set up
        ":TRAC:CLE",
        Setting("stored_points", ":TRAC:POIN", len(levels)),
        Setting("stored", ":TRAC:FEED", "SENS"),
        Setting("time_format", ":TRAC:TST:FORM", "ABS"),
        Setting("storing", ":TRAC:FEED:CONT", "NEXT"),
        ":STAT:PRES",
        Setting("measurement_events", ":STAT:MEAS:ENAB", 512),  # buffer full
        Setting("service_request", "*SRE", 1),
    ]


def _list_messages(mnemonic: str, levels: Sequence[float]) -> Iterator[str]:
    for start in range(0, len(levels), _VALUES_PER_MESSAGE):
        values = ",".join(f"{level:.7g}" for level in levels[start : start + _VALUES_PER_MESSAGE])
        yield f":SOUR:LIST:{mnemonic}{':APP' if start else ''} {values}"


#: Forgets edges of before and starts, in one message: an edge that is not forgotten would put the levels one point off.
START_SWEEP = ";".join((":TRIG:CLE", ":INIT"))


def list_query(source: Source) -> str:
    """The question for the list of levels that is in the memory."""
    return f":SOUR:LIST:{MNEMONIC[source]}?"


def _trigger_link_table(linked: bool, input_line: int, output_line: int) -> list[Setting]:
    if not linked:
        return [Setting("trigger_source", ":TRIG:SOUR", "IMM"), Setting("trigger_output", ":TRIG:OUTP", "NONE")]
    return [
        Setting("trigger_source", ":TRIG:SOUR", "TLIN"),
        Setting("trigger_direction", ":TRIG:DIR", "SOUR"),  # the first level waits for nothing
        Setting("trigger_input", ":TRIG:INP", "SOUR"),
        Setting("trigger_input_line", ":TRIG:ILIN", input_line),
        Setting("trigger_output_line", ":TRIG:OLIN", output_line),
        Setting("trigger_output", ":TRIG:OUTP", "DEL"),
    ]


def after_sweep_messages(source: Source, level: float, settling_time: float) -> list[str]:
    """Program messages that bring single readings back after a sweep, with the fixed level where the sweep ended."""
    return [
        f":SOUR:{MNEMONIC[source]} {level:.7g}",
        ":TRAC:FEED:CONT NEV",
        ":TRIG:CLE",
        ":TRIG:SOUR IMM",
        ":TRIG:DIR ACC",
        ":TRIG:OUTP NONE",
        ":TRIG:COUN 1",
        f":TRIG:DEL {settling_time:.9g}",
        ":SOUR:DEL 0",
        f":SOUR:{MNEMONIC[source]}:MODE FIX",
    ]


def off_message(source: str | None = None, level: float | None = None, steps: int = 5) -> str:
    """One message that takes the source to zero and switches its output off, whatever the instrument is doing.

    ``source`` (VOLT or CURR) and ``level`` (V or A) are those that were sent last: the level goes down from there in
    equal ``steps``, each takes the source some 7 ms. Where either is unknown (None), or the instrument may be in a
    sweep from its memory, both sources go to zero at once, and then back to their fixed level, which is that zero.
    """
    if source is None or level is None:
        zero = [f":SOUR:{name} 0" for name in MNEMONIC.values()]
        return ";".join([*zero, *(f":SOUR:{name}:MODE FIX" for name in MNEMONIC.values()), OFF])
    return ";".join([*ramp_messages(source, level, steps), OFF])


def ramp_messages(source: str, level: float, steps: int = 5) -> list[str]:
    """Program messages that take a level (V or A) of ``source`` (VOLT or CURR) to zero in equal steps."""
    if not level:
        return [f":SOUR:{source} 0"]
    # + 0.0: the last level of a negative ramp is 0, not -0
    return [f":SOUR:{source} {level * (steps - 1 - step) / steps + 0.0:.7g}" for step in range(steps)]


class SmuStatus(IntFlag):
    """The status word of a reading (User's Manual, data format section)."""

    OVER_RANGE = 1 << 0
    FILTER = 1 << 1
    FRONT_TERMINALS = 1 << 2
    COMPLIANCE = 1 << 3
    OVER_VOLTAGE = 1 << 4
    MATH = 1 << 5
    NULL = 1 << 6
    LIMIT_TEST = 1 << 7
    LIMIT_RESULT_1 = 1 << 8
    LIMIT_RESULT_2 = 1 << 9
    AUTO_OHMS = 1 << 10
    VOLTAGE_MEASURED = 1 << 11
    CURRENT_MEASURED = 1 << 12
    RESISTANCE_MEASURED = 1 << 13
    VOLTAGE_SOURCE = 1 << 14
    CURRENT_SOURCE = 1 << 15
    RANGE_COMPLIANCE = 1 << 16
    OFFSET_COMPENSATION = 1 << 17
    CONTACT_CHECK_FAILED = 1 << 18
    LIMIT_RESULT_3 = 1 << 19
    LIMIT_RESULT_4 = 1 << 20
    LIMIT_RESULT_5 = 1 << 21
    REMOTE_SENSE = 1 << 22
    PULSE_MODE = 1 << 23


_CLAMPED = int(SmuStatus.COMPLIANCE | SmuStatus.RANGE_COMPLIANCE)


class SmuReading(NamedTuple):
    """One source-measure point: V, A, and the instrument's own time (s, wraps at 99999.999 s).

    A value the instrument did not measure, or that overflowed, is NaN.
    """

    voltage: float
    current: float
    time: float
    status: SmuStatus

    @property
    def in_compliance(self) -> bool:
        """Get whether the source was clamped, by the compliance or by a fixed measure range."""
        return bool(self.status & _CLAMPED)

    @property
    def over_range(self) -> bool:
        """Get whether the measurement overflowed."""
        return bool(self.status & SmuStatus.OVER_RANGE)


def parse_reading(fields: Sequence[str]) -> SmuReading:
    """Five elements VOLT, CURR, RES, TIME, STAT as a reading.

    :raises ValueError: they are not.
    :raises OverflowError: the status is infinite.
    """
    voltage, current, _, time, status = map(float, fields)
    return SmuReading(
        voltage if abs(voltage) < INVALID else math.nan,
        current if abs(current) < INVALID else math.nan,
        time,
        SmuStatus(int(status)),
    )
