"""A queue with its services, the processes of its items and its people, in which anybody can be killed at any time.

Nothing here sleeps or starts a real process: a service is killed at one of the statements that it sends to SQLite, and
the process of an item is an object that holds the real lock of items. After every step it is checked that nothing was
lost, nothing was begun that nobody wanted, and nothing began behind an interruption before somebody had looked.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from acquire.service import queue_file
from acquire.service.queue import RunQueue
from acquire.service.queue_alone import alone
from acquire.service.queue_item import item_lock
from acquire.service.queue_rules import Ending, ItemState, Outcome, Queue, Refused, Request
from acquire.service.queue_runner import Places, QueueRunner

RECIPE, RECIPES = "kind: sweep\n", ("a.yaml", "b.yaml")
TABLES = ("items", "bench_lock", "journal", "messages")
NEEDS_A_LOOK = (str(Outcome.STOPPED), str(Outcome.INTERRUPTED))


class Killed(BaseException):
    """The process is no more: nothing of it runs on, not even to clear up."""


class Mortal:
    """A connection whose process is killed at the ``after``-th statement from now: before it, or when it is done."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.left = -1
        self.done_first = False
        self.dead = False

    def execute(self, *given: Any) -> sqlite3.Cursor:
        if self.dead:
            raise Killed
        self.left -= 1
        if self.left == 0:
            self.dead = True
            if self.done_first:
                self.database.execute(*given)
            raise Killed
        return self.database.execute(*given)

    def close(self) -> None:
        self.database.close()


class Process:
    """The process of an attempt; it holds the lock of items from before it begins until its end."""

    def __init__(self, world: World, item: int, attempt: int) -> None:
        self.world, self.item, self.attempt = world, item, attempt
        self.log = ""
        self.begun = False
        self.alive = True
        self._lock: AbstractContextManager[bool] | None = None

    def lives(self) -> bool:
        return self.alive

    def begin(self) -> None:
        lock = alone(item_lock(self.world.path))
        if not lock.__enter__():  # the process of another item still lives: tried again later
            lock.__exit__(None, None, None)
            return
        self._lock = lock
        try:
            self.world.outside.begin(self.item, self.attempt, 1000 + self.attempt)
        except Refused:
            self.world.kills -= 1  # it ends by itself
            self.killed()
            return
        self.begun = True
        self.world.begun[self.item] += 1
        assert self.world.begun[self.item] <= self.world.wanted[self.item], "begun more often than somebody wanted it"

    def end(self, outcome: Outcome, *, said: bool) -> None:
        self.world.kills -= 1  # it ends by itself
        if said:
            ending = Ending(outcome, output_off=outcome != Outcome.INTERRUPTED)
            self.world.outside.end(self.item, self.attempt, ending, "its process")
        self.killed()

    def killed(self) -> None:
        self.world.kills += self.alive
        self.alive = False
        if self._lock is not None:
            self._lock.__exit__(None, None, None)
            self._lock = None


class World:
    """See the top of this module.

    One file serves many sequences: to make one, and to open it three times, takes longer than the steps of a sequence.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "queue.sqlite"
        self.places = Places(folder, folder, folder)
        for recipe in RECIPES:
            self.places.recipes.joinpath(recipe).write_text(RECIPE, encoding="utf-8")
        self.processes: list[Process] = []
        self.services: list[QueueRunner | None] = [None, None]
        self.outside = self._opened()
        self.begin_anew()

    def begin_anew(self) -> None:
        """An empty queue, whatever happened before, and services that know nothing of it."""
        for process in self.processes:
            process.killed()
        with self.outside._file.changing() as database:
            for table in (*TABLES, "sqlite_sequence"):
                database.execute(f"DELETE FROM {table}")
        self.processes = []
        self.wanted: Counter[int] = Counter()
        self.begun: Counter[int] = Counter()
        self.known: dict[int, Request] = {}
        self.to_be_looked_at = False
        self.kills = 0
        #: Whether who adds items now is an operator.
        self.operator = True
        #: What somebody else does while a service prepares an item.
        self.meanwhile: Callable[[], object] | None = None
        self._moment = 0
        self._seen: tuple[int, int] | None = None
        self._take_in_changes()
        for which, runner in enumerate(self.services):
            self.services[which] = None if runner is None else self._runner(runner.queue)
            self.service(which)

    def close(self) -> None:
        for process in self.processes:
            process.killed()
        for runner in self.services:
            if runner is not None:
                runner.queue.close()
        self.outside.close()

    def _opened(self) -> RunQueue:
        queue = RunQueue(self.path, moment=self._tick)
        # Processes are killed here, not the computer: what they have written the system has
        queue._file._database.execute("PRAGMA synchronous = OFF")
        return queue

    def _runner(self, queue: RunQueue) -> QueueRunner:
        return QueueRunner(
            queue, self.places, self._start, estimate=self._estimate, mailboxes=self.path.parent / "mailboxes"
        )

    def _tick(self) -> str:
        self._moment += 1
        return f"{self._moment}"

    # --- steps ---------------------------------------------------------------------------------------------

    def service(self, which: int) -> QueueRunner:
        """A service, started anew if it was killed."""
        runner = self.services[which]
        if runner is None:
            queue = self._opened()
            queue._file._database = Mortal(queue._file._database)  # type: ignore[assignment]
            self.services[which] = runner = self._runner(queue)
        return runner

    def by_service(self, which: int, step: Callable[[QueueRunner], object], kill: int = 0, done: bool = False) -> None:
        """Let a service do something; ``kill``: at which of its statements it is killed, 0 at none."""
        runner = self.service(which)
        mortal = runner.queue._file._database
        assert isinstance(mortal, Mortal)
        mortal.left, mortal.done_first = kill or -1, done
        try:
            with suppress(Refused):
                step(runner)
            mortal.left = -1
        except Killed:
            self.kills += 1
            mortal.close()
            self.services[which] = None
        self.check()

    def _estimate(self, request: Request, recipes: Path) -> dict[str, Any]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            with suppress(Refused):
                meanwhile()
            self._take_in_changes()
        return {}

    def twin(self, process: Process) -> None:
        """The process of an attempt is started once more, by whom ever."""
        self.processes.append(Process(self, process.item, process.attempt))

    def _start(self, command: Sequence[str], log: Path) -> Process:
        at = command.index("acquire.service.queue_item")
        item, attempt = int(command[at + 2]), int(command[at + 3])
        recipe = command[command.index("--") + 2]
        assert Path(recipe).name == self.outside.item(item).request.recipe, "another recipe than the item's"
        assert not self.to_be_looked_at, "started behind an interruption, and nobody has looked"
        process = Process(self, item, attempt)
        self.processes.append(process)
        return process

    # --- what must hold ------------------------------------------------------------------------------------

    def check(self) -> None:
        """See the top of this module; takes in what the last step did, if it did it."""
        changed = self._take_in_changes()
        now = self.before
        for process in self.processes:
            if process.begun and process.alive:
                item = now.item(process.item)
                assert (item.state, item.attempt) == (ItemState.RUNNING, process.attempt), "a run nobody knows of"
        if not changed:
            return
        ids = [item.id for item in now.items]
        assert len(ids) == len(set(ids)), "an item twice"
        for number, request in self.known.items():
            assert now.item(number).request == request, "an item is not what was asked for"
        assert sum(item.state == ItemState.RUNNING for item in now.items) <= 1, "two items run"
        journal = self.outside.journal(most=100_000)
        assert [deed.seq for deed in journal] == list(range(1, len(journal) + 1)), "a line of the journal is missing"
        last = {deed.item: deed.state for deed in journal if deed.item is not None}
        assert last == {item.id: str(item.state) for item in now.items}, "the journal says otherwise"

    def _take_in_changes(self) -> bool:
        """Read the queue, if the file was changed since it was read last; whether it was."""
        database = self.outside._file._database
        # Another connection's changes, and one's own: https://sqlite.org/pragma.html#pragma_data_version
        seen = (*database.execute("PRAGMA data_version").fetchone(), database.total_changes)
        if seen == self._seen:
            return False
        now = self.outside.now(over=10_000)
        if self._seen is not None:
            self._take_in(now)
        self.before, self._seen = now, seen
        return True

    def _take_in(self, now: Queue) -> None:
        before = {item.id: item for item in self.before.items}
        for item in now.items:
            old = before.get(item.id)
            self.known.setdefault(item.id, item.request)
            if item.state == ItemState.WAITING and (old is None or old.state not in (ItemState.WAITING,)):
                assert item.person, "nobody let it run"
                assert old is not None or self.operator, "a viewer's item runs without an operator's yes"
                assert old is None or old.state in (ItemState.ASKED, ItemState.HELD, ItemState.NEEDS_PERSON)
                self.wanted[item.id] += old is None or old.state != ItemState.HELD
            if old is not None and old.state == ItemState.RUNNING and item.outcome in NEEDS_A_LOOK:
                assert item.state == ItemState.NEEDS_PERSON
                self.to_be_looked_at = True
                assert now.lock is not None
        if self.before.lock is not None and now.lock is None:
            self.to_be_looked_at = False  # somebody with a name has unlocked the bench


def known_statements() -> int:
    """More statements than any one step of a service sends."""
    return 24 + queue_file.VERSION
