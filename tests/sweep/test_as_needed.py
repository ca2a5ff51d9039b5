"""Spectra as needed: what is left out keeps within the share, for devices whose colour moves in ways of their own."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, nan

import numpy as np
import pytest

from acquire.photometry.choice import SpectrumCandidate, choose_spectrum
from acquire.photometry.factors import blend_factors, spectral_factors
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, Reading, Record, Step
from acquire.sweep.exposure import ExposureTimes
from acquire.sweep.spectra import PRIOR, Movement, Shape, SpectraPlan, SpectrumSchedule

LUMINANCES = np.exp(np.linspace(log(1.0), log(1e4), 80))


def point(index: int, luminance: float, branch: Branch = Branch.FORWARD) -> tuple[Step, Record]:
    reading = Reading(index, branch, 0.1 * index, float(index), 3.0, 1e-3, 0.1)
    return Step(index, branch, 0.1 * index), Record(
        reading, reading.flags, luminance=luminance, current_density=luminance / 9.0
    )


def swept(peak_at: Callable[[float], float], share: float) -> tuple[list[int], float, str]:
    """Where spectra were taken, the largest error of kappa at any point by the final choice, and what was said."""
    schedule = SpectrumSchedule(
        SpectraPlan(every_points=1, every_above=0.5, most=99, as_needed=share, times=ExposureTimes("cs2000a"))
    )
    truth = [spectral_factors(gaussian(peak_at(luminance), 20.0)) for luminance in LUMINANCES]
    taken: list[int] = []
    for i, luminance in enumerate(LUMINANCES):
        step, record = point(i, luminance)
        if schedule.due(step, record):
            taken.append(i)
            of = truth[i]
            schedule.taken(step, record, (of.kappa, of.chromaticity_x, of.chromaticity_y), 10.0)
    spectra = [SpectrumCandidate(n, at, "forward", LUMINANCES[at]) for n, at in enumerate(taken)]
    worst = 0.0
    for i, luminance in enumerate(LUMINANCES):
        choice = choose_spectrum(i, "forward", luminance, spectra)
        used = truth[taken[choice.index]]
        if choice.index_upper >= 0:
            used = blend_factors(used, truth[taken[choice.index_upper]], choice.weight)
        worst = max(worst, abs(used.kappa / truth[i].kappa - 1))
    return taken, worst, schedule.saved


SHIFTS: dict[str, Callable[[float], float]] = {
    "none": lambda luminance: 520.0,
    "logarithmic": lambda luminance: 520.0 + 0.5 * log(luminance),
    "with the root of the current": lambda luminance: 520.0 + 0.05 * luminance**0.5,
    "with the current itself": lambda luminance: 520.0 + 6e-4 * luminance,
    "to the blue": lambda luminance: 530.0 - 0.8 * log(luminance),
}


@pytest.mark.parametrize("share", [0.01, 0.03])
@pytest.mark.parametrize("shift", SHIFTS)
def test_kappa_at_points_without_a_spectrum_stays_within_the_share(shift: str, share: float) -> None:
    taken, worst, said = swept(SHIFTS[shift], share)
    assert worst <= share
    assert 2 <= len(taken) < len(LUMINANCES)
    assert f"{len(taken)} of {len(LUMINANCES)}" in said


def test_a_device_that_keeps_its_colour_needs_few_and_one_that_moves_needs_more() -> None:
    still, _, _ = swept(SHIFTS["none"], 0.01)
    moving, _, _ = swept(SHIFTS["logarithmic"], 0.01)
    assert len(still) <= 8
    assert len(moving) > 1.5 * len(still)


def test_a_larger_share_needs_fewer() -> None:
    counts = [len(swept(SHIFTS["logarithmic"], share)[0]) for share in (0.003, 0.01, 0.03)]
    assert counts[0] > counts[1] > counts[2]


def test_the_first_is_always_taken_and_one_that_failed_is_taken_at_the_next_point() -> None:
    schedule = SpectrumSchedule(SpectraPlan(every_points=1, every_above=0.5, most=9, as_needed=0.01))
    assert schedule.due(*point(0, 10.0))
    assert schedule.due(*point(1, 10.1))  # that of the first was not taken
    step, record = point(1, 10.1)
    schedule.taken(step, record, (1e-3, 0.12, 0.79), 5.0)
    assert not schedule.due(*point(2, 10.2))


def test_what_nobody_can_say_counts_as_moved() -> None:
    movement = Movement()
    assert movement.since_last(point(0, 10.0)[1]) == float("inf")
    movement.learn(point(0, 10.0)[1], Shape(1e-3, 0.1, 0.8))
    lost = point(1, nan)[1]
    assert movement.since_last(lost) == float("inf")
    assert movement.since_last(point(1, 10.0 * exp(1))[1]) == pytest.approx(PRIOR * (exp(1) - 1))


def test_the_time_saved_is_that_of_the_spectra_left_out_by_what_the_others_took() -> None:
    times = ExposureTimes("cs2000a")
    schedule = SpectrumSchedule(SpectraPlan(every_points=1, every_above=0.5, most=9, as_needed=0.05, times=times))
    step, record = point(0, 10.0)
    assert schedule.due(step, record)
    lasted = 0.5 * times.total(10.0, SpectraPlan().mode)  # half of what the model expects, as a narrow line does
    schedule.taken(step, record, (1e-3, 0.1, 0.8), lasted)
    assert not schedule.due(*point(1, 12.0))
    assert f"about {0.5 * times.total(12.0, SpectraPlan().mode):.0f} s of exposure saved" in schedule.saved
    assert "1 of 2" in schedule.saved
