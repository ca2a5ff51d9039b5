"""Switching a Keithley 2400 off first and asking afterwards, over any open link, or finding that it is off.

What the instrument does with a message (Series 2400 SourceMeter User's Manual): while it measures or sweeps, every
message waits; a device clear, on RS-232 the abort character, ends that at once and leaves the output as it is.
"""

from __future__ import annotations

import contextlib
from typing import Any

from drivers import link, scpi
from drivers.errors import InstrumentError, InstrumentTimeout, RefusedByInstrument
from drivers.keithley2400.messages import off_message

PATIENCE = 2.0  # for the answer of the instrument, s
_LONGEST_EXCHANGE = 150  # characters: the off message, the question and its answer
_OUTPUT_WAS_OFF = {802, 803, 810}  # errors of a source without output: blocked, no reading permitted, too hot
_ENABLE_LINE_CLOSED, _TOO_HOT = 1 << 11, 1 << 12  # measurement condition register
_WENT_OFF = "Check interlock (lid, output enable line) and temperature; did somebody press OUTPUT?"


def make_safe(adapter: Any, source: str | None = None, level: float | None = None) -> None:
    """Send what takes the source to zero and switches its output off: a device clear, then one message. Read nothing.

    ``source`` (VOLT or CURR) and ``level`` (V or A) as for :func:`~drivers.keithley2400.messages.off_message`.

    :raises InstrumentError: the message could not be sent.
    """
    with contextlib.suppress(InstrumentError):  # the message may pass all the same
        link.interrupt(adapter)
    adapter.write(off_message(source, level))


def off_again(adapter: Any) -> None:
    """Send the off message once more.

    :raises InstrumentError: it could not be sent.
    """
    adapter.write(":ABOR")  # heard even in the middle of a sweep, and drops no answer
    adapter.write(off_message())


def is_off(adapter: Any, patience: float = PATIENCE) -> bool:
    """Ask whether the output is off, after what is left of earlier replies was thrown away.

    ``patience`` (s) comes on top of the time that the link takes.

    :raises InstrumentError: there is no answer.
    :raises UnexpectedReply: the answer makes no sense.
    """
    link.drain(adapter)
    link.set_timeout(adapter, patience + link.transfer_time(adapter, _LONGEST_EXCHANGE))
    return not output_state(adapter)


def output_state(adapter: Any) -> bool:
    """Ask whether the output is on.

    :raises InstrumentError: there is no answer.
    :raises UnexpectedReply: the answer makes no sense.
    """
    adapter.write(query := ":OUTP?")
    where = getattr(adapter, "where", "") or link.resource_of(adapter)
    return scpi.parse_word(adapter.read(), ("0", "1"), query, where) == "1"


def went_off_by_errors(refusal: RefusedByInstrument) -> InstrumentError:
    """A refused reading, or, where its errors are those of a source without output, that the output went off."""
    codes = {getattr(error, "code", 0) for error in refusal.errors}
    return _went_off(refusal.where, "; ".join(map(str, refusal.errors))) if codes & _OUTPUT_WAS_OFF else refusal


def went_off(problem: InstrumentError, condition: int, *, interlock: bool) -> InstrumentError:
    """What a missing reading is put down to, by the measurement condition register; ``interlock``: it is in use."""
    if condition & _TOO_HOT:
        return _went_off(problem.where, "too hot")
    if interlock and not condition & _ENABLE_LINE_CLOSED:
        return _went_off(problem.where, "the output enable line is open")
    what = f"{problem.what}, though it answers now: the output went off by itself, or a message was lost"
    return InstrumentTimeout(problem.where, what, f"{_WENT_OFF}. {problem.hint}".rstrip(". "))


def _went_off(where: str, why: str) -> InstrumentError:
    return InstrumentError(where, f"the output went off by itself during the run ({why})", _WENT_OFF)
