"""What ``acquire instruments`` asks a CS-2000A, which answers nothing outside its remote mode: it is put back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from drivers.cs2000a.messages import measuring_angle
from drivers.errors import UnexpectedReply
from drivers.questions import Finding, Seen, ask
from drivers.scpi import Identity

QUERY = "IDDR"
REPLY = re.compile(r"(OK|ER)\d\d\b")


def identity(adapter: Any, reply: str) -> Identity:  # outside the remote mode it is a refusal
    """Who it is, asked again in remote mode.

    :raises drivers.errors.UnexpectedReply: the reply is no identity.
    """
    with _remote(adapter):
        reply = ask(adapter, QUERY)
    code, *fields = (part.strip() for part in reply.split(","))
    if code != "OK00" or len(fields) != 3:
        raise UnexpectedReply(adapter.where, QUERY, reply)
    return Identity("KONICA MINOLTA", fields[0], fields[2], "")


@contextmanager
def _remote(adapter: Any) -> Iterator[None]:
    """Remote mode inside; a meter that was in local mode is given back to its keys."""
    was_local = ask(adapter, QUERY).startswith("ER00")
    # Firmware before 3.00.9301 knows mode 1 only
    if was_local and not ask(adapter, "RMTS,2").startswith("OK"):
        ask(adapter, "RMTS,1")
    try:
        yield
    finally:
        if was_local:
            ask(adapter, "RMTS,0")


def look(adapter: Any, expected: Mapping[str, Any]) -> Seen:
    """Ask for angle and date of calibration.

    :raises drivers.errors.InstrumentError: no answer, or none.
    """
    with _remote(adapter):
        angle = ask(adapter, "STSR")
        calibration = ask(adapter, "DTCR").split(",")
    details = {"calibrated": _date(calibration[1]) if len(calibration) > 1 else "not said"}
    if not angle.startswith("OK00"):
        hint = "Turn it until it clicks" if angle.startswith("ER83") else ""
        return details, [Finding(f"the measuring angle cannot be read ({angle})", hint)]
    knob = _knob(adapter, angle)
    findings = []
    if knob != expected["measuring_angle"]:
        what = f"the knob is at {knob:g} deg, the bench file says {expected['measuring_angle']:g} deg"
        findings.append(Finding(what, "Turn the knob, or correct measuring_angle in the bench file"))
    return details | {"angle": f"{knob:g} deg"}, findings


def _knob(adapter: Any, reply: str) -> float:
    try:
        return measuring_angle(int(reply.partition(",")[2]))
    except ValueError as error:
        raise UnexpectedReply(adapter.where, "STSR", reply) from error


def _date(digits: str) -> str:
    digits = digits.strip()
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 else digits
