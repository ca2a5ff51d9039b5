from math import pi

import colour
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.photometry import efficiency, luminous
from acquire.photometry.constants import ELEMENTARY_CHARGE
from acquire.photometry.spectra import gaussian
from tests.photometry.reference_lines import LINES, S1

positive = st.floats(1e-6, 1e6)


@pytest.mark.parametrize(
    ("name", "efficacy", "cd_per_ampere_and_percent"),
    [
        ("S1", 473.680825, 3.59500027),
        ("S2", 494.258980, 3.72488408),
        ("S3", 53.6513771, 0.455349000),
        ("S4", 192.697896, 1.20712679),
        ("S6", 387.163377, 2.97102479),
    ],
)
def test_efficacy_and_kappa(name, efficacy, cd_per_ampere_and_percent):
    assert luminous.luminous_efficacy_of_radiation(LINES[name]) == pytest.approx(efficacy, rel=1e-8)
    assert 0.01 / efficiency.kappa(LINES[name]) == pytest.approx(cd_per_ampere_and_percent, rel=1e-8)


def test_efficacy_of_a_flat_spectrum():
    assert luminous.luminous_efficacy_of_radiation(LINES["S5"]) == pytest.approx(182.457836, rel=1e-8)


@pytest.mark.parametrize(("name", "energy"), [("S1", 2.38431151), ("S2", 2.36759855)])
def test_mean_photon_energy(name, energy):
    assert luminous.mean_photon_energy(LINES[name]) / ELEMENTARY_CHARGE == pytest.approx(energy, rel=1e-8)


@pytest.mark.parametrize("name", ["S1", "S2", "S3", "S4", "S6", "S7"])
def test_efficacy_is_that_of_colour_science(name):
    theirs = colour.luminous_efficacy(
        colour.SpectralDistribution(LINES[name], range(380, 781)),
        colour.SDS_LEFS["CIE 1924 Photopic Standard Observer"],
    )
    ours = luminous.luminous_efficacy_of_radiation(LINES[name])
    assert ours * 683 / 683.002 == pytest.approx(theirs, rel=1e-5)


def test_one_milliampere_into_fourteen_square_millimetres():
    j = efficiency.current_density(1e-3, 14e-6)
    ce = efficiency.current_efficiency(1000.0, j)
    radiance = luminous.radiance(1000.0, luminous.luminous_efficacy_of_radiation(S1))
    exitance = luminous.radiant_exitance(radiance)
    absolute = S1 * radiance / 20.22487342
    assert j == pytest.approx(71.4285714, rel=1e-8)
    assert ce == pytest.approx(14.0, rel=1e-12)
    assert efficiency.power_efficiency(ce, 5.0) == pytest.approx(8.79645943, rel=1e-8)
    assert efficiency.eqe_from_luminance(ce, efficiency.kappa(S1)) == pytest.approx(3.89429735e-2, rel=1e-8)
    assert radiance == pytest.approx(2.11112620, rel=1e-8)
    assert exitance == pytest.approx(6.63229855, rel=1e-8)
    assert luminous.photon_exitance(absolute) == pytest.approx(1.73616373e19, rel=1e-8)
    assert luminous.wall_plug_efficiency(exitance, j, 5.0) == pytest.approx(1.85704360e-2, rel=1e-8)


def test_from_an_absolute_spectrum():
    spectrum = 0.1 * S1
    light = luminous.luminance(spectrum)
    radiance = luminous.radiance(light, luminous.luminous_efficacy_of_radiation(spectrum))
    assert light == pytest.approx(958.013471, rel=1e-8)
    assert radiance == pytest.approx(2.02248734, rel=1e-8)
    assert luminous.radiant_exitance(radiance) == pytest.approx(6.35383136, rel=1e-8)
    assert luminous.photon_exitance(spectrum) == pytest.approx(1.66326824e19, rel=1e-8)
    assert efficiency.eqe_from_spectral_radiance(spectrum, 50.0) == pytest.approx(5.32969902e-2, rel=1e-8)


@given(st.floats(430, 680), st.floats(8, 80), positive, positive)
def test_luminance_and_spectral_radiance_lead_to_one_eqe(centre, fwhm, scale, j):
    spectrum = scale * gaussian(centre, fwhm)
    ce = efficiency.current_efficiency(luminous.luminance(spectrum), j)
    from_luminance = efficiency.eqe_from_luminance(ce, efficiency.kappa(spectrum), 0.9)
    assert efficiency.eqe_from_spectral_radiance(spectrum, j, 0.9) == pytest.approx(from_luminance, rel=1e-12)


@given(st.floats(430, 680), st.floats(8, 80), positive)
def test_relative_quantities_do_not_depend_on_scale(centre, fwhm, scale):
    spectrum = gaussian(centre, fwhm)
    for quantity in (
        efficiency.kappa,
        luminous.luminous_efficacy_of_radiation,
        luminous.mean_photon_energy,
    ):
        assert quantity(scale * spectrum) == pytest.approx(quantity(spectrum), rel=1e-12)


@given(st.floats(430, 680), st.floats(8, 80), positive, positive)
def test_lambertian_identities(centre, fwhm, scale, j):
    spectrum = scale * gaussian(centre, fwhm)
    light = luminous.luminance(spectrum)
    efficacy = luminous.luminous_efficacy_of_radiation(spectrum)
    exitance = luminous.radiant_exitance(luminous.radiance(light, efficacy))
    assert luminous.luminous_exitance(light) == pytest.approx(exitance * efficacy, rel=1e-12)
    assert luminous.luminous_exitance(light) == pytest.approx(pi * light, rel=1e-12)
    # Every photon carries the mean energy, and PE is the wall-plug efficiency seen by the eye.
    energy = luminous.photon_exitance(spectrum) * luminous.mean_photon_energy(spectrum)
    assert energy == pytest.approx(exitance, rel=1e-12)
    pe = efficiency.power_efficiency(efficiency.current_efficiency(light, j), 4.0)
    assert pe == pytest.approx(luminous.wall_plug_efficiency(exitance, j, 4.0) * efficacy, rel=1e-12)


def test_columns_give_what_points_give():
    light, j, v = np.array([-0.1, 10.0, 300.0]), np.array([0.5, 2.0, 30.0]), np.array([2.0, 3.0, 4.0])
    ce = efficiency.current_efficiency(light, j)
    pe = efficiency.power_efficiency(ce, v, 0.9)
    for k in range(3):
        point = efficiency.current_efficiency(float(light[k]), float(j[k]))
        assert ce[k] == point
        assert pe[k] == efficiency.power_efficiency(point, float(v[k]), 0.9)


@pytest.mark.parametrize("j", [0.0, -1e-9, float("nan")])
def test_without_current_there_is_no_efficiency(j):
    assert np.isnan(efficiency.current_efficiency(1.0, j))
    assert np.isnan(efficiency.current_efficiency(np.array([1.0]), np.array([j]))).all()
    assert np.isnan(efficiency.power_efficiency(1.0, j))
    assert np.isnan(efficiency.eqe_from_spectral_radiance(S1, j))


@pytest.mark.parametrize("area", [0.0, -1e-6, float("nan")])
def test_a_device_has_an_area(area):
    with pytest.raises(ValueError, match="area"):
        efficiency.current_density(1e-3, area)


def test_kappa_needs_visible_light():
    with pytest.raises(ValueError, match="visible"):
        efficiency.kappa(np.zeros(401))
