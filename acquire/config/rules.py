"""Rules that join keys, sections and files. Each rule yields what it finds; none stops at the first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import chain
from math import isclose
from pathlib import PurePosixPath, PureWindowsPath

from pydantic import TypeAdapter, ValidationError

from acquire.config.bench import (
    BenchFile,
    EmissiveArea,
    Instruments,
    Limits,
    PhotodiodeChannel,
    Simulation,
    SourceMeter,
    Spectroradiometer,
)
from acquire.config.calibration import CalibrationFile, Geometry, LuminanceFactor
from acquire.config.device import DeviceFile, Emitter
from acquire.config.parsing import Parsed
from acquire.config.sweep import MOST_POINTS, Dark, Measure, Sample, Source, Spectra, StopRules, SweepFile
from acquire.config.yaml_source import Place, Problem, YamlSource
from acquire.safety.visible import shortened
from drivers import models
from drivers.specification import SourceMeterSpecification, Span

Problems = Iterator[Problem]

VISIBLE = (380.0, 780.0)  # nm, what the CS-2000A measures
RESOURCE = re.compile(r"(?:(?:GPIB|USB|TCPIP|PXI)\d*::.+|ASRL.+)::(?:INSTR|SOCKET)|GPIB\d*::\d+", re.IGNORECASE)
GPIB_ADDRESS = re.compile(r"GPIB\d*::(\d+)", re.IGNORECASE)


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
    if output := sweep.section("output", str):
        yield from _output(where, output)


def _area(where: YamlSource, sample: Sample) -> Problems:
    uncertainty = sample.emissive_area_uncertainty
    if uncertainty is not None and uncertainty >= sample.emissive_area:
        at = ("sample", "emissive_area_uncertainty")
        yield where.problem(at, "is not smaller than the area itself", "it is a standard uncertainty in the same unit")


def _expected_line(where: YamlSource, sample: Sample) -> Problems:
    line = sample.expected_line
    if line and not VISIBLE[0] <= line.peak <= VISIBLE[1]:
        message = f"{line.peak:g} nm is outside {VISIBLE[0]:g} to {VISIBLE[1]:g} nm"
        yield where.problem(("sample", "expected_line", "peak"), message, "no luminance could be computed from it")


def _no_light(where: YamlSource, dark: Dark, stop: StopRules) -> Problems:
    if stop.no_light_by is not None and not dark.before:
        message = "needs dark readings before the sweep: light is what stands out from them"
        yield where.problem(("stop", "no_light_by"), message, "remove it, or write dark.before: true")


def _levels(where: YamlSource, source: Source) -> Problems:
    if (source.step is None) == (source.points is None):
        yield where.problem(("source",), "needs either step or points", "give exactly one of the two")
        return
    if source.start == source.stop:
        if source.step is not None:
            yield where.problem(("source", "step"), "start and stop are equal", "give points instead of step")
        return
    if source.points == 1:
        yield where.problem(("source", "points"), "one level cannot be both start and stop", "give at least 2")
    if source.step is not None:
        yield from _step(where, source, source.step)
    branches = 2 if source.direction == "both" else 1
    if source.step and (count := source.level_count() * branches) > MOST_POINTS:
        yield where.problem(("source", "step"), f"makes {count} points", f"at most {MOST_POINTS} are allowed")


def _step(where: YamlSource, source: Source, step: float) -> Problems:
    unit, span = source.unit, source.stop - source.start
    at = ("source", "step")
    if step == 0.0:
        yield where.problem(at, "is zero", "give the distance of two levels")
    elif (step < 0.0) != (span < 0.0):
        way = f"from {source.start:g} {unit} to {source.stop:g} {unit}"
        yield where.problem(at, f"has the wrong sign for a sweep {way}", f"write {-step:g} {unit}")
    elif abs(span) > abs(step) * MOST_POINTS:
        return  # that makes too many points, whatever is left over
    elif not isclose(span / step, round(span / step), rel_tol=1e-9, abs_tol=1e-6) or abs(step) > abs(span):
        last = source.start + int(span / step) * step
        message = f"{step:g} {unit} does not divide {abs(span):g} {unit}: the last level would be {last:g} {unit}"
        yield where.problem(at, message, f"change stop to {last:g} {unit} or {last + step:g} {unit}, or give points")


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
    for name, value, largest, unit in (
        ("start", source.start, level, source.unit),
        ("stop", source.stop, level, source.unit),
        ("compliance", source.compliance, limited, source.compliance_unit),
    ):
        if abs(value) > largest * (1 + 1e-12):
            message = f"{value:g} {unit} is beyond what the {meter.name} can give, {largest:g} {unit}"
            yield where.problem(("source", name), message, "lower it")


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
    ):
        if threshold is not None and threshold > largest:
            message = f"{threshold:g} {unit} is never reached: the sweep ends at {largest:g} {unit}"
            yield where.problem(("stop", name), message, "lower it or remove it")


def _spectra(where: YamlSource, spectra: Spectra) -> Problems:
    if not (spectra.at_luminance or spectra.at_voltage or spectra.at_current or spectra.every):
        hint = "give at_luminance, at_voltage, at_current or every"
        yield where.problem(("spectra",), "does not say when a spectrum is due", hint)
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
    low, high = sorted((source.start, source.stop))
    for function, name in (("voltage", "at_voltage"), ("current", "at_current")):
        values: tuple[float, ...] = getattr(spectra, name)
        if values and source.function != function:
            yield where.problem(("spectra", name), f"needs source.function: {function}", "use at_luminance or every")
            continue
        for i, value in enumerate(values):
            if not low <= value <= high:
                span = f"{low:g} {source.unit} to {high:g} {source.unit}"
                message = f"{value:g} {source.unit} is outside the sweep, {span} ({where.where(('source', 'stop'))})"
                yield where.problem(("spectra", name, i), message, "remove it or extend the sweep")


def _output(where: YamlSource, output: str) -> Problems:
    posix, windows = PurePosixPath(output), PureWindowsPath(output)
    if posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts):
        message = f"'{shortened(output)}' does not lie inside the current folder"
        yield where.problem(("output",), message, "give a relative folder; --output takes any folder")
    elif output.startswith("~"):
        message = f"'{shortened(output)}' would be a folder called '~' here: it does not stand for the home folder"
        yield where.problem(("output",), message, "give a relative folder; --output takes any folder")


def bench_rules(bench: Parsed[BenchFile]) -> Problems:
    """What must hold inside a bench file."""
    where = bench.source
    if instruments := bench.section("instruments", Instruments):
        yield from _resources(where, instruments)
        yield from chain(_smu(where, instruments.smu), _leads(where, instruments.smu))
        if instruments.spectroradiometer:
            yield from _angle(where, instruments.spectroradiometer)
        if limits := bench.section("limits", Limits):
            yield from _limits(where, limits, models.source_meter(instruments.smu.model))
    if photodiode := bench.section("photodiode", PhotodiodeChannel):
        yield from _photodiode(where, photodiode)
        if photodiode.current and instruments and instruments.photodiode_meter.terminals == "rear":
            at = ("instruments", "photodiode_meter", "terminals")
            yield where.problem(at, "current is measured at the front terminals only", "write terminals: front")
    if area := bench.section("emissive_area", EmissiveArea):
        yield from _likely_area(where, area)
    if bench.section("visa", str) != "simulated" and "simulation" in where.content and "visa" in bench.sections:
        yield where.problem(("simulation",), "needs visa: simulated", "remove it or change visa")
    if simulation := bench.section("simulation", Simulation):
        yield from _twin_options(where, simulation)
    if instruments and bench.section("visa", str) == "simulated":
        yield from _simulated_interfaces(where, instruments)


#: The keys that say how the meter sees the photocurrent.
_CONNECTIONS = ("amplifier", "amplifier_gain", "shunt", "current")


def _photodiode(where: YamlSource, photodiode: PhotodiodeChannel) -> Problems:
    given = [name for name in _CONNECTIONS if getattr(photodiode, name) not in (None, False)]
    if len(given) != 1:
        message = f"is connected in {len(given)} ways: {', '.join(given)}" if given else "does not say how it is read"
        hint = "give exactly one of amplifier (V/A), shunt (ohm) or current: true"
        yield where.problem(("photodiode", given[1]) if given else ("photodiode",), message, hint)
    if photodiode.amplifier_limit is not None and not {"amplifier", "amplifier_gain"} & {*given}:
        at = ("photodiode", "amplifier_limit")
        yield where.problem(at, "there is no amplifier", "remove it, or give amplifier")
    if photodiode.luminance == "calibrated" and photodiode.calibration is None:
        yield where.problem(("photodiode", "luminance"), "calibrated needs a calibration file", "add 'calibration'")


def _likely_area(where: YamlSource, area: EmissiveArea) -> Problems:
    if area.smallest >= area.largest:
        yield where.problem(("emissive_area", "smallest"), "is not below the largest", "correct one of the two")


def _leads(where: YamlSource, smu: SourceMeter) -> Problems:
    at = ("instruments", "smu", "lead_resistance")
    if smu.four_wire and smu.lead_resistance:
        message = "four_wire takes the leads out of the voltage already"
        yield where.problem(at, message, "remove it, or write four_wire: false")
    if smu.lead_resistance_uncertainty > smu.lead_resistance:
        message = "is larger than the resistance itself"
        at = ("instruments", "smu", "lead_resistance_uncertainty")
        yield where.problem(at, message, "it is a standard uncertainty in ohm")


def _angle(where: YamlSource, meter: Spectroradiometer) -> Problems:
    angles = models.spectroradiometer(meter.model).measuring_angles
    if meter.measuring_angle not in angles:
        *others, last = (f"{angle:g}" for angle in angles)
        at = ("instruments", "spectroradiometer", "measuring_angle")
        message = f"{meter.measuring_angle:g} deg is no position of the knob"
        yield where.problem(at, message, f"{', '.join(others)} or {last} deg")


def _limits(where: YamlSource, limits: Limits, meter: SourceMeterSpecification) -> Problems:
    for name, limit, largest, unit in (
        ("voltage", limits.voltage, meter.voltage.largest, "V"),
        ("current", limits.current, meter.current.largest, "A"),
    ):
        if limit > largest * (1 + 1e-12):
            message = f"{limit:g} {unit} is beyond what the {meter.name} can give, {largest:g} {unit}"
            yield where.problem(("limits", name), message, "lower it")


def _twin_options(where: YamlSource, simulation: Simulation) -> Problems:
    """Options of the twins are right by the dataclass of each twin; it is imported only where some are given."""
    for role, given in simulation.options.model_dump().items():
        if not given:
            continue
        from drivers.simulated.bench import OPTION_CLASSES

        names = [field.name for field in fields(OPTION_CLASSES[role])]
        for name in sorted(given.keys() - set(names)):
            at = ("simulation", "options", role, name)
            yield where.problem(at, "is no option of this twin", f"known here: {', '.join(names)}")
        allowed = {name: value for name, value in given.items() if name in names}
        try:
            TypeAdapter(OPTION_CLASSES[role]).validate_python(allowed)
        except ValidationError as error:
            for wrong in error.errors():
                yield where.problem(
                    ("simulation", "options", role, *map(str, wrong["loc"][:1])),
                    wrong["msg"],
                    "see the class of the twin's options",
                )


def _resources(where: YamlSource, instruments: Instruments) -> Problems:
    from drivers.resources import canonical_resource  # loads PyVISA

    seen: dict[str, str] = {}
    for role in type(instruments).model_fields:
        instrument = getattr(instruments, role)
        if instrument is None:
            continue
        at = ("instruments", role, "resource")
        resource = instrument.resource
        yield from _resource(where, role, resource)
        name = canonical_resource(resource)
        if name in seen:
            yield where.problem(at, f"{resource} is also the {seen[name]}", "each instrument has its own")
        seen[name] = role
        if instrument.serial and not resource.upper().startswith("ASRL"):
            message = f"{resource} is not a serial port"
            yield where.problem(("instruments", role, "serial"), message, "remove this section")


#: The interfaces that a simulated instrument can have.
_SIMULATED_INTERFACES = ("GPIB", "ASRL", "TCPIP")


def _simulated_interfaces(where: YamlSource, instruments: Instruments) -> Problems:
    for role in type(instruments).model_fields:
        instrument = getattr(instruments, role)
        known = instrument is not None and RESOURCE.fullmatch(instrument.resource)
        if known and not instrument.resource.upper().startswith(_SIMULATED_INTERFACES):
            message = f"'{shortened(instrument.resource, 80)}' cannot be simulated"
            yield where.problem(("instruments", role, "resource"), message, "write a GPIB, ASRL or TCPIP address")


def _resource(where: YamlSource, role: str, resource: str) -> Problems:
    at = ("instruments", role, "resource")
    if not RESOURCE.fullmatch(resource):
        examples = "GPIB0::24::INSTR, ASRL3::INSTR, ASRL/dev/ttyUSB0::INSTR, TCPIP::192.168.0.5::5025::SOCKET"
        yield where.problem(
            at, f"'{shortened(resource, 80)}' is not a VISA address", f"write it like one of {examples}"
        )
    elif (address := GPIB_ADDRESS.match(resource)) and int(address[1]) > 30:
        yield where.problem(at, f"there is no GPIB address {address[1]}", "addresses are 0 to 30")


def _smu(where: YamlSource, smu: SourceMeter) -> Problems:
    if smu.line_frequency not in (50.0, 60.0):
        at = ("instruments", "smu", "line_frequency")
        yield where.problem(at, f"{smu.line_frequency:g} Hz is no mains frequency", "write 50 Hz or 60 Hz")
    protection_steps = models.source_meter(smu.model).protection_steps
    if smu.over_voltage_protection not in (None, *protection_steps):
        steps = ", ".join(f"{step:g}" for step in protection_steps)
        at = ("instruments", "smu", "over_voltage_protection")
        yield where.problem(at, f"the instrument has no step at {smu.over_voltage_protection:g} V", f"one of {steps} V")


def calibration_rules(calibration: Parsed[CalibrationFile]) -> Problems:
    """What must hold inside a calibration file."""
    where = calibration.source
    if {"geometry", "luminance_factor"} <= calibration.sections.keys():
        geometry = calibration.section("geometry", Geometry)
        factor = calibration.section("luminance_factor", LuminanceFactor)
        if (geometry is None) == (factor is None):
            message = "either geometry or luminance_factor turns current into luminance"
            yield where.problem((), message, "give exactly one of the two")
        if geometry:
            yield from _geometry(where, geometry)
            if "responsivity" in calibration.sections and calibration.sections["responsivity"] is None:
                yield where.problem(("geometry",), "needs the responsivity of the photodiode", "add 'responsivity'")
        if factor:
            yield from _calibrated_span(where, factor)


def _calibrated_span(where: YamlSource, factor: LuminanceFactor) -> Problems:
    low, high = factor.luminance_from, factor.luminance_to
    if (low is None) != (high is None):
        message = "luminance_from and luminance_to belong together"
        yield where.problem(("luminance_factor",), message, "give both or none")
    elif low is not None and high is not None and low > high:
        message = f"{low:g} cd/m^2 is above luminance_to, {high:g} cd/m^2"
        yield where.problem(("luminance_factor", "luminance_from"), message, "swap the two")


def _geometry(where: YamlSource, geometry: Geometry) -> Problems:
    needed = ("half_angle",) if geometry.shape == "half_angle" else ("detector_area", "distance")
    for name in ("detector_area", "distance", "half_angle"):
        given = getattr(geometry, name) is not None
        if name in needed and not given:
            yield where.problem(("geometry",), f"shape: {geometry.shape} needs {name}", "add it")
        if given and name not in needed:
            yield where.problem(("geometry", name), f"has no meaning with shape: {geometry.shape}", "remove it")


def device_rules(device: Parsed[DeviceFile]) -> Problems:
    """What must hold inside a device file."""
    if not {"load", "resistance", "emitter"} <= device.sections.keys():
        return
    load = device.sections["load"]
    for name, kind, belongs in (("resistance", float, "resistor"), ("emitter", Emitter, "light_emitting_device")):
        given = device.section(name, kind) is not None
        if given and load != belongs:
            yield device.source.problem((name,), f"has no meaning with load: {load}", "remove it")
        if not given and load == belongs:
            yield device.source.problem(("load",), f"{load} needs {name}", "add it")


def limit_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """No level, compliance, dark level or power beyond the bench's limits."""
    source, limits = sweep.section("source", Source), bench.section("limits", Limits)
    if source is None or limits is None:
        return
    unit, other = ("voltage", "current") if source.function == "voltage" else ("current", "voltage")
    for name in ("start", "stop"):
        yield from _beyond(sweep, bench, ("source", name), getattr(source, name), unit)
    yield from _beyond(sweep, bench, ("source", "compliance"), source.compliance, other)
    dark = sweep.section("dark", Dark)
    if dark and source.function == "voltage":
        yield from _beyond(sweep, bench, ("dark", "voltage"), dark.voltage, "voltage")
    power = _largest_level(source, dark) * source.compliance
    if limits.power is not None and power > limits.power * (1 + 1e-12):
        message = f"largest level x compliance is {power:g} W, beyond the bench's {limits.power:g} W"
        named = f"{message} ({bench.source.where(('limits', 'power'))})"
        yield sweep.source.problem(("source", "compliance"), named, "lower the compliance or the levels")


def _beyond(
    sweep: Parsed[SweepFile], bench: Parsed[BenchFile], at: tuple[str, str], value: float, quantity: str
) -> Problems:
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
    photodiode = bench.section("photodiode", PhotodiodeChannel)
    if photodiode:
        yield from _needs_luminance(sweep, bench, photodiode.luminance_route)
    simulation = bench.section("simulation", Simulation)
    sample = sweep.section("sample", Sample)
    simulated = bench.section("visa", str) == "simulated"
    if simulated and simulation and sample and not (sample.simulated_as or simulation.device):
        hint = "add simulated_as, or simulation.device to the bench"
        yield where.problem(("sample",), "the simulated bench does not know which device to put here", hint)


def hardware_timing_rules(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Problems:
    """A sweep that the instruments run by themselves cannot change ranges or wait for spectra."""
    measure = sweep.section("measure", Measure)
    if measure is None or measure.timing != "hardware":
        return
    where = sweep.source
    if bench.section("trigger_link", bool) is False:
        message = (
            f"needs the trigger-link cable, which the bench does not have ({bench.source.where(('trigger_link',))})"
        )
        yield where.problem(("measure", "timing"), message, "use stepped, or set trigger_link: true on such a bench")
    photodiode = bench.section("photodiode", PhotodiodeChannel)
    for name in ("current_range", _photodiode_range(photodiode)):
        if getattr(measure, name) == "auto":
            yield where.problem(("measure", name), "must be fixed with timing: hardware", "write it like 100 mA or 1 V")
    if sweep.section("spectra", Spectra) is not None:
        yield where.problem(("spectra",), "cannot be taken with timing: hardware", "use stepped, or remove spectra")
    source = sweep.section("source", Source)
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
    if route == "from_spectra" and "spectra" not in sweep.source.content:
        hint = "plan spectra, or take a bench with a calibration"
        yield sweep.source.problem(("spectra",), f"the bench's luminance comes from spectra ({named})", hint)
    if route == "spectroradiometer":
        for at in _places_that_need_luminance(sweep):
            if at[0] == "stop":
                message = f"needs the luminance of every point; spectra alone do not give it ({named})"
                hint = "add photodiode.calibration to the bench, or write luminance: from_spectra there"
                yield sweep.source.problem(at, message, hint)


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
    wanted: list[tuple[Place, object]] = [
        (("spectra", "at_luminance"), spectra and spectra.at_luminance),
        (("spectra", "every"), spectra and spectra.every and spectra.every.above > 0.0),
        (("stop", "luminance_above"), stop and stop.luminance_above is not None),
        (("stop", "luminance_below_maximum"), stop and stop.luminance_below_maximum is not None),
    ]
    return [at for at, asked in wanted if asked]
