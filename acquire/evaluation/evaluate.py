"""From a reading and a calibration to luminance, efficiencies and colour. Pure.

The same function evaluates a point while the sweep runs, when only earlier spectra and the first dark readings
are known, and afterwards, when all are: only the :class:`Evidence` handed to it differs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import inf, isfinite, nan
from statistics import fmean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.evaluation.calibration import Calibration
from acquire.evaluation.figures import Figure, JVLCurve, SpectrumFigures, figures_of_merit
from acquire.photometry import luminous
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
from acquire.photometry.elementwise import IntArray, Q, constant, finite, hypot, quotient, where
from acquire.photometry.factors import SpectralFactors, blend_factors, factors_at, spectral_factors, stacked
from acquire.photometry.photodiode import dark_at, photocurrent
from acquire.photometry.spectra import signal_to_noise
from acquire.photometry.uncertainty import (
    Budget,
    RelativeUncertainty,
    chromaticity_uncertainty,
    rectangular,
    relative_uncertainty,
)
from acquire.records import (
    DERIVED,
    READING_FLAGS,
    Branch,
    Columns,
    DarkReading,
    FloatArray,
    PointFlag,
    Reading,
    Record,
    Spectrum,
)
from drivers import models
from drivers.specification import Span

#: Accuracy of chromaticity by the spectroradiometer, limits for illuminant A (CS-2000A data sheet).
CHROMATICITY_LIMIT = 0.0015


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
    factors: SpectralFactors[float]


@dataclass(frozen=True)
class Evidence:
    """All that is known at one moment besides a reading itself."""

    calibration: Calibration
    dark_before: DarkLevel | None = None
    dark_after: DarkLevel | None = None
    taken: tuple[_Taken, ...] = ()
    final: bool = False

    def with_dark(self, readings: Sequence[DarkReading]) -> Evidence:
        """This evaluation after dark readings; those before the sweep and those after it are kept apart."""
        before = dark_level([reading for reading in readings if not reading.after])
        after = dark_level([reading for reading in readings if reading.after])
        return replace(self, dark_before=before or self.dark_before, dark_after=after or self.dark_after)

    def with_spectrum(self, spectrum: Spectrum) -> Evidence:
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

    def factors_of(self, index: int) -> SpectralFactors[float]:
        """The factors of the spectrum with this index."""
        return next(taken.factors for taken in self.taken if taken.candidate.index == index)

    @cached_property
    def latest_factors(self) -> SpectralFactors[float] | None:
        """The factors of the last spectrum, or of one that stands in."""
        calibration = self.calibration
        measured = self.taken[-1].factors if self.taken else None
        return measured or calibration.reference_factors or calibration.assumed_factors

    @cached_property
    def stacked(self) -> SpectralFactors[FloatArray]:
        """The factors of all spectra taken, as arrays."""
        return stacked([taken.factors for taken in self.taken])

    @cached_property
    def positions(self) -> IntArray:
        """Where the spectrum with an index stands among those taken."""
        indices = [candidate.index for candidate in self.candidates]
        positions = np.zeros(max(indices) + 1, int)
        positions[indices] = range(len(indices))
        return positions

    def dark_signal(self, time: Q) -> Q | float:
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

    def photocurrent(self, signal: Q, time: Q) -> Q:
        """Photocurrent [A] behind an amplifier voltage [V] read at ``time`` [s]."""
        return photocurrent(signal, self.dark_signal(time), self.calibration.amplifier_gain)


def evaluate(reading: Reading, evidence: Evidence) -> Record:
    """Compute what can be known of one point now, but for the uncertainties: see :func:`with_uncertainties`.

    J = I/A, L = s C I[S V]/I[S R], CE = L/J, PE = pi CE F/V, EQE = kappa CE F; the spectrum S by the rule of
    :func:`~acquire.photometry.choice.choose_spectrum`.
    """
    photocurrent = evidence.photocurrent(reading.photodiode_signal, reading.time)
    choice, factors, shift = _spectrum_for(reading, photocurrent, evidence)
    return Record(
        reading,
        PointFlag(int(reading.flags) | _flags(reading.photodiode_signal, reading.time, factors, shift, evidence)),
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
    signals = reading.current, reading.voltage, reading.photodiode_signal, reading.time
    return Record(  # `replace` would take as long as all the rest
        reading,
        record.flags,
        **values,
        **_uncertainties(values, *signals, factors, shift, evidence),
        spectrum_source=record.spectrum_source,
        spectrum_index=record.spectrum_index,
        spectrum_index_upper=record.spectrum_index_upper,
        spectrum_weight=record.spectrum_weight,
        log10_distance=record.log10_distance,
    )


def evaluate_run(points: Columns, evidence: Evidence) -> Columns:
    """The final values of a run's points, as :func:`evaluate` and :func:`with_uncertainties` compute them for one.

    ``points`` are the columns of the readings and their flags, a row a point (n,), of which the values do not
    depend on more than ``evidence`` and the row itself; so a few thousand are computed at a time, and the memory
    beside the result stays the same however many they are.
    """
    count = len(points["time"])
    block = max(_LARGEST_BLOCK // max(len(evidence.taken), _COLUMNS_AT_ONCE), 1)
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
    values = _quantities(current, voltage, photocurrent, factors, evidence.calibration)
    return {
        **values,
        **_uncertainties(values, current, voltage, signal, time, factors, shift, evidence),
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
    density = current_density(current, calibration.emissive_area)
    luminance = photocurrent * _luminance_per_photocurrent(factors, calibration)
    efficiency = current_efficiency(luminance, density)
    forward, unknown = calibration.forward_factor, constant(nan, photocurrent)
    return {
        "current_density": density,
        "luminance": luminance,
        "current_efficiency": efficiency,
        "power_efficiency": power_efficiency(efficiency, voltage, forward),
        "external_quantum_efficiency": eqe_from_luminance(efficiency, factors.kappa, forward) if factors else unknown,
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


#: The derived quantities whose relative uncertainty a :class:`~acquire.photometry.uncertainty.Budget` gives.
_UNCERTAIN = {field.name: f"{field.name}_uncertainty" for field in fields(RelativeUncertainty)}


def _uncertainties(
    values: Mapping[str, Q],
    current: Q,
    voltage: Q,
    raw: Q,
    time: Q,
    factors: SpectralFactors[Q] | None,
    shift: Q,
    evidence: Evidence,
) -> dict[str, Q]:
    """The standard uncertainty (k = 1) of each derived quantity of a point, or of each of many."""
    signal = evidence.photocurrent(raw, time) * evidence.calibration.amplifier_gain
    spread = relative_uncertainty(_budget(current, voltage, raw, signal, factors, shift, evidence))
    limit, wavelength = rectangular(CHROMATICITY_LIMIT), evidence.calibration.wavelength_uncertainty
    unknown = constant(nan, signal)
    return {
        **{spelled: _absolute(getattr(spread, name), values[name]) for name, spelled in _UNCERTAIN.items()},
        "chromaticity_x_uncertainty": chromaticity_uncertainty(limit, factors.x_sensitivity, wavelength)
        if factors
        else unknown,
        "chromaticity_y_uncertainty": chromaticity_uncertainty(limit, factors.y_sensitivity, wavelength)
        if factors
        else unknown,
    }


def _absolute(relative: Q, value: Q) -> Q:
    return where(finite(relative), relative, nan) * abs(value)


def _budget(
    current: Q,
    voltage: Q,
    raw: Q,
    signal: Q,
    factors: SpectralFactors[Q] | None,
    shift: Q,
    evidence: Evidence,
) -> Budget[Q]:
    calibration = evidence.calibration
    meter = models.source_meter(calibration.source_meter)
    return Budget(
        current=_share(_limit(current, calibration.current_range, meter.current, calibration.nplc), current),
        voltage=_share(_limit(voltage, calibration.voltage_range, meter.voltage, calibration.nplc), voltage),
        area=calibration.emissive_area_uncertainty / calibration.emissive_area,
        luminance_scale=calibration.luminance_scale_uncertainty,
        uniformity=calibration.uniformity_uncertainty,
        repositioning=calibration.repositioning_uncertainty,
        calibration=calibration.calibration_uncertainty,
        linearity=calibration.linearity_uncertainty,
        meter=_meter(raw, signal, evidence),
        wavelength=calibration.wavelength_uncertainty,
        # Without a spectrum nobody knows what an error of the wavelength scale does.
        luminance_sensitivity=factors.luminance_sensitivity if factors else nan,
        eqe_sensitivity=factors.eqe_sensitivity if factors else nan,
        forward_factor=calibration.forward_factor_uncertainty,
        spectral_shift=where(shift > SPECTRAL_SHIFT_LIMIT, shift / 2, 0.0),
    )


def _share(limit: Q, value: Q) -> Q:
    return quotient(rectangular(limit), abs(value), (value != 0) & finite(value), inf)


def _meter(raw: Q, signal: Q, evidence: Evidence) -> Q:
    """Relative uncertainty of the dark-corrected signal: the meter's limits, and the scatter of the dark readings.

    The meter's offset is in the dark readings as well and drops out on the same range; it is kept here all the
    same, because autorange may have changed the range in between.
    """
    calibration = evidence.calibration
    span = models.multimeter(calibration.photodiode_meter).voltage
    limit = _limit(raw, calibration.photodiode_range, span, calibration.photodiode_nplc)
    scatter = hypot(rectangular(limit), evidence.dark_deviation)
    return quotient(scatter, abs(signal), (signal != 0) & finite(raw), inf)


def _limit(value: Q, fixed: float, span: Span, nplc: float) -> Q:
    """The limit of error of a reading on the ``fixed`` range, or on the smallest that holds it; NaN for no number.

    Of many readings, those on the same range are taken together.
    """
    if not isinstance(value, np.ndarray):
        if not isfinite(value):
            return nan
        used = fixed if isfinite(fixed) else span.ranges[bisect_left(span.reaches, abs(value))]
        limit: float = span.limit_of_error(value, used, nplc)
        return limit
    limits = np.full(value.shape, nan)
    known = np.isfinite(value)
    smallest = np.array(span.ranges)[np.searchsorted(span.reaches, abs(value))]
    ranges = np.full(value.shape, fixed) if isfinite(fixed) else smallest
    for used in np.unique(ranges[known]).tolist():
        on_it = known & (ranges == used)
        limits[on_it] = span.limit_of_error(value[on_it], used, nplc)
    return limits


def with_colorimetry(spectrum: Spectrum) -> Spectrum:
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


def final_evaluation(dark: Sequence[DarkReading], spectra: Iterable[Spectrum], calibration: Calibration) -> Evidence:
    """The evaluation that knows a whole run."""
    evidence = Evidence(calibration, final=True).with_dark(dark)
    for spectrum in spectra:
        evidence = evidence.with_spectrum(spectrum)
    return evidence


def cautions(points: Columns, dark: Sequence[DarkReading]) -> list[str]:
    """What the readings themselves say against a run."""
    signals = [reading.photodiode_signal for reading in dark if isfinite(reading.photodiode_signal)]
    if len(signals) < 2:
        return []
    faint = min(signals) - 10 * stdev(signals)
    below = int((points["photodiode_signal"] < faint).sum())
    if below < FEW_POINTS:
        return []
    return [
        f"{below} points have less light than the dark readings: "
        "did the device shine at the dark level, or did stray light change?"
    ]


def contact_cautions(
    points: Columns, dark: Sequence[DarkReading], calibration: Calibration, source_unit: str
) -> list[str]:
    """What says that no device was contacted: voltage, but nowhere a current that can be told from zero.

    With a current source (``source_unit`` A) the voltage is that of the compliance, from the first level on.
    """
    driven = (points["source_level"] != 0.0) & np.isfinite(points["current"])
    current, voltages = points["current"][driven], points["voltage"][driven]
    # Forward only: in reverse an intact diode carries next to nothing
    reached = float(np.max(voltages[np.isfinite(voltages)], initial=0.0))
    if reached < LEAST_VOLTAGE or (np.abs(current) > _least_current(current, dark, calibration)).any():
        return []
    if source_unit == "V":
        return [f"no current flowed up to {reached:.3g} V: is the device contacted?"]
    if not (points["flags"][driven] & int(_IN_COMPLIANCE)).all():
        return []
    return [f"in compliance from the first level on: no current flowed at {reached:.3g} V: is the device contacted?"]


def _least_current(current: FloatArray, dark: Sequence[DarkReading], calibration: Calibration) -> FloatArray:
    """What can be told from zero [A] (n,): the meter's limit of error and the scatter of the dark readings."""
    currents = [reading.current for reading in dark if isfinite(reading.current)]
    noise = stdev(currents) if len(currents) > 1 else 0.0
    span = models.source_meter(calibration.source_meter).current
    return _limit(current, calibration.current_range, span, calibration.nplc) + 3.0 * noise


#: Below this an intact device may carry next to nothing: visible light takes 1.6 eV to 3.3 eV, V.
LEAST_VOLTAGE = 2.0


_IN_COMPLIANCE = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE


#: So many points may stray below the dark readings without anybody being told.
FEW_POINTS = 3


def figures_of_run(points: Columns, spectra: Sequence[Spectrum], evidence: Evidence) -> dict[str, Figure]:
    """The figures of merit of a finished sweep: ``points`` its columns with the final values, (n,) each."""
    usable = {candidate.index for candidate in evidence.candidates if candidate.usable}
    lines = [SpectrumFigures(s.luminance, s.x, s.y, s.peak_wavelength, s.fwhm) for s in spectra if s.index in usable]
    return figures_of_merit(
        _curve(points, Branch.FORWARD, evidence),
        _curve(points, Branch.REVERSE, evidence),
        lines,
    )


def _curve(points: Columns, branch: Branch, evidence: Evidence) -> JVLCurve | None:
    """One branch; points where the limit, not the level, decided are left out."""
    limited = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE | PointFlag.OVER_RANGE
    chosen = (points["branch"] == branch.encode()) & (points["flags"] & int(limited) == 0)
    if not chosen.any():
        return None
    columns = {name: points[name][chosen] for name in _CURVE_COLUMNS}
    signal, time = points["photodiode_signal"][chosen], points["time"][chosen]
    return JVLCurve(**columns, luminance_noise=_luminance_noise(columns["luminance"], signal, time, evidence))


_CURVE_COLUMNS = [field.name for field in fields(JVLCurve) if field.name != "luminance_noise"]


def _luminance_noise(luminance: FloatArray, signal: FloatArray, time: FloatArray, evidence: Evidence) -> FloatArray:
    """The scatter of the dark readings as a luminance [cd/m^2] at each point (n,)."""
    light = evidence.photocurrent(signal, time)
    per_photocurrent = quotient(luminance, light, light != 0, 0.0)
    return evidence.dark_deviation / evidence.calibration.amplifier_gain * per_photocurrent
