"""Voltage, current and luminance in large digits, for who aligns a device by hand, and what is typed below them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import isfinite
from textwrap import wrap
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from acquire.cli.display import level_text
from acquire.cli.live.account import Account, Remark
from acquire.cli.live.screen import LEAST_REST, PERIOD, STYLES
from acquire.records import Event, Record
from acquire.safety.visible import one_line

#: Each character in five rows.
_FONT = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", "###", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", "  #", "  #"),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
    ".": (" ", " ", " ", " ", "#"),
    "-": ("   ", "   ", "###", "   ", "   "),
    "+": ("   ", " # ", "###", " # ", "   "),
    "e": ("   ", "###", "###", "#  ", "###"),
}

#: Lines of what was said last; characters of a value with its unit.
_LINES, _WIDTH = 6, 40


def large(text: str, unit: str) -> list[str]:
    """A number in five rows, its unit beside the last."""
    rows = [" ".join(_FONT[letter][row] for letter in text if letter in _FONT) for row in range(5)]
    return [*rows[:-1], f"{rows[-1]}  {unit}"]


class Large:
    """Draws the events of a run by hand. ``typed`` gives what is being typed, ``stop`` why the end was asked for."""

    def __init__(
        self, console: Console, account: Account, typed: Callable[[], str], stop: Callable[[], str], help_: str
    ) -> None:
        self._console, self._account = console, account
        self._typed, self._stop, self._help = typed, stop, help_
        self._said: deque[tuple[str, str]] = deque(maxlen=_LINES)
        self._kept: list[tuple[str, str]] = []
        self._record: Record | None = None
        self._due = 0.0
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def __call__(self, event: Event) -> None:
        """Take an event; it is drawn with the next :meth:`tick`. Points are shown and not kept."""
        for entry in self._account.take(event):
            if isinstance(entry, Remark):
                self.say(entry.text, entry.kind)
            else:
                self._record = entry
        self._account.curve.clear()  # hours of it are not drawn

    def say(self, text: str, kind: str = "doubt") -> None:
        """Show a line, which stays on the terminal at the end; any thread may."""
        self._said.append((one_line(text), STYLES[kind]))
        self._kept.append((one_line(text), STYLES[kind]))

    def tick(self) -> bool:
        """Draw what has come, unless that was done a moment ago; whether it is drawn."""
        for remark in self._account.asked_to_stop(self._stop()):
            self.say(remark.text, remark.kind)
        if (now := monotonic()) < self._due:
            return False
        width, height = self._console.size
        lines = list(self._lines(width))[-height:]
        for line in lines:
            line.no_wrap, line.overflow, line.end = True, "crop", "\n"
        self._live.update(Group(*lines))
        self._live.start()
        self._live.refresh()
        self._due = monotonic() + max(PERIOD, LEAST_REST * (monotonic() - now))
        return True

    def finish(self) -> None:
        """Leave what was said on the terminal; that it was closed meanwhile is no error."""
        with suppress(OSError):
            self._live.stop()
            for text, style in self._kept:
                self._console.print(Text(text, style))

    def _lines(self, width: int) -> Iterator[Text]:
        account = self._account
        for name, text in (*account.outlook.heading, ("run file", account.path)):
            if text:
                yield Text.assemble((f"{name:12} ", "dim"), one_line(text))
        yield Text("")
        yield from self._values(width)
        yield Text("")
        for text, style in self._said:
            yield from (Text(line, style) for line in wrap(text, max(width - 1, 20), subsequent_indent="  "))
        yield Text(one_line(account.doing()), "bold red" if account.ending else "dim")
        yield Text(one_line(self._help), "dim")
        yield Text(f"> {one_line(self._typed())}_")

    def _values(self, width: int) -> Iterator[Text]:
        account, latest = self._account, self._account.latest
        shown = self._record
        level = level_text(shown.reading.source_level, account.source_unit).strip() if shown else "-"
        limited = f", {account.limited}" if account.limited else ""
        if account.output_on:
            yield Text(f"OUTPUT ON, level {level}{limited}", "bold red" if limited else "bold green")
        else:
            yield Text("output off", "bold")
        yield Text("")
        values = [
            large(_fixed(latest.voltage, 3), "V"),
            large(*_current(latest.current)),
            large(_fixed(latest.luminance, 2 if abs(latest.luminance) < 1000.0 else 0), "cd/m^2"),
        ]
        beside = max(width // _WIDTH, 1)
        for start in range(0, len(values), beside):
            for rows in zip(*values[start : start + beside], strict=True):
                yield Text("".join(f"{row:{_WIDTH}}" for row in rows).rstrip(), "bold")
            yield Text("")


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if isfinite(value) else "-"


def _current(amperes: float) -> tuple[str, str]:
    """A current in a unit in which it has few digits."""
    for factor, unit in ((1e3, "mA"), (1e6, "uA")):
        if not abs(amperes) * factor < 0.1:
            return _fixed(amperes * factor, 3), unit
    return _fixed(amperes * 1e9, 1), "nA"
