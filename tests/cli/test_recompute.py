"""``acquire recompute``: several files at once, what it says, and who shows an analysis."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import acquire
from tests.support.run_files import a_cut_off_run, a_finished_run


@pytest.fixture
def folder(tmp_path: Path, read_here: None) -> Path:
    """Two finished runs and one that was cut off."""
    for name in ("a.h5", "b.h5"):
        a_finished_run(tmp_path / name)
    a_cut_off_run(tmp_path / "cut.h5")
    return tmp_path


def test_one_that_fails_does_not_stop_the_others(folder: Path) -> None:
    said = acquire("recompute", folder, "--area", "28 mm^2", "--reason", "wrong mask")
    assert said.status == 1
    for name in ("a.h5", "b.h5"):
        assert f"{name}: analysis area (from run): emissive area 14 mm^2 -> 28 mm^2" in said.text
    assert "cut.h5: is not finished" in said.messages.decode()
    shown = acquire("show", folder / "a.h5").text
    assert "emissive area 14 mm^2 -> 28 mm^2 (wrong mask)" in shown
    assert "emissive area  14 mm^2" in shown
    by_it = acquire("show", folder / "a.h5", "--analysis", "latest").text
    assert "emissive area  28 mm^2" in by_it
    assert "results  by analysis area" in by_it
    found = json.loads(acquire("show", folder / "a.h5", "--analysis", "area", "--json").output)
    assert (found["analysis"], found["analyses"][0]["reason"]) == ("area", "wrong mask")
    assert acquire("show", folder / "a.h5", "--analysis", "other").status == 1


def test_tables_of_an_analysis_have_its_name(folder: Path) -> None:
    acquire("recompute", folder / "a.h5", "--area", "28 mm^2", "--name", "mask")
    for options in ([], ["--analysis", "mask"]):
        assert acquire("export", folder / "a.h5", "--to", folder / "csv", *options).status == 0
    own, other = ((folder / "csv" / name).read_text(encoding="utf-8") for name in ("a_jvl.csv", "a_mask_jvl.csv"))
    assert "by analysis mask" in other
    assert "by analysis mask" not in own


def test_json_says_what_came_of_each_file(folder: Path) -> None:
    found = json.loads(acquire("recompute", folder / "a.h5", folder / "b.h5", "--json").output)
    assert [(one["analysis"], one["differences"]) for one in found["runs"]] == [(None, []), (None, [])]
    assert acquire("recompute", folder / "a.h5").text.startswith(
        f"{folder / 'a.h5'}: the same to the last bit as 'run'"
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--area", "0 mm^2"], "--area: '0 mm^2' is no emissive area"),
        (["--area", "14"], "has no unit"),
        (["--calibration", "nothing.yaml"], "nothing.yaml"),
        (["--name", "a/b"], "--name: an analysis is called by"),
    ],
)
def test_what_is_wrong_is_said_before_a_file_is_opened(folder: Path, options: list[str], why: str) -> None:
    before = (folder / "a.h5").read_bytes()
    said = acquire("recompute", folder / "a.h5", *options)
    assert said.status == 2
    assert why in said.text
    assert (folder / "a.h5").read_bytes() == before
