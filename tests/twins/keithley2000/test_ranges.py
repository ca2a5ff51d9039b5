"""The Model 2000 at its connector: ranges, digits, formats."""

from __future__ import annotations

import json
import math
import struct

import pytest

from drivers.simulated.clock import VirtualClock
from drivers.simulated.device import device_from_parameters
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.keithley2000.functions import FUNCTIONS, resolution
from drivers.simulated.photodiode import photodiode_from_parameters
from tests.twins.keithley2000.conftest import DATA, Host, host_at, one_shot, show


@pytest.mark.parametrize(
    ("volts", "range_"),
    [(0.0, 0.1), (0.099, 0.1), (0.101, 1.0), (0.999, 1.0), (-9.9, 10.0), (10.1, 100.0), (200.0, 1000.0)],
)
def test_autorange_from_the_top(volts: float, range_: float) -> None:
    host = host_at(volts)
    host.write("*RST")
    assert float(host.ask(":READ?")) == pytest.approx(volts, rel=1e-5)
    assert float(host.ask(":VOLT:DC:RANG?")) == range_


def test_autorange_up_and_down_thresholds() -> None:
    host = host_at(0.5)
    fixture = host.fixture
    host.write("*RST")
    host.ask(":READ?")
    for volts, range_ in [(1.19, b"1\n"), (1.21, b"10\n"), (1.01, b"10\n"), (0.99, b"1\n")]:
        show(fixture, volts)
        host.ask(":READ?")
        assert host.ask(":VOLT:RANG?") == range_


@pytest.mark.parametrize("padded", [True, False])
def test_overflow_beyond_120_percent_of_a_fixed_range(padded: bool) -> None:
    host = host_at(1.199, overflow_padded=padded)
    host.write("*RST", ":VOLT:RANG 1")
    assert host.ask(":READ?") == b"+1.19900000E+00\n"
    show(host.fixture, 1.201)
    assert host.ask(":READ?") == (b"+9.90000000E+37\n" if padded else b"+9.9E37\n")
    assert int(host.ask(":STAT:MEAS?")) & 1


def test_top_range_of_volts_ends_at_1010() -> None:
    host = host_at(1009.0)
    host.write("*RST", ":VOLT:RANG 1000")
    assert host.ask(":READ?") == b"+1.00900000E+03\n"
    show(host.fixture, 1011.0)
    assert host.ask(":READ?") == b"+9.90000000E+37\n"


@pytest.mark.parametrize(("digits", "text"), [(7, "1.23457"), (6, "1.2346"), (5, "1.235"), (4, "1.23")])
def test_remote_data_follow_the_digits(digits: int, text: str) -> None:
    host = one_shot(1.2345678)
    host.write(f":VOLT:DIG {digits}")
    assert host.ask(":READ?") == f"{float(text):+.8E}\n".encode()


@pytest.mark.parametrize(
    ("function", "range_", "step"),
    [
        ("VOLT:DC", 0.1, 1e-7),
        ("VOLT:DC", 10.0, 1e-5),
        ("VOLT:DC", 1000.0, 1e-3),
        ("CURR:DC", 0.01, 1e-8),
        ("CURR:DC", 3.0, 1e-5),
    ],
)
def test_resolution_of_six_and_a_half_digits(function: str, range_: float, step: float) -> None:
    assert range_ in FUNCTIONS[function].ranges
    assert resolution(range_, 7) == pytest.approx(step)


def test_current_function_reads_the_photodiode() -> None:
    host = host_at(5e3)
    host.write("*RST", ":FUNC 'CURR:DC'", ":FORM:ELEM READ,UNIT")
    assert host.ask(":READ?") == b"+5.00000000E-03ADC\n"
    assert host.ask(":CURR:RANG?") == b"0.01\n"


@pytest.mark.parametrize(
    ("function", "reply"),
    [
        ("VOLT:AC", b"+0.00000000E+00VAC\n"),
        ("RES", b"+9.90000000E+37OHM\n"),
        ("FRES", b"+9.90000000E+37OHM4W\n"),
        ("FREQ", b"+0.00000000E+00HZ\n"),
        ("PER", b"+0.00000000E+00SEC\n"),
        ("TEMP", b"+2.30000000E+01C\n"),
        ("DIOD", b"+9.90000000E+37VDC\n"),
        ("CONT", b"+9.90000000E+37OHM\n"),
    ],
)
def test_other_functions_see_an_open_input(function: str, reply: bytes) -> None:
    host = host_at()
    host.write("*RST", f":FUNC '{function}'", ":FORM:ELEM READ,UNIT")
    assert host.ask(":READ?") == reply


def test_overflow_cannot_become_a_reference() -> None:
    host = one_shot(100.0)
    host.ask(":READ?")
    host.write(":VOLT:REF:ACQ", ":CALC:KMAT:PERC:ACQ")
    assert host.errors() == [-221, -221]


def test_front_rear_switch() -> None:
    host = one_shot()
    host.twin.select_terminals(front=False)
    assert host.ask(":SYST:FRSW?") == b"0\n"
    assert host.ask(":READ?") == b"+0.00000000E+00\n"


def test_elements() -> None:
    host = one_shot()
    host.write(":FORM:ELEM UNIT,CHAN,READ")
    assert host.ask(":READ?") == b"+1.00000000E+00VDC,0INTCHAN\n"
    assert host.ask(":FORM:ELEM?") == b"READ,CHAN,UNIT\n"


@pytest.mark.parametrize(
    ("form", "order", "pattern"), [("SRE", "NORM", ">3f"), ("DRE", "NORM", ">3d"), ("DRE", "SWAP", "<3d")]
)
def test_binary_buffer(form: str, order: str, pattern: str) -> None:
    host = one_shot()
    host.write(":TRAC:POIN 3;FEED:CONT NEXT", ":SAMP:COUN 3", ":INIT", f"*WAI;:FORM {form};:FORM:BORD {order}")
    assert host.ask(":TRAC:DATA?") == b"#0" + struct.pack(pattern, 1.0, 1.0, 1.0) + b"\n"
    assert host.ask(":READ?").startswith(b"+1.0")


def test_binary_may_hold_for_read_too() -> None:
    host = one_shot(binary_read=True)
    host.write(":FORM SRE")
    assert host.ask(":READ?") == b"#0" + struct.pack(">f", 1.0) + b"\n"


def test_no_binary_over_a_serial_line() -> None:
    host = host_at(interface="serial", terminator="LF")
    host.write(":FORM SRE")
    assert host.ask(":SYST:ERR?") == b'+808,"ASCII only with RS-232"\n'


def test_reference_and_units_and_math() -> None:
    host = one_shot(1.5)
    host.write(":VOLT:REF 0.5;REF:STAT ON")
    assert host.ask(":READ?") == b"+1.00000000E+00\n"
    host.write(":VOLT:REF:ACQ")
    assert host.ask(":VOLT:REF?;:READ?") == b"1.5;+0.00000000E+00\n"
    host.write(":VOLT:REF:STAT OFF", ":CALC:FORM MXB;KMAT:MMF 2;MBF 1;:CALC:STAT ON")
    assert host.ask(":READ?;:SENS:DATA?;:CALC:DATA?") == b"+4.00000000E+00;+1.50000000E+00;+4.00000000E+00\n"
    host.write(":CALC:FORM PERC;KMAT:PERC 1")
    assert float(host.ask(":READ?")) == pytest.approx(50.0)
    host.write(":CALC:KMAT:PERC:ACQ")
    assert host.ask(":READ?") == b"+0.00000000E+00\n"
    host.write(":CALC:STAT OFF", ":UNIT:VOLT DBM")
    assert float(host.ask(":READ?")) == pytest.approx(10.0 * math.log10(1.5**2 / 75.0 / 1e-3))
    host.write(":UNIT:VOLT DB;:UNIT:VOLT:DB:REF 0.15")
    assert float(host.ask(":READ?")) == pytest.approx(20.0)


def test_limits() -> None:
    host = one_shot(0.5)
    host.write(":CALC3:LIM:UPP 0.9;LOW 0.1;STAT ON")
    host.ask(":READ?")
    assert host.ask(":CALC3:LIM:FAIL?;:STAT:MEAS?") == b"1;32\n"
    show(host.fixture, 1.0)
    host.ask(":READ?")
    assert host.ask(":CALC3:LIM:FAIL?;:STAT:MEAS?") == b"0;36\n"
    host.write(":CALC3:LIM:CLE")
    assert host.ask(":CALC3:LIM:FAIL?") == b"1\n"


@pytest.mark.parametrize("point", [0, 3, 4, 7])
def test_reads_the_light_of_a_driven_device(point: int) -> None:
    parameters = json.loads((DATA / "simulated_devices.json").read_text(encoding="utf-8"))
    shared, entry = parameters["shared"], parameters["devices"][0]
    device = device_from_parameters({**entry, "shared": shared})
    host = Host(TestFixture(VirtualClock(), device, photodiode_from_parameters(shared), NoiseSettings.none()))
    reference = entry["reference_points"][point]
    host.fixture.drive_voltage(reference["V_V"], 0.1)
    dark = shared["photodiode"]["tia_V_A"] * shared["photodiode"]["dark_current_A"]
    host.write("*RST")
    assert float(host.ask(":READ?")) == pytest.approx(reference["V_dmm_V"] + dark, rel=2e-6, abs=6e-8)
