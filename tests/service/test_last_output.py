"""What is said of the output when no run goes on: never off without somebody who asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acquire.safety.guardian_log import guardian_log
from acquire.safety.running import RunningNow
from acquire.service import last_output
from acquire.service.last_output import LastOutput
from acquire.service.routes_runs import _stopped
from acquire.service.watching import _of_process

ON = RunningNow("1", run_id="r", phase="measuring", output="on", asked="2026-01-02T10:00:00+01:00")
OFF_AT = "2026-01-02T10:00:05+01:00"


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[RunningNow]]:
    """What is left behind by processes that died, and what those said last that ended."""
    left: dict[str, list[RunningNow]] = {"died": [], "ended": []}
    monkeypatch.setattr(last_output, "running", lambda folder, *, left_behind: left["died"])
    monkeypatch.setattr(
        last_output, "seen", lambda one: next((last for last in left["ended"] if last.name == one.name), None)
    )
    return left


def test_a_run_that_ended_said_it_last(gone: dict[str, list[RunningNow]]) -> None:
    outputs = LastOutput()
    assert outputs.look([]) is False
    assert outputs.known is None
    assert outputs.look([ON])
    gone["ended"] = [replace(ON, phase="ended", output="off", asked=OFF_AT)]
    assert outputs.look([])
    assert outputs.known == {"output": "off", "asked": OFF_AT, "how": "run"}


def test_of_a_run_that_was_killed_the_guardian_tells(gone: dict[str, list[RunningNow]], tmp_path: Path) -> None:
    outputs, run = LastOutput(), tmp_path / "run.h5"
    died = replace(ON, path=str(run), told="2026-01-02T10:00:01+01:00", lives=False)
    outputs.look([ON])
    gone["died"] = [died]
    assert outputs.look([])
    assert outputs.known == {"output": "unknown", "asked": None, "how": "killed"}
    assert not outputs.look([])
    guardian_log(run).write_text(
        f"{OFF_AT} asked, it answered that its output is off\n{OFF_AT} the output of X is off\n"
    )
    assert outputs.look([])
    assert outputs.known == {"output": "off", "asked": OFF_AT, "how": "guardian"}
    after = LastOutput()  # of a service that was away meanwhile
    after.look([])
    assert after.known == outputs.known


def test_a_guardian_that_could_not_confirm_is_believed(gone: dict[str, list[RunningNow]], tmp_path: Path) -> None:
    run = tmp_path / "run.h5"
    gone["died"] = [replace(ON, path=str(run), told="2026-01-02T10:00:01+01:00", lives=False)]
    guardian_log(run).write_text(f"{OFF_AT} THE OUTPUT OF X MAY STILL BE ON: no answer; press OUTPUT there now\n")
    outputs = LastOutput()
    outputs.look([])
    assert outputs.known == {"output": "unknown", "asked": None, "how": "guardian"}


def test_a_later_run_counts_more_than_one_killed_before(gone: dict[str, list[RunningNow]], tmp_path: Path) -> None:
    outputs = LastOutput()
    later = replace(ON, name="2", output="off", asked="2026-01-02T11:00:00+01:00", phase="ending")
    outputs.look([later])
    gone["died"] = [replace(ON, path=str(tmp_path / "r.h5"), told="2026-01-02T10:00:01+01:00", lives=False)]
    outputs.look([])
    assert outputs.known == {"output": "off", "asked": later.asked, "how": "run"}


def test_a_batch_that_still_asks_has_switched_nothing_on() -> None:
    asking = RunningNow("1", phase="asking", question="put the substrate in", question_id="q")
    done = _stopped(asking, replace(asking, phase="ended", output="unknown", lives=False))
    assert (done.output, done.message) == ("off", "the batch ends; it had not switched anything on")
    assert _stopped(ON, replace(ON, phase="ended", output="unknown", asked="")).output == "unknown"
    assert _of_process(asking, {}, {})["question"] == {
        "id": "q",
        "text": "put the substrate in",
        "choices": ["yes", "no"],
    }
