"""A calibration in its four parts, and by its names in a run file."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire.evaluation.calibration import (
    Calibration,
    Conditions,
    LightUncertainty,
    RelativeResponsivity,
    StandInSpectra,
)
from acquire.evaluation.evaluate import Evidence, evaluate
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, Reading
from acquire.run_file.read import read_calibration

RECORDINGS = sorted((Path(__file__).parents[1] / "recordings").glob("2026*.h5"))
#: Every value another one, none of them a default.
FULL = Calibration(
    photodiode=PhotodiodeCalibration(
        1e10,
        np.linspace(0.2, 0.4, 401),
        1e-3,
        0.02,
        "pd-1 of 2026-01-05",
        "by factor",
        degrees_of_freedom=4,
        responsivity_uncertainty=0.01,
        reference_response=np.linspace(0.0, 0.2, 401),
    ),
    conditions=Conditions(
        1.4e-5,
        5e6,
        20.0,
        0.1,
        10.0,
        0.1,
        10.0,
        "another",
        "other",
        filter_count=10,
        autozero=False,
        angular_factor=0.9,
        angular_factor_source="measured",
        luminous_angular_factor=0.95,
        luminance_route="from_spectra",
    ),
    uncertainty=LightUncertainty(1.6e-7, 0.0115, 0.01, 0.005, 0.001, 0.17, 0.03),
    stand_in=StandInSpectra(gaussian(500.0, 50.0), gaussian(530.0, 30.0)),
    relative=RelativeResponsivity(np.linspace(0.1, 0.5, 401), "another curve", 0.003),
)


def stored(calibration: Calibration) -> dict[str, Any]:
    return {name: value for name, (value, _) in calibration.to_fields().items()}


def check_equal(one: Any, other: Any) -> None:
    for field in fields(one):
        np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)


@pytest.mark.parametrize("calibration", [FULL, Calibration(conditions=Conditions(1.4e-5, 5e6))])
def test_every_part_comes_back_from_its_fields(calibration: Calibration) -> None:
    again = Calibration.from_fields(stored(calibration))
    for part in ("conditions", "uncertainty", "stand_in", "relative"):
        check_equal(getattr(again, part), getattr(calibration, part))
    if calibration.photodiode is None:
        assert again.photodiode is None
    else:
        check_equal(again.photodiode, calibration.photodiode)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_the_names_and_units_in_a_run_file_are_those_of_before(path: Path) -> None:
    with h5py.File(path) as file:
        group = file["entry/calibration"]
        before = {name: group[name].attrs["units"] for name in group}
        texts = set(group.attrs) - {"NX_class"}
    named = {name: unit for name, (value, unit) in FULL.to_fields().items() if not isinstance(value, str)}
    assert before.items() <= named.items()
    assert texts <= {name for name in FULL.to_fields() if name not in named}


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_calibration_recorded_before_is_read(path: Path) -> None:
    with h5py.File(path) as file:
        calibration = read_calibration(file["entry/calibration"])
        before = {name: dataset[()] for name, dataset in file["entry/calibration"].items()}
    again = stored(calibration)
    for name, value in before.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)
    assert calibration.photodiode is not None
    assert calibration.photodiode.identification == "simulated-photodiode-1 of 2026-01-05"
    assert (calibration.conditions.source_meter, calibration.conditions.photodiode_meter) == (
        "keithley2400", "keithley2000"
    )  # fmt: skip


def test_a_run_is_evaluated_with_another_photodiode_by_replacing_that_part() -> None:
    """Twice the scale is twice the light, with the uncertainty and the name that belong to it."""
    other = PhotodiodeCalibration(2e10, FULL.photodiode and FULL.photodiode.responsivity, 0.0, 0.05, "pd-2")
    calibrated = replace(FULL, conditions=replace(FULL.conditions, luminance_route="calibrated"))
    recalibrated = replace(calibrated, photodiode=other)
    reading = Reading(0, Branch.FORWARD, 5.0, 0.0, 5.0, 1e-3, 0.5)
    before, after = (evaluate(reading, Evidence(calibration)) for calibration in (calibrated, recalibrated))
    assert after.luminance == pytest.approx(2.0 * before.luminance)
    assert stored(recalibrated)["calibration_uncertainty"] == 0.05
    assert stored(recalibrated)["identification"] == "pd-2"
