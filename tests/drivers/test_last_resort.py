"""Output off when the link itself fails: a new session, a bounded time, and the loudest message there is."""

import contextlib
import re
import socket
import struct
import threading

import pytest
import pyvisa
from pyvisa.constants import StatusCode

from drivers import link
from drivers.errors import (
    InstrumentTimeout,
    LinkLost,
    OutputStateUnknown,
    RefusedByDriver,
    WrongInstrument,
)
from drivers.keithley2400.driver import Keithley2400, SmuLimits, SmuSettings
from drivers.keithley2400.messages import off_message
from drivers.keithley2400.off import is_off, make_safe
from drivers.simulated.clock import VirtualClock
from drivers.simulated.visa import SimulatedVisaLibrary

SETTINGS = SmuSettings(source="voltage", max_level=8.0, compliance=0.025, measure_range=0.025)


def smu_twin(bench):
    return next(iter(bench.twins.values()))


def running(bench, level=5.0):
    smu = Keithley2400(next(iter(bench.twins)), visa_library=bench.library, limits=SmuLimits(20, 0.1))
    smu.configure(SETTINGS)
    smu.output_on()
    smu.trigger(level)
    smu.read()
    return smu


class BrokenSession:
    """Every operation of a session fails, until a new session is opened."""

    def __init__(self, bench, code):
        self.code = code
        self.opened = 0
        bench.library.before_operation = self

    def __call__(self, number, resource, operation):
        self.opened += operation == "open"
        if not self.opened:
            raise pyvisa.VisaIOError(self.code)


BREAKS = [StatusCode.error_connection_lost, StatusCode.error_timeout, StatusCode.error_io]


@pytest.mark.parametrize("code", BREAKS)
def test_a_new_session_switches_off_what_the_old_one_cannot_reach(bench, code):
    smu = running(bench)
    old = smu.adapter
    before = len(smu_twin(bench).output_log)
    broken = BrokenSession(bench, code)
    smu.output_off()
    assert broken.opened == 1
    assert smu.adapter is not old
    log = smu_twin(bench).output_log[before:]
    assert [change.level for change in log if change.output_on] == [4, 3, 2, 1, 0]  # ramped as usual
    assert not log[-1].output_on


def test_after_a_new_session_the_settings_are_made_anew_and_readings_go_on(bench):
    smu = running(bench)
    BrokenSession(bench, StatusCode.error_io)
    smu.output_off()
    with pytest.raises(RefusedByDriver, match="not configured"):
        smu.output_on()
    smu.configure(SETTINGS)
    smu.output_on()
    smu.trigger(3.0)
    assert smu.read().voltage == pytest.approx(3.0, abs=1e-3)
    assert smu.identify().model == "MODEL 2400"


def test_a_session_that_cannot_even_be_closed_is_left_behind(bench, monkeypatch):
    smu = running(bench)
    sessions = bench.library._sessions
    before = len(sessions)

    def fails(*_):
        raise pyvisa.VisaIOError(StatusCode.error_io)

    monkeypatch.setattr(smu.adapter.connection, "before_close", fails)
    BrokenSession(bench, StatusCode.error_io)
    smu.output_off()
    assert len(sessions) == before  # the old port is closed all the same
    assert not smu_twin(bench).output_log[-1].output_on


def test_a_new_session_that_garbles_a_reply_is_cleared_once_more(bench, monkeypatch):
    smu = running(bench)
    BrokenSession(bench, StatusCode.error_io)
    monkeypatch.setattr(smu_twin(bench), "identity", lambda: "\x00\x7f")
    smu.output_off()
    assert not smu_twin(bench).output_log[-1].output_on


class Deaf:
    """Takes everything, says nothing."""

    service_request = False

    def __init__(self, replies=None):
        self.replies = replies or {}
        self.sent = bytearray()
        self._out = b""

    def receive(self, data, *, end=False):
        self.sent += data
        self._out = self.replies.get(bytes(data).strip(b"\x03\r\n"), b"")

    def transmit(self, limit=None):
        data, self._out = self._out, b""
        return data, bool(data)

    def device_clear(self):
        self._out = b""

    def talk_with_nothing_to_say(self):
        pass


@pytest.mark.parametrize("resource", ["GPIB0::24::INSTR", "ASRL1::INSTR", "TCPIP0::bench::5025::SOCKET"])
def test_an_instrument_that_never_answers_is_given_up_soon_and_loudly(resource):
    clock = VirtualClock()
    smu = Keithley2400(resource, visa_library=SimulatedVisaLibrary(clock, {resource: Deaf()}))
    started = clock.now()
    with pytest.raises(OutputStateUnknown, match="MAY STILL BE ON") as caught:
        smu.output_off()
    assert clock.now() - started <= 10.0
    for tried in ("to zero and off", "device clear", "new session"):
        assert tried in caught.value.what
    assert isinstance(caught.value.__cause__, InstrumentTimeout)


class Flooding(Deaf):
    """Says things without an end, as if it was never asked for anything."""

    def transmit(self, limit=None):
        return b"+1.0,+1.0,"[:limit], False


class FloodingLine(Deaf):
    """The same on a line, a burst every 50 ms."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock
        self._arrived = b""
        self._more()

    def _more(self):
        self._arrived = b"+1.0,+1.0,"
        self._clock.call_after(0.05, self._more)

    def transmit(self, limit=None):
        data, self._arrived = self._arrived, b""
        return data, False


@pytest.mark.parametrize("resource", ["GPIB0::24::INSTR", "ASRL1::INSTR"])
def test_an_instrument_that_never_stops_saying_something_is_given_up_soon(resource):
    clock = VirtualClock()
    twin = Flooding() if resource.startswith("GPIB") else FloodingLine(clock)
    smu = Keithley2400(resource, visa_library=SimulatedVisaLibrary(clock, {resource: twin}))
    started = clock.now()
    with pytest.raises(OutputStateUnknown, match="new session"):
        smu.output_off()
    assert clock.now() - started <= 10.0
    assert twin.sent.count(b"OUTP OFF") >= 3


@pytest.mark.parametrize("code", BREAKS)
def test_an_address_that_is_gone(bench, code):
    smu = running(bench)
    started = bench.clock.now()

    def gone(number, resource, operation):
        raise pyvisa.VisaIOError(StatusCode.error_resource_not_found if operation == "open" else code)

    bench.library.before_operation = gone
    with pytest.raises(OutputStateUnknown, match="new session") as caught:
        smu.output_off()
    assert "cannot be opened" in str(caught.value.__cause__)
    assert bench.clock.now() - started <= 15.0


def test_what_another_instrument_says_is_not_taken_for_the_source(bench):
    smu = running(bench)
    resource = next(iter(bench.twins))
    end = b"\n" if resource.startswith("GPIB") else b"\r"
    other = Deaf({b"*IDN?": b"ACME,PSU,1,1" + end, b":OUTP?": b"0" + end})
    BrokenSession(bench, StatusCode.error_io)
    bench.library.twins[resource] = other
    with pytest.raises(OutputStateUnknown) as caught:
        smu.output_off()
    assert isinstance(caught.value.__cause__, WrongInstrument)
    assert b"OUTP OFF" in other.sent  # off first, whoever it may be
    assert b"OUTP?" not in other.sent


def test_an_adapter_from_outside_is_not_opened_again(bench):
    given = running(bench).adapter
    smu = Keithley2400(given)
    BrokenSession(bench, StatusCode.error_io)
    with pytest.raises(OutputStateUnknown) as caught:
        smu.output_off()
    assert "new session" not in caught.value.what
    assert smu.adapter is given
    assert isinstance(caught.value.__cause__, LinkLost)


def test_a_failed_opening_leaves_no_session_behind(bench):
    def deaf_to_clearing(number, resource, operation):
        if operation in ("clear", "flush"):
            raise pyvisa.VisaIOError(StatusCode.error_io)

    before = len(bench.library._sessions)
    bench.library.before_operation = deaf_to_clearing
    with pytest.raises(Exception, match=re.escape("cannot be opened")):
        Keithley2400(next(iter(bench.twins)), visa_library=bench.library)
    assert len(bench.library._sessions) == before


# The LOCAL key: the next message brings the instrument back to remote, idle, with a fixed source


def test_local_key_between_two_points(bench):
    smu = running(bench)
    smu_twin(bench).press_local_key()
    smu.trigger(3.0)
    assert smu.read().voltage == pytest.approx(3.0, abs=1e-3)
    smu.output_off()
    assert not smu_twin(bench).output_log[-1].output_on


def test_local_key_during_a_reading_ends_it_and_the_output_goes_off(bench):
    smu = running(bench)
    smu.trigger(3.0)
    smu_twin(bench).press_local_key()
    with pytest.raises(InstrumentTimeout):
        smu.read()
    smu.device_clear()
    smu.trigger(2.0)
    assert smu.read().voltage == pytest.approx(2.0, abs=1e-3)
    smu.output_off()
    assert not smu_twin(bench).output_log[-1].output_on


def test_local_key_during_a_sweep_returns_the_readings_taken(bench):
    smu = running(bench)
    smu.program_sweep([1.0, 2.0, 3.0, 4.0], 0.5)
    smu.start_sweep()
    bench.clock.advance(1.3)
    smu_twin(bench).press_local_key()
    smu.poll_sweep(1.0)
    readings = smu.stop_sweep()
    assert [round(reading.voltage) for reading in readings] == [1, 2]
    smu.output_off()
    assert not smu_twin(bench).output_log[-1].output_on


def test_a_server_that_hung_up_is_called_again():
    replies = {
        b"*IDN?": b"KEITHLEY INSTRUMENTS INC.,MODEL 2400,1248014,C30\n",
        b":OUTP?": b"0\n",
    }
    asked = []

    def serve(server):
        first, _ = server.accept()
        with first, first.makefile("rb") as lines:
            lines.readline()
            first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not a polite end
        second, _ = server.accept()
        with second:
            for line in second.makefile("rb"):
                asked.append(line.strip(b"\x03\n"))
                second.sendall(replies.get(asked[-1], b""))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        smu = Keithley2400(f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET", visa_library="@py")
        smu.output_off()
        smu.adapter.close()
        thread.join(10)
    assert asked == [off_message().encode(), b"*IDN?", b":OUTP?"]


def sweeping(bench, source, levels):
    """A source that has run a sweep from its memory, which nobody has left."""
    smu = Keithley2400(next(iter(bench.twins)), visa_library=bench.library, limits=SmuLimits(20, 0.1))
    settings = SETTINGS if source == "voltage" else SmuSettings(source, max_level=0.01, compliance=20, measure_range=20)
    smu.configure(settings)
    smu.output_on()
    smu.program_sweep(levels, 0.02)
    smu.start_sweep()
    while not smu.poll_sweep(1.0):
        pass
    return smu


@pytest.mark.parametrize(
    ("source", "levels"), [("voltage", [2, 4, 6]), ("voltage", [-2, -4]), ("current", [0.002, 0.004])]
)
@pytest.mark.parametrize("stranger", [False, True])
def test_the_level_of_a_sweep_that_nobody_left_goes_to_zero_at_once(bench, source, levels, stranger):
    smu = sweeping(bench, source, levels)
    before = len(smu_twin(bench).output_log)
    if stranger:  # the guardian, or a recovery, years later: it has only the address
        smu = Keithley2400(next(iter(bench.twins)), visa_library=bench.library, limits=SmuLimits(20, 0.1))
    else:
        BrokenSession(bench, StatusCode.error_connection_lost)
    smu.output_off()
    log = smu_twin(bench).output_log[before:]
    assert [change.level for change in log if change.output_on] == [0.0]
    assert not log[-1].output_on


@pytest.mark.parametrize("waited", [0.01, 0.03, 0.06, 0.09, 0.12])
@pytest.mark.parametrize("levels", [[5, 0.5, 0.4, 0.3], [-8, 0.01, 8], [1, 2, 3, 4]])
def test_a_sweep_that_is_cut_off_never_goes_up(bench, levels, waited):
    smu = running(bench, level=levels[0])
    smu.program_sweep(levels, 0.02)
    smu.start_sweep()
    assert not smu.poll_sweep(waited)
    before = len(smu_twin(bench).output_log)
    smu.output_off()
    sizes = [abs(change.level) for change in smu_twin(bench).output_log[before - 1 :] if change.output_on]
    assert sizes == sorted(sizes, reverse=True)
    assert not smu_twin(bench).output_on


def test_a_sweep_that_took_no_reading_yet_ends_at_the_fixed_level(bench):
    smu = running(bench, level=0)
    smu.program_sweep([1, 2], 0.02)
    fresh = Keithley2400(next(iter(bench.twins)), visa_library=bench.library, limits=SmuLimits(20, 0.1))
    fresh.output_off()
    assert smu_twin(bench).output_log[-1].level == 0
    assert not smu_twin(bench).output_on


# Off first, asked afterwards


class Overheard:
    """A twin of which every message is written down with its time, and whose replies suffer."""

    def __init__(self, bench, suffer):
        self.resource = next(iter(bench.twins))
        self.twin, self.clock, self.suffer = bench.twins[self.resource], bench.clock, suffer
        self.heard = []
        self._half = b""
        bench.library.twins[self.resource] = self

    def __getattr__(self, name):
        return getattr(self.twin, name)

    def receive(self, data, *, end=False):
        *messages, self._half = (self._half + data.replace(b"\x03", b"")).replace(b"\r", b"\n").split(b"\n")
        self.heard += [(self.clock.now(), message.decode()) for message in messages]
        self.twin.receive(data, end=end)

    def transmit(self, limit=None):
        data, complete = self.twin.transmit(limit)
        return self.suffer(data), complete


def garbled(data):
    return bytes(byte ^ 0x15 if byte > 32 else byte for byte in data)


@pytest.mark.parametrize("suffer", [lambda data: b"", garbled, lambda data: data], ids=["mute", "garbled", "well"])
@pytest.mark.parametrize("state", ["at a level", "measuring", "sweeping", "not configured"])
def test_the_first_message_makes_it_safe_and_is_sent_at_once(bench, suffer, state):
    if state == "not configured":
        running(bench).adapter.close()
        smu = Keithley2400(next(iter(bench.twins)), visa_library=bench.library)
    else:
        smu = running(bench)
    if state == "measuring":
        smu.trigger(6.0)
    if state == "sweeping":
        smu.program_sweep([1, 2, 3], 0.5)
        smu.start_sweep()
        bench.clock.advance(0.7)
    line = Overheard(bench, suffer)
    smu.adapter.connection.visalib._sessions[smu.adapter.connection.session].twin = line
    started = bench.clock.now()
    with contextlib.suppress(OutputStateUnknown):
        smu.output_off()
    at, message = line.heard[0]
    assert at - started < 0.01
    assert message.endswith(":OUTP OFF")
    assert "?" not in message
    assert not line.twin.output_log[-1].output_on
    assert line.twin.output_log[-1].level == 0
    assert bench.clock.now() - started <= 15.0
    assert line.heard[1][1] == ":OUTP?"


@pytest.mark.parametrize("source", [None, "VOLT"])
def test_a_guardian_needs_no_driver(bench, source):
    running(bench).adapter.close()
    adapter = link.open_adapter(next(iter(bench.twins)), name="smu", visa_library=bench.library)
    before = len(smu_twin(bench).output_log)
    make_safe(adapter, source, 5.0 if source else None)
    levels = [change.level for change in smu_twin(bench).output_log[before:] if change.output_on]
    assert levels == ([4, 3, 2, 1, 0] if source else [0])
    assert is_off(adapter)


def test_a_message_that_was_lost_is_not_made_up_for_by_the_ramp(bench):
    smu = running(bench, level=2.0)
    line = Overheard(bench, lambda data: data)
    line.receive = lambda data, *, end=False: None
    smu.adapter.connection.visalib._sessions[smu.adapter.connection.session].twin = line
    smu.trigger(8.0)
    del line.receive
    before = len(line.twin.output_log)
    smu.output_off()
    assert [change.level for change in line.twin.output_log[before:] if change.output_on] == pytest.approx(
        [1.6, 1.2, 0.8, 0.4, 0]
    )
