"""Films before and after a step, made with a known ratio."""

import numpy as np
import pytest

from acquire.spectroscopy.absorbance import compared
from acquire.spectroscopy.roles import AbsorbanceSpectrum

WAVELENGTHS = np.arange(380.0, 801.0)


def film(thickness, offset=0.0, slope=0.0, noise=5e-4, centre=450.0, seed=1):
    band = np.exp(-0.5 * ((WAVELENGTHS - centre) / 35.0) ** 2)
    scatter = np.random.default_rng(seed).normal(size=WAVELENGTHS.size)
    return AbsorbanceSpectrum(WAVELENGTHS, thickness * band + offset + slope * (WAVELENGTHS - 450.0) + noise * scatter)


def test_the_ratio_of_thicknesses_above_a_baseline():
    found = compared(film(0.8, 0.03), film(0.5, 0.05, seed=2), 450.0, [(650.0, 800.0)]).figures
    ratio = found["thickness_ratio"]
    assert ratio.status == "ok"
    assert abs(ratio.value - 0.625) < 3 * ratio.uncertainty < 0.02
    assert found["thickness_ratio_of_band"].value == pytest.approx(0.625, abs=0.003)


def test_two_windows_take_a_slope_off():
    before, after = film(0.8, slope=1e-4), film(0.4, slope=-2e-4, seed=2)
    found = compared(before, after, 450.0, [(580.0, 650.0), (700.0, 800.0)]).figures["thickness_ratio"]
    assert found.value == pytest.approx(0.5, abs=4 * found.uncertainty)
    one = compared(before, after, 450.0, [(700.0, 800.0)]).figures["thickness_ratio"]
    assert abs(one.value - 0.5) > 0.02


def test_a_spectrum_that_changed_its_shape_is_no_thickness():
    found = compared(film(0.8), film(0.5, centre=460.0, seed=2), 450.0, [(650.0, 800.0)]).figures["thickness_ratio"]
    assert found.status == "doubtful"
    assert "shape" in found.reason


def test_what_is_not_told_from_noise_has_no_ratio():
    found = compared(film(0.002, noise=2e-3), film(0.001, noise=2e-3, seed=2), 450.0, [(650.0, 800.0)]).figures
    assert found["thickness_ratio"].status == "not_determined"
    assert np.isnan(found["thickness_ratio"].value)


def test_too_thick_a_film_is_doubted():
    found = compared(film(3.5), film(2.0, seed=2), 450.0).figures["thickness_ratio"]
    assert found.status == "doubtful"
    assert "stray light" in found.reason


def test_beyond_the_spectra_nothing_is_compared():
    with pytest.raises(ValueError, match="380 to 800 nm"):
        compared(film(0.8), film(0.5), 850.0)
    with pytest.raises(ValueError, match="holds 0 points"):
        compared(film(0.8), film(0.5), 450.0, [(900.0, 950.0)])
