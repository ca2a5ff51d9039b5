"""A fault at every operation of a run: what is left behind is looked at in the twins' own logs and in the run file.

    python -m tests.fault_table [--every K] [--seed N] [--jobs N] [--only SWEEP:FAULT:OPERATION]

Each of three short sweeps is run once to count the operations of its VISA library, then once for every pair of an
operation and a kind of fault, in virtual time: some twelve thousand runs.
"""

from __future__ import annotations

import argparse
import atexit
import errno
import os
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import h5py
import numpy as np

from acquire import archive, engine, recorder, session
from drivers.keithley2400 import Keithley2400
from drivers.simulated.bench import SimulatedBench
from drivers.simulated.faults import FOR_GOOD, Fault, FaultKind, make_it_happen
from tests.attempt import Attempt
from tests.conftest import CONFIGS

#: What may go wrong in the program itself, from one operation on.
PROGRAM_FAULTS = (
    "a bug in the evaluation",
    "a bug in the recorder",
    "a bug in the display",
    "a bug in the final evaluation",
    "disk full",
    "disk full half-way",
    "disk full for a moment",
    "disk read-only",
    "disk broken",
    "Ctrl-C",
    "Ctrl-C twice",
    "Ctrl-C again and again",
    "SIGTERM",
    "SIGHUP",
)
_LINK = (FaultKind.TIMEOUT, FaultKind.CONNECTION_LOST, FaultKind.ALL_LINKS_LOST, FaultKind.SESSION_LOST)
_LASTING = (
    (FaultKind.TIMEOUT, 3),
    (FaultKind.CONNECTION_LOST, 3),
    (FaultKind.CONNECTION_LOST, FOR_GOOD),
    (FaultKind.ALL_LINKS_LOST, FOR_GOOD),
)
_IN_REPLIES = ("a reply", "the reply", "numbers of a reply")
_OF_THE_SOURCE = (
    FaultKind.GOES_TO_LOCAL,
    FaultKind.ERROR_QUEUED,
    FaultKind.INTERLOCK,
    FaultKind.OVER_TEMPERATURE,
    FaultKind.OUTPUT_KEY,
    FaultKind.SHORT_CIRCUIT,
)
_OFF_BY_ITSELF = (FaultKind.INTERLOCK, FaultKind.OVER_TEMPERATURE, FaultKind.OUTPUT_KEY, FaultKind.POWER_CYCLE)
_COSTS_NO_RUN = ("a bug in the display", *(kind for kind in FaultKind if kind.startswith("meter")))
_DISK = {
    "disk full": errno.ENOSPC,
    "disk full half-way": errno.ENOSPC,
    "disk full for a moment": errno.ENOSPC,
    "disk read-only": errno.EROFS,
    "disk broken": errno.EIO,
}


@dataclass(frozen=True)
class Request:
    """A request to stop, and at how many operations in a row it is made."""

    reason: str
    times: float = 1


_REQUESTS = {
    "Ctrl-C": Request("interrupted by Ctrl-C"),
    "Ctrl-C twice": Request("interrupted by Ctrl-C", 2),
    "Ctrl-C again and again": Request("interrupted by Ctrl-C", FOR_GOOD),
    "SIGTERM": Request("terminated by SIGTERM"),
    "SIGHUP": Request("the terminal was closed (SIGHUP)"),
}

#: Longest virtual time of a run beyond what was planned, s: time-outs, a fresh session, cancelling a spectrum.
PATIENCE = 400.0
MOST_OPERATIONS = 100_000


_SWEEPS = {
    "stepped": """
source: {function: voltage, start: 0 V, stop: 6 V, points: 4, compliance: 10 mA}
measure: {settle: 10 ms, nplc: 0.1, current_range: 10 mA, photodiode_range: 10 V}
spectra: {at_voltage: [4 V], speed: fast, sample_every: 10 s}
""",
    "hardware-timed": """
source: {function: voltage, start: 0 V, stop: 6 V, points: 5, compliance: 10 mA}
measure: {timing: hardware, settle: 10 ms, nplc: 0.1, current_range: 10 mA, photodiode_range: 10 V}
""",
    "current on serial lines": """
source: {function: current, start: 0 mA, stop: 2 mA, points: 3, direction: both, compliance: 8 V}
measure: {settle: 10 ms, nplc: 0.1, photodiode_range: 10 V, filter_count: 2}
""",
}


@dataclass(frozen=True, order=True)
class Pair:
    """One run of the table: a sweep, what goes wrong, and at which operation; ``lasting`` counts operations."""

    sweep: str
    fault: str
    at: int
    lasting: float = 1

    def __str__(self) -> str:
        return f"{self.sweep}:{self.fault}:{self.at}:{self.lasting:g}"

    @classmethod
    def from_text(cls, text: str) -> Pair:
        """The pair that was printed."""
        sweep, fault, at, lasting = text.split(":")
        return cls(sweep, fault, int(at), float(lasting))

    @property
    def row(self) -> str:
        """The row of the table it belongs to."""
        how_long = {1: "", FOR_GOOD: ", for good"}.get(self.lasting, f", {self.lasting:g} operations")
        return self.fault + (how_long if self.fault in _LINK else "")


@dataclass
class Verdict:
    """How a pair ended (one of ``_ENDS``), and what was wrong with that."""

    pair: Pair
    ended: str
    output_unknown: bool = False
    wrong: list[str] = field(default_factory=list)


# --- one run ------------------------------------------------------------------------------------------------


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="fault-table-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def prepared(sweep: str) -> session.Prepared:
    """One of the sweeps on its own simulated bench; its files are made once in a process."""
    text = (CONFIGS / "benches" / "simulated.yaml").read_text(encoding="utf-8")
    text = text.replace("../", f"{CONFIGS.as_posix()}/")
    for old, new in _bench_changes(sweep):
        assert old in text, old
        text = text.replace(old, new)
    bench = _folder() / f"{sweep}_bench.yaml"
    bench.write_text(text, encoding="utf-8")
    path = _folder() / f"{sweep}.yaml"
    path.write_text(
        f"""kind: sweep
title: a short sweep on which everything goes wrong
bench: {bench.as_posix()}
sample:
  name: fault
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: {CONFIGS.as_posix()}/devices/sppo13_liq.yaml
dark: {{readings: 2}}
stop: {{on_compliance: continue}}
{_SWEEPS[sweep]}""",
        encoding="utf-8",
    )
    return session.prepare(path)


def _bench_changes(sweep: str) -> list[tuple[str, str]]:
    if sweep == "hardware-timed":
        return [("photodiode:\n  amplifier", "trigger_link: true\nphotodiode:\n  amplifier")]
    if sweep == "current on serial lines":
        return [("GPIB0::24::INSTR", "ASRL1::INSTR"), ("GPIB0::16::INSTR", "ASRL2::INSTR")]
    return [("    model: keithley2400\n", "    model: keithley2400\n    interlock: true\n")]


@dataclass(frozen=True)
class Operation:
    """One operation of a whole run: resource, name, and whether the output was on."""

    resource: str
    name: str
    output_on: bool


class Trial:
    """One attempt with one fault, and everything that is needed to judge it; no pair: nothing goes wrong."""

    def __init__(self, sweep: str, pair: Pair | None, output: Path) -> None:
        self.pair = pair
        self.prepared = prepared(sweep)
        self.attempt = Attempt(self.prepared, output)
        self.attempt.prepare_bench = self._put_fault
        self.attempt.watch = lambda event: self._bug("a bug in the display")
        self.seen: list[Operation] = []
        self.armed = self.refused = False
        self.off_begins = self.off_ends = 0
        self.error: BaseException | None = None
        self.result: session.Result | None = None

    def run(self) -> None:
        """Run; whatever comes out of it is kept, even what never should."""
        with self._patched():
            try:
                self.result = self.attempt.run()
            except BaseException as error:
                self.error = error

    @property
    def smu(self) -> Any:
        """The twin of the source."""
        assert self.attempt.simulated is not None
        return self.attempt.simulated.twins[self.prepared.loaded.bench.instruments.smu.resource]

    @property
    def operations(self) -> int:
        """How many operations there were."""
        return self.attempt.simulated.library.operations if self.attempt.simulated else 0

    def _bug(self, where: str) -> None:
        if self.armed and self.pair is not None and self.pair.fault == where:
            raise ZeroDivisionError(where)

    @contextmanager
    def _patched(self) -> Iterator[None]:
        """The seams at which the program itself is made to fail."""
        with ExitStack() as stack:
            stack.enter_context(patch.object(Keithley2400, "output_off", _noting(self, Keithley2400.output_off)))
            for owner, name, where in (
                (engine, "evaluate", "a bug in the evaluation"),
                (recorder.RunRecorder, "__call__", "a bug in the recorder"),
                (archive, "figures_of_run", "a bug in the final evaluation"),
            ):
                buggy = partial(self._bug, where)
                stack.enter_context(patch.object(owner, name, _after(buggy, getattr(owner, name))))
            writer = recorder._positioned_writer()
            stack.enter_context(patch.object(recorder, "_positioned_writer", lambda: partial(self._write, writer)))
            stack.enter_context(patch.object(os, "fsync", _after(self._disk, os.fsync)))
            for module in (archive, recorder):
                name = "put_in_place" if module is archive else "put_in_place_and_keep"
                stack.enter_context(patch.object(module, name, _after(self._disk, getattr(module, name))))
            yield

    def _disk(self) -> None:
        if self.armed and self.pair is not None and self.pair.fault in _DISK:
            self.armed, self.refused = self.pair.fault != "disk full for a moment", True
            raise OSError(_DISK[self.pair.fault], "the disk refuses")

    def _write(self, write: Callable[[int, bytes, int], int], descriptor: int, data: bytes, offset: int) -> int:
        if self.armed and self.pair is not None and self.pair.fault == "disk full half-way":
            self.refused = True
            return write(descriptor, data[: len(data) // 2], offset)
        self._disk()
        return write(descriptor, data, offset)

    def _put_fault(self, bench: SimulatedBench) -> None:
        if self.pair is None:
            bench.library.before_operation = self._note_operation
        elif self.pair.fault in PROGRAM_FAULTS:
            bench.library.before_operation = self._arm
        else:
            make_it_happen(bench, Fault(FaultKind(self.pair.fault), self.pair.at, self.pair.lasting))

    def _note_operation(self, _number: int, resource: str, name: str) -> None:
        self.seen.append(Operation(resource, name, self.attempt.simulated is not None and self.smu.output_on))

    def _arm(self, number: int, _resource: str, _operation: str) -> None:
        assert self.pair is not None
        since = number - self.pair.at
        self.armed = self.armed or since == 0
        request = _REQUESTS.get(self.pair.fault)
        if request is not None and 0 <= since < request.times:
            self.attempt.stop.ask(request.reason)


def _after(first: Callable[[], None], function: Callable[..., Any]) -> Callable[..., Any]:
    def both(*arguments: Any, **named: Any) -> Any:
        first()
        return function(*arguments, **named)

    return both


def _noting(trial: Trial, output_off: Callable[[Any], None]) -> Callable[[Any], None]:
    """The numbers of the last operation before switching off begins, and of its own last one."""

    def noted(self: Any) -> None:
        trial.off_begins = trial.operations
        output_off(self)
        trial.off_ends = trial.operations

    return noted


# --- the judgement ------------------------------------------------------------------------------------------


def judge(pair: Pair, folder: Path) -> Verdict:
    """Run a pair and look at what it left behind."""
    output = folder / "runs"
    shutil.rmtree(output, ignore_errors=True)
    trial = Trial(pair.sweep, pair, output)
    trial.run()
    verdict = Verdict(pair, "not begun")
    verdict.wrong += (*_ending(trial, verdict), *_source(trial, verdict), *_file(trial, verdict))
    return verdict


def _ending(trial: Trial, verdict: Verdict) -> Iterator[str]:
    """The process goes on by itself, in bounded time, with one message of ours."""
    result = trial.result
    if result is None:
        yield f"{type(trial.error).__name__} escaped: {trial.error}"
        return
    assert trial.attempt.simulated is not None
    if trial.attempt.simulated.clock.now() > trial.prepared.plan.duration + PATIENCE:
        yield f"it took {trial.attempt.simulated.clock.now():.0f} s"
    if trial.operations > MOST_OPERATIONS:
        yield f"it took {trial.operations} operations"
    if result.run is None and not result.error:
        yield "there is neither a run nor a message"
    if "Traceback" in result.error or "VisaIOError" in result.error:
        yield f"a raw exception: {result.error}"
    if verdict.pair.fault in _DISK and trial.refused and "disk" not in result.error:
        yield f"nothing was said of the disk: {result.error}"
    asked_to_stop = trial.armed and verdict.pair.fault in _REQUESTS
    was_over = result.run is not None and result.run.status == "completed"
    if result.interrupted != asked_to_stop and not (asked_to_stop and was_over):
        yield f"interrupted is {result.interrupted}"
    verdict.output_unknown = "MAY STILL BE ON" in result.error


def _source(trial: Trial, verdict: Verdict) -> Iterator[str]:
    """By its own log the source is off, came down to zero before, and never went beyond the plan.

    A key pressed after the source's last answer is nobody's to see.
    """
    log, pair, plan = trial.smu.output_log, verdict.pair, trial.prepared.plan
    unreachable = pair.fault == FaultKind.SILENT or (pair.lasting == FOR_GOOD and pair.fault in _LINK)
    is_on = trial.smu.output_on
    after_all = pair.fault == FaultKind.OUTPUT_KEY and pair.at == trial.off_ends
    if is_on and not after_all and not (unreachable and verdict.output_unknown):
        yield "the output is on"
    if verdict.output_unknown and not unreachable:
        yield "the output could not be confirmed to be off"
    function = "VOLT" if plan.source_function == "voltage" else "CURR"
    for change in log:
        allowed = plan.largest_level if change.function == function else 0.0
        if change.output_on and abs(change.level) > allowed * (1 + 1e-9):
            yield f"{change.function} {change.level:g} was put out"
    excused = unreachable or pair.fault in _OFF_BY_ITSELF or pair.at + pair.lasting - 1 > trial.off_begins
    levels = [change.level for change in log if change.output_on]
    if levels and levels[-1] != 0.0 and not excused:
        yield f"it was switched off at {levels[-1]:g}"


def _file(trial: Trial, verdict: Verdict) -> Iterator[str]:
    """The file opens, says how the run ended, and has every point that was reported."""
    files = sorted(trial.attempt.output.iterdir()) if trial.attempt.output.exists() else []
    if not files:
        if trial.attempt.reported:
            yield "there is no file of reported points"
        if trial.smu.output_log and any(change.output_on for change in trial.smu.output_log):
            yield "the output was on without a file"
        return
    if len(files) > 1 or files[0].suffix != ".h5":
        yield f"left behind: {', '.join(path.name for path in files)}"
        return
    with h5py.File(files[0]) as file:
        status = file["entry/status"][()].decode()
        verdict.ended = status
        disk_gone = verdict.pair.fault in _DISK and trial.result is not None and trial.result.unfinished is not None
        if status == "running" and not disk_gone:
            yield "the file says that the run goes on"
        if "recording" in file["entry"] and not disk_gone:
            yield "the file is not finished"
        if status in ("stopped", "failed") and not file["entry/stop_reason"][()]:
            yield f"{status} without a reason"
        if status == "failed" and trial.result is not None and not trial.result.error:
            yield "failed without a message"
        if status != "completed" and verdict.pair.fault in _COSTS_NO_RUN:
            yield f"the run {status} for it"
        yield from _points(trial, file["entry/jvl"])


def _points(trial: Trial, table: Any) -> Iterator[str]:
    readings = [record.reading for record in trial.attempt.reported]
    for name in ("source_level", "voltage", "current", "photodiode_signal", "time"):
        written = table[name][: len(readings)]
        reported = np.array([getattr(reading, name) for reading in readings])
        if not np.array_equal(written, reported, equal_nan=True):
            yield f"{name} of reported points: {reported} in the display, {written} in the file"


# --- the table ----------------------------------------------------------------------------------------------


def operations_of(sweep: str, folder: Path) -> list[Operation]:
    """Every operation of a whole run. Raises AssertionError unless that run is right."""
    trial = Trial(sweep, None, folder / "count")
    trial.run()
    assert trial.result is not None, trial.error
    assert not trial.result.error, trial.result.error
    assert trial.result.run is not None
    assert trial.result.run.status == "completed", trial.result.run.stop_reason
    assert len(trial.result.run.records) == len(trial.prepared.plan.steps)
    shutil.rmtree(folder / "count")
    return trial.seen


def all_pairs(folder: Path) -> list[Pair]:
    """Every operation with every kind of fault, as far as it can be told from another pair.

    The stepped sweep, which has all three instruments, meets everything: a damaged reply needs a reply, a silent
    instrument something to be silent about; what happens to the source shows when the source is talked to; a bug or a
    full disk shows at the next point, so that it is armed once a point; the spectroradiometer is there from its first
    operation on; a stop is a stop whoever asks for it: signals other than Ctrl-C are tried now and then. The
    hardware-timed sweep sets up the same instruments in the same way, and is different once the output is on. Serial
    lines are different in what becomes of the link. Links that stay bad, and errors of a link beyond one that is
    lost, are tried with the stepped sweep alone.
    """
    pairs = []
    for sweep in _SWEEPS:
        instruments = prepared(sweep).loaded.bench.instruments
        meter = instruments.spectroradiometer
        energised = met = False
        for at, operation in enumerate(operations_of(sweep, folder), 1):
            energised = energised or operation.output_on
            met = met or (meter is not None and operation.resource == meter.resource)
            if sweep == "hardware-timed" and not energised:
                continue
            faults = list(_of_the_link(operation.name))
            if sweep == "stepped":
                faults += [FaultKind.IO_ERROR]
                pairs += [Pair(sweep, kind, at, lasting) for kind, lasting in _LASTING]
            if sweep in ("stepped", "hardware-timed"):
                point = (operation.resource, operation.name) == (instruments.photodiode_meter.resource, "read")
                faults += _of_the_program(at, point)
                faults += _OF_THE_SOURCE if operation.resource == instruments.smu.resource else ()
                faults += [kind for kind in FaultKind if met and kind.startswith("meter")]
            pairs += [Pair(sweep, fault, at) for fault in faults]
    return pairs


def _of_the_link(operation: str) -> Iterator[str]:
    yield from (*_LINK, FaultKind.POWER_CYCLE)
    if operation in ("read", "write"):
        yield from (FaultKind.SILENT, FaultKind.HUNG)
    if operation == "write":
        yield FaultKind.MESSAGE_LOST
    if operation == "read":
        yield from (kind for kind in FaultKind if kind.startswith(_IN_REPLIES))


def _of_the_program(at: int, point: bool) -> list[str]:
    now_and_then = [fault for fault in _REQUESTS if fault.startswith("SIG") and at % 8 == 0]
    bugs = [fault for fault in PROGRAM_FAULTS if point and fault not in _REQUESTS]
    return [*(fault for fault in _REQUESTS if fault.startswith("Ctrl-C")), *now_and_then, *bugs]


def sample(pairs: Sequence[Pair], each: int, seed: int) -> list[Pair]:
    """Some pairs of each row of the table."""
    rows: dict[str, list[Pair]] = {}
    for pair in pairs:
        rows.setdefault(pair.row, []).append(pair)
    generator = random.Random(seed)
    return [pair for row in rows.values() for pair in generator.sample(row, min(each, len(row)))]


def judge_all(pairs: Sequence[Pair]) -> list[Verdict]:
    """Judge pairs one after the other, in a folder of their own."""
    # PyVISA says so when a message on GPIB ends without a line feed
    warnings.filterwarnings("ignore", message="read string doesn't end with termination characters")
    with tempfile.TemporaryDirectory() as folder:
        return [judge(pair, Path(folder)) for pair in pairs]


#: As the run file says; running: it could not be written any more, which the run has said.
_ENDS = ("completed", "stopped", "failed", "running", "not begun")


def print_table(verdicts: Sequence[Verdict]) -> None:
    """A line a kind of fault: tried, survived, and how the runs ended."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="a fault at an operation")
    for name in ("fault", "tried", "survived", *_ENDS, "output unknown"):
        table.add_column(name, justify="left" if name == "fault" else "right")
    rows: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.pair.row, []).append(verdict)
    for row, of_row in sorted(rows.items()):
        ends = [sum(v.ended == end for v in of_row) for end in _ENDS]
        unknown = sum(v.output_unknown for v in of_row)
        survived = sum(not v.wrong for v in of_row)
        table.add_row(row, *(str(number) for number in (len(of_row), survived, *ends, unknown)))
    Console(width=120).print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="only every K-th pair, from a random start")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--only", help="SWEEP:FAULT:OPERATION:LASTING as printed for a pair that was not survived")
    arguments = parser.parse_args()
    if arguments.only:
        verdicts = judge_all([Pair.from_text(arguments.only)])
    else:
        verdicts = _judge_in_parallel(arguments.every, arguments.seed, arguments.jobs)
    print_table(verdicts)
    lost = [verdict for verdict in verdicts if verdict.wrong]
    for verdict in lost[:50]:
        print(f"{'; '.join(verdict.wrong)}\n    python -m tests.fault_table --only '{verdict.pair}'")
    print(f"{len(verdicts)} pairs of an operation and a fault tried, {len(verdicts) - len(lost)} survived")
    return 1 if lost else 0


def _judge_in_parallel(every: int, seed: int, jobs: int) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder:
        pairs = all_pairs(Path(folder))
    generator = random.Random(seed)
    generator.shuffle(pairs)
    pairs = pairs[generator.randrange(every) :: every]
    started, verdicts = time.monotonic(), list[Verdict]()
    pieces = [pairs[start : start + 50] for start in range(0, len(pairs), 50)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for piece in pool.map(judge_all, pieces):
            verdicts += piece
            if sys.stderr.isatty():
                share = len(verdicts) / len(pairs)
                print(f"\r{share:6.1%} {time.monotonic() - started:5.0f} s", end="", file=sys.stderr)
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
