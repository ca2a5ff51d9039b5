"""A serial board of relays from the other end of its line, with a pixel of the substrate behind each relay.

Commands and replies as the manuals of Numato Lab's boards state them; where they are silent the behaviour is a choice,
marked ``assumed``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from drivers.simulated.fixture import TestFixture
from drivers.simulated.twin import OnSerialLine

_NAMES = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
_HEXADECIMAL = set("0123456789abcdefABCDEF")
_LONGEST_LINE = 64  # assumed
_CR, _LF = 0x0D, 0x0A


@dataclass(frozen=True)
class RelayBoardOptions:
    """How a board is built. Times in s; ``stuck`` are relays, counted from 1, whose contacts do not open any more.

    ``deaf``: relays whose contacts do not close; the board knows of neither. ``instant`` makes all times zero.
    """

    relays: int = 8
    latency: float = 1e-3
    operate_time: float = 8e-3
    release_time: float = 4e-3
    firmware: str = "00000008"
    identity: str = "00000000"
    stuck: tuple[int, ...] = ()
    deaf: tuple[int, ...] = ()
    baud_rate: int = 9600
    interface: Literal["gpib", "serial", "socket"] = "serial"
    instant: bool = False


class RelayBoardTwin(OnSerialLine):
    """A relay board between the source and the pixels of the fixture; an open circuit while no relay is closed.

    ``most_closed`` is how many contacts ever were closed at a time, ``switched_live`` how often one moved under
    voltage or current: both are what a bench must never do. Of several that are closed the first counts (assumed).
    """

    def __init__(self, fixture: TestFixture, options: RelayBoardOptions | None = None) -> None:
        self.fixture = fixture
        self.options = options or RelayBoardOptions()
        self.most_closed = self.switched_live = 0
        self._coils = 0
        self._contacts: set[int] = set(self.options.stuck)
        self._line = bytearray()
        self._output: deque[bytes] = deque()
        self._last_reply = 0.0
        self._connect()

    @property
    def contacts(self) -> tuple[int, ...]:
        """The relays whose contacts are closed, counted from 1."""
        return tuple(sorted(self._contacts))

    def power_cycle(self) -> None:
        """Switch off and on: every relay opens, what was on its way is lost."""
        self._line.clear()
        self._output = deque()  # replies on their way go to the old one
        self._set(0)

    # the connector ----------------------------------------------------------------------------------------

    def receive(self, data: bytes, *, end: bool = False) -> None:  # noqa: ARG002 - a serial line has no END
        """Take bytes from the host; CR ends a command, on a socket LF as well."""
        for byte in data:
            if byte == _CR or (byte == _LF and self.options.interface == "socket" and self._line):
                self._run()
            elif 0x20 <= byte < 0x7F and len(self._line) < _LONGEST_LINE:
                self._line.append(byte)

    # commands ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        line = self._line.decode("ascii")
        self._line.clear()
        answer = self._answer(line.split())
        self._say(line + "\n\r" + (answer + "\n\r" if answer else "") + ">")

    def _say(self, text: str) -> None:
        data = text.encode("ascii")
        if self.options.instant:
            self._output.append(data)
            return
        under_way = 10.0 * len(data) / self.options.baud_rate if self.options.interface == "serial" else 0.0
        now = self.fixture.clock.now()
        self._last_reply = max(self._last_reply, now + self.options.latency + under_way)
        output = self._output
        self.fixture.clock.call_at(self._last_reply, lambda: output.append(data))

    def _answer(self, words: list[str]) -> str:
        match words:
            case ["ver"]:
                return self.options.firmware
            case ["id", "get"]:
                return self.options.identity
            case ["relay", "on" | "off" as state, name] if name in self._names:
                self._set(self._with(_NAMES.index(name), state == "on"))
            case ["relay", "read", name] if name in self._names:
                return "on" if self._coils >> _NAMES.index(name) & 1 else "off"
            case ["relay", "readall"]:
                return f"{self._coils:0{self._digits}x}"
            case ["relay", "writeall", text] if len(text) == self._digits and set(text) <= set(
                "0123456789abcdefABCDEF"
            ):
                self._set(int(text, 16) & ((1 << self.options.relays) - 1))
        return ""

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(_NAMES[: self.options.relays])

    @property
    def _digits(self) -> int:
        return (self.options.relays + 3) // 4

    def _with(self, channel: int, on: bool) -> int:
        return self._coils | 1 << channel if on else self._coils & ~(1 << channel)

    # contacts ---------------------------------------------------------------------------------------------

    def _set(self, coils: int) -> None:
        changed, self._coils = self._coils ^ coils, coils
        for relay in range(1, self.options.relays + 1):
            if changed >> (relay - 1) & 1:
                delay = self.options.operate_time if self._is_on(relay) else self.options.release_time
                self._after(delay, partial(self._move, relay))

    def _is_on(self, relay: int) -> bool:
        return bool(self._coils >> (relay - 1) & 1)

    def _after(self, delay: float, action: Callable[[], None]) -> None:
        if self.options.instant:
            action()
        else:
            self.fixture.clock.call_after(delay, action)

    def _move(self, relay: int) -> None:
        before = set(self._contacts)
        if self._is_on(relay) and relay not in self.options.deaf:
            self._contacts.add(relay)
        elif not self._is_on(relay) and relay not in self.options.stuck:
            self._contacts.discard(relay)
        if self._contacts != before:
            self.switched_live += self.fixture.energised
            self._connect()

    def _connect(self) -> None:
        self.most_closed = max(self.most_closed, len(self._contacts))
        self.fixture.connect(self.contacts[0] if self._contacts else None)
