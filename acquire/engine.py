"""The sweep: set, settle, read, compute, record, next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from math import isfinite, log, nan
from statistics import fmean
from typing import Protocol, Self

from acquire.evaluate import Evaluation, described_spectrum, evaluate, with_uncertainties
from acquire.plan import SpectrumSchedule, StopWatch, SweepPlan, bursts
from acquire.records import (
    DarkReading,
    Event,
    ExposureSample,
    Note,
    Reading,
    Record,
    RunStatus,
    Spectrum,
    Step,
)

Emit = Callable[[Event], None]
StopRequested = Callable[[], str]

#: Points in one hardware-timed burst: what the photodiode meter's buffer holds (Model 2000).
BURST = 1024


class SpectrumNotTaken(Exception):
    """The spectroradiometer could not take this spectrum; the sweep goes on without it."""


class SweepBench(Protocol):
    """What the engine asks of a bench; levels in V or A, times in s since the start of the run."""

    def now(self) -> float:
        """Seconds since the start of the run."""

    def energised(self) -> AbstractContextManager[None]:
        """Output on inside, ramped to zero, off and asked for outside."""

    def trigger(self, level: float) -> None:
        """Start both meters; the source goes to ``level`` and settles first."""

    def collect(self, step: Step, time: float) -> Reading:
        """Wait for both meters and say what they read."""

    def start_exposure(self) -> None:
        """Start a spectrum. :raises SpectrumNotTaken: it refuses."""

    def exposure_finished(self, wait: float) -> bool:
        """Whether the spectrum is there, waiting at most ``wait`` s. :raises SpectrumNotTaken: it failed."""

    def read_spectrum(self, index: int, step: Step, start: float) -> Spectrum:
        """The spectrum just taken, with its conditions."""

    def run_burst(self, steps: Sequence[Step], stop_requested: StopRequested) -> list[Reading]:
        """Let the instruments run these steps by themselves; fewer readings when a stop was requested."""


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended and why."""

    status: RunStatus
    reason: str = ""
    interrupted: bool = False


def run_sweep(
    plan: SweepPlan, bench: SweepBench, evaluation: Evaluation, emit: Emit, stop_requested: StopRequested
) -> Outcome:
    """Carry out a plan. The source output is off when this returns or raises.

    ``stop_requested`` returns the reason why the run should end now, or an empty string.
    """
    if why := stop_requested():
        return Outcome(RunStatus.STOPPED, why, interrupted=True)
    with bench.energised():
        dark = take_dark_readings(plan, bench, emit, stop_requested, after=False)
        sweep = _sweep_in_bursts if plan.hardware_timed else _sweep
        outcome = sweep(plan, bench, evaluation.with_dark(dark), emit, stop_requested)
        if not outcome.interrupted:
            dark = take_dark_readings(plan, bench, emit, stop_requested, after=True)
            if len(dark) < plan.dark.readings_after:
                return Outcome(RunStatus.STOPPED, stop_requested(), interrupted=True)
        return outcome


def _sweep(
    plan: SweepPlan, bench: SweepBench, evaluation: Evaluation, emit: Emit, stop_requested: StopRequested
) -> Outcome:
    schedule = SpectrumSchedule(plan.spectra)
    stop_watch = StopWatch(plan.stop_rules)
    spectra = 0
    with _Reporting(emit) as reporting:
        for step in plan.steps:
            if why := stop_requested():
                return Outcome(RunStatus.STOPPED, why, interrupted=True)
            record = evaluate(take_reading(step, bench, reporting.report), evaluation)
            reporting.keep(record, evaluation)
            if reason := stop_watch.reason(record):
                return Outcome(RunStatus.STOPPED, reason)
            if schedule.due(step, record):
                reporting.report()
                taken = take_spectrum(spectra, step, plan, bench, emit, stop_requested)
                if taken is not None:
                    spectrum = described_spectrum(_with_signals(*taken, record, evaluation))
                    emit(spectrum)
                    if spectrum.contradictions:
                        wrong = ", ".join(spectrum.contradictions)
                        emit(Note(bench.now(), f"spectrum {spectrum.index}: the meter's own {wrong} disagree with it"))
                    evaluation = evaluation.with_spectrum(spectrum)
                    spectra += 1
    return Outcome(RunStatus.COMPLETED)


class _Reporting:
    """Completes and emits each record while the meters integrate the next one: to write and to draw takes no time.

    Whether the sweep goes on is decided before that. However it ends, no record is left behind.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._kept: tuple[Record, Evaluation] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.report()

    def keep(self, record: Record, evaluation: Evaluation) -> None:
        """Keep a record, and what it was evaluated with, for the next :meth:`report`."""
        self._kept = record, evaluation

    def report(self) -> None:
        """Emit the record that is kept, if there is one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            self._emit(with_uncertainties(*kept))


def _sweep_in_bursts(
    plan: SweepPlan, bench: SweepBench, evaluation: Evaluation, emit: Emit, stop_requested: StopRequested
) -> Outcome:
    """The instruments step by themselves; stop rules are looked at after each burst."""
    stop_watch = StopWatch(plan.stop_rules)
    for burst in bursts(plan.steps, BURST):
        reasons = []
        for reading in bench.run_burst(burst, stop_requested):
            record = evaluate(reading, evaluation)
            emit(with_uncertainties(record, evaluation))
            reasons.append(stop_watch.reason(record))
        if why := stop_requested():
            return Outcome(RunStatus.STOPPED, why, interrupted=True)
        if reason := next(filter(None, reasons), ""):
            return Outcome(RunStatus.STOPPED, reason)
    return Outcome(RunStatus.COMPLETED)


def take_reading(step: Step, bench: SweepBench, meanwhile: Callable[[], None] = lambda: None) -> Reading:
    """Start every meter, then collect from every meter, so that they integrate at the same time; and ``meanwhile``."""
    time = bench.now()
    bench.trigger(step.level)
    meanwhile()
    return bench.collect(step, time)


def take_dark_readings(
    plan: SweepPlan, bench: SweepBench, emit: Emit, stop_requested: StopRequested, *, after: bool
) -> list[DarkReading]:
    """Read both meters at the dark level, where the device gives no light; fewer when a stop is asked for."""
    readings: list[DarkReading] = []
    for _ in range(plan.dark.readings_after if after else plan.dark.readings_before):
        if stop_requested():
            break
        reading = take_reading(plan.dark.step, bench)
        dark = DarkReading(reading.time, reading.voltage, reading.current, reading.photodiode_signal, after)
        emit(dark)
        readings.append(dark)
    return readings


def take_spectrum(
    index: int,
    step: Step,
    plan: SweepPlan,
    bench: SweepBench,
    emit: Emit,
    stop_requested: StopRequested,
) -> tuple[Spectrum, list[ExposureSample]] | None:
    """Take a spectrum at this level while both meters go on sampling; None, with a note, when there is none."""
    start = bench.now()
    samples: list[ExposureSample] = []
    try:
        bench.start_exposure()
        while not bench.exposure_finished(plan.spectra.sample_every):
            if stop_requested():
                return None  # cancelling takes seconds: the bench does it once the output is off
            samples.append(_sample(index, step, bench, emit))
        spectrum = bench.read_spectrum(index, step, start)
    except SpectrumNotTaken as error:
        emit(Note(bench.now(), f"no spectrum at {step.level:g} {plan.source_unit}: {error}"))
        return None
    samples.append(_sample(index, step, bench, emit))
    return spectrum, samples


def _sample(index: int, step: Step, bench: SweepBench, emit: Emit) -> ExposureSample:
    reading = take_reading(step, bench)
    sample = ExposureSample(index, reading.time, reading.voltage, reading.current, reading.photodiode_signal)
    emit(sample)
    return sample


def _with_signals(
    spectrum: Spectrum, samples: list[ExposureSample], record: Record, evaluation: Evaluation
) -> Spectrum:
    """The spectrum with the mean photodiode signal of its exposure, and the change of ln(luminance) until its end."""
    signals = [sample.photodiode_signal for sample in samples if isfinite(sample.photodiode_signal)]
    before = evaluation.photocurrent(record.reading.photodiode_signal, record.reading.time)
    after = evaluation.photocurrent(signals[-1], spectrum.stop) if signals else nan
    drift = log(after / before) if before > 0.0 and after > 0.0 else nan
    return replace(spectrum, photodiode_signal=fmean(signals) if signals else nan, drift=drift)
