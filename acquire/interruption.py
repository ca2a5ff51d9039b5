"""Requests from outside to end a run: Ctrl-C, SIGTERM, a closed terminal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: Signals that ask for a stop, by name, where the system has them (SIGBREAK: Ctrl-Break, Windows).
_SIGNALS = {
    "SIGINT": "interrupted by Ctrl-C",
    "SIGTERM": "terminated by SIGTERM",
    "SIGHUP": "the terminal was closed (SIGHUP)",
    "SIGBREAK": "interrupted by Ctrl-Break or a closed console",
}


class StopRequest:
    """Remembers why a stop was asked for.

    The first request lets the running point end. A second one raises KeyboardInterrupt, once, and only while the
    run waits for an instrument (:meth:`interruptible`): anywhere else the request is seen at once anyway, and
    switching the output off and finishing the file are never cut short.
    """

    def __init__(self) -> None:
        self._reason = ""
        self._interruptible = False
        self._raised = False

    def __call__(self) -> str:
        """Why the run should end now; empty when it should go on."""
        return self._reason

    def ask(self, reason: str) -> None:
        """Ask for a stop; a second request that meets a wait raises KeyboardInterrupt."""
        if self._reason and self._interruptible and not self._raised:
            self._raised = True
            raise KeyboardInterrupt(reason)
        self._reason = self._reason or reason

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Inside, a second request raises KeyboardInterrupt: for waits that may be long, never for clearing up."""
        self._interruptible = True
        try:
            yield
        finally:
            self._interruptible = False

    @contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Take the process's signals inside, and give them back afterwards."""

        def heard(number: int, _frame: FrameType | None) -> None:
            self.ask(_SIGNALS[signal.Signals(number).name])

        before = {}
        for name in _SIGNALS:
            if (number := getattr(signal, name, None)) is not None:
                before[number] = signal.signal(number, heard)
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
