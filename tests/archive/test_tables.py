"""Tables and statistics of many runs: the numbers of the summaries, whatever the order in which they come."""

from __future__ import annotations

import csv
from fractions import Fraction
from math import isnan, nan, sqrt
from pathlib import Path
from random import Random

import openpyxl
import pytest

from acquire.archive.statistics import statistics_of
from acquire.archive.tables import figures_asked, markdown, statistics_table, table_of, write_table
from acquire.evaluation.figure import Figure
from acquire.run_file.read import ArchiveError
from acquire.run_file.summary import RunSummary
from tests.support.catalogued import a_summary

EQE, V_ON = "external_quantum_efficiency_max", "turn_on_voltage"


def runs() -> list[RunSummary]:
    random = Random(3)
    figures = [{EQE: random.uniform(1e-9, 1e3), V_ON: random.uniform(2, 5)} for _ in range(40)]
    return [a_summary(f"S{one % 3}", each, run_id=f"{one:04d}", group="A|B") for one, each in enumerate(figures)]


def test_statistics_are_exact_and_in_no_order() -> None:
    """Mean and deviation against rational arithmetic; to the last bit the same, however the runs are mixed."""
    found = statistics_of(runs(), ["sample"], [EQE])
    for one in found:
        values = [Fraction(run.figures[EQE].value) for run in runs() if run.sample == one.together[0]]
        mean = sum(values) / len(values)
        assert one.mean == pytest.approx(float(mean), rel=3e-16)
        variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        assert one.deviation == pytest.approx(sqrt(variance), rel=1e-15)
        middle = sorted(values)[(len(values) - 1) // 2 : len(values) // 2 + 1]
        assert one.median == pytest.approx(float(sum(middle) / len(middle)), rel=3e-16)
        assert (one.least, one.largest) == (float(min(values)), float(max(values)))
    for seed in range(5):
        mixed = runs()
        Random(seed).shuffle(mixed)
        assert statistics_of(mixed, ["sample"], [EQE]) == found


def test_the_best_is_the_least_where_less_is_better() -> None:
    (eqe, v_on) = statistics_of(runs(), ["group"], [EQE, V_ON])
    by_id = {run.run_id: run for run in runs()}
    assert by_id[eqe.best].figures[EQE].value == eqe.largest
    assert by_id[v_on.best].figures[V_ON].value == v_on.least


def test_what_physics_forbids_and_what_is_missing_counts_for_none() -> None:
    def run(name: str, value: float, status: str) -> RunSummary:
        return (
            a_summary(name, sample="S", figures={}, run_id=name) if status == "absent" else _with(name, value, status)
        )

    def _with(name: str, value: float, status: str) -> RunSummary:
        from dataclasses import replace

        figure = Figure(value, "1", status, uncertainty=0.01)
        return replace(a_summary(name, sample="S", run_id=name), figures={EQE: figure})

    mixed = [
        run("a", 0.1, "ok"),
        run("b", 0.2, "doubtful"),
        run("c", 5.0, "impossible"),
        run("d", nan, "not_reached"),
        run("e", nan, "absent"),
    ]
    (one,) = statistics_of(mixed, ["sample"], [EQE])
    assert (one.runs, one.n, one.not_ok, one.best) == (5, 2, 1, "b")
    assert one.mean == pytest.approx(0.15)
    (alone,) = statistics_of(mixed[:1], ["sample"], [EQE])
    assert isnan(alone.deviation)
    assert statistics_of(mixed[2:], ["sample"], [EQE]) == []


def test_a_table_is_in_customary_units_in_every_format(tmp_path: Path) -> None:
    some = [a_summary("S 1", {EQE: 0.05}, run_id="a"), a_summary("=S|2", {V_ON: 3.0}, run_id="b")]
    sheet = table_of(some, figures_asked(some))
    for kind in ("csv", "xlsx", "md"):
        write_table(sheet, tmp_path / f"t.{kind}")
        with pytest.raises(ArchiveError, match="exists already"):
            write_table(sheet, tmp_path / f"t.{kind}")
    rows = list(csv.reader((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()))
    at = (
        rows[0].index("Maximum EQE")
        if "Maximum EQE" in rows[0]
        else rows[0].index("Maximum external quantum efficiency")
    )
    assert (rows[1][at], rows[3][at : at + 3]) == ("%", ["5.0", "10.0", "ok"])
    assert rows[4][at : at + 3] == ["", "", ""]
    cells = [[cell.value for cell in row] for row in openpyxl.load_workbook(tmp_path / "t.xlsx")["runs"].iter_rows()]
    assert (cells[3][at], cells[4][at], cells[4][0]) == (5.0, None, "=S|2")
    assert "=S\\|2" in (tmp_path / "t.md").read_text(encoding="utf-8")
    with pytest.raises(ArchiveError, match=r"\.csv, \.xlsx or \.md"):
        write_table(sheet, tmp_path / "t.pdf")
    with pytest.raises(ValueError, match="no run has no_such; figures of merit of these runs: turn_on_voltage, ext"):
        figures_asked(some, ["no_such"])


def test_statistics_as_a_table() -> None:
    text = markdown(statistics_table(statistics_of(runs(), ["group", "sample"], [EQE]), ["group", "sample"]))
    lines = text.splitlines()
    assert lines[0].startswith("| Group | Sample | Figure | Unit | Runs | n | Not ok | Mean |")
    assert len(lines) == 2 + 3
    assert lines[2].startswith(r"| A\|B | S0 | ")
    assert "| % | 14 | 14 | 0 |" in lines[2]
