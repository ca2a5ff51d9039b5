"""A finished run is computed by columns: the same numbers as point by point, and no object a row."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from math import nan
from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
import pytest

from acquire.evaluation import evaluate as evaluation_module
from acquire.evaluation.ageing import changes_after_the_sweep
from acquire.evaluation.angular_remark import with_angular_factor
from acquire.evaluation.budget import current_limit
from acquire.evaluation.calibration import Calibration, Conditions, LightUncertainty, StandInSpectra
from acquire.evaluation.evaluate import (
    Evidence,
    evaluate,
    with_uncertainties,
)
from acquire.evaluation.figure import Figure, JVLCurve
from acquire.evaluation.figures import figures_of_merit
from acquire.evaluation.final import final_evaluation
from acquire.evaluation.repeated import repeatability
from acquire.evaluation.spectral_figures import spectrum_figures, wall_plug
from acquire.evaluation.spectrum import with_colorimetry
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.luminous import luminance
from acquire.photometry.photodiode import PhotodiodeCalibration, calibration_from_geometry, etendue_of_discs
from acquire.photometry.spectra import gaussian
from acquire.records import (
    DERIVED,
    READING_FLAGS,
    ROUTES,
    Branch,
    Columns,
    DarkReading,
    ExposureSample,
    PointFlag,
    Reading,
    Record,
    Spectrum,
)
from acquire.run_file import finish as finishing
from acquire.run_file import layout, recorder
from acquire.run_file import read as reading
from acquire.run_file.export import csv_files
from acquire.run_file.export.csv_files import export_csv
from tests.support.run_files import a_record, a_simulated_run, a_start

AREA, GAIN, POINTS = 1.4e-5, 5e6, 120
RESPONSIVITY = 6.0e-4 * WAVELENGTH - 0.012
CONDITIONS = Conditions(AREA, GAIN, angular_factor=0.9)
PHOTODIODE = replace(calibration_from_geometry(etendue_of_discs(AREA, 1e-4, 0.1), RESPONSIVITY), scale_slope=1e-3)
FULL = Calibration(
    photodiode=PHOTODIODE,
    conditions=CONDITIONS,
    uncertainty=LightUncertainty(emissive_area=1.6e-7, luminance_scale=0.0115, wavelength=0.3, angular_factor=0.03),
    stand_in=StandInSpectra(assumed=gaussian(530.0, 30.0)),
)
CALIBRATIONS = {
    "everything known": FULL,
    "a reference": replace(FULL, stand_in=replace(FULL.stand_in, reference=gaussian(500.0, 50.0))),
    "no stand-in": replace(FULL, stand_in=StandInSpectra()),
    "a luminance factor": Calibration(
        photodiode=PhotodiodeCalibration(1e10), conditions=Conditions(AREA, GAIN, nplc=0.05, photodiode_nplc=10.0)
    ),
    "fixed ranges": replace(
        FULL, conditions=replace(CONDITIONS, voltage_range=20.0, current_range=0.1, photodiode_range=10.0)
    ),
    "no photodiode": Calibration(conditions=Conditions(AREA, GAIN)),
    "an inverting amplifier": replace(FULL, conditions=replace(CONDITIONS, transfer=-GAIN)),
    "from the spectra": replace(FULL, conditions=replace(CONDITIONS, luminance_route="from_spectra")),
    "from the spectra alone": Calibration(
        conditions=Conditions(AREA, GAIN, luminance_route="from_spectra"), stand_in=FULL.stand_in
    ),
    "spectroradiometer": replace(FULL, conditions=replace(CONDITIONS, luminance_route="spectroradiometer")),
    "spectroradiometer alone": Calibration(conditions=Conditions(AREA, GAIN, luminance_route="spectroradiometer")),
    "as it comes from a file": replace(
        FULL,
        conditions=replace(CONDITIONS, emissive_area=np.float64(AREA)),
        photodiode=replace(PHOTODIODE, scale_slope=np.float64(1e-3)),
    ),
}


def some_readings(chance: np.random.Generator) -> list[Reading]:
    """Up and down again, over every range, with whatever may be wrong with a reading."""
    rising = np.linspace(0.0, 1.0, POINTS * 2 // 3)
    way = np.concatenate([rising, np.linspace(1.0, 0.0, POINTS - rising.size)])
    branches = [Branch.FORWARD] * rising.size + [Branch.REVERSE] * (POINTS - rising.size)
    time, voltage, current = np.arange(POINTS) * 0.1, 0.1 + 25.0 * way, 1e-8 * 10.0 ** (7.5 * way)
    signal = 1e-4 + 4.4e-4 * 10.0 ** (-2.0 + 5.0 * way) + 2e-5 * chance.standard_normal(POINTS)
    wrong = [np.flatnonzero(chance.random(POINTS) < 0.03) for _ in range(9)]
    flags = np.zeros(POINTS, int)
    signal[wrong[0]], flags[wrong[0]] = nan, int(PointFlag.PHOTODIODE_OVERFLOW)
    current[wrong[1]] = voltage[wrong[1]] = nan
    flags[wrong[1]] |= int(PointFlag.NO_SOURCE_READING)
    flags[wrong[2]] |= int(PointFlag.COMPLIANCE)
    current[wrong[3]], voltage[wrong[4]], signal[wrong[5]] = 0.0, 0.0, 1e-4
    current[wrong[6]], voltage[wrong[7]], signal[wrong[8]] = -2.0, -300.0, -5000.0
    columns = (column.tolist() for column in (voltage, time, voltage, current, signal, time))
    return [
        Reading(index, branch, *numbers, 0, PointFlag(flag))
        for index, (branch, flag, *numbers) in enumerate(zip(branches, flags.tolist(), *columns, strict=True))
    ]


def some_spectra(readings: Sequence[Reading], chance: np.random.Generator, count: int) -> list[Spectrum]:
    """Spectra at some points: lines that move, a cut-off one, a noisy one, one without light, two of one point."""
    spectra: list[Spectrum] = []
    for point in sorted(chance.choice(POINTS, count, replace=False).tolist()):
        reading, index = readings[point], len(spectra)
        line = gaussian(785.0 if index == 3 else 515.0 + 0.04 * point, 20.0)
        if index == 6:
            line = line + 0.3 * chance.standard_normal(WAVELENGTH.size)
        light = max(reading.photodiode_signal * 2e3, 1e-3) / luminance(line)
        radiance = line * (0.0 if index == 7 else light if light > 0 else 1.0)
        drift = float(chance.choice([nan, 0.01, 0.07]))
        signal = reading.photodiode_signal if index % 3 else nan
        window = (reading.time, reading.time + 0.1)
        spectrum = Spectrum(index, point, reading.branch, *window, radiance, 0.5, signal, drift)
        spectra += [with_colorimetry(spectrum)]
        if index == 4:
            spectra += [replace(spectra[-1], index=5)]
    return spectra


def some_dark(chance: np.random.Generator) -> list[DarkReading]:
    return [
        DarkReading(time, 0.0, 0.0, 1e-4 + 1e-6 * time + 2e-5 * float(chance.standard_normal()), after)
        for time, after in ((-1.0, False), (-0.5, False), (31.0, True), (31.5, True))
    ]


def row_by_row(readings: Sequence[Reading], evidence: Evidence) -> list[Record]:
    return [with_uncertainties(evaluate(reading, evidence), evidence) for reading in readings]


def columns_of(records: Sequence[Record]) -> Columns:
    return reading.table_of(records, layout.jvl_columns("V"))


def check_same(columns: Columns, expected: Columns, names: Sequence[str]) -> None:
    """To the last bit, but for uncertainties: a root of many squares is rounded differently."""
    for name in names:
        if name.endswith("_uncertainty"):
            np.testing.assert_allclose(columns[name], expected[name], rtol=1e-15, atol=0, err_msg=name)
        else:
            np.testing.assert_array_equal(columns[name], expected[name], err_msg=name)


@pytest.mark.parametrize("spectra", [0, 2, 15])
@pytest.mark.parametrize("calibration", CALIBRATIONS.values(), ids=CALIBRATIONS)
def test_columns_are_what_each_point_gives(
    calibration: Calibration, spectra: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = np.random.default_rng(spectra)
    readings = some_readings(chance)
    evaluation = final_evaluation(some_dark(chance), some_spectra(readings, chance, spectra), calibration)
    alone = columns_of(row_by_row(readings, evaluation.evidence))
    for numbers_at_once in (1 << 18, 50 * 64, 1):
        monkeypatch.setattr(evaluation_module, "_LARGEST_BLOCK", numbers_at_once)
        final = evaluation.points(alone)
        computed = {*DERIVED, *ROUTES}
        assert set(final) >= {*computed, *(f"{name}_uncertainty" for name in computed), "flags", "spectrum_source"}
        check_same(final, alone, list(final))


def test_the_comparison_meets_every_kind_of_choice_and_flag() -> None:
    """Else it would compare little."""
    chance = np.random.default_rng(15)
    readings = some_readings(chance)
    spectra = some_spectra(readings, chance, 15)
    evidence = final_evaluation(some_dark(chance), spectra, FULL).evidence
    records = row_by_row(readings, evidence)
    assert {record.spectrum_source for record in records} == {"measured", "interpolated", "nearest"}
    derived = PointFlag.BELOW_DARK_NOISE | PointFlag.SPECTRAL_SHIFT | PointFlag.SPECTRUM_TRUNCATED
    for flag in derived:
        assert 0 < sum(bool(record.flags & flag) for record in records) < POINTS, flag
    assert len(evidence.spectra) == len(spectra) - 1, "one spectrum is without light"
    assert not all(candidate.usable for candidate in evidence.candidates)


def without_uncertainties(figures: Mapping[str, Figure]) -> dict[str, Any]:
    unknown = {"uncertainty": nan, "coverage_factor": nan, "expanded_uncertainty": nan}
    return {name: asdict(replace(figure, **unknown)) for name, figure in figures.items()}


def test_the_figures_are_those_of_the_points_taken_one_by_one() -> None:
    chance = np.random.default_rng(4)
    readings = some_readings(chance)
    spectra = some_spectra(readings, chance, 9)
    dark = some_dark(chance)
    final = final_evaluation(dark, spectra, FULL)
    records = row_by_row(readings, final.evidence)
    figures = final.figures(columns_of(records))
    expected = with_angular_factor(figures_by_row(records, spectra, dark, final.evidence), FULL)
    assert sum(figure.status == "ok" for figure in figures.values()) > 20
    np.testing.assert_equal(without_uncertainties(figures), without_uncertainties(expected))


def figures_by_row(
    records: Sequence[Record], spectra: Sequence[Spectrum], dark: Sequence[DarkReading], evidence: Evidence
) -> dict[str, Figure]:
    usable = {candidate.index for candidate in evidence.candidates if candidate.usable}
    conditions = evidence.calibration.conditions
    limited = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE | PointFlag.OVER_RANGE
    floor = 3 * max(stdev(one.current for one in dark), current_limit(0.0, conditions)) / conditions.emissive_area

    def curve(branch: Branch) -> JVLCurve:
        chosen = [r for r in records if r.reading.branch is branch and not r.flags & limited]
        columns: dict[str, list[float]] = {field.name: [] for field in fields(JVLCurve)}
        own = {"time", "voltage", "luminance_noise", "current_density_floor"}
        for record in chosen:
            photocurrent = evidence.photocurrent(record.reading.photodiode_signal, record.reading.time)
            noise = evidence.dark_deviation / GAIN * (record.luminance / photocurrent if photocurrent else 0.0)
            columns["time"].append(record.reading.time)
            columns["voltage"].append(record.reading.voltage)
            columns["luminance_noise"].append(noise)
            columns["current_density_floor"].append(floor)
            for name in set(columns) - own:
                columns[name].append(getattr(record, name))
        return JVLCurve(**{name: np.array(values) for name, values in columns.items()})

    figures = figures_of_merit(curve(Branch.FORWARD), curve(Branch.REVERSE))
    spectral = spectrum_figures(
        [spectrum for spectrum in spectra if spectrum.index in usable],
        figures["current_efficiency_max"].luminance,
        evidence.calibration.uncertainty.wavelength,
    )
    efficacy = spectral["luminous_efficacy_of_radiation"]
    power = {"wall_plug_efficiency_at_power_efficiency_max": wall_plug(figures["power_efficiency_max"], efficacy)}
    return figures | spectral | power | repeatability(columns_of(records)) | changes_after_the_sweep(None)


@pytest.mark.parametrize("sweep", ["table2_sppo13_liq.yaml", "hysteresis.yaml", "first_day_resistor.yaml"])
def test_a_finished_file_holds_what_each_point_gives(sweep: str, tmp_path: Path) -> None:
    run = reading.read_run(a_simulated_run(tmp_path, sweep))
    final = final_evaluation(run.dark, run.spectra, run.calibration, run.repeated)
    readings = [replace(r.reading, flags=r.flags & READING_FLAGS) for r in run.records]
    records = row_by_row(readings, final.evidence)
    names = [column.name for column in layout.jvl_columns("V")]
    check_same(run.tables["jvl"], columns_of(records), names)
    expected = final.figures(columns_of(records))
    assert {name: figure.status for name, figure in run.figures.items()} == {n: f.status for n, f in expected.items()}
    for name, figure in expected.items():
        assert run.figures[name].value == pytest.approx(figure.value, rel=1e-15, abs=0, nan_ok=True), name
        assert run.figures[name].uncertainty == pytest.approx(figure.uncertainty, rel=1e-15, abs=0, nan_ok=True), name


# Nothing a row


def long_run(path: Path, points: int) -> Path:
    """An unfinished run file of so many points, one spectrum and readings during it."""
    capacity = {Record: points, DarkReading: 4, Spectrum: 1, ExposureSample: points}
    record = recorder.create_run_file(path, a_start(), capacity, lambda group: layout.write_calibration(group, FULL))
    for dark in some_dark(np.random.default_rng(1)):
        record(dark)
    point, sample = a_record(0, luminance=100.0), ExposureSample(0, 3.0, 4.0, 5e-3, 0.6)
    for _ in range(points):
        record(point)
        record(sample)
    radiance = gaussian(520.0, 20.0)
    record(with_colorimetry(Spectrum(0, 3, Branch.FORWARD, 1.0, 2.0, radiance, 0.5)))
    record.close()
    return path


def finish_and_look(path: Path) -> None:
    """Everything that is done with a whole run afterwards."""
    finishing.recover(path)
    export_csv(reading.read_run(path), path.parent / path.stem)


def test_no_row_becomes_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = long_run(tmp_path / "run.h5", 50)

    def refuse(self: Any, *arguments: Any, **values: Any) -> None:
        raise AssertionError(f"a {type(self).__name__} for one row")

    for kind in (Record, Reading, ExposureSample):
        monkeypatch.setattr(kind, "__init__", refuse)
    finish_and_look(path)
    run = reading.read_run(path)
    assert run.finished
    assert run.points == 50
    assert "failed" not in "".join(note.text for note in run.notes)
    with pytest.raises(AssertionError, match="a Reading for one row"):
        assert run.records


@pytest.mark.long
def test_memory_grows_by_little_more_than_the_numbers_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_module, "_LARGEST_BLOCK", 50 * 256)
    monkeypatch.setattr(csv_files, "_BLOCK", 256)
    few, many = 500, 3500
    paths = [long_run(tmp_path / f"{points}.h5", points) for points in (few, many)]
    peaks = []
    for path in paths:
        tracemalloc.start()
        finish_and_look(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    bytes_a_row = (paths[1].stat().st_size - paths[0].stat().st_size) / (many - few)
    assert (peaks[1] - peaks[0]) / (many - few) < 3 * bytes_a_row
