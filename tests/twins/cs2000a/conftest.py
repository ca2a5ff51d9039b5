"""A CS-2000A in front of any light, at the end of a line."""

import json
import struct
from pathlib import Path

import numpy as np

from drivers.cie import WAVELENGTH
from drivers.simulated.clock import VirtualClock
from drivers.simulated.cs2000a.model import luminance
from drivers.simulated.cs2000a.twin import CS2000ATwin
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.loads import OpenCircuit
from drivers.simulated.photodiode import photodiode_from_parameters

PARAMETERS = json.loads((Path(__file__).parents[2] / "data" / "simulated_devices.json").read_text())
LIQ = {**PARAMETERS["devices"][2], "shared": PARAMETERS["shared"]}
WHITE = WAVELENGTH**-5 / np.expm1(1.438776877e7 / WAVELENGTH / 5200.0)
DARK = NoiseSettings.none()


class Glow(OpenCircuit):
    """Light of any spectrum that needs no current; ``level`` may change while the meter looks."""

    def __init__(self, spectrum, level=1.0):
        self.spectrum = spectrum / luminance(spectrum)
        self.level = level

    def spectral_radiance(self, current):
        return self.spectrum * self.level

    def longest_step(self, current):
        return 1e9  # its light is looked at anew each time


class Bench:
    """A twin at the end of a line that advances virtual time while it waits."""

    def __init__(self, load=None, options=None, noise=DARK, seed=1, terminator=b"\r\n", remote=True):
        self.clock = VirtualClock()
        self.load = load or Glow(WHITE, 100.0)
        fixture = TestFixture(self.clock, self.load, photodiode_from_parameters(PARAMETERS["shared"]), noise, seed)
        self.fixture = fixture
        self.twin = CS2000ATwin(fixture, options)
        self.terminator = terminator
        if remote:
            assert self.ask("RMTS,1" if self.twin.options.firmware < (3, 0, 9301) else "RMTS,2") == "OK00"

    def send(self, text):
        self.twin.receive(text.encode("ascii") + self.terminator)

    def line(self, limit=400.0):
        """The next reply, b"" if none comes within ``limit`` seconds."""
        deadline = self.clock.now() + limit
        while True:
            reply, complete = self.twin.transmit()
            if reply:
                assert complete
                return reply
            due = self.clock.next_event()
            if due is None or due > deadline:
                self.clock.advance_to(deadline)
                return b""
            self.clock.advance_to(due)

    def answer(self, limit=400.0):
        reply = self.line(limit)
        assert reply.endswith(self.terminator) or not reply
        return reply.removesuffix(self.terminator).decode("ascii")

    def ask(self, text, limit=40.0):
        self.send(text)
        return self.answer(limit)

    def measure(self):
        """Both lines of a reading."""
        return self.ask("MEAS,1", 20.0), self.answer()

    def values(self, text):
        return [float(field) for field in self.ask(text).removeprefix("OK00,").split(",")]


def hexadecimal(text):
    return [struct.unpack(">f", bytes.fromhex(value))[0] for value in text.removeprefix("OK00,").split(",")]


def exchange(bench, data):
    bench.twin.receive(data)
    return bench.line(40.0)
