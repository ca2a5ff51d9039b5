"""Whether luminance per photocurrent is one number: how it moves with the level and with time."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np

from acquire.photometry.student import coverage_factor
from acquire.records import FloatArray

#: Levels that rise as time goes on cannot tell a drift from a curve: correlation of the two beyond which neither slope
#: is free of the other.
LARGEST_CORRELATION = 0.9

#: A slope that chance alone would make as large once in a hundred calibrations is taken for real.
CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope of a straight line with its standard uncertainty (k = 1) and degrees of freedom; NaN when unknown."""

    value: float = nan
    uncertainty: float = nan
    degrees_of_freedom: int = 0

    @property
    def is_real(self) -> bool:
        """Whether it is too large for chance."""
        if self.degrees_of_freedom < 1:
            return False
        return abs(self.value) > coverage_factor(self.degrees_of_freedom, CONFIDENCE) * self.uncertainty


@dataclass(frozen=True, slots=True, eq=False)
class Linearity:
    """How y = ln(L/s) moves: ``level`` dy/d ln L [1], ``drift`` dy/dt [1/s], ``residuals`` y - mean y (n,).

    ``apart``: the order of the levels tells the two slopes apart; each is then free of the other. Otherwise each is
    found as if the other were nothing.
    """

    level: Slope
    drift: Slope
    residuals: FloatArray
    apart: bool


def linearity(logarithms: FloatArray, luminance: FloatArray, time: FloatArray) -> Linearity:
    """Return how ``logarithms`` ln(L/s) (n,) move with ``luminance`` [cd/m^2] (n,) and ``time`` [s] (n,).

    Least squares; with fewer than three values, or without a span, a slope is unknown.
    """
    residuals = logarithms - logarithms.mean()
    level, moment = np.log(luminance), np.asarray(time, float)
    level, moment = level - level.mean(), moment - moment.mean()
    apart = len(residuals) >= 4 and _correlation(level, moment) < LARGEST_CORRELATION
    if apart:
        by_level, drift = _slopes(np.column_stack((level, moment)), residuals)
    else:
        (by_level,), (drift,) = (_slopes(column[:, np.newaxis], residuals) for column in (level, moment))
    return Linearity(by_level, drift, residuals, apart)


def _correlation(one: FloatArray, other: FloatArray) -> float:
    """The size of the correlation of two columns without their means; infinite where one of them is constant."""
    size = sqrt(float(one @ one) * float(other @ other))
    return abs(float(one @ other)) / size if size > 0.0 else inf


def _slopes(columns: FloatArray, values: FloatArray) -> list[Slope]:
    """Ordinary least squares of values (n,) on columns (n, k), all without their means."""
    count, unknowns = columns.shape
    freedom = count - 1 - unknowns
    spans = np.abs(columns).max(axis=0, initial=0.0)
    if freedom < 1 or not (spans > 0.0).all():
        return [Slope()] * unknowns
    scaled = columns / spans  # seconds and logarithms differ by orders of magnitude
    found = np.linalg.lstsq(scaled, values)[0]
    misfit = values - scaled @ found
    variances = np.diag(np.linalg.inv(scaled.T @ scaled)) * float(misfit @ misfit) / freedom
    return [
        Slope(float(value), float(sqrt(variance)), freedom)
        for value, variance in zip(found / spans, variances / spans**2, strict=True)
    ]
