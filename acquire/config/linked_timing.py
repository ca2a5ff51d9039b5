"""How long a point takes that two instruments run by themselves over the trigger link. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from acquire.config.bench import Instruments
from acquire.config.sweep import Measure
from drivers import models
from drivers.specification import PointTiming, Source


@dataclass(frozen=True)
class LinkedTiming:
    """The parts of a point, s: what comes ``before`` both meters start, the source's own ``conversion``, and the other
    meter's reading, which takes from ``shortest`` to ``longest``, each as likely: it answers a pulse late.

    The source goes on to the next level when both are done.
    """

    before: float
    conversion: float
    shortest: float
    longest: float

    @property
    def mean(self) -> float:
        """The expected duration of a point, s: of the slower of both meters, which is not always the same."""
        jitter = self.longest - self.shortest
        exceeding = self.longest - self.conversion
        if exceeding <= 0.0:
            return self.before + self.conversion
        if exceeding >= jitter:
            return self.before + (self.shortest + self.longest) / 2
        return self.before + self.conversion + exceeding**2 / (2 * jitter)

    @property
    def longest_point(self) -> float:
        """The longest that a point may take, s."""
        return self.before + max(self.conversion, self.longest)


def linked_timing(measure: Measure, instruments: Instruments, source: Source, source_delay: float) -> LinkedTiming:
    """The parts of a point with these settings, the source waiting ``source_delay`` s after each level."""
    timing = PointTiming(
        nplc=measure.nplc,
        line_frequency=instruments.smu.line_frequency,
        autozero=measure.autozero,
        source=source,
        source_delay=source_delay,
        filter_count=measure.filter_count,
        linked=True,
    )
    smu = models.source_meter(instruments.smu.model)
    conversion = measure.filter_count * smu.conversion_time(timing)
    meter = models.multimeter(instruments.photodiode_meter.model)
    light = PointTiming(
        nplc=measure.photodiode_nplc,
        line_frequency=instruments.smu.line_frequency,
        autozero=measure.autozero,
        filter_count=measure.filter_count,
        linked=True,
    )
    mean, jitter = meter.reading_time(light), meter.trigger_jitter(light)
    return LinkedTiming(smu.point_time(timing) - conversion, conversion, mean - jitter / 2, mean + jitter / 2)
