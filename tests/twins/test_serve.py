"""The twins on real ports: split and merged bytes, several clients, clients that vanish. In real time."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.simulated import serve
from drivers.simulated.bench import SimulatedBenchOptions
from drivers.simulated.cs2000a.twin import CS2000AOptions, CS2000ATwin
from drivers.simulated.serve import BenchServer, Port, serving
from tests.conftest import CONFIGS

RESISTOR = SimulatedBenchOptions(load={"load": "resistor", "resistance_ohm": 1e3}, noise=False)
TIMEOUT = 10.0  # s, of every wait in here; nothing comes near it unless it is broken
IDENTITY = b"KEITHLEY INSTRUMENTS INC.,MODEL 2400,1248014,C30   Mar 17 2006 09:29:29/A02  /K/J"
#: Sources 1 V and takes 0.6 s for a reading.
SLOW = b"*RST;:SOUR:VOLT 1;:SENS:VOLT:NPLC 10;:OUTP ON\n"

with_terminals = pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")


class Client:
    """A plain socket that speaks lines."""

    def __init__(self, port: Port) -> None:
        _, host, number, _ = port.tcp.split("::")
        self.socket = socket.create_connection((host, int(number)), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> bytes:
        return self._lines.readline().removesuffix(b"\n")

    def ask(self, query: bytes) -> bytes:
        self.send(query + b"\n")
        return self.line()

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


Connect = Callable[[str], Client]


@pytest.fixture
def bench() -> Iterator[BenchServer]:
    with serving(RESISTOR) as server:
        yield server


def port_of(server: BenchServer, role: str = "smu") -> Port:
    return next(port for port in server.ports if port.role == role)


@pytest.fixture
def connect(bench: BenchServer) -> Iterator[Connect]:
    """Make clients of an instrument, by role; they are closed at the end."""
    clients = []

    def connect_to(role: str = "smu") -> Client:
        clients.append(Client(port_of(bench, role)))
        return clients[-1]

    yield connect_to
    for client in clients:
        client.close()


def three_free_ports() -> int:
    """The first of three TCP ports in a row that nobody uses."""
    while True:
        with ExitStack() as probes, suppress(OSError):
            first = probes.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for other in (first + 1, first + 2):
                probes.enter_context(socket.create_server(("127.0.0.1", other)))
            return int(first)


def open_serial(server: BenchServer, role: str = "smu") -> serial.Serial:
    name = port_of(server, role).serial
    assert name is not None
    return serial.Serial(name.removeprefix("ASRL").removesuffix("::INSTR"), timeout=TIMEOUT)


# bytes in any portions


def test_bytes_one_by_one(connect: Connect) -> None:
    client = connect("smu")
    for byte in b"*IDN?\n":
        client.send(bytes([byte]))
    assert client.line() == IDENTITY


def test_many_messages_in_one_piece(connect: Connect) -> None:
    client = connect("smu")
    client.send(b":SOUR:VOLT 2\n:SOUR:VOLT?\n:SOUR:VOLT 3;:SOUR:VOLT?;*OPC?\n*IDN")
    assert [client.line(), client.line()] == [b"2.000000E+00", b"3.000000E+00;1"]
    assert client.ask(b"?") == IDENTITY


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_on_a_socket(connect: Connect, end: bytes) -> None:
    client = connect("photodiode_meter")
    client.send(b"*RST" + end + b":SYST:ERR?" + end)
    assert client.line() == b'0,"No error"'


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_the_spectroradiometer_ends_lines_as_the_host_does(connect: Connect, end: bytes) -> None:
    client = connect("spectroradiometer")
    client.send(b"RMTS,2" + end)
    assert client.socket.recv(100) == b"OK00" + end


def test_a_message_that_is_too_long_is_an_error_not_the_end(connect: Connect) -> None:
    client = connect("smu")
    client.send(b"A" * 300_000)
    client.send(b"\n")
    assert client.ask(b":SYST:ERR?").startswith(b"-363")
    assert client.ask(b"*IDN?") == IDENTITY


# several clients


def test_replies_go_to_who_asked(connect: Connect) -> None:
    first, second = connect("smu"), connect("smu")
    for level in range(5):
        assert first.ask(b":SOUR:VOLT %d;:SOUR:VOLT?" % level) == b"%d.000000E+00" % level
        assert second.ask(b"*IDN?") == IDENTITY


def test_a_command_of_another_client_does_not_take_the_reply_away(connect: Connect) -> None:
    first, second = connect("smu"), connect("smu")
    assert first.ask(SLOW + b"*OPC?") == b"1"
    first.send(b":READ?\n")
    second.send(b":DISP:ENAB OFF\n")
    assert first.line().startswith(b"+1.000000E+00")


def test_halves_of_two_clients_do_not_mix(connect: Connect) -> None:
    first, second = connect("smu"), connect("smu")
    first.send(b":SOUR:VOLT:LEV ")
    assert second.ask(b":SYST:ERR?") == b'0,"No error"'
    assert first.ask(b"4;:SOUR:VOLT?") == b"4.000000E+00"


def test_half_a_message_goes_with_its_client(connect: Connect) -> None:
    leaver = connect("smu")
    leaver.send(b":SOUR:VOLT 1")
    leaver.close()
    client = connect("smu")
    assert client.ask(b":SYST:ERR?;:SOUR:VOLT?") == b'0,"No error";0.000000E+00'


def test_nobody_gets_the_reply_of_a_client_that_vanished(connect: Connect) -> None:
    leaver = connect("smu")
    assert leaver.ask(SLOW + b"*OPC?") == b"1"
    leaver.send(b":READ?\n")
    leaver.close()
    client = connect("smu")
    assert client.ask(b"*IDN?") == IDENTITY
    assert client.ask(b":OUTP?;:SYST:ERR?") == b'1;0,"No error"'


def test_nor_when_the_server_finds_both_in_the_same_look() -> None:
    busy, go_on = threading.Event(), threading.Event()

    def hold(moment: float, role: str, sent: bool, data: bytes) -> None:
        """The server looks at nothing until it may go on."""
        if data == b"*CLS\n":
            busy.set()
            assert go_on.wait(TIMEOUT)
            go_on.clear()

    with serving(RESISTOR, watch=hold) as server, ExitStack() as clients:
        holder = clients.enter_context(closing(Client(port_of(server, "photodiode_meter"))))
        for _ in range(8):  # sockets that stay make the numbers of the others move on, by which they may be ordered
            clients.enter_context(socket.socket())
            leaver = Client(port_of(server))
            assert leaver.ask(SLOW + b"*OPC?") == b"1"
            holder.send(b"*CLS\n")
            assert busy.wait(TIMEOUT)
            busy.clear()
            leaver.send(b":READ?\n")
            leaver.close()
            client = clients.enter_context(closing(Client(port_of(server))))
            client.send(b"*IDN?\n")
            go_on.set()
            assert client.line() == IDENTITY
            assert client.ask(b":OUTP?;:SYST:ERR?") == b'1;0,"No error"'


def test_what_a_client_has_finished_outlasts_it(connect: Connect) -> None:
    leaver = connect("smu")
    assert leaver.ask(SLOW + b":OUTP?") == b"1"
    leaver.send(b":INIT\n")
    leaver.close()
    assert connect("smu").ask(b":FETC?").startswith(b"+1.000000E+00")


def test_a_client_that_hangs_up_rudely(bench: BenchServer, connect: Connect) -> None:
    rude = connect("smu")
    at_once = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # close sends RST
    rude.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    rude.send(b"*IDN?\n" * 50)
    rude.close()
    assert connect("smu").ask(b"*IDN?") == IDENTITY


def test_coming_and_going(connect: Connect) -> None:
    for _ in range(50):
        client = connect("photodiode_meter")
        assert client.ask(b"*OPT?;:SYST:VERS?").endswith(b";1991.0")
        client.close()


def test_too_many_clients_are_turned_away_and_room_is_made_again(connect: Connect) -> None:
    clients = [connect("smu") for _ in range(220)]
    with suppress(ConnectionError):
        assert clients[-1].ask(b"*IDN?") == b""
    for client in clients[1:]:
        client.close()
    assert clients[0].ask(b"*IDN?") == IDENTITY
    assert connect("smu").ask(b"*IDN?") == IDENTITY


def send_until_refused(client: Client, message: bytes) -> int:
    """Send without reading until nothing more is taken; returns the number of whole messages."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    client.socket.settimeout(0.2)
    sent = 0
    with suppress(TimeoutError):
        while sent < 50_000_000:
            sent += client.socket.send((message * 100)[sent % len(message) :])
    client.socket.settimeout(TIMEOUT)
    missing = -sent % len(message)
    client.send(message[len(message) - missing :])
    return (sent + missing) // len(message)


def test_who_reads_nothing_is_not_listened_to_and_loses_nothing(connect: Connect) -> None:
    greedy, other = connect("photodiode_meter"), connect("smu")
    with ThreadPoolExecutor(1) as pool:
        count = send_until_refused(greedy, b"*IDN?" + b" " * 60 + b"\n")
        replies = pool.submit(lambda: {greedy.line() for _ in range(count)})
        assert other.ask(b"*IDN?") == IDENTITY
        assert len(replies.result()) == 1
    assert greedy.ask(b":SYST:VERS?") == b"1991.0"


def test_a_flood_of_garbage_leaves_time_for_others(connect: Connect) -> None:
    rude, other = connect("smu"), connect("photodiode_meter")
    for _ in range(20):
        rude.send(bytes(range(4, 24)) * 1000)
        assert other.ask(b":SYST:VERS?") == b"1991.0"
    assert rude.ask(b"\n*CLS;*IDN?") == IDENTITY


def test_the_spectroradiometer_goes_on_when_its_client_has_gone(connect: Connect) -> None:
    leaver = connect("spectroradiometer")
    assert leaver.ask(b"RMTS,2") == b"OK00"
    assert leaver.ask(b"MEAS,1").startswith(b"OK00,")
    leaver.close()
    client = connect("spectroradiometer")
    assert client.ask(b"MEDR,0,0,1") == b"ER02"
    assert client.ask(b"MEAS,0") == b"OK00"
    assert client.ask(b"IDDR").startswith(b"OK00,CS-2000A")


@pytest.mark.parametrize(("firmware", "before"), [((3, 0, 9301), b""), ((1, 1, 0), b"ER00\r\n")])
def test_an_unfinished_line_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, firmware: tuple[int, int, int], before: bytes
) -> None:
    monkeypatch.setattr(serve, "LONGEST_SILENCE", 0.05)
    forgotten = threading.Event()
    discard = CS2000ATwin.discard_line

    def discard_and_tell(twin: CS2000ATwin) -> None:
        discard(twin)
        forgotten.set()

    monkeypatch.setattr(CS2000ATwin, "discard_line", discard_and_tell)
    options = replace(RESISTOR, spectroradiometer_options=CS2000AOptions(firmware=firmware))
    with serving(options) as server, closing(Client(port_of(server, "spectroradiometer"))) as client:
        client.send(b"GARB")
        assert forgotten.wait(TIMEOUT)
        client.send(b"RMTS,1\n")
        assert client.socket.recv(len(before), socket.MSG_WAITALL) == before
        assert client.line() == b"OK00"


# device clear


@pytest.mark.parametrize("character", [b"\x03", b"\x18"])
def test_an_abort_character_stops_a_reading(connect: Connect, character: bytes) -> None:
    client = connect("smu")
    assert client.ask(SLOW + b"*OPC?") == b"1"
    client.send(b":READ?\n")
    client.send(character)
    assert client.ask(b"*IDN?") == IDENTITY
    assert client.ask(b":OUTP?") == b"1"


def test_what_stands_before_the_abort_character_is_carried_out(connect: Connect) -> None:
    client = connect("smu")
    client.send(b":SOUR:VOLT 5\n:SOUR:VO\x03:SOUR:VOLT?\n")
    assert client.line() == b"5.000000E+00"


# serial ports


@with_terminals
def test_a_serial_port_may_be_opened_again_and_again(bench: BenchServer) -> None:
    for _ in range(3):
        with open_serial(bench) as line:
            line.write(b"*IDN?\r")
            assert line.read_until(b"\r") == IDENTITY + b"\r"


@with_terminals
def test_each_kind_of_port_keeps_its_terminator(bench: BenchServer, connect: Connect) -> None:
    client = connect("smu")
    with open_serial(bench) as line:
        for _ in range(3):
            line.write(b":SOUR:VOLT?\r")
            assert line.read_until(b"\r") == b"0.000000E+00\r"
            assert client.ask(b":SOUR:VOLT?") == b"0.000000E+00"
        line.write(b":OUTP ON;:READ?\r")
        client.send(b":DISP:ENAB OFF\n")
        assert line.read_until(b"\r").startswith(b"+0.000000E+00")


@with_terminals
@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_the_spectroradiometer_on_its_serial_port(bench: BenchServer, end: bytes) -> None:
    with open_serial(bench, "spectroradiometer") as line:
        line.write(b"RMTS,2" + end)
        assert line.read_until(end) == b"OK00" + end
        line.write(b"IDDR" + end)
        assert line.read_until(end).startswith(b"OK00,CS-2000A")


@with_terminals
def test_more_replies_than_a_serial_port_holds_come_in_the_end(bench: BenchServer, connect: Connect) -> None:
    count = 300  # some 25 kB; a pseudo-terminal holds 4 kB
    with open_serial(bench) as line:
        for _ in range(count):
            line.write(b"*IDN?\r")
        for _ in range(3):  # others are served meanwhile
            assert connect("photodiode_meter").ask(b":SYST:VERS?") == b"1991.0"
        for _ in range(count):
            assert line.read_until(b"\r") == IDENTITY + b"\r"


@with_terminals
def test_what_nobody_read_is_not_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_READER_PATIENCE", 0.0)
    answered = threading.Semaphore(0)
    with serving(RESISTOR, watch=lambda *what: None if what[2] else answered.release()) as server:
        with open_serial(server) as line:
            line.write(b"*IDN?\r" * 600)  # 48 kB of replies
            for _ in range(600):
                assert answered.acquire(timeout=TIMEOUT)
        with open_serial(server) as line:
            line.write(b":SOUR:VOLT?\r")
            assert line.read_until(b"\r") == b"0.000000E+00\r"


# anything at all

PIECES = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=40),
        st.sampled_from([b":READ?\n", b":MEAS?\n", b"*RST\n", b":INIT:CONT ON\n", b"\x03", b":OUTP ON\n", b"MEAS,1\r"]),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def abused() -> Iterator[BenchServer]:
    with serving(RESISTOR) as server:
        yield server


@settings(max_examples=60, deadline=None)
@given(role=st.sampled_from(["smu", "photodiode_meter", "spectroradiometer"]), pieces=PIECES)
def test_no_bytes_confuse_a_twin_for_long(abused: BenchServer, role: str, pieces: list[bytes]) -> None:
    with closing(Client(port_of(abused, role))) as client:
        for piece in pieces:
            client.send(piece)
    with closing(Client(port_of(abused, role))) as client:
        if role == "spectroradiometer":
            assert client.ask(b"\r\nNONSENSE").startswith(b"ER")
        else:
            client.send(b"\x03*RST;*CLS\n")
            assert b"INSTRUMENTS INC.,MODEL 2" in client.ask(b"*IDN?")
            assert client.ask(b":SYST:ERR?") == b'0,"No error"'


# the server itself


def test_clients_are_hung_up_on_when_serving_ends() -> None:
    with serving(RESISTOR) as server:
        client = Client(port_of(server))
    assert client.line() == b""
    client.close()
    with pytest.raises(OSError, match="refused"):
        Client(port_of(server))


def test_a_port_that_is_taken_is_told_and_nothing_stays_open(bench: BenchServer) -> None:
    taken = int(port_of(bench, "spectroradiometer").tcp.split("::")[2])
    with pytest.raises(OSError, match=r"in use|normally permitted"):
        BenchServer(RESISTOR, port=taken - 2)


def test_ports_in_a_row() -> None:
    number = three_free_ports()
    with serving(RESISTOR, port=number, terminals=False) as server:
        assert [port.tcp for port in server.ports] == [f"TCPIP::127.0.0.1::{number + i}::SOCKET" for i in range(3)]
        assert [port.serial for port in server.ports] == [None] * 3


def test_the_same_ports_can_be_had_again_at_once() -> None:
    number = three_free_ports()
    for _ in range(5):
        with serving(RESISTOR, port=number, terminals=False) as server:
            clients = [Client(port_of(server)) for _ in range(5)]
            assert clients[-1].ask(b"*IDN?") == IDENTITY
            clients[0].send(b"*IDN?\n" * 1000)
        for client in clients:
            client.close()


def test_an_instrument_that_is_not_there_has_no_port() -> None:
    with serving(SimulatedBenchOptions(load=RESISTOR.load, spectroradiometer=None)) as server:
        assert [port.role for port in server.ports] == ["smu", "photodiode_meter"]


def test_a_fault_in_a_twin_is_told_and_ends_the_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve_and_fail() -> None:
        with serving(RESISTOR) as server:
            monkeypatch.setattr(server.twins["smu"], "transmit", lambda: 1 / 0)
            with closing(Client(port_of(server))) as client:
                assert client.ask(b"*IDN?") == b""

    with pytest.raises(ZeroDivisionError):
        serve_and_fail()


def test_traffic_can_be_watched() -> None:
    seen: list[Any] = []
    with serving(RESISTOR, watch=lambda *what: seen.append(what)) as server, closing(Client(port_of(server))) as client:
        client.ask(b"*IDN?")
    assert [what[1:] for what in seen] == [("smu", True, b"*IDN?\n"), ("smu", False, IDENTITY + b"\n")]
    assert 0.0 <= seen[0][0] <= seen[1][0] < TIMEOUT


# the command


def simulate(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "acquire", "simulate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=cwd)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_asked_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    written, over_serial = tmp_path / "bench.yaml", tmp_path / "serial.yaml"
    command = [sys.executable, "-m", "acquire", "simulate", "--json", "--verbose", "--write-bench", str(written)]
    command += ["--write-serial-bench", str(over_serial)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CONFIGS.parent) as process:
        try:
            assert process.stdout is not None
            ports = [json.loads(process.stdout.readline()) for _ in range(3)]
            smu = Port("smu", "", ports[0]["tcp"], ports[0]["pty"])
            with closing(Client(smu)) as client:
                assert client.ask(b"*IDN?") == IDENTITY
        finally:
            process.send_signal(number)
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert b"smu               > *IDN?\\n" in errors
    assert [port["role"] for port in ports] == ["smu", "photodiode_meter", "spectroradiometer"]
    for port in ports:
        assert port["tcp"] in written.read_text(encoding="utf-8")
        assert port["pty"] in over_serial.read_text(encoding="utf-8")


def test_without_a_bench_the_command_says_what_to_name(tmp_path: Path) -> None:
    done = simulate(cwd=tmp_path)
    assert done.returncode == 2
    assert "--bench" in done.stderr


def test_a_real_bench_cannot_be_simulated(tmp_path: Path) -> None:
    done = simulate("--bench", CONFIGS / "benches" / "lab_gpib.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "visa: simulated" in done.stderr


def test_a_taken_port_ends_the_command(bench: BenchServer, tmp_path: Path) -> None:
    taken = port_of(bench).tcp.split("::")[2]
    done = simulate("--bench", CONFIGS / "benches" / "simulated.yaml", "--port", taken, cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot listen" in done.stderr
