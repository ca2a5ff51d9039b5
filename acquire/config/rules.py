"""Rules that join keys, sections and files. Each rule yields what it finds; none stops at the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from math import isclose
from pathlib import PurePosixPath, PureWindowsPath

from acquire.config.bench import (
    BenchFile,
    Instruments,
    Limits,
    PhotodiodeChannel,
    Simulation,
)
from acquire.config.bench_rules import Problems
from acquire.config.parsing import Parsed
from acquire.config.source_quantities import MOST_POINTS, Stretch
from acquire.config.sweep import (
    Dark,
    Measure,
    Output,
    Sample,
    Source,
    Spectra,
    StopRules,
    SweepFile,
)
from acquire.config.transport import Transport
from acquire.config.yaml_source import Place, YamlSource
from acquire.safety.visible import shortened
from drivers import models
from drivers.specification import SourceMeterSpecification, Span

VISIBLE = (380.0, 780.0)  # nm, what the CS-2000A measures


def sweep_rules(sweep: Parsed[SweepFile]) -> Problems:
    """What must hold inside a sweep file."""
    where = sweep.source
    if sample := sweep.section("sample", Sample):
        yield from chain(_area(where, sample), _expected_line(where, sample))
    dark, stop = sweep.section("dark", Dark), sweep.section("stop", StopRules)
    if dark and stop:
        yield from _no_light(where, dark, stop)
    source = sweep.section("source", Source)
    if source:
        yield from _levels(where, source)
        if dark:
            yield from _dark(where, source, dark)
        if measure := sweep.section("measure", Measure):
            yield from _ranges(where, source, measure)
        if stop:
            yield from _stop(where, source, stop)
    if spectra := sweep.section("spectra", Spectra):
        yield from chain(_spectra(where, spectra), _exposure(where, spectra))
        if source:
            yield from _spectra_inside(where, source, spectra)
    if transport := sweep.section("transport", Transport):
        yield from _transport(where, transport)
        yield from _no_light_asked(sweep)
    if output := sweep.section("output", Output):
        yield from _output(where, output.folder)


def _area(where: YamlSource, sample: Sample) -> Problems:
    uncertainty = sample.emissive_area_uncertainty
    if uncertainty is not None and uncertainty >= sample.emissive_area:
        at = ("sample", "emissive_area_uncertainty")
        hint = "it is a standard uncertainty in the same unit"
        if ("sample", "emissive_area") in where.origins and at not in where.origins:
            hint = "give that of this area with it: --area '4 mm^2 +- 0.1 mm^2'"
        yield where.problem(at, "is not smaller than the area itself", hint)


def _expected_line(where: YamlSource, sample: Sample) -> Problems:
    line = sample.expected_line
    if line and not VISIBLE[0] <= line.peak <= VISIBLE[1]:
        message = f"{line.peak:g} nm is outside {VISIBLE[0]:g} to {VISIBLE[1]:g} nm"
        yield where.problem(("sample", "expected_line", "peak"), message, "no luminance could be computed from it")


def _no_light(where: YamlSource, dark: Dark, stop: StopRules) -> Problems:
    if stop.no_light_by is not None and not dark.before:
        message = "needs dark readings before the sweep: light is what stands out from them"
        yield where.problem(("stop", "no_light_by"), message, "remove it, or write dark.before: true")


def _transport(where: YamlSource, transport: Transport) -> Problems:
    for name in ("thickness", "permittivity"):
        if getattr(transport, f"{name}_uncertainty") >= getattr(transport, name):
            at = ("transport", f"{name}_uncertainty")
            yield where.problem(at, f"is not smaller than the {name} itself", "it is a standard uncertainty")


def _no_light_asked(sweep: Parsed[SweepFile]) -> Problems:
    """Nothing that needs light is asked of a device that is not to shine."""
    if sweep.section("spectra", Spectra) is not None:
        message = "a device with a section transport is not to shine"
        yield sweep.source.problem(("spectra",), message, "remove one of the two sections")
    if "lifetime" in sweep.source.content:
        message = "a device with a section transport is not to shine, and a lifetime is that of its light"
        yield sweep.source.problem(("lifetime",), message, "remove one of the two sections")
    for at in _places_that_need_luminance(sweep):
        if at[0] == "stop":
            message = "needs luminance, and a device with a section transport is not to shine"
            yield sweep.source.problem(at, message, "remove it; voltage_above and current_above need none")
    stop = sweep.section("stop", StopRules)
    if stop and stop.no_light_by is not None:
        message = "a device with a section transport is not to shine"
        yield sweep.source.problem(("stop", "no_light_by"), message, "remove it")


_SPACINGS = ("step", "points", "points_per_decade")

Placed = tuple[Place, float]


def _placed_levels(source: Source) -> Iterator[Placed]:
    """Every level that the file names, and where; of those from another file the two farthest out."""
    at: Place = ("source",)
    for i, stretch in enumerate(source.stretches):
        here = (*at, "stretches", i)
        yield from (((*here, name), level) for name, level in _ends(stretch))
    if source.levels_from is not None:
        yield from (((*at, "levels_from"), level) for level in {min(source.levels), max(source.levels)})
    else:
        yield from (((*at, "levels", i), level) for i, level in enumerate(source.levels))
    yield from (((*at, name), level) for name, level in _ends(source))
    for name, held in (("pre_bias", source.pre_bias), ("rest", source.rest)):
        if held is not None and held.level is not None:
            yield (*at, name, "level"), held.level
    if source.pulse is not None and source.pulse.base_level is not None:
        yield (*at, "pulse", "base_level"), source.pulse.base_level


def _ends(part: Source | Stretch) -> list[tuple[str, float]]:
    return [(name, level) for name, level in (("start", part.start), ("stop", part.stop)) if level is not None]


def _levels(where: YamlSource, source: Source) -> Problems:
    """How the levels are given: in one way, and so that they are the levels that were meant."""
    given = _given(where)
    yield from _holds(where, source)
    named = [name for name in ("stretches", "levels", "levels_from") if name in given]
    plain = [name for name in ("start", "stop", *_SPACINGS) if name in given]
    if len(named) > 1 or (named and plain):
        other = next((name for name in plain), named[0])
        yield where.problem(("source", named[-1]), f"says what the levels are, and so does {other}", "keep one of them")
    elif "stretches" in named:
        yield from _stretches(where, source)
    elif not named:
        missing = [name for name in ("start", "stop") if getattr(source, name) is None]
        said = {problem.path for problem in where.problems}
        for name in [name for name in missing if f"source.{name}" not in said]:
            hint = f"write it like '{'8 V' if source.unit == 'V' else '10 mA'}'"
            what, or_else = (
                ("is empty", "") if name in given else ("is missing", ", or give stretches, levels or levels_from")
            )
            yield where.problem(("source", name), what, hint + or_else)
        if not missing:
            yield from _spacing(where, ("source",), source.unit, source.parts()[0])
    elif not source.levels:
        yield where.problem(("source", named[0]), "holds no level", "write at least one")
    yield from chain(_number_of_points(where, source), _polarities(where, source))


def _given(where: YamlSource) -> set[str]:
    """The keys that the file itself gives of its source."""
    source = where.content.get("source")
    return set(source) if isinstance(source, Mapping) else set()


def _holds(where: YamlSource, source: Source) -> Problems:
    given = _given(where)
    if "holds" not in given:
        return
    if "levels" not in given:
        message = "belongs to levels, which are not given as a list"
        yield where.problem(("source", "holds"), message, "remove it; a CSV file has a column hold_s")
    elif len(source.holds) != len(source.levels):
        message = f"has {len(source.holds)} times for {len(source.levels)} levels"
        yield where.problem(("source", "holds"), message, "give one time for each level")


def _stretches(where: YamlSource, source: Source) -> Problems:
    at = ("source", "stretches")
    if not source.stretches:
        yield where.problem(at, "holds no stretch", "write at least one")
        return
    if source.stretches[0].start is None:
        yield where.problem((*at, 0, "start"), "is missing: no stretch comes before the first", "add it")
        return
    for i, part in enumerate(source.parts()):
        yield from _spacing(where, (*at, i), source.unit, part)
    yield from _turns(where, source)


def _turns(where: YamlSource, source: Source) -> Problems:
    """All stretches lead the same way: there and back again is the direction."""
    levels = [level for part in source.parts() for level in (part.start or 0.0, part.stop)]
    up = [other > one for one, other in pairwise(levels) if other != one]
    if any(up) and not all(up):
        message = "turns round: the stretches do not all lead the same way"
        yield where.problem(("source", "stretches"), message, "use direction: both to go back, or a list of levels")


def _spacing(where: YamlSource, at: Place, unit: str, part: Stretch) -> Problems:
    """One way to get from start to stop that arrives there."""
    start = part.start or 0.0
    given = [name for name in _SPACINGS if getattr(part, name) is not None]
    if len(given) != 1:
        yield where.problem(at, "needs either step or points (or points_per_decade)", "give exactly one of them")
    elif part.points_per_decade is not None:
        yield from _decades(where, at, unit, part)
    elif start == part.stop:
        if part.step is not None:
            yield where.problem((*at, "step"), "start and stop are equal", "give points instead of step")
    elif part.points == 1:
        yield where.problem((*at, "points"), "one level cannot be both start and stop", "give at least 2")
    elif part.step is not None:
        yield from _step(where, at, unit, start, part.stop, part.step)


def _decades(where: YamlSource, at: Place, unit: str, part: Stretch) -> Problems:
    start = part.start or 0.0
    if start * part.stop <= 0.0:
        message = f"no logarithm leads from {start:g} {unit} to {part.stop:g} {unit}"
        hint = "start and stop with the same sign and not at 0; both_polarities adds 0 and the other sign"
        yield where.problem((*at, "points_per_decade"), message, hint)
    elif start == part.stop:
        yield where.problem((*at, "points_per_decade"), "start and stop are equal", "give points instead")


def _step(where: YamlSource, at: Place, unit: str, start: float, stop: float, step: float) -> Problems:
    span, at = stop - start, (*at, "step")
    if step == 0.0:
        yield where.problem(at, "is zero", "give the distance of two levels")
    elif (step < 0.0) != (span < 0.0):
        way = f"from {start:g} {unit} to {stop:g} {unit}"
        yield where.problem(at, f"has the wrong sign for a sweep {way}", f"write {-step:g} {unit}")
    elif abs(span) > abs(step) * MOST_POINTS:
        return  # that makes too many points, whatever is left over
    elif not isclose(span / step, round(span / step), rel_tol=1e-9, abs_tol=1e-6) or abs(step) > abs(span):
        last = start + int(span / step) * step
        message = f"{step:g} {unit} does not divide {abs(span):g} {unit}: the last level would be {last:g} {unit}"
        yield where.problem(at, message, f"change stop to {last:g} {unit} or {last + step:g} {unit}, or give points")


def _number_of_points(where: YamlSource, source: Source) -> Problems:
    if (count := source.point_count()) > MOST_POINTS:
        many = next((name for name in ("cycles", "step", "stretches") if name in _given(where)), "points")
        name = "step" if source.step and source.level_count() > MOST_POINTS else many
        yield where.problem(("source", name), f"makes {count} points", f"at most {MOST_POINTS} are allowed")


def _polarities(where: YamlSource, source: Source) -> Problems:
    ends = source.ends()
    if source.both_polarities and ends and min(ends) < 0.0 < max(ends):
        message = "the levels have both signs already"
        yield where.problem(("source", "both_polarities"), message, "remove it, or give the levels of one polarity")
    elif source.both_polarities and ends and not any(ends):
        yield where.problem(("source", "both_polarities"), "every level is 0", "remove it")


def source_meter_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """The bench's own source-measure unit can do what the sweep asks for."""
    source, meter = sweep.section("source", Source), _source_meter(bench)
    if source is None or meter is None:
        return
    dark = sweep.section("dark", Dark)
    yield from chain(_beyond_instrument(sweep.source, source, meter), _power(sweep.source, source, dark, meter))
    if measure := sweep.section("measure", Measure):
        yield from _ranges_of_instrument(sweep.source, source, measure, dark, meter)


def _source_meter(bench: Parsed[BenchFile]) -> SourceMeterSpecification | None:
    """What the bench's source-measure unit can do, also where something else is wrong with the bench file."""
    try:
        return models.source_meter(bench.source.content["instruments"]["smu"]["model"])
    except (KeyError, TypeError):
        return None


def _beyond_instrument(where: YamlSource, source: Source, meter: SourceMeterSpecification) -> Problems:
    level = meter.span(source.function).largest
    limited = meter.current.largest if source.function == "voltage" else meter.voltage.largest
    for at, value, largest, unit in (
        *((at, value, level, source.unit) for at, value in _placed_levels(source)),
        (("source", "compliance"), source.compliance, limited, source.compliance_unit),
    ):
        if abs(value) > largest * (1 + 1e-12):
            message = f"{value:g} {unit} is beyond what the {meter.name} can give, {largest:g} {unit}"
            yield where.problem(at, message, "lower it")


def _power(where: YamlSource, source: Source, dark: Dark | None, meter: SourceMeterSpecification) -> Problems:
    voltage, current = _stress(source)
    if source.function == "voltage":
        voltage = _largest_level(source, dark)
    most = meter.most_current(voltage)
    if voltage <= meter.voltage.largest and most < current <= meter.current.largest:
        message = f"{voltage:g} V together with {current:g} A is more than the source can give"
        above = max((corner for corner, _ in meter.envelope if corner < voltage), default=0.0)
        limits = f"{most * 1e3:g} mA above {above:g} V"
        yield where.problem(("source", "compliance"), message, f"it gives at most {limits}")


def _stress(source: Source) -> tuple[float, float]:
    """Largest voltage and current that the sweep may put on the device (V, A)."""
    level, limit = source.largest_level(), source.compliance
    return (level, limit) if source.function == "voltage" else (limit, level)


def _largest_level(source: Source, dark: Dark | None) -> float:
    """The largest magnitude of all levels, that of the dark readings included (V or A)."""
    dark_level = dark.voltage if dark and source.function == "voltage" else 0.0
    return max(source.largest_level(), abs(dark_level))


def _dark(where: YamlSource, source: Source, dark: Dark) -> Problems:
    if source.function == "current" and dark.voltage != 0.0:
        message = "a current source takes its dark readings at 0 A"
        yield where.problem(("dark", "voltage"), message, "remove it")


def _ranges(where: YamlSource, source: Source, measure: Measure) -> Problems:
    if measure.current_range == "auto":
        return
    if measure.current_range_lower_limit is not None:
        yield where.problem(("measure", "current_range_lower_limit"), "needs current_range: auto", "remove one of them")
    if source.function == "current":
        at = ("measure", "current_range")
        yield where.problem(at, "the current range of a current source is its source range", "use source.range")


def _ranges_of_instrument(
    where: YamlSource, source: Source, measure: Measure, dark: Dark | None, meter: SourceMeterSpecification
) -> Problems:
    fixed, largest = measure.current_range, _largest_level(source, dark)
    if source.range != "auto" and largest > float(source.range) * meter.span(source.function).full_scale:
        message = f"{source.range:g} {source.unit} is too small for the level {largest:g} {source.unit}"
        yield where.problem(("source", "range"), message, "choose a larger range or 'auto'")
    if fixed == "auto" or source.function == "current":
        return
    if (fits := _range(source.compliance, meter.current)) != _range(float(fixed), meter.current):
        named = where.where(("source", "compliance"))
        message = f"{fixed:g} A is not the range of the compliance, {source.compliance:g} A ({named})"
        hint = f"choose {fits:g} A; a smaller range limits the current without a trip"
        yield where.problem(("measure", "current_range"), message, hint)


def _range(value: float, span: Span) -> float:
    return span.smallest_range(min(value, span.largest))


def _stop(where: YamlSource, source: Source, stop: StopRules) -> Problems:
    voltage, current = _stress(source)
    for name, threshold, largest, unit in (
        ("voltage_above", stop.voltage_above, voltage, "V"),
        ("no_light_by", stop.no_light_by, voltage, "V"),
        ("current_above", stop.current_above, current, "A"),
        ("power_above", stop.power_above, voltage * current, "W"),
    ):
        if threshold is not None and threshold > largest:
            message = f"{threshold:g} {unit} is never reached: the sweep ends at {largest:g} {unit}"
            yield where.problem(("stop", name), message, "lower it or remove it")
    if stop.open_circuit and stop.open_circuit.voltage_above > voltage:
        message = f"{stop.open_circuit.voltage_above:g} V is never reached: the sweep ends at {voltage:g} V"
        yield where.problem(("stop", "open_circuit", "voltage_above"), message, "lower it or remove it")


def _spectra(where: YamlSource, spectra: Spectra) -> Problems:
    during = spectra.at_luminance or spectra.at_voltage or spectra.at_current or spectra.every
    of_lifetime = "lifetime" in where.content  # which says itself when
    if not (during or spectra.afterwards or of_lifetime):
        hint = "give at_luminance, at_voltage, at_current, every or afterwards"
        yield where.problem(("spectra",), "does not say when a spectrum is due", hint)
    elif not during and spectra.as_needed:
        message = "chooses among the spectra of the sweep, and none is due there"
        hint = "add every or at_luminance; what is asked for afterwards is always taken"
        yield where.problem(("spectra", "as_needed"), message, hint)
    if spectra.afterwards and not spectra.afterwards.at_luminance:
        yield where.problem(
            ("spectra", "afterwards", "at_luminance"), "names no luminance", "write it like [100 cd/m^2]"
        )
    for i, luminance in enumerate(spectra.afterwards.at_luminance if spectra.afterwards else ()):
        at = ("spectra", "afterwards", "at_luminance", i)
        if luminance == 0.0:
            yield where.problem(at, "must be above 0 cd/m^2", "write it like 100 cd/m^2")
        if spectra.afterwards and luminance in spectra.afterwards.at_luminance[:i]:
            yield where.problem(at, "is given twice", "remove one of the two")
    for name in ("at_luminance", "at_voltage", "at_current"):
        values = getattr(spectra, name)
        for i, value in enumerate(values):
            if value in values[:i]:
                yield where.problem(("spectra", name, i), "is given twice", "remove one of the two")
    for i, luminance in enumerate(spectra.at_luminance):
        if luminance == 0.0:
            yield where.problem(("spectra", "at_luminance", i), "must be above 0 cd/m^2", "write it like 1 cd/m^2")


def _exposure(where: YamlSource, spectra: Spectra) -> Problems:
    at, time = ("spectra", "integration_time"), spectra.integration_time
    if spectra.speed in ("normal", "fast"):
        if time is not None:
            yield where.problem(at, f"speed: {spectra.speed} chooses the time itself", "remove it or use speed: manual")
    elif time is None:
        yield where.problem(("spectra", "speed"), f"{spectra.speed} needs integration_time", "add it")
    elif spectra.speed != "manual" and (time != round(time) or not 1.0 <= time <= 16.0):
        message = f"{time:g} s is not possible with speed: {spectra.speed}"
        yield where.problem(at, message, "give whole seconds from 1 s to 16 s")
    if spectra.speed == "manual" and spectra.internal_nd == "auto":
        yield where.problem(("spectra", "internal_nd"), "must be on or off with speed: manual", "write on or off")
    if (spectra.sync == "frequency") != (spectra.sync_frequency is not None):
        message = "sync: frequency and sync_frequency belong together"
        yield where.problem(("spectra", "sync"), message, "give both or none")
    if spectra.sync_frequency is not None and not 20.0 <= spectra.sync_frequency <= 200.0:
        yield where.problem(("spectra", "sync_frequency"), "is outside 20 Hz to 200 Hz", "the CS-2000A cannot do it")


def _spectra_inside(where: YamlSource, source: Source, spectra: Spectra) -> Problems:
    ends = source.ends()
    if not ends:
        return
    named = where.where(("source", "stop") if source.stop is not None else ("source",))
    low, high = min(ends), max(ends)
    if source.both_polarities:
        low, high = min(low, -high), max(high, -low)
    for function, name in (("voltage", "at_voltage"), ("current", "at_current")):
        values: tuple[float, ...] = getattr(spectra, name)
        if values and source.function != function:
            yield where.problem(("spectra", name), f"needs source.function: {function}", "use at_luminance or every")
            continue
        for i, value in enumerate(values):
            if not low <= value <= high:
                span = f"{low:g} {source.unit} to {high:g} {source.unit}"
                message = f"{value:g} {source.unit} is outside the sweep, {span} ({named})"
                yield where.problem(("spectra", name, i), message, "remove it or extend the sweep")


def _output(where: YamlSource, output: str) -> Problems:
    at = ("output", "folder") if isinstance(where.content.get("output"), Mapping) else ("output",)
    posix, windows = PurePosixPath(output), PureWindowsPath(output)
    if posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts):
        message = f"'{shortened(output)}' does not lie inside the current folder"
        yield where.problem(at, message, "give a relative folder; --output takes any folder")
    elif output.startswith("~"):
        message = f"'{shortened(output)}' would be a folder called '~' here: it does not stand for the home folder"
        yield where.problem(at, message, "give a relative folder; --output takes any folder")


def limit_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """No level, compliance, dark level or power beyond the bench's limits."""
    source, limits = sweep.section("source", Source), bench.section("limits", Limits)
    if source is None or limits is None:
        return
    unit, other = ("voltage", "current") if source.function == "voltage" else ("current", "voltage")
    for at, level in _placed_levels(source):
        yield from _beyond(sweep, bench, at, level, unit)
    yield from _beyond(sweep, bench, ("source", "compliance"), source.compliance, other)
    dark = sweep.section("dark", Dark)
    if dark and source.function == "voltage":
        yield from _beyond(sweep, bench, ("dark", "voltage"), dark.voltage, "voltage")
    power = _largest_level(source, dark) * source.compliance
    if limits.power is not None and power > limits.power * (1 + 1e-12):
        message = f"largest level x compliance is {power:g} W, beyond the bench's {limits.power:g} W"
        named = f"{message} ({bench.source.where(('limits', 'power'))})"
        yield sweep.source.problem(("source", "compliance"), named, "lower the compliance or the levels")


def _beyond(sweep: Parsed[SweepFile], bench: Parsed[BenchFile], at: Place, value: float, quantity: str) -> Problems:
    limit = getattr(bench.section("limits", Limits), quantity)
    unit = "V" if quantity == "voltage" else "A"
    if abs(value) > limit:
        named = bench.source.where(("limits", quantity))
        message = f"{value:g} {unit} is beyond the bench's limit of {limit:g} {unit} ({named})"
        yield sweep.source.problem(at, message, "lower it; the limit itself protects device and wiring")
    protection = _protection(bench)
    if quantity == "voltage" and protection is not None and abs(value) > protection:
        named = bench.source.where(("instruments", "smu", "over_voltage_protection"))
        message = f"{value:g} V is beyond the over-voltage protection of {protection:g} V ({named})"
        yield sweep.source.problem(at, message, "lower it")


def _protection(bench: Parsed[BenchFile]) -> float | None:
    instruments = bench.section("instruments", Instruments)
    return instruments.smu.over_voltage_protection if instruments else None


def equipment_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """The bench has what the sweep asks for."""
    where, spectra = sweep.source, sweep.section("spectra", Spectra)
    instruments = bench.section("instruments", Instruments)
    if spectra and instruments and instruments.spectroradiometer is None:
        message = f"the bench has no spectroradiometer ({bench.source.where(('instruments',))})"
        yield where.problem(("spectra",), message, "remove it or take another bench")
    yield from _pixel_of_switch(sweep, bench)
    photodiode = bench.section("photodiode", PhotodiodeChannel)
    if photodiode and sweep.section("transport", Transport) is None:
        yield from _needs_luminance(sweep, bench, photodiode.luminance_route)
    simulation = bench.section("simulation", Simulation)
    sample = sweep.section("sample", Sample)
    simulated = bench.section("visa", str) == "simulated"
    if simulated and simulation and sample and not (sample.simulated_as or simulation.device):
        hint = "add simulated_as, or simulation.device to the bench"
        yield where.problem(("sample",), "the simulated bench does not know which device to put here", hint)


def _pixel_of_switch(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """On a bench with a switch it must be known which pixel to connect."""
    sample, instruments = sweep.section("sample", Sample), bench.section("instruments", Instruments)
    switch = instruments.pixel_switch if instruments else None
    if sample is None or switch is None or sample.name_at_switch in switch.pixels:
        return
    known = f"the bench connects {', '.join(switch.pixels)} ({bench.source.where(('instruments', 'pixel_switch'))})"
    if not sample.name_at_switch:
        hint = "say it in the file, or with --pixel"
        yield sweep.source.problem(("sample", "pixel"), f"which pixel is it? {known}", hint)
        return
    key = "switched_as" if sample.switched_as else "pixel"
    hint = "name one of these, or say in switched_as which it is"
    message = f"'{shortened(sample.name_at_switch)}' is no pixel of its switch: {known}"
    yield sweep.source.problem(("sample", key), message, hint)


def hardware_timing_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """A sweep that the instruments run by themselves cannot change ranges or wait for spectra."""
    measure = sweep.section("measure", Measure)
    if measure is None or measure.timing != "hardware":
        return
    where, source = sweep.source, sweep.section("source", Source)
    if bench.section("trigger_link", bool) is False:
        message = (
            f"needs the trigger-link cable, which the bench does not have ({bench.source.where(('trigger_link',))})"
        )
        other = "leave pulse out" if source and source.pulse else "use stepped"
        yield where.problem(("measure", "timing"), message, f"{other}, or set trigger_link: true on such a bench")
    photodiode = bench.section("photodiode", PhotodiodeChannel)
    # a current source measures voltage, on the range of its compliance
    of_source = ("current_range",) if source is None or source.function == "voltage" else ()
    for name in (*of_source, _photodiode_range(photodiode)):
        if getattr(measure, name) == "auto":
            yield where.problem(("measure", name), "must be fixed with timing: hardware", "write it like 100 mA or 1 V")
    if sweep.section("spectra", Spectra) is not None:
        yield where.problem(("spectra",), "cannot be taken with timing: hardware", "use stepped, or remove spectra")
    if source and any(source.holds):
        at = ("source", "levels_from" if source.levels_from else "holds")
        message = "levels cannot be held one by one with timing: hardware: the source has one settling time for all"
        yield where.problem(at, message, "use stepped, or settle; pre_bias and rest are carried out")
    if source and source.level_count() < 2:
        yield where.problem(("source",), "needs at least two levels with timing: hardware", "use stepped")


def _photodiode_range(photodiode: PhotodiodeChannel | None) -> str:
    """The key of the range on which the photodiode's meter reads."""
    return "photodiode_current_range" if photodiode and photodiode.current else "photodiode_range"


def photodiode_meter_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """The photodiode's meter reads in the unit of the range that the sweep gives, and the instrument has that range."""
    measure, photodiode = sweep.section("measure", Measure), bench.section("photodiode", PhotodiodeChannel)
    instruments = bench.section("instruments", Instruments)
    if measure is None or photodiode is None:
        return
    used = _photodiode_range(photodiode)
    unused = ({"photodiode_range", "photodiode_current_range"} - {used}).pop()
    if getattr(measure, unused) != "auto":
        unit, named = photodiode.meter_unit, bench.source.where(("photodiode",))
        message = f"the bench's photodiode is read in {unit} ({named})"
        yield sweep.source.problem(("measure", unused), message, f"give {used}, or nothing")
    range_ = getattr(measure, used)
    if instruments and range_ != "auto":
        meter = models.multimeter(instruments.photodiode_meter.model)
        largest = max(meter.span(photodiode.meter_unit).ranges)
        if range_ > largest:
            message = f"{range_:g} {photodiode.meter_unit} is beyond the largest range of the {meter.name}"
            yield sweep.source.problem(("measure", used), message, f"it is {largest:g} {photodiode.meter_unit}")


def _needs_luminance(sweep: Parsed[SweepFile], bench: Parsed[BenchFile], route: str) -> Problems:
    """Luminance is there where it is needed: at every point, or from the first spectrum on."""
    if route == "calibrated":
        return
    named = bench.source.where(("photodiode",))
    if route == "from_spectra" and not {"spectra", "lifetime"} & set(sweep.source.content):
        hint = "plan spectra, or take a bench with a calibration"
        yield sweep.source.problem(("spectra",), f"the bench's luminance comes from spectra ({named})", hint)
    if route == "spectroradiometer":
        for at in _places_that_need_luminance(sweep):
            message = f"needs the luminance of every point; spectra alone do not give it ({named})"
            hint = "add photodiode.calibration to the bench, or write luminance: from_spectra there"
            yield sweep.source.problem(at, message, f"{hint}; at_voltage and every: points: n need none")


def first_spectrum_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """With a responsivity, luminance follows from the photocurrent only once a spectrum is known or assumed."""
    sample, photodiode = sweep.section("sample", Sample), bench.section("photodiode", PhotodiodeChannel)
    if sample is None or sample.expected_line or sample.reference:
        return
    if photodiode and photodiode.luminance_route != "calibrated":
        return
    for at in _places_that_need_luminance(sweep):
        message = "needs luminance before the first spectrum is measured"
        yield sweep.source.problem(at, message, "add sample.expected_line (peak and fwhm) or sample.reference")


def _places_that_need_luminance(sweep: Parsed[SweepFile]) -> list[Place]:
    spectra, stop = sweep.section("spectra", Spectra), sweep.section("stop", StopRules)
    source = sweep.section("source", Source)
    wanted: list[tuple[Place, object]] = [
        (("source", "refine"), source and source.refine is not None),
        (("spectra", "at_luminance"), spectra and spectra.at_luminance),
        (("spectra", "afterwards"), spectra and spectra.afterwards),
        (("spectra", "every"), spectra and spectra.every and spectra.every.above > 0.0),
        (("stop", "luminance_above"), stop and stop.luminance_above is not None),
        (("stop", "luminance_below_maximum"), stop and stop.luminance_below_maximum is not None),
        (("stop", "eqe_below_maximum"), stop and stop.eqe_below_maximum is not None),
    ]
    return [at for at, asked in wanted if asked]
