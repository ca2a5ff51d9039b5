"""Run files of an earlier version, one finished and one cut off, still give the numbers that version gave for them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from acquire.cli.commands import app
from acquire.run_file import finish as finishing
from acquire.run_file import read as reading
from acquire.run_file.export.csv_files import CsvStyle, export_csv
from acquire.run_file.layout import BEFORE_VERSIONS, FORMAT_VERSION, TABLES

RECORDINGS = Path(__file__).parents[1] / "recordings"
NUMBERS: dict[str, dict[str, Any]] = json.loads((RECORDINGS / "numbers.json").read_text(encoding="utf-8"))
FINISHED, CUT_OFF = sorted(NUMBERS)
#: By how much an uncertainty may differ from that of the earlier version, which did not let the offset of the
#: photodiode's meter drop out: in the dark of a bench without noise nearly all of it was that.
UNCERTAINTY_RATIO = (1e-3, 1.2)


@pytest.fixture(params=sorted(NUMBERS))
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[reading.Run, dict[str, Any]]:
    """The run of a recording, recovered where it was cut off, and what the earlier version gave for it."""
    path = Path(shutil.copy(RECORDINGS / request.param, tmp_path))
    finishing.recover(path)
    return reading.read_run(path), NUMBERS[request.param]


def expected_columns(numbers: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for place, values in numbers.items():
        table, _, column = place.partition("/")
        if column and isinstance(values, list):
            yield table, {"lg_distance": "log10_distance"}.get(column, column), values


def check_column(found: Any, expected: list[Any], name: str, *, computed: bool) -> None:
    assert len(found) == len(expected), name
    if found.dtype.kind == "S":
        assert [value.decode() for value in found] == expected, name
        return
    wanted = np.array([np.nan if value is None else value for value in expected], float)
    if name.endswith("_uncertainty"):
        check_uncertainty(found, wanted, name, computed)
        return
    np.testing.assert_allclose(found.astype(float), wanted, rtol=0, atol=0, equal_nan=True, err_msg=name)


def check_uncertainty(found: Any, wanted: Any, name: str, computed: bool) -> None:
    """That of a run that is recovered today is ``computed`` anew, and near the dark the budget is another one."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted), err_msg=name)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (found / wanted)[wanted > 0]
    low, high = UNCERTAINTY_RATIO if computed else (1 - 1e-12, 1 + 1e-12)
    assert ((ratio > low) & (ratio < high)).all(), name


def test_every_column_reads_as_before(recorded: tuple[reading.Run, dict[str, Any]]) -> None:
    run, numbers = recorded
    columns = [found for found in expected_columns(numbers) if found[0] != "jvl_live"]
    assert {(table, name) for table, name, _ in columns} == {
        (table.name, column.name)
        for table in TABLES
        for column in table.columns(run.source_unit)
        if column.name != "spectral_radiance" and max(table.since, column.since) == BEFORE_VERSIONS
    }
    for table, name, values in columns:
        check_column(run.tables[table][name], values, name, computed=run.path.name == CUT_OFF)
    with h5py.File(run.path) as file:
        for table, name, values in expected_columns(numbers):
            if table == "jvl_live":
                check_column(file["entry/jvl_live"][name][:], values, name, computed=False)
    np.testing.assert_allclose(
        run.tables["spectra"]["spectral_radiance"].sum(axis=1), numbers["radiance_sums"], rtol=1e-13
    )


def test_every_figure_and_status_is_as_before(recorded: tuple[reading.Run, dict[str, Any]]) -> None:
    run, numbers = recorded
    expected = {key.partition("/")[2]: value for key, value in numbers.items() if key.startswith("figures_of_merit/")}
    figures = {name: run.figures[name] for name in expected}  # one that is recovered now has those of today beside
    assert {name: figure.value for name, figure in figures.items()} == pytest.approx(
        {name: np.nan if value is None else value for name, value in expected.items()}, rel=1e-15, abs=0, nan_ok=True
    )
    assert {name: figure.status for name, figure in figures.items()} == statuses_of_today(run, numbers)
    for name in ("status", "stop_reason", "end_time", "run_id"):
        assert str(getattr(run, name)) == numbers[name], name
    assert run.exchanges == ()


def statuses_of_today(run: reading.Run, numbers: dict[str, Any]) -> dict[str, str]:
    """Those of then; but the run that was cut off, of which the figures are made today, was so on its way up."""
    statuses: dict[str, str] = dict(numbers["figures_status"])
    if run.path.name == CUT_OFF:
        maxima = (f"{name}_max" for name in ("luminance", "current_efficiency", "external_quantum_efficiency"))
        statuses |= {name: "at_end_of_sweep" for top in maxima for name in statuses if name.endswith(top)}
    return statuses


#: Where the columns of then stand today, and what they are multiplied by.
COLUMNS_OF_THEN = {
    "branch": ("jvl", "Branch", 1),
    "time": ("housekeeping", "Time", 1),
    "source level": ("housekeeping", "Source level", 1),
    "voltage": ("jvl", "Voltage", 1),
    "current": ("jvl", "Current", 1e3),
    "photodiode signal": ("housekeeping", "Photodiode signal", 1),
    "source time": ("housekeeping", "Source time", 1),
    "source status": ("housekeeping", "Source status", 1),
    "flags": ("housekeeping", "Flags, as a number", 1),
    "spectrum source": ("housekeeping", "Spectrum source", 1),
    "spectrum weight": ("housekeeping", "Spectrum weight", 1),
    "lg distance": ("housekeeping", "Distance of the nearest spectrum in lg L", 1),
    "current density": ("jvl", "Current density", 1),
    "luminance": ("jvl", "Luminance", 1),
    "current efficiency": ("jvl", "Current efficiency", 1),
    "power efficiency": ("jvl", "Power efficiency", 1),
    "external quantum efficiency": ("jvl", "External quantum efficiency", 1),
    "chromaticity x": ("jvl", "CIE 1931 x", 1),
    "chromaticity y": ("jvl", "CIE 1931 y", 1),
}


def test_the_csv_files_have_the_numbers_of_before(recorded: tuple[reading.Run, dict[str, Any]], tmp_path: Path) -> None:
    run, numbers = recorded
    written = export_csv(run, tmp_path / "csv", CsvStyle(header=False))
    tables = {
        path.stem.removeprefix(f"{run.path.stem}_"): rows_of(path.read_text(encoding="utf-8")) for path in written
    }
    assert {"jvl", "housekeeping", "spectra", "spectra_normalised", "spectra_conditions", "figures"} <= set(tables)
    computed = run.path.name == CUT_OFF
    names, units, _, *rows = rows_of(numbers["csv"]["_jvl.csv"])
    for name, unit, *cells in zip(names, units, *rows, strict=True):
        found, today = column_of_today(tables, name)
        assert today == {"1": "", "A": "mA"}.get(unit, unit), name
        assert len(found) == len(cells)
        for cell, wanted in zip(found, cells, strict=True):
            assert same_cell(cell, in_numbers_of_today(name, wanted), name, computed), (name, cell, wanted)
    figures = rows_of(numbers["csv"]["_figures.csv"])[3:]
    check_figures(tables["figures"][3:], figures, statuses_of_today(run, numbers), computed=computed)


def column_of_today(tables: dict[str, list[list[str]]], name: str) -> tuple[list[str], str]:
    """The cells and the unit of what was called ``name``."""
    if name.startswith("spectrum index"):
        table, column = "housekeeping", "Second spectrum" if name.endswith("upper") else "Spectrum"
    else:
        table, column, _ = COLUMNS_OF_THEN[name.removesuffix(" uncertainty")]
        column = f"u({column})" if name.endswith("uncertainty") else column
    labels, units, _, *rows = tables[table]
    at = labels.index(column)
    return [row[at] for row in rows], units[at]


def in_numbers_of_today(name: str, cell: str) -> str:
    if name.startswith("spectrum index"):
        return "" if cell == "-1" else str(int(cell) + 1)
    return str(float(cell) * 1e3) if name == "current" and cell else cell


#: The customary units of today, by those of then.
FACTORS_OF_TODAY = {"A/m^2": ("mA/cm^2", 0.1), "1": ("", 1.0)}


def check_figures(found: list[list[str]], wanted: list[list[str]], statuses: dict[str, str], *, computed: bool) -> None:
    """Each of the earlier version is there as it was; one that had no uncertainty then may have one now."""
    by_name = {cells[-1]: cells for cells in found}
    for name, value, unit, status, uncertainty in wanted:
        cells = by_name[name]
        in_percent = name.startswith("external_quantum_efficiency")
        today, factor = ("%", 100.0) if in_percent else FACTORS_OF_TODAY.get(unit, (unit, 1.0))
        assert cells[3:5] == [today, statuses.get(name, status)], name
        scaled = [str(float(cell) * factor) if cell else "" for cell in (value, uncertainty)]
        assert cells[1] == scaled[0] or float(cells[1]) == pytest.approx(float(scaled[0]), rel=1e-12, abs=0), name
        assert same_cell(cells[2], scaled[1], "uncertainty", computed), name


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


def same_cell(found: str, wanted: str, column: str, computed: bool) -> bool:
    """To the letter; but more figures have an uncertainty, and that which is ``computed`` anew is another one."""
    if found == wanted:
        return True
    low, high = UNCERTAINTY_RATIO if computed else (1 - 1e-12, 1 + 1e-12)
    return column.endswith("uncertainty") and (not wanted or low < float(found) / float(wanted) < high)


@pytest.mark.parametrize(("name", "points"), [(FINISHED, 18), (CUT_OFF, 12)])
def test_both_are_shown_with_a_word_on_their_checksums(name: str, points: int, read_here: None) -> None:
    shown = CliRunner().invoke(app, ["show", str(RECORDINGS / name)])
    assert shown.exit_code == 0, shown.output
    assert f"{points} points" in shown.output
    assert "not verifiable" in shown.output


def test_recovering_writes_the_columns_of_today(tmp_path: Path) -> None:
    path = Path(shutil.copy(RECORDINGS / CUT_OFF, tmp_path))
    assert reading.read_run(path).version == (0, 0)
    finishing.recover(path)
    run = reading.read_run(path)
    assert run.version == FORMAT_VERSION
    assert run.integrity.verifiable
    assert not run.integrity.damaged
