"""The one seam between the drivers and PyVISA: an open link, waiting for replies, foreign exceptions turned into ours.

Any resource PyVISA knows will do (``GPIB0::24::INSTR``, ``ASRL3::INSTR``, ``TCPIP::host::port::SOCKET``), with a
vendor's VISA, with PyVISA-py, or with a VISA library object that lives in this process. What can be asked of an
address before it is open is in :mod:`drivers.resources`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyvisa
from pymeasure.adapters import VISAAdapter
from pyvisa.constants import BufferOperation, ControlFlow, ResourceAttribute, StatusCode
from pyvisa.resources import SerialInstrument, TCPIPSocket

from drivers import sockets
from drivers.errors import (
    CannotConnect,
    InstrumentError,
    InstrumentTimeout,
    LinkLost,
    RefusedByDriver,
    UnexpectedReply,
)
from drivers.resources import FOREIGN, how_to_open
from drivers.specification import SerialLine as SerialLine  # whoever opens an address needs it

# Where bytes arrive one by one, and a reply may be half-way
_LINES = (SerialInstrument, TCPIPSocket)
_QUIET = 0.1  # a line is quiet after this time without a byte, s: some three characters at 300 baud
_UNTIL_QUIET = 1.0  # so long it is waited for that, s: noise may never end

SLICE = 0.2  # the longest that a read waits before another link is looked at, s
BUS_SLICE = 0.1  # the longest that VISA waits on a bus, s: NI-488 rounds 200 ms up to 300 ms
_SHORTEST = 1e-6  # s; less than this is the rounding of a sum of slices
_SENDING = 1.0  # a message that is longer under way than this, and than its line takes, does not pass, s
_SHORT = 0.1  # what is under way for less has time in that, s: setting another time-out takes time at each point
_CLEARING = 0.5  # s
_REST = 1.0  # for the next 4 kB of a message on a bus, once its first byte is there, s
_CHUNK = 4096  # bytes
_MOST_FIRST = 16  # messages that are kept until they are asked for: a driver's constructor may send some

# Named once: to look up a member of an enumeration takes time at each point
_TIMEOUT, _CUT_OFF = ResourceAttribute.timeout_value, StatusCode.success_max_count_read

#: Answers of VISA to a read of one byte that are no reason for a warning.
_MORE_TO_COME = (_CUT_OFF, StatusCode.success_device_not_present)

_FLOW_CONTROL = {
    "none": ControlFlow.none,
    "xon_xoff": ControlFlow.xon_xoff,
    "rts_cts": ControlFlow.rts_cts,
}


class Link(VISAAdapter):  # type: ignore[misc]  # pymeasure carries no types
    """A PyMeasure adapter whose failures are :class:`~drivers.errors.InstrumentError`, and which waits in slices.

    A reply is waited for at most :attr:`patience` s, whatever arrives that is none. Every time a slice of that has
    passed, ``on_wait`` is called; what it raises ends the wait. What has arrived of a reply by then is kept. Time is
    that of the instrument: of the VISA library's ``clock`` where it has one, as simulated instruments do. An attempt
    that brought nothing counts as a slice; :attr:`waited` s passed since the last message. ``on_exchange`` is called
    with what was sent and with what has arrived, one of the two, once that is over.
    """

    def __init__(self, resource: str, where: str, visa_library: Any, **settings: Any) -> None:
        self.where = where
        self.patience = settings.get("timeout", 2000) / 1000
        self.waited = 0.0
        self.on_wait: Callable[[], None] = _nothing
        self.on_exchange: Callable[[bytes, bytes], None] | None = None
        self.first_exchanges: list[tuple[bytes, bytes]] = []
        self._held = bytearray()
        self._answered = self._waiting = False
        self._behind = True
        self._allowed = 0.0
        self._unlooked = 0.0
        super().__init__(resource, visa_library=visa_library, **settings)
        self._socket = sockets.socket_of(self.connection)
        self._now: Callable[[], float] = _clock_of(self.connection)
        self._bus = not isinstance(self.connection, _LINES)
        if self._bus:  # once and for all: entered at each read, it would take longer than the read itself
            self._without_warnings = self.connection.ignore_warning(*_MORE_TO_COME)
            self._without_warnings.__enter__()
        self._end = line_end(self)
        self.characters_per_second = _characters_per_second(self.connection)

    def _write(self, command: str, **kwargs: Any) -> None:
        try:
            self._drop_what_is_left()
            self._allow_sending(len(command))
            self.connection.write(command, **kwargs)
        except FOREIGN as error:
            raise self._translated(error, f"sending {command}") from error
        self._exchanged(command.encode(errors="replace"), b"")
        self._behind |= self._waiting
        self._answered = False
        self._unlooked = self.waited = 0.0
        for _ in range(int(len(command) / self.characters_per_second / SLICE)):
            self.on_wait()

    def _drop_what_is_left(self) -> None:
        """Throw away what was there before a message was sent: it cannot be the reply to it. Waits for nothing."""
        self._held.clear()
        if self._socket is not None:
            sockets.drain(self._socket)
        elif isinstance(self.connection, SerialInstrument) and (left := self.connection.bytes_in_buffer):
            self.allow(SLICE)
            self.connection.read_bytes(left)

    def _write_bytes(self, content: bytes, **kwargs: Any) -> None:
        with self.translating(f"sending {content!r}"):
            self._allow_sending(len(content))
            super()._write_bytes(content, **kwargs)
        self._exchanged(content, b"")
        self._behind = True

    def _exchanged(self, sent: bytes, received: bytes) -> None:
        if self.on_exchange is not None:
            self.on_exchange(sent, received)
        elif len(self.first_exchanges) < _MOST_FIRST:
            self.first_exchanges.append((sent, received))

    def _allow_sending(self, characters: int) -> None:
        if self._socket is None:  # what is sent there only goes into a buffer
            under_way = 1.3 * characters / self.characters_per_second
            self.allow(_SENDING if under_way < _SHORT else _SENDING + under_way)

    def allow(self, seconds: float) -> None:
        """Have the next VISA operation take this long at most, s."""
        if seconds != self._allowed:
            # what the resource's own `timeout` does in the end, without its checks of a value that is ours
            self.connection.set_visa_attribute(_TIMEOUT, round(seconds * 1000))
            self._allowed = seconds

    def _read(self, **_: Any) -> str:
        if (line := self.line(self.patience)) is None:
            raise self._overdue()
        return line

    # PyMeasure's own would log each message first; what is exchanged is told to on_exchange
    write, read = _write, _read

    @property
    def held(self) -> int:
        """Get how many bytes have been taken in and were not read yet (int)."""
        return len(self._held)

    @property
    def in_step(self) -> bool:
        """Get whether the last message was answered, and no answer that was waited for before is still due (bool)."""
        return self._answered and not self._behind

    def _overdue(self) -> InstrumentTimeout:
        return InstrumentTimeout(self.where, f"waiting for a reply took longer than {self.patience:g} s", TIMEOUT_HINT)

    def line(self, wait: float) -> str | None:
        """The next line without its end, None when it is not complete within ``wait`` s: its parts are kept.

        :raises LinkLost: the connection failed.
        :raises UnexpectedReply: the line is not ASCII.
        """
        while (length := self._held.find(self._end) + 1) == 0:
            self._waiting = True
            if wait < 0:
                return None
            wait = self._waited(wait)
        line = bytes(self._held[:length])
        del self._held[:length]
        self._waiting, self._answered = False, not self._held
        try:
            return line.decode("ascii").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UnexpectedReply(self.where, "a query", repr(error.object), GARBLED) from error

    def _waited(self, wait: float) -> float:
        """Wait a slice for the next bytes; what is left of ``wait`` s, negative when it is over."""
        passed = self._passed(min(wait, SLICE))
        self._unlooked += passed
        self.waited += passed
        if self._unlooked > SLICE - _SHORTEST:
            self._unlooked = 0.0
            self.on_wait()
        return wait - passed if wait - passed > _SHORTEST else -1.0

    def _passed(self, moment: float) -> float:
        """Fetch what arrives within a moment (s); how long that took: no less than the bytes were under way."""
        began = self._now()
        arrived = self._fetch(moment)
        # a program that was stopped meanwhile has not waited
        passed = min(self._now() - began, moment + _REST)
        return max(passed, arrived / self.characters_per_second if arrived else moment)

    def _fetch(self, wait: float) -> int:
        """Take in what arrives within ``wait`` s; how many bytes."""
        try:
            if self._socket is not None:
                data = sockets.received(self._socket, wait)
            elif self._bus:
                halved = wait > BUS_SLICE
                data = (self._received(wait / 2) or self._received(wait / 2)) if halved else self._received(wait)
            else:
                with self.connection.ignore_warning(*_MORE_TO_COME):
                    data = self._received(wait)
        except FOREIGN as error:
            raise self._translated(error, "waiting for a reply") from error
        self._held += data
        if data:
            self._exchanged(b"", data)
        return len(data)

    def _received(self, wait: float) -> bytes:
        """What VISA has within ``wait`` s: a read that times out would lose its beginning, so the first byte alone."""
        self.allow(wait)
        try:
            data, status = self.connection.visalib.read(self.connection.session, 1)
        except pyvisa.VisaIOError as error:
            if error.error_code == StatusCode.error_timeout and not sockets.closed_by_peer(self.connection):
                return b""
            raise
        if not self._bus:
            waiting = self.connection.bytes_in_buffer if isinstance(self.connection, SerialInstrument) else 0
            return bytes(data + self.connection.read_bytes(waiting) if waiting else data)
        if status == _CUT_OFF:
            self.allow(_REST)
            rest, status = self.connection.visalib.read(self.connection.session, _CHUNK)
            data += rest
            if status == _CUT_OFF:
                return bytes(data)
        return bytes(data if data.endswith(self._end) else data + self._end)  # on a bus a message may end by itself

    def _read_bytes(self, count: int, break_on_termchar: bool = False, **_: Any) -> bytes:
        """``count`` bytes, fewer up to the end of a line; -1: all that come, or with ``break_on_termchar`` a line."""
        left = self.patience
        while (length := self._complete(count, break_on_termchar)) == 0:
            if left < 0 and count < 0 and not break_on_termchar:
                length = len(self._held)
                break
            if left < 0:
                raise self._overdue()
            left = self._waited(left)
        data = bytes(self._held[:length])
        del self._held[:length]
        return data

    def _complete(self, count: int, break_on_termchar: bool) -> int:
        """How many of the bytes held are what a read of bytes asks for; 0 when they are not enough."""
        line = self._held.find(self._end) + 1 if break_on_termchar else 0
        if line and (count < 0 or line <= count):
            return line
        return count if 0 <= count <= len(self._held) else 0

    def flush_read_buffer(self) -> None:
        """Throw away whatever has arrived and was not read; on a line also what is still on its way.

        Nothing is on its way, and nothing is waited for, where the link is in step.
        """
        with self.translating("discarding old replies"):
            if self._socket is None:
                super().flush_read_buffer()
            else:
                sockets.drain(self._socket)
        if not self._bus and not self.in_step:
            self._await_quiet()
        self.forget()

    def forget(self) -> None:
        """Drop what has arrived of a reply."""
        self._held.clear()

    def _await_quiet(self) -> None:
        """Throw away what arrives until nothing does, or noise has gone on for too long."""
        left, self._held[:] = _UNTIL_QUIET, b"?"
        while left > 0 and self._held:
            self.forget()
            left -= self._passed(_QUIET)
        self._behind = self._waiting = False

    @contextlib.contextmanager
    def translating(self, doing: str) -> Iterator[None]:
        """Turn PyVISA's and the system's exceptions into ours while ``doing`` something."""
        try:
            yield
        except FOREIGN as error:
            raise self._translated(error, doing) from error

    def _translated(self, error: Exception, doing: str) -> InstrumentError:
        code = error.error_code if isinstance(error, pyvisa.VisaIOError) else None
        if code == StatusCode.error_nonsupported_operation:
            return RefusedByDriver(self.where, f"{doing} is not possible on this kind of link")
        if code == StatusCode.error_timeout and not sockets.closed_by_peer(self.connection):
            return InstrumentTimeout(self.where, f"{doing} took longer than {self._allowed:g} s", TIMEOUT_HINT)
        return LinkLost(self.where, f"{doing} failed ({error})", "Check cable, power and interface, then reconnect")


GARBLED = "Check baud rate, parity and terminator"
TIMEOUT_HINT = "Check that the instrument is on, its interface is selected, and address and terminator are right"


def open_adapter(
    resource: str,
    *,
    name: str,
    visa_library: Any = "",
    timeout: float = 2.0,
    serial: SerialLine | None = None,
    clear: bool = False,
) -> Link:
    """Open a VISA resource for the instrument called ``name``.

    ``visa_library`` is what :class:`pyvisa.ResourceManager` takes: a path, ``"@py"``, or a library object; empty
    for the system's own. ``timeout`` in s. Lines end in LF, on serial lines in the terminator of ``serial``.
    ``clear``: clear the device, because a program that was killed may have left a measurement running, which holds
    back every message, or a reply on its way.

    :raises CannotConnect: nothing answers at this address, or it cannot be opened.
    """
    where = f"{name} at {resource}"
    line_feed = {"read_termination": "\n", "write_termination": "\n"}
    milliseconds = round(timeout * 1000)
    link: Link | None = None
    try:
        link = Link(
            resource,
            where,
            visa_library,
            timeout=milliseconds,
            open_timeout=milliseconds,
            asrl=_serial_settings(serial or SerialLine()),
            gpib=line_feed,
            tcpip=line_feed,
            usb=line_feed,
        )
        sockets.send_at_once(link.connection)
        if clear:
            device_clear(link)
    except Exception as error:  # PyVISA-py reports a failed opening as a bare Exception
        if link is not None:
            let_go(link)
        raise CannotConnect(where, f"cannot be opened ({error})", how_to_open(str(error))) from error
    return link


def let_go(adapter: Any) -> None:
    """Close an adapter in whatever state its link is; never raises.

    A serial port or socket that stays open could not be opened again.
    """
    try:
        adapter.close()
    except Exception:  # PyVISA asks the link for this and that before it closes it
        with contextlib.suppress(Exception):
            adapter.connection.visalib.close(adapter.connection.session)


def _serial_settings(line: SerialLine) -> dict[str, object]:
    return {
        "baud_rate": line.baud_rate,
        "flow_control": _FLOW_CONTROL[line.flow_control],
        "read_termination": line.terminator,
        "write_termination": line.terminator,
    }


def resource_of(adapter: Any) -> str:
    """The resource name behind an adapter, for messages; empty when it has none."""
    return str(getattr(adapter, "resource_name", "") or "")


def read_line(adapter: Any, wait: float) -> str | None:
    """The next line from the instrument, None when it is not complete within ``wait`` s: its parts are kept.

    PyMeasure's test adapters know whole replies only.

    :raises LinkLost: the connection failed.
    :raises UnexpectedReply: the line is not ASCII.
    """
    if isinstance(adapter, Link):
        return adapter.line(wait)
    set_timeout(adapter, wait)
    try:
        return str(adapter.read()).rstrip("\r\n")
    except InstrumentTimeout:
        return None


def call_while_waiting(adapter: Any, action: Callable[[], None]) -> None:
    """Have ``action`` called every 0.2 s while a reply is waited for; what it raises ends the wait."""
    adapter.on_wait = action


def call_after_exchange(adapter: Any, action: Callable[[bytes, bytes], None]) -> None:
    """Have ``action`` called with every message that was sent, and with whatever has arrived, from the first one on."""
    for sent, received in adapter.first_exchanges:
        action(sent, received)
    adapter.first_exchanges.clear()
    adapter.on_exchange = action


def _clock_of(connection: Any) -> Callable[[], float]:
    clock: Any = getattr(getattr(connection, "visalib", None), "clock", None)
    return clock.now if callable(getattr(clock, "now", None)) else time.monotonic


def _nothing() -> None:
    """Nothing to do while a reply is waited for."""


def line_end(adapter: Any) -> bytes:
    """The byte that ends a line from the instrument."""
    termination = getattr(adapter.connection, "read_termination", None)
    return termination[-1:].encode() if isinstance(termination, str) and termination else b"\n"


def set_timeout(adapter: Any, seconds: float) -> None:
    """Set how long a read waits for its reply, s."""
    if isinstance(adapter, Link):
        adapter.patience = seconds
    else:
        adapter.connection.timeout = round(seconds * 1000)


def waited(adapter: Any) -> float:
    """How long was waited since the last message was sent, s; 0 on adapters that can't tell."""
    return adapter.waited if isinstance(adapter, Link) else 0.0


def now(adapter: Any) -> float:
    """The time of the instrument, s: of a simulated one it is virtual."""
    return _clock_of(adapter.connection)()


def bytes_waiting(adapter: Any) -> int:
    """How many bytes have arrived on a serial line and were not read; 0 on links that can't tell."""
    with _translating(adapter, "asking for received bytes"):
        waiting = getattr(adapter.connection, "bytes_in_buffer", 0)
    held = adapter.held if isinstance(adapter, Link) else 0
    return held + (waiting if isinstance(waiting, int) else 0)


def transfer_time(adapter: Any, characters: int) -> float:
    """The longest that a reply of so many characters is under way, s: by the baud rate, or at 5 kB/s on other links."""
    known = getattr(adapter, "characters_per_second", None)
    rate = known if isinstance(known, float) else _characters_per_second(adapter.connection)
    return 1.3 * characters / rate


def _characters_per_second(connection: Any) -> float:
    baud_rate = getattr(connection, "baud_rate", None)
    return baud_rate / 10 if isinstance(baud_rate, int) else 5000.0


ABORT_CHARACTER = b"\x03"  # Ctrl-C: the Keithley pair takes it on RS-232 as a device clear


def device_clear(adapter: Any) -> None:
    """Clear the device: SDC on GPIB; the abort character on a serial line or socket. Old replies are discarded.

    :raises LinkLost: the connection failed.
    :raises InstrumentTimeout: the link does not take it.
    """
    interrupt(adapter)
    drain(adapter)


def drain(adapter: Any) -> None:
    """Throw away what is left of earlier replies; on a bus a device clear has done so already."""
    if isinstance(adapter.connection, _LINES):
        adapter.flush_read_buffer()
    elif isinstance(adapter, Link):
        adapter.forget()


def interrupt(adapter: Any) -> None:
    """Clear the device as :func:`device_clear` does, but wait for nothing: old replies may still be on their way.

    :raises LinkLost: the connection failed.
    :raises InstrumentTimeout: the link does not take it.
    """
    if isinstance(adapter.connection, _LINES):
        if isinstance(adapter.connection, SerialInstrument):
            with contextlib.suppress(*FOREIGN):  # what still waits to be sent must not go first
                adapter.connection.flush(BufferOperation.discard_transmit_buffer)
        adapter.write_bytes(ABORT_CHARACTER)
        return
    with _translating(adapter, "clearing the device"):
        if isinstance(adapter, Link):
            adapter.allow(_CLEARING)
        adapter.connection.clear()


def serial_poll(adapter: Any) -> int:
    """Read the status byte by serial poll (GPIB), which an instrument answers even while it is busy.

    :raises RefusedByDriver: the link has no serial poll.
    """
    with _translating(adapter, "serial poll"):
        return int(adapter.connection.read_stb())


def _translating(adapter: Any, doing: str) -> contextlib.AbstractContextManager[None]:
    return adapter.translating(doing) if isinstance(adapter, Link) else contextlib.nullcontext()
