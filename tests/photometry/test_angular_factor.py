import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.photometry.angular import angular_factor, photon_radiance, trapezoid_angular_factor, visible_radiance
from tests.photometry.reference_lines import S1


def rising(step):
    angle = np.arange(0.0, 90.0 + step / 2, step)
    return angle, 1 + 0.2 * np.sin(np.radians(angle)) ** 2


@pytest.mark.parametrize(("step", "factor"), [(1.0, 1.09988830), (10.0, 1.08880795)])
def test_trapezoid_rule(step, factor):
    assert trapezoid_angular_factor(*rising(step)) == pytest.approx(factor, rel=1e-8)


@pytest.mark.parametrize(("step", "error"), [(10.0, 2e-5), (5.0, 2e-6), (1.0, 1e-8)])
def test_cubic_rule(step, error):
    assert angular_factor(*rising(step)) == pytest.approx(1.1, rel=error)


@given(st.lists(st.floats(0.5, 89.5), min_size=2, max_size=30, unique=True), st.floats(1e-3, 1e3))
def test_lambertian_emitter_has_factor_one_at_any_angles(between, radiance):
    angle = np.array([0.0, *sorted(between), 90.0])
    if np.diff(angle).min() > 0.1:
        assert angular_factor(angle, np.full(angle.size, radiance)) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_powers_of_the_cosine(m):
    # Intensity cos^m: radiance cos^(m-1), F = 2/(m+1).
    angle = np.arange(0.0, 91.0, 2.0)
    assert angular_factor(angle, 7 * np.cos(np.radians(angle)) ** (m - 1)) == pytest.approx(2 / (m + 1), abs=1e-5)


@pytest.mark.parametrize(
    ("angle", "radiance"),
    [
        ([0, 45, 90], [1, 1, 1]),
        ([0, 30, 60, 80], [1, 1, 1, 1]),
        ([5, 30, 60, 90], [1, 1, 1, 1]),
        ([0, 60, 30, 90], [1, 1, 1, 1]),
        ([0, 30, 60, 90], [0, 1, 1, 1]),
        ([0, 30, 60, 90], [1, 1, np.nan, 1]),
    ],
)
def test_what_is_no_angular_pattern_is_refused(angle, radiance):
    with pytest.raises(ValueError, match="angle"):
        angular_factor(np.array(angle), np.array(radiance))


def test_weighting_with_photons_and_with_the_eye():
    spectra = np.outer([1.0, 0.5, 0.25], S1)
    assert photon_radiance(spectra)[0] == pytest.approx(520 * 20.2248734, rel=1e-8)
    np.testing.assert_allclose(visible_radiance(spectra) / visible_radiance(spectra)[0], [1.0, 0.5, 0.25])
    assert 683.002 * visible_radiance(spectra)[0] == pytest.approx(9580.13471, rel=1e-8)
