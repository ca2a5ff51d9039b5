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
- A reply goes to the client that asked last. Who asks while somebody else's reading is still being taken gets
  that reading too.
- Ctrl-C and Ctrl-X (3 and 24) clear the Keithleys on both kinds of port, as on their RS-232 interface: the messages
  before the character are carried out, what is under way is dropped, the output stays as it is.
- When a client hangs up before its reply has come, the instrument is cleared, so that nobody else gets that reply. A
  pseudo-terminal cannot tell that its client is gone; as on a real serial line the next one finds what was left.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from drivers.simulated.bench import SimulatedBenchOptions, build_fixture, build_twins
from drivers.simulated.clock import RealClock
from drivers.simulated.scpi import Interface, ScpiInstrument
from drivers.simulated.trigger_link import TriggerLink
from drivers.simulated.twin import Twin

MODELS = {"smu": "Keithley 2400", "photodiode_meter": "Keithley 2000", "spectroradiometer": "CS-2000A"}

_LONGEST_WAIT = 0.2  # s between two looks at whether to stop
_LARGEST_PIECE = 65536  # bytes taken from the system at once
_LONGEST_MESSAGE = 4096  # bytes: beyond what any of the instruments takes; the rest of a message is dropped
_LARGEST_BACKLOG = 1 << 20  # bytes of replies that nobody fetches; a full 2500-point buffer is 175 kB
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
    """A simulated bench on real ports. The ports are open once this is made; :meth:`run` makes it answer.

    ``port`` is that of the source-measure unit, the others follow; 0 takes any that are free. ``terminals``:
    pseudo-terminals too. ``watch`` is told of all traffic. Raises OSError when a port cannot be had.
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
        # select() waits for microseconds where epoll and poll round up to the next millisecond
        self._selector = selectors.SelectSelector()
        self._open = contextlib.ExitStack()
        self._open.callback(self._selector.close)
        self._wake, woken = socket.socketpair()
        for end in (self._wake, woken):
            end.setblocking(False)
            self._open.enter_context(end)
        self._selector.register(woken, selectors.EVENT_READ, lambda _: woken.recv(_LARGEST_PIECE))
        try:
            with contextlib.ExitStack() as opening:
                opening.callback(self._open.close)
                listeners = self._listen(options, host, port)
                twins = self._connect(options, listeners)
                self._instruments = [_Instrument(role, twin, self.clock, watch) for role, twin in twins.items()]
                self.ports = tuple(
                    self._attach(instrument, listeners[instrument.role], terminals) for instrument in self._instruments
                )
                opening.pop_all()
        finally:
            del listeners
        self.twins: Mapping[str, Twin] = twins

    def _listen(self, options: SimulatedBenchOptions, host: str, port: int) -> dict[str, socket.socket]:
        roles = [role for role in MODELS if getattr(options, role) is not None]
        return {
            role: self._open.enter_context(socket.create_server((host, port + index if port else 0)))
            for index, role in enumerate(roles)
        }
