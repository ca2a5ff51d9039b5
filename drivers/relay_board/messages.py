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

RELAY_NAMES = "0123456789ABCDEFGHIJKLMNOPQRSTUV"

VERSION, IDENTITY, READ_ALL = "ver", "id get", "relay readall"

#: Boards have up to 32 relays, which are so many hexadecimal digits.
_DIGITS = (1, 2, 4, 8)

_PROMPT = "> \r\n"


def switch_on(relay: int) -> str:
    """The command that closes a relay, counted from 1; the board counts from 0."""
    return f"relay on {RELAY_NAMES[relay - 1]}"


def open_all(digits: int) -> str:
    """The command that opens every relay of a board whose state has so many digits."""
    return f"relay writeall {0:0{digits}x}"


def text_of(line: str) -> str:
    """A line without the prompt before it and what is left of line ends."""
    return line.strip(_PROMPT)


def closed_relays(reply: str) -> tuple[tuple[int, ...], int]:
    """The relays that are closed, counted from 1, and how many digits said it: the reply to ``relay readall``.

    :raises ValueError: no board says such a thing.
    """
    if len(reply) not in _DIGITS or not re.fullmatch("[0-9A-Fa-f]+", reply):
        raise ValueError(f"{reply!r} is not the state of relays")
    state = int(reply, 16)
    return tuple(relay for relay in range(1, 4 * len(reply) + 1) if state >> (relay - 1) & 1), len(reply)
