"""The uncertainty budget of one point (JCGM 100:2008, doi 10.59161/JCGM100-2008E).

Relative standard uncertainties (k = 1) in the covariance of natural logarithms: luminance and current density
enter CE, PE and EQE alike, so these are three statements of nearly one error, not three confirmations.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, Generic, NamedTuple

from acquire.photometry.elementwise import Q, hypot, hypot_of

_ZERO: Any = 0.0  # of one point or of many
_SQRT_3 = sqrt(3)


def rectangular(limit: Q) -> Q:
    """Return u = a/sqrt(3), the standard uncertainty behind limits +-a of unknown distribution."""
    return limit / _SQRT_3


def relative_area_uncertainty(width: float, height: float, edge_uncertainty: float) -> float:
    """Return u(A)/A of a rectangle whose sides [m] are each uncertain by ``edge_uncertainty`` [m]."""
    return hypot(edge_uncertainty / width, edge_uncertainty / height)


class Budget(NamedTuple, Generic[Q]):
    """Where the uncertainty of a point, or of each of many, comes from: relative unless a unit is given, k = 1.

    ``leads`` is what the resistance of the leads leaves open of the device's voltage.
    ``area_in_luminance`` is 1 where luminance goes with 1/A as current density does, 0 where A does not enter it.
    ``meter`` is the limit of error of the photodiode's meter, ``noise`` the scatter of one of its readings, ``dark``
    that of the mean of the dark readings; ``calibration`` the statistics of k_L, ``responsivity`` what R(lambda)
    leaves uncertain of the mismatch; ``luminance_scale`` the absolute scale of the spectroradiometer, ``uniformity``
    that of the emission within its spot, ``spot`` how much of it lies beyond the pixel, ``repeatability`` that of one
    of its readings, ``drift`` how much the light changed meanwhile, ``quantum_noise`` what the noise of a spectrum
    adds in EQE to that in luminance; ``wavelength`` [nm] the wavelength scale with the sensitivities d ln L/d lambda
    and d ln EQE/d lambda [1/nm] (see :class:`~acquire.photometry.factors.SpectralFactors`; the latter is c_L + c_kappa
    when luminance and spectrum share one wavelength scale); ``assumed_in_luminance`` and ``assumed_in_eqe`` what an
    assumed spectrum leaves open of the line's shape in each, one error with two signs; ``angular_factor`` that of F,
    limits unless it is measured; ``spectral_shift`` half the relative difference of kappa between the two spectra a
    point lies between.
    ``*_degrees_of_freedom`` are those of a standard deviation from few readings, infinite elsewhere.
    """

    current: Q = _ZERO
    voltage: Q | float = 0.0
    leads: Q | float = 0.0
    area: float = 0.0
    area_in_luminance: float = 0.0
    luminance_scale: float = 0.0
    uniformity: float = 0.0
    spot: float = 0.0
    repositioning: float = 0.0
    calibration: float = 0.0
    linearity: Q | float = 0.0
    responsivity: Q | float = 0.0
    meter: Q = _ZERO
    noise: Q | float = 0.0
    dark: Q | float = 0.0
    repeatability: float = 0.0
    drift: Q | float = 0.0
    quantum_noise: Q | float = 0.0
    wavelength: float = 0.0
    luminance_sensitivity: Q | float = 0.0
    eqe_sensitivity: Q | float = 0.0
    assumed_in_luminance: Q | float = 0.0
    assumed_in_eqe: Q | float = 0.0
    angular_factor: float = 0.0
    angular_factor_measured: bool = False
    spectral_shift: Q | float = 0.0
    calibration_degrees_of_freedom: float = inf
    dark_degrees_of_freedom: float = inf


class RelativeUncertainty(NamedTuple, Generic[Q]):
    """Relative standard uncertainties (k = 1) of the quantities of a point, or of each of many."""

    current_density: Q
    luminance: Q
    current_efficiency: Q
    power_efficiency: Q
    external_quantum_efficiency: Q


def relative_uncertainty(budget: Budget[Q]) -> RelativeUncertainty[Q]:
    """Combine a budget.

    u^2(J) = u^2(I) + u^2(A); u^2(L) = light terms + (c_L u_lambda)^2; u^2(CE) = u^2(L) + u^2(J), but for an area that
    enters L as it does J, which drops out;
    u^2(PE) = u^2(CE) + u^2(V) + u^2(F); u^2(EQE) = light terms + (c_EQE u_lambda)^2 + u^2(J) + u^2(F) + shift.
    """
    root, light = hypot_of(budget.meter), _light(budget)
    by_wavelength = root(light, budget.luminance_sensitivity * budget.wavelength, budget.assumed_in_luminance)
    per_charge = root(budget.current, (1 - budget.area_in_luminance) * budget.area)
    efficiency = root(by_wavelength, per_charge)
    wavelength_in_eqe = budget.eqe_sensitivity * budget.wavelength
    return RelativeUncertainty(
        current_density=root(budget.current, budget.area),
        luminance=root(by_wavelength, budget.area_in_luminance * budget.area),
        current_efficiency=efficiency,
        power_efficiency=root(efficiency, budget.voltage, budget.leads, budget.angular_factor),
        external_quantum_efficiency=root(
            light,
            wavelength_in_eqe,
            budget.assumed_in_eqe,
            per_charge,
            budget.angular_factor,
            budget.quantum_noise,
            budget.spectral_shift,
        ),
    )


def _light(budget: Budget[Q]) -> Q:
    """Return the uncertainty of luminance but for the wavelength scale."""
    return hypot(
        budget.meter,
        budget.noise,
        budget.dark,
        budget.repeatability,
        budget.luminance_scale,
        budget.uniformity,
        budget.spot,
        budget.repositioning,
        budget.calibration,
        budget.responsivity,
        budget.linearity,
        budget.drift,
    )


#: What differs from point to point; all else moves the points of a sweep together. A meter's limit of error says
#: nothing of how its errors at two points go together: in a ratio it counts as if they were independent.
_OF_ONE_POINT = ("current", "voltage", "meter", "noise", "repeatability", "drift", "quantum_noise", "spectral_shift")


def common_part(budget: Budget[float]) -> Budget[float]:
    """Return the budget of what all points of a sweep share: it moves them together and cancels in ratios."""
    nothing: dict[str, Any] = dict.fromkeys(_OF_ONE_POINT, 0.0)
    return budget._replace(**nothing)


def independent_uncertainty(budget: Budget[Q]) -> RelativeUncertainty[Q]:
    """Combine what differs from point to point; the common part is the root of the difference of the squares."""
    current, root = budget.current, hypot_of(budget.meter)
    luminance = root(budget.meter, budget.noise, budget.repeatability, budget.drift)
    efficiency = root(luminance, current)
    return RelativeUncertainty(
        current_density=current,
        luminance=luminance,
        current_efficiency=efficiency,
        power_efficiency=root(efficiency, budget.voltage),
        external_quantum_efficiency=root(efficiency, budget.quantum_noise, budget.spectral_shift),
    )


@dataclass(frozen=True, slots=True)
class Correlations:
    """Correlation coefficients, -1..1, of the logarithms of pairs of quantities."""

    current_and_power_efficiency: float
    current_and_quantum_efficiency: float
    luminance_and_current_efficiency: float
    current_density_and_current_efficiency: float


def correlations(budget: Budget[float]) -> Correlations:
    """Return how strongly the errors of the quantities go together.

    cov(CE, PE) = u^2(CE), cov(CE, L) = u^2(L), cov(CE, J) = -u^2(J),
    cov(CE, EQE) = light terms + c_L c_EQE u_lambda^2 + u^2(J); an area in both L and J is in neither efficiency.

    :raises ZeroDivisionError: every uncertainty of the budget is zero.
    """
    u = relative_uncertainty(budget)
    shared_wavelength = budget.luminance_sensitivity * budget.eqe_sensitivity * budget.wavelength**2
    in_luminance, in_efficiency = budget.area_in_luminance * budget.area, (1 - budget.area_in_luminance) * budget.area
    per_charge = budget.current**2 + in_efficiency**2
    with_luminance = u.luminance**2 - in_luminance**2 - in_luminance * in_efficiency
    with_density = budget.current**2 + budget.area * in_efficiency
    return Correlations(
        current_and_power_efficiency=u.current_efficiency / u.power_efficiency,
        current_and_quantum_efficiency=(_light(budget) ** 2 + shared_wavelength + per_charge)
        / (u.current_efficiency * u.external_quantum_efficiency),
        luminance_and_current_efficiency=with_luminance / (u.luminance * u.current_efficiency),
        current_density_and_current_efficiency=-with_density / (u.current_density * u.current_efficiency),
    )


def chromaticity_uncertainty(accuracy: float, sensitivity: Q, wavelength: float) -> Q:
    """Return u(x) or u(y) from the accuracy of the spectroradiometer (k = 1) and its wavelength scale.

    ``sensitivity`` dx/d lambda or dy/d lambda [1/nm], ``wavelength`` u_lambda [nm]. Accuracy is stated for a
    broad source (illuminant A), where the wavelength scale hardly shows: a narrow line needs the second term.
    """
    return hypot(sensitivity * wavelength, accuracy)
