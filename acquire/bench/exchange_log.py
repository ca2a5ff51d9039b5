"""What is sent to the instruments of a bench and received from them, kept until the recorder takes it."""

from __future__ import annotations

from collections.abc import Callable

from acquire.records import Exchange

_LINE_ENDS = (b"\n", b"\r")


class ExchangeLog:
    """Messages in the order in which they went over the links, each with the moment at which it was over [s].

    ``zero`` is the start of the run by the same clock. Nothing is kept any more once ``on`` is false.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.zero = clock()
        self.on = True
        self._clock = clock
        self._kept: list[tuple[float, str, bytes, bytes]] = []

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
            self._kept.append((self._clock(), instrument, sent, received))

        return add

    def take(self) -> list[Exchange]:
        """The messages since the last time, their times in s since the start of the run."""
        taken, self._kept = self._kept, []
        zero = self.zero
        return [Exchange(time - zero, instrument, sent, received) for time, instrument, sent, received in taken]

    def stop(self) -> None:
        """Keep nothing any more."""
        self.on = False
        self._kept.clear()
