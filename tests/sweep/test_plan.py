"""Plans: exact end points, branches, spectra when they are due, stop rules, durations."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from math import inf, isclose, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.config import Source, load_sweep
from acquire.records import Branch, Held, PointFlag, Reading, Record, Step
from acquire.run_file.summary import _planned
from acquire.sweep.levels import decades, passages, staircase, steps_of
from acquire.sweep.plan import SweepPlan, make_plan
from acquire.sweep.spectra import SpectraPlan, SpectrumSchedule
from acquire.sweep.stop_rules import StopConditions, StopRules

SWEEPS = Path(__file__).parents[2] / "configs" / "sweeps"


def record(index: int, luminance: float, branch: Branch = Branch.FORWARD, **values: float) -> Record:
    reading = Reading(
        index, branch, 0.1 * index, 0.0, values.pop("voltage", 0.1 * index), values.pop("current", 1e-3), 1.0
    )
    flags = PointFlag(int(values.pop("flags", 0)))
    return Record(reading, flags, luminance=luminance, **values)


def bad_record(index: int) -> Record:
    reading = replace(record(index, nan).reading, photodiode_signal=nan, flags=PointFlag.PHOTODIODE_OVERFLOW)
    return Record(reading, reading.flags)


@pytest.mark.parametrize(
    ("start", "stop", "step", "expected"),
    [
        (0.0, 0.3, 0.1, [0.0, 0.1, 0.2, 0.3]),
        (8.0, 7.7, 0.1, [8.0, 7.9, 7.8, 7.7]),
        (0.0, 0.25, 0.1, [0.0, 0.1, 0.2, 0.25]),
        (-0.1, 0.1, 0.1, [-0.1, 0.0, 0.1]),
        (1.0, 1.0, 0.1, [1.0]),
    ],
)
def test_a_staircase_by_step(start: float, stop: float, step: float, expected: list[float]) -> None:
    assert staircase(start, stop, step, None) == expected


def test_a_staircase_by_number_of_points() -> None:
    assert staircase(0.0, 1.0, None, 5) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert staircase(2.0, 3.0, None, 1) == [2.0]


@given(
    start=st.floats(-20, 20).map(lambda x: round(x, 3)),
    stop=st.floats(-20, 20).map(lambda x: round(x, 3)),
    step=st.floats(0.005, 2).map(lambda x: round(x, 3)),
)
def test_every_staircase_ends_exactly_and_never_leaves_its_span(start: float, stop: float, step: float) -> None:
    levels = staircase(start, stop, step, None)
    assert levels[0] == start
    assert levels[-1] == stop
    assert min(start, stop) <= min(levels)
    assert max(levels) <= max(start, stop)
    sizes = [abs(b - a) for a, b in itertools.pairwise(levels)]
    assert all(size <= step * (1 + 1e-6) for size in sizes)
    assert all(isclose(size, step, rel_tol=1e-6) for size in sizes[:-1])


def source(function: str = "voltage", **given: Any) -> Source:
    compliance = "100 mA" if function == "voltage" else "10 V"
    return Source.model_validate({"function": function, "compliance": compliance, **given})


def sent(**given: Any) -> list[tuple[Branch, int, list[float]]]:
    """Branch, cycle and levels of every passage."""
    return [(one.branch, one.cycle, list(one.levels)) for one in passages(source(**given))]


F, R = Branch.FORWARD, Branch.REVERSE
UP = {"start": "0 V", "stop": "2 V", "step": "1 V"}


def test_both_directions_go_up_and_come_back() -> None:
    assert sent(**UP, direction="both") == [(F, 0, [0.0, 1.0, 2.0]), (R, 0, [2.0, 1.0, 0.0])]
    assert sent(**UP, direction="reverse") == [(R, 0, [2.0, 1.0, 0.0])]


def test_a_sweep_that_starts_at_its_top_is_a_reverse_branch() -> None:
    down = {"start": "2 V", "stop": "0 V", "step": "-1 V"}
    assert sent(**down) == [(R, 0, [2.0, 1.0, 0.0])]
    assert sent(**down, direction="reverse") == [(F, 0, [0.0, 1.0, 2.0])]
    assert sent(start="0 V", stop="-2 V", points=2) == [(F, 0, [0.0, -2.0])]


def test_cycles_repeat_every_branch_and_are_counted() -> None:
    assert [(branch, cycle) for branch, cycle, _ in sent(**UP, direction="both", cycles=3)] == [
        (branch, cycle) for cycle in range(3) for branch in (F, R)
    ]
    assert [cycle for _, cycle, _ in sent(**UP, cycles=2)] == [0, 1]


def test_the_other_polarity_comes_afterwards_through_zero_as_a_cycle_of_its_own() -> None:
    assert sent(**UP, both_polarities=True) == [(F, 0, [0.0, 1.0, 2.0]), (F, 1, [0.0, -1.0, -2.0])]
    off_zero = sent(levels=["1 V", "2 V"], both_polarities=True, direction="both", cycles=2)
    assert off_zero == [
        (F, 0, [1.0, 2.0]),
        (R, 0, [2.0, 1.0]),
        (F, 1, [0.0, -1.0, -2.0]),
        (R, 1, [-2.0, -1.0, 0.0]),
        (F, 2, [1.0, 2.0]),
        (R, 2, [2.0, 1.0]),
        (F, 3, [0.0, -1.0, -2.0]),
        (R, 3, [-2.0, -1.0, 0.0]),
    ]
    assert all(str(level) != "-0.0" for _, _, levels in off_zero for level in levels)


def test_stretches_follow_each_other_and_their_joints_are_sent_once() -> None:
    stretches = [
        {"start": "0 V", "stop": "2 V", "step": "1 V"},
        {"stop": "2.3 V", "step": "0.1 V"},
        {"start": "3 V", "stop": "5 V", "points": 3},
    ]
    assert sent(stretches=stretches) == [(F, 0, [0.0, 1.0, 2.0, 2.1, 2.2, 2.3, 3.0, 4.0, 5.0])]


def test_logarithmic_levels_have_exact_ends_and_equal_ratios() -> None:
    ((_, _, levels),) = sent(function="current", start="1 uA", stop="10 mA", points_per_decade=5)
    assert (len(levels), levels[0], levels[-1]) == (21, 1e-6, 10e-3)
    assert levels[5::5] == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2], rel=1e-8)
    ratios = [later / earlier for earlier, later in itertools.pairwise(levels)]
    assert ratios == pytest.approx([10**0.2] * 20, rel=1e-8)
    assert decades(-10.0, -2.0, 2.5) == pytest.approx([-10.0, -(20**0.5), -2.0], rel=1e-8)


@given(
    start=st.floats(1e-9, 1.0),
    decades_long=st.floats(0.01, 8),
    per_decade=st.floats(0.5, 100),
    sign=st.sampled_from([1, -1]),
)
def test_logarithmic_levels_never_leave_their_span(
    start: float, decades_long: float, per_decade: float, sign: int
) -> None:
    stop = start * 10**decades_long
    levels = decades(sign * start, sign * stop, per_decade)
    assert (levels[0], levels[-1]) == (sign * start, sign * stop)
    assert all(start * (1 - 1e-8) <= sign * level <= stop * (1 + 1e-8) for level in levels)
    assert all(b / a <= 10 ** (1 / per_decade) * (1 + 1e-6) for a, b in itertools.pairwise(levels))


WAYS: list[dict[str, Any]] = [
    UP,
    {"start": "1 V", "stop": "3 V", "points": 5},
    {"start": "10 mV", "stop": "8 V", "points_per_decade": 7},
    {"levels": ["1 V", "3 V", "2 V"]},
    {"stretches": [{"start": "0 V", "stop": "2 V", "step": "1 V"}, {"start": "2 V", "stop": "4 V", "points": 9}]},
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("direction", ["forward", "reverse", "both"])
@pytest.mark.parametrize("both", [False, True])
def test_how_many_points_there_are_is_known_without_making_them(
    way: dict[str, Any], direction: str, both: bool
) -> None:
    """The rules count before anything is made, and the list of runs counts from the file alone."""
    asked = source(**way, direction=direction, both_polarities=both, cycles=3)
    made = [level for passage in passages(asked) for level in passage.levels]
    assert asked.point_count() == len(made)
    planned = _planned({"sweep": {"source": asked.model_dump(mode="json")}}, np.array([], "S8"))
    first = next(passages(asked)).levels
    assert planned == {"planned_points": len(made), "first_level": first[0], "last_level": first[-1]}
    assert max(map(abs, made)) == asked.largest_level()


def test_what_is_held_stands_in_the_plan_before_its_step() -> None:
    asked = source(**UP, direction="both", pre_bias={"level": "3 V", "time": "10 s"}, rest={"time": "5 s"}, cycles=2)
    steps = steps_of(asked, ())
    assert {step.index: step.before for step in steps if step.before} == {
        0: Held(3.0, 10.0),
        3: Held(0.0, 5.0),
        6: Held(0.0, 5.0),
        9: Held(0.0, 5.0),
    }
    assert asked.held_time() == 10.0 + 3 * 5.0
    listed = steps_of(source(levels=["1 V", "2 V"], holds=["0 s", "4 s"], direction="both"), ())
    assert [(step.level, step.hold) for step in listed] == [(1.0, 0.0), (2.0, 4.0), (2.0, 4.0), (1.0, 0.0)]


def test_what_is_exchanged_while_a_level_is_held_counts_as_well() -> None:
    sweep = load_sweep(SWEEPS / "cycles.yaml").sweep
    assert sweep.keeps_exchange()
    assert sweep.source.rest is not None
    long = sweep.source.model_copy(update={"rest": sweep.source.rest.model_copy(update={"time": 3600.0})})
    assert not sweep.model_copy(update={"source": long}).keeps_exchange()


def test_a_spectrum_at_a_level_is_due_in_each_branch_that_passes_it() -> None:
    steps = steps_of(source(**UP, both_polarities=True, cycles=2, direction="both"), (1.2,))
    assert [(step.cycle, step.branch, step.level) for step in steps if step.spectrum] == [
        (0, F, 1.0),
        (0, R, 1.0),
        (2, F, 1.0),
        (2, R, 1.0),
    ]


def plan_of(name: str) -> SweepPlan:
    loaded = load_sweep(SWEEPS / name)
    return make_plan(loaded.sweep, loaded.bench)


def test_the_plan_of_a_shipped_sweep() -> None:
    plan = plan_of("table2_sppo13_liq.yaml")
    assert len(plan.steps) == 81
    assert plan.steps[-1].level == 8.0
    assert plan.source_range == 20.0
    assert plan.stress.power == pytest.approx(0.8)
    # Keithley 2400 at 50 Hz, NPLC 1, auto-zero, two functions: 4 x 20.185 ms + 2.3 ms and latencies, after 50 ms
    assert plan.time_per_point == pytest.approx(0.050 + 4 * 20.185e-3 + 2.3e-3, abs=1e-3)
    assert plan.duration > len(plan.steps) * plan.time_per_point


def test_a_spectrum_is_due_once_where_a_luminance_is_reached() -> None:
    schedule = SpectrumSchedule(SpectraPlan(at_luminance=(10.0, 100.0), most=4))
    luminances = [1.0, 9.0, 12.0, 9.0, 13.0, 5000.0, 6000.0]
    due = [schedule.due(Step(i, Branch.FORWARD, 0.0), record(i, luminance)) for i, luminance in enumerate(luminances)]
    assert due == [False, False, True, False, False, True, False]


def test_a_reverse_branch_takes_its_spectra_on_the_way_down() -> None:
    schedule = SpectrumSchedule(SpectraPlan(at_luminance=(10.0, 100.0, 9000.0), most=9))
    luminances = [5000.0, 2000.0, 90.0, 50.0, 9.0, 1.0]
    due = [
        schedule.due(Step(i, Branch.REVERSE, 0.0), record(i, luminance, Branch.REVERSE))
        for i, luminance in enumerate(luminances)
    ]
    assert due == [False, False, True, False, True, False]


def test_a_spectrum_every_nth_point_above_a_luminance() -> None:
    schedule = SpectrumSchedule(SpectraPlan(every_points=3, every_above=10.0, most=9))
    luminances = [1.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]
    due = [schedule.due(Step(i, Branch.FORWARD, 0.0), record(i, luminance)) for i, luminance in enumerate(luminances)]
    assert due == [False, True, False, False, True, False, False, True]


def test_a_spectrum_every_nth_point_needs_no_luminance() -> None:
    schedule = SpectrumSchedule(SpectraPlan(every_points=2, every_above=0.0, most=9))
    due = [
        schedule.due(Step(i, Branch.FORWARD, 0.0), record(i, value)) for i, value in enumerate([nan, nan, -1.0, nan])
    ]
    assert due == [True, False, True, False]


def first_spectra(noise: list[float], *, latest: tuple[range, ...] = (), most: int = 9) -> list[int]:
    """At which points a spectrum is due while none has given luminance, by the noise of the photodiode's light."""
    plan = SpectraPlan(at_luminance=(10.0,), most=most, first_in_clear_light=True, first_at_the_latest=latest)
    schedule = SpectrumSchedule(plan)
    steps = [Step(i, Branch.FORWARD, 0.0) for i in range(len(noise))]
    due = [
        schedule.due(step, record(step.index, nan), noise_of_light=one) for step, one in zip(steps, noise, strict=True)
    ]
    return [i for i, one in enumerate(due) if one]


def test_where_luminance_comes_from_spectra_the_first_is_due_in_clear_light() -> None:
    assert first_spectra([inf, 0.3, 0.01, 0.0009, inf, inf, inf]) == [3], "afterwards none is awaited"
    assert first_spectra([0.0009] * 12) == [0, 5, 10], "one that failed is tried again some points later"
    assert first_spectra([0.0009] * 12, most=2) == [0, 5]
    assert first_spectra([inf, 0.08, 0.3, 0.08, inf], latest=(range(2, 5),)) == [3], (
        "at the latest, where light stands out at all"
    )
    assert first_spectra([inf, inf, 0.8, 0.4], latest=(range(2, 4),)) == []
    plain = SpectrumSchedule(SpectraPlan(at_luminance=(10.0,), most=9))
    assert not plain.due(Step(0, Branch.FORWARD, 0.0), record(0, nan), noise_of_light=1e-6)


def test_the_plan_of_a_bench_whose_luminance_comes_from_spectra() -> None:
    loaded = load_sweep(SWEEPS / "hysteresis.yaml")
    channel = loaded.bench.photodiode.model_copy(update={"luminance": "from_spectra"})
    calibrated = make_plan(loaded.sweep, loaded.bench).spectra
    plan = make_plan(loaded.sweep, loaded.bench.model_copy(update={"photodiode": channel}))
    assert (calibrated.first_in_clear_light, calibrated.first_at_the_latest) == (False, ())
    assert plan.spectra.first_in_clear_light
    assert plan.spectra.most == calibrated.most + 3
    half = len(plan.steps) // 2
    assert plan.spectra.first_at_the_latest == (range(half - 18, half), range(2 * half - 18, 2 * half))


def test_no_spectrum_without_a_trustworthy_luminance() -> None:
    schedule = SpectrumSchedule(SpectraPlan(at_luminance=(10.0,), most=9))
    step = Step(0, Branch.FORWARD, 0.0)
    assert not schedule.due(step, record(0, nan))
    assert not schedule.due(step, record(0, 20.0, flags=PointFlag.PHOTODIODE_OVERFLOW))
    assert schedule.due(step, record(0, 20.0))


@pytest.mark.parametrize(
    ("rules", "point", "reason"),
    [
        (StopRules(), record(3, 1.0, flags=PointFlag.COMPLIANCE), "compliance"),
        (StopRules(), record(3, 1.0, flags=PointFlag.RANGE_COMPLIANCE), "compliance"),
        (StopRules(on_bad_reading=True), bad_record(3), "the photodiode meter read overflow (point 4, level 0.3"),
        (StopRules(luminance_above=100.0), record(3, 101.0), "luminance 101 cd/m^2 is above"),
        (StopRules(current_above=1e-4), record(3, 1.0, current=-1e-3), "current 0.001 A is above"),
        (StopRules(current_density_above=10.0), record(3, 1.0, current_density=11.0), "current density 11 A/m^2"),
        (StopRules(voltage_above=2.0), record(3, 1.0, voltage=2.5), "voltage 2.5 V is above"),
        (StopRules(no_light_by=2.0), record(3, 0.0, voltage=2.0, flags=PointFlag.BELOW_DARK_NOISE), "no light by 2 V"),
        (
            StopRules(short_voltage_below=1.0, short_current_above=1e-2),
            record(3, 0.0, voltage=0.5, current=0.05),
            "short",
        ),
    ],
)
def test_stop_rules(rules: StopRules, point: Record, reason: str) -> None:
    assert reason in StopConditions(rules).reason(point)
    relaxed = replace(StopRules(on_compliance=False))
    assert StopConditions(relaxed).reason(point) == ""


def test_a_dead_pixel_is_stopped_although_its_noise_looked_like_light_once() -> None:
    watch = StopConditions(StopRules(no_light_by=0.5))
    flags = [PointFlag.NONE if i in (2, 5) else PointFlag.BELOW_DARK_NOISE for i in range(7)]
    reasons = [watch.reason(record(i, 0.01, flags=flag)) for i, flag in enumerate(flags)]
    assert reasons[:6] == [""] * 6
    assert reasons[6].startswith("no light by 0.6 V")


def test_a_device_that_shines_only_just_is_not_stopped() -> None:
    watch = StopConditions(StopRules(no_light_by=0.5))
    flags = [PointFlag.BELOW_DARK_NOISE] * 5 + [PointFlag.NONE] * 3
    assert not any(watch.reason(record(i, 1.0, flags=flag)) for i, flag in enumerate(flags))


def test_a_sweep_stops_when_the_light_has_fallen_off() -> None:
    watch = StopConditions(StopRules(luminance_below_maximum=0.5))
    assert [bool(watch.reason(record(i, luminance))) for i, luminance in enumerate([10.0, 100.0, 51.0, 49.0])] == [
        False, False, False, True,
    ]  # fmt: skip


def test_no_limit_stops_nothing() -> None:
    assert StopRules().luminance_above == inf
    assert StopConditions(StopRules()).reason(record(0, 1e9, current=1.0, voltage=200.0, current_density=1e9)) == ""


def test_a_spectrum_of_unknown_luminance_is_planned_as_one_of_100_cd_m2(sweep_file: Callable[..., Path]) -> None:
    """At 0.2 degrees 25 times 5.14/100 s of exposure, as long before it and 1 s, to find it; announced as 5 s."""
    luminances = "[10 cd/m^2, 30 cd/m^2, 100 cd/m^2, 300 cd/m^2, 1000 cd/m^2, 3000 cd/m^2, 10000 cd/m^2]"

    def exposures(text: str) -> float:
        loaded = load_sweep(sweep_file("table2_sppo13_liq.yaml", {f"at_luminance: {luminances}": text}))
        plan = make_plan(loaded.sweep, loaded.bench)
        readings = len(plan.steps) + plan.dark.readings_before + plan.dark.readings_after + 1  # the first level again
        return plan.duration - readings * plan.time_per_point

    assert exposures("at_voltage: [5 V, 6 V]") == pytest.approx(2 * (1 + 25 * 0.0514 + 5), abs=1e-6)
    assert exposures("at_voltage: [5 V]") == pytest.approx(exposures("at_luminance: [100 cd/m^2]"))
