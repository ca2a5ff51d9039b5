"""Which runs end with a service: those that it started, and only where no other service looks after them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from acquire.safety import mailbox
from acquire.safety.running import RunningNow
from acquire.service import ending
from acquire.service.queue_alone import alone
from acquire.service.queue_runner import LOCK
from acquire.service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data" / "logs").mkdir(parents=True)
    (tmp_path / "data" / "logs" / "abc.log").touch()
    return Settings(data=tmp_path / "data", runs=tmp_path / "runs", recipes=tmp_path)


@pytest.fixture
def going(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunningNow]:
    """What goes on: a run that the service started, and one that another service did, with the same run folder."""
    (tmp_path / "box" / mailbox.REQUESTS).mkdir(parents=True)
    mine = RunningNow("1-a", path=str(tmp_path / "runs" / "a.h5"), started_for="abc", folder=tmp_path / "box")
    runs = [mine, replace(mine, name="2-b", path=str(tmp_path / "runs" / "b.h5"), started_for="def")]

    def stopping(run: RunningNow, by: str, *, patience: float, until_off: bool) -> Iterator[RunningNow]:
        assert until_off
        yield replace(run, phase="ending", output="off", asked="2026-01-02T03:04:05+01:00")

    monkeypatch.setattr(ending, "running", lambda _: runs)
    monkeypatch.setattr(ending, "stopping", stopping)
    return runs


@pytest.mark.usefixtures("going")
def test_a_service_ends_the_runs_that_it_started(settings: Settings) -> None:
    (said,) = ending.end_runs(settings)
    assert "a.h5" in said
    assert "output off" in said


@pytest.mark.usefixtures("going")
def test_what_another_service_looks_after_goes_on(settings: Settings) -> None:
    with alone(settings.data / LOCK) as first:
        assert first
        assert ending.end_runs(settings) == []
        assert len(ending.end_runs(settings, held=True)) == 1  # its own runner has the lock still
    assert len(ending.end_runs(settings)) == 1


@pytest.mark.usefixtures("going")
def test_a_folder_that_is_gone_lets_no_run_go_on(settings: Settings) -> None:
    (settings.data / LOCK).mkdir()
    assert len(ending.end_runs(settings)) == 1
    shutil.rmtree(settings.data)
    assert len(ending.end_runs(settings)) == 2  # nobody knows whose they are
