"""The units in which the field reads its quantities; SI everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from acquire.photometry.constants import ELEMENTARY_CHARGE


class CustomaryUnit(NamedTuple):
    """A unit, the factor to it from SI, and the decimals that a paper's table gives."""

    unit: str
    factor: float = 1.0
    decimals: int = 2


#: By quantity. What is not here is read in the SI unit in which it is stored.
CUSTOMARY: Mapping[str, CustomaryUnit] = {
    "voltage": CustomaryUnit("V"),
    "current_density": CustomaryUnit("mA/cm^2", 0.1),
    "luminance": CustomaryUnit("cd/m^2", decimals=1),
    "current_efficiency": CustomaryUnit("cd/A"),
    "power_efficiency": CustomaryUnit("lm/W"),
    "external_quantum_efficiency": CustomaryUnit("%", 100.0),
    "wall_plug_efficiency": CustomaryUnit("%", 100.0),
    "chromaticity_x": CustomaryUnit("1", decimals=3),
    "chromaticity_y": CustomaryUnit("1", decimals=3),
    "chromaticity_u_prime": CustomaryUnit("1", decimals=4),
    "chromaticity_v_prime": CustomaryUnit("1", decimals=4),
    "dominant_wavelength": CustomaryUnit("nm", decimals=1),
    "excitation_purity": CustomaryUnit("%", 100.0, 1),
    "correlated_colour_temperature": CustomaryUnit("K", decimals=0),
    "duv": CustomaryUnit("1", decimals=4),
    "turn_on_voltage": CustomaryUnit("V"),
    "peak_wavelength": CustomaryUnit("nm", decimals=1),
    "centroid_wavelength": CustomaryUnit("nm", decimals=1),
    "fwhm": CustomaryUnit("nm", decimals=1),
    "luminous_efficacy_of_radiation": CustomaryUnit("lm/W", decimals=1),
    "mean_photon_energy": CustomaryUnit("eV", 1 / ELEMENTARY_CHARGE, 3),
    "ideality_factor": CustomaryUnit("1", decimals=2),
    "hysteresis_index": CustomaryUnit("1", decimals=4),
    "turn_on_voltage_hysteresis": CustomaryUnit("V", decimals=3),
    "scan_rate": CustomaryUnit("V/s", decimals=3),
    "repeatability": CustomaryUnit("%", 100.0, 2),
    "source_current": CustomaryUnit("mA", 1e3, 4),
    "dark_signal": CustomaryUnit("mV", 1e3, 4),
    "dark_current": CustomaryUnit("nA", 1e9, 3),
}


def customary(value: float, quantity: str) -> float:
    """A value [SI] of one of these quantities in its customary unit."""
    return value * CUSTOMARY[quantity].factor
