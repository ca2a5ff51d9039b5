"""Byte transcripts for driver tests, on PyMeasure's expected_protocol."""

import pymeasure.test
import pytest
from pymeasure.adapters import ProtocolAdapter
from pymeasure.adapters.protocol import to_bytes
from pyvisa.resources import SerialInstrument

from drivers.cs2000a.driver import CS2000A
from drivers.errors import InstrumentTimeout
from drivers.simulated.bench import SimulatedBenchOptions, build_simulated_bench

NOTHING = b"<nothing>"
RESOURCES = {"gpib": ("GPIB0::24::INSTR", "GPIB0::16::INSTR"), "serial": ("ASRL1::INSTR", "ASRL2::INSTR")}


class Transcript(ProtocolAdapter):
    """A protocol in which the reply ``<nothing>`` is a read that times out."""

    def _read_bytes(self, count, break_on_termchar=False, **kwargs):
        if self._due() == NOTHING:
            super()._read_bytes(-1)
            raise InstrumentTimeout("the transcript", "no reply")
        return super()._read_bytes(count, break_on_termchar, **kwargs)

    def _due(self):
        if self._read_buffer is not None:
            return self._read_buffer
        sent, reply = self.comm_pairs[self._index] if self._index < len(self.comm_pairs) else (None, None)
        return to_bytes(reply) if sent is None and reply is not None else None


@pytest.fixture
def transcript(monkeypatch):
    """expected_protocol, with ``<nothing>`` for a reply that does not come.

    A reply to a command of the CS-2000A, which reads byte by byte, is given its line end.
    """
    monkeypatch.setattr(pymeasure.test, "ProtocolAdapter", Transcript)

    def opened(driver, pairs, **keywords):
        return pymeasure.test.expected_protocol(
            driver, list(map(ended, pairs)) if driver is CS2000A else pairs, **keywords
        )

    return opened


def ended(pair):
    sent, reply = pair
    whole = sent is None or reply is None or reply == NOTHING.decode() or "\n" in reply
    return pair if whole else (sent, reply + "\n")


@pytest.fixture
def serial_line():
    """Connection attributes that make a transcript look like a serial line."""
    return {"__class__": SerialInstrument}


@pytest.fixture(params=RESOURCES)
def bench(request):
    """A simulated bench with a resistor of 1 kohm, on GPIB and on serial lines."""
    smu, meter = RESOURCES[request.param]
    load = {"load": "resistor", "resistance_ohm": 1e3}
    return build_simulated_bench(SimulatedBenchOptions(load, noise=False, smu=smu, photodiode_meter=meter))
