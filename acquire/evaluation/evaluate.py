"""From a reading and a calibration to luminance, efficiencies and colour. Pure.

The same function evaluates a point while the sweep runs, when only earlier spectra and the first dark readings
are known, and afterwards, when all are: only the :class:`Evidence` handed to it differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite, nan
from statistics import fmean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.evaluation.budget import DarkScatter, Signals, point_budget, uncertainties
from acquire.evaluation.calibration import Calibration
from acquire.photometry.choice import (
    SPECTRAL_SHIFT_LIMIT,
    SpectrumCandidate,
    SpectrumChoice,
    SpectrumChoices,
    SpectrumSource,
    choose_spectra,
    choose_spectrum,
    spectral_shift,
    spectrum_defects,
)
from acquire.photometry.efficiency import (
    current_density,
    current_efficiency,
    eqe_from_luminance,
    power_efficiency,
)
from acquire.photometry.elementwise import IntArray, Q, constant
from acquire.photometry.factors import SpectralFactors, blend_factors, factors_at, spectral_factors, stacked
from acquire.photometry.photodiode import dark_at, photocurrent
from acquire.photometry.spectra import signal_to_noise
from acquire.photometry.uncertainty import Budget
from acquire.records import (
    DERIVED,
    READING_FLAGS,
    Columns,
    DarkReading,
    FloatArray,
    PointFlag,
    Reading,
    Record,
    Spectrum,
)


@dataclass(frozen=True)
class DarkLevel:
    """Mean and standard deviation of the photodiode signal without light [V], when [s], and of how many readings."""

    time: float
    signal: float
    deviation: float
    readings: int = 1


def dark_level(readings: Sequence[DarkReading]) -> DarkLevel | None:
    """Summarise dark readings; None when none of them is a number."""
    good = [reading for reading in readings if isfinite(reading.photodiode_signal)]
    if not good:
        return None
    signals = [reading.photodiode_signal for reading in good]
    deviation = stdev(signals) if len(signals) > 1 else 0.0
    return DarkLevel(fmean(reading.time for reading in good), fmean(signals), deviation, len(good))


@dataclass(frozen=True)
class _EvaluatedSpectrum:
    candidate: SpectrumCandidate
    factors: SpectralFactors[float]


@dataclass(frozen=True)
class Evidence:
    """All that is known at one moment besides a reading itself; ``spectra`` are those that have light."""

    calibration: Calibration
    dark_before: DarkLevel | None = None
    dark_after: DarkLevel | None = None
    spectra: tuple[_EvaluatedSpectrum, ...] = ()
    final: bool = False

    def with_dark(self, readings: Sequence[DarkReading]) -> Evidence:
        """This evidence after dark readings; those before the sweep and those after it are kept apart."""
        before = dark_level([reading for reading in readings if not reading.after])
        after = dark_level([reading for reading in readings if reading.after])
        return replace(self, dark_before=before or self.dark_before, dark_after=after or self.dark_after)

    def spectral_factors(self, spectral_radiance: FloatArray) -> SpectralFactors[float] | None:
        """The factors of a spectrum (401,); None where there is nothing that the eye or the photodiode sees."""
        try:
            return spectral_factors(spectral_radiance, self.calibration.photodiode)
        except ValueError:
            return None

    def with_spectrum(self, spectrum: Spectrum, factors: SpectralFactors[float] | None = None) -> Evidence:
        """This evidence after one more spectrum, of which the ``factors`` may be known; one without any is left out."""
        factors = factors or self.spectral_factors(spectrum.spectral_radiance)
        if factors is None:
            return self
        light = self.photocurrent(spectrum.photodiode_signal, spectrum.start) * factors.luminance_per_photocurrent
        luminance = light if light > 0.0 else spectrum.luminance
        defects = spectrum_defects(
            signal_to_noise(spectrum.spectral_radiance), luminance_ratio=spectrum.luminance / luminance
        )
        candidate = SpectrumCandidate(
            spectrum.index, spectrum.point_index, spectrum.branch, luminance, spectrum.drift, usable=not defects
        )
        return replace(self, spectra=(*self.spectra, _EvaluatedSpectrum(candidate, factors)))

    @cached_property
    def candidates(self) -> tuple[SpectrumCandidate, ...]:
        """The spectra to choose from."""
        return tuple(spectrum.candidate for spectrum in self.spectra)

    def factors_of(self, index: int) -> SpectralFactors[float]:
        """The factors of the spectrum with this index."""
        return next(spectrum.factors for spectrum in self.spectra if spectrum.candidate.index == index)

    @cached_property
    def latest_factors(self) -> SpectralFactors[float] | None:
        """The factors of the last spectrum, or of one that stands in."""
        calibration = self.calibration
        measured = self.spectra[-1].factors if self.spectra else None
        return measured or calibration.reference_factors or calibration.assumed_factors

    @cached_property
    def stacked(self) -> SpectralFactors[FloatArray]:
        """The factors of all spectra, as arrays."""
        return stacked([spectrum.factors for spectrum in self.spectra])

    @cached_property
    def positions(self) -> IntArray:
        """Where the spectrum with an index stands among all spectra."""
        indices = [candidate.index for candidate in self.candidates]
        positions = np.zeros(max(indices) + 1, int)
        positions[indices] = range(len(indices))
        return positions

    def dark_signal(self, time: Q) -> Q | float:
        """The photodiode's dark signal at a moment [V]: on the line through the readings before and after."""
        before, after = self.dark_before, self.dark_after
        if before is None or after is None:
            level = before or after
            return level.signal if level else 0.0
        return dark_at(time, (before.time, before.signal), (after.time, after.signal))

    @cached_property
    def dark_deviation(self) -> float:
        """The standard deviation of a dark reading [V], 0 when unknown."""
        levels = [level.deviation for level in (self.dark_before, self.dark_after) if level]
        return max(levels, default=0.0)

    @cached_property
    def dark_scatter(self) -> DarkScatter:
        """How the dark readings scatter."""
        counts = [level.readings for level in (self.dark_before, self.dark_after) if level]
        return DarkScatter(self.dark_deviation, min(counts, default=0))

    def photocurrent(self, signal: Q, time: Q) -> Q:
        """Photocurrent [A] behind an amplifier voltage [V] read at ``time`` [s]."""
        return photocurrent(signal, self.dark_signal(time), self.calibration.conditions.amplifier_gain)


def evaluate(reading: Reading, evidence: Evidence) -> Record:
    """Compute what can be known of one point now, but for the uncertainties: see :func:`with_uncertainties`.

    J = I/A, L = s C I[S V]/I[S R], CE = L/J, PE = pi CE F/V, EQE = kappa CE F; the spectrum S by the rule of
    :func:`~acquire.photometry.choice.choose_spectrum`.
    """
    photocurrent = evidence.photocurrent(reading.photodiode_signal, reading.time)
    choice, factors, shift = _spectrum_for(reading, photocurrent, evidence)
    return Record(
        reading=reading,
        flags=PointFlag(int(reading.flags) | _flags(reading.photodiode_signal, reading.time, factors, shift, evidence)),
        **_quantities(reading.current, reading.voltage, photocurrent, factors, evidence.calibration),
        spectrum_source=choice.source.value,
        spectrum_index=choice.index,
        spectrum_index_upper=choice.index_upper,
        spectrum_weight=choice.weight,
        log10_distance=choice.log10_distance,
    )


def with_uncertainties(record: Record, evidence: Evidence) -> Record:
    """A record as :func:`evaluate` made it, with the standard uncertainty of each of its quantities.

    A function of its own, because no decision of a sweep waits for it: while the next point is being measured
    there is time for it.
    """
    reading = record.reading
    source = SpectrumSource(record.spectrum_source)
    choice = SpectrumChoice(source, record.spectrum_index, record.spectrum_index_upper, record.spectrum_weight)
    factors, shift = _factors_of(choice, evidence)
    values = {name: getattr(record, name) for name in DERIVED}
    photocurrent = evidence.photocurrent(reading.photodiode_signal, reading.time)
    signals = Signals(reading.current, reading.voltage, reading.photodiode_signal, photocurrent)
    return Record(  # `replace` would take as long as all the rest
        reading=reading,
        flags=record.flags,
        **values,
        **uncertainties(values, signals, factors, shift, evidence.calibration, evidence.dark_scatter),
        spectrum_source=record.spectrum_source,
        spectrum_index=record.spectrum_index,
        spectrum_index_upper=record.spectrum_index_upper,
        spectrum_weight=record.spectrum_weight,
        log10_distance=record.log10_distance,
    )


def budget_at(points: Columns, row: int, evidence: Evidence) -> Budget[float]:
    """Where the uncertainty of one of a run's points comes from; ``points`` as :func:`evaluate_run` completes them."""
    one = {name: points[name][row].item() for name in _OF_A_BUDGET}
    source = SpectrumSource(one["spectrum_source"].decode())
    choice = SpectrumChoice(source, one["spectrum_index"], one["spectrum_index_upper"], one["spectrum_weight"])
    factors, shift = _factors_of(choice, evidence)
    photocurrent = evidence.photocurrent(one["photodiode_signal"], one["time"])
    signals = Signals(one["current"], one["voltage"], one["photodiode_signal"], photocurrent)
    return point_budget(signals, factors, shift, evidence.calibration, evidence.dark_scatter)


_OF_A_BUDGET = (
    "time",
    "current",
    "voltage",
    "photodiode_signal",
    "spectrum_source",
    "spectrum_index",
    "spectrum_index_upper",
    "spectrum_weight",
)


def evaluate_run(points: Columns, evidence: Evidence) -> Columns:
    """The final values of a run's points, as :func:`evaluate` and :func:`with_uncertainties` compute them for one.

    ``points`` are the columns of the readings and their flags, a row a point (n,), of which the values do not
    depend on more than ``evidence`` and the row itself; so a few thousand are computed at a time, and the memory
    beside the result stays the same however many they are.
    """
    count = len(points["time"])
    block = max(_LARGEST_BLOCK // max(len(evidence.spectra), _COLUMNS_AT_ONCE), 1)
    final: dict[str, npt.NDArray[Any]] = {}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # missing numbers stay missing
        for first in range(0, max(count, 1), block):
            rows = slice(first, first + block)
            for name, values in _final_values(points, rows, evidence).items():
                if name not in final:
                    final[name] = np.empty(count, values.dtype)
                final[name][rows] = values
    return final


#: Numbers at work at once: a block of points times the spectra that each of them chooses from.
_LARGEST_BLOCK = 1 << 18


_COLUMNS_AT_ONCE = 50


def _final_values(points: Columns, rows: slice, evidence: Evidence) -> dict[str, npt.NDArray[Any]]:
    """The final values of some rows."""
    current, voltage, signal, time = (
        points[name][rows] for name in ("current", "voltage", "photodiode_signal", "time")
    )
    index = np.arange(rows.start, rows.start + len(time))
    photocurrent = evidence.photocurrent(signal, time)
    choices, factors, shift = _spectra_for(index, points["branch"][rows], photocurrent, evidence)
    signals = Signals(current, voltage, signal, photocurrent)
    values = _quantities(current, voltage, photocurrent, factors, evidence.calibration)
    return {
        **values,
        **uncertainties(values, signals, factors, shift, evidence.calibration, evidence.dark_scatter),
        "flags": (points["flags"][rows] & int(READING_FLAGS)) | _flags(signal, time, factors, shift, evidence),
        "spectrum_source": choices.source,
        "spectrum_index": choices.index,
        "spectrum_index_upper": choices.index_upper,
        "spectrum_weight": choices.weight,
        "log10_distance": choices.log10_distance,
    }


def _quantities(
    current: Q, voltage: Q, photocurrent: Q, factors: SpectralFactors[Q] | None, calibration: Calibration
) -> dict[str, Q]:
    """The derived quantities of a point, or of each of many."""
    density = current_density(current, calibration.conditions.emissive_area)
    luminance = photocurrent * _luminance_per_photocurrent(factors, calibration)
    efficiency = current_efficiency(luminance, density)
    angular, unknown = calibration.conditions.angular_factor, constant(nan, photocurrent)
    return {
        "current_density": density,
        "luminance": luminance,
        "current_efficiency": efficiency,
        "power_efficiency": power_efficiency(efficiency, voltage, angular),
        "external_quantum_efficiency": eqe_from_luminance(efficiency, factors.kappa, angular) if factors else unknown,
        "chromaticity_x": factors.chromaticity_x if factors else unknown,
        "chromaticity_y": factors.chromaticity_y if factors else unknown,
    }


def _luminance_per_photocurrent(factors: SpectralFactors[Q] | None, calibration: Calibration) -> Q | float:
    """L per photocurrent [cd m^-2 A^-1]; a luminance factor without responsivity needs no spectrum for it."""
    if factors is not None:
        return factors.luminance_per_photocurrent
    photodiode = calibration.photodiode
    return photodiode.scale if photodiode is not None and photodiode.responsivity is None else nan


def _spectrum_for(
    reading: Reading, photocurrent: float, evidence: Evidence
) -> tuple[SpectrumChoice, SpectralFactors[float] | None, float]:
    """The spectrum for a point, its factors, and how far apart the two are that it lies between.

    The luminance by which a spectrum is chosen depends, weakly, on that spectrum: a second pass settles it.
    """
    calibration = evidence.calibration
    factors = evidence.latest_factors
    shift = 0.0
    choice = SpectrumChoice(SpectrumSource.NONE)
    for _ in range(2):
        luminance = photocurrent * factors.luminance_per_photocurrent if factors else nan
        choice = choose_spectrum(
            reading.index,
            reading.branch,
            luminance,
            evidence.candidates,
            reference=calibration.reference_factors is not None,
            assumed=calibration.assumed_factors is not None,
        )
        factors, shift = _factors_of(choice, evidence)
        if choice.source is not SpectrumSource.INTERPOLATED:
            break
    return choice, factors, shift


def _factors_of(choice: SpectrumChoice, evidence: Evidence) -> tuple[SpectralFactors[float] | None, float]:
    match choice.source:
        case SpectrumSource.NONE:
            return None, 0.0
        case SpectrumSource.ASSUMED:
            return evidence.calibration.assumed_factors, 0.0
        case SpectrumSource.REFERENCE:
            return evidence.calibration.reference_factors, 0.0
        case SpectrumSource.INTERPOLATED:
            lower, upper = evidence.factors_of(choice.index), evidence.factors_of(choice.index_upper)
            return blend_factors(lower, upper, choice.weight), spectral_shift(lower.kappa, upper.kappa)
        case _:
            return evidence.factors_of(choice.index), 0.0


def _spectra_for(
    index: IntArray, branch: npt.NDArray[np.bytes_], photocurrent: FloatArray, evidence: Evidence
) -> tuple[SpectrumChoices, SpectralFactors[FloatArray] | None, FloatArray]:
    """The spectra for many points: :func:`_spectrum_for` each of them."""
    calibration = evidence.calibration

    def chosen(luminance: FloatArray) -> SpectrumChoices:
        return choose_spectra(
            index,
            branch,
            luminance,
            evidence.candidates,
            reference=calibration.reference_factors is not None,
            assumed=calibration.assumed_factors is not None,
        )

    latest = evidence.latest_factors
    choices = chosen(photocurrent * (latest.luminance_per_photocurrent if latest else nan))
    factors, shift = _factors_of_all(choices, evidence)
    if factors is not None and choices.interpolated.any():
        again = chosen(photocurrent * factors.luminance_per_photocurrent)
        choices = choices.replaced(choices.interpolated, again)
        factors, shift = _factors_of_all(choices, evidence)
    return choices, factors, shift


def _factors_of_all(
    choices: SpectrumChoices, evidence: Evidence
) -> tuple[SpectralFactors[FloatArray] | None, FloatArray]:
    """The factors for many choices; a single spectrum is blended with itself, which leaves it as it is."""
    nowhere = np.zeros(choices.index.shape)
    if (choices.index >= 0).any():  # then all: who finds no spectrum of its branch takes one of the other
        lower = evidence.positions[choices.index]
        upper = np.where(choices.interpolated, evidence.positions[choices.index_upper], lower)
        weight = np.where(choices.interpolated, choices.weight, nowhere)
        one, other = factors_at(evidence.stacked, lower), factors_at(evidence.stacked, upper)
        return blend_factors(one, other, weight), spectral_shift(one.kappa, other.kappa)
    stand_in = evidence.calibration.reference_factors or evidence.calibration.assumed_factors
    return (factors_at(stacked([stand_in]), nowhere.astype(int)) if stand_in else None), nowhere


def _flags(signal: Q, time: Q, factors: SpectralFactors[Q] | None, shift: Q, evidence: Evidence) -> Any:
    """The bits of :class:`PointFlag` that follow from evaluating a point, or each of many."""
    bits = 0 if evidence.final else _PROVISIONAL
    truncated = factors.truncated * _TRUNCATED if factors else _NO_SPECTRUM
    dark = signal - evidence.dark_signal(time) < 3 * evidence.dark_deviation
    return bits | truncated | (shift > SPECTRAL_SHIFT_LIMIT) * _SHIFT | dark * _DARK


# Plain numbers: arithmetic with members of an enumeration takes microseconds
_PROVISIONAL, _TRUNCATED = int(PointFlag.EQE_PROVISIONAL), int(PointFlag.SPECTRUM_TRUNCATED)


_NO_SPECTRUM, _SHIFT, _DARK = int(PointFlag.NO_SPECTRUM), int(PointFlag.SPECTRAL_SHIFT), int(PointFlag.BELOW_DARK_NOISE)
