"""Run files that were cut off, damaged, or are still being written: finish what can be, harm nothing."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire import archive, recorder
from acquire.evaluate import Calibration
from tests.test_recorder import CAPACITY, a_record, a_start


def a_run(path: Path, points: int = 3) -> recorder.RunRecorder:
    calibration = Calibration(emissive_area=1.4e-5, amplifier_gain=5e6)
    record = recorder.create_run_file(
        path, a_start(), CAPACITY, lambda group: archive.write_calibration(group, calibration)
    )
    for index in range(points):
        record(a_record(index))
    return record


@pytest.mark.skipif(sys.platform == "win32", reason="there, an open file cannot be replaced in the first place")
def test_recovering_a_run_that_goes_on_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = a_run(path, points=2)
    with pytest.raises(archive.ArchiveError, match="still going on"):
        archive.recover(path)
    record(a_record(2))
    record.close()
    assert [r.reading.index for r in archive.read_run(path).records] == [0, 1, 2]
    assert len(archive.recover(path).records) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="there, an open file cannot be replaced in the first place")
def test_a_run_that_goes_on_can_be_read_but_not_written_by_others(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = a_run(path)
    with h5py.File(path) as file:
        assert file["entry/recording/jvl_rows"][()] == 3
    with pytest.raises(OSError, match="lock"):
        h5py.File(path, "r+")
    record.close()


def test_recovering_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path).close()
    archive.recover(path)
    content = path.read_bytes()
    assert archive.recover(path).status == "failed"
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_without_points_can_be_recovered(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path, points=0).close()
    assert archive.recover(path).records == ()


def test_rows_that_a_power_cut_took_are_left_out(tmp_path: Path) -> None:
    """The system may have written the row counter to the disk before the rows."""
    path = tmp_path / "run.h5"
    a_run(path, points=3).close()
    with h5py.File(path, "r+") as file:
        for table in ("jvl", "dark", "exposure_samples", "notes", "spectra"):
            file[f"entry/recording/{table}_rows"][()] += 1
        file["entry/jvl/voltage"][3] = 0.7
    run = archive.recover(path)
    assert len(run.records) == 3
    assert (run.dark, run.exposure_samples, run.notes, run.spectra) == ((), (), (), ())


def test_damaged_files_are_refused_with_an_explanation_and_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path).close()
    whole = path.read_bytes()
    chance = random.Random(1)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(200):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        content = bytes(damaged[: chance.randrange(1, len(damaged))] if chance.random() < 0.5 else damaged)
        path.write_bytes(content)
        refusal = ""
        try:
            archive.recover(path)
        except archive.ArchiveError as error:
            refusal = str(error)
        if refusal:
            refused += 1
            assert "run.h5" in refusal
            assert path.read_bytes() == content
    assert refused > 20


def test_a_foreign_hdf5_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["entry"] = np.arange(3)
    with pytest.raises(archive.ArchiveError, match="not a run file"):
        archive.recover(path)


def test_an_export_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    a_run(tmp_path / "run.h5").close()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(archive.ArchiveError, match="cannot be written"):
        archive.export_csv(archive.read_run(tmp_path / "run.h5"), tmp_path / "file" / "folder")
