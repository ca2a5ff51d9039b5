"""Options that stand in place of the sweep file: recorded by the run, remembered for the next one in the same place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from click.testing import Result
from typer.testing import CliRunner

from acquire.cli import again
from acquire.cli.commands import app
from acquire.config import Said
from acquire.run_file import read as reading
from tests.conftest import CONFIGS

QUICK = CONFIGS / "sweeps" / "quick_look.yaml"
OPTIONS = ["--sample", "蓝光 A3", "--area", "4 mm^2", "--pixel", "2", "--note", "annealed"]
SAID = [Said("--sample", "A3"), Said("--area", "4 mm^2")]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of one's own, and a folder to run in."""
    folder = tmp_path / "state"
    monkeypatch.setattr("platformdirs.user_state_path", lambda name, appauthor: folder / name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return folder


def acquire(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_run_records_what_was_said_and_the_next_has_it_again(state: Path) -> None:
    done = acquire("run", QUICK, *OPTIONS)
    assert done.exit_code == 0, done.output
    assert "note: sample.emissive_area is 4 mm^2 by --area; the sweep file says 14 mm^2" in done.output
    (path,) = Path("runs").glob("*.h5")
    assert "_蓝光-A3_" in path.name
    with h5py.File(path) as file:
        entry = file["entry"]
        assert entry["sample/name"][()].decode() == "蓝光 A3"
        assert entry["sample/pixel"][()].decode() == "2"
        assert entry["sample/emissive_area"][()] == 4e-6
        assert entry["configuration/note"][()].decode() == "annealed"
        assert entry["configuration/sweep_yaml"][()].decode() == QUICK.read_text(encoding="utf-8")
        overrides = json.loads(entry["configuration/overrides_json"][()])
        assert json.loads(entry["configuration/resolved_json"][()])["overrides"] == overrides
    said = {one["key"]: (one["file_says"], one["said"]) for one in overrides}
    assert said["sample.name"] == ("SPPO13", "蓝光 A3")
    assert said["sample.emissive_area"] == ("14 mm^2", "4 mm^2")
    run = reading.read_run(path)
    assert run.integrity.verifiable
    assert not run.integrity.damaged
    assert "remark: annealed" in [note.text for note in run.notes]

    page = acquire("plan", QUICK, "--again", "--pixel", "3").output
    assert "蓝光 A3, pixel 3" in page
    assert "sample.name is 蓝光 A3 by --sample (again)" in " ".join(page.split())
    assert "sample.pixel is 3 by --pixel;" in " ".join(page.split())
    assert len(list(state.rglob("*.json"))) == 1


def test_a_run_of_which_nothing_is_said_neither_writes_nor_forgets(state: Path) -> None:
    again.remember([], QUICK, None, None)
    assert not state.exists()
    again.remember(SAID, QUICK, None, None)
    again.remember([], QUICK, None, None)
    assert again.remembered(QUICK, None, None) == {"--sample": "A3", "--area": "4 mm^2"}


def test_another_folder_or_bench_remembers_its_own(bench_file: Callable[..., Path]) -> None:
    bench = bench_file({})
    again.remember(SAID, QUICK, None, None)
    for other_bench, output in ((bench, None), (None, Path("elsewhere"))):
        assert (
            acquire("plan", QUICK, "--again", *(["--output", output] if output else ["--bench", bench])).exit_code == 2
        )
        again.remember([Said("--sample", "other")], QUICK, other_bench, output)
        assert again.remembered(QUICK, other_bench, output) == {"--sample": "other"}
    assert again.remembered(QUICK, None, Path("runs").resolve()) == {"--sample": "A3", "--area": "4 mm^2"}


def test_what_is_said_now_comes_before_what_is_remembered() -> None:
    again.remember(SAID, QUICK, None, None)
    said = again.said({"--sample": "B1", "--pixel": None}, True, QUICK, None, None)
    assert said == [Said("--sample", "B1"), Said("--area", "4 mm^2", remembered=True)]
    assert again.said({"--sample": None}, False, QUICK, None, None) == []


def test_nothing_remembered_is_said_and_nothing_is_run() -> None:
    done = acquire("run", QUICK, "--again")
    assert done.exit_code == 2
    assert done.stderr.startswith("--again: nothing is remembered of runs into ")
    assert len(done.stderr.splitlines()) == 1
    assert not Path("runs").exists()
    said = json.loads(acquire("run", QUICK, "--again", "--json").stdout)
    assert said["status"] == "failed"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"said": {}}', b'{"said": {"--sweep": "x"}}', b'{"said": {"--sample": 3}}', b"\xff",
     b'{"said": ["--sample"]}', b"[" * 60_000, b" " * 70_000],
)  # fmt: skip
def test_a_broken_memory_costs_one_line(content: bytes, state: Path) -> None:
    again.remember(SAID, QUICK, None, None)
    (path,) = state.rglob("*.json")
    path.write_bytes(content)
    done = acquire("plan", QUICK, "--again")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"--again: {path} is damaged")
    assert len(done.stderr.splitlines()) == 1
    again.remember(SAID, QUICK, None, None)
    assert again.remembered(QUICK, None, None) == {"--sample": "A3", "--area": "4 mm^2"}


def test_a_memory_that_is_no_longer_allowed_is_refused_by_the_rules_of_the_file() -> None:
    again.remember([Said("--area", "4 V")], QUICK, None, None)
    done = acquire("plan", QUICK, "--again")
    assert done.exit_code == 2
    assert done.stderr.startswith("--area (again): sample.emissive_area: '4 V' has the wrong unit")


def test_that_it_cannot_be_remembered_costs_a_run_one_line(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state.write_text("a file stands here", encoding="utf-8")
    again.remember(SAID, QUICK, None, None)
    said = capsys.readouterr().err
    assert "cannot be remembered for --again" in said
    assert len(said.splitlines()) == 1


def test_a_folder_in_place_of_the_memory_is_named(state: Path) -> None:
    again.remember(SAID, QUICK, None, None)
    (path,) = state.rglob("*.json")
    path.unlink()
    path.mkdir()
    done = acquire("plan", QUICK, "--again")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "cannot be read" in done.stderr


def test_again_with_a_file_that_is_no_sweep_says_that(tmp_path: Path) -> None:
    for sweep, said in (
        (tmp_path / "none.yaml", "no such file"),
        (CONFIGS / "benches" / "simulated.yaml", "bench file"),
    ):
        done = acquire("plan", sweep, "--again")
        assert done.exit_code == 2
        assert said in done.stderr
