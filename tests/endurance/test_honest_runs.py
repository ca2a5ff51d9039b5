"""A few of the honest runs; ``make honest`` counts two hundred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquire.records import Finding, Severity
from tests.endurance.honest_runs import (
    OF_AREA,
    OF_GEOMETRY,
    SCALE,
    WAVELENGTH_SCALE,
    Errors,
    beyond_a_note,
    carried_out,
    honest_runs,
    made,
    main,
)


@pytest.mark.long
def test_a_few_honest_runs_have_nothing_beyond_a_note_against_them() -> None:
    for honest, found in honest_runs(6, seed=3):
        assert not beyond_a_note(found), (honest, found)


def test_the_same_bench_with_an_error_that_nothing_states_is_found(tmp_path: Path) -> None:
    """Else the sample would say nothing: the scale of the spectroradiometer is off by a fifth."""
    honest = made(0, 3, tmp_path)
    wrong = replace(honest, errors=replace(honest.errors, scale=-0.2))
    assert "photodiode_factor" in {one.code for one in carried_out(wrong, tmp_path) if beyond_a_note([one])}


def test_errors_have_the_spread_that_is_stated() -> None:
    chance = np.random.default_rng(1)
    drawn = [Errors.drawn(chance) for _ in range(4000)]
    stated = {"area": OF_AREA, "geometry": OF_GEOMETRY, "scale": SCALE, "shift": WAVELENGTH_SCALE}
    for name, u in stated.items():
        assert np.std([getattr(errors, name) for errors in drawn]) == pytest.approx(u, rel=0.05), name


def test_the_table_counts_and_says_whether_it_is_too_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def runs(number: int, seed: int) -> list[tuple[object, Sequence[Finding]]]:
        found = {
            0: [Finding(0.0, "x", Severity.DOUBTFUL, "wrong")],
            1: [Finding(0.0, "y", Severity.NOTE, "by the way")],
        }
        return [(made_up, found.get(made_up.number, [])) for made_up in map(_Numbered, range(number))]

    monkeypatch.setattr("tests.endurance.honest_runs.honest_runs", runs)
    assert main(["--runs", "50"]) == 0
    assert "beyond a note: 1, 2.0" in capsys.readouterr().out
    assert main(["--runs", "49"]) == 1


class _Numbered:
    def __init__(self, number: int) -> None:
        self.number, self.errors = number, None
