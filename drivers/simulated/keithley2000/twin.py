"""The Keithley 2000 multimeter from the other end of its wire.

:class:`Keithley2000Twin` reads the photodiode amplifier of a test fixture and answers bytes as the meter does.
The pieces: :mod:`.functions` (ranges, defaults, durations), :mod:`.meter` (trigger model, conversions, buffer),
:mod:`.commands` (the command table), :mod:`.options` and, shared with the 2400, :mod:`drivers.simulated.scpi`.
Sources: Model 2000 Quick Start Guide (2000-903-01), Model 2000 User's Manual (2000-900-01), Model 2000 Repair Manual
with specifications.
"""

from __future__ import annotations

import copy
import math
import struct
from collections.abc import Mapping, Sequence

from drivers.simulated.fixture import TestFixture
from drivers.simulated.keithley2000.commands import command_table
from drivers.simulated.keithley2000.errors import ERROR_TEXTS
from drivers.simulated.keithley2000.functions import (
    OVERFLOW,
    Setup,
    TriggerSettings,
    default_function_settings,
    preset_setup,
    reset_setup,
    statistic_of,
)
from drivers.simulated.keithley2000.meter import (
    BUFFER_AVAILABLE,
    BUFFER_FULL,
    BUFFER_HALF_FULL,
    HIGH_LIMIT,
    LOW_LIMIT,
    READING_AVAILABLE,
    READING_OVERFLOW,
    Meter,
    Reading,
    State,
    Value,
)
from drivers.simulated.keithley2000.options import Keithley2000Options
from drivers.simulated.scpi.instrument import Interface, Later, ScpiInstrument
from drivers.simulated.scpi.status import POWER_ON, CommandError
from drivers.simulated.scpi.syntax import Step
from drivers.simulated.trigger_link import TriggerLink

__all__ = ["Keithley2000Options", "Keithley2000Twin"]

_BUFFER_BITS = BUFFER_AVAILABLE | BUFFER_HALF_FULL | BUFFER_FULL
_READING_BITS = READING_OVERFLOW | LOW_LIMIT | HIGH_LIMIT | READING_AVAILABLE | _BUFFER_BITS

#: Status messages for bits that become true: queued only when enabled.
_MEASUREMENT_MESSAGES = {
    READING_OVERFLOW: 301,
    LOW_LIMIT: 302,
    HIGH_LIMIT: 303,
    READING_AVAILABLE: 306,
    BUFFER_AVAILABLE: 308,
    BUFFER_HALF_FULL: 309,
    BUFFER_FULL: 310,
}
_OPERATION_MESSAGES: Mapping[int, int] = {State.MEASURING: 125, State.WAITING: 171, State.IDLE: 174}
_OPERATION_BITS = State.MEASURING | State.WAITING | State.IDLE


class Keithley2000Twin(ScpiInstrument):
    """A Model 2000 that looks at a test fixture; a :class:`~drivers.simulated.twin.Twin`.

    It powers up free-running with a moving filter of 10, as the real one does. ``link`` is the trigger-link
    cable: the meter pulses line 1 after a reading and listens on line 2.
    """

    def __init__(
        self,
        fixture: TestFixture,
        options: Keithley2000Options | None = None,
        link: TriggerLink | None = None,
    ) -> None:
        self.options = options or Keithley2000Options()
        super().__init__(
            fixture.clock,
            command_table(colon_before_common=self.options.colon_before_common),
            Interface(self.options.interface, self.options.terminator, self.options.latency),
            ERROR_TEXTS,
            number_format=self.options.number_format,
        )
        self.power_on_setup = "PRES"
        self.last_key = 0
        self._saved = self.reset_defaults()
        self._statistic: float | None = None
        self._awaiting_idle: Later | None = None
        self._awaiting_reading: Later | None = None
        self._plain_wait: Later | None = None
        self.meter = Meter(fixture, self.options, self.preset_defaults(), self, link)
        self.meter.load(self.meter.setup)

    @property
    def setup(self) -> Setup:
        """The present settings."""
        return self.meter.setup

    # ---- hands on the instrument ------------------------------------------------------------------------------

    def power_cycle(self) -> None:
        """Switch off and on again: the power-on setup, status and queues fresh; the buffer is kept."""
        self.device_clear()
        self.status.preset()
        self.status.set_service_enable(0)
        self.status.standard.set_enable(0)
        self.status.clear()
        self.status.standard.latch(POWER_ON)
        setups = {"PRES": self.preset_defaults, "RST": self.reset_defaults, "SAV0": self.saved_setup}
        self.meter.load(setups[self.power_on_setup]())

    def select_terminals(self, *, front: bool) -> None:
        """Push the FRONT/REAR switch."""
        self.meter.front_terminals = front
        self.meter.settings_changed()

    def press_trigger_key(self) -> None:
        """Press TRIG on the front panel."""
        self.meter.press_trigger_key()

    # ---- what the connector asks ------------------------------------------------------------------------------

    def is_idle(self) -> bool:
        """Whether the trigger model is in idle."""
        return self.meter.idle

    def interrupts_pending_query(self, step: Step) -> bool:  # noqa: ARG002
        """Any new message ends a query that still measures: its readings are no longer waited for.

        A *WAI is no query; behind it the message waits.
        """
        if self._plain_wait is not None and self._plain_wait.is_open:
            return False
        self._awaiting_idle = self._awaiting_reading = None
        return True

    def any_message_interrupts(self) -> bool:
        """A command, not only a query, spoils an unread reply."""
        return True

    def wait_until_idle(self, reply: str | None = None) -> str | Later | None:
        """As for every instrument; remembers whether it is a wait without a reply."""
        waiting = super().wait_until_idle(reply)
        self._plain_wait = waiting if reply is None and isinstance(waiting, Later) else None
        return waiting

    def on_device_clear(self) -> None:
        """Go to idle; whatever was pending is forgotten."""
        self._awaiting_idle = self._awaiting_reading = self._plain_wait = None
        self.meter.abort()

    def on_trigger(self) -> None:
        """*TRG or GET."""
        self.meter.bus_trigger()

    def reset(self) -> None:
        """*RST: the buffer keeps its readings, but storing ends."""
        self.meter.buffer.armed = False
        self.meter.load(self.reset_defaults())

    def identity(self) -> str:
        """The reply to *IDN?."""
        return f"KEITHLEY INSTRUMENTS INC.,MODEL 2000,{self.options.serial_number},{self.options.firmware}"

    # ---- what the meter tells ---------------------------------------------------------------------------------

    def state_changed(self, operation: int) -> None:
        """Show where the trigger model stands in the operation register."""
        if self.status.errors.takes_status_messages:
            self._report_new(_OPERATION_MESSAGES, operation & ~self.status.operation.condition)
        self.status.operation.replace_bits(_OPERATION_BITS, operation)

    def reading_taken(self, measurement: int) -> None:
        """Show a reading in the measurement register; each one is an event of its own."""
        register = self.status.measurement
        register.clear_bits(READING_AVAILABLE)
        became_full = measurement & ~register.condition & BUFFER_FULL
        if self.status.errors.takes_status_messages:
            self._report_new(_MEASUREMENT_MESSAGES, measurement & ~register.condition)
        register.replace_bits(_READING_BITS, measurement)
        if became_full and self.setup.math.statistic_on and self.setup.math.statistic != "NONE":
            self.compute_statistic()

    def trigger_ignored(self) -> None:
        """A trigger that was not waited for."""
        self.status.error(-211)

    def settled(self) -> None:
        """Deliver what was waited for."""
        if self._awaiting_reading is not None and self.meter.unfetched:
            waiting, self._awaiting_reading = self._awaiting_reading, None
            waiting.deliver(self.sensed_text())
        if self._awaiting_idle is not None and self._run_is_readable():
            waiting, self._awaiting_idle = self._awaiting_idle, None
            waiting.deliver(self.fetch())
        if self.meter.state is State.IDLE:
            self.idle_reached()

    def _run_is_readable(self) -> bool:
        """Whether READ? can be answered: in idle, or after the first group of a run without end."""
        return self.meter.state is State.IDLE or (math.isinf(self.setup.trigger.count) and self.meter.triggers_done > 0)

    def _report_new(self, messages: Mapping[int, int], bits: int) -> None:
        for bit, code in messages.items():
            if bits & bit:
                self.status.error(code)

    # ---- setups -----------------------------------------------------------------------------------------------

    def reset_defaults(self) -> Setup:
        """The setup that *RST gives."""
        return reset_setup(
            filter_on=self.options.reset_filter_on,
            delay_auto=self.options.reset_delay_auto,
            bandwidth=self.options.reset_bandwidth,
        )

    def preset_defaults(self) -> Setup:
        """The setup that SYST:PRES gives."""
        return preset_setup(bandwidth=self.options.reset_bandwidth)

    def saved_setup(self) -> Setup:
        """A copy of what *SAV 0 kept."""
        return copy.deepcopy(self._saved)

    def save_setup(self) -> None:
        """*SAV 0."""
        self._saved = copy.deepcopy(self.setup)

    # ---- measuring commands -----------------------------------------------------------------------------------

    def initiate(self, latency: float = 0.0) -> None:
        """INIT: leave idle.

        :raises CommandError: -213, the meter is not idle, or free-running.
        """
        if not self.meter.initiate(latency):
            raise CommandError(-213)

    def configure(self, function: str) -> None:
        """CONFigure: one-shot measurement of ``function`` with default settings, mathematics off."""
        setup = self.setup
        setup.function = function
        if self.options.configure_resets_function:
            setup.functions[function] = default_function_settings(
                function, filter_on=self.options.reset_filter_on, bandwidth=self.options.reset_bandwidth
            )
        setup.trigger = TriggerSettings()
        setup.math.on = setup.math.statistic_on = setup.math.limits_on = False
        self.meter.settings_changed()
        self.meter.abort()

    def read(self) -> Later:
        """READ?: abort, initiate, and the readings once idle is reached."""
        self.meter.abort()
        self.initiate(0.0 if self.options.instant else self.options.read_overhead)
        self._awaiting_idle = Later()
        return self._awaiting_idle

    def measure(self, function: str | None = None) -> Later:
        """MEASure?: CONFigure and READ?."""
        self.configure(function or self.setup.function)
        return self.read()

    def fetch(self) -> str | bytes:
        """FETCh?: the readings of the last group again; -230 without any."""
        readings = self.meter.run if self.options.read_every_trigger else self.meter.group
        values = [reading.result for reading in readings] if readings else [self.latest_reading().result]
        self.meter.unfetched = False
        return self.listing(values) if self.options.binary_read else self.ascii_listing(values)

    def sensed_text(self) -> str:
        """SENS:DATA?: the last reading before mathematics; -230 without any."""
        text = self.value_text(self.latest_reading().sense)
        self.meter.unfetched = False
        return text

    def fresh_reading(self) -> str | Later:
        """SENS:DATA:FRES?: a reading that was not fetched yet, now or when it comes."""
        if self.meter.unfetched:
            return self.sensed_text()
        self._awaiting_reading = Later()
        return self._awaiting_reading

    def latest_reading(self) -> Reading:
        """The last reading.

        :raises CommandError: -230, there is none.
        """
        if self.meter.latest is None:
            raise CommandError(-230)
        return self.meter.latest

    def acquire_reference(self) -> None:
        """REF:ACQ: the last reading, without its own reference, becomes the reference; -221 on overflow."""
        self.setup.active.reference = _finite(self.latest_reading().plain)

    def acquire_percent(self) -> None:
        """CALC1:KMAT:PERC:ACQ: the last reading becomes the reference of the percent deviation."""
        self.setup.math.percent = _finite(self.latest_reading().sense.number)

    # ---- buffer and mathematics -------------------------------------------------------------------------------

    def stored_values(self) -> list[Value]:
        """The readings in the buffer.

        :raises CommandError: -230, it is empty.
        """
        if not self.meter.buffer.values:
            raise CommandError(-230)
        return self.meter.buffer.values

    def clear_buffer(self) -> None:
        """TRAC:CLE."""
        self.meter.buffer.values.clear()
        self.buffer_changed()

    def buffer_changed(self) -> None:
        """Let the status register follow a buffer that was emptied or resized."""
        self._statistic = None
        self.status.measurement.replace_bits(_BUFFER_BITS, self.meter.buffer.conditions())

    def compute_statistic(self) -> str:
        """CALC2:IMM?: the chosen statistic of the buffer.

        :raises CommandError: -221 with none chosen, -230 without readings.
        """
        statistic = self.setup.math.statistic
        if statistic == "NONE":
            raise CommandError(-221)
        numbers = [value.number for value in self.stored_values()]
        overflow = any(math.fabs(number) >= OVERFLOW for number in numbers)
        self._statistic = OVERFLOW if overflow else statistic_of(numbers, statistic)
        return self.number_text(self._statistic)

    def statistic_text(self) -> str:
        """CALC2:DATA?: the statistic computed last.

        :raises CommandError: -230, there is none.
        """
        if self._statistic is None:
            raise CommandError(-230)
        return self.number_text(self._statistic)

    # ---- numbers as text and bytes ----------------------------------------------------------------------------

    def number_text(self, number: float) -> str:
        """A reading in ASCII, ``+1.23456789E+00``; overflow in the same field unless that is switched off."""
        if abs(number) >= OVERFLOW and not self.options.overflow_padded:
            return "+9.9E37"
        return f"{number:+.8E}"

    def value_text(self, value: Value) -> str:
        """A reading with the elements that FORM:ELEM asks for."""
        elements = self.meter.setup.elements
        first = self.number_text(value.number) if "READ" in elements else ""
        first += value.unit if "UNIT" in elements else ""
        parts = [first] if first else []
        return ",".join([*parts, "0INTCHAN"] if "CHAN" in elements else parts)

    def ascii_listing(self, values: Sequence[Value]) -> str:
        """Several readings in ASCII."""
        return ",".join([self.value_text(value) for value in values])

    def listing(self, values: Sequence[Value]) -> str | bytes:
        """Several readings in the format of FORM:DATA: ASCII, or ``#0`` and IEEE-754 numbers."""
        setup = self.setup
        if setup.data_format == "ASC":
            return self.ascii_listing(values)
        order = ">" if setup.byte_order == "NORM" else "<"
        number = "f" if setup.data_format == "SRE" else "d"
        return b"#0" + struct.pack(f"{order}{len(values)}{number}", *(value.number for value in values))


def _finite(number: float) -> float:
    if number >= OVERFLOW:
        raise CommandError(-221)
    return number
