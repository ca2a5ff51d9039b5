"""What is sent to the instruments of a bench and received from them, kept until the recorder takes it."""

from __future__ import annotations

from collections.abc import Callable

_LINE_ENDS = (b"\n", b"\r")

Message = tuple[float, str, bytes, bytes]


class ExchangeLog:
    """Messages in the order in which they went over the links, as :class:`acquire.records.Exchange` has them.

    Nothing is kept any more once ``on`` is false.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.on = True
        self._clock = clock
        self._zero = clock()
        self._kept: list[Message] = []

    def start(self, zero: float) -> None:
        """Count time from ``zero`` by the same clock, also for what is there already."""
        shift = zero - self._zero
        self._zero = zero
        self._kept = [(time - shift, name, sent, received) for time, name, sent, received in self._kept]

    def tap(self, instrument: str) -> Callable[[bytes, bytes], None]:
        """What the link of an instrument calls with what it has sent, or received."""

        def add(sent: bytes, received: bytes) -> None:
            if not self.on:
                return
            if received and self._kept:
                _, last, _, begun = self._kept[-1]
                if begun and last == instrument and not begun.endswith(_LINE_ENDS):  # the rest of a line
                    received = begun + received
                    del self._kept[-1]
            self._kept.append((self._clock() - self._zero, instrument, sent, received))

        return add

    def take(self) -> list[Message]:
        """The messages since the last time, their times in s since the start of the run."""
        taken, self._kept = self._kept, []
        return taken

    def stop(self) -> None:
        """Keep nothing any more."""
        self.on = False
        self._kept.clear()
