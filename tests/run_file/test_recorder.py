"""The run file while it grows: every recorded row is there for any reader, whatever happens to the writer."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from math import nan
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire.records import (
    Branch,
    DarkReading,
    ExposureSample,
    LifetimePoint,
    Note,
    Record,
    Spectrum,
)
from acquire.run_file import recorder
from acquire.run_file.layout import Capacity, Growing
from tests.support.run_files import CAPACITY, a_record, a_start


def new_file(tmp_path: Path) -> recorder.RunRecorder:
    return recorder.create_run_file(tmp_path / "run.h5", a_start(), CAPACITY, lambda group: None)


def test_a_row_is_in_the_file_before_the_call_returns(tmp_path: Path) -> None:
    record = new_file(tmp_path)
    record(a_record(0, luminance=7.5))
    with h5py.File(tmp_path / "run.h5") as file:
        jvl = file["entry/jvl"]
        assert jvl["luminance"][0] == 7.5
        assert np.isnan(jvl["luminance"][1:]).all()
        assert jvl["branch"][0] == b"forward"
        assert jvl["spectrum_source"][0] == b"nearest"
        assert jvl["flags"][0] == 65
        assert file["entry/status"][()] == b"running"
        assert file["entry/recording/jvl_rows"][()] == 1
    record.close()


def test_every_kind_of_event_keeps_its_values(tmp_path: Path) -> None:
    record = new_file(tmp_path)
    radiance = np.linspace(0.0, 1.0, 401)
    record(DarkReading(0.5, 0.0, 1e-9, 1e-4, after=True))
    record(ExposureSample(1, 3.0, 4.0, 5e-3, 0.6))
    record(Note(1.0, "µ" * 400))
    meter = {"meter_luminance": 100.0, "meter_x": 0.12, "meter_y": 0.79}
    record(Spectrum(0, 3, Branch.REVERSE, 1.0, 2.0, radiance, 0.5, 0.25, 0.01, luminance=101.0, **meter))
    record.close()
    with h5py.File(tmp_path / "run.h5") as file:
        entry = file["entry"]
        assert entry["dark/after"][0] == 1
        assert entry["exposure_samples/spectrum_index"][0] == 1
        assert entry["notes/text"][0].decode() == "µ" * 240
        assert entry["spectra/meter_y"][0] == 0.79
        assert entry["spectra/luminance"][0] == 101.0
        assert np.array_equal(entry["spectra/spectral_radiance"][0], radiance)


def test_all_numbers_carry_units_and_the_default_plot_is_the_jvl_curve(tmp_path: Path) -> None:
    new_file(tmp_path).close()
    with h5py.File(tmp_path / "run.h5") as file:
        entry = file[file.attrs["default"]]
        curve = entry[entry.attrs["default"]]
        assert curve.attrs["NX_class"] == "NXdata"
        assert curve.attrs["signal"] in curve
        assert all(axis in curve for axis in curve.attrs["axes"])
        for name, dataset in curve.items():
            assert "units" in dataset.attrs, name
        assert "bit_0_compliance" in curve["flags"].attrs
        assert entry["instrument/smu"].attrs["filter"] == "[1, 2]"


def test_a_run_file_is_never_overwritten(tmp_path: Path) -> None:
    new_file(tmp_path).close()
    with pytest.raises(recorder.RecordingError, match="never overwritten"):
        new_file(tmp_path)


def test_a_full_table_is_an_error_and_keeps_its_rows(tmp_path: Path) -> None:
    record = new_file(tmp_path)
    for index in range(CAPACITY[Record]):
        assert record.has_room(Record)
        record(a_record(index, luminance=float(index)))
    assert not record.has_room(Record)
    with pytest.raises(recorder.RecordingError, match="no room for more than 5 rows"):
        record(a_record(5))
    record.close()
    with h5py.File(tmp_path / "run.h5") as file:
        assert file["entry/jvl/luminance"][:].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file stands where the folder should be")
    with pytest.raises(recorder.RecordingError, match="cannot be made"):
        recorder.create_run_file(tmp_path / "runs" / "run.h5", a_start(), CAPACITY, lambda group: None)


@pytest.mark.parametrize(
    ("capacity", "advice"),
    [
        ({ExposureSample: 500_000_000}, "plan a longer spectra.sample_every, or fewer spectra"),
        ({ExposureSample: Growing(10**9)}, "plan a longer spectra.sample_every, or fewer spectra"),
        ({Spectrum: Growing(10**8), ExposureSample: Growing(10**8)}, "plan fewer spectra"),
        ({LifetimePoint: Growing(10**9)}, "plan readings farther apart"),
    ],
)
def test_a_file_that_would_be_too_large_is_refused_with_the_key_that_makes_it_so(
    capacity: Capacity, advice: str, tmp_path: Path
) -> None:
    with pytest.raises(recorder.RecordingError, match=f"larger than a run file may be .* {advice}"):
        recorder.create_run_file(tmp_path / "run.h5", a_start(), {**CAPACITY, **capacity}, lambda group: None)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_for_the_file_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(recorder.RecordingError, match="No space left"):
        new_file(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_hdf5_cannot_hold_is_said(tmp_path: Path) -> None:
    start = replace(a_start(), title="a\0b")
    with pytest.raises(recorder.RecordingError, match="text"):
        recorder.create_run_file(tmp_path / "run.h5", start, CAPACITY, lambda group: None)
    assert list(tmp_path.iterdir()) == []


def test_the_fallback_writer_for_systems_without_pwrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pwrite", raising=False)
    record = new_file(tmp_path)
    record(a_record(0, luminance=3.0))
    record(a_record(1, luminance=nan))
    record(a_record(2, luminance=4.0))
    record.close()
    with h5py.File(tmp_path / "run.h5") as file:
        np.testing.assert_array_equal(file["entry/jvl/luminance"][:3], [3.0, nan, 4.0])


def test_the_file_is_pushed_to_the_disk_a_second_after_a_row_at_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a row every 0.3 s, no more than a second of them is lost in a power cut."""
    now, pushed = [0.0], [0.0]
    monkeypatch.setattr(recorder.time, "monotonic", lambda: now[0])
    record = new_file(tmp_path)
    monkeypatch.setattr(recorder.os, "fsync", lambda descriptor: pushed.append(now[0]))
    for index in range(5):
        now[0] += 0.3
        record(a_record(index))
        assert now[0] - pushed[-1] <= 1.0
    assert len(pushed) == 2
    record.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_writer_leaves_every_reported_row(tmp_path: Path) -> None:
    writer = textwrap.dedent(
        f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from pathlib import Path
        from tests.support.run_files import a_record, a_start
        from acquire.run_file import recorder
        from acquire.records import Record
        capacity = {{Record: 100000}}
        record = recorder.create_run_file(Path({str(tmp_path / "run.h5")!r}), a_start(), capacity, lambda group: None)
        for index in range(100000):
            record(a_record(index, luminance=float(index)))
            print(index, flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 500:
            process.kill()
            break
    reported = [int(line) for line in process.stdout.read().splitlines() if line]
    process.stdout.close()
    process.wait()
    last = max(reported, default=500)
    with h5py.File(tmp_path / "run.h5") as file:
        rows = int(file["entry/recording/jvl_rows"][()])
        assert rows >= last + 1
        assert file["entry/jvl/luminance"][:rows].tolist() == list(range(rows))
