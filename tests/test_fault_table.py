"""A seeded sample of the fault table, and that the table sees what it is there to see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acquire import recorder, session
from acquire.engine import Outcome
from acquire.records import Record, RunStatus
from drivers import keithley2400_off
from drivers.keithley2400 import Keithley2400
from drivers.simulated.faults import FOR_GOOD, FaultKind
from tests.fault_table import PROGRAM_FAULTS, Pair, all_pairs, judge, judge_all, sample

# PyVISA says so when a message on GPIB ends without a line feed
pytestmark = pytest.mark.filterwarnings("ignore:read string doesn't end with termination characters")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    return all_pairs(tmp_path_factory.mktemp("count"))


def test_every_fault_is_tried_at_every_operation(pairs: list[Pair]) -> None:
    assert len(pairs) > 10_000
    assert {pair.fault for pair in pairs} == {*FaultKind, *PROGRAM_FAULTS}
    for sweep in {pair.sweep for pair in pairs}:
        operations = sorted({pair.at for pair in pairs if pair.sweep == sweep})
        first = 1 if sweep != "hardware-timed" else operations[0]  # set up as the stepped sweep is
        assert operations == list(range(first, first + len(operations)))


@pytest.mark.parametrize("seed", [20261122, 20261123])
def test_a_sample_of_the_table_is_survived(seed: int, pairs: list[Pair]) -> None:
    verdicts = judge_all(sample(pairs, each=1, seed=seed))
    assert {verdict.pair.fault for verdict in verdicts} == {*FaultKind, *PROGRAM_FAULTS}
    assert [f"{verdict.pair}: {verdict.wrong}" for verdict in verdicts if verdict.wrong] == []


def during_the_sweep(pairs: list[Pair], fault: str) -> list[Pair]:
    """Single faults while the output is on, of the stepped sweep."""
    stepped = [pair for pair in pairs if pair.sweep == "stepped" and pair.fault == fault and pair.lasting == 1]
    lit = [pair for pair in stepped if 300 < pair.at < 360]
    return lit[:: max(1, len(lit) // 4)]


def problems(pairs: list[Pair], fault: str, folder: Path) -> str:
    return "; ".join(text for pair in during_the_sweep(pairs, fault) for text in judge(pair, folder).wrong)


def test_the_table_sees_an_output_that_stays_on(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keithley2400, "output_off", lambda self: None)
    assert "the output is on" in problems(pairs, "a bug in the evaluation", tmp_path)


def test_the_table_sees_a_missing_ramp(pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keithley2400_off, "off_message", lambda *_: ":OUTP OFF")
    assert "it was switched off at" in problems(pairs, "a bug in the evaluation", tmp_path)


def test_the_table_sees_a_level_beyond_the_plan(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., Any] = Keithley2400.trigger
    monkeypatch.setattr(Keithley2400, "trigger", lambda self, level: original(self, 1.25 * level))
    monkeypatch.setattr(Keithley2400, "_adopt", _without_bounds(Keithley2400._adopt))
    assert "VOLT 7.5 was put out" in problems(pairs, FaultKind.METER_ESCAPED, tmp_path)


def _without_bounds(adopt: Callable[..., None]) -> Callable[..., None]:
    def adopted(self: Any, settings: Any) -> None:
        adopt(self, settings)
        self._bound = 100.0

    return adopted


def test_the_table_sees_a_point_that_is_missing(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = recorder.RunRecorder.__call__

    def forgetful(self: Any, event: Any) -> None:
        if not isinstance(event, Record):
            original(self, event)

    monkeypatch.setattr(recorder.RunRecorder, "__call__", forgetful)
    assert "of reported points" in problems(pairs, "Ctrl-C", tmp_path)


def test_the_table_sees_an_unfinished_file(pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.archive, "finish", lambda path, stop: session.archive.read_run(path))
    monkeypatch.setattr(recorder.RunRecorder, "conclude", lambda self, stop: None)
    wrong = problems(pairs, FaultKind.CONNECTION_LOST, tmp_path)
    assert "the file says that the run goes on" in wrong
    assert "the file is not finished" in wrong


def test_the_table_sees_an_exception_that_escapes(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def escaping(*_: object) -> tuple[Outcome, str]:
        raise SystemExit("nobody catches this")

    monkeypatch.setattr(session, "_record_sweep", escaping)
    assert "SystemExit escaped" in problems(pairs, "SIGTERM", tmp_path)


def test_the_table_sees_an_unknown_output_that_is_not_told(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> tuple[Outcome, str]:
        return Outcome(RunStatus.FAILED, "whatever"), "whatever"

    original: Callable[..., tuple[Outcome, str]] = session._record_sweep

    def without_the_loud_message(*arguments: Any) -> tuple[Outcome, str]:
        outcome, error = original(*arguments)
        return silent() if "MAY STILL BE ON" in error else (outcome, error)

    monkeypatch.setattr(session, "_record_sweep", without_the_loud_message)
    dead = [pair for pair in pairs if pair.fault == FaultKind.ALL_LINKS_LOST and pair.lasting == FOR_GOOD]
    stepped = [pair for pair in dead if pair.sweep == "stepped"][-60]
    assert "the output is on" in judge(stepped, tmp_path).wrong


def test_a_pair_is_found_again_by_what_is_printed() -> None:
    for pair in (Pair("stepped", "Ctrl-C", 7), Pair("hardware-timed", FaultKind.IO_ERROR, 12, FOR_GOOD)):
        assert Pair.from_text(str(pair)) == pair
