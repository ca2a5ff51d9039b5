"""Under what conditions a run was made, fact by fact, in words for people: from its file alone.

The page of a report, the screen and the head of an exported table choose from one list and lay it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from math import isfinite

import numpy as np

from acquire.config import SweepFile
from acquire.config.cautions import area_text
from acquire.evaluation.final import without_pauses
from acquire.photometry.customary_units import QUANTITIES, customary
from acquire.records import Branch, Columns, FloatArray, PointFlag, of_sweep
from acquire.run_file.columns import thinned
from acquire.run_file.in_words import amount, dark_text, ends, layer_text, mismatch_text, reading_text
from acquire.run_file.read import ArchiveError, Run
from acquire.run_file.summary import summary_of

NOT_ENDED = "not finished: the run is going on, or was cut off (then: acquire recover)"
_ROUTES = {
    "calibrated": "the photodiode, by its calibration",
    "from_spectra": "the photodiode, calibrated by the spectra of this run",
    "spectroradiometer": "the spectra alone",
    "none": "nothing: no light is expected of this device",
    "imported": "another program, which measured this run",
}


def facts_of(run: Run) -> Mapping[str, str]:
    """All that a file says of how its run was done, by name; what it does not say is left out."""
    conditions = run.calibration.conditions
    sweep, limited = _sweep(run), "A" if run.source_unit == "V" else "V"
    told = {
        "title": run.title,
        "sample": identity(run),
        "structure": sample_text(run, "structure"),
        "imported": imported_from(run),
        "emissive area": ", ".join(filter(None, [_area(conditions.emissive_area), area_uncertainty(run)])),
        "layer": layer_text(run.calibration.layer),
        "notes": sample_text(run, "notes"),
        "user": run.user,
        "started": _clock(run.start_time),
        "ended": _clock(run.end_time) or NOT_ENDED,
        "levels": _planned(run, sweep) if sweep else "",
        "levels measured": measured_levels(run),
        "pulses": _pulses(run, sweep) if sweep else "",
        "sourced": {"V": "voltage", "A": "current"}.get(run.source_unit, ""),
        "direction": _direction(run),
        "figures of": _figures_of(run),
        "compliance": _configured_amount(run, "source", "compliance", limited),
        "in compliance": _in_compliance(run),
        "reading": "" if imported_from(run) else _reading(run),
        "pace": _pace(run),
        "scan rate": _scan_rate(run),
        "paused": _paused(run),
        "wires": _wires(run),
        "ambient air": ambient_air(run),
        "bench": str(run.configured("bench", "name") or ("simulated" if conditions.simulated else "")),
        "ends early": "; ".join(ends(sweep)) if sweep else "",
        "spectra": _spectra(run),
        "note": str(run.configured("sweep", "note") or ""),
        "luminance from": luminance_route(run),
        "photodiode": photodiode(run),
        "mismatch factor": _mismatch(run),
        "angular factor": "" if run.calibration.layer.stated else _angular(run),
        **{f"dark {when}": dark_text(level, conditions.meter_unit) for when, level in run.dark_levels.items()},
        "tags": ", ".join(run.tags),
        "results": "" if run.analysis is None else f"by analysis {run.analysis}",
        "analyses": _analyses(run),
        "run": run.run_id,
        "program": run.program,
        "checksums": str(run.integrity),
    }
    return {name: text for name, text in told.items() if text}


def imported_from(run: Run) -> str:
    """Of which file of which program the run was made; empty where this program measured it."""
    file, origin = run.configured("imported", "file"), run.configured("imported", "origin")
    return f"from {file} of {origin}, whose numbers these are" if file and origin else ""


def _area(area: float) -> str:
    return area_text(area) if isfinite(area) else "not known"


def _analyses(run: Run) -> str:
    """The analyses that there are beside what is shown."""
    others = [str(one) for one in run.analyses if run.analysis is None or one.name != run.analysis.name]
    own = [] if run.analysis is None else ["run, its own results"]
    return " | ".join([*own, *others]) if run.analyses else ""


def _sweep(run: Run) -> SweepFile | None:
    """The sweep of a run; None for one that this program would not take any more."""
    try:
        return SweepFile.model_validate(run.configuration["sweep"])
    except (KeyError, TypeError, ValueError):
        return None


def _clock(written: str) -> str:
    """A time of a file for people: to the second, on the clock of the bench."""
    try:
        return f"{datetime.fromisoformat(written):%Y-%m-%d %H:%M:%S %z}".rstrip()
    except ValueError:
        return written


# --- what was measured ---------------------------------------------------------------------------------------


def sample_text(run: Run, name: str) -> str:
    """What stands under a name of the sample; empty where nothing does."""
    return str(run.sample_fields.get(name) or "")


def identity(run: Run) -> str:
    """Sample, pixel, batch, group."""
    parts = (f"{word} {text}" for word in ("pixel", "batch", "group") if (text := sample_text(run, word)))
    return ", ".join([run.sample, *parts])


def area_uncertainty(run: Run) -> str:
    """The uncertainty of the emissive area; empty where none is stated."""
    spread = run.calibration.uncertainty.emissive_area
    return f"u = {area_text(float(f'{spread:.2g}'))} (k = 1)" if spread > 0 else ""


# --- levels --------------------------------------------------------------------------------------------------


def _planned(run: Run, sweep: SweepFile) -> str:
    source, unit, summary = sweep.source, run.source_unit, summary_of(run)
    between = f"{amount(summary.first_level, unit)} to {amount(summary.last_level, unit)}"
    steps = f" in steps of {amount(abs(source.step), unit)}" if source.step else ""
    steps = f" with {source.points_per_decade:g} points a decade" if source.points_per_decade else steps
    steps = f" in {len(source.stretches)} stretches" if source.stretches else steps
    back = " and back" if source.direction == "both" else ""
    opposite = ", then the other polarity" if source.both_polarities else ""
    again = f", {source.cycles} cycles" if source.cycles > 1 else ""
    if by_hand(run):
        lowest, highest = (amount(of(summary.first_level, summary.last_level, 0.0), unit) for of in (min, max))
        return f"set by hand, {lowest} to {highest} at most"
    points = f"{summary.planned_points} point{'' if summary.planned_points == 1 else 's'}"
    if run.rows.get("lifetime"):
        return f"{amount(summary.first_level, unit)}, kept"
    points += f", {added} finer ones added" if (added := levels_added(run)) else ""
    return f"{between}{back}{steps}{opposite}{again} ({points})"


def by_hand(run: Run) -> bool:
    """Whether a person set the levels of a run while it went on."""
    return bool((run.tables["jvl"]["branch"] == Branch.BY_HAND.encode()).any())


def levels_added(run: Run) -> int:
    """How many levels were added to those of the sweep file, because of what these showed."""
    return int((run.tables["jvl"]["flags"] & int(PointFlag.REFINED) != 0).sum())


def _pulsed(run: Run) -> bool:
    return bool(np.isfinite(run.tables["jvl"]["pulse_width"]).any())


def _pulses(run: Run, sweep: SweepFile) -> str:
    """How long the pulses lasted, by the source's time stamps, and what the device rested at."""
    widths = run.tables["jvl"]["pulse_width"]
    known = widths[np.isfinite(widths)]
    if sweep.source.pulse is None or not known.size:
        return ""
    times = [amount(float(f"{time:.3g}"), "s") for time in (known.min(), known.max())]
    lasted = times[0] if times[0] == times[1] else " to ".join(times)
    share = 100 / (sweep.source.pulse.rests() + 1)
    base = amount(sweep.source.pulse.base_level or 0.0, run.source_unit)
    return f"{lasted}, {share:.3g} % of the time; rests at {base}"


def measured_levels(run: Run) -> str:
    """How many levels were measured, from where to where, and how far apart."""
    here, unit = of_sweep(run.tables["jvl"]["branch"]), run.source_unit
    sent = run.tables["jvl"]["source_level"][here]
    if not sent.size:
        return ""
    steps = np.abs(np.diff(sent))
    steps = steps[steps > 0]
    distance = f", {_apart(steps, unit)}" if steps.size else ""
    branch, cycle = (run.tables["jvl"][name][here] for name in ("branch", "cycle"))
    first = sent[cycle == cycle[0]]
    there = sent[(branch == branch[0]) & (cycle == cycle[0])]
    between = amount(there[0], unit) + (f" to {amount(there[-1], unit)}" if there[-1] != there[0] else "")
    back = f" and back to {amount(first[-1], unit)}" if there.size < first.size else ""
    return f"{sent.size} points, {between}{back}{distance}"


def _apart(steps: FloatArray, unit: str) -> str:
    """How far apart levels are: one step where there is one, else from the smallest to the largest."""
    usual, least, most = (float(f"{of(steps):.4g}") for of in (np.median, np.min, np.max))
    if np.mean(np.abs(steps - usual) <= 0.01 * usual) > 0.9:  # a jump between two branches is no step
        return f"in steps of {amount(usual, unit)}"
    return f"{amount(least, unit)} to {amount(most, unit)} apart"


def _direction(run: Run) -> str:
    """The branches in the order in which they were measured."""
    points = run.tables["jvl"]
    cycles = len(set(points["cycle"].tolist()))
    branches = dict.fromkeys(points["branch"][of_sweep(points["branch"])].tolist())
    again = f"; {cycles} cycles" if cycles > 1 else ""
    return ", then ".join(name.decode(errors="replace") for name in branches) + again


def _figures_of(run: Run) -> str:
    cycles = int(run.tables["jvl"]["cycle"].max(initial=0))
    branch, cycle = run.source_of_figures
    return f"the {branch} branch of cycle {cycle}; cycles 0 to {cycles} were measured" if cycles else ""


# --- how it was measured -------------------------------------------------------------------------------------


def _configured_amount(run: Run, section: str, key: str, unit: str) -> str:
    value = run.configured("sweep", section, key)
    return amount(value, unit) if isinstance(value, int | float) else ""


def _in_compliance(run: Run) -> str:
    flags = run.tables["jvl"]["flags"]
    met = int(np.count_nonzero(flags & int(PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE)))
    return f"{met} of {len(flags)} points met it" if len(flags) else ""


def _reading(run: Run) -> str:
    conditions = run.calibration.conditions
    settle = None if _pulsed(run) else run.configured("sweep", "measure", "settle")  # that of the dark readings only
    return reading_text(
        settle if isinstance(settle, int | float) else None,
        conditions.nplc,
        conditions.photodiode_nplc,
        conditions.filter_count,
        str(run.configured("sweep", "measure", "timing")),
    )


def _pace(run: Run) -> str:
    time = run.tables["jvl"]["time"]
    return f"a point every {np.median(np.diff(time)):.3g} s" if len(time) > 1 else ""


def _scan_rate(run: Run) -> str:
    """The rate of the voltage as it was reached; pulses have none."""
    table = run.tables["jvl"]
    if _pulsed(run):
        return ""
    steps, times = np.abs(np.diff(table["voltage"])), np.diff(without_pauses(table["time"], table["flags"]))
    known = np.isfinite(steps) & (times > 0)
    if not known.any():
        return ""
    rate, dwell, longest = np.median(steps[known] / times[known]), np.median(times[known]), times[known].max()
    return (
        f"{rate:.3g} V/s, {dwell:.3g} s from point to point (medians, so without the time of spectra; the longest "
        f"{longest:.3g} s)"
    )


def _paused(run: Run) -> str:
    """How often, and how long, the output was off because somebody asked for a pause."""
    durations, ended = run.tables["pauses"]["duration"], run.tables["pauses"]["ended"]
    if not len(durations):
        return ""
    often = "once" if len(durations) == 1 else f"{len(durations)} times"
    return f"{often}, {durations.sum():.4g} s with the output off{', and ended there' if ended.any() else ''}"


def _wires(run: Run) -> str:
    """Two or four wires, and what of the leads is taken out of the voltage."""
    four, leads = run.configured("bench", "instruments", "smu", "four_wire"), run.calibration.conditions.lead_resistance
    taken = f"{leads:g} ohm of the leads taken out of the voltage" if leads else ""
    return "; ".join(filter(None, ["" if four is None else f"{'four' if four else 'two'}-wire", taken]))


def ambient_air(run: Run) -> str:
    """Temperature and humidity of the air beside the bench; empty where they were not logged."""
    logged = _logged(run)
    told = (_span(logged, name, decimals) for name, decimals in (("ambient_temperature", 1), ("relative_humidity", 0)))
    text = ", ".join(filter(None, told))
    if not text or run.rows.get("lifetime"):
        return text
    points = logged["ambient_temperature"]
    missing = int(np.count_nonzero(~np.isfinite(points)))
    return text + (f"; not known at {missing} of {len(points)} points" if missing else "")


def _logged(run: Run) -> Columns:
    """What was logged beside the points of a run; of a long one at some thousand of them."""
    names = ("ambient_temperature", "relative_humidity")
    tables = [run.tables["jvl"]]
    if run.rows.get("lifetime"):
        with suppress(ArchiveError):  # it has been moved meanwhile
            tables.append(thinned(run.path, "lifetime", names))
    return {name: np.concatenate([table[name] for table in tables]) for name in names}


def _span(logged: Columns, name: str, decimals: int) -> str:
    values = customary(logged[name], name)
    known = values[np.isfinite(values)]
    if not known.size:
        return ""
    ends = dict.fromkeys(f"{end:.{decimals}f}" for end in (known.min(), known.max()))
    return f"{QUANTITIES[name].long_name.lower().removeprefix('ambient ')} {' to '.join(ends)} {QUANTITIES[name].unit}"


def _spectra(run: Run) -> str:
    """How many spectra at which luminances, and where their peaks are; empty without one."""
    table = run.tables["spectra"]
    known = np.isfinite(table["luminance"]) & np.isfinite(table["peak_wavelength"])
    if not known.any():
        return f"{len(known)} without light" if len(known) else ""
    order = np.argsort(table["luminance"][known])
    luminance, peak = (table[name][known][order] for name in ("luminance", "peak_wavelength"))
    shift = f"; peak from {peak[0]:.1f} to {peak[-1]:.1f} nm" if luminance.size > 1 else ""
    speed = run.configured("sweep", "spectra", "speed")
    return (
        f"{luminance.size} spectra from {luminance[0]:.3g} to {luminance[-1]:.3g} cd/m^2{shift}"
        f"{f', speed {speed}' if speed else ''}"
    )


def overrides(run: Run) -> Iterator[str]:
    """What was said for this run in place of its sweep file."""
    from acquire.config.overrides import Override

    said = run.configuration.get("overrides", [])
    for one in said if isinstance(said, list) else []:
        try:
            yield Override(**one).text
        except TypeError:  # of a newer program
            yield str(one)


# --- light ---------------------------------------------------------------------------------------------------


def luminance_route(run: Run) -> str:
    """Where luminance comes from."""
    route = str(run.calibration.conditions.luminance_route)
    return _ROUTES.get(route, route.replace("_", " "))


def photodiode(run: Run) -> str:
    """What turned the photodiode's signal into light: which, how, of when, valid until."""
    found, provenance = run.calibration.photodiode, run.calibration.provenance
    if run.calibration.layer.stated:
        return "not looked at: no light is expected of this device"
    if found is None:
        return f"none: luminance from {luminance_route(run)}"
    until = f", valid until {provenance.valid_until}" if provenance.valid_until else ", no end of validity given"
    return f"{found.identification}: {found.method.replace('_', ' ')}{until if provenance.date else ''}"


def _mismatch(run: Run) -> str:
    factors = run.mismatch_factors
    if not factors.size:
        return ""
    return " to ".join(dict.fromkeys(mismatch_text(float(of(factors))) for of in (np.min, np.max)))


def _angular(run: Run) -> str:
    """The angular factor, where it comes from, and its uncertainty."""
    conditions, spread = run.calibration.conditions, run.calibration.uncertainty.angular_factor
    uncertainty = f"u = {100 * spread:.2g} %" if spread > 0 else "no uncertainty of it in the budget"
    return f"F = {conditions.angular_factor:.4g}, {conditions.angular_factor_source}; {uncertainty}"
