"""The rows of a run that is not finished: those that are whole, each held against the check that was written with it.

A row whose check is wrong was changed in the file, by a flipped bit for example. None of its numbers is used: where
other rows refer to it by its number it becomes blank, with a flag that says why, otherwise it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from acquire.records import PointFlag
from acquire.run_file.checksums import PLACE, row_check
from acquire.run_file.hdf5 import read_array, rows_in_file
from acquire.run_file.layout import Column, Table, name_in

Arrays = dict[str, np.ndarray[Any, Any]]

_LOST = PointFlag.DAMAGED | PointFlag.NO_SOURCE_READING | PointFlag.NO_PHOTODIODE_READING
#: What stands in a damaged row instead of the fill of a column.
_BLANK: Mapping[str, Any] = {
    "flags": int(_LOST),
    "spectrum_source": b"none",
    "spectrum_index": -1,
    "spectrum_index_upper": -1,
    "point_index": -1,
}


def whole_rows(
    entry: h5py.Group, table: Table, columns: Sequence[Column], counted: int, written: int, newer: bool
) -> tuple[Arrays, tuple[str, ...]]:
    """The columns of a table without what was changed in the file, and what is to be said about it.

    ``counted`` rows are said to be there, and the first ``written`` of them have content. A row behind them whose
    check is right is there all the same. A file without checks, of an earlier version, has its ``written`` rows.
    In one of a newer version there may be more columns, and it says where each is.

    :raises ValueError: the table is not as it was made.
    """
    laid_out = rows_in_file(entry["recording"][table.name])
    block = read_array(entry["recording"], table.name, laid_out)
    group = entry[table.name]
    numbers = [column.name for column in columns if column.is_number]
    others = [column.name for column in columns if not column.is_number]
    if newer:
        said = entry["recording"][table.name].attrs
        numbers, others = str(said["numbers"]).split(","), [name for name in str(said["others"]).split(",") if name]
    if block.ndim != 2 or block.shape[1] != len(numbers) + 1:
        if PLACE in entry:
            raise ValueError(f"{table.name} has another shape than it was made with")
        return {column.name: read_array(group, name_in(group, column))[:written] for column in columns}, ()
    arrays, remarks = _columns(group, columns, block, numbers)
    whole = whole_of(block, [read_array(group, name, laid_out) for name in others])
    rows = max(max(whole, default=-1) + 1, min(counted, written, len(block)))
    damaged = sorted(set(range(rows)) - whole)
    arrays = {name: array[:rows] for name, array in arrays.items()}
    if not damaged:
        return arrays, tuple(remarks)
    remarks.append(f"{group.name}: row {_in_words(damaged)} was changed in the file; nothing of it is used")
    return _without(arrays, damaged, table, columns), tuple(remarks)


def _columns(
    group: h5py.Group, columns: Sequence[Column], block: np.ndarray[Any, Any], numbers: Sequence[str]
) -> tuple[Arrays, list[str]]:
    """The columns as they were recorded, and those that show something else."""
    arrays, remarks = Arrays(), list[str]()
    for column in columns:
        arrays[column.name] = shown = read_array(group, name_in(group, column), len(block))
        if not column.is_number:
            continue
        with np.errstate(invalid="ignore"):  # a damaged number need not fit into an integer
            recorded = block[:, numbers.index(column.name)].astype(column.dtype)
        if shown.dtype != recorded.dtype or shown.tobytes() != recorded.tobytes():
            remarks.append(f"{group.name}/{column.name} shows other numbers than were recorded; those count")
            arrays[column.name] = recorded
    return arrays, remarks


def whole_of(block: np.ndarray[Any, Any], others: Sequence[np.ndarray[Any, Any]], first: int = 0) -> set[int]:
    """The rows whose check is right, counted from the first of these, which is row ``first`` of its table."""
    if any(len(other) != len(block) for other in others):
        return set()
    parts = [block[:, :-1], *others]
    return {
        row
        for row in np.flatnonzero(np.isfinite(block[:, -1])).tolist()
        if block[row, -1] == row_check(first + row, [part[row : row + 1].tobytes() for part in parts])
    }


def _without(arrays: Arrays, rows: Sequence[int], table: Table, columns: Sequence[Column]) -> Arrays:
    """The columns of a table without its damaged rows; where others refer to rows by number, they become blank."""
    if not table.numbered:
        return {name: np.delete(array, rows, axis=0) for name, array in arrays.items()}
    blank = {column.name: array.copy() for column in columns for array in [arrays[column.name]]}
    good = np.setdiff1d(np.arange(len(blank["branch"])), rows)
    nearest = [good[np.argmin(abs(good - row))] if good.size else None for row in rows]
    for column in columns:
        blank[column.name][rows] = _BLANK.get(column.name, column.fill)
    blank["branch"][rows] = [b"forward" if row is None else blank["branch"][row] for row in nearest]
    if "cycle" in blank:
        blank["cycle"][rows] = [0 if row is None else blank["cycle"][row] for row in nearest]
    return blank


def _in_words(rows: Sequence[int]) -> str:
    """Rows, counted from 1: ``3``, ``3 to 5 and 9``."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and runs[-1][-1] == row - 1:
            runs[-1][1:] = [row]
        else:
            runs.append([row])
    return " and ".join(f"{run[0] + 1} to {run[-1] + 1}" if len(run) > 1 else str(run[0] + 1) for run in runs)
