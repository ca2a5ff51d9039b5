"""Readings of the 2400: what one holds, how it is printed, the trace buffer, statistics and limit arithmetic.

Source: Keithley Series 2400 User's Manual 2400S-900-01, sections 8 to 10, 17 and 18 (FORMat, TRACe, CALCulate).
"""

from __future__ import annotations

import ast
import math
import statistics
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from drivers.simulated.scpi.instrument import CommandError

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
    """CALC3: a statistic of each function in the buffer, in the order V, I, R. CommandError -230 when empty."""
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


# --- CALC1 -------------------------------------------------------------------------------------------------------

USER_FORMULAS = 5
"""Expressions of the user's own that can be kept."""

Calculation = Callable[[Mapping[str, float], Mapping[str, float]], float]
"""What a formula makes of the values of the reading before and of this one."""


class Formula(NamedTuple):
    """A math expression: its text, and what it makes of two readings."""

    text: str
    value: Calculation


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.inf


def _power(_: Mapping[str, float], now: Mapping[str, float]) -> float:
    return now["VOLT"] * now["CURR"]


def _compensated_resistance(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    return _ratio(now["VOLT"] - before["VOLT"], now["CURR"] - before["CURR"])


def _voltage_coefficient(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    first, second = _ratio(before["VOLT"], before["CURR"]), _ratio(now["VOLT"], now["CURR"])
    return 100.0 * _ratio(second - first, second * (now["VOLT"] - before["VOLT"]))


def _varistor_alpha(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    return _ratio(math.log10(_ratio(now["CURR"], before["CURR"])), math.log10(_ratio(now["VOLT"], before["VOLT"])))


BUILT_IN_FORMULAS: Mapping[str, Formula] = {
    "POWER": Formula("VOLT * CURR", _power),
    "OFFCOMPOHM": Formula("(VOLT[1] - VOLT[0]) / (CURR[1] - CURR[0])", _compensated_resistance),
    "VOLTCOEF": Formula(
        "((VOLT[1] / CURR[1]) - (VOLT[0] / CURR[0])) / ((VOLT[1] / CURR[1]) * (VOLT[1] - VOLT[0])) * 100",
        _voltage_coefficient,
    ),
    "VARALPHA": Formula("LOG(CURR[1] / CURR[0]) / LOG(VOLT[1] / VOLT[0])", _varistor_alpha),
}
"""The math expressions that are always there, by name."""

_OPERATORS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: math.pow,
}
_FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    "LOG": math.log10,
    "LN": math.log,
    "EXP": math.exp,
    "SIN": math.sin,
    "COS": math.cos,
    "TAN": math.tan,
}
_VARIABLES = ("VOLT", "CURR", "RES", "TIME")
_EXPRESSION_LIMIT = 256  # characters; also bounds how deeply an expression can nest


def user_formula(text: str) -> Formula:
    """The formula that an expression such as ``(VOLT * CURR) ^ 2`` means.

    Raises CommandError -260 if it means none, -223 if it is too long.
    """
    if len(text) > _EXPRESSION_LIMIT:
        raise CommandError(-223)
    try:
        tree = ast.parse(text.upper().replace("^", "**").strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CommandError(-260) from None
    _check_expression(tree)
    return Formula(text.upper(), lambda _before, now: _evaluate(tree, now))


def _check_expression(node: ast.AST) -> None:
    for part in ast.walk(node):
        allowed = (
            isinstance(part, (ast.BinOp, ast.UnaryOp, ast.operator, ast.UAdd, ast.USub, ast.Load))
            or (isinstance(part, ast.Constant) and isinstance(part.value, (int, float)))
            or (isinstance(part, ast.Name) and part.id in (*_VARIABLES, *_FUNCTIONS))
            or (isinstance(part, ast.Call) and len(part.args) == 1 and not part.keywords)
        )
        if not allowed or (isinstance(part, ast.operator) and type(part) not in _OPERATORS):
            raise CommandError(-260)


def _evaluate(node: ast.AST, values: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]  # _check_expression lets only numbers pass
    if isinstance(node, ast.Name):
        return values.get(node.id, math.nan)
    if isinstance(node, ast.UnaryOp):
        operand = _evaluate(node.operand, values)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_evaluate(node.left, values), _evaluate(node.right, values))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _FUNCTIONS[node.func.id](_evaluate(node.args[0], values))
    return math.nan


def calculate(formula: Calculation, before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """The result of a formula: infinite where it overflows or divides by zero, NaN where it has no value."""
    try:
        return formula(before, now)
    except (ZeroDivisionError, OverflowError):
        return math.inf
    except (ValueError, KeyError):
        return math.nan
