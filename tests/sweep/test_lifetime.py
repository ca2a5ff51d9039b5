"""The schedule of a lifetime, played with records that are made up: what is due when, and what ends it."""

from dataclasses import replace
from math import exp, nan

import pytest

from acquire.config.lifetime import EndConditions, Lifetime, Sampling
from acquire.config.sweep import Source
from acquire.records import Branch, PointFlag, Reading, Record
from acquire.sweep.lifetime import LASTING, Progress, lifetime_course
from acquire.sweep.schedule import Over, next_step

SOURCE = Source.model_construct(function="current", levels=(1e-3,), compliance=10.0)
MINUTES = (Sampling(every="1 s", until="10 s"), Sampling(every="10 s", until="100 s"))


def course(**keys):
    section = Lifetime(**({"sampling": MINUTES} if not keys.keys() & {"sampling", "points_per_decade"} else {}) | keys)
    return lifetime_course(section, SOURCE, 0.05)


def played(course, luminance=lambda _: 1000.0, voltage=lambda _: 6.0, exposure=30.0, point=0.085, signal=nan):
    """Every step and the time of its reading, and why it ended; the clock of a bench that takes ``point`` s a point."""
    schedule, record, now, base, steps = course.schedule(), None, 1.0, None, []
    while not isinstance(step := next_step(schedule, record), Over):
        assert step.index < course.most_points
        assert abs(step.level) <= course.largest_level
        assert step.index == (course.done.rows if course.done else 0) + len(steps)
        now = max(now + step.hold, (base or 0.0) + step.due)
        base = now if base is None else base
        reading = Reading(step.index, Branch.FORWARD, step.level, now, voltage(now), step.level, signal)
        record = Record(reading, PointFlag.NONE, luminance=luminance(now - base))
        steps.append((step, now - base))
        now += point + (exposure if step.spectrum else 0.0)
        assert len(steps) < 5000
    return steps, step.reason


def times(steps):
    return [round(time, 3) for step, time in steps if step.cycle == 0]


def test_points_are_taken_as_often_as_the_sampling_says():
    steps, why = played(course())
    planned = [*range(1, 11), *range(20, 101, 10)]
    assert times(steps) == [0.0, *(time - 0.05 for time in planned)]  # a reading comes 50 ms after it began
    assert "100 s under stress" in why


def test_equal_steps_of_the_logarithm():
    steps, _ = played(course(points_per_decade=2, first="1 s", until="1000 s"))
    assert times(steps) == pytest.approx([0.0, *(10 ** (i / 2) - 0.05 for i in range(7))], abs=1e-3)


def test_the_burn_in_comes_before_the_time_counts():
    steps, _ = played(course(burn_in="3 s", spectra_at=["5 s"]))
    assert times(steps)[:7] == [0.0, *(time - 0.05 for time in (1, 2, 3, 4, 5, 6))]
    assert [round(time, 2) for step, time in steps if step.spectrum] == [7.95]


def test_samples_that_a_spectrum_took_longer_than_are_left_out():
    steps, _ = played(course(spectra_at=["0 s", "2 s"]))
    assert [step.spectrum for step, _ in steps][:4] == [True, False, True, False]  # the second one at once, not lost
    assert times(steps)[:3] == pytest.approx([0.0, 30.085, 30.17])
    assert times(steps)[-1] == 99.95


def test_curves_stop_the_time_under_stress():
    curves = {"at": ["0 s", "20 s"], "start": 1e-5, "stop": 1e-3, "points": 3}
    section = Lifetime.model_construct(
        **Lifetime(sampling=MINUTES).model_dump(exclude={"sampling", "end", "curves"}),
        sampling=MINUTES,
        end=EndConditions(),
        curves=type("Curves", (), {**curves, "at": (0.0, 20.0), "step": None, "points_per_decade": None})(),
    )
    steps, _ = played(lifetime_course(section, SOURCE, 0.05), point=1.0)
    assert [step.cycle for step, _ in steps[:5]] == [1, 1, 1, 0, 0]
    assert [step.level for step, _ in steps[:3]] == [1e-5, 1e-4 * 5.05, 1e-3]
    second = next(i for i, (step, _) in enumerate(steps) if step.cycle == 2)
    assert steps[second][1] == pytest.approx(3 + 20 + 1 - 0.05)  # a point at 20 s, then the curve
    assert steps[-1][1] == pytest.approx(3 + 4 - 0.05 + 100 - 1 + 0.0, abs=1.1)


@pytest.mark.parametrize(
    ("end", "light", "words"),
    [
        ({"luminance_share": "50 %"}, lambda t: 1000 * exp(-t / 50), "of L_0"),
        ({"luminance_below": "400 cd/m^2"}, lambda t: 1000 * exp(-t / 50), "cd/m^2"),
        ({"points": 7}, lambda _: 1000.0, "7 points"),
        ({"voltage_above": "6.5 V"}, None, "voltage 6."),
        ({"voltage_rise": "0.5 V"}, None, "risen by 0.5"),
        ({"voltage_below": "7 V"}, lambda _: 1000.0, "voltage 6 V"),
        ({"current_above": "0.5 mA"}, lambda _: 1000.0, "current 0.001 A"),
        ({"current_below": "2 mA"}, lambda _: 1000.0, "current 0.001 A"),
        ({"photodiode_signal_below": "3 mV"}, lambda _: 1000.0, "photodiode signal 0.002 V"),
    ],
)
def test_each_end_condition(end, light, words):
    rising = {} if light else {"voltage": lambda t: 6.0 + t / 100}
    steps, why = played(course(end=end), light or (lambda _: 1000.0), signal=0.002, **rising)
    assert words in why
    assert len(steps) < 25
    assert times(steps)[-1] < 99


def test_a_blip_of_noise_ends_nothing():
    dark = {5, 6, 9}
    light = lambda t: 1.0 if round(t + 0.05) in dark else 1000.0  # noqa: E731
    assert LASTING == 3
    assert "100 s under stress" in played(course(end={"luminance_share": "50 %"}), light)[1]


def test_spectra_at_shares_of_the_initial_luminance():
    steps, _ = played(course(spectra_at_shares=["90 %", "50 %"]), lambda t: 1000 * exp(-t / 50), exposure=0.1)
    taken = [time for step, time in steps if step.spectrum]
    assert len(taken) == 2
    assert 50 * 0.105 < taken[0] < 8
    assert 50 * 0.69 < taken[1] < 45


def test_by_maximum_the_end_refers_to_the_largest_luminance():
    light = lambda t: 500 + 20 * min(t, 50) - 20 * max(t - 50, 0)  # noqa: E731
    _, by_time = played(course(end={"luminance_share": "80 %"}), light)
    _, by_maximum = played(course(end={"luminance_share": "80 %"}, initial_luminance="by_maximum"), light)
    assert "100 s under stress" in by_time
    assert "of L_0" in by_maximum


def test_the_photodiode_is_referenced_as_often_as_asked():
    assert [step.spectrum for step, _ in played(course(reference="once"))[0]].count(True) == 1
    steps, _ = played(course(reference="every", reference_every="30 s"), exposure=1.0)
    assert [round(time) for step, time in steps if step.spectrum] == [1, 31, 61, 91]


def test_a_hold_at_the_end_is_one_more_point():
    steps, _ = played(course(hold_at_end="60 s"))
    assert steps[-1][0].hold == 60.0
    assert steps[-1][1] == pytest.approx(100 - 0.05 + 0.085 + 60, abs=0.1)


def test_gone_on_with_it_ends_when_the_whole_would_have_ended():
    whole = course(end={"luminance_share": "50 %"}, spectra_at=["5 s", "60 s"])
    done = Progress(40.0, 15, 0, 1000.0, 6.0, 1000.0)
    steps, why = played(whole.gone_on_with(done), exposure=1.0)
    assert steps[0][0].index == 15
    assert steps[0][0].spectrum  # what the photodiode's light is worth may have changed
    assert times(steps) == pytest.approx([0.0, *(t - 40.05 - 0.0 for t in range(50, 101, 10))], abs=0.06)
    assert sum(step.spectrum for step, _ in steps) == 2
    assert "100 s under stress" in why
    assert "of L_0" in played(whole.gone_on_with(done), lambda _: 400.0)[1]  # of the L_0 of the first part


def test_gone_on_with_again_and_again_the_bound_is_never_what_ends_it():
    whole, done = course(spectra_at=["5 s"]), Progress(0.0, 0)
    for number in range(200):
        done = replace(done, rows=done.rows + 1, stress=99.0 * number / 200)
    steps, why = played(whole.gone_on_with(done), exposure=1.0)
    assert steps[0][0].index == 200
    assert "100 s under stress" in why


def test_the_bound_on_points_holds_whatever_is_measured():
    everything = course(
        burn_in="30 s",
        reference="every",
        reference_every="7 s",
        spectra_at=["3 s", "33 s"],
        spectra_at_shares=["99 %", "80 %", "70 %"],
        hold_at_end="1 s",
    )
    for exposure in (0.0, 5.0, 500.0):
        played(everything, lambda t: 1000 * exp(-t / 50), exposure=exposure)
    played(replace(everything, end=EndConditions(points=5)))
