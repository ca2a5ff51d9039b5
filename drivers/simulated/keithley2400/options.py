"""How a 2400 is connected and built, and a switch for each point that its documents leave open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from drivers.simulated.keithley2400.ranges import CONVERSION_TIMING, ConversionTiming


@dataclass(frozen=True)
class Keithley2400Options:
    """How this unit is connected and built, and a switch for each point that its documents leave open.

    ``instant`` makes every duration zero (an endless run, ARM:COUN INF, keeps its real ones); ``latency`` (s) passes
    between a message and its execution. ``one_function_phases`` replaces the three A/D phases of a single measured
    function with auto-zero and concurrent measuring on; ``two_functions_without_autozero`` is (phases, overhead s
    of a voltage source, of a current source).
    """

    interface: Literal["gpib", "serial", "socket"] = "gpib"
    terminator: Literal["LF", "CR", "CRLF", "LFCR"] = "CR"
    line_frequency: float = 50.0
    serial_number: str = "1248014"
    firmware: str = "C30   Mar 17 2006 09:29:29/A02  /K/J"
    instant: bool = False
    latency: float = 0.0
    enable_line_closed: bool = True
    level_after_sweep: Literal["last", "bias"] = "last"
    number_format: str = ".6E"
    plus_before_positive_codes: bool = True
    trigger_input: tuple[str, ...] = ()
    pulses_without_link_source: bool = True
    one_function_phases: int = 3
    two_functions_without_autozero: ConversionTiming = CONVERSION_TIMING[False, True]
    conf_resets_protection: bool = False
    latch_depth: int = 1
    source_delay: float = 0.0
    out_of_range_level: Literal["refuse", "clip"] = "refuse"
    overflow: float = 9.9e37
    static_source_delay: Literal["skipped", "kept"] = "skipped"
