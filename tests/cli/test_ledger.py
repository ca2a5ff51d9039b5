"""``acquire ledger``: what a device went through in all its runs, whatever else lies in their folder."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import pytest

from acquire.cli.ledger import lines
from acquire.evaluation.device_stress import Stress
from acquire.run_file.ledger import Device, duration_text, earlier_stress, ledgers, stress_text, summary_with_stress
from acquire.run_file.read import read_run
from acquire.run_file.summary import read_summary, write_summary
from tests.support.command import acquire
from tests.support.run_files import a_cut_off_run, a_simulated_run

EACH = Stress(1.5, 3600.0, 8.0, 2e-3, 2, 12.0)
FILES = {
    "a.h5": ("Dev 1", "A1", "2026-11-01T10:00:00+01:00"),
    "b.h5": ("Dev 1", "A1", "2026-11-02T10:00:00+01:00"),
    "c.h5": ("Dev 1", "A2", "2026-11-01T12:00:00+01:00"),
    "d.h5": ("Dev 2", "A1", "2026-11-01T11:00:00+01:00"),
}


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_simulated_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def folder(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs of three devices, one that goes on, one that is broken, one that lies there twice."""
    place = tmp_path_factory.mktemp("runs")
    summary = read_summary(run_file)
    for name, (sample, pixel, start) in FILES.items():
        path = Path(shutil.copy(run_file, place / name))
        said = replace(summary, sample=sample, pixel=pixel, start_time=start, run_id=name, stress=EACH, batch="B")
        with h5py.File(path, "r+") as file:
            write_summary(file, said)
    shutil.copy(place / "a.h5", place / "copy of a.h5")
    (place / "broken.h5").write_bytes(b"no run file")
    a_cut_off_run(place / "running.h5")
    return place


def test_a_finished_file_states_the_stress_of_its_run(run_file: Path) -> None:
    run = read_run(run_file)
    points = run.tables["jvl"]
    assert run.stress is not None
    assert run.stress == read_summary(run_file).stress
    assert run.stress.voltage == abs(points["voltage"]).max()
    # Held from one reading to the next: by hand, the first point is at 0 V
    time, current = points["time"][1:].tolist(), points["current"][1:].tolist()
    lasting = [after - before for before, after in pairwise(time)]
    least = sum(abs(one) * length for one, length in zip(current, lasting, strict=False))
    assert least < run.stress.charge < least + abs(current[-1]) * 2 * max(lasting)
    assert sum(lasting) < run.stress.time < sum(lasting) + 2 * max(lasting)
    with h5py.File(run_file) as file:
        assert file["entry/stress/charge"].attrs["units"] == "C"


def test_the_runs_of_a_device_add_up_and_a_copy_counts_once(folder: Path) -> None:
    runs = [read_summary(path) for path in sorted(folder.glob("*.h5")) if path.name != "broken.h5"]
    found = {one.device: one for one in ledgers(runs)}
    counts = {device: len(one.runs) for device, one in found.items()}
    assert counts == {("Dev 1", "B", "A1"): 2, ("Dev 1", "B", "A2"): 1, ("Dev 2", "B", "A1"): 1, ("S1", "", ""): 1}
    both = found[Device("Dev 1", "B", "A1")].stress
    assert both == Stress(3.0, 7200.0, 8.0, 2e-3, 4, 24.0)


def test_for_people_a_run_file_stands_for_its_device_and_broken_files_are_named(folder: Path) -> None:
    told = acquire("ledger", folder / "a.h5")
    assert told.status == 0
    for text in ("Dev 1, batch B, pixel A1: 2 runs, 2026-11-01 to 2026-11-02", "3 C", "2 h", "8 V and 2 mA", "4, 24 s"):
        assert text in told.output.decode()
    assert re.search("left out: .*broken.h5", told.messages.decode())


def test_a_run_that_is_not_finished_counts_as_far_as_it_is(folder: Path) -> None:
    summary = summary_with_stress(folder / "running.h5")
    assert summary.stress == Stress(charge=pytest.approx(2e-3), time=2.0, voltage=pytest.approx(0.2), current=1e-3)
    told = "\n".join(lines(ledgers([summary])[0]))
    assert "as far as it is    running.h5 (cut off)" in told


def test_an_unknown_device_is_answered_by_those_that_are_there(folder: Path, read_here: None) -> None:
    done = acquire("ledger", "Dev 9", folder, "--json")
    assert done.status == 1
    assert "no run of Dev 9; devices there: Dev 1, batch B, pixel A1" in done.text
    told = json.loads(done.output)
    assert told["devices"] == []
    assert [Path(one["path"]).name for one in told["unreadable"]] == ["broken.h5"]


def test_earlier_runs_of_the_same_device_and_no_others(run_file: Path, tmp_path: Path, read_here: None) -> None:
    run = read_run(run_file)
    summary = read_summary(run_file)
    for name, change in {
        "before.h5": {"start_time": "2020-01-01T00:00:00+00:00", "run_id": "1"},
        "after.h5": {"start_time": "2099-01-01T00:00:00+00:00", "run_id": "2"},
        "other.h5": {"start_time": "2020-01-01T00:00:00+00:00", "run_id": "3", "pixel": "other"},
        "same.h5": {},
    }.items():
        path = Path(shutil.copy(run_file, tmp_path / name))
        with h5py.File(path, "r+") as file:
            write_summary(file, replace(summary, stress=EACH, **change))
    here = replace(run, path=Path(shutil.copy(run_file, tmp_path / "this.h5")))
    assert earlier_stress(here).stress == EACH
    text = "1 earlier run of this device in its folder: 1.5 C in 60 min, at most 8 V and 2 mA, 2 spectra (12 s)"
    assert earlier_stress(here).text == text
    assert earlier_stress(here, patience=-1.0).text.startswith("no earlier run of this device in its folder; not all")
    assert text in acquire("show", tmp_path / "this.h5").text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0 s"), (119.0, "119 s"), (120.0, "2 min"), (7200.0, "2 h"), (3.6e6, "1000 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_one_spectrum_is_one() -> None:
    assert stress_text(Stress(exposures=1, exposure_time=2.0)).endswith("1 spectrum (2 s)")
    assert Device("a", pixel="b").called == "a, pixel b"
