"""From a reading and a calibration to luminance, efficiencies and colour. Pure.

The same function evaluates a point while the sweep runs, when only earlier spectra and the first dark readings
are known, and afterwards, when all are: only the :class:`Evidence` handed to it differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from acquire.evaluation.budget import Signals, point_budget, uncertainties
from acquire.evaluation.evidence import NO_SPECTRUM_HERE, Absolute, DarkLevel, Evidence, dark_level
from acquire.evaluation.routes import absolute_budget, route_uncertainties
from acquire.photometry.choice import (
    NO_SPECTRUM,
    SPECTRAL_SHIFT_LIMIT,
    SpectrumChoice,
    SpectrumChoices,
    SpectrumSource,
    choose_spectra,
    choose_spectrum,
    only,
    spectral_shift,
)
from acquire.photometry.efficiency import (
    current_density,
    current_efficiency,
    eqe_from_luminance,
    power_efficiency,
)
from acquire.photometry.elementwise import IntArray, Q, Truth, constant, quotient, unless
from acquire.photometry.factors import SpectralFactors, blend_factors, factors_at, known_only, stacked
from acquire.photometry.photodiode import AT_LIMIT, PhotodiodeCalibration, below_dark_noise
from acquire.photometry.uncertainty import Budget
from acquire.records import (
    READING_FLAGS,
    ROUTES,
    Columns,
    FloatArray,
    PointFlag,
    Reading,
    Record,
)

__all__ = [
    "Basis",
    "DarkLevel",
    "Evidence",
    "dark_level",
    "evaluate",
    "evaluate_run",
    "evaluated",
    "with_uncertainties",
]


class Basis(NamedTuple):
    """What a record follows from besides its reading, and its uncertainties as well."""

    signals: Signals[float]
    factors: SpectralFactors[float] | None
    shift: float
    absolute: Absolute[float]


def evaluate(reading: Reading, evidence: Evidence) -> Record:
    """Compute what can be known of one point now, but for the uncertainties: see :func:`with_uncertainties`.

    J = I/A, L = s C I[S V]/I[S R], CE = L/J, PE = pi CE F/V, EQE = kappa CE F; the spectrum S by the rule of
    :func:`~acquire.photometry.choice.choose_spectrum`. No efficiencies where the light is lost in the dark noise.
    """
    return evaluated(reading, evidence)[0]


def evaluated(reading: Reading, evidence: Evidence) -> tuple[Record, Basis]:
    """The same, with what :func:`with_uncertainties` would have to find out once more."""
    photocurrent = evidence.photocurrent(reading.photodiode_signal, reading.time)
    choice, factors, shift = _spectrum_for(reading, photocurrent, evidence)
    absolute, dark = _absolute(choice, evidence), _is_dark(photocurrent, evidence)
    missing = evidence.awaits_spectrum
    record = Record(
        reading=reading,
        flags=PointFlag(
            int(reading.flags)
            | _flags(factors, shift, dark, missing, evidence)
            | _at_limit(reading.photodiode_signal, evidence)
        ),
        **_quantities(reading.current, reading.voltage, photocurrent, factors, absolute, dark, evidence),
        spectrum_source=choice.source.value,
        spectrum_index=choice.index,
        spectrum_index_upper=choice.index_upper,
        spectrum_weight=choice.weight,
        log10_distance=choice.log10_distance,
    )
    return record, Basis(_signals(reading, photocurrent), factors, shift, absolute)


def with_uncertainties(record: Record, evidence: Evidence, basis: Basis | None = None) -> Record:
    """A record as :func:`evaluate` made it, with the standard uncertainty of each of its quantities.

    A function of its own, because no decision of a sweep waits for it: while the next point is being measured
    there is time for it. ``basis`` is that of the record where it is at hand.
    """
    values = record._asdict()
    values.update(_uncertainties(values, *(basis or _basis_of(record, evidence)), evidence))
    return Record._make(values.values())  # in their order: names for each would take twice as long


def _basis_of(record: Record, evidence: Evidence) -> Basis:
    source = SpectrumSource(record.spectrum_source)
    choice = SpectrumChoice(source, record.spectrum_index, record.spectrum_index_upper, record.spectrum_weight)
    photocurrent = evidence.photocurrent(record.reading.photodiode_signal, record.reading.time)
    return Basis(_signals(record.reading, photocurrent), *_factors_of(choice, evidence), _absolute(choice, evidence))


def _signals(reading: Reading, photocurrent: float) -> Signals[float]:
    return Signals(reading.current, reading.voltage, reading.photodiode_signal, photocurrent)


def budget_at(points: Columns, row: int, evidence: Evidence) -> Budget[float]:
    """Where the uncertainty of one of a run's points comes from; ``points`` as :func:`evaluate_run` completes them."""
    one = {name: points[name][row].item() for name in _OF_A_BUDGET}
    source = SpectrumSource(one["spectrum_source"].decode())
    choice = SpectrumChoice(source, one["spectrum_index"], one["spectrum_index_upper"], one["spectrum_weight"])
    factors, shift = _factors_of(choice, evidence)
    photocurrent = evidence.photocurrent(one["photodiode_signal"], one["time"])
    signals = Signals(one["current"], one["voltage"], one["photodiode_signal"], photocurrent)
    if evidence.alone and factors is not None:
        return absolute_budget(signals, factors, _absolute(choice, evidence), evidence.calibration)
    return point_budget(one["luminance"], signals, factors, shift, evidence.in_use, evidence.dark_scatter)


_OF_A_BUDGET = (
    "luminance",
    "time",
    "current",
    "voltage",
    "photodiode_signal",
    "spectrum_source",
    "spectrum_index",
    "spectrum_index_upper",
    "spectrum_weight",
)


def evaluate_run(points: Columns, evidence: Evidence, first_index: int = 0) -> Columns:
    """The final values of a run's points, as :func:`evaluate` and :func:`with_uncertainties` compute them for one.

    ``points`` are the columns of the readings and their flags, a row a point (n,), the first of which has the number
    ``first_index`` in the run, of which the values do not
    depend on more than ``evidence`` and the row itself; so a few thousand are computed at a time, and the memory
    beside the result stays the same however many they are.
    """
    count = len(points["time"])
    block = max(_LARGEST_BLOCK // max(len(evidence.spectra), _COLUMNS_AT_ONCE), 1)
    final: dict[str, npt.NDArray[Any]] = {}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # missing numbers stay missing
        for first in range(0, max(count, 1), block):
            rows = slice(first, first + block)
            for name, values in _final_values(points, rows, evidence, first_index).items():
                if name not in final:
                    final[name] = np.empty(count, values.dtype)
                final[name][rows] = values
    return final


#: Numbers at work at once: a block of points times the spectra that each of them chooses from.
_LARGEST_BLOCK = 1 << 18


_COLUMNS_AT_ONCE = 50


def _final_values(points: Columns, rows: slice, evidence: Evidence, first_index: int) -> dict[str, npt.NDArray[Any]]:
    """The final values of some rows."""
    current, voltage, signal, time = (
        points[name][rows] for name in ("current", "voltage", "photodiode_signal", "time")
    )
    index = np.arange(rows.start, rows.start + len(time)) + first_index
    photocurrent = evidence.photocurrent(signal, time)
    choices, factors, shift = _spectra_for(index, points["branch"][rows], points["cycle"][rows], photocurrent, evidence)
    absolute, dark = _absolute_of_all(choices, evidence), _is_dark(photocurrent, evidence)
    missing = ~choices.measured if evidence.alone else evidence.awaits_spectrum
    signals = Signals(current, voltage, signal, photocurrent)
    values = _quantities(current, voltage, photocurrent, factors, absolute, dark, evidence)
    derived = _flags(factors, shift, dark, missing, evidence) | _at_limit(signal, evidence)
    return {
        **values,
        **_uncertainties(values, signals, factors, shift, absolute, evidence),
        "flags": (points["flags"][rows] & int(READING_FLAGS)) | derived,
        "spectrum_source": choices.source,
        "spectrum_index": choices.index,
        "spectrum_index_upper": choices.index_upper,
        "spectrum_weight": choices.weight,
        "log10_distance": choices.log10_distance,
    }


_ROUTE_UNCERTAINTIES = tuple(f"{name}_uncertainty" for name in ROUTES)


def _quantities(
    current: Q,
    voltage: Q,
    photocurrent: Q,
    factors: SpectralFactors[Q] | None,
    absolute: Absolute[Q],
    dark: Truth,
    evidence: Evidence,
) -> dict[str, Q]:
    """The derived quantities of a point, or of each of many."""
    conditions = evidence.calibration.conditions
    density = current_density(conditions.emitted_current(current), conditions.emissive_area)
    voltage = conditions.device_voltage(voltage, current)
    angular, unknown = conditions.angular_factor, constant(nan, photocurrent)
    by_photodiode = photocurrent * luminance_per_photocurrent(factors, evidence.compared)
    spectral = _by_spectrum(by_photodiode, density, absolute, angular)
    if evidence.alone:
        luminance, quantum_efficiency = absolute.luminance, spectral["spectral_external_quantum_efficiency"]
        efficiency = current_efficiency(luminance, density)
    else:
        luminance = by_photodiode
        efficiency = unless(dark, current_efficiency(luminance, density), nan)
        quantum_efficiency = eqe_from_luminance(efficiency, factors.kappa, angular) if factors else unknown
    return {
        "current_density": density,
        "luminance": luminance,
        "current_efficiency": efficiency,
        "power_efficiency": power_efficiency(efficiency, voltage, conditions.luminous_angular_factor),
        "external_quantum_efficiency": quantum_efficiency,
        "chromaticity_x": factors.chromaticity_x if factors else unknown,
        "chromaticity_y": factors.chromaticity_y if factors else unknown,
        **spectral,
    }


def _by_spectrum(by_photodiode: Q, density: Q, absolute: Absolute[Q], angular: float) -> dict[str, Q]:
    """What a spectrum of its own says of a point, or of each of many, and the photodiode's luminance beside it."""
    if absolute is NO_SPECTRUM_HERE:
        return dict.fromkeys(ROUTES, absolute.luminance)
    return {
        "spectral_luminance": absolute.luminance,
        "spectral_external_quantum_efficiency": quotient(absolute.photons * angular, density, density > 0, nan),
        "route_difference": quotient(by_photodiode, absolute.luminance, absolute.luminance > 0, nan) - 1,
    }


def _uncertainties(
    values: Mapping[str, Q],
    signals: Signals[Q],
    factors: SpectralFactors[Q] | None,
    shift: Q,
    absolute: Absolute[Q],
    evidence: Evidence,
) -> dict[str, Q]:
    """The standard uncertainty of each of the :func:`_quantities`."""
    calibration, noise = evidence.in_use, evidence.dark_scatter
    by_photodiode = uncertainties(values, signals, factors, shift, calibration, noise)
    if factors is None or absolute is NO_SPECTRUM_HERE:
        unknown = constant(nan, signals.photocurrent)
        return by_photodiode | dict.fromkeys(_ROUTE_UNCERTAINTIES, unknown)
    return by_photodiode | route_uncertainties(values, signals, factors, absolute, evidence)


def luminance_per_photocurrent(
    factors: SpectralFactors[Q] | None, photodiode: PhotodiodeCalibration | None
) -> Q | float:
    """L per photocurrent [cd m^-2 A^-1]; a luminance factor without responsivity needs no spectrum for it."""
    if factors is not None and factors.calibration is photodiode:
        return factors.luminance_per_photocurrent
    if photodiode is None:
        return nan
    if photodiode.responsivity is None:
        return photodiode.scale
    return photodiode.scale * factors.integrals.visible / factors.integrals.response if factors else nan


def _spectrum_for(
    reading: Reading, photocurrent: float, evidence: Evidence
) -> tuple[SpectrumChoice, SpectralFactors[float] | None, float]:
    """The spectrum for a point, its factors, and how far apart the two are that it lies between.

    The luminance by which a spectrum is chosen depends, weakly, on that spectrum: a second pass settles it.
    """
    calibration = evidence.in_use
    factors = evidence.latest_factors
    shift = 0.0
    choice = NO_SPECTRUM
    for _ in range(2):
        luminance = photocurrent * factors.luminance_per_photocurrent if factors else nan
        choice = choose_spectrum(
            reading.index,
            reading.branch,
            luminance,
            evidence.candidates,
            cycle=reading.cycle,
            reference=calibration.reference_factors is not None,
            assumed=calibration.assumed_factors is not None,
        )
        factors, shift = _factors_of(choice, evidence)
        if choice.source is not SpectrumSource.INTERPOLATED:
            break
    if evidence.alone and choice.source is not SpectrumSource.MEASURED:
        return NO_SPECTRUM, None, 0.0
    return choice, factors, shift


def _factors_of(choice: SpectrumChoice, evidence: Evidence) -> tuple[SpectralFactors[float] | None, float]:
    match choice.source:
        case SpectrumSource.NONE:
            return None, 0.0
        case SpectrumSource.ASSUMED:
            return evidence.in_use.assumed_factors, 0.0
        case SpectrumSource.REFERENCE:
            return evidence.in_use.reference_factors, 0.0
        case SpectrumSource.INTERPOLATED:
            lower, upper = evidence.factors_of(choice.index), evidence.factors_of(choice.index_upper)
            return blend_factors(lower, upper, choice.weight), spectral_shift(lower.kappa, upper.kappa)
        case _:
            return evidence.factors_of(choice.index), 0.0


def _spectra_for(
    index: IntArray, branch: npt.NDArray[np.bytes_], cycle: IntArray, photocurrent: FloatArray, evidence: Evidence
) -> tuple[SpectrumChoices, SpectralFactors[FloatArray] | None, FloatArray]:
    """The spectra for many points: :func:`_spectrum_for` each of them."""
    calibration = evidence.in_use

    def chosen(luminance: FloatArray) -> SpectrumChoices:
        return choose_spectra(
            index,
            branch,
            luminance,
            evidence.candidates,
            cycle=cycle,
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
    if evidence.alone and factors is not None:
        measured = choices.measured
        return only(choices, measured), known_only(factors, measured), np.where(measured, shift, 0.0)
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
    stand_in = evidence.in_use.reference_factors or evidence.in_use.assumed_factors
    return (factors_at(stacked([stand_in]), nowhere.astype(int)) if stand_in else None), nowhere


def _absolute(choice: SpectrumChoice, evidence: Evidence) -> Absolute[float]:
    """What a spectrum of this very point says by itself."""
    measured = choice.source is SpectrumSource.MEASURED
    return evidence.absolute_of(choice.index) if measured else NO_SPECTRUM_HERE


def _absolute_of_all(choices: SpectrumChoices, evidence: Evidence) -> Absolute[FloatArray]:
    """What a spectrum of its own says of each of many points."""
    measured = choices.measured
    if not measured.any():
        return Absolute(*(np.full(measured.shape, nan) for _ in Absolute._fields))
    at = evidence.positions[np.where(measured, choices.index, evidence.candidates[0].index)]
    return Absolute(*(np.where(measured, column[at], nan) for column in evidence.stacked_absolute))


def _is_dark(photocurrent: Q, evidence: Evidence) -> Truth:
    """Whether what light there is cannot be told from the scatter of the dark readings."""
    return below_dark_noise(photocurrent, evidence.dark_photocurrent)


def _flags(factors: SpectralFactors[Q] | None, shift: Q, dark: Truth, missing: Truth, evidence: Evidence) -> Any:
    """The bits of :class:`PointFlag` that follow from evaluating a point, or each of many.

    ``missing``: no spectrum has come from which a luminance could follow here.
    """
    if evidence.without_light:
        return 0 * dark
    bits = 0 if evidence.final else _PROVISIONAL
    truncated = factors.truncated * _TRUNCATED if factors else _NO_SPECTRUM
    return bits | truncated | missing * _NO_SPECTRUM | (shift > SPECTRAL_SHIFT_LIMIT) * _SHIFT | dark * _DARK


def _at_limit(signal: Q, evidence: Evidence) -> Any:
    """The bit of a photodiode's amplifier that is at the limit which the bench gives."""
    return (abs(signal) >= evidence.calibration.conditions.amplifier_limit * (1 - AT_LIMIT)) * _AMPLIFIER


# Plain numbers: arithmetic with members of an enumeration takes microseconds
_PROVISIONAL, _TRUNCATED = int(PointFlag.EQE_PROVISIONAL), int(PointFlag.SPECTRUM_TRUNCATED)


_AMPLIFIER = int(PointFlag.AMPLIFIER_LIMIT)


_NO_SPECTRUM, _SHIFT, _DARK = int(PointFlag.NO_SPECTRUM), int(PointFlag.SPECTRAL_SHIFT), int(PointFlag.BELOW_DARK_NOISE)
