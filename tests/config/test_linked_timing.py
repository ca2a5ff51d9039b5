"""The expected duration of a point that two instruments run by themselves, against drawing it by lot."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.config.linked_timing import LinkedTiming


@pytest.mark.parametrize("conversion", [1e-3, 3e-3, 5e-3, 9e-3, 20e-3])
def test_the_mean_is_that_of_the_slower_meter_of_each_point(conversion: float) -> None:
    timing = LinkedTiming(before=0.3e-3, conversion=conversion, shortest=2e-3, longest=9e-3)
    light = np.random.default_rng(1).uniform(2e-3, 9e-3, 200_000)
    points = 0.3e-3 + np.maximum(conversion, light)
    assert timing.mean == pytest.approx(points.mean(), rel=2e-3)
    assert timing.longest_point == pytest.approx(points.max(), rel=1e-3)
