"""What can happen to any load: a short between its electrodes, a contact that comes off. Physics only, SI units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.simulated.loads import Load
from drivers.simulated.photodiode import Photodiode


@dataclass(frozen=True)
class Short:
    """A path of ``resistance`` ohm beside the device; there from the beginning, or as soon as one of these holds."""

    resistance: float
    above: float = math.inf  # V, of either sign
    after: float = math.inf  # s, since the bench was opened

    @property
    def from_beginning(self) -> bool:
        """Whether nothing has to happen first."""
        return math.isinf(self.above) and math.isinf(self.after)


class Shorted:
    """A load with a short; once it is there it stays."""

    def __init__(self, load: Load, short: Short) -> None:
        self.load = load
        self.short = short
        self.joined = short.from_beginning
        self.elapsed = 0.0

    def current(self, voltage: float) -> float:
        """Return the current (A) at a terminal voltage (V)."""
        beside = voltage / self.short.resistance if self.joined or abs(voltage) > self.short.above else 0.0
        return self.load.current(voltage) + beside

    def voltage(self, current: float) -> float:
        """Return the terminal voltage (V) at a current (A)."""
        if not self._conducts(current):
            return self.load.voltage(current)
        low, high = sorted((0.0, current * self.short.resistance))
        for _ in range(200):
            middle = 0.5 * (low + high)
            if not low < middle < high:
                break
            if self.load.current(middle) + middle / self.short.resistance < current:
                low = middle
            else:
                high = middle
        return high if current > 0.0 else low

    def luminance(self, current: float) -> float:
        """Return the luminance (cd/m^2) at a current (A)."""
        return self.load.luminance(self._through_load(current))

    def spectral_radiance(self, current: float) -> NDArray[np.float64]:
        """Return the spectral radiance (401,) in W/(sr m^2 nm) at a current (A)."""
        return self.load.spectral_radiance(self._through_load(current))

    def photocurrent(self, current: float, photodiode: Photodiode) -> float:
        """Return what the light at a current (A) gives in a photodiode (A)."""
        return self.load.photocurrent(self._through_load(current), photodiode)

    def longest_step(self, current: float) -> float | None:
        """Return the longest step (s) to integrate the history in at a current (A); None without."""
        longest = self.load.longest_step(self._through_load(current))
        if self.joined:
            return longest
        remaining = max(self.short.after - self.elapsed, 1e-6)
        return remaining if longest is None else min(longest, remaining)

    def advance(self, voltage: float, current: float, duration: float) -> None:
        """Let the history go on for ``duration`` (s) at a constant voltage (V) and current (A)."""
        self.elapsed += duration
        self.load.advance(voltage, self._through_load(current), duration)
        self.joined = self._conducts(current) or self.elapsed >= self.short.after - 1e-9

    def _conducts(self, current: float) -> bool:
        """Whether it is there at this current (A): as soon as the load alone would need a voltage beyond the limit."""
        if self.joined or math.isinf(self.short.above):
            return self.joined
        return abs(current) > abs(self.load.current(math.copysign(self.short.above, current)))

    def _through_load(self, current: float) -> float:
        """What of a current (A) goes through the load and not through the short."""
        return current - self.voltage(current) / self.short.resistance if self._conducts(current) else current


@dataclass(frozen=True)
class Interruption:
    """A contact is off from ``after`` (s since the bench was opened) on, for ``lasts`` s, again every ``every`` s."""

    after: float = 0.0
    lasts: float = math.inf
    every: float = math.inf

    def at(self, elapsed: float) -> bool:
        """Whether the contact is off at a time (s)."""
        since = elapsed - self.after
        return since >= -1e-9 and self._place(since) < self.lasts

    def until_change(self, elapsed: float) -> float:
        """How long (s) the contact stays as it is."""
        since = elapsed - self.after
        if since < -1e-9:
            return -since
        place = self._place(since)
        return self.lasts - place if place < self.lasts else self.every - place

    def _place(self, since: float) -> float:
        """Where in its period a time (s) lies, not a hair before its end."""
        if math.isinf(self.every):
            return max(since, 0.0)
        return max(since - self.every * math.floor(since / self.every + 1e-9), 0.0)


class Interrupted:
    """A load whose contact comes off, for good or now and then: no current flows meanwhile."""

    def __init__(self, load: Load, interruption: Interruption) -> None:
        self.load = load
        self.interruption = interruption
        self.elapsed = 0.0

    @property
    def off(self) -> bool:
        """Whether the contact is off now."""
        return self.interruption.at(self.elapsed)

    def current(self, voltage: float) -> float:
        """Return the current (A) at a terminal voltage (V)."""
        return 0.0 if self.off else self.load.current(voltage)

    def voltage(self, current: float) -> float:
        """Return the terminal voltage (V) at a current (A); infinite where none can flow."""
        if not self.off:
            return self.load.voltage(current)
        return math.copysign(math.inf, current) if current else 0.0

    def luminance(self, current: float) -> float:
        """Return the luminance (cd/m^2) at a current (A)."""
        return 0.0 if self.off else self.load.luminance(current)

    def spectral_radiance(self, current: float) -> NDArray[np.float64]:
        """Return the spectral radiance (401,) in W/(sr m^2 nm) at a current (A)."""
        return self.load.spectral_radiance(0.0 if self.off else current)

    def photocurrent(self, current: float, photodiode: Photodiode) -> float:
        """Return what the light at a current (A) gives in a photodiode (A)."""
        return 0.0 if self.off else self.load.photocurrent(current, photodiode)

    def longest_step(self, current: float) -> float | None:
        """Return the longest step (s) to integrate the history in at a current (A)."""
        longest = self.load.longest_step(0.0 if self.off else current)
        change = max(self.interruption.until_change(self.elapsed), 1e-6)
        return change if longest is None else min(longest, change)

    def advance(self, voltage: float, current: float, duration: float) -> None:
        """Let the history go on for ``duration`` (s) at a constant voltage (V) and current (A)."""
        seen = (0.0, 0.0) if self.off else (voltage, current)
        self.load.advance(*seen, duration)
        self.elapsed += duration


def with_defects(load: Load, parameters: Mapping[str, Any]) -> Load:
    """Give a load the short and the bad contact that its parameters name, if any."""
    if (short := parameters.get("short")) is not None:
        load = Shorted(
            load, Short(short["resistance_ohm"], short.get("above_V", math.inf), short.get("after_s", math.inf))
        )
    if (contact := parameters.get("interruption")) is not None:
        load = Interrupted(
            load,
            Interruption(
                contact.get("after_s", 0.0), contact.get("lasts_s", math.inf), contact.get("every_s", math.inf)
            ),
        )
    return load
