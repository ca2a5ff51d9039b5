"""Keithley 2400 source-measure unit.

Commands and behaviour after the Series 2400 SourceMeter User's Manual, 2400S-900-01 Rev. K. Connecting leaves
output and settings alone. The order of a measurement is :meth:`~Keithley2400.configure`,
:meth:`~Keithley2400.output_on`, then :meth:`~Keithley2400.trigger` and :meth:`~Keithley2400.read` for every level,
and :meth:`~Keithley2400.output_off` at the end.

``MEASure?`` and ``CONFigure`` are never sent: they switch the output on and undo range, speed, filter and
auto-zero. ``READ?`` does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pymeasure.instruments.keithley import Keithley2400 as PymeasureKeithley2400

from drivers import link, scpi
from drivers.errors import (
    InstrumentError,
    InstrumentTimeout,
    OutputStateUnknown,
    RefusedByDriver,
    SettingNotTaken,
    UnexpectedReply,
    WrongInstrument,
)
from drivers.keithley import KeithleyExchange
from drivers.keithley2400_messages import (
    BUFFER_LENGTH,
    MNEMONIC,
    SmuLimits,
    SmuReading,
    SmuSettings,
    SmuStatus,
    after_sweep_messages,
    list_sweep_messages,
    objections,
    parse_reading,
    rounded_level,
    setting_table,
)
from drivers.keithley2400_refusals import SourceByConfigureOnly
from drivers.scpi import Value
from drivers.timing import Source, smu_time_per_point

__all__ = ["Keithley2400", "SmuLimits", "SmuReading", "SmuSettings", "SmuStatus"]

SERIAL_LINE = link.SerialLine(baud_rate=9600, terminator="\r")
_MODELS = ("MODEL 2400", "MODEL 2401")  # the ranges of the other models differ
_COMMAND_TIMEOUT = 5.0
_LAST_TIMEOUT = 2.0  # of one exchange when the output did not go off in order, s
_REPLY_PRECISION = 1e-6  # levels are read back with seven digits
_CHARACTERS_PER_READING = 70  # five elements
_INSTRUMENT_LIMITS = SmuLimits()


class Keithley2400(KeithleyExchange, SourceByConfigureOnly, PymeasureKeithley2400):
    """A Keithley 2400 or 2401 on any VISA resource, or on a PyMeasure adapter.

    ``limits`` hold for every level and compliance, whatever the settings say, and for everything with a name of its
    own, PyMeasure's names included. Text that is sent as it is, by ``write``, ``ask``, ``values``, ``write_bytes``,
    ``write_binary_values``, ``binary_values`` or the ``adapter``, is not checked. ``timeout`` (s): how long a reply may
    take beyond the time of a reading. ``visa_library`` and ``serial`` count only when ``adapter`` is a resource name.
    Raises CannotConnect.
    """

    models = _MODELS

    def __init__(
        self,
        adapter: Any,
        name: str = "Keithley 2400",
        *,
        limits: SmuLimits = _INSTRUMENT_LIMITS,
        visa_library: Any = "",
        timeout: float = _COMMAND_TIMEOUT,
        serial: link.SerialLine = SERIAL_LINE,
    ) -> None:
        self._limits = limits
        adapter = self._open(adapter, name, visa_library, timeout, serial)
        self._forget()
        super().__init__(adapter, name)

    def _forget(self) -> None:
        """Forget what is known of the instrument: no settings, output not ours, perhaps busy."""
        self._settings: SmuSettings | None = None
        self._record: dict[str, Value] = {}
        self._bound = self._step = self._level = 0.0
        self._level_message = self._point_message = ""
        self._on = False
        self._busy = False
        self._sweep: list[float] = []
        self._sweeping = False
        self._asked = False
        self._answer = bytearray()

    # State

    def reset(self) -> None:
        """Reset the instrument: output off, and compliance back at 105 µA. Settings must be made anew."""
        if self._busy:
            self.device_clear()
        self._forget()
        self._send("*RST")

    @property
    def compliance_tripped(self) -> bool:
        """Get whether the source is in compliance (bool)."""
        measured = MNEMONIC[self._configured().measured]
        return self._number(f":SENS:{measured}:PROT:TRIP?") == 1

    @property
    def limits(self) -> SmuLimits:
        """Control the largest voltage, current and power ever allowed; new limits need :meth:`configure` again."""
        return self._limits

    @limits.setter
    def limits(self, limits: SmuLimits) -> None:
        if self._on:
            raise RefusedByDriver(self._where, "limits were not changed: the output is on")
        self._limits = limits
        self._settings = None

    @property
    def level(self) -> float:
        """Get the last level sent, rounded to the source's resolution (V or A)."""
        return self._level

    # Settings

    def configure(self, settings: SmuSettings) -> None:
        """Make all settings, from a reset with the output off, read them back and compare.

        Raises RefusedByDriver beyond the limits, before anything is sent; RefusedByInstrument when errors are
        queued; SettingNotTaken when something reads back differently. The output is off afterwards in any case.
        """
        if reasons := objections(settings, self._limits):
            raise RefusedByDriver(self._where, "settings were not sent: " + "; ".join(reasons))
        self.output_off()
        self._forget()
        link.set_timeout(self.adapter, self._timeout)
        table = setting_table(settings)
        for message in ("*CLS", "*RST", ":SENS:FUNC:OFF:ALL", *(setting.message for setting in table)):
            self._send(message)
        self.raise_errors("a setting")
        self._record = scpi.verify(self.ask, self._where, table)
        self._adopt(settings)

    def _adopt(self, settings: SmuSettings) -> None:
        self._settings = settings
        self._bound = settings.max_level * (1 + 1e-9)
        self._step = settings.source_step
        self._level_message = f":SOUR:{MNEMONIC[settings.source]} %.7g"
        self._point_message = self._level_message + ";:READ?"
        self._allow_reading_time()

    def _allow_reading_time(self) -> None:
        link.set_timeout(self.adapter, self._timeout + self._configured().longest_reading)

    def settings(self) -> dict[str, Value]:
        """The settings as the instrument gave them back, by name; empty before :meth:`configure`."""
        return dict(self._record)

    def _configured(self) -> SmuSettings:
        if self._settings is None:
            raise RefusedByDriver(self._where, "nothing was sent: the instrument is not configured", "Call configure")
        return self._settings

    # Output

    def output_on(self) -> None:
        """Switch the output on at level zero, and ask whether it is.

        Raises RefusedByDriver before :meth:`configure`, RefusedByInstrument when the output stays off.
        """
        settings = self._configured()
        source = MNEMONIC[settings.source]
        self.set_level(0.0)
        if level := self._number(f":SOUR:{source}?"):
            raise SettingNotTaken(self._where, [(f":SOUR:{source}", "0", f"{level:g}")], "The output is still off")
        self._send(":OUTP ON")
        if not self._output_state():
            mend = "Check the interlock (output enable line) and the instrument's temperature"
            raise scpi.refusal(self._where, "switching the output on", self.error_queue(), mend)
        self._allow_reading_time()
        self._on = True

    def output_off(self) -> None:
        """Take the level to zero, switch the output off, and ask whether it is.

        Works at any moment, also on an instrument this object has not configured. If the orderly way fails, the
        device is cleared and switched off again; if that fails too, and the driver has opened the link itself, both
        are done over a new session, after which the settings must be made anew. An instrument that does not answer
        at all is given up after some 15 s. Raises OutputStateUnknown when it cannot be confirmed that the output is
        off.
        """
        self._on = False
        tried, trouble = [], None
        for name, switch_off in self._ways_off():
            tried.append(name)
            try:
                if switch_off():
                    return
            except InstrumentError as error:
                trouble = error
                if isinstance(error, WrongInstrument):
                    break  # there is nobody to ask about this source
        what = f"THE OUTPUT MAY STILL BE ON: switching it off could not be confirmed (tried: {', '.join(tried)})"
        raise OutputStateUnknown(self._where, what, "Press OUTPUT on the instrument now") from trouble

    def _ways_off(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        """Ways to switch the output off, each with its name and returning whether the output is off."""
        yield "ramp to zero and off", self._off_in_order
        yield "off after a device clear", self._off_at_once
        if self._reopen is not None:
            yield "ramp and off over a new session", self._off_over_new_session
            yield "off after a device clear there", self._off_at_once
            yield "ramp and off over one more session", self._off_over_new_session

    def _off_in_order(self) -> bool:
        link.set_timeout(self.adapter, _COMMAND_TIMEOUT)
        # Whatever was interrupted: no half message, no old reply may be taken for a level or for "off"
        self.device_clear()
        self._ramp_to_zero_from_sweep()
        return self._switched_off()

    def _off_at_once(self) -> bool:
        link.set_timeout(self.adapter, _LAST_TIMEOUT)
        self.device_clear()
        return self._switched_off()

    def _off_over_new_session(self) -> bool:
        """The old session may be what fails: a USB adapter that was plugged out and in, a server started again."""
        assert self._reopen is not None
        link.let_go(self.adapter)
        self._use(self._reopen(timeout=_LAST_TIMEOUT))
        # Meanwhile the instrument may have been switched off and on; if it is still in a sweep, it is in this one
        sweep = self._sweep
        self._forget()
        self._sweep = sweep
        self.identify()
        self._ramp_to_zero_from_sweep()
        return self._switched_off()

    def _switched_off(self) -> bool:
        self._send(":OUTP OFF")
        return not self._output_state()

    def _output_state(self) -> bool:
        return self._number(":OUTP?") != 0

    def ramp_to_zero(self, steps: int = 5) -> None:
        """Take the present level to zero in equal ``steps``, in one message; each takes the source some 7 ms.

        A level beyond the limits is not approached again: it goes to zero at once.
        """
        self._ramp_to_zero(self._source_mnemonic(), steps)

    def _ramp_to_zero(self, source: str, steps: int = 5) -> None:
        largest = self._bound if self._settings else self._limit_of(source)
        if level := self._number(f":SOUR:{source}?"):
            steps = steps if abs(level) <= largest * (1 + _REPLY_PRECISION) else 1
            # + 0.0: the last level of a negative ramp is 0, not -0
            down = (level * (steps - 1 - step) / steps + 0.0 for step in range(steps))
            self._send(";".join(f":SOUR:{source} {value:.7g}" for value in down))
        self._level = 0.0

    def _ramp_to_zero_from_sweep(self) -> None:
        """As :meth:`ramp_to_zero`, but the source may be at a level of a sweep that nobody left.

        Asked for its level, it would tell the fixed one. Where it is, the list of a sweep of our own tells, else its
        last reading.
        """
        may_be_in_sweep = self._sweeping or self._settings is None
        source = self._source_mnemonic()
        if may_be_in_sweep and not self.ask(f":SOUR:{source}:MODE?").startswith("FIX"):
            taken = self._count(":TRAC:POIN:ACT?")
            if self._sweep or taken:
                # The first step of the ramp: a measured level may be a little above the one that was sent
                self._send(f":SOUR:{source} {0.8 * self._level_in_sweep(source, taken) + 0.0:.7g}")
            self._send(f":SOUR:{source}:MODE FIX")
        self._ramp_to_zero(source)

    def _level_in_sweep(self, source: str, taken: int) -> float:
        """The level after ``taken`` readings of a sweep, as far as one can know it; zero rather than beyond a limit."""
        if self._sweep:  # at the level of the last reading or at the next one already: never up
            return min(self._swept_level(max(taken, 1) - 1), self._swept_level(taken), key=abs)
        level = self._last_reading_of(source)
        return level if abs(level) <= self._limit_of(source) * 1.01 else 0.0  # it is a measured one

    def _limit_of(self, source: str) -> float:
        return self._limits.voltage if source == "VOLT" else self._limits.current

    def _source_mnemonic(self) -> str:
        return MNEMONIC[self._settings.source] if self._settings else self.ask(":SOUR:FUNC?")[:4]

    def _last_reading_of(self, source: str) -> float:
        reply = self.ask(query := ":SENS:DATA:LAT?")
        reading = self._parsed(query, reply)
        level = reading.voltage if source == "VOLT" else reading.current
        if not math.isfinite(level):
            raise UnexpectedReply(self._where, query, reply)
        return level

    def shutdown(self) -> None:
        """Switch the output off; see :meth:`output_off`."""
        self.output_off()
        self.isShutdown = True

    # Points

    def set_level(self, level: float) -> None:
        """Set the source level (V or A) without measuring; raises RefusedByDriver beyond the limits."""
        self._configured()
        if self._busy or not abs(level) <= self._bound:
            raise self._refused(level)
        self._level = rounded_level(level, self._step, self._bound)
        self._send(self._level_message % self._level)

    def trigger(self, level: float) -> None:
        """Set the source level (V or A), let it settle, and measure: one message, no waiting.

        Collect the result with :meth:`read`. Raises RefusedByDriver beyond the limits, with the output off, or
        before the last reading was collected. A level set by command skips the source delay (User's Manual,
        appendix A), so the settling time is the trigger delay.
        """
        if self._busy or not self._on or not abs(level) <= self._bound:
            raise self._refused(level)
        self._level = rounded_level(level, self._step, self._bound)
        self._busy = True
        self._send(self._point_message % self._level)

    def trigger_same_level(self) -> None:
        """Measure again at the present level; collect with :meth:`read`."""
        if self._busy or not self._on:
            raise self._refused(self._level)
        self._busy = True
        self._send(":READ?")

    def _refused(self, level: float) -> RefusedByDriver:
        if self._busy:
            return RefusedByDriver(self._where, "not triggered: the last reading was not collected", "Call read")
        if not abs(level) <= self._bound:
            return RefusedByDriver(self._where, f"level {level:g} was not sent: the limit is {self._bound:g}")
        return RefusedByDriver(self._where, "not triggered: the output is off", "Call output_on")

    def read(self) -> SmuReading:
        """Wait for the reading that was triggered last and return it.

        Raises RefusedByDriver when nothing was triggered; RefusedByInstrument or InstrumentTimeout when no reading
        comes; UnexpectedReply when it makes no sense.
        """
        if not self._busy:
            raise RefusedByDriver(self._where, "no reading was triggered", "Call trigger first")
        try:
            reply = self._receive()
        except InstrumentTimeout as timeout:
            raise self._why_no_reading(timeout) from timeout
        self._busy = False
        return self._parsed(":READ?", reply)

    def _parsed(self, sent: str, reply: str) -> SmuReading:
        try:
            return parse_reading(reply.split(","))
        except (ValueError, OverflowError) as error:
            raise UnexpectedReply(self._where, sent, reply) from error

    def _why_no_reading(self, timeout: InstrumentTimeout) -> InstrumentError:
        link.set_timeout(self.adapter, _COMMAND_TIMEOUT)
        reason = scpi.explain_timeout(timeout, self.device_clear, self.error_queue, self._where)
        self._allow_reading_time()
        return reason

    # PyMeasure's properties that would pass by the limits, or send MEASure?

    @property
    def voltage(self) -> float:
        """Measure the voltage at the present level in V (float), without changing a setting."""
        self.trigger_same_level()
        return self.read().voltage

    @property
    def current(self) -> float:
        """Measure the current at the present level in A (float), without changing a setting."""
        self.trigger_same_level()
        return self.read().current

    @property
    def resistance(self) -> float:
        """Measure voltage over current at the present level in ohm (float), without changing a setting."""
        self.trigger_same_level()
        reading = self.read()
        return reading.voltage / reading.current if reading.current else math.nan

    @property
    def source_enabled(self) -> bool:
        """Control whether the output is on (bool); see :meth:`output_on` and :meth:`output_off`."""
        return self._output_state()

    @source_enabled.setter
    def source_enabled(self, enabled: bool) -> None:
        if enabled:
            self.output_on()
        else:
            self.output_off()

    @property
    def source_voltage(self) -> float:
        """Control the source voltage in V (float), within the limits."""
        return self._number(":SOUR:VOLT?")

    @source_voltage.setter
    def source_voltage(self, level: float) -> None:
        self._require_source("voltage")
        self.set_level(level)

    @property
    def source_current(self) -> float:
        """Control the source current in A (float), within the limits."""
        return self._number(":SOUR:CURR?")

    @source_current.setter
    def source_current(self, level: float) -> None:
        self._require_source("current")
        self.set_level(level)

    @property
    def compliance_current(self) -> float:
        """Control the current limit of the voltage source in A (float), within the limits."""
        return self._number(":SENS:CURR:PROT?")

    @compliance_current.setter
    def compliance_current(self, compliance: float) -> None:
        self._set_compliance("current", compliance, self._limits.current)

    @property
    def compliance_voltage(self) -> float:
        """Control the voltage limit of the current source in V (float), within the limits."""
        return self._number(":SENS:VOLT:PROT?")

    @compliance_voltage.setter
    def compliance_voltage(self, compliance: float) -> None:
        self._set_compliance("voltage", compliance, self._limits.voltage)

    def _set_compliance(self, quantity: Source, compliance: float, limit: float) -> None:
        settings = self._configured()
        if quantity == settings.measured and self._limits.power is not None and settings.max_level:
            limit = min(limit, self._limits.power / settings.max_level)
        if not 0 < compliance <= limit:
            raise RefusedByDriver(self._where, f"compliance {compliance:g} was not sent: the limit is {limit:g}")
        self._send(f":SENS:{MNEMONIC[quantity]}:PROT {compliance:.9g}")

    def _require_source(self, source: Source) -> None:
        if self._configured().source != source:
            raise RefusedByDriver(self._where, f"level was not sent: it is not configured as a {source} source")

    # Sweeps from the instrument's memory

    def program_sweep(
        self,
        levels: Sequence[float],
        source_delay: float,
        *,
        linked: bool = False,
        input_line: int = 1,
        output_line: int = 2,
    ) -> float:
        """Load a list of levels (V or A) to be run by the instrument itself, and return its duration, s.

        ``linked``: in step with a multimeter on the trigger link, which must have a fixed measure range on both
        sides; its time is not in the duration. Raises RefusedByDriver, RefusedByInstrument.
        """
        settings = self._configured()
        self._check_sweep(settings, levels, linked)
        sent = [rounded_level(level, self._step, self._bound) for level in levels]
        for message in list_sweep_messages(
            settings.source,
            sent,
            source_delay=source_delay,
            linked=linked,
            input_line=input_line,
            output_line=output_line,
        ):
            self._send(message)
        self.raise_errors("a sweep")
        self._sweep = sent
        return len(levels) * _sweep_point(settings, source_delay, linked)

    def _check_sweep(self, settings: SmuSettings, levels: Sequence[float], linked: bool) -> None:
        if not 1 <= len(levels) <= BUFFER_LENGTH:
            raise RefusedByDriver(self._where, f"a sweep of {len(levels)} levels does not fit into {BUFFER_LENGTH}")
        for level in levels:
            if not abs(level) <= self._bound:
                raise self._refused(level)
        if linked and settings.measure_range is None:
            raise RefusedByDriver(self._where, "autorange would send extra trigger pulses", "Fix the measure range")

    def start_sweep(self) -> None:
        """Start the programmed sweep; until it is over the instrument holds every query back."""
        if self._busy or not self._on:
            raise self._refused(0.0)
        self._busy = self._sweeping = True
        self._asked, self._answer = False, bytearray()
        self._send(":INIT")

    def sweep_finished(self) -> bool:
        """Whether the instrument requests service because its buffer is full (GPIB only)."""
        return bool(self.serial_poll() & 64)

    def poll_sweep(self, timeout: float) -> bool:
        """Whether the sweep is over, waiting at most ``timeout`` s, on any link.

        Asked once; the answer comes when the trigger model is idle, so that nothing is sent while it runs.
        """
        if not self._asked:
            self._send("*OPC?")
            self._asked = True
        link.set_timeout(self.adapter, timeout)
        try:
            # byte by byte: a read of a line would lose its beginning when it times out
            while not self._answer.endswith(link.line_end(self.adapter)):
                self._answer += self.adapter.read_bytes(1)
        except InstrumentTimeout:
            return False
        reply, self._answer, self._asked, self._busy = bytes(self._answer), bytearray(), False, False
        if reply.strip() != b"1":
            raise UnexpectedReply(self._where, "*OPC?", repr(reply))
        return True

    def read_sweep(self) -> list[SmuReading]:
        """The readings of the finished sweep, in order; the last level stays, single readings are possible again."""
        readings = self._stored_readings(len(self._sweep))
        self._leave_sweep(self._sweep[-1])
        return readings

    def stop_sweep(self) -> list[SmuReading]:
        """End a running sweep where it is, and return the readings taken so far; the present level stays."""
        self.device_clear()
        self._asked, self._answer = False, bytearray()
        taken = self._count(":TRAC:POIN:ACT?")
        readings = self._stored_readings(taken) if taken else []
        self._leave_sweep(self._swept_level(taken))
        return readings

    def _swept_level(self, taken: int) -> float:
        """The level of an interrupted sweep after ``taken`` readings."""
        return self._sweep[min(taken, len(self._sweep) - 1)]

    def _stored_readings(self, expected: int) -> list[SmuReading]:
        # Long enough for three minutes of a full buffer at 9600 baud, but not for a dead instrument on a fast link
        link.set_timeout(self.adapter, 10.0 + link.transfer_time(self.adapter, _CHARACTERS_PER_READING * expected))
        fields = self.ask(":TRAC:DATA?").split(",")
        try:
            readings = [parse_reading(fields[start : start + 5]) for start in range(0, len(fields), 5)]
        except (ValueError, OverflowError) as error:
            raise UnexpectedReply(self._where, ":TRAC:DATA?", ",".join(fields)[:80]) from error
        if len(readings) != expected:
            what = f"{len(readings)} readings instead of {expected}"
            raise UnexpectedReply(self._where, ":TRAC:DATA?", what)
        return readings

    def _leave_sweep(self, level: float) -> None:
        """Back to single readings at the level where the sweep ended, so that the output does not jump."""
        settings = self._configured()
        for message in after_sweep_messages(settings.source, level, settings.trigger_delay):
            self._send(message)
        self._adopt(settings)
        self._level = level


def _sweep_point(settings: SmuSettings, source_delay: float, linked: bool) -> float:
    return smu_time_per_point(
        nplc=settings.nplc,
        line_frequency=settings.line_frequency,
        autozero=settings.autozero,
        source=settings.source,
        source_delay=source_delay,
        filter_count=settings.filter_count,
        linked=linked,
    )
