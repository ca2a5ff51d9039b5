"""The command line in a process of its own: signals, terminals, pipes, want of memory, what is loaded.

Each of these costs seconds. What a command says and writes is tested in this process, in ``test_command_line.py``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire import __main__ as main_module
from tests.conftest import CONFIGS
from tests.support.command import COMMAND, acquire, acquire_apart
from tests.support.run_files import a_cut_off_run, a_finished_run, status_of

QUICK = CONFIGS / "sweeps" / "quick_look.yaml"
LIQ = CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"
CUT_OFF = "20260301T120001_A-1_00000001.h5"


def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    command, environment = [*COMMAND, *map(str, arguments)], os.environ | variables
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def reported_points(lines: list[str]) -> int:
    """The number of the last point that was reported on standard output."""
    numbers = [int(match[1]) for line in lines if (match := re.match(r" *(\d+)/\d+ .*\n", line))]
    return max(numbers, default=0)


def read_points(process: subprocess.Popen[str], wanted: int) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    while reported_points(lines) < wanted and (line := process.stdout.readline()):
        lines.append(line)
    return lines


@pytest.fixture
def long_sweep(sweep_file: Callable[..., Path]) -> Path:
    """A sweep with so many points that it is still going on when the test interferes."""
    return sweep_file("table2_sppo13_liq.yaml", {"step: 0.1 V": "step: 1 mV"})


# Pipes


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("variables", [{}, pytest.param({"FORCE_COLOR": "1"}, marks=pytest.mark.long)])
def test_a_reader_that_goes_away_changes_neither_the_run_nor_its_exit_status(
    variables: dict[str, str], tmp_path: Path
) -> None:
    """From plain lines, and from a coloured display."""
    process = start("run", LIQ, "--output", tmp_path / "runs", **variables)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    messages = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert messages == ""
    (path,) = (tmp_path / "runs").iterdir()
    assert status_of(path) == b"completed"
    with h5py.File(path) as file:
        assert len(file["entry/jvl/voltage"]) == 81


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_all_runs_are_exported_where_nobody_reads_the_names(
    tmp_path: Path,
) -> None:
    runs = [a_finished_run(tmp_path / name) for name in ("a.h5", "b.h5", "c.h5")]
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COMMAND, "export", *runs, "--to", tmp_path / "tables"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name[0] for path in (tmp_path / "tables").glob("*_jvl.csv")} == {"a", "b", "c"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
@pytest.mark.parametrize("command", ["check", pytest.param("plan", marks=pytest.mark.long), "simulate"])
def test_what_cannot_be_said_is_one_line(command: str) -> None:
    arguments = ["simulate", "--help"] if command == "simulate" else [command, str(QUICK)]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "acquire: [Errno 28] No space left on device\n")


def test_a_name_that_the_code_page_does_not_know_is_written_all_the_same(
    tmp_path: Path, sweep_file: Callable[..., Path]
) -> None:
    sweep = sweep_file("quick_look.yaml", {"name: SPPO13": "name: Probe \u03a9"})
    done = acquire_apart("run", sweep, "--output", tmp_path / "runs", PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "Probe \\u03a9" in done.stdout


# Signals


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("wanted", [pytest.param(1, marks=pytest.mark.long), 17])
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
def test_an_interrupted_run_is_finished_and_complete(
    number: signal.Signals, wanted: int, tmp_path: Path, long_sweep: Path
) -> None:
    process = start("run", long_sweep, "--output", tmp_path / "runs")
    lines = read_points(process, wanted)
    process.send_signal(number)
    rest, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert "\n# ramping to zero\n# output off, asked\n" in rest
    assert "the output is off: taken to zero, switched off, asked" in rest
    reported = reported_points([*lines, *rest.splitlines(keepends=True)])
    (path,) = (tmp_path / "runs").iterdir()
    with h5py.File(path) as file:
        assert file["entry/status"][()] == b"stopped"
        assert number.name in file["entry/stop_reason"][()].decode() or number == signal.SIGINT
        assert len(file["entry/jvl/voltage"]) >= reported >= wanted
        assert np.isfinite(file["entry/jvl/voltage"][:]).all()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("wanted", [1, pytest.param(23, marks=pytest.mark.long)])
def test_a_killed_run_keeps_every_reported_point(wanted: int, tmp_path: Path, long_sweep: Path) -> None:
    process = start("run", long_sweep, "--output", tmp_path / "runs")
    lines = read_points(process, wanted)
    process.kill()
    rest, _ = process.communicate(timeout=60)
    reported = reported_points([*lines, *rest.splitlines(keepends=True)])
    (path,) = (tmp_path / "runs").iterdir()
    with h5py.File(path) as file:
        assert file["entry/status"][()] == b"running"
        assert np.isfinite(file["entry/jvl/voltage"][:reported]).all()
    recovered = acquire("recover", path)
    assert recovered.status == 0, recovered.err
    with h5py.File(path) as file:
        assert file["entry/status"][()] == b"failed"
        assert len(file["entry/jvl/voltage"]) >= reported
        assert np.isfinite(file["entry/jvl/luminance"][:]).all()
        assert "turn_on_voltage" in file["entry/figures_of_merit"]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", *(pytest.param(n, marks=pytest.mark.long) for n in ("SIGTERM", "SIGHUP"))])
def test_the_served_bench_ends_in_order(name: str) -> None:
    with start("simulate", "--bench", CONFIGS / "benches" / "simulated.yaml", "--json", "--no-pty") as process:
        assert process.stderr is not None
        assert "serving" in process.stderr.readline()
        process.send_signal(signal.Signals[name])
        _, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (0, "")


INTERRUPTED_IMPORT = """
import os, runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv.pop(1)
sys.meta_path.insert(0, Interrupt())
runpy.run_module("acquire", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    "module",
    [
        "acquire.cli.commands",
        pytest.param("typer", marks=pytest.mark.long),
        pytest.param("pydantic", marks=pytest.mark.long),
        "rich.live",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("yaml", "numpy", "h5py", "acquire.session", "pyvisa", "pint")
        ),
    ],
)
def test_ctrl_c_while_the_program_is_loaded_ends_it_without_a_word(module: str, tmp_path: Path) -> None:
    arguments = [module, "run", str(QUICK), "--output", str(tmp_path / "runs")]
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    assert not (tmp_path / "runs").exists()


# Terminals


class Terminal:
    """A command on a terminal of its own: it is asked there, hears Ctrl-C there, and can lose it."""

    def __init__(self, *arguments: object) -> None:
        import fcntl
        import pty
        import termios

        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.shown = b""

    def read_until(self, wanted: bytes) -> None:
        while wanted not in self.shown:
            self.shown += os.read(self._ours, 65536)

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def close(self) -> None:
        os.close(self._ours)

    def exit_status(self) -> int:
        """Show the rest, and wait for the end."""
        try:
            while piece := os.read(self._ours, 65536):
                self.shown += piece
        except OSError:  # the other end is closed
            pass
        self.close()
        return self.process.wait(timeout=60)


with_terminals = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")


@with_terminals
@pytest.mark.long  # answers are tested in this process; that a terminal can be asked, by Ctrl-C below
@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"Y\n", b"failed"), (b"n\n", b"running"), (b"\n", b"failed"), (b"\x04", b"running"), (b"\xff\n", b"running")],
)
def test_on_a_terminal_the_file_that_was_cut_off_is_finished_if_wanted(
    answer: bytes, status: bytes, tmp_path: Path
) -> None:
    path = a_cut_off_run(tmp_path / CUT_OFF)
    terminal = Terminal("run", QUICK, "--output", tmp_path)
    terminal.read_until(b"was cut off (3 points). Finish it now? [Y/n] ")
    assert list(tmp_path.iterdir()) == [path]
    terminal.type(answer)
    assert terminal.exit_status() == 0
    assert status_of(path) == status
    assert len(list(tmp_path.iterdir())) == 2


@with_terminals
def test_ctrl_c_at_the_question_opens_nothing(tmp_path: Path) -> None:
    path = a_cut_off_run(tmp_path / CUT_OFF)
    terminal = Terminal("run", QUICK, "--output", tmp_path)
    terminal.read_until(b"[Y/n] ")
    terminal.type(b"\x03")
    assert terminal.exit_status() == 130
    assert b"Traceback" not in terminal.shown
    assert list(tmp_path.iterdir()) == [path]
    assert status_of(path) == b"running"


@with_terminals
def test_ctrl_c_on_a_terminal_ends_the_run_in_order(tmp_path: Path, long_sweep: Path) -> None:
    terminal = Terminal("run", long_sweep, "--output", tmp_path / "runs")
    terminal.read_until(b"no light")
    terminal.type(b"\x03")
    assert terminal.exit_status() == 130
    (path,) = (tmp_path / "runs").iterdir()
    assert status_of(path) == b"stopped"
    assert b"interrupted by Ctrl-C" in terminal.shown
    assert b"ramping to zero" in terminal.shown
    assert b"the output is off: taken to zero, switched off, asked" in terminal.shown


@with_terminals
@pytest.mark.parametrize("wanted", [pytest.param(b"dark readings", marks=pytest.mark.long), b"no light"])
def test_a_terminal_that_is_closed_by_its_window_ends_the_run_in_order(
    wanted: bytes, tmp_path: Path, long_sweep: Path
) -> None:
    """The system sends SIGHUP, and whatever is printed from then on fails."""
    terminal = Terminal("run", long_sweep, "--output", tmp_path / "runs")
    terminal.read_until(wanted)
    terminal.close()
    assert terminal.process.wait(timeout=60) == 130
    (path,) = (tmp_path / "runs").iterdir()
    assert status_of(path) == b"stopped"
    with h5py.File(path) as file:
        assert b"SIGHUP" in file["entry/stop_reason"][()]
        assert "recording" not in file["entry"]


@pytest.mark.long  # the same again, where the signal comes from elsewhere than the system
@with_terminals
def test_a_closed_terminal_ends_the_run_in_order(tmp_path: Path, long_sweep: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [*COMMAND, "run", str(long_sweep), "--output", str(tmp_path / "runs")]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    while b"no light" not in shown:
        shown += os.read(ours, 65536)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 130
    (path,) = (tmp_path / "runs").iterdir()
    with h5py.File(path) as file:
        assert file["entry/status"][()] == b"stopped"
        assert b"SIGHUP" in file["entry/stop_reason"][()]


# Want of memory


#: Without what the tests have set for all processes: that is up to the command.
LIMITED = """
import os, resource, runpy, sys

os.environ.pop("OPENBLAS_NUM_THREADS", None)
limit = int(sys.argv.pop(1)) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
runpy.run_module("acquire", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has no such limit, or does not keep it")
@pytest.mark.parametrize("megabytes", [25, 90, 150])
@pytest.mark.parametrize("command", ["show", "run"])
def test_want_of_memory_is_one_line(megabytes: int, command: str, tmp_path: Path) -> None:
    rest = [str(QUICK), "--output", str(tmp_path / "runs")] if command == "run" else ["x.h5"]
    arguments = [sys.executable, "-c", LIMITED, str(megabytes), command, *rest]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{main_module.NO_MEMORY}\n"
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has no such limit, or does not keep it")
@pytest.mark.parametrize("megabytes", [45, 100])
def test_want_of_memory_for_off_is_one_line_with_what_to_do(megabytes: int) -> None:
    arguments = [
        sys.executable,
        "-c",
        LIMITED,
        str(megabytes),
        "off",
        "--bench",
        str(CONFIGS / "benches" / "simulated.yaml"),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{main_module.NO_MEMORY}; {main_module.NOTHING_SENT}\n"


# What is loaded


def test_help_loads_nothing_large() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "acquire", "--help"], capture_output=True, text=True, check=True
    )
    loaded = set(re.findall(r"\| +(\w+)", done.stderr))
    assert "typer" in loaded
    assert loaded & {"numpy", "h5py", "pyvisa", "pydantic", "yaml", "rich", "pymeasure", "pint"} == set()


LOADED_AT_THE_END = """
import runpy, sys

for sys.argv[1] in ("check", "plan"):
    try:
        runpy.run_module("acquire", run_name="__main__", alter_sys=True)
    except SystemExit as left:
        assert not left.code
print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_what_opens_nothing_loads_no_library_of_instruments() -> None:
    arguments = [sys.executable, "-c", LOADED_AT_THE_END, "", str(QUICK)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)
    _, _, loaded = done.stderr.rpartition("loaded:")
    assert {"acquire", "numpy", "pydantic"} <= set(loaded.split())
    assert set(loaded.split()) & {"pyvisa", "pymeasure", "serial", "pandas"} == set()
