"""What an exported table is, in words: of which run, of what, when, how set, by what calibration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite

from acquire.photometry.customary_units import QUANTITIES, column_name
from acquire.records import Severity
from acquire.run_file.read import Run

Lines = Iterator[tuple[str, str]]


def about(run: Run, meaning: str = "") -> list[tuple[str, str]]:
    """Name and text of all that is to be known of a run beside its numbers; ``meaning`` is that of one table."""
    lines = [
        *([("Table", meaning)] if meaning else []),
        ("Run file", run.path.name),
        ("Title", run.title),
        *_sample(run),
        ("Started", run.start_time),
        ("Ended", run.end_time or "not finished: numbers are provisional"),
        ("Status", status_text(run) + (f": {run.stop_reason}" if run.stop_reason else "")),
        *_findings(run),
        *_settings(run),
        *_light(run),
        ("Tags", ", ".join(run.tags)),
        *((f"Comment {number}", text) for number, text in enumerate(run.comments, 1)),
        *((f"Instrument ({role.replace('_', ' ')})", text) for role, text in run.instruments.items()),
        ("Uncertainties", "u(...) is the standard uncertainty (k = 1)"),
        ("Run ID", run.run_id),
        ("Checksums", str(run.integrity)),
        ("Recorded by", run.program),
    ]
    return [(_plain(name), text) for name, text in lines if text]


def status_text(run: Run) -> str:
    """How a run ended; of one whose file is not finished nobody knows it here: it goes on, or was cut off."""
    return str(run.status) if run.finished else "not finished"


def _plain(name: str) -> str:
    """A name in which no separator, mark of a comment or quotation mark stands."""
    return re.sub(r"[^\w() -]", " ", name)


def _sample(run: Run) -> Lines:
    yield "Sample", run.sample
    for name, value in run.sample_fields.items():
        if isinstance(value, str) and name != "name":
            yield column_name(name), value
    conditions, uncertainty = run.calibration.conditions, run.calibration.uncertainty.emissive_area
    spread = f", u = {_amount(uncertainty, 'emissive_area')}" if uncertainty else ""
    yield "Emissive area", f"{_amount(conditions.emissive_area, 'emissive_area')}{spread}"
    yield "User", run.user


def _findings(run: Run) -> Lines:
    """What speaks against the numbers: whoever has one table of the run has this as well."""
    grave = [finding for finding in run.findings if finding.severity is not Severity.NOTE]
    yield from ((f"Finding {number}", f"{one.severity}: {one.text}") for number, one in enumerate(grave, 1))


def _settings(run: Run) -> Lines:
    conditions, levels = run.calibration.conditions, run.tables["jvl"]["source_level"]
    if len(levels):
        quantity = "source_current" if run.source_unit == "A" else "voltage"
        ends = _amount(float(levels.min()), quantity), _amount(float(levels.max()), quantity)
        yield "Levels", f"{ends[0]} to {ends[1]}, {len(levels)} points, {len(run.spectra)} spectra"
    compliance, settle = _configured(run, "source", "compliance"), _configured(run, "measure", "settle")
    if compliance is not None:
        yield "Compliance", _amount(compliance, "voltage" if run.source_unit == "A" else "source_current")
    if settle is not None:
        yield "Settle", _amount(settle, "time")
    yield "NPLC", f"{conditions.nplc:g}, photodiode {conditions.photodiode_nplc:g}"
    if conditions.filter_count > 1:
        yield "Readings averaged", f"{conditions.filter_count}"
    if conditions.lead_resistance:
        yield "Lead resistance", f"{conditions.lead_resistance:g} ohm, subtracted"


def _configured(run: Run, section: str, key: str) -> float | None:
    """A number of the sweep file, SI; None where a file of an earlier version does not have it."""
    try:
        value = run.configuration["sweep"][section][key]
    except (KeyError, TypeError):
        return None
    return float(value) if isinstance(value, int | float) else None


def _light(run: Run) -> Lines:
    calibration, conditions = run.calibration, run.calibration.conditions
    photodiode = calibration.photodiode
    yield "Bench", "simulated" if conditions.simulated else ""
    yield "Luminance", str(conditions.luminance_route).replace("_", " ")
    yield "Calibration", "none" if photodiode is None else f"{photodiode.identification}: {photodiode.method}"
    yield "Angular factor", f"{conditions.angular_factor:.4g} ({conditions.angular_factor_source})"
    for when, level in run.dark_levels.items():
        quantity = "dark_current" if conditions.meter_unit == "A" else "dark_signal"
        yield f"Dark signal {when}", f"{_amount(level.signal, quantity)}, {level.readings} readings"


def _amount(value: float, quantity: str) -> str:
    """A value [SI] with its customary unit."""
    one = QUANTITIES[quantity]
    return f"{value * one.factor:.6g} {one.unit}" if isfinite(value) else ""
