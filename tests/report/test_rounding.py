"""Values and uncertainties as tables give them."""

from __future__ import annotations

from math import inf, nan

import pytest

from acquire.report.rounding import customary_text, fixed, rounded, significant


@pytest.mark.parametrize(
    ("value", "uncertainty", "decimals", "written"),
    [
        (10.05762, 0.027, 2, ("10.058", "0.027")),  # GUM 7.2.6: y = 10.057 62 ohm, u = 27 mohm
        (12031.35, 197.25, 1, ("12030", "200")),
        (12345.0, 1930.0, 1, ("12300", "1900")),
        (24.08, 0.0996, 2, ("24.08", "0.10")),
        (0.9, 9.96, 2, ("1", "10")),
        (-0.0004, 0.12, 2, ("0.00", "0.12")),
        (4.0038, nan, 2, ("4.00", "")),
        (4.0038, 0.0, 2, ("4.00", "")),
        (4.0038, inf, 2, ("4.00", "")),
        (nan, 0.1, 2, ("", "")),
    ],
)
def test_both_end_at_the_second_digit_of_the_uncertainty(
    value: float, uncertainty: float, decimals: int, written: tuple[str, str]
) -> None:
    assert rounded(value, uncertainty, decimals) == written


@pytest.mark.parametrize(
    ("value", "text"),
    [(24.08, "24.08"), (0.0049, "0.00490"), (-0.0004, "-0.000400"), (0.0, "0.00"), (0.9996, "1.000")],
)
def test_a_small_value_is_not_written_as_zero(value: float, text: str) -> None:
    assert customary_text(value, 2) == text
    assert rounded(value, nan, 2) == (text, "")


def test_tens_and_zero_have_no_point_and_no_sign() -> None:
    assert fixed(-4.0, -1) == "0"
    assert fixed(-1234.5, -2) == "-1200"


@pytest.mark.parametrize(
    ("value", "text"), [(12058.6, "12060"), (0.064654, "0.06465"), (24.1, "24.10"), (0.0, "0"), (nan, "")]
)
def test_significant_digits_need_no_exponent(value: float, text: str) -> None:
    assert significant(value, 4) == text
