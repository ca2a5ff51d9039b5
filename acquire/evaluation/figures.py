"""Figures of merit of a finished sweep: pure functions of its columns.

Everything that interpolates does so on the ascending branch, at the first upward crossing, after dark
subtraction. A figure that does not exist is NaN with a status that says why, never the nearest point.

Statuses: ``ok``; ``not_reached``; ``above_at_start``; ``von_upper_bound`` (the light before the crossing was
lost in the noise: turn-on is at or below this voltage); ``unconfirmed`` (the crossing is at the last point, with
none after it to bear it out); ``at_end_of_sweep`` (a maximum at the first or last point: beyond it there may be a
larger one); ``none`` (there is nothing to compute it from). What the flags of points add is in
:mod:`acquire.evaluation.flagged`; ``doubtful`` and ``impossible`` in place of any of these is what
:mod:`acquire.evaluation.findings` says against a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import exp, isnan, log, nan, pi

import numpy as np

from acquire.evaluation.figure import Figure, JVLCurve, missing
from acquire.evaluation.ideality import ideality_factor, ohmic_leak
from acquire.photometry.efficiency import current_efficiency, power_efficiency
from acquire.records import FloatArray

#: Luminance [cd/m^2] that counts as light.
TURN_ON_LUMINANCE = 1.0
#: Luminances [cd/m^2] at which a device is compared with others.
LUMINANCE_LEVELS = (100.0, 1000.0, 10000.0)


def turn_on_voltage(
    voltage: FloatArray,
    luminance: FloatArray,
    luminance_noise: FloatArray | float = 0.0,
    threshold: float = TURN_ON_LUMINANCE,
    relative_uncertainty: float = nan,
) -> Figure:
    """Return V_on = V1 + (V2-V1) ln(L_th/L1)/ln(L2/L1) [V], where L1 < L_th <= L2.

    Columns (n,) on a rising branch; luminances and noise sigma_L in cd/m^2. The point after 2 must also reach
    the threshold, and neither counts below 3 sigma_L. When L1 <= 3 sigma_L, V2 is an upper bound.
    ``relative_uncertainty`` of the luminance at turn-on becomes that of the voltage through the slope.
    """
    noise = np.broadcast_to(np.asarray(luminance_noise, float), luminance.shape)
    complete = np.isfinite(voltage) & np.isfinite(luminance)
    voltage, luminance, noise = voltage[complete], luminance[complete], noise[complete]
    i, status = _upward_crossing(told_from_noise(luminance, noise), threshold)
    if i is None:
        return missing("V", status)
    v1, v2, l1, l2 = (float(a[k]) for a in (voltage, luminance) for k in (i - 1, i))
    if l1 <= 0 or l1 <= 3 * noise[i - 1]:
        return Figure(v2, "V", "von_upper_bound", v2, luminance=l2)
    slope = (v2 - v1) / log(l2 / l1)
    value = v1 + slope * log(threshold / l1)
    return Figure(value, "V", status, value, luminance=threshold, uncertainty=abs(slope) * relative_uncertainty)


def told_from_noise(luminance: FloatArray, noise: FloatArray) -> FloatArray:
    """The luminance where it is above 3 sigma_L, else no light: a blip of noise is no turn-on."""
    return np.where(luminance > 3 * np.nan_to_num(noise), luminance, np.minimum(luminance, 0.0))


def _upward_crossing(luminance: FloatArray, threshold: float) -> tuple[int | None, str]:
    """Return the index of the first point of the first lasting rise over the threshold, and the status."""
    above = luminance >= threshold
    if not above.any():
        return None, "not_reached"
    if above[0] and above[:2].all():
        return None, "above_at_start"
    rising = np.flatnonzero(above[1:] & ~above[:-1]) + 1
    for i in rising:
        if i + 1 < above.size and above[i + 1]:
            return int(i), "ok"
    if above[-1] and rising.size:
        return int(rising[-1]), "unconfirmed"
    return None, "not_reached"


def values_at_luminance(curve: JVLCurve, target: float) -> dict[str, Figure]:
    """Return V, J, CE, PE and EQE of a rising branch at the luminance ``target`` [cd/m^2].

    V linear and ln J linear in ln L between the neighbours; then CE = L/J. EQE = CE times the factor EQE/CE of
    the spectrum, PE = pi CE F/V with F = PE V/(pi CE), these two factors linear in ln L: the efficiencies
    themselves are never interpolated.
    """
    complete = np.flatnonzero(np.isfinite(curve.voltage) & np.isfinite(curve.luminance))
    lit = told_from_noise(curve.luminance, curve.luminance_noise)
    crossing, status = _upward_crossing(lit[complete], target)
    if crossing is None:
        return {name: missing(unit, status) for name, unit in _UNITS.items()}
    i, j = (int(complete[k]) for k in (crossing - 1, crossing))
    if not (curve.luminance[i] > 0 and curve.current_density[i] > 0 and curve.current_density[j] > 0):
        return {name: missing(unit) for name, unit in _UNITS.items()}
    weight = log(target / curve.luminance[i]) / log(curve.luminance[j] / curve.luminance[i])
    values = _operating_point(curve, i, j, weight, target)
    where = values["voltage"], values["current_density"], target
    return {
        name: Figure(value, _UNITS[name], "none" if isnan(value) else status, *where) for name, value in values.items()
    }


def _operating_point(curve: JVLCurve, i: int, j: int, weight: float, luminance: float) -> dict[str, float]:
    """Return the values between the points i and j."""
    voltage = _between(curve.voltage, i, j, weight)
    current_density = float(curve.current_density[i] ** (1 - weight) * curve.current_density[j] ** weight)
    efficiency = current_efficiency(luminance, current_density)
    pair = [i, j]
    efficiencies = curve.current_efficiency[pair]
    quantum_factors = curve.external_quantum_efficiency[pair] / efficiencies
    angular_factors = curve.power_efficiency[pair] * curve.voltage[pair] / (pi * efficiencies)
    return {
        "voltage": voltage,
        "current_density": current_density,
        "current_efficiency": efficiency,
        "power_efficiency": power_efficiency(efficiency, voltage, _between(angular_factors, 0, 1, weight)),
        "external_quantum_efficiency": efficiency * _between(quantum_factors, 0, 1, weight),
    }


_UNITS: Mapping[str, str] = {
    "voltage": "V",
    "current_density": "A/m^2",
    "current_efficiency": "cd/A",
    "power_efficiency": "lm/W",
    "external_quantum_efficiency": "1",
}


def _between(column: FloatArray, i: int, j: int, weight: float) -> float:
    return float((1 - weight) * column[i] + weight * column[j])


def maximum(curve: JVLCurve, quantity: str, unit: str) -> Figure:
    """Return the largest sample of a column, with V, J and L there; no interpolation.

    Only points with L >= max(1 cd/m^2, 10 sigma_L) take part: ``not_reached`` when there is none, ``none`` when
    the column has no values there.
    """
    bright = curve.luminance >= np.maximum(TURN_ON_LUMINANCE, 10 * np.nan_to_num(curve.luminance_noise))
    if not bright.any():
        return missing(unit, "not_reached")
    column = np.where(bright, getattr(curve, quantity), nan)
    if np.isnan(column).all():
        return missing(unit)
    i = int(np.nanargmax(column))
    where = float(curve.voltage[i]), float(curve.current_density[i]), float(curve.luminance[i])
    return Figure(float(column[i]), unit, "ok", *where, float(getattr(curve, f"{quantity}_uncertainty")[i]))


def roll_off(abscissa: FloatArray, efficiency: FloatArray, share: float, unit: str, top: int | None = None) -> Figure:
    """Return where, beyond its maximum, an efficiency first falls to ``share`` of it.

    ``abscissa`` (n,) current density or luminance in ``unit``; the efficiency is linear in its logarithm.
    ``top`` is the index of the maximum, None for the largest sample. ``not_reached`` when it never falls so far.
    """
    if np.isnan(efficiency).all():
        return missing(unit)
    top = int(np.nanargmax(efficiency)) if top is None else top
    limit = share * efficiency[top]
    beyond = top + np.flatnonzero(np.isfinite(efficiency[top:]) & (abscissa[top:] > 0))
    x, eta = np.log(abscissa[beyond]), efficiency[beyond]
    fallen = np.flatnonzero(eta <= limit)
    if not (limit > 0 and fallen.size and fallen[0] > 0):
        return missing(unit, "not_reached")
    j = int(fallen[0])
    weight = float((eta[j - 1] - limit) / (eta[j - 1] - eta[j]))
    return Figure(exp(_between(x, j - 1, j, weight)), unit, "ok")


def triplet_annihilation(current_density: FloatArray, half_current_density: float) -> FloatArray:
    """Return EQE/EQE0 = (J0/4J)(sqrt(1 + 8 J/J0) - 1) [1]; J0 is where it has fallen to one half.

    Any equal units of J and J0. Baldo, Adachi, Forrest 2000, doi 10.1103/PhysRevB.62.10967; written so that
    nothing cancels at small J.
    """
    return np.asarray(2 / (np.sqrt(1 + 8 * current_density / half_current_density) + 1), float)


Characteristic = tuple[FloatArray, FloatArray]


def hysteresis_index(forward: Characteristic, reverse: Characteristic) -> Figure:
    """Return HI = (A_r - A_f)/(A_r + A_f), A = int J dV over the voltages both branches cover.

    Each branch is its voltage [V] and current density [A/m^2]. One number never characterises a hysteresis:
    Habisreutinger, Noel, Snaith 2018, doi 10.1021/acsenergylett.8b01627.
    """
    voltage = _common_voltages(forward, reverse)
    if voltage.size < 2:
        return missing("1")
    area_f, area_r = (float(np.trapezoid(_at(voltage, branch), voltage)) for branch in (forward, reverse))
    total = area_r + area_f
    return Figure((area_r - area_f) / total, "1", "ok") if total != 0 else missing("1")


def hysteresis_index_log(forward: Characteristic, reverse: Characteristic) -> Figure:
    """Return HI_log = (1/dV) int lg(J_r/J_f) dV over the voltages at which both currents are known and positive."""
    forward, reverse = _logarithmic(forward), _logarithmic(reverse)
    voltage = _common_voltages(forward, reverse)
    if voltage.size < 2:
        return missing("1")
    ratio = _at(voltage, reverse) - _at(voltage, forward)
    return Figure(float(np.trapezoid(ratio, voltage)) / float(np.ptp(voltage)), "1", "ok")


def _logarithmic(branch: Characteristic) -> Characteristic:
    voltage, current_density = branch
    positive = current_density > 0
    return voltage[positive], np.log10(current_density[positive])


def _common_voltages(first: Characteristic, second: Characteristic) -> FloatArray:
    """Return every voltage of either branch within the range of both, ascending; empty when they do not overlap."""
    voltages = [voltage[np.isfinite(voltage) & np.isfinite(values)] for voltage, values in (first, second)]
    if not all(voltage.size for voltage in voltages):
        return np.empty(0)
    low, high = max(voltage.min() for voltage in voltages), min(voltage.max() for voltage in voltages)
    union = np.unique(np.concatenate(voltages))
    return np.asarray(union[(union >= low) & (union <= high)], float)


def _at(voltage: FloatArray, branch: Characteristic) -> FloatArray:
    complete = np.isfinite(branch[0]) & np.isfinite(branch[1])
    order = np.argsort(branch[0][complete], kind="stable")
    return np.asarray(np.interp(voltage, branch[0][complete][order], branch[1][complete][order]), float)


def _ideality(curve: JVLCurve) -> dict[str, Figure]:
    """Return n of the current and n_L of the light."""
    voltage, current, floor = curve.voltage, curve.current_density, curve.current_density_floor
    leak = ohmic_leak(voltage, current, floor)
    factor = ideality_factor(voltage, current, leak_conductance=leak, noise_floor=floor)
    if leak > 0:
        factor = replace(factor, reason=f"{factor.reason}; leak of {leak:.2g} S/m^2 subtracted")
    return {
        "ideality_factor": factor,
        "luminance_ideality_factor": ideality_factor(voltage, curve.luminance, noise_floor=10 * curve.luminance_noise),
    }


def figures_of_merit(
    forward: JVLCurve | None,
    reverse: JVLCurve | None = None,
) -> dict[str, Figure]:
    """Return every figure of merit of a sweep's points by name.

    The forward branch decides; without one, the reverse branch from low to high. With both, the hysteresis
    comes in addition.
    """
    forward = forward if forward is not None and len(forward) else None
    reverse = reverse if reverse is not None and len(reverse) else None
    rising = forward if forward is not None else reverse.reversed() if reverse is not None else None
    if rising is None:
        return {}
    figures = {"turn_on_voltage": turn_on_of(rising)}
    figures |= _maxima(rising)
    for level in LUMINANCE_LEVELS:
        values = values_at_luminance(rising, level)
        figures |= {f"{name}_at_{level:.0f}_cd_m2": figure for name, figure in values.items()}
    figures |= _roll_offs(rising, figures["external_quantum_efficiency_max"])
    figures |= _estimates(rising, figures)
    figures |= _ideality(rising)
    if forward is not None and reverse is not None:
        figures |= hysteresis_figures(forward, reverse)
        figures["turn_on_voltage_hysteresis"] = _turn_on_shift(forward, reverse)
    return figures


def turn_on_of(curve: JVLCurve) -> Figure:
    """Return the turn-on voltage of a rising branch [V]."""
    lit = curve.luminance >= TURN_ON_LUMINANCE
    relative = curve.luminance_uncertainty[lit] / curve.luminance[lit]
    return turn_on_voltage(
        curve.voltage,
        curve.luminance,
        curve.luminance_noise,
        relative_uncertainty=float(relative[0]) if relative.size else nan,
    )


_MAXIMA: Mapping[str, str] = {
    "luminance": "cd/m^2",
    "current_efficiency": "cd/A",
    "power_efficiency": "lm/W",
    "external_quantum_efficiency": "1",
}


def _marked_at_end(top: Figure, column: FloatArray) -> Figure:
    """A maximum, not called ``ok`` where it is the first or last value of a branch of three or more points (n,)."""
    known = column[np.isfinite(column)]
    if top.status != "ok" or column.size < 3 or top.value not in (known[0], known[-1]):
        return top
    end, place = ("last", -1) if top.value == known[-1] else ("first", 0)
    beyond = "" if np.isfinite(column[place]) else " that has one"
    return replace(top, status="at_end_of_sweep", reason=f"the largest value is that of the {end} point{beyond}")


def _maxima(curve: JVLCurve) -> dict[str, Figure]:
    """Return the maxima, and V, J, L at each of them."""
    figures = {}
    for quantity, unit in _MAXIMA.items():
        name = f"{quantity}_max"
        top = figures[name] = _marked_at_end(maximum(curve, quantity, unit), getattr(curve, quantity))
        places = {"voltage": "V", "current_density": "A/m^2", "luminance": "cd/m^2"}
        for place, place_unit in places.items():
            if place != quantity:
                value = getattr(top, place)
                status = "none" if isnan(value) and top.status == "ok" else top.status
                figures[f"{place}_at_{name}"] = Figure(value, place_unit, status)
    return figures


def _estimates(curve: JVLCurve, figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """Return the summit of the parabola in ln J through each largest sample and its neighbours.

    It stands beside the sample, never in its place: with wide steps the largest sample is low.
    """
    return {
        f"{quantity}_max_estimate": _summit(curve, quantity, unit, figures[f"{quantity}_max"])
        for quantity, unit in _MAXIMA.items()
    }


def _summit(curve: JVLCurve, quantity: str, unit: str, top: Figure) -> Figure:
    column = getattr(curve, quantity)
    if not np.isfinite(top.value):
        return missing(unit, top.status)
    if not top.current_density > 0:
        return missing(unit, "none", "no current flows in the forward direction there")
    known = np.flatnonzero(np.isfinite(column) & (column > 0) & (curve.current_density > 0))
    at = np.flatnonzero(column[known] == top.value)
    if not at.size:
        return missing(unit, "none", "there the current does not go forward")
    here = int(at[0])
    if not 0 < here < known.size - 1:
        return missing(unit, "none", "the largest sample has no neighbour on one side")
    three = known[here - 1 : here + 2]
    x, y = np.log(curve.current_density[three] / top.current_density), np.log(column[three])
    if not (np.diff(x) > 0).all():
        return missing(unit, "none", "the current does not rise there")
    bend, slope, height = np.polyfit(x, y, 2).tolist()
    if not bend < 0:
        return missing(unit, "none", "the three points have no summit")
    place = -slope / (2 * bend)
    value = exp(height + slope * place / 2)
    current = top.current_density * exp(place)
    return Figure(value, unit, "ok", current_density=current, uncertainty=top.uncertainty * value / top.value)


def _roll_offs(curve: JVLCurve, top: Figure) -> dict[str, Figure]:
    """Return J50, J90, L50 and L90: where EQE has fallen to 50 % or 90 % of its maximum."""
    places = {
        "roll_off_current_density_50": (curve.current_density, 0.5, "A/m^2"),
        "roll_off_current_density_90": (curve.current_density, 0.9, "A/m^2"),
        "roll_off_luminance_50": (curve.luminance, 0.5, "cd/m^2"),
        "roll_off_luminance_90": (curve.luminance, 0.9, "cd/m^2"),
    }
    if isnan(top.value):
        return {name: missing(unit, top.status) for name, (_, _, unit) in places.items()}
    # Told where the maximum is: in the dark EQE is noise over noise and could pass for it.
    eqe = curve.external_quantum_efficiency
    start = int(np.flatnonzero(eqe == top.value)[0])
    return {name: roll_off(column, eqe, share, unit, start) for name, (column, share, unit) in places.items()}


def hysteresis_figures(forward: JVLCurve, reverse: JVLCurve) -> dict[str, Figure]:
    """Return both indices, and the scan rate and the dwell without which they say little."""
    branches = [(curve.voltage, curve.current_density) for curve in (forward, reverse)]
    return {
        "hysteresis_index": hysteresis_index(*branches),
        "hysteresis_index_log": hysteresis_index_log(*branches),
        **_pace(forward, reverse),
    }


def _turn_on_shift(forward: JVLCurve, reverse: JVLCurve) -> Figure:
    on_f, on_r = turn_on_of(forward), turn_on_of(reverse.reversed())
    both = on_f.status == on_r.status == "ok"
    return Figure(on_f.value - on_r.value, "V", "ok") if both else missing("V")


def _pace(forward: JVLCurve, reverse: JVLCurve) -> dict[str, Figure]:
    """Return |dV/dt| [V/s], and how long a level stood [s]: the medians over both branches, by the time stamps."""
    rates, dwells = (np.concatenate(pair) for pair in zip(pace_of(forward), pace_of(reverse), strict=True))
    first = "forward" if forward.time[0] < reverse.time[0] else "reverse"
    return {
        name: Figure(float(np.median(values)), unit, "ok", reason=f"{first} branch first")
        if values.size
        else missing(unit)
        for name, values, unit in (("scan_rate", rates, "V/s"), ("dwell", dwells, "s"))
    }


def pace_of(curve: JVLCurve) -> tuple[FloatArray, FloatArray]:
    """Return |dV/dt| [V/s] and the time [s] from point to point of a branch, where both are known."""
    steps, times = np.diff(curve.voltage), np.diff(curve.time)
    known = np.isfinite(steps) & (times > 0)
    return np.abs(steps[known] / times[known]), times[known]
