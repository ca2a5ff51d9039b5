"""Which run files lie in a folder, and whether they have changed: names, sizes and times, no file is opened."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """By what a change of a file is seen: its size [bytes] and when it was changed [ns since 1970]."""

    size: int
    modified: int


def stamps_in(folder: Path, refused: Callable[[OSError], object]) -> dict[str, Stamp]:
    """The HDF5 files in a folder and the folders in it, by their place in it (``2026/a.h5``, ``/`` on every system).

    Links to folders are not followed; names that begin with a dot are files that are just being put in place.
    ``refused`` is told of a folder in it that cannot be read, and with ``EILSEQ`` of a name that is no text.

    :raises OSError: the folder itself cannot be read.
    """
    found: dict[str, Stamp] = {}
    waiting = [""]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(folder / place) as entries:
                for entry in entries:
                    _take(entry, place, found, waiting, refused)
        except OSError as error:
            if not place:
                raise
            refused(error)
    return found


def _take(
    entry: os.DirEntry[str],
    place: str,
    found: dict[str, Stamp],
    waiting: list[str],
    refused: Callable[[OSError], object],
) -> None:
    inside = f"{place}{entry.name}"
    if entry.name.startswith("."):
        return
    try:
        entry.name.encode()
    except UnicodeEncodeError:  # bytes that a system with other letters wrote
        refused(OSError(errno.EILSEQ, "its name is no text in UTF-8; rename it", entry.path))
        return
    if entry.is_dir(follow_symlinks=False):
        waiting.append(f"{inside}/")
    elif entry.name.endswith(".h5"):
        try:
            if entry.is_file():
                status = entry.stat()
                found[inside] = Stamp(status.st_size, status.st_mtime_ns)
        except OSError:  # removed meanwhile, or a link that leads nowhere
            return
