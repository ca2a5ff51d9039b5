"""What must hold inside one file that is no sweep: of a bench, a calibration, a device."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import chain
from typing import Any

from pydantic import TypeAdapter, ValidationError

from acquire.config.bench import (
    BenchFile,
    EmissiveArea,
    Instruments,
    Limits,
    PhotodiodeChannel,
    PixelSwitch,
    Simulation,
    SourceMeter,
    Spectroradiometer,
)
from acquire.config.calibration import CalibrationFile, Geometry, LuminanceFactor
from acquire.config.device import DeviceFile, Emitter, Interruption, SingleCarrier
from acquire.config.parsing import Parsed
from acquire.config.yaml_source import Problem, YamlSource
from acquire.safety.visible import shortened
from drivers import models
from drivers.specification import PixelSwitchSpecification, SourceMeterSpecification

Problems = Iterator[Problem]

RESOURCE = re.compile(r"(?:(?:GPIB|USB|TCPIP|PXI)\d*::.+|ASRL.+)::(?:INSTR|SOCKET)|GPIB\d*::\d+", re.IGNORECASE)
GPIB_ADDRESS = re.compile(r"GPIB\d*::(\d+)", re.IGNORECASE)


def bench_rules(bench: Parsed[BenchFile]) -> Problems:
    """What must hold inside a bench file."""
    where = bench.source
    if instruments := bench.section("instruments", Instruments):
        yield from _resources(where, instruments)
        yield from chain(_smu(where, instruments.smu), _leads(where, instruments.smu))
        if instruments.spectroradiometer:
            yield from _angle(where, instruments.spectroradiometer)
        if instruments.pixel_switch:
            yield from _relays(where, instruments.pixel_switch)
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


def _relays(where: YamlSource, switch: PixelSwitch) -> Problems:
    """Every pixel behind a relay of its own, which the board may have."""
    specification = models.MODELS[switch.model].specification
    most = specification.relays if isinstance(specification, PixelSwitchSpecification) else 0
    behind: dict[int, str] = {}
    for pixel, relay in switch.pixels.items():
        at = ("instruments", "pixel_switch", "pixels", pixel)
        if relay > most:
            yield where.problem(at, f"the {specification.name} has no relay {relay}", f"it has {most} at most")
        if (other := behind.setdefault(relay, pixel)) != pixel:
            message = f"relay {relay} connects pixel {other} already"
            yield where.problem(at, message, "give each pixel the relay that it is wired to")


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
    seen: dict[str, str] = {}
    for role, instrument in instruments.by_role.items():
        at = ("instruments", role, "resource")
        resource = instrument.resource
        yield from _resource(where, role, resource)
        name = _one_name(resource)
        if name in seen:
            yield where.problem(at, f"{resource} is also the {seen[name]}", "each instrument has its own")
        seen[name] = role
        if instrument.serial and not resource.upper().startswith("ASRL"):
            message = f"{resource} is not a serial port"
            yield where.problem(("instruments", role, "serial"), message, "remove this section")


def _one_name(resource: str) -> str:
    """One name for one address, as :func:`drivers.resources.canonical_resource`, but without loading PyVISA."""
    if device := _DEVICE_FILE.fullmatch(resource):
        return os.path.realpath(device[1])  # a link and the port it leads to are one
    name = re.sub(r"^(GPIB|TCPIP|USB|PXI)(?=::)", r"\g<1>0", resource.upper())
    name = re.sub(r"^ASRLCOM(?=\d)", "ASRL", name)
    return re.sub(r"(?<=::)0+(?=\d)", "", name).removesuffix("::INSTR")


_DEVICE_FILE = re.compile(r"ASRL\d*:*(/.+)::INSTR", re.IGNORECASE)


#: The interfaces that a simulated instrument can have.
_SIMULATED_INTERFACES = ("GPIB", "ASRL", "TCPIP")


def _simulated_interfaces(where: YamlSource, instruments: Instruments) -> Problems:
    for role, instrument in instruments.by_role.items():
        known = RESOURCE.fullmatch(instrument.resource)
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
    yield from _interruption(device)
    if not {"load", "resistance", "emitter", "single_carrier"} <= device.sections.keys():
        return
    load = device.sections["load"]
    kinds: tuple[tuple[str, type[Any], str], ...] = (
        ("resistance", float, "resistor"),
        ("emitter", Emitter, "light_emitting_device"),
        ("single_carrier", SingleCarrier, "single_carrier"),
    )
    for name, kind, belongs in kinds:
        given = device.section(name, kind) is not None
        if given and load != belongs:
            yield device.source.problem((name,), f"has no meaning with load: {load}", "remove it")
        if not given and load == belongs:
            yield device.source.problem(("load",), f"{load} needs {name}", "add it")


def _interruption(device: Parsed[DeviceFile]) -> Problems:
    contact = device.section("interruption", Interruption)
    if contact is None or contact.every is None:
        return
    at = ("interruption", "every")
    if contact.lasts is None:
        yield device.source.problem(at, "the contact never holds again: lasts is not given", "add lasts, or remove it")
    elif contact.lasts >= contact.every:
        message = f"{contact.every:g} s is not longer than the {contact.lasts:g} s that it lasts"
        yield device.source.problem(at, message, "the contact would never hold again")
