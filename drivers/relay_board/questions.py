"""What ``acquire instruments`` asks a relay board; no relay is moved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from drivers.errors import UnexpectedReply
from drivers.questions import Finding, Seen, ask
from drivers.relay_board import messages
from drivers.scpi import Identity

QUERY = messages.VERSION
REPLY = re.compile(r">?ver\b")  # its own echo


def identity(adapter: Any, reply: str) -> Identity:
    """Who it is: the reply is the echo of the question, what follows the firmware.

    :raises drivers.errors.UnexpectedReply: there is no echo.
    """
    if messages.text_of(reply) != messages.VERSION:
        raise UnexpectedReply(adapter.where, messages.VERSION, reply)
    firmware = messages.text_of(adapter.read())
    return Identity("NUMATO", "RELAY BOARD", _asked(adapter, messages.IDENTITY), firmware)


def look(adapter: Any, expected: Mapping[str, Any]) -> Seen:
    """Ask which relays are closed.

    :raises drivers.errors.InstrumentError: no answer, or none.
    """
    reply = _asked(adapter, messages.READ_ALL)
    try:
        closed, digits = messages.closed_relays(reply)
    except ValueError as error:
        raise UnexpectedReply(adapter.where, messages.READ_ALL, reply) from error
    details = {"relays": f"{4 * digits}, closed: {', '.join(map(str, closed)) or 'none'}"}
    return details, list(_findings(closed, 4 * digits, expected))


def _findings(closed: tuple[int, ...], relays: int, expected: Mapping[str, Any]) -> Iterator[Finding]:
    for pixel, relay in expected.get("pixels", {}).items():
        if relay > relays:
            what = f"it has {relays} relays, the bench file says relay {relay} for pixel {pixel}"
            yield Finding(what, "Correct pixels in the bench file")
    if len(closed) > 1:
        what = f"{len(closed)} relays are closed: the source would drive several pixels at a time"
        yield Finding(what, "A run opens them; if it says so again, somebody else switches this board")


def _asked(adapter: Any, query: str) -> str:
    echo = messages.text_of(ask(adapter, query))
    if echo != query:
        raise UnexpectedReply(adapter.where, query, echo)
    return messages.text_of(str(adapter.read()))
