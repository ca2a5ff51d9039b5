"""The command ``acquire`` in this process, and what it said."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from unicodedata import category

import pytest

from acquire.cli import commands as command_line


def is_harmless(text: str) -> bool:
    """Whether a terminal shows it and does nothing else; said by Unicode, not by the code under test."""
    return all(c in "\n\t" or category(c)[0] not in "CZ" or category(c) == "Zs" for c in text)


@dataclass(frozen=True)
class Said:
    """What a command said, as bytes of its two streams, and its exit status."""

    status: int
    output: bytes
    messages: bytes
    encoding: str

    @property
    def text(self) -> str:
        """What came on both streams, after a look at every character of it."""
        text = (self.output + self.messages).decode(self.encoding)
        assert is_harmless(text), text
        assert not re.search(r"^forged", text, re.MULTILINE), text
        assert "Traceback" not in text, text
        return text


def acquire(*arguments: object, encoding: str = "utf-8") -> Said:
    """The command as the script calls it, in this process, on streams of a console's encoding."""
    streams = [TextIOWrapper(BytesIO(), encoding=encoding, newline="\n", write_through=True) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        patch.setattr(sys, "argv", ["acquire", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            command_line.main()
    output, messages = (stream.buffer.getvalue() for stream in streams)  # type: ignore[attr-defined]
    return Said(int(left.value.code or 0), output, messages, encoding)
