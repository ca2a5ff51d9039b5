"""The luminance factor of a run: right within its interval, unknown where it must be, and what is said against it."""

from __future__ import annotations

from dataclasses import replace
from math import exp, isnan, log, nan

import numpy as np
import pytest

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.evaluation.luminance_factor import FoundFactor, found_factor
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.luminous import luminance
from acquire.photometry.photodiode import PhotodiodeCalibration, spectral_mismatch
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, DarkReading, FloatArray, Spectrum

GAIN, DARK = 5e6, 1e-4  # V/A, V
RESPONSIVITY = 6.0e-4 * WAVELENGTH - 0.012  # A/W
ETENDUE = 1.4e-7  # m^2 sr
PLAIN = Calibration(conditions=Conditions(1.4e-5, GAIN))
CALIBRATED = replace(PLAIN, photodiode=PhotodiodeCalibration(683.002 / ETENDUE, RESPONSIVITY))
DARK_READINGS = [DarkReading(0.0, 0.0, 0.0, DARK + offset, after=False) for offset in (-1e-7, 0.0, 1e-7)]
LEVELS = (100.0, 300.0, 1000.0, 1000.0, 300.0, 100.0)


def a_level(index: int, light: float, factor: float, line: FloatArray | None = None) -> Spectrum:
    """A spectrum of ``light`` cd/m^2 during which the photodiode read what belongs to k_L = ``factor``."""
    line = gaussian(520.0, 19.0) if line is None else line
    radiance = line * light / luminance(line)
    return Spectrum(
        index, index, Branch.FORWARD, 10.0 * index, 10.0 * index + 3.0, radiance, 0.5,
        photodiode_signal=DARK + light / factor * GAIN, luminance=light, meter_luminance=light, drift=0.0,
    )  # fmt: skip


def found(spectra: list[Spectrum], calibration: Calibration = PLAIN) -> FoundFactor:
    return found_factor(spectra, DARK_READINGS, calibration)


def test_the_reference_vector_of_a_factor_comes_out_with_its_spread() -> None:
    pairs = {11.5: 1e-9, 113.0: 10e-9, 1140.0: 100e-9}
    result = found([a_level(i, light, light / s) for i, (light, s) in enumerate(pairs.items())])
    logarithms = [log(light / s) for light, s in pairs.items()]
    assert result.factor.factor == pytest.approx(1.13997076e10)
    assert result.factor.relative_uncertainty == pytest.approx(np.std(logarithms, ddof=1) / 3**0.5)
    assert result.degrees_of_freedom == 2
    assert result.span == (11.5, 1140.0)
    low, high = result.interval
    assert log(high / low) == pytest.approx(2 * 4.30265 * result.factor.relative_uncertainty, rel=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_levels_give_a_factor_but_no_uncertainty_and_say_so(count: int) -> None:
    result = found([a_level(i, 100.0 * (i + 1), 1e10) for i in range(count)])
    assert result.factor.factor == pytest.approx(1e10)
    assert result.degrees_of_freedom == 0
    assert isnan(result.factor.relative_uncertainty)
    assert all(map(isnan, result.interval))
    (said,) = result.remarks()
    assert "fewer than 3 give no uncertainty" in said


def test_a_line_that_moves_with_the_level_does_not_move_the_factor() -> None:
    """The photocurrent is I[S R]: with R known, the mismatch of each level's own line is taken out."""
    lines = [gaussian(520.0 - log(light / 100.0), 19.0) for light in LEVELS]
    spectra = []
    for index, (light, line) in enumerate(zip(LEVELS, lines, strict=True)):
        current = ETENDUE * float((line * RESPONSIVITY).sum()) * light / luminance(line)
        spectra.append(a_level(index, light, light / current, line))
    corrected, by_silicon = found(spectra, CALIBRATED), found(spectra)
    assert np.std(np.log(corrected.mismatch), ddof=1) / 6**0.5 > 0.005, "the spread of what is taken out"
    assert corrected.factor.relative_uncertainty < 1e-6
    assert by_silicon.factor.factor == pytest.approx(corrected.factor.factor, rel=1e-3)
    green = gaussian(520.0, 19.0)
    truth = luminance(green) / (ETENDUE * float((green * RESPONSIVITY).sum()))
    mismatch = spectral_mismatch(corrected.spectrum, green, RESPONSIVITY)
    assert corrected.factor.factor == pytest.approx(truth * mismatch, rel=1e-6)
    assert corrected.former == pytest.approx(truth * mismatch, rel=1e-6)
    assert list(corrected.remarks()) == []


def test_the_factor_does_not_depend_on_the_one_so_far() -> None:
    spectra = [a_level(i, light, 1e10) for i, light in enumerate(LEVELS)]
    wrong = replace(CALIBRATED, photodiode=PhotodiodeCalibration(1.0, RESPONSIVITY))
    assert found(spectra, wrong).factor == found(spectra, CALIBRATED).factor


def test_a_channel_that_bends_and_one_that_drifts_are_named_as_that() -> None:
    rng = np.random.default_rng(3)
    noise = 1e-5 * rng.standard_normal(len(LEVELS))
    bent = [a_level(i, light, 1e10 * exp(0.01 * log(light) + noise[i])) for i, light in enumerate(LEVELS)]
    drifting = [a_level(i, light, 1e10 * exp(0.002 * i + noise[i])) for i, light in enumerate(LEVELS)]
    (said,) = found(bent).remarks()
    assert said.startswith("L/s moves with the level, +2.3")
    assert "from 100 to 1000 cd/m^2" in said
    (said,) = found(drifting).remarks()
    assert said.startswith("L/s drifted by +1.0")
    rising = sorted(bent, key=lambda spectrum: spectrum.luminance)
    (said,) = found([replace(s, start=10.0 * i, stop=10.0 * i + 3.0) for i, s in enumerate(rising)]).remarks()
    assert "it cannot be told from a drift" in said


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"photodiode_signal": nan}, "no photodiode signal"),
        ({"photodiode_signal": DARK + 1e-8}, "not above the noise"),
        ({"photodiode_signal": 0.0}, "not above the noise"),
        ({"luminance": 0.0}, "no more light in it than noise"),
        ({"meter_luminance": 104.0}, "does not follow from it"),
        ({"drift": -0.06}, "changed by -6.0 %"),
        ({"spectral_radiance": np.random.default_rng(4).standard_normal(401) ** 2}, "no more light in it than noise"),
    ],
)
def test_a_level_that_cannot_be_right_is_left_out_by_name(wrong: dict[str, object], why: str) -> None:
    spectra = [a_level(i, 100.0, 1e10) for i in range(4)]
    spectra[2] = replace(spectra[2], **wrong)
    result = found(spectra)
    assert result.factor.levels == 3
    assert result.factor.factor == pytest.approx(1e10)
    (said,) = result.remarks()
    assert said.startswith("spectrum 3 is not used")
    assert why in said
    with pytest.raises(ValueError, match=f"spectrum 3: .*{why}"):
        found([spectra[2]])


def test_without_a_spectrum_there_is_no_factor() -> None:
    with pytest.raises(ValueError, match="there is no spectrum"):
        found([])


def test_the_truth_lies_in_the_interval_as_often_as_it_says() -> None:
    """1,000 calibrations of six levels with 0.2 % of noise: within three counting errors of 950."""
    rng, truth = np.random.default_rng(5), 1.2e10
    held = 0
    for noise in 0.002 * rng.standard_normal((1000, len(LEVELS))):
        spectra = [a_level(i, light, truth * exp(noise[i])) for i, light in enumerate(LEVELS)]
        low, high = found(spectra).interval
        held += low <= truth <= high
    assert 929 <= held <= 971


def test_a_bench_with_an_inverting_amplifier_calibrates_alike() -> None:
    spectra = [a_level(i, light, 1e10) for i, light in enumerate(LEVELS)]
    turned = [replace(spectrum, photodiode_signal=2 * DARK - spectrum.photodiode_signal) for spectrum in spectra]
    inverting = replace(PLAIN, conditions=Conditions(1.4e-5, -GAIN))
    assert found(turned, inverting).factor.factor == pytest.approx(found(spectra).factor.factor)
