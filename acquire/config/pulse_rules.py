"""What must hold of pulses: that the instruments are fast enough for them, and that the device rests in between."""

from __future__ import annotations

from math import ceil

from acquire.config.bench import BenchFile, Instruments
from acquire.config.bench_rules import Problems
from acquire.config.linked_timing import LinkedTiming, linked_timing
from acquire.config.parsing import Parsed
from acquire.config.sweep import Measure, Pulse, Source, SweepFile
from acquire.config.yaml_source import Place, YamlSource
from drivers import models

#: No pulse lasts longer than the rest after it: the share of the time for which the device is driven.
MOST_DUTY_CYCLE = 0.5

_FASTEST = {"nplc": 0.01, "photodiode_nplc": 0.01, "filter_count": 1}
_AT: Place = ("source", "pulse")


def pulse_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """Pulses are timed by the instruments, wide enough for a reading, and followed by a rest."""
    source, measure = sweep.section("source", Source), sweep.section("measure", Measure)
    if source is None or source.pulse is None:
        return
    yield from _duty_cycle(sweep.source, source.pulse)
    if measure is None:
        return
    if measure.timing != "hardware":
        message = "pulses are timed by the instruments themselves, over the trigger link"
        yield sweep.source.problem(("measure", "timing"), message, "write timing: hardware in measure")
        return
    if measure.autozero:
        message = "with it the photodiode meter answers a pulse up to one conversion late: pulses would differ in width"
        yield sweep.source.problem(("measure", "autozero"), message, "write autozero: false in measure")
        return
    if instruments := bench.section("instruments", Instruments):
        yield from _width(sweep.source, source, source.pulse, measure, instruments)
        yield from _memory(sweep.source, source.pulse, instruments)


def _duty_cycle(where: YamlSource, pulse: Pulse) -> Problems:
    if (pulse.period is None) == (pulse.duty_cycle is None):
        yield where.problem(_AT, "needs either period or duty_cycle", "give exactly one of them")
    elif pulse.duty_cycle is not None and pulse.duty_cycle > MOST_DUTY_CYCLE:
        message = f"{pulse.duty_cycle:.3g} is more than {MOST_DUTY_CYCLE:.0%}: no pulse is longer than its rest"
        yield where.problem((*_AT, "duty_cycle"), message, "lower it, or leave pulse out: then each level stays")
    elif pulse.period is not None and pulse.width / pulse.period > MOST_DUTY_CYCLE * (1 + 1e-9):
        message = (
            f"makes a duty cycle of {pulse.width / pulse.period:.3g}, more than {MOST_DUTY_CYCLE:.0%}: no pulse is "
            "longer than its rest"
        )
        yield where.problem((*_AT, "period"), message, f"write {_time(2 * pulse.width)} or more")


def shortest_timing(source: Source, measure: Measure, instruments: Instruments) -> LinkedTiming:
    """The parts of the shortest pulse with these settings: no delay between level and reading."""
    return linked_timing(measure, instruments, source.function, 0.0)


def _width(where: YamlSource, source: Source, pulse: Pulse, measure: Measure, instruments: Instruments) -> Problems:
    timing = shortest_timing(source, measure, instruments)
    if pulse.width >= timing.longest_point * (1 - 1e-9):
        return
    fastest = shortest_timing(source, measure.model_copy(update=_FASTEST), instruments).longest_point
    message = (
        f"{_time(pulse.width)} is shorter than the instruments can make it with these settings, "
        f"{_time(timing.longest_point)}: {_time(timing.before)} from trigger to source, {_time(timing.conversion)} to "
        f"read voltage and current (NPLC {measure.nplc:g} at {instruments.smu.line_frequency:g} Hz), up to "
        f"{_time(timing.longest)} meanwhile for the photodiode (NPLC {measure.photodiode_nplc:g})"
    )
    hint = f"lengthen it, or lower nplc: NPLC 0.01 without a filter allows {_time(fastest)}"
    if pulse.width < fastest * (1 - 1e-9):
        hint = f"the shortest pulse is {_time(fastest)}, at NPLC 0.01 without a filter"
    yield where.problem((*_AT, "width"), message, hint)


def _memory(where: YamlSource, pulse: Pulse, instruments: Instruments) -> Problems:
    """One pulse with its rests, and the base level after it, fit into both memories."""
    meter = models.multimeter(instruments.photodiode_meter.model)
    stored = min(models.source_meter(instruments.smu.model).buffer, meter.buffer)
    if (rests := pulse.rests()) + 2 > stored:
        message = f"rests {rests} widths after each pulse, more than the instruments store: {stored - 2}"
        at = "period" if pulse.duty_cycle is None else "duty_cycle"
        yield where.problem((*_AT, at), message, "make pulses wider, or rest less")


def _time(seconds: float) -> str:
    """A time for people, rounded up to 10 us: what is said to be the shortest must not be too short."""
    up = ceil(seconds * 1e5 - 1e-6)
    return f"{up / 100:g} ms" if seconds < 1.0 else f"{up / 1e5:.4g} s"
