"""The Model 2000 twin at its connector: bytes in, bytes out, on virtual time."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import statistics
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley import Keithley2000

from drivers.simulated.clock import VirtualClock
from drivers.simulated.device import OpenCircuit, device_from_parameters
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.keithley2000.functions import FUNCTIONS, conversion_time, resolution
from drivers.simulated.keithley2000.twin import Keithley2000Options, Keithley2000Twin
from drivers.simulated.photodiode import Photodiode, linear_responsivity, photodiode_from_parameters
from drivers.simulated.trigger_link import TriggerLink
from drivers.simulated.visa import SimulatedVisaLibrary

GAIN = 1e6
DATA = Path(__file__).parents[1] / "data"
READING = b"+1.00000000E+00\n"


def fixture_showing(volts: float, noise: NoiseSettings | None = None) -> TestFixture:
    """A dark fixture whose amplifier puts out ``volts``."""
    diode = Photodiode(
        etendue=1e-7, responsivity=linear_responsivity("6.0e-4*lambda_nm - 0.012"), gain=GAIN, dark_current=volts / GAIN
    )
    return TestFixture(VirtualClock(), OpenCircuit(), diode, noise or NoiseSettings.none())


def show(fixture: TestFixture, volts: float) -> None:
    fixture.photodiode = dataclasses.replace(fixture.photodiode, dark_current=volts / GAIN)


class Host:
    """A controller on the other end: writes, and lets time pass until a reply is complete."""

    def __init__(
        self, fixture: TestFixture, options: Keithley2000Options | None = None, link: TriggerLink | None = None
    ) -> None:
        assert isinstance(fixture.clock, VirtualClock)
        self.fixture = fixture
        self.clock = fixture.clock
        self.twin = Keithley2000Twin(fixture, options, link)

    def write(self, *messages: str) -> None:
        for message in messages:
            self.twin.receive(message.encode() + b"\n", end=True)

    def read(self, patience: float = 60.0) -> bytes:
        limit = self.clock.now() + patience
        received = b""
        while True:
            chunk, complete = self.twin.transmit()
            received += chunk
            if complete:
                return received
            due = self.clock.next_event()
            if due is None or due > limit:
                self.clock.advance_to(limit)
                return received
            self.clock.advance_to(due)

    def ask(self, message: str, patience: float = 60.0) -> bytes:
        self.write(message)
        return self.read(patience)

    def seconds(self, message: str) -> float:
        """How long the reply to ``message`` takes."""
        start = self.clock.now()
        assert self.ask(message)
        return self.clock.now() - start

    def error(self) -> bytes:
        return self.ask(":SYST:ERR?")

    def errors(self) -> list[int]:
        codes = []
        while (code := int(self.error().split(b",")[0])) != 0:
            codes.append(code)
        return codes


def host_at(volts: float = 1.0, link: TriggerLink | None = None, **options: Any) -> Host:
    return Host(fixture_showing(volts), Keithley2000Options(**options), link)


def one_shot(volts: float = 1.0, **options: Any) -> Host:
    """A meter set for single fast readings on the 10 V range."""
    host = host_at(volts, **options)
    host.write("*RST", ":VOLT:DC:RANG 10", ":SYST:AZER OFF", ":TRIG:DEL 0")
    return host


# ---- worked exchanges -------------------------------------------------------------------------------------------


def test_identity() -> None:
    assert host_at().ask("*IDN?") == b"KEITHLEY INSTRUMENTS INC.,MODEL 2000,1053308,A19  /A02\n"


def test_read_in_continuous_mode_gives_init_ignored_and_no_reply() -> None:
    host = host_at()
    host.write(":SYST:PRES", ":READ?")
    assert host.read(5.0) == b""
    assert host.error() == b'-213,"Init ignored"\n'
    assert host.error() == b'0,"No error"\n'


def test_reset_then_read() -> None:
    host = host_at(2.3457e-3)
    host.write("*RST;:INIT:CONT OFF")
    assert host.ask(":READ?") == b"+2.34570000E-03\n"


def test_read_after_power_up_once_continuous_is_off() -> None:
    host = host_at()
    host.write(":INIT:CONT OFF")
    assert host.ask(":READ?") == READING
    host.write(":SYST:PRES", ":INIT:CONT OFF")
    assert host.ask(":READ?") == READING
    assert host.errors() == []


def test_function_exchange() -> None:
    host = host_at()
    host.write(":SENS:FUNC 'VOLT:DC'")
    assert host.ask(":SENS:FUNC?") == b'"VOLT:DC"\n'
    assert host.ask(":CONF?") == b'"VOLT:DC"\n'


def test_range_exchange() -> None:
    host = host_at()
    host.write(":VOLT:DC:RANG 5")
    assert host.ask(":VOLT:DC:RANG?") == b"10\n"
    assert host.ask(":VOLT:DC:RANG:AUTO?") == b"0\n"
    host.write(":VOLT:DC:RANG 2000")
    assert host.error() == b'-222,"Parameter data out of range"\n'


def test_buffer_exchange() -> None:
    host = host_at(1e-3)
    host.write("*RST", ":TRAC:POIN 3;FEED SENS1;FEED:CONT NEXT", ":SAMP:COUN 3", ":INIT")
    assert host.ask("*OPC?") == b"1\n"
    assert host.ask(":TRAC:DATA?") == b"+1.00000000E-03,+1.00000000E-03,+1.00000000E-03\n"
    assert host.ask(":TRAC:FEED:CONT?") == b"NEV\n"


def test_undefined_header() -> None:
    host = host_at()
    assert host.ask(":FOO?", 1.0) == b""
    assert host.error() == b'-113,"Undefined header"\n'


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (":SENS:PRE:THR:VOLT:RANG 1", -113),
        (":SYST:BEEP 100, 1", -108),
        (":SENS:FUNC VOLT", -148),
        (":SENS:FUNC 'FOO'", -224),
        (":TRAC:POIN 1", -222),
        (":VOLT:NPLC 20", -222),
        (":VOLT:NPLC", -109),
        (":TRIG:SOUR TLIN", -140),
        (":DISP:TEXT:DATA 'MORE THAN TWELVE'", -223),
        (":ROUT:CLOS (@1)", -241),
        (":ROUT:CLOS:STAT?", -241),
        (":CURR:DC:REF:ACQ", -221),
        (":TRIG:SIGN", -211),
        ("*TRG", -211),
        (":FETC?", -230),
        (":SENS:DATA?", -230),
        (":TRAC:DATA?", -230),
        (":CALC2:DATA?", -230),
        (":CALC2:FORM MEAN;:CALC2:IMM?", -230),
        (":CALC2:IMM?", -221),
    ],
)
def test_refusals(message: str, code: int) -> None:
    host = host_at()
    host.write("*RST", message)
    assert host.errors() == [code]


def test_queries_of_what_was_set_in_every_corner() -> None:
    host = host_at()
    host.write("*RST")
    pairs = [
        (":VOLT:AC:DET:BAND", "300"),
        (":CURR:AC:RANG", "3"),
        (":FRES:RANG", "1000"),
        (":RES:DIG", "5"),
        (":FREQ:APER", "0.1"),
        (":PER:THR:VOLT:RANG", "100"),
        (":DIOD:CURR:RANG", "0.0001"),
        (":CONT:THR", "50"),
        (":TEMP:TC:TYPE", "K"),
        (":TEMP:RJUN:SIM", "25"),
        (":HOLD:COUN", "7"),
        (":VOLT:AVER:TCON", "MOV"),
        (":CURR:REF", "-0.5"),
        (":TRIG:TIM", "0.25"),
        (":TRIG:SEQ:DEL", "0.05"),
        (":TRIG:DEL:AUTO", "0"),
        (":TRAC:FEED", "CALC1"),
        (":FORM:BORD", "SWAP"),
        (":FORM:ELEM", "READ,CHAN,UNIT"),
        (":CALC:KMAT:MUN", '"FOO"'),
        (":CALC:FORM", "PERC"),
        (":CALC3:LIM:UPP", "2.5"),
        (":SYST:POS", "RST"),
        (":SYST:KEY", "5"),
        (":SYST:KCL", "0"),
        (":DISP:TEXT", '"HELLO"'),
        (":DISP:ENAB", "0"),
        (":UNIT:VOLT:DBM:IMP", "50"),
        (":UNIT:TEMP", "K"),
    ]
    for header, value in pairs:
        host.write(f"{header} {value}")
        assert host.ask(f"{header}?") == f"{value}\n".encode()
    assert host.errors() == []


def test_fixed_answers() -> None:
    host = host_at(line_frequency=60.0)
    assert host.ask("*OPT?;*TST?;:SYST:VERS?;FRSW?;LFR?") == b"0,0;0;1991.0;1;60\n"


# ---- READ?, FETC?, DATA?, MEAS? ---------------------------------------------------------------------------------


def test_samples_of_one_trigger_come_together_and_fetch_repeats_them() -> None:
    host = one_shot()
    host.write(":SAMP:COUN 3")
    assert host.ask(":READ?") == b",".join([READING.strip()] * 3) + b"\n"
    show(host.fixture, 2.0)
    assert host.ask(":FETC?") == b",".join([READING.strip()] * 3) + b"\n"
    assert host.ask(":DATA?") == READING


@pytest.mark.parametrize(("every", "count"), [(False, 2), (True, 8)])
def test_read_with_several_triggers(every: bool, count: int) -> None:
    host = one_shot(read_every_trigger=every)
    host.write(":TRIG:COUN 4", ":SAMP:COUN 2")
    assert len(host.ask(":READ?").split(b",")) == count


def test_fresh_data_waits_for_a_reading_and_never_comes_in_idle() -> None:
    host = one_shot()
    assert host.ask(":SENS:DATA:FRES?", 5.0) == b""
    host.write(":INIT")
    assert host.error() == b'-410,"Query interrupted"\n'
    assert host.ask(":SENS:DATA:FRES?") == READING
    assert host.ask(":SENS:DATA:FRES?", 5.0) == b""


def test_measure_sets_defaults_of_the_function() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 0.1", ":CALC:FORM MXB;STAT ON", ":TRIG:SOUR EXT")
    assert host.ask(":MEAS:VOLT:DC?") == READING
    assert host.ask(":VOLT:NPLC?;:CALC:STAT?;:TRIG:SOUR?;:INIT:CONT?") == b"1;0;IMM;0\n"


def test_configure_may_keep_the_settings_of_the_function() -> None:
    host = one_shot(configure_resets_function=False)
    host.write(":VOLT:NPLC 0.1", ":CONF:VOLT:DC")
    assert host.ask(":VOLT:NPLC?") == b"0.1\n"


def test_new_command_interrupts_a_pending_read() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 10", ":READ?", ":VOLT:NPLC 1")
    assert host.errors() == [-410]
    assert host.ask(":VOLT:NPLC?") == b"1\n"


def test_reply_nobody_fetched_is_dropped_by_the_next_command() -> None:
    host = one_shot()
    host.write("*IDN?", ":VOLT:NPLC 1")
    assert host.errors() == [-410]


def test_talking_with_nothing_to_say() -> None:
    host = one_shot()
    host.twin.talk_with_nothing_to_say()
    assert host.errors() == [-420]


def test_queries_are_answered_while_a_run_goes_on() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 10", ":SAMP:COUN 100", ":INIT")
    assert host.ask(":STAT:OPER:COND?") == b"16\n"
    assert host.ask(":TRAC:FREE?") == b"16384,0\n"
    assert not host.twin.is_idle()


def test_operation_complete_waits_for_idle_and_never_comes_when_free_running() -> None:
    host = one_shot()
    host.write(":INIT", "*OPC")
    assert host.ask("*ESR?") == b"128\n"
    host.clock.advance(0.1)
    assert host.ask("*ESR?") == b"1\n"
    host.write(":INIT:CONT ON")
    assert host.ask("*OPC?", 30.0) == b""


def test_wait_holds_the_next_message_without_an_error() -> None:
    host = one_shot()
    host.write(":INIT", "*WAI", ":STAT:OPER:COND?")
    assert host.read() == b"1024\n"
    assert host.errors() == []


def test_device_clear_stops_a_pending_read() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 10", ":READ?")
    host.twin.device_clear()
    assert host.twin.is_idle()
    assert host.read(5.0) == b""
    assert host.errors() == []


# ---- ranges, digits, formats ------------------------------------------------------------------------------------


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


# ---- time -------------------------------------------------------------------------------------------------------


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


# ---- noise ------------------------------------------------------------------------------------------------------


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


# ---- trigger model ----------------------------------------------------------------------------------------------


def test_init_is_ignored_unless_idle() -> None:
    host = one_shot()
    host.write(":INIT", ":INIT")
    assert host.errors() == [-213]


def test_bus_trigger_by_message_and_by_the_bus() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR BUS;COUN 2", ":TRAC:POIN 2;FEED:CONT NEXT", ":INIT")
    assert host.ask(":STAT:OPER:COND?") == b"32\n"
    host.write("*TRG")
    host.clock.advance(0.1)
    assert host.ask(":STAT:OPER:COND?") == b"32\n"
    host.twin.group_execute_trigger()
    host.clock.advance(0.1)
    assert host.ask(":STAT:OPER:COND?;:TRAC:DATA?") == b"1024;+1.00000000E+00,+1.00000000E+00\n"


def test_trigger_for_another_source_is_refused() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR MAN", ":INIT", "*TRG")
    assert host.errors() == [-211]


@pytest.mark.parametrize(("late_error", "codes"), [(False, []), (True, [-211])])
def test_trigger_while_busy_is_lost(late_error: bool, codes: list[int]) -> None:
    host = one_shot(late_trigger_error=late_error)
    host.write(":TRIG:SOUR BUS;COUN 2", ":INIT", "*TRG", "*TRG")
    host.clock.advance(1.0)
    assert host.errors() == codes
    assert host.ask(":STAT:OPER:COND?") == b"32\n"


def test_timer_passes_at_once_and_then_every_interval() -> None:
    host = one_shot()
    start = host.clock.now()
    host.write(":TRIG:SOUR TIM;TIM 0.5;COUN 3", ":INIT")
    assert host.ask("*OPC?") == b"1\n"
    assert host.clock.now() - start == pytest.approx(1.0 + 0.024)


def test_manual_source_and_signal() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR MAN;COUN 2", ":INIT")
    host.twin.press_trigger_key()
    host.clock.advance(0.1)
    assert host.ask(":SENS:DATA?") == READING
    host.write(":TRIG:SIGN")
    assert host.ask("*OPC?") == b"1\n"


def test_changing_the_source_frees_a_waiting_meter() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR EXT", ":INIT", ":TRIG:SOUR IMM")
    assert host.ask("*OPC?") == b"1\n"


def test_abort_goes_to_idle_and_continuous_leaves_it_again() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR EXT", ":INIT", ":ABOR")
    assert host.twin.is_idle()
    host.write(":INIT:CONT ON", ":ABOR")
    assert not host.twin.is_idle()


def test_continuous_mode_forbids_several_samples_and_autozero_changes() -> None:
    host = one_shot()
    host.write(":INIT:CONT ON", ":SAMP:COUN 2", ":SYST:AZER ON")
    assert host.errors() == [-221, -221]
    host.write(":INIT:CONT OFF;:ABOR", ":SYST:AZER ON", ":SAMP:COUN 2", ":INIT:CONT ON")
    assert host.errors() == [-221]
    assert host.ask(":SYST:AZER?;:SAMP:COUN?") == b"1;2\n"


def test_reading_hold_waits_for_a_stable_signal() -> None:
    host = one_shot(read_overhead=0.0)
    host.write(":HOLD:WIND 1;COUN 5;STAT ON", ":READ?")
    host.clock.call_after(0.05, lambda: show(host.fixture, 2.0))
    start = host.clock.now()
    assert host.read() == b"+2.00000000E+00\n"
    assert host.clock.now() - start == pytest.approx(7 * 0.024)


class StandInSource:
    """The other end of the trigger link: steps the light, pulses line 2, waits for line 1."""

    def __init__(self, fixture: TestFixture, link: TriggerLink, levels: list[float]) -> None:
        self.fixture, self.link = fixture, link
        self.levels = iter(levels)
        self.pulses_heard = 0
        link.subscribe(1, self.meter_is_done)

    def step(self) -> None:
        level = next(self.levels, None)
        if level is not None:
            show(self.fixture, level)
            self.link.pulse(2)

    def meter_is_done(self) -> None:
        self.pulses_heard += 1
        self.step()


LINKED_SWEEP = [
    "*RST",
    ":INIT:CONT OFF; :ABOR; :SYST:AZER:STAT ON",
    ":SENS:FUNC 'VOLT:DC'; :SENS:VOLT:DC:RANG 10; :SENS:VOLT:DC:NPLC 1; :SENS:VOLT:DC:DIG 7",
    ":SENS:VOLT:DC:AVER:STAT OFF; :SENS:VOLT:DC:REF:STAT OFF; :CALC1:STAT OFF; :UNIT:VOLT:DC V",
    ":FORM:DATA ASC; :FORM:ELEM READ",
    ":TRIG:SOUR EXT; :TRIG:DEL 0; :TRIG:COUN 5; :SAMP:COUN 1",
    ":TRAC:FEED:CONT NEV; :TRAC:CLE; :TRAC:POIN 5; :TRAC:FEED SENS1; :TRAC:FEED:CONT NEXT",
    ":STAT:PRES; *CLS; :STAT:MEAS:ENAB 512; *SRE 1",
    ":INIT",
]


@pytest.mark.parametrize("instant", [False, True])
def test_hardware_timed_sweep(instant: bool) -> None:
    link = TriggerLink()
    host = host_at(0.0, link, instant=instant)
    source = StandInSource(host.fixture, link, [0.1, 0.2, 0.3, 0.4, 0.5])
    host.write(*LINKED_SWEEP)
    assert int(host.ask(":STAT:OPER:COND?")) & 32
    start = host.clock.now()
    source.step()
    while not host.twin.service_request:
        due = host.clock.next_event()
        assert due is not None
        host.clock.advance_to(due)
    assert source.pulses_heard == 5
    per_reading = 0.0 if instant else (host.clock.now() - start) / 5
    assert 0.0402 <= per_reading <= 0.0805 or instant
    assert host.twin.serial_poll() & 65 == 65
    assert int(host.ask(":STAT:MEAS?")) & 512
    assert [float(v) for v in host.ask(":TRAC:DATA?").split(b",")] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    host.write(":ABOR; :TRIG:SOUR IMM; :TRAC:FEED:CONT NEV")
    assert host.errors() == []


def test_too_few_triggers_leave_a_part_of_the_data() -> None:
    link = TriggerLink()
    host = host_at(0.0, link)
    host.write(*LINKED_SWEEP)
    StandInSource(host.fixture, link, [0.1, 0.2]).step()
    host.clock.advance(10.0)
    assert not host.twin.service_request
    assert host.ask(":TRAC:DATA?") == b"+1.00000000E-01,+2.00000000E-01\n"


@pytest.mark.parametrize(("per_sample", "pulses"), [(False, 2), (True, 6)])
def test_output_pulse_per_group_or_per_sample(per_sample: bool, pulses: int) -> None:
    link = TriggerLink()
    host = one_shot(link=link, pulse_per_sample=per_sample)
    heard: list[float] = []
    link.subscribe(1, lambda: heard.append(host.clock.now()))
    host.write(":TRIG:COUN 2", ":SAMP:COUN 3", ":INIT")
    host.ask("*OPC?")
    assert len(heard) == pulses


# ---- buffer -----------------------------------------------------------------------------------------------------


def test_buffer_survives_reset_and_stops_when_full() -> None:
    host = one_shot()
    host.write(":TRAC:POIN 4;FEED:CONT NEXT", ":SAMP:COUN 6", ":INIT")
    host.ask("*OPC?")
    assert host.ask(":TRAC:FREE?") == b"16320,64\n"
    host.write("*RST")
    assert len(host.ask(":TRAC:DATA?").split(b",")) == 4
    assert host.ask(":TRAC:POIN?;:DATA:FEED:CONT?") == b"4;NEV\n"
    host.write(":DATA:CLE")
    host.ask(":DATA:DATA?", 1.0)
    assert host.errors() == [-230]


def test_buffer_settings_cannot_change_while_storing() -> None:
    host = one_shot()
    host.write(":TRAC:FEED:CONT NEXT", ":TRAC:POIN 10", ":TRAC:FEED CALC1")
    assert host.errors() == [-221, -221]


def test_buffer_of_computed_readings_and_statistics() -> None:
    host = one_shot()
    fixture = host.fixture
    host.write(":CALC:FORM MXB;KMAT:MMF 10;:CALC:STAT ON", ":TRAC:POIN 3;FEED CALC1;FEED:CONT NEXT")
    host.write(":CALC2:FORM MEAN;STAT ON")
    for volts in (1.0, 2.0, 6.0):
        show(fixture, volts)
        host.ask(":READ?")
    assert host.ask(":TRAC:DATA?") == b"+1.00000000E+01,+2.00000000E+01,+6.00000000E+01\n"
    assert host.ask(":CALC2:DATA?") == b"+3.00000000E+01\n"
    for form, value in [("SDEV", 26.4575131), ("MAX", 60.0), ("MIN", 10.0)]:
        assert float(host.ask(f":CALC2:FORM {form};IMM?")) == pytest.approx(value)


# ---- status -----------------------------------------------------------------------------------------------------


def test_power_on_bit_and_preset_of_masks() -> None:
    host = host_at()
    assert host.ask("*ESR?;*ESR?") == b"128;0\n"
    host.write(":STAT:MEAS:ENAB 512", ":STAT:PRES")
    assert host.ask(":STAT:MEAS:ENAB?") == b"0\n"


def test_service_request_at_each_reading() -> None:
    host = one_shot()
    host.write(":STAT:MEAS:ENAB 32;*SRE 1", ":INIT")
    assert not host.twin.service_request
    host.clock.advance(0.1)
    assert host.twin.service_request
    assert host.twin.serial_poll() == 64 + 1
    assert not host.twin.service_request
    assert host.ask(":STAT:MEAS?") == b"32\n"
    host.write(":INIT")
    host.clock.advance(0.1)
    assert host.twin.service_request


def test_buffer_events_come_in_turn() -> None:
    host = one_shot()
    host.write(":TRAC:POIN 6;FEED:CONT NEXT", "*CLS")
    events = []
    for _ in range(6):
        host.ask(":READ?")
        events.append(int(host.ask(":STAT:MEAS?")) & (128 | 256 | 512))
    assert events == [0, 128, 256, 0, 0, 512]
    assert int(host.ask(":STAT:MEAS:COND?")) & 512
    host.write(":TRAC:CLE")
    assert not int(host.ask(":STAT:MEAS:COND?")) & 512


def test_status_messages_are_queued_only_when_enabled() -> None:
    host = one_shot()
    host.ask(":READ?")
    assert host.errors() == []
    host.write(":STAT:QUE:ENAB (+301:+311)")
    host.ask(":READ?")
    assert host.error() == b'+306,"Reading available"\n'


def test_completed_operations_are_a_status_message_too() -> None:
    host = host_at()
    host.write("*RST", ":STAT:QUE:ENAB (101)", "*OPC")
    assert host.error() == b'+101,"Operation complete"\n'


def test_error_queue_holds_ten() -> None:
    host = one_shot()
    for _ in range(12):
        host.write(":FOO")
    assert host.errors() == [-113] * 9 + [-350]


# ---- setups -----------------------------------------------------------------------------------------------------


def test_power_up_preset_and_reset_differ() -> None:
    state = ":INIT:CONT?;:TRIG:COUN?;:VOLT:AVER:STAT?;TCON?;:FORM:BORD?"
    host = host_at()
    assert host.ask(state) == b"1;+9.900000E+37;1;MOV;SWAP\n"
    host.write("*RST")
    assert host.ask(state) == b"0;1;0;REP;NORM\n"
    host.write(":SYST:PRES")
    assert host.ask(state) == b"1;+9.900000E+37;1;MOV;SWAP\n"


def test_reset_values_that_are_open() -> None:
    host = host_at(reset_filter_on=True, reset_delay_auto=False, reset_bandwidth=30.0)
    host.write("*RST")
    assert host.ask(":VOLT:AVER:STAT?;:TRIG:DEL:AUTO?;:VOLT:AC:DET:BAND?") == b"1;0;30\n"


def test_save_recall_and_power_on_setup() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 5", "*SAV 0", "*RST")
    assert host.ask(":VOLT:NPLC?") == b"1\n"
    host.write("*RCL 0")
    assert host.ask(":VOLT:NPLC?") == b"5\n"
    host.write(":VOLT:NPLC 2", ":SYST:POS SAV0")
    host.twin.power_cycle()
    assert host.ask(":VOLT:NPLC?;*ESR?") == b"5;128\n"


def test_local_commands_over_gpib() -> None:
    quiet, strict = one_shot(), one_shot(local_on_gpib_error=True)
    for host, codes in ((quiet, []), (strict, [-221])):
        host.write(":SYST:LOC")
        assert host.errors() == codes


def test_colon_before_a_common_command() -> None:
    for allowed in (True, False):
        host = host_at(colon_before_common=allowed)
        host.write(":*CLS")
        assert (host.errors() == []) is allowed


# ---- clients and lines ------------------------------------------------------------------------------------------


def test_start_up_of_a_public_client() -> None:
    host = host_at()
    host.write(":STAT:QUEUE:CLEAR;*RST;:STAT:PRES;:*CLS;", ":CONF:VOLT:DC")
    host.write(":SENS:VOLT:RANG:AUTO 0;:SENS:VOLT:RANG 10", ":SENS:VOLT:DC:AVER:STAT 1")
    host.write(":SENS:VOLT:DC:AVER:TCON REP", ":SENS:VOLT:DC:AVER:COUN 2")
    host.write(":STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;", ":TRAC:CLEAR;", ":TRAC:POIN 3", ":TRIG:COUN 3")
    host.write(":TRIG:SEQ:DEL 0", ":TRAC:FEED SENSE;:TRAC:FEED:CONT NEXT;", ":INIT")
    while int(host.ask("*STB?")) & 65 != 65:
        host.clock.advance(0.1)
    host.write(":FORM:DATA ASCII")
    assert len(host.ask(":TRAC:DATA?").split(b",")) == 3
    assert host.errors() == []


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning")
def test_an_independent_driver_reads_and_fills_the_buffer() -> None:
    fixture = fixture_showing(1.0)
    clock = fixture.clock
    assert isinstance(clock, VirtualClock)
    library = SimulatedVisaLibrary(clock, {"GPIB0::16::INSTR": Keithley2000Twin(fixture)})
    meter = Keithley2000(VISAAdapter("GPIB0::16::INSTR", visa_library=library))
    meter.reset()
    meter.measure_voltage(max_voltage=10)
    assert (meter.mode, meter.voltage_range, meter.voltage) == ("voltage", 10.0, 1.0)
    meter.measure_resistance()
    assert meter.resistance == 9.9e37
    meter.measure_voltage(max_voltage=10)
    meter.config_buffer(5, 0)
    meter.start_buffer()
    while not meter.is_buffer_full():
        clock.advance(0.1)
    assert list(meter.buffer_data) == [1.0] * 5
    assert meter.check_errors() == []
    meter.beep(400, 0.1)
    assert [code for code, _ in meter.check_errors()] == [-108]


def test_serial_line_waits_instead_of_interrupting_and_ctrl_c_clears() -> None:
    host = host_at(interface="serial", terminator="CR")
    host.twin.receive(b"*RST\r:VOLT:RANG 10\r:READ?\r*IDN?\r")
    assert host.read() == b"+1.00000000E+00\r"
    assert host.read().startswith(b"KEITHLEY")
    host.twin.receive(b":TRIG:SOUR EXT\r:READ?\r")
    assert host.read(5.0) == b""
    host.twin.receive(b"\x03:SYST:ERR?\r")
    assert host.read() == b'0,"No error"\r'


DIALOGUE = (
    b"*RST;:INIT:CONT OFF\n:VOLT:RANG 5;RANG?\n:SENS:FUNC 'VOLT:DC'\n:VOLT:NPLC 0.1;:SAMP:COUN 3\n:READ?\n:FOO?\n"
    b":SYST:ERR?\n:TRAC:POIN 2;FEED:CONT NEXT;:SAMP:COUN 2;:INIT;*WAI;:TRAC:DATA?\n*IDN?\n"
)


def _replies_on_a_socket(pieces: list[bytes]) -> bytes:
    host = host_at(interface="socket")
    for piece in pieces:
        host.twin.receive(piece)
    return b"".join(iter(lambda: host.read(5.0), b""))


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, len(DIALOGUE)), max_size=30))
def test_how_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(DIALOGUE)]
    pieces = [DIALOGUE[start:stop] for start, stop in itertools.pairwise(edges)]
    replies = _replies_on_a_socket(pieces)
    assert replies == _replies_on_a_socket([DIALOGUE])
    assert replies.count(b"\n") == 5


FRAGMENTS = st.sampled_from(
    [
        b":SENS:", b":VOLT", b":READ?", b":INIT", b":INIT:CONT ON", b"*TRG", b"*RST", b":ABOR", b":TRIG:SOUR EXT",
        b":TRIG:SOUR TIM", b":TRIG:COUN INF", b":SAMP:COUN 1024", b":TRAC:DATA?", b":TRAC:FEED:CONT NEXT", b";", b"\n",
        b" ", b",", b"1e99", b"'", b'"', b"(@1)", b"*WAI", b"*OPC?", b":FUNC 'RES'", b":CONF:TEMP", b":MEAS:PER?",
        b":SENS:DATA:FRES?", b":FORM SRE", b":UNIT:VOLT DB", b":HOLD:STAT ON", b":CALC2:IMM?", b":SYST:PRES", b"#H",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(st.one_of(FRAGMENTS, st.binary(max_size=12)), max_size=25),
    kind=st.sampled_from(["gpib", "serial", "socket"]),
    instant=st.booleans(),
)
def test_no_bytes_crash_or_hang_the_meter(pieces: list[bytes], kind: str, instant: bool) -> None:
    host = host_at(interface=kind, terminator="LF", instant=instant)
    for piece in pieces:
        host.twin.receive(piece, end=piece == b"\n")
        host.clock.advance(0.05)
        host.twin.transmit(7)
        host.twin.talk_with_nothing_to_say()
    host.twin.device_clear()
    assert host.ask("*IDN?").startswith(b"KEITHLEY")
