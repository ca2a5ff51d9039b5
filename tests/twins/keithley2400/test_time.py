"""The 2400 from its link: how long a point takes."""

from __future__ import annotations

import itertools

import pytest

from drivers.simulated.loads import Resistor
from tests.twins.keithley2400.conftest import Bench, ready


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
    bench = ready()
    bench.write(":SOUR:VOLT:MODE SWE;STOP 1", ":TRIG:COUN 10", setup)
    assert bench.errors() == []
    assert bench.seconds(":READ?") == pytest.approx(10 * expected, rel=1e-9)


@pytest.mark.parametrize(
    ("autozero", "latency", "phases", "overhead"), [("ON", 5e-4, 4, 2.3e-3), ("OFF", 1e-4, 2, 5e-4)]
)
def test_a_static_level_skips_the_source_delay(autozero: str, latency: float, phases: int, overhead: float) -> None:
    bench = ready()
    bench.write(":SOUR:DEL 0.5", f":SYST:AZER {autozero}", ":TRIG:DEL 0.01", ":SOUR:VOLT 1")
    expected = 0.01 + latency + phases * 20.185e-3 + overhead
    assert bench.seconds(":READ?") == pytest.approx(expected, rel=1e-9)
    bench.write(":SOUR:VOLT:TRIG 2")
    assert bench.ask(":SOUR:VOLT?;VOLT:TRIG?") == "1.000000E+00;2.000000E+00"
    assert bench.seconds(":READ?") == pytest.approx(expected - latency + 0.5 + 50e-6, rel=1e-9)
    assert bench.numbers(":SOUR:VOLT?") == [2.0]


def test_switches_of_timing() -> None:
    bench = ready(static_source_delay="kept", one_function_phases=4, two_functions_without_autozero=(3, 1e-3, 1e-3))
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
    bench = ready(instant=True)
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
    bench = ready()
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
    bench = ready()
    bench.write(":ARM:SOUR TIM;TIM 0.5;COUN 4", ":FORM:ELEM TIME")
    times = bench.numbers(":READ?")
    assert [round(later - earlier, 6) for earlier, later in itertools.pairwise(times)] == [0.5] * 3
