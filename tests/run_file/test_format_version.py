"""Files of other versions of the format: older and newer ones as the rule of the layout says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire.run_file import finish as finishing
from acquire.run_file import laying_out, layout
from acquire.run_file import read as reading
from tests.support.run_files import a_run, a_simulated_run


def set_version(path: Path, version: str) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = version
        file.attrs["creator"] = "acquire 7.1"


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    return a_simulated_run(tmp_path)


def test_a_file_says_its_version(finished: Path) -> None:
    with h5py.File(finished) as file:
        assert file.attrs["format_version"] == "1.5"
    assert reading.read_run(finished).version == layout.FORMAT_VERSION


def test_a_newer_minor_version_is_read_with_what_is_known(finished: Path) -> None:
    before = reading.read_run(finished)
    set_version(finished, "1.9")
    with h5py.File(finished, "r+") as file:
        file["entry/temperatures"] = np.arange(3.0)
    run = reading.read_run(finished)
    np.testing.assert_array_equal(run.tables["jvl"]["voltage"], before.tables["jvl"]["voltage"])
    assert run.version == (1, 9)


def test_a_newer_major_version_is_refused_with_the_name_of_its_program(finished: Path) -> None:
    set_version(finished, "2.0")
    for attempt in (reading.read_run, finishing.recover, reading.points_if_unfinished):
        with pytest.raises(reading.ArchiveError) as refused:
            attempt(finished)
        assert str(refused.value).startswith(f"{finished}: was written by acquire 7.1 in format 2.0")


@pytest.mark.parametrize("version", ["one", "1", "1.0.0", "-1.0", "99999.0"])
def test_a_version_that_makes_no_sense_is_refused(finished: Path, version: str) -> None:
    set_version(finished, version)
    with pytest.raises(reading.ArchiveError, match="its format version is"):
        reading.read_run(finished)


def with_temperature(source_unit: str) -> list[layout.Column]:
    more = layout.Column("temperature", "<f8", "K", "of the device", "reading.voltage")
    columns = layout.jvl_columns(source_unit)
    return [*columns[:3], more, *columns[3:]]


def test_a_newer_recording_is_read_but_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that this program does not know stands in the middle of the others, and in the checks of the rows."""
    jvl, *others = layout.TABLES
    tables = (replace(jvl, columns=with_temperature), *others)
    path = tmp_path / "run.h5"
    with monkeypatch.context() as patch:
        patch.setattr(layout, "TABLES", tables)
        patch.setattr(laying_out, "LARGEST_KEPT", -1)  # nothing of another layout
        a_run(path, points=3).close()
    set_version(path, "1.9")
    run = reading.read_run(path)
    np.testing.assert_array_equal(run.tables["jvl"]["voltage"], [0.0, 0.1, 0.2])
    assert "temperature" not in run.tables["jvl"]
    assert not run.integrity.damaged
    content = path.read_bytes()
    with pytest.raises(reading.ArchiveError, match=r"written by acquire 7\.1.*stays as it is"):
        finishing.finish(path)
    assert path.read_bytes() == content


def test_a_file_of_format_1_2_has_no_cycles_and_is_read(finished: Path) -> None:
    before = reading.read_run(finished)
    with h5py.File(finished, "r+") as file:
        file.attrs["format_version"] = "1.2"
        for table in ("jvl", "jvl_live"):
            if "cycle" in file["entry"][table]:
                del file["entry"][table]["cycle"]
    run = reading.read_run(finished)
    np.testing.assert_array_equal(run.tables["jvl"]["voltage"], before.tables["jvl"]["voltage"])
    assert len(run.tables["jvl"]["cycle"]) == run.points
