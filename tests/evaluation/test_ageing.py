"""The level of the first spectrum is read once more after the sweep: a device that aged meanwhile is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from acquire.evaluation.ageing import changes_after_the_sweep, level_read_again
from acquire.run_file.read import Run, read_run
from tests.conftest import CONFIGS, run_sweep_file

Write = Callable[..., Path]

SHORT = {
    "start: 0 V": "start: 5 V",
    "stop: 8 V": "stop: 7 V",
    "[10 cd/m^2, 30 cd/m^2, 100 cd/m^2, 300 cd/m^2, 1000 cd/m^2, 3000 cd/m^2, 10000 cd/m^2]": "[300 cd/m^2]",
}


def run_of(device: str, sweep_file: Write, tmp_path: Path) -> Run:
    path = tmp_path / "device.yaml"
    path.write_text(device, encoding="utf-8")
    sweep = {f"{CONFIGS.as_posix()}/devices/sppo13_liq.yaml": path.as_posix()}
    run = run_sweep_file(sweep_file("table2_sppo13_liq.yaml", {**SHORT, **sweep}), tmp_path / "runs").run
    assert run is not None
    return run


@pytest.fixture
def device() -> str:
    return (CONFIGS / "devices" / "sppo13_liq.yaml").read_text(encoding="utf-8")


def test_a_device_that_aged_is_a_finding(device: str, sweep_file: Write, tmp_path: Path) -> None:
    start, degradation = device.split("  degradation:")
    assert "enabled: false" in degradation
    assert "2846.0379 s" in degradation
    fading = degradation.replace("enabled: false", "enabled: true").replace("2846.0379 s", "200 s")
    run = run_of(f"{start}  degradation:{fading}", sweep_file, tmp_path)
    (repeated,) = run.repeated
    first = run.records[repeated.point_index]
    assert repeated.source_level == first.reading.source_level
    assert repeated.time > run.records[-1].reading.time
    lost = repeated.photodiode_signal / first.reading.photodiode_signal - 1
    assert run.figures["luminance_change"].value == pytest.approx(lost, abs=2e-3)
    assert lost < -0.05
    (finding,) = [one for one in run.findings if one.code == "aged_during_sweep"]
    assert str(finding.severity) == "doubtful"
    assert f"the light had changed by {100 * run.figures['luminance_change'].value:+.1f} %" in finding.text
    assert run.figures["external_quantum_efficiency_max"].status == "doubtful"
    assert run.figures["turn_on_voltage"].status != "doubtful"
    assert run.figures["luminance_change"].status == "ok"


def test_a_device_that_did_not_age_is_none(device: str, sweep_file: Write, tmp_path: Path) -> None:
    run = run_of(device, sweep_file, tmp_path)
    assert [one.code for one in run.findings] == []
    change = run.figures["luminance_change"]
    assert abs(change.value) < 3 * change.uncertainty < 0.01
    assert "at the level of the first spectrum" in change.reason
    assert read_run(run.path).repeated == run.repeated
    assert len(run.records) == 21, "what is read again is no point of the sweep"


def test_without_a_spectrum_nothing_is_read_again(sweep_file: Write, tmp_path: Path) -> None:
    run = run_sweep_file(CONFIGS / "sweeps" / "quick_look.yaml", tmp_path).run
    assert run is not None
    assert run.repeated == ()
    assert run.figures["luminance_change"].status == "none"


def test_a_reading_that_is_missing_gives_no_change(device: str, sweep_file: Write, tmp_path: Path) -> None:
    from dataclasses import replace

    from acquire.evaluation.final import final_evaluation

    run = run_of(device, sweep_file, tmp_path)
    evidence = final_evaluation(run.dark, run.spectra, run.calibration).evidence
    lost = [replace(run.repeated[0], photodiode_signal=np.nan)]
    change = level_read_again(run.tables["jvl"], lost, evidence)
    assert changes_after_the_sweep(change)["luminance_change"].status == "none"
    assert changes_after_the_sweep(change)["current_density_change"].status == "ok"
    beyond = [replace(run.repeated[0], point_index=999)]
    assert level_read_again(run.tables["jvl"], beyond, evidence) is None
