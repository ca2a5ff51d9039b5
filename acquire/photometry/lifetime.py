"""How long a device keeps its light: T_x, the stretched exponential, acceleration by the level. Pure.

Times in s (any one unit does), luminances in any one unit; shares are fractions of 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, inf, isfinite, log, nan, sqrt

import numpy as np

from acquire.photometry.student import coverage_factor
from acquire.records import FloatArray

#: Between these the stretching exponent is looked for.
LEAST_EXPONENT, LARGEST_EXPONENT = 0.2, 2.0
#: Fewer values than this are not fitted: three parameters, and something to judge them by.
FEWEST_VALUES = 6
#: Values of a running median; of a course that only falls it is the course itself.
MEDIAN_OF = 5
#: Levels from which an acceleration exponent follows at the earliest.
FEWEST_LEVELS = 3


def running_median(values: FloatArray, count: int = MEDIAN_OF) -> FloatArray:
    """Return the median of each value (n,) and its neighbours, as many on both sides, fewer towards both ends."""
    half = np.minimum(np.minimum(np.arange(values.size), np.arange(values.size)[::-1]), count // 2)
    return np.array([np.median(values[i - k : i + k + 1]) for i, k in enumerate(half)], float)


def time_to_share(time: FloatArray, ratio: FloatArray, share: float) -> float:
    """Return T_x, the first time at which L/L_0 <= x, linear in t between two values; NaN when it never is.

    ``time`` (n,) rises; ``ratio`` (n,) is L/L_0, ``share`` x. What is noisy is smoothed before: :func:`running_median`.
    """
    known = np.isfinite(time) & np.isfinite(ratio)
    time, ratio = time[known], ratio[known]
    below = np.flatnonzero(ratio <= share)
    if not below.size:
        return nan
    i = int(below[0])
    if i == 0:
        return float(time[0])
    weight = float((ratio[i - 1] - share) / (ratio[i - 1] - ratio[i]))
    return float((1 - weight) * time[i - 1] + weight * time[i])


def stretched_exponential(time: FloatArray, time_constant: float, exponent: float) -> FloatArray:
    """Return L/L_0 = exp(-(t/tau)^beta) (n,). Féry et al. 2005, doi 10.1063/1.2133922."""
    return np.asarray(np.exp(-((time / time_constant) ** exponent)), float)


def lifetime(share: float, time_constant: float, exponent: float) -> float:
    """Return T_x = tau (ln(1/x))^(1/beta), where a stretched exponential has fallen to ``share`` x."""
    return float(time_constant * log(1 / share) ** (1 / exponent))


@dataclass(frozen=True, eq=False)
class StretchedExponential:
    """ln L = ln A - (t/tau)^beta as fitted; A in the unit of L, tau in that of t, beta a number.

    ``covariance`` (3, 3) is that of (ln A, ln tau, beta), NaN where nothing bounds them. ``scatter`` is the standard
    deviation of ln L about the curve; ``correlation`` that of one residual with the next, for which the covariance is
    widened: a course that wanders about the curve says less than its many values seem to. ``at_bound``: beta lies at an
    end of the range in which it was looked for. ``values`` were fitted, up to ``last`` in time.
    """

    amplitude: float
    time_constant: float
    exponent: float
    covariance: FloatArray
    scatter: float
    correlation: float
    at_bound: bool
    values: int
    last: float

    @property
    def time_constant_uncertainty(self) -> float:
        """The standard uncertainty of tau, k = 1."""
        return self.time_constant * sqrt(self.covariance[1, 1])

    @property
    def exponent_uncertainty(self) -> float:
        """The standard uncertainty of beta, k = 1."""
        return sqrt(self.covariance[2, 2])

    @property
    def coverage_factor(self) -> float:
        """The number of standard uncertainties to which an interval of 95 % reaches, by Student's t."""
        return coverage_factor(max(self.values - 3, 1))

    def ratio(self, time: FloatArray) -> FloatArray:
        """Return L/A (n,) of the curve."""
        return stretched_exponential(time, self.time_constant, self.exponent)

    def time_at(self, luminance: float) -> float:
        """Return when the curve falls to a luminance; NaN when it begins below it."""
        fallen = log(self.amplitude / luminance) if luminance > 0 else nan
        return float(self.time_constant * fallen ** (1 / self.exponent)) if fallen > 0 else nan

    def uncertainty_of_time_at(self, luminance: float, relative_uncertainty: float = 0.0) -> float:
        """Return the standard uncertainty of :meth:`time_at`, if the luminance itself is uncertain by that share.

        t = tau f^(1/beta) with f = ln(A/L): d ln t = d ln tau + (d ln A - d ln L)/(beta f) - (ln f/beta^2) d beta.
        """
        time = self.time_at(luminance)
        if not isfinite(time):
            return nan
        fallen = log(self.amplitude / luminance)
        by_amplitude = 1 / (self.exponent * fallen)
        gradient = np.array([by_amplitude, 1.0, -log(fallen) / self.exponent**2])
        of_fit = float(gradient @ self.covariance @ gradient)
        return time * hypot(sqrt(max(of_fit, 0.0)), by_amplitude * relative_uncertainty)


def fit_stretched_exponential(time: FloatArray, luminance: FloatArray) -> StretchedExponential | None:
    """Fit ln L = ln A - (t/tau)^beta by least squares, 0.2 < beta < 2; None where nothing can be told.

    ``time`` (n,) since the stress began, ``luminance`` (n,); values without light, or before the beginning, are left
    out. The scatter is taken from the fit itself.
    """
    usable = np.isfinite(time) & np.isfinite(luminance) & (time > 0) & (luminance > 0)
    t, y = np.asarray(time[usable], float), np.log(np.asarray(luminance[usable], float))
    if t.size < FEWEST_VALUES or not t.max() > t.min() or not y[0] > y[-1]:
        return None
    logs = np.log(t / t[-1])  # powers of what is at most 1 never overflow
    exponent = _best_exponent(logs, y)
    height, fall, residuals = _line(np.exp(exponent * logs), y)
    if not fall > 0:
        return None
    parameters = np.array([height, log(t[-1]) - log(fall) / exponent, exponent])
    at_bound = min(exponent - LEAST_EXPONENT, LARGEST_EXPONENT - exponent) < 1e-3
    freedom = t.size - 3
    variance = float(residuals @ residuals) / freedom
    correlation = _correlation(residuals)
    covariance = _inverse(_jacobian(parameters, t)) * variance * (1 + correlation) / (1 - correlation)
    if at_bound:
        covariance = np.full((3, 3), nan)
    return StretchedExponential(
        amplitude=exp(parameters[0]),
        time_constant=exp(min(parameters[1], 700.0)),
        exponent=float(parameters[2]),
        covariance=covariance,
        scatter=sqrt(variance),
        correlation=correlation,
        at_bound=at_bound,
        values=int(t.size),
        last=float(t.max()),
    )


def _best_exponent(logs: FloatArray, y: FloatArray) -> float:
    """Return beta: with it given, ln L = ln A - b t^beta is a straight line, so that only beta is searched for."""
    from scipy.optimize import minimize_scalar  # half a second, which no other command waits for

    def squares(exponent: float) -> float:
        residuals = _line(np.exp(exponent * logs), y)[2]
        return float(residuals @ residuals)

    grid = np.linspace(LEAST_EXPONENT, LARGEST_EXPONENT, 19)
    best = int(np.argmin([squares(exponent) for exponent in grid.tolist()]))
    between = (float(grid[max(best - 1, 0)]), float(grid[min(best + 1, grid.size - 1)]))
    return float(minimize_scalar(squares, bounds=between, method="bounded", options={"xatol": 1e-10}).x)


def _line(power: FloatArray, y: FloatArray) -> tuple[float, float, FloatArray]:
    """Return a, b and y - (a - b x) of the least squares for ``power`` x (n,)."""
    centred = power - power.mean()
    fall = -float(centred @ (y - y.mean())) / float(centred @ centred)
    height = float(y.mean()) + fall * float(power.mean())
    return height, fall, np.asarray(y - height + fall * power, float)


def _jacobian(parameters: FloatArray, t: FloatArray) -> FloatArray:
    """Return the derivatives (n, 3) of ln L by ln A, ln tau, beta."""
    _, ln_constant, exponent = parameters
    power = np.exp(np.minimum(exponent * (np.log(t) - ln_constant), 200.0))
    return np.column_stack([np.ones(t.size), exponent * power, -power * (np.log(t) - ln_constant)])


def _correlation(residuals: FloatArray) -> float:
    """Return how far a residual goes with the one before it, 0 at least."""
    centred = residuals - residuals.mean()
    total = float(centred @ centred)
    if total <= 0.0:
        return 0.0
    return min(max(float(centred[1:] @ centred[:-1]) / total, 0.0), 0.98)


def _inverse(jacobian: FloatArray) -> FloatArray:
    """Return (J^T J)^-1; NaN where the parameters cannot be told apart."""
    scale = np.sqrt((jacobian**2).sum(axis=0))
    if not (scale > 0).all():
        return np.full((3, 3), nan)
    normal = (jacobian / scale).T @ (jacobian / scale)
    if np.linalg.cond(normal) > 1e13:
        return np.full((3, 3), nan)
    return np.asarray(np.linalg.inv(normal) / np.outer(scale, scale), float)


@dataclass(frozen=True, eq=False)
class Acceleration:
    """L_0^n T = const over several levels: ln T = c - n ln L_0 by least squares.

    ``exponent`` n with its standard ``uncertainty`` (k = 1), the larger of the scatter about the line and of what the
    lifetimes' own uncertainties come to; the interval of 95 % is ``exponent`` +- ``half_width``. ``levels`` (n,) are
    L_0, ``lifetimes`` (n,) T, ``scatter`` the standard deviation of ln T about the line.
    """

    exponent: float
    uncertainty: float
    half_width: float
    levels: FloatArray
    lifetimes: FloatArray
    scatter: float
    _known: FloatArray

    def lifetime_at(self, luminance: float) -> float:
        """Return T at an initial luminance."""
        x = np.log(self.levels)
        return exp(float(np.log(self.lifetimes).mean()) - self.exponent * (log(luminance) - float(x.mean())))

    def interval_at(self, luminance: float) -> tuple[float, float]:
        """Return the ends of the 95 % interval of :meth:`lifetime_at`, of the line: one device more scatters about it.

        The wider of the interval by the scatter, with Student's t, and that by the lifetimes' own uncertainties.
        """
        x = np.log(self.levels)
        away, spread = log(luminance) - x.mean(), float(((x - x.mean()) ** 2).sum())
        by_scatter = self.scatter * sqrt(1 / x.size + away**2 / spread) * coverage_factor(x.size - 2)
        weights = 1 / x.size + away * (x - x.mean()) / spread
        by_known = float(np.sqrt(((weights * self._known) ** 2).sum())) * coverage_factor(inf)
        middle, half = self.lifetime_at(luminance), max(by_scatter, by_known)
        return middle * exp(-half), middle * exp(half)


def acceleration(
    luminances: FloatArray, lifetimes: FloatArray, relative_uncertainties: FloatArray | None = None
) -> Acceleration:
    """Return the acceleration exponent n = -d ln T/d ln L_0 from ``luminances`` L_0 (n,) and ``lifetimes`` T (n,).

    ``relative_uncertainties`` (n,) of the lifetimes, k = 1; NaN counts as 0. Woo, Kim, Lee 2021,
    doi 10.1038/s41566-021-00863-2.

    :raises ValueError: fewer than three different levels, or a value that is no positive number.
    """
    luminances, lifetimes = np.asarray(luminances, float), np.asarray(lifetimes, float)
    if not (np.isfinite(luminances) & np.isfinite(lifetimes) & (luminances > 0) & (lifetimes > 0)).all():
        raise ValueError("every level needs a luminance and a lifetime above 0")
    if distinct_levels(luminances) < FEWEST_LEVELS:
        raise ValueError(f"{distinct_levels(luminances)} different initial luminances; {FEWEST_LEVELS} are needed")
    known = np.zeros(luminances.size) if relative_uncertainties is None else np.nan_to_num(relative_uncertainties)
    x, y = np.log(luminances), np.log(lifetimes)
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    residuals = y - y.mean() - slope * (x - x.mean())
    scatter = sqrt(float(residuals @ residuals) / (x.size - 2))
    by_scatter, by_known = scatter / sqrt(spread), float(np.sqrt((((x - x.mean()) * known) ** 2).sum())) / spread
    return Acceleration(
        exponent=-slope,
        uncertainty=max(by_scatter, by_known),
        half_width=max(by_scatter * coverage_factor(x.size - 2), by_known * coverage_factor(inf)),
        levels=luminances,
        lifetimes=lifetimes,
        scatter=scatter,
        _known=known,
    )


#: Initial luminances closer than this share are one level.
_SAME_LEVEL = 0.05


def distinct_levels(luminances: FloatArray) -> int:
    """Return how many different levels there are: those within 5 % of each other are one."""
    logarithms = np.sort(np.log(luminances[luminances > 0]))
    count, last = 0, -inf
    for value in logarithms.tolist():
        if value > last + _SAME_LEVEL:
            count, last = count + 1, value
    return count
