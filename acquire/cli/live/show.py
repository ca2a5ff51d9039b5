"""A run shown while it goes on, in a thread of its own: on a terminal a screen, in a pipe line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console

from acquire.cli.live.account import Account
from acquire.cli.live.lines import Lines
from acquire.cli.live.outlook import Outlook, outlook_of
from acquire.cli.live.screen import PERIOD, Screen
from acquire.sinks import Spectator

if TYPE_CHECKING:
    from acquire.bench.preparation import PreparedRun


def _never() -> str:
    return ""


@contextmanager
def displayed(
    console: Console,
    prepared: PreparedRun | None = None,
    stop: Callable[[], str] = _never,
    *,
    plot: bool = True,
) -> Iterator[Spectator]:
    """A spectator that shows the run on ``console``, with a heading where it is given what was ``prepared``.

    ``stop`` says why its end was asked for; ``plot``: with a picture, where there is room.
    """
    outlook = outlook_of(prepared, datetime.now().astimezone().date()) if prepared is not None else Outlook()
    drawing = drawing_on(console, outlook, stop, plot=plot)
    spectator = Spectator(drawing, drawing.finish, tick=drawing.tick, period=PERIOD)
    try:
        yield spectator
    finally:
        spectator.close()


def drawing_on(
    console: Console, outlook: Outlook, stop: Callable[[], str] = _never, *, plot: bool = True
) -> Lines | Screen:
    """What draws events, at once and in the thread of the caller."""
    account = Account(outlook, monotonic)
    if console.is_terminal and not console.is_dumb_terminal:
        return Screen(console, account, stop, plot=plot)
    return Lines(console, account, stop)
