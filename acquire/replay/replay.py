"""A recorded run made again from its file: the same sweep, on twins that answer as its instruments did then.

Everything comes from the run file: sweep, bench and calibration as they were resolved, every message as it was
exchanged. What the program sends now is held against what it sent then, and every number that comes of it against the
one in the file. A file without messages is only computed again from its readings, and that is said.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import ValidationError

from acquire import session
from acquire.bench.preparation import PreparedRun
from acquire.bench.resuming import loaded_from
from acquire.bench.site import Site
from acquire.config import LoadedSweep
from acquire.evaluation.figure import Figure
from acquire.evaluation.formula_changes import formulas_changed, is_explained
from acquire.recompute.changes import Changes
from acquire.recompute.comparison import Difference, difference, figure_differences
from acquire.recompute.recompute import compute
from acquire.records import Columns, Event
from acquire.replay.people import AskedAsThen, HandAsThen
from acquire.replay.tape import Deviation, Tape, recorded_bench, told
from acquire.run_file.columns import read_columns
from acquire.run_file.conditions import by_hand as set_by_hand
from acquire.run_file.layout import TABLES, Table
from acquire.run_file.read import ArchiveError, Run, read_run
from acquire.run_file.recorder import EXCHANGE_FULL
from acquire.run_file.tables import length
from acquire.safety.interruption import asked_for
from acquire.sweep.by_hand import by_hand
from acquire.sweep.plan import make_plan
from acquire.sweep.pretest import make_pretest

#: Columns that an instrument read, by its role; a row of a table of its own is from the one that is named there.
_SMU, _METER, _SPECTRORADIOMETER = "smu", "photodiode_meter", "spectroradiometer"
_READ_BY = {
    "voltage": _SMU,
    "current": _SMU,
    "source_time": _SMU,
    "source_status": _SMU,
    "pulse_width": _SMU,
    "photodiode_signal": _METER,
    "ambient_temperature": "surroundings",
    "relative_humidity": "surroundings",
}


@dataclass(frozen=True)
class NumberDifference:
    """A value of the file that is not what came of the replay: its table, column and row (-1: no row), both values.

    ``message`` is the number of the message that it came with, from 1, and ``received`` that message; 0 where it is
    none of one message.
    """

    table: str
    column: str
    row: int
    recorded: str
    came: str
    rows: int = 1
    message: int = 0
    received: str = ""

    def __str__(self) -> str:
        """In one line."""
        more = f", and in {self.rows - 1} more rows" if self.rows > 1 else ""
        by = f" by message {self.message}, {self.received}" if self.message else ""
        where = f", row {self.row + 1} from 1" if self.row >= 0 else ""
        return f"{self.table}/{self.column}{where}: {self.recorded} in the file, {self.came}{by}{more}"


@dataclass(frozen=True)
class Replayed:
    """What came of a replay: how many of the ``messages`` were exchanged again, and everything that differs.

    ``readings_only`` says why nothing was exchanged; ``bounded`` why not to the end; empty where all was. ``computed``:
    numbers of the file that do not follow from its readings, but for ``formulas`` that changed since. ``error`` is what
    the run itself ended with, where it should not have. ``compared``: how many columns and figures were held against
    each other. ``late``: so far [s] the times of a run on a real bench are from those of its messages. ``rounding``: by
    how much computed numbers are apart, relative, that are not told because another machine may make as much of a
    difference (:data:`~acquire.recompute.comparison.ROUNDING`).
    """

    run: Run
    messages: int = 0
    exchanged: int = 0
    compared: int = 0
    readings_only: str = ""
    bounded: str = ""
    deviation: Deviation | None = None
    numbers: tuple[NumberDifference, ...] = ()
    computed: tuple[Difference, ...] = ()
    formulas: tuple[str, ...] = ()
    error: str = ""
    late: float = 0.0
    rounding: float = 0.0

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.deviation or self.numbers or self.computed or self.error)


def replay(path: Path) -> Replayed:
    """Make a recorded run again, and compare every message and every number.

    :raises ArchiveError: the file cannot be read, is not finished, or its configuration is not understood.
    """
    run = read_run(path)
    if not run.finished:
        raise ArchiveError(f"{path}: is not finished; replay it after: acquire recover {path}")
    same = compute(run, run, Changes())
    apart = [one for one in same.unchanged if not one.by_rounding]
    computed = tuple(one for one in apart if not is_explained(run.version, one.place))
    formulas = tuple(formulas_changed(run.version, {one.place for one in apart} - {one.place for one in computed}))
    if only := _only_readings(run):
        return Replayed(run, compared=same.compared, readings_only=only, computed=computed, formulas=formulas)
    prepared = _prepared(run)
    resources = {role: part.resource for role, part in prepared.loaded.bench.instruments.by_role.items()}
    library, tape = recorded_bench(run.exchanges, resources)
    if set_by_hand(run):
        prepared = replace(prepared, plan=by_hand(prepared.plan, HandAsThen(run, tape).take))
    watch = _Watch(tape, run)
    with TemporaryDirectory(prefix="replay") as folder:
        stop = AskedAsThen(run, tape, lambda: watch.points, Path(folder) / "mailbox")
        result = session.run_again(
            prepared,
            datetime.fromisoformat(run.start_time),
            Path(folder) / "again.h5",
            watch,
            stop,
            Site(library, tape.clock.now, tape.clock.advance),
        )
        found = _Compared()
        if result.run is not None:
            found = _compared(run, result.run, watch, real_clock=_on_a_real_clock(run))
    return replace(
        _told(run, tape, watch, result.error),
        numbers=tuple(found.numbers),
        compared=found.count + same.compared,
        computed=computed,
        formulas=formulas,
        late=found.late,
        rounding=max([found.rounding, *(one.largest for one in same.unchanged if one.by_rounding)]),
    )


def _on_a_real_clock(run: Run) -> bool:
    """Whether time went on while the program worked: on every bench but a simulated one."""
    return str(run.configured("bench", "visa")) != "simulated"


def _told(run: Run, tape: Tape, watch: _Watch, error: str) -> Replayed:
    """What came of the messages, but for what must be: a recording that ends early, a run that a person ended."""
    deviation, bounded = tape.deviation, ""
    if tape.ended:
        bounded = "the room for messages was full then: what was exchanged afterwards is not in the file"
        if not any(note.text == EXCHANGE_FULL for note in run.notes):
            bounded, deviation = "", Deviation(len(run.exchanges) + 1, "", "nothing more", "the run goes on")
    if watch.asked_for and watch.points >= watch.most and deviation is not None:
        bounded, deviation = "a person ended the run: the messages of its last seconds follow no plan", None
    if deviation is None and not bounded and not error and tape.left:
        deviation = Deviation(tape.position + 1, "", told(tape.expected), "the run is over")
    return Replayed(
        run,
        messages=len(run.exchanges),
        exchanged=tape.position,
        bounded=bounded,
        deviation=deviation,
        error="" if deviation or bounded or run.status == "failed" else error,
    )


def _only_readings(run: Run) -> str:
    """Why the messages of a run cannot be exchanged again; empty where they can."""
    if not len(run.exchange["time"]):
        return "no message is kept in the file (it is older, long, or its sweep file says so)"
    if length(run.tables["parts"]) > 1:
        return "it was gone on with after a break"
    if "*IDN" not in "".join(one.sent.decode("ascii", "replace") for one in run.exchanges[:40]):
        return "its bench was opened before it, for another run of its batch"
    return ""


def _prepared(run: Run) -> PreparedRun:
    """The run prepared as it was then, on a bench that is none but its file.

    :raises ArchiveError: its configuration is not understood.
    """
    try:
        loaded = loaded_from(run)
        loaded = _on_no_bench(loaded)
        plan = make_plan(loaded.sweep, loaded.bench)
        tested = any(note.text.startswith("pretest: ") for note in run.notes)
        pretest = make_pretest(loaded.sweep, loaded.bench, plan) if tested else None
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        raise ArchiveError(f"{run.path}: its configuration is not understood by this program") from error
    return PreparedRun(loaded, plan, run.calibration, pretest)


def _on_no_bench(loaded: LoadedSweep) -> LoadedSweep:
    """The same where nothing of a real bench is touched: no lock, no guardian."""
    return replace(loaded, bench=loaded.bench.model_copy(update={"visa": "simulated"}))


class _Watch:
    """Takes note, at each row, of how far the tape has come: so the message is known with which a number came."""

    def __init__(self, tape: Tape, run: Run) -> None:
        self.asked_for = run.stop_reason if asked_for(run.stop_reason) else ""
        self.most = run.points + run.rows.get("lifetime", 0)
        self._tape = tape
        self._exchanges = run.exchanges
        self._until: dict[str, list[int]] = defaultdict(list)
        self._names = {table.event: table.name for table in TABLES}

    @property
    def points(self) -> int:
        """How many points there were."""
        return len(self._until["jvl"]) + len(self._until["lifetime"])

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if (name := self._names.get(type(event))) is not None:
            self._until[name].append(self._tape.position)

    def message_of(self, table: str, column: str, row: int) -> tuple[int, str]:
        """The message that a value came with, its number from 1, and it in words; 0 where that is not known."""
        role = _SPECTRORADIOMETER if table == "spectra" else _READ_BY.get(column, "")
        until = self._until[table]
        if not role or row >= len(until):
            return 0, ""
        for position in range(until[row] - 1, -1, -1):
            one = self._exchanges[position]
            if one.instrument == role and one.received:
                return position + 1, told(one)
        return 0, ""


@dataclass
class _Compared:
    """What comparing found, how many columns and figures were compared, how far times are apart [s], and roundings."""

    numbers: list[NumberDifference] = field(default_factory=list)
    count: int = 0
    late: float = 0.0
    rounding: float = 0.0


def _compared(run: Run, again: Run, watch: _Watch, *, real_clock: bool) -> _Compared:
    """Where the rows differ, as far as the replay came.

    ``real_clock``: the program looked at a clock that went on between two messages. What follows from times is not held
    against the file then: it was computed from the file's own times before.
    """
    found, complete = _Compared(), again.status == run.status
    for table in TABLES:
        if table.name in ("notes", "findings", "branches", "transport") and not (complete and not real_clock):
            continue
        one, other = _rows(run, table), _rows(again, table)
        if real_clock and one and other and length(one) == length(other):
            found.late = max(found.late, _late(one, other))
            one = {name: values for name, values in one.items() if name in _READ and name not in _TIMES}
        found.count += len(one)
        _compare_table(found, table.name, one, other, watch, complete=complete)
    if found.late > MOST_LATE:
        apart = f"up to {found.late:.3g} s apart"
        found.numbers.append(NumberDifference("jvl", "time", -1, "the time of the recording", apart))
    if complete and not real_clock:
        for name, figure in run.figures.items():
            _compare_figure(found, name, figure, again.figures.get(name))
    return found


def _compare_figure(found: _Compared, name: str, one: Figure, other: Figure | None) -> None:
    found.count += 1
    apart = [] if other is None else list(figure_differences({name: one}, {name: other}))
    found.rounding = max([found.rounding, *(each.largest for each in apart if each.by_rounding)])
    if other is None or not all(each.by_rounding for each in apart):
        came = "nothing" if other is None else f"{other.value!r} ({other.status})"
        found.numbers.append(NumberDifference("figures_of_merit", name, -1, f"{one.value!r} ({one.status})", came))


def _late(one: Columns, other: Columns) -> float:
    """How far the times of the same rows are apart, s."""
    apart = [np.abs(one[name] - other[name]) for name in _TIMES if name in one]
    return max((float(np.nanmax(each, initial=0.0)) for each in apart), default=0.0)


def _rows(run: Run, table: Table) -> Columns:
    if table.streamed:
        return read_columns(run.path, table.name) if run.rows.get(table.name) else {}
    return run.tables[table.name]


#: Columns that follow from others: a reading that differs is told, not what follows from it.
_READ = (*_READ_BY, "time", "source_level", "branch", "cycle", "after", "spectral_radiance", "stress_time", "text")
#: Columns that the program read from its own clock.
_TIMES = ("time", "stress_time", "start", "stop", "duration", "paused")
#: So long after a message the program may have looked at its clock, s.
MOST_LATE = 0.1


def _compare_table(found: _Compared, name: str, one: Columns, other: Columns, watch: _Watch, *, complete: bool) -> None:
    if not one:
        return
    rows = min(length(one), length(other)) if other else 0
    if complete and (not other or length(one) != length(other)):
        lengths = str(length(one)), str(length(other) if other else 0)
        found.numbers.append(NumberDifference(name, "rows", -1, *lengths))
    apart = dict[str, np.ndarray[Any, Any]]()
    for column in [column for column in one if rows and (complete or column in _READ)]:
        a, b = one[column][:rows], other[column][:rows]
        if (far := difference(column, a, b)) is None:
            continue
        if far.by_rounding and column not in _READ:
            found.rounding = max(found.rounding, far.largest)
        else:
            apart[column] = _rows_apart(a, b)
    by_reading = [column for column in apart if column in _READ]
    for column in by_reading or apart:
        row = int(apart[column][0])
        message, received = watch.message_of(name, column, row)
        recorded, came = (_shown(values[column][row]) for values in (one, other))
        size = int(apart[column].size)
        found.numbers.append(NumberDifference(name, column, row, recorded, came, size, message, received))


def _rows_apart(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The rows in which two columns that differ are not the same to the last bit."""
    same = one == other
    if one.dtype.kind == "f":
        same |= np.isnan(one) & np.isnan(other)
    return np.flatnonzero(~(same.all(axis=tuple(range(1, same.ndim))) if same.ndim > 1 else same))


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return repr(value.decode(errors="replace"))
    return "another spectrum" if np.ndim(value) else f"{value.item()!r}"
