"""A sweep with its bench, calibration, curve and device, as small files to be changed by tests of configuration."""

from __future__ import annotations

from pathlib import Path

from acquire.config import check_file

#: The instruments of a bench file as YAML is made of it, at the addresses of the shipped simulated bench.
INSTRUMENTS = {
    "smu": {"model": "keithley2400", "resource": "GPIB0::24::INSTR"},
    "photodiode_meter": {"model": "keithley2000", "resource": "GPIB0::16::INSTR"},
    "spectroradiometer": {"model": "cs2000a", "resource": "ASRL3::INSTR", "measuring_angle": "0.2 deg"},
}

SWEEP = """\
kind: sweep
title: test
bench: bench.yaml
sample:
  name: A1
  emissive_area: 14 mm^2
  expected_line: {peak: 520 nm, fwhm: 20 nm}
source:
  function: voltage
  start: 0 V
  stop: 9 V
  step: 0.1 V
  compliance: 100 mA
measure:
  settle: 50 ms
  nplc: 1
spectra:
  at_luminance: [10 cd/m^2, 1000 cd/m^2]
output: runs
"""

BENCH = """\
kind: bench
name: test bench
visa: simulated
instruments:
  smu:
    model: keithley2400
    resource: GPIB0::24::INSTR
  photodiode_meter:
    model: keithley2000
    resource: GPIB0::16::INSTR
  spectroradiometer:
    model: cs2000a
    resource: ASRL3::INSTR
photodiode:
  amplifier: 5e6 V/A
  calibration: calibration.yaml
limits:
  voltage: 20 V
  current: 200 mA
simulation:
  device: device.yaml
"""

CALIBRATION = """\
kind: calibration
id: C1
date: 2026-01-05
detector:
  serial: P1
responsivity: curve.csv
geometry:
  shape: coaxial_discs
  detector_area: 100 mm^2
  distance: 100 mm
"""

DEVICE = """\
kind: device
id: r
name: resistor
load: resistor
resistance: 1000 ohm
"""

CURVE = "wavelength_nm,responsivity_A_W\n380,0.216\n780,0.456\n"


def change(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """Replace text in one of the files; each must occur."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def report(path: Path) -> list[tuple[str, int | None, str, str]]:
    """What is wrong: file name, line, dotted path, message and hint."""
    return [(p.file.name, p.line, p.path, f"{p.message}. {p.hint}") for p in check_file(path).problems]


def only_problem(path: Path) -> tuple[str, int | None, str, str]:
    found = report(path)
    assert len(found) == 1, found
    return found[0]


def write_files(folder: Path) -> Path:
    """Write all of them into a folder."""
    for name, text in (
        ("sweep.yaml", SWEEP),
        ("bench.yaml", BENCH),
        ("calibration.yaml", CALIBRATION),
        ("device.yaml", DEVICE),
        ("curve.csv", CURVE),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    return folder
