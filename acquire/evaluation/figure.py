"""A figure of merit, and the curve that it is computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import nan
from typing import Self

from acquire.records import FloatArray

#: What each status of a figure says of it, the gravest first.
FIGURE_STATUSES: Mapping[str, str] = {
    "impossible": "physics forbids it: a finding says why",
    "doubtful": "a finding contradicts it",
    "lower_bound": "there is more than this: made from a spectrum cut off at 380 or 780 nm (EQE), or from a point at "
    "the amplifier's limit",
    "compliance": "made from a point at which the over-voltage protection of the source had tripped",
    "below_dark_noise": "made from a point whose light is not told from the noise of the dark readings",
    "bad_reading": "lies between two points of which one in between is missing",
    "reading_repeated": "made from a point that was read a second time: a number of the first reading was missing",
    "at_end_of_sweep": "a maximum at the first or the last point: there may be a larger one beyond",
    "assumed_spectrum": "rests on `sample.expected_line` or `sample.reference`, because the run has no spectrum for it",
    "spectrum_truncated": "of a spectrum that is cut off at 380 or 780 nm: light beyond is not in it",
    "multi_peak": "a width of a spectrum with several lobes",
    "fwhm_open": "a side of the spectrum never falls to half the height",
    "nominal": "a rate by an average lifetime that is not the one the quantum yield goes with",
    "effective": "of a stack of several layers: their mobility taken together as that of one",
    "complementary": "of a purple: its complementary wavelength, as a negative number",
    "von_upper_bound": "the point before it is not told from dark: V_on is this or less",
    "unconfirmed": "reached at the last point only: no point after it confirms it",
    "above_at_start": "no value: the first point is above that luminance already",
    "extrapolated_far": "beyond twice the record, by the curve fitted to it: no more than a guess",
    "extrapolated": "beyond the end of the record, up to twice as long, by the curve fitted to it",
    "not_determined": "no value: what was measured does not tell it",
    "not_reached": "no value: the sweep did not get there",
    "none": "no value, for the reason beside it",
    "ok": "nothing is known against it",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of merit: ``value`` in ``unit``, its standard ``uncertainty``, and where in the sweep it lies.

    ``voltage`` [V], ``current_density`` [A/m^2], ``luminance`` [cd/m^2]; NaN for what does not apply.
    value +- ``expanded_uncertainty``, ``coverage_factor`` times the standard one, holds the truth in 95 % of cases.
    ``reason`` says in words why the status is not ``ok``; empty where the status says it all.
    """

    value: float
    unit: str
    status: str
    voltage: float = nan
    current_density: float = nan
    luminance: float = nan
    uncertainty: float = nan
    coverage_factor: float = nan
    expanded_uncertainty: float = nan
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class JVLCurve:
    """The columns of one branch in the order measured, each (n,) and SI; NaN where there is no value.

    ``time`` [s], ``voltage`` [V], ``current_density`` [A/m^2], ``luminance`` [cd/m^2], ``current_efficiency`` [cd/A],
    ``power_efficiency`` [lm/W], ``external_quantum_efficiency`` [1], ``luminance_noise`` the standard deviation
    sigma_L of the dark readings as a luminance [cd/m^2], ``current_density_floor`` [A/m^2] below which a current is
    not told from none, and standard uncertainties in the unit of the quantity.

    :raises ValueError: the columns are not equally long.
    """

    time: FloatArray
    voltage: FloatArray
    current_density: FloatArray
    luminance: FloatArray
    current_efficiency: FloatArray
    power_efficiency: FloatArray
    external_quantum_efficiency: FloatArray
    luminance_noise: FloatArray
    current_density_floor: FloatArray
    luminance_uncertainty: FloatArray
    current_efficiency_uncertainty: FloatArray
    power_efficiency_uncertainty: FloatArray
    external_quantum_efficiency_uncertainty: FloatArray

    def __post_init__(self) -> None:
        if len({getattr(self, field.name).shape for field in fields(self)}) != 1:
            raise ValueError("the columns of a sweep must be equally long")

    def reversed(self) -> Self:
        """Return the points in the opposite order: a falling branch as a rising one."""
        return type(self)(*(getattr(self, field.name)[::-1] for field in fields(self)))

    def __len__(self) -> int:
        return int(self.voltage.size)


def missing(unit: str, status: str = "none", reason: str = "") -> Figure:
    """Return a figure without a value."""
    return Figure(nan, unit, status, reason=reason)
