"""What `acquire instruments` asks a 2450."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drivers import scpi
from drivers.questions import STANDARD_QUERY, Finding, Seen, ask

QUERY = STANDARD_QUERY
REPLY = re.compile("KEITHLEY", re.IGNORECASE)


def identity(adapter: Any, reply: str) -> scpi.Identity:
    return scpi.parse_identity(reply, adapter.where)


def look(adapter: Any, expected: Mapping[str, Any]) -> Seen:
    output = "on" if ask(adapter, ":OUTP?") == "1" else "off"
    findings = [Finding("THE OUTPUT IS ON", wrong=False)] if output == "on" else []
    return {"output": output}, findings
