"""How a Model 2000 is built, wired and connected, and a switch for each point that its documents leave open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class MeterOptions:
    """How this meter is built and wired, and what the documents leave open about its measuring.

    ``instant``: conversions, delays and latencies take no time. ``autorange_up`` and ``autorange_down`` are
    fractions of the range. ``fast_autozero_overhead`` (s) is what auto-zero adds below 1 PLC.
    ``autozero_trigger_lag``: with auto-zero an external trigger is answered up to so many conversions later.
    ``auto_delays``: automatic trigger delay (s) of each range, for the functions named. ``late_trigger_error``:
    a trigger that comes while the meter is busy gives -211. ``pulse_per_sample``: the output trigger comes after
    every sample, not once a group. ``wired_to_front``: the input terminals that the photodiode is wired to.
    """

    line_frequency: float = 50.0
    instant: bool = False
    autorange_up: float = 1.2
    autorange_down: float = 0.1
    fast_autozero_overhead: float = 0.003
    autozero_trigger_lag: float = 1.0
    auto_delays: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    late_trigger_error: bool = False
    pulse_per_sample: bool = False
    wired_to_front: bool = True


@dataclass(frozen=True, slots=True)
class Keithley2000Options(MeterOptions):
    """How this meter is connected and identified, and what the documents leave open about its language.

    ``interface``, ``terminator`` (serial only) and ``latency`` (s, between a message and its execution) as for
    :class:`~drivers.simulated.scpi.instrument.Interface`. ``read_overhead`` (s) is what one READ? takes beyond its
    measurement. ``number_format``: of real settings in replies.
    ``overflow_padded``: overflow fills the field of a reading. ``reset_...``: *RST values.
    ``configure_resets_function``: CONFigure puts the function's settings at default. ``local_on_gpib_error``:
    SYST:LOC, REM, RWL over GPIB give -221 instead of nothing. ``read_every_trigger``: READ? returns all readings
    of TRIG:COUN triggers, not only the last group. ``binary_read``: FORM SRE and DRE hold for READ? and FETC?
    too. ``colon_before_common``: ``:*CLS`` is understood.
    """

    interface: Literal["gpib", "serial", "socket"] = "gpib"
    terminator: Literal["LF", "CR", "CRLF", "LFCR"] = "CR"
    latency: float = 0.0
    read_overhead: float = 0.005
    serial_number: str = "1053308"
    firmware: str = "A19  /A02"
    number_format: str = ".10G"
    overflow_padded: bool = True
    reset_filter_on: bool = False
    reset_delay_auto: bool = True
    reset_bandwidth: float = 20.0
    configure_resets_function: bool = True
    local_on_gpib_error: bool = False
    read_every_trigger: bool = False
    binary_read: bool = False
    colon_before_common: bool = True
