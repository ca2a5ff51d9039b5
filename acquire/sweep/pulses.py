"""Pulses as lists of levels that the source runs by itself: where they stand, how long they lasted. Pure.

A list has one duration for all of its levels, so a pulse is one place of it and a rest some more:
base ... base, level, base ... base, level, base.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import nan

from acquire.config import BenchFile, SweepFile
from acquire.config.linked_timing import linked_timing
from acquire.records import Reading
from drivers import models
from drivers.ranges import delay_setting

#: How long a burst of pulses lasts at most, s. Where the trigger link fails, the level under way stays until the burst
#: is overdue: pulses may be higher than what the device stands for long.
LONGEST_BURST_OF_PULSES = 2.0

#: The source stamps its readings in steps of 1 ms (User's Manual, :SYST:TIME?): two of them are off by that together.
STAMP_STEP = 1e-3


@dataclass(frozen=True)
class PulsePlan:
    """Pulses of ``width`` s, each after ``rests`` times that at ``base_level`` (V or A).

    ``source_delay``: the source waits so long (s) after each level, so that its reading ends with the pulse.
    """

    base_level: float
    width: float
    rests: int
    source_delay: float

    @property
    def period(self) -> float:
        """The time from pulse to pulse, s."""
        return (self.rests + 1) * self.width

    @property
    def duty_cycle(self) -> float:
        """The share of the time that a pulse lasts."""
        return 1 / (self.rests + 1)

    def levels(self, pulses: Sequence[float]) -> list[float]:
        """The list for pulses to these levels (V or A); it ends at the base level."""
        rest = [self.base_level] * self.rests
        return [level for pulse in pulses for level in (*rest, pulse)] + [self.base_level]

    def places(self, listed: int) -> range:
        """Where in the first ``listed`` levels of a list the pulses stand that are over by then."""
        return range(self.rests, listed - 1, self.rests + 1)

    def most_pulses(self, listed: int) -> int:
        """How many pulses fit into a list of so many levels, one at least."""
        return max((listed - 1) // (self.rests + 1), 1)


def pulse_plan(sweep: SweepFile, bench: BenchFile) -> PulsePlan | None:
    """Work the pulses of a checked sweep file out on a bench; None where it has none."""
    pulse = sweep.source.pulse
    if pulse is None:
        return None
    source, measure, instruments = sweep.source.function, sweep.measure, bench.instruments
    shortest = linked_timing(measure, instruments, source, 0.0).longest_point
    step = models.source_meter(instruments.smu.model).delay_step
    delay = delay_setting(max(pulse.width - shortest, 0.0), step)
    width = linked_timing(measure, instruments, source, delay).longest_point
    return PulsePlan(pulse.base_level or 0.0, width, pulse.rests(), delay)


def achieved_widths(stamps: Sequence[float], places: Sequence[int]) -> list[float]:
    """How long the levels at these places of a list stayed, s, by the source's own time stamps of all its readings, s.

    All levels of a list stay equally long, so the mean of the list, which is far finer than a stamp, is the width of
    every pulse whose own two stamps do not contradict it; NaN where there is no stamp after the pulse.
    """
    if len(stamps) < 2:
        return [nan] * len(places)
    mean = (stamps[-1] - stamps[0]) / (len(stamps) - 1)
    own = [stamps[place + 1] - stamps[place] if place + 1 < len(stamps) else nan for place in places]
    return [mean if abs(width - mean) <= 1.5 * STAMP_STEP else width for width in own]


#: A pulse may be off the width that was planned by this share of it before that is said, besides two stamps' steps.
WIDTH_TOLERANCE = 0.1


def off_width(readings: Iterable[Reading], pulse: PulsePlan) -> Iterator[str]:
    """What is to be said of pulses that did not last as long as planned; the widths are recorded with the points."""
    allowed = WIDTH_TOLERANCE * pulse.width + 2 * STAMP_STEP
    off = [one.pulse_width for one in readings if not abs(one.pulse_width - pulse.width) <= allowed]
    if off:
        lasted = f"{min(off) * 1e3:.4g} to {max(off) * 1e3:.4g} ms"
        yield f"pulses of {pulse.width * 1e3:.4g} ms lasted {lasted} (column pulse_width)"
