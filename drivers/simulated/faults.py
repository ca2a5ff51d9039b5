"""What can go wrong on a bench, as data: from which operation on, what, and how long.

    make_it_happen(bench, Fault(FaultKind.CONNECTION_LOST, at=120, lasting=3))

Operations are those of the bench's VISA library, counted from 1. What concerns a link or a reply befalls the
instrument that operation ``at`` speaks with; what people or an interlock do befalls the source, a short circuit the
device on it; the kinds that begin with ``meter`` befall the spectroradiometer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from drivers.simulated.bench import SimulatedBench
from drivers.simulated.device import ShortCircuit
from drivers.simulated.twin import Twin

_ABORT_CHARACTER = b"\x03"  # clears a device on a serial line or socket

#: For a fault that never ends.
FOR_GOOD = math.inf


class FaultKind(StrEnum):
    """What goes wrong."""

    TIMEOUT = "the link times out"
    IO_ERROR = "the link has an error"
    CONNECTION_LOST = "the link is lost"
    SESSION_LOST = "the link is lost until it is opened again"
    ALL_LINKS_LOST = "the links of all instruments are lost"
    MESSAGE_LOST = "a message gets lost"
    REPLY_LOST = "a reply gets lost"
    REPLY_EMPTY = "a reply is empty"
    REPLY_CUT = "a reply is cut off"
    REPLY_GARBLED = "a reply is garbled"
    REPLY_NOT_ASCII = "a reply has other bytes than ASCII"
    REPLY_DOUBLED = "a reply comes twice"
    REPLY_OF_BEFORE = "the reply before comes again"
    REPLY_OVERFLOW = "numbers of a reply are overflows"
    REPLY_NAN = "numbers of a reply are NAN"
    SILENT = "the instrument takes nothing and says nothing"
    HUNG = "the instrument hangs until it is cleared"
    POWER_CYCLE = "the instrument is switched off and on"
    GOES_TO_LOCAL = "the source is taken to local"
    ERROR_QUEUED = "the source queues an error"
    INTERLOCK = "the interlock opens"
    OVER_TEMPERATURE = "the source is too hot"
    OUTPUT_KEY = "somebody presses OUTPUT"
    SHORT_CIRCUIT = "the device becomes a short circuit"
    METER_ESCAPED = "meter: cancelled at its keyboard"
    METER_KNOB = "meter: the knob is turned"
    METER_BUTTON = "meter: started by hand"
    METER_TOO_BRIGHT = "meter: too bright (ER10)"
    METER_TOO_HOT = "meter: sensor not at its temperature (ER51)"
    METER_BROKEN = "meter: shutter fault (ER30)"


_CODES = {
    FaultKind.TIMEOUT: StatusCode.error_timeout,
    FaultKind.IO_ERROR: StatusCode.error_io,
    FaultKind.CONNECTION_LOST: StatusCode.error_connection_lost,
    FaultKind.SESSION_LOST: StatusCode.error_connection_lost,
    FaultKind.ALL_LINKS_LOST: StatusCode.error_connection_lost,
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong at operation ``at`` and, if it is one of the link, the next ``lasting`` - 1."""

    kind: FaultKind
    at: int
    lasting: float = 1


def _cut(reply: bytes, _before: bytes) -> bytes:
    return reply[: len(reply) // 2]


def _garbled(reply: bytes, _before: bytes) -> bytes:
    return bytes(33 + (7 * byte + place) % 90 for place, byte in enumerate(reply[:-1])) + reply[-1:]


def _not_ascii(reply: bytes, _before: bytes) -> bytes:
    return bytes(byte | 0x80 for byte in reply[:-1]) + reply[-1:]


def _numbers_are(text: bytes) -> Callable[[bytes, bytes], bytes]:
    def change(reply: bytes, _before: bytes) -> bytes:
        fields = reply[:-1].split(b",")
        return b",".join(text if _is_number(field) else field for field in fields) + reply[-1:]

    return change


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


#: What becomes of a reply, from it and from the one before it of the same instrument; None: nothing arrives.
_DAMAGES: Mapping[FaultKind, Callable[[bytes, bytes], bytes | None]] = {
    FaultKind.REPLY_LOST: lambda _reply, _before: None,
    FaultKind.REPLY_EMPTY: lambda reply, _before: reply[-1:],
    FaultKind.REPLY_CUT: _cut,
    FaultKind.REPLY_GARBLED: _garbled,
    FaultKind.REPLY_NOT_ASCII: _not_ascii,
    FaultKind.REPLY_DOUBLED: lambda reply, _before: reply + reply,
    FaultKind.REPLY_OF_BEFORE: lambda reply, before: before or reply,
    FaultKind.REPLY_OVERFLOW: _numbers_are(b"+9.900000E+37"),
    FaultKind.REPLY_NAN: _numbers_are(b"+9.910000E+37"),
}


class _Line:
    """A twin at the end of a line on which replies are damaged, or nothing passes."""

    def __init__(self, twin: Twin) -> None:
        self.twin: Any = twin
        self.damage: Callable[[bytes, bytes], bytes | None] | None = None
        self.loses_a_message = self.silent = self.wakes_when_cleared = False
        self._before = b""
        self._pending = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.twin, name)

    def receive(self, data: bytes, *, end: bool = False) -> None:
        if _ABORT_CHARACTER in data:
            self.silent = self.silent and not self.wakes_when_cleared
        if not (self.silent or self.loses_a_message):
            self.twin.receive(data, end=end)
        self.loses_a_message = False

    def device_clear(self) -> None:
        self._pending = b""
        self.silent = self.silent and not self.wakes_when_cleared
        if not self.silent:
            self.twin.device_clear()

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        if not self._pending:
            reply, complete = self.twin.transmit()
            if self.silent or not complete:
                return b"", False
            self._pending = self._arrives(reply)
        data, self._pending = self._pending[:limit], self._pending[len(self._pending[:limit]) :]
        return data, bool(data) and not self._pending

    def _arrives(self, reply: bytes) -> bytes:
        damage, self.damage, before, self._before = self.damage, None, self._before, reply
        return reply if damage is None else damage(reply, before) or b""


class _Happening:
    """Watches the operations of a library, and has a fault happen when its moment comes."""

    def __init__(self, bench: SimulatedBench, fault: Fault) -> None:
        self._fault = fault
        self._lines = {name: _Line(twin) for name, twin in bench.library.twins.items()}
        self._befallen = ""
        self._over = FOR_GOOD if fault.kind is FaultKind.SESSION_LOST else fault.at + fault.lasting
        self._fixture = bench.fixture
        bench.library.twins.update(self._lines)

    def __call__(self, number: int, resource: str, operation: str) -> None:
        if number < self._fault.at:
            return
        if number == self._fault.at:
            self._befallen = resource
            self._begin()
        concerned = resource == self._befallen or self._fault.kind is FaultKind.ALL_LINKS_LOST
        if self._fault.kind is FaultKind.SESSION_LOST and concerned and operation == "open" and number > self._fault.at:
            self._over = number
        if concerned and number < self._over and self._fault.kind in _CODES:
            raise VisaIOError(_CODES[self._fault.kind])

    def _begin(self) -> None:
        kind, line = self._fault.kind, self._lines.get(self._befallen)
        if line is not None:
            line.damage = _DAMAGES.get(kind)
            line.loses_a_message = kind is FaultKind.MESSAGE_LOST
            line.silent = kind in (FaultKind.SILENT, FaultKind.HUNG)
            line.wakes_when_cleared = kind is FaultKind.HUNG
            if kind is FaultKind.POWER_CYCLE:
                line.twin.power_cycle()
        if kind is FaultKind.SHORT_CIRCUIT:
            self._fixture.load = ShortCircuit()
        for twin in (line.twin for line in self._lines.values()):
            action = _DONE_TO.get((type(twin).__name__, kind))
            if action is not None:
                action(twin)


def _set(name: str, value: object) -> Callable[[Any], None]:
    return lambda twin: setattr(twin, name, value)


#: What happens to an instrument by itself or by somebody's hand.
_DONE_TO: Mapping[tuple[str, FaultKind], Callable[[Any], None]] = {
    ("Keithley2400Twin", FaultKind.GOES_TO_LOCAL): lambda twin: twin.press_local_key(),
    ("Keithley2400Twin", FaultKind.ERROR_QUEUED): lambda twin: twin.status.error(-222),
    ("Keithley2400Twin", FaultKind.INTERLOCK): _set("enable_line_closed", False),
    ("Keithley2400Twin", FaultKind.OVER_TEMPERATURE): _set("over_temperature", True),
    ("Keithley2400Twin", FaultKind.OUTPUT_KEY): lambda twin: twin.press_output_key(),
    ("CS2000ATwin", FaultKind.METER_ESCAPED): lambda twin: twin.press_escape(),
    ("CS2000ATwin", FaultKind.METER_KNOB): lambda twin: twin.turn_knob(0),
    ("CS2000ATwin", FaultKind.METER_BUTTON): lambda twin: twin.press_measuring_button(),
    ("CS2000ATwin", FaultKind.METER_TOO_BRIGHT): _set("fault", "ER10"),
    ("CS2000ATwin", FaultKind.METER_TOO_HOT): _set("fault", "ER51"),
    ("CS2000ATwin", FaultKind.METER_BROKEN): _set("fault", "ER30"),
}


def make_it_happen(bench: SimulatedBench, fault: Fault) -> None:
    """Have a fault happen on a bench on which nothing was opened yet."""
    bench.library.before_operation = _Happening(bench, fault)
