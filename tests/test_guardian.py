"""The guardian: silent while all is well; when the run is gone, the output is off by the twin's own log."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from acquire import archive, bench, guardian, session
from acquire.bench_lock import held
from acquire.guardian import NoGuard, NotGuarded, Order, watching
from acquire.interruption import StopRequest
from acquire.records import Event
from acquire.run_files import guardian_log, guardian_remarks
from drivers import errors
from drivers.keithley2400 import Keithley2400, SmuSettings
from drivers.link import SerialLine
from drivers.simulated.serve import BenchServer
from tests import kill_table
from tests.kill_table import LONGEST_ON, Place, a_place
from tests.test_recovery import a_run

LIMIT = 30.0  # s, of every wait in here; nothing comes near it unless it is broken
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
    return Order(run, resource, "@py", SerialLine(terminator="\r"), voltage=20.0, current=0.2, patience=0.3)


def left_on(order: Order, level: float = 5.0) -> None:
    """The source as a run that was killed leaves it: on."""
    smu = Keithley2400(order.resource, visa_library="@py", serial=order.serial)
    smu.configure(SETTINGS)
    smu.output_on()
    smu.set_level(level)
    smu.ask("*OPC?")
    smu.adapter.close()


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


def remarks(order: Order) -> list[str]:
    return [text for _, text in guardian_remarks(Path(order.run))]


# --- when to act, and when not ------------------------------------------------------------------------------


@pytest.mark.parametrize("last_words", [b"", b"on\noff\n"], ids=["never on", "off"])
def test_a_source_that_is_off_is_left_alone(last_words: bytes, place: Place, order: Order) -> None:
    left_on(order)  # by somebody else: it is not the guardian's business
    before = outputs(place.server)
    assert ended(order, last_words) == (0, "")
    assert outputs(place.server) == before
    assert not guardian_log(Path(order.run)).exists()


def test_a_run_that_is_gone_leaves_the_output_ramped_down_and_off(place: Place, order: Order) -> None:
    left_on(order)
    before = len(outputs(place.server))
    status, said = ended(order, b"on\n")
    assert status == 0
    assert f"{order.run} died; the output of {order.resource} is off" in said
    changes = outputs(place.server)[before:]
    assert not changes[-1].output_on
    assert [change.level for change in changes if change.output_on] == [4.0, 3.0, 2.0, 1.0, 0.0]
    assert "answered that its output is off" in remarks(order)[-2]
    assert remarks(order)[-1] == f"the output of {order.resource} is off"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_on_a_serial_line(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    with a_place(tmp_path / "place", terminals=True) as place:
        order = an_order(place.server, tmp_path, "pty")
        left_on(order)
        assert ended(order, b"on\n")[0] == 0
        assert not outputs(place.server)[-1].output_on


def test_a_level_that_is_negative_is_ramped_too(place: Place, order: Order) -> None:
    left_on(order, -3.0)
    before = len(outputs(place.server))
    ended(order, b"on\n")
    levels = [-3.0, *(change.level for change in outputs(place.server)[before:] if change.output_on)]
    assert levels[-1] == 0.0
    assert max(b - a for a, b in pairwise(levels)) < 0.7


@pytest.mark.skipif(sys.platform == "win32", reason="there, a process group of its own has the same effect")
def test_signals_to_the_guardian_and_to_the_group_do_not_end_it(place: Place, order: Order) -> None:
    left_on(order)
    process = started(order, start_new_session=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.killpg(process.pid, number)
    process.communicate(b"on\n", timeout=LIMIT)
    assert process.returncode == 0
    assert not outputs(place.server)[-1].output_on


@pytest.mark.skipif(sys.platform == "win32", reason="there, a process group of its own has the same effect")
def test_the_guardian_is_in_a_session_of_its_own(order: Order) -> None:
    with watching(order) as guard:
        guard.wait_until_ready()
        assert not isinstance(guard, NoGuard)
        number = guard._process.pid
        assert os.getsid(number) == number != os.getsid(0)


# --- when it cannot -----------------------------------------------------------------------------------------


def test_a_source_that_cannot_be_reached_is_told_of(order: Order) -> None:
    gone = replace(order, resource="TCPIP::127.0.0.1::9::SOCKET")
    status, said = ended(gone, b"on\n")
    assert status == 1
    assert f"THE OUTPUT OF {gone.resource} MAY STILL BE ON" in said
    assert "press OUTPUT" in said
    begin, failure, last = remarks(gone)
    assert "ended without a word" in begin
    assert failure.startswith("CannotConnect: Keithley 2400 at TCPIP::127.0.0.1::9::SOCKET: cannot be opened")
    assert "MAY STILL BE ON" in last


def test_a_source_that_hangs_up_at_once_is_told_of(order: Order) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        order = replace(order, resource=f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET")

        over = threading.Event()

        def hang_up() -> None:
            while not over.is_set():
                server.accept()[0].close()

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        try:
            status, said = ended(order, b"on\n")
        finally:
            over.set()
            socket.create_connection(server.getsockname(), LIMIT).close()
            hanging_up.join()
    assert status == 1
    assert f"THE OUTPUT OF {order.resource} MAY STILL BE ON" in said


def test_an_attempt_that_never_ends_is_told_of(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(guardian, "_switch_off", lambda order, lock: never.wait(LIMIT))
    monkeypatch.setattr(guardian, "LONGEST_ATTEMPT", 0.1)
    try:
        assert guardian.act(replace(order, patience=0.1), run_is_dead=True) == 1
        assert "an attempt to switch it off does not end" in remarks(order)[-1]
    finally:
        never.set()


def test_a_source_that_the_next_run_has_is_left_to_it(place: Place, order: Order) -> None:
    left_on(order)
    before = outputs(place.server)
    with held([order.resource], "the bench", "the next run"):
        status, said = ended(order, b"on\n")
    assert status == 0
    assert "left to the next run" in said
    assert "run the next run" in said
    assert outputs(place.server) == before


def test_nobody_who_listens_and_no_folder_for_the_log_change_nothing(place: Place, order: Order) -> None:
    lost = replace(order, run=str(Path(order.run).parent / "no such folder" / "run.h5"))
    left_on(lost)
    process = started(lost)
    assert process.stderr is not None
    process.stderr.close()
    process.stderr = None
    process.communicate(b"on\n", timeout=LIMIT)
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
        process.communicate(b"on\n", timeout=LIMIT)
    finally:
        os.close(unread)
        os.close(full)
    assert process.returncode == 0
    assert not outputs(place.server)[-1].output_on


@pytest.mark.parametrize("line", [b"", b"{}\n", b"on\n"])
def test_without_an_order_it_ends(line: bytes) -> None:
    process = subprocess.run(guardian.COMMAND, input=line, capture_output=True, cwd=kill_table.ROOT, timeout=LIMIT)
    assert process.stdout == b""
    assert (process.returncode == 0) is (line == b"")


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
    assert "Nothing was switched on" in result.error
    assert not (tmp_path / "runs").exists()
    assert not any(change.output_on for change in outputs(place.server)[before:])


def test_a_guardian_that_cannot_be_started_is_an_error_too(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardian, "COMMAND", (str(Path(order.run).parent / "no python"),))
    with pytest.raises(NotGuarded, match="cannot be started"), watching(order):
        pass


def test_a_guardian_that_ended_since_it_was_ready_is_noticed(order: Order) -> None:
    with watching(order) as guard:
        guard.wait_until_ready()
        assert not isinstance(guard, NoGuard)
        guard._process.kill()
        guard._process.wait()
        with pytest.raises(NotGuarded, match="has ended"):
            guard.output_goes_on()


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
        if smu._on:
            raise errors.OutputStateUnknown("Keithley 2400", "THE OUTPUT MAY STILL BE ON")
        original(smu)

    monkeypatch.setattr(Keithley2400, "output_off", lost_once_on)
    result = run(place, tmp_path / "runs")
    assert "THE OUTPUT MAY STILL BE ON" in result.error
    assert re.search(r"\nguardian: the output of TCPIP.* is off$", result.error)
    assert "the guardian tries as well" in capfd.readouterr().err
    assert not outputs(place.server)[-1].output_on
    assert result.run is not None
    assert result.run.status == "failed"
    assert re.search(r"; the guardian at \d\d:\d\d:\d\d: the output of TCPIP.* is off$", result.run.stop_reason)
    assert any("could not confirm" in note.text for note in result.run.notes)


def run(place: Place, output: Path, watch: Callable[[Event], None] = lambda event: None) -> session.Result:
    return session.run(session.prepare(place.sweep, place.bench), output, watch, StopRequest())


def test_a_simulated_bench_in_this_process_has_no_guardian() -> None:
    loaded = session.prepare(kill_table.CONFIGS / "sweeps" / "quick_look.yaml").loaded
    assert bench.guardian_order(loaded, Path("run.h5")) is None
    with watching(None) as guard:
        guard.wait_until_ready()
        guard.output_goes_on()
        guard.output_is_off()
    assert isinstance(guard, NoGuard)


def test_the_order_says_how_to_reach_the_source_of_a_bench(tmp_path: Path) -> None:
    loaded = session.prepare(
        kill_table.CONFIGS / "sweeps" / "quick_look.yaml", kill_table.CONFIGS / "benches" / "lab_serial.yaml"
    ).loaded
    order = bench.guardian_order(loaded, tmp_path / "run.h5")
    assert order is not None
    assert order == Order.from_line(order.as_line())
    assert order.serial == SerialLine(19200, "\r", "none")
    assert (order.resource, order.visa_library) == ("ASRL/dev/ttyUSB0::INSTR", "@py")
    assert (order.voltage, order.current) == (12.0, 0.105)


# --- what becomes of the file -------------------------------------------------------------------------------


def test_what_the_guardian_did_is_in_the_recovered_file(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path).close()
    start = archive.read_run(path).start_time
    log = [f"{start} the run ended without a word", "", "not a line of the guardian", f"{start} the output of X is off"]
    guardian_log(path).write_text("\n".join(log), encoding="utf-8")
    recovered = archive.recover(path)
    assert recovered.stop_reason.startswith(archive.CUT_OFF)
    assert recovered.stop_reason.endswith("the output of X is off")
    assert [(note.time, note.text) for note in recovered.notes] == [
        (0.0, "the run ended without a word"),
        (0.0, "the output of X is off"),
    ]


def test_a_log_that_is_none_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path).close()
    guardian_log(path).write_bytes(b"\xff\xfe 2026-01-01 \x00 \n2026-01-01T00:00:00 no offset\n" * 5000)
    assert archive.recover(path).stop_reason == archive.CUT_OFF


# --- kill -9 ------------------------------------------------------------------------------------------------


def test_a_run_killed_in_the_middle_of_its_sweep(place: Place, tmp_path: Path) -> None:
    command = place.command(tmp_path / "runs")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=kill_table.ROOT, **pipes) as killed:
        assert killed.stdout is not None
        points = [killed.stdout.readline() for _ in range(20)]
        moment = place.server.clock.now()
        assert outputs(place.server)[-1].output_on
        killed.kill()
        more, said = killed.communicate(timeout=LIMIT)  # the end of the guardian, too
    last = outputs(place.server)[-1]
    assert not last.output_on
    assert last.time - moment < LONGEST_ON
    assert "died; the output of" in said
    (path,) = kill_table.run_files(tmp_path / "runs")
    recovered = archive.recover(path)
    assert len(recovered.records) >= len(points) + len(more.splitlines())
    assert recovered.stop_reason.startswith(archive.CUT_OFF)
    assert re.search(r"the guardian at .*: the output of TCPIP.* is off$", recovered.stop_reason)


@pytest.mark.slow  # eight processes that are killed, in real time
def test_kill_table() -> None:
    done = kill_table.kills_in_parallel(8, seed=20, jobs=2)
    assert [kill for kill in done if kill.problems] == []
