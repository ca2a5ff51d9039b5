"""The 2400 from its link: output, interlock and compliance."""

from __future__ import annotations

import pytest

from drivers.simulated.keithley2400.twin import OutputChange
from drivers.simulated.loads import OpenCircuit, Resistor
from tests.twins.keithley2400.conftest import Bench, ready


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
    bench = ready()
    plain = bench.seconds(":READ?")
    bench.write(":OUTP:SMOD HIMP", ":OUTP OFF", ":OUTP ON")
    assert bench.seconds(":READ?") == pytest.approx(max(0.015, 5e-4) + plain, abs=1e-9)


def test_real_compliance_clamps_at_the_protection() -> None:
    bench = ready()
    bench.write(":SENS:CURR:PROT 0.002", ":SOUR:VOLT 5")
    voltage, current, status = bench.numbers(":READ?")
    assert (voltage, current) == (2.0, 0.002)
    assert int(status) & (1 << 3 | 1 << 4 | 1 << 16) == 1 << 3
    assert bench.ask(":SENS:CURR:PROT:TRIP?;:STAT:MEAS:COND?") == f"1;{1 << 14 | 1 << 11 | 1 << 6}"
    bench.write(":SOUR:VOLT 1")
    assert bench.numbers(":READ?")[:2] == [1.0, 0.001]
    assert bench.ask(":SENS:CURR:PROT:TRIP?") == "0"


def test_range_compliance_clamps_at_a_fixed_range_without_any_error() -> None:
    bench = ready()
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
    bench = ready()
    bench.fixture.lead_resistance = 100.0
    bench.write(":SOUR:VOLT 2")
    assert bench.numbers(":READ?")[1] == pytest.approx(2 / 1100, abs=1e-7)
    bench.write(":SYST:RSEN ON")
    voltage, current, status = bench.numbers(":READ?")
    assert (voltage, current) == (2.0, 0.002)
    assert int(status) & 1 << 22


def test_the_terminals_bit_and_switching_terminals_turns_the_output_off() -> None:
    bench = ready()
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
    bench = ready()
    bench.write(":OUTP:ENAB ON", ":READ?", ":SOUR:VOLT 5")
    bench.twin.enable_line_closed = False
    assert bench.ask(":SOUR:VOLT?") == "5.000000E+00"
    assert all(change.level == 0.0 for change in bench.twin.output_log)


def test_the_output_key_always_works() -> None:
    bench = ready()
    bench.write(":READ?")
    bench.twin.press_output_key()
    assert bench.read_bytes(1.0) is None
    assert not bench.twin.output_on
    assert bench.ask(":OUTP?") == "0"
    bench.twin.press_output_key()
    assert bench.ask(":OUTP?") == "1"


def test_going_local_and_back() -> None:
    bench = ready()
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
