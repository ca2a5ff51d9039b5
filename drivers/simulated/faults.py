"""What can go wrong on a bench, as data: from which operation on, what, and how long.

    happened = make_it_happen(bench, Fault(FaultKind.CONNECTION_LOST, at=120, lasting=3))

Operations are those of the bench's VISA library, counted from 1. What concerns a link or a reply happens to
the instrument that operation ``at`` speaks with; what people or an interlock do to the source, a broken device to
the terminals; the kinds that begin with ``meter`` to the spectroradiometer. What passed over the links, and when, is
in what :func:`make_it_happen` returns; without a fault it only listens.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from drivers.simulated.bench import SimulatedBench
from drivers.simulated.clock import Clock, Event
from drivers.simulated.loads import OpenCircuit, ShortCircuit
from drivers.simulated.twin import Twin

_ABORT_CHARACTER = b"\x03"  # clears a device on a serial line or socket

#: For a fault that never ends.
FOR_GOOD = math.inf

LATE = 3.0  # s by which a late reply is late
CLOSED_FOR = 1.0  # s for which a closed link cannot be opened again
TRICKLE = 0.15  # s from byte to byte of a reply that trickles in
NOISE_EVERY, NOISE = 0.05, b"+1.0,+1.0,"  # s from burst to burst, and a burst
_MOST_NOISE = 400  # bursts that nobody fetched: more are lost, as where a receive buffer is full
FAILED_OPENING = 0.1  # s that an attempt to open it takes meanwhile


class FaultKind(StrEnum):
    """What goes wrong."""

    TIMEOUT = "the link times out"
    IO_ERROR = "the link has an error"
    CONNECTION_LOST = "the link is lost"
    SESSION_LOST = "the link is lost until it is opened again"
    LINK_CLOSED = "the link is closed and can be opened again 1 s later"
    ALL_LINKS_LOST = "the links of all instruments are lost"
    MESSAGE_LOST = "a message gets lost"
    REPLY_LOST = "a reply gets lost"
    REPLY_LATE = "a reply comes 3 s late"
    REPLY_EMPTY = "a reply is empty"
    REPLY_CUT = "a reply is cut off"
    REPLY_GARBLED = "a reply is garbled"
    REPLY_NOT_ASCII = "a reply has other bytes than ASCII"
    REPLY_DOUBLED = "a reply comes twice"
    REPLY_OF_BEFORE = "the reply before comes again"
    TRICKLE = "replies trickle in, a byte every 0.15 s"
    NOISE = "noise without an end of line in place of replies"
    REPLY_OVERFLOW = "numbers of a reply are overflows"
    REPLY_NAN = "numbers of a reply are NAN"
    SILENT = "the instrument takes nothing and says nothing"
    HUNG = "the instrument hangs until it is cleared"
    POWER_CYCLE = "the instrument is switched off and on"
    GOES_TO_LOCAL = "the source is taken to local"
    ERROR_QUEUED = "the source queues an error"
    DMM_ERROR_QUEUED = "the photodiode's meter queues an error"
    INTERLOCK = "the interlock opens"
    OVER_TEMPERATURE = "the source is too hot"
    OUTPUT_KEY = "somebody presses OUTPUT"
    SHORT_CIRCUIT = "the device becomes a short circuit"
    OPEN_CIRCUIT = "the device becomes an open circuit"
    METER_ESCAPED = "meter: cancelled at its keyboard"
    METER_KNOB = "meter: the knob is turned"
    METER_BUTTON = "meter: started by hand"
    METER_TOO_BRIGHT = "meter: too bright (ER10)"
    METER_TOO_HOT = "meter: sensor not at its temperature (ER51)"
    METER_BROKEN = "meter: shutter fault (ER30)"
    METER_BUSY = "meter: results are refused once (ER02)"
    METER_EMPTY = "meter: results are refused once (ER20)"


_CODES = {
    FaultKind.TIMEOUT: StatusCode.error_timeout,
    FaultKind.IO_ERROR: StatusCode.error_io,
    FaultKind.CONNECTION_LOST: StatusCode.error_connection_lost,
    FaultKind.SESSION_LOST: StatusCode.error_connection_lost,
    FaultKind.LINK_CLOSED: StatusCode.error_connection_lost,
    FaultKind.ALL_LINKS_LOST: StatusCode.error_connection_lost,
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong at operation ``at`` and, if it is one of the link, the next ``lasting`` - 1.

    Trickling and noise never end.

    Of what concerns replies, ``lasting`` counts the replies: ``FOR_GOOD`` means every one from then on. An instrument
    whose replies are lost for good hears, and carries out what is sent to it.
    """

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


class Message(NamedTuple):
    """Bytes that passed over a link whole: when (s), before the end of which operation of the library, and which."""

    time: float
    operation: int
    data: bytes


class Line:
    """A twin at the end of a line on which replies are damaged or late, or nothing passes.

    ``heard`` is what has reached the twin, ``said`` what it has replied, before anything happened to the reply.
    """

    def __init__(self, twin: Twin, clock: Clock, operation: Callable[[], int]) -> None:
        self.twin: Any = twin
        self.heard: list[Message] = []
        self.said: list[Message] = []
        self.damage: Callable[[bytes, bytes], bytes | None] | None = None
        self.damages = 0.0
        self.late = 0.0
        self.loses_a_message = self.silent = self.wakes_when_cleared = self.trickles = self.noisy = False
        self.refusal = b""
        self._clock, self._operation = clock, operation
        self._before = b""
        self._pending, self._ends = b"", False
        self._on_their_way = deque[tuple[bytes, bool]]()
        self._under_way: list[Event] = []
        self._next_due = -math.inf

    def __getattr__(self, name: str) -> Any:
        return getattr(self.twin, name)

    def receive(self, data: bytes, *, end: bool = False) -> None:
        """Hand a message on, unless it gets lost."""
        if _ABORT_CHARACTER in data:
            self.silent = self.silent and not self.wakes_when_cleared
        if not (self.silent or self.loses_a_message):
            self.heard.append(Message(self._clock.now(), self._operation(), data))
            if end:  # GPIB: a reply that was not read to its end is dropped for a new message
                self._pending = b""
            self.twin.receive(data, end=end)
        self.loses_a_message = False

    def device_clear(self) -> None:
        """Clear the device, and what is on its way from it; a hung one wakes."""
        self._pending = b""
        self._on_their_way.clear()
        for event in self._under_way:
            event.cancel()
        self._under_way.clear()
        self._next_due = -math.inf
        self.silent = self.silent and not self.wakes_when_cleared
        if not self.silent:
            self.twin.device_clear()

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        """Hand over what has become of the oldest reply, when it is there."""
        if not self._pending:
            self._pending, self._ends = self._next_reply()
        data, self._pending = self._pending[:limit], self._pending[len(self._pending[:limit]) :]
        return data, bool(data) and not self._pending and self._ends

    def begin_noise(self) -> None:
        """Say things without end from now on, and nothing else."""
        self.noisy = True
        if len(self._on_their_way) < _MOST_NOISE:
            self._on_their_way.append((NOISE, False))
        self._clock.call_after(NOISE_EVERY, self.begin_noise)

    def _next_reply(self) -> tuple[bytes, bool]:
        reply, complete = self.twin.transmit()
        if complete and not self.silent:
            self.said.append(Message(self._clock.now(), self._operation(), reply))
            # no reply overtakes another
            due = max(self._clock.now() + LATE * bool(self.late), self._next_due)
            self.late = max(self.late - 1, 0.0)
            if due > self._clock.now() or self.trickles:
                self._next_due = self._comes_later(reply, due)
            else:
                self._on_their_way.append((self._arrives(reply), True))
        return self._on_their_way.popleft() if self._on_their_way else (b"", False)

    def _comes_later(self, reply: bytes, due: float) -> float:
        """Have a reply arrive whole or byte by byte; when it is there."""
        if not self.trickles:
            arrival = self._clock.call_at(due, lambda: self._on_their_way.append((self._arrives(reply), True)))
            self._under_way.append(arrival)
            return due
        for place, byte in enumerate(reply, 1):
            piece = bytes([byte]), place == len(reply)
            due += TRICKLE
            self._under_way.append(self._clock.call_at(due, partial(self._on_their_way.append, piece)))
        return due

    def _arrives(self, reply: bytes) -> bytes:
        before, self._before = self._before, reply
        if self.refusal and self.heard and self.heard[-1].data.startswith(b"MEDR"):
            reply, self.refusal = self.refusal + reply[-1:], b""
        if self.noisy:
            return b""
        if self.damage is None or not self.damages:
            return reply
        self.damages -= 1
        return self.damage(reply, before) or b""


class _Happening:
    """Watches the operations of a library, and has one fault happen when its moment comes."""

    def __init__(self, bench: SimulatedBench, fault: Fault, lines: Mapping[str, Line]) -> None:
        self._fault = fault
        self._lines = lines
        self._befallen = ""
        self._over = FOR_GOOD if fault.kind in _UNTIL_OPENED else fault.at + fault.lasting
        self._fixture, self._clock = bench.fixture, bench.library.clock
        self.began = math.nan

    def __call__(self, number: int, resource: str, operation: str) -> None:
        if number < self._fault.at:
            return
        if number == self._fault.at:
            self._befallen, self.began = resource, self._clock.now()
            self._begin()
        concerned = resource == self._befallen or self._fault.kind is FaultKind.ALL_LINKS_LOST
        if concerned and operation == "open" and number > self._fault.at:
            self._open_again(number)
        if concerned and number < self._over and self._fault.kind in _CODES:
            raise VisaIOError(_CODES[self._fault.kind])

    def _open_again(self, number: int) -> None:
        """An attempt to open what was closed: it works, or takes a moment and fails."""
        kind = self._fault.kind
        if kind is FaultKind.SESSION_LOST or (
            kind is FaultKind.LINK_CLOSED and self._clock.now() > self.began + CLOSED_FOR - FAILED_OPENING / 2
        ):
            self._over = min(number, self._over)
        elif kind is FaultKind.LINK_CLOSED and number < self._over:
            self._clock.advance(FAILED_OPENING)

    def _begin(self) -> None:
        kind, line = self._fault.kind, self._lines.get(self._befallen)
        if line is not None:
            self._befall(line)
        if kind in _DEVICES:
            self._fixture.load = _DEVICES[kind]()
        for twin in (line.twin for line in self._lines.values()):
            action = _DONE_TO.get((type(twin).__name__, kind))
            if action is not None:
                action(twin)
        if kind in _REFUSALS:
            for line in self._lines.values():
                line.refusal = _REFUSALS[kind]

    def _befall(self, line: Line) -> None:
        """What concerns the one line; several faults may concern the same."""
        kind = self._fault.kind
        if kind in _DAMAGES:
            line.damage, line.damages = _DAMAGES[kind], self._fault.lasting
        line.late = self._fault.lasting if kind is FaultKind.REPLY_LATE else line.late
        line.loses_a_message |= kind is FaultKind.MESSAGE_LOST
        line.trickles |= kind is FaultKind.TRICKLE
        if kind is FaultKind.NOISE:
            line.begin_noise()
        line.silent |= kind in (FaultKind.SILENT, FaultKind.HUNG)
        line.wakes_when_cleared |= kind is FaultKind.HUNG
        if kind is FaultKind.POWER_CYCLE:
            line.twin.power_cycle()


_UNTIL_OPENED = (FaultKind.SESSION_LOST, FaultKind.LINK_CLOSED)

_DEVICES: Mapping[FaultKind, Callable[[], Any]] = {
    FaultKind.SHORT_CIRCUIT: ShortCircuit,
    FaultKind.OPEN_CIRCUIT: OpenCircuit,
}

#: What the spectroradiometer answers in place of its results.
_REFUSALS = {FaultKind.METER_BUSY: b"ER02", FaultKind.METER_EMPTY: b"ER20"}


class Happened:
    """What happened to a bench: ``lines`` by resource name, and when each fault began (s), NaN for one that did not."""

    def __init__(self, bench: SimulatedBench, faults: tuple[Fault, ...]) -> None:
        library = bench.library
        self.lines = {
            name: Line(twin, library.clock, lambda: library.operations) for name, twin in library.twins.items()
        }
        library.twins.update(self.lines)
        self._happenings = [_Happening(bench, fault, self.lines) for fault in faults]

    @property
    def began(self) -> tuple[float, ...]:
        """The moments at which the faults began."""
        return tuple(happening.began for happening in self._happenings)

    def __call__(self, number: int, resource: str, operation: str) -> None:
        """Have happen what is due at this operation; each fault sees each operation, whatever another makes of it."""
        problems = [
            problem for happening in self._happenings for problem in _problem(happening, number, resource, operation)
        ]
        if problems:
            raise problems[0]


def _problem(happening: _Happening, number: int, resource: str, operation: str) -> Iterator[VisaIOError]:
    try:
        happening(number, resource, operation)
    except VisaIOError as problem:
        yield problem


def _set(name: str, value: object) -> Callable[[Any], None]:
    return lambda twin: setattr(twin, name, value)


#: What happens to an instrument by itself or by somebody's hand.
_DONE_TO: Mapping[tuple[str, FaultKind], Callable[[Any], None]] = {
    ("Keithley2400Twin", FaultKind.GOES_TO_LOCAL): lambda twin: twin.press_local_key(),
    ("Keithley2400Twin", FaultKind.ERROR_QUEUED): lambda twin: twin.status.error(-222),
    ("Keithley2000Twin", FaultKind.DMM_ERROR_QUEUED): lambda twin: twin.status.error(-363),
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


def make_it_happen(bench: SimulatedBench, *faults: Fault) -> Happened:
    """Have faults happen on a bench on which nothing was opened yet; what is returned fills as they do."""
    bench.library.before_operation = happened = Happened(bench, faults)
    return happened
