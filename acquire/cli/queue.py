"""``acquire queue``: the queue of the service at a terminal, whether the service runs or not."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import (
    COMPLETED,
    FAILED,
    USAGE,
    AreaOption,
    BatchOption,
    JsonOption,
    NoteOption,
    PixelOption,
    SampleOption,
    UserOption,
)
from acquire.cli.terminal import complain, say, say_json, whoever_listens

if TYPE_CHECKING:
    from acquire.service.queue import RunQueue
    from acquire.service.queue_rules import Item

queue = typer.Typer(
    name="queue",
    help="Look at the queue of the service and change it; the service runs it (acquire serve).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

DataOption = Annotated[
    Path | None, typer.Option("--data", help="folder of the service, as acquire serve has it", metavar="DIR")
]
RecipesOption = Annotated[
    Path, typer.Option("--recipes", help="folder of recipes, as acquire serve has it", metavar="DIR")
]
ByOption = Annotated[str, typer.Option("--by", help="who wants it; default: the user of this computer", metavar="NAME")]
ItemArgument = Annotated[int, typer.Argument(help="number of the item", metavar="ITEM")]


@contextmanager
def _opened(data: Path | None) -> Iterator[RunQueue]:
    """The queue of a service.

    :raises typer.Exit: it cannot be used, or what was asked of it does not go; nothing was changed.
    """
    from platformdirs import user_data_path

    from acquire.config import ConfigurationError
    from acquire.service.queue import FILE_NAME, QueueUnusable, RunQueue
    from acquire.service.queue_rules import Refused

    folder = data or user_data_path("jvl-bench", appauthor=False) / "service"
    try:
        with RunQueue(folder / FILE_NAME) as opened:
            yield opened
    except QueueUnusable as error:
        raise complain(error, FAILED) from error
    except (Refused, ConfigurationError) as error:
        raise complain(error, USAGE) from error


def _whom(by: str) -> str:
    try:
        return by or getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _tell(item: Item, as_json: bool) -> None:
    with whoever_listens(sys.stdout):
        if as_json:
            say_json(_plain(item))
        else:
            say(sys.stdout, _line(item))
    raise typer.Exit(COMPLETED)


def _plain(item: Item) -> dict[str, Any]:
    return {**asdict(item), "state": str(item.state)}


def _line(item: Item) -> str:
    """An item in a line: number, state, name, how long it takes, why it waits."""
    from acquire.cli.display import clock_text
    from acquire.service.queue_rules import IN_WORDS

    shown = item.estimate or {}
    takes = f", about {clock_text(shown['seconds'])}" if shown.get("seconds") else ""
    limits = shown.get("limits") or {}
    largest = f", up to {limits['voltage']:g} V, {1e3 * limits['current']:g} mA" if limits else ""
    reason = f": {item.reason}" if item.reason else ""
    return f"{item.id:4d}  {item.request.name}{takes}{largest}; {IN_WORDS[item.state]}{reason} (by {item.by})"


@queue.command("list", short_help="Show the queue in its order.")
def list_queue(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show the queue in its order, and why nothing begins, if so."""
    with _opened(data) as opened:
        now = opened.now(over=10)
    with whoever_listens(sys.stdout):
        if as_json:
            say_json({"items": [_plain(item) for item in now.items], "lock": now.lock and asdict(now.lock)})
            raise typer.Exit(COMPLETED)
        say(sys.stdout, *([f"the bench is locked by {now.lock.name}: {now.lock.note}"] if now.lock else []))
        say(sys.stdout, *(map(_line, now.items) if now.items else ["the queue is empty"]))
    raise typer.Exit(COMPLETED)


@queue.command(short_help="Add a recipe of the folder of recipes.")
def add(
    recipe: Annotated[str, typer.Argument(help="its name in the folder of recipes: sweeps/x.yaml", metavar="RECIPE")],
    bench: Annotated[
        str | None, typer.Option("--bench", help="another bench of the folder of recipes", metavar="BENCH")
    ] = None,
    sample: SampleOption = None,
    pixel: PixelOption = None,
    area: AreaOption = None,
    user: UserOption = None,
    batch: BatchOption = None,
    note: NoteOption = None,
    by: ByOption = "",
    data: DataOption = None,
    recipes: RecipesOption = Path("configs"),
    as_json: JsonOption = False,
) -> None:
    """Add a recipe at the end of the queue; nothing is opened before its turn."""
    with _opened(data) as opened:
        from acquire.service.queue_estimate import estimate
        from acquire.service.queue_rules import Request

        said = {
            "bench": bench,
            "sample": sample,
            "pixel": pixel,
            "area": area,
            "user": user,
            "batch": batch,
            "note": note,
        }
        request = Request(recipe, **{name: text or None for name, text in said.items()})
        item = opened.add(request, _whom(by), operator=True, estimate=estimate(request, recipes))
    _tell(item, as_json)


@queue.command(short_help="Let a viewer's item run.")
def approve(item: ItemArgument, by: ByOption = "", data: DataOption = None) -> None:
    """Say yes to an item that a viewer has added."""
    _do("approve", item, by, data)


@queue.command(short_help="Keep a waiting item back.")
def hold(item: ItemArgument, by: ByOption = "", data: DataOption = None) -> None:
    """Keep a waiting item back until it is released."""
    _do("hold", item, by, data)


@queue.command(short_help="Let an item run that is held, or that failed.")
def release(
    item: ItemArgument,
    by: ByOption = "",
    data: DataOption = None,
    recipes: RecipesOption = Path("configs"),
) -> None:
    """Let an item run that is held; or once more one that failed, was stopped or was interrupted."""
    with _opened(data) as opened:
        from acquire.service.queue_estimate import estimate

        shown = estimate(opened.item(item).request, recipes)
        done = opened.do("release", item, _whom(by), shown)
    _tell(done, False)


@queue.command(short_help="Take an item out of the queue.")
def remove(item: ItemArgument, by: ByOption = "", data: DataOption = None) -> None:
    """Take an item out of the queue; its run file, if it has one, stays."""
    _do("remove", item, by, data)


def _do(deed: str, item: int, by: str, data: Path | None) -> None:
    with _opened(data) as opened:
        done = opened.do(deed, item, _whom(by))
    _tell(done, False)


@queue.command(short_help="Move an item to another place, 0 the first.")
def move(
    item: ItemArgument,
    to: Annotated[int, typer.Argument(help="place, 0 the first", metavar="PLACE", min=0)],
    by: ByOption = "",
    data: DataOption = None,
) -> None:
    """Move an item to another place."""
    with _opened(data) as opened:
        done = opened.move(item, to, _whom(by))
    _tell(done, False)


@queue.command(short_help="Add the same once more.")
def repeat(item: ItemArgument, by: ByOption = "", data: DataOption = None) -> None:
    """Add the same once more, at the end."""
    with _opened(data) as opened:
        done = opened.repeat(item, _whom(by), operator=True)
    _tell(done, False)


@queue.command(short_help="Let nothing begin until the bench is unlocked.")
def lock(
    note: Annotated[str, typer.Argument(help="why, and until when", metavar="NOTE")],
    by: ByOption = "",
    data: DataOption = None,
) -> None:
    """Let nothing of the queue begin until the bench is unlocked; a run that goes on is not touched."""
    with _opened(data) as opened:
        locked = opened.lock_bench(_whom(by), note)
    say(sys.stdout, f"the bench is locked by {locked.name}: {locked.note}")


@queue.command(short_help="Let the queue go on.")
def unlock(by: ByOption = "", data: DataOption = None) -> None:
    """Let the queue go on, after somebody has looked at the bench."""
    with _opened(data) as opened:
        opened.unlock_bench(_whom(by))
    say(sys.stdout, "the bench is unlocked")


@queue.command("test-message", short_help="Send a message as the service would.")
def send_test(data: DataOption = None) -> None:
    """Send a test message on every channel of service.yaml, and say what came of it."""
    with _opened(data) as opened:
        from acquire.service.notification_settings import FILE_NAME, read_settings
        from acquire.service.notifications import Notifier

        folder = opened.path.parent
        told = Notifier(opened.messages, read_settings(folder)).test()
    if not told:
        raise complain(f"{folder / FILE_NAME}: names no channel, so nobody is told of anything", USAGE)
    say(sys.stdout, *(f"{channel}: {problem or 'sent'}" for channel, problem in told.items()))
    raise typer.Exit(FAILED if any(told.values()) else COMPLETED)
