"""From readings to efficiencies: against published vectors, and the rules of live and final evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, isnan, nan, pi
from typing import Any

import numpy as np
import pytest

from acquire.evaluation.calibration import Calibration, Conditions, LightUncertainty, StandInSpectra
from acquire.evaluation.evaluate import (
    Evidence,
    with_uncertainties,
)
from acquire.evaluation.evaluate import evaluate as values_of
from acquire.evaluation.final import FinalEvaluation, final_evaluation
from acquire.evaluation.spectrum import with_colorimetry
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.luminous import luminance
from acquire.photometry.photodiode import PhotodiodeCalibration, calibration_from_geometry, etendue_of_discs
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, Columns, DarkReading, PointFlag, Reading, Record, Spectrum
from acquire.run_file.layout import jvl_columns
from acquire.run_file.read import table_of

AREA = 1.4e-5
GAIN = 5e6
RESPONSIVITY = 6.0e-4 * WAVELENGTH - 0.012
GREEN = gaussian(520.0, 19.0)
ASSUMED = StandInSpectra(assumed=GREEN)
#: Photocurrent of 1000 cd/m^2 of a 520/19 nm line, 14 mm^2 against 100 mm^2 at 100 mm (coaxial discs).
PHOTOCURRENT_AT_1000 = 8.83468381e-8
DARK = 1e-4


def evaluate(reading: Reading, evidence: Evidence) -> Record:
    return with_uncertainties(values_of(reading, evidence), evidence)


def evaluated(readings: Sequence[Reading], final: FinalEvaluation) -> Columns:
    """The columns of a whole run from its readings."""
    return final.points(table_of([Record(reading, reading.flags) for reading in readings], jvl_columns("V")))


def a_calibration(**parts: Any) -> Calibration:
    light = calibration_from_geometry(etendue_of_discs(AREA, 1e-4, 0.1), RESPONSIVITY)
    return replace(Calibration(photodiode=light, conditions=Conditions(AREA, GAIN)), **parts)


def a_reading(index: int, light: float, *, current: float = 1e-3, voltage: float = 5.0, time: float = 0.0) -> Reading:
    """A reading at ``light`` cd/m^2 of the 520/19 nm line."""
    signal = light / 1000.0 * PHOTOCURRENT_AT_1000 * GAIN + DARK
    return Reading(index, Branch.FORWARD, voltage, time, voltage, current, signal)


def a_spectrum(index: int, point: int, light: float, line: np.ndarray = GREEN, drift: float = 0.0) -> Spectrum:
    radiance = line * (light / luminance(line))
    signal = light / 1000.0 * PHOTOCURRENT_AT_1000 * GAIN + DARK
    spectrum = Spectrum(index, point, Branch.FORWARD, 0.0, 1.0, radiance, 0.5, signal, drift)
    return with_colorimetry(spectrum)


def dark(after: bool = False, time: float = 0.0, level: float = DARK) -> list[DarkReading]:
    return [DarkReading(time, 0.0, 0.0, level + step, after) for step in (-1e-6, 0.0, 1e-6)]


def evidence(**parts: Any) -> Evidence:
    """What is known after the dark readings; ``parts`` of the calibration as they are given."""
    return Evidence(a_calibration(**parts)).with_dark(dark())


def test_a_point_agrees_with_published_values() -> None:
    """1 mA, 14 mm^2, 1000 cd/m^2, 5 V, 520/19 nm: vectors for J, CE, PE and EQE."""
    record = evaluate(a_reading(7, 1000.0), evidence().with_spectrum(a_spectrum(0, 7, 1000.0)))
    assert record.current_density == pytest.approx(71.4285714, rel=1e-8)
    assert record.luminance == pytest.approx(1000.0, rel=1e-5)
    assert record.current_efficiency == pytest.approx(14.0, rel=1e-5)
    assert record.power_efficiency == pytest.approx(8.79645943, rel=1e-5)
    assert record.external_quantum_efficiency == pytest.approx(0.0389429735, rel=1e-5)
    assert record.chromaticity_x == pytest.approx(0.0906586075, rel=1e-6)
    assert record.spectrum_source == "measured"


def test_without_any_spectrum_there_is_no_eqe_and_a_flag_says_so() -> None:
    record = evaluate(a_reading(0, 100.0), evidence())
    assert isnan(record.external_quantum_efficiency)
    assert record.current_density > 0
    assert record.flags & PointFlag.NO_SPECTRUM
    assert record.spectrum_source == "none"


def test_a_luminance_factor_gives_luminance_without_any_spectrum() -> None:
    factor = 1000.0 / PHOTOCURRENT_AT_1000
    record = evaluate(a_reading(0, 100.0), evidence(photodiode=PhotodiodeCalibration(factor)))
    assert record.luminance == pytest.approx(100.0)
    assert record.current_efficiency == pytest.approx(100.0 * AREA / 1e-3)
    assert record.power_efficiency == pytest.approx(pi * 100.0 * AREA / 1e-3 / 5.0)
    assert isfinite(record.current_density_uncertainty)
    assert isnan(record.external_quantum_efficiency)
    assert isnan(record.chromaticity_x)
    assert record.flags & PointFlag.NO_SPECTRUM


def test_an_assumed_line_serves_until_a_spectrum_is_measured() -> None:
    before = evidence(stand_in=StandInSpectra(assumed=gaussian(530.0, 30.0)))
    first = evaluate(a_reading(0, 100.0), before)
    assert first.spectrum_source == "assumed"
    assert first.flags & PointFlag.EQE_PROVISIONAL
    later = evaluate(a_reading(2, 200.0), before.with_spectrum(a_spectrum(0, 1, 100.0)))
    assert later.spectrum_source == "nearest"
    assert later.luminance == pytest.approx(200.0, rel=1e-5)
    assert later.log10_distance == pytest.approx(np.log10(2.0), rel=1e-4)


def test_a_reference_goes_before_an_assumed_line() -> None:
    record = evaluate(a_reading(0, 100.0), evidence(stand_in=StandInSpectra(GREEN, gaussian(530.0, 30.0))))
    assert record.spectrum_source == "reference"
    assert record.luminance == pytest.approx(100.0, rel=1e-5)


def test_final_values_interpolate_between_two_spectra() -> None:
    """520/19 nm at 100 and 519/20 nm at 1000 cd/m^2: 0.01/kappa at 300 cd/m^2 is 3.55241482 cd/A."""
    spectra = [a_spectrum(0, 0, 100.0), a_spectrum(1, 9, 1000.0, gaussian(519.0, 20.0))]
    # The signal of the second line differs a little from that of the first; its luminance is what counts.
    spectra[1] = replace(spectra[1], photodiode_signal=nan)
    points = evaluated([a_reading(i, 300.0) for i in range(6)], final_evaluation(dark(), spectra, a_calibration()))
    assert points["spectrum_source"][5] == b"interpolated"
    assert not points["flags"][5] & PointFlag.EQE_PROVISIONAL
    assert points["flags"][5] & PointFlag.SPECTRAL_SHIFT
    kappa = points["external_quantum_efficiency"][5] / points["current_efficiency"][5]
    assert 0.01 / kappa == pytest.approx(3.55241482, rel=2e-4)


def test_a_spectrum_whose_light_drifted_is_not_called_measured() -> None:
    record = evaluate(a_reading(3, 100.0), evidence().with_spectrum(a_spectrum(0, 3, 100.0, drift=0.06)))
    assert record.spectrum_source == "nearest"


def test_a_spectrum_that_disagrees_with_the_photodiode_keeps_its_shape() -> None:
    other = replace(a_spectrum(0, 3, 100.0), photodiode_signal=a_reading(0, 120.0).photodiode_signal)
    record = evaluate(a_reading(3, 100.0), evidence(stand_in=ASSUMED).with_spectrum(other))
    assert record.spectrum_source == "measured"
    assert record.luminance == pytest.approx(100.0, rel=1e-5)


def test_the_dark_signal_is_interpolated_in_time() -> None:
    both = Evidence(a_calibration(stand_in=ASSUMED)).with_dark(
        dark(level=1e-4) + dark(after=True, time=100.0, level=3e-4)
    )
    assert both.dark_signal(50.0) == pytest.approx(2e-4)
    assert both.dark_signal(0.0) == pytest.approx(1e-4)


def test_a_point_in_the_dark_noise_is_flagged() -> None:
    record = evaluate(a_reading(0, 0.0), evidence(stand_in=ASSUMED))
    assert record.flags & PointFlag.BELOW_DARK_NOISE
    assert not evaluate(a_reading(0, 10.0), evidence(stand_in=ASSUMED)).flags & PointFlag.BELOW_DARK_NOISE


def test_missing_readings_stay_missing() -> None:
    reading = replace(a_reading(0, 100.0), photodiode_signal=nan, flags=PointFlag.PHOTODIODE_OVERFLOW)
    record = evaluate(reading, evidence().with_spectrum(a_spectrum(0, 0, 100.0)))
    assert isnan(record.luminance)
    assert isnan(record.external_quantum_efficiency)
    assert record.current_density > 0
    assert record.flags & PointFlag.PHOTODIODE_OVERFLOW


def test_no_current_gives_no_efficiency() -> None:
    record = evaluate(a_reading(0, 100.0, current=0.0), evidence(stand_in=ASSUMED))
    assert isnan(record.current_efficiency)
    assert isfinite(record.luminance)


def test_the_uncertainty_of_a_point_follows_the_budget() -> None:
    """The worked example of a budget: area 1.1389 %, scale 1.1547 %, spot 1 %, repositioning 0.5 %, ..."""
    photodiode = a_calibration().photodiode
    assert photodiode is not None
    known = evidence(
        photodiode=replace(photodiode, scale_slope=1e-9, relative_uncertainty=0.002),  # k_L, not geometry
        uncertainty=LightUncertainty(
            emissive_area=0.011389 * AREA,
            luminance_scale=0.011547,
            uniformity=0.01,
            repositioning=0.005,
            linearity=0.001155,
        ),
    )
    record = evaluate(
        a_reading(0, 2604.0, current=1.5916e-3, voltage=6.0), known.with_spectrum(a_spectrum(0, 0, 2604.0))
    )
    light = np.sqrt(0.011547**2 + 0.01**2 + 0.005**2 + 0.002**2 + 0.001155**2)
    assert record.luminance_uncertainty / record.luminance == pytest.approx(light, rel=1e-3)
    assert record.current_density_uncertainty / record.current_density == pytest.approx(0.011397, rel=1e-3)
    efficiency = np.hypot(light, 0.011397)
    assert record.current_efficiency_uncertainty / record.current_efficiency == pytest.approx(efficiency, rel=1e-3)


def test_a_calibration_survives_being_written_down() -> None:
    photodiode = replace(calibration_from_geometry(1e-7, RESPONSIVITY), identification="pd-1")
    calibration = a_calibration(photodiode=photodiode, stand_in=ASSUMED)
    again = Calibration.from_fields({name: value for name, (value, _) in calibration.to_fields().items()})
    assert again.photodiode is not None
    assert again.photodiode.identification == "pd-1"
    assert np.array_equal(again.photodiode.responsivity, RESPONSIVITY)
    assert again.photodiode.scale == photodiode.scale
    assert (again.conditions, again.uncertainty) == (calibration.conditions, calibration.uncertainty)


def test_figures_of_a_whole_run() -> None:
    voltages = np.arange(3.0, 7.0, 0.1)
    lights = 10.0 ** ((voltages - 4.05) * 2.0)
    readings = [
        a_reading(i, float(light), current=1e-3 * float(light) / 100.0, voltage=float(v), time=float(i))
        for i, (v, light) in enumerate(zip(voltages, lights, strict=True))
    ]
    spectra = [a_spectrum(0, 20, float(lights[20])), a_spectrum(1, 30, float(lights[30]))]
    calibration = a_calibration(stand_in=ASSUMED)
    final = final_evaluation(dark(), spectra, calibration)
    figures = final.figures(evaluated(readings, final))
    assert figures["turn_on_voltage"].value == pytest.approx(4.05, abs=1e-3)
    assert figures["luminance_max"].value == pytest.approx(lights.max(), rel=1e-5)
    assert figures["current_efficiency_max"].value == pytest.approx(100.0 * AREA / 1e-3, rel=1e-4)
    top = figures["power_efficiency_max"]
    assert top.value == pytest.approx(pi * 1.4 / top.voltage, rel=1e-4)
    assert figures["peak_wavelength"].value == pytest.approx(520.0, abs=0.05)


def test_points_in_compliance_take_no_part_in_the_figures() -> None:
    calibration = a_calibration(stand_in=ASSUMED)
    good = [a_reading(i, 10.0 * (i + 1), voltage=4.0 + 0.1 * i) for i in range(5)]
    limited = replace(a_reading(5, 9000.0), flags=PointFlag.COMPLIANCE)
    final = final_evaluation(dark(), [], calibration)
    figures = final.figures(evaluated([*good, limited], final))
    assert figures["luminance_max"].value == pytest.approx(50.0, rel=1e-4)


def test_power_efficiency_has_the_angular_factor_of_the_eye_and_eqe_that_of_the_photons() -> None:
    """Section 5 of the metrology: for EQE the angles are weighted with photons, for PE with V(lambda)."""
    conditions = Conditions(AREA, GAIN, angular_factor=0.9, luminous_angular_factor=1.2)
    point = evaluate(a_reading(0, 1000.0), evidence(stand_in=ASSUMED, conditions=conditions))
    plain = evaluate(a_reading(0, 1000.0), evidence(stand_in=ASSUMED))
    assert point.power_efficiency == pytest.approx(1.2 * plain.power_efficiency, rel=1e-12)
    assert point.external_quantum_efficiency == pytest.approx(0.9 * plain.external_quantum_efficiency, rel=1e-12)
