"""Spectra as arrays (401,) on 380-780 nm: model lines, normalising, interpolating, quality."""

from __future__ import annotations

from math import inf

import numpy as np

from acquire.photometry.elementwise import Q, log, quotient
from acquire.photometry.grid import STEP, WAVELENGTH, checked, integrate
from acquire.records import FloatArray

#: Mean of the five outermost samples over the largest sample, above which light is lost outside the window.
TRUNCATION_LIMIT = 0.01


def gaussian(centre: float, fwhm: float) -> FloatArray:
    """Return exp(-4 ln2 ((lambda - centre)/fwhm)^2), height 1; ``centre`` and ``fwhm`` in nm.

    :raises ValueError: the width is not positive.
    """
    if not fwhm > 0:
        raise ValueError(f"the width of a line must be positive, not {fwhm:g} nm")
    return np.exp(-4 * log(2) * ((WAVELENGTH - centre) / fwhm) ** 2)


def tailed_line(peak: float, fwhm: float) -> FloatArray:
    """Return a line (401,) with the peak and width [nm] given and a tail to the red, height 1 at its peak.

    A split pseudo-Voigt with the shares that give the line of doi 10.1039/d2nr03793a its published colour and cd/A per
    percent of EQE, where a symmetric Gaussian of the same peak and width is 3.6 % off.
    """
    away = WAVELENGTH - peak
    half, share = np.where(away < 0, [[1 - 0.574], [0.049]], [[0.574], [0.158]])
    x = (away / (fwhm * half)) ** 2
    return np.asarray((1 - share) * np.exp(-log(2) * x) + share / (1 + x), float)


def normalised(spectrum: FloatArray) -> FloatArray:
    """Return s = S / I[S] [1/nm].

    :raises ValueError: there is no light in it (I[S] <= 0), another shape or non-finite samples.
    """
    spectrum = checked(spectrum)
    area = integrate(spectrum)
    if not area > 0:
        raise ValueError("there is no light in this spectrum: its integral is not positive")
    return spectrum / area


def log_weight(luminance: Q, lower: Q, upper: Q) -> Q:
    """Return w = ln(L/L1) / ln(L2/L1); all in cd/m^2 and positive. 0 at the lower, 1 at the upper end."""
    return quotient(log(luminance / lower), log(upper / lower), lower != upper, 0.0)


def blend(lower: FloatArray, upper: FloatArray, weight: float) -> FloatArray:
    """Return (1-w) s1 + w s2 of the two area-normalised spectra [1/nm], 0 <= w <= 1.

    :raises ValueError: w is beyond 0..1, or there is no light in one of them.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"spectra are interpolated, never extrapolated: weight {weight:g} is not in 0..1")
    return (1 - weight) * normalised(lower) + weight * normalised(upper)


def is_truncated(spectrum: FloatArray) -> bool:
    """Whether the emission is cut off at 380 or 780 nm, so that an EQE from it is a lower bound.

    True when the mean of the first or last five samples exceeds 1 % of the largest sample.
    """
    edge = max(spectrum[:5].mean(), spectrum[-5:].mean())
    return bool(edge > TRUNCATION_LIMIT * spectrum.max())


def clipped_excess(spectrum: FloatArray, function: FloatArray) -> float:
    """Return about how much too large I[S f] is where the instrument sets negative noise to zero.

    Both (401,); in the unit of the integral. Where light is far below the noise, half of the samples become 0 and the
    other half stays and no longer averages out: its mean is that of the next as many smallest samples, and it is
    spread over the wavelengths as the zeros are. None without zeros.
    """
    zeros = spectrum <= 0.0
    count = int(zeros.sum())
    if not 0 < count < spectrum.size:
        return 0.0
    left = np.sort(spectrum)[count : 2 * count]
    return float(left.mean() * function[zeros].sum()) * STEP


def signal_to_noise(spectrum: FloatArray) -> float:
    """Return the largest sample over the noise of one sample.

    The noise is judged from third differences, which leave out any line wide enough to be resolved; their
    median absolute value is 0.6745 sqrt(20) standard deviations for white Gaussian noise. Infinite without noise.
    """
    noise = float(np.median(np.abs(np.diff(spectrum, 3)))) / (0.6744897501960817 * 20**0.5)
    return float(spectrum.max()) / noise if noise > 0 else inf
