"""The run file goes away while the run goes on: the run ends in order, and what was recorded is in a new file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire import session
from acquire.records import Event, Record, RunStatus, RunStop
from acquire.run_file import finish as finishing
from acquire.run_file import read as reading
from acquire.run_file import recorder
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.run_files import a_record, a_run

SWEEP = CONFIGS / "sweeps" / "quick_look.yaml"
AT = 4  # points

pytestmark = [
    pytest.mark.usefixtures("read_here"),
    pytest.mark.skipif(sys.platform == "win32", reason="there, an open file can be neither moved nor removed"),
]


def deleted(path: Path, other: Path) -> None:
    path.unlink()


def renamed(path: Path, other: Path) -> None:
    path.rename(path.with_suffix(".old"))


def with_its_folder(path: Path, other: Path) -> None:
    shutil.rmtree(path.parent)


def emptied(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def cut_off(path: Path, other: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def replaced(path: Path, other: Path) -> None:
    shutil.copy(other, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def overwritten(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def with_another_row(path: Path, other: Path) -> None:
    with h5py.File(other) as file:  # of the same layout; that of the run is locked
        offset = file["entry/jvl/voltage"].id.get_offset()
    with path.open("r+b") as there:
        there.seek(offset)
        there.write(np.float64(99.0).tobytes())


def led_elsewhere(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to(other)


def replaced_by_an_old_copy(path: Path, other: Path) -> None:
    copy = path.with_suffix(".copy")
    with path.open("rb") as file:
        content = bytearray(file.read())
    copy.write_bytes(content)
    copy.replace(path)


IN_ITS_PLACE = [replaced, led_elsewhere, replaced_by_an_old_copy]
IN_ITSELF = [emptied, cut_off, overwritten]
AWAY = [deleted, renamed, with_its_folder]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> reading.Run:
    """A finished run of the same sweep, of another sample."""
    run = run_sweep_file(SWEEP, tmp_path_factory.mktemp("other")).run
    assert run is not None
    return run


def run_and_lose(lose: Callable[[Path, Path], None], other: Path, folder: Path) -> Lost:
    """A run whose file is lost at its fourth point."""
    told: list[Record] = []
    there: list[bytes] = []

    def watch(event: Event) -> None:
        if isinstance(event, Record):
            told.append(event)
            if len(told) == AT:
                (path,) = folder.glob("*.h5")
                lose(path, other)
                there.append(path.read_bytes() if path.exists() else b"")

    result = run_sweep_file(SWEEP, folder, watch=watch)
    assert result.failed
    assert result.run is not None
    assert "-saved_" in result.run.path.name
    assert str(result.run.path) in result.error
    voltages = [record.reading.voltage for record in result.run.records]
    assert voltages[: len(told)] == [record.reading.voltage for record in told]
    np.testing.assert_equal(asdict(reading.read_run(result.run.path)), asdict(result.run))
    name = result.run.path.with_name(result.run.path.name.replace("-saved", ""))
    return Lost(result.run, result.error, name, there[0], len(told))


@dataclass(frozen=True)
class Lost:
    """What became of it: the run that was saved, what was said, what stood under the old name, points told of."""

    run: reading.Run
    error: str
    name: Path
    there: bytes
    points: int


@pytest.mark.parametrize("lose", [*AWAY, *IN_ITS_PLACE, *IN_ITSELF])
def test_a_run_whose_file_is_lost_ends_at_once_and_is_saved(
    lose: Callable[[Path, Path], None], other: reading.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SYNC_INTERVAL", 0.0)
    content = other.path.read_bytes()
    lost = run_and_lose(lose, other.path, tmp_path / "runs")
    assert lost.points == AT
    assert lost.run.status is RunStatus.FAILED
    assert f"{lost.name}: the run file was " in lost.run.stop_reason
    assert other.path.read_bytes() == content
    if lose in IN_ITS_PLACE:
        assert lost.name.read_bytes() == lost.there


@pytest.mark.parametrize("lose", [deleted, overwritten, replaced_by_an_old_copy])
def test_a_loss_that_is_found_out_at_the_end_costs_no_point(
    lose: Callable[[Path, Path], None], other: reading.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SYNC_INTERVAL", 1e9)
    lost = run_and_lose(lose, other.path, tmp_path / "runs")
    assert lost.points == len(lost.run.records) == len(other.records)
    assert "luminance" in lost.run.stop_reason


@pytest.mark.parametrize("lose", [replaced, led_elsewhere])
def test_the_results_of_another_run_are_never_those_of_this_one(
    lose: Callable[[Path, Path], None], other: reading.Run, tmp_path: Path
) -> None:
    lost = run_and_lose(lose, other.path, tmp_path / "runs")
    assert lost.run.run_id != other.run_id
    assert f"{lost.name}: what is there now is the file of run {other.run_id}; all that was recorded" in lost.error


def test_a_file_whose_rows_were_changed_is_not_told_of_as_that_of_another_run(
    other: reading.Run, tmp_path: Path
) -> None:
    lost = run_and_lose(with_another_row, other.path, tmp_path / "runs")
    assert reading.read_run(lost.name).run_id == lost.run.run_id
    assert f"{lost.name}: what is recorded in it was changed by somebody else; all that was recorded" in lost.error


def test_a_file_that_goes_away_while_it_is_finished_is_saved_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = finishing.finish

    def late(path: Path, *arguments: object) -> reading.Run:
        if "-saved" not in path.name:
            path.unlink()
        return original(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(session.finishing, "finish", late)
    result = run_sweep_file(SWEEP, tmp_path)
    assert result.run is not None
    assert "nothing of this name is there any more" in result.error
    assert list(tmp_path.iterdir()) == [result.run.path]
    assert "luminance" in result.run.stop_reason


def test_a_share_that_numbers_its_files_anew_fails_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Device and inode may change, as long as the file of this name is that of the run."""
    original = Path.lstat
    number = [0]

    class Renumbered:
        def __init__(self, found: object) -> None:
            number[0] += 1
            self._found, self.st_ino = found, number[0]

        def __getattr__(self, name: str) -> object:
            return getattr(self._found, name)

    monkeypatch.setattr(recorder, "SYNC_INTERVAL", 0.0)
    monkeypatch.setattr(Path, "lstat", lambda path: Renumbered(original(path)))
    record = a_run(tmp_path / "run.h5", points=5)
    record.conclude(RunStop(RunStatus.COMPLETED, "", "2026-01-02T03:05:00+01:00"))
    record.close()
    assert number[0] >= 5
    assert not record.lost


def test_a_share_that_is_away_for_a_moment_fails_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(path: Path) -> None:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(recorder, "SYNC_INTERVAL", 0.0)
    record = a_run(tmp_path / "run.h5", points=2)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", away)
        record(a_record(2))
    record(a_record(3))
    record.close()
    assert len(reading.read_run(tmp_path / "run.h5").records) == 4


def test_a_copy_that_stays_behind_is_no_run_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the identity of the run, but not its rows: found out by the first one that it lacks."""
    path = tmp_path / "run.h5"
    record = a_run(path, points=2)
    shutil.copy(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    record.sync()
    monkeypatch.setattr(recorder, "SYNC_INTERVAL", 0.0)
    with pytest.raises(recorder.RecordingError, match="was replaced by something else"):
        record(a_record(2))
    saved = record.write_anew(RunStop(RunStatus.FAILED, "lost", "2026-01-02T03:05:00+01:00"))
    record.close()
    assert len(reading.read_run(saved).records) == 3
    assert len(reading.read_run(path).records) == 2
