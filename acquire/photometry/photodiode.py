"""From the current of a silicon photodiode to luminance and EQE.

Way A: a factor k_L, found by reading the same device with a spectroradiometer (:func:`fit_luminance_factor`), once
for many runs or from the spectra of the run itself (:func:`calibration_from_spectra`).
Way B: first principles, from the etendue G and the responsivity R(lambda): I_pd = G I[L_lambda R].
Both give L = s C I[S V] / I[S R] with one constant C, which :class:`PhotodiodeCalibration` holds.
Anaya et al. 2019, doi 10.1038/s41566-019-0543-y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, inf, isfinite, log, nan, pi, sin, sqrt
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np

from acquire.photometry.constants import (
    ELEMENTARY_CHARGE,
    MAXIMUM_LUMINOUS_EFFICACY,
    PHOTON_ENERGY_WAVELENGTH,
)
from acquire.photometry.elementwise import Q, Truth
from acquire.photometry.grid import WAVELENGTH, checked, integrate, trapezoid_weights
from acquire.photometry.observer import v_lambda
from acquire.records import FloatArray

#: An amplifier that is so near to the limit of its output, relative to it, is at it; and stands still there.
AT_LIMIT = 2e-4

#: Levels below which a spread says nothing.
FEWEST_LEVELS = 3


def photocurrent(signal: Q, dark_signal: Q | float, gain: float) -> Q:
    """Return s = (U - U_dark) / R_f [A] from amplifier voltages [V] and its gain R_f [V/A], of either sign."""
    return (signal - dark_signal) / gain


def dark_at(time: Q, before: tuple[float, float], after: tuple[float, float]) -> Q | float:
    """Return the dark signal at ``time`` on the straight line through ``(time, signal)`` before and after."""
    (t1, d1), (t2, d2) = before, after
    return d1 if t1 == t2 else d1 + (d2 - d1) * (time - t1) / (t2 - t1)


def below_dark_noise(photocurrent: Q, dark_noise: float) -> Truth:
    """Whether a photocurrent is less than 3 standard deviations of the dark readings, in the same unit.

    A photocurrent is positive where there is light, whatever the sign of the signal behind it.
    """
    return photocurrent < 3 * dark_noise


@dataclass(frozen=True, slots=True)
class LuminanceFactor:
    """k_L [cd m^-2 A^-1], its relative standard uncertainty u (k = 1), and the number of levels behind it."""

    factor: float
    relative_uncertainty: float
    levels: int


def fit_luminance_factor(luminance: Sequence[float], photocurrent: Sequence[float]) -> LuminanceFactor:
    """Return k_L = exp(mean ln(L_i/s_i)), u = sd(ln(L_i/s_i))/sqrt(n).

    ``luminance`` [cd/m^2] and ``photocurrent`` [A] (n,), of the same device in the same position.
    Three levels at least: the spread is also the test of linearity.

    :raises ValueError: fewer than three levels, or a value that is not positive.
    """
    light, current = np.asarray(luminance, float), np.asarray(photocurrent, float)
    if light.shape != current.shape or light.ndim != 1 or light.size < FEWEST_LEVELS:
        raise ValueError("a luminance factor needs at least three levels, luminance and photocurrent of each")
    if not ((light > 0).all() and (current > 0).all()):
        raise ValueError("a luminance factor needs positive luminances and photocurrents")
    logarithms = np.log(light / current)
    spread = float(logarithms.std(ddof=1)) / sqrt(light.size)
    return LuminanceFactor(exp(float(logarithms.mean())), spread, light.size)


def spectral_mismatch(device: FloatArray, calibration: FloatArray, responsivity: FloatArray) -> float:
    """Return F_sm = (I[S_d V]/I[S_d R]) / (I[S_c V]/I[S_c R]) [1]: k_L of spectrum d over k_L of spectrum c."""
    return _visible_per_response(device, responsivity) / _visible_per_response(calibration, responsivity)


def _visible_per_response(spectrum: FloatArray, responsivity: FloatArray) -> float:
    """Return I[S V] / I[S R] [W/A]; ValueError when the photodiode sees nothing of the spectrum."""
    spectrum = checked(spectrum)
    response = integrate(spectrum * checked(responsivity))
    if not response > 0:
        raise ValueError("the photodiode sees nothing of this spectrum: I[S R] is not positive")
    return integrate(spectrum * v_lambda()) / response


def equal_area_radius(area: float) -> float:
    """Return the radius [m] of the disc of this area [m^2]; fair only beyond some ten sizes of distance."""
    return sqrt(area / pi)


def disc_view_factor(emitter_radius: float, detector_radius: float, distance: float) -> float:
    """Return F12, the share of the light of a Lambertian disc that falls on a coaxial parallel disc.

    Radii and distance in m. Howell, A Catalog of Radiation Heat Transfer Configuration Factors, C-41, written
    so that nothing cancels at large distances.

    :raises ValueError: a radius or the distance is not positive.
    """
    if not (emitter_radius > 0 and detector_radius > 0 and distance > 0):
        raise ValueError("radii and distance must be positive")
    r1, r2 = emitter_radius / distance, detector_radius / distance
    x = 1 + (1 + r2**2) / r1**2
    share = (detector_radius / emitter_radius) ** 2
    return 2 * share / (x + sqrt(x**2 - 4 * share))


def etendue_of_discs(emissive_area: float, detector_area: float, distance: float) -> float:
    """Return G = pi A F12 [m^2 sr] of coaxial discs of these areas [m^2] at a distance [m]."""
    radii = equal_area_radius(emissive_area), equal_area_radius(detector_area)
    return pi * emissive_area * disc_view_factor(*radii, distance)


def etendue_of_small_source(emissive_area: float, detector_area: float, distance: float) -> float:
    """Return G = A A_pd / d^2 [m^2 sr], areas in m^2, distance in m: both small against the distance."""
    return emissive_area * detector_area / distance**2


def etendue_of_half_angle(emissive_area: float, half_angle: float) -> float:
    """Return G = pi A sin^2(a) [m^2 sr] of a detector that fills the half-angle a [rad] of a small source."""
    return pi * emissive_area * sin(half_angle) ** 2


def collected_fraction(etendue: float, emissive_area: float) -> float:
    """Return g = G / (pi A) [1], the share of the Lambertian emission that reaches the detector."""
    return etendue / (pi * emissive_area)


def luminance_per_photocurrent(spectrum: FloatArray, responsivity: FloatArray, etendue: float) -> float:
    """Return L / I_pd = K_m I[S V] / (G I[S R]) [cd m^-2 A^-1] by way B."""
    return MAXIMUM_LUMINOUS_EFFICACY * _visible_per_response(spectrum, responsivity) / etendue


def eqe_from_photocurrent(
    current: float, photocurrent: float, spectrum: FloatArray, responsivity: FloatArray, fraction: float
) -> float:
    """Return EQE = (I_pd/I) (1/g) (e/(h c)) I[S lambda]/I[S R] [1] of a Lambertian emitter.

    Currents in A, ``fraction`` g of :func:`collected_fraction`. Neither V(lambda) nor, but for g, the area
    enters: the primary route when the area or a red spectrum is the weak point.
    """
    spectrum = checked(spectrum)
    electrons = integrate(spectrum * checked(responsivity)) / ELEMENTARY_CHARGE
    photons = integrate(spectrum * WAVELENGTH) / PHOTON_ENERGY_WAVELENGTH
    return photocurrent / current / fraction * photons / electrons


@dataclass(frozen=True, slots=True, eq=False)
class PhotodiodeCalibration:
    """The constant C of L = s C I[S V] / I[S R].

    ``scale`` C [cd m^-2 A^-1 times A/W]; ``responsivity`` (401,) [A/W], or None for a photodiode taken to
    follow V(lambda), where C = k_L. ``scale_slope`` d ln C/d lambda [1/nm]: what an error of the wavelength
    scale of the spectroradiometer had already done to C when k_L was fixed against it. ``relative_uncertainty``
    is that of C (k = 1), NaN when unknown, with ``degrees_of_freedom`` where it comes from few readings.
    ``responsivity_uncertainty`` is the relative one of R at each wavelength (k = 1); ``reference_response`` (401,)
    [1/nm] S_c R/I[S_c R] of the spectrum under which C was fixed, with which it cancels; None by way B.
    ``identification`` and ``method`` say in words which calibration it is, and how it was made.
    The responsivity was measured from ``shortest`` to ``longest`` [nm], NaN when unknown: beyond it is only assumed.

    What else is known of a C from spectra: ``factor`` k_L [cd m^-2 A^-1] itself, found before the run under its own
    spectrum; ``lowest`` and ``highest`` luminance [cd/m^2] at which it was found; ``centroid`` [nm] the mean wavelength
    of the light then; ``shape_uncertainty`` [1/nm] that of d ln R/d lambda. From the spectra of a run: ``levels`` how
    many they are, 0 for another one; ``spread`` the standard deviation of ln C from level to level, NaN of fewer than
    three. NaN when unknown, and by way B.
    """

    scale: float
    responsivity: FloatArray | None = None
    scale_slope: float = 0.0
    relative_uncertainty: float = 0.0
    identification: str = ""
    method: str = ""
    degrees_of_freedom: float = inf
    responsivity_uncertainty: float = 0.0
    reference_response: FloatArray | None = None
    shortest: float = nan
    longest: float = nan
    levels: int = 0
    spread: float = nan
    factor: float = nan
    lowest: float = nan
    highest: float = nan
    centroid: float = nan
    shape_uncertainty: float = 0.0

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise ValueError(f"a calibration factor must be positive, not {self.scale:g}")

    @property
    def from_geometry(self) -> bool:
        """Whether C is of first principles (way B): fixed against no spectroradiometer, it has no slope of one."""
        return self.responsivity is not None and self.scale_slope == 0.0

    @property
    def for_comparing(self) -> PhotodiodeCalibration:
        """The same to be held against another one: statistics that are unknown excuse no difference."""
        return self if isfinite(self.relative_uncertainty) else replace(self, relative_uncertainty=0.0)

    def mismatch(self, luminance_per_photocurrent: float) -> float:
        """Return F_sm [1] of the spectrum with this luminance per photocurrent: that over k_L.

        NaN where k_L or the responsivity is unknown.
        """
        return nan if self.responsivity is None else luminance_per_photocurrent / self.factor


def calibration_from_geometry(etendue: float, responsivity: FloatArray) -> PhotodiodeCalibration:
    """Return the calibration by way B from G [m^2 sr] and R (401,) [A/W]."""
    return PhotodiodeCalibration(MAXIMUM_LUMINOUS_EFFICACY / etendue, checked(responsivity))


def calibration_from_factor(
    factor: float, responsivity: FloatArray | None = None, spectrum: FloatArray | None = None
) -> PhotodiodeCalibration:
    """Return the calibration by way A from k_L [cd m^-2 A^-1].

    With R (401,) [A/W] and the ``spectrum`` under which k_L was found, every other spectrum gets its mismatch
    factor. Without both, k_L serves as it is: only right for the spectrum under which it was found.

    :raises ValueError: only one of the two is given.
    """
    if responsivity is None and spectrum is None:
        return PhotodiodeCalibration(factor, factor=factor)
    if responsivity is None or spectrum is None:
        raise ValueError("the spectral mismatch needs both the responsivity and the calibration spectrum")
    response = integrate(checked(spectrum) * checked(responsivity))
    slope = integrate(spectrum * np.gradient(responsivity)) / response
    return PhotodiodeCalibration(
        factor / _visible_per_response(spectrum, responsivity),
        responsivity,
        slope,
        factor=factor,
        reference_response=spectrum * responsivity / response,
    )


#: How far apart [nm] two wavelengths are whose errors of R have little to do with each other.
RESPONSIVITY_CORRELATION = 50.0


def responsivity_sensitivity(spectrum: FloatArray, calibration: PhotodiodeCalibration) -> float:
    """Return u(L)/u(R): how much of the uncertainty of R(lambda) at each wavelength is left in L [1].

    L = s C I[S V]/I[S R] moves by minus the error of R weighted with S R, and C by that weighted with S_c R: the
    error common to all wavelengths cancels, and all of it for the spectrum of the calibration itself. The errors
    at two wavelengths are taken to be correlated by exp(-(d/50 nm)^2/2): neither one scale for all, which would
    cancel, nor independent from nm to nm, which would average out.
    """
    if calibration.responsivity is None:
        return 0.0
    seen = spectrum * calibration.responsivity
    weights = seen / integrate(seen)
    if calibration.reference_response is not None:
        weights = weights - calibration.reference_response
    weights = weights * trapezoid_weights()
    return sqrt(max(float(weights @ _correlation() @ weights), 0.0))


@lru_cache(maxsize=1)
def _correlation() -> FloatArray:
    distance = (WAVELENGTH[:, None] - WAVELENGTH) / RESPONSIVITY_CORRELATION
    return np.asarray(np.exp(-0.5 * distance**2), float)


class CalibratingLevel(NamedTuple):
    """One level at which photodiode and spectroradiometer looked at the same light.

    ``luminance`` [cd/m^2] by the spectrum, ``photocurrent`` [A] during its exposure; of the area-normalised spectrum
    ``visible`` I[s V], ``response`` I[s R] [A/W], its slope [A/W/nm], and ``centroid`` [nm].
    """

    luminance: float
    photocurrent: float
    visible: float
    response: float
    response_slope: float
    centroid: float


def calibration_from_spectra(
    levels: Sequence[CalibratingLevel],
    responsivity: FloatArray | None,
    shape_uncertainty: float = 0.0,
    without_statistics: float = 0.0,
) -> PhotodiodeCalibration:
    """Return the calibration by way A from the spectra of the very run: C = exp(mean ln(L_i I[S_i R]/(s_i I[S_i V]))).

    That is k_L = exp(mean ln(L_i/s_i)) with each spectrum's own mismatch. ``responsivity`` R (401,), any scale,
    None for V(lambda); ``shape_uncertainty`` [1/nm] that of d ln R/d lambda. u = sd/sqrt(n); the spread tells
    nothing of fewer than three levels: ``without_statistics`` is u then.

    :raises ValueError: there is no level, or a luminance or photocurrent that is not positive.
    """
    if not levels:
        raise ValueError("a calibration needs at least one level")
    if not all(level.luminance > 0 and level.photocurrent > 0 for level in levels):
        raise ValueError("a calibration needs positive luminances and photocurrents")
    logarithms = [log(one.luminance * one.response / (one.photocurrent * one.visible)) for one in levels]
    spread = stdev(logarithms) if len(levels) >= FEWEST_LEVELS else nan
    return PhotodiodeCalibration(
        exp(fmean(logarithms)),
        responsivity,
        scale_slope=fmean(one.response_slope / one.response for one in levels),
        relative_uncertainty=spread / sqrt(len(levels)) if spread >= 0 else without_statistics,
        identification="the spectra of this run",
        method=f"luminance of {len(levels)} {'spectrum' if len(levels) == 1 else 'spectra'} of this run",
        levels=len(levels),
        spread=spread,
        lowest=min(one.luminance for one in levels),
        highest=max(one.luminance for one in levels),
        centroid=fmean(one.centroid for one in levels),
        shape_uncertainty=shape_uncertainty,
        degrees_of_freedom=len(levels) - 1 if spread >= 0 else inf,
    )
