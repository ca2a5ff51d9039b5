"""Work spread over processes: results in the order of the tasks, the same for any number of workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acquire.archive.apart import Apart, TaskFailed
from acquire.archive.scheduler import NoScheduler, Scheduler
from acquire.archive.spread import LEAST_IN_A_TASK, Here, shared_out


def squared(number: int) -> int:
    return number**2


def misfortune(kind: str) -> str:
    if kind == "killed":
        os._exit(7)
    if kind == "refused":
        raise ValueError("no such thing")
    print("what a library prints is no answer")
    return kind


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_results_come_in_the_order_of_the_tasks(jobs: int) -> None:
    assert list(Here(jobs).results(squared, range(40))) == [number**2 for number in range(40)]
    assert list(Here(jobs).results(squared, [])) == []


@pytest.mark.parametrize(
    ("files", "jobs", "sizes"),
    [
        (60, 1, [60]),
        (60, 2, [30, 30]),
        (61, 2, [31, 30]),
        (60, 8, [LEAST_IN_A_TASK] * 3),  # a process for fewer costs more than it gives
        (1000, 2, [400, 400, 200]),
        (0, 2, []),
    ],
)
def test_few_files_are_shared_out_among_all_jobs(files: int, jobs: int, sizes: list[int]) -> None:
    tasks = shared_out(range(files), Here(jobs), most=400)
    assert [len(task) for task in tasks] == sizes
    assert [file for task in tasks for file in task] == list(range(files))


def test_a_task_in_a_process_of_its_own_answers_raises_or_is_mourned() -> None:
    work = Apart(misfortune)
    assert work("done") == "done"
    with pytest.raises(ValueError, match="no such thing"):
        work("refused")
    with pytest.raises(TaskFailed, match="exit status 7"):
        work("killed")


def test_a_scheduler_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(NoScheduler, match=r"pip install .jvl-bench\[archive\]"):
        list(Scheduler("tcp://127.0.0.1:1").results(squared, [1]))


def test_nobody_spoils_the_process_with_what_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert Apart(misfortune)("done") == "done"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://127.0.0.1:1", "no scheduler answers there .*refused"),
        ("127.0.0.1:1", "no scheduler answers there .*refused"),
        ("http://127.0.0.1:1", "it is no address like tcp://host:8786"),
        ("tcp://127.0.0.1:eight", "no scheduler answers there"),
        ("tcp://", "it is no address"),
    ],
)
def test_where_nobody_listens_is_said_at_once(address: str, why: str) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(NoScheduler, match=why):
        list(Scheduler(address).results(squared, [1]))
