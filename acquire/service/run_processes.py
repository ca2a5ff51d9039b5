"""Runs as processes of their own, which outlive the service."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class StartedRun:
    """A process that was started; ``log`` takes all that it says."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def status(self) -> int | None:
        """The exit status, None while it goes on."""
        return self.process.poll()


def start_run(command: Sequence[str], log: Path) -> StartedRun:
    """Start ``acquire`` with these arguments in a group of its own, which no signal of the service reaches.

    :raises OSError: it cannot be started, or its log cannot be written.
    """
    own: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "acquire", *command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            **own,
        )
    return StartedRun(process, log)
