"""Vaisala HMP60 and HMP110 series probes: temperature and relative humidity of the room.

Commands after the HMP60 and HMP110 Series User's Guide M211060EN (serial mode STOP, page 40 of edition E): ``SEND``
answers with one line, ``S`` ends continuous output, ``?`` tells who it is in a dozen lines. Transmitters of the family
(HMP155, HMT330, HMD110) speak alike. A command ends with CR, a line of a reply with CR LF.

Nobody waits for this probe while something is measured: :meth:`HMP110.trigger` asks, :meth:`HMP110.poll` takes what has
come, if anything has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pymeasure.instruments import Instrument

from drivers import link
from drivers.errors import InstrumentTimeout, UnexpectedReply, WrongInstrument
from drivers.hmp110.messages import RoomReading, fields_of, identity_of, is_chaff, room_reading
from drivers.hmp110.specification import SPECIFICATION
from drivers.scpi import Identity

__all__ = ["HMP110", "RoomReading"]

#: A reply that takes longer does not come, s: serial delays of up to 1.02 s can be set in the probe.
REPLY_PATIENCE = 2.0

#: Lines that one look takes in at most, and lines of an identity.
_MOST_LINES, _MOST_OF_IDENTITY = 4, 30
_NEXT_LINE = 0.3  # s


class HMP110(Instrument):  # type: ignore[misc]  # pymeasure carries no types
    """A probe on any VISA resource, or on a PyMeasure adapter.

    ``timeout`` (s): how long its first reply may take. ``visa_library`` and ``serial`` count only when ``adapter`` is a
    resource name. ``clock`` says the time in s, by which a reply is overdue.

    :raises CannotConnect: the address cannot be opened.
    """

    specification = SPECIFICATION

    def __init__(
        self,
        adapter: Any,
        name: str = "Vaisala HMP110",
        *,
        visa_library: Any = "",
        timeout: float = REPLY_PATIENCE,
        serial: link.SerialLine = SPECIFICATION.serial,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if isinstance(adapter, str):
            adapter = link.open_adapter(adapter, name=name, visa_library=visa_library, timeout=timeout, serial=serial)
        self._where = f"{name} at {resource}" if (resource := link.resource_of(adapter)) else name
        self._timeout = timeout
        self._clock = clock
        self._fields: dict[str, str] = {}
        self._identity: Identity | None = None
        self._overdue = 0.0
        self._asked = False
        super().__init__(adapter, name, includeSCPI=False)

    def identify(self) -> Identity:
        """Who it is, asked once; continuous output is ended before.

        :raises InstrumentTimeout: there is no answer.
        :raises WrongInstrument: something else answers.
        """
        if self._identity is None:
            self.adapter.write("S")
            self.adapter.flush_read_buffer()
            self._identity = self._introduced()
        return self._identity

    def _introduced(self) -> Identity:
        self.adapter.write("?")
        lines: list[str] = []
        wait = self._timeout
        while len(lines) < _MOST_OF_IDENTITY and (line := link.read_line(self.adapter, wait)) is not None:
            lines.append(line)
            if not is_chaff(line, "?"):
                wait = _NEXT_LINE
        if not lines:
            raise InstrumentTimeout(self._where, f"no answer within {self._timeout:g} s", link.TIMEOUT_HINT)
        found = identity_of(lines)
        if found is None:
            what = (
                f"{next((line for line in lines if not is_chaff(line, '?')), '')[:60]!r} is no Vaisala probe's answer"
            )
            raise WrongInstrument(self._where, what, "Check the address in the bench file, and the baud rate")
        self._fields = fields_of(lines)
        return found

    def settings(self) -> dict[str, str]:
        """What it said of itself that a record should keep; empty before :meth:`identify`."""
        kept = {"cal. date": "calibrated", "filter": "filter"}
        return {name: self._fields[field] for field, name in kept.items() if self._fields.get(field)}

    @property
    def asked(self) -> bool:
        """Get whether a reading was asked for that has not come, and is not overdue (bool)."""
        return self._asked

    def trigger(self) -> None:
        """Ask for a reading, without waiting for it.

        :raises LinkLost: the connection failed.
        :raises InstrumentTimeout: the line does not take the question.
        """
        self._asked = False
        self.adapter.write("SEND")
        self._asked, self._overdue = True, self._clock() + REPLY_PATIENCE

    def poll(self, timeout: float = 0.0) -> RoomReading | None:
        """The reading that was asked for, None where it has not come within ``timeout`` s and may still.

        Temperature in K, relative humidity as a fraction.

        :raises InstrumentTimeout: it is overdue.
        :raises UnexpectedReply: what came is no reading.
        :raises LinkLost: the connection failed.
        """
        if not self._asked:
            return None
        asked, self._asked = self._asked, False  # whatever fails here: it is asked anew
        for _ in range(_MOST_LINES):
            line = link.read_line(self.adapter, timeout)
            if line is None:
                break
            if not is_chaff(line, "SEND"):
                return self._reading(line)
        if self._clock() >= self._overdue:
            raise InstrumentTimeout(self._where, f"no answer within {REPLY_PATIENCE:g} s", link.TIMEOUT_HINT)
        self._asked = asked
        return None

    def _reading(self, line: str) -> RoomReading:
        if (found := room_reading(line)) is None:
            raise UnexpectedReply(self._where, "SEND", line.strip(), link.GARBLED)
        return found

    def read(self) -> RoomReading:
        """Ask for a reading and wait for it, 2 s at most.

        :raises InstrumentTimeout: there is no answer.
        :raises UnexpectedReply: what came is no reading.
        :raises LinkLost: the connection failed.
        """
        self.trigger()
        while (found := self.poll(REPLY_PATIENCE)) is None:
            pass
        return found
