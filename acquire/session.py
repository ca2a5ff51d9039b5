"""The composition root: files become a bench, a plan, a calibration and sinks, and the sweep runs."""

from __future__ import annotations

import os
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from json import dumps
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from acquire import __version__
from acquire.bench.bench import BenchInRun
from acquire.bench.opening import Bench, guardian_order, open_bench
from acquire.bench.preparation import PreparedRun, name_fields, prepare, run_folder
from acquire.bench.published import BY_HAND, Published
from acquire.bench.resuming import TakenUp, age
from acquire.bench.settings import pretest_settings, smu_settings
from acquire.bench.site import Site
from acquire.config import LoadedSweep, resolved
from acquire.evaluation.decay import DecayConditions
from acquire.evaluation.evaluate import Evidence
from acquire.evaluation.findings import findings_before
from acquire.evaluation.floor import least_light
from acquire.evaluation.lifetime_rows import LifetimeRows
from acquire.records import (
    Activity,
    DarkReading,
    Event,
    Exchange,
    ExposureSample,
    Finding,
    LifetimePoint,
    Note,
    Part,
    Pause,
    Record,
    RepeatedReading,
    RunStart,
    RunStop,
    Spectrum,
    TransportPoint,
)
from acquire.run_file import finish as finishing
from acquire.run_file import layout
from acquire.run_file import read as reading
from acquire.run_file.batch_index import PRETEST
from acquire.run_file.exchange import room_for_exchange
from acquire.run_file.layout import Capacity, Growing
from acquire.run_file.naming import file_name
from acquire.run_file.placing import Waiting, locked_shared
from acquire.run_file.reading_apart import read_run
from acquire.run_file.recorder import RecordingError, RunRecorder, create_run_file
from acquire.run_file.reopening import reopen_run_file
from acquire.safety.awake import kept_awake
from acquire.safety.guardian import Guard, guarded, started_ahead
from acquire.safety.guardian_log import guardian_remarks
from acquire.safety.interruption import StopRequest
from acquire.safety.lock import instruments_locked
from acquire.sinks import Sink, Spectator, fan_out, not_shown, shown, switched_off
from acquire.sweep.by_hand import ByHand
from acquire.sweep.engine import LONGEST_SAMPLED, Outcome, run_sweep
from acquire.sweep.lifetime import LifetimeCourse
from acquire.sweep.plan import SweepPlan
from acquire.sweep.pretest import pretested
from drivers.errors import InstrumentError, OutputStateUnknown

if TYPE_CHECKING:
    from drivers.simulated.bench import SimulatedBench

__all__ = ["PreparedRun", "RunResult", "opened", "prepare", "run", "run_folder", "run_on"]


class Output(StrEnum):
    """Whether the source's output is off when a run has ended: asked for, never switched on, or not confirmed."""

    OFF = "off"
    NEVER_ON = "never on"
    UNKNOWN = "not confirmed to be off"


@dataclass(frozen=True)
class RunResult:
    """How a run ended: its finished file, None when there is none, and what went wrong, if anything.

    ``unfinished`` is the run file that has all rows but could not be finished; ``not_shown`` says, line by line, what
    the spectators did not get to show; ``output`` whether the source's output is off.
    """

    run: reading.Run | None
    error: str = ""
    interrupted: bool = False
    unfinished: Path | None = None
    not_shown: str = ""
    output: Output = Output.NEVER_ON

    @property
    def failed(self) -> bool:
        """Whether something went wrong."""
        return bool(self.error)

    @property
    def pretest_against(self) -> str:
        """What the pretest found against the device, which was not swept for that; empty where it found nothing."""
        reason = self.run.stop_reason if self.run is not None else ""
        return reason.removeprefix(PRETEST) if reason.startswith(PRETEST) else ""


def run(
    prepared: PreparedRun,
    output: Path | None,
    spectators: Sink | Sequence[Sink],
    stop: StopRequest,
    site: Site | None = None,
    waiting: Waiting | None = None,
) -> RunResult:
    """Carry a prepared sweep out and finish its file, whatever happens on the way.

    One run per instrument at a time: nothing is opened, nothing written while another has one of them. ``spectators``,
    one or several, receive each event once it is recorded; those in a thread of their own are closed at the end.
    ``site`` stands in for that of the bench file; ``waiting`` says how a viewer that has the file open at the end is
    waited for, and who tells of it.

    :raises acquire.config.ConfigurationError: as :func:`run_folder`.
    """
    one = _new_run(prepared, output, waiting)
    return _run(one, opened(prepared, site, held_for=str(one.path.resolve())), spectators, stop)


def resume(
    taken_up: TakenUp, spectators: Sink | Sequence[Sink], stop: StopRequest, site: Site | None = None
) -> RunResult:
    """As :func:`run`, for a run that was cut off or stopped: it goes on in the same file.

    The output was off in between, and goes on anew; the file says where the gap is. ``site`` as for :func:`run`.
    """
    prepared, run = taken_up.prepared, taken_up.run
    one = _NewRun(prepared, taken_up.started, uuid.UUID(run.run_id), run.path, taken_up=taken_up)
    where = site or site_of(prepared.loaded, taken_up)
    return _run(one, opened(prepared, where, held_for=str(one.path.resolve())), spectators, stop)


def run_again(
    prepared: PreparedRun, started: datetime, path: Path, watch: Sink, stop: StopRequest, site: Site
) -> RunResult:
    """As :func:`run`, as if it began when an earlier one did, into the file at ``path``: a recorded run made again."""
    one = _NewRun(prepared, started, uuid.uuid4(), path)
    return _run(one, opened(prepared, site, held_for=str(path)), [watch], stop)


@contextmanager
def opened(prepared: PreparedRun, site: Site | None = None, *, held_for: str = "one of several") -> Iterator[Bench]:
    """The bench of a prepared sweep, for several runs one after the other (:func:`run_on`); nobody else has it inside.

    ``site`` as for :func:`run`; ``held_for`` is the run that others get to see meanwhile.

    :raises acquire.safety.lock.BenchInUse: another run has one of the instruments.
    :raises acquire.safety.lock.LocksUnusable: the folder of the locks cannot be used.
    """
    loaded = prepared.loaded
    with (
        instruments_locked(_resources(loaded), loaded.bench.name, held_for) as remarks,
        open_bench(loaded.bench, site or site_of(loaded)) as bench,
    ):
        bench.remarks = remarks
        yield bench


def run_on(
    bench: Bench,
    prepared: PreparedRun,
    output: Path | None,
    spectators: Sink | Sequence[Sink],
    stop: StopRequest,
    *,
    waiting: Waiting | None = None,
    another: bool = False,
    begins: Callable[[str, Path], None] = lambda _run_id, _path: None,
) -> RunResult:
    """As :func:`run`, on a bench that :func:`opened` gave and that stays open.

    Every run sets the instruments up anew from a reset, and has a guardian and a file of its own. ``begins`` is called
    with its identity and the path of its file before anything is done; what it raises, this raises. ``another``: a run
    follows, whose guardian is started while the file of this one is finished.

    :raises acquire.config.ConfigurationError: as :func:`run_folder`.
    """
    one = _new_run(prepared, output, waiting, another=another)
    begins(str(one.run_id), one.path)
    return _run(one, nullcontext(bench), spectators, stop)


def resume_on(
    bench: Bench,
    taken_up: TakenUp,
    spectators: Sink | Sequence[Sink],
    stop: StopRequest,
    *,
    ago: float | None = None,
    another: bool = False,
) -> RunResult:
    """As :func:`resume`, on a bench that is open; the run began ``ago`` s, where that is not by the clock on the wall.

    ``another`` as for :func:`run_on`.
    """
    run = taken_up.run
    one = _NewRun(
        taken_up.prepared,
        taken_up.started,
        uuid.UUID(run.run_id),
        run.path,
        another=another,
        taken_up=taken_up,
        ago=ago,
    )
    return _run(one, nullcontext(bench), spectators, stop)


@dataclass(frozen=True)
class _NewRun:
    """A run that is about to begin, and the file that it is going to write."""

    prepared: PreparedRun
    started: datetime
    run_id: uuid.UUID
    path: Path
    waiting: Waiting | None = None
    another: bool = False
    taken_up: TakenUp | None = None
    ago: float | None = None

    def elapsed(self) -> float:
        """How long ago it began, s: only a run that is gone on with began before."""
        if self.taken_up is None:
            return 0.0
        return self.taken_up.elapsed(datetime.now(UTC)) if self.ago is None else max(self.ago, self.taken_up.last)


def _new_run(
    prepared: PreparedRun, output: Path | None, waiting: Waiting | None = None, *, another: bool = False
) -> _NewRun:
    started, run_id = datetime.now(UTC).astimezone(), uuid.uuid4()
    name = file_name(started, name_fields(prepared.loaded), run_id, prepared.loaded.sweep.output.name)
    return _NewRun(
        prepared, started, run_id, (run_folder(prepared) if output is None else output) / name, waiting, another
    )


def _run(
    one: _NewRun, opening: AbstractContextManager[Bench], spectators: Sink | Sequence[Sink], stop: StopRequest
) -> RunResult:
    plan = one.prepared.plan
    kind = BY_HAND if isinstance(plan.course, ByHand) else "lifetime" if plan.lasting else "sweep"
    published = Published(stop, plan.exposures, plan.dark.readings_after, kind=kind)
    with stop.mailbox.opened(), ExitStack() as until_finished:
        listening: list[Sink] = [published, *([spectators] if callable(spectators) else spectators)]
        result = _run_until_finished(one, opening, listening, stop, until_finished)
        published.output_is(off=result.output is not Output.UNKNOWN)
        return result


def _run_until_finished(
    one: _NewRun,
    opening: AbstractContextManager[Bench],
    spectators: Sequence[Sink],
    stop: StopRequest,
    until_finished: ExitStack,
) -> RunResult:
    prepared, started, run_id, path = one.prepared, one.started, one.run_id, one.path
    loaded, plan = prepared.loaded, prepared.plan
    ended: tuple[Outcome, RunStop] | None = None
    error, listening, unsaid = "", list(spectators), list[str]()
    never_begun = False

    def show(activity: Activity) -> None:
        unsaid.extend(shown(activity, listening))

    try:
        with (
            opening as opened_bench,
            nullcontext() if loaded.bench.simulated else kept_awake(stop),
            guarded(guardian_order(loaded, path), opened_bench.take_guardian()) as guard,
            opened_bench.in_run(loaded, plan, stop, guard, show, one.elapsed()) as bench,
        ):
            with stop.interruptible():
                guard.wait_until_ready()
            start = replace(_run_start(loaded, plan, bench, run_id, started), path=str(path))
            recorder = _recorder(one, start, bench)
            until_finished.callback(lambda: _forget(one, recorder) if never_begun and not bench.output_was_on else None)
            until_finished.enter_context(locked_shared(path))
            until_finished.callback(recorder.let_go)
            until_finished.enter_context(closing(recorder))
            recorded = _recorded_as(one, _while_there_is_room(recorder))
            emit = fan_out(recorded, listening, bench.now)
            if plan.lasting:
                recorded(_part(one, bench.now()))
            remarks, spectra = (
                [*_remarks_on_gap(one), *opened_bench.remarks, *filter(None, [stop.mailbox.problem])],
                one.taken_up.run.spectra if one.taken_up else (),
            )
            outcome, error = _record_sweep(prepared, bench, emit, start, stop, remarks, guard, spectra)
            if one.another and not loaded.bench.simulated:
                opened_bench.guardian_ahead = started_ahead()
            opened_bench.remarks = ()
            end = datetime.fromtimestamp(started.timestamp() + bench.now(), tz=started.tzinfo)
            ended = outcome, RunStop(outcome.status, outcome.reason, end.isoformat())
            error = _lines(error, _ending_recorded(recorder, emit, ended[1], [Note(bench.now(), x) for x in unsaid]))
    except (Exception, KeyboardInterrupt) as problem:  # no traceback at a bench
        if ended is None:
            never_begun = True
            return _without_a_sweep(problem, stop)
        error = _lines(error, _left_badly(problem))
    outcome, reason = ended
    output = _output(bench)
    problem_of_file, unshown = _closed(recorder, spectators, bench.now)
    error = _lines(error, problem_of_file, *(f"guardian: {text}" for _, text in guardian_remarks(path)[-1:]))
    try:
        finished, said = _finished(recorder, reason, str(run_id), one.waiting)
    except (reading.ArchiveError, RecordingError) as failure:
        there = recorder.stands() or (recorder.refused and recorder.path.exists())
        unfinished = recorder.path if there else None
        return RunResult(None, _lines(error, str(failure)), outcome.asked_for, unfinished, unshown, output)
    return RunResult(finished, _lines(error, said), outcome.asked_for, not_shown=unshown, output=output)


def _output(bench: BenchInRun) -> Output:
    if bench.output_may_be_on:
        return Output.UNKNOWN
    return Output.OFF if bench.output_was_on else Output.NEVER_ON


def _lines(*texts: str) -> str:
    """What there is to say, each line once."""
    return "\n".join(dict.fromkeys(filter(None, texts)))


def _finished(recorder: RunRecorder, stop: RunStop, run_id: str, waiting: Waiting | None) -> tuple[reading.Run, str]:
    """Finish the file of a run that has ended; where it is lost, the one that is written anew, and what to say.

    :raises acquire.run_file.read.ArchiveError: it cannot be finished.
    :raises acquire.run_file.recorder.RecordingError: it is lost, and nothing could be written anew.
    """
    problem = ""
    if not recorder.lost:
        try:
            return finishing.finish(recorder.path, stop, run_id, waiting), ""
        except reading.ArchiveError as failure:
            if recorder.stands() or recorder.refused:
                raise
            problem = str(failure)
    lost = recorder.path
    saved = recorder.write_anew(stop)
    with locked_shared(saved):
        run = finishing.finish(saved, stop, run_id)
    return run, _lines(problem, f"{lost}: {_whose(lost, run_id)}; all that was recorded of run {run_id} is in {saved}")


def _whose(path: Path, run_id: str) -> str:
    """What stands now where the file of the run ``run_id`` was."""
    if not os.path.lexists(path):
        return "nothing of this name is there any more"
    try:
        there = read_run(path).run_id
    except reading.ArchiveError:
        return "what is there now is not a run file"
    if there == run_id:
        return "what is recorded in it was changed by somebody else"
    return f"what is there now is the file of run {there}"


def _without_a_sweep(problem: BaseException, stop: StopRequest) -> RunResult:
    """What to say of a run that had not begun to sweep."""
    if isinstance(problem, KeyboardInterrupt):
        return RunResult(None, f"{stop()}; nothing had been switched on", interrupted=True)
    expected = isinstance(problem, InstrumentError | RecordingError | reading.ArchiveError)
    text = str(problem) if expected else f"the run could not begin: {type(problem).__name__}: {problem}"
    return RunResult(None, text, interrupted=bool(stop()))


def _left_badly(problem: BaseException) -> str:
    """What to say when letting go of the bench, its guardian or its locks failed; the sweep itself is in its file."""
    place = traceback.extract_tb(problem.__traceback__)[-1]
    where = f"line {place.lineno} of {Path(place.filename).name}"
    return f"after the sweep, letting go of the bench failed: {type(problem).__name__}: {problem} ({where})"


def _resources(loaded: LoadedSweep) -> list[str]:
    """The addresses of a bench; a simulated one lives in this process, out of reach of others."""
    bench = loaded.bench
    return [] if bench.simulated else [part.resource for part in bench.instruments.by_role.values()]


def site_in_real_time(loaded: LoadedSweep) -> Site:
    """As :func:`site_of`, where a simulated bench takes as long as a real one."""
    if not loaded.bench.simulated:
        return site_of(loaded)
    from acquire.bench.simulated import simulated_bench

    simulated = simulated_bench(loaded)
    simulated.clock.in_step()
    return simulated_site(simulated)


def site_of(loaded: LoadedSweep, taken_up: TakenUp | None = None) -> Site:
    """Where the bench of a sweep is: the real one behind the system's VISA library, or a simulated one.

    The simulated device of a run that is gone on with is as old as the run says.
    """
    if not loaded.bench.simulated:
        return Site(loaded.bench.visa, time.monotonic, time.sleep)
    from acquire.bench.simulated import simulated_bench

    simulated = simulated_bench(loaded)
    if taken_up is not None:
        age(simulated.fixture.load, taken_up)
    return simulated_site(simulated)


def simulated_site(bench: SimulatedBench) -> Site:
    """Where the instruments of a simulated bench are, on its virtual time."""
    return Site(bench.library, bench.clock.now, bench.clock.advance)


def _record_sweep(
    prepared: PreparedRun,
    bench: BenchInRun,
    emit: Sink,
    start: RunStart,
    stop: StopRequest,
    remarks: Iterable[str],
    guard: Guard,
    spectra: Sequence[Spectrum] = (),
) -> tuple[Outcome, str]:
    """Run the sweep, with the ``spectra`` of before, after remarks on it; a failure becomes an outcome, and a text."""

    def note(text: str) -> None:
        emit(Note(bench.now(), text))

    def note_of_guardian() -> None:
        for text in guard.remarks():
            note(text)

    def emit_guarded(event: Event) -> None:
        emit(event)
        note_of_guardian()

    stop.pause.refuse("the sweep has not begun yet; stop ends the run at any time")
    try:
        try:
            emit(start)
            known = [*cautions(prepared.loaded), *least_light(prepared.calibration)]
            for text in [*remarks, *_said_for_this_run(prepared.loaded), *known]:
                note(text)
            for finding in findings_before(prepared.calibration, start.source_unit, start.start_time[:10]):
                emit(replace(finding, time=bench.now()))
            if against := _spoken_against(prepared, bench, emit_guarded, stop):
                return Outcome.stopped(f"{PRETEST}{against}"), ""
            evidence = Evidence(prepared.calibration).with_spectra(spectra)
            stop.pause.allow(virtual=prepared.loaded.bench.simulated)
            return run_sweep(prepared.plan, bench, evidence, emit_guarded, stop, stop.pause), ""
        except BaseException as problem:
            if text := _last_words(problem):
                note(text)
            raise
        finally:
            stop.pause.refuse("the run is ending")
            note_of_guardian()
    except KeyboardInterrupt:
        return Outcome.interrupted(stop() or "interrupted"), ""
    except OutputStateUnknown as problem:
        return Outcome.failed(str(problem)), f"{'!' * 72}\n{problem}\n{'!' * 72}"
    except (InstrumentError, RecordingError) as problem:
        return Outcome.failed(str(problem)), str(problem)
    except Exception as problem:
        text = f"{type(problem).__name__}: {problem}"
        return Outcome.failed(text), f"the run failed unexpectedly: {text}; the run file has the details"


def _spoken_against(prepared: PreparedRun, bench: BenchInRun, emit: Sink, stop: StopRequest) -> str:
    """What the pretest says against the sweep; nothing without one, or where a stop was asked for."""
    pretest, loaded = prepared.pretest, prepared.loaded
    if pretest is None or stop():
        return ""
    settings = pretest_settings(loaded, pretest.plan)
    with bench.set_up_for(pretest.plan, settings, smu_settings(loaded, prepared.plan)):
        return pretested(pretest, bench, emit, stop).against


def _last_words(problem: BaseException) -> str:
    """Where an unexpected failure came from; empty for failures that explain themselves."""
    if isinstance(problem, InstrumentError | RecordingError | KeyboardInterrupt):
        return ""
    place = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{type(problem).__name__}: {problem} (line {place.lineno} of {Path(place.filename).name})"


def _ending_recorded(recorder: RunRecorder, emit: Sink, ending: RunStop, notes: Iterable[Note]) -> str:
    """Record and show how the run ended, after notes on those who looked on; what went wrong with that."""
    try:
        try:
            for note in notes:
                emit(note)
            emit(ending)
        except RecordingError:
            raise
        except Exception as problem:  # whatever fails on the way there: how the run ended is written
            recorder.conclude(ending)
            return f"the end of the run could not be recorded: {type(problem).__name__}: {problem}"
    except RecordingError as problem:
        return str(problem)
    return ""


def _closed(recorder: RunRecorder, spectators: Iterable[Sink], now: Callable[[], float]) -> tuple[str, str]:
    """Let the spectators show what is left, and let go of the file; what went wrong with it, what was not shown."""
    unshown = ""
    try:
        with closing(recorder):
            unshown = _shown_to_the_end(spectators, recorder, now)
    except RecordingError as problem:
        return str(problem), unshown
    return "", unshown


def _while_there_is_room(recorder: RunRecorder) -> Sink:
    """The recorder, but for notes, findings and pauses when there is no room for more: that ends no run."""

    dispensable = Note, Finding, Pause

    def record(event: Event) -> None:
        if not isinstance(event, dispensable) or recorder.has_room(type(event)):
            recorder(event)

    return record


def _recorder(one: _NewRun, start: RunStart, bench: BenchInRun) -> RunRecorder:
    """The run file, laid out anew or gone on with.

    :raises acquire.run_file.recorder.RecordingError: it cannot be made or written.
    :raises acquire.run_file.read.ArchiveError: it cannot be gone on with.
    """
    loaded = one.prepared.loaded
    room = {**capacity(one.prepared.plan, loaded.sweep.keeps_exchange()), **_finished_with(loaded)}
    if one.taken_up is not None:
        return reopen_run_file(one.path, room, bench.exchanges)
    calibration = one.prepared.calibration
    return create_run_file(
        one.path, start, room, lambda group: layout.write_calibration(group, calibration), bench.exchanges
    )


def _forget(one: _NewRun, recorder: RunRecorder) -> None:
    """Remove the file of a new run that could not begin, as long as there is not a row in it."""
    points = LifetimePoint if one.prepared.plan.lasting else Record
    if one.taken_up is None and not (recorder.rows(DarkReading) or recorder.rows(points)):
        with suppress(OSError):
            recorder.path.unlink()


def _recorded_as(one: _NewRun, record: Sink) -> Sink:
    """What the events of a run are recorded as: the points of a lifetime are rows of their own."""
    course = one.prepared.plan.course
    if not isinstance(course, LifetimeCourse):
        return record
    new = LifetimeRows.new(DecayConditions(course.burn_in, course.initial_time, course.settle))
    rows = new if one.taken_up is None else one.taken_up.rows
    return lambda event: record(rows.recorded(event))


def _part(one: _NewRun, now: float) -> Part:
    """The part of a run that begins now."""
    if one.taken_up is None:
        return Part(now, one.started.isoformat())
    begun = datetime.now(UTC).astimezone().isoformat()
    return Part(now, begun, now - one.taken_up.last, one.taken_up.why)


def _remarks_on_gap(one: _NewRun) -> Iterator[str]:
    """What is to be noted of a run that is gone on with."""
    if one.taken_up is not None:
        yield (
            f"gone on with at row {one.taken_up.rows.count} of the lifetime, {one.taken_up.stress:.6g} s under stress; "
            f"the part before ended: {one.taken_up.why}. In between the output was off"
        )


def _shown_to_the_end(spectators: Iterable[Sink], recorder: RunRecorder, now: Callable[[], float]) -> str:
    """Let the spectators show what is left; what they do not get to is noted, and returned line by line."""
    lines: list[str] = []
    for spectator in spectators:
        if isinstance(spectator, Spectator):
            missed = spectator.close()
            failure, unshown = _failure_of(spectator), not_shown(missed)
            with suppress(RecordingError):  # recording the end of the run says the same
                for text in filter(None, (failure, unshown)):
                    _while_there_is_room(recorder)(Note(now(), text))
            lines += [unshown, *(f"note: {event.text}" for event in missed if isinstance(event, Note))]
    return _lines(*lines)


def _failure_of(spectator: Spectator) -> str:
    """What to note of a spectator that failed and was not switched off yet; empty when it did not."""
    try:
        spectator.require_no_failure()
    except Exception as problem:
        return switched_off(problem)
    return ""


def _said_for_this_run(loaded: LoadedSweep) -> Iterator[str]:
    """What was said for this run in place of its sweep file, and the remark on it."""
    yield from (override.text for override in loaded.overrides if override.key != "note" and override.contradicts)
    if loaded.sweep.note:
        yield f"remark: {loaded.sweep.note}"


def cautions(loaded: LoadedSweep) -> list[str]:
    """What a technician should know before trusting this run, although it is no error, and no finding says it."""
    return [f"caution: {caution}" for caution in loaded.cautions if not caution.found_by_run]


def capacity(plan: SweepPlan, with_exchange: bool = False) -> Capacity:
    """The most rows that a plan can produce, and bytes for what is exchanged with the instruments."""
    samples = ceil(LONGEST_SAMPLED / max(plan.spectra.sample_every, plan.time_per_point)) + 2 + plan.spectra.retries
    rows: dict[type, int] = {
        Record: plan.most_points + plan.spectra.afterwards.most_points,
        DarkReading: plan.dark.readings_before + plan.dark.readings_after,
        RepeatedReading: min(plan.spectra.most, 1),
        Spectrum: plan.spectra.most,
        ExposureSample: plan.spectra.most * samples,
    }
    if isinstance(plan.course, LifetimeCourse):
        whole = {**rows, **_capacity_of_lifetime(plan, plan.course, samples)}
        # between its points the level is read as well, as often as a reading takes
        kept = {Record: ceil(plan.duration / max(plan.time_per_point, 1e-3)), Spectrum: plan.spectra.most}
        return {**whole, Exchange: room_for_exchange(kept)} if with_exchange else whole
    # of a level that a pulse rests at less is exchanged than of a reading
    rests = 0 if plan.pulse is None else plan.most_points * plan.pulse.rests // 2
    read = {**rows, DarkReading: rows[DarkReading] + plan.held_readings + rests}
    return {**rows, Exchange: room_for_exchange(read)} if with_exchange else rows


def _finished_with(loaded: LoadedSweep) -> Mapping[type, int]:
    """The events that come of a sweep only when it is over, and need no room before."""
    return {TransportPoint: 0} if loaded.sweep.transport else {}


#: So often a lifetime can be gone on with.
MOST_PARTS = 10_000


def _capacity_of_lifetime(plan: SweepPlan, course: LifetimeCourse, samples: int) -> dict[type, int | Growing]:
    """The rows of a lifetime: those of its course grow, and so does what each part of it begins with."""
    dark, spectra = plan.dark, plan.spectra.most
    again = MOST_PARTS * bool(spectra)
    return {
        LifetimePoint: Growing(course.most_points + MOST_PARTS),
        Part: Growing(MOST_PARTS, 64),
        Pause: Growing(MOST_PARTS, 16),
        Record: max(len(course.curve_times) * len(course.curve_levels), 1),
        DarkReading: Growing((dark.readings_before + dark.readings_after + 1) * MOST_PARTS, 256),
        Spectrum: Growing(spectra + again, 16) if spectra else 0,
        ExposureSample: Growing((spectra + again) * samples, 1024) if spectra else 0,
        Note: Growing(100_000, 500),
    }


def _run_start(
    loaded: LoadedSweep, plan: SweepPlan, bench: BenchInRun, run_id: uuid.UUID, started: datetime
) -> RunStart:
    sweep = loaded.sweep
    of_other_files = {"simulated_as", "reference", "expected_line", "angles"}
    sample = {
        name: value
        for name, value in sweep.sample.model_dump(exclude=of_other_files).items()
        if value not in (None, "")
    }
    return RunStart(
        run_id=str(run_id),
        title=sweep.title,
        start_time=started.isoformat(),
        program="acquire",
        version=__version__,
        sample=sample,
        user=sweep.user.name,
        sweep_yaml=loaded.sweep_text,
        bench_yaml=loaded.bench_text,
        resolved_json=dumps(resolved(loaded)),
        file_hashes=loaded.hashes,
        instruments=bench.instrument_records(),
        source_unit=plan.source_unit,
        photodiode_unit=loaded.bench.photodiode.meter_unit,
        points=plan.most_points,
        duration=plan.duration,
        time_per_point=plan.time_per_point,
        note=sweep.note,
        overrides_json=dumps([asdict(override) for override in loaded.overrides]),
    )
