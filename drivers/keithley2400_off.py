"""Switching a Keithley 2400 off first and asking afterwards, over any open link and without a driver object.

What the instrument does with a message (Series 2400 SourceMeter User's Manual): while it measures or sweeps, every
message waits; a device clear, on RS-232 the abort character, ends that at once and leaves the output as it is.
"""

from __future__ import annotations

import contextlib
from typing import Any

from drivers import link
from drivers.errors import InstrumentError, UnexpectedReply
from drivers.keithley2400_messages import off_message


def make_safe(adapter: Any, source: str | None = None, level: float | None = None) -> None:
    """Send what takes the source to zero and switches its output off: a device clear, then one message. Read nothing.

    ``source`` (VOLT or CURR) and ``level`` (V or A) as for :func:`~drivers.keithley2400_messages.off_message`.
    Raises InstrumentError when the message could not be sent.
    """
    with contextlib.suppress(InstrumentError):  # the message may pass all the same
        link.interrupt(adapter)
    adapter.write(off_message(source, level))


def is_off(adapter: Any) -> bool:
    """Ask whether the output is off, after what is left of earlier replies was thrown away.

    Raises InstrumentError when there is no answer, UnexpectedReply when it is none.
    """
    adapter.flush_read_buffer()
    adapter.write(":OUTP?")
    return not output_state(adapter.read(), link.resource_of(adapter))


def output_state(reply: str, where: str) -> bool:
    """Whether the output is on by a reply to ``:OUTP?``; raises UnexpectedReply."""
    if reply.strip() not in ("0", "1"):
        raise UnexpectedReply(where, ":OUTP?", reply)
    return reply.strip() == "1"
