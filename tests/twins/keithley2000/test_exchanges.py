"""The Model 2000 at its connector: worked exchanges."""

from __future__ import annotations

import pytest

from tests.twins.keithley2000.conftest import READING, host_at


def test_identity() -> None:
    assert host_at().ask("*IDN?") == b"KEITHLEY INSTRUMENTS INC.,MODEL 2000,1053308,A19  /A02\n"


def test_read_in_continuous_mode_gives_init_ignored_and_no_reply() -> None:
    host = host_at()
    host.write(":SYST:PRES", ":READ?")
    assert host.read(5.0) == b""
    assert host.error() == b'-213,"Init ignored"\n'
    assert host.error() == b'0,"No error"\n'


def test_reset_then_read() -> None:
    host = host_at(2.3457e-3)
    host.write("*RST;:INIT:CONT OFF")
    assert host.ask(":READ?") == b"+2.34570000E-03\n"


def test_read_after_power_up_once_continuous_is_off() -> None:
    host = host_at()
    host.write(":INIT:CONT OFF")
    assert host.ask(":READ?") == READING
    host.write(":SYST:PRES", ":INIT:CONT OFF")
    assert host.ask(":READ?") == READING
    assert host.errors() == []


def test_function_exchange() -> None:
    host = host_at()
    host.write(":SENS:FUNC 'VOLT:DC'")
    assert host.ask(":SENS:FUNC?") == b'"VOLT:DC"\n'
    assert host.ask(":CONF?") == b'"VOLT:DC"\n'


def test_range_exchange() -> None:
    host = host_at()
    host.write(":VOLT:DC:RANG 5")
    assert host.ask(":VOLT:DC:RANG?") == b"10\n"
    assert host.ask(":VOLT:DC:RANG:AUTO?") == b"0\n"
    host.write(":VOLT:DC:RANG 2000")
    assert host.error() == b'-222,"Parameter data out of range"\n'


def test_buffer_exchange() -> None:
    host = host_at(1e-3)
    host.write("*RST", ":TRAC:POIN 3;FEED SENS1;FEED:CONT NEXT", ":SAMP:COUN 3", ":INIT")
    assert host.ask("*OPC?") == b"1\n"
    assert host.ask(":TRAC:DATA?") == b"+1.00000000E-03,+1.00000000E-03,+1.00000000E-03\n"
    assert host.ask(":TRAC:FEED:CONT?") == b"NEV\n"


def test_undefined_header() -> None:
    host = host_at()
    assert host.ask(":FOO?", 1.0) == b""
    assert host.error() == b'-113,"Undefined header"\n'


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (":SENS:PRE:THR:VOLT:RANG 1", -113),
        (":SYST:BEEP 100, 1", -108),
        (":SENS:FUNC VOLT", -148),
        (":SENS:FUNC 'FOO'", -224),
        (":TRAC:POIN 1", -222),
        (":VOLT:NPLC 20", -222),
        (":VOLT:NPLC", -109),
        (":TRIG:SOUR TLIN", -140),
        (":DISP:TEXT:DATA 'MORE THAN TWELVE'", -223),
        (":ROUT:CLOS (@1)", -241),
        (":ROUT:CLOS:STAT?", -241),
        (":CURR:DC:REF:ACQ", -221),
        (":TRIG:SIGN", -211),
        ("*TRG", -211),
        (":FETC?", -230),
        (":SENS:DATA?", -230),
        (":TRAC:DATA?", -230),
        (":CALC2:DATA?", -230),
        (":CALC2:FORM MEAN;:CALC2:IMM?", -230),
        (":CALC2:IMM?", -221),
    ],
)
def test_refusals(message: str, code: int) -> None:
    host = host_at()
    host.write("*RST", message)
    assert host.errors() == [code]


def test_queries_of_what_was_set_in_every_corner() -> None:
    host = host_at()
    host.write("*RST")
    pairs = [
        (":VOLT:AC:DET:BAND", "300"),
        (":CURR:AC:RANG", "3"),
        (":FRES:RANG", "1000"),
        (":RES:DIG", "5"),
        (":FREQ:APER", "0.1"),
        (":PER:THR:VOLT:RANG", "100"),
        (":DIOD:CURR:RANG", "0.0001"),
        (":CONT:THR", "50"),
        (":TEMP:TC:TYPE", "K"),
        (":TEMP:RJUN:SIM", "25"),
        (":HOLD:COUN", "7"),
        (":VOLT:AVER:TCON", "MOV"),
        (":CURR:REF", "-0.5"),
        (":TRIG:TIM", "0.25"),
        (":TRIG:SEQ:DEL", "0.05"),
        (":TRIG:DEL:AUTO", "0"),
        (":TRAC:FEED", "CALC1"),
        (":FORM:BORD", "SWAP"),
        (":FORM:ELEM", "READ,CHAN,UNIT"),
        (":CALC:KMAT:MUN", '"FOO"'),
        (":CALC:FORM", "PERC"),
        (":CALC3:LIM:UPP", "2.5"),
        (":SYST:POS", "RST"),
        (":SYST:KEY", "5"),
        (":SYST:KCL", "0"),
        (":DISP:TEXT", '"HELLO"'),
        (":DISP:ENAB", "0"),
        (":UNIT:VOLT:DBM:IMP", "50"),
        (":UNIT:TEMP", "K"),
    ]
    for header, value in pairs:
        host.write(f"{header} {value}")
        assert host.ask(f"{header}?") == f"{value}\n".encode()
    assert host.errors() == []


def test_fixed_answers() -> None:
    host = host_at(line_frequency=60.0)
    assert host.ask("*OPT?;*TST?;:SYST:VERS?;FRSW?;LFR?") == b"0,0;0;1991.0;1;60\n"
