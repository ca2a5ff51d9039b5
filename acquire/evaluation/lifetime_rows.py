"""The rows of a lifetime as they come: records with time under stress, and luminance over L_0 as known then. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot, isnan, nan

from acquire.evaluation.decay import DecayConditions
from acquire.evaluation.stress import StressClock
from acquire.records import Event, LifetimePoint, Record, Spectrum

_ROUNDING = 1e-3  # s


@dataclass
class LifetimeRows:
    """Makes the rows of one part of a lifetime, numbered ``part``, of which ``count`` were made before.

    ``initial_luminance`` L_0 [cd/m^2] and its relative ``spread``, NaN until it is known.
    """

    conditions: DecayConditions
    clock: StressClock
    part: int = 0
    count: int = 0
    initial_luminance: float = nan
    spread: float = nan

    @classmethod
    def new(cls, conditions: DecayConditions) -> LifetimeRows:
        """Those of a lifetime that begins."""
        return cls(conditions, StressClock(-conditions.burn_in, conditions.settle))

    def recorded(self, event: Event) -> Event:
        """What is recorded of an event: a row of the course for a point of it, and the rest as it is."""
        if isinstance(event, Spectrum):
            return self.of_spectrum(event)
        if not isinstance(event, Record):
            return event
        if event.reading.cycle == 0:
            return self.of_course(event)
        self.of_curve(event)
        return event

    def of_curve(self, record: Record) -> None:
        """Take note of a point of a curve, for which there is no row here."""
        self.clock.of_curve(record.reading.time, record.reading.paused)

    def of_course(self, record: Record) -> LifetimePoint:
        """The row of a point at the level that is kept."""
        reading, luminance = record.reading, record.luminance
        stress = self.clock.of_course(reading.time, reading.paused)
        spread = record.luminance_independent_uncertainty / luminance if luminance > 0.0 else nan
        first = isnan(self.initial_luminance) and stress >= self.conditions.initial_time - _ROUNDING
        if first and luminance > 0.0:
            self.initial_luminance, self.spread = luminance, spread
        ratio = luminance / self.initial_luminance
        self.count += 1
        return LifetimePoint(
            time=reading.time,
            stress_time=stress,
            source_level=reading.source_level,
            voltage=reading.voltage,
            current=reading.current,
            photodiode_signal=reading.photodiode_signal,
            source_status=reading.source_status,
            flags=record.flags,
            part=self.part,
            spectrum_index=record.spectrum_index,
            current_density=record.current_density,
            luminance=luminance,
            luminance_uncertainty=record.luminance_uncertainty,
            relative_luminance=ratio,
            relative_luminance_uncertainty=ratio * hypot(spread, self.spread),
            external_quantum_efficiency=record.external_quantum_efficiency,
            external_quantum_efficiency_uncertainty=record.external_quantum_efficiency_uncertainty,
            ambient_temperature=reading.ambient_temperature,
            relative_humidity=reading.relative_humidity,
        )

    def of_spectrum(self, spectrum: Spectrum) -> Spectrum:
        """A spectrum at the last row, by the number of that row."""
        return replace(spectrum, point_index=self.count - 1)
