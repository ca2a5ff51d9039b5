"""What ``GET /health`` says: whether the service can do its work, tried on its folders."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from starlette.testclient import TestClient

from acquire.service.folders import AGAIN, Folders
from acquire.service.settings import Settings, SettingsError, refuse_what_is_open
from tests.conftest import CONFIGS


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    for name in ("data", "runs"):
        (tmp_path / name).mkdir()
    return Settings(data=tmp_path / "data", runs=tmp_path / "runs", recipes=CONFIGS)


def test_folders_that_can_be_used_leave_nothing_behind(own: Settings) -> None:
    assert Folders(own).problems() == []
    assert not any(own.runs.iterdir())


def test_a_run_folder_that_is_none_or_gone_is_told(own: Settings) -> None:
    own.runs.rmdir()
    assert Folders(own).problems() == ["the folder of run files is gone"]
    own.runs.touch()
    assert Folders(own).problems() == ["the folder of run files is no folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_a_folder_that_nobody_may_write_to_is_told(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:  # may write anywhere: the system's answer is given for it

        def refused(**_: object) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr("acquire.service.folders.tempfile.TemporaryFile", refused)
    for folder in (own.data, own.runs):
        folder.chmod(0o500)
    said = Folders(own).problems()
    for folder in (own.data, own.runs):
        folder.chmod(0o700)
    assert said == [
        "the folder of the service cannot be written to (Permission denied)",
        "the folder of run files cannot be written to (Permission denied)",
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is one of Linux")
def test_a_full_disk_is_told(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def full(**_: object) -> Iterator[BinaryIO]:
        with Path("/dev/full").open("wb") as file:
            yield file

    monkeypatch.setattr("acquire.service.folders.tempfile.TemporaryFile", full)
    assert Folders(own).problems()[1] == "the folder of run files cannot be written to (No space left on device)"


def test_they_are_tried_now_and_then_however_many_ask(own: Settings) -> None:
    moment = [0.0]
    folders = Folders(own, lambda: moment[0])
    assert folders.problems() == []
    own.runs.rmdir()
    assert folders.problems() == []
    moment[0] = AGAIN
    assert folders.problems() == ["the folder of run files is gone"]


def test_a_share_that_does_not_answer_holds_nobody_up(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, back = threading.Event(), threading.Event()

    def hangs(_: Settings) -> list[str]:
        asked.set()
        back.wait(30.0)
        return []

    monkeypatch.setattr("acquire.service.folders._problems", hangs)
    monkeypatch.setattr("acquire.service.folders.PATIENCE", 0.01)
    folders = Folders(own)
    hanging = threading.Thread(target=folders.problems)
    hanging.start()
    assert asked.wait(30.0)
    assert folders.problems() == ["the folders of the service do not answer; a share may be gone"]
    back.set()
    hanging.join(30.0)
    assert folders.problems() == []


def test_health_says_so(service: TestClient, settings: Settings) -> None:
    service.app.state.shared.folders._tried = -1e9  # type: ignore[attr-defined]
    settings.runs.rename(settings.runs.with_name("away"))
    try:
        answer = service.get("/health")
    finally:
        settings.runs.with_name("away").rename(settings.runs)
        service.app.state.shared.folders._tried = -1e9  # type: ignore[attr-defined]
    assert answer.status_code == 503
    assert answer.json()["status"] == "degraded"
    assert answer.json()["problems"] == ["the folder of run files is gone"]
    assert service.get("/health").status_code == 200


def test_a_service_makes_its_folders_or_says_which_it_cannot(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "new" / "data", runs=tmp_path / "new" / "runs", recipes=CONFIGS)
    refuse_what_is_open(settings)
    assert settings.runs.is_dir()
    (tmp_path / "file").touch()
    for wrong in ("file", "file/inside"):
        with pytest.raises(SettingsError, match=r"--runs: .*cannot be made or used as a folder"):
            refuse_what_is_open(Settings(data=tmp_path / "new", runs=tmp_path / wrong, recipes=CONFIGS))
