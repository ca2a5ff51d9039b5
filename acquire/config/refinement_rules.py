"""Rules of levels that are added while a sweep goes on (``source.refine``)."""

from __future__ import annotations

from acquire.config.bench import BenchFile, PhotodiodeChannel
from acquire.config.bench_rules import Problems
from acquire.config.parsing import Parsed
from acquire.config.sweep import Measure, Refinement, Source, SweepFile
from acquire.config.yaml_source import YamlSource

_AT = ("source", "refine")

#: So many fine levels may lie between the ends of the levels.
MOST_FINE = 10_000


def refinement_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """There is something to refine, on the way up, with the luminance of each point known as it is measured."""
    source, where = sweep.section("source", Source), sweep.source
    if source is None or source.refine is None:
        return
    yield from _fineness(where, source, source.refine)
    if not source.refine.at_luminance and not source.refine.efficiency_maximum:
        yield where.problem(_AT, "has nothing to refine", "give at_luminance, or efficiency_maximum: true")
    for i, luminance in enumerate(source.refine.at_luminance):
        if luminance == 0.0:
            yield where.problem((*_AT, "at_luminance", i), "must be above 0 cd/m^2", "write it like 1 cd/m^2")
    if source.direction == "reverse":
        hint = "use direction: forward or both, or remove it"
        yield where.problem(_AT, "refines the forward branch, and there is none", hint)
    measure = sweep.section("measure", Measure)
    if measure and measure.timing == "hardware":
        yield where.problem(_AT, "cannot be used with timing: hardware", "use stepped, or give stretches")
    photodiode = bench.section("photodiode", PhotodiodeChannel)
    if photodiode and photodiode.luminance_route == "from_spectra":
        named = bench.source.where(("photodiode",))
        message = f"needs the luminance of every point as it is measured; the bench's comes from spectra ({named})"
        yield where.problem(_AT, message, "give stretches, or take a bench with a calibration")


def _fineness(where: YamlSource, source: Source, refine: Refinement) -> Problems:
    at, unit, ends = (*_AT, "step"), source.unit, source.ends()
    if refine.step <= 0.0:
        yield where.problem(at, "is not above zero", "give the distance of two levels")
        return
    if not ends:
        return
    if (count := (max(ends) - min(ends)) / refine.step) > MOST_FINE:
        message = f"makes up to {count:.0f} levels between {min(ends):g} {unit} and {max(ends):g} {unit}"
        yield where.problem(at, message, f"at most {MOST_FINE} are allowed")
    steps = [abs(part.step) for part in source.parts() if part.step]
    if steps and len(steps) == len(source.parts()) and refine.step >= max(steps):
        yield where.problem(at, f"is no finer than the levels, {max(steps):g} {unit} apart", "lower it, or remove it")
