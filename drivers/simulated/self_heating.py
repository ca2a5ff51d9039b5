"""Self-heating of a device: one thermal mass behind one thermal resistance. Physics only, SI units.

dT/dt = (P R_th - T)/tau_th for the temperature rise T at an electrical power P. At a current a warm device needs the
voltage of a cold one divided by 1 + k_V T, and its light is that of a cold one times exp(-k_L T).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SelfHeating:
    """How warm a device gets, and what that does to it."""

    thermal_resistance: float  # K/W
    time_constant: float  # s
    voltage_coefficient: float  # k_V, 1/K
    efficiency_coefficient: float  # k_L, 1/K

    def conduction(self, rise: float) -> float:
        """Return by what the voltage of a device that is so much warmer (K) counts for more."""
        return 1.0 + self.voltage_coefficient * rise

    def light(self, rise: float) -> float:
        """Return what is left of the light at a current when the device is so much warmer (K)."""
        return math.exp(-self.efficiency_coefficient * rise)

    def rise_after(self, rise: float, power: float, duration: float) -> float:
        """Return the temperature rise (K) ``duration`` (s) after it was ``rise`` (K), at a constant power (W)."""
        steady = power * self.thermal_resistance
        return steady + (rise - steady) * math.exp(-duration / self.time_constant)


def self_heating_from_parameters(entry: Mapping[str, Any], enabled: bool | None = None) -> SelfHeating | None:
    """Build it from its parameters; ``enabled`` None leaves it to their ``enabled_default``.

    :raises KeyError: a parameter is missing.
    """
    if not (entry.get("enabled_default", False) if enabled is None else enabled):
        return None
    return SelfHeating(entry["R_th_K_W"], entry["tau_th_s"], entry["k_V_1_K"], entry["k_L_1_K"])
