"""What is started from a page, and how it is found again: no process is started here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acquire.safety.running import RunningNow
from acquire.service.run_starter import RunStarter
from acquire.service.settings import Settings
from acquire.service.starting import Wish
from tests.conftest import CONFIGS

SHIPPED = {"health": "sweeps/health.yaml", "calibrate": "sweeps/calibrate_photodiode.yaml"}


@pytest.mark.parametrize("command", SHIPPED)
def test_upkeep_is_operated_by_the_service_and_so_ends_with_it(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], Path, str]] = []
    watch = SimpleNamespace(processes=())

    def start_run(arguments: Sequence[str], log: Path, started_for: str = "") -> Any:
        started.append((list(arguments), log, started_for))
        others = RunningNow("1-a", run_id="other", started_for="somebody else", process=77)
        watch.processes = (others, RunningNow("2-b", run_id="ours", started_for=started_for))
        return SimpleNamespace(pid=77, status=lambda: None, lives=lambda: True)

    monkeypatch.setattr("acquire.service.run_starter.start_run", start_run)
    settings = Settings(tmp_path / "data", tmp_path / "runs", CONFIGS)
    told = RunStarter(settings, watch).start_upkeep(command, Wish(SHIPPED[command]), None)  # type: ignore[arg-type]
    ((arguments, log, name),) = started
    assert arguments[:3] == [command, str(CONFIGS / SHIPPED[command]), "--yes"]
    assert name == log.stem  # by which acquire.service.ending knows that it is ours
    assert (told.start_id, told.run_id) == (name, "ours")
