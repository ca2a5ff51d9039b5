"""The Keithley 2400 SourceMeter from the other end of the wire: protocol, trigger model, source and measurement.

:class:`Keithley2400Twin` answers bytes as the instrument does and drives the
:class:`~drivers.simulated.device.TestFixture`. The parts: command table (:mod:`.commands`), what may be
set (:mod:`.rules`), the settings and what they put on the terminals (:mod:`.settings`),
ranges and times (:mod:`.ranges`), trigger model (:mod:`.trigger`), measurement
(:mod:`.measurement`), readings and buffer (:mod:`.readings`), limit tests
(:mod:`.limits`).

Sources: Series 2400 SourceMeter User's Manual 2400S-900-01 Rev. K; SPEC-2400 Rev. L; Series 2400 firmware release
notes up to C34. Where these leave something open, :class:`Keithley2400Options` has a switch.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from drivers.simulated.device import TestFixture
from drivers.simulated.keithley2400.commands import COMMANDS
from drivers.simulated.keithley2400.limits import LIMIT_CONDITIONS, check_limits, nulled
from drivers.simulated.keithley2400.measurement import (
    OVERFLOW,
    RANGE_CHANGE_TIME,
    MovingFilter,
    conversion_timing,
    limiting_of,
    noisy,
    point_conversion_time,
    reading_elements,
    source_phase,
    status_element,
    wanted_range,
)
from drivers.simulated.keithley2400.ranges import CONVERSION_TIMING, RECALL_TIME, ConversionTiming, nominal_range
from drivers.simulated.keithley2400.readings import (
    BUFFER_SIZE,
    BUILT_IN_FORMULAS,
    POSITIONS,
    USER_FORMULAS,
    Formula,
    Reading,
    Trace,
    calculate,
    format_values,
    user_formula,
)
from drivers.simulated.keithley2400.rules import checked_sweep, configure, take_level
from drivers.simulated.keithley2400.settings import (
    MEASURED,
    MEMORY_SETTINGS,
    Drive,
    Settings,
    drive_off,
    drive_on,
    measure_ranges,
)
from drivers.simulated.keithley2400.trigger import (
    WAITING_FOR_ARM,
    WAITING_FOR_TRIGGER,
    TriggerLines,
    TriggerRun,
    trigger_model,
)
from drivers.simulated.scpi.instrument import CommandError, Interface, Later, ScpiInstrument, Step
from drivers.simulated.scpi.status import USER_REQUEST
from drivers.simulated.trigger_link import TriggerLink

ERRORS = {
    -430: "Query DEADLOCKED",
    -420: "Query UNTERMINATED",
    -410: "Query INTERRUPTED",
    100: "Limit 1 failed",
    101: "Low limit 2 failed",
    102: "High limit 2 failed",
    103: "Low limit 3 failed",
    104: "High limit 3 failed",
    105: "Active limit tests passed",
    106: "Reading available",
    107: "Reading overflow",
    108: "Buffer available",
    109: "Buffer full",
    110: "Contact check failed",
    111: "OUTPUT enable asserted",
    112: "Temperature limit exceeded",
    113: "Voltage limit exceeded",
    114: "Source in compliance",
    200: "Operation complete",
    300: "Device calibrating",
    303: "Device sweeping",
    305: "Waiting in trigger layer",
    306: "Waiting in arm layer",
    310: "Entering idle layer",
    601: "Reading buffer data lost",
    700: "Invalid system communication",
    701: "ASCII only with RS-232",
    800: "Illegal with storage active",
    801: "Insufficient vector data",
    802: "OUTPUT blocked by output enable",
    803: "Not permitted with OUTPUT off",
    804: "Expression list full",
    806: "Expression not found",
    807: "Definition not allowed",
    808: "Expression cannot be deleted",
    809: "Source memory location revised",
    810: "OUTPUT blocked by Over Temp",
    822: "Too small for sense range",
    823: "Invalid with source read-back on",
    824: "Cannot exceed compliance range",
    825: "Invalid with auto-ohms on",
    826: "Attempt to exceed power limit",
    827: "Invalid with ohms guard on",
    828: "Invalid on 1 amp range",
    830: "Invalid with INF ARM:COUNT",
    900: "Internal System Error",
}
"""Positive numbers, and the query errors as this model spells them (User's Manual, appendix B)."""

# measurement register
READING_AVAILABLE, READING_OVERFLOW, BUFFER_AVAILABLE, BUFFER_FULL = 1 << 6, 1 << 7, 1 << 8, 1 << 9
OUTPUT_ENABLE_ASSERTED, OVER_TEMPERATURE, OVER_VOLTAGE, COMPLIANCE = 1 << 11, 1 << 12, 1 << 13, 1 << 14
_READING_CONDITIONS = READING_AVAILABLE | READING_OVERFLOW | LIMIT_CONDITIONS | OVER_VOLTAGE | COMPLIANCE
# operation register
SWEEPING, IDLE = 1 << 3, 1 << 10
_RELAY_SETTLING = 0.015  # s after the output relay closes
_OTHER = {"VOLT": "CURR", "CURR": "VOLT"}
_TIMER_WRAP = 99999.999  # s


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


class OutputChange(NamedTuple):
    """A change of what is put on the terminals: time (s), output on or off, source function, level (V or A)."""

    time: float
    output_on: bool
    function: str
    level: float


class Keithley2400Twin(ScpiInstrument):
    """A 2400 on one fixture; ``link`` is the trigger-link cable, if there is one.

    ``output_log`` lists every change of what was put on the terminals. A reading samples the load at the end of
    its conversions.
    """

    completion_message = 200

    def __init__(
        self, fixture: TestFixture, options: Keithley2400Options | None = None, link: TriggerLink | None = None
    ) -> None:
        self.options = options or Keithley2400Options()
        super().__init__(
            fixture.clock,
            COMMANDS,
            Interface(self.options.interface, self.options.terminator, self.options.latency),
            ERRORS,
            plus_before_positive_codes=self.options.plus_before_positive_codes,
            number_format=self.options.number_format,
        )
        self.fixture = fixture
        self.lines = TriggerLines(link, self.options.latch_depth, self._signal)
        self.settings = self.default_settings()
        self.setups: dict[int, Settings] = {}
        self.memory: dict[int, dict[str, object]] = {}
        self.trace = Trace()
        self.samples: list[Reading] = []
        self.formulas: dict[str, Formula] = dict(BUILT_IN_FORMULAS)
        self.math_unit = ""
        self.line_frequency = self.options.line_frequency
        self.line_frequency_auto = True
        self.power_on_setup = "RST"
        self.display_texts = {1: "", 2: ""}
        self.display_text_on = {1: False, 2: False}
        self.last_key = 0
        self.output_on = False
        self.output_log: list[OutputChange] = []
        self.remote = False
        self._enable_line_closed = self.options.enable_line_closed
        self._over_temperature = False
        self._run_now: TriggerRun | None = None
        self._fetch: Later | None = None
        self._swept_level: float | None = None
        self._sweep: tuple[float, ...] = ()
        self._endless = False
        self._moving_filter = MovingFilter()
        self._drive = Drive("OPEN")
        self._tripped = ""  # the function whose compliance held the last reading
        self._settled_at = 0.0
        self._timer_start = 0.0
        self._next_arm = 0.0
        self.apply()
        self.status.measurement.replace_bits(OUTPUT_ENABLE_ASSERTED, OUTPUT_ENABLE_ASSERTED * self._enable_line_closed)

    # --- the connector ---

    def receive(self, data: bytes, *, end: bool = False) -> None:
        """Take bytes; the first ones after a time in local put the instrument into remote."""
        if not self.remote and data:
            self._go_to_remote()
        super().receive(data, end=end)

    def is_idle(self) -> bool:
        """Whether the trigger model is idle (ARM annunciator off)."""
        return self._run_now is None

    def holds_back(self, step: Step) -> bool:
        """While the trigger model runs, everything waits but a few urgent commands."""
        return self._run_now is not None and not step.urgent

    def overtakes(self, step: Step) -> bool:
        """The urgent commands reach the trigger model at once."""
        return self._run_now is not None and step.urgent

    def on_device_clear(self) -> None:
        """DCL, SDC: back to idle; the output stays as it is."""
        self.abort()

    def on_trigger(self) -> None:
        """``*TRG`` or GET satisfies arm source BUS; -211 when nothing waits for it."""
        if not self._signal("BUS"):
            self.status.error(-211)

    def enable_messages(self, ranges: tuple[tuple[int, int], ...]) -> None:
        """``STAT:QUE:ENAB``: each new event is now news for the error queue too, by the number of its bit."""
        super().enable_messages(ranges)
        self.status.measurement.announce = partial(self._report_bits, 100)
        self.status.operation.announce = partial(self._report_bits, 300)

    def _report_bits(self, first: int, bits: int) -> None:
        for bit in range(bits.bit_length()):
            if bits >> bit & 1:
                self.status.error(first + bit)

    def identity(self) -> str:
        """Maker, model, serial number and firmware."""
        return f"KEITHLEY INSTRUMENTS INC.,MODEL 2400,{self.options.serial_number},{self.options.firmware}"

    # --- what people and wiring do to it ---

    @property
    def enable_line_closed(self) -> bool:
        """The output enable line of the digital port (interlock): closed means at ground."""
        return self._enable_line_closed

    @enable_line_closed.setter
    def enable_line_closed(self, closed: bool) -> None:
        self._enable_line_closed = closed
        self.status.measurement.replace_bits(OUTPUT_ENABLE_ASSERTED, OUTPUT_ENABLE_ASSERTED * closed)
        self.trip_if_blocked()

    @property
    def over_temperature(self) -> bool:
        """Whether the unit is too hot for its output."""
        return self._over_temperature

    @over_temperature.setter
    def over_temperature(self, hot: bool) -> None:
        self._over_temperature = hot
        self.status.measurement.replace_bits(OVER_TEMPERATURE, OVER_TEMPERATURE * hot)
        self.trip_if_blocked()

    def trip_if_blocked(self) -> None:
        """Go to high impedance and idle when interlock or temperature demand it."""
        if self._blocked_by():
            # first the terminals: what was held back goes on as soon as the trigger model is idle
            self.switch_output(on=False)
            self.abort()
        self.apply()

    def press_output_key(self) -> None:
        """The front panel's OUTPUT key: works in remote and under local lockout too."""
        if self.output_on:
            self.switch_output(on=False)
            self.abort()
        elif error := self._blocked_by():
            self.status.error(error)
        else:
            self.switch_output(on=True)

    def press_trigger_key(self) -> None:
        """The front panel's TRIG key satisfies arm source MAN."""
        self._signal("MAN")

    def start_of_test(self, edge: Literal["NST", "PST"]) -> None:
        """A falling (NST) or rising (PST) edge on the digital port's start-of-test line."""
        if not self._signal(edge):
            self._signal("BST")

    def press_local_key(self) -> None:
        """The front panel's LOCAL key."""
        self.status.standard.latch(USER_REQUEST)
        self.go_to_local()

    def go_to_local(self) -> None:
        """Back to local: idle, fixed source, concurrent measuring and display on."""
        self.remote = False
        self._leave_sweep()
        self.settings.display_on = True

    def _go_to_remote(self) -> None:
        self.remote = True
        self._leave_sweep()
        self.samples = []

    def _leave_sweep(self) -> None:
        self.abort()
        for axis in self.settings.source.values():
            axis.mode = "FIX"
        self.settings.memory_sweep = False
        self.settings.concurrent = True

    # --- setups ---

    def default_settings(self) -> Settings:
        """The ``*RST`` values of this unit."""
        return Settings(source_delay=self.options.source_delay, trigger_input=self.options.trigger_input)

    def reset(self) -> None:
        """``*RST``: defaults, idle, output off; buffer, status, line frequency and display text stay."""
        self._take_setup(self.default_settings())

    def preset(self) -> None:
        """``SYST:PRES``: the bench defaults."""
        settings = self.default_settings()
        settings.over_voltage_protection = 40.0
        settings.byte_order = "SWAP"
        settings.trigger_input = ("SOUR",)
        self._take_setup(settings)

    def power_cycle(self) -> None:
        """Off and on again at the mains switch: the setup of ``SYST:POS``, nothing remembered of the last readings."""
        self.device_clear()
        if self.power_on_setup == "PRES":
            self.preset()
        elif self.power_on_setup == "RST":
            self.reset()
        else:
            self.recall(int(self.power_on_setup[-1]))
        self.remote = False
        self.reset_timer()
        self.lines.forget()
        self.status.power_on()

    def save(self, number: int) -> None:
        """``*SAV``: keep the present setup."""
        self.setups[number] = copy.deepcopy(self.settings)

    def recall(self, number: int) -> None:
        """``*RCL``: a kept setup, or the defaults; idle, output off."""
        self._take_setup(copy.deepcopy(self.setups.get(number)) or self.default_settings())

    def _take_setup(self, settings: Settings) -> None:
        self.abort()
        self.samples = []
        self._moving_filter.restart()
        self.settings = settings
        self.register_format, self.math_unit = "ASC", ""
        self.switch_output(on=False)

    def forget_memory(self) -> None:
        """``SYST:MEM:INIT``: kept setups, source memory, user expressions and the buffer go."""
        self.setups.clear()
        self.memory.clear()
        self.delete_formula(None)
        self.trace = Trace()
        self.clear_trace()

    def save_memory(self, number: int) -> None:
        """``SOUR:MEM:SAVE``: keep source and measurement settings in one of 100 places."""
        self.memory[number] = {name: copy.deepcopy(getattr(self.settings, name)) for name in MEMORY_SETTINGS}

    def recall_memory(self, number: int) -> None:
        """``SOUR:MEM:REC``: take them back; +801 from an empty place."""
        if number not in self.memory:
            raise CommandError(801)
        for name, value in self.memory[number].items():
            setattr(self.settings, name, copy.deepcopy(value))
        self._swept_level = None
        self.apply()

    # --- output ---

    def _blocked_by(self) -> int:
        if self._over_temperature:
            return 810
        return 802 if self.settings.output_enable_used and not self._enable_line_closed else 0

    def request_output(self, on: bool) -> None:
        """``OUTP``: +802 or +810 when the output is blocked."""
        if on and (error := self._blocked_by()):
            raise CommandError(error)
        self.switch_output(on=on)

    def switch_output(self, *, on: bool) -> None:
        """Put the bias level on the terminals, or the output-off state."""
        if on != self.output_on:
            self._swept_level = None
            if on and self.settings.output_off_state == "HIMP":
                self._settled_at = self.clock.now() + self.pause(_RELAY_SETTLING)
        self.output_on = on
        if not on:
            self._tripped = ""
            self.status.measurement.clear_bits(COMPLIANCE | OVER_VOLTAGE)
        self.apply()

    def set_level_by_command(self, function: str, level: float) -> None:
        """A new fixed level (V or A), put out at once if the output is on."""
        take_level(self.settings, function, level)
        self._swept_level = None
        self.apply()

    def leave_swept_level(self) -> None:
        """From the level where a sweep ended back to the fixed one."""
        self._swept_level = None
        self.apply()

    def apply(self) -> None:
        """Put on the terminals what the settings say; nothing happens where nothing changes."""
        if self.output_on:
            drive = drive_on(self.settings, self._swept_level)
        else:
            drive = drive_off(self.settings, tripped=bool(self._blocked_by()))
        if drive == self._drive and self.fixture.remote_sense == self.settings.remote_sense:
            return
        self._drive = drive
        self.fixture.remote_sense = self.settings.remote_sense
        if drive.function == "OPEN":
            self.fixture.disconnect()
        elif drive.function == "VOLT":
            self.fixture.drive_voltage(drive.level, drive.limit)
        else:
            self.fixture.drive_current(drive.level, drive.limit)
        self._log(drive)

    def _log(self, drive: Drive) -> None:
        change = OutputChange(self.clock.now(), self.output_on, drive.function, drive.level)
        if not self.output_log or change[1:] != self.output_log[-1][1:]:
            self.output_log.append(change)

    # --- measuring: commands ---

    def initiate(self) -> None:
        """``INIT``: leave idle; +803 with the output off."""
        settings = self.settings
        if not self.output_on and not settings.auto_off and settings.output_off_state != "ZERO":
            raise CommandError(803)
        if settings.auto_off and (error := self._blocked_by()):
            raise CommandError(error)
        self._sweep = self._prepare_sweep()
        self._endless = math.isinf(settings.arm_count)
        self.samples = []
        if settings.timer_reset_auto:
            self.reset_timer()
        self.status.measurement.clear_bits(READING_AVAILABLE | READING_OVERFLOW | LIMIT_CONDITIONS)
        self.status.operation.replace_bits(IDLE | SWEEPING, SWEEPING * self._is_sweeping())
        self._run_now = TriggerRun(self.clock, trigger_model(self), self._show_waiting, self._finish)
        self._run_now.go_on()

    def _prepare_sweep(self) -> tuple[float, ...]:
        settings = self.settings
        if settings.memory_sweep:
            if any(number not in self.memory for number in self._memory_places()):
                raise CommandError(801)
            return ()
        if settings.axis().mode == "FIX" or settings.auto_ohms:
            return ()
        return checked_sweep(settings)

    def _memory_places(self) -> range:
        return range(self.settings.memory_start, self.settings.memory_start + self.settings.memory_points)

    def _is_sweeping(self) -> bool:
        return bool(self._sweep) or self.settings.memory_sweep

    def abort(self) -> None:
        """Back to idle where the run is; a reply that was still being measured will not come."""
        if self._run_now is None:
            return
        self._run_now.stop()
        self._become_idle()
        fetch, self._fetch = self._fetch, None
        if fetch is not None:
            fetch.abandon()
        self.idle_reached()

    def read(self) -> str | bytes | Later:
        """``READ?``: INIT, then the readings."""
        self._refuse_endless()
        self.initiate()
        return self._reply_in_idle()

    def fetch(self) -> str | bytes | Later:
        """``FETC?``: the readings since INIT, once idle; -230 when there are none."""
        self._refuse_endless()
        return self._reply_in_idle()

    def _reply_in_idle(self) -> str | bytes | Later:
        if self._run_now is not None:
            self._fetch = Later()
            return self._fetch
        return self._format_readings(self._samples_or_error())

    def measure(self, functions: frozenset[str] | None = None) -> str | bytes | Later:
        """``MEAS?``: CONF and READ?."""
        self._refuse_endless()
        self.configure(self.settings.functions if functions is None else functions)
        return self.read()

    def configure(self, functions: frozenset[str]) -> None:
        """``CONF``: one function with its controls at the defaults, and the output ON."""
        if error := self._blocked_by():
            raise CommandError(error)
        configure(self.settings, functions, reset_protection=self.options.conf_resets_protection)
        self.trace.control = "NEV"
        self._moving_filter.restart()
        self.switch_output(on=True)

    def latest(self) -> str | bytes:
        """``SENS:DATA:LAT?``: the last reading only, as text whatever ``FORM`` says."""
        reading = self._samples_or_error()[-1]
        return self.text_of([reading.element(name) for name in self.settings.elements])

    def text_of(self, values: list[float]) -> str | bytes:
        """Numbers as text, with 9.91e37 and 9.9e37 where there are none."""
        return format_values(values, self.options.overflow, "ASC", "NORM")

    def _refuse_endless(self) -> None:
        if math.isinf(self.settings.arm_count):
            raise CommandError(830)

    def _samples_or_error(self) -> list[Reading]:
        if not self.samples:
            raise CommandError(-230)
        return self.samples

    # --- measuring: the trigger model's view ---

    def pause(self, duration: float) -> float:
        """The seconds that a duration takes: none at all on an instant instrument."""
        return 0.0 if self._takes_no_time() else duration

    def _takes_no_time(self) -> bool:
        return self.options.instant and not self._endless

    def time_to_arm(self, *, first: bool) -> float:
        """The first pass is immediate; then the timer ticks at its own pace, whatever a pass takes."""
        now = self.clock.now()
        self._next_arm = now if first else max(self._next_arm + self.settings.arm_timer, now)
        return self._next_arm - now

    def recall_point(self, index: int) -> float:
        """Recall the next place of a memory sweep; the seconds that takes."""
        places = self._memory_places()
        self.recall_memory(places[index % len(places)])
        return self.pause(RECALL_TIME)

    def source(self, index: int) -> float:
        """Put out the level of this point; the seconds from here to the conversion."""
        settings = self.settings
        static = not (self._is_sweeping() or settings.auto_off or settings.axis().triggered is not None)
        if not static:
            self._put_out(index)
        relay = max(0.0, self._settled_at - self.clock.now())
        if self._takes_no_time():
            return relay
        skip_delay = static and self.options.static_source_delay == "skipped"
        return relay + self._soak(index) + source_phase(settings, skip_delay=skip_delay)

    def _put_out(self, index: int) -> None:
        settings, axis = self.settings, self.settings.axis()
        if self._sweep:
            self._swept_level = self._sweep[index % len(self._sweep)]
            if settings.sweep_ranging == "AUTO":
                axis.range = nominal_range(settings.source_function, self._swept_level)
        elif axis.triggered is not None:
            take_level(settings, settings.source_function, axis.triggered)
        if settings.auto_off:
            self.output_on = True
        self.apply()

    def _soak(self, index: int) -> float:
        soaks = index == 0 and self.settings.control_model == "MULT" and self._is_sweeping()
        return self.settings.axis().soak if soaks else 0.0

    def convert(self) -> float:
        """The seconds of the conversions of one point, repeat filter included."""
        if self._takes_no_time():
            return 0.0
        timing = conversion_timing(self.settings, self.options)
        duration = point_conversion_time(self.settings, self.line_frequency, timing)
        if wanted_range(self.settings, self.fixture.operating_point()) is not None:
            duration = min(duration, RANGE_CHANGE_TIME)
        return duration

    def sweeps_in_compliance(self) -> bool:
        """Whether a sweep has come to where the compliance holds the source."""
        return self._is_sweeping() and self.fixture.operating_point().clamped

    def change_range(self) -> bool:
        """Autorange on what is measured and not sourced; True when the point must be repeated."""
        change = wanted_range(self.settings, self.fixture.operating_point())
        if change is None:
            return False
        function, nominal = change
        self.settings.sense[function].range = nominal
        self.apply()
        return True

    def store_reading(self) -> bool:
        """Take the reading of this point into both buffers; False ends the run."""
        reading = self._take_reading()
        if len(self.samples) >= BUFFER_SIZE:
            del self.samples[0]
        self.samples.append(reading)
        if self.trace.storing:
            self._store_in_trace(reading)
        goes_on = not (self.settings.sweep_abort == "LATE" and self.sweeps_in_compliance())
        if self.settings.auto_off and self.settings.auto_off_mode == "ALW":
            self.switch_output(on=False)
        return goes_on

    def pulses(self) -> tuple[str, ...]:
        """The events of the trigger layer that give an output pulse."""
        allowed = self.options.pulses_without_link_source or self.settings.trigger_source == "TLIN"
        return self.settings.trigger_output if allowed else ()

    def _signal(self, event: str) -> bool:
        return self._run_now is not None and self._run_now.signal(event)

    def _show_waiting(self, layer: int) -> None:
        self.status.operation.replace_bits(WAITING_FOR_ARM | WAITING_FOR_TRIGGER, layer)

    def _finish(self) -> None:
        if self.settings.auto_off:
            self.switch_output(on=False)
        elif self.options.level_after_sweep == "bias":
            self.leave_swept_level()
        self._become_idle()
        fetch, self._fetch = self._fetch, None
        if fetch is not None:
            self._deliver(fetch)
        self.idle_reached()

    def _deliver(self, fetch: Later) -> None:
        try:
            reply = self._format_readings(self._samples_or_error())
        except CommandError as error:
            self.status.error(error.code)
            fetch.abandon()
            return
        fetch.deliver(reply)

    def _become_idle(self) -> None:
        self._run_now = None
        self._endless = False
        self.status.operation.replace_bits(SWEEPING | WAITING_FOR_ARM | WAITING_FOR_TRIGGER | IDLE, IDLE)

    # --- readings ---

    def _take_reading(self) -> Reading:
        settings, point = self.settings, self.fixture.operating_point()
        ranges, sourced = measure_ranges(settings), settings.active_source
        voltage, current = noisy(settings, ranges, point, self.fixture)
        if settings.filter_on and settings.filter_control == "MOV":
            voltage, current = self._moving_filter.take(settings.filter_count, ranges, voltage, current)
        elements = reading_elements(settings, ranges, voltage, current, {sourced: self._drive.level})
        limiting = limiting_of(self._drive, point)
        in_compliance = limiting.real or limiting.by_range
        self._tripped = _OTHER[sourced] if in_compliance else ""
        calculated = self._calculate(elements) if settings.math_on else math.nan
        limited = nulled(settings, calculated if settings.limit_feed == "CALC1" else elements[settings.limit_feed])
        limits = check_limits(settings, limited, in_compliance=in_compliance)
        status = status_element(settings, sourced, elements, limiting) | limits.status
        self._show_reading(
            limits.conditions
            | (READING_OVERFLOW if status & OVERFLOW else 0)
            | (COMPLIANCE if in_compliance else 0)
            | (OVER_VOLTAGE if limiting.over_voltage else 0)
        )
        return Reading(
            elements["VOLT"],
            elements["CURR"],
            elements["RES"],
            self.timer(),
            status,
            settings.functions,
            calculated,
            limited,
        )

    def compliance_tripped(self, function: str) -> bool:
        """``PROT:TRIP?``: whether the last reading was limited by this function's compliance."""
        return self._tripped == function

    def over_voltage_tripped(self) -> bool:
        """``SOUR:VOLT:PROT:TRIP?``: whether the OVP limit held the last reading."""
        return bool(self.status.measurement.condition & OVER_VOLTAGE)

    def _calculate(self, elements: dict[str, float]) -> float:
        before = {name: self.samples[-1].element(name) for name in MEASURED} if self.samples else {}
        now = {**elements, "TIME": self.timer()}
        return calculate(self.selected_formula().value, before, now)

    def select_formula(self, name: str) -> None:
        """``CALC1:MATH:NAME``: an unknown name becomes that of the next expression; +804 when no place is left."""
        if name not in self.formulas:
            if len(self.formulas) >= len(BUILT_IN_FORMULAS) + USER_FORMULAS:
                raise CommandError(804)
            self.formulas[name] = BUILT_IN_FORMULAS["POWER"]
        self.settings.math_name = name

    def define_formula(self, text: str) -> None:
        """Give the selected name a new expression; +807 for a built-in name."""
        formula = user_formula(text)
        if self.settings.math_name in BUILT_IN_FORMULAS:
            raise CommandError(807)
        self.formulas[self.settings.math_name] = formula

    def formula_text(self) -> str:
        """The selected expression in round brackets."""
        return f"({self.selected_formula().text})"

    def selected_formula(self) -> Formula:
        """The expression that CALC1 evaluates; POWER when a recalled setup names one that was deleted."""
        return self.formulas.get(self.settings.math_name, BUILT_IN_FORMULAS["POWER"])

    def delete_formula(self, name: str | None) -> None:
        """Delete a user expression, or all of them; +808 for a built-in name, +806 for one that is not there."""
        if name in BUILT_IN_FORMULAS:
            raise CommandError(808)
        if name is not None and name not in self.formulas:
            raise CommandError(806)
        for key in [key for key in self.formulas if key not in BUILT_IN_FORMULAS and name in (None, key)]:
            del self.formulas[key]
        if self.settings.math_name not in self.formulas:
            self.settings.math_name = "POWER"

    def clear_limits(self) -> None:
        """``CALC2:CLIM:CLE``: forget the outcome of the limit tests."""
        self.settings.limits_failed = ()
        self.status.measurement.clear_bits(LIMIT_CONDITIONS)

    def restart_filter(self) -> None:
        """Empty the stack of the moving filter."""
        self._moving_filter.restart()

    def _show_reading(self, conditions: int) -> None:
        measurement = self.status.measurement
        measurement.clear_bits(READING_AVAILABLE | READING_OVERFLOW)  # each reading is an event of its own
        measurement.replace_bits(_READING_CONDITIONS, READING_AVAILABLE | conditions)

    def _store_in_trace(self, reading: Reading) -> None:
        self.trace.store(reading)
        bits = BUFFER_AVAILABLE * (len(self.trace.readings) >= 2) | BUFFER_FULL * self.trace.full
        self.status.measurement.set_bits(bits)

    # --- replies and buffer ---

    def _format_readings(self, readings: list[Reading]) -> str | bytes:
        elements = self.settings.elements
        return self.format_values([reading[POSITIONS[name]] for reading in readings for name in elements])

    def format_values(self, values: list[float]) -> str | bytes:
        """Numbers in the chosen data format, with 9.91e37 and 9.9e37 where there are none."""
        return format_values(values, self.options.overflow, self.settings.data_format, self.settings.byte_order)

    def format_calculated(self, readings: list[Reading], results: list[float]) -> str | bytes:
        """Results of CALC1 or CALC2 with the elements of ``FORM:ELEM:CALC``."""
        values = [
            result if name == "CALC" else reading.element(name)
            for reading, result in zip(readings, results, strict=True)
            for name in self.settings.calculation_elements
        ]
        return self.format_values(values)

    def trace_data(self) -> str | bytes:
        """``TRAC:DATA?``; -230 when the buffer is empty."""
        readings = self.trace.readings
        if not readings:
            raise CommandError(-230)
        stamped = [reading._replace(time=time) for reading, time in zip(readings, self.trace.times(), strict=True)]
        if self.trace.feed == "SENS1":
            return self._format_readings(stamped)
        return self.format_calculated(stamped, [self.trace.fed_value(reading) for reading in stamped])

    def clear_trace(self) -> None:
        """``TRAC:CLE``: empty the buffer."""
        self.trace.readings = []
        self.status.measurement.clear_bits(BUFFER_AVAILABLE | BUFFER_FULL)

    def set_trace_control(self, control: str) -> None:
        """``TRAC:FEED:CONT``: NEXT empties the buffer and stores from the next reading on."""
        if control == "NEXT":
            self.clear_trace()
        self.trace.control = control

    def refuse_while_storing(self) -> None:
        """+800 while readings go into the buffer."""
        if self.trace.storing:
            raise CommandError(800)

    # --- clock ---

    def timer(self) -> float:
        """``SYST:TIME?``: seconds since reset in whole milliseconds; wraps at 99999.999 s."""
        return round((self.clock.now() - self._timer_start) % (_TIMER_WRAP + 0.001), 3)

    def reset_timer(self) -> None:
        """``SYST:TIME:RES``."""
        self._timer_start = self.clock.now()
