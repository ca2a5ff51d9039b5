"""What is to be told to people, kept with the queue until it was: a restart of the service forgets none of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from acquire.service.queue_file import QueueFile, as_text

AT_ONCE = 20
KEPT = 1000  # messages that were sent or given up
_NEW = "state = 'waiting' AND channel = ''"


@dataclass(frozen=True)
class Told:
    """What came of a message: the channel, ``waiting``, ``sent`` or ``given up``, how often it was tried, why not."""

    seq: int
    channel: str
    state: str
    tries: int
    error: str


def put(database: sqlite3.Connection, content: Mapping[str, Any]) -> None:
    """Another message, in a transaction that goes on: it is told if what it tells of is on the disk."""
    database.execute("INSERT INTO messages (content) VALUES (?)", (as_text(content),))


class Messages:
    """Messages in the file of the queue, each of them tried on each channel until it was sent or is given up."""

    def __init__(self, file: QueueFile) -> None:
        self._file = file

    def tell(self, content: Mapping[str, Any]) -> None:
        """Have something told to people, by whoever sends messages."""
        with self._file.changing() as database:
            put(database, content)

    def share_out(self, channels: tuple[str, ...], kinds: Collection[str]) -> None:
        """Make a message for each of the channels of every new one of these kinds; others are over."""
        with self._file.reading() as database:
            if not database.execute(f"SELECT count(*) FROM messages WHERE {_NEW}").fetchone()[0]:
                return
        with self._file.changing() as database:
            for seq, content in database.execute(f"SELECT seq, content FROM messages WHERE {_NEW}").fetchall():
                database.execute("DELETE FROM messages WHERE seq = ?", (seq,))
                wanted = channels if json.loads(content).get("kind") in kinds else ()
                rows = [(content, channel) for channel in wanted]
                database.executemany("INSERT INTO messages (content, channel) VALUES (?, ?)", rows)

    def due(self, moment: float, channel: str) -> list[tuple[int, Mapping[str, Any], int]]:
        """Messages to be sent on a channel by ``moment`` [s since 1970]: number, content, how often it was tried."""
        with self._file.reading() as database:
            rows = database.execute(
                "SELECT seq, content, tries FROM messages WHERE state = 'waiting' AND channel = ? AND next_try <= ?"
                " ORDER BY seq LIMIT ?",
                (channel, moment, AT_ONCE),
            )
            return [(seq, json.loads(content), tries) for seq, content, tries in rows] if channel else []

    def tried(self, seq: int, state: str, error: str = "", next_try: float = 0.0) -> None:
        """What came of sending a message: ``sent``, ``waiting`` for another try, or ``given up``."""
        with self._file.changing() as database:
            database.execute(
                "UPDATE messages SET tries = tries + 1, state = ?, error = ?, next_try = ? WHERE seq = ?",
                (state, error, next_try, seq),
            )
            database.execute(
                "DELETE FROM messages WHERE state <> 'waiting' AND seq <= (SELECT max(seq) FROM messages) - ?", (KEPT,)
            )

    def newest(self, most: int = 100) -> list[Told]:
        """The newest messages, and what came of them."""
        with self._file.reading() as database:
            rows = database.execute(
                "SELECT seq, channel, state, tries, error FROM messages ORDER BY seq DESC LIMIT ?", (most,)
            )
            return [Told(*row) for row in rows]
