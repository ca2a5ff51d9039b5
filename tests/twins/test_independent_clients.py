"""Clients that are not ours drive the served twins, unchanged, and read what the device model says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pyvisa
import serial
from pymeasure.instruments.keithley import Keithley2000, Keithley2400

from drivers.simulated.bench import SimulatedBenchOptions
from drivers.simulated.device import device_from_parameters
from drivers.simulated.keithley2000.twin import Keithley2000Options
from drivers.simulated.photodiode import Photodiode, photodiode_from_parameters
from drivers.simulated.serve import BenchServer, serving

PARAMETERS = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text(encoding="utf-8"))
LIQ = {**PARAMETERS["devices"][2], "shared": PARAMETERS["shared"]}
ON_LED = SimulatedBenchOptions(load=LIQ, noise=False, hysteresis=False, degradation=False)
ON_RESISTOR = SimulatedBenchOptions(load={"load": "resistor", "resistance_ohm": 1e3}, noise=False)

LINKS = [
    "tcp",
    pytest.param("pty", marks=pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")),
]


def resources(server: BenchServer, link: str) -> dict[str, str]:
    """VISA resource names by role."""
    named = {port.role: port.tcp if link == "tcp" else port.serial for port in server.ports}
    return {role: name for role, name in named.items() if name is not None}


@pytest.fixture
def opened(link: str) -> Iterator[Callable[..., Any]]:
    """Open an instrument with a class of pymeasure's; closed at the end."""
    made = []
    end = "\n" if link == "tcp" else "\r"

    def open_with(kind: type[Any], resource: str) -> Any:
        made.append(kind(resource, visa_library="@py", read_termination=end, write_termination=end, timeout=10_000))
        return made[-1]

    yield open_with
    for instrument in made:
        instrument.adapter.close()


def photodiode_signal(photodiode: Photodiode, device: Any, current: float) -> float:
    """The amplifier's output [V] when ``current`` [A] flows through the device."""
    return photodiode.gain * (device.photocurrent(current, photodiode) + photodiode.dark_current)


@pytest.mark.filterwarnings("ignore:It is not known whether:FutureWarning")  # from pymeasure's Keithley2000
@pytest.mark.parametrize("link", LINKS)
def test_pymeasure_sweeps_a_device(link: str, opened: Callable[..., Any]) -> None:
    device = device_from_parameters(LIQ, hysteresis=False, degradation=False)
    photodiode = photodiode_from_parameters(LIQ["shared"])
    with serving(ON_LED) as server:
        where = resources(server, link)
        smu, dmm = opened(Keithley2400, where["smu"]), opened(Keithley2000, where["photodiode_meter"])
        smu.reset()
        smu.source_mode = "voltage"
        smu.source_voltage_range = 20
        smu.compliance_current = 0.05
        smu.current_nplc = 0.01
        dmm.reset()
        dmm.mode = "voltage"
        dmm.voltage_nplc = 0.01
        smu.source_enabled = True
        swept = []
        for level in (0.0, 2.0, 4.0, 5.0, 6.0, 7.0):
            smu.source_voltage = level
            swept.append((level, smu.voltage, smu.current, dmm.voltage))
        smu.source_voltage = 0
        smu.source_enabled = False
        assert smu.source_enabled is False
        assert smu.check_errors() == dmm.check_errors() == []
    for level, voltage, current, light in swept:
        flows = device.current(level)
        assert voltage == pytest.approx(level, abs=2e-4)
        assert current == pytest.approx(flows, rel=2e-4, abs=2e-10)
        assert light == pytest.approx(photodiode_signal(photodiode, device, flows), rel=2e-4, abs=2e-5)
    assert swept[-1][3] > 0.1


@pytest.mark.parametrize("link", LINKS)
def test_pymeasure_meets_compliance_and_an_error(link: str, opened: Callable[..., Any]) -> None:
    with serving(ON_RESISTOR) as server:
        smu = opened(Keithley2400, resources(server, link)["smu"])
        smu.reset()
        smu.source_mode = "voltage"
        smu.current_nplc = 0.01
        smu.compliance_current = 1e-3
        smu.source_voltage = 3
        smu.source_enabled = True
        readings = smu.measure_all()
        assert readings["current"] == pytest.approx(1e-3, rel=1e-3)
        assert readings["voltage"] == pytest.approx(1.0, rel=1e-3)
        assert int(readings["status"]) & 0x8
        assert smu.ask(":SENS:CURR:PROT:TRIP?").strip() == "1"
        smu.source_voltage = 0.5
        assert smu.current == pytest.approx(5e-4, rel=1e-3)
        assert smu.ask(":SENS:CURR:PROT:TRIP?").strip() == "0"
        smu.write(":SOUR:VOLT 2;:NO:SUCH:THING 1;:SOUR:VOLT 1")
        assert [int(error[0]) for error in smu.check_errors()] == [-113]
        assert smu.source_voltage == 2.0
        smu.source_enabled = False


@pytest.mark.parametrize("link", LINKS)
def test_pymeasure_fills_a_buffer(link: str, opened: Callable[..., Any]) -> None:
    with serving(ON_RESISTOR) as server:
        smu = opened(Keithley2400, resources(server, link)["smu"])
        smu.reset()
        smu.write(":SENS:FUNC 'VOLT';:SENS:VOLT:NPLC 0.01;:FORM:ELEM VOLT;:SOUR:VOLT 1;:SENS:CURR:PROT 0.01")
        smu.config_buffer(points=5)
        smu.source_enabled = True
        smu.start_buffer()
        assert int(smu.ask("*OPC?")) == 1
        assert smu.is_buffer_full()
        assert smu.buffer_data == pytest.approx([1.0] * 5, rel=1e-3)
        smu.stop_buffer()
        smu.source_enabled = False
        assert smu.check_errors() == []


ORDERS = [
    [":sour:func volt", ":sens:curr:prot 10e-3", ":sour:volt:rang 20", ":sour:volt:lev 1.5"],
    [
        ":SOURce:VOLTage:RANGe 20",
        ":SOURce:VOLTage:LEVel:IMMediate:AMPLitude 1.5",
        ":SENSe:CURRent:PROTection:LEVel 0.01",
    ],
    ["SOUR:VOLT:RANG MAX;LEV 1500e-3;:SENS:CURR:PROT .01", "SENS:CURR:NPLC 0.1;RANG:AUTO 1"],
    [":Sense:Current:Protection 1.0E-2;:Source:Function Voltage", "\t:sour:volt  +1.50 "],
]


@pytest.mark.parametrize("commands", ORDERS, ids=["short", "long", "compound", "odd"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_bare_pyvisa_script_in_any_spelling_and_order(commands: list[str], ending: str) -> None:
    with serving(ON_RESISTOR, terminals=False) as server, closing(pyvisa.ResourceManager("@py")) as manager:
        smu: Any = manager.open_resource(resources(server, "tcp")["smu"], timeout=10_000)
        smu.write_termination, smu.read_termination = ending, "\n"
        for command in ["*RST", "FORM:ELEM CURR", *commands, "OUTPUT ON"]:
            smu.write(command)
        assert float(smu.query("READ?")) == pytest.approx(1.5e-3, rel=1e-3)
        assert smu.query("SYST:ERR?") == '0,"No error"'
        smu.write("OUTP OFF")
        assert smu.query("OUTP?") == "0"


@pytest.mark.parametrize(("terminator", "end"), [("CR", b"\r"), ("LF", b"\n"), ("CRLF", b"\r\n")])
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_a_bare_serial_port_with_any_terminator(terminator: Any, end: bytes) -> None:
    options = SimulatedBenchOptions(
        load=ON_LED.load, noise=False, photodiode_meter_options=Keithley2000Options(terminator=terminator)
    )
    with serving(options) as server:
        path = resources(server, "pty")["photodiode_meter"].removeprefix("ASRL").removesuffix("::INSTR")
        with serial.Serial(path, 19200, timeout=10, xonxoff=True) as line:
            for command in (b"*RST", b":conf:volt:dc", b":SENSe:VOLTage:DC:NPLCycles 0.01"):
                line.write(command + end)
            line.write(b":READ?" + end)
            reading = line.read_until(end)
            line.write(b":SYST:ERR?" + end)
            assert line.read_until(end) == b'0,"No error"' + end
    assert reading.endswith(end)
    photodiode = photodiode_from_parameters(LIQ["shared"])
    assert float(reading) == pytest.approx(photodiode.gain * photodiode.dark_current, abs=2e-6)
