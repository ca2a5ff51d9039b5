"""What a device has been through, against sums made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from acquire.evaluation.device_stress import Stress, stress_of_lifetime, stress_of_sweep, total, with_exposures


def points(time: Any, level: Any, current: Any, branch: Any = None, cycle: Any = None) -> dict[str, Any]:
    count = len(time)
    return {
        "time": np.array(time, float),
        "source_level": np.array(level, float),
        "voltage": np.array(level, float),
        "current": np.array(current, float),
        "branch": np.array(branch if branch is not None else [b"forward"] * count, "S8"),
        "cycle": np.array(cycle if cycle is not None else [0] * count),
    }


NOTHING = points([], [], [])


def test_a_staircase_by_hand() -> None:
    found = stress_of_sweep(points([0, 1, 2, 3], [0, 1, 2, -3], [0, 1e-3, 2e-3, -4e-3]), NOTHING)
    # 1 mA and 2 mA for 1 s each, 4 mA for the usual second behind the last point; at 0 V there is no stress
    assert found == Stress(pytest.approx(7e-3), pytest.approx(3.0), 3.0, 4e-3)


def test_a_constant_current_of_an_hour_is_its_charge() -> None:
    time = np.arange(0, 3600, 10.0)
    found = stress_of_sweep(points(time, np.full(360, 5.0), np.full(360, 2e-3)), NOTHING)
    assert found.charge == pytest.approx(7.2)
    assert found.time == pytest.approx(3600)


def test_a_rest_between_branches_is_no_stress() -> None:
    time = [0, 1, 2, 1002, 1003, 1004]
    branch = [b"forward"] * 3 + [b"reverse"] * 3
    found = stress_of_sweep(points(time, [1] * 6, [1e-3] * 6, branch), NOTHING)
    assert found.time == pytest.approx(6.0)
    within = stress_of_sweep(points(time, [1] * 6, [1e-3] * 6), NOTHING)
    assert within.time == pytest.approx(1005.0)  # held there: a spectrum, for example


def test_samples_of_an_exposure_count_between_the_points() -> None:
    samples = points([2, 4, 6], [np.nan] * 3, [2e-3, 3e-3, 4e-3])
    found = stress_of_sweep(points([0, 8], [4, 5], [1e-3, 5e-3]), samples)
    assert found.charge == pytest.approx((1 + 2 + 3 + 4 + 5) * 2e-3)
    assert found.current == 5e-3


def test_a_pulse_counts_as_long_as_it_lasted() -> None:
    pulsed = {**points([0, 1, 2], [5, 5, 5], [1e-2] * 3), "pulse_width": np.full(3, 1e-3)}
    assert stress_of_sweep(pulsed, NOTHING).charge == pytest.approx(3e-5)


def test_what_is_missing_or_damaged_makes_nothing_up() -> None:
    nan = np.nan
    found = stress_of_sweep(points([0, 1, nan, 3], [1, 1, 1, 1], [1e-3, nan, 9.0, 1e-3]), NOTHING)
    assert found.charge == pytest.approx(1e-3 * 4.5)
    assert stress_of_sweep(NOTHING, NOTHING) == Stress()
    assert stress_of_sweep(points([nan], [nan], [nan]), NOTHING) == Stress()


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_lifetime_is_the_same_in_pieces_of_any_size(size: int) -> None:
    time = np.cumsum(np.full(1000, 2.0)) - 500.0  # the burn-in is below zero
    whole = {"stress_time": time, "voltage": np.linspace(4, 5, 1000), "current": np.full(1000, 1e-3)}
    whole["current"][[0, 10]] = np.nan
    pieces = [{name: values[at : at + size] for name, values in whole.items()} for at in range(0, 1000, size)]
    found = stress_of_lifetime(pieces)
    assert found.time == pytest.approx(1998.0)
    assert found.charge == pytest.approx(2.0, rel=3e-3)
    assert found.voltage == 5.0


def test_several_runs_add_up_and_the_largest_stays() -> None:
    runs = [Stress(1.0, 10.0, 8.0, 1e-3, 2, 5.0), Stress(2.0, 20.0, 5.0, 2e-3)]
    assert total(runs) == Stress(3.0, 30.0, 8.0, 2e-3, 2, 5.0)
    assert total([]) == Stress()


def test_exposures_are_counted_and_their_time() -> None:
    found = with_exposures(Stress(), np.array([0.0, 10.0, np.nan]), np.array([3.0, 14.0, 20.0]))
    assert (found.exposures, found.exposure_time) == (3, 7.0)
