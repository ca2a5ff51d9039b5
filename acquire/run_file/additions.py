"""Additions to a finished run file: a tag, an analysis, a resumed part. The raw data are never touched.

An addition is made in a copy in memory. The copy is held against the file, member by member, and put in its place in
one step: whoever is killed at whatever moment leaves the file as it was, or the one with the addition, whole.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py

from acquire.run_file.analyses import read_analyses
from acquire.run_file.checksums import PLACE, checked_text, reseal, sealed
from acquire.run_file.hdf5 import image_of
from acquire.run_file.layout import FORMAT_VERSION
from acquire.run_file.placing import Waiting, replace_file, turn_to_change
from acquire.run_file.read import (
    SUMMARY,
    ArchiveError,
    Run,
    _as_archive_error,
    _first_line,
    _stamp,
    open_image,
    refuse_what_is_no_file,
)
from acquire.run_file.remarks import read_remarks
from acquire.run_file.summary import RunSummary, summary_of, text_of, write_summary


def add(
    path: Path, places: Collection[str], change: Callable[[Run, h5py.Group], bool], waiting: Waiting | None = None
) -> Run:
    """Make an addition to a finished run file, and give the run with it.

    ``change`` is called with the run and the entry of a copy of its file, and says whether it changed anything. It may
    write the members of the entry that ``places`` names, and no others; each gets its checksum. Who else adds to the
    file has to wait meanwhile. One that a viewer has open, where that is in the way, is waited for as ``waiting`` says.

    :raises ArchiveError: nothing was added, and the file is as it was: it is no run file, not finished, damaged, or
        protected; ``change`` did more than it may; or the new file cannot be put in its place.
    """
    _refuse_what_is_no_place(path)
    try:
        with turn_to_change(path, waiting):
            before = _stamp(path)
            image = path.read_bytes()
            with _as_archive_error(path):
                run, content = _changed(path, image, places, change)
            if content != image:
                if _stamp(path) != before:
                    raise ArchiveError(f"{path}: was changed by somebody else meanwhile; nothing was added. Try again")
                replace_file(path, content, like=path, waiting=waiting)
    except OSError as error:
        raise ArchiveError(
            f"{path}: nothing was added, and it is as it was ({_first_line(error)}); close other programs that have it "
            "open, or make room on the disk, and try again"
        ) from error
    return run


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


def _changed(
    path: Path, image: bytes, places: Collection[str], change: Callable[[Run, h5py.Group], bool]
) -> tuple[Run, bytes]:
    """The run with an addition, and the bytes of its file.

    :raises ArchiveError: as :func:`add`.
    """
    with open_image(path, image) as (file, run, digests):
        _refuse_what_takes_no_addition(run)
        before = _everything_but(places, file, digests)
        if not _made(run, file["entry"], change):
            return run, image
        added, after = _sealed_and_summed(run, file, places)
        content = image_of(file)
    with _reading_again(path), open_image(path, content) as (file, written, digests):
        whole, summary = _everything_but(places, file, digests), checked_text(file, SUMMARY)
    if whole != before:
        raise ArchiveError(f"{path}: something else than {', '.join(places)} would have changed; nothing was added")
    if {name: digests.get(name) for name in added} != added or summary != text_of(after):
        raise ArchiveError(f"{path}: nothing was added: the copy is not what was written into it")
    return written, content


@contextmanager
def _reading_again(path: Path) -> Iterator[None]:
    """:raises ArchiveError: what was changed inside cannot be read, whatever h5py meets it with."""
    try:
        yield
    except Exception as error:
        why = _first_line(error).removeprefix(f"{path}: ")
        raise ArchiveError(f"{path}: nothing was added, it could not be read then ({why})") from error


def _made(run: Run, entry: h5py.Group, change: Callable[[Run, h5py.Group], bool]) -> bool:
    try:
        return change(run, entry)
    except ArchiveError:
        raise
    except Exception as error:  # whatever an analysis meets, the file stays
        raise ArchiveError(f"{run.path}: nothing was added ({type(error).__name__}: {_first_line(error)})") from error


def _sealed_and_summed(run: Run, file: h5py.File, places: Collection[str]) -> tuple[dict[str, str], RunSummary]:
    """Write the checksums of what was added, and the summary of the run with it; both.

    :raises ArchiveError: it cannot be read any more.
    """
    with _reading_again(run.path):
        entry = file["entry"]
        added = {name: reseal(entry, name) for name in places if name in entry}
        summary = summary_of(replace(run, remarks=read_remarks(entry), analyses=read_analyses(entry)))
        write_summary(file, summary)
    return added, summary


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
