"""The reporting checklist: what the files fill, what is asked, what is missing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from acquire.config.answers import OF_A_BENCH, OF_A_SUBSTRATE
from acquire.evaluation.device_stress import Stress
from acquire.evaluation.figure import Figure, missing
from acquire.records import RunStatus
from acquire.report import facts
from acquire.report.batch import batch_of
from acquire.report.checklist import Known, Standing, as_json, as_markdown, checklist
from acquire.run_file.conditions import facts_of, measured_levels, photodiode
from acquire.run_file.documented import DocumentedRun
from acquire.run_file.export.sheets import sheets_of
from acquire.run_file.ledger import Earlier
from tests.report.conftest import MakeDevice

#: Items that no file can fill, and those in part.
ASKED = {2, 4, 5, 6, 7, 8, 14, 26, 33, 40}
LIFETIME = {38, 39}
ANSWERS = {word: f"<{word}>" for word in (*OF_A_BENCH, *OF_A_SUBSTRATE)}


def standings(known: Known) -> dict[int, Standing]:
    return {one.number: one.standing for one in checklist(known)}


def alone(run: DocumentedRun, answers: dict[str, str] | None = None) -> Known:
    batch = batch_of([run])
    return Known(run, batch, batch.devices[0], answers or {})


def test_there_are_forty_items(recorded: DocumentedRun) -> None:
    entries = checklist(alone(recorded))
    assert [one.number for one in entries] == list(range(1, 41))
    assert {one.number for one in entries if one.asked} == ASKED


def test_a_file_alone_fills_what_it_knows_and_says_what_it_does_not(recorded: DocumentedRun) -> None:
    found = standings(alone(recorded))
    assert {n for n, one in found.items() if one is Standing.MISSING} == {2, 5, 6, 7, 8, 11, 12, 33}
    assert {n for n, one in found.items() if one is Standing.NOT_MEASURED} == LIFETIME
    stated = {n for n, one in found.items() if one is Standing.STATED}
    assert {3, 9, 10, 13, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25, 27, 28, 29, 30, 32, 34, 35, 36} <= stated


def of_a_lifetime(recorded: DocumentedRun) -> DocumentedRun:
    """A run with the figures of a lifetime: half measured, half extrapolated."""
    figures = {
        "initial_luminance": Figure(951.3, "cd/m^2", "ok", uncertainty=15.6, reason="1 s under stress"),
        "lifetime_95": Figure(3600.0, "s", "ok", uncertainty=36.0),
        "lifetime_90": Figure(7200.0, "s", "ok", uncertainty=72.0),
        "lifetime_80": Figure(36000.0, "s", "extrapolated", uncertainty=720.0),
        "lifetime_50": missing("s", "not_reached"),
        "lifetime_time_constant": Figure(1.8e5, "s", "ok", uncertainty=1e4, reason="53 values to 3 h"),
        "lifetime_stretching_exponent": Figure(0.8, "1", "ok", uncertainty=0.01),
    }
    return replace(recorded, run=replace(recorded.run, figures={**recorded.run.figures, **figures}))


def test_a_lifetime_is_stated(recorded: DocumentedRun) -> None:
    entries = {one.number: one for one in checklist(alone(of_a_lifetime(recorded)))}
    assert entries[38].standing is Standing.PARTLY
    assert entries[38].text.startswith("L_0 951 ± 16 cd/m^2 at 1 s under stress; ")
    assert entries[38].lacking == "the temperature"
    assert entries[39].standing is Standing.PARTLY
    for told in (
        "T95 1.00",
        "h (measured); T90 2.00",
        "h (extrapolated); T50 ",
        "not reached",
        "beta 0.8",
        "53 values",
    ):
        assert told in entries[39].text, entries[39].text
    answered = {one.number: one for one in checklist(alone(of_a_lifetime(recorded), {"climate": "23 C, dry"}))}
    assert answered[38].standing is Standing.STATED
    assert answered[38].text.endswith("23 C, dry")


def test_answers_and_a_batch_fill_the_rest(device: MakeDevice) -> None:
    runs = [device("A", 0.05), device("B", 0.06), device("C", None, status=RunStatus.STOPPED, reason="short: 1 A")]
    batch = batch_of(runs)
    entries = checklist(Known(runs[0], batch, batch.devices[0], ANSWERS))
    assert {one.number for one in entries if one.standing is Standing.MISSING} == set()
    texts = {one.number: one.text for one in entries}
    assert texts[9] == "3 devices"
    assert texts[10].startswith("1 device: C (short: 1 A)")
    assert "median of 2 devices" in texts[11]
    assert texts[12] == "A: rank 2 of 2 by EQE_max"
    assert all(ANSWERS[one.asked] in one.text for one in entries if one.asked)


def test_what_is_stated_is_what_the_file_holds(recorded: DocumentedRun) -> None:
    texts = {one.number: one.text for one in checklist(alone(recorded))}
    assert texts[3] == "14 mm^2"
    assert texts[17] == "10 mA; 2 of 18 points met it"
    assert texts[18] == "voltage"
    assert texts[19] == "forward, then reverse"
    assert texts[20] == "18 points, 3 V to 7 V and back to 3 V, in steps of 0.5 V"
    assert texts[15].startswith("source meter: source range 21 V, range 10.5 mA, NPLC 1")
    assert "photodiode meter: range 10 V, NPLC 1" in texts[15]
    assert texts[16] == "two-wire"
    assert "SHA-256 56fe862add3d6572" in texts[25]
    assert "683.002 lm/W" in texts[30]
    assert recorded.sha256 in texts[40]


@pytest.mark.parametrize(
    ("sent", "branch", "written"),
    [
        ([-5.0, -1.0, 3.0], ["forward"] * 3, "3 points, -5 V to 3 V, in steps of 4 V"),
        ([3.0, 1.0, -1.0], ["reverse"] * 3, "3 points, 3 V to -1 V, in steps of 2 V"),
        ([-2.0, 1.0, 1.0, -2.0], ["forward"] * 2 + ["reverse"] * 2, "4 points, -2 V to 1 V and back to -2 V"),
        ([0.0, 2.0, 2.0], ["forward"] * 2 + ["reverse"], "3 points, 0 V to 2 V and back to 2 V"),
        ([1.0, 1.0], ["forward"] * 2, "2 points, 1 V"),
    ],
)
def test_levels_go_back_only_where_the_sweep_did(
    recorded: DocumentedRun, sent: list[float], branch: list[str], written: str
) -> None:
    points = {name: array[: len(sent)] for name, array in recorded.run.tables["jvl"].items()}
    points |= {"source_level": np.array(sent), "branch": np.array(branch, dtype="S")}
    run = replace(recorded.run, tables={**recorded.run.tables, "jvl": points})
    assert measured_levels(run).startswith(written)


def test_a_median_of_fewer_devices_than_live_says_so(device: MakeDevice) -> None:
    runs = [device("A", 0.05), device("B", 0.06), device("C", 0.07), device("D", 0.08)]
    for one, status in ((runs[0], "impossible"), (runs[1], "doubtful")):
        figures = dict(one.run.figures)
        name = "external_quantum_efficiency_max"
        figures[name] = replace(figures[name], status=status)
        object.__setattr__(one.run, "figures", figures)
    failed = device("E", None, batch="B8", status=RunStatus.FAILED)
    batch = batch_of([*runs, failed])
    texts = {one.number: one.text for one in checklist(Known(runs[3], batch, batch.devices[3], {}))}
    assert texts[9] == "4 devices; 1 more not judged"
    (spread,) = (part for part in texts[11].split(", EQE_max")[1:])
    assert spread.startswith(" 7.000 % (standard deviation 1.0 %, n = 3, 1 not ok)")


def test_without_a_calibration_nothing_is_said_of_a_responsivity(recorded: DocumentedRun) -> None:
    conditions = replace(recorded.run.calibration.conditions, luminance_route="from_spectra")
    calibration = replace(recorded.run.calibration, photodiode=None, conditions=conditions)
    spectra = recorded.run.tables["spectra"]
    tables = {**recorded.run.tables, "spectra": {**spectra, "mismatch_factor": np.full(4, np.nan)}}
    alone_with = replace(recorded, run=replace(recorded.run, calibration=calibration, tables=tables))
    route = "luminance from the photodiode, calibrated by the spectra of this run"
    assert facts.mismatch(alone_with) == f"none used: {route}"
    assert photodiode(alone_with.run) == f"none: {route}"


def test_it_says_whose_it_is_and_that_it_is_no_journals(recorded: DocumentedRun) -> None:
    entries = checklist(alone(recorded))
    content = json.loads(as_json(entries))
    for text in (as_markdown(entries, "answers.yaml"), content["whose"]):
        assert "no journal's list" in text
    assert [item["status"] for item in content["items"]] == [str(one.standing) for one in entries]
    assert sum(content["counts"].values()) == 40


def logged(one: DocumentedRun, missing: int = 0) -> DocumentedRun:
    points = dict(one.run.tables["jvl"])
    points["ambient_temperature"] = np.linspace(295.65, 296.05, len(points["time"]))
    points["relative_humidity"] = np.full(len(points["time"]), 0.41)
    points["ambient_temperature"][:missing] = np.nan
    return replace(one, run=replace(one.run, tables={**one.run.tables, "jvl": points}))


def test_a_logged_room_is_stated_without_a_question_and_stands_in_tables(recorded: DocumentedRun) -> None:
    eight = checklist(alone(logged(recorded), {"climate": "as I remember"}))[7]
    assert eight.text == "temperature 22.5 to 22.9 degC, relative humidity 41 %"
    assert facts_of(logged(recorded, 2).run)["ambient air"].endswith(f"not known at 2 of {recorded.run.points} points")
    assert "ambient air" not in facts_of(recorded.run)
    columns = {one.long_name: one for one in sheets_of(logged(recorded).run)[1].columns}
    assert columns["Ambient temperature"].unit == "degC"
    assert columns["Ambient temperature"].values[0] == pytest.approx(22.5)
    assert columns["Relative humidity"].values[0] == pytest.approx(41.0)
    assert "Relative humidity" not in {one.long_name for one in sheets_of(recorded.run)[1].columns}


def test_earlier_stress_is_stated_by_the_files_of_the_folder(recorded: DocumentedRun) -> None:
    earlier = Earlier(Stress(0.5, 7200.0, 8.0, 2e-3), 3)
    entry = checklist(alone(replace(recorded, earlier=earlier)))[22]
    assert "3 earlier runs of this device in its folder: 500 mC in 2 h, at most 8 V and 2 mA, 0 spectra" in entry.text
    assert entry.standing is Standing.STATED
    assert checklist(alone(replace(recorded, earlier=Earlier(Stress(), 0))))[22].standing is Standing.PARTLY
