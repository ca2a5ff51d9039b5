"""A run by hand: what may be typed, the schedule that follows it, and an output that is off when it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquire import session
from acquire.records import Branch, Pause, PointFlag, Reading, Record, RunStatus, Step
from acquire.records import Doing as RunDoing
from acquire.sweep.by_hand import (
    MOST_ROWS,
    PERIOD,
    ByHand,
    Command,
    Doing,
    Reach,
    UnknownCommand,
    by_hand,
    command_of,
)
from acquire.sweep.engine import LEVELS_BACK
from acquire.sweep.schedule import LOOK_AGAIN, next_step
from acquire.sweep.stop_rules import StopRules
from tests.support.attempt import LIQ, Attempt
from tests.support.fake_bench import FakeBench
from tests.support.fake_sweep import PLAN, Sweep

REACH = Reach("V", 0.0, 6.0, 0.1, spectra=True)
SET, MOVE, OFF, QUIT = (
    (lambda level: Command(Doing.SET, level)),
    Command(Doing.MOVE, 1.0),
    Command(Doing.OFF),
    Command(Doing.QUIT),
)


def commands(*these: Command | None) -> Callable[[], Command | None]:
    """One command a row; quit when there are none any more."""
    waiting = list(these)
    return lambda: waiting.pop(0) if waiting else QUIT


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("3.2 V", SET(3.2)),
        (" 3200 mV\n", SET(3.2)),
        ("0 V", SET(0.0)),
        ("+", MOVE),
        ("--", Command(Doing.MOVE, -2.0)),
        ("step 50 mV", Command(Doing.STEP, 0.05)),
        ("wait 5 s", Command(Doing.WAIT, 5.0)),
        ("Spectrum", Command(Doing.SPECTRUM)),
        ("off", OFF),
        ("q", QUIT),
        ("", None),
    ],
)
def test_what_may_be_typed(text: str, command: Command | None) -> None:
    assert command_of(text, REACH) == command


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("6.1 V", "6.1 V is beyond the levels of the sweep file, 0 V to 6 V"),
        ("-1 V", "-1 V is beyond"),
        ("3.2", "'3.2' has no unit"),
        ("3 mA", "wrong unit"),
        ("nan V", "not a finite number"),
        ("step 0 V", "not above zero"),
        ("wait", "does not begin with a number"),
        ("on", "does not begin with a number"),
        ("3,2 V", "has a comma"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnknownCommand, match=why):
        command_of(text, REACH)


def test_a_spectrum_needs_its_section() -> None:
    with pytest.raises(UnknownCommand, match="no spectrum"):
        command_of("spectrum", replace(REACH, spectra=False))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_command_within_reach_or_refused(text: str) -> None:
    try:
        command = command_of(text, REACH)
    except UnknownCommand:
        return
    if command is not None and command.doing is Doing.SET:
        assert REACH.lowest <= command.amount <= REACH.highest


some_commands = st.one_of(
    st.none(),
    st.builds(Command, st.sampled_from([Doing.SET]), st.floats(0.0, 6.0)),
    st.builds(Command, st.sampled_from([Doing.MOVE]), st.sampled_from([-90.0, -1.0, 1.0, 90.0])),
    st.builds(Command, st.sampled_from([Doing.STEP, Doing.WAIT]), st.floats(1e-3, 100.0)),
    st.builds(Command, st.sampled_from([Doing.SPECTRUM, Doing.OFF])),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(some_commands, max_size=40), st.lists(st.sampled_from([nan, 0.0, 1.0]), min_size=1, max_size=5))
def test_whatever_is_asked_for_no_level_is_beyond_reach_and_no_row_beyond_the_bound(
    these: list[Command | None], light: list[float]
) -> None:
    course = ByHand(REACH, commands(*these, *[None] * 200), most_points=30)
    schedule, rows, asked = course.schedule(), 0, 0
    step = next_step(schedule, None)
    while isinstance(step, Step) and asked < 400:
        asked += 1
        assert REACH.lowest <= step.level <= REACH.highest
        assert not (step.off and (step.level or step.spectrum))
        assert step.index == rows < 30
        rows += not step.off
        reading = Reading(step.index, step.branch, step.level, PERIOD * asked, nan, 1e-3, light[asked % len(light)])
        step = next_step(schedule, Record(reading, reading.flags))


# --- carried out ----------------------------------------------------------------------------------------------


def hand_of(*these: Command | None, bench: FakeBench | None = None, **changes: object) -> Sweep:
    plan = by_hand(replace(PLAN, **changes), commands(*these))  # type: ignore[arg-type]
    return Sweep(bench or FakeBench(), plan)


def test_levels_follow_what_is_asked_for_and_are_of_no_branch_of_a_sweep() -> None:
    sweep = hand_of(SET(3.0), MOVE, None, Command(Doing.STEP, 0.5), MOVE)
    assert sweep.run().status is RunStatus.COMPLETED
    assert [record.reading.source_level for record in sweep.records] == [3.0, 4.0, 4.0, 4.0, 4.5]
    assert {record.reading.branch for record in sweep.records} == {Branch.BY_HAND}


def test_off_is_off_until_a_level_is_set_and_nothing_is_read_meanwhile() -> None:
    sweep = hand_of(SET(3.0), OFF, Command(Doing.WAIT, 1.0), SET(2.0))
    sweep.run()
    log = sweep.bench.log[2:]
    assert log == ["3 V", "off", "on", "2 V", "0 V"]
    assert sum(sweep.bench.waits) >= 1.0
    assert [record.reading.source_level for record in sweep.records] == [3.0, 2.0]


def test_after_off_and_quit_nothing_is_switched_on_again_not_even_for_dark_readings() -> None:
    sweep = hand_of(SET(3.0), OFF)
    assert sweep.run().status is RunStatus.COMPLETED
    assert sweep.bench.log[2:] == ["3 V", "off"]


def test_a_stop_while_the_output_is_off_switches_nothing_on() -> None:
    sweep = hand_of(SET(3.0), OFF, *[None] * 1000)
    waited = sweep.bench.wait

    def wait(duration: float) -> None:
        waited(duration)
        sweep.stop = "enough" if sweep.bench.time > 5.0 else ""

    sweep.bench.wait = wait  # type: ignore[method-assign]
    assert sweep.run().reason == "enough"
    assert sweep.bench.log[2:] == ["3 V", "off"]


class Pausing:
    """A run by hand that is paused when its command is taken (``PAUSE``), until so many looks were had."""

    def __init__(self, *these: Command | None, looks: float = 8) -> None:
        self.these, self.looks = list(these), looks
        self.sweep = Sweep(FakeBench(), by_hand(PLAN, self.take))
        self.sweep.pause.wait = self.look  # type: ignore[method-assign]
        self.on_while_paused = False

    def take(self) -> Command | None:
        command = self.these.pop(0) if self.these else QUIT
        if command is PAUSE:
            self.sweep.pause.ask("Ada", 100.0)
            return None
        return command

    def look(self, _: float) -> None:
        self.on_while_paused |= self.sweep.bench.output_on
        self.looks -= 1
        if not self.looks:
            self.sweep.pause.take_back()

    def run(self) -> list[str]:
        self.outcome = self.sweep.run()
        assert not self.on_while_paused
        return self.sweep.bench.log[2:]

    @property
    def pauses(self) -> list[Pause]:
        return [event for event in self.sweep.events if isinstance(event, Pause)]


PAUSE = Command(Doing.WAIT, -1.0)
BACK_TO_3_V = [f"{3 * number / LEVELS_BACK:g} V" for number in range(1, LEVELS_BACK + 1)]


def test_a_pause_while_the_output_is_off_leaves_it_off() -> None:
    hand = Pausing(SET(3.0), OFF, PAUSE, None, None)
    assert hand.run() == ["3 V", "off"]
    (pause,) = hand.pauses
    assert (pause.by, pause.point_index, pause.ended) == ("Ada", 1, False)
    assert pause.duration == pytest.approx(8 * LOOK_AGAIN)
    told = [one.doing for one in hand.sweep.told]
    assert told.count(RunDoing.PAUSED) == 1
    assert RunDoing.SWEEP in told[told.index(RunDoing.PAUSED) :]  # it is told as paused no longer


def test_a_level_that_is_set_in_a_pause_waits_for_its_end() -> None:
    hand = Pausing(SET(3.0), OFF, PAUSE, SET(3.0), None)
    assert hand.run() == ["3 V", "off", "on", *BACK_TO_3_V, "3 V", "3 V", "0 V"]
    records = hand.sweep.records
    assert [record.reading.index for record in records] == [0, 1, 2]
    assert [bool(record.flags & PointFlag.AFTER_PAUSE) for record in records] == [False, True, False]
    assert records[1].reading.paused == hand.pauses[0].duration


def test_a_run_by_hand_goes_on_at_its_level_after_a_pause() -> None:
    hand = Pausing(SET(3.0), PAUSE, None, None)
    assert hand.run() == ["3 V", "off", "on", *BACK_TO_3_V, "3 V", "3 V", "0 V"]
    assert len(hand.pauses) == 1


def test_off_that_is_asked_for_in_a_pause_holds_after_it() -> None:
    hand = Pausing(SET(3.0), PAUSE, OFF, None)
    assert hand.run() == ["3 V", "off"]
    assert hand.outcome.status is RunStatus.COMPLETED


def test_a_pause_of_a_run_by_hand_that_nobody_ends_ends_the_run() -> None:
    hand = Pausing(SET(3.0), OFF, PAUSE, looks=1e9)
    assert hand.run() == ["3 V", "off"]
    assert hand.outcome.reason == "paused by Ada, and nobody went on within 100 s"
    assert hand.pauses[0].ended


def test_stop_rules_on_amounts_end_it_and_those_on_the_course_of_a_branch_do_not() -> None:
    rules = StopRules(luminance_below_maximum=0.9, no_light_by=1.0, voltage_above=5.5)
    sweep = hand_of(SET(5.0), SET(3.5), SET(6.0), None, stop_rules=rules)
    assert "5.5 V of the stop rule" in sweep.run().reason
    assert len(sweep.records) == 3


def test_what_a_run_by_hand_may_do_is_what_its_sweep_may() -> None:
    plan = session.prepare(LIQ).plan
    hand = by_hand(plan, commands())
    assert (hand.compliance, hand.stress, hand.read_back) == (plan.compliance, plan.stress, plan.read_back)
    assert hand.course is not None
    assert hand.course.largest_level == max(step.level for step in plan.steps)
    assert (hand.most_points, hand.steps) == (MOST_ROWS, ())


def test_a_whole_run_with_a_spectrum_on_demand_leaves_its_file_and_the_output_off(tmp_path: Path) -> None:
    prepared = session.prepare(LIQ)
    these = (SET(5.0), None, Command(Doing.SPECTRUM), OFF, None, SET(4.0), None)
    plan = by_hand(prepared.plan, commands(*these))
    attempt = Attempt(replace(prepared, plan=plan), tmp_path)
    result = attempt.run()
    assert result.run is not None
    attempt.check_what_is_left("completed")
    assert result.output is session.Output.OFF
    assert result.run.tables["jvl"]["source_level"].tolist() == [5.0, 5.0, 5.0, 4.0, 4.0]
    assert len(result.run.spectra) == 1
    assert result.run.spectra[0].point_index == 2
    assert "turn_on_voltage" not in result.run.figures, "levels that somebody tried are no curve"
    assert not result.run.tables["repeated"]["time"].size if "repeated" in result.run.tables else True
