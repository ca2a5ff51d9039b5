"""Levels of every form are carried out as planned, by the program and by the instruments themselves."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire import session
from acquire.config import ConfigurationError
from acquire.evaluation.calibration import Calibration, Conditions
from acquire.evaluation.evaluate import Evidence
from acquire.records import Branch, Event, Held, Note, PointFlag, Record, Step
from acquire.run_file.layout import TABLES
from acquire.run_file.reading_apart import read_run
from acquire.run_file.recorded_rows import _without
from acquire.sweep.engine import Outcome, run_sweep
from acquire.sweep.plan import SweepPlan
from acquire.sweep.stop_rules import StopRules
from drivers.errors import InstrumentError
from tests.conftest import CONFIGS
from tests.support.attempt import QUICK, Attempt
from tests.support.fake_bench import POINT_TIME, FakeBench
from tests.support.short_sweeps import linked_bench

F, R = Branch.FORWARD, Branch.REVERSE
SMU = "GPIB0::24::INSTR"
QUICK_PLAN = session.prepare(QUICK).plan
PLAN = replace(QUICK_PLAN, stop_rules=StopRules(), time_per_point=POINT_TIME, time_per_reading=POINT_TIME)
HELD = replace(
    PLAN,
    steps=(
        Step(0, F, 2.0, before=Held(1.0, 0.3)),
        Step(1, F, 4.0, hold=0.2),
        Step(2, R, 2.0, before=Held(0.0, 0.15)),
    ),
    dark=replace(PLAN.dark, readings_before=0, readings_after=0),
)


class Sweep:
    """A plan that is carried out on a bench without instruments, and its events."""

    def __init__(self, plan: SweepPlan) -> None:
        self.bench, self.plan, self.stop = FakeBench(), plan, ""
        self.events: list[Event] = []

    def run(self) -> Outcome:
        evidence = Evidence(Calibration(conditions=Conditions(1.4e-5, 5e6)))
        try:
            return run_sweep(self.plan, self.bench, evidence, self.events.append, lambda: self.stop)
        finally:
            assert not self.bench.output_on

    @property
    def levels(self) -> list[float]:
        return [event.reading.source_level for event in self.events if isinstance(event, Record)]


# --- on a bench without instruments ------------------------------------------------------------------------------


def test_what_is_held_is_read_and_is_no_point() -> None:
    sweep = Sweep(HELD)
    assert sweep.run().status == "completed"
    assert sweep.bench.log == [*["1 V"] * 3, "2 V", *["4 V"] * 2, "4 V", *["0 V"] * 2, "2 V"]
    assert sweep.levels == [2.0, 4.0, 2.0]
    assert len(sweep.bench.log) - 3 == HELD.held_readings, "the plan knows how often"
    notes = [event.text for event in sweep.events if isinstance(event, Note)]
    assert [note.partition(" for ")[0] for note in notes] == ["pre-bias at 1 V", "rest at 0 V"]


def test_a_stop_is_heard_while_a_level_is_held() -> None:
    sweep = Sweep(replace(HELD, steps=(replace(HELD.steps[0], before=Held(1.0, 1e6)),)))

    def happens(bench: FakeBench, step: Step) -> None:
        if bench.time > 5.0:
            sweep.stop = "Ctrl-C"

    sweep.bench.happens = happens
    assert sweep.run().asked_for
    assert sweep.bench.time < 5.0 + 3 * POINT_TIME
    assert sweep.levels == []


def test_a_source_beyond_the_limits_ends_what_is_held() -> None:
    limits = replace(PLAN.read_back, current=1e-5, current_allowed=1.1e-5)
    sweep = Sweep(replace(HELD, read_back=limits))
    with pytest.raises(InstrumentError, match="beyond the bench's limit"):
        sweep.run()
    assert sweep.bench.log == ["1 V"]


def test_a_stop_rule_ends_what_is_held() -> None:
    sweep = Sweep(replace(HELD, stop_rules=StopRules(voltage_above=3.0)))
    outcome = sweep.run()
    assert (outcome.status, sweep.bench.log[-1]) == ("stopped", "4 V")
    assert outcome.reason == "voltage 4 V is above the 3 V of the stop rule (hold before point 2, level 4 V)"


# --- on the simulated bench --------------------------------------------------------------------------------------


def write(folder: Path, source: str, *, timing: str = "stepped", device: str = "sppo13", more: str = "") -> Path:
    bench = linked_bench(folder)
    path = folder / "sweep.yaml"
    path.write_text(
        f"""kind: sweep
title: levels
bench: {bench.name}
sample:
  name: SPPO13
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: {CONFIGS.as_posix()}/devices/{device}.yaml
source: {{function: voltage, compliance: 100 mA, {source}}}
measure: {{timing: {timing}, settle: 2 ms, nplc: 0.1, current_range: 100 mA, photodiode_range: 10 V}}
dark: {{readings: 2}}
{more}
""",
        encoding="utf-8",
    )
    return path


FORMS = {
    "stretches": "stretches: [{start: 0 V, stop: 4 V, step: 2 V}, {stop: 5 V, step: 0.25 V}]",
    "logarithmic": "start: 100 mV, stop: 6 V, points_per_decade: 4, direction: both",
    "levels": "levels: [1 V, 5 V, 3 V, 5 V]",
    "cycles": "start: 3 V, stop: 6 V, step: 1 V, direction: both, cycles: 2, rest: {time: 2 s}",
    "both polarities": "start: 2 V, stop: 5 V, step: 1 V, direction: both, both_polarities: true",
    "pre-bias": "start: 3 V, stop: 6 V, step: 1 V, pre_bias: {level: 5 V, time: 3 s}",
}


@pytest.mark.parametrize("timing", ["stepped", "hardware"])
@pytest.mark.parametrize("form", FORMS)
def test_the_instrument_gets_every_level_of_the_plan_and_no_other(form: str, timing: str, tmp_path: Path) -> None:
    path = write(tmp_path, FORMS[form], timing=timing)
    plan = session.prepare(path).plan
    attempt = Attempt(path, tmp_path / "runs")
    result = attempt.run()
    assert result.run is not None
    assert (result.run.status, result.run.stop_reason) == ("completed", "")
    assert attempt.simulated is not None
    twin: Any = attempt.simulated.twins[SMU]
    sent = [change.level for change in twin.output_log if change.output_on]
    wanted = [0.0]
    for step in plan.steps:
        wanted += ([step.before.level] if step.before else []) + [step.level]
    wanted = [level for level, before in zip(wanted, [None, *wanted], strict=False) if level != before]
    seen = [level for level, before in zip(sent, [None, *sent], strict=False) if level != before]
    assert seen[: len(wanted)] == pytest.approx(wanted, abs=3e-4)
    assert all(abs(level) <= abs(wanted[-1]) + 1e-9 for level in seen[len(wanted) :]), "then down to zero"
    with h5py.File(attempt.check_what_is_left("completed")) as file:
        jvl = file["entry/jvl"]
        assert jvl["source_level"][()].tolist() == [step.level for step in plan.steps]
        assert jvl["cycle"][()].tolist() == [step.cycle for step in plan.steps]
        assert [text.decode() for text in jvl["branch"][()]] == [step.branch for step in plan.steps]
        assert dict(file["entry/figures_of_merit"].attrs)["cycle"] == 0
        assert dict(file["entry/figures_of_merit"].attrs)["branch"] == "forward"
        assert jvl["voltage"][()] == pytest.approx(jvl["source_level"][()], abs=2e-2)
    assert result.run.records[-1].reading.cycle == plan.steps[-1].cycle
    took = result.run.records[-1].reading.time - result.run.records[0].reading.time
    rests = sum(step.before.time for step in plan.steps[1:] if step.before)
    assert rests < took < rests + 2 * len(plan.steps) * plan.time_per_point


def test_a_level_is_held_as_long_as_its_row_says(tmp_path: Path) -> None:
    (tmp_path / "levels.csv").write_text("# mine\nlevel_mV,hold_s\n4000,0\n5000,3\n4500,1.5\n", encoding="utf-8")
    attempt = Attempt(write(tmp_path, "levels_from: levels.csv"), tmp_path / "runs")
    result = attempt.run()
    assert result.run is not None
    times = [record.reading.time for record in result.run.records]
    assert [record.reading.source_level for record in result.run.records] == [4.0, 5.0, 4.5]
    point = session.prepare(attempt.sweep).plan.time_per_point if isinstance(attempt.sweep, Path) else 0.0
    for (one, other), hold in zip(pairwise(times), (3.0, 1.5), strict=True):
        assert hold <= other - one <= hold + 4 * point
    (path,) = (tmp_path / "runs").iterdir()
    with h5py.File(path) as file:
        assert "levels.csv" in file["entry/configuration"].attrs["file_hashes"]
        assert '"levels": [4.0, 5.0, 4.5]' in file["entry/configuration/resolved_json"][()].decode()


def test_levels_that_are_held_one_by_one_are_refused_with_hardware_timing(tmp_path: Path) -> None:
    path = write(tmp_path, "levels: [1 V, 2 V], holds: [0 s, 1 s]", timing="hardware")
    with pytest.raises(ConfigurationError, match="cannot be held one by one with timing: hardware"):
        session.prepare(path)


def test_figures_of_merit_are_those_of_the_first_forward_branch(tmp_path: Path) -> None:
    """The same levels once and as the first of several cycles, on a device that fades: the others change nothing."""
    levels = "start: 3 V, stop: 6.5 V, step: 0.25 V"
    once = Attempt(write(tmp_path, levels), tmp_path / "once").run().run
    again = Attempt(write(tmp_path, f"{levels}, cycles: 3, both_polarities: true"), tmp_path / "again").run().run
    assert once is not None
    assert again is not None
    assert len(again.records) == 3 * (15 + 16)
    for name in ("turn_on_voltage", "luminance_max", "current_efficiency_max"):
        assert again.figures[name].value == pytest.approx(once.figures[name].value, rel=1e-6), name


def test_a_spectrum_is_taken_in_every_branch_of_every_cycle(tmp_path: Path) -> None:
    source = "start: 4 V, stop: 7 V, step: 0.5 V, direction: both, cycles: 2"
    path = write(tmp_path, source, more="spectra: {at_luminance: [500 cd/m^2]}")
    result = Attempt(path, tmp_path / "runs").run().run
    assert result is not None
    at = [result.records[spectrum.point_index].reading for spectrum in result.spectra]
    assert [(one.cycle, one.branch) for one in at] == [(0, F), (0, R), (1, F), (1, R)]
    assert session.prepare(path).plan.spectra.most == 4


def test_a_damaged_row_keeps_its_cycle(tmp_path: Path) -> None:
    table = TABLES[0]
    columns = table.columns("V")
    arrays = {column.name: np.full(3, column.fill, column.dtype) for column in columns}
    arrays["branch"][:] = [b"forward", b"reverse", b"reverse"]
    arrays["cycle"][:] = [4, 4, 4]
    blank = _without(arrays, [1], table, columns)
    assert (blank["cycle"].tolist(), int(blank["flags"][1]) & PointFlag.DAMAGED) == ([4, 4, 4], PointFlag.DAMAGED)


def test_a_file_of_before_has_one_cycle(read_here: None) -> None:
    """Every recording of an earlier version reads as cycle 0."""
    paths = sorted((Path(__file__).parents[1] / "recordings").glob("*.h5"))
    for path in paths:
        run = read_run(path)
        assert run.tables["jvl"]["cycle"].tolist() == [0] * run.points
    assert paths
