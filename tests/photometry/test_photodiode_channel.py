from math import pi, radians

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.photometry import photodiode
from acquire.photometry.luminous import luminance
from acquire.photometry.spectra import gaussian
from tests.photometry.reference_lines import RESPONSIVITY, S1

AREA, DETECTOR, DISTANCE = 14e-6, 100e-6, 0.1
lengths = st.floats(1e-4, 10)


def etendue():
    return photodiode.etendue_of_discs(AREA, DETECTOR, DISTANCE)


def test_coaxial_discs():
    assert photodiode.disc_view_factor(0.1, 0.2, 0.5) == pytest.approx(0.13393, abs=5e-6)
    share = photodiode.collected_fraction(etendue(), AREA)
    assert share == pytest.approx(0.00317159448, rel=1e-8)
    assert etendue() == pytest.approx(1.39494011e-7, rel=1e-8)
    assert photodiode.etendue_of_small_source(AREA, DETECTOR, DISTANCE) == pytest.approx(1.4e-7, rel=1e-12)


@pytest.mark.parametrize(("distance", "share"), [(0.01, 0.235369384), (0.03, 0.0340025332)])
def test_coaxial_discs_close_by(distance, share):
    g = photodiode.etendue_of_discs(AREA, DETECTOR, distance)
    assert photodiode.collected_fraction(g, AREA) == pytest.approx(share, rel=1e-8)


@given(lengths, lengths, lengths)
def test_view_factors_are_shares_and_reciprocal(r1, r2, distance):
    there, back = (photodiode.disc_view_factor(*radii, distance) for radii in ((r1, r2), (r2, r1)))
    assert 0 < there <= 1 + 1e-12
    assert there * r1**2 == pytest.approx(back * r2**2, rel=1e-6)


def test_far_away_discs_are_points():
    exact = photodiode.etendue_of_discs(1e-8, 1e-8, 10.0)
    assert exact == pytest.approx(photodiode.etendue_of_small_source(1e-8, 1e-8, 10.0), rel=1e-9)


@pytest.mark.parametrize("distance", [0.0, -0.1, float("nan")])
def test_a_geometry_has_a_distance(distance):
    with pytest.raises(ValueError, match="positive"):
        photodiode.disc_view_factor(1e-3, 1e-3, distance)


def test_half_angle_agrees_with_a_large_disc_before_a_small_source():
    half_angle = radians(30)
    radius = DISTANCE * np.tan(half_angle)
    disc = photodiode.etendue_of_discs(1e-12, pi * radius**2, DISTANCE)
    assert photodiode.etendue_of_half_angle(1e-12, half_angle) == pytest.approx(disc, rel=1e-6)


def test_photocurrent_of_a_thousand_candela_and_back():
    absolute = S1 * 1000 / luminance(S1)
    expected = {etendue(): 8.83468381e-8, 1.4e-7: 8.86673003e-8}
    for g, current in expected.items():
        factor = photodiode.luminance_per_photocurrent(S1, RESPONSIVITY, g)
        assert 1000 / factor == pytest.approx(current, rel=1e-8)
        # Straight from I_pd = G I[L_lambda R].
        assert g * np.trapezoid(absolute * RESPONSIVITY) == pytest.approx(current, rel=1e-8)
    factor = photodiode.luminance_per_photocurrent(S1, RESPONSIVITY, etendue())
    assert factor == pytest.approx(1.13190242e10, rel=1e-8)


@pytest.mark.parametrize(
    ("distance", "current"),
    [(0.01, 6.56e-9), (0.02, 2.03e-9), (0.03, 0.947e-9), (0.05, 0.350e-9), (0.1, 88.3e-12), (0.2, 22.1e-12)],
)
def test_photocurrent_of_one_candela_at_every_distance(distance, current):
    g = photodiode.etendue_of_discs(AREA, DETECTOR, distance)
    factor = photodiode.luminance_per_photocurrent(S1, RESPONSIVITY, g)
    assert 1 / factor == pytest.approx(current, rel=2e-3)


def test_eqe_straight_from_the_photocurrent():
    share = photodiode.collected_fraction(etendue(), AREA)
    eqe = photodiode.eqe_from_photocurrent(1e-3, 8.83468381e-8, S1, RESPONSIVITY, share)
    assert eqe == pytest.approx(3.89429735e-2, rel=1e-8)


def test_spectral_mismatch():
    mismatch = photodiode.spectral_mismatch(S1, gaussian(550, 60), RESPONSIVITY)
    assert mismatch == pytest.approx(0.855516018, rel=1e-8)
    assert photodiode.spectral_mismatch(S1, 5 * S1, RESPONSIVITY) == pytest.approx(1.0, rel=1e-12)


def test_a_blind_photodiode_is_noticed():
    with pytest.raises(ValueError, match="sees nothing"):
        photodiode.spectral_mismatch(S1, S1, np.zeros(401))


def test_luminance_factor():
    fit = photodiode.fit_luminance_factor([11.5, 113, 1140], [1e-9, 10e-9, 100e-9])
    assert fit.factor == pytest.approx(1.13997076e10, rel=1e-8)
    spread = np.std(np.log([1.15, 1.13, 1.14]), ddof=1) / np.sqrt(3)
    assert fit.relative_uncertainty == pytest.approx(spread, rel=1e-9)
    assert fit.levels == 3


@pytest.mark.parametrize(
    ("light", "current", "complaint"),
    [
        ([1, 2], [1, 2], "three levels"),
        ([1, 2, 3], [1, 2], "three levels"),
        ([1, 2, 0], [1, 2, 3], "positive"),
        ([1, 2, 3], [1, -2, 3], "positive"),
        ([1, 2, float("nan")], [1, 2, 3], "positive"),
    ],
)
def test_too_little_for_a_luminance_factor(light, current, complaint):
    with pytest.raises(ValueError, match=complaint):
        photodiode.fit_luminance_factor(light, current)


def test_dark_signal_is_taken_off():
    dark = photodiode.dark_at(5.0, (0.0, 1e-4), (20.0, 5e-4))
    assert dark == pytest.approx(2e-4)
    assert photodiode.dark_at(5.0, (3.0, 1e-4), (3.0, 9e-4)) == 1e-4
    assert photodiode.photocurrent(0.5002, dark, 5e6) == pytest.approx(1e-7)


def test_light_within_the_dark_noise_is_told():
    assert photodiode.below_dark_noise(2.9e-12, 1e-12)
    assert not photodiode.below_dark_noise(3.1e-12, 1e-12)


def test_calibration_wants_both_or_neither():
    with pytest.raises(ValueError, match="both"):
        photodiode.calibration_from_factor(1e10, responsivity=RESPONSIVITY)
    with pytest.raises(ValueError, match="both"):
        photodiode.calibration_from_factor(1e10, spectrum=S1)


@pytest.mark.parametrize("factor", [0.0, -1e10, float("nan")])
def test_calibration_factor_is_positive(factor):
    with pytest.raises(ValueError, match="positive"):
        photodiode.calibration_from_factor(factor)
