"""An in-process PyVISA library over the twins: the resource names of a real bench, on virtual time.

Give it to PyVISA as an object, ``pyvisa.ResourceManager(library)``, or to pymeasure as
``VISAAdapter(resource, visa_library=library)``. A read with nothing ready lets the clock run from event to event
until the reply is there or the time-out has passed, so a reading of 20 ms costs 20 simulated ms and next to no
real ones. Nothing here starts a thread; one library belongs to one thread at a time.

Operations and attributes follow VPP-4.3, the VISA library specification (IVI Foundation).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pyvisa import attributes, constants, errors, rname
from pyvisa.constants import EventMechanism, EventType, InterfaceType, ResourceAttribute, StatusCode
from pyvisa.highlevel import VisaLibraryBase
from pyvisa.typing import VISAEventContext, VISARMSession, VISASession
from pyvisa.util import LibraryPath

from drivers.simulated.clock import VirtualClock
from drivers.simulated.twin import Twin

#: Called before every operation with its number (from 1), the resource name and the operation's name.
BeforeOperation = Callable[[int, str, str], None]

_TIMEOUT = ResourceAttribute.timeout_value
_TERMCHAR = ResourceAttribute.termchar
_TERMCHAR_ENABLED = ResourceAttribute.termchar_enabled
_SEND_END = ResourceAttribute.send_end_enabled
_END_IN = ResourceAttribute.asrl_end_in
_SUPPRESS_END = ResourceAttribute.suppress_end_enabled
_AVAILABLE = ResourceAttribute.asrl_avalaible_number

_numbers = itertools.count(1)


@dataclass
class _Session:
    resource: str
    twin: Twin | None  # None: the GPIB interface itself
    interface: InterfaceType
    attributes: dict[int, Any]
    received: bytearray = field(default_factory=bytearray)
    message_ends: bool = False  # the END line came with the last byte in ``received``
    events: set[int] = field(default_factory=set)

    @property
    def is_gpib(self) -> bool:
        return self.interface == InterfaceType.gpib


class SimulatedVisaLibrary(VisaLibraryBase):
    """Twins by resource name, such as ``GPIB0::24::INSTR``, ``ASRL3::INSTR``, ``TCPIP0::host::5025::SOCKET``.

    ``before_operation`` may raise a VisaIOError in place of the operation; ``operations`` counts them.
    """

    def __new__(
        cls,
        clock: VirtualClock,  # noqa: ARG004
        twins: Mapping[str, Twin],  # noqa: ARG004
        before_operation: BeforeOperation | None = None,  # noqa: ARG004
    ) -> SimulatedVisaLibrary:
        """Make a library of its own: PyVISA would hand out one object for one path."""
        library = super().__new__(cls, LibraryPath(f"simulated-{next(_numbers)}", "simulated"))
        assert isinstance(library, SimulatedVisaLibrary)
        return library

    def __init__(
        self,
        clock: VirtualClock,
        twins: Mapping[str, Twin],
        before_operation: BeforeOperation | None = None,
    ) -> None:
        self.clock = clock
        self.twins = {rname.to_canonical_name(name): twin for name, twin in twins.items()}
        self.before_operation = before_operation
        self.operations = 0
        self._sessions: dict[int, _Session] = {}
        self._handles = itertools.count(2)

    # sessions ---------------------------------------------------------------------------------------------

    def open_default_resource_manager(self) -> tuple[VISARMSession, StatusCode]:
        """Open the one resource manager."""
        return VISARMSession(1), self.handle_return_value(VISARMSession(1), StatusCode.success)

    def list_resources(self, session: VISARMSession, query: str = "?*::INSTR") -> tuple[str, ...]:  # noqa: ARG002
        """List the twins whose names match a VISA expression."""
        return rname.filter(self.twins, query)

    def open(
        self,
        session: VISARMSession,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,  # noqa: ARG002
        open_timeout: int = constants.VI_TMO_IMMEDIATE,  # noqa: ARG002
    ) -> tuple[VISASession, StatusCode]:
        """Open a session; VI_ERROR_RSRC_NFOUND for a name no twin has."""
        try:
            parsed = rname.parse_resource_name(resource_name)
        except ValueError:
            self._refuse(session, StatusCode.error_invalid_resource_name)
        name = str(parsed)
        self._count(name, "open")
        if name not in self.twins and not self._is_interface(name):
            self._refuse(session, StatusCode.error_resource_not_found)
        handle = VISASession(next(self._handles))
        opened = _Session(name, self.twins.get(name), parsed.interface_type_const, _default_attributes(parsed, name))
        if opened.twin is not None and not opened.is_gpib:
            while opened.twin.transmit()[0]:
                pass  # what was sent while no session was open is lost
        self._sessions[handle] = opened
        return handle, self.handle_return_value(handle, StatusCode.success)

    def close(self, session: VISASession | VISAEventContext | VISARMSession) -> StatusCode:
        """Close a session; the resource manager's own closes all."""
        if session == 1:
            self._sessions.clear()
        else:
            self._sessions.pop(session, None)
        return self.handle_return_value(None, StatusCode.success)

    def _is_interface(self, name: str) -> bool:
        board, _, kind = name.partition("::")
        return kind == "INTFC" and any(twin.startswith(f"{board}::") for twin in self.twins)

    def _refuse(self, handle: int, status: StatusCode) -> NoReturn:
        self.handle_return_value(VISASession(handle), status)
        raise errors.VisaIOError(status)

    def _opened(self, handle: int) -> _Session:
        session = self._sessions.get(handle)
        if session is None:
            self._refuse(handle, StatusCode.error_invalid_object)
        return session

    def _session(self, handle: int, operation: str) -> _Session:
        session = self._opened(handle)
        self._count(session.resource, operation)
        return session

    def _twin(self, handle: int, operation: str) -> tuple[_Session, Twin]:
        session = self._session(handle, operation)
        if session.twin is None:
            self._refuse(handle, StatusCode.error_nonsupported_operation)
        return session, session.twin

    def _gpib_twin(self, handle: int, operation: str) -> tuple[_Session, Twin]:
        session, twin = self._twin(handle, operation)
        if not session.is_gpib:
            self._refuse(handle, StatusCode.error_nonsupported_operation)
        return session, twin

    def _count(self, resource: str, operation: str) -> None:
        self.operations += 1
        if self.before_operation is not None:
            self.before_operation(self.operations, resource, operation)

    # messages ---------------------------------------------------------------------------------------------

    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        """Send bytes; on GPIB the last one carries END unless send_end is off."""
        opened, twin = self._twin(session, "write")
        if opened.is_gpib:  # what was not read is still in the instrument, which drops it for the new message
            opened.received.clear()
            opened.message_ends = False
        twin.receive(data, end=opened.is_gpib and bool(opened.attributes[_SEND_END]))
        return len(data), self.handle_return_value(session, StatusCode.success)

    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]:
        """Read until END, the termination character or ``count`` bytes; VI_ERROR_TMO after the time-out."""
        opened, twin = self._twin(session, "read")
        fetch = self._fetch_message if opened.is_gpib else self._fetch_stream
        deadline = self._deadline(opened)
        while True:
            fetch(opened, twin, count)
            piece = _take(opened, count)
            if piece is not None:
                return piece[0], self.handle_return_value(session, piece[1])
            if not self._wait(deadline):
                break
        if opened.is_gpib and not opened.received:
            twin.talk_with_nothing_to_say()
        opened.received.clear()
        return self._refuse(session, StatusCode.error_timeout)

    def _fetch_message(self, session: _Session, twin: Twin, count: int) -> None:
        """Take bytes of one message from the bus, no more than asked for."""
        while not session.message_ends and len(session.received) < count:
            data, session.message_ends = twin.transmit(count - len(session.received))
            if not data:
                return
            session.received += data

    def _fetch_stream(self, session: _Session, twin: Twin, count: int) -> None:  # noqa: ARG002
        """Take everything that has come down the line."""
        while data := twin.transmit()[0]:
            session.received += data

    def _deadline(self, session: _Session, timeout: int | None = None) -> float:
        milliseconds = session.attributes[_TIMEOUT] if timeout is None else timeout
        if milliseconds == constants.VI_TMO_INFINITE:
            return float("inf")
        return self.clock.now() + milliseconds * 1e-3

    def _wait(self, deadline: float) -> bool:
        """Let time pass to the next event; False when the deadline is reached with nothing left to happen.

        Waiting for ever for something that can never happen ends at once: there is no difference to be seen.
        """
        due = self.clock.next_event()
        if due is not None and due <= deadline:
            self.clock.advance_to(due)
            return True
        if deadline != float("inf"):
            self.clock.advance_to(deadline)
        return False

    def flush(self, session: VISASession, mask: constants.BufferOperation) -> StatusCode:
        """Drop received bytes when a receive buffer is to be discarded; nothing waits in send buffers."""
        opened, twin = self._twin(session, "flush")
        discards = (
            constants.BufferOperation.discard_read_buffer
            | constants.BufferOperation.discard_read_buffer_no_io
            | constants.BufferOperation.discard_receive_buffer
            | constants.BufferOperation.discard_receive_buffer2
        )
        if mask & discards:
            self._discard(opened, twin)
        return self.handle_return_value(session, StatusCode.success)

    def _discard(self, session: _Session, twin: Twin) -> None:
        if not session.is_gpib:
            self._fetch_stream(session, twin, 0)
        session.received.clear()
        session.message_ends = False

    def clear(self, session: VISASession) -> StatusCode:
        """Selected device clear on GPIB; elsewhere the receive buffer is dropped."""
        opened, twin = self._twin(session, "clear")
        if opened.is_gpib:
            twin.device_clear()
        self._discard(opened, twin)
        return self.handle_return_value(session, StatusCode.success)

    def assert_trigger(self, session: VISASession, protocol: constants.TriggerProtocol) -> StatusCode:  # noqa: ARG002
        """Group execute trigger on GPIB; VI_ERROR_NSUP_OPER elsewhere."""
        _, twin = self._gpib_twin(session, "assert_trigger")
        twin.group_execute_trigger()
        return self.handle_return_value(session, StatusCode.success)

    def read_stb(self, session: VISASession) -> tuple[int, StatusCode]:
        """Serial poll on GPIB; VI_ERROR_NSUP_OPER elsewhere."""
        _, twin = self._gpib_twin(session, "read_stb")
        return twin.serial_poll(), self.handle_return_value(session, StatusCode.success)

    # service requests -------------------------------------------------------------------------------------

    def enable_event(
        self,
        session: VISASession,
        event_type: EventType,
        mechanism: EventMechanism,
        context: None = None,  # noqa: ARG002
    ) -> StatusCode:
        """Let service requests of a GPIB twin be waited for in the queue."""
        opened, _ = self._gpib_twin(session, "enable_event")
        if event_type != EventType.service_request or mechanism != EventMechanism.queue:
            self._refuse(session, StatusCode.error_nonsupported_mechanism)
        opened.events.add(event_type)
        return self.handle_return_value(session, StatusCode.success)

    def disable_event(
        self,
        session: VISASession,
        event_type: EventType,
        mechanism: EventMechanism,  # noqa: ARG002
    ) -> StatusCode:
        """Stop waiting for events."""
        opened = self._sessions.get(session)
        if opened is not None and event_type == EventType.all_enabled:
            opened.events.clear()
        elif opened is not None:
            opened.events.discard(event_type)
        return self.handle_return_value(session, StatusCode.success)

    def discard_events(
        self,
        session: VISASession,
        event_type: EventType,  # noqa: ARG002
        mechanism: EventMechanism,  # noqa: ARG002
    ) -> StatusCode:
        """Do nothing: the SRQ line itself is looked at, no occurrence is queued."""
        return self.handle_return_value(session, StatusCode.success)

    def wait_on_event(
        self, session: VISASession, in_event_type: EventType, timeout: int
    ) -> tuple[EventType, VISAEventContext, StatusCode]:
        """Wait until the twin pulls SRQ; VI_ERROR_TMO after ``timeout`` (ms)."""
        opened, twin = self._gpib_twin(session, "wait_on_event")
        if in_event_type not in opened.events:
            self._refuse(session, StatusCode.error_not_enabled)
        deadline = self._deadline(opened, timeout)
        while not twin.service_request:
            if not self._wait(deadline):
                self._refuse(session, StatusCode.error_timeout)
        return in_event_type, _NO_CONTEXT, self.handle_return_value(session, StatusCode.success)

    # the bus itself ---------------------------------------------------------------------------------------

    def gpib_command(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        """Send command bytes with ATN: GET and SDC to the addressed listeners, DCL to all (IEEE 488.1)."""
        opened = self._session(session, "gpib_command")
        if not opened.is_gpib:
            self._refuse(session, StatusCode.error_nonsupported_operation)
        board = opened.resource.partition("::")[0]
        listeners: list[Twin] = []
        for byte in data:
            if 0x20 <= byte <= 0x3E:
                listeners += [twin for name, twin in self.twins.items() if name == f"{board}::{byte - 0x20}::INSTR"]
            elif byte == 0x3F:
                listeners.clear()
            else:
                self._bus_command(byte, board, listeners)
        return len(data), self.handle_return_value(session, StatusCode.success)

    def _bus_command(self, byte: int, board: str, listeners: list[Twin]) -> None:
        if byte == 0x08:
            for twin in listeners:
                twin.group_execute_trigger()
        elif byte == 0x04:
            for twin in listeners:
                twin.device_clear()
        elif byte == 0x14:
            for name, twin in self.twins.items():
                if name.startswith(f"{board}::"):
                    twin.device_clear()

    def gpib_control_ren(self, session: VISASession, mode: constants.RENLineOperation) -> StatusCode:
        """Set the REN line; a twin that knows a local state hears when it is to go there."""
        opened = self._session(session, "gpib_control_ren")
        if not opened.is_gpib:
            self._refuse(session, StatusCode.error_nonsupported_operation)
        local = mode in (
            constants.RENLineOperation.deassert,
            constants.RENLineOperation.deassert_gtl,
            constants.RENLineOperation.address_gtl,
        )
        go_to_local = getattr(opened.twin, "go_to_local", None)
        if local and go_to_local is not None:
            go_to_local()
        return self.handle_return_value(session, StatusCode.success)

    def gpib_control_atn(self, session: VISASession, mode: constants.ATNLineOperation) -> StatusCode:  # noqa: ARG002
        """Set the ATN line, which has no effect of its own."""
        self._session(session, "gpib_control_atn")
        return self.handle_return_value(session, StatusCode.success)

    def gpib_send_ifc(self, session: VISASession) -> StatusCode:
        """Pulse IFC: talkers and listeners are unaddressed, which the twins do not notice."""
        self._session(session, "gpib_send_ifc")
        return self.handle_return_value(session, StatusCode.success)

    # attributes -------------------------------------------------------------------------------------------

    def get_attribute(
        self, session: VISASession | VISAEventContext | VISARMSession, attribute: ResourceAttribute | Any
    ) -> tuple[Any, StatusCode]:
        """Read an attribute of a session."""
        opened = self._opened(session)
        if attribute == _AVAILABLE and opened.twin is not None:
            self._fetch_stream(opened, opened.twin, 0)
            return len(opened.received), self.handle_return_value(session, StatusCode.success)
        if attribute not in opened.attributes:
            self._refuse(session, StatusCode.error_nonsupported_attribute)
        return opened.attributes[attribute], self.handle_return_value(session, StatusCode.success)

    def set_attribute(self, session: VISASession, attribute: ResourceAttribute, attribute_state: Any) -> StatusCode:
        """Set an attribute of a session; every one that VISA knows for its kind is accepted."""
        opened = self._opened(session)
        if attribute not in opened.attributes:
            self._refuse(session, StatusCode.error_nonsupported_attribute)
        opened.attributes[attribute] = attribute_state
        return self.handle_return_value(session, StatusCode.success)


#: PyVISA asks for no context of a service request.
_NO_CONTEXT: Any = None


def _take(session: _Session, count: int) -> tuple[bytes, StatusCode] | None:
    """Take what a read of ``count`` bytes returns from what has come; None when the read goes on waiting."""
    received = session.received
    stop = _termination(session)
    if 0 < stop <= count:
        enabled = session.attributes[_TERMCHAR_ENABLED]
        status = StatusCode.success_termination_character_read if enabled else StatusCode.success
        if session.is_gpib and stop == len(received) and session.message_ends:
            status = StatusCode.success
        return _cut(session, stop), status
    if session.message_ends and len(received) <= count:
        return _cut(session, len(received)), StatusCode.success
    if len(received) >= count:
        return _cut(session, count), StatusCode.success_max_count_read
    if received and not session.is_gpib and not session.attributes[_SUPPRESS_END]:
        return _cut(session, len(received)), StatusCode.success
    return None


def _termination(session: _Session) -> int:
    """How many bytes up to and including the termination character, 0 without."""
    values = session.attributes
    ends_at_character = values.get(_END_IN) == constants.SerialTermination.termination_char
    if not (values[_TERMCHAR_ENABLED] or ends_at_character):
        return 0
    return session.received.find(int(values[_TERMCHAR])) + 1


def _cut(session: _Session, length: int) -> bytes:
    data = bytes(session.received[:length])
    del session.received[:length]
    if not session.received:
        session.message_ends = False
    return data


def _default_attributes(parsed: rname.ResourceName, name: str) -> dict[int, Any]:
    """Every attribute that VISA defines for this kind of session, at its default."""
    kinds = attributes.AttributesPerResource
    defined = kinds[(parsed.interface_type_const, parsed.resource_class)] | kinds[attributes.AllSessionTypes]
    values: dict[int, Any] = {kind.attribute_id: kind.default for kind in defined}
    board = str(getattr(parsed, "board", "0"))
    values |= {
        ResourceAttribute.resource_name: name,
        ResourceAttribute.resource_class: parsed.resource_class,
        ResourceAttribute.interface_type: parsed.interface_type_const,
        ResourceAttribute.interface_number: int(board) if board.isdigit() else 0,
        _TIMEOUT: 2000,
        _TERMCHAR: 0x0A,
        _TERMCHAR_ENABLED: constants.VI_FALSE,
        _SEND_END: constants.VI_TRUE,
        _SUPPRESS_END: constants.VI_TRUE,
    }
    if parsed.interface_type_const == InterfaceType.gpib:
        values[ResourceAttribute.gpib_primary_address] = int(getattr(parsed, "primary_address", 0))
        values[ResourceAttribute.gpib_secondary_address] = constants.VI_NO_SEC_ADDR
    if parsed.interface_type_const == InterfaceType.asrl:
        values[_END_IN] = constants.SerialTermination.termination_char
    return values
