"""The shipped recipe of an electron-only device finds the mobility of the simulated one, without any light."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquire.cli import results
from acquire.config import ConfigurationError, load_sweep
from acquire.run_file.read import Run, read_run
from acquire.safety.interruption import StopRequest
from acquire.session import prepare, run
from tests.conftest import ROOT

RECIPE = ROOT / "configs" / "sweeps" / "electron_only.yaml"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    result = run(prepare(RECIPE), tmp_path_factory.mktemp("runs"), [], StopRequest())
    assert result.run is not None
    return read_run(result.run.path)


@pytest.mark.parametrize("polarity", ["positive", "negative"])
def test_the_mobility_is_that_of_the_device(measured: Run, polarity: str) -> None:
    mobility = measured.figures[f"mobility_{polarity}"]
    assert mobility.status == "ok"
    assert mobility.value == pytest.approx(1e-12, rel=0.01)
    # 3 x 2/80, 0.15/3, 0.2/14 in quadrature; what is left of the budget is small
    assert mobility.uncertainty / mobility.value == pytest.approx(
        np.hypot(3 * 2 / 80, np.hypot(0.05, 0.2 / 14)), rel=0.01
    )
    assert abs(mobility.value - 1e-12) < mobility.expanded_uncertainty


def test_contacts_that_are_alike_are_found_alike(measured: Run) -> None:
    assert measured.figures["polarity_asymmetry"].value == pytest.approx(0.0, abs=0.005)


def test_nothing_is_said_of_light(measured: Run) -> None:
    assert measured.findings == ()
    assert measured.notes == ()
    assert not measured.tables["jvl"]["flags"].any()
    assert np.isnan(measured.tables["jvl"]["luminance"]).all()
    assert not {name for name in measured.figures if "luminance" in name or "efficiency" in name}


def test_each_point_that_counts_is_in_the_table(measured: Run) -> None:
    table = measured.tables["transport"]
    inside = table["inside"] == 1
    assert np.unique(table["polarity"]).tolist() == [-1, 1]
    assert (abs(table["local_slope"][inside] - 2.0) <= 0.1).all()
    assert table["fitted_current_density"][inside] == pytest.approx(table["current_density"][inside], rel=0.05)
    read = measured.tables["jvl"]["voltage"][table["point_index"]]
    assert table["layer_voltage"] == pytest.approx(abs(read) - 0.3, abs=0.02)


def test_the_screen_says_why_there_is_no_mobility(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        RECIPE.read_text(encoding="utf-8")
        .replace("stop: 10 V", "stop: 0.5 V")
        .replace("../", f"{ROOT.as_posix()}/configs/")
    )
    path = tmp_path / "short.yaml"
    path.write_text(text, encoding="utf-8")
    result = run(prepare(path), tmp_path, [], StopRequest())
    assert result.run is not None
    assert result.run.figures["mobility_positive"].status == "not_reached"
    results.print_run(result.run, as_json=False)
    assert "no half a decade" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("spectra:\n  at_voltage: [5 V]\n", "spectra"),
        ("stop:\n  luminance_above: 100 cd/m^2\n", "stop.luminance_above"),
        ("stop:\n  no_light_by: 5 V\n", "stop.no_light_by"),
    ],
)
def test_nothing_that_needs_light_is_asked_of_it(tmp_path: Path, more: str, said: str) -> None:
    path = tmp_path / "wrong.yaml"
    text = RECIPE.read_text(encoding="utf-8").replace("../", f"{ROOT.as_posix()}/configs/")
    path.write_text(text + more, encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        load_sweep(path)
    assert said in str(error.value)
    assert "is not to shine" in str(error.value)


def test_a_calibration_that_is_missing_does_not_matter(tmp_path: Path) -> None:
    bench = (ROOT / "configs" / "benches" / "simulated.yaml").read_text(encoding="utf-8")
    bench = bench.replace("../calibrations/simulated_photodiode.yaml", "nowhere.yaml")
    (tmp_path / "bench.yaml").write_text(bench.replace("../", f"{ROOT.as_posix()}/configs/"), encoding="utf-8")
    assert load_sweep(RECIPE, tmp_path / "bench.yaml").calibration.certificate is None


def test_runs_without_light_stand_beside_each_other(measured: Run, capsys: pytest.CaptureFixture[str]) -> None:
    from acquire.cli.comparison import print_comparison

    nothing = replace(measured, figures={})
    print_comparison([(measured.path, measured), (nothing.path, nothing)], as_json=False)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("mobility (+)"))
    assert line.split()[-1] == "-"
    assert "1.000e-08" in line
    print_comparison([(nothing.path, nothing)] * 2, as_json=False)
