"""The composition root: names of run files, room for rows, cautions, what becomes of a calibration file."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire import session
from acquire.bench.simulated import simulated_bench
from acquire.bench.site import Site
from acquire.config import ConfigurationError
from acquire.photometry.photodiode import etendue_of_discs
from acquire.records import Activity, DarkReading, Event, ExposureSample, Record, RunStart, RunStop, Spectrum
from acquire.run_file import finish as finishing
from acquire.run_file import naming, recorder
from acquire.safety.interruption import StopRequest
from drivers import link
from drivers.errors import InstrumentTimeout, OutputStateUnknown
from drivers.keithley2000.driver import Keithley2000
from drivers.keithley2400.driver import Keithley2400
from drivers.simulated.clock import VirtualClock
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.attempt import Attempt

QUICK = CONFIGS / "sweeps" / "quick_look.yaml"
LIQ = CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"


@pytest.mark.parametrize(
    ("sample", "readable"),
    [
        ("SPPO13/Liq", "SPPO13-Liq"),
        ("../../etc/passwd", "etc-passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("größer ", "größer"),
        ("///", "sample"),
        ("", "sample"),
        ("\u8bd5\u6837", "\u8bd5\u6837"),
        ("CON", "CON"),
        ("C:evil", "C-evil"),
        ("a\x00b\nc", "a-b-c"),
        ("x" * 10_000, "x" * 40),
    ],
)
def test_a_run_file_name_stays_in_its_folder(sample: str, readable: str) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
    name = naming.file_name(moment, {"sample": sample}, uuid.UUID(int=0xABC))
    assert name == f"20260301T123005_{readable}_00000000.h5"
    assert Path(name).name == name


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_a_lifetime_whose_file_takes_no_first_row_switches_nothing_on_and_leaves_none(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(recorder, "_positioned_writer", lambda: refused)
    attempt = Attempt(CONFIGS / "sweeps" / "lifetime.yaml", tmp_path / "runs")
    result = attempt.run()
    assert os.strerror(code) in result.error
    assert len(result.error.splitlines()) == 1
    assert result.output is session.Output.NEVER_ON
    assert attempt.simulated is not None
    smu: Any = attempt.simulated.twins["GPIB0::24::INSTR"]
    assert not any(change.output_on for change in smu.output_log)
    assert not [*attempt.output.iterdir()]


class Died(BaseException):
    """As if the process were gone."""


def test_the_file_of_a_run_that_dies_with_its_output_on_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Died

    monkeypatch.setattr(Keithley2400, "trigger", die)
    attempt = Attempt(QUICK, tmp_path / "runs")
    with pytest.raises(Died):
        attempt.run()
    assert len([*attempt.output.iterdir()]) == 1


def test_a_simulated_bench_in_step_with_the_wall_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("drivers.simulated.clock.time.monotonic", lambda: now[0])
    monkeypatch.setattr("drivers.simulated.clock.time.sleep", sleep)
    clock = VirtualClock()
    clock.advance(5.0)
    assert not slept
    clock.in_step()
    clock.advance(3.0)
    now[0] += 10.0  # the machine was slow: it does not wait beyond that
    clock.advance(3.0)
    assert slept == [3.0, 0.0]


def test_the_calibration_is_that_of_the_bench_and_the_sample() -> None:
    prepared = session.prepare(LIQ)
    calibration = prepared.calibration
    conditions, photodiode = calibration.conditions, calibration.photodiode
    assert conditions.emissive_area == 1.4e-5
    assert photodiode is not None
    assert photodiode.responsivity is not None
    assert photodiode.scale == pytest.approx(683.002 / etendue_of_discs(1.4e-5, 1e-4, 0.1))
    assert photodiode.responsivity[520 - 380] == pytest.approx(0.3)
    assert conditions.voltage_range == 20.0
    assert np.isnan(conditions.current_range)
    assert "simulated-photodiode-1" in photodiode.identification


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


def test_start_and_stop_are_events_for_every_spectator_and_carry_the_totals(tmp_path: Path) -> None:
    one: list[Event] = []
    other: list[Event] = []
    prepared = session.prepare(QUICK)
    result = session.run(prepared, tmp_path, [one.append, other.append], StopRequest())
    assert result.run is not None
    assert one == other
    events = [event for event in one if not isinstance(event, Activity)]
    start, stop = events[0], events[-1]
    assert isinstance(start, RunStart)
    assert isinstance(stop, RunStop)
    assert (start.run_id, start.points, start.duration) == (
        result.run.run_id,
        len(prepared.plan.steps),
        prepared.plan.duration,
    )
    assert (stop.status, stop.reason, stop.end_time) == (
        result.run.status,
        result.run.stop_reason,
        result.run.end_time,
    )


def test_a_range_between_two_of_the_instrument_is_the_next_larger_one(
    tmp_path: Path, sweep_file: Callable[..., Path]
) -> None:
    wanted = {
        "current_range: 10 mA ": "current_range: 8 mA\n  photodiode_range: 5 V #",
        "  step: 0.5 V\n": "  step: 0.5 V\n  range: 15 V\n",
    }
    sweep = sweep_file("quick_look.yaml", wanted)
    conditions = session.prepare(sweep).calibration.conditions
    assert (conditions.voltage_range, conditions.current_range, conditions.photodiode_range) == (20.0, 0.01, 10.0)
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
    assert [note.text for note in run.notes] == ["spectrum 1: less light than the spectroradiometer is made for"]


def sweep_into(output: str, sweep_file: Callable[..., Path]) -> session.PreparedRun:
    text = "\nmeasure:"
    return session.prepare(sweep_file("quick_look.yaml", {text: f"\noutput: {output}{text}"}))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_does_not_lead_the_sweeps_folder_out_of_the_current_one(
    tmp_path: Path, sweep_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "runs").mkdir(parents=True)
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


def test_a_folder_that_cannot_be_is_refused_before_anything_is_opened(
    tmp_path: Path, sweep_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared = session.prepare(CONFIGS / "sweeps" / "quick_look.yaml")
    Path("README.md").touch()
    for output, why in (
        ("README.md", r"^--output README\.md: is a file\. Name a folder"),
        ("README.md/a/b", r"^--output README\.md.a.b: cannot be made: 'README\.md' is a file\."),
        ("a" * 300, r"^--output a+: cannot be a folder \("),
    ):
        with pytest.raises(ConfigurationError, match=why):
            session.run_folder(prepared, Path(output))
    with pytest.raises(ConfigurationError, match=r"output: 'README\.md' is a file\. Give it another name"):
        session.run_folder(sweep_into("README.md", sweep_file))
    assert session.run_folder(prepared, Path("new/one")) == Path("new/one")
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".yaml"] == ["README.md"]


@pytest.mark.skipif(os.name == "nt", reason="links and rights of POSIX")
def test_a_folder_that_takes_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = session.prepare(CONFIGS / "sweeps" / "quick_look.yaml")
    (tmp_path / "lost").symlink_to("nowhere")
    with pytest.raises(ConfigurationError, match="lost: is a link to what does not exist"):
        session.run_folder(prepared, tmp_path / "lost")
    monkeypatch.setattr(os, "access", lambda place, how: False)  # root may write anywhere
    with pytest.raises(ConfigurationError, match=r"cannot be made: '.*' may not be written to"):
        session.run_folder(prepared, tmp_path / "new")


def test_a_disk_without_room_for_the_finished_file_still_holds_how_the_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(path: Path, content: bytes, **_options: object) -> None:
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


# --- several runs on one open bench ---


def on_and_off(smu: Any) -> list[bool]:
    """The output of the twin, each time it changed."""
    states = [change.output_on for change in smu.output_log]
    return [state for i, state in enumerate(states) if i == 0 or state != states[i - 1]]


def settings_in(path: Path) -> dict[str, Any]:
    """Everything that a run file says of the instruments and their settings."""
    with h5py.File(path) as file:
        group = file["entry/instrument"]
        return {f"{role}/{name}": value for role, part in group.items() for name, value in part.attrs.items()}


def shorter_and_slower(sweep_file: Callable[..., Path]) -> Path:
    shorter = "  stop: 6 V\n  step: 0.1 V\n  range: 20 V\n"
    return sweep_file(
        "table2_sppo13_liq.yaml",
        {"  stop: 8 V\n  step: 0.1 V\n": shorter, "nplc: 1 ": "nplc: 2 ", "10 cd/m^2, 30": "30"},
    )


def test_two_sweeps_run_one_after_the_other_on_one_open_bench(
    tmp_path: Path, sweep_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps = [session.prepare(LIQ), session.prepare(shorter_and_slower(sweep_file))]
    alone = [session.run(sweep, tmp_path / "alone", [], StopRequest()).run for sweep in sweeps]
    simulated = simulated_bench(sweeps[0].loaded)
    site, smu = (
        Site(simulated.library, simulated.clock.now, simulated.clock.advance),
        simulated.twins["GPIB0::24::INSTR"],
    )
    runs, output = [], []
    links: list[str] = []
    original = link.open_adapter
    monkeypatch.setattr(
        link, "open_adapter", lambda resource, **how: links.append(resource) or original(resource, **how)
    )
    with session.opened(sweeps[0], site) as bench:
        for sweep in sweeps:
            result = session.run_on(bench, sweep, tmp_path / "queue", [], StopRequest())
            assert result.error == ""
            runs.append(result.run)
            output.append(on_and_off(smu))
    assert len(links) == len(set(links)) == 3
    assert [states[-1] for states in output] == [False, False]
    assert [states.count(True) for states in output] == [1, 2]
    assert len(list((tmp_path / "queue").iterdir())) == 2
    for run, single in zip(runs, alone, strict=True):
        assert run is not None
        assert single is not None
        assert run.finished
        assert (run.status, run.stop_reason) == (single.status, single.stop_reason) == ("completed", "")
        assert settings_in(run.path) == settings_in(single.path)
        assert [record.reading.source_level for record in run.records] == [
            record.reading.source_level for record in single.records
        ]
        assert len(run.spectra) == len(single.spectra) > 0
        assert run.records[0].reading.time == pytest.approx(single.records[0].reading.time, abs=1.0)
        assert -10.0 < run.exchanges[0].time < 0.0 < run.records[0].reading.time
        assert run.exchanges[-1].time > run.records[-1].reading.time
        readings = [[each.sent for each in one.exchanges if b":READ?" in each.sent] for one in (run, single)]
        assert readings[0] == readings[1]
    assert settings_in(runs[0].path) != settings_in(runs[1].path)


def test_a_run_that_is_stopped_leaves_the_open_bench_to_the_next(tmp_path: Path) -> None:
    sweep, stopped = session.prepare(LIQ), StopRequest()

    def stop_in_a_spectrum(event: Event) -> None:
        if isinstance(event, ExposureSample):
            stopped.note("enough")

    with session.opened(sweep) as bench:
        cut_off = session.run_on(bench, sweep, tmp_path, stop_in_a_spectrum, stopped)
        whole = session.run_on(bench, sweep, tmp_path, [], StopRequest())
    assert cut_off.interrupted
    assert cut_off.run is not None
    assert whole.error == ""
    assert whole.run is not None
    assert whole.run.status == "completed"
    assert len(whole.run.spectra) == 7
    assert whole.run.notes == ()


def test_after_an_output_that_may_be_on_the_next_run_opens_the_links_anew_and_begins_with_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = session.prepare(QUICK)
    simulated = simulated_bench(sweep.loaded)
    smu: Any = simulated.twins["GPIB0::24::INSTR"]

    def output_off(self: Keithley2400) -> None:
        raise OutputStateUnknown("smu", "THE OUTPUT MAY STILL BE ON")

    def broken_from_the_start_on(event: Event) -> None:
        if isinstance(event, RunStart):
            broken.setattr(Keithley2400, "output_off", output_off)

    with session.opened(sweep, Site(simulated.library, simulated.clock.now, simulated.clock.advance)) as bench:
        with monkeypatch.context() as broken:
            first = session.run_on(bench, sweep, tmp_path, broken_from_the_start_on, StopRequest())
        assert "THE OUTPUT MAY STILL BE ON" in first.error
        assert bench.open_instruments == ()
        assert on_and_off(smu)[-1]
        second = session.run_on(bench, sweep, tmp_path, [], StopRequest())
    assert second.error == ""
    assert on_and_off(smu)[-3:] == [False, True, False]


def test_what_was_not_ready_for_one_run_is_opened_anew_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = session.prepare(QUICK)

    def switched_off(self: Any) -> None:
        raise InstrumentTimeout(str(self.name), "no answer")

    with session.opened(sweep) as bench:
        with monkeypatch.context() as silent:
            silent.setattr(Keithley2000, "identify", switched_off)
            silent.setattr(Keithley2400, "configure", lambda self, settings: switched_off(self))
            first = session.run_on(bench, sweep, tmp_path, [], StopRequest())
        second = session.run_on(bench, sweep, tmp_path, [], StopRequest())
        assert bench.open_instruments == ("smu", "photodiode_meter")
    assert first.error.count("no answer") == 2
    assert second.error == ""


def test_no_run_on_a_bench_that_was_closed(tmp_path: Path) -> None:
    sweep = session.prepare(QUICK)
    with session.opened(sweep) as bench:
        pass
    assert "was closed" in session.run_on(bench, sweep, tmp_path, [], StopRequest()).error


def test_a_sweep_for_another_bench_does_not_run_on_the_open_one(
    tmp_path: Path, bench_file: Callable[..., Path]
) -> None:
    other = session.prepare(LIQ, bench_file({"measuring_angle: 0.2 deg": "measuring_angle: 1 deg"}))
    with session.opened(session.prepare(LIQ)) as bench:
        result = session.run_on(bench, other, tmp_path, [], StopRequest())
    assert result.run is None
    assert "is not as in the bench file of" in result.error
    assert list(tmp_path.glob("*.h5")) == []
