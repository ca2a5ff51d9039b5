"""Keithley 2400: driver and twin held to the same exchanges (Series 2400 User's Manual, 2400S-900-01 Rev. K)."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.errors import InstrumentTimeout, PowerCycled, RefusedByInstrument
from drivers.keithley2400.driver import SmuSettings, SmuStatus
from drivers.simulated.clock import VirtualClock
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.keithley2400.twin import Keithley2400Options, Keithley2400Twin
from drivers.simulated.loads import OpenCircuit, Resistor
from drivers.simulated.photodiode import photodiode_from_parameters
from drivers.simulated.trigger_link import TriggerLink
from tests.drivers.conftest import NOTHING
from tests.support.keithley2400 import (
    AFTER_SWEEP,
    CONNECT,
    FREE_SWEEP,
    FRESH_OFF,
    KEPT,
    NO_ERROR,
    OFF,
    ON,
    RAMP,
    SETTINGS,
    START,
    SWEEP,
    TABLE,
    ZERO,
    configuring,
    energised,
)
from tests.transcripts.exchanges import CLEAR, POLL, Host, Transcript

_SHARED = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text(encoding="utf-8"))
READING = "+3.000000E+00,+3.000000E-03,+9.910000E+37,+7.282600E+01,+4.216836E+06"
AT_FIVE = READING.replace("+3.", "+5.")
STATUS = 4216836  # remote sense, voltage source, voltage and current measured, front terminals


def clamped(bits):
    return f"+1.000000E+00,+1.000000E-03,+9.910000E+37,+7.282600E+01,{STATUS | bits:+.6E}"


def configured(changes=None, more=()):
    """Connecting and configuring, with other rows of the table: command to (value, reply)."""
    table = [(command, *(changes or {}).get(command, (value, reply))) for command, value, reply in TABLE]
    return [CONNECT, CLEAR, *configuring([*table, *more])]


RUNNING = [*configured(), *ON]
READ = ":SOUR:VOLT 3;:READ?"
LOW_COMPLIANCE = {":SENS:CURR:PROT": ("0.001", "1.000000E-03"), ":SENS:CURR:RANG": ("0.001", "1.050000E-03")}
LOW_RANGE = {":SENS:CURR:RANG": ("0.001", "1.050000E-03")}
INTERLOCK = {":OUTP:ENAB": ("ON", "1")}


def changed(**changes):
    return SmuSettings(**{**vars(SETTINGS), **changes})


def point(smu, settings=SETTINGS, level=3.0):
    energised(smu, settings).trigger(level)
    return smu.read()


def why_no_point(smu):
    """Off first, ask afterwards."""
    with pytest.raises(InstrumentTimeout) as caught:
        point(smu)
    smu.output_off()
    return smu.why_no_reading(caught.value)


def after(action, settings=SETTINGS):
    return lambda smu: action(energised(smu, settings))


CURRENT_SOURCE = SmuSettings(
    source="current",
    max_level=0.5e-3,
    compliance=8,
    measure_range_lower_limit=2,
    nplc=0.1,
    autozero=False,
    terminals="rear",
    line_frequency=60,
    output_off_state="high_impedance",
    over_voltage_protection=20,
    filter_count=5,
)
CURRENT_TABLE = [
    (":SYST:LFR", "60", "60"),
    (":SYST:AZER:STAT", "OFF", "0"),
    (":SYST:RSEN", "OFF", "0"),
    (":ROUT:TERM", "REAR", "REAR"),
    (":OUTP:SMOD", "HIMP", "HIMP"),
    (":OUTP:ENAB", "OFF", "0"),
    (":SOUR:FUNC", "CURR", "CURR"),
    (":SOUR:CURR:MODE", "FIX", "FIX"),
    (":SOUR:CURR:RANG", "0.001", "1.050000E-03"),
    (":SOUR:DEL", "0", "0.000000E+00"),
    (":SOUR:CLE:AUTO", "OFF", "0"),
    (":SOUR:VOLT:PROT", "20", "2.000000E+01"),
    (":SENS:FUNC:CONC", "ON", "1"),
    (":SENS:FUNC", '"VOLT","CURR"', '"VOLT:DC","CURR:DC"'),
    (":SENS:VOLT:PROT", "8", "8.000000E+00"),
    (":SENS:VOLT:RANG:AUTO", "ON", "1"),
    (":SENS:VOLT:RANG:AUTO:LLIM", "2", "2.100000E+00"),
    (":SENS:VOLT:NPLC", "0.1", "1.000000E-01"),
    (":SENS:AVER:TCON", "REP", "REP"),
    (":SENS:AVER:COUN", "5", "5"),
    (":SENS:AVER:STAT", "ON", "1"),
    (":ARM:COUN", "1", "1"),
    (":TRIG:COUN", "1", "1"),
    (":TRIG:SOUR", "IMM", "IMM"),
    (":TRIG:DEL", "0", "0.000000E+00"),
    (":FORM:ELEM", "VOLT,CURR,RES,TIME,STAT", "VOLT,CURR,RES,TIME,STAT"),
]
AUTORANGE = changed(measure_range=None, measure_range_lower_limit=1e-6)
AUTO_TABLE = [
    row
    for old in TABLE
    for row in (
        [old]
        if old[0] != ":SENS:CURR:RANG"
        else [(":SENS:CURR:RANG:AUTO", "ON", "1"), (":SENS:CURR:RANG:AUTO:LLIM", "1e-06", "1.000000E-06")]
    )
]
FIXED_CURRENT_SOURCE = replace(CURRENT_SOURCE, measure_range=8, measure_range_lower_limit=None)
FIXED_CURRENT_TABLE = [
    row if row[0] != ":SENS:VOLT:RANG:AUTO" else (":SENS:VOLT:RANG", "20", "2.100000E+01")
    for row in CURRENT_TABLE
    if row[0] != ":SENS:VOLT:RANG:AUTO:LLIM"
]
CURRENT_ON = [(":SOUR:CURR 0", None), (":SOUR:CURR?", "0.000000E+00"), (":OUTP ON", None), (":OUTP?", "1"),
              KEPT]  # fmt: skip


def sweep(smu, linked=True):
    energised(smu).program_sweep([0, 2, 4], 0.02, linked=linked)
    smu.start_sweep()


def whole_sweep(smu, linked=True):
    sweep(smu, linked)
    before = smu.sweep_finished()
    assert smu.poll_sweep(10)
    return before, smu.sweep_finished(), smu.read_sweep()


def stopped_sweep(smu):
    sweep(smu)
    assert not smu.poll_sweep(10)
    return smu.stop_sweep()


LEFT_ON = ("*RST", ":SOUR:FUNC CURR", ":SOUR:CURR 50e-6", ":OUTP ON")
LEFT_IN_SWEEP = [
    *(pair[0] for pair in [*RUNNING, *FREE_SWEEP] if pair != CLEAR and not pair[0].endswith("?")), START[0], "*OPC?",
]  # fmt: skip
SWEPT = ",".join([READING] * 3)
LONG = ",".join(["3"] * 100)
LONG_SWEEP = [
    pair
    for old in FREE_SWEEP
    for pair in {
        ":SOUR:LIST:VOLT 0,2,4": [(f":SOUR:LIST:VOLT {LONG}", None), (":SOUR:LIST:VOLT:APP 3,3", None)],
        ":TRIG:COUN 3": [(":TRIG:COUN 102", None)],
        ":TRAC:POIN 3": [(":TRAC:POIN 102", None)],
        ":TRIG:COUN?": [(":TRIG:COUN?", "102")],
        ":TRAC:POIN?": [(":TRAC:POIN?", "102")],
        ":SOUR:LIST:VOLT?": [(":SOUR:LIST:VOLT?", ",".join(["+3.000000E+00"] * 102))],
    }.get(old[0], [old])
]
PULSE_ROWS = {
    ":SOUR:LIST:VOLT 0,2,4": (":SOUR:LIST:VOLT 0,4,0", None),
    ":SOUR:LIST:VOLT?": (":SOUR:LIST:VOLT?", "+0.000000E+00,+4.000000E+00,+0.000000E+00"),
    ":SOUR:DEL 0.02": (":SOUR:DEL 0.0019", None),
    ":SOUR:DEL?": (":SOUR:DEL?", "1.900000E-03"),
}
PULSES = [PULSE_ROWS.get(pair[0], pair) for pair in SWEEP]
END_OF_SWEEP = [("*OPC?", "1\n"), (POLL, 65), (":TRAC:DATA?", SWEPT), *AFTER_SWEEP]


def three_readings(returned):
    before, finished, readings = returned
    return not before and finished and [reading.voltage for reading in readings] == [3.0] * 3


TRANSCRIPTS = [
    Transcript("connect", lambda smu: None, [CONNECT]),
    Transcript(
        "identity",
        lambda smu: smu.identify(),
        [CONNECT, ("*IDN?", "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1248014,C30   Mar 17 2006 09:29:29/A02  /K/J")],
        lambda identity: (identity.model, identity.serial) == ("MODEL 2400", "1248014"),
    ),
    Transcript("self test", lambda smu: smu.self_test(), [CONNECT, ("*TST?", "0")], bool),
    Transcript("reset", lambda smu: smu.reset(), [CONNECT, ("*RST", None)]),
    Transcript("abort", lambda smu: smu.abort(), [CONNECT, (":ABOR", None)]),
    Transcript("status byte", lambda smu: smu.serial_poll(), [CONNECT, (POLL, 0)], lambda byte: byte == 0),
    Transcript("configure", lambda smu: smu.configure(SETTINGS), configured()),
    Transcript("configure autorange", lambda smu: smu.configure(AUTORANGE), [CONNECT, CLEAR, *configuring(AUTO_TABLE)]),
    Transcript(
        "current source with a fixed measure range",
        lambda smu: smu.configure(FIXED_CURRENT_SOURCE),
        [CONNECT, CLEAR, *configuring(FIXED_CURRENT_TABLE)],
    ),
    Transcript(
        "interlock and protection",
        lambda smu: smu.configure(changed(interlock=True, over_voltage_protection=160)),
        [
            CONNECT,
            CLEAR,
            *configuring(
                [
                    row if row[0] != ":OUTP:ENAB" else (":OUTP:ENAB", "ON", "1")
                    for place, old in enumerate(TABLE)
                    for row in [old, *([(":SOUR:VOLT:PROT", "160", "1.600000E+02")] if place == 10 else [])]
                ]
            ),
        ],
    ),
    Transcript(
        "current source",
        lambda smu: point(smu, CURRENT_SOURCE, 250.01e-6),
        [
            CONNECT,
            CLEAR,
            *configuring(CURRENT_TABLE),
            *CURRENT_ON,
            (":SOUR:CURR 0.00025;:READ?", "+2.500000E-01,+2.500000E-04,+9.910000E+37,+1.000000E+00,+3.891400E+04"),
        ],
        lambda reading: reading.current == 2.5e-4 and not reading.in_compliance,
    ),
    Transcript(
        "current source without load",
        lambda smu: point(smu, CURRENT_SOURCE, 250e-6),
        [
            CONNECT,
            CLEAR,
            *configuring(CURRENT_TABLE),
            *CURRENT_ON,
            (":SOUR:CURR 0.00025;:READ?", "+8.000000E+00,+0.000000E+00,+9.910000E+37,+1.000000E+00,+3.892200E+04"),
        ],
        lambda reading: reading.in_compliance,
        bench={"load": OpenCircuit()},
    ),
    Transcript("output on", lambda smu: energised(smu).source_enabled, [*RUNNING, (":OUTP?", "1")], bool),
    Transcript(
        "output on, interlock open",
        lambda smu: energised(smu, changed(interlock=True)),
        [
            *configured(INTERLOCK),
            *ON[:-2],
            (":OUTP?", "0"),
            CLEAR,
            *OFF,
            (":SYST:ERR?", '+802,"OUTPUT blocked by output enable"'),
            NO_ERROR,
        ],
        raises=RefusedByInstrument,
        says="output enable",
        bench={"enable_line_closed": False},
    ),
    Transcript(
        "output on, too hot",
        after(lambda smu: None),
        [
            *configured(),
            lambda host: setattr(host.twin, "over_temperature", True),
            *ON[:-2],
            (":OUTP?", "0"),
            CLEAR,
            *OFF,
            (":SYST:ERR?", '+810,"OUTPUT blocked by Over Temp"'),
            NO_ERROR,
        ],
        raises=RefusedByInstrument,
        says="Over Temp",
    ),
    Transcript(
        "output on, switched off and on before",
        after(lambda smu: None),
        [
            *configured(),
            lambda host: host.twin.power_cycle(),
            *ON[:-1],
            ("*ESR?", "128"),
            CLEAR,
            *FRESH_OFF,
        ],
        raises=PowerCycled,
        says="switched off and on",
    ),
    Transcript("output off at zero", after(lambda smu: smu.output_off()), [*RUNNING, CLEAR, *OFF]),
    Transcript("output off, not configured", lambda smu: smu.output_off(), [CONNECT, CLEAR, *FRESH_OFF]),
    Transcript(
        "output off from a level",
        lambda smu: (point(smu, level=5), smu.output_off())[1],
        [*RUNNING, (":SOUR:VOLT 5;:READ?", AT_FIVE), CLEAR, (RAMP, None), *OFF[1:]],
    ),
    Transcript(
        "output off during a reading",
        lambda smu: (point(smu, level=5), smu.trigger_same_level(), smu.output_off())[2],
        [*RUNNING, (":SOUR:VOLT 5;:READ?", AT_FIVE), (":READ?", None), CLEAR, (RAMP, None), *OFF[1:]],
    ),
    Transcript(
        "point",
        point,
        [*RUNNING, (READ, READING)],
        lambda reading: (
            (reading.voltage, reading.current, reading.status) == (3.0, 3e-3, STATUS) and not reading.in_compliance
        ),
    ),
    Transcript(
        "same level again",
        after(lambda smu: (smu.set_level(3), smu.voltage, smu.current, smu.resistance)[1:]),
        [*RUNNING, (":SOUR:VOLT 3", None), *[(":READ?", READING)] * 3],
        lambda values: values == pytest.approx((3.0, 3e-3, 1000.0)),
    ),
    Transcript(
        "compliance",
        lambda smu: point(smu, changed(compliance=0.001, measure_range=0.001)),
        [*configured(LOW_COMPLIANCE), *ON, (READ, clamped(1 << 3))],
        lambda reading: reading.in_compliance and reading.status & SmuStatus.COMPLIANCE,
    ),
    Transcript(
        "range compliance",
        lambda smu: point(smu, changed(measure_range=0.001)),
        [*configured(LOW_RANGE), *ON, (READ, clamped(1 << 16))],
        lambda reading: reading.in_compliance and reading.status & SmuStatus.RANGE_COMPLIANCE,
    ),
    Transcript(
        "overflow",
        lambda smu: (energised(smu).write(":SENS:RES:MODE MAN;:SENS:FUNC 'RES'"), smu.trigger(3), smu.read())[-1],
        [
            *RUNNING,
            (":SENS:RES:MODE MAN;:SENS:FUNC 'RES'", None),
            (READ, f"+3.000000E+00,+0.000000E+00,+9.900000E+37,+1.000000E+00,{STATUS | 1 | 1 << 13:+.6E}"),
        ],
        lambda reading: reading.over_range and reading.voltage == 3.0,
        bench={"load": OpenCircuit()},
    ),
    Transcript(
        "voltage not measured",
        lambda smu: (energised(smu).write(":SENS:FUNC:OFF 'CURR'"), smu.trigger(3), smu.read())[-1],
        [
            *RUNNING,
            (":SENS:FUNC:OFF 'CURR'", None),
            (READ, f"+3.000000E+00,+9.910000E+37,+9.910000E+37,+1.000000E+00,{STATUS & ~(1 << 12):+.6E}"),
        ],
        lambda reading: math.isnan(reading.current) and reading.voltage == 3.0,
    ),
    Transcript(
        "output switched off by hand",
        why_no_point,
        [
            *RUNNING,
            lambda host: host.twin.press_output_key(),
            (READ, None),
            (None, NOTHING),
            CLEAR,
            *OFF,
            CLEAR,
            (":SYST:ERR?", '+803,"Not permitted with OUTPUT off"'),
            NO_ERROR,
        ],
        lambda reason: "went off by itself" in reason.what and "Not permitted with OUTPUT off" in reason.what,
    ),
    Transcript(
        "output switched off by hand during a reading",
        why_no_point,
        [
            *RUNNING,
            (READ, None),
            lambda host: host.twin.press_output_key(),
            (None, NOTHING),
            CLEAR,
            *OFF,
            CLEAR,
            NO_ERROR,
            (":STAT:MEAS:COND?", "2048"),
        ],
        lambda reason: "went off by itself, or" in reason.what,
    ),
    Transcript(
        "properties",
        after(lambda smu: (smu.source_voltage, smu.source_current, smu.compliance_current, smu.compliance_voltage)),
        [
            *RUNNING,
            (":SOUR:VOLT?", "0.000000E+00"),
            (":SOUR:CURR?", "0.000000E+00"),
            (":SENS:CURR:PROT?", "2.500000E-02"),
            (":SENS:VOLT:PROT?", "2.100000E+01"),
        ],
        lambda values: values == (0.0, 0.0, 0.025, 21.0),
    ),
    Transcript(
        "setting properties",
        after(lambda smu: [setattr(smu, "source_voltage", 2), setattr(smu, "compliance_current", 0.02)]),
        [*RUNNING, (":SOUR:VOLT 2", None), (":SENS:CURR:PROT 0.02", None)],
        lambda _: True,
    ),
    Transcript(
        "not in compliance",
        after(lambda smu: smu.compliance_tripped),
        [*RUNNING, (":SENS:CURR:PROT:TRIP?", "0")],
        lambda tripped: tripped is False,
    ),
    Transcript(
        "linked list sweep",
        whole_sweep,
        [*RUNNING, *SWEEP, START, (POLL, 0), *END_OF_SWEEP],
        three_readings,
        bench={"partner": True},
    ),
    Transcript(
        "pulse from a list: base level, level, base level, where it stays",
        lambda smu: (energised(smu).program_sweep([0, 4, 0], 0.0019, linked=True), smu.start_sweep(),
                     smu.poll_sweep(10), len(smu.read_sweep()), smu.level)[2:],
        [*RUNNING, *PULSES, START, ("*OPC?", "1\n"), (":TRAC:DATA?", SWEPT), (":SOUR:VOLT 0", None), *AFTER_SWEEP[1:]],
        lambda returned: returned == (True, 3, 0.0),
        bench={"partner": True},
    ),
    Transcript(
        "free list sweep",
        lambda smu: whole_sweep(smu, linked=False),
        [*RUNNING, *FREE_SWEEP, START, (POLL, 0), *END_OF_SWEEP],
        three_readings,
    ),
    Transcript(
        "list of more than 100 levels",
        lambda smu: (energised(smu).program_sweep([3] * 102, 0.02), smu.start_sweep(), smu.poll_sweep(20),
                     len(smu.read_sweep()))[2:],
        [*RUNNING, *LONG_SWEEP, START, ("*OPC?", "1\n"), (":TRAC:DATA?", ",".join([READING] * 102)),
         (":SOUR:VOLT 3", None), *AFTER_SWEEP[1:]],
        lambda returned: returned == (True, 102),
    ),
    Transcript(
        "output off at the end of a sweep that nobody left",
        lambda smu: (sweep(smu, linked=False), smu.poll_sweep(10), smu.output_off())[1],
        [*RUNNING, *FREE_SWEEP, START, ("*OPC?", "1\n"), CLEAR, *FRESH_OFF],
        bool,
    ),
    Transcript(
        "output off at the end of a sweep that somebody else left",
        lambda smu: smu.output_off(),
        [CONNECT, lambda host: ([host.write(message) for message in LEFT_IN_SWEEP], host.read()), CLEAR, *FRESH_OFF],
    ),
    Transcript(
        "output off of a current source somebody left on",
        lambda smu: smu.output_off(),
        [CONNECT, lambda host: [host.write(message) for message in LEFT_ON], CLEAR, *FRESH_OFF],
    ),
    Transcript(
        "output off that is not confirmed",
        lambda smu: (point(smu, level=5), smu.output_off())[1],
        [*RUNNING, (":SOUR:VOLT 5;:READ?", AT_FIVE), CLEAR, (RAMP, None),
         lambda host: host.twin.press_output_key(), (":OUTP?", "1"), CLEAR, (ZERO, None), (":OUTP?", "0")],
    ),
    Transcript(
        "point after a sweep",
        lambda smu: (whole_sweep(smu, linked=False), smu.trigger(3), smu.read())[-1],
        [*RUNNING, *FREE_SWEEP, START, (POLL, 0), *END_OF_SWEEP, (READ, READING)],
        lambda reading: reading.status == STATUS,
    ),
    Transcript(
        "linked sweep whose partner is silent",
        stopped_sweep,
        [
            *RUNNING,
            *SWEEP,
            START,
            ("*OPC?", None),
            (None, NOTHING),
            CLEAR,
            *FRESH_OFF,
            (":TRAC:POIN:ACT?", "1"),
            (":TRAC:DATA?", READING),
        ],
        lambda readings: len(readings) == 1,
    ),
]  # fmt: skip

# What the instrument refuses: messages, and what its error queue says then (User's Manual, appendix B)
REFUSALS = [
    ([":FOO"], ['-113,"Undefined header"']),
    ([":FOO?"], ['-113,"Undefined header"']),
    ([":SENS:NPLC 1"], ['-113,"Undefined header"']),
    ([":SOUR:VOLTAGEANDMORE 1"], ['-112,"Program mnemonic too long"']),
    ([":SOUR3:VOLT 1"], ['-114,"Header suffix out of range"']),
    ([":SOUR::VOLT 1"], ['-102,"Syntax error"']),
    ([":SOUR!VOLT 1"], ['-101,"Invalid character"']),
    ([":SOUR:VOLT #1"], ['-120,"Numeric data error"']),
    ([":SOUR:VOLT 1E99999"], ['-123,"Exponent too large"']),
    ([":SOUR:VOLT " + "1" * 300], ['-124,"Too many digits"']),
    ([":SENS:FUNC 'VOLT"], ['-151,"Invalid string data"']),
    ([":SOUR:VOLT (1)"], ['-178,"Expression data not allowed"']),
    (["*IDN?", ":SYST:LFR 50"], ['-410,"Query INTERRUPTED"']),
    ([":CALC1:MATH:DEL 'POWER'"], ['+808,"Expression cannot be deleted"']),
    ([":SOUR:VOLT"], ['-109,"Missing parameter"']),
    ([":SOUR:VOLT 1,2"], ['-108,"Parameter not allowed"']),
    ([":SOUR:VOLT 1V"], ['-121,"Invalid character in number"']),
    ([":SOUR:VOLT ABC"], ['-141,"Invalid character data"']),
    ([":SOUR:VOLT '1'"], ['-158,"String data not allowed"']),
    ([":SENS:FUNC VOLT"], ['-148,"Character data not allowed"']),
    ([":TRIG:SOUR BUS"], ['-140,"Character data error"']),
    ([":TRIG:SOUR 1"], ['-128,"Numeric data not allowed"']),
    ([":SOUR:VOLT 300"], ['-222,"Parameter data out of range"']),
    ([":SOUR:VOLT:RANG 2", ":SOUR:VOLT 3"], ['-222,"Parameter data out of range"']),
    ([":TRIG:COUN 2000", ":ARM:COUN 2"], ['-221,"Settings conflict"']),
    ([":SOUR:LIST:VOLT " + ",".join(["1"] * 101)], ['-223,"Too much data"']),
    ([":SENS:FUNC 'POWER'"], ['-224,"Illegal parameter value"']),
    ([":FETC?"], ['-230,"Data corrupt or stale"']),
    ([":TRAC:CLE", ":TRAC:DATA?"], ['-230,"Data corrupt or stale"']),
    (["*TRG"], ['-211,"Trigger ignored"']),
    ([":CALC1:MATH (VOLT * )"], ['-260,"Expression error"']),
    ([":TRAC:FEED:CONT NEXT", ":TRAC:FEED SENS"], ['+800,"Illegal with storage active"']),
    ([":SOUR:VOLT:MODE LIST", ":OUTP ON", ":INIT"], ['+801,"Insufficient vector data"']),
    ([":READ?"], ['+803,"Not permitted with OUTPUT off"']),
    ([":INIT"], ['+803,"Not permitted with OUTPUT off"']),
    ([":SENS:CURR:PROT 0.9e-9"], ['+822,"Too small for sense range"']),
    ([":SENS:VOLT:RANG 2"], ['+823,"Invalid with source read-back on"']),
    ([":SENS:CURR:RANG 1"], ['+824,"Cannot exceed compliance range"']),
    ([":SENS:FUNC 'RES'", ":SOUR:VOLT 1"], ['+825,"Invalid with auto-ohms on"']),
    ([":SENS:CURR:PROT 1", ":SOUR:VOLT:RANG 200"], ['+826,"Attempt to exceed power limit"']),
    ([":SYST:GUAR OHMS", ":SOUR:CURR:RANG 1"], ['+827,"Invalid with ohms guard on"']),
    ([":SOUR:CURR:RANG 1", ":SYST:GUAR OHMS"], ['+828,"Invalid on 1 amp range"']),
    ([":ARM:COUN INF", ":OUTP ON", ":READ?"], ['+830,"Invalid with INF ARM:COUNT"']),
    ([":SOUR:VOLT 0;" * 160], ['-363,"Input buffer overrun"']),
    ([":FOO", ":SOUR:VOLT 300"], ['-113,"Undefined header"', '-222,"Parameter data out of range"']),
    ([":FOO"] * 11, ['-113,"Undefined header"'] * 9 + ['-350,"Queue overflow"']),
]


def provoke(messages):
    def send(smu):
        for message in messages:
            smu.write(message)
        smu.raise_errors("a test")

    return send


REFUSED = [
    Transcript(
        f"{errors[-1].split(',')[0]} {messages[0][:30]}",
        provoke(["*RST", *messages]),
        [
            CONNECT,
            ("*RST", None),
            *((message, None) for message in messages),
            *((":SYST:ERR?", error) for error in errors),
            NO_ERROR,
        ],
        raises=RefusedByInstrument,
        says=re.escape(errors[-1].split('"')[1]),
    )
    for messages, errors in REFUSALS
]


def host(load=None, partner=False, **options):
    """A 2400 on 1 kohm; ``partner``: a meter on the trigger link that takes 50 ms to answer each pulse."""
    clock, link = VirtualClock(), TriggerLink()
    fixture = TestFixture(
        clock, load or Resistor(1000.0), photodiode_from_parameters(_SHARED["shared"]), NoiseSettings.none()
    )
    if partner:
        link.subscribe(2, lambda: clock.call_after(0.05, lambda: link.pulse(1)))
    return Host(Keithley2400Twin(fixture, Keithley2400Options(**options), link), clock)


def alike(asked, wanted, came):
    """The same mnemonics, errors, settings and status words; measured numbers in the same form."""
    if asked.endswith((":READ?", ":TRAC:DATA?", ":DATA:LAT?")):
        fields, found = wanted.split(","), came.split(",")
        return len(fields) == len(found) and all(map(_alike_element, range(len(fields)), fields, found))
    return wanted == came or _number(wanted) == _number(came) is not None


def _alike_element(place, wanted, came):
    if place % 5 == 4 or float(wanted) >= 9.9e37:
        return wanted == came
    return re.fullmatch(r"[+-]\d\.\d{6}E[+-]\d\d", came) and float(came) < 9.9e37


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None
