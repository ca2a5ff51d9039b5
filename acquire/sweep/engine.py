"""The sweep: set, settle, read, compute, record, next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan, log, nan
from typing import Protocol, Self

from acquire.evaluation.cautions import contact_doubts
from acquire.evaluation.evaluate import Basis, Evidence, evaluate, evaluated, with_uncertainties
from acquire.evaluation.findings import Watch
from acquire.evaluation.spectrum import evaluate_spectrum
from acquire.records import (
    Activity,
    Branch,
    DarkReading,
    Doing,
    Event,
    ExposureSample,
    Note,
    Pause,
    PointFlag,
    Reading,
    Record,
    RepeatedReading,
    RunStatus,
    Spectrum,
    Step,
    counted,
)
from acquire.safety.pausing import PAUSED_BY
from acquire.sweep.afterwards import WORTH_A_NOTE, afterwards
from acquire.sweep.exposure import ExposureMode, ModeInUse, Tries
from acquire.sweep.pace import Pace
from acquire.sweep.plan import SweepPlan, bursts
from acquire.sweep.pulses import LONGEST_BURST_OF_PULSES, off_width
from acquire.sweep.read_back import NotMeasured, ReadingCheck, as_expected, is_bad, what_is_missing
from acquire.sweep.schedule import LOOK_AGAIN, Over, Schedule, next_step, require_planned
from acquire.sweep.spectra import SpectrumSchedule
from acquire.sweep.stop_rules import StopConditions
from drivers.errors import InstrumentError

Emit = Callable[[Event], None]
StopRequested = Callable[[], str]

#: Fewer dark readings than this give neither the photodiode's zero nor its noise.
FEWEST_DARK_READINGS = 2

#: The longest that the source is not read while another instrument is waited for, s.
LONGEST_UNREAD = 2.0

#: So long readings meanwhile are recorded at most, s: of a spectrum that is tried again, or measured twice.
LONGEST_SAMPLED = 600.0

#: Points in one hardware-timed burst: what the photodiode meter's buffer holds (Model 2000); and how long it lasts at
#: most, s: until it is over nothing but the source itself looks at what the device is given.
LONGEST_BURST = 10.0

#: Times that were added up are rounded, s.
_ROUNDING = 1e-6

#: So many levels lead from zero back to that of a sweep which goes on after a pause.
LEVELS_BACK = 10


class PauseRequested(Protocol):
    """Whether a pause is asked for, from outside."""

    def __call__(self) -> str:
        """Who asks for a pause; empty when the run should go on."""

    @property
    def longest(self) -> float:
        """How long it lasts at most, s: then the run is ended."""

    def wait(self, duration: float) -> None:
        """Let ``duration`` s pass for a person, where the bench does not."""


class _NoPause:
    """Nobody asks for a pause."""

    longest = inf

    def __call__(self) -> str:
        return ""

    def wait(self, duration: float) -> None:
        """Nobody is waited for."""


class SpectrumNotTaken(Exception):
    """The spectroradiometer could not take this spectrum; the sweep goes on without it."""


class TooMuchLight(SpectrumNotTaken):
    """There was more light than the spectroradiometer can take the way it was to take it."""


class StoppedByRule(Exception):
    """A rule of the plan ends the sweep here; the message says which and why."""


class _EndedInPause(Exception):
    """The run was ended while it was paused; the message says why."""


class _OverWhileOff(Exception):
    """A schedule was over while the output was off."""


class SweepBench(Protocol):
    """What the engine asks of a bench; levels in V or A, times in s since the start of the run."""

    def now(self) -> float:
        """Seconds since the start of the run."""

    def energised(self) -> AbstractContextManager[None]:
        """Output on inside, ramped to zero, off and asked for outside."""

    def switch_off(self) -> None:
        """Ramp to zero and switch the output off in the middle of what is energised, and ask for it."""

    def switch_on(self) -> None:
        """Switch the output on again, at zero."""

    def wait(self, duration: float) -> None:
        """Let so much time pass, the source at its level; no longer than until a stop is asked for."""

    def trigger(self, step: Step) -> None:
        """Start both meters; the source goes to the level of ``step`` and settles first."""

    def collect(self, step: Step, time: float) -> Reading:
        """Wait for both meters and say what they read; NaN, a flag and a remark for a reply that makes no sense."""

    def queued_errors(self) -> Iterable[str]:
        """What both meters have queued since they were last asked, in words."""

    @property
    def takes_spectra(self) -> bool:
        """Whether there is a spectroradiometer that answers, or may answer again."""

    def start_exposure(self, mode: ExposureMode) -> None:
        """Start a spectrum that is exposed so.

        :raises SpectrumNotTaken: it refuses.
        """

    @property
    def exposure_stage(self) -> tuple[str, float]:
        """What the spectroradiometer does for the spectrum under way, and how long that takes, s; NaN: not known yet.

        No words while it integrates.
        """

    def exposure_finished(self, wait: float) -> bool:
        """Whether the spectrum is there, waiting at most ``wait`` s.

        :raises TooMuchLight: there was too much light for it.
        :raises SpectrumNotTaken: it failed.
        """

    def read_spectrum(self, index: int, step: Step) -> Spectrum:
        """The spectrum just taken, with its conditions.

        :raises SpectrumNotTaken: there is none.
        """

    def run_burst(self, steps: Sequence[Step], stop_requested: StopRequested) -> list[Reading]:
        """Let the instruments run these steps by themselves; fewer readings when a stop was requested."""


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended and why; ``asked_for`` when a person, or the system, asked for it."""

    status: RunStatus
    reason: str = ""
    asked_for: bool = False

    @classmethod
    def completed(cls) -> Outcome:
        """All that was planned was done."""
        return cls(RunStatus.COMPLETED)

    @classmethod
    def stopped(cls, why: str) -> Outcome:
        """A rule of the plan ended it."""
        return cls(RunStatus.STOPPED, why)

    @classmethod
    def interrupted(cls, why: str) -> Outcome:
        """Somebody asked for its end."""
        return cls(RunStatus.STOPPED, why, asked_for=True)

    @classmethod
    def failed(cls, why: str) -> Outcome:
        """Something went wrong."""
        return cls(RunStatus.FAILED, why)


class _SaidOnce:
    """Says each thing once, and in the end how often it came again."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._again: Counter[str] = Counter()

    def __call__(self, text: str) -> None:
        if text in self._again:
            self._again[text] += 1
            return
        self._again[text] = 0
        self._say(text)

    def sum_up(self) -> None:
        """Say how often what was said once came again."""
        for text, times in self._again.items():
            if times:
                self._say(f"{times} more {'time' if times == 1 else 'times'}: {text}")


@dataclass(frozen=True)
class _Context:
    """What the parts of one sweep share."""

    plan: SweepPlan
    bench: SweepBench
    emit: Emit
    stop_requested: StopRequested
    pause: PauseRequested
    check: ReadingCheck
    pace: Pace
    queued: _SaidOnce

    def note(self, text: str) -> None:
        self.emit(Note(self.bench.now(), text))

    def tell(self, doing: Doing, text: str, instrument: str = "", lasting: float = nan) -> None:
        """Say what is done from now on."""
        self.emit(Activity(self.bench.now(), instrument, text, lasting, doing))

    def tell_queued_errors(self) -> None:
        """Ask both meters at a moment that costs nothing what they have queued."""
        for text in self.bench.queued_errors():
            self.queued(text)

    def tell_last_errors(self) -> None:
        """Ask once more when the output is off: the sweep is over, and no lack of an answer changes how it ended."""
        try:
            with suppress(KeyboardInterrupt):
                self.tell_queued_errors()
        except InstrumentError as problem:
            self.note(f"asked for errors when the output was off: {problem}")

    def sum_up(self) -> None:
        """Say how often what was said once came again."""
        self.queued.sum_up()
        self.check.sum_up()
        self.pace.sum_up()


def run_sweep(
    plan: SweepPlan,
    bench: SweepBench,
    evidence: Evidence,
    emit: Emit,
    stop_requested: StopRequested,
    pause: PauseRequested | None = None,
) -> Outcome:
    """Carry out a plan. The source output is off when this returns or raises.

    ``stop_requested`` returns the reason why the run should end now, or an empty string. ``pause``: before its next
    step the run goes to zero and off for as long as that is asked for.
    """
    if why := stop_requested():
        return Outcome.interrupted(why)

    def note(text: str) -> None:
        emit(Note(bench.now(), text))

    check, pace = ReadingCheck(plan.read_back, note), Pace(plan.time_per_point, note)
    run = _Context(plan, bench, emit, stop_requested, pause or _NoPause(), check, pace, _SaidOnce(note))
    with bench.energised():
        try:
            outcome = _sweep_between_dark_readings(run, evidence)
        except StoppedByRule as rule:
            outcome = Outcome.stopped(str(rule))
        except _EndedInPause as ended:
            outcome = Outcome.interrupted(str(ended))
        except _OverWhileOff as over:  # nothing is switched on for dark readings
            outcome = Outcome(RunStatus.COMPLETED, str(over))
        if not outcome.asked_for:
            run.tell_queued_errors()  # a meter that was switched off and on, or does not answer, ends no sweep in order
    run.tell_last_errors()
    run.sum_up()
    return outcome


def _sweep_between_dark_readings(run: _Context, evidence: Evidence) -> Outcome:
    dark = _take_dark_readings(run, after=False)
    run.tell(Doing.SWEEP, "sweep")
    sweep = _sweep_in_bursts if run.plan.hardware_timed else _sweep
    outcome = sweep(run, evidence.with_dark(dark))
    if not outcome.asked_for:
        if outcome.reason:
            run.tell(Doing.OTHER, f"stopped: {outcome.reason}")
        dark = _take_dark_readings(run, after=True)
        if len(dark) < run.plan.dark.readings_after:
            return Outcome.interrupted(run.stop_requested())
    return outcome


def _sweep(run: _Context, evidence: Evidence) -> Outcome:
    """The steps of the schedule, each once what came of the one before is known."""
    conditions = StopConditions(run.plan.stop_rules)
    watch = Watch(run.plan.source_unit)
    most_points, largest_level = run.plan.most_points, run.plan.largest_level
    asked = watch if run.plan.spectra.most else None
    with closing(run.plan.schedule()) as schedule, _Reporting(run.emit, asked) as reporting:
        spectra, waiting = _Spectra(run, reporting, watch), _Waiting(run, conditions)
        step, branch, record, paused = next_step(schedule, None), None, None, 0.0
        while isinstance(step, Step):
            require_planned(step, most_points, largest_level)
            if (step.branch, step.cycle) != branch:
                branch = step.branch, step.cycle
                _ask_before_branch(run)
            by_hand = step.branch is Branch.BY_HAND
            if step.off or (by_hand and not waiting.ready(step, evidence, record, reporting.report)):
                reporting.report()
                step, gap = _with_output_off(step, schedule, run)
                if why := run.stop_requested():
                    return Outcome.interrupted(why)
                paused += gap
                if gap:
                    waiting.leave_out(gap)
                    waiting.back_to(step, evidence)
                continue
            while not by_hand and not waiting.ready(step, evidence, record, reporting.report):
                gap = _paused(step, run, waiting, evidence)
                paused += gap
                step = replace(step, due=step.due + gap if step.due else 0.0)
            if why := run.stop_requested():
                return Outcome.interrupted(why)
            record, basis = evaluated(_take_point(step, run, reporting, paused), evidence)
            paused = 0.0
            waiting.begins(record, evidence)
            reporting.report_later(record, evidence, basis)
            run.check.require_safe(record.reading)
            spectra.seen(record)
            if why := conditions.reason(record):
                spectra.sum_up()
                more = not conditions.forbids_more(record)
                interrupted = spectra.take_afterwards(conditions, evidence) if more else None
                return interrupted or Outcome.stopped(why)
            evidence = spectra.taken_if_due(step, record, evidence)
            step = next_step(schedule, record)
        reporting.report()
        spectra.read_first_level_again()
        spectra.sum_up()
        return spectra.take_afterwards(conditions, evidence) or Outcome(RunStatus.COMPLETED, step.reason)


def _with_output_off(step: Step, schedule: Schedule, run: _Context) -> tuple[Step, float]:
    """Switch the output off until a step wants it on and nobody asks for a pause; at a stop it stays off.

    That step, and for how long of it the run was paused [s]. What is asked for by hand in a pause holds after it.

    :raises _OverWhileOff: there is no further step.
    :raises _EndedInPause: as :func:`_until_resumed`.
    """
    run.pace.pause()
    run.bench.switch_off()
    paused, following = 0.0, step
    while following.off or _pause_is_asked_for(run):
        if _pause_is_asked_for(run):
            begun, by = _until_resumed(following, run)
            paused += _went_on(following, begun, by, run)
            run.tell(Doing.SWEEP, "sweep")
        else:
            run.bench.wait(LOOK_AGAIN)
        if run.stop_requested():
            return following, paused
        next_one = next_step(schedule, None)  # the same again, or what was asked for meanwhile
        if isinstance(next_one, Over):
            raise _OverWhileOff(next_one.reason)
        following = next_one
    run.bench.switch_on()
    run.tell(Doing.SWEEP, "sweep")
    return following, paused


def _paused(step: Step, run: _Context, waiting: _Waiting, evidence: Evidence) -> float:
    """The output at zero and off before a step until the run goes on, back at its level then; how long that took, s.

    :raises _EndedInPause: as :func:`_until_resumed`.
    :raises StoppedByRule: a limit of the stop rules is passed on the way back.
    """
    run.pace.pause()
    run.bench.switch_off()
    begun, by = _until_resumed(step, run)
    run.bench.switch_on()
    waiting.leave_out(run.bench.now() - begun)
    waiting.back_to(step, evidence)
    run.tell(Doing.SWEEP, "sweep")
    return _went_on(step, begun, by, run)


def _until_resumed(step: Step, run: _Context) -> tuple[float, str]:
    """Wait in a pause before a step, the output off, until the run is to go on; when it began [s], who asked for it.

    :raises _EndedInPause: a stop was asked for, or nobody went on with the run in time.
    """
    by, longest, point = run.pause(), run.pause.longest, counted(step.index)
    begun = run.bench.now()
    run.tell(Doing.PAUSED, f"{PAUSED_BY}{by} before point {point}", lasting=longest)
    run.note(f"{PAUSED_BY}{by} before point {point}: output at zero and off; ended after {longest:g} s without a word")
    why = ""
    while run.pause() and not why:
        run.pause.wait(LOOK_AGAIN)
        run.bench.wait(LOOK_AGAIN)
        late = run.bench.now() - begun > longest
        why = run.stop_requested() or (f"{PAUSED_BY}{by}, and nobody went on within {longest:g} s" if late else "")
    if why := why or run.stop_requested():
        run.emit(Pause(begun, run.bench.now() - begun, step.index, by, ended=True))
        raise _EndedInPause(why)
    return begun, by


def _went_on(step: Step, begun: float, by: str, run: _Context) -> float:
    """Record a pause that is over; how long it took, s."""
    duration = run.bench.now() - begun
    run.emit(Pause(begun, duration, step.index, by))
    run.note(f"goes on with point {counted(step.index)}, {duration:.4g} s after the pause began")
    return duration


def _ask_before_branch(run: _Context) -> None:
    """Before each branch the meters are asked what they have queued."""
    if not run.stop_requested():
        run.tell_queued_errors()
        run.pace.pause()


class _Waiting:
    """Keeps levels while no point is recorded; the source is read against its limits all the while."""

    def __init__(self, run: _Context, conditions: StopConditions) -> None:
        self._run = run
        self._conditions = conditions
        self._begun = nan  # the first reading, s

    def begins(self, record: Record, evidence: Evidence) -> None:
        """Count the time until steps are due from the reading of the first one, which may have been taken again.

        Of a level that is kept for hours it is said at once that nothing is contacted.
        """
        if not isnan(self._begun):
            return
        self._begun = record.reading.time
        if self._run.plan.lasting and (why := contact_doubts(record.reading, evidence.calibration.conditions)):
            self._run.note(why)

    def leave_out(self, paused: float) -> None:
        """The run was paused for so long [s]: no stop rule counts that."""
        self._conditions.leave_out(paused)

    def ready(
        self, step: Step, evidence: Evidence, last: Record | None, report: Callable[[], None] = lambda: None
    ) -> bool:
        """Keep what is to be kept before a step; false where a pause comes first, however long is still to be waited.

        ``report`` is called before either.

        :raises StoppedByRule: as :meth:`before`.
        """
        if not _pause_is_asked_for(self._run) and (step.due or step.hold or step.before is not None):
            report()
            self.before(step, evidence, last)
        if not _pause_is_asked_for(self._run):
            return True
        report()
        return False

    def back_to(self, step: Step, evidence: Evidence) -> None:
        """Lead the level from zero back to that of a step, the source read against its limits; nothing is recorded.

        That belongs to the pause before: the stop rule on time leaves it out.

        :raises StoppedByRule: as :meth:`before`.
        """
        if self._run.plan.pulse is not None:
            return  # each pulse begins at its base level
        for number in range(1, LEVELS_BACK + 1):
            if not self._run.stop_requested():
                begun = self._run.bench.now()
                self._looked_at(replace(step, level=step.level * number / LEVELS_BACK), "going back", evidence)
                self.leave_out(self._run.bench.now() - begun)

    def before(self, step: Step, evidence: Evidence, last: Record | None = None) -> None:
        """Hold what a step wants held before it, its own level as long as it wants that, and until it is due.

        ``last`` is the record of the step before.

        :raises StoppedByRule: a limit of the stop rules is passed meanwhile.
        """
        self._run.pace.pause()
        if step.before is not None:
            at_rest = replace(step, level=step.before.level)
            self._hold(at_rest, step.before.time, "pre-bias" if step.index == 0 else "rest", evidence)
        if step.hold:
            self._hold(step, step.hold, "hold", evidence)
        if step.due:
            reached = step.hold > 0.0 or (last is not None and last.reading.source_level == step.level)
            self._until_due(step, evidence, reached=reached)

    def _hold(self, step: Step, time: float, what: str, evidence: Evidence) -> None:
        """Keep a level for ``time`` s at least, the source read without a pause; nothing is recorded.

        :raises StoppedByRule: a limit of the stop rules is passed.
        """
        run = self._run
        level = f"{step.level:g} {run.plan.source_unit}"
        run.tell(Doing.OTHER, f"{what} at {level}", lasting=time)
        begun, first, reading = run.bench.now(), nan, None
        while run.bench.now() < begun + time - _ROUNDING and not (run.stop_requested() or run.pause()):
            reading = self._looked_at(step, what, evidence)
            first = reading.current if isnan(first) else first
        if reading is not None and what != "hold":
            lasted = run.bench.now() - begun
            run.note(f"{what} at {level} for {lasted:.4g} s: {first:.4g} A at first, {reading.current:.4g} A at last")
        run.tell(Doing.SWEEP, "sweep")

    def _until_due(self, step: Step, evidence: Evidence, *, reached: bool) -> None:
        """Wait until a step is due, the source at its level, read every :data:`LONGEST_UNREAD`; nothing is recorded.

        ``reached``: the source is at this level already.

        :raises StoppedByRule: a limit of the stop rules is passed.
        """
        run, what = self._run, "waiting"
        due = step.due + (run.bench.now() if isnan(self._begun) else self._begun)
        if (left := due - run.bench.now()) <= _ROUNDING:
            return
        unread = LONGEST_UNREAD + run.plan.time_per_point
        if left > unread:
            level = f"{step.level:g} {run.plan.source_unit}"
            run.tell(Doing.OTHER, f"{what} at {level} for point {counted(step.index)}", lasting=left)
        if not reached:
            self._looked_at(step, what, evidence)
        while not (run.stop_requested() or run.pause()):
            left = due - run.bench.now()
            run.bench.wait(min(left, LONGEST_UNREAD) if left > unread else left)
            if left <= unread:
                run.pace.expect(due)
                return
            if not run.stop_requested():
                self._looked_at(step, what, evidence)

    def _looked_at(self, step: Step, what: str, evidence: Evidence) -> Reading:
        """A reading of a level that is kept.

        :raises StoppedByRule: it passes a limit of the stop rules.
        """
        reading = _take_checked_reading(step, self._run)
        self._run.check.require_safe(reading)
        if why := self._conditions.too_far(evaluate(reading, evidence)):
            level = f"{step.level:g} {self._run.plan.source_unit}"
            raise StoppedByRule(f"{why} ({what} before point {counted(step.index)}, level {level})")
        return reading


class _Reporting:
    """Completes and emits each record while the meters integrate the next one: to write and to draw takes no time.

    Whether the sweep goes on is decided before that. However it ends, no record is left behind. ``watch`` is told of
    each record; None where it is never asked, because there are no spectra.
    """

    def __init__(self, emit: Emit, watch: Watch | None) -> None:
        self._emit = emit
        self._watch = watch
        self._kept: tuple[Record, Evidence, Basis] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.report()

    def report_later(self, record: Record, evidence: Evidence, basis: Basis) -> None:
        """Keep a record, and what it was evaluated with, for the next :meth:`report`."""
        self._kept = record, evidence, basis

    def report(self) -> None:
        """Emit the record that is kept, if there is one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            record = with_uncertainties(*kept)
            self._emit(record)
            if self._watch is not None:
                self._watch.point(record)


def _sweep_in_bursts(run: _Context, evidence: Evidence) -> Outcome:
    """The instruments step by themselves; limits and stop rules are looked at after each burst."""
    stop_conditions = StopConditions(run.plan.stop_rules)
    waiting = _Waiting(run, stop_conditions)
    for burst in bursts(run.plan.steps, burst_length(run.plan)):
        paused, first = 0.0, replace(burst[0], hold=0.0, due=0.0)
        while not waiting.ready(first, evidence, None):
            paused += _paused(first, run, waiting, evidence)
        if why := run.stop_requested():
            return Outcome.interrupted(why)
        run.tell_queued_errors()  # the burst would be refused for an error of before
        numbers = f"points {counted(burst[0].index)} to {counted(burst[-1].index)}"
        duration = len(burst) * run.plan.time_per_point
        run.tell(Doing.OTHER, f"{numbers} from the memory of the source", lasting=duration)
        readings = run.bench.run_burst(burst, run.stop_requested)
        readings = [*map(_after_pause, readings[:1], [paused]), *readings[1:]]
        records = [evaluate(run.check.examined(reading), evidence) for reading in readings]
        for record in records:
            run.emit(with_uncertainties(record, evidence))
        for record in records:
            run.check.require_safe(record.reading)
        if run.plan.pulse is not None:
            for text in off_width(readings, run.plan.pulse):
                run.queued(text)
        reasons = [stop_conditions.reason(record) for record in records]
        if why := run.stop_requested():
            return Outcome.interrupted(why)
        if why := next(filter(None, reasons), ""):
            return Outcome.stopped(why)
    return Outcome.completed()


def burst_length(plan: SweepPlan) -> int:
    """How many points a burst has at most; three at least, so that none is left alone when they are shared out.

    Of pulses one is enough: the levels before and after it are read too.
    """
    if plan.pulse is not None:
        in_time = int(LONGEST_BURST_OF_PULSES / plan.time_per_point)
        return min(plan.pulse.most_pulses(plan.most_stored), max(in_time, 1))
    return max(min(plan.most_stored, int(LONGEST_BURST / plan.time_per_point)), 3)


def take_reading(step: Step, bench: SweepBench, meanwhile: Callable[[], None] = lambda: None) -> Reading:
    """Start every meter, then collect from every meter, so that they integrate at the same time; and ``meanwhile``."""
    time = bench.now()
    bench.trigger(step)
    meanwhile()
    return bench.collect(step, time)


def _pause_is_asked_for(run: _Context) -> bool:
    return bool(run.pause()) and not run.stop_requested()


def _after_pause(reading: Reading, paused: float) -> Reading:
    """A reading before which the run was paused for so long [s], flagged where it was."""
    return replace(reading, paused=paused, flags=reading.flags | PointFlag.AFTER_PAUSE) if paused else reading


def _take_point(step: Step, run: _Context, reporting: _Reporting, paused: float = 0.0) -> Reading:
    """The reading of a point, while the point before it is reported; flagged when it comes late, or was added.

    ``paused``: how long the run was paused just before it, s.
    """
    reading = _after_pause(run.pace.examined(_take_checked_reading(step, run, reporting.report)), paused)
    return replace(reading, flags=reading.flags | PointFlag.REFINED) if step.refined else reading


def _take_checked_reading(step: Step, run: _Context, meanwhile: Callable[[], None] = lambda: None) -> Reading:
    """A reading that was looked at; a bad one is taken once more where the plan says so, and flagged."""
    reading = take_reading(step, run.bench, meanwhile)
    if as_expected(reading, run.plan.read_back):
        return reading
    if run.plan.repeat_bad_readings and run.check.worth_repeating(reading, reading.remark):
        reading = take_reading(step, run.bench)
        reading = replace(reading, flags=reading.flags | PointFlag.READING_REPEATED)
    return run.check.examined(reading, reading.remark)


def _take_dark_readings(run: _Context, *, after: bool) -> list[DarkReading]:
    """Read both meters at the dark level, where the device gives no light; fewer when a stop is asked for.

    :raises NotMeasured: before the sweep hardly any has a photodiode signal, so that its zero would be unknown.
    """
    plan, readings = run.plan, list[DarkReading]()
    wanted = plan.dark.readings_after if after else plan.dark.readings_before
    if wanted and not run.stop_requested():
        doing = Doing.DARK_AFTER if after else Doing.DARK_BEFORE
        run.tell(doing, f"dark readings {'after' if after else 'before'} the sweep")
    for _ in range(wanted):
        if run.stop_requested():
            return readings
        reading = _take_checked_reading(plan.dark.step, run)
        dark = DarkReading(reading.time, reading.voltage, reading.current, reading.photodiode_signal, after)
        run.emit(dark)
        readings.append(dark)
        run.check.require_safe(reading)
        if plan.stop_rules.on_bad_reading and is_bad(reading) and not after:
            raise StoppedByRule(f"{what_is_missing(reading)} (dark reading {len(readings)} of {wanted})")
    _look_at_dark_level(readings, run, after=after)
    return readings


def _look_at_dark_level(readings: list[DarkReading], run: _Context, *, after: bool) -> None:
    good = sum(isfinite(reading.photodiode_signal) for reading in readings)
    if good == len(readings) or good >= FEWEST_DARK_READINGS:
        return
    what = f"{good} of {len(readings)} have a photodiode signal"
    if after:
        run.note(f"dark readings after the sweep: {what}; the drift of the photodiode's zero is unknown")
        return
    hint = "Check the photodiode's meter, its range, and room light; dark.before: false goes on without them"
    raise NotMeasured("dark readings", f"{what}: the photodiode's zero would be unknown", hint)


class _Spectra:
    """Takes the spectra of a sweep where they are due."""

    def __init__(self, run: _Context, reporting: _Reporting, watch: Watch) -> None:
        self._run = run
        self._reporting = reporting
        self._watch = watch
        self._schedule = SpectrumSchedule(run.plan.spectra)
        self._mode = ModeInUse(run.plan.spectra.mode)
        self._taken = run.plan.spectra.first_index
        self._first: Step | None = None
        self._curve: list[Record] = []

    def seen(self, record: Record) -> None:
        """Keep a point of the sweep, where levels are going to be sought among them when it is over."""
        if self._run.plan.spectra.afterwards.at_luminance:
            self._curve.append(record)

    def taken_if_due(self, step: Step, record: Record, evidence: Evidence) -> Evidence:
        """The evidence, with a spectrum at this level if one is due here and can be taken."""
        due = self._schedule.due(step, record, noise_of_light=evidence.noise_of_light(record.reading))
        if not due or not self._run.bench.takes_spectra:
            return evidence
        self._reporting.report()
        self._run.pace.pause()
        samples: list[ExposureSample] = []
        spectrum = self._measured(step, record, samples, evidence)
        if spectrum is None:
            return evidence
        self._taken += 1
        self._first = self._first or step
        spectrum, evidence = evaluate_spectrum(spectrum, samples, record.reading, evidence)
        self._run.emit(spectrum)
        self._schedule.taken(step, record, evidence.shape_of(spectrum.index), spectrum.stop - spectrum.start)
        for text in _doubts(spectrum):
            self._run.note(text)
        for finding in self._watch.spectrum(spectrum, evidence):
            self._run.emit(finding)
        return evidence

    def take_afterwards(self, conditions: StopConditions, evidence: Evidence) -> Outcome | None:
        """Take the spectra that are asked for when the sweep is over; how that ended where somebody stopped it."""
        run, plan = self._run, self._run.plan.spectra.afterwards
        if not plan.at_luminance or not self._curve:
            return None
        self._reporting.report()
        run.tell(Doing.OTHER, "seeking the levels of spectra afterwards")
        steps = afterwards(
            plan, lambda: [evaluate(one.reading, evidence) for one in self._curve], run.plan.source_unit, run.note
        )
        most = len(self._curve) + plan.most_points
        with closing(steps):
            step = next_step(steps, None)
            while isinstance(step, Step) and run.bench.takes_spectra:
                require_planned(step, most, run.plan.largest_level)
                run.pace.pause()
                paused, waiting = 0.0, _Waiting(run, conditions)
                while not waiting.ready(step, evidence, None, self._reporting.report):
                    paused += _paused(step, run, waiting, evidence)
                if why := run.stop_requested():
                    return Outcome.interrupted(why)
                record, basis = evaluated(_take_point(step, run, self._reporting, paused), evidence)
                self._reporting.report_later(record, evidence, basis)
                run.check.require_safe(record.reading)
                if why := conditions.too_far(record):
                    run.note(f"no more spectra afterwards: {why} (level {step.level:g} {run.plan.source_unit})")
                    return None
                evidence = self.taken_if_due(step, record, evidence)
                step = next_step(steps, evaluate(record.reading, evidence))
        if why := run.stop_requested():
            return Outcome.interrupted(why)
        if isinstance(step, Step):
            run.note("no more spectra afterwards: the spectroradiometer does not answer")
        return None

    def read_first_level_again(self) -> None:
        """Read the level of the first spectrum once more: what the device lost during the sweep."""
        again = self._run.plan.spectra.first_again and not self._run.plan.lasting
        if self._first is None or not again or self._run.stop_requested():
            return
        self._run.pace.pause()
        self._run.tell(Doing.OTHER, "reading the level of the first spectrum again")
        reading = _take_checked_reading(self._first, self._run)
        values = reading.source_level, reading.voltage, reading.current, reading.photodiode_signal
        self._run.emit(RepeatedReading(self._first.index, reading.time, *values))
        self._run.check.require_safe(reading)

    def sum_up(self) -> None:
        """Say what was saved by taking spectra only as needed."""
        if text := self._schedule.saved:
            self._run.note(text)

    def _measured(
        self, step: Step, record: Record, samples: list[ExposureSample], evidence: Evidence
    ) -> Spectrum | None:
        """A spectrum at this level, tried again as often as the plan has it; None, with a note, when there is none."""
        try:
            return self._best_of_tries(step, record.luminance, samples, evidence)
        except SpectrumNotTaken as error:
            self._run.note(f"no spectrum at {step.level:g} {self._run.plan.source_unit}: {error}")
            return None
        finally:
            self._run.tell(Doing.NOTHING, "", SPECTRORADIOMETER)

    def _best_of_tries(
        self, step: Step, luminance: float, samples: list[ExposureSample], evidence: Evidence
    ) -> Spectrum | None:
        """The first spectrum with neither too much light nor too little, else the clearest; None at a stop.

        :raises SpectrumNotTaken: there is none.
        """
        tries = Tries(self._mode.at(luminance), self._run.plan.spectra.retries)
        problem: TooMuchLight | None = None
        while (mode := tries.mode) is not None:
            spectrum = None
            try:
                spectrum = _exposed(self._taken, step, mode, self._run, samples, evidence)
                if spectrum is None:
                    return tries.best
            except TooMuchLight as error:
                problem = error
            if text := tries.judged(spectrum):
                self._run.note(f"spectrum at {step.level:g} {self._run.plan.source_unit}, {text}")
        if tries.best is None and problem is not None:
            raise problem
        if tries.helped is not None:
            self._mode.helped(tries.helped, luminance, mode=tries.tried[-1])
        return tries.best


def _doubts(spectrum: Spectrum) -> Iterator[str]:
    """What to note of a spectrum."""
    which = f"spectrum {counted(spectrum.index)}"
    if spectrum.contradictions:
        yield f"{which}: the meter's own {', '.join(spectrum.contradictions)} disagree with it"
    if spectrum.too_dark:
        yield f"{which}: less light than the spectroradiometer is made for"
    asked = spectrum.asked_luminance
    if spectrum.luminance > 0.0 and abs(log(spectrum.luminance / asked)) > WORTH_A_NOTE:
        moved = f"it changed by {spectrum.drift:+.1%}, the current by {spectrum.current_density_drift:+.1%} meanwhile"
        yield f"{which}: {spectrum.luminance:.4g} cd/m^2 where {asked:g} cd/m^2 were asked for; {moved}"


def _exposed(
    index: int, step: Step, mode: ExposureMode, run: _Context, samples: list[ExposureSample], evidence: Evidence
) -> Spectrum | None:
    """A spectrum, while both meters go on being read and the source held against its limits; None at a stop."""
    bench = run.bench
    bench.start_exposure(mode)
    stage = _tell_stage(index, step, run, None)
    run.tell_queued_errors()
    while not bench.exposure_finished(min(run.plan.spectra.sample_every, LONGEST_UNREAD)):
        if run.stop_requested():
            return None  # cancelling takes seconds: the bench does it once the output is off
        stage = _tell_stage(index, step, run, stage)
        _sample(index, step, run, samples, evidence)
    spectrum = bench.read_spectrum(index, step)
    _sample(index, step, run, samples, evidence, last=True)
    return spectrum


#: The role of what takes spectra.
SPECTRORADIOMETER = "spectroradiometer"


def _tell_stage(index: int, step: Step, run: _Context, told: tuple[str, float] | None) -> tuple[str, float]:
    """Say how far a spectrum is, unless that was told; what is told by now."""
    stage = what, lasting = run.bench.exposure_stage
    if told is None or repr(stage) != repr(told):  # NaN is no other stage than NaN
        level = f"{step.level:.3f} V" if run.plan.source_unit == "V" else f"{1e3 * step.level:g} mA"
        which = f"spectrum {counted(index)} of {run.plan.spectra.most} at {level}"
        run.tell(Doing.SPECTRUM, f"{which}, {what}" if what else which, SPECTRORADIOMETER, lasting)
    return stage


def _sample(
    index: int, step: Step, run: _Context, samples: list[ExposureSample], evidence: Evidence, *, last: bool = False
) -> None:
    """Read both meters; recorded as often as the plan wants."""
    reading = take_reading(step, run.bench)
    reading = run.check.examined(reading, reading.remark)
    since = reading.time - samples[-1].time if samples else inf
    room = not samples or reading.time < samples[0].time + LONGEST_SAMPLED
    if last or (since >= run.plan.spectra.sample_every and room):
        values = reading.time, reading.voltage, reading.current, reading.photodiode_signal
        sample = ExposureSample(index, *values, evaluate(reading, evidence).luminance)
        run.emit(sample)
        samples.append(sample)
    run.check.require_safe(reading)
