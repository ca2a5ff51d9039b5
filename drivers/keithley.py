"""What the drivers of the two Keithleys share: opening, identity, queries, error queue, device clear."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from drivers import link, scpi
from drivers.errors import InstrumentError, InstrumentTimeout, RefusedByDriver
from drivers.scpi import Identity, QueuedError

#: A reply is overdue when it has not come within this time, besides the time it takes, s; less with a smaller time-out.
OVERDUE = 2.0

#: Of a message that sets a level and asks for a reading, and its reply of five elements.
CHARACTERS_PER_EXCHANGE = 36 + 72


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
        self._reading_time = 0.0
        self._use(adapter)
        return adapter

    def _use(self, adapter: Any) -> None:
        self.adapter = adapter
        self._send, self._receive = adapter.write, adapter.read
        self._busy = False

    @property
    def reading_patience(self) -> float:
        """Get how long a reading may take, until it is overdue, s: as long as it takes, and 2 s or the time-out."""
        return self._reading_time + min(self._timeout, OVERDUE)

    def _allow_reading(self, longest: float) -> None:
        """A reading takes ``longest`` s in the instrument, and then its way through the link."""
        self._reading_time = longest + link.transfer_time(self.adapter, CHARACTERS_PER_EXCHANGE)

    def _patience(self) -> float:
        """How long the reply to a query may take, s."""
        return min(self._timeout, OVERDUE) if self._reading_time else self._timeout

    def identify(self) -> Identity:
        """Ask for the identity; raises WrongInstrument when another model answers."""
        return self._identity_within(self._patience())

    def _identity_within(self, seconds: float) -> Identity:
        reply = self._ask_within(seconds, "*IDN?")
        return scpi.require_model(scpi.parse_identity(reply, self._where), self.models, self._where)

    def ask(self, command: str, query_delay: float | None = None) -> str:
        """Send a query and return its reply; raises RefusedByDriver while a reading is on its way."""
        return self._ask_within(self._patience(), command, query_delay)

    def _ask_within(self, seconds: float, command: str, query_delay: float | None = None) -> str:
        self._require_quiet(command)
        link.set_timeout(self.adapter, seconds)
        self._send(command)
        self.wait_for(query_delay)  # type: ignore[attr-defined]  # PyMeasure's
        return str(self._receive()).strip()

    def _require_quiet(self, command: str) -> None:
        if self._busy:
            raise RefusedByDriver(self._where, f"{command} was not sent: a measurement is running", "Read it first")

    def _reply_within(self, seconds: float) -> str | None:
        """The reply that is on its way, None when it is not complete within ``seconds``: parts are kept."""
        reply = link.read_line(self.adapter, seconds)
        self._busy = self._busy and reply is None
        return reply

    def _reply_to_reading(self) -> str:
        """The reading that is on its way. When it is overdue nothing is sent or asked: that is for who knows more."""
        link.set_timeout(self.adapter, self.reading_patience)
        reply = str(self._receive())
        self._busy = False
        return reply

    def overdue(self) -> InstrumentTimeout:
        """The exception for a reading that did not come within :attr:`reading_patience`."""
        what = f"waiting for a reading took longer than {self.reading_patience:g} s"
        return InstrumentTimeout(self._where, what, link.TIMEOUT_HINT)

    def why_no_reading(self, problem: InstrumentError) -> InstrumentError:
        """Find out why this instrument gave no reading: clear the device, then look into its error queue.

        For a source only when its output is off. Returns the refusal if errors are queued, else ``problem`` itself.
        """
        return scpi.explain_timeout(problem, self.device_clear, self.error_queue, self._where)

    def _number(self, query: str) -> float:
        return scpi.parse_number(self.ask(query), query, self._where)

    def _count(self, query: str) -> int:
        return scpi.parse_count(self.ask(query), query, self._where)

    def error_queue(self) -> list[QueuedError]:
        """Empty the instrument's error queue and return it, oldest first."""
        return scpi.read_error_queue(self.ask, self._where)

    def drain_errors(self) -> list[str]:
        """Empty the error queue and return its entries as texts, oldest first.

        May be called whenever no reading is on its way, also with the output on. Raises InstrumentError.
        """
        return [str(error) for error in self.error_queue()]

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
