"""What is known of the Keithley 2000 multimeter: ranges, accuracy and speed, reading DC volts and DC current.

Source: Model 2000 Repair Manual with specifications Rev. E. Without auto-zero the limits of error hold for ten minutes
and 1 degC. Below 1 PLC the specifications give none; that of 1 PLC is taken, and noise must be added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from drivers.specification import Accuracy, MultimeterSpecification, PointTiming, SerialLine, Span

# Range: (ppm of reading, ppm of range, ppm of range more at 1 PLC without filter)
_VOLTAGE_LIMITS = {0.1: (50, 35, 15), 1.0: (30, 7, 2), 10.0: (30, 5, 0), 100.0: (45, 6, 2), 1000.0: (45, 6, 0)}
_CURRENT_LIMITS = {0.01: (500, 80, 10), 0.1: (500, 800, 40), 1.0: (800, 80, 10), 3.0: (1200, 40, 0)}
_RESOLUTION = 1e-6  # of range, a reading of 6 1/2 digits
_SHUNTS = {0.01: 10.0, 0.1: 0.1, 1.0: 0.1, 3.0: 0.1}  # ohm, what it measures a current across
_ZERO_SHIFT = 5e-6  # V; without auto-zero, and 2 ppm of range
_FULL_SCALE = 1.2  # every range but the largest reaches 120 % of its nominal value


def _span(limits: Mapping[float, tuple[int, int, int]], without_autozero: Mapping[float, float]) -> Span:
    return Span(
        ranges=tuple(limits),
        full_scale=_FULL_SCALE,
        measuring={
            range_: Accuracy(1e-6 * of_reading, 1e-6 * of_range * range_)
            for range_, (of_reading, of_range, _) in limits.items()
        },
        faster=((10.0, {range_: 1e-6 * more * range_ for range_, (_, _, more) in limits.items()}),),
        quiet_filter=10,
        without_autozero=without_autozero,
        steps={range_: _RESOLUTION * range_ for range_ in limits},
    )


def conversion_time(timing: PointTiming) -> float:
    """Duration of one conversion, fitted to the speeds of the specifications, s."""
    aperture = timing.nplc / timing.line_frequency
    if timing.nplc >= 1:
        return 2 * aperture if timing.autozero else 1.2 * aperture
    return 2 * aperture + 3e-3 if timing.autozero else aperture + 0.33e-3


def auto_trigger_delay(function: Literal["voltage", "current"], range_: float) -> float:
    """Trigger delay it chooses by itself for DC volts and DC current, s."""
    if function == "current":
        return 2e-3
    return 5e-3 if range_ >= 100 else 1e-3


def trigger_jitter(timing: PointTiming) -> float:
    """How much later than the soonest a pulse on the trigger link may start a reading, s.

    Up to 0.3 ms; with auto-zero the pulse finds the meter anywhere in a conversion besides.
    """
    return 0.3e-3 + (conversion_time(timing) if timing.autozero else 0.0)


def reading_time(timing: PointTiming) -> float:
    """Duration of one reading, without its transfer, s; of those that a pulse starts the mean."""
    latency = 0.2e-3 + (trigger_jitter(timing) / 2 if timing.linked else 0.0)
    return latency + timing.trigger_delay + timing.filter_count * conversion_time(timing)


SPECIFICATION = MultimeterSpecification(
    name="Keithley 2000",
    maker="KEITHLEY",
    identities=("MODEL 2000",),
    serial=SerialLine(baud_rate=4800, terminator="\r"),
    highest_baud_rate=19200,
    voltage=_span(_VOLTAGE_LIMITS, {range_: 2e-6 * range_ + _ZERO_SHIFT for range_ in _VOLTAGE_LIMITS}),
    # Of DC volts the specifications say it; of current it is that of the voltage across the shunt
    current=_span(_CURRENT_LIMITS, {range_: 2e-6 * range_ + _ZERO_SHIFT / ohm for range_, ohm in _SHUNTS.items()}),
    buffer=1024,
    delay_step=1e-3,  # three decimals
    reading_time=reading_time,
    trigger_jitter=trigger_jitter,
)
