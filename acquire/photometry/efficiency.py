"""Current density and the efficiencies of a device: scalars or arrays of equal shape.

Forrest, Bradley, Thompson 2003, doi 10.1002/adma.200302151. I and J are positive when light is emitted.
Where the current (or voltage) is not positive there is no efficiency: the result is NaN.
"""

from __future__ import annotations

from math import nan, pi

from acquire.photometry.constants import (
    ELEMENTARY_CHARGE,
    MAXIMUM_LUMINOUS_EFFICACY,
    PHOTON_ENERGY_WAVELENGTH,
)
from acquire.photometry.elementwise import Q, quotient
from acquire.photometry.grid import WAVELENGTH, checked, integrate
from acquire.photometry.luminous import photon_exitance
from acquire.photometry.observer import v_lambda
from acquire.records import FloatArray


def current_density(current: Q, area: float) -> Q:
    """Return J = I / A [A/m^2] from I [A] and the emissive area A [m^2]."""
    if not area > 0:
        raise ValueError(f"the emissive area must be positive, not {area:g} m^2")
    return current / area


def current_efficiency(luminance: Q, current_density: Q) -> Q:
    """Return CE = L / J [cd/A] from L [cd/m^2] and J [A/m^2]."""
    return quotient(luminance, current_density, current_density > 0, nan)


def power_efficiency(current_efficiency: Q, voltage: Q, angular_factor: float = 1.0) -> Q:
    """Return PE = pi CE F / V [lm/W] from CE [cd/A] and V at the device [V]."""
    return quotient(current_efficiency * (pi * angular_factor), voltage, voltage > 0, nan)


def kappa(spectrum: FloatArray) -> float:
    """Return EQE per current efficiency, kappa = pi e / (K_m h c) I[S lambda] / I[S V] [A/cd].

    Forrest, Bradley, Thompson 2003, doi 10.1002/adma.200302151. 0.01/kappa is the cd/A per 1 % EQE.
    Raises ValueError when no light of the spectrum is visible.
    """
    spectrum = checked(spectrum)
    visible = integrate(spectrum * v_lambda())
    if not visible > 0:
        raise ValueError("nothing of this spectrum is visible: I[S V] is not positive")
    return kappa_of(integrate(spectrum * WAVELENGTH) / visible)


def kappa_of(wavelength_over_visible: Q) -> Q:
    """Return kappa [A/cd] from the quotient I[S lambda] / I[S V] [nm]."""
    photons_per_lumen = wavelength_over_visible / (MAXIMUM_LUMINOUS_EFFICACY * PHOTON_ENERGY_WAVELENGTH)
    return pi * ELEMENTARY_CHARGE * photons_per_lumen


def eqe_from_luminance(current_efficiency: Q, kappa: Q, angular_factor: float = 1.0) -> Q:
    """Return EQE = kappa CE F [1] from CE [cd/A] and kappa [A/cd] of the relative spectrum.

    Okamoto et al. 2001, doi 10.1143/JJAP.40.L783.
    """
    return current_efficiency * kappa * angular_factor


def eqe_from_spectral_radiance(
    spectral_radiance: FloatArray, current_density: float, angular_factor: float = 1.0
) -> float:
    """Return EQE = e N / J = pi e F I[L_lambda lambda] / (h c J) [1].

    ``spectral_radiance`` (401,) [W m^-2 sr^-1 nm^-1], J [A/m^2]. V(lambda) plays no part in it, so an error
    of the wavelength scale hardly matters.
    """
    photons = photon_exitance(spectral_radiance, angular_factor)
    return quotient(ELEMENTARY_CHARGE * photons, current_density, current_density > 0, nan)
