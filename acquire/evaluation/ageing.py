"""What a device lost during a sweep: the level of the first spectrum, read once more when the sweep was over. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot, isfinite, nan

from acquire.evaluation.budget import current_limit, photodiode_limit
from acquire.evaluation.evidence import Evidence
from acquire.evaluation.figure import Figure, missing
from acquire.evaluation.known import Known
from acquire.evaluation.touched import luminous
from acquire.photometry.uncertainty import rectangular
from acquire.records import Columns, Finding, RepeatedReading, Severity

#: Changes of luminance or current from which on the device was another one in the end; the first is told beyond noise.
NOTED, DOUBTED = 0.01, 0.05


@dataclass(frozen=True)
class Change:
    """Relative change of photocurrent and current from a point to the reading of its level after the sweep.

    Each with its standard uncertainty (k = 1), NaN where a reading is missing. ``level`` in V or A, ``time`` when it
    was read again and ``duration`` after how long [s].
    """

    level: float
    time: float
    duration: float
    light: float
    light_uncertainty: float
    current: float
    current_uncertainty: float


def level_read_again(points: Columns, repeated: Sequence[RepeatedReading], evidence: Evidence) -> Change | None:
    """How the level of the first spectrum had changed when the sweep was over; None where it was not read again."""
    if not repeated or not 0 <= repeated[-1].point_index < len(points["time"]):
        return None
    again = repeated[-1]
    first = {name: float(points[name][again.point_index]) for name in ("time", "current", "photodiode_signal")}
    conditions = evidence.calibration.conditions
    light = [
        float(evidence.photocurrent(signal, time))
        for signal, time in ((first["photodiode_signal"], first["time"]), (again.photodiode_signal, again.time))
    ]
    # The limits of error of one meter are much the same both times: as if they were not, they are an upper bound
    meter = hypot(evidence.dark_deviation, rectangular(float(photodiode_limit(again.photodiode_signal, conditions))))
    ammeter = rectangular(float(current_limit(again.current, conditions)))
    return Change(
        level=again.source_level,
        time=again.time,
        duration=again.time - first["time"],
        light=_relative(*light),
        light_uncertainty=_spread(meter / abs(conditions.transfer), *light),
        current=_relative(first["current"], again.current),
        current_uncertainty=_spread(ammeter, first["current"], again.current),
    )


def _relative(before: float, after: float) -> float:
    return after / before - 1 if before * after > 0 else nan


def _spread(one: float, before: float, after: float) -> float:
    """The uncertainty of after/before, of readings that are each uncertain by ``one``."""
    return abs(after / before) * hypot(one / before, one / after) if before * after > 0 else nan


def changes_after_the_sweep(change: Change | None) -> dict[str, Figure]:
    """Figures: the relative change of luminance and of current at the level of the first spectrum."""
    if change is None:
        why = "no level was read once more when the sweep was over"
        return {name: missing("1", reason=why) for name in ("luminance_change", "current_density_change")}
    when = f"{change.duration:.0f} s later at the level of the first spectrum"
    return {
        "luminance_change": _figure(change.light, change.light_uncertainty, when),
        "current_density_change": _figure(change.current, change.current_uncertainty, when),
    }


def _figure(value: float, uncertainty: float, when: str) -> Figure:
    if not isfinite(value):
        return missing("1", reason="a reading is missing, or without light")
    return Figure(value, "1", "ok", uncertainty=uncertainty, reason=when)


def aged_during_the_sweep(known: Known) -> Iterator[Finding]:
    """Ask whether the device was another one in the end: a note beyond 1 % and k = 3, doubtful beyond 5 %."""
    change = level_read_again(known.points, known.repeated, known.evidence)
    if change is None:
        return
    changes = ((change.light, change.light_uncertainty), (change.current, change.current_uncertainty))
    beyond = [abs(value) for value, u in changes if isfinite(value) and abs(value) > max(NOTED, 3 * u)]
    if not beyond:
        return
    severity = Severity.DOUBTFUL if max(beyond) > DOUBTED else Severity.NOTE
    yield Finding(
        change.time,
        "aged_during_sweep",
        severity,
        f"at {change.level:g} {known.source_unit} the light had changed by {_percent(change.light)} and the current by "
        f"{_percent(change.current)} when the sweep was over, {change.duration:.0f} s later: figures from low and from "
        "high levels are not of the same device",
        tuple(name for name in luminous(known.figures) if name != "turn_on_voltage"),
        "Sweep faster or less far, take fewer spectra, or let the device settle first; a warm device recovers, "
        "an aged one does not",
        max(beyond),
        DOUBTED if severity is Severity.DOUBTFUL else NOTED,
    )


def _percent(change: float) -> str:
    return f"{100 * change:+.1f} %" if isfinite(change) else "an unknown amount"
