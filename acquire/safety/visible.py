"""Texts from outside, as they are shown: what a terminal could take for a command is written as an escape sequence.

A run file, an instrument's reply, a log or the name of a file may hold anything. Where text leaves the program,
everything that is no visible character, blank, line feed or tab becomes visible: controls (C0, C1, DEL), marks that
turn the direction of writing, invisible characters, halves of characters.
"""

from __future__ import annotations

from io import TextIOBase
from typing import TextIO
from unicodedata import category

_LAYOUT = "\n\t"


def visible(text: str) -> str:
    r"""The text with ``\x1b`` or ``\u202e`` where such a character stood; line feeds and tabs stay."""
    if text.isprintable():
        return text
    return "".join(character if _is_harmless(character) else _escaped(character) for character in text)


def one_line(text: str) -> str:
    r"""The same, and nothing in it begins a new line or column: these are ``\n`` and ``\t`` as well."""
    return visible(text).replace("\n", r"\n").replace("\t", r"\t")


def _is_harmless(character: str) -> bool:
    # Python holds every blank but one for unprintable (no-break and ideographic space, for example)
    return character.isprintable() or character in _LAYOUT or category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def shortened(value: object, most: int = 40) -> str:
    """A value as messages quote it, at most so many characters of it."""
    text = str(value).strip()
    return text if len(text) <= most else f"{text[: most - 3]}..."


class VisibleStream(TextIOBase):
    """A text stream in whose place it stands, with every text made visible on its way.

    ``unfiltered`` is that stream, for who makes texts visible by itself and moves the cursor besides.
    """

    def __init__(self, stream: TextIO) -> None:
        self.unfiltered = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has it writable
        """The encoding of the stream."""
        return self.unfiltered.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """What becomes of characters that the encoding does not have."""
        return self.unfiltered.errors

    def write(self, text: str) -> int:
        """Write the text, made visible."""
        return self.unfiltered.write(visible(text))

    def writable(self) -> bool:
        """Always."""
        return True

    def flush(self) -> None:
        """Hand everything on to the system."""
        self.unfiltered.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self.unfiltered.isatty()

    def fileno(self) -> int:
        """The system's number of the stream."""
        return self.unfiltered.fileno()

    def close(self) -> None:
        """Leave the stream open: it belongs to the interpreter."""
