"""Before a sweep: is a device in contact, no short, no open circuit, the right way round? At a low level. Pure.

With a voltage source of its own limits: zero first, then a low voltage in both polarities, then, unless that showed a
short, a higher one in both. What was read is judged in words, with its figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from statistics import fmean, stdev

from acquire.config import BenchFile, SweepFile
from acquire.config.sweep import Measure, Pretest, Source, StopRules
from acquire.records import Activity, Doing, Note, PointFlag, Reading, Step
from acquire.sweep.engine import Emit, StopRequested, SweepBench, take_reading
from acquire.sweep.plan import SweepPlan, make_plan
from acquire.sweep.read_back import ReadingCheck

#: Readings at zero: where the photodiode's signal stands, and how it scatters.
AT_ZERO = 5

#: So many times their scatter must a signal stand off to be light; so many times the other current is reversed.
CLEAR, RATHER = 10.0, 3.0

#: The least scatter of the photodiode's signal that counts, as a share of it: readings that are all alike have none.
_LEAST_SCATTER = 1e-4


@dataclass(frozen=True)
class PretestPlan:
    """The levels of a pretest, on a plan with limits of its own; resistances in ohm, currents in A."""

    plan: SweepPlan
    short_resistance: float
    open_current: float


@dataclass(frozen=True)
class Verdict:
    """What a pretest found, in words; ``against`` the sweep, empty where nothing is."""

    text: str
    against: str = ""


def make_pretest(sweep: SweepFile, bench: BenchFile, plan: SweepPlan) -> PretestPlan:
    """The pretest of a sweep: never beyond its own limits, nor beyond what the sweep may put on the device."""
    wanted = sweep.pretest or Pretest()
    high = min(wanted.voltage, plan.stress.voltage)
    low = min(wanted.low_voltage, high)
    sign = -1.0 if sweep.sample.polarity == "negative" else 1.0
    levels = [0.0] * AT_ZERO + [sign * low, -sign * low, sign * high, -sign * high]
    written = {"function": "voltage", "levels": [f"{level!r} V" for level in levels]}
    source = Source.model_validate(written | {"compliance": f"{min(wanted.current, plan.stress.current)!r} A"})
    alone = sweep.model_copy(update={"source": source, "measure": Measure(), "spectra": None, "stop": StopRules()})
    return PretestPlan(make_plan(alone, bench), wanted.short_resistance, wanted.open_current)


def pretested(pretest: PretestPlan, bench: SweepBench, emit: Emit, stop_requested: StopRequested) -> Verdict:
    """Carry a pretest out and judge it; the output is off when this returns or raises.

    The verdict of one that was cut short by a stop says nothing against the sweep.

    :raises acquire.sweep.read_back.BeyondLimits: a reading is beyond the bench's limits.
    """
    readings = list[Reading]()
    check = ReadingCheck(pretest.plan.read_back, lambda text: emit(Note(bench.now(), f"pretest: {text}")))
    emit(Activity(bench.now(), "", "pretest", doing=Doing.OTHER))
    with bench.energised():
        for step in pretest.plan.steps:
            if stop_requested():
                return Verdict("cut short")
            reading = _read(step, bench, check)
            readings.append(reading)
            check.require_safe(reading)
            if _short(readings, pretest):
                break
    verdict = judged(readings, pretest)
    emit(Note(bench.now(), f"pretest: {verdict.against or verdict.text}"))
    return verdict


def _read(step: Step, bench: SweepBench, check: ReadingCheck) -> Reading:
    """A reading of a pretest, which is taken once more where a number is missing: that is no matter of the device."""
    reading = take_reading(step, bench)
    if check.worth_repeating(reading, reading.remark):
        again = take_reading(step, bench)
        reading = replace(again, flags=again.flags | PointFlag.READING_REPEATED)
    return check.examined(reading, reading.remark)


def judged(readings: Sequence[Reading], pretest: PretestPlan) -> Verdict:
    """What the readings of a pretest, in the order of its plan, say of the device."""
    if short := _short(readings, pretest):
        return Verdict(short, short)
    driven = readings[AT_ZERO:]
    if missing := [one for one in driven if not (isfinite(one.voltage) and isfinite(one.current))]:
        text = f"nothing was read at {missing[0].source_level:g} V"
        return Verdict(text, text)
    largest = max(driven, key=lambda one: abs(one.current))
    if abs(largest.current) < pretest.open_current:
        most, level = abs(largest.current), abs(driven[-1].source_level)
        limit = f"less than {pretest.open_current:.3g} A; check the contacts"
        text = f"open: no more than {most:.3g} A up to {level:g} V, {limit}"
        return Verdict(text, text)
    ahead, back = driven[-2:]
    if reversed_ := _reversed(readings, pretest):
        return Verdict(reversed_, reversed_)
    even = max(abs(ahead.current), abs(back.current)) < RATHER * min(abs(ahead.current), abs(back.current))
    shape = "which way round does not show: both polarities conduct alike" if even else "the right way round"
    return Verdict(f"in contact, no short: {_amount(driven[0])}, {_amount(ahead)}, {_amount(back)}; {shape}")


def _short(readings: Sequence[Reading], pretest: PretestPlan) -> str:
    """A short in words; empty where the low voltage shows none."""
    for reading in readings[AT_ZERO : AT_ZERO + 2]:
        resistance = abs(reading.voltage / reading.current) if reading.current else inf
        if resistance < pretest.short_resistance:
            return f"short: {resistance:.3g} ohm, {_amount(reading)}; less than {pretest.short_resistance:.3g} ohm"
    return ""


def _reversed(readings: Sequence[Reading], pretest: PretestPlan) -> str:
    """In words, that the device conducts or shines where it should not; empty where it does not."""
    ahead, back = readings[-2:]
    zero = [one.photodiode_signal for one in readings[:AT_ZERO] if isfinite(one.photodiode_signal)]
    hint = "turn the device round, or write sample.polarity"
    if len(zero) > 1:
        level = fmean(zero)
        scatter = max(stdev(zero), _LEAST_SCATTER * abs(level))
        off, wrong = (abs(one.photodiode_signal - level) for one in (ahead, back))
        if wrong > CLEAR * scatter and wrong > RATHER * off:
            return f"reversed: light at {back.voltage:.3g} V, none at {ahead.voltage:.3g} V; {hint}"
    other = max(RATHER * abs(ahead.current), pretest.open_current)
    return f"reversed: {_amount(back)}, {_amount(ahead)}; {hint}" if abs(back.current) > other else ""


def _amount(reading: Reading) -> str:
    return f"{reading.current:.3g} A at {reading.voltage:.3g} V"
