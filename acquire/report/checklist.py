"""The reporting checklist: what a careful paper states about such devices, filled from the files as far as they know."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from acquire.evaluation.figures import LUMINANCE_LEVELS, TURN_ON_LUMINANCE
from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.customary_units import QUANTITIES, customary
from acquire.records import FloatArray, PointFlag
from acquire.report.batch import DEAD_MEANS, Batch, Device, State
from acquire.report.notation import markdown_text
from acquire.report.tables import PAPER, figure_cell
from acquire.run_file.documented import DocumentedRun
from drivers import models

TITLE = "Reporting checklist"
WHOSE = (
    "This list is the proposal of the authors of this program, drawn from published guidance on such devices. "
    "It is no journal's list, and no journal has approved it."
)


class Standing(StrEnum):
    """How an item stands."""

    STATED = "stated"
    PARTLY = "partly stated"
    MISSING = "missing"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Filled:
    """What is known of an item: in words, and what of it is not known."""

    text: str = ""
    lacking: str = ""
    measured: bool = True


@dataclass(frozen=True)
class Entry:
    """An item as it is reported; ``asked`` is the word under which a file of answers has it, empty for none."""

    number: int
    group: str
    item: str
    standing: Standing
    text: str
    lacking: str
    asked: str


@dataclass(frozen=True)
class Known:
    """What the checklist is filled from: the device shown, its batch, and what was answered."""

    shown: DocumentedRun
    batch: Batch
    device: Device | None = None
    answers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def spectra(self) -> tuple[FloatArray, FloatArray]:
        """Luminance [cd/m^2] and peak [nm] of each spectrum of the device shown, by luminance."""
        table = self.shown.run.tables["spectra"]
        known = np.isfinite(table["luminance"]) & np.isfinite(table["peak_wavelength"])
        order = np.argsort(table["luminance"][known])
        return table["luminance"][known][order], table["peak_wavelength"][known][order]

    def configured(self, *place: str) -> Any:
        """A value of the configuration of the device shown; None where there is none."""
        return self.shown.description.configured(*place)

    def setting(self, role: str, name: str) -> Any:
        """What an instrument was set to; None where that is not known."""
        return self.shown.description.settings.get(role, {}).get(name)

    def sample(self, name: str) -> str:
        """A text about the sample; empty where none was given."""
        return str(self.shown.description.sample.get(name) or "")


Fill = Callable[[Known], Filled]


@dataclass(frozen=True)
class _Item:
    group: str
    words: str
    fill: Fill
    asked: str = ""


def checklist(known: Known) -> list[Entry]:
    """The items, numbered from 1, each with what is known of it."""
    return [_entry(number, item, item.fill(known)) for number, item in enumerate(_ITEMS, start=1)]


def _entry(number: int, item: _Item, found: Filled) -> Entry:
    if not found.measured:
        standing = Standing.NOT_MEASURED
    elif not found.text:
        standing = Standing.MISSING
    else:
        standing = Standing.PARTLY if found.lacking else Standing.STATED
    return Entry(number, item.group, item.words, standing, found.text, found.lacking, item.asked)


# --- how each is filled --------------------------------------------------------------------------------------


def _identity(known: Known) -> Filled:
    parts = [known.shown.run.sample]
    parts += [f"{word} {text}" for word in ("pixel", "batch") if (text := known.sample(word))]
    return Filled(", ".join(parts), "" if known.sample("pixel") and known.sample("batch") else "pixel, batch or substrate")


def _stack(known: Known) -> Filled:
    return Filled("; ".join(filter(None, (known.sample("structure"), known.answers.get("stack")))))


def _area(known: Known) -> Filled:
    return Filled(f"{customary(known.shown.run.calibration.conditions.emissive_area, 'emissive_area'):.4g} mm^2")


def _area_method(known: Known) -> Filled:
    method = known.answers.get("area_method", "")
    spread = known.shown.run.calibration.uncertainty.emissive_area
    uncertainty = f"u = {customary(spread, 'emissive_area'):.2g} mm^2 (k = 1)" if spread > 0 else ""
    lacking = [name for name, there in (("how it was measured", method), ("its uncertainty", uncertainty)) if not there]
    return Filled("; ".join(filter(None, (method, uncertainty))), " and ".join(lacking))


def _answer(word: str) -> Fill:
    return lambda known: Filled(known.answers.get(word, ""))


def _number_of_devices(known: Known) -> Filled:
    counted = [one for one in known.batch.devices if one.state is not State.NOT_JUDGED]
    left = len(known.batch.devices) - len(counted)
    groups = f" in {len(known.batch.groups)} groups" if len(known.batch.groups) > 1 else ""
    return Filled(f"{_devices(len(counted))}{groups}" + (f"; {left} more not judged" if left else ""))


def _devices(number: int) -> str:
    return f"{number} device{'' if number == 1 else 's'}"


def _failed(known: Known) -> Filled:
    dead = known.batch.of(State.DEAD)
    if not dead:
        return Filled(f"none of {_devices(len(known.batch.of(State.ALIVE)))} whose files are given")
    return Filled(f"{_devices(len(dead))}: {'; '.join(f'{one.label} ({one.reason})' for one in dead)}. {DEAD_MEANS}")


def _spread(known: Known) -> Filled:
    if not known.batch.is_one:
        return Filled(lacking="the files of the other devices of its batch")
    return Filled("; ".join(_group_spread(known.batch, group) for group in known.batch.groups))


def _group_spread(batch: Batch, group: str) -> str:
    found = (
        f"{PAPER[one.figure]} {_value(one.figure, one.median)}"
        + (f", standard deviation {_value(one.figure, one.deviation)}" if isfinite(one.deviation) else "")
        for one in batch.statistics(group)
    )
    return f"{group}: median of {_devices(len(batch.of(State.ALIVE, group)))}: {', '.join(found)}"


def _value(figure: str, value: float) -> str:
    quantity = QUANTITIES[figure.removesuffix("_max")]
    return f"{value * quantity.factor:.3g} {quantity.unit}"


def _rank(known: Known) -> Filled:
    if known.device is None or not known.batch.is_one:
        return Filled(lacking="the files of the other devices of its batch")
    rank = known.batch.rank(known.device)
    return Filled(f"{known.device.label}: {rank.replace('_', ' ')}") if rank else Filled()


def _instruments(known: Known) -> Filled:
    named = (str(settings.get("identification", "")) for settings in known.shown.description.settings.values())
    return Filled("; ".join(" ".join(name.split()) for name in named if name.strip()))


def _calibration_dates(known: Known) -> Filled:
    answered = known.answers.get("calibration_dates", "")
    photodiode = known.shown.run.calibration.photodiode
    files = f"photodiode: {photodiode.identification}" if photodiode and photodiode.identification else ""
    return Filled("; ".join(filter(None, (answered, files))), "" if answered else "when the instruments were calibrated")


_ROLES = {"smu": "source meter", "photodiode_meter": "photodiode meter"}


def _ranges(known: Known) -> Filled:
    return Filled("; ".join(f"{name}: {', '.join(_settings(known, role))}" for role, name in _ROLES.items()))


def _settings(known: Known, role: str) -> Iterator[str]:
    for name, words in (("source_range", "source range"), ("measure_range", "range"), ("range", "range")):
        if (value := known.setting(role, name)) is not None:
            yield f"{words} {value:.4g}"
    if known.setting(role, "measure_autorange") or known.setting(role, "autorange"):
        yield "autorange"
    for name, words in (("nplc", "NPLC"), ("filter_count", "readings averaged")):
        if (value := known.setting(role, name)) is not None:
            yield f"{words} {value:g}"


def _wires(known: Known) -> Filled:
    four = known.setting("smu", "four_wire")
    leads = known.shown.run.calibration.conditions.lead_resistance
    taken = f"; {leads:g} ohm of the leads taken out of the voltage" if leads else ""
    return Filled("" if four is None else f"{'four' if four in (True, 'True') else 'two'}-wire{taken}")


def _compliance(known: Known) -> Filled:
    value, unit = known.configured("sweep", "source", "compliance"), known.shown.run.source_unit
    flags = known.shown.run.tables["jvl"]["flags"]
    met = int(np.count_nonzero(flags & int(PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE)))
    if not isinstance(value, int | float):
        return Filled(f"{met} of {len(flags)} points met it", "its value")
    return Filled(f"{value:g} {'A' if unit == 'V' else 'V'}; {met} of {len(flags)} points met it")


def _function(known: Known) -> Filled:
    return Filled({"V": "voltage", "A": "current"}.get(known.shown.run.source_unit, "") + " sourced")


def _direction(known: Known) -> Filled:
    branches = dict.fromkeys(known.shown.run.tables["jvl"]["branch"].tolist())
    return Filled(", then ".join(name.decode() for name in branches))


def _levels(known: Known) -> Filled:
    levels = known.shown.run.tables["jvl"]["source_level"]
    unit = known.shown.run.source_unit
    if not levels.size:
        return Filled()
    steps = np.abs(np.diff(levels))
    steps = steps[steps > 0]
    distance = f", in steps of {np.median(steps):.4g} {unit}" if steps.size else ""
    return Filled(f"{levels.size} points from {levels[0]:.4g} to {levels[-1]:.4g} {unit}{distance}")


def _dwell(known: Known) -> Filled:
    settle = known.configured("sweep", "measure", "settle")
    time = known.shown.run.tables["jvl"]["time"]
    pace = f"; a point every {np.median(np.diff(time)):.3g} s" if len(time) > 1 else ""
    return Filled(f"{settle:g} s between level and reading{pace}" if isinstance(settle, int | float) else "")


def _scan_rate(known: Known) -> Filled:
    table = known.shown.run.tables["jvl"]
    rates = np.abs(np.diff(table["voltage"]) / np.maximum(np.diff(table["time"]), 1e-9))
    rates = rates[np.isfinite(rates)]
    return Filled(f"{np.median(rates):.3g} V/s (median, between spectra)" if rates.size else "")


def _stress(known: Known) -> Filled:
    run, dark = known.shown.run, known.configured("sweep", "dark", "voltage")
    others = [one for one in known.batch.devices if one.one is known.shown]
    earlier = others[0].other_runs if others else 0
    level = f" at {dark:g} V" if isinstance(dark, int | float) else ""
    text = f"{sum(not one.after for one in run.dark)} readings without light{level}, then the first level"
    text += f"; {earlier} other runs of this device among these files" if earlier else ""
    return Filled(text, "what was done to it before this run")


def _hysteresis(known: Known) -> Filled:
    figures = known.shown.run.figures
    found = [
        f"{words} {figure_cell(figures[name], name).text()}{unit}"
        for name, words, unit in (
            ("hysteresis_index", "HI", ""),
            ("turn_on_voltage_hysteresis", "shift of V_on", " V"),
        )
        if name in figures and isfinite(figures[name].value)
    ]
    return Filled(", ".join(found), measured=bool(found))


def _responsivity(known: Known) -> Filled:
    name = known.configured("calibration", "responsivity")
    hashes = known.shown.description.file_hashes
    here = [digest for path, digest in hashes.items() if isinstance(name, str) and path.endswith(name.split("/")[-1])]
    relative = known.shown.run.calibration.relative.source
    if here:
        return Filled(f"{name}, SHA-256 {here[0]}")
    return Filled(relative, "a table of this photodiode") if relative else Filled()


def _geometry(known: Known) -> Filled:
    answered = known.answers.get("geometry", "")
    geometry = known.configured("calibration", "geometry")
    parts = []
    if isinstance(geometry, Mapping):
        parts.append(f"photodiode: {geometry.get('shape')}".replace("_", " "))
        if isinstance(distance := geometry.get("distance"), int | float):
            parts.append(f"{distance * 1e3:g} mm away")
        photodiode = known.shown.run.calibration.photodiode
        parts += [photodiode.method.partition(", ")[2]] if photodiode else []
    text = "; ".join(filter(None, (answered, ", ".join(filter(None, parts)))))
    return Filled(text, "" if answered else "distance and solid angle of the spectroradiometer")


def _luminance_factor(known: Known) -> Filled:
    calibration = known.shown.run.calibration
    photodiode, provenance = calibration.photodiode, calibration.provenance
    if photodiode is None:
        return Filled(f"none: luminance by {calibration.conditions.luminance_route.replace('_', ' ')}")
    until = f", valid until {provenance.valid_until}" if provenance.valid_until else ", no end of validity stated"
    return Filled(f"{photodiode.identification}: {photodiode.method}{until if provenance.date else ''}")


def _mismatch(known: Known) -> Filled:
    factors = known.shown.run.mismatch_factors
    if not factors.size:
        return Filled("none used: the photodiode's response to each spectrum is computed from its responsivity")
    return Filled(f"{factors.min():.4f} to {factors.max():.4f}, of {factors.size} spectra")


def _spectroradiometer(known: Known) -> Filled:
    settings = known.shown.description.settings.get("spectroradiometer")
    if settings is None:
        return Filled(measured=False)
    words = {
        "measuring_angle": "angle {} deg",
        "internal_nd": "internal ND {}",
        "external_nd": "external ND {}",
        "close_up_lens": "close-up lens {}",
        "speed_mode": "speed {}",
        "synchronisation": "synchronisation {}",
    }
    found = [form.format(_worded(settings[name])) for name, form in words.items() if name in settings]
    bandwidth = models.spectroradiometer(str(settings.get("model") or "cs2000a")).bandwidth
    return Filled(f"{', '.join(found)}; bandwidth {bandwidth:g} nm at most; 380 to 780 nm in steps of 1 nm")


def _worded(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _observer(_: Known) -> Filled:
    return Filled(f"CIE 1931, 2 degrees; K_m = {MAXIMUM_LUMINOUS_EFFICACY} lm/W; integrals are trapezoidal on 1 nm")


def _dark(known: Known) -> Filled:
    unit = known.shown.run.calibration.conditions.meter_unit
    found = (
        f"{when} the sweep {level.signal:.4g} {unit}, standard deviation {level.deviation:.2g} {unit}"
        for when, level in known.shown.run.dark_levels.items()
    )
    return Filled("; ".join(found), "stray light with the device on")


def _angular(known: Known) -> Filled:
    conditions, spread = known.shown.run.calibration.conditions, known.shown.run.calibration.uncertainty.angular_factor
    uncertainty = f"u = {100 * spread:.2g} %" if spread > 0 else "no uncertainty of it in the budget"
    return Filled(f"F = {conditions.angular_factor:.4g}, {conditions.angular_factor_source}; {uncertainty}")


def _spectra(known: Known) -> Filled:
    luminance, peak = known.spectra
    if not luminance.size:
        return Filled(measured=False)
    shift = f"; peak from {peak[0]:.1f} to {peak[-1]:.1f} nm" if luminance.size > 1 else ""
    return Filled(f"{luminance.size} spectra from {luminance[0]:.3g} to {luminance[-1]:.3g} cd/m^2{shift}")


def _turn_on(_: Known) -> Filled:
    return Filled(
        f"voltage at {TURN_ON_LUMINANCE:g} cd/m^2 on the rising branch: V linear in ln L between two points, "
        "the point after it also above"
    )


def _maxima(known: Known) -> Filled:
    figures = known.shown.run.figures
    maxima = [f"{PAPER[name]} {_with_unit(known, name)}" for name in PAPER if name.endswith("_max") and name in figures]
    at = [
        f"at {level:.0f} cd/m^2: CE {_with_unit(known, f'current_efficiency_at_{level:.0f}_cd_m2')}, "
        f"EQE {_with_unit(known, f'external_quantum_efficiency_at_{level:.0f}_cd_m2')}"
        for level in LUMINANCE_LEVELS
        if isfinite(figures[f"current_efficiency_at_{level:.0f}_cd_m2"].value)
    ]
    return Filled("; ".join([*maxima, *at]))


def _with_unit(known: Known, name: str) -> str:
    unit = QUANTITIES[name.partition("_at_")[0].removesuffix("_max")].unit
    figure = known.shown.run.figures.get(name)
    status = f" ({figure.status.replace('_', ' ')})" if figure and figure.status != "ok" else ""
    return f"{figure_cell(figure, name).text()} {unit}{status}"


def _two_routes(known: Known) -> Filled:
    table = known.shown.run.tables["jvl"]
    difference = table["route_difference"][np.isfinite(table["route_difference"])]
    eqe = f"EQE_max {_with_unit(known, 'external_quantum_efficiency_max')}"
    if not difference.size:
        return Filled(eqe, "a second route: no spectrum was taken where the photodiode read as well")
    return Filled(
        f"{eqe}; photodiode over absolute spectral radiance, less 1: {100 * difference.min():+.2f} to "
        f"{100 * difference.max():+.2f} % at {difference.size} points"
    )


def _not_measured(_: Known) -> Filled:
    return Filled(measured=False)


def _data(known: Known) -> Filled:
    run = known.shown.run
    answered = known.answers.get("data_doi", "")
    text = f"{run.path.name}, SHA-256 {known.shown.description.sha256}; {run.program}"
    return Filled("; ".join(filter(None, (answered, text))), "" if answered else "where the raw data can be had (DOI)")


_ITEMS: Sequence[_Item] = (
    _Item("device", "Which device: sample, pixel, substrate", _identity),
    _Item("device", "Layers and materials", _stack, "stack"),
    _Item("device", "Emitting area", _area),
    _Item("device", "How the area was found, and its uncertainty", _area_method, "area_method"),
    _Item("device", "Encapsulation", _answer("encapsulation"), "encapsulation"),
    _Item("device", "Age when measured, and storage until then", _answer("age"), "age"),
    _Item("device", "Atmosphere during the measurement", _answer("atmosphere"), "atmosphere"),
    _Item("device", "Temperature and humidity", _answer("climate"), "climate"),
    _Item("devices counted", "How many devices", _number_of_devices),
    _Item("devices counted", "How many of them failed, and why", _failed),
    _Item("devices counted", "Median and spread", _spread),
    _Item("devices counted", "Which of them is shown", _rank),
    _Item("instruments", "Models, serial numbers, firmware", _instruments),
    _Item("instruments", "When each was calibrated", _calibration_dates, "calibration_dates"),
    _Item("instruments", "Ranges and integration times", _ranges),
    _Item("instruments", "Two or four wires", _wires),
    _Item("instruments", "Compliance, and how many points met it", _compliance),
    _Item("sweep", "Voltage or current sourced", _function),
    _Item("sweep", "Direction", _direction),
    _Item("sweep", "Levels", _levels),
    _Item("sweep", "Time at each level", _dwell),
    _Item("sweep", "Scan rate as it was reached", _scan_rate),
    _Item("sweep", "What the device went through before", _stress),
    _Item("sweep", "Hysteresis", _hysteresis),
    _Item("light", "Responsivity of the photodiode, by its file", _responsivity),
    _Item("light", "Geometry: distances and solid angles", _geometry, "geometry"),
    _Item("light", "Luminance per photocurrent: which, of when, valid until", _luminance_factor),
    _Item("light", "Spectral mismatch factor used", _mismatch),
    _Item("light", "Spectroradiometer: angle, filters, speed, bandwidth, span", _spectroradiometer),
    _Item("light", "Observer and K_m", _observer),
    _Item("light", "Dark level and stray light", _dark),
    _Item("assumptions", "Angular pattern: assumed or measured, factor, uncertainty", _angular),
    _Item("assumptions", "How evenly the pixel emits", _answer("uniformity"), "uniformity"),
    _Item("assumptions", "Spectra at several levels, and their shift", _spectra),
    _Item("results", "What V_on means", _turn_on),
    _Item("results", "Maxima, and values at 100, 1000 and 10 000 cd/m^2", _maxima),
    _Item("results", "EQE by two routes, with uncertainty", _two_routes),
    _Item("lifetime", "Luminance at its start, drive and temperature", _not_measured),
    _Item("lifetime", "Times to a share of it, measured or extrapolated, and how", _not_measured),
    _Item("data", "Raw data, program, hash of the file, where to get them", _data, "data_doi"),
)


# --- as it is handed out -------------------------------------------------------------------------------------


def counted(entries: Sequence[Entry]) -> dict[str, int]:
    """How many items stand how."""
    return {str(standing): sum(one.standing is standing for one in entries) for standing in Standing}


def as_markdown(entries: Sequence[Entry], answers_file: str) -> str:
    """The checklist in Markdown; what is missing is in bold."""
    lines = [f"# {TITLE}", "", WHOSE, "", ", ".join(f"{n} {word}" for word, n in counted(entries).items()) + ".", ""]
    lines += ["| | item | |", "|---:|---|---|"]
    group = ""
    for one in entries:
        if one.group != group:
            lines.append(f"| | **{one.group.capitalize()}** | |")
            group = one.group
        lines.append(f"| {one.number} | {markdown_text(one.item)} | {_markdown_cell(one)} |")
    lines += ["", f"What no file knows is asked with --ask, and kept in {markdown_text(answers_file)}."]
    return "\n".join(lines) + "\n"


def _markdown_cell(one: Entry) -> str:
    if one.standing in (Standing.MISSING, Standing.NOT_MEASURED):
        lacking = f": {markdown_text(one.lacking)}" if one.lacking else ""
        return f"**{one.standing}**{lacking}"
    lacking = f" **missing: {markdown_text(one.lacking)}**" if one.lacking else ""
    return f"{markdown_text(one.text)}{lacking}"


def as_json(entries: Sequence[Entry]) -> str:
    """The checklist as JSON."""
    items = [
        {
            "number": one.number,
            "group": one.group,
            "item": one.item,
            "status": str(one.standing),
            "text": one.text,
            "missing": one.lacking,
        }
        for one in entries
    ]
    return json.dumps({"title": TITLE, "whose": WHOSE, "counts": counted(entries), "items": items}, indent=1) + "\n"
