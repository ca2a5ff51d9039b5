"""A small sample of the program that compares who works on an archive."""

from __future__ import annotations

import pytest

from tests.endurance.archive_workers import compared


@pytest.mark.long  # work in some thirty processes, and a scheduler with workers over TCP
def test_an_archive_is_the_same_whoever_worked_on_it() -> None:
    assert compared(number=4, seed=1, in_a_task=2, dask=True) == []
