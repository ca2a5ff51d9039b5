"""One run per instrument at a time: who is second is told who is first, and a run that was killed is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from acquire import session
from acquire.bench import survey
from acquire.bench.simulated import bench_file_on_ports, simulated_bench_of_files
from acquire.config import load_bench
from acquire.safety import lock as locks
from acquire.safety.interruption import StopRequest
from acquire.safety.lock import BenchInUse, LocksUnusable, held_alone, instruments_locked, taken
from drivers.resources import canonical_resource
from drivers.simulated.serve import serving
from tests.conftest import CONFIGS, ROOT, run_sweep_file
from tests.support.command import COMMAND, acquire
from tests.support.short_sweeps import linked_bench, short_sweep

SMU, METER = "GPIB0::24::INSTR", "GPIB0::16::INSTR"
with_posix = pytest.mark.skipif(os.name == "nt", reason="rights and links of POSIX")

HOLD = """
import sys
from pathlib import Path
from acquire.safety.lock import instruments_locked
with instruments_locked(sys.argv[3:], "other bench", sys.argv[2], Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of locks that this process takes for the one of the whole computer."""
    monkeypatch.setattr(locks, "locks_folder", lambda: tmp_path / "locks")
    return tmp_path / "locks"


@contextmanager
def another_process(folder: Path, run: str, *resources: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds instruments until its input is closed."""
    command = [sys.executable, "-c", HOLD, str(folder), run, *resources]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def texts(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_the_second_is_told_who_the_first_is(folder: Path) -> None:
    with (
        instruments_locked([SMU, METER], "bench A", "/runs/first.h5"),
        pytest.raises(BenchInUse, match=r"^bench B: is in use: run /runs/first\.h5") as refused,
        instruments_locked([SMU], "bench B", "/runs/second.h5"),
    ):
        pass
    for wanted in (f"process {os.getpid()} of ", ", since ", f"has {SMU}. Wait until it has ended"):
        assert wanted in str(refused.value)
    with instruments_locked([SMU], "bench B", "/runs/second.h5") as remarks:
        assert remarks == []


def test_another_thread_of_the_same_program_is_refused_as_well(folder: Path) -> None:
    refusals: list[BenchInUse] = []

    def second() -> None:
        try:
            with instruments_locked([SMU], "bench", "second"):
                pass
        except BenchInUse as problem:
            refusals.append(problem)

    with instruments_locked([SMU], "bench", "first"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(refusals) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GPIB0::24::INSTR", "gpib::24"),
        ("ASRLCOM3::INSTR", "ASRL3::INSTR"),
        ("TCPIP0::bench::5025::SOCKET", "tcpip::BENCH::5025::socket"),
    ],
)
def test_an_address_may_be_written_in_more_than_one_way(one: str, other: str, folder: Path) -> None:
    assert canonical_resource(one) == canonical_resource(other)
    with (
        instruments_locked([one], "bench", "first"),
        pytest.raises(BenchInUse),
        instruments_locked([other], "bench", "second"),
    ):
        pass


@with_posix
def test_links_to_a_serial_port_lead_to_it(tmp_path: Path) -> None:
    (tmp_path / "port").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "port")
    assert canonical_resource(f"ASRL{tmp_path}/by-id::INSTR") == canonical_resource(f"ASRL{tmp_path}/port::INSTR")


def test_all_instruments_are_had_or_none(folder: Path) -> None:
    with instruments_locked([METER], "bench", "first"):
        with pytest.raises(BenchInUse, match=METER), instruments_locked([SMU, METER], "bench", "second"):
            pass
        with instruments_locked([SMU], "bench", "third") as remarks:
            assert remarks == []


def test_a_bench_without_real_instruments_needs_no_folder(folder: Path) -> None:
    with instruments_locked([], "bench", "run") as remarks:
        assert remarks == []
    assert not folder.exists()


def test_another_process_is_named_and_when_it_is_killed_that_is_noticed_once(folder: Path) -> None:
    with another_process(folder, "/runs/theirs.h5", SMU, METER) as process:
        with (
            pytest.raises(BenchInUse, match=rf"/runs/theirs\.h5 \(process {process.pid} of "),
            instruments_locked([SMU], "b", "mine"),
        ):
            pass
        process.kill()
        process.wait()
        with instruments_locked([SMU, METER], "bench", "/runs/mine.h5") as remarks:
            (remark,) = remarks
        assert remark.startswith(f"the run before, /runs/theirs.h5 (process {process.pid} of ")
        assert remark.endswith("ended without saying goodbye")
    with instruments_locked([SMU, METER], "bench", "/runs/mine.h5") as remarks:
        assert remarks == []


def test_who_clears_up_behind_a_killed_run_leaves_its_name_to_the_next(folder: Path) -> None:
    with another_process(folder, "/runs/theirs.h5", SMU) as process:
        process.kill()
        process.wait()
    for keep_text in (True, False):
        with instruments_locked([SMU], "bench", "mine", keep_text=keep_text) as remarks:
            assert "/runs/theirs.h5" in remarks[0]
            with (
                pytest.raises(BenchInUse, match="theirs" if keep_text else "mine"),
                instruments_locked([SMU], "bench", "other"),
            ):
                pass


def test_a_process_that_ends_in_order_says_goodbye(folder: Path) -> None:
    with another_process(folder, "theirs", SMU) as process:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
    with instruments_locked([SMU], "bench", "mine") as remarks:
        assert remarks == []


def test_an_exception_is_no_missing_goodbye(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), instruments_locked([SMU], "bench", "run"):
        raise ZeroDivisionError
    assert texts(folder) == [b""]


def test_the_text_can_be_read_while_it_is_locked(folder: Path) -> None:
    with instruments_locked([SMU], "bench", "/runs/run.h5"):
        (text,) = texts(folder)
    holder = json.loads(text)
    assert (holder["run"], holder["process"]) == ("/runs/run.h5", os.getpid())
    assert {"since", "user", "host", "program"} < set(holder)


@pytest.mark.parametrize(
    "text",
    [
        b"not JSON", b"\xff\xfe", b"[]", b"{}", b"[" * 4000, b'{"run": 1, "process": "x"}',
        b'{"run":"r","process":1e400,"since":"","user":"","host":"","program":""}',
    ],
)  # fmt: skip
def test_a_text_of_somebody_else_says_nothing_and_hinders_nobody(text: bytes, folder: Path) -> None:
    with instruments_locked([SMU], "bench", "run"):
        pass
    (path,) = folder.iterdir()
    path.write_bytes(text)
    with instruments_locked([SMU], "bench", "run") as remarks:
        assert remarks == []


def test_what_a_text_says_stays_on_one_line(folder: Path) -> None:
    with instruments_locked([SMU], "bench", "run"):
        pass
    (path,) = folder.iterdir()
    holder = {"run": "a\n\x1b[2Jb", "process": 7, "since": "x", "user": "u", "host": "h", "program": "p"}
    path.write_text(json.dumps(holder))
    with instruments_locked([SMU], "bench", "run") as remarks:
        assert remarks == ["the run before, a??[2Jb (process 7 of u on h, since x), ended without saying goodbye"]


@with_posix
def test_everybody_on_the_computer_may_use_the_locks(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with instruments_locked([SMU], "bench", "run"):
            pass
    finally:
        os.umask(before)
    (path,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o7777, path.stat().st_mode & 0o7777) == (0o1777, 0o666)


@with_posix
@pytest.mark.parametrize("what", ["file for folder", "link for folder", "link for lock", "pipe for lock"])
def test_where_locks_cannot_be_had_nothing_is_done(what: str, tmp_path: Path, folder: Path) -> None:
    lock = folder / locks.file_name(SMU)
    (tmp_path / "elsewhere").mkdir()
    if what == "file for folder":
        folder.write_text("in the way", encoding="utf-8")
    elif what == "link for folder":
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        lock.symlink_to(tmp_path / "precious") if what == "link for lock" else os.mkfifo(lock)
    with (
        pytest.raises(LocksUnusable, match=r"Make the folder .*locks writable"),
        instruments_locked([SMU], "bench", "run"),
    ):
        pytest.fail("it was not held")
    assert not (tmp_path / "precious").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def real_bench(bench: Path) -> Path:
    """A bench file with real addresses, which nothing here may open."""
    text = (CONFIGS / "benches" / "lab_gpib.yaml").read_text(encoding="utf-8")
    bench.write_text(text.replace("../", f"{CONFIGS.as_posix()}/"), encoding="utf-8")
    return bench


def test_a_run_on_a_bench_in_use_opens_nothing_and_writes_nothing(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(session, "open_bench", lambda *arguments: opened.append(arguments))
    bench = real_bench(tmp_path / "bench.yaml")
    resource = load_bench(bench).instruments.photodiode_meter.resource
    with instruments_locked([resource], "bench", "/runs/first.h5"):
        result = run_sweep_file(CONFIGS / "sweeps" / "quick_look.yaml", tmp_path / "runs", bench)
    assert result.failed
    assert result.run is None
    assert "/runs/first.h5" in result.error
    assert resource in result.error
    assert not opened
    assert not (tmp_path / "runs").exists()


def test_a_simulated_bench_belongs_to_its_own_process(tmp_path: Path, folder: Path) -> None:
    with instruments_locked([SMU, METER, "ASRL3::INSTR"], "bench", "first"):
        assert not run_sweep_file(CONFIGS / "sweeps" / "quick_look.yaml", tmp_path / "runs").failed


def test_an_instrument_in_use_is_not_asked_who_it_is(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = load_bench(real_bench(tmp_path / "bench.yaml"))
    asked: list[str] = []

    def examine(address: Any, *arguments: Any) -> survey.Answer:
        asked.append(address.role)
        return survey.Answer(address.role, address.resource)

    monkeypatch.setattr(survey, "_examine", examine)
    with instruments_locked([bench.instruments.smu.resource], "bench", "/runs/first.h5"):
        answers = survey.examine(bench)
    assert asked == ["photodiode_meter", "spectroradiometer"]
    assert not survey.all_right(answers)
    text = "\n".join(survey.lines(answers[0]))
    assert "not asked" in text
    assert "wrong: is in use: run /runs/first.h5" in text


def test_two_runs_of_the_command_on_one_bench(tmp_path: Path) -> None:
    """Another program on the same real ports; it is killed, and a run of this one follows it."""
    long, short = (
        short_sweep(linked_bench(tmp_path), "stepped", points=points, nplc=nplc)
        for points, nplc in ((5000, 0.1), (3, 0.01))
    )
    path, options = simulated_bench_of_files(None, long)
    bench = tmp_path / "on_ports.yaml"

    def run(sweep: Path, folder: str) -> list[str]:
        return ["run", str(sweep), "--bench", str(bench), "--output", str(tmp_path / folder)]

    with serving(options, terminals=False) as server:
        bench.write_text(bench_file_on_ports(path, {port.role: port.tcp for port in server.ports}), encoding="utf-8")
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen([*COMMAND, *run(long, "first")], cwd=ROOT, **pipes) as first:
            assert first.stdout is not None
            assert first.stderr is not None
            while "cd/m^2" not in first.stdout.readline():
                assert first.poll() is None
            (theirs,) = (tmp_path / "first").iterdir()
            second = acquire(*run(short, "second"))
            asked = acquire("instruments", "--bench", bench)
            first.kill()
            first.stderr.read()  # its guardian holds this open until it has cleared up
        third = session.run(session.prepare(short, bench), tmp_path / "third", lambda event: None, StopRequest())
    assert second.status == 1
    assert f"is in use: run {theirs} (process {first.pid} of " in second.err
    assert not (tmp_path / "second").exists()
    assert asked.status == 1
    assert asked.out.count(f"wrong: is in use: run {theirs} (process {first.pid} of ") == 3
    assert asked.err == ""
    assert not third.error
    assert third.run is not None
    assert [note.text for note in third.run.notes if f"run before, {theirs} (process {first.pid} of " in note.text]


def test_what_is_held_alone_is_told_by_whom_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "batch.lock"
    with held_alone(path, "the batch") as by:
        assert by == ""
        with held_alone(path, "another") as other:
            assert other.startswith(f"the batch (process {os.getpid()} of ")
        assert path.exists(), "who was refused removes nothing"
    assert not path.exists()
    with held_alone(path, "again") as by:
        assert by == ""


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening and taking it whoever had it lets go, and takes the file away."""
    path, taking = tmp_path / "batch.lock", [True]

    def removed_first(lock: int) -> bool:
        if taking.pop() if taking else False:
            path.unlink()
        return taken(lock)

    monkeypatch.setattr(locks, "taken", removed_first)
    with held_alone(path, "the batch") as by:
        assert by == ""
        assert path.exists()
