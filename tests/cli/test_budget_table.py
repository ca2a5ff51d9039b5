"""``acquire show --budget``: the terms of a figure add up to what the file states."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import hypot
from pathlib import Path

import pytest
from typer.testing import CliRunner

from acquire.cli.commands import app
from acquire.run_file import read as reading
from tests.conftest import CONFIGS, run_sweep_file

RUN = min((Path(__file__).parents[1] / "recordings").glob("*.h5"))
FIGURE = "current_efficiency_max"

pytestmark = pytest.mark.usefixtures("read_here")


def show(*arguments: str, status: int = 0) -> str:
    shown = CliRunner().invoke(app, ["show", str(RUN), *arguments])
    assert shown.exit_code == status, shown.output
    return shown.stdout if status == 0 else shown.output


def test_the_table_names_every_term_and_the_interval() -> None:
    lines = show("--budget", FIGURE).splitlines()
    assert lines[0].startswith(f"{FIGURE} = ")
    assert lines[1].split() == [
        "term",
        "u",
        "(k",
        "=",
        "1)",
        "distribution",
        "dof",
        "sensitivity",
        "contribution",
        "part",
    ]
    percent = [float(found[1]) for line in lines[2:-3] if (found := re.search(r"(-?[\d.]+) %\s+\S+$", line))]
    [u] = [
        float(found[1]) for line in lines if (found := re.match(r"standard uncertainty u \(k = 1\): ([\d.]+) %", line))
    ]
    assert len(percent) > 5
    assert hypot(*percent) == pytest.approx(u, abs=1e-3)
    [k] = [float(found[1]) for line in lines if (found := re.search(r"k = (\d\.\d+)", line)) and "coverage" in line]
    expanded = float(lines[-1].split()[-2])
    assert expanded == pytest.approx(k * u, rel=1e-3)
    assert 1.6 < k < 2.1


def test_a_term_is_told_with_its_distribution() -> None:
    """L by the geometry of the photodiode: linearity is in it; the spectroradiometer's scale and the area are not."""
    lines = show("--budget", FIGURE).splitlines()
    [line] = [line for line in lines if line.startswith("linearity")]
    assert "0.1155 %" in line
    assert "rectangular" in line
    assert line.split()[-1] == "common"
    assert not [line for line in lines if line.startswith(("luminance scale", "emitting area"))]


def test_the_same_as_json() -> None:
    budget = json.loads(show("--budget", FIGURE, "--json"))["budgets"][FIGURE]
    recorded = reading.read_run(RUN).figures[FIGURE]
    assert budget["value"] == pytest.approx(recorded.value, rel=1e-12)
    whole = hypot(*(term["contribution"] for term in budget["terms"])) * budget["value"]
    assert whole == pytest.approx(budget["uncertainty"], rel=1e-12)
    assert budget["expanded_uncertainty"] == pytest.approx(budget["coverage_factor"] * whole, rel=1e-12)
    assert {term["distribution"] for term in budget["terms"]} == {"normal", "rectangular"}


def test_without_a_figure_all_are_told_in_a_line_each() -> None:
    lines = show("--budget").splitlines()
    told = {line.split()[0] for line in lines[1:-1]}
    assert {FIGURE, "turn_on_voltage", "external_quantum_efficiency_at_100_cd_m2"} <= told


def test_a_figure_that_is_not_there_is_told_with_those_that_are_near() -> None:
    assert "did you mean" in show("--budget", "curent_eficiency_max", status=2)
    assert "only asked for with --budget" in show(FIGURE, status=2)
    with_no_value = next(
        name for name, figure in reading.read_run(RUN).figures.items() if figure.status == "not_reached"
    )
    assert "not_reached" in show("--budget", with_no_value, status=2)


def test_a_figure_is_found_by_its_name_on_the_screen_too() -> None:
    assert show("--budget", "CE_max") == show("--budget", FIGURE)
    assert show("--budget", "CE at 100").startswith("current_efficiency_at_100_cd_m2 = ")


def test_what_the_run_says_against_a_figure_stands_beside_its_uncertainty(
    bench_file: Callable[..., Path], tmp_path: Path
) -> None:
    bench = bench_file({"    gain: 5e6 V/A\n": "    gain: 5e5 V/A\n"})
    run = run_sweep_file(CONFIGS / "sweeps" / "table2_sppo13_liq.yaml", tmp_path / "runs", bench).run
    assert run is not None
    said = CliRunner().invoke(app, ["show", str(run.path), "--budget", "L_max"]).stdout
    assert said.splitlines()[-1].startswith("DOUBTFUL: the photodiode's luminance is not that of the spectra")
    overview = CliRunner().invoke(app, ["show", str(run.path), "--budget"]).stdout
    assert re.search(r"luminance_max .* doubtful$", overview, re.M)
