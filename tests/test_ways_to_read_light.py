"""Whole runs on simulated benches that are wired in every way, and on some where something is wrong.

The same device lies on each of them, so that the truth is known: V_on 4.00 V, 11 603 cd/m^2 at 7 V, CE 23.58 cd/A,
PE 11.99 lm/W, EQE 6.33 %.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from math import isnan
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from acquire.cli.commands import app
from acquire.run_file.export.csv_files import CsvStyle, export_csv
from acquire.run_file.read import Run
from tests.conftest import CONFIGS, run_sweep_file

LUMINANCE, EFFICIENCY, POWER, QUANTUM = 11603.0, 23.58, 11.99, 0.0633
AMPLIFIER = "amplifier: 5e6 V/A"
NEAR = "simulation:\n  photodiode: {distance: 10 mm"

Write = Callable[..., Path]


@pytest.fixture
def sweep(tmp_path: Path) -> Write:
    def write(sample: str = "", device: str = f"{CONFIGS.as_posix()}/devices/sppo13_liq.yaml", sign: str = "") -> Path:
        path = tmp_path / "sweep.yaml"
        path.write_text(
            f"""kind: sweep
title: short
bench: bench.yaml
sample:
  name: SPPO13/Liq
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: {device}
{sample}
source: {{function: voltage, start: 0 V, stop: {sign}7 V, step: {sign}0.5 V, compliance: 100 mA}}
spectra: {{at_luminance: [100 cd/m^2, 1000 cd/m^2]}}
""",
            encoding="utf-8",
        )
        return path

    return write


@pytest.fixture
def bench(tmp_path: Path) -> Write:
    """A noisy simulated bench; ``photodiode`` is its section, ``truth`` how its photodiode really is."""

    def write(photodiode: str, truth: str, smu: str = "", simulation: str = "", angle: str = "0.2 deg") -> Path:
        calibration = (CONFIGS / "calibrations" / "simulated_photodiode.yaml").read_text(encoding="utf-8")
        calibration = calibration.replace(
            "simulated_photodiode_resp", f"{CONFIGS.as_posix()}/calibrations/simulated_photodiode_resp"
        )
        if "distance: 10 mm" in truth:
            calibration = calibration.replace("distance: 100 mm", "distance: 10 mm")
        (tmp_path / "calibration.yaml").write_text(calibration, encoding="utf-8")
        path = tmp_path / "bench.yaml"
        path.write_text(
            f"""kind: bench
name: bench
visa: simulated
instruments:
  smu: {{model: keithley2400, resource: "GPIB0::24::INSTR"{smu}}}
  photodiode_meter: {{model: keithley2000, resource: "GPIB0::16::INSTR"}}
  spectroradiometer: {{model: cs2000a, resource: "ASRL3::INSTR", measuring_angle: {angle}}}
photodiode: {{{photodiode}, calibration: calibration.yaml}}
limits: {{voltage: 20 V, current: 200 mA}}
simulation: {{photodiode: {{{truth}}}{simulation}}}
""",
            encoding="utf-8",
        )
        return path

    return write


def run(sweep: Path) -> Run:
    result = run_sweep_file(sweep, sweep.parent / "runs")
    assert result.error == ""
    assert result.run is not None
    return result.run


def is_right(found: Run, tolerance: float = 2e-3) -> None:
    figures = found.figures
    for name, truth in {
        "luminance_max": LUMINANCE,
        "current_efficiency_max": EFFICIENCY,
        "power_efficiency_max": POWER,
        "external_quantum_efficiency_max": QUANTUM,
    }.items():
        assert figures[name].value == pytest.approx(truth, rel=tolerance), name


def codes(found: Run) -> set[str]:
    return {finding.code for finding in found.findings}


def test_an_inverting_amplifier(sweep: Write, bench: Write) -> None:
    bench("amplifier: -5e6 V/A", "distance: 100 mm, gain: -5e6 V/A")
    found = run(sweep())
    is_right(found)
    assert found.figures["turn_on_voltage"].value == pytest.approx(4.0, abs=0.005)
    assert found.tables["jvl"]["photodiode_signal"].min() < -4.0  # the raw readings stay as they are
    assert codes(found) == set()


def test_an_amplifier_that_does_not_invert_although_the_bench_file_says_so(sweep: Write, bench: Write) -> None:
    bench("amplifier: -5e6 V/A", "distance: 100 mm, gain: 5e6 V/A")
    assert "signal_falls_with_light" in codes(run(sweep()))


def test_the_former_key_still_stands_for_the_amplifier(sweep: Write, bench: Write) -> None:
    bench("amplifier_gain: 5e6 V/A", "distance: 100 mm")
    is_right(run(sweep()))


def test_a_meter_that_reads_the_photocurrent_itself(sweep: Write, bench: Write, tmp_path: Path) -> None:
    bench("current: true", "distance: 10 mm")
    found = run(sweep())
    is_right(found)
    # What the 2000 cannot see in amperes is no light: its offset alone is 0.8 uA, its step 10 nA
    assert found.figures["turn_on_voltage"].status == "von_upper_bound"
    assert any("in steps of 10 nA" in note.text for note in found.notes)
    signal, luminance, uncertainty = (
        found.tables["jvl"][name] for name in ("photodiode_signal", "luminance", "luminance_uncertainty")
    )
    # 6.56 nA a cd/m^2 at 10 mm for a line of 473.7 lm/W at 520 nm; this one has 494.3 lm/W and its centroid at 523.7 nm
    nanoamperes = 6.56 * 473.7 / 494.3 * (6e-4 * 523.7 - 0.012) / (6e-4 * 520 - 0.012)
    assert signal[-1] == pytest.approx(LUMINANCE * nanoamperes * 1e-9, rel=0.005)
    faint = int(np.flatnonzero(luminance > 50.0)[0])
    # 10 mA range: 500 ppm of reading, 10 ppm of range more at 1 PLC, one count; the dark readings take 80 ppm out
    limit = (500e-6 * signal[faint] + 11e-6 * 0.01) / 3**0.5
    assert uncertainty[faint] / luminance[faint] == pytest.approx(limit / signal[faint], rel=0.1)
    with h5py.File(found.path) as file:
        assert file["entry/jvl/photodiode_signal"].attrs["units"] == "A"
        assert file["entry/dark/photodiode_signal"].attrs["units"] == "A"
        assert file["entry/calibration/photodiode_range"].attrs["units"] == "A"
    written = export_csv(found, tmp_path / "csv", CsvStyle(header=False))
    (points,) = (path for path in written if path.stem.endswith("housekeeping"))
    names, units = list(csv.reader(points.read_text(encoding="utf-8").splitlines()))[:2]
    assert units[names.index("Photodiode signal")] == "A"


def test_the_plan_says_what_reading_in_amperes_does_to_v_on(sweep: Write, bench: Write) -> None:
    bench("current: true", "distance: 100 mm")
    said = CliRunner().invoke(app, ["plan", str(sweep())]).output
    assert "the photocurrent is read itself: on its 10 mA range in steps of 10 nA, right to 0.9 uA" in said
    assert "below some 340 cd/m^2 there is no luminance" in said  # three steps of 10 nA at 88.3 pA a cd/m^2
    assert "V_on at 1 cd/m^2 can only be an upper bound" in said
    bench("current: true, luminance: from_spectra", "distance: 100 mm")
    said = CliRunner().invoke(app, ["plan", str(sweep())]).output
    assert "V_on at 1 cd/m^2 can only be an upper bound" in said  # gain and geometry are given
    bench(AMPLIFIER, "distance: 100 mm")
    assert "the photocurrent is read" not in CliRunner().invoke(app, ["plan", str(sweep())]).output


def test_a_shunt_that_loads_the_photodiode_is_noted(sweep: Write, bench: Write) -> None:
    bench("shunt: 1 kohm", "distance: 10 mm, gain: 1e3 V/A")
    found = run(sweep())
    is_right(found)
    assert "photodiode_loaded" in codes(found)  # 76 mV at the brightest point
    bench("shunt: 100 ohm", "distance: 10 mm, gain: 100 V/A")
    assert "photodiode_loaded" not in codes(run(sweep()))  # 7.6 mV


def test_an_amplifier_at_its_rail_ends_the_sweep(sweep: Write, bench: Write) -> None:
    bench("amplifier: 2e7 V/A, amplifier_limit: 10.5 V", "distance: 100 mm, gain: 2e7 V/A, rail: 10.5 V")
    found = run(sweep())
    assert found.status == "stopped"
    assert "the photodiode's amplifier is at its limit: 10.5 V of 10.5 V" in found.stop_reason
    signal = found.tables["jvl"]["photodiode_signal"]
    assert (signal > 10.4).sum() == 1  # the first point at the rail is the last
    assert found.figures["luminance_max"].status != "ok"


def test_it_goes_on_where_the_sweep_says_so(sweep: Write, bench: Write) -> None:
    bench("amplifier: 2e7 V/A, amplifier_limit: 10.5 V", "distance: 100 mm, gain: 2e7 V/A, rail: 10.5 V")
    path = sweep()
    path.write_text(path.read_text(encoding="utf-8") + "stop: {on_amplifier_limit: continue}\n", encoding="utf-8")
    found = run(path)
    assert found.status == "completed"
    assert "amplifier_at_limit" in codes(found)
    assert found.figures["luminance_max"].status == "lower_bound"


def test_an_inverting_amplifier_has_its_rail_below_zero(sweep: Write, bench: Write) -> None:
    bench("amplifier: -2e7 V/A, amplifier_limit: 10.5 V", "distance: 100 mm, gain: -2e7 V/A, rail: 10.5 V")
    found = run(sweep())
    assert "at its limit: 10.5 V" in found.stop_reason


def negative_device(folder: Path) -> str:
    text = (CONFIGS / "devices" / "sppo13_liq.yaml").read_text(encoding="utf-8")
    assert "  degradation:" in text
    path = folder / "device.yaml"
    path.write_text(text.replace("  degradation:", "  polarity: negative\n  degradation:"), encoding="utf-8")
    return path.as_posix()


def test_a_device_that_emits_at_negative_levels(sweep: Write, bench: Write, tmp_path: Path) -> None:
    bench(AMPLIFIER, "distance: 100 mm")
    found = run(sweep("  polarity: negative", negative_device(tmp_path), sign="-"))
    is_right(found)
    assert found.figures["turn_on_voltage"].value == pytest.approx(4.0, abs=0.005)
    jvl = found.tables["jvl"]
    assert jvl["voltage"][-1] == pytest.approx(-7.0, abs=0.01)  # as it was read
    assert jvl["current_density"][-1] > 0.0  # positive when light is emitted
    assert codes(found) == set()


def test_light_that_comes_at_negative_levels_only_is_named_as_that(sweep: Write, bench: Write, tmp_path: Path) -> None:
    bench(AMPLIFIER, "distance: 100 mm")
    found = run(sweep("", negative_device(tmp_path), sign="-"))
    assert "light_on_other_side" in codes(found)
    assert isnan(found.figures["current_efficiency_max"].value)
    assert not any("the final evaluation failed" in note.text for note in found.notes)


def test_the_leads_are_taken_out_of_the_voltage(sweep: Write, bench: Write) -> None:
    """PE at a point is that of the device itself: L and I from the file, V less I times 20 ohm."""
    leads = ", lead_resistance: 20 ohm, lead_resistance_uncertainty: 2 ohm"
    bench(AMPLIFIER, "distance: 100 mm", leads, ", lead_resistance: 20 ohm")
    found = run(sweep())
    jvl = found.tables["jvl"]
    voltage, current = jvl["voltage"][-1], jvl["current"][-1]
    assert voltage == pytest.approx(7.0, abs=0.01)  # as it was read, at the terminals
    at_device = voltage - 20.0 * current
    assert at_device < 6.85
    expected = np.pi * jvl["luminance"][-1] * 14e-6 / (current * at_device)
    assert jvl["power_efficiency"][-1] == pytest.approx(expected, rel=1e-6)
    u_power, u_current = (
        jvl[f"{name}_uncertainty"][-1] / jvl[name][-1] for name in ("power_efficiency", "current_efficiency")
    )
    assert np.sqrt(u_power**2 - u_current**2) == pytest.approx(2.0 * current / at_device, rel=0.01)
    assert found.figures["turn_on_voltage"].value == pytest.approx(4.0, abs=0.005)


def test_a_spot_that_is_too_large_sees_the_dark_beside_the_pixel(sweep: Write, bench: Write) -> None:
    dark_surround = ", options: {spectroradiometer: {dark_surround: true}}"
    bench(AMPLIFIER, "distance: 100 mm", simulation=dark_surround, angle="1 deg")
    found = run(sweep())
    spectrum, jvl = found.spectra[0], found.tables["jvl"]
    by_photodiode = jvl["luminance"][spectrum.point_index]
    assert spectrum.luminance / by_photodiode == pytest.approx(14 / (np.pi / 4 * 25), rel=0.02)


def test_a_photodiode_that_is_pushed_in_the_middle(sweep: Write, bench: Write) -> None:
    bench(AMPLIFIER, "distance: 100 mm, moved: {after: 1 s, distance: 120 mm}")
    found = run(sweep())
    assert found.figures["luminance_max"].value == pytest.approx(LUMINANCE / 1.44, rel=0.01)
    assert found.figures["luminance_max"].status == "doubtful"


def test_an_expired_calibration_is_said_once_by_a_run(sweep: Write, bench: Write) -> None:
    bench(AMPLIFIER, "distance: 100 mm")
    calibration = sweep().parent / "calibration.yaml"
    text = calibration.read_text(encoding="utf-8")
    calibration.write_text(
        text.replace("date: 2026-01-05", "date: 2020-01-05\nvalid_until: 2021-01-05"), encoding="utf-8"
    )
    found = run(sweep())
    assert "calibration_expired" in codes(found)
    assert not any("valid until" in note.text for note in found.notes)
