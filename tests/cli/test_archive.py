"""``acquire archive``: what a user types, and what comes of it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from acquire.archive import parquet
from acquire.archive.catalogue import Catalogue
from acquire.archive.recomputing import recompute_all
from acquire.cli.commands import app
from acquire.cli.selection import condition
from acquire.recompute.recompute import Wanted
from acquire.run_file.read import read_run
from acquire.run_file.summary import read_summary
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.catalogued import a_summary, write_run_file

RECORDINGS = Path(__file__).parents[1] / "recordings"
EQE = "external_quantum_efficiency_max"


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Twenty runs in a catalogue; the option that names it."""
    folder = tmp_path_factory.mktemp("archive")
    for one in range(20):
        figures = {EQE: 0.01 * one, "turn_on_voltage": 2.0 + 0.1 * one, "peak_wavelength": 500.0 + one}
        summary = a_summary(
            f"S{one % 4}",
            figures,
            run_id=f"{one:08d}",
            start_time=f"2026-{1 + one % 3:02d}-{1 + one:02d}T09:00:00+01:00",
            group="green" if one % 2 else "blue",
            tags=("keep",) if one == 5 else (),
            status="stopped" if one > 15 else "completed",
        )
        write_run_file(folder / "runs" / f"{one:08d}.h5", summary)
    (folder / "runs" / "notes.h5").write_text("no run")
    option = ["--catalogue", str(folder / "catalogue.sqlite")]
    done = acquire("index", str(folder / "runs"), "--json", *option)
    assert done[0] == 0
    said = json.loads(done[1])
    assert (said["runs"], said["read"], [Path(one["path"]).name for one in said["skipped"]]) == (20, 20, ["notes.h5"])
    return option


def acquire(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["archive", *words])
    return result.exit_code, result.stdout, result.stderr


CONDITIONS = [
    "EQE_max > 12",
    "EQE_max >= 12",
    "EQE_max = 8",
    "EQE_max < 3.0000001",
    "V_on <= 2.5",
    "peak > 510",
    "sample = s3",
    "sample != S3",
    "group ~ gre",
    "date >= 2026-02-10",
    "date = 2026-02",
    "date < 2026-02-20",
    "tag = keep",
    "tag ~ ee",
    "status = stopped",
    "points > 2",
]


@pytest.mark.parametrize("where", [[one] for one in CONDITIONS] + [CONDITIONS[0:2], ["EQE_max > 2", "date = 2026-03"]])
def test_conditions_choose_the_same_runs_as_in_a_list(indexed: list[str], where: list[str]) -> None:
    folder = Path(indexed[1]).parent / "runs"
    runs = [read_summary(path) for path in sorted(folder.glob("0*.h5"))]
    expected = [run.path for run in runs if all(condition(one, [EQE])(run) for one in where)]
    options = [word for one in where for word in ("--where", one)]
    status, said, _ = acquire("find", "--names", *options, *indexed)
    assert status == 0
    assert sorted(said.split()) == sorted(map(str, expected))
    assert expected, "a condition that nothing fulfils tests nothing"


def test_find_says_what_it_found_and_what_not(indexed: list[str]) -> None:
    status, said, _ = acquire("find", "s2", "--limit", "2", *indexed)
    assert status == 0
    assert "the newest 2; there are more: --limit" in said
    assert "2026-03" in said
    status, said, _ = acquire("find", "--json", "no such text", *indexed)
    assert json.loads(said)["runs"] == []
    status, _, wrong = acquire("find", "--where", "colour > 3", *indexed)
    assert status == 2
    assert "there is no field 'colour'" in wrong
    status, _, wrong = acquire("table", "--where", "EQE_max > 1e9", *indexed)
    assert (status, "no such run" in wrong) == (1, True)


def test_nothing_was_indexed_yet(tmp_path: Path) -> None:
    status, said, _ = acquire("find", "--catalogue", str(tmp_path / "c.sqlite"))
    assert "no folder was indexed yet: acquire archive index FOLDER" in said
    status, _, wrong = acquire("index", "--catalogue", str(tmp_path / "c.sqlite"))
    assert (status, "name a folder of run files" in wrong) == (2, True)
    status, said, _ = acquire("index", str(tmp_path / "none"), "--catalogue", str(tmp_path / "c.sqlite"))
    assert (status, f"cannot be read: {tmp_path / 'none'}: " in said) == (1, True)


def test_statistics_by_what_is_asked(indexed: list[str]) -> None:
    status, said, _ = acquire("statistics", "--by", "group, month", "--figure", EQE, *indexed)
    assert status == 0
    assert len(said.splitlines()) == 2 + 6
    status, _, wrong = acquire("statistics", "--by", "colour", *indexed)
    assert (status, "colour is no field to count by; there are sample, pixel" in wrong) == (2, True)


class OneAfterTheOther:
    """Carries tasks out in this process."""

    def results(self, work: Any, tasks: Sequence[Any]) -> Generator[Any, None, None]:
        for task in tasks:
            yield work.work(task)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(
    "jobs",
    ["", pytest.param("2", marks=[pytest.mark.long, pytest.mark.slow])],  # two processes that import Arrow
    ids=["here", "apart"],
)
def test_parquet_has_every_number_and_is_the_same_for_any_number_of_jobs(
    jobs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files hold what the run files hold, to the last bit, in whatever number of processes they were written."""
    monkeypatch.setattr(parquet, "IN_A_PART", 1)
    names = ["20261128T080939_SPPO13-Liq_2acaeb90.h5", "20261128T080942_SPPO13-Liq_263d1c43.h5"]
    (tmp_path / "runs").mkdir()
    for name in names:
        shutil.copy2(RECORDINGS / name, tmp_path / "runs")
    option = ["--catalogue", str(tmp_path / "c.sqlite")]
    monkeypatch.setattr(
        "acquire.archive.catalogue.STILL", -1e9
    )  # the one that was cut off lies there no longer than this
    assert acquire("index", str(tmp_path / "runs"), *option)[0] == 0
    parquet.export_parquet(Catalogue(tmp_path / "c.sqlite").find(), tmp_path / "one", OneAfterTheOther())
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.parquet"))
    assert len(files) == 5
    if jobs:
        assert acquire("export", "--parquet", str(tmp_path / "two"), "--jobs", jobs, *option)[0] == 0
        assert [(tmp_path / "one" / one).read_bytes() for one in files] == [
            (tmp_path / "two" / one).read_bytes() for one in files
        ]
    rows = pyarrow.parquet.read_table(tmp_path / "one" / "jvl")
    for run in (read_run(tmp_path / "runs" / name) for name in names):
        mine = rows.filter(pyarrow.compute.field("run_id") == run.run_id)
        for column, values in run.tables["jvl"].items():
            there = mine[column].to_numpy(zero_copy_only=False)
            if values.dtype.kind != "S":
                assert np.array_equal(there, values, equal_nan=values.dtype.kind == "f"), column
    assert rows.schema.field("current_density").metadata[b"unit"] == b"A/m^2"
    runs = pyarrow.parquet.read_table(tmp_path / "one" / "runs.parquet")
    assert runs.num_rows == 2
    status, _, wrong = acquire("export", "--parquet", str(tmp_path / "one"), *option)
    assert (status, "is not empty" in wrong) == (1, True)


@pytest.mark.long
@pytest.mark.slow  # a whole run, and a process that recomputes it
def test_recomputing_changes_what_was_said_and_leaves_the_rest(tmp_path: Path) -> None:
    """The same numbers to the last bit with nothing to be different; by twice the area half the current density."""
    folder, option = tmp_path / "runs", ["--catalogue", str(tmp_path / "c.sqlite")]
    run = run_sweep_file(CONFIGS / "sweeps" / "quick_look.yaml", folder).run
    assert run is not None
    assert acquire("index", str(folder), *option)[0] == 0
    status, _, wrong = acquire("recompute", *option)
    assert (status, "say which runs" in wrong) == (2, True)
    (same,) = recompute_all([run.path], Wanted(), OneAfterTheOther())
    assert (same.identical, same.added) == (True, "")
    content, table = run.path.read_bytes(), tmp_path / "first.csv"
    look = ["--where", "sample ~ SPPO", "--area", "28 mm^2", "--to", str(table), *option]
    assert acquire("recompute", *look)[:2] == (0, f"1 run: 1 in {table}, no file was changed, 0 refused\n")
    (row,) = csv.DictReader(table.read_text("utf-8").splitlines())
    assert run.path.read_bytes() == content
    assert acquire("recompute", *look)[0] == 3  # the table is there
    assert acquire("recompute", *look[:-3], str(tmp_path / "first.doc"), *option)[0] == 3
    status, out, _ = acquire("recompute", *look, "--force", "--json")
    (said,) = json.loads(out)["runs"]
    changed = ["--where", "sample ~ SPPO", "--area", "28 mm^2", "--name", "twice", *option]
    assert acquire("recompute", *changed)[:2] == (0, "1 run: 1 got an analysis, 0 had it already, 0 refused\n")
    before, after = run.tables["jvl"], read_run(run.path, analysis="twice").tables["jvl"]
    np.testing.assert_allclose(after["current_density"], before["current_density"] / 2, rtol=1e-12)
    figures = read_run(run.path, analysis="twice").figures
    assert said["summary"]["figures"][EQE]["value"] == figures[EQE].value != run.figures[EQE].value
    assert float(row["EQE_max"]) == figures[EQE].value * 100
    assert said["summary"]["emissive_area"] == 28e-6
    assert np.array_equal(before["current"], after["current"], equal_nan=True)
    (again,) = recompute_all([run.path], Wanted(name="twice"), OneAfterTheOther())
    assert again.there
