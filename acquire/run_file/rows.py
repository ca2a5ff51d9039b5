"""Rows of any table from a given one on, of a file in any state: for whoever follows a run through its file.

What is read grows with what is asked for, not with the file. A row that was changed in the file is blank, with a flag
that says why where its table has flags; so rows keep their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from acquire.records import Columns
from acquire.run_file.checksums import row_check
from acquire.run_file.figures_group import text as _text
from acquire.run_file.hdf5 import plain_member, rows_in_file
from acquire.run_file.layout import TABLE, Column, Table, name_in, tables_in, version_of
from acquire.run_file.read import _file
from acquire.run_file.recorded_rows import _without, whole_of
from acquire.run_file.streamed import read_streamed, rows_of_streamed


@dataclass(frozen=True)
class FollowedRun:
    """A run file as far as it is written: identity, whether it is finished, rows and units by table."""

    run_id: str
    title: str
    sample: str
    pixel: str
    start_time: str
    end_time: str
    status: str
    stop_reason: str
    source_unit: str
    finished: bool
    rows: Mapping[str, int]
    units: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Rows:
    """Some rows of a table: those from ``start`` on, SI, each column (n,) or (n, 401); ``total`` rows are there."""

    table: str
    start: int
    total: int
    columns: Columns

    @property
    def stop(self) -> int:
        """The row behind the last one of these."""
        return self.start + len(next(iter(self.columns.values()), ()))


def look(path: Path) -> FollowedRun:
    """How far a run file is written.

    :raises acquire.run_file.read.ArchiveError: there is no such file, or it is not a run file of this program.
    """
    with _file(path) as file:
        entry = file["entry"]
        source_unit = _text(entry["jvl/source_level"].attrs["units"])
        tables = tables_in(entry)
        return FollowedRun(
            **{name: _text(entry[name][()]) for name in _TEXTS},
            sample=_text(entry["sample/name"][()]),
            pixel=_text(entry["sample/pixel"][()]) if "sample/pixel" in entry else "",
            source_unit=source_unit,
            finished="recording" not in entry,
            rows={table.name: _rows(entry, table) for table in tables},
            units={
                table.name: {one.name: _unit(entry, table, one) for one in _columns(file, entry, table)}
                for table in tables
            },
        )


_TEXTS = ("run_id", "title", "start_time", "end_time", "status", "stop_reason")


def _unit(entry: h5py.Group, table: Table, column: Column) -> str:
    group = entry.get(table.name)
    name = column.name if group is None else name_in(group, column)
    return column.unit if group is None or name not in group else _text(group[name].attrs.get("units", column.unit))


def read_rows(
    path: Path, wanted: Mapping[str, tuple[int, int]], names: Sequence[str] | None = None
) -> tuple[bool, list[Rows]]:
    """Whether the file is finished, and of each table the rows of a range, as far as they are there.

    ``wanted``: first row and the row behind the last one, by table; ``names`` of columns, all without any.

    :raises acquire.run_file.read.ArchiveError: there is no such file, or it is not a run file of this program.
    :raises KeyError: there is no such table or column.
    """
    found: list[Rows] = []
    for name in wanted:
        _ = TABLE[name]
    unknown: str | None = None
    with _file(path) as file:
        entry = file["entry"]
        for name, (start, stop) in wanted.items():
            table = TABLE[name]
            columns = {column.name: column for column in _columns(file, entry, table)}
            unknown = next((one for one in names or () if one not in columns), None)
            if unknown is not None:
                break
            chosen = [columns[one] for one in names or columns]
            total = _rows(entry, table)
            start, stop = min(max(start, 0), total), min(max(stop, start), total)
            found.append(Rows(name, start, total, _read(entry, table, chosen, start, stop)))
        finished = "recording" not in entry
    if unknown is not None:
        raise KeyError(unknown)
    return finished, found


def _columns(file: h5py.File, entry: h5py.Group, table: Table) -> list[Column]:
    """The columns that a file has of a table."""
    version = version_of(file)
    source_unit = _text(entry["jvl/source_level"].attrs["units"])
    return [column for column in table.columns(source_unit) if column.since <= version]


def _rows(entry: h5py.Group, table: Table) -> int:
    """How many rows of a table are there; of a file that is not finished, as many as are counted."""
    if table.name not in entry:
        return 0
    if "recording" not in entry:
        return rows_of_streamed(entry, table) if table.streamed else _length(entry[table.name], table)
    counter = plain_member(entry["recording"], f"{table.name}_rows")
    if counter is None:
        return 0
    return int(min(max(int(counter[()]), 0), rows_in_file(entry["recording"][table.name])))


def _length(group: h5py.Group, table: Table) -> int:
    return next((len(group[name]) for name in table.never_blank if name in group), 0)


def _read(entry: h5py.Group, table: Table, columns: Sequence[Column], start: int, stop: int) -> Columns:
    if start >= stop:
        empty = {True: (0, 401), False: (0,)}
        return {column.name: np.empty(empty[column.is_spectrum], column.dtype) for column in columns}
    if table.streamed:
        return read_streamed(entry, table, columns, start, stop)
    if "recording" not in entry:
        group = entry[table.name]
        return {column.name: group[name_in(group, column)][start:stop] for column in columns}
    return _recorded(entry, table, columns, start, stop)


def _recorded(entry: h5py.Group, table: Table, columns: Sequence[Column], start: int, stop: int) -> Columns:
    """Rows as they were recorded; what a check says was changed is blank."""
    group, block = entry[table.name], entry["recording"][table.name]
    said = block.attrs
    numbers = _text(said["numbers"]).split(",")
    others = [name for name in _text(said["others"]).split(",") if name]
    values, beside = block[start:stop], {name: group[name][start:stop] for name in others}
    right = whole_of(values, [*beside.values()], start)
    damaged = [row for row in range(stop - start) if row not in right]
    beyond = (
        []
        if not (damaged and table.numbered) or "branch" in {one.name for one in columns}
        else [one for one in table.columns("V") if one.name == "branch"]
    )
    found = {one.name: _one(one, values, numbers, beside) for one in (*columns, *beyond)}
    if damaged and table.numbered:
        found = _without(found, damaged, table, [*columns, *beyond])
    elif damaged:
        for one in columns:
            found[one.name][damaged] = one.fill
    return {one.name: found[one.name] for one in columns}


def _one(
    column: Column, values: np.ndarray[Any, Any], numbers: Sequence[str], beside: Mapping[str, np.ndarray[Any, Any]]
) -> np.ndarray[Any, Any]:
    if column.name in beside:
        return beside[column.name].copy()
    if column.name not in numbers:
        return np.full(len(values), column.fill, column.dtype)
    with np.errstate(invalid="ignore"):  # a damaged number need not fit into an integer
        return np.asarray(values[:, numbers.index(column.name)].astype(column.dtype))


# --- of long tables, for pictures -----------------------------------------------------------------------------


def read_numbers(path: Path, table: str, names: Sequence[str], start: int, stop: int) -> Columns:
    """Columns of numbers, quickly: of a file that is not finished no row is held against its check.

    Whoever shows some of the rows asks :func:`changed_rows` about those.

    :raises acquire.run_file.read.ArchiveError: there is no such file, or it is not a run file of this program.
    :raises KeyError: there is no such table or column.
    """
    with _file(path) as file:
        entry, known = file["entry"], TABLE[table]
        columns = {column.name: column for column in _columns(file, entry, known)}
        recorded = _numbers_of(entry, table)
        quick = recorded is not None and all(name in columns and name in recorded for name in names)
        if quick and recorded is not None:
            found = {name: np.empty(stop - start, columns[name].dtype) for name in names}
            block = entry["recording"][table]
            for begin in range(start, stop, PIECE):
                end = min(begin + PIECE, stop)
                values = block[begin:end]
                for name, column in found.items():
                    with np.errstate(invalid="ignore"):  # a damaged number need not fit into an integer
                        column[begin - start : end - start] = values[:, recorded.index(name)]
            return found
    return read_rows(path, {table: (start, stop)}, names)[1][0].columns


PIECE = 1 << 14  # rows


def _numbers_of(entry: h5py.Group, table: str) -> list[str] | None:
    if "recording" not in entry or table not in entry["recording"]:
        return None
    return _text(entry["recording"][table].attrs["numbers"]).split(",")


def changed_rows(path: Path, table: str, rows: Sequence[int]) -> list[int]:
    """Those of some rows, rising, that were changed in a file that is not finished; none of a finished one.

    :raises acquire.run_file.read.ArchiveError: there is no such file, or it is not a run file of this program.
    """
    changed: list[int] = []
    with _file(path) as file:
        entry = file["entry"]
        if _numbers_of(entry, table) is None:
            return []
        block, group = entry["recording"][table], entry[table]
        others = [name for name in _text(block.attrs["others"]).split(",") if name]
        wanted = np.asarray(rows, dtype=np.int64)
        for piece in np.unique(wanted // PIECE).tolist():
            of_piece = wanted[wanted // PIECE == piece]
            first, last = int(of_piece[0]), int(of_piece[-1]) + 1
            values, beside = block[first:last], [group[name][first:last] for name in others]
            for row in of_piece.tolist():
                parts = [part[row - first : row - first + 1].tobytes() for part in (values[:, :-1], *beside)]
                if values[row - first, -1] != row_check(row, parts):
                    changed.append(row)
    return changed
