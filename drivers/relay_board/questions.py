"""What ``acquire instruments`` asks a relay board; no relay is moved."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    channels = expected["channels"]
    try:
        closed = messages.closed_relays(reply, channels)
    except ValueError:
        what = f"it does not have the {channels} relays of the bench file (it says {reply!r})"
        return {}, [Finding(what, "Correct channels in the bench file")]
    details = {"relays": f"{channels}, closed: {', '.join(map(str, closed)) or 'none'}"}
    if len(closed) > 1:
        what = f"{len(closed)} relays are closed: the source drives several pixels at a time"
        return details, [Finding(what, "A run opens them; if it says so again, somebody else switches this board")]
    return details, []


def _asked(adapter: Any, query: str) -> str:
    echo = messages.text_of(ask(adapter, query))
    if echo != query:
        raise UnexpectedReply(adapter.where, query, echo)
    return messages.text_of(str(adapter.read()))
