"""A Vaisala HMP110 probe from the other end of its serial line: bytes in, bytes out.

Protocol after the HMP60 and HMP110 Series User's Guide M211060EN: ``SEND`` (one line), ``R`` (line after line), ``S``,
``?`` and ``SMODE``. A command ends with CR; LF is overlooked. What the guide does not say is marked ``assumed``.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

from drivers.simulated.clock import Event
from drivers.simulated.fixture import TestFixture
from drivers.simulated.twin import OnSerialLine

_CR, _ESCAPE = 0x0D, 0x1B
_LONGEST_LINE = 80  # bytes: assumed
_MODES = ("STOP", "RUN", "POLL")


@dataclass(frozen=True)
class HMP110Options:
    """The room, what differs between probes, and what shall go wrong.

    ``temperature`` in degC and ``humidity`` in % are those at the start; both change by ``warming`` and ``moistening``
    an hour. ``silent``: it answers nothing.
    """

    temperature: float = 22.6
    humidity: float = 41.0
    warming: float = 0.0
    moistening: float = 0.0
    serial_number: str = "H1234567"
    firmware: str = "1.03"
    calibration_date: str = "20240115"
    latency: float = 0.010  # s before a reply, besides the time that its characters take
    baud_rate: int = 19200
    serial_mode: Literal["STOP", "RUN", "POLL"] = "STOP"
    interval: float = 2.0  # s between the lines of continuous output
    echo: bool = False
    humidity_sensor_broken: bool = False
    silent: bool = False
    instant: bool = False


class HMP110Twin(OnSerialLine):
    """A probe in the room of the test fixture; ``garbled`` and ``silent`` can be changed while it runs."""

    def __init__(self, fixture: TestFixture, options: HMP110Options | None = None) -> None:
        self.options = options or HMP110Options()
        self.silent = self.options.silent
        self.garbled = False
        self._clock = fixture.clock
        self._started = self._clock.now()
        self._mode: str = self.options.serial_mode
        self._running = self._mode == "RUN"
        self._line = bytearray()
        self._output: deque[bytes] = deque()
        self._next_output: Event | None = None
        self._free_from = 0.0  # when the line has nothing more to carry
        if self._running:
            self._go_on()

    # the room ---------------------------------------------------------------------------------------------

    @property
    def _hours(self) -> float:
        return (self._clock.now() - self._started) / 3600.0

    @property
    def temperature(self) -> float:
        """The temperature of the room, degC."""
        return self.options.temperature + self.options.warming * self._hours

    @property
    def humidity(self) -> float:
        """The relative humidity of the room, %."""
        return min(max(self.options.humidity + self.options.moistening * self._hours, 0.0), 100.0)

    # the connector ----------------------------------------------------------------------------------------

    def receive(self, data: bytes, *, end: bool = False) -> None:  # noqa: ARG002 - a serial line has no END
        """Take bytes from the host; a line ends with CR."""
        for byte in data:
            if byte == _ESCAPE:
                self._stop()
            elif byte == _CR or (byte == 0x0A and self._line):
                self._obey(self._line.decode("latin-1").strip())
                self._line.clear()
            elif byte != 0x0A:
                self._line.append(byte)
        del self._line[_LONGEST_LINE:]

    def power_cycle(self) -> None:
        """Switch it off and on: it starts in the serial mode that it was set to."""
        self._stop()
        self._line.clear()
        self._output.clear()
        self._running = self._mode == "RUN"
        if self._running:
            self._go_on()

    # commands ---------------------------------------------------------------------------------------------

    def _obey(self, command: str) -> None:
        name, _, argument = command.upper().partition(" ")
        if self._running:  # nothing but the end of it is understood then
            if name == "S":
                self._stop()
            return
        if self.options.echo and command:
            self._say(command)
        if name == "SEND" and (self._mode != "POLL" or argument.strip() == "0"):
            self._say(self._measured())
        elif self._mode == "POLL":
            return
        elif name == "R":
            self._running = True
            self._go_on()
        elif name == "?":
            for line in self._identity():
                self._say(line)
        elif name == "SMODE":
            self._mode = argument.strip() if argument.strip() in _MODES else self._mode
            self._say(f"Serial mode    : {self._mode}")
        elif name not in ("", "S"):
            self._say("Unknown command")  # assumed

    def _stop(self) -> None:
        self._running = False
        if self._next_output is not None:
            self._next_output.cancel()

    def _go_on(self) -> None:
        self._say(self._measured())
        self._next_output = self._clock.call_after(self.options.interval, self._go_on)

    def _measured(self) -> str:
        wet = "*" * 7 if self.options.humidity_sensor_broken else f"{self.humidity:7.2f}"  # assumed: stars
        dew = f"{_dew_point(self.temperature, max(self.humidity, 0.1)):7.2f}"
        return f"T={self.temperature:7.2f} 'C RH={wet} %RH Td={dew} 'C"

    def _identity(self) -> tuple[str, ...]:
        options = self.options
        return (
            f"HMP110 {options.firmware}",
            f"Serial number  : {options.serial_number}",
            "Batch number   : H1230001",
            "Sensor model   : Humicap 180R",
            f"Cal. date      : {options.calibration_date}",
            "Cal. info      : Helsinki / FIN",
            "Time           : 00:03:51",
            f"Serial mode    : {self._mode:>8}",
            f"Baud P D S     : {options.baud_rate} N 8 1",
            "Output interval:        2 S",
            "Serial delay   :       10",
            "Address        :        0",
            "Filter         :    1.000",
        )

    def _say(self, line: str) -> None:
        if self.silent:
            return
        text = f"{line} \r\n" if line.startswith("T=") else f"{line}\r\n"
        reply = bytes(byte ^ 0x55 if byte > 0x20 else byte for byte in text.encode()) if self.garbled else text.encode()
        if self.options.instant:
            self._output.append(reply)
            return
        begin = max(self._clock.now() + self.options.latency, self._free_from)
        self._free_from = begin + 10 * len(reply) / self.options.baud_rate
        self._clock.call_at(self._free_from, lambda: self._output.append(reply))


def _dew_point(temperature: float, humidity: float) -> float:
    """Dew point (degC) by the Magnus formula over water: 6.112 hPa, 17.62, 243.12 degC (WMO No. 8, 2008)."""
    gamma = math.log(humidity / 100) + 17.62 * temperature / (243.12 + temperature)
    return 243.12 * gamma / (17.62 - gamma)
