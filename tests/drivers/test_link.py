import contextlib
import itertools
import pickle
import socket
import threading
import time

import pytest
import pyvisa
from pymeasure.adapters import ProtocolAdapter
from pyvisa.constants import StatusCode

from drivers import errors, link, resources
from drivers.cs2000a.driver import CS2000A
from drivers.keithley2400 import off
from drivers.keithley2400.driver import Keithley2400
from drivers.simulated.bench import SimulatedBenchOptions, build_simulated_bench
from drivers.simulated.faults import Fault, FaultKind, make_it_happen

RESOURCE = "GPIB0::24::INSTR"


class Failing(ProtocolAdapter):
    """A connection whose every operation raises."""

    session = 0

    def set_visa_attribute(self, *_):
        """A time-out is taken."""

    @staticmethod
    def ignore_warning(*_):
        return contextlib.nullcontext()

    def __init__(self, error):
        super().__init__()
        self.error = error

    def _fail(self, *args, **kwargs):
        raise self.error

    @property
    def visalib(self):
        return self

    write = write_raw = read = read_bytes = flush = clear = read_stb = _fail


def failing(error):
    made = link.Link(Failing(error), f"smu at {RESOURCE}", "")
    made.connection.write_raw = made.connection._fail
    return made


def saying(*parts):
    """A link on which these parts of replies arrive, with a slice of silence where there is none."""
    made = failing(visa_error("error_timeout"))
    coming = iter(parts)
    made._fetch = lambda _: made._held.extend(part := next(coming, b"")) or len(part)
    return made


def visa_error(name):
    return pyvisa.VisaIOError(getattr(StatusCode, name))


@pytest.mark.parametrize("resource", ["GPIB0::24::INSTR", "ASRL1::INSTR"])
def test_a_reply_that_comes_twice_is_no_reply_to_the_next_question(resource):
    bench = build_simulated_bench(SimulatedBenchOptions({"load": "open_circuit"}, smu=resource))
    make_it_happen(bench, Fault(FaultKind.REPLY_DOUBLED, 2))
    adapter = link.open_adapter(resource, name="smu", visa_library=bench.library)
    for question, reply in (("*OPC?", "1"), (":SOUR:VOLT?", "0.000000E+00"), (":OUTP?", "0")):
        adapter.write(question)
        assert adapter.read() == reply


OPERATIONS = {
    "write": lambda adapter: adapter.write("*IDN?"),
    "write_bytes": lambda adapter: adapter.write_bytes(b"\x03"),
    "read": lambda adapter: adapter.read(),
    "flush": lambda adapter: adapter.flush_read_buffer(),
    "clear": link.device_clear,
    "serial poll": link.serial_poll,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (visa_error("error_timeout"), errors.InstrumentTimeout),
        (visa_error("error_connection_lost"), errors.LinkLost),
        (visa_error("error_io"), errors.LinkLost),
        (visa_error("error_nonsupported_operation"), errors.RefusedByDriver),
        (pyvisa.InvalidSession(), errors.LinkLost),
        (ConnectionResetError(104, "reset by peer"), errors.LinkLost),
        (BrokenPipeError(32, "broken pipe"), errors.LinkLost),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)[:20]),
)
def test_foreign_exceptions_become_ours_and_are_chained(operation, foreign, ours):
    with pytest.raises(ours, match="smu at GPIB0::24::INSTR") as caught:
        OPERATIONS[operation](failing(foreign))
    slices_are_over = operation == "read" and ours is errors.InstrumentTimeout
    assert caught.value.__cause__ is (None if slices_are_over else foreign)


def test_garbage_on_the_line_is_an_unexpected_reply():
    with pytest.raises(errors.UnexpectedReply, match="baud rate"):
        saying(b"\xff\xfe\n").read()


# Waiting in slices


def test_a_reply_is_waited_for_in_slices_and_somebody_is_called_between_them():
    adapter = saying(b"", b"", b"+3.0", b"", b"12\n")
    called = []
    link.call_while_waiting(adapter, lambda: called.append(1))
    assert link.read_line(adapter, 1.0) == "+3.012"
    assert len(called) == 3


def test_a_line_that_is_not_complete_in_time_is_kept():
    adapter = saying(b"+3", b"", b"", b".0\n1", b"\n")
    assert link.read_line(adapter, 0.2) is None
    assert adapter.read() == "+3.0"
    assert link.read_line(adapter, 0.0) == "1"
    assert link.read_line(adapter, 0.0) is None


def test_what_is_raised_in_a_wait_ends_it_and_loses_nothing():
    adapter = saying(b"+3", b"", b".0\n")

    def stop():
        raise KeyboardInterrupt

    link.call_while_waiting(adapter, stop)
    with pytest.raises(KeyboardInterrupt):
        adapter.read()
    assert adapter.read() == "+3.0"


@pytest.mark.parametrize("resource", [RESOURCE, "ASRL1::INSTR"])
@pytest.mark.parametrize("patience", [0.05, 0.25, 2.0, 40.0])
def test_a_wait_takes_its_time_in_visa_reads_of_a_fifth_of_a_second_at_most(resource, patience):
    bench = build_simulated_bench(SimulatedBenchOptions({"load": "resistor", "resistance_ohm": 1e3}, smu=resource))
    adapter = link.open_adapter(resource, name="smu", visa_library=bench.library)
    link.set_timeout(adapter, patience)
    reads = []

    def watched(number, resource, operation):
        if operation == "read":
            reads.append(adapter.connection.timeout)

    bench.library.before_operation = watched
    started = bench.clock.now()
    with pytest.raises(errors.InstrumentTimeout, match=f"longer than {patience:g} s"):
        adapter.read()
    assert bench.clock.now() - started == pytest.approx(patience)
    assert max(reads) <= 200


@pytest.mark.parametrize("resource", [RESOURCE, "ASRL1::INSTR"])
def test_no_byte_is_lost_wherever_a_slice_ends(resource):
    bench = build_simulated_bench(SimulatedBenchOptions({"load": "resistor", "resistance_ohm": 1e3}, smu=resource))
    smu = Keithley2400(resource, visa_library=bench.library)
    smu.adapter.write("*IDN?")
    while (identity := link.read_line(smu.adapter, 0.01)) is None:
        pass
    assert identity.startswith("KEITHLEY INSTRUMENTS INC.,MODEL 2400,")


def test_many_short_waits_are_seen_as_well_as_a_long_one():
    adapter = saying()
    called = []
    link.call_while_waiting(adapter, lambda: called.append(1))
    for _ in range(5):
        assert link.read_line(adapter, link.SLICE) is None
    assert len(called) == 5


def test_a_line_that_never_ends_is_over_when_its_time_is():
    adapter = saying(*[b"~" * 100] * 1000)
    with pytest.raises(errors.InstrumentTimeout):
        adapter.read()


# Bytes that are no reply


def befallen(kind, resource):
    bench = build_simulated_bench(SimulatedBenchOptions({"load": "open_circuit"}, smu=resource))
    make_it_happen(bench, Fault(kind, 2))
    return bench, link.open_adapter(resource, name="smu", visa_library=bench.library)


BOTH_LINKS = pytest.mark.parametrize("resource", ["GPIB0::24::INSTR", "ASRL1::INSTR"])
NO_REPLY = pytest.mark.parametrize("kind", [FaultKind.TRICKLE, FaultKind.NOISE])


@BOTH_LINKS
@NO_REPLY
def test_a_reply_is_overdue_at_its_time_whatever_arrives(kind, resource):
    bench, adapter = befallen(kind, resource)
    for _ in range(2):
        adapter.write("*IDN?")
        asked = bench.clock.now()
        with pytest.raises(errors.InstrumentTimeout):
            adapter.read()
        assert 1.0 <= bench.clock.now() - asked <= adapter.patience + link.SLICE


@BOTH_LINKS
@NO_REPLY
def test_somebody_is_called_while_bytes_arrive_that_are_no_reply(kind, resource):
    bench, adapter = befallen(kind, resource)
    called = [bench.clock.now()]
    link.call_while_waiting(adapter, lambda: called.append(bench.clock.now()))
    adapter.write("*IDN?")
    with contextlib.suppress(errors.InstrumentTimeout):
        adapter.read()
    called.append(bench.clock.now())
    assert len(called) > 2 or resource == RESOURCE  # on a bus the whole message is one read
    assert max(later - earlier for earlier, later in itertools.pairwise(called)) <= link.SLICE + 1.0


def test_somebody_is_called_between_reads_of_single_bytes():
    bench, adapter = befallen(FaultKind.TRICKLE, "ASRL1::INSTR")
    called = []
    link.call_while_waiting(adapter, lambda: called.append(bench.clock.now()))
    adapter.write("*IDN?")
    for _ in range(20):
        adapter.read_bytes(1)
    assert len(called) == 10


@NO_REPLY
def test_a_line_on_which_bytes_go_on_arriving_is_waited_for_a_second_only(kind):
    bench, adapter = befallen(kind, "ASRL1::INSTR")
    adapter.write("*IDN?")
    began = bench.clock.now()
    link.drain(adapter)
    assert 0.1 <= bench.clock.now() - began <= 1.2
    assert adapter.held == 0


@NO_REPLY
def test_a_source_that_never_answers_in_order_is_asked_for_its_time_only(kind):
    bench, adapter = befallen(kind, "ASRL1::INSTR")
    began = bench.clock.now()
    if kind is FaultKind.TRICKLE:  # two bytes
        assert off.is_off(adapter)
    else:
        with pytest.raises(errors.InstrumentTimeout):
            off.is_off(adapter)
    assert bench.clock.now() - began < 1.0 + off.PATIENCE + 0.5


@NO_REPLY
def test_a_spectroradiometer_that_says_no_line_is_overdue(kind):
    resource = "ASRL3::INSTR"
    bench = build_simulated_bench(SimulatedBenchOptions({"load": "open_circuit"}, spectroradiometer=resource))
    make_it_happen(bench, Fault(kind, 2))
    meter = CS2000A(resource, visa_library=bench.library, clock=bench.clock.now)
    meter.trigger()
    began = bench.clock.now()
    for _ in range(20):
        meter.poll(0.1)
    assert bench.clock.now() - began <= 20 * (0.1 + 0.4)
    began = bench.clock.now()
    with contextlib.suppress(errors.InstrumentError):
        meter.cancel()
    assert bench.clock.now() - began < 15.0


def test_noise_over_tcp_ends_no_later_than_silence():
    def answer(connection, lines):
        lines.readline()
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"+1.0," * 100)

    with served(answer) as resource:
        adapter = link.open_adapter(resource, name="smu", visa_library="@py")
        adapter.write("*IDN?")
        began = time.monotonic()
        assert link.read_line(adapter, 0.3) is None
        link.drain(adapter)
        assert time.monotonic() - began < 3.0
        adapter.close()


@pytest.mark.parametrize("resource", ["NONSENSE", "ASRL/dev/no-such-port::INSTR", "TCPIP::127.0.0.1::1::SOCKET"])
def test_an_address_that_cannot_be_opened(resource):
    with pytest.raises(errors.CannotConnect, match="Keithley 2400 at ") as caught:
        Keithley2400(resource, visa_library="@py")
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("resource", "hint"),
    [
        ("ASRL/dev/no-such-port::INSTR", "serial.tools.list_ports"),
        ("TCPIP::127.0.0.1::1::SOCKET", "port number"),
        ("NONSENSE", "pyvisa-info"),
    ],
)
def test_an_address_that_cannot_be_opened_is_told_with_what_helps(resource, hint):
    with pytest.raises(errors.CannotConnect, match="cannot be opened") as caught:
        link.open_adapter(resource, name="smu", visa_library="@py")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("problem", "hint"),
    [
        ("[Errno 13] could not open port /dev/ttyUSB0: [Errno 13] Permission denied: '/dev/ttyUSB0'", "dialout"),
        ("could not open port 'COM3': PermissionError(13, 'Access is denied.', None, 5)", "other program"),
        (
            "could not open port 'COM9': FileNotFoundError(2, 'The system cannot find the file specified.')",
            "list_ports",
        ),
        ("Please install linux-gpib (Linux) or gpib-ctypes (Windows, Linux) to use this resource type.", "NI-VISA"),
        ("could not connect: [Errno -2] Name or service not known", "name of the host"),
        ("could not connect: [Errno 11001] getaddrinfo failed", "name of the host"),
        ("VI_ERROR_RSRC_NFOUND (-1073807343)", "pyvisa-info"),
    ],
)
def test_what_helps_against_other_problems(problem, hint):
    assert hint in resources.how_to_open(problem)


@contextlib.contextmanager
def served(answer):
    """A TCP server that hands its one connection to ``answer``; yields the VISA resource name."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                answer(connection, connection.makefile("rb"))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET"
        thread.join(10)
        assert not thread.is_alive()


def test_a_conversation_over_tcp():
    def answer(connection, lines):
        assert lines.readline().startswith(link.ABORT_CHARACTER + b":FORMAT:ELEMENTS")
        assert lines.readline() == b"*IDN?\n"
        connection.sendall(b"KEITHLEY INSTRUMENTS INC.,MODEL 2400,1248014,C30\n")
        assert lines.read() == b""

    with served(answer) as resource:
        smu = Keithley2400(resource, visa_library="@py")
        assert smu.identify().serial == "1248014"
        sock = smu.adapter.manager.visalib.sessions[smu.adapter.connection.session].interface
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        smu.adapter.close()


def test_polling_a_measurement_over_tcp_loses_no_byte():
    ready = [threading.Event() for _ in range(3)]

    def answer(connection, lines):
        assert lines.readline() == b"MEAS,1\n"
        for part, event in zip((b"OK00,0", b"02\nOK", b"00\n"), ready, strict=True):
            event.wait(10)
            connection.sendall(part)
        assert lines.read() == b""

    with served(answer) as resource:
        meter = CS2000A(resource, visa_library="@py")
        meter.trigger()
        assert not meter.poll()
        ready[0].set()
        assert not meter.poll(0.05)
        ready[1].set()
        assert not meter.poll(0.05)
        assert meter.expected_duration == 2
        ready[2].set()
        meter.wait()
        meter.adapter.close()


def test_a_peer_that_hangs_up_is_a_lost_link():
    def answer(connection, lines):
        lines.readline()

    with served(answer) as resource:
        meter = CS2000A(resource, visa_library="@py", timeout=0.1)
        with pytest.raises(errors.LinkLost):
            meter.identify()
        meter.adapter.close()


def test_a_source_whose_server_is_gone_for_good_may_still_be_on():
    """The old session is let go, no new one can be had: what is tried next meets a closed socket."""
    with served(lambda connection, lines: lines.readline()) as resource:
        smu = Keithley2400(resource, visa_library="@py", timeout=0.1)
        with pytest.raises(errors.InstrumentError):
            smu.identify()
    with pytest.raises(errors.OutputStateUnknown) as gone:
        smu.output_off()
    assert isinstance(gone.value.__cause__, errors.InstrumentError)
    link.let_go(smu.adapter)


def exchanged(adapter, *, answered):
    """One question, its answer waited for."""
    adapter.write("*OPC?")
    if answered:
        assert adapter.read() == "1"
    else:
        with pytest.raises(errors.InstrumentTimeout):
            adapter.read()


def test_a_line_is_waited_for_until_it_is_quiet_unless_it_has_just_answered():
    adapter = saying(b"1\n", b"", b"1\n", b"", b"1\n")
    adapter._bus, adapter.patience = False, 0.1
    adapter.connection.write, adapter.connection.flush = lambda command: None, lambda _: None
    waits = []
    adapter._await_quiet, whole = lambda: (waits.append(len(waits)), whole()), adapter._await_quiet

    adapter.flush_read_buffer()  # takes the first reply, which was there before
    assert (waits, adapter.in_step) == ([0], False)
    exchanged(adapter, answered=True)
    adapter.flush_read_buffer()
    assert (waits, adapter.in_step) == ([0], True)

    exchanged(adapter, answered=False)
    exchanged(adapter, answered=True)  # by the answer to the question before, for all that is known here
    assert not adapter.in_step
    adapter.flush_read_buffer()
    assert waits == [0, 1]


def test_a_device_clear_may_leave_half_an_answer_on_its_way():
    adapter = saying(b"", b"1\n")
    adapter._bus = False
    adapter.connection.write = lambda command: None
    adapter._await_quiet()
    exchanged(adapter, answered=True)
    assert adapter.in_step
    adapter.connection.write_raw = lambda content: len(content)
    adapter.write_bytes(link.ABORT_CHARACTER)
    assert not adapter.in_step


def test_old_replies_of_a_peer_that_has_hung_up_are_a_lost_link_too():
    """PyVISA-py's own flush would go on for ever."""

    def answer(connection, lines):
        lines.readline()
        connection.sendall(b"an old reply\n")

    with served(answer) as resource:
        adapter = link.open_adapter(resource, name="smu", visa_library="@py", timeout=1.0)
        adapter.write("*IDN?")
        assert adapter.read() == "an old reply"
        with pytest.raises(errors.LinkLost):
            adapter.read()
        with pytest.raises(errors.LinkLost, match="hung up"):
            adapter.flush_read_buffer()
        adapter.close()


def test_a_silent_peer_is_a_time_out():
    def answer(connection, lines):
        assert lines.read() == b"MEAS,1\n"

    with served(answer) as resource:
        meter = CS2000A(resource, visa_library="@py")
        meter.trigger()
        assert not meter.poll(0.01)
        meter.adapter.close()


def test_messages_say_where_what_and_how_to_correct_it():
    error = errors.RefusedByDriver("smu at GPIB0::24::INSTR", "level 9 was not sent", "Lower it")
    assert str(error) == "smu at GPIB0::24::INSTR: level 9 was not sent. Lower it."


@pytest.mark.parametrize(
    "error",
    [
        errors.RefusedByInstrument("smu", "no", "hint", ["ER10"]),
        errors.UnexpectedReply("smu", "*IDN?", "noise"),
        errors.SettingNotTaken("smu", [(":SENS:CURR:PROT", "0.025", "1.05e-4")]),
    ],
)
def test_errors_survive_a_process_boundary(error):
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize(
    ("resource", "baud_rate", "longest"),
    [("ASRL1::INSTR", 1200, 2500 * 70 * 10 / 1200), ("GPIB0::24::INSTR", 9600, 20)],
)
def test_a_long_reply_has_the_time_that_its_line_takes(resource, baud_rate, longest):
    options = SimulatedBenchOptions({"load": "resistor", "resistance_ohm": 1e3}, smu=resource)
    bench = build_simulated_bench(options)
    line = link.SerialLine(baud_rate=baud_rate, terminator="\r")
    smu = Keithley2400(resource, visa_library=bench.library, serial=line)
    assert longest < link.transfer_time(smu.adapter, 2500 * 70) < 2.5 * longest
