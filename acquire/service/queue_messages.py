"""What is to be told to people, kept with the queue until it was: a restart of the service forgets none of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from acquire.service.queue_file import QueueFile, as_text


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

    def share_out(self, channels: tuple[str, ...]) -> None:
        """Make a message for each of the channels of every new one; without channels new ones are over."""
        with self._file.changing() as database:
            new = database.execute("SELECT seq, content FROM messages WHERE state = 'waiting' AND channel = ''")
            for seq, content in new.fetchall():
                database.execute("DELETE FROM messages WHERE seq = ?", (seq,))
                rows = [(content, channel) for channel in channels]
                database.executemany("INSERT INTO messages (content, channel) VALUES (?, ?)", rows)

    def due(self, moment: float) -> list[tuple[int, Mapping[str, Any], str, int]]:
        """Messages to be sent by ``moment`` [s since 1970]: number, content, channel, how often it was tried."""
        with self._file.reading() as database:
            rows = database.execute(
                "SELECT seq, content, channel, tries FROM messages"
                " WHERE state = 'waiting' AND channel <> '' AND next_try <= ? ORDER BY seq LIMIT 20",
                (moment,),
            )
            return [(seq, json.loads(content), channel, tries) for seq, content, channel, tries in rows]

    def tried(self, seq: int, state: str, error: str = "", next_try: float = 0.0) -> None:
        """What came of sending a message: ``sent``, ``waiting`` for another try, or ``given up``."""
        with self._file.changing() as database:
            database.execute(
                "UPDATE messages SET tries = tries + 1, state = ?, error = ?, next_try = ? WHERE seq = ?",
                (state, error, next_try, seq),
            )
            database.execute(
                "DELETE FROM messages WHERE state <> 'waiting' AND seq <= (SELECT max(seq) FROM messages) - 1000"
            )

    def newest(self, most: int = 100) -> list[tuple[int, str, str, int, str]]:
        """The newest messages: number, channel, state, how often they were tried, the last error."""
        with self._file.reading() as database:
            return database.execute(
                "SELECT seq, channel, state, tries, error FROM messages ORDER BY seq DESC LIMIT ?", (most,)
            ).fetchall()
