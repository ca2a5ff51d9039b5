"""Additions to a finished run file: a tag, an analysis, a resumed part. The raw data are never touched.

An addition is made in a copy in memory. The copy is held against the file, member by member, and put in its place in
one step: whoever is killed at whatever moment leaves the file as it was, or the one with the addition, whole.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py

from acquire.run_file.checksums import PLACE, checked_text, digest, reseal, sealed
from acquire.run_file.hdf5 import image_of
from acquire.run_file.layout import FORMAT_VERSION
from acquire.run_file.placing import Waiting, replace_file, turn_to_change
from acquire.run_file.read import (
    SUMMARY,
    ArchiveError,
    Run,
    _as_archive_error,
    _first_line,
    _read,
    _stamp,
    read_image,
    refuse_what_is_no_file,
)
from acquire.run_file.summary import summary_of, write_summary


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
    run = read_image(path, image)
    _refuse_what_takes_no_addition(run)
    with h5py.File.in_memory(image) as file:
        before = _everything_but(places, file, verified=True)
        if not _made(run, file["entry"], change):
            return run, image
        after = _with_summary(run, file, places)
        added = _of(places, file, sealed(file["entry"]))
        content = image_of(file)
    with h5py.File.in_memory(content) as file:
        if _everything_but(places, file) != before:
            raise ArchiveError(f"{path}: something else than {', '.join(places)} would have changed; nothing was added")
        if _of(places, file) != added:
            raise ArchiveError(f"{path}: nothing was added: the copy is not what was written into it")
    return after, content


def _made(run: Run, entry: h5py.Group, change: Callable[[Run, h5py.Group], bool]) -> bool:
    try:
        return change(run, entry)
    except ArchiveError:
        raise
    except Exception as error:  # whatever an analysis meets, the file stays
        raise ArchiveError(f"{run.path}: nothing was added ({type(error).__name__}: {_first_line(error)})") from error


def _with_summary(run: Run, file: h5py.File, places: Collection[str]) -> Run:
    """The run as it is with what was added, whose checksums and summary are written.

    :raises ArchiveError: it cannot be read any more.
    """
    try:
        for name in places:
            if name in file["entry"]:
                reseal(file["entry"], name)
        after = replace(_read(run.path, file), integrity=run.integrity)
        write_summary(file, summary_of(after))
    except Exception as error:  # h5py meets what does not belong there with almost any exception
        raise ArchiveError(
            f"{run.path}: nothing was added, it could not be read then ({_first_line(error)})"
        ) from error
    return after


def _of(places: Collection[str], file: h5py.File, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """What was added: the checksums of these members, and the summary; ``known`` are those that were computed now."""
    there = [name for name in places if name in file["entry"]]
    members = {name: (known or {}).get(name) or digest(file["entry"][name]) for name in there}
    return {**members, SUMMARY: checked_text(file, SUMMARY) or ""}


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


def _everything_but(places: Collection[str], file: h5py.File, *, verified: bool = False) -> Mapping[str, Any]:
    """What an addition must leave as it is: members with their values, attributes, checksums; but for ``places``.

    ``verified``: the values were just held against their checksums, which need not be computed again.

    :raises Exception: h5py cannot read it.
    """
    entry, known = file["entry"], sealed(file["entry"])
    values = {
        name: known[name] if verified and name in known else digest(entry[name]) for name in entry if name != PLACE
    }
    return {
        "members": sorted(set(file)),
        "root": {name: _plain(value) for name, value in file.attrs.items() if not name.startswith("summary")},
        "entry": {name: _plain(value) for name, value in entry.attrs.items()},
        "values": {name: text for name, text in values.items() if name not in places},
        "checksums": {name: text for name, text in known.items() if name not in places},
        "has checksums": PLACE in entry,
    }


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
