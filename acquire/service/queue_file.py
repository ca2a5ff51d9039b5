"""The SQLite file of the queue: opened, taken to the newest version, its items read and written.

A file that is damaged, of another program or of a newer version is not touched: nothing in it is lost.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from acquire.service.queue_rules import OVER, BenchLock, Item, ItemState, Queue, Request

APPLICATION = 0x4A564C51  # "JVLQ", by which the file is known for ours
PATIENCE = 30.0  # s, that another process may take for its change
_LOOK = 0.02  # s between two tries

#: What takes a file from one version to the next; the last is the version that this program writes.
MIGRATIONS = (
    """
    CREATE TABLE items (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        place INTEGER NOT NULL,
        state TEXT NOT NULL,
        content TEXT NOT NULL
    ) STRICT;
    CREATE INDEX items_by_state ON items (state, place);
    CREATE TABLE bench_lock (one INTEGER PRIMARY KEY CHECK (one = 1), content TEXT NOT NULL) STRICT;
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        moment TEXT NOT NULL,
        item INTEGER,
        deed TEXT NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        content TEXT NOT NULL,
        channel TEXT NOT NULL DEFAULT '',
        tries INTEGER NOT NULL DEFAULT 0,
        next_try REAL NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'waiting',
        error TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE INDEX messages_by_state ON messages (state, next_try);
    """,
    """
    CREATE TABLE wishes (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item INTEGER NOT NULL) STRICT
    """,
)
VERSION = len(MIGRATIONS)


class QueueUnusable(Exception):
    """The file of the queue cannot be used; the message says why, and what to do. Nothing was changed in it."""


class QueueFile:
    """A connection to the file, used by one thread at a time and by one change after the other.

    :raises QueueUnusable: the file is damaged, not ours, or newer than this program; or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.RLock()
        self._database = opened(path)

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._database.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Look at the file as it is at one moment.

        :raises QueueUnusable: it cannot be read, or was damaged meanwhile.
        """
        with self._turn, self._transaction("BEGIN"):
            yield self._database

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Change it: all of what is done inside is on the disk afterwards, or nothing of it.

        :raises QueueUnusable: the disk is full, or the file was damaged meanwhile.
        """
        with self._turn, self._transaction("BEGIN IMMEDIATE"):
            yield self._database

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        try:
            self._database.execute(begin)
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise QueueUnusable(f"{self._path}: the queue cannot be used: {why(error)}") from error


# --- the file ------------------------------------------------------------------------------------------------


def opened(path: Path) -> sqlite3.Connection:
    """A connection to a file that is ours, in its newest version.

    :raises QueueUnusable: it is not, or cannot be.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_what_sqlite_would_empty(path)
    except OSError as error:
        raise QueueUnusable(f"{path}: the queue cannot be opened: {error.strerror or error}") from error
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return _connected(path)
        except sqlite3.Error as error:
            # Another process makes the file, or puts its log away, which SQLite itself does not always wait for
            if _name_of(error).startswith("SQLITE_BUSY") and time.monotonic() < until:
                time.sleep(_LOOK)
                continue
            raise QueueUnusable(f"{path}: the queue cannot be opened: {why(error)}") from error


def _connected(path: Path) -> sqlite3.Connection:
    # Transactions are begun by hand, and a connection may go from one thread to another
    database = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        database.execute("BEGIN")  # seen at one moment: another process may be about to make the file
        _refuse_what_is_not_ours(database, path)
        database.execute("COMMIT")
        (mode,) = database.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            (mode,) = database.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise QueueUnusable(f"{path}: the queue must be on a local disk, with a file system that can share memory")
        database.execute("PRAGMA synchronous = FULL")
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _refuse_what_sqlite_would_empty(path: Path) -> None:
    """SQLite takes an empty file for a new one, and throws a log away that lies beside it with all that is in it.

    :raises QueueUnusable: so it would.
    """
    log = path.with_name(f"{path.name}-wal")
    if path.is_dir():
        raise QueueUnusable(f"{path}: the queue cannot be opened: a folder stands there")
    if (not path.exists() or path.stat().st_size == 0) and log.exists() and log.stat().st_size > 0:
        raise QueueUnusable(f"{path}: the queue was emptied, but {log.name} beside it holds changes. {_LEFT}")


_LEFT = "It was left as it is; move it away to begin with an empty queue (run files are not touched by that)"


def _refuse_what_is_not_ours(database: sqlite3.Connection, path: Path) -> None:
    """See that a file is ours, whole, and no newer than this program.

    :raises QueueUnusable: it is not.
    """
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise QueueUnusable(f"{path}: is a database of another program. It was left as it is; name another folder")
    if version > VERSION:
        raise QueueUnusable(
            f"{path}: the queue is of version {version}, and this program knows up to {VERSION}. It was left as it is; "
            "use the newer program, or name another folder with --data"
        )
    problems = [text for (text,) in database.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise QueueUnusable(f"{path}: the queue is damaged ({' '.join(problems[0].split())}). {_LEFT}")
    for (content,) in database.execute("SELECT content FROM items") if tables else ():
        try:
            item_of(content)
        except (ValueError, KeyError, TypeError) as error:
            raise QueueUnusable(f"{path}: the queue is damaged (an item cannot be read: {error}). {_LEFT}") from error


def _migrate(database: sqlite3.Connection) -> None:
    """Take a file to the newest version, all in one transaction: a kill in the middle leaves it as it was."""
    database.execute("BEGIN IMMEDIATE")
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                database.execute(statement)
        if version != VERSION:
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def _name_of(error: sqlite3.Error) -> str:
    return str(getattr(error, "sqlite_errorname", ""))


def why(error: sqlite3.Error) -> str:
    """What SQLite says, in plain words where it is known, with what to do."""
    name = _name_of(error)
    known = {
        "SQLITE_NOTADB": f"it is no SQLite database, or is damaged. {_LEFT}",
        "SQLITE_CORRUPT": f"it is damaged ({error}). {_LEFT}",
        "SQLITE_BUSY": f"another program kept it for more than {PATIENCE:.0f} s; see which one has it open",
        "SQLITE_FULL": "the disk is full; make room. Nothing was changed",
        "SQLITE_READONLY": "it may not be written to; see who owns it",
        "SQLITE_CANTOPEN": "it cannot be opened or made; see whether its folder may be written to",
    }
    return next((text for begin, text in known.items() if name.startswith(begin)), f"{error} {name}".strip())


IS_OVER = "state IN (?, ?)"  # of OVER


# --- items in it ---------------------------------------------------------------------------------------------


def read(database: sqlite3.Connection, number: int | None = None) -> Queue:
    """What is not over, in order, with the item of this number whatever its state (last, where it is over)."""
    rows = database.execute(
        f"SELECT content FROM items WHERE NOT ({IS_OVER}) OR id = ? ORDER BY {IS_OVER}, place, id",
        (*OVER, number, *OVER),
    )
    items = tuple(item_of(text) for (text,) in rows)
    lock = database.execute("SELECT content FROM bench_lock").fetchone()
    last = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'items'").fetchone()
    return Queue(items, None if lock is None else BenchLock(**json.loads(lock[0])), (last[0] if last else 0) + 1)


def written(database: sqlite3.Connection, before: Queue, after: Queue) -> Iterator[Item]:
    """Write what a rule has changed; gives the items of which it changed more than the place."""
    old = {item.id: item for item in before.items}
    order = [item.id for item in before.items]
    moved = [item.id for item in after.items][: len(order)] != order
    place = _last_place(database) if not moved else 0
    for at, item in enumerate(after.items):
        if item.id not in old:
            place += 1
            row = (item.id, place if not moved else at, str(item.state), as_text(asdict(item)))
            database.execute("INSERT INTO items (id, place, state, content) VALUES (?, ?, ?, ?)", row)
            yield item
            continue
        if moved:
            database.execute("UPDATE items SET place = ? WHERE id = ?", (at, item.id))
        if item != old[item.id]:
            values = (str(item.state), as_text(asdict(item)), item.id)
            database.execute("UPDATE items SET state = ?, content = ? WHERE id = ?", values)
            yield item
    if after.lock != before.lock:
        database.execute("DELETE FROM bench_lock")
        if after.lock is not None:
            database.execute("INSERT INTO bench_lock VALUES (1, ?)", (as_text(asdict(after.lock)),))


def _last_place(database: sqlite3.Connection) -> int:
    (place,) = database.execute("SELECT coalesce(max(place), 0) FROM items").fetchone()
    return int(place)


def as_text(content: Mapping[str, Any]) -> str:
    """Plain values as they stand in the file."""
    return json.dumps(content, allow_nan=False)


_ITEM_FIELDS = frozenset(one.name for one in fields(Item))
_REQUEST_FIELDS = frozenset(one.name for one in fields(Request))


def item_of(text: str) -> Item:
    """An item from its text; what a later program added to it is left aside.

    :raises ValueError: it is none.
    :raises KeyError: a part of it is missing.
    :raises TypeError: a part of it is missing, or is something else.
    """
    content = {name: value for name, value in json.loads(text).items() if name in _ITEM_FIELDS}
    request = {name: value for name, value in content["request"].items() if name in _REQUEST_FIELDS}
    return Item(**{**content, "state": ItemState(content["state"]), "request": Request(**request)})


MOST_WISHES = 1000  # the newest are known


def made_for(database: sqlite3.Connection, key: str | None) -> int | None:
    """The number of the item that a wish with this key has made; None where there was none, or it has no key."""
    found = database.execute("SELECT item FROM wishes WHERE key = ?", (key,)).fetchone() if key else None
    return None if found is None else int(found[0])


def remember(database: sqlite3.Connection, key: str | None, item: int) -> None:
    """Note which item a wish with a key has made."""
    if key:
        seq = database.execute("INSERT INTO wishes (key, item) VALUES (?, ?)", (key, item)).lastrowid
        database.execute("DELETE FROM wishes WHERE seq <= ?", ((seq or 0) - MOST_WISHES,))


def note(
    database: sqlite3.Connection, moment: str, item: int | None, deed: str, by: str, state: str, reason: str
) -> None:
    """Add a line to the journal."""
    database.execute(
        "INSERT INTO journal (moment, item, deed, name, state, reason) VALUES (?, ?, ?, ?, ?, ?)",
        (moment, item, deed, by.strip(), state, reason),
    )
