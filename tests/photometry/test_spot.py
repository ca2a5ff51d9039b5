"""How much of a spot lies beside the pixel: against limits that are known, and against counting points."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest

from acquire.photometry.spot import unfilled_share
from drivers.cs2000a.specification import spot

PIXEL = 14e-6  # m^2


def test_a_spot_of_5_mm_on_14_mm2_is_unfilled_by_29_percent() -> None:
    assert unfilled_share(5e-3, PIXEL) == pytest.approx(1 - 14 / (pi / 4 * 25), abs=0.005)  # but for its corners


def test_a_spot_inside_the_pixel_is_filled() -> None:
    assert unfilled_share(1e-3, PIXEL) == 0.0
    assert unfilled_share(sqrt(PIXEL), PIXEL) == 0.0


@pytest.mark.parametrize("diameter", [3.8e-3, 4.2e-3, 5.0e-3, 5.5e-3, 8e-3])
def test_it_is_the_share_of_points_beside_the_square(diameter: float) -> None:
    axis = np.linspace(-diameter / 2, diameter / 2, 1501)
    x, y = np.meshgrid(axis, axis)
    inside = x**2 + y**2 <= (diameter / 2) ** 2
    beside = inside & ((abs(x) > sqrt(PIXEL) / 2) | (abs(y) > sqrt(PIXEL) / 2))
    assert unfilled_share(diameter, PIXEL) == pytest.approx(beside.sum() / inside.sum(), abs=2e-3)


def test_nothing_has_no_size() -> None:
    with pytest.raises(ValueError, match="size"):
        unfilled_share(0.0, PIXEL)


def test_the_spots_of_the_cs2000a_are_those_of_its_data_sheet() -> None:
    assert [spot(angle) for angle in (1.0, 0.2, 0.1)] == [5e-3, 1e-3, 0.5e-3]
    assert spot(1.0, close_up_lens=True) == pytest.approx(1e-3)
    assert spot(1.0, 0.35) == 5e-3
    assert spot(1.0, 1.35) == pytest.approx(5e-3 + 17.453e-3, rel=1e-3)  # 1 deg of 1 m more
