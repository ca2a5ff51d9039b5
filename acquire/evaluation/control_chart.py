"""Whether a quantity that is read again and again is still what it was: a control chart by its changepoint. Pure.

At each check every moment at which the quantity may have changed is asked: the mean before it is held against the mean
from it on, and the largest difference, in standard deviations, against one limit. So there is no separate phase in
which a baseline is found, as a CUSUM or EWMA chart needs one (NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.3
and 6.3.2.4): however few checks it rests on, its own uncertainty is in the difference. D. M. Hawkins,
P. Qiu and C. W. Kang, The changepoint model for statistical process control, J. Quality Technology 35 (2003) 355; D. C.
Montgomery, Introduction to Statistical Quality Control, 6th ed., section 10.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, nan, sqrt

import numpy as np
import numpy.typing as npt

from acquire.records import FloatArray

BoolArray = npt.NDArray[np.bool_]

#: Of so many checks the limits speak.
CHECKS = 100

#: What is spent of false alarms: the share of histories of :data:`CHECKS` checks in which nothing changes and there is
#: an alarm all the same, all quantities of a bench together.
FALSE_ALARMS = 0.008

#: The square of the limit is this, and as much more for each unit of ln(1/share). From 100 000 simulated histories of
#: 100 normal values; right to 0.015 for shares of 0.01 to 0.0002.
_LIMIT, _LIMIT_SLOPE = 9.189, 2.0275

#: Beyond so many standard deviations of chi-square, brought to a normal variable, a stated scatter is not believed:
#: chance alone makes it so once in a hundred. With a smaller one fewer changes are found, with a larger one there are
#: more false alarms where the statement is wrong.
_CONTRADICTED = 2.33


@dataclass(frozen=True, slots=True)
class Scatter:
    """How much a quantity scatters from check to check (standard deviation, above 0), in its own unit.

    ``stated``: it is known beforehand, and counts until the checks contradict it. Otherwise it is only the least that
    there must be, and what the checks themselves show counts.
    """

    expected: float
    stated: bool


@dataclass(frozen=True, slots=True)
class Change:
    """The most likely change in a history: its ``size``, and the index of the ``first`` value after it.

    ``deviations`` is how many standard deviations of chance it is, ``scatter`` that from check to check beside it;
    ``contradicted``: that is more than the stated one leaves room for, and counted in its place.
    """

    size: float = nan
    first: int = 0
    deviations: float = 0.0
    scatter: float = nan
    contradicted: bool = False


def limit_of(share: float) -> float:
    """The limit that ``share`` of histories of 100 checks cross in which nothing changes, in standard deviations."""
    return sqrt(_LIMIT + _LIMIT_SLOPE * log(1.0 / share))


def latest_change(values: FloatArray, scatter: Scatter) -> Change:
    """The change that the ``values`` (n,) of a quantity up to now speak for most; none of fewer than two."""
    count = len(values)
    if count < 2:
        return Change()
    size, unit, within = _splits(values)
    found = _deviations(size / unit, within, count - 2, scatter)
    best = int(np.argmax(found))
    freedom = count - 2
    own = sqrt(float(within[best]) / freedom) if freedom else nan
    contradicted = scatter.stated and bool(_is_contradicted(within, freedom, scatter)[best])
    return Change(float(size[best]), best + 1, float(found[best]), own, contradicted)


def _splits(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of each of the n - 1 ways to cut a history in two: difference of the means, how it scatters where each value
    scatters by 1, and the sum of squares within both parts.
    """
    count = len(values)
    before, shifted = np.arange(1.0, count), values - values.mean()
    left = np.cumsum(shifted)[:-1]
    size = -left / (count - before) - left / before
    unit = np.sqrt(1.0 / before + 1.0 / (count - before))
    within = np.maximum(float(shifted @ shifted) - (size / unit) ** 2, 0.0)
    return size, unit, within


def _deviations(size: FloatArray, within: FloatArray, freedom: int, scatter: Scatter) -> FloatArray:
    by_expected: FloatArray = np.abs(size) / scatter.expected
    if freedom < 1:
        return by_expected if scatter.stated else np.zeros_like(by_expected)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_own = _normal_of_student(np.abs(size) / np.sqrt(within / freedom), freedom)
    own_counts = _is_contradicted(within, freedom, scatter) if scatter.stated else True
    found: FloatArray = np.where(own_counts, np.fmin(by_expected, by_own), by_expected)
    return found


def _is_contradicted(within: FloatArray, freedom: int, scatter: Scatter) -> BoolArray:
    if freedom < 1:
        return np.zeros(within.shape, bool)
    contradicted: BoolArray = within > scatter.expected**2 * _largest_chi_square(freedom)
    return contradicted


def _normal_of_student(ratio: FloatArray, freedom: int) -> FloatArray:
    """The normal deviate about as unlikely as Student's t: D. L. Wallace, Ann. Math. Statist. 30 (1959) 1121."""
    deviate: FloatArray = np.sqrt(freedom * np.log1p(ratio**2 / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)
    return deviate


def _largest_chi_square(freedom: int) -> float:
    """Chi-square that chance exceeds once in a hundred: E. B. Wilson and M. M. Hilferty, PNAS 17 (1931) 684."""
    spread = 2.0 / (9.0 * freedom)
    return float(freedom * (1.0 - spread + _CONTRADICTED * sqrt(spread)) ** 3)
