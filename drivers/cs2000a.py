"""Konica Minolta CS-2000 and CS-2000A spectroradiometers.

Commands after the CS-2000 Communication Specifications Rev. 7.00 (Konica Minolta, 2020). One command is in flight at
a time and every command is answered by one line, ``OKnn`` or ``ERnn`` and fields; only a measurement is answered
twice, first with its duration, then at its end. In between the meter takes nothing but a cancellation, so a program
that reads other instruments meanwhile asks :meth:`~CS2000A.poll` now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from pymeasure.instruments import Instrument

from drivers import link
from drivers.cs2000a_messages import (
    BLOCK_LENGTHS,
    REFUSALS,
    Colorimetry,
    Conditions,
    SpectroradiometerSettings,
    Spectrum,
    SpectrumReading,
    measuring_angle,
    objections,
    parse_colorimetry,
    parse_conditions,
    parse_duration,
    parse_spectrum_block,
    setting_table,
)
from drivers.errors import (
    InstrumentError,
    InstrumentTimeout,
    MeasurementBusy,
    NoSpectrum,
    RefusedByDriver,
    RefusedByInstrument,
    RemoteLost,
    SettingNotTaken,
    UnexpectedReply,
    WrongInstrument,
)
from drivers.scpi import Identity

__all__ = ["CS2000A", "Colorimetry", "Conditions", "SpectroradiometerSettings", "SpectrumReading"]

SERIAL_LINE = link.SerialLine(baud_rate=115200, terminator="\n")
_MODELS = ("CS-2000", "CS-2000A")
_IDENTITY_FIELDS = 3
_COMMAND_TIMEOUT = 10.0
_FIRST_LINE_TIMEOUT = 20.0
_SECOND_LINE_MARGIN = 15.0
_QUIET = 1.5  # a line that follows a cancellation comes within this time, s

T = TypeVar("T")


class CS2000A(Instrument):
    """A CS-2000 or CS-2000A on any VISA resource, or on a PyMeasure adapter.

    ``timeout`` (s): how long the reply to a command may take. ``visa_library`` and ``serial`` count only when
    ``adapter`` is a resource name. Raises CannotConnect.
    """

    def __init__(
        self,
        adapter: Any,
        name: str = "Konica Minolta CS-2000A",
        *,
        visa_library: Any = "",
        timeout: float = _COMMAND_TIMEOUT,
        serial: link.SerialLine = SERIAL_LINE,
    ) -> None:
        if isinstance(adapter, str):
            adapter = link.open_adapter(adapter, name=name, visa_library=visa_library, timeout=timeout, serial=serial)
        self._where = " at ".join(filter(None, (name, link.resource_of(adapter))))
        self._timeout = timeout
        # announced: waiting for the first line of a measurement; exposing: for the second
        self._state: Literal["idle", "announced", "exposing", "ready"] = "idle"
        self._expected: float | None = None
        self._resent = False
        self._partial = bytearray()
        self._line_end = link.line_end(adapter)
        self._record: dict[str, str | float | bool] = {}
        super().__init__(adapter, name, includeSCPI=False)

    # One command, one line

    def _command(self, command: str) -> list[str]:
        """Send a command and return the fields of its reply; raises what its error code means."""
        self._require_quiet(command)
        try:
            return self._once(command)
        except RemoteLost:
            if command.startswith("RMTS"):
                raise
        # Well-formed commands are answered so when somebody has pressed ESC
        self.remote()
        return self._once(command)

    def _require_quiet(self, command: str) -> None:
        if self._state in ("announced", "exposing"):
            raise RefusedByDriver(self._where, f"{command} was not sent: a measurement is running", "Wait or cancel")

    def _once(self, command: str) -> list[str]:
        self.adapter.write(command)
        try:
            reply = str(self.adapter.read())
        except InstrumentTimeout:
            self._resynchronise()
            raise
        return self._fields(command, reply)

    def _resynchronise(self) -> None:
        """Throw away late lines; an identity in answer to IDDR shows that replies belong to commands again."""
        try:
            self.adapter.flush_read_buffer()
            self.adapter.write("IDDR")
            while str(self.adapter.read()).count(",") != _IDENTITY_FIELDS:
                pass
        except InstrumentError:
            return

    def _fields(self, command: str, reply: str) -> list[str]:
        code, *fields = (field.strip() for field in reply.split(","))
        if code.startswith("OK"):
            return fields
        raise self._refusal(command, code, reply)

    def _refusal(self, command: str, code: str, reply: str) -> InstrumentError:
        if code not in REFUSALS:
            return UnexpectedReply(self._where, command, reply)
        exception, meaning, mend = REFUSALS[code]
        if (command, code) == ("MEAS,1", "ER20"):
            meaning = "the measurement was cancelled at the meter (ESC key)"
        return exception(self._where, f"{command} was answered by {code}: {meaning}", mend, [code])

    def _parsed(self, command: str, parse: Callable[[Sequence[str]], T]) -> T:
        fields = self._command(command)
        try:
            return parse(fields)
        except ValueError as error:
            raise UnexpectedReply(self._where, command, ",".join(fields)[:80]) from error

    # Remote mode, identity, settings

    def remote(self) -> None:
        """Enter remote mode; settings are kept out of the flash memory where the firmware can do that."""
        self._require_quiet("RMTS,2")
        try:
            self._once("RMTS,2")
        except RefusedByInstrument:
            # Firmware before 3.00.9301 knows mode 1 only
            self._once("RMTS,1")

    def local(self) -> None:
        """Give the meter back to its own keys."""
        self._command("RMTS,0")

    def shutdown(self) -> None:
        """Cancel a running measurement and give the meter back to its own keys."""
        if self._state in ("announced", "exposing"):
            self.cancel()
        self.local()
        self.isShutdown = True

    def identify(self) -> Identity:
        """Enter remote mode and ask for the identity; raises WrongInstrument unless it is a CS-2000 or CS-2000A.

        A measurement that another program has left running is cancelled, and its late lines are thrown away.
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
        fields = self._command("IDDR")
        if len(fields) != _IDENTITY_FIELDS:
            raise UnexpectedReply(self._where, "IDDR", ",".join(fields))
        return fields

    @property
    def measuring_angle(self) -> float:
        """Get the measuring angle set by the knob on the meter in degrees (float: 1, 0.2 or 0.1)."""
        return self._parsed("STSR", lambda fields: measuring_angle(int(",".join(fields))))

    def configure(self, settings: SpectroradiometerSettings) -> None:
        """Make the settings that differ from the meter's, read them back, and disable its measuring button.

        Raises RefusedByDriver for settings the meter does not have; SettingNotTaken when something reads back
        differently; RefusedByInstrument.
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

    def settings(self) -> dict[str, str | float | bool]:
        """The settings the meter confirmed, by name, and its measuring angle; empty before :meth:`configure`."""
        return dict(self._record)

    # Measuring

    def trigger(self) -> None:
        """Start a measurement without waiting for anything; ask :meth:`poll` or :meth:`wait`."""
        self._require_quiet("MEAS,1")
        self._partial.clear()
        self._expected = None
        self._resent = False
        self._state = "announced"
        self.adapter.write("MEAS,1")

    def start(self) -> float:
        """Start a measurement and return the time the meter says it will take, s, after its own preparation."""
        self.trigger()
        self._advance(_FIRST_LINE_TIMEOUT)
        return float(self._expected or 0.0)

    @property
    def expected_duration(self) -> float | None:
        """Get the time the running or last measurement takes in s (float), None until the meter has said so."""
        return self._expected

    def poll(self, timeout: float = 0.0) -> bool:
        """Whether the measurement is finished, waiting at most ``timeout`` s for the meter's next line.

        Raises what the meter's error code means, NoSpectrum when nothing was started.
        """
        if self._state == "idle":
            raise NoSpectrum(self._where, "no measurement was started", "Call start or trigger first")
        while self._state != "ready":
            if (line := self._line(timeout)) is None:
                return False
            self._take(line)
        return True

    def wait(self) -> None:
        """Wait until the measurement is finished; raises InstrumentTimeout when the meter is overdue."""
        if self._state == "announced":
            self._advance(_FIRST_LINE_TIMEOUT)
        if self._state != "ready":
            self._advance((self._expected or 0.0) + _SECOND_LINE_MARGIN)

    def _advance(self, timeout: float) -> None:
        """Wait for the next line of a measurement."""
        before = self._state
        while self._state == before:
            if (line := self._line(timeout)) is None:
                self._state = "idle"
                self._resynchronise()
                what = f"no answer to MEAS,1 within {timeout:g} s"
                raise InstrumentTimeout(self._where, what, "Check the light path and the meter's display")
            self._take(line)

    def _take(self, line: str) -> None:
        """Go on with the measurement by one line of the meter."""
        state, self._state = self._state, "idle"
        try:
            fields = self._fields("MEAS,1", line)
        except RemoteLost:
            if state != "announced" or self._resent:
                raise
            self._start_again()
            return
        if state == "exposing":
            self._state = "ready"
            return
        try:
            self._expected = parse_duration(fields)
        except ValueError as error:
            raise UnexpectedReply(self._where, "MEAS,1", line) from error
        self._state = "exposing"

    def _start_again(self) -> None:
        """Enter remote mode and start once more: somebody has pressed ESC since the last command."""
        self.remote()
        self._resent = True
        self._state = "announced"
        self.adapter.write("MEAS,1")

    def _line(self, timeout: float) -> str | None:
        """The meter's next line if it is complete within ``timeout`` s a byte; parts are kept for the next time.

        A read of a whole line would lose what has arrived when it times out.
        """
        link.set_timeout(self.adapter, timeout)
        try:
            while not self._partial.endswith(self._line_end):
                self._partial += self.adapter.read_bytes(1)
        except InstrumentTimeout:
            return None
        finally:
            link.set_timeout(self.adapter, self._timeout)
        line = self._partial.decode("ascii", "replace").strip()
        self._partial.clear()
        return line

    def cancel(self) -> None:
        """Cancel the running measurement; harmless when there is none, or when it ends at the same moment.

        Takes 1.5 s, to see whether the meter has more to say. Its data are lost. Raises UnexpectedReply when the
        meter then does not say who it is.
        """
        if self._state == "announced":
            # The meter takes nothing before its first line
            try:
                self._advance(_FIRST_LINE_TIMEOUT)
            except RefusedByInstrument:
                return
        self._state = "idle"
        self.adapter.write("MEAS,0")
        lines = []
        while (line := self._line(_QUIET)) is not None:
            lines.append(line)
        if unknown := [line for line in lines if line != "OK00" and line not in REFUSALS]:
            raise UnexpectedReply(self._where, "MEAS,0", ";".join(unknown))
        self._partial.clear()
        self._identity()

    # Results

    def read_spectrum(self) -> SpectrumReading:
        """The finished measurement: spectrum, colorimetry and conditions; may be read as often as wanted.

        Raises MeasurementBusy while it is running, NoSpectrum when there is none.
        """
        if self._state in ("announced", "exposing"):
            raise MeasurementBusy(self._where, "the measurement is not finished", "Call wait, or poll")
        # Conditions and spectrum first: with the measuring button on, a colorimetric read ends the data's life
        conditions = self.conditions()
        spectral_radiance = self._spectral_radiance()
        return SpectrumReading(spectral_radiance, self.colorimetry(), conditions)

    def _spectral_radiance(self) -> Spectrum:
        blocks = [self._spectrum_block(block, length) for block, length in enumerate(BLOCK_LENGTHS, start=1)]
        return np.concatenate(blocks)

    def _spectrum_block(self, block: int, length: int) -> Spectrum:
        return self._parsed(f"MEDR,1,1,{block}", lambda fields: parse_spectrum_block(fields, length))

    def colorimetry(self) -> Colorimetry:
        """Colorimetric values of the finished measurement; NaN where the meter has none."""
        return self._parsed("MEDR,2,0,00", parse_colorimetry)

    def conditions(self) -> Conditions:
        """Under what conditions the finished measurement was taken."""
        return self._parsed("MEDR,0,0,1", parse_conditions)
