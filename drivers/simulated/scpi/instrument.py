"""What the Keithley pair shares at the connector: framing and the exchange of messages and replies.

:class:`ScpiInstrument` takes bytes, cuts them into messages, runs their steps one after the other and keeps the
replies. It knows nothing about measuring; an instrument adds its command table and a few hooks. A reply may come
later (a conversion takes time): a query then returns a :class:`Later`, and what follows waits until the
instrument delivers it from an event on the clock.

The syntax is in :mod:`.syntax` and :mod:`.parameters`, the commands that both have are in :mod:`.commands`, the status
registers in :mod:`.status`. Sources: IEEE Std 488.2-1992, sections 6 and 10; Keithley Series 2400
User's Manual 2400S-900-01, sections 13 to 15; Model 2000 Quick Start Guide 2000-903-01.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

from drivers.simulated.clock import Clock, Event
from drivers.simulated.scpi.parameters import INFINITY
from drivers.simulated.scpi.status import OPERATION_COMPLETE, CommandError, ErrorQueue, StatusModel
from drivers.simulated.scpi.syntax import CommandTable, Step

INPUT_BUFFER_SIZE = 2048
"""Bytes of messages that are not carried out yet (2400 User's Manual, section 13)."""

_ABORT_CHARACTERS = (3, 24)  # Ctrl-C and Ctrl-X on a serial line act as a device clear

_TERMINATORS = {"LF": b"\n", "CR": b"\r", "CRLF": b"\r\n", "LFCR": b"\n\r"}


@dataclass(frozen=True)
class Interface:
    """How the instrument is connected.

    ``kind`` is ``"gpib"``, ``"serial"`` or ``"socket"``; only GPIB has END, talk addressing and with it the query
    errors -410, -420 and -430, and only GPIB carries binary data. ``terminator`` (LF, CR, CRLF, LFCR) ends
    messages and replies on a serial line; elsewhere it is always LF. A message runs as soon as the first
    character of the terminator has come or, on a serial line, a carriage return. ``latency`` (s) passes between a
    message and its execution.
    """

    kind: Literal["gpib", "serial", "socket"] = "gpib"
    terminator: Literal["LF", "CR", "CRLF", "LFCR"] = "CR"
    latency: float = 0.0

    @cached_property
    def message_end(self) -> bytes:
        """The byte that ends a message from the host."""
        return self.reply_end[:1]

    @cached_property
    def reply_end(self) -> bytes:
        """What ends a reply."""
        return _TERMINATORS[self.terminator] if self.kind == "serial" else b"\n"

    @cached_property
    def has_message_exchange(self) -> bool:
        """Whether the host must ask for each reply (GPIB), so that there are query errors."""
        return self.kind == "gpib"


class Later:
    """A reply that is not known yet. The instrument keeps it and calls :meth:`deliver` or :meth:`abandon` once."""

    __slots__ = ("_settle",)

    def __init__(self) -> None:
        self._settle: Callable[[str | bytes | None, bool], None] | None = None

    def on_settled(self, settle: Callable[[str | bytes | None, bool], None]) -> None:
        """Have ``settle(reply, abandoned)`` called when the reply is known."""
        self._settle = settle

    @property
    def is_open(self) -> bool:
        """Whether the host still waits for it."""
        return self._settle is not None

    def deliver(self, reply: str | bytes | None) -> None:
        """Give the reply; None when there was only something to wait for."""
        self._finish(reply, abandoned=False)

    def abandon(self) -> None:
        """There will be no reply; the rest of the message is dropped."""
        self._finish(None, abandoned=True)

    def _finish(self, reply: str | bytes | None, *, abandoned: bool) -> None:
        settle, self._settle = self._settle, None
        if settle is not None:
            settle(reply, abandoned)


class _Execution:
    """One message on its way through the instrument."""

    __slots__ = ("length", "position", "replies", "started", "steps", "waiting")

    def __init__(self, steps: tuple[Step, ...], length: int) -> None:
        self.steps = steps
        self.length = length
        self.position = 0
        self.replies: list[bytes] = []
        self.started = False
        self.waiting: Later | None = None

    def finish(self) -> None:
        self.position = len(self.steps)
        self.waiting = None


class ScpiInstrument:
    """The connector side of a Keithley: a :class:`~drivers.simulated.twin.Twin` without a measuring part.

    An instrument overrides the hooks at the end of the class. ``number_format`` is the format of real settings
    in replies, ``register_format`` (ASC, HEX, OCT, BIN) that of status registers, ``completion_message`` the number
    of the status message "Operation complete".
    """

    completion_message = 101

    def __init__(
        self,
        clock: Clock,
        commands: CommandTable[Self],
        interface: Interface,
        errors: Mapping[int, str],
        *,
        plus_before_positive_codes: bool = True,
        number_format: str = ".6E",
    ) -> None:
        self.clock = clock
        self.interface = interface
        self.status = StatusModel(ErrorQueue(errors, plus_sign=plus_before_positive_codes))
        self.register_format = "ASC"
        self._commands = commands
        self._number_format = number_format
        self._input = bytearray()
        self._discarding = False
        self._arrivals: deque[Event] = deque()
        self._queue: deque[_Execution] = deque()
        self._output: deque[bytes] = deque()
        self._running = False
        self._completion_wanted = False
        self._waiting_for_idle: list[tuple[Later, str | None]] = []

    # --- the twin's side of the link ---

    def receive(self, data: bytes, *, end: bool = False) -> None:
        """Take bytes from the host, split or merged in any way; ``end`` is END on the last of them."""
        if self.interface.kind == "serial":  # whatever ends replies there, a carriage return ends a message
            data = self._cut_at_abort_character(data).replace(b"\r", self.interface.message_end)
        *messages, rest = data.split(self.interface.message_end)
        for message in messages:
            self._take(message)
            self._end_message()
        if rest:
            self._take(rest)
        if end:
            self._end_message()

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        """Hand over at most ``limit`` bytes of the oldest reply, and whether that completed it."""
        if not self._output:
            return b"", False
        reply = self._output.popleft()
        chunk, rest = (reply, b"") if limit is None else (reply[:limit], reply[limit:])
        if rest:
            self._output.appendleft(rest)
        self.status.set_message_available(bool(self._output))
        return chunk, not rest

    def talk_with_nothing_to_say(self) -> None:
        """-420, unless a reply is still on its way."""
        if self.interface.has_message_exchange and not self._output and not self._is_reply_coming():
            self.status.error(-420)

    def device_clear(self) -> None:
        """Forget input, output and waiting messages, then let the instrument stop what it does."""
        self._input.clear()
        self._discarding = False
        for event in self._arrivals:
            event.cancel()
        self._arrivals.clear()
        self._queue.clear()
        self._output.clear()
        self._completion_wanted = False
        self._waiting_for_idle.clear()
        self.on_device_clear()
        self.status.set_message_available(False)

    def group_execute_trigger(self) -> None:
        """GET: a trigger, or -105 in the middle of a message."""
        if self._input:
            self.status.error(-105)
        else:
            self.on_trigger()

    def serial_poll(self) -> int:
        """The status byte with RQS in bit 6; always answered at once, reading it clears RQS."""
        return self.status.poll()

    @property
    def service_request(self) -> bool:
        """Whether the instrument pulls the SRQ line."""
        return self.status.requesting

    # --- input ---

    def _cut_at_abort_character(self, data: bytes) -> bytes:
        last = max(data.rfind(character) for character in _ABORT_CHARACTERS)
        if last >= 0:
            self.device_clear()
        return data[last + 1 :]

    def _take(self, data: bytes) -> None:
        if self._discarding:
            return
        self._input += data
        if len(self._input) > INPUT_BUFFER_SIZE:
            self._overrun()

    def _overrun(self) -> None:
        # Neither side can go on when the host sends without end and does not read: deadlock.
        deadlocked = self.interface.has_message_exchange and bool(self._output)
        if deadlocked:
            self._drop_output()
        self._input.clear()
        self._discarding = True
        self.status.error(-430 if deadlocked else -363)

    def _end_message(self) -> None:
        message = bytes(self._input)
        self._input.clear()
        self._discarding = False
        if not message:
            return
        if self._queue and self._held_bytes() + len(message) > INPUT_BUFFER_SIZE:
            self.status.error(-363)
            return
        if not self.interface.latency:
            self._enter(message)
            return
        self._arrivals.append(self.clock.call_after(self.interface.latency, lambda: self._arrive(message)))

    def _held_bytes(self) -> int:
        return sum(execution.length for execution in self._queue)

    def _arrive(self, message: bytes) -> None:
        self._arrivals.popleft()
        self._enter(message)

    def _enter(self, message: bytes) -> None:
        steps = self._commands.parse(message)
        if not steps:
            return
        execution = _Execution(steps, len(message))
        if self._queue and self.overtakes(steps[0]):
            self._queue.appendleft(execution)
        else:
            if self._queue and self._is_reply_converting() and self.interrupts_pending_query(steps[0]):
                self._queue.popleft()
                self.status.error(-410)
            self._queue.append(execution)
        self._run()

    # --- execution ---

    def _run(self) -> None:
        if self._running:  # a step of the loop below has made the instrument idle: that loop goes on by itself
            return
        self._running = True
        try:
            while self._queue and self._advance(self._queue[0]):
                pass
        finally:
            self._running = False

    def _advance(self, execution: _Execution) -> bool:
        """Run the steps of one message; False when it cannot be finished now."""
        while execution.waiting is None:
            if execution.position >= len(execution.steps):
                self._queue.remove(execution)
                self._reply(execution)
                return True
            step = execution.steps[execution.position]
            if self.holds_back(step):
                return False
            if not execution.started:
                self._start(execution)
            execution.position += 1
            self._perform(execution, step)
        return False

    def _start(self, execution: _Execution) -> None:
        execution.started = True
        if not self._output or not self.interface.has_message_exchange:
            return
        if self.any_message_interrupts() or any(step.is_query for step in execution.steps):
            self._drop_output()
            self.status.error(-410)

    def _perform(self, execution: _Execution, step: Step) -> None:
        try:
            reply = step.action(self)
        except CommandError as error:
            self.status.error(error.code)
            execution.finish()
            return
        if isinstance(reply, Later):
            self._wait_for(execution, reply)
        elif step.is_query and reply is not None:
            execution.replies.append(_to_bytes(reply))

    def _wait_for(self, execution: _Execution, later: Later) -> None:
        def settle(reply: str | bytes | None, abandoned: bool) -> None:
            execution.waiting = None
            if abandoned:
                execution.finish()
            elif reply is not None:
                execution.replies.append(_to_bytes(reply))
            self._run()

        execution.waiting = later
        later.on_settled(settle)

    def _reply(self, execution: _Execution) -> None:
        if execution.replies:
            self._output.append(b";".join(execution.replies) + self.interface.reply_end)
            self.status.set_message_available(True)

    def _drop_output(self) -> None:
        self._output.clear()
        self.status.set_message_available(False)

    def _is_reply_converting(self) -> bool:
        return self._queue[0].waiting is not None and self.interface.has_message_exchange

    def _is_reply_coming(self) -> bool:
        waiting = any(execution.waiting or any(step.is_query for step in execution.steps) for execution in self._queue)
        return waiting or bool(self._arrivals)

    # --- for the instrument ---

    def idle_reached(self) -> None:
        """The instrument has become idle: what waited for that goes on."""
        if self._completion_wanted:
            self._completion_wanted = False
            self._report_completion()
        if self._waiting_for_idle:
            waiting, self._waiting_for_idle = self._waiting_for_idle, []
            for later, reply in waiting:
                later.deliver(reply)
        if self._queue:
            self._run()

    def show(self, value: float | str | tuple[Any, ...]) -> str:
        """A setting as it is reported: ``1``/``0``, integers plain, reals in the number format, words as they are."""
        if isinstance(value, tuple):
            return ",".join(self.show(element) for element in value)
        if isinstance(value, (bool, int)):
            return str(int(value))
        if isinstance(value, str):
            return value
        return f"{INFINITY:+.6E}" if math.isinf(value) else format(value, self._number_format)

    def show_register(self, value: int) -> str:
        """A register in the form that ``FORM:SREG`` asks for: ``55``, ``#H37``, ``#Q67``, ``#B110111``."""
        shapes = {"ASC": "{:d}", "HEX": "#H{:X}", "OCT": "#Q{:o}", "BIN": "#B{:b}"}
        return shapes[self.register_format].format(value)

    def wait_until_idle(self, reply: str | None = None) -> str | Later | None:
        """``reply`` at once when idle, otherwise a :class:`Later` that is delivered then."""
        if self.is_idle():
            return reply
        later = Later()
        self._waiting_for_idle.append((later, reply))
        return later

    def complete_operation(self) -> None:
        """``*OPC``: set the bit now or when idle is reached."""
        if self.is_idle():
            self._report_completion()
        else:
            self._completion_wanted = True

    def _report_completion(self) -> None:
        self.status.standard.latch(OPERATION_COMPLETE)
        self.status.error(self.completion_message)

    def enable_messages(self, ranges: tuple[tuple[int, int], ...]) -> None:
        """``STAT:QUE:ENAB``: let only these numbers into the error queue, status messages among them."""
        self.status.errors.enable_only(ranges)

    def clear_status(self) -> None:
        """``*CLS``: events, error queue, and a ``*OPC`` that still waits."""
        self._completion_wanted = False
        self.status.clear()

    # --- hooks ---

    def is_idle(self) -> bool:
        """Whether no measurement is under way."""
        return True

    def holds_back(self, step: Step) -> bool:  # noqa: ARG002
        """Whether a step must wait until the instrument calls :meth:`idle_reached`."""
        return False

    def overtakes(self, step: Step) -> bool:  # noqa: ARG002
        """Whether a new message that begins with this step runs although an earlier one waits."""
        return False

    def interrupts_pending_query(self, step: Step) -> bool:  # noqa: ARG002
        """Whether a new message ends a query whose reply is still being measured (-410); otherwise it waits."""
        return False

    def any_message_interrupts(self) -> bool:
        """Whether any message spoils an unread reply (-410), not only one with a query in it."""
        return False

    def on_device_clear(self) -> None:
        """Stop measuring."""

    def on_trigger(self) -> None:
        """``*TRG`` or GET."""

    def reset(self) -> None:
        """``*RST``."""

    def identity(self) -> str:
        """The reply to ``*IDN?``."""
        raise NotImplementedError


def _to_bytes(reply: str | bytes) -> bytes:
    return reply if isinstance(reply, bytes) else reply.encode("latin-1")
