"""Luminance by the photodiode's calibration, by k_L from the run's own spectra, and by spectra alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import exp, isnan, log, nan, sqrt
from pathlib import Path
from statistics import stdev
from typing import Any

import h5py
import numpy as np
import pytest

from acquire.evaluation.calibration import (
    Calibration,
    Conditions,
    LightUncertainty,
    LuminanceRoute,
    RelativeResponsivity,
    relative_responsivity,
)
from acquire.evaluation.evaluate import Evidence, evaluate, with_uncertainties
from acquire.evaluation.final import final_evaluation
from acquire.evaluation.pairs import pairs
from acquire.evaluation.routes import luminance_factor_of_run
from acquire.evaluation.spectrum import with_colorimetry
from acquire.photometry.grid import WAVELENGTH, integrate
from acquire.photometry.luminous import luminance
from acquire.photometry.photodiode import (
    CalibratingLevel,
    PhotodiodeCalibration,
    calibration_from_factor,
    calibration_from_geometry,
    calibration_from_spectra,
    fit_luminance_factor,
)
from acquire.photometry.silicon import GENERIC_SILICON, generic_silicon
from acquire.photometry.spectra import clipped_excess, gaussian
from acquire.records import Branch, Columns, DarkReading, FloatArray, PointFlag, Reading, Record, Spectrum
from acquire.run_file.layout import jvl_columns
from acquire.run_file.read import read_run, table_of
from tests.conftest import CONFIGS, run_sweep_file

AREA, GAIN, DARK, ETENDUE = 1.4e-5, 5e6, 1e-4, 1.39494011e-7
#: A photodiode whose blue is poorer than that of the generic curve.
TRUE_RESPONSIVITY = 0.3 * ((WAVELENGTH - 300.0) / 220.0) ** 0.8
BUDGET = LightUncertainty(1.6e-7, 0.0115, 0.01, 0.005, 0.0011547, 0.17, 0.02)


def light_signal(radiance: FloatArray, gain: float = GAIN) -> float:
    """What the amplifier gives for a radiance (401,), from first principles: U = R_f G I[L R] + U_dark."""
    return gain * ETENDUE * integrate(radiance * TRUE_RESPONSIVITY) + DARK


def line_at(light: float, centre: float = 520.0) -> FloatArray:
    line = gaussian(centre, 19.0)
    return line * (light / luminance(line))


def a_spectrum(index: int, point: int, light: float, *, centre: float = 520.0, gain: float = GAIN) -> Spectrum:
    radiance = line_at(light, centre)
    taken = Spectrum(index, point, Branch.FORWARD, 0.0, 1.0, radiance, 0.5, light_signal(radiance, gain), 0.0)
    return with_colorimetry(taken)


def a_reading(index: int, light: float, *, centre: float = 520.0, gain: float = GAIN, current: float = 1e-3) -> Reading:
    signal = light_signal(line_at(light, centre), gain)
    return Reading(index, Branch.FORWARD, 5.0, 0.0, 5.0, current, signal)


def dark(level: float = DARK) -> list[DarkReading]:
    return [DarkReading(0.0, 0.0, 0.0, level + step, after=False) for step in (-1e-6, 0.0, 1e-6)]


def a_calibration(route: LuminanceRoute, **conditions: Any) -> Calibration:
    known = {"emissive_area": AREA, "transfer": GAIN, "luminance_route": route.value, **conditions}
    return Calibration(conditions=Conditions(**known), uncertainty=BUDGET)


def evidence(calibration: Calibration, spectra: Sequence[Spectrum] = ()) -> Evidence:
    return Evidence(calibration).with_dark(dark()).with_spectra(spectra)


def whole(readings: Sequence[Reading], spectra: Sequence[Spectrum], calibration: Calibration) -> Columns:
    final = final_evaluation(dark(), spectra, calibration)
    return final.points(table_of([Record(reading, reading.flags) for reading in readings], jvl_columns("V")))


FROM_SPECTRA = a_calibration(LuminanceRoute.FROM_SPECTRA)
SPECTRA_ALONE = a_calibration(LuminanceRoute.SPECTRORADIOMETER)

# --- from the spectra of the run -----------------------------------------------------------------------------


def test_k_l_is_the_geometric_mean_of_luminance_over_photocurrent() -> None:
    """s = 1, 10, 100 nA and L = 11.5, 113, 1140 cd/m^2: k_L = 1.13997076e10, as by the published way."""
    currents, lights = (1e-9, 1e-8, 1e-7), (11.5, 113.0, 1140.0)
    levels = [CalibratingLevel(light, s, 0.5, 0.5, 1e-3, 520.0) for light, s in zip(lights, currents, strict=True)]
    found, way_a = calibration_from_spectra(levels, None), fit_luminance_factor(lights, currents)
    assert found.scale == pytest.approx(1.13997076e10, rel=1e-8)
    assert found.scale == pytest.approx(way_a.factor, rel=1e-14)
    assert found.relative_uncertainty == pytest.approx(way_a.relative_uncertainty, rel=1e-12)
    assert (found.levels, found.lowest) == (3, 11.5)


@pytest.mark.parametrize("levels", [[], [CalibratingLevel(1.0, 0.0, 1.0, 1.0, 0.0, 520.0)]])
def test_nothing_to_calibrate_with_is_refused(levels: list[CalibratingLevel]) -> None:
    with pytest.raises(ValueError, match="calibration needs"):
        calibration_from_spectra(levels, None)


@pytest.mark.parametrize("wrong_gain", [GAIN, GAIN / 10.0, -GAIN])
def test_gain_and_geometry_drop_out(wrong_gain: float) -> None:
    """The bench file's gain may be anything, and there is no calibration file; the amplifier may invert."""
    real = -GAIN if wrong_gain < 0 else GAIN
    spectra = [a_spectrum(i, i, light, gain=real) for i, light in enumerate((30.0, 300.0, 3000.0))]
    calibration = a_calibration(LuminanceRoute.FROM_SPECTRA, transfer=wrong_gain)
    points = whole([a_reading(7, 1000.0, gain=real)], spectra, calibration)
    assert points["luminance"] == pytest.approx(1000.0, rel=1e-9)
    assert points["external_quantum_efficiency"] == pytest.approx(0.0389429735, rel=1e-5)
    assert points["flags"][0] & PointFlag.BELOW_DARK_NOISE == 0


def test_each_point_has_the_mismatch_of_its_own_spectrum() -> None:
    """The line moves by 3 nm with level. The curve of this photodiode gives the true luminance everywhere."""
    centres = {10.0: 518.0, 100.0: 519.5, 1000.0: 521.0}
    spectra = [a_spectrum(i, i, light, centre=centre) for i, (light, centre) in enumerate(centres.items())]
    readings = [a_reading(i, light, centre=centre) for i, (light, centre) in enumerate(centres.items())]
    its_own = replace(FROM_SPECTRA, relative=RelativeResponsivity(TRUE_RESPONSIVITY))
    assert whole(readings, spectra, its_own)["luminance"] == pytest.approx(list(centres), rel=1e-9)
    points = whole(readings, spectra, FROM_SPECTRA)
    errors = np.abs(points["luminance"] / np.array(list(centres)) - 1)
    assert errors.max() > 1e-4, "the generic curve is not that of this photodiode"
    assert (errors < 2 * 0.002 * 1.5).all(), "within what is stated for its slope"


def test_the_share_of_the_generic_curve_in_the_uncertainty_grows_with_the_way_the_light_moved() -> None:
    spectra = [a_spectrum(0, 0, 100.0, centre=520.0), a_spectrum(1, 1, 1000.0, centre=524.0)]
    readings = [a_reading(0, 100.0), a_reading(1, 1000.0, centre=524.0)]
    generic = whole(readings, spectra, FROM_SPECTRA)
    known = whole(readings, spectra, replace(FROM_SPECTRA, relative=RelativeResponsivity(generic_silicon())))
    share = np.sqrt(
        (generic["luminance_uncertainty"] / generic["luminance"]) ** 2
        - (known["luminance_uncertainty"] / known["luminance"]) ** 2
    )
    assert share == pytest.approx([0.002 * 2.0, 0.002 * 2.0], rel=0.01), "2 nm from the mean centroid, 0.2 % a nm"


def test_before_the_first_spectrum_a_point_has_no_luminance_and_says_so_afterwards_it_has() -> None:
    reading = a_reading(0, 100.0)
    before = evaluate(reading, evidence(FROM_SPECTRA))
    assert isnan(before.luminance)
    assert before.flags & PointFlag.NO_SPECTRUM
    assert before.current_density > 0
    known = evidence(FROM_SPECTRA, [a_spectrum(0, 1, 200.0)])
    after = evaluate(reading, known)
    assert after.luminance == pytest.approx(100.0, rel=1e-9)
    assert not after.flags & PointFlag.NO_SPECTRUM
    assert whole([reading], [a_spectrum(0, 1, 200.0)], FROM_SPECTRA)["luminance"] == pytest.approx(100.0, rel=1e-9)


def test_a_line_that_is_assumed_gives_no_luminance_without_a_spectrum() -> None:
    calibration = replace(FROM_SPECTRA, stand_in=replace(FROM_SPECTRA.stand_in, assumed=gaussian(520.0, 19.0)))
    record = evaluate(a_reading(0, 100.0), evidence(calibration))
    assert isnan(record.luminance)
    assert record.flags & PointFlag.NO_SPECTRUM
    assert record.chromaticity_x == pytest.approx(0.0906586, rel=1e-5)


def scattered(errors: Sequence[float], lowest: float = 30.0) -> list[Spectrum]:
    """Spectra whose radiance is off by these shares."""
    lights = [lowest * 3**i for i in range(len(errors))]
    taken = [a_spectrum(i, i, light) for i, light in enumerate(lights)]
    return [
        with_colorimetry(replace(one, spectral_radiance=one.spectral_radiance * (1 + error)))
        for one, error in zip(taken, errors, strict=True)
    ]


def test_statistics_of_the_spectra_are_in_the_budget_and_repositioning_is_not() -> None:
    errors = (0.004, -0.002, 0.001)
    record_evidence = evidence(FROM_SPECTRA, scattered(errors))
    record = with_uncertainties(evaluate(a_reading(9, 3000.0), record_evidence), record_evidence)
    mean = exp(sum(log(1 + e) for e in errors) / 3)
    assert record.luminance == pytest.approx(3000.0 * mean, rel=1e-9)
    statistics = stdev(log(1 + e) for e in errors) / sqrt(3)
    wavelength = 0.17 * record_evidence.factors[-1].luminance_sensitivity
    expected = np.linalg.norm([0.0115, 0.01, statistics, 0.0011547, wavelength])
    assert record.luminance_uncertainty / record.luminance == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("number", [1, 2])
def test_fewer_than_three_spectra_have_the_stated_linearity_in_place_of_statistics(number: int) -> None:
    known = evidence(FROM_SPECTRA, scattered((0.004, -0.002)[:number]))
    assert known.photodiode is not None
    noise = 0.0015 / sqrt(number)
    assert known.photodiode.relative_uncertainty == pytest.approx(np.hypot(BUDGET.linearity, noise), rel=0.02)
    assert isnan(known.photodiode.spread)


def test_below_the_lowest_spectrum_the_linearity_counts_for_every_decade() -> None:
    errors = (0.004, -0.002, 0.001)
    known = evidence(FROM_SPECTRA, scattered(errors, lowest=3000.0))
    records = [with_uncertainties(evaluate(a_reading(9, light), known), known) for light in (30e3, 3100.0, 300.0, 30.0)]
    above, lowest, one, two = (r.luminance_uncertainty / r.luminance for r in records)
    spread = stdev(log(1 + e) for e in errors)
    assert lowest == pytest.approx(above, rel=2e-3), "the meter alone differs"
    assert one**2 - lowest**2 == pytest.approx(spread**2, rel=0.02)
    assert two**2 - lowest**2 > 3.5 * (one**2 - lowest**2)


def test_a_noisy_spectrum_and_one_in_the_dark_say_nothing_about_k_l() -> None:
    noisy = a_spectrum(1, 1, 300.0)
    noise = np.random.default_rng(3).standard_normal(401) * noisy.spectral_radiance.max() / 3.0
    noisy = with_colorimetry(replace(noisy, spectral_radiance=3.0 * noisy.spectral_radiance + noise))
    dim = replace(a_spectrum(2, 2, 0.001), photodiode_signal=DARK + 5e-6)
    known = evidence(FROM_SPECTRA, [a_spectrum(0, 0, 30.0), noisy, dim])
    assert [one.spectrum.index for one in known.calibrating] == [0]
    assert evaluate(a_reading(9, 100.0), known).luminance == pytest.approx(100.0, rel=1e-9)


# --- k_L held against gain and calibration file --------------------------------------------------------------


def with_file(route: LuminanceRoute, gain: float = GAIN) -> Calibration:
    return replace(
        a_calibration(route, transfer=gain),
        photodiode=calibration_from_geometry(ETENDUE, TRUE_RESPONSIVITY),
    )


SPECTRA = [a_spectrum(i, i, light) for i, light in enumerate((30.0, 300.0, 3000.0))]


@pytest.mark.parametrize("route", LuminanceRoute)
@pytest.mark.parametrize(("gain", "ratio"), [(GAIN, 1.0), (GAIN / 10.0, 0.1)])
def test_k_l_of_the_run_is_held_against_gain_and_geometry(route: LuminanceRoute, gain: float, ratio: float) -> None:
    found = luminance_factor_of_run(evidence(with_file(route, gain), SPECTRA))
    assert found is not None
    assert found.checked
    assert found.ratio == pytest.approx(ratio, rel=1e-8)
    photocurrent = GAIN * ETENDUE * integrate(line_at(1000.0) * TRUE_RESPONSIVITY) / gain
    assert found.factor == pytest.approx(1000.0 / photocurrent, rel=1e-8)
    assert 0.01 < found.ratio_uncertainty < 0.03, "scale, area and position are not shared with a geometry"


def test_k_l_against_a_file_that_was_made_with_the_spectroradiometer_shares_its_scale() -> None:
    spectrum = gaussian(530.0, 30.0)
    factor = luminance(spectrum) / (ETENDUE * integrate(spectrum * TRUE_RESPONSIVITY))
    by_factor = calibration_from_factor(factor, TRUE_RESPONSIVITY, spectrum)
    bare = PhotodiodeCalibration(1000.0 / (ETENDUE * integrate(line_at(1000.0) * TRUE_RESPONSIVITY)))
    for photodiode in (by_factor, bare):
        calibration = replace(FROM_SPECTRA, photodiode=replace(photodiode, relative_uncertainty=0.002))
        found = luminance_factor_of_run(evidence(calibration, SPECTRA))
        assert found is not None
        assert found.ratio == pytest.approx(1.0, rel=1e-8)
        assert found.ratio_uncertainty == pytest.approx(np.linalg.norm([0.01, 0.005, 0.002]), rel=0.05)


def test_without_a_file_k_l_is_not_checked_and_without_spectra_there_is_none() -> None:
    found = luminance_factor_of_run(evidence(FROM_SPECTRA, SPECTRA))
    assert found is not None
    assert not found.checked
    assert found.levels == 3
    assert luminance_factor_of_run(evidence(FROM_SPECTRA)) is None


# --- both routes -----------------------------------------------------------------------------------------------


def test_absolute_radiance_gives_the_published_efficiency() -> None:
    """0.1 x 520/19 nm in W/(m^2 sr nm) at 50 A/m^2: L 958.013471 cd/m^2, EQE 5.32969902 %."""
    radiance = 0.1 * gaussian(520.0, 19.0)
    spectrum = with_colorimetry(Spectrum(0, 4, Branch.FORWARD, 0.0, 1.0, radiance, 0.5))
    reading = Reading(4, Branch.FORWARD, 5.0, 0.0, 5.0, 50.0 * AREA, nan)
    record = evaluate(reading, evidence(SPECTRA_ALONE, [spectrum]))
    assert record.luminance == record.spectral_luminance == pytest.approx(958.013471, rel=1e-5)
    assert record.external_quantum_efficiency == pytest.approx(0.0532969902, rel=1e-6)
    assert record.current_efficiency == pytest.approx(958.013471 / 50.0, rel=1e-5)
    assert isnan(record.route_difference)


@pytest.mark.parametrize("final", [False, True])
def test_both_routes_are_known_where_a_spectrum_was_taken_and_their_difference(final: bool) -> None:
    calibration = with_file(LuminanceRoute.CALIBRATED, GAIN / 1.03)
    known = replace(evidence(calibration, [a_spectrum(0, 3, 1000.0)]), final=final)
    here, elsewhere = (with_uncertainties(evaluate(a_reading(i, 1000.0), known), known) for i in (3, 4))
    assert here.luminance == pytest.approx(1030.0, rel=1e-8)
    assert here.spectral_luminance == pytest.approx(1000.0, rel=1e-8)
    assert here.spectral_external_quantum_efficiency == pytest.approx(0.0389429735, rel=1e-5)
    assert here.external_quantum_efficiency == pytest.approx(1.03 * 0.0389429735, rel=1e-5)
    assert here.route_difference == pytest.approx(0.03, rel=1e-6)
    slope = 0.17 * known.factors[0].integrals.response_slope / known.factors[0].integrals.response
    beside = [0.0115, 0.01, 0.005, 0.0011547, 0.0015, 1.6e-7 / AREA, slope]
    assert here.route_difference_uncertainty == pytest.approx(1.03 * np.linalg.norm(beside), rel=1e-3)
    for name in ("spectral_luminance", "spectral_external_quantum_efficiency", "route_difference"):
        assert isnan(getattr(elsewhere, name))
        assert isnan(getattr(elsewhere, f"{name}_uncertainty"))


def test_the_efficiency_by_photons_keeps_next_to_nothing_of_the_wavelength_scale() -> None:
    known = evidence(SPECTRA_ALONE, [a_spectrum(0, 3, 1000.0)])
    record = with_uncertainties(evaluate(a_reading(3, 1000.0), known), known)
    density = record.current_density_uncertainty / record.current_density
    light = [0.0115, 0.01, 0.0011547, 0.0015]
    photons = np.linalg.norm([*light, 0.17 / 520.0, density, 0.02])
    assert record.external_quantum_efficiency_uncertainty / record.external_quantum_efficiency == pytest.approx(photons)
    sensitivity = 0.0218  # of the luminance of a 520 nm line, relative and per nm
    seen = np.linalg.norm([*light, 0.17 * sensitivity])
    assert record.luminance_uncertainty / record.luminance == pytest.approx(seen, rel=0.01)


def test_spectra_alone_give_no_other_point_a_luminance() -> None:
    points = whole([a_reading(i, 300.0) for i in range(3)], [a_spectrum(0, 1, 300.0)], SPECTRA_ALONE)
    assert points["luminance"] == pytest.approx([nan, 300.0, nan], rel=1e-9, nan_ok=True)
    assert points["spectrum_source"].tolist() == [b"none", b"measured", b"none"]
    assert (points["flags"] & int(PointFlag.NO_SPECTRUM) > 0).tolist() == [True, False, True]
    assert np.isnan(points["chromaticity_x"]).tolist() == [True, False, True]


def test_a_photodiode_that_sees_nothing_takes_nothing_from_spectra_alone() -> None:
    blind = replace(a_reading(0, 300.0), photodiode_signal=DARK)
    unseen = replace(a_spectrum(0, 0, 300.0), photodiode_signal=DARK)
    record = evaluate(blind, evidence(SPECTRA_ALONE, [unseen]))
    assert record.flags & PointFlag.BELOW_DARK_NOISE
    assert record.external_quantum_efficiency == pytest.approx(0.3 * 0.0389429735, rel=1e-5)


def test_both_luminances_during_each_spectrum() -> None:
    calibration = with_file(LuminanceRoute.CALIBRATED, GAIN / 1.03)
    unseen = replace(a_spectrum(3, 5, 50.0), photodiode_signal=nan)
    found = pairs(evidence(calibration, [*SPECTRA, unseen]))
    assert [one.point for one in found] == [spectrum.point_index for spectrum in SPECTRA]
    assert [one.ratio - 1 for one in found] == pytest.approx([0.03] * 3, rel=1e-6)
    assert all(0.015 < one.uncertainty < 0.025 for one in found)
    assert pairs(evidence(a_calibration(LuminanceRoute.CALIBRATED), SPECTRA)) == []


# --- a contradiction ---------------------------------------------------------------------------------------------


def test_a_spectrum_whose_luminance_is_not_believed_keeps_its_shape() -> None:
    """A gain off by ten: colour and kappa are those of the spectra, and so is the weight between two of them."""
    spectra = [a_spectrum(0, 0, 100.0), a_spectrum(1, 9, 1000.0, centre=519.0)]
    readings = [a_reading(i, 300.0) for i in (0, 1)]
    right = whole(readings, spectra, with_file(LuminanceRoute.CALIBRATED))
    wrong = whole(readings, spectra, with_file(LuminanceRoute.CALIBRATED, GAIN / 10.0))
    for name in ("spectrum_source", "spectrum_index", "spectrum_index_upper"):
        assert wrong[name].tolist() == right[name].tolist()
    assert right["spectrum_source"].tolist() == [b"measured", b"interpolated"]
    for name in ("spectrum_weight", "log10_distance", "chromaticity_x"):
        np.testing.assert_allclose(wrong[name], right[name], rtol=1e-9)
    assert wrong["luminance"] == pytest.approx(10.0 * right["luminance"], rel=1e-9)


def test_a_spectrum_that_the_photodiode_missed_stands_on_the_scale_of_the_others() -> None:
    spectra = [a_spectrum(0, 8, 100.0), replace(a_spectrum(1, 9, 1000.0), photodiode_signal=nan)]
    wrong = whole([a_reading(0, 300.0)], spectra, with_file(LuminanceRoute.CALIBRATED, GAIN / 10.0))
    assert wrong["spectrum_weight"] == pytest.approx(log(3.0) / log(10.0), rel=1e-6)


# --- where there is no light -------------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [GAIN, -GAIN])
def test_below_the_dark_noise_there_are_no_efficiencies_but_luminance_as_it_is(gain: float) -> None:
    spectra = [a_spectrum(0, 0, 100.0, gain=gain)]
    calibration = with_file(LuminanceRoute.CALIBRATED, gain)
    sign = 1.0 if gain > 0 else -1.0
    signals = [DARK + sign * 2.9e-6, DARK + sign * 3.1e-6, DARK - sign * 1e-3]
    readings = [replace(a_reading(i + 3, 1.0), photodiode_signal=signal) for i, signal in enumerate(signals)]
    points = whole(readings, spectra, calibration)
    assert (points["flags"] & int(PointFlag.BELOW_DARK_NOISE) > 0).tolist() == [True, False, True]
    assert np.isfinite(points["luminance"]).all(), "nothing is clipped"
    assert (points["luminance"] > 0).tolist() == [True, True, False]
    for name in ("current_efficiency", "power_efficiency", "external_quantum_efficiency"):
        for column in (name, f"{name}_uncertainty"):
            assert np.isfinite(points[column]).tolist() == [False, True, False], column
    assert points["photodiode_signal"].tolist() == signals


#: EQE_max of the simulated device on the levels of the sweep, on a bench without noise that knows itself.
TRUE_EQE = 0.0646557

# --- in a run file -------------------------------------------------------------------------------------------------


def test_the_curve_that_counts_is_named_in_the_run_file() -> None:
    relative = relative_responsivity(None)
    fields = replace(FROM_SPECTRA, relative=relative).to_fields()
    assert fields["relative_responsivity_source"] == (GENERIC_SILICON, "")
    assert fields["relative_responsivity_uncertainty"] == (0.002, "1/nm")
    assert fields["luminance_route"] == ("from_spectra", "")
    again = Calibration.from_fields({name: value for name, (value, _) in fields.items()})
    assert again.shape is not None
    np.testing.assert_array_equal(again.shape.responsivity, generic_silicon())
    own = relative_responsivity(PhotodiodeCalibration(1.0, TRUE_RESPONSIVITY, identification="pd-1"))
    assert own.source == "calibration pd-1"
    assert own.curve is TRUE_RESPONSIVITY


def test_the_generic_curve_is_physically_possible() -> None:
    quantum_efficiency = generic_silicon() * 1239.841984 / WAVELENGTH
    assert (quantum_efficiency > 0.69).all()
    assert (quantum_efficiency < 0.74).all()


SIMULATED = "simulated-photodiode-1 of 2026-01-05"
FILE = f"  calibration: {CONFIGS.as_posix()}/calibrations/simulated_photodiode.yaml\n"


@pytest.mark.parametrize("named", [FILE, ""], ids=["gain off by ten", "no calibration file"])
def test_a_run_on_a_bench_with_a_wrong_gain_has_the_right_efficiency(
    named: str, bench_file: Callable[..., Path], tmp_path: Path
) -> None:
    bench = bench_file({"  amplifier: 5e6 V/A\n": "  amplifier: 5e5 V/A\n  luminance: from_spectra\n", FILE: named})
    result = run_sweep_file(CONFIGS / "sweeps" / "table2_sppo13_liq.yaml", tmp_path, bench)
    assert result.run is not None
    run = read_run(result.run.path)
    figure = run.figures["external_quantum_efficiency_max"]
    assert figure.value == pytest.approx(TRUE_EQE, rel=0.005)
    first = run.spectra[0].point_index
    with h5py.File(run.path) as file:
        live, final = (file[f"entry/{group}/luminance"][:] for group in ("jvl_live", "jvl"))
    assert np.isnan(live[: first + 1]).all()
    assert np.isfinite(live[first + 1 :]).all()
    assert np.isfinite(final).all()
    assert run.calibration.relative.source == (f"calibration {SIMULATED}" if named else GENERIC_SILICON)


def clipped(light: float, index: int) -> Spectrum:
    """A spectrum as an instrument gives it that shows no negative samples: the noise that is left adds up."""
    taken = a_spectrum(index, index, light)
    noise = 2e-5 * np.random.default_rng(index).standard_normal(401)
    return with_colorimetry(replace(taken, spectral_radiance=np.maximum(taken.spectral_radiance + noise, 0.0)))


def test_what_noise_leaves_above_zero_is_in_the_uncertainty_and_not_in_k_l() -> None:
    known = evidence(FROM_SPECTRA, [clipped(light, i) for i, light in enumerate((30.0, 3000.0, 10000.0, 30000.0))])
    faint, bright = known.spectra[0].absolute, known.spectra[-1].absolute
    excess = faint.photons / known.spectra[-1].absolute.photons * 1000.0 - 1
    assert excess > 0.02, "photons that were never there"
    assert excess / 2 < faint.photon_noise < 3 * excess
    assert bright.photon_noise < 1e-3
    assert [one.spectrum.luminance > 100.0 for one in known.calibrating] == [True] * len(known.calibrating)
    assert evaluate(a_reading(9, 3000.0), known).luminance == pytest.approx(3000.0, rel=1e-3)


def test_noise_that_is_not_clipped_leaves_no_excess() -> None:
    line = line_at(100.0)
    assert clipped_excess(line, np.ones(401)) == 0.0
    assert clipped_excess(np.zeros(401), np.ones(401)) == 0.0
    noise = 1e-5 * np.random.default_rng(1).standard_normal(401)
    excess = np.maximum(line + noise, 0.0).sum() - line.sum()
    assert clipped_excess(np.maximum(line + noise, 0.0), np.ones(401)) == pytest.approx(excess, rel=0.6)


def test_one_step_of_the_meter_is_no_light() -> None:
    """Ten dark readings of 0 A: the 10 mA range of the meter has steps of 10 nA, and three are told from none."""
    conditions = Conditions(AREA, 1.0, connection="current")
    calibration = replace(with_file(LuminanceRoute.CALIBRATED), conditions=conditions)
    known = Evidence(calibration).with_dark([DarkReading(0.0, 0.0, 0.0, 0.0, after=False)] * 10)
    known = known.with_spectrum(replace(a_spectrum(0, 9, 3000.0), photodiode_signal=3e-7))
    readings = [replace(a_reading(i, 1.0), photodiode_signal=steps * 1e-8) for i, steps in enumerate((1, 2, 4))]
    records = [evaluate(reading, known) for reading in readings]
    assert [np.isfinite(record.external_quantum_efficiency) for record in records] == [False, False, True]
    assert all(record.luminance > 0 for record in records)
