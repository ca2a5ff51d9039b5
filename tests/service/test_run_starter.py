"""What is started from a page, and how it is found again: no process is started here."""

from __future__ import annotations

import os
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


class Place:
    """A folder of a service, and what is started there; ``running`` and ``killed`` are what processes say."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(folder / "data", folder / "runs", CONFIGS)
        self.started: list[str] = []
        self.running: list[RunningNow] = []
        self.killed: list[RunningNow] = []

    def service(self) -> RunStarter:
        """A service that knows nothing of those before it but what is in the folder."""

        def left_behind(name: str) -> RunningNow | None:
            return next((one for one in self.killed if one.started_for == name), None)

        return RunStarter(self.settings, SimpleNamespace(processes=self.running, left_behind=left_behind))  # type: ignore[arg-type]

    def start(self, _arguments: Sequence[str], log: Path, started_for: str = "") -> Any:
        """What stands for a process, which begins at once."""
        self.started.append(started_for)
        self.running.append(RunningNow("1-a", run_id=f"run {len(self.started)}", started_for=started_for))
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        return SimpleNamespace(pid=77, log=log, status=lambda: None, lives=lambda: True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    monkeypatch.setattr("acquire.service.run_starter.start_run", place.start)
    return place


WISH = Wish("sweeps/quick_look.yaml")


def test_the_same_wish_is_one_run_for_the_next_service_too(place: Place) -> None:
    first = place.service().start(WISH, "k1")
    assert first.run_id == "run 1"
    assert place.service().start(WISH, "k1") == first, "it goes on"
    place.killed, place.running[:] = [*place.running], []
    assert place.service().start(WISH, "k1") == first, "it was killed"
    log = place.settings.data / "logs" / f"{first.start_id}.log"
    log.write_text('some words\n{"run_id": "run 1", "status": "completed"}\n', "utf-8")
    place.killed.clear()
    assert place.service().start(WISH, "k1") == first, "it is over"
    assert len(place.started) == 1
    assert place.service().start(WISH, "k2").run_id == "run 2"
    assert place.service().start(WISH, None).run_id == "run 3"


def test_a_wish_that_came_to_nothing_may_be_sent_again(place: Place) -> None:
    first = place.service().start(WISH, "k1")
    place.running.clear()
    log = place.settings.data / "logs" / f"{first.start_id}.log"
    log.write_text('{"run_id": null, "stop_reason": "no instrument answers"}\n', "utf-8")
    os.utime(log, (1e9, 1e9))  # long enough ago for its process to have shown itself
    assert place.service().start(WISH, "k1").run_id == "run 2"
    assert place.started == [first.start_id] * 2
