"""The uncertainty budget: limits of error as the data sheets give them, of what the meter really read."""

from __future__ import annotations

from math import isnan, nan, sqrt

import numpy as np
import pytest

from acquire.evaluation.budget import Signals, photodiode_limit, uncertainties
from acquire.evaluation.calibration import Calibration, Conditions
from acquire.photometry.factors import spectral_factors
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.spectra import gaussian
from acquire.records import DERIVED

CONDITIONS = Conditions(emissive_area=1.4e-5, transfer=5e6)
#: Nothing but the meters is uncertain; the photodiode follows V(lambda).
CALIBRATION = Calibration(photodiode=PhotodiodeCalibration(1e10), conditions=CONDITIONS)


@pytest.mark.parametrize(
    ("signal", "limit"),
    [
        (0.11, 0.11 * 50e-6 + 0.1 * 50e-6),  # 0.1 V range: 50 ppm of reading, 35 + 15 ppm of range
        (0.13, 0.13 * 30e-6 + 1.0 * 9e-6),  # 1 V range: 30 ppm of reading, 7 + 2 ppm of range
        (-1.1, 1.1 * 30e-6 + 1.0 * 9e-6),  # 20 % over-range: still on the 1 V range
        (1.19, 1.19 * 30e-6 + 1.0 * 9e-6),
        (1.21, 1.21 * 30e-6 + 10.0 * 5e-6),  # 10 V range: 30 ppm of reading, 5 ppm of range
    ],
)
def test_autorange_of_the_photodiode_meter_goes_20_percent_beyond_a_range(signal: float, limit: float) -> None:
    """Model 2000 specifications, one year, 1 PLC without filter: 120 % of every range up to 100 V."""
    assert photodiode_limit(signal, CONDITIONS) == pytest.approx(limit, rel=1e-9)
    assert photodiode_limit(np.array([signal, nan]), CONDITIONS)[0] == pytest.approx(limit, rel=1e-9)


def test_a_fixed_range_counts_whatever_is_read_on_it() -> None:
    fixed = Conditions(emissive_area=1.4e-5, transfer=5e6, photodiode_range=10.0)
    assert photodiode_limit(0.05, fixed) == pytest.approx(0.05 * 30e-6 + 10.0 * 5e-6, rel=1e-9)
    assert isnan(photodiode_limit(nan, fixed))


def test_the_photodiode_meter_errs_by_what_it_read_not_by_what_is_left_of_it() -> None:
    """5 V, of which 4.5 V are dark: the limit of error is that of 5 V on the 10 V range, relative to 0.5 V."""
    values = dict.fromkeys(DERIVED, 1.0)
    factors = spectral_factors(gaussian(520.0, 19.0), CALIBRATION.photodiode)
    signals = Signals(current=1e-3, voltage=5.0, photodiode_signal=5.0, photocurrent=0.5 / 5e6)
    spread = uncertainties(values, signals, factors, 0.0, CALIBRATION, dark_deviation=0.0)
    assert spread["luminance_uncertainty"] == pytest.approx((5.0 * 30e-6 + 10.0 * 5e-6) / sqrt(3) / 0.5, rel=1e-9)
    noisy = uncertainties(values, signals, factors, 0.0, CALIBRATION, dark_deviation=0.01)
    assert noisy["luminance_uncertainty"] == pytest.approx(0.01 / 0.5, rel=1e-3)
