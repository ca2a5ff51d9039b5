"""A batch carried out: pixels measured one after the other on one open bench, and the index that says how far it is.

A pixel that is dead by its pretest, or that a rule of its sweep stops, is the device's matter, and the next one
follows; whatever goes wrong with an instrument, the disk or the program ends the batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from acquire import __version__, session
from acquire.batches.turns import Ageing, Turn, relay_of, remark
from acquire.bench.batch import PixelRun, PreparedBatch, label_of
from acquire.bench.opening import Bench
from acquire.bench.simulated import put_in, simulated_bench
from acquire.bench.site import Site
from acquire.config import ConfigurationError, LoadedSweep, Problem
from acquire.run_file import batch_index, reading_apart
from acquire.run_file.batch_index import FINISHED, BatchIndex, Entry, State
from acquire.run_file.placing import Waiting
from acquire.run_file.read import ArchiveError
from acquire.safety.interruption import StopRequest, asked_for
from acquire.safety.lock import held_alone
from acquire.session import Output, RunResult
from acquire.sinks import Sink
from drivers.errors import InstrumentError
from drivers.simulated.bench import SimulatedBench

Key = tuple[str, str, str]


class Operator(Protocol):
    """Who puts substrates in and sees what comes of it; a terminal, above all."""

    def ready(self, to_do: str) -> bool:
        """Ask for something to be done by hand; whether it is done. False: the batch ends here.

        :raises KeyboardInterrupt: the end of the batch was asked for.
        """

    def shown(self, run: PixelRun, number: int, of: int) -> AbstractContextManager[Sequence[Sink]]:
        """What shows a run while it goes on."""

    def told(self, run: PixelRun, entry: Entry, result: RunResult | None) -> None:
        """What came of it; without a result it was not swept."""


@dataclass(frozen=True)
class BatchResult:
    """How a batch ended: its index, what went wrong with the bench, if anything, and whether its end was asked for."""

    index: BatchIndex
    error: str = ""
    interrupted: str = ""
    output: Output = Output.NEVER_ON

    @property
    def left(self) -> tuple[Entry, ...]:
        """What is not finished."""
        return tuple(entry for entry in self.index.entries if entry.state not in FINISHED)


def key_of(run: PixelRun) -> Key:
    """What a run of a batch is known by in its index."""
    return run.substrate, run.pixel, run.sweep


@contextmanager
def driven(batch: PreparedBatch, folder: Path, again: Sequence[str] = ()) -> Iterator[BatchIndex]:
    """The index as of :func:`index_of`, of a batch that nobody else carries out in this folder inside.

    A folder that stays empty is not left behind.

    :raises acquire.config.ConfigurationError: as :func:`index_of`.
    :raises acquire.run_file.read.ArchiveError: as :func:`index_of`; or somebody else does, or that cannot be known.
    """
    path = batch_index.index_path(folder, batch.loaded.source.path)
    new = not folder.exists()
    with ExitStack() as stack:
        if new:
            stack.callback(_removed_if_empty, folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            by = stack.enter_context(held_alone(folder / f".{path.name}.lock", str(path.resolve())))
        except OSError as error:
            why = error.strerror or error
            raise ArchiveError(f"{path}: cannot make sure that nobody else carries this batch out ({why})") from error
        if by:
            raise ArchiveError(
                f"{path}: this batch is being carried out already, by {by}. Wait until that has ended, or end it with "
                "Ctrl-C where it was started"
            )
        yield index_of(batch, folder, again)


def _removed_if_empty(folder: Path) -> None:
    with suppress(OSError):  # something is in it
        folder.rmdir()


def index_of(batch: PreparedBatch, folder: Path, again: Sequence[str] = ()) -> BatchIndex:
    """The index of a batch as it stands, settled: run files that were cut off are finished and asked how they ended.

    Pixels named in ``again``, like ``B12 A``, are to be measured once more. Nothing is written yet.

    :raises acquire.config.ConfigurationError: the batch has no such pixel.
    :raises acquire.run_file.read.ArchiveError: the index or a run file cannot be read, or a run of it goes on.
    """
    source = batch.loaded.source
    path = batch_index.index_path(folder, source.path)
    known = {label_of(run.substrate, run.pixel): None for run in batch.runs}
    if wrong := [name for name in again if name not in known]:
        hint = f"write one of: {', '.join(known)}"
        option = "--again-pixel"
        raise ConfigurationError(
            [Problem(source.path, None, None, "", f"there is no pixel {name}", hint, option=option) for name in wrong]
        )
    found = batch_index.read_index(path) or BatchIndex(path)
    index = replace(
        found,
        title=batch.loaded.batch.title,
        batch_file=source.path.as_posix(),
        sha256=source.sha256 or hashlib.sha256(source.text.encode()).hexdigest(),
        bench=batch.bench.name,
        program=f"acquire {__version__}",
    ).told_to_run([key_of(run) for run in batch.runs])
    for entry in index.entries:
        once_more = label_of(entry.substrate, entry.pixel) in again
        after = _to_be_repeated(entry) if once_more else batch_index.settled(entry, folder, _ending_of)
        index = index.with_entry(after)
    return index


def _to_be_repeated(entry: Entry) -> Entry:
    earlier = (*entry.earlier, entry.run) if entry.run else entry.earlier
    return Entry(*entry.key, earlier=earlier)


def _ending_of(path: Path) -> tuple[str, str] | None:
    """How the run of a file ended that nobody waited for, which is finished if need be; None without a file.

    One whose end was asked for says so as one that was cut off does: it is not finished.
    """
    if not path.exists():
        return None
    run, _ = reading_apart.recover(path)
    return ("interrupted" if asked_for(run.stop_reason) else run.status), run.stop_reason


def run_batch(
    batch: PreparedBatch,
    index: BatchIndex,
    operator: Operator,
    stop: StopRequest,
    *,
    site: Site | None = None,
    waiting: Waiting | None = None,
) -> BatchResult:
    """Measure what is not finished of a batch, in its order, on a bench that is opened once.

    The index is written before each run begins and after it has ended. ``site`` and ``waiting`` as for
    :func:`acquire.session.run`.

    The whole batch is spoken to through one mailbox.

    :raises OSError: the index cannot be written.
    """
    stop.mailbox.says(batch=index.title)
    with stop.mailbox.opened():
        return _run_batch(batch, index, operator, stop, site, waiting)


def _run_batch(
    batch: PreparedBatch,
    index: BatchIndex,
    operator: Operator,
    stop: StopRequest,
    site: Site | None,
    waiting: Waiting | None,
) -> BatchResult:
    todo = [run for run in batch.runs if index.entry(key_of(run)).state not in FINISHED]
    going = _Going(batch, index, operator, stop, waiting)
    if not todo:
        batch_index.write_index(index)
        return going.result()
    place = None
    if site is None and batch.bench.simulated:
        place = simulated_bench(todo[0].prepared.loaded)
        site = session.simulated_site(place)
    try:
        with session.opened(todo[0].prepared, site, held_for=str(index.path.resolve())) as bench:
            batch_index.write_index(index)  # not before: another process may be at it
            going.measure(bench, todo, place)
            going.disconnect(bench)
    except InstrumentError as problem:
        going.error = going.error or str(problem)
    return going.result()


class _Going:
    """A batch that goes on, and how far it is."""

    def __init__(
        self,
        batch: PreparedBatch,
        index: BatchIndex,
        operator: Operator,
        stop: StopRequest,
        waiting: Waiting | None,
    ) -> None:
        self._batch = batch
        self._operator = operator
        self._stop = stop
        self._waiting = waiting
        self._turn = batch.loaded.batch.stress_per_turn
        self._ageing = Ageing(None)
        self._switched = batch.bench.instruments.pixel_switch is not None
        self.index = index
        self.error = self.interrupted = ""
        self.output = Output.NEVER_ON

    def result(self) -> BatchResult:
        """How it ended."""
        return BatchResult(self.index, self.error, self.interrupted or self._stop(), self.output)

    def measure(self, bench: Bench, todo: Sequence[PixelRun], place: SimulatedBench | None) -> None:
        """Go through the runs until one ends the batch; ``place`` is the simulated bench, if it is one.

        :raises OSError: the index cannot be written.
        """
        self._ageing = Ageing(place)
        before: PixelRun | None = None
        for number, run in self._in_turn(todo):
            if self._stop():
                return
            if by_hand := self._by_hand(before, run):
                if place is not None:
                    put_in(place, dict(self._behind(run, todo)))
                if not self._is_ready(by_hand):
                    return
            before = run
            if not self._one(bench, run, number, len(todo)):
                return

    def _in_turn(self, todo: Sequence[PixelRun]) -> Iterator[tuple[int, PixelRun]]:
        """The runs in their order, with their numbers; those of pixels that age by turns until all are done."""
        while True:
            for number, run in enumerate(todo, start=1):
                if self.index.entry(key_of(run)).state not in FINISHED:
                    yield number, run
            if self._turn is None or not any(self.index.entry(key_of(run)).state not in FINISHED for run in todo):
                return

    def _by_hand(self, before: PixelRun | None, run: PixelRun) -> str:
        """What somebody has to do before a run; empty when nothing."""
        new = before is None or before.substrate != run.substrate
        if self._switched:
            return f"put substrate {run.substrate} in" if new else ""
        if new:
            return f"put substrate {run.substrate} in and connect pixel {run.pixel}"
        assert before is not None
        return f"connect pixel {run.pixel} of substrate {run.substrate}" if before.pixel != run.pixel else ""

    def _behind(self, run: PixelRun, todo: Sequence[PixelRun]) -> Iterator[tuple[int, LoadedSweep]]:
        """What a substrate on a simulated bench has behind each relay; without a switch the one pixel behind 1."""
        switch = self._batch.bench.instruments.pixel_switch
        if switch is None:
            yield 1, run.prepared.loaded
            return
        for one in reversed([one for one in todo if one.substrate == run.substrate]):
            yield switch.pixels[one.switched_as], one.prepared.loaded

    def _is_ready(self, to_do: str) -> bool:
        try:
            with self._stop.while_asking():
                if self._operator.ready(to_do):
                    return True
            self.interrupted = "left before the next pixel"
        except KeyboardInterrupt:
            self.interrupted = self._stop()
        return False

    def _one(self, bench: Bench, run: PixelRun, number: int, of: int) -> bool:
        """Measure one pixel by one sweep; whether the batch goes on.

        :raises OSError: the index cannot be written.
        """
        if (dead := self._known_dead(run)) is not None:
            entry = replace(self.index.entry(key_of(run)), state=dead.state, reason=dead.reason, ended=_now())
            self._write(entry)
            self._operator.told(run, entry, None)
            return True

        turn = None if self._turn is None else Turn(self._stop, self._turn)
        try:
            with self._operator.shown(run, number, of) as sinks:
                result = self._carried_out(bench, run, sinks, turn, another=number < of or turn is not None)
        except ArchiveError as problem:  # of a run that was to be gone on with
            self.error = str(problem)
            return False
        over = turn is not None and turn.over
        entry = self._ended(self.index.entry(key_of(run)), result)
        self._write(entry)
        self._operator.told(run, entry, result)
        self.output = result.output
        if result.failed:
            self.error = result.error
        return not (result.failed or (result.interrupted and not over) or result.run is None)

    def _carried_out(
        self, bench: Bench, run: PixelRun, sinks: Sequence[Sink], turn: Turn | None, *, another: bool
    ) -> RunResult:
        """A new run, or the next turn of one.

        :raises acquire.run_file.read.ArchiveError: that cannot be gone on with.
        """
        entry, relay = self.index.entry(key_of(run)), relay_of(run.prepared)

        def begins(run_id: str, path: Path) -> None:
            self._write(batch_index.begun(self.index.entry(key_of(run)), run_id, path.name, _now()))

        folder = self.index.path.parent
        if turn is not None and entry.run:
            taken_up, ago = self._ageing.taken_up(relay, folder / entry.run)
            self._write(batch_index.taken_up(entry))
            bench.remarks = (*bench.remarks, remark(self._turn or 0.0, taken_up, ago))
            return session.resume_on(bench, taken_up, [*sinks, turn.seen], turn, ago=ago, another=another)
        if turn is not None:
            self._ageing.begins(relay)
            bench.remarks = (*bench.remarks, remark(self._turn or 0.0, None, None))
            sinks = [*sinks, turn.seen]
        return session.run_on(
            bench,
            run.prepared,
            folder,
            sinks,
            turn or self._stop,
            waiting=self._waiting,
            another=another,
            begins=begins,
        )

    def _known_dead(self, run: PixelRun) -> Entry | None:
        """An earlier run of a pixel whose pretest spoke against it: it is not swept by another sweep either."""
        others = (one for one in self.index.entries if one.key != key_of(run))
        same = (one for one in others if (one.substrate, one.pixel) == (run.substrate, run.pixel))
        return next((one for one in same if one.state in (State.DEAD, State.UNFIT)), None)

    def _ended(self, entry: Entry, result: RunResult) -> Entry:
        if result.run is None:
            unfinished = result.unfinished.name if result.unfinished is not None else ""
            left = replace(entry, run=unfinished, run_id=entry.run_id if unfinished else "")
            return batch_index.ended(left, "failed", result.error, interrupted=result.interrupted, when=_now())
        done = replace(entry, run=result.run.path.name)  # another one where the first was taken away
        status = "failed" if result.failed else str(result.run.status)
        reason = result.run.stop_reason or result.error
        return batch_index.ended(done, status, reason, interrupted=result.interrupted, when=_now())

    def _write(self, entry: Entry) -> None:
        self.index = self.index.with_entry(entry)
        batch_index.write_index(self.index)

    def disconnect(self, bench: Bench) -> None:
        """Leave no pixel connected, as far as the bench is able to."""
        if self._switched and self.output is not Output.UNKNOWN:
            with suppress(InstrumentError):
                bench.select(None)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
