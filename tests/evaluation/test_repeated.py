"""The spread of levels that were read more than once."""

import numpy as np
import pytest

from acquire.evaluation.repeated import repeatability
from acquire.records import PointFlag


def points(levels: list[float], luminance: list[float], flags: list[int] | None = None) -> dict[str, np.ndarray]:
    light = np.array(luminance)
    return {
        "source_level": np.array(levels),
        "luminance": light,
        "current_density": 0.1 * light,
        "current_efficiency": np.full(light.size, 10.0),
        "flags": np.array(flags or [0] * light.size),
        "branch": np.full(light.size, b"forward"),
    }


def test_both_branches_of_a_level_are_repeats() -> None:
    figure = repeatability(points([5.0, 6.0, 6.0, 5.0], [100.0, 1000.0, 1010.0, 99.0]))["luminance_repeatability"]
    # Two pairs: s^2 = (d1^2 + d2^2) / 2 / 2 with d the differences of ln L.
    expected = np.sqrt((np.log(1.01) ** 2 + np.log(0.99) ** 2) / 4)
    assert figure.value == pytest.approx(expected, rel=1e-12)
    assert figure.uncertainty == pytest.approx(expected / 2)
    assert figure.reason == "2 levels, 2 repeats"
    assert (figure.unit, figure.status) == ("1", "ok")


def test_it_is_the_standard_deviation_of_what_is_repeated_often() -> None:
    chance = np.random.default_rng(1)
    light = 500.0 * np.exp(0.004 * chance.standard_normal(2000))
    figure = repeatability(points([6.0] * 2000, light.tolist()))["luminance_repeatability"]
    assert figure.value == pytest.approx(0.004, rel=0.05)


def test_only_points_with_light_and_without_a_limit_count() -> None:
    limited = int(PointFlag.COMPLIANCE)
    dark = points([1.0, 1.0, 6.0, 6.0], [0.1, 0.3, 500.0, 900.0], [0, 0, 0, limited])
    figure = repeatability(dark)["luminance_repeatability"]
    assert figure.status == "none"
    assert "more than once" in figure.reason
