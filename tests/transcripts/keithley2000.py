"""Keithley 2000: driver and twin held to the same exchanges (Model 2000 Quick Start Guide, 2000-903-01 Rev. C)."""

import math
import re
from dataclasses import replace

import pytest

from drivers.errors import InstrumentTimeout, PowerCycled, RefusedByDriver, RefusedByInstrument
from drivers.keithley2000.driver import DmmSettings
from drivers.simulated.clock import VirtualClock
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.keithley2000.twin import Keithley2000Options, Keithley2000Twin
from drivers.simulated.loads import OpenCircuit
from drivers.simulated.photodiode import Photodiode, linear_responsivity
from drivers.simulated.trigger_link import TriggerLink
from tests.drivers.conftest import NOTHING
from tests.support.keithley2000 import AFTER_BUFFER, NO_ERROR, PRELUDE, SETTINGS, TABLE, buffering, configuring, ready
from tests.transcripts.exchanges import CLEAR, POLL, Host, Transcript

READING, OVERFLOW = "+1.00000000E+00", "+9.90000000E+37"
THREE = ",".join([READING] * 3)
WITHOUT_REPLY = [(":READ?", None), (None, NOTHING), CLEAR]


def configured_for_current(front="1"):
    """Configuring for direct current with autorange, a filter, and the slowest speed."""
    changed = {
        ":SYST:AZER:STAT": ("OFF", "0"),
        ":SENS:FUNC": ("'CURR:DC'", '"CURR:DC"'),
        ":SENS:VOLT:DC:NPLC": ("10", "10"),
        ":SENS:VOLT:DC:DIG": ("6", "6"),
        ":SENS:VOLT:DC:AVER:COUN": ("4", "4"),
        ":SENS:VOLT:DC:AVER:STAT": ("ON", "1"),
        ":TRIG:DEL": ("0", "0"),
    }
    rows = [(command, *changed.get(command, (value, reply))) for command, value, reply in TABLE]
    rows[2] = (":SENS:VOLT:DC:RANG:AUTO", "ON", "1")
    rows = [(command.replace("SENS:VOLT", "SENS:CURR"), value, reply) for command, value, reply in rows]
    return configuring(rows, front=front)


AUTORANGE = replace(SETTINGS, range_=None)
AUTO_TABLE = [row if row[0] != ":SENS:VOLT:DC:RANG" else (":SENS:VOLT:DC:RANG:AUTO", "ON", "1") for row in TABLE]
FIXED_CURRENT = replace(SETTINGS, function="current", range_=0.05)
CURRENT_TABLE = [
    {":SENS:FUNC": (":SENS:FUNC", "'CURR:DC'", '"CURR:DC"'), ":SENS:VOLT:DC:RANG": (":SENS:CURR:DC:RANG", "0.1", "0.1")}
    .get(command, (command.replace("SENS:VOLT", "SENS:CURR"), value, reply))
    for command, value, reply in TABLE
]  # fmt: skip
CURRENT = DmmSettings("current", nplc=10, autozero=False, filter_count=4, digits=6)


def reading(dmm):
    ready(dmm).trigger()
    return dmm.read()


def after(action):
    return lambda dmm: action(ready(dmm))


def buffer(trigger, meanwhile=lambda dmm: None):
    def fill(dmm):
        ready(dmm).arm_buffer(3, trigger)
        meanwhile(dmm)
        dmm.wait_for_buffer(10)
        return dmm.buffer_full(), dmm.read_buffer()

    return fill


def pulses(host):
    """Three falling edges on the trigger link, each when the meter waits again."""
    for _ in range(3):
        host.trigger_link.pulse(2)
        host.clock.advance(1.0)


FILLED = [("*OPC?", "1"), (":STAT:MEAS?", "928"), (":TRAC:FREE?", "15312,48"), (":TRAC:DATA?", THREE), *AFTER_BUFFER]
WAITING = (":STAT:OPER:COND?", "32")


def three_readings(returned):
    full, readings = returned
    return full and [one.value for one in readings] == [1.0] * 3


def why_no_reading(dmm):
    dmm.trigger()
    with pytest.raises(InstrumentTimeout) as caught:
        dmm.read()
    return dmm.why_no_reading(caught.value)


TRANSCRIPTS = [
    Transcript("connect", lambda dmm: None, []),
    Transcript(
        "identity",
        lambda dmm: dmm.identify(),
        [("*IDN?", "KEITHLEY INSTRUMENTS INC.,MODEL 2000,1053308,A19  /A02")],
        lambda identity: (identity.serial, identity.firmware) == ("1053308", "A19  /A02"),
    ),
    Transcript("self test", lambda dmm: dmm.self_test(), [("*TST?", "0")], bool),
    Transcript("abort", lambda dmm: dmm.abort(), [(":ABOR", None)]),
    Transcript("front terminals", lambda dmm: dmm.front_terminals, [(":SYST:FRSW?", "1")], bool),
    Transcript("line frequency", lambda dmm: dmm.line_frequency, [(":SYST:LFR?", "50")], lambda found: found == 50),
    Transcript("status byte", lambda dmm: dmm.serial_poll(), [(POLL, 0)], lambda byte: byte == 0),
    Transcript("configure", lambda dmm: dmm.configure(SETTINGS), configuring()),
    Transcript("configure autorange", lambda dmm: dmm.configure(AUTORANGE), configuring(AUTO_TABLE)),
    Transcript("configure current", lambda dmm: dmm.configure(CURRENT), configured_for_current()),
    Transcript("configure a range of current", lambda dmm: dmm.configure(FIXED_CURRENT), configuring(CURRENT_TABLE)),
    Transcript(
        "current from the rear terminals",
        lambda dmm: dmm.configure(CURRENT),
        [*configured_for_current()[: len(PRELUDE) + len(TABLE) + 1], (":SYST:FRSW?", "0")],
        raises=RefusedByDriver,
        says="front",
        bench={"front_terminals": False},
    ),
    Transcript("reading", reading, [*configuring(), (":READ?", READING)], lambda one: one.value == 1.0),
    Transcript(
        "overflow",
        reading,
        [*configuring(), (":READ?", OVERFLOW)],
        lambda one: one.overflow and math.isnan(one.value),
        bench={"volts": 12.5},
    ),
    Transcript(
        "negative reading", reading, [*configuring(), (":READ?", "-1.00000000E+00")], lambda one: one.value == -1.0,
        bench={"volts": -1.0},
    ),
    Transcript(
        "reading in continuous mode",
        lambda dmm: why_no_reading(ready(dmm)),
        [
            *configuring(),
            lambda host: host.write(":INIT:CONT ON"),
            *WITHOUT_REPLY,
            (":SYST:ERR?", '-213,"Init ignored"'),
            NO_ERROR,
        ],
        lambda reason: "Init ignored" in reason.what,
    ),
    Transcript(
        "reading that waits for a trigger",
        lambda dmm: (ready(dmm).write(":TRIG:SOUR EXT"), why_no_reading(dmm))[1],
        [*configuring(), (":TRIG:SOUR EXT", None), *WITHOUT_REPLY, NO_ERROR],
        lambda reason: "no reply" in reason.what,
    ),
    Transcript(
        "configure during a reading",
        after(lambda dmm: (dmm.trigger(), dmm.configure(SETTINGS))[1]),
        [*configuring(), (":READ?", None), CLEAR, *configuring()],
    ),
    Transcript(
        "shutdown during a reading",
        after(lambda dmm: (dmm.trigger(), dmm.shutdown())[1]),
        [*configuring(), (":READ?", None), CLEAR, (":ABOR", None)],
    ),
    Transcript(
        "external triggers",
        buffer("external"),
        [*configuring(), *buffering("EXT"), WAITING, pulses, *FILLED],
        three_readings,
    ),
    Transcript(
        "bus triggers",
        buffer("bus", lambda dmm: [dmm.write("*TRG") for _ in range(3)]),
        [
            *configuring(),
            *buffering("BUS"),
            WAITING,
            *[step for _ in range(3) for step in (("*TRG", None), lambda host: host.clock.advance(1.0))],
            *FILLED,
        ],
        three_readings,
    ),
    Transcript(
        "burst", buffer("immediate"), [*configuring(), *buffering("IMM"), *FILLED], three_readings
    ),
    Transcript(
        "reading after a burst",
        lambda dmm: (buffer("immediate")(dmm), dmm.trigger(), dmm.read())[-1],
        [*configuring(), *buffering("IMM"), *FILLED, (":READ?", READING)],
        lambda one: one.value == 1.0,
    ),
    Transcript(
        "buffer without triggers",
        after(lambda dmm: (dmm.arm_buffer(3), dmm.buffer_full(), dmm.read_buffer())[1:]),
        [*configuring(), *buffering("EXT"), WAITING, (":STAT:MEAS?", "0"), (":TRAC:FREE?", "15360,0"), *AFTER_BUFFER],
        lambda returned: returned == (False, []),
    ),
    Transcript(
        "errors of a meter that was switched off and on",
        after(lambda dmm: dmm.drain_errors()),
        [*configuring(), lambda host: host.twin.power_cycle(), ("*ESR?", "128")],
        raises=PowerCycled,
        says="switched off and on",
    ),
    Transcript(
        "overflows in the buffer",
        buffer("immediate"),
        [*configuring(), *buffering("IMM"), ("*OPC?", "1"), (":STAT:MEAS?", "929"), (":TRAC:FREE?", "15312,48"),
         (":TRAC:DATA?", ",".join([OVERFLOW] * 3)), *AFTER_BUFFER],
        lambda returned: [one.overflow for one in returned[1]] == [True] * 3,
        bench={"volts": 12.5},
    ),
    Transcript(
        "buffer of a meter that does not wait",
        after(lambda dmm: dmm.arm_buffer(3)),
        [
            *configuring(),
            lambda host: host.write(":INIT:CONT ON"),
            *buffering("EXT")[:-1],
            lambda host: host.write(":TRIG:SOUR IMM"),
            (":INIT", None),
            (":STAT:OPER:COND?", "16"),
            (":SYST:ERR?", '-213,"Init ignored"'),
            NO_ERROR,
        ],
        raises=RefusedByInstrument,
        says="Init ignored",
    ),
]  # fmt: skip

# What the meter refuses: messages, and what its error queue says then
REFUSALS = [
    ([":FOO"], ['-113,"Undefined header"']),
    ([":FOO?"], ['-113,"Undefined header"']),
    ([":SENS:PRE:THR 1"], ['-113,"Undefined header"']),
    ([":SENS:FUNC"], ['-109,"Missing parameter"']),
    ([":ABOR 1"], ['-108,"Parameter not allowed"']),
    ([":SENS::FUNC 'VOLT:DC'"], ['-102,"Syntax error"']),
    ([":SENS:FUNC VOLT"], ['-148,"Character data not allowed"']),
    ([":SENS:FUNC 'POWER'"], ['-224,"Illegal parameter value"']),
    ([":SENS:FUNC 'VOLT:DC"], ['-151,"Invalid string data"']),
    ([":SENS:VOLTAGEANDMORE 1"], ['-112,"Program mnemonic too long"']),
    ([":SENS3:FUNC 'VOLT:DC'"], ['-114,"Header suffix out of range"']),
    ([":SENS:VOLT:DC:NPLC 1.2.3"], ['-121,"Invalid character in number"']),
    ([":SENS:VOLT:DC:NPLC 1E99999"], ['-123,"Exponent too large"']),
    ([":SENS:VOLT:DC:NPLC ABC"], ['-141,"Invalid character data"']),
    ([":SENS:VOLT:DC:NPLC '1'"], ['-158,"String data not allowed"']),
    ([":TRIG:SOUR 1"], ['-128,"Numeric data not allowed"']),
    ([":ROUT:CLOS (@1)"], ['-241,"Hardware missing"']),
    ([":SAMP:COUN 2;" * 400], ['-363,"Input buffer overrun"']),
    ([":TRIG:SOUR XYZ"], ['-140,"Character data error"']),
    ([":SENS:VOLT:DC:RANG 2000"], ['-222,"Parameter data out of range"']),
    ([":SENS:VOLT:DC:NPLC 11"], ['-222,"Parameter data out of range"']),
    ([":TRAC:POIN 1"], ['-222,"Parameter data out of range"']),
    ([":TRAC:POIN 1025"], ['-222,"Parameter data out of range"']),
    ([":INIT:CONT ON", ":SAMP:COUN 2"], ['-221,"Settings conflict"']),
    ([":INIT:CONT ON", ":SYST:AZER:STAT OFF"], ['-221,"Settings conflict"']),
    ([":TRAC:FEED:CONT NEXT", ":TRAC:POIN 10"], ['-221,"Settings conflict"']),
    ([":TRAC:CLE", ":TRAC:DATA?"], ['-230,"Data corrupt or stale"']),
    ([":TRIG:SOUR BUS", ":INIT", ":INIT"], ['-213,"Init ignored"']),
    ([":TRIG:SOUR MAN", ":INIT", "*TRG"], ['-211,"Trigger ignored"']),
    ([":READ?", ":SENS:VOLT:DC:NPLC 1"], ['-410,"Query interrupted"']),
    ([":INIT:CONT ON", ":READ?"], ['-213,"Init ignored"']),
    ([":FOO", ":SENS:VOLT:DC:RANG 2000"], ['-113,"Undefined header"', '-222,"Parameter data out of range"']),
    ([":FOO"] * 11, ['-113,"Undefined header"'] * 9 + ['-350,"Queue overflow"']),
]


def provoke(messages):
    def send(dmm):
        for message in messages:
            dmm.write(message)
        dmm.raise_errors("a test")

    return send


REFUSED = [
    Transcript(
        f"{errors[-1].split(',')[0]} {messages[0][:30]} ({len(messages)})",
        provoke(["*RST", *messages]),
        [
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


def host(volts=1.0, front_terminals=True):
    """A 2000 that sees ``volts``."""
    gain = 1e6
    diode = Photodiode(1e-7, linear_responsivity("6.0e-4*lambda_nm - 0.012"), gain, dark_current=volts / gain)
    fixture = TestFixture(VirtualClock(), OpenCircuit(), diode, NoiseSettings.none())
    link = TriggerLink()
    twin = Keithley2000Twin(fixture, Keithley2000Options(), link)
    twin.select_terminals(front=front_terminals)
    return Host(twin, fixture.clock, link)


def alike(asked, wanted, came):
    """The same mnemonics, errors and settings; readings in the same form, and overflow where it should be."""
    if asked in (":READ?", ":TRAC:DATA?"):
        fields, found = wanted.split(","), came.split(",")
        return len(fields) == len(found) and all(map(_alike_reading, fields, found))
    if asked == ":TRAC:FREE?":  # the size of the memory is the meter's own
        return len(came.split(",")) == 2 and came.split(",")[1] == wanted.split(",")[1]
    return wanted == came or _number(wanted) == _number(came) is not None


def _alike_reading(wanted, came):
    if float(wanted) >= 9.9e37:
        return wanted == came
    return wanted[0] == came[0] and re.fullmatch(r"[+-]\d\.\d{8}E[+-]\d\d", came) and float(came) < 9.9e37


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None
