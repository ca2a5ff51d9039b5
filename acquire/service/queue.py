"""The queue on disk: one SQLite file, in which each change is one transaction that is on the disk before it counts.

SQLite's write-ahead log and ``synchronous = FULL`` (https://sqlite.org/wal.html, https://sqlite.org/pragma.html): a
change that was told to somebody survives a power cut, and a process that is killed in the middle of one leaves the
queue as it was before. Several processes may use the file at once: the service, the process of an item, a command. It
must be on a local disk, as WAL needs memory that they share.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from acquire.service import queue_rules as rules
from acquire.service.queue_file import (
    IS_OVER,
    QueueFile,
    QueueUnusable,
    item_of,
    made_for,
    note,
    read,
    remember,
    written,
)
from acquire.service.queue_messages import Messages, put
from acquire.service.queue_rules import OVER, BenchLock, Ending, Item, ItemState, Queue, Request

__all__ = ["FILE_NAME", "Deed", "QueueUnusable", "RunQueue"]

FILE_NAME = "queue.sqlite"
MOST_SHOWN = 200  # items that are over, beside those that are not


@dataclass(frozen=True)
class Deed:
    """A line of the journal: what was done to an item (None: to the lock of the bench), by whom and how it stood then.

    ``seq`` rises by one with each.
    """

    seq: int
    moment: str
    item: int | None
    deed: str
    name: str
    state: str
    reason: str


def now() -> str:
    """The moment in local time, ISO 8601 with offset."""
    return datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")


class RunQueue:
    """The queue in the file ``path``, made where there is none.

    :raises QueueUnusable: the file is damaged, not ours, or newer than this program; or cannot be opened. Its methods
        as well: the disk is full, or the file was damaged meanwhile.
    """

    def __init__(self, path: Path, *, moment: Callable[[], str] = now) -> None:
        self.path = path
        self._moment = moment
        self._file = QueueFile(path)
        self.messages = Messages(self._file)

    def close(self) -> None:
        """Let go of the file; nothing can be asked of this object any more."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    # --- looking -----------------------------------------------------------------------------------------------

    def now(self, *, over: int = MOST_SHOWN) -> Queue:
        """The queue as it stands: what is not over in its order, and behind it the newest of what is."""
        with self._file.reading() as database:
            queue = read(database)
            rows = database.execute(
                f"SELECT content FROM items WHERE {IS_OVER} ORDER BY id DESC LIMIT ?", (*OVER, over)
            )
            return Queue((*queue.items, *(item_of(text) for (text,) in rows)), queue.lock, queue.next_id)

    def item(self, number: int) -> Item:
        """An item, whether it is over or not.

        :raises acquire.service.queue_rules.Absent: there is none.
        """
        with self._file.reading() as database:
            return read(database, number).item(number)

    def journal(self, after: int = 0, most: int = 1000) -> list[Deed]:
        """What was done, line by line, from the first after ``after``."""
        with self._file.reading() as database:
            rows = database.execute("SELECT * FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", (after, most))
            return [Deed(*row) for row in rows]

    @property
    def last_change(self) -> int:
        """The number of the newest line of the journal: the same for as long as nothing changes."""
        with self._file.reading() as database:
            (seq,) = database.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
            return int(seq)

    # --- people's deeds ----------------------------------------------------------------------------------------

    def add(
        self,
        request: Request,
        by: str,
        *,
        operator: bool,
        estimate: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Item:
        """Another item, at the end; see :func:`acquire.service.queue_rules.add`.

        With a ``key`` that was used before, whichever process took it, the item that it made, as it stands now.

        :raises acquire.service.queue_rules.Refused: as there.
        """
        moment = self._moment()
        return self._added(
            lambda queue: rules.add(queue, request, by, moment, operator=operator, estimate=estimate),
            (None, "add", by),
            key,
        )

    def repeat(
        self,
        number: int,
        by: str,
        times: int = 1,
        *,
        operator: bool,
        estimate: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Item:
        """The same so many ``times`` more, at the end, all or none; see :func:`acquire.service.queue_rules.repeat`.

        The first of them; with a ``key`` that was used before, that which it made then, as it stands now.

        :raises acquire.service.queue_rules.Refused: as there.
        """
        moment = self._moment()

        def repeated(queue: Queue) -> Queue:
            for _ in range(times):
                queue = rules.repeat(queue, number, by, moment, operator=operator, estimate=estimate)
            return queue

        return self._added(repeated, (number, "repeat", by), key, times)

    def do(self, deed: str, number: int, by: str, estimate: Mapping[str, Any] | None = None) -> Item:
        """Approve, hold, release or remove an item; see :data:`acquire.service.queue_rules.DEEDS`.

        :raises acquire.service.queue_rules.Refused: the item is not in a state for it, or nobody is named.
        """
        return self._change(lambda queue: rules.do(queue, deed, number, by, estimate), number, deed, by)

    def move(self, number: int, to: int, by: str) -> Item:
        """An item at another place, 0 the first.

        :raises acquire.service.queue_rules.Refused: it has none.
        """
        return self._change(lambda queue: rules.move(queue, number, to), number, "move", by)

    def lock_bench(self, name: str, note: str) -> BenchLock:
        """Let nothing begin until the bench is unlocked.

        :raises acquire.service.queue_rules.Refused: nobody is named, or somebody else has locked it.
        """
        moment = self._moment()
        lock = self._change_lock(lambda queue: rules.lock_bench(queue, name, note, moment), "lock", name)
        assert lock is not None
        return lock

    def unlock_bench(self, by: str) -> None:
        """Let the queue go on.

        :raises acquire.service.queue_rules.Refused: nobody is named, or it is not locked.
        """
        self._change_lock(lambda queue: rules.unlock_bench(queue, by), "unlock", by)

    # --- runner and processes of items -------------------------------------------------------------------------

    def claim(self, number: int, log: str, by: str) -> Item:
        """The next item, about to be begun; ``by`` whom, ``log`` where its output goes.

        :raises acquire.service.queue_rules.Refused: it is not its turn.
        """
        moment = self._moment()
        return self._change(lambda queue: rules.claim(queue, number, moment, log), number, "claim", by)

    def begin(self, number: int, attempt: int, process: int) -> Item:
        """The process of an attempt begins, once.

        :raises acquire.service.queue_rules.Refused: it was given up meanwhile, or has begun before.
        """
        return self._change(lambda queue: rules.begin(queue, number, attempt, process), number, "begin", str(process))

    def note_run(self, number: int, attempt: int, run_id: str | None, run: str | None) -> Item:
        """Which run and run file an attempt has.

        :raises acquire.service.queue_rules.Refused: the attempt is over.
        """
        return self._change(lambda queue: rules.note_run(queue, number, attempt, run_id, run), number, "run", "")

    def end(self, number: int, attempt: int, ending: Ending, by: str) -> Item:
        """An attempt is over.

        :raises acquire.service.queue_rules.Refused: it is over already.
        """
        moment = self._moment()
        more = {"figures": list(ending.figures), "findings": list(ending.findings)}
        return self._change(lambda queue: rules.end(queue, number, attempt, ending, moment), number, "end", by, more)

    def decline(self, number: int, reason: str, by: str) -> Item:
        """A waiting item that cannot be begun as it was shown waits for a person instead.

        :raises acquire.service.queue_rules.Refused: it does not wait for its turn any more.
        """
        return self._change(lambda queue: rules.decline(queue, number, reason), number, "decline", by)

    # --- how ---------------------------------------------------------------------------------------------------

    def _added(
        self, rule: Callable[[Queue], Queue], deed: tuple[int | None, str, str], key: str | None, times: int = 1
    ) -> Item:
        """The first of so many items that a rule adds, once for each key; both are on the disk, or neither is."""
        with self._file.changing() as database:
            if (made := made_for(database, key)) is not None:
                return read(database, made).item(made)
            after = _applied(database, rule, *deed, self._moment())
            item = after.item(after.next_id - times)
            remember(database, key, item.id)
            return item

    def _change(
        self,
        rule: Callable[[Queue], Queue],
        number: int,
        deed: str,
        by: str,
        more: Mapping[str, Any] | None = None,
    ) -> Item:
        with self._file.changing() as database:
            return _applied(database, rule, number, deed, by, self._moment(), more).item(number)

    def _change_lock(self, rule: Callable[[Queue], Queue], deed: str, by: str) -> BenchLock | None:
        with self._file.changing() as database:
            return _applied(database, rule, None, deed, by, self._moment()).lock


def _applied(
    database: sqlite3.Connection,
    rule: Callable[[Queue], Queue],
    number: int | None,
    deed: str,
    by: str,
    moment: str,
    more: Mapping[str, Any] | None = None,
) -> Queue:
    """Apply a rule within a transaction, with a line of the journal for each item that it changes."""
    before = read(database, number)
    after = rule(before)
    for item in written(database, before, after):
        note(database, moment, item.id, deed, by, str(item.state), item.reason)
        if item.state in TOLD:
            lock = after.lock and asdict(after.lock)
            told = {"kind": TOLD[item.state], "item": asdict(item), "moment": moment, "lock": lock}
            put(database, {**told, **(more or {})})
    if after.lock != before.lock:
        what, why = ("lock", after.lock.note) if after.lock else ("unlock", "")
        note(database, moment, None, what, by, "", why)
    if deed == "move" and number is not None:
        note(database, moment, number, deed, by, str(after.item(number).state), "")
    return after


#: What is told to people when an item comes into a state, by the kind of message.
TOLD: Mapping[ItemState, str] = {
    ItemState.DONE: "done",
    ItemState.NEEDS_PERSON: "needs_person",
    ItemState.ASKED: "asked",
}
