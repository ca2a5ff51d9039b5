"""The in-process VISA library: what PyVISA and pymeasure find at its end, and what time costs."""

import gc
import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import pyvisa
from pymeasure.adapters import VISAAdapter
from pyvisa.constants import BufferOperation, EventMechanism, EventType, RENLineOperation, SerialTermination, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError

from drivers.simulated.bench import SimulatedBenchOptions, build_simulated_bench
from drivers.simulated.clock import VirtualClock
from drivers.simulated.cs2000a.twin import CS2000ATwin
from drivers.simulated.fixture import AmbientLight, NoiseSettings, TestFixture
from drivers.simulated.loads import OpenCircuit, Resistor
from drivers.simulated.photodiode import Photodiode
from drivers.simulated.visa import SimulatedVisaLibrary

GPIB, SERIAL, SOCKET = "GPIB0::24::INSTR", "ASRL3::INSTR", "TCPIP0::bench::5025::SOCKET"


class EchoTwin:
    """Sends each message back after ``delay`` seconds and remembers what the bus did to it."""

    def __init__(self, clock, delay=0.0, terminator=b"\n"):
        self.clock = clock
        self.delay = delay
        self.terminator = terminator
        self.received = []
        self.output = []
        self.log = []
        self.service_request = False

    def receive(self, data, *, end=False):
        self.received.append((data, end))
        reply = data.rstrip(b"\r\n") + self.terminator
        if self.delay:
            self.clock.call_after(self.delay, lambda: self.output.append(reply))
        else:
            self.output.append(reply)

    def transmit(self, limit=None):
        if not self.output:
            return b"", False
        reply = self.output.pop(0)
        if limit is None or len(reply) <= limit:
            return reply, True
        self.output.insert(0, reply[limit:])
        return reply[:limit], False

    def talk_with_nothing_to_say(self):
        self.log.append("nothing to say")

    def device_clear(self):
        self.log.append("clear")
        self.output.clear()

    def group_execute_trigger(self):
        self.log.append("trigger")

    def go_to_local(self):
        self.log.append("local")

    def serial_poll(self):
        status = 0x40 if self.service_request else 0
        self.service_request = False
        return status


class Link:
    """A library over echoing twins and a manager on it."""

    def __init__(self, delay=0.0, before_operation=None):
        self.clock = VirtualClock()
        self.twins = {name: EchoTwin(self.clock, delay) for name in (GPIB, "GPIB0::16::INSTR", SERIAL, SOCKET)}
        self.library = SimulatedVisaLibrary(self.clock, self.twins, before_operation)
        self.manager = pyvisa.ResourceManager(self.library)

    def open(self, name=GPIB, **settings):
        settings = {"write_termination": "\n", "read_termination": "\n", **settings}
        return self.manager.open_resource(name, **settings)


@pytest.fixture
def link():
    made = Link()
    yield made
    made.manager.close()


def status_of(raised):
    return raised.value.error_code


# opening


def test_resources_are_listed_by_expression(link):
    assert link.manager.list_resources() == (GPIB, "GPIB0::16::INSTR", SERIAL)
    assert link.manager.list_resources("?*") == (GPIB, "GPIB0::16::INSTR", SERIAL, SOCKET)
    assert link.manager.list_resources("GPIB?*::16::INSTR") == ("GPIB0::16::INSTR",)


def test_unknown_resource_is_not_found(link):
    with pytest.raises(VisaIOError) as raised:
        link.open("GPIB0::9::INSTR")
    assert status_of(raised) == StatusCode.error_resource_not_found


def test_senseless_resource_name(link):
    with pytest.raises(VisaIOError) as raised:
        link.manager.open_bare_resource("nonsense::1::2::3")
    assert status_of(raised) == StatusCode.error_invalid_resource_name


def test_short_name_is_the_same_resource(link):
    assert link.open("GPIB::24").query("hello") == "hello"


@pytest.mark.parametrize("name", [GPIB, SERIAL, SOCKET])
def test_each_kind_of_interface_answers(link, name):
    resource = link.open(name)
    assert resource.query("*IDN?") == "*IDN?"
    assert resource.resource_name == name


def test_closed_resource_refuses(link):
    resource = link.open()
    resource.close()
    with pytest.raises(InvalidSession):
        resource.write("x")


def test_closing_the_manager_ends_every_session(link):
    resource = link.open()
    session = resource.session
    link.manager.close()
    with pytest.raises(VisaIOError) as raised:
        link.library.write(session, b"x")
    assert status_of(raised) == StatusCode.error_invalid_object


def test_libraries_share_nothing():
    first, second = Link(), Link(delay=0.5)
    assert first.manager is not second.manager
    assert first.library is not second.library
    one, two = first.open(), second.open()
    assert one.query("a") == "a"
    assert two.query("b") == "b"
    assert (first.clock.now(), second.clock.now()) == (0.0, 0.5)
    assert first.library.operations == second.library.operations == 3
    assert not first.twins[GPIB].log
    first.manager.close()
    assert two.query("c") == "c"
    second.manager.close()


def test_two_sessions_on_one_instrument(link):
    one, two = link.open(), link.open()
    one.write("question")
    assert two.read() == "question"


def test_nothing_is_left_behind_for_the_collector():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        link = Link()
        resource = link.open()
        resource.query("x")
        del resource, link
        gc.collect()


# messages and their ends


def test_end_goes_with_the_last_byte_on_gpib_only(link):
    link.open().write("a")
    link.open(send_end=False).write("b")
    link.open(SERIAL).write("c")
    link.open(SOCKET).write("d")
    assert link.twins[GPIB].received == [(b"a\n", True), (b"b\n", False)]
    assert link.twins[SERIAL].received == [(b"c\n", False)]
    assert link.twins[SOCKET].received == [(b"d\n", False)]


def test_end_stops_a_gpib_read_without_termination_character(link):
    resource = link.open(read_termination=None)
    resource.write("two\nlines")
    assert resource.read_raw() == b"two\nlines\n"


def test_termination_character_stops_a_gpib_read_before_the_end(link):
    resource = link.open()
    resource.write("two\nlines")
    assert resource.read() == "two"
    assert link.library.get_last_status_in_session(resource.session) == StatusCode.success_termination_character_read
    assert resource.read() == "lines"
    assert link.library.get_last_status_in_session(resource.session) == StatusCode.success


def test_counted_reads(link):
    for name in (GPIB, SERIAL, SOCKET):
        resource = link.open(name)
        resource.write("0123456789")
        assert resource.read_bytes(4) == b"0123"
        assert link.library.get_last_status_in_session(resource.session) == StatusCode.success_max_count_read
        assert resource.read_bytes(7) == b"456789\n"


def test_long_reply_in_chunks(link):
    resource = link.open(chunk_size=20)
    text = "x" * 95
    assert resource.query(text) == text


def test_two_serial_replies_come_one_at_a_time(link):
    resource = link.open(SERIAL)
    resource.write("one")
    resource.write("two")
    assert resource.bytes_in_buffer == 8
    assert resource.read() == "one"
    assert resource.bytes_in_buffer == 4
    assert resource.read() == "two"


def test_carriage_return_as_termination(link):
    link.twins[SERIAL].terminator = b"\r"
    resource = link.open(SERIAL, read_termination="\r", write_termination="\r")
    assert resource.query("hello") == "hello"


def test_serial_line_without_any_termination_waits_for_the_count(link):
    resource = link.open(SERIAL, read_termination=None, end_input=SerialTermination.none, timeout=300)
    resource.write("abc")
    with pytest.raises(VisaIOError) as raised:
        resource.read_raw()
    assert status_of(raised) == StatusCode.error_timeout
    assert link.clock.now() == pytest.approx(0.3)
    resource.write("abc")
    assert resource.read_bytes(4) == b"abc\n"


def test_socket_that_does_not_suppress_end_returns_what_is_there(link):
    resource = link.open(SOCKET, read_termination=None)
    resource.set_visa_attribute(pyvisa.constants.ResourceAttribute.suppress_end_enabled, False)
    resource.write("abc")
    assert resource.read_raw() == b"abc\n"


def test_replies_sent_to_a_closed_port_are_lost(link):
    link.twins[SERIAL].output.append(b"stale\n")
    link.twins[GPIB].output.append(b"waiting\n")
    assert link.open(SERIAL).query("fresh") == "fresh"
    assert link.open(GPIB).read() == "waiting"


# time


def test_a_read_costs_the_time_the_instrument_takes():
    link = Link(delay=0.02)
    resource = link.open()
    for count in range(1, 4):
        resource.query("x")
        assert link.clock.now() == pytest.approx(0.02 * count)


def test_time_out_is_exact_and_leaves_the_instrument_unheard():
    link = Link(delay=5.0)
    resource = link.open(timeout=1500)
    resource.write("slow")
    with pytest.raises(VisaIOError) as raised:
        resource.read()
    assert status_of(raised) == StatusCode.error_timeout
    assert link.clock.now() == 1.5
    assert link.twins[GPIB].log == ["nothing to say"]
    resource.timeout = 10000
    assert resource.read() == "slow"
    assert link.clock.now() == 5.0


def test_reply_at_the_very_moment_of_the_time_out_is_taken():
    link = Link(delay=2.0)
    assert link.open(timeout=2000).query("just") == "just"


def test_serial_time_out_tells_nobody():
    link = Link()
    resource = link.open(SERIAL, timeout=100)
    with pytest.raises(VisaIOError):
        resource.read()
    assert link.clock.now() == pytest.approx(0.1)
    assert link.twins[SERIAL].log == []


def test_immediate_time_out_looks_once(link):
    resource = link.open(timeout=0)
    with pytest.raises(VisaIOError):
        resource.read()
    assert link.clock.now() == 0.0
    assert resource.query("x") == "x"


def test_infinite_time_out_waits_as_long_as_anything_can_happen():
    link = Link(delay=1e6)
    resource = link.open(timeout=None)
    assert resource.query("late") == "late"
    assert link.clock.now() == 1e6
    with pytest.raises(VisaIOError) as raised:
        resource.read()
    assert status_of(raised) == StatusCode.error_timeout
    assert link.clock.now() == 1e6


def test_events_on_the_way_are_run_in_order():
    link = Link(delay=1.0)
    seen = []
    for moment in (0.7, 0.3, 1.4):
        link.clock.call_at(moment, lambda moment=moment: seen.append(moment))
    link.open().query("x")
    assert seen == [0.3, 0.7]


# the bus


def test_serial_poll_clear_and_trigger(link):
    resource = link.open()
    twin = link.twins[GPIB]
    assert resource.read_stb() == 0
    twin.service_request = True
    assert (resource.read_stb(), resource.read_stb()) == (0x40, 0)
    resource.assert_trigger()
    resource.write("x")
    resource.clear()
    assert twin.log == ["trigger", "clear"]
    assert twin.output == []


def test_clear_drops_the_rest_of_a_message_half_read(link):
    resource = link.open()
    resource.write("two\nlines")
    assert resource.read() == "two"
    resource.clear()
    assert resource.query("new") == "new"


def test_serial_lines_have_no_bus(link):
    resource = link.open(SERIAL)
    for operation in (resource.read_stb, resource.assert_trigger):
        with pytest.raises(VisaIOError) as raised:
            operation()
        assert status_of(raised) == StatusCode.error_nonsupported_operation
    resource.write("old")
    resource.clear()
    assert resource.query("new") == "new"
    assert link.twins[SERIAL].log == []


def test_flush_drops_what_was_received(link):
    resource = link.open(SERIAL)
    resource.write("old")
    resource.flush(BufferOperation.discard_read_buffer)
    assert resource.bytes_in_buffer == 0
    resource.write("kept")
    resource.flush(BufferOperation.flush_write_buffer)
    assert resource.read() == "kept"


def test_wait_for_service_request(link):
    resource = link.open()
    twin = link.twins[GPIB]
    link.clock.call_at(3.0, lambda: setattr(twin, "service_request", True))
    resource.wait_for_srq(10000)
    assert link.clock.now() == 3.0
    assert not twin.service_request


def test_waiting_for_a_service_request_times_out(link):
    resource = link.open()
    resource.enable_event(EventType.service_request, EventMechanism.queue)
    with pytest.raises(VisaIOError) as raised:
        resource.wait_on_event(EventType.service_request, 700)
    assert status_of(raised) == StatusCode.error_timeout
    assert link.clock.now() == pytest.approx(0.7)
    assert resource.wait_on_event(EventType.service_request, 100, capture_timeout=True).timed_out


def test_events_must_be_enabled(link):
    resource = link.open()
    with pytest.raises(VisaIOError) as raised:
        resource.wait_on_event(EventType.service_request, 100)
    assert status_of(raised) == StatusCode.error_not_enabled
    resource.enable_event(EventType.service_request, EventMechanism.queue)
    resource.disable_event(EventType.service_request, EventMechanism.queue)
    with pytest.raises(VisaIOError):
        resource.wait_on_event(EventType.service_request, 100)
    with pytest.raises(VisaIOError) as raised:
        resource.enable_event(EventType.service_request, EventMechanism.handler)
    assert status_of(raised) == StatusCode.error_nonsupported_mechanism


def test_remote_enable_and_going_to_local(link):
    resource = link.open()
    assert resource.control_ren(RENLineOperation.asrt) == StatusCode.success
    resource.control_ren(RENLineOperation.address_gtl)
    assert link.twins[GPIB].log == ["local"]


def test_group_trigger_of_two_instruments(link):
    interface = link.manager.open_resource("GPIB0::INTFC")
    interface.group_execute_trigger(link.open(GPIB), link.open("GPIB0::16::INSTR"))
    assert link.twins[GPIB].log == link.twins["GPIB0::16::INSTR"].log == ["trigger"]
    assert link.twins[SERIAL].log == []


def test_clearing_the_addressed_or_all_instruments(link):
    interface = link.manager.open_resource("GPIB0::INTFC")
    interface.send_command(b"\x3f\x30\x04")  # UNL, listen address 16, SDC
    assert link.twins["GPIB0::16::INSTR"].log == ["clear"]
    interface.send_command(b"\x14")  # DCL
    assert link.twins["GPIB0::16::INSTR"].log == ["clear", "clear"]
    assert link.twins[GPIB].log == ["clear"]
    with pytest.raises(VisaIOError):
        link.library.write(interface.session, b"x")


# attributes


def test_attributes_of_a_serial_port(link):
    resource = link.open(SERIAL, baud_rate=115200, data_bits=8, timeout=20000)
    resource.parity = pyvisa.constants.Parity.even
    resource.stop_bits = pyvisa.constants.StopBits.two
    resource.flow_control = pyvisa.constants.ControlFlow.rts_cts
    assert (resource.baud_rate, resource.timeout) == (115200, 20000)
    assert resource.parity == pyvisa.constants.Parity.even


def test_attributes_of_a_gpib_device(link):
    resource = link.open()
    assert resource.primary_address == 24
    assert resource.interface_type == pyvisa.constants.InterfaceType.gpib
    assert resource.timeout == 2000
    assert link.open().timeout == 2000


def test_attribute_of_another_kind_of_session(link):
    resource = link.open()
    with pytest.raises(VisaIOError) as raised:
        resource.set_visa_attribute(pyvisa.constants.ResourceAttribute.asrl_baud_rate, 9600)
    assert status_of(raised) == StatusCode.error_nonsupported_attribute


# the seam for faults


def test_operations_are_counted_and_can_fail():
    calls = []

    def unplugged_at_three(number, resource, operation):
        calls.append((number, resource, operation))
        if number == 3:
            raise VisaIOError(StatusCode.error_connection_lost)

    link = Link(before_operation=unplugged_at_three)
    resource = link.open()
    resource.write("x")
    with pytest.raises(VisaIOError) as raised:
        resource.read()
    assert status_of(raised) == StatusCode.error_connection_lost
    assert resource.read() == "x"
    assert calls == [(1, GPIB, "open"), (2, GPIB, "write"), (3, GPIB, "read"), (4, GPIB, "read")]
    assert link.library.operations == 4


# with real clients


def spectroradiometer():
    clock = VirtualClock()
    fixture = TestFixture(clock, OpenCircuit(), Photodiode(0.0, [0.0] * 401, 1.0), NoiseSettings.none())
    return clock, SimulatedVisaLibrary(clock, {SERIAL: CS2000ATwin(fixture)})


def test_pymeasure_talks_to_the_spectroradiometer():
    clock, library = spectroradiometer()
    adapter = VISAAdapter(SERIAL, visa_library=library, write_termination="\n", read_termination="\n", timeout=20000)
    adapter.write("RMTS,2")
    assert adapter.read() == "OK00"
    adapter.write("MEAS,1")
    assert adapter.read() == "OK00,004"
    adapter.write("MEDR,1,1,1")
    assert adapter.read() == "ER02"
    assert adapter.read() == "OK00"
    assert clock.now() == pytest.approx(6.0, abs=0.1)
    adapter.write("MEDR,1,1,4")
    assert len(adapter.read_bytes(-1, break_on_termchar=True)) == 914
    adapter.close()


def test_several_adapters_share_one_library():
    link = Link()
    first = VISAAdapter(GPIB, visa_library=link.library, write_termination="\n", read_termination="\n")
    second = VISAAdapter("GPIB0::16::INSTR", visa_library=link.library, write_termination="\n", read_termination="\n")
    first.write("a")
    second.write("b")
    assert (first.read(), second.read()) == ("a", "b")


# the whole bench

PARAMETERS = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text())
LIQ = {**PARAMETERS["devices"][2], "shared": PARAMETERS["shared"]}


class Instruments:
    """The three instruments of a bench, opened and in remote."""

    def __init__(self, **options):
        self.options = SimulatedBenchOptions(**{"load": LIQ, **options})
        self.bench = build_simulated_bench(self.options)
        manager = pyvisa.ResourceManager(self.bench.library)
        ends = {"write_termination": "\n", "read_termination": "\n", "timeout": 30000}
        self.smu, self.dmm, self.meter = (
            manager.open_resource(name, **ends) if name else None
            for name in (self.options.smu, self.options.photodiode_meter, self.options.spectroradiometer)
        )
        if self.meter:
            self.meter.query("RMTS,2")
            self.meter.query("SPMS,0,2")

    def drive(self, volts):
        for message in (
            "*RST",
            ":SENS:FUNC 'VOLT','CURR'",
            ":SENS:CURR:PROT 0.05",
            ":SENS:CURR:RANG 0.05",
            f":SOUR:VOLT {volts}",
            ":OUTP ON",
        ):
            self.smu.write(message)
        return [float(value) for value in self.smu.query("READ?").split(",")]


def test_three_instruments_look_at_one_device():
    bench = Instruments(noise=False)
    voltage, current = bench.drive(6.0)[:2]
    assert voltage == pytest.approx(6.0, abs=2e-3)
    assert current == pytest.approx(1.5916474e-3, abs=5e-7)
    bench.dmm.write("*RST")
    assert float(bench.dmm.query("READ?")) == pytest.approx(1.10979408 + 1e-4, abs=1e-5)
    assert bench.meter.query("MEAS,1").startswith("OK00,")
    assert bench.meter.read() == "OK00"
    assert float(bench.meter.query("MEDR,2,0,101").split(",")[1]) == pytest.approx(2604.24, rel=1e-4)
    bench.smu.write(":OUTP OFF")
    assert float(bench.dmm.query("READ?")) == pytest.approx(1e-4, abs=1e-5)


def readings(seed):
    bench = Instruments(seed=seed)
    first = bench.drive(6.0)[:2]
    bench.dmm.write("*RST")
    second = bench.dmm.query("READ?")
    bench.meter.query("MEAS,1")
    bench.meter.read()
    return first, second, bench.meter.query("MEDR,1,1,2")


def test_noise_is_repeated_by_its_seed():
    assert readings(1) == readings(1)
    (driven, _, spectrum), (driven_otherwise, _, other_spectrum) = readings(1), readings(2)
    assert driven != driven_otherwise
    assert spectrum != other_spectrum


def test_instant_bench_needs_no_time():
    bench = Instruments(instant=True)
    bench.drive(5.0)
    bench.dmm.write("*RST")
    bench.dmm.query("READ?")
    bench.meter.query("MEAS,1")
    bench.meter.read()
    assert bench.bench.clock.now() == 0.0


def test_keithleys_on_a_serial_port_and_a_socket():
    names = {"smu": "ASRL1::INSTR", "photodiode_meter": "TCPIP0::bench::5025::SOCKET", "spectroradiometer": None}
    bench = Instruments(**names)
    bench.smu.write_termination = bench.smu.read_termination = "\r"
    assert "MODEL 2400" in bench.smu.query("*IDN?")
    assert "MODEL 2000" in bench.dmm.query("*IDN?")
    assert set(bench.bench.twins) == {"ASRL1::INSTR", "TCPIP0::bench::5025::SOCKET"}


@pytest.mark.parametrize(
    ("load", "voltage", "current"),
    [
        ({"load": "resistor", "resistance_ohm": 1e3}, 2.0, 2e-3),
        (Resistor(500.0), 2.0, 4e-3),
        ({"load": "open_circuit"}, 2.0, 0.0),
        ({"load": "short_circuit"}, 0.0, 0.05),
    ],
)
def test_other_loads(load, voltage, current):
    bench = Instruments(load=load, noise=False)
    assert bench.drive(2.0)[:2] == pytest.approx([voltage, current], abs=1e-4)
    assert bench.bench.fixture.luminance() == 0.0


def test_trigger_link_is_cabled_when_asked_for():
    assert Instruments().bench.trigger_link is None
    assert Instruments(trigger_link=True).bench.trigger_link is not None


def test_effects_and_surroundings_reach_the_fixture():
    fixture = Instruments(
        hysteresis=True, degradation=True, lead_resistance=2.0, ambient=AmbientLight(3.0)
    ).bench.fixture
    assert fixture.load.hysteresis is not None
    assert fixture.load.degradation is not None
    assert (fixture.lead_resistance, fixture.ambient.luminance) == (2.0, 3.0)


def test_load_of_an_unknown_kind():
    with pytest.raises(ValueError, match="toaster"):
        Instruments(load={"load": "toaster"})


def test_resistor_with_the_photodiode_of_a_bench():
    photodiode = {**PARAMETERS["shared"]["photodiode"], "dark_drift_A_per_sqrt_s": 3e-14}
    load = {"load": "resistor", "resistance_ohm": 1e3, "shared": {"photodiode": photodiode}}
    fixture = Instruments(load=load).bench.fixture
    assert fixture.photodiode_voltage() == pytest.approx(1e-4, rel=1e-2)  # the dark current, drifting
    assert fixture.noise == replace(NoiseSettings(), dark_drift=3e-14)


def test_resource_of_an_unknown_kind():
    with pytest.raises(ValueError, match="USB0"):
        Instruments(smu="USB0::1::2::3::INSTR")
