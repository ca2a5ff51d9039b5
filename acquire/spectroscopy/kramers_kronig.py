"""The linear Kramers-Kronig test: whether a spectrum is that of anything linear, causal and at rest. Pure.

Schönleber, Klotz, Ivers-Tiffée 2014, Electrochim. Acta 131, 20, doi 10.1016/j.electacta.2014.01.034: a chain of M RC
elements of fixed time constants, which obeys the relations by itself, is fitted by linear least squares; what is left
is no part of any such system. M is what the Bayesian information criterion finds, so that noise is not fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from acquire.records import FloatArray
from acquire.spectroscopy.roles import ComplexArray

#: Elements a decade of frequency are not exceeded: closer ones are one.
MOST_A_DECADE = 7.0
#: What of |Z| is left by any spectrum that a good instrument took of a device at rest.
ALLOWANCE = 0.01
#: Residuals are judged in the mean of so many neighbours, in which noise falls and drift stays.
_NEIGHBOURS = 5


@dataclass(frozen=True, eq=False)
class KramersKronig:
    """What the linear Kramers-Kronig test says.

    ``residuals`` (n,) complex are (Z_measured - Z_fitted)/|Z|; ``elements`` is M; ``noise`` what of them changes from
    point to point, rms; ``drift`` the largest of their running means; ``passed`` whether that is below ``limit``.
    """

    residuals: ComplexArray
    elements: int
    noise: float
    drift: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether nothing but noise is left."""
        return self.drift <= self.limit

    @property
    def rms(self) -> float:
        """The root of the mean square of the residuals."""
        return sqrt(float((np.abs(self.residuals) ** 2).mean()))


def linear_kramers_kronig(frequency: FloatArray, impedance: ComplexArray) -> KramersKronig:
    """Return the test of impedance (n,) [ohm] at frequencies (n,) [Hz] that rise."""
    decades = float(np.log10(frequency[-1] / frequency[0]))
    most = max(min(frequency.size - 4, int(MOST_A_DECADE * decades) + 2), 3)
    tried = [(elements, residuals_of(frequency, impedance, elements)) for elements in range(2, most + 1)]
    elements, residuals = min(tried, key=lambda one: _information(one[1], one[0] + 3))
    noise = _noise(residuals)
    drift = float(np.abs(_running_mean(residuals)).max())
    return KramersKronig(residuals, elements, noise, drift, max(ALLOWANCE, 4.0 * noise / sqrt(_NEIGHBOURS)))


def _information(residuals: ComplexArray, unknowns: int) -> float:
    """Return the Bayesian information criterion; residuals below 1e-5 are as good as none."""
    squares = float((np.abs(residuals) ** 2).mean()) + 1e-10
    return 2 * residuals.size * log(squares) + unknowns * log(2 * residuals.size)


def residuals_of(frequency: FloatArray, impedance: ComplexArray, elements: int) -> ComplexArray:
    """Return the residuals (n,) of M RC elements with a resistance, a capacitance and an inductance in series."""
    angular = 2 * np.pi * frequency
    constants = np.geomspace(1 / angular[-1], 1 / angular[0], elements)
    middle = sqrt(float(angular[0] * angular[-1]))
    columns = [np.ones(frequency.size, complex), middle / (1j * angular), 1j * angular / middle]
    columns += [1 / (1 + 1j * angular * constant) for constant in constants.tolist()]
    design = np.column_stack(columns) / np.abs(impedance)[:, None]
    wanted = impedance / np.abs(impedance)
    both = np.concatenate([design.real, design.imag])
    found = np.linalg.lstsq(both, np.concatenate([wanted.real, wanted.imag]), rcond=1e-12)[0]
    return np.asarray(wanted - design @ found, complex)


def _noise(residuals: ComplexArray) -> float:
    """Return the rms of what changes from a point to the next but one, by third differences, which drift leaves out."""
    if residuals.size < 5:
        return 0.0
    differences = residuals[3:] - 3 * residuals[2:-1] + 3 * residuals[1:-2] - residuals[:-3]
    return sqrt(float((np.abs(differences) ** 2).mean()) / 20.0)


def _running_mean(residuals: ComplexArray) -> ComplexArray:
    width = min(_NEIGHBOURS, residuals.size)
    return np.convolve(residuals, np.ones(width) / width, mode="valid")
