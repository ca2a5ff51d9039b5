"""A run on a terminal: heading, last points, a picture, what each instrument does now, and a bar.

Every point is written once, above what is drawn anew: a terminal keeps it in its history, and in a file made by
``script`` or a redirected terminal it stands in order. What is drawn anew fills the screen, so that the history begins
right above it. Only characters that every code page has, but for the picture where the terminal takes UTF-8.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import nan
from textwrap import wrap
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.segment import Segment, Segments
from rich.text import Text

from acquire.cli.display import clock_text, number
from acquire.cli.live import picture, rows
from acquire.cli.live.account import Account, Entry, Remark
from acquire.photometry.customary_units import customary
from acquire.records import Event, Record, RunStart
from acquire.safety.visible import one_line

#: Drawn no more often, s; nor for more than one part in so many of all time.
PERIOD, LEAST_REST = 0.1, 20.0

#: The picture is drawn anew no more often, s.
PICTURE_PERIOD = 0.5

STYLES = {"note": "yellow", "doubt": "bold red", "spectrum": "green", "doing": "dim", "said": "none"}

#: Between a number and its unit, until lines are broken; never shown.
_NO_BREAK = "\xa0"

_INSTRUMENTS = {"smu": "source", "photodiode_meter": "photodiode", "spectroradiometer": "spectra"}

#: Characters of the name before what is said of it; of the part beside a picture.
_LABEL, _BESIDE = 12, 34


@dataclass(frozen=True)
class Layout:
    """How a screen is shared out: rows of the picture, none where there is no room, its width, and whether what the
    instruments do stands beside it.
    """

    picture_rows: int
    picture_width: int
    beside: bool


def layout(width: int, height: int, *, plot: bool) -> Layout:
    """The layout of a screen of that many characters."""
    beside = width >= _BESIDE + picture.LEAST_SIZE[0] + 16
    picture_rows = min(max(height // 3, 7), 14) if plot and height >= 20 else 0
    if not picture_rows:
        return Layout(0, 0, beside=False)
    return Layout(picture_rows, min(width - _BESIDE if beside else width, 70), beside)


class Screen:
    """Draws the events of a run; ``stop`` says why its end was asked for, and is looked at with every drawing."""

    def __init__(self, console: Console, account: Account, stop: Callable[[], str], *, plot: bool) -> None:
        self._console = console
        self._account = account
        self._stop = stop
        self._plot = plot
        self._pending: list[Entry] = [Remark(f"{name:{_LABEL}} {text}") for name, text in account.outlook.heading]
        self._tail: deque[Entry] = deque(maxlen=100)
        self._letters = sys.platform == "win32" or not console.encoding.startswith("utf") or not console.color_system
        self._picture: list[Text] = []
        self._picture_of: tuple[int, int, int] = (0, 0, 0)
        self._picture_due = self._due = 0.0
        self._columns_for: tuple[str, int] = ("", 0)
        self._fitting: list[rows.Column] = []
        self._drawn_for: tuple[int, int] | None = None
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        if plot:
            import plotext  # noqa: F401  # now, and not in the middle of a sweep

    def __call__(self, event: Event) -> None:
        """Take an event; it is drawn with the next :meth:`tick`."""
        if isinstance(event, RunStart) and event.path:
            self._pending.append(Remark(f"{'run file':{_LABEL}} {event.path}"))
        entries = list(self._account.take(event))
        self._pending += entries
        self._tail += entries

    def tick(self) -> bool:
        """Draw what has come, unless that was done a moment ago; whether it is drawn."""
        asked = list(self._account.asked_to_stop(self._stop()))
        self._pending += asked
        self._tail += asked
        if (now := monotonic()) >= self._due or asked:
            self._draw()
            self._due = monotonic() + max(PERIOD, LEAST_REST * (monotonic() - now))
        return not self._pending

    def _draw(self) -> None:
        width, height = self._console.size
        if self._drawn_for not in (None, (width, height)):
            self._console.clear()  # lines of another width lie anywhere now
        self._drawn_for = width, height
        self._live.update(Group(*self._lines(width, height)))
        self._live.start()
        if self._pending:
            self._console.print(self._above(width), end="")
        else:
            self._live.refresh()

    def _above(self, width: int) -> Segments:
        """What is written once, above what is drawn anew."""
        said = (one for entry in self._pending for one in self._said(entry, width))
        segments = [Segment(f"{text}\n", self._console.get_style(style)) for text, style in said]
        self._pending = []
        return Segments(segments)

    def finish(self) -> None:
        """Leave every point and remark on the terminal; that it was closed meanwhile is no error."""
        with suppress(OSError):
            self._live.stop()
            if self._pending:
                self._console.print(self._above(self._console.width), end="")

    # What stands on the screen

    def _lines(self, width: int, height: int) -> list[Text]:
        shared = layout(width, height, plot=self._plot)
        below = [*self._lower(shared, width), *self._ending_lines(width)]
        head = [*self._heading(width), *self._head_of_columns(width)]
        room = max(height - len(head) - len(below), 1)
        lines = [*head, *self._last(width, room), *below][-height:]
        for line in lines:
            line.no_wrap, line.overflow, line.end = True, "crop", "\n"
        return lines

    def _heading(self, width: int) -> Iterator[Text]:
        path = self._account.path
        for name, text in self._account.outlook.heading:
            yield Text.assemble((f"{name:{_LABEL}} ", "dim"), one_line(text))
        if path:
            room = max(width - _LABEL - 1, 10)
            text = path if len(path) <= room else f"...{path[3 - room :]}"  # its end tells files apart
            yield Text.assemble((f"{'run file':{_LABEL}} ", "dim"), one_line(text))

    def _columns(self, width: int) -> list[rows.Column]:
        """The columns that there is room for; worked out where width or unit are new."""
        wanted = self._account.source_unit, width
        if wanted != self._columns_for:
            self._columns_for, self._fitting = (
                wanted,
                rows.fitting(rows.columns(wanted[0], share_of=self._account.share_told), width),
            )
        return self._fitting

    def _head_of_columns(self, width: int) -> Iterator[Text]:
        for line in rows.heads(self._columns(width)):
            yield Text(line, style="bold")

    def _last(self, width: int, room: int) -> list[Text]:
        """So many of the last lines."""
        lines: deque[Text] = deque()
        for entry in reversed(self._tail):
            lines.extendleft(Text(text, style) for text, style in reversed(list(self._said(entry, width))))
            if len(lines) >= room:
                break
        shown = list(lines)[-room:]
        return shown + [Text("")] * (room - len(shown))

    def _said(self, entry: Entry, width: int) -> Iterator[tuple[str, str]]:
        """The lines of an entry, each with its style."""
        if isinstance(entry, Record):
            yield from ((line, "none") for line in rows.lines(entry, self._columns(width), width))
            return
        style = STYLES[entry.kind]
        for line in wrap(one_line(entry.text), max(width - 1, 20), subsequent_indent="  "):
            yield line, style

    def _lower(self, shared: Layout, width: int) -> list[Text]:
        told = list(self._instruments(_BESIDE - 1 if shared.beside else width))
        drawn = self._drawn(shared.picture_width, shared.picture_rows)
        if not shared.beside:
            return [*drawn, *[Text("")] * (shared.picture_rows - len(drawn)), *told]
        lines = max(shared.picture_rows, len(told))
        pairs = zip(_filled(drawn, lines), _filled(told, lines), strict=True)
        return [_side_by_side(left, shared.picture_width, right) for left, right in pairs]

    def _drawn(self, width: int, height: int) -> list[Text]:
        """The picture, drawn anew when it is due."""
        wanted = (len(self._account.curve), width, height)
        if not height or (wanted[1:] == self._picture_of[1:] and (wanted == self._picture_of or self._early())):
            return self._picture if height else []
        self._picture = picture.picture(self._account.curve, self._span(), width, height, letters=self._letters)
        self._picture_of = wanted
        self._picture_due = monotonic() + PICTURE_PERIOD
        return self._picture

    def _span(self) -> tuple[float, float]:
        """The voltages that the plan goes through; NaN where it sets currents."""
        levels = self._account.outlook.levels
        return (min(levels), max(levels)) if levels and self._account.source_unit == "V" else (nan, nan)

    def _early(self) -> bool:
        return monotonic() < self._picture_due

    def _instruments(self, width: int) -> Iterator[Text]:
        for role, label in _INSTRUMENTS.items():
            lines = wrap(self._said_of(role), max(width - _LABEL, 12))
            first, *more = [line.replace(_NO_BREAK, " ") for line in lines] or [""]
            yield Text.assemble((f"{label:{_LABEL}}", "dim"), first)
            yield from (Text(f"{'':{_LABEL}}{line}") for line in more)

    def _said_of(self, role: str) -> str:
        account, latest = self._account, self._account.latest
        if role == "spectroradiometer" or not account.output_on or latest.voltage != latest.voltage:
            return account.instrument(role)
        if role == "smu":
            values = f"{number(latest.voltage)} V, {number(customary(latest.current, 'current'), 3)} mA"
        else:
            values = f"{number(latest.luminance)} cd/m^2, {number(latest.signal, 3)} {account.photodiode_unit}"
        limited = f", {account.limited}" if role == "smu" and account.limited else ""
        return values.replace(" ", _NO_BREAK).replace(f",{_NO_BREAK}", ", ") + limited

    def _ending_lines(self, width: int) -> Iterator[Text]:
        account = self._account
        style = "bold red" if account.ending else ""
        for line in wrap(one_line(account.doing()), max(width - 1, 20))[:4]:
            yield Text(line, style=style)
        yield Text(bar(account, width))


def bar(account: Account, width: int) -> str:
    """How far the run is: by time, beside what is done of it by number."""
    elapsed, remaining = account.elapsed(), account.remaining()
    spectra = f", {account.spectra} {'spectrum' if account.spectra == 1 else 'spectra'}"
    spectra = spectra if account.outlook.exposures else ""
    short = f" {account.done}/{account.points}"
    times = f" {clock_text(elapsed)} elapsed, about {clock_text(remaining)} remaining"
    text = f"{short} points{spectra} {times}" if width >= 76 else f"{short}{times}"
    room = max(width - len(text) - 3, 5)
    whole = elapsed + remaining
    filled = round(room * elapsed / whole) if whole > 0.0 else 0
    return f"[{'=' * filled}{'-' * (room - filled)}]{text}"


def _filled(lines: Sequence[Text], number_of: int) -> Iterable[Text]:
    return [*lines, *[Text("")] * (number_of - len(lines))][:number_of]


def _side_by_side(left: Text, width: int, right: Text) -> Text:
    joined = left.copy()
    joined.truncate(width, overflow="crop", pad=True)
    return joined.append(" ").append_text(right)
