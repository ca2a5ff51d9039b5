"""Slopes of ln(L/s): against numpy's own straight line, a plane made by hand, and chance."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.photometry.linearity import linearity

UP_AND_DOWN = np.array([10.0, 100.0, 1000.0, 1000.0, 100.0, 10.0])
UP = np.array([10.0, 30.0, 100.0, 300.0, 1000.0])


def test_level_and_drift_are_told_apart_when_the_levels_come_up_and_down() -> None:
    time = np.arange(6.0) * 10.0
    logarithms = 23.0 + 0.002 * np.log(UP_AND_DOWN) - 1e-4 * time
    found = linearity(logarithms, UP_AND_DOWN, time)
    assert found.apart
    assert found.level.value == pytest.approx(0.002)
    assert found.drift.value == pytest.approx(-1e-4)
    assert found.level.degrees_of_freedom == found.drift.degrees_of_freedom == 3
    assert found.level.is_real
    assert found.residuals.sum() == pytest.approx(0.0, abs=1e-12)


def test_levels_that_only_rise_give_each_slope_alone() -> None:
    rng = np.random.default_rng(1)
    time, logarithms = np.arange(5.0), 23.0 + 0.001 * rng.standard_normal(5)
    found = linearity(logarithms, UP, time)
    assert not found.apart
    for slope, column in ((found.level, np.log(UP)), (found.drift, time)):
        (line, _), covariance = np.polyfit(column, logarithms, 1, cov=True)
        assert slope.value == pytest.approx(line)
        assert slope.uncertainty == pytest.approx(np.sqrt(covariance[0, 0]))
        assert slope.degrees_of_freedom == 3


@pytest.mark.parametrize("count", [1, 2])
def test_a_slope_of_fewer_than_three_values_is_unknown(count: int) -> None:
    found = linearity(np.full(count, 23.0), UP[:count], np.arange(count, dtype=float))
    assert np.isnan([found.level.value, found.drift.uncertainty]).all()
    assert not found.level.is_real


def test_a_slope_without_a_span_is_unknown() -> None:
    found = linearity(np.array([1.0, 1.1, 0.9, 1.0]), np.full(4, 100.0), np.arange(4.0))
    assert np.isnan(found.level.value)
    assert np.isfinite(found.drift.value)


def test_chance_is_taken_for_a_slope_once_in_a_hundred() -> None:
    rng, time = np.random.default_rng(2), np.arange(6.0)
    noise = rng.standard_normal((2000, 6))
    real = sum(linearity(row, UP_AND_DOWN, time).level.is_real for row in noise)
    assert 8 <= real <= 34, "1 % of 2000, and three standard deviations of the count"
