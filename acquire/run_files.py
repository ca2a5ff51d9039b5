"""How a run file comes to stand on the disk: whole or not at all, and never taken from under a run that goes on."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

#: What a file system without locks answers; there, nothing is locked.
_NO_LOCKS = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}


def put_in_place(path: Path, content: bytes) -> None:
    """Write a file whole beside ``path``, push it to the disk and give it its name in one step.

    :raises OSError: the disk is full or refuses; ``path`` is as it was, and nothing else is left behind.
    """
    beside = path.with_name(f"{path.name}.tmp")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _sync_names(path.parent)


def _sync_names(folder: Path) -> None:
    """Push a folder's list of names to the disk; Windows has no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_from_recovery(descriptor: int) -> None:
    """Mark an open run file as being written, for as long as it is open; readers are not disturbed.

    The lock is the one HDF5 itself takes for reading (flock, shared). On Windows an open file cannot be replaced
    anyway. :raises OSError: another program has the file open for writing.
    """
    _lock(descriptor, alone=False)


@contextmanager
def nobody_else(path: Path) -> Iterator[None]:
    """Hold a file that no other program, above all no run that goes on, has open. :raises OSError: one has."""
    if sys.platform == "win32":
        yield
        return
    with path.open("r+b") as stream:
        _lock(stream.fileno(), alone=True)
        yield


def _lock(descriptor: int, *, alone: bool) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return
        raise
