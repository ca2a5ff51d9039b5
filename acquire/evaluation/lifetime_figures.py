"""The figures of merit of a lifetime, from its decay. Pure.

T_x is the first time under stress at which the luminance has fallen to the share x of L_0, linear between two values;
where the record ends before that, the time at which the stretched exponential fitted to it gets there, which is
``extrapolated``, beyond twice the record ``extrapolated_far``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import hypot, isfinite, log, nan, sqrt

import numpy as np

from acquire.evaluation.decay import Course, Decay, Moment
from acquire.evaluation.figure import Figure, missing
from acquire.photometry.lifetime import (
    StretchedExponential,
    fit_stretched_exponential,
    running_median,
    time_to_share,
)
from acquire.records import FloatArray

#: The shares of L_0 at which lifetimes are given.
SHARES = (0.95, 0.90, 0.80, 0.50)

#: A luminance is light from so many standard uncertainties on.
CLEAR = 3.0

#: A time further out than so many records is a guess.
FARTHEST = 2.0

_ROUNDING = 1e-3  # s

#: The figures by L_0 that they refer to: what is added to the name.
BY_TIME, BY_MAXIMUM = "", "_of_maximum"


def lifetime_figures(decay: Decay, factor_spread: float = 0.0, offset: float = 0.0) -> dict[str, Figure]:
    """Every figure of a lifetime by name.

    ``factor_spread`` is how far luminance per photocurrent differs between the spectra that it was computed with,
    relative: of two luminances far apart in time each was computed with its own. ``offset`` is what the photodiode's
    zero leaves open of a luminance [cd/m^2]: of all of them alike, and by drifting. Both are standard uncertainties
    (k = 1); a figure is computed once more with luminances that are off by so much, to see what they do to it.
    """
    course, largest = decay.course(), decay.largest_lasting() if _any_light(decay) else nan
    first = decay.first.luminance if decay.first is not None and _is_light(decay.first) else nan
    figures = _figures(decay, course, first, largest)
    others = []
    if offset > 0.0:
        shifted = replace(course, luminance=course.luminance + offset)
        others.append(_figures(decay, shifted, first + offset, largest + offset))
        drift = offset * course.time / course.time[-1] if len(course) else course.time
        others.append(_figures(decay, replace(course, luminance=course.luminance + drift), first, largest))
    if factor_spread > 0.0 and len(course) > 1:
        apart, share = sqrt(2) * factor_spread, course.time / course.time[-1]
        for off in (share, share > 0.5):  # little by little, and from one spectrum to the next
            moved = replace(course, luminance=course.luminance * (1 + apart * off))
            others.append(_figures(decay, moved, first, largest))
    moment = decay.conditions.reading / sqrt(3)  # a reading lies somewhere within the time it takes
    others.append(_figures(decay, replace(course, time=course.time + moment), first, largest))
    return {name: _widened(figure, [other[name].value for other in others]) for name, figure in figures.items()}


def _is_light(moment: Moment | None) -> bool:
    """Whether the luminance of a point is told from none, where its uncertainty is known."""
    return (
        moment is not None and moment.luminance > 0.0 and not moment.luminance <= CLEAR * moment.luminance_uncertainty
    )


def _any_light(decay: Decay) -> bool:
    """Whether a lifetime has light at L_0, or at its end."""
    return _is_light(decay.first) or _is_light(decay.last)


def _figures(decay: Decay, course: Course, first: float, largest: float) -> dict[str, Figure]:
    """The figures with what scatter alone leaves open of them; L_0 by time is ``first``, by maximum ``largest``."""
    fit = _fitted(course, decay.conditions.initial_time) if _any_light(decay) else None
    stress, at = decay.stress, decay.first
    figures = {"time_under_stress": Figure(stress, "s", "ok") if isfinite(stress) else missing("s", "not_reached")}
    figures |= _initial(decay, largest)
    moment = decay.conditions.reading / sqrt(3) * (_slope(fit, at.time) if at else 0.0)
    spread = nan if at is None else hypot(np.nan_to_num(at.spread), moment)
    for reference, name in ((first, BY_TIME), (largest, BY_MAXIMUM)):
        for share in SHARES:
            figures[f"lifetime_{round(100 * share)}{name}"] = _lifetime(course, reference, share, fit, spread)
    return figures | _parameters(fit) | {"voltage_rise": _voltage_rise(decay)}


def _widened(figure: Figure, others: Sequence[float]) -> Figure:
    """A figure, and what it would be otherwise leaves open of it besides."""
    if not isfinite(figure.uncertainty):
        return figure
    changes = [other - figure.value for other in others if isfinite(other)]
    u = hypot(figure.uncertainty, *changes)
    return replace(figure, uncertainty=u, expanded_uncertainty=figure.coverage_factor * u)


def _slope(fit: StretchedExponential | None, time: float) -> float:
    """How fast the light falls, |d ln L/dt| [1/s]; 0 where no curve says so."""
    if fit is None or not time > 0:
        return 0.0
    return float(fit.exponent / time * (time / fit.time_constant) ** fit.exponent)


def _fitted(course: Course, initial_time: float) -> StretchedExponential | None:
    """The stretched exponential through the course from its largest luminance on.

    What comes before the moment of L_0 is left out: the first reading looks for its ranges, so that its own moment is
    not known well enough where the light falls fastest.
    """
    early = course.time < initial_time - _ROUNDING
    known = np.flatnonzero(np.isfinite(course.luminance) & (course.luminance > 0) & ~early)
    if not known.size:
        return None
    from_top = known[int(np.argmax(running_median(course.luminance[known]))) :]
    return fit_stretched_exponential(course.time[from_top], course.luminance[from_top])


def _initial(decay: Decay, largest: float) -> dict[str, Figure]:
    first, unit = decay.first, "cd/m^2"
    if first is None or not _is_light(first):
        by_time = missing(unit, "not_reached", f"no light from {decay.conditions.initial_time:g} s under stress on")
    else:
        u, when = first.luminance_uncertainty, f"{first.time:.4g} s under stress"
        by_time = Figure(first.luminance, unit, "ok", first.voltage, uncertainty=u, reason=when)
    by_maximum = Figure(largest, unit, "ok") if isfinite(largest) else missing(unit, "not_reached", "no light")
    return {"initial_luminance": by_time, "largest_luminance": by_maximum}


def _lifetime(
    course: Course, reference: float, share: float, fit: StretchedExponential | None, spread: float
) -> Figure:
    """One lifetime; ``reference`` is L_0 [cd/m^2], known to the share ``spread`` (k = 1)."""
    if not reference > 0 or not len(course):
        return missing("s", "none", "no L_0 to refer to")
    known = np.isfinite(course.luminance)
    time, ratio = course.time[known], running_median(course.luminance[known] / reference)
    measured = time_to_share(time, ratio, share)
    luminance = share * reference
    spread = spread if isfinite(spread) else 0.0
    if isfinite(measured):
        u = hypot(_spread_at(fit, measured, luminance, spread), _bend(fit, time, measured))
        return Figure(measured, "s", "ok", luminance=luminance, uncertainty=u)
    record = float(time[-1]) if time.size else 0.0
    if fit is None:
        return missing("s", "not_reached", f"still above {share:.0%} after {record:.4g} s, and no curve fits")
    value = fit.time_at(luminance)
    if not isfinite(value):
        return missing("s", "not_reached", "the fitted curve says nothing of it")
    u = fit.uncertainty_of_time_at(luminance, spread)
    status = "extrapolated" if value <= FARTHEST * record else "extrapolated_far"
    where = f"{value / record:.2g} times the record of {record:.4g} s, if it stays a stretched exponential"
    return Figure(value, "s", status, luminance=luminance, uncertainty=u, reason=where)


def _spread_at(fit: StretchedExponential | None, time: float, luminance: float, spread: float) -> float:
    """The standard uncertainty of a time that was measured: the scatter there and that of L_0, through the slope."""
    if fit is None:
        return nan
    fallen = log(fit.amplitude / luminance)
    if not fallen > 0:
        return nan
    return time * hypot(spread, fit.scatter) / (fit.exponent * fallen)


def _bend(fit: StretchedExponential | None, time: FloatArray, measured: float) -> float:
    """How far the straight line between two values lies off the curve at a time between them [s]."""
    after = int(np.searchsorted(time, measured))
    if fit is None or not 0 < after < time.size:
        return 0.0
    ends = np.array([time[after - 1], time[after]])
    high, low = fit.ratio(ends).tolist()
    weight = (measured - ends[0]) / (ends[1] - ends[0])
    by_curve = fit.time_at(fit.amplitude * ((1 - weight) * high + weight * low))
    return abs(by_curve - measured) if isfinite(by_curve) else 0.0


def _parameters(fit: StretchedExponential | None) -> dict[str, Figure]:
    names = {"lifetime_time_constant": "s", "lifetime_stretching_exponent": "1"}
    if fit is None:
        why = "nothing to fit: too few values, or the luminance did not fall"
        return {name: missing(unit, "none", why) for name, unit in names.items()}
    if fit.at_bound:
        why = f"beta runs to the end of its range ({fit.exponent:.2g}): no stretched exponential fits"
        return {name: missing(unit, "none", why) for name, unit in names.items()}
    how = f"{fit.values} values to {fit.last:.4g} s, {fit.scatter:.2%} about the curve"
    return {
        "lifetime_time_constant": _with_interval(fit, fit.time_constant, "s", fit.time_constant_uncertainty, how),
        "lifetime_stretching_exponent": _with_interval(fit, fit.exponent, "1", fit.exponent_uncertainty, how),
    }


def _with_interval(fit: StretchedExponential, value: float, unit: str, u: float, how: str) -> Figure:
    k = fit.coverage_factor
    return Figure(value, unit, "ok", uncertainty=u, coverage_factor=k, expanded_uncertainty=k * u, reason=how)


def _voltage_rise(decay: Decay) -> Figure:
    """How far the voltage rose from where L_0 was taken to the last point."""
    if decay.first is None or decay.last is None:
        return missing("V", "not_reached")
    return Figure(decay.last.voltage - decay.first.voltage, "V", "ok", reason=f"in {decay.last.time:.4g} s")
