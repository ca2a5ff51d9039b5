"""Bad endings of a run: whatever fails, the output is off by the twin's own log and every reported point is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import pytest
import pyvisa
from pyvisa.constants import StatusCode

from acquire import bench as bench_module
from acquire import session
from acquire.engine import SpectrumNotTaken
from acquire.records import DarkReading, Event, Note, PointFlag, Record, Spectrum
from drivers.cs2000a import CS2000A
from drivers.errors import NoSpectrum
from tests.attempt import LIQ, Attempt
from tests.conftest import CONFIGS


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(LIQ, tmp_path / "runs")


def test_an_exception_in_the_middle_of_a_sweep(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    original = bench_module.Bench.collect

    def collect(self: Any, step: Any, time: float) -> Any:
        if step.index == 30:
            raise ZeroDivisionError("a bug")
        return original(self, step, time)

    monkeypatch.setattr(bench_module.Bench, "collect", collect)
    result = attempt.run()
    assert "ZeroDivisionError: a bug" in result.error
    assert len(attempt.reported) == 30
    path = attempt.check_what_is_left("failed")
    with h5py.File(path) as file:
        assert b"ZeroDivisionError: a bug" in file["entry/notes/text"][-1]
        assert b"ZeroDivisionError" in file["entry/stop_reason"][()]


def test_a_failing_display_does_not_end_the_run(attempt: Attempt) -> None:
    def watch(event: Event) -> None:
        if len(attempt.reported) == 5:
            raise RuntimeError("no terminal")

    attempt.watch = watch
    result = attempt.run()
    assert not result.error
    assert result.run is not None
    assert result.run.status == "completed"
    assert len(result.run.records) == 81
    assert any("no terminal" in note.text for note in result.run.notes)


def test_ctrl_c_during_a_spectrum_cancels_it(attempt: Attempt) -> None:
    def watch(event: Event) -> None:
        if type(event).__name__ == "ExposureSample":
            attempt.stop._reason = "interrupted by Ctrl-C"

    attempt.watch = watch
    result = attempt.run()
    assert result.interrupted
    assert not any(isinstance(event, Spectrum) for event in attempt.events)
    attempt.check_what_is_left("stopped")


def test_ctrl_c_during_a_spectrum_switches_off_before_it_cancels(attempt: Attempt) -> None:
    stopped: list[float] = []

    def watch(event: Event) -> None:
        if type(event).__name__ == "ExposureSample" and not stopped:
            assert attempt.simulated is not None
            stopped.append(attempt.simulated.clock.now())
            attempt.stop._reason = "interrupted by Ctrl-C"

    attempt.watch = watch
    attempt.run()
    assert attempt.simulated is not None
    smu: Any = attempt.simulated.twins["GPIB0::24::INSTR"]
    assert smu.output_log[-1].time - stopped[0] < 1.1  # one look at the spectroradiometer
    meter = CS2000A("ASRL3::INSTR", visa_library=attempt.simulated.library)
    with pytest.raises(NoSpectrum):
        meter.read_spectrum()


def test_a_second_ctrl_c_ends_the_run_at_once(attempt: Attempt) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, Record) and event.reading.index == 20:
            raise KeyboardInterrupt

    attempt.watch = watch
    result = attempt.run()
    assert result.interrupted
    assert len(attempt.reported) == 21
    attempt.check_what_is_left("stopped")


@pytest.mark.parametrize("requests", [1, 2, 3])
def test_ctrl_c_before_the_output_is_on_leaves_it_off(
    requests: int, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = session.create_run_file

    def create(*arguments: Any) -> Any:
        for _ in range(requests):
            attempt.stop.ask("interrupted by Ctrl-C")
        return original(*arguments)

    monkeypatch.setattr(session, "create_run_file", create)
    result = attempt.run()
    assert result.interrupted
    assert not attempt.events
    assert attempt.simulated is not None
    smu: Any = attempt.simulated.twins["GPIB0::24::INSTR"]
    assert not any(change.output_on for change in smu.output_log)
    attempt.check_what_is_left("stopped")


def test_a_second_ctrl_c_while_instruments_are_opened_ends_there(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_meter(*arguments: Any) -> Any:
        attempt.stop.ask("interrupted by Ctrl-C")
        attempt.stop.ask("interrupted by Ctrl-C")

    monkeypatch.setattr(bench_module, "_open_photodiode_meter", open_meter)
    result = attempt.run()
    assert result.run is None
    assert result.interrupted
    assert "interrupted by Ctrl-C" in result.error
    assert not attempt.output.exists()


@pytest.mark.parametrize(("after", "points"), [(False, 0), (True, 81)])
def test_ctrl_c_during_dark_readings_ends_them(after: bool, points: int, attempt: Attempt) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, DarkReading) and event.after is after:
            attempt.stop.ask("interrupted by Ctrl-C")

    attempt.watch = watch
    result = attempt.run()
    assert result.interrupted
    assert sum(isinstance(event, DarkReading) and event.after is after for event in attempt.events) == 1
    assert len(attempt.reported) == points
    attempt.check_what_is_left("stopped")


def test_ctrl_c_while_the_links_are_closed_still_finishes_the_file(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = bench_module.Bench.close

    def close(self: Any) -> None:
        for _ in range(3):
            attempt.stop.ask("interrupted by Ctrl-C")
        original(self)

    monkeypatch.setattr(bench_module.Bench, "close", close)
    result = attempt.run()
    assert not result.error
    attempt.check_what_is_left("completed")


def test_a_link_that_cannot_be_closed_costs_nothing(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    original = bench_module.open_bench

    def open_bench(*arguments: Any) -> Any:
        bench = original(*arguments)

        def close() -> None:
            raise pyvisa.errors.VisaIOError(StatusCode.error_connection_lost)

        monkeypatch.setattr(bench._smu.adapter, "close", close)
        return bench

    monkeypatch.setattr(session, "open_bench", open_bench)
    result = attempt.run()
    assert not result.error
    attempt.check_what_is_left("completed")


def test_more_notes_than_there_is_room_for_do_not_end_the_run(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = session.capacity
    monkeypatch.setattr(session, "capacity", lambda plan: replace(original(plan), notes=1))

    def start_exposure(self: Any) -> None:
        raise SpectrumNotTaken("too bright")

    monkeypatch.setattr(bench_module.Bench, "start_exposure", start_exposure)
    result = attempt.run()
    assert result.run is not None
    assert result.run.status == "completed"
    assert len(result.run.notes) == 1


def test_too_bright_for_the_spectroradiometer_is_noted_and_the_sweep_goes_on(
    attempt: Attempt, sweep_file: Callable[..., Path], bench_file: Callable[..., Path]
) -> None:
    bench = bench_file({"measuring_angle: 0.2 deg": "measuring_angle: 1 deg"})
    attempt.sweep = sweep_file(
        "table2_sppo13_liq.yaml", {f"{CONFIGS.as_posix()}/benches/simulated.yaml": bench.as_posix()}
    )
    result = attempt.run()
    assert result.run is not None
    assert result.run.status == "completed"
    notes = [event.text for event in attempt.events if isinstance(event, Note)]
    assert any("no spectrum at 6.6 V" in text for text in notes)
    assert len(result.run.spectra) == 6


def test_compliance_stops_the_sweep_and_is_flagged(attempt: Attempt, sweep_file: Callable[..., Path]) -> None:
    attempt.sweep = sweep_file("table2_sppo13_liq.yaml", {"compliance: 100 mA": "compliance: 1 mA"})
    result = attempt.run()
    assert not result.error
    assert result.run is not None
    assert result.run.status == "stopped"
    assert "compliance" in result.run.stop_reason
    last = result.run.records[-1]
    assert last.reading.current == pytest.approx(1e-3, rel=1e-3)
    assert last.flags & PointFlag.COMPLIANCE
    attempt.check_what_is_left("stopped")


def test_instruments_that_cannot_be_opened_are_all_named_before_anything_is_switched_on(attempt: Attempt) -> None:
    def no_answer(number: int, resource: str, operation: str) -> None:
        if resource != "GPIB0::24::INSTR":
            raise pyvisa.errors.VisaIOError(StatusCode.error_resource_not_found)

    attempt.prepare_bench = lambda simulated: setattr(simulated.library, "before_operation", no_answer)
    result = attempt.run()
    assert result.run is None
    assert "GPIB0::16::INSTR" in result.error
    assert "ASRL3::INSTR" in result.error
    assert not attempt.output.exists()
    assert attempt.simulated is not None
    smu: Any = attempt.simulated.twins["GPIB0::24::INSTR"]
    assert not any(change.output_on for change in smu.output_log)
