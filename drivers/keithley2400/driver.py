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
from functools import partial
from typing import Any

from pymeasure.instruments.keithley import Keithley2400 as PymeasureKeithley2400

from drivers import link, scpi
from drivers.errors import (
    InstrumentError,
    InstrumentTimeout,
    OutputStateUnknown,
    RefusedByDriver,
    RefusedByInstrument,
    SettingNotTaken,
    UnexpectedReply,
    WrongInstrument,
)
from drivers.keithley import KeithleyExchange
from drivers.keithley2400.messages import (
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
    ramp_messages,
    rounded_level,
    setting_table,
)
from drivers.keithley2400.off import PATIENCE, is_off, make_safe, output_state
from drivers.keithley2400.refusals import SourceByConfigureOnly
from drivers.scpi import Value
from drivers.timing import Source, smu_time_per_point

__all__ = ["Keithley2400", "SmuLimits", "SmuReading", "SmuSettings", "SmuStatus"]

SERIAL_LINE = link.SerialLine(baud_rate=9600, terminator="\r")
_MODELS = ("MODEL 2400", "MODEL 2401")  # the ranges of the other models differ
_COMMAND_TIMEOUT = 5.0
_SLOW = 5.0  # for the answer of an instrument that has not answered once, s: the device is safe, and there is time
_LONGEST_IDENTITY = 100  # characters, with the question
_OUTPUT_WAS_OFF = {802, 803, 810}  # errors of a source without output: blocked, no reading permitted, too hot
_ENABLE_LINE_CLOSED, _TOO_HOT = 1 << 11, 1 << 12  # measurement condition register
_WENT_OFF = "Check interlock (lid, output enable line) and temperature; did somebody press OUTPUT?"
_REPLY_PRECISION = 1e-6  # levels are read back with seven digits
_CHARACTERS_PER_READING = 70  # five elements
_INSTRUMENT_LIMITS = SmuLimits()


class Keithley2400(KeithleyExchange, SourceByConfigureOnly, PymeasureKeithley2400):
    """A Keithley 2400 or 2401 on any VISA resource, or on a PyMeasure adapter.

    ``limits`` hold for every level and compliance, whatever the settings say, and for everything with a name of its
    own, PyMeasure's names included. Text that is sent as it is, by ``write``, ``ask``, ``values``, ``write_bytes``,
    ``write_binary_values``, ``binary_values`` or the ``adapter``, is not checked. ``timeout`` (s): how long a reply may
    take; a reading, and every reply while the output is on, 2 s at most beyond its time. ``visa_library`` and
    ``serial`` count only when ``adapter`` is a resource name.
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
        self._bound = self._step = self._level = self._confirmed = 0.0
        self._level_message = self._point_message = ""
        self._on = False
        self._busy = False
        self._interlock = False
        self._sweep: list[float] = []
        self._sweeping = False
        self._asked = False
        self._reading_time = 0.0

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
        table = setting_table(settings)
        for message in ("*CLS", "*RST", ":SENS:FUNC:OFF:ALL", *(setting.message for setting in table)):
            self._send(message)
        self.raise_errors("a setting")
        self._record = scpi.verify(self.ask, self._where, table)
        self._adopt(settings)

    def _adopt(self, settings: SmuSettings) -> None:
        self._settings = settings
        self._interlock = settings.interlock
        self._bound = settings.max_level * (1 + 1e-9)
        self._step = settings.source_step
        self._level_message = f":SOUR:{MNEMONIC[settings.source]} %.7g"
        self._point_message = self._level_message + ";:READ?"
        self._allow_reading(settings.longest_reading)

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
        link.set_timeout(self.adapter, self._patience())
        if not output_state(self.adapter):
            self.output_off()
            hint = "Check the interlock (output enable line) and the instrument's temperature"
            raise scpi.refusal(self._where, "switching the output on", self.error_queue(), hint)
        self._confirmed = 0.0
        self._on = True

    def output_off(self) -> None:
        """Take the level to zero, switch the output off, and ask whether it is: in this order.

        Works at any moment, also on an instrument this object has not configured. The first that leaves is a device
        clear and then one message: where the level is known it is ramped down, else it goes to zero at once; then
        ``:OUTP OFF``. If that is not confirmed, both sources go to zero and the output off once more; then, if the
        driver has opened the link itself, the same over a new session, after which the settings must be made anew,
        as after a sweep that was cut off. An instrument that does not answer at all is given up after some 15 s.
        Raises OutputStateUnknown when it cannot be confirmed that the output is off.
        """
        self._on = False
        tried, trouble = [], None
        for name, switch_off in self._ways_off():
            tried.append(name)
            try:
                if switch_off():
                    self._off_at_last()
                    return
            except InstrumentError as error:
                trouble = error
                if isinstance(error, WrongInstrument):
                    break  # there is nobody to ask about this source
        what = f"THE OUTPUT MAY STILL BE ON: switching it off could not be confirmed (tried: {', '.join(tried)})"
        raise OutputStateUnknown(self._where, what, "Press OUTPUT on the instrument now") from trouble

    def _off_at_last(self) -> None:
        self._level = self._confirmed = 0.0
        if self._sweeping:  # the trigger model still is that of the sweep
            self._settings = None

    def _ways_off(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        """Ways to switch the output off, each with its name and returning whether the output is off."""
        yield "to zero and off", self._off
        yield "zero and off after a device clear", partial(self._off, _SLOW)
        if self._reopen is not None:
            yield "off over a new session", self._off_over_new_session
            yield "off after a device clear there", self._off
            yield "off over one more session", self._off_over_new_session

    def _off(self, patience: float = PATIENCE) -> bool:
        self._make_safe()
        return is_off(self.adapter, min(self._timeout, patience))

    def _make_safe(self) -> None:
        """Send what makes the device safe; once that has left, the level is not known before it is confirmed."""
        self._busy = self._asked = False
        make_safe(self.adapter, *self.known_level())
        self._level = math.nan

    def known_level(self) -> tuple[str | None, float | None]:
        """Source (VOLT or CURR) and level (V or A) from where a ramp to zero never goes up; (None, None): not known.

        That is the level of the last reading, or one that was sent since and is nearer to zero: a message that was
        lost must not be made up for. Not known before :meth:`configure` and in a sweep from memory.
        """
        if self._settings is None or self._sweeping or not math.isfinite(self._level):
            return None, None
        level = min(self._confirmed, self._level, key=abs)
        return MNEMONIC[self._settings.source], level if self._confirmed * self._level > 0 else 0.0

    def _off_over_new_session(self) -> bool:
        """The old session may be what fails: a USB adapter that was plugged out and in, a server started again."""
        assert self._reopen is not None
        link.let_go(self.adapter)
        while_waiting, on_exchange = self.adapter.on_wait, self.adapter.on_exchange
        self._use(self._reopen(timeout=PATIENCE, clear=False))
        link.call_while_waiting(self.adapter, while_waiting)
        self.adapter.on_exchange = on_exchange
        self._make_safe()
        self._forget()  # meanwhile the instrument may have been switched off and on
        link.drain(self.adapter)
        self._identity_within(PATIENCE + link.transfer_time(self.adapter, _LONGEST_IDENTITY))
        return is_off(self.adapter, min(self._timeout, PATIENCE))

    def ramp_to_zero(self, steps: int = 5) -> None:
        """Take the present level to zero in equal ``steps``, in one message; each takes the source some 7 ms.

        A level beyond the limits is not approached again: it goes to zero at once.
        """
        source = MNEMONIC[self._settings.source] if self._settings else self._source_mnemonic()
        level = self._number(f":SOUR:{source}?")
        largest = self._bound if self._settings else self._limit_of(source)
        within = abs(level) <= largest * (1 + _REPLY_PRECISION)
        self._send(";".join(ramp_messages(source, level if within else 0.0, steps)))
        self._level = self._confirmed = 0.0

    def _limit_of(self, source: str) -> float:
        return self._limits.voltage if source == "VOLT" else self._limits.current

    def _source_mnemonic(self) -> str:
        return scpi.parse_word(self.ask(query := ":SOUR:FUNC?"), tuple(MNEMONIC.values()), query, self._where)

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

        Raises RefusedByDriver when nothing was triggered; UnexpectedReply when it makes no sense; InstrumentTimeout
        when it is overdue, :attr:`reading_patience` s from now: nothing else is sent then, so that the output can be
        switched off at once. :meth:`why_no_reading` tells more afterwards.
        """
        if not self._busy:
            raise self._nothing_triggered()
        reply = self._reply_to_reading()
        self._confirmed = self._level
        return self._parsed(":READ?", reply)

    def poll(self, timeout: float) -> SmuReading | None:
        """The reading that was triggered last, None when it is not there within ``timeout`` s.

        Raises RefusedByDriver when nothing was triggered, UnexpectedReply when it makes no sense.
        """
        if not self._busy:
            raise self._nothing_triggered()
        if (reply := self._reply_within(timeout)) is None:
            return None
        self._confirmed = self._level
        return self._parsed(":READ?", reply)

    def _nothing_triggered(self) -> RefusedByDriver:
        return RefusedByDriver(self._where, "no reading was triggered", "Call trigger first")

    def _parsed(self, sent: str, reply: str) -> SmuReading:
        try:
            return parse_reading(reply.split(","))
        except (ValueError, OverflowError) as error:
            raise UnexpectedReply(self._where, sent, reply) from error

    def why_no_reading(self, problem: InstrumentError) -> InstrumentError:
        """Find out why there was no reading, once the output is off: by the error queue, lid and temperature.

        An output that went off by hand leaves no trace but that the instrument answers. Returns ``problem`` itself
        when it does not.
        """
        reason = super().why_no_reading(problem)
        if isinstance(reason, RefusedByInstrument):
            went_off = _OUTPUT_WAS_OFF & {getattr(error, "code", 0) for error in reason.errors}
            return self._went_off("; ".join(map(str, reason.errors))) if went_off else reason
        try:
            condition = self._count(":STAT:MEAS:COND?")
        except InstrumentError:
            return problem
        if condition & _TOO_HOT:
            return self._went_off("too hot")
        if self._interlock and not condition & _ENABLE_LINE_CLOSED:
            return self._went_off("the output enable line is open")
        what = f"{problem.what}, though it answers now: the output went off by itself, or a message was lost"
        return InstrumentTimeout(self._where, what, f"{_WENT_OFF}. {problem.hint}".rstrip(". "))

    def _went_off(self, why: str) -> InstrumentError:
        return InstrumentError(self._where, f"the output went off by itself during the run ({why})", _WENT_OFF)

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
        link.set_timeout(self.adapter, self._patience())
        self._require_quiet(":OUTP?")
        return output_state(self.adapter)

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
        self._sweeping = True
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
        self._asked = False
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
        if (reply := self._reply_within(timeout)) is None:
            return False
        self._asked = False
        if reply.strip() != "1":
            raise UnexpectedReply(self._where, "*OPC?", reply)
        return True

    def read_sweep(self) -> list[SmuReading]:
        """The readings of the finished sweep, in order; the last level stays, single readings are possible again."""
        readings = self._stored_readings(len(self._sweep))
        self._leave_sweep(self._sweep[-1])
        return readings

    def stop_sweep(self) -> list[SmuReading]:
        """End a running sweep: switch the output off, then return the readings taken so far.

        :meth:`configure` must be called before anything else. Raises OutputStateUnknown, UnexpectedReply.
        """
        self.output_off()
        taken = self._count(":TRAC:POIN:ACT?")
        return self._stored_readings(taken) if taken else []

    def _stored_readings(self, expected: int) -> list[SmuReading]:
        longest = link.transfer_time(self.adapter, _CHARACTERS_PER_READING * expected)
        fields = self._ask_within(self._patience() + longest, ":TRAC:DATA?").split(",")
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
        self._level = self._confirmed = level
        self._sweeping = False


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
