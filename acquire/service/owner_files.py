"""Files that only the user of the service may read, written in one step: all of the new one is found, or the former."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_for_owner(path: Path, content: bytes) -> None:
    """Replace a file, on the disk before it has its name.

    :raises OSError: it cannot be written; the former one stands.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
