"""The screen in the middle of a run: a pseudo-terminal, a terminal emulator, and a run that is held where we look.

The simulated bench has virtual time. A second spectator holds the run at a point or a sample until its screen was seen.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from acquire import session
from acquire.cli.display import SpectatorConsole
from acquire.cli.live.show import displayed
from acquire.records import Doing, Event, ExposureSample, PointFlag, Record, RunStart
from acquire.safety.interruption import StopRequest
from tests.conftest import CONFIGS, run_sweep_file

pyte = pytest.importorskip("pyte")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")

LIQ = CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"
QUICK = CONFIGS / "sweeps" / "quick_look.yaml"
LIMIT = 30.0  # s

When = Callable[[Event], bool]


class Terminal:
    """A pseudo-terminal of some size, and what a person would see on it."""

    def __init__(self, width: int, height: int, encoding: str) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self._keyboard, self.line = pty.openpty()
        fcntl.ioctl(self.line, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.stream = os.fdopen(self.line, "w", encoding=encoding, errors="backslashreplace")
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self.screen = pyte.HistoryScreen(width, height, history=1000)
        self._pyte = pyte.Stream(self.screen)

    def shows(self, *wanted: str) -> str:
        """The screen, once all of that stands on it."""
        deadline = time.monotonic() + LIMIT
        while not all(text in self.text for text in wanted):
            missing = [text for text in wanted if text not in self.text]
            assert time.monotonic() < deadline, f"{missing} not on the screen:\n{self.text}"
            self.read()
        return self.text

    def read(self) -> None:
        """Take what comes within a moment."""
        if select.select([self._keyboard], [], [], 0.05)[0]:
            self._pyte.feed(self._decoder.decode(os.read(self._keyboard, 65536)))

    def close(self) -> None:
        """Hang up, when the run is over."""
        self.stream.close()
        os.close(self._keyboard)

    @property
    def text(self) -> str:
        """The screen as lines."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def history(self) -> list[str]:
        """What went off the screen at its top."""
        return ["".join(line[x].data for x in sorted(line)).rstrip() for line in self.screen.history.top]


class Held:
    """Holds the run at the first event of a kind until it is let go."""

    def __init__(self, when: When) -> None:
        self._when = when
        self.there, self.go_on = threading.Event(), threading.Event()

    def __call__(self, event: Event) -> None:
        if self._when(event) and not self.there.is_set():
            self.there.set()
            assert self.go_on.wait(LIMIT)


@contextmanager
def a_run_held(
    sweep: Path,
    output: Path,
    when: When,
    *,
    width: int = 80,
    height: int = 24,
    encoding: str = "utf-8",
    plot: bool = True,
    stop: StopRequest | None = None,
) -> Iterator[tuple[Terminal, Held]]:
    """A run that stands still at an event, and the terminal that it is shown on; it is stopped afterwards."""
    prepared = session.prepare(sweep)
    terminal, held, stop = Terminal(width, height, encoding), Held(when), stop or StopRequest()
    console = SpectatorConsole(terminal.stream, color_system="standard", legacy_windows=False, _environ={})
    with displayed(console, prepared, stop, plot=plot) as display:
        run = threading.Thread(target=partial(session.run, prepared, output, [display, held], stop))
        run.start()
        try:
            assert held.there.wait(LIMIT)
            yield terminal, held
        finally:
            stop.note("seen enough")
            held.go_on.set()
            while run.is_alive():  # a terminal that nobody reads takes nothing
                terminal.read()
            run.join()
            terminal.close()


def at_point(number: int) -> When:
    return lambda event: isinstance(event, Record) and event.reading.index == number - 1


def in_spectrum(number: int, sample: int = 3) -> When:
    seen = iter(range(100))
    return lambda event: (
        isinstance(event, ExposureSample) and event.spectrum_index == number - 1 and next(seen) == sample
    )


def test_heading_columns_points_picture_and_bar_stand_on_80_by_24_in_mid_run(tmp_path: Path) -> None:
    with a_run_held(LIQ, tmp_path, at_point(60)) as (terminal, _):
        text = terminal.shows("60/81 points", "point 61 of 81 at 6.000 V", "└┬")
        lines = text.split("\n")
        assert lines[0].startswith("sample       SPPO13/Liq, 14.00 mm^2")
        assert lines[1].startswith("bench        simulated bench")
        assert "simulated-photodiode-1 of 2026-01-05" in lines[2]
        assert lines[3].split(None, 1)[1] == "0 to 8 V, 81 points; compliance 100 mA; up to 7 spectra"
        assert lines[4].split()[-1].endswith(".h5")
        assert lines[5].split() == ["point", "level", "V", "J", "L", "CE", "PE", "EQE", "remarks"]
        assert lines[6].split() == ["V", "V", "mA/cm^2", "cd/m^2", "cd/A", "lm/W", "%"]
        (last,) = [line.split() for line in lines if line.startswith("   60 ")]
        assert last[1] == "5.900"
        assert "J (mA/cm^2)" in text
        assert "L (cd/m^2)" in text
        assert any("\u2800" < letter < "\u2900" for letter in text), "no curve"
        assert "source      5.900 V, " in text
        assert len(lines) == 24
        assert lines[-1].startswith("[=")
        history = terminal.history
        points = [line for line in history if line[:6].strip().isdigit()]
        assert [int(line.split()[0]) for line in points] == sorted({int(line.split()[0]) for line in points})


def test_during_a_spectrum_it_says_which_how_long_and_what_the_meters_read(tmp_path: Path) -> None:
    seen: list[ExposureSample] = []
    when = in_spectrum(2)

    def noted(event: Event) -> bool:
        seen.extend([event] if isinstance(event, ExposureSample) else [])
        return when(event)

    with a_run_held(LIQ, tmp_path, noted) as (terminal, _):
        sample = seen[-1]
        light = f"photodiode  {sample.luminance:#.4g} cd/m^2"
        text = terminal.shows("spectrum 2 of 7 at ", f"source      {sample.voltage:.4g}", light, "about ")
        assert sample.luminance == pytest.approx(30.0, rel=0.3)
        assert re.search(r"^spectrum 2 of 7 at 4\.\d00 V, \d+ of about \d+ s$", text, re.MULTILINE)


@pytest.mark.parametrize(("width", "height"), [(100, 30), (60, 24)])
def test_it_fits_other_terminals(width: int, height: int, tmp_path: Path) -> None:
    with a_run_held(LIQ, tmp_path, at_point(55), width=width, height=height) as (terminal, _):
        text = terminal.shows("55/81", "source", "remaining", "└┬")
        names = next(line.split() for line in text.split("\n") if line.startswith("point "))
        assert {"level", "J", "L", "EQE", "remarks"} <= set(names)
        assert ("PE" in names) == (width == 100)
        assert any("\u2800" < letter < "\u2900" for letter in text)
        assert max(map(len, text.split("\n"))) <= width


@pytest.mark.parametrize("encoding", ["cp1252", "gbk"])
def test_a_code_page_gets_no_character_that_it_lacks(encoding: str, tmp_path: Path) -> None:
    with a_run_held(LIQ, tmp_path, at_point(60), encoding=encoding) as (terminal, _):
        text = terminal.shows("60/81", "source", "JJ", "LL")
        assert text.isascii()
        assert "\\u" not in text


def test_without_a_picture_its_room_is_for_points(tmp_path: Path) -> None:
    with a_run_held(LIQ, tmp_path, at_point(40), plot=False) as (terminal, _):
        text = terminal.shows("40/81", "source")
        assert "J (mA/cm^2)" not in text
        assert sum(line[:6].strip().isdigit() for line in text.split("\n")) >= 10


def test_compliance_is_said_in_words_at_the_point_and_explained_once(
    tmp_path: Path, sweep_file: Callable[..., Path]
) -> None:
    changes = {
        "compliance: 10 mA": "compliance: 0.1 mA",
        "current_range: 10 mA": "current_range: 0.1 mA",
        "stop:\n": "stop:\n  on_compliance: continue\n",
    }
    sweep = sweep_file("quick_look.yaml", changes)
    limited = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE
    seen = iter(range(100))
    when = lambda event: isinstance(event, Record) and bool(event.flags & limited) and next(seen) == 1  # noqa: E731
    with a_run_held(sweep, tmp_path, when) as (terminal, _):
        text = terminal.shows("compliance: the source was in compliance", "14/17", "source      5.690 V, 0.100 mA,")
        assert text.count("the limit, not the level, decided") == 1
    assert sum(line.rstrip().endswith("  compliance") for line in text.split("\n")) >= 2


def test_ctrl_c_is_answered_while_the_run_still_waits_and_the_end_says_that_the_output_is_off(tmp_path: Path) -> None:
    stop = StopRequest()
    with a_run_held(LIQ, tmp_path, in_spectrum(1), stop=stop) as (terminal, held):
        terminal.shows("spectrum 1 of 7")
        stop.ask("interrupted by Ctrl-C")
        terminal.shows("interrupted by Ctrl-C: the reading under way ends, then the output goes to zero")
        held.go_on.set()
        terminal.shows("output off, asked")
    assert [line for line in (*terminal.history, *terminal.text.split("\n")) if line.startswith("ramping to zero")]


def test_while_the_bench_is_opened_it_says_which_instrument(tmp_path: Path) -> None:
    with a_run_held(QUICK, tmp_path, lambda event: getattr(event, "doing", None) is Doing.OPENING) as (terminal, _):
        text = terminal.shows("opening Keithley 2400 at", "GPIB0::24::INSTR", "opening the bench")
        assert "SPPO13, 14.00 mm^2" in text


def test_dark_readings_are_counted(tmp_path: Path) -> None:
    seen = iter(range(100))
    when = lambda event: type(event).__name__ == "DarkReading" and next(seen) == 3  # noqa: E731
    with a_run_held(LIQ, tmp_path, when) as (terminal, _):
        terminal.shows("reading dark 5 of 10")


def test_a_terminal_that_changes_its_size_is_drawn_anew(tmp_path: Path) -> None:
    import fcntl
    import struct
    import termios

    with a_run_held(LIQ, tmp_path, at_point(30)) as (terminal, _):
        terminal.shows("30/81 points")
        terminal.screen.resize(24, 60)
        fcntl.ioctl(terminal.line, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        terminal.shows("] 30/81 0:")
        assert terminal.text.count("sample ") == 1


def test_a_run_start_says_where_it_is_recorded(tmp_path: Path) -> None:
    starts: list[RunStart] = []
    run_sweep_file(QUICK, tmp_path, watch=lambda event: starts.extend([event] if isinstance(event, RunStart) else []))
    assert Path(starts[0].path).is_file()
