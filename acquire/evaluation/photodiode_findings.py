"""What the photodiode's signal says against itself: an amplifier at its limit, a wrong sign, light on the other side.

Pure. Signals are in the unit in which the photodiode's meter reads them, V behind an amplifier.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import copysign, isfinite

import numpy as np

from acquire.evaluation.budget import photodiode_limit
from acquire.evaluation.calibration import Connection
from acquire.evaluation.evidence import Evidence
from acquire.evaluation.flagged import in_order_of_levels
from acquire.evaluation.known import Known
from acquire.evaluation.touched import luminous
from acquire.photometry.elementwise import BoolArray, IntArray
from acquire.photometry.photodiode import AT_LIMIT
from acquire.records import DIRECTIONS, LIMITED, Columns, Finding, FloatArray, PointFlag, Severity

#: So many points at one value, while the current changes by at least this factor, are no light.
FEWEST_AT_RAIL, LEAST_RISE = 3, 1.15

SIGNAL_FALLS = "signal_falls_with_light"

#: Standard deviations of the dark readings that light is told by here; a 3-sigma point comes by chance.
CERTAIN = 10.0


def at_amplifier_limit(points: Columns, evidence: Evidence) -> BoolArray:
    """Which points (n,) the amplifier could not follow: at the limit that the bench gives, or at a standstill.

    The former have their flag already; the latter show only once the points beyond are known.
    """
    told = np.asarray(points["flags"] & int(PointFlag.AMPLIFIER_LIMIT) != 0)
    amplified = evidence.calibration.conditions.connection == Connection.AMPLIFIER
    return told | _at_standstill(points, evidence) if amplified else told


def _at_standstill(points: Columns, evidence: Evidence) -> BoolArray:
    """Where the largest signal stays at one value over several points of a branch while the current goes on rising."""
    found = np.zeros(points["photodiode_signal"].shape, bool)
    for branch in DIRECTIONS:
        free = points["flags"] & int(LIMITED) == 0
        numbers = np.isfinite(points["photodiode_signal"]) & np.isfinite(points["current"])
        rows = in_order_of_levels(points, np.flatnonzero((points["branch"] == branch.encode()) & free & numbers))
        if rows.size >= FEWEST_AT_RAIL:
            found[rows] = _stands(points, rows, evidence)
    return found


def _stands(points: Columns, rows: IntArray, evidence: Evidence) -> BoolArray:
    signal, current = points["photodiode_signal"][rows], np.abs(points["current"][rows])
    light = np.abs(signal - evidence.dark_signal(points["time"][rows]))
    top = signal[np.argmax(light)]
    noise = 3 * evidence.dark_deviation
    at_top = np.abs(signal - top) <= max(AT_LIMIT * abs(top), noise)
    if at_top.sum() < FEWEST_AT_RAIL or light.max() < max(abs(top) / 2, CERTAIN * noise):
        return np.zeros(rows.shape, bool)
    first, last = np.flatnonzero(at_top)[[0, -1]]
    if not at_top[first : last + 1].all() or current[at_top].max() < LEAST_RISE * max(current[at_top].min(), 1e-15):
        return np.zeros(rows.shape, bool)
    return np.asarray(at_top)


def amplifier_at_limit(known: Known) -> Iterator[Finding]:
    """Ask whether the amplifier followed the light."""
    at = at_amplifier_limit(known.points, known.evidence)
    if not at.any():
        return
    signal, current = known.points["photodiode_signal"][at], np.abs(known.points["current"][at])
    limit = known.evidence.calibration.conditions.amplifier_limit
    given = f"; the bench file gives {limit:.4g} V as its limit" if isfinite(limit) else ""
    touched = tuple(name for name in luminous(known.figures) if _rests_on_limit(known, name))
    yield Finding(
        known.time,
        "amplifier_at_limit",
        Severity.DOUBTFUL if touched else Severity.NOTE,
        f"the photodiode's amplifier is at its limit: {int(at.sum())} points read {np.median(signal):.5g} V while the "
        f"current goes from {current.min():.3g} A to {current.max():.3g} A{given}; there was more light than this",
        touched,
        "Choose a smaller gain of the amplifier (and write it into the bench file), or a larger distance",
        float(np.median(signal)),
        float(limit),
    )


def _rests_on_limit(known: Known, name: str) -> bool:
    """Whether a figure has been marked for it; while the run goes on, whether it may be."""
    return known.figures[name].status == "lower_bound" if name in known.figures else name.startswith("luminance_max")


def light_on_the_wrong_side(known: Known) -> Iterator[Finding]:
    """Ask whether the light comes where it is expected: at levels of the device's polarity, with the right sign."""
    if falls_with_light(known.points, known.evidence):
        yield _falling(known)
        return
    points, conditions = known.points, known.evidence.calibration.conditions
    light, certain = _light(points, known.evidence)
    lit = light > certain
    expected, other = (points["source_level"] * sign * conditions.polarity > 0 for sign in (1, -1))
    if lit[other].sum() < FEWEST_AT_RAIL or lit[expected].any():
        return
    brightest = int(np.nanargmax(np.where(other, light, -np.inf)))
    side = "negative" if conditions.polarity > 0 else "positive"
    yield Finding(
        known.time,
        "light_on_other_side",
        Severity.DOUBTFUL,
        f"there is light at {side} levels only: {points['photodiode_signal'][brightest]:.4g} {conditions.meter_unit} "
        f"at {points['source_level'][brightest]:.4g} {known.source_unit}",
        luminous(known.figures),
        f"Swap the leads of the device, or say sample.polarity: {side} in the sweep file",
    )


def _light(points: Columns, evidence: Evidence) -> tuple[FloatArray, FloatArray]:
    """The signal of the light of each point (n,) in its meter's unit, positive for light, and what is certain of it."""
    signal = points["photodiode_signal"]
    sign = copysign(1.0, evidence.calibration.conditions.transfer)
    with np.errstate(invalid="ignore"):
        light = sign * (signal - evidence.dark_signal(points["time"]))
        limit = photodiode_limit(signal, evidence.calibration.conditions)
    return light, np.maximum(CERTAIN * evidence.dark_deviation, limit)


def falls_with_light(points: Columns, evidence: Evidence) -> bool:
    """Whether the photodiode's signal goes the wrong way, the further the more current there is.

    One that is lower by a constant is another matter: a zero that was lit.
    """
    light, certain = _light(points, evidence)
    current = np.abs(points["current"])
    usable = np.isfinite(light) & np.isfinite(current)
    fallen = usable & (light < -certain)
    if fallen.sum() < FEWEST_AT_RAIL or (light[usable] > certain[usable]).any():
        return False
    by_current, by_light = (np.argsort(np.argsort(values[fallen])) for values in (current, -light))
    together = float(np.corrcoef(by_current, by_light)[0, 1])
    return together > 0.8 and bool(light[fallen].min() < 3 * light[fallen].max())


def _falling(known: Known) -> Finding:
    points, conditions = known.points, known.evidence.calibration.conditions
    light, _ = _light(points, known.evidence)
    lowest, inverts = int(np.nanargmin(light)), conditions.transfer < 0
    way, other = ("rises", "fall") if inverts else ("falls", "rise")
    alone = known.evidence.alone
    return Finding(
        known.time,
        SIGNAL_FALLS,
        Severity.NOTE if alone else Severity.DOUBTFUL,
        f"the photodiode's signal {way} with light, to {points['photodiode_signal'][lowest]:.4g} "
        f"{conditions.meter_unit} at {points['voltage'][lowest]:.4g} V, where the bench file lets it {other}",
        () if alone else luminous(known.figures),
        f"An amplifier that {'does not invert' if inverts else 'inverts'} has a transfer of "
        f"{-conditions.transfer:g} V/A in the bench file; or turn the photodiode round",
    )
