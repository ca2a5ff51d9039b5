"""A run line by line, for a pipe or a file: a heading, then a line for each point with the same fields."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

from acquire.cli.live import rows
from acquire.cli.live.account import Account, Entry
from acquire.records import Event, Record, RunStart
from acquire.safety.visible import one_line


class Lines:
    """Writes the events of a run; ``stop`` says why its end was asked for."""

    def __init__(self, console: Console, account: Account, stop: Callable[[], str]) -> None:
        self._console = console
        self._account = account
        self._stop = stop
        self._columns = list(rows.columns(account.source_unit, share_of=account.share_told))
        self._begun = False

    def __call__(self, event: Event) -> None:
        """Write an event."""
        if not self._begun:
            self._begun = True
            for name, text in self._account.outlook.heading:
                self._write(f"# {name:12} {one_line(text)}")
        for entry in self._account.take(event):
            self._entry(entry)
        if isinstance(event, RunStart):
            self._columns = list(rows.columns(event.source_unit, event.points, self._account.share_told))
            self._write(f"# {'run file':12} {one_line(event.path)}")
            self._write(rows.head_in_a_line(self._columns))

    def tick(self) -> bool:
        """Say that a stop was asked for; everything is written at once."""
        for remark in self._account.asked_to_stop(self._stop()):
            self._entry(remark)
        return True

    def say(self, text: str) -> None:
        """Write a line that is no event; any thread may."""
        self._write(f"# {one_line(text)}")

    def _entry(self, entry: Entry) -> None:
        if isinstance(entry, Record):
            self._write(f"{rows.row(entry, self._columns)} {', '.join(rows.remarks(entry.flags))}".rstrip())
        else:
            self._write(f"# {one_line(entry.text)}")

    def _write(self, text: str) -> None:
        self._console.file.write(f"{text}\n")  # past the filter: what comes from outside is a line of its own
        self._console.file.flush()

    def finish(self) -> None:
        """Nothing is left to be written."""
