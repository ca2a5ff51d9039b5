"""Drivers whose instruments reply anything at all: a result or an error of ours, in bounded time."""

import functools
import math
import random
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cs2000a.driver import CS2000A
from drivers.errors import InstrumentError, SettingNotTaken, UnexpectedReply
from drivers.keithley2000.driver import Keithley2000
from drivers.keithley2400.driver import Keithley2400
from drivers.keithley2400.refusals import SourceByConfigureOnly
from tests.support.public_names import (
    DMM,
    DMM_METHODS,
    DRIVERS,
    LIMITS,
    METER,
    METER_METHODS,
    METER_SETTINGS,
    SMU,
    SMU_METHODS,
    bench_with,
    carried_out,
    unharmed,
)

# PyVISA says so when a message on GPIB ends without a line feed
pytestmark = pytest.mark.filterwarnings("ignore:read string doesn't end with termination characters")


def truncated(share):
    return lambda reply: reply[: round(share * len(reply))]


def replaced(text):
    return lambda reply: text


def without_content(reply):
    return reply[-1:]


def doubled(reply):
    return reply + reply


def lost(reply):
    return None


def shuffled(seed):
    def shuffle(reply):
        fields = reply[:-1].split(b",")
        random.Random(seed).shuffle(fields)
        return b",".join(fields) + reply[-1:]

    return shuffle


def counted(wanted):
    return lambda reply: b",".join((reply[:-1].split(b",") * 3)[:wanted]) + reply[-1:]


def with_field(place, text):
    def change(reply):
        fields = reply[:-1].split(b",")
        fields[place % len(fields)] = text
        return b",".join(fields) + reply[-1:]

    return change


STRANGE = [
    b"", b" ", b"NAN", b"nan", b"INF", b"-inf", b"1E400", b"-1e308", b"9.9E37", b"+9.91E37", b"0", b"-1", b"-5", b"3",
    b"7", b"200", b"1e-320", b"9" * 400, b"9" * 5000, b"1E9", b"ER00", b"ER02", b"OK00", b"OK77", b"ER98", b"0x10",
    b"\xff\xfe", b"\xc3\xa9", b"\x00", b"7FC00000", b"7F800000", b"D1BA43B6", b"VOLT", b"CURR", b"MEM", b'"', b";",
]  # fmt: skip
FIELDS = st.builds(with_field, st.integers(0, 24), st.sampled_from(STRANGE) | st.binary(max_size=8))
DAMAGES = st.one_of(
    FIELDS,
    FIELDS,
    st.builds(truncated, st.floats(0, 1)),
    st.builds(shuffled, st.integers(0, 99)),
    st.builds(counted, st.integers(0, 30)),
    st.builds(replaced, st.binary(max_size=40)),
    st.builds(replaced, st.sampled_from([b"OK00,242\n", b"ER17\n", b"1\r", b"0\n"])),
    st.sampled_from([unharmed, without_content, doubled, lost]),
)


def levels_sent(sent):
    return [float(level) for level in re.findall(rb":SOUR:(?:VOLT|CURR) ([^;\r\n]+)", sent)]


@pytest.mark.parametrize(("driver", "methods"), [(Keithley2400, SMU_METHODS), (Keithley2000, DMM_METHODS),
                                                 (CS2000A, METER_METHODS)])  # fmt: skip
def test_no_public_name_is_left_out(driver, methods):
    parts = [part for part in driver.__mro__ if part.__module__.startswith("drivers.")]
    own = (vars(part) for part in parts if part is not SourceByConfigureOnly)  # PyMeasure reads these
    public = {name for names in own for name in names if not name.startswith("_")}
    assert public - {"models", "specification"} == {name.split(" ")[0] for name in methods}


def prepared(resource, name):
    """The line of an instrument in the state for a public name, and that name carried out; whatever it raises."""
    opened, methods = DRIVERS[resource]
    line, library = bench_with(resource)
    instrument = opened(resource, library)
    prepare, action = methods[name]
    prepare(instrument)
    line.sent.clear()
    line.replies = 0
    return line, lambda: carried_out(instrument, name.split(" ")[0], action)


@functools.cache
def replies_to(resource, name):
    """How many replies there are when nothing is damaged."""
    line, carry_out = prepared(resource, name)
    with suppress(InstrumentError):
        carry_out()
    return line.replies


METER_DIGITS, DIGITS = b"9" * 400, b"9" * 5000
# Resource, public name, how many replies come undamaged, and the damage that once led to somebody else's exception
FOUND = [
    (DMM, "buffer_full", 0, with_field(0, b"NAN")),
    (DMM, "buffer_full", 0, with_field(0, b"INF")),
    (DMM, "buffer_full", 0, with_field(0, b"-1")),
    (DMM, "waiting_for_trigger", 0, with_field(0, b"NAN")),
    (DMM, "waiting_for_trigger", 0, with_field(0, DIGITS)),
    (DMM, "arm_buffer", 1, with_field(0, b"INF")),
    (DMM, "read_buffer", 0, with_field(1, b"nan")),
    (DMM, "line_frequency", 0, with_field(0, b"1E400")),
    (DMM, "line_frequency", 0, with_field(0, b"0")),
    (DMM, "configure", 19, replaced(b"0\n")),
    (DMM, "configure", 19, replaced(b"1e-320\n")),
    (DMM, "configure", 19, replaced(b"-50\n")),
    (DMM, "self_test", 0, with_field(0, b"NAN")),
    (SMU, "ramp_to_zero", 0, with_field(0, b"NAN")),
    (SMU, "ramp_to_zero", 0, with_field(0, b"-inf")),
    (SMU, "stop_sweep", 1, with_field(0, b"NAN")),
    (SMU, "stop_sweep", 1, with_field(0, b"-5")),
    (SMU, "stop_sweep", 1, with_field(0, b"0.5")),
    (SMU, "stop_sweep", 1, with_field(0, b"9.9E37")),
    (SMU, "stop_sweep", 1, with_field(0, b"2501")),
    (SMU, "source_voltage", 0, with_field(0, DIGITS)),
    (METER, "start", 0, with_field(1, METER_DIGITS)),
    (METER, "start", 0, with_field(1, DIGITS)),
    (METER, "wait from the start", 0, with_field(1, METER_DIGITS)),
    (METER, "conditions", 0, with_field(3, METER_DIGITS)),
    (METER, "conditions", 0, with_field(3, DIGITS)),
    (METER, "colorimetry", 0, with_field(2, b"INF")),
    (METER, "read_spectrum", 1, with_field(7, b"7F800000")),
]


@pytest.mark.parametrize(("resource", "name", "good", "damage"), FOUND)
def test_a_reply_that_is_no_number_of_this_kind_is_unexpected(resource, name, good, damage):
    line, carry_out = prepared(resource, name)
    line.damages = iter([unharmed] * good + [damage])
    with pytest.raises(UnexpectedReply):
        carry_out()
    assert not any(levels_sent(bytes(line.sent)))


def test_a_setting_answered_by_endless_digits_is_not_taken():
    line, library = bench_with(METER)
    meter = CS2000A(METER, visa_library=library)
    endless = with_field(1, DIGITS)
    line.damages = iter([unharmed, unharmed, endless, unharmed, endless])
    with pytest.raises(SettingNotTaken):
        meter.configure(METER_SETTINGS)


@pytest.mark.parametrize("resource", DRIVERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_is_replied_it_is_a_result_or_an_error_of_ours(resource, data):
    name = data.draw(st.sampled_from(sorted(DRIVERS[resource][1])))
    good = data.draw(st.integers(0, max(replies_to(resource, name) - 1, 0)))
    damages = data.draw(st.lists(DAMAGES, min_size=1, max_size=12))
    line, carry_out = prepared(resource, name)
    line.damages = iter([unharmed] * good + damages)
    with suppress(InstrumentError):  # errors of ours are as good as a result
        carry_out()
    assert all(math.isfinite(level) and abs(level) <= LIMITS.voltage for level in levels_sent(bytes(line.sent)))
