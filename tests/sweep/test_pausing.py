"""A pause asked for from outside: output off at a step boundary, on again at the same step, or ended after a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import pytest

from acquire.evaluation.stress import StressClock
from acquire.records import DarkReading, Doing, Event, Held, Pause, PointFlag, RunStatus, Step
from acquire.sweep.engine import LEVELS_BACK, Outcome
from acquire.sweep.plan import SweepPlan
from acquire.sweep.stop_rules import StopRules
from tests.support.fake_bench import FakeBench
from tests.support.fake_sweep import ALL, LEVELS, PLAN, Sweep


@dataclass
class Asked:
    """A pause that ends when so much time has passed on the bench."""

    bench: FakeBench
    lasts: float
    by: str = ""
    longest: float = 100.0
    until: float = inf
    waited: float = 0.0

    def __call__(self) -> str:
        if self.by and not self.bench.output_on:
            self.until = min(self.until, self.bench.time + self.lasts)
            if self.bench.time >= self.until - 1e-9:
                self.by, self.until = "", inf
        return self.by

    def wait(self, duration: float) -> None:
        self.waited += duration


class PausedSweep(Sweep):
    """A sweep that is paused once its point ``at`` is read, for ``lasts`` s."""

    def __init__(self, at: int, lasts: float, plan: SweepPlan = PLAN) -> None:
        super().__init__(FakeBench(happens=lambda _, step: self.happens(step)), plan)
        self.at = at
        self.pause: Asked = Asked(self.bench, lasts)  # type: ignore[assignment]

    def happens(self, step: Step) -> None:
        if step.index == self.at and step.level == self.plan.steps[self.at].level:
            self.pause.by, self.at = "Ada", 99

    @property
    def pauses(self) -> list[Pause]:
        return [event for event in self.events if isinstance(event, Pause)]


BACK_TO_5_V = [f"{5 * number / LEVELS_BACK:g} V" for number in range(1, LEVELS_BACK + 1)]


def test_the_output_is_off_in_a_pause_and_the_sweep_goes_on_at_the_same_step() -> None:
    sweep = PausedSweep(2, 60.0)
    assert sweep.run() == Outcome.completed()
    assert sweep.bench.log == [*ALL[:5], "off", "on", *BACK_TO_5_V, *ALL[5:]]
    assert [record.reading.source_level for record in sweep.records] == list(LEVELS)
    flagged = [bool(record.flags & PointFlag.AFTER_PAUSE) for record in sweep.records]
    assert flagged == [False, False, False, True, False]
    (pause,) = sweep.pauses
    assert (pause.point_index, pause.by, pause.ended) == (3, "Ada", False)
    assert pause.duration == pytest.approx(60.0 + LEVELS_BACK * 0.1, abs=0.25)
    before, after = sweep.records[2].reading, sweep.records[3].reading
    assert after.paused == pause.duration
    assert after.time - before.time == pytest.approx(0.1 + pause.duration)
    assert not any(record.flags & PointFlag.LATE for record in sweep.records)
    assert sweep.pause.waited == pytest.approx(60.0, abs=0.25)
    assert [note.split(":")[0] for note in sweep.notes] == [
        "paused by Ada before point 4",
        f"goes on with point 4, {pause.duration:.4g} s after the pause began",
    ]


def test_what_was_read_before_is_recorded_before_the_pause_begins() -> None:
    sweep = PausedSweep(2, 60.0)
    sweep.run()
    kinds: list[type[Event]] = [type(event) for event in sweep.events]
    assert kinds.index(Pause) == 2 + 3 + 1  # dark readings, points, the note that it begins
    doing = [one.doing for one in sweep.told]
    assert doing.index(Doing.PAUSED) < len(doing) - 1 - doing[::-1].index(Doing.SWEEP)


def test_a_run_nobody_goes_on_with_is_ended_after_the_stated_time() -> None:
    sweep = PausedSweep(2, inf)
    outcome = sweep.run()
    assert (outcome.status, outcome.asked_for) == (RunStatus.STOPPED, True)
    assert outcome.reason == "paused by Ada, and nobody went on within 100 s"
    assert sweep.bench.log == [*ALL[:5], "off"]
    (pause,) = sweep.pauses
    assert pause.ended
    assert pause.duration == pytest.approx(100.0, abs=0.5)
    assert len(sweep.records) == 3


def test_a_stop_in_a_pause_ends_it_with_the_output_left_off() -> None:
    sweep = PausedSweep(2, inf)
    wait = sweep.bench.wait

    def stopped(duration: float) -> None:
        wait(duration)
        sweep.stop = "enough" if sweep.bench.time > 10.0 else ""

    sweep.bench.wait = stopped  # type: ignore[method-assign]
    assert sweep.run() == Outcome.interrupted("enough")
    assert sweep.bench.log[-1] == "off"
    assert sweep.pauses[0].ended


def test_a_stop_and_a_pause_at_once_is_a_stop() -> None:
    sweep = PausedSweep(2, 60.0)
    happens = sweep.bench.happens

    def both(bench: FakeBench, step: Step) -> None:
        happens(bench, step)
        sweep.stop = "enough" if step.index == 2 else ""

    sweep.bench.happens = both
    assert sweep.run() == Outcome.interrupted("enough")
    assert sweep.bench.log == ALL[:5]


def test_a_limit_passed_on_the_way_back_ends_the_sweep() -> None:
    sweep = PausedSweep(2, 60.0, replace(PLAN, stop_rules=StopRules(voltage_above=4.9)))
    outcome = sweep.run()
    assert (outcome.status, outcome.asked_for) == (RunStatus.STOPPED, False)
    assert "going back before point 4, level 5 V" in outcome.reason


def test_the_stop_rule_on_time_leaves_pauses_out() -> None:
    rules = StopRules(time_above=0.55)  # five points and two dark readings, of 0.1 s each
    plain = Sweep(FakeBench(), replace(PLAN, stop_rules=rules))
    assert "time 0.6 s is above the 0.55 s of the stop rule" in plain.run().reason
    paused = PausedSweep(2, 60.0, replace(PLAN, stop_rules=rules))
    reason = paused.run().reason
    assert "time without pauses 0.6" in reason
    assert len(paused.records) == len(plain.records)


def test_pauses_of_before_a_run_was_gone_on_with_are_left_out_as_well() -> None:
    sweep = Sweep(FakeBench(), replace(PLAN, stop_rules=StopRules(time_above=0.55, paused_before=10.0)))
    assert sweep.run() == Outcome.completed()


def test_a_long_wait_for_a_point_is_paused_at_once_and_what_is_left_of_it_is_waited_afterwards() -> None:
    steps = (PLAN.steps[0], replace(PLAN.steps[1], due=1000.0), *PLAN.steps[2:])
    sweep = PausedSweep(99, 60.0, replace(PLAN, steps=steps))
    wait = sweep.bench.wait

    def asked(duration: float) -> None:
        wait(duration)
        if sweep.bench.time > 500.0 and not sweep.pauses and sweep.bench.output_on:
            sweep.pause.by = "Ada"

    sweep.bench.wait = asked  # type: ignore[method-assign]
    assert sweep.run() == Outcome.completed()
    (pause,) = sweep.pauses
    assert pause.time == pytest.approx(500.0, abs=3.0)
    begun = sweep.records[0].reading.time
    assert sweep.records[1].reading.time - begun == pytest.approx(1000.0 + pause.duration, abs=0.01)


def test_a_pause_before_the_first_point_leaves_what_is_held_before_it_whole() -> None:
    first = replace(PLAN.steps[0], before=Held(1.0, 5.0))
    sweep = PausedSweep(99, 60.0, replace(PLAN, steps=(first, *PLAN.steps[1:])))
    sweep.bench.happens = lambda _, step: setattr(sweep.pause, "by", "Ada") if sweep.bench.time < 0.25 else None
    assert sweep.run() == Outcome.completed()
    held = sweep.bench.log[sweep.bench.log.index("on") :]
    assert held.count("1 V") >= 50
    assert sweep.records[0].flags & PointFlag.AFTER_PAUSE
    assert len([event for event in sweep.events if isinstance(event, DarkReading)]) == 3


def test_without_anybody_who_may_ask_nothing_is_different() -> None:
    sweep = Sweep(FakeBench())
    assert sweep.run() == Outcome.completed()
    assert sweep.bench.log == ALL


@pytest.mark.parametrize("curve", [False, True])
def test_time_paused_is_not_time_under_stress(curve: bool) -> None:
    clock = StressClock()
    assert clock.of_course(10.0) == 0.0
    assert clock.of_course(110.0) == 100.0
    if curve:  # a pause within a curve is left out with the curve, and once only
        assert clock.of_curve(120.0) == 110.0
        assert clock.of_curve(720.0, paused=500.0) == 110.0
        assert clock.of_course(800.0) == 110.0
        assert clock.due(200.0) == pytest.approx(200.0 + 680.0)
    else:
        assert clock.of_course(720.0, paused=500.0) == pytest.approx(210.0)
        assert clock.due(300.0) == pytest.approx(300.0 + 500.0)


def test_a_pause_before_any_reading_is_before_all_stress() -> None:
    clock = StressClock(begun=-5.0)
    assert clock.of_course(1000.0, paused=900.0) == -5.0
    assert clock.of_course(1010.0) == 5.0
