"""What is known of a Keithley 2450, rounded: SPEC-2450. Not for measurements."""

from __future__ import annotations

from drivers.specification import Accuracy, PointTiming, SerialLine, SourceMeterSpecification, Span

_VOLTAGE_RANGES = (0.02, 0.2, 2.0, 20.0, 200.0)
_CURRENT_RANGES = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)


def _span(ranges: tuple[float, ...]) -> Span:
    accuracy = {range_: Accuracy(2.5e-4, 2e-4 * range_) for range_ in ranges}
    steps = {range_: 2.5e-5 * range_ for range_ in ranges}
    return Span(ranges, 1.05, measuring=accuracy, steps=steps, sourcing=accuracy)


def conversion_time(timing: PointTiming) -> float:
    return (3 if timing.autozero else 1) * timing.nplc / timing.line_frequency + 1e-3


def point_time(timing: PointTiming) -> float:
    return timing.trigger_delay + timing.filter_count * conversion_time(timing)


SPECIFICATION = SourceMeterSpecification(
    name="Keithley 2450",
    maker="KEITHLEY",
    identities=("MODEL 2450",),
    serial=SerialLine(),
    highest_baud_rate=115200,
    voltage=_span(_VOLTAGE_RANGES),
    current=_span(_CURRENT_RANGES),
    envelope=((21.0, 1.05), (210.0, 0.105)),
    protection_steps=(2, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180),
    buffer=100_000,
    level_latency=2e-3,
    delay_step=1e-4,
    conversion_time=conversion_time,
    point_time=point_time,
)
