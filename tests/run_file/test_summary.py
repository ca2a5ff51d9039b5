"""A run in short: the root's summary says what the file says, stays below 64 kB, and is noticed when it is damaged."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from acquire.bench.preparation import prepare
from acquire.evaluation.figure import Figure
from acquire.records import Severity
from acquire.run_file import finish as finishing
from acquire.run_file.read import ArchiveError, read_run
from acquire.run_file.summary import MOST_BYTES, RunSummary, read_summary, summary_of, text_of, write_summary
from tests.conftest import CONFIGS
from tests.support.run_files import a_run, a_simulated_run

RECORDINGS = Path(__file__).parents[1] / "recordings"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a short run; tests that change it copy it."""
    return a_simulated_run(tmp_path_factory.mktemp("run"))


def same(one: RunSummary, other: RunSummary) -> bool:
    return one.path == other.path and one.finished == other.finished and one.plain() == other.plain()


def test_the_summary_is_what_the_file_says(finished: Path) -> None:
    run, summary = read_run(finished), read_summary(finished)
    assert same(summary, summary_of(run))
    assert (summary.status, summary.points, summary.spectra) == ("stopped", run.points, 0)
    assert summary.state == "stopped"
    assert summary.figures["turn_on_voltage"].value == run.figures["turn_on_voltage"].value
    assert summary.emissive_area == 14e-6
    assert (summary.first_level, summary.last_level, summary.reached_level) == (0.0, 8.0, 7.0)
    assert not run.integrity.damaged


def test_a_file_without_one_gives_the_same_from_its_parts(finished: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(finished, tmp_path))
    expected = read_summary(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["summary"], file.attrs["summary_sha256"]
    assert same(read_summary(path), expected)
    assert not read_run(path).integrity.damaged


def test_a_damaged_one_is_not_used_and_said(finished: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(finished, tmp_path))
    expected = read_summary(path)
    with h5py.File(path, "r+") as file:
        file.attrs["summary"] = file.attrs["summary"].replace('"points": 15', '"points": 16')
    assert same(read_summary(path), expected)
    assert read_run(path).integrity.damaged == ("/@summary is not as it was written",)


@pytest.mark.parametrize(
    ("name", "points", "state", "tops"),
    [
        ("20261128T080939_SPPO13-Liq_2acaeb90.h5", 18, "completed", 1),
        ("20261128T080942_SPPO13-Liq_263d1c43.h5", 12, "cut off", 0),
    ],
)
def test_files_of_an_earlier_version_have_one_too(name: str, points: int, state: str, tops: int) -> None:
    summary = read_summary(RECORDINGS / name)
    assert (summary.points, summary.planned_points, summary.state) == (points, 18, state)
    assert len([figure for figure in summary.figures if figure == "luminance_max"]) == tops
    assert same(replace(summary, held=False), summary_of(read_run(RECORDINGS / name)))


def test_a_run_that_goes_on_is_running_and_then_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    recorder = a_run(path)
    assert (read_summary(path).state, read_summary(path).points) == ("running", 3)
    recorder.close()
    assert read_summary(path).state == "cut off"
    finishing.recover(path)
    assert read_summary(path).state == "failed"


def test_the_planned_points_are_those_of_the_plan(finished: Path) -> None:
    """Counted from the file's configuration alone, for every shipped sweep, as the plan counts them."""
    from acquire.config.loading import resolved

    of_one = read_run(finished)
    for sweep in sorted((CONFIGS / "sweeps").glob("*.yaml")):
        prepared = prepare(sweep)
        run = replace(of_one, resolved_json=json.dumps(resolved(prepared.loaded)))
        summary, steps = summary_of(run), prepared.plan.steps
        first = [step for step in steps if step.cycle == 0]  # each polarity is a cycle of its own
        ends = (first[0].level, first[-1].level if len({step.branch for step in first}) == 1 else None)
        assert summary.planned_points == (0 if prepared.loaded.sweep.lifetime else len(steps)), sweep
        assert summary.first_level == ends[0], sweep
        assert ends[1] is None or summary.last_level == ends[1], sweep


@pytest.mark.parametrize("text", ["name " * 20_000, "\x01" * 100_000, "発光素子" * 10_000, '"\\' * 50_000])
def test_it_stays_below_64_kilobytes_whatever_people_write(finished: Path, tmp_path: Path, text: str) -> None:
    path = Path(shutil.copy(finished, tmp_path))
    summary = replace(
        read_summary(path),
        **dict.fromkeys(("title", "sample", "pixel", "batch", "structure", "user", "stop_reason"), text),
        tags=tuple(f"{number} {text}" for number in range(1000)),
        comments=tuple(f"{number} {text}" for number in range(1000)),
        findings={Severity.DOUBTFUL: tuple(f"code_{number}" for number in range(60))},
    )
    assert len(text_of(summary).encode()) < MOST_BYTES
    with h5py.File(path, "r+") as file:
        write_summary(file, summary)
    again = read_summary(path)
    assert again.figures["luminance_max"].value == summary.figures["luminance_max"].value
    assert again.sample[:20] == text[:20]
    assert again.sample.endswith("…")
    assert again.tags[-1].startswith("999 ")


def test_more_figures_than_fit_are_refused_and_not_cut_off(finished: Path) -> None:
    summary = replace(read_summary(finished), figures={f"figure_{n}": Figure(1.0, "V", "ok") for n in range(2000)})
    with pytest.raises(ValueError, match="takes more than"):
        text_of(summary)


def test_what_is_no_run_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file.attrs["summary"] = "{}"
    with pytest.raises(ArchiveError, match=r"other\.h5: is not a run file"):
        read_summary(path)
