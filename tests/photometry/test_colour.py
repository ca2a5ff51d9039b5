import colour
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.photometry.colour import (
    chromaticity,
    colour_temperature,
    dominant_wavelength,
    tristimulus,
    uniform_chromaticity,
)
from acquire.photometry.luminous import luminance
from acquire.photometry.spectra import gaussian
from tests.photometry.reference_lines import LINES, S1, S5, S8, black_body

XY = {
    "S1": (0.0906586075, 0.803191598),
    "S3": (0.135305845, 0.0447108249),
    "S4": (0.695648705, 0.304229561),
    "S5": (0.333343217, 0.333349514),
    "S6": (0.256064333, 0.349974223),
    "S7": (0.287203770, 0.0821580900),
}


@pytest.mark.parametrize("name", XY)
def test_chromaticity(name):
    assert chromaticity(LINES[name]) == pytest.approx(XY[name], rel=1e-7)


def test_chromaticity_of_the_published_device():
    assert chromaticity(LINES["S2"]) == pytest.approx((0.12, 0.79), abs=1e-8)


@pytest.mark.parametrize("name", [name for name in LINES if name != "S5"])
def test_chromaticity_is_that_of_colour_science(name):
    sd = colour.SpectralDistribution(LINES[name], range(380, 781))
    cmfs = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(sd.shape)
    theirs = colour.XYZ_to_xy(colour.sd_to_XYZ(sd, cmfs, method="Integration"))
    # They sum where we take trapezoids: equal for lines that vanish at both ends.
    np.testing.assert_allclose(chromaticity(LINES[name]), theirs, atol=2e-7)


def test_uniform_chromaticity():
    assert uniform_chromaticity(*XY["S1"]) == pytest.approx((0.029110938, 0.580295003), rel=1e-7)


def test_y_is_luminance():
    assert 683.002 * tristimulus(S1)[1] == pytest.approx(luminance(S1), rel=1e-12)


def test_the_dark_has_no_colour():
    assert np.isnan(chromaticity(np.zeros(401))).all()


@pytest.mark.parametrize(
    ("name", "wavelength", "purity"),
    [
        ("S1", 520.069095, 0.938797252),
        ("S2", 523.378245, 0.918207051),
        ("S3", 465.895087, 0.992047796),
        ("S4", 622.137617, 1.0),
        ("S6", 494.471639, 0.251083820),
        ("S7", -561.627387, 0.903028402),
    ],
)
def test_dominant_wavelength(name, wavelength, purity):
    found = dominant_wavelength(*chromaticity(LINES[name]))
    assert found.wavelength == pytest.approx(wavelength, rel=1e-8)
    assert found.purity == pytest.approx(purity, rel=1e-8)


def test_dominant_wavelength_depends_on_the_white_point():
    found = dominant_wavelength(*chromaticity(S1), white=(0.31272, 0.32903))
    assert found.wavelength == pytest.approx(520.256177, rel=1e-8)
    assert found.purity == pytest.approx(0.939219024, rel=1e-8)


@pytest.mark.parametrize("name", ["S1", "S2", "S3", "S4", "S6", "S7"])
def test_dominant_wavelength_lies_on_the_locus_of_colour_science(name):
    cmfs = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]
    locus = colour.XYZ_to_xy(cmfs.values)
    xy = chromaticity(LINES[name])
    found = dominant_wavelength(*xy)
    on_locus = np.array([np.interp(abs(found.wavelength), cmfs.wavelengths, column) for column in locus.T])
    ray, to_locus = np.array(xy) - 1 / 3, on_locus - 1 / 3
    assert ray[0] * to_locus[1] - ray[1] * to_locus[0] == pytest.approx(0.0, abs=1e-12)
    assert np.sign(ray @ to_locus) == np.sign(found.wavelength)
    if found.wavelength > 0:
        share = np.linalg.norm(ray) / np.linalg.norm(to_locus)
        assert found.purity == pytest.approx(min(share, 1.0), rel=1e-9)


@pytest.mark.parametrize("centre", [450.0, 480.5, 520.25, 555.0, 580.75, 610.0])
def test_a_laser_is_its_own_dominant_wavelength(centre):
    spectrum = np.zeros(401)
    i = int(centre - 380)
    spectrum[i : i + 2] = 1 - centre % 1, centre % 1
    found = dominant_wavelength(*chromaticity(spectrum))
    # Between two nodes the light is a mixture of both, weighted by their brightness.
    assert found.wavelength == pytest.approx(centre, abs=0.02)
    assert found.purity == pytest.approx(1.0, abs=1e-9)


@given(st.floats(450, 620), st.floats(0.05, 0.95))
def test_mixing_with_white_keeps_the_dominant_wavelength(centre, share):
    white = (1 / 3, 1 / 3)
    x, y = chromaticity(gaussian(centre, 10))
    full, mixed = (
        dominant_wavelength(white[0] + s * (x - white[0]), white[1] + s * (y - white[1])) for s in (1.0, share)
    )
    assert mixed.wavelength == pytest.approx(full.wavelength, abs=1e-6)
    assert mixed.purity == pytest.approx(share * full.purity, abs=1e-4)


def test_white_has_no_dominant_wavelength():
    found = dominant_wavelength(1 / 3, 1 / 3)
    assert np.isnan(found.wavelength)
    assert found.purity == 0.0


def test_an_unknown_colour_has_no_dominant_wavelength():
    found = dominant_wavelength(float("nan"), 0.3)
    assert np.isnan([found.wavelength, found.purity]).all()


@pytest.mark.parametrize(("name", "temperature", "duv"), [("S5", 5454.96, -0.004419), ("S6", 9495.24, 0.042490)])
def test_colour_temperature(name, temperature, duv):
    found = colour_temperature(*chromaticity(LINES[name]))
    assert found.temperature == pytest.approx(temperature, abs=1)
    assert found.duv == pytest.approx(duv, abs=1e-5)


def test_colour_temperature_of_a_black_body():
    found = colour_temperature(*chromaticity(S8))
    assert found.temperature == pytest.approx(3000, abs=1)
    assert abs(found.duv) < 1e-5


@pytest.mark.parametrize("temperature", [1500, 2856, 4500, 6500, 15000])
def test_black_bodies_are_found_again_as_by_colour_science(temperature):
    xy = chromaticity(black_body(temperature))
    ours = colour_temperature(*xy)
    # The grid leaves out what the locus has beyond 380 and 780 nm.
    assert ours.temperature == pytest.approx(temperature, rel=3e-3)
    uv = colour.UCS_to_uv(colour.XYZ_to_UCS(colour.xy_to_XYZ(xy)))
    theirs, duv = colour.temperature.uv_to_CCT_Ohno2013(uv)
    assert ours.temperature == pytest.approx(theirs, rel=1e-3)
    assert ours.duv == pytest.approx(duv, abs=5e-5)


def test_flat_spectrum_has_the_colour_temperature_of_colour_science():
    xy = chromaticity(S5)
    theirs, duv = colour.temperature.uv_to_CCT_Ohno2013(colour.UCS_to_uv(colour.XYZ_to_UCS(colour.xy_to_XYZ(xy))))
    assert colour_temperature(*xy).temperature == pytest.approx(theirs, abs=2)
    assert colour_temperature(*xy).duv == pytest.approx(duv, abs=5e-5)


@pytest.mark.parametrize("xy", [XY["S1"], XY["S3"], XY["S4"], (float("nan"), 0.3), (0.24, 0.23), (0.72, 0.28)])
def test_no_colour_temperature_far_from_the_black_body(xy):
    found = colour_temperature(*xy)
    assert np.isnan([found.temperature, found.duv]).all()
