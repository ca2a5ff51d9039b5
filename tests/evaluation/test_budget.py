"""The uncertainty budget: limits of error as the data sheets give them, of what the meter really read."""

from __future__ import annotations

from dataclasses import replace
from math import hypot, isnan, nan, sqrt

import numpy as np
import pytest

from acquire.evaluation.budget import (
    DarkScatter,
    Signals,
    device_voltage_uncertainty,
    lead_uncertainty,
    photodiode_limit,
    point_budget,
    spot_uncertainty,
    uncertainties,
)
from acquire.evaluation.calibration import Calibration, Conditions, LightUncertainty
from acquire.evaluation.evidence import Absolute
from acquire.evaluation.routes import REPEATABILITY, absolute_budget
from acquire.photometry.factors import spectral_factors
from acquire.photometry.grid import WAVELENGTH, integrate
from acquire.photometry.luminous import luminance
from acquire.photometry.photodiode import PhotodiodeCalibration, calibration_from_geometry
from acquire.photometry.spectra import gaussian
from acquire.photometry.terms import OF_A_POINT, terms
from acquire.photometry.uncertainty import Budget, relative_uncertainty
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


def relative_of_luminance(
    signal: float, in_dark: float, dark: DarkScatter, conditions: Conditions = CONDITIONS
) -> float:
    values = dict.fromkeys(DERIVED, 1.0)
    factors = spectral_factors(gaussian(520.0, 19.0), CALIBRATION.photodiode)
    signals = Signals(current=1e-3, voltage=5.0, photodiode_signal=signal, photocurrent=(signal - in_dark) / 5e6)
    calibration = replace(CALIBRATION, conditions=conditions)
    return uncertainties(values, signals, factors, 0.0, calibration, dark)["luminance_uncertainty"]


def test_the_photodiode_meter_errs_by_what_it_read_not_by_what_is_left_of_it() -> None:
    """5 V, of which 4.5 V are dark: the limit of error is that of 5 V on the 10 V range, relative to 0.5 V."""
    assert relative_of_luminance(5.0, 4.5, DarkScatter()) == pytest.approx(
        (5.0 * 30e-6 + 10.0 * 5e-6) / sqrt(3) / 0.5, rel=1e-9
    )
    noisy = relative_of_luminance(5.0, 4.5, DarkScatter(0.01, 4))
    assert noisy == pytest.approx(0.01 * sqrt(1 + 1 / 4) / 0.5, rel=1e-3)


def test_the_offset_drops_out_where_light_and_dark_were_read_on_one_range() -> None:
    """0.5 mV and 0.1 mV, both on the 0.1 V range: 35 ppm of range are in both, not the noise and a count."""
    known = DarkScatter(0.0, 10)
    assert relative_of_luminance(5e-4, 1e-4, known) == pytest.approx(
        (5e-4 * 50e-6 + 15e-7 + 1e-7) / sqrt(3) / 4e-4, rel=1e-9
    )
    on_two = hypot(0.5 * 30e-6 + 9e-6, 1e-4 * 50e-6 + 5e-6) / sqrt(3) / (0.5 - 1e-4)
    assert relative_of_luminance(0.5, 1e-4, known) == pytest.approx(on_two, rel=1e-9)
    fixed = replace(CONDITIONS, photodiode_range=1.0)
    on_one = (0.5 * 30e-6 + 2e-6 + 1e-6) / sqrt(3) / (0.5 - 1e-4)
    assert relative_of_luminance(0.5, 1e-4, known, fixed) == pytest.approx(on_one, rel=1e-9)


def test_filter_and_auto_zero_count_as_they_were_set() -> None:
    """Model 2000: ten readings averaged make up for speed; without auto-zero 2 ppm of range and 5 uV more."""
    plain = photodiode_limit(0.05, CONDITIONS)
    filtered = photodiode_limit(0.05, replace(CONDITIONS, filter_count=10))
    assert plain - filtered == pytest.approx(15e-6 * 0.1, rel=1e-9)
    without = photodiode_limit(0.05, replace(CONDITIONS, autozero=False))
    assert without - plain == pytest.approx(2e-6 * 0.1 + 5e-6, rel=1e-9)


def test_the_independent_part_is_what_the_meters_and_the_noise_leave() -> None:
    values = dict.fromkeys(DERIVED, 1.0)
    calibration = replace(CALIBRATION, uncertainty=LightUncertainty(emissive_area=1.4e-7, luminance_scale=0.0115))
    factors = spectral_factors(gaussian(520.0, 19.0), calibration.photodiode)
    signals = Signals(current=1e-3, voltage=5.0, photodiode_signal=0.5, photocurrent=0.5 / 5e6)
    spread = uncertainties(values, signals, factors, 0.0, calibration, DarkScatter(0.001, 10))
    noise, meter = (
        0.001 / 0.5,
        hypot(photodiode_limit(0.5, CONDITIONS), photodiode_limit(0.0, CONDITIONS)) / sqrt(3) / 0.5,
    )
    assert spread["luminance_independent_uncertainty"] == pytest.approx(hypot(noise, meter), rel=1e-9)
    common = sqrt(spread["luminance_uncertainty"] ** 2 - spread["luminance_independent_uncertainty"] ** 2)
    assert common == pytest.approx(hypot(0.0115, noise / sqrt(10)), rel=1e-9)


def test_of_an_absolute_spectrum_eqe_keeps_one_over_lambda_of_the_wavelength_scale() -> None:
    """EQE = pi e F I[L lambda]/(h c J): displaced by 1 nm it changes by 1/(mean wavelength); L by what V does."""
    line, displaced = gaussian(520.0, 19.0), gaussian(521.0, 19.0)
    calibration = replace(CALIBRATION, uncertainty=LightUncertainty(wavelength=1.0))
    signals = Signals(current=1e-3, voltage=5.0, photodiode_signal=nan, photocurrent=nan)
    absolute = Absolute(100.0, 1.0, luminance_noise=0.002, photon_noise=0.005, drift=0.01)
    budget = absolute_budget(signals, spectral_factors(line, CALIBRATION.photodiode), absolute, calibration)
    by_photons = integrate(displaced * WAVELENGTH) / integrate(line * WAVELENGTH) - 1
    assert budget.eqe_sensitivity == pytest.approx(by_photons, rel=1e-3)
    assert budget.luminance_sensitivity == pytest.approx(luminance(displaced) / luminance(line) - 1, rel=0.03)
    assert (budget.calibration, budget.meter, budget.repositioning) == (0.0, 0.0, 0.0)
    u = relative_uncertainty(budget._replace(wavelength=0.0, area=0.0, current=0.0))
    assert u.luminance == pytest.approx(hypot(0.002, REPEATABILITY, 0.005 / sqrt(3)))
    assert u.external_quantum_efficiency == pytest.approx(hypot(0.005, REPEATABILITY, 0.005 / sqrt(3)))


def test_a_spot_within_the_pixel_costs_nothing_and_one_beyond_it_its_dark_share() -> None:
    """Pixel of 3.74 mm side: a spot of 1 mm fits; of 6 mm, 14 mm^2 of 28.3 mm^2 are lit."""
    within, beyond = (replace(CONDITIONS, spot=diameter) for diameter in (1e-3, 6e-3))
    assert spot_uncertainty(CONDITIONS) == 0.0
    assert spot_uncertainty(within) == 0.0
    assert spot_uncertainty(beyond) == pytest.approx((1 - 14 / (np.pi * 9)) / sqrt(3))


def test_the_dark_share_of_a_spot_that_meets_the_edges_is_that_of_a_fine_grid() -> None:
    conditions = replace(CONDITIONS, spot=4.5e-3)
    x = np.linspace(-2.25e-3, 2.25e-3, 2001)
    inside = np.hypot(*np.meshgrid(x, x)) <= 2.25e-3
    side = sqrt(1.4e-5) / 2
    lit = (abs(x) <= side)[:, None] & (abs(x) <= side)
    assert spot_uncertainty(conditions) * sqrt(3) == pytest.approx(1 - (inside & lit).sum() / inside.sum(), abs=1e-3)


def test_first_principles_need_no_spectroradiometer_for_the_scale_nor_the_area_for_efficiency() -> None:
    stated = LightUncertainty(emissive_area=1.4e-7, luminance_scale=0.0115)
    geometry = replace(
        CALIBRATION,
        photodiode=calibration_from_geometry(1.4e-7, 6.0e-4 * WAVELENGTH - 0.012),
        uncertainty=stated,
        conditions=replace(CONDITIONS, spot=6e-3),
    )
    factors = spectral_factors(gaussian(520.0, 19.0), geometry.photodiode)
    signals = Signals(current=1e-3, voltage=5.0, photodiode_signal=0.5, photocurrent=0.5 / 5e6)
    budget = point_budget(1000.0, signals, factors, 0.0, geometry, DarkScatter())
    assert (budget.luminance_scale, budget.spot, budget.area_in_luminance) == (0.0, 0.0, 1.0)
    u = relative_uncertainty(budget)
    assert u.luminance == pytest.approx(0.01, rel=1e-3)
    assert u.current_efficiency < 1e-3


def test_the_leads_are_a_term_of_their_own_and_the_same_for_all_points() -> None:
    """10 mA through 50 +- 5 ohm: 0.05 V of the 7.5 V that are left of 8 V, a normal error, not the voltmeter's."""
    conditions = Conditions(1.4e-5, 5e6, lead_resistance=50.0)
    calibration = Calibration(conditions=conditions, uncertainty=LightUncertainty(lead_resistance=5.0))
    signals = Signals(10e-3, 8.0, 1.0, 1e-7)
    assert lead_uncertainty(signals, calibration) == pytest.approx(0.05 / 7.5)
    assert device_voltage_uncertainty(signals, calibration) < 0.001
    (term,) = terms(Budget(leads=0.05 / 7.5), OF_A_POINT["voltage"])
    assert (term.name, term.distribution, term.part) == ("leads", "normal", "common")
    assert relative_uncertainty(Budget(leads=0.01)).power_efficiency == 0.01
