"""What is said at a terminal: counted in words, and broken between words."""

from __future__ import annotations

import os
from io import StringIO

import pytest
from rich.cells import cell_len

from acquire.cli import terminal
from tests.support.command import acquire


class Window(StringIO):
    """A terminal to write to."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("number", "words"), [(0, "0 spectra"), (1, "1 spectrum"), (7, "7 spectra")])
def test_one_and_several(number: int, words: str) -> None:
    assert terminal.how_many(number, "spectrum", "spectra") == words
    assert terminal.how_many(number, "point") == words.replace("spectra", "points").replace("spectrum", "point")


def test_a_long_line_is_broken_between_words_at_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "!! DOUBTFUL: " + "the light of 发光二极管 is not that of the spectra, 164.5 cd/m^2; " * 3
    monkeypatch.setenv("COLUMNS", "40")
    window, pipe = Window(), StringIO()
    for stream in (window, pipe):
        terminal.say_in_lines(stream, text.strip(), "end")
    assert pipe.getvalue() == f"{text.strip()}\nend\n"
    lines = window.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= 40 < len(text)
    assert " ".join(line.strip() for line in lines) == f"{text.strip()} end"


def test_the_list_of_commands_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = acquire("--help").text
    assert "Show what a sweep is going to do; nothing is opened." in said
    assert "..." not in said.replace("[ARGS]...", "")


@pytest.mark.skipif(os.name == "nt", reason="Windows looks at the keyboard, not at the stream")
def test_an_answer_in_a_stream_that_is_no_file_is_read_at_once() -> None:
    assert terminal.line_waits(StringIO("y\n"))
