"""How steeply the current of a diode rises: its ideality factor, after its leak. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, log, nan

import numpy as np

from acquire.evaluation.figure import Figure, missing
from acquire.photometry.constants import BOLTZMANN, ELEMENTARY_CHARGE
from acquire.photometry.elementwise import IntArray
from acquire.records import FloatArray


def ideality_factor(
    voltage: FloatArray,
    current_density: FloatArray,
    *,
    temperature: float = 298.15,
    leak_conductance: float = 0.0,
    series_resistance: float = 0.0,
    noise_floor: FloatArray | float = 0.0,
) -> Figure:
    """Return n = (e/kT) dV/d ln J on the steepest leak-free stretch of at least one decade.

    ``leak_conductance`` [S/m^2] and ``series_resistance`` times area [ohm m^2] are subtracted first; a point is
    leak-free when its current exceeds both the leak and ``noise_floor`` [A/m^2]. With luminance in place of J
    it gives n_L. Far above 2 in injection-limited devices: Wetzelaer et al. 2011,
    doi 10.1103/PhysRevB.83.165204. ``not_reached`` without a decade. The uncertainty is the scatter about the line.
    """
    junction = voltage - current_density * series_resistance
    leak = leak_conductance * junction
    diode = current_density - leak
    with np.errstate(invalid="ignore"):
        free = (diode > np.maximum(leak, noise_floor)) & (diode > 0) & np.isfinite(junction)
    slope, spread = min(_decade_slopes(junction[free], np.log(diode[free])), default=(inf, nan))
    if slope == inf:
        return missing("1", "not_reached", "no decade above noise and leak rises all the way")
    per_volt = ELEMENTARY_CHARGE / (BOLTZMANN * temperature)
    return Figure(slope * per_volt, "1", "ok", uncertainty=spread * per_volt, reason=f"at {temperature:g} K")


#: What counts as a decade of ln J, but for the last digits.
_DECADE = log(10) * (1 - 1e-12)


def _decade_slopes(voltage: FloatArray, ln_current: FloatArray) -> Iterator[tuple[float, float]]:
    """Yield the least-squares dV/d ln J, and its standard error, of the shortest rising stretches of a decade.

    Of those within one rise only the steepest: so many points are no reason to fit a line from each of them.
    """
    breaks = np.flatnonzero(~((np.diff(ln_current) > 0) & (np.diff(voltage) > 0)))
    for start, end in zip(np.append(0, breaks + 1), np.append(breaks + 1, ln_current.size), strict=True):
        v, x = voltage[start:end], ln_current[start:end]
        if x.size > 1 and x[-1] >= x[0] + _DECADE:
            reached = np.searchsorted(x, x + _DECADE)
            first = np.flatnonzero(reached < x.size)
            for i in _steepest(v, x, first, reached[first]):
                stretch = slice(i, int(reached[i]) + 1)
                yield _line(x[stretch] - x[stretch].mean(), v[stretch] - v[stretch].mean())


def _steepest(voltage: FloatArray, x: FloatArray, first: IntArray, last: IntArray) -> list[int]:
    """Those of the stretches from ``first`` to ``last`` (n,) that may have the least dV/dx, from running sums."""
    v, x = voltage - voltage.mean(), x - x.mean()
    count = last - first + 1
    of_v, of_x, of_products, of_squares = (
        (sums := np.concatenate(([0.0], np.cumsum(terms))))[last + 1] - sums[first] for terms in (v, x, v * x, x * x)
    )
    slopes = (of_products - of_v * of_x / count) / (of_squares - of_x**2 / count)
    steepest: list[int] = first[slopes <= slopes.min() * (1 + _OF_SUMS)].tolist()
    return steepest


_OF_SUMS = 1e-6  # what the rounding of running sums may change, with a wide margin


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope of the line through points (n,) about their means, and its standard error, NaN for two points."""
    slope = float(x @ y / (x @ x))
    rest = y - slope * x
    return slope, float(np.sqrt(rest @ rest / (x.size - 2) / (x @ x))) if x.size > 2 else nan


def ohmic_leak(voltage: FloatArray, current_density: FloatArray, noise_floor: FloatArray | float = 0.0) -> float:
    """Return the conductance of the leak [S/m^2] where a rising branch begins with an ohmic stretch, else 0.

    Ohmic are the lowest three or more points above ``noise_floor`` between which d ln J/d ln V stays within 0.7 to 1.3.
    """
    with np.errstate(invalid="ignore"):
        there = (voltage > 0) & (current_density > noise_floor)
    v, j = voltage[there], current_density[there]
    if v.size < 3 or not (np.diff(v) > 0).all():
        return 0.0
    power = np.diff(np.log(j)) / np.diff(np.log(v))
    ohmic = int(np.argmin(np.append((power > 0.7) & (power < 1.3), False)))  # the first that is not
    return float((j[: ohmic + 1] / v[: ohmic + 1]).mean()) if ohmic >= 2 else 0.0
