"""A display whose reader takes nothing (a pager, Ctrl-S) holds no run: what it is to show is kept for later."""

from __future__ import annotations

import select
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from acquire.records import Event

MOST_KEPT = 20_000  # events; then the oldest are not shown any more

Watch = Callable[[Event], None]


@contextmanager
def unhurried(watch: Watch, stream: IO[str]) -> Iterator[Watch]:
    """Inside, ``watch`` gets events only while ``stream`` takes what it writes; at the end the rest, and may wait.

    It writes less than 4 kB an event. What it raises is passed on, so that it can be switched off.
    """
    kept: deque[Event] = deque(maxlen=MOST_KEPT)

    def hand_over(event: Event) -> None:
        kept.append(event)
        while kept and takes(stream):
            watch(kept.popleft())

    try:
        yield hand_over
    finally:
        with suppress(Exception):  # the run has ended, and so has the display
            while kept:
                watch(kept.popleft())


def takes(stream: IO[str]) -> bool:
    """Whether a line can be written without waiting, as far as the system can tell: Windows cannot."""
    if sys.platform == "win32":
        return True
    try:
        return bool(select.select((), (stream.fileno(),), (), 0.0)[1])
    except (OSError, ValueError):  # no file of the system, or closed: writing will tell
        return True
