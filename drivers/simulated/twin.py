"""What every twin looks like from the link it hangs on."""

from __future__ import annotations

from collections import deque
from typing import Protocol


class Twin(Protocol):
    """An instrument seen from its connector: bytes in, bytes out, and the lines of the bus.

    A link (the in-process VISA library, a socket, a pseudo-terminal) hands over bytes as they arrive, split or
    merged in any way, and takes replies when there are any. Nothing here waits: the twin's own events are on
    its :class:`~drivers.simulated.clock.Clock`.
    """

    def receive(self, data: bytes, *, end: bool = False) -> None:
        """Take bytes from the host; ``end`` is the END line (GPIB EOI) on the last of them."""

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        """Hand over what is ready, at most ``limit`` bytes of one reply, and whether that completed the reply.

        ``(b"", False)`` when nothing is ready.
        """

    def talk_with_nothing_to_say(self) -> None:
        """The host has addressed the twin to talk and given up: there was no reply and none was coming."""

    def device_clear(self) -> None:
        """DCL or SDC on GPIB, Ctrl-C on a serial line."""

    def group_execute_trigger(self) -> None:
        """GET on GPIB."""

    def serial_poll(self) -> int:
        """The status byte with RQS in bit 6; reading it clears RQS."""

    @property
    def service_request(self) -> bool:
        """Whether the twin pulls the SRQ line."""


class OnSerialLine:
    """What a twin on a serial line has in common with the others: replies that wait in ``_output``, and no bus."""

    _output: deque[bytes]

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        """Hand over at most ``limit`` bytes of the oldest reply, and whether that completed it."""
        if not self._output:
            return b"", False
        reply = self._output.popleft()
        if limit is None or len(reply) <= limit:
            return reply, True
        self._output.appendleft(reply[limit:])
        return reply[:limit], False

    def talk_with_nothing_to_say(self) -> None:
        """Do nothing: there are no addresses on a serial line."""

    def device_clear(self) -> None:
        """Do nothing: there is no device clear."""

    def group_execute_trigger(self) -> None:
        """Do nothing: there is no trigger."""

    def serial_poll(self) -> int:
        """Return 0: there is no status byte."""
        return 0

    @property
    def service_request(self) -> bool:
        """Whether it pulls the SRQ line: never."""
        return False
