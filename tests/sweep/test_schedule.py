"""Schedules: steps that follow from what was measured, and steps that are due at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import pytest

from acquire.records import Branch, RunStatus, Step
from acquire.sweep.engine import LONGEST_UNREAD, Outcome
from acquire.sweep.schedule import BeyondPlan, Over, Schedule, in_order, next_step
from acquire.sweep.stop_rules import StopRules
from tests.support.fake_bench import FakeBench
from tests.support.fake_sweep import ALL, LEVELS, PLAN, Sweep


@dataclass(frozen=True)
class UntilLight:
    """Goes up by 1 V from 2 V until the photodiode's signal is over 1; a course of its own."""

    most_points: int = 10
    largest_level: float = 6.0

    def schedule(self) -> Schedule:
        level, index = 2.0, 0
        while True:
            record = yield Step(index, Branch.FORWARD, level)
            if record.reading.photodiode_signal > 1.0:
                return "there is light"
            level, index = level + 1.0, index + 1


def steps_due(*moments: float) -> Sweep:
    steps = tuple(replace(PLAN.steps[0], index=index, due=due) for index, due in enumerate(moments))
    return Sweep(FakeBench(), replace(PLAN, steps=steps))


def begun(sweep: Sweep) -> list[float]:
    first = sweep.records[0].reading.time
    return [record.reading.time - first for record in sweep.records]


def test_a_staircase_is_a_schedule_that_heeds_no_record() -> None:
    schedule = in_order(PLAN.steps)
    assert next_step(schedule, None) is PLAN.steps[0]
    sweep = Sweep(FakeBench())
    sweep.run()
    for record, step in zip(sweep.records, PLAN.steps[1:], strict=False):
        assert next_step(schedule, record) is step
    assert next_step(schedule, sweep.records[-1]) == Over()


def test_the_next_step_follows_from_the_record_and_the_run_ends_with_the_reason_of_the_schedule() -> None:
    sweep = Sweep(FakeBench(), replace(PLAN, steps=(), course=UntilLight()))
    assert sweep.run() == Outcome(RunStatus.COMPLETED, "there is light")
    assert [record.reading.source_level for record in sweep.records] == [2.0, 3.0, 4.0]
    assert sweep.bench.log == ["0 V", "0 V", "2 V", "3 V", "4 V", "0 V"]


@pytest.mark.parametrize(
    ("course", "why"),
    [(UntilLight(most_points=2), "step 3"), (UntilLight(largest_level=3.5), "level 4"), (UntilLight(3, inf), "")],
)
def test_no_schedule_gets_more_rows_or_a_higher_level_than_its_plan_states(course: UntilLight, why: str) -> None:
    largest = min(course.largest_level, 6.0)
    sweep = Sweep(FakeBench(), replace(PLAN, steps=(), course=course, largest_level=largest))
    if not why:
        assert sweep.run().status is RunStatus.COMPLETED
        return
    with pytest.raises(BeyondPlan, match=why):
        sweep.run()
    assert "4 V" not in sweep.bench.log
    assert [record.reading.source_level for record in sweep.records] == [2.0, 3.0]


def test_a_reading_does_not_begin_before_it_is_due_and_the_source_is_read_meanwhile() -> None:
    sweep = steps_due(0.0, 1.0, 30.0, 30.0)
    assert sweep.run() == Outcome.completed()
    assert begun(sweep)[:3] == pytest.approx([0.0, 1.0, 30.0])
    assert begun(sweep)[3] == pytest.approx(30.1), "past its time: at once"
    assert max(sweep.bench.waits) <= LONGEST_UNREAD + PLAN.time_per_point
    read_in_between = len(sweep.bench.log) - len(sweep.records) - 3
    assert read_in_between == pytest.approx(29.0 / (LONGEST_UNREAD + PLAN.time_per_point), abs=1.0)
    assert sweep.notes == []
    assert not any(record.flags & 32768 for record in sweep.records), "a wait is no delay"


def test_what_passes_a_limit_while_a_step_is_waited_for_ends_the_sweep() -> None:
    sweep = steps_due(0.0, 30.0)
    sweep.plan = replace(sweep.plan, stop_rules=StopRules(time_above=12.0))
    outcome = sweep.run()
    assert outcome.status is RunStatus.STOPPED
    assert "time 12." in outcome.reason
    assert "waiting before point 2, level 2 V" in outcome.reason
    assert len(sweep.records) == 1


def test_a_stop_is_heard_while_a_step_is_waited_for() -> None:
    sweep = steps_due(0.0, 1000.0)
    sweep.bench.happens = lambda bench, step: setattr(sweep, "stop", "enough" if bench.time > 9.0 else "")
    assert sweep.run() == Outcome.interrupted("enough")
    assert sweep.bench.time < 9.0 + LONGEST_UNREAD + 2 * PLAN.time_per_point


def test_a_new_level_is_kept_from_the_beginning_of_the_wait_for_its_reading() -> None:
    steps = (PLAN.steps[0], replace(PLAN.steps[1], due=5.0))
    sweep = Sweep(FakeBench(), replace(PLAN, steps=steps))
    sweep.run()
    assert sweep.bench.log == [*ALL[:3], "3 V", "3 V", "3 V", "3 V", "0 V"]
    assert LEVELS[1] == 3.0
