"""A task carried out in a process of its own: ``python -m acquire.archive.apart``, in the same way on every system.

What goes in and out is pickled between this program and itself, on one computer.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

COMMAND = (sys.executable, "-m", "acquire.archive.apart")
#: Each process computes with one thread: there is one process a core.
_ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class TaskFailed(Exception):
    """A process that had a task ended without an answer; the message says how."""


class Apart(Generic[Task, Result]):
    """A function of a module, which is called in a process of its own."""

    def __init__(self, work: Callable[[Task], Result]) -> None:
        self.work = work

    def __call__(self, task: Task) -> Result:
        """What the function gives of the task.

        :raises TaskFailed: the process ended without an answer.
        :raises Exception: what the function raises.
        """
        done = subprocess.run(
            COMMAND,
            input=pickle.dumps((str(Path.cwd()), self.work, task)),
            capture_output=True,
            cwd=Path(__file__).parents[2],  # -m looks there first: not at what lies in the current folder
            env={**os.environ, **_ALONE},
            check=False,
        )
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise TaskFailed(f"a task ended with exit status {done.returncode}: {last[-500:]}")
        result: Result | Exception = pickle.loads(done.stdout)
        if isinstance(result, Exception):
            raise result
        return result


def main() -> int:
    """Carry out the task at standard input, and answer at standard output."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    folder, work, task = pickle.load(sys.stdin.buffer)
    os.chdir(folder)
    try:
        result = work(task)
    except Exception as error:
        result = error
    with answer:
        pickle.dump(result, answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
