"""A sample of :mod:`tests.endurance.service_kills`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endurance.service_kills import killed_in_runs


@pytest.mark.slow  # real processes, ports and time
@pytest.mark.long
def test_a_page_has_what_the_file_holds_though_its_service_was_killed(tmp_path: Path) -> None:
    tally = killed_in_runs(tmp_path, kills=1, disconnects=3, seed=2, points=300)
    assert tally.wrong == []
    assert tally.kills == 1
    assert tally.rows > 0
