"""Columns of a long table whose values are read as they are asked for, so that an export needs no memory for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquire.records import Columns
from acquire.run_file.long_tables import FinalPiece
from acquire.run_file.reading_apart import pieces

_PIECE = 1 << 16  # rows; a multiple of what is asked for at once


class LongTable:
    """A long table, read piece by piece from its begin; who asks for earlier rows has it read once more."""

    def __init__(self, path: Path, table: str, rows: int, computed: Callable[[], FinalPiece] | None = None) -> None:
        self.rows = rows
        #: What gives, from the first row on, the values of an analysis in place of those in the table.
        self._computed = computed
        self._final: FinalPiece = lambda _piece: {}
        self._path = path
        self._table = table
        self._pieces: Iterator[Columns] = iter(())
        self._begin = -_PIECE
        self._piece: Columns = {}

    def column(self, name: str, change: Callable[[Any], Any]) -> LongColumn:
        """A column, each part of it changed in the same way when it is read."""
        return LongColumn(self, name, change)

    def part(self, name: str, first: int, last: int) -> Any:
        """Rows of a column that lie in one piece.

        :raises acquire.run_file.read.ArchiveError: the file cannot be read any more.
        """
        begin = first // _PIECE * _PIECE
        if begin < self._begin or self._begin < 0:
            self._pieces, self._begin = pieces(self._path, self._table, self.rows, _PIECE), -_PIECE
            if self._computed is not None:
                self._final = self._computed()
        while self._begin < begin:
            piece = next(self._pieces)
            self._piece, self._begin = {**piece, **self._final(piece)}, self._begin + _PIECE
        return self._piece[name][first - begin : last - begin]


@dataclass(frozen=True)
class LongColumn:
    """A column of a long table; a part of it is asked for as of a sequence."""

    table: LongTable
    name: str
    change: Callable[[Any], Any]

    def __len__(self) -> int:
        """How many rows there are."""
        return self.table.rows

    def __getitem__(self, part: slice) -> Any:
        """Some rows, which lie in one piece."""
        first, last, _ = part.indices(len(self))
        return self.change(self.table.part(self.name, first, last))
