"""What one spectrum says about every point measured under it: a handful of numbers, computed once.

A point then costs a few multiplications: L = s * ``luminance_per_photocurrent``, EQE = ``kappa`` CE F.
Between two spectra the *integrals* of the area-normalised spectra are interpolated, which is the same as
interpolating the spectra themselves; their quotients are formed afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import nan
from typing import NamedTuple

import numpy as np

from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.efficiency import kappa_of
from acquire.photometry.grid import WAVELENGTH, FloatArray, trapezoid_weights
from acquire.photometry.line_shape import line_shape
from acquire.photometry.observer import matching_slopes, observer
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.spectra import is_truncated, normalised


class Integrals(NamedTuple):
    """Integrals of an area-normalised spectrum s with the functions named; slopes are per nm.

    ``wavelength`` I[s lambda] [nm] is the centroid; ``response`` I[s R] [A/W] is NaN without a photodiode.
    """

    wavelength: float
    x: float
    visible: float
    z: float
    x_slope: float
    visible_slope: float
    z_slope: float
    response: float
    response_slope: float


@dataclass(frozen=True, slots=True)
class SpectralFactors:
    """The numbers that turn a photocurrent and a current density into luminance, EQE and colour.

    ``luminance_per_photocurrent`` [cd m^-2 A^-1], NaN without a calibration; ``kappa`` = EQE/CE [A/cd];
    ``efficacy`` K_r [lm/W]; ``chromaticity_x``, ``chromaticity_y``; ``peak_wavelength`` and ``fwhm`` [nm] of a
    measured line, NaN for an interpolated one; ``truncated``: an EQE from here is a lower bound.

    Sensitivities to an error of the wavelength scale, per nm: d ln L, d ln EQE, dx and dy over d lambda.
    """

    luminance_per_photocurrent: float
    kappa: float
    efficacy: float
    chromaticity_x: float
    chromaticity_y: float
    peak_wavelength: float
    fwhm: float
    truncated: bool
    luminance_sensitivity: float
    eqe_sensitivity: float
    x_sensitivity: float
    y_sensitivity: float
    integrals: Integrals
    calibration: PhotodiodeCalibration | None


def spectral_factors(
    spectrum: FloatArray, calibration: PhotodiodeCalibration | None = None, *, smoothing: bool = True
) -> SpectralFactors:
    """Return the factors of ``spectrum`` (401,), relative or absolute.

    ``smoothing`` concerns peak and width only. Raises ValueError for another shape, non-finite samples, or
    a spectrum without (visible) light.
    """
    weighted = normalised(spectrum) * trapezoid_weights()
    optical = (_optical_functions() @ weighted).tolist()
    integrals = Integrals._make((*optical, *_responses(weighted, optical[2], calibration)))
    shape = line_shape(spectrum, smoothing=smoothing)
    return _factors(integrals, calibration, shape.peak_wavelength, shape.fwhm, is_truncated(spectrum))


def blend_factors(lower: SpectralFactors, upper: SpectralFactors, weight: float) -> SpectralFactors:
    """Return the factors of (1-w) s1 + w s2, 0 <= w <= 1; both must rest on the same calibration.

    Raises ValueError otherwise.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"spectra are interpolated, never extrapolated: weight {weight:g} is not in 0..1")
    if lower.calibration is not upper.calibration:
        raise ValueError("factors of different calibrations cannot be interpolated")
    rest = 1 - weight
    pairs = zip(lower.integrals, upper.integrals, strict=True)
    integrals = Integrals._make(rest * a + weight * b for a, b in pairs)
    return _factors(integrals, lower.calibration, nan, nan, lower.truncated or upper.truncated)


def _factors(
    integrals: Integrals,
    calibration: PhotodiodeCalibration | None,
    peak_wavelength: float,
    fwhm: float,
    truncated: bool,
) -> SpectralFactors:
    wavelength, x, visible, z, x_slope, visible_slope, z_slope, response, response_slope = integrals
    if not (visible > 0 and not response <= 0):
        raise ValueError("nothing of this spectrum is visible to the eye or to the photodiode")
    total, total_slope = x + visible + z, x_slope + visible_slope + z_slope
    scale, scale_slope = (calibration.scale, calibration.scale_slope) if calibration else (nan, 0.0)
    of_luminance = visible_slope / visible
    if calibration is not None:
        of_luminance += scale_slope - response_slope / response
    return SpectralFactors(
        luminance_per_photocurrent=scale * visible / response,
        kappa=kappa_of(wavelength / visible),
        efficacy=MAXIMUM_LUMINOUS_EFFICACY * visible,
        chromaticity_x=x / total,
        chromaticity_y=visible / total,
        peak_wavelength=peak_wavelength,
        fwhm=fwhm,
        truncated=truncated,
        luminance_sensitivity=of_luminance,
        # kappa ~ I[S lambda]/I[S V]: displacing s adds I[s] = 1 to the one and I[s V'] to the other.
        eqe_sensitivity=of_luminance + 1 / wavelength - visible_slope / visible,
        x_sensitivity=(x_slope - x / total * total_slope) / total,
        y_sensitivity=(visible_slope - visible / total * total_slope) / total,
        integrals=integrals,
        calibration=calibration,
    )


def _responses(weighted: FloatArray, visible: float, calibration: PhotodiodeCalibration | None) -> tuple[float, float]:
    """Return I[s R] [A/W] and its slope [1/nm].

    A photodiode without a responsivity counts as V(lambda) itself, and the slope as nought: its k_L was read
    against the same kind of spectrum, so luminance keeps the sensitivity of the spectroradiometer.
    """
    if calibration is None:
        return nan, nan
    if calibration.responsivity is None:
        return visible, 0.0
    responsivity = calibration.responsivity
    return float(weighted @ responsivity), float(weighted @ np.gradient(responsivity))


@lru_cache(maxsize=1)
def _optical_functions() -> FloatArray:
    """Return lambda, xbar, ybar, zbar and the slopes of the last three, shape (7, 401)."""
    return np.vstack((WAVELENGTH, observer().matching, matching_slopes()))
