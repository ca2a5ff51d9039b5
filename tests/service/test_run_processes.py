"""Runs in processes of their own: they outlive who started them, and are found again.

Real processes, so these take their time: two of them, a few seconds each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acquire.safety.running import RunningNow, post, running, seen, stopping
from acquire.service import run_processes
from acquire.service.run_processes import found_again, left_behind, result_in, start_process, start_run
from tests.conftest import CONFIGS

SWEEP = CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"

#: A program that carries out a run that is a person's; its mailboxes are where the first argument says.
BY_HAND = f"""
import sys
from pathlib import Path
from acquire.safety import mailbox
mailbox.runs_folder = lambda: Path(sys.argv[1])
from acquire.cli.commands import app
app(["live", {str(SWEEP)!r}, "--output", sys.argv[2], "--json", "--remote", sys.argv[3]])
"""

#: What starts it, and is killed.
STARTER = f"""
import sys, time
from pathlib import Path
from acquire.service.run_processes import start_process
start_process([sys.executable, "-c", {BY_HAND!r}, *sys.argv[1:4]], Path(sys.argv[2]) / "log")
print("started", flush=True)
time.sleep(60)
"""


def wait_for(folder: Path, name: str, seconds: float = 40.0) -> RunningNow:
    """The run of this name, once its output is on."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = found_again(name, folder)
        if now is not None and now.output == "on" and now.points:
            return now
        time.sleep(0.05)
    raise AssertionError(running(folder))


@pytest.mark.slow  # a run in real time: what is killed is a process
def test_a_run_outlives_who_started_it_is_found_again_and_stops(tmp_path: Path) -> None:
    boxes = tmp_path / "boxes"
    boxes.mkdir()
    arguments = [str(boxes), str(tmp_path), "item 7"]
    starter = subprocess.Popen([sys.executable, "-c", STARTER, *arguments], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    assert starter.stdout.readline().strip() == b"started"
    starter.kill()
    starter.wait()
    starter.stdout.close()
    now = wait_for(boxes, "item 7")
    assert not post(now, {"kind": "level", "level": "300 V"}, "Ann").done
    assert post(now, {"kind": "level", "level": "3 V"}, "Ann").done
    begun = time.monotonic()
    *_, last = stopping(now, "Ann")
    assert (last.phase, last.output) == ("ended", "off")
    assert last.asked
    assert time.monotonic() - begun < 10.0
    while (result := result_in(tmp_path / "log")) is None:  # it is printed when all is over
        assert time.monotonic() - begun < 20.0
        time.sleep(0.05)
    assert (result["run_id"], result["output"]) == (now.run_id, "is off: taken to zero, switched off, asked")
    assert result["stop_reason"] == "stopped from elsewhere by Ann"
    assert result["path"] == now.path
    assert found_again("item 7", boxes) is None


@pytest.mark.slow  # as above
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_of_a_run_that_was_killed_it_is_known_which_file_it_wrote(tmp_path: Path) -> None:
    boxes = tmp_path / "boxes"
    boxes.mkdir()
    command = [sys.executable, "-c", BY_HAND, str(boxes), str(tmp_path), "item 8"]
    started = start_process(command, tmp_path / "log")
    now = wait_for(boxes, "item 8")
    assert started.lives()
    os.kill(started.pid, signal.SIGKILL)
    started.process.wait(10.0)
    assert started.status() == -signal.SIGKILL
    assert found_again("item 8", boxes) is None
    cut_off = left_behind("item 8", boxes)
    assert cut_off is not None
    assert (cut_off.path, cut_off.run_id, cut_off.lives) == (now.path, now.run_id, False)
    assert Path(cut_off.path).is_file()
    assert result_in(tmp_path / "log") is None
    after = seen(now)
    assert after is not None
    assert not after.lives


def test_a_run_for_somebody_is_operated_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], Path]] = []
    monkeypatch.setattr(run_processes, "start_process", lambda *given: started.append(given))
    log = tmp_path / "log"
    start_run(["run", "a.yaml", "--json"], log)
    start_run(["run", "a.yaml", "--json"], log, "item 9")
    alone = [sys.executable, "-m", "acquire", "run", "a.yaml", "--json"]
    assert started == [(alone, log), ([*alone, "--remote", "item 9"], log)]


def test_the_result_is_the_last_object_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (2 << 20) + b'\n{"status": "a"}\n{"status": "b"}\n{half\nsome words \xff\n')
    assert result_in(log) == {"status": "b"}
    log.write_bytes(b"")
    assert result_in(log) is None
