"""Student's t against the table of the guide to uncertainty."""

from __future__ import annotations

from math import inf, nan

import pytest

from acquire.photometry.student import coverage_factor

#: JCGM 100:2008, table G.2: t for 95 % and 99 %.
TABLE_G2 = {
    1: (12.71, 63.66),
    2: (4.30, 9.92),
    3: (3.18, 5.84),
    4: (2.78, 4.60),
    5: (2.57, 4.03),
    9: (2.26, 3.25),
    10: (2.23, 3.17),
    11: (2.20, 3.11),
    20: (2.09, 2.85),
    50: (2.01, 2.68),
    100: (1.984, 2.626),
    inf: (1.960, 2.576),
}


@pytest.mark.parametrize("freedom", TABLE_G2)
def test_the_factors_are_those_of_the_published_table(freedom: float) -> None:
    digits = 2 if freedom < 100 else 3
    found = coverage_factor(freedom, 0.95), coverage_factor(freedom, 0.99)
    assert tuple(round(factor, digits) for factor in found) == TABLE_G2[freedom]


@pytest.mark.parametrize(("freedom", "level"), [(0, 0.95), (0.5, 0.95), (nan, 0.95), (3, 0.0), (3, 1.0), (3, nan)])
def test_what_has_no_t_is_refused(freedom: float, level: float) -> None:
    with pytest.raises(ValueError, match="Student"):
        coverage_factor(freedom, level)
