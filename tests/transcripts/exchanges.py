"""A transcript, and how it is played to a driver and to a twin.

An exchange is a pair, what the driver sends and what the instrument replies, without line ends. None for the first:
another reply to the same message; None for the second: no reply is due; NOTHING: a reply is waited for in vain.
CLEAR is a device clear, POLL with a number a serial poll, and a function of the :class:`Host` something that happens
to the instrument without the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from drivers.errors import InstrumentError
from drivers.simulated.clock import VirtualClock
from drivers.simulated.trigger_link import TriggerLink
from tests.drivers.conftest import NOTHING

CLEAR, POLL = "device clear", "serial poll"
_PATIENCE = 400.0  # s of virtual time: the longest exposure of a spectroradiometer takes four minutes
_IN_VAIN = 10.0

Exchange = Any  # a pair, CLEAR, or a function of the host


@dataclass(frozen=True)
class Transcript:
    """What ``call`` makes a driver exchange with its instrument, and what it returns or raises.

    ``bench``: how the twin is set up; ``check``: what must hold for the returned value.
    """

    name: str
    call: Callable[[Any], Any]
    exchanges: Sequence[Exchange]
    check: Callable[[Any], bool] = lambda returned: returned is None
    raises: type[InstrumentError] | None = None
    says: str = ""
    bench: dict[str, Any] = field(default_factory=dict)
    driver: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def every(table: Sequence[Transcript]) -> Any:
    """A test for each transcript of a table."""
    return pytest.mark.parametrize("wanted", table, ids=str)


def hold_driver(opened: Any, driver: type, wanted: Transcript) -> None:
    """The driver, given the replies, sends exactly these bytes and returns or raises what the transcript says."""
    pairs = [pair for pair in wanted.exchanges if isinstance(pair, tuple) and pair[0] != POLL]
    polls = [pair[1] for pair in wanted.exchanges if isinstance(pair, tuple) and pair[0] == POLL]
    clears: list[int] = []
    with opened(driver, pairs, **wanted.driver) as instrument:
        instrument.adapter.connection.read_stb.side_effect = polls
        instrument.adapter.connection.clear.side_effect = lambda: clears.append(instrument.adapter._index)
        _outcome(instrument, wanted)
    assert clears == _clears(wanted.exchanges)
    assert instrument.adapter.connection.read_stb.call_count == len(polls)


def _clears(exchanges: Sequence[Exchange]) -> list[int]:
    """How many pairs came before each device clear."""
    pairs = [exchange for exchange in exchanges if exchange == CLEAR or isinstance(exchange, tuple)]
    pairs = [pair for pair in pairs if pair[0] != POLL]
    marks = [place for place, pair in enumerate(pairs) if pair == CLEAR]
    return [place - before for before, place in enumerate(marks)]


def _outcome(instrument: Any, wanted: Transcript) -> None:
    if wanted.raises is None:
        assert wanted.check(wanted.call(instrument))
        return
    with pytest.raises(wanted.raises, match=wanted.says):
        wanted.call(instrument)


class Host:
    """The other end of a twin's link: messages in, and virtual time until a reply is complete."""

    def __init__(self, twin: Any, clock: VirtualClock, trigger_link: TriggerLink | None = None) -> None:
        self.twin = twin
        self.clock = clock
        self.trigger_link = trigger_link

    def write(self, message: str | bytes) -> None:
        self.twin.receive((message.encode("ascii") if isinstance(message, str) else message) + b"\n", end=True)

    def read(self, patience: float = _PATIENCE) -> bytes:
        """The next reply with its line end; empty when none comes."""
        until = self.clock.now() + patience
        while not (reply := self.twin.transmit())[1]:
            due = self.clock.next_event()
            if due is None or due > until:
                self.clock.advance_to(until)
                return b""
            self.clock.advance_to(due)
        return bytes(reply[0])


def hold_twin(host: Host, exchanges: Sequence[Exchange], alike: Callable[[str, str, str], bool]) -> None:
    """The twin, given the same bytes in the same order, replies in the same form.

    ``alike`` compares: what was asked, what the transcript says, what came.
    """
    asked = ""
    for exchange in exchanges:
        if not isinstance(exchange, tuple):
            _happen(host, exchange)
            continue
        sent, reply = exchange
        if sent == POLL:
            assert host.twin.serial_poll() == reply
            continue
        if sent is not None:
            asked = sent
            assert sent != "*CLS" or not unread_errors(host), "an error would be cleared unseen"
            host.write(sent)
        _await(host, asked, reply, alike)
    assert host.twin.transmit() == (b"", False), "a reply was not asked for"


def unread_errors(host: Host) -> int:
    """How many errors a Keithley twin has queued: commands it refused that the driver takes for granted."""
    return len(host.twin.status.errors)


def _happen(host: Host, what: Any) -> None:
    if what == CLEAR:
        host.twin.device_clear()
    else:
        what(host)


def _await(host: Host, asked: str, reply: Any, alike: Callable[[str, str, str], bool]) -> None:
    if reply == NOTHING:
        assert host.read(_IN_VAIN) == b"", asked
    elif reply is not None:
        came = host.read()
        assert came.endswith(b"\n"), (asked, came)
        assert alike(asked, reply.removesuffix("\n"), came[:-1].decode("ascii")), (asked, reply, came)
