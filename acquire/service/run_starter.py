"""Runs started from a page: each in a process of its own, and the same wish never twice."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict

from acquire.service.answers import RunWish, Started
from acquire.service.errors import RequestRefused
from acquire.service.run_processes import StartedRun, start_run
from acquire.service.settings import Settings
from acquire.service.starting import Wish, command_of, refuse_unfit
from acquire.service.watching import Watch

PATIENCE = 10.0  # s until a run has its file
LOOK = 0.05  # s
MOST_KEYS = 1000


class RunStarter:
    """Starts runs, one at a time."""

    def __init__(self, settings: Settings, watch: Watch) -> None:
        self._settings, self._watch = settings, watch
        self._turn = threading.Lock()
        self._known: OrderedDict[str, Started] = OrderedDict()

    def start(self, wish: Wish, key: str | None, command: str = "run") -> Started:
        """Start a run and wait until it has its file, some seconds at most; with a known key, what came of it before.

        :raises RequestRefused: its recipe is wrong, or it ended before it began.
        """
        refuse_unfit(wish, self._settings)
        arguments = [command, *command_of(wish, self._settings)[1:]]
        return self._started(arguments, key)

    def start_by_hand(self, wish: RunWish, key: str | None) -> Started:
        """Start a run whose levels are set from the page.

        :raises RequestRefused: as :meth:`start`.
        """
        _ = key
        if not wish.recipe:
            raise RequestRefused(422, "no recipe is named", "choose the sweep whose limits hold", where="recipe")
        raise RequestRefused(409, "levels are set by hand with: acquire live", "start it on the bench computer")

    def _started(self, arguments: list[str], key: str | None) -> Started:
        with self._turn:
            if key and key in self._known:
                return self._known[key]
            start_id = secrets.token_hex(8)
            log = self._settings.data / "logs" / f"{start_id}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            process = start_run(arguments, log)
            started = Started(start_id=start_id, run_id=self._run_id(process, log.name))
            if key:
                self._known[key] = started
                while len(self._known) > MOST_KEYS:
                    self._known.popitem(last=False)
            return started

    def _run_id(self, process: StartedRun, log: str) -> str | None:
        """The number of the run that a process carries out, None where that takes long.

        :raises RequestRefused: it ended without having begun.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for one in self._watch.processes:
                if one.process == process.pid and one.run_id:
                    return one.run_id
            if (status := process.status()) is not None:
                return self._of_ended(process, status, log)
            time.sleep(LOOK)
        return None

    def _of_ended(self, process: StartedRun, status: int, log: str) -> str | None:
        """The number of a run that is over already.

        :raises RequestRefused: there was none.
        """
        self._watch.files.refresh()
        text = process.log.read_text("utf-8", errors="replace") if process.log.is_file() else ""
        newest = self._watch.files.summaries()[:5]
        for _, said in newest:
            if said["run_id"] in text:
                return str(said["run_id"])
        last = text.strip().splitlines()[-1:] or [f"the process ended with {status}"]
        raise RequestRefused(409, last[0][:1000], f"all it said is in the log {log}")
