"""How a run was done, fact by fact, in words for people: from its file alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import numpy as np

from acquire.evaluation.figures import LUMINANCE_LEVELS, TURN_ON_LUMINANCE
from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.customary_units import PAPER, QUANTITIES, quantity_of_figure
from acquire.report.tables import figure_cell
from acquire.run_file.conditions import facts_of, luminance_route
from acquire.run_file.documented import DocumentedRun
from acquire.run_file.in_words import amount
from drivers import models

_ROLES = {"smu": "source meter", "photodiode_meter": "photodiode meter", "spectroradiometer": "spectroradiometer"}


def instruments(one: DocumentedRun) -> str:
    """Who was on the bench."""
    named = (str(settings.get("identification", "")) for settings in one.settings.values())
    return "; ".join(" ".join(name.split()) for name in named if name.strip())


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
        return amount(float(value), unit)
    except ValueError:
        return str(value)


def _number(value: Any) -> str:
    """A number of an instrument; older files have it as a text."""
    try:
        return f"{float(value):.4g}"
    except ValueError:
        return str(value)


def before_the_sweep(one: DocumentedRun) -> str:
    """What this program did to the device before the first level, in this run and in earlier ones."""
    level = one.run.configured("sweep", "dark", "voltage")
    at = f" at {level:g} V" if isinstance(level, int | float) else ""
    before = f"; {one.earlier.text}" if one.earlier else ""
    return f"{sum(not dark.after for dark in one.run.dark)} readings without light{at}, then the first level{before}"


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
    name = one.run.configured("calibration", "responsivity")
    if not isinstance(name, str):
        return ""
    file = name.replace("\\", "/").rpartition("/")[2]
    hashes = one.file_hashes.items()
    digest = next((digest for path, digest in hashes if path.rpartition("/")[2] == file), "")
    return f"{file}, SHA-256 {digest}" if digest else ""


def geometry(one: DocumentedRun) -> str:
    """Where the photodiode is, as its calibration says."""
    found, photodiode = one.run.configured("calibration", "geometry"), one.run.calibration.photodiode
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
        return f"none used: luminance from {luminance_route(one.run)}"
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


def start_of_lifetime(one: DocumentedRun) -> str:
    """The luminance of a lifetime at its start, and the level that was kept; empty where the run is none."""
    if (initial := one.run.figures.get("initial_luminance")) is None:
        return ""
    moment = f" at {initial.reason}" if initial.reason else ""
    told = facts_of(one.run)
    return "; ".join(
        [f"L_0 {figure_text(one, 'initial_luminance')}{moment}", *(told[name] for name in _KEPT if name in told)]
    )


_KEPT = ("levels", "ambient air")


def times_of_lifetime(one: DocumentedRun) -> str:
    """The times to shares of L_0, measured or extrapolated, and by which curve; empty where the run is no lifetime."""
    if "initial_luminance" not in one.run.figures:
        return ""
    times = [f"T{share} {_time(one, f'lifetime_{share}')}" for share in (95, 90, 80, 50)]
    curve = one.run.figures.get("lifetime_time_constant")
    if curve is None or not isfinite(curve.value):
        return "; ".join(times)
    fit = f"tau {figure_text(one, 'lifetime_time_constant')}, beta {figure_text(one, 'lifetime_stretching_exponent')}"
    return "; ".join([*times, f"exp(-(t/tau)^beta) with {fit}: {curve.reason}".removesuffix(": ")])


def _time(one: DocumentedRun, name: str) -> str:
    """A lifetime, and that it was measured where nothing else is said of it."""
    figure = one.run.figures.get(name)
    return figure_text(one, name) + (" (measured)" if figure and figure.status == "ok" else "")


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
    analysis = (
        f"; results by analysis {one.run.analysis.name} of {one.run.analysis.program}" if one.run.analysis else ""
    )
    return f"{one.run.path.name}, SHA-256 {one.sha256}; {one.run.program}{analysis}"


def compliance(one: DocumentedRun) -> str:
    """The compliance, and how many points met it."""
    told = facts_of(one.run)
    return "; ".join(told[name] for name in ("compliance", "in compliance") if name in told)


def dark(one: DocumentedRun) -> str:
    """The level without light, before the sweep and after it."""
    told = facts_of(one.run)
    return "; ".join(f"{when} {told[f'dark {when}']}" for when in ("before", "after") if f"dark {when}" in told)


def dwell(one: DocumentedRun) -> str:
    """How both meters read at each level, and how often a point came."""
    told = facts_of(one.run)
    return "; ".join(told[name] for name in ("reading", "pace") if name in told)


def conditions(one: DocumentedRun) -> list[tuple[str, str]]:
    """How a run was done, as (name, text) in the order in which people ask; what is not known is left out."""
    run, told = one.run, facts_of(one.run)
    chosen = [
        *_chosen(told, "sample", "structure", "emissive area", "notes", "tags", "results", "analyses"),
        ("Comments", "; ".join(run.comments)),
        *_chosen(told, "user", "started", "ended"),
        ("Levels", f"{told.get('levels measured', '')} ({told.get('sourced', '')} sourced)"),
        *_chosen(told, "direction"),
        ("Compliance", compliance(one)),
        ("Time at each level", dwell(one)),
        *_chosen(told, "scan rate", "paused"),
        ("Ranges, integration", ranges(one)),
        *_chosen(told, "wires", "ambient air", "luminance from", "photodiode"),
        ("Earlier stress", one.earlier.text if one.earlier else ""),
        ("Dark level", dark(one)),
        *_chosen(told, "spectra"),
        ("Spectroradiometer", spectroradiometer(one)),
        *_chosen(told, "angular factor"),
        ("Observer", observer()),
        ("Instruments", instruments(one)),
        *_chosen(told, "run"),
        ("File", provenance(one)),
        *_chosen(told, "checksums"),
    ]
    return [(name, text) for name, text in chosen if text]


def _chosen(told: Mapping[str, str], *names: str) -> Iterator[tuple[str, str]]:
    yield from ((name.capitalize(), told[name]) for name in names if name in told)
