"""How far the tables of a run file are written while the run goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from acquire.run_file.growing import Writes
from acquire.run_file.laying_out import TablePlaces


class TableSoFar:
    """How far a table is written, and where its next row goes.

    ``rows`` are written, ``until`` rows fit into the segments up to the present one; at row ``half`` the next segment
    is laid out, which begins at ``next_segment`` of the file. ``offsets``: of each part of row 0, were it in front of
    the present segment. ``beside``: which parts are no numbers, and their places. ``ahead``: for each part, what
    stands in its rows already, and up to which row.
    """

    def __init__(self, table: TablePlaces, rows: int = 0, segment: int = 0, begins: Sequence[int] = ()) -> None:
        self._table = table
        self.places = table.places
        self.beside = tuple(enumerate(table.places))[:0:-1]
        self.counter = table.counter
        self.capacity = table.capacity
        self.segment = table.segment
        self.blank = table.blank
        self.rows = rows
        self.next_segment: int | None = None
        self._present = segment
        self._turn(begins or [place.offset for place in table.places])

    def _turn(self, begins: Sequence[int]) -> None:
        first = self._present * self.segment
        self.begins = begins
        self.offsets = [begin - first * place.size for begin, place in zip(begins, self.places, strict=True)]
        self.ahead = [(b"", 0)] * len(self.places)
        self.until = min(first + self.segment, self.capacity)
        self.half = first + self.segment // 2 if self.blank else -1

    @property
    def last_segment(self) -> bool:
        """Whether there is no further segment."""
        return self.until >= self.capacity

    def turn_to_next(self) -> int:
        """Go on in the next segment; where the one before begins."""
        assert self.next_segment is not None
        before, begin = self.begins[0], self.next_segment
        self._present += 1
        self.next_segment = None
        self._turn(self._table.parts_from(begin))
        return before

    def additions(self, begin: int) -> Iterator[Writes]:
        """What says that there is a segment that begins there; each is pushed to the disk before the next."""
        parts = zip(self.places, self._table.parts_from(begin), strict=True)
        steps = [place.tree.additions(self._present + 1, at) for place, at in parts if place.tree is not None]
        for together in zip(*steps, strict=True):
            yield [write for writes in together for write in writes]
