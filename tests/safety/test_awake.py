"""Keeping the computer awake never costs a run anything, and sleep is noticed."""

from __future__ import annotations

import ctypes
import io
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from acquire.safety import awake
from acquire.safety.interruption import StopRequest

LIMIT = 10.0  # s


class Noticing(StopRequest):
    """A stop request that tells when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()

    def note(self, reason: str) -> None:
        super().note(reason)
        self.asked.set()


@pytest.fixture(autouse=True)
def no_inhibitor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awake, "inhibitor", tuple)


def test_sleep_ends_a_run_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = iter([100.0, 100.2, 142.0])
    monkeypatch.setattr(awake, "time_asleep", lambda: next(asleep))
    monkeypatch.setattr(awake, "LOOK", 0.01)
    stop = Noticing()
    with awake.kept_awake(stop):
        assert stop.asked.wait(LIMIT)
    assert stop() == "the computer was asleep for 42 s"


def test_clocks_that_are_never_read_at_the_same_moment_are_no_sleep() -> None:
    before = awake.time_asleep()
    assert awake.time_asleep() - before == pytest.approx(0.0, abs=awake.SHORTEST_SLEEP / 2)


def test_who_keeps_the_computer_awake_goes_with_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("nobody is needed for that there")
    program = "import sys, pathlib; sys.stdin.read(); pathlib.Path(sys.argv[1]).write_text('left')"
    left = tmp_path / "left"
    monkeypatch.setattr(awake, "inhibitor", lambda: (sys.executable, "-c", program, str(left)))
    monkeypatch.setattr(awake, "END_PATIENCE", LIMIT)
    with awake.kept_awake(StopRequest()):
        assert not left.exists()
    assert left.read_text(encoding="utf-8") == "left"


@pytest.mark.parametrize("command", [("no such program",), (sys.executable, "-c", "raise SystemExit(1)")])
def test_a_computer_that_cannot_be_kept_awake_holds_nothing_up(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awake, "inhibitor", lambda: command)
    stop = StopRequest()
    with awake.kept_awake(stop):
        pass
    assert stop() == ""


@pytest.mark.skipif(os.name == "nt", reason="nobody is needed for that there")
def test_one_who_does_not_leave_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(awake, "inhibitor", lambda: (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(awake, "END_PATIENCE", 0.1)
    original = awake._keeper

    def keeper() -> subprocess.Popen[bytes] | None:
        started.append(found := original())  # type: ignore[arg-type]
        return found

    monkeypatch.setattr(awake, "_keeper", keeper)
    with awake.kept_awake(StopRequest()):
        pass
    assert started[0].returncode is not None


# --- the three systems, by what is asked of them ---


class Kernel32:
    """The three calls, as Windows takes them (winbase.h, realtimeapiset.h)."""

    def __init__(self, since_start: float = 0.0, awake: float = 0.0) -> None:
        self.states: list[int] = []
        self.GetTickCount64 = Call(lambda: round(since_start * 1e3))
        self.QueryUnbiasedInterruptTime = Call(lambda to: setattr(to._obj, "value", round(awake * 1e7)))
        self.SetThreadExecutionState = Call(lambda state: self.states.append(state.value))


class Call:
    """A function of a library, which may be told what it returns."""

    def __init__(self, does: Any) -> None:
        self.restype: Any = None
        self._does = does

    def __call__(self, *arguments: Any) -> Any:
        return self._does(*arguments)


def test_windows_is_asked_to_stay_awake_and_told_when_it_need_not_any_more() -> None:
    kernel32 = Kernel32()
    with suppress(ZeroDivisionError), awake.windows_kept_awake(kernel32):
        assert kernel32.states == [0x80000001], "ES_CONTINUOUS | ES_SYSTEM_REQUIRED: until it is taken back"
        raise ZeroDivisionError  # a run that fails
    assert kernel32.states == [0x80000001, 0x80000000]


def test_windows_knows_its_sleep_from_two_clocks() -> None:
    kernel32 = Kernel32(since_start=10_000_000.0, awake=9_996_400.0)
    assert awake.time_asleep_of_windows(kernel32) == pytest.approx(3600.0)
    assert kernel32.GetTickCount64.restype is ctypes.c_ulonglong, "an int would be negative after 25 days"


class Started:
    """In place of ``subprocess.Popen``: what was started, and how it was let go."""

    commands: list[Sequence[str]]

    def __init__(self, command: Sequence[str], stdin: int, **_options: object) -> None:
        assert stdin == subprocess.PIPE
        type(self).commands.append(command)
        self.stdin = io.BytesIO()

    def wait(self, _patience: float) -> None:
        assert self.stdin.closed


@pytest.mark.parametrize(
    ("system", "first"),
    [
        ("linux", "systemd-inhibit --what=sleep:idle --who=acquire"),
        ("darwin", "caffeinate -i -m cat"),
    ],
)
def test_the_command_of_each_system_holds_until_its_pipe_is_closed(
    system: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Started.commands = []
    monkeypatch.setattr(awake, "inhibitor", lambda: awake.INHIBITORS[system])
    monkeypatch.setattr(subprocess, "Popen", Started)
    with awake._kept_awake_by_process():
        (command,) = Started.commands
    assert " ".join(command).startswith(first)
    assert command[-1] == "cat"
