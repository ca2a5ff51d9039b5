"""The composition root: names of run files, room for rows, cautions, what becomes of a calibration file."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire import session
from acquire.config import ConfigurationError, load_sweep
from acquire.photometry.photodiode import etendue_of_discs
from acquire.records import DarkReading, ExposureSample, Record, Spectrum
from acquire.run_file import finish as finishing
from acquire.run_file import placing
from acquire.safety.interruption import StopRequest
from tests.conftest import CONFIGS, run_sweep_file

QUICK = CONFIGS / "sweeps" / "quick_look.yaml"
LIQ = CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"


@pytest.mark.parametrize(
    ("sample", "readable"),
    [
        ("SPPO13/Liq", "SPPO13-Liq"),
        ("../../etc/passwd", "etc-passwd"),
        ("..\\..\\boot.ini", "boot-ini"),
        ("größer ", "gr-er"),
        ("///", "sample"),
        ("", "sample"),
        ("\u8bd5\u6837", "sample"),
        ("CON", "CON"),
        ("C:evil", "C-evil"),
        ("a\x00b\nc", "a-b-c"),
        ("x" * 10_000, "x" * 40),
    ],
)
def test_a_run_file_name_stays_in_its_folder(sample: str, readable: str) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
    name = placing.file_name(moment, sample, uuid.UUID(int=0xABC))
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
    first, second = session.prepare(LIQ).calibration.to_fields(), session.prepare(other).calibration.to_fields()
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name][0], second[name][0])


def test_there_is_room_for_every_row_the_plan_can_produce(tmp_path: Path) -> None:
    prepared = session.prepare(CONFIGS / "sweeps" / "hysteresis.yaml")
    room = session.capacity(prepared.plan)
    assert room[Record] == len(prepared.plan.steps)
    result = run_sweep_file(CONFIGS / "sweeps" / "hysteresis.yaml", tmp_path)
    assert result.run is not None
    assert result.run.status == "completed"
    assert len(result.run.records) == room[Record]
    assert len(result.run.dark) == room[DarkReading]
    assert len(result.run.spectra) <= room[Spectrum]
    assert len(result.run.exposure_samples) <= room[ExposureSample]


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


def test_a_spectrum_of_too_little_light_is_noted(tmp_path: Path, sweep_file: Callable[..., Path]) -> None:
    text = "at_luminance: [10 cd/m^2, 30 cd/m^2, 100 cd/m^2, 300 cd/m^2, 1000 cd/m^2, 3000 cd/m^2, 10000 cd/m^2]"
    run = run_sweep_file(sweep_file("table2_sppo13_liq.yaml", {text: "at_luminance: [0.02 cd/m^2]"}), tmp_path).run
    assert run is not None
    assert [note.text for note in run.notes] == ["spectrum 0: less light than the spectroradiometer is made for"]


def sweep_into(output: str, sweep_file: Callable[..., Path]) -> session.PreparedRun:
    text = "\nmeasure:"
    return session.prepare(sweep_file("quick_look.yaml", {text: f"\noutput: {output}{text}"}))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_does_not_lead_the_sweeps_folder_out_of_the_current_one(
    tmp_path: Path, sweep_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("away").symlink_to(tmp_path)
    Path("inside").symlink_to(tmp_path / "here" / "runs")
    Path("round").symlink_to("round")
    with pytest.raises(ConfigurationError, match=r"output: 'away/runs' leads out of the current folder"):
        session.run_folder(sweep_into("away/runs", sweep_file))
    with pytest.raises(ConfigurationError, match=r"output: 'round' cannot be a folder|output: 'round' leads out"):
        session.run_folder(sweep_into("round", sweep_file))
    prepared = sweep_into("inside", sweep_file)
    assert session.run_folder(prepared) == Path("inside")
    assert session.run_folder(sweep_into("away/runs", sweep_file), Path("away")) == Path("away")


def test_a_disk_without_room_for_the_finished_file_still_holds_how_the_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full_disk:
        full_disk.setattr(finishing, "replace_file", no_room)
        result = session.run(session.prepare(QUICK), tmp_path, lambda event: None, StopRequest())
    assert result.failed
    assert result.run is None
    assert "No space left on device" in result.error
    assert f"acquire recover {result.unfinished}" in result.error
    assert result.unfinished is not None
    with h5py.File(result.unfinished) as file:
        assert file["entry/status"][()] == b"stopped"
        assert b"luminance" in file["entry/stop_reason"][()]
        assert datetime.fromisoformat(file["entry/end_time"][()].decode())
    recovered = finishing.recover(result.unfinished)
    assert (recovered.finished, recovered.status) == (True, "stopped")
    assert len(recovered.records) > 5
