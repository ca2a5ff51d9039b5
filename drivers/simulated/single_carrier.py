"""A layer that one kind of carrier crosses, between contacts that inject it at will: it conducts and gives no light.

Physics only. J = (9/8) eps0 eps_r mu u^2/d^3 exp(0.891 gamma sqrt(u/d)), u the voltage beyond the built-in one:
Murgatroyd 1970, J. Phys. D 3, 151; without field activation (gamma = 0) the law of Mott and Gurney.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drivers.simulated.loads import DarkLoad
from drivers.simulated.roots import rising_root

_EPSILON_0 = 8.8541878188e-12  # F/m
_ELEMENTARY_CHARGE = 1.602176634e-19  # C
#: How steeply the current rises as the last traps are filled.
_FILLING_POWER = 20.0


@dataclass(frozen=True)
class Traps:
    """Deep traps: until all are filled, only a share of the carriers is free."""

    density: float  # 1/m^3
    free_share: float


@dataclass(frozen=True)
class LayerParameters:
    """The layer and its contacts. ``reverse_built_in`` counts at negative levels: another value makes it lopsided."""

    area: float  # m^2
    thickness: float  # m
    permittivity: float  # relative
    mobility: float  # m^2/(V s), at no field
    series_resistance: float = 0.0  # ohm
    leak_conductance: float = 0.0  # S/m^2
    built_in: float = 0.0  # V
    reverse_built_in: float = 0.0  # V
    field_activation: float = 0.0  # gamma, (m/V)^0.5
    traps: Traps | None = None

    @property
    def trap_filled_voltage(self) -> float:
        """The voltage (V) at which all traps are filled, V_TFL = q n_t d^2/(2 eps0 eps_r); 0 without traps."""
        if self.traps is None:
            return 0.0
        charge = _ELEMENTARY_CHARGE * self.traps.density
        return charge * self.thickness**2 / (2.0 * _EPSILON_0 * self.permittivity)


def space_charge_density(drop: float, layer: LayerParameters) -> tuple[float, float]:
    """Return the current density (A/m^2) and its slope (S/m^2) at a voltage beyond the built-in one (V, > 0)."""
    factor = 1.125 * _EPSILON_0 * layer.permittivity * layer.mobility / layer.thickness**3
    activation = 0.891 * layer.field_activation * math.sqrt(drop / layer.thickness)
    free, free_slope = _free_share(drop, layer)
    density = factor * drop * drop * math.exp(activation)
    slope = density * (2.0 + 0.5 * activation) / drop
    return free * density, free * slope + free_slope * density


def _free_share(drop: float, layer: LayerParameters) -> tuple[float, float]:
    """The share of the carriers that is free, and its slope (1/V): half of the way, in decades, at V_TFL."""
    if layer.traps is None:
        return 1.0, 0.0
    filled = (drop / layer.trap_filled_voltage) ** _FILLING_POWER
    share = layer.traps.free_share ** (1.0 / (1.0 + filled))
    return share, -math.log(layer.traps.free_share) * share * _FILLING_POWER * filled / (1.0 + filled) ** 2 / drop


@dataclass(frozen=True)
class SingleCarrierDevice(DarkLoad):
    """An electron-only or hole-only device."""

    layer: LayerParameters

    def current(self, voltage: float) -> float:
        """Return the current (A) at a terminal voltage (V)."""
        if voltage == 0.0:
            return 0.0
        area, resistance = self.layer.area, self.layer.series_resistance
        amount, negative = abs(voltage), voltage < 0.0

        def excess(v: float) -> tuple[float, float]:
            density, slope = self._density(v, negative)
            return v + area * resistance * density - amount, 1.0 + area * resistance * slope

        density, _ = self._density(rising_root(excess, 0.0, amount), negative)
        return math.copysign(area * density, voltage)

    def voltage(self, current: float) -> float:
        """Return the terminal voltage (V) at a current (A)."""
        if current == 0.0:
            return 0.0
        density, negative = abs(current) / self.layer.area, current < 0.0

        def excess(v: float) -> tuple[float, float]:
            carried, slope = self._density(v, negative)
            return carried - density, max(slope, 1e-30)

        high = 1.0
        while excess(high)[0] < 0.0:
            high *= 2.0
        layer_voltage = rising_root(excess, 0.0, high)
        return math.copysign(layer_voltage + abs(current) * self.layer.series_resistance, current)

    def _density(self, amount: float, negative: bool) -> tuple[float, float]:
        """Current density (A/m^2) and slope (S/m^2) at a voltage (V) of either sign, all three as amounts."""
        layer = self.layer
        drop = amount - (layer.reverse_built_in if negative else layer.built_in)
        density, slope = space_charge_density(drop, layer) if drop > 0.0 else (0.0, 0.0)
        return density + layer.leak_conductance * amount, slope + layer.leak_conductance


def single_carrier_from_parameters(entry: Mapping[str, Any]) -> SingleCarrierDevice:
    """Build a device from its parameters, SI, the unit at the end of each key.

    :raises KeyError: a parameter is missing.
    """
    traps = entry.get("traps")
    return SingleCarrierDevice(
        LayerParameters(
            area=entry["area_m2"],
            thickness=entry["d_m"],
            permittivity=entry["eps_r"],
            mobility=entry["mu_m2_Vs"],
            series_resistance=entry.get("R_s_ohm", 0.0),
            leak_conductance=entry.get("G_sh_S_m2", 0.0),
            built_in=entry.get("V_bi_V", 0.0),
            reverse_built_in=entry.get("V_bi_reverse_V", entry.get("V_bi_V", 0.0)),
            field_activation=entry.get("gamma_m0.5_V-0.5", 0.0),
            traps=Traps(traps["n_t_m-3"], traps["free_share"]) if traps else None,
        )
    )
