"""The exchange with a Keithley: opening, one reading or query at a time, what is overdue, error queue, device clear.

What is said in it, the language, is in :mod:`drivers.scpi`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from drivers import link, scpi
from drivers.errors import InstrumentError, InstrumentTimeout, PowerCycled, RefusedByDriver, UnexpectedReply
from drivers.scpi import Identity, QueuedError, Setting, Value

Settings = TypeVar("Settings")
Reading = TypeVar("Reading")

#: A reply is overdue when it has not come within this time, besides the time it takes, s; less with a smaller time-out.
OVERDUE = 2.0

#: A reply is in time when it comes within this time, besides the time it takes, s.
IN_TIME = 0.1

_SHORT_EXCHANGE = 40  # characters of a question and its reply

_POWER_ON = 1 << 7  # standard event register (IEEE 488.2)

#: Of a message that sets a level and asks for a reading, and its reply of five elements.
CHARACTERS_PER_EXCHANGE = 36 + 72


class State(Enum):
    """What an instrument does, as far as this program knows; a meter is never off, and sweeps are the source's."""

    #: Nothing is known: not configured yet, a sweep was cut off, or the output could not be confirmed to be off.
    UNCONFIGURED = auto()
    #: Configured, with the output off.
    OFF = auto()
    #: Ready for a reading; of a source the output is on.
    READY = auto()
    #: A reading is on its way.
    READING = auto()
    #: A sweep is in the memory and was not started.
    PROGRAMMED = auto()
    #: The sweep runs.
    SWEEPING = auto()
    #: The sweep runs, and its end was asked for.
    ENDING = auto()
    #: The sweep is over and was not read.
    SWEPT = auto()


#: A reply is on its way, or will be held back until the instrument is done: no query is sent.
BUSY = (State.READING, State.SWEEPING, State.ENDING)

#: What a state is in words, and the way out of it; drivers add theirs.
WORDS: Mapping[State, tuple[str, str]] = {
    State.UNCONFIGURED: ("the instrument is not configured", "Call configure"),
    State.READY: ("no reading was triggered", "Call trigger first"),
    State.READING: ("the last reading was not collected", "Call read"),
}


class KeithleyExchange(Generic[Settings, Reading]):
    """Queries one at a time: none is sent while a reading is on its way, which it would spoil or wait for.

    Stands before PyMeasure's class among the parents of a driver.
    """

    #: What the second field of the identity may be.
    models: ClassVar[tuple[str, ...]]

    #: The states in which a call may be made; whatever is not named may be called in any.
    _allowed: ClassVar[Mapping[str, tuple[State, ...]]]
    _words: ClassVar[Mapping[State, tuple[str, str]]] = WORDS

    # PyMeasure looks every attribute up twice, to guard names of its dynamic properties: some 30 us a point. The
    # Keithleys' classes have no dynamic properties.
    __getattribute__ = object.__getattribute__
    __setattr__ = object.__setattr__

    adapter: Any

    #: How the driver opened its resource, to open it again; None when it was given an adapter.
    _reopen: Callable[..., link.Link] | None = None

    _state = State.UNCONFIGURED
    _settings: Settings | None = None
    _record: Mapping[str, Value] = {}

    #: By how much the last replies in a row were not in time, s in total: taken off what the next one may be late.
    _lateness = 0.0

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

    # State

    def _require(self, call: str) -> None:
        """Refuse a call that this state does not allow.

        :raises RefusedByDriver: the call is not among those of the present state.
        """
        if self._state not in self._allowed[call]:
            what, hint = self._words[self._state]
            raise RefusedByDriver(self._where, f"{call} was not carried out: {what}", hint)

    def settings(self) -> dict[str, Value]:
        """The settings as the instrument gave them back, by name; empty before they are made."""
        return dict(self._record)

    def _configured(self) -> Settings:
        if self._state is State.UNCONFIGURED or self._settings is None:
            what, hint = self._words[State.UNCONFIGURED]
            raise RefusedByDriver(self._where, f"nothing was sent: {what}", hint)
        return self._settings

    # Readings

    def _start_reading(self, message: str) -> None:
        """Send a message that ends with the question for a reading, which is on its way then."""
        self._state = State.READING
        self._send(message)

    def read(self) -> Reading:
        """Wait for the reading that was triggered last and return it.

        :meth:`why_no_reading` tells more after an :class:`~drivers.errors.InstrumentTimeout`.

        :raises RefusedByDriver: nothing was triggered.
        :raises UnexpectedReply: the reply makes no sense.
        :raises InstrumentTimeout: the reading is overdue, :attr:`reading_patience` s from now. Nothing else is sent
            then, so that an output can be switched off at once.
        """
        self._require("read")
        return self._collected(self._reply_within(self.reading_patience))

    def poll(self, timeout: float) -> Reading | None:
        """The reading that was triggered last, None when it is not there within ``timeout`` s.

        :raises RefusedByDriver: nothing was triggered.
        :raises UnexpectedReply: the reply makes no sense.
        """
        self._require("poll")
        reply = link.read_line(self.adapter, timeout)
        return None if reply is None else self._collected(reply)

    def _collected(self, reply: str) -> Reading:
        self._state = State.READY
        self._note_lateness(self._reading_time)
        return self._parsed(":READ?", reply)

    def _parsed(self, sent: str, reply: str) -> Reading:
        try:
            return self._reading(reply)
        except (ValueError, OverflowError) as error:
            raise UnexpectedReply(self._where, sent, reply) from error

    @staticmethod
    @abstractmethod
    def _reading(reply: str) -> Reading:
        """A reply as a reading.

        :raises ValueError: it is none.
        :raises OverflowError: a number in it is too large to be one.
        """

    @property
    def reading_patience(self) -> float:
        """Get how long a reading may take, until it is overdue, s: as long as it takes, and 2 s or the time-out.

        Less after replies that were late: late ones in a row share the 2 s.
        """
        return self._reading_time + self._grace()

    def _allow_reading(self, longest: float) -> None:
        """A reading takes ``longest`` s in the instrument, and then its way through the link."""
        self._reading_time = longest + link.transfer_time(self.adapter, CHARACTERS_PER_EXCHANGE)
        self._lateness = 0.0

    def _patience(self) -> float:
        """How long the reply to a query may take, s."""
        return self._grace() if self._reading_time else self._timeout

    def _grace(self) -> float:
        """How much later than its time a reply may come, s."""
        if not self._lateness:
            return min(self._timeout, OVERDUE)
        least = IN_TIME + link.transfer_time(self.adapter, _SHORT_EXCHANGE)
        return min(self._timeout, max(OVERDUE - self._lateness, least))

    def _note_lateness(self, takes: float) -> None:
        """Note how late a reply was that takes so many seconds: each by itself might be late for ever."""
        late = link.waited(self.adapter) - takes - IN_TIME
        self._lateness = self._lateness + late if late > 0 else 0.0

    # Queries

    def identify(self) -> Identity:
        """Ask for the identity.

        :raises WrongInstrument: another model answers.
        """
        return self._identity_within(self._patience())

    def _identity_within(self, seconds: float) -> Identity:
        reply = self._ask_within(seconds, "*IDN?")
        return scpi.require_model(scpi.parse_identity(reply, self._where), self.models, self._where)

    def ask(self, command: str, query_delay: float | None = None) -> str:
        """Send a query and return its reply.

        :raises RefusedByDriver: a reading is on its way.
        """
        return self._ask_within(self._patience(), command, query_delay)

    def _ask_within(self, seconds: float, command: str, query_delay: float | None = None) -> str:
        self._require_quiet(command)
        takes = seconds - self._patience()
        self._send(command)
        self.wait_for(query_delay)  # type: ignore[attr-defined]  # PyMeasure's
        reply = self._reply_within(seconds)
        self._note_lateness(max(takes, link.transfer_time(self.adapter, len(command) + len(reply))))
        return reply.strip()

    def _reply_within(self, seconds: float) -> str:
        link.set_timeout(self.adapter, seconds)
        try:
            return str(self._receive())
        except InstrumentTimeout as problem:
            raise self._after_late_ones(problem) from problem

    def _after_late_ones(self, problem: InstrumentTimeout) -> InstrumentTimeout:
        """The problem, with the lateness of earlier replies if they are why so little was waited for."""
        if not self._lateness:
            return problem
        what = f"{problem.what}, after replies that were {self._lateness:.2g} s late in total"
        return InstrumentTimeout(problem.where, what, problem.hint)

    def _require_quiet(self, command: str) -> None:
        if self._state in BUSY:
            raise RefusedByDriver(self._where, f"{command} was not sent: a measurement is running", "Read it first")

    def overdue(self) -> InstrumentTimeout:
        """The exception for a reading that did not come within :attr:`reading_patience`."""
        what = f"waiting for a reading took longer than {self.reading_patience:g} s"
        return self._after_late_ones(InstrumentTimeout(self._where, what, link.TIMEOUT_HINT))

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

        May be called whenever no reading is on its way, also with the output on.

        :raises PowerCycled: the instrument was switched off and on since it was configured.
        :raises InstrumentError: there is no answer, or it makes no sense.
        """
        if self._state is not State.UNCONFIGURED:
            self.require_power_kept()
        return [str(error) for error in self.error_queue()]

    def require_power_kept(self) -> None:
        """Ask whether the instrument has been on since ``configure``: ``*CLS`` there takes the power-on bit away.

        :raises PowerCycled: it has not; its settings are others now.
        """
        if self._count("*ESR?") & _POWER_ON:
            self._state = State.UNCONFIGURED
            what = "the instrument was switched off and on, or lost its power, since it was configured"
            raise PowerCycled(self._where, what, "Its settings are gone: check its mains lead, and begin anew")

    def _program(self, doing: str, table: Sequence[str | Setting]) -> None:
        """Send messages and settings in their order, look into the error queue, and read the settings back.

        The error queue is not cleared before: what is in it would be told to nobody.

        :raises RefusedByInstrument: errors are queued.
        :raises PowerCycled: the instrument was switched off and on since it was configured.
        :raises SettingNotTaken: something reads back differently.
        """
        self._count(":STAT:MEAS?")  # events of before, such as a full buffer, are forgotten when they are read
        for row in table:
            self._send(row if isinstance(row, str) else row.message)
        self.raise_errors(doing)
        self.require_power_kept()
        for row in table:  # one by one: the output is on, and after a reply that makes no sense nothing more is asked
            if not isinstance(row, str):
                scpi.verify(self.ask, self._where, [row])

    def raise_errors(self, doing: str) -> None:
        """Look into the error queue after ``doing`` something.

        :raises RefusedByInstrument: there is anything in it.
        """
        if errors := self.error_queue():
            raise scpi.refusal(self._where, doing, errors)

    def self_test(self) -> bool:
        """Run the instrument's self test; True when it passes."""
        return self._number("*TST?") == 0

    def device_clear(self) -> None:
        """Stop whatever is running and drop pending replies. An output stays as it is; a sweep is cut off by it."""
        link.device_clear(self.adapter)
        self._lateness = 0.0
        if self._state in BUSY:
            self._state = State.READY if self._state is State.READING else State.UNCONFIGURED

    def abort(self) -> None:
        """Return the trigger model to idle and drop a reading on its way. An output stays as it is."""
        if self._state in BUSY:
            self.device_clear()
        self._send(":ABOR")

    def serial_poll(self) -> int:
        """The status byte, by serial poll, which works while a measurement is running (GPIB only)."""
        return link.serial_poll(self.adapter)
