"""Ending another process: it is that one and no other, and its end is confirmed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from acquire.safety import other_process
from acquire.safety.other_process import NoProcess, Parent

LIMIT = 10.0  # s
WAITS = (sys.executable, "-c", "input()")

CHILD = """
import os, sys
sys.path.insert(0, {root!r})
from acquire.safety.other_process import Parent
parent = Parent(os.getppid())
print(parent.end(10.0), parent.end(0.0), flush=True)
"""
PARENT = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); input()"


@pytest.mark.skipif(sys.platform not in ("linux", "win32"), reason="no handles of processes there")
def test_a_process_is_ended_and_its_end_confirmed() -> None:
    with subprocess.Popen(WAITS, stdin=subprocess.PIPE) as process:
        other = other_process.other_process(process.pid)
        assert other.end(LIMIT)
        assert process.wait(LIMIT) != 0
        assert other.end(0.0)  # its number may be somebody else's by now


@pytest.mark.skipif(sys.platform != "linux", reason="nobody can be stopped so there")
def test_a_process_that_was_stopped_is_ended_too() -> None:
    with subprocess.Popen(WAITS, stdin=subprocess.PIPE) as process:
        process.send_signal(signal.SIGSTOP)
        assert other_process.other_process(process.pid).end(LIMIT)
        assert process.wait(LIMIT) == -signal.SIGKILL


def test_a_process_that_is_gone_cannot_be_held_on_to() -> None:
    with subprocess.Popen((sys.executable, "-c", "pass")) as process:
        process.wait(LIMIT)
    with pytest.raises(OSError, match=r"."):
        other_process.other_process(process.pid)


def test_nobody_is_ended_where_there_is_nobody() -> None:
    assert isinstance(other_process.other_process(0), NoProcess)
    assert other_process.other_process(0).end(0.0)


@pytest.mark.skipif(sys.platform == "win32", reason="there are handles")
def test_a_parent_is_ended_by_its_number_while_it_is_the_parent() -> None:
    child = CHILD.format(root=os.getcwd())  # noqa: PTH109
    with subprocess.Popen(
        (sys.executable, "-c", PARENT, child), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        said, _ = parent.communicate(timeout=LIMIT) if parent.wait(LIMIT) else (b"", b"")
        assert parent.returncode == -signal.SIGKILL
    assert said == b"True True\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there are handles")
def test_somebody_who_is_not_the_parent_is_not_ended() -> None:
    with subprocess.Popen(WAITS, stdin=subprocess.PIPE) as process:
        with pytest.raises(ProcessLookupError):
            Parent(process.pid)
        process.communicate(b"\n", timeout=LIMIT)
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these descriptors")
def test_without_descriptors_of_processes_it_is_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(number: int) -> int:
        raise PermissionError(f"a container forbids it ({number})")

    monkeypatch.setattr(os, "pidfd_open", refused)
    assert isinstance(other_process.other_process(os.getppid()), Parent)
