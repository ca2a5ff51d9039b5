"""What a formula needs besides arithmetic, for floats and for arrays alike.

A point of a running sweep goes through the formulas as plain floats, because an array of one costs many times
more; a finished sweep goes through the same formulas as columns. Arithmetic is the same to the last bit in both.
So are logarithms, by which spectra are chosen; a root of a sum of squares may differ in its last bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numpy import ndarray  # a look-up less at every call

from acquire.records import FloatArray

Q = TypeVar("Q", float, FloatArray)
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Truth = bool | BoolArray


def log(value: Q) -> Q:
    """Natural logarithm.

    :raises ValueError: it is not positive.
    """
    return _each(math.log, value) if isinstance(value, ndarray) else math.log(value)


def log10(value: Q) -> Q:
    """Decadic logarithm.

    :raises ValueError: it is not positive.
    """
    return _each(math.log10, value) if isinstance(value, ndarray) else math.log10(value)


def _each(function: Callable[[float], float], values: FloatArray) -> FloatArray:
    """By ``math`` also for arrays: NumPy's logarithms depend on the processor in their last bit."""
    return np.fromiter(map(function, values.tolist()), float, values.size)


def hypot(first: Q, *others: Q | float) -> Q:
    """Root of the sum of squares; arrays may be joined by numbers, but come first."""
    if isinstance(first, ndarray):
        return np.asarray(reduce(np.hypot, others, first), float)
    return math.hypot(first, *others)


def hypot_of(like: Q) -> Callable[..., Q]:
    """The :func:`hypot` for what is like this, chosen once where many are asked for."""
    return hypot if isinstance(like, ndarray) else math.hypot


def finite(value: Q) -> Truth:
    """Whether it is a number, neither NaN nor infinite."""
    return np.isfinite(value) if isinstance(value, ndarray) else math.isfinite(value)


def quotient(numerator: Q | float, denominator: Q, defined: Truth, otherwise: float) -> Q:
    """The quotient where it is ``defined``, and ``otherwise`` elsewhere."""
    if isinstance(denominator, ndarray):
        result = np.full(denominator.shape, otherwise)
        np.divide(numerator, denominator, out=result, where=defined)
        return result
    return numerator / denominator if defined else otherwise


def where(condition: Truth, value: Q, otherwise: float) -> Q:
    """The value where the condition holds, and ``otherwise`` elsewhere."""
    if isinstance(value, ndarray):
        return np.where(condition, value, otherwise)
    return value if condition else otherwise


def either(condition: Truth, value: Q, otherwise: Q) -> Q:
    """The value where the condition holds, and the other one elsewhere."""
    if isinstance(value, ndarray):
        return np.where(condition, value, otherwise)
    return value if condition else otherwise


def unless(condition: Truth, value: Q, otherwise: float) -> Q:
    """The value but where the condition holds, and ``otherwise`` there."""
    if isinstance(value, ndarray):
        return np.where(condition, otherwise, value)
    return otherwise if condition else value


def constant(value: float, like: Q) -> Q:
    """One number in the shape of another quantity."""
    return np.full(like.shape, value) if isinstance(like, ndarray) else value


def every(condition: Truth) -> bool:
    """Whether it holds for all."""
    return bool(condition.all()) if isinstance(condition, ndarray) else bool(condition)


def some(condition: Truth) -> bool:
    """Whether it holds for any."""
    return bool(condition.any()) if isinstance(condition, ndarray) else bool(condition)
