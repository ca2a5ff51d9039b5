"""The run file while it grows.

The whole HDF5 file is laid out before the output goes on (:mod:`acquire.run_file.laying_out`). HDF5 then closes it, and
from there on each row is written with plain positioned writes into the places already set aside. So the file is a
valid, complete HDF5 file at every moment, whatever happens to the process; a full disk shows before the first volt;
and a point costs microseconds. A row carries a check of its own and counts once it is whole; the counter behind it
says so too.

A table whose rows are not known beforehand grows by segments (:mod:`acquire.run_file.growing`): the next one is laid
out when the one before is half full, so that a full disk shows while there is still room for what is read next.

The file may be deleted, renamed, cut off or replaced while the run goes on. The recorder looks once a second whether
what it wrote still stands under its name, and keeps in memory what it needs to write the file anew (of segments that
are full their checksums: their rows are read from the file that it has open, whatever its name).

:func:`acquire.run_file.finish.finish` trims the tables and adds the final results, after a clean end and after a crash.
"""

from __future__ import annotations

import math
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import h5py

from acquire.config.yaml_source import LARGEST_LONG_RUN_FILE, LARGEST_RUN_FILE
from acquire.records import Event, ExposureSample, Note, RunStart, RunStop, Spectrum
from acquire.run_file.checksums import row_check
from acquire.run_file.exchange import Exchanges, frame
from acquire.run_file.growing import end_of_file
from acquire.run_file.held import Held
from acquire.run_file.laying_out import CHECK, COUNT, LaidOut, fit, largest_table, lay_out, least_size, most_size
from acquire.run_file.layout import ENDING, NO_ENDING, Capacity, check_of
from acquire.run_file.placing import lock_shared, replace_file_and_lock
from acquire.run_file.so_far import TableSoFar

SYNC_INTERVAL = 1.0  # s, the most that a power cut may cost
EXCHANGE_INTERVAL = 0.02  # s; what is exchanged at points that come faster is written together: no bench is so fast
PIECE = 1 << 14  # bytes; what Linux is given at once it keeps as one page, and ext4 looks at all of that for each row
EXCHANGE_FULL = "the room for what is sent and received is full: what follows is not in /entry/exchange"


class RecordingError(Exception):
    """The run file cannot be made or written; the message says which file and why."""


def create_run_file(
    path: Path,
    start: RunStart,
    capacity: Capacity,
    write_calibration: Callable[[h5py.Group], None],
    exchanges: Exchanges | None = None,
) -> RunRecorder:
    """Lay out a new run file and open it for recording, what ``exchanges`` gives included.

    :raises RecordingError: the file exists, the folder cannot be written, or the disk has no room for it; nothing
        is left behind then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"{path.parent}: the folder cannot be made ({error})") from error
    if os.path.lexists(path):
        raise RecordingError(f"{path}: exists already; a run file is never overwritten")
    if (size := least_size(capacity)) > LARGEST_RUN_FILE:
        raise RecordingError(
            f"{path}: would be larger than a run file may be ({size >> 20} of {LARGEST_RUN_FILE >> 20} MB); "
            f"{_advice(capacity)}"
        )
    if (size := most_size(capacity)) > LARGEST_LONG_RUN_FILE:
        raise RecordingError(
            f"{path}: could grow larger than a run file may be ({size >> 20} of {LARGEST_LONG_RUN_FILE >> 20} MB); "
            f"{_advice(capacity)}"
        )
    try:
        laid_out = lay_out(start, capacity, write_calibration)
        with replace_file_and_lock(path, lambda stream: stream.writelines(_pieces(laid_out.image)), new=True):
            return RunRecorder(path, laid_out, exchanges)
    except FileExistsError as error:
        raise RecordingError(f"{path}: exists already; a run file is never overwritten") from error
    except ValueError as error:
        raise RecordingError(f"{path}: a text of the configuration does not fit into a file ({error})") from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be made ({error}); is the folder writable, the disk full?") from error


def _pieces(data: bytes) -> Iterator[bytes]:
    """Bytes in pieces of :data:`PIECE`."""
    return (data[begin : begin + PIECE] for begin in range(0, len(data), PIECE))


def _advice(capacity: Capacity) -> str:
    """What makes a file smaller: less of what takes the most room in it."""
    what = largest_table(capacity)
    if what is ExposureSample:
        return "plan a longer spectra.sample_every, or fewer spectra"
    return "plan fewer spectra" if what is Spectrum else "plan readings farther apart, or an earlier end"


#: So many rows of a short text are written at once.
ROWS_AHEAD = 256


class RunRecorder:
    """Writes the events of one run into the places that :func:`create_run_file` set aside.

    ``lost``: why what was written does not stand in the file any more; empty as long as it does. ``refused``: the
    file may hold half of a row, because it took no more.
    """

    def __init__(
        self,
        path: Path,
        laid_out: LaidOut,
        exchanges: Exchanges | None = None,
        so_far: Mapping[type, TableSoFar] | None = None,
        held: Held | None = None,
    ) -> None:
        self.path = path
        self.lost = ""
        self._layout = laid_out.layout
        self._held = held or Held(laid_out.image)  # what the file holds
        self.refused = False
        self._tables = so_far or {event: TableSoFar(places) for event, places in laid_out.tables.items()}
        self._exchanges = exchanges
        self._exchanged = 0  # bytes
        self._exchange_due = -math.inf
        self._file = path.open("r+b", buffering=0)
        self._descriptor = self._file.fileno()
        self._closed = False
        self._write = _positioned_writer()
        self._synced = time.monotonic()
        try:
            lock_shared(self._descriptor)
            self.sync()
        except BaseException:
            self._file.close()  # an open file cannot be removed on Windows
            raise

    def __call__(self, event: Event) -> None:
        """Record one event; when this returns, the event survives the end of the process.

        :raises RecordingError: the table is full, the file cannot be written, or is not there any more.
        """
        if isinstance(event, RunStart):  # the file was laid out from it
            return
        if isinstance(event, RunStop):
            self.conclude(event)
            return
        table = self._tables[type(event)]
        row = table.rows
        if row >= table.until:
            self._turn_to_next_segment(table, type(event))
        parts = [place.pack(event) for place in table.places]
        parts[0] += CHECK(row_check(row, parts))
        now = time.monotonic()
        try:
            if now > self._exchange_due:
                self._exchange_due = now + EXCHANGE_INTERVAL
                self._put_exchanges()
            for index, place in table.beside:
                if not place.repeats:
                    self._put(table.offsets[index] + row * place.size, parts[index])
                elif parts[index] != table.ahead[index][0] or row >= table.ahead[index][1]:
                    self._put_ahead(table, index, parts[index])
            # the numbers last, with the check of the whole row
            self._put(table.offsets[0] + row * table.places[0].size, parts[0])
            self._put(table.counter, COUNT(row + 1))
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written ({error}); all rows so far are kept") from error
        table.rows = row + 1
        if row == table.half:
            self._lay_out_next(table)
        if now - self._synced > SYNC_INTERVAL:
            self.sync()

    def _put_ahead(self, table: TableSoFar, index: int, text: bytes) -> None:
        """A short text of the present row, and of those that follow: mostly it is the same in them.

        Only the counter, and its numbers, make a row of what stands there.

        :raises OSError: the file did not take it all.
        """
        row = table.rows
        until = min(row + ROWS_AHEAD, table.until)
        self._put(table.offsets[index] + row * len(text), text * (until - row))
        table.ahead[index] = text, until

    def take_rows(self, event: type, rows: int, packed: Callable[[int, int, int], Sequence[bytes]]) -> None:
        """Record many rows at once, from another file of the same run.

        ``packed(start, stop, row)``: the parts of these of them, which become the rows from ``row`` on.

        :raises RecordingError: as for an event.
        """
        table, start = self._tables[event], 0
        while start < rows:
            if table.rows >= table.until:
                self._turn_to_next_segment(table, event)
            stop = min(rows, start + table.until - table.rows)
            try:
                for offset, place, part in zip(
                    table.offsets, table.places, packed(start, stop, table.rows), strict=True
                ):
                    self._put(offset + table.rows * place.size, part)
                table.rows += stop - start
                self._put(table.counter, COUNT(table.rows))
            except OSError as error:
                raise RecordingError(f"{self.path}: cannot be written ({error})") from error
            start = stop
        if table.rows > table.half >= 0:
            self._lay_out_next(table)

    def go_on(self, exchanged: int) -> None:
        """Say of a file whose run had ended, or was cut off, that it goes on, with as many rows as are whole.

        ``exchanged``: bytes of what was exchanged so far.

        :raises RecordingError: the file cannot be written.
        """
        self._exchanged = exchanged
        try:
            for offset, data in self._ending_as(NO_ENDING):
                self._put(offset, data)
            for table in self._tables.values():
                self._put(table.counter, COUNT(table.rows))
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written ({error})") from error
        self.sync()

    def rows(self, event: type) -> int:
        """How many rows of this event are in the file."""
        return self._tables[event].rows

    # --- tables that grow

    def _turn_to_next_segment(self, table: TableSoFar, event: type) -> None:
        """Go on in the segment that was laid out when the one before was half full.

        :raises RecordingError: there is none, and none can be laid out.
        """
        if table.until >= table.capacity:
            raise RecordingError(
                f"{self.path}: no room for more than {table.capacity} rows of {event.__name__}; "
                "all rows so far are kept"
            )
        if table.next_segment is None:
            self._lay_out_next(table)
        self._held.fill_up(table.turn_to_next())

    def _lay_out_next(self, table: TableSoFar) -> None:
        """Lay out one more segment, step by step, each on the disk before the next.

        :raises RecordingError: the disk is full, or refuses; the file is as it was.
        """
        if table.last_segment or table.next_segment is not None:
            return
        start, refused = self._held.add(table.blank), self.refused
        table.next_segment = start
        try:
            self._put_and_sync([(start, table.blank)])
        except OSError as error:
            table.next_segment = None
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._held.take_back())
                self.refused = refused  # the file is as it was
            raise RecordingError(
                f"{self.path}: there is no room for the next {table.segment} rows ({error}); all rows so far are kept"
            ) from error
        try:
            self._put_and_sync([end_of_file(self._held.size)])
            for writes in table.additions(start):
                self._put_and_sync(writes)
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written ({error}); all rows so far are kept") from error

    def _put_and_sync(self, writes: Sequence[tuple[int, bytes]]) -> None:
        """:raises OSError: the file did not take it."""
        for offset, data in writes:
            for number, piece in enumerate(_pieces(data)):
                self._put(offset + number * PIECE, piece)
        os.fsync(self._descriptor)

    def _put(self, offset: int, data: bytes) -> None:
        """Write into the file, then into the copy; only there once the file belongs to somebody else.

        :raises OSError: the file did not take it all.
        """
        size = len(data)
        try:
            written = size if self.lost else self._write(self._descriptor, data, offset)
            if written != size:
                raise OSError(f"{written} of {size} bytes were taken; the disk may be full")
        except OSError:
            self.refused = True
            raise
        self._held.put(offset, data)

    def _put_exchanges(self) -> None:
        """Write what was exchanged with the instruments since the last time, as far as there is room for it."""
        if self._exchanges is None or not (taken := self._exchanges.take()):
            return
        content = frame(taken, self._exchanged)
        end = self._exchanged + len(content)
        if end <= self._layout.exchange_size:
            self._put(self._layout.exchange + self._exchanged, content)
            self._exchanged = end
            return
        self._exchanges.stop()
        self._exchanges = None
        if self.has_room(Note):
            self(Note(taken[-1][0], EXCHANGE_FULL))

    def has_room(self, event: type) -> bool:
        """Whether one more event of this type fits."""
        return self._tables[event].rows < self._tables[event].capacity

    def conclude(self, stop: RunStop) -> None:
        """Write how the run ended into its file, which is not finished yet: finishing may fail, or never come.

        :raises RecordingError: the file cannot be written, or does not hold what was written.
        """
        problem: Exception | None = None
        try:
            self._put_exchanges()
        except (OSError, RecordingError) as error:  # the ending matters more
            problem = error
        for offset, data in self._ending_of(stop):
            try:
                self._put(offset, data)
            except OSError as error:  # the others say something even so
                problem = error
        if problem:
            raise RecordingError(f"{self.path}: its ending cannot all be written ({problem}); all rows are kept")
        self.sync()
        if not self.refused and not self.stands():
            self._lose("was changed by somebody else")

    def _ending_of(self, stop: RunStop) -> list[tuple[int, bytes]]:
        return self._ending_as({"stop_reason": stop.reason, "end_time": stop.end_time, "status": str(stop.status)})

    def _ending_as(self, texts: Mapping[str, str]) -> list[tuple[int, bytes]]:
        places = [(self._layout.ending[name], fit(texts[name], size)) for name, size in ENDING.items()]
        return [*places, (self._layout.ending["ending_check"], COUNT(check_of(texts)))]

    def sync(self) -> None:
        """Push everything to the disk, against a power cut, and look whether it still stands under its name.

        :raises RecordingError: the system refuses, or it does not; :attr:`lost` then says why.
        """
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written to the disk ({error})") from error
        if reason := self.lost or self._why_lost():
            self._lose(reason)
        if self._exchanged:
            self._count_exchanged()
        self._synced = time.monotonic()

    def _count_exchanged(self) -> None:
        """Say how much of what was exchanged is on the disk; what comes behind counts by its own checks."""
        try:
            self._put(self._layout.exchange_counter, COUNT(self._exchanged))
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written ({error}); all rows so far are kept") from error

    def _lose(self, reason: str) -> None:
        self.lost = reason
        raise RecordingError(f"{self.path}: the run file {reason} while the run went on")

    def close(self) -> None:
        """Sync and let go of the file; it stays valid and unfinished until :func:`acquire.run_file.finish.finish`.

        One that may have to be written anew from what this process has open is held until :meth:`let_go`.

        :raises RecordingError: something of it cannot be written any more.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if not self.lost:
                self._put_exchanges()
                self.sync()
        except OSError as error:
            raise RecordingError(f"{self.path}: the last exchanges cannot be written ({error})") from error
        finally:
            if (
                self._held.all_in_memory or sys.platform == "win32"
            ):  # where an open file is neither removed nor replaced
                self.let_go()

    def let_go(self) -> None:
        """Close the file for good."""
        self._closed = True
        self._file.close()

    # --- whether the file is still the one that is written

    def stands(self) -> bool:
        """Whether the file of this name holds what was recorded, to the last byte."""
        try:
            if self.path.is_symlink() or self.path.stat().st_size != self._held.size:
                return False
            with self.path.open("rb", buffering=0) as file:
                return self._held.is_in(file)
        except OSError:
            return False

    def _why_lost(self) -> str:
        size = os.fstat(self._descriptor).st_size
        if size != self._held.size:
            return f"was changed from {self._held.size} to {size} bytes"
        if not self._is_this_run(self._descriptor):
            return "was overwritten by somebody else"
        try:
            there = self.path.lstat()
        except FileNotFoundError:
            return "was deleted or renamed"
        except OSError:  # a share that is away for a moment: what is written tells whether it stays away
            return ""
        mine = os.fstat(self._descriptor)
        if mine.st_ino and (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
            return ""
        return "" if stat.S_ISREG(there.st_mode) and self._is_a_name_of_it() else "was replaced by something else"

    def _is_a_name_of_it(self) -> bool:
        """Whether the file of this name has the marks of this run: not every network share numbers files for good."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(self.path, flags)
        except OSError:
            return True  # as above
        try:
            return os.fstat(descriptor).st_size == self._held.size and self._is_this_run(descriptor)
        finally:
            os.close(descriptor)

    def _is_this_run(self, descriptor: int) -> bool:
        """Whether a file has this run's identity and as many rows as were written."""
        return all(
            _read_at(descriptor, size, offset) == self._held.head(offset, size) for offset, size in self._layout.marks
        )

    def write_anew(self, stop: RunStop) -> Path:
        """Write all that was recorded, and how the run ended, into a new file beside the lost one.

        What of a long run is nowhere any more, because the lost file was overwritten in place, is blank there.

        :raises RecordingError: there is no place for it, not even in the folder for temporary files.
        """
        for offset, data in self._ending_of(stop):
            self._held.put(offset, data)
        try:
            self.path = self._written_anew()
        finally:
            self.let_go()
        return self.path

    def _write_all_held(self, stream: BinaryIO) -> None:
        stream.writelines(self._held.contents(self._file))

    def _written_anew(self) -> Path:
        problem: OSError | None = None
        for folder in (self.path.parent, Path(tempfile.gettempdir())):
            path = _name_beside(folder / self.path.name)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with replace_file_and_lock(path, self._write_all_held, new=True):
                    return path
            except OSError as error:
                problem = error
        raise RecordingError(f"{self.path}: what was recorded could not be written anew ({problem})")


def _name_beside(path: Path) -> Path:
    """A name for what was saved of a run, after that of its file; one that stands for nothing yet."""
    head, line, tail = path.stem.rpartition("_")
    for number in range(1, 100):
        mark = "-saved" if number == 1 else f"-saved-{number}"
        name = path.with_name(f"{head}{mark}{line}{tail}{path.suffix}" if line else f"{tail}{mark}{path.suffix}")
        if not os.path.lexists(name):
            return name
    return path


def _read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Bytes of an open file; empty where it cannot be read. Every write says itself where it goes."""
    try:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)
    except OSError:
        return b""


def _positioned_writer() -> Callable[[int, bytes, int], int]:
    """``write(descriptor, data, offset)``: pwrite where the system has it, seek and write elsewhere (Windows)."""
    if hasattr(os, "pwrite"):
        write: Callable[[int, bytes, int], int] = os.pwrite
        return write

    def seek_and_write(descriptor: int, data: bytes, offset: int) -> int:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)

    return seek_and_write
