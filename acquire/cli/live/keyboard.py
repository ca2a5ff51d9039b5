"""Lines that a person types while something is drawn, or that come through a pipe; read by a thread of its own.

On a terminal each key is taken by itself, so that what is typed can be shown where it belongs; Ctrl-C stays a signal.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

#: How often it is looked whether the reading is to end, s.
_LOOK = 0.1

#: Longer lines are none.
_LONGEST = 80

#: Arrow keys, up and down, as they come: on a terminal, from a Windows console.
_ARROWS = {"\x1b[A": "+", "\x1b[B": "-", "\x1bOA": "+", "\x1bOB": "-", "\xe0H": "+", "\xe0P": "-"}


class Typing:
    """Makes lines of keys: ``line`` is given each, ``ended`` called at the end; ``text`` is what is typed of the next.

    Arrow keys up and down are the lines + and -, at once.
    """

    def __init__(self, line: Callable[[str], None], ended: Callable[[], None]) -> None:
        self.text = ""
        self._line = line
        self._ended = ended
        self._sequence = ""

    def keys(self, typed: str) -> None:
        """Take keys as they come."""
        for key in typed:
            self._key(key)

    def _key(self, key: str) -> None:
        if self._sequence or key in "\x1b\xe0":
            self._sequence += key
            if self._sequence in _ARROWS:
                self._line(_ARROWS[self._sequence])
            elif any(known.startswith(self._sequence) for known in _ARROWS):
                return
            self._sequence = ""
        elif key in "\r\n":
            line, self.text = self.text, ""
            self._line(line)
        elif key in "\x7f\b":
            self.text = self.text[:-1]
        elif key == "\x15":  # Ctrl-U
            self.text = ""
        elif key in "\x03\x04\x1a":  # Ctrl-C where it is no signal, Ctrl-D, Ctrl-Z of Windows
            self._ended()
        elif key.isprintable() and len(self.text) < _LONGEST:
            self.text += key


@contextmanager
def listening(
    stream: TextIO | None, typing: Typing, line: Callable[[str], None], ended: Callable[[], None]
) -> Iterator[None]:
    """Inside, keys of a terminal go to ``typing``, and whole lines of anything else to ``line``; then ``ended``."""
    over = threading.Event()
    with _keys_of(stream) as keys:
        read = _lines_of(stream, line) if keys is None else _typed(keys, typing)

        def listen() -> None:
            try:
                for _ in read:
                    if over.is_set():
                        return
            except (OSError, ValueError):
                pass  # a terminal that is gone, a stream that was closed: the end of what is typed
            ended()

        threading.Thread(target=listen, name="keyboard", daemon=True).start()
        try:
            yield
        finally:
            over.set()


def _lines_of(stream: TextIO | None, line: Callable[[str], None]) -> Iterator[None]:
    for text in stream or ():
        line(text)
        yield


def _typed(keys: Callable[[], str | None], typing: Typing) -> Iterator[None]:
    while (typed := keys()) is not None:
        typing.keys(typed)
        yield


@contextmanager
def _keys_of(stream: TextIO | None) -> Iterator[Callable[[], str | None] | None]:
    """What gives the keys pressed within a moment, None at the end; None itself where no keys come one by one."""
    if stream is None or not stream.isatty():
        yield None
    elif sys.platform == "win32":
        yield _keys_of_console
    else:
        import select
        import termios
        import tty

        number = stream.fileno()
        before = termios.tcgetattr(number)

        def keys() -> str | None:
            if not select.select([number], [], [], _LOOK)[0]:
                return ""
            return os.read(number, 64).decode(errors="replace") or None

        tty.setcbreak(number, termios.TCSADRAIN)  # what was typed already stays
        try:
            yield keys
        finally:
            termios.tcsetattr(number, termios.TCSADRAIN, before)


if sys.platform == "win32":
    import msvcrt
    import time

    def _keys_of_console() -> str:
        """The keys pressed in a Windows console within a moment."""
        if not msvcrt.kbhit():
            time.sleep(_LOOK)
            return ""
        key = msvcrt.getwch()
        return key + msvcrt.getwch() if key in "\0\xe0" else key
