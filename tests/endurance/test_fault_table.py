"""A seeded sample of the fault table, and that the table sees what it is there to see."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from math import isfinite, nan
from pathlib import Path
from typing import Any

import pytest

from acquire import session
from acquire.bench import bench as bench_module
from acquire.evaluation import evaluate
from acquire.records import DarkReading, ExposureSample, Note, PointFlag, Reading, Record, RunStatus, Spectrum
from acquire.run_file import read as reading
from acquire.run_file import recorder
from acquire.safety.guardian import Guarding
from acquire.sweep import engine
from acquire.sweep.engine import Outcome
from drivers.keithley2400 import off
from drivers.keithley2400.driver import Keithley2400
from drivers.simulated.faults import FOR_GOOD, FaultKind
from tests.endurance.fault_guardian import Guardian
from tests.endurance.fault_table import PROGRAM_FAULTS, Pair, all_pairs, judge, judge_all, sample
from tests.endurance.fault_trial import (
    GUARDIAN_DIES,
    KILLED,
    LIKE_STEPPED_AT_FIRST,
    LOGGED,
    NO_GUARDIAN,
    REPLACED,
    SWEEPS,
    reference,
)

# PyVISA says so when a message on GPIB ends without a line feed
pytestmark = pytest.mark.filterwarnings("ignore:read string doesn't end with termination characters")


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return all_pairs()


def test_every_fault_is_tried_at_every_operation(pairs: list[Pair]) -> None:
    assert len(pairs) > 10_000
    assert {pair.fault for pair in pairs} == {*FaultKind, *PROGRAM_FAULTS}
    for sweep in SWEEPS:
        tried = {pair.at for pair in pairs if pair.sweep == sweep}
        first = 1 if sweep not in LIKE_STEPPED_AT_FIRST else min(tried)  # set up as the stepped sweep is
        usual = reference(sweep)
        operations = range(first, len(usual.operations) + 1)
        if sweep == LOGGED:
            own = [at for at in operations if usual.operations[at - 1].resource.startswith("ASRL4")]
            assert tried == {at for at in own if not usual.goes_on_waiting(at)}
            continue
        assert tried == {at for at in operations if not usual.goes_on_waiting(at)}


def test_few_operations_only_go_on_waiting() -> None:
    usual = reference("stepped")
    waits = [at for at in range(1, len(usual.operations) + 1) if usual.goes_on_waiting(at)]
    assert all(usual.operations[at - 1].name == "read" for at in waits)
    assert all(usual.operations[at - 1].resource == usual.operations[at - 2].resource for at in waits)
    assert 0 < len(waits) < 0.3 * len(usual.operations)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_a_sample_of_the_table_is_survived(every: int, pairs: list[Pair]) -> None:
    """One pair of each row; the whole table takes longer: make faults."""
    chosen = sample(pairs, each=1, seed=20261122)
    assert {pair.fault for pair in chosen} == {*FaultKind, *PROGRAM_FAULTS}
    verdicts = judge_all(chosen[::every])
    assert [f"{verdict.pair}: {verdict.wrong}" for verdict in verdicts if verdict.wrong] == []


def test_a_logger_costs_no_run_and_holds_none_up(pairs: list[Pair], tmp_path: Path) -> None:
    usual = reference(LOGGED)
    lit = [pair for pair in pairs if pair.sweep == LOGGED and usual.operations[pair.at - 1].output_on]
    kinds = (FaultKind.SILENT, FaultKind.NOISE, FaultKind.REPLY_GARBLED, FaultKind.CONNECTION_LOST)
    few = {pair.fault: pair for pair in lit if pair.fault in kinds}  # the last of each kind
    verdicts = [judge(pair, tmp_path) for pair in few.values()]
    assert len(verdicts) == len(kinds)
    assert {verdict.ended for verdict in verdicts} == {"completed"}
    assert [f"{verdict.pair}: {verdict.wrong}" for verdict in verdicts if verdict.wrong] == []


def test_a_guardian_acts_before_a_spectrum_is_given_up(tmp_path: Path) -> None:
    exposing = [at for at, done in enumerate(reference("stepped").operations, 1) if done.resource.startswith("ASRL")]
    lit = [at for at in exposing if reference("stepped").operations[at - 1].output_on]
    asked = lit[0] + 4  # the source is asked for its errors while the first spectrum is being taken
    assert reference("stepped").operations[asked - 1].resource.startswith("GPIB0::24")
    verdict = judge(Pair("stepped", FaultKind.LINK_CLOSED, asked), tmp_path)
    assert verdict.output_unknown
    assert verdict.off_after < 1.0
    assert verdict.wrong == []


def during_the_sweep(pairs: list[Pair], fault: str, lasting: float = 1) -> list[Pair]:
    """A few faults while the output is on, of the stepped sweep."""
    lit = [at for at, operation in enumerate(reference("stepped").operations, 1) if operation.output_on]
    chosen = [pair for pair in pairs if (pair.sweep, pair.fault, pair.lasting) == ("stepped", fault, lasting)]
    lit_pairs = [pair for pair in chosen if lit[10] < pair.at < lit[-10]]
    return lit_pairs[:: max(1, len(lit_pairs) // 4)]


def problems(pairs: list[Pair], fault: str, folder: Path, lasting: float = 1) -> str:
    """What the table finds wrong with the first of a few of them in which it finds anything."""
    judged = ("; ".join(judge(pair, folder).wrong) for pair in during_the_sweep(pairs, fault, lasting))
    return next(filter(None, judged), "")


def test_the_table_sees_an_output_that_stays_on(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keithley2400, "output_off", lambda self: None)
    assert "the output is on" in problems(pairs, "a bug in the evaluation", tmp_path)


def test_the_table_sees_a_missing_ramp(pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(off, "off_message", lambda *_: ":OUTP OFF")
    assert "it was switched off at" in problems(pairs, "a bug in the evaluation", tmp_path)


def test_the_table_sees_a_level_beyond_the_plan(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., Any] = Keithley2400.trigger
    monkeypatch.setattr(Keithley2400, "trigger", lambda self, level: original(self, 1.25 * level))
    monkeypatch.setattr(Keithley2400, "_adopt", _without_bounds(Keithley2400._adopt))
    assert "VOLT 9 was put out" in problems(pairs, FaultKind.METER_ESCAPED, tmp_path)


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
    assert "of jvl: of what was reported" in problems(pairs, "Ctrl-C", tmp_path)


def test_the_table_sees_an_unfinished_file(pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.finishing, "finish", lambda path, *_: reading.read_run(path))
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
    monkeypatch.setattr(Guardian, "act", lambda self: None)  # it would tell as well
    dead = [pair for pair in pairs if pair.fault == FaultKind.ALL_LINKS_LOST and pair.lasting == FOR_GOOD]
    stepped = [pair for pair in dead if pair.sweep == "stepped"][-60]
    assert "the output is on" in judge(stepped, tmp_path).wrong


# --- what was planted, and passed a table before this one ---------------------------------------------------


def test_the_table_sees_a_sweep_that_ends_completed_without_its_points(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., Outcome] = engine._sweep

    def given_up(run: Any, *others: Any) -> Outcome:
        taken = engine._take_checked_reading(run.plan.steps[0], run)
        repeated = PointFlag.READING_REPEATED in taken.flags
        return Outcome(RunStatus.COMPLETED) if repeated else original(run, *others)

    monkeypatch.setattr(engine, "_sweep", given_up)
    first = reference("stepped").operations
    lit = next(at for at, operation in enumerate(first, 1) if operation.output_on)
    garbled = [pair for pair in pairs if pair.sweep == "stepped" and pair.fault == FaultKind.REPLY_GARBLED]
    wrong = (text for pair in garbled if lit < pair.at < lit + 25 for text in judge(pair, tmp_path).wrong)
    assert any(text.startswith("completed with 0 of 4 points") for text in wrong)


def test_the_table_sees_signals_one_point_late(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant_late_signals(monkeypatch, always=True)
    assert re.search(r"photodiode_signal of point 2 is .*, but was", problems(pairs, FaultKind.METER_ESCAPED, tmp_path))


def test_the_table_sees_signals_one_point_late_after_a_repeat(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant_late_signals(monkeypatch, always=False)
    assert problems(pairs, FaultKind.METER_ESCAPED, tmp_path) == ""
    assert re.search(r"photodiode_signal of .*, but was", problems(pairs, FaultKind.REPLY_GARBLED, tmp_path))


def _plant_late_signals(monkeypatch: pytest.MonkeyPatch, *, always: bool) -> None:
    """Each point gets the photodiode's signal of the one before: always, or once a reading was repeated."""
    original: Callable[..., Reading] = bench_module.BenchInRun.collect

    def late(self: Any, *arguments: Any) -> Reading:
        reading = original(self, *arguments)
        before, self.before = getattr(self, "before", nan), reading.photodiode_signal
        self.repeated = getattr(self, "repeated", always) or bool(reading.remark)
        shifted = self.repeated and isfinite(before) and isfinite(reading.photodiode_signal)
        return replace(reading, photodiode_signal=before) if shifted else reading

    monkeypatch.setattr(bench_module.BenchInRun, "collect", late)


def test_the_table_sees_missing_numbers_without_a_flag(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., tuple[Record, Any]] = engine.evaluated

    def unflagged(reading: Reading, evidence: Any) -> tuple[Record, Any]:
        bare = replace(reading, flags=PointFlag.NONE) if reading.index == 2 else reading
        return original(replace(bare, photodiode_signal=nan) if reading.index == 2 else bare, evidence)

    monkeypatch.setattr(engine, "evaluated", unflagged)
    wrong = problems(pairs, FaultKind.METER_ESCAPED, tmp_path)
    assert "photodiode_signal of point 2 is missing, and its flags" in wrong


def test_the_table_sees_derived_columns_that_are_missing(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "power_efficiency", lambda efficiency, *_: nan * efficiency)
    assert "power_efficiency of point 2 is missing" in problems(pairs, FaultKind.METER_ESCAPED, tmp_path)


def test_the_table_sees_results_that_do_not_follow_from_the_readings(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., float] = evaluate.eqe_from_luminance
    monkeypatch.setattr(evaluate, "eqe_from_luminance", lambda *what: 1.001 * original(*what))
    wrong = problems(pairs, FaultKind.METER_ESCAPED, tmp_path)
    assert "external_quantum_efficiency is" in wrong
    assert "external_quantum_efficiency_max is" in wrong


@pytest.mark.parametrize("kind", [Spectrum, Note, DarkReading, ExposureSample])
def test_the_table_sees_what_is_not_recorded(
    kind: type, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = recorder.RunRecorder.__call__

    def forgetful(self: Any, event: Any) -> None:
        if not isinstance(event, kind):
            original(self, event)

    monkeypatch.setattr(recorder.RunRecorder, "__call__", forgetful)
    (pair, *_) = during_the_sweep(pairs, FaultKind.REPLY_GARBLED)
    wrong = "; ".join(judge(pair, tmp_path).wrong)
    assert "of what was reported" in wrong or "the note is lost" in wrong


def test_the_table_sees_an_off_message_that_comes_late(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., None] = Keithley2400.output_off

    def hesitant(self: Any) -> None:
        bench: Any = self.adapter.connection.visalib
        bench.clock.advance(5.0)
        original(self)

    monkeypatch.setattr(Keithley2400, "output_off", hesitant)
    assert "off 5.0 s after it could be known" in problems(pairs, "a bug in the evaluation", tmp_path)


def test_the_table_sees_a_question_before_the_off_message(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., None] = Keithley2400.output_off

    def curious(self: Any) -> None:
        self.device_clear()
        self.ask(":SOUR:FUNC?")
        original(self)

    monkeypatch.setattr(Keithley2400, "output_off", curious)
    assert "asked before it was off: :SOUR:FUNC?" in problems(pairs, "a bug in the evaluation", tmp_path)


def test_the_table_sees_a_run_that_never_says_what_went_wrong(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., tuple[Outcome, str]] = session._record_sweep

    def vague(*arguments: Any) -> tuple[Outcome, str]:
        outcome, error = original(*arguments)
        return replace(outcome, reason="something" if outcome.reason else ""), error

    monkeypatch.setattr(session, "_record_sweep", vague)
    assert "failed, but not for" in problems(pairs, "a bug in the evaluation", tmp_path)
    assert "stopped, but not for Ctrl-C" in problems(pairs, "Ctrl-C", tmp_path)


def test_the_table_sees_a_run_that_completes_after_a_lasting_fault(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., tuple[Outcome, str]] = session._record_sweep

    def rosy(*arguments: Any) -> tuple[Outcome, str]:
        _, error = original(*arguments)
        return Outcome(RunStatus.COMPLETED), error

    monkeypatch.setattr(session, "_record_sweep", rosy)
    wrong = problems(pairs, "a bug in the evaluation", tmp_path)
    assert re.search(r"completed with \d of 4 points", wrong)


def test_a_pair_is_found_again_by_what_is_printed() -> None:
    for pair in (Pair("stepped", "Ctrl-C", 7), Pair("hardware-timed", FaultKind.IO_ERROR, 12, FOR_GOOD)):
        assert Pair.from_text(str(pair)) == pair


@pytest.mark.parametrize(("planted", "fault"), [("still", NO_GUARDIAN), ("remarks", GUARDIAN_DIES)])
def test_the_table_sees_a_lost_guardian_that_nobody_notices(
    planted: str, fault: str, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if planted == "still":
        monkeypatch.setattr(Guardian, "lost", lambda self: "")
    else:
        monkeypatch.setattr(Guarding, "remarks", lambda self: [])
    assert "nothing was said of it: guardian" in problems(pairs, fault, tmp_path)


def test_the_table_sees_the_file_of_another_run_in_place_of_its_own(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder.RunRecorder, "sync", lambda self: None)
    monkeypatch.setattr(session, "_finished", lambda mine, *_: (reading.read_run(mine.path), ""))
    wrong = problems(pairs, REPLACED, tmp_path)
    assert "the figures of another run were shown" in wrong
    assert "what was reported is in none of" in wrong


@pytest.mark.parametrize("planted", [pytest.param(":OUTP OFF", marks=pytest.mark.long), ":SOUR:VOLT 0;:OUTP OFF"])
def test_the_table_sees_a_guardian_without_a_ramp(
    planted: str, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = [pair for pair in pairs if (pair.sweep, pair.fault, pair.also) == ("stepped", KILLED, None)]
    killed = killed[45:70:10]
    assert [judge(pair, tmp_path).wrong for pair in killed] == [[] for _ in killed]
    monkeypatch.setattr(off, "off_message", lambda *_: planted)
    wrong = "; ".join(text for pair in killed for text in judge(pair, tmp_path).wrong)
    assert ("it was switched off at" if planted == ":OUTP OFF" else "it came down in one step") in wrong


def test_a_guardian_alone_with_a_source_that_is_mute(pairs: list[Pair], tmp_path: Path) -> None:
    mute = [pair for pair in pairs if pair.fault == KILLED and pair.also and pair.also.fault == FaultKind.REPLY_LOST]
    verdict = judge(mute[len(mute) // 3], tmp_path)
    assert verdict.wrong == []
    assert verdict.role == "guardian"
    assert verdict.off_after < 0.1


def test_a_light_that_is_waited_for_until_a_moment_before_it_is_overdue_is_given_up(
    pairs: list[Pair], tmp_path: Path
) -> None:
    """VISA counts in ms: a wait of what was left, a hundredth of one, let no time pass, again and again."""
    usual = reference("current on serial lines")
    late = [pair for pair in pairs if (pair.sweep, pair.fault) == ("current on serial lines", FaultKind.REPLY_LATE)]
    lit = [pair for pair in late if pair.lasting == 1 and usual.operations[pair.at - 1].output_on]
    of_meter = [pair for pair in lit if usual.operations[pair.at - 1].resource == "ASRL2::INSTR"]
    assert len(of_meter) > 10
    assert [f"{pair}: {wrong}" for pair in of_meter[::3] if (wrong := judge(pair, tmp_path).wrong)] == []
