"""The exchange with a CS-2000A: a command and its line, and back in step after whatever went wrong.

After the CS-2000 Communication Specifications Rev. 7.00 (Konica Minolta, 2020). What is said to the meter and what it
says is written as generators that never wait.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from drivers import link
from drivers.cs2000a.errors import RemoteLost
from drivers.cs2000a.messages import REFUSALS
from drivers.errors import InstrumentError, InstrumentTimeout, RefusedByInstrument, UnexpectedReply

IDENTITY_FIELDS = 3
NO_ANSWER = (InstrumentTimeout, UnexpectedReply)

_SILENCE_TIMEOUT = 2.0  # an idle meter answers a question within 20 ms; after so long without it is silent, s
_WRITE_TIMEOUT = 1.0  # flow control may hold a message back, s
_QUIET = 1.5  # a line that follows a cancellation comes within this time, s
_LONGEST_CANCELLING = 4.0  # s, however many lines come
_MOST_LATE_LINES = 20
_TAKING_IN = 0.2  # so long what is there is taken in after the time is over: bytes may come one by one for ever, s
_LONGEST_LINE = 8192  # bytes: the meter's longest has 1016

T = TypeVar("T")

#: Yields how long the meter's next line may take, s, and is sent that line, or None when it is overdue. Yields None
#: where no line is due and the exchange may rest.
Exchange = Generator[float | None, str | None, T]


class MeterExchange:
    """One command in flight at a time, answered by one line. Stands before PyMeasure's class among the parents."""

    adapter: Any

    def _talk_over(self, adapter: Any, name: str, timeout: float, clock: Callable[[], float]) -> None:
        self._where = " at ".join(filter(None, (name, link.resource_of(adapter))))
        self._timeout = timeout
        self._clock = clock
        self._line_end = link.line_end(adapter)
        self._partial = bytearray()
        self._silent = False

    # Lines

    def _send(self, command: str) -> None:
        """Send a command; what has come before it can't be its answer and is thrown away."""
        self._partial.clear()
        if late := link.bytes_waiting(self.adapter):
            self.adapter.read_bytes(late)
        link.set_timeout(self.adapter, min(self._timeout, _WRITE_TIMEOUT))
        try:
            self.adapter.write(command)
        except InstrumentError:
            self._silent = True
            raise
        finally:
            link.set_timeout(self.adapter, self._timeout)

    def _line(self, timeout: float) -> str | None:
        """The meter's next line if it is complete within ``timeout`` s; parts are kept for the next time.

        A read of a whole line would lose what has arrived when it times out.
        """
        until, tried = self._clock() + timeout, False
        try:
            while self._line_end not in self._partial and len(self._partial) < _LONGEST_LINE:
                left, waiting = until - self._clock(), link.bytes_waiting(self.adapter)
                if tried and left < -_TAKING_IN and not waiting:
                    return None
                link.set_timeout(self.adapter, max(left, 0.0))
                self._partial += self.adapter.read_bytes(max(1, waiting))
                tried = True
        except InstrumentTimeout:
            return None
        finally:
            link.set_timeout(self.adapter, self._timeout)
        line, _, rest = self._partial.partition(self._line_end)
        self._partial = bytearray(rest)
        return line.decode("ascii", "replace").strip()

    def _carried_out(self, exchange: Exchange[T]) -> T:
        """What an exchange comes to, waiting for every line."""
        try:
            patience = next(exchange)
            while True:
                patience = exchange.send(None if patience is None else self._line(patience))
        except StopIteration as end:
            result: T = end.value
            return result

    # One command, one line

    def _asked(self, command: str, patience: float) -> Exchange[list[str]]:
        """The fields of the reply to a command; one that finds the meter out of remote mode is sent once more."""
        try:
            return (yield from self._once(command, patience))
        except RemoteLost:
            if command.startswith("RMTS"):
                raise
        # Well-formed commands are answered so when somebody has pressed ESC
        yield from self._in_remote(patience)
        return (yield from self._once(command, patience))

    def _once(self, command: str, patience: float) -> Exchange[list[str]]:
        self._send(command)
        return self._fields(command, (yield from self._due_line(command, patience)))

    def _due_line(self, command: str, patience: float) -> Exchange[str]:
        line = yield patience
        self._silent = line is None
        if line is None:
            what = f"no answer to {command} within {patience:g} s"
            raise InstrumentTimeout(self._where, what, "Check cable and power, and the meter's display")
        return line

    def _fields(self, command: str, reply: str) -> list[str]:
        code, *fields = (field.strip() for field in reply.split(","))
        if code.startswith("OK"):
            return fields
        raise self._refusal(command, code, reply)

    def _refusal(self, command: str, code: str, reply: str) -> InstrumentError:
        if code not in REFUSALS:
            return UnexpectedReply(self._where, command, reply)
        exception, meaning, hint = REFUSALS[code]
        if (command, code) == ("MEAS,1", "ER20"):
            meaning = "the measurement was cancelled at the meter (ESC key)"
        return exception(self._where, f"{command} was answered by {code}: {meaning}", hint, [code])

    def _as(self, command: str, fields: Sequence[str], parse: Callable[[Sequence[str]], T]) -> T:
        try:
            return parse(fields)
        except ValueError as error:
            raise UnexpectedReply(self._where, command, ",".join(fields)[:80]) from error

    def _in_remote(self, patience: float) -> Exchange[None]:
        try:
            yield from self._once("RMTS,2", patience)
        except RefusedByInstrument:
            # Firmware before 3.00.9301 knows mode 1 only
            yield from self._once("RMTS,1", patience)

    # Replies and commands in step

    def _back_in_step(
        self, exchange: Exchange[T], *failures: type[InstrumentError], cancelling: bool = False
    ) -> Exchange[T]:
        """An exchange; after one that failed so, no late line can be taken for the answer to a later command."""
        try:
            return (yield from exchange)
        except failures:
            with suppress(RefusedByInstrument, *NO_ANSWER):
                if cancelling:
                    yield from self._cancelled()
                yield from self._resynchronised()
            raise

    def _resynchronised(self) -> Exchange[None]:
        """Ask for the identity and throw away what comes before it.

        :raises InstrumentTimeout: the meter is silent.
        """
        try:
            yield from self._identified()
        except RemoteLost:
            yield from self._in_remote(_SILENCE_TIMEOUT)
            yield from self._identified()

    def _identified(self) -> Exchange[None]:
        until = self._clock() + _SILENCE_TIMEOUT
        self._send("IDDR")
        for _ in range(_MOST_LATE_LINES):
            line = yield from self._due_line("IDDR", max(until - self._clock(), 0.0))
            if line.startswith("OK00,CS-") and line.count(",") == IDENTITY_FIELDS:
                return
            if line == "ER00":
                raise self._refusal("IDDR", line, line)
        self._silent = True
        raise InstrumentTimeout(self._where, "no answer to IDDR among other lines", "Switch the meter off and on")

    def _cancelled(self) -> Exchange[list[str]]:
        """Cancel whatever is measured; the lines until the meter is quiet."""
        self._send("MEAS,0")
        lines: list[str] = []
        until = self._clock() + _LONGEST_CANCELLING
        while self._clock() < until and len(lines) < _MOST_LATE_LINES and (line := (yield _QUIET)) is not None:
            lines.append(line)
        self._partial.clear()
        return lines

    @property
    def silent(self) -> bool:
        """Get whether the meter left the last question after something went wrong unanswered (bool)."""
        return self._silent
