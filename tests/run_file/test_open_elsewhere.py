"""A run file that a viewer has open when its run ends is waited for, where the system does not let it be replaced."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from acquire import session
from acquire.records import RunStatus, RunStop
from acquire.run_file import finish as finishing
from acquire.run_file import read as reading
from acquire.run_file.placing import Waiting, replace_file
from acquire.safety.interruption import StopRequest
from tests.conftest import CONFIGS
from tests.support.run_files import a_cut_off_run

ENDED = RunStop(RunStatus.COMPLETED, "", "2026-01-02T03:05:00+01:00")
ACCESS_DENIED, SHARING_VIOLATION, NOT_SAME_DEVICE = 5, 32, 17  # winerror.h


class WindowsRefuses(PermissionError):
    """What ``os.replace`` raises there; here, an OSError has no ``winerror``."""

    def __init__(self, winerror: int) -> None:
        super().__init__(errno.EACCES, "The process cannot access the file because it is being used")
        self.winerror = winerror


class Viewer:
    """A program that has a file open for some seconds, and the clock by which it does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float, winerror: int = ACCESS_DENIED) -> None:
        self.time = 0.0
        self.lines: list[str] = []
        self.tries = 0
        replace = Path.replace

        def refused(path: Path, target: Path) -> Path:
            self.tries += 1
            if self.time < seconds:
                raise WindowsRefuses(winerror)
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", refused)

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def waiting(self) -> Waiting:
        return Waiting(self.lines.append, now=lambda: self.time, sleep=self.sleep)


def finished(path: Path, waiting: Waiting) -> reading.Run:
    a_cut_off_run(path)
    return finishing.finish(path, ENDED, waiting=waiting)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix == ".tmp"]


@pytest.mark.parametrize("winerror", [ACCESS_DENIED, SHARING_VIOLATION])
def test_a_viewer_that_is_closed_in_time_costs_nothing(
    winerror: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, path = Viewer(monkeypatch, 6.0, winerror), tmp_path / "run.h5"
    assert finished(path, viewer.waiting()).finished
    assert reading.read_run(path).finished
    assert viewer.time == 6.0
    (line,) = viewer.lines
    assert line == (
        f"{path}: another program has it open, a viewer for example; close it there (it is tried again for 10 s)"
    )
    assert leftovers(tmp_path) == []


def test_one_that_stays_open_leaves_the_file_for_recover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.h5"
    with monkeypatch.context() as meanwhile:
        viewer = Viewer(meanwhile, 1e9)
        with pytest.raises(reading.ArchiveError, match=r"all rows are in it.*acquire recover"):
            finished(path, viewer.waiting())
        assert viewer.time == pytest.approx(10.0, abs=0.3)
    assert leftovers(tmp_path) == []
    assert not reading.read_run(path).finished
    assert finishing.recover(path).status == RunStatus.FAILED


def test_a_virus_scanner_is_not_worth_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = Viewer(monkeypatch, 0.2)
    assert finished(tmp_path / "run.h5", viewer.waiting()).finished
    assert (viewer.tries, viewer.lines) == (2, [])


def fails_at_once(monkeypatch: pytest.MonkeyPatch, failure: OSError, folder: Path) -> None:
    def refused(_path: Path, _target: Path) -> Path:
        raise failure

    monkeypatch.setattr(Path, "replace", refused)
    waiting = Waiting(sleep=lambda seconds: pytest.fail(f"waited {seconds} s"))
    with pytest.raises(OSError, match=str(failure.strerror)):
        replace_file(folder / "file", b"content", waiting=waiting)


@pytest.mark.parametrize(
    "failure", [PermissionError(errno.EACCES, "Permission denied"), OSError(errno.ENOSPC, "No space left on device")]
)
def test_what_waiting_does_not_help_is_said_at_once(
    failure: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_at_once(monkeypatch, failure, tmp_path)
    assert leftovers(tmp_path) == []


def test_another_refusal_of_windows_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_at_once(monkeypatch, WindowsRefuses(NOT_SAME_DEVICE), tmp_path)


def test_nobody_who_interrupts_the_wait_leaves_a_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    viewer = Viewer(monkeypatch, 1e9)
    with pytest.raises(KeyboardInterrupt):
        replace_file(tmp_path / "file", b"content", waiting=Waiting(now=lambda: viewer.time, sleep=interrupted))
    assert list(tmp_path.iterdir()) == []


def test_a_whole_run_waits_for_the_viewer_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = Viewer(monkeypatch, 3.0)
    prepared = session.prepare(CONFIGS / "sweeps" / "quick_look.yaml")
    result = session.run(prepared, tmp_path, lambda event: None, StopRequest(), waiting=viewer.waiting())
    assert result.run is not None
    assert result.run.finished
    assert not result.error
    assert len(viewer.lines) == 1
