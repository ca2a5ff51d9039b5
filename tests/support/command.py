"""The command ``acquire`` in this process, or in one of its own, and what it said.

A process of its own takes a second of computing to begin: it is for what only one can show (signals, terminals, pipes,
what is loaded, the environment of the interpreter).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unicodedata import category

import pytest

from acquire.cli import asking, terminal
from acquire.cli import commands as command_line

COMMAND = (sys.executable, "-m", "acquire")
PATIENCE = 120.0  # s, of a process


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
    def out(self) -> str:
        """What came on standard output."""
        return self.output.decode(self.encoding)

    @property
    def err(self) -> str:
        """What came on standard error."""
        return self.messages.decode(self.encoding)

    @property
    def text(self) -> str:
        """What came on both streams, after a look at every character of it."""
        text = self.out + self.err
        assert is_harmless(text), text
        assert not re.search(r"^forged", text, re.MULTILINE), text
        assert "Traceback" not in text, text
        return text


def acquire(
    *arguments: object,
    encoding: str = "utf-8",
    cwd: Path | None = None,
    typed: bytes | None = None,
    **variables: str,
) -> Said:
    """The command as the script calls it, in this process, on streams of a console's encoding.

    ``typed`` is what somebody who can be asked answers; without it nobody can be asked. ``variables``: environment.
    """
    streams = [TextIOWrapper(BytesIO(), encoding=encoding, newline="\n", write_through=True) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        patch.setattr(sys, "argv", ["acquire", *map(str, arguments)])
        if typed is not None:
            patch.setattr(sys, "stdin", TextIOWrapper(BytesIO(typed), encoding=encoding))
            for module in (terminal, command_line, asking):
                patch.setattr(module, "somebody_to_ask", lambda: True)
        if cwd is not None:
            patch.chdir(cwd)
        for name, value in variables.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as left:
            command_line.main()
    output, messages = (stream.buffer.getvalue() for stream in streams)  # type: ignore[attr-defined]
    return Said(int(left.value.code or 0), output, messages, encoding)


def acquire_apart(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, without anybody to ask."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=os.environ | variables,
    )
