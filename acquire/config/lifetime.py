"""The section of a sweep file that keeps one level for hours to months and watches the light fade."""

from __future__ import annotations

from math import ceil, log10
from typing import Annotated, Literal

from pydantic import Field

from acquire.config.quantities import Fraction, Luminance, PositiveSeconds, PositiveVolts, Quantity, Seconds
from acquire.config.section import Section
from acquire.config.source_quantities import MOST_AMPERES, MOST_VOLTS, PointsPerDecade, Stretch

#: Rows of a lifetime at most: four months at one a second.
MOST_SAMPLES = 10_000_000

#: The longest that a level is kept once the end has come, s.
LONGEST_HOLD_AT_END = 86_400.0

AmountOfVolts = Annotated[float, Quantity("V", "8 V", above=0.0, most=MOST_VOLTS)]
AmountOfAmperes = Annotated[float, Quantity("A", "10 mA", above=0.0, most=MOST_AMPERES)]
Signal = Annotated[float, Quantity("V", "10 mV", above=0.0)]


class Sampling(Section):
    """A point so often, until then."""

    every: PositiveSeconds = Field(description="Time from one point to the next.", examples=["1 min"])
    until: PositiveSeconds = Field(description="Until when, of the time under stress.", examples=["10 h"])


class Curves(Stretch):
    """Breaks in which the levels of a curve are gone through."""

    at: tuple[Seconds, ...] = Field(
        min_length=1, description="When, of the time under stress.", examples=[["0 s", "10 h", "100 h"]]
    )


class EndConditions(Section):
    """What ends a lifetime before the time of its last sample; amounts count, whatever their sign.

    An over-voltage, an over-current and the like are the rules of ``stop``: they hold while nothing is recorded too.
    """

    luminance_share: Fraction | None = Field(
        default=None, description="Once the luminance is at this share of L_0.", examples=["50 %"]
    )
    luminance_below: Luminance | None = Field(
        default=None, description="Once the luminance is smaller.", examples=["10 cd/m^2"]
    )
    voltage_above: AmountOfVolts | None = Field(
        default=None, description="Once the voltage is larger.", examples=["9 V"]
    )
    voltage_below: AmountOfVolts | None = Field(
        default=None, description="Once the voltage is smaller.", examples=["2 V"]
    )
    voltage_rise: PositiveVolts | None = Field(
        default=None, description="Once the voltage has risen by so much since L_0 was taken.", examples=["1 V"]
    )
    current_above: AmountOfAmperes | None = Field(
        default=None, description="Once the current is larger.", examples=["5 mA"]
    )
    current_below: AmountOfAmperes | None = Field(
        default=None, description="Once the current is smaller.", examples=["10 uA"]
    )
    photodiode_signal_below: Signal | None = Field(
        default=None, description="Once the photodiode's signal, dark value subtracted, is smaller.", examples=["1 mV"]
    )
    points: int | None = Field(default=None, ge=2, description="Once there are so many points.", examples=[10000])


class Lifetime(Section):
    """One level, kept while the light fades; it is the one in ``source.levels``.

    Times are those under stress, the burn-in left out. When points are taken is given in one of two ways: sampling; or
    points_per_decade with until, which are equal steps of the logarithm of time.
    """

    sampling: tuple[Sampling, ...] = Field(
        default=(),
        max_length=20,
        description="How often a point is taken, and until when; the end of the last is the end.",
        examples=[[{"every": "1 s", "until": "1 min"}, {"every": "1 min", "until": "100 h"}]],
    )
    points_per_decade: PointsPerDecade | None = Field(
        default=None, description="Points for each tenfold time, in place of sampling.", examples=[50]
    )
    first: PositiveSeconds = Field(
        default=1.0, description="With points_per_decade: the first of them.", examples=["1 s"]
    )
    until: PositiveSeconds | None = Field(
        default=None, description="With points_per_decade: when it ends.", examples=["1000 h"]
    )
    burn_in: Seconds = Field(
        default=0.0, description="Kept at the level so long before the time counts.", examples=["10 min"]
    )
    initial_luminance: Literal["by_time", "by_maximum"] = Field(
        default="by_time",
        description="Which L_0 the lifetimes refer to: the luminance at initial_time, or the largest. Both are kept.",
    )
    initial_time: PositiveSeconds = Field(
        default=1.0, description="L_0 by time is that of the first point from then on."
    )
    spectra_at: tuple[Seconds, ...] = Field(
        default=(), max_length=1000, description="When a spectrum is taken.", examples=[["1 s", "10 h", "100 h"]]
    )
    spectra_at_shares: tuple[Fraction, ...] = Field(
        default=(), max_length=100, description="At which shares of L_0 one is taken.", examples=[["90 %", "50 %"]]
    )
    reference: Literal["never", "once", "every"] = Field(
        default="never",
        description="Whether a spectrum says what the photodiode's luminance is worth: once, when L_0 is taken; or "
        "every reference_every, which takes out of the results what drifts in the photodiode's channel.",
    )
    reference_every: PositiveSeconds | None = Field(
        default=None, description="With reference: every. How often.", examples=["10 h"]
    )
    curves: Curves | None = Field(
        default=None,
        description="Breaks for a curve in between: start and stop with step, points or points_per_decade.",
        examples=[{"at": ["0 s", "100 h"], "start": "10 uA", "stop": "5 mA", "points_per_decade": 10}],
    )
    end: EndConditions = Field(default_factory=EndConditions)
    hold_at_end: Annotated[float, Quantity("s", "10 min", above=0.0, most=LONGEST_HOLD_AT_END)] | None = Field(
        default=None,
        description="When an end condition is met the level is kept so long, then the output goes off. Not given: the "
        "output goes off at once.",
    )

    @property
    def last(self) -> float:
        """The time of the last sample, s; 0 where the section does not say."""
        return self.sampling[-1].until if self.sampling else self.until or 0.0

    def sample_count(self) -> int:
        """Samples of the course at most, those of the burn-in and two at an end among them."""
        count = self.burn_in / self.burn_in_every + 3
        if self.sampling:
            begins = (0.0, *(part.until for part in self.sampling))
            count += sum(
                max(part.until - begin, 0.0) / part.every + 1
                for begin, part in zip(begins, self.sampling, strict=False)
            )
        elif self.points_per_decade and self.last > self.first:
            count += log10(self.last / self.first) * self.points_per_decade + 1
        return ceil(min(count, 1e12))

    @property
    def burn_in_every(self) -> float:
        """How often a point is taken during the burn-in, s."""
        return max(self.burn_in / 100.0, 1.0)

    def spectrum_count(self) -> int:
        """Spectra at most."""
        often = int(self.last / self.reference_every) + 1 if self.reference_every else 1
        references = {"never": 0, "once": 1, "every": often}[self.reference]
        return len(self.spectra_at) + len(self.spectra_at_shares) + references
