"""A sample of :mod:`tests.endurance.service_kills`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endurance.service_kills import killed_and_stopped, killed_in_runs


@pytest.mark.slow  # real processes, ports and time
def test_a_run_outlives_its_service_which_finds_it_again_and_stops_it(tmp_path: Path) -> None:
    assert killed_and_stopped(tmp_path) == []


@pytest.mark.slow  # real processes, ports and time
@pytest.mark.long
def test_a_page_has_what_the_file_holds_though_its_service_was_killed(tmp_path: Path) -> None:
    tally = killed_in_runs(tmp_path, kills=1, disconnects=3, seed=2, points=300)
    assert tally.wrong == []
    assert tally.kills == 1
    assert tally.rows > 0
