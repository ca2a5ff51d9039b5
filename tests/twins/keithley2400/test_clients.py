"""The 2400 with any client: serial lines, sockets, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.simulated.keithley2400.commands import COMMANDS
from tests.twins.keithley2400.conftest import Bench

# --- clients ---


@pytest.mark.parametrize(
    "message",
    [
        ":FORMAT:ELEMENTS VOLTAGE, CURRENT, RESISTANCE, TIME, STATUS",
        ":SENSE:FUNCTION:ALL;:SENSE:RESISTANCE:MODE MAN",
        ":OUTPUT:SMODE HIMP",
        ":SYSTEM:AZERO:STATE ONCE",
        ":STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;",
        ":TRAC:CLEAR;",
        ":TRAC:POIN 20",
        ":TRAC:FEED SENSE;:TRAC:FEED:CONT NEXT;",
        ":CALCULATE3:FORMAT MEAN;",
        ":SYST:BEEP:STAT OFF;:SYST:BEEP 440, 0.5",
        ":DISP:TEXT:DATA 'RUNNING';STAT ON",
        ':DISP:WIND2:TEXT:DATA "second line"',
        ":SYST:LOC;:SYST:RWL",
        ":SOUR2:TTL 7;:SYST:KEY 3",
        ":FORM:SREG HEX;:SYST:MEM:INIT",
        ":ARM:SEQ1:LAY1:SOUR IMM;:TRIG:SEQ1:DEL 0.1",
        ":TRIG:TCON:ASYN:OUTP SENS;:ARM:TCON:DIR SOUR",
        ":CALC2:CLIM:CLE;:SYST:AZER:CACH:REFR",
    ],
)
def test_what_clients_send_is_understood(bench: Bench, message: str) -> None:
    bench.write(message)
    assert bench.errors() == []


def test_texts_are_kept_on_the_display(bench: Bench) -> None:
    bench.write(":DISP:TEXT 'X'", ":DISP:WIND1:TEXT:DATA 'Ready; steady'")
    assert bench.ask(":DISP:TEXT:DATA?") == '"Ready; steady"'
    bench.write(":DISP:TEXT:DATA '" + "x" * 21 + "'")
    assert bench.errors() == [-113, -223]


# --- any bytes ---


_WORDS = st.sampled_from(
    [
        ":SOUR:VOLT 3", ":SOUR:CURR -1e-3", ":OUTP ON", ":OUTP OFF", ":READ?", ":INIT", ":FETC?", "*RST", "*TRG",
        ":SENS:FUNC 'RES'", ":SENS:FUNC:OFF:ALL", ":SENS:CURR:RANG:AUTO ON", ":SENS:CURR:PROT 0.1", ":SOUR:FUNC CURR",
        ":SOUR:FUNC MEM", ":SOUR:MEM:SAVE 1", ":SOUR:VOLT:MODE SWE", ":SOUR:VOLT:STOP 5", ":ABOR", ":ARM:COUN INF",
        ":ARM:SOUR BUS", ":ARM:SOUR TIM", ":TRAC:FEED:CONT NEXT", ":TRAC:DATA?", ":CALC1:STAT ON", ":CALC3:DATA?",
        ":CALC1:MATH:NAME 'VARALPHA'", ":SOUR:CLE:AUTO ON", ":FORM REAL", ":SYST:ERR?", "*STB?", ":SOUR:VOLT MAX",
        ":SOUR:LIST:VOLT 1,2", ":SOUR:VOLT:MODE LIST", ":SENS:AVER ON", ":SENS:AVER:TCON MOV", ":OUTP:SMOD HIMP",
        "*OPC?", ":TRIG:COUN 3",
        ":CONF:RES", ":MEAS:CURR?", ":SOUR:SWE:SPAC LOG", ":SOUR:SWE:CAB EARL", "*RCL 1", ":SYST:PRES", "*SAV 1",
        ":TRIG:SOUR TLIN", ":TRIG:INP SOUR,SENS", ":CALC2:LIM2:STAT ON", ":CALC2:NULL:ACQ", ":SYST:RSEN ON", "\x03",
    ]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(_WORDS, max_size=20), st.booleans(), st.booleans())
def test_any_order_of_commands_is_survived(messages: list[str], instant: bool, clear: bool) -> None:
    bench = Bench(instant=instant)
    for message in messages:
        bench.write(message)
        bench.clock.advance(0.05)
        bench.twin.transmit()
    if clear:
        bench.twin.device_clear()
    else:
        bench.write("*RST")
        bench.clock.advance(100.0)  # what was held back behind a measurement runs now, and may have something to say
        while bench.twin.transmit()[0]:
            pass
    assert str(bench.ask("*IDN?")).startswith("KEITHLEY")


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=120), st.sampled_from(["gpib", "serial", "socket"]))
def test_any_bytes_are_survived(data: bytes, kind: str) -> None:
    bench = Bench(interface=kind, terminator="LF")
    bench.twin.receive(data, end=kind == "gpib")
    bench.twin.receive(b"\n")
    bench.clock.advance(1.0)
    bench.twin.device_clear()
    assert str(bench.ask("*IDN?")).startswith("KEITHLEY")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 25), min_size=1, max_size=6))
def test_the_way_bytes_are_cut_changes_nothing(sizes: list[int]) -> None:
    data = b"*RST\n:SENS:FUNC 'VOLT'\n:SENS:CURR:PROT 0.01;:SOUR:VOLT 2\n:FOO\n:OUTP ON\n:READ?\n:SYST:ERR?;:OUTP?\n"
    whole, cut = Bench(interface="socket"), Bench(interface="socket")
    whole.twin.receive(data)
    position = index = 0
    while position < len(data):
        size = sizes[index % len(sizes)]
        cut.twin.receive(data[position : position + size])
        position, index = position + size, index + 1
    replies = [whole.read_bytes(), whole.read_bytes()]
    assert None not in replies
    assert [cut.read_bytes(), cut.read_bytes()] == replies


def test_every_header_is_reached_through_the_table() -> None:
    assert len(COMMANDS.parse(b":SYST:ERR?;*CLS;:TRAC:POIN:ACT?;:CALC2:LIM12:UPP 3")) == 4
