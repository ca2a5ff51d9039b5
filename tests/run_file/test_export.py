"""Exported tables as other programs read them: every number against the run file, by csv, pandas, openpyxl."""

from __future__ import annotations

import csv
import math
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import openpyxl
import pandas
import pytest
from typer.testing import CliRunner

from acquire.cli.commands import app
from acquire.records import PointFlag, RunStatus
from acquire.run_file.export import workbook
from acquire.run_file.export.about import about
from acquire.run_file.export.csv_files import CsvStyle, export_csv
from acquire.run_file.export.sheets import sheets_of, spectrum_names
from acquire.run_file.export.workbook import export_workbook
from acquire.run_file.read import ArchiveError, Run, read_run
from tests.support.run_files import a_run, a_simulated_run

#: What the columns are in the run file and the factor to the unit above them, in the order in which they come.
FIRST = [
    ("Voltage", "V", "voltage", 1),
    ("Current density", "mA/cm^2", "current_density", 0.1),
    ("u(Current density)", "mA/cm^2", "current_density_uncertainty", 0.1),
    ("Luminance", "cd/m^2", "luminance", 1),
    ("u(Luminance)", "cd/m^2", "luminance_uncertainty", 1),
    ("Current efficiency", "cd/A", "current_efficiency", 1),
    ("u(Current efficiency)", "cd/A", "current_efficiency_uncertainty", 1),
    ("Power efficiency", "lm/W", "power_efficiency", 1),
    ("u(Power efficiency)", "lm/W", "power_efficiency_uncertainty", 1),
    ("External quantum efficiency", "%", "external_quantum_efficiency", 100),
    ("u(External quantum efficiency)", "%", "external_quantum_efficiency_uncertainty", 100),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run with spectra on both branches, its sample with a name that asks for trouble."""
    folder = tmp_path_factory.mktemp("runs")
    return read_run(a_simulated_run(folder / "runs", "hysteresis.yaml"))


@pytest.fixture(scope="module")
def named(run: Run) -> Run:
    """The same as if its sample were called so."""
    return replace(run, sample='Dev #3, "=A1"')


def table(folder: Path, name: str, style: CsvStyle | None = None) -> list[list[str]]:
    (path,) = folder.glob(f"*_{name}.csv")
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.reader(stream, delimiter=style.separator if style else ","))


def number(cell: str) -> float:
    return float(cell) if cell else math.nan


def test_voltage_comes_first_then_each_quantity_with_its_uncertainty(run: Run, tmp_path: Path) -> None:
    export_csv(run, tmp_path, CsvStyle(header=False))
    names, units, comments, *rows = table(tmp_path, "jvl")
    assert list(zip(names, units, strict=True))[: len(FIRST)] == [(name, unit) for name, unit, _, _ in FIRST]
    assert len(set(names)) == len(names)
    assert comments[0] == run.sample
    with h5py.File(run.path) as file:
        for at, (name, _, column, factor) in enumerate(FIRST):
            found = [number(row[at]) for row in rows]
            np.testing.assert_allclose(found, factor * file[f"entry/jvl/{column}"][:], rtol=1e-15, err_msg=name)
    assert [row[names.index("Branch")] for row in (rows[0], rows[-1])] == ["forward", "reverse"]
    assert [row[names.index("Point")] for row in rows] == [str(i + 1) for i in range(run.points)]


def test_housekeeping_has_times_flags_and_indices_as_people_count(run: Run, tmp_path: Path) -> None:
    flags = run.tables["jvl"]["flags"].copy()
    flags[:2] = [0, int(PointFlag.COMPLIANCE | PointFlag.LATE)]
    marked = replace(run, tables={**run.tables, "jvl": {**run.tables["jvl"], "flags": flags}})
    export_csv(marked, tmp_path, CsvStyle(header=False))
    names, _, _, *rows = table(tmp_path, "housekeeping")
    assert [row[names.index("Flags")] for row in rows[:2]] == ["", "compliance, late"]
    assert rows[1][names.index("Flags, as a number")] == str(1 + 32768)
    index = run.tables["jvl"]["spectrum_index"]
    assert [row[names.index("Spectrum")] for row in rows] == [str(i + 1) if i >= 0 else "" for i in index]
    assert float(rows[5][names.index("Time")]) == run.tables["jvl"]["time"][5]
    points = table(tmp_path, "jvl")
    assert [row[-1] for row in points[3:5]] == ["", "compliance, late"]


def test_what_speaks_against_a_run_stands_on_top_of_each_of_its_tables(run: Run, tmp_path: Path) -> None:
    rows = {
        "time": [1.0, 2.0],
        "code": ["routes_differ", "one_spectrum"],
        "severity": ["doubtful", "note"],
        "text": ["L is not that of the spectra", "one spectrum"],
        "figures": ["luminance_max", ""],
        "remedy": ["", ""],
        "value": [0.1, math.nan],
        "limit": [0.05, math.nan],
    }
    findings = {
        name: np.array([value.encode() if isinstance(value, str) else value for value in values])
        for name, values in rows.items()
    }
    export_csv(replace(run, tables={**run.tables, "findings": findings}), tmp_path)
    for name in ("jvl", "spectra"):
        assert ["# Finding 1", "doubtful: L is not that of the spectra"] in table(tmp_path, name)
    assert not [line for line in table(tmp_path, "jvl") if "one spectrum" in line[-1]]


def test_a_point_without_a_spectrum_of_its_own_says_so_beside_its_efficiency(run: Run, tmp_path: Path) -> None:
    source = run.tables["jvl"]["spectrum_source"].copy()
    source[:2] = [b"assumed", b"none"]
    marked = replace(run, tables={**run.tables, "jvl": {**run.tables["jvl"], "spectrum_source": source}})
    export_csv(marked, tmp_path, CsvStyle(header=False))
    names, _, _, *rows = table(tmp_path, "jvl")
    at = names.index("Spectrum source")
    assert [row[at] for row in rows[:2]] == ["assumed", ""]
    assert {row[at] for row in rows[2:]} <= {"measured", "interpolated", "nearest"}


def test_a_run_that_is_not_finished_is_not_said_to_go_on(run: Run, tmp_path: Path) -> None:
    cut_off = replace(run, finished=False, status=RunStatus.RUNNING, end_time="")
    assert dict(about(cut_off))["Status"] == "not finished"
    book = openpyxl.load_workbook(export_workbook([cut_off, run], tmp_path / "x.xlsx"))
    names = [cell.value for cell in book["overview"][1]]
    assert [row[names.index("Status")] for row in values_of(book["overview"])] == ["not finished", "completed"]


def test_spectra_have_names_of_their_own_absolute_and_normalised(run: Run, tmp_path: Path) -> None:
    export_csv(run, tmp_path, CsvStyle(header=False))
    names, units, comments, *rows = table(tmp_path, "spectra")
    radiance = run.tables["spectra"]["spectral_radiance"]
    assert len(names) == 1 + len(radiance) == len(set(names)) > 2
    assert (names[0], units[:2]) == ("Wavelength", ["nm", "W/(m^2 sr nm)"])
    assert [float(row[0]) for row in rows] == list(range(380, 781))
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], float).T, radiance)
    first = run.spectra[0]
    voltage = run.tables["jvl"]["voltage"][first.point_index]
    assert names[1] == f"{first.luminance:.4g} cd/m^2, {voltage:.3f} V"
    assert comments[1] == f"spectrum 1, point {first.point_index + 1}, forward"
    again, _, _, *normalised = table(tmp_path, "spectra_normalised")
    assert again == names
    found = np.array([row[1:] for row in normalised], float).T
    np.testing.assert_allclose(found, radiance / radiance.max(axis=1, keepdims=True), rtol=1e-15)
    conditions = table(tmp_path, "spectra_conditions")
    assert [row[1] for row in conditions[3:]] == names[1:]


def test_two_spectra_at_one_point_are_told_apart(run: Run) -> None:
    spectra = {name: np.concatenate([array, array]) for name, array in run.tables["spectra"].items()}
    twice = replace(run, tables={**run.tables, "spectra": spectra})
    names = spectrum_names(twice)
    assert len(set(names)) == len(names)
    assert names[0].endswith(" V, spectrum 1")


def test_a_spectrum_of_nothing_is_blank_when_normalised(run: Run) -> None:
    radiance = run.tables["spectra"]["spectral_radiance"].copy()
    radiance[0] = 0.0
    dark = replace(run, tables={**run.tables, "spectra": {**run.tables["spectra"], "spectral_radiance": radiance}})
    (sheet,) = (sheet for sheet in sheets_of(dark) if sheet.name == "spectra_normalised")
    assert np.isnan(np.asarray(sheet.columns[1].values)).all()


def test_figures_are_in_customary_units_with_status_and_place(run: Run, tmp_path: Path) -> None:
    export_csv(run, tmp_path, CsvStyle(header=False))
    names, _, _, *rows = table(tmp_path, "figures")
    by_name = {row[-1]: dict(zip(names, row, strict=True)) for row in rows}
    assert set(by_name) == set(run.figures)
    top, row = run.figures["external_quantum_efficiency_max"], by_name["external_quantum_efficiency_max"]
    assert (row["Figure of merit"], row["Unit"]) == ("Maximum external quantum efficiency", "%")
    assert float(row["Value"]) == pytest.approx(100 * top.value, rel=1e-15)
    assert float(row["u(Value)"]) == pytest.approx(100 * top.uncertainty, rel=1e-15)
    assert float(row["At current density"]) == pytest.approx(0.1 * top.current_density, rel=1e-15)
    assert row["Status"] == top.status
    density = by_name["current_density_at_1000_cd_m2"]
    assert density["Unit"] == "mA/cm^2"
    missing = next(name for name, figure in run.figures.items() if math.isnan(figure.value))
    assert by_name[missing]["Value"] == ""
    order = [row[-1] for row in rows]
    assert order[:3] == ["turn_on_voltage", "luminance_max", "current_efficiency_max"]
    assert order.index("voltage_at_100_cd_m2") < order.index("voltage_at_1000_cd_m2") < order.index("chromaticity_x")


def test_the_header_says_what_the_file_is_right_above_the_long_names(named: Run, tmp_path: Path) -> None:
    export_csv(named, tmp_path)
    rows = table(tmp_path, "jvl")
    head = [row for row in rows if row[0].startswith("# ")]
    assert rows[: len(head)] == head
    assert head[0] == ["# Header lines", str(len(head))]
    assert rows[len(head)][0] == "Voltage"
    known = {key.removeprefix("# "): text for key, text in head}
    assert known["Sample"] == named.sample
    assert known["Emissive area"].startswith("14 mm^2")
    assert known["Started"] == named.start_time
    assert known["Run file"] == named.path.name
    assert known["Photodiode"].startswith("simulated-photodiode-1")
    assert known["Compliance"] == "100 mA"
    assert known["Recorded by"] == named.program
    raw = next(tmp_path.glob("*_jvl.csv")).read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("# ") for line in raw[: len(head)])


def test_tags_and_comments_are_in_the_header(run: Run) -> None:
    from acquire.run_file.remarks import Remark, RemarkKind

    remarks = (Remark(RemarkKind.TAG, "bad contact"), Remark(RemarkKind.COMMENT, "dropped once"))
    known = dict(about(replace(run, remarks=remarks, sample_fields={"pixel": "A3", "=evil,#": "x"}, user="Kim")))
    assert (known["Tags"], known["Comment 1"], known["Pixel"], known["User"]) == (
        "bad contact",
        "dropped once",
        "A3",
        "Kim",
    )
    assert known[" evil  "] == "x"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ".")])
def test_pandas_reads_every_number(named: Run, tmp_path: Path, separator: str, decimal: str, header: bool) -> None:
    export_csv(named, tmp_path, CsvStyle(separator, decimal, header, bom=True))
    for sheet in sheets_of(named):
        path = next(tmp_path.glob(f"{named.path.stem}_{sheet.name}.csv"))
        frame = pandas.read_csv(path, comment="#", header=[0, 1, 2], sep=separator, decimal=decimal)
        assert list(frame.columns.get_level_values(0)) == [column.long_name for column in sheet.columns]
        assert len(frame) == sheet.rows
        for at, column in enumerate(sheet.columns):
            if isinstance(column.values, np.ndarray) and column.values.dtype.kind in "fiu":
                found = frame.iloc[:, at].to_numpy(float)
                wanted = np.ma.filled(np.ma.asarray(column.values, float), np.nan)
                np.testing.assert_array_equal(found, wanted, err_msg=column.long_name)


def values_of(page: Any) -> Iterator[tuple[Any, ...]]:
    return page.iter_rows(min_row=workbook.LABELS + 1, values_only=True)


def check_page(page: Any, sheet: Any) -> None:
    assert [cell.value for cell in page[1]] == [column.long_name for column in sheet.columns]
    assert [cell.value or "" for cell in page[2]] == [column.unit for column in sheet.columns]
    columns = list(zip(*values_of(page), strict=True))
    for found, column in zip(columns, sheet.columns, strict=True):
        if isinstance(column.values, np.ndarray) and column.values.dtype.kind in "fiu":
            wanted = np.ma.filled(np.ma.asarray(column.values, float), np.nan)
            cells = np.array([math.nan if value is None else value for value in found], float)
            np.testing.assert_allclose(cells, wanted, rtol=1e-15, err_msg=column.long_name)
        else:
            assert all(value is None or isinstance(value, str) for value in found), column.long_name


def test_a_workbook_has_every_number_and_no_formula(named: Run, tmp_path: Path) -> None:
    hostile = replace(named, sample="=1+1")
    path = export_workbook([hostile], tmp_path / "one.xlsx")
    book = openpyxl.load_workbook(path)
    sheets = sheets_of(hostile)
    assert book.sheetnames == ["about", *(sheet.name for sheet in sheets)]
    for sheet in sheets:
        check_page(book[sheet.name], sheet)
    assert book["jvl"]["A3"].value == "=1+1"
    assert book["jvl"]["A3"].data_type == "s"
    kinds = {cell.data_type for page in book for row in page for cell in row}
    assert "f" not in kinds
    assert dict(list(values_of(book["about"])))["Sample"] == "=1+1"


def test_a_batch_is_one_workbook_with_an_overview(run: Run, tmp_path: Path) -> None:
    other = replace(run, sample="B", figures={})
    book = openpyxl.load_workbook(export_workbook([run, other], tmp_path / "batch.xlsx", header=False))
    assert book.sheetnames[:3] == ["overview", "1 jvl", "1 housekeeping"]
    assert "2 spectra" in book.sheetnames
    assert "2 figures" not in book.sheetnames
    assert max(map(len, book.sheetnames)) <= 31
    names = [cell.value for cell in book["overview"][1]]
    first, second = values_of(book["overview"])
    at = names.index("Maximum external quantum efficiency")
    assert first[at] == pytest.approx(100 * run.figures["external_quantum_efficiency_max"].value, rel=1e-15)
    assert second[at] is None
    assert (second[names.index("Sample")], second[0]) == ("B", 2)


def test_a_sheet_too_long_for_excel_is_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 100)
    with pytest.raises(ArchiveError, match="has no room for 401 rows; export them with --format csv"):
        export_workbook([run], tmp_path / "x.xlsx")
    assert not list(tmp_path.iterdir())


def test_a_long_run_is_written_with_little_memory_and_the_same(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "_MANY", 100)
    book = openpyxl.load_workbook(export_workbook([run], tmp_path / "x.xlsx"))
    for sheet in sheets_of(run):
        check_page(book[sheet.name], sheet)


def test_a_text_too_long_for_a_cell_is_cut_not_lost(run: Run, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(export_workbook([replace(run, title="x" * 40_000)], tmp_path / "x.xlsx"))
    assert dict(values_of(book["about"]))["Title"] == "x" * 32_767


def test_a_run_without_a_point_is_exported_all_the_same(tmp_path: Path) -> None:
    a_run(tmp_path / "run.h5", points=0).close()
    empty = read_run(tmp_path / "run.h5")
    written = export_csv(empty, tmp_path / "csv")
    assert [path.stem for path in written] == ["run_jvl", "run_housekeeping"]
    assert table(tmp_path / "csv", "jvl")[-3][:2] == ["Voltage", "Current density"]
    known = dict(about(empty))
    assert known["Ended"] == "not finished: numbers are provisional"
    assert "Levels measured" not in known
    assert openpyxl.load_workbook(export_workbook([empty], tmp_path / "x.xlsx")).sheetnames[1] == "jvl"


def test_a_spectrum_of_no_point_has_a_name(run: Run) -> None:
    index = np.full_like(run.tables["spectra"]["point_index"], -1)
    lost = replace(run, tables={**run.tables, "spectra": {**run.tables["spectra"], "point_index": index}})
    names = spectrum_names(lost)
    assert len(set(names)) == len(names)
    assert names[0].startswith(f"{run.spectra[0].luminance:.4g} cd/m^2")
    (sheet,) = (sheet for sheet in sheets_of(lost) if sheet.name == "spectra_conditions")
    assert np.ma.getmaskarray(sheet.columns[2].values).all()


def test_what_is_missing_for_workbooks_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ArchiveError, match=r'the extra "xlsx": pip install'):
        export_workbook([run], tmp_path / "x.xlsx")


# The command


def export(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in this process, which takes a tenth of the time."""
    monkeypatch.setattr("acquire.run_file.reading_apart.read_run", read_run)


def test_folders_and_files_in_one_command_each_file_once(run: Run, tmp_path: Path) -> None:
    done = export(run.path.parent, run.path, "--to", tmp_path)
    assert done.exit_code == 0, done.output
    assert sorted(done.stdout.split()) == sorted(map(str, tmp_path.iterdir()))


@pytest.mark.usefixtures("here")
def test_a_run_file_that_was_given_another_name_is_exported_as_well(run: Run, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    shutil.copy(run.path, tmp_path / "runs" / "A3 annealed.h5")
    assert export(tmp_path / "runs", "--to", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "A3 annealed_jvl.csv").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_two_runs_of_one_name_do_not_replace_each_other(run: Run, tmp_path: Path, kind: str) -> None:
    runs = [tmp_path / folder / "A3.h5" for folder in ("monday", "tuesday")]
    for path in runs:
        path.parent.mkdir()
        shutil.copy(run.path, path)
    # alone in its batch, a run has a workbook by the name of its file
    if kind == "xlsx":
        named = {path: replace(run, path=path, sample_fields={"batch": path.parent.name}) for path in runs}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("acquire.run_file.reading_apart.read_run", lambda path, _=None: named[path])
            done = export(*runs, "--to", tmp_path / "out", "--force", "--format", kind)
    else:
        done = export(*runs, "--to", tmp_path / "out", "--force")
    assert done.exit_code == 1
    assert f"{runs[1]}: not exported, its files would be called as those of {runs[0]}" in done.output
    assert len(done.stdout.split()) == len(list((tmp_path / "out").iterdir()))


@pytest.mark.usefixtures("here")
def test_what_exists_is_kept_unless_told_otherwise(run: Run, tmp_path: Path) -> None:
    path = tmp_path / f"{run.path.stem}_jvl.csv"
    path.write_text("precious", encoding="utf-8")
    refused = export(run.path, "--to", tmp_path)
    assert refused.exit_code == 1
    assert "exists already; choose another folder with --to, or replace with --force" in refused.output
    assert [one.read_text(encoding="utf-8") for one in tmp_path.iterdir()] == ["precious"]
    assert export(run.path, "--to", tmp_path, "--force").exit_code == 0
    assert path.read_text(encoding="utf-8").startswith("# Header lines,")


@pytest.mark.usefixtures("here")
def test_one_that_cannot_be_read_costs_no_other(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "no.h5"
    wrong.write_text("nothing")
    (tmp_path / "empty").mkdir()
    done = export(wrong, tmp_path / "empty", run.path, "--to", tmp_path / "out")
    assert done.exit_code == 1
    assert "is not a run file" in done.output
    assert "there is no run file in it" in done.output
    assert (tmp_path / "out" / f"{run.path.stem}_jvl.csv").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("separator", [";", "semicolon", "Semicolon"])
def test_signs_are_taken_for_their_names(run: Run, tmp_path: Path, separator: str) -> None:
    done = export(run.path, "--to", tmp_path, "--decimal", ",", "--separator", separator, "--no-header")
    assert done.exit_code == 0
    text = next(tmp_path.glob("*_jvl.csv")).read_text(encoding="utf-8").splitlines()
    assert re.match(r"-?\d+,\d+;", text[3])


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("option", "wrong", "known"),
    [
        ("--separator", "|", "comma or semicolon or tab"),
        ("--decimal", "semi", "point or comma"),
        ("--format", "xls", "csv or xlsx"),
    ],
)
def test_a_wrong_choice_is_told_the_right_ones(run: Run, option: str, wrong: str, known: str) -> None:
    done = export(run.path, option, wrong)
    assert done.exit_code == 2
    assert f"Invalid value for '{option}': '{wrong}' is not known here; write {known}" in done.output
    assert "Value error" not in done.output


@pytest.mark.usefixtures("here")
def test_a_comma_as_decimal_mark_goes_with_semicolons(run: Run, tmp_path: Path) -> None:
    done = export(run.path, "--to", tmp_path, "--decimal", "comma", "--bom", "--no-header")
    assert done.exit_code == 0, done.output
    raw = (tmp_path / f"{run.path.stem}_jvl.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfVoltage;Current density;")
    row = raw.decode("utf-8-sig").splitlines()[20].split(";")
    assert float(row[0].replace(",", ".")) == run.tables["jvl"]["voltage"][17]
    refused = export(run.path, "--to", tmp_path / "b", "--decimal", "comma", "--separator", "comma")
    assert refused.exit_code == 2
    assert "take another --separator" in refused.output


@pytest.mark.usefixtures("here")
def test_a_workbook_for_a_run_alone_and_one_for_a_batch(run: Run, tmp_path: Path) -> None:
    alone = export(run.path, "--format", "xlsx", "--to", tmp_path)
    assert alone.stdout.split() == [str(tmp_path / f"{run.path.stem}.xlsx")]
    folder = tmp_path / "friday"
    folder.mkdir()
    for name in ("20260101T000000_a_00000001.h5", "20260101T000001_b_00000002.h5"):
        (folder / name).write_bytes(run.path.read_bytes())
    together = export(folder, "--format", "xlsx")
    assert together.stdout.split() == [str(folder / "friday.xlsx")], together.output
    assert openpyxl.load_workbook(folder / "friday.xlsx").sheetnames[:2] == ["overview", "about"]


def test_each_batch_has_its_workbook(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = {"1.h5": "S1/3", "2.h5": "S1/3", "3.h5": "S2", "4.h5": ""}
    read = {name: replace(run, path=tmp_path / name, sample_fields={"batch": batch}) for name, batch in batches.items()}
    monkeypatch.setattr("acquire.run_file.reading_apart.read_run", lambda path, _=None: read[path.name])
    done = export(*(tmp_path / name for name in batches), "--format", "xlsx")
    assert [Path(line).name for line in done.stdout.splitlines()] == ["S1-3.xlsx", "3.xlsx", "4.xlsx"]
    rows = values_of(openpyxl.load_workbook(tmp_path / "S1-3.xlsx")["overview"])
    assert [row[3] for row in rows] == ["S1/3", "S1/3"]


def test_nothing_half_written_is_left_behind(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from acquire.run_file.export import csv_files

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(csv_files, "write_sheet", fail)
    with pytest.raises(ArchiveError, match="the disk is full"):
        export_csv(run, tmp_path)
    assert not list(tmp_path.iterdir())
