"""Status reporting of the Keithley pair: error queue, event registers, status byte, service request.

Sources: IEEE Std 488.2-1992, section 11; Keithley Series 2400 User's Manual 2400S-900-01, section 15 and appendix B;
Model 2000 Quick Start Guide 2000-903-01.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

MEASUREMENT_SUMMARY, ERROR_AVAILABLE, QUESTIONABLE_SUMMARY = 1, 4, 8
MESSAGE_AVAILABLE, STANDARD_SUMMARY, REQUEST_SERVICE, OPERATION_SUMMARY = 16, 32, 64, 128

OPERATION_COMPLETE, QUERY_ERROR, DEVICE_ERROR = 1, 4, 8
EXECUTION_ERROR, COMMAND_ERROR, USER_REQUEST, POWER_ON = 16, 32, 64, 128

STANDARD_ERRORS: Mapping[int, str] = {
    -440: "Query unterminated after indefinite response",
    -430: "Query deadlocked",
    -420: "Query unterminated",
    -410: "Query interrupted",
    -363: "Input buffer overrun",
    -350: "Queue overflow",
    -330: "Self-test failed",
    -315: "Configuration memory lost",
    -314: "Save/recall memory lost",
    -260: "Expression error",
    -241: "Hardware missing",
    -230: "Data corrupt or stale",
    -225: "Out of memory",
    -224: "Illegal parameter value",
    -223: "Too much data",
    -222: "Parameter data out of range",
    -221: "Settings conflict",
    -220: "Parameter error",
    -215: "Arm deadlock",
    -214: "Trigger deadlock",
    -213: "Init ignored",
    -212: "Arm ignored",
    -211: "Trigger ignored",
    -210: "Trigger error",
    -202: "Settings lost due to rtl",
    -201: "Invalid while in local",
    -200: "Execution error",
    -178: "Expression data not allowed",
    -171: "Invalid expression",
    -170: "Expression error",
    -158: "String data not allowed",
    -151: "Invalid string data",
    -150: "String data error",
    -148: "Character data not allowed",
    -141: "Invalid character data",
    -140: "Character data error",
    -128: "Numeric data not allowed",
    -124: "Too many digits",
    -123: "Exponent too large",
    -121: "Invalid character in number",
    -120: "Numeric data error",
    -114: "Header suffix out of range",
    -113: "Undefined header",
    -112: "Program mnemonic too long",
    -111: "Header separator error",
    -110: "Command header error",
    -109: "Missing parameter",
    -108: "Parameter not allowed",
    -105: "GET not allowed",
    -104: "Data type error",
    -103: "Invalid separator",
    -102: "Syntax error",
    -101: "Invalid character",
    -100: "Command error",
}
"""Texts of the negative numbers, the same on both instruments."""


class CommandError(Exception):
    """A command that the instrument refuses, with the number that goes into its error queue."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def is_status_message(code: int) -> bool:
    """Whether a number is news (+1xx to +4xx, +6xx questionable) and not an error; off at power-up."""
    return 100 <= code < 500 or 610 <= code < 700


def standard_event_bit(code: int) -> int:
    """The bit of the standard event register that an error of this number sets."""
    if is_status_message(code):
        return 0
    if code < 0:
        return {1: COMMAND_ERROR, 2: EXECUTION_ERROR, 3: DEVICE_ERROR, 4: QUERY_ERROR}[min(-code // 100, 4)]
    return EXECUTION_ERROR if 800 <= code < 900 else DEVICE_ERROR


class ErrorQueue:
    """Ten messages, first in, first out; when an eleventh comes, -350 stands in the last place.

    ``emptied`` is called when there is none left. ``takes_status_messages`` once some were enabled.
    """

    def __init__(self, texts: Mapping[int, str], *, plus_sign: bool = True, capacity: int = 10) -> None:
        self._texts = {**STANDARD_ERRORS, **texts}
        self._plus_sign = plus_sign
        self._capacity = capacity
        self._codes: deque[int] = deque()
        self._ranges: tuple[tuple[int, int], ...] | None = None
        self._disabled: tuple[tuple[int, int], ...] = ()
        self.emptied: Callable[[], None] = lambda: None
        self.takes_status_messages = False

    def __len__(self) -> int:
        return len(self._codes)

    def report(self, code: int) -> bool:
        """Put a number at the end of the queue, unless messages of its number are not wanted; False on overflow."""
        if not self._wanted(code):
            return True
        if len(self._codes) >= self._capacity:
            self._codes[-1] = -350
            return False
        self._codes.append(code)
        return True

    def _wanted(self, code: int) -> bool:
        if any(low <= code <= high for low, high in self._disabled):
            return False
        if self._ranges is None:
            return not is_status_message(code)
        return any(low <= code <= high for low, high in self._ranges)

    def enable_only(self, ranges: tuple[tuple[int, int], ...]) -> None:
        """Let only numbers in these ranges (both ends included) into the queue."""
        self._ranges, self._disabled = ranges, ()
        self.takes_status_messages = True

    def disable(self, ranges: tuple[tuple[int, int], ...]) -> None:
        """Keep numbers in these ranges out of the queue."""
        self._disabled = (*self._disabled, *ranges)

    @property
    def enabled_ranges(self) -> tuple[tuple[int, int], ...]:
        """The ranges that were enabled, all errors at first."""
        return ((-440, -100), (500, 900)) if self._ranges is None else self._ranges

    @property
    def disabled_ranges(self) -> tuple[tuple[int, int], ...]:
        """The ranges that were disabled."""
        return self._disabled

    def clear(self) -> None:
        """Forget everything in the queue."""
        self._codes.clear()
        self.emptied()

    def next_code(self) -> int:
        """Take the oldest number out; 0 when there is none."""
        if not self._codes:
            return 0
        code = self._codes.popleft()
        if not self._codes:
            self.emptied()
        return code

    def next_message(self) -> str:
        """Take the oldest message out, such as ``-113,"Undefined header"``."""
        return self.message(self.next_code())

    def message(self, code: int) -> str:
        """Number and quoted text of one message."""
        return f'{self.code_text(code)},"{self._texts.get(code, "Unknown error") if code else "No error"}"'

    def code_text(self, code: int) -> str:
        """A number as it is printed: with a plus sign, if the instrument does that."""
        return f"{code:+d}" if code and self._plus_sign else str(code)


class EventRegister:
    """A condition register, the events latched from it, and the mask that lets events into the status byte.

    ``announce``, if there is one, is called with the bits of each new event.
    """

    __slots__ = ("_changed", "announce", "condition", "enable", "event")

    def __init__(self, changed: Callable[[], None], condition: int = 0) -> None:
        self._changed = changed
        self.condition = condition
        self.event = 0
        self.enable = 0
        self.announce: Callable[[int], None] | None = None

    def set_bits(self, bits: int) -> None:
        """Make conditions true; those that were not before are latched as events."""
        news = bits & ~self.condition
        if news:
            self.condition |= news
            self.latch(news)

    def clear_bits(self, bits: int) -> None:
        """Make conditions false; events stay."""
        self.condition &= ~bits

    def replace_bits(self, mask: int, bits: int) -> None:
        """Give the conditions in ``mask`` the values in ``bits``."""
        bits &= mask
        news = bits & ~self.condition
        self.condition = self.condition & ~mask | bits
        if news:
            self.latch(news)

    def latch(self, bits: int) -> None:
        """Record events that are over at once; only enabled ones show in the status byte."""
        self.event |= bits
        if bits & self.enable:
            self._changed()
        if self.announce is not None:
            self.announce(bits)

    def take_event(self) -> int:
        """The events since the last look; looking clears them."""
        event, self.event = self.event, 0
        self._changed()
        return event

    def set_enable(self, mask: int) -> None:
        """Choose the events that count in the status byte."""
        self.enable = mask
        self._changed()

    @property
    def summary(self) -> bool:
        """Whether an enabled event is latched."""
        return bool(self.event & self.enable)


class StatusModel:
    """Everything behind the status byte; keeps the service request up to date by itself."""

    def __init__(self, errors: ErrorQueue, *, idle_bit: int = 1 << 10) -> None:
        self.errors = errors
        self.standard = EventRegister(self.refresh)
        self.measurement = EventRegister(self.refresh)
        self.operation = EventRegister(self.refresh, condition=idle_bit)
        self.questionable = EventRegister(self.refresh)
        self.service_enable = 0
        self._message_available = False
        self._active = 0
        self._requesting = False
        self.standard.event = POWER_ON
        errors.emptied = self.refresh

    def power_on(self) -> None:
        """Masks and queue empty, events gone but for PON; conditions stay as they are."""
        self.service_enable = 0
        self.standard.enable = 0
        self.preset()
        self.clear()
        self.standard.event = POWER_ON

    @property
    def requesting(self) -> bool:
        """Whether service is requested (the SRQ line)."""
        return self._requesting

    def error(self, code: int) -> None:
        """Report an error or status message: queue, and the bit of its class."""
        self.standard.event |= standard_event_bit(code)
        if not self.errors.report(code):
            self.standard.event |= DEVICE_ERROR
        self.refresh()

    def set_message_available(self, available: bool) -> None:
        """Tell whether a reply waits in the output queue."""
        if available != self._message_available:
            self._message_available = available
            if self.service_enable:
                self.refresh()

    def set_service_enable(self, mask: int) -> None:
        """Choose the bits of the status byte that request service; bit 6 cannot."""
        self.service_enable = mask & ~REQUEST_SERVICE
        self.refresh()

    def byte(self) -> int:
        """The status byte with MSS in bit 6, as ``*STB?`` tells it."""
        summary = self._summary()
        return summary | (REQUEST_SERVICE if summary & self.service_enable else 0)

    def poll(self) -> int:
        """The status byte with RQS in bit 6, as a serial poll tells it; RQS is cleared."""
        byte = self._summary() | (REQUEST_SERVICE if self._requesting else 0)
        self._requesting = False
        return byte

    def _summary(self) -> int:
        return (
            MEASUREMENT_SUMMARY * self.measurement.summary
            | ERROR_AVAILABLE * bool(len(self.errors))
            | QUESTIONABLE_SUMMARY * self.questionable.summary
            | MESSAGE_AVAILABLE * self._message_available
            | STANDARD_SUMMARY * self.standard.summary
            | OPERATION_SUMMARY * self.operation.summary
        )

    def refresh(self) -> None:
        """Request service when a reason appears that was not there before; stop when none is left."""
        if not self.service_enable:
            self._active, self._requesting = 0, False
            return
        active = self._summary() & self.service_enable
        if active & ~self._active:
            self._requesting = True
        elif not active:
            self._requesting = False
        self._active = active

    def clear(self) -> None:
        """``*CLS``: event registers and error queue; the masks stay."""
        self.errors.clear()
        for register in (self.standard, self.measurement, self.operation, self.questionable):
            register.event = 0
        self.refresh()

    def preset(self) -> None:
        """``STAT:PRES``: the masks of the measurement, operation and questionable registers."""
        for register in (self.measurement, self.operation, self.questionable):
            register.enable = 0
        self.refresh()
