"""What a device was like on each branch of each cycle: turn-on, efficiency, hysteresis, and how fast it was. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import nan

import numpy as np

from acquire.evaluation.figure import Figure, JVLCurve
from acquire.evaluation.figures import hysteresis_index, hysteresis_index_log, maximum, pace_of, turn_on_of
from acquire.photometry.elementwise import IntArray
from acquire.records import DIRECTIONS, LIMITED, Branch, BranchSummary, Columns

Curves = Callable[[IntArray], JVLCurve]


def branch_summaries(points: Columns, curve_of: Curves) -> Iterator[BranchSummary]:
    """Say each branch of each cycle of a run's points; ``curve_of`` makes a curve of rows of them."""
    kept = points["flags"] & int(LIMITED) == 0
    for cycle in np.unique(points["cycle"]).tolist():
        here = kept & (points["cycle"] == cycle)
        rows = {branch: np.flatnonzero(here & (points["branch"] == branch.encode())) for branch in DIRECTIONS}
        curves = {branch: curve_of(found) for branch, found in rows.items() if found.size}
        indices = _indices(curves)
        for branch in sorted(curves, key=lambda one: int(rows[one][0])):
            yield _summary(cycle, branch, curves[branch], indices)


def _indices(curves: dict[Branch, JVLCurve]) -> tuple[float, float]:
    """The hysteresis of a cycle, NaN where one of its branches is missing; each polarity by amounts."""
    if len(curves) < 2:
        return nan, nan
    branches = [_upright(curves[branch]) for branch in DIRECTIONS]
    return hysteresis_index(*branches).value, hysteresis_index_log(*branches).value


def _upright(curve: JVLCurve) -> tuple[np.ndarray, np.ndarray]:
    """Voltage and current density of a branch, as amounts where the voltages are negative."""
    sign = -1.0 if np.nansum(curve.voltage) < 0 else 1.0
    return sign * curve.voltage, sign * curve.current_density


def _summary(cycle: int, branch: Branch, curve: JVLCurve, indices: tuple[float, float]) -> BranchSummary:
    rising = curve if branch is Branch.FORWARD else curve.reversed()
    rates, dwells = pace_of(curve)
    turn_on, efficiency = turn_on_of(rising), maximum(rising, "external_quantum_efficiency", "1")
    return BranchSummary(
        cycle=cycle,
        branch=branch,
        points=len(curve),
        scan_rate=float(np.median(rates)) if rates.size else nan,
        dwell=float(np.median(dwells)) if dwells.size else nan,
        longest_dwell=float(dwells.max()) if dwells.size else nan,
        turn_on_voltage=turn_on.value,
        turn_on_status=turn_on.status,
        luminance_max=_value(maximum(rising, "luminance", "cd/m^2")),
        external_quantum_efficiency_max=_value(efficiency),
        voltage_at_external_quantum_efficiency_max=efficiency.voltage,
        hysteresis_index=indices[0],
        hysteresis_index_log=indices[1],
    )


def _value(figure: Figure) -> float:
    return figure.value
