"""What is known of the output of the source when no run goes on: what the last process said of it, or a guardian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from acquire.safety.guardian_log import guardian_remarks
from acquire.safety.running import RunningNow, running, seen

#: How guardians say what came of it; see ``acquire/safety/guardian_process.py``.
OFF, MAY_BE_ON = "asked, it answered that its output is off", "MAY STILL BE ON"


def said_by_guardian(run: Path) -> tuple[str, str]:
    """What the guardian of a run that died found: off or unknown, and when; empty while it has said nothing."""
    for when, text in reversed(guardian_remarks(run)):
        if OFF in text:
            return "off", when.isoformat()
        if MAY_BE_ON in text:
            return "unknown", when.isoformat()
    return "", ""


@dataclass
class LastOutput:
    """``known``: output, when it was asked, and ``how``: run, guardian or killed; None before anything was heard."""

    mailboxes: Path | None = None
    known: dict[str, Any] | None = None
    guardian: Callable[[Path], tuple[str, str]] = said_by_guardian
    _before: dict[str, RunningNow] | None = None
    _killed: dict[str, RunningNow] = field(default_factory=dict)

    def look(self, processes: Sequence[RunningNow]) -> bool:
        """Take in the processes that carry out runs now; whether more is known than before."""
        known, now = self.known, {one.name: one for one in processes}
        gone = [] if self._before is None else [one for name, one in self._before.items() if name not in now]
        if gone or self._before is None:
            self._take_killed()
        for one in gone:
            if one.name not in self._killed and (last := seen(one)) is not None:
                self._said(last)
        for one in processes:
            self._said(one)
        for one in tuple(self._killed.values()):
            self._ask_guardian(one)
        self._before = now
        return self.known != known

    def _said(self, one: RunningNow) -> None:
        if one.asked:
            self.known = {"output": one.output, "asked": one.asked, "how": "run"}

    def _take_killed(self) -> None:
        """The runs that died with their outputs on, unless more was heard since."""
        for one in running(self.mailboxes, left_behind=True):
            if one.output == "on" and one.path and _later(one.told, (self.known or {}).get("asked")):
                self._killed[one.name] = one
                self.known = {"output": "unknown", "asked": None, "how": "killed"}

    def _ask_guardian(self, one: RunningNow) -> None:
        output, when = self.guardian(Path(one.path))
        if output and _later(when, one.asked):
            del self._killed[one.name]
            if _later(when, (self.known or {}).get("asked")):
                self.known = {"output": output, "asked": when if output == "off" else None, "how": "guardian"}


def _later(one: str, other: str | None) -> bool:
    with suppress(ValueError):
        return not other or datetime.fromisoformat(one) >= datetime.fromisoformat(other)
    return False
