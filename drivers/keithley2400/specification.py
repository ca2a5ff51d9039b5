"""What is known of the Keithley 2400 and 2401: ranges, accuracy, speed and limits.

Sources: Keithley Series 2400 User's Manual 2400S-900-01 Rev. K, appendix A, and data sheet SPEC-2400 Rev. L.
"""

from __future__ import annotations

from drivers.specification import Accuracy, PointTiming, SerialLine, Source, SourceMeterSpecification, Span

# Limits of error added below 1 PLC and below 0.1 PLC; between the tabulated speeds the faster, worse row counts
_FASTER = ((1.0, 5e-5), (0.1, 5e-4))
_COARSE = 10  # times that on the lowest voltage and on the highest current range


def _faster(ranges: tuple[float, ...], coarse: float) -> tuple[tuple[float, dict[float, float]], ...]:
    return tuple(
        (below, {range_: range_ * (share * (_COARSE if range_ == coarse else 1)) for range_ in ranges})
        for below, share in _FASTER
    )


_VOLTAGE_RANGES = (0.2, 2.0, 20.0, 200.0)
_CURRENT_RANGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_FULL_SCALE = 1.05  # source and measure reach 105 % of the range

_VOLTAGE = Span(
    ranges=_VOLTAGE_RANGES,
    full_scale=_FULL_SCALE,
    measuring={
        0.2: Accuracy(1.2e-4, 3e-4),
        2.0: Accuracy(1.2e-4, 3e-4),
        20.0: Accuracy(1.5e-4, 1.5e-3),
        200.0: Accuracy(1.5e-4, 1e-2),
    },
    faster=_faster(_VOLTAGE_RANGES, coarse=0.2),
    steps={0.2: 5e-6, 2.0: 5e-5, 20.0: 5e-4, 200.0: 5e-3},
    sourcing={
        0.2: Accuracy(2e-4, 6e-4),
        2.0: Accuracy(2e-4, 6e-4),
        20.0: Accuracy(2e-4, 2.4e-3),
        200.0: Accuracy(2e-4, 2.4e-2),
    },
)

_CURRENT = Span(
    ranges=_CURRENT_RANGES,
    full_scale=_FULL_SCALE,
    measuring={
        1e-6: Accuracy(2.9e-4, 3e-10),
        1e-5: Accuracy(2.7e-4, 7e-10),
        1e-4: Accuracy(2.5e-4, 6e-9),
        1e-3: Accuracy(2.7e-4, 6e-8),
        1e-2: Accuracy(3.5e-4, 6e-7),
        1e-1: Accuracy(5.5e-4, 6e-6),
        1.0: Accuracy(2.2e-3, 5.7e-4),
    },
    faster=_faster(_CURRENT_RANGES, coarse=1.0),
    steps={1e-6: 5e-11, 1e-5: 5e-10, 1e-4: 5e-9, 1e-3: 5e-8, 1e-2: 5e-7, 1e-1: 5e-6, 1.0: 5e-5},
    sourcing={
        1e-6: Accuracy(3.5e-4, 6e-10),
        1e-5: Accuracy(3.3e-4, 2e-9),
        1e-4: Accuracy(3.1e-4, 2e-8),
        1e-3: Accuracy(3.4e-4, 2e-7),
        1e-2: Accuracy(4.5e-4, 2e-6),
        1e-1: Accuracy(6.6e-4, 2e-5),
        1.0: Accuracy(2.7e-3, 9e-4),
    },
)

# (auto-zero, one function): A/D phases, overhead with the V source, with the I source; two functions without
# auto-zero are not in the manual's table and follow from its other rows
_CONVERSIONS = {
    (True, True): (3, 1.8e-3, 2.15e-3),
    (True, False): (4, 2.3e-3, 2.65e-3),
    (False, True): (1, 0.30e-3, 0.64e-3),
    (False, False): (2, 0.5e-3, 0.9e-3),
}
_PHASE = 185e-6
_TRIGGER_LATENCY = 225e-6


def conversion_time(timing: PointTiming) -> float:
    """Duration of one conversion, s: phases times (aperture + 185 µs), plus a fixed overhead (appendix A)."""
    phases, with_voltage, with_current = _CONVERSIONS[timing.autozero, timing.functions == 1]
    overhead = with_voltage if timing.source == "voltage" else with_current
    return phases * (timing.nplc / timing.line_frequency + _PHASE) + overhead


def point_time(timing: PointTiming) -> float:
    """Duration of one point in its own trigger model, without the transfer to the computer, s.

    A static level starts with a latency of 0.5 ms (0.1 ms without auto-zero). Autoranging comes on top: up to 40 ms,
    65 ms on the two lowest current ranges.
    """
    latency, source_delay = (_TRIGGER_LATENCY if timing.linked else 0.0), timing.source_delay
    if timing.static:
        latency, source_delay = (5e-4 if timing.autozero else 1e-4), 0.0
    return latency + timing.trigger_delay + 50e-6 + source_delay + timing.filter_count * conversion_time(timing)


def auto_source_delay(source: Source, range_: float) -> float:
    """Source delay it chooses by itself, s (``range_``: measure range of a V source, range of an I source, A)."""
    slow = {1e-6: 3e-3, 1e-5: 2e-3} if source == "voltage" else {1e-6: 3e-3, 1.0: 2e-3}
    return slow.get(range_, 1e-3) + 1e-4


SPECIFICATION = SourceMeterSpecification(
    name="Keithley 2400",
    maker="KEITHLEY",
    identities=("MODEL 2400", "MODEL 2401"),  # the ranges of the other models differ
    serial=SerialLine(baud_rate=9600, terminator="\r"),
    highest_baud_rate=57600,
    voltage=_VOLTAGE,
    current=_CURRENT,
    envelope=((21.0, 1.05), (210.0, 0.105)),
    protection_steps=(20, 40, 60, 80, 100, 120, 160),  # :SOUR:VOLT:PROT
    buffer=2500,
    level_latency=7e-3,  # SPEC-2400
    delay_step=1e-4,  # four decimals
    conversion_time=conversion_time,
    point_time=point_time,
)
