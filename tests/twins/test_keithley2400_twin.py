"""The 2400 from its link: worked exchanges, busy rule, compliance, sweeps, buffers, status, times, trigger link."""

from __future__ import annotations

import itertools
import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.simulated.clock import VirtualClock
from drivers.simulated.device import Load, OpenCircuit, Resistor
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.keithley2400.commands import COMMANDS
from drivers.simulated.keithley2400.ranges import autorange, round_to_measure_step, round_to_source_step
from drivers.simulated.keithley2400.twin import Keithley2400Options, Keithley2400Twin, OutputChange
from drivers.simulated.photodiode import photodiode_from_parameters
from drivers.simulated.trigger_link import TriggerLink

_SHARED = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text(encoding="utf-8"))
_PHOTODIODE = photodiode_from_parameters(_SHARED["shared"])


class Bench:
    """A 2400 on a load; writes messages and lets virtual time pass until a reply is there."""

    def __init__(
        self,
        load: Load | None = None,
        link: TriggerLink | None = None,
        noise: NoiseSettings | None = None,
        **options: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.fixture = TestFixture(self.clock, load or Resistor(1000.0), _PHOTODIODE, noise or NoiseSettings.none())
        self.twin = Keithley2400Twin(self.fixture, Keithley2400Options(**options), link)

    def write(self, *messages: str) -> None:
        for message in messages:
            self.twin.receive(message.encode("latin-1") + b"\n", end=True)

    def read_bytes(self, limit: float = 100.0) -> bytes | None:
        until = self.clock.now() + limit
        while True:
            data, complete = self.twin.transmit()
            if complete:
                return data
            due = self.clock.next_event()
            if due is None or due > until:
                self.clock.advance_to(until)
                return None
            self.clock.advance_to(due)

    def ask(self, message: str, limit: float = 100.0) -> str | None:
        self.write(message)
        data = self.read_bytes(limit)
        return None if data is None else data.decode("latin-1").rstrip("\r\n")

    def numbers(self, message: str) -> list[float]:
        return [float(number) for number in str(self.ask(message)).split(",")]

    def seconds(self, message: str) -> float:
        start = self.clock.now()
        assert self.ask(message) is not None
        return self.clock.now() - start

    def errors(self) -> list[int]:
        codes = []
        while code := int(str(self.ask(":SYST:ERR?")).partition(",")[0]):
            codes.append(code)
        return codes


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _ready(**options: Any) -> Bench:
    """Output on, voltage source, voltage and current measured on a fixed 10 mA range."""
    bench = Bench(**options)
    bench.write(
        ":SENS:FUNC 'VOLT','CURR'",
        ":SENS:CURR:PROT 0.01",
        ":SENS:CURR:RANG 0.01",
        ":FORM:ELEM VOLT,CURR,STAT",
        ":OUTP ON",
    )
    assert bench.errors() == []
    return bench


# --- worked exchanges ---


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


# --- *RST values ---


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


# --- ranges and rules ---


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


# --- output and compliance ---


def test_the_log_of_the_terminals(bench: Bench) -> None:
    bench.write(":SOUR:VOLT 2", ":OUTP ON", ":SOUR:VOLT 3.0001", ":SENS:CURR:PROT 0.01", ":OUTP OFF")
    assert bench.twin.output_log == [
        OutputChange(0.0, False, "VOLT", 0.0),
        OutputChange(0.0, True, "VOLT", 2.0),
        OutputChange(0.0, True, "VOLT", 3.0),
        OutputChange(0.0, False, "VOLT", 0.0),
    ]


@pytest.mark.parametrize(
    ("state", "function"), [("NORM", "VOLT"), ("ZERO", "VOLT"), ("GUAR", "CURR"), ("HIMP", "OPEN"), ("GUARD2", "CURR")]
)
def test_output_off_states(bench: Bench, state: str, function: str) -> None:
    bench.write(f":OUTP:SMOD {state}", ":SOUR:VOLT 5", ":OUTP ON", ":OUTP OFF")
    assert bench.twin.output_log[-1] == OutputChange(0.0, False, function, 0.0)
    assert bench.fixture.operating_point().current == 0.0


def test_zero_state_still_measures_with_the_output_off(bench: Bench) -> None:
    bench.write(":OUTP:SMOD ZERO", ":SOUR:VOLT 5", ":FORM:ELEM CURR")
    assert bench.numbers(":READ?") == [0.0]


def test_a_closing_relay_takes_time() -> None:
    bench = _ready()
    plain = bench.seconds(":READ?")
    bench.write(":OUTP:SMOD HIMP", ":OUTP OFF", ":OUTP ON")
    assert bench.seconds(":READ?") == pytest.approx(max(0.015, 5e-4) + plain, abs=1e-9)


def test_real_compliance_clamps_at_the_protection() -> None:
    bench = _ready()
    bench.write(":SENS:CURR:PROT 0.002", ":SOUR:VOLT 5")
    voltage, current, status = bench.numbers(":READ?")
    assert (voltage, current) == (2.0, 0.002)
    assert int(status) & (1 << 3 | 1 << 4 | 1 << 16) == 1 << 3
    assert bench.ask(":SENS:CURR:PROT:TRIP?;:STAT:MEAS:COND?") == f"1;{1 << 14 | 1 << 11 | 1 << 6}"
    bench.write(":SOUR:VOLT 1")
    assert bench.numbers(":READ?")[:2] == [1.0, 0.001]
    assert bench.ask(":SENS:CURR:PROT:TRIP?") == "0"


def test_range_compliance_clamps_at_a_fixed_range_without_any_error() -> None:
    bench = _ready()
    bench.write(":SENS:CURR:RANG 1e-6", ":SOUR:VOLT 5")
    voltage, current, status = bench.numbers(":READ?")
    assert voltage == pytest.approx(1.05e-3, abs=1e-4)
    assert current == 1.05e-6
    assert int(status) & (1 << 3 | 1 << 16) == 1 << 16
    assert bench.errors() == []
    bench.write(":SENS:CURR:RANG:AUTO ON")
    assert bench.numbers(":READ?")[:2] == [5.0, 0.005]


def test_a_current_source_clamps_at_its_voltage_protection() -> None:
    bench = Bench(Resistor(1e5))
    bench.write(":SOUR:FUNC CURR", ":SENS:FUNC 'VOLT','CURR'", ":SOUR:CURR 1e-3", ":SENS:VOLT:PROT 10", ":OUTP ON")
    voltage, current, _, _, status = bench.numbers(":READ?")
    assert (voltage, current) == (10.0, 1e-4)
    assert int(status) & (1 << 3 | 1 << 14 | 1 << 15) == 1 << 3 | 1 << 15
    assert bench.ask(":SENS:VOLT:PROT:TRIP?;:SENS:CURR:PROT:TRIP?") == "1;0"


def test_a_current_source_without_a_load_goes_to_its_limit() -> None:
    bench = Bench(OpenCircuit())
    bench.write(":SOUR:FUNC CURR", ":SENS:FUNC 'VOLT'", ":SOUR:CURR -1e-6", ":OUTP ON", ":FORM:ELEM VOLT,RES")
    assert bench.ask(":READ?") == "-2.100000E+01,+9.910000E+37"


def test_over_voltage_protection_limits_both_sources() -> None:
    bench = Bench(Resistor(1e6))
    bench.write(":FUNC 'VOLT'", ":SOUR:VOLT:PROT 20", ":SOUR:VOLT 30", ":OUTP ON", ":FORM:ELEM VOLT,STAT")
    voltage, status = bench.numbers(":READ?")
    assert voltage == 20.0
    assert int(status) & 1 << 4
    assert bench.ask(":SOUR:VOLT:PROT:TRIP?") == "1"
    bench.write(":SOUR:VOLT 0;:SOUR:FUNC CURR;:SENS:VOLT:PROT 100;:SOUR:CURR 1e-4")
    voltage, status = bench.numbers(":READ?")
    assert voltage == 20.0
    assert int(status) & (1 << 3 | 1 << 4) == 1 << 4


def test_an_over_range_value_is_the_overflow_number() -> None:
    bench = Bench(OpenCircuit())
    bench.write(":FUNC:OFF:ALL", ":SENS:RES:MODE MAN", ":FUNC 'RES'", ":SOUR:VOLT 1", ":OUTP ON", ":FORM:ELEM RES,STAT")
    resistance, status = bench.numbers(":READ?")
    assert resistance == 9.9e37
    assert int(status) & 1
    assert int(str(bench.ask(":STAT:MEAS?"))) & 1 << 7


def test_remote_sense_regulates_at_the_load() -> None:
    bench = _ready()
    bench.fixture.lead_resistance = 100.0
    bench.write(":SOUR:VOLT 2")
    assert bench.numbers(":READ?")[1] == pytest.approx(2 / 1100, abs=1e-7)
    bench.write(":SYST:RSEN ON")
    voltage, current, status = bench.numbers(":READ?")
    assert (voltage, current) == (2.0, 0.002)
    assert int(status) & 1 << 22


def test_the_terminals_bit_and_switching_terminals_turns_the_output_off() -> None:
    bench = _ready()
    assert int(bench.numbers(":READ?")[2]) & 1 << 2
    bench.write(":ROUT:TERM REAR")
    assert bench.ask(":OUTP?") == "0"
    bench.write(":OUTP ON")
    assert not int(bench.numbers(":READ?")[2]) & 1 << 2


def test_an_open_output_enable_line_trips_and_blocks(bench: Bench) -> None:
    bench.write(":OUTP:ENAB ON", ":SOUR:VOLT 2", ":OUTP ON")
    bench.twin.enable_line_closed = False
    assert bench.ask(":OUTP?;:OUTP:ENAB:TRIP?") == "0;0"
    assert bench.twin.output_log[-1].function == "OPEN"
    bench.write(":OUTP ON")
    assert bench.errors() == [802]
    bench.write(":OUTP:ENAB OFF", ":OUTP ON")
    assert bench.ask(":OUTP?") == "1"
    bench.write(":OUTP:ENAB ON")
    assert bench.ask(":OUTP?") == "0"


def test_over_temperature_trips_and_blocks(bench: Bench) -> None:
    bench.write(":OUTP ON", "*CLS")
    bench.twin.over_temperature = True
    assert bench.ask(":OUTP?") == "0"
    assert int(str(bench.ask(":STAT:MEAS?"))) == 1 << 12
    bench.write(":OUTP ON")
    bench.twin.press_output_key()
    assert bench.errors() == [810, 810]


def test_a_trip_stops_a_run_that_switches_the_output_by_itself(bench: Bench) -> None:
    bench.write(":OUTP:ENAB ON", ":SOUR:VOLT 2", ":SOUR:CLE:AUTO ON", ":ARM:SOUR TIM;TIM 1;COUN 5", ":READ?")
    bench.clock.advance(0.5)
    bench.twin.enable_line_closed = False
    assert bench.read_bytes(10.0) is None
    assert not any(change.output_on for change in bench.twin.output_log[3:])
    bench.write(":INIT")
    assert bench.errors() == [802]


def test_what_was_held_back_finds_the_output_off_after_a_trip() -> None:
    bench = _ready()
    bench.write(":OUTP:ENAB ON", ":READ?", ":SOUR:VOLT 5")
    bench.twin.enable_line_closed = False
    assert bench.ask(":SOUR:VOLT?") == "5.000000E+00"
    assert all(change.level == 0.0 for change in bench.twin.output_log)


def test_the_output_key_always_works() -> None:
    bench = _ready()
    bench.write(":READ?")
    bench.twin.press_output_key()
    assert bench.read_bytes(1.0) is None
    assert not bench.twin.output_on
    assert bench.ask(":OUTP?") == "0"
    bench.twin.press_output_key()
    assert bench.ask(":OUTP?") == "1"


def test_going_local_and_back() -> None:
    bench = _ready()
    bench.write(":SOUR:VOLT:MODE SWE", ":FUNC:CONC OFF", ":DISP:ENAB OFF", "*CLS")
    bench.twin.press_local_key()
    assert bench.ask(":SOUR:VOLT:MODE?;:FUNC:CONC?;:DISP:ENAB?;*ESR?") == "FIX;1;1;64"
    bench.ask(":READ?")
    bench.twin.go_to_local()
    assert bench.ask(":FETC?") is None
    assert bench.errors() == [-230]


def test_local_by_command_is_for_the_serial_line() -> None:
    bench = Bench(interface="serial", terminator="LF")
    bench.write(":SOUR:VOLT:MODE SWE", ":SYST:LOC")
    assert bench.ask(":SOUR:VOLT:MODE?") == "FIX"


def test_auto_off_puts_the_output_on_for_each_reading_only(bench: Bench) -> None:
    bench.write(":SENS:CURR:PROT 0.01", ":SOUR:VOLT 2", ":SOUR:CLE:AUTO ON", ":TRIG:COUN 2", ":FORM:ELEM CURR")
    assert bench.numbers(":READ?") == [0.002, 0.002]
    assert [change.output_on for change in bench.twin.output_log] == [False, True, False, True, False]
    bench.write(":SOUR:CLE:AUTO:MODE TCO")
    bench.ask(":READ?")
    assert [change.output_on for change in bench.twin.output_log[5:]] == [True, False]
    bench.write(":ARM:COUN 3")
    assert bench.numbers(":READ?") == [0.002] * 6
    assert [change.output_on for change in bench.twin.output_log[7:]] == [True, False] * 3


# --- measuring commands ---


def test_configure_selects_one_function_and_switches_the_output_on(bench: Bench) -> None:
    bench.write(":SENS:CURR:PROT 0.01;NPLC 5;:TRIG:COUN 3;:SYST:AZER OFF;:SOUR:VOLT 2", ":CONF:CURR")
    assert bench.ask(":OUTP?;:CONF?;:SENS:CURR:NPLC?;:TRIG:COUN?;:SYST:AZER?") == '1;"CURR:DC";1.000000E+00;1;1'
    assert bench.ask(":SENS:CURR:PROT?") == "1.000000E-02"
    assert bench.numbers(":MEAS:VOLT?")[0] == 2.0
    assert bench.ask(":CONF?") == '"VOLT:DC"'


def test_fetch_repeats_and_latest_gives_the_last(bench: Bench) -> None:
    bench.write(":SENS:CURR:PROT 0.01;:SOUR:VOLT 2;:OUTP ON;:TRIG:COUN 3;:FORM:ELEM TIME")
    readings = bench.ask(":READ?")
    assert bench.ask(":FETC?") == readings
    assert bench.ask(":SENS:DATA?") == str(readings).split(",")[-1]


def test_binary_readings_and_byte_order() -> None:
    bench = _ready()
    bench.write(":SOUR:VOLT 2", ":FORM REAL,32", ":FORM:ELEM VOLT,CURR", ":TRIG:COUN 2", ":READ?")
    data = bench.read_bytes()
    assert data is not None
    assert data[:2] + data[-1:] == b"#0\n"
    assert struct.unpack(">4f", data[2:-1]) == pytest.approx((2.0, 0.002, 2.0, 0.002))
    bench.write(":FORM:BORD SWAP", ":FETC?")
    swapped = bench.read_bytes()
    assert swapped is not None
    assert struct.unpack("<4f", swapped[2:-1]) == struct.unpack(">4f", data[2:-1])
    assert bench.ask(":FORM?") == "REAL,32"


def test_binary_data_are_refused_on_a_serial_line() -> None:
    bench = Bench(interface="serial", terminator="LF")
    bench.write(":FORM SRE")
    assert bench.errors() == [701]


def test_noise_is_seeded_and_as_large_as_specified() -> None:
    noise = NoiseSettings(smu_voltage=1e-3, smu_current_relative=1e-3, smu_current_floor_fraction=1e-3)
    bench = _ready(noise=noise, instant=True)
    bench.write(":SOUR:VOLT 2", ":FORM:ELEM VOLT,CURR", ":TRIG:COUN 400")
    values = bench.numbers(":READ?")
    volts, amperes = values[::2], values[1::2]
    assert _spread(volts) == pytest.approx(1e-3, rel=0.15)
    assert _spread(amperes) == pytest.approx(1e-3 * 0.002 + 1e-3 * 0.01, rel=0.15)
    again = _ready(noise=noise, instant=True)
    again.write(":SOUR:VOLT 2", ":FORM:ELEM VOLT,CURR", ":TRIG:COUN 400")
    assert again.numbers(":READ?") == values
    bench.write(":SENS:AVER:COUN 25;:SENS:AVER ON")
    assert _spread(bench.numbers(":READ?")[::2]) == pytest.approx(1e-3 / 5, rel=0.2)


def _spread(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def test_the_moving_filter_lags_behind_a_step() -> None:
    bench = _ready()
    bench.write(":SENS:AVER:TCON MOV;COUN 4;STAT ON", ":FORM:ELEM VOLT", ":SOUR:VOLT:RANG 20", ":SOUR:VOLT 4")
    assert bench.numbers(":READ?") == [4.0]
    bench.write(":SOUR:VOLT 0")
    assert [bench.numbers(":READ?")[0] for _ in range(4)] == [2.0, 1.3333, 1.0, 0.0]
    bench.write(":SOUR:VOLT 1", ":SOUR:VOLT:RANG 2")
    assert bench.numbers(":READ?") == [1.0]


# --- busy rule ---


def test_every_message_is_held_back_while_the_trigger_model_runs() -> None:
    bench = _ready()
    bench.write(":INIT")
    start = bench.clock.now()
    assert bench.twin.serial_poll() == 0
    assert bench.ask("*STB?") == "0"
    assert bench.clock.now() - start == pytest.approx(0.0835, abs=1e-3)


@pytest.mark.parametrize("message", [":ABOR", "*RST", "*RCL 0", ":SYST:PRES"])
def test_the_urgent_commands_stop_a_run_at_once(message: str) -> None:
    bench = _ready()
    bench.write(":READ?")
    bench.write(message)
    assert bench.twin.is_idle()
    assert bench.ask(":SYST:ERR?") == '0,"No error"'
    assert bench.clock.now() == 0.0


def test_held_messages_go_on_after_an_abort_and_the_output_stays_on() -> None:
    bench = _ready()
    bench.write(":ARM:COUN INF", ":INIT", ":SOUR:VOLT 1;*IDN?", ":ABOR")
    assert str((bench.read_bytes() or b"").decode()).startswith("KEITHLEY")
    assert bench.ask(":OUTP?;:SOUR:VOLT?") == "1;1.000000E+00"


def test_device_clear_is_the_fastest_stop() -> None:
    bench = _ready()
    bench.write(":ARM:COUN INF", ":INIT", ":SOUR:VOLT 1")
    bench.twin.device_clear()
    assert bench.ask(":SOUR:VOLT?;:OUTP?") == "0.000000E+00;1"


def test_a_query_before_the_reading_is_taken_costs_the_reading() -> None:
    bench = _ready()
    bench.write(":READ?")
    assert bench.ask(":OUTP?") == "1"
    assert bench.errors() == [-410]


def test_operation_complete_comes_when_idle() -> None:
    bench = _ready()
    assert bench.seconds(":INIT;*OPC?") == pytest.approx(0.0835, abs=1e-3)


# --- switches ---


def test_switches_of_formats_and_defaults() -> None:
    bench = Bench(
        number_format=".3f",
        plus_before_positive_codes=False,
        trigger_input=("SOUR",),
        source_delay=0.001,
        overflow=9.91e37,
        conf_resets_protection=True,
        serial_number="42",
        firmware="C34",
        line_frequency=60.0,
    )
    assert bench.ask("*IDN?") == "KEITHLEY INSTRUMENTS INC.,MODEL 2400,42,C34"
    assert bench.ask(":SOUR:DEL?;:TRIG:INP?;:SYST:LFR?") == "0.001;SOUR;60"
    bench.write(":READ?")
    assert bench.ask(":SYST:ERR?") == '803,"Not permitted with OUTPUT off"'
    bench.write(":SENS:CURR:PROT 0.01", ":CONF:CURR", ":FUNC 'RES'", ":SENS:RES:MODE MAN", ":FORM:ELEM RES")
    assert bench.ask(":SENS:CURR:PROT?") == "0.000"
    assert bench.numbers(":READ?") == [9.91e37]


def test_pulses_are_remembered_as_deep_as_chosen() -> None:
    link = TriggerLink()
    bench = _ready(link=link, instant=True, latch_depth=2)
    bench.write(":ARM:SOUR TLIN;COUN 2")
    for _ in range(2):
        link.pulse(1)
    assert bench.ask(":READ?") is not None


# --- time ---


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        (":SOUR:DEL 0.001", 1e-3 + 50e-6 + 4 * 20.185e-3 + 2.3e-3),
        (":SOUR:DEL 0.001;:SYST:AZER OFF", 1e-3 + 50e-6 + 2 * 20.185e-3 + 0.5e-3),
        (":SOUR:DEL 0.001;:SENS:CURR:NPLC 0.1", 1e-3 + 50e-6 + 4 * 2.185e-3 + 2.3e-3),
        (":SOUR:DEL 0.001;:SENS:CURR:NPLC 10", 1e-3 + 50e-6 + 4 * 200.185e-3 + 2.3e-3),
        (":SOUR:DEL 0.001;:FUNC:OFF 'VOLT'", 1e-3 + 50e-6 + 3 * 20.185e-3 + 1.8e-3),
        (":SOUR:DEL 0.001;:FUNC:OFF 'VOLT';:SYST:AZER OFF", 1e-3 + 50e-6 + 20.185e-3 + 0.3e-3),
        (":SOUR:DEL:AUTO ON", 1.1e-3 + 50e-6 + 4 * 20.185e-3 + 2.3e-3),
        (":SOUR:DEL 0.05;:TRIG:DEL 0.02", 0.07 + 50e-6 + 4 * 20.185e-3 + 2.3e-3),
        (":SOUR:DEL 0;:SENS:AVER:COUN 5;STAT ON", 50e-6 + 5 * (4 * 20.185e-3 + 2.3e-3)),
        (":SOUR:DEL 0;:SYST:LFR 60", 50e-6 + 4 * (1 / 60 + 185e-6) + 2.3e-3),
    ],
)
def test_time_of_a_sweep_point(setup: str, expected: float) -> None:
    bench = _ready()
    bench.write(":SOUR:VOLT:MODE SWE;STOP 1", ":TRIG:COUN 10", setup)
    assert bench.errors() == []
    assert bench.seconds(":READ?") == pytest.approx(10 * expected, rel=1e-9)


@pytest.mark.parametrize(
    ("autozero", "latency", "phases", "overhead"), [("ON", 5e-4, 4, 2.3e-3), ("OFF", 1e-4, 2, 5e-4)]
)
def test_a_static_level_skips_the_source_delay(autozero: str, latency: float, phases: int, overhead: float) -> None:
    bench = _ready()
    bench.write(":SOUR:DEL 0.5", f":SYST:AZER {autozero}", ":TRIG:DEL 0.01", ":SOUR:VOLT 1")
    expected = 0.01 + latency + phases * 20.185e-3 + overhead
    assert bench.seconds(":READ?") == pytest.approx(expected, rel=1e-9)
    bench.write(":SOUR:VOLT:TRIG 2")
    assert bench.ask(":SOUR:VOLT?;VOLT:TRIG?") == "1.000000E+00;2.000000E+00"
    assert bench.seconds(":READ?") == pytest.approx(expected - latency + 0.5 + 50e-6, rel=1e-9)
    assert bench.numbers(":SOUR:VOLT?") == [2.0]


def test_switches_of_timing() -> None:
    bench = _ready(static_source_delay="kept", one_function_phases=4, two_functions_without_autozero=(3, 1e-3, 1e-3))
    bench.write(":SOUR:DEL 0.1")
    assert bench.seconds(":READ?") == pytest.approx(0.1 + 50e-6 + 4 * 20.185e-3 + 2.3e-3)
    bench.write(":FUNC:OFF 'VOLT'")
    assert bench.seconds(":READ?") == pytest.approx(0.1 + 50e-6 + 4 * 20.185e-3 + 1.8e-3)
    bench.write(":FUNC 'VOLT'", ":SYST:AZER OFF")
    assert bench.seconds(":READ?") == pytest.approx(0.1 + 50e-6 + 3 * 20.185e-3 + 1e-3)


def test_autoranging_costs_time_and_keeps_to_its_lower_limit() -> None:
    bench = Bench(Resistor(1e9))
    bench.write(":FUNC 'VOLT'", ":SENS:CURR:PROT 0.01", ":SOUR:VOLT 5", ":OUTP ON", ":FORM:ELEM CURR")
    fixed = 5e-4 + 4 * 20.185e-3 + 2.3e-3
    assert bench.seconds(":READ?") == pytest.approx(fixed + 5e-4 + 1 / 75)
    assert bench.ask(":SENS:CURR:RANG?") == "1.050000E-06"
    assert bench.seconds(":READ?") == pytest.approx(fixed)
    bench.write(":SENS:CURR:RANG:AUTO:LLIM 1e-4", ":SENS:CURR:RANG 1e-4;RANG:AUTO ON")
    assert bench.numbers(":READ?") == [5e-9]
    assert bench.ask(":SENS:CURR:RANG?") == "1.050000E-04"


def test_an_instant_instrument_needs_no_time() -> None:
    bench = _ready(instant=True)
    bench.write(":SOUR:VOLT:MODE SWE;STOP 1", ":TRIG:COUN 100;DEL 1")
    assert bench.seconds(":READ?") == 0.0
    bench.write(":SOUR:VOLT:MODE FIX;:TRIG:COUN 1;:ARM:COUN INF", ":INIT")
    bench.clock.advance(5.0)
    assert not bench.twin.is_idle()


def test_latency() -> None:
    bench = Bench(latency=0.004)
    assert bench.seconds("*IDN?") == pytest.approx(0.004)


def test_the_timer_counts_from_reset_and_wraps(bench: Bench) -> None:
    bench.clock.advance(12.3456)
    assert bench.numbers(":SYST:TIME?") == [12.346]
    bench.write(":SYST:TIME:RES")
    assert bench.numbers(":SYST:TIME?") == [0.0]
    bench.clock.advance(100_001.0)
    assert bench.numbers(":SYST:TIME?") == [1.0]


def test_the_timer_can_start_anew_with_each_run() -> None:
    bench = _ready()
    bench.clock.advance(5.0)
    bench.write(":SYST:TIME:RES:AUTO ON", ":FORM:ELEM TIME")
    assert bench.numbers(":READ?") == [pytest.approx(0.084, abs=1e-3)]


def test_the_line_frequency_is_found_or_set() -> None:
    bench = Bench(line_frequency=60.0)
    bench.write(":SYST:LFR 50")
    assert bench.ask(":SYST:LFR?;LFR:AUTO?") == "50;0"
    bench.write(":SYST:LFR:AUTO ON")
    assert bench.ask(":SYST:LFR?;LFR:AUTO?") == "60;1"


def test_the_arm_timer_keeps_its_pace() -> None:
    bench = _ready()
    bench.write(":ARM:SOUR TIM;TIM 0.5;COUN 4", ":FORM:ELEM TIME")
    times = bench.numbers(":READ?")
    assert [round(later - earlier, 6) for earlier, later in itertools.pairwise(times)] == [0.5] * 3


# --- sweeps ---


def _sweep(bench: Bench, *setup: str) -> list[float]:
    bench.write(":FORM:ELEM VOLT", *setup)
    levels = bench.numbers(":READ?")
    assert bench.errors() == []
    return levels


def test_staircase_up_and_down() -> None:
    bench = _ready(instant=True)
    assert _sweep(bench, ":SOUR:VOLT:MODE SWE;STAR -1;STOP 1;STEP 0.5", ":TRIG:COUN 5") == [-1, -0.5, 0, 0.5, 1]
    assert _sweep(bench, ":SOUR:SWE:DIR DOWN") == [1, 0.5, 0, -0.5, -1]
    assert bench.ask(":SOUR:VOLT:RANG?") == "2.100000E+00"


def test_logarithmic_staircase() -> None:
    bench = _ready(instant=True)
    setup = ":SOUR:VOLT:MODE SWE;STAR 0.1;STOP 10;:SOUR:SWE:SPAC LOG;POIN 3;:TRIG:COUN 3"
    assert _sweep(bench, setup) == [0.1, 1, 10]


def test_a_sweep_stops_early_or_wraps_with_the_trigger_count() -> None:
    bench = _ready(instant=True)
    setup = ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3"
    assert _sweep(bench, setup, ":TRIG:COUN 2") == [1, 2]
    assert _sweep(bench, ":TRIG:COUN 5") == [1, 2, 3, 1, 2]
    assert _sweep(bench, ":SOUR:LIST:VOLT:APP 4", ":SOUR:LIST:STAR 3", ":TRIG:COUN 2") == [3, 4]
    assert bench.ask(":SOUR:LIST:VOLT:POIN?") == "4"


def test_the_bias_level_stands_before_a_sweep_and_the_last_level_after_it(bench: Bench) -> None:
    bench.write(":SOUR:VOLT 0.5;VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2", ":TRIG:COUN 2", ":OUTP ON")
    assert bench.twin.output_log[-1].level == 0.5
    bench.ask(":READ?")
    assert [change.level for change in bench.twin.output_log[-2:]] == [1.0, 2.0]
    bench.write(":SOUR:VOLT:MODE FIX")
    assert bench.twin.output_log[-1].level == 0.5


def test_a_switch_brings_the_bias_level_back_after_a_sweep() -> None:
    bench = Bench(level_after_sweep="bias")
    bench.write(":SOUR:VOLT 0.5;VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2", ":TRIG:COUN 2", ":OUTP ON")
    bench.ask(":READ?")
    assert bench.twin.output_log[-1].level == 0.5


def test_the_source_range_can_follow_the_levels_of_a_sweep() -> None:
    bench = _ready(instant=True)
    setup = ":SOUR:SWE:RANG AUTO;:SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 0.10001,5;:TRIG:COUN 2"
    assert _sweep(bench, setup) == [0.10001, 5.0]
    assert bench.ask(":SOUR:VOLT:RANG?") == "2.100000E+01"


def test_a_sweep_in_compliance_from_the_start_has_no_data() -> None:
    bench = _ready()
    bench.write(":SENS:CURR:PROT 1e-4", ":SOUR:SWE:CAB EARL", ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2")
    assert bench.ask(":READ?") is None
    assert bench.errors() == [-230]


@pytest.mark.parametrize(("when", "points"), [("NEV", 5), ("EARL", 2), ("LATE", 3)])
def test_a_sweep_can_end_in_compliance(when: str, points: int) -> None:
    bench = _ready(instant=True)
    bench.write(":SENS:CURR:PROT 0.0025", f":SOUR:SWE:CAB {when}", ":TRIG:COUN 5")
    assert len(_sweep(bench, ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3,4,5")) == points


def test_memory_sweep_through_stored_setups() -> None:
    bench = _ready(instant=True)
    bench.write(":SOUR:VOLT 2;:SOUR:MEM:SAVE 1", ":SOUR:FUNC CURR;:SOUR:CURR 3e-3;:SOUR:MEM:SAVE 2")
    bench.write(":SOUR:FUNC MEM;:SOUR:MEM:POIN 2;STAR 1", ":TRIG:COUN 2", ":FORM:ELEM VOLT,CURR")
    assert bench.ask(":SOUR:FUNC?") == "MEM"
    assert bench.numbers(":READ?") == [2.0, 0.002, 3.0, 0.003]


def test_recalling_setups_makes_a_memory_sweep_slow() -> None:
    """164 readings/s at 0.01 PLC and 60 Hz, auto-zero off, one function (SPEC-2400)."""
    bench = Bench(line_frequency=60.0)
    bench.write(":SENS:CURR:RANG 1e-4;NPLC 0.01", ":SYST:AZER OFF", ":SOUR:DEL 0", ":OUTP ON")
    bench.write(*(f":SOUR:MEM:SAVE {place}" for place in (1, 2)), ":SOUR:FUNC MEM;:SOUR:MEM:POIN 2", ":TRIG:COUN 10")
    assert 10 / bench.seconds(":READ?") == pytest.approx(164.0, rel=0.01)


def test_the_start_of_a_list_is_set_below_the_list_too(bench: Bench) -> None:
    bench.write(":SOUR:LIST:VOLT 1,2,3", ":SOUR:LIST:VOLT:STAR 2")
    assert bench.ask(":SOUR:LIST:STAR?;:SOUR:LIST:VOLT:STARt?") == "2;2"


def test_soak_holds_the_first_point_only() -> None:
    bench = _ready()
    bench.write(":SOUR:VOLT:MODE SWE;STOP 1", ":TRIG:COUN 2", ":SOUR:DEL 0")
    plain = bench.seconds(":READ?")
    bench.write(":SOUR:VOLT:SOAK 3", ":SYST:RCM MULT")
    assert bench.seconds(":READ?") == pytest.approx(plain + 3)


# --- buffers and calculations ---


def test_the_buffer_fills_once_and_stops() -> None:
    bench = _ready(instant=True)
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
    bench = _ready()
    bench.clock.advance(3.0)
    bench.write(":TRAC:POIN 3;FEED:CONT NEXT", ":ARM:SOUR TIM;TIM 0.5;COUN 3", ":FORM:ELEM TIME", ":INIT")
    assert bench.numbers(":TRAC:DATA?") == [0.0, 0.5, 1.0]
    bench.write(":TRAC:TST:FORM DELT")
    assert bench.numbers(":TRAC:DATA?") == [0.0, 0.5, 0.5]


def test_buffer_statistics() -> None:
    bench = _ready(instant=True)
    bench.write(":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3,6;:TRIG:COUN 4;:TRAC:POIN 4;FEED:CONT NEXT;:INIT")
    expected = {"MEAN": 3.0, "SDEV": 2.160247, "MAX": 6.0, "MIN": 1.0, "PKPK": 5.0}
    for name, value in expected.items():
        assert bench.numbers(f":CALC3:FORM {name};:CALC3:DATA?;") == pytest.approx([value, value / 1000], rel=1e-5)


def test_statistics_and_the_latest_reading_are_text_in_every_data_format() -> None:
    bench = _ready(instant=True)
    bench.write(
        ":FORM:ELEM VOLT,CURR", ":TRAC:POIN 2;FEED:CONT NEXT", ":SOUR:VOLT 2", ":TRIG:COUN 2;:INIT", ":FORM SRE"
    )
    assert bench.ask(":CALC3:DATA?") == bench.ask(":SENS:DATA:LAT?") == "+2.000000E+00,+2.000000E-03"
    bench.write(":TRAC:DATA?")
    assert bench.read_bytes() == b"#0" + struct.pack(">4f", 2.0, 2e-3, 2.0, 2e-3) + b"\n"


def test_math_expressions() -> None:
    bench = _ready(instant=True)
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
    bench = _ready(instant=True)
    bench.write(f":CALC1:STAT ON;MATH:NAME '{name}'", ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,3;:TRIG:COUN 2", ":INIT")
    bench.write(":FORM:ELEM:CALC STAT,CALC")
    assert bench.numbers(":CALC1:DATA?")[::2] == [9.91e37, pytest.approx(value)]


@pytest.mark.parametrize(
    ("expression", "value"), [("VOLT / (CURR - CURR)", 9.9e37), ("LN(0 - VOLT)", 9.91e37), ("SIN(1)(2)", 9.91e37)]
)
def test_math_without_a_value(expression: str, value: float) -> None:
    bench = _ready(instant=True)
    bench.write(":CALC1:MATH:NAME 'X'", f":CALC1:MATH ({expression})", ":CALC1:STAT ON", ":SOUR:VOLT 1", ":INIT")
    assert bench.numbers(":CALC1:DATA?") == [value]
    bench.write(":CALC1:MATH:DEL:ALL")
    assert bench.ask(":CALC1:MATH:NAME?") == '"POWER"'


def test_null_and_limits() -> None:
    bench = _ready(instant=True)
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
    bench = _ready(instant=True)
    bench.write(":CALC1:STAT ON", ":TRAC:FEED CALC1;POIN 2;FEED:CONT NEXT", ":SOUR:VOLT 1", ":TRIG:COUN 2", ":INIT")
    assert bench.numbers(":TRAC:DATA?") == [0.001, 0.001]
    assert bench.numbers(":CALC3:DATA?") == [0.001]


def test_a_buffer_of_calculated_values_has_the_time_stamps_of_the_buffer() -> None:
    bench = _ready()
    bench.clock.advance(3.0)
    bench.write(":CALC1:STAT ON", ":FORM:ELEM:CALC CALC,TIME", ":TRAC:FEED CALC1;POIN 3;FEED:CONT NEXT")
    bench.write(":ARM:SOUR TIM;TIM 0.5;COUN 3", ":INIT")
    assert bench.numbers(":TRAC:DATA?")[1::2] == [0.0, 0.5, 1.0]


# --- status and service request ---


def test_service_request_at_the_end_of_a_buffered_run() -> None:
    bench = _ready()
    bench.write("*CLS;:STAT:PRES;:STAT:MEAS:ENAB 512;*SRE 1", ":TRAC:POIN 5;FEED:CONT NEXT", ":TRIG:COUN 5", ":INIT")
    bench.clock.advance(0.4)
    assert not bench.twin.service_request
    bench.clock.advance(0.1)
    assert bench.twin.service_request
    assert bench.twin.serial_poll() == 65
    assert not bench.twin.service_request


def test_operation_register_follows_the_trigger_model() -> None:
    bench = _ready()
    assert bench.twin.status.operation.condition == 1 << 10
    bench.write(":ARM:SOUR BUS", ":SOUR:VOLT:MODE SWE", ":INIT")
    assert bench.twin.status.operation.condition == 1 << 3 | 1 << 6
    bench.twin.group_execute_trigger()
    assert bench.twin.status.operation.condition == 1 << 3
    bench.clock.advance(0.2)
    assert bench.twin.status.operation.condition == 1 << 10


def test_arm_source_bus_takes_trg_and_get_while_everything_else_waits() -> None:
    bench = _ready(instant=True)
    bench.write(":ARM:SOUR BUS;COUN 2", ":FORM:ELEM VOLT", ":SOUR:VOLT 1", ":READ?")
    bench.write("*TRG")
    assert bench.twin.transmit() == (b"", False)
    bench.twin.group_execute_trigger()
    assert bench.read_bytes() == b"+1.000000E+00,+1.000000E+00\n"


@pytest.mark.parametrize("source", ["MAN", "NST", "PST", "BST"])
def test_the_other_arm_sources(source: str) -> None:
    bench = _ready(instant=True)
    bench.write(f":ARM:SOUR {source}", ":READ?")
    bench.twin.press_trigger_key()
    bench.twin.start_of_test("NST")
    bench.twin.start_of_test("PST")
    assert bench.read_bytes() is not None


def test_status_messages_come_once_they_are_enabled() -> None:
    bench = _ready()
    bench.write(":STAT:QUE:ENAB (+100:+499)", ":FOO", "*OPC", ":TRIG:COUN 2;:INIT", "*OPC?")
    assert bench.read_bytes() == b"1\n"
    assert bench.errors() == [200, 106, 106, 310]
    bench.write(":STAT:QUE:ENAB (200)", "*OPC")
    assert bench.ask(":SYST:ERR?") == '+200,"Operation complete"'
    assert bench.errors() == []


@pytest.mark.parametrize(
    ("query", "reply"),
    [
        (":SYST:ERR:COUN?", "2"),
        (":SYST:ERR:ALL?", '-113,"Undefined header",+803,"Not permitted with OUTPUT off"'),
        (":SYST:ERR:CODE?", "-113"),
        (":SYST:ERR:CODE:ALL?", "-113,+803"),
    ],
)
def test_ways_to_read_the_error_queue(bench: Bench, query: str, reply: str) -> None:
    bench.write(":FOO", ":INIT")
    assert bench.ask(query) == reply


def test_reading_with_nothing_to_say(bench: Bench) -> None:
    assert bench.ask(":READ?", limit=2.0) is None
    bench.twin.talk_with_nothing_to_say()
    assert bench.ask(":SYST:ERR:ALL?") == '+803,"Not permitted with OUTPUT off",-420,"Query UNTERMINATED"'


# --- trigger link ---


def test_a_linked_sweep_waits_for_the_other_instrument() -> None:
    link = TriggerLink()
    bench = _ready(link=link)
    pulses: list[float] = []

    def meter_triggered() -> None:
        pulses.append(bench.clock.now())
        bench.clock.call_after(0.5, lambda: link.pulse(1))

    link.subscribe(2, meter_triggered)
    bench.write(
        ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3;:SOUR:DEL 0.02",
        ":TRIG:SOUR TLIN;DIR SOUR;INP SOUR;ILIN 1;OLIN 2;OUTP DEL;COUN 3",
        ":FORM:ELEM VOLT,TIME",
    )
    values = bench.numbers(":READ?")
    assert values[::2] == [1.0, 2.0, 3.0]
    assert pulses == pytest.approx([0.02005, 0.02005 + 0.520275, 0.02005 + 2 * 0.520275])
    bench.clock.advance(1.0)
    bench.write(":TRIG:DIR ACC", ":READ?")
    # the pulse after the last point was remembered, and only that one
    bench.clock.advance(0.05)
    assert not bench.twin.status.operation.condition & 1 << 5
    bench.clock.advance(0.1)
    assert bench.twin.status.operation.condition & 1 << 5
    bench.write(":ABOR", ":TRIG:CLE", ":READ?")
    assert bench.twin.status.operation.condition & 1 << 5


def test_an_early_pulse_is_remembered_one_deep() -> None:
    link = TriggerLink()
    bench = _ready(link=link, instant=True)
    bench.write(":ARM:SOUR TLIN;COUN 2", ":FORM:ELEM VOLT")
    link.pulse(1)
    link.pulse(1)
    bench.write(":READ?")
    assert bench.read_bytes(1.0) is None
    assert bench.twin.status.operation.condition & 1 << 6
    link.pulse(2)
    assert bench.read_bytes(1.0) is None
    link.pulse(1)
    assert bench.read_bytes() is not None


@pytest.mark.parametrize(
    ("setup", "count"),
    [
        (":TRIG:OUTP SOUR,DEL,SENS", 6),
        (":TRIG:OUTP NONE;:ARM:OUTP TENT", 1),
        (":ARM:OUTP TEX", 1),
        (":ARM:OUTP NONE", 0),
    ],
)
def test_output_pulses(setup: str, count: int) -> None:
    link = TriggerLink()
    heard: list[None] = []
    link.subscribe(2, lambda: heard.append(None))
    bench = _ready(link=link, instant=True)
    bench.write(":TRIG:COUN 2", setup)
    bench.ask(":READ?")
    assert len(heard) == count


def test_pulses_can_depend_on_the_link_source() -> None:
    link = TriggerLink()
    heard: list[None] = []
    link.subscribe(2, lambda: heard.append(None))
    bench = _ready(link=link, instant=True, pulses_without_link_source=False)
    bench.write(":TRIG:OUTP SENS")
    bench.ask(":READ?")
    assert heard == []


def test_two_sourcemeters_on_one_cable() -> None:
    link, clock = TriggerLink(), VirtualClock()
    fixtures = [TestFixture(clock, Resistor(1000.0), _PHOTODIODE, NoiseSettings.none()) for _ in range(2)]
    first, second = (Keithley2400Twin(fixture, Keithley2400Options(), link) for fixture in fixtures)
    for twin in (first, second):
        twin.receive(b":SENS:CURR:PROT 0.01;:SOUR:VOLT 1;:OUTP ON;:FORM:ELEM VOLT\n")
    second.receive(b":ARM:SOUR TLIN;ILIN 3\n:READ?\n")
    first.receive(b":TRIG:OUTP SENS;OLIN 3\n:READ?\n")
    clock.advance(0.1)
    assert first.transmit() == (b"+1.000000E+00\n", True)
    assert second.transmit() == (b"", False)
    clock.advance(0.1)
    assert second.transmit() == (b"+1.000000E+00\n", True)


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
