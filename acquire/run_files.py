"""How a run file comes to stand on the disk: whole or not at all, and never taken from under a run that goes on."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

if sys.platform != "win32":
    import fcntl

#: What a file system without locks answers; there, nothing is locked.
_NO_LOCKS = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}

_LONGEST_LOG = 20_000  # characters; what tells of ten seconds is far shorter


def put_in_place(path: Path, content: bytes) -> None:
    """Write a file whole beside ``path``, push it to the disk and give it its name in one step.

    :raises OSError: the disk is full or refuses; ``path`` is as it was, and nothing else is left behind.
    """
    with put_in_place_and_keep(path, content):
        pass


@contextmanager
def put_in_place_and_keep(path: Path, content: bytes) -> Iterator[None]:
    """The same, and inside nobody takes the file for a run that was cut off: it is locked before it has its name.

    :raises OSError: as :func:`put_in_place`.
    """
    beside = path.with_name(f"{path.name}.tmp")
    with ExitStack() as kept:
        try:
            stream = kept.enter_context(beside.open("w+b"))
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
            keep_from_recovery(stream.fileno())
            if sys.platform == "win32":
                stream.close()  # an open file cannot be renamed there
            beside.replace(path)
        except OSError:
            with suppress(OSError):  # what a full disk did not take fails once more
                kept.close()
            beside.unlink(missing_ok=True)
            raise
        _sync_names(path.parent)
        yield


def guardian_log(path: Path) -> Path:
    """Where the guardian of a run writes what it did, should it have to act."""
    return path.with_suffix(".guardian.log")


def guardian_remarks(path: Path) -> list[tuple[datetime, str]]:
    """What the guardian of a run did, and when; empty when it had nothing to do. Lines of another form are skipped."""
    try:
        with guardian_log(path).open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_LONGEST_LOG).splitlines()
    except OSError:
        return []
    return [remark for line in lines if (remark := _remark(line))]


def _remark(line: str) -> tuple[datetime, str] | None:
    moment, _, text = line.partition(" ")
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (when, text) if when.tzinfo and text else None


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
def kept_from_recovery(path: Path) -> Iterator[None]:
    """The same from outside of the recorder: from its end until the file is finished, nobody else may finish it.

    Nothing to do on Windows, where the file is replaced only while nobody has it open. :raises OSError: as above.
    """
    if sys.platform == "win32":
        yield
        return
    with path.open("rb") as stream:
        keep_from_recovery(stream.fileno())
        yield


@contextmanager
def nobody_else(path: Path) -> Iterator[None]:
    """Hold a file that no other program, above all no run that goes on, has open. :raises OSError: one has."""
    if sys.platform == "win32":
        path.rename(path)  # refused while anybody has it open
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
