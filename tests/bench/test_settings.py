"""What the instruments of a bench are set to for a sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from acquire.bench.settings import dmm_settings, level_latency, smu_settings
from acquire.session import prepare
from tests.conftest import CONFIGS, run_sweep_file


def test_the_source_range_of_the_sweep_file_is_used(sweep_file: Callable[..., Path]) -> None:
    sweep = sweep_file("quick_look.yaml", {"  compliance:": "  range: 200 V\n  compliance:"})
    prepared = prepare(sweep)
    assert smu_settings(prepared.loaded, prepared.plan).source_range == 200


def test_plan_and_source_agree_on_the_range_of_a_level_within_its_last_five_per_cent(
    sweep_file: Callable[..., Path],
) -> None:
    prepared = prepare(
        sweep_file(
            "quick_look.yaml",
            {"stop: 8 V": "stop: 2.1 V", "step: 0.5 V": "step: 0.1 V", "no_light_by: 7 V": "no_light_by: 2 V"},
        )
    )
    assert prepared.plan.source_range == smu_settings(prepared.loaded, prepared.plan).source_range == 2


def test_the_lower_limit_of_the_current_range_is_none_of_voltage(sweep_file: Callable[..., Path]) -> None:
    changes = {
        "function: voltage": "function: current",
        "start: 0 V": "start: 0 A",
        "stop: 8 V": "stop: 1 mA",
        "step: 0.5 V": "step: 0.1 mA",
        "compliance: 10 mA": "compliance: 8 V",
        "current_range: 10 mA": "current_range_lower_limit: 10 uA",
    }
    prepared = prepare(sweep_file("quick_look.yaml", changes))
    assert smu_settings(prepared.loaded, prepared.plan).measure_range_lower_limit is None


def test_the_photodiode_meter_waits_for_a_level_that_is_on_its_way() -> None:
    prepared = prepare(CONFIGS / "sweeps" / "quick_look.yaml")
    settle = prepared.plan.settle
    assert dmm_settings(prepared.loaded).settling_time == pytest.approx(settle + 7e-3)


def test_on_a_serial_line_the_message_takes_its_time(bench_file: Callable[..., Path]) -> None:
    bench = bench_file({"GPIB0::24::INSTR": "ASRL1::INSTR"})
    prepared = prepare(CONFIGS / "sweeps" / "quick_look.yaml", bench)
    assert level_latency(prepared.loaded) == pytest.approx(7e-3 + 36 / 960)


@pytest.mark.parametrize(
    "changes",
    [
        {"  current_range: 10 mA": "  photodiode_range: 5 V\n  current_range: 10 mA"},
        {"current_range: 10 mA": "current_range: 8 mA", "compliance: 10 mA": "compliance: 7 mA"},
        {"  compliance: 10 mA": "  range: 15 V\n  compliance: 10 mA"},
    ],
)
def test_a_range_need_not_be_named_by_its_nominal_value(
    changes: dict[str, str], sweep_file: Callable[..., Path], tmp_path: Path
) -> None:
    result = run_sweep_file(sweep_file("quick_look.yaml", changes), tmp_path / "runs")
    assert result.error == ""


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
