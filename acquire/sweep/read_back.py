"""What the instruments report, held against what was asked of them. Pure.

A reading is bad when a number of it is missing; beyond the limits when it shows more than the bench may ever have; and
its level is not reached when the source meter reads another one than was sent, although nothing limits the source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, isnan

from acquire.config import BenchFile, SweepFile
from acquire.records import BAD_READING, PointFlag, Reading, counted
from drivers import models
from drivers.errors import InstrumentError
from drivers.specification import Span

#: How far a reading may lie beyond a limit, as a share of it, before the limit counts as passed.
TOLERANCE = 0.01

#: What compliance may be off by, as a share of its range, besides the meter's own error (SPEC-2400).
COMPLIANCE_ERROR = 0.003

#: So many times the accuracy of source and meter together may a level be off: both may be out of calibration.
LEVEL_TOLERANCE = 3.0

#: After so many readings in a row that show nothing of the source it is not known what the device is given.
BLIND_READINGS = 3

_LIMITED = int(PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE | PointFlag.OVER_VOLTAGE)
_NO_SOURCE = int(PointFlag.NO_SOURCE_READING)
_BAD = int(BAD_READING)

_MISSING = {
    PointFlag.OVER_RANGE: "the source meter read over-range",
    PointFlag.NO_SOURCE_READING: "no voltage or no current was read",
    PointFlag.PHOTODIODE_OVERFLOW: "the photodiode meter read overflow",
    PointFlag.NO_PHOTODIODE_READING: "no photodiode signal was read",
}


class BeyondLimits(InstrumentError):
    """A reading shows more than the bench may ever have."""


class NotMeasured(InstrumentError):
    """What a sweep cannot do without was not measured."""


@dataclass(frozen=True)
class ReadBackLimits:
    """What a reading may show: V, A, W.

    ``voltage``, ``current``, ``power`` are the bench's limits, ``*_allowed`` these with the tolerance for the
    meter's error; ``*_full_scale`` what the largest range in use can show, so that an overflow means more. A level
    is reached within ``level_offset`` (V or A) and the ``level_share`` of it.
    """

    voltage_source: bool
    voltage: float
    current: float
    power: float
    voltage_allowed: float
    current_allowed: float
    power_allowed: float
    voltage_full_scale: float
    current_full_scale: float
    level_offset: float
    level_share: float

    @property
    def unit(self) -> str:
        """The unit of the levels."""
        return "V" if self.voltage_source else "A"


def read_back_limits(sweep: SweepFile, bench: BenchFile, source_range: float) -> ReadBackLimits:
    """From a bench's limits, and the ranges that a sweep measures on: the highest is that of the compliance."""
    limits, compliance, nplc = bench.limits, sweep.source.compliance, sweep.measure.nplc
    meter = models.source_meter(bench.instruments.smu.model)
    if sweep.source.function == "voltage":
        voltage_range, current_range = source_range, meter.current.smallest_range(compliance)
    else:
        voltage_range, current_range = meter.voltage.smallest_range(compliance), source_range
    volts, amperes = voltage_range * meter.voltage.full_scale, current_range * meter.current.full_scale
    volts_off = meter.voltage.limit_of_error(volts, voltage_range, nplc) + voltage_range * COMPLIANCE_ERROR
    amperes_off = meter.current.limit_of_error(amperes, current_range, nplc) + current_range * COMPLIANCE_ERROR
    power = inf if limits.power is None else limits.power
    sourced = meter.span(sweep.source.function)
    offset = _level_error(0.0, source_range, sourced, nplc)
    return ReadBackLimits(
        voltage_source=sweep.source.function == "voltage",
        voltage=limits.voltage,
        current=limits.current,
        power=power,
        voltage_allowed=limits.voltage * (1 + TOLERANCE) + volts_off,
        current_allowed=limits.current * (1 + TOLERANCE) + amperes_off,
        power_allowed=power * (1 + TOLERANCE) + volts * amperes_off + amperes * volts_off,
        voltage_full_scale=volts,
        current_full_scale=amperes,
        level_offset=offset,
        level_share=(_level_error(source_range, source_range, sourced, nplc) - offset) / source_range,
    )


def _level_error(level: float, range_: float, span: Span, nplc: float) -> float:
    error: float = span.source_limit_of_error(level, range_) + span.limit_of_error(level, range_, nplc)
    return LEVEL_TOLERANCE * error


def as_expected(reading: Reading, limits: ReadBackLimits) -> bool:
    """Whether there is nothing to say about a reading; one look, because that is so for nearly all."""
    voltage, current = abs(reading.voltage), abs(reading.current)
    return (
        not reading.flags
        and voltage <= limits.voltage_allowed
        and current <= limits.current_allowed
        and voltage * current <= limits.power_allowed
        and _deviation(reading, limits) <= _allowed_deviation(reading.source_level, limits)
    )


def is_bad(reading: Reading) -> bool:
    """Whether a number is missing. A source in compliance is none of that: the limit decided, and was measured."""
    return bool(int(reading.flags) & _BAD)


def what_is_missing(reading: Reading) -> str:
    """What makes a reading bad, in words; empty when it is good."""
    return ", ".join(text for flag, text in _MISSING.items() if reading.flags & flag)


def level_missed(reading: Reading, limits: ReadBackLimits) -> bool:
    """Whether the source meter reads another level than was sent, although nothing limits the source."""
    limited = int(reading.flags) & _LIMITED
    return not limited and _deviation(reading, limits) > _allowed_deviation(reading.source_level, limits)


def _found_level(reading: Reading, limits: ReadBackLimits) -> float:
    return reading.voltage if limits.voltage_source else reading.current


def _deviation(reading: Reading, limits: ReadBackLimits) -> float:
    return abs(_found_level(reading, limits) - reading.source_level)


def _allowed_deviation(level: float, limits: ReadBackLimits) -> float:
    return limits.level_offset + limits.level_share * abs(level)


def beyond_limits(reading: Reading, limits: ReadBackLimits) -> str:
    """What a reading shows beyond the bench's limits, in words; empty when there is nothing."""
    voltage, current = abs(reading.voltage), abs(reading.current)
    at = f"at level {reading.source_level:g} {limits.unit}"
    for value, allowed, limit, unit in (
        (voltage, limits.voltage_allowed, limits.voltage, "V"),
        (current, limits.current_allowed, limits.current, "A"),
        (voltage * current, limits.power_allowed, limits.power, "W"),
    ):
        if value > allowed:
            return f"measured {value:.4g} {unit} {at} is beyond the bench's limit of {limit:g} {unit}"
    if reading.flags & PointFlag.OVER_VOLTAGE:
        return f"the source's over-voltage protection tripped {at}"
    return _overflow(reading, limits, at)


def _overflow(reading: Reading, limits: ReadBackLimits, at: str) -> str:
    """An overflow is beyond a limit when everything below that limit could have been shown."""
    if not reading.flags & PointFlag.OVER_RANGE:
        return ""
    for value, full_scale, limit, unit in (
        (reading.voltage, limits.voltage_full_scale, limits.voltage, "V"),
        (reading.current, limits.current_full_scale, limits.current, "A"),
    ):
        if isnan(value) and full_scale >= limit:
            return f"an overflow, more than {full_scale:g} {unit}, {at} is beyond the bench's limit of {limit:g} {unit}"
    return ""


def require_within(reading: Reading, limits: ReadBackLimits) -> None:
    """:raises BeyondLimits: the reading shows more than the bench may have."""
    if what := beyond_limits(reading, limits):
        raise BeyondLimits(_where(reading), what, "Check the wiring, and the sense leads if there are any")


class ReadingCheck:
    """Looks at every reading of a run and says what is wrong with it.

    ``say`` receives the first case of a kind at once, and by :meth:`sum_up` how many more there were.
    """

    def __init__(self, limits: ReadBackLimits, say: Callable[[str], None]) -> None:
        self._limits = limits
        self._say = say
        self._more: dict[str, int] = {}
        self._blind = 0

    def worth_repeating(self, reading: Reading, details: str = "") -> bool:
        """Whether a reading is bad, which is said, and nothing speaks against the same level once more."""
        if not is_bad(reading) or beyond_limits(reading, self._limits):
            return False
        self._remark(f"{what_is_missing(reading)}; read again", reading, details)
        return True

    def examined(self, reading: Reading, details: str = "") -> Reading:
        """The reading, flagged when its level was not reached, after a remark on what is wrong with it."""
        if as_expected(reading, self._limits):
            return reading
        if missing := what_is_missing(reading):
            again = " again" if reading.flags & PointFlag.READING_REPEATED else ""
            self._remark(f"{missing}{again}; recorded as missing", reading, details)
        if not level_missed(reading, self._limits):
            return reading
        self._remark(
            "the level was not reached, although nothing limited the source; check wiring and sense leads",
            reading,
            f"measured {_found_level(reading, self._limits):.5g} {self._limits.unit}",
        )
        return replace(reading, flags=reading.flags | PointFlag.LEVEL_NOT_REACHED)

    def require_safe(self, reading: Reading) -> None:
        """Called when a reading has been recorded.

        :raises BeyondLimits: it shows more than the bench may have.
        :raises NotMeasured: so many in a row show nothing of the source.
        """
        if as_expected(reading, self._limits):
            self._blind = 0
            return
        require_within(reading, self._limits)
        self._blind = self._blind + 1 if int(reading.flags) & _NO_SOURCE else 0
        if self._blind >= BLIND_READINGS:
            what = f"no voltage or current reading {self._blind} times in a row: the device would be driven blindly"
            raise NotMeasured(_where(reading), what, "Check the source and its link")

    def _remark(self, kind: str, reading: Reading, details: str) -> None:
        if kind in self._more:
            self._more[kind] += 1
            return
        self._more[kind] = 0
        place = f"{_where(reading)}, {reading.source_level:g} {self._limits.unit}"
        self._say(f"{place}: {kind}" + (f" ({details})" if details else ""))

    def sum_up(self) -> None:
        """Say how often what was said once was the case again."""
        for kind, more in self._more.items():
            if more:
                self._say(f"{more} more {'reading' if more == 1 else 'readings'}: {kind}")


def _where(reading: Reading) -> str:
    return "dark reading" if reading.index < 0 else f"point {counted(reading.index)}"
