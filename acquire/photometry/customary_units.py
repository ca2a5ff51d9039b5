"""The one table of quantities: what the field calls each, and the unit in which it reads it; SI everywhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import pi
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from acquire.photometry.constants import ELEMENTARY_CHARGE


class Quantity(NamedTuple):
    """A quantity as people read it: its name on an axis and its symbol, the unit in which it is stored (SI), the
    customary unit, the factor to it from SI, the decimals that a paper's table gives, and what stands there for 0 in
    SI: of a temperature in degC.

    The unit of what has none is "1", as in run files.
    """

    long_name: str
    symbol: str
    si_unit: str
    unit: str
    factor: float = 1.0
    decimals: int = 2
    zero: float = 0.0

    @property
    def title(self) -> str:
        """The title of an axis or a column: "Current density (mA/cm^2)"; without a unit where there is none."""
        return with_unit(self.long_name, self.unit)

    @property
    def heading(self) -> str:
        """The same where there is little room: "J (mA/cm^2)"."""
        return with_unit(self.symbol, self.unit)


def with_unit(name: str, unit: str) -> str:
    """A name with its unit behind it, if it has one."""
    return name if unit in ("", "1") else f"{name} ({unit})"


_WAVELENGTH = "nm", "nm"  # the field's unit of wavelength in files as well

#: By the name that a quantity has in run files.
QUANTITIES: Mapping[str, Quantity] = {
    "voltage": Quantity("Voltage", "V", "V", "V"),
    "current": Quantity("Current", "I", "A", "mA", 1e3, 4),
    "current_density": Quantity("Current density", "J", "A/m^2", "mA/cm^2", 0.1),
    "luminance": Quantity("Luminance", "L", "cd/m^2", "cd/m^2", decimals=1),
    "current_efficiency": Quantity("Current efficiency", "CE", "cd/A", "cd/A"),
    "power_efficiency": Quantity("Power efficiency", "PE", "lm/W", "lm/W"),
    "external_quantum_efficiency": Quantity("External quantum efficiency", "EQE", "1", "%", 100.0),
    "wall_plug_efficiency": Quantity("Wall-plug efficiency", "WPE", "1", "%", 100.0),
    "chromaticity_x": Quantity("CIE 1931 x", "x", "1", "1", decimals=3),
    "chromaticity_y": Quantity("CIE 1931 y", "y", "1", "1", decimals=3),
    "chromaticity_u_prime": Quantity("CIE 1976 u'", "u'", "1", "1", decimals=4),
    "chromaticity_v_prime": Quantity("CIE 1976 v'", "v'", "1", "1", decimals=4),
    "dominant_wavelength": Quantity("Dominant wavelength", "lambda_d", *_WAVELENGTH, decimals=1),
    "excitation_purity": Quantity("Excitation purity", "p_e", "1", "%", 100.0, 1),
    "correlated_colour_temperature": Quantity("Correlated colour temperature", "CCT", "K", "K", decimals=0),
    "duv": Quantity("Duv", "Duv", "1", "1", decimals=4),
    "turn_on_voltage": Quantity("Turn-on voltage", "V_on", "V", "V"),
    "peak_wavelength": Quantity("Peak wavelength", "lambda_p", *_WAVELENGTH, decimals=1),
    "centroid_wavelength": Quantity("Centroid wavelength", "lambda_c", *_WAVELENGTH, decimals=1),
    "fwhm": Quantity("FWHM", "FWHM", *_WAVELENGTH, decimals=1),
    "luminous_efficacy_of_radiation": Quantity("Luminous efficacy of radiation", "K_r", "lm/W", "lm/W", decimals=1),
    "mean_photon_energy": Quantity("Mean photon energy", "E_ph", "J", "eV", 1 / ELEMENTARY_CHARGE, 3),
    "ideality_factor": Quantity("Ideality factor", "n", "1", "1", decimals=2),
    "hysteresis_index": Quantity("Hysteresis index", "HI", "1", "1", decimals=4),
    "turn_on_voltage_hysteresis": Quantity("Turn-on voltage, reverse less forward", "dV_on", "V", "V", decimals=3),
    "scan_rate": Quantity("Scan rate", "dV/dt", "V/s", "V/s", decimals=3),
    "dwell": Quantity("Time from point to point", "dwell", "s", "s", decimals=3),
    "mobility": Quantity("Mobility", "mu", "m^2/(V s)", "cm^2/(V s)", 1e4, 9),
    "space_charge_slope": Quantity("Slope d lg J/d lg V in the window", "m", "1", "1", decimals=3),
    "window_start": Quantity("Window of the fit from", "V_1", "V", "V", decimals=3),
    "window_end": Quantity("Window of the fit to", "V_2", "V", "V", decimals=3),
    "field_activation": Quantity("Field activation", "gamma", "(m/V)^0.5", "(m/V)^0.5", decimals=6),
    "trap_filled_voltage": Quantity("Trap-filled voltage", "V_TFL", "V", "V", decimals=3),
    "trap_density": Quantity("Trap density", "n_t", "1/m^3", "1/cm^3", 1e-6, 0),
    "polarity_asymmetry": Quantity("Mean of lg(J+/J-)", "lg(J+/J-)", "1", "1", decimals=3),
    "layer_voltage": Quantity("Voltage across the layer", "V", "V", "V", decimals=4),
    "local_slope": Quantity("Local slope", "slope", "1", "1", decimals=3),
    "repeatability": Quantity("Relative change", "d", "1", "%", 100.0, 2),
    "spectral_luminance": Quantity("Luminance by the spectrum", "L_s", "cd/m^2", "cd/m^2", decimals=1),
    "spectral_external_quantum_efficiency": Quantity(
        "External quantum efficiency by the spectrum", "EQE_s", "1", "%", 100.0
    ),
    "route_difference": Quantity("Photodiode against spectrum", "L/L_s - 1", "1", "%", 100.0),
    "wavelength": Quantity("Wavelength", "lambda", *_WAVELENGTH, decimals=0),
    "spectral_radiance": Quantity("Spectral radiance", "L_e", "W/(m^2 sr nm)", "W/(m^2 sr nm)", decimals=6),
    "normalised_spectrum": Quantity("Normalised EL intensity", "EL", "1", "1", decimals=4),
    "integration_time": Quantity("Integration time", "t_int", "s", "s", decimals=3),
    "mismatch_factor": Quantity("Mismatch factor", "M", "1", "1", decimals=4),
    "time": Quantity("Time", "t", "s", "s", decimals=3),
    "ambient_temperature": Quantity("Ambient temperature", "T_a", "K", "degC", decimals=1, zero=-273.15),
    "relative_humidity": Quantity("Relative humidity", "RH", "1", "%", 100.0, 0),
    "lifetime": Quantity("Lifetime", "T", "s", "h", 1 / 3600.0, 4),
    "time_under_stress": Quantity("Time under stress", "t", "s", "h", 1 / 3600.0, 4),
    "stretching_exponent": Quantity("Stretching exponent", "beta", "1", "1", decimals=4),
    "voltage_rise": Quantity("Voltage rise", "dV", "V", "V", decimals=3),
    "relative_luminance": Quantity("Luminance over L_0", "L/L_0", "1", "%", 100.0),
    "emissive_area": Quantity("Emissive area", "A", "m^2", "mm^2", 1e6),
    "source_current": Quantity("Source current", "I", "A", "mA", 1e3, 4),
    "frequency": Quantity("Frequency", "f", "Hz", "Hz", decimals=1),
    "impedance": Quantity("Impedance", "|Z|", "ohm", "ohm", decimals=1),
    "phase": Quantity("Phase", "phase", "rad", "deg", 180 / pi, 1),
    "series_resistance": Quantity("Series resistance", "R_s", "ohm", "ohm", decimals=1),
    "recombination_resistance": Quantity("Recombination resistance", "R_rec", "ohm", "ohm", decimals=1),
    "dc_resistance": Quantity("Resistance at 0 Hz", "R_s + R_rec", "ohm", "ohm", decimals=1),
    "differential_resistance": Quantity("Differential resistance", "dV/dI", "ohm", "ohm", decimals=1),
    "capacitance": Quantity("Capacitance", "C", "F", "nF", 1e9, 4),
    "cpe_exponent": Quantity("Exponent of the constant-phase element", "a", "1", "1", decimals=4),
    "apex_frequency": Quantity("Frequency of the apex", "f_apex", "Hz", "kHz", 1e-3, 4),
    "pl_time": Quantity("Time after excitation", "t", "s", "ns", 1e9, 3),
    "pl_lifetime": Quantity("PL lifetime", "tau", "s", "ns", 1e9, 3),
    "pl_amplitude": Quantity("Share of the amplitude", "a", "1", "1", decimals=4),
    "photoluminescence_quantum_yield": Quantity("PL quantum yield", "PLQY", "1", "%", 100.0, 1),
    "radiative_rate": Quantity("Radiative rate", "k_r", "1/s", "1/ns", 1e-9, 4),
    "nonradiative_rate": Quantity("Non-radiative rate", "k_nr", "1/s", "1/ns", 1e-9, 4),
    "absorbance": Quantity("Absorbance", "A", "1", "1", decimals=4),
    "thickness_ratio": Quantity("Thickness, after over before", "d/d_0", "1", "1", decimals=4),
    "dark_signal": Quantity("Dark signal", "s_0", "V", "mV", 1e3, 4),
    "dark_current": Quantity("Dark photocurrent", "i_0", "A", "nA", 1e9, 3),
}


def axis_title(quantity: str) -> str:
    """The title of an axis: ``axis_title("current_density") == "Current density (mA/cm^2)"``.

    :raises KeyError: it is none of :data:`QUANTITIES`.
    """
    return QUANTITIES[quantity].title


@overload
def customary(value: float, quantity: str) -> float: ...
@overload
def customary(value: npt.NDArray[np.float64], quantity: str) -> npt.NDArray[np.float64]: ...
def customary(value: float | npt.NDArray[np.float64], quantity: str) -> float | npt.NDArray[np.float64]:
    """A value, or an array of them, of one of these quantities [SI] in its customary unit.

    :raises KeyError: as :func:`axis_title`.
    """
    one = QUANTITIES[quantity]
    return value * one.factor + one.zero if one.zero else value * one.factor


# --- figures of merit ----------------------------------------------------------------------------------------

#: The figures of a paper's table, with their symbols: those of the curve, those of the colour, and all of them.
OF_CURVE: Mapping[str, str] = {
    "turn_on_voltage": "V_on",
    "luminance_max": "L_max",
    "current_efficiency_max": "CE_max",
    "power_efficiency_max": "PE_max",
    "external_quantum_efficiency_max": "EQE_max",
}
OF_COLOUR: Mapping[str, str] = {
    "chromaticity_x": "CIE x",
    "chromaticity_y": "CIE y",
    "peak_wavelength": "Peak",
    "fwhm": "FWHM",
}
PAPER: Mapping[str, str] = {**OF_CURVE, **OF_COLOUR}
#: Of an electron-only or hole-only device, each with the sign of its voltages.
OF_TRANSPORT: Mapping[str, str] = {
    f"{quantity}_{polarity}": f"{label} ({sign})"
    for polarity, sign in {"positive": "+", "negative": "-"}.items()
    for quantity, label in {
        "mobility": "mobility",
        "field_activation": "gamma",
        "space_charge_slope": "slope",
        "window_start": "window from",
        "window_end": "window to",
        "trap_filled_voltage": "V_TFL",
        "trap_density": "n_t",
    }.items()
} | {"polarity_asymmetry": "lg(J+/J-)"}
ROLL_OFF: Mapping[str, str] = {
    "roll_off_current_density_90": "J90",
    "roll_off_current_density_50": "J50",
    "roll_off_luminance_90": "L90",
    "roll_off_luminance_50": "L50",
}
#: The quantities by which devices are compared at one luminance.
AT_A_LUMINANCE = ("voltage", "current_density", "current_efficiency", "power_efficiency", "external_quantum_efficiency")
#: Quantities of which less is better.
_LESS_IS_BETTER = ("turn_on_voltage", "voltage")


def at_luminance(level: float) -> Mapping[str, str]:
    """The figures by which devices are compared at a luminance [cd/m^2], with the symbols of their quantities."""
    return {f"{name}_at_{level:.0f}_cd_m2": QUANTITIES[name].symbol for name in AT_A_LUMINANCE}


def more_is_better(figure: str) -> bool:
    """Whether of two devices the one with the larger figure is the better.

    :raises KeyError: as :func:`quantity_of_figure`.
    """
    return quantity_of_figure(figure) not in _LESS_IS_BETTER


_AT_LUMINANCE = re.compile(r"(?P<quantity>\w+)_at_(?P<level>\d+)_cd_m2")
_AT_MAXIMUM = re.compile(r"(?P<quantity>\w+)_at_(?P<of>\w+)_max")
_MAXIMUM = re.compile(r"(?P<quantity>\w+)_max(?P<smooth>_estimate)?")
_ROLL_OFF = re.compile(r"roll_off_(?P<quantity>\w+)_(?P<share>\d+)")
_LIFETIME = re.compile(r"lifetime_(?P<share>\d+)(?P<of>_of_maximum)?")
_CHANGE = re.compile(r"(?P<of>\w+)_(?P<kind>repeatability|change)")
_OF_DECAY = re.compile(r"(?P<quantity>pl_lifetime|pl_amplitude)_(?P<number>\d)")
_POLARITY = re.compile(r"(?P<quantity>\w+)_(?P<polarity>positive|negative)")

#: Figures that are named like no quantity: quantity, and how they are called.
_NAMED: Mapping[str, tuple[str, str]] = {
    "longest_dwell": ("dwell", "Longest time from point to point"),
    "initial_luminance": ("luminance", "Initial luminance L_0"),
    "largest_luminance": ("luminance", "Largest luminance of the course"),
    "lifetime_time_constant": ("lifetime", "Time constant of the fading"),
    "lifetime_stretching_exponent": ("stretching_exponent", "Stretching exponent of the fading"),
    "fwhm_total": ("fwhm", "FWHM of all lobes together"),
    "hysteresis_index_log": ("hysteresis_index", "Hysteresis index of lg J"),
    "pl_lifetime_intensity_average": ("pl_lifetime", "Intensity average tau_int"),
    "pl_lifetime_amplitude_average": ("pl_lifetime", "Amplitude average tau_amp"),
    "absorbance_before": ("absorbance", "Absorbance before"),
    "absorbance_after": ("absorbance", "Absorbance after"),
    "thickness_ratio_of_band": ("thickness_ratio", "Thickness, after over before, by the whole band"),
    "luminance_ideality_factor": ("ideality_factor", "Ideality factor of the luminance"),
}


def quantity_of_figure(name: str) -> str:
    """Which quantity a figure of merit is: ``luminance_max`` is a luminance, ``voltage_at_1000_cd_m2`` a voltage.

    :raises KeyError: it is none of :data:`QUANTITIES`.
    """
    return _quantity_and_title(name)[0]


def figure_title(name: str) -> str:
    """A figure of merit as people call it: "Current efficiency at 1000 cd/m^2", "Maximum luminance"; no unit.

    :raises KeyError: as :func:`quantity_of_figure`.
    """
    return _quantity_and_title(name)[1]


def _quantity_and_title(name: str) -> tuple[str, str]:
    if name in QUANTITIES:
        return name, QUANTITIES[name].long_name
    if name in _NAMED:
        return _NAMED[name]
    if found := _AT_LUMINANCE.fullmatch(name):
        return found["quantity"], f"{QUANTITIES[found['quantity']].long_name} at {found['level']} cd/m^2"
    if found := _AT_MAXIMUM.fullmatch(name):
        return found["quantity"], f"{QUANTITIES[found['quantity']].long_name} at maximum {_within(found['of'])}"
    if found := _MAXIMUM.fullmatch(name):
        fitted = " of a smooth curve" if found["smooth"] else ""
        return found["quantity"], f"Maximum {_within(found['quantity'])}{fitted}"
    if found := _ROLL_OFF.fullmatch(name):
        return found["quantity"], f"{QUANTITIES[found['quantity']].long_name} at {found['share']} % of maximum EQE"
    if found := _POLARITY.fullmatch(name):
        return found["quantity"], f"{QUANTITIES[found['quantity']].long_name}, {found['polarity']} voltages"
    if found := _OF_DECAY.fullmatch(name):
        return found["quantity"], f"{QUANTITIES[found['quantity']].long_name} {found['number']}"
    if found := _LIFETIME.fullmatch(name):
        of = "the largest luminance" if found["of"] else "L_0"
        return "lifetime", f"Lifetime to {found['share']} % of {of}"
    if found := _CHANGE.fullmatch(name):
        kind = "Spread" if found["kind"] == "repeatability" else "Change"
        return "repeatability", f"{kind} of {_within(found['of'])}"
    raise KeyError(name)


def _within(quantity: str) -> str:
    """A quantity's name within a sentence."""
    return _lowered(QUANTITIES[quantity].long_name)


def _lowered(name: str) -> str:
    """A name with a small letter in front, unless it is an abbreviation."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


# --- columns ---------------------------------------------------------------------------------------------------

_SPREAD = {
    "_independent_uncertainty": "Independent standard uncertainty of ",
    "_uncertainty": "Standard uncertainty of ",
}


#: Columns that go by another name than their quantity.
_COLUMNS: Mapping[str, str] = {
    "x": "CIE 1931 x",
    "y": "CIE 1931 y",
    "meter_x": "CIE 1931 x by the instrument",
    "meter_y": "CIE 1931 y by the instrument",
    "meter_luminance": "Luminance by the instrument",
    "log10_distance": "Distance of the nearest spectrum in lg L",
}


def column_name(name: str) -> str:
    """What a column or a value of a run file is called: as its quantity, or in the words of its own name; no unit."""
    if name in _COLUMNS:
        return _COLUMNS[name]
    for ending, spread in _SPREAD.items():
        if name.endswith(ending):
            return spread + _lowered(column_name(name.removesuffix(ending)))
    try:
        return figure_title(name)
    except KeyError:
        words = name.replace("_", " ")
        return words[:1].upper() + words[1:]
