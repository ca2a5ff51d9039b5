"""How well a point is known: the uncertainty budget of its quantities, and the meters' limits of error. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite, nan, sqrt
from typing import Generic, NamedTuple

from numpy import ndarray

from acquire.evaluation.calibration import LAMBERTIAN, Calibration, Conditions
from acquire.photometry.choice import SPECTRAL_SHIFT_LIMIT
from acquire.photometry.elementwise import Q, constant, either, every, finite, hypot, log10, quotient, where
from acquire.photometry.factors import SpectralFactors
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.uncertainty import (
    Budget,
    RelativeUncertainty,
    chromaticity_uncertainty,
    independent_uncertainty,
    rectangular,
    relative_uncertainty,
)

#: Accuracy of chromaticity by the spectroradiometer, limits for illuminant A (CS-2000A data sheet).
CHROMATICITY_LIMIT = 0.0015
_CHROMATICITY = rectangular(CHROMATICITY_LIMIT)

#: A count of the photodiode's meter as a share of its range: six and a half digits (Model 2000 specifications).
COUNT = 1e-6

#: Standard uncertainty of one reading of the spectroradiometer beside the noise of its samples: its repeatability
#: (CS-2000A data sheet).
REPEATABILITY = 0.0015

#: The derived quantities whose relative uncertainty a :class:`~acquire.photometry.uncertainty.Budget` gives.
_UNCERTAIN = RelativeUncertainty._fields
_TOGETHER = tuple(f"{name}_uncertainty" for name in _UNCERTAIN)
_INDEPENDENT = tuple(f"{name}_independent_uncertainty" for name in _UNCERTAIN)


class Signals(NamedTuple, Generic[Q]):
    """What was measured of a point, or of each of many (n,), and the photocurrent behind the photodiode's signal.

    ``current`` [A], ``voltage`` [V], ``photodiode_signal`` [V] as the meter read it, with the dark signal in it;
    ``photocurrent`` [A] without.
    """

    current: Q
    voltage: Q
    photodiode_signal: Q
    photocurrent: Q


class DarkScatter(NamedTuple):
    """The standard deviation of a dark reading [V], 0 when unknown, and of how many readings their mean is."""

    deviation: float = 0.0
    readings: int = 0


def uncertainties(
    values: Mapping[str, Q],
    signals: Signals[Q],
    factors: SpectralFactors[Q] | None,
    shift: Q,
    calibration: Calibration,
    dark: DarkScatter,
) -> dict[str, Q]:
    """The standard uncertainty (k = 1) of each derived quantity of a point, or of each of many.

    Of those that have a common part, the independent part as well. ``values`` are the quantities by their names,
    ``factors`` those of the spectrum used and ``shift`` how far apart the two are that the point lies between.
    """
    budget = point_budget(values["luminance"], signals, factors, shift, calibration, dark)
    sizes = [abs(values[name]) for name in _UNCERTAIN]
    found = dict(zip(_TOGETHER, _in_units(relative_uncertainty(budget), sizes), strict=True))
    found.update(zip(_INDEPENDENT, _in_units(independent_uncertainty(budget), sizes), strict=True))
    found["chromaticity_x_uncertainty"], found["chromaticity_y_uncertainty"] = _of_chromaticity(
        factors, calibration, signals
    )
    return found


def _of_chromaticity(factors: SpectralFactors[Q] | None, calibration: Calibration, signals: Signals[Q]) -> tuple[Q, Q]:
    if factors is None:
        unknown = constant(nan, signals.photocurrent)
        return unknown, unknown
    wavelength = calibration.uncertainty.wavelength
    x = chromaticity_uncertainty(_CHROMATICITY, factors.x_sensitivity, wavelength)
    return x, chromaticity_uncertainty(_CHROMATICITY, factors.y_sensitivity, wavelength)


def in_units(relative: Q, value: Q) -> Q:
    """A relative uncertainty in the unit of its value; NaN where it is infinite."""
    return where(relative < inf, relative, nan) * abs(value)


def _in_units(relative: Sequence[Q], sizes: Sequence[Q]) -> list[Q]:
    """The same for each of some uncertainties, the values without their signs."""
    if isinstance(sizes[0], ndarray):
        return [where(one < inf, one, nan) * size for one, size in zip(relative, sizes, strict=True)]
    return [one * size if one < inf else nan for one, size in zip(relative, sizes, strict=True)]


def point_budget(
    luminance: Q,
    signals: Signals[Q],
    factors: SpectralFactors[Q] | None,
    shift: Q,
    calibration: Calibration,
    dark: DarkScatter,
) -> Budget[Q]:
    """Where the uncertainty of a point comes from, or of each of many; arguments as of :func:`uncertainties`."""
    conditions, uncertainty, photodiode = calibration.conditions, calibration.uncertainty, calibration.photodiode
    by_geometry = photodiode is not None and photodiode.from_geometry
    signal = signals.photocurrent * conditions.transfer
    scatter = of_signal(dark.deviation, signal, signals)
    return Budget(
        current=relative_limit(current_limit(signals.current, conditions), signals.current),
        voltage=device_voltage_uncertainty(signals, calibration),
        leads=lead_uncertainty(signals, calibration),
        area=uncertainty.emissive_area / conditions.emissive_area,
        area_in_luminance=1.0 if by_geometry else 0.0,
        # First principles need no spectroradiometer for the scale
        luminance_scale=0.0 if by_geometry else uncertainty.luminance_scale,
        uniformity=uncertainty.uniformity,
        spot=0.0 if by_geometry else spot_uncertainty(conditions),
        # A k_L from the very run is of this device in this place
        repositioning=0.0 if photodiode and photodiode.levels else uncertainty.repositioning,
        calibration=photodiode.relative_uncertainty if photodiode else 0.0,
        linearity=_linearity(luminance, photodiode, uncertainty.linearity),
        responsivity=mismatch_uncertainty(factors, photodiode),
        meter=of_signal(rectangular(difference_limit(signals, signal, conditions, dark)), signal, signals),
        noise=scatter,
        dark=scatter / sqrt(max(dark.readings, 1)),
        wavelength=uncertainty.wavelength,
        # Without a spectrum it is not known what an error of the wavelength scale does.
        luminance_sensitivity=factors.luminance_sensitivity if factors else nan,
        eqe_sensitivity=factors.eqe_sensitivity if factors else nan,
        assumed_in_luminance=factors.assumed_in_luminance if factors else 0.0,
        assumed_in_eqe=factors.assumed_in_eqe if factors else 0.0,
        angular_factor=uncertainty.angular_factor,
        angular_factor_measured=conditions.angular_factor_source != LAMBERTIAN,
        spectral_shift=where(shift > SPECTRAL_SHIFT_LIMIT, shift / 2, 0.0),
        calibration_degrees_of_freedom=photodiode.degrees_of_freedom if photodiode else inf,
        dark_degrees_of_freedom=max(dark.readings - 1, 1) if dark.deviation else inf,
    )


def spot_uncertainty(conditions: Conditions) -> float:
    """Relative uncertainty of a luminance read with a spot that reaches beyond the pixel, taken to be a square.

    The dark share of the spot is the limit of error: by so much luminance is read too low, unless the edges are lit.
    """
    return rectangular(conditions.unfilled_share)


def _linearity(luminance: Q, photodiode: PhotodiodeCalibration | None, linearity: float) -> Q | float:
    """What is stated for the channel; below the lowest spectrum that fixed k_L once more for each decade.

    A spread of the spectra that is larger counts there in its place.
    """
    if photodiode is None or not photodiode.levels:
        return linearity
    below = (luminance > 0) & (luminance < photodiode.lowest)
    decades = log10(quotient(constant(photodiode.lowest, luminance), luminance, below, 1.0))
    a_decade = max(linearity, photodiode.spread) if isfinite(photodiode.spread) else linearity
    return hypot(decades * a_decade, linearity)


def relative_limit(limit: Q, value: Q) -> Q:
    """The relative standard uncertainty behind a limit of error of a value; infinite of nothing."""
    return quotient(rectangular(limit), abs(value), (value != 0) & finite(value), inf)


def device_voltage_uncertainty(signals: Signals[Q], calibration: Calibration) -> Q:
    """Relative uncertainty of the voltage at the device by the meter's limit of error."""
    return _of_device_voltage(rectangular(voltage_limit(signals.voltage, calibration.conditions)), signals, calibration)


def lead_uncertainty(signals: Signals[Q], calibration: Calibration) -> Q | float:
    """Relative uncertainty of the voltage at the device by what is lost in the leads; 0 where that is known."""
    resistance = calibration.uncertainty.lead_resistance
    return _of_device_voltage(abs(signals.current) * resistance, signals, calibration) if resistance else 0.0


def _of_device_voltage(volts: Q, signals: Signals[Q], calibration: Calibration) -> Q:
    device = calibration.conditions.device_voltage(signals.voltage, signals.current)
    return quotient(volts, abs(device), (device != 0) & finite(device), inf)


def difference_limit(signals: Signals[Q], signal: Q, conditions: Conditions, dark: DarkScatter) -> Q:
    """The photodiode meter's limit of error of what it read less what it read in the dark [V; A of a current].

    Its offset is in both and drops out where both were read on one range, but for a count of the display; the share
    of the reading is that of all that was read, the dark signal included.
    """
    read, limits = signals.photodiode_signal, conditions.photodiode_limits
    limit = limits(read)
    if not dark.readings:
        return limit
    without_light = read - signal
    used = limits.used(read)
    one_range = used == limits.used(without_light)
    difference = limit - limits.offset(used) + COUNT * used
    if every(one_range):
        return difference
    return either(one_range, difference, hypot(limit, limits(without_light)))


def of_signal(deviation: Q | float, signal: Q, signals: Signals[Q]) -> Q:
    """An uncertainty [V] relative to the dark-corrected signal."""
    return quotient(deviation, abs(signal), (signal != 0) & finite(signals.photodiode_signal), inf)


def mismatch_uncertainty(factors: SpectralFactors[Q] | None, photodiode: PhotodiodeCalibration | None) -> Q | float:
    """What an uncertain R(lambda) leaves uncertain of a luminance whose light is not that by which k_L was fixed."""
    if factors is None or photodiode is None:
        return 0.0
    if photodiode.shape_uncertainty:
        return abs(factors.integrals.wavelength - photodiode.centroid) * photodiode.shape_uncertainty
    return factors.responsivity_sensitivity * photodiode.responsivity_uncertainty


# --- limits of error ---------------------------------------------------------------------------------------


def current_limit(current: Q, conditions: Conditions) -> Q:
    """The source-measure unit's limit of error of a current [A], or of each of many (n,); NaN for no number."""
    return conditions.current_limits(current)


def voltage_limit(voltage: Q, conditions: Conditions) -> Q:
    """The source-measure unit's limit of error of a voltage [V], or of each of many (n,); NaN for no number."""
    return conditions.voltage_limits(voltage)


def photodiode_limit(signal: Q, conditions: Conditions) -> Q:
    """The photodiode meter's limit of error of a signal as read [V, or A where it reads the photocurrent itself].

    Of one or of each of many (n,); NaN for no number.
    """
    return conditions.photodiode_limits(signal)


def photodiode_step(conditions: Conditions) -> float:
    """The resolution of the photodiode's meter [V; A of a current] on its fixed range, or on its smallest."""
    span, fixed = conditions.photodiode_limits.span, conditions.photodiode_range
    return span.steps[fixed if isfinite(fixed) else min(span.ranges)]
