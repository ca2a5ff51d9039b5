"""Byte transcripts for driver tests, on PyMeasure's expected_protocol."""

import pymeasure.test
import pytest
from pymeasure.adapters import ProtocolAdapter
from pymeasure.adapters.protocol import to_bytes
from pyvisa.resources import SerialInstrument

from drivers.errors import InstrumentTimeout

NOTHING = b"<nothing>"


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
    """expected_protocol, with ``<nothing>`` for a reply that does not come."""
    monkeypatch.setattr(pymeasure.test, "ProtocolAdapter", Transcript)
    return pymeasure.test.expected_protocol


@pytest.fixture
def serial_line():
    """Connection attributes that make a transcript look like a serial line."""
    return {"__class__": SerialInstrument}
