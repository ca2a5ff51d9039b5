"""Both luminances of one exposure, that of the photodiode and that of the spectrum, and how far they may differ. Pure.

Both look at the same device at the same time, so their quotient is 1 within what they do not share.
"""

from __future__ import annotations

from math import hypot, isfinite, nan, sqrt
from typing import NamedTuple

from acquire.evaluation.budget import Signals
from acquire.evaluation.evidence import Evidence, MeasuredSpectrum
from acquire.evaluation.routes import common_uncertainty, difference_uncertainty
from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.factors import by_calibration
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.records import Severity

#: Beyond so many standard uncertainties a difference is worth a note, and doubtful.
NOTED, DOUBTED = 2.0, 3.0

#: A difference is not called doubtful before it is so large, whatever the uncertainties say.
LEAST_DOUBTFUL = 0.05


class Pair(NamedTuple):
    """Both luminances [cd/m^2] during one exposure, and what is uncertain in their quotient.

    ``efficacy`` K_r [lm/W] and ``truncated`` are those of the spectrum; ``usable``: nothing speaks against its shape.
    ``independent`` is the part that every pair has for itself, ``common`` that of all pairs, both relative and k = 1,
    where both luminances are that of the spectrum.
    """

    time: float
    point: int
    photodiode: float
    spectral: float
    efficacy: float
    truncated: bool
    usable: bool
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
        """The relative difference up to which both are not said to differ as they do."""
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


def pairs(evidence: Evidence) -> list[Pair]:
    """The luminances of every spectrum during which the photodiode was read, in the order of time."""
    photodiode = evidence.compared
    if photodiode is None:
        return []
    found = (_pair_of(one, photodiode.for_comparing, evidence) for one in evidence.spectra)
    return [pair for pair in found if pair is not None]


def _pair_of(one: MeasuredSpectrum, photodiode: PhotodiodeCalibration, evidence: Evidence) -> Pair | None:
    """Both luminances of one exposure; None where one of them is not known."""
    spectrum, light = one.spectrum, evidence.light_during(one.spectrum)
    factors = by_calibration(one.factors, photodiode)
    if not (spectrum.luminance > 0 and isfinite(light) and factors.luminance_per_photocurrent > 0):
        return None
    expected = spectrum.luminance / factors.luminance_per_photocurrent
    signals = Signals(nan, nan, spectrum.photodiode_signal, expected)
    whole = difference_uncertainty(
        signals, factors, one.absolute, photodiode, evidence.calibration, evidence.dark_deviation
    )
    common = common_uncertainty(factors, photodiode, evidence.calibration)
    return Pair(
        spectrum.start,
        spectrum.point_index,
        light * factors.luminance_per_photocurrent,
        spectrum.luminance,
        factors.efficacy,
        bool(factors.truncated),
        one.usable,
        sqrt(max(whole**2 - common**2, 0.0)),
        common,
    )
