"""The test fixture, the one physical truth behind all twins: what drives the load, what its detectors see, the noise.

Physics only; nothing here ever sees a byte. SI units; spectra on the 1 nm grid of the instruments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivers.cie import WAVELENGTH
from drivers.simulated.clock import Clock
from drivers.simulated.device import LUMINOUS
from drivers.simulated.loads import Load, OpenCircuit
from drivers.simulated.photodiode import Move, Photodiode

_DEVIATES_PER_BLOCK = 256


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


@dataclass(frozen=True)
class AmbientLight:
    """Stray light on both detectors, as ``luminance`` (cd/m^2) of an equal-energy spectrum in the device's place.

    It swings by ``modulation`` (1: down to nothing) at ``frequency`` (Hz): lamps flicker at twice that of the mains.
    """

    luminance: float = 0.0
    modulation: float = 0.0
    frequency: float = 100.0

    def mean(self, end: float, duration: float) -> float:
        """Return its mean (cd/m^2) over ``duration`` (s) up to a time ``end`` (s)."""
        turn = 2.0 * math.pi * self.frequency
        if duration > 0.0:
            swing = (math.sin(turn * end) - math.sin(turn * (end - duration))) / (turn * duration)
        else:
            swing = math.cos(turn * end)
        return self.luminance * (1.0 + self.modulation * swing)


def ambient_from_parameters(shared: Mapping[str, Any]) -> AmbientLight:
    """Build the stray light; none where the shared parameters say nothing of it."""
    entry = shared.get("ambient", {})
    return AmbientLight(
        entry.get("luminance_cd_m2", 0.0), entry.get("modulation", 0.0), entry.get("frequency_Hz", 100.0)
    )


def lambertian(angle: float) -> float:  # noqa: ARG001
    """Return 1: the same radiance from everywhere."""
    return 1.0


def pattern_from_parameters(shared: Mapping[str, Any]) -> Callable[[float], float]:
    """Build the radiance at an angle (deg) by that at 0: cos^(n-1) (1 + a sin^2); n = 1 and a = 0 are Lambertian."""
    entry = shared.get("angular", {})
    power, cavity = entry.get("cosine_power", 1.0), entry.get("sine_squared", 0.0)

    def radiance(angle: float) -> float:
        turned = math.radians(angle)
        return float(max(math.cos(turned), 0.0) ** (power - 1.0) * (1.0 + cavity * math.sin(turned) ** 2))

    return lambertian if (power, cavity) == (1.0, 0.0) else radiance


class OperatingPoint(NamedTuple):
    """What the source senses (V, A); ``clamped`` when the limit, not the level, decided."""

    voltage: float
    current: float
    clamped: bool


_OFF = OperatingPoint(0.0, 0.0, False)
_NOTHING = OpenCircuit()


class TestFixture:
    """Holds the load in front of photodiode and spectroradiometer: the one physical truth behind all twins.

    ``lead_resistance`` (ohm) is in series with the load; with ``remote_sense`` the source regulates and
    senses at the load itself. ``ambient`` is stray light on both detectors, of which the spectroradiometer sees the
    mean; ``dark_ramp`` (A/s) is a steady drift of the photodiode's dark current from the beginning on.
    ``normal_deviates`` are the standard normal deviates of the meters' noise. ``move`` is what befalls the photodiode
    in the course of time. ``device_angle`` (deg) is how far the device is turned away from the spectroradiometer: this
    sees ``pattern`` of it, radiance by that seen straight from the front; the photodiode turns with the device.
    ``emitting_area`` (m^2) is nan for a load without one. A pixel switch connects one load of several
    (:meth:`put_in`); until there are several, the one there is is behind every relay.
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
        self.ambient = AmbientLight()
        self.dark_ramp = 0.0
        self.move: Move | None = None
        self.device_angle = 0.0
        self.pattern: Callable[[float], float] = lambertian
        self.emitting_area = math.nan
        # the drift has a stream of its own, so that it does not depend on how often the meters were read
        self.rng, drift_rng = np.random.default_rng(seed).spawn(2)
        self.normal_deviates, self._drift_steps = normal_deviates(self.rng), normal_deviates(drift_rng)
        self._drift = 0.0
        self._drift_time = clock.now()
        self._regulate: Callable[[], OperatingPoint] = self._relay_open
        self._point = _OFF
        self._since = clock.now()
        self._radiance: NDArray[np.float64] | None = None
        self._sole, self._pixels = load, dict[int, Load]()
        self._relay: int | None = 1

    def drive_voltage(self, level: float, current_limit: float) -> OperatingPoint:
        """Put a voltage (V) on the terminals, |I| <= ``current_limit`` (A), from now on."""
        return self._drive(partial(self._voltage_source, level, current_limit))

    def drive_current(self, level: float, voltage_limit: float) -> OperatingPoint:
        """Send a current (A) through the terminals, |V| <= ``voltage_limit`` (V), from now on."""
        return self._drive(partial(self._current_source, level, voltage_limit))

    def disconnect(self) -> OperatingPoint:
        """Open the output relay: no current from now on."""
        return self._drive(self._relay_open)

    @property
    def energised(self) -> bool:
        """Whether there is voltage at the terminals, or a current flows; a source that is off may stay at 0 V."""
        point = self.operating_point()
        return bool(point.voltage or point.current)

    def put_in(self, pixels: Mapping[int, Load]) -> None:
        """Put another substrate in: what is behind each relay, counted from 1; without a switch 1 is connected.

        One that is switched stays connected by the relay that is closed.
        """
        self._pixels = dict(pixels)
        self.connect(self._relay)

    def behind(self, relay: int) -> Load:
        """Return what is behind a relay."""
        return self._pixels.get(relay, _NOTHING) if self._pixels else self._sole

    def connect(self, relay: int | None) -> None:
        """Connect what is behind a relay, None: nothing, from now on; whatever drives the terminals goes on."""
        self._age()
        self._relay = relay
        self.load = _NOTHING if relay is None else self.behind(relay)
        self._radiance = None
        self._settle()

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
        seen = self._radiance if not self.device_angle else self._radiance * self.pattern(self.device_angle)
        return seen if not self.ambient.luminance else seen + self._ambient_radiance(self.ambient.luminance)

    def _ambient_radiance(self, luminance: float) -> NDArray[np.float64]:
        """Equal-energy light."""
        return np.full(WAVELENGTH.size, luminance / float(LUMINOUS.sum()))

    def photodiode_current(self, integrated: float = 0.0) -> float:
        """Return the photodiode's current (A) now: light and dark current, without meter noise.

        Of ambient light it is the mean over the last ``integrated`` s, in which a meter integrates.
        """
        if self.move is not None and self.clock.now() >= self.move.after:
            self.photodiode, self.move = self.move.photodiode, None
        light = self.load.photocurrent(self.operating_point().current, self.photodiode)
        if self.ambient.luminance:
            mean = self.ambient.mean(self.clock.now(), integrated)
            light += self.photodiode.current(self._ambient_radiance(mean))
        return light + self.photodiode.dark_current + self.dark_ramp * self.clock.now() + self._dark_drift()

    def photodiode_voltage(self, integrated: float = 0.0) -> float:
        """Return the amplifier's output (V) now, without meter noise; as :meth:`photodiode_current`."""
        current = self.photodiode_current(integrated)
        return self.photodiode.voltage(current)

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
