"""What ``acquire instruments`` asks a Vaisala probe: who it is, and what it reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from drivers import link
from drivers.errors import InstrumentTimeout, UnexpectedReply
from drivers.hmp110.messages import ZERO_CELSIUS, fields_of, identity_of, is_chaff, room_reading
from drivers.questions import Finding, Seen, ask
from drivers.scpi import Identity

QUERY = "?"
REPLY = re.compile(r"\s*\??\s*HM[A-Z]\d+")

_MOST_LINES = 30
_NEXT_LINE = 0.3  # s


def identity(adapter: Any, reply: str) -> Identity:
    """Who it is, from the first line of its reply and those that follow.

    :raises drivers.errors.UnexpectedReply: the reply is no identity.
    """
    found = identity_of([reply, *_rest(adapter)])
    if found is None:
        raise UnexpectedReply(adapter.where, QUERY, reply)
    return found


def _rest(adapter: Any) -> list[str]:
    """The lines of a reply that are still to come."""
    lines: list[str] = []
    with suppress(InstrumentTimeout):
        while len(lines) < _MOST_LINES and (line := link.read_line(adapter, _NEXT_LINE)) is not None:
            lines.append(line)
    return lines


def look(adapter: Any, expected: Mapping[str, Any]) -> Seen:  # noqa: ARG001 nothing of it is set in the bench file
    """Ask how it stands, and for a reading.

    :raises drivers.errors.InstrumentError: it does not answer, or not as it should.
    """
    stated = fields_of([ask(adapter, QUERY), *_rest(adapter)])
    findings = []
    if (mode := stated.get("serial mode", "")) not in ("", "STOP"):
        what = f"its serial mode is {mode}: what it says by itself comes between questions and answers"
        findings.append(
            Finding(what, "Send it SMODE STOP by a terminal program, then switch it off and on", wrong=False)
        )
    reply = ask(adapter, "SEND")
    while is_chaff(reply, "SEND"):
        reply = str(adapter.read())
    if (room := room_reading(reply)) is None:
        raise UnexpectedReply(adapter.where, "SEND", reply)
    details = {"temperature": f"{room.temperature - ZERO_CELSIUS:.1f} degC"}
    details["relative humidity"] = f"{100 * room.relative_humidity:.0f} %"
    if calibrated := stated.get("cal. date"):
        details["calibrated"] = calibrated
    return details, findings
