"""The guardian: silent while all is well; when the run is gone, the output is off by the twin's own log."""

from __future__ import annotations

import math
import os
import pydoc
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any

import pytest

from acquire import session
from acquire.bench import opening
from acquire.config import BenchFile, load_bench
from acquire.records import Event, Note, Record
from acquire.run_file import finish as finishing
from acquire.run_file import read as reading
from acquire.safety import awake, guardian, guardian_process, off_first
from acquire.safety.guardian import Beat, GuardianProcess, Guarding, NoGuard, NotGuarded, Order, guarded
from acquire.safety.guardian_log import guardian_log, guardian_remarks
from acquire.safety.interruption import StopRequest
from acquire.safety.lock import instruments_locked
from acquire.safety.off_first import SourceAddress
from acquire.safety.other_process import NoProcess
from drivers import errors
from drivers.keithley import State
from drivers.keithley2400.driver import Keithley2400, SmuSettings
from drivers.link import SerialLine
from drivers.simulated.serve import BenchServer
from tests.endurance import kill_table
from tests.endurance.kill_table import LONGEST_ON, Place, a_place
from tests.support.run_files import a_cut_off_run

LIMIT = 30.0  # s, of every wait in here; nothing comes near it unless it is broken


def on(level: float, lowest: float | None = None, within: float = 60.0) -> bytes:
    """What a run says that has set this level."""
    return Beat(within, "VOLT", level, level if lowest is None else lowest, "point 12").as_line()


ON = on(5.0)
SETTINGS = SmuSettings(source="voltage", max_level=8.0, compliance=0.1, nplc=0.01)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with a_place(tmp_path_factory.mktemp("place")) as served:
        yield served


@pytest.fixture
def order(place: Place, tmp_path: Path) -> Order:
    return an_order(place.server, tmp_path)


def an_order(server: BenchServer, folder: Path, link: str = "tcp") -> Order:
    port = next(port for port in server.ports if port.role == "smu")
    resource = port.tcp if link == "tcp" else str(port.serial)
    run = str(folder / "run.h5")
    address = SourceAddress("keithley2400", resource, "@py", SerialLine(terminator="\r"))
    return Order(run, address, patience=0.3, silence=0.3)


def left_on(order: Order, level: float = 5.0) -> None:
    """The source as a run that was killed leaves it: on."""
    smu = Keithley2400(order.source.resource, visa_library="@py", serial=order.source.serial)
    smu.configure(SETTINGS)
    smu.output_on()
    smu.set_level(level)
    smu.ask("*OPC?")
    smu.adapter.close()


def at(order: Order, resource: str) -> Order:
    """The same order for a source at another address."""
    return replace(order, source=replace(order.source, resource=resource))


def outputs(server: BenchServer) -> list[Any]:
    smu: Any = server.twins["smu"]
    return list(smu.output_log)


def started(order: Order, **options: Any) -> subprocess.Popen[bytes]:
    """A guardian that is ready, and on whose standard error one can listen."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(guardian.COMMAND, cwd=kill_table.ROOT, **(pipes | options))
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(order.as_line())
    process.stdin.flush()
    assert process.stdout.readline() == b"ready\n"
    return process


def ended(order: Order, last_words: bytes) -> tuple[int, str]:
    """What becomes of a guardian whose run says this and is gone: exit status, and what it says."""
    process = started(order)
    _, said = process.communicate(last_words, timeout=LIMIT)
    return process.returncode, said.decode()


def points_of(lines: Iterable[str]) -> list[str]:
    """Of what a run reports, its points."""
    return [line for line in lines if '"jvl"' in line]


def remarks(order: Order) -> list[str]:
    return [text for _, text in guardian_remarks(Path(order.run))]


# --- when to act, and when not ------------------------------------------------------------------------------


@pytest.mark.parametrize("last_words", [b"", ON + b"off\n"], ids=["never on", "off"])
def test_a_source_that_is_off_is_left_alone(last_words: bytes, place: Place, order: Order) -> None:
    left_on(order)  # by somebody else: it is not the guardian's business
    before = outputs(place.server)
    assert ended(order, last_words) == (0, "")
    assert outputs(place.server) == before
    assert not guardian_log(Path(order.run)).exists()


def test_a_run_that_is_gone_leaves_the_output_ramped_down_and_off(place: Place, order: Order) -> None:
    left_on(order)
    before = len(outputs(place.server))
    status, said = ended(order, ON)
    assert status == 0
    assert f"{order.run} died (it was at: point 12); the output of {order.source.resource} is off" in said
    changes = outputs(place.server)[before:]
    assert not changes[-1].output_on
    assert [change.level for change in changes if change.output_on] == [4.0, 3.0, 2.0, 1.0, 0.0]
    assert "(point 12, level 5 V)" in remarks(order)[0]
    assert "ramped down from 5 and switched off" in remarks(order)[1]
    assert "answered that its output is off" in remarks(order)[-2]
    assert remarks(order)[-1] == f"the output of {order.source.resource} is off"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_on_a_serial_line(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    with a_place(tmp_path / "place", terminals=True) as place:
        order = an_order(place.server, tmp_path, "pty")
        left_on(order)
        assert ended(order, ON)[0] == 0
        assert not outputs(place.server)[-1].output_on


def test_a_level_that_is_negative_is_ramped_too(place: Place, order: Order) -> None:
    left_on(order, -3.0)
    before = len(outputs(place.server))
    ended(order, on(-3.0))
    levels = [-3.0, *(change.level for change in outputs(place.server)[before:] if change.output_on)]
    assert levels[-1] == 0.0
    assert max(b - a for a, b in pairwise(levels)) < 0.7


@pytest.mark.skipif(sys.platform == "win32", reason="there, a process group of its own has the same effect")
def test_signals_to_the_guardian_and_to_the_group_do_not_end_it(place: Place, order: Order) -> None:
    left_on(order)
    process = started(order, start_new_session=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.killpg(process.pid, number)
    process.communicate(ON, timeout=LIMIT)
    assert process.returncode == 0
    assert not outputs(place.server)[-1].output_on


@pytest.mark.skipif(sys.platform == "win32", reason="there, a process group of its own has the same effect")
def test_the_guardian_is_in_a_session_of_its_own(order: Order) -> None:
    with guarded(order) as guard:
        guard.wait_until_ready()
        assert not isinstance(guard, NoGuard)
        assert guard.process is not None
        number = guard.process.pid
        assert os.getsid(number) == number != os.getsid(0)


# --- when it cannot -----------------------------------------------------------------------------------------


def test_a_source_that_cannot_be_reached_is_told_of(order: Order) -> None:
    gone = at(order, "TCPIP::127.0.0.1::9::SOCKET")
    status, said = ended(gone, ON)
    assert status == 1
    assert f"THE OUTPUT OF {gone.source.resource} MAY STILL BE ON" in said
    assert "press OUTPUT" in said
    begin, failure, last = remarks(gone)
    assert "ended without a word" in begin
    assert failure.startswith("CannotConnect: Keithley 2400 at TCPIP::127.0.0.1::9::SOCKET: cannot be opened")
    assert "MAY STILL BE ON" in last


def test_a_source_that_hangs_up_at_once_is_told_of(order: Order) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        order = at(order, f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET")

        over = threading.Event()

        def hang_up() -> None:
            while not over.is_set():
                server.accept()[0].close()

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        try:
            status, said = ended(order, ON)
        finally:
            over.set()
            socket.create_connection(server.getsockname(), LIMIT).close()
            hanging_up.join()
    assert status == 1
    assert f"THE OUTPUT OF {order.source.resource} MAY STILL BE ON" in said


def test_an_attempt_that_never_ends_is_told_of(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(guardian_process, "make_safe_until_confirmed", lambda *_: never.wait(LIMIT))
    monkeypatch.setattr(guardian_process, "LONGEST_ATTEMPT", 0.1)
    try:
        beat = Beat(1.0, "VOLT", 5.0, 5.0, "point 12")
        assert guardian_process.act(replace(order, patience=0.1), beat, "ended", NoProcess()) == 1
        assert "an attempt to switch it off does not end" in remarks(order)[-1]
    finally:
        never.set()


def test_a_lock_that_somebody_holds_keeps_no_output_on(place: Place, order: Order) -> None:
    left_on(order)
    with instruments_locked([order.source.resource], "the bench", "another program"):
        status, _said = ended(order, ON)
    assert status == 0
    assert not outputs(place.server)[-1].output_on
    assert any("is in use: run another program" in text for text in remarks(order))
    assert remarks(order)[-1] == f"the output of {order.source.resource} is off"


def test_nobody_who_listens_and_no_folder_for_the_log_change_nothing(place: Place, order: Order) -> None:
    lost = replace(order, run=str(Path(order.run).parent / "no such folder" / "run.h5"))
    left_on(lost)
    process = started(lost)
    assert process.stderr is not None
    process.stderr.close()
    process.stderr = None
    process.communicate(ON, timeout=LIMIT)
    assert process.returncode == 0
    assert not outputs(place.server)[-1].output_on


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe cannot be filled up there without waiting")
def test_a_standard_error_that_nobody_reads_holds_nothing_up(place: Place, order: Order) -> None:
    left_on(order)
    unread, full = os.pipe()
    try:
        os.set_blocking(full, False)
        with suppress(BlockingIOError):
            while True:
                os.write(full, b"!")
        os.set_blocking(full, True)
        process = started(order, stderr=full)
        process.communicate(ON, timeout=LIMIT)
    finally:
        os.close(unread)
        os.close(full)
    assert process.returncode == 0
    assert not outputs(place.server)[-1].output_on


def test_an_order_in_which_nothing_makes_sense_is_no_order() -> None:
    for line in [b"{}", b"[]", b"on", b"\xff", b"[" * 10000, b'{"run": "x", "source": {"model": "keithley2400"}}']:
        with pytest.raises(ValueError, match=r"."):
            Order.from_line(line)


def test_an_order_for_an_instrument_that_it_cannot_speak_to_is_refused(order: Order) -> None:
    line = order.as_line().replace(b"keithley2400", b"keithley2450")
    process = subprocess.run(guardian.COMMAND, input=line, capture_output=True, cwd=kill_table.ROOT, timeout=LIMIT)
    assert process.returncode == 2
    assert process.stdout == b"ValueError: nobody here can speak with a 'keithley2450'\n"


def test_without_an_order_it_ends() -> None:
    process = subprocess.run(guardian.COMMAND, input=b"", capture_output=True, cwd=kill_table.ROOT, timeout=LIMIT)
    assert (process.returncode, process.stdout, process.stderr) == (0, b"", b"")


# --- what a run makes of it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "why"),
    [("pass", "ended before it was ready"), ("import sys; sys.stdin.read()", "was not ready within 0.5 s")],
    ids=["ended", "hangs"],
)
def test_no_run_without_a_guardian(
    what: str, why: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardian, "COMMAND", (sys.executable, "-c", what))
    monkeypatch.setattr(guardian, "READY_PATIENCE", 0.5)
    before = len(outputs(place.server))
    result = run(place, tmp_path / "runs")
    assert result.run is None
    assert why in result.error
    assert "Try again" in result.error
    assert not (tmp_path / "runs").exists()
    assert not any(change.output_on for change in outputs(place.server)[before:])


def test_a_guardian_that_cannot_be_started_is_an_error_too(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardian, "COMMAND", (str(Path(order.run).parent / "no python"),))
    with pytest.raises(NotGuarded, match="cannot be started"), guarded(order):
        pass


def test_a_guardian_that_ended_since_it_was_ready_is_noticed(order: Order) -> None:
    with guarded(order) as guard:
        guard.wait_until_ready()
        assert not isinstance(guard, NoGuard)
        assert guard.process is not None
        guard.process.kill()
        guard.process.wait()
        with pytest.raises(NotGuarded, match="has ended"):
            guard.output_goes_on("VOLT", 10.0)


def test_a_run_that_ends_well_leaves_no_log_and_no_output(place: Place, tmp_path: Path) -> None:
    before = len(outputs(place.server))
    result = run(place, tmp_path / "runs")
    assert not result.error
    assert [path.suffix for path in (tmp_path / "runs").iterdir()] == [".h5"]
    changes = outputs(place.server)[before:]
    assert any(change.output_on for change in changes)
    assert sum(a.output_on and not b.output_on for a, b in pairwise(changes)) == 1


def test_an_output_that_the_run_could_not_confirm_is_tried_again(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    original = Keithley2400.output_off

    def lost_once_on(smu: Any) -> None:
        if smu._state in (State.READY, State.READING):
            raise errors.OutputStateUnknown("Keithley 2400", "THE OUTPUT MAY STILL BE ON")
        original(smu)

    monkeypatch.setattr(Keithley2400, "output_off", lost_once_on)
    result = run(place, tmp_path / "runs")
    assert "THE OUTPUT MAY STILL BE ON" in result.error
    assert re.search(r"\nguardian: the output of TCPIP.* is off$", result.error)
    assert "the guardian tries too" in capfd.readouterr().err
    assert not outputs(place.server)[-1].output_on
    assert result.run is not None
    assert result.run.status == "failed"
    assert re.search(r"; the guardian at \d\d:\d\d:\d\d: the output of TCPIP.* is off$", result.run.stop_reason)
    assert any("could not confirm" in note.text for note in result.run.notes)


POINTS = 10  # of a run of which it matters how it begins and ends


def run(place: Place, output: Path, watch: Callable[[Event], None] = lambda event: None) -> session.RunResult:
    text, points = place.sweep.read_text(encoding="utf-8"), f"points: {kill_table.POINTS}"
    assert points in text
    sweep = output.with_name("short.yaml")
    sweep.write_text(text.replace(points, f"points: {POINTS}"), encoding="utf-8")
    return session.run(session.prepare(sweep, place.bench), output, watch, StopRequest())


def test_a_simulated_bench_in_this_process_has_no_guardian() -> None:
    loaded = session.prepare(kill_table.CONFIGS / "sweeps" / "quick_look.yaml").loaded
    assert opening.guardian_order(loaded, Path("run.h5")) is None
    with guarded(None) as guard:
        guard.wait_until_ready()
        guard.output_goes_on("VOLT", 10.0)
        guard.output_is_off()
    assert isinstance(guard, NoGuard)


def test_the_order_says_how_to_reach_the_source_of_a_bench(tmp_path: Path) -> None:
    loaded = session.prepare(
        kill_table.CONFIGS / "sweeps" / "quick_look.yaml", kill_table.CONFIGS / "benches" / "lab_serial.yaml"
    ).loaded
    order = opening.guardian_order(loaded, tmp_path / "run.h5")
    assert order is not None
    assert order == Order.from_line(order.as_line())
    serial = SerialLine(19200, "\r", "none")
    assert order.source == SourceAddress("keithley2400", "ASRL/dev/ttyUSB0::INSTR", "@py", serial)
    assert order.process == os.getpid()


# --- what becomes of the file -------------------------------------------------------------------------------


def test_what_the_guardian_did_is_in_the_recovered_file(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path)
    start = reading.read_run(path).start_time
    log = [f"{start} the run ended without a word", "", "not a line of the guardian", f"{start} the output of X is off"]
    guardian_log(path).write_text("\n".join(log), encoding="utf-8")
    recovered = finishing.recover(path)
    assert recovered.stop_reason.startswith(finishing.CUT_OFF)
    assert recovered.stop_reason.endswith("the output of X is off")
    assert [(note.time, note.text) for note in recovered.notes] == [
        (0.0, "the run ended without a word"),
        (0.0, "the output of X is off"),
    ]


def test_a_log_that_is_none_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path)
    guardian_log(path).write_bytes(b"\xff\xfe 2026-01-01 \x00 \n2026-01-01T00:00:00 no offset\n" * 5000)
    assert finishing.recover(path).stop_reason == finishing.CUT_OFF


# --- words and levels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "lowest"),
    [
        ((3.0, 5.0), 3.0),  # it may not have gone up yet
        ((5.0, 3.0), 3.0),  # it may have gone down already
        ((5.0, 5.0), 5.0),
        ((-5.0, -3.0), -3.0),
        ((5.0, -5.0), 0.0),
        ((nan, 5.0), nan),
        ((5.0, nan), nan),
    ],
)
def test_a_ramp_begins_where_it_cannot_go_up(levels: tuple[float, float], lowest: float) -> None:
    told: list[Beat] = []
    guard = Guarding.__new__(Guarding)
    guard._beat = Beat(1.0, "VOLT", levels[0], levels[0], "")
    guard._say = told.append  # type: ignore[method-assign]
    guard.beat("point 2", "VOLT", levels[1], 1.0)
    assert told[0].lowest == pytest.approx(lowest, nan_ok=True)


def test_a_word_comes_through_as_it_was_said() -> None:
    beat = Beat(2.5, "CURR", -0.0123, -0.012, "dark reading 3")
    assert Beat.from_line(beat.as_line().rstrip(b"\n")) == beat


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"on",
        b"\xff\xfe",
        b"beat",
        b"beat 1 VOLT 5",
        b"beat inf VOLT 5 5 x",
        b"beat 1 OHM 5 5 x",
        b"beat 1 VOLT 5 y x",
    ],
)
def test_a_word_that_makes_no_sense_leaves_the_level_unknown(line: bytes, place: Place, order: Order) -> None:
    beat = Beat.from_line(line)
    assert math.isnan(beat.lowest)
    assert 0.0 < beat.within < math.inf


def test_after_words_that_make_no_sense_the_source_is_set_to_zero_at_once(place: Place, order: Order) -> None:
    left_on(order)
    before = len(outputs(place.server))
    status, _ = ended(order, ON + b"\x00\xffbeat 5 5 5\n\n")
    assert status == 0
    changes = outputs(place.server)[before:]
    assert [change.level for change in changes if change.output_on] == [0.0]
    assert not changes[-1].output_on


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can be stopped there")
def test_a_run_never_waits_for_a_guardian_that_reads_nothing(
    place: Place, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardian, "SILENCE", LIMIT)
    left_on(order)
    guardian_one = GuardianProcess(order)
    guardian_one.wait_until_ready(LIMIT)
    os.kill(guardian_one.process.pid, signal.SIGSTOP)
    for level in range(2000):
        guardian_one.say(on(level / 1000))
    assert guardian_one._said - guardian_one._heard <= guardian.UNDER_WAY + len(guardian._LEVEL_NOT_KNOWN)
    before = len(outputs(place.server))
    os.kill(guardian_one.process.pid, signal.SIGCONT)
    guardian_one.end(LIMIT)
    assert "level not known" in remarks(order)[0]  # more was said than the pipe took: no old level may be ramped from
    assert [change.level for change in outputs(place.server)[before:] if change.output_on] == [0.0]


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can be stopped there")
def test_what_was_left_out_does_not_last(order: Order) -> None:
    with guarded(order) as guard:
        guard.wait_until_ready()
        assert isinstance(guard, Guarding)
        assert guard._guardian is not None
        guard.output_goes_on("VOLT", 60.0)
        for point in range(3000):
            guard.beat(f"point {point}", "VOLT", point / 1000, 60.0)
        guard.output_is_off()
        until = time.monotonic() + LIMIT
        while guard._guardian._heard != guard._guardian._said and time.monotonic() < until:
            pass
        assert guard._guardian._heard == guard._guardian._said
        assert guard.remarks() == []


# --- a link that fails, too ---------------------------------------------------------------------------------


class Between:
    """A line between client and twin on which things go wrong."""

    def __init__(self, resource: str) -> None:
        self._twin = int(resource.split("::")[2])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.resource = f"TCPIP::127.0.0.1::{self.port}::SOCKET"
        self.deaf_until = self.delay = 0.0
        self.mute = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                twin = socket.create_connection(("127.0.0.1", self._twin))
                self._open += [client, twin]
                threading.Thread(target=self._pass_on, args=(client, twin, True), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(twin, client, False), daemon=True).start()

    def _pass_on(self, from_: socket.socket, to: socket.socket, to_twin: bool) -> None:
        with suppress(OSError):
            while content := from_.recv(4096):
                if (to_twin and time.monotonic() < self.deaf_until) or (not to_twin and self.mute):
                    continue
                if not to_twin and self.delay:
                    threading.Timer(self.delay, _send, (to, content)).start()
                else:
                    to.sendall(content)
        _shut(from_, to)

    def close(self) -> None:
        """Hang up, and listen no more."""
        _shut(self._listener, *self._open)
        self._open.clear()

    def reopen(self) -> None:
        """Listen at the same port again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()


def _send(to: socket.socket, content: bytes) -> None:
    with suppress(OSError):
        to.sendall(content)


def _shut(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@pytest.fixture
def line(place: Place, order: Order) -> Iterator[Between]:
    between = Between(order.source.resource)
    yield between
    between.close()


def seconds_to_off(place: Place, since: float) -> float:
    """From a moment of the twin's clock until its output went off, which it has stayed since."""
    changes = outputs(place.server)
    assert not changes[-1].output_on
    off = next(after for before, after in reversed([*pairwise(changes)]) if before.output_on)
    print(f"off after {off.time - since:.3f} s")
    return float(off.time - since)


def test_a_source_that_is_mute_is_off_at_once_and_told_of(place: Place, order: Order, line: Between) -> None:
    left_on(order)
    process = started(at(order, line.resource))
    line.mute = True
    moment = place.server.clock.now()
    _, said = process.communicate(ON, timeout=LIMIT)
    assert process.returncode == 1
    assert b"MAY STILL BE ON" in said
    assert seconds_to_off(place, moment) < LONGEST_ON


def test_a_source_that_is_deaf_for_a_second_is_off_soon_after(place: Place, order: Order, line: Between) -> None:
    left_on(order)
    process = started(replace(at(order, line.resource), patience=5.0))
    line.deaf_until = time.monotonic() + 1.0
    moment = place.server.clock.now()
    process.communicate(ON, timeout=LIMIT)
    assert process.returncode == 0
    assert seconds_to_off(place, moment) < 1.0 + LONGEST_ON


@pytest.mark.slow  # three seconds of real time until an answer comes
def test_a_source_whose_answers_come_late_is_off_at_once_and_confirmed(
    place: Place, order: Order, line: Between
) -> None:
    left_on(order)
    process = started(replace(at(order, line.resource), patience=10.0))
    line.delay = 3.0
    moment = place.server.clock.now()
    process.communicate(ON, timeout=LIMIT)
    assert process.returncode == 0
    assert "answered that its output is off" in remarks(order)[-2]
    assert seconds_to_off(place, moment) < LONGEST_ON


def test_a_link_that_is_closed_and_opened_again(place: Place, order: Order, line: Between) -> None:
    left_on(order)
    process = started(replace(at(order, line.resource), patience=10.0))
    line.close()
    reopened: list[float] = []

    def reopen() -> None:
        reopened.append(place.server.clock.now())
        line.reopen()

    threading.Timer(0.7, reopen).start()
    process.communicate(ON, timeout=LIMIT)
    assert process.returncode == 0
    assert 0.0 < seconds_to_off(place, reopened[0]) < LONGEST_ON


def test_a_sweep_from_memory_is_ended(place: Place, order: Order) -> None:
    smu = Keithley2400(order.source.resource, visa_library="@py", serial=order.source.serial)
    smu.configure(replace(SETTINGS, measure_range=0.1))
    smu.output_on()
    smu.program_sweep([5.0] * 500, 0.05)
    smu.start_sweep()
    process = started(order)
    moment = place.server.clock.now()
    process.communicate(on(nan), timeout=LIMIT)
    smu.adapter.close()
    assert process.returncode == 0
    assert seconds_to_off(place, moment) < LONGEST_ON


# --- a run that is stopped ----------------------------------------------------------------------------------


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="nobody tells there that a process was stopped")

#: A run that reports its points as those of the kill table do, with short patience: the arguments come behind.
IMPATIENT = """
import sys
from dataclasses import replace
from pathlib import Path
from acquire import session
from acquire.bench import bench
from acquire.safety import guardian
from tests.endurance import kill_table
bench.LONGEST_PAUSE = guardian.SILENCE = 0.4
order = session.guardian_order
session.guardian_order = lambda *what: replace(order(*what), silence=0.4)
sys.exit(kill_table.run_and_report(*map(Path, sys.argv[1:4]), -1))
"""


@pytest.fixture
def long_sweep(place: Place) -> Path:
    """A sweep that does not end by itself while a test looks at it."""
    path = place.sweep.with_name("long.yaml")
    text = kill_table.SWEEP.format(configs=kill_table.CONFIGS.as_posix(), points=20_000)
    path.write_text(text, encoding="utf-8")
    return path


@POSIX
def test_a_run_that_is_stopped_is_ended_and_its_source_made_safe(
    place: Place, long_sweep: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", IMPATIENT, str(long_sweep), str(place.bench), str(tmp_path / "runs")]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=kill_table.ROOT, **pipes) as stopped:
        assert stopped.stdout is not None
        points = points_of(stopped.stdout.readline() for _ in range(20))
        stopped.send_signal(signal.SIGSTOP)
        moment = place.server.clock.now()
        more, said = stopped.communicate(timeout=LIMIT)  # the end of the guardian, too
        assert stopped.returncode == -signal.SIGKILL
    assert seconds_to_off(place, moment) < 0.4 + 0.5 + LONGEST_ON
    assert re.search(r"said nothing more and was ended \(it was at: point \d+\); the output of", said)
    (path,) = kill_table.run_files(tmp_path / "runs")
    texts = [text for _, text in guardian_remarks(path)]
    assert re.search(r"the run was silent 0.4 s beyond .* \(point \d+, level 3\S* V\)$", texts[0])
    assert texts[1] == "the run was ended, so that it cannot go on by itself"
    recovered = finishing.recover(path)
    assert len(recovered.records) >= len(points) + len(points_of(more.splitlines())) - 1
    assert re.search(r"the guardian at .*: the output of TCPIP.* is off$", recovered.stop_reason)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a guardian can end its parent only")
def test_a_run_that_is_stopped_while_another_program_holds_the_lock(place: Place, order: Order) -> None:
    left_on(order)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stopped:
        process = started(replace(order, process=stopped.pid))
        stopped.send_signal(signal.SIGSTOP)
        assert process.stdin is not None
        moment = place.server.clock.now()
        with instruments_locked([order.source.resource], "the bench", "another program"):
            process.stdin.write(on(5.0, within=0.1))
            process.stdin.flush()
            assert process.wait(LIMIT) == 0
        process.communicate()
        assert stopped.wait(LIMIT) == -signal.SIGKILL
    assert seconds_to_off(place, moment) < 0.4 + LONGEST_ON
    assert any("run another program" in text for text in remarks(order))
    assert remarks(order)[-1] == f"the output of {order.source.resource} is off"


class Unending:
    """A run that does not go away for some time, and switches the output on again meanwhile."""

    def __init__(self, order: Order) -> None:
        self.order, self.times = order, 0

    def end(self, wait: float) -> bool:
        self.times += 1
        if self.times < 3:
            left_on(self.order)
        return self.times > 3


def test_a_run_that_cannot_be_ended_is_switched_off_until_it_is_gone(place: Place, order: Order) -> None:
    before = len(outputs(place.server))
    beat = Beat(1.0, "VOLT", 5.0, 5.0, "point 12")
    with instruments_locked([order.source.resource], "the bench", "the run itself"):
        assert guardian_process.act(order, beat, "silent", Unending(order)) == 0
    changes = outputs(place.server)[before:]
    assert sum(a.output_on and not b.output_on for a, b in pairwise(changes)) == 2
    assert not changes[-1].output_on
    assert "the run cannot be ended; its source is switched off again and again until it is gone" in remarks(order)
    assert remarks(order)[-1] == f"the run is gone; the output of {order.source.resource} is off"


def test_a_run_that_says_what_is_due_is_left_alone(place: Place, order: Order) -> None:
    left_on(order)
    process = started(order)
    assert process.stdin is not None
    assert process.stdout is not None
    for word in (on(5.0, within=0.2), on(5.0, within=0.2), b"off\n"):
        process.stdin.write(word)
        process.stdin.flush()
        assert int(process.stdout.readline()) > 0
    with pytest.raises(subprocess.TimeoutExpired):  # nothing is owed while the output is off
        process.wait(0.8)
    process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    assert outputs(place.server)[-1].output_on


def test_a_run_that_stood_still_together_with_its_guardian_ends_in_order(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    with guarded(replace(order, silence=LIMIT)) as guard:
        guard.wait_until_ready()
        guard.output_goes_on("VOLT", 0.0)
        monkeypatch.setattr(guardian, "SILENCE", 0.0)
        with pytest.raises(NotGuarded, match="the run stood still"):
            guard.beat("point 1", "VOLT", 1.0, 0.0)
        guard.beat("point 1", "VOLT", 1.0, 0.0)  # said once: the output goes off now
        guard.switching_off(0.0)
        guard.output_is_off()


@POSIX
def test_ctrl_z_ends_a_run_in_order(place: Place, long_sweep: Path, tmp_path: Path) -> None:
    import pty

    number, terminal = pty.fork()
    if number == 0:
        os.chdir(kill_table.ROOT)
        what = [str(long_sweep), "--bench", str(place.bench), "--output", str(tmp_path / "runs")]
        os.execv(sys.executable, [sys.executable, "-m", "acquire", "run", *what])
    place.energised.clear()
    shown = _read_until(terminal, b"no light")
    assert place.energised.is_set()
    os.write(terminal, b"\x1a")
    moment = place.server.clock.now()
    shown += _read_until(terminal, None)
    _, status = os.waitpid(number, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130, shown.decode(errors="replace")
    assert seconds_to_off(place, moment) < LONGEST_ON
    (path,) = kill_table.run_files(tmp_path / "runs")
    done = reading.read_run(path)
    assert done.status == "stopped"
    assert "Ctrl-Z" in done.stop_reason


def _read_until(terminal: int, what: bytes | None) -> bytes:
    """What a terminal shows until it has shown ``what``, or to its end."""
    shown = b""
    with suppress(OSError):  # Linux: nobody has the terminal open any more
        while (what is None or what not in shown) and select.select([terminal], [], [], LIMIT)[0]:
            if not (more := os.read(terminal, 65536)):
                break
            shown += more
    return shown


# --- a guardian that is lost --------------------------------------------------------------------------------


@pytest.fixture
def guardians(monkeypatch: pytest.MonkeyPatch) -> list[GuardianProcess]:
    """Every guardian that is started, in order."""
    found: list[GuardianProcess] = []
    original = GuardianProcess.__init__

    def noted(self: GuardianProcess, *given: Any) -> None:
        original(self, *given)
        found.append(self)

    monkeypatch.setattr(GuardianProcess, "__init__", noted)
    return found


class Losing:
    """A spectator who does something to the guardian at the tenth point, and stops the run once that has been noted."""

    def __init__(self, guardians: list[GuardianProcess], number: int, at_the_end: str) -> None:
        self.guardians, self.number, self.at_the_end = guardians, number, at_the_end
        self.stop = StopRequest()
        self.noted: list[Note] = []
        self.lost_at = nan

    def __call__(self, event: Event) -> None:
        if isinstance(event, Note):
            self.noted.append(event)
            if self.at_the_end in event.text:
                self.stop.note("seen enough")
        elif isinstance(event, Record) and event.reading.index == 10:
            os.kill(self.guardians[0].process.pid, self.number)
            self.lost_at = event.reading.time


@POSIX
@pytest.mark.parametrize(
    ("name", "why", "told"),
    [
        ("SIGKILL", "has ended", True),
        pytest.param("SIGSTOP", "was stopped", True, marks=LINUX),
        ("SIGSTOP", "has not answered for 0.3 s", False),
    ],
    ids=["killed", "stopped", "silent"],
)
def test_a_guardian_that_is_lost_is_replaced(
    name: str,
    why: str,
    told: bool,
    place: Place,
    long_sweep: Path,
    tmp_path: Path,
    guardians: list[GuardianProcess],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guardian, "SILENCE", 0.3)
    if not told:
        monkeypatch.setattr(guardian, "_is_stopped", lambda number: False)
    losing = Losing(guardians, getattr(signal, name), "another guardian is ready")
    result = session.run(session.prepare(long_sweep, place.bench), tmp_path / "runs", losing, losing.stop)
    assert not result.error
    assert len(guardians) == 2
    assert result.run is not None
    first, second = (note for note in result.run.notes if "guardian" in note.text)
    assert first.text == f"the guardian {why}; another one is started"
    assert first.time - losing.lost_at < 0.3 + LONGEST_ON
    measured = [record.reading.time for record in result.run.records]
    assert sum(first.time < moment < second.time for moment in measured) > 3, "the run waited for the next guardian"
    assert max(b - a for a, b in pairwise(measured)) < 1.0


@POSIX
def test_without_another_guardian_the_run_ends_in_order(
    place: Place, long_sweep: Path, tmp_path: Path, guardians: list[GuardianProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    losing = Losing(guardians, signal.SIGKILL, "no such text")

    def lose(event: Event) -> None:
        if guardians:
            monkeypatch.setattr(guardian, "COMMAND", (sys.executable, "-c", "pass"))
        losing(event)

    result = session.run(session.prepare(long_sweep, place.bench), tmp_path / "runs", lose, losing.stop)
    assert "ended before it was ready; the run ends here" in result.error
    assert not outputs(place.server)[-1].output_on
    assert result.run is not None
    assert result.run.status == "failed"


class Gone:
    """A guardian that is there until ``why`` says otherwise."""

    why = ""

    def __init__(self, order: Order, ahead: object = None) -> None:
        self.said: list[bytes] = []

    def say(self, word: bytes) -> None:
        self.said.append(word)

    def lost(self) -> str:
        return self.why

    def abandon(self) -> None:
        pass


def test_a_guardian_that_is_lost_after_the_output_was_off_for_a_while_ends_the_run_too(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switching off is never disturbed; what is switched on again is guarded as before."""
    monkeypatch.setattr(guardian, "GuardianProcess", Gone)
    guard = guardian.Guarding(order)
    guard.output_goes_on("VOLT", 5.0)
    guard.switching_off(5.0)
    guard.output_is_off()
    guard.still()
    guard.output_goes_on("VOLT", 5.0)
    guard.beat("point 1", "VOLT", 1.0, 5.0)

    def none_starts(order: Order) -> Gone:
        raise NotGuarded("the guardian", "cannot be started")

    monkeypatch.setattr(Gone, "why", "has ended")
    monkeypatch.setattr(guardian, "GuardianProcess", none_starts)
    with pytest.raises(NotGuarded, match="the run ends here"):
        guard.beat("point 2", "VOLT", 2.0, 5.0)


#: The impatient run, which also reports the number of its guardian and what it has to remark about it.
REMARKING = IMPATIENT.replace(
    "sys.exit(",
    """
from acquire.safety.guardian import Guarding
original = Guarding.remarks
def remarks(guard):
    found = original(guard)
    for text in found:
        print(text, flush=True)
    return found
Guarding.remarks = remarks
ready = Guarding.wait_until_ready
Guarding.wait_until_ready = lambda guard: (ready(guard), print(guard.process.pid, flush=True))
sys.exit(""",
)


@POSIX
@pytest.mark.parametrize(
    ("to_guardian", "remark", "delay", "to_run"),
    [
        ("SIGKILL", "the guardian has ended; another one is started", 0.0, "SIGKILL"),
        pytest.param("SIGKILL", "", 0.3, "SIGKILL", marks=pytest.mark.long),
        pytest.param("SIGKILL", "another guardian is ready", 0.0, "SIGKILL", marks=pytest.mark.long),
        ("SIGKILL", "the guardian has ended; another one is started", 0.0, "SIGSTOP"),
        pytest.param("SIGSTOP", "the guardian was stopped; another one is started", 0.3, "SIGKILL", marks=LINUX),
    ],
    ids=["at once", "0.3 s later", "guarded by the next", "stopped at once", "guardian stopped"],
)
def test_a_run_that_loses_its_guardian_and_is_killed_or_stopped(
    to_guardian: str, remark: str, delay: float, to_run: str, place: Place, long_sweep: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", REMARKING, str(long_sweep), str(place.bench), str(tmp_path / "runs")]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=kill_table.ROOT, **pipes) as run_:
        assert run_.stdout is not None
        first = int(run_.stdout.readline())
        _read_on(run_, lambda line: bool(points_of([line])))
        os.kill(first, getattr(signal, to_guardian))
        if remark:
            _read_on(run_, lambda line: line == f"{remark}\n")
        with suppress(subprocess.TimeoutExpired):
            run_.wait(delay)
        run_.send_signal(getattr(signal, to_run))
        moment = place.server.clock.now()
        _, said = run_.communicate(timeout=LIMIT)  # the end of the guardian, too
        assert run_.returncode == -signal.SIGKILL
    silence = 0.8 if to_run == "SIGSTOP" else 0.0
    assert seconds_to_off(place, moment) < silence + LONGEST_ON
    assert f"{'died' if to_run == 'SIGKILL' else 'said nothing more and was ended'} (it was at: " in said
    (path,) = kill_table.run_files(tmp_path / "runs")
    recovered = finishing.recover(path)
    assert re.search(r"the guardian at .*: the output of TCPIP.* is off$", recovered.stop_reason)


def _read_on(run_: subprocess.Popen[str], until: Callable[[str], bool]) -> None:
    """Read what a run reports, up to a line; one that ends before is broken."""
    assert run_.stdout is not None
    while line := run_.stdout.readline():
        if until(line):
            return
    pytest.fail("the run ended by itself")


def test_a_guardian_whose_run_is_gone_before_it_is_ready_acts_all_the_same(place: Place, order: Order) -> None:
    left_on(order)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait(LIMIT)
    line = replace(order, process=gone.pid).as_line()
    done = subprocess.run(
        guardian.COMMAND, input=line + ON, capture_output=True, cwd=kill_table.ROOT, timeout=LIMIT, check=True
    )
    assert b"is off" in done.stderr
    assert not outputs(place.server)[-1].output_on


def test_what_the_last_word_was_passes_a_full_pipe(place: Place, order: Order) -> None:
    guardian_one = GuardianProcess(order)
    for point in range(200):  # before it can have read anything
        guardian_one.say(on(point / 100))
    assert guardian_one._said + len(order.as_line()) <= guardian.UNDER_WAY + len(guardian._LEVEL_NOT_KNOWN)
    guardian_one.say(b"off\n")
    before = outputs(place.server)
    guardian_one.end(LIMIT)
    assert guardian_one.process.returncode == 0
    assert outputs(place.server) == before
    assert not guardian_log(Path(order.run)).exists()


# --- letting go ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", [NotGuarded("the guardian", "is confused"), KeyboardInterrupt()])
def test_a_failure_while_the_guardian_is_dismissed_costs_no_file(
    problem: BaseException, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dismiss = Guarding.dismiss

    def fail(guard: Guarding) -> None:
        dismiss(guard)
        raise problem

    monkeypatch.setattr(Guarding, "dismiss", fail)
    result = run(place, tmp_path / "runs")
    assert result.run is not None
    assert result.run.status == "completed"
    assert len(result.run.records) == POINTS
    assert f"after the sweep, letting go of the bench failed: {type(problem).__name__}: {problem}" in result.error
    assert "could not begin" not in result.error


@pytest.mark.parametrize(
    "what",
    [
        "acquire.bench.bench.BenchInRun.close",
        "acquire.bench.opening.Bench.close",
        "acquire.safety.awake._let_go",
        "acquire.safety.lock._write",
    ],
)
def test_whatever_fails_while_a_run_lets_go_costs_no_file(
    what: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awake, "inhibitor", lambda: (sys.executable, "-c", "input()"))
    swept = []

    def watch(event: Event) -> None:
        if not swept:
            swept.append(event)
            original = pydoc.locate(what)
            monkeypatch.setattr(what, lambda *given: (original(*given), 1 / 0))  # type: ignore[operator]

    result = run(place, tmp_path / "runs", watch)
    assert result.run is not None
    assert result.run.status == "completed"
    assert "after the sweep, letting go of the bench failed: ZeroDivisionError" in result.error
    assert not outputs(place.server)[-1].output_on


# --- kill -9 ------------------------------------------------------------------------------------------------


def test_a_run_killed_in_the_middle_of_its_sweep(place: Place, tmp_path: Path) -> None:
    command = place.command(tmp_path / "runs")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=kill_table.ROOT, **pipes) as killed:
        assert killed.stdout is not None
        points = points_of(killed.stdout.readline() for _ in range(20))
        moment = place.server.clock.now()
        assert outputs(place.server)[-1].output_on
        killed.kill()
        more, said = killed.communicate(timeout=LIMIT)  # the end of the guardian, too
    last = outputs(place.server)[-1]
    assert not last.output_on
    assert last.time - moment < LONGEST_ON
    assert re.search(r"died \(it was at: .*\); the output of", said)
    (path,) = kill_table.run_files(tmp_path / "runs")
    recovered = finishing.recover(path)
    assert len(recovered.records) >= len(points) + len(points_of(more.splitlines()))
    assert recovered.stop_reason.startswith(finishing.CUT_OFF)
    assert re.search(r"the guardian at .*: the output of TCPIP.* is off$", recovered.stop_reason)


# --- off, by a person ---------------------------------------------------------------------------------------


@pytest.fixture
def bench_file(place: Place) -> BenchFile:
    return load_bench(place.bench)


@pytest.mark.parametrize("level", [5.0, -3.0, 0.0])
def test_a_source_that_somebody_left_on_is_switched_off(
    level: float, place: Place, order: Order, bench_file: BenchFile
) -> None:
    left_on(order, level)
    done = opening.switch_off(bench_file)
    assert f"{order.source.resource}: taken to zero and switched off; asked, it says that its output is off" in done
    assert not outputs(place.server)[-1].output_on


def test_who_uses_the_source_is_said_and_it_is_switched_off_all_the_same(
    place: Place, order: Order, bench_file: BenchFile
) -> None:
    left_on(order)
    with instruments_locked([order.source.resource], "the bench", "/data/somebody.h5"):
        done = opening.switch_off(bench_file)
    assert "It was switched off although it is in use: run /data/somebody.h5 (process" in done
    assert not outputs(place.server)[-1].output_on


def test_a_source_that_cannot_be_asked_is_told_of_loudly(
    place: Place, order: Order, bench_file: BenchFile, line: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_on(order)
    line.mute = True
    monkeypatch.setattr(off_first, "PATIENCE", 0.1)
    monkeypatch.setattr(opening, "source_address", lambda _: at(order, line.resource).source)
    with pytest.raises(errors.OutputStateUnknown, match=r"THE OUTPUT MAY STILL BE ON.*Press OUTPUT"):
        opening.switch_off(bench_file)
    assert not outputs(place.server)[-1].output_on


def test_a_simulated_bench_has_nothing_to_switch_off() -> None:
    assert "simulated" in opening.switch_off(load_bench(kill_table.CONFIGS / "benches" / "simulated.yaml"))


@pytest.mark.slow  # a process that is killed, in real time; more: make kills
def test_kill_table() -> None:
    done = kill_table.kills_in_parallel(1, seed=20, jobs=1)
    assert [kill for kill in done if kill.problems] == []
