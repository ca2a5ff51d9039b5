"""Runs that are none of the queue: what is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from acquire.run_file.read import ArchiveError
from acquire.safety.running import RunningNow
from acquire.service.notifications import message_of
from acquire.service.other_runs import OtherRuns
from acquire.service.queue import RunQueue

FIGURES = {"turn_on_voltage": {"value": 2.451, "unit": "V", "status": "ok"}}


def told(folder: Path, first: RunningNow, summary: Mapping[str, Any] | Exception) -> list[Mapping[str, Any]]:
    """The messages about a run that goes on at the first two looks, and is over at the third and the fourth."""
    looks: list[list[RunningNow]] = [[first], [first], [], []]

    def summary_of(path: Path) -> Mapping[str, Any]:
        if isinstance(summary, Exception):
            raise summary
        return summary

    with RunQueue(folder / "queue.sqlite") as queue:
        others = OtherRuns(queue.messages, folder, going=lambda _: looks.pop(0), summary=summary_of)
        for _ in range(4):
            others.look()
        queue.messages.share_out(("mail",), ("done", "needs_person", "question"))
        return [content for _, content, _ in queue.messages.due(0.0, "mail")]


def a_run(folder: Path, **more: Any) -> RunningNow:
    return RunningNow("1-a", **{"run_id": "r1", "path": str(folder / "r1.h5"), "sample": "S1", "title": "look", **more})


def test_a_run_that_ended_is_told_once_with_its_figures(tmp_path: Path):
    (content,) = told(tmp_path, a_run(tmp_path), {"status": "completed", "figures_of_merit": FIGURES})
    message = message_of(content, "bench 1")
    assert message.subject == "bench 1: S1 is done"
    assert "V_on 2.45 V" in message.text
    assert "r1.h5" in message.text


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ({"status": "failed", "stop_reason": "a cable"}, "failed: a cable"),
        ({"status": "interrupted", "stop_reason": "stopped by Ann"}, "was stopped: stopped by Ann"),
        ({"status": "running", "stop_reason": ""}, "was interrupted"),
        (ArchiveError("r1.h5: damaged"), "was interrupted: its run file cannot be read: r1.h5: damaged"),
    ],
)
def test_a_run_that_did_not_end_well_needs_a_person(tmp_path: Path, summary: Any, said: str):
    (content,) = told(tmp_path, a_run(tmp_path), summary)
    assert (content["kind"], content["item"]["reason"]) == ("needs_person", said)


def test_a_question_is_told_once(tmp_path: Path):
    asking = a_run(tmp_path, question="put B12 in", question_id="q1")
    first, second = told(tmp_path, asking, {"status": "completed"})
    assert (first["kind"], first["text"], second["kind"]) == ("question", "put B12 in", "done")


def test_runs_of_the_queue_and_of_other_folders_are_left_to_others(tmp_path: Path):
    assert told(tmp_path, a_run(tmp_path, started_for="item-1-1-abcd"), {"status": "completed"}) == []
    assert told(tmp_path, a_run(tmp_path, path=str(tmp_path.parent / "r1.h5")), {"status": "completed"}) == []
