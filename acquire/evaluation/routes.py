"""Two ways to one luminance: the photodiode by a relative spectrum, and the spectrum by itself. Pure.

Photodiode: L = s C I[S V]/I[S R] and EQE = kappa CE F. Spectrum: L = K_m I[L_lambda V] and
EQE = pi e F I[L_lambda lambda]/(h c J), in which V(lambda) and with it most of the wavelength scale drops out.
A point with a spectrum of its own has both; what they differ by concerns luminance and EQE alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isfinite, log, nan
from statistics import fmean

from acquire.evaluation.budget import (
    REPEATABILITY,
    Signals,
    current_limit,
    device_voltage_uncertainty,
    in_units,
    lead_uncertainty,
    mismatch_uncertainty,
    of_signal,
    photodiode_limit,
    relative_limit,
    spot_uncertainty,
)
from acquire.evaluation.calibration import LAMBERTIAN, Calibration
from acquire.evaluation.evidence import Absolute, Evidence, MeasuredSpectrum
from acquire.photometry.elementwise import Q, constant, finite, hypot, quotient, where
from acquire.photometry.factors import SpectralFactors
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.uncertainty import Budget, independent_uncertainty, rectangular, relative_uncertainty


def absolute_budget(
    signals: Signals[Q], factors: SpectralFactors[Q], absolute: Absolute[Q], calibration: Calibration
) -> Budget[Q]:
    """Where the uncertainty of what a spectrum says by itself comes from; neither photodiode nor amplifier enters.

    Of an error of the wavelength scale EQE keeps 1/lambda only, luminance what V(lambda) does.
    """
    conditions, uncertainty, integrals = calibration.conditions, calibration.uncertainty, factors.integrals
    more_in_photons = absolute.photon_noise**2 - absolute.luminance_noise**2
    return Budget(
        current=relative_limit(current_limit(signals.current, conditions), signals.current),
        voltage=device_voltage_uncertainty(signals, calibration),
        leads=lead_uncertainty(signals, calibration),
        area=uncertainty.emissive_area / conditions.emissive_area,
        luminance_scale=uncertainty.luminance_scale,
        uniformity=uncertainty.uniformity,
        spot=spot_uncertainty(conditions),
        linearity=uncertainty.linearity,
        meter=constant(0.0, signals.current),
        repeatability=REPEATABILITY,
        noise=absolute.luminance_noise,
        drift=rectangular(absolute.drift / 2),
        quantum_noise=where(more_in_photons > 0, more_in_photons, 0.0) ** 0.5,
        wavelength=uncertainty.wavelength,
        luminance_sensitivity=integrals.visible_slope / integrals.visible,
        eqe_sensitivity=1 / integrals.wavelength,
        angular_factor=uncertainty.angular_factor,
        angular_factor_measured=conditions.angular_factor_source != LAMBERTIAN,
    )


def route_uncertainties(
    values: Mapping[str, Q],
    signals: Signals[Q],
    factors: SpectralFactors[Q],
    absolute: Absolute[Q],
    evidence: Evidence,
) -> dict[str, Q]:
    """The standard uncertainty of what the spectrum of a point says by itself, and of the difference of both routes.

    ``values`` by their names. Where spectra alone count, that of luminance and efficiencies as well.
    """
    calibration, photodiode = evidence.calibration, evidence.compared
    budget = absolute_budget(signals, factors, absolute, calibration)
    relative = relative_uncertainty(budget)
    found = {
        "spectral_luminance": in_units(relative.luminance, values["spectral_luminance"]),
        "spectral_external_quantum_efficiency": in_units(
            relative.external_quantum_efficiency, values["spectral_external_quantum_efficiency"]
        ),
        "route_difference": constant(nan, signals.photocurrent),
    }
    if photodiode is not None:
        between = difference_uncertainty(signals, factors, absolute, photodiode, calibration, evidence.dark_deviation)
        found["route_difference"] = in_units(between, values["route_difference"] + 1)
    if evidence.alone:
        scatter = independent_uncertainty(budget)
        found |= {name: in_units(getattr(relative, name), values[name]) for name in _BY_LIGHT}
        found |= {f"{name}_independent": in_units(getattr(scatter, name), values[name]) for name in _BY_LIGHT}
    return {f"{name}_uncertainty": value for name, value in found.items()}


_BY_LIGHT = ("luminance", "current_efficiency", "power_efficiency", "external_quantum_efficiency")


def difference_uncertainty(
    signals: Signals[Q],
    factors: SpectralFactors[Q],
    absolute: Absolute[Q],
    photodiode: PhotodiodeCalibration,
    calibration: Calibration,
    dark_deviation: float,
) -> Q:
    """Return the relative standard uncertainty (k = 1) of the photodiode's luminance over the spectrum's.

    Only what the two do not share: see :func:`common_uncertainty`. ``photodiode`` is the one that is compared.
    """
    own = hypot(
        _meter(signals, calibration, dark_deviation),
        absolute.luminance_noise,
        absolute.photon_noise,  # the photodiode sees as wide a band of the spectrum in I[S R]
        rectangular(absolute.drift / 2),
        REPEATABILITY,
        calibration.uncertainty.linearity,
    )
    return hypot(own, common_uncertainty(factors, photodiode, calibration))


def common_uncertainty(factors: SpectralFactors[Q], photodiode: PhotodiodeCalibration, calibration: Calibration) -> Q:
    """Return the part of :func:`difference_uncertainty` that all points of a run share.

    Statistics of C, R(lambda), spot, and what an error of the wavelength scale does to the photodiode's luminance
    beside that of both; position, where C is not from this run; the absolute scale and the area where C is from
    geometry.
    """
    uncertainty, integrals = calibration.uncertainty, factors.integrals
    slope = photodiode.scale_slope - quotient(
        integrals.response_slope, integrals.response, finite(integrals.response), 0.0
    )
    by_geometry = photodiode.from_geometry
    area = uncertainty.emissive_area / calibration.conditions.emissive_area
    return hypot(
        slope * uncertainty.wavelength,
        photodiode.relative_uncertainty,
        0.0 if photodiode.levels else hypot(uncertainty.uniformity, spot_uncertainty(calibration.conditions)),
        0.0 if photodiode.levels else uncertainty.repositioning,
        uncertainty.luminance_scale if by_geometry else 0.0,
        area if by_geometry else 0.0,
        mismatch_uncertainty(factors, photodiode),
    )


def _meter(signals: Signals[Q], calibration: Calibration, dark_deviation: float) -> Q:
    """What meter and dark scatter leave of the light at one point, as a share of it."""
    conditions = calibration.conditions
    scatter = hypot(rectangular(photodiode_limit(signals.photodiode_signal, conditions)), dark_deviation)
    return of_signal(scatter, signals.photocurrent * conditions.transfer, signals)


# --- k_L of the run -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LuminanceFactorOfRun:
    """k_L [cd m^-2 A^-1] by the spectra of a run, and what gain and calibration file had led to expect.

    ``uncertainty`` is the relative standard uncertainty of k_L, from ``levels`` spectra; ``expected`` NaN where no
    calibration file says anything. ``ratio`` k_L over the expected one, and the relative standard uncertainty of the
    ratio (k = 1).
    """

    factor: float
    uncertainty: float
    levels: int
    expected: float = nan
    ratio: float = nan
    ratio_uncertainty: float = nan

    @property
    def checked(self) -> bool:
        """Whether there was something to hold it against."""
        return isfinite(self.ratio)


def luminance_factor_of_run(evidence: Evidence) -> LuminanceFactorOfRun | None:
    """Return k_L of the run, for the mean spectrum of those behind it, whatever the route; None without spectra for it.

    k_L = exp(mean ln(L_i/s_i)), held against exp(mean ln) of what the calibration file gives for the same spectra.
    """
    fitted, given = evidence.by_spectra, evidence.calibration.photodiode
    if fitted is None:
        return None
    levels = evidence.calibrating
    shape = exp(fmean(log(_visible_per_response(one)) for one in levels))
    factor = fitted.scale * shape
    found = LuminanceFactorOfRun(factor, fitted.relative_uncertainty, fitted.levels)
    if given is None:
        return found
    expected = float(given.scale) * (1.0 if given.responsivity is None else shape)
    beside = common_uncertainty(levels[0].factors, given.for_comparing, evidence.calibration)
    return LuminanceFactorOfRun(
        factor,
        fitted.relative_uncertainty,
        fitted.levels,
        expected,
        factor / expected,
        hypot(fitted.relative_uncertainty, beside, REPEATABILITY, evidence.calibration.uncertainty.linearity),
    )


def _visible_per_response(one: MeasuredSpectrum) -> float:
    return one.factors.integrals.visible / one.factors.integrals.response
