"""The process of an item of the queue: begins it once, carries ``acquire run`` out, and says how that ended.

    python -m acquire.service.queue_item QUEUE ITEM ATTEMPT -- run RECIPE.yaml --output RUNS --json

It outlives the service that started it. As long as it lives it holds the lock of items (:func:`item_lock`), by which
any service can tell; how it ended it writes to the queue itself. An attempt that was given up before it could begin is
refused by the queue, and nothing is switched on.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from acquire.service.queue import QueueUnusable, RunQueue
from acquire.service.queue_alone import alone
from acquire.service.queue_ending import EXIT_STATUS, ending_of
from acquire.service.queue_rules import Ending, Refused

PATIENCE = 60.0  # s, that the process of the item before may take for its end
LOOK = 0.05  # s
MOST_OF_A_LOG = 4_000_000  # bytes from its end; the JSON of a run is some kB

NOT_BEGUN = 4  # exit status of an attempt that does not stand any more


def item_lock(queue: Path) -> Path:
    """The file that the process of an item holds locked: one of a queue at a time."""
    return queue.with_name("item.lock")


def ending_in(log: Path) -> Ending:
    """The ending that a log tells of.

    :raises OSError: it cannot be read.
    """
    with log.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(stream.tell() - MOST_OF_A_LOG, 0))
        return ending_of(stream.read().decode(errors="replace").splitlines())


def carry_out(path: Path, number: int, attempt: int, work: Callable[[], int]) -> int:
    """Begin an attempt of an item, do its ``work``, which gives an exit status, and say how it ended; that status."""
    with ExitStack() as stack:
        until = time.monotonic() + PATIENCE
        while not stack.enter_context(alone(item_lock(path))):
            stack.close()
            if time.monotonic() > until:
                return _not_begun("the process of another item lives")
            time.sleep(LOOK)
        try:
            with RunQueue(path) as queue:
                item = queue.begin(number, attempt, os.getpid())
        except (Refused, QueueUnusable) as error:
            return _not_begun(str(error))
        status = work()
        print(json.dumps({EXIT_STATUS: status}), flush=True)
        with RunQueue(path) as queue:
            queue.end(number, attempt, ending_in(Path(item.log)), f"process {os.getpid()}")
    return status


def main() -> int:
    """Entry point."""
    command = sys.argv[sys.argv.index("--") + 1 :]
    return carry_out(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), lambda: _run(command))


def _not_begun(why: str) -> int:
    print(f"not begun: {why}", file=sys.stderr)
    return NOT_BEGUN


def _run(command: list[str]) -> int:
    """The exit status of ``acquire`` with these arguments, in this process."""
    sys.argv = ["acquire", *command]
    try:
        runpy.run_module("acquire", run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
