"""The one seam between the drivers and PyVISA: opening an address, and turning foreign exceptions into ours.

Any resource PyVISA knows will do (``GPIB0::24::INSTR``, ``ASRL3::INSTR``, ``TCPIP::host::port::SOCKET``), with a
vendor's VISA, with PyVISA-py, or with a VISA library object that lives in this process.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pyvisa
from pymeasure.adapters import VISAAdapter
from pyvisa.constants import ControlFlow, StatusCode
from pyvisa.resources import SerialInstrument, TCPIPSocket
from pyvisa.rname import InvalidResourceName, to_canonical_name

from drivers.errors import (
    CannotConnect,
    InstrumentError,
    InstrumentTimeout,
    LinkLost,
    RefusedByDriver,
    UnexpectedReply,
)

# pySerial's exceptions are OSErrors
_FOREIGN = (pyvisa.Error, OSError)

# Where bytes arrive one by one, and a reply may be half-way
_LINES = (SerialInstrument, TCPIPSocket)
_QUIET = 0.1  # a line is quiet after this time without a byte, s: some three characters at 300 baud
_LONGEST_REMAINDER = 4096  # bytes that may be on their way: the receive buffer of an operating system

_FLOW_CONTROL = {
    "none": ControlFlow.none,
    "xon_xoff": ControlFlow.xon_xoff,
    "rts_cts": ControlFlow.rts_cts,
}

_DEVICE_FILE = re.compile(r"ASRL\d*:*(/.+)::INSTR", re.IGNORECASE)
_WINDOWS_PORT = re.compile(r"^ASRLCOM(?=\d)")


@dataclass(frozen=True)
class SerialLine:
    """Settings of a serial line, eight data bits without parity; ``terminator`` ends lines in both directions."""

    baud_rate: int = 9600
    terminator: str = "\r"
    flow_control: Literal["none", "xon_xoff", "rts_cts"] = "none"


class Link(VISAAdapter):  # type: ignore[misc]  # pymeasure carries no types
    """A PyMeasure adapter whose failures are :class:`~drivers.errors.InstrumentError`."""

    def __init__(self, resource: str, where: str, visa_library: Any, **settings: Any) -> None:
        self.where = where
        self.awake: socket.socket | None = None
        super().__init__(resource, visa_library=visa_library, **settings)

    def _write(self, command: str, **kwargs: Any) -> None:
        try:
            super()._write(command, **kwargs)
        except _FOREIGN as error:
            raise self._translated(error, f"sending {command}") from error

    def _write_bytes(self, content: bytes, **kwargs: Any) -> None:
        with self.translating(f"sending {content!r}"):
            super()._write_bytes(content, **kwargs)

    def _read(self, **kwargs: Any) -> str:
        if self.awake is not None:
            _stay_awake(self.awake)
        try:
            return str(super()._read(**kwargs))
        except UnicodeDecodeError as error:
            raise UnexpectedReply(self.where, "a query", repr(error.object), GARBLED) from error
        except _FOREIGN as error:
            raise self._translated(error, "waiting for a reply") from error

    def _read_bytes(self, count: int, break_on_termchar: bool = False, **kwargs: Any) -> bytes:
        with self.translating("waiting for a reply"):
            return bytes(super()._read_bytes(count, break_on_termchar, **kwargs))

    def flush_read_buffer(self) -> None:
        """Throw away whatever has arrived and was not read; on a line also what is still on its way."""
        with self.translating("discarding old replies"):
            if (sock := _socket_of(self.connection)) is None:
                super().flush_read_buffer()
            else:
                _drain(sock)
            if isinstance(self.connection, _LINES):
                self._await_quiet()

    def _await_quiet(self) -> None:
        timeout = self.connection.timeout
        self.connection.timeout = round(_QUIET * 1000)
        try:
            for _ in range(_LONGEST_REMAINDER):
                super()._read_bytes(1)
        except pyvisa.VisaIOError as error:
            if error.error_code != StatusCode.error_timeout:
                raise
        finally:
            self.connection.timeout = timeout

    @contextlib.contextmanager
    def translating(self, doing: str) -> Iterator[None]:
        """Turn PyVISA's and the system's exceptions into ours while ``doing`` something."""
        try:
            yield
        except _FOREIGN as error:
            raise self._translated(error, doing) from error

    def _translated(self, error: Exception, doing: str) -> InstrumentError:
        code = error.error_code if isinstance(error, pyvisa.VisaIOError) else None
        if code == StatusCode.error_nonsupported_operation:
            return RefusedByDriver(self.where, f"{doing} is not possible on this kind of link")
        if code == StatusCode.error_timeout and not _closed_by_peer(self.connection):
            seconds = self.connection.timeout / 1000
            return InstrumentTimeout(self.where, f"{doing} took longer than {seconds:g} s", TIMEOUT_MEND)
        return LinkLost(self.where, f"{doing} failed ({error})", "Check cable, power and interface, then reconnect")


GARBLED = "Check baud rate, parity and terminator"
TIMEOUT_MEND = "Check that the instrument is on, its interface is selected, and address and terminator are right"


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
    back every message, or a reply on its way. Raises :class:`~drivers.errors.CannotConnect`.
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
        _tune_socket(link.connection)
        link.awake = _socket_of(link.connection)
        if clear:
            device_clear(link)
    except Exception as error:  # PyVISA-py reports a failed opening as a bare Exception
        if link is not None:
            let_go(link)
        raise CannotConnect(where, f"cannot be opened ({error})", how_to_open(str(error))) from error
    return link


#: What helps when an address cannot be opened, by what PyVISA, pySerial or the system says.
_WAYS_IN = (
    ("linux-gpib", "Install the VISA of the GPIB adapter (NI-VISA, Keysight IO Libraries), or linux-gpib"),
    ("refused", "Check address and port number: the computer is there, but nothing listens at this port"),
    ("Name or service|getaddrinfo|nodename", "Check the name of the host, or write its number"),
    (
        "No such file|FileNotFound",
        "Plug it in and check the port's name; `python -m serial.tools.list_ports` lists all",
    ),
    ("Permission denied", "Join the group that owns the port (Linux: dialout), then log in again"),
    ("Access is denied|busy", "Close the other program that uses the port"),
)
_WAY_IN = "Check power, cable and address; `pyvisa-info` and `pyvisa-shell` list what can be reached"


def how_to_open(problem: str) -> str:
    """What to do about an address that cannot be opened for this reason."""
    return next((mend for pattern, mend in _WAYS_IN if re.search(pattern, problem, re.IGNORECASE)), _WAY_IN)


def let_go(adapter: Any) -> None:
    """Close an adapter in whatever state its link is; never raises.

    A serial port or socket that stays open could not be opened again.
    """
    try:
        adapter.close()
    except Exception:  # PyVISA asks the link for this and that before it closes it
        with contextlib.suppress(Exception):
            adapter.connection.visalib.close(adapter.connection.session)


def list_resources(visa_library: Any = "") -> tuple[str, ...]:
    """Every address that VISA can see; serial ports are listed whether something is connected or not.

    Raises :class:`~drivers.errors.CannotConnect` when there is no VISA.
    """
    try:
        with warnings.catch_warnings():
            # PyVISA-py tells of optional packages that would find more instruments on the network
            warnings.simplefilter("ignore")
            return tuple(pyvisa.ResourceManager(visa_library).list_resources("?*"))
    except (*_FOREIGN, ValueError) as error:
        mend = 'Install NI-VISA or Keysight IO Libraries, or write visa: "@py" in the bench file'
        raise CannotConnect("VISA", f"cannot be used ({error})", mend) from error


def load(visa_library: Any = "") -> object:
    """Load a VISA library, which takes its time, before it is needed; it stays loaded while what this returns is kept.

    Raises :class:`~drivers.errors.CannotConnect` when there is none.
    """
    try:
        return pyvisa.ResourceManager(visa_library)
    except (*_FOREIGN, ValueError) as error:
        mend = 'Install NI-VISA or Keysight IO Libraries, or write visa: "@py" in the bench file'
        raise CannotConnect("VISA", f"cannot be used ({error})", mend) from error


def canonical_resource(resource: str) -> str:
    """One name for one address, however it is written: ``gpib::24`` is ``GPIB0::24::INSTR``.

    Links to a serial port's device file are followed. What VISA would not take is returned in capitals.
    """
    if device := _DEVICE_FILE.fullmatch(resource):
        resource = f"ASRL{os.path.realpath(device[1])}::INSTR"
    name = _WINDOWS_PORT.sub("ASRL", resource.upper())
    try:
        return str(to_canonical_name(name))
    except InvalidResourceName:
        return name


def _serial_settings(line: SerialLine) -> dict[str, object]:
    return {
        "baud_rate": line.baud_rate,
        "flow_control": _FLOW_CONTROL[line.flow_control],
        "read_termination": line.terminator,
        "write_termination": line.terminator,
    }


def _socket_of(connection: Any) -> socket.socket | None:
    """The socket below a PyVISA-py session; other libraries keep theirs to themselves."""
    sessions = getattr(connection.visalib, "sessions", None)
    interface = getattr(sessions.get(connection.session), "interface", None) if isinstance(sessions, dict) else None
    return interface if isinstance(interface, socket.socket) else None


def _drain(sock: socket.socket) -> None:
    """Throw away what has arrived. PyVISA-py's own flush never returns once the other end has hung up."""
    while select.select((sock,), (), (), 0)[0]:
        if not sock.recv(_LONGEST_REMAINDER):
            raise ConnectionResetError("the other end has hung up")


def _stay_awake(sock: socket.socket) -> None:
    """Look for a reply for a moment without sleeping: to be woken takes longer than a quick instrument needs."""
    until = time.perf_counter() + _MOMENT
    while not select.select((sock,), (), (), 0)[0] and time.perf_counter() < until:
        pass


_MOMENT = 0.3e-3  # s


def _tune_socket(connection: Any) -> None:
    """Send small messages at once: with Nagle's algorithm a write that follows a write waits some 40 ms."""
    if (sock := _socket_of(connection)) is None:
        return
    if refused := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(refused, "connection refused")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _closed_by_peer(connection: Any) -> bool:
    """Whether the other end of a socket has hung up, which PyVISA-py reports as a time-out."""
    if (sock := _socket_of(connection)) is None:
        return False
    sock.setblocking(False)
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        sock.setblocking(True)


def resource_of(adapter: Any) -> str:
    """The resource name behind an adapter, for messages; empty when it has none."""
    return str(getattr(adapter, "resource_name", "") or "")


def line_end(adapter: Any) -> bytes:
    """The byte that ends a line from the instrument."""
    termination = getattr(adapter.connection, "read_termination", None)
    return termination[-1:].encode() if isinstance(termination, str) and termination else b"\n"


def set_timeout(adapter: Any, seconds: float) -> None:
    """Set how long a read waits for its reply, s."""
    with _translating(adapter, "setting the time-out"):
        adapter.connection.timeout = round(seconds * 1000)


def transfer_time(adapter: Any, characters: int) -> float:
    """The longest that a reply of so many characters is under way, s: by the baud rate, or at 5 kB/s on other links."""
    with _translating(adapter, "asking for the baud rate"):
        baud_rate = getattr(adapter.connection, "baud_rate", None)
    rate = baud_rate / 10 if isinstance(baud_rate, int) else 5000.0
    return 1.3 * characters / rate


ABORT_CHARACTER = b"\x03"  # Ctrl-C: the Keithley pair takes it on RS-232 as a device clear


def device_clear(adapter: Any) -> None:
    """Clear the device: SDC on GPIB; the abort character on a serial line or socket. Old replies are discarded.

    Raises :class:`~drivers.errors.LinkLost` or :class:`~drivers.errors.InstrumentTimeout`.
    """
    interrupt(adapter)
    if isinstance(adapter.connection, _LINES):
        adapter.flush_read_buffer()


def interrupt(adapter: Any) -> None:
    """Clear the device as :func:`device_clear` does, but wait for nothing: old replies may still be on their way.

    Raises :class:`~drivers.errors.LinkLost` or :class:`~drivers.errors.InstrumentTimeout`.
    """
    if isinstance(adapter.connection, _LINES):
        adapter.write_bytes(ABORT_CHARACTER)
        return
    with _translating(adapter, "clearing the device"):
        adapter.connection.clear()


def serial_poll(adapter: Any) -> int:
    """Read the status byte by serial poll (GPIB), which an instrument answers even while it is busy.

    Raises :class:`~drivers.errors.RefusedByDriver` on links that have no serial poll.
    """
    with _translating(adapter, "serial poll"):
        return int(adapter.connection.read_stb())


def wait_for_service_request(adapter: Any, timeout: float) -> None:
    """Wait at most ``timeout`` s for SRQ (GPIB); raises :class:`~drivers.errors.InstrumentTimeout`."""
    with _translating(adapter, "waiting for a service request"):
        adapter.connection.wait_for_srq(round(timeout * 1000))


def _translating(adapter: Any, doing: str) -> contextlib.AbstractContextManager[None]:
    return adapter.translating(doing) if isinstance(adapter, Link) else contextlib.nullcontext()
