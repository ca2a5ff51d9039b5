"""The file that says who is told is read again while a service runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acquire.config import ConfigurationError
from acquire.service.notification_settings import Notifications
from acquire.service.other_runs import OtherRuns
from acquire.service.queue import RunQueue
from acquire.service.telling import Telling

WEBHOOK = "kind: service\nnotifications: {webhook: {url: https://chat.example/hooks/{}}}\n"


class Tellers:
    """What tells people, and what became of it."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def __call__(self, _: object, told: Notifications) -> Any:
        name = told.webhook.url[-1] if told.webhook else "nobody"
        return SimpleNamespace(
            channels={"webhook": None} if told.webhook else {},
            start=lambda: self.log.append(f"{name} begins"),
            stop=lambda *_: self.log.append(f"{name} ends"),
        )


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[RunQueue]:
    with RunQueue(tmp_path / "queue.sqlite") as queue:
        yield queue


def say(folder: Path, text: str) -> None:
    (folder / "service.yaml").write_text(text, encoding="utf-8")


def test_the_file_is_read_again_when_it_changes_and_only_then(tmp_path: Path, queue: RunQueue) -> None:
    tellers = Tellers()
    telling = Telling(tmp_path, queue.messages, OtherRuns(queue.messages, tmp_path), teller=tellers)
    telling.look()
    say(tmp_path, WEBHOOK.replace("{}}", "a}"))
    telling.look()
    telling.look()
    say(tmp_path, WEBHOOK.replace("{}}", "later/b}"))
    telling.look()
    (tmp_path / "service.yaml").unlink()
    telling.look()
    assert tellers.log == ["nobody ends", "a begins", "a ends", "b begins", "b ends", "nobody begins"]


def test_a_file_that_is_wrong_leaves_what_was_said_before_and_no_secret_in_the_log(
    tmp_path: Path, queue: RunQueue, caplog: pytest.LogCaptureFixture
) -> None:
    say(tmp_path, WEBHOOK.replace("{}}", "a}"))
    tellers = Tellers()
    others = OtherRuns(queue.messages, tmp_path)
    telling = Telling(tmp_path, queue.messages, others, teller=tellers)
    say(tmp_path, "kind: service\nnotifications: {webhook: {url: file:///secret}}\n")
    with caplog.at_level(logging.ERROR):
        telling.look()
    assert tellers.log == []
    assert "what was said before holds on" in caplog.text
    assert "secret" not in caplog.text
    with pytest.raises(ConfigurationError):
        Telling(tmp_path, queue.messages, others, teller=tellers)
