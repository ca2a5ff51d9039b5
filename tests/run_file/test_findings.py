"""Findings in a run file: told while the run goes on, and the final ones in their place once it is finished."""

from __future__ import annotations

import csv
import json
from math import nan
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from acquire.cli.commands import app
from acquire.records import Finding, Severity
from acquire.run_file import finish as finishing
from acquire.run_file import layout
from acquire.run_file import read as reading
from acquire.run_file.export.csv_files import CsvStyle, export_csv
from acquire.run_file.read import ArchiveError
from tests.support.run_files import a_run

FOUND = Finding(2.5, "photodiode_factor", Severity.DOUBTFUL, "a tenth", ("luminance_max", "fwhm"), "look", 0.1, 0.05)
NOTED = Finding(3.5, "something", Severity.NOTE, "by the way")


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "run.h5"
    record = a_run(path)
    for finding in (NOTED, FOUND):
        record(finding)
    record.close()
    return path


def test_they_are_read_back_while_the_run_goes_on_the_gravest_first(recorded: Path) -> None:
    run = reading.read_run(recorded)
    assert not run.finished
    assert repr(run.findings) == repr((FOUND, NOTED))  # NaN is not equal to itself
    assert run.summary()["findings"][0] == {
        "code": "photodiode_factor",
        "severity": "doubtful",
        "text": "a tenth",
        "value": 0.1,
        "limit": 0.05,
        "figures": ["luminance_max", "fwhm"],
        "remedy": "look",
        "time": 2.5,
    }
    assert run.summary()["findings"][1]["value"] is None
    json.dumps(run.summary(), allow_nan=False)


def test_the_final_ones_take_their_place(recorded: Path) -> None:
    """Nothing in three dark points bears out what was told, so nothing of it stays."""
    assert finishing.finish(recorded).findings == ()
    assert reading.read_run(recorded).findings == ()
    with h5py.File(recorded) as file:
        assert file["entry/findings/text"].shape == (0,)


def test_they_are_shown_where_nobody_overlooks_them(recorded: Path, read_here: None) -> None:
    shown = CliRunner().invoke(app, ["show", str(recorded)])
    assert shown.exit_code == 0
    assert "!! DOUBTFUL: a tenth. look\nnote: by the way\n" in shown.output


def test_they_are_exported_where_there_are_some(recorded: Path, tmp_path: Path) -> None:
    (path,) = (
        p
        for p in export_csv(reading.read_run(recorded), tmp_path, CsvStyle(header=False))
        if p.stem.endswith("findings")
    )
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[3] == ["photodiode_factor", "doubtful", "a tenth", "0.1", "0.05", "luminance_max fwhm", "look"]
    assert rows[4] == ["something", "note", "by the way", "", "", "", ""]


def test_no_more_than_there_is_room_for_and_no_run_ends_for_it(tmp_path: Path) -> None:
    record = a_run(tmp_path / "run.h5")
    for _ in range(layout.MOST_FINDINGS):
        assert record.has_room(Finding)
        record(NOTED)
    assert not record.has_room(Finding)
    record.close()


def test_a_severity_that_there_is_not_makes_no_run_file(recorded: Path) -> None:
    finishing.finish(recorded)
    with h5py.File(recorded, "r+") as file:
        group = file["entry/findings"]
        for name, dtype in [(name, dataset.dtype) for name, dataset in group.items()]:
            del group[name]
            text = b"grave" if name == "severity" else b""
            group.create_dataset(name, data=np.array([text if dtype.kind == "S" else nan], dtype))
    with pytest.raises(ArchiveError, match="a severity is none of note, doubtful, impossible"):
        reading.read_run(recorded)


def test_the_names_of_all_figures_fit_into_their_column() -> None:
    from acquire.evaluation.touched import names_of

    size = int(next(c.dtype[1:] for c in layout.FINDING_COLUMNS if c.name == "figures"))
    assert len(" ".join(names_of({}))) < size / 1.3
