"""Pulses from the source's own memory: where they stand in a list, how long they last, what heat does without them."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire import session
from acquire.bench.settings import smu_settings
from acquire.bench.simulated import SimulatedBench
from acquire.config import ConfigurationError, load_sweep
from acquire.config.device import device_parameters
from acquire.records import Branch, Note, Reading
from acquire.sweep.pulses import PulsePlan, achieved_widths, off_width
from drivers.simulated.device import LightEmittingDevice, device_from_parameters
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.attempt import Attempt

PULSED, CONTINUOUS = (CONFIGS / "sweeps" / f"{name}.yaml" for name in ("pulsed", "continuous"))
PULSE = PulsePlan(base_level=1.0, width=5e-3, rests=3, source_delay=0.0)


def test_a_pulse_stands_between_rests() -> None:
    levels = PULSE.levels([4.0, 5.0])
    assert levels == [1, 1, 1, 4, 1, 1, 1, 5, 1]
    assert [levels[place] for place in PULSE.places(len(levels))] == [4.0, 5.0]
    assert PULSE.period == pytest.approx(20e-3)
    assert PULSE.duty_cycle == 0.25


@pytest.mark.parametrize(("read", "over"), [(0, 0), (3, 0), (4, 0), (5, 1), (8, 1), (9, 2)])
def test_a_list_that_was_cut_off_has_the_pulses_that_were_over(read: int, over: int) -> None:
    assert len(PULSE.places(read)) == over


def test_a_list_of_pulses_fits_into_the_memory() -> None:
    most = PULSE.most_pulses(1024)
    assert len(PULSE.levels([5.0] * most)) <= 1024 < len(PULSE.levels([5.0] * (most + 1)))


def test_the_width_is_finer_than_a_stamp_unless_the_stamps_contradict_it() -> None:
    stamps = [round(0.0053 * n, 3) for n in range(101)]
    assert achieved_widths(stamps, range(3, 100, 4)) == pytest.approx([0.0053] * 25, abs=1e-5)
    late = [stamp + 0.02 * (n > 7) for n, stamp in enumerate(stamps)]
    found = achieved_widths(late, [3, 7, 11])
    assert found[0] == found[2] == pytest.approx(0.0055, abs=1e-5)
    assert found[1] == pytest.approx(0.025, abs=2e-3)
    assert isnan(achieved_widths([0.0], [0])[0])


def test_pulses_that_lasted_otherwise_are_said() -> None:
    def pulsed(width: float) -> Reading:
        return Reading(0, Branch.FORWARD, 5.0, 0.0, 5.0, 1e-3, 0.1, pulse_width=width)

    assert not list(off_width([pulsed(5.1e-3), pulsed(4.9e-3)], PULSE))
    (said,) = off_width([pulsed(5e-3), pulsed(25e-3)], PULSE)
    assert "pulses of 5 ms lasted 25 to 25 ms" in said
    assert list(off_width([pulsed(nan)], PULSE))


# What is refused, and what is said of it.


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("width: 5 ms", "width: 1 ms", "source.pulse.width", r"3\.15 ms.*50 Hz.*shortest pulse is 1\.55 ms"),
        ("width: 5 ms", "width: 3 ms", "source.pulse.width", r"NPLC 0\.01 without a filter allows 1\.55 ms"),
        ("duty_cycle: 2 %", "duty_cycle: 60 %", "source.pulse.duty_cycle", "more than 50%"),
        ("duty_cycle: 2 %", "period: 8 ms", "source.pulse.period", "write 10 ms or more"),
        ("duty_cycle: 2 %", "duty_cycle: 0.05 %", "source.pulse.duty_cycle", "more than the instruments store"),
        ("duty_cycle: 2 %", "{duty_cycle: 2 %}", "source.pulse", ""),
        ("autozero: false", "autozero: true", "measure.autozero", "differ in width"),
        ("timing: hardware", "timing: stepped", "measure.timing", "timing: hardware"),
        ("base_level: 0 V", "base_level: 30 V", "source.pulse.base_level", "20 V"),
    ],
)
def test_what_no_pulse_can_be(old: str, new: str, place: str, words: str, sweep_file: Callable[..., Path]) -> None:
    if new.startswith("{"):
        old, new = "    duty_cycle: 2 %", "    period: 250 ms\n    duty_cycle: 2 %"
    with pytest.raises(ConfigurationError, match=f"(?si){words}") as caught:
        load_sweep(sweep_file("pulsed.yaml", {old: new}))
    assert place in {problem.path for problem in caught.value.problems}


def test_the_width_that_is_said_to_be_the_shortest_is_taken(sweep_file: Callable[..., Path]) -> None:
    path = sweep_file("pulsed.yaml", {"width: 5 ms": "width: 1 ms", "nplc: 0.05": "nplc: 0.01"})
    with pytest.raises(ConfigurationError) as caught:
        load_sweep(path)
    (hint,) = (problem.hint for problem in caught.value.problems)
    width = hint.split("pulse is ")[1].split(",")[0]
    assert width == "1.55 ms", "0.225 + 0.05 ms, then 2 x (0.2 + 0.185) + 0.5 ms: appendix A of the manual"
    path.write_text(path.read_text(encoding="utf-8").replace("width: 1 ms", f"width: {width}"), encoding="utf-8")
    assert session.prepare(path).plan.pulse is not None


def test_a_current_is_pulsed_too_and_its_voltage_read_on_the_range_of_the_compliance(
    sweep_file: Callable[..., Path],
) -> None:
    path = sweep_file("pulsed.yaml", {"  current_range: 100 mA\n": ""})
    text = path.read_text(encoding="utf-8")
    levels = "function: current\n  start: 0.1 mA\n  stop: 10 mA\n  points_per_decade: 5\n  compliance: 12 V"
    text = re.sub(r"function: voltage.*?compliance: 50 mA", levels, text, flags=re.DOTALL)
    path.write_text(text.replace("base_level: 0 V", "base_level: 1 uA"), encoding="utf-8")
    prepared = session.prepare(path)
    assert prepared.plan.pulse is not None
    assert prepared.plan.pulse.base_level == pytest.approx(1e-6)
    assert smu_settings(prepared.loaded, prepared.plan).measure_range == 12.0
    assert prepared.calibration.conditions.voltage_range == 20.0


# Whole runs.


@pytest.fixture(scope="module")
def cold() -> LightEmittingDevice:
    device = session.prepare(PULSED).loaded.device
    assert device is not None
    return device_from_parameters(device_parameters(device), self_heating=False)


def efficiencies(run: Any, device: LightEmittingDevice) -> tuple[np.ndarray, np.ndarray]:
    """Current efficiency at 7 V and beyond over that of the device at the same voltage, cold, and its uncertainty."""
    table = run.tables["jvl"]
    here = table["source_level"] >= 7.0
    currents = [device.current(level) for level in table["source_level"][here]]
    truth = np.array([device.luminance(current) * device.parameters.area / current for current in currents])
    found, spread = (table[f"current_efficiency{name}"][here] for name in ("", "_uncertainty"))
    return found / truth, spread / truth


def test_pulses_show_the_device_cold_and_a_continuous_sweep_shows_it_warm(
    tmp_path: Path, cold: LightEmittingDevice
) -> None:
    pulsed, continuous = (run_sweep_file(sweep, tmp_path / sweep.stem).run for sweep in (PULSED, CONTINUOUS))
    assert pulsed is not None
    assert continuous is not None
    ratio, spread = efficiencies(pulsed, cold)
    assert np.all(abs(ratio - 1) < 2 * spread), "the isothermal curve, within its stated uncertainty"
    assert np.ptp(ratio) < 0.01, "calibration apart, there is no further roll-off"
    warm, _ = efficiencies(continuous, cold)
    assert warm[-1] < warm[0] - 0.15
    widths = pulsed.tables["jvl"]["pulse_width"]
    planned = session.prepare(PULSED).plan.pulse
    assert planned is not None
    assert widths == pytest.approx(planned.width, abs=2e-5)
    assert np.isnan(continuous.tables["jvl"]["pulse_width"]).all()


def test_the_device_is_given_pulses_of_that_width_at_that_duty_cycle(
    tmp_path: Path, sweep_file: Callable[..., Path]
) -> None:
    sweep = sweep_file("pulsed.yaml", {"base_level: 0 V": "base_level: 1 V", "start: 6.5 V": "start: 7 V"})
    attempt = Attempt(sweep, tmp_path / "runs")
    result = attempt.run()
    assert attempt.simulated is not None
    twin: Any = attempt.simulated.twins["GPIB0::24::INSTR"]
    changes = [change for change in twin.output_log if change.output_on]
    lasted = [(one.level, other.time - one.time) for one, other in pairwise(changes)]
    pulses = [(level, time) for level, time in lasted if level >= 7.0]
    assert [level for level, _ in pulses] == pytest.approx([7.0 + number / 10 for number in range(11)])
    assert result.run is not None
    achieved = result.run.tables["jvl"]["pulse_width"]
    assert [time for _, time in pulses] == pytest.approx(achieved.tolist(), abs=0.1e-3)
    rests = [time for level, time in lasted if level == 1.0]
    assert min(rests[:-1]) > 48 * 5e-3
    assert not [event for event in attempt.events if isinstance(event, Note)]
    attempt.check_what_is_left("completed")


def test_a_trigger_that_comes_late_makes_one_pulse_long_and_it_is_said(
    tmp_path: Path, sweep_file: Callable[..., Path]
) -> None:
    sweep = sweep_file("pulsed.yaml", {"duty_cycle: 2 %": "duty_cycle: 20 %", "start: 6.5 V": "start: 7 V"})
    attempt = Attempt(sweep, tmp_path / "runs")

    def hold_up_once(simulated: SimulatedBench) -> None:
        assert simulated.trigger_link is not None
        pulse, told = simulated.trigger_link.pulse, [0]

        def late(line: int) -> None:
            told[0] += line == 1
            if line == 1 and told[0] == 10 + 10:  # of the second pulse, after ten dark readings
                simulated.clock.call_after(0.05, lambda: pulse(line))
            else:
                pulse(line)

        simulated.trigger_link.pulse = late

    attempt.prepare_bench = hold_up_once
    result = attempt.run()
    assert result.run is not None
    widths = result.run.tables["jvl"]["pulse_width"]
    assert widths[1] == pytest.approx(0.055, abs=2e-3)
    assert max(widths[[0, 2, 3, 4]]) < 0.01
    assert any("column pulse_width" in event.text for event in attempt.events if isinstance(event, Note))


def test_a_stop_between_pulses_keeps_those_that_were_over(tmp_path: Path, sweep_file: Callable[..., Path]) -> None:
    attempt = Attempt(sweep_file("pulsed.yaml", {"start: 6.5 V": "start: 5 V"}), tmp_path / "runs")
    attempt.prepare_bench = lambda simulated: simulated.clock.call_at(3.0, lambda: attempt.stop.ask("Ctrl-C"))
    result = attempt.run()
    assert result.interrupted
    assert result.run is not None
    assert 5 < len(result.run.records) < 13
    attempt.check_what_is_left("stopped")
