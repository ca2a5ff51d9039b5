"""The interlock of the source: asked for in the bench file, in force during a run, and never in the way of off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acquire.records import Event, Record
from drivers.simulated.bench import SimulatedBench
from tests.conftest import CONFIGS
from tests.support.attempt import Attempt

RESOURCE = "resource: GPIB0::24::INSTR"


@pytest.fixture
def attempt(
    tmp_path: Path,
    sweep_file: Callable[..., Path],
    bench_file: Callable[..., Path],
) -> Attempt:
    bench = bench_file({RESOURCE: f"{RESOURCE}\n    interlock: true"})
    shipped = f"{CONFIGS.as_posix()}/benches/simulated.yaml"
    return Attempt(sweep_file("quick_look.yaml", {shipped: bench.as_posix()}), tmp_path / "runs")


def test_an_open_lid_keeps_the_output_off(attempt: Attempt) -> None:
    def open_lid(simulated: SimulatedBench) -> None:
        twin: Any = simulated.twins["GPIB0::24::INSTR"]
        twin.enable_line_closed = False

    attempt.prepare_bench = open_lid
    result = attempt.run()
    assert "802" in result.error
    assert attempt.simulated is not None
    twin: Any = attempt.simulated.twins["GPIB0::24::INSTR"]
    assert not any(change.output_on for change in twin.output_log)


def test_opening_the_lid_ends_the_run_with_the_output_off(attempt: Attempt) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, Record) and event.reading.index == 6:
            assert attempt.simulated is not None
            twin: Any = attempt.simulated.twins["GPIB0::24::INSTR"]
            twin.enable_line_closed = False

    attempt.watch = watch
    result = attempt.run()
    assert result.failed
    assert len(attempt.reported) == 7
    attempt.check_what_is_left("failed")


def test_a_closed_lid_changes_nothing(attempt: Attempt) -> None:
    result = attempt.run()
    assert not result.error
    attempt.check_what_is_left("stopped")
