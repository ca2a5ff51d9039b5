"""The figures of a lifetime against the curve that it was made of, in pieces of any size."""

from math import inf, isnan, nan

import numpy as np
import pytest

from acquire.evaluation.decay import Decay, DecayConditions
from acquire.evaluation.lifetime_figures import lifetime_figures
from acquire.photometry.lifetime import lifetime, stretched_exponential

TAU, BETA = 3600.0, 0.7


def rows(time, luminance, voltage=6.0, spread=1e-4):
    whole = np.ones(time.size)
    return {
        "stress_time": time,
        "luminance": luminance,
        "voltage": voltage * whole,
        "current": 1e-3 * whole,
        "external_quantum_efficiency": 0.02 * whole,
        "luminance_uncertainty": 0.02 * luminance,
        "spread": spread * whole,
    }


def decayed(points, piece=10**9, **conditions):
    decay = Decay(DecayConditions(**conditions))
    for start in range(0, points["stress_time"].size, piece):
        decay.add({name: column[start : start + piece] for name, column in points.items()})
    return decay


def fading(until, every=1.0, noise=0.0, begin=0.05):
    time = np.arange(begin, until, every)
    scatter = np.random.default_rng(3).normal(0, noise, time.size) if noise else 0.0
    return rows(time, 1000 * stretched_exponential(time, TAU, BETA) * np.exp(scatter), spread=noise)


def test_what_was_reached_is_measured_and_the_rest_extrapolated():
    figures = lifetime_figures(decayed(fading(1500.0)))
    first = 1000 * stretched_exponential(np.array([1.05]), TAU, BETA)[0]
    assert figures["initial_luminance"].value == pytest.approx(first)
    for share, status in ((0.95, "ok"), (0.9, "ok"), (0.8, "ok"), (0.5, "extrapolated")):
        figure = figures[f"lifetime_{100 * share:.0f}"]
        ratio = share * first / 1000
        assert figure.status == status
        assert figure.value == pytest.approx(TAU * np.log(1 / ratio) ** (1 / BETA), rel=2e-4)
    assert "times the record" in figures["lifetime_50"].reason
    assert figures["lifetime_time_constant"].value == pytest.approx(TAU, rel=1e-3)
    assert figures["lifetime_stretching_exponent"].value == pytest.approx(BETA, rel=1e-3)


def test_beyond_twice_the_record_it_is_said_to_be_far():
    figure = lifetime_figures(decayed(fading(300.0)))["lifetime_50"]
    assert figure.status == "extrapolated_far"
    assert figure.value == pytest.approx(lifetime(0.5, TAU, BETA), rel=0.02)


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_pieces_of_any_size_give_the_same(piece):
    points = fading(400.0, noise=0.002)
    whole, parts = lifetime_figures(decayed(points)), lifetime_figures(decayed(points, piece))
    assert repr(whole) == repr(parts)  # NaN is itself


def test_stated_uncertainties_hold_the_truth_with_noise():
    figures = lifetime_figures(decayed(fading(3000.0, noise=0.003)))
    truth = {"lifetime_90": 0.9, "lifetime_80": 0.8, "lifetime_50": 0.5}
    first = stretched_exponential(np.array([1.05]), TAU, BETA)[0]
    for name, share in truth.items():
        assert abs(figures[name].value - lifetime(share * first, TAU, BETA)) < 3 * figures[name].uncertainty, name
        assert figures[name].uncertainty < 0.05 * figures[name].value
    assert abs(figures["lifetime_time_constant"].value - TAU) < 3 * figures["lifetime_time_constant"].uncertainty


def test_a_million_points_are_kept_as_a_few_hundred():
    decay = decayed(fading(1e6), piece=65536)
    assert decay.rows == 1_000_000
    assert len(decay.course()) < 700
    assert decay.course().points.sum() == decay.rows
    assert max(column.size for column in decay._open.values()) < 30_000


def test_a_device_that_brightens_first_refers_to_both_luminances():
    time = np.geomspace(0.05, 20_000, 1500)
    luminance = 1000 * stretched_exponential(time, TAU, BETA) * (1 - 0.4 * np.exp(-time / 10))
    figures = lifetime_figures(decayed(rows(time, luminance)))
    assert figures["largest_luminance"].value == pytest.approx(luminance.max(), rel=1e-3)
    assert figures["initial_luminance"].value < 0.75 * figures["largest_luminance"].value
    assert figures["lifetime_50_of_maximum"].value < figures["lifetime_50"].value
    assert figures["lifetime_time_constant"].value == pytest.approx(TAU, rel=0.03)


def test_the_burn_in_is_left_out():
    points = fading(2000.0)
    points["stress_time"] = points["stress_time"] - 600.0
    figures = lifetime_figures(decayed(points, burn_in=600.0, initial_time=1.0))
    assert figures["initial_luminance"].value == pytest.approx(
        1000 * stretched_exponential(np.array([601.05]), TAU, BETA)[0], rel=1e-6
    )
    assert figures["time_under_stress"].value == pytest.approx(1399.05)


@pytest.mark.parametrize("luminance", [nan, 0.0, -1.0])
def test_without_light_there_are_no_lifetimes(luminance):
    figures = lifetime_figures(decayed(rows(np.arange(1.0, 50), np.full(49, luminance))))
    assert all(isnan(figures[name].value) for name in figures if name.startswith("lifetime_"))
    assert not any(figures[name].status == "ok" for name in figures if name.startswith("lifetime_"))


def test_a_device_that_does_not_fade_is_not_extrapolated():
    figures = lifetime_figures(decayed(rows(np.arange(1.0, 500), np.full(499, 1000.0))))
    assert figures["lifetime_95"].status == "not_reached"
    assert isnan(figures["lifetime_95"].value)
    assert lifetime_figures(Decay())["lifetime_50"].status == "none"


def test_points_that_are_missing_are_left_out():
    points = fading(1500.0)
    points["luminance"][100:200] = nan
    points["stress_time"][300] = nan
    points["luminance"][500] = inf
    assert lifetime_figures(decayed(points))["lifetime_80"].value == pytest.approx(
        lifetime(0.8 * 0.9968, TAU, BETA), rel=2e-3
    )
