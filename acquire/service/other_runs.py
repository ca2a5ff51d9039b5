"""Runs that are none of the queue, told of to people all the same: started from the page, or at a terminal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from acquire.run_file import reading_apart
from acquire.run_file.read import ArchiveError
from acquire.safety.running import RunningNow, running
from acquire.service.queue_ending import figure_texts, finding_texts
from acquire.service.queue_messages import Messages

LOOK = 1.0  # s
OF_THE_QUEUE = "item-"  # how those are called that the queue tells of
GOOD = ("completed", "stopped")  # stopped by a rule of the sweep

_log = logging.getLogger("acquire.service.notifications")


def summary_in(path: Path) -> Mapping[str, Any]:
    """What ``--json`` says of a run, read in a process of its own.

    :raises acquire.run_file.read.ArchiveError: it cannot be read.
    """
    return reading_apart.read_run(path).summary()


class OtherRuns:
    """Watches the runs whose files are in ``runs``, and has told what became of them and what they ask."""

    def __init__(
        self,
        messages: Messages,
        runs: Path,
        mailboxes: Path | None = None,
        *,
        going: Callable[[Path | None], Sequence[RunningNow]] = running,
        summary: Callable[[Path], Mapping[str, Any]] = summary_in,
    ) -> None:
        self._messages, self._runs, self._mailboxes = messages, runs.resolve(), mailboxes
        self._going, self._summary = going, summary
        self._seen: dict[str, RunningNow] = {}
        self._asked: set[str] = set()

    def run(self, over: threading.Event, wanted: Callable[[], bool]) -> None:
        """Watch until ``over`` is set, while it is ``wanted``; called in a thread of its own, and raises nothing."""
        while not over.wait(LOOK):
            try:
                if wanted():
                    self.look()
                else:
                    self._seen.clear()
            except Exception:
                _log.exception("runs cannot be told of now")

    def look(self) -> None:
        """Look once: what ended since the last look is told."""
        now = {one.run_id: one for one in self._going(self._mailboxes) if self._is_ours(one)}
        for run_id, one in now.items():
            self._seen[run_id] = one
            if one.question and one.question_id not in self._asked:
                self._asked.add(one.question_id)
                self._messages.tell({"kind": "question", "item": _as_item(one), "text": one.question})
        for run_id in self._seen.keys() - now.keys():
            self._tell_end(self._seen.pop(run_id))

    def _is_ours(self, one: RunningNow) -> bool:
        if not one.run_id or not one.path or one.started_for.startswith(OF_THE_QUEUE):
            return False
        return Path(one.path).resolve().is_relative_to(self._runs)

    def _tell_end(self, one: RunningNow) -> None:
        try:
            said = self._summary(Path(one.path))
        except (ArchiveError, OSError) as error:
            said = {"status": "", "stop_reason": f"its run file cannot be read: {error}"}
        status, reason = str(said.get("status", "")), str(said.get("stop_reason") or "")
        good = status in GOOD
        if not good:
            word = {"failed": "failed", "interrupted": "was stopped"}.get(status, "was interrupted")
            reason = f"{word}: {reason}" if reason else word
        self._messages.tell(
            {
                "kind": "done" if good else "needs_person",
                "item": {**_as_item(one), "reason": reason},
                "figures": list(figure_texts(said.get("figures_of_merit"))),
                "findings": list(finding_texts(said.get("findings"))),
            }
        )


def _as_item(one: RunningNow) -> dict[str, Any]:
    """A run as far as a message tells of it."""
    request = {"recipe": one.title, "sample": one.sample or None, "user": one.measured_by or None}
    return {"request": request, "run_id": one.run_id, "run": one.path, "started": one.start_time}
