"""What must hold of the section ``lifetime``, inside a sweep file and on its bench."""

from __future__ import annotations

from itertools import chain, pairwise

from acquire.config.bench import BenchFile, Instruments, Limits
from acquire.config.bench_rules import Problems
from acquire.config.lifetime import MOST_SAMPLES, Curves, Lifetime
from acquire.config.parsing import Parsed
from acquire.config.rules import _beyond, _source_meter, _spacing
from acquire.config.source_quantities import MOST_POINTS
from acquire.config.sweep import Measure, Source, Spectra, SweepFile
from acquire.config.yaml_source import Place, YamlSource

_AT: Place = ("lifetime",)


def lifetime_rules(sweep: Parsed[SweepFile]) -> Problems:
    """What must hold inside a sweep file that keeps one level."""
    lifetime, where = sweep.section("lifetime", Lifetime), sweep.source
    if lifetime is None:
        return
    yield from chain(_times(where, lifetime), _sampling(where, lifetime), _reference(where, lifetime))
    if source := sweep.section("source", Source):
        yield from _one_level(where, source)
        if lifetime.curves is not None:
            yield from _curves(where, source, lifetime.curves)
    if (measure := sweep.section("measure", Measure)) and measure.timing != "stepped":
        message = "cannot keep a level for hours: each burst would begin anew"
        yield where.problem(("measure", "timing"), message, "use timing: stepped with a lifetime")
    if lifetime.spectrum_count() and "spectra" not in where.content:
        message = "does not say how the spectra of lifetime are taken"
        yield where.problem(("spectra",), message, "add it, with 'speed: normal' or what suits the device")
    if spectra := sweep.section("spectra", Spectra):
        for name in ("at_luminance", "at_voltage", "at_current", "every", "afterwards", "as_needed"):
            if getattr(spectra, name):
                hint = "use lifetime.spectra_at or spectra_at_shares; speed and the like stay here"
                yield where.problem(("spectra", name), "does not go with a lifetime", hint)


def _times(where: YamlSource, lifetime: Lifetime) -> Problems:
    """When points are taken is said once, and leads on."""
    if bool(lifetime.sampling) == (lifetime.points_per_decade is not None):
        what = "says twice when points are taken" if lifetime.sampling else "does not say when points are taken"
        yield where.problem(_AT, what, "give sampling, or points_per_decade with until")
        return
    if lifetime.sampling:
        if lifetime.until is not None:
            yield where.problem(
                (*_AT, "until"), "belongs to points_per_decade", "the last until of sampling is the end"
            )
        for i, (one, other) in enumerate(pairwise(lifetime.sampling)):
            if other.until <= one.until:
                message = f"{other.until:g} s is not later than {one.until:g} s, where the part before it ends"
                yield where.problem((*_AT, "sampling", i + 1, "until"), message, "give rising times")
    elif lifetime.until is None:
        yield where.problem((*_AT, "until"), "is missing", "write it like '1000 h'")
    elif lifetime.until <= lifetime.first:
        message = f"{lifetime.until:g} s is not later than the first point, {lifetime.first:g} s"
        yield where.problem((*_AT, "until"), message, "give a later time")


def _sampling(where: YamlSource, lifetime: Lifetime) -> Problems:
    last, at = lifetime.last, "sampling" if lifetime.sampling else "points_per_decade"
    if (count := lifetime.sample_count()) > MOST_SAMPLES:
        message = f"makes {count} points"
        yield where.problem((*_AT, at), message, f"at most {MOST_SAMPLES} are allowed; take points less often")
    if not last:
        return
    if lifetime.initial_time >= last:
        message = f"{lifetime.initial_time:g} s is not before the end, {last:g} s"
        yield where.problem((*_AT, "initial_time"), message, "L_0 would never be known")
    for name, times in (("spectra_at", lifetime.spectra_at), ("curves", lifetime.curves.at if lifetime.curves else ())):
        place = (*_AT, name, "at") if name == "curves" else (*_AT, name)
        for i, time in enumerate(times):
            if time > last:
                message = f"{time:g} s is after the end, {last:g} s"
                yield where.problem((*place, i), message, "remove it, or let the lifetime last longer")
            elif time in times[:i]:
                yield where.problem((*place, i), "is given twice", "remove one of the two")


def _reference(where: YamlSource, lifetime: Lifetime) -> Problems:
    if (lifetime.reference == "every") != (lifetime.reference_every is not None):
        message = "reference: every and reference_every belong together"
        yield where.problem((*_AT, "reference"), message, "give both or none")
    for i, share in enumerate(lifetime.spectra_at_shares):
        if not 0.0 < share < 1.0:
            at = (*_AT, "spectra_at_shares", i)
            yield where.problem(at, "must lie between 0 % and 100 %", "write it like 90 %")
    end = lifetime.end.luminance_share
    if end is not None and not 0.0 < end < 1.0:
        yield where.problem((*_AT, "end", "luminance_share"), "must lie between 0 % and 100 %", "write it like 50 %")


def _one_level(where: YamlSource, source: Source) -> Problems:
    """The level that is kept; ways through several levels make no sense of it."""
    plain = len(source.levels) == 1 and source.levels_from is None and source.levels[0] != 0.0
    if not plain:
        example = "['5 V']" if source.unit == "V" else "['2 mA']"
        yield where.problem(("source", "levels"), "a lifetime keeps one level, not 0", f"write levels: {example}")
    of_several = {"direction": "forward", "both_polarities": False, "cycles": 1, "rest": None, "pre_bias": None}
    for name, usual in {**of_several, "holds": ()}.items():
        if getattr(source, name) != usual:
            yield where.problem(("source", name), "makes no sense with one level that is kept", "remove it")


def _curves(where: YamlSource, source: Source, curves: Curves) -> Problems:
    at = (*_AT, "curves")
    if curves.start is None:
        example = "0 V" if source.unit == "V" else "10 uA"
        yield where.problem((*at, "start"), "is missing", f"write it like '{example}'")
        return
    yield from _spacing(where, at, source.unit, curves)
    if (count := curves.level_count() * len(curves.at)) > MOST_POINTS:
        yield where.problem((*at, "at"), f"makes {count} points", f"at most {MOST_POINTS} are allowed")
    if source.levels and min(curves.start, curves.stop) * source.levels[0] < 0:
        yield where.problem((*at, "start"), "has the other sign than the level that is kept", "keep to one polarity")


def lifetime_on_bench_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """The levels of curves in between are within the bench's limits; the bench takes the spectra that are asked for."""
    lifetime, source = sweep.section("lifetime", Lifetime), sweep.section("source", Source)
    instruments = bench.section("instruments", Instruments)
    if lifetime is None or source is None:
        return
    if lifetime.spectrum_count() and instruments and instruments.spectroradiometer is None:
        name = next(name for name in ("spectra_at", "spectra_at_shares", "reference") if name in _given(sweep.source))
        message = f"the bench has no spectroradiometer ({bench.source.where(('instruments',))})"
        yield sweep.source.problem((*_AT, name), message, "remove it or take another bench")
    if lifetime.curves is None:
        return
    at, meter, limits = (*_AT, "curves", "stop"), _source_meter(bench), bench.section("limits", Limits)
    largest = max(abs(lifetime.curves.start or 0.0), abs(lifetime.curves.stop))
    if limits is not None:
        yield from _beyond(sweep, bench, at, largest, source.function)
        power = largest * source.compliance
        if limits.power is not None and power > limits.power * (1 + 1e-12):
            named = bench.source.where(("limits", "power"))
            message = f"largest level x compliance is {power:g} W, beyond the bench's {limits.power:g} W ({named})"
            yield sweep.source.problem(at, message, "lower the compliance or the levels of the curve")
    if meter is not None:
        span = meter.span(source.function)
        if largest > span.largest * (1 + 1e-12):
            message = (
                f"{largest:g} {source.unit} is beyond what the {meter.name} can give, {span.largest:g} {source.unit}"
            )
            yield sweep.source.problem(at, message, "lower it")
        elif source.range != "auto" and largest > float(source.range) * span.full_scale:
            message = f"{source.range:g} {source.unit} is too small for the level {largest:g} {source.unit} of a curve"
            yield sweep.source.problem(("source", "range"), message, "choose a larger range or 'auto'")


def _given(where: YamlSource) -> set[str]:
    section = where.content.get("lifetime")
    return set(section) if isinstance(section, dict) else set()
