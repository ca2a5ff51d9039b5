"""Commands of the program itself, carried out in processes of their own: a page, a table, a plan."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from acquire.service.errors import RequestRefused

AT_ONCE = 2
PATIENCE = 120.0  # s
LONGEST = 4 << 20  # characters of what a command says
_turns = threading.BoundedSemaphore(AT_ONCE)


def said_by(arguments: Sequence[str], patience: float = PATIENCE) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of ``acquire`` with these arguments.

    :raises RequestRefused: others are waiting already, or it takes too long.
    """
    if not _turns.acquire(timeout=20.0):
        raise RequestRefused(503, "too much is being made at the moment", "try again in a minute")
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "acquire", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"},
        )
    except subprocess.TimeoutExpired as error:
        raise RequestRefused(503, f"it took longer than {patience:g} s", "make it with the command line") from error
    finally:
        _turns.release()
    return ended.returncode, _text(ended.stdout), _text(ended.stderr)


def _text(said: bytes) -> str:
    return said[-LONGEST:].decode(errors="replace")


def made_by(arguments: Sequence[str], folder: Path, suffix: str) -> list[Path]:
    """The files with this ending that a command makes in a folder.

    :raises RequestRefused: it makes none; as :func:`said_by`.
    """
    _, _, complaint = said_by(arguments)
    made = sorted(folder.rglob(f"*{suffix}"))
    if not made:
        last = complaint.strip().splitlines()[-1:] or ["the command said nothing"]
        raise RequestRefused(409, last[0][:1000])
    return made
