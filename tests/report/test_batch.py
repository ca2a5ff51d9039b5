"""A batch counted: who is dead and why, median and spread of the others, who stands for them."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean, median, quantiles, stdev

import numpy as np
import pytest

from acquire.records import Finding, RunStatus, Severity
from acquire.report.assembled import UnknownDevice, _marked, assembled, shown_device
from acquire.report.batch import State, batch_of, judgement
from acquire.report.page import page
from acquire.report.tables import as_csv
from acquire.run_file.checksums import Integrity
from acquire.run_file.documented import DocumentedRun
from tests.report.conftest import MakeDevice

EQE = [0.051, 0.064, 0.060, 0.058, 0.047, 0.062, 0.0555, 0.061, 0.059, 0.063]
SHORT = "short: 0.0021 A at 1 V (point 3, level 1)"


@pytest.fixture(scope="module")
def twelve(device: MakeDevice) -> list[DocumentedRun]:
    alive = [device(f"B7-{i:02d}", eqe) for i, eqe in enumerate(EQE, start=1)]
    dark = device("B7-12", None, status=RunStatus.STOPPED, reason="no light by 7 V (point 14, level 7)")
    return [*alive, device("B7-11", None, status=RunStatus.STOPPED, reason=SHORT), dark]


def test_twelve_of_which_two_are_dead(twelve: list[DocumentedRun]) -> None:
    batch = batch_of(twelve)
    assert (len(batch.of(State.ALIVE)), len(batch.of(State.DEAD)), batch.groups) == (10, 2, ("B7",))
    assert [one.reason for one in batch.of(State.DEAD)] == [SHORT, "no light by 7 V (point 14, level 7)"]
    (found,) = (one for one in batch.statistics("B7") if one.figure == "external_quantum_efficiency_max")
    assert (found.n, found.not_ok, found.best) == (10, 0, "B7-02")
    assert found.median == pytest.approx(median(EQE))
    assert found.mean == pytest.approx(mean(EQE))
    assert found.deviation == pytest.approx(stdev(EQE))
    lower, _, upper = quantiles(EQE, n=4, method="inclusive")
    assert (found.lower_quartile, found.upper_quartile) == (pytest.approx(lower), pytest.approx(upper))
    assert (found.smallest, found.largest) == (min(EQE), max(EQE))


def test_the_least_turn_on_voltage_is_the_best(device: MakeDevice) -> None:
    runs = [device("A"), device("B")]
    figures = {**runs[1].run.figures}
    figures["turn_on_voltage"] = replace(figures["turn_on_voltage"], value=3.0)
    runs[1] = replace(runs[1], run=replace(runs[1].run, figures=figures))
    found = {one.figure: one.best for one in batch_of(runs).statistics("B7")}
    assert found["turn_on_voltage"] == "B"


def test_the_median_device_stands_for_the_batch_unless_another_is_asked_for(twelve: list[DocumentedRun]) -> None:
    batch = batch_of(twelve)
    shown = shown_device(batch, "median")
    assert shown.label == "B7-09"  # of ten, the worse of the middle two: 0.060, 0.059
    assert batch.rank(shown) == "rank 6 of 10 by EQE_max"
    assert batch.rank(shown_device(batch, "best")) == "rank 1 of 10 by EQE_max"
    assert shown_device(batch, "B7-05").value("external_quantum_efficiency_max") == 0.047
    assert batch.rank(shown_device(batch, "B7-11")) == ""
    with pytest.raises(UnknownDevice, match="'B7-99' is no device of these runs; there are 'B7-01'"):
        assembled(twelve, shown="B7-99")


@pytest.mark.parametrize(
    ("status", "reason", "state"),
    [
        (RunStatus.COMPLETED, "", State.DEAD),
        (RunStatus.STOPPED, SHORT, State.DEAD),
        (RunStatus.STOPPED, "the source went into compliance (point 3, level 0.3)", State.DEAD),
        (RunStatus.STOPPED, "pretest: short: 20.1 ohm, 0.001 A at 0.0201 V; less than 100 ohm", State.DEAD),
        (RunStatus.STOPPED, "pretest: open: no more than 1e-12 A up to 3 V", State.DEAD),
        (RunStatus.STOPPED, "pretest: reversed: 1 mA at -3 V", State.NOT_JUDGED),
        (RunStatus.STOPPED, "interrupted by Ctrl-C", State.NOT_JUDGED),
        (RunStatus.FAILED, "the link to the source is lost", State.NOT_JUDGED),
        (RunStatus.RUNNING, "", State.NOT_JUDGED),
    ],
)
def test_only_a_sweep_that_went_its_way_can_find_a_device_dead(
    device: MakeDevice, status: RunStatus, reason: str, state: State
) -> None:
    assert judgement(device("A", None, status=status, reason=reason))[0] is state
    assert judgement(device("A", 0.05, status=status, reason=reason))[0] is State.ALIVE


def test_light_on_the_other_side_is_no_dead_device(device: MakeDevice) -> None:
    one = device("A", None)
    run = replace(one.run)
    object.__setattr__(run, "findings", (Finding(0.0, "light_on_other_side", Severity.DOUBTFUL, "swapped"),))
    assert judgement(replace(one, run=run))[0] is State.NOT_JUDGED


def test_a_device_counts_once_with_its_last_run_that_shone(device: MakeDevice) -> None:
    times = [f"2026-11-28T1{hour}:00:00+00:00" for hour in range(3)]
    runs = [device("A", 0.05, start=times[0]), device("A", 0.06, start=times[1]), device("A", None, start=times[2])]
    (one,) = batch_of([runs[2], *runs[:2]]).devices
    assert (one.value("external_quantum_efficiency_max"), one.other_runs) == (0.06, 2)
    assert not batch_of(runs).is_one


def test_groups_are_counted_apart(device: MakeDevice) -> None:
    batch = batch_of([device("A", batch="1"), device("B", batch="1"), device("C", None, batch="2")])
    assert batch.groups == ("1", "2")
    assert [len(batch.of(State.ALIVE, group)) for group in batch.groups] == [2, 0]
    assert batch.statistics("2") == ()


def test_what_physics_forbids_takes_no_part_and_what_is_not_ok_is_counted(device: MakeDevice) -> None:
    runs = [device("A", 0.05), device("B", 1.2), device("C", 0.06)]
    for i, status in ((1, "impossible"), (2, "lower_bound")):
        figures = {**runs[i].run.figures}
        name = "external_quantum_efficiency_max"
        figures[name] = replace(figures[name], status=status)
        runs[i] = replace(runs[i], run=replace(runs[i].run, figures=figures))
    (found,) = (one for one in batch_of(runs).statistics("B7") if one.figure == "external_quantum_efficiency_max")
    assert (found.n, found.not_ok, found.largest) == (2, 1, 0.06)


def test_box_plots_are_of_the_devices_that_count_and_ring_the_one_shown(twelve: list[DocumentedRun]) -> None:
    report = assembled(twelve)
    values = report.batch.values("external_quantum_efficiency_max")["B7"]
    assert len(values) == 12
    assert sum(np.isfinite(values)) == 10
    assert report.shown is not None
    assert _marked(report) == ("B7", values.index(report.shown.value("external_quantum_efficiency_max")))


def test_runs_that_began_in_the_same_second_are_told_apart(device: MakeDevice) -> None:
    same = [device("A", start=f"2026-11-28T09:00:00.{part}+00:00") for part in ("10", "20")]
    same = [replace(one, run=replace(one.run, run_id=f"{i}{i}{i}aaaaa-1")) for i, one in enumerate(same)]
    report = assembled(same)
    assert len(set(report.labels)) == 2
    assert len({row.label for row in report.table.rows}) == 2


def test_a_run_that_is_not_finished_says_so_wherever_it_has_no_figures(device: MakeDevice) -> None:
    one = device("A", status=RunStatus.RUNNING)
    cut_off = replace(one, run=replace(one.run, finished=False, figures={}, end_time=""))
    report = assembled([cut_off, device("B")])
    for table in (report.table, *report.at_luminances):
        unfinished = table.rows[0]
        (mark,) = {cell.mark for cell in unfinished.cells}
        assert "not finished" in {note.mark: note.text for note in table.footnotes}[mark]
    said = page(report)
    assert "not finished \N{MIDDLE DOT} 18 points" in said


def test_the_best_device_is_not_named_without_what_is_said_against_it(device: MakeDevice) -> None:
    name = "external_quantum_efficiency_max"
    best = device("B", 0.2)
    figures = {**best.run.figures, name: replace(best.run.figures[name], status="at_end_of_sweep")}
    batch = batch_of([device("A", 0.05), replace(best, run=replace(best.run, figures=figures))])
    (found,) = (one for one in batch.statistics("B7") if one.figure == name)
    assert (found.best, found.not_ok) == ("B (at end of sweep)", 1)


def test_no_figure_of_a_damaged_file_goes_into_a_table_unmarked(device: MakeDevice) -> None:
    one = device("A")
    damaged = replace(one.run, integrity=Integrity(True, ("/entry/jvl is not as it was written",)))
    report = assembled([replace(one, run=damaged), device("B")])
    words = {note.mark: note.text for note in report.table.footnotes}
    of_a, of_b = report.table.rows
    assert all("its file is DAMAGED: /entry/jvl" in words[cell.mark] for cell in of_a.cells)
    assert not any("DAMAGED" in words.get(cell.mark, "") for cell in of_b.cells)
    assert as_csv(report.table).count("its file is DAMAGED") == len(of_a.cells)
