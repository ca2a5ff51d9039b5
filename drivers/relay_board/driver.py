"""A serial board of relays that connects pixels of a substrate to the source, never two at a time.

The commands, and what the board says, are in :mod:`drivers.relay_board.messages`. The driver breaks before it makes: to
change the pixel it opens every relay, waits until the contacts are steady, reads back that all are open, and only then
closes one, which is read back as well. Whether the output of the source is off is not known here: the bench sees to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drivers import link
from drivers.errors import InstrumentError, InstrumentTimeout, RefusedByDriver, SettingNotTaken, UnexpectedReply
from drivers.relay_board import messages
from drivers.relay_board.specification import SPECIFICATION
from drivers.scpi import Identity

__all__ = ["RelayBoard", "SwitchSettings"]

_REPLY_TIMEOUT = 2.0  # s: a board answers within some ms


@dataclass(frozen=True)
class SwitchSettings:
    """What a board is: ``channels``, how many relays it has."""

    channels: int = 8


class RelayBoard:
    """A relay board on any VISA resource, or on a PyMeasure adapter. All relays are open until one is selected.

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
        self._channels = 0

    def identify(self) -> Identity:
        """Ask for firmware and identity; half a command that another program has left on the line is ended first.

        :raises InstrumentTimeout: nothing answers.
        :raises UnexpectedReply: what answers is no relay board.
        """
        self.adapter.write("")
        self.adapter.flush_read_buffer()
        firmware = self._asked(messages.VERSION)
        return Identity("NUMATO", "RELAY BOARD", self._asked(messages.IDENTITY), firmware)

    def configure(self, settings: SwitchSettings) -> None:
        """Take note of what the board is, and open every relay.

        :raises RefusedByDriver: no board has so many relays; nothing was sent.
        :raises SettingNotTaken: a relay reads back as closed.
        :raises UnexpectedReply: the board has another number of relays.
        """
        if settings.channels not in messages.COUNTS:
            what = f"no board has {settings.channels} relays; there are " + ", ".join(map(str, messages.COUNTS))
            raise RefusedByDriver(self._where, what, "Correct channels in the bench file")
        self._channels = settings.channels
        self.select(None)

    def select(self, channel: int | None) -> None:
        """Connect one pixel: open every relay, then close this one; None leaves all open. The output must be off.

        :raises RefusedByDriver: the board does not have this relay, or is not configured; nothing was sent.
        :raises SettingNotTaken: relays read back differently; all were told to open.
        :raises InstrumentTimeout: the board does not answer.
        """
        self._require(channel)
        self._tell(messages.open_all(self._channels))
        self._require_closed((), messages.open_all(self._channels))
        if channel is None:
            return
        try:
            self._tell(messages.switch_on(channel))
            self._require_closed((channel,), messages.switch_on(channel))
        except InstrumentError:
            self.adapter.write(messages.open_all(self._channels))
            raise

    @property
    def closed(self) -> tuple[int, ...]:
        """Get which relays the board says are closed (tuple of int).

        :raises UnexpectedReply: it says nothing of the kind.
        """
        reply = self._asked(messages.READ_ALL)
        try:
            return messages.closed_relays(reply, self._channels)
        except ValueError as error:
            hint = f"Has the board {self._channels} relays, as the bench file says"
            raise UnexpectedReply(self._where, messages.READ_ALL, reply, hint) from error

    def settings(self) -> dict[str, int]:
        """How many relays the board has; empty before :meth:`configure`."""
        return {"channels": self._channels} if self._channels else {}

    def shutdown(self) -> None:
        """Open every relay; the output must be off.

        :raises SettingNotTaken: a relay reads back as closed.
        """
        if self._channels:
            self.select(None)

    def _require(self, channel: int | None) -> None:
        if not self._channels:
            raise RefusedByDriver(self._where, "no relay was switched: the board is not configured", "Call configure")
        if channel is not None and not 0 <= channel < self._channels:
            what = f"no relay was switched: there is no relay {channel} among {self._channels} (0 to"
            raise RefusedByDriver(self._where, f"{what} {self._channels - 1})", "Correct pixels in the bench file")

    def _require_closed(self, wanted: tuple[int, ...], command: str) -> None:
        """Wait until the contacts are steady, and hold what the board says against what it was told.

        :raises SettingNotTaken: another relay is closed, or one is not.
        """
        link.read_line(self.adapter, SPECIFICATION.operate_time)  # nothing is due: the prompt has no end of line
        if (found := self.closed) != wanted:
            pairs = [(command, _relays(wanted), _relays(found))]
            raise SettingNotTaken(self._where, pairs, "Check the board and the supply of its relays")

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


def _relays(channels: tuple[int, ...]) -> str:
    return "relay " + " and ".join(map(str, channels)) + " closed" if channels else "all open"
