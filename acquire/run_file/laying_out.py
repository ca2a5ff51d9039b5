"""The layout of a run file before the run: every data set in its place, and where the bytes of each row go.

Every data set has its final name, its unit and room for every row the plan can produce, filled with NaN. The numbers of
a row lie side by side, so that one write does; their columns are virtual data sets on that block.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

import h5py
import numpy as np

from acquire.records import Exchange, RunStart
from acquire.run_file.checksums import seal
from acquire.run_file.hdf5 import describe, nx_group, preallocated, virtual_column, write_array
from acquire.run_file.layout import (
    BEFORE_THE_RUN,
    ENDING,
    NO_ENDING,
    TABLES,
    WAVELENGTHS,
    Capacity,
    Column,
    Table,
    bytes_a_row,
    check_of,
    columns_in,
    rows_of,
    storable,
    write_column_names,
    write_flag_meanings,
    write_start,
)


def least_size(capacity: Capacity) -> int:
    """Bytes that the tables and what is exchanged take."""
    return capacity.get(Exchange, 0) + sum(rows_of(table, capacity) * bytes_a_row(table) for table in TABLES)


@dataclass(frozen=True)
class _Place:
    """Where one part of each row goes: offset of the first row, bytes a row, how an event becomes these bytes."""

    offset: int
    size: int
    pack: Callable[[Any], bytes]


@dataclass(frozen=True)
class TablePlaces:
    """Where a table's rows go, and the offset of its counter."""

    capacity: int
    places: tuple[_Place, ...]
    counter: int


@dataclass(frozen=True)
class Layout:
    """Offsets of what says how a run ended, the marks (offset, size) by which its file is known, room for exchanges."""

    ending: Mapping[str, int]
    marks: tuple[tuple[int, int], ...]
    exchange: int = 0
    exchange_counter: int = 0
    exchange_size: int = 0


def lay_out(
    file: h5py.File, start: RunStart, capacity: Capacity, write_calibration: Callable[[h5py.Group], None]
) -> tuple[dict[type, TablePlaces], Layout]:
    """The layout of the whole file: where the rows of each event go, and where all else is that is written."""
    entry = write_start(file, start)
    write_calibration(nx_group(entry, "calibration", "NXcollection"))
    recording = nx_group(entry, "recording", "NXcollection")
    recording.attrs["meaning"] = "number of rows written so far in each table; gone once the run is finished"
    recording.attrs["source_unit"] = start.source_unit
    tables = {table.event: _lay_out_table(entry, recording, table, start, capacity) for table in TABLES}
    ending = {name: _ending_text(entry, name, size) for name, size in ENDING.items()}
    ending["ending_check"] = preallocated(
        recording, "ending_check", np.array(check_of(NO_ENDING), "<i8")
    ).id.get_offset()
    write_flag_meanings(entry["jvl/flags"])
    write_array(entry["spectra"], "wavelength", np.arange(380.0, 781.0), "nm", "wavelength in standard air")
    run_id = np.array(storable(start.run_id).encode(), "S64")
    mark = preallocated(recording, "run_id", run_id).id.get_offset()
    exchange = _room_for_exchange(recording, capacity.get(Exchange, 0))
    seal(entry, BEFORE_THE_RUN, [*(table.name for table in TABLES), "recording"])
    counters = [(table.counter, 8) for table in tables.values()]
    return tables, Layout(ending, ((mark, run_id.itemsize), *counters), *exchange)


def _lay_out_table(
    entry: h5py.Group, recording: h5py.Group, table: Table, start: RunStart, capacity: Capacity
) -> TablePlaces:
    group = entry.create_group(table.name)
    for key, value in table.attributes.items():
        group.attrs[key] = value
    columns, rows = columns_in(table.columns(start.source_unit), start.photodiode_unit), rows_of(table, capacity)
    numbers = [column for column in columns if column.is_number]
    others = [column for column in columns if not column.is_number]
    places = [_numbers_side_by_side(recording, group, numbers, rows)]
    places += [_column_by_itself(group, column, rows) for column in others]
    write_column_names(recording[table.name], numbers, others)
    counter = preallocated(recording, f"{table.name}_rows", np.zeros((), "<i8"))
    return TablePlaces(rows, tuple(places), counter.id.get_offset())


def _room_for_exchange(recording: h5py.Group, size: int) -> tuple[int, int, int]:
    """Offsets of the room for exchanges and of the counter of its bytes, and its size; nothing where it is 0."""
    if not size:
        return 0, 0, 0
    room = preallocated(recording, "exchange", np.zeros(size, "u1"))
    counter = preallocated(recording, "exchange_bytes", np.zeros((), "<i8"))
    return room.id.get_offset(), counter.id.get_offset(), size


def _numbers_side_by_side(recording: h5py.Group, group: h5py.Group, columns: Sequence[Column], rows: int) -> _Place:
    """One block for all numbers of a table, a row of it in one piece, and each column as a virtual data set on it.

    The last number of a row is its check.
    """
    fill = np.tile([*(float(column.fill) for column in columns), np.nan], (max(rows, 1), 1))
    block = preallocated(recording, group.name.rsplit("/", 1)[-1], fill)
    for index, column in enumerate(columns):
        describe(virtual_column(group, column.name, column.dtype, block, index), column.unit, column.meaning)
    pack, fetch = struct.Struct(f"<{len(columns)}d").pack, _fetcher(columns)
    return _Place(block.id.get_offset(), 8 * (len(columns) + 1), lambda event: pack(*fetch(event)))


def _fetcher(columns: Sequence[Column]) -> Callable[[Any], Sequence[Any]]:
    fetch = attrgetter(*(column.source for column in columns))
    return fetch if len(columns) > 1 else lambda event: (fetch(event),)


def _column_by_itself(group: h5py.Group, column: Column, rows: int) -> _Place:
    """A text or a spectrum."""
    shape = (max(rows, 1), WAVELENGTHS) if column.is_spectrum else (max(rows, 1),)
    dataset = preallocated(group, column.name, np.full(shape, column.fill, dtype=column.dtype))
    describe(dataset, column.unit, column.meaning)
    size, fetch = dataset.dtype.itemsize * (WAVELENGTHS if column.is_spectrum else 1), attrgetter(column.source)
    if column.is_spectrum:
        return _Place(
            dataset.id.get_offset(), size, lambda event: np.ascontiguousarray(fetch(event), dtype="<f8").tobytes()
        )
    return _Place(dataset.id.get_offset(), size, lambda event: fit(str(fetch(event)), size))


def _ending_text(entry: h5py.Group, name: str, size: int) -> int:
    """Room for one text of the ending; the offset of its bytes."""
    text = NO_ENDING[name].encode()
    return int(preallocated(entry, name, np.array(text, h5py.string_dtype("utf-8", size))).id.get_offset())


@lru_cache(64)  # the same few words at every point
def fit(text: str, size: int) -> bytes:
    """UTF-8 in exactly ``size`` bytes, cut between characters, padded with NUL."""
    return storable(text, size).encode().ljust(size, b"\0")


COUNT = struct.Struct("<q").pack


CHECK = struct.Struct("<d").pack
