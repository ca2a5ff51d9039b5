"""Keys and lines of a run by hand, its large digits, and the command in a pipe."""

from __future__ import annotations

import threading
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from acquire.cli.commands import app
from acquire.cli.live.account import Account
from acquire.cli.live.keyboard import Typing, listening
from acquire.cli.live.large import Large, large
from acquire.cli.live.outlook import Outlook
from acquire.records import Activity, Doing
from tests.conftest import CONFIGS
from tests.support.events import RECORD, a_run_start


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = 0
        self.typing = Typing(self.lines.append, self.end)

    def end(self) -> None:
        self.ended += 1


def test_keys_become_lines_and_what_is_typed_so_far_is_known() -> None:
    heard = Heard()
    heard.typing.keys("3.3")
    heard.typing.keys("\x7f2 V")
    assert (heard.typing.text, heard.lines) == ("3.2 V", [])
    heard.typing.keys("\r+\nabc\x15off\n")
    assert heard.lines == ["3.2 V", "+", "off"]
    assert heard.typing.text == ""


@pytest.mark.parametrize("arrows", ["\x1b[A\x1b[B", "\x1bOA\x1bOB", "\xe0H\xe0P"])
def test_arrow_keys_are_a_step_at_once_and_other_keys_of_the_kind_are_nothing(arrows: str) -> None:
    heard = Heard()
    heard.typing.keys(f"5{arrows}\x1b[5~ V\n")
    assert heard.lines[:2] == ["+", "-"]
    assert heard.lines[2].startswith("5")


def test_ctrl_d_and_where_it_is_no_signal_ctrl_c_end_it() -> None:
    heard = Heard()
    heard.typing.keys("\x04\x03\x00")
    assert heard.ended == 2
    heard.typing.keys("x" * 1000)
    assert len(heard.typing.text) == 80


def test_lines_of_a_pipe_come_one_by_one_and_its_end_is_told() -> None:

    heard, over = Heard(), threading.Event()
    with listening(StringIO("3 V\n+\n"), heard.typing, heard.lines.append, over.set):
        assert over.wait(5.0)
    assert heard.lines == ["3 V\n", "+\n"]
    with listening(None, heard.typing, heard.lines.append, heard.end):
        pass  # closed at the start: nothing is typed


def test_a_number_in_large_digits() -> None:
    assert large("1.5", "V") == [" #    ###", "##    #  ", " #    ###", " #      #", "### # ###  V"]
    assert large("-", "V")[2] == "###"


def test_values_state_and_what_is_typed_are_drawn_and_what_was_said_stays() -> None:
    stream = StringIO()
    console = Console(file=stream, force_terminal=True, width=130, height=40)
    account = Account(Outlook(points=9), lambda: 0.0)
    drawing = Large(console, account, lambda: "3.2", lambda: "", "type")
    for event in (a_run_start(points=9), Activity(0.0, "smu", "output on", doing=Doing.OUTPUT_ON), RECORD):
        drawing(event)
    drawing.say("not done: 9 V is beyond")
    drawing.tick()
    drawn = stream.getvalue()
    assert "OUTPUT ON, level" in drawn
    assert "> 3.2_" in drawn
    assert account.curve == [], "hours of points are not kept"
    stream.truncate(0)
    drawing.finish()
    assert "not done: 9 V is beyond" in stream.getvalue()


def test_the_command_takes_piped_lines_and_ends_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acquire.cli.hand.sleep", lambda seconds: None)
    lines = "3 V\n99 V\n+\noff\n"
    sweep = CONFIGS / "sweeps" / "quick_look.yaml"
    result = CliRunner().invoke(app, ["live", str(sweep), "--output", str(tmp_path)], input=lines)
    assert result.exit_code == 0, result.output
    assert "not done: 99 V is beyond the levels of the sweep file, 0 V to 8 V" in result.output
    assert "the output is off: taken to zero, switched off, asked" in result.output
    assert "completed: 2 points" in result.output
