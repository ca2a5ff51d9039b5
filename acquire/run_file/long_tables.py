"""Tables of a finished file that are written piece by piece: final values, and the live ones beside them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from acquire.records import LIFETIME_DERIVED, Columns
from acquire.run_file.checksums import digest
from acquire.run_file.columns import segments
from acquire.run_file.hdf5 import make_scales, nx_group
from acquire.run_file.late import give_places, late_column, put_values
from acquire.run_file.layout import TABLES, Column, Table, columns_in, write_flag_meanings
from acquire.run_file.placing import Content
from acquire.run_file.read import ArchiveError, Run, _stamp

#: Columns whose live values stay beside the final ones, in a group named after the table, by table.
LIVE: Mapping[str, tuple[str, ...]] = {
    "lifetime": tuple(f"{name}{ending}" for name in LIFETIME_DERIVED for ending in ("", "_uncertainty"))
}

#: From the live values of a piece of a table to its final ones; what is not in it stays as it is.
FinalPiece = Callable[[Columns], Columns]


@dataclass
class LongTables:
    """The long tables of a file that is laid out, and what is to be written into them.

    ``checksums``: what stands in their place until the values are there.
    """

    final: Mapping[str, FinalPiece]
    columns: dict[str, h5py.Dataset] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)

    def content(self, image: bytes, source: Path) -> Content:
        """The whole new file: what is in memory of it, and the rows of the file at ``source``."""
        if not self.columns:
            return image
        content = bytearray(image)
        places, before = give_places(content, self.columns), _stamp(source)
        begins = {name: content.index(text.encode()) for name, text in self.checksums.items()}

        def write(stream: BinaryIO) -> None:
            stream.write(content)
            for table in {name.partition("/")[0] for name in places} & {table.name for table in TABLES}:
                self._write_rows(stream, source, table, places)
            stream.flush()
            with h5py.File(stream, "r") as file:
                found = {name: digest(file["entry"][name]) for name in begins}
            for name, begin in begins.items():
                stream.seek(begin)
                stream.write(found[name].encode())
            if _stamp(source) != before:
                raise ArchiveError(f"{source}: was changed by somebody else while it was finished; stays as it is")

        return write

    def _write_rows(self, stream: BinaryIO, source: Path, table: str, places: Mapping[str, int]) -> None:
        row = 0
        for live in segments(source, table):
            for name, place, values in self._parts(table, live, places):
                put_values(stream, place, row, values.astype(self.columns[name].dtype, copy=False))
            row += len(next(iter(live.values())))

    def _parts(self, table: str, live: Columns, places: Mapping[str, int]) -> Iterator[tuple[str, int, Any]]:
        final = {**live, **self.final[table](live)} if table in self.final else live
        for name, place in places.items():
            group, _, column = name.partition("/")
            if group == table:
                yield name, place, final[column]
            elif group == f"{table}_live":
                yield name, place, live[column]


def lay_out_long_tables(entry: h5py.Group, run: Run, final: Mapping[str, FinalPiece] | None = None) -> LongTables:
    """The long tables of a run in a file that is about to be finished; the values follow."""
    long = LongTables(final or {})
    for table in TABLES:
        if table.streamed and (rows := run.rows.get(table.name, 0)):
            _lay_out(entry, table, rows, run, long)
    return long


def _lay_out(entry: h5py.Group, table: Table, rows: int, run: Run, long: LongTables) -> None:
    group, live = entry.create_group(table.name), LIVE.get(table.name, ())
    for name, value in table.attributes.items():
        group.attrs[name] = value
    columns = columns_in(table.columns(run.source_unit), run.calibration.conditions.meter_unit)
    _columns(group, columns, rows, long)
    if "flags" in group:
        write_flag_meanings(group["flags"])
    make_scales(group, table.scales)
    if live:
        beside = nx_group(entry, f"{table.name}_live", "NXcollection", revision=0)
        beside.attrs["meaning"] = "derived values as shown while the run went on"
        _columns(beside, [column for column in columns if column.name in live], rows, long)
        group.attrs["revision"], group.attrs["parent"] = 1, f"/entry/{table.name}_live"


def _columns(group: h5py.Group, columns: list[Column], rows: int, long: LongTables) -> None:
    name = group.name.rpartition("/")[2]
    for column in columns:
        dataset = late_column(group, column.name, column.dtype, rows, column.unit, column.meaning)
        long.columns[f"{name}/{column.name}"] = dataset
    long.checksums[name] = f"sha256:{secrets.token_hex(32)}"
