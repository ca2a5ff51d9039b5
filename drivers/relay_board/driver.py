"""A serial board of relays that connects pixels of a substrate to the source, never two at a time.

The commands, and what the board says, are in :mod:`drivers.relay_board.messages`. The driver breaks before it makes: to
change the pixel it opens every relay, waits until the contacts are steady, reads back that all are open, and only then
closes one, which is read back as well. Whether the output of the source is off is not known here: the bench sees to it.
"""

from __future__ import annotations

from typing import Any

from drivers import link
from drivers.errors import InstrumentError, InstrumentTimeout, RefusedByDriver, SettingNotTaken, UnexpectedReply
from drivers.relay_board import messages
from drivers.relay_board.specification import OPERATE_TIME, SPECIFICATION
from drivers.scpi import Identity

__all__ = ["RelayBoard"]

_REPLY_TIMEOUT = 2.0  # s: a board answers within some ms


class RelayBoard:
    """A relay board on any VISA resource, or on a PyMeasure adapter.

    ``timeout`` (s): how long a reply may take at most. ``visa_library`` and ``serial`` count only when ``adapter`` is a
    resource name.

    :raises CannotConnect: the address cannot be opened.
    """

    specification = SPECIFICATION

    def __init__(
        self,
        adapter: Any,
        name: str = "relay board",
        *,
        visa_library: Any = "",
        timeout: float = _REPLY_TIMEOUT,
        serial: link.SerialLine = SPECIFICATION.serial,
    ) -> None:
        if isinstance(adapter, str):
            adapter = link.open_adapter(adapter, name=name, visa_library=visa_library, timeout=timeout, serial=serial)
        self.adapter: Any = adapter
        self.name = name
        self._where = " at ".join(filter(None, (name, link.resource_of(adapter))))
        self._timeout = min(timeout, _REPLY_TIMEOUT)

    def identify(self) -> Identity:
        """Ask for firmware and identity; half a command that another program has left on the line is ended first.

        :raises InstrumentTimeout: nothing answers.
        :raises UnexpectedReply: what answers is no relay board.
        """
        if not getattr(self.adapter, "in_step", False):
            self.adapter.write("")
            self.adapter.flush_read_buffer()
        firmware = self._asked(messages.VERSION)
        return Identity("NUMATO", "RELAY BOARD", self._asked(messages.IDENTITY), firmware)

    def select(self, relay: int | None) -> None:
        """Connect one pixel: open every relay, then close this one, counted from 1; None leaves all open.

        The output of the source must be off.

        :raises RefusedByDriver: the board does not have this relay; nothing was switched.
        :raises SettingNotTaken: relays read back differently; all were told to open.
        :raises InstrumentTimeout: the board does not answer.
        """
        digits = self._state()[1]
        if relay is not None and not 1 <= relay <= 4 * digits:
            what = f"no relay was switched: there is no relay {relay} on a board with 1 to {4 * digits}"
            raise RefusedByDriver(self._where, what, "Correct pixels in the bench file")
        self._tell(messages.open_all(digits))
        self._require_closed((), messages.open_all(digits))
        if relay is None:
            return
        try:
            self._tell(messages.switch_on(relay))
            self._require_closed((relay,), messages.switch_on(relay))
        except InstrumentError:
            self.adapter.write(messages.open_all(digits))
            raise

    @property
    def selected(self) -> int | None:
        """Get the relay that the board says is closed, counted from 1, None for none (int).

        :raises SettingNotTaken: it is more than one.
        """
        closed = self._state()[0]
        if len(closed) > 1:
            raise SettingNotTaken(self._where, [("relay on", "one relay", _relays(closed))], "Select one pixel")
        return closed[0] if closed else None

    def settings(self) -> dict[str, int | None]:
        """Which relay is closed."""
        return {"relay": self.selected}

    def shutdown(self) -> None:
        """Open every relay; the output must be off.

        :raises SettingNotTaken: a relay reads back as closed.
        """
        self.select(None)

    def _require_closed(self, wanted: tuple[int, ...], command: str) -> None:
        """Wait until the contacts are steady, and hold what the board says against what it was told.

        :raises SettingNotTaken: another relay is closed, or one is not.
        """
        link.read_line(self.adapter, OPERATE_TIME)  # nothing is due: the prompt has no end of line
        if (found := self._state()[0]) != wanted:
            pairs = [(command, _relays(wanted), _relays(found))]
            raise SettingNotTaken(self._where, pairs, "Check the board and the supply of its relays")

    def _state(self) -> tuple[tuple[int, ...], int]:
        """Which relays the board says are closed, and how many digits it has for that."""
        reply = self._asked(messages.READ_ALL)
        try:
            return messages.closed_relays(reply)
        except ValueError as error:
            raise UnexpectedReply(self._where, messages.READ_ALL, reply) from error

    # A command and its echo

    def _tell(self, command: str) -> None:
        self.adapter.write(command)
        if (echo := self._line(command)) != command:
            raise UnexpectedReply(self._where, command, echo, "Is this a relay board that echoes its commands")

    def _asked(self, query: str) -> str:
        self._tell(query)
        return self._line(query)

    def _line(self, command: str) -> str:
        line = link.read_line(self.adapter, self._timeout)
        if line is None:
            what = f"no answer to {command} within {self._timeout:g} s"
            raise InstrumentTimeout(self._where, what, "Check cable, power and address of the board")
        return messages.text_of(line)


def _relays(closed: tuple[int, ...]) -> str:
    return "relay " + " and ".join(map(str, closed)) + " closed" if closed else "all open"
