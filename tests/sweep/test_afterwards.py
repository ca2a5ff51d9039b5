"""Spectra when the sweep is over: the level at a luminance, its correction, the time budget; pure, then whole runs."""

from __future__ import annotations

from math import exp, log, nan

import pytest

from acquire.records import Branch, PointFlag, Reading, Record, Step
from acquire.sweep.afterwards import AfterwardsPlan, afterwards, level_at
from acquire.sweep.exposure import ExposureTimes
from acquire.sweep.schedule import next_step

SLOPE = 2.0  # e-folds of luminance a volt


def light(voltage: float) -> float:
    """A device of which ln L is linear in V: 1 cd/m^2 at 3 V."""
    return exp(SLOPE * (voltage - 3.0))


def record(
    index: int,
    level: float,
    luminance: float,
    branch: Branch = Branch.FORWARD,
    *,
    flags: PointFlag = PointFlag.NONE,
    time: float | None = None,
    cycle: int = 0,
) -> Record:
    time = 0.1 * index if time is None else time
    reading = Reading(index, branch, level, time, level, 1e-3, 0.1, cycle=cycle)
    return Record(reading, flags, luminance=luminance)


LEVELS = [2.0, 3.0, 4.0, 5.0, 6.0]
CURVE = [record(i, level, light(level)) for i, level in enumerate(LEVELS)]


@pytest.mark.parametrize("luminance", [2.0, 10.0, 100.0])
def test_a_voltage_is_linear_in_the_logarithm_of_the_luminance(luminance: float) -> None:
    found = level_at(luminance, CURVE, logarithmic=False)
    assert found is not None
    assert found.level == pytest.approx(3.0 + log(luminance) / SLOPE)


def test_the_logarithm_of_a_current_is_linear_in_that_of_the_luminance() -> None:
    curve = [record(i, level, 1e5 * level**1.3) for i, level in enumerate([1e-5, 1e-4, 1e-3, 1e-2])]
    found = level_at(50.0, curve, logarithmic=True)
    assert found is not None
    assert found.level == pytest.approx((50.0 / 1e5) ** (1 / 1.3))


def test_the_first_upward_crossing_that_lasts_counts() -> None:
    noise = [record(0, 1.0, 0.1), record(1, 2.0, 20.0), record(2, 3.0, 1.0), record(3, 4.0, 9.0), record(4, 5.0, 90.0)]
    found = level_at(10.0, noise, logarithmic=False)
    assert found is not None
    assert 4.0 < found.level < 5.0


def test_points_in_compliance_and_without_light_are_of_no_curve() -> None:
    limited = [*CURVE[:4], record(4, 6.0, 300.0, flags=PointFlag.COMPLIANCE)]
    assert level_at(100.0, limited, logarithmic=False) is None
    dark = [record(0, 3.0, 1.0, flags=PointFlag.BELOW_DARK_NOISE), *CURVE[2:]]
    assert level_at(5.0, dark, logarithmic=False) is None
    assert level_at(50.0, dark, logarithmic=False) is not None
    assert level_at(1e6, CURVE, logarithmic=False) is None


def test_the_last_forward_branch_counts_before_an_earlier_one_and_before_reverse_ones() -> None:
    shifted = [record(5 + i, level, light(level - 0.5), cycle=1) for i, level in enumerate(LEVELS)]
    back = [record(10 + i, level, light(level - 1.0), Branch.REVERSE, cycle=1) for i, level in enumerate(LEVELS[::-1])]
    forward = level_at(10.0, [*CURVE, *shifted, *back], logarithmic=False)
    reverse = level_at(10.0, back, logarithmic=False)
    assert forward is not None
    assert reverse is not None
    assert forward.level == pytest.approx(3.5 + log(10.0) / SLOPE)
    assert reverse.level == pytest.approx(4.0 + log(10.0) / SLOPE)


def carried_out(
    plan: AfterwardsPlan, factor: float = 1.0, exposure: float = 5.0, measured: float = nan
) -> tuple[list[Step], list[str], list[float]]:
    """Steps, words and luminances of a device that is ``factor`` times as bright by now; each spectrum takes its time.

    ``measured``: what it reads in place of its luminance.
    """
    said: list[str] = []
    steps: list[Step] = []
    lights: list[float] = []
    time = CURVE[-1].reading.time
    schedule = afterwards(plan, lambda: CURVE, "V", said.append)
    step = next_step(schedule, None)
    while isinstance(step, Step):
        steps.append(step)
        time += 0.1
        lights.append(factor * light(step.level) if measured != measured else measured)
        taken = record(step.index, step.level, lights[-1], step.branch, time=time)
        time += exposure if step.spectrum else 0.0
        step = next_step(schedule, taken)
    return steps, said, lights


def test_a_level_that_is_right_is_read_again_and_gets_its_spectrum() -> None:
    steps, said, _ = carried_out(AfterwardsPlan((10.0, 100.0)))
    assert [step.spectrum for step in steps] == [False, True, False, True]
    assert [step.index for step in steps] == [5, 6, 7, 8]
    assert {step.branch for step in steps} == {Branch.AFTERWARDS}
    assert steps[0].level == steps[1].level == pytest.approx(3.0 + log(10.0) / SLOPE)
    assert [step.asked_luminance for step in steps] == [10.0, 10.0, 100.0, 100.0]
    assert not said


def test_a_device_that_lost_light_is_corrected_once_by_a_secant_step() -> None:
    steps, said, lights = carried_out(AfterwardsPlan((10.0,)), factor=0.8)
    assert lights == pytest.approx([8.0, 10.0])
    assert steps[1].level - steps[0].level == pytest.approx(log(1 / 0.8) / SLOPE)
    assert not said


def test_no_level_beyond_those_of_the_branch_is_asked_for() -> None:
    steps, said, _ = carried_out(AfterwardsPlan((390.0,)), factor=0.5)
    assert steps[-1].level == 6.0
    assert steps[-1].spectrum
    said_of_it = f"asked for 390 cd/m^2 afterwards: by its own spectrum it is {0.5 * light(6.0):.4g} cd/m^2"
    assert said == [f"{said_of_it}; taken once more at a corrected level"]
    assert max(step.level for step in steps) == 6.0


def test_what_the_curve_does_not_reach_is_left_out_and_said() -> None:
    steps, said, _ = carried_out(AfterwardsPlan((1e5, 10.0)))
    assert [step.asked_luminance for step in steps] == [10.0, 10.0]
    assert said == ["no spectrum afterwards at 100000 cd/m^2: no branch passes it between two of its points"]


def test_a_level_without_light_gets_no_spectrum() -> None:
    steps, said, _ = carried_out(AfterwardsPlan((10.0,)), measured=-1e-3)
    assert not any(step.spectrum for step in steps)
    assert "there is no light to go by" in said[0]


def test_a_first_spectrum_that_changes_what_luminance_is_is_taken_once_more() -> None:
    """A stand-in said 5 % less than there is, until the first spectrum: the curve is 5 % brighter from then on."""
    known = [1.0]
    said: list[str] = []
    lights: list[float] = []
    schedule = afterwards(
        AfterwardsPlan((100.0, 10.0)),
        lambda: [record(i, level, known[0] * light(level)) for i, level in enumerate(LEVELS)],
        "V",
        said.append,
    )
    step = next_step(schedule, None)
    while isinstance(step, Step):
        known[0] = 1.05 if step.spectrum else known[0]
        if step.spectrum:
            lights.append(1.05 * light(step.level))
        step = next_step(schedule, record(step.index, step.level, known[0] * light(step.level), step.branch))
    assert lights == pytest.approx([105.0, 100.0, 10.0])
    assert said == [
        "asked for 100 cd/m^2 afterwards: by its own spectrum it is 105 cd/m^2; taken once more at a corrected level"
    ]


def test_what_does_not_fit_into_the_time_budget_is_left_out_and_said() -> None:
    times = ExposureTimes("cs2000a")
    plan = AfterwardsPlan((100.0, 50.0, 1.0, 200.0), 20.0, times)  # a spectrum at 1 cd/m^2 takes 18 s
    assert times.total(1.0, plan.mode) == pytest.approx(18.14, abs=0.1)
    steps, said, _ = carried_out(plan, exposure=5.0)
    assert [step.asked_luminance for step in steps if step.spectrum] == [100.0, 50.0, 200.0]
    assert [text.partition(":")[0] for text in said] == ["no spectrum afterwards at 1 cd/m^2"]
    # the time that exposures really took counts, not what was expected of them
    late, said, _ = carried_out(plan, exposure=19.0)
    assert [step.asked_luminance for step in late if step.spectrum] == [100.0]
    assert len(said) == 3
