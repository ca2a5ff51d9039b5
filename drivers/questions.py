"""What ``acquire instruments`` asks with: queries one by one, without a driver, whose first message is a setting.

Every model has a module of its own, ``drivers/<model>/questions.py``, that answers to :class:`Questions`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from drivers.errors import UnexpectedReply
from drivers.scpi import Identity

#: Asks any instrument of IEEE 488.2 who it is.
STANDARD_QUERY = "*IDN?"


@dataclass(frozen=True)
class Finding:
    """Something to know about an instrument and how to correct it; ``wrong`` when a run would fail or mislead."""

    what: str
    hint: str = ""
    wrong: bool = True


#: What an instrument says of itself, by name, and what is to be said about it.
Seen = tuple[dict[str, str], list[Finding]]


class Questions(Protocol):
    """The questions of one model. ``QUERY`` asks who it is; ``REPLY`` is what replies in its language look like."""

    QUERY: str
    REPLY: re.Pattern[str]

    def identity(self, adapter: Any, reply: str) -> Identity:
        """Who it is, from its reply to ``QUERY``.

        :raises drivers.errors.UnexpectedReply: the reply is no identity.
        """

    def look(self, adapter: Any, expected: Mapping[str, Any]) -> Seen:
        """Ask how it stands; ``expected`` are the keys of its section in the bench file, and ``line_frequency`` (Hz).

        :raises drivers.errors.InstrumentError: it does not answer, or not as it should.
        """


def ask(adapter: Any, query: str) -> str:
    """Send a query and return the reply.

    :raises drivers.errors.InstrumentError: none came.
    """
    adapter.write(query)
    with warnings.catch_warnings():
        # PyVISA tells of replies without terminator; strangers may have their own
        warnings.simplefilter("ignore")
        return str(adapter.read()).strip()


def ask_number(adapter: Any, query: str) -> float:
    """Send a query and return the number it is answered by.

    :raises drivers.errors.UnexpectedReply: it is none.
    """
    reply = ask(adapter, query)
    try:
        return float(reply)
    except ValueError as error:
        raise UnexpectedReply(adapter.where, query, reply) from error
