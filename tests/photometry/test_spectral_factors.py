import json
from math import log10
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.photometry import luminous, photodiode
from acquire.photometry.colour import chromaticity
from acquire.photometry.efficiency import current_efficiency, eqe_from_luminance, kappa
from acquire.photometry.factors import blend_factors, spectral_factors
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.line_shape import line_shape
from acquire.photometry.spectra import blend, gaussian
from tests.photometry.reference_lines import LINES, RESPONSIVITY, S1, S2, split_pseudo_voigt

ETENDUE = photodiode.etendue_of_discs(14e-6, 100e-6, 0.1)
WAY_B = photodiode.calibration_from_geometry(ETENDUE, RESPONSIVITY)
DEVICES = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text("utf-8"))


@pytest.mark.parametrize("name", ["S1", "S2", "S3", "S4", "S6", "S7"])
def test_factors_are_what_the_single_functions_say(name):
    spectrum = 3e-4 * LINES[name]
    factors = spectral_factors(spectrum, WAY_B, smoothing=False)
    shape = line_shape(spectrum)
    expected = photodiode.luminance_per_photocurrent(spectrum, RESPONSIVITY, ETENDUE)
    assert factors.luminance_per_photocurrent == pytest.approx(expected, rel=1e-12)
    assert factors.kappa == pytest.approx(kappa(spectrum), rel=1e-12)
    assert factors.efficacy == pytest.approx(luminous.luminous_efficacy_of_radiation(spectrum), rel=1e-12)
    assert (factors.chromaticity_x, factors.chromaticity_y) == pytest.approx(chromaticity(spectrum), rel=1e-12)
    assert (factors.peak_wavelength, factors.fwhm) == (shape.peak_wavelength, shape.fwhm)
    assert not factors.truncated


def test_peak_and_width_are_smoothed_unless_told_otherwise():
    assert spectral_factors(S1).fwhm == line_shape(S1, smoothing=True).fwhm


def test_a_truncated_spectrum_is_marked():
    assert spectral_factors(gaussian(760, 40)).truncated


def test_without_photodiode_there_is_no_luminance_but_all_the_rest():
    factors = spectral_factors(S1)
    assert np.isnan(factors.luminance_per_photocurrent)
    assert factors.kappa == pytest.approx(kappa(S1), rel=1e-12)


def test_way_a_gives_the_mismatch_of_other_spectra():
    broad = gaussian(550, 60)
    calibration = photodiode.calibration_from_factor(1e10, RESPONSIVITY, broad)
    assert spectral_factors(broad, calibration).luminance_per_photocurrent == pytest.approx(1e10, rel=1e-12)
    assert spectral_factors(S1, calibration).luminance_per_photocurrent == pytest.approx(0.855516018e10, rel=1e-8)


def test_way_a_without_responsivity_keeps_its_factor():
    calibration = photodiode.calibration_from_factor(1e10)
    assert spectral_factors(S1, calibration).luminance_per_photocurrent == pytest.approx(1e10, rel=1e-12)
    assert spectral_factors(S2, calibration).luminance_per_photocurrent == pytest.approx(1e10, rel=1e-12)


def test_interpolation_in_luminance():
    lower, upper = spectral_factors(S1), spectral_factors(gaussian(519, 20))
    assert 0.01 / lower.kappa == pytest.approx(3.59500027, rel=1e-8)
    assert 0.01 / upper.kappa == pytest.approx(3.50565536, rel=1e-8)
    assert 0.01 / blend_factors(lower, upper, 0.47712125472).kappa == pytest.approx(3.55241482, rel=1e-8)


lines = st.builds(gaussian, st.floats(430, 680), st.floats(8, 80))


@given(lines, lines, st.floats(0, 1))
def test_blended_factors_are_those_of_the_blended_spectrum(first, second, weight):
    blended = blend_factors(spectral_factors(first, WAY_B), spectral_factors(5 * second, WAY_B), weight)
    direct = spectral_factors(blend(first, second, weight), WAY_B)
    for name in (
        "luminance_per_photocurrent",
        "kappa",
        "efficacy",
        "chromaticity_x",
        "chromaticity_y",
        "luminance_sensitivity",
        "eqe_sensitivity",
        "x_sensitivity",
        "y_sensitivity",
    ):
        assert getattr(blended, name) == pytest.approx(getattr(direct, name), rel=1e-9, abs=1e-12)


@given(lines, lines)
def test_blend_ends_on_its_spectra(first, second):
    lower, upper = spectral_factors(first, WAY_B), spectral_factors(second, WAY_B)
    assert blend_factors(lower, upper, 0.0).kappa == lower.kappa
    assert blend_factors(lower, upper, 1.0).luminance_per_photocurrent == upper.luminance_per_photocurrent


def test_a_blend_has_no_line_shape_of_its_own():
    blended = blend_factors(spectral_factors(S1), spectral_factors(gaussian(760, 40)), 0.5)
    assert np.isnan([blended.peak_wavelength, blended.fwhm]).all()
    assert blended.truncated


def test_blending_beyond_the_ends_or_across_calibrations_is_refused():
    factors = spectral_factors(S1, WAY_B)
    with pytest.raises(ValueError, match="never extrapolated"):
        blend_factors(factors, factors, -0.1)
    with pytest.raises(ValueError, match="calibrations"):
        blend_factors(factors, spectral_factors(S1), 0.5)


@pytest.mark.parametrize("spectrum", [np.zeros(401), -S1, np.full(401, np.nan), np.ones(7)])
def test_what_is_no_light_has_no_factors(spectrum):
    with pytest.raises(ValueError, match="spectrum"):
        spectral_factors(spectrum, WAY_B)


def test_light_the_photodiode_cannot_see_has_no_factors():
    blind = photodiode.PhotodiodeCalibration(1e10, np.zeros(401))
    with pytest.raises(ValueError, match="photodiode"):
        spectral_factors(S1, blind)


def displaced(by):
    return np.exp(-4 * np.log(2) * ((WAVELENGTH - 530 - by) / 40) ** 2)


def slope(quantity):
    """Central difference of ln quantity when the line moves by +-0.5 nm."""
    return np.log(quantity(displaced(0.5)) / quantity(displaced(-0.5)))


def eqe_by_way_b(spectrum):
    return photodiode.eqe_from_photocurrent(1e-3, 1e-8, spectrum, RESPONSIVITY, 0.01)


def test_sensitivities_by_way_b_are_those_of_a_displaced_line():
    factors = spectral_factors(displaced(0), WAY_B)
    of_luminance = slope(lambda s: photodiode.luminance_per_photocurrent(s, RESPONSIVITY, ETENDUE))
    assert factors.luminance_sensitivity == pytest.approx(of_luminance, rel=1e-3)
    assert factors.eqe_sensitivity == pytest.approx(slope(eqe_by_way_b), rel=1e-3)


def test_sensitivities_by_way_a_are_those_of_the_spectroradiometer():
    # k_L was fixed under this very spectrum: photodiode and responsivity no longer matter.
    with_responsivity = photodiode.calibration_from_factor(1e10, RESPONSIVITY, displaced(0))
    for calibration in (with_responsivity, photodiode.calibration_from_factor(1e10), None):
        factors = spectral_factors(displaced(0), calibration)
        assert factors.luminance_sensitivity == pytest.approx(slope(luminous.luminance), rel=1e-3)
        assert factors.eqe_sensitivity == pytest.approx(1 / 530, rel=1e-3)


def test_colour_moves_as_that_of_a_displaced_line():
    factors = spectral_factors(displaced(0))
    x, y = np.subtract(chromaticity(displaced(0.5)), chromaticity(displaced(-0.5)))
    assert (factors.x_sensitivity, factors.y_sensitivity) == pytest.approx((x, y), rel=1e-3)


def test_sensitivities_of_the_published_line():
    point = DEVICES["devices"][2]["reference_points"][4]
    factors = spectral_factors(spectrum_at(DEVICES["devices"][2], point["J_A_m2"]))
    c_kappa = factors.eqe_sensitivity - factors.luminance_sensitivity
    assert factors.luminance_sensitivity == pytest.approx(2.184e-2, rel=2.5e-3)
    assert c_kappa == pytest.approx(-1.991e-2, rel=2.5e-3)


def spectrum_at(device, current_density):
    shared, own = DEVICES["shared"]["spectrum"], device["spectrum"]
    shift = shared["shift_nm_per_decade_of_J"] * log10(current_density / own["J_ref_A_m2"])
    return split_pseudo_voigt(shared["mu_nm"] + shift, shared["fwhm_nm"], own["r"], own["eta_blue"], own["eta_red"])


POINTS = [(device, point) for device in DEVICES["devices"] for point in device["reference_points"]]


@pytest.mark.parametrize(("device", "point"), POINTS, ids=lambda d: d.get("id") or f"{d['V_V']} V")
def test_reference_points_of_the_simulated_devices(device, point):
    factors = spectral_factors(spectrum_at(device, point["J_A_m2"]), WAY_B)
    assert factors.luminance_per_photocurrent * point["I_pd_A"] == pytest.approx(point["L_cd_m2"], rel=1e-5)
    ce = current_efficiency(point["L_cd_m2"], point["J_A_m2"])
    assert 100 * eqe_from_luminance(ce, factors.kappa) == pytest.approx(point["EQE_pct"], rel=1e-5)
    assert (factors.chromaticity_x, factors.chromaticity_y) == pytest.approx((point["x"], point["y"]), rel=1e-6)
