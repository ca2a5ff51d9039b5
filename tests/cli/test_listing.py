"""``acquire list``: a line for whatever lies in a folder, in the order and the selection that was asked for."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import h5py
import pytest
from rich.cells import cell_len

from acquire.cli import listing, selection
from acquire.cli.display import SpectatorConsole
from acquire.evaluation.figure import Figure
from acquire.records import Severity
from acquire.run_file import reading_apart
from acquire.run_file.summary import RunSummary, read_summary, write_summary
from tests.support.command import acquire
from tests.support.run_files import a_run, a_simulated_run

CUT_OFF = Path(__file__).parents[1] / "recordings" / "20261128T080942_SPPO13-Liq_263d1c43.h5"

#: Runs by file name: what their summaries say besides those of the run of which they are copies.
RUNS: Mapping[str, dict[str, Any]] = {
    "a.h5": {"sample": "Dev 3", "pixel": "A1", "start_time": "2026-11-01T10:00:00+01:00", "batch": "B1"},
    "b.h5": {
        "sample": "素子",
        "pixel": "A2",
        "start_time": "2026-11-02T10:00:00+01:00",
        "tags": ("bad contact", "x"),
    },
    "c.h5": {"sample": "Dev 1", "pixel": "", "start_time": "2026-10-30T10:00:00+01:00", "status": "failed"},
}
EQE = {"a.h5": 0.061, "b.h5": float("nan"), "c.h5": 0.052}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, one that was cut off, one that goes on, and what is none."""
    place = tmp_path_factory.mktemp("runs")
    run = a_simulated_run(tmp_path_factory.mktemp("run"))
    for name, said in RUNS.items():
        path = Path(shutil.copy(run, place / name))
        summary = read_summary(path)
        status = "ok" if name == "a.h5" else "doubtful"
        figures = {"external_quantum_efficiency_at_1000_cd_m2": Figure(EQE[name], "1", status)}
        findings = {Severity.DOUBTFUL: ("gain",)} if status == "doubtful" else {}
        with h5py.File(path, "r+") as file:
            write_summary(file, replace(summary, **said, figures={**summary.figures, **figures}, findings=findings))
    shutil.copy(CUT_OFF, place / "cut_off.h5")
    (place / "notes.h5").write_text("no run")
    (place / "half.h5").write_bytes((place / "a.h5").read_bytes()[:50_000])
    (place / "readme.txt").write_text("no run either")
    return place


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[RunSummary]:
    found = [run for _, run in reading_apart.summaries(sorted(folder.glob("*.h5")))]
    return [run for run in found if isinstance(run, RunSummary)]


def names(*arguments: object) -> list[str]:
    said = acquire("list", *arguments, "--names")
    assert said.status == 0, said.text
    return [Path(line).name for line in said.output.decode().splitlines()]


def test_each_file_has_a_line_and_costs_no_other_one(folder: Path) -> None:
    said = acquire("list", folder)
    assert said.status == 0
    lines = said.text.splitlines()
    for name in (*RUNS, "cut_off.h5"):
        assert len([line for line in lines if line.rstrip().endswith(name)]) == 1, name
    for name in ("notes.h5", "half.h5"):
        assert len([line for line in lines if f"{name}: is not a run file" in line]) == 1, name
    assert "readme" not in said.text
    assert lines[-1] == f"{folder}: 4 runs"
    assert any("cut off" in line and "12/18" in line for line in lines)


def test_a_run_that_goes_on_is_listed_as_running(tmp_path: Path, read_here: None) -> None:
    recorder = a_run(tmp_path / "now.h5")
    assert "running" in acquire("list", tmp_path).text
    recorder.close()
    assert "cut off" in acquire("list", tmp_path).text


def test_values_are_those_of_the_file_in_the_units_of_the_field(folder: Path, read_here: None) -> None:
    lines = {line.split()[-1]: line for line in acquire("list", folder).text.splitlines() if ".h5" in line}
    assert lines["a.h5"].split() == [
        "2026-11-01", "10:00", "Dev", "3", "A1", "4.41*", "6.10", "8.61*", "stopped", "15/17", "a.h5",
    ]  # fmt: skip
    assert " 5.20* " in lines["c.h5"]
    assert " ! " in lines["c.h5"]
    assert " - " in lines["b.h5"]
    assert "bad contact, x" in lines["b.h5"]


@pytest.mark.parametrize("columns", [40, 60, 80, 100])
def test_it_fits_a_window(folder: Path, runs: list[RunSummary], columns: int) -> None:
    """Wide characters count for two."""
    shown, left_out = listing._that_fit(list(listing._columns(folder)), runs, columns)
    console = SpectatorConsole(width=columns)
    with console.capture() as capture:
        console.print(listing._table(shown, runs, columns))
    lines = capture.get().splitlines()
    assert max(map(cell_len, lines)) <= columns
    assert len(lines) == 2 + len(runs)
    assert all(f"{EQE[name] * 100:.2f}" in capture.get() for name in ("a.h5", "c.h5"))
    assert ("file" in left_out) == (columns < 100)
    assert all(run.path.stem[-8:] in line for run, line in zip(runs, lines[2:], strict=True))


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_what_is_seen_of_a_name_finds_the_file(
    folder: Path, runs: list[RunSummary], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(StringIO):
        encoding = "cp437"

        def isatty(self) -> bool:
            return True

    def of_this_width(**settings: Any) -> SpectatorConsole:
        return SpectatorConsole(width=columns)

    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("acquire.cli.display.SpectatorConsole", of_this_width)
    named = [replace(run, path=folder / f"20261102T100000_A_{place:08x}.h5") for place, run in enumerate(runs, 1)]
    listing._print(folder, named, len(named), [])
    said = sys.stdout.getvalue()  # type: ignore[attr-defined]
    assert all(f"{place:08x}" in said for place in range(1, len(named) + 1))
    assert f"acquire show {folder}/*{len(named):08x}.h5" in said


def test_what_is_cut_ends_with_letters_that_every_console_has(folder: Path, runs: list[RunSummary]) -> None:
    run = replace(runs[0], sample="a sample of a long name", tags=("bad contact, shorted",), path=folder / "x.h5")
    columns = list(listing._columns(folder))
    console = SpectatorConsole(width=80)
    with console.capture() as capture:
        console.print(listing._table([columns[1], columns[9]], [run], 22))
    assert capture.get().splitlines()[-1].split() == ["a", "sample...", "bad", "c..."]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("20261102T100000_A_0a1b2c3d.h5", "0a1b2c3d"),
        ("my run.h5", "my run"),
        ("Kopie von 20261102T100000_A_0a1b2c3d (1).h5", "Kopi...c3d (1)"),
    ],
)
def test_the_short_name_of_a_file(name: str, short: str) -> None:
    assert listing._short_name(name) == short


def test_a_run_in_a_folder_of_the_folder_is_named_with_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "batch").mkdir()
    shutil.copy(folder / "a.h5", tmp_path / "batch" / "a.h5")
    assert "  batch/a.h5" in acquire("list", tmp_path, "--recursive").text


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["date >= 2026-11-01", "date < 2026-11-28"], ["a.h5", "b.h5"]),
        (["EQE_1000 > 5.5 %"], ["a.h5"]),
        (["EQE_1000>5"], ["a.h5", "c.h5"]),
        (["eqe_1000 < 5"], []),
        (["EQE_1000 != 5"], ["a.h5", "c.h5"]),
        (["tag = BAD CONTACT"], ["b.h5"]),
        (["tag ~ contact"], ["b.h5"]),
        (["tag != x", "pixel = A1"], ["a.h5"]),
        (["status = failed"], ["c.h5"]),
        (["status = cut off"], ["cut_off.h5"]),
        (["finding = gain"], ["b.h5", "c.h5"]),
        (["severity = 'doubtful'"], ["b.h5", "c.h5"]),
        (["date = 2026-11"], ["a.h5", "b.h5", "cut_off.h5"]),
        (["date = 2026-11-02 10:00"], ["b.h5"]),
        (["area = 14 mm^2", "batch = b1"], ["a.h5"]),
        (["sample = 素子"], ["b.h5"]),
        (["external_quantum_efficiency_at_1000_cd_m2 > 6"], ["a.h5"]),
    ],
)
def test_conditions(runs: list[RunSummary], conditions: list[str], expected: list[str]) -> None:
    chosen = selection.selected(runs, [selection.condition(text, selection.figures_of(runs)) for text in conditions])
    assert [run.path.name for run in chosen] == expected


@pytest.mark.parametrize(
    ("field", "reverse", "expected"),
    [
        ("date", False, ["c.h5", "a.h5", "b.h5", "cut_off.h5"]),
        ("EQE_1000", False, ["c.h5", "a.h5", "b.h5", "cut_off.h5"]),
        ("eqe_1000", True, ["a.h5", "c.h5", "b.h5", "cut_off.h5"]),
        ("pixel", False, ["a.h5", "b.h5", "c.h5", "cut_off.h5"]),
    ],
)
def test_order_with_what_is_missing_last(
    runs: list[RunSummary], field: str, reverse: bool, expected: list[str]
) -> None:
    chosen = selection.in_order(runs, selection.field_called(field, selection.figures_of(runs)), reverse=reverse)
    assert [run.path.name for run in chosen] == expected


def test_the_command_selects_and_sorts(folder: Path, read_here: None) -> None:
    assert names(folder, "--where", "EQE_1000 > 5", "--sort", "EQE_1000", "--reverse") == ["a.h5", "c.h5"]


def test_the_last_line_counts(folder: Path, read_here: None) -> None:
    said = acquire("list", folder, "--where", "file = a.h5").text
    assert re.search(r": 1 of \d+ runs$", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("EQE > 5", "Did you mean EQE_max"),
        ("luminance > 1000", "there is no field 'luminance'"),
        ("EQE_1000", "is no condition"),
        ("EQE_1000 > 5 cd/A", "EQE_1000 is a number [%], and not in 'cd/A'"),
        ("EQE_1000 > 5,5", "decimal comma"),
        ("EQE_1000 > five", "EQE_1000 is a number [%]"),
        ("sample > A", "sample is a text"),
        ("date > yesterday", "is no date"),
        ("\x1b[31m = 1", "is no condition"),
    ],
)
def test_a_wrong_condition_says_what_is_wrong(runs: list[RunSummary], text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)) as error:
        selection.condition(text, selection.figures_of(runs))
    assert f"--where '{text}'" in str(error.value)


def test_the_command_names_the_fields(folder: Path, read_here: None) -> None:
    said = acquire("list", folder, "--where", "EQE > 5\x1b")
    assert (said.status, said.output) == (2, b"")
    said = acquire("list", folder, "--sort", "EQE")
    assert (said.status, said.output) == (2, b"")
    assert "date, sample, pixel" in said.text
    assert "V_on, L_max, CE_max" in said.text


def test_json_has_everything(folder: Path, read_here: None) -> None:
    found = json.loads(acquire("list", folder, "--json").output)
    assert {Path(one["path"]).name for one in found["runs"]} == {*RUNS, "cut_off.h5"}
    by_name = {Path(one["path"]).name: one for one in found["runs"]}
    assert by_name["b.h5"]["tags"] == ["bad contact", "x"]
    assert by_name["a.h5"]["figures"]["external_quantum_efficiency_at_1000_cd_m2"]["value"] == 0.061
    assert by_name["b.h5"]["figures"]["external_quantum_efficiency_at_1000_cd_m2"]["value"] is None
    assert by_name["cut_off.h5"]["state"] == "cut off"
    assert {Path(one["path"]).name for one in found["unreadable"]} == {"notes.h5", "half.h5"}


def test_folders_that_are_none(tmp_path: Path, folder: Path, read_here: None) -> None:
    assert "there is no such folder" in (said := acquire("list", tmp_path / "x")).text
    assert said.status == 2
    assert "acquire show" in acquire("list", folder / "a.h5").text
    assert acquire("list", tmp_path).text == f"{tmp_path}: 0 runs\n"
    (tmp_path / "sub").mkdir()
    shutil.copy(folder / "a.h5", tmp_path / "sub")
    assert names(tmp_path) == []
    assert names(tmp_path, "--recursive") == ["a.h5"]
