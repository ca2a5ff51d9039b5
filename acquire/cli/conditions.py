"""Under what conditions a run was made, how far it came, and what was said of it: from its file alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from acquire.cli.display import dark_text, mismatch_text, number
from acquire.cli.plan import _amount, _ends, _reading
from acquire.cli.terminal import how_many
from acquire.config import BenchFile, SweepFile
from acquire.config.cautions import area_text
from acquire.evaluation.figures import LUMINANCE_LEVELS, TURN_ON_LUMINANCE
from acquire.records import LIMITED, Branch, PointFlag, RunStatus, Severity
from acquire.run_file.remarks import RemarkKind
from acquire.run_file.summary import RunSummary, summary_of

if TYPE_CHECKING:
    from acquire.run_file.read import Run

Row = tuple[str, str]


def conditions(run: Run) -> Iterator[Row]:
    """Everything that is to be known of a run besides its figures: label and text."""
    yield "title", run.title
    yield from sample_rows(run)
    yield "started", _moment(run.start_time)
    yield "ended", _moment(run.end_time) or "not finished: the run is going on, or was cut off (then: acquire recover)"
    yield from settings(run)
    yield from run.instruments.items()
    unit = run.calibration.conditions.meter_unit
    yield from ((f"dark {when}", dark_text(level, unit)) for when, level in run.dark_levels.items())
    yield from photodiode_rows(run)
    yield from _said(run)
    yield "checksums", str(run.integrity)


def _moment(written: str) -> str:
    """A time of a file for people: to the second, on the clock of the bench."""
    try:
        return f"{datetime.fromisoformat(written):%Y-%m-%d %H:%M:%S %z}".rstrip()
    except ValueError:
        return written


def sample_rows(run: Run) -> Iterator[Row]:
    """What was measured, and who did it."""
    fields = run.sample_fields
    places = [f"{name} {fields[name]}" for name in ("pixel", "batch", "group") if fields.get(name)]
    yield "sample", ", ".join([run.sample, *places])
    yield from ((name, str(fields[name])) for name in ("structure", "notes") if fields.get(name))
    area, spread = fields.get("emissive_area"), fields.get("emissive_area_uncertainty")
    if isinstance(area, float):
        yield (
            "emissive area",
            area_text(area) + (f", u = {area_text(spread)} (k = 1)" if isinstance(spread, float) else ""),
        )
    if run.user:
        yield "user", run.user


# --- how it was measured -------------------------------------------------------------------------------------


def settings(run: Run) -> Iterator[Row]:
    """Levels, limits, times and wires, as the file has them; nothing that an older file does not say."""
    sweep, bench = _models(run)
    if sweep is None:
        return
    yield "levels", _levels(summary_of(run), sweep)
    if cycles := int(run.tables["jvl"]["cycle"].max(initial=0)):
        branch, cycle = run.source_of_figures
        yield "figures of", f"the {branch} branch of cycle {cycle}; cycles 0 to {cycles} were measured"
    yield "compliance", _amount(sweep.source.compliance, sweep.source.compliance_unit)
    yield "reading", _reading(sweep)
    if bench is not None:
        smu = bench.instruments.smu
        leads = f", leads {_amount(smu.lead_resistance, 'ohm')}" if smu.lead_resistance else ""
        yield "wires", f"{'four' if smu.four_wire else 'two'}{leads}, bench {bench.name}"
    if ends := "; ".join(_ends(sweep)):
        yield "ends early", ends
    spectra = len(run.tables["spectra"]["start"])
    yield "spectra", f"{spectra or 'none'}{f' of speed {sweep.spectra.speed}' if sweep.spectra and spectra else ''}"
    if sweep.note:
        yield "note", sweep.note
    yield from (("for this run", text) for text in overrides(run))


def _models(run: Run) -> tuple[SweepFile | None, BenchFile | None]:
    """Sweep and bench of a run; None for what this program would not take any more."""
    found: list[Any] = []
    for model, name in ((SweepFile, "sweep"), (BenchFile, "bench")):
        try:
            found.append(model.model_validate(run.configuration[name]))
        except (KeyError, TypeError, ValueError):
            found.append(None)
    return found[0], found[1]


def _levels(run: RunSummary, sweep: SweepFile) -> str:
    source, unit = sweep.source, run.source_unit
    ends = f"{_amount(run.first_level, unit)} to {_amount(run.last_level, unit)}"
    steps = f" in steps of {_amount(abs(source.step), unit)}" if source.step else ""
    steps = f" with {source.points_per_decade:g} points a decade" if source.points_per_decade else steps
    steps = f" in {len(source.stretches)} stretches" if source.stretches else steps
    back = " and back" if source.direction == "both" else ""
    opposite = ", then the other polarity" if source.both_polarities else ""
    again = f", {source.cycles} cycles" if source.cycles > 1 else ""
    return f"{ends}{back}{steps}{opposite}{again} ({how_many(run.planned_points, 'point')})"


def overrides(run: Run) -> Iterator[str]:
    """What was said for this run in place of its sweep file."""
    from acquire.config.overrides import Override

    said = run.configuration.get("overrides", [])
    for one in said if isinstance(said, list) else []:
        try:
            yield Override(**one).text
        except TypeError:  # of a newer program
            yield str(one)


def photodiode_rows(run: Run) -> Iterator[Row]:
    """What turned the photodiode's signal into light."""
    photodiode = run.calibration.photodiode
    if photodiode is None:
        yield "photodiode", "no calibration"
        return
    yield "photodiode", f"{photodiode.identification}: {photodiode.method}"
    factors = run.mismatch_factors
    if factors.size:
        ends = mismatch_text(float(factors.min())), mismatch_text(float(factors.max()))
        yield "mismatch factor", " to ".join(dict.fromkeys(ends))


# --- what was said of it afterwards --------------------------------------------------------------------------


def _said(run: Run) -> Iterator[Row]:
    if run.tags:
        yield "tags", ", ".join(run.tags)
    yield from (("comment", text) for text in comments(run))


def comments(run: Run) -> list[str]:
    """The comments on a run, a line each: when, who, what."""
    found = [one for one in run.remarks if one.kind is RemarkKind.COMMENT and not one.removed]
    return [f"{one.time[:16].replace('T', ' ')}{f', {one.user}' if one.user else ''}: {one.text}" for one in found]


# --- how far it came -----------------------------------------------------------------------------------------


def how_far(run: Run) -> str:
    """How far a run came that ended before its last level, and what it did not reach; empty for one that did.

    ``stopped at 3.4 V of 8 V, 34 of 81 points, at most 231 cd/m^2; not reached: 1000 cd/m^2, 10000 cd/m^2``
    """
    summary = summary_of(run)
    early = not run.finished or run.status is not RunStatus.COMPLETED
    if not early or not isfinite(summary.last_level):
        return ""
    what = str(run.status) if run.finished else "so far"
    place = _place(run, summary)
    count = f"{run.points} of {how_many(summary.planned_points, 'point')}"
    missed = [f"{level:g} cd/m^2" for level in _not_reached(run)]
    rest = f"; not reached: {', '.join(missed)}" if missed else ""
    return f"{what} {', '.join([place, count, *_brightest(run)])}{rest}"


def _brightest(run: Run) -> Iterator[str]:
    """The largest luminance that is told from noise and that no limit decided; nothing of a run without a point."""
    flags, luminance = run.tables["jvl"]["flags"], run.tables["jvl"]["luminance"]
    counts = np.isfinite(luminance) & ((flags & int(LIMITED | PointFlag.BELOW_DARK_NOISE)) == 0)
    if counts.any():
        yield f"at most {number(float(luminance[counts].max()))} cd/m^2"
    elif np.isfinite(luminance).any():
        yield "no light above the noise"


def _place(run: Run, summary: RunSummary) -> str:
    if not isfinite(summary.reached_level):
        return "before the first level"
    unit, branches = summary.source_unit, run.tables["jvl"]["branch"]
    reached, last = _amount(summary.reached_level, unit), _amount(summary.last_level, unit)
    cycle = int(run.tables["jvl"]["cycle"][-1])
    turned = len(set(branches[run.tables["jvl"]["cycle"] == cycle].tolist())) == len(Branch)
    in_cycle = f" in cycle {cycle}" if cycle else ""
    return (f"at {reached} on the way back" if turned else f"at {reached} of {last}") + in_cycle


def _not_reached(run: Run) -> list[float]:
    names = {TURN_ON_LUMINANCE: "turn_on_voltage"}
    names |= {level: f"voltage_at_{level:.0f}_cd_m2" for level in LUMINANCE_LEVELS}
    return [level for level, name in names.items() if name in run.figures and run.figures[name].status == "not_reached"]


def findings_in_short(run: RunSummary) -> str:
    """What speaks against the figures of a run: the codes, the gravest first."""
    graver = {severity: codes for severity, codes in run.findings.items() if codes and severity is not Severity.NOTE}
    return "; ".join(f"{severity}: {', '.join(codes)}" for severity, codes in graver.items())
