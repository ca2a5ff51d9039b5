"""The Model 2000 with any client and on any line."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley import Keithley2000

from drivers.simulated.clock import VirtualClock
from drivers.simulated.keithley2000.twin import Keithley2000Twin
from drivers.simulated.visa import SimulatedVisaLibrary
from tests.twins.keithley2000.conftest import fixture_showing, host_at


def test_start_up_of_a_public_client() -> None:
    host = host_at()
    host.write(":STAT:QUEUE:CLEAR;*RST;:STAT:PRES;:*CLS;", ":CONF:VOLT:DC")
    host.write(":SENS:VOLT:RANG:AUTO 0;:SENS:VOLT:RANG 10", ":SENS:VOLT:DC:AVER:STAT 1")
    host.write(":SENS:VOLT:DC:AVER:TCON REP", ":SENS:VOLT:DC:AVER:COUN 2")
    host.write(":STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;", ":TRAC:CLEAR;", ":TRAC:POIN 3", ":TRIG:COUN 3")
    host.write(":TRIG:SEQ:DEL 0", ":TRAC:FEED SENSE;:TRAC:FEED:CONT NEXT;", ":INIT")
    while int(host.ask("*STB?")) & 65 != 65:
        host.clock.advance(0.1)
    host.write(":FORM:DATA ASCII")
    assert len(host.ask(":TRAC:DATA?").split(b",")) == 3
    assert host.errors() == []


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning")
def test_an_independent_driver_reads_and_fills_the_buffer() -> None:
    fixture = fixture_showing(1.0)
    clock = fixture.clock
    assert isinstance(clock, VirtualClock)
    library = SimulatedVisaLibrary(clock, {"GPIB0::16::INSTR": Keithley2000Twin(fixture)})
    meter = Keithley2000(VISAAdapter("GPIB0::16::INSTR", visa_library=library))
    meter.reset()
    meter.measure_voltage(max_voltage=10)
    assert (meter.mode, meter.voltage_range, meter.voltage) == ("voltage", 10.0, 1.0)
    meter.measure_resistance()
    assert meter.resistance == 9.9e37
    meter.measure_voltage(max_voltage=10)
    meter.config_buffer(5, 0)
    meter.start_buffer()
    while not meter.is_buffer_full():
        clock.advance(0.1)
    assert list(meter.buffer_data) == [1.0] * 5
    assert meter.check_errors() == []
    meter.beep(400, 0.1)
    assert [code for code, _ in meter.check_errors()] == [-108]


def test_serial_line_waits_instead_of_interrupting_and_ctrl_c_clears() -> None:
    host = host_at(interface="serial", terminator="CR")
    host.twin.receive(b"*RST\r:VOLT:RANG 10\r:READ?\r*IDN?\r")
    assert host.read() == b"+1.00000000E+00\r"
    assert host.read().startswith(b"KEITHLEY")
    host.twin.receive(b":TRIG:SOUR EXT\r:READ?\r")
    assert host.read(5.0) == b""
    host.twin.receive(b"\x03:SYST:ERR?\r")
    assert host.read() == b'0,"No error"\r'


DIALOGUE = (
    b"*RST;:INIT:CONT OFF\n:VOLT:RANG 5;RANG?\n:SENS:FUNC 'VOLT:DC'\n:VOLT:NPLC 0.1;:SAMP:COUN 3\n:READ?\n:FOO?\n"
    b":SYST:ERR?\n:TRAC:POIN 2;FEED:CONT NEXT;:SAMP:COUN 2;:INIT;*WAI;:TRAC:DATA?\n*IDN?\n"
)


def _replies_on_a_socket(pieces: list[bytes]) -> bytes:
    host = host_at(interface="socket")
    for piece in pieces:
        host.twin.receive(piece)
    return b"".join(iter(lambda: host.read(5.0), b""))


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, len(DIALOGUE)), max_size=30))
def test_how_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(DIALOGUE)]
    pieces = [DIALOGUE[start:stop] for start, stop in itertools.pairwise(edges)]
    replies = _replies_on_a_socket(pieces)
    assert replies == _replies_on_a_socket([DIALOGUE])
    assert replies.count(b"\n") == 5


FRAGMENTS = st.sampled_from(
    [
        b":SENS:", b":VOLT", b":READ?", b":INIT", b":INIT:CONT ON", b"*TRG", b"*RST", b":ABOR", b":TRIG:SOUR EXT",
        b":TRIG:SOUR TIM", b":TRIG:COUN INF", b":SAMP:COUN 1024", b":TRAC:DATA?", b":TRAC:FEED:CONT NEXT", b";", b"\n",
        b" ", b",", b"1e99", b"'", b'"', b"(@1)", b"*WAI", b"*OPC?", b":FUNC 'RES'", b":CONF:TEMP", b":MEAS:PER?",
        b":SENS:DATA:FRES?", b":FORM SRE", b":UNIT:VOLT DB", b":HOLD:STAT ON", b":CALC2:IMM?", b":SYST:PRES", b"#H",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(st.one_of(FRAGMENTS, st.binary(max_size=12)), max_size=25),
    kind=st.sampled_from(["gpib", "serial", "socket"]),
    instant=st.booleans(),
)
def test_no_bytes_crash_or_hang_the_meter(pieces: list[bytes], kind: str, instant: bool) -> None:
    host = host_at(interface=kind, terminator="LF", instant=instant)
    for piece in pieces:
        host.twin.receive(piece, end=piece == b"\n")
        host.clock.advance(0.05)
        host.twin.transmit(7)
        host.twin.talk_with_nothing_to_say()
    host.twin.device_clear()
    assert host.ask("*IDN?").startswith(b"KEITHLEY")
