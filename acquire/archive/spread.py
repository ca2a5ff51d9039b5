"""Work on many files, spread over processes; results come back in the order of the tasks, whoever was faster.

On one computer each task is carried out by a process that this one starts; over several by the worker processes of a
Dask scheduler. HDF5 does one thing at a time in a process, so threads would gain nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers(Protocol):
    """Who carries out tasks."""

    def results(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
        """What ``work`` gives of each task, in their order.

        :raises Exception: what ``work`` raises.
        """
        ...


@dataclass(frozen=True)
class Here:
    """Processes of this computer, ``jobs`` at a time: ``work`` waits for the one that it starts."""

    jobs: int = 1

    def results(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
        """As :meth:`Workers.results`; at most twice as many tasks as jobs are begun or not yet taken."""
        with ThreadPoolExecutor(self.jobs) as threads:
            begun: deque[Future[Result]] = deque()
            try:
                for task in tasks:
                    begun.append(threads.submit(work, task))
                    if len(begun) >= 2 * self.jobs:
                        yield begun.popleft().result()
                while begun:
                    yield begun.popleft().result()
            finally:
                for one in begun:
                    one.cancel()


HERE = Here()

#: Fewer files are not worth a process of their own.
LEAST_IN_A_TASK = 20

Item = TypeVar("Item")


def shared_out(items: Sequence[Item], workers: Workers, most: int) -> list[list[Item]]:
    """Items as tasks of at most so many, in their order; here all jobs have as much to do, also where they are few."""
    size = most
    if isinstance(workers, Here):
        size = min(most, max(LEAST_IN_A_TASK, -(-len(items) // workers.jobs)))
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
