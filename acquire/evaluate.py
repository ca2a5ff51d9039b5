"""From a reading and a calibration to luminance, efficiencies and colour. Pure.

The same function evaluates a point while the sweep runs, when only earlier spectra and the first dark readings
are known, and afterwards, when all are: only the :class:`Evaluation` handed to it differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from math import inf, isfinite, nan, sqrt
from statistics import fmean, stdev
from typing import Any, Self

import numpy as np

from acquire.figures import Figure, JVLCurve, SpectrumFigures, figures_of_merit
from acquire.photometry import luminous
from acquire.photometry.choice import (
    SPECTRAL_SHIFT_LIMIT,
    SpectrumCandidate,
    SpectrumChoice,
    SpectrumSource,
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
from acquire.photometry.factors import SpectralFactors, blend_factors, spectral_factors
from acquire.photometry.photodiode import PhotodiodeCalibration, dark_at
from acquire.photometry.spectra import signal_to_noise
from acquire.photometry.uncertainty import (
    Budget,
    chromaticity_uncertainty,
    rectangular,
    relative_uncertainty,
)
from acquire.records import Branch, DarkReading, FloatArray, PointFlag, Reading, Record, Spectrum
from drivers import timing

#: Accuracy of chromaticity by the spectroradiometer, limits for illuminant A (CS-2000A data sheet).
CHROMATICITY_LIMIT = 0.0015


@dataclass(frozen=True)
class Calibration:
    """What turns signals into light, and how well it is known. SI units; standard uncertainties (k = 1).

    ``photodiode_scale`` and ``responsivity`` (401,) [A/W] are those of
    :class:`~acquire.photometry.photodiode.PhotodiodeCalibration`; NaN and empty without one. ``*_range`` are the
    meters' fixed ranges, NaN for autorange. ``reference_spectrum`` and ``assumed_spectrum`` (401,), any scale,
    stand in until a spectrum is measured; empty when there is none.
    """

    emissive_area: float = field(metadata={"unit": "m^2"})
    amplifier_gain: float = field(metadata={"unit": "V/A"})
    identification: str = ""
    method: str = ""
    emissive_area_uncertainty: float = field(default=0.0, metadata={"unit": "m^2"})
    photodiode_scale: float = field(default=nan, metadata={"unit": "cd/(m^2 W)"})
    photodiode_scale_slope: float = field(default=0.0, metadata={"unit": "1/nm"})
    responsivity: FloatArray = field(default_factory=lambda: np.empty(0), metadata={"unit": "A/W"})
    reference_spectrum: FloatArray = field(default_factory=lambda: np.empty(0), metadata={"unit": "1"})
    assumed_spectrum: FloatArray = field(default_factory=lambda: np.empty(0), metadata={"unit": "1"})
    forward_factor: float = field(default=1.0, metadata={"unit": "1"})
    forward_factor_source: str = "assumed 1 (Lambertian)"
    forward_factor_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    luminance_scale_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    uniformity_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    repositioning_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    calibration_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    linearity_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    wavelength_uncertainty: float = field(default=0.0, metadata={"unit": "nm"})
    voltage_range: float = field(default=nan, metadata={"unit": "V"})
    current_range: float = field(default=nan, metadata={"unit": "A"})
    photodiode_range: float = field(default=nan, metadata={"unit": "V"})
    nplc: float = field(default=1.0, metadata={"unit": "1"})
    photodiode_nplc: float = field(default=1.0, metadata={"unit": "1"})

    @cached_property
    def photodiode(self) -> PhotodiodeCalibration | None:
        """The photodiode's calibration, None when the bench has none."""
        if not isfinite(self.photodiode_scale):
            return None
        responsivity = self.responsivity if self.responsivity.size else None
        return PhotodiodeCalibration(self.photodiode_scale, responsivity, self.photodiode_scale_slope)

    @cached_property
    def reference_factors(self) -> SpectralFactors | None:
        """Factors of the reference spectrum, None without one."""
        return self._factors(self.reference_spectrum)

    @cached_property
    def assumed_factors(self) -> SpectralFactors | None:
        """Factors of the assumed spectrum, None without one."""
        return self._factors(self.assumed_spectrum)

    def _factors(self, spectrum: FloatArray) -> SpectralFactors | None:
        return spectral_factors(spectrum, self.photodiode) if spectrum.size else None

    def described(self) -> dict[str, tuple[Any, str]]:
        """Every field as (value, unit), for a file; texts have no unit."""
        return {f.name: (getattr(self, f.name), f.metadata.get("unit", "")) for f in fields(self)}

    @classmethod
    def from_described(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild a calibration from the values of :meth:`described`; unknown names are ignored."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


@dataclass(frozen=True)
class DarkLevel:
    """Mean and standard deviation of the photodiode signal without light [V], and when [s]."""

    time: float
    signal: float
    deviation: float


def dark_level(readings: Sequence[DarkReading]) -> DarkLevel | None:
    """Summarise dark readings; None when none of them is a number."""
    good = [reading for reading in readings if isfinite(reading.photodiode_signal)]
    if not good:
        return None
    signals = [reading.photodiode_signal for reading in good]
    deviation = stdev(signals) if len(signals) > 1 else 0.0
    return DarkLevel(fmean(reading.time for reading in good), fmean(signals), deviation)


@dataclass(frozen=True)
class _Taken:
    candidate: SpectrumCandidate
    factors: SpectralFactors


@dataclass(frozen=True)
class Evaluation:
    """All that is known at one moment besides a reading itself."""

    calibration: Calibration
    dark_before: DarkLevel | None = None
    dark_after: DarkLevel | None = None
    taken: tuple[_Taken, ...] = ()
    final: bool = False

    def with_dark(self, readings: Sequence[DarkReading]) -> Evaluation:
        """This evaluation after dark readings; those before the sweep and those after it are kept apart."""
        before = dark_level([reading for reading in readings if not reading.after])
        after = dark_level([reading for reading in readings if reading.after])
        return replace(self, dark_before=before or self.dark_before, dark_after=after or self.dark_after)

    def with_spectrum(self, spectrum: Spectrum) -> Evaluation:
        """This evaluation after one more spectrum; one without visible light changes nothing."""
        try:
            factors = spectral_factors(spectrum.spectral_radiance, self.calibration.photodiode)
        except ValueError:
            return self
        light = self.photocurrent(spectrum.photodiode_signal, spectrum.start) * factors.luminance_per_photocurrent
        luminance = light if light > 0.0 else spectrum.luminance
        defects = spectrum_defects(
            signal_to_noise(spectrum.spectral_radiance), luminance_ratio=spectrum.luminance / luminance
        )
        candidate = SpectrumCandidate(
            spectrum.index, spectrum.point_index, spectrum.branch, luminance, spectrum.drift, usable=not defects
        )
        return replace(self, taken=(*self.taken, _Taken(candidate, factors)))

    @cached_property
    def candidates(self) -> tuple[SpectrumCandidate, ...]:
        """The spectra to choose from."""
        return tuple(taken.candidate for taken in self.taken)

    def factors_of(self, index: int) -> SpectralFactors:
        """The factors of the spectrum with this index."""
        return next(taken.factors for taken in self.taken if taken.candidate.index == index)

    def dark_signal(self, time: float) -> float:
        """The photodiode's dark signal at a moment [V]: on the line through the readings before and after."""
        before, after = self.dark_before, self.dark_after
        if before is None or after is None:
            known = before or after
            return known.signal if known else 0.0
        return dark_at(time, (before.time, before.signal), (after.time, after.signal))

    @cached_property
    def dark_deviation(self) -> float:
        """Standard deviation of a dark reading [V], 0 when unknown."""
        levels = [level.deviation for level in (self.dark_before, self.dark_after) if level]
        return max(levels, default=0.0)

    def photocurrent(self, signal: float, time: float) -> float:
        """Photocurrent [A] behind an amplifier voltage [V] read at ``time`` [s]."""
        return (signal - self.dark_signal(time)) / self.calibration.amplifier_gain


def evaluate(reading: Reading, evaluation: Evaluation) -> Record:
    """Compute what can be known of one point now, but for the uncertainties: see :func:`with_uncertainties`.

    J = I/A, L = s C I[S V]/I[S R], CE = L/J, PE = pi CE F/V, EQE = kappa CE F; the spectrum S by the rule of
    :func:`~acquire.photometry.choice.choose_spectrum`.
    """
    calibration = evaluation.calibration
    photocurrent = evaluation.photocurrent(reading.photodiode_signal, reading.time)
    choice, factors, shift = _spectrum_for(reading, photocurrent, evaluation)
    density = current_density(reading.current, calibration.emissive_area)
    luminance = photocurrent * _luminance_per_photocurrent(factors, calibration)
    efficiency = current_efficiency(luminance, density)
    return Record(
        reading,
        reading.flags | _flags(reading, factors, shift, evaluation),
        density,
        luminance,
        efficiency,
        power_efficiency(efficiency, reading.voltage, calibration.forward_factor),
        eqe_from_luminance(efficiency, factors.kappa, calibration.forward_factor) if factors else nan,
        *((factors.chromaticity_x, factors.chromaticity_y) if factors else (nan, nan)),
        spectrum_source=choice.source.value,
        spectrum_index=choice.index,
        spectrum_index_upper=choice.index_upper,
        spectrum_weight=choice.weight,
        lg_distance=choice.lg_distance,
    )


def with_uncertainties(record: Record, evaluation: Evaluation) -> Record:
    """A record as :func:`evaluate` made it, with the standard uncertainty of each of its quantities.

    A function of its own, because no decision of a sweep waits for it: while the next point is being measured
    there is time for it.
    """
    calibration, reading = evaluation.calibration, record.reading
    photocurrent = evaluation.photocurrent(reading.photodiode_signal, reading.time)
    source = SpectrumSource(record.spectrum_source)
    choice = SpectrumChoice(source, record.spectrum_index, record.spectrum_index_upper, record.spectrum_weight)
    factors, shift = _factors_of(choice, evaluation)
    spread = relative_uncertainty(_budget(reading, photocurrent, factors, shift, evaluation))
    x, y = _colour_uncertainty(factors, calibration) if factors else (nan, nan)
    return replace(
        record,
        current_density_uncertainty=_absolute(spread.current_density, record.current_density),
        luminance_uncertainty=_absolute(spread.luminance, record.luminance),
        current_efficiency_uncertainty=_absolute(spread.current_efficiency, record.current_efficiency),
        power_efficiency_uncertainty=_absolute(spread.power_efficiency, record.power_efficiency),
        external_quantum_efficiency_uncertainty=_absolute(
            spread.external_quantum_efficiency, record.external_quantum_efficiency
        ),
        chromaticity_x_uncertainty=x,
        chromaticity_y_uncertainty=y,
    )


def _luminance_per_photocurrent(factors: SpectralFactors | None, calibration: Calibration) -> float:
    """L per photocurrent [cd m^-2 A^-1]; a luminance factor without responsivity needs no spectrum for it."""
    if factors is not None:
        return factors.luminance_per_photocurrent
    photodiode = calibration.photodiode
    return photodiode.scale if photodiode is not None and photodiode.responsivity is None else nan


def _colour_uncertainty(factors: SpectralFactors, calibration: Calibration) -> tuple[float, float]:
    limit, wavelength = rectangular(CHROMATICITY_LIMIT), calibration.wavelength_uncertainty
    return (
        chromaticity_uncertainty(limit, factors.x_sensitivity, wavelength),
        chromaticity_uncertainty(limit, factors.y_sensitivity, wavelength),
    )


def _spectrum_for(
    reading: Reading, photocurrent: float, evaluation: Evaluation
) -> tuple[SpectrumChoice, SpectralFactors | None, float]:
    """The spectrum for a point, its factors, and how far apart the two are that it lies between.

    The luminance by which a spectrum is chosen depends, weakly, on that spectrum: a second pass settles it.
    """
    calibration = evaluation.calibration
    factors = evaluation.taken[-1].factors if evaluation.taken else None
    factors = factors or calibration.reference_factors or calibration.assumed_factors
    shift = 0.0
    choice = SpectrumChoice(SpectrumSource.NONE)
    for _ in range(2):
        luminance = photocurrent * factors.luminance_per_photocurrent if factors else nan
        choice = choose_spectrum(
            reading.index,
            reading.branch,
            luminance,
            evaluation.candidates,
            reference=calibration.reference_factors is not None,
            assumed=calibration.assumed_factors is not None,
        )
        factors, shift = _factors_of(choice, evaluation)
        if choice.source is not SpectrumSource.INTERPOLATED:
            break
    return choice, factors, shift


def _factors_of(choice: SpectrumChoice, evaluation: Evaluation) -> tuple[SpectralFactors | None, float]:
    match choice.source:
        case SpectrumSource.NONE:
            return None, 0.0
        case SpectrumSource.ASSUMED:
            return evaluation.calibration.assumed_factors, 0.0
        case SpectrumSource.REFERENCE:
            return evaluation.calibration.reference_factors, 0.0
        case SpectrumSource.INTERPOLATED:
            lower, upper = evaluation.factors_of(choice.index), evaluation.factors_of(choice.index_upper)
            return blend_factors(lower, upper, choice.weight), spectral_shift(lower.kappa, upper.kappa)
        case _:
            return evaluation.factors_of(choice.index), 0.0


def _flags(reading: Reading, factors: SpectralFactors | None, shift: float, evaluation: Evaluation) -> PointFlag:
    flags = PointFlag.NONE if evaluation.final else PointFlag.EQE_PROVISIONAL
    if factors is None:
        flags |= PointFlag.NO_SPECTRUM
    elif factors.truncated:
        flags |= PointFlag.SPECTRUM_TRUNCATED
    if shift > SPECTRAL_SHIFT_LIMIT:
        flags |= PointFlag.SPECTRAL_SHIFT
    if reading.photodiode_signal - evaluation.dark_signal(reading.time) < 3 * evaluation.dark_deviation:
        flags |= PointFlag.BELOW_DARK_NOISE
    return flags


def _absolute(relative: float, value: float) -> float:
    return relative * abs(value) if isfinite(relative) else nan


def _budget(
    reading: Reading, photocurrent: float, factors: SpectralFactors | None, shift: float, evaluation: Evaluation
) -> Budget:
    calibration = evaluation.calibration
    signal = photocurrent * calibration.amplifier_gain
    return Budget(
        current=_share(_current_limit(reading.current, calibration), reading.current),
        voltage=_share(_voltage_limit(reading.voltage, calibration), reading.voltage),
        area=calibration.emissive_area_uncertainty / calibration.emissive_area,
        luminance_scale=calibration.luminance_scale_uncertainty,
        uniformity=calibration.uniformity_uncertainty,
        repositioning=calibration.repositioning_uncertainty,
        calibration=calibration.calibration_uncertainty,
        linearity=calibration.linearity_uncertainty,
        meter=_meter(reading.photodiode_signal, signal, evaluation),
        wavelength=calibration.wavelength_uncertainty,
        # Without a spectrum nobody knows what an error of the wavelength scale does.
        luminance_sensitivity=factors.luminance_sensitivity if factors else nan,
        eqe_sensitivity=factors.eqe_sensitivity if factors else nan,
        forward_factor=calibration.forward_factor_uncertainty,
        spectral_shift=shift / 2 if shift > SPECTRAL_SHIFT_LIMIT else 0.0,
    )


def _share(limit: float, value: float) -> float:
    return rectangular(limit) / abs(value) if value and isfinite(value) else inf


def _meter(raw: float, signal: float, evaluation: Evaluation) -> float:
    """Relative uncertainty of the dark-corrected signal: the meter's limits, and the scatter of the dark readings.

    The meter's offset is in the dark readings as well and drops out on the same range; it is kept here all the
    same, because autorange may have changed the range in between.
    """
    if not signal or not isfinite(raw):
        return inf
    calibration = evaluation.calibration
    limit = _dmm_limit(raw, calibration)
    return sqrt(rectangular(limit) ** 2 + evaluation.dark_deviation**2) / abs(signal)


def _used_range(value: float, fixed: float, ranges: Sequence[float], full_scale: float) -> float:
    if isfinite(fixed):
        return fixed
    return timing.smallest_range(min(abs(value), ranges[-1] * full_scale), ranges, full_scale)


def _current_limit(value: float, calibration: Calibration) -> float:
    if not isfinite(value):
        return nan
    used = _used_range(value, calibration.current_range, timing.SMU_CURRENT_RANGES, timing.SMU_FULL_SCALE)
    return timing.smu_current_limit_of_error(value, used, calibration.nplc)


def _voltage_limit(value: float, calibration: Calibration) -> float:
    if not isfinite(value):
        return nan
    used = _used_range(value, calibration.voltage_range, timing.SMU_VOLTAGE_RANGES, timing.SMU_FULL_SCALE)
    return timing.smu_voltage_limit_of_error(value, used, calibration.nplc)


def _dmm_limit(value: float, calibration: Calibration) -> float:
    used = _used_range(value, calibration.photodiode_range, timing.DMM_VOLTAGE_RANGES, 1.2)
    return timing.dmm_voltage_limit_of_error(value, used, nplc=calibration.photodiode_nplc)


def described_spectrum(spectrum: Spectrum) -> Spectrum:
    """The spectrum with luminance, chromaticity, peak and width computed from it; NaN where there is no light."""
    luminance = luminous.luminance(spectrum.spectral_radiance)
    try:
        factors = spectral_factors(spectrum.spectral_radiance)
    except ValueError:
        return replace(spectrum, luminance=luminance)
    return replace(
        spectrum,
        luminance=luminance,
        x=factors.chromaticity_x,
        y=factors.chromaticity_y,
        peak_wavelength=factors.peak_wavelength,
        fwhm=factors.fwhm,
    )


def evaluate_run(
    readings: Sequence[Reading],
    dark: Sequence[DarkReading],
    spectra: Iterable[Spectrum],
    calibration: Calibration,
) -> list[Record]:
    """The final records of a run: every spectrum and both sets of dark readings are known."""
    evaluation = final_evaluation(dark, spectra, calibration)
    return [with_uncertainties(evaluate(reading, evaluation), evaluation) for reading in readings]


def final_evaluation(dark: Sequence[DarkReading], spectra: Iterable[Spectrum], calibration: Calibration) -> Evaluation:
    """The evaluation that knows a whole run."""
    evaluation = Evaluation(calibration, final=True).with_dark(dark)
    for spectrum in spectra:
        evaluation = evaluation.with_spectrum(spectrum)
    return evaluation


def cautions(records: Sequence[Record], dark: Sequence[DarkReading]) -> list[str]:
    """What the readings themselves say against a run."""
    signals = [reading.photodiode_signal for reading in dark if isfinite(reading.photodiode_signal)]
    if len(signals) < 2:
        return []
    faint = min(signals) - 10 * stdev(signals)
    below = sum(record.reading.photodiode_signal < faint for record in records)
    if below < FEW_POINTS:
        return []
    return [
        f"{below} points have less light than the dark readings: "
        "did the device shine at the dark level, or did stray light change?"
    ]


def contact_cautions(
    readings: Sequence[Reading], dark: Sequence[DarkReading], calibration: Calibration, source_unit: str
) -> list[str]:
    """What says that no device was contacted: voltage, but nowhere a current that can be told from zero.

    With a current source (``source_unit`` A) the voltage is that of the compliance, from the first level on.
    """
    driven = [reading for reading in readings if reading.source_level and isfinite(reading.current)]
    reached = max((abs(reading.voltage) for reading in driven if isfinite(reading.voltage)), default=0.0)
    if reached < LEAST_VOLTAGE or not all(_no_current(reading, dark, calibration) for reading in driven):
        return []
    if source_unit == "V":
        return [f"no current flowed up to {reached:.3g} V: is the device contacted?"]
    if not all(reading.flags & _IN_COMPLIANCE for reading in driven):
        return []
    return [f"in compliance from the first level on: no current flowed at {reached:.3g} V: is the device contacted?"]


def _no_current(reading: Reading, dark: Sequence[DarkReading], calibration: Calibration) -> bool:
    """Whether a current is within the meter's limit of error and the scatter of the dark readings of zero."""
    currents = [one.current for one in dark if isfinite(one.current)]
    noise = stdev(currents) if len(currents) > 1 else 0.0
    return abs(reading.current) <= _current_limit(reading.current, calibration) + 3 * noise


#: Below this an intact device may carry next to nothing: visible light takes 1.6 eV to 3.3 eV, V.
LEAST_VOLTAGE = 2.0

_IN_COMPLIANCE = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE

#: So many points may stray below the dark readings without anybody being told.
FEW_POINTS = 3


def figures_of_run(
    records: Sequence[Record],
    spectra: Sequence[Spectrum],
    dark: Sequence[DarkReading],
    calibration: Calibration,
) -> dict[str, Figure]:
    """The figures of merit of a finished sweep, from its final records."""
    evaluation = final_evaluation(dark, spectra, calibration)
    usable = {candidate.index for candidate in evaluation.candidates if candidate.usable}
    lines = [SpectrumFigures(s.luminance, s.x, s.y, s.peak_wavelength, s.fwhm) for s in spectra if s.index in usable]
    return figures_of_merit(
        _curve(records, Branch.FORWARD, evaluation),
        _curve(records, Branch.REVERSE, evaluation),
        lines,
    )


def _curve(records: Sequence[Record], branch: Branch, evaluation: Evaluation) -> JVLCurve | None:
    """One branch as columns; points where the limit, not the level, decided are left out."""
    limited = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE | PointFlag.OVER_RANGE
    chosen = [r for r in records if r.reading.branch is branch and not r.flags & limited]
    if not chosen:
        return None
    noise = [
        evaluation.dark_deviation / evaluation.calibration.amplifier_gain * _per_photocurrent(r, evaluation)
        for r in chosen
    ]
    columns = {"voltage": [r.reading.voltage for r in chosen], "luminance_noise": noise}
    names = [f.name for f in fields(JVLCurve) if f.name not in columns]
    columns |= {name: [getattr(r, name) for r in chosen] for name in names}
    return JVLCurve(**{name: np.array(values, dtype=float) for name, values in columns.items()})


def _per_photocurrent(record: Record, evaluation: Evaluation) -> float:
    photocurrent = evaluation.photocurrent(record.reading.photodiode_signal, record.reading.time)
    return record.luminance / photocurrent if photocurrent else 0.0
