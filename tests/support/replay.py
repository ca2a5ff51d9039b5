"""A bench that answers as a run file says its instruments did: the same sweep again, message by message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acquire.records import Exchange
from drivers.simulated.clock import VirtualClock
from drivers.simulated.visa import SimulatedVisaLibrary


class NotAsRecorded(Exception):
    """What was sent is not what was sent then."""


class Tape:
    """The recorded messages of all instruments in their order, on a clock that starts at the first of them."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self.clock = VirtualClock()
        self._left = list(exchanges)[::-1]
        self._start = exchanges[0].time
        self._await_reply()

    @property
    def left(self) -> int:
        """How many messages have not come yet."""
        return len(self._left)

    def send(self, instrument: str, message: bytes) -> None:
        if not self._left:
            return  # the recording ended before the program did
        expected = self._left[-1]
        if (expected.instrument, expected.sent) != (instrument, message):
            raise NotAsRecorded(f"{instrument} was sent {message!r}; then it was {expected}")
        self._pop()

    def reply(self, instrument: str) -> bytes:
        """What is there to be received now."""
        if not self._left:
            return b""
        expected = self._left[-1]
        if expected.instrument != instrument or not expected.received or self._due(expected) > self.clock.now():
            return b""
        self._pop()
        return expected.received

    def _pop(self) -> None:
        self.clock.advance_to(self._due(self._left.pop()))
        self._await_reply()

    def _await_reply(self) -> None:
        """A reply comes at its own time, so that whoever waits for it waits as long as then."""
        if self._left and self._left[-1].received:
            self.clock.call_at(self._due(self._left[-1]), lambda: None)

    def _due(self, exchange: Exchange) -> float:
        return exchange.time - self._start


class RecordedInstrument:
    """One instrument of a tape, as a link sees it."""

    def __init__(self, tape: Tape, role: str) -> None:
        self._tape, self._role = tape, role
        self._heard, self._said = bytearray(), bytearray()
        self.service_request = False

    def receive(self, data: bytes, *, end: bool = False) -> None:
        self._heard += data
        if end or self._heard.endswith((b"\r", b"\n")):
            message = bytes(self._heard).rstrip(b"\r\n")
            self._heard.clear()
            self._tape.send(self._role, message)

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        self._said += self._tape.reply(self._role)
        data = bytes(self._said[:limit])
        del self._said[: len(data)]
        return data, bool(data) and not self._said

    def talk_with_nothing_to_say(self) -> None: ...

    def device_clear(self) -> None: ...

    def group_execute_trigger(self) -> None: ...

    def serial_poll(self) -> int:
        return 0


def recorded_bench(exchanges: Sequence[Exchange], resources: Mapping[str, str]) -> tuple[SimulatedVisaLibrary, Tape]:
    """A VISA library whose instruments, by role at these addresses, answer as recorded."""
    tape = Tape(exchanges)
    twins = {resource: RecordedInstrument(tape, role) for role, resource in resources.items()}
    return SimulatedVisaLibrary(tape.clock, twins), tape
