"""A Model 2000 that looks at a known voltage, and the host that talks to it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from drivers.simulated.clock import VirtualClock
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.keithley2000.twin import Keithley2000Options, Keithley2000Twin
from drivers.simulated.loads import OpenCircuit
from drivers.simulated.photodiode import Photodiode, linear_responsivity
from drivers.simulated.trigger_link import TriggerLink

GAIN = 1e6
DATA = Path(__file__).parents[2] / "data"
READING = b"+1.00000000E+00\n"


def fixture_showing(volts: float, noise: NoiseSettings | None = None) -> TestFixture:
    """A dark fixture whose amplifier puts out ``volts``."""
    diode = Photodiode(
        etendue=1e-7, responsivity=linear_responsivity("6.0e-4*lambda_nm - 0.012"), gain=GAIN, dark_current=volts / GAIN
    )
    return TestFixture(VirtualClock(), OpenCircuit(), diode, noise or NoiseSettings.none())


def show(fixture: TestFixture, volts: float) -> None:
    fixture.photodiode = dataclasses.replace(fixture.photodiode, dark_current=volts / GAIN)


class Host:
    """A controller on the other end: writes, and lets time pass until a reply is complete."""

    def __init__(
        self, fixture: TestFixture, options: Keithley2000Options | None = None, link: TriggerLink | None = None
    ) -> None:
        assert isinstance(fixture.clock, VirtualClock)
        self.fixture = fixture
        self.clock = fixture.clock
        self.twin = Keithley2000Twin(fixture, options, link)

    def write(self, *messages: str) -> None:
        for message in messages:
            self.twin.receive(message.encode() + b"\n", end=True)

    def read(self, patience: float = 60.0) -> bytes:
        limit = self.clock.now() + patience
        received = b""
        while True:
            chunk, complete = self.twin.transmit()
            received += chunk
            if complete:
                return received
            due = self.clock.next_event()
            if due is None or due > limit:
                self.clock.advance_to(limit)
                return received
            self.clock.advance_to(due)

    def ask(self, message: str, patience: float = 60.0) -> bytes:
        self.write(message)
        return self.read(patience)

    def seconds(self, message: str) -> float:
        """How long the reply to ``message`` takes."""
        start = self.clock.now()
        assert self.ask(message)
        return self.clock.now() - start

    def error(self) -> bytes:
        return self.ask(":SYST:ERR?")

    def errors(self) -> list[int]:
        codes = []
        while (code := int(self.error().split(b",")[0])) != 0:
            codes.append(code)
        return codes


def host_at(volts: float = 1.0, link: TriggerLink | None = None, **options: Any) -> Host:
    return Host(fixture_showing(volts), Keithley2000Options(**options), link)


def one_shot(volts: float = 1.0, **options: Any) -> Host:
    """A meter set for single fast readings on the 10 V range."""
    host = host_at(volts, **options)
    host.write("*RST", ":VOLT:DC:RANG 10", ":SYST:AZER OFF", ":TRIG:DEL 0")
    return host
