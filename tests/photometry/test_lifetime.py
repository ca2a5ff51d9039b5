"""Lifetimes: the reference vectors, and whether the stated uncertainties hold the truth."""

from math import inf, isnan, log

import numpy as np
import pytest

from acquire.photometry.lifetime import (
    acceleration,
    distinct_levels,
    fit_stretched_exponential,
    lifetime,
    running_median,
    stretched_exponential,
    time_to_share,
)

D1 = {0.95: 0.0708110426, 0.90: 0.235033524, 0.80: 0.820932093, 0.50: 5.42886574}  # tau 10 h, beta 0.6


@pytest.mark.parametrize(("share", "hours"), D1.items())
def test_lifetimes_of_a_stretched_exponential(share, hours):
    assert lifetime(share, 10.0, 0.6) == pytest.approx(hours, rel=1e-6)


@pytest.mark.parametrize(("share", "hours"), D1.items())
def test_measured_lifetimes_agree_with_the_formula(share, hours):
    time = np.geomspace(1e-3, 20, 20_000)
    assert time_to_share(time, stretched_exponential(time, 10.0, 0.6), share) == pytest.approx(hours, rel=1e-6)


def test_a_share_that_is_never_reached_has_no_time():
    time = np.linspace(1, 10, 50)
    assert isnan(time_to_share(time, stretched_exponential(time, 100.0, 0.6), 0.5))


def test_the_first_time_counts_and_missing_values_do_not():
    time, ratio = np.array([0.0, 1, 2, 3, 4]), np.array([1.0, np.nan, 0.8, 1.1, 0.4])
    assert time_to_share(time, ratio, 0.9) == pytest.approx(1.0)
    assert time_to_share(time, np.array([0.5, 0.4, 0.3, 0.2, 0.1]), 0.9) == 0.0


def test_a_running_median_leaves_what_only_falls_as_it_is_and_drops_a_blip():
    falling = np.linspace(1, 0, 12) ** 3
    assert np.array_equal(running_median(falling), falling)
    blip = falling.copy()
    blip[5] = 0.0
    assert running_median(blip)[5] == pytest.approx(falling[6])


def test_a_fit_finds_what_a_curve_was_made_of():
    time = np.geomspace(0.01, 30, 200)
    fit = fit_stretched_exponential(time, 1234 * stretched_exponential(time, 10.0, 0.6))
    assert fit is not None
    assert (fit.amplitude, fit.time_constant, fit.exponent) == pytest.approx((1234, 10.0, 0.6), rel=1e-6)
    assert fit.time_at(617) == pytest.approx(D1[0.5], rel=1e-6)
    assert isnan(fit.time_at(1300))


def test_uncertainties_of_a_fit_hold_the_truth_as_often_as_they_say():
    """A record that ends at a loss of 25 %, noise of 0.5 %: tau, beta, T90 inside it, T50 three times beyond it."""
    random = np.random.default_rng(13)
    time = np.geomspace(0.02, 1.8, 60)
    truth = np.array([10.0, 0.7, lifetime(0.9, 10.0, 0.7), lifetime(0.5, 10.0, 0.7)])
    clean, inside, trials = 1000 * stretched_exponential(time, 10.0, 0.7), np.zeros((2, 4)), 300
    for _ in range(trials):
        fit = fit_stretched_exponential(time, clean * np.exp(random.normal(0, 0.005, time.size)))
        assert fit is not None
        found = np.array([fit.time_constant, fit.exponent, fit.time_at(900), fit.time_at(500)])
        u = np.array(
            [
                fit.time_constant_uncertainty,
                fit.exponent_uncertainty,
                fit.uncertainty_of_time_at(900),
                fit.uncertainty_of_time_at(500),
            ]
        )
        off = np.abs(np.log(found / truth)) / (u / found)
        inside += np.array([off <= 1, off <= fit.coverage_factor])
    assert (np.abs(inside[0] / trials - 0.683) < 0.09).all(), inside / trials  # 3 sd of 300 draws are 0.08
    assert (np.abs(inside[1] / trials - 0.95) < 0.045).all(), inside / trials


def test_wandering_about_the_curve_widens_the_uncertainties():
    random, time = np.random.default_rng(2), np.geomspace(0.02, 30, 400)
    white = random.normal(0, 0.005, time.size)
    wandering = np.convolve(random.normal(0, 0.005, time.size + 39), np.ones(40) / np.sqrt(40), "valid")
    clean = stretched_exponential(time, 10.0, 0.7)
    plain, wide = (fit_stretched_exponential(time, clean * np.exp(noise)) for noise in (white, wandering))
    assert wide.time_constant_uncertainty > 2 * plain.time_constant_uncertainty
    assert abs(wide.time_constant - 10) < 4 * wide.time_constant_uncertainty


def test_what_does_not_fall_or_has_few_values_is_not_fitted():
    time = np.geomspace(0.1, 10, 50)
    assert fit_stretched_exponential(time, np.linspace(1, 2, 50)) is None
    assert fit_stretched_exponential(time[:5], stretched_exponential(time[:5], 1.0, 1.0)) is None
    assert fit_stretched_exponential(time, np.full(50, np.nan)) is None


def test_an_exponent_beyond_the_bounds_is_said_to_be_at_one():
    time = np.geomspace(0.1, 10, 50)
    fit = fit_stretched_exponential(time, stretched_exponential(time, 10.0, 4.0))
    assert fit is not None
    assert fit.at_bound
    assert isnan(fit.exponent_uncertainty)


def test_acceleration_by_the_reference_vector():
    found = acceleration(np.array([1000.0, 3000, 5000]), np.array([50.0, 8.2, 3.6]))
    assert found.exponent == pytest.approx(1.63650992, rel=1e-6)
    assert found.lifetime_at(100) == pytest.approx(2159.90029, rel=1e-6)
    low, high = found.interval_at(100)
    assert low < 2159.9 < high
    assert found.half_width == pytest.approx(12.7062 * found.uncertainty, rel=1e-4)  # one degree of freedom


def test_an_interval_of_the_acceleration_holds_the_truth_as_often_as_it_says():
    random, levels = np.random.default_rng(5), np.array([300.0, 1000, 3000, 10000])
    exponents, ends = 0, 0
    for _ in range(400):
        lifetimes = 1e5 * levels**-1.5 * np.exp(random.normal(0, 0.1, levels.size))
        found = acceleration(levels, lifetimes)
        low, high = found.interval_at(100)
        exponents += abs(found.exponent - 1.5) <= found.half_width
        ends += low <= 1e5 * 100**-1.5 <= high
    assert 0.92 <= exponents / 400 <= 0.98
    assert 0.92 <= ends / 400 <= 0.98


def test_own_uncertainties_count_where_the_levels_happen_to_lie_on_a_line():
    levels = np.array([1000.0, 3000, 9000])
    found = acceleration(levels, 1e6 * levels**-1.5, np.full(3, 0.1))
    assert found.exponent == pytest.approx(1.5)
    assert found.uncertainty == pytest.approx(0.1 / (np.sqrt(2) * log(3)), rel=1e-6)


@pytest.mark.parametrize("levels", [[1000.0, 3000], [1000.0, 1010, 3000], [1000.0, -1, 3000], [1000.0, inf, 3000]])
def test_fewer_than_three_levels_are_refused(levels):
    with pytest.raises(ValueError, match=r"levels?|luminances"):
        acceleration(np.array(levels), np.arange(1.0, len(levels) + 1))
    assert distinct_levels(np.array([1.0, 1.01, 3.0])) == 2
