"""The physical truth behind the twins: a light-emitting device, a photodiode that looks at it, what drives it.

Physics only; nothing here ever sees a byte. SI units throughout; spectra are on the 1 nm grid from 380 nm to
780 nm and integrals over them are trapezoidal. The model devices reproduce the summary figures published for
SPPO13-based perovskite LEDs (doi 10.1039/d2nr03793a); the curves between those figures are invented.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from drivers.cie import WAVELENGTH, cie_1931_2deg
from drivers.simulated.clock import Clock

#: Maximum luminous efficacy of radiation, lm/W (CIE 018:2019).
K_M = 683.002

_TRAPEZOID = np.ones(WAVELENGTH.size)
_TRAPEZOID[[0, -1]] = 0.5
_LUMINOUS = K_M * cie_1931_2deg()[1] * _TRAPEZOID
_PEAK_STEP = 0.01  # nm
_DEVIATES_PER_BLOCK = 256
_DARK = np.zeros(WAVELENGTH.size)
_DARK.setflags(write=False)
#: Beyond this argument exp() leaves the double range; injection no longer limits the current there.
_EXP_LIMIT = 700.0


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


class _DarkLoad:
    """A load without light and without memory."""

    def luminance(self, current: float) -> float:  # noqa: ARG002
        """Return 0: no light."""
        return 0.0

    def spectral_radiance(self, current: float) -> NDArray[np.float64]:  # noqa: ARG002
        """Return zeros (401,): no light."""
        return _DARK

    def photocurrent(self, current: float, photodiode: Photodiode) -> float:  # noqa: ARG002
        """Return 0: no light."""
        return 0.0

    def longest_step(self, current: float) -> float | None:  # noqa: ARG002
        """Return None: no memory."""
        return None

    def advance(self, voltage: float, current: float, duration: float) -> None:
        """Do nothing: no memory."""


@dataclass(frozen=True)
class Resistor(_DarkLoad):
    """A resistor of ``resistance`` ohm (> 0)."""

    resistance: float

    def current(self, voltage: float) -> float:
        """Ohm's law, A."""
        return voltage / self.resistance

    def voltage(self, current: float) -> float:
        """Ohm's law, V."""
        return current * self.resistance


class OpenCircuit(_DarkLoad):
    """Nothing connected."""

    def current(self, voltage: float) -> float:  # noqa: ARG002
        """Return 0 A at any voltage."""
        return 0.0

    def voltage(self, current: float) -> float:
        """Return an infinite voltage for any current but zero."""
        return math.copysign(math.inf, current) if current else 0.0


class ShortCircuit(_DarkLoad):
    """Terminals joined."""

    def current(self, voltage: float) -> float:
        """Return an infinite current for any voltage but zero."""
        return math.copysign(math.inf, voltage) if voltage else 0.0

    def voltage(self, current: float) -> float:  # noqa: ARG002
        """Return 0 V at any current."""
        return 0.0


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


def _rising_root(f: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Find where a rising f is zero in [low, high]: Newton's steps, halving where they leave the bracket."""
    x = high
    for _ in range(200):
        value, slope = f(x)
        if value > 0.0:
            high = x
        else:
            low = x
        following, close = x - value / slope, 1e-9  # Newton's next step would be of the order of the square
        if not low <= following <= high:
            following, close = 0.5 * (low + high), 1e-15
        if abs(following - x) <= close * abs(x):
            return following
        x = following
    return x


def junction_voltage(voltage: float, device: DeviceParameters) -> float:
    """Return the junction voltage (V) behind the series resistance at a terminal voltage (V)."""
    ohm_area = device.area * device.series_resistance
    if voltage <= 0.0:
        return voltage / (1.0 + ohm_area * device.leak_conductance)

    def excess(v: float) -> tuple[float, float]:
        density, slope = junction_density(v, device)
        return v + ohm_area * density - voltage, 1.0 + ohm_area * slope

    return _rising_root(excess, 0.0, voltage)


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

    return _rising_root(excess, 0.0, high)


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
    """A light-emitting device with its memory: slow charge (hysteresis) and damage (degradation), if any."""

    def __init__(
        self,
        parameters: DeviceParameters,
        hysteresis: Hysteresis | None = None,
        degradation: Degradation | None = None,
    ) -> None:
        self.parameters = parameters
        self.hysteresis = hysteresis
        self.degradation = degradation
        self.charge = 0.0
        self.damage = 0.0
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
        density, _ = junction_density(junction_voltage(effective, self.parameters), self.parameters)
        return self.parameters.area * density

    def voltage(self, current: float) -> float:
        """Return the terminal voltage (V) at a current (A)."""
        junction = junction_voltage_at(current / self.parameters.area, self.parameters)
        effective = junction + current * self.parameters.series_resistance
        return self._without_charge_shift(effective + self._voltage_rise())

    def luminance(self, current: float) -> float:
        """Return the luminance (cd/m^2) at a current (A)."""
        density = current / self.parameters.area
        return self.remaining * max(density, 0.0) * current_efficiency(density, self.parameters)

    def spectral_radiance(self, current: float) -> NDArray[np.float64]:
        """Return the spectral radiance (401,) in W/(sr m^2 nm) at a current (A)."""
        luminance = self.luminance(current)
        if luminance <= 0.0:
            return _DARK
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
        return shape / float(_LUMINOUS @ shape)

    def _response(self, node: int, photodiode: Photodiode) -> float:
        """Photocurrent (A) of 1 cd/m^2 with the peak at a node."""
        if self._seen_by is not photodiode:
            self._seen_by, self._responses = photodiode, {}
        if (response := self._responses.get(node)) is None:
            response = self._responses[node] = photodiode.current(self._unit_radiance(node * _PEAK_STEP))
        return response

    def longest_step(self, current: float) -> float | None:
        """Return the longest step (s) in which charge and damage change little; None without either."""
        if self.degradation is None:
            return None if self.hysteresis is None else self.hysteresis.time_constant / 20.0
        rate = self._damage_rate(current)
        longest = 0.01 / rate if rate > 0.0 else math.inf
        return longest if self.hysteresis is None else min(longest, self.hysteresis.time_constant / 20.0)

    def advance(self, voltage: float, current: float, duration: float) -> None:
        """Let charge and damage go on for ``duration`` (s) at a constant voltage (V) and current (A)."""
        if self.hysteresis is not None:
            steady = self._steady_charge(voltage)
            left = math.exp(-duration / self.hysteresis.time_constant)
            self.charge = steady + (self.charge - steady) * left
        if self.degradation is not None:
            self.damage += self._damage_rate(current) * duration

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
    parameters: Mapping[str, Any], *, hysteresis: bool | None = None, degradation: bool | None = None
) -> LightEmittingDevice:
    """Build a device from one entry of the device parameters, with the shared ones under the key ``shared``.

    ``hysteresis`` and ``degradation`` switch those effects; None leaves it to their ``enabled_default``.
    Raises KeyError when a parameter is missing.
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


def _hysteresis(entry: Mapping[str, Any], wanted: bool | None) -> Hysteresis | None:
    if not (entry.get("enabled_default", False) if wanted is None else wanted):
        return None
    return Hysteresis(entry["dV_q_V"], entry["V_q_V"], entry["tau_q_s"])


def _degradation(entry: Mapping[str, Any], wanted: bool | None) -> Degradation | None:
    if not (entry.get("enabled_default", False) if wanted is None else wanted):
        return None
    return Degradation(
        entry["J_ref_A_m2"], entry["tau_ref_s"], entry["n"], entry["beta"], entry["V_rise_at_full_loss_V"]
    )


def coaxial_discs_etendue(emitter_area: float, detector_area: float, distance: float) -> float:
    """Return the etendue (m^2 sr) between two coaxial discs of given areas (m^2) at a distance (m).

    Howell, Catalog of radiation configuration factors, C-41.
    """
    r1 = math.sqrt(emitter_area / math.pi) / distance
    r2 = math.sqrt(detector_area / math.pi) / distance
    x = 1.0 + (1.0 + r2 * r2) / (r1 * r1)
    # the textbook difference (x - root)/2, written so that nothing cancels for small discs
    factor = 2.0 * (r2 / r1) ** 2 / (x + math.sqrt(x * x - 4.0 * (r2 / r1) ** 2))
    return math.pi * emitter_area * factor


@dataclass(frozen=True)
class Photodiode:
    """A silicon photodiode with its transimpedance amplifier."""

    etendue: float  # m^2 sr, device to diode
    responsivity: NDArray[np.float64]  # (401,) A/W
    gain: float  # V/A
    dark_current: float = 0.0  # A

    def current(self, spectral_radiance: NDArray[np.float64]) -> float:
        """Return the photocurrent (A) of a spectral radiance (401,) in W/(sr m^2 nm); no dark current."""
        return self.etendue * float((self.responsivity * _TRAPEZOID) @ spectral_radiance)


_LINEAR = re.compile(r"\s*([-+.\deE]+)\s*\*\s*lambda_nm\s*([-+])\s*([.\deE+-]+)\s*")


def linear_responsivity(formula: str) -> NDArray[np.float64]:
    """Return the responsivity (401,) in A/W for a formula like ``6.0e-4*lambda_nm - 0.012``.

    Raises ValueError for any other form.
    """
    match = _LINEAR.fullmatch(formula)
    if match is None:
        raise ValueError(f"responsivity {formula!r} is not of the form 'slope*lambda_nm + offset'")
    slope, sign, offset = match.groups()
    return float(slope) * WAVELENGTH + float(sign + offset)


def photodiode_from_parameters(shared: Mapping[str, Any]) -> Photodiode:
    """Build the photodiode from the shared parameters; the etendue follows from areas and distance.

    A load without light may have no area; any will do then. Raises KeyError when a parameter is missing.
    """
    entry = shared["photodiode"]
    area = shared.get("device_area_m2", entry["area_m2"])
    return Photodiode(
        etendue=coaxial_discs_etendue(area, entry["area_m2"], entry["distance_m"]),
        responsivity=linear_responsivity(entry["responsivity_A_W"]),
        gain=entry["tia_V_A"],
        dark_current=entry["dark_current_A"],
    )


def normal_deviates(rng: np.random.Generator) -> Iterator[float]:
    """Yield standard normal deviates without end, drawn in blocks: one at a time they cost many times as much."""
    while True:
        yield from rng.standard_normal(_DEVIATES_PER_BLOCK).tolist()


@dataclass(frozen=True)
class NoiseSettings:
    """Standard deviations of everything that scatters; all zero is a noiseless bench."""

    smu_voltage: float = 1e-4  # V
    smu_current_relative: float = 5e-5
    smu_current_floor_fraction: float = 2e-5  # of range
    dmm_voltage: float = 3e-6  # V
    tia_current: float = 2e-13  # A, referred to the amplifier's input
    dark_drift: float = 2e-14  # A per square root of second: random walk of the dark current
    spectrum_floor: float = 1e-7  # W/(sr m^2 nm) per pixel at 1 s
    spectrum_relative: float = 1e-3  # per pixel
    spectrum_common: float = 1.5e-3  # per exposure, all pixels alike

    @classmethod
    def none(cls) -> NoiseSettings:
        """Return settings without any noise or drift."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def noise_from_parameters(shared: Mapping[str, Any]) -> NoiseSettings:
    """Read the noise settings from the shared parameters; what they do not say has its default."""
    given = {"dark_drift": shared.get("photodiode", {}).get("dark_drift_A_per_sqrt_s")}
    given |= {name: shared.get("noise", {}).get(key) for name, key in _NOISE_KEYS.items()}
    return replace(NoiseSettings(), **{name: value for name, value in given.items() if value is not None})


_NOISE_KEYS = {
    "smu_voltage": "smu_V_rms_V",
    "smu_current_relative": "smu_I_rel",
    "smu_current_floor_fraction": "smu_I_floor_fraction_of_range",
    "dmm_voltage": "dmm_V_rms_V",
    "tia_current": "tia_current_rms_A",
    "spectrum_floor": "spec_floor_W_sr_m2_nm",
    "spectrum_relative": "spec_rel_per_pixel",
    "spectrum_common": "spec_common_rel",
}


class OperatingPoint(NamedTuple):
    """What the source senses (V, A); ``clamped`` when the limit, not the level, decided."""

    voltage: float
    current: float
    clamped: bool


_OFF = OperatingPoint(0.0, 0.0, False)


class TestFixture:
    """Holds the load in front of photodiode and spectroradiometer: the one physical truth behind all twins.

    ``lead_resistance`` (ohm) is in series with the load; with ``remote_sense`` the source regulates and
    senses at the load itself. ``room_light`` (cd/m^2, equal-energy spectrum) is stray light on both detectors.
    ``normal_deviates`` are the standard normal deviates of the meters' noise.
    """

    __test__ = False  # not a test, whatever its name says

    def __init__(
        self,
        clock: Clock,
        load: Load,
        photodiode: Photodiode,
        noise: NoiseSettings,
        seed: int = 1,
        lead_resistance: float = 0.0,
    ) -> None:
        self.clock = clock
        self.load = load
        self.photodiode = photodiode
        self.noise = noise
        self.lead_resistance = lead_resistance
        self.remote_sense = False
        self.room_light = 0.0
        # the drift has a stream of its own, so that it does not depend on how often the meters were read
        self.rng, drift_rng = np.random.default_rng(seed).spawn(2)
        self.normal_deviates, self._drift_steps = normal_deviates(self.rng), normal_deviates(drift_rng)
        self._drift = 0.0
        self._drift_time = clock.now()
        self._regulate: Callable[[], OperatingPoint] = self._relay_open
        self._point = _OFF
        self._since = clock.now()
        self._radiance: NDArray[np.float64] | None = None

    def drive_voltage(self, level: float, current_limit: float) -> OperatingPoint:
        """Put a voltage (V) on the terminals, |I| <= ``current_limit`` (A), from now on."""
        return self._drive(partial(self._voltage_source, level, current_limit))

    def drive_current(self, level: float, voltage_limit: float) -> OperatingPoint:
        """Send a current (A) through the terminals, |V| <= ``voltage_limit`` (V), from now on."""
        return self._drive(partial(self._current_source, level, voltage_limit))

    def disconnect(self) -> OperatingPoint:
        """Open the output relay: no current from now on."""
        return self._drive(self._relay_open)

    def operating_point(self) -> OperatingPoint:
        """Return the operating point now, the load's history included."""
        if self.clock.now() != self._since:
            self._age()
        return self._point

    def luminance(self) -> float:
        """Return the luminance of the device (cd/m^2) now, without room light."""
        return self.load.luminance(self.operating_point().current)

    def spectral_radiance(self) -> NDArray[np.float64]:
        """Return the spectral radiance (401,) in W/(sr m^2 nm) now, room light included, without noise."""
        point = self.operating_point()
        if self._radiance is None:
            self._radiance = self.load.spectral_radiance(point.current)
        if not self.room_light:
            return self._radiance
        return self._radiance + self._room_radiance()

    def _room_radiance(self) -> NDArray[np.float64]:
        """Equal-energy light."""
        return np.full(WAVELENGTH.size, self.room_light / float(_LUMINOUS.sum()))

    def photodiode_current(self) -> float:
        """Return the photodiode's current (A) now: light and dark current, without meter noise."""
        light = self.load.photocurrent(self.operating_point().current, self.photodiode)
        if self.room_light:
            light += self.photodiode.current(self._room_radiance())
        return light + self.photodiode.dark_current + self._dark_drift()

    def photodiode_voltage(self) -> float:
        """Return the amplifier's output (V) now, without meter noise."""
        return self.photodiode.gain * self.photodiode_current()

    def _drive(self, regulate: Callable[[], OperatingPoint]) -> OperatingPoint:
        self._age()
        self._regulate = regulate
        self._settle()
        return self._point

    def _settle(self) -> None:
        point = self._regulate()
        if point.current != self._point.current or self.load.longest_step(point.current) is not None:
            self._radiance = None
        self._point = point

    def _age(self) -> None:
        """Integrate the load's history up to now, the operating point following it."""
        now = self.clock.now()
        remaining = now - self._since
        self._since = now
        shortest = remaining / 1000.0  # bounds the work of a night without changing what a sweep sees
        while remaining > 0.0:
            longest = self.load.longest_step(self._point.current)
            if longest is None:
                return
            step = min(max(longest, shortest), remaining)
            self.load.advance(self._load_voltage(self._point), self._point.current, step)
            self._settle()
            remaining -= step

    def _relay_open(self) -> OperatingPoint:
        return _OFF

    def _series_resistance(self) -> float:
        return 0.0 if self.remote_sense else self.lead_resistance

    def _load_voltage(self, point: OperatingPoint) -> float:
        return point.voltage - point.current * self._series_resistance()

    def _voltage_source(self, level: float, current_limit: float) -> OperatingPoint:
        current = self._current_at(level)
        if abs(current) <= current_limit:
            return OperatingPoint(level, current, False)
        current = math.copysign(current_limit, current)
        return OperatingPoint(self._voltage_at(current), current, True)

    def _current_source(self, level: float, voltage_limit: float) -> OperatingPoint:
        voltage = self._voltage_at(level)
        if abs(voltage) <= voltage_limit:
            return OperatingPoint(voltage, level, False)
        voltage = math.copysign(voltage_limit, voltage)
        return OperatingPoint(voltage, self._current_at(voltage), True)

    def _voltage_at(self, current: float) -> float:
        return self.load.voltage(current) + current * self._series_resistance()

    def _current_at(self, voltage: float) -> float:
        if self.remote_sense or self.lead_resistance == 0.0:
            return self.load.current(voltage)
        series = self.lead_resistance
        low, high = sorted((0.0, voltage / series))
        for _ in range(200):
            middle = 0.5 * (low + high)
            if not low < middle < high:
                break
            if self.load.current(voltage - middle * series) > middle:
                low = middle
            else:
                high = middle
        return high if voltage > 0.0 else low

    def _dark_drift(self) -> float:
        now = self.clock.now()
        if self.noise.dark_drift and now > self._drift_time:
            step = self.noise.dark_drift * math.sqrt(now - self._drift_time)
            self._drift += step * next(self._drift_steps)
        self._drift_time = now
        return self._drift
