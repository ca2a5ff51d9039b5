"""Levels that are made finer where it matters: which, when, how many at most, and what is found by them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import exp, inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from acquire.bench.simulated import simulated_bench_options
from acquire.config import load_sweep
from acquire.config.sweep import Refinement
from acquire.evaluation.figures import turn_on_voltage
from acquire.evaluation.flagged import rising_rows
from acquire.records import Branch, Held, PointFlag, Reading, Record, Step
from acquire.sweep.adaptive import MOST_MAXIMA, Adaptive
from acquire.sweep.plan import make_plan
from acquire.sweep.schedule import next_step
from acquire.sweep.stop_rules import StopConditions, StopRules
from drivers.simulated.device import device_from_parameters
from tests.conftest import CONFIGS, run_sweep_file

RECIPE = CONFIGS / "sweeps" / "adaptive.yaml"


def coarse(*levels: float, branch: Branch = Branch.FORWARD) -> tuple[Step, ...]:
    return tuple(Step(i, branch, level) for i, level in enumerate(levels))


def record_of(step: Step, luminance: float, efficiency: float, flags: PointFlag = PointFlag.NONE) -> Record:
    flags |= PointFlag.REFINED if step.refined else PointFlag.NONE
    reading = Reading(step.index, step.branch, step.level, 0.0, step.level, 1e-3, 1.0, flags=flags)
    return Record(reading, flags, luminance=luminance, current_efficiency=efficiency)


def light(level: float) -> float:
    """Luminance: 1 cd/m^2 at 3.3 V, a decade each volt."""
    return 10.0 ** (level - 3.3)


def efficiency(level: float) -> float:
    """Current efficiency with its maximum at 5.2 V."""
    return 20.0 * exp(-((level - 5.2) ** 2))


def followed(course: Adaptive, answer: Callable[[Step], Record]) -> list[Step]:
    """The steps that a schedule gives where each record is as ``answer`` says."""
    schedule, steps = course.schedule(), list[Step]()
    step = next_step(schedule, None)
    while isinstance(step, Step):
        steps.append(step)
        step = next_step(schedule, answer(step))
    return steps


def a_device(step: Step) -> Record:
    return record_of(step, light(step.level), efficiency(step.level))


STEPS = coarse(*map(float, range(10)))


def test_the_branch_goes_back_and_through_the_crossing_and_the_maximum_once_they_are_told() -> None:
    steps = followed(Adaptive(STEPS, Refinement(step=0.25)), a_device)
    turn_on = [3.25, 3.5, 3.75]
    maximum = [4.25, 4.5, 4.75, 5.25, 5.5, 5.75]
    expected = [0, 1, 2, 3, 4, 5, *turn_on, 6, 7, *maximum, 8, 9]
    assert [step.level for step in steps] == expected
    assert [step.index for step in steps] == list(range(len(steps)))
    assert [step.level for step in steps if step.refined] == turn_on + maximum


@pytest.mark.parametrize(
    ("wanted", "added"),
    [
        (Refinement(step=0.5, at_luminance=(), efficiency_maximum=True), [4.5, 5.5]),
        (Refinement(step=0.5, at_luminance=(1.0, 100.0), efficiency_maximum=False), [3.5, 5.5]),
        (Refinement(step=0.5, at_luminance=(10.0,)), [4.5, 5.5]),  # an interval once
        (Refinement(step=5.0), []),
    ],
)
def test_what_is_asked_for_is_refined_and_no_interval_twice(wanted: Refinement, added: list[float]) -> None:
    assert [step.level for step in followed(Adaptive(STEPS, wanted), a_device) if step.refined] == added


def test_negative_levels_are_refined_on_their_way_from_zero() -> None:
    steps = coarse(*(-float(level) for level in range(10)))
    found = followed(
        Adaptive(steps, Refinement(step=0.5)), lambda step: record_of(step, light(-step.level), efficiency(-step.level))
    )
    assert [step.level for step in found if step.refined] == [-3.5, -4.5, -5.5]


def test_a_reverse_branch_stays_as_it_is_and_each_cycle_is_refined_by_itself() -> None:
    again = tuple(Step(10 + i, Branch.REVERSE, 9.0 - i) for i in range(10))
    cycle = tuple(Step(20 + i, Branch.FORWARD, float(i), cycle=1) for i in range(10))
    found = followed(Adaptive((*STEPS, *again, *cycle), Refinement(step=0.5)), a_device)
    added = [(step.branch, step.cycle, step.level) for step in found if step.refined]
    assert added == [(Branch.FORWARD, cycle, level) for cycle in (0, 1) for level in (3.5, 4.5, 5.5)]


def test_a_crossing_at_the_last_level_is_refined_and_one_blip_of_noise_or_the_dark_is_not() -> None:
    wanted = Refinement(step=0.5, efficiency_maximum=False)

    def added(values: dict[float, tuple[float, PointFlag]]) -> list[float]:
        def answer(step: Step) -> Record:
            luminance, flags = values.get(step.level, (0.0, PointFlag.NONE))
            return record_of(step, luminance, nan, flags)

        return [step.level for step in followed(Adaptive(STEPS, wanted), answer) if step.refined]

    good, dark, limited = PointFlag.NONE, PointFlag.BELOW_DARK_NOISE, PointFlag.COMPLIANCE
    assert added({9.0: (5.0, good)}) == [8.5]
    assert added({5.0: (5.0, good)}) == []
    assert added({5.0: (5.0, dark), 6.0: (5.0, dark)}) == []
    assert added({5.0: (5.0, limited), 6.0: (5.0, limited)}) == []
    assert added({0.0: (5.0, good), 1.0: (5.0, good)}) == [], "above it from the first point on"


def test_a_single_point_that_stands_out_is_no_maximum_and_a_larger_one_later_is_refined_too() -> None:
    values = {2.0: 99.0, 3.0: 5.0, 4.0: 8.0, 5.0: 5.0, 6.0: 2.0, 7.0: 12.0, 8.0: 14.0, 9.0: 12.0}
    wanted = Refinement(step=0.5, at_luminance=())
    found = followed(Adaptive(STEPS, wanted), lambda step: record_of(step, 100.0, values.get(step.level, 0.1)))
    added = [step.level for step in found if step.refined]
    assert added == [7.5, 8.5]


def test_a_maximum_at_the_end_of_the_branch_is_left_as_it_is() -> None:
    found = followed(
        Adaptive(STEPS, Refinement(step=0.5, at_luminance=())), lambda step: record_of(step, 100.0, step.level)
    )
    assert not [step for step in found if step.refined]


def test_a_fine_level_is_held_as_the_coarse_one_above_it_and_has_no_pre_bias() -> None:
    steps = tuple(
        Step(i, Branch.FORWARD, float(i), True, 0, 0.5 * i, Held(1.0, 2.0) if i == 0 else None) for i in range(10)
    )
    found = followed(Adaptive(steps, Refinement(step=0.5)), a_device)
    assert next((s.level, s.hold, s.before, s.spectrum) for s in found if s.refined) == (3.5, 2.0, None, False)


numbers = st.sampled_from([nan, inf, -inf, -1.0, 0.0, 0.5, 1.0, 2.0, 50.0, 1e3, 1e6]) | st.floats()
flags = st.sampled_from([PointFlag.NONE, PointFlag.BELOW_DARK_NOISE, PointFlag.COMPLIANCE, PointFlag.NO_SOURCE_READING])
levels = st.lists(st.floats(-10.0, 10.0).map(lambda level: round(level, 3)), min_size=1, max_size=12, unique=True)


@settings(max_examples=60, deadline=None)
@given(
    st.data(),
    levels,
    st.sampled_from([0.05, 0.3, 5.0]),
    st.booleans(),
    st.lists(numbers.filter(lambda x: x > 0), max_size=3),
)
def test_whatever_is_measured_no_bound_is_passed(
    data: st.DataObject, given_levels: list[float], step: float, maximum: bool, luminances: list[float]
) -> None:
    ordered = sorted(given_levels)
    steps = (*coarse(*ordered), *(Step(0, Branch.REVERSE, level) for level in ordered[::-1]))
    wanted = Refinement.model_construct(step=step, at_luminance=tuple(luminances), efficiency_maximum=maximum)
    course = Adaptive(steps, wanted)
    answers = st.tuples(numbers, numbers, flags)
    found = followed(course, lambda step: record_of(step, *data.draw(answers)))
    assert [one.index for one in found] == list(range(len(found)))
    assert len(found) <= course.most_points
    assert [one.level for one in found if not one.refined] == [one.level for one in steps]
    assert len({(one.branch, one.level) for one in found}) == len(found), "no level of a branch twice"
    visited = [0.0]
    for one in found:
        assert abs(one.level) <= course.largest_level
        if one.refined:
            assert one.branch is Branch.FORWARD
            assert min(visited) <= one.level <= max(visited)
        visited.append(one.level)


def test_the_bound_is_reached_by_the_worst_device_and_no_wider() -> None:
    wanted = Refinement(step=0.5)
    assert Adaptive(STEPS, wanted).most_added == 1 + 2 * MOST_MAXIMA


def test_going_back_below_the_maximum_is_no_fall() -> None:
    conditions = StopConditions(StopRules(luminance_below_maximum=0.5))
    assert not conditions.reason(record_of(STEPS[5], 1000.0, 5.0))
    assert not conditions.reason(record_of(Step(6, Branch.FORWARD, 3.0, refined=True), 10.0, 5.0))
    assert "fallen below" in conditions.reason(record_of(STEPS[6], 10.0, 5.0))


# --- a whole run ----------------------------------------------------------------------------------------------


def test_what_it_finds_is_nearer_to_the_device_than_what_coarse_levels_find(tmp_path: Path) -> None:
    """Against the simulated device itself: where it gives 1 cd/m^2, and its largest current efficiency."""
    text = RECIPE.read_text(encoding="utf-8").replace("../", f"{CONFIGS.as_posix()}/")
    (tmp_path / "fine.yaml").write_text(text, encoding="utf-8")
    loaded = load_sweep(tmp_path / "fine.yaml")
    run, plan = run_sweep_file(loaded.sweep_path, tmp_path).run, make_plan(loaded.sweep, loaded.bench)
    assert run is not None
    device = device_from_parameters(simulated_bench_options(loaded).load)

    def luminance(voltage: float) -> float:
        return float(device.luminance(device.current(voltage)))

    def per_current(voltage: float) -> float:
        return luminance(voltage) * loaded.sweep.sample.emissive_area / device.current(voltage)

    turn_on = brentq(lambda voltage: luminance(voltage) - 1.0, 2.0, 6.0)
    best = minimize_scalar(lambda voltage: -per_current(voltage), bounds=(4.0, 8.0), method="bounded").x

    table, figures = run.tables["jvl"], run.figures
    added = table["flags"] & int(PointFlag.REFINED) != 0
    assert 10 < added.sum() <= plan.most_points - len(plan.steps)
    assert (~added).sum() == len(plan.steps)
    rising = table["source_level"][rising_rows(table)]
    assert all(other > one for one, other in pairwise(rising))
    assert sorted(rising) == sorted(table["source_level"])

    coarse = {name: table[name][~added] for name in ("voltage", "luminance", "current_efficiency")}
    by_coarse = turn_on_voltage(coarse["voltage"], coarse["luminance"]).value
    best_coarse = coarse["voltage"][
        np.nanargmax(np.where(coarse["luminance"] > 1.0, coarse["current_efficiency"], 0.0))
    ]
    assert abs(figures["turn_on_voltage"].value - turn_on) < min(abs(by_coarse - turn_on), 0.01)
    found = figures["current_efficiency_max"]
    assert found.value == pytest.approx(per_current(best), rel=0.01)
    assert abs(found.voltage - best) < min(abs(best_coarse - best), 0.1)
