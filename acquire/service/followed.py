"""One run that goes on, followed through its file: its latest rows as events, made once for all viewers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquire.service.json_text import compact
from acquire.service.reading import NotThere, Reader, Unreadable

LONGEST_BACKLOG = 20_000  # rows; more than these are fetched as a picture
LONGEST_SINGLES = 2000  # the same of rows that are events of their own
MOST_KEPT = 16 << 20  # bytes of texts
ANY_ROW = 1 << 40
TRIES = 20  # looks at a file that cannot be read before it is given up
#: In this order a viewer gets what is new.
ORDER = ("parts", "dark", "jvl", "lifetime", "spectra", "exposure_samples", "repeated", "branches", "transport")
#: What is said of a run whose process is gone and whose file is not finished.
CUT_OFF = {"status": "cut off", "stop_reason": "its program ended before the run did"}
SINGLES = ("spectra", "notes", "findings")


@dataclass(frozen=True)
class Chunk:
    """An event of some rows: its kind, table, first row, the row behind the last one, and its text (JSON)."""

    kind: str
    table: str
    start: int
    stop: int
    text: bytes


class FollowedRun:
    """The run of a file; :meth:`look` is called by one thread, the rest by anybody.

    ``told``: of the run itself, as :func:`acquire.run_file.rows.look`. ``ending``: the texts of the last two events,
    figures and end, once the run is over. ``problem``: why it cannot be followed any more.
    """

    def __init__(self, path: Path, run_id: str, reader: Reader) -> None:
        self.path, self.run_id = path, run_id
        self.told: Mapping[str, Any] = {}
        self.totals: dict[str, int] = {}
        self.ending: tuple[bytes, bytes] | None = None
        self.problem = ""
        self._reader = reader
        self._lock = threading.Lock()
        self._kept: dict[str, deque[Chunk]] = {}
        self._bytes = 0
        self._failed = 0

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.ending is not None or bool(self.problem)

    def look(self) -> bool:
        """Read what is new; whether something is."""
        if self.over:
            return False
        try:
            if not self.told:
                self._begin(self._reader.look(self.path))
            new = self._read_new()
        except (Unreadable, NotThere) as error:
            self._failed += 1
            if self._failed >= TRIES:
                self.problem = str(error)
            return bool(self.problem)
        self._failed = 0
        return new

    def _begin(self, told: Mapping[str, Any]) -> None:
        """:raises Unreadable: it is the file of another run."""
        if told["run_id"] != self.run_id:
            raise Unreadable(f"{self.path.name} is the file of another run")
        self.told = told
        self.totals = dict.fromkeys(told["rows"], 0) | self._beyond_backlog(told["rows"])

    @staticmethod
    def _beyond_backlog(rows: Mapping[str, int]) -> dict[str, int]:
        """Of tables that are long already when they are first seen: the row to begin with."""
        return {table: number for table, number in rows.items() if number > longest_backlog(table)}

    def _read_new(self) -> bool:
        new, more = False, True
        while more:
            wanted = {table: (rows, ANY_ROW) for table, rows in self.totals.items()}
            about, texts = self._reader.ask("rows", self.path, run_id=self.run_id, wanted=wanted)
            if about["finished"]:
                self._end()
                return True
            more = False
            for one, text in zip(about["events"], texts, strict=True):
                self._keep(Chunk(one["kind"], one["table"], one["from"], one["to"], text))
                more = more or one["to"] < about["totals"][one["table"]]
                new = True
        return new

    def _keep(self, chunk: Chunk) -> None:
        with self._lock:
            kept = self._kept.setdefault(chunk.table, deque())
            kept.append(chunk)
            self.totals[chunk.table] = chunk.stop
            self._bytes += len(chunk.text)
            while self._bytes > MOST_KEPT and len(kept) > 1:
                self._bytes -= len(kept.popleft().text)

    def next_chunk(self, table: str, row: int) -> Chunk | None:
        """What follows behind the rows before ``row``: an event, or one without text whose rows are to be read."""
        with self._lock:
            total = self.totals.get(table, 0)
            if row >= total:
                return None
            kept = self._kept.get(table, deque())
            for chunk in reversed(kept):
                if chunk.start == row:
                    return chunk
                if chunk.start < row:
                    return Chunk(chunk.kind, table, row, chunk.stop, b"")
            return Chunk("", table, row, kept[0].start if kept else total, b"")

    def read(self, table: str, start: int, stop: int) -> list[Chunk]:
        """Rows as events, from the file; empty once it is finished: then all its values are final, and are told so.

        :raises Unreadable: it cannot be read.
        """
        about, texts = self._reader.ask("rows", self.path, run_id=self.run_id, wanted={table: (start, stop)})
        if about["finished"]:
            return []
        return [
            Chunk(one["kind"], one["table"], one["from"], one["to"], text)
            for one, text in zip(about["events"], texts, strict=True)
        ]

    def _end(self) -> None:
        told = self._reader.look(self.path)
        self.ending = ending_of(self._reader, self.path, told)

    def cut_off(self) -> None:
        """Take the run as over, whose process is gone without having finished its file."""
        self.ending = ending_of(self._reader, self.path, {**self.told, **CUT_OFF})


def ending_of(reader: Reader, path: Path, told: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """The last events of a run: its figures of merit, and how it ended.

    :raises Unreadable: its file cannot be read.
    """
    figures, _ = reader.ask("figures", path)
    del figures["notes"]
    end = {name: told[name] for name in ("run_id", "status", "stop_reason", "end_time")}
    return compact(figures), compact({**end, "revision": "final" if told["finished"] else "recorded"})


def longest_backlog(table: str) -> int:
    """So many rows are sent one after the other; more are fetched as a picture."""
    return LONGEST_SINGLES if table in SINGLES else LONGEST_BACKLOG
