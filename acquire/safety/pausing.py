"""A pause of a run, asked for from outside: by whom, and after what time without a word the run is ended."""

from __future__ import annotations

import threading
from math import inf, isfinite
from time import sleep

from acquire.safety.mailbox import Answer, Request

#: So long a pause lasts at most unless told otherwise, s; and so long at most in any case.
LONGEST_PAUSED, UTMOST_PAUSED = 1800.0, 86_400.0

#: What a run is ended with that nobody went on with; who had asked for the pause follows.
PAUSED_BY = "paused by "


class PauseRequest:
    """Whether a pause is asked for; requests come from the mailbox's thread, the run looks from its own."""

    def __init__(self) -> None:
        self._by = ""
        self._longest = inf
        self._refused = "the sweep has not begun yet; stop ends the run at any time"
        self._virtual = False
        self._change = threading.Lock()

    def __call__(self) -> str:
        """Who asks for a pause; empty when the run should go on."""
        return self._by

    @property
    def longest(self) -> float:
        """How long the pause lasts at most, s: then the run is ended."""
        return self._longest

    def allow(self, *, virtual: bool = False) -> None:
        """Take requests from now on; ``virtual``: the time of the bench is not that of a person."""
        with self._change:
            self._refused = ""
            self._virtual = virtual

    def refuse(self, why: str) -> None:
        """Refuse requests from now on, and drop one that was taken."""
        with self._change:
            self._refused, self._by = why, ""

    def wait(self, duration: float) -> None:
        """Let ``duration`` s pass for the person who is waited for, where the bench takes no time to wait."""
        if self._virtual:
            sleep(duration)

    def ask(self, by: str, longest: float = LONGEST_PAUSED) -> None:
        """Ask for a pause that lasts ``longest`` s at most."""
        with self._change:
            self._by, self._longest = by, longest

    def take_back(self) -> None:
        """Let the run go on."""
        with self._change:
            self._by = ""

    def asked(self, request: Request) -> Answer:
        """A pause asked for through the mailbox; its field ``longest`` is how long it lasts at most, s."""
        longest = request.more.get("longest", LONGEST_PAUSED)
        if isinstance(longest, bool) or not isinstance(longest, int | float) or not isfinite(longest):
            return Answer(False, "longest is no number of seconds")
        if not 0.0 < longest <= UTMOST_PAUSED:
            return Answer(False, f"a pause lasts {UTMOST_PAUSED:g} s at most, and more than 0 s")
        if self._refused:
            return Answer(False, f"not paused: {self._refused}")
        if self._by:
            return Answer(True, f"it is paused already, by {self._by}")
        self.ask(request.by, float(longest))
        after = f"after {longest:g} s without a word the run is ended"
        return Answer(True, f"before its next point the output goes to zero and off; {after}")

    def taken_back(self, request: Request) -> Answer:  # noqa: ARG002
        """The end of a pause, asked for through the mailbox."""
        if not self._by:
            return Answer(False, "it is not paused")
        self.take_back()
        return Answer(True, "it goes on at the same step, with the output on again where it was on")
