"""The runner of the queue: starts the next item, finds out how the running one ended, and finds it after a restart.

One service runs a queue at a time: it holds the runner's lock, and others only look. An item is claimed in the queue
before its process is started, and only its own process begins it; so whoever is killed, and whenever, it is begun once
or not at all. An item whose process is gone without having said how it ended was interrupted, and waits for a person.
"""

from __future__ import annotations

import logging
import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from acquire.config import ConfigurationError
from acquire.safety.lock import in_use
from acquire.service.queue import FILE_NAME, RunQueue
from acquire.service.queue_alone import alone
from acquire.service.queue_estimate import command_of, differences, estimate
from acquire.service.queue_item import ending_in, item_lock
from acquire.service.queue_rules import Ending, Item, Outcome, Refused, Request
from acquire.service.run_processes import found_again, left_behind

LOOK = 0.5  # s between two looks, where nothing wakes the runner
AFTER_TROUBLE = 5.0  # s
RUNNER = "the service"
LOCK = "runner.lock"  # in the folder of a service; whoever holds it runs the queue

_log = logging.getLogger("acquire.service.queue")


@dataclass(frozen=True)
class Places:
    """The folders of a service: recipes, run files, and its own, on a local disk."""

    recipes: Path
    runs: Path
    data: Path

    @property
    def queue(self) -> Path:
        """The file of the queue."""
        return self.data / FILE_NAME

    @property
    def logs(self) -> Path:
        """Where the processes of items print to."""
        return self.data / "logs"


class Started(Protocol):
    """A process that was started, as far as the one who started it can tell."""

    def lives(self) -> bool:
        """Whether it has not ended yet."""


Start = Callable[[Sequence[str], Path], Started]
Estimate = Callable[[Request, Path], dict[str, Any]]


class QueueRunner:
    """Runs the items of a queue, one at a time, for as long as it holds the runner's lock.

    A run that somebody started at a terminal on the same instruments is waited for. ``mailboxes``: where runs are
    spoken to, if not in the usual place. ``real_time``: sweeps on simulated benches take the time of real ones.
    """

    def __init__(
        self,
        queue: RunQueue,
        places: Places,
        start: Start,
        *,
        mailboxes: Path | None = None,
        estimate: Estimate = estimate,
        real_time: bool = False,
    ) -> None:
        self.queue = queue
        #: Whether this service runs the queue; another one may.
        self.runs_here = False
        #: Why nothing begins now, empty where something may.
        self.waits_for = ""
        self._places = places
        self._start = start
        self._mailboxes = mailboxes
        self._asked = ""
        self._estimate = estimate
        self._real_time = real_time
        self._started: tuple[int, int, Started] | None = None
        self._wake = threading.Event()

    @property
    def idle(self) -> bool:
        """Whether no process lives that was started here."""
        return self._started is None

    def wake(self) -> None:
        """Look at once: something in the queue was changed."""
        self._wake.set()

    def run(self, over: threading.Event) -> None:
        """Run the queue until ``over`` is set; called in a thread of its own, and raises nothing."""
        while not over.is_set():
            try:
                self._places.data.mkdir(parents=True, exist_ok=True)
                with alone(self._places.data / LOCK) as first:
                    self.runs_here = first
                    while first and not over.is_set():
                        self.look()
                        self._wait(LOOK)
            except Exception as problem:
                # Whatever it is: the runner goes on, and says what it was, once
                if self.waits_for != str(problem):
                    _log.exception("the queue cannot be run now")
                self.waits_for = str(problem)
            self.runs_here = False
            over.wait(AFTER_TROUBLE if self.waits_for else LOOK)

    def _wait(self, longest: float) -> None:
        self._wake.wait(longest)
        self._wake.clear()

    def look(self) -> None:
        """Look once: settle what has ended, or start what is next.

        :raises acquire.service.queue.QueueUnusable: the queue cannot be read or written.
        """
        if self._started is not None and not self._started[2].lives():
            self._started = None
        queue = self.queue.now(over=0)
        if queue.running is not None:
            self.waits_for = ""
            self._follow(queue.running)
            self._settle(queue.running)
            return
        item = queue.next
        self.waits_for = in_use((item.estimate or {}).get("resources", ())) if item is not None else ""
        if item is None or self.waits_for:
            return
        try:
            self._begin(item)
        except Refused as changed_meanwhile:
            _log.info("item %d: %s", item.id, changed_meanwhile)

    # --- one item ----------------------------------------------------------------------------------------------

    def _begin(self, item: Item) -> None:
        """Claim an item and start its process, if it is still what was shown.

        :raises acquire.service.queue_rules.Refused: somebody has changed the queue meanwhile.
        :raises OSError: its recipe cannot be read now.
        """
        log = self._places.logs / f"item-{item.id}-{item.attempt + 1}-{secrets.token_hex(4)}.log"
        try:
            now = self._estimate(item.request, self._places.recipes)
            different = differences(item.estimate, now)
            command = command_of(item.request, self._places.recipes, self._places.runs, log.stem)
        except ConfigurationError as error:
            self.queue.decline(item.id, f"its recipe is wrong now: {error.problems[0]}", RUNNER)
            return
        except OSError:  # a share that is not there now, for example: it is waited for
            raise
        except Exception as error:
            _log.exception("item %d cannot be planned", item.id)
            self.queue.decline(item.id, f"it cannot be planned: {error}", RUNNER)
            return
        if different:
            reason = f"changed since it was shown: {', '.join(different)}. Look at it again, then release it"
            self.queue.decline(item.id, reason, RUNNER)
            return
        if self._real_time and now.get("simulated") and now.get("kind") == "sweep":
            command = [*command, "--real-time"]
        claimed = self.queue.claim(item.id, str(log), RUNNER)
        try:
            self._started = item.id, claimed.attempt, self._start(self._whole(claimed, command), log)
        except OSError as error:
            reason = f"its process could not be started: {error.strerror or error}"
            self.queue.end(item.id, claimed.attempt, Ending(Outcome.FAILED, reason, output_off=True), RUNNER)

    def _whole(self, item: Item, command: Sequence[str]) -> list[str]:
        module = [sys.executable, "-m", "acquire.service.queue_item"]
        return [*module, str(self.queue.path), str(item.id), str(item.attempt), "--", *command]

    def _follow(self, item: Item) -> None:
        """Note which run an item has, and have what it asks told to people, once."""
        now = found_again(Path(item.log).stem, self._mailboxes)
        if now is None:
            return
        if now.run_id and (now.run_id, now.path) != (item.run_id, item.run):
            with suppress(Refused):
                self.queue.note_run(item.id, item.attempt, now.run_id, now.path)
        if now.question and now.question_id != self._asked:
            self._asked = now.question_id
            self.queue.messages.tell({"kind": "question", "item": asdict(item), "text": now.question})

    def _settle(self, item: Item) -> None:
        """Say how an item ended whose process is gone."""
        if self._started is not None and self._started[:2] == (item.id, item.attempt):
            return  # it lives, and may not have come as far as the lock
        with alone(item_lock(self.queue.path)) as gone:
            if not gone:
                return
            try:
                as_it_is = self.queue.item(item.id)  # it may have begun since we looked
                self.queue.end(item.id, item.attempt, self._ending(as_it_is), RUNNER)
            except Refused:  # it has said so itself, between our look and now
                return

    def _ending(self, item: Item) -> Ending:
        if not item.begun:
            return Ending(Outcome.INTERRUPTED, "before it began: nothing was switched on", output_off=True)
        try:
            ending = ending_in(Path(item.log))
        except OSError as error:
            ending = Ending(Outcome.INTERRUPTED, f"its log cannot be read: {error.strerror or error}")
        last = left_behind(Path(item.log).stem, self._mailboxes)
        if ending.run is None and last is not None and last.path:
            ending = replace(ending, run_id=last.run_id, run=last.path)
        return ending
