"""How well a point is known: the uncertainty budget of its quantities, and the meters' limits of error. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import fields
from math import inf, isfinite, nan
from typing import Generic, NamedTuple

import numpy as np

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.photometry.choice import SPECTRAL_SHIFT_LIMIT
from acquire.photometry.elementwise import Q, constant, finite, hypot, log10, quotient, where
from acquire.photometry.factors import SpectralFactors
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.uncertainty import (
    Budget,
    RelativeUncertainty,
    chromaticity_uncertainty,
    rectangular,
    relative_uncertainty,
)
from drivers import models
from drivers.specification import Span

#: Accuracy of chromaticity by the spectroradiometer, limits for illuminant A (CS-2000A data sheet).
CHROMATICITY_LIMIT = 0.0015

#: The derived quantities whose relative uncertainty a :class:`~acquire.photometry.uncertainty.Budget` gives.
_UNCERTAIN = {field.name: f"{field.name}_uncertainty" for field in fields(RelativeUncertainty)}


class Signals(NamedTuple, Generic[Q]):
    """What was measured of a point, or of each of many (n,), and the photocurrent behind the photodiode's signal.

    ``current`` [A], ``voltage`` [V], ``photodiode_signal`` [V] as the meter read it, with the dark signal in it;
    ``photocurrent`` [A] without.
    """

    current: Q
    voltage: Q
    photodiode_signal: Q
    photocurrent: Q


def uncertainties(
    values: Mapping[str, Q],
    signals: Signals[Q],
    factors: SpectralFactors[Q] | None,
    shift: Q,
    calibration: Calibration,
    dark_deviation: float,
) -> dict[str, Q]:
    """The standard uncertainty (k = 1) of each derived quantity of a point, or of each of many.

    ``values`` are the quantities by their names, ``factors`` those of the spectrum used and ``shift`` how far apart
    the two are that the point lies between; ``dark_deviation`` [V] that of a dark reading.
    """
    spread = relative_uncertainty(_budget(values, signals, factors, shift, calibration, dark_deviation))
    limit, wavelength = rectangular(CHROMATICITY_LIMIT), calibration.uncertainty.wavelength
    unknown = constant(nan, signals.photocurrent)
    return {
        **{spelled: in_units(getattr(spread, name), values[name]) for name, spelled in _UNCERTAIN.items()},
        "chromaticity_x_uncertainty": chromaticity_uncertainty(limit, factors.x_sensitivity, wavelength)
        if factors
        else unknown,
        "chromaticity_y_uncertainty": chromaticity_uncertainty(limit, factors.y_sensitivity, wavelength)
        if factors
        else unknown,
    }


def in_units(relative: Q, value: Q) -> Q:
    """A relative uncertainty in the unit of its value; NaN where it is infinite."""
    return where(finite(relative), relative, nan) * abs(value)


def _budget(
    values: Mapping[str, Q],
    signals: Signals[Q],
    factors: SpectralFactors[Q] | None,
    shift: Q,
    calibration: Calibration,
    dark_deviation: float,
) -> Budget[Q]:
    conditions, uncertainty, photodiode = calibration.conditions, calibration.uncertainty, calibration.photodiode
    return Budget(
        current=relative_limit(current_limit(signals.current, conditions), signals.current),
        voltage=device_voltage_uncertainty(signals, calibration),
        area=uncertainty.emissive_area / conditions.emissive_area,
        luminance_scale=uncertainty.luminance_scale,
        uniformity=uncertainty.uniformity,
        # A k_L from the very run is of this device in this place
        repositioning=0.0 if photodiode and photodiode.levels else uncertainty.repositioning,
        calibration=photodiode.relative_uncertainty if photodiode else 0.0,
        linearity=_linearity(values["luminance"], photodiode, uncertainty.linearity),
        responsivity=_shape(factors, photodiode),
        meter=_meter(signals, conditions, dark_deviation),
        wavelength=uncertainty.wavelength,
        # Without a spectrum it is not known what an error of the wavelength scale does.
        luminance_sensitivity=factors.luminance_sensitivity if factors else nan,
        eqe_sensitivity=factors.eqe_sensitivity if factors else nan,
        angular_factor=uncertainty.angular_factor,
        spectral_shift=where(shift > SPECTRAL_SHIFT_LIMIT, shift / 2, 0.0),
    )


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


def _shape(factors: SpectralFactors[Q] | None, photodiode: PhotodiodeCalibration | None) -> Q | float:
    """What R(lambda) leaves uncertain of a luminance whose light has moved from that by which k_L was fixed."""
    if factors is None or photodiode is None or not photodiode.shape_uncertainty:
        return 0.0
    return abs(factors.integrals.wavelength - photodiode.centroid) * photodiode.shape_uncertainty


def relative_limit(limit: Q, value: Q) -> Q:
    """The relative standard uncertainty behind a limit of error of a value; infinite of nothing."""
    return quotient(rectangular(limit), abs(value), (value != 0) & finite(value), inf)


def device_voltage_uncertainty(signals: Signals[Q], calibration: Calibration) -> Q:
    """Relative uncertainty of the voltage at the device: that of the meter, and of what is lost in the leads."""
    conditions = calibration.conditions
    device = conditions.device_voltage(signals.voltage, signals.current)
    limit = rectangular(voltage_limit(signals.voltage, conditions))
    if calibration.uncertainty.lead_resistance:
        limit = hypot(limit, abs(signals.current) * calibration.uncertainty.lead_resistance)
    return quotient(limit, abs(device), (device != 0) & finite(device), inf)


def _meter(signals: Signals[Q], conditions: Conditions, dark_deviation: float) -> Q:
    """Relative uncertainty of the dark-corrected signal: the meter's limits, and the scatter of the dark readings.

    The limit of error is that of what the meter read, the dark signal included. The meter's offset is in the dark
    readings as well and drops out on the same range; it is kept here all the same, because autorange may have
    changed the range in between.
    """
    signal = signals.photocurrent * conditions.transfer
    scatter = hypot(rectangular(photodiode_limit(signals.photodiode_signal, conditions)), dark_deviation)
    return quotient(scatter, abs(signal), (signal != 0) & finite(signals.photodiode_signal), inf)


# --- limits of error ---------------------------------------------------------------------------------------


def current_limit(current: Q, conditions: Conditions) -> Q:
    """The source-measure unit's limit of error of a current [A], or of each of many (n,); NaN for no number."""
    span = models.source_meter(conditions.source_meter).current
    return _limit(current, conditions.current_range, span, conditions.nplc)


def voltage_limit(voltage: Q, conditions: Conditions) -> Q:
    """The source-measure unit's limit of error of a voltage [V], or of each of many (n,); NaN for no number."""
    span = models.source_meter(conditions.source_meter).voltage
    return _limit(voltage, conditions.voltage_range, span, conditions.nplc)


def photodiode_limit(signal: Q, conditions: Conditions) -> Q:
    """The photodiode meter's limit of error of a signal as read [V, or A where it reads the photocurrent itself].

    Of one or of each of many (n,); NaN for no number.
    """
    span = models.multimeter(conditions.photodiode_meter).span(conditions.meter_unit)
    return _limit(signal, conditions.photodiode_range, span, conditions.photodiode_nplc)


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
    is_number = np.isfinite(value)
    smallest = np.array(span.ranges)[np.searchsorted(span.reaches, abs(value))]
    ranges = np.full(value.shape, fixed) if isfinite(fixed) else smallest
    for used in np.unique(ranges[is_number]).tolist():
        on_it = is_number & (ranges == used)
        limits[on_it] = span.limit_of_error(value[on_it], used, nplc)
    return limits
