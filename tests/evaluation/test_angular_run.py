"""A device that is not Lambertian, turned before the spectroradiometer: its angles make EQE and PE right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from acquire.run_file.read import Run
from tests.conftest import CONFIGS, run_sweep_file

Write = Callable[..., Path]
POWER = 1.3  # intensity cos^n, so F = 2/(n + 1)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    text = (CONFIGS / "devices" / "sppo13_liq.yaml").read_text(encoding="utf-8")
    path = tmp_path / "device.yaml"
    path.write_text(text + f"  angular: {{cosine_power: {POWER}}}\n", encoding="utf-8")
    return path


def measured(bench: Path, sweep: Path, output: Path) -> Run:
    run = run_sweep_file(sweep, output, bench).run
    assert run is not None
    return run


@pytest.mark.long
def test_the_turned_device_gives_its_own_angular_factor(
    device: Path, bench_file: Write, sweep_file: Write, tmp_path: Path
) -> None:
    sweep = {
        "../devices/sppo13_liq.yaml": device.as_posix(),
        "start: 0 V": "start: 5.8 V",
        "stop: 8 V": "stop: 6 V",
        "[10 cd/m^2, 30 cd/m^2, 100 cd/m^2, 300 cd/m^2, 1000 cd/m^2, 3000 cd/m^2, 10000 cd/m^2]": "[1500 cd/m^2]",
    }
    sweep = {key.replace("../", f"{CONFIGS.as_posix()}/"): value for key, value in sweep.items()}
    readings = ["angle_deg,radiance"]
    for angle in (-80, -60, -40, -20, 0, 20, 40, 60, 80):
        bench = bench_file({"noise: true": f"noise: true\n  device_angle: {angle} deg"})
        turned = measured(bench, sweep_file("table2_sppo13_liq.yaml", sweep), tmp_path / "turned")
        readings.append(f"{angle},{turned.spectra[-1].luminance!r}")
    (tmp_path / "angles.csv").write_text("\n".join(readings), encoding="utf-8")

    area = "  emissive_area: 14 mm^2"
    with_angles = {area: f"  angles: {{table: {tmp_path.as_posix()}/angles.csv, quantity: radiance}}\n{area}"}
    bench = bench_file({})
    plain = measured(bench, sweep_file("table2_sppo13_liq.yaml", sweep), tmp_path / "plain")
    run = measured(bench, sweep_file("table2_sppo13_liq.yaml", {**sweep, **with_angles}), tmp_path / "with")
    factor = run.calibration.conditions.angular_factor
    relative = run.calibration.uncertainty.angular_factor
    assert abs(factor / (2 / (POWER + 1)) - 1) < 2 * relative < 0.02
    for name in ("external_quantum_efficiency_max", "power_efficiency_max"):
        now, before = run.figures[name], plain.figures[name]
        assert now.value / before.value == pytest.approx(factor, rel=1e-6)
        assert now.uncertainty / now.value > before.uncertainty / before.value
        assert "F = 1 assumed (Lambertian)" in before.reason
        assert "9 angles up to 80 deg" in now.reason
        assert "model 'power'" in now.reason
    assert run.figures["current_efficiency_max"].value == pytest.approx(plain.figures["current_efficiency_max"].value)
    assert np.isfinite(run.figures["wall_plug_efficiency_at_power_efficiency_max"].value)
