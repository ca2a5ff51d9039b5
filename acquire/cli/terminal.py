"""Talking with a person at a terminal, or with the program that reads instead: printing, asking, complaining."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

import typer

from acquire.cli.arguments import INTERRUPTED, USAGE
from acquire.safety.visible import VisibleStream, one_line

if TYPE_CHECKING:
    from acquire.run_file.placing import Waiting


def filtered(stream: TextIO | None) -> TextIO | VisibleStream | None:
    """The stream, past which no text gets as it came from outside: not even one in a message of a library."""
    if isinstance(stream, TextIOWrapper):  # a name outside the code page of a Windows pipe is no error
        stream.reconfigure(errors="backslashreplace")
    return stream and VisibleStream(stream)


def say(stream: TextIO | None, *lines: object) -> None:
    """Print each of ``lines`` as one line, whatever is in it; None: the stream was closed at the start."""
    if stream is not None:
        stream.writelines(f"{one_line(str(line))}\n" for line in lines)


def say_in_lines(stream: TextIO | None, *texts: str) -> None:
    """Print each of ``texts`` in lines of a terminal's width, broken between words; elsewhere as one line."""
    width = get_terminal_size((80, 24)).columns if stream is not None and stream.isatty() else None
    say(stream, *(line for text in texts for line in wrapped(text, width, "  ")))


def how_many(number: int, one: str, several: str = "") -> str:
    """A number of things in words: ``1 spectrum``, ``2 spectra``."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def wrapped(text: str, width: int | None, indent: str = "") -> Iterator[str]:
    """A text in lines of so many columns of a terminal, where some letters take two; a number stays with its unit."""
    from rich.cells import cell_len

    from acquire.safety.visible import one_line

    line = ""
    for joined in re.sub(r"(?<=\d) (?=\w)", "\0", one_line(text)).split(" "):
        word = joined.replace("\0", " ")
        if line.strip() and width is not None and cell_len(f"{line} {word}") > width:
            yield line
            line = f"{indent}{word}"
        else:
            line = f"{line} {word}" if line else word
    yield line


def say_json(content: dict[str, Any]) -> None:
    """One JSON object, in one line of ASCII. JSON itself would let DEL pass, which is no letter but a control."""
    print(json.dumps(content).replace("\x7f", r"\u007f"))


def complain(message: object, status: int) -> typer.Exit:
    """Say what is wrong on standard error; raise what this returns.

    A list is said line by line, and so is a :class:`acquire.config.ConfigurationError`, problem by problem.
    """
    lines = message if isinstance(message, list) else getattr(message, "problems", [message])
    with whoever_listens(sys.stderr):
        say(sys.stderr, *lines)
    return typer.Exit(status)


class Telling(threading.Thread):
    """Says something in a thread of its own, which is left behind when the stream takes nothing."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__(name="telling", daemon=True)
        self._tell = tell
        self._failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Called in the thread."""
        try:
            self._tell()
        except BaseException as problem:
            self._failure = problem

    def done(self, patience: float) -> bool:
        """Whether all was said within ``patience`` [s].

        :raises BaseException: saying it failed with it.
        """
        self.join(patience)
        if self._failure is not None:
            raise self._failure
        return not self.is_alive()


def let_terminal_go(stream: TextIO | None) -> None:
    """Undo Ctrl-S, for what a person must see at once. Does nothing where there is no such terminal."""
    if sys.platform != "win32" and stream is not None:
        import termios

        with suppress(OSError, ValueError, termios.error):
            # To go on undoes only a stop of the same kind, so that comes first
            termios.tcflow(stream.fileno(), termios.TCOOFF)
            termios.tcflow(stream.fileno(), termios.TCOON)


def waiting() -> Waiting:
    """How a file that another program has open is waited for at a terminal: with a line that says so."""
    from acquire.run_file.placing import Waiting

    def tell(line: str) -> None:
        with whoever_listens(sys.stderr):
            say(sys.stderr, line)

    return Waiting(tell)


def leave(status: int) -> None:
    """End the process now, where the interpreter would wait at its end for a stream that takes nothing."""
    os._exit(status)


def shell_quoted(path: Path) -> str:
    """A path as it can be pasted into a command."""
    return f'"{path}"' if re.search(r"[^\w./\\:~-]", str(path)) else str(path)


def somebody_to_ask() -> bool:
    """Whether a question would be seen and could be answered."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return False
    if sys.platform == "win32":
        return True
    else:  # noqa: RET505  # type checkers know the system only so
        try:  # a job in the background would be stopped by asking
            return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        except OSError:
            return False


#: How long it is looked for what somebody types before anything else is looked at, s.
_LOOK = 0.1


def line_waits(stream: TextIO | None) -> bool:
    """Whether something was typed at a terminal, within a moment; without a terminal the moment passes.

    A stream that is no file of the system has all that it will ever have.
    """
    if stream is None:
        time.sleep(_LOOK)
        return False
    if sys.platform == "win32":
        import msvcrt

        if not msvcrt.kbhit():
            time.sleep(_LOOK)
            return False
        return True  # the rest of the line is waited for
    else:  # noqa: RET505  # type checkers know the system only so
        import select

        try:
            number = stream.fileno()
        except io.UnsupportedOperation:
            return True
        return bool(select.select([number], [], [], _LOOK)[0])


def is_yes(stream: TextIO, *, enter: bool = True) -> bool:
    """The answer; Enter is yes where ``enter`` says so, the end of the input is no."""
    try:
        answer = stream.readline()
    except UnicodeDecodeError:
        return False
    return answer.endswith("\n") and answer.strip().lower() in ({"y", "yes"} | ({""} if enter else set()))


def ask_before_output(question: str, cautions: Iterable[object]) -> None:
    """Ask before the output goes on, after what a technician should know.

    :raises typer.Exit: nobody can be asked, or the answer is not yes.
    """
    if not somebody_to_ask():
        raise complain("nobody can be asked here whether the output may go on: --yes says so beforehand", USAGE)
    with whoever_listens(sys.stderr):
        for caution in cautions:
            say(sys.stderr, f"caution: {caution}")
        print(one_line(f"{question} [y/N] "), end="", file=sys.stderr)
        sys.stderr.flush()
    if not is_yes(sys.stdin, enter=False):
        raise complain("nothing was switched on", INTERRUPTED)


@contextmanager
def whoever_listens(stream: TextIO | None) -> Iterator[None]:
    """Print to ``stream`` inside, even where it leads nowhere any more (``| head``, a closed terminal).

    What was done does not depend on who heard of it, and neither does the exit status. None: closed at the start.
    """
    try:
        yield
        if stream is not None:
            stream.flush()
    except OSError:
        if stream is not None:  # what is still buffered would be written at exit, and fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
