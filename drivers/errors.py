"""What can go wrong between a program and its instruments.

::

    InstrumentError
    ├── CannotConnect             nothing answers at this address, or the address cannot be opened
    ├── WrongInstrument           something answers, but it is not the instrument the driver was written for
    ├── InstrumentTimeout         no reply within the time allowed
    ├── LinkLost                  the cable, bus or socket failed
    ├── RefusedByDriver           we did not send it: beyond a limit, or at the wrong moment
    ├── RefusedByInstrument       we sent it, the instrument refused: its error queue or error code (.errors)
    │   ├── RemoteLost            CS-2000A ER00
    │   ├── MeasurementBusy       CS-2000A ER02
    │   ├── CalibrationMissing    CS-2000A ER05
    │   ├── OverRange             CS-2000A ER10
    │   ├── ParameterRefused      CS-2000A ER17
    │   ├── NoSpectrum            CS-2000A ER20
    │   ├── SensorTemperature     CS-2000A ER51, ER52
    │   ├── SynchronisationLost   CS-2000A ER71
    │   ├── AngleNotSet           CS-2000A ER83
    │   └── InstrumentFault       CS-2000A ER30, ER32, ER34, ER81, ER82, ER84, ER99
    ├── UnexpectedReply           the reply cannot be what the command asks for (.sent, .reply)
    ├── SettingNotTaken           a setting reads back differently from what was sent (.differences)
    ├── PowerCycled               it was switched off and on since its settings were made
    └── OutputStateUnknown        the source output may still be on

Those of the CS-2000A, one for each kind of error code, live in :mod:`drivers.cs2000a.errors`.

Every message says where (instrument and resource), what happened, and how to correct it. Exceptions of PyVISA,
pySerial and the operating system are turned into these in one place, :mod:`drivers.link`, and chained.
"""

from __future__ import annotations

from collections.abc import Sequence


class InstrumentError(Exception):
    """Anything that went wrong with an instrument: ``where``, ``what``, and a ``hint`` at what to do."""

    def __init__(self, where: str, what: str, hint: str = "") -> None:
        super().__init__(where, what, hint)
        self.where = where
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.what}." + (f" {self.hint}." if self.hint else "")


class CannotConnect(InstrumentError):
    """The address cannot be opened."""


class WrongInstrument(InstrumentError):
    """Another instrument than expected answers at this address."""


class InstrumentTimeout(InstrumentError):
    """No complete reply within the time allowed."""


class LinkLost(InstrumentError):
    """The connection itself failed."""


class RefusedByDriver(InstrumentError):
    """The driver did not send the command."""


class RefusedByInstrument(InstrumentError):
    """The instrument refused the command; ``errors`` holds its error messages or codes, oldest first."""

    def __init__(self, where: str, what: str, hint: str = "", errors: Sequence[object] = ()) -> None:
        super().__init__(where, what, hint)
        self.errors = list(errors)


_READABLE = 80  # characters of a reply in a message


class UnexpectedReply(InstrumentError):
    """The reply makes no sense for the command; ``sent`` and ``reply`` are kept."""

    def __init__(self, where: str, sent: str, reply: str, hint: str = "") -> None:
        super().__init__(where, f"{sent} was answered by {reply[:_READABLE]!r}", hint)
        self.args = (where, sent, reply, hint)
        self.sent = sent
        self.reply = reply


class SettingNotTaken(InstrumentError):
    """Settings read back differently; ``differences`` holds (command, value sent, reply) for each."""

    def __init__(self, where: str, differences: Sequence[tuple[str, str, str]], hint: str = "") -> None:
        listed = "; ".join(f"{command}: sent {sent}, reads back {reply}" for command, sent, reply in differences)
        super().__init__(where, f"the instrument did not take {listed}", hint)
        self.args = (where, tuple(differences), hint)
        self.differences = list(differences)


class PowerCycled(InstrumentError):
    """The instrument was switched off and on since its settings were made; it has others now."""


class OutputStateUnknown(InstrumentError):
    """It could not be confirmed that the source output is off."""
