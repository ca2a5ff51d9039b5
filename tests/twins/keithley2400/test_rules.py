"""The 2400 from its link: ranges, and the rules that tie settings together."""

from __future__ import annotations

import math

import pytest

from drivers.simulated.keithley2400.ranges import autorange, round_to_measure_step, round_to_source_step
from tests.twins.keithley2400.conftest import Bench


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ((":SENS:NPLC 1",), -113),
        ((":SENS:CURR:PROT 1e-9", ":SENS:CURR:PROT 0.9e-9"), 822),
        ((":SENS:CURR:PROT 0.02", ":SENS:CURR:RANG 0.02", ":SENS:CURR:PROT 1e-5"), 822),
        ((":SENS:VOLT:RANG 2",), 823),
        ((":SENS:CURR:RANG 1e-3",), 824),
        ((":FUNC 'RES'", ":SOUR:VOLT 1"), 825),
        ((":SENS:CURR:PROT 0.2", ":SOUR:VOLT 22"), 826),
        ((":SOUR:VOLT 100", ":SENS:CURR:PROT 0.106"), 826),
        ((":SENS:VOLT:PROT 22", ":SOUR:CURR 0.2"), 826),
        ((":SYST:GUAR OHMS", ":SOUR:CURR:RANG 1"), 827),
        ((":SOUR:CURR:RANG 1", ":SYST:GUAR OHMS"), 828),
        ((":ARM:COUN INF", ":OUTP ON", ":READ?"), 830),
        ((":ARM:COUN INF", ":FETC?"), 830),
        ((":SOUR:VOLT:RANG 2", ":SOUR:VOLT 2.2"), -222),
        ((":SOUR:VOLT:RANG 2", ":SOUR:VOLT MAX"), -221),
        ((":SOUR:VOLT 211",), -222),
        ((":TRIG:COUN 2000", ":ARM:COUN 2"), -221),
        ((":FETC?",), -230),
        ((":TRAC:DATA?",), -230),
        ((":CALC3:DATA?",), -230),
        ((":SENS:FUNC VOLT",), -148),
        ((":SENS:FUNC 'POWER'",), -224),
        ((":SOUR:LIST:VOLT " + ",".join(["1"] * 101),), -223),
        ((":SOUR:VOLT:MODE LIST", ":OUTP ON", ":INIT"), 801),
        ((":SOUR:FUNC MEM", ":OUTP ON", ":INIT"), 801),
        ((":SOUR:MEM:REC 5",), 801),
        ((":SOUR:SWE:SPAC LOG", ":SOUR:VOLT:MODE SWE", ":OUTP ON", ":INIT"), -221),
        ((":SOUR:SWE:RANG FIX", ":SOUR:VOLT:STOP 50;MODE SWE", ":OUTP ON", ":INIT"), -222),
        ((":SENS:CURR:PROT 1;:SOUR:VOLT:STOP 50;MODE SWE", ":OUTP ON", ":INIT"), 826),
        ((":SOUR:VOLT:STOP 5;STEP 0.001",), -222),
        ((":TRIG:INP SOUR,NONE",), -221),
        ((":SYST:LFR 55",), -222),
        ((":SYST:BEEP 2000, 1",), -222),
        ((":CALC1:MATH (VOLT * )",), -260),
        (("*TRG",), -211),
        ((":CALC1:MATH (VOLT; CURR)",), -260),
        ((":CALC1:MATH (EXEC + 1)",), -260),
        ((":CALC1:MATH (VOLT * 2)",), 807),
        ((":CALC1:MATH:DEL 'POWER'",), 808),
        ((":CALC1:MATH:DEL 'NONE'",), 806),
        (tuple(f":CALC1:MATH:NAME 'M{n}'" for n in range(6)), 804),
        ((":CALC1:MATH (" + "1+" * 200 + "1)",), -223),
        ((":CALC1:DATA?",), -230),
        ((":CALC2:NULL:ACQ",), -230),
        ((":FORM 32",), -128),
        ((":FORM ASC,32",), -108),
        ((":FUNC:CONC OFF", ":FUNC 'VOLT','CURR'"), -221),
    ],
)
def test_what_the_instrument_refuses(bench: Bench, messages: tuple[str, ...], code: int) -> None:
    bench.write(*messages)
    assert bench.errors() == [code]


def test_a_measure_range_is_the_smallest_that_holds_the_number(bench: Bench) -> None:
    bench.write(":SENS:CURR:PROT 1", ":SENS:CURR:RANG 0.025")
    assert bench.ask(":SENS:CURR:RANG?;:SENS:CURR:RANG:AUTO?") == "1.050000E-01;0"
    bench.write(":SENS:CURR:RANG DOWN")
    assert bench.ask(":SENS:CURR:RANG?") == "1.050000E-02"
    bench.write(":SENS:CURR:PROT:RSYN ON")
    assert bench.ask(":SENS:CURR:RANG?;:SENS:CURR:RANG:AUTO:ULIM?") == "1.050000E+00;1.050000E+00"
    bench.write(":SENS:CURR:PROT 0.02")
    assert bench.ask(":SENS:CURR:RANG?;:SENS:CURR:PROT:RSYN?") == "1.050000E-01;1"


def test_the_source_range_follows_the_level_until_it_is_fixed(bench: Bench) -> None:
    bench.write(":SOUR:VOLT 1.5")
    assert bench.ask(":SOUR:VOLT:RANG?") == "2.100000E+00"
    bench.write(":SOUR:VOLT:RANG 20", ":SOUR:VOLT 15", ":SOUR:VOLT:RANG DOWN")
    assert bench.ask(":SOUR:VOLT:RANG?;RANG:AUTO?;:SOUR:VOLT?") == "2.100000E+00;0;2.100000E+00"
    bench.write(":SOUR:VOLT 0.1;VOLT:RANG:AUTO ON")
    assert bench.ask(":SOUR:VOLT:RANG?") == "2.100000E-01"


def test_levels_beyond_a_fixed_range_can_be_cut_instead() -> None:
    bench = Bench(out_of_range_level="clip")
    bench.write(":SOUR:VOLT:RANG 2", ":SOUR:VOLT -5")
    assert bench.ask(":SOUR:VOLT?") == "-2.100000E+00"


@pytest.mark.parametrize(
    ("header", "least"),
    [
        (":SOUR:VOLT:RANG", "2.100000E-01"),
        (":SOUR:CURR:RANG", "1.050000E-06"),
        (":SENS:CURR:RANG", "1.050000E-06"),
        (":SENS:RES:RANG", "2.100000E+01"),
        (":SENS:CURR:RANG:AUTO:LLIM", "1.000000E-06"),
        (":SENS:CURR:PROT", "1.000000E-09"),
        (":SENS:VOLT:PROT", "2.000000E-04"),
        (":SOUR:VOLT:PROT", "2.000000E+01"),
    ],
)
def test_the_minimum_of_a_range_or_limit_is_the_smallest_not_the_most_negative(
    bench: Bench, header: str, least: str
) -> None:
    bench.write(f"{header} MIN")
    assert bench.ask(f"{header}?") == least
    assert float(str(bench.ask(f"{header}? MIN"))) > 0.0
    assert bench.errors() == []


@pytest.mark.parametrize(
    ("sent", "kept"), [(5, 20), (20, 20), (39, 20), (100, 100), (159, 120), (160, 160), (160.5, 160), (161, 210)]
)
def test_over_voltage_protection_comes_down_to_a_step(bench: Bench, sent: float, kept: float) -> None:
    bench.write(f":SOUR:VOLT:PROT {sent}")
    assert bench.numbers(":SOUR:VOLT:PROT?") == [kept]


def test_sense_functions_add_while_concurrent(bench: Bench) -> None:
    bench.write(":FUNC:OFF:ALL", ":FUNC 'VOLT:DC','RESistance'")
    assert bench.ask(":FUNC?;:FUNC:COUN?;:FUNC:STAT? 'CURR'") == '"VOLT:DC","RES";2;0'
    bench.write(":FUNC:OFF 'RES'")
    assert bench.ask(":FUNC:OFF?") == '"CURR:DC","RES"'
    bench.write(":FUNC:ALL", ":FUNC:CONC OFF")
    assert bench.ask(":FUNC?") == '"VOLT:DC"'
    bench.write(":FUNC 'CURR'")
    assert bench.ask(":FUNC?") == '"CURR:DC"'


def test_staircase_settings_are_coupled(bench: Bench) -> None:
    bench.write(":SOUR:VOLT:STAR 1;STOP 5;STEP 0.5")
    assert bench.ask(":SOUR:SWE:POIN?;:SOUR:VOLT:CENT?;SPAN?") == "9;3.000000E+00;4.000000E+00"
    bench.write(":SOUR:SWE:POIN 5")
    assert bench.ask(":SOUR:VOLT:STEP?") == "1.000000E+00"
    bench.write(":SOUR:VOLT:CENT 0;SPAN 6")
    assert bench.ask(":SOUR:VOLT:STAR?;STOP?") == "-3.000000E+00;3.000000E+00"


@pytest.mark.parametrize(
    ("function", "nominal", "level", "rounded"),
    [
        ("VOLT", 20.0, 3.00026, 3.0005),
        ("VOLT", 0.2, 0.1000024, 0.1),
        ("CURR", 1e-6, 1.26e-10, 1.5e-10),
        ("CURR", 1.0, 0.30002, 0.3),
    ],
)
def test_levels_are_put_out_in_source_steps(function: str, nominal: float, level: float, rounded: float) -> None:
    assert round_to_source_step(function, nominal, level) == rounded


def test_readings_come_in_measure_steps() -> None:
    assert round_to_measure_step("VOLT", 20.0, 1.23456789) == 1.2346
    assert round_to_measure_step("CURR", 1e-6, 1.23456e-8) == 1.235e-8
    assert math.isinf(round_to_measure_step("CURR", 1e-6, -1.06e-6))


@pytest.mark.parametrize(
    ("value", "expected"), [(1.04e-4, 1e-4), (1.05e-4, 0.1), (1e-5, 1e-5), (1e-6, 1e-6), (1e-9, 1e-6), (5e-5, 1e-4)]
)
def test_autorange_steps(value: float, expected: float) -> None:
    ranges = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
    assert autorange(ranges, 1e-4, value, 1e-6, 0.1) == expected
