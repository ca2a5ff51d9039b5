"""Tables that grow by segments: complete for any reader after each single write, whatever a power cut drops."""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.records import LifetimePoint, Note, Part, PointFlag, Record, RunStatus, RunStop
from acquire.run_file import columns, finish, layout, recorder
from acquire.run_file.export import csv_files, long_columns
from acquire.run_file.export.csv_files import CsvStyle, export_csv
from acquire.run_file.layout import Growing
from acquire.run_file.read import read_run
from tests.support.run_files import CAPACITY, a_start

STOP = RunStop(RunStatus.COMPLETED, "all levels were measured", "2026-01-02T04:04:05+01:00")


def a_lifetime(path: Path, most: int = 40, segment: int = 4) -> recorder.RunRecorder:
    calibration = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
    capacity = {**CAPACITY, Record: 1, LifetimePoint: Growing(most, segment), Part: Growing(6, 2)}
    return recorder.create_run_file(
        path, a_start(), capacity, lambda group: layout.write_calibration(group, calibration)
    )


def a_point(row: int) -> LifetimePoint:
    light = 100.0 - row / 1000
    return LifetimePoint(
        float(row), row / 2, 1e-3, 5 + row, 1e-3, 0.25, 7, PointFlag.LATE, 0, 3, 70.0, light, 1.0, light / 100, 0.01
    )


def rows_shown(path: Path) -> list[float]:
    """What plain h5py shows of the voltages, up to the last that is not blank."""
    with h5py.File(path) as file:
        voltage = file["entry/lifetime/voltage"][:]
    return voltage[: np.flatnonzero(np.isfinite(voltage))[-1] + 1].tolist() if np.isfinite(voltage).any() else []


@pytest.mark.parametrize("most", [40, 4200])
def test_each_row_is_in_the_file_and_every_segment_is_found(
    tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    segment = 4 if most < 4200 else 1  # beyond 4096 segments the tree has a third level
    record = a_lifetime(path := tmp_path / "run.h5", most, segment)
    for row in range(most):
        record(a_point(row))
        if row in (0, 3, 4, 11, 4095, 4096, 4150):
            assert rows_shown(path) == [5.0 + i for i in range(row + 1)]
    with pytest.raises(recorder.RecordingError, match=f"no room for more than {most} rows"):
        record(a_point(most))
    assert record.stands()
    record.close()
    record.let_go()
    run = finish.finish(path, STOP)
    assert run.rows["lifetime"] == most
    with h5py.File(path) as file:
        assert file["entry/lifetime/voltage"][:].tolist() == [5.0 + i for i in range(most)]
        assert file["entry/lifetime/flags"].dtype == "<u4"
        assert file["entry/lifetime_live/luminance"].shape == (most,)
        assert file["entry/lifetime/voltage"].dims[0][0] == file["entry/lifetime/stress_time"]
    assert not read_run(path).integrity.damaged


def test_neither_a_file_nor_a_segment_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = list[int]()

    class Noting(io.BytesIO):
        def writelines(self, lines: Iterable[Any]) -> None:
            pieces = [bytes(line) for line in lines]
            sizes.extend(map(len, pieces))
            super().writelines(pieces)

    @contextmanager
    def noted(path: Path, content: Callable[[io.BytesIO], None], *, new: bool) -> Iterator[None]:
        content(stream := Noting())
        assert new
        path.write_bytes(stream.getvalue())
        yield

    writer = recorder._positioned_writer()

    def write(descriptor: int, data: bytes, offset: int) -> int:
        sizes.append(len(data))
        return writer(descriptor, data, offset)

    monkeypatch.setattr(recorder, "replace_file_and_lock", noted)
    monkeypatch.setattr(recorder, "_positioned_writer", lambda: write)
    record = a_lifetime(path := tmp_path / "run.h5", 1000, 500)
    assert sum(sizes) == (size := path.stat().st_size)
    for row in range(251):
        record(a_point(row))
    assert path.stat().st_size > size + 2 * recorder.PIECE
    assert max(sizes) == recorder.PIECE
    assert record.stands()
    record.close()


class Disk:
    """Notes every write of a recorder, and after which of them everything was pushed to the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writes: list[tuple[int, bytes] | None] = []  # None: everything before is on the disk

    @contextmanager
    def watched(self, record: recorder.RunRecorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        write, fsync = record._write, os.fsync

        def noted(descriptor: int, data: bytes, offset: int) -> int:
            self.writes.append((offset, bytes(data)))
            return write(descriptor, data, offset)

        def pushed(descriptor: int) -> None:
            self.writes.append(None)
            fsync(descriptor)

        monkeypatch.setattr(record, "_write", noted)
        monkeypatch.setattr(os, "fsync", pushed)
        yield
        monkeypatch.undo()


def applied(image: bytearray, writes: list[tuple[int, bytes]]) -> bytearray:
    after = bytearray(image)
    for offset, data in writes:
        after += bytes(max(offset + len(data) - len(after), 0))
        after[offset : offset + len(data)] = data
    return after


def test_a_kill_after_any_write_and_any_writes_that_a_power_cut_drops_cost_no_row_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = a_lifetime(path := tmp_path / "run.h5", most=300, segment=2)  # a tree of two levels
    for row in range(126):
        record(a_point(row))
    monkeypatch.setattr(recorder, "SYNC_INTERVAL", 1e9)
    disk, image, known = Disk(path), bytearray(path.read_bytes()), 126
    with disk.watched(record, monkeypatch):
        for row in range(126, 130):  # over the end of the first leaf
            record(a_point(row))
    record.close()
    record.let_go()
    cut, waiting = tmp_path / "cut.h5", list[tuple[int, bytes]]()
    for write in disk.writes:
        if write is None:
            image, waiting = applied(image, waiting), []
            cut.write_bytes(image)
            known = len(rows_shown(cut))
            continue
        waiting.append(write)
        for number in range(min(len(waiting), 1) + 1):
            for dropped in combinations(range(len(waiting)), number):
                kept = [one for index, one in enumerate(waiting) if index not in dropped]
                cut.write_bytes(applied(image, kept))
                voltages = rows_shown(cut)
                assert voltages[:known] == [5.0 + i for i in range(known)]
        run = read_run(cut)  # the last one without anything dropped
        assert not run.integrity.damaged
        assert columns.read_columns(cut, "lifetime", ["voltage"])["voltage"][:known].tolist() == voltages[:known]
    assert known >= 126
    assert not waiting or len(rows_shown(path)) == 130


def test_a_disk_that_is_full_at_a_new_segment_keeps_all_rows_and_leaves_room_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = a_lifetime(path := tmp_path / "run.h5")
    size, write = path.stat().st_size, record._write

    def full(descriptor: int, data: bytes, offset: int) -> int:
        if offset >= size:
            write(descriptor, data[: len(data) // 2], offset)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data, offset)

    monkeypatch.setattr(record, "_write", full)
    record(a_point(0))
    record(a_point(1))
    with pytest.raises(recorder.RecordingError, match=r"no room for the next 4 rows .*No space left"):
        record(a_point(2))
    assert path.stat().st_size == size
    record(Note(3.0, "the ending has room"))
    record.conclude(STOP)
    assert record.stands()
    record.close()
    monkeypatch.undo()
    assert finish.finish(path, STOP).rows["lifetime"] == 3


def test_a_lost_file_is_written_anew_with_segments_that_are_no_longer_in_memory(tmp_path: Path) -> None:
    record = a_lifetime(path := tmp_path / "run.h5")
    for row in range(22):
        record(a_point(row))
    path.unlink()
    with pytest.raises(recorder.RecordingError, match="deleted"):
        record.sync()
    record.close()
    saved = record.write_anew(STOP)
    assert rows_shown(saved) == [5.0 + i for i in range(22)]
    run = finish.finish(saved)
    assert (run.status, run.rows["lifetime"]) == (RunStatus.COMPLETED, 22)


def test_a_segment_that_was_changed_is_found_at_the_end(tmp_path: Path) -> None:
    record = a_lifetime(path := tmp_path / "run.h5")
    for row in range(22):
        record(a_point(row))
    with h5py.File(path, locking=False) as file:
        place = file["entry/recording/lifetime"].id.get_chunk_info(2).byte_offset
    with path.open("r+b") as file:
        file.seek(place + 3 * 8)
        file.write(np.float64(99.0).tobytes())
    assert not record.stands()
    record.close()
    record.let_go()
    voltage, flags = columns.read_columns(path, "lifetime", ["voltage", "flags"]).values()
    assert np.isnan(voltage[8])
    assert PointFlag(int(flags[8])) & PointFlag.DAMAGED
    assert voltage[9] == 14.0


def test_pieces_and_thinned_rows_are_those_of_the_whole(tmp_path: Path) -> None:
    record = a_lifetime(path := tmp_path / "run.h5")
    for row in range(22):
        record(a_point(row))
    record.close()
    record.let_go()
    for _ in range(2):  # not finished, and finished
        pieces = list(columns.segments(path, "lifetime", ["time"], rows=5))
        assert [len(piece["time"]) for piece in pieces] == [5, 5, 5, 5, 2]
        assert np.concatenate([piece["time"] for piece in pieces]).tolist() == list(range(22))
        assert columns.read_columns(path, "lifetime", ["time"], 20, 99)["time"].tolist() == [20.0, 21.0]
        assert columns.thinned(path, "lifetime", ["time"], 5)["time"].tolist() == [0.0, 5.0, 10.0, 15.0, 20.0, 21.0]
        finish.finish(path, STOP)


def test_an_export_reads_a_long_table_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = a_lifetime(path := tmp_path / "run.h5")
    record(Part(0.0, "2026-01-02T03:04:05+01:00"))
    for row in range(22):
        record(a_point(row))
    monkeypatch.setattr(long_columns, "_PIECE", 8)
    monkeypatch.setattr(csv_files, "_BLOCK", 4)
    export_csv(read_run(path), tmp_path, CsvStyle(header=False))  # while the run goes on
    record.close()
    record.let_go()
    with (tmp_path / "run_lifetime.csv").open(encoding="utf-8", newline="") as stream:
        names, _, _, *rows = list(csv.reader(stream))
    table = dict(zip(names, zip(*rows, strict=True), strict=True))
    assert [float(one) for one in table["Voltage"]] == [5.0 + row for row in range(22)]
    assert set(table["Flags"]) == {"late"}
    assert set(table["Part"]) == {"1"}
    assert (tmp_path / "run_parts.csv").read_text(encoding="utf-8").count("\n") == 4


@pytest.mark.parametrize("finished", [False, True])
def test_of_a_lifetime_viewers_show_how_the_light_fades(finished: bool, tmp_path: Path) -> None:
    viewer = pytest.importorskip("silx.io.nxdata")
    record = a_lifetime(path := tmp_path / "run.h5")
    for row in range(6):
        record(a_point(row))
    record.close()
    if finished:
        finish.finish(path, STOP)
    with h5py.File(path) as file:
        plot = viewer.get_default(file)
        assert plot.group.name == "/entry/lifetime"
        assert plot.is_valid
        assert (plot.signal_dataset_name, plot.axes_dataset_names) == ("relative_luminance", ["stress_time"])
