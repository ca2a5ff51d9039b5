"""Colour of a spectrum. CIE 015:2018, Colorimetry, doi 10.25039/TR.015.2018."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import hypot, inf, nan

import numpy as np

from acquire.photometry.constants import SECOND_RADIATION
from acquire.photometry.elementwise import Q
from acquire.photometry.grid import checked, trapezoid_weights
from acquire.photometry.observer import full_table, observer
from acquire.records import FloatArray

#: The white point of self-luminous devices: equal energy.
EQUAL_ENERGY = (1 / 3, 1 / 3)
#: Largest distance from the Planckian locus at which a correlated colour temperature has a meaning.
DUV_LIMIT = 0.05

_LOCUS_FIRST, _LOCUS_LAST = 380, 700
#: Temperatures searched [K].
COLOUR_TEMPERATURES = (1000.0, 100_000.0)
_MIRED_RANGE = (1e6 / COLOUR_TEMPERATURES[1], 1e6 / COLOUR_TEMPERATURES[0])  # reciprocal, 1/MK


def tristimulus(spectrum: FloatArray) -> tuple[float, float, float]:
    """Return X, Y, Z = I[S xbar], I[S ybar], I[S zbar], in the unit of S times nm.

    Times K_m = 683.002 lm/W, Y of a spectral radiance is the luminance in cd/m^2.
    """
    x, y, z = (observer().matching @ (checked(spectrum) * trapezoid_weights())).tolist()
    return x, y, z


def chromaticity(spectrum: FloatArray) -> tuple[float, float]:
    """Return x, y = X/(X+Y+Z), Y/(X+Y+Z); NaN when X+Y+Z is not positive."""
    x, y, z = tristimulus(spectrum)
    total = x + y + z
    return (x / total, y / total) if total > 0 else (nan, nan)


def uniform_chromaticity(x: Q, y: Q) -> tuple[Q, Q]:
    """Return u', v' = 4x/(-2x+12y+3), 9y/(-2x+12y+3) (CIE 1976)."""
    scale = -2 * x + 12 * y + 3
    return 4 * x / scale, 9 * y / scale


@dataclass(frozen=True, slots=True)
class DominantWavelength:
    """``wavelength`` [nm], negative when it is the complementary one of a purple; ``purity`` p_e in 0..1."""

    wavelength: float
    purity: float


def dominant_wavelength(x: float, y: float, white: tuple[float, float] = EQUAL_ENERGY) -> DominantWavelength:
    """Follow the ray from the white point through (x, y) to the spectral locus.

    The locus is the polygon of the 1 nm points 380-700 nm, the wavelength linear within a side; the purity is
    |xy - W| / |xy_locus - W|. Where the ray meets the purple line instead, the opposite ray gives the
    complementary wavelength, as a negative number, and the purple line the purity.
    NaN and purity 0 at the white point itself; NaN for a chromaticity that is not finite.
    """
    direction = np.array([x - white[0], y - white[1]])
    if not np.isfinite(direction).all() or not direction.any():
        return DominantWavelength(nan, 0.0 if (x, y) == white else nan)
    wavelength, reach = _meet(np.array(white), direction, spectral_locus())
    if np.isnan(wavelength):
        complementary, _ = _meet(np.array(white), -direction, spectral_locus())
        _, reach = _meet(np.array(white), direction, spectral_locus()[[-1, 0]])
        wavelength = -complementary
    return DominantWavelength(wavelength, min(1 / reach, 1.0))


def _meet(origin: FloatArray, direction: FloatArray, polygon: FloatArray) -> tuple[float, float]:
    """Return where the ray leaves the open polygon: wavelength [nm] and reach in units of ``direction``.

    Both NaN when it does not. Outermost of several: near its red end the locus folds back on itself.
    """
    sides, offsets = np.diff(polygon, axis=0), polygon[:-1] - origin
    crossing = direction[0] * sides[:, 1] - direction[1] * sides[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = (offsets[:, 0] * sides[:, 1] - offsets[:, 1] * sides[:, 0]) / crossing
        along = (offsets[:, 0] * direction[1] - offsets[:, 1] * direction[0]) / crossing
    reach[~((reach > 0) & (along >= 0) & (along <= 1))] = -inf
    best = int(reach.argmax())
    if not reach[best] > 0:
        return nan, nan
    return _LOCUS_FIRST + best + float(along[best]), float(reach[best])


@lru_cache(maxsize=1)
def spectral_locus() -> FloatArray:
    """Return x, y of the monochromatic lights 380-700 nm, shape (321, 2)."""
    first = _LOCUS_FIRST - int(full_table().wavelength[0])
    matching = full_table().matching[:, first : first + _LOCUS_LAST - _LOCUS_FIRST + 1]
    return np.asarray((matching[:2] / matching.sum(axis=0)).T, float)


@dataclass(frozen=True, slots=True)
class ColourTemperature:
    """``temperature`` [K] and ``duv``, positive above the Planckian locus (greenish); NaN when there is none."""

    temperature: float
    duv: float


def colour_temperature(x: float, y: float) -> ColourTemperature:
    """Return the correlated colour temperature, the nearest point of the Planckian locus in CIE 1960 (u, v).

    Locus by 1 nm trapezoid over 360-830 nm, c2 = 1.438776877e-2 m K, 1000 K to 100 000 K. NaN beyond these
    temperatures and for |Duv| > 0.05: narrow lines have no colour temperature. Agrees with Ohno 2014,
    doi 10.1080/15502724.2014.839020, within 1 K.
    """
    nearest = nearest_black_body(x, y)
    if not abs(nearest.duv) <= DUV_LIMIT or nearest.temperature in COLOUR_TEMPERATURES:
        return ColourTemperature(nan, nan)
    return nearest


def nearest_black_body(x: float, y: float) -> ColourTemperature:
    """Return the nearest point of the Planckian locus, however far away; an end of it is no colour temperature.

    NaN for a chromaticity that is not finite.
    """
    u, v = _uv_1960(x, y)
    if not (np.isfinite(u) and np.isfinite(v)):
        return ColourTemperature(nan, nan)
    mired = _nearest_mired(u, v)
    (locus_u, locus_v), *_ = _planckian_uv(np.array([mired]))
    distance = hypot(u - locus_u, v - locus_v)
    return ColourTemperature(1e6 / mired, float(np.copysign(distance, v - locus_v)))


def _nearest_mired(u: float, v: float) -> float:
    """Return the reciprocal temperature [1/MK] nearest to (u, v), to 1e-5, by closing in on the least distance."""
    low, high = _MIRED_RANGE
    while high - low > 1e-5:
        mireds = np.linspace(low, high, 41)
        locus = _planckian_uv(mireds)
        best = int(np.hypot(locus[:, 0] - u, locus[:, 1] - v).argmin())
        low, high = float(mireds[max(best - 1, 0)]), float(mireds[min(best + 1, 40)])
    ends = [end for end in _MIRED_RANGE if low <= end <= high]
    return ends[0] if ends else (low + high) / 2


def _planckian_uv(mired: FloatArray) -> FloatArray:
    """Return CIE 1960 u, v of black bodies at reciprocal temperatures (n,) [1/MK]; shape (n, 2)."""
    wavelength, weights = _weighted_table()
    # c2 [m K] * 1e9 nm/m / (1e6/mired): the powers of ten leave 1000.
    radiance = (wavelength / 560) ** -5 / np.expm1(SECOND_RADIATION * 1e3 * mired[:, None] / wavelength)
    x, y, z = (radiance @ weights.T).T
    return np.stack(_uv_1960(x / (x + y + z), y / (x + y + z)), axis=-1)


@lru_cache(maxsize=1)
def _weighted_table() -> tuple[FloatArray, FloatArray]:
    """Return the wavelengths 360-830 nm and the matching functions times their trapezoid weights."""
    weights = full_table().matching.copy()
    weights[:, [0, -1]] *= 0.5
    return full_table().wavelength, weights


def _uv_1960(x: Q, y: Q) -> tuple[Q, Q]:
    u, v = uniform_chromaticity(x, y)
    return u, 2 * v / 3
