"""Switching a Keithley 2400 off first and asking afterwards, over any open link and without a driver object.

What the instrument does with a message (Series 2400 SourceMeter User's Manual): while it measures or sweeps, every
message waits; a device clear, on RS-232 the abort character, ends that at once and leaves the output as it is.
"""

from __future__ import annotations

import contextlib
from typing import Any

from drivers import link, scpi
from drivers.errors import InstrumentError
from drivers.keithley2400.messages import off_message

PATIENCE = 2.0  # for the answer of the instrument, s
_LONGEST_EXCHANGE = 150  # characters: the off message, the question and its answer


def make_safe(adapter: Any, source: str | None = None, level: float | None = None) -> None:
    """Send what takes the source to zero and switches its output off: a device clear, then one message. Read nothing.

    ``source`` (VOLT or CURR) and ``level`` (V or A) as for :func:`~drivers.keithley2400.messages.off_message`.
    Raises InstrumentError when the message could not be sent.
    """
    with contextlib.suppress(InstrumentError):  # the message may pass all the same
        link.interrupt(adapter)
    adapter.write(off_message(source, level))


def off_again(adapter: Any) -> None:
    """Send the off message once more. Raises InstrumentError when it could not be sent."""
    adapter.write(":ABOR")  # heard even in the middle of a sweep, and drops no answer
    adapter.write(off_message())


def is_off(adapter: Any, patience: float = PATIENCE) -> bool:
    """Ask whether the output is off, after what is left of earlier replies was thrown away.

    ``patience`` (s) comes on top of the time that the link takes. Raises InstrumentError when there is no answer,
    UnexpectedReply when it is none.
    """
    link.drain(adapter)
    link.set_timeout(adapter, patience + link.transfer_time(adapter, _LONGEST_EXCHANGE))
    return not output_state(adapter)


def output_state(adapter: Any) -> bool:
    """Ask whether the output is on. Raises InstrumentError, UnexpectedReply."""
    adapter.write(query := ":OUTP?")
    where = getattr(adapter, "where", "") or link.resource_of(adapter)
    return scpi.parse_word(adapter.read(), ("0", "1"), query, where) == "1"
