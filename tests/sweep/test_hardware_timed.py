"""The instruments run the sweep by themselves over the trigger link: same results, less time, no jumps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from acquire import session
from acquire.config import ConfigurationError
from acquire.records import Note, PointFlag, Record
from drivers.keithley2400.driver import Keithley2400
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.attempt import Attempt

SMU, DMM = "GPIB0::24::INSTR", "GPIB0::16::INSTR"


@pytest.fixture
def sweep(tmp_path: Path, sweep_file: Callable[..., Path], bench_file: Callable[..., Path]) -> Callable[..., Path]:
    """A shipped sweep without spectra, on fixed ranges, on a bench with a trigger-link cable and no noise."""
    bench = bench_file({"visa: simulated": "visa: simulated\ntrigger_link: true", "noise: true": "noise: false"})

    def write(timing: str, **changes: str) -> Path:
        path = sweep_file("table2_sppo13_liq.yaml", {f"{CONFIGS.as_posix()}/benches/simulated.yaml": bench.as_posix()})
        text = re.sub(r"spectra:.*?\n\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        measure = f"measure:\n  timing: {timing}\n  current_range: 100 mA\n  photodiode_range: 10 V"
        text = text.replace("measure:", measure)
        for old, new in changes.items():
            assert re.search(rf"  {old}: .*", text), old
            text = re.sub(rf"  {old}: .*", f"  {old}: {new}", text, count=1)
        target = tmp_path / f"{timing}.yaml"
        target.write_text(text, encoding="utf-8")
        return target

    return write


def output_changes(attempt: Attempt) -> Iterator[tuple[float, bool, float]]:
    assert attempt.simulated is not None
    twin: Any = attempt.simulated.twins[SMU]
    for change in twin.output_log:
        yield change.time, change.output_on, change.level


def test_the_figures_of_merit_are_those_of_the_stepped_sweep(sweep: Callable[..., Path], tmp_path: Path) -> None:
    stepped = run_sweep_file(sweep("stepped"), tmp_path / "stepped").run
    hardware = run_sweep_file(sweep("hardware"), tmp_path / "hardware").run
    assert stepped is not None
    assert hardware is not None
    assert hardware.status == "completed"
    assert len(hardware.records) == len(stepped.records) == 81
    for name in ("turn_on_voltage", "luminance_max", "current_efficiency_max", "external_quantum_efficiency_max"):
        assert hardware.figures[name].value == pytest.approx(stepped.figures[name].value, rel=2e-4), name
    for one, other in zip(hardware.records, stepped.records, strict=True):
        assert one.reading.source_level == other.reading.source_level
        assert one.reading.voltage == pytest.approx(other.reading.voltage, abs=1e-4)


@pytest.mark.parametrize("nplc", ["0.01", "0.1", "1"])
def test_a_point_takes_no_longer_than_the_instruments_need(
    nplc: str, sweep: Callable[..., Path], tmp_path: Path
) -> None:
    path = sweep("hardware", nplc=nplc, step="20 mV", settle="0 s")
    attempt = Attempt(path, tmp_path / "runs")
    result = attempt.run()
    assert result.run is not None
    plan = session.prepare(path).plan
    times = [record.reading.time for record in result.run.records]
    assert len(times) == 401
    per_point = (times[-1] - times[0]) / (len(times) - 1)
    assert per_point <= 1.10 * plan.time_per_point


def test_several_bursts_without_a_jump_in_level(sweep: Callable[..., Path], tmp_path: Path) -> None:
    attempt = Attempt(sweep("hardware", nplc="0.01", step="2 mV", settle="0 s"), tmp_path / "runs")
    result = attempt.run()
    assert result.run is not None
    assert len(result.run.records) == 4001
    levels = [level for _, on, level in output_changes(attempt) if on]
    top = levels.index(8.0)
    assert max(abs(b - a) for a, b in pairwise(levels[: top + 1])) <= 2e-3 + 1e-9
    attempt.check_what_is_left("completed")


def test_compliance_is_flagged_and_stops_after_the_burst(sweep: Callable[..., Path], tmp_path: Path) -> None:
    attempt = Attempt(sweep("hardware", compliance="10 mA", current_range="10 mA"), tmp_path / "runs")
    result = attempt.run()
    assert result.run is not None
    assert "compliance" in result.run.stop_reason
    limited = [record for record in result.run.records if record.flags & PointFlag.COMPLIANCE]
    assert limited
    assert all(record.reading.current == pytest.approx(10e-3, rel=1e-3) for record in limited)
    attempt.check_what_is_left("stopped")


def test_a_stop_in_the_middle_of_a_burst_keeps_what_was_read(sweep: Callable[..., Path], tmp_path: Path) -> None:
    attempt = Attempt(sweep("hardware", nplc="1", step="0.1 V"), tmp_path / "runs")
    attempt.prepare_bench = lambda simulated: simulated.clock.call_at(9.0, lambda: attempt.stop.ask("Ctrl-C"))
    result = attempt.run()
    assert result.interrupted
    assert result.run is not None
    assert 10 < len(result.run.records) < 81
    times, states, levels = zip(*output_changes(attempt), strict=True)
    assert levels[-2:] == (0.0, 0.0), "in a sweep from memory the level is not known: to zero at once"
    assert states[-2:] == (True, False)
    assert times[-1] < 9.0 + 2.0
    attempt.check_what_is_left("stopped")


def test_a_cable_that_is_not_plugged_in_is_found_out(sweep: Callable[..., Path], tmp_path: Path) -> None:
    attempt = Attempt(sweep("hardware"), tmp_path / "runs")

    def unplug(simulated: Any) -> None:
        simulated.trigger_link.pulse = lambda line: None

    attempt.prepare_bench = unplug
    result = attempt.run()
    assert "trigger-link cable" in result.error
    assert [event for event in attempt.events if isinstance(event, Record)] == []
    attempt.check_what_is_left("failed")


@pytest.mark.parametrize("instrument", [SMU, DMM])
def test_an_instrument_switched_off_and_on_before_the_output_goes_on_ends_the_run(
    instrument: str, sweep: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt(sweep("hardware"), tmp_path / "runs")
    output_on = Keithley2400.output_on

    def cycled_before(smu: Keithley2400) -> None:
        assert attempt.simulated is not None
        twin: Any = attempt.simulated.twins[instrument]
        twin.power_cycle()
        output_on(smu)

    monkeypatch.setattr(Keithley2400, "output_on", cycled_before)
    result = attempt.run()
    assert result.error
    assert [event for event in attempt.events if isinstance(event, Record)] == []
    attempt.check_what_is_left("failed")


@pytest.mark.parametrize("call", ["program_sweep", "start_sweep", "read_sweep"])
def test_an_error_queued_in_a_burst_is_told(
    call: str, sweep: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt(sweep("hardware"), tmp_path / "runs")
    original = getattr(Keithley2400, call)

    def queued_before(smu: Keithley2400, *arguments: Any, **options: Any) -> Any:
        assert attempt.simulated is not None
        twin: Any = attempt.simulated.twins[SMU]
        twin.status.error(-222)
        return original(smu, *arguments, **options)

    monkeypatch.setattr(Keithley2400, call, queued_before)
    result = attempt.run()
    told = [event.text for event in attempt.events if isinstance(event, Note)]
    assert "-222" in result.error or any("-222" in text for text in told)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("current_range: 100 mA", "current_range: auto", "measure.current_range"),
        ("photodiode_range: 10 V", "photodiode_range: auto", "measure.photodiode_range"),
        ("step: 0.1 V", "points: 1", "source"),
        ("measure:", "spectra:\n  at_voltage: [5 V]\nmeasure:", "spectra"),
    ],
)
def test_what_hardware_timing_cannot_do_is_a_problem_of_the_sweep(
    old: str, new: str, place: str, sweep: Callable[..., Path]
) -> None:
    path = sweep("hardware")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        session.prepare(path)
    assert place in {problem.path for problem in caught.value.problems}


def test_hardware_timing_needs_the_cable(sweep: Callable[..., Path]) -> None:
    path = sweep("hardware")
    with pytest.raises(ConfigurationError, match="trigger-link cable"):
        session.prepare(path, CONFIGS / "benches" / "simulated.yaml")


def test_a_computer_that_stands_still_during_a_burst_reads_it_all_the_same(
    sweep: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt(sweep("hardware"), tmp_path / "runs")
    poll_sweep = Keithley2400.poll_sweep

    def held_up(smu: Keithley2400, timeout: float) -> bool:
        monkeypatch.setattr(Keithley2400, "poll_sweep", poll_sweep)
        over = smu.poll_sweep(0.0)
        assert attempt.simulated is not None
        attempt.simulated.clock.advance(60.0)
        return over

    monkeypatch.setattr(Keithley2400, "poll_sweep", held_up)
    assert not attempt.run().error
    attempt.check_what_is_left("completed")
