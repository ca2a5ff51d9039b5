"""One run of a short sweep with a fault, or two, in virtual time: what may go wrong, and the run itself."""

from __future__ import annotations

import atexit
import errno
import io
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise
from math import inf, nan
from pathlib import Path
from typing import Any
from unittest.mock import patch

import h5py

from acquire import session
from acquire.bench import resuming
from acquire.bench.settings import serial_line
from acquire.records import Event, Record
from acquire.run_file import finish as finishing
from acquire.run_file import read as reading
from acquire.run_file import recorder, results
from acquire.sweep import engine
from drivers.keithley2400.driver import Keithley2400
from drivers.simulated.bench import SimulatedBench
from drivers.simulated.faults import FOR_GOOD, Fault, FaultKind, Happened, Message, make_it_happen
from tests.conftest import CONFIGS
from tests.endurance.fault_guardian import Watch
from tests.support.attempt import Attempt
from tests.support.recomputed import Truth

LINK = (
    FaultKind.TIMEOUT,
    FaultKind.CONNECTION_LOST,
    FaultKind.ALL_LINKS_LOST,
    FaultKind.SESSION_LOST,
    FaultKind.LINK_CLOSED,
)
DISK = {
    "disk full": errno.ENOSPC,
    "disk full half-way": errno.ENOSPC,
    "disk full for a moment": errno.ENOSPC,
    "disk read-only": errno.EROFS,
    "disk broken": errno.EIO,
}
BUGS = {
    "a bug in the evaluation": "evaluation",
    "a bug in the recorder": "recorder",
    "a bug in the display": "display",
    "a bug in the final evaluation": "final evaluation",
}
MEMORY = {
    "out of memory in the evaluation": "evaluation",
    "out of memory in the recorder": "recorder",
    "out of memory in the display": "display",
    "out of memory in the final evaluation": "final evaluation",
}
_SEAMS = BUGS | MEMORY
DELETED, RENAMED, TRUNCATED, REPLACED = (
    f"the run file is {what}" for what in ("deleted", "renamed", "truncated", "replaced by that of another run")
)
#: An open file can be neither deleted nor renamed on Windows.
OF_THE_FILE = () if sys.platform == "win32" else (DELETED, RENAMED, TRUNCATED, REPLACED)


GUARDIAN_DIES, GUARDIAN_SILENT, NO_GUARDIAN = (
    "the guardian dies",
    "the guardian falls silent",
    "the guardian dies and no other can be started",
)
OF_THE_GUARDIAN = {
    GUARDIAN_DIES: "has ended",
    GUARDIAN_SILENT: "has not answered for 3 s",
    NO_GUARDIAN: "has ended",
}
KILLED = "the run is killed"


class Endless(BaseException):
    """The run goes round in circles: no time passes any more, or it does not end."""


#: A run takes less than a thousand operations; patience with a bad link may take some more.
MOST_OPERATIONS = 20_000


class Killed(BaseException):
    """Nothing of the run does anything any more."""


@dataclass(frozen=True)
class Request:
    """A request to stop, and at how many operations in a row it is made."""

    reason: str
    times: float = 1


REQUESTS = {
    "Ctrl-C": Request("interrupted by Ctrl-C"),
    "Ctrl-C twice": Request("interrupted by Ctrl-C", 2),
    "Ctrl-C again and again": Request("interrupted by Ctrl-C", FOR_GOOD),
    "SIGTERM": Request("terminated by SIGTERM"),
    "SIGHUP": Request("the terminal was closed (SIGHUP)"),
}
#: What may go wrong in the program itself and around it, from one operation on.
PROGRAM_FAULTS = (*BUGS, *MEMORY, *DISK, *OF_THE_FILE, *OF_THE_GUARDIAN, *REQUESTS, KILLED)


#: A sweep with a logger of the surroundings, at whose operations alone something goes wrong: that costs no run.
LOGGED = "beside a logger"

#: One level that is kept, its points rows of another table.
LIFETIME = "lifetime"

#: The same, which was stopped before and goes on in its own file.
GONE_ON = "lifetime gone on with"

SWEEPS = {
    "stepped": """
source: {function: voltage, start: 0 V, stop: 7.2 V, points: 4, compliance: 10 mA}
measure: {settle: 10 ms, nplc: 0.1, current_range: 10 mA, photodiode_range: 10 V}
spectra: {at_voltage: [4.8 V, 7.2 V], speed: fast, sample_every: 2 s}
""",
    "hardware-timed": """
source: {function: voltage, start: 0 V, stop: 6 V, points: 5, compliance: 10 mA}
measure: {timing: hardware, settle: 10 ms, nplc: 0.1, current_range: 10 mA, photodiode_range: 10 V}
""",
    "pulsed": """
source:
  {function: voltage, start: 4 V, stop: 6 V, points: 3, compliance: 10 mA, pulse: {width: 5 ms, duty_cycle: 20 %}}
measure: {timing: hardware, autozero: false, settle: 10 ms, nplc: 0.05, current_range: 10 mA, photodiode_range: 10 V}
""",
    "current on serial lines": """
source: {function: current, start: 0 mA, stop: 2 mA, points: 3, direction: both, compliance: 8 V}
measure: {settle: 10 ms, nplc: 0.1, photodiode_range: 10 V, filter_count: 2}
""",
    LIFETIME: """
source: {function: current, levels: [1 mA], compliance: 8 V}
measure: {settle: 10 ms, nplc: 0.1, photodiode_range: 10 V}
lifetime: {sampling: [{every: 2 s, until: 6 s}], initial_time: 1 s}
""",
    GONE_ON: """
source: {function: current, levels: [1 mA], compliance: 8 V}
measure: {settle: 10 ms, nplc: 0.1, photodiode_range: 10 V}
lifetime: {sampling: [{every: 2 s, until: 8 s}], initial_time: 1 s}
""",
    LOGGED: """
source: {function: voltage, start: 0 V, stop: 7.2 V, points: 5, compliance: 10 mA}
measure: {settle: 2.4 s, nplc: 0.1, current_range: 10 mA, photodiode_range: 10 V}
""",
}


#: Those that the instruments run by themselves.
BY_THEMSELVES = ("hardware-timed", "pulsed")
#: Those that set the instruments up as the stepped sweep does, and are different once the output is on.
LIKE_STEPPED_AT_FIRST = (*BY_THEMSELVES, LIFETIME, GONE_ON)


@dataclass(frozen=True, order=True)
class Pair:
    """One run of the table: a sweep, what goes wrong, and at which operation, and perhaps a second fault.

    ``lasting`` counts operations, of what concerns replies the replies.
    """

    sweep: str
    fault: str
    at: int
    lasting: float = 1
    also: Pair | None = None

    def __str__(self) -> str:
        faults = "+".join(f"{pair.fault}:{pair.at}:{pair.lasting:g}" for pair in self.each)
        return f"{self.sweep}:{faults}"

    @classmethod
    def from_text(cls, text: str) -> Pair:
        """The pair that was printed."""
        sweep, faults = text.split(":", 1)
        also = None
        for fault in reversed(faults.split("+")):
            what, at, lasting = fault.rsplit(":", 2)
            also = cls(sweep, what, int(at), float(lasting), also)
        assert also is not None
        return also

    @property
    def each(self) -> tuple[Pair, ...]:
        """The faults one by one."""
        return (self,) if self.also is None else (self, *self.also.each)

    @property
    def faults(self) -> set[str]:
        """What goes wrong."""
        return {pair.fault for pair in self.each}

    @property
    def row(self) -> str:
        """The row of the table it belongs to."""
        if self.also is not None:
            return f"{KILLED}, then: {self.also.row}" if self.fault == KILLED else "two faults at once"
        unit = "operations" if self.fault in LINK else "replies"
        how_long = {1: "", FOR_GOOD: ", for good"}.get(self.lasting, f", {self.lasting:g} {unit}")
        return self.fault + how_long


@cache
def folder() -> Path:
    """Where sweeps and benches lie that are made once in a process."""
    name = tempfile.mkdtemp(prefix="fault-table-")
    atexit.register(shutil.rmtree, name, ignore_errors=True)
    return Path(name)


@cache
def prepared(sweep: str) -> session.PreparedRun:
    """One of the sweeps on its own simulated bench; its files are made once in a process."""
    text = (CONFIGS / "benches" / "simulated.yaml").read_text(encoding="utf-8")
    text = text.replace("../", f"{CONFIGS.as_posix()}/")
    for old, new in _bench_changes(sweep):
        assert old in text, old
        text = text.replace(old, new)
    bench = folder() / f"{sweep}_bench.yaml"
    bench.write_text(text, encoding="utf-8")
    path = folder() / f"{sweep}.yaml"
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
{SWEEPS[sweep]}""",
        encoding="utf-8",
    )
    return session.prepare(path)


def _bench_changes(sweep: str) -> list[tuple[str, str]]:
    if sweep in BY_THEMSELVES:
        return [("photodiode:\n  amplifier", "trigger_link: true\nphotodiode:\n  amplifier")]
    if sweep == LOGGED:
        return [("\nphotodiode:\n", "\n  surroundings: {model: hmp110, resource: ASRL4::INSTR}\n\nphotodiode:\n")]
    if sweep == "current on serial lines":
        return [("GPIB0::24::INSTR", "ASRL1::INSTR"), ("GPIB0::16::INSTR", "ASRL2::INSTR")]
    return [("    model: keithley2400\n", "    model: keithley2400\n    interlock: true\n")]


@dataclass(frozen=True)
class Operation:
    """One operation of a run: resource, name, whether the output was on, and when it began (s)."""

    resource: str
    name: str
    output_on: bool
    time: float


@dataclass(frozen=True)
class Moment:
    """When something happened (s), before the end of which operation, and how many events of a kind were reported."""

    time: float = nan
    operation: int = 0
    reported: Mapping[str, int] = field(default_factory=dict)


class _SecondPart(Attempt):
    """A run that goes on in its own file, of which the first part was recorded before."""

    def run(self) -> session.RunResult:
        """Go on with it on a simulated bench that stays at hand."""
        name, content = first_part()
        self.output.mkdir(parents=True)
        (self.output / name).write_bytes(content)
        with patch.object(resuming, "read_run", reading.read_run):  # here: a process of its own takes its time
            taken_up = resuming.take_up(self.output / name)
        return session.resume(taken_up, self._watch, self.stop, self._site(taken_up.prepared.loaded))


@cache
def first_part() -> tuple[str, bytes]:
    """The name and the content of a run file to go on with: stopped after two rows."""
    attempt = Attempt(prepared(GONE_ON), folder() / "first part")

    def watch(event: Event) -> None:
        if isinstance(event, Record) and event.reading.index == 1:
            attempt.stop.note("interrupted by Ctrl-C")

    attempt.watch = watch
    result = attempt.run()
    assert result.run is not None, result.error
    assert result.run.rows["lifetime"] == 2
    return result.run.path.name, result.run.path.read_bytes()


@cache
def rows_of_first_part() -> Mapping[str, int]:
    """How many rows each table has before the run goes on."""
    with h5py.File(io.BytesIO(first_part()[1])) as file:
        tables = ("dark", "lifetime", "notes", "spectra", "exposure_samples", "repeated")
        return {name: len(file["entry"][name]["time" if name != "spectra" else "start"]) for name in tables}


class Trial:
    """One attempt with its faults, and everything that is needed to judge it; no pair: nothing goes wrong."""

    def __init__(self, sweep: str, pair: Pair | None, output: Path) -> None:
        self.pair = pair
        self.prepared = prepared(sweep)
        self.attempt = (_SecondPart if sweep == GONE_ON else Attempt)(self.prepared, output)
        self.before: Mapping[str, int] = rows_of_first_part() if sweep == GONE_ON else {}
        self.attempt.prepare_bench = self._put_faults
        self.attempt.watch = lambda event: self._fail("display")
        self.operations: list[Operation] = []
        self.happened: Happened
        self.truth: Truth
        source = self.prepared.loaded.bench.instruments.smu
        self.watch = Watch(source.resource, serial_line(source.serial, Keithley2400.specification.serial))
        self.armed: set[str] = set()
        self.refused = self.killed = False
        self.began, self.struck = Moment(), Moment()
        self.own_id = ""
        self.off_begins = self.off_ends = 0
        self.error: BaseException | None = None
        self.result: session.RunResult | None = None

    def run(self) -> None:
        """Run; whatever comes out of it is kept, even what never should."""
        with self._patched():
            try:
                self.result = self.attempt.run()
            except Killed:
                self._after_the_kill()
            except BaseException as error:
                self.error = error

    def _after_the_kill(self) -> None:
        """The guardian acts, and somebody recovers the file."""
        self.killed = False
        self.watch.after_the_run_died()
        files = sorted(self.attempt.output.glob("*.h5"))
        run = finishing.recover(files[0]) if files else None
        self.result = session.RunResult(run, KILLED)

    @property
    def bench(self) -> SimulatedBench:
        """The simulated bench."""
        assert self.attempt.simulated is not None
        return self.attempt.simulated

    @property
    def source(self) -> str:
        """The address of the source."""
        return self.prepared.loaded.bench.instruments.smu.resource

    @property
    def smu(self) -> Any:
        """The twin of the source."""
        return self.bench.twins[self.source]

    @property
    def heard(self) -> list[Message]:
        """What has reached the source."""
        return self.happened.lines[self.source].heard

    def role(self, resource: str) -> str:
        """What the instrument at an address is there for."""
        roles = self.prepared.loaded.bench.instruments.by_role.items()
        found = next((role for role, where in roles if where.resource == resource), "spectroradiometer")
        return found.replace("_", " ")

    def _faults(self) -> tuple[Pair, ...]:
        return () if self.pair is None else self.pair.each

    # The program's own faults

    def _fail(self, seam: str) -> None:
        """A bug strikes whenever one comes by; memory is short once."""
        for fault in [fault for fault in self.armed if _SEAMS.get(fault) == seam]:
            self._strikes()
            if fault in BUGS:
                raise ZeroDivisionError(fault)
            self.armed.remove(fault)
            raise MemoryError

    def _strikes(self) -> None:
        self.struck = self.struck if self.struck.operation else self._now()

    def _now(self) -> Moment:
        reported = Counter(type(event).__name__ for event in self.attempt.events)
        return Moment(self.bench.clock.now(), self.bench.library.operations, reported)

    @contextmanager
    def _patched(self) -> Iterator[None]:
        """The seams at which the program itself is made to fail."""
        with ExitStack() as stack:
            stack.enter_context(patch.object(Keithley2400, "output_off", _noting(self, Keithley2400.output_off)))
            for owner, name, where in (
                (engine, "evaluate", "evaluation"),
                (engine, "evaluated", "evaluation"),
                (recorder.RunRecorder, "__call__", "recorder"),
                (results, "final_evaluation", "final evaluation"),
            ):
                fail = partial(self._fail, where)
                stack.enter_context(patch.object(owner, name, _after(fail, getattr(owner, name))))
            stack.enter_context(self.watch.over_the_run())
            writer = recorder._positioned_writer()
            stack.enter_context(patch.object(recorder, "_positioned_writer", lambda: partial(self._write, writer)))
            stack.enter_context(patch.object(os, "fsync", _after(self._disk, os.fsync)))
            for module in (finishing, recorder):
                name = "replace_file" if module is finishing else "replace_file_and_lock"
                stack.enter_context(patch.object(module, name, _after(self._disk, getattr(module, name))))
            if self.pair is not None and self.pair.faults & set(OF_THE_FILE):
                stack.enter_context(patch.object(recorder, "SYNC_INTERVAL", -1.0))  # at every event
                noticed = _after(self._strikes, recorder.RunRecorder._lose)  # before that, nobody can know of it
                stack.enter_context(patch.object(recorder.RunRecorder, "_lose", noticed))
            yield

    def _disk(self) -> None:
        for fault in self.armed & set(DISK):
            if fault == "disk full for a moment":
                self.armed.remove(fault)
            self.refused = True
            self._strikes()
            raise OSError(DISK[fault], "the disk refuses")

    def _write(self, write: Callable[[int, bytes, int], int], descriptor: int, data: bytes, offset: int) -> int:
        if "disk full half-way" in self.armed:
            self.refused = True
            self._strikes()
            return write(descriptor, data[: len(data) // 2], offset)
        self._disk()
        return write(descriptor, data, offset)

    # At every operation

    def _put_faults(self, bench: SimulatedBench) -> None:
        faults = [fault for fault in self._faults() if fault.fault not in PROGRAM_FAULTS]
        self.happened = make_it_happen(
            bench, *(Fault(FaultKind(fault.fault), fault.at, fault.lasting) for fault in faults)
        )
        bench.library.before_operation = self._before
        self.watch.bench = bench
        plan = self.prepared.plan
        self.truth = Truth(bench.fixture, plan.source_function, plan.compliance)

    def _before(self, number: int, resource: str, name: str) -> None:
        if number % MOST_OPERATIONS == 0:
            raise Endless(f"{number} operations")
        self.operations.append(Operation(resource, name, self.smu.output_on, self.bench.clock.now()))
        for fault in self._faults():
            if number == fault.at and not self.began.operation:
                self.began = self._now()
        try:
            self.happened(number, resource, name)
        finally:
            for fault in self._faults():
                if fault.fault in PROGRAM_FAULTS:
                    self._arm(fault, number - fault.at)
            if self.killed:
                raise Killed

    def _arm(self, fault: Pair, since: int) -> None:
        if since == 0:
            self.armed.add(fault.fault)
            if fault.fault in OF_THE_FILE:
                self._disturb_file(fault.fault)
            if fault.fault in OF_THE_GUARDIAN:
                self.watch.befall(OF_THE_GUARDIAN[fault.fault], no_other=fault.fault == NO_GUARDIAN)
            if fault.fault == KILLED:
                self.killed = self.watch.run_is_dead = True
                self._strikes()
        request = REQUESTS.get(fault.fault)
        if request is not None and 0 <= since < request.times:
            self.attempt.stop.ask(request.reason)

    def _disturb_file(self, fault: str) -> None:
        """What somebody else does to the run file."""
        (path,) = self.attempt.output.glob("*.h5")
        if fault == DELETED:
            path.unlink()
        elif fault == RENAMED:
            path.rename(path.with_name("renamed.h5"))
        elif fault == TRUNCATED:
            os.truncate(path, path.stat().st_size // 2)
        else:
            beside = path.with_name("beside")
            beside.write_bytes(intruder())
            beside.replace(path)


def _after(first: Callable[[], None], function: Callable[..., Any]) -> Callable[..., Any]:
    def both(*arguments: Any, **named: Any) -> Any:
        first()
        return function(*arguments, **named)

    return both


def _noting(trial: Trial, output_off: Callable[[Any], None]) -> Callable[[Any], None]:
    """The numbers of the last operation before switching off begins, and of its own last one."""

    def noted(self: Any) -> None:
        trial.off_begins = trial.bench.library.operations
        output_off(self)
        trial.off_ends = trial.bench.library.operations

    return noted


# --- runs in which nothing goes wrong -----------------------------------------------------------------------


@dataclass(frozen=True)
class Reference:
    """A whole run in which nothing went wrong: its operations, and when which reply came, by address."""

    operations: tuple[Operation, ...]
    replies: dict[str, list[Message]]
    energised: tuple[float, float]
    file: bytes

    def awaited(self, resource: str, operation: int) -> Message | None:
        """The first reply that came in this operation or later; None when there was none any more."""
        return next((reply for reply in self.replies.get(resource, []) if reply.operation >= operation), None)

    def brings_a_reply(self, at: int) -> bool:
        """Whether a reply came in this operation."""
        name = self.operations[at - 1].resource
        return any(reply.operation == at for reply in self.replies.get(name, []))

    def goes_on_waiting(self, at: int) -> bool:
        """Whether this operation does what the one before did: wait for the same reply, in vain."""
        return at > 1 and all(
            operation.name == "read" and following.time > operation.time and not self.brings_a_reply(number)
            for number, (operation, following) in enumerate(pairwise(self.operations[at - 2 : at + 1]), at - 1)
        )

    def takes_the_rest(self, at: int) -> bool:
        """Whether this operation takes what is left of a reply that is there already."""
        here = self.operations[at - 1 : at + 1]
        return here[0].name == "read" and here[-1].time == here[0].time and not self.brings_a_reply(at)

    @property
    def time_at_levels(self) -> float:
        """How long the output was on, s."""
        return self.energised[1] - self.energised[0]


@cache
def reference(sweep: str) -> Reference:
    """The run of a sweep as it should be. Raises AssertionError unless that run is right."""
    output = folder() / "reference"
    trial = Trial(sweep, None, output)
    trial.run()
    result = trial.result
    assert result is not None, trial.error
    assert not result.error, result.error
    assert result.run is not None
    assert result.run.status == "completed", result.run.stop_reason
    assert (
        result.run.rows["lifetime"]
        if sweep in (LIFETIME, GONE_ON)
        else len(result.run.records) == len(trial.prepared.plan.steps)
    )
    image = result.run.path.read_bytes()
    shutil.rmtree(output)
    replies = {name: line.said for name, line in trial.happened.lines.items()}
    return Reference(tuple(trial.operations), replies, energised(trial.smu.output_log), image)


def energised(log: list[Any]) -> tuple[float, float]:
    """When the output went on first, and off last (s); infinity when it never went off, NaN when it was never on."""
    lit = [place for place, change in enumerate(log) if change.output_on]
    if not lit:
        return nan, nan
    after = log[lit[-1] + 1 :]
    return log[lit[0]].time, after[0].time if after else inf


def intruder() -> bytes:
    """A sound run file, of another run."""
    return reference("hardware-timed").file
