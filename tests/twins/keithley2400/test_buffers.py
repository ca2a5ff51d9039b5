"""The 2400 from its link: buffers, formulas, limits, statistics."""

from __future__ import annotations

import struct

import pytest

from tests.twins.keithley2400.conftest import Bench, ready


def test_the_buffer_fills_once_and_stops() -> None:
    bench = ready(instant=True)
    bench.write(":TRAC:POIN 3", ":TRAC:FEED SENS;FEED:CONT NEXT", ":FORM:ELEM VOLT", "*CLS")
    bench.write(":TRAC:FEED CALC1", ":TRAC:POIN 5")
    assert bench.errors() == [800, 800]
    bench.write("*CLS")
    for level in (1, 2):
        bench.write(f":SOUR:VOLT {level}", ":INIT")
    assert bench.ask(":TRAC:POIN:ACT?;:TRAC:FEED:CONT?") == "2;NEXT"
    assert int(str(bench.ask(":STAT:MEAS?"))) & (1 << 8 | 1 << 9) == 1 << 8
    bench.write(":SOUR:VOLT 3", ":INIT", ":SOUR:VOLT 4", ":INIT")
    assert bench.ask(":TRAC:FEED:CONT?") == "NEV"
    assert int(str(bench.ask(":STAT:MEAS?"))) & 1 << 9
    assert bench.ask(":TRAC:DATA?") == "+1.000000E+00,+2.000000E+00,+3.000000E+00"
    assert bench.ask(":DATA:FREE?") == f"{2497 * 24},{3 * 24}"
    bench.write(":TRAC:CLE")
    assert bench.ask(":TRAC:POIN:ACT?") == "0"


def test_buffer_time_stamps() -> None:
    bench = ready()
    bench.clock.advance(3.0)
    bench.write(":TRAC:POIN 3;FEED:CONT NEXT", ":ARM:SOUR TIM;TIM 0.5;COUN 3", ":FORM:ELEM TIME", ":INIT")
    assert bench.numbers(":TRAC:DATA?") == [0.0, 0.5, 1.0]
    bench.write(":TRAC:TST:FORM DELT")
    assert bench.numbers(":TRAC:DATA?") == [0.0, 0.5, 0.5]


def test_buffer_statistics() -> None:
    bench = ready(instant=True)
    bench.write(":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3,6;:TRIG:COUN 4;:TRAC:POIN 4;FEED:CONT NEXT;:INIT")
    expected = {"MEAN": 3.0, "SDEV": 2.160247, "MAX": 6.0, "MIN": 1.0, "PKPK": 5.0}
    for name, value in expected.items():
        assert bench.numbers(f":CALC3:FORM {name};:CALC3:DATA?;") == pytest.approx([value, value / 1000], rel=1e-5)


def test_statistics_and_the_latest_reading_are_text_in_every_data_format() -> None:
    bench = ready(instant=True)
    bench.write(
        ":FORM:ELEM VOLT,CURR", ":TRAC:POIN 2;FEED:CONT NEXT", ":SOUR:VOLT 2", ":TRIG:COUN 2;:INIT", ":FORM SRE"
    )
    assert bench.ask(":CALC3:DATA?") == bench.ask(":SENS:DATA:LAT?") == "+2.000000E+00,+2.000000E-03"
    bench.write(":TRAC:DATA?")
    assert bench.read_bytes() == b"#0" + struct.pack(">4f", 2.0, 2e-3, 2.0, 2e-3) + b"\n"


def test_math_expressions() -> None:
    bench = ready(instant=True)
    bench.write(":CALC1:STAT ON", ":SOUR:VOLT 2")
    assert int(bench.numbers(":READ?")[2]) & 1 << 5
    assert bench.numbers(":CALC1:DATA?") == [0.004]
    bench.write(":CALC1:MATH:NAME 'MINE'", ":CALC1:MATH (-(VOLT ^ 2) / CURR + LOG(100))", ":INIT")
    assert bench.numbers(":CALC1:DATA:LAT?") == [pytest.approx(-1998.0)]
    assert bench.ask(":CALC1:MATH:CAT?") == '"POWER","OFFCOMPOHM","VOLTCOEF","VARALPHA","MINE"'
    bench.write(":CALC1:MATH:NAME 'OFFCOMPOHM'", ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,3", ":TRIG:COUN 2", ":INIT")
    assert bench.numbers(":CALC1:DATA?") == [9.91e37, 1000.0]
    bench.write(":CALC1:MATH:DEL 'MINE'", ":CALC1:MATH:DEL 'POWER'", ":CALC1:MATH (1)")
    assert bench.errors() == [808, 807]


def test_the_text_of_a_math_expression_can_be_read_back(bench: Bench) -> None:
    assert bench.ask(":CALC1:MATH?") == "(VOLT * CURR)"
    bench.write(":CALC1:MATH:NAME 'MINE'", ":CALC1:MATH:EXPR (2 * volt)")
    assert bench.ask(":CALC1:MATH:EXPR:DEF?") == "(2 * VOLT)"


@pytest.mark.parametrize(("name", "value"), [("VOLTCOEF", 0.0), ("VARALPHA", 1.0), ("OFFCOMPOHM", 1000.0)])
def test_math_of_two_readings_on_a_resistor(name: str, value: float) -> None:
    bench = ready(instant=True)
    bench.write(f":CALC1:STAT ON;MATH:NAME '{name}'", ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,3;:TRIG:COUN 2", ":INIT")
    bench.write(":FORM:ELEM:CALC STAT,CALC")
    assert bench.numbers(":CALC1:DATA?")[::2] == [9.91e37, pytest.approx(value)]


@pytest.mark.parametrize(
    ("expression", "value"), [("VOLT / (CURR - CURR)", 9.9e37), ("LN(0 - VOLT)", 9.91e37), ("SIN(1)(2)", 9.91e37)]
)
def test_math_without_a_value(expression: str, value: float) -> None:
    bench = ready(instant=True)
    bench.write(":CALC1:MATH:NAME 'X'", f":CALC1:MATH ({expression})", ":CALC1:STAT ON", ":SOUR:VOLT 1", ":INIT")
    assert bench.numbers(":CALC1:DATA?") == [value]
    bench.write(":CALC1:MATH:DEL:ALL")
    assert bench.ask(":CALC1:MATH:NAME?") == '"POWER"'


def test_null_and_limits() -> None:
    bench = ready(instant=True)
    bench.write(":SOUR:VOLT 2", ":INIT", ":CALC2:NULL:ACQ", ":CALC2:NULL:STAT ON", ":SOUR:VOLT 3", "*CLS", ":INIT")
    assert bench.numbers(":CALC2:DATA?") == [1.0]
    bench.write(":CALC2:LIM2:UPP 0.5;LOW -0.5;STAT ON", ":INIT")
    assert bench.ask(":CALC2:LIM2:FAIL?") == "1"
    assert int(str(bench.ask(":STAT:MEAS:COND?"))) & 0b111111 == 1 << 2
    assert int(bench.numbers(":FETC?")[2]) & (1 << 6 | 1 << 7 | 0b11 << 8) == 1 << 6 | 1 << 7 | 2 << 8
    bench.write(":SOUR:VOLT 2", ":INIT")
    assert int(str(bench.ask(":STAT:MEAS:COND?"))) & 0b111111 == 1 << 5
    bench.write(":SOUR:VOLT 1", ":INIT")
    assert int(str(bench.ask(":STAT:MEAS:COND?"))) & 0b111111 == 1 << 1
    bench.write(":CALC2:LIM1:STAT ON", ":CALC2:LIM:COMP:FAIL OUT", ":CALC2:LIM2:STAT OFF", ":INIT")
    assert bench.ask(":CALC2:LIM:FAIL?") == "1"


def test_a_buffer_of_calculated_values() -> None:
    bench = ready(instant=True)
    bench.write(":CALC1:STAT ON", ":TRAC:FEED CALC1;POIN 2;FEED:CONT NEXT", ":SOUR:VOLT 1", ":TRIG:COUN 2", ":INIT")
    assert bench.numbers(":TRAC:DATA?") == [0.001, 0.001]
    assert bench.numbers(":CALC3:DATA?") == [0.001]


def test_a_buffer_of_calculated_values_has_the_time_stamps_of_the_buffer() -> None:
    bench = ready()
    bench.clock.advance(3.0)
    bench.write(":CALC1:STAT ON", ":FORM:ELEM:CALC CALC,TIME", ":TRAC:FEED CALC1;POIN 3;FEED:CONT NEXT")
    bench.write(":ARM:SOUR TIM;TIM 0.5;COUN 3", ":INIT")
    assert bench.numbers(":TRAC:DATA?")[1::2] == [0.0, 0.5, 1.0]
