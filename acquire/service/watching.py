"""What goes on on this computer: a thread that looks at runs, their mailboxes and their files, once for all viewers."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from acquire.safety.running import RunningNow, running
from acquire.service.followed import FollowedRun
from acquire.service.json_text import known
from acquire.service.last_output import LastOutput
from acquire.service.reading import Reader, Unreadable
from acquire.service.run_files import RunFiles
from acquire.service.run_processes import left_behind

LOG = logging.getLogger("acquire.service")

LOOK = 0.2  # s between two looks
LOOK_AT_FOLDER = 2.0  # s
LOOK_AT_HELD = 3.0  # s between two looks whether anybody still writes a file
CHOICES = ["yes", "no"]  # what a mailbox takes as an answer: it is done; the batch ends here
KEPT_AFTER_END = 3600.0  # s that the end of a run is kept for viewers that were away


#: Whether the system tells that a file was written while it is open: Windows only when it is closed.
_TOLD_WHILE_OPEN: bool = os.name != "nt"


class Watch:
    """The runs that go on, and those that ended a moment ago; ``changed`` is called when there is something new."""

    def __init__(self, files: RunFiles, reader: Reader, mailboxes: Path | None = None) -> None:
        self.files = files
        self.changed: Callable[[], None] = lambda: None
        self.moments: dict[str, float] = {}  # when the last row of a run came, s by the monotonic clock
        self.counted: dict[str, int] = {"points": 0, "runs": 0, "problems": 0}
        self._reader = reader
        self._mailboxes = mailboxes
        self._over = threading.Event()
        self._processes: tuple[RunningNow, ...] = ()
        self.outputs = LastOutput(mailboxes)
        self._followed: dict[str, FollowedRun] = {}
        self._ended: dict[str, float] = {}
        self._stamps: dict[str, tuple[Any, int]] = {}
        self._looked_at_held: dict[str, float] = {}
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join(10.0)

    # --- for anybody

    @property
    def alive(self) -> bool:
        """Whether it still looks."""
        return self._thread.is_alive()

    def now_without_process(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """What is to be said of a run that does not go on any more, from its file."""
        return {**_of_process(None, told, told["rows"]), "phase": "ended", "foreign": False}

    @property
    def processes(self) -> tuple[RunningNow, ...]:
        """What the processes say of themselves that carry out runs."""
        return self._processes

    def left_behind(self, started_for: str) -> RunningNow | None:
        """What a process said last that was started under this name and killed within the last day."""
        return left_behind(started_for, self._mailboxes)

    def followed(self) -> list[FollowedRun]:
        """The runs that are followed, those that ended a moment ago included."""
        return list(self._followed.values())

    def run(self, run_id: str) -> FollowedRun | None:
        """The run of this number, if it is followed."""
        return self._followed.get(run_id)

    def process_of(self, address: str) -> RunningNow | None:
        """The process of a run, by the number of the run or by its own name."""
        return next((one for one in self._processes if address in (one.run_id, one.name) and address), None)

    def runs_now(self) -> list[dict[str, Any]]:
        """What is to be said of each run that goes on."""
        going = [run for run in self.followed() if not run.over]
        without = [one for one in self._processes if one.run_id not in {run.run_id for run in going}]
        told = [self.now_of(run) for run in going]
        return told + [{**_of_process(one, {}, {}), "foreign": False} for one in without if self._is_new(one)]

    def _is_new(self, process: RunningNow) -> bool:
        """Whether its run has not been seen to end already: a process lives some moments longer."""
        return not (process.run_id and process.run_id in self._ended) or process.phase == "asking"

    def now_of(self, run: FollowedRun) -> dict[str, Any]:
        """What is to be said of a run that is followed."""
        process = next((one for one in self._processes if one.run_id == run.run_id), None)
        return {**_of_process(process, run.told, run.totals), "foreign": not self._is_here(run.path)}

    def _is_here(self, path: Path) -> bool:
        """Whether a run file lies in the folder of this service: no other one is in its history."""
        return path.absolute().is_relative_to(self.files.folder.absolute())

    # --- in the thread

    def _watch(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                if self.look():
                    self.changed()
            except Exception:
                self.counted["problems"] += 1
                LOG.exception("looking at the runs failed; it goes on")
            self._over.wait(max(LOOK - (time.monotonic() - began), 0.02))

    def look(self) -> bool:
        """Look once at everything; whether something changed."""
        processes = tuple(running(self._mailboxes))
        changed = self.outputs.look(processes) or processes != self._processes
        self._processes = processes
        self.files.refresh(LOOK_AT_FOLDER)
        for run_id, path in self._going_on():
            if run_id not in self._followed or self._goes_on_again(run_id):
                self._followed[run_id] = FollowedRun(path, run_id, self._reader)
                self.counted["runs"] += 1
                changed = True
        for run in self.followed():
            if not run.over and self._has_changed(run):
                before = _points(run)
                changed = run.look() or changed
                if new := _points(run) - before:
                    self.counted["points"] += new
                    self.moments[run.run_id] = time.monotonic()
            if not run.over:
                changed = self._end_if_cut_off(run) or changed
            if run.over:
                self._forget(run)
        return changed

    def _going_on(self) -> list[tuple[str, Path]]:
        found = [(one.run_id, Path(one.path)) for one in self._processes if one.run_id and one.path]
        held = [(str(said["run_id"]), path) for path, said in self.files.summaries() if said["held"]]
        again = {run_id for run_id, _ in held}
        return [one for one in dict(held + found).items() if one[0] not in self._ended or one[0] in again]

    def _goes_on_again(self, run_id: str) -> bool:
        """Whether a run that had ended is gone on with in its file, and forget then that it had."""
        since = self._ended.get(run_id)
        if since is None or time.monotonic() - since < 2.0 * LOOK_AT_FOLDER:
            return False
        del self._ended[run_id]
        return True

    def _has_changed(self, run: FollowedRun) -> bool:
        """Whether its file was written since it was read twice."""
        if not _TOLD_WHILE_OPEN or not run.told:
            return True
        try:
            about = run.path.stat()
        except OSError:
            return True
        stamp: Any = (about.st_ino, about.st_size, about.st_mtime_ns)
        before, times = self._stamps.get(run.run_id, (None, 0))
        self._stamps[run.run_id] = (stamp, times + 1 if stamp == before else 0)
        return stamp != before or times < 2

    def _end_if_cut_off(self, run: FollowedRun) -> bool:
        now = time.monotonic()
        if any(one.run_id == run.run_id for one in self._processes):
            return False
        if now - self._looked_at_held.get(run.run_id, now - LOOK_AT_HELD + 1.0) < LOOK_AT_HELD:
            self._looked_at_held.setdefault(run.run_id, now - LOOK_AT_HELD + 1.0)
            return False
        self._looked_at_held[run.run_id] = now
        try:
            if self.files.goes_on(run.path):
                return False
            run.cut_off()
        except Unreadable:
            return False
        return True

    def _forget(self, run: FollowedRun) -> None:
        now = time.monotonic()
        if now - self._ended.setdefault(run.run_id, now) > KEPT_AFTER_END:
            self._followed.pop(run.run_id, None)
            self._stamps.pop(run.run_id, None)
            self._looked_at_held.pop(run.run_id, None)
            self.moments.pop(run.run_id, None)


def _points(run: FollowedRun) -> int:
    return run.totals.get("jvl", 0) + run.totals.get("lifetime", 0)


def _of_process(process: RunningNow | None, told: Mapping[str, Any], totals: Mapping[str, int]) -> dict[str, Any]:
    """What a process says of itself and what its run file says, as one object."""
    one = process or RunningNow("", phase="unknown")
    question = {"id": one.question_id, "text": one.question, "choices": CHOICES} if one.question else None
    lifetime = totals.get("lifetime", 0) > 0 or "lifetime" in totals
    return {
        "run_id": told.get("run_id") or one.run_id,
        "address": told.get("run_id") or one.run_id or one.name,
        "title": told.get("title") or one.title or one.batch,
        "sample": told.get("sample") or one.sample,
        "pixel": told.get("pixel", ""),
        "user": one.user,
        "start_time": told.get("start_time") or one.since,
        "phase": one.phase,
        "doing": one.doing,
        "output": one.output or "unknown",
        "output_asked": one.asked or None,
        "points": totals.get("jvl", 0) + totals.get("lifetime", 0) if totals else one.points,
        "planned_points": one.most_points or None,
        "seconds_left": known(one.left),
        "instruments": dict(one.instruments),
        "question": question,
        "controllable": process is not None and process.ours,
        "takes": list(one.takes),
        "source_unit": told.get("source_unit", ""),
        "kind": one.kind or ("lifetime" if lifetime else "jvl"),
        "manual": one.kind == "by hand" or "level" in one.takes,
        "started_for": one.started_for,
        "finished": bool(told.get("finished", False)),
    }
