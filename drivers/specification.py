"""What the data sheet of an instrument model says, as frozen values: the program asks these, never a constant.

Every model has its own values in ``drivers/<model>/specification.py``; :mod:`drivers.models` finds them by the name of
the model. Times in s, voltages in V, currents in A.

Limits of error are for one year, 23 degC ± 5 degC, after warm-up; treated as rectangular their standard
uncertainty is ``limit / sqrt(3)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from drivers import ranges

Source = Literal["voltage", "current"]


@dataclass(frozen=True)
class SerialLine:
    """Settings of a serial line, eight data bits without parity; ``terminator`` ends lines in both directions."""

    baud_rate: int = 9600
    terminator: str = "\r"
    flow_control: Literal["none", "xon_xoff", "rts_cts"] = "none"


#: What ends a line, by the name that a bench file gives it.
TERMINATORS = {"CR": "\r", "LF": "\n", "CRLF": "\r\n", "LFCR": "\n\r"}


@dataclass(frozen=True)
class Accuracy:
    """A limit of error on one range: a ``share`` of the value, and an ``offset`` in its unit."""

    share: float
    offset: float


@dataclass(frozen=True)
class Span:
    """One quantity of a meter or of a source, in V or A; every mapping is by nominal range.

    ``full_scale``: how far a range reaches beyond its nominal value. ``measuring``: accuracy of a slow
    reading. ``faster``: below so many power-line cycles that much is added to the limit of error, the smallest last.
    ``quiet_filter``: a filter of so many readings makes up for speed. ``without_autozero``: added when that is off.
    ``steps``: resolution, of a source that of its levels, of a meter that of its readings. A source has ``sourcing``,
    the accuracy of its levels, besides.
    """

    ranges: tuple[float, ...]
    full_scale: float
    measuring: Mapping[float, Accuracy]
    faster: tuple[tuple[float, Mapping[float, float]], ...] = ()
    quiet_filter: float = float("inf")
    without_autozero: Mapping[float, float] = field(default_factory=dict)
    steps: Mapping[float, float] = field(default_factory=dict)
    sourcing: Mapping[float, Accuracy] = field(default_factory=dict)

    @property
    def largest(self) -> float:
        """The largest magnitude on the largest range."""
        return max(self.ranges) * self.full_scale

    def reach(self, range_: float) -> float:
        """The largest magnitude on a nominal range, with allowance for rounding."""
        return ranges.reach(range_, self.full_scale)

    @cached_property
    def reaches(self) -> list[float]:
        """What each range reaches to, but the last, which holds everything that a smaller one does not."""
        return [self.reach(nominal) for nominal in self.ranges[:-1]]

    def smallest_range(self, value: float) -> float:
        """The smallest nominal range that holds ``value`` (either sign).

        :raises ValueError: no range is large enough, or the value is not a number.
        """
        return ranges.smallest_range(value, self.ranges, self.full_scale)

    def limit_of_error(
        self, value: Any, range_: float, nplc: float = 1.0, *, filter_count: int = 1, autozero: bool = True
    ) -> Any:
        """One-year limit of error of a reading ``value``, a number or an array, on a nominal range.

        :raises KeyError: there is no such range.
        """
        accuracy = self.measuring[range_]
        added = [limits[range_] for below, limits in self.faster if nplc < below and filter_count < self.quiet_filter]
        zero = 0.0 if autozero else self.without_autozero.get(range_, 0.0)
        return abs(value) * accuracy.share + accuracy.offset + (added[-1] if added else 0.0) + zero

    def source_limit_of_error(self, level: float, range_: float) -> float:
        """One-year limit of error of a level that the source puts out on a nominal range.

        :raises KeyError: there is no such range.
        """
        accuracy = self.sourcing[range_]
        return abs(level) * accuracy.share + accuracy.offset


@dataclass(frozen=True)
class PointTiming:
    """What decides how long a reading takes. Times in s, ``line_frequency`` in Hz.

    ``functions``: how many a source-measure unit reads at once. ``filter_count``: that of the repeat filter,
    1 when it is off. ``static``: the level was changed by command and stays, so that the source skips its
    ``source_delay``. ``linked``: a pulse on the trigger link starts the reading.
    """

    nplc: float
    line_frequency: float
    autozero: bool = True
    functions: int = 2
    source: Source = "voltage"
    trigger_delay: float = 0.0
    source_delay: float = 0.0
    filter_count: int = 1
    static: bool = False
    linked: bool = False


@dataclass(frozen=True)
class Specification:
    """What is known of every model: its name for people, how it says who it is, and its serial line.

    ``maker`` and ``identities``: what the maker in its identity holds, and what the model begins with, in capitals.
    ``serial``: as from the factory.
    """

    name: str
    maker: str
    identities: tuple[str, ...]
    serial: SerialLine
    highest_baud_rate: int

    def fits(self, maker: str, model: str) -> bool:
        """Whether an instrument that names this maker and this model is of this kind."""
        return self.maker in maker.upper() and model.upper().startswith(self.identities)


@dataclass(frozen=True)
class SourceMeterSpecification(Specification):
    """A source-measure unit.

    ``envelope``: corners (V, A), by rising voltage; up to each voltage no more than its current. ``protection_steps``:
    limits of the over-voltage protection, V. ``buffer``: readings it stores. ``level_latency``: a level command takes
    up to this time to act on a fixed source range, s. ``delay_step``: resolution of its delays, s. ``conversion_time``
    and ``point_time``: duration of one conversion, and of one point without its transfer, s.
    """

    voltage: Span
    current: Span
    envelope: tuple[tuple[float, float], ...]
    protection_steps: tuple[int, ...]
    buffer: int
    level_latency: float
    delay_step: float
    conversion_time: Callable[[PointTiming], float]
    point_time: Callable[[PointTiming], float]

    def span(self, quantity: str) -> Span:
        """Its ``voltage`` or its ``current``."""
        return self.voltage if quantity == "voltage" else self.current

    def most_current(self, voltage: float) -> float:
        """The largest current (A) together with a voltage (V, either sign); 0 beyond the last corner."""
        return next((current for corner, current in self.envelope if abs(voltage) <= corner), 0.0)


@dataclass(frozen=True)
class MultimeterSpecification(Specification):
    """A multimeter. ``buffer``: readings it stores. ``delay_step``: resolution of its trigger delay, s.

    ``reading_time``: duration of one reading without its transfer, s. ``trigger_jitter``: by how much readings that a
    pulse on the trigger link starts differ in their duration, s, from the shortest to the longest.
    """

    voltage: Span
    current: Span
    buffer: int
    delay_step: float
    reading_time: Callable[[PointTiming], float]
    trigger_jitter: Callable[[PointTiming], float]

    def span(self, unit: str) -> Span:
        """That of readings in V, or of readings in A."""
        return self.voltage if unit == "V" else self.current


@dataclass(frozen=True)
class ExposureEstimate:
    """What a reading of a spectroradiometer will take, s; ``announced`` is the figure in its first answer."""

    integration_time: float
    internal_nd: bool
    pre_measurement: float
    announced: int

    @property
    def total(self) -> float:
        """The time from the command to the end of the reading, s."""
        return self.pre_measurement + self.announced


class Exposure(Protocol):
    """How long a spectroradiometer takes."""

    def __call__(
        self,
        luminance: float,
        *,
        measuring_angle: float = 1.0,
        speed_mode: Literal["normal", "fast", "multi_normal", "multi_fast", "manual"] = "normal",
        integration_time: float = 1.0,
        internal_nd: Literal["off", "on", "auto"] = "auto",
    ) -> ExposureEstimate:
        """Estimate the duration of a reading of ``luminance`` (cd/m^2, of the light that enters the meter)."""


class Spot(Protocol):
    """How large a spot a spectroradiometer sees."""

    def __call__(self, angle: float, distance: float | None, *, close_up_lens: bool = False) -> float:
        """The diameter [m] at a measuring angle [deg]; ``distance`` [m] None: as near as it can be focused."""


@dataclass(frozen=True)
class SpectroradiometerSpecification(Specification):
    """A spectroradiometer.

    ``measuring_angles``: those that its aperture can be set to, deg. ``spot``: what it sees. ``bandwidth``: full width
    at half maximum of its spectral response, nm, at most.
    """

    measuring_angles: tuple[float, ...]
    exposure: Exposure
    spot: Spot
    bandwidth: float


@dataclass(frozen=True)
class LoggerSpecification(Specification):
    """A logger of the surroundings: limits of error of its temperature, K, and relative humidity, as a fraction."""

    temperature_limit: float
    humidity_limit: float


@dataclass(frozen=True)
class PixelSwitchSpecification(Specification):
    """A switch that connects one pixel at a time; ``relays``: how many it has."""

    relays: int
