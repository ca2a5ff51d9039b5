"""Rows of a table from one on, while the file is written and afterwards: those that whoever reads all of it gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acquire.records import Columns, Note, RunStatus, RunStop
from acquire.run_file.finish import finish
from acquire.run_file.read import ArchiveError, read_run
from acquire.run_file.rows import changed_rows, look, read_numbers, read_rows
from tests.support.run_files import a_record, a_run

ALL = 1 << 40


def same(one: Columns, other: Columns) -> bool:
    return [name for name in (*one, *other) if one[name].tobytes() != other[name].tobytes()] == []


def test_what_comes_piece_by_piece_is_what_the_file_holds(tmp_path: Path) -> None:
    path, pieces, done = tmp_path / "run.h5", [], 0
    record = a_run(path, points=0)
    for index in range(5):
        record(a_record(index, luminance=1.0 / (index + 1)))
        if index in (0, 3, 4):
            finished, (rows,) = read_rows(path, {"jvl": (done, ALL)})
            assert (finished, rows.start, rows.total) == (False, done, index + 1)
            pieces.append(rows.columns)
            done = rows.stop
    together = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    assert same(together, read_run(path).tables["jvl"])
    record.conclude(RunStop(status=RunStatus.COMPLETED, reason="over", end_time="2026-01-02T03:04:06+01:00"))
    record.close()
    finish(path)
    finished, (rows,) = read_rows(path, {"jvl": (0, ALL)})
    assert finished
    assert same(rows.columns, read_run(path).tables["jvl"])
    assert read_rows(path, {"jvl": (3, 4)}, ["voltage"])[1][0].columns["voltage"].tolist() == [0.30000000000000004]


def test_it_is_told_how_far_a_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = a_run(path, points=2)
    record(Note(0.5, "said"))
    told = look(path)
    assert (told.run_id, told.sample, told.finished, told.status) == ("0b7e", "S1", False, "running")
    assert (told.rows["jvl"], told.rows["notes"], told.rows["spectra"]) == (2, 1, 0)
    assert told.units["jvl"]["voltage"] == "V"
    record.close()


def test_a_row_that_was_changed_in_the_file_is_blank(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = a_run(path, points=3)
    record.close()
    content = bytearray(path.read_bytes())
    number = np.float64(0.1).tobytes() + np.float64(0.1).tobytes()  # level and voltage of the second row
    at = content.index(np.float64(1.0).tobytes() + number[:8])
    content[at + 16] ^= 1
    path.write_bytes(content)
    _, (rows,) = read_rows(path, {"jvl": (0, ALL)})
    assert np.isnan(rows.columns["voltage"]).tolist() == [False, True, False]
    assert same(rows.columns, read_run(path).tables["jvl"])


def test_numbers_read_quickly_are_the_same_and_changed_rows_are_known(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = a_run(path, points=4)
    held = read_run(path).tables["jvl"]
    quick = read_numbers(path, "jvl", ["voltage", "flags", "cycle"], 1, 4)
    assert all(values.tobytes() == held[name][1:4].tobytes() for name, values in quick.items())
    assert changed_rows(path, "jvl", [0, 1, 3]) == []
    record.close()
    content = bytearray(path.read_bytes())
    at = content.index(np.float64(1.0).tobytes() + np.float64(0.1).tobytes())
    content[at + 16] ^= 1
    path.write_bytes(content)
    assert changed_rows(path, "jvl", [0, 1, 3]) == [1]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path).close()
    assert read_rows(path, {"jvl": (7, 9), "spectra": (0, ALL)})[1][0].columns["voltage"].size == 0
    for wanted, names in (({"nothing": (0, 1)}, None), ({"jvl": (0, 1)}, ["nothing"])):
        with pytest.raises(KeyError):
            read_rows(path, wanted, names)
    with pytest.raises(ArchiveError):
        look(tmp_path / "none.h5")
