"""A light-emitting device with its memory: what it conducts, what light it gives.

Physics only; nothing here ever sees a byte. SI units throughout; spectra are on the 1 nm grid from 380 nm to
780 nm and integrals over them are trapezoidal. The model devices reproduce the summary figures published for
SPPO13-based perovskite LEDs (doi 10.1039/d2nr03793a); the curves between those figures are invented.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.cie import WAVELENGTH, cie_1931_2deg
from drivers.simulated.loads import DARK
from drivers.simulated.photodiode import TRAPEZOID, Photodiode
from drivers.simulated.roots import rising_root
from drivers.simulated.self_heating import SelfHeating, self_heating_from_parameters

#: Maximum luminous efficacy of radiation, lm/W (CIE 018:2019).
K_M = 683.002

#: Weights that make the luminance (cd/m^2) of a spectral radiance on the grid.
LUMINOUS = K_M * cie_1931_2deg()[1] * TRAPEZOID
_PEAK_STEP = 0.01  # nm
#: Beyond this argument exp() leaves the double range; injection no longer limits the current there.
_EXP_LIMIT = 700.0


@dataclass(frozen=True)
class Emission:
    """Line shape of a device: a split pseudo-Voigt that moves with the current density."""

    peak_wavelength: float  # nm, at current density_ref
    fwhm: float  # nm
    red_fraction: float  # share of the FWHM on the red side of the peak
    eta_blue: float  # Lorentzian share, blue side
    eta_red: float  # Lorentzian share, red side
    shift_per_decade: float  # nm per decade of current density
    reference_density: float  # A/m^2


@dataclass(frozen=True)
class DeviceParameters:
    """A light-emitting device: injection and space charge in series, beside a leak, behind a resistance."""

    area: float  # m^2
    series_resistance: float  # ohm
    leak_conductance: float  # S/m^2
    space_charge: float  # A/(m^2 V^2)
    injection_density: float  # A/m^2
    injection_voltage: float  # V
    peak_efficiency: float  # cd/A, before losses
    trap_density: float  # A/m^2, where traps take half
    trap_exponent: float
    quenching_density: float  # A/m^2, where quenching takes half
    quenching_exponent: float
    emission: Emission


@dataclass(frozen=True)
class Hysteresis:
    """Slow charge that shifts the J-V curve when the voltage changes faster than it can follow."""

    shift: float  # V at full charge
    full_voltage: float  # V at which the steady charge is full
    time_constant: float  # s


@dataclass(frozen=True)
class Degradation:
    """Stretched-exponential loss of light with a voltage rise, accelerated by the current density."""

    reference_density: float  # A/m^2
    time_constant: float  # s, at the reference density
    acceleration: float
    stretching: float
    voltage_rise: float  # V at full loss


def junction_density(voltage: float, device: DeviceParameters) -> tuple[float, float]:
    """Return the current density (A/m^2) and its slope (S/m^2) at a junction voltage (V)."""
    leak = device.leak_conductance
    if voltage <= 0.0:
        return leak * voltage, leak
    space_charge = device.space_charge * voltage * voltage
    exponent = voltage / device.injection_voltage
    if exponent > _EXP_LIMIT:
        return space_charge + leak * voltage, 2.0 * device.space_charge * voltage + leak
    injected = device.injection_density * math.expm1(exponent)
    total = injected + space_charge
    if total <= 0.0:
        return leak * voltage, leak
    injected_slope = (injected + device.injection_density) / device.injection_voltage
    space_charge_slope = 2.0 * device.space_charge * voltage
    slope = (space_charge / total) ** 2 * injected_slope + (injected / total) ** 2 * space_charge_slope
    return injected * space_charge / total + leak * voltage, slope + leak


def junction_voltage(voltage: float, device: DeviceParameters) -> float:
    """Return the junction voltage (V) behind the series resistance at a terminal voltage (V)."""
    ohm_area = device.area * device.series_resistance
    if voltage <= 0.0:
        return voltage / (1.0 + ohm_area * device.leak_conductance)

    def excess(v: float) -> tuple[float, float]:
        density, slope = junction_density(v, device)
        return v + ohm_area * density - voltage, 1.0 + ohm_area * slope

    return rising_root(excess, 0.0, voltage)


def junction_voltage_at(density: float, device: DeviceParameters) -> float:
    """Return the junction voltage (V) at a current density (A/m^2)."""
    if density <= 0.0:
        return density / device.leak_conductance
    # where each of the two branches alone carries twice the current, both in series carry at least all of it
    high = max(
        device.injection_voltage * math.log1p(2.0 * density / device.injection_density),
        math.sqrt(2.0 * density / device.space_charge),
    )

    def excess(v: float) -> tuple[float, float]:
        carried, slope = junction_density(v, device)
        return carried - density, slope

    return rising_root(excess, 0.0, high)


def current_efficiency(density: float, device: DeviceParameters) -> float:
    """Return the current efficiency (cd/A) at a current density (A/m^2); 0 without forward current."""
    if density <= 0.0:
        return 0.0
    traps = math.pow(device.trap_density / density, device.trap_exponent)
    quenching = math.pow(density / device.quenching_density, device.quenching_exponent)
    return device.peak_efficiency / (1.0 + traps + quenching)


def line_peak(density: float, emission: Emission) -> float:
    """Return the peak wavelength (nm) at a current density (A/m^2)."""
    decades = math.log10(density / emission.reference_density)
    return emission.peak_wavelength + emission.shift_per_decade * decades


def line_shape(peak: float, emission: Emission) -> NDArray[np.float64]:
    """Return the relative spectrum (401,) of a line with its peak at a wavelength (nm), 1 at its peak."""
    split = int(np.searchsorted(WAVELENGTH, peak))
    distance = WAVELENGTH - peak
    shape = np.empty_like(distance)
    for side, width, eta in (
        (slice(None, split), emission.fwhm * (1.0 - emission.red_fraction), emission.eta_blue),
        (slice(split, None), emission.fwhm * emission.red_fraction, emission.eta_red),
    ):
        square = (distance[side] / width) ** 2
        shape[side] = (1.0 - eta) * np.exp(-math.log(2.0) * square) + eta / (1.0 + square)
    return shape


class LightEmittingDevice:
    """A light-emitting device with its memory: slow charge (hysteresis), damage (degradation) and heat, if any."""

    def __init__(
        self,
        parameters: DeviceParameters,
        hysteresis: Hysteresis | None = None,
        degradation: Degradation | None = None,
        self_heating: SelfHeating | None = None,
    ) -> None:
        self.parameters = parameters
        self.hysteresis = hysteresis
        self.degradation = degradation
        self.charge = 0.0
        self.damage = 0.0
        self.self_heating = self_heating
        self.temperature_rise = 0.0  # K
        self._seen_by: Photodiode | None = None
        self._responses: dict[int, float] = {}

    @property
    def remaining(self) -> float:
        """What is left of the initial luminance, 1 for a fresh device."""
        if self.degradation is None or self.damage == 0.0:
            return 1.0
        return math.exp(-(self.damage**self.degradation.stretching))

    def current(self, voltage: float) -> float:
        """Return the current (A) at a terminal voltage (V)."""
        effective = voltage + self._charge_shift(voltage) - self._voltage_rise()
        if self.self_heating is not None:
            effective *= self.self_heating.conduction(self.temperature_rise)
        density, _ = junction_density(junction_voltage(effective, self.parameters), self.parameters)
        return self.parameters.area * density

    def voltage(self, current: float) -> float:
        """Return the terminal voltage (V) at a current (A)."""
        junction = junction_voltage_at(current / self.parameters.area, self.parameters)
        effective = junction + current * self.parameters.series_resistance
        if self.self_heating is not None:
            effective /= self.self_heating.conduction(self.temperature_rise)
        return self._without_charge_shift(effective + self._voltage_rise())

    def luminance(self, current: float) -> float:
        """Return the luminance (cd/m^2) at a current (A)."""
        density = current / self.parameters.area
        luminance = self.remaining * max(density, 0.0) * current_efficiency(density, self.parameters)
        if self.self_heating is not None:
            luminance *= self.self_heating.light(self.temperature_rise)
        return luminance

    def spectral_radiance(self, current: float) -> NDArray[np.float64]:
        """Return the spectral radiance (401,) in W/(sr m^2 nm) at a current (A)."""
        luminance = self.luminance(current)
        if luminance <= 0.0:
            return DARK
        return luminance * self._unit_radiance(self._peak(current))

    def photocurrent(self, current: float, photodiode: Photodiode) -> float:
        """Return what the light at a current (A) gives in a photodiode (A).

        The photocurrent per luminance is computed at peaks 0.01 nm apart and linear in between, to 1e-8.
        """
        luminance = self.luminance(current)
        if luminance <= 0.0:
            return 0.0
        node, rest = divmod(self._peak(current), _PEAK_STEP)
        near, far = self._response(int(node), photodiode), self._response(int(node) + 1, photodiode)
        return luminance * (near + (far - near) * rest / _PEAK_STEP)

    def _peak(self, current: float) -> float:
        return line_peak(current / self.parameters.area, self.parameters.emission)

    def _unit_radiance(self, peak: float) -> NDArray[np.float64]:
        shape = line_shape(peak, self.parameters.emission)
        return shape / float(LUMINOUS @ shape)

    def _response(self, node: int, photodiode: Photodiode) -> float:
        """Photocurrent (A) of 1 cd/m^2 with the peak at a node."""
        if self._seen_by is not photodiode:
            self._seen_by, self._responses = photodiode, {}
        if (response := self._responses.get(node)) is None:
            response = self._responses[node] = photodiode.current(self._unit_radiance(node * _PEAK_STEP))
        return response

    def longest_step(self, current: float) -> float | None:
        """Return the longest step (s) in which charge, damage and heat change little; None without any of them."""
        slow = [part.time_constant / 20.0 for part in (self.hysteresis, self.self_heating) if part is not None]
        if self.degradation is not None:
            rate = self._damage_rate(current)
            slow.append(0.01 / rate if rate > 0.0 else math.inf)
        return min(slow, default=None)

    def advance(self, voltage: float, current: float, duration: float) -> None:
        """Let charge, damage and heat go on for ``duration`` (s) at a constant voltage (V) and current (A)."""
        if self.hysteresis is not None:
            steady = self._steady_charge(voltage)
            left = math.exp(-duration / self.hysteresis.time_constant)
            self.charge = steady + (self.charge - steady) * left
        if self.degradation is not None:
            self.damage += self._damage_rate(current) * duration
        if self.self_heating is not None:
            self.temperature_rise = self.self_heating.rise_after(self.temperature_rise, voltage * current, duration)

    def _damage_rate(self, current: float) -> float:
        if self.degradation is None or current <= 0.0:
            return 0.0
        relative = current / self.parameters.area / self.degradation.reference_density
        return float(relative**self.degradation.acceleration) / self.degradation.time_constant

    def _voltage_rise(self) -> float:
        return 0.0 if self.degradation is None else self.degradation.voltage_rise * (1.0 - self.remaining)

    def _steady_charge(self, voltage: float) -> float:
        return 0.0 if self.hysteresis is None else min(max(voltage / self.hysteresis.full_voltage, 0.0), 1.0)

    def _charge_shift(self, voltage: float) -> float:
        if self.hysteresis is None:
            return 0.0
        return self.hysteresis.shift * (self.charge - self._steady_charge(voltage))

    def _without_charge_shift(self, effective: float) -> float:
        """Undo the shift: a broken line of the terminal voltage, flat below zero and above full charge."""
        if self.hysteresis is None:
            return effective
        shift, full = self.hysteresis.shift, self.hysteresis.full_voltage
        unshifted = effective - shift * self.charge
        if unshifted <= 0.0:
            return unshifted
        return unshifted / (1.0 - shift / full) if unshifted < full - shift else unshifted + shift


def device_from_parameters(
    parameters: Mapping[str, Any],
    *,
    hysteresis: bool | None = None,
    degradation: bool | None = None,
    self_heating: bool | None = None,
) -> LightEmittingDevice:
    """Build a device from one entry of the device parameters, with the shared ones under the key ``shared``.

    ``hysteresis``, ``degradation`` and ``self_heating`` switch those effects; None leaves it to their
    ``enabled_default``.

    :raises KeyError: a parameter is missing.
    """
    shared = parameters["shared"]
    electrical = {**shared["electrical"], **parameters.get("electrical", {})}
    jv, ce = parameters["jv"], parameters["ce"]
    device = DeviceParameters(
        area=shared["device_area_m2"],
        series_resistance=electrical["R_s_ohm"],
        leak_conductance=electrical["G_sh_S_m2"],
        space_charge=electrical["k_s_A_m2_V2"],
        injection_density=jv["J00_A_m2"],
        injection_voltage=jv["V_s_V"],
        peak_efficiency=ce["C0_cd_A"],
        trap_density=ce["J_t_A_m2"],
        trap_exponent=ce["a"],
        quenching_density=ce["J_h_A_m2"],
        quenching_exponent=ce["b"],
        emission=_emission({**shared["spectrum"], **parameters["spectrum"]}),
    )
    return LightEmittingDevice(
        device,
        _hysteresis(shared.get("hysteresis", {}), hysteresis),
        _degradation({**shared.get("degradation", {}), **parameters.get("degradation", {})}, degradation),
        self_heating_from_parameters(shared.get("self_heating", {}), self_heating),
    )


def _emission(spectrum: Mapping[str, Any]) -> Emission:
    return Emission(
        peak_wavelength=spectrum["mu_nm"],
        fwhm=spectrum["fwhm_nm"],
        red_fraction=spectrum["r"],
        eta_blue=spectrum["eta_blue"],
        eta_red=spectrum["eta_red"],
        shift_per_decade=spectrum["shift_nm_per_decade_of_J"],
        reference_density=spectrum["J_ref_A_m2"],
    )


def _hysteresis(entry: Mapping[str, Any], enabled: bool | None) -> Hysteresis | None:
    if not (entry.get("enabled_default", False) if enabled is None else enabled):
        return None
    return Hysteresis(entry["dV_q_V"], entry["V_q_V"], entry["tau_q_s"])


def _degradation(entry: Mapping[str, Any], enabled: bool | None) -> Degradation | None:
    if not (entry.get("enabled_default", False) if enabled is None else enabled):
        return None
    return Degradation(
        entry["J_ref_A_m2"], entry["tau_ref_s"], entry["n"], entry["beta"], entry["V_rise_at_full_loss_V"]
    )
