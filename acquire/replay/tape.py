"""A bench that answers as a run file says its instruments did: message by message, in the order of ``/entry/exchange``.

Time is that of the recording: it goes on with each message, so that whoever waits for a reply waits as long as then, on
virtual time. What is sent is held against what was sent then; the first message that is another one is remembered and
ends the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from acquire.records import Exchange
from drivers.simulated.clock import VirtualClock
from drivers.simulated.visa import SimulatedVisaLibrary

LONGEST_SHOWN = 120  # bytes of a message
LONG_WAIT = 0.5  # s on the clock of the recording, without any message


class NotAsRecorded(Exception):
    """What is sent is not what was sent then, or the recording has ended; the message says where and what."""


@dataclass(frozen=True)
class Deviation:
    """Where a replay left its recording: the ``number`` of the message from 1, with whom, and what differs."""

    number: int
    instrument: str
    expected: str
    came: str

    def __str__(self) -> str:
        """In one line."""
        return f"message {self.number} ({self.instrument}): recorded is {self.expected}; {self.came}"


def shown(message: bytes) -> str:
    """A message for people, cut where it is long."""
    cut = message[:LONGEST_SHOWN].rstrip(b"\r\n")
    more = f" ... ({len(message)} bytes)" if len(message) > LONGEST_SHOWN else ""
    return f"{cut.decode('ascii', 'backslashreplace')!r}{more}"


def told(exchange: Exchange | None) -> str:
    """A recorded message in words."""
    if exchange is None:
        return "nothing more"
    if exchange.sent:
        return f"{shown(exchange.sent)} sent to {exchange.instrument}"
    return f"{shown(exchange.received)} received from {exchange.instrument}"


class Tape:
    """The recorded messages of all instruments in their order, on a clock that starts at the first of them.

    ``deviation`` is where the run left the recording, None as long as it follows it; ``ended`` says that it asked for
    more than was recorded.
    """

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self.clock = VirtualClock()
        self.position = 0
        self.deviation: Deviation | None = None
        self.ended = False
        self._exchanges = exchanges
        self._start = exchanges[0].time if exchanges else 0.0
        self._waited_for = ""
        self._last = 0.0
        self._await_next()

    @property
    def left(self) -> int:
        """How many messages have not come yet."""
        return len(self._exchanges) - self.position

    @property
    def now(self) -> float:
        """The time of the recording [s]."""
        return self.clock.now() + self._start

    def next_is_due_within(self, duration: float) -> bool:
        """Whether the next message was exchanged so soon [s], or there is none."""
        return self.expected is None or self.expected.time <= self.now + duration

    @property
    def expected(self) -> Exchange | None:
        """The next message of the recording, None at its end."""
        return self._exchanges[self.position] if self.left else None

    def send(self, instrument: str, message: bytes) -> None:
        """A message goes to an instrument.

        :raises NotAsRecorded: another one was sent then.
        """
        expected = self.expected
        if expected is None:
            self.ended = True
            raise NotAsRecorded("the recording ends here")
        if (expected.instrument, expected.sent) != (instrument, message):
            self._deviate(instrument, f"now {shown(message)} is sent to {instrument}")
        self._pop()

    def _deviate(self, instrument: str, came: str) -> None:
        waited = ""
        if self._waited_for and self.clock.now() - self._last > LONG_WAIT:
            waited = f", after waiting for a reply of {self._waited_for} that is not recorded"
        self.deviation = self.deviation or Deviation(self.position + 1, instrument, told(self.expected), came + waited)
        raise NotAsRecorded(str(self.deviation))

    def reply(self, instrument: str) -> bytes:
        """What is there to be received now."""
        expected = self.expected
        if expected is None or expected.instrument != instrument or not expected.received:
            self._waited_for = instrument
            return b""
        if self._due(expected) > self.clock.now():
            return b""
        self._pop()
        return expected.received

    def has_turn(self, instrument: str) -> bool:
        """Whether the next message is one to this instrument, and its time has come: it asks for service before."""
        expected = self.expected
        sent = expected is not None and expected.instrument == instrument and bool(expected.sent)
        return sent and expected is not None and self._due(expected) <= self.clock.now()

    def _pop(self) -> None:
        due = self._due(self._exchanges[self.position])
        self.position += 1
        self._waited_for = ""
        self.clock.advance_to(due)
        self._last = self.clock.now()
        self._await_next()

    def _await_next(self) -> None:
        """The next message comes at its own time, so that whoever waits for it waits as long as then."""
        if (expected := self.expected) is not None:
            self.clock.call_at(self._due(expected), lambda: None)

    def _due(self, exchange: Exchange) -> float:
        return exchange.time - self._start


class RecordedInstrument:
    """One instrument of a tape, as a link sees it."""

    def __init__(self, tape: Tape, role: str) -> None:
        self._tape, self._role = tape, role
        self._heard, self._said = bytearray(), bytearray()

    @property
    def service_request(self) -> bool:
        """Whether it pulls SRQ: when what the program did next is due."""
        return self._tape.has_turn(self._role)

    def receive(self, data: bytes, *, end: bool = False) -> None:
        """Take bytes; a message is over with its line end, or END."""
        self._heard += data
        if end or self._heard.endswith((b"\r", b"\n")):
            message = bytes(self._heard).rstrip(b"\r\n")
            self._heard.clear()
            self._tape.send(self._role, message)

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        """Bytes that are there to be read, and whether they end a message."""
        self._said += self._tape.reply(self._role)
        data = bytes(self._said[:limit])
        del self._said[: len(data)]
        return data, bool(data) and not self._said

    def talk_with_nothing_to_say(self) -> None:
        """Do nothing: what an instrument thinks of that is not recorded."""

    def device_clear(self) -> None:
        """Do nothing: it is no message."""

    def group_execute_trigger(self) -> None:
        """Do nothing: it is no message."""

    def serial_poll(self) -> int:
        """The status byte: only that service is asked for is known."""
        return 0x40 if self.service_request else 0


def recorded_bench(exchanges: Sequence[Exchange], resources: Mapping[str, str]) -> tuple[SimulatedVisaLibrary, Tape]:
    """A VISA library whose instruments, by role at these addresses, answer as recorded."""
    tape = Tape(exchanges)
    twins = {resource: RecordedInstrument(tape, role) for role, resource in resources.items()}
    return SimulatedVisaLibrary(tape.clock, twins), tape
