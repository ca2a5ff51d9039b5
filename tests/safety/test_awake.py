"""Keeping the computer awake never costs a run anything, and sleep is noticed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

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
