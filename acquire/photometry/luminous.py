"""Luminous and radiant quantities of a spectrum. Formulas: CIE 018:2019, doi 10.25039/TR.018.2019.

``angular_factor`` is F, 1 for a Lambertian emitter (:mod:`acquire.photometry.angular`).
"""

from __future__ import annotations

from math import pi

from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY, PHOTON_ENERGY_WAVELENGTH
from acquire.photometry.grid import WAVELENGTH, checked, integrate
from acquire.photometry.observer import v_lambda
from acquire.photometry.spectra import normalised
from acquire.records import FloatArray


def luminance(spectral_radiance: FloatArray) -> float:
    """Return L = K_m I[L_lambda V] [cd/m^2] of L_lambda (401,) [W m^-2 sr^-1 nm^-1]."""
    return MAXIMUM_LUMINOUS_EFFICACY * integrate(checked(spectral_radiance) * v_lambda())


def luminous_efficacy_of_radiation(spectrum: FloatArray) -> float:
    """Return K_r = K_m I[S V] / I[S] [lm/W]; ValueError when there is no light."""
    return MAXIMUM_LUMINOUS_EFFICACY * integrate(normalised(spectrum) * v_lambda())


def radiance(luminance: float, efficacy: float) -> float:
    """Return L_e = L / K_r [W sr^-1 m^-2] from L [cd/m^2] and K_r [lm/W]."""
    return luminance / efficacy


def luminous_exitance(luminance: float, angular_factor: float = 1.0) -> float:
    """Return M_v = pi L F [lm/m^2]; F = 1 is Lambert's law: 2 pi int cos t sin t dt over 0..pi/2."""
    return pi * luminance * angular_factor


def radiant_exitance(radiance: float, angular_factor: float = 1.0) -> float:
    """Return M_e = pi L_e F [W/m^2] from L_e [W sr^-1 m^-2]."""
    return pi * radiance * angular_factor


def photon_exitance(spectral_radiance: FloatArray, angular_factor: float = 1.0) -> float:
    """Return N = pi F I[L_lambda lambda] / (h c) [s^-1 m^-2].

    Greenham, Friend, Bradley 1994, doi 10.1002/adma.19940060612.
    """
    photons = integrate(checked(spectral_radiance) * WAVELENGTH) / PHOTON_ENERGY_WAVELENGTH
    return pi * angular_factor * photons


def mean_photon_energy(spectrum: FloatArray) -> float:
    """Return h c I[S] / I[S lambda] [J]; ValueError when there is no light."""
    return PHOTON_ENERGY_WAVELENGTH / integrate(normalised(spectrum) * WAVELENGTH)


def wall_plug_efficiency(radiant_exitance: float, current_density: float, voltage: float) -> float:
    """Return M_e / (J V) [1] from M_e [W/m^2], J [A/m^2] and V at the device [V].

    Jeong et al. 2020, doi 10.1016/j.joule.2020.04.007.
    """
    return radiant_exitance / (current_density * voltage)
