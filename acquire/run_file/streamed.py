"""Tables of an open run file that may have more rows than anybody has memory for: read in pieces, finished or not.

A row that was changed in the file is blank, with a flag that says why, so that rows keep their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import h5py
import numpy as np

from acquire.records import PointFlag
from acquire.run_file.hdf5 import rows_in_file
from acquire.run_file.layout import Column, Table

_LOST = int(PointFlag.DAMAGED | PointFlag.NO_SOURCE_READING | PointFlag.NO_PHOTODIODE_READING)


def rows_of_streamed(entry: h5py.Group, table: Table) -> int:
    """How many rows of a table were written; those of a run that goes on and was cut off included.

    :raises ValueError: its columns do not fit each other.
    """
    if table.name not in entry:
        return 0
    if "recording" in entry:
        return _recorded_rows(entry["recording"], table)
    lengths = {len(dataset) for dataset in entry[table.name].values()}
    if len(lengths) != 1:
        raise ValueError(f"{table.name} has columns of different lengths")
    return int(lengths.pop())


def read_streamed(
    entry: h5py.Group, table: Table, columns: Sequence[Column], start: int, stop: int
) -> dict[str, np.ndarray[Any, Any]]:
    """These columns of the rows from ``start`` up to ``stop``, both within the table."""
    if "recording" not in entry:
        group = entry[table.name]
        return {
            column.name: group[column.name][start:stop].astype(column.dtype, copy=False)
            if column.name in group
            else np.full(stop - start, column.fill, column.dtype)
            for column in columns
        }
    block = entry["recording"][table.name]
    rows, numbers = block[start:stop], str(block.attrs["numbers"]).split(",")
    lost = ~whole_of(rows, start)
    return {column.name: _recorded(rows, numbers, column, lost) for column in columns}


def _recorded(
    rows: np.ndarray[Any, Any], numbers: Sequence[str], column: Column, lost: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    if column.name not in numbers:
        return np.full(len(rows), column.fill, column.dtype)
    values = np.where(lost, _LOST if column.name == "flags" else column.fill, rows[:, numbers.index(column.name)])
    return values.astype(column.dtype, copy=False)


def whole_of(rows: np.ndarray[Any, Any], start: int) -> np.ndarray[Any, Any]:
    """Which of these recorded rows, from row ``start`` of their table, are as they were written (n,)."""
    width = 8 * (rows.shape[1] - 1)
    content, size = rows.tobytes(), 8 * rows.shape[1]
    checks = [crc32(content[at : at + width], row) for row, at in enumerate(range(0, len(content), size), start)]
    return np.asarray(rows[:, -1] == np.array(checks, dtype=float))


def _recorded_rows(recording: h5py.Group, table: Table) -> int:
    """The rows that are counted, as far as they have content; and those behind them that are whole."""
    block, counted = recording[table.name], int(recording[f"{table.name}_rows"][()])
    there, step = rows_in_file(block), block.chunks[0] if block.chunks else len(block)
    counted = min(max(counted, 0), there)
    for start in range((max(there - 1, 0) // step) * step, -1, -step):
        rows = block[start : min(start + step, there)]
        written = np.isfinite(rows[:, -1])
        written[max(counted - start, 0) :] &= whole_of(rows, start)[max(counted - start, 0) :]
        if written.any():
            return start + int(np.flatnonzero(written)[-1]) + 1
    return 0


def columns_known(table: Table, source_unit: str, names: Sequence[str] | None) -> list[Column]:
    """The columns with these names, all without any.

    :raises KeyError: there is no such column.
    """
    columns = {column.name: column for column in table.columns(source_unit)}
    return [columns[name] for name in (columns if names is None else names)]
