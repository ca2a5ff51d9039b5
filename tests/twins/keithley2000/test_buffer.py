"""The Model 2000 at its connector: the buffer."""

from __future__ import annotations

import pytest

from tests.twins.keithley2000.conftest import one_shot, show


def test_buffer_survives_reset_and_stops_when_full() -> None:
    host = one_shot()
    host.write(":TRAC:POIN 4;FEED:CONT NEXT", ":SAMP:COUN 6", ":INIT")
    host.ask("*OPC?")
    assert host.ask(":TRAC:FREE?") == b"16320,64\n"
    host.write("*RST")
    assert len(host.ask(":TRAC:DATA?").split(b",")) == 4
    assert host.ask(":TRAC:POIN?;:DATA:FEED:CONT?") == b"4;NEV\n"
    host.write(":DATA:CLE")
    host.ask(":DATA:DATA?", 1.0)
    assert host.errors() == [-230]


def test_buffer_settings_cannot_change_while_storing() -> None:
    host = one_shot()
    host.write(":TRAC:FEED:CONT NEXT", ":TRAC:POIN 10", ":TRAC:FEED CALC1")
    assert host.errors() == [-221, -221]


def test_buffer_of_computed_readings_and_statistics() -> None:
    host = one_shot()
    fixture = host.fixture
    host.write(":CALC:FORM MXB;KMAT:MMF 10;:CALC:STAT ON", ":TRAC:POIN 3;FEED CALC1;FEED:CONT NEXT")
    host.write(":CALC2:FORM MEAN;STAT ON")
    for volts in (1.0, 2.0, 6.0):
        show(fixture, volts)
        host.ask(":READ?")
    assert host.ask(":TRAC:DATA?") == b"+1.00000000E+01,+2.00000000E+01,+6.00000000E+01\n"
    assert host.ask(":CALC2:DATA?") == b"+3.00000000E+01\n"
    for form, value in [("SDEV", 26.4575131), ("MAX", 60.0), ("MIN", 10.0)]:
        assert float(host.ask(f":CALC2:FORM {form};IMM?")) == pytest.approx(value)
