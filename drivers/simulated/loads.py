"""What hangs on the source's terminals: a resistor, open and short circuit, a load with its leads swapped.

Physics only; nothing here ever sees a byte. SI units throughout; spectra are on the 1 nm grid from 380 nm to 780 nm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drivers.cie import WAVELENGTH
from drivers.simulated.photodiode import Photodiode

#: The spectral radiance of what gives no light.
DARK = np.zeros(WAVELENGTH.size)
DARK.setflags(write=False)


class Load(Protocol):
    """What hangs on the source's terminals."""

    def current(self, voltage: float) -> float:
        """Return the current (A) at a terminal voltage (V), with the history of the load as it is now."""

    def voltage(self, current: float) -> float:
        """Return the terminal voltage (V) at a current (A), with the history of the load as it is now."""

    def luminance(self, current: float) -> float:
        """Return the luminance (cd/m^2) at a current (A)."""

    def spectral_radiance(self, current: float) -> NDArray[np.float64]:
        """Return the spectral radiance (401,) in W/(sr m^2 nm) at a current (A)."""

    def photocurrent(self, current: float, photodiode: Photodiode) -> float:
        """Return what the light at a current (A) gives in a photodiode (A), without its dark current."""

    def longest_step(self, current: float) -> float | None:
        """Return the longest step (s) to integrate the history in at a current (A); None without."""

    def advance(self, voltage: float, current: float, duration: float) -> None:
        """Let the history go on for ``duration`` (s) at a constant voltage (V) and current (A)."""


class DarkLoad:
    """A load without light and without memory."""

    def luminance(self, current: float) -> float:  # noqa: ARG002
        """Return 0: no light."""
        return 0.0

    def spectral_radiance(self, current: float) -> NDArray[np.float64]:  # noqa: ARG002
        """Return zeros (401,): no light."""
        return DARK

    def photocurrent(self, current: float, photodiode: Photodiode) -> float:  # noqa: ARG002
        """Return 0: no light."""
        return 0.0

    def longest_step(self, current: float) -> float | None:  # noqa: ARG002
        """Return None: no memory."""
        return None

    def advance(self, voltage: float, current: float, duration: float) -> None:
        """Do nothing: no memory."""


@dataclass(frozen=True)
class Resistor(DarkLoad):
    """A resistor of ``resistance`` ohm (> 0)."""

    resistance: float

    def current(self, voltage: float) -> float:
        """Ohm's law, A."""
        return voltage / self.resistance

    def voltage(self, current: float) -> float:
        """Ohm's law, V."""
        return current * self.resistance


class OpenCircuit(DarkLoad):
    """Nothing connected."""

    def current(self, voltage: float) -> float:  # noqa: ARG002
        """Return 0 A at any voltage."""
        return 0.0

    def voltage(self, current: float) -> float:
        """Return an infinite voltage for any current but zero."""
        return math.copysign(math.inf, current) if current else 0.0


class ShortCircuit(DarkLoad):
    """Terminals joined."""

    def current(self, voltage: float) -> float:
        """Return an infinite current for any voltage but zero."""
        return math.copysign(math.inf, voltage) if voltage else 0.0

    def voltage(self, current: float) -> float:  # noqa: ARG002
        """Return 0 V at any current."""
        return 0.0


class Reversed:
    """A load connected the other way round: what it does at a positive voltage happens at a negative one."""

    def __init__(self, load: Load) -> None:
        self.load = load

    def current(self, voltage: float) -> float:
        """Return the current (A) at a terminal voltage (V)."""
        return -self.load.current(-voltage)

    def voltage(self, current: float) -> float:
        """Return the terminal voltage (V) at a current (A)."""
        return -self.load.voltage(-current)

    def luminance(self, current: float) -> float:
        """Return the luminance (cd/m^2) at a current (A)."""
        return self.load.luminance(-current)

    def spectral_radiance(self, current: float) -> NDArray[np.float64]:
        """Return the spectral radiance (401,) in W/(sr m^2 nm) at a current (A)."""
        return self.load.spectral_radiance(-current)

    def photocurrent(self, current: float, photodiode: Photodiode) -> float:
        """Return what the light at a current (A) gives in a photodiode (A)."""
        return self.load.photocurrent(-current, photodiode)

    def longest_step(self, current: float) -> float | None:
        """Return the longest step (s) to integrate the history in at a current (A); None without."""
        return self.load.longest_step(-current)

    def advance(self, voltage: float, current: float, duration: float) -> None:
        """Let the history go on for ``duration`` (s) at a constant voltage (V) and current (A)."""
        self.load.advance(-voltage, -current, duration)
