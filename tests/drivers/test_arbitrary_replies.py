"""Drivers whose instruments reply anything at all: a result or an error of ours, in bounded time."""

import functools
import math
import random
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cs2000a.driver import CS2000A, SpectroradiometerSettings
from drivers.errors import InstrumentError, SettingNotTaken, UnexpectedReply
from drivers.keithley2000.driver import DmmSettings, Keithley2000
from drivers.keithley2400.driver import Keithley2400, SmuLimits, SmuSettings
from drivers.keithley2400.refusals import SourceByConfigureOnly
from drivers.simulated.bench import SimulatedBenchOptions, build_simulated_bench
from drivers.simulated.visa import SimulatedVisaLibrary

# PyVISA says so when a message on GPIB ends without a line feed
pytestmark = pytest.mark.filterwarnings("ignore:read string doesn't end with termination characters")

SMU, DMM, METER = "GPIB0::24::INSTR", "GPIB0::16::INSTR", "ASRL3::INSTR"
SMU_SETTINGS = SmuSettings(source="voltage", max_level=8.0, compliance=0.025, measure_range=0.025)
DMM_SETTINGS = DmmSettings(range_=10)
METER_SETTINGS = SpectroradiometerSettings(external_nd="1/10")
LIMITS = SmuLimits(voltage=20, current=0.1)
MOST_OPERATIONS = 30_000  # of the VISA library: some 4000 for one flush of a line that never becomes quiet


class Damaged:
    """A twin whose replies are damaged on their way, each by the next of ``damages``."""

    def __init__(self, twin):
        self.twin = twin
        self.damages = iter(())
        self.sent = bytearray()
        self.replies = 0
        self._pending = None

    def __getattr__(self, name):
        return getattr(self.twin, name)

    def receive(self, data, *, end=False):
        self.sent += data
        self.twin.receive(data, end=end)

    def device_clear(self):
        self._pending = None
        self.twin.device_clear()

    def transmit(self, limit=None):
        if self._pending is None:
            reply, complete = self.twin.transmit()
            self.replies += complete
            self._pending = next(self.damages, unharmed)(reply) if complete else None
        if self._pending is None:
            return b"", False
        data, rest = self._pending[:limit], self._pending[len(self._pending[:limit]) :]
        self._pending = rest or None
        return data, not rest


def unharmed(reply):
    return reply


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


def energised(smu):
    smu.configure(SMU_SETTINGS)
    smu.output_on()
    smu.set_level(5.0)


def swept(smu):
    energised(smu)
    smu.program_sweep([0, 2, 4], 0.01)


def sweeping(smu):
    swept(smu)
    smu.start_sweep()


def sweep_over(smu):
    sweeping(smu)
    assert smu.poll_sweep(5)


def triggered(smu):
    energised(smu)
    smu.trigger(3.0)


def untouched(instrument):
    pass


def configured(meter):
    meter.configure(DMM_SETTINGS)


def reading(meter):
    configured(meter)
    meter.trigger()


def storing(meter):
    configured(meter)
    meter.arm_buffer(3, "immediate")


def introduced(meter):
    meter.identify()


def measuring(meter):
    introduced(meter)
    meter.start()


def measured(meter):
    measuring(meter)
    meter.wait()


def setting(name, value):
    return lambda instrument: setattr(instrument, name, value)


# Public name: in what state it is used, and how; a name of its own means reading the property or calling it
SMU_METHODS = {
    "abort": (triggered, None),
    "ask": (untouched, lambda smu: smu.ask(":OUTP?")),
    "compliance_current": (energised, None),
    "compliance_current =": (energised, setting("compliance_current", 0.01)),
    "compliance_tripped": (energised, None),
    "compliance_voltage": (energised, None),
    "compliance_voltage =": (energised, setting("compliance_voltage", 10)),
    "configure": (untouched, lambda smu: smu.configure(SMU_SETTINGS)),
    "configure again": (triggered, lambda smu: smu.configure(SMU_SETTINGS)),
    "current": (energised, None),
    "device_clear": (triggered, None),
    "drain_errors": (energised, None),
    "error_queue": (energised, None),
    "identify": (untouched, None),
    "known_level": (energised, None),
    "level": (energised, None),
    "limits": (untouched, None),
    "limits =": (untouched, setting("limits", LIMITS)),
    "output_off": (energised, None),
    "output_off of another": (untouched, lambda smu: smu.output_off()),
    "output_on": (lambda smu: smu.configure(SMU_SETTINGS), None),
    "overdue": (triggered, None),
    "poll": (triggered, lambda smu: smu.poll(5)),
    "poll_sweep": (sweeping, lambda smu: smu.poll_sweep(5)),
    "program_sweep": (energised, lambda smu: smu.program_sweep([0, 2, 4], 0.01)),
    "raise_errors": (energised, lambda smu: smu.raise_errors("nothing")),
    "ramp_to_zero": (energised, None),
    "read": (triggered, None),
    "read_sweep": (sweep_over, None),
    "reading_patience": (triggered, None),
    "reset": (triggered, None),
    "resistance": (energised, None),
    "self_test": (untouched, None),
    "serial_poll": (untouched, None),
    "set_level": (energised, lambda smu: smu.set_level(2)),
    "settings": (energised, None),
    "shutdown": (energised, None),
    "source_current": (energised, None),
    "source_current =": (energised, setting("source_current", 1e-3)),
    "source_enabled": (energised, None),
    "source_enabled =": (energised, setting("source_enabled", False)),
    "source_voltage": (energised, None),
    "source_voltage =": (energised, setting("source_voltage", 3)),
    "start_sweep": (swept, None),
    "stop_sweep": (sweeping, None),
    "sweep_finished": (sweeping, None),
    "trigger": (energised, lambda smu: smu.trigger(2.0)),
    "trigger_same_level": (energised, None),
    "voltage": (energised, None),
    "why_no_reading": (triggered, lambda smu: smu.why_no_reading(smu.overdue())),
}
DMM_METHODS = {
    "abort": (reading, None),
    "arm_buffer": (configured, lambda meter: meter.arm_buffer(3)),
    "ask": (untouched, lambda meter: meter.ask(":TRIG:COUN?")),
    "buffer_full": (storing, None),
    "configure": (untouched, lambda meter: meter.configure(DMM_SETTINGS)),
    "device_clear": (reading, None),
    "drain_errors": (configured, None),
    "error_queue": (configured, None),
    "front_terminals": (untouched, None),
    "identify": (untouched, None),
    "line_frequency": (untouched, None),
    "overdue": (reading, None),
    "poll": (reading, lambda meter: meter.poll(5)),
    "raise_errors": (configured, lambda meter: meter.raise_errors("nothing")),
    "read": (reading, None),
    "read_buffer": (storing, None),
    "reading_patience": (reading, None),
    "self_test": (untouched, None),
    "serial_poll": (untouched, None),
    "settings": (configured, None),
    "shutdown": (reading, None),
    "trigger": (configured, None),
    "wait_for_buffer": (storing, lambda meter: meter.wait_for_buffer(5)),
    "waiting_for_trigger": (storing, None),
    "why_no_reading": (reading, lambda meter: meter.why_no_reading(meter.overdue())),
}
METER_METHODS = {
    "cancel": (measuring, None),
    "colorimetry": (measured, None),
    "conditions": (measured, None),
    "configure": (introduced, lambda meter: meter.configure(METER_SETTINGS)),
    "expected_duration": (measuring, None),
    "exposure_times": (measured, None),
    "identify": (untouched, None),
    "local": (introduced, None),
    "measuring_angle": (introduced, None),
    "poll": (measuring, lambda meter: [meter.poll(5) for _ in range(9)]),
    "poll from the start": (introduced, lambda meter: (meter.trigger(), [meter.poll(5) for _ in range(9)])),
    "read_spectrum": (measured, lambda meter: meter.read_spectrum().mismatch),
    "remote": (untouched, None),
    "settings": (introduced, None),
    "shutdown": (measuring, None),
    "silent": (measuring, None),
    "start": (introduced, None),
    "trigger": (introduced, None),
    "wait": (measuring, None),
    "wait from the start": (introduced, lambda meter: (meter.trigger(), meter.wait())),
}
DRIVERS = {
    SMU: (lambda name, library: Keithley2400(name, limits=LIMITS, visa_library=library), SMU_METHODS),
    DMM: (lambda name, library: Keithley2000(name, visa_library=library), DMM_METHODS),
    METER: (lambda name, library: CS2000A(name, visa_library=library), METER_METHODS),
    "ASRL1::INSTR": (lambda name, library: Keithley2400(name, limits=LIMITS, visa_library=library), SMU_METHODS),
    "ASRL2::INSTR": (lambda name, library: Keithley2000(name, visa_library=library), DMM_METHODS),
}


def carried_out(instrument, name, action):
    """Call a public method, or read a property."""
    if action is not None:
        action(instrument)
    elif callable(found := getattr(instrument, name)):
        found()


def bounded(number, resource, operation):
    assert number < MOST_OPERATIONS, f"{operation} again and again"


def bench_with(resource):
    """A bench whose instrument at ``resource`` is connected over a line that can be damaged."""
    serial = resource in ("ASRL1::INSTR", "ASRL2::INSTR")
    smu, dmm = ("ASRL1::INSTR", "ASRL2::INSTR") if serial else (SMU, DMM)
    load = {"load": "resistor", "resistance_ohm": 1e3}
    bench = build_simulated_bench(SimulatedBenchOptions(load, noise=False, smu=smu, photodiode_meter=dmm))
    line = Damaged(bench.twins[resource])
    return line, SimulatedVisaLibrary(bench.clock, {resource: line}, bounded)


def levels_sent(sent):
    return [float(level) for level in re.findall(rb":SOUR:(?:VOLT|CURR) ([^;\r\n]+)", sent)]


@pytest.mark.parametrize(("driver", "methods"), [(Keithley2400, SMU_METHODS), (Keithley2000, DMM_METHODS),
                                                 (CS2000A, METER_METHODS)])  # fmt: skip
def test_no_public_name_is_left_out(driver, methods):
    parts = [part for part in driver.__mro__ if part.__module__.startswith("drivers.")]
    own = (vars(part) for part in parts if part is not SourceByConfigureOnly)  # PyMeasure reads these
    public = {name for names in own for name in names if not name.startswith("_")}
    assert public - {"models"} == {name.split(" ")[0] for name in methods}


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
