"""CALC1 of the 2400: math expressions, built in and of the user's own.

Source: Keithley Series 2400 User's Manual 2400S-900-01, sections 8 to 10 and 18 (CALCulate).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from drivers.simulated.scpi.status import CommandError

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

    :raises CommandError: -260 if it means none, -223 if it is too long.
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


class Formulas:
    """The expressions of CALC1 by name: those that are built in, and a few of the user's own."""

    def __init__(self) -> None:
        self._own: dict[str, Formula] = {}

    def names(self) -> list[str]:
        """All names, those built in first."""
        return [*BUILT_IN_FORMULAS, *self._own]

    def __getitem__(self, name: str) -> Formula:
        """The expression of a name; POWER when there is none, as where a recalled setup names one that was deleted."""
        return self._own.get(name) or BUILT_IN_FORMULAS.get(name, BUILT_IN_FORMULAS["POWER"])

    def claim(self, name: str) -> None:
        """Make an unknown name that of the next expression.

        :raises CommandError: +804, no place is left.
        """
        if name in BUILT_IN_FORMULAS or name in self._own:
            return
        if len(self._own) >= USER_FORMULAS:
            raise CommandError(804)
        self._own[name] = BUILT_IN_FORMULAS["POWER"]

    def define(self, name: str, text: str) -> None:
        """Give a name a new expression.

        :raises CommandError: +807, the name is built in.
        """
        formula = user_formula(text)
        if name in BUILT_IN_FORMULAS:
            raise CommandError(807)
        self._own[name] = formula

    def delete(self, name: str) -> None:
        """Delete a user expression.

        :raises CommandError: +808 for a built-in name, +806 for one that is not there.
        """
        if name in BUILT_IN_FORMULAS:
            raise CommandError(808)
        if name not in self._own:
            raise CommandError(806)
        del self._own[name]

    def delete_all(self) -> None:
        """Delete every user expression."""
        self._own.clear()
