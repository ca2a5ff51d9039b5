"""What ``acquire instruments`` asks a Keithley 2000; only queries are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from drivers import scpi
from drivers.questions import STANDARD_QUERY, Finding, Seen, ask, ask_number

QUERY = STANDARD_QUERY
REPLY = re.compile("KEITHLEY", re.IGNORECASE)


def identity(adapter: Any, reply: str) -> scpi.Identity:
    """Who it is, from its reply to ``QUERY``.

    :raises drivers.errors.UnexpectedReply: the reply is no identity.
    """
    return scpi.parse_identity(reply, adapter.where)


def look(adapter: Any, expected: Mapping[str, Any]) -> Seen:
    """Ask for options, INPUTS switch and mains.

    :raises drivers.errors.InstrumentError: no answer, or none.
    """
    terminals = "front" if ask(adapter, ":SYST:FRSW?") == "1" else "rear"
    line_frequency = ask_number(adapter, ":SYST:LFR?")
    details = {
        "options": ask(adapter, "*OPT?"),
        "terminals": terminals,
        "line frequency": f"{line_frequency:g} Hz",
    }
    return details, list(_findings(terminals, line_frequency, expected))


def _findings(terminals: str, line_frequency: float, expected: Mapping[str, Any]) -> Iterator[Finding]:
    if terminals != expected["terminals"]:
        what = f"the INPUTS switch is at {terminals}, the bench file says {expected['terminals']}"
        yield Finding(what, "Press INPUTS on the instrument, or correct terminals in the bench file")
    if (mains := expected["line_frequency"]) != line_frequency:
        what = f"it found mains of {line_frequency:g} Hz, the bench file says {mains:g} Hz for the smu"
        yield Finding(what, "Correct line_frequency in the bench file")
