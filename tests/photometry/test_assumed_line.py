"""What an assumed line leaves open: published devices have the same peak and width, and another shape."""

from __future__ import annotations

from math import log, nan

import numpy as np
import pytest

from acquire.evaluation.budget import DarkScatter, Signals, uncertainties
from acquire.evaluation.calibration import Calibration, Conditions, StandInSpectra
from acquire.photometry.factors import of_assumed_line, spectral_factors
from acquire.photometry.line_shape import line_shape
from acquire.photometry.photodiode import calibration_from_geometry
from acquire.photometry.spectra import gaussian, tailed_line
from acquire.photometry.terms import OF_A_POINT, terms, total
from acquire.photometry.uncertainty import Budget, relative_uncertainty

RESPONSIVITY = 6.0e-4 * np.arange(380.0, 781.0) - 0.012
PHOTODIODE = calibration_from_geometry(1.4e-7, RESPONSIVITY)


def test_the_line_with_a_tail_is_that_of_the_published_devices() -> None:
    """CIE (0.12, 0.79) and 3.7249 cd/A per percent, Table 2 of doi 10.1039/d2nr03793a; a Gaussian has 3.5950."""
    spectrum = tailed_line(520.0, 19.0)
    factors, shape = spectral_factors(spectrum), line_shape(spectrum, smoothing=False)
    assert (factors.chromaticity_x, factors.chromaticity_y) == pytest.approx((0.12, 0.79), abs=2e-4)
    assert 0.01 / factors.kappa == pytest.approx(3.7249, rel=1e-4)
    assert (shape.peak_wavelength, shape.fwhm) == pytest.approx((520.13, 19.0), abs=0.01)


def test_what_a_gaussian_leaves_open_is_its_distance_from_that_line_as_a_limit() -> None:
    factors = of_assumed_line(gaussian(520.0, 19.0))
    assert factors.assumed_in_luminance == 0.0, "no photodiode looks at it"
    assert factors.assumed_in_eqe * 3**0.5 == pytest.approx(log(3.5950 / 3.7249), rel=0.03)


def test_behind_a_photodiode_luminance_is_open_too_and_eqe_hardly() -> None:
    """EQE goes with I[S lambda]/I[S R], of which a flat quantum efficiency leaves nothing."""
    factors = of_assumed_line(gaussian(520.0, 19.0), PHOTODIODE)
    assert abs(factors.assumed_in_luminance) > 0.015
    assert abs(factors.assumed_in_eqe) < 0.001


def test_it_is_in_the_uncertainty_of_a_point_and_not_where_a_spectrum_was_measured() -> None:
    line = gaussian(520.0, 19.0)
    calibration = Calibration(
        conditions=Conditions(1.4e-5, 5e6), photodiode=PHOTODIODE, stand_in=StandInSpectra(None, line)
    )
    assumed = calibration.assumed_factors
    assert assumed is not None
    values = dict.fromkeys(("current_density", "luminance", "current_efficiency", "power_efficiency"), 100.0)
    values |= {"external_quantum_efficiency": 0.05, "chromaticity_x": 0.1, "chromaticity_y": 0.8}
    signals = Signals(1e-3, 5.0, 0.5, 1e-7)
    spreads = [
        uncertainties(values, signals, factors, 0.0, calibration, DarkScatter())["luminance_uncertainty"]
        for factors in (assumed, spectral_factors(line, PHOTODIODE))
    ]
    share = (spreads[0] ** 2 - spreads[1] ** 2) ** 0.5 / 100.0
    assert share == pytest.approx(abs(assumed.assumed_in_luminance), rel=1e-6)


@pytest.mark.parametrize("quantity", ["luminance", "current_efficiency", "external_quantum_efficiency"])
def test_the_terms_of_a_figure_have_it_as_one_error(quantity: str) -> None:
    budget = Budget(assumed_in_luminance=-0.02, assumed_in_eqe=0.001)
    whole = getattr(relative_uncertainty(budget), quantity)
    found = terms(budget, OF_A_POINT[quantity])
    assert [term.name for term in found] == ["assumed spectrum"]
    assert total(found) == pytest.approx(whole)


def test_a_line_that_the_spectrum_cuts_off_has_no_width_to_compare() -> None:
    factors = of_assumed_line(gaussian(790.0, 60.0))
    assert factors.truncated
    assert (factors.assumed_in_luminance, factors.assumed_in_eqe) == (0.0, 0.0)
    assert not factors.fwhm > 0 or factors.fwhm is nan
