"""Konica Minolta CS-2000 and CS-2000A spectroradiometers.

Commands after the CS-2000 Communication Specifications Rev. 7.00 (Konica Minolta, 2020), whose notice asks for the
maker's permission before the commands are used in commercial software (see NOTICE). One command is in flight at
a time and every command is answered by one line, ``OKnn`` or ``ERnn`` and fields; only a measurement is answered
twice, first with its duration, then at its end. In between the meter takes nothing but a cancellation.

What is said to the meter and what it says is written as exchanges (:mod:`drivers.cs2000a.exchange`). A command waits
for its exchange; a spectrum goes on by one line with every :meth:`~CS2000A.poll`, so that a program can look after
other instruments meanwhile, whatever goes wrong with this one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from math import inf
from typing import Any, Literal

import numpy as np
from pymeasure.instruments import Instrument

from drivers import link
from drivers.cs2000a.errors import MeasurementBusy, NoSpectrum, RemoteLost
from drivers.cs2000a.exchange import IDENTITY_FIELDS, NO_ANSWER, Exchange, MeterExchange, T
from drivers.cs2000a.messages import (
    BLOCK_LENGTHS,
    REFUSALS,
    Colorimetry,
    Conditions,
    ExposureSetting,
    SpectroradiometerSettings,
    Spectrum,
    SpectrumReading,
    exposure_objections,
    measuring_angle,
    objections,
    parse_colorimetry,
    parse_conditions,
    parse_duration,
    parse_spectrum_block,
    setting_table,
    speed_setting,
)
from drivers.cs2000a.specification import SPECIFICATION
from drivers.errors import (
    InstrumentError,
    InstrumentTimeout,
    LinkLost,
    RefusedByDriver,
    SettingNotTaken,
    UnexpectedReply,
    WrongInstrument,
)
from drivers.scpi import Identity

__all__ = ["CS2000A", "Colorimetry", "Conditions", "ExposureSetting", "SpectroradiometerSettings", "SpectrumReading"]

_MODELS = ("CS-2000", "CS-2000A")
_COMMAND_TIMEOUT = 10.0

#: The longest that one read of :meth:`CS2000A.poll` waits, s.
LONGEST_SLICE = 0.2

# The meter prepares a measurement for up to 10 s before it says anything (Communication Specifications), s
_FIRST_LINE_TIMEOUT = 12.0
_SECOND_LINE_MARGIN = 5.0  # beyond the time announced, s
_REPLY_TIMEOUT = 3.5  # of a read-out, besides the time that its line takes, s
_LEAVING_TIMEOUT = 1.0  # s
_LEAVING_PATIENCE = 5.0  # for a measurement to begin, so that it can be cancelled, s

_ASK_AGAIN_AFTER = (0.5, 1.0, 1.5)  # where the meter has no data yet, s
_LONGEST_BLOCK = 1016  # bytes

#: Refusals of a read-out that mean that there are no data yet, or no longer.
_NO_DATA = (MeasurementBusy, NoSpectrum, RemoteLost)

#: What a spectrum may not be taken under other settings of; the rest is chosen by the meter, or by its knob.
_KEPT = ("speed_mode", "synchronisation", "external_nd", "close_up_lens", "calibration_channel")

# asked: whether the meter is there again; announced: waiting for the first line of a measurement; exposing: for the
# second; ready: to be read out
_State = Literal["idle", "asked", "announced", "exposing", "ready"]


class CS2000A(MeterExchange, Instrument):
    """A CS-2000 or CS-2000A on any VISA resource, or on a PyMeasure adapter.

    ``timeout`` (s): how long the reply to a command may take. ``visa_library`` and ``serial`` count only when
    ``adapter`` is a resource name. ``clock`` says the time in s, by which lines are overdue.

    :raises CannotConnect: the address cannot be opened.
    """

    specification = SPECIFICATION

    def __init__(
        self,
        adapter: Any,
        name: str = "Konica Minolta CS-2000A",
        *,
        visa_library: Any = "",
        timeout: float = _COMMAND_TIMEOUT,
        serial: link.SerialLine = SPECIFICATION.serial,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if isinstance(adapter, str):
            adapter = link.open_adapter(adapter, name=name, visa_library=visa_library, timeout=timeout, serial=serial)
        self._talk_over(adapter, name, timeout, clock)
        self._record: dict[str, str | float | bool] = {}
        self._exposure: ExposureSetting | None = None
        self._state: _State = "idle"
        self._running: Exchange[SpectrumReading] | None = None
        self._due: float | None = None
        self._spectrum: SpectrumReading | None = None
        self._expected: float | None = None
        self._exposure_times = (0.0, 0.0)
        super().__init__(adapter, name, includeSCPI=False)

    # One command, one line

    def _command(self, command: str) -> list[str]:
        """Send a command and return the fields of its reply.

        :raises RefusedByDriver: a measurement is running.
        :raises RefusedByInstrument: what the error code means, or a kind of it.
        :raises InstrumentTimeout: there is no answer.
        """
        self._require_quiet(command)
        return self._carried_out(self._back_in_step(self._asked(command, self._timeout), InstrumentTimeout))

    def _require_quiet(self, command: str) -> None:
        if self._running is not None and self._due is not None:
            raise RefusedByDriver(self._where, f"{command} was not sent: a measurement is running", "Wait or cancel")

    def _parsed(self, command: str, parse: Callable[[Sequence[str]], T]) -> T:
        return self._as(command, self._command(command), parse)

    # Remote mode, identity, settings

    def remote(self) -> None:
        """Enter remote mode; settings are kept out of the flash memory where the firmware can do that."""
        self._require_quiet("RMTS,2")
        self._carried_out(self._back_in_step(self._in_remote(self._timeout), InstrumentTimeout))

    def local(self) -> None:
        """Give the meter back to its own keys."""
        self._command("RMTS,0")

    def shutdown(self) -> None:
        """Cancel a running measurement and give the meter back to its own keys.

        Takes 1 s where the meter is known to be silent, 9 s at most otherwise.

        :raises InstrumentTimeout: there is no answer.
        """
        begun = self._forget()
        if begun in ("announced", "exposing") and not self._silent:
            with suppress(InstrumentError):
                self._carried_out(self._given_up(begun, _LEAVING_PATIENCE, _LEAVING_TIMEOUT))
        self._carried_out(self._once("RMTS,0", _LEAVING_TIMEOUT))
        self.isShutdown = True

    def identify(self) -> Identity:
        """Enter remote mode and ask for the identity.

        A measurement that another program has left running is cancelled, and its late lines are thrown away.

        :raises WrongInstrument: it is neither a CS-2000 nor a CS-2000A.
        """
        self.adapter.flush_read_buffer()
        try:
            model, _, serial = self._introduction()
        except (RemoteLost, InstrumentTimeout):
            self.cancel()
            model, _, serial = self._introduction()
        if model not in _MODELS:
            raise WrongInstrument(self._where, f"{model} answers, expected CS-2000 or CS-2000A")
        return Identity("KONICA MINOLTA", model, serial, "")

    def _introduction(self) -> list[str]:
        self.remote()
        return self._identity()

    def _identity(self) -> list[str]:
        return self._parsed("IDDR", _identity_fields)

    @property
    def measuring_angle(self) -> float:
        """Get the measuring angle set by the knob on the meter in degrees (float: 1, 0.2 or 0.1)."""
        return self._parsed("STSR", lambda fields: measuring_angle(int(",".join(fields))))

    def configure(self, settings: SpectroradiometerSettings) -> None:
        """Make the settings that differ from the meter's, read them back, and disable its measuring button.

        :raises RefusedByDriver: the meter does not have these settings; nothing was sent.
        :raises RefusedByInstrument: the meter refuses one of them.
        :raises SettingNotTaken: something reads back differently.
        """
        if reasons := list(objections(settings)):
            raise RefusedByDriver(self._where, "settings were not sent: " + "; ".join(reasons))
        self.remote()
        self._command("MSWE,0")
        link.set_timeout(self.adapter, self._timeout)
        differences = []
        for setting in setting_table(settings):
            if setting.agrees(self._command(setting.query)):
                continue
            # Written only when needed: older firmware writes flash memory every time
            self._command(setting.message)
            if not setting.agrees(fields := self._command(setting.query)):
                differences.append((setting.message, ",".join(map(str, setting.fields)), ",".join(fields)))
        if differences:
            raise SettingNotTaken(self._where, differences)
        self._record = {**vars(settings), "measuring_angle": self.measuring_angle}
        self._exposure = settings.exposure

    def settings(self) -> dict[str, str | float | bool]:
        """The settings the meter confirmed, by name, and its measuring angle; empty before :meth:`configure`."""
        return dict(self._record)

    # A spectrum

    def trigger(self, exposure: ExposureSetting | None = None) -> None:
        """Start a measurement without waiting for anything; :meth:`poll` goes on with it, and reads it out.

        ``exposure``: how it is taken, set and read back first where it is not so yet; None: as before.

        :raises RefusedByDriver: the meter cannot expose so, or a measurement is running; nothing was sent.
        """
        if exposure is not None and (reasons := list(exposure_objections(exposure))):
            raise RefusedByDriver(self._where, "settings were not sent: " + "; ".join(reasons))
        self._require_quiet("MEAS,1")
        self._spectrum = self._expected = None
        self._state = "asked"
        self._running, self._due = self._measured_and_read(exposure), None
        self._step(0.0)

    def poll(self, timeout: float = 0.0) -> bool:
        """Whether the spectrum is measured and read out: goes on by the meter's next line, if there is one.

        Waits at most ``timeout`` s, and never longer than :data:`LONGEST_SLICE`. Where the meter has no data when it
        should, it is asked again, then measured again, once. After an error there is no spectrum, and the exchange is
        in step again unless the meter is :attr:`silent`.

        :raises NoSpectrum: nothing was started, or the meter has no data.
        :raises RefusedByInstrument: what the meter's error code means, or a kind of it.
        :raises InstrumentTimeout: the meter is overdue.
        :raises UnexpectedReply: what it says makes no sense.
        :raises LinkLost: the connection failed.
        :raises SettingNotTaken: the spectrum was taken under other settings.
        """
        if self._running is not None:
            self._step(min(timeout, LONGEST_SLICE))
        elif self._spectrum is None:
            raise NoSpectrum(self._where, "no measurement was started", "Call start or trigger first")
        return self._running is None

    def start(self) -> float:
        """Start a measurement and return the time the meter says it will take, s, after its own preparation."""
        self.trigger()
        while self._state in ("asked", "announced"):
            self._step(inf)
        return float(self._expected or 0.0)

    def wait(self) -> None:
        """Wait until the measurement is finished.

        :raises InstrumentTimeout: the meter is overdue.
        :raises RefusedByInstrument: what the meter's error code means, or a kind of it.
        """
        while self._state in ("asked", "announced", "exposing"):
            self._step(inf)

    @property
    def expected_duration(self) -> float | None:
        """Get the time the running or last measurement takes in s (float), None until the meter has said so."""
        return self._expected

    @property
    def exposing(self) -> bool:
        """Get whether the meter is measuring (bool): it has said how long that takes, and not yet that it is done."""
        return self._state == "exposing"

    @property
    def exposure_times(self) -> tuple[float, float]:
        """Get when the last measurement was started, and when it ended, by the clock, in s (tuple of float)."""
        return self._exposure_times

    def cancel(self) -> None:
        """Cancel the running measurement; harmless when there is none, or when it ends at the same moment.

        Takes 1.5 s, to see whether the meter has more to say. Its data are lost.

        :raises UnexpectedReply: the meter then does not say who it is.
        """
        self._carried_out(self._given_up(self._forget(), _FIRST_LINE_TIMEOUT, self._timeout))

    def _forget(self) -> _State:
        """Leave a spectrum to itself; how far it had come."""
        begun, self._state = self._state, "idle"
        self._running = self._spectrum = None
        return begun

    def _given_up(self, begun: _State, patience: float, reply_patience: float) -> Exchange[None]:
        # The meter takes nothing before its first line
        if begun == "announced" and (yield from self._due_line("MEAS,1", patience)) in REFUSALS:
            return
        lines = yield from self._cancelled()
        if unknown := [line for line in lines if line != "OK00" and line not in REFUSALS]:
            raise UnexpectedReply(self._where, "MEAS,0", ";".join(unknown))
        fields = yield from self._asked("IDDR", reply_patience)
        self._as("IDDR", fields, _identity_fields)

    def _step(self, timeout: float) -> None:
        """Go on by the meter's next line, if it comes within ``timeout`` s, or is overdue by then."""
        assert self._running is not None
        try:
            line = None
            if self._due is not None:
                left = max(self._due - self._clock(), 0.0)
                line = self._line(min(timeout, left))
                if line is None and timeout < left and self._clock() < self._due:
                    return
            self._go_on(self._running, line)
        except InstrumentError as problem:
            self._forget()
            self._silent = self._silent or isinstance(problem, LinkLost)
            raise

    def _go_on(self, exchange: Exchange[SpectrumReading], line: str | None) -> None:
        try:
            patience = exchange.send(line)
        except StopIteration as end:
            self._forget()
            self._spectrum = end.value
        else:
            self._due = None if patience is None else self._clock() + patience

    def _exposed_so(self, exposure: ExposureSetting) -> Exchange[None]:
        """Set how spectra are taken from now on, and read it back.

        :raises SettingNotTaken: it reads back differently.
        """
        setting = speed_setting(exposure)
        patience = min(self._timeout, _REPLY_TIMEOUT)
        yield from self._asked(setting.message, patience)
        fields = yield from self._asked(setting.query, patience)
        if not setting.agrees(fields):
            wanted = ",".join(map(str, setting.fields))
            raise SettingNotTaken(self._where, [(setting.message, wanted, ",".join(fields))])
        self._exposure = exposure
        self._record |= vars(exposure)

    def _measured_and_read(self, exposure: ExposureSetting | None) -> Exchange[SpectrumReading]:
        """Measure and read out; measured once more where the meter turns out to have no data."""
        if self._silent:
            yield from self._resynchronised()
        if exposure is not None and exposure != self._exposure:
            yield from self._back_in_step(self._exposed_so(exposure), *NO_ANSWER)
        yield from self._back_in_step(self._measured(), *NO_ANSWER, cancelling=True)
        with suppress(*_NO_DATA):
            return (yield from self._back_in_step(self._read_out(_ASK_AGAIN_AFTER), *NO_ANSWER))
        # It may be measuring still, whatever it said
        yield from self._cancelled()
        yield from self._resynchronised()
        yield from self._back_in_step(self._measured(), *NO_ANSWER, cancelling=True)
        return (yield from self._back_in_step(self._read_out(_ASK_AGAIN_AFTER), *NO_ANSWER))

    def _measured(self) -> Exchange[None]:
        started = self._clock()
        self._state, self._expected = "announced", None
        self._expected = self._as("MEAS,1", (yield from self._asked("MEAS,1", _FIRST_LINE_TIMEOUT)), parse_duration)
        self._state = "exposing"
        patience = self._expected + min(self._timeout, _SECOND_LINE_MARGIN)
        last = self._fields("MEAS,1", (yield from self._due_line("MEAS,1", patience)))
        self._as("MEAS,1", last, _nothing_more)
        self._exposure_times = started, self._clock()
        self._state = "ready"
        yield None

    # Results

    def read_spectrum(self) -> SpectrumReading:
        """The finished measurement: spectrum, colorimetry and conditions; may be read as often as wanted.

        :raises MeasurementBusy: it is still running.
        :raises NoSpectrum: there is none.
        :raises SettingNotTaken: it was taken under other settings than those of :meth:`configure`.
        """
        if self._state in ("asked", "announced", "exposing"):
            raise MeasurementBusy(self._where, "the measurement is not finished", "Call wait, or poll")
        while self._running is not None:
            self._step(inf)
        return self._spectrum or self._carried_out(self._read_out(()))

    def _read_out(self, waits: Sequence[float]) -> Exchange[SpectrumReading]:
        # Conditions and spectrum first: with the measuring button on, a colorimetric read ends the data's life
        conditions = yield from self._value("MEDR,0,0,1", parse_conditions, waits)
        self._require_own_settings(conditions)
        blocks: list[Spectrum] = []
        for block, length in enumerate(BLOCK_LENGTHS, start=1):
            parse = partial(parse_spectrum_block, length=length)
            blocks.append((yield from self._value(f"MEDR,1,1,{block}", parse, waits)))
        if any(one.any() and np.array_equal(one, other) for one, other in pairwise(blocks)):
            raise UnexpectedReply(self._where, "MEDR,1", "the same block twice")
        colorimetry = yield from self._value("MEDR,2,0,00", parse_colorimetry, waits)
        return SpectrumReading(np.concatenate(blocks), colorimetry, conditions)

    def _value(self, command: str, parse: Callable[[Sequence[str]], T], waits: Sequence[float]) -> Exchange[T]:
        """What was measured; the meter is asked again after each of ``waits`` (s) while it has no data."""
        patience = min(self._timeout, _REPLY_TIMEOUT) + link.transfer_time(self.adapter, _LONGEST_BLOCK)
        for wait in waits:
            with suppress(*_NO_DATA):
                return self._as(command, (yield from self._asked(command, patience)), parse)
            yield wait
        return self._as(command, (yield from self._asked(command, patience)), parse)

    def _require_own_settings(self, taken: Conditions) -> None:
        """Have a spectrum refused that was not taken under the settings the meter once confirmed.

        A meter that was switched off and on in between measures under those of its flash memory.

        :raises SettingNotTaken: it was taken under others.
        """
        pairs = [(name, self._record[name], getattr(taken, name)) for name in _KEPT if self._record]
        if wrong := [(name, str(own), str(found)) for name, own, found in pairs if own != found]:
            raise SettingNotTaken(self._where, wrong, "Was the meter switched off and on?")

    def colorimetry(self) -> Colorimetry:
        """Colorimetric values of the finished measurement; NaN where the meter has none."""
        return self._parsed("MEDR,2,0,00", parse_colorimetry)

    def conditions(self) -> Conditions:
        """Under what conditions the finished measurement was taken."""
        return self._parsed("MEDR,0,0,1", parse_conditions)


def _identity_fields(fields: Sequence[str]) -> list[str]:
    if len(fields) != IDENTITY_FIELDS:
        raise ValueError(f"{len(fields)} fields")
    return list(fields)


def _nothing_more(fields: Sequence[str]) -> None:
    if fields:
        raise ValueError("the measurement was announced twice")
