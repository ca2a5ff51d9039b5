"""What one spectrum says about every point measured under it: a handful of numbers, computed once.

A point then costs a few multiplications: L = s * ``luminance_per_photocurrent``, EQE = ``kappa`` CE F.
Between two spectra the *integrals* of the area-normalised spectra are interpolated, which is the same as
interpolating the spectra themselves; their quotients are formed afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from math import log, nan, sqrt
from typing import Generic, NamedTuple

import numpy as np

from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.efficiency import kappa_of
from acquire.photometry.elementwise import BoolArray, IntArray, Q, every, some
from acquire.photometry.grid import WAVELENGTH, trapezoid_weights
from acquire.photometry.line_shape import line_shape
from acquire.photometry.observer import matching_slopes, observer
from acquire.photometry.photodiode import PhotodiodeCalibration, responsivity_sensitivity
from acquire.photometry.spectra import is_truncated, normalised, tailed_line
from acquire.records import FloatArray


class Integrals(NamedTuple, Generic[Q]):
    """Integrals of an area-normalised spectrum s, or of many, with the functions named; slopes are per nm.

    ``wavelength`` I[s lambda] [nm] is the centroid; ``response`` I[s R] [A/W] is NaN without a photodiode.
    """

    wavelength: Q
    x: Q
    visible: Q
    z: Q
    x_slope: Q
    visible_slope: Q
    z_slope: Q
    response: Q
    response_slope: Q


@dataclass(frozen=True, slots=True)
class SpectralFactors(Generic[Q]):
    """The numbers that turn a photocurrent and a current density into luminance, EQE and colour.

    ``luminance_per_photocurrent`` [cd m^-2 A^-1], NaN without a calibration; ``kappa`` = EQE/CE [A/cd];
    ``efficacy`` K_r [lm/W]; ``chromaticity_x``, ``chromaticity_y``; ``peak_wavelength`` and ``fwhm`` [nm] of a
    measured line, NaN for an interpolated one; ``truncated``: an EQE from here is a lower bound.

    Sensitivities to an error of the wavelength scale, per nm: d ln L, d ln EQE, dx and dy over d lambda; and
    ``responsivity_sensitivity`` u(L)/u(R), see :func:`~acquire.photometry.photodiode.responsivity_sensitivity`.
    Those of one spectrum are numbers; those of many, or of many points, arrays (n,).

    ``assumed_in_luminance`` and ``assumed_in_eqe``: by what share L and EQE may be off because the spectrum is an
    assumed one (:func:`of_assumed_line`), k = 1 and with a sign: it is one error; 0 of a measured one.
    """

    luminance_per_photocurrent: Q
    kappa: Q
    efficacy: Q
    chromaticity_x: Q
    chromaticity_y: Q
    peak_wavelength: Q | float
    fwhm: Q | float
    truncated: bool | BoolArray
    luminance_sensitivity: Q
    eqe_sensitivity: Q
    x_sensitivity: Q
    y_sensitivity: Q
    responsivity_sensitivity: Q | float
    integrals: Integrals[Q]
    calibration: PhotodiodeCalibration | None
    assumed_in_luminance: Q | float = 0.0
    assumed_in_eqe: Q | float = 0.0


def of_assumed_line(spectrum: FloatArray, calibration: PhotodiodeCalibration | None = None) -> SpectralFactors[float]:
    """Return the factors of an assumed line (401,), and how far those of a real one with its peak and width may be.

    Peak and width leave the shape open; :func:`~acquire.photometry.spectra.tailed_line` stands for what devices do.

    :raises ValueError: as :func:`spectral_factors`.
    """
    factors = spectral_factors(spectrum, calibration)
    if not factors.fwhm > 0:  # cut off at an end of the spectrum, which is flagged
        return factors
    other = spectral_factors(tailed_line(factors.peak_wavelength, factors.fwhm), calibration)
    in_kappa = log(other.kappa / factors.kappa)
    in_luminance = log(other.luminance_per_photocurrent / factors.luminance_per_photocurrent) if calibration else 0.0
    # The difference is the limit of error, without a distribution
    return replace(
        factors, assumed_in_luminance=in_luminance / sqrt(3), assumed_in_eqe=(in_luminance + in_kappa) / sqrt(3)
    )


def spectral_factors(
    spectrum: FloatArray, calibration: PhotodiodeCalibration | None = None, *, smoothing: bool = True
) -> SpectralFactors[float]:
    """Return the factors of ``spectrum`` (401,), relative or absolute.

    ``smoothing`` concerns peak and width only.

    :raises ValueError: another shape, non-finite samples, or a spectrum without (visible) light.
    """
    weighted = normalised(spectrum) * trapezoid_weights()
    optical = (optical_functions() @ weighted).tolist()
    integrals = Integrals[float](*(*optical, *_responses(weighted, optical[2], calibration)))
    shape = line_shape(spectrum, smoothing=smoothing)
    # Asked for only where there is an uncertainty to go with it: it costs as much as all the rest
    uncertain = calibration is not None and calibration.responsivity_uncertainty > 0
    mismatch = responsivity_sensitivity(spectrum, calibration) if calibration and uncertain else 0.0
    return _factors(integrals, calibration, shape.peak_wavelength, shape.fwhm, is_truncated(spectrum), mismatch)


_NUMBERS = [f.name for f in fields(SpectralFactors) if f.name not in ("integrals", "calibration")]


def stacked(spectra: Sequence[SpectralFactors[float]]) -> SpectralFactors[FloatArray]:
    """Return the factors of several spectra as arrays (n,); all must rest on the same calibration."""
    numbers = {name: np.array([getattr(factors, name) for factors in spectra]) for name in _NUMBERS}
    integrals: Integrals[FloatArray] = Integrals(*np.array([factors.integrals for factors in spectra]).T)
    return SpectralFactors(**numbers, integrals=integrals, calibration=spectra[0].calibration)


def factors_at(spectra: SpectralFactors[FloatArray], positions: IntArray) -> SpectralFactors[FloatArray]:
    """Return, for many points, those of several spectra that stand at these positions (n,)."""
    numbers = {name: getattr(spectra, name)[positions] for name in _NUMBERS}
    integrals = Integrals(*(column[positions] for column in spectra.integrals))
    return SpectralFactors(**numbers, integrals=integrals, calibration=spectra.calibration)


def by_calibration(
    factors: SpectralFactors[float], calibration: PhotodiodeCalibration | None
) -> SpectralFactors[float]:
    """Return the same factors by another calibration, of the same responsivity or none; without luminance by none."""
    integrals = factors.integrals
    if calibration is not None and calibration.responsivity is None:
        integrals = integrals._replace(response=integrals.visible, response_slope=0.0)
    peak, mismatch = factors.peak_wavelength, factors.responsivity_sensitivity
    return _factors(integrals, calibration, peak, factors.fwhm, factors.truncated, mismatch)


def known_only(factors: SpectralFactors[FloatArray], known: BoolArray) -> SpectralFactors[FloatArray]:
    """Return the factors of many points where they are ``known`` (n,), and NaN elsewhere."""
    numbers = {name: np.where(known, getattr(factors, name), nan) for name in _NUMBERS if name != "truncated"}
    integrals = Integrals(*(np.where(known, column, nan) for column in factors.integrals))
    return SpectralFactors(
        **numbers, truncated=factors.truncated & known, integrals=integrals, calibration=factors.calibration
    )


def blend_factors(lower: SpectralFactors[Q], upper: SpectralFactors[Q], weight: Q) -> SpectralFactors[Q]:
    """Return the factors of (1-w) s1 + w s2, 0 <= w <= 1; both must rest on the same calibration.

    :raises ValueError: w is beyond 0..1, or they rest on different calibrations.
    """
    if not (every(weight >= 0) and every(weight <= 1)):
        raise ValueError(f"spectra are interpolated, never extrapolated: weight {weight} is not in 0..1")
    if lower.calibration is not upper.calibration:
        raise ValueError("factors of different calibrations cannot be interpolated")
    rest = 1 - weight
    pairs = zip(lower.integrals, upper.integrals, strict=True)
    integrals = Integrals(*(rest * a + weight * b for a, b in pairs))
    # Not less than that of the blend, by the triangle inequality
    mismatch = rest * lower.responsivity_sensitivity + weight * upper.responsivity_sensitivity
    return _factors(integrals, lower.calibration, nan, nan, lower.truncated | upper.truncated, mismatch)


def _factors(
    integrals: Integrals[Q],
    calibration: PhotodiodeCalibration | None,
    peak_wavelength: Q | float,
    fwhm: Q | float,
    truncated: bool | BoolArray,
    mismatch: Q | float,
) -> SpectralFactors[Q]:
    wavelength, x, visible, z, x_slope, visible_slope, z_slope, response, response_slope = integrals
    if not every(visible > 0) or some(response <= 0):
        raise ValueError("nothing of this spectrum is visible to the eye or to the photodiode")
    total, total_slope = x + visible + z, x_slope + visible_slope + z_slope
    scale, scale_slope = (calibration.scale, calibration.scale_slope) if calibration else (nan, 0.0)
    of_luminance = visible_slope / visible
    if calibration is not None:
        of_luminance = of_luminance + (scale_slope - response_slope / response)
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
        responsivity_sensitivity=mismatch,
        integrals=integrals,
        calibration=calibration,
    )


def _responses(weighted: FloatArray, visible: float, calibration: PhotodiodeCalibration | None) -> tuple[float, float]:
    """Return I[s R] [A/W] and its slope [1/nm].

    A photodiode without a responsivity counts as V(lambda) itself, and the slope as zero: its k_L was read
    against the same kind of spectrum, so luminance keeps the sensitivity of the spectroradiometer.
    """
    if calibration is None:
        return nan, nan
    if calibration.responsivity is None:
        return visible, 0.0
    responsivity = calibration.responsivity
    return float(weighted @ responsivity), float(weighted @ np.gradient(responsivity))


@lru_cache(maxsize=1)
def optical_functions() -> FloatArray:
    """Return lambda, xbar, ybar, zbar and the slopes of the last three, shape (7, 401)."""
    return np.vstack((WAVELENGTH, observer().matching, matching_slopes()))
