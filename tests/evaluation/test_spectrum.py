"""A spectrum and the readings of its exposure: mean signal, drift, colour, and the evidence it becomes."""

from __future__ import annotations

from math import isnan, log, nan

import numpy as np
import pytest

from acquire.evaluation import evidence as evidence_module
from acquire.evaluation import spectrum as spectrum_module
from acquire.evaluation.calibration import Calibration, Conditions
from acquire.evaluation.evaluate import Evidence
from acquire.evaluation.spectrum import evaluate_spectrum, with_colorimetry, with_signals
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, DarkReading, ExposureSample, Reading, Spectrum

DARK = 0.1
EVIDENCE = Evidence(Calibration(photodiode=PhotodiodeCalibration(1e10), conditions=Conditions(1.4e-5, 5e6))).with_dark(
    [DarkReading(0.0, 0.0, 0.0, DARK, after=False)]
)
RADIANCE = gaussian(520.0, 19.0) * 1e-3


def a_spectrum(radiance: np.ndarray = RADIANCE) -> Spectrum:
    return Spectrum(0, 3, Branch.FORWARD, 10.0, 12.0, radiance, 0.5)


def a_reading(signal: float) -> Reading:
    return Reading(3, Branch.FORWARD, 5.0, 9.0, 5.0, 1e-3, signal)


def samples(*times_and_signals: tuple[float, float]) -> list[ExposureSample]:
    return [ExposureSample(0, time, 5.0, 1e-3, signal) for time, signal in times_and_signals]


def test_the_signal_of_a_spectrum_is_the_mean_of_its_exposure_and_the_drift_that_of_the_light() -> None:
    during = samples((8.0, 9.0), (10.0, 1.0), (11.0, 1.2), (11.5, nan), (12.0, 1.1))
    complete = with_signals(a_spectrum(), during, a_reading(0.6), EVIDENCE)
    assert complete.photodiode_signal == pytest.approx(1.1), "one sample is from before, one is no number"
    assert complete.drift == pytest.approx(log(1.0 / 0.5)), "the dark signal is no light"


@pytest.mark.parametrize(
    ("before", "during"), [(0.6, []), (DARK, [(11.0, 1.0)]), (0.6, [(11.0, 0.05)]), (nan, [(11.0, 1.0)])]
)
def test_without_light_before_or_after_the_drift_is_unknown(before: float, during: list[tuple[float, float]]) -> None:
    assert isnan(with_signals(a_spectrum(), samples(*during), a_reading(before), EVIDENCE).drift)


def test_a_spectrum_is_computed_once_for_its_colour_and_for_what_it_says_about_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    during, expected = samples((10.5, 1.0)), with_colorimetry(a_spectrum())
    calls = []
    original = evidence_module.spectral_factors
    for module in (evidence_module, spectrum_module):
        monkeypatch.setattr(module, "spectral_factors", lambda *given: calls.append(1) or original(*given))
    complete, evidence = evaluate_spectrum(a_spectrum(), during, a_reading(0.6), EVIDENCE)
    assert len(calls) == 1
    for name in ("luminance", "x", "y", "peak_wavelength", "fwhm"):
        assert getattr(complete, name) == getattr(expected, name)
    assert [candidate.index for candidate in evidence.candidates] == [0]


def test_a_spectrum_without_light_says_nothing_about_points() -> None:
    complete, evidence = evaluate_spectrum(a_spectrum(np.zeros(401)), [], a_reading(0.6), EVIDENCE)
    assert complete.luminance == 0.0
    assert isnan(complete.x)
    assert evidence is EVIDENCE


def test_light_that_the_photodiode_does_not_see_still_has_a_colour() -> None:
    blind = Calibration(photodiode=PhotodiodeCalibration(1e10, np.zeros(401)), conditions=Conditions(1.4e-5, 5e6))
    complete, evidence = evaluate_spectrum(a_spectrum(), [], a_reading(0.6), Evidence(blind))
    assert complete.x == pytest.approx(with_colorimetry(a_spectrum()).x)
    assert evidence.candidates == ()
