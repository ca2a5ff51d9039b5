"""The 2400 from its link: worked exchanges of the manual."""

from __future__ import annotations

import pytest

from drivers.simulated.loads import Resistor
from tests.twins.keithley2400.conftest import Bench


def test_identity(bench: Bench) -> None:
    assert bench.ask("*IDN?") == ("KEITHLEY INSTRUMENTS INC.,MODEL 2400,1248014,C30   Mar 17 2006 09:29:29/A02  /K/J")
    assert bench.ask("*OPT?;*TST?;:SYST:VERS?;:SYST:MEP?") == "0;0;1996.0;1"


def test_worked_exchanges_byte_for_byte(bench: Bench) -> None:
    bench.write("*RST")
    assert bench.ask(":SYST:ERR?") == '0,"No error"'
    assert bench.ask(":READ?") is None
    assert bench.ask(":SYST:ERR?") == '+803,"Not permitted with OUTPUT off"'
    bench.write(":FORM:ELEM VOLT,CURR,STAT")
    assert bench.ask(":FORM:ELEM?") == "VOLT,CURR,STAT"
    bench.write(':SENS:FUNC "VOLT"')
    assert bench.ask(":SENS:FUNC?") == '"VOLT:DC","CURR:DC"'
    bench.write(":SENS:CURR:PROT 0.025")
    assert bench.ask(":SENS:CURR:PROT?") == "2.500000E-02"
    bench.write(":OUTP ON;:SOUR:VOLT 3")
    assert bench.ask(":READ?") == "+3.000000E+00,+3.000000E-03,+2.253200E+04"
    bench.write(":SENS:VOLT:RANG 2")
    assert bench.ask(":SYST:ERR?") == '+823,"Invalid with source read-back on"'
    bench.write(":TRIG:SOUR BUS")
    assert bench.ask(":SYST:ERR?") == '-140,"Character data error"'


def test_the_reply_ends_with_a_line_feed_on_gpib_and_as_chosen_on_serial() -> None:
    bench = Bench(interface="serial", terminator="CRLF")
    bench.twin.receive(b":OUTP?\r\n")
    assert bench.twin.transmit() == (b"0\r\n", True)


def test_a_status_word_from_the_manual() -> None:
    # 48132: front terminals, auto ohms, V, I and ohms measured, current source (User's Manual, section 18)
    bench = Bench(Resistor(10002.36))
    bench.write(':FUNC "VOLT","RES"', ":OUTP ON")
    voltage, current, resistance, _, status = bench.numbers(":READ?")
    assert status == 48132
    assert resistance == pytest.approx(10002.36, rel=1e-4)
    assert voltage == pytest.approx(current * 10002.36, rel=1e-4)
    assert current == 1e-4


def test_what_is_not_measured_is_the_programmed_value_or_nothing(bench: Bench) -> None:
    bench.write(":SENS:CURR:PROT 0.01", ":SOUR:VOLT 3", ":OUTP ON")
    assert str(bench.ask(":READ?")).startswith("+3.000000E+00,+3.000000E-03,+9.910000E+37,")
