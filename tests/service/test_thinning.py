"""What a picture of a long table keeps: every spike, beside gaps too."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquire.service.cursors import NoCursor, cursor_of, cursor_text
from acquire.service.json_text import compact, plain
from acquire.service.thinning import extremes, pixels, rows_within


def test_spikes_of_one_row_stay() -> None:
    values = np.sin(np.linspace(0.0, 50.0, 100_000))
    spikes = [7, 12_345, 50_000, 99_998]
    values[spikes] = [9.0, -8.0, 7.0, -6.0]
    values[12_344] = np.nan
    rows = extremes([values], pixels(None, len(values), 500))
    assert set(spikes) <= set(rows.tolist())
    assert len(rows) <= 2 * 500 + 2
    assert rows[0] == 0
    assert rows[-1] == len(values) - 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=300), st.integers(1, 40), st.booleans()
)
def test_each_pixel_keeps_its_smallest_and_its_largest_value(values: list[float], number: int, rising: bool) -> None:
    column = np.array(values)
    x = np.arange(len(column), dtype=float) ** 2 if rising else None
    begins = pixels(x, len(column), number)
    rows = extremes([column], begins)
    assert begins[0] == 0
    assert begins[-1] == len(column)
    assert (np.diff(begins) >= 0).all()
    for start, stop in pairwise(begins.tolist()):
        known = column[start:stop][np.isfinite(column[start:stop])]
        kept = column[[row for row in rows if start <= row < stop]]
        if len(known):
            assert np.nanmin(kept) == known.min()
            assert np.nanmax(kept) == known.max()


def test_pixels_of_a_logarithmic_axis_are_equally_wide_there() -> None:
    time = np.linspace(0.0, 1e6, 1_000_001)
    begins = pixels(time, len(time), 60, log=True)
    assert np.allclose(time[begins[1:-1]], np.geomspace(1.0, 1e6, 61)[1:-1], atol=1.0)


def test_a_zoom_holds_the_row_before_and_behind_what_is_seen() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.nan, 2.5])
    assert rows_within(x, 1.5, 2.6).tolist() == [1, 2, 3, 5, 6]
    assert rows_within(x, None, None).tolist() == list(range(7))
    assert rows_within(x, 90.0, 91.0).tolist() == []


@given(st.lists(st.floats(), min_size=1, max_size=50))
def test_every_number_comes_back_to_the_last_bit(values: list[float]) -> None:
    import json

    back = json.loads(compact(plain(np.array(values))))
    for value, again in zip(values, back, strict=True):
        assert (again is None) == (not np.isfinite(value))
        assert again is None or np.float64(value).tobytes() == np.float64(again).tobytes()


def test_a_cursor_comes_back_and_anything_else_is_none() -> None:
    cursor = {"0b7e1234-aa": {"jvl": 12, "notes": 3}, "cafe0000": {}}
    assert cursor_of(cursor_text(cursor)) == cursor
    assert cursor_of("") == {}
    for wrong in (
        "x y",
        "0b7e1234:jvl",
        "0b7e1234:jvl.-1",
        "../../etc:jvl.1",
        "0b7e1234:jvl.1;" * 400,
        "0b7e1234:jvl.٣",
    ):
        with pytest.raises(NoCursor):
            cursor_of(wrong)
