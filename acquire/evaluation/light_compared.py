"""The luminance of the photodiode held against that of each spectrum. Pure.

Both look at the same device at the same time, so their quotient is 1 within what is uncertain on either side. Common
parts are taken out: an error of the absolute scale is in both when k_L was fixed against the spectroradiometer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot, isfinite, pi, sqrt
from typing import NamedTuple

import numpy as np

from acquire.evaluation.budget import photodiode_limit
from acquire.evaluation.calibration import Calibration
from acquire.evaluation.evaluate import Evidence
from acquire.evaluation.known import Known
from acquire.evaluation.touched import luminous
from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.factors import SpectralFactors
from acquire.photometry.observer import v_lambda
from acquire.photometry.spectra import signal_to_noise
from acquire.photometry.uncertainty import rectangular
from acquire.records import Finding, FloatArray, Severity, Spectrum

#: Beyond so many standard uncertainties a difference is worth a note, and doubtful.
NOTED, DOUBTED = 2.0, 3.0

#: A difference is not called doubtful before it is so large, whatever the uncertainties say.
LEAST_DOUBTFUL = 0.05

#: Standard uncertainty of one reading of the spectroradiometer beside its noise: its repeatability.
REPEATABILITY = 0.0015


class Pair(NamedTuple):
    """Both luminances [cd/m^2] during one exposure, and what is uncertain in their quotient.

    ``independent`` is the part that every pair has for itself, ``common`` that of all pairs, both relative and k = 1.
    """

    time: float
    point: int
    photodiode: float
    spectral: float
    independent: float
    common: float

    @property
    def ratio(self) -> float:
        """The photodiode's luminance over that of the spectrum."""
        return self.photodiode / self.spectral

    @property
    def uncertainty(self) -> float:
        """The standard uncertainty of the quotient."""
        return hypot(self.independent, self.common * self.ratio)

    @property
    def deviations(self) -> float:
        """How many standard uncertainties the quotient is from 1."""
        return abs(self.ratio - 1) / self.uncertainty if self.uncertainty > 0 else 0.0

    @property
    def severity(self) -> Severity | None:
        """How grave the difference is; None where it is within its uncertainty."""
        difference = abs(self.ratio - 1)
        if difference > max(DOUBTED * self.uncertainty, LEAST_DOUBTFUL):
            return Severity.DOUBTFUL
        return Severity.NOTE if difference > NOTED * self.uncertainty else None


def pairs(evidence: Evidence, spectra: list[Spectrum] | tuple[Spectrum, ...]) -> list[Pair]:
    """The luminances of every spectrum during which the photodiode was read, in the order of time."""
    found = (_pair(evidence, spectrum) for spectrum in spectra)
    return [pair for pair in found if pair is not None]


def _pair(evidence: Evidence, spectrum: Spectrum) -> Pair | None:
    calibration, factors = evidence.calibration, evidence.spectral_factors(spectrum.spectral_radiance)
    if calibration.photodiode is None or factors is None or not spectrum.luminance > 0:
        return None
    photocurrent = evidence.photocurrent(spectrum.photodiode_signal, spectrum.start)
    if not isfinite(photocurrent):
        return None
    return Pair(
        spectrum.start,
        spectrum.point_index,
        photocurrent * factors.luminance_per_photocurrent,
        spectrum.luminance,
        _independent(evidence, spectrum, factors),
        _common(calibration, factors),
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


def _common(calibration: Calibration, factors: SpectralFactors[float]) -> float:
    """What all pairs share: k_L, position, spot, wavelength scale; the absolute scale where it is not in both."""
    uncertainty, photodiode = calibration.uncertainty, calibration.photodiode
    assert photodiode is not None
    # Of an error of the wavelength scale the photodiode's luminance has its own part, beside that of both
    integrals = factors.integrals
    slope = factors.luminance_sensitivity - integrals.visible_slope / integrals.visible
    return hypot(
        photodiode.relative_uncertainty,
        uncertainty.repositioning,
        uncertainty.uniformity,
        slope * uncertainty.wavelength,
        0.0 if against_spectroradiometer(calibration) else uncertainty.luminance_scale,
    )


def against_spectroradiometer(calibration: Calibration) -> bool:
    """Whether the photodiode was calibrated against the spectroradiometer, so that both share one absolute scale."""
    return calibration.photodiode is not None and calibration.photodiode.method.startswith("luminance factor")


def photodiode_against_spectra(known: Known) -> Iterator[Finding]:
    """Ask whether the photodiode's luminance and that of the spectra are one within their uncertainties."""
    compared = pairs(known.evidence, list(known.spectra))
    severe = [(pair, pair.severity) for pair in compared]
    graves = [pair for pair, severity in severe if severity is Severity.DOUBTFUL]
    noted = [pair for pair, severity in severe if severity is Severity.NOTE]
    if not (graves or noted):
        return
    worst = max(graves or noted, key=lambda pair: pair.deviations)
    way = _how_it_behaves(compared)
    limit = max(DOUBTED * worst.uncertainty, LEAST_DOUBTFUL) if graves else NOTED * worst.uncertainty
    yield Finding(
        known.time,
        way.code,
        Severity.DOUBTFUL if graves else Severity.NOTE,
        f"the photodiode's luminance is not that of the spectra: at point {worst.point + 1} it gives "
        f"{worst.photodiode:.4g} cd/m^2 where the spectrum has {worst.spectral:.4g} cd/m^2, "
        f"{_times(worst.ratio)} (within {100 * limit:.2g} % expected); {way.text(worst, compared)}",
        luminous(known.figures),
        way.remedy,
        worst.ratio,
        limit,
    )


def _times(ratio: float) -> str:
    """A quotient in words: a difference in percent where it is small."""
    return f"{100 * (ratio - 1):+.1f} %" if 0.5 < ratio < 2 else f"{ratio:.4g} times as much"


@dataclass(frozen=True)
class _Behaviour:
    """How the quotient behaves from spectrum to spectrum."""

    code: str
    remedy: str
    what: str = ""

    def text(self, worst: Pair, compared: list[Pair]) -> str:
        """What to say of it."""
        if self.code != "photodiode_factor":
            return self.what
        ratio = mean_ratio(compared) if worst in compared else worst.ratio
        slip = common_slip(ratio, 2 * max(pair.uncertainty / max(pair.ratio, 1e-9) for pair in compared))
        ones = f"one factor at all {len(compared)} spectra" if len(compared) > 1 else "at the one spectrum compared"
        return f"{ones}: {slip}" if slip else ones


def mean_ratio(compared: list[Pair]) -> float:
    """The mean quotient, each pair by its own uncertainty."""
    weights = np.array([max(pair.independent, 1e-6) ** -2 for pair in compared])
    return float(weights @ np.array([pair.ratio for pair in compared]) / weights.sum())


_FACTOR = _Behaviour(
    "photodiode_factor",
    "Compare the amplifier's gain with its knob, the distance, the area and the units of the calibration; then "
    "calibrate the photodiode again, or take the luminance from the spectra",
)

_LEVEL = _Behaviour(
    "photodiode_not_linear",
    "Look for saturation of photodiode or amplifier, stray light, and a range that changes; the luminance of the "
    "spectra does not depend on them",
    "the quotient moves with the level",
)

_TIME = _Behaviour(
    "photodiode_drift",
    "Fix device and photodiode, let the amplifier warm up, and look whether its zero or the room light changes",
    "the quotient moves with time",
)


def _how_it_behaves(compared: list[Pair]) -> _Behaviour:
    """Whether the quotient is one factor for all, or moves with level or time."""
    if len(compared) < 3 or not _moves(compared):
        return _FACTOR
    ratio = np.array([pair.ratio for pair in compared])
    level = _correlation(np.log([pair.spectral for pair in compared]), ratio)
    time = _correlation(np.array([pair.time for pair in compared]), ratio)
    return _TIME if time > level + 0.05 else _LEVEL


def _moves(compared: list[Pair]) -> bool:
    """Whether the quotients differ among each other by more than what each has for itself explains."""
    mean = mean_ratio(compared)
    return any(
        abs(pair.ratio - mean) > max(DOUBTED * pair.independent * max(mean, 1), 0.02 * mean) for pair in compared
    )


def _correlation(one: FloatArray, other: FloatArray) -> float:
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return abs(float(np.corrcoef(one, other)[0, 1]))


#: Slips that are common, by the factor that they leave behind; the largest first.
SLIPS: tuple[tuple[float, str], ...] = (
    (1e6, "um^2, uA or uW in place of m^2, A or W"),
    (1e4, "an area in cm^2 taken for m^2"),
    (1e3, "mA/W, mm or another thousandth"),
    (683.002, "lumen per watt left out or taken twice"),
    (1e2, "two decades of the amplifier, percent, or mm^2 for cm^2"),
    (10.0, "one decade of the amplifier's gain"),
    (4.0, "a diameter for a radius, or twice the distance"),
    (pi, "pi: lm/m^2 in place of cd/m^2"),
    (2.0, "a factor of two"),
)


def common_slip(ratio: float, tolerance: float = 0.0) -> str:
    """The common slip that a quotient looks like; empty where it looks like none.

    ``tolerance`` is relative; it is 5 % at least.
    """
    if not ratio > 0:
        return ""
    for factor, slip in SLIPS:
        for expected in (factor, 1 / factor):
            if abs(ratio / expected - 1) < max(tolerance, 0.05):
                written = f"{factor:.4g}" if factor != pi else "pi"
                return f"it looks like {written if expected > 1 else f'1/{written}'} ({slip})"
    return ""
