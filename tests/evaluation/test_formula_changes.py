"""The table of what is computed otherwise than it was: each row says what it moves, and nothing else is told."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from acquire.evaluation.formula_changes import FORMULA_CHANGES, FormulaChange, formulas_changed, is_explained
from acquire.records import LIFETIME_DERIVED
from acquire.run_file.analyses import COMPUTED, COMPUTED_OF_SPECTRA
from acquire.run_file.layout import FORMAT_VERSION
from acquire.run_file.read import read_run

AGED = read_run(Path(__file__).parents[1] / "recordings" / "replay_lifetime.h5")

PLACES = [
    *(f"jvl/{name}" for name in COMPUTED),
    *(f"lifetime/{name}" for name in LIFETIME_DERIVED),
    *(f"figures_of_merit/{name}" for name in AGED.figures),
    *(f"spectra/{name}" for name in COMPUTED_OF_SPECTRA),
    *(f"figures_of_merit/luminance_max{ending}" for ending in ("", "(uncertainty)", "(status)")),
    "figures_of_merit/luminance_max (uncertainty)",
    "figures_of_merit/luminance_max (status)",
]


@pytest.mark.parametrize("one", FORMULA_CHANGES, ids=lambda one: one.text[:30])
def test_each_change_says_what_it_moves_and_since_when(one: FormulaChange) -> None:
    assert one.text
    assert (1, 0) < one.since <= FORMAT_VERSION
    for pattern in one.moves:
        assert any(fnmatchcase(place, pattern) for place in PLACES), pattern


def test_the_rows_are_in_the_order_of_versions() -> None:
    assert [one.since for one in FORMULA_CHANGES] == sorted(one.since for one in FORMULA_CHANGES)


def test_a_number_that_moves_without_a_row_is_told_to_have_none() -> None:
    assert formulas_changed((0, 0), ["jvl/voltage"]) == ["no change of a formula is stated for: jvl/voltage"]
    assert not is_explained((0, 0), "jvl/voltage")


def test_what_changed_before_a_file_explains_nothing_of_it() -> None:
    assert formulas_changed(FORMAT_VERSION, ["jvl/luminance_uncertainty"])[0].startswith("no change of a formula")
    assert formulas_changed((0, 0), []) == []
