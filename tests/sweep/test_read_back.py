"""What the instruments report is held against the bench's limits and against the level that was sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from acquire import session
from acquire.bench.opening import open_bench
from acquire.bench.site import Site
from acquire.config import LoadedSweep, load_sweep
from acquire.evaluation.evaluate import Evidence
from acquire.evaluation.from_configuration import calibration_of
from acquire.records import Branch, DarkReading, ExposureSample, Note, PointFlag, Reading, Record
from acquire.safety.guardian import NoGuard
from acquire.safety.interruption import StopRequest
from acquire.sweep.adaptive import Adaptive
from acquire.sweep.engine import run_sweep
from acquire.sweep.plan import SweepPlan, make_plan
from acquire.sweep.read_back import ReadBackLimits, as_expected, beyond_limits, level_missed
from acquire.sweep.spectra import SpectraPlan
from drivers.keithley2400.specification import SPECIFICATION
from drivers.simulated.bench import SimulatedBench
from drivers.simulated.fixture import OperatingPoint
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.attempt import LIQ, QUICK, Attempt
from tests.support.bad_replies import damage_readings

SMU = "GPIB0::24::INSTR"
SHIPPED = f"{CONFIGS.as_posix()}/benches/simulated.yaml"
SWEEPS = sorted((CONFIGS / "sweeps").glob("*.yaml"))
DARK = 3  # readings before the first point of the quick look

Shift = Callable[[OperatingPoint], OperatingPoint]


def limits_of(sweep: str = "quick_look.yaml") -> ReadBackLimits:
    loaded = load_sweep(CONFIGS / "sweeps" / sweep)
    return make_plan(loaded.sweep, loaded.bench).read_back


def reading(level: float, voltage: float, current: float, flags: PointFlag = PointFlag.NONE) -> Reading:
    return Reading(0, Branch.FORWARD, level, 0.0, voltage, current, 1.0, flags=flags)


# --- one reading ---


def test_a_limit_has_room_for_the_accuracy_of_the_meter_and_no_more() -> None:
    limits = limits_of()
    assert limits.voltage == 20.0
    assert 20.2 < limits.voltage_allowed < 20.35
    assert limits.current == 0.2
    assert 0.202 < limits.current_allowed < 0.203
    assert limits.power_allowed == inf


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (reading(8.0, 20.5, 1e-3), "measured 20.5 V at level 8 V is beyond the bench's limit of 20 V"),
        (reading(8.0, -20.5, 1e-3), "measured 20.5 V"),
        (reading(8.0, 8.0, 0.21), "measured 0.21 A at level 8 V is beyond the bench's limit of 0.2 A"),
        (reading(8.0, 8.0, -0.21), "measured 0.21 A"),
        (reading(8.0, 8.0, 1e-3, PointFlag.OVER_VOLTAGE), "over-voltage protection tripped at level 8 V"),
        (reading(8.0, nan, 1e-3, PointFlag.OVER_RANGE), "more than 21 V"),
    ],
)
def test_a_reading_beyond_a_limit_is_named(found: Reading, words: str) -> None:
    assert words in beyond_limits(found, limits_of())
    assert not as_expected(found, limits_of())


@pytest.mark.parametrize(
    "found",
    [
        reading(20.0, 20.01, 0.01),
        reading(-20.0, -20.01, -0.01),
        reading(8.0, 8.0, 0.01, PointFlag.COMPLIANCE),
        reading(8.0, 8.0, nan, PointFlag.OVER_RANGE | PointFlag.NO_SOURCE_READING),
        reading(8.0, nan, nan, PointFlag.NO_SOURCE_READING),
    ],
)
def test_a_reading_inside_the_limits_is_not(found: Reading) -> None:
    assert beyond_limits(found, limits_of()) == ""


def test_power_is_measured_voltage_times_measured_current(bench_file: Callable[..., Path]) -> None:
    bench = bench_file({"  current: 200 mA\n": "  current: 200 mA\n  power: 80 mW\n"})
    loaded = load_sweep(QUICK, bench)
    limits = make_plan(loaded.sweep, loaded.bench).read_back
    assert beyond_limits(reading(8.0, 8.0, 10.0e-3), limits) == ""
    assert "measured 0.088 W at level 8 V is beyond the bench's limit of 0.08 W" in beyond_limits(
        reading(8.0, 8.0, 11.0e-3), limits
    )


@pytest.mark.parametrize("level", [0.0, 0.5, -3.0, 8.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_level_is_missed_beyond_three_times_the_accuracy_of_source_and_meter(level: float, sign: int) -> None:
    """20 V range, 0.1 power-line cycles: 0.02 % + 2.4 mV, 0.015 % + 1.5 mV + 0.005 % of range (SPEC-2400)."""
    accuracy = 3 * (abs(level) * 3.5e-4 + 2.4e-3 + 1.5e-3 + 20 * 5e-5)
    limits = limits_of()
    assert not level_missed(reading(level, level + sign * 0.999 * accuracy, 1e-6), limits)
    assert level_missed(reading(level, level + sign * 1.001 * accuracy, 1e-6), limits)


def test_the_level_of_a_current_source_is_a_current() -> None:
    """1 mA range at 1 power-line cycle: 0.034 % + 200 nA, 0.027 % + 60 nA (SPEC-2400)."""
    limits = limits_of("first_day_led.yaml")
    accuracy = 3 * (1e-3 * 6.1e-4 + 260e-9)
    assert not level_missed(reading(1e-3, 3.0, 1e-3 + 0.999 * accuracy), limits)
    assert level_missed(reading(1e-3, 3.0, 1e-3 + 1.001 * accuracy), limits)


@pytest.mark.parametrize("flag", [PointFlag.COMPLIANCE, PointFlag.RANGE_COMPLIANCE])
def test_a_limited_source_has_not_missed_its_level(flag: PointFlag) -> None:
    assert not level_missed(reading(8.0, 5.0, 10e-3, flag), limits_of())


# --- whole runs ---


def shifted(attempt: Attempt, shift: Shift, *, after: int = 0) -> None:
    """From the n-th point on, the source meter sees the device through ``shift``."""

    def prepare(simulated: SimulatedBench) -> None:
        fixture: Any = simulated.fixture
        true_point = fixture.operating_point

        def operating_point() -> OperatingPoint:
            point = true_point()
            return shift(point) if len(attempt.reported) >= after else point

        fixture.operating_point = operating_point

    attempt.prepare_bench = prepare


def notes(attempt: Attempt) -> list[str]:
    return [event.text for event in attempt.events if isinstance(event, Note)]


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(QUICK, tmp_path / "runs")


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        (
            lambda p: p._replace(voltage=p.voltage + 19.0),
            "measured 20.5 V at level 1.5 V is beyond the bench's limit of 20 V",
        ),
        (lambda p: p._replace(current=0.25), "A at level 1.5 V is beyond the bench's limit of 0.2 A"),
    ],
)
def test_a_point_beyond_the_limits_is_recorded_and_ends_the_run(
    shift: Shift, words: str, attempt: Attempt, sweep_file: Callable[..., Path]
) -> None:
    attempt.sweep = sweep_file(
        "quick_look.yaml", {"compliance: 10 mA": "compliance: 200 mA", "current_range: 10 mA": "current_range: 200 mA"}
    )
    shifted(attempt, shift, after=3)
    result = attempt.run()
    assert words in result.error
    assert "Check the wiring" in result.error
    assert len(attempt.reported) == 4
    assert "point 4" in result.error
    assert beyond_limits(attempt.reported[3].reading, limits_of())
    assert result.run is not None
    assert words in result.run.stop_reason
    attempt.check_what_is_left("failed")


def test_a_dark_reading_beyond_the_limits_ends_the_run(attempt: Attempt) -> None:
    shifted(attempt, lambda point: point._replace(voltage=21.0))
    result = attempt.run()
    assert "dark reading: measured 21 V at level 0 V is beyond" in result.error
    assert sum(isinstance(event, DarkReading) for event in attempt.events) == 1
    assert attempt.reported == []
    attempt.check_what_is_left("failed")


def test_a_sample_during_a_spectrum_beyond_the_limits_ends_the_run(attempt: Attempt) -> None:
    attempt.sweep = LIQ

    def prepare(simulated: SimulatedBench) -> None:
        fixture: Any = simulated.fixture
        true_point = fixture.operating_point

        def operating_point() -> OperatingPoint:
            sampled = any(isinstance(event, ExposureSample) for event in attempt.events)
            return true_point()._replace(voltage=21.0) if sampled else true_point()

        fixture.operating_point = operating_point

    attempt.prepare_bench = prepare
    result = attempt.run()
    assert "measured 21 V" in result.error
    assert sum(isinstance(event, ExposureSample) for event in attempt.events) == 2
    attempt.check_what_is_left("failed")


def linked(sweep_file: Callable[..., Path], bench_file: Callable[..., Path]) -> Path:
    bench = bench_file({"visa: simulated": "visa: simulated\ntrigger_link: true"})
    changes = {SHIPPED: bench.as_posix(), "  nplc: 0.1": "  timing: hardware\n  photodiode_range: 10 V\n  nplc: 0.1"}
    return sweep_file("quick_look.yaml", changes)


def test_after_a_burst_beyond_the_limits_every_point_is_recorded(
    attempt: Attempt, sweep_file: Callable[..., Path], bench_file: Callable[..., Path]
) -> None:
    attempt.sweep = linked(sweep_file, bench_file)
    shifted(attempt, lambda p: p._replace(voltage=p.voltage + 15.5) if p.voltage > 5.2 else p)
    result = attempt.run()
    assert "point 12: measured 21 V at level 5.5 V is beyond" in result.error
    assert len(attempt.reported) == 17
    attempt.check_what_is_left("failed")


def test_a_broken_sense_lead_is_noticed(
    attempt: Attempt, sweep_file: Callable[..., Path], bench_file: Callable[..., Path]
) -> None:
    bench = bench_file({f"resource: {SMU}": f"resource: {SMU}\n    four_wire: true"})
    attempt.sweep = sweep_file("quick_look.yaml", {SHIPPED: bench.as_posix()})
    shifted(attempt, lambda point: point._replace(voltage=0.6 * point.voltage), after=4)
    result = attempt.run()
    assert not result.error
    assert result.run is not None
    missed = [record.reading.index for record in result.run.records if record.flags & PointFlag.LEVEL_NOT_REACHED]
    assert missed[0] in (4, 5)
    assert missed == list(range(missed[0], len(result.run.records)))
    said = [text for text in notes(attempt) if "level was not reached" in text]
    assert len(said) == 2
    assert said[0].startswith(f"point {missed[0] + 1}, ")
    assert "check wiring and sense leads" in said[0]
    assert said[1].startswith(f"{len(missed) - 1} more readings")


@pytest.mark.parametrize("offset", [0.05, -0.05])
def test_an_offset_of_the_source_is_noticed(
    offset: float, attempt: Attempt, sweep_file: Callable[..., Path], bench_file: Callable[..., Path]
) -> None:
    attempt.sweep = linked(sweep_file, bench_file)
    shifted(attempt, lambda point: point._replace(voltage=point.voltage + offset))
    attempt.run()
    assert len(attempt.reported) == 17
    for record in attempt.reported:
        assert bool(record.flags & PointFlag.LEVEL_NOT_REACHED) is not bool(record.flags & PointFlag.COMPLIANCE)
    assert "(measured " in notes(attempt)[0]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_no_shipped_sweep_misses_a_level_or_a_limit(path: Path, tmp_path: Path) -> None:
    prepared = session.prepare(path)
    prepared = replace(prepared, plan=replace(prepared.plan, spectra=SpectraPlan()))
    result = session.run(prepared, tmp_path / "runs", lambda event: None, StopRequest())
    assert not result.error
    assert result.run is not None
    expected = (
        "pre-bias at ",
        "rest at ",
        "caution: ",
    )  # of the LED: the simulated device is another
    assert [note.text for note in result.run.notes if not note.text.startswith(expected)] == []
    assert not any(record.flags & PointFlag.LEVEL_NOT_REACHED for record in result.run.records)


@pytest.mark.parametrize(
    "changes",
    [
        {"nplc: 0.1": "nplc: 0.01"},
        {"range: 10 mA": "range: auto"},
        {"stop: 8 V": "stop: -8 V", "step: 0.5 V": "step: -0.5 V"},
    ],
)
def test_other_settings_do_not_either(changes: dict[str, str], tmp_path: Path, sweep_file: Callable[..., Path]) -> None:
    result = run_sweep_file(sweep_file("quick_look.yaml", changes), tmp_path / "runs")
    assert result.run is not None
    assert len(result.run.records) > 10
    assert result.run.notes == ()
    assert not any(record.flags & PointFlag.LEVEL_NOT_REACHED for record in result.run.records)


# --- protections of the source ---


def test_a_tripped_over_voltage_protection_is_one_clear_failure(attempt: Attempt) -> None:
    def tripped(reply: bytes) -> bytes:
        *others, status = reply.split(b",")
        return b",".join([*others, f"{float(status) + 16:.6E}\n".encode()])

    attempt.prepare_bench = lambda simulated: damage_readings(simulated.twins[SMU], {DARK + 5: tripped}, [0])
    result = attempt.run()
    assert "point 6: the source's over-voltage protection tripped at level 2.5 V" in result.error
    assert len(attempt.reported) == 6
    assert attempt.reported[-1].flags & PointFlag.OVER_VOLTAGE
    attempt.check_what_is_left("failed")


def switch_off(twin: Any) -> None:
    twin.press_output_key()


def overheat(twin: Any) -> None:
    twin.over_temperature = True


@pytest.mark.parametrize("happens", [switch_off, overheat])
def test_a_source_that_went_off_by_itself_is_one_clear_failure(
    happens: Callable[[Any], None], attempt: Attempt
) -> None:
    def watch(event: Any) -> None:
        if isinstance(event, Record) and event.reading.index == 6:
            assert attempt.simulated is not None
            happens(attempt.simulated.twins[SMU])

    attempt.watch = watch
    result = attempt.run()
    assert "the output went off by itself" in result.error
    assert "interlock" in result.error
    assert "-420" not in result.error
    attempt.check_what_is_left("failed")


def test_it_is_the_same_failure_in_a_hardware_timed_sweep(
    attempt: Attempt, sweep_file: Callable[..., Path], bench_file: Callable[..., Path]
) -> None:
    attempt.sweep = linked(sweep_file, bench_file)
    attempt.prepare_bench = lambda simulated: simulated.clock.call_at(0.5, lambda: switch_off(simulated.twins[SMU]))
    result = attempt.run()
    assert "the output went off by itself" in result.error
    attempt.check_what_is_left("failed")


# --- the level sent is the level planned ---


def levels_put_out(loaded: LoadedSweep, plan: SweepPlan) -> list[float]:
    """Every level that was on the terminals while the output was on, without repetitions."""
    from acquire.bench.simulated import simulated_bench

    simulated = simulated_bench(loaded)
    site = Site(simulated.library, simulated.clock.now, simulated.clock.advance)
    calibration = calibration_of(loaded, plan.source_range, None)
    with (
        open_bench(loaded.bench, site) as opened,
        opened.in_run(loaded, plan, StopRequest(), NoGuard()) as bench,
    ):
        run_sweep(plan, bench, Evidence(calibration), lambda event: None, lambda: "")
    twin: Any = simulated.twins[SMU]
    assert not twin.output_log[-1].output_on
    return without_repetitions([change.level for change in twin.output_log if change.output_on])


def without_repetitions(levels: list[float]) -> list[float]:
    return [level for i, level in enumerate(levels) if i == 0 or level != levels[i - 1]]


def in_steps(level: float, step: float, largest: float) -> float:
    """A level in steps of the source: the nearest that is not beyond the largest level of the plan."""
    number = round(level / step)
    beyond = abs(number) * step > largest * (1 + 1e-9)
    return number - (1 if number > 0 else -1) if beyond else number


def check_levels(put_out: list[float], loaded: LoadedSweep, plan: SweepPlan) -> None:
    step = SPECIFICATION.span(plan.source_function).steps[plan.source_range]
    planned = [0.0, plan.dark.step.level]
    for each in plan.steps:
        planned += ([each.before.level] if each.before else []) + [each.level]
        if plan.pulse is not None:
            planned = [*planned[:-1], plan.pulse.base_level, planned[-1], plan.pulse.base_level]
    if plan.dark.readings_after:
        planned.append(plan.dark.step.level)
    expected = without_repetitions([in_steps(level, step, plan.largest_level) for level in planned])
    found = [round(level / step) for level in put_out]
    assert found[: len(expected)] == expected
    assert all(level == pytest.approx(round(level / step) * step, abs=1e-6 * step) for level in put_out)
    ramp = [expected[-1], *found[len(expected) :]]
    assert ramp[-1] == 0
    assert all(abs(after) < abs(before) and after * before >= 0 for before, after in pairwise(ramp))
    assert max(map(abs, put_out)) <= plan.largest_level * (1 + 1e-9)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_shipped_sweep_puts_out_the_levels_of_its_plan(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_sweep(path)
    plan = replace(make_plan(loaded.sweep, loaded.bench), spectra=SpectraPlan())
    plan = replace(plan, stop_rules=replace(plan.stop_rules, luminance_above=inf, luminance_below_maximum=0.0))
    if isinstance(plan.course, Adaptive):  # which levels it adds is seen elsewhere
        plan = replace(plan, course=None)
    check_levels(levels_put_out(loaded, plan), loaded, plan)


def with_source(loaded: LoadedSweep, **changes: Any) -> LoadedSweep:
    source = loaded.sweep.source.model_copy(update=changes)
    return replace(loaded, sweep=loaded.sweep.model_copy(update={"source": source}))


RESISTOR = CONFIGS / "sweeps" / "first_day_resistor.yaml"
FUNCTIONS = {"voltage": (7.0, 8e-3), "current": (8e-3, 10.0)}  # largest level into 1 kilohm, compliance


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    function=st.sampled_from(sorted(FUNCTIONS)),
    ends=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    points=st.integers(2, 12),
    direction=st.sampled_from(["forward", "reverse", "both"]),
)
@example(function="voltage", ends=(0.0, 0.0), points=2, direction="forward")
def test_any_staircase_is_put_out_as_planned(
    function: str, ends: tuple[float, float], points: int, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest, compliance = FUNCTIONS[function]
    loaded = with_source(
        load_sweep(RESISTOR),
        function=function,
        start=ends[0] * largest,
        stop=ends[1] * largest,
        step=None,
        points=points,
        direction=direction,
        compliance=compliance,
    )
    measure = loaded.sweep.measure.model_copy(update={"current_range": "auto"})
    loaded = replace(loaded, sweep=loaded.sweep.model_copy(update={"measure": measure}))
    plan = make_plan(loaded.sweep, loaded.bench)
    check_levels(levels_put_out(loaded, plan), loaded, plan)
