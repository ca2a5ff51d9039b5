"""Student's t: how wide an interval is whose width was estimated from a few values."""

from __future__ import annotations

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
        return NormalDist().inv_cdf((1.0 + level) / 2.0)
    low, high = 0.0, pi / 2
    for _ in range(60):  # halving an angle so often is all that a float can tell apart
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, int(degrees_of_freedom)) < level else (low, middle)
    return sqrt(int(degrees_of_freedom)) * tan(low)


def _within(angle: float, freedom: int) -> float:
    """A(t|n) with tan(angle) = t/sqrt(n): Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3, 26.7.4."""
    odd = freedom % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for count in range(freedom // 2):
        total += term
        even = 2 * count + (2 if odd else 1)
        term *= even / (even + 1) * cos(angle) ** 2
    return 2.0 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
