"""Runs started from a page: each in a process of its own, and the same wish never twice.

A wish has a key, as the page sends it again where the answer was lost. The key gives the run's name, and that of its
log, which is there before the process: so the next service knows, too, what was begun.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from acquire.service.answers import Started
from acquire.service.errors import RequestRefused
from acquire.service.run_processes import StartedRun, result_in, start_run
from acquire.service.settings import Settings
from acquire.service.starting import Wish, command_of, refuse_unfit
from acquire.service.upkeep import begin_log
from acquire.service.watching import Watch

PATIENCE = 25.0  # s until a run has its file: a computer may be busy
LOOK = 0.05  # s
NOTHING: Mapping[str, str | None] = {}


class RunStarter:
    """Starts runs, one at a time."""

    def __init__(self, settings: Settings, watch: Watch) -> None:
        self._settings, self._watch = settings, watch
        self._turn = threading.Lock()
        self._processes: dict[str, StartedRun] = {}  # that were started here, by their start_ids

    def start(self, wish: Wish, key: str | None) -> Started:
        """Start a run and wait until it has its file, some seconds at most; with a known key, what came of it before.

        :raises RequestRefused: its recipe is wrong, or it ended before it began.
        """
        simulated = refuse_unfit(wish, self._settings)
        slowly = ["--real-time"] if simulated and self._settings.real_time else []
        return self._started([*command_of(wish, self._settings), *slowly], key)

    def start_upkeep(self, command: str, wish: Wish, key: str | None) -> Started:
        """Start a check of the bench (``health``), or the run that a calibration is made of (``calibrate``).

        :raises RequestRefused: as :meth:`start`.
        """
        refuse_unfit(wish, self._settings)
        takes = ("--bench", "--output", "--json", "--user")
        kept = [one for one in command_of(wish, self._settings)[1:] if one.startswith(takes)]
        recipe, _ = wish.paths(self._settings)
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        said = {"recipe": wish.recipe, "bench": wish.bench, "user": wish.user, "started": started}
        return self._started([command, str(recipe), "--yes", *kept], key, upkeep=command, said=said)

    def start_by_hand(self, wish: Wish, key: str | None) -> Started:
        """Start a run whose levels are set from the page, within the limits of its sweep.

        :raises RequestRefused: as :meth:`start`.
        """
        refuse_unfit(wish, self._settings)
        arguments = [one for one in command_of(wish, self._settings)[1:] if one != "--no-plot"]
        return self._started(["live", *arguments], key)

    def alive(self) -> set[str]:
        """The start_ids of what goes on."""
        here = {start_id for start_id, process in tuple(self._processes.items()) if process.lives()}
        return here | {one.started_for for one in self._watch.processes}

    def _started(
        self, arguments: list[str], key: str | None, *, upkeep: str = "", said: Mapping[str, str | None] = NOTHING
    ) -> Started:
        number = sha256(key.encode()).hexdigest()[:16] if key else secrets.token_hex(8)
        start_id = f"{upkeep}-{number}".lstrip("-")
        log = self._settings.data / "logs" / f"{start_id}.log"
        with self._turn:
            if key and log.exists() and (before := self._before(start_id, log)) is not None:
                return before
            try:
                if upkeep:
                    begin_log(log, upkeep, **said)
                process = start_run(arguments, log, start_id)
            except OSError as error:
                raise RequestRefused(503, f"the run cannot be started ({error.strerror or error})") from error
            self._processes[start_id] = process
            return Started(start_id=start_id, run_id=self._run_id(process, start_id))

    def _before(self, start_id: str, log: Path) -> Started | None:
        """What came of the same wish before, from this service or the one before it; None where nothing did."""
        process = self._processes.get(start_id)
        until = log.stat().st_mtime + PATIENCE
        while True:
            lives = process is not None and process.lives()
            now = next((one for one in self._watch.processes if one.started_for == start_id), None)
            if lives or now is not None:
                return Started(start_id=start_id, run_id=now.run_id or None if now is not None else None)
            killed = self._watch.left_behind(start_id)
            if run_id := str((result_in(log) or {}).get("run_id") or (killed.run_id if killed else "")):
                return Started(start_id=start_id, run_id=run_id)
            if process is not None or time.time() >= until:  # else it may be about to show itself
                return None
            time.sleep(LOOK)

    def _run_id(self, process: StartedRun, start_id: str) -> str | None:
        """The number of the run that a process carries out, None where that takes long.

        :raises RequestRefused: it ended without having begun.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for one in self._watch.processes:
                begun = one.run_id or one.phase == "asking"  # of somebody, before its first run
                if begun and one.started_for == start_id:
                    return one.run_id or None
            if (status := process.status()) is not None:
                return self._of_ended(process, status)
            time.sleep(LOOK)
        return None

    def _of_ended(self, process: StartedRun, status: int) -> str | None:
        """The number of a run that is over already.

        :raises RequestRefused: there was none.
        """
        try:
            result = result_in(process.log) or {}
            said = process.log.read_text("utf-8", errors="replace").strip().splitlines()
        except OSError:
            result, said = {}, []
        if result.get("run_id"):
            return str(result["run_id"])
        why = result.get("stop_reason") or (said or [f"the process ended with {status}"])[-1]
        raise RequestRefused(409, str(why)[:1000], f"all it said is in the log {process.log.name}")
