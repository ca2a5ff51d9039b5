"""Student's t: how wide an interval is whose width was estimated from a few values."""

from __future__ import annotations

from functools import lru_cache
from math import cos, inf, pi, sin, sqrt, tan
from statistics import NormalDist


def coverage_factor(degrees_of_freedom: float, level: float = 0.95) -> float:
    """Return t such that a Student variable lies within -t..t with probability ``level``.

    ``degrees_of_freedom`` are whole, or infinite: then it is the normal distribution. JCGM 100:2008, table G.2.

    :raises ValueError: fewer than one degree of freedom, or a level that is not inside 0..1.
    """
    if not (degrees_of_freedom >= 1 and 0.0 < level < 1.0):
        raise ValueError("Student's t needs one degree of freedom at least, and a level inside 0..1")
    if degrees_of_freedom == inf:
        return _of_normal(level)
    return _of_student(int(degrees_of_freedom), level)


@lru_cache(maxsize=64)
def _of_normal(level: float) -> float:
    return NormalDist().inv_cdf((1.0 + level) / 2.0)


@lru_cache(maxsize=1024)
def _of_student(freedom: int, level: float) -> float:
    low, high = 0.0, pi / 2
    for _ in range(60):  # halving an angle so often is all that a float can tell apart
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return sqrt(freedom) * tan(low)


def _within(angle: float, freedom: int) -> float:
    """A(t|n) with tan(angle) = t/sqrt(n): Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3, 26.7.4."""
    odd = freedom % 2
    square = cos(angle) ** 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for even in range(2 if odd else 1, freedom, 2):
        total += term
        term *= even / (even + 1) * square
    return 2.0 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
