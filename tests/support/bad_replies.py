"""Replies of a twin replaced on their way to the driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: What comes in place of the n-th reading of an instrument, counted from 0, dark readings included.
Replies = dict[int, Callable[[bytes], bytes]]


def damage_readings(twin: Any, replies: Replies, count: list[int]) -> None:
    """Replace replies of a twin to ``READ?`` by their number; ``count[0]`` goes on counting them."""
    receive, transmit = twin.receive, twin.transmit
    asked = pending = None

    def damaged_receive(data: bytes, *, end: bool = False) -> None:
        nonlocal asked
        if data.rstrip().endswith(b"READ?"):
            asked, count[0] = count[0], count[0] + 1
        receive(data, end=end)

    def damaged_transmit(limit: int | None = None) -> tuple[bytes, bool]:
        nonlocal asked, pending
        if pending is None:
            reply, complete = transmit()
            if not complete:
                return reply, complete
            damage, asked = (replies.get(asked) if asked is not None else None), None
            pending = damage(reply) if damage else reply
        data, rest = pending[:limit], pending[len(pending[:limit]) :]
        pending = rest or None
        return data, not rest

    twin.receive, twin.transmit = damaged_receive, damaged_transmit
