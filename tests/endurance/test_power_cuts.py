"""A small sample of :mod:`tests.endurance.power_cuts`."""

from pathlib import Path

import pytest

from tests.endurance.power_cuts import power_cuts


@pytest.mark.slow  # two processes, one of which is killed
def test_a_lifetime_survives_a_power_cut(tmp_path: Path) -> None:
    assert list(power_cuts(tmp_path, 1, seed=3, hours=2)) == []
