"""Work spread over the worker processes of a Dask scheduler, on this and other computers.

Started as Dask's own documents say (docs.dask.org, "Command Line"): ``dask scheduler`` on one computer, ``dask worker
tcp://ADDRESS:8786 --nworkers N --nthreads 1`` on each. Every computer has the same version of this program and sees the
run files under the same paths.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import urlsplit

Task = TypeVar("Task")
Result = TypeVar("Result")

PATIENCE = 5  # s until the scheduler must have answered
PORT = 8786  # of a scheduler that was told none


class NoScheduler(Exception):
    """No work can be handed to a scheduler; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Scheduler:
    """The workers of the scheduler at ``address``, ``tcp://host:8786``."""

    address: str

    def results(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
        """As :meth:`acquire.archive.spread.Workers.results`; two tasks a worker are handed over at a time.

        :raises NoScheduler: it does not answer, has no workers, or ``distributed`` is not installed.
        """
        client = self._connected()
        try:
            room = 2 * self._workers(client)
            begun: deque[Any] = deque()
            for task in tasks:
                # not pure: what a file holds may have changed since the same question was asked before
                begun.append(client.submit(work, task, pure=False))
                if len(begun) >= room:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            client.close()  # what was handed over and not yet begun is dropped with it

    def _connected(self) -> Any:
        if find_spec("distributed") is None:
            raise NoScheduler(
                '--scheduler needs Dask, the extra "archive": pip install "jvl-bench[archive]"; --jobs works without it'
            )
        try:
            _knock(self.address)
            from distributed import Client

            connect: Callable[..., Any] = Client
            return connect(self.address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            hint = "start it with 'dask scheduler', whose first lines tell the address"
            raise NoScheduler(f"{self.address}: no scheduler answers there ({error}); {hint}") from error

    def _workers(self, client: Any) -> int:
        threads = sum(client.nthreads().values())
        if not threads:
            hint = f"start them with 'dask worker {self.address} --nworkers 2 --nthreads 1'"
            raise NoScheduler(f"{self.address}: the scheduler has no workers; {hint}")
        return int(threads)


def _knock(address: str) -> None:
    """See that somebody listens there: Dask itself tries again and again, for many seconds.

    :raises OSError: nobody does.
    :raises ValueError: it is no address.
    """
    found = urlsplit(address if "://" in address else f"tcp://{address}")
    if found.scheme not in ("tcp", "tls") or not found.hostname:
        raise ValueError("it is no address like tcp://host:8786")
    with socket.create_connection((found.hostname, found.port or PORT), PATIENCE):
        pass
