"""How much of a film is left: the ratio of absorbances at a wavelength, after a step over before it. Pure.

By Lambert and Beer A = alpha d/ln 10 above a baseline, so A_after/A_before is the ratio of thicknesses, as long as the
film absorbs in the same way. What the whole band says of that ratio is compared with what one wavelength says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, nan, sqrt

import numpy as np

from acquire.evaluation.figure import Figure, missing
from acquire.records import FloatArray
from acquire.spectroscopy.roles import AbsorbanceSpectrum

#: What a spectrophotometer leaves open of an absorbance, as its data sheet says (limits +-0.002 at A = 0.3).
PHOTOMETRIC_ACCURACY = 0.002
#: Beyond, stray light is what is measured.
LARGEST_ABSORBANCE = 3.0
#: The absorbance before must be so many times its uncertainty.
_LEAST_SIGNAL = 5.0
#: Values within this distance [nm] of the wavelength are taken together.
HALF_WIDTH = 2.0
#: A spectrum after that is, over the band, farther than this part of its height from the shape before has another one.
_OTHER_SHAPE = 0.02
#: A band ends where the absorbance before has fallen to this part of that at the wavelength.
_BAND = 0.3


@dataclass(frozen=True, eq=False)
class ComparedFilms:
    """Two spectra, before and after, on one grid of wavelengths (n,) [nm] with their baselines (n,) and figures."""

    wavelength: FloatArray
    before: FloatArray
    after: FloatArray
    baseline_before: FloatArray
    baseline_after: FloatArray
    at: float
    windows: tuple[tuple[float, float], ...]
    figures: dict[str, Figure]
    ratio: FloatArray


def compared(
    before: AbsorbanceSpectrum,
    after: AbsorbanceSpectrum,
    at: float,
    windows: Sequence[tuple[float, float]] = (),
    accuracy: float = PHOTOMETRIC_ACCURACY,
) -> ComparedFilms:
    """Return how two films compare at a wavelength [nm].

    ``windows`` [nm]: where the film absorbs nothing; one sets the zero there, two or more a straight line through
    them. ``accuracy``: limits +-a of an absorbance.

    :raises ValueError: the wavelength or a window lies beyond a spectrum, or a window holds too few points.
    """
    low = max(before.wavelength[0], after.wavelength[0])
    high = min(before.wavelength[-1], after.wavelength[-1])
    if not low <= at <= high:
        raise ValueError(f"{at:g} nm lies beyond the wavelengths that both spectra have, {low:g} to {high:g} nm")
    inside = (before.wavelength >= low) & (before.wavelength <= high)
    grid = before.wavelength[inside]
    first = before.absorbance[inside]
    second = np.interp(grid, after.wavelength, after.absorbance)
    lines = [_baseline(grid, values, windows) for values in (first, second)]
    values = [_value_at(grid, one - line.values, at) for one, line in zip((first, second), lines, strict=True)]
    limit = 0.0 if windows else accuracy / sqrt(3)  # an error that all wavelengths share goes with the baseline
    spreads = [
        hypot(scatter, line.spread_at(at), limit, accuracy / sqrt(3) * value)
        for (value, scatter), line in zip(values, lines, strict=True)
    ]
    ratio = _ratios(first - lines[0].values, second - lines[1].values)
    figures = _figures(grid, (first, second), lines, values, spreads, at)
    return ComparedFilms(grid, first, second, lines[0].values, lines[1].values, at, tuple(windows), figures, ratio)


@dataclass(frozen=True, eq=False)
class _Baseline:
    """A baseline (n,): its values, and the covariance (2, 2) of height and slope about ``middle`` [nm]."""

    values: FloatArray
    covariance: FloatArray
    middle: float

    def spread_at(self, wavelength: float) -> float:
        gradient = np.array([1.0, wavelength - self.middle])
        return sqrt(max(float(gradient @ self.covariance @ gradient), 0.0))


def _baseline(grid: FloatArray, values: FloatArray, windows: Sequence[tuple[float, float]]) -> _Baseline:
    if not windows:
        return _Baseline(np.zeros(grid.size), np.zeros((2, 2)), 0.0)
    chosen = np.zeros(grid.size, bool)
    for low, high in windows:
        inside = (grid >= low) & (grid <= high)
        if inside.sum() < 3:
            raise ValueError(f"the baseline from {low:g} to {high:g} nm holds {inside.sum()} points; 3 are the least")
        chosen |= inside
    x, y = grid[chosen], values[chosen]
    middle = float(x.mean())
    design = np.column_stack([np.ones(x.size), x - middle])[:, : 2 if len(windows) > 1 else 1]
    found, *_ = np.linalg.lstsq(design, y, rcond=None)
    residuals = y - design @ found
    variance = float(residuals @ residuals) / max(x.size - design.shape[1], 1)
    covariance = np.zeros((2, 2))
    covariance[: design.shape[1], : design.shape[1]] = np.linalg.inv(design.T @ design) * variance
    slope = float(found[1]) if len(windows) > 1 else 0.0
    return _Baseline(float(found[0]) + slope * (grid - middle), covariance, middle)


def _value_at(grid: FloatArray, values: FloatArray, at: float) -> tuple[float, float]:
    """The value at a wavelength by a parabola through its neighbourhood, and its standard uncertainty by scatter."""
    half = max(HALF_WIDTH, 2.5 * float(np.median(np.diff(grid))))
    near = np.abs(grid - at) <= half
    if near.sum() < 4:
        return float(np.interp(at, grid, values)), 0.0
    x, y = grid[near] - at, values[near]
    design = np.column_stack([np.ones(x.size), x, x**2])
    found, *_ = np.linalg.lstsq(design, y, rcond=None)
    residuals = y - design @ found
    variance = float(residuals @ residuals) / max(x.size - 3, 1)
    return float(found[0]), sqrt(variance * float(np.linalg.inv(design.T @ design)[0, 0]))


def _ratios(first: FloatArray, second: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(first > 0.1 * first.max(), second / first, nan)


def _figures(
    grid: FloatArray,
    spectra: tuple[FloatArray, FloatArray],
    lines: list[_Baseline],
    values: list[tuple[float, float]],
    spreads: list[float],
    at: float,
) -> dict[str, Figure]:
    (one, _), (other, _) = values
    status, reason = "ok", ""
    raw = max(float(np.interp(at, grid, spectrum)) for spectrum in spectra)
    if raw > LARGEST_ABSORBANCE:
        status, reason = (
            "doubtful",
            f"an absorbance of {raw:.2g} is stray light: take a thinner film or another wavelength",
        )
    figures = {
        "absorbance_before": Figure(one, "1", status, uncertainty=spreads[0], reason=reason),
        "absorbance_after": Figure(other, "1", status, uncertainty=spreads[1], reason=reason),
    }
    if one < _LEAST_SIGNAL * spreads[0]:
        why = f"the absorbance before, {one:.3g}, is not told from its uncertainty, {spreads[0]:.2g}"
        figures["thickness_ratio"] = missing("1", "not_determined", why)
        return figures
    ratio = other / one
    spread = hypot(spreads[1] / one, ratio * spreads[0] / one)
    band = _band_ratio(grid, spectra[0] - lines[0].values, spectra[1] - lines[1].values, at)
    figures["thickness_ratio_of_band"] = missing("1", "none", "the band holds too few points")
    if band is not None:
        figures["thickness_ratio_of_band"] = Figure(band[0], "1", "ok", uncertainty=hypot(band[1], spread))
        if band[2] > _OTHER_SHAPE * abs(ratio) * one:
            status = "doubtful"
            reason = (
                f"the spectrum changed its shape, by {band[2] / abs(ratio * one):.0%} of its height over the band, not "
                "only its height; the ratio is no thickness alone"
            )
    if ratio < 0:
        status, reason = "doubtful", "the absorbance after lies below its baseline"
    figures["thickness_ratio"] = Figure(ratio, "1", status, uncertainty=spread, reason=reason)
    return figures


def _band_ratio(
    grid: FloatArray, first: FloatArray, second: FloatArray, at: float
) -> tuple[float, float, float] | None:
    """The ratio by least squares through zero over the band about a wavelength, with its standard uncertainty, and how
    far the spectrum after is from that shape, rms, beyond noise."""
    height = float(np.interp(at, grid, first))
    middle = int(np.argmin(np.abs(grid - at)))
    below = np.flatnonzero(first < _BAND * height)
    low = int(below[below < middle].max(initial=-1)) + 1
    high = int(below[below > middle].min(initial=grid.size))
    x, y = first[low:high], second[low:high]
    if x.size < 5:
        return None
    ratio = float(x @ y) / float(x @ x)
    residuals = y - ratio * x
    variance = float(residuals @ residuals) / (x.size - 1)
    noise = float((np.diff(residuals) ** 2).mean()) / 2
    return ratio, sqrt(variance / float(x @ x)), sqrt(max(variance - noise, 0.0))
