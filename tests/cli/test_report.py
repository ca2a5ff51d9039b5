"""``acquire report`` at the command line: what it writes, says and refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner

from acquire.cli import commands
from acquire.report import pictures, written
from acquire.run_file.documented import read_documented
from tests.conftest import CONFIGS, ROOT
from tests.support.run_files import a_simulated_run

RECORDINGS = sorted((ROOT / "tests" / "recordings").glob("*.h5"))
SHIPPED = CONFIGS / "published" / "d2nr03793a_table2.yaml"
MARKS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


JVL = pictures.PICTURES["jvl"]

pytestmark = pytest.mark.usefixtures("read_here")


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures cost seconds, and have tests of their own."""
    monkeypatch.setattr(pictures, "PICTURES", {})


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    folder.mkdir()
    return Path(shutil.copy(RECORDINGS[0], folder))


def report(*arguments: object) -> tuple[int, list[str], str]:
    done = CliRunner().invoke(commands.app, ["report", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout.splitlines(), done.stderr


def test_the_page_of_a_run_is_beside_it_and_its_path_is_said_last(
    run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "PICTURES", {"jvl": JVL})
    status, said, _ = report(run_file, "--formats", "png,svg,pdf")
    folder = run_file.parent / f"{run_file.stem}_report"
    assert (status, said[-1]) == (0, str(folder / "report.html"))
    assert set(said) == {str(path) for path in folder.iterdir()}
    for kind, mark in MARKS.items():
        assert (folder / f"jvl.{kind}").read_bytes().startswith(mark)


def test_a_folder_is_compared_and_brought_up_to_date(run_file: Path, tmp_path: Path) -> None:
    shutil.copy(RECORDINGS[1], run_file.parent)
    for _ in range(2):
        status, said, _ = report(run_file.parent, "--published", SHIPPED, "--to", tmp_path / "out", "--formats", "none")
        assert status == 0
    assert any("Published: Table 2" in line for line in said)
    table = (tmp_path / "out" / "table.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(table) == 1 + 2 * 4
    assert not list((tmp_path / "out").glob("*.png"))


def test_a_run_file_that_was_given_another_name_is_counted_as_well(run_file: Path, tmp_path: Path) -> None:
    shutil.copy(RECORDINGS[1], run_file.parent / "A3 annealed.h5")
    assert report(run_file.parent, "--to", tmp_path / "out", "--formats", "none")[0] == 0
    assert len((tmp_path / "out" / "table.csv").read_text(encoding="utf-8-sig").splitlines()) == 1 + 2


def test_what_is_nobodys_report_is_not_replaced(run_file: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("mine", encoding="utf-8")
    status, _, said = report(run_file, "--to", tmp_path, "--formats", "none")
    assert status == 1
    assert "table.csv: exists already; choose another folder with --to, or --force" in said
    assert (tmp_path / "table.csv").read_text(encoding="utf-8") == "mine"
    assert report(run_file, "--to", tmp_path, "--formats", "none", "--force")[0] == 0


def test_a_file_that_cannot_be_read_costs_no_other(run_file: Path) -> None:
    wrong = run_file.parent / "wrong.h5"
    wrong.write_text("no run file", encoding="utf-8")
    status, said, complaint = report(wrong, run_file, "--formats", "none")
    assert status == 1
    assert said[-1].endswith("report.html")
    assert "wrong.h5: is not a run file" in complaint


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--formats", "png,gif"], 2, "'gif' is not one of png, svg, pdf"),
        (["--shown", "X9"], 2, "'X9' is no device of these runs"),
        (["--published", CONFIGS / "sweeps" / "quick_look.yaml"], 2, "this is a sweep file"),
        (["--style", "no.mplstyle"], 1, "no.mplstyle: cannot be read"),
        (["--ask"], 2, "nobody can be asked here"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(run_file: Path, arguments: list[object], status: int, said: str) -> None:
    found, _, complaint = report(run_file, *arguments)
    assert found == status
    assert said in complaint
    assert not (run_file.parent / f"{run_file.stem}_report").exists()


def test_the_folder_of_an_older_file_is_one_that_an_address_can_name() -> None:
    recorded = read_documented(RECORDINGS[0])
    old = replace(recorded, run=replace(recorded.run, path=Path("runs") / "20260331T142501_Dev-#3%_abcdef12.h5"))
    assert written.folder_of((old,)) == Path("runs") / "20260331T142501_Dev-3-_abcdef12_report"


def test_nothing_to_report_is_an_error(tmp_path: Path) -> None:
    status, _, complaint = report(tmp_path)
    assert status == 1
    assert "there is no run file in it" in complaint


def test_json_says_where_the_page_is_and_how_the_batch_stands(run_file: Path) -> None:
    status, said, _ = report(run_file, "--formats", "none", "--json", "--checklist")
    (line,) = said
    found = json.loads(line)
    assert status == 0
    assert Path(found["page"]).is_file()
    assert found["groups"]["SPPO13/Liq"]["alive"] == ["SPPO13/Liq"]
    assert sum(found["checklist"].values()) == 40


def test_answers_are_asked_once_and_kept(run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acquire.cli.asking.somebody_to_ask", lambda: True)
    kept = tmp_path / "answers.yaml"
    command = ["report", str(run_file), "--ask", "--answers", str(kept), "--formats", "none"]
    first = CliRunner().invoke(commands.app, command, input="N2: dry\n\n\n\nITO / Al\n")
    assert first.exit_code == 0, first.stderr
    assert f"Answers are kept in {kept}" in first.stderr
    second = CliRunner().invoke(commands.app, command, input="")
    assert "O2 and H2O" not in second.stderr
    assert "temperature and humidity" in second.stderr
    checklist = (run_file.parent / f"{run_file.stem}_report" / "checklist.md").read_text(encoding="utf-8")
    assert "N2: dry" in checklist
    assert "ITO / Al" in checklist


def test_a_run_ends_with_its_page_where_it_is_asked_for(tmp_path: Path) -> None:
    sweep = CONFIGS / "sweeps" / "quick_look.yaml"
    done = CliRunner().invoke(commands.app, ["run", str(sweep), "--output", str(tmp_path), "--report"])
    assert done.exit_code == 0, done.stderr
    page = Path(done.stdout.splitlines()[-1])
    assert (page.name, page.is_file()) == ("report.html", True)
    assert page.parent.name.endswith("_report")


def test_a_report_that_fails_changes_nothing_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acquire.report.written.page", lambda report: 1 / 0)
    sweep = CONFIGS / "sweeps" / "quick_look.yaml"
    done = CliRunner().invoke(commands.app, ["run", str(sweep), "--output", str(tmp_path), "--report", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["status"] == "stopped"
    assert "the report was not made: ZeroDivisionError" in done.stderr


def test_without_the_extra_its_name_is_said(run_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    status, _, said = report(run_file)
    assert status == 1
    assert said == 'a report needs jinja2 and matplotlib, the extra "report": pip install "jvl-bench[report]"\n'


def test_a_report_of_a_damaged_file_is_made_and_no_success(tmp_path: Path) -> None:
    path = a_simulated_run(tmp_path / "runs")
    with h5py.File(path, "r+") as file:
        file["entry/jvl/voltage"][5] = 99.0
    status, said, error = report(path, "--to", tmp_path / "out", "--formats", "none")
    assert status == 1
    assert said == [*said[:-1], str(tmp_path / "out" / "report.html")]
    assert "DAMAGED: /entry/jvl is not as it was written" in error
    assert "its file is DAMAGED" in (tmp_path / "out" / "table.csv").read_text(encoding="utf-8-sig")
