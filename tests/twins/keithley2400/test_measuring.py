"""The 2400 from its link: measuring commands, what waits while it is busy, and the switches of the twin."""

from __future__ import annotations

import math
import struct

import pytest

from drivers.simulated.fixture import NoiseSettings
from drivers.simulated.trigger_link import TriggerLink
from tests.twins.keithley2400.conftest import Bench, ready

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
    bench = ready()
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
    bench = ready(noise=noise, instant=True)
    bench.write(":SOUR:VOLT 2", ":FORM:ELEM VOLT,CURR", ":TRIG:COUN 400")
    values = bench.numbers(":READ?")
    volts, amperes = values[::2], values[1::2]
    assert _spread(volts) == pytest.approx(1e-3, rel=0.15)
    assert _spread(amperes) == pytest.approx(1e-3 * 0.002 + 1e-3 * 0.01, rel=0.15)
    again = ready(noise=noise, instant=True)
    again.write(":SOUR:VOLT 2", ":FORM:ELEM VOLT,CURR", ":TRIG:COUN 400")
    assert again.numbers(":READ?") == values
    bench.write(":SENS:AVER:COUN 25;:SENS:AVER ON")
    assert _spread(bench.numbers(":READ?")[::2]) == pytest.approx(1e-3 / 5, rel=0.2)


def _spread(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def test_the_moving_filter_lags_behind_a_step() -> None:
    bench = ready()
    bench.write(":SENS:AVER:TCON MOV;COUN 4;STAT ON", ":FORM:ELEM VOLT", ":SOUR:VOLT:RANG 20", ":SOUR:VOLT 4")
    assert bench.numbers(":READ?") == [4.0]
    bench.write(":SOUR:VOLT 0")
    assert [bench.numbers(":READ?")[0] for _ in range(4)] == [2.0, 1.3333, 1.0, 0.0]
    bench.write(":SOUR:VOLT 1", ":SOUR:VOLT:RANG 2")
    assert bench.numbers(":READ?") == [1.0]


# --- busy rule ---


def test_every_message_is_held_back_while_the_trigger_model_runs() -> None:
    bench = ready()
    bench.write(":INIT")
    start = bench.clock.now()
    assert bench.twin.serial_poll() == 0
    assert bench.ask("*STB?") == "0"
    assert bench.clock.now() - start == pytest.approx(0.0835, abs=1e-3)


@pytest.mark.parametrize("message", [":ABOR", "*RST", "*RCL 0", ":SYST:PRES"])
def test_the_urgent_commands_stop_a_run_at_once(message: str) -> None:
    bench = ready()
    bench.write(":READ?")
    bench.write(message)
    assert bench.twin.is_idle()
    assert bench.ask(":SYST:ERR?") == '0,"No error"'
    assert bench.clock.now() == 0.0


def test_held_messages_go_on_after_an_abort_and_the_output_stays_on() -> None:
    bench = ready()
    bench.write(":ARM:COUN INF", ":INIT", ":SOUR:VOLT 1;*IDN?", ":ABOR")
    assert str((bench.read_bytes() or b"").decode()).startswith("KEITHLEY")
    assert bench.ask(":OUTP?;:SOUR:VOLT?") == "1;1.000000E+00"


def test_device_clear_is_the_fastest_stop() -> None:
    bench = ready()
    bench.write(":ARM:COUN INF", ":INIT", ":SOUR:VOLT 1")
    bench.twin.device_clear()
    assert bench.ask(":SOUR:VOLT?;:OUTP?") == "0.000000E+00;1"


def test_a_query_before_the_reading_is_taken_costs_the_reading() -> None:
    bench = ready()
    bench.write(":READ?")
    assert bench.ask(":OUTP?") == "1"
    assert bench.errors() == [-410]


def test_operation_complete_comes_when_idle() -> None:
    bench = ready()
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
    bench = ready(link=link, instant=True, latch_depth=2)
    bench.write(":ARM:SOUR TLIN;COUN 2")
    for _ in range(2):
        link.pulse(1)
    assert bench.ask(":READ?") is not None
