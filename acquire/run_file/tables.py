"""The tables of a run file, finished or not, as far as they were written and are whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import h5py
import numpy as np

from acquire.records import Branch, Columns, Severity
from acquire.run_file.checksums import PLACE
from acquire.run_file.hdf5 import read_array, rows_in_file
from acquire.run_file.layout import FORMAT_VERSION, WAVELENGTHS, Column, Table, Version, name_in
from acquire.run_file.on_demand import OnDemand
from acquire.run_file.recorded_rows import Arrays, whole_rows

ALL = frozenset({"*"})  # columns of a table


def read_table(
    entry: h5py.Group, table: Table, source_unit: str, version: Version, without: Collection[str] = ()
) -> tuple[Columns, tuple[str, ...]]:
    """The columns of a table, and what is to be said about it; what came after the file's version is blank.

    So are the columns of a finished file that are named ``without``; with all of them, the table is empty.

    :raises ValueError: they do not fit each other, or hold what no run has.
    """
    columns = table.columns(source_unit)
    # A file of this very version may have been made while the version was still growing
    optional = table.optional or table.since == FORMAT_VERSION
    if table.since > version or without == ALL or (optional and table.name not in entry):
        return {column.name: np.empty(0, column.dtype) for column in columns}, ()
    known = [column for column in columns if column.since <= version and column.name not in without]
    if "recording" in entry:
        arrays, remarks = _recorded(entry, table, known, version > FORMAT_VERSION)
    else:
        arrays, remarks = _finished(entry[table.name], known), ()
    rows = length(arrays)
    return {
        one.name: _checked(arrays[one.name], one, rows)
        if one.name in arrays
        else np.full((rows, WAVELENGTHS) if one.is_spectrum else rows, one.fill, one.dtype)
        for one in columns
    }, remarks


def _finished(group: h5py.Group | OnDemand, columns: Sequence[Column]) -> Arrays:
    if isinstance(group, OnDemand) and columns and not len(group[name_in(group, columns[0])]):
        columns = columns[:1]  # as it was written, no other column has rows either
    return {column.name: read_array(group, name_in(group, column)) for column in columns}


def _recorded(
    entry: h5py.Group, table: Table, columns: Sequence[Column], newer: bool
) -> tuple[Arrays, tuple[str, ...]]:
    counted, written = counted_and_written(entry, table)
    return whole_rows(entry, table, columns, counted, written, newer)


def counted_and_written(entry: h5py.Group, table: Table) -> tuple[int, int]:
    """How many rows a table is said to have, and how many of them have content.

    :raises ValueError: it is said to have less than none.
    """
    counted = int(read_array(entry["recording"], f"{table.name}_rows")[()])
    if counted < 0 and PLACE not in entry:  # else the rows tell by themselves how many they are
        raise ValueError(f"{table.name} is said to have {counted} rows")
    counted = max(counted, 0)
    laid_out = min(counted, rows_in_file(entry["recording"][table.name]))
    return counted, _written([read_array(entry[table.name], name, laid_out) for name in table.never_blank])


def length(table: Columns) -> int:
    """How many rows a table has."""
    return len(next(iter(table.values())))


def _checked(array: np.ndarray[Any, Any], column: Column, rows: int) -> np.ndarray[Any, Any]:
    """A column of the shape, kind and words that it must have."""
    expected = (rows, WAVELENGTHS) if column.is_spectrum else (rows,)
    if array.shape != expected or (array.dtype.kind == "S") != (column.dtype[0] == "S"):
        raise ValueError(f"{column.name} is no column of {rows} rows")
    if column.name == "branch" and not np.isin(array, _BRANCHES).all():
        raise ValueError(f"a branch is none of {', '.join(Branch)}")
    if column.name == "severity" and not np.isin(array, _SEVERITIES).all():
        raise ValueError("a severity is none of note, doubtful, impossible")
    return array if array.dtype.kind == "S" else array.astype(column.dtype, copy=False)


_BRANCHES = [branch.encode() for branch in Branch]


_SEVERITIES = [severity.encode() for severity in Severity]


def _written(always: Sequence[np.ndarray[Any, Any]]) -> int:
    """How many of the counted rows are there: all, unless the system had saved the counter before the rows."""
    blank = [values == b"" if values.dtype.kind == "S" else np.isnan(values) for values in always]
    return min(int(np.argmax(values)) if values.any() else len(values) for values in blank)
