"""A figure of merit, and the curve that it is computed from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import nan
from typing import Self

from acquire.records import FloatArray


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
