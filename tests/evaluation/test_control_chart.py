"""The control chart against the textbook's two-sample statistics, and against chance."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist, fmean

import numpy as np
import pytest

from acquire.evaluation.control_chart import Scatter, latest_change, limit_of
from acquire.photometry.student import coverage_factor
from tests.endurance.control_charts import PROMISED_FROM, false_alarms, found

HISTORY = [0.1, -0.2, 0.05, 0.3, -0.1, 1.2, 0.9, 1.1]


def by_hand(values: list[float], split: int) -> tuple[float, float, float]:
    """Difference of the means, its standard deviation for a scatter of 1, and the pooled scatter within both parts."""
    before, after = values[:split], values[split:]
    squares = sum((v - fmean(part)) ** 2 for part in (before, after) for v in part)
    unit = sqrt(1 / len(before) + 1 / len(after))
    return fmean(after) - fmean(before), unit, sqrt(squares / (len(values) - 2))


def test_with_a_stated_scatter_it_is_the_two_sample_statistic_of_the_best_split() -> None:
    change = latest_change(np.array(HISTORY), Scatter(0.3, stated=True))
    each = [abs(by_hand(HISTORY, split)[0]) / by_hand(HISTORY, split)[1] / 0.3 for split in range(1, len(HISTORY))]
    assert change.deviations == pytest.approx(max(each), rel=1e-12)
    assert change.first == each.index(max(each)) + 1 == 5
    size, _, scatter = by_hand(HISTORY, 5)
    assert change.size == pytest.approx(size, rel=1e-12)
    assert change.scatter == pytest.approx(scatter, rel=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_where_it_was_constant_before_the_change_has_its_size(offset: float) -> None:
    change = latest_change(offset + np.array([0.0, 0.0, 0.0, 0.01, 0.01]), Scatter(0.003, stated=True))
    assert (change.first, change.size) == (3, pytest.approx(0.01, rel=1e-6))


@pytest.mark.parametrize("freedom", [2, 4, 8, 18, 38])
@pytest.mark.parametrize("level", [0.95, 0.99, 0.9999])
def test_a_scatter_that_is_found_is_judged_by_students_t(freedom: int, level: float) -> None:
    """A history whose best split has exactly the t that Student exceeds so rarely has the normal deviate of that."""
    t = coverage_factor(freedom, level)
    half = (freedom + 2) // 2
    noise = np.where(np.arange(half) % 2, 1.0, -1.0)
    noise = noise - noise.mean()
    scatter = sqrt(2 * float(noise @ noise) / freedom)
    values = np.concatenate((noise, noise + t * scatter * sqrt(2 / half)))
    deviations = latest_change(values, Scatter(1e-9, stated=False)).deviations
    normal = NormalDist().inv_cdf((1 + level) / 2)
    assert deviations >= normal * (0.8 if freedom < 3 else 0.98)
    if level > 0.99:  # then hardly another split is better
        assert deviations <= normal * 1.04


def test_few_values_say_nothing() -> None:
    assert latest_change(np.array([5.0]), Scatter(0.3, stated=True)).deviations == 0.0
    assert latest_change(np.array([5.0, 50.0]), Scatter(0.3, stated=False)).deviations == 0.0
    assert latest_change(np.array([5.0, 5.3]), Scatter(0.3, stated=True)).deviations == pytest.approx(1 / sqrt(2))


def test_what_scatters_more_than_stated_is_judged_by_its_own_scatter() -> None:
    values = np.random.default_rng(5).standard_normal(40)
    stated = latest_change(values, Scatter(0.1, stated=True)).deviations
    own = latest_change(values, Scatter(1e-6, stated=False)).deviations
    assert stated == pytest.approx(own)
    assert own < 4.0
    assert latest_change(values, Scatter(0.1, stated=True)).contradicted
    believed = latest_change(values / 10.0, Scatter(0.1, stated=True))
    assert believed.deviations != pytest.approx(own)
    assert not believed.contradicted


def test_what_is_found_smaller_than_the_least_there_must_be_is_not_believed() -> None:
    values = np.array([1.0, 1.0, 1.0, 1.001, 1.001, 1.001])
    assert latest_change(values, Scatter(0.01, stated=False)).deviations < 0.2


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_unit_does_not_matter(scale: float) -> None:
    one = latest_change(np.array(HISTORY), Scatter(0.3, stated=True))
    other = latest_change(np.array(HISTORY) * scale, Scatter(0.3 * scale, stated=True))
    assert other.deviations == pytest.approx(one.deviations, rel=1e-9)
    assert other.first == one.first


def test_the_limit_is_that_of_simulated_histories() -> None:
    """Of 4000 histories without a change, the share that crosses the limit is what was asked for."""
    values = np.random.default_rng(7).standard_normal((4000, 100))
    sums, largest = np.cumsum(values, 1), np.zeros(4000)
    for count in range(2, 101):
        before = np.arange(1, count)
        size = (sums[:, [count - 1]] - sums[:, : count - 1]) / (count - before) - sums[:, : count - 1] / before
        largest = np.maximum(largest, np.abs(size / np.sqrt(1 / before + 1 / (count - before))).max(1))
    for share in (0.05, 0.02, 0.01):
        crossed = float((largest > limit_of(share)).mean())
        assert crossed == pytest.approx(share, abs=4 * sqrt(share * (1 - share) / 4000) + 0.1 * share)


def test_a_step_of_a_percent_is_found_within_five_checks() -> None:
    """A sample of 10 000: python -m tests.endurance.control_charts."""
    outcomes = found(range(1, 201), PROMISED_FROM)
    assert sum(outcomes) >= 181, "of 200, 95 % leave more than 19 out once in a thousand samples"
    assert not all(found(range(1, 41), 2)), "two checks are no baseline"


def test_where_nothing_changes_there_is_hardly_an_alarm() -> None:
    assert sum(false_alarms(range(1, 41))) <= 3, "of 40, 1 % makes four once in a thousand samples"
