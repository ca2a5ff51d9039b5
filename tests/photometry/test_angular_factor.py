"""The angular factor: right for patterns whose factor is known, and as uncertain as its readings."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.photometry.angular import (
    angular_factor,
    photon_radiance,
    radiance_of_intensity,
    trapezoid_angular_factor,
    visible_radiance,
)
from tests.photometry.reference_lines import S1

Pattern = Callable[[np.ndarray], np.ndarray]


def rising(step):
    angle = np.arange(0.0, 90.0 + step / 2, step)
    return angle, 1 + 0.2 * np.sin(np.radians(angle)) ** 2


def cavity(strength: float, order: float, index: float = 1.8) -> Pattern:
    """An Airy resonance between two mirrors: 1/(1 + A sin^2(phi/2)), the phase by the angle inside."""

    def radiance(angle):
        inside = np.arcsin(np.sin(np.radians(angle)) / index)
        return 1 / (1 + strength * np.sin(np.pi * order * np.cos(inside)) ** 2)

    return radiance


def power(n: float) -> Pattern:
    """Intensity cos^n, so radiance cos^(n-1)."""
    return lambda angle: np.cos(np.radians(angle)) ** (n - 1)


def truth(pattern: Pattern) -> float:
    """2 int l u du by a fine trapezoid in u = cos t, which shares nothing with the rule under test."""
    u = np.linspace(0.0, 1.0, 200_001)[1:]
    return 2 * np.trapezoid(pattern(np.degrees(np.arccos(u))) / pattern(np.zeros(1)) * u, u)


CAVITIES = [cavity(1.0, 2.0), cavity(1.0, 2.15), cavity(1.0, 2.3), cavity(1.0, 1.8), cavity(3.0, 2.0)]
STEPS = [
    np.arange(0.0, 81.0, 10.0),
    np.arange(0.0, 91.0, 5.0),
    np.array([0, 7, 15, 22, 33, 40, 52, 61, 70, 78, 85.0]),
    np.array([0, 5, 12, 24, 30, 42, 50, 63, 70, 80.0]),
    np.arange(-80.0, 81.0, 10.0),
]


@pytest.mark.parametrize(("step", "factor"), [(1.0, 1.09988830), (10.0, 1.08880795)])
def test_trapezoid_rule(step, factor):
    assert trapezoid_angular_factor(*rising(step)) == pytest.approx(factor, rel=1e-8)


@pytest.mark.parametrize(("step", "error"), [(10.0, 2e-5), (5.0, 2e-6), (1.0, 1e-6)])
def test_the_pattern_of_the_vectors(step, error):
    assert angular_factor(*rising(step)).value == pytest.approx(1.1, rel=error)


@given(st.lists(st.floats(0.5, 89.5), min_size=4, max_size=30, unique=True), st.floats(1e-3, 1e3))
def test_lambertian_emitter_has_factor_one_at_any_angles(between, radiance):
    angle = np.array([0.0, *sorted(between)])
    if np.diff(angle).min() > 0.5 and angle[-1] >= 60:
        assert angular_factor(angle, np.full(angle.size, radiance)).value == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("angle", STEPS, ids=lambda angle: f"{angle.size} to {angle[-1]:g}")
@pytest.mark.parametrize("n", [0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 4.0])
def test_powers_of_the_cosine(n, angle):
    """F = 2/(n+1), whether radiance or intensity was read, up to 80 deg or 90."""
    seen = np.minimum(np.abs(angle), 89.0)
    assert angular_factor(angle, power(n)(seen)).value == pytest.approx(2 / (n + 1), rel=1e-6)
    intensity = 7 * np.cos(np.radians(angle)) ** n
    found = angular_factor(angle, radiance_of_intensity(angle, intensity))
    assert found.value == pytest.approx(2 / (n + 1), rel=1e-6)
    assert found.sides == (2 if angle[0] < 0 else 1)


@pytest.mark.parametrize("angle", STEPS, ids=lambda angle: f"{angle.size} to {angle[-1]:g}")
@pytest.mark.parametrize("pattern", CAVITIES)
def test_a_cavity_is_right_within_a_fifth_of_a_percent(pattern, angle):
    seen = pattern(np.abs(angle))
    assert angular_factor(angle, seen).value == pytest.approx(truth(pattern), rel=2e-3)


@pytest.mark.parametrize("pattern", [power(0.6), power(1.6), cavity(1.0, 2.15)])
@pytest.mark.parametrize("angle", [STEPS[0], STEPS[4]], ids=["one side", "two sides"])
def test_with_noise_the_truth_lies_within_the_uncertainty(pattern, angle):
    """One percent of noise, which is known: of 60 draws 57 are expected within k = 2."""
    chance = np.random.default_rng(7)
    noisy = pattern(np.abs(angle)) * (1 + 0.01 * chance.standard_normal((60, angle.size)))
    found = [angular_factor(angle, readings, noise=0.01) for readings in noisy]
    true = truth(pattern)
    away = np.array([(one.value - true) / one.uncertainty for one in found])
    assert (np.abs(away) < 2).mean() >= 0.9
    assert 0.6 < away.std() < 1.3


def test_noise_that_nobody_stated_is_found_in_the_readings():
    chance = np.random.default_rng(8)
    angle = np.arange(-80.0, 81.0, 5.0)
    pattern = cavity(1.0, 2.0)
    noisy = pattern(np.abs(angle)) * (1 + 0.01 * chance.standard_normal((60, angle.size)))
    found = [angular_factor(angle, readings) for readings in noisy]
    assert np.mean([one.noise for one in found]) == pytest.approx(0.01, rel=0.3)
    true = truth(pattern)
    away = np.array([(one.value - true) / one.uncertainty for one in found])
    assert (np.abs(away) < 2).mean() >= 0.9


def test_both_sides_are_averaged_and_their_difference_counts():
    """A tilt of the zero by 2 deg: each side is off, the mean is not."""
    angle = np.arange(-80.0, 81.0, 10.0)
    tilted = np.cos(np.radians(angle - 2.0)) ** 0.5
    found = angular_factor(angle, tilted, noise=0.0)
    right, left = (angular_factor(angle[sign * angle >= 0] * sign, tilted[sign * angle >= 0]).value for sign in (1, -1))
    assert found.value == pytest.approx((right + left) / 2)
    assert found.difference == pytest.approx(right - left)
    assert found.uncertainty >= abs(right - left) / 2 / 3**0.5


@pytest.mark.parametrize(("tail", "share"), [("power", 0.0759), ("lambertian", 0.0606), ("none", 0.0)])
def test_the_tail_is_as_named_and_its_doubt_is_in_the_uncertainty(tail, share):
    angle = np.arange(0.0, 81.0, 10.0)
    found = angular_factor(angle, power(0.6)(angle), tail=tail, noise=0.0)
    assert found.tail_share * found.value == pytest.approx(share, abs=2e-4)
    assert found.last_angle == 80.0
    if tail == "power":
        assert found.uncertainty == pytest.approx((0.0759 - 0.0606) / 3**0.5, rel=0.02)
    if tail == "none":
        assert found.uncertainty == pytest.approx(0.0606 / 3**0.5, rel=0.02)


def test_readings_of_one_angle_are_averaged():
    angle = np.repeat(np.arange(0.0, 81.0, 10.0), 4)
    chance = np.random.default_rng(2)
    readings = power(1.3)(angle) * (1 + 0.01 * chance.standard_normal(angle.size))
    many = angular_factor(angle, readings, noise=0.01)
    single = angular_factor(angle[::4], readings[::4], noise=0.01)
    assert many.value == pytest.approx(2 / 2.3, rel=0.02)
    assert many.uncertainty < 0.6 * single.uncertainty


@pytest.mark.parametrize(
    ("angle", "radiance"),
    [
        ([0, 30, 60, 80], [1, 1, 1, 1]),
        ([5, 20, 30, 60, 80], [1, 1, 1, 1, 1]),
        ([0, 20, 30, 40, 55], [1, 1, 1, 1, 1]),
        ([0, 20, 30, 60, 95], [1, 1, 1, 1, 1]),
        ([0, 20, 30, 60, 80], [0, 1, 1, 1, 1]),
        ([0, 20, 30, 60, 80], [1, 1, np.nan, 1, 1]),
        ([-20, 0, 20, 30, 60, 80], [1, 1, 1, 1, 1, 1]),
        ([0, 20], [1, 1, 1]),
    ],
)
def test_what_is_no_angular_pattern_is_refused(angle, radiance):
    with pytest.raises(ValueError, match=r"angle|angular|deg"):
        angular_factor(np.array(angle, float), np.array(radiance, float))


def test_weighting_with_photons_and_with_the_eye():
    spectra = np.outer([1.0, 0.5, 0.25], S1)
    assert photon_radiance(spectra)[0] == pytest.approx(520 * 20.2248734, rel=1e-8)
    np.testing.assert_allclose(visible_radiance(spectra) / visible_radiance(spectra)[0], [1.0, 0.5, 0.25])
    assert 683.002 * visible_radiance(spectra)[0] == pytest.approx(9580.13471, rel=1e-8)
