"""The layout of a run file before the run: every data set in its place, and where the bytes of each row go.

Every data set has its final name, its unit and room for every row the plan can produce, filled with NaN. The numbers of
a row lie side by side, so that one write does; their columns are virtual data sets on that block. A table that grows
(:class:`~acquire.run_file.layout.Growing`) has the same form; of its blocks only the first segment is in the file, see
:mod:`acquire.run_file.growing`.
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
from acquire.run_file.growing import ChunkTree, plant_tree, tree_of
from acquire.run_file.hdf5 import (
    describe,
    file_in_memory,
    growing,
    image_of,
    nx_group,
    preallocated,
    virtual_column,
    write_array,
)
from acquire.run_file.layout import (
    ENDING,
    NO_ENDING,
    TABLES,
    WAVELENGTHS,
    Capacity,
    Column,
    Growing,
    Table,
    bytes_a_row,
    check_of,
    columns_in,
    default_plot,
    known_before,
    rows_of,
    storable,
    tables_in,
    tables_of,
    write_column_names,
    write_flag_meanings,
    write_start,
)


def least_size(capacity: Capacity) -> int:
    """Bytes that the tables and what is exchanged take at the begin of a run."""
    exchange = capacity.get(Exchange, 0)
    assert isinstance(exchange, int)
    return exchange + sum(rows_of(table, capacity) * bytes_a_row(table) for table in TABLES)


def most_size(capacity: Capacity) -> int:
    """Bytes that the tables which grow may take in the end; live values that stay beside final ones included."""
    grown = [(table, growth) for table in TABLES if isinstance(growth := capacity.get(table.event), Growing)]
    return sum(growth.most * bytes_a_row(table) * (2 if table.streamed else 1) for table, growth in grown)


def largest_table(capacity: Capacity) -> type:
    """The event whose rows take the most room in the end."""

    def size(table: Table) -> int:
        rows = capacity.get(table.event, table.rows)
        return (rows.most if isinstance(rows, Growing) else rows) * bytes_a_row(table)

    return max(TABLES, key=size).event


#: Longer texts are not expected to be the same in the next row, bytes.
LONGEST_REPEATED = 16


@dataclass(frozen=True)
class Place:
    """Where one part of each row goes: offset of the first row, bytes a row, how an event becomes these bytes.

    ``repeats``: whether it is a short text that is often the same from row to row.
    """

    offset: int
    size: int
    pack: Callable[[Any], bytes]
    tree: ChunkTree | None = None
    repeats: bool = False


@dataclass(frozen=True)
class TablePlaces:
    """Where a table's rows go, and the offset of its counter.

    ``segment``: how many rows are laid out at once; ``blank``: what a segment is before anything is written, all its
    parts one after the other, empty where the table does not grow.
    """

    capacity: int
    segment: int
    places: tuple[Place, ...]
    counter: int
    blank: bytes = b""

    def parts_from(self, begin: int) -> list[int]:
        """Where each part of the rows begins in a segment that begins there."""
        sizes = [place.size * self.segment for place in self.places]
        return [begin + sum(sizes[:number]) for number in range(len(sizes))]


@dataclass(frozen=True)
class Layout:
    """Offsets of what says how a run ended, the marks (offset, size) by which its file is known, room for exchanges."""

    ending: Mapping[str, int]
    marks: tuple[tuple[int, int], ...]
    exchange: int = 0
    exchange_counter: int = 0
    exchange_size: int = 0


@dataclass(frozen=True)
class LaidOut:
    """A file that is ready for rows: where those of each event go, and all else that is written; its bytes."""

    tables: Mapping[type, TablePlaces]
    layout: Layout
    image: bytes


@dataclass(frozen=True)
class Units:
    """The units of the source's level and of the photodiode's signal: V or A."""

    source: str
    photodiode: str


def lay_out(start: RunStart, capacity: Capacity, write_calibration: Callable[[h5py.Group], None]) -> LaidOut:
    """A whole file in memory, with room for every event that the capacity names."""

    def write(file: h5py.File) -> h5py.Group:
        entry = write_start(file, start)
        write_calibration(nx_group(entry, "calibration", "NXcollection"))
        return entry

    return lay_out_after(write, start.run_id, Units(start.source_unit, start.photodiode_unit), capacity)


def lay_out_after(write: Callable[[h5py.File], h5py.Group], run_id: str, units: Units, capacity: Capacity) -> LaidOut:
    """The same; ``write`` writes what is known before the run into the entry, which is there, and gives it."""
    rows = tuple(capacity.items())
    lay_out_tables = _tables_laid_out if least_size(capacity) <= LARGEST_KEPT else _tables_laid_out.__wrapped__
    with file_in_memory(lay_out_tables(rows, units)) as file:
        entry = write(file)
        recording = entry["recording"]
        entry.attrs["default"] = default_plot(entry)
        preallocated(recording, "run_id", np.array(storable(run_id).encode(), "S64"))
        seal(entry, known_before(entry), [*(table.name for table in tables_of(capacity)), "recording"])
        image = bytearray(image_of(file))
        tables = {table.event: _places(entry, table, units.source, image) for table in tables_in(entry)}
        return LaidOut(tables, _layout(entry, tables), bytes(image))


#: Tables of the run before are kept for the next one up to this size, bytes: the pixels of a batch have the same.
LARGEST_KEPT = 8 << 20


@lru_cache(2)
def _tables_laid_out(rows: tuple[tuple[type, int | Growing], ...], units: Units) -> bytes:
    """The image of a file with its tables, and nothing of one run yet; ``rows`` are the items of a capacity."""
    capacity = dict(rows)
    with file_in_memory() as file:
        entry = nx_group(file, "entry", "NXentry")
        recording = nx_group(entry, "recording", "NXcollection")
        recording.attrs["meaning"] = "number of rows written so far in each table; gone once the run is finished"
        recording.attrs["source_unit"] = units.source
        for table in tables_of(capacity):
            _lay_out_table(entry, recording, table, units, capacity)
        for name, size in ENDING.items():
            preallocated(entry, name, np.array(NO_ENDING[name].encode(), h5py.string_dtype("utf-8", size)))
        preallocated(recording, "ending_check", np.array(check_of(NO_ENDING), "<i8"))
        for table in tables_in(entry):
            if "flags" in entry[table.name]:
                write_flag_meanings(entry[table.name]["flags"])
        write_array(entry["spectra"], "wavelength", np.arange(380.0, 781.0), "nm", "wavelength in standard air")
        _lay_out_exchange(recording, capacity)
        return image_of(file)


def found_again(file: h5py.File, image: bytes) -> LaidOut:
    """The same from a file that was laid out so, whose first bytes are ``image``.

    :raises KeyError: it is finished, or was laid out by an older program.
    :raises ValueError: as :func:`acquire.run_file.growing.tree_of`.
    """
    entry = file["entry"]
    unit = str(entry["recording"].attrs["source_unit"])
    tables = {table.event: _places(entry, table, unit, image) for table in tables_in(entry)}
    return LaidOut(tables, _layout(entry, tables), image)


def _layout(entry: h5py.Group, tables: Mapping[type, TablePlaces]) -> Layout:
    recording = entry["recording"]
    ending = {name: entry[name].id.get_offset() for name in ENDING}
    ending["ending_check"] = recording["ending_check"].id.get_offset()
    mark = recording["run_id"]
    marks = ((mark.id.get_offset(), mark.dtype.itemsize), *((table.counter, 8) for table in tables.values()))
    if "exchange" not in recording:
        return Layout(ending, marks)
    room, counter = recording["exchange"], recording["exchange_bytes"]
    return Layout(ending, marks, room.id.get_offset(), counter.id.get_offset(), room.size)


def _lay_out_table(entry: h5py.Group, recording: h5py.Group, table: Table, units: Units, capacity: Capacity) -> None:
    group = entry.create_group(table.name)
    for key, value in table.attributes.items():
        group.attrs[key] = value
    columns, rows = columns_in(table.columns(units.source), units.photodiode), rows_of(table, capacity)
    numbers = [column for column in columns if column.is_number]
    others = [column for column in columns if not column.is_number]
    growth = capacity.get(table.event)
    most = growth.most if isinstance(growth, Growing) else None
    _numbers_side_by_side(recording, group, numbers, rows, most)
    for column in others:
        _column_by_itself(group, column, rows, most)
    write_column_names(recording[table.name], numbers, others)
    preallocated(recording, f"{table.name}_rows", np.zeros((), "<i8"))


def _places(entry: h5py.Group, table: Table, source_unit: str, image: bytes | bytearray) -> TablePlaces:
    """Where the rows of a table go. In an image that can be changed, its trees are made."""
    columns, block = table.columns(source_unit), entry["recording"][table.name]
    numbers = [column for column in columns if column.is_number]
    others = [(column, entry[table.name][column.name]) for column in columns if not column.is_number]
    pack, fetch = struct.Struct(f"<{len(numbers)}d").pack, _fetcher(numbers)
    places = [_place(block, lambda event: pack(*fetch(event)), image)]
    places += [_place(dataset, _packer(column, dataset), image) for column, dataset in others]
    counter = entry["recording"][f"{table.name}_rows"].id.get_offset()
    if block.chunks is None:
        return TablePlaces(len(block), len(block), tuple(places), counter)
    blank = [_blank_numbers(numbers, block.chunks[0]), *(np.full(d.chunks, c.fill, d.dtype) for c, d in others)]
    return TablePlaces(len(block), block.chunks[0], tuple(places), counter, b"".join(one.tobytes() for one in blank))


def _place(dataset: h5py.Dataset, pack: Callable[[Any], bytes], image: bytes | bytearray) -> Place:
    size = dataset.dtype.itemsize * (dataset.shape[1] if dataset.ndim > 1 else 1)
    repeats = dataset.dtype.kind == "S" and size <= LONGEST_REPEATED
    if dataset.chunks is None:
        return Place(dataset.id.get_offset(), size, pack, None, repeats)
    tree = plant_tree(image, dataset) if isinstance(image, bytearray) else tree_of(image, dataset)
    return Place(dataset.id.get_chunk_info(0).byte_offset, size, pack, tree, repeats)


def _lay_out_exchange(recording: h5py.Group, capacity: Capacity) -> None:
    """Room for exchanges and the counter of its bytes; nothing where there is none of it."""
    if size := capacity.get(Exchange, 0):
        preallocated(recording, "exchange", np.zeros(size, "u1"))
        preallocated(recording, "exchange_bytes", np.zeros((), "<i8"))


def _numbers_side_by_side(
    recording: h5py.Group, group: h5py.Group, columns: Sequence[Column], rows: int, most: int | None
) -> None:
    """One block for all numbers of a table, a row of it in one piece, and each column as a virtual data set on it.

    The last number of a row is its check. With ``most`` the block grows to so many rows.
    """
    fill, name = _blank_numbers(columns, max(rows, 1)), group.name.rsplit("/", 1)[-1]
    block = preallocated(recording, name, fill) if most is None else growing(recording, name, fill, most, np.nan)
    for index, column in enumerate(columns):
        describe(virtual_column(group, column.name, column.dtype, block, index), column.unit, column.meaning)


def _blank_numbers(columns: Sequence[Column], rows: int) -> np.ndarray[Any, Any]:
    return np.tile([*(float(column.fill) for column in columns), np.nan], (rows, 1))


def _fetcher(columns: Sequence[Column]) -> Callable[[Any], Sequence[Any]]:
    fetch = attrgetter(*(column.source for column in columns))
    return fetch if len(columns) > 1 else lambda event: (fetch(event),)


def _column_by_itself(group: h5py.Group, column: Column, rows: int, most: int | None) -> None:
    """A text or a spectrum."""
    shape = (max(rows, 1), WAVELENGTHS) if column.is_spectrum else (max(rows, 1),)
    values = np.full(shape, column.fill, dtype=column.dtype)
    name, fill = column.name, column.fill
    dataset = preallocated(group, name, values) if most is None else growing(group, name, values, most, fill)
    describe(dataset, column.unit, column.meaning)


def _packer(column: Column, dataset: h5py.Dataset) -> Callable[[Any], bytes]:
    """How an event becomes the bytes of a text or a spectrum."""
    size, fetch = dataset.dtype.itemsize, attrgetter(column.source)
    if column.is_spectrum:
        return lambda event: np.ascontiguousarray(fetch(event), dtype="<f8").tobytes()
    return lambda event: fit(str(fetch(event)), size)


@lru_cache(64)  # the same few words at every point
def fit(text: str, size: int) -> bytes:
    """UTF-8 in exactly ``size`` bytes, cut between characters, padded with NUL."""
    return storable(text, size).encode().ljust(size, b"\0")


COUNT = struct.Struct("<q").pack


CHECK = struct.Struct("<d").pack
