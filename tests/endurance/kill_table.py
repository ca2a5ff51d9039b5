"""Runs that are killed at random moments, and what is left of them: a table.

    python -m tests.endurance.kill_table --kills 300 --seed 1 --jobs 2

Each run is a process of its own that sweeps a simulated device over TCP in real time and prints everything when it is
reported. It gets SIGKILL (on Windows TerminateProcess) at a moment drawn evenly from its start to a little beyond its
usual end; every fourth one from the moment when its output goes on instead, and every fourth one while it reports a
point. Then every point, dark reading, spectrum, note and exposure sample that was reported must be in its file, which
must open with plain h5py and be finished by ``acquire recover``: as failed, because it was cut off, unless the run had
still said itself how it ended; with values that the device had, and results that follow from them. The level of the
source must have come down to zero in steps, that of pulses at once, and its output be off, by the twin's own log,
within two seconds, and no guardian may be left. Every sixth run is one of pulses, every sixth a lifetime, which is not
failed but interrupted, to be gone on with. Exit status 1 if anything of that fails even once.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path
from typing import Any

import h5py
from typer.testing import CliRunner

from acquire import session
from acquire.bench import simulated as simulation
from acquire.cli.commands import app
from acquire.records import DarkReading, Event, ExposureSample, Note, Record, Spectrum
from acquire.run_file import finish as finishing
from acquire.safety.interruption import StopRequest
from drivers.simulated.bench import build_fixture
from drivers.simulated.clock import VirtualClock
from drivers.simulated.fixture import TestFixture
from drivers.simulated.serve import BenchServer, serving
from tests.support.recomputed import Truth, columns, disagreements, unexplained

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
REPORTING = "while a point is reported"
PHASES = ("before the file", "before the output is on", "output on", REPORTING, "finishing", "after the end")
PROBLEMS = (
    "unreadable file",
    "rows missing",
    "not recovered",
    "wrong ending",
    "wrong values",
    "output left on",
    "no ramp",
    "guardian left",
    "own failure",
)
LONGEST_ON = 2.0  # s from the kill until the output is off
POINTS = 50
LAST_LEVEL = 7.0  # V
SHARE = 6  # every sixth run is one of pulses, every sixth a lifetime
LONGEST_RUN = 60.0  # s; one that goes on as planned takes a few
GUARDIAN_PATIENCE = 20.0  # s; a guardian that could not switch off gives up earlier

HEAD = """kind: sweep
bench: bench.yaml
sample:
  name: SPPO13/Liq
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: {configs}/devices/sppo13_liq.yaml
dark: {{readings: 2}}
"""
SWEEP = (
    HEAD
    + """title: to be killed
source: {{function: voltage, start: 3 V, stop: 7 V, points: {points}, compliance: 100 mA}}
measure: {{settle: 2 ms, nplc: 0.01, photodiode_nplc: 0.01, current_range: 100 mA, photodiode_range: 10 V}}
spectra: {{at_voltage: [3.7 V, 6 V], speed: fast, sample_every: 10 ms}}
"""
)
#: The same levels as pulses that the instruments run by themselves.
PULSED = (
    HEAD
    + """title: pulses, to be killed
source:
  {{function: voltage, start: 3 V, stop: 7 V, points: {points}, compliance: 100 mA,
    pulse: {{width: 5 ms, period: 25 ms}}}}
measure: {{timing: hardware, autozero: false, settle: 2 ms, nplc: 0.05, current_range: 100 mA, photodiode_range: 10 V}}
"""
)
#: One level, kept for as many points, whose rows are a table of their own.
LASTING = (
    HEAD
    + """title: a lifetime, to be killed
source: {{function: current, levels: [1 mA], compliance: 8 V}}
measure: {{settle: 2 ms, nplc: 0.01, photodiode_nplc: 0.01, photodiode_range: 10 V}}
lifetime:
  {{sampling: [{{every: 0.1 s, until: 5 s}}], initial_time: 0.2 s, end: {{points: {points}}}, spectra_at: [0.5 s, 2 s]}}
spectra: {{speed: fast}}
"""
)
#: What is swept, by the name of the kind of run.
KINDS = {"steps": SWEEP, "pulses": PULSED, "lifetime": LASTING}
#: The spectroradiometer of the runs takes no time: a real one would take most of it.
QUICK_SPECTRA = "simulation:\n  options: {spectroradiometer: {instant: true}}\n"


@dataclass(frozen=True)
class Kill:
    """One killed run: after how long (s), in which phase, how many points it had reported, and what is wrong.

    ``duration``: s that a run took, counted as ``moment`` is, if it had ended by itself; else nan. Such a run was not
    killed. ``off_after``: s from the kill until the output was off, nan when it was off already.
    """

    moment: float
    phase: str
    duration: float = nan
    points: int = 0
    off_after: float = nan
    problems: tuple[str, ...] = ()
    details: str = ""


@dataclass(frozen=True)
class Place:
    """Where runs are killed: the served bench, and the files that name it."""

    server: BenchServer
    sweep: Path
    bench: Path
    energised: threading.Event
    truth: Truth
    kind: str = "steps"

    @property
    def output_log(self) -> list[Any]:
        """Every change at the terminals of the source."""
        smu: Any = self.server.twins["smu"]
        return list(smu.output_log)

    def command(self, output: Path, last_point: int = -1) -> list[str]:
        """A run that reports its points on standard output, and kills itself while it reports ``last_point``."""
        what = [str(self.sweep), str(self.bench), str(output), str(last_point)]
        return [sys.executable, "-m", "tests.endurance.kill_table", "--run", *what]


def write_files(folder: Path, *, kind: str = "steps") -> Path:
    """A bench and a sweep in ``folder``; the sweep's path."""
    text = (CONFIGS / "benches" / "simulated.yaml").read_text(encoding="utf-8")
    text = text.replace("../", f"{CONFIGS.as_posix()}/").replace("simulation:\n", QUICK_SPECTRA)
    text = text.replace("visa: simulated\n", f"visa: simulated\ntrigger_link: {str(kind == 'pulses').lower()}\n")
    (folder / "bench.yaml").write_text(text, encoding="utf-8")
    sweep = folder / "sweep.yaml"
    sweep.write_text(KINDS[kind].format(configs=CONFIGS.as_posix(), points=POINTS), encoding="utf-8")
    return sweep


def true_device(fixture: TestFixture, kind: str = "steps") -> Truth:
    """What the device in a fixture is at the levels of these runs."""
    if kind == "lifetime":
        return Truth(fixture, "current", 8.0, scatter=5.0)
    return Truth(fixture, "voltage", 0.1, current_range=0.1, resolution=5e-4, scatter=5.0)


@contextmanager
def a_place(folder: Path, *, terminals: bool = False, kind: str = "steps") -> Iterator[Place]:
    """Serve a simulated bench on TCP, or on serial lines as well, for a sweep in ``folder``."""
    sweep = write_files(folder, kind=kind)
    path, options = simulation.simulated_bench_of_files(None, sweep)
    energised = threading.Event()

    def watch(_time: float, role: str, to_instrument: bool, message: bytes) -> None:
        if role == "smu" and to_instrument and b":OUTP ON" in message:
            energised.set()

    with serving(options, terminals=terminals, watch=watch) as server:
        bench = folder / "on_ports.yaml"
        ports = {port.role: port.tcp for port in server.ports}
        bench.write_text(simulation.bench_file_on_ports(path, ports), encoding="utf-8")
        truth = true_device(build_fixture(options, VirtualClock()), kind)
        yield Place(server, sweep, bench, energised, truth, kind)


#: What is printed of an event, and where it is found again: the table of the run file, and the columns.
REPORTED: Mapping[type, tuple[str, tuple[str, ...]]] = {
    Record: ("jvl", ("voltage", "current", "photodiode_signal")),
    DarkReading: ("dark", ("voltage", "current", "photodiode_signal", "after")),
    ExposureSample: ("exposure_samples", ("voltage", "current", "photodiode_signal", "time")),
    Spectrum: ("spectra", ("point_index", "start", "luminance")),
    Note: ("notes", ("time", "text")),
}
#: The columns by the table; points of a lifetime are rows of a table of their own.
COLUMNS = {**dict(REPORTED.values()), "lifetime": REPORTED[Record][1]}


def as_reported(event: Event, *, lasting: bool = False) -> list[Any]:
    """The table of the run file in which an event must be found again, and what must stand there.

    ``lasting``: it is one of a lifetime.
    """
    table, names = REPORTED[type(event)]
    table = "lifetime" if lasting and table == "jvl" else table
    row = getattr(event, "reading", event)
    return [table, *(getattr(row, name) for name in names)]


def run_and_report(sweep: Path, bench: Path, output: Path, last_point: int) -> int:
    """A run that prints each event when it is reported, and kills itself with ``last_point``.

    Printed are the time [s], the table of the run file, and some columns of the row.
    """

    def watch(event: Event) -> None:
        if type(event) in REPORTED:
            print(json.dumps([time.monotonic(), *as_reported(event, lasting=prepared.plan.lasting)]), flush=True)
        if isinstance(event, Record) and event.reading.index == last_point:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows: at once, too

    prepared = session.prepare(sweep, bench)
    result = session.run(prepared, output, watch, StopRequest())
    print(result.error, file=sys.stderr)
    return int(result.failed)


def killed_after(place: Place, output: Path, moment: float, *, since_on: bool = False) -> Kill:
    """Start a run, kill it ``moment`` s after its start, or after its output goes on, and look at what is left."""
    before = len(place.output_log)
    place.energised.clear()
    with _started(place.command(output)) as run:
        if since_on:
            place.energised.wait(LONGEST_RUN)
        started, duration = time.monotonic(), nan
        try:
            printed, said = run.communicate(timeout=moment)
            ended, phase = time.monotonic(), "after the end"
            duration = ended - started
        except subprocess.TimeoutExpired:
            phase = _phase(run, place.output_log[before:], output)
            ended = time.monotonic()
            run.kill()
            try:
                # The guardian shares the run's standard error: that ends when both have ended
                printed, said = run.communicate(timeout=GUARDIAN_PATIENCE)
            except subprocess.TimeoutExpired:
                return Kill(moment, phase, problems=("guardian left",))
    kill = _looked_at(place, output, Kill(moment, phase, duration), before, ended, printed, said)
    return _failed_by_itself(kill, said) if phase == "after the end" and run.returncode != 0 else kill


def killed_while_reporting(place: Place, output: Path, point: int) -> Kill:
    """Start a run that kills itself while it reports a point, and look at what is left."""
    started, before = time.monotonic(), len(place.output_log)
    with _started(place.command(output, point)) as run:
        try:
            printed, said = run.communicate(timeout=LONGEST_RUN)
        except subprocess.TimeoutExpired:
            return Kill(nan, REPORTING, problems=("guardian left",))
    lines = printed.splitlines()
    ended = json.loads(lines[-1])[0] if lines else time.monotonic()
    kill = _looked_at(place, output, Kill(ended - started, REPORTING), before, ended, printed, said)
    return _failed_by_itself(kill, said) if kill.points != point + 1 else kill


def _failed_by_itself(kill: Kill, said: str) -> Kill:
    """The run was refused, or failed before it could be killed: that tells nothing, and must not pass for good."""
    return replace(kill, problems=(*kill.problems, "own failure"), details=f"{kill.details}{said}")


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _looked_at(place: Place, output: Path, kill: Kill, before: int, ended: float, printed: str, said: str) -> Kill:
    """The kill with all that is wrong after it; the process ended at ``ended`` (s, monotonic clock).

    ``before``: how many changes at the terminals there had been when it began.
    """
    reported = [json.loads(line) for line in printed.splitlines() if line.endswith("]")]
    problems, details = check_file(output, reported, place.truth, spectra=0 if place.kind == "pulses" else 2)
    log = place.output_log
    last = log[-1] if log else None
    off_after = nan
    if last is not None:
        moment = ended - time.monotonic() + place.server.clock.now()
        off_after = last.time - moment if last.time > moment else nan
        if last.output_on or off_after > LONGEST_ON:
            problems.append("output left on")
    last_level = 1e-3 if place.kind == "lifetime" else LAST_LEVEL
    if place.kind != "pulses" and not came_down(log[before:], last_level):
        problems.append("no ramp")
        details += f"the last levels: {[change.level for change in log[before:] if change.output_on][-8:]}\n"
    details = f"{details}{said}" if problems else ""
    points = sum(table in ("jvl", "lifetime") for _, table, *_ in reported)
    return replace(kill, points=points, off_after=off_after, problems=tuple(problems), details=details)


def came_down(log: Sequence[Any], last_level: float = LAST_LEVEL) -> bool:
    """Whether the level of a source that was on came down to zero before it went off, and in more than one step.

    From the last level of the plan it goes to the dark level in one, by the plan; and from the first one, of which the
    guardian cannot know whether the source has it already, back to the dark level.
    """
    levels = [abs(change.level) for change in log if change.output_on]
    if not levels or max(levels) == 0.0:
        return True
    top = max(place for place, level in enumerate(levels) if level > 0.0)
    while top and levels[top - 1] > levels[top]:
        top -= 1
    in_one = levels[top] == last_level or not top or levels[top - 1] == 0.0
    return levels[-1] == 0.0 and (len(levels) - top > 2 or in_one)


def _phase(run: subprocess.Popen[str], changes: Sequence[Any], output: Path) -> str:
    if run.poll() is not None:
        return "after the end"
    if changes and changes[-1].output_on:
        return "output on"
    if any(change.output_on for change in changes):
        return "finishing"
    return "before the output is on" if run_files(output) else "before the file"


def run_files(output: Path) -> list[Path]:
    """The run files in a folder, which need not be there."""
    return sorted(output.glob("*.h5"))


def _recover(path: Path) -> str:
    """Recover a file by the command of a user; what it said, empty when it worked."""
    recovery = CliRunner().invoke(app, ["recover", str(path)])
    return "" if recovery.exit_code == 0 else recovery.output or "recover failed"


def check_file(
    output: Path,
    reported: Sequence[Sequence[Any]],
    truth: Truth,
    recover: Callable[[Path], str] = _recover,
    spectra: int = 2,
) -> tuple[list[str], str]:
    """What is wrong with the file of a killed run, before and after it is recovered."""
    paths = run_files(output)
    if not paths:
        return (["rows missing"], "there is no file\n") if reported else ([], "")
    try:
        lost = list(_lost(paths[0], reported))
    except Exception as error:  # whatever it is: that the file opens is what is asked here
        return ["unreadable file"], f"{type(error).__name__}: {error}\n"
    refused = recover(paths[0])
    try:
        with h5py.File(paths[0]) as file:
            entry = file["entry"]
            recovered = not refused and "recording" not in entry
            lost += _lost(paths[0], reported) if recovered else []
            ending = list(_ending(entry, spectra)) if recovered else []
            wrong = list(_untrue(entry, truth)) if recovered else []
    except Exception as error:
        return ["unreadable file"], f"recovered, but {type(error).__name__}: {error}\n"
    found = {"rows missing": lost, "not recovered": [] if recovered else [refused or "not finished"]}
    found |= {"wrong ending": ending, "wrong values": wrong}
    return [problem for problem, what in found.items() if what], "".join(
        f"{text}\n" for what in found.values() for text in what
    )


def _lost(path: Path, reported: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Rows that were reported and are not in the file as they were."""
    rows: dict[str, int] = {}
    with h5py.File(path) as file:
        for _, table, *values in reported:
            row = rows[table] = rows.get(table, -1) + 1
            for name, value in zip(COLUMNS[table], values, strict=True):
                column = file["entry"][table][name]
                found = column[row] if row < len(column) else None
                found = found.decode() if isinstance(found, bytes) else found
                if not (found == value or (isinstance(found, str) and found and value.startswith(found))):
                    yield f"{name} of row {row} of {table}: reported as {value}, in the file {found}"


def _ending(entry: Any, spectra: int) -> Iterator[str]:
    """Whether a recovered run is called failed and cut off; one that had still said how it ended is whole.

    ``spectra``: how many it takes.
    """
    status, reason = entry["status"][()].decode(), entry["stop_reason"][()].decode()
    lasting = b"lifetime" in entry["title"][()]
    if status == "completed":
        points, after = len(_points(entry)["time"]), int(entry["dark/after"][()].sum())
        enough = points >= 0.8 * POINTS if lasting else points == POINTS  # of a slow computer some come late
        if not enough or after != 2 or len(entry["spectra/start"]) != spectra:
            yield f"completed with {points} points, {after} dark readings after them"
    elif status != ("interrupted" if lasting else "failed") or not reason.startswith(finishing.CUT_OFF):
        yield f"{status}: {reason}"


def _points(entry: Any) -> Any:
    """The table of the points of a run."""
    return entry["lifetime" if "lifetime" in entry else "jvl"]


def _untrue(entry: Any, truth: Truth) -> Iterator[str]:
    """Values that the device did not have, and results that do not follow from them."""
    jvl = columns(_points(entry))
    yield from unexplained(jvl)
    yield from disagreements(entry)
    for row, level in enumerate(jvl["source_level"].tolist()):
        for name in ("voltage", "current", "photodiode_signal"):
            if truth.differs(name, float(jvl[name][row]), seen := truth.at(level)):
                yield f"{name} of point {row} is {jvl[name][row]:.6g}, but was {getattr(seen, name):.6g}"


def usual_durations(place: Place, output: Path) -> tuple[float, float]:
    """How long a run takes that nobody kills [s]: in all, and from the moment when its output goes on."""
    place.energised.clear()
    started = time.monotonic()
    with subprocess.Popen(place.command(output), cwd=ROOT, stdout=subprocess.DEVNULL) as run:
        place.energised.wait(LONGEST_RUN)
        on = time.monotonic()
        status = run.wait(LONGEST_RUN)
    assert status == 0, f"a run that nobody killed ended with status {status}"
    return time.monotonic() - started, time.monotonic() - on


def kills(number: int, seed: int) -> list[Kill]:
    """Kill so many runs, those of a kind one after the other on one bench."""
    some = number // SHARE
    numbers = {"steps": number - 2 * some, "pulses": some, "lifetime": some}
    return [kill for kind, of_kind in numbers.items() for kill in _kills_on_one_bench(of_kind, seed, kind)]


def _kills_on_one_bench(number: int, seed: int, kind: str) -> list[Kill]:
    """Each run begins with what the one before has left."""
    if not number:
        return []
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, a_place(Path(name), kind=kind) as place:
        in_all, since_on = usual_durations(place, Path(name) / "usual")
        done = []
        for n in range(number):
            output = Path(name) / str(n)
            if n % 4 == 3:
                surely = int(0.8 * POINTS) if kind == "lifetime" else POINTS
                done.append(killed_while_reporting(place, output, chance.randrange(surely)))
            elif n % 4 == 1:
                done.append(killed_after(place, output, chance.uniform(0.0, 1.1 * since_on), since_on=True))
                since_on = since_on if isnan(done[-1].duration) else done[-1].duration
            else:  # how long a run takes depends on what else the computer does at the time
                done.append(killed_after(place, output, chance.uniform(0.01, 1.1 * in_all)))
                in_all = in_all if isnan(done[-1].duration) else done[-1].duration
        return done


def kills_in_parallel(number: int, seed: int, jobs: int) -> list[Kill]:
    """The same, shared out among processes that each have a bench."""
    shares = [number // jobs + (job < number % jobs) for job in range(jobs)]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        return [kill for part in pool.map(kills, shares, range(seed, seed + jobs)) for kill in part]


def table(done: Sequence[Kill]) -> str:
    """Kills and problems by phase."""
    lines = [f"{'killed':24}{'runs':>5}" + "".join(f"{name:>16}" for name in PROBLEMS) + f"{'slowest off':>14}"]
    for phase in (*PHASES, "all"):
        here = [kill for kill in done if phase in (kill.phase, "all")]
        counts = "".join(f"{sum(name in kill.problems for kill in here):>16}" for name in PROBLEMS)
        times = [kill.off_after for kill in here if not isnan(kill.off_after)]
        slowest = f"{max(times):>12.2f} s" if times else f"{'-':>14}"
        lines.append(f"{phase:24}{len(here):>5}{counts}{slowest}")
    return "\n".join(lines)


def main() -> int:
    """Entry point."""
    arguments = argparse.ArgumentParser(description="kill runs at random moments and look at what is left")
    arguments.add_argument("--kills", type=int, default=300)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.run:
        *files, last_point = given.run
        return run_and_report(*map(Path, files), int(last_point))
    started = time.monotonic()
    done = kills_in_parallel(given.kills, given.seed, given.jobs)
    for kill in done:
        if kill.problems:
            print(f"after {kill.moment:.3f} s, {kill.phase}: {', '.join(kill.problems)}\n{kill.details}")
    print(table(done))
    killed, points = sum(isnan(kill.duration) for kill in done), sum(kill.points for kill in done)
    took = time.monotonic() - started
    print(f"{killed} of {len(done)} runs killed before their end, {points} reported points, {took:.0f} s")
    return int(any(kill.problems for kill in done))


if __name__ == "__main__":
    sys.exit(main())
