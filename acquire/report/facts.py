"""How a run was done, fact by fact, in words for people: from its file alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import numpy as np

from acquire.evaluation.figures import LUMINANCE_LEVELS, TURN_ON_LUMINANCE
from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.customary_units import PAPER, QUANTITIES, customary, quantity_of_figure
from acquire.records import FloatArray, PointFlag
from acquire.report.rounding import rounded
from acquire.report.tables import figure_cell
from acquire.run_file.documented import DocumentedRun
from drivers import models

_ROLES = {"smu": "source meter", "photodiode_meter": "photodiode meter", "spectroradiometer": "spectroradiometer"}


def sample_text(one: DocumentedRun, name: str) -> str:
    """What stands under a name of the sample; empty where nothing does."""
    return str(one.run.sample_fields.get(name) or "")


def identity(one: DocumentedRun) -> str:
    """Sample, pixel, batch, group."""
    parts = (f"{word} {text}" for word in ("pixel", "batch", "group") if (text := sample_text(one, word)))
    return ", ".join([one.run.sample, *parts])


def area(one: DocumentedRun) -> str:
    """The emitting area, with its uncertainty where one is stated."""
    value, spread = one.run.calibration.conditions.emissive_area, one.run.calibration.uncertainty.emissive_area
    quantity = QUANTITIES["emissive_area"]
    text, uncertainty = rounded(value * quantity.factor, spread * quantity.factor, 4)
    return (
        f"{text} ± {uncertainty} {quantity.unit}" if uncertainty else f"{value * quantity.factor:.6g} {quantity.unit}"
    )


def area_uncertainty(one: DocumentedRun) -> str:
    """The uncertainty of the emitting area; empty where none is stated."""
    spread = one.run.calibration.uncertainty.emissive_area
    return f"u = {customary(spread, 'emissive_area'):.2g} mm^2 (k = 1)" if spread > 0 else ""


def instruments(one: DocumentedRun) -> str:
    """Who was on the bench."""
    named = (str(settings.get("identification", "")) for settings in one.settings.values())
    return "; ".join(" ".join(name.split()) for name in named if name.strip())


def calibration(one: DocumentedRun) -> str:
    """What turned the photodiode's signal into light: which, how, of when, valid until."""
    calibrated, provenance = one.run.calibration, one.run.calibration.provenance
    photodiode = calibrated.photodiode
    if photodiode is None:
        return f"none: luminance from {luminance_route(one)}"
    until = f", valid until {provenance.valid_until}" if provenance.valid_until else ", no end of validity given"
    return f"{photodiode.identification}: {_plain(photodiode.method)}{until if provenance.date else ''}"


def luminance_route(one: DocumentedRun) -> str:
    """Where luminance comes from."""
    words = {
        "calibrated": "the photodiode, by its calibration",
        "from_spectra": "the photodiode, calibrated by the spectra of this run",
        "spectroradiometer": "the spectra alone",
    }
    route = str(one.run.calibration.conditions.luminance_route)
    return words.get(route, _plain(route))


def _plain(text: str) -> str:
    return text.replace("_", " ")


def ranges(one: DocumentedRun) -> str:
    """Ranges and integration times of both meters."""
    meters = ("smu", "photodiode_meter")
    return "; ".join(f"{_ROLES[role]}: {', '.join(_settings(one, role))}" for role in meters)


def _setting(one: DocumentedRun, role: str, name: str) -> Any:
    return one.settings.get(role, {}).get(name)


def _settings(one: DocumentedRun, role: str) -> Iterator[str]:
    units = {
        "source_range": one.run.source_unit,
        "measure_range": "A" if one.run.source_unit == "V" else "V",
        "range": one.run.calibration.conditions.meter_unit,
    }
    for name, unit in units.items():
        if (value := _setting(one, role, name)) is not None:
            yield f"{'source range' if name == 'source_range' else 'range'} {_range(value, unit)}"
    if any(_setting(one, role, name) in (True, "True") for name in ("measure_autorange", "autorange")):
        yield "autorange"
    for name, words in (("nplc", "NPLC"), ("filter_count", "readings averaged")):
        if (value := _setting(one, role, name)) is not None:
            yield f"{words} {_number(value)}"


def _range(value: Any, unit: str) -> str:
    """A range of an instrument; what is no number there stays as it is."""
    try:
        return _level(float(value), unit)
    except ValueError:
        return str(value)


def _number(value: Any) -> str:
    """A number of an instrument; older files have it as a text."""
    try:
        return f"{float(value):.4g}"
    except ValueError:
        return str(value)


def wires(one: DocumentedRun) -> str:
    """Two or four wires, and what of the leads is taken out of the voltage."""
    four = _setting(one, "smu", "four_wire")
    leads = one.run.calibration.conditions.lead_resistance
    taken = f"; {leads:g} ohm of the leads taken out of the voltage" if leads else ""
    return "" if four is None else f"{'four' if four in (True, 'True') else 'two'}-wire{taken}"


def compliance(one: DocumentedRun) -> str:
    """The compliance, and how many points met it."""
    value = one.configured("sweep", "source", "compliance")
    flags = one.run.tables["jvl"]["flags"]
    met = int(np.count_nonzero(flags & int(PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE)))
    points = f"{met} of {len(flags)} points met it"
    if not isinstance(value, int | float):
        return points
    return f"{_level(value, 'A' if one.run.source_unit == 'V' else 'V')}; {points}"


def _level(value: float, unit: str) -> str:
    return f"{value * 1e3:.4g} mA" if unit == "A" else f"{value:.4g} {unit}"


def function(one: DocumentedRun) -> str:
    """Which quantity was sourced."""
    return {"V": "voltage", "A": "current"}.get(one.run.source_unit, "")


def direction(one: DocumentedRun) -> str:
    """The branches in the order in which they were measured."""
    points = one.run.tables["jvl"]
    branches = dict.fromkeys(points["branch"].tolist())
    cycles = len(set(points["cycle"].tolist()))
    again = f"; {cycles} cycles" if cycles > 1 else ""
    return ", then ".join(name.decode(errors="replace") for name in branches) + again


def levels(one: DocumentedRun) -> str:
    """How many levels, from where to where, and how far apart."""
    sent, unit = one.run.tables["jvl"]["source_level"], one.run.source_unit
    if not sent.size:
        return ""
    steps = np.abs(np.diff(sent))
    steps = steps[steps > 0]
    distance = f", {_apart(steps, unit)}" if steps.size else ""
    branch, cycle = (one.run.tables["jvl"][name] for name in ("branch", "cycle"))
    first = sent[cycle == cycle[0]]
    there = sent[(branch == branch[0]) & (cycle == cycle[0])]
    ends = _level(there[0], unit) + (f" to {_level(there[-1], unit)}" if there[-1] != there[0] else "")
    back = f" and back to {_level(first[-1], unit)}" if there.size < first.size else ""
    return f"{sent.size} points, {ends}{back}{distance}"


def _apart(steps: FloatArray, unit: str) -> str:
    """How far apart levels are: one step where there is one, else from the smallest to the largest."""
    usual, least, most = (float(of(steps)) for of in (np.median, np.min, np.max))
    if np.mean(np.abs(steps - usual) <= 0.01 * usual) > 0.9:  # a jump between two branches is no step
        return f"in steps of {_level(usual, unit)}"
    return f"{_level(least, unit)} to {_level(most, unit)} apart"


def dwell(one: DocumentedRun) -> str:
    """The wait at each level, and how often a point came."""
    settle = one.configured("sweep", "measure", "settle")
    time = one.run.tables["jvl"]["time"]
    pace = f"; a point every {np.median(np.diff(time)):.3g} s" if len(time) > 1 else ""
    return f"{settle:g} s between level and reading{pace}" if isinstance(settle, int | float) else ""


def scan_rate(one: DocumentedRun) -> str:
    """The rate of the voltage as it was reached."""
    table = one.run.tables["jvl"]
    steps, times = np.abs(np.diff(table["voltage"])), np.diff(table["time"])
    known = np.isfinite(steps) & (times > 0)
    return (
        f"{np.median(steps[known] / times[known]):.3g} V/s (median, so without the time of spectra)"
        if known.any()
        else ""
    )


def before_the_sweep(one: DocumentedRun) -> str:
    """What this program did to the device before the first level."""
    level = one.configured("sweep", "dark", "voltage")
    at = f" at {level:g} V" if isinstance(level, int | float) else ""
    return f"{sum(not dark.after for dark in one.run.dark)} readings without light{at}, then the first level"


def hysteresis(one: DocumentedRun) -> str:
    """Hysteresis as numbers; empty where only one direction was measured."""
    figures = one.run.figures
    named = (("hysteresis_index", "HI", ""), ("turn_on_voltage_hysteresis", "shift of V_on", " V"))
    return ", ".join(
        f"{words} {figure_cell(figures[name], name).text()}{unit}"
        for name, words, unit in named
        if name in figures and isfinite(figures[name].value)
    )


def responsivity(one: DocumentedRun) -> str:
    """The responsivity's file by its SHA-256; empty where there is none."""
    name = one.configured("calibration", "responsivity")
    if not isinstance(name, str):
        return ""
    file = name.replace("\\", "/").rpartition("/")[2]
    hashes = one.file_hashes.items()
    digest = next((digest for path, digest in hashes if path.rpartition("/")[2] == file), "")
    return f"{file}, SHA-256 {digest}" if digest else ""


def geometry(one: DocumentedRun) -> str:
    """Where the photodiode is, as its calibration says."""
    found, photodiode = one.configured("calibration", "geometry"), one.run.calibration.photodiode
    if not isinstance(found, Mapping):
        return ""
    distance = found.get("distance")
    parts = [f"photodiode: {_plain(str(found.get('shape')))}"]
    parts += [f"{distance * 1e3:g} mm away"] if isinstance(distance, int | float) else []
    parts += [photodiode.method.partition(", ")[2]] if photodiode else []
    return ", ".join(filter(None, parts))


def mismatch(one: DocumentedRun) -> str:
    """The spectral mismatch factors used, or why there are none."""
    factors, photodiode = one.run.mismatch_factors, one.run.calibration.photodiode
    if factors.size:
        return f"{factors.min():.4f} to {factors.max():.4f}, of {factors.size} spectra"
    if photodiode is None:
        return f"none used: luminance from {luminance_route(one)}"
    if photodiode.responsivity is None:
        return "none used: the photodiode is taken to follow V(lambda)"
    return "none used: the photodiode's response to each spectrum is computed from its responsivity"


def spectroradiometer(one: DocumentedRun) -> str:
    """How the spectroradiometer was set; empty where there was none."""
    settings = one.settings.get("spectroradiometer")
    if settings is None:
        return ""
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
    return f"{', '.join(found)}; bandwidth {bandwidth:g} nm at most; 380 to 780 nm in steps of 1 nm"


def _worded(value: Any) -> str:
    return {"True": "yes", "False": "no"}.get(str(value), str(value))


def observer() -> str:
    """Observer, K_m and how integrals are taken."""
    return f"CIE 1931, 2 degrees; K_m = {MAXIMUM_LUMINOUS_EFFICACY} lm/W; integrals are trapezoidal on 1 nm"


def dark(one: DocumentedRun) -> str:
    """The level without light, before the sweep and after it."""
    unit = one.run.calibration.conditions.meter_unit
    read_in = QUANTITIES["dark_current" if unit == "A" else "dark_signal"]
    return "; ".join(
        f"{when} {level.signal * read_in.factor:.4g} {read_in.unit}, standard deviation "
        f"{level.deviation * read_in.factor:.2g} {read_in.unit}, {level.readings} readings"
        for when, level in one.run.dark_levels.items()
    )


def angular(one: DocumentedRun) -> str:
    """The angular factor, where it comes from, and its uncertainty."""
    conditions, spread = one.run.calibration.conditions, one.run.calibration.uncertainty.angular_factor
    uncertainty = f"u = {100 * spread:.2g} %" if spread > 0 else "no uncertainty of it in the budget"
    return f"F = {conditions.angular_factor:.4g}, {conditions.angular_factor_source}; {uncertainty}"


def spectra(one: DocumentedRun) -> str:
    """How many spectra at which luminances, and where their peaks are; empty without one."""
    table = one.run.tables["spectra"]
    known = np.isfinite(table["luminance"]) & np.isfinite(table["peak_wavelength"])
    if not known.any():
        return ""
    order = np.argsort(table["luminance"][known])
    luminance, peak = (table[name][known][order] for name in ("luminance", "peak_wavelength"))
    shift = f"; peak from {peak[0]:.1f} to {peak[-1]:.1f} nm" if luminance.size > 1 else ""
    return f"{luminance.size} spectra from {luminance[0]:.3g} to {luminance[-1]:.3g} cd/m^2{shift}"


def turn_on() -> str:
    """What V_on is here."""
    return (
        f"voltage at {TURN_ON_LUMINANCE:g} cd/m^2 on the rising branch: V linear in ln L between two points, "
        "the point after it also above"
    )


def results(one: DocumentedRun) -> str:
    """Maxima, and efficiencies at the luminances at which devices are compared."""
    figures = one.run.figures
    maxima = [f"{PAPER[name]} {figure_text(one, name)}" for name in PAPER if name.endswith("_max") and name in figures]
    at = [
        f"at {level:.0f} cd/m^2: CE {figure_text(one, f'current_efficiency_at_{level:.0f}_cd_m2')}, "
        f"EQE {figure_text(one, f'external_quantum_efficiency_at_{level:.0f}_cd_m2')}"
        for level in LUMINANCE_LEVELS
    ]
    return "; ".join([*maxima, *at])


def figure_text(one: DocumentedRun, name: str) -> str:
    """A figure of merit with uncertainty, unit, and its status where that is not ok."""
    figure, unit = one.run.figures.get(name), QUANTITIES[quantity_of_figure(name)].unit
    cell = figure_cell(figure, name)
    status = f" ({_plain(figure.status)})" if figure and figure.status != "ok" else ""
    return f"{cell.text()} {unit if cell.value and unit != '1' else ''}".rstrip() + status


def two_routes(one: DocumentedRun) -> str:
    """How far photodiode and absolute spectral radiance differ; empty where they cannot be compared."""
    difference = one.run.tables["jvl"]["route_difference"]
    difference = difference[np.isfinite(difference)]
    if not difference.size:
        return ""
    return (
        f"photodiode over absolute spectral radiance, less 1: {100 * difference.min():+.2f} to "
        f"{100 * difference.max():+.2f} % at {difference.size} points"
    )


def provenance(one: DocumentedRun) -> str:
    """The raw data by file and hash, and the program that wrote them."""
    return f"{one.run.path.name}, SHA-256 {one.sha256}; {one.run.program}"


def _clock(time: str) -> str:
    """A time of a file as people read it: without parts of a second."""
    return re.sub(r"\.\d+", "", time.replace("T", " "))


def conditions(one: DocumentedRun) -> list[tuple[str, str]]:
    """How a run was done, as (name, text) in the order in which people ask; what is not known is left out."""
    run = one.run
    told = [
        ("Sample", identity(one)),
        ("Structure", sample_text(one, "structure")),
        ("Emitting area", area(one)),
        ("Notes on the sample", sample_text(one, "notes")),
        ("Tags", ", ".join(run.tags)),
        ("Comments", "; ".join(run.comments)),
        ("Operator", one.run.user),
        ("Started", _clock(run.start_time)),
        ("Ended", _clock(run.end_time)),
        ("Levels", f"{levels(one)} ({function(one)} sourced)"),
        ("Direction", direction(one)),
        ("Compliance", compliance(one)),
        ("Time at each level", dwell(one)),
        ("Scan rate", scan_rate(one)),
        ("Ranges, integration", ranges(one)),
        ("Wires", wires(one)),
        ("Luminance from", luminance_route(one)),
        ("Photodiode", calibration(one)),
        ("Dark level", dark(one)),
        ("Spectra", spectra(one)),
        ("Spectroradiometer", spectroradiometer(one)),
        ("Angular factor", angular(one)),
        ("Observer", observer()),
        ("Instruments", instruments(one)),
        ("Run", run.run_id),
        ("File", provenance(one)),
        ("Checksums", str(run.integrity)),
    ]
    return [(name, text) for name, text in told if text]
