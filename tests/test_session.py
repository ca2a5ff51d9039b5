"""The composition root: names of run files, room for rows, cautions, what becomes of a calibration file."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from acquire import session
from acquire.config import ConfigurationError, load_sweep
from acquire.photometry.photodiode import etendue_of_discs
from tests.conftest import CONFIGS, run_sweep_file

LIQ = CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"


@pytest.mark.parametrize(
    ("sample", "readable"),
    [("SPPO13/Liq", "SPPO13-Liq"), ("../../etc/passwd", "etc-passwd"), ("größer ", "gr-er"), ("///", "sample")],
)
def test_a_run_file_name_stays_in_its_folder(sample: str, readable: str) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
    name = session.file_name(moment, sample, uuid.UUID(int=0xABC))
    assert name == f"20260301T123005_{readable}_00000000.h5"
    assert Path(name).name == name


def test_an_outdated_calibration_is_a_caution() -> None:
    loaded = load_sweep(LIQ)
    assert loaded.calibration is not None
    assert session.cautions(loaded, date(2026, 6, 1)) == []
    expired = loaded.calibration.model_copy(update={"valid_until": date(2026, 5, 31)})
    (text,) = session.cautions(replace(loaded, calibration=expired), date(2026, 6, 1))
    assert "2026-05-31" in text
    assert loaded.calibration.id in text


def test_the_calibration_is_that_of_the_bench_and_the_sample() -> None:
    prepared = session.prepare(LIQ)
    calibration = prepared.calibration
    assert calibration.emissive_area == 1.4e-5
    assert calibration.photodiode_scale == pytest.approx(683.002 / etendue_of_discs(1.4e-5, 1e-4, 0.1))
    assert calibration.responsivity[520 - 380] == pytest.approx(0.3)
    assert calibration.voltage_range == 20.0
    assert np.isnan(calibration.current_range)
    assert "simulated-photodiode-1" in calibration.identification


def test_nothing_of_the_device_file_enters_the_calibration(sweep_file: Callable[..., Path]) -> None:
    other = sweep_file("table2_sppo13_liq.yaml", {"sppo13_liq.yaml": "sppo13.yaml"})
    first, second = session.prepare(LIQ).calibration.described(), session.prepare(other).calibration.described()
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name][0], second[name][0])


def test_there_is_room_for_every_row_the_plan_can_produce(tmp_path: Path) -> None:
    prepared = session.prepare(CONFIGS / "sweeps" / "hysteresis.yaml")
    room = session.capacity(prepared.plan)
    assert room.points == len(prepared.plan.steps)
    result = run_sweep_file(CONFIGS / "sweeps" / "hysteresis.yaml", tmp_path)
    assert result.run is not None
    assert result.run.status == "completed"
    assert len(result.run.records) == room.points
    assert len(result.run.dark) == room.dark_readings
    assert len(result.run.spectra) <= room.spectra
    assert len(result.run.exposure_samples) <= room.exposure_samples


def test_a_range_between_two_of_the_instrument_is_the_next_larger_one(
    tmp_path: Path, sweep_file: Callable[..., Path]
) -> None:
    wanted = {
        "current_range: 10 mA ": "current_range: 8 mA\n  photodiode_range: 5 V #",
        "  step: 0.5 V\n": "  step: 0.5 V\n  range: 15 V\n",
    }
    sweep = sweep_file("quick_look.yaml", wanted)
    calibration = session.prepare(sweep).calibration
    assert (calibration.voltage_range, calibration.current_range, calibration.photodiode_range) == (20.0, 0.01, 10.0)
    assert run_sweep_file(sweep, tmp_path / "runs").error == ""


def test_a_reference_that_is_no_run_is_a_problem_of_the_sweep_file(sweep_file: Callable[..., Path]) -> None:
    sweep = sweep_file("quick_look.yaml", {"  name: SPPO13\n": "  name: SPPO13\n  reference: quick_look.yaml\n"})
    with pytest.raises(ConfigurationError, match=r"sample\.reference: .*is not a run file"):
        session.prepare(sweep)


def test_a_device_that_shines_at_the_dark_level_is_a_caution(tmp_path: Path, sweep_file: Callable[..., Path]) -> None:
    sweep = sweep_file("table2_sppo13_liq.yaml", {"measure:": "dark:\n  voltage: 8 V\nmeasure:"})
    result = run_sweep_file(sweep, tmp_path / "runs")
    assert result.run is not None
    assert any("less light than the dark readings" in note.text for note in result.run.notes)
    usual = run_sweep_file(LIQ, tmp_path / "usual").run
    assert usual is not None
    assert usual.notes == ()
