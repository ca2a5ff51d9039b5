"""A table out of an HDF5 file of anybody's: the columns of one group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from acquire.run_file.hdf5 import refuse_what_no_run_file_holds
from acquire.run_file.read import ArchiveError
from acquire.spectroscopy.measured_table import FEWEST_ROWS, MeasuredColumn, MeasuredTable

#: Data sets of more values are no columns of a table.
MOST_ROWS = 1 << 20


def read_hdf5_table(path: Path, group: str = "") -> MeasuredTable:
    """The one-dimensional data sets of equal length in a group; without a name in the one group that has several.

    A data set of complex numbers is two columns. ``units`` (or ``unit``) of a data set is its unit.

    :raises ArchiveError: there is none, or several groups have them.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            refuse_what_no_run_file_holds(file)
            tables = dict(_tables(file, group))
    except ArchiveError:
        raise
    except Exception as error:  # h5py meets damage with almost any exception
        raise ArchiveError(f"{path}: cannot be read as HDF5 ({str(error).splitlines()[0][:200]})") from error
    if not tables:
        where = f"the group {group}" if group else "no group of it"
        raise ArchiveError(f"{path}: {where} holds no table: two data sets of one dimension and one length at least")
    if len(tables) > 1:
        raise ArchiveError(
            f"{path}: {len(tables)} groups hold tables; choose one: --group {' | '.join(sorted(tables))}"
        )
    return next(iter(tables.values()))


def _tables(file: h5py.File, group: str) -> Iterator[tuple[str, MeasuredTable]]:
    if group and group not in file:
        raise ArchiveError(f"{file.filename}: has no group '{group}'")
    waiting = [file[group] if group else file]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, h5py.Group):
            raise ArchiveError(f"{file.filename}: '{group}' is a data set; name the group that it is in")
        members = list(one.values())
        waiting += [member for member in members if isinstance(member, h5py.Group) and not group]
        columns = [column for member in members if isinstance(member, h5py.Dataset) for column in _columns(member)]
        lengths = {column.values.size for column in columns}
        if len(columns) > 1 and len(lengths) == 1:
            yield str(one.name), MeasuredTable(tuple(columns))


def _columns(dataset: h5py.Dataset) -> Iterator[MeasuredColumn]:
    if dataset.ndim != 1 or not FEWEST_ROWS <= dataset.size <= MOST_ROWS or dataset.dtype.kind not in "iufc":
        return
    name, unit, values = str(dataset.name).rsplit("/", 1)[-1], _unit(dataset), dataset[()]
    if dataset.dtype.kind == "c":
        for part, numbers in (("real", values.real), ("imag", values.imag)):
            yield MeasuredColumn(f"{name} {part}", unit, np.array(numbers, float))
        return
    yield MeasuredColumn(name, unit, np.array(values, float))


def _unit(dataset: h5py.Dataset) -> str:
    for key in ("units", "unit"):
        if key in dataset.attrs:
            found: Any = dataset.attrs[key]
            text = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
            return "" if text == "1" else text[:40]
    return ""
