"""Both luminances of one exposure, that of the photodiode and that of the spectrum, and what is uncertain between them.

Pure. Both look at the same device at the same time, so their quotient is 1 within what is uncertain on either side.
Common parts are taken out: an error of the absolute scale is in both where k_L was fixed against the spectroradiometer.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, isfinite, sqrt
from typing import NamedTuple

from acquire.evaluation.budget import photodiode_limit
from acquire.evaluation.calibration import Calibration
from acquire.evaluation.evaluate import Evidence
from acquire.photometry.choice import SIGNAL_TO_NOISE_LIMIT
from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.factors import SpectralFactors, spectral_factors
from acquire.photometry.observer import v_lambda
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.spectra import signal_to_noise
from acquire.photometry.uncertainty import rectangular
from acquire.records import Severity, Spectrum

#: Beyond so many standard uncertainties a difference is worth a note, and doubtful.
NOTED, DOUBTED = 2.0, 3.0

#: A difference is not called doubtful before it is so large, whatever the uncertainties say.
LEAST_DOUBTFUL = 0.05

#: Standard uncertainty of one reading of the spectroradiometer beside its noise: its repeatability.
REPEATABILITY = 0.0015


class Pair(NamedTuple):
    """Both luminances [cd/m^2] during one exposure, and what is uncertain in their quotient.

    ``efficacy`` K_r [lm/W] and ``truncated`` are those of the spectrum, which ``has_colour`` where its noise is low;
    ``independent`` is the part that every pair has for itself, ``common`` that of all pairs, both relative and k = 1.
    """

    time: float
    point: int
    photodiode: float
    spectral: float
    efficacy: float
    truncated: bool
    has_colour: bool
    independent: float
    common: float

    @property
    def ratio(self) -> float:
        """The photodiode's luminance over that of the spectrum."""
        return self.photodiode / self.spectral

    @property
    def uncertainty(self) -> float:
        """The standard uncertainty of the quotient where it is 1."""
        return hypot(self.independent, self.common)

    @property
    def deviations(self) -> float:
        """How many standard uncertainties the quotient is from 1."""
        return abs(self.ratio - 1) / self.uncertainty if self.uncertainty > 0 else 0.0

    @property
    def limit(self) -> float:
        """The relative difference up to which both are not called contradictory."""
        noted = NOTED * self.uncertainty
        return noted if abs(self.ratio - 1) <= self._doubted or self.truncated else self._doubted

    @property
    def _doubted(self) -> float:
        return max(DOUBTED * self.uncertainty, LEAST_DOUBTFUL)

    @property
    def severity(self) -> Severity | None:
        """How grave the difference is; None where it is within its uncertainty.

        Of a spectrum that is cut off no more than a note: the photodiode sees what lies beyond. With more luminance
        than any light of that radiance has, both cannot be right.
        """
        difference = abs(self.ratio - 1)
        if difference <= NOTED * self.uncertainty:
            return None
        if difference <= self._doubted or self.truncated:
            return Severity.NOTE
        beyond = self.ratio * self.efficacy > MAXIMUM_LUMINOUS_EFFICACY * (1 + DOUBTED * self.uncertainty)
        return Severity.IMPOSSIBLE if beyond else Severity.DOUBTFUL


def pairs(evidence: Evidence, spectra: Sequence[Spectrum]) -> list[Pair]:
    """The luminances of every spectrum during which the photodiode was read, in the order of time."""
    found = (pair_of(evidence, spectrum) for spectrum in spectra)
    return [pair for pair in found if pair is not None]


def pair_of(evidence: Evidence, spectrum: Spectrum) -> Pair | None:
    """Both luminances of one exposure; None where one of them is not known."""
    photodiode = evidence.calibration.photodiode
    photocurrent = evidence.photocurrent(spectrum.photodiode_signal, spectrum.start)
    if photodiode is None or not (spectrum.luminance > 0 and isfinite(photocurrent)):
        return None
    try:
        factors = spectral_factors(spectrum.spectral_radiance, photodiode)
    except ValueError:  # there is nothing that the eye or the photodiode sees
        return None
    return Pair(
        spectrum.start,
        spectrum.point_index,
        photocurrent * factors.luminance_per_photocurrent,
        spectrum.luminance,
        factors.efficacy,
        bool(factors.truncated),
        signal_to_noise(spectrum.spectral_radiance) >= SIGNAL_TO_NOISE_LIMIT,
        _independent(evidence, spectrum, factors),
        _common(evidence.calibration, photodiode, factors),
    )


def _independent(evidence: Evidence, spectrum: Spectrum, factors: SpectralFactors[float]) -> float:
    """What one pair has for itself: meter and dark scatter, noise, drift while it was taken, linearity."""
    conditions = evidence.calibration.conditions
    volts = hypot(rectangular(photodiode_limit(spectrum.photodiode_signal, conditions)), evidence.dark_deviation)
    meter = volts / abs(conditions.amplifier_gain) * factors.luminance_per_photocurrent / spectrum.luminance
    drift = rectangular(abs(spectrum.drift) / 2) if isfinite(spectrum.drift) else 0.0
    linearity = evidence.calibration.uncertainty.linearity
    return hypot(meter, _noise(spectrum), REPEATABILITY, drift, linearity)


def _noise(spectrum: Spectrum) -> float:
    """The relative noise of a spectrum's luminance, from that of its samples."""
    noise = float(spectrum.spectral_radiance.max()) / signal_to_noise(spectrum.spectral_radiance)
    luminance: float = MAXIMUM_LUMINOUS_EFFICACY * noise * sqrt(float(v_lambda() @ v_lambda()))
    return luminance / spectrum.luminance


def _common(calibration: Calibration, photodiode: PhotodiodeCalibration, factors: SpectralFactors[float]) -> float:
    """What all pairs share: k_L, position, spot, wavelength scale; the absolute scale where it is not in both."""
    uncertainty = calibration.uncertainty
    # Of an error of the wavelength scale the photodiode's luminance has its own part, beside that of both
    integrals = factors.integrals
    slope = factors.luminance_sensitivity - integrals.visible_slope / integrals.visible
    return hypot(
        photodiode.relative_uncertainty,
        uncertainty.repositioning,
        uncertainty.uniformity,
        slope * uncertainty.wavelength,
        0.0 if against_spectroradiometer(photodiode) else uncertainty.luminance_scale,
    )


def against_spectroradiometer(photodiode: PhotodiodeCalibration) -> bool:
    """Whether the photodiode was calibrated against the spectroradiometer, so that both share one absolute scale."""
    return photodiode.method.startswith("luminance factor")
