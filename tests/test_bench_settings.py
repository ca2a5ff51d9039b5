"""What the instruments of a bench are set to for a sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from acquire.bench import dmm_settings, level_latency, smu_settings
from acquire.session import prepare
from tests.conftest import CONFIGS, run_sweep_file


def test_the_source_range_of_the_sweep_file_is_used(sweep_file: Callable[..., Path]) -> None:
    sweep = sweep_file("quick_look.yaml", {"  compliance:": "  range: 200 V\n  compliance:"})
    prepared = prepare(sweep)
    assert smu_settings(prepared.loaded, prepared.plan).source_range == 200


def test_the_photodiode_meter_waits_for_a_level_that_is_on_its_way() -> None:
    prepared = prepare(CONFIGS / "sweeps" / "quick_look.yaml")
    settle = prepared.plan.settle
    assert dmm_settings(prepared.loaded).settling_time == pytest.approx(settle + 7e-3)


def test_on_a_serial_line_the_message_takes_its_time(bench_file: Callable[..., Path]) -> None:
    bench = bench_file({"GPIB0::24::INSTR": "ASRL1::INSTR"})
    prepared = prepare(CONFIGS / "sweeps" / "quick_look.yaml", bench)
    assert level_latency(prepared.loaded) == pytest.approx(7e-3 + 36 / 960)


def photodiode_signals(bench: Path, output: Path) -> list[float]:
    result = run_sweep_file(CONFIGS / "sweeps" / "quick_look.yaml", output, bench)
    assert result.run is not None
    return [record.reading.photodiode_signal for record in result.run.records]


def test_light_is_not_read_before_a_slow_line_has_brought_the_level(
    bench_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Meters settle for 20 ms; a level reaches the source 35 ms late, as at 9600 baud."""
    quiet = {"noise: true": "noise: false"}
    prompt = photodiode_signals(bench_file(quiet), tmp_path / "prompt")
    late = "  seed: 1\n  options:\n    smu:\n      latency: 0.035\n"
    slow = bench_file({**quiet, "GPIB0::24::INSTR": "ASRL1::INSTR", "  seed: 1 ": f"{late}  # "})
    assert photodiode_signals(slow, tmp_path / "slow") == pytest.approx(prompt, rel=0.01, abs=1e-5)
