"""Requests from outside to end a run: Ctrl-C, Ctrl-Z, SIGTERM, a closed terminal or console window."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

from acquire.safety.mailbox import Answer, Mailbox, Request
from acquire.safety.pausing import PAUSED_BY, PauseRequest
from acquire.safety.quick_edit import without_quick_edit

#: Signals that ask for a stop, by name, where the system has them (SIGBREAK: Ctrl-Break, Windows).
_SIGNALS = {
    "SIGINT": "interrupted by Ctrl-C",
    "SIGTERM": "terminated by SIGTERM",
    "SIGHUP": "the terminal was closed (SIGHUP)",
    "SIGBREAK": "interrupted by Ctrl-Break",
    # A run that is stopped would leave the device at its level, and nothing would watch it
    "SIGTSTP": "ended by Ctrl-Z, which would leave its device at its level (acquire pause takes it off)",
    "SIGQUIT": "ended by Ctrl-\\ (SIGQUIT)",
}

#: Signals that stop a job in the background which speaks to its terminal: a run goes on, heard or not.
_NOT_STOPPED_BY = ("SIGTTOU", "SIGTTIN")

#: Windows ends the process once a handler of these has returned, or after some 5 s (SetConsoleCtrlHandler).
_CONSOLE_EVENTS = {
    2: "the console window was closed",
    5: "the user logged off",
    6: "the computer is shutting down",
}
#: Whatever this program says of a run whose end was asked for from outside.
REASONS = frozenset((*_SIGNALS.values(), *_CONSOLE_EVENTS.values()))

#: The same where a request came through the mailbox; who asked follows.
STOPPED_BY = "stopped from elsewhere by "

#: So many looks of 0.2 s may a wait go on once a stop was asked for.
LONGEST_LOOKS = 5

CONSOLE_PATIENCE = 30.0  # s, more than Windows grants in any case


def asked_for(reason: str) -> bool:
    """Whether a run ended because somebody, or the system, asked for it, by the reason that its file gives."""
    return reason in REASONS or reason.startswith((STOPPED_BY, PAUSED_BY))


class _Wait:
    """Whether the run waits for an instrument; entered at each point, where a generator would take its time."""

    inside = False

    def __enter__(self) -> None:
        self.inside = True

    def __exit__(self, *_: object) -> None:
        self.inside = False


class StopRequest:
    """Remembers why a stop was asked for, by a signal or through the :attr:`mailbox`.

    ``started_for``: what operates the run from elsewhere is called so; empty where a person is at its terminal.

    The first request lets the running point end, for a second at most. Then (:meth:`look`), or with a second request,
    KeyboardInterrupt is raised, once, and only while the run waits for an instrument (:meth:`interruptible`):
    anywhere else the request is seen at once anyway, and switching the output off and finishing the file are never
    cut short.
    """

    def __init__(self, started_for: str = "") -> None:
        self._reason = ""
        self._looks = 0
        self._wait = _Wait()
        self._raised = False
        self._asking = False
        #: Where the run is spoken to from outside; open while it goes on.
        self.mailbox = Mailbox(started_for)
        #: Asked for through the mailbox too.
        self.pause = PauseRequest()
        self.mailbox.takes("stop", self._asked)
        self.mailbox.takes("pause", self.pause.asked)
        self.mailbox.takes("resume", self.pause.taken_back)

    def __call__(self) -> str:
        """Why the run should end now; empty when it should go on."""
        return self._reason

    def ask(self, reason: str) -> None:
        """Ask for a stop.

        :raises KeyboardInterrupt: this is a second request, and it meets a wait; or somebody is being asked.
        """
        if self._asking:
            self.note(reason)
            raise KeyboardInterrupt(reason)
        if self._reason and self._wait.inside and not self._raised:
            self._raised = True
            raise KeyboardInterrupt(reason)
        self.note(reason)

    def note(self, reason: str) -> None:
        """Ask for a stop from another thread: nothing is ever raised there."""
        self._reason = self._reason or reason

    def _asked(self, request: Request) -> Answer:
        """A stop asked for through the mailbox, in its thread."""
        if self():
            return Answer(True, f"it is ending already: {self()}")
        self.note(f"{STOPPED_BY}{request.by}")
        return Answer(True, "the reading under way ends, then the output goes to zero and off")

    def look(self) -> None:
        """Called every 0.2 s of a wait.

        :raises KeyboardInterrupt: a stop was asked for, and the wait goes on.
        """
        if not self._reason:
            return
        self._looks += 1
        if self._looks >= LONGEST_LOOKS and self._wait.inside and not self._raised:
            self._raised = True
            raise KeyboardInterrupt(self._reason)

    def interruptible(self) -> AbstractContextManager[None]:
        """Inside, a second request ends a wait: for waits that may be long, never for clearing up.

        :raises KeyboardInterrupt: the second request came.
        """
        return self._wait

    @contextmanager
    def while_asking(self) -> Iterator[None]:
        """Inside, the first request ends the wait for a person's answer, while no output is on.

        :raises KeyboardInterrupt: the request came, or had come before.
        """
        if self._reason:
            raise KeyboardInterrupt(self._reason)
        self._asking = True
        try:
            yield
        finally:
            self._asking = False

    @contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Take the process's signals inside, and give them back afterwards."""

        def heard(number: int, _frame: FrameType | None) -> None:
            self.ask(_SIGNALS[signal.Signals(number).name])

        before = {}
        for name in _SIGNALS:
            if (number := getattr(signal, name, None)) is not None:
                before[number] = signal.signal(number, heard)
        for name in _NOT_STOPPED_BY:
            if (number := getattr(signal, name, None)) is not None:
                before[number] = signal.signal(number, signal.SIG_IGN)
        try:
            with _windows_console(self):
                yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _windows_console(stop: StopRequest) -> Iterator[None]:
    if sys.platform == "win32":
        kernel32, callback = ctypes.windll.kernel32, ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)
        with console_heard(stop, kernel32, callback), without_quick_edit(kernel32):
            yield
    else:
        yield


@contextmanager
def console_heard(
    stop: StopRequest, kernel32: Any, as_callback: Callable[[Callable[[int], bool]], Any]
) -> Iterator[None]:
    """Inside, a closing Windows console asks for a stop, and is held open until the inside is left.

    The C runtime would turn the event into SIGBREAK and return at once, which ends the process in the middle of
    everything. Windows calls the handler in a thread of its own.
    """
    left = threading.Event()

    def closing(event: int) -> bool:
        if event not in _CONSOLE_EVENTS:
            return False  # Ctrl-C and Ctrl-Break are signals
        stop.note(_CONSOLE_EVENTS[event])
        left.wait(CONSOLE_PATIENCE)
        return True

    callback = as_callback(closing)  # a name of its own: Windows keeps no reference to it
    kernel32.SetConsoleCtrlHandler(callback, True)
    try:
        yield
    finally:
        left.set()
        kernel32.SetConsoleCtrlHandler(callback, False)
