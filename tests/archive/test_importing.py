"""Data of other programs: the numbers that their files hold, in SI, and nothing else; what is wrong, all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import exp, nan, pi
from pathlib import Path
from uuid import uuid5

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from acquire.archive import importing
from acquire.archive.importing import import_file
from acquire.archive.old_data import read_old_run
from acquire.cli.commands import app
from acquire.config import ConfigurationError
from acquire.config.loading import load_mapping
from acquire.config.mapping import MappingFile
from acquire.evaluation.imported import imported_records
from acquire.recompute.changes import read_changes
from acquire.recompute.recompute import Wanted, recompute
from acquire.records import Branch, PointFlag
from acquire.run_file.conditions import facts_of
from acquire.run_file.imported import read_original
from acquire.run_file.read import ArchiveError, Run, read_run
from acquire.run_file.summary import read_summary
from tests.conftest import CONFIGS

SHIPPED = CONFIGS / "mappings"
VOLTS = [0.5 * step for step in range(13)]


def luminance(volts: float) -> float:
    return 2.0 * exp(2.2 * (volts - 2.5)) if volts > 2.4 else 1e-3


def milliamperes(volts: float) -> float:
    return 1e-5 * exp(2.0 * volts)


GATHERLAB = (
    "Min voltage:   0.0 V   Max voltage:   6.0 V    Change voltage:   2.0 V\nStep voltage at low voltages:   0.5 V\n"
    "Step voltage at high voltages:   0.5 V\nCurrent Compliance:   0.1 A\n### Measurement data ###\n"
    "OLEDVoltage\t OLEDCurrent\t Photodiode Voltage\nV\t mA\t V\n"
    + "".join(f"{v:.2f}\t{milliamperes(v):.5f}\t{1e-6 * luminance(v):.7f}\n" for v in VOLTS)
)
LVM = (
    "LabVIEW Measurement\t\nWriter_Version\t2\nReader_Version\t2\nSeparator\tTab\nDecimal_Separator\t,\n"
    "Multi_Headings\tNo\nX_Columns\tOne\nTime_Pref\tRelative\nOperator\tMüller\nDate\t2012/05/31\n"
    "Time\t13:05:02,1234567\n***End_of_Header***\t\n\t\nChannels\t3\nSamples\t13\t13\t13\nX_Dimension\tTime\nX0\t0\n"
    "Delta_X\t1\n***End_of_Header***\t\nX_Value\tVoltage\tCurrent\tLuminance\tComment\n"
    + "".join(
        f"{3 * v:.6f}\t{v:.6f}\t{milliamperes(v) / 1e3:.6E}\t{luminance(v):.6f}\n".replace(".", ",") for v in VOLTS
    )
)
CSV = "U [V];I [mA];L [cd/m²]\n" + "".join(
    f"{v:.2f};{milliamperes(v):.6g};{luminance(v):.4f}\n".replace(".", ",") for v in VOLTS
)
TEXT = "J-V-L\nDevice: A3\nOperator: Anna Müller\nDate: 28.11.2015 14:30\n[Data]\n" + (
    "Voltage (V)\tJ (mA/cm2)\tL (cd/m2)\tCE (cd/A)\tEQE (%)\n"
    + "".join(f"{v}\t{100 * v}\t{luminance(v):.6g}\t{v}\t{v / 4}\n" for v in [*VOLTS, *VOLTS[-2::-1]])
)


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Run]:
    """Puts a text into a file, and imports it."""

    def take_over(name: str, text: str, mapping: str | Path, encoding: str = "utf-8", **said: str) -> Run:
        path = tmp_path / name
        path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
        mapping_path = SHIPPED / mapping if isinstance(mapping, str) else mapping
        run = import_file(path, load_mapping(mapping_path), mapping_path, tmp_path / "runs", said)
        assert read_run(run.path).integrity.damaged == ()
        assert read_original(run.path).encode(encoding) == path.read_bytes()
        assert [one.name for one in (tmp_path / "runs").iterdir()] == [run.path.name]
        return read_run(run.path)

    return take_over


def test_gatherlab_files_keep_what_they_hold_and_nothing_is_made_up(imported: Callable[..., Run]) -> None:
    run = imported("2021-03-02_batch7_d1_p3_jvl.csv", GATHERLAB, "gatherlab.yaml")
    jvl = run.tables["jvl"]
    assert (run.sample, run.sample_fields["pixel"], run.sample_fields["batch"]) == ("1", "3", "batch7")
    assert run.start_time.startswith("2021-03-02T00:00:00")
    assert jvl["source_level"].tolist() == jvl["voltage"].tolist() == VOLTS
    np.testing.assert_allclose(jvl["current"], [round(milliamperes(v), 5) / 1e3 for v in VOLTS], rtol=1e-15)
    np.testing.assert_allclose(jvl["photodiode_signal"], [round(1e-6 * luminance(v), 7) for v in VOLTS], rtol=1e-15)
    for name in ("current_density", "luminance", "current_efficiency", "external_quantum_efficiency", "time"):
        assert np.isnan(jvl[name]).all(), name
    assert all(one.value != one.value for one in run.figures.values())
    texts = [note.text for note in run.notes]
    assert any("the voltage is the level as it was set" in text for text in texts)
    assert any("no emissive area is given" in text for text in texts)
    assert "Current Compliance:   0.1 A" in read_original(run.path)


def test_a_labview_measurement_file_says_itself_how_it_is_read(imported: Callable[..., Run]) -> None:
    run = imported("sweep_012.lvm", LVM, "labview_lvm.yaml", "cp1252", sample="A7")
    jvl = run.tables["jvl"]
    assert (run.sample, run.user, run.start_time[:19]) == ("A7", "Müller", "2012-05-31T13:05:02")
    np.testing.assert_allclose(jvl["time"], [3 * v for v in VOLTS])
    np.testing.assert_allclose(jvl["luminance"], [luminance(v) for v in VOLTS], atol=1e-6)
    np.testing.assert_allclose(jvl["current_density"], jvl["current"] / 4e-6, rtol=1e-12)
    np.testing.assert_allclose(jvl["current_efficiency"], jvl["luminance"] / jvl["current_density"], rtol=1e-12)
    lit = jvl["voltage"] > 0
    expected = pi * jvl["current_efficiency"][lit] / jvl["voltage"][lit]
    np.testing.assert_allclose(jvl["power_efficiency"][lit], expected, rtol=1e-12)
    assert np.isnan(jvl["external_quantum_efficiency"]).all()
    assert (jvl["flags"] & int(PointFlag.NO_SPECTRUM) != 0).all()
    assert (jvl["flags"] & int(PointFlag.NO_SOURCE_READING) == 0).all()
    assert np.isnan(jvl["luminance_uncertainty"]).all()
    v_on = run.figures["turn_on_voltage"]
    assert 2.0 < v_on.value <= 2.5
    assert v_on.uncertainty != v_on.uncertainty
    assert facts_of(run)["imported"] == "from sweep_012.lvm of J-V-L program in LabVIEW, whose numbers these are"
    assert "reading" not in facts_of(run)


def test_what_the_other_program_computed_stands_as_it_is(imported: Callable[..., Run]) -> None:
    run = imported("OLED_A3_1.txt", TEXT, "labview_text.yaml", "cp1252")
    jvl = run.tables["jvl"]
    volts = np.array([*VOLTS, *VOLTS[-2::-1]])
    assert (run.sample, run.user, run.start_time[:16]) == ("A3", "Anna Müller", "2015-11-28T14:30")
    np.testing.assert_allclose(jvl["current_density"], 1000 * volts, rtol=1e-12)
    assert jvl["current_efficiency"].tolist() == volts.tolist()
    np.testing.assert_allclose(jvl["external_quantum_efficiency"], volts / 400, rtol=1e-12)
    assert jvl["branch"].tolist() == [b"forward"] * 13 + [b"reverse"] * 12
    assert run.figures["external_quantum_efficiency_max"].value == pytest.approx(0.015)
    assert facts_of(run)["emissive area"] == "not known"
    with pytest.raises(ArchiveError, match="numbers are those of another program and stay as they are"):
        recompute(run.path, Wanted(read_changes(area="3 mm^2")))


def test_semicolons_decimal_commas_and_the_command(tmp_path: Path) -> None:
    text = CSV.replace("\n", "\r\n").encode()
    (tmp_path / "messung.csv").write_bytes(text)
    options = ["--mapping", str(SHIPPED / "csv_semicolon.yaml"), "--output", str(tmp_path / "runs"), "--pixel", "2"]
    done = CliRunner().invoke(app, ["import", str(tmp_path / "messung.csv"), *options])
    assert (done.exit_code, done.stderr) == (0, "")
    (made,) = (tmp_path / "runs").iterdir()
    assert done.stdout == f"{tmp_path / 'messung.csv'}: {made} (13 points)\n"
    run = read_run(made)
    np.testing.assert_allclose(run.tables["jvl"]["luminance"], [round(luminance(v), 4) for v in VOLTS], rtol=1e-12)
    assert run.sample == "messung"  # nothing else names it
    assert any("the date is that of the last change of the file" in note.text for note in run.notes)
    summary = read_summary(made)
    assert (summary.points, summary.state, summary.emissive_area, summary.pixel) == (13, "completed", 14e-6, "2")
    digest = hashlib.sha256(text).hexdigest()
    with h5py.File(made) as file:
        assert file["entry/imported/sha256"].asstr()[()] == digest
    assert run.run_id == str(uuid5(importing._NAMESPACE, digest))  # the same file is the same run, wherever it lies
    again = CliRunner().invoke(app, ["import", str(tmp_path / "messung.csv"), *options])
    assert (again.exit_code, "exists already; messung.csv was imported before" in again.stderr) == (1, True)


def test_missing_and_overflowing_cells_are_missing_and_flagged() -> None:
    columns = {
        "voltage": np.array([1.0, 2.0, nan, 4.0]),
        "current": np.array([1e-3, 9.9e37, 1e-3, 1e-3]),
        "luminance": np.array([1.0, 2.0, 3.0, nan]),
    }
    records = imported_records(columns, 1e-6, by_turn=False)
    source, light = PointFlag.NO_SOURCE_READING, PointFlag.NO_PHOTODIODE_READING
    flags = [record.flags & ~PointFlag.NO_SPECTRUM for record in records]
    assert flags == [PointFlag.NONE, source | PointFlag.OVER_RANGE, source, light]
    assert np.isnan([records[1].reading.current, records[1].current_density, records[3].current_efficiency]).all()
    assert records[0].current_density == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("levels", "forward"),
    [
        ([0, 1, 2, 1, 0], 3),
        ([0, 1, 2, 2, 1], 4),
        ([0, -1, -2, -1], 3),
        ([0, 1, 2], 3),
        ([2, 1, 0], 3),
        ([nan, 1, 2, 1], 3),
    ],
)
def test_the_branch_turns_at_the_level_farthest_from_the_first(levels: list[float], forward: int) -> None:
    records = imported_records({"voltage": np.array(levels, float), "current": np.ones(len(levels))}, nan, by_turn=True)
    branches = [record.reading.branch for record in records]
    assert branches == [Branch.FORWARD] * forward + [Branch.REVERSE] * (len(levels) - forward)


def test_everything_that_is_wrong_with_a_mapping_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "kind: mapping\norigin: x\nformat: {encoding: klingon, decimal: comma, separator: comma, name_lines: 0}\n"
        "columns:\n  voltage: {column: U, unit: mA}\n  luminance: {column: 2}\n  lumnance: {column: 3, unit: cd/m^2}\n"
        "file_name: '(?P<colour>.*)'\nhead: '(('\ndate_format: day\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigurationError) as found:
        load_mapping(path)
    said = "\n".join(map(str, found.value.problems))
    for part in (
        "lumnance", "voltage: unit: 'mA' does not fit: wanted V", "luminance: unit: has no unit",
        "'klingon' is no encoding", "so is the separator",
        "colour, which is nothing that can be read", "is no regular expression", "'day' is no format",
    ):  # fmt: skip
        assert part in said, part
    path.write_text(
        "kind: mapping\norigin: x\nsource: current\nformat: {name_lines: 0}\ncolumns:\n"
        "  source_level: {column: U, unit: V}\n  luminance: {column: 2, unit: lux}\n  time: {column: 1}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigurationError) as found:
        load_mapping(path)
    assert {problem.path for problem in found.value.problems} == {"columns.luminance", "columns.time"}
    path.write_text(path.read_text(encoding="utf-8").replace("lux", "cd/m^2").replace("1}", "1, unit: s}"), "utf-8")
    with pytest.raises(ConfigurationError, match=r"source is set to a current(?s:.*)is a name, but name_lines is 0"):
        load_mapping(path)


def test_everything_that_is_wrong_with_a_file_is_said_at_once_with_its_line() -> None:
    mapping = MappingFile.model_validate(
        {
            "kind": "mapping",
            "origin": "x",
            "format": {"separator": "semicolon"},
            "columns": {
                "voltage": {"column": "U", "unit": "V"},
                "current": {"column": "J", "unit": "mA"},
                "luminance": {"column": 7, "unit": "cd/m^2"},
            },
        }
    )
    with pytest.raises(ConfigurationError) as found:
        read_old_run(Path("a.csv"), "U;I\n1,5;1\n2;x\n-;3\n", mapping)
    said = [str(problem) for problem in found.value.problems]
    assert said == [
        "a.csv:2: voltage: '1,5' is no number. Write decimal: comma in the mapping.",
        "a.csv: current: no column is called 'J'. There are U, I.",
        "a.csv: luminance: there is no column 7, but 2.",
        "a.csv: nothing says when it was measured. Give a group (?P<date>...) in file_name or head, or write "
        "date: file in the mapping.",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no line of numbers"),
        (b"\xff\xfe\x00", "is no text in utf-8"),
        (b"U\0;I", "holds NUL"),
    ],
)
def test_what_is_no_text_of_that_program_is_refused_and_nothing_is_left(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    options = ["--mapping", str(SHIPPED / "csv_semicolon.yaml"), "--output", str(tmp_path / "runs")]
    done = CliRunner().invoke(app, ["import", str(tmp_path / "a.csv"), str(tmp_path / "none.csv"), *options])
    assert done.exit_code == 2
    assert message in done.stderr
    assert "there is no such file" in done.stderr
    assert not (tmp_path / "runs").exists()
