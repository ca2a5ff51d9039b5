"""A run that was cut off goes on in its file: every whole row stays, and new ones follow."""

from __future__ import annotations

import errno
import os
from math import nan
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.records import (
    Branch,
    DarkReading,
    ExposureSample,
    LifetimePoint,
    Note,
    Part,
    PointFlag,
    Record,
    RunStatus,
    RunStop,
    Spectrum,
)
from acquire.run_file import finish, layout, recorder
from acquire.run_file.columns import read_columns
from acquire.run_file.layout import Growing
from acquire.run_file.read import ArchiveError, read_run
from acquire.run_file.reopening import reopen_run_file
from tests.support.run_files import a_record, a_start

STOP = RunStop(RunStatus.COMPLETED, "all levels were measured", "2026-01-02T04:04:05+01:00")
CAPACITY = {
    Record: 3,
    DarkReading: Growing(20, 2),
    Spectrum: Growing(9, 2),
    ExposureSample: 0,
    Note: Growing(20, 3),
    LifetimePoint: Growing(400, 4),
    Part: Growing(20, 2),
}


def a_lifetime(path: Path) -> recorder.RunRecorder:
    calibration = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
    record = recorder.create_run_file(
        path, a_start(), CAPACITY, lambda group: layout.write_calibration(group, calibration)
    )
    record(Part(0.0, "2026-01-02T03:04:05+01:00"))
    record(DarkReading(0.5, 0.0, 1e-9, 1e-4, after=False))
    record(a_record(0, luminance=7.5))
    return record


def a_point(row: int) -> LifetimePoint:
    return LifetimePoint(float(row), row / 2, 1e-3, 5.0 + row, 1e-3, 0.25, 0, PointFlag.NONE, 0, -1, 70.0, 100.0 - row)


def a_spectrum(row: int) -> Spectrum:
    return Spectrum(row, 0, Branch.FORWARD, row, row + 1, np.full(401, 1.0 + row), 0.5)


def let_go(record: recorder.RunRecorder) -> None:
    """As a process that is killed: nothing more is written."""
    record._closed = True
    record.let_go()


def gone_on(path: Path, first: int, rows: int) -> None:
    record = reopen_run_file(path, CAPACITY)
    assert record.rows(LifetimePoint) == first
    record(Part(3600.0, "2026-01-02T05:04:05+01:00", 100.0, "cut off"))
    for row in range(first, first + rows):
        record(a_point(row))
        if row % 7 == 0:
            record(Note(row, f"note {row}"))
            record(a_spectrum(row // 7))
    assert record.stands()
    let_go(record)


def require_rows(path: Path, rows: int) -> None:
    found = read_columns(path, "lifetime")
    assert found["voltage"].tolist() == [5.0 + row for row in range(rows)]
    assert found["luminance"].tolist() == [100.0 - row for row in range(rows)]
    run = read_run(path)
    assert not run.integrity.damaged
    assert [one.spectral_radiance[7] for one in run.spectra] == [1.0 + row for row in range(len(run.spectra))]
    assert run.finished or run.tables["jvl"]["luminance"].tolist() == [7.5]


@pytest.mark.parametrize("recovered", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_run_goes_on_where_it_was_cut_off_again_and_again(tmp_path: Path, recovered: bool) -> None:
    record = a_lifetime(path := tmp_path / "run.h5")
    rows = 0
    for more in (0, 5, 13):
        if recovered:
            let_go(record)
            run = finish.recover(path)
            assert (run.status, run.rows["lifetime"], run.resumable) == (RunStatus.INTERRUPTED, rows, True)
            assert "--resume" in run.stop_reason
        else:
            let_go(record)
        gone_on(path, rows, more)
        rows += more
        require_rows(path, rows)
        assert read_run(path).status is RunStatus.RUNNING
    run = finish.finish(path, STOP)
    require_rows(path, rows)
    assert (run.status, len(run.tables["parts"]["time"])) == (RunStatus.COMPLETED, 4)
    assert run.tables["parts"]["gap"].tolist()[1:] == [100.0] * 3
    assert run.notes[0].text == "note 0"
    assert len({note.text for note in run.notes}) == len(run.notes)
    with pytest.raises(ArchiveError, match="is complete"):
        reopen_run_file(path, CAPACITY)


def test_what_was_begun_behind_the_end_and_rows_that_never_came_to_the_disk_are_written_again(tmp_path: Path) -> None:
    record = a_lifetime(path := tmp_path / "run.h5")
    for row in range(14):
        record(a_point(row))
    let_go(record)
    with h5py.File(path) as file:
        block = file["entry/recording/lifetime"]
        place = block.id.get_chunk_info_by_coord((12, 0)).byte_offset
        width = 8 * block.shape[1]
    with path.open("r+b") as stream:
        stream.seek(place)
        stream.write(np.full(width // 8, nan).tobytes())  # row 12, and half of row 13
        stream.write(b"half a row")
        stream.seek(0, 2)
        stream.write(b"half a segment")
    record = reopen_run_file(path, CAPACITY)
    first = record.rows(LifetimePoint)
    let_go(record)
    assert first == 14  # row 13 was changed, not dropped: it is not written over
    flags = read_columns(path, "lifetime", ["flags"])["flags"]
    assert [bool(int(flag) & PointFlag.DAMAGED) for flag in flags] == [False] * 12 + [True] * 2


def test_a_run_that_goes_on_a_damaged_one_and_another_experiment_are_refused(tmp_path: Path) -> None:
    record = a_lifetime(path := tmp_path / "run.h5")
    with pytest.raises(ArchiveError, match="still going on"):
        reopen_run_file(path, CAPACITY)
    record(a_point(0))
    assert record.stands()
    let_go(record)
    other = recorder.create_run_file(
        tmp_path / "other.h5",
        a_start(),
        {Record: 1},
        lambda group: layout.write_calibration(group, Calibration(conditions=Conditions(1.4e-5, 5e6))),
    )
    let_go(other)
    with pytest.raises(ArchiveError, match="cannot be gone on with"):
        reopen_run_file(tmp_path / "other.h5", CAPACITY)


@pytest.mark.parametrize("refuses", ["write", "fsync"])
def test_a_disk_that_takes_no_copy_of_a_recovered_run_is_what_is_told(
    refuses: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = a_lifetime(path := tmp_path / "run.h5")
    record(a_point(0))
    let_go(record)
    finish.recover(path)
    content = path.read_bytes()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    if refuses == "write":
        monkeypatch.setattr(recorder, "_positioned_writer", lambda: full)
    else:
        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveError, match=r"cannot be gone on with now, and stays as it is.*No space left on device"):
        reopen_run_file(path, CAPACITY)
    assert path.read_bytes() == content
    assert [one.name for one in tmp_path.iterdir()] == ["run.h5"]
