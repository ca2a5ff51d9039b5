"""The resistance at 0 Hz by a J-V sweep, dV/dI at a bias, beside that of an impedance spectrum. Pure."""

from __future__ import annotations

from math import hypot, isfinite, nan, sqrt

import numpy as np

from acquire.evaluation.figure import Figure, missing
from acquire.records import FloatArray

#: Points about the bias that a parabola of ln I is laid through.
_POINTS = 5
#: Two resistances agree where they differ by less than this part, or than twice the uncertainty of the difference.
_AGREE = 0.05


def differential_resistance(voltage: FloatArray, current: FloatArray, bias: float) -> Figure:
    """Return dV/dI [ohm] at a bias [V], by a parabola of ln I through the five nearest of the points (n,) [V], [A]."""
    known = np.isfinite(voltage) & np.isfinite(current)
    voltage, current = voltage[known], current[known]
    if voltage.size < _POINTS or not voltage.min() <= bias <= voltage.max():
        reach = f"{voltage.min():g} to {voltage.max():g} V" if voltage.size else "no voltage"
        return missing("ohm", "not_reached", f"the sweep covers {reach}")
    nearest = np.argsort(np.abs(voltage - bias), kind="stable")[:_POINTS]
    x, i = voltage[nearest] - bias, current[nearest]
    if np.unique(x).size < _POINTS or (np.sign(i) != np.sign(i[0])).any() or (i == 0).any():
        return missing("ohm", "none", "the current changes its sign near the bias, or a level repeats")
    design = np.column_stack([np.ones(_POINTS), x, x**2])
    found, *_ = np.linalg.lstsq(design, np.log(np.abs(i)), rcond=None)
    residuals = np.log(np.abs(i)) - design @ found
    covariance = np.linalg.inv(design.T @ design) * float(residuals @ residuals) / (_POINTS - 3)
    slope = float(found[1])
    if slope <= 0:
        return missing("ohm", "none", "the current does not rise with the voltage at the bias")
    value = 1 / (float(np.exp(found[0])) * slope)
    return Figure(
        value,
        "ohm",
        "ok",
        voltage=bias,
        uncertainty=value * hypot(sqrt(covariance[1, 1]) / slope, sqrt(covariance[0, 0])),
    )


def verdict(by_spectrum: Figure, by_sweep: Figure) -> tuple[bool | None, str]:
    """Return whether both agree, None where one is missing, and that in words."""
    if not isfinite(by_sweep.value):
        return None, f"no dV/dI at the bias: {by_sweep.reason}"
    if not isfinite(by_spectrum.value):
        return None, f"R_s + R_p is not told: {by_spectrum.reason}"
    apart = by_spectrum.value / by_sweep.value - 1 if by_sweep.value else nan
    spread = hypot(by_spectrum.uncertainty, by_sweep.uncertainty) / by_sweep.value
    both = f"R_s + R_p is {by_spectrum.value:.4g} ohm, dV/dI {by_sweep.value:.4g} ohm: {apart:+.1%}"
    if abs(apart) <= max(_AGREE, 2 * spread):
        return True, f"{both}; they agree"
    return (
        False,
        f"{both}; the alternating voltage is too large to be linear, or slow ions respond, or it is another device",
    )
