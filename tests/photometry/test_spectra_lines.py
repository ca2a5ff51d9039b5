import colour
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.photometry.grid import WAVELENGTH, integrate, on_grid
from acquire.photometry.line_shape import centroid, line_shape, peak_wavelength, smoothed
from acquire.photometry.spectra import blend, gaussian, is_truncated, log_weight, normalised, signal_to_noise
from tests.photometry.reference_lines import LINES, S1, S2, S5, S6, S7

lines = st.builds(gaussian, st.floats(400, 760), st.floats(5, 120))


@pytest.mark.parametrize(("name", "area"), [("S1", 20.2248734), ("S2", 21.2052145), ("S5", 400.0)])
def test_integral(name, area):
    assert integrate(LINES[name]) == pytest.approx(area, rel=1e-8)


@pytest.mark.parametrize(
    ("name", "peak", "fwhm", "middle"),
    [
        ("S1", 520.000, 19.0101475, 520.0),
        ("S2", 520.133803, 19.0019605, 523.670697),
        ("S6", 450.003035, 20.0141756, 514.285714),
    ],
)
def test_line_shape(name, peak, fwhm, middle):
    shape = line_shape(LINES[name])
    assert shape.peak_wavelength == pytest.approx(peak, rel=1e-8)
    assert peak_wavelength(LINES[name]) == shape.peak_wavelength
    assert shape.fwhm == pytest.approx(fwhm, rel=1e-8)
    assert shape.centroid == pytest.approx(middle, rel=1e-8)
    assert not shape.fwhm_open


def test_two_peaks_are_told_from_one():
    one, two = line_shape(S1), line_shape(S7)
    assert not one.multi_peak
    assert one.fwhm_total == one.fwhm
    assert two.multi_peak
    assert two.fwhm_total == pytest.approx(640 - 450 + 20, abs=0.1)
    assert two.fwhm == pytest.approx(20, abs=0.1)


def test_second_peak_above_half_height_makes_the_total_width():
    assert line_shape(S6).multi_peak
    assert line_shape(gaussian(450, 20) + 0.4 * gaussian(600, 20)).multi_peak is False


@pytest.mark.parametrize("spectrum", [S5, gaussian(778, 30), gaussian(382, 30), gaussian(900, 100)])
def test_a_line_cut_off_has_no_width(spectrum):
    shape = line_shape(spectrum)
    assert shape.fwhm_open
    assert np.isnan(shape.fwhm)
    assert not shape.multi_peak


def test_a_lobe_running_out_of_the_window_leaves_the_main_width():
    shape = line_shape(gaussian(520, 20) + 0.9 * gaussian(779, 30))
    assert shape.fwhm == pytest.approx(20, abs=0.05)
    assert np.isnan(shape.fwhm_total)
    assert shape.multi_peak


def test_peak_at_the_end_of_the_grid_is_the_sample():
    assert line_shape(gaussian(900, 100)).peak_wavelength == 780.0


@pytest.mark.parametrize("spectrum", [np.zeros(401), -S1])
def test_without_light_there_is_no_line(spectrum):
    shape = line_shape(spectrum)
    assert np.isnan([shape.peak_wavelength, shape.fwhm, shape.fwhm_total, shape.centroid]).all()


def test_a_single_sharp_spike_is_survived():
    spectrum = np.zeros(401)
    spectrum[100:103] = 1.0, 1.0, -100.0
    shape = line_shape(spectrum)
    assert np.isfinite(shape.fwhm)


def test_smoothing_is_the_published_filter():
    impulse = np.zeros(401)
    impulse[200] = 231.0
    kernel = smoothed(impulse)[196:205]
    np.testing.assert_allclose(kernel, [-21, 14, 39, 54, 59, 54, 39, 14, -21], atol=1e-10)


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=4))
def test_smoothing_leaves_every_cubic_alone_up_to_the_ends(coefficients):
    cubic = np.polyval(coefficients, (WAVELENGTH - 580) / 200)
    np.testing.assert_allclose(smoothed(cubic), cubic, atol=1e-9)


def test_smoothing_steadies_the_peak_and_widens_the_line_little():
    noise = np.random.default_rng(7)
    noisy = [S1 + 0.01 * np.sqrt(S1) * noise.standard_normal(401) for _ in range(200)]
    raw = np.std([line_shape(s).peak_wavelength for s in noisy])
    steady = [line_shape(s, smoothing=True) for s in noisy]
    assert np.std([shape.peak_wavelength for shape in steady]) < raw / 2
    bias = np.mean([shape.fwhm for shape in steady]) - line_shape(S1).fwhm
    assert bias == pytest.approx(0.035, abs=0.02)


def test_smoothing_never_touches_the_centroid():
    assert line_shape(S2, smoothing=True).centroid == centroid(S2)


@given(lines, st.floats(1e-9, 1e9))
def test_shape_does_not_depend_on_scale(spectrum, scale):
    one, other = line_shape(spectrum), line_shape(spectrum * scale)
    assert other.peak_wavelength == pytest.approx(one.peak_wavelength, abs=1e-6)
    assert other.centroid == pytest.approx(one.centroid, rel=1e-12)
    assert other.fwhm == pytest.approx(one.fwhm, rel=1e-9, nan_ok=True)


@given(st.floats(450, 700), st.floats(10, 60))
def test_width_and_place_of_a_line_are_found_again(centre, fwhm):
    shape = line_shape(gaussian(centre, fwhm))
    assert shape.peak_wavelength == pytest.approx(centre, abs=0.01)
    assert shape.fwhm == pytest.approx(fwhm, abs=0.06)


def test_blend_at_its_ends_is_each_spectrum():
    np.testing.assert_allclose(blend(S1, 7 * S2, 0.0), normalised(S1), rtol=1e-12)
    np.testing.assert_allclose(blend(S1, 7 * S2, 1.0), normalised(S2), rtol=1e-12)


@given(lines, lines, st.floats(0, 1))
def test_blend_keeps_unit_area(lower, upper, weight):
    assert integrate(blend(lower, upper, weight)) == pytest.approx(1.0, rel=1e-12)


def test_blend_never_extrapolates():
    with pytest.raises(ValueError, match="never extrapolated"):
        blend(S1, S2, 1.2)


def test_log_weight():
    assert log_weight(300, 100, 1000) == pytest.approx(0.477121255, rel=1e-8)
    assert log_weight(5, 5, 5) == 0.0


@pytest.mark.parametrize("spectrum", [np.zeros(401), -S1])
def test_without_light_there_is_nothing_to_normalise(spectrum):
    with pytest.raises(ValueError, match="no light"):
        normalised(spectrum)


@pytest.mark.parametrize("wrong", [np.ones(400), np.full(401, np.nan), np.ones((2, 401)), np.full(401, np.inf)])
def test_what_is_no_spectrum_is_refused(wrong):
    with pytest.raises(ValueError, match="a spectrum"):
        normalised(wrong)
    with pytest.raises(ValueError, match="a spectrum"):
        line_shape(wrong)


@pytest.mark.parametrize(
    ("centre", "fwhm", "share"),
    [
        (390, 20, 0.88456),
        (400, 20, 0.99120),
        (700, 40, 1.00000),
        (720, 40, 0.99977),
        (740, 40, 0.99014),
        (760, 40, 0.87596),
        (780, 40, 0.49131),
        (800, 40, 0.11535),
    ],
)
def test_truncation_is_flagged_before_one_photon_in_a_hundred_is_lost(centre, fwhm, share):
    far = np.arange(200.0, 1201.0)
    photons = np.exp(-4 * np.log(2) * ((far - centre) / fwhm) ** 2) * far
    inside = np.trapezoid(photons[180:581]) / np.trapezoid(photons)
    assert inside == pytest.approx(share, abs=1e-5)
    assert is_truncated(gaussian(centre, fwhm)) == (share < 0.992)


def test_a_flat_spectrum_is_truncated():
    assert is_truncated(S5)
    assert not is_truncated(S1)


@pytest.mark.parametrize("noise", [0.2, 0.02, 0.002])
@pytest.mark.parametrize("fwhm", [10, 19, 80])
def test_signal_to_noise_is_found_again(noise, fwhm):
    spectrum = gaussian(520, fwhm) + noise * np.random.default_rng(3).standard_normal(401)
    assert signal_to_noise(spectrum) == pytest.approx(spectrum.max() / noise, rel=0.25)


def test_signal_to_noise_without_noise_is_unlimited():
    assert signal_to_noise(np.where(np.abs(WAVELENGTH - 500) < 20, 1.0, 0.0)) == np.inf


def test_noise_alone_has_no_signal():
    assert signal_to_noise(np.random.default_rng(5).standard_normal(401)) < 5


def test_curves_are_interpolated_linearly_onto_the_grid():
    assert on_grid([300, 1100], [0.0, 0.8])[0] == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("wavelength", "values", "complaint"),
    [
        ([400, 800], [0, 1], "380-780 nm are needed"),
        ([300, 700], [0, 1], "380-780 nm are needed"),
        ([300, 300, 900], [0, 1, 2], "ascend"),
        ([900, 300], [0, 1], "ascend"),
        ([300, 900], [0, np.nan], "missing"),
        ([300, 900], [0, 1, 2], "as many"),
        ([300], [1], "at least two"),
    ],
)
def test_what_is_no_curve_is_refused(wavelength, values, complaint):
    with pytest.raises(ValueError, match=complaint):
        on_grid(wavelength, values)


def test_gaussian_is_that_of_colour_science():
    theirs = colour.colorimetry.sd_gaussian_fwhm(520, 19, colour.SpectralShape(380, 780, 1))
    np.testing.assert_allclose(S1, theirs.values, atol=1e-12)


@pytest.mark.parametrize("fwhm", [0.0, -3.0, np.nan])
def test_a_line_has_a_width(fwhm):
    with pytest.raises(ValueError, match="positive"):
        gaussian(520, fwhm)
