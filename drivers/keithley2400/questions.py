"""What ``acquire instruments`` asks a Keithley 2400; only queries are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from drivers import scpi
from drivers.questions import STANDARD_QUERY, Finding, Seen, ask

QUERY = STANDARD_QUERY
REPLY = re.compile("KEITHLEY", re.IGNORECASE)


def identity(adapter: Any, reply: str) -> scpi.Identity:
    """Who it is, from its reply to ``QUERY``.

    :raises drivers.errors.UnexpectedReply: the reply is no identity.
    """
    return scpi.parse_identity(reply, adapter.where)


def look(adapter: Any, expected: Mapping[str, Any]) -> Seen:
    """Ask for options, output, terminals and interlock.

    :raises drivers.errors.InstrumentError: no answer, or none.
    """
    terminals = "front" if ask(adapter, ":ROUT:TERM?").upper().startswith("FRON") else "rear"
    output = "on" if scpi.parse_word(ask(adapter, ":OUTP?"), ("0", "1"), ":OUTP?", adapter.where) == "1" else "off"
    interlocked = ask(adapter, ":OUTP:ENAB?") == "1"
    closed = ask(adapter, ":OUTP:ENAB:TRIP?") == "1"
    details = {
        "options": ask(adapter, "*OPT?"),
        "output": output,
        "terminals": terminals,
        "interlock": ("closed" if closed else "open") if interlocked else "not used",
    }
    return details, list(_findings(details, expected))


def _findings(details: Mapping[str, str], expected: Mapping[str, Any]) -> Iterator[Finding]:
    if details["output"] == "on":
        hint = "It was left as it is; press OUTPUT on the instrument unless somebody is measuring"
        yield Finding("THE OUTPUT IS ON", hint, wrong=False)
    if details["terminals"] != expected["terminals"]:
        what = f"the {details['terminals']} terminals are selected, the bench file says {expected['terminals']}"
        hint = "A run selects those of the bench file; see that the device is connected there"
        yield Finding(what, hint, wrong=False)
    if details["interlock"] != "not used" and not expected["interlock"]:
        # A run begins with *RST, after which output enable is off (2400S-900-01, :OUTPut:ENABle)
        line = details["interlock"]
        what = f"output enable is on (line {line}), but a run will not use it: the bench file does not ask"
        yield Finding(what, "Add interlock: true to the bench file")
    if details["interlock"] == "open":
        yield Finding("the interlock is open: the output cannot be switched on", "Close the lid", wrong=False)
