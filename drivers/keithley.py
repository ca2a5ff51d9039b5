"""What the drivers of the two Keithleys share: opening, identity, queries, error queue, device clear."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from drivers import link, scpi
from drivers.errors import RefusedByDriver
from drivers.scpi import Identity, QueuedError


class KeithleyExchange:
    """Queries one at a time: none is sent while a reading is on its way, which it would spoil or wait for.

    Stands before PyMeasure's class among the parents of a driver.
    """

    #: What the second field of the identity may be.
    models: ClassVar[tuple[str, ...]]

    # PyMeasure looks every attribute up twice, to guard names of its dynamic properties against being read: some
    # 20 us a point. The Keithleys' classes have no dynamic properties.
    __getattribute__ = object.__getattribute__

    adapter: Any

    #: How the driver opened its resource, to open it again; None when it was given an adapter.
    _reopen: Callable[..., link.Link] | None = None

    def _open(self, adapter: Any, name: str, visa_library: Any, timeout: float, serial: link.SerialLine) -> Any:
        """The adapter, opened and its device cleared when it was a resource name."""
        if isinstance(adapter, str):
            self._reopen = partial(
                link.open_adapter, adapter, name=name, visa_library=visa_library, serial=serial, clear=True
            )
            adapter = self._reopen(timeout=timeout)
        self._where = " at ".join(filter(None, (name, link.resource_of(adapter))))
        self._timeout = timeout
        self._use(adapter)
        return adapter

    def _use(self, adapter: Any) -> None:
        self.adapter = adapter
        self._send, self._receive = adapter.write, adapter.read
        self._busy = False

    def identify(self) -> Identity:
        """Ask for the identity; raises WrongInstrument when another model answers."""
        return scpi.require_model(scpi.parse_identity(self.ask("*IDN?"), self._where), self.models, self._where)

    def ask(self, command: str, query_delay: float | None = None) -> str:
        """Send a query and return its reply; raises RefusedByDriver while a reading is on its way."""
        if self._busy:
            raise RefusedByDriver(self._where, f"{command} was not sent: a measurement is running", "Read it first")
        self._send(command)
        self.wait_for(query_delay)  # type: ignore[attr-defined]  # PyMeasure's
        return str(self._receive()).strip()

    def _number(self, query: str) -> float:
        return scpi.parse_number(self.ask(query), query, self._where)

    def _count(self, query: str) -> int:
        return scpi.parse_count(self.ask(query), query, self._where)

    def error_queue(self) -> list[QueuedError]:
        """Empty the instrument's error queue and return it, oldest first."""
        return scpi.read_error_queue(self.ask, self._where)

    def raise_errors(self, doing: str) -> None:
        """Raise RefusedByInstrument if the error queue holds anything after ``doing`` something."""
        if errors := self.error_queue():
            raise scpi.refusal(self._where, doing, errors)

    def self_test(self) -> bool:
        """Run the instrument's self test; True when it passes."""
        return self._number("*TST?") == 0

    def device_clear(self) -> None:
        """Stop whatever is running and drop pending replies. An output stays as it is."""
        link.device_clear(self.adapter)
        self._busy = False

    def abort(self) -> None:
        """Return the trigger model to idle and drop a reading on its way. An output stays as it is."""
        if self._busy:
            self.device_clear()
        self._send(":ABOR")

    def serial_poll(self) -> int:
        """The status byte, by serial poll, which works while a measurement is running (GPIB only)."""
        return link.serial_poll(self.adapter)
