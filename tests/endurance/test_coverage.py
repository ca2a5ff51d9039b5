"""A few of the benches of ``make coverage``: the stated intervals hold the truth about as often as they say."""

from __future__ import annotations

from math import sqrt

import pytest

from tests.endurance import coverage

pytestmark = pytest.mark.slow  # each bench is a sweep with its spectra
BENCHES = 24


@pytest.fixture(scope="module")
def counts() -> coverage.Counts:
    return coverage.coverage(BENCHES)


@pytest.mark.long
@pytest.mark.parametrize("route", coverage.ROUTES)
@pytest.mark.parametrize("figure", coverage.FIGURES)
def test_the_stated_interval_holds_the_truth(figure: str, route: str, counts: coverage.Counts) -> None:
    count = counts[figure, route]
    assert count.tried == BENCHES
    assert count.right, count
    spread = sqrt(count.error / count.tried) / (count.relative / count.tried)
    assert spread == pytest.approx(1.0, abs=4 / sqrt(2 * BENCHES))  # neither too wide nor too narrow


def test_a_share_that_is_wrong_is_called_wrong() -> None:
    assert coverage.Count(tried=1000, by_u=950).right
    assert not coverage.Count(tried=1000, by_u=925).right
    assert not coverage.Count(tried=1000, by_u=975).right
    assert any(
        "WRONG" in line for line in coverage.report({(coverage.FIGURES[0], "photodiode"): coverage.Count(1000, 900)})
    )


def test_other_colours_stay_right_on_a_calibration_made_with_a_green_device() -> None:
    found = coverage.mismatches(readings=10)
    assert all(with_it < coverage.MISMATCH_LIMIT for with_it, _ in found.values())
    assert abs(found["red 630/30"][1]) > 0.5  # without the factor the number is of another device
    assert abs(found["blue 465/20"][1]) > 0.5
