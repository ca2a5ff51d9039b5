"""What a guardian did, in a log beside the run file: written by the guardian, read when the file is finished."""

from __future__ import annotations

import errno
import os
import stat
import sys
from datetime import datetime
from pathlib import Path
from typing import TextIO

_LONGEST_LOG = 20_000  # characters; what tells of ten seconds is far shorter


def opened_plainly(path: Path, flags: int) -> int:
    """A descriptor of an ordinary file; nothing waits for a pipe, no link is followed.

    :raises OSError: it cannot be opened; or it is a link, has a second name, is a folder, a pipe or a device.
    """
    if sys.platform == "win32" and path.is_symlink():
        raise OSError(errno.EINVAL, "is a link", str(path))
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is a link, a pipe or a device, not a file of its own", str(path))
    return descriptor


def guardian_log(path: Path) -> Path:
    """Where the guardian of a run writes what it did, should it have to act."""
    return path.with_suffix(".guardian.log")


def guardian_remarks(path: Path) -> list[tuple[datetime, str]]:
    """What the guardian of a run did, and when; empty when it had nothing to do. Lines of another form are skipped."""
    try:
        descriptor = opened_plainly(guardian_log(path), os.O_RDONLY)
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            lines = file.read(_LONGEST_LOG).splitlines()
    except OSError:
        return []
    return [remark for line in lines if (remark := _remark(line))]


def appending(log: Path) -> TextIO:
    """A guardian's log, opened to write on.

    :raises OSError: as :func:`opened_plainly`.
    """
    descriptor = opened_plainly(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    return os.fdopen(descriptor, "a", encoding="utf-8", newline="\n")


def _remark(line: str) -> tuple[datetime, str] | None:
    moment, _, text = line.partition(" ")
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (when, text) if when.tzinfo and text else None
