"""Currents of one kind of carrier through a layer: space charge, field activation, traps. Pure; SI throughout.

Mott-Gurney, and with field activation Murgatroyd 1970, J. Phys. D 3, 151, doi 10.1088/0022-3727/3/2/308; how far the
law may be trusted: Röhr et al. 2018, J. Phys.: Condens. Matter 30, 105901, doi 10.1088/1361-648X/aaabad.
"""

from __future__ import annotations

from math import exp, sqrt

from acquire.photometry.constants import ELEMENTARY_CHARGE
from acquire.photometry.elementwise import Q

#: The electric constant, F/m (CODATA 2022).
EPSILON_0 = 8.8541878188e-12
#: Of gamma sqrt(V/d) in the exponent (Murgatroyd 1970).
FIELD_FACTOR = 0.891


def space_charge_factor(thickness: float, permittivity: float) -> float:
    """Return (9/8) eps0 eps_r/d^3 [F/m^4]: times mu V^2 it is the space-charge limited current density."""
    return 1.125 * EPSILON_0 * permittivity / thickness**3


def mott_gurney_mobility(current_density: Q, voltage: Q, thickness: float, permittivity: float) -> Q:
    """Return mu = J d^3/((9/8) eps0 eps_r V^2) [m^2/(V s)]; V is the voltage across the layer [V]."""
    return current_density / (space_charge_factor(thickness, permittivity) * voltage**2)


def space_charge_density(
    voltage: float, mobility: float, thickness: float, permittivity: float, field_activation: float = 0.0
) -> float:
    """Return J = (9/8) eps0 eps_r mu V^2/d^3 exp(0.891 gamma sqrt(V/d)) [A/m^2]; gamma in (m/V)^0.5."""
    activation = exp(FIELD_FACTOR * field_activation * sqrt(voltage / thickness))
    return space_charge_factor(thickness, permittivity) * mobility * voltage**2 * activation


def trap_filled_voltage(trap_density: float, thickness: float, permittivity: float) -> float:
    """Return V_TFL = q n_t d^2/(2 eps0 eps_r) [V], n_t in 1/m^3."""
    return ELEMENTARY_CHARGE * trap_density * thickness**2 / (2 * EPSILON_0 * permittivity)


def trap_density(trap_filled: float, thickness: float, permittivity: float) -> float:
    """Return n_t [1/m^3] of a trap-filled voltage [V]: :func:`trap_filled_voltage` solved for it."""
    return trap_filled / trap_filled_voltage(1.0, thickness, permittivity)
