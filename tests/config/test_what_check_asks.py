"""What check refuses because a run would, and what it only asks about: said, and right all the same."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner

from acquire.bench.batch import check_file
from acquire.cli.commands import app
from acquire.config import load_sweep
from acquire.config.parsing import ConfigurationError
from tests.support.config_files import change, only_problem, report, write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path)


def cautions(path: Path) -> list[str]:
    checked = check_file(path)
    assert checked.problems == []
    return [str(caution) for caution in checked.cautions]


def only_caution(path: Path) -> str:
    said = cautions(path)
    assert len(said) == 1, said
    return said[0]


# How the photodiode is read.


@pytest.mark.parametrize(
    ("keys", "connection", "transfer", "unit"),
    [
        ("amplifier: 5e6 V/A", "amplifier", 5e6, "V"),
        ("amplifier: -5e6 V/A", "amplifier", -5e6, "V"),
        ("amplifier_gain: 1 V/uA", "amplifier", 1e6, "V"),
        ("shunt: 1 kohm", "shunt", 1e3, "V"),
        ("current: true", "current", 1.0, "A"),
    ],
)
def test_the_ways_to_read_a_photodiode(folder: Path, keys: str, connection: str, transfer: float, unit: str) -> None:
    change(folder, "bench.yaml", ("amplifier: 5e6 V/A", keys))
    photodiode = load_sweep(folder / "sweep.yaml").bench.photodiode
    assert (photodiode.connection, photodiode.transfer, photodiode.meter_unit) == (connection, transfer, unit)


@pytest.mark.parametrize(
    ("keys", "where", "words"),
    [
        ("amplifier: 5e6 V/A\n  current: true", "photodiode.current", "connected in 2 ways: amplifier, current"),
        ("amplifier: 5e6 V/A\n  amplifier_gain: 5e6 V/A", "photodiode.amplifier_gain", "in 2 ways"),
        ("current: false", "photodiode", "does not say how it is read"),
        ("amplifier: 0 V/A", "photodiode.amplifier", "of either sign, but not 0"),
        ("shunt: -5 ohm", "photodiode.shunt", "above 0 ohm"),
        ("current: true\n  amplifier_limit: 10 V", "photodiode.amplifier_limit", "there is no amplifier"),
    ],
)
def test_a_photodiode_is_read_in_one_way(folder: Path, keys: str, where: str, words: str) -> None:
    change(folder, "bench.yaml", ("amplifier: 5e6 V/A", keys))
    _, _, found, said = only_problem(folder / "bench.yaml")
    assert found == where
    assert words in said


def test_amperes_are_read_at_the_front_terminals(folder: Path) -> None:
    rear = ("resource: GPIB0::16::INSTR", "resource: GPIB0::16::INSTR\n    terminals: rear")
    change(folder, "bench.yaml", ("amplifier: 5e6 V/A", "current: true"), rear)
    assert only_problem(folder / "bench.yaml")[2] == "instruments.photodiode_meter.terminals"


@pytest.mark.parametrize(
    ("keys", "given", "words"),
    [
        ("current: true", "photodiode_range: 1 V", "read in A"),
        ("amplifier: 5e6 V/A", "photodiode_current_range: 10 mA", "read in V"),
    ],
)
def test_the_range_has_the_unit_in_which_the_meter_reads(folder: Path, keys: str, given: str, words: str) -> None:
    change(folder, "bench.yaml", ("amplifier: 5e6 V/A", keys))
    _, _, where, said = only_problem(change(folder, "sweep.yaml", ("nplc: 1", f"nplc: 1\n  {given}")))
    assert where == f"measure.{given.partition(':')[0]}"
    assert words in said


# Where luminance comes from.

AT_LUMINANCE = "spectra:\n  at_luminance: [10 cd/m^2, 1000 cd/m^2]\n"


@pytest.mark.parametrize(
    ("luminance", "calibration", "route"),
    [
        ("", True, "calibrated"),
        ("", False, "spectroradiometer"),
        ("  luminance: from_spectra\n", False, "from_spectra"),
        ("  luminance: from_spectra\n", True, "from_spectra"),
        ("  luminance: spectroradiometer\n", True, "spectroradiometer"),
    ],
)
def test_where_luminance_comes_from(folder: Path, luminance: str, calibration: bool, route: str) -> None:
    line = "  calibration: calibration.yaml\n"
    change(folder, "bench.yaml", (line, luminance + (line if calibration else "")))
    if route == "spectroradiometer":
        change(folder, "sweep.yaml", (AT_LUMINANCE, "spectra:\n  every: {points: 5}\n"))
    assert load_sweep(folder / "sweep.yaml").bench.photodiode.luminance_route == route


def test_spectra_alone_cannot_be_triggered_by_luminance(folder: Path) -> None:
    """Only points with a spectrum have luminance then: none would ever be taken."""
    change(folder, "bench.yaml", ("  calibration: calibration.yaml\n", "  luminance: spectroradiometer\n"))
    _, _, where, said = only_problem(folder / "sweep.yaml")
    assert where == "spectra.at_luminance"
    assert "needs the luminance of every point" in said


def test_calibrated_needs_a_calibration(folder: Path) -> None:
    change(folder, "bench.yaml", ("  calibration: calibration.yaml\n", "  luminance: calibrated\n"))
    assert "needs a calibration file" in only_problem(folder / "bench.yaml")[3]


def test_luminance_from_spectra_needs_spectra(folder: Path) -> None:
    change(folder, "bench.yaml", ("  calibration: calibration.yaml\n", "  luminance: from_spectra\n"))
    path = change(folder, "sweep.yaml", ("spectra:\n  at_luminance: [10 cd/m^2, 1000 cd/m^2]\n", ""))
    assert "luminance comes from spectra" in only_problem(path)[3]


def test_few_spectra_to_calibrate_by_are_asked_about(folder: Path) -> None:
    change(folder, "bench.yaml", ("  calibration: calibration.yaml\n", "  luminance: from_spectra\n"))
    change(folder, "bench.yaml", ("ASRL3::INSTR", "ASRL3::INSTR\n    measuring_angle: 0.2 deg"))
    assert "plans 2 spectra" in only_caution(folder / "sweep.yaml")
    change(folder, "sweep.yaml", ("10 cd/m^2, 1000", "10 cd/m^2, 100 cd/m^2, 1000"))
    assert cautions(folder / "sweep.yaml") == []


# One instrument under two spellings.


@pytest.mark.parametrize("again", ["GPIB0::24", "gpib0::24::instr", "GPIB::24::INSTR", "GPIB::24", "GPIB0::024"])
def test_one_instrument_under_two_spellings(folder: Path, again: str) -> None:
    path = change(folder, "bench.yaml", ("GPIB0::16::INSTR", again))
    assert f"{again} is also the smu" in only_problem(path)[3]


def test_one_serial_port_under_two_spellings(folder: Path) -> None:
    change(folder, "bench.yaml", ("GPIB0::16::INSTR", "ASRLCOM3::INSTR"))
    assert "is also the photodiode_meter" in only_problem(folder / "bench.yaml")[3]


def test_an_interface_that_cannot_be_simulated(folder: Path) -> None:
    usb = "USB0::0x05E6::0x2000::1::INSTR"
    assert "cannot be simulated" in only_problem(change(folder, "bench.yaml", ("GPIB0::16::INSTR", usb)))[3]


# What run refuses before it opens anything.


def test_a_reference_that_is_no_run_is_found_by_check(folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as file:
        file["numbers"] = [1, 2, 3]
    path = change(folder, "sweep.yaml", ("  emissive_area", "  reference: other.h5\n  emissive_area"))
    problems = check_file(path).problems
    assert [problem.path for problem in problems] == ["sample.reference"]
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 2
    assert CliRunner().invoke(app, ["run", str(path)]).exit_code == 2


def test_a_folder_that_leads_elsewhere_is_found_by_check(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    try:
        Path("runs").symlink_to(tmp_path)
    except OSError:
        pytest.skip("no symbolic links here")
    assert [problem.path for problem in check_file(folder / "sweep.yaml").problems] == ["output"]


def test_a_calibration_that_sees_nothing_of_the_device_is_found_by_check(folder: Path) -> None:
    (folder / "curve.csv").write_text("wavelength_nm,responsivity_A_W\n380,0\n680,0\n700,0.4\n", encoding="utf-8")
    change(folder, "sweep.yaml", ("peak: 520 nm, fwhm: 20 nm", "peak: 400 nm, fwhm: 5 nm"))
    problems = check_file(folder / "sweep.yaml").problems
    assert [problem.path for problem in problems] == ["photodiode.calibration"]
    assert "does the calibration belong to such a device?" in problems[0].message


# What is only asked about.


@pytest.fixture
def right(folder: Path) -> Path:
    """The files of which nothing is to be said."""
    change(folder, "bench.yaml", ("ASRL3::INSTR", "ASRL3::INSTR\n    measuring_angle: 0.2 deg"))
    change(folder, "calibration.yaml", ("coaxial_discs", "coaxial_discs"))
    assert cautions(folder / "sweep.yaml") == []
    return folder


@pytest.mark.parametrize(("area", "asked"), [("14 cm^2", True), ("14 m^2", True), ("14 um^2", True), ("1 cm^2", False)])
def test_an_unlikely_pixel_area_is_asked_about(right: Path, area: str, asked: bool) -> None:
    path = change(right, "sweep.yaml", ("14 mm^2", area))
    said = [one for one in cautions(path) if "is a pixel really" in one]
    assert bool(said) == asked
    assert CliRunner().invoke(app, ["check", str(path)]).exit_code == 0


def test_the_bench_says_which_areas_are_likely(right: Path) -> None:
    change(right, "bench.yaml", ("limits:", "emissive_area: {smallest: 1 mm^2, largest: 20 cm^2}\nlimits:"))
    assert cautions(change(right, "sweep.yaml", ("14 mm^2", "14 cm^2"))) == []


@pytest.mark.parametrize(
    ("stop", "range_", "words"),
    [
        ("stop: 2 mV\n  step: 0.1 mV", "20 V", "of 21 levels it puts out 5 different ones"),
        ("stop: 2 mV\n  points: 21", "20 V", "0.0005 V"),
        ("stop: 2 mV\n  step: 0.1 mV", "auto", ""),  # 5 uV on 200 mV
        ("stop: 2 V\n  step: 0.5 mV", "20 V", ""),
    ],
)
def test_steps_finer_than_the_source(right: Path, stop: str, range_: str, words: str) -> None:
    path = change(right, "sweep.yaml", ("stop: 9 V\n  step: 0.1 V", f"{stop}\n  range: {range_}"))
    said = cautions(path)
    assert bool(said) == bool(words)
    assert all(words in one for one in said)


def test_a_spot_larger_than_the_pixel_is_asked_about(right: Path) -> None:
    change(right, "bench.yaml", ("measuring_angle: 0.2 deg", "measuring_angle: 1 deg"))
    said = only_caution(right / "sweep.yaml")
    assert "5 mm wide, a square pixel of 14 mm^2 3.74 mm" in said
    assert "up to 29% too low" in said
    change(right, "bench.yaml", ("measuring_angle: 1 deg", "measuring_angle: 1 deg\n    close_up_lens: true"))
    assert cautions(right / "sweep.yaml") == []


@pytest.mark.parametrize(("days", "words"), [(-1, "lies in the future"), (1, "")])
def test_a_calibration_of_the_future(right: Path, days: int, words: str) -> None:
    made = date.today() - timedelta(days=days)  # noqa: DTZ011 - the file is of this place
    change(right, "calibration.yaml", ("2026-01-05", f"{made}"))
    said = cautions(right / "sweep.yaml")
    assert bool(said) == bool(words)
    assert all(words in one for one in said)


def test_an_expired_calibration_is_told_by_check_and_plan(right: Path) -> None:
    change(right, "calibration.yaml", ("date: 2026-01-05", "date: 2020-01-05\nvalid_until: 2021-01-05"))
    for file in ("sweep.yaml", "bench.yaml", "calibration.yaml"):
        assert "it was valid until 2021-01-05" in only_caution(right / file)
    assert "it was valid until 2021-01-05" in CliRunner().invoke(app, ["plan", str(right / "sweep.yaml")]).output


@pytest.mark.parametrize("named", ["simulated-photodiode-1", "mine"])
def test_the_example_of_the_simulated_bench_on_a_real_one(right: Path, named: str) -> None:
    """The curve of these files is that of the simulated photodiode: a copy under another name is found as well."""
    change(right, "calibration.yaml", ("id: C1", f"id: {named}"))
    change(right, "bench.yaml", ("visa: simulated", 'visa: ""'), ("simulation:\n  device: device.yaml\n", ""))
    assert "never measured on this one" in only_caution(right / "bench.yaml")
    (right / "curve.csv").write_text("wavelength_nm,responsivity_A_W\n380,0.2\n780,0.45\n", encoding="utf-8")
    assert bool(cautions(right / "bench.yaml")) == (named != "mine")


def test_a_line_where_the_responsivity_was_not_measured_is_asked_about(right: Path) -> None:
    (right / "curve.csv").write_text("wavelength_nm,responsivity_A_W\n400,0.2\n700,0.4\n", encoding="utf-8")
    assert cautions(right / "sweep.yaml") == []
    change(right, "sweep.yaml", ("peak: 520 nm, fwhm: 20 nm", "peak: 690 nm, fwhm: 30 nm"))
    assert "measured from 400 to 700 nm only" in only_caution(right / "sweep.yaml")


# The leads.


def test_four_wires_have_no_lead_resistance(folder: Path) -> None:
    path = change(folder, "bench.yaml", ("GPIB0::24::INSTR", "GPIB0::24::INSTR\n    lead_resistance: 10 ohm"))
    assert report(path) == []
    change(folder, "bench.yaml", ("lead_resistance: 10 ohm", "lead_resistance: 10 ohm\n    four_wire: true"))
    assert only_problem(path)[2] == "instruments.smu.lead_resistance"


def test_everything_is_loaded_or_nothing(folder: Path) -> None:
    change(folder, "bench.yaml", ("amplifier: 5e6 V/A", "current: true\n  shunt: 5 ohm"))
    with pytest.raises(ConfigurationError):
        load_sweep(folder / "sweep.yaml")


def test_a_hardware_timed_sweep_fixes_the_range_in_which_the_photodiode_is_read(folder: Path) -> None:
    change(
        folder,
        "bench.yaml",
        ("amplifier: 5e6 V/A", "current: true"),
        ("photodiode:", "trigger_link: true\nphotodiode:"),
    )
    spectra = "spectra:\n  at_luminance: [10 cd/m^2, 1000 cd/m^2]\n"
    timing = "nplc: 1\n  timing: hardware\n  current_range: 100 mA"
    path = change(folder, "sweep.yaml", (spectra, ""), ("nplc: 1", timing))
    assert only_problem(path)[2] == "measure.photodiode_current_range"
    assert report(change(folder, "sweep.yaml", ("nplc: 1", "nplc: 1\n  photodiode_current_range: 10 mA"))) == []
