from math import log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.photometry.choice import (
    SpectrumCandidate,
    SpectrumSource,
    choose_spectra,
    choose_spectrum,
    spectral_shift,
    spectrum_defects,
)

FORWARD = [
    SpectrumCandidate(0, 10, "forward", 1.0),
    SpectrumCandidate(1, 20, "forward", 100.0),
    SpectrumCandidate(2, 30, "forward", 1000.0),
]
REVERSE = [SpectrumCandidate(3, 45, "reverse", 500.0)]


def test_a_spectrum_of_this_very_point_comes_first():
    choice = choose_spectrum(20, "forward", 101.0, FORWARD)
    assert (choice.source, choice.index, choice.log10_distance) == (SpectrumSource.MEASURED, 1, 0.0)


@pytest.mark.parametrize(
    ("drift", "source"), [(0.049, "measured"), (-0.06, "nearest"), (0.05, "nearest"), (nan, "measured")]
)
def test_a_point_that_drifted_under_its_spectrum_is_not_measured(drift, source):
    assert choose_spectrum(5, "forward", 10.0, [SpectrumCandidate(0, 5, "forward", 10.0, drift)]).source == source


def test_between_two_spectra_is_interpolated():
    choice = choose_spectrum(25, "forward", 300.0, FORWARD + REVERSE)
    assert (choice.source, choice.index, choice.index_upper) == (SpectrumSource.INTERPOLATED, 1, 2)
    assert choice.weight == pytest.approx(0.477121255, rel=1e-8)
    assert choice.log10_distance == pytest.approx(0.477121255, rel=1e-8)


def test_beyond_the_last_spectrum_the_nearest_serves():
    choice = choose_spectrum(35, "forward", 5000.0, FORWARD)
    assert (choice.source, choice.index, choice.index_upper) == (SpectrumSource.NEAREST, 2, -1)
    assert choice.log10_distance == pytest.approx(log(5) / log(10))


def test_each_branch_uses_its_own_spectra():
    choice = choose_spectrum(46, "reverse", 300.0, FORWARD + REVERSE)
    assert (choice.source, choice.index) == (SpectrumSource.NEAREST, 3)


def test_each_cycle_uses_its_own_spectra():
    again = [
        SpectrumCandidate(4, 60, "forward", 10.0, cycle=1),
        SpectrumCandidate(5, 70, "forward", 1000.0, cycle=1),
    ]
    choice = choose_spectrum(65, "forward", 300.0, FORWARD + again, cycle=1)
    assert (choice.source, choice.index, choice.index_upper) == (SpectrumSource.INTERPOLATED, 4, 5)
    choice = choose_spectrum(25, "forward", 300.0, FORWARD + again)
    assert (choice.index, choice.index_upper) == (1, 2)
    # a cycle without spectra of its own borrows the nearest one, and says so
    assert choose_spectrum(85, "forward", 300.0, FORWARD + again, cycle=2).source is SpectrumSource.NEAREST


def test_spectra_taken_afterwards_count_for_every_branch_and_cycle():
    after = [SpectrumCandidate(6, 90, "after", 10.0), SpectrumCandidate(7, 92, "after", 1000.0)]
    for branch, cycle in (("forward", 0), ("forward", 3), ("reverse", 1)):
        choice = choose_spectrum(20, branch, 100.0, after, cycle=cycle)
        assert (choice.source, choice.index, choice.index_upper) == (SpectrumSource.INTERPOLATED, 6, 7)
    choice = choose_spectrum(91, "after", 30.0, FORWARD + REVERSE)  # a level being sought is of no branch
    assert (choice.source, choice.index, choice.index_upper) == (SpectrumSource.INTERPOLATED, 0, 1)


def test_a_branch_without_spectra_borrows_the_nearest():
    choice = choose_spectrum(46, "reverse", 300.0, FORWARD)
    assert (choice.source, choice.index) == (SpectrumSource.NEAREST, 1)


@pytest.mark.parametrize("luminance", [0.0, -0.2, nan])
def test_without_light_the_faintest_spectrum_serves_and_has_no_distance(luminance):
    choice = choose_spectrum(2, "forward", luminance, FORWARD)
    assert (choice.source, choice.index) == (SpectrumSource.NEAREST, 0)
    assert choice.log10_distance != choice.log10_distance


def test_unusable_spectra_are_passed_over():
    spoilt = [SpectrumCandidate(0, 10, "forward", 100.0, usable=False), SpectrumCandidate(1, 11, "forward", nan)]
    assert choose_spectrum(10, "forward", 100.0, spoilt).source == SpectrumSource.NONE
    assert choose_spectrum(10, "forward", 100.0, [*spoilt, FORWARD[2]]).index == 2


@pytest.mark.parametrize(
    ("reference", "assumed", "source"),
    [(True, True, "reference"), (False, True, "assumed"), (False, False, "none")],
)
def test_without_spectra_of_this_run(reference, assumed, source):
    choice = choose_spectrum(1, "forward", 5.0, [], reference=reference, assumed=assumed)
    assert (choice.source, choice.index) == (source, -1)


def test_on_a_spectrum_exactly_there_is_nothing_to_interpolate():
    choice = choose_spectrum(24, "forward", 100.0, FORWARD)
    assert (choice.source, choice.index, choice.log10_distance) == (SpectrumSource.NEAREST, 1, 0.0)


def test_of_two_equally_bright_spectra_the_one_nearer_in_the_sweep_serves():
    both = [SpectrumCandidate(0, 10, "forward", 100.0), SpectrumCandidate(1, 40, "forward", 100.0)]
    assert choose_spectrum(38, "forward", 200.0, both).index == 1
    assert choose_spectrum(12, "forward", 200.0, both).index == 0


def test_while_the_sweep_runs_only_the_spectrum_below_is_known():
    choice = choose_spectrum(25, "forward", 300.0, FORWARD[:2])
    assert (choice.source, choice.index) == (SpectrumSource.NEAREST, 1)


candidates = st.lists(
    st.builds(
        SpectrumCandidate,
        st.integers(0, 99),
        st.integers(0, 200),
        st.sampled_from(["forward", "reverse"]),
        st.floats(1e-2, 1e5),
    ),
    max_size=8,
)


@given(st.integers(0, 200), st.floats(1e-3, 1e6), candidates)
def test_interpolation_always_lies_between(point, luminance, spectra):
    choice = choose_spectrum(point, "forward", luminance, spectra)
    if choice.source is SpectrumSource.INTERPOLATED:
        assert 0 <= choice.weight <= 1
        below = {c.luminance for c in spectra if c.index == choice.index and c.branch == "forward"}
        above = {c.luminance for c in spectra if c.index == choice.index_upper and c.branch == "forward"}
        assert min(below) <= luminance <= max(above)
    if not spectra:
        assert choice.source is SpectrumSource.NONE


def test_shift_between_spectra_is_relative():
    assert spectral_shift(1.0, 1.02) == pytest.approx(0.02 / 1.01)
    assert spectral_shift(3e-3, 1e-3) == spectral_shift(1e-3, 3e-3) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "complaints"),
    [
        ({"signal_to_noise": 20.0}, []),
        ({"signal_to_noise": 19.0}, ["signal to noise"]),
        ({"signal_to_noise": nan}, ["signal to noise"]),
        ({"signal_to_noise": 500.0, "saturated": True}, ["saturated"]),
        ({"signal_to_noise": 5.0, "saturated": True}, ["signal", "saturated"]),
    ],
)
def test_why_a_spectrum_is_dropped(arguments, complaints):
    defects = spectrum_defects(**arguments)
    assert len(defects) == len(complaints)
    assert all(complaint in defect for complaint, defect in zip(complaints, defects, strict=True))


#: Luminances of which some are equal, and none.
LEVELS = st.sampled_from([nan, -1.0, 0.0, 0.5, 1.0, 1.0, 10.0, 31.6, 100.0, 100.0, 3e4])
BRANCHES = st.sampled_from(["forward", "reverse", "after"])
CYCLES = st.integers(0, 1)
POINTS = st.integers(0, 9)


@given(
    st.lists(
        st.tuples(POINTS, BRANCHES, LEVELS, st.sampled_from([nan, 0.0, 0.049, 0.05, -0.2]), st.booleans(), CYCLES)
    ),
    st.lists(st.tuples(POINTS, BRANCHES, LEVELS, CYCLES)),
    st.booleans(),
    st.booleans(),
)
def test_many_points_get_the_spectra_that_each_would_get_alone(spectra, points, reference, assumed):
    candidates = [SpectrumCandidate(2 * index, *values) for index, values in enumerate(spectra)]
    stand_ins = {"reference": reference, "assumed": assumed}
    indices, branches, lights, cycles = zip(*points, strict=True) if points else ((), (), (), ())
    columns = np.array(indices, int), np.array(branches, "S8"), np.array(lights, float)
    many = choose_spectra(*columns, candidates, cycle=np.array(cycles, int), **stand_ins)
    alone = [choose_spectrum(*point, candidates, cycle=cycle, **stand_ins) for *point, cycle in points]
    assert many.source.tolist() == [choice.source.encode() for choice in alone]
    for part in ("index", "index_upper", "weight", "log10_distance"):
        np.testing.assert_array_equal(getattr(many, part), [getattr(choice, part) for choice in alone])
