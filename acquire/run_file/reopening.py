"""A run file that was cut off, gone on with: the same record, every row where it was.

One that was not finished is gone on with as it is. One that was recovered meanwhile (its status is interrupted) is laid
out again as a growing file with the rows as they were recorded, and put in its place in one step, before it goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from acquire.records import Columns, Exchange, RunStatus
from acquire.run_file.checksums import row_check
from acquire.run_file.columns import ROWS
from acquire.run_file.exchange import Exchanges, Message, frame, size_of_recorded
from acquire.run_file.growing import end_of_file
from acquire.run_file.hdf5 import read_array, rows_in_file
from acquire.run_file.held import Held
from acquire.run_file.laying_out import LaidOut, TablePlaces, Units, found_again, lay_out_after
from acquire.run_file.layout import FORMAT_VERSION, Capacity, Table, known_before, tables_in, tables_of
from acquire.run_file.placing import locked_alone, name_beside, put_in_place
from acquire.run_file.read import ArchiveError, Run, _file, _first_line, _stamp, read_run
from acquire.run_file.recorded_rows import whole_of
from acquire.run_file.recorder import RecordingError, RunRecorder
from acquire.run_file.so_far import TableSoFar
from acquire.run_file.streamed import read_streamed, rows_of_streamed
from acquire.run_file.tables import counted_and_written, length


def reopen_run_file(path: Path, capacity: Capacity, exchanges: Exchanges | None = None) -> RunRecorder:
    """Go on recording in a run file that was cut off, behind its last whole row.

    ``capacity`` is that of its plan, for one that was finished meanwhile. The file says again that its run goes on.

    :raises ArchiveError: it is no run file, damaged, not one that can be gone on with, or its run is going on.
    :raises acquire.run_file.recorder.RecordingError: it cannot be written.
    """
    if path.is_symlink():
        raise ArchiveError(f"{path}: is a link; name the file itself, {path.resolve()}")
    run = read_run(path)
    _refuse_what_cannot_go_on(run)
    try:
        with locked_alone(path):
            if run.finished:
                _lay_out_again(path, run, capacity)
            laid_out, so_far, held, exchanged = _as_it_stands(path)
        stamp = _stamp(path)
        recorder = RunRecorder(path, laid_out, exchanges, so_far, held)
    except OSError as error:
        raise ArchiveError(
            f"{path}: is left alone: its run is still going on, or another program has it open ({_first_line(error)})"
        ) from error
    if _stamp(path) != stamp:
        recorder.let_go()
        raise ArchiveError(f"{path}: was changed by somebody else just now; nothing was written. Try again")
    try:
        recorder.go_on(exchanged)
    except RecordingError:
        recorder.let_go()
        raise
    return recorder


def _refuse_what_cannot_go_on(run: Run) -> None:
    """:raises ArchiveError: as :func:`reopen_run_file`."""
    if run.version[1] != FORMAT_VERSION[1]:
        raise ArchiveError(f"{run.path}: was written by {run.program}; go on with it with that program")
    if not run.resumable:
        raise ArchiveError(f"{run.path}: its experiment cannot be gone on with; start a new run")
    if run.finished and run.status is RunStatus.COMPLETED:
        raise ArchiveError(f"{run.path}: is complete ({run.stop_reason}); there is nothing to go on with")
    if run.integrity.damaged and run.finished:
        raise ArchiveError(f"{run.path}: is damaged, and nothing is added to it: {run.integrity}")


# --- a file that was not finished ----------------------------------------------------------------------------


def _as_it_stands(path: Path) -> tuple[LaidOut, dict[type, TableSoFar], Held, int]:
    """Where everything is in a file that was cut off, how far each table is written, what the file holds."""
    with _file(path) as file:
        entry = file["entry"]
        grown = {table.event: _segments_of(entry, table) for table in tables_in(entry)}
        begins = sorted((begin, size) for found, size in grown.values() for begin in found[1:])
        end = int.from_bytes(_bytes_of(path, *_end_of_file()), "little")
        head = min((begin for begin, _ in begins), default=end)
        laid_out = found_again(file, _bytes_of(path, 0, head))
        rows = {table.event: _rows_written(entry, table) for table in tables_in(entry)}
        exchanged = size_of_recorded(entry["recording"])
    if path.stat().st_size > end:  # what was begun behind it never was a part of the file
        os.truncate(path, end)
    so_far = {event: _so_far(laid_out.tables[event], rows[event], found) for event, (found, _) in grown.items()}
    return laid_out, so_far, _held(path, laid_out.image, begins, end, so_far.values()), exchanged


def _end_of_file() -> tuple[int, int]:
    offset, size = end_of_file(0)
    return offset, len(size)


def _bytes_of(path: Path, offset: int, size: int) -> bytes:
    """Bytes of a file.

    :raises OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        stream.seek(offset)
        return stream.read(size)


def _segments_of(entry: h5py.Group, table: Table) -> tuple[list[int], int]:
    """Where the segments of a table begin that grows, and the bytes of one; none of one that does not."""
    block = entry["recording"][table.name]
    if block.chunks is None:
        return [], 0
    columns = [entry[table.name][column.name] for column in table.columns("V") if not column.is_number]
    sizes = [dataset.dtype.itemsize * int(np.prod(dataset.chunks)) for dataset in (block, *columns)]
    number = min(rows_in_file(dataset) // dataset.chunks[0] for dataset in (block, *columns))
    begins = [block.id.get_chunk_info_by_coord((segment * block.chunks[0], 0)).byte_offset for segment in range(number)]
    return begins, sum(sizes)


def _rows_written(entry: h5py.Group, table: Table) -> int:
    """How many rows a table has; what a power cut dropped behind the last whole one is written again."""
    if table.streamed:
        return rows_of_streamed(entry, table)
    block = entry["recording"][table.name]
    there = rows_in_file(block)
    others = [read_array(entry[table.name], c.name, there) for c in table.columns("V") if not c.is_number]
    counted, written = counted_and_written(entry, table)
    whole = whole_of(read_array(entry["recording"], table.name, there), others)
    return max(max(whole, default=-1) + 1, min(counted, written, there))


def _so_far(places: TablePlaces, rows: int, begins: Sequence[int]) -> TableSoFar:
    if not begins:
        return TableSoFar(places, rows)
    present = min(rows // places.segment, len(begins) - 1)
    table = TableSoFar(places, rows, present, places.parts_from(begins[present]) if present else ())
    table.next_segment = begins[present + 1] if present + 1 < len(begins) else None
    return table


def _held(path: Path, head: bytes, begins: Sequence[tuple[int, int]], end: int, tables: Iterable[TableSoFar]) -> Held:
    """What the file holds; the segments that are written to are kept, of the others their checksums."""
    held = Held(head)
    filling = {begin for table in tables for begin in (table.begins[0], table.next_segment)}
    with path.open("rb") as stream:
        for begin, size in [*begins, (end, 0)]:
            if begin > held.size:  # laid out, and never said to be there
                held.add_full(begin - held.size, stream)
            if begin in filling:
                stream.seek(begin)
                held.add(stream.read(size))
            elif size:
                held.add_full(size, stream)
    return held


# --- a file that was finished --------------------------------------------------------------------------------


def _lay_out_again(path: Path, run: Run, capacity: Capacity) -> None:
    """Put a growing file with the rows of a recovered one in its place, in one step.

    :raises ArchiveError: it cannot be read, or the new file cannot be written: it stays as it is.
    """
    beside = name_beside(path)
    try:
        with _file(path) as old, _as_not_written(path, beside):
            laid_out = _laid_out_like(old, run, _with_room(capacity, run))
            recorder = _begun_in(beside, laid_out, _Exchanged(run) if run.exchange["time"].size else None)
            try:
                for table in tables_of(capacity):
                    for piece in _live_rows(old["entry"], run, table):
                        _take(recorder, table, run.source_unit, piece)
            finally:
                recorder.close()
                recorder.let_go()
        put_in_place(beside, path)
    finally:
        with suppress(OSError):
            beside.unlink()


def _begun_in(beside: Path, laid_out: LaidOut, exchanges: Exchanges | None) -> RunRecorder:
    """:raises acquire.run_file.recorder.RecordingError: the disk does not take it."""
    try:
        with beside.open("xb") as stream:
            stream.write(laid_out.image)
        return RunRecorder(beside, laid_out, exchanges)
    except OSError as error:
        raise RecordingError(f"{beside}: cannot be made ({error})") from error


@contextmanager
def _as_not_written(path: Path, beside: Path) -> Iterator[None]:
    """What the disk refuses of a copy ``beside``, as an error that says what becomes of the run file itself."""
    try:
        yield
    except RecordingError as error:
        why = _first_line(error).removeprefix(f"{beside}: ")
        raise ArchiveError(
            f"{path}: cannot be gone on with now, and stays as it is: its copy {beside.name} {why}; is the folder "
            "writable, the disk full?"
        ) from error


def _laid_out_like(old: h5py.File, run: Run, capacity: Capacity) -> LaidOut:
    def write(file: h5py.File) -> h5py.Group:
        for name in ("NX_class", "default", "creator", "format_version"):
            file.attrs[name] = old.attrs[name]
        entry = file["entry"]
        for name in (*known_before(old["entry"]), *({"remarks"} & set(old["entry"]))):
            old.copy(old["entry"][name], entry, name)
        return entry

    return lay_out_after(write, run.run_id, Units(run.source_unit, run.calibration.conditions.meter_unit), capacity)


def _with_room(capacity: Capacity, run: Run) -> Capacity:
    """A capacity with room for what a run has already."""
    room = dict(capacity)
    for table in tables_of(capacity):
        given, there = capacity.get(table.event, table.rows), run.rows.get(table.name, 0)
        there = there if table.streamed else length(run.tables[table.name])
        if isinstance(given, int) and table.event in capacity:
            room[table.event] = max(given, there)
    if run.exchange["time"].size:
        room[Exchange] = len(frame(run.exchanges, 0)) + int(capacity.get(Exchange, 0))  # type: ignore[arg-type]
    return room


class _Exchanged:
    """What was exchanged until a run was cut off."""

    def __init__(self, run: Run) -> None:
        self._messages = [*run.exchanges]

    def take(self) -> list[Message]:
        """All of it, once."""
        messages, self._messages = self._messages, []
        return list(messages)

    def stop(self) -> None:
        """There is nothing more."""


def _live_rows(entry: h5py.Group, run: Run, table: Table) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
    """The rows of a finished file as they were recorded, piece by piece."""
    live = entry.get(f"{table.name}_live", {})
    if not table.streamed:
        yield {**run.tables[table.name], **{name: live[name][()] for name in live}}
        return
    columns = table.columns(run.source_unit)
    for start in range(0, run.rows[table.name], ROWS):
        stop = min(start + ROWS, run.rows[table.name])
        rows = read_streamed(entry, table, columns, start, stop)
        yield {**rows, **{name: live[name][start:stop] for name in live}}


def _take(recorder: RunRecorder, table: Table, source_unit: str, piece: Columns) -> None:
    """Record the rows of a piece of a table."""
    columns = table.columns(source_unit)
    numbers = [column.name for column in columns if column.is_number]
    others = [column for column in columns if not column.is_number]

    def packed(start: int, stop: int, row: int) -> list[bytes]:
        texts = [np.ascontiguousarray(piece[one.name][start:stop], dtype=one.dtype) for one in others]
        block = np.full((stop - start, len(numbers) + 1), np.nan, "<f8")
        for index, name in enumerate(numbers):
            block[:, index] = piece[name][start:stop]
        for at in range(stop - start):
            parts = [block[at, :-1].tobytes(), *(text[at : at + 1].tobytes() for text in texts)]
            block[at, -1] = row_check(row + at, parts)
        return [block.tobytes(), *(text.tobytes() for text in texts)]

    recorder.take_rows(table.event, length(piece), packed)
