"""A run whose terminal is held (Ctrl-S, a pager, a stalled line) goes on in time, and ends. Real time: two seconds."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from acquire.cli.terminal import Telling, let_terminal_go
from acquire.run_file.read import Run, read_run
from tests.endurance import kill_table
from tests.endurance.kill_table import Place, a_place

LIMIT = 30.0  # s
LONGEST_END = 5.0  # s from the end of the sweep to that of the process
SETTLE = 0.03  # s
LATEST = 0.5  # s that a point may come late on a busy machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a pipe cannot be made small elsewhere")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "place").mkdir()
    with a_place(tmp_path / "place") as place:
        text = place.sweep.read_text(encoding="utf-8")
        place.sweep.write_text(text.replace("settle: 2 ms", f"settle: {SETTLE:g} s"), encoding="utf-8")
        yield place


def a_small_pipe() -> tuple[int, int]:
    import fcntl

    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)  # bytes; all points together are more
    return reading, writing


@contextmanager
def a_run(place: Place, output: Path, stdin: int | None, stdout: int, stderr: int) -> Iterator[subprocess.Popen[bytes]]:
    what = [str(place.sweep), "--bench", str(place.bench), "--output", str(output)]
    command = [sys.executable, "-m", "acquire", "run", *what]
    streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    with subprocess.Popen(command, cwd=kill_table.ROOT, start_new_session=True, **streams) as run:  # type: ignore[call-overload]
        try:
            yield run
        finally:
            run.kill()


def ends_in_time(run: subprocess.Popen[bytes], place: Place) -> None:
    assert place.energised.wait(LIMIT)
    deadline = time.monotonic() + LIMIT
    while place.output_log[-1].output_on:
        assert time.monotonic() < deadline, "the sweep does not end"
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(0.05)
    run.wait(LONGEST_END)


def the_file(output: Path, points: int = kill_table.POINTS) -> Run:
    (path,) = output.glob("*.h5")
    run = read_run(path)
    assert (run.status, run.finished, run.points) == ("completed", True, points)
    times = np.array([record.reading.time for record in run.records])
    without_a_spectrum = [
        step for index, step in enumerate(np.diff(times)) if index not in {s.point_index for s in run.spectra}
    ]
    assert min(without_a_spectrum) > SETTLE
    assert max(without_a_spectrum) < SETTLE + LATEST
    return run


@pytest.mark.long
def test_a_pipe_that_nobody_reads_holds_no_run(place: Place, tmp_path: Path) -> None:
    reading, writing = a_small_pipe()
    with a_run(place, tmp_path / "runs", None, writing, subprocess.PIPE) as run:
        os.close(writing)
        ends_in_time(run, place)
        said = run.communicate()[1].decode()
    os.close(reading)
    assert run.returncode == 0
    (note,) = [note.text for note in the_file(tmp_path / "runs").notes if "not shown" in note.text]
    assert note.startswith("the display took nothing any more; not shown: ")
    assert note in said
    assert "completed: 50 points, 2 spectra; see it with: acquire show " in said


def test_one_pipe_for_all_that_nobody_reads_holds_no_run(place: Place, tmp_path: Path) -> None:
    reading, writing = a_small_pipe()
    with a_run(place, tmp_path / "runs", None, writing, writing) as run:
        os.close(writing)
        ends_in_time(run, place)
    os.close(reading)
    assert run.returncode == 0
    assert any("not shown" in note.text for note in the_file(tmp_path / "runs").notes)


def test_ctrl_s_holds_no_run(place: Place, tmp_path: Path) -> None:
    import pty

    text = place.sweep.read_text(encoding="utf-8")
    place.sweep.write_text(text.replace(f"points: {kill_table.POINTS}", "points: 12"), encoding="utf-8")
    keyboard, terminal = pty.openpty()
    with a_run(place, tmp_path / "runs", terminal, terminal, terminal) as run:
        os.close(terminal)
        assert place.energised.wait(LIMIT)
        os.write(keyboard, b"\x13")
        ends_in_time(run, place)
    os.close(keyboard)
    assert run.returncode == 0
    assert any("not shown" in note.text for note in the_file(tmp_path / "runs", 12).notes)


def test_ctrl_s_is_undone_for_what_a_person_must_see() -> None:
    import pty

    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"\x13")
    deadline = time.monotonic() + LIMIT
    while select.select([], [terminal], [], 0.0)[1]:
        assert time.monotonic() < deadline, "Ctrl-S does nothing"
    with os.fdopen(terminal, "w") as stream, os.fdopen(keyboard, "rb", buffering=0) as reader:
        telling = Telling(partial(print, "THE OUTPUT MAY STILL BE ON", file=stream, flush=True))
        assert not telling.done(0.1)
        let_terminal_go(stream)
        assert telling.done(LIMIT)
        assert b"MAY STILL BE ON" in reader.read(1000)
