"""From a run whose every level has a spectrum to the luminance factor of its photodiode: way A. Pure.

At each level L_i is the luminance of the spectrum and s_i the photocurrent during its exposure. The line of a device
moves a little with the level, and with it k_L; so the mismatch factor of each level's own spectrum against the mean
one is taken out first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite, nan

import numpy as np

from acquire.evaluation.calibration import Calibration, relative_responsivity
from acquire.evaluation.evaluate import Evidence
from acquire.photometry.choice import DRIFT_LIMIT, SIGNAL_TO_NOISE_LIMIT
from acquire.photometry.factors import spectral_factors
from acquire.photometry.linearity import Linearity, Slope, linearity
from acquire.photometry.photodiode import (
    AT_LIMIT,
    FEWEST_LEVELS,
    LuminanceFactor,
    below_dark_noise,
    fit_luminance_factor,
    spectral_mismatch,
)
from acquire.photometry.spectra import normalised, signal_to_noise
from acquire.photometry.student import coverage_factor
from acquire.records import Branch, DarkReading, FloatArray, Spectrum, counted

#: The spectroradiometer computes its luminance from the same spectrum; beyond this, one of the two came over wrong.
METER_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class FoundFactor:
    """A luminance factor k_L [cd m^-2 A^-1] and all that speaks for or against it.

    By level (n,), in the order in which they were measured: ``branch``, ``time`` [s], ``luminance`` [cd/m^2],
    ``photocurrent`` [A], ``mismatch`` [1] of the level's own spectrum against ``spectrum`` (401,), the mean of all
    [1/nm]. ``left_out`` says why a spectrum, by its index, was not used; ``former`` is what the calibration of the run
    itself gives for this spectrum, NaN without one that was made on a bench of this kind.
    """

    factor: LuminanceFactor
    branch: tuple[Branch, ...]
    time: FloatArray
    luminance: FloatArray
    photocurrent: FloatArray
    mismatch: FloatArray
    spectrum: FloatArray
    linearity: Linearity
    left_out: Mapping[int, str]
    former: float = nan

    @property
    def degrees_of_freedom(self) -> int:
        """How many values the spread rests on; 0 when there are too few to give an uncertainty."""
        return self.factor.levels - 1 if self.factor.levels >= FEWEST_LEVELS else 0

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest luminance [cd/m^2] at which the factor was found."""
        return float(self.luminance.min()), float(self.luminance.max())

    @property
    def duration(self) -> float:
        """The time from the first to the last spectrum [s]."""
        return float(np.ptp(self.time))

    @property
    def drift(self) -> Slope:
        """The change of ln(L/s) over that time [1]."""
        per_second, span = self.linearity.drift, self.duration
        return Slope(per_second.value * span, per_second.uncertainty * span, per_second.degrees_of_freedom)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of k_L by Student's t; NaN without an uncertainty."""
        if not self.degrees_of_freedom:
            return nan, nan
        half = coverage_factor(self.degrees_of_freedom) * self.factor.relative_uncertainty
        return self.factor.factor * exp(-half), self.factor.factor * exp(half)

    def remarks(self) -> Iterator[str]:
        """What a technician should know of it, although there is a factor."""
        if not self.degrees_of_freedom:
            yield f"{_levels(self.factor.levels)}: fewer than {FEWEST_LEVELS} give no uncertainty of k_L"
        for index, why in self.left_out.items():
            yield f"spectrum {counted(index)} is not used: {why}"
        level, drift = self.linearity.level, self.drift
        with_it = "" if self.linearity.apart else "; it cannot be told from a drift, as the levels only go one way"
        if level.is_real:
            change = 100.0 * level.value * np.log(self.span[1] / self.span[0])
            yield (
                f"L/s moves with the level, {change:+.2f} % from {self.span[0]:.4g} to {self.span[1]:.4g} cd/m^2: "
                f"saturation, stray light or a curved meter{with_it}"
            )
        if drift.is_real and self.linearity.apart:
            change = f"{100.0 * drift.value:+.2f} % from the first to the last spectrum"
            yield f"L/s drifted by {change}: did something move or warm up?"


def _levels(count: int) -> str:
    return f"{count} level{'' if count == 1 else 's'}"


def found_factor(
    spectra: Sequence[Spectrum],
    dark: Sequence[DarkReading],
    calibration: Calibration,
) -> FoundFactor:
    """Return the luminance factor that the spectra of a run and its photodiode signals give.

    Of ``calibration`` only the conditions and, for the mismatch, the responsivity enter, never its own factor; without
    one, silicon in general is right enough for the few nm by which the levels differ.

    :raises ValueError: no spectrum can be used; the message says why each cannot.
    """
    evidence = Evidence(calibration, final=True).with_dark(dark)
    currents = [_photocurrent(spectrum, evidence) for spectrum in spectra]
    reasons = {s.index: _why_not(s, i, evidence) for s, i in zip(spectra, currents, strict=True)}
    left_out = {index: why for index, why in reasons.items() if why}
    used = [(s, i) for s, i in zip(spectra, currents, strict=True) if s.index not in left_out]
    if not used:
        said = "; ".join(f"spectrum {counted(index)}: {why}" for index, why in left_out.items())
        raise ValueError(f"no level can be used ({said or 'there is no spectrum'})")
    mean = np.mean([normalised(spectrum.spectral_radiance) for spectrum, _ in used], axis=0)
    responsivity = relative_responsivity(calibration.photodiode).curve
    assert responsivity is not None
    mismatch = np.array([spectral_mismatch(spectrum.spectral_radiance, mean, responsivity) for spectrum, _ in used])
    luminance = np.array([spectrum.luminance for spectrum, _ in used])
    current, time = np.array([i for _, i in used]), np.array([_middle(spectrum) for spectrum, _ in used])
    return FoundFactor(
        factor=_fitted(luminance / mismatch, current),
        branch=tuple(spectrum.branch for spectrum, _ in used),
        time=time,
        luminance=luminance,
        photocurrent=current,
        mismatch=mismatch,
        spectrum=mean,
        linearity=linearity(np.log(luminance / mismatch / current), luminance, time),
        left_out=left_out,
        former=_former(mean, calibration),
    )


def _former(spectrum: FloatArray, calibration: Calibration) -> float:
    if calibration.provenance.example and not calibration.conditions.simulated:
        return nan
    return spectral_factors(spectrum, calibration.photodiode).luminance_per_photocurrent


def _fitted(luminance: FloatArray, photocurrent: FloatArray) -> LuminanceFactor:
    if len(luminance) >= FEWEST_LEVELS:
        return fit_luminance_factor(luminance.tolist(), photocurrent.tolist())
    return LuminanceFactor(exp(float(np.log(luminance / photocurrent).mean())), nan, len(luminance))


def _middle(spectrum: Spectrum) -> float:
    return (spectrum.start + spectrum.stop) / 2


def _photocurrent(spectrum: Spectrum, evidence: Evidence) -> float:
    return evidence.photocurrent(spectrum.photodiode_signal, _middle(spectrum))


def _why_not(spectrum: Spectrum, photocurrent: float, evidence: Evidence) -> str:
    """Why a level cannot be used; empty when it can."""
    noise = evidence.dark_deviation / abs(evidence.calibration.conditions.transfer)
    if not isfinite(photocurrent):
        return "there is no photodiode signal with it"
    if not photocurrent > 0.0 or below_dark_noise(photocurrent, noise):
        return "the photodiode signal is not above the noise of the dark readings"
    if abs(spectrum.photodiode_signal) >= evidence.calibration.conditions.amplifier_limit * (1 - AT_LIMIT):
        return "the photodiode's amplifier was at its limit"
    if not spectrum.luminance > 0.0 or signal_to_noise(spectrum.spectral_radiance) < SIGNAL_TO_NOISE_LIMIT:
        return "there is no more light in it than noise"
    if abs(spectrum.meter_luminance / spectrum.luminance - 1.0) > METER_TOLERANCE:
        return "the spectroradiometer's own luminance does not follow from it"
    if abs(spectrum.drift) > DRIFT_LIMIT:
        return f"the light changed by {100.0 * spectrum.drift:+.1f} % during the exposure"
    return ""
