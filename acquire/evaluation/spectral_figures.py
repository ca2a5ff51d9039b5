"""Figures of the one spectrum that stands for a device: colour, line, efficacy, each with its uncertainty. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import hypot, isfinite, log, nan

import numpy as np

from acquire.evaluation.budget import CHROMATICITY_LIMIT
from acquire.evaluation.figure import Figure, missing
from acquire.photometry.colour import (
    COLOUR_TEMPERATURES,
    DUV_LIMIT,
    EQUAL_ENERGY,
    chromaticity,
    colour_temperature,
    dominant_wavelength,
    nearest_black_body,
    uniform_chromaticity,
)
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.line_shape import LineShape, line_shape, smoothed
from acquire.photometry.luminous import luminous_efficacy_of_radiation, mean_photon_energy
from acquire.photometry.spectra import is_truncated
from acquire.photometry.uncertainty import rectangular
from acquire.records import FloatArray, Spectrum

#: The figures of a spectrum and their units.
SPECTRAL_FIGURES: Mapping[str, str] = {
    "chromaticity_x": "1",
    "chromaticity_y": "1",
    "chromaticity_u_prime": "1",
    "chromaticity_v_prime": "1",
    "dominant_wavelength": "nm",
    "excitation_purity": "1",
    "correlated_colour_temperature": "K",
    "duv": "1",
    "peak_wavelength": "nm",
    "centroid_wavelength": "nm",
    "fwhm": "nm",
    "fwhm_total": "nm",
    "luminous_efficacy_of_radiation": "lm/W",
    "mean_photon_energy": "J",
}


def spectrum_figures(
    spectra: Sequence[Spectrum], luminance: float, wavelength_uncertainty: float = 0.0
) -> dict[str, Figure]:
    """The figures of the spectrum nearest in ln L to ``luminance`` [cd/m^2].

    ``wavelength_uncertainty`` [nm] is that of the wavelength scale (k = 1).
    """
    lit = [spectrum for spectrum in spectra if spectrum.luminance > 0]
    if not lit or not luminance > 0:
        why = "" if luminance > 0 else "there is no luminance at which to choose a spectrum"
        return {name: missing(unit, reason=why or "there is no spectrum") for name, unit in SPECTRAL_FIGURES.items()}
    nearest = min(lit, key=lambda spectrum: abs(log(spectrum.luminance / luminance)))
    figures = described(nearest.spectral_radiance, wavelength_uncertainty)
    return {name: replace(figure, luminance=nearest.luminance) for name, figure in figures.items()}


def wall_plug(power_efficiency: Figure, efficacy: Figure) -> Figure:
    """PE / K_r [1], the radiant power out per electrical power in, from the power efficiency at one point [lm/W].

    ``efficacy`` K_r is that of the spectrum chosen. M_e / (J V) of Jeong et al. 2020,
    doi 10.1016/j.joule.2020.04.007, with M_e = pi L F / K_r.
    """
    if not isfinite(power_efficiency.value):
        return missing("1", power_efficiency.status)
    if not efficacy.value > 0:
        return missing("1", efficacy.status, efficacy.reason)
    value = power_efficiency.value / efficacy.value
    parts = [one.uncertainty / one.value for one in (power_efficiency, efficacy)]
    spread = value * hypot(*parts)
    of_today = replace(power_efficiency, coverage_factor=nan, expanded_uncertainty=nan)  # those are of PE
    return replace(of_today, value=value, unit="1", uncertainty=spread, reason="")


def described(spectrum: FloatArray, wavelength_uncertainty: float = 0.0) -> dict[str, Figure]:
    """Colour, line and efficacy of ``spectrum`` (401,), any scale.

    Uncertainties (k = 1) are those of the wavelength scale, of the spectroradiometer's chromaticity, and of the noise
    that the spectrum shows.
    """
    shape = line_shape(spectrum, smoothing=True)
    x, y = chromaticity(spectrum)
    values = _own_values(spectrum) | _colour(x, y)
    spread = _uncertainties(spectrum, wavelength_uncertainty)
    notes = _remarks(shape, x, y, values)
    if is_truncated(spectrum):
        notes = dict.fromkeys(_CUT_OFF_WITH_IT, ("spectrum_truncated", _WHY_CUT_OFF)) | notes
    return {
        name: _figure(values[name], unit, spread.get(name, nan), *notes.get(name, ("ok", "")))
        for name, unit in SPECTRAL_FIGURES.items()
    }


#: What follows from all of the light, not only from what the eye sees of it.
_CUT_OFF_WITH_IT = ("centroid_wavelength", "luminous_efficacy_of_radiation", "mean_photon_energy")
_WHY_CUT_OFF = "the spectrum is cut off at 380 or 780 nm: light beyond is not in it"


def _figure(value: float, unit: str, uncertainty: float, status: str, reason: str) -> Figure:
    if not isfinite(value):
        return missing(unit, "none" if status == "ok" else status, reason)
    return Figure(value, unit, status, uncertainty=uncertainty, reason=reason)


# --- values ------------------------------------------------------------------------------------------------


def _own_values(spectrum: FloatArray) -> dict[str, float]:
    """What follows from the spectrum itself."""
    shape = line_shape(spectrum, smoothing=True)
    x, y = chromaticity(spectrum)
    try:
        efficacy, energy = luminous_efficacy_of_radiation(spectrum), mean_photon_energy(spectrum)
    except ValueError:  # no light in it
        efficacy = energy = nan
    return {
        "chromaticity_x": x,
        "chromaticity_y": y,
        "peak_wavelength": shape.peak_wavelength,
        "centroid_wavelength": shape.centroid,
        "fwhm": shape.fwhm,
        "fwhm_total": shape.fwhm_total,
        "luminous_efficacy_of_radiation": efficacy,
        "mean_photon_energy": energy,
    }


def _colour(x: float, y: float) -> dict[str, float]:
    """What follows from the chromaticity alone."""
    u_prime, v_prime = uniform_chromaticity(x, y)
    dominant, temperature = dominant_wavelength(x, y), colour_temperature(x, y)
    return {
        "chromaticity_u_prime": u_prime,
        "chromaticity_v_prime": v_prime,
        "dominant_wavelength": dominant.wavelength,
        "excitation_purity": dominant.purity,
        "correlated_colour_temperature": temperature.temperature,
        "duv": temperature.duv,
    }


def _remarks(shape: LineShape, x: float, y: float, values: Mapping[str, float]) -> dict[str, tuple[str, str]]:
    """Status and reason of the figures of which more is to be said."""
    notes = dict.fromkeys(("correlated_colour_temperature", "duv"), ("ok", _why_no_temperature(x, y)))
    if values["dominant_wavelength"] < 0:
        notes["dominant_wavelength"] = ("complementary", "a purple: the complementary wavelength, as a negative number")
    if not isfinite(values["dominant_wavelength"]) and isfinite(x):
        notes["dominant_wavelength"] = ("none", f"the colour is the white point itself, {_WHITE}")
    if shape.fwhm_open:
        why = "a side never falls to half the height between 380 nm and 780 nm"
        notes |= dict.fromkeys(("fwhm", "fwhm_total"), ("fwhm_open", why))
    elif shape.multi_peak:
        why = f"several lobes: the main one is {shape.fwhm:.1f} nm wide, all together {shape.fwhm_total:.1f} nm"
        notes |= dict.fromkeys(("fwhm", "fwhm_total"), ("multi_peak", why))
    return notes


_WHITE = "equal energy (x = y = 1/3)" if EQUAL_ENERGY == (1 / 3, 1 / 3) else f"x, y = {EQUAL_ENERGY}"


def _why_no_temperature(x: float, y: float) -> str:
    """Why a colour has no correlated colour temperature; empty where it has one."""
    if not isfinite(x) or isfinite(colour_temperature(x, y).temperature):
        return ""
    nearest = nearest_black_body(x, y)
    if abs(nearest.duv) > DUV_LIMIT:
        return f"Duv would be {nearest.duv:+.3f}, beyond {DUV_LIMIT:g}: no colour temperature so far from white"
    return "no black body between {:g} K and {:g} K is nearest".format(*COLOUR_TEMPERATURES)


# --- uncertainties -----------------------------------------------------------------------------------------

#: Spectra with the noise drawn anew; their scatter estimates a standard deviation to some 10 %.
_REPLICAS = 50
#: Share of a sample's own noise that the smoothing of 9 samples and order 3 keeps: its residual has the rest.
_LEVERAGE = 59.0 / 231.0
_STEP = 1e-5  # of x and y, for slopes
_SHIFT = 1.0  # nm, for slopes: a whole step of the grid, so that nothing is interpolated


def _uncertainties(spectrum: FloatArray, wavelength: float) -> dict[str, float]:
    """Standard uncertainty of each figure but those that do not exist."""
    by_wavelength = _wavelength_slopes(spectrum)
    noise = _noise(spectrum)
    names = list(by_wavelength)
    slopes = np.array([*by_wavelength.values()])
    covariance = np.cov(noise, rowvar=False) + np.outer(slopes, slopes) * wavelength**2
    both = [names.index("chromaticity_x"), names.index("chromaticity_y")]
    covariance[both, both] += rectangular(CHROMATICITY_LIMIT) ** 2
    own = dict(zip(names, np.sqrt(np.diagonal(covariance)).tolist(), strict=True))
    return own | _of_colour(spectrum, covariance[np.ix_(both, both)])


def _of_colour(spectrum: FloatArray, covariance: FloatArray) -> dict[str, float]:
    """Uncertainties of what follows from x and y, through its slopes, from their covariance (2, 2)."""
    x, y = chromaticity(spectrum)
    at, right, up = _colour(x, y), _colour(x + _STEP, y), _colour(x, y + _STEP)
    slopes = {name: np.array([right[name] - at[name], up[name] - at[name]]) / _STEP for name in at}
    return {name: float(np.sqrt(slope @ covariance @ slope)) for name, slope in slopes.items()}


def _wavelength_slopes(spectrum: FloatArray) -> dict[str, float]:
    """Change of each value per nm by which the wavelength scale is off."""
    low, high = (_own_values(np.interp(WAVELENGTH - d, WAVELENGTH, spectrum)) for d in (-_SHIFT, _SHIFT))
    return {name: (high[name] - low[name]) / (2 * _SHIFT) for name in low}


def _noise(spectrum: FloatArray) -> FloatArray:
    """The values (replicas, n) of spectra with noise as this one shows it: its residuals with random signs."""
    smooth = smoothed(spectrum)
    residual = (spectrum - smooth) / np.sqrt(1 - _LEVERAGE)
    signs = np.random.default_rng(0).choice((-1.0, 1.0), (_REPLICAS, spectrum.size))  # the same at every evaluation
    return np.array([[*_own_values(smooth + residual * sign).values()] for sign in signs])
