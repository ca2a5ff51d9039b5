"""Additions to a finished run file: a tag, an analysis, a resumed part. The raw data are never touched.

An addition is made in a copy, in memory or, of a file that is too large for that, beside it on the disk. The copy is
held against the file, and put in its place in one step: whoever is killed at whatever moment leaves the file as it was,
or the one with the addition, whole.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import h5py
from h5py import h5f, h5g

from acquire.run_file.analyses import PLACE as ANALYSES
from acquire.run_file.analyses import read_analyses
from acquire.run_file.checksums import (
    Written,
    checked_text,
    digest,
    put_checksum,
    with_file_checksum,
    write_checked_text,
    written_in,
)
from acquire.run_file.hdf5 import image_of, in_memory, read_only
from acquire.run_file.loaded import LARGEST, HeldGroup
from acquire.run_file.on_demand import on_demand
from acquire.run_file.placing import Waiting, name_beside, put_in_place, replace_file, turn_to_change
from acquire.run_file.read import (
    SUMMARY,
    ArchiveError,
    Run,
    _as_archive_error,
    _first_line,
    _stamp,
    refuse_newer,
    refuse_what_is_no_file,
    refuse_what_is_open_or_wrong,
    to_compute,
    whole,
)
from acquire.run_file.remarks import PLACE as REMARKS
from acquire.run_file.remarks import read_remarks
from acquire.run_file.summary import summary_from, summary_of, text_of
from acquire.run_file.unchanged import (
    Before,
    Inventory,
    Placed,
    Positions,
    before_addition,
    changed_bytes,
    changed_bytes_of_files,
)

#: From a run and the entry of its file to what writes an addition into that of a copy; None: nothing is to be added.
Change = Callable[[Run, HeldGroup], Callable[[h5py.Group], object] | None]


@dataclass(frozen=True)
class _Wish:
    """An addition: the member ``place`` of an entry, made by ``change``; the rest as for :func:`add`."""

    path: Path
    place: str
    change: Change
    grows: bool
    of_readings: bool


def add(
    path: Path,
    place: str,
    change: Change,
    waiting: Waiting | None = None,
    *,
    grows: bool = False,
    of_readings: bool = False,
) -> Run:
    """Make an addition to a finished run file, and give the run with it.

    ``change`` is called with the run and the entry of its file, to be read, and gives what writes into the entry of a
    copy. That may write the member ``place``, and no other; with ``grows``, only what was not there inside of it.
    ``of_readings``: the run is given without its own results where the file is known to be as it was written
    (:func:`acquire.run_file.read.readings`).

    Who else adds to the folder waits only while the file is read and replaced; where somebody else's addition came
    first, this one is made once more, to that file. One that a viewer has open, where that is in the way, is waited for
    as ``waiting`` says.

    :raises ArchiveError: nothing was added, and the file is as it was: it is no run file, not finished, damaged, or
        protected; ``change`` did more than it may; or the new file cannot be put in its place.
    """
    _refuse_what_is_no_place(path)
    wish = _Wish(path, place, change, grows, of_readings)
    try:
        for _ in range(_TRIES):
            added = _added_on_disk if path.stat().st_size > LARGEST else _added_in_memory
            if (run := added(wish, waiting)) is not None:
                return run
    except OSError as error:
        raise ArchiveError(
            f"{path}: nothing was added, and it is as it was ({_first_line(error)}); close other programs that have it "
            "open, or make room on the disk, and try again"
        ) from error
    raise ArchiveError(f"{path}: was changed by somebody else meanwhile; nothing was added. Try again")


#: So often an addition is made where somebody else's comes first.
_TRIES = 10


def _added_in_memory(wish: _Wish, waiting: Waiting | None) -> Run | None:
    """The run with an addition; None where somebody else changed the file meanwhile."""
    path = wish.path
    with turn_to_change(path, waiting):
        stamp, content = _stamp(path), path.read_bytes()
    written = written_in(content)
    image = content if written is None else written.image
    with _opened(path, lambda: in_memory(image)) as copy:
        run, added = _made(wish, copy, written)
        if added is None:
            return run
        new = image_of(h5py.File(copy))
    with _reading_again(path), read_only(new) as after:
        changed, content_at = changed_bytes(image, new), lambda begin, size: new[begin : begin + size]
        before = _require(wish, after, added, changed, content_at, lambda: read_only(image))
    if run.integrity.verifiable:
        new = with_file_checksum(new, before.for_good)
    with turn_to_change(path, waiting):
        if _stamp(path) != stamp:
            return None
        replace_file(path, new, like=path, waiting=waiting)
    return added.run


#: So much room must be left on the disk once a copy is there, bytes: HDF5 cannot be relied on where there is none.
_ROOM = 64 << 20


def _added_on_disk(wish: _Wish, waiting: Waiting | None) -> Run | None:
    """The same of a file that no memory needs to hold, nor two columns of it."""
    path, beside = wish.path, name_beside(wish.path)
    try:
        with turn_to_change(path, waiting):
            stamp = _stamp(path)
            if shutil.disk_usage(path.parent).free < path.stat().st_size + _ROOM:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path.parent))
            shutil.copyfile(path, beside)
            beside.chmod(stat.S_IMODE(path.stat().st_mode))
        with _opened(path, lambda: _on_disk(beside, "r+")) as copy:
            run, added = _made(wish, copy, None)
        if added is None:
            return run
        with _reading_again(path), _on_disk(beside, "r") as after, beside.open("rb") as content:
            changed = changed_bytes_of_files(path, beside)
            _require(wish, after, added, changed, partial(_bytes_of, content), lambda: _on_disk(path, "r"))
        with beside.open("r+b") as stream:
            os.fsync(stream.fileno())
        with turn_to_change(path, waiting):
            if _stamp(path) != stamp:
                return None
            put_in_place(beside, path, waiting)
        return added.run
    finally:
        beside.unlink(missing_ok=True)


def _refuse_what_is_no_place(path: Path) -> None:
    """:raises ArchiveError: there is no file, it is a link, or protected against being changed."""
    if path.is_symlink():
        raise ArchiveError(f"{path}: is a link; name the file itself, {path.resolve()}")
    with _as_archive_error(path):
        refuse_what_is_no_file(path)
        if not path.stat().st_mode & stat.S_IWUSR:
            raise ArchiveError(
                f"{path}: is protected against being changed; nothing was added. Lift the protection first"
            )


@contextmanager
def _opened(path: Path, opened: Callable[[], AbstractContextManager[h5f.FileID]]) -> Iterator[h5f.FileID]:
    """A run file, opened; what goes wrong inside is an error that names it.

    :raises ArchiveError: it is no run file of this program.
    """
    with _as_archive_error(path), opened() as file:
        yield file


@contextmanager
def _on_disk(path: Path, mode: str) -> Iterator[h5f.FileID]:
    with h5py.File(path, mode, locking=False) as file:
        yield file.id


@dataclass(frozen=True)
class _Added:
    """What a copy must hold: what was there, what was added, with its checksum, the summary; and the run with it."""

    before: Before
    checksum: str
    placed: Placed
    summary: str
    run: Run


def _made(wish: _Wish, file: h5f.FileID, written: Written | None) -> tuple[Run, _Added | None]:
    """Make an addition in a copy: the run as it was, and what there is then; None where nothing is to be added.

    ``written``: the file and what stands behind it, where it is known to be as it was written.

    :raises ArchiveError: as :func:`add`.
    """
    root, copy = on_demand(file), h5py.File(file)
    refuse_newer(wish.path, root)
    read = to_compute if wish.of_readings else whole
    run = read(wish.path, root if written else copy, as_written=written is not None)
    refuse_what_is_open_or_wrong(run, "added")
    entry = h5py.Group(h5g.open(file, b"entry"))
    try:
        if (write := wish.change(run, root["entry"])) is None:
            return run, None
        known = Inventory.of_text(written.inventory) if written else None
        before = before_addition(root, wish.place, known, grows=wish.grows)
        write(entry)
    except ArchiveError:
        raise
    except Exception as error:  # whatever an analysis meets, the file stays
        raise ArchiveError(f"{run.path}: nothing was added ({type(error).__name__}: {_first_line(error)})") from error
    with _reading_again(run.path):
        member = entry[wish.place]
        placed = Placed(member.id)
        checksum = digest(member, kept=placed)
        put_checksum(entry, wish.place, checksum)
        after = _with(run, wish.place, on_demand(file)["entry"])
        summary = checked_text(root, SUMMARY)
        if summary is None or after.remarks != run.remarks:
            said = summary_of(after) if summary is None else summary_from(run.path, summary)
            summary = text_of(replace(said, tags=after.tags, comments=after.comments))
            write_checked_text(copy, SUMMARY, summary)
    return run, _Added(before, checksum, placed, summary, after)


def _with(run: Run, place: str, entry: HeldGroup) -> Run:
    """The run with what is said of it in an entry with this member."""
    if place == REMARKS:
        return replace(run, remarks=read_remarks(entry))
    return replace(run, analyses=read_analyses(entry)) if place == ANALYSES else run


def _bytes_of(stream: BinaryIO, begin: int, size: int) -> bytes:
    stream.seek(begin)
    return stream.read(size)


def _require(
    wish: _Wish,
    file: h5f.FileID,
    added: _Added,
    changed: Positions,
    content: Callable[[int, int], bytes],
    opened: Callable[[], AbstractContextManager[h5f.FileID]],
) -> Before:
    """See that a copy holds what was there and what was added; what was there.

    Should it differ from what stands behind the file, that is made anew of the file as it was, ``opened``: another
    version of HDF5 may count headers otherwise.

    :raises ArchiveError: something else is found in the copy.
    """
    after, before = on_demand(file), added.before
    if what := before.difference(after, changed):
        with opened() as old:
            before = before_addition(on_demand(old), wish.place, None, grows=wish.grows)
            what = before.difference(after, changed)
    if what:
        raise ArchiveError(
            f"{wish.path}: something else than {wish.place} would have changed ({what}); nothing was added"
        )
    is_right = added.placed.are_in(content) and checked_text(after, SUMMARY) == added.summary
    if added.placed.elsewhere:
        is_right &= digest(h5py.Group(h5g.open(file, b"entry"))[wish.place]) == added.checksum
    if not is_right:
        raise ArchiveError(f"{wish.path}: nothing was added: the copy is not what was written into it")
    return before


@contextmanager
def _reading_again(path: Path) -> Iterator[None]:
    """:raises ArchiveError: what was changed inside cannot be read, whatever h5py meets it with."""
    try:
        yield
    except Exception as error:
        why = _first_line(error).removeprefix(f"{path}: ")
        raise ArchiveError(f"{path}: nothing was added, it could not be read then ({why})") from error
