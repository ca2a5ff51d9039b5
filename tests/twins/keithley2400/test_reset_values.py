"""The 2400 from its link: what *RST leaves."""

from __future__ import annotations

import pytest

from tests.twins.keithley2400.conftest import Bench


@pytest.mark.parametrize(
    ("query", "reply"),
    [
        (":OUTP?", "0"),
        (":OUTP:SMOD?", "NORM"),
        (":ROUT:TERM?", "FRON"),
        (":SOUR:CLE:AUTO?", "0"),
        (":SOUR:FUNC?", "VOLT"),
        (":SOUR:VOLT:MODE?", "FIX"),
        (":SOUR:VOLT:RANG?", "2.100000E+01"),
        (":SOUR:CURR:RANG?", "1.050000E-04"),
        (":SOUR:VOLT:RANG:AUTO?", "1"),
        (":SOUR:VOLT?", "0.000000E+00"),
        (":SOUR:VOLT:PROT?", "2.100000E+02"),
        (":SOUR:DEL?", "0.000000E+00"),
        (":SOUR:DEL:AUTO?", "1"),
        (":SOUR:SWE:POIN?", "2500"),
        (":SOUR:SWE:CAB?", "NEV"),
        (":SOUR2:TTL?", "15"),
        (":SENS:FUNC:CONC?", "1"),
        (":SENS:FUNC?", '"CURR:DC"'),
        (":SENS:CURR:RANG?", "1.050000E-04"),
        (":SENS:VOLT:RANG?", "2.100000E+01"),
        (":SENS:RES:RANG?", "2.100000E+05"),
        (":SENS:CURR:RANG:AUTO:LLIM?", "1.000000E-06"),
        (":SENS:VOLT:RANG:AUTO:LLIM?", "2.100000E-01"),
        (":SENS:CURR:NPLC?", "1.000000E+00"),
        (":SENS:CURR:PROT?", "1.050000E-04"),
        (":SENS:VOLT:PROT?", "2.100000E+01"),
        (":SENS:RES:MODE?", "AUTO"),
        (":SENS:AVER?;AVER:COUN?;TCON?", "0;10;REP"),
        (":FORM?", "ASC"),
        (":FORM:BORD?", "NORM"),
        (":FORM:ELEM?", "VOLT,CURR,RES,TIME,STAT"),
        (":ARM:COUN?", "1"),
        (":ARM:SOUR?", "IMM"),
        (":ARM:TIM?", "1.000000E-01"),
        (":ARM:OLIN?;ILIN?", "2;1"),
        (":TRIG:COUN?", "1"),
        (":TRIG:DEL?", "0.000000E+00"),
        (":TRIG:INP?", "NONE"),
        (":TRIG:OUTP?", "NONE"),
        (":SYST:AZER?", "1"),
        (":SYST:RSEN?", "0"),
        (":SYST:LFR?", "50"),
        (":TRAC:POIN?", "100"),
        (":TRAC:FEED?", "SENS1"),
        (":TRAC:FEED:CONT?", "NEV"),
        (":CALC3:FORM?", "MEAN"),
        (":CALC1:STAT?", "0"),
        (":DISP:ENAB?", "1"),
    ],
)
def test_defaults(bench: Bench, query: str, reply: str) -> None:
    bench.write("*RST")
    assert bench.ask(query) == reply
    assert bench.errors() == []


def test_reset_switches_the_output_off_and_leaves_buffer_status_and_line_frequency(bench: Bench) -> None:
    bench.write(":OUTP ON", ":TRAC:POIN 7", ":SYST:LFR 60", ":STAT:MEAS:ENAB 512", "*RST")
    assert bench.ask(":OUTP?;:TRAC:POIN?;:SYST:LFR?;:STAT:MEAS:ENAB?") == "0;7;60;512"


def test_reset_takes_the_register_format_and_the_math_unit_back(bench: Bench) -> None:
    bench.write(":FORM:SREG HEX", ":CALC1:MATH:UNIT 'mW'", "*RST")
    assert bench.ask(":FORM:SREG?;*STB?;:CALC1:MATH:UNIT?") == 'ASC;0;""'


def test_bench_defaults_differ(bench: Bench) -> None:
    bench.write(":SYST:PRES")
    assert bench.ask(":SOUR:VOLT:PROT?;:FORM:BORD?;:TRIG:INP?") == "4.000000E+01;SWAP;SOUR"


def test_setups_are_kept_and_recalled_with_the_output_off(bench: Bench) -> None:
    bench.write(":SENS:CURR:PROT 0.02", ":SOUR:VOLT 2", "*SAV 3", "*RST", ":OUTP ON", "*RCL 3")
    assert bench.ask(":SENS:CURR:PROT?;:SOUR:VOLT?;:OUTP?") == "2.000000E-02;2.000000E+00;0"
    bench.write("*RCL 4", "*SAV 5")
    assert bench.ask(":SENS:CURR:PROT?") == "1.050000E-04"
    assert bench.errors() == [-222]


def test_power_up_setup(bench: Bench) -> None:
    bench.write(":SENS:CURR:PROT 0.02", "*SAV 1", ":SYST:POS SAV1", ":SENS:CURR:PROT 0.03", "*SRE 1")
    bench.twin.power_cycle()
    assert bench.ask(":SENS:CURR:PROT?;*SRE?;*ESR?") == "2.000000E-02;0;128"
    bench.write(":SYST:POS PRES")
    bench.twin.power_cycle()
    assert bench.ask(":FORM:BORD?;:OUTP?") == "SWAP;0"
    bench.write(":SYST:POS RST")
    bench.twin.power_cycle()
    assert bench.ask(":FORM:BORD?") == "NORM"
