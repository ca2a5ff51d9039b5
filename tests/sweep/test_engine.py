"""The order of a sweep by itself: no files, no twins, a bench that only counts."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from acquire.config.lifetime import Lifetime, Sampling
from acquire.config.sweep import Source
from acquire.records import (
    DarkReading,
    Note,
    PointFlag,
    Record,
    RepeatedReading,
    RunStatus,
    Spectrum,
    Step,
)
from acquire.sweep.engine import Outcome
from acquire.sweep.lifetime import lifetime_course
from acquire.sweep.pace import LEAST_DELAY
from acquire.sweep.stop_rules import StopRules
from tests.support.fake_bench import EXPOSURE, FakeBench
from tests.support.fake_sweep import ALL, LEVELS, PLAN, Sweep


def test_dark_readings_the_levels_of_the_plan_and_dark_readings_again() -> None:
    sweep = Sweep(FakeBench())
    assert sweep.run() == Outcome.completed()
    assert sweep.bench.log == ALL
    kinds = [type(event) for event in sweep.events]
    assert kinds == [DarkReading, DarkReading, *[Record] * 5, DarkReading]
    assert [record.reading.source_level for record in sweep.records] == list(LEVELS)
    assert sweep.notes == []


def test_nothing_is_switched_on_where_a_stop_was_asked_for_before() -> None:
    sweep = Sweep(FakeBench())
    sweep.stop = "interrupted by Ctrl-C"
    assert sweep.run() == Outcome(RunStatus.STOPPED, "interrupted by Ctrl-C", asked_for=True)
    assert sweep.bench.log == []


def test_a_stop_ends_the_sweep_after_the_running_point_which_is_reported() -> None:
    sweep = Sweep(FakeBench(happens=lambda bench, step: setattr(sweep, "stop", "enough" if step.index == 2 else "")))
    assert sweep.run() == Outcome.interrupted("enough")
    assert sweep.bench.log == ALL[:5]
    assert [record.reading.index for record in sweep.records] == [0, 1, 2]


def test_a_stop_at_the_last_point_announces_no_dark_readings_that_are_not_taken() -> None:
    sweep = Sweep(FakeBench(happens=lambda bench, step: setattr(sweep, "stop", "enough" if step.index == 4 else "")))
    assert sweep.run() == Outcome.interrupted("enough")
    assert [one.text for one in sweep.told if one.text.startswith("dark")] == ["dark readings before the sweep"]


def test_a_stop_rule_ends_it_with_the_point_and_the_dark_readings_after() -> None:
    sweep = Sweep(FakeBench(), replace(PLAN, stop_rules=StopRules(voltage_above=3.5)))
    outcome = sweep.run()
    assert (outcome.status, outcome.asked_for) == (RunStatus.STOPPED, False)
    assert outcome.reason.startswith("voltage 4 V is above the 3.5 V of the stop rule (point 3")
    assert sweep.bench.log == [*ALL[:5], "0 V"]


def test_a_failure_on_the_way_leaves_no_record_behind() -> None:
    def fails(bench: FakeBench, step: Step) -> None:
        if step.index == 3:
            raise OSError("the cable")

    sweep = Sweep(FakeBench(happens=fails))
    with pytest.raises(OSError, match="the cable"):
        sweep.run()
    assert [record.reading.index for record in sweep.records] == [0, 1, 2]


def test_a_lifetime_whose_first_reading_is_taken_again_has_the_points_that_were_planned() -> None:
    lifetime = Lifetime(sampling=(Sampling(every="1 s", until="10 s"),))
    source = Source.model_construct(function="voltage", levels=(5.0,), compliance=0.1)
    plan = replace(PLAN, steps=(), course=lifetime_course(lifetime, source, 0.05), repeat_bad_readings=True)
    sweep = Sweep(FakeBench(flags={0: [PointFlag.NO_PHOTODIODE_READING]}), plan)
    outcome = sweep.run()
    assert (outcome.status, outcome.reason) == (RunStatus.COMPLETED, "end of the lifetime: 10 s under stress")
    first, *others = (record.reading.time for record in sweep.records)
    assert [time - first for time in others] == pytest.approx([number - 0.05 for number in range(1, 11)])


def test_a_bad_reading_is_repeated_where_the_plan_says_so_and_its_remark_is_told() -> None:
    missing = PointFlag.NO_PHOTODIODE_READING
    sweep = Sweep(FakeBench(flags={1: [missing]}, remark="'?!'"), replace(PLAN, repeat_bad_readings=True))
    assert sweep.run() == Outcome.completed()
    assert sweep.bench.log == [*ALL[:4], "3 V", *ALL[4:]]
    assert PointFlag.READING_REPEATED in sweep.records[1].flags
    assert missing not in sweep.records[1].flags
    (note,) = sweep.notes
    assert note == "point 2, 3 V: no photodiode signal was read; read again ('?!')"


def test_a_spectrum_is_taken_at_its_step_while_both_meters_go_on_being_read() -> None:
    steps = tuple(replace(step, spectrum=step.index == 3) for step in PLAN.steps)
    sweep = Sweep(FakeBench(), replace(PLAN, steps=steps))
    assert sweep.run() == Outcome.completed()
    at = sweep.bench.log.index("spectrum")
    assert sweep.bench.log[at - 1] == "5 V"
    after = sweep.bench.log[at + 1 :]
    assert set(after[: after.index("6 V")]) == {"5 V"}
    at = [type(event) for event in sweep.events].index(Spectrum)
    spectrum = sweep.events[at]
    assert isinstance(spectrum, Spectrum)
    assert (spectrum.index, spectrum.point_index, spectrum.luminance > 0.0) == (0, 3, True)
    before = [event.reading.index for event in sweep.events[:at] if isinstance(event, Record)]
    assert before == [0, 1, 2, 3]


def test_who_looks_on_is_told_what_is_done_and_nothing_for_a_point() -> None:
    steps = tuple(replace(step, spectrum=step.index == 3) for step in PLAN.steps)
    sweep = Sweep(FakeBench(stages=[("preparing", nan), ("", 0.4)]), replace(PLAN, steps=steps))
    sweep.run()
    assert [(told.instrument, told.text) for told in sweep.told] == [
        ("", "dark readings before the sweep"),
        ("", "sweep"),
        ("spectroradiometer", "spectrum 1 of 1 at 5.000 V, preparing"),
        ("spectroradiometer", "spectrum 1 of 1 at 5.000 V"),
        ("spectroradiometer", ""),
        ("", "reading the level of the first spectrum again"),
        ("", "dark readings after the sweep"),
    ]
    assert sweep.told[3].lasting == 0.4


def test_the_level_of_the_first_spectrum_is_read_once_more_when_the_sweep_is_over() -> None:
    steps = tuple(replace(step, spectrum=step.index in (2, 3)) for step in PLAN.steps)
    sweep = Sweep(FakeBench(), replace(PLAN, steps=steps, spectra=replace(PLAN.spectra, most=2)))
    assert sweep.run() == Outcome.completed()
    (again,) = [event for event in sweep.events if isinstance(event, RepeatedReading)]
    assert (again.point_index, again.source_level) == (2, steps[2].level)
    at = sweep.events.index(again)
    assert isinstance(sweep.events[at - 1], Record), "the last point is told before"
    assert all(isinstance(event, DarkReading | Note) for event in sweep.events[at + 1 :])


def test_a_sweep_that_was_stopped_leaves_the_device_in_peace() -> None:
    steps = tuple(replace(step, spectrum=step.index == 1) for step in PLAN.steps)
    rules = replace(PLAN.stop_rules, voltage_above=5.5)
    sweep = Sweep(FakeBench(), replace(PLAN, steps=steps, stop_rules=rules))
    assert "5.5 V of the stop rule" in sweep.run().reason
    assert any(isinstance(event, Spectrum) for event in sweep.events)
    assert not [event for event in sweep.events if isinstance(event, RepeatedReading)]


def test_what_came_again_is_counted_in_the_end() -> None:
    bench = FakeBench(queued=["-113"])
    bench.happens = lambda bench, step: bench.queued.append("-113")
    sweep = Sweep(bench, replace(PLAN, dark=replace(PLAN.dark, readings_before=2)))
    sweep.run()
    assert sweep.notes[0] == "-113"
    assert sweep.notes[-1].endswith("more times: -113")


def test_bursts_are_run_by_the_instruments_and_judged_afterwards() -> None:
    sweep = Sweep(FakeBench(), replace(PLAN, hardware_timed=True))
    assert sweep.run() == Outcome.completed()
    assert sweep.bench.log == ["0 V", "0 V", "burst of 5", "0 V"]
    assert len(sweep.records) == 5


# --- points that come late ----------------------------------------------------------------------------------


def held(*delays: tuple[int, float]) -> FakeBench:
    """A bench on which a level is held longer than planned, by so many s at these points."""
    by_point = dict(delays)
    return FakeBench(happens=lambda bench, step: setattr(bench, "time", bench.time + by_point.get(step.index, 0.0)))


def test_a_point_that_comes_late_is_flagged_and_noted_and_more_of_them_are_counted() -> None:
    sweep = Sweep(held((0, 25.0), (2, 2.0), (3, 2.0)))
    assert sweep.run() == Outcome.completed()
    assert [record.reading.index for record in sweep.records if PointFlag.LATE in record.flags] == [1, 3, 4]
    assert sweep.notes == [
        "point 2: 25 s late; the device stayed at the level before it meanwhile",
        "2 more points came late",
    ]


def test_the_jitter_of_fast_points_is_not_late() -> None:
    sweep = Sweep(held((1, 0.9 * LEAST_DELAY)))
    sweep.run()
    assert sweep.notes == []
    assert not any(PointFlag.LATE in record.flags for record in sweep.records)


def test_a_slow_point_is_late_by_more_than_its_own_time() -> None:
    slow = replace(PLAN, time_per_point=4.0)
    on_time, late = Sweep(held((1, 7.8)), slow), Sweep(held((1, 8.1)), slow)
    for sweep in (on_time, late):
        sweep.run()
    assert on_time.notes == []
    assert len(late.notes) == 1


def test_a_point_after_a_spectrum_is_not_late() -> None:
    steps = tuple(replace(step, spectrum=step.index == 3) for step in PLAN.steps)
    spectra = replace(PLAN.spectra, sample_every=10 * EXPOSURE)
    sweep = Sweep(FakeBench(), replace(PLAN, steps=steps, spectra=spectra))
    sweep.run()
    assert sweep.notes == []
