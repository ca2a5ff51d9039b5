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

from acquire import session
from acquire.bench import bench as bench_module
from acquire.bench import opening
from acquire.records import DarkReading, Doing, Event, Note, PointFlag, Record, Spectrum
from acquire.sweep.engine import SpectrumNotTaken
from drivers.cs2000a.driver import CS2000A
from drivers.cs2000a.errors import NoSpectrum
from drivers.errors import InstrumentTimeout, UnexpectedReply
from drivers.keithley2000.driver import Keithley2000
from drivers.keithley2400.driver import Keithley2400
from tests.conftest import CONFIGS
from tests.support.attempt import LIQ, Attempt


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(LIQ, tmp_path / "runs")


def test_an_exception_in_the_middle_of_a_sweep(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    original = bench_module.BenchInRun.collect

    def collect(self: Any, step: Any, time: float) -> Any:
        if step.index == 30:
            raise ZeroDivisionError("a bug")
        return original(self, step, time)

    monkeypatch.setattr(bench_module.BenchInRun, "collect", collect)
    result = attempt.run()
    assert "ZeroDivisionError: a bug" in result.error
    assert len(attempt.reported) == 30
    path = attempt.check_what_is_left("failed")
    with h5py.File(path) as file:
        assert b"ZeroDivisionError: a bug" in file["entry/notes/text"][-1]
        assert b"ZeroDivisionError" in file["entry/stop_reason"][()]
    told = [(event.doing, event.text) for event in attempt.told]
    assert told[-3:] == [
        (Doing.ENDING, "a bug"),
        (Doing.ENDING, "ramping to zero"),
        (Doing.OUTPUT_OFF, "output off, asked"),
    ]
    assert result.output == session.Output.OFF


def test_a_run_that_did_not_begin_never_had_its_output_on(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    def configure(self: Any, settings: Any) -> None:
        raise InstrumentTimeout(self.name, "no reply")

    monkeypatch.setattr(Keithley2000, "configure", configure)
    result = attempt.run()
    assert "no reply" in result.error
    assert result.output == session.Output.NEVER_ON
    told = [(event.instrument, event.text) for event in attempt.told]
    assert ("smu", "ready") in told
    assert ("photodiode_meter", "not ready") in told


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
    assert attempt.told[-1].text == "waiting for the Konica Minolta CS-2000A, up to 9 s"
    assert result.output == session.Output.OFF


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

    meter = replace(opening._ROLES["photodiode_meter"], open=open_meter)
    monkeypatch.setitem(opening._ROLES, "photodiode_meter", meter)
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
    original = bench_module.BenchInRun.close

    def close(self: Any) -> None:
        for _ in range(3):
            attempt.stop.ask("interrupted by Ctrl-C")
        original(self)

    monkeypatch.setattr(bench_module.BenchInRun, "close", close)
    result = attempt.run()
    assert not result.error
    attempt.check_what_is_left("completed")


def test_a_link_that_cannot_be_closed_costs_nothing(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    role = opening._ROLES["smu"]

    def opened(*arguments: Any) -> Any:
        smu = role.open(*arguments)

        def close() -> None:
            raise pyvisa.errors.VisaIOError(StatusCode.error_connection_lost)

        monkeypatch.setattr(smu.adapter, "close", close)
        return smu

    monkeypatch.setitem(opening._ROLES, "smu", replace(role, open=opened))
    result = attempt.run()
    assert not result.error
    attempt.check_what_is_left("completed")


def test_more_notes_than_there_is_room_for_do_not_end_the_run(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = session.capacity
    monkeypatch.setattr(session, "capacity", lambda *arguments: {**original(*arguments), Note: 1})

    def start_exposure(self: Any, mode: Any) -> None:
        raise SpectrumNotTaken("too bright")

    monkeypatch.setattr(bench_module.BenchInRun, "start_exposure", start_exposure)
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


def queue(attempt: Attempt, twin: str, code: int, moment: Callable[[Event], bool]) -> None:
    """Have an instrument queue an error once an event has come."""

    def watch(event: Event) -> None:
        if moment(event):
            assert attempt.simulated is not None
            instrument: Any = attempt.simulated.twins[twin]
            instrument.status.error(code)

    attempt.watch = watch


def at_point(*indices: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Record) and event.reading.index in indices


def notes_of(result: session.RunResult) -> list[str]:
    assert result.run is not None
    assert not result.error
    return [note.text for note in result.run.notes]


@pytest.mark.parametrize(
    ("resource", "who"), [("GPIB0::24::INSTR", "the source"), ("GPIB0::16::INSTR", "the photodiode meter")]
)
def test_an_error_that_a_meter_queues_in_mid_run_is_told(resource: str, who: str, attempt: Attempt) -> None:
    queue(attempt, resource, -363, at_point(5))
    result = attempt.run()
    assert [text for text in notes_of(result) if "queued" in text] == [f"{who} queued -363 Input buffer overrun"]
    attempt.check_what_is_left("completed")


def test_a_queued_error_is_told_during_the_next_spectrum(attempt: Attempt) -> None:
    queue(attempt, "GPIB0::24::INSTR", -363, at_point(40))
    attempt.run()
    kinds = [type(event).__name__ for event in attempt.events]
    told = next(place for place, event in enumerate(attempt.events) if isinstance(event, Note) and "-363" in event.text)
    assert kinds[told + 1] == "ExposureSample"


def test_a_queued_error_is_told_between_the_branches(attempt: Attempt) -> None:
    attempt.sweep = CONFIGS / "sweeps" / "hysteresis.yaml"
    queue(attempt, "GPIB0::24::INSTR", -363, at_point(0))
    result = attempt.run()
    assert result.run is not None
    turn = next(
        record for record in result.run.records if record.reading.branch != result.run.records[0].reading.branch
    )
    (note,) = [note for note in result.run.notes if "-363" in note.text]
    assert note.time <= turn.reading.time


def test_an_error_that_is_queued_often_is_told_once_with_a_count(attempt: Attempt) -> None:
    queue(attempt, "GPIB0::24::INSTR", -363, lambda event: isinstance(event, Spectrum))
    told = [text for text in notes_of(attempt.run()) if "queued" in text]
    assert told == [
        "the source queued -363 Input buffer overrun",
        "6 more times: the source queued -363 Input buffer overrun",
    ]


def test_a_queued_error_is_told_after_a_burst(
    attempt: Attempt, sweep_file: Callable[..., Path], bench_file: Callable[..., Path]
) -> None:
    bench = bench_file({"visa: simulated": "visa: simulated\ntrigger_link: true"})
    timed = {"  nplc: 0.1": "  timing: hardware\n  photodiode_range: 10 V\n  nplc: 0.1"}
    own_bench = {f"{CONFIGS.as_posix()}/benches/simulated.yaml": bench.as_posix()}
    attempt.sweep = sweep_file("quick_look.yaml", {**own_bench, **timed})
    queue(attempt, "GPIB0::24::INSTR", -363, lambda event: isinstance(event, DarkReading))
    assert any("queued -363" in text for text in notes_of(attempt.run()))


def test_a_source_that_does_not_say_what_it_has_queued_ends_the_run(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, DarkReading):
            monkeypatch.setattr(Keithley2400, "error_queue", overdue)

    attempt.watch = watch
    assert "no reply" in attempt.run().error
    assert attempt.reported == []
    attempt.check_what_is_left("failed")


def once_off(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Have something happen when the source has confirmed that its output is off."""
    output_off = Keithley2400.output_off

    def then(self: Any) -> None:
        output_off(self)
        if self.settings():  # not the one before the settings are made
            action()

    monkeypatch.setattr(Keithley2400, "output_off", then)


def overdue(self: Any) -> Any:
    raise InstrumentTimeout(str(self.name), "no reply")


def test_errors_queued_while_the_output_went_off_are_told(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    def queue_both() -> None:
        assert attempt.simulated is not None
        for resource in ("GPIB0::24::INSTR", "GPIB0::16::INSTR"):
            twin: Any = attempt.simulated.twins[resource]
            twin.status.error(-363)

    once_off(monkeypatch, queue_both)
    queued = "queued -363 Input buffer overrun"
    assert notes_of(attempt.run()) == [f"the source {queued}", f"the photodiode meter {queued}"]
    attempt.check_what_is_left("completed")


def test_a_meter_that_does_not_answer_when_the_output_is_off_costs_no_run(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last_words() -> None:
        assert attempt.simulated is not None
        twin: Any = attempt.simulated.twins["GPIB0::24::INSTR"]
        twin.status.error(-363)
        monkeypatch.setattr(Keithley2000, "error_queue", overdue)

    once_off(monkeypatch, last_words)
    notes = notes_of(attempt.run())
    assert notes[0] == "the source queued -363 Input buffer overrun"
    assert notes[1].startswith("asked for errors when the output was off: ")
    attempt.check_what_is_left("completed")


def test_a_garbled_reply_about_queued_errors_costs_nothing(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def garbled(self: Any) -> Any:
        asked.append(self)
        raise UnexpectedReply("the source", ":SYST:ERR?", "!&")

    original = bench_module.BenchInRun.start_exposure

    def start_exposure(self: Any, mode: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Keithley2400, "error_queue", garbled)
            original(self, mode)
            list(self.queued_errors())

    monkeypatch.setattr(bench_module.BenchInRun, "start_exposure", start_exposure)
    assert notes_of(attempt.run()) == []
    assert len(asked) == 7


def open_circuit(device: Path) -> Path:
    device.write_text("kind: device\nid: nothing\nname: nothing\nload: open_circuit\n", encoding="utf-8")
    return device


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"  no_light_by: 7 V": "  # nothing"}, "no current flowed up to 8 V: is the device contacted?"),
        ({}, "no current flowed up to 7 V: is the device contacted?"),
        (
            {"  current_range: 10 mA": "  photodiode_range: 10 V", "  no_light_by: 7 V": "  # nothing"},
            "no current flowed up to 8 V: is the device contacted?",
        ),
        (
            {
                "function: voltage": "function: current",
                "start: 0 V": "start: 0 mA",
                "stop: 8 V": "stop: 2 mA",
                "step: 0.5 V": "step: 0.5 mA",
                "compliance: 10 mA": "compliance: 9 V",
                "  current_range: 10 mA": "  photodiode_range: 10 V",
                "  no_light_by: 7 V": "  # nothing",
            },
            "in compliance from the first level on: no current flowed at 9 V: is the device contacted?",
        ),
    ],
)
def test_a_device_that_is_not_contacted_is_told(
    changes: dict[str, str], note: str, attempt: Attempt, sweep_file: Callable[..., Path], tmp_path: Path
) -> None:
    nothing = open_circuit(tmp_path / "nothing.yaml")
    shipped = {f"{CONFIGS.as_posix()}/devices/sppo13.yaml": nothing.as_posix()}
    attempt.sweep = sweep_file("quick_look.yaml", {**shipped, **changes})
    assert note in notes_of(attempt.run())


@pytest.mark.parametrize("name", ["quick_look.yaml", "first_day_resistor.yaml", "table2_sppo13_liq.yaml"])
def test_a_device_that_is_contacted_is_not_doubted(name: str, attempt: Attempt) -> None:
    attempt.sweep = CONFIGS / "sweeps" / name
    assert not any("contacted" in text for text in notes_of(attempt.run()))
