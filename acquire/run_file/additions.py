"""Additions to a finished run file: a tag, an analysis, a resumed part. The raw data are never touched.

An addition is made in a copy, in memory or, of a file that is too large for that, beside it on the disk. The copy is
held against the file, member by member, and put in its place in one step: whoever is killed at whatever moment leaves
the file as it was, or the one with the addition, whole.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py

from acquire.run_file.analyses import read_analyses
from acquire.run_file.checksums import PLACE, checked_text, digests, reseal, sealed
from acquire.run_file.hdf5 import image_of
from acquire.run_file.layout import FORMAT_VERSION
from acquire.run_file.loaded import LARGEST
from acquire.run_file.placing import Waiting, name_beside, put_in_place, replace_file, turn_to_change
from acquire.run_file.read import (
    SUMMARY,
    ArchiveError,
    Run,
    _as_archive_error,
    _at_one_go,
    _first_line,
    _refuse_newer,
    _stamp,
    _whole,
    refuse_what_is_no_file,
)
from acquire.run_file.remarks import read_remarks
from acquire.run_file.summary import summary_of, text_of, write_summary

#: Makes an addition to the entry of a run, and says whether there was anything to be added.
Change = Callable[[Run, h5py.Group], bool]


def add(path: Path, places: Collection[str], change: Change, waiting: Waiting | None = None) -> Run:
    """Make an addition to a finished run file, and give the run with it.

    ``change`` is called with the run and the entry of a copy of its file, and says whether it changed anything. It may
    write the members of the entry that ``places`` names, and no others; each gets its checksum. Who else adds to the
    folder waits only while the file is read and replaced; where somebody else's addition came first, this one is made
    once more, to that file. One that a viewer has open, where that is in the way, is waited for as ``waiting`` says.

    :raises ArchiveError: nothing was added, and the file is as it was: it is no run file, not finished, damaged, or
        protected; ``change`` did more than it may; or the new file cannot be put in its place.
    """
    _refuse_what_is_no_place(path)
    try:
        for _ in range(_TRIES):
            added = _added_on_disk if path.stat().st_size > LARGEST else _added_in_memory
            if (run := added(path, places, change, waiting)) is not None:
                return run
    except OSError as error:
        raise ArchiveError(
            f"{path}: nothing was added, and it is as it was ({_first_line(error)}); close other programs that have it "
            "open, or make room on the disk, and try again"
        ) from error
    raise ArchiveError(f"{path}: was changed by somebody else meanwhile; nothing was added. Try again")


#: So often an addition is made where somebody else's comes first.
_TRIES = 10


def _added_in_memory(path: Path, places: Collection[str], change: Change, waiting: Waiting | None) -> Run | None:
    """The run with an addition; None where somebody else changed the file meanwhile."""
    with turn_to_change(path, waiting):
        stamp, image = _stamp(path), path.read_bytes()
    with _open_copy(path, lambda: h5py.File.in_memory(image)) as copy:
        addition = _made(copy, places, change)
        content = b"" if addition is None else image_of(copy.file)
    if addition is None:
        return copy.run
    with _reading_again(path), _open_copy(path, lambda: h5py.File.in_memory(content)) as copy:
        found = _found(copy, places)
    addition.require(path, found, places)
    with turn_to_change(path, waiting):
        if _stamp(path) != stamp:
            return None
        replace_file(path, content, like=path, waiting=waiting)
    return copy.run


#: So much room must be left on the disk once a copy is there, bytes: HDF5 cannot be relied on where there is none.
_ROOM = 64 << 20


def _added_on_disk(path: Path, places: Collection[str], change: Change, waiting: Waiting | None) -> Run | None:
    """The same of a file that no memory needs to hold, nor two columns of it."""
    beside = name_beside(path)
    try:
        with turn_to_change(path, waiting):
            stamp = _stamp(path)
            if shutil.disk_usage(path.parent).free < path.stat().st_size + _ROOM:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path.parent))
            shutil.copyfile(path, beside)
            beside.chmod(stat.S_IMODE(path.stat().st_mode))
        with _open_copy(path, lambda: h5py.File(beside, "r+", locking=False)) as copy:
            addition = _made(copy, places, change)
        if addition is None:
            return copy.run
        with _reading_again(path), _open_copy(path, lambda: h5py.File(beside, "r", locking=False)) as copy:
            found = _found(copy, places)
        addition.require(path, found, places)
        with beside.open("r+b") as stream:
            os.fsync(stream.fileno())
        with turn_to_change(path, waiting):
            if _stamp(path) != stamp:
                return None
            put_in_place(beside, path, waiting)
        return copy.run
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


@dataclass(frozen=True)
class _Copy:
    """A copy of a run file, open, with its run and the checksums of the members of its entry, computed now.

    There are no checksums of a file that is damaged or not finished.
    """

    file: h5py.File
    run: Run
    digests: Mapping[str, str]


@contextmanager
def _open_copy(path: Path, opened: Callable[[], h5py.File]) -> Iterator[_Copy]:
    """A run file, which is, or is about to be, at ``path``, opened somewhere else.

    :raises ArchiveError: it is no run file of this program.
    """
    with _as_archive_error(path), opened() as file:
        _refuse_newer(path, file)
        if (found := _at_one_go(path, file)) is not None:
            yield _Copy(file, *found)
            return
        run = _whole(path, file)
        yield _Copy(file, run, digests(file["entry"]) if run.finished and not run.integrity.damaged else {})


@dataclass(frozen=True)
class _Addition:
    """What a file with an addition must hold: all that was there, what was added by its checksums, the summary."""

    before: Mapping[str, Any]
    added: Mapping[str, str]
    summary: str

    def require(self, path: Path, found: _Addition, places: Collection[str]) -> None:
        """:raises ArchiveError: something else is found in the copy."""
        if found.before != self.before:
            raise ArchiveError(f"{path}: something else than {', '.join(places)} would have changed; nothing was added")
        if found != self:
            raise ArchiveError(f"{path}: nothing was added: the copy is not what was written into it")


def _made(copy: _Copy, places: Collection[str], change: Change) -> _Addition | None:
    """Make an addition in a copy; None where nothing is to be added.

    :raises ArchiveError: as :func:`add`.
    """
    run, file = copy.run, copy.file
    _refuse_what_takes_no_addition(run)
    before = _everything_but(places, file, copy.digests)
    try:
        if not change(run, file["entry"]):
            return None
    except ArchiveError:
        raise
    except Exception as error:  # whatever an analysis meets, the file stays
        raise ArchiveError(f"{run.path}: nothing was added ({type(error).__name__}: {_first_line(error)})") from error
    with _reading_again(run.path):
        entry = file["entry"]
        added = {name: reseal(entry, name) for name in places if name in entry}
        summary = summary_of(replace(run, remarks=read_remarks(entry), analyses=read_analyses(entry)))
        write_summary(file, summary)
    return _Addition(before, added, text_of(summary))


def _found(copy: _Copy, places: Collection[str]) -> _Addition:
    """What a copy holds that was written and opened again."""
    added = {name: text for name, text in copy.digests.items() if name in places}
    return _Addition(_everything_but(places, copy.file, copy.digests), added, checked_text(copy.file, SUMMARY) or "")


@contextmanager
def _reading_again(path: Path) -> Iterator[None]:
    """:raises ArchiveError: what was changed inside cannot be read, whatever h5py meets it with."""
    try:
        yield
    except Exception as error:
        why = _first_line(error).removeprefix(f"{path}: ")
        raise ArchiveError(f"{path}: nothing was added, it could not be read then ({why})") from error


def _refuse_what_takes_no_addition(run: Run) -> None:
    """:raises ArchiveError: a file is not finished, damaged, or of a newer version than this program's."""
    if not run.finished:
        raise ArchiveError(
            f"{run.path}: is not finished: its run is going on, or was cut off; nothing was added. Add when it is "
            f"over, or after: acquire recover {run.path}"
        )
    if run.integrity.damaged:
        raise ArchiveError(f"{run.path}: is damaged, and nothing is added to it: {run.integrity}")
    if run.version > FORMAT_VERSION:
        raise ArchiveError(f"{run.path}: was written by {run.program}, a newer program; add to it with that one")


def _everything_but(places: Collection[str], file: h5py.File, digests: Mapping[str, str]) -> Mapping[str, Any]:
    """What an addition must leave as it is: members with their values, attributes, checksums; but for ``places``.

    :raises Exception: h5py cannot read it.
    """
    entry = file["entry"]
    return {
        "members": sorted(set(file)),
        "root": {name: _plain(value) for name, value in file.attrs.items() if not name.startswith("summary")},
        "entry": {name: _plain(value) for name, value in entry.attrs.items()},
        "values": {name: text for name, text in digests.items() if name not in (*places, PLACE)},
        "checksums": {name: text for name, text in sealed(entry).items() if name not in places},
        "has checksums": PLACE in entry,
    }


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
