"""The text commands of serial relay boards, as bytes and back. Pure.

They are those of the USB and serial boards that understand ``relay on 0`` (Numato Lab and others), as their manuals
state them:

- The board is a terminal: what is typed is echoed, CR ends a command, LF is passed over. A reply is a line of its own;
  lines end with LF CR. When it has done what it was told, the board prompts with ``>``.
- ``ver`` is answered by the version of its firmware, ``id get`` by its identity, eight characters that can be set.
- ``relay on N`` and ``relay off N`` close and open one relay, and are answered by the prompt alone. ``N`` is one
  character: 0 to 9, then A to V.
- ``relay read N`` is answered by ``on`` or ``off``; ``relay readall`` by all relays as hexadecimal digits, bit 0 of the
  last one relay 0. ``relay writeall XX`` sets all of them at once, as many digits as are read.
- What it does not understand is answered by the prompt alone.

What is read is what the board sends to its coils; a contact that is welded together cannot be seen.
"""

from __future__ import annotations

import re

CHANNEL_NAMES = "0123456789ABCDEFGHIJKLMNOPQRSTUV"

VERSION, IDENTITY, READ_ALL = "ver", "id get", "relay readall"

#: Boards are built with so many relays.
COUNTS = (1, 2, 4, 8, 16, 32)

_PROMPT = "> \r\n"


def switch_on(channel: int) -> str:
    """The command that closes a relay."""
    return f"relay on {CHANNEL_NAMES[channel]}"


def open_all(channels: int) -> str:
    """The command that opens every relay of a board with so many."""
    return f"relay writeall {0:0{digits(channels)}x}"


def digits(channels: int) -> int:
    """How many hexadecimal digits say the state of so many relays."""
    return (channels + 3) // 4


def text_of(line: str) -> str:
    """A line without the prompt before it and what is left of line ends."""
    return line.strip(_PROMPT)


def closed_relays(reply: str, channels: int) -> tuple[int, ...]:
    """The relays that are closed, from the reply to ``relay readall``.

    :raises ValueError: it is not what a board with so many relays says.
    """
    if not re.fullmatch(f"[0-9A-Fa-f]{{{digits(channels)}}}", reply):
        raise ValueError(f"{reply!r} is not the state of {channels} relays")
    states = int(reply, 16)
    if states >> channels:
        raise ValueError(f"{reply!r} has relays beyond {channels}")
    return tuple(channel for channel in range(channels) if states >> channel & 1)
