"""The reporting checklist: what the files fill, what is asked, what is missing."""

from __future__ import annotations

import json

from acquire.config.answers import OF_A_BENCH, OF_A_SUBSTRATE
from acquire.records import RunStatus
from acquire.report.batch import batch_of
from acquire.report.checklist import Known, Standing, as_json, as_markdown, checklist
from acquire.run_file.documented import DocumentedRun
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
    assert "NPLC 1" in texts[15]
    assert texts[16] == "two-wire"
    assert "SHA-256 56fe862add3d6572" in texts[25]
    assert "683.002 lm/W" in texts[30]
    assert recorded.sha256 in texts[40]


def test_it_says_whose_it_is_and_that_it_is_no_journals(recorded: DocumentedRun) -> None:
    entries = checklist(alone(recorded))
    content = json.loads(as_json(entries))
    for text in (as_markdown(entries, "answers.yaml"), content["whose"]):
        assert "no journal's list" in text
    assert [item["status"] for item in content["items"]] == [str(one.standing) for one in entries]
    assert sum(content["counts"].values()) == 40
