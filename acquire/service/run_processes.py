"""Runs as processes of their own, which outlive whoever started them, and how they are found again.

A process that was started here is in a group and a session of its own: no signal to the one that started it, no closed
terminal and no kill reaches it. It is spoken to through its mailbox (:mod:`acquire.safety.running`), as any run is;
after a restart of the service it is found there by the number that is free of doubt, :attr:`RunningNow.started_for`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquire.safety.running import RunningNow, running

#: Characters at the end of a log among which the result of a run is looked for.
_LAST = 1 << 20


@dataclass(frozen=True)
class StartedRun:
    """A process that was started here; ``log`` takes all that it says."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def status(self) -> int | None:
        """The exit status, None while it goes on."""
        return self.process.poll()

    def lives(self) -> bool:
        """Whether it has not ended yet."""
        return self.status() is None


def start_run(arguments: Sequence[str], log: Path, started_for: str = "") -> StartedRun:
    """Start ``acquire`` with these arguments: ``run RECIPE --output DIR --yes --json``, for example.

    With ``started_for`` the run is operated from elsewhere (``--remote``), under this name.

    :raises OSError: it cannot be started, or its log cannot be written.
    """
    remote = ["--remote", started_for] if started_for else []
    return start_process([sys.executable, "-m", "acquire", *arguments, *remote], log)


def start_process(command: Sequence[str], log: Path) -> StartedRun:
    """Start a whole command that outlives this process; what it says goes to the end of ``log``.

    Nothing that this process has open is handed on, its locks above all.

    :raises OSError: it cannot be started, or its log cannot be written.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        said: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": stream,
            "stderr": subprocess.STDOUT,
            "env": {**os.environ, "PYTHONIOENCODING": "utf-8"},
        }
        return StartedRun(_started(list(command), said), log)


def _started(command: list[str], said: dict[str, Any]) -> subprocess.Popen[bytes]:
    if sys.platform != "win32":
        return subprocess.Popen(command, start_new_session=True, **said)
    else:  # noqa: RET505  # type checkers know the system only so
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        with suppress(PermissionError):  # the job of the one that starts it may forbid to leave it
            return subprocess.Popen(command, creationflags=flags | subprocess.CREATE_BREAKAWAY_FROM_JOB, **said)
        return subprocess.Popen(command, creationflags=flags, **said)


def found_again(started_for: str, folder: Path | None = None) -> RunningNow | None:
    """The process that was started under this name and still goes on; None where there is none.

    ``folder``: where the mailboxes are.
    """
    return next((now for now in running(folder) if now.started_for == started_for), None)


def left_behind(started_for: str, folder: Path | None = None) -> RunningNow | None:
    """What a process said last that was started under this name and killed within the last day, as its run file.

    ``folder``: where the mailboxes are.
    """
    return next((now for now in running(folder, left_behind=True) if now.started_for == started_for), None)


def result_in(log: Path) -> dict[str, Any] | None:
    """The JSON object that a run with ``--json`` printed at its end; None where there is none, or it was killed.

    :raises OSError: the log cannot be read.
    """
    with log.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LAST))
        lines = stream.read().decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.startswith("{"):
            with suppress(ValueError, RecursionError):
                found = json.loads(line)
                if isinstance(found, dict):
                    return found
    return None
