"""Configuration files: what is right is read exactly, what is wrong is named with file, line and hint."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from math import isfinite
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.config import (
    BenchFile,
    CalibrationFile,
    ConfigurationError,
    DeviceFile,
    SweepFile,
    check_file,
    device_parameters,
    load_bench,
    load_calibration,
    load_sweep,
    resolved,
)
from acquire.config.quantities import QuantityError, parse_quantity
from acquire.config.yaml_source import MOST_ALIASES, parse_yaml, read_yaml
from tests.support.config_files import (
    BENCH,
    CALIBRATION,
    CURVE,
    DEVICE,
    SWEEP,
    change,
    only_problem,
    report,
    write_files,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path)


# What is right.


def test_a_sweep_is_read_in_si_with_all_it_refers_to(folder: Path) -> None:
    loaded = load_sweep(folder / "sweep.yaml")
    assert loaded.sweep.sample.emissive_area == 1.4e-5
    assert loaded.sweep.source.compliance == 0.1
    assert loaded.sweep.measure.settle == 0.05
    assert loaded.sweep.spectra is not None
    assert loaded.sweep.spectra.at_luminance == (10.0, 1000.0)
    assert loaded.bench.photodiode.transfer == 5e6
    assert loaded.calibration.certificate is not None
    assert loaded.calibration.certificate.date.isoformat() == "2026-01-05"
    assert loaded.calibration.responsivity is not None
    assert loaded.calibration.responsivity[1].tolist() == [0.216, 0.456]
    assert loaded.device is not None
    assert loaded.device.resistance == 1000.0
    assert loaded.sweep_text == SWEEP
    assert {Path(name).name for name in loaded.hashes} == {
        "sweep.yaml",
        "bench.yaml",
        "calibration.yaml",
        "device.yaml",
        "curve.csv",
    }
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in loaded.hashes.values())


def test_resolved_has_every_default_and_reads_back(folder: Path) -> None:
    loaded = load_sweep(folder / "sweep.yaml")
    whole = json.loads(json.dumps(resolved(loaded), allow_nan=False))
    assert whole["sweep"]["measure"]["photodiode_nplc"] == 1.0
    assert whole["sweep"]["dark"]["readings"] == 10
    assert whole["bench"]["instruments"]["smu"]["line_frequency"] == 50.0
    assert SweepFile.model_validate(whole["sweep"]) == loaded.sweep
    assert BenchFile.model_validate(whole["bench"]) == loaded.bench
    assert CalibrationFile.model_validate(whole["calibration"]) == loaded.calibration.certificate
    assert DeviceFile.model_validate(whole["device"]) == loaded.device


def test_the_photodiode_meter_integrates_as_long_as_the_source_meter_unless_told(folder: Path) -> None:
    change(folder, "sweep.yaml", ("nplc: 1", "nplc: 0.1"))
    assert load_sweep(folder / "sweep.yaml").sweep.measure.photodiode_nplc == 0.1
    change(folder, "sweep.yaml", ("nplc: 0.1", "nplc: 0.1\n  photodiode_nplc: 2"))
    assert load_sweep(folder / "sweep.yaml").sweep.measure.photodiode_nplc == 2.0


def test_another_bench_takes_the_place_of_the_one_named(folder: Path) -> None:
    (folder / "other.yaml").write_text(BENCH.replace("test bench", "other bench"), encoding="utf-8")
    change(folder, "sweep.yaml", ("bench: bench.yaml", "bench: not_here.yaml"))
    assert load_sweep(folder / "sweep.yaml", folder / "other.yaml").bench.name == "other bench"


def test_the_device_of_the_sample_precedes_that_of_the_bench(folder: Path) -> None:
    (folder / "other.yaml").write_text(DEVICE.replace("1000 ohm", "2 ohm"), encoding="utf-8")
    change(folder, "sweep.yaml", ("name: A1", "name: A1\n  simulated_as: other.yaml"))
    device = load_sweep(folder / "sweep.yaml").device
    assert device is not None
    assert device.resistance == 2.0


def test_a_real_bench_has_no_simulated_device(folder: Path) -> None:
    change(folder, "bench.yaml", ("visa: simulated", 'visa: "@py"'), ("simulation:\n  device: device.yaml\n", ""))
    loaded = load_sweep(folder / "sweep.yaml")
    assert loaded.device is None
    assert not loaded.bench.simulated


def test_a_current_source_has_levels_in_ampere_and_a_compliance_in_volt(folder: Path) -> None:
    levels = ("start: 0 V\n  stop: 9 V\n  step: 0.1 V\n", "start: 0 A\n  stop: 10 mA\n  points: 11\n")
    change(folder, "sweep.yaml", ("function: voltage", "function: current"), levels, ("100 mA", "12 V"))
    source = load_sweep(folder / "sweep.yaml").sweep.source
    assert (source.stop, source.compliance, source.level_count(), source.unit) == (0.01, 12.0, 11, "A")


@pytest.mark.parametrize(
    ("levels", "count"),
    [
        ("start: 0 V\n  stop: 9 V\n  step: 0.1 V", 91),
        ("start: 9 V\n  stop: 0 V\n  step: -0.1 V", 91),
        ("start: -1 V\n  stop: 2 V\n  step: 0.3 V", 11),
        ("start: 0 V\n  stop: 1 V\n  points: 4", 4),
        ("start: 5 V\n  stop: 5 V\n  points: 100", 100),
    ],
)
def test_number_of_levels(folder: Path, levels: str, count: int) -> None:
    change(folder, "sweep.yaml", ("start: 0 V\n  stop: 9 V\n  step: 0.1 V", levels))
    assert load_sweep(folder / "sweep.yaml").sweep.source.level_count() == count


def test_a_calibration_by_luminance_factor(folder: Path) -> None:
    (folder / "line.csv").write_text("wavelength_nm,relative_power\n380,0\n550,1\n780,0\n", encoding="utf-8")
    factor = "luminance_factor:\n  factor: 1.13e10 cd/m^2/A\n  uncertainty: 0.2 %\n  spectrum: line.csv\n"
    path = change(folder, "calibration.yaml", (CALIBRATION[CALIBRATION.index("geometry") :], factor))
    loaded, hashes = load_calibration(path)
    assert loaded.certificate is not None
    assert loaded.certificate.luminance_factor is not None
    assert loaded.certificate.luminance_factor.factor == 1.13e10
    assert loaded.certificate.luminance_factor.uncertainty == 0.002
    assert loaded.spectrum is not None
    assert loaded.spectrum[0].tolist() == [380.0, 550.0, 780.0]
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ("  luminance_from: 500 cd/m^2\n", "belong together"),
        ("  luminance_from: 500 cd/m^2\n  luminance_to: 50 cd/m^2\n", "500 cd/m^2 is above luminance_to, 50 cd/m^2"),
    ],
)
def test_the_span_of_a_luminance_factor_has_two_ends(folder: Path, span: str, words: str) -> None:
    factor = f"luminance_factor:\n  factor: 1.13e10 cd/m^2/A\n  uncertainty: 0.2 %\n{span}"
    path = change(folder, "calibration.yaml", (CALIBRATION[CALIBRATION.index("geometry") :], factor))
    assert words in only_problem(path)[3]


def test_options_of_the_twins_are_numbers_truth_values_or_texts(folder: Path) -> None:
    options = "  options:\n    smu: {instant: true, latency: 0.005, latch_depth: 3, firmware: C34}\n"
    bench = load_bench(change(folder, "bench.yaml", ("  device: device.yaml\n", "  device: device.yaml\n" + options)))
    assert bench.simulation.options.smu == {"instant": True, "latency": 0.005, "latch_depth": 3, "firmware": "C34"}


def test_a_byte_order_mark_and_windows_line_ends_are_fine(folder: Path) -> None:
    (folder / "sweep.yaml").write_bytes(b"\xef\xbb\xbf" + SWEEP.replace("\n", "\r\n").encode())
    assert check_file(folder / "sweep.yaml").problems == []


def test_parts_may_be_written_once_and_used_twice(folder: Path) -> None:
    lines = ("resource: ASRL3::INSTR", "resource: ASRL3::INSTR\n    serial: &line {baud_rate: 19200}")
    other = ("resource: GPIB0::16::INSTR", "resource: ASRL4::INSTR\n    serial: *line")
    moved = BENCH.replace(*lines).replace(*other)
    meter = moved[moved.index("  photodiode_meter") : moved.index("  spectroradiometer")]
    (folder / "bench.yaml").write_text(moved.replace(meter, "").replace("photodiode:\n", meter + "photodiode:\n", 1))
    serial = load_bench(folder / "bench.yaml").instruments.photodiode_meter.serial
    assert serial is not None
    assert serial.baud_rate == 19200


# What is wrong in one line of a sweep: what is written, instead of what, in which line, with which words.

WRONG_LINES = [
    ("stop: 9 V", "stop: 9", 11, "source.stop", "'9' has no unit", "write it like '8 V'"),
    ("stop: 9 V", "stop: 9 mA", 11, "source.stop", "wrong unit: wanted V", "'8 V'"),
    ("stop: 9 V", "stop: 9 v", 11, "source.stop", "'v' is not a unit known here", "'8 V'"),
    ("stop: 9 V", "stop: 250 V", 11, "source.stop", "'250 V' is not allowed", "between -210 V and 210 V"),
    ("stop: 9 V", "stop: .nan", 11, "source.stop", "not a finite number", ""),
    ("stop: 9 V", "stop: nan V", 11, "source.stop", "not a finite number", ""),
    ("stop: 9 V", "stop: -inf V", 11, "source.stop", "not a finite number", ""),
    ("stop: 9 V", "stop: 1e999 V", 11, "source.stop", "too large a number", ""),
    ("stop: 9 V", "stop: 0,9 V", 11, "source.stop", "has a comma", "use a point: 0.9 V"),
    ("stop: 9 V", "stop: high", 11, "source.stop", "does not begin with a number", "'8 V'"),
    ("stop: 9 V", "stop: [9 V]", 11, "source.stop", "must be one quantity", "'8 V'"),
    ("stop: 9 V", "stop:", 11, "source.stop", "is empty", "'8 V'"),
    ("stop: 9 V", "stop: !!python/object/apply:os.getcwd []", 11, "source.stop", "the tag !!python", "remove"),
    ("stop: 9 V", "stop: 9 V^9^9^9", 11, "source.stop", "is not a unit", ""),
    ("compliance: 100 mA", "compliance: 100 mV", 13, "source.compliance", "wanted A", "'100 mA'"),
    ("compliance: 100 mA", "compliance: 0 A", 13, "source.compliance", "not allowed", "between 1e-09 A and 1.05 A"),
    ("step: 0.1 V", "step: 0 V", 12, "source.step", "is zero", ""),
    ("step: 0.1 V", "step: -0.1 V", 12, "source.step", "wrong sign", "write 0.1 V"),
    ("step: 0.1 V", "step: 0.4 V", 12, "source.step", "does not divide 9 V", "stop to 8.8 V or 9.2 V"),
    ("step: 0.1 V", "step: 10 V", 12, "source.step", "does not divide 9 V", ""),
    ("step: 0.1 V", "step: 10 uV", 12, "source.step", "makes 900001 points", "at most 100000"),
    ("step: 0.1 V", "points: 1", 12, "source.points", "one level cannot be both", "at least 2"),
    ("step: 0.1 V", "points: 0", 12, "source.points", "'0' should be greater than or equal to 1", ""),
    ("step: 0.1 V", "points: 2.5", 12, "source.points", "'2.5'", ""),
    ("  step: 0.1 V\n", "", 8, "source", "needs either step or points", "exactly one"),
    ("step: 0.1 V", "step: 0.1 V\n  points: 91", 8, "source", "needs either step or points", "exactly one"),
    ("function: voltage", "function: voltag", 9, "source.function", "not one of voltage, current", "'voltage'"),
    ("nplc: 1", "nplc: 20", 16, "measure.nplc", "'20' should be less than or equal to 10", ""),
    ("nplc: 1", "nplc: 1 ms", 16, "measure.nplc", "'1 ms' is not a number", "without unit"),
    ("nplc: 1", "nplc: .inf", 16, "measure.nplc", "'.inf'", ""),
    ("nplc: 1", "nplc: nan", 16, "measure.nplc", "'nan' should be a finite number", ""),
    ("nplc: 1", "npcl: 1", 16, "measure.npcl", "is not a known key", "did you mean 'nplc'?"),
    ("nplc: 1", "zzz: 1", 16, "measure.zzz", "is not a known key", "known here: timing, settle, nplc"),
    ("nplc: 1", "nplc: 1\n  nplc: 2", 17, "measure.nplc", "is given twice, first in line 16", "remove one"),
    ("nplc: 1", "? [a]\n  : 1", 16, "measure", "a key must be a plain word", ""),
    ("nplc: 1", "autozero: perhaps", 16, "measure.autozero", "neither true nor false", "true or false"),
    ("nplc: 1", "filter_count: many", 16, "measure.filter_count", "not a whole number", ""),
    ("nplc: 1", "current_range: 10 mA", 16, "measure.current_range", "not the range of the compliance, 0.1 A", "0.1 A"),
    ("settle: 50 ms", "settle: 50", 15, "measure.settle", "has no unit", "'50 ms'"),
    ("settle: 50 ms", "settle: -1 ms", 15, "measure.settle", "not allowed", "between 0 s and 999 s"),
    ("settle: 50 ms", "settle: 50 min", 15, "measure.settle", "not allowed", "between 0 s and 999 s"),
    ("  name: A1\n", "", 4, "sample.name", "is missing", "add it"),
    ("name: A1", "name:", 5, "sample.name", "is empty", ""),
    ("name: A1", "name: [A, B]", 5, "sample.name", "must be one text", ""),
    ("14 mm^2", "14 mm", 6, "sample.emissive_area", "wrong unit: wanted m^2", "'14 mm^2'"),
    ("14 mm^2", "0 mm^2", 6, "sample.emissive_area", "not allowed", "above 0 m^2"),
    ("[10 cd/m^2, 1000 cd/m^2]", "10 cd/m^2", 18, "spectra.at_luminance", "must be a list", "[10 cd/m^2]"),
    ("1000 cd/m^2]", "10 cd/m^2]", 18, "spectra.at_luminance[1]", "is given twice", ""),
    ("1000 cd/m^2]", "0 cd/m^2]", 18, "spectra.at_luminance[1]", "must be above 0", ""),
    (
        "at_luminance: [10 cd/m^2, 1000 cd/m^2]",
        "as_needed: {share: 1 %}\n  afterwards: {at_luminance: [1 cd/m^2]}",
        18,
        "spectra.as_needed",
        "none is due there",
        "",
    ),
    (
        "at_luminance: [10 cd/m^2, 1000 cd/m^2]",
        "afterwards: {at_luminance: [1 cd/m^2, 1 cd/m^2]}",
        18,
        "spectra.afterwards.at_luminance[1]",
        "is given twice",
        "",
    ),
    (
        "at_luminance: [10 cd/m^2, 1000 cd/m^2]",
        "afterwards: {at_luminance: [0 cd/m^2]}",
        18,
        "spectra.afterwards.at_luminance[0]",
        "must be above 0",
        "",
    ),
    (
        "at_luminance: [10 cd/m^2, 1000 cd/m^2]",
        "afterwards: {at_luminance: []}",
        18,
        "spectra.afterwards.at_luminance",
        "names no luminance",
        "[100 cd/m^2]",
    ),
    ("at_luminance: [10 cd/m^2, 1000 cd/m^2]", "speed: fast", 17, "spectra", "does not say when", ""),
    ("at_luminance: [10 cd/m^2, 1000 cd/m^2]", "at_voltage: [9.5 V]", 18, "spectra.at_voltage[0]", "outside the", ""),
    ("at_luminance: [10 cd/m^2, 1000 cd/m^2]", "at_current: [1 mA]", 18, "spectra.at_current", "needs source", ""),
    ("output: runs", "output: ../runs", 19, "output", "does not lie inside", "relative"),
    ("output: runs", "output: /tmp/runs", 19, "output", "does not lie inside", ""),
    ("output: runs", "output: C:runs", 19, "output", "does not lie inside", ""),
    ("output: runs", r"output: \\host\share", 19, "output", "does not lie inside", ""),
    ("bench: bench.yaml", "bench: bank.yaml", 3, "bench", "there is no file", "did you mean 'bench.yaml'?"),
    ("bench: bench.yaml", "bench: no/where.yaml", 3, "bench", "there is no file", "no folder"),
    ("output: runs", "output: runs\ndark: {voltage: 25 V}", 20, "dark.voltage", "limit of 20 V", ""),
    ("output: runs", "output: runs\nstop: {voltage_above: 12 V}", 20, "stop.voltage_above", "is never reached", ""),
    ("output: runs", "output: runs\nstop: {current_above: 1 A}", 20, "stop.current_above", "is never reached", ""),
    ("output: runs", "output: runs\nstop: yes", 20, "stop", "must be a section", ""),
]


@pytest.mark.parametrize(("right", "wrong", "line", "path", "message", "hint"), WRONG_LINES)
def test_a_wrong_line_is_named(
    folder: Path, right: str, wrong: str, line: int, path: str, message: str, hint: str
) -> None:
    file, found_line, found_path, words = only_problem(change(folder, "sweep.yaml", (right, wrong)))
    assert (file, found_line, found_path) == ("sweep.yaml", line, path)
    assert message in words
    assert hint in words


WRONG_BENCHES = [
    ("GPIB0::16::INSTR", "GPIB0::24::INSTR", 10, "instruments.photodiode_meter.resource", "is also the smu"),
    ("GPIB0::16::INSTR", "GPIB0::31::INSTR", 10, "instruments.photodiode_meter.resource", "no GPIB address 31"),
    ("GPIB0::16::INSTR", "COM3", 10, "instruments.photodiode_meter.resource", "not a VISA address"),
    ("keithley2000", "keithley2001", 9, "instruments.photodiode_meter.model", "'keithley2000'"),
    (
        "ASRL3::INSTR",
        "ASRL3::INSTR\n    measuring_angle: 2 deg",
        14,
        "instruments.spectroradiometer.measuring_angle",
        "knob",
    ),
    ("GPIB0::24::INSTR", "GPIB0::24::INSTR\n    serial: {}", 8, "instruments.smu.serial", "not a serial port"),
    ("GPIB0::24::INSTR", "GPIB0::24::INSTR\n    line_frequency: 400 Hz", 8, "instruments.smu.line_frequency", "50 Hz"),
    (
        "GPIB0::24::INSTR",
        "GPIB0::24::INSTR\n    over_voltage_protection: 25 V",
        8,
        "instruments.smu.over_voltage_protection",
        "no step at 25 V",
    ),
    (
        "ASRL3::INSTR",
        "ASRL3::INSTR\n    serial: {baud_rate: 9601}",
        14,
        "instruments.spectroradiometer.serial.baud_rate",
        "9600",
    ),
    ("visa: simulated", "visa: '@py'", 20, "simulation", "needs visa: simulated"),
    ("device: device.yaml", "device: divice.yaml", 21, "simulation.device", "did you mean 'device.yaml'?"),
    ("calibration: calibration.yaml", "calibration: cal.yaml", 16, "photodiode.calibration", "there is no file"),
    ("voltage: 20 V", "voltage: -20 V", 18, "limits.voltage", "above 0 V"),
    ("  current: 200 mA\n", "", 17, "limits.current", "is missing"),
    ("device: device.yaml", "seed: -1", 21, "simulation.seed", "greater than or equal to 0"),
    ("device: device.yaml", "options: {smu: {a: [1]}}", 21, "simulation.options.smu.a", "must be one value"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "path", "words"), WRONG_BENCHES)
def test_a_wrong_bench_is_named(folder: Path, right: str, wrong: str, line: int, path: str, words: str) -> None:
    file, found_line, found_path, said = only_problem(change(folder, "bench.yaml", (right, wrong)))
    assert (file, found_line, found_path) == ("bench.yaml", line, path)
    assert words in said


@pytest.mark.parametrize(
    ("name", "right", "wrong", "line", "path", "words"),
    [
        ("calibration.yaml", "2026-01-05", "5.1.2026", 3, "date", "write it like 2026-03-31"),
        ("calibration.yaml", "responsivity: curve.csv\n", "", 6, "geometry", "needs the responsivity"),
        ("calibration.yaml", "responsivity: curve.csv", "responsivity: x.csv", 6, "responsivity", "there is no file"),
        ("calibration.yaml", "  distance: 100 mm\n", "", 7, "geometry", "needs distance"),
        ("calibration.yaml", "coaxial_discs\n  detector_area: 100 mm^2", "half_angle\n  half_angle: 3 deg", 10,
         "geometry.distance", "has no meaning with shape: half_angle"),
        ("device.yaml", "load: resistor\n", "load: open_circuit\n", 5, "resistance", "has no meaning"),
        ("device.yaml", "resistance: 1000 ohm\n", "", 4, "load", "needs resistance"),
        ("device.yaml", "1000 ohm", "0 ohm", 5, "resistance", "above 0 ohm"),
        ("device.yaml", "kind: device", "kind: devise", 1, "kind", "did you mean 'device'?"),
        ("device.yaml", "kind: device\n", "", 1, "kind", "write one of sweep, bench, device, calibration"),
    ],
)  # fmt: skip
def test_a_wrong_calibration_or_device_is_named(
    folder: Path, name: str, right: str, wrong: str, line: int, path: str, words: str
) -> None:
    file, found_line, found_path, said = only_problem(change(folder, name, (right, wrong)))
    assert (file, found_line, found_path) == (name, line, path)
    assert words in said


def test_a_calibration_needs_exactly_one_method(folder: Path) -> None:
    path = change(folder, "calibration.yaml", (CALIBRATION[CALIBRATION.index("geometry") :], ""))
    assert "either geometry or luminance_factor" in only_problem(path)[3]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("380,0.2\n780,0.4\n", 1, "header line is missing"),
        ("", 1, "header line is missing"),
        ("wavelength_nm,responsivity_A_W\n380,0.2\n380,0.3\n780,0.4\n", 3, "do not rise"),
        ("wavelength_nm,responsivity_A_W\n380,0.2\n500,nan\n780,0.4\n", 3, "not two finite numbers"),
        ("wavelength_nm,responsivity_A_W\n380,0.2\n500;0.3\n780,0.4\n", 3, "not two finite numbers"),
        ("# remark\nwavelength_nm,responsivity_A_W\n800,0.2\n1100,0.4\n", 3, "nothing of 380 to 780 nm"),
        ("wavelength_nm,responsivity_A_W\n", 1, "holds no curve"),
    ],
)
def test_a_wrong_curve_is_named(folder: Path, text: str, line: int, words: str) -> None:
    (folder / "curve.csv").write_text(text, encoding="utf-8")
    file, found_line, _, said = only_problem(folder / "calibration.yaml")
    assert (file, found_line) == ("curve.csv", line)
    assert words in said


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (CURVE.encode("utf-16"), "is UTF-16 text"),
        (CURVE.replace("0.216", "\u00e4").encode("latin-1"), "not UTF-8"),
        (CURVE.replace("0.216", "1e400").encode(), "not two finite numbers"),
        (CURVE.encode() + b"#" * 1_100_000, "larger than 1 MB"),
        (CURVE.replace("780,0.456", "780," + "9" * 10_000).encode(), "not two finite numbers"),
    ],
)
def test_a_curve_in_no_usable_form_is_one_problem(folder: Path, raw: bytes, words: str) -> None:
    (folder / "curve.csv").write_bytes(raw)
    file, _, _, said = only_problem(folder / "calibration.yaml")
    assert file == "curve.csv"
    assert words in said


def test_a_curve_with_a_byte_order_mark_is_fine(folder: Path) -> None:
    (folder / "curve.csv").write_bytes(b"\xef\xbb\xbf" + CURVE.replace("\n", "\r\n").encode())
    assert report(folder / "calibration.yaml") == []


def test_quite_another_table_is_not_reported_line_by_line(folder: Path) -> None:
    (folder / "curve.csv").write_text(CURVE + "x\n" * 400_000, encoding="utf-8")
    assert len(report(folder / "calibration.yaml")) == 3


# Rules across files name both places.


def test_a_level_beyond_the_limit_names_both_values_and_both_lines(folder: Path) -> None:
    path = change(folder, "sweep.yaml", ("stop: 9 V", "stop: 30 V"), ("100 mA", "50 mA"))
    file, line, where, words = only_problem(path)
    assert (file, line, where) == ("sweep.yaml", 11, "source.stop")
    assert "30 V is beyond the bench's limit of 20 V" in words
    assert "bench.yaml:18" in words


def test_negative_levels_and_the_compliance_have_limits_too(folder: Path) -> None:
    path = change(
        folder, "sweep.yaml", ("start: 0 V", "start: -21 V"), ("stop: 9 V", "stop: 0 V"), ("100 mA", "250 mA")
    )
    assert [(line, where) for _, line, where, _ in report(path)] == [(10, "source.start"), (13, "source.compliance")]


def test_power_is_limited_by_the_bench_and_by_the_instrument(folder: Path) -> None:
    change(folder, "bench.yaml", ("current: 200 mA", "current: 200 mA\n  power: 0.5 W"))
    words = only_problem(folder / "sweep.yaml")[3]
    assert "0.9 W, beyond the bench's 0.5 W" in words
    change(folder, "bench.yaml", ("\n  power: 0.5 W", ""), ("voltage: 20 V", "voltage: 60 V"))
    change(folder, "sweep.yaml", ("stop: 9 V", "stop: 22 V"), ("100 mA", "150 mA"))
    assert "more than the source can give" in only_problem(folder / "sweep.yaml")[3]


def test_the_dark_level_counts_for_power_and_range(folder: Path) -> None:
    change(folder, "bench.yaml", ("current: 200 mA", "current: 200 mA\n  power: 1 W"))
    path = change(folder, "sweep.yaml", ("output: runs", "output: runs\ndark: {voltage: 11 V}"))
    assert "1.1 W, beyond the bench's 1 W" in only_problem(path)[3]
    path = change(folder, "sweep.yaml", ("voltage: 11 V", "voltage: 9.8 V"), ("stop: 9 V", "stop: 9 V\n  range: 9 V"))
    where, words = only_problem(path)[2:]
    assert where == "source.range"
    assert "too small for the level 9.8 V" in words


def test_the_power_of_a_current_source_is_limited_too(folder: Path) -> None:
    change(folder, "bench.yaml", ("current: 200 mA", "current: 200 mA\n  power: 0.1 W"))
    path = change(
        folder,
        "sweep.yaml",
        ("function: voltage", "function: current"),
        ("start: 0 V", "start: 0 mA"),
        ("stop: 9 V", "stop: 12 mA"),
        ("step: 0.1 V", "step: 1 mA"),
        ("compliance: 100 mA", "compliance: 10 V"),
    )
    assert "0.12 W, beyond the bench's 0.1 W" in only_problem(path)[3]
    path = change(folder, "sweep.yaml", ("compliance: 10 V", "compliance: 8 V"), ("stop: 12 mA", "stop: 250 mA"))
    assert "beyond the bench's limit of 0.2 A" in " ".join(words for *_, words in report(path))


def test_what_is_done_about_a_bad_reading_is_one_of_three(folder: Path) -> None:
    path = change(folder, "sweep.yaml", ("  nplc: 1", "  nplc: 1\n  bad_reading: ignore"))
    where, words = only_problem(path)[2:]
    assert where == "measure.bad_reading"
    assert all(name in words for name in ("retry", "mark", "stop"))


def test_the_over_voltage_protection_is_a_limit(folder: Path) -> None:
    change(folder, "bench.yaml", ("voltage: 20 V", "voltage: 50 V"))
    change(folder, "bench.yaml", ("::24::INSTR", "::24::INSTR\n    over_voltage_protection: 20 V"))
    path = change(folder, "sweep.yaml", ("stop: 9 V", "stop: 21 V"))
    assert "over-voltage protection of 20 V" in only_problem(path)[3]


def test_spectra_need_a_spectroradiometer(folder: Path) -> None:
    part = BENCH[BENCH.index("  spectroradiometer") : BENCH.index("photodiode:")]
    change(folder, "bench.yaml", (part, ""))
    assert "has no spectroradiometer" in only_problem(folder / "sweep.yaml")[3]


def test_what_needs_luminance_at_every_point_needs_a_calibration(folder: Path) -> None:
    change(folder, "bench.yaml", ("  calibration: calibration.yaml\n", ""))
    path = change(folder, "sweep.yaml", ("output: runs", "output: runs\nstop: {luminance_above: 1 cd/m^2}"))
    assert [where for _, _, where, _ in report(path)] == ["spectra.at_luminance", "stop.luminance_above"]


def test_luminance_needs_a_line_to_expect_before_the_first_spectrum(folder: Path) -> None:
    change(folder, "sweep.yaml", ("  expected_line: {peak: 520 nm, fwhm: 20 nm}\n", ""))
    _, _, where, words = only_problem(folder / "sweep.yaml")
    assert where == "spectra.at_luminance"
    assert "before the first spectrum" in words
    assert "sample.expected_line" in words


def test_a_simulated_bench_needs_a_device(folder: Path) -> None:
    change(folder, "bench.yaml", ("simulation:\n  device: device.yaml\n", ""))
    assert "does not know which device" in only_problem(folder / "sweep.yaml")[3]


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ("speed: manual\n  internal_nd: off", "spectra.speed"),
        ("speed: manual\n  integration_time: 1 s", "spectra.internal_nd"),
        ("integration_time: 1 s", "spectra.integration_time"),
        ("speed: multi_fast\n  integration_time: 1.5 s", "spectra.integration_time"),
        ("speed: multi_fast\n  integration_time: 17 s", "spectra.integration_time"),
        ("sync: frequency", "spectra.sync"),
        ("sync_frequency: 60 Hz", "spectra.sync"),
        ("sync: frequency\n  sync_frequency: 5 Hz", "spectra.sync_frequency"),
    ],
)
def test_exposure_settings_must_suit_the_spectroradiometer(folder: Path, settings: str, where: str) -> None:
    path = change(folder, "sweep.yaml", ("spectra:\n", f"spectra:\n  {settings}\n"))
    assert only_problem(path)[2] == where


def test_ranges_must_hold_the_levels(folder: Path) -> None:
    path = change(folder, "sweep.yaml", ("compliance: 100 mA", "compliance: 100 mA\n  range: 2 V"))
    assert "2 V is too small for the level 9 V" in only_problem(path)[3]


# Everything in one report.


def test_all_problems_of_all_files_come_in_one_report(folder: Path) -> None:
    change(folder, "sweep.yaml", ("stop: 9 V", "stop: 9"), ("nplc: 1", "npcl: 1"), ("output: runs", "output: ../x"))
    change(folder, "bench.yaml", ("5e6 V/A", "5e6 V"), ("GPIB0::16::INSTR", "GPIB0::24::INSTR"), ("20 V", "5 mV"))
    change(folder, "calibration.yaml", ("100 mm^2", "100 mm"), ("curve.csv", "cvrue.csv"))
    change(folder, "device.yaml", ("1000 ohm", "1000"))
    change(folder, "sweep.yaml", ("output", "dark: {voltage: 1 V}\noutput"))
    with pytest.raises(ConfigurationError) as caught:
        load_sweep(folder / "sweep.yaml")
    found = {(problem.file.name, problem.path) for problem in caught.value.problems}
    assert found == {
        ("sweep.yaml", "source.stop"),
        ("sweep.yaml", "measure.npcl"),
        ("sweep.yaml", "output"),
        ("bench.yaml", "photodiode.amplifier"),
        ("bench.yaml", "instruments.photodiode_meter.resource"),
    } | {("device.yaml", "resistance")}
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    assert lines[0].startswith(f"{folder / 'sweep.yaml'}:11: source.stop: '9' has no unit. Write it like")


def test_a_wrong_key_does_not_hide_a_level_beyond_the_limit(folder: Path) -> None:
    path = change(folder, "sweep.yaml", ("stop: 9 V", "stop: 30 V"), ("100 mA", "50 mA"), ("nplc: 1", "npcl: 1"))
    change(folder, "bench.yaml", ("name: test bench", "nome: test bench"), ("5e6 V/A", "5e6"))
    assert [(file, where) for file, _, where, _ in report(path)] == [
        ("sweep.yaml", "measure.npcl"),
        ("bench.yaml", "name"),
        ("bench.yaml", "photodiode.amplifier"),
        ("bench.yaml", "nome"),
        ("sweep.yaml", "source.stop"),
    ]


# Files that are no configuration at all.


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        load_sweep(tmp_path / "none.yaml")
    assert "there is no such file" in only_problem(tmp_path / "none.yaml")[3]


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    assert "cannot be read" in only_problem(tmp_path)[3]


def test_another_kind_of_file_is_one_problem(folder: Path) -> None:
    change(folder, "sweep.yaml", ("bench: bench.yaml", "bench: calibration.yaml"))
    name, line, where, words = only_problem(folder / "sweep.yaml")
    assert (name, line, where) == ("sweep.yaml", 3, "bench")
    assert "calibration.yaml: this is a calibration file, but a bench file is wanted here" in words
    change(folder, "sweep.yaml", ("bench: calibration.yaml", "bench: ."))
    assert "is a folder" in only_problem(folder / "sweep.yaml")[3]


def test_a_run_file_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    assert "acquire show" in only_problem(path)[3]


def test_a_question_ends_without_a_full_stop(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text("title: test\n", encoding="utf-8")
    assert "what sort of file is this? Write one of" in str(check_file(path).problems[0])


@pytest.mark.parametrize(("right", "wrong"), [("step: 0.1 V", "step: 0,1 V"), ("nplc: 1", "nplc: 0,1")])
def test_a_decimal_comma_is_called_by_its_name(folder: Path, right: str, wrong: str) -> None:
    change(folder, "sweep.yaml", (right, wrong))
    words = only_problem(folder / "sweep.yaml")[3]
    assert "has a comma in its number" in words
    assert "use a point" in words.lower()


def test_no_light_needs_dark_readings_to_stand_out_from(folder: Path) -> None:
    rules = "stop: {no_light_by: 5 V}\ndark: {before: false}\noutput: runs"
    change(folder, "sweep.yaml", ("output: runs", rules))
    assert only_problem(folder / "sweep.yaml")[2] == "stop.no_light_by"


def test_an_expected_line_is_visible(folder: Path) -> None:
    change(folder, "sweep.yaml", ("peak: 520 nm", "peak: 1520 nm"))
    assert only_problem(folder / "sweep.yaml")[2] == "sample.expected_line.peak"


def test_a_missing_file_does_not_hide_the_rest(folder: Path) -> None:
    path = change(folder, "sweep.yaml", ("bench: bench.yaml", "bench: gone.yaml"), ("nplc: 1", "nplc: 11"))
    assert [where for _, _, where, _ in report(path)] == ["measure.nplc", "bench"]


@pytest.mark.parametrize(
    ("raw", "line", "words"),
    [
        (b"", 1, "the file is empty"),
        (b"# only a remark\n", 1, "the file is empty"),
        (b"kind: sweep\ntitle: M\xe4rz\n", 2, "is not UTF-8 text"),
        ("kind: sweep\n".encode("utf-16"), 1, "not UTF-8"),
        (b"kind: sweep\ntitle: a\x00b\n", 2, "character that is not text"),
        (b"kind: sweep\nsource:\n\tstart: 0 V\n", 3, "a tab stands where YAML wants blanks"),
        (b"kind: sweep\nsource:\n  start: 0 V\n   stop: 1 V\n", 4, "indentation"),
        (b"kind: sweep\nsource: [1, 2\n", 3, "not valid YAML"),
        (b"kind: sweep\ntitle: 'open\n", 3, "not valid YAML"),
        (b"kind: sweep\n---\nkind: sweep\n", 2, "not valid YAML"),
        (b"kind: sweep\ntitle: *nothing\n", 2, "undefined alias"),
        (b"- kind: sweep\n", 1, "'key: value' lines"),
        (b"just text\n", 1, "'key: value' lines"),
        (b"kind: sweep\ntitle: " + b"[" * 5000 + b"\n", 2, "nested deeper than 20 levels"),
        (b"kind: sweep\ntitle: &a [*a]\n", 2, "nested deeper than 20 levels"),
    ],
)  # fmt: skip
def test_no_yaml_at_all(tmp_path: Path, raw: bytes, line: int, words: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(raw)
    _, found_line, _, said = only_problem(path)
    assert found_line == line
    assert words in said


@pytest.mark.parametrize("bulk", ["x: [" + "a," * 490_000 + "]", "\n".join(f"a{i}: b" for i in range(90_000))])
def test_a_file_with_very_many_values_is_not_read_to_its_end(tmp_path: Path, bulk: str) -> None:
    path = tmp_path / "bulk.yaml"
    path.write_text(f"kind: sweep\n{bulk}", encoding="utf-8")
    assert "more than 5000 values" in only_problem(path)[3]


@pytest.mark.parametrize("title", [r"\e[2J", r"\0", r"a\x7fb", r"\x9b31m", r"\ud800", r"\r"])
def test_what_no_terminal_and_no_file_can_take_is_refused(folder: Path, title: str) -> None:
    path = change(folder, "sweep.yaml", ("title: test", f'title: "{title}"'))
    _, line, where, said = only_problem(path)
    assert (line, where) == (2, "title")
    assert "control character" in said


def test_a_report_holds_no_command_for_a_terminal(folder: Path) -> None:
    change(folder, "sweep.yaml", ("title: test", "title: !%1B[2J x"), ("nplc: 1", '"\\e[31m": 1'))
    (folder / "curve.csv").write_text(CURVE + "781,\x1b[2J\n", encoding="utf-8")
    texts = [str(problem) for problem in check_file(folder / "sweep.yaml").problems]
    assert len(texts) == 3
    assert all(text.isprintable() for text in texts), texts


@pytest.mark.parametrize(
    "number",
    [
        "1e-99999999999999999999 V",
        "0e99999999999999999999 V",
        "1e99999999999999999999 V",
        f"{'9' * 900_000} V",
        "1e400 V",
    ],
)
def test_a_number_of_any_size_is_read_or_refused(folder: Path, number: str) -> None:
    path = change(folder, "sweep.yaml", ("stop: 9 V", f"stop: {number}"))
    _, line, where, said = only_problem(path)
    assert (line, where) == (11, "source.stop")
    assert re.search("too (large|small) a number", said)
    assert len(said) < 200


@pytest.mark.parametrize("step", ["1e-322 V", "-1e-322 V", "1e-9 V"])
def test_a_step_may_be_so_small_that_its_points_cannot_be_counted(folder: Path, step: str) -> None:
    path = change(folder, "sweep.yaml", ("step: 0.1 V", f"step: {step}"))
    assert only_problem(path)[2] == "source.step"


@pytest.mark.parametrize("points", ["1e400", "9" * 10_000, ".nan", "1e3", "0x10"])
def test_a_number_of_points_is_a_plain_whole_number(folder: Path, points: str) -> None:
    path = change(folder, "sweep.yaml", ("step: 0.1 V", f"points: {points}"))
    assert only_problem(path)[1:3] == (12, "source.points")


@pytest.mark.parametrize("nplc", [".nan", "NaN", ".inf", "-.inf", "1e400"])
def test_not_a_number_is_not_a_number(folder: Path, nplc: str) -> None:
    assert only_problem(change(folder, "sweep.yaml", ("nplc: 1", f"nplc: {nplc}")))[2] == "measure.nplc"


@pytest.mark.parametrize("name", ["x" * 5000, "x/" * 3000, "/dev/null/x"])
def test_a_name_that_no_file_can_have_is_a_missing_file(folder: Path, name: str) -> None:
    path = change(folder, "sweep.yaml", ("bench: bench.yaml", f"bench: {name}"))
    assert "there is no file" in only_problem(path)[3]
    assert check_file(folder / ("y" * 5000)).problems


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_nothing_waits_for_a_pipe_or_reads_a_device(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    assert "a pipe or a device" in only_problem(folder / "pipe.yaml")[3]
    assert "a pipe or a device" in only_problem(Path("/dev/zero"))[3]
    for name, key, target in (("sweep.yaml", "bench", "bench.yaml"), ("calibration.yaml", "responsivity", "curve.csv")):
        path = change(folder, name, (f"{key}: {target}", f"{key}: pipe.yaml"))
        assert "is a pipe or device" in only_problem(path)[3]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="rights do not bind everybody")
def test_a_file_that_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "bench.yaml").chmod(0)
    file, _, _, said = only_problem(folder / "sweep.yaml")
    assert file == "bench.yaml"
    assert "cannot be read" in said


@pytest.mark.parametrize(
    "output",
    ["..", "../x", "/x", "a/../../b", r"a\..\..\b", r"C:\x", "C:x", r"\\server\x", r"\x", "~/x", "~root/x"],
)
def test_run_files_stay_inside_the_current_folder(folder: Path, output: str) -> None:
    path = change(folder, "sweep.yaml", ("output: runs", f"output: {output}"))
    assert only_problem(path)[1:3] == (19, "output")


def test_an_alias_bomb_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    path.write_text("\n".join(lines), encoding="utf-8")
    _, line, _, words = only_problem(path)
    assert line == 4
    assert f"more than {MOST_ALIASES} aliases" in words


def test_few_aliases_can_be_a_bomb_as_well(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    lines = [f"a0: &a0 [{', '.join('x' * 100)}]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 9)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert "more than 5000 values" in only_problem(path)[3]


def test_a_large_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"kind: sweep\n" + b"# " + b"x" * 1_100_000)
    assert "larger than 1 MB" in only_problem(path)[3]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_never_more(text: str) -> None:
    source = parse_yaml(Path("x.yaml"), text)
    assert source.problems or isinstance(source.content, dict)
    assert all(1 <= mark.line <= len(text) + 1 and mark.column >= 1 for mark in source.marks.values())


@given(st.binary(max_size=200))
def test_any_bytes_have_problems_and_no_exception(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)
    assert check_file(path).problems


def test_marks_are_those_of_the_file(folder: Path) -> None:
    source = read_yaml(folder / "sweep.yaml")
    mark = source.mark(("spectra", "at_luminance", 1))
    assert mark is not None
    assert (mark.line, mark.column) == (18, 29)
    assert source.where(("measure", "not_written")).endswith("sweep.yaml:14")


# Quantities.

PREFIXES = {"": 0, "m": -3, "u": -6, "µ": -6, "μ": -6, "n": -9, "k": 3}


@given(st.decimals(-1000, 1000, allow_nan=False, places=6), st.sampled_from(sorted(PREFIXES)), st.booleans())
def test_a_quantity_is_the_nearest_float(number: object, prefix: str, blank: bool) -> None:
    text = f"{number}{' ' if blank else ''}{prefix}V"
    assert parse_quantity(text, "V") == float(f"{number}e{PREFIXES[prefix]}")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_float_survives_being_written_with_its_unit(value: float) -> None:
    assert parse_quantity(f"{value!r} A", "A") == value


@given(st.text(max_size=30))
def test_any_text_is_a_quantity_or_an_error_with_a_hint(text: str) -> None:
    try:
        outcome: float | QuantityError = parse_quantity(text, "V", "8 V")
    except QuantityError as error:
        outcome = error
    assert isfinite(outcome) if isinstance(outcome, float) else outcome.hint == "write it like '8 V'"


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("14 mm^2", "m^2", 1.4e-5),
        ("14 mm²", "m^2", 1.4e-5),
        ("14mm**2", "m^2", 1.4e-5),
        ("10 mA/cm^2", "A/m^2", 100.0),
        ("5e6 V/A", "V/A", 5e6),
        ("5 MΩ", "V/A", 5e6),
        ("1.15 %", "", 0.0115),
        ("0.0115", "", 0.0115),
        ("0.2°", "deg", 0.2),
        ("3.5 mrad", "deg", 3.5e-3 * 57.29577951308232),
        ("0.52 um", "nm", 520.0),
        ("2 min", "s", 120.0),
        ("+.5e-3 kV", "V", 0.5),
        ("-0.1 nm/decade", "nm/decade", -0.1),
        ("0.02 pA/s^0.5", "A/s^0.5", 2e-14),
    ],
)
def test_units_of_the_bench(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text", ["8 V s", "8 /V", "8 V/0", "8 2 V", "8 V V V V V V V", "8 V^(9**9)", "8 sin(V)", "1_0 V"]
)
def test_odd_units_are_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_quantity(text, "V")


# The models' own manners.


def test_importing_the_configuration_does_not_import_what_only_reading_needs() -> None:
    code = "import sys, acquire.config; print(*sorted({'pint', 'numpy', 'h5py', 'pyvisa'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_device_parameters_of_a_resistor(folder: Path) -> None:
    loaded = load_sweep(folder / "sweep.yaml")
    assert loaded.device is not None
    parameters = device_parameters(loaded.device, loaded.bench.simulation)
    assert (parameters["load"], parameters["resistance_ohm"]) == ("resistor", 1000.0)
    assert parameters["shared"]["photodiode"]["tia_V_A"] == 5e6


def test_a_problem_reads_like_a_line_of_a_compiler() -> None:
    source = parse_yaml(Path("a.yaml"), dedent("kind: sweep\ntitle: x\n"))
    assert (
        str(source.problem(("title",), "is dull", "write a better one"))
        == "a.yaml:2: title: is dull. Write a better one."
    )
    assert str(source.problem((), "is short")) == "a.yaml:1: is short."
    assert str(source.problem((), "is odd", "did you mean 'even'?")).endswith("is odd. Did you mean 'even'?")


GARBAGE = ["", "x", ": [", "  - 1", "null", "{a: 1}", "kind: device", "  zzz: {b: [c]}", "\t", "&a [*a]", "!!set {x}"]


@pytest.mark.parametrize("name", ["sweep.yaml", "bench.yaml", "calibration.yaml", "device.yaml"])
def test_no_line_can_be_broken_so_that_the_report_breaks(folder: Path, name: str) -> None:
    """Each line replaced by each sort of rubbish, as a whole and after its key."""
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    for i, line in enumerate(lines):
        key = line.split(":")[0]
        for text in [*GARBAGE, *(f"{key}: {rubbish.strip()}" for rubbish in GARBAGE)]:
            (folder / name).unlink()  # some disks wait at the end of a file that was cut to nothing and written anew
            (folder / name).write_text("\n".join([*lines[:i], text, *lines[i + 1 :]]), encoding="utf-8")
            for problem in check_file(folder / "sweep.yaml").problems:
                assert problem.message
                length = len(problem.file.read_text(encoding="utf-8").splitlines())
                assert problem.line is None or 1 <= problem.line <= length + 1, str(problem)


def test_options_of_the_twins_are_checked_by_name_and_value(folder: Path) -> None:
    options = "  options:\n    smu: {nope: 3, level_after_sweep: never}\n"
    path = change(folder, "bench.yaml", ("simulation:\n", f"simulation:\n{options}"))
    problems = {problem.path: str(problem) for problem in check_file(path).problems}
    assert "is no option of this twin" in problems["simulation.options.smu.nope"]
    assert "'last' or 'bias'" in problems["simulation.options.smu.level_after_sweep"]


# Files of somebody else

SECRET = "hunter2-s3cret"
FOREIGN = {
    "private key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----\n",
    "key with headers": f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,{SECRET}\nDEK-Info: {SECRET}\n\n{SECRET}=\n",
    "settings": f"{SECRET}: 1\npassword: {SECRET}\n",
    "settings of another program": f"kind: {SECRET}\n{SECRET}: {SECRET}\n",
    "a kind that is no word": f"kind: {{{SECRET}: {SECRET}}}\n",
    "settings with a key twice": f"{SECRET}: 1\n{SECRET}: 2\n",
    "settings with tags": f"a: !{SECRET} {SECRET}\n",
    "one tagged section": f"!{SECRET}\na: b\n",
    "an alias": f"a: *{SECRET}\n",
    "an anchor twice": f"a: &{SECRET} 1\nb: &{SECRET} 2\n- {SECRET}\n",
    "a handle": f"a: !{SECRET}!x y\n",
    "a directive": f"%{SECRET} x\n---\na: b\n",
    "an escape": f'a: "\\q{SECRET}"\n',
    "a list": f"- {SECRET}\n",
    "many values": f"{SECRET}: !x y\nb: &a [{', '.join(['1'] * 900)}]\nc: [*a, *a, *a, *a, *a, *a]\n",
    "deep": f"{SECRET}: {'[' * 60}\n",
    "control characters": f"a: {SECRET}\x1b\n",
    "passwords": f"root:{SECRET}:0:0::/root:/bin/sh\n",
    "a table": f"{SECRET},{SECRET}\n1,{SECRET}\n",
    "a binary file": f"\x7fELF\x02\x01\x01\x00{SECRET}\x00\xff\xfe{SECRET}",
    "latin-1": f"{SECRET}\xe4: {SECRET}\n",
    "nothing": "",
    "an empty section": "{}\n",
}


@pytest.mark.parametrize("role", ["file", "bench", "calibration", "device", "responsivity", "reference"])
@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_of_a_file_of_somebody_else_is_quoted(role: str, name: str, folder: Path) -> None:
    foreign = folder / "foreign.txt"
    foreign.write_bytes(FOREIGN[name].encode("latin-1"))
    if role == "file":
        problems = check_file(foreign).problems
    else:
        if role == "reference":
            change(folder, "sweep.yaml", ("  name: A1", "  name: A1\n  reference: foreign.txt"))
        for file in folder.glob("*.yaml"):
            file.write_text(re.sub(rf"(?m)^(\s*{role}: ).*", r"\1foreign.txt", file.read_text("utf-8")), "utf-8")
        with pytest.raises(ConfigurationError) as caught:
            load_sweep(folder / "sweep.yaml")
        problems = list(caught.value.problems)
    (problem,) = problems
    said = str(problem).replace(str(folder), "").replace(folder.as_posix(), "")
    assert "foreign.txt" in said
    assert problem.hint
    for word in (SECRET, SECRET[1:], "hunter", "s3cret", "OPENSSH", "Proc", "password", "ELF", "0x", "\\q", "root"):
        assert word not in said


def test_a_file_says_what_it_is_before_anything_of_it_is_quoted(folder: Path) -> None:
    _, _, _, words = only_problem(change(folder, "bench.yaml", ("kind: bench", "kind: benhc")))
    assert words == "is no kind of file known here. did you mean 'bench'?"


def test_a_reference_larger_than_any_run_is_not_read(folder: Path) -> None:
    with (folder / "huge.h5").open("wb") as file:
        file.write(b"\x89HDF\r\n\x1a\n")
        file.truncate(60 * 2**30)
    change(folder, "sweep.yaml", ("  name: A1", "  name: A1\n  reference: huge.h5"))
    _, _, where, words = only_problem(folder / "sweep.yaml")
    assert where == "sample.reference"
    assert "is larger than 1 GB" in words


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("stop: 9 V", "stop: {}"),
        ("stop: 9 V", "stop: 1{} V"),
        ("function: voltage", "function: v{}"),
        ("title: test", "title: test\n{}: x"),
        ("output: runs", "output: /{}"),
        ("nplc: 1", "nplc: a{}"),
    ],
)
def test_a_value_of_any_length_makes_a_short_message(right: str, wrong: str, folder: Path) -> None:
    path = change(folder, "sweep.yaml", (right, wrong.format("7" * 5_000)))
    (problem,) = check_file(path).problems
    assert len(str(problem).replace(str(folder), "")) < 400
