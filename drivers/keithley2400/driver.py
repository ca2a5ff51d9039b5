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
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from drivers import link, scpi
from drivers.errors import (
    InstrumentError,
    OutputStateUnknown,
    PowerCycled,
    RefusedByDriver,
    RefusedByInstrument,
    SettingNotTaken,
    WrongInstrument,
)
from drivers.keithley import BUSY, State
from drivers.keithley2400 import calls
from drivers.keithley2400.messages import (
    MNEMONIC,
    SmuLimits,
    SmuReading,
    SmuSettings,
    SmuStatus,
    objections,
    parse_reading,
    ramp_messages,
    rounded_level,
    setting_table,
)
from drivers.keithley2400.off import PATIENCE, is_off, make_safe, output_state, went_off, went_off_by_errors
from drivers.keithley2400.refusals import SourceByConfigureOnly
from drivers.keithley2400.specification import SPECIFICATION
from drivers.keithley2400.sweeps import SweepsFromMemory
from drivers.pymeasure_keithley import Keithley2400 as PymeasureKeithley2400
from drivers.specification import Source

__all__ = ["Keithley2400", "SmuLimits", "SmuReading", "SmuSettings", "SmuStatus"]

_COMMAND_TIMEOUT = 5.0
_SLOW = 5.0  # for the answer of an instrument that has said nothing, s: the device is safe, and there is time
_GIVEN_UP = 6.0  # s of asking whether it is off; then no way is tried any more, but a new session once
_LONGEST_IDENTITY = 100  # characters, with the question
_REPLY_PRECISION = 1e-6  # levels are read back with seven digits
_INSTRUMENT_LIMITS = SmuLimits()


class Keithley2400(SweepsFromMemory, SourceByConfigureOnly, PymeasureKeithley2400):
    """A Keithley 2400 or 2401 on any VISA resource, or on a PyMeasure adapter.

    What may be called in which :class:`~drivers.keithley.State`, and the state that it leads to, if it is another:

    ============ ================================================================================
    state        calls
    ============ ================================================================================
    unconfigured limits =
    off          limits = (unconfigured), output_on (ready),
                 set_level, compliance_voltage =, compliance_current =
    ready        trigger (reading), trigger_same_level (reading), program_sweep (programmed),
                 output_on, set_level, compliance_voltage =, compliance_current =
    reading      read (ready), poll (ready)
    programmed   start_sweep (sweeping), program_sweep
    sweeping     poll_sweep (ending or swept)
    ending       poll_sweep (swept)
    swept        read_sweep (ready), program_sweep (programmed)
    ============ ================================================================================

    In any state: ``configure`` (off), ``output_off`` and ``stop_sweep`` (off; unconfigured where it was so, or in a
    sweep), ``reset`` (unconfigured), ``device_clear`` and ``abort`` (a reading is dropped: ready; a sweep is cut off:
    unconfigured). Questions may be asked unless the instrument is reading, sweeping or ending. What fails while it
    configures, loads a sweep, waits for its end or switches off leads to unconfigured.

    ``limits`` hold for every level and compliance, whatever the settings say, and for everything with a name of its
    own, PyMeasure's names included. Text that is sent as it is, by ``write``, ``ask``, ``values``, ``write_bytes``,
    ``write_binary_values``, ``binary_values`` or the ``adapter``, is not checked. ``timeout`` (s): how long a reply may
    take; a reading, and every reply while the output is on, 2 s at most beyond its time. ``visa_library`` and
    ``serial`` count only when ``adapter`` is a resource name.

    :raises CannotConnect: the address cannot be opened.
    """

    specification = SPECIFICATION
    models = SPECIFICATION.identities
    _allowed = calls.ALLOWED
    _words = calls.WORDS

    def __init__(
        self,
        adapter: Any,
        name: str = "Keithley 2400",
        *,
        limits: SmuLimits = _INSTRUMENT_LIMITS,
        visa_library: Any = "",
        timeout: float = _COMMAND_TIMEOUT,
        serial: link.SerialLine = SPECIFICATION.serial,
    ) -> None:
        self._limits = limits
        adapter = self._open(adapter, name, visa_library, timeout, serial)
        self._forget()
        super().__init__(adapter, name)

    def _forget(self) -> None:
        """Forget what is known of the instrument: no settings, output not ours, perhaps busy."""
        self._state = State.UNCONFIGURED
        self._settings = None
        self._record = {}
        self._bound = self._step = self._level = self._confirmed = 0.0
        self._level_message = self._point_message = ""
        self._reading_time = 0.0

    # State

    def reset(self) -> None:
        """Reset the instrument: output off, and compliance back at 105 µA. Settings must be made anew."""
        if self._state in BUSY:
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
        self._require("limits =")
        self._limits = limits
        self._state = State.UNCONFIGURED

    @property
    def level(self) -> float:
        """Get the last level sent, rounded to the source's resolution (V or A)."""
        return self._level

    # Settings

    def configure(self, settings: SmuSettings) -> None:
        """Make all settings, from a reset with the output off, read them back and compare.

        The output is off afterwards in any case.

        :raises RefusedByDriver: they are beyond the limits; nothing was sent.
        :raises OutputStateUnknown: it could not be confirmed that the output is off.
        :raises RefusedByInstrument: errors are queued.
        :raises SettingNotTaken: something reads back differently.
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
        self._bound = settings.max_level * (1 + 1e-9)
        self._step = settings.source_step
        self._level_message = f":SOUR:{MNEMONIC[settings.source]} %.7g"
        self._point_message = self._level_message + ";:READ?"
        self._allow_reading(settings.longest_reading)
        self._state = State.OFF

    # Output

    def output_on(self) -> None:
        """Switch the output on at level zero, and ask whether it is.

        :raises RefusedByDriver: the instrument is not configured, or busy.
        :raises SettingNotTaken: the level is not zero; the output is still off.
        :raises RefusedByInstrument: the output stays off.
        :raises PowerCycled: the instrument was switched off and on since it was configured; the output is off again.
        """
        self._require("output_on")
        source = MNEMONIC[self._configured().source]
        self.set_level(0.0)
        if level := self._number(f":SOUR:{source}?"):
            raise SettingNotTaken(self._where, [(f":SOUR:{source}", "0", f"{level:g}")], "The output is still off")
        self._send(":OUTP ON")
        if not self._says_that_it_is_on():
            self.output_off()
            hint = "Check the interlock (output enable line) and the instrument's temperature"
            raise scpi.refusal(self._where, "switching the output on", self.error_queue(), hint)
        try:
            self.require_power_kept()  # asked last, so that there is no moment at which it could happen unseen
        except PowerCycled:
            self.output_off()
            raise
        self._confirmed = 0.0
        self._state = State.READY

    def _says_that_it_is_on(self) -> bool:
        link.set_timeout(self.adapter, self._patience())
        on = output_state(self.adapter)
        self._note_lateness(0.0)
        return on

    def output_off(self) -> None:
        """Take the level to zero, switch the output off, and ask whether it is: in this order.

        Works at any moment, also on an instrument this object has not configured. The first that leaves is a device
        clear and then one message: where the level is known it is ramped down, else it goes to zero at once; then
        ``:OUTP OFF``. If that is not confirmed, both sources go to zero and the output off once more; then, if the
        driver has opened the link itself, the same over a new session, after which the settings must be made anew,
        as after a sweep that was cut off. An instrument that does not answer, or goes on saying things, is given
        up after some 10 s: each of these messages has left by then, and somebody must be told to press OUTPUT.

        :raises OutputStateUnknown: it cannot be confirmed that the output is off.
        """
        # After a sweep the trigger model still is that of the sweep
        self._state = State.OFF if self._state in (State.OFF, State.READY, State.READING) else State.UNCONFIGURED
        tried, trouble = [], None
        for name, switch_off in self._ways_off(link.now(self.adapter) + _GIVEN_UP):
            tried.append(name)
            try:
                if switch_off():
                    self._level = self._confirmed = 0.0
                    return
            except InstrumentError as error:
                trouble = error
                if isinstance(error, WrongInstrument):
                    break  # another instrument answers: it cannot be asked about this source
        self._state = State.UNCONFIGURED
        what = f"THE OUTPUT MAY STILL BE ON: switching it off could not be confirmed (tried: {', '.join(tried)})"
        raise OutputStateUnknown(self._where, what, "Press OUTPUT on the instrument now") from trouble

    def _ways_off(self, until: float) -> Iterator[tuple[str, Callable[[], bool]]]:
        """Ways to switch the output off, each with its name and returning whether the output is off.

        From the moment ``until`` on (s) only those that were not tried in any form.
        """
        yield "to zero and off", self._off
        says_something = isinstance(self.adapter, link.Link) and self.adapter.held > 0  # that never ends
        yield "zero and off after a device clear", partial(self._off, PATIENCE if says_something else _SLOW)
        if self._reopen is None:
            return
        yield "off over a new session", self._off_over_new_session
        for name, way in (
            ("off after a device clear there", self._off),
            ("off over one more session", self._off_over_new_session),
        ):
            if link.now(self.adapter) < until:
                yield name, way

    def _off(self, patience: float = PATIENCE) -> bool:
        self._make_safe()
        return is_off(self.adapter, min(self._timeout, patience))

    def _make_safe(self) -> None:
        """Send what makes the device safe; once that has left, the level is not known before it is confirmed."""
        make_safe(self.adapter, *self.known_level())
        self._level, self._lateness = math.nan, 0.0

    def known_level(self) -> tuple[str | None, float | None]:
        """Source (VOLT or CURR) and level (V or A) from where a ramp to zero never goes up; (None, None): not known.

        That is the level of the last reading, or one that was sent since and is nearer to zero: a message that was
        lost must not be made up for. Not known before :meth:`configure` and in a sweep from memory.
        """
        known = self._state in (State.OFF, State.READY, State.READING)
        if self._settings is None or not known or not math.isfinite(self._level):
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
        if self._settings is None or self._state is State.UNCONFIGURED:
            source = scpi.parse_word(self.ask(query := ":SOUR:FUNC?"), tuple(MNEMONIC.values()), query, self._where)
            largest = self._limits.voltage if source == "VOLT" else self._limits.current
        else:
            source, largest = MNEMONIC[self._settings.source], self._bound
        level = self._number(f":SOUR:{source}?")
        within = abs(level) <= largest * (1 + _REPLY_PRECISION)
        self._send(";".join(ramp_messages(source, level if within else 0.0, steps)))
        self._level = self._confirmed = 0.0

    def shutdown(self) -> None:
        """Switch the output off; see :meth:`output_off`."""
        self.output_off()
        self.isShutdown = True

    # Points

    def set_level(self, level: float) -> None:
        """Set the source level (V or A) without measuring.

        :raises RefusedByDriver: the level is beyond the limits, or this is not the moment.
        """
        self._require("set_level")
        if not abs(level) <= self._bound:
            raise self._beyond(level)
        self._level = rounded_level(level, self._step, self._bound)
        self._send(self._level_message % self._level)

    def trigger(self, level: float) -> None:
        """Set the source level (V or A), let it settle, and measure: one message, no waiting.

        Collect the result with :meth:`read`. A level set by command skips the source delay (User's Manual,
        appendix A), so the settling time is the trigger delay.

        :raises RefusedByDriver: the level is beyond the limits, the output is off, or the last reading was not
            collected.
        """
        self._require("trigger")
        if not abs(level) <= self._bound:
            raise self._beyond(level)
        self._level = rounded_level(level, self._step, self._bound)
        self._start_reading(self._point_message % self._level)

    def trigger_same_level(self) -> None:
        """Measure again at the present level; collect with :meth:`read`.

        :raises RefusedByDriver: the output is off, or the last reading was not collected.
        """
        self._require("trigger_same_level")
        self._start_reading(":READ?")

    @staticmethod
    def _reading(reply: str) -> SmuReading:
        return parse_reading(reply.split(","))

    def _collected(self, reply: str) -> SmuReading:
        self._confirmed = self._level
        return super()._collected(reply)

    def why_no_reading(self, problem: InstrumentError) -> InstrumentError:
        """Find out why there was no reading, once the output is off: by the error queue, lid and temperature.

        An output that went off by hand leaves no trace but that the instrument answers. Returns ``problem`` itself
        when it does not.
        """
        reason = super().why_no_reading(problem)
        if isinstance(reason, RefusedByInstrument):
            return went_off_by_errors(reason)
        try:
            condition = self._count(":STAT:MEAS:COND?")
        except InstrumentError:
            return problem
        return went_off(problem, condition, interlock=self._settings is not None and self._settings.interlock)

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
        self._require_quiet(":OUTP?")
        return self._says_that_it_is_on()

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
        self._require(f"compliance_{quantity} =")
        settings = self._configured()
        if quantity == settings.measured and self._limits.power is not None and settings.max_level:
            limit = min(limit, self._limits.power / settings.max_level)
        if not 0 < compliance <= limit:
            raise RefusedByDriver(self._where, f"compliance {compliance:g} was not sent: the limit is {limit:g}")
        self._send(f":SENS:{MNEMONIC[quantity]}:PROT {compliance:.9g}")

    def _require_source(self, source: Source) -> None:
        if self._configured().source != source:
            raise RefusedByDriver(self._where, f"level was not sent: it is not configured as a {source} source")
