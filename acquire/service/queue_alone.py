"""Who may: a lock on a file, held by one process at a time, which the system lets go of however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acquire.safety.lock import taken


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold the lock of a file, which is made where there is none; false where somebody else holds it.

    :raises OSError: the file cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    lock = os.open(path, flags, 0o600)
    try:
        yield taken(lock)
    finally:
        os.close(lock)
