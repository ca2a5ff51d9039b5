"""The Keithley 2400 SourceMeter from the other end of the wire: messages, replies, status, errors.

:class:`Keithley2400Twin` answers bytes as the instrument does. The pieces: :mod:`.commands` (the command table),
:mod:`.source` (output and terminals), :mod:`.source_meter` (trigger run, measurement, buffers), and what these are made
of: :mod:`.settings`, :mod:`.rules` (what may be set), :mod:`.ranges` (and times), :mod:`.trigger` (trigger model),
:mod:`.measurement`, :mod:`.limits` (CALC2), :mod:`.formulas` (CALC1), :mod:`.readings` (and the buffer). Where the
documents leave something open, :mod:`.options` has a switch. The language is that of :mod:`drivers.simulated.scpi`.

Sources: Series 2400 SourceMeter User's Manual 2400S-900-01 Rev. K; SPEC-2400 Rev. L; Series 2400 firmware release
notes up to C34.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

from drivers.simulated.fixture import TestFixture
from drivers.simulated.keithley2400.commands import COMMANDS
from drivers.simulated.keithley2400.errors import ERROR_TEXTS
from drivers.simulated.keithley2400.options import Keithley2400Options
from drivers.simulated.keithley2400.readings import POSITIONS, Reading, format_values
from drivers.simulated.keithley2400.settings import Settings
from drivers.simulated.keithley2400.source import OutputChange
from drivers.simulated.keithley2400.source_meter import SourceMeter
from drivers.simulated.scpi.instrument import Interface, Later, ScpiInstrument
from drivers.simulated.scpi.status import USER_REQUEST, CommandError
from drivers.simulated.scpi.syntax import Step
from drivers.simulated.trigger_link import TriggerLink

__all__ = ["Keithley2400Options", "Keithley2400Twin", "OutputChange"]


class Keithley2400Twin(ScpiInstrument):
    """A 2400 on one fixture; ``link`` is the trigger-link cable, if there is one."""

    completion_message = 200

    def __init__(
        self, fixture: TestFixture, options: Keithley2400Options | None = None, link: TriggerLink | None = None
    ) -> None:
        self.options = options or Keithley2400Options()
        super().__init__(
            fixture.clock,
            COMMANDS,
            Interface(self.options.interface, self.options.terminator, self.options.latency),
            ERROR_TEXTS,
            plus_before_positive_codes=self.options.plus_before_positive_codes,
            number_format=self.options.number_format,
        )
        self.setups: dict[int, Settings] = {}
        self.math_unit = ""
        self.power_on_setup = "RST"
        self.display_texts = {1: "", 2: ""}
        self.display_text_on = {1: False, 2: False}
        self.last_key = 0
        self.remote = False
        self._fetch: Later | None = None
        self.source_meter = SourceMeter(fixture, self.options, self, link)

    @property
    def settings(self) -> Settings:
        """The present settings."""
        return self.source_meter.settings

    @property
    def output_on(self) -> bool:
        """Whether the output is on."""
        return self.source_meter.output_on

    @property
    def output_log(self) -> list[OutputChange]:
        """The changes of what was put on the terminals."""
        return self.source_meter.terminals.log

    # --- the connector ---

    def receive(self, data: bytes, *, end: bool = False) -> None:
        """Take bytes; the first ones after a time in local put the instrument into remote."""
        if not self.remote and data:
            self._go_to_remote()
        super().receive(data, end=end)

    def is_idle(self) -> bool:
        """Whether the trigger model is idle (ARM annunciator off)."""
        return self.source_meter.idle

    def holds_back(self, step: Step) -> bool:
        """While the trigger model runs, everything waits but a few urgent commands."""
        return not self.source_meter.idle and not step.urgent

    def overtakes(self, step: Step) -> bool:
        """The urgent commands reach the trigger model at once."""
        return not self.source_meter.idle and step.urgent

    def on_device_clear(self) -> None:
        """DCL, SDC: back to idle; the output stays as it is."""
        self.source_meter.abort()

    def on_trigger(self) -> None:
        """``*TRG`` or GET satisfies arm source BUS; -211 when nothing waits for it."""
        if not self.source_meter.signal("BUS"):
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

    # --- what the source-meter tells ---

    def measurement_changed(self, mask: int, bits: int) -> None:
        """Show conditions in the measurement register."""
        self.status.measurement.replace_bits(mask, bits)

    def operation_changed(self, mask: int, bits: int) -> None:
        """Show conditions in the operation register."""
        self.status.operation.replace_bits(mask, bits)

    def settled(self, *, aborted: bool) -> None:
        """Reply to what asked for readings; after an abort they will not come."""
        fetch, self._fetch = self._fetch, None
        if fetch is not None and aborted:
            fetch.abandon()
        elif fetch is not None:
            self._deliver(fetch)
        self.idle_reached()

    def _deliver(self, fetch: Later) -> None:
        try:
            reply = self._readings_text()
        except CommandError as error:
            self.status.error(error.code)
            fetch.abandon()
            return
        fetch.deliver(reply)

    # --- what people and wiring do to it ---

    @property
    def enable_line_closed(self) -> bool:
        """The output enable line of the digital port (interlock): closed means at ground."""
        return self.source_meter.enable_line_closed

    @enable_line_closed.setter
    def enable_line_closed(self, closed: bool) -> None:
        self.source_meter.enable_line_closed = closed

    @property
    def over_temperature(self) -> bool:
        """Whether the unit is too hot for its output."""
        return self.source_meter.over_temperature

    @over_temperature.setter
    def over_temperature(self, hot: bool) -> None:
        self.source_meter.over_temperature = hot

    def press_output_key(self) -> None:
        """The front panel's OUTPUT key: works in remote and under local lockout too."""
        if self.output_on:
            self.source_meter.switch_output(on=False)
            self.source_meter.abort()
        elif error := self.source_meter.blocked_by():
            self.status.error(error)
        else:
            self.source_meter.switch_output(on=True)

    def press_trigger_key(self) -> None:
        """The front panel's TRIG key satisfies arm source MAN."""
        self.source_meter.signal("MAN")

    def start_of_test(self, edge: Literal["NST", "PST"]) -> None:
        """A falling (NST) or rising (PST) edge on the digital port's start-of-test line."""
        if not self.source_meter.signal(edge):
            self.source_meter.signal("BST")

    def press_local_key(self) -> None:
        """The front panel's LOCAL key."""
        self.status.standard.latch(USER_REQUEST)
        self.go_to_local()

    def go_to_local(self) -> None:
        """Back to local: idle, fixed source, concurrent measuring and display on."""
        self.remote = False
        self.source_meter.leave_sweep()
        self.settings.display_on = True

    def _go_to_remote(self) -> None:
        self.remote = True
        self.source_meter.leave_sweep()
        self.source_meter.samples = []

    # --- setups ---

    def reset(self) -> None:
        """``*RST``: defaults, idle, output off; buffer, status, line frequency and display text stay."""
        self._load(self.source_meter.default_settings())

    def preset(self) -> None:
        """``SYST:PRES``: the bench defaults."""
        settings = self.source_meter.default_settings()
        settings.over_voltage_protection = 40.0
        settings.byte_order = "SWAP"
        settings.trigger_input = ("SOUR",)
        self._load(settings)

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
        self.source_meter.reset_timer()
        self.source_meter.lines.forget()
        self.status.power_on()

    def save(self, number: int) -> None:
        """``*SAV``: keep the present setup."""
        self.setups[number] = copy.deepcopy(self.settings)

    def recall(self, number: int) -> None:
        """``*RCL``: a kept setup, or the defaults; idle, output off."""
        self._load(copy.deepcopy(self.setups.get(number)) or self.source_meter.default_settings())

    def _load(self, settings: Settings) -> None:
        self.source_meter.load(settings)
        self.register_format, self.math_unit = "ASC", ""

    def forget_memory(self) -> None:
        """``SYST:MEM:INIT``: kept setups, source memory, user expressions and the buffer go."""
        self.setups.clear()
        self.source_meter.forget_memory()

    # --- readings ---

    def read(self) -> str | bytes | Later:
        """``READ?``: INIT, then the readings."""
        self._refuse_endless()
        self.source_meter.initiate()
        return self._reply_in_idle()

    def fetch(self) -> str | bytes | Later:
        """``FETC?``: the readings since INIT, once idle; -230 when there are none."""
        self._refuse_endless()
        return self._reply_in_idle()

    def measure(self, functions: frozenset[str] | None = None) -> str | bytes | Later:
        """``MEAS?``: CONF and READ?."""
        self._refuse_endless()
        self.source_meter.configure(self.settings.functions if functions is None else functions)
        return self.read()

    def _refuse_endless(self) -> None:
        if math.isinf(self.settings.arm_count):
            raise CommandError(830)

    def _reply_in_idle(self) -> str | bytes | Later:
        if self.source_meter.idle:
            return self._readings_text()
        self._fetch = Later()
        return self._fetch

    def _readings_text(self) -> str | bytes:
        return self._listing(self.source_meter.readings())

    def latest(self) -> str | bytes:
        """``SENS:DATA:LAT?``: the last reading only, as text whatever ``FORM`` says."""
        reading = self.source_meter.readings()[-1]
        return self.text_of([reading.element(name) for name in self.settings.elements])

    def trace_data(self) -> str | bytes:
        """``TRAC:DATA?``; -230 when the buffer is empty."""
        trace = self.source_meter.trace
        readings = trace.stamped()
        if trace.feed == "SENS1":
            return self._listing(readings)
        return self.calculated_listing(readings, [trace.fed_value(reading) for reading in readings])

    # --- numbers as text and bytes ---

    def _listing(self, readings: Sequence[Reading]) -> str | bytes:
        elements = self.settings.elements
        return self._formatted([reading[POSITIONS[name]] for reading in readings for name in elements])

    def calculated_listing(self, readings: Sequence[Reading], results: Sequence[float]) -> str | bytes:
        """Results of CALC1 or CALC2 with the elements of ``FORM:ELEM:CALC``."""
        return self._formatted(
            [
                result if name == "CALC" else reading.element(name)
                for reading, result in zip(readings, results, strict=True)
                for name in self.settings.calculation_elements
            ]
        )

    def _formatted(self, values: Sequence[float]) -> str | bytes:
        """Numbers in the chosen data format, with 9.91e37 and 9.9e37 where there are none."""
        return format_values(values, self.options.overflow, self.settings.data_format, self.settings.byte_order)

    def text_of(self, values: Sequence[float]) -> str | bytes:
        """Numbers as text, with 9.91e37 and 9.9e37 where there are none."""
        return format_values(values, self.options.overflow, "ASC", "NORM")
