"""``acquire show``: the conditions of a run, how far it came, and several runs beside each other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from acquire.cli import comparison, results
from acquire.cli.conditions import conditions, how_far
from acquire.cli.display import SpectatorConsole
from acquire.config import Said
from acquire.run_file.read import Run, read_run
from acquire.run_file.tagging import Wish, say_of
from acquire.safety.interruption import StopRequest
from acquire.session import prepare, run
from tests.conftest import CONFIGS
from tests.support.command import acquire
from tests.support.run_files import a_cut_off_run

QUICK = CONFIGS / "sweeps" / "quick_look.yaml"


def changed(folder: Path, replacements: dict[str, str]) -> Path:
    text = QUICK.read_text(encoding="utf-8")
    for old, new in {"../": f"{CONFIGS.as_posix()}/", **replacements}.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A run to its stop rule, one that met its compliance early, one without light."""
    folder = tmp_path_factory.mktemp("show")
    sweeps = {
        "bright": {},
        "early": {"compliance: 10 mA ": "compliance: 20 uA ", "current_range: 10 mA": "current_range: auto"},
        "dead": {"no_light_by: 7 V": "no_light_by: 3 V"},
    }
    found = {}
    for name, replacements in sweeps.items():
        said = [Said("--sample", f"Dev {name}"), Said("--pixel", "A1")]
        result = run(prepare(changed(folder, replacements), None, said), folder, lambda _: None, StopRequest())
        assert result.run is not None
        found[name] = read_run(result.run.path)
    return found


def test_the_conditions_of_a_run_are_told(runs: dict[str, Run]) -> None:
    told = list(conditions(runs["early"]))
    by_label = dict(told)
    assert by_label["sample"] == "Dev early, pixel A1"
    assert by_label["emissive area"] == "14 mm^2"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", by_label["started"])
    assert by_label["levels"] == "0 V to 8 V in steps of 0.5 V (17 points)"
    assert by_label["compliance"] == "20 uA"
    assert by_label["reading"] == "settles 20 ms, NPLC 0.1"
    assert (by_label["wires"], by_label["bench"]) == ("two-wire", "simulated bench")
    assert by_label["dark before"].endswith("3 readings at 0.1 s")
    assert by_label["photodiode"].startswith("simulated-photodiode-1 of 2026-01-05")
    assert by_label["checksums"] == "right"
    assert ("for this run", "sample.pixel is A1 by --pixel; the sweep file says nothing") in told
    assert all(value for _, value in told)


def test_a_file_that_says_little_is_shown_as_far_as_it_does(tmp_path: Path) -> None:
    a_cut_off_run(tmp_path / "run.h5")
    told = dict(conditions(read_run(tmp_path / "run.h5")))
    assert told["sample"] == "S1"
    assert "levels" not in told
    assert how_far(read_run(tmp_path / "run.h5")) == ""


def test_how_far_a_run_came(runs: dict[str, Run]) -> None:
    levels = "100 cd/m^2, 1000 cd/m^2, 10000 cd/m^2"
    luminance = runs["early"].figures["luminance_max"].value
    early, dead = how_far(runs["early"]), how_far(runs["dead"])
    assert early == f"stopped at 5.5 V of 8 V, 12 of 17 points, at most {luminance:.3f} cd/m^2; not reached: {levels}"
    assert dead.startswith("stopped at 3.5 V of 8 V, 8 of 17 points, no light above the noise; not reached: 1 cd/m^2, ")


def test_no_dashes_for_what_was_not_reached(runs: dict[str, Run], read_here: None) -> None:
    text = acquire("show", runs["dead"].path).text
    assert "V_on -" not in text
    assert "not_reached" not in text
    assert "no light above the noise" in text
    text = acquire("show", runs["early"].path).text
    assert "Dev early: V_on 4.4" in text
    assert "CIE x -" not in text


def test_tags_and_comments_are_shown(runs: dict[str, Run], read_here: None) -> None:
    path = runs["dead"].path
    say_of(path, Wish(tag="bad contact", comment="slipped", user="Ana", time="2026-11-28T15:00:00+01:00"))
    text = acquire("show", path).text
    assert "tags  bad contact" in text
    assert "comment  2026-11-28 15:00, Ana: slipped" in text
    assert "bad contact" in acquire("show", path, runs["early"].path).text


@pytest.mark.parametrize(("count", "columns"), [(2, 60), (3, 60), (3, 80), (3, 120), (9, 60), (9, 80), (40, 80)])
def test_a_comparison_fits_and_shows_every_number(runs: dict[str, Run], count: int, columns: int) -> None:
    chosen = [list(runs.values())[number % 3] for number in range(count)]
    table = comparison._that_fits(chosen, comparison._conditions(chosen)[1], columns)
    console = SpectatorConsole(width=columns)
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().splitlines()
    assert max(map(cell_len, lines)) <= columns
    words = capture.get().split()
    for name, number in (("bright", "1607.3*"), ("early", "7.5*")):
        assert words.count(number) + words.count(number[:-1]) == len([one for one in chosen if one is runs[name]])
    for one in runs.values():
        assert words.count(one.path.stem[-8:]) == len([other for other in chosen if other is one]) or count < 3


def test_a_comparison_tells_what_differs_and_what_does_not(
    runs: dict[str, Run], read_here: None, tmp_path: Path
) -> None:
    (tmp_path / "none.h5").write_text("x")
    said = acquire("show", *(one.path for one in runs.values()), tmp_path / "none.h5")
    assert said.status == 1
    assert "none.h5: is not a run file" in said.messages.decode()
    lines = said.output.decode().splitlines()
    assert lines[0].split() == ["Dev", "bright", "A1", "Dev", "early", "A1", "Dev", "dead", "A1"]
    assert next(line for line in lines if line.startswith("compliance")).split()[1:] == [
        "10",
        "mA",
        "20",
        "uA",
        "10",
        "mA",
    ]
    assert any(line.startswith("the same in all:") and "14 mm^2" in line for line in lines)
    assert any(line.startswith("Dev early A1: stopped at 5.5 V of 8 V") for line in lines)
    figure = runs["bright"].figures["external_quantum_efficiency_max"]
    row = next(line for line in lines if line.startswith("EQE_max (%)"))
    assert f"{100 * figure.value:.2f} +- {100 * figure.uncertainty:.2g}*" in row


def test_json_of_several(runs: dict[str, Run], read_here: None) -> None:
    found = json.loads(acquire("show", runs["bright"].path, runs["early"].path, "--json").output)
    assert found["runs"] == [json.loads(json.dumps(runs[name].summary())) for name in ("bright", "early")]


def test_a_figure_without_its_option_and_files_with_it(runs: dict[str, Run], read_here: None) -> None:
    one, other = runs["bright"].path, runs["early"].path
    assert "a figure is only asked for with --budget" in (said := acquire("show", one, "L_max")).text
    assert said.status == 2
    assert "luminance_max = " in acquire("show", one, "L_max", "--budget").text
    assert "--budget explains one run" in acquire("show", one, other, "L_max", "--budget").text


def test_the_end_of_a_run_says_it_too(runs: dict[str, Run], capsys: pytest.CaptureFixture[str]) -> None:
    results.print_run(runs["early"], False)
    assert "stopped at 5.5 V of 8 V, 12 of 17 points" in capsys.readouterr().out


def test_a_folder_stands_for_its_runs(runs: dict[str, Run], read_here: None) -> None:
    folder = runs["early"].path.parent
    said = acquire("show", folder)
    assert (said.status, said.text) == (0, acquire("show", *sorted(folder.glob("*.h5"))).text)
    assert all(run.path.stem[-8:] in said.text for run in runs.values())
    said = acquire("show", folder, "EQE_max", "--budget")
    assert (said.status, "--budget explains one run" in said.text) == (2, True)
