"""A display whose reader takes nothing holds nobody up, and shows everything in the end."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from acquire.records import Event, Note
from acquire.sinks import takes, unhurried
from tests.endurance import kill_table
from tests.endurance.kill_table import a_place

LIMIT = 30.0  # s

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the system cannot tell there")


def test_what_a_full_pipe_does_not_take_is_kept_in_order() -> None:
    reading, writing = os.pipe()
    seen: list[str] = []

    def watch(event: Event) -> None:
        assert isinstance(event, Note)
        seen.append(event.text)

    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        os.set_blocking(writing, False)
        with unhurried(watch, stream) as hand_over:
            hand_over(Note(0.0, "first"))
            with suppress(BlockingIOError):
                while True:
                    os.write(writing, b"!")
            assert not takes(stream)
            hand_over(Note(0.0, "second"))
            hand_over(Note(0.0, "third"))
            assert seen == ["first"]
            reader.read(1 << 20)
            hand_over(Note(0.0, "fourth"))
            assert seen == ["first", "second", "third", "fourth"]
            with suppress(BlockingIOError):
                while True:
                    os.write(writing, b"!")
            hand_over(Note(0.0, "fifth"))
            assert seen[-1] == "fourth"
        assert seen[-1] == "fifth"
        reader.read(1 << 20)


def test_a_display_that_fails_is_told_of_at_once_and_never_in_the_end() -> None:
    def fail(event: Event) -> None:
        raise BrokenPipeError("nobody reads any more")

    with unhurried(fail, io.StringIO()) as hand_over, pytest.raises(BrokenPipeError):
        hand_over(Note(0.0, "first"))


@pytest.mark.skipif(sys.platform != "linux", reason="a pipe cannot be made small elsewhere, and a large one takes long")
def test_a_run_whose_points_nobody_reads_completes(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "place").mkdir()
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)  # bytes; all points together are more
    with a_place(tmp_path / "place") as place, os.fdopen(reading, "rb") as reader:
        what = [str(place.sweep), "--bench", str(place.bench), "--output", str(tmp_path / "runs")]
        command = [sys.executable, "-m", "acquire", "run", *what]
        with subprocess.Popen(command, cwd=kill_table.ROOT, stdout=writing, stderr=subprocess.PIPE) as run:
            os.close(writing)
            assert place.energised.wait(LIMIT)
            while place.output_log[-1].output_on:
                with pytest.raises(subprocess.TimeoutExpired):
                    run.wait(0.1)  # nobody reads yet
            shown = reader.read()
            _, said = run.communicate(timeout=LIMIT)
        assert (run.returncode, said) == (0, b"")
    points = [line for line in shown.splitlines() if b" cd/A " in line and b"/50 " in line]
    assert len(points) == kill_table.POINTS
    assert sum(map(len, points)) > 4096
