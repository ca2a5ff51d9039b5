"""A program of the tests: additions to a run file that are killed at each step, and many at the same time.

``python -m tests.run_file.additions_killed RUN.h5`` prints as JSON what is left after each kill. POSIX only: each
addition is made in a process forked for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acquire.run_file import placing, tagging
from acquire.run_file.read import read_run

PATIENT = placing.Waiting(patience=60.0, look=0.01)


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(original: Callable[..., Any]) -> Callable[..., Any]:
    return die


def after(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> None:
        original(*arguments, **named)
        die()

    return call


class HalfWritten:
    """A stream that takes half of what it is given."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, content: bytes) -> None:
        self._stream.write(content[: len(content) // 2])
        self._stream.flush()
        die()

    def __enter__(self) -> HalfWritten:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def half_written(original: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def fresh(path: Path) -> Any:
        beside, stream = original(path)
        return beside, HalfWritten(stream)

    return fresh


#: Where the program is killed: the owner of a function, its name, and what stands in its place.
STEPS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "half written": (placing, "_fresh_beside", half_written),
    "before it is on the disk": (placing.os, "fsync", before),
    "on the disk": (placing.os, "fsync", after),
    "before the name": (Path, "replace", before),
    "with the name": (Path, "replace", after),
    "before the names are on the disk": (placing, "_sync_names", before),
    "all done": (placing, "_clear_left_behind", after),
}


def in_another_process(work: Callable[[], object]) -> int:
    """How a process ended that did this work."""
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def killed(path: Path, step: str) -> dict[str, Any]:
    owner, name, replacement = STEPS[step]

    def work() -> None:
        setattr(owner, name, replacement(getattr(owner, name)))
        tagging.say_of(path, tagging.Wish(tag=step, time="2026-01-02T03:04:05+01:00"))

    old = hashlib.sha256(path.read_bytes()).hexdigest()
    status = in_another_process(work)
    run = read_run(path)
    left = {
        "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        "as it was": hashlib.sha256(path.read_bytes()).hexdigest() == old,
        "tags": list(run.tags),
        "integrity": str(run.integrity),
        "points": run.points,
    }
    if step in ("half written", "on the disk"):  # what is left behind is in nobody's way
        left["then"] = list(tagging.say_of(path, tagging.Wish(tag="again")).tags)
    return left


def at_once(path: Path, processes: int, each: int) -> list[str]:
    children = []
    for number in range(processes):
        if child := os.fork():
            children.append(child)
            continue
        try:
            for count in range(each):
                tagging.say_of(path, tagging.Wish(tag=f"{number} {count}"), PATIENT)
            os._exit(0)
        finally:
            os._exit(1)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    return list(read_run(path).tags)


def main(path: Path) -> None:
    found = {}
    for step in STEPS:
        copy = Path(shutil.copy(path, path.with_name("copy.h5")))
        found[step] = killed(copy, step)
    print(json.dumps({"killed": found, "at once": at_once(path, 2, 2)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
