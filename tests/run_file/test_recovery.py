"""Run files that were cut off, damaged, or are still being written: finish what can be, harm nothing."""

from __future__ import annotations

import csv
import os
import random
import sys
import uuid
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire.bench import bench as bench_module
from acquire.records import RunStatus, RunStop
from acquire.run_file import finish as finishing
from acquire.run_file import naming, reading_apart, recorder
from acquire.run_file import read as reading
from acquire.run_file.export.csv_files import export_csv
from acquire.run_file.placing import locked_alone
from acquire.safety.guardian_log import guardian_log
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.run_files import a_cut_off_run, a_record, a_run

with_locks = pytest.mark.skipif(sys.platform == "win32", reason="there, an open file cannot be replaced anyway")


@pytest.mark.skipif(sys.platform == "win32", reason="there, an open file cannot be replaced in the first place")
def test_recovering_a_run_that_goes_on_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = a_run(path, points=2)
    with pytest.raises(reading.ArchiveError, match="still going on"):
        finishing.recover(path)
    record(a_record(2))
    record.close()
    assert [r.reading.index for r in reading.read_run(path).records] == [0, 1, 2]
    assert len(finishing.recover(path).records) == 3


def test_a_file_that_could_not_be_finished_still_knows_how_its_run_ended(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = a_run(path)
    record.conclude(RunStop(RunStatus.STOPPED, "luminance \u2265 9 cd/m\u00b2 " * 60, "2026-01-02T03:05:00+01:00"))
    record.close()
    unfinished = reading.read_run(path)
    assert (unfinished.finished, unfinished.status) == (False, RunStatus.STOPPED)
    assert unfinished.stop_reason.startswith("luminance \u2265 9 cd/m\u00b2 luminance")
    recovered = finishing.recover(path)
    assert (recovered.finished, recovered.status) == (True, RunStatus.STOPPED)
    assert recovered.stop_reason == unfinished.stop_reason
    assert recovered.end_time == "2026-01-02T03:05:00+01:00"


@pytest.mark.parametrize("file", ["sweeps/table2_sppo13_liq.yaml", "sweeps/hysteresis.yaml"])
def test_the_run_that_is_shown_is_the_one_in_the_file(file: str, tmp_path: Path) -> None:
    """Points, spectra, notes and figures, to the last digit."""
    shown = run_sweep_file(CONFIGS / file, tmp_path).run
    assert shown is not None
    assert shown.spectra
    np.testing.assert_equal(asdict(reading.read_run(shown.path)), asdict(shown))


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
    a_cut_off_run(path)
    finishing.recover(path)
    content = path.read_bytes()
    assert finishing.recover(path).status == "failed"
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_without_points_can_be_recovered(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path, points=0)
    assert finishing.recover(path).records == ()


def test_wherever_a_writer_is_killed_only_whole_rows_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = recorder._positioned_writer()
    left = [10_000]

    def dies(descriptor: int, data: bytes, offset: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return write(descriptor, data, offset)

    monkeypatch.setattr(recorder, "_positioned_writer", lambda: dies)
    # The numbers, the counter; where it is another one, the kind of spectrum before
    for kind, whole in (("nearest", [1, 2]), ("measured", [1, 1, 2])):
        counted = []
        for writes in range(len(whole)):
            record = a_run(tmp_path / f"{kind}{writes}.h5", points=1)
            left[0] = writes
            with pytest.raises(KeyboardInterrupt):
                record(a_record(1, luminance=2.0)._replace(spectrum_source=kind))
            left[0] = 10_000
            record.close()
            rows = reading.read_run(tmp_path / f"{kind}{writes}.h5").records
            assert [row.spectrum_source for row in rows] == ["nearest", kind][: len(rows)]
            assert [row.luminance for row in rows[1:]] == [2.0] * (len(rows) - 1)
            counted.append(len(rows))
        assert counted == whole  # the last one is whole, although its counter was not raised any more


def test_rows_that_a_power_cut_took_are_left_out(tmp_path: Path) -> None:
    """The system may have written the row counter to the disk before the rows."""
    path = tmp_path / "run.h5"
    a_cut_off_run(path, points=3)
    with h5py.File(path, "r+") as file:
        for table in ("jvl", "dark", "exposure_samples", "notes", "spectra"):
            file[f"entry/recording/{table}_rows"][()] += 1
        file["entry/jvl/voltage"][3] = 0.7
    run = finishing.recover(path)
    assert len(run.records) == 3
    assert (run.dark, run.exposure_samples, run.notes, run.spectra) == ((), (), (), ())


def test_damaged_files_are_refused_with_an_explanation_and_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path)
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
            finishing.recover(path)
        except reading.ArchiveError as error:
            refusal = str(error)
        if refusal:
            refused += 1
            assert "run.h5" in refusal
            assert path.read_bytes() == content
    assert refused > 20


def test_damage_that_shows_only_while_it_is_finished_is_said_too(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path)
    with h5py.File(path, "r+") as file:
        del file["entry/configuration"]
    content = path.read_bytes()
    with pytest.raises(reading.ArchiveError, match="damaged"):
        finishing.recover(path)
    assert path.read_bytes() == content


def replace_column(path: Path, name: str, values: np.ndarray) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = values


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("jvl/voltage", np.zeros(2)),
        ("jvl/voltage", np.zeros((3, 2))),
        ("jvl/voltage", np.array([b"1", b"2", b"3"])),
        ("jvl/spectrum_source", np.zeros(3)),
        ("jvl/branch", np.array([b"forward", b"forwarl", b"reverse"])),
        ("spectra/spectral_radiance", np.zeros((0, 400))),
    ],
)
def test_columns_that_no_run_has_are_refused(name: str, values: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path, points=3)
    finishing.recover(path)
    replace_column(path, f"entry/{name}", values)
    with pytest.raises(reading.ArchiveError, match=r"run\.h5: is not a run file"):
        reading.read_run(path)


def with_counter(path: Path, rows: int) -> Path:
    a_cut_off_run(path, points=3)
    with h5py.File(path, "r+") as file:
        file["entry/recording/jvl_rows"][()] = rows
    return path


@pytest.mark.parametrize("rows", [4, 1 << 40])
def test_a_counter_beyond_what_was_written_adds_no_rows(rows: int, tmp_path: Path) -> None:
    assert finishing.recover(with_counter(tmp_path / "run.h5", rows)).points == 3


@pytest.mark.parametrize("rows", [-1, 0, 2])
def test_a_counter_that_is_too_low_takes_no_rows_away(rows: int, tmp_path: Path) -> None:
    assert finishing.recover(with_counter(tmp_path / "run.h5", rows)).points == 3


def test_without_checks_of_the_rows_a_counter_below_nought_is_damage(tmp_path: Path) -> None:
    path = with_counter(tmp_path / "run.h5", -1)
    with h5py.File(path, "r+") as file:
        del file["entry/checksums"]
    with pytest.raises(reading.ArchiveError, match="is said to have -1 rows"):
        finishing.recover(path)


def test_a_table_larger_than_its_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path)
    finishing.recover(path)
    with h5py.File(path, "r+") as file:
        del file["entry/jvl/voltage"]
        file["entry/jvl"].create_dataset("voltage", shape=(1 << 34,), chunks=(1 << 20,), dtype="<f8")
    with pytest.raises(reading.ArchiveError, match="larger than the file"):
        reading.read_run(path)


def test_remarks_and_reasons_of_any_kind_are_shown_as_they_are_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path)
    remark = "2026-01-02T03:05:00+01:00 \0" + "\u2126" * 300
    guardian_log(path).write_text(remark + "\n", encoding="utf-8")
    shown = finishing.finish(path, RunStop(RunStatus.FAILED, "no\0 \udcff way", "2026-01-02T03:05:00+01:00"))
    np.testing.assert_equal(asdict(reading.read_run(path)), asdict(shown))
    assert shown.notes[-1].text == "\u2126" * 160
    assert shown.stop_reason.startswith("no ? way; the guardian at 03:05:00: \u2126")


def test_a_foreign_hdf5_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["entry"] = np.arange(3)
    with pytest.raises(reading.ArchiveError, match="not a run file"):
        finishing.recover(path)


def test_an_export_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    a_cut_off_run(tmp_path / "run.h5")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(reading.ArchiveError, match="cannot be written"):
        export_csv(reading.read_run(tmp_path / "run.h5"), tmp_path / "file" / "folder")


# Who may finish a file, and when


@with_locks
def test_a_file_is_protected_from_the_moment_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = recorder.RunRecorder.__init__
    refusals: list[str] = []

    def impatient(self: Any, path: Path, *arguments: Any) -> None:
        with pytest.raises(reading.ArchiveError, match="still going on") as refused:
            finishing.recover(path)
        refusals.append(str(refused.value))
        original(self, path, *arguments)

    monkeypatch.setattr(recorder.RunRecorder, "__init__", impatient)
    record = a_run(tmp_path / "run.h5")
    record.close()
    assert len(refusals) == 1
    assert len(finishing.recover(tmp_path / "run.h5").records) == 3


@with_locks
def test_a_run_finishes_its_own_file_whoever_tries_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the end of recording and the finished file, and while it is finished."""
    folder = tmp_path / "runs"
    moments: list[str] = []

    def try_to_recover(moment: str) -> None:
        (path,) = folder.glob("*.h5")
        with pytest.raises(reading.ArchiveError, match="is left alone"):
            finishing.recover(path)
        assert reading_apart.cut_off_in(folder, 60.0) == []
        moments.append(moment)

    for owner, name in ((bench_module.BenchInRun, "close"), (finishing, "image_of")):
        original = getattr(owner, name)

        def first_try(*arguments: Any, name: str = name, original: Any = original) -> Any:
            try_to_recover(name)
            return original(*arguments)

        monkeypatch.setattr(owner, name, first_try)
    result = run_sweep_file(CONFIGS / "sweeps" / "quick_look.yaml", folder)
    assert moments == ["close", "image_of"]
    assert not result.error
    assert result.run is not None
    assert "luminance" in result.run.stop_reason


@with_locks
def test_of_two_who_recover_one_is_told_of_the_other(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path)
    with locked_alone(path), pytest.raises(reading.ArchiveError, match="another program has it open"):
        finishing.recover(path)
    assert len(finishing.recover(path).records) == 3


# Looking for what was cut off


def run_file(index: int) -> str:
    return f"20260301T12000{index}_A-1_0000000{index}.h5"


def test_run_files_that_were_cut_off_are_found_the_newest_first(tmp_path: Path) -> None:
    for index in range(4):
        a_cut_off_run(tmp_path / run_file(index), points=index)
    finishing.recover(tmp_path / run_file(2))
    assert reading_apart.cut_off_in(tmp_path, 60.0) == [(tmp_path / run_file(index), index) for index in (3, 1, 0)]
    assert reading_apart.cut_off_in(tmp_path, -1.0) == []


@with_locks
def test_a_run_that_goes_on_is_not_cut_off(tmp_path: Path) -> None:
    record = a_run(tmp_path / run_file(1))
    assert reading_apart.cut_off_in(tmp_path, 60.0) == []
    record.close()
    assert len(reading_apart.cut_off_in(tmp_path, 60.0)) == 1


def test_strange_things_in_the_folder_are_passed_over(tmp_path: Path) -> None:
    a_cut_off_run(tmp_path / run_file(5))
    content = (tmp_path / run_file(5)).read_bytes()
    (tmp_path / run_file(1)).write_bytes(b"not HDF5")
    (tmp_path / run_file(2)).write_bytes(content[: len(content) // 2])
    (tmp_path / run_file(3)).mkdir()
    (tmp_path / run_file(4)).touch()
    (tmp_path / "renamed.h5").write_bytes(content)
    (tmp_path / f"{run_file(6)}.tmp").write_bytes(content)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / run_file(7))
        (tmp_path / run_file(8)).symlink_to(tmp_path / "nowhere")
    assert reading_apart.cut_off_in(tmp_path, 60.0) == [(tmp_path / run_file(5), 3)]
    assert reading_apart.cut_off_in(tmp_path / "nowhere", 60.0) == []
    assert reading_apart.cut_off_in(tmp_path / "renamed.h5", 60.0) == []


def test_run_files_are_known_by_the_names_that_runs_give_them(tmp_path: Path) -> None:
    name = naming.file_name(datetime(2026, 3, 1, tzinfo=UTC), {"sample": "../Probe 7"}, uuid.uuid4())
    (tmp_path / name).touch()
    assert reading.run_files_in(tmp_path) == [tmp_path / name]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_no_run_file_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.h5")
    with pytest.raises(reading.ArchiveError, match="is a pipe or device"):
        reading.read_run(tmp_path / "run.h5")
    with pytest.raises(reading.ArchiveError, match="is not a run file"):
        reading.read_run(tmp_path / ("x" * 500))


def test_a_sample_name_is_no_formula_of_a_spreadsheet(tmp_path: Path) -> None:
    a_cut_off_run(tmp_path / "run.h5")
    run = replace(reading.read_run(tmp_path / "run.h5"), sample='=HYPERLINK("http://x")')
    for path in export_csv(run, tmp_path):
        with path.open(newline="", encoding="utf-8") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert f"'{run.sample}" in cells
        assert run.sample not in cells
