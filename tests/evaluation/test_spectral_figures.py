"""Figures of the spectrum that stands for a device: values by the reference vectors, their uncertainties by trial."""

from math import pi

import numpy as np
import pytest

from acquire.evaluation.figure import Figure
from acquire.evaluation.figure_uncertainty import with_uncertainties
from acquire.evaluation.spectral_figures import SPECTRAL_FIGURES, described, spectrum_figures, wall_plug
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, Spectrum
from tests.photometry.reference_lines import S1

EV = 1.602176634e-19


def a_spectrum(index: int, luminance: float, radiance: np.ndarray) -> Spectrum:
    return Spectrum(index, index, Branch.FORWARD, 0.0, 1.0, radiance, 1.0, luminance=luminance)


def test_the_narrow_green_line_of_the_vectors() -> None:
    figures = described(S1)
    expected = {
        "chromaticity_x": 0.0906586075,
        "chromaticity_y": 0.803191598,
        "chromaticity_u_prime": 0.029110938,
        "chromaticity_v_prime": 0.580295003,
        "dominant_wavelength": 520.069095,
        "excitation_purity": 0.938797252,
        "luminous_efficacy_of_radiation": 473.680825,
        "mean_photon_energy": 2.38431151 * EV,
    }
    for name, value in expected.items():
        assert figures[name].value == pytest.approx(value, rel=1e-5), name
        assert figures[name].status == "ok"
    assert figures["centroid_wavelength"].value == pytest.approx(520.0, abs=1e-6)
    assert figures["peak_wavelength"].value == pytest.approx(520.0, abs=0.01)
    assert figures["fwhm"].value == pytest.approx(19.0101, abs=0.04)  # smoothing widens it by 0.035 nm
    assert {name: figure.unit for name, figure in figures.items()} == SPECTRAL_FIGURES


def test_a_narrow_line_has_no_colour_temperature_and_says_why() -> None:
    figures = described(S1)
    for name in ("correlated_colour_temperature", "duv"):
        assert figures[name].status == "none"
        assert "beyond 0.05" in figures[name].reason
    white = described(np.ones(401))
    assert white["correlated_colour_temperature"].value == pytest.approx(5454.96, abs=1.0)
    assert white["duv"].value == pytest.approx(-0.004419, abs=1e-5)
    assert white["correlated_colour_temperature"].uncertainty > 0.0


def test_a_purple_has_its_complementary_wavelength() -> None:
    figures = described(gaussian(450, 20) + gaussian(640, 20))
    assert figures["dominant_wavelength"].status == "complementary"
    assert figures["dominant_wavelength"].value == pytest.approx(-561.627387, rel=1e-6)
    assert figures["excitation_purity"].value == pytest.approx(0.903028402, rel=1e-6)


def test_several_lobes_and_an_open_side_are_named() -> None:
    two = described(gaussian(450, 20) + 0.9 * gaussian(550, 60))
    assert two["fwhm"].status == "multi_peak"
    assert two["fwhm_total"].value > two["fwhm"].value
    cut_off = described(gaussian(775, 30))
    assert cut_off["fwhm"].status == "fwhm_open"
    assert np.isnan(cut_off["fwhm"].value)


def test_the_wavelength_scale_moves_peak_and_centroid_by_all_of_it() -> None:
    figures = described(S1, 0.2)
    assert figures["peak_wavelength"].uncertainty == pytest.approx(0.2, rel=0.02)
    assert figures["centroid_wavelength"].uncertainty == pytest.approx(0.2, rel=0.02)
    assert figures["fwhm"].uncertainty < 0.05
    moved = described(gaussian(520.2, 19))
    for name in ("luminous_efficacy_of_radiation", "mean_photon_energy"):
        expected = abs(moved[name].value - figures[name].value)
        assert figures[name].uncertainty == pytest.approx(expected, rel=0.02), name


def test_uncertainties_are_those_of_repeated_spectra() -> None:
    """Noise and an error of the wavelength scale drawn anew: the scatter of each figure is what is stated."""
    chance = np.random.default_rng(11)
    scale = 0.1732
    drawn = [
        described(gaussian(520 + scale * chance.standard_normal(), 19) + 0.005 * chance.standard_normal(401), scale)
        for _ in range(100)
    ]
    for name in ("peak_wavelength", "centroid_wavelength", "fwhm", "luminous_efficacy_of_radiation"):
        scatter = np.std([figures[name].value for figures in drawn], ddof=1)
        stated = np.mean([figures[name].uncertainty for figures in drawn])
        assert stated == pytest.approx(scatter, rel=0.35), name


def test_the_accuracy_of_the_chromaticity_reaches_what_follows_from_it() -> None:
    figures = described(S1)
    limit = 0.0015 / 3**0.5
    assert figures["chromaticity_x"].uncertainty == pytest.approx(limit, rel=0.01)
    x, y = figures["chromaticity_x"].value, figures["chromaticity_y"].value
    bottom = -2 * x + 12 * y + 3
    by_x, by_y = (4 * bottom + 8 * x) / bottom**2, -48 * x / bottom**2
    assert figures["chromaticity_u_prime"].uncertainty == pytest.approx(limit * np.hypot(by_x, by_y), rel=0.01)


def test_the_spectrum_nearest_in_luminance_is_chosen() -> None:
    spectra = [a_spectrum(i, light, gaussian(520 + i, 19)) for i, light in enumerate((10.0, 900.0, 4000.0))]
    figures = spectrum_figures(spectra, 1000.0)
    assert figures["centroid_wavelength"].value == pytest.approx(521.0)
    assert figures["fwhm"].luminance == 900.0


@pytest.mark.parametrize(("spectra", "luminance"), [([], 100.0), ([a_spectrum(0, 10.0, S1)], np.nan)])
def test_without_a_spectrum_there_is_a_reason(spectra: list[Spectrum], luminance: float) -> None:
    figures = spectrum_figures(spectra, luminance)
    assert {figure.status for figure in figures.values()} == {"none"}
    assert all(figure.reason for figure in figures.values())


def test_wall_plug() -> None:
    """Vector E1: 1 mA through 14 mm^2 at 5 V, 1000 cd/m^2 of S1."""
    power = Figure(pi * 14.0 / 5, "lm/W", "ok", 5.0, 1e-3 / 14e-6, 1000.0, uncertainty=0.02 * pi * 14.0 / 5)
    efficacy = described(S1)["luminous_efficacy_of_radiation"]
    figure = wall_plug(power, efficacy)
    assert figure.value == pytest.approx(0.0185704360, rel=1e-5)
    assert figure.uncertainty / figure.value == pytest.approx(0.02, rel=0.01)
    assert (figure.unit, figure.voltage) == ("1", 5.0)
    assert wall_plug(Figure(np.nan, "lm/W", "not_reached"), efficacy).status == "not_reached"


def test_the_noise_of_a_spectrum_is_drawn_alike_every_time() -> None:
    noisy = S1 + 0.01 * np.random.default_rng(5).standard_normal(WAVELENGTH.size)
    first, second = described(noisy), described(noisy)
    assert {n: f.uncertainty for n, f in first.items() if np.isfinite(f.uncertainty)} == {
        n: f.uncertainty for n, f in second.items() if np.isfinite(f.uncertainty)
    }


def test_the_interval_of_the_wall_plug_efficiency_is_not_that_of_the_power_efficiency() -> None:
    power = Figure(12.0, "lm/W", "ok", uncertainty=0.12, coverage_factor=1.96, expanded_uncertainty=0.2352)
    efficacy = Figure(490.0, "lm/W", "ok", uncertainty=0.0)
    (figure,) = with_uncertainties({"wall_plug_efficiency": wall_plug(power, efficacy)}, {}).values()
    assert figure.expanded_uncertainty == pytest.approx(1.96 * 0.01 * 12.0 / 490.0, rel=1e-3)


def test_what_needs_all_of_the_light_is_marked_where_the_spectrum_is_cut_off() -> None:
    figures = described(gaussian(770.0, 40.0))
    for name in ("luminous_efficacy_of_radiation", "mean_photon_energy", "centroid_wavelength"):
        assert figures[name].status == "spectrum_truncated", name
    assert figures["chromaticity_x"].status == "ok"
