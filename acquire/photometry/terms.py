"""A budget written out: its terms, their sum, and the factor by which the sum covers 95 %.

The errors of the terms are independent of each other; how far their sum is spread follows from the distribution of
each (JCGM 101:2008, doi 10.59161/JCGM101-2008: propagation of distributions; here the model is linear, so that the
characteristic functions multiply). With one rectangular term k is 1.645, with many terms of one size it is 1.960.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import ceil, hypot, inf, isfinite, nan, pi, sqrt
from typing import NamedTuple

import numpy as np

from acquire.photometry import student
from acquire.photometry.uncertainty import Budget

#: The share of cases in which an interval is to hold the true value.
COVERAGE = 0.95
_MANY = 1e4  # degrees of freedom that are as good as any number
_SQRT_3 = sqrt(3)


class Distribution(StrEnum):
    """How an error is distributed."""

    NORMAL = "normal"
    RECTANGULAR = "rectangular"


class Part(StrEnum):
    """How an error at one point of a sweep goes together with that at another.

    ``COMMON`` moves all points alike. ``METER`` is a meter's limit of error: alike at two neighbours, on one range;
    taken as independent where two points are compared, because nothing is stated. ``INDEPENDENT`` is scatter.
    """

    COMMON = "common"
    METER = "meter"
    INDEPENDENT = "independent"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How the logarithm of a figure follows the logarithms of what it is made of.

    ``quantum_factor`` is kappa = EQE/CE; ``angular_factor`` F.
    """

    luminance: float = 0.0
    current_density: float = 0.0
    voltage: float = 0.0
    angular_factor: float = 0.0
    quantum_factor: float = 0.0


#: Of the quantities of a point.
OF_A_POINT = {
    "voltage": Sensitivity(voltage=1),
    "current_density": Sensitivity(current_density=1),
    "luminance": Sensitivity(luminance=1),
    "current_efficiency": Sensitivity(luminance=1, current_density=-1),
    "power_efficiency": Sensitivity(luminance=1, current_density=-1, voltage=-1, angular_factor=1),
    "external_quantum_efficiency": Sensitivity(luminance=1, current_density=-1, angular_factor=1, quantum_factor=1),
}


class Term(NamedTuple):
    """What one source of error contributes to a figure.

    ``uncertainty`` is the standard uncertainty (k = 1) of the source in ``unit``, ``1`` for a relative one;
    ``sensitivity`` the change of the logarithm of the figure (of the figure itself, where that may be zero)
    with the source.
    """

    name: str
    uncertainty: float
    sensitivity: float
    distribution: Distribution
    part: Part
    unit: str = "1"
    degrees_of_freedom: float = inf

    @property
    def contribution(self) -> float:
        """The signed standard uncertainty of the figure from this source alone."""
        return self.sensitivity * self.uncertainty


class _Source(NamedTuple):
    """An entry of a budget: what it is called, how it is distributed, and what of a figure it enters."""

    name: str
    distribution: Distribution
    part: Part
    enters: str


_N, _R = Distribution.NORMAL, Distribution.RECTANGULAR

#: Limits without a distribution are rectangular: JCGM 100:2008, 4.3.7. Wavelength scale and area are treated apart.
_SOURCES = {
    "current": _Source("ammeter", _R, Part.METER, "current_density"),
    "voltage": _Source("voltmeter", _R, Part.METER, "voltage"),
    "leads": _Source("leads", _N, Part.COMMON, "voltage"),
    "spot": _Source("spot beyond the pixel", _R, Part.COMMON, "luminance"),
    "luminance_scale": _Source("luminance scale", _R, Part.COMMON, "luminance"),
    "uniformity": _Source("spot and uniformity", _N, Part.COMMON, "luminance"),
    "repositioning": _Source("repositioning", _N, Part.COMMON, "luminance"),
    "calibration": _Source("luminance factor", _N, Part.COMMON, "luminance"),
    "responsivity": _Source("spectral mismatch", _N, Part.COMMON, "luminance"),
    "linearity": _Source("linearity", _R, Part.COMMON, "luminance"),
    "meter": _Source("photodiode meter", _R, Part.METER, "luminance"),
    "noise": _Source("noise of the light", _N, Part.INDEPENDENT, "luminance"),
    "repeatability": _Source("repeatability", _N, Part.INDEPENDENT, "luminance"),
    "drift": _Source("drift in a spectrum", _R, Part.INDEPENDENT, "luminance"),
    "quantum_noise": _Source("noise of the photons", _N, Part.INDEPENDENT, "quantum_factor"),
    "dark": _Source("dark readings", _N, Part.COMMON, "luminance"),
    "angular_factor": _Source("angular factor", _R, Part.COMMON, "angular_factor"),
    "spectral_shift": _Source("spectral shift", _N, Part.METER, "quantum_factor"),
}

#: The standard deviations that come from few readings, and where a budget says from how many.
_FROM_READINGS = {
    "calibration": "calibration_degrees_of_freedom",
    "noise": "dark_degrees_of_freedom",
    "dark": "dark_degrees_of_freedom",
}


def terms(budget: Budget[float], sensitivity: Sensitivity) -> list[Term]:
    """Return the terms of a quantity of one point; those that contribute nothing are left out."""
    found = list[Term]()
    for name, (called, distribution, part, enters) in _SOURCES.items():
        share, uncertainty = getattr(sensitivity, enters), getattr(budget, name)
        if share and uncertainty:
            freedom = getattr(budget, _FROM_READINGS[name]) if name in _FROM_READINGS else inf
            found.append(Term(called, uncertainty, share, distribution, part, degrees_of_freedom=freedom))
    if budget.angular_factor_measured:
        found = [one._replace(distribution=_N) if one.name == "angular factor" else one for one in found]
    apart = (term(budget, sensitivity) for term in (_area, _wavelength, _assumed))
    return [*found, *(term for term in apart if term.sensitivity and term.uncertainty)]


def _area(budget: Budget[float], sensitivity: Sensitivity) -> Term:
    """J = I/A; where luminance comes from the etendue it goes with 1/A as well, and the area drops out of CE."""
    share = -sensitivity.current_density - budget.area_in_luminance * sensitivity.luminance
    return Term("emitting area", budget.area, share, Distribution.NORMAL, Part.COMMON)


def _wavelength(budget: Budget[float], sensitivity: Sensitivity) -> Term:
    """One scale of wavelengths behind luminance and kappa: their errors partly cancel, c_L + c_kappa in EQE."""
    of_luminance, of_factor = budget.luminance_sensitivity, budget.eqe_sensitivity - budget.luminance_sensitivity
    total = _product(sensitivity.luminance, of_luminance) + _product(sensitivity.quantum_factor, of_factor)
    return Term("wavelength scale", budget.wavelength, total, Distribution.RECTANGULAR, Part.COMMON, unit="nm")


def _assumed(budget: Budget[float], sensitivity: Sensitivity) -> Term:
    """The shape of an assumed line enters luminance and kappa with one error."""
    of_luminance = budget.assumed_in_luminance
    of_factor = budget.assumed_in_eqe - of_luminance
    total = _product(sensitivity.luminance, of_luminance) + _product(sensitivity.quantum_factor, of_factor)
    return Term("assumed spectrum", 1.0, total, Distribution.RECTANGULAR, Part.COMMON)


def _product(sensitivity: float, slope: float) -> float:
    """An unknown slope of what does not enter is none."""
    return sensitivity * slope if sensitivity else 0.0


def between(lower: Sequence[Term], upper: Sequence[Term], weight: float) -> list[Term]:
    """Return the terms of a value interpolated with ``weight`` between two neighbours.

    What both share moves both; the scatter of each counts for itself.
    """
    both = [
        term._replace(sensitivity=share * term.sensitivity)
        for share, side in ((1 - weight, lower), (weight, upper))
        for term in side
    ]
    return combined(both, apart=(Part.INDEPENDENT,))


def combined(parts: Iterable[Term], *, apart: Sequence[Part] = ()) -> list[Term]:
    """Return one term for each source of error, in the order in which they first come.

    The contributions of a source add up as they are; of those ``apart`` their squares do.
    """
    by_source: dict[str, list[Term]] = {}
    for term in parts:
        by_source.setdefault(term.name, []).append(term)
    sums = (_sum(same, same[0].part in apart) for same in by_source.values())
    return [term for term in sums if term.contribution]


def _sum(same: Sequence[Term], apart: bool) -> Term:
    contributions = [term.contribution for term in same]
    whole = hypot(*contributions) if apart else sum(contributions)
    typical = max(term.uncertainty for term in same)
    return same[0]._replace(uncertainty=typical, sensitivity=whole / typical)


# --- the sum -----------------------------------------------------------------------------------------------


def total(parts: Sequence[Term]) -> float:
    """Return the root of the sum of squares of the contributions."""
    return hypot(*(term.contribution for term in parts))


def effective_degrees_of_freedom(parts: Sequence[Term]) -> float:
    """Return nu = u^4 / sum(u_i^4/nu_i) (Welch and Satterthwaite: JCGM 100:2008, G.4.1); infinite without any."""
    whole = total(parts)
    share = sum((term.contribution / whole) ** 4 / term.degrees_of_freedom for term in parts) if whole else 0.0
    return 1 / share if share else inf


def coverage_factor(parts: Sequence[Term]) -> float:
    """Return the k with which k u covers 95 % of the sum of the errors; NaN where u is zero or unknown.

    Of the distributions of the terms as stated; a standard deviation from few readings widens it as Student's
    distribution is wider than the normal one, by the effective degrees of freedom.
    """
    u = total(parts)
    if not (isfinite(u) and u > 0):
        return nan
    freedom = effective_degrees_of_freedom(parts)
    widening = student.coverage_factor(max(freedom, 1.0) if freedom < _MANY else inf) / student.coverage_factor(inf)
    shares = [(abs(term.contribution) / u, term.distribution) for term in parts]
    limits = tuple(_SQRT_3 * share for share, kind in shares if kind is Distribution.RECTANGULAR)
    deviation = hypot(*(share for share, kind in shares if kind is Distribution.NORMAL))
    return widening * _half_width(limits, deviation)


@lru_cache(maxsize=256)
def _half_width(limits: tuple[float, ...], deviation: float) -> float:
    """The half width that covers 95 % of the sum of rectangular errors +-limits and a normal one.

    The density of a sum that is confined to +-P is a cosine series, whose coefficients are the characteristic
    function at k pi/P: F. Fang, C. Oosterlee, SIAM J. Sci. Comput. 31 (2008) 826, doi 10.1137/080718061.
    """
    period = float(np.array(limits).sum()) + 8 * deviation
    count = min(ceil(8 * period / (pi * deviation)), _MOST_WAVES) if deviation else _MOST_WAVES
    waves = np.arange(1, count + 1)
    frequency = pi / period * waves
    spectrum = np.exp(-0.5 * (deviation * frequency) ** 2)
    spectrum = spectrum * np.sinc(np.outer(limits, frequency) / pi).prod(axis=0)
    amplitudes = 2 / (pi * waves) * spectrum
    low, high = 0.0, period
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        inside = middle / period + float(amplitudes @ np.sin(frequency * middle))
        low, high = (middle, high) if inside < COVERAGE else (low, middle)
    return 0.5 * (low + high)


_MOST_WAVES = 4000
