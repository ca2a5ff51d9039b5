"""Readings of the 2400: what one holds, how it is printed, the trace buffer and its statistics.

Source: Keithley Series 2400 User's Manual 2400S-900-01, sections 8 to 10, 17 and 18 (FORMat, TRACe, CALCulate3).
"""

from __future__ import annotations

import math
import statistics
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from drivers.simulated.scpi.status import CommandError

NOT_A_NUMBER = 9.91e37
"""Printed where there is no value."""

BUFFER_SIZE = 2500
_BYTES_PER_READING = 24


class Reading(NamedTuple):
    """One point. Volts, amperes, ohms, seconds; NaN where nothing is known, infinite when over range.

    The first fields are the elements, at their :data:`POSITIONS`. ``calculated`` is the result of CALC1,
    ``limited`` that of CALC2 (null included).
    """

    voltage: float
    current: float
    resistance: float
    time: float
    status: int
    functions: frozenset[str]
    calculated: float = math.nan
    limited: float = math.nan

    def element(self, name: str) -> float:
        """One of the elements VOLT, CURR, RES, TIME, STAT."""
        return self[POSITIONS[name]]


POSITIONS: Mapping[str, Literal[0, 1, 2, 3, 4]] = {"VOLT": 0, "CURR": 1, "RES": 2, "TIME": 3, "STAT": 4}
"""Where the elements of ``FORM:ELEM`` stand in a :class:`Reading`."""


def _stand_in(value: float, overflow: float) -> float:
    """The number printed for a value that is not finite: 9.91e37 for none, ``overflow`` for over range."""
    return NOT_A_NUMBER if math.isnan(value) else math.copysign(overflow, value)


def format_values(values: Sequence[float], overflow: float, data_format: str, byte_order: str) -> str | bytes:
    """Numbers as a reply: ASCII ``+1.000206E+00,...`` or ``#0`` and IEEE-754 singles."""
    printed = [value if math.isfinite(value) else _stand_in(value, overflow) for value in values]
    if data_format == "ASC":
        return ",".join([f"{value:+.6E}" for value in printed])
    return b"#0" + struct.pack(f"{'>' if byte_order == 'NORM' else '<'}{len(printed)}f", *printed)


@dataclass
class Trace:
    """The battery-backed buffer: filled while ``control`` is NEXT, until it is full."""

    points: int = 100
    feed: str = "SENS1"
    control: str = "NEV"
    time_format: str = "ABS"
    readings: list[Reading] = field(default_factory=list)

    @property
    def storing(self) -> bool:
        """Whether readings go into the buffer."""
        return self.control == "NEXT"

    @property
    def full(self) -> bool:
        """Whether the last place is taken."""
        return len(self.readings) >= self.points

    def store(self, reading: Reading) -> None:
        """Keep a reading; the last one ends storage."""
        self.readings.append(reading)
        if self.full:
            self.control = "NEV"

    def free(self) -> tuple[int, int]:
        """Bytes free and bytes used."""
        used = len(self.readings) * _BYTES_PER_READING
        return BUFFER_SIZE * _BYTES_PER_READING - used, used

    def times(self) -> list[float]:
        """Time stamps (s): since the first reading, or since the reading before."""
        if self.time_format == "ABS":
            return [reading.time - self.readings[0].time for reading in self.readings]
        previous = [self.readings[0], *self.readings]
        return [later.time - earlier.time for earlier, later in zip(previous, self.readings, strict=False)]

    def stamped(self) -> list[Reading]:
        """The readings with their time stamps.

        :raises CommandError: -230, there are none.
        """
        if not self.readings:
            raise CommandError(-230)
        return [reading._replace(time=time) for reading, time in zip(self.readings, self.times(), strict=True)]

    def fed_value(self, reading: Reading) -> float:
        """What CALC1 or CALC2 made of a reading, whichever feeds the buffer."""
        return reading.calculated if self.feed == "CALC1" else reading.limited


_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "MEAN": statistics.fmean,
    "SDEV": lambda values: statistics.stdev(values) if len(values) > 1 else 0.0,
    "MAX": max,
    "MIN": min,
    "PKPK": lambda values: max(values) - min(values),
}


def buffer_statistic(trace: Trace, name: str) -> list[float]:
    """CALC3: a statistic of each function in the buffer, in the order V, I, R.

    :raises CommandError: -230, it is empty.
    """
    if not trace.readings:
        raise CommandError(-230)
    if trace.feed != "SENS1":
        columns = [[trace.fed_value(reading) for reading in trace.readings]]
    else:
        measured = frozenset().union(*(reading.functions for reading in trace.readings))
        names = [name for name in ("VOLT", "CURR", "RES") if name in measured]
        columns = [[reading.element(name) for reading in trace.readings] for name in names]
    return [_statistic(name, column) for column in columns]


def _statistic(name: str, values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return _STATISTICS[name](finite) if finite else math.nan
