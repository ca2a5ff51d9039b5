"""A 2400 on a load, and the host that talks to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drivers.simulated.clock import VirtualClock
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.keithley2400.twin import Keithley2400Options, Keithley2400Twin
from drivers.simulated.loads import Load, Resistor
from drivers.simulated.photodiode import photodiode_from_parameters
from drivers.simulated.trigger_link import TriggerLink

_SHARED = json.loads((Path(__file__).parents[2] / "data" / "simulated_devices.json").read_text(encoding="utf-8"))
PHOTODIODE = photodiode_from_parameters(_SHARED["shared"])


class Bench:
    """A 2400 on a load; writes messages and lets virtual time pass until a reply is there."""

    def __init__(
        self,
        load: Load | None = None,
        link: TriggerLink | None = None,
        noise: NoiseSettings | None = None,
        **options: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.fixture = TestFixture(self.clock, load or Resistor(1000.0), PHOTODIODE, noise or NoiseSettings.none())
        self.twin = Keithley2400Twin(self.fixture, Keithley2400Options(**options), link)

    def write(self, *messages: str) -> None:
        for message in messages:
            self.twin.receive(message.encode("latin-1") + b"\n", end=True)

    def read_bytes(self, limit: float = 100.0) -> bytes | None:
        until = self.clock.now() + limit
        while True:
            data, complete = self.twin.transmit()
            if complete:
                return data
            due = self.clock.next_event()
            if due is None or due > until:
                self.clock.advance_to(until)
                return None
            self.clock.advance_to(due)

    def ask(self, message: str, limit: float = 100.0) -> str | None:
        self.write(message)
        data = self.read_bytes(limit)
        return None if data is None else data.decode("latin-1").rstrip("\r\n")

    def numbers(self, message: str) -> list[float]:
        return [float(number) for number in str(self.ask(message)).split(",")]

    def seconds(self, message: str) -> float:
        start = self.clock.now()
        assert self.ask(message) is not None
        return self.clock.now() - start

    def errors(self) -> list[int]:
        codes = []
        while code := int(str(self.ask(":SYST:ERR?")).partition(",")[0]):
            codes.append(code)
        return codes


@pytest.fixture
def bench() -> Bench:
    return Bench()


def ready(**options: Any) -> Bench:
    """Output on, voltage source, voltage and current measured on a fixed 10 mA range."""
    bench = Bench(**options)
    bench.write(
        ":SENS:FUNC 'VOLT','CURR'",
        ":SENS:CURR:PROT 0.01",
        ":SENS:CURR:RANG 0.01",
        ":FORM:ELEM VOLT,CURR,STAT",
        ":OUTP ON",
    )
    assert bench.errors() == []
    return bench
