"""Under what conditions a run was made, how far it came, and what was said of it: from its file alone."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from acquire.cli.display import number
from acquire.cli.terminal import how_many
from acquire.evaluation.figures import LUMINANCE_LEVELS, TURN_ON_LUMINANCE
from acquire.records import DIRECTIONS, LIMITED, Branch, PointFlag, RunStatus, Severity
from acquire.run_file.conditions import by_hand, facts_of, levels_added, overrides
from acquire.run_file.in_words import amount
from acquire.run_file.remarks import RemarkKind
from acquire.run_file.summary import RunSummary, summary_of

if TYPE_CHECKING:
    from acquire.run_file.read import Run

Row = tuple[str, str]


#: Facts of a run that are not shown: the figures, the line at the end or another fact say as much.
_LEFT_OUT = {"levels measured", "sourced", "direction", "in compliance", "pace", "luminance from", "run", "program"}


def conditions(run: Run) -> Iterator[Row]:
    """Everything that is to be known of a run besides its figures: label and text."""
    told = facts_of(run)
    yield from ((name, text) for name, text in told.items() if name not in _LEFT_OUT)
    yield from (("for this run", text) for text in overrides(run))
    yield from run.instruments.items()
    yield from (("comment", text) for text in comments(run))


# --- what was said of it afterwards --------------------------------------------------------------------------


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
    if kept := run.rows.get("lifetime"):
        return f"{what} after {how_many(kept, 'reading')}"
    if by_hand(run):
        return f"{what} {', '.join(['by hand', how_many(summary.points, 'point'), *_brightest(run)])}"
    if rows := run.rows.get("lifetime", 0):
        under_stress = run.figures.get("time_under_stress")
        time = f", {under_stress.value:.6g} s under stress" if under_stress else ""
        return f"{what}: {how_many(rows, 'point')} of the lifetime{time}"
    place = _reached(run, summary)
    added = levels_added(run)
    count = f"{summary.points - added} of {how_many(summary.planned_points, 'point')}"
    count += f" and {how_many(added, 'finer one')}" if added else ""
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


def _reached(run: Run, summary: RunSummary) -> str:
    if not isfinite(summary.reached_level):
        return "before the first level"
    unit, branches = summary.source_unit, run.tables["jvl"]["branch"]
    reached, last = amount(summary.reached_level, unit), amount(summary.last_level, unit)
    cycle = int(run.tables["jvl"]["cycle"][-1])
    here = set(branches[run.tables["jvl"]["cycle"] == cycle].tolist())
    turned = len(here - {Branch.AFTERWARDS.encode()}) == len(DIRECTIONS)
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
