"""The twins on real ports, in real time: TCP sockets and, where the system has them, serial pseudo-terminals.

with serving(SimulatedBenchOptions(load=parameters)) as bench:
    for port in bench.ports:
        print(port.role, port.tcp, port.serial)

Every instrument listens on a TCP port of its own and hangs on a pseudo-terminal of its own; both lead to the same
twin, all twins to one fixture and one clock. One thread does everything.

What holds for clients, however many there are:

- Bytes may come split or merged. A message is handed over once its end has come, so halves of two clients never
  mix. Messages end with LF on a socket; on a serial line with the terminator of the twin's options (CR by default);
  the spectroradiometer takes CR, LF and CR LF everywhere.
- A reply goes to the client that asked last. Who asks while another client's reading is still being taken gets
  that reading too.
- Ctrl-C and Ctrl-X (3 and 24) clear the Keithleys on both kinds of port, as on their RS-232 interface: the messages
  before the character are carried out, what is under way is dropped, the output stays as it is.
- When a client hangs up before its reply has come, a Keithley is cleared, so that no other client gets that reply. The
  spectroradiometer knows no clear: it goes on measuring, and its late lines are the next one's, as on its real line.
- A pseudo-terminal cannot tell that its client is gone; as on a real serial line the next one finds what was left.
  Replies that do not fit into it are lost once the client has not read for 5 s.
- From a client that does not fetch its replies nothing more is taken until it does; the others are served meanwhile.
- What one client sends to two instruments in turn arrives in that order on sockets; on pseudo-terminals the system
  may pass it on the other way round. That shows only where a reading takes no time at all.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from drivers.simulated.bench import TWINS, SimulatedBenchOptions, build_fixture, build_twins
from drivers.simulated.clock import Event, RealClock
from drivers.simulated.cs2000a.twin import LONGEST_SILENCE, CS2000ATwin
from drivers.simulated.fixture import TestFixture
from drivers.simulated.scpi.instrument import Interface, ScpiInstrument
from drivers.simulated.trigger_link import TriggerLink
from drivers.simulated.twin import Twin

MODELS = {role: kind.model for role, kind in TWINS.items()}

_MOST_CHANNELS = 200  # select() has room for 512 on Windows, for file numbers below 1024 elsewhere
_LONGEST_WAIT = 0.2  # s between two looks at whether to stop
_STAY_AWAKE = 0.5e-3  # s after a message
_LARGEST_PIECE = 4096  # bytes taken from a client before it is the others' turn
_LARGEST_PARCEL = 65536  # bytes given to the system at once
_LONGEST_MESSAGE = 4096  # bytes: beyond what any of the instruments takes; the rest of a message is dropped
_ENOUGH_TO_SEND = 1 << 18  # bytes of replies waiting for a client that is then not listened to
_LARGEST_BACKLOG = 1 << 20  # bytes of replies that are not fetched; a full 2500-point buffer is 175 kB
_READER_PATIENCE = 5.0  # s without anybody reading from a pseudo-terminal
_PROBE_IDLE = 30.0  # s until a silent client is asked whether it is still there
_ABORT_CHARACTERS = re.compile(rb"[\x03\x18]")

#: Called with time (s), role, whether the host sends, and the bytes.
Watch = Callable[[float, str, bool, bytes], None]


@dataclass(frozen=True)
class Port:
    """Where one instrument can be reached, as VISA resource names; ``serial`` is None without pseudo-terminals."""

    role: str
    model: str
    tcp: str
    serial: str | None


class BenchServer:
    """A simulated bench on real ports. They are open once this is made; :meth:`run` makes the twins answer.

    ``port`` is the TCP port of the first instrument, the others follow; 0 takes any that are free. ``terminals``:
    pseudo-terminals too. ``watch`` hears all traffic.

    :raises OSError: a port cannot be had.
    """

    def __init__(
        self,
        options: SimulatedBenchOptions,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        terminals: bool = True,
        watch: Watch | None = None,
    ) -> None:
        self.clock = RealClock()
        self.fixture = build_fixture(options, self.clock)
        self.twins = _twins_by_role(options, self.fixture)
        self._instruments = [_Instrument(role, twin, self.clock, watch) for role, twin in self.twins.items()]
        # select() waits for microseconds where epoll and poll round up to the next millisecond
        self._selector = selectors.SelectSelector()
        self._wake, woken = socket.socketpair()
        self._selector.register(woken, selectors.EVENT_READ, (0, lambda _: woken.recv(_LARGEST_PIECE)))
        try:
            self.ports = tuple(
                self._open_port(instrument, host, port + index if port else 0, terminals)
                for index, instrument in enumerate(self._instruments)
            )
        except BaseException:
            self.close()
            raise

    def run(self, stop_requested: Callable[[], object]) -> None:
        """Answer until a stop is requested, then close every port."""
        try:
            busy_until = 0.0
            while not stop_requested():
                # To sleep and be woken costs more than a whole exchange: while clients talk, look again at once.
                patience = 0.0 if self.clock.now() < busy_until else self._patience()
                ready = self._selector.select(patience)
                if len(ready) > 1:
                    ready.sort(key=_rank)
                for key, events in ready:
                    key.data[1](events)
                    busy_until = self.clock.now() + _STAY_AWAKE
                if self.clock.run_due() or ready:
                    for instrument in self._instruments:
                        instrument.deliver()
        finally:
            self.close()

    def wake(self) -> None:
        """Have :meth:`run` look at once whether it is to stop; for other threads."""
        self._wake.send(b"!")

    def close(self) -> None:
        """Hang up and close every port; closing twice is harmless."""
        for key in list((self._selector.get_map() or {}).values()):
            channel: Any = key.fileobj
            channel.close()
        self._selector.close()
        self._wake.close()

    def _patience(self) -> float:
        due = self.clock.next_event()
        return _LONGEST_WAIT if due is None else min(max(due - self.clock.now(), 0.0), _LONGEST_WAIT)

    def _open_port(self, instrument: _Instrument, host: str, port: int, terminals: bool) -> Port:
        listener = socket.create_server((host, port))
        self._selector.register(listener, selectors.EVENT_READ, (0, lambda _: self._accept(listener, instrument)))
        listener.setblocking(False)
        address, number = listener.getsockname()[:2]
        reachable = "127.0.0.1" if address == "0.0.0.0" else address
        terminal = _Terminal.open() if terminals else None
        if terminal is not None:
            _Line(self._selector, instrument, terminal, instrument.interface("serial"))
        serial = f"ASRL{terminal.path}::INSTR" if terminal else None
        return Port(instrument.role, MODELS[instrument.role], f"TCPIP::{reachable}::{number}::SOCKET", serial)

    def _accept(self, listener: socket.socket, instrument: _Instrument) -> None:
        try:
            client, _ = listener.accept()
        except OSError:  # it has gone already
            return
        if len(self._selector.get_map()) > _MOST_CHANNELS:
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a computer that is gone would stay for ever
        if hasattr(socket, "TCP_KEEPIDLE"):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, round(_PROBE_IDLE))
        _Line(self._selector, instrument, client, instrument.interface("socket"))


@contextlib.contextmanager
def serving(
    options: SimulatedBenchOptions,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    terminals: bool = True,
    watch: Watch | None = None,
) -> Iterator[BenchServer]:
    """Serve a bench from a thread of its own while the block runs; arguments and errors as of :class:`BenchServer`.

    What goes wrong in the thread closes the ports and is raised at the end of the block.
    """
    server = BenchServer(options, host=host, port=port, terminals=terminals, watch=watch)
    stop = threading.Event()
    with ThreadPoolExecutor(1, "bench-server") as pool:
        running = pool.submit(server.run, stop.is_set)
        try:
            yield server
        finally:
            stop.set()
            with contextlib.suppress(OSError):  # closed already
                server.wake()
            running.result()


class _Instrument:
    """A twin, and who is to have its next reply."""

    def __init__(self, role: str, twin: Twin, clock: RealClock, watch: Watch | None) -> None:
        self.role = role
        self.rank = list(MODELS).index(role)
        self.twin = twin
        self._scpi = twin if isinstance(twin, ScpiInstrument) else None
        self.clock = clock
        self._watch = watch
        self._asker: _Line | None = None
        self._unanswered = False

    def interface(self, kind: Literal["serial", "socket"]) -> Interface | None:
        """How a Keithley is connected at such a port; None for the spectroradiometer, which is always serial."""
        return None if self._scpi is None else replace(self._scpi.interface, kind=kind)

    def take(self, line: _Line, messages: bytes) -> None:
        """Hand whole messages over, and what they bring about at once back."""
        if self._watch is not None:
            self._watch(self.clock.now(), self.role, True, messages)
        if self._scpi is None or b"?" in messages:
            self._asker, self._unanswered = line, True
        self.clock.run_due()
        self._speak_as(line)
        self.twin.receive(messages)
        self.clock.run_due()
        if self._asker is not None:
            self._speak_as(self._asker)
        self.deliver()

    def deliver(self) -> None:
        """Send what the twin has to say to the client that asked last; nothing when that one has gone."""
        while reply := self.twin.transmit()[0]:
            self._unanswered = False
            if self._watch is not None:
                self._watch(self.clock.now(), self.role, False, reply)
            if self._asker is not None:
                self._asker.send(reply)

    def discard_line(self, line: _Line) -> None:
        """A client has left its line unfinished for so long that the spectroradiometer forgets it."""
        if isinstance(self.twin, CS2000ATwin):
            self._asker = line
            self.twin.discard_line()

    def clear(self) -> None:
        """Drop what is under way; the output stays as it is."""
        self.twin.device_clear()
        self._unanswered = False

    def forget(self, line: _Line) -> None:
        """A client has gone; a reply that only it waited for must not reach the next one."""
        if self._asker is not line:
            return
        if self._unanswered:
            self.clear()
        self._asker = None

    def _speak_as(self, line: _Line) -> None:
        if self._scpi is not None and line.interface is not None:
            self._scpi.interface = line.interface


def _rank(ready: tuple[selectors.SelectorKey, int]) -> int:
    """Of what came at the same moment the source's comes first: a reading of no duration sees the new level."""
    rank: int = ready[0].data[0]
    return rank


class _Channel(Protocol):
    """A connected socket, or the instrument's end of a pseudo-terminal."""

    def fileno(self) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def send(self, data: bytes, /) -> int: ...
    def close(self) -> None: ...


class _Line:
    """One client of one instrument: messages are put together here, and wait here until they can be sent."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        instrument: _Instrument,
        channel: _Channel,
        interface: Interface | None,
    ) -> None:
        self.interface = interface
        self._selector = selector
        self._instrument = instrument
        self._channel = channel
        self._ends = (b"\r", b"\n") if interface is None else (interface.message_end,)
        self._received = bytearray()
        self._unfinished: Event | None = None
        self._to_send = bytearray()
        self._moved = 0.0  # when the client last took something
        self._events = selectors.EVENT_READ
        selector.register(channel, selectors.EVENT_READ, (instrument.rank, self._ready))

    def send(self, reply: bytes) -> None:
        """Send at once what the system takes, the rest when it takes more."""
        if not self._to_send:
            self._moved = self._instrument.clock.now()
        elif len(self._to_send) > _LARGEST_BACKLOG:
            return  # lost, as on a serial line that is not read
        self._to_send += reply
        if not self._events & selectors.EVENT_WRITE:
            self._flush()
        self._choose_events()

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._forget_unread()
            self._flush()
            self._choose_events()
        if events & selectors.EVENT_READ:
            self._read()

    def _read(self) -> None:
        try:
            data = self._channel.recv(_LARGEST_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        if self.interface is None:
            self._collect(data)
            self._time_unfinished()
        elif not _ABORT_CHARACTERS.search(data):
            self._collect(data)
        else:
            self._collect_until_abort(data)
        # Who has gone after its last words has gone with them: the question of another, found in the same look, would
        # else come in between and be answered by what is meant for nobody. Words that came since wait their turn
        if self._has_gone():
            self._hang_up()

    def _has_gone(self) -> bool:
        """Whether the client has hung up and nothing that it sent is left."""
        if not isinstance(self._channel, socket.socket):  # a pseudo-terminal cannot tell
            return False
        try:
            return not self._channel.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _collect_until_abort(self, data: bytes) -> None:
        *before, rest = _ABORT_CHARACTERS.split(data)
        for piece in before:
            self._collect(piece)
            self._received.clear()
            self._to_send.clear()
            self._instrument.clear()
        self._collect(rest)

    def _collect(self, data: bytes) -> None:
        if not self._received and data.endswith(self._ends):
            self._instrument.take(self, data)
            return
        self._received += data
        end = max(self._received.rfind(character) for character in self._ends) + 1
        if end:
            messages = bytes(self._received[:end])
            del self._received[:end]
            self._instrument.take(self, messages)
        del self._received[_LONGEST_MESSAGE:]

    def _time_unfinished(self) -> None:
        """Have an unfinished line forgotten as the spectroradiometer does; here it waits outside the twin."""
        if self._unfinished is not None:
            self._unfinished.cancel()
        self._unfinished = None
        if self._received:
            self._unfinished = self._instrument.clock.call_after(LONGEST_SILENCE, self._discard_line)

    def _discard_line(self) -> None:
        self._received.clear()
        self._instrument.discard_line(self)

    def _forget_unread(self) -> None:
        """What waited while a pseudo-terminal was not read was for a client that is gone."""
        if isinstance(self._channel, _Terminal) and self._instrument.clock.now() - self._moved > _READER_PATIENCE:
            self._to_send.clear()
            self._channel.forget_unread()

    def _flush(self) -> None:
        try:
            if self._to_send:
                del self._to_send[: self._channel.send(bytes(self._to_send[:_LARGEST_PARCEL]))]
                self._moved = self._instrument.clock.now()
        except BlockingIOError:
            pass
        except OSError:
            self._to_send.clear()  # it has gone; reading will tell

    def _choose_events(self) -> None:
        events = selectors.EVENT_WRITE if self._to_send else 0
        if len(self._to_send) <= _ENOUGH_TO_SEND:
            events |= selectors.EVENT_READ
        if events != self._events:
            self._events = events
            self._selector.modify(self._channel, events, (self._instrument.rank, self._ready))

    def _hang_up(self) -> None:
        self._selector.unregister(self._channel)
        self._channel.close()
        if self._unfinished is not None:
            self._unfinished.cancel()
        self._instrument.forget(self)


class _Terminal:
    """A pseudo-terminal; its other end, ``path``, looks like a serial port and may be opened again and again."""

    def __init__(self, master: int, slave: int, path: str) -> None:
        self._master = master
        self._slave = slave  # kept open: without any opener the master would report a hang-up
        self.path = path

    @classmethod
    def open(cls) -> _Terminal | None:
        """A new pseudo-terminal without echo or line editing, None where the system has none."""
        if sys.platform == "win32":
            return None
        else:  # noqa: RET505  # type checkers know the system only so
            import tty

            try:
                master, slave = os.openpty()
            except OSError:
                return None
            tty.setraw(slave)
            os.set_blocking(master, False)
            return cls(master, slave, os.ttyname(slave))

    def fileno(self) -> int:
        """The instrument's end."""
        return self._master

    def recv(self, size: int, /) -> bytes:
        """What the client has sent."""
        return os.read(self._master, size)

    def send(self, data: bytes, /) -> int:
        """Send what fits; returns how much that was."""
        return os.write(self._master, data)

    def forget_unread(self) -> None:
        """Drop what the system keeps for a client that never came to read it."""
        if sys.platform != "win32":
            import termios

            termios.tcflush(self._master, termios.TCOFLUSH)

    def close(self) -> None:
        """Take the pseudo-terminal away."""
        os.close(self._master)
        os.close(self._slave)


def _twins_by_role(options: SimulatedBenchOptions, fixture: TestFixture) -> dict[str, Twin]:
    reachable: dict[str, Any] = {
        role: None if getattr(options, role) is None else f"TCPIP::{role}::SOCKET" for role in TWINS
    }
    options = replace(options, **reachable)
    twins = build_twins(options, fixture, TriggerLink() if options.trigger_link else None)
    return {resource.split("::")[1]: twin for resource, twin in twins.items()}
