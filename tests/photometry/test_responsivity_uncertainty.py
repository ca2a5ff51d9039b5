"""What an uncertain R(lambda) leaves uncertain of the luminance of another device: against a Monte Carlo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from acquire.photometry.factors import blend_factors, spectral_factors
from acquire.photometry.grid import WAVELENGTH, integrate
from acquire.photometry.photodiode import (
    RESPONSIVITY_CORRELATION,
    calibration_from_factor,
    calibration_from_geometry,
    responsivity_sensitivity,
    spectral_mismatch,
)
from acquire.photometry.spectra import gaussian
from acquire.records import FloatArray

RESPONSIVITY = 6.0e-4 * WAVELENGTH - 0.012
GREEN, RED, BLUE = gaussian(530.0, 30.0), gaussian(630.0, 30.0), gaussian(465.0, 20.0)
BY_FACTOR = calibration_from_factor(1e10, RESPONSIVITY, GREEN)


def wrong_curves(count: int) -> FloatArray:
    """R(lambda) with errors of 1 % at each wavelength, correlated over some 50 nm."""
    distance = (WAVELENGTH[:, None] - WAVELENGTH) / RESPONSIVITY_CORRELATION
    values, vectors = np.linalg.eigh(np.exp(-0.5 * distance**2))
    root = vectors * np.sqrt(values.clip(0.0))
    return RESPONSIVITY * (1 + 0.01 * (root @ np.random.default_rng(2).standard_normal((401, count))).T)


@pytest.mark.parametrize("spectrum", [RED, BLUE, gaussian(560.0, 90.0)], ids=["red", "blue", "broad"])
def test_the_mismatch_is_as_uncertain_as_a_monte_carlo_says(spectrum: FloatArray) -> None:
    factors = [spectral_mismatch(spectrum, GREEN, curve) for curve in wrong_curves(4000)]
    spread = float(np.std(np.log(factors)))
    assert 0.01 * responsivity_sensitivity(spectrum, BY_FACTOR) == pytest.approx(spread, rel=0.04)


def test_the_light_of_the_calibration_has_no_mismatch() -> None:
    assert responsivity_sensitivity(GREEN, BY_FACTOR) == pytest.approx(0.0, abs=1e-6)
    assert responsivity_sensitivity(RED, calibration_from_factor(1e10)) == 0.0


def test_by_geometry_all_of_it_stays() -> None:
    """A narrow line sees R at one wavelength, a broad one an average of it."""
    calibration = calibration_from_geometry(1.4e-7, RESPONSIVITY)
    assert responsivity_sensitivity(gaussian(520.0, 5.0), calibration) == pytest.approx(1.0, abs=5e-3)
    spread = np.std([np.log(integrate(RED * curve)) for curve in wrong_curves(4000)])
    assert 0.01 * responsivity_sensitivity(RED, calibration) == pytest.approx(spread, rel=0.04)


def test_the_factors_of_a_spectrum_carry_it_where_an_uncertainty_is_stated() -> None:
    assert spectral_factors(RED, BY_FACTOR).responsivity_sensitivity == 0.0
    stated = replace(BY_FACTOR, responsivity_uncertainty=0.01)
    red, blue = (spectral_factors(line, stated) for line in (RED, BLUE))
    assert red.responsivity_sensitivity == pytest.approx(responsivity_sensitivity(RED, stated))
    between = blend_factors(red, blue, 0.5).responsivity_sensitivity
    true = responsivity_sensitivity(RED / integrate(RED) + BLUE / integrate(BLUE), stated)
    assert between >= true
