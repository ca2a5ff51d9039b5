"""The Model 2000 at its connector: how long a reading takes, and how it scatters."""

from __future__ import annotations

import dataclasses
import statistics

import pytest

from drivers.simulated.fixture import NoiseSettings
from drivers.simulated.keithley2000.functions import conversion_time
from drivers.simulated.keithley2000.twin import Keithley2000Options
from tests.twins.keithley2000.conftest import Host, fixture_showing, host_at, one_shot, show

# --- time ---


@pytest.mark.parametrize(
    ("nplc", "autozero", "frequency", "seconds"),
    [
        (1.0, True, 50.0, 0.040),
        (1.0, False, 50.0, 0.024),
        (0.1, False, 50.0, 0.00233),
        (10.0, False, 50.0, 0.240),
        (10.0, True, 50.0, 0.400),
        (10.0, False, 60.0, 1 / 5.0),
        (1.0, True, 60.0, 1 / 30.0),
        (1.0, False, 60.0, 1 / 50.0),
        (0.1, False, 60.0, 1 / 500.0),
        (0.04, False, 60.0, 1 / 1000.0),
        (0.01, False, 60.0, 1 / 2000.0),
    ],
)
def test_conversion_times(nplc: float, autozero: bool, frequency: float, seconds: float) -> None:
    """Reading rates of the specifications in the Repair Manual, to their own rounding."""
    host = one_shot(line_frequency=frequency, read_overhead=0.0)
    host.write(f":VOLT:NPLC {nplc}", f":SYST:AZER {int(autozero)}", ":SAMP:COUN 10")
    assert host.seconds(":READ?") == pytest.approx(10 * seconds, rel=0.01)
    assert conversion_time(nplc, frequency, autozero=autozero) == pytest.approx(seconds, rel=0.01)


def test_read_adds_its_overhead_once() -> None:
    assert one_shot(read_overhead=0.007).seconds(":READ?") == pytest.approx(0.024 + 0.007)


@pytest.mark.parametrize(
    ("function", "range_", "delay"),
    [("VOLT", 10, 0.001), ("VOLT", 100, 0.005), ("CURR", 0.01, 0.002), ("RES", 100e6, 0.25), ("FRES", 10e3, 0.013)],
)
def test_auto_delay(function: str, range_: float, delay: float) -> None:
    host = one_shot(read_overhead=0.0)
    host.write(f":FUNC '{function}'", f":{function}:RANG {range_}", ":TRIG:DEL:AUTO ON")
    assert host.seconds(":READ?") == pytest.approx(0.024 + delay)


def test_manual_delay_holds_for_all_functions() -> None:
    host = one_shot(read_overhead=0.0)
    host.write(":TRIG:DEL 0.05")
    assert host.seconds(":READ?") == pytest.approx(0.074)
    host.write(":FUNC 'CURR'", ":CURR:RANG 0.01")
    assert host.seconds(":READ?") == pytest.approx(0.074)


def test_each_autorange_step_costs_a_conversion_and_a_delay() -> None:
    host = host_at(0.05, read_overhead=0.0)
    host.write("*RST")
    assert host.seconds(":READ?") == pytest.approx(5 * 0.040 + 2 * 0.005 + 3 * 0.001)
    assert host.seconds(":READ?") == pytest.approx(0.041)


def test_repeating_filter_takes_all_conversions_each_time_moving_only_the_first() -> None:
    host = one_shot(read_overhead=0.0)
    host.write(":VOLT:AVER:COUN 10;TCON REP;STAT ON")
    assert host.seconds(":READ?") == pytest.approx(0.24)
    assert host.seconds(":READ?") == pytest.approx(0.24)
    host.write(":VOLT:AVER:TCON MOV")
    assert host.seconds(":READ?") == pytest.approx(0.24)
    assert host.seconds(":READ?") == pytest.approx(0.024)


def test_moving_filter_smears_a_step() -> None:
    host = one_shot()
    host.write(":VOLT:AVER:COUN 10;TCON MOV;STAT ON")
    host.ask(":READ?")
    show(host.fixture, 2.0)
    assert host.ask(":READ?") == b"+1.10000000E+00\n"
    assert host.ask(":READ?") == b"+1.20000000E+00\n"


def test_slow_ac_and_aperture() -> None:
    host = one_shot(read_overhead=0.0)
    host.write(":FUNC 'VOLT:AC'", ":VOLT:AC:RANG 1")
    assert host.seconds(":READ?") == pytest.approx(2.0)
    host.write(":VOLT:AC:DET:BAND 300")
    assert host.seconds(":READ?") == pytest.approx(0.024)
    host.write(":FUNC 'FREQ'", ":FREQ:APER 0.1")
    assert host.seconds(":READ?") == pytest.approx(0.1)


def test_signal_is_sampled_at_the_end_of_the_conversion() -> None:
    host = one_shot(read_overhead=0.0)
    host.write(":READ?")
    host.clock.call_after(0.0239, lambda: show(host.fixture, 2.0))
    assert host.read() == b"+2.00000000E+00\n"


def test_instant_meter_takes_no_time() -> None:
    host = host_at(instant=True)
    host.write("*RST", ":VOLT:NPLC 10;AVER:STAT ON", ":TRIG:DEL 1", ":SAMP:COUN 100")
    start = host.clock.now()
    assert len(host.ask(":READ?").split(b",")) == 100
    assert host.clock.now() == start


@pytest.mark.parametrize(
    "messages",
    [
        [":INIT:CONT ON"],
        [":TRIG:COUN INF", ":INIT"],
        [":TRIG:COUN 9999", ":SAMP:COUN 1024", ":INIT"],
        [":HOLD:WIND 0.01;STAT ON", ":INIT"],
    ],
)
def test_instant_meter_without_end_still_lets_time_pass(messages: list[str]) -> None:
    fixture = fixture_showing(0.0, NoiseSettings())
    host = Host(fixture, Keithley2000Options(instant=True))
    host.write("*RST", *messages)
    host.clock.advance(1.0)
    assert host.clock.now() == pytest.approx(1.0)
    assert not host.twin.is_idle()


# --- noise ---


def _scatter(nplc: float, count: int = 1) -> float:
    noise = dataclasses.replace(NoiseSettings.none(), dmm_voltage=30e-6, tia_current=40e-12)
    host = Host(fixture_showing(0.05, noise))
    host.write("*RST", ":VOLT:RANG 0.1", f":VOLT:NPLC {nplc}", ":SAMP:COUN 1000")
    host.write(f":VOLT:AVER:COUN {count};TCON REP;STAT {int(count > 1)}")
    values = [float(text) for text in host.ask(":READ?", 1e4).split(b",")]
    return statistics.stdev(values)


@pytest.mark.parametrize(
    ("nplc", "count", "sd"), [(1.0, 1, 50e-6), (10.0, 1, 15.8e-6), (0.1, 1, 158e-6), (1.0, 4, 25e-6)]
)
def test_noise_is_that_of_meter_and_amplifier(nplc: float, count: int, sd: float) -> None:
    assert _scatter(nplc, count) == pytest.approx(sd, rel=0.1)
