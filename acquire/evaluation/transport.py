"""The mobility of an electron-only or hole-only device from its current: window, fit, traps. Pure.

Of the voltage the built-in one and I R_s are taken out; what is left lies across the layer. A mobility is only given
where the current follows the square of that voltage: local slope d lg J/d lg V = 2.0 +- 0.1 over half a decade at
least (Röhr et al. 2018, doi 10.1088/1361-648X/aaabad). Between the ohmic current and one that injection limits such a
window may not exist, and then there is no mobility. Below the voltage at which traps are filled the same slope says
nothing of it: only what lies beyond counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, inf, isfinite, log, log10, nan, sqrt

import numpy as np
import numpy.typing as npt

from acquire.evaluation.figure import Figure, missing
from acquire.evaluation.layer import Layer
from acquire.photometry.elementwise import IntArray
from acquire.photometry.transport import FIELD_FACTOR, space_charge_factor, trap_density
from acquire.records import FloatArray

Truths = npt.NDArray[np.bool_]

#: The slope of a space-charge limited current, and how far the local one may be from it.
SPACE_CHARGE_SLOPE, SLOPE_TOLERANCE = 2.0, 0.1
#: How wide a window is at least, decades of voltage.
LEAST_WINDOW = 0.5
#: A local slope is that of a line through the points this far away on either side, decades of voltage.
NEIGHBOURHOOD = 0.1
#: A rise steeper than this, with less on either side, is that of traps being filled.
TRAP_FILLING_SLOPE = 4.0


@dataclass(frozen=True, eq=False)
class LayerCurve:
    """The points of one polarity (n,), all amounts, rising: what lies across the layer and what flows through it.

    ``row`` of each in the table of points; ``voltage`` [V] beyond the built-in one and I R_s, ``current`` [A],
    ``current_density`` [A/m^2]; ``slope`` d lg J/d lg V; ``current_limit`` [1] and ``voltage_limit`` [V] are the
    standard uncertainties of the meters.
    """

    row: IntArray
    voltage: FloatArray
    current: FloatArray
    current_density: FloatArray
    current_limit: FloatArray
    voltage_limit: FloatArray
    slope: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slope", local_slope(self.voltage, self.current_density))


def local_slope(voltage: FloatArray, current_density: FloatArray, neighbourhood: float = NEIGHBOURHOOD) -> FloatArray:
    """Return d lg J/d lg V (n,) of rising voltages: of a line through each point and those within ``neighbourhood``.

    At least one neighbour on either side takes part; NaN where there is none at all.
    """
    x, y = np.log10(voltage), np.log10(current_density)
    if x.size < 2:
        return np.full(x.shape, nan)
    first = np.minimum(np.searchsorted(x, x - neighbourhood * (1 + 1e-9)), np.maximum(np.arange(x.size) - 1, 0))
    last = np.maximum(
        np.searchsorted(x, x + neighbourhood * (1 + 1e-9), "right"), np.minimum(np.arange(x.size) + 2, x.size)
    )
    return np.array([np.polyfit(x[i:j] - x[i], y[i:j], 1)[0] for i, j in zip(first, last, strict=True)], float)


@dataclass(frozen=True, eq=False)
class TrapFilling:
    """A rise of the current as traps are filled: where it is steepest [V], how well that is known, where it is over."""

    voltage: float
    uncertainty: float
    end: float


def trap_filling(curve: LayerCurve) -> TrapFilling | None:
    """Find a rise steeper than :data:`TRAP_FILLING_SLOPE` with less steep stretches before it; None without one."""
    slope = curve.slope
    if slope.size < 3 or not np.nanmax(slope) > TRAP_FILLING_SLOPE:
        return None
    top = int(np.nanargmax(slope))
    if not (slope[:top] < TRAP_FILLING_SLOPE / 2 + SLOPE_TOLERANCE).any():
        return None
    gentle = np.flatnonzero(slope[top:] <= SPACE_CHARGE_SLOPE + SLOPE_TOLERANCE)
    end = float(curve.voltage[top + gentle[0]]) if gentle.size else inf
    here = _middle(curve, top)
    return TrapFilling(here, here * log(10) * NEIGHBOURHOOD / sqrt(3), end)


def _middle(curve: LayerCurve, top: int) -> float:
    """The middle of the rise around its steepest point [V]: the mean of ln V, weighted by what exceeds a slope of 2."""
    excess = curve.slope - SPACE_CHARGE_SLOPE
    high = excess > excess[top] / 2
    first, last = top, top
    while first > 0 and high[first - 1]:
        first -= 1
    while last < high.size - 1 and high[last + 1]:
        last += 1
    here = slice(first, last + 1)
    return float(np.exp(np.average(np.log(curve.voltage[here]), weights=excess[here])))


@dataclass(frozen=True, eq=False)
class SpaceChargeFit:
    """The law fitted to a window: ``inside`` are the places of its points on the curve, ``weight`` (m,) sums to one.

    ln mobility is the sum of ``of_mobility`` times ln J - 2 ln V of the points (m,), likewise ``of_activation``.
    """

    inside: IntArray
    mobility: float
    field_activation: float
    slope: float
    scatter: float
    of_mobility: FloatArray
    of_activation: FloatArray

    @property
    def degrees_of_freedom(self) -> float:
        """How many points there are more than numbers fitted."""
        return float(self.inside.size - (2 if self.of_activation.any() else 1))


def fit(curve: LayerCurve, layer: Layer, above: float = 0.0) -> SpaceChargeFit | None:
    """Fit the law to the widest window of a curve beyond ``above`` [V]; None where the window vanishes."""
    beyond = curve.voltage > above
    activation = 0.0
    found = None
    for _ in range(_MOST_PASSES):
        # What field activation adds to the slope is taken out before it is held against 2
        added = 0.5 * FIELD_FACTOR * activation * np.sqrt(curve.voltage / layer.thickness)
        square = np.abs(curve.slope - added - SPACE_CHARGE_SLOPE) <= SLOPE_TOLERANCE
        if layer.field_activated and found is None:
            square = curve.slope >= SPACE_CHARGE_SLOPE - SLOPE_TOLERANCE
        inside = widest_window(curve.voltage, square & beyond)
        if inside is None:
            return None
        if found is not None and np.array_equal(inside, found.inside):
            break
        found = _fitted(curve, layer, inside)
        activation = found.field_activation
    return found


_MOST_PASSES = 12


def widest_window(voltage: FloatArray, allowed: Truths) -> IntArray | None:
    """Return the places of the longest stretch that is ``allowed`` (n,); None below :data:`LEAST_WINDOW` decades."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], allowed.astype(int), [0]))))
    stretches = [(int(i), int(j)) for i, j in edges.reshape(-1, 2)]
    widest = max(stretches, key=lambda one: voltage[one[1] - 1] / voltage[one[0]], default=None)
    if widest is None or log10(voltage[widest[1] - 1] / voltage[widest[0]]) < LEAST_WINDOW * (1 - 1e-9):
        return None
    return np.arange(*widest)


def _fitted(curve: LayerCurve, layer: Layer, inside: IntArray) -> SpaceChargeFit:
    """Weighted least squares of ln J - 2 ln V: a constant, with field activation also a term in sqrt(V)."""
    voltage, current, density = (a[inside] for a in (curve.voltage, curve.current, curve.current_density))
    y = np.log(density) - SPACE_CHARGE_SLOPE * np.log(voltage) - log(_factor(layer))
    across = np.hypot(layer.built_in_voltage_uncertainty, current * layer.series_resistance_uncertainty)
    across = np.hypot(across, curve.voltage_limit[inside])
    spread = np.hypot(curve.current_limit[inside], SPACE_CHARGE_SLOPE * across / voltage)
    weight = 1 / np.maximum(spread, _FINEST)
    columns = [np.ones(inside.size)]
    if layer.field_activated:
        columns.append(FIELD_FACTOR * np.sqrt(voltage / layer.thickness))
    design = np.stack(columns, axis=1)
    estimators = np.linalg.pinv(design * weight[:, None]) * weight
    parameters = estimators @ y
    rest = y - design @ parameters
    share = weight**2 / (weight**2).sum()
    freedom = max(inside.size - len(columns), 1)
    return SpaceChargeFit(
        inside=inside,
        mobility=exp(parameters[0]),
        field_activation=float(parameters[1]) if layer.field_activated else 0.0,
        slope=float(np.polyfit(np.log(voltage), np.log(density), 1, w=weight)[0]),
        scatter=sqrt(float(share @ rest**2) * inside.size / freedom),
        of_mobility=estimators[0],
        of_activation=estimators[1] if layer.field_activated else np.zeros(inside.size),
    )


_FINEST = 1e-4  # relative: no point counts more than one known so well


def _factor(layer: Layer) -> float:
    return space_charge_factor(layer.thickness, layer.permittivity)


# --- figures of merit ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Analysed:
    """What was found of one polarity, ``positive`` or ``negative``."""

    polarity: str
    curve: LayerCurve
    traps: TrapFilling | None
    fit: SpaceChargeFit | None


def analysed(polarity: str, curve: LayerCurve, layer: Layer) -> Analysed:
    """Find traps and fit the law to the curve of one polarity."""
    traps = trap_filling(curve)
    found = fit(curve, layer, above=traps.end if traps else 0.0) if curve.voltage.size > 2 else None
    return Analysed(polarity, curve, traps, found)


def transport_figures(found: Analysed, layer: Layer) -> dict[str, Figure]:
    """Return the figures of one polarity, each with its sign at the end of its name."""
    figures = {**_of_fit(found, layer), **_of_traps(found, layer)}
    return {f"{name}_{found.polarity}": figure for name, figure in figures.items()}


def _of_fit(found: Analysed, layer: Layer) -> dict[str, Figure]:
    names = {"mobility": "m^2/(V s)", "space_charge_slope": "1", "window_start": "V", "window_end": "V"}
    names |= {"field_activation": "(m/V)^0.5"} if layer.field_activated else {}
    if found.fit is None:
        return {name: missing(unit, "not_reached", _no_window(found, layer)) for name, unit in names.items()}
    fitted, curve = found.fit, found.curve
    values = {
        "mobility": fitted.mobility,
        "space_charge_slope": fitted.slope,
        "window_start": float(curve.voltage[fitted.inside[0]]),
        "window_end": float(curve.voltage[fitted.inside[-1]]),
        "field_activation": fitted.field_activation,
    }
    figures = {name: Figure(values[name], unit, "ok") for name, unit in names.items()}
    status = "effective" if layer.layers > 1 else "ok"
    figures["mobility"] = Figure(fitted.mobility, names["mobility"], status, reason=_about(fitted, curve, layer))
    return figures


def _about(fitted: SpaceChargeFit, curve: LayerCurve, layer: Layer) -> str:
    """What is to be known of a mobility."""
    low, high = (curve.voltage[fitted.inside[end]] for end in (0, -1))
    parts = [f"of {layer.layers:g} layers taken as one"] if layer.layers > 1 else []
    parts.append(f"slope {fitted.slope:.2f} from {low:.2g} V to {high:.2g} V, {log10(high / low):.1f} decades")
    parts += ["that at no field"] if layer.field_activated else []
    return ", ".join([*parts, "of one thickness: that it does not depend on it others must show"])


def _no_window(found: Analysed, layer: Layer) -> str:
    """Why there is no mobility."""
    slope, traps = found.curve.slope, found.traps
    known = slope[np.isfinite(slope)]
    if known.size < 3:
        return "fewer than three points stand out from no current"
    where = "beyond the filling of traps " if traps else ""
    said = f"{where}over no half a decade of voltage is the local slope {SPACE_CHARGE_SLOPE} +- {SLOPE_TOLERANCE}"
    if traps and not isfinite(traps.end):
        return f"{said}: the sweep ends before all traps are filled"
    if known[0] > TRAP_FILLING_SLOPE / 2 + 1 and (np.diff(known) < SLOPE_TOLERANCE).all():
        return f"{said}: it falls from {known[0]:.2f} to {known[-1]:.2f}, as where a built-in voltage is left in"
    if not layer.field_activated and known[-3:].min() > SPACE_CHARGE_SLOPE + SLOPE_TOLERANCE:
        return f"{said}, at the end it is {known[-1]:.2f}: law: field_activated allows for a mobility that rises"
    return f"{said}; it runs from {known.min():.2f} to {known.max():.2f}"


def _of_traps(found: Analysed, layer: Layer) -> dict[str, Figure]:
    if (traps := found.traps) is None:
        return {}
    if not isfinite(traps.end):
        why = "the current rises steeply up to the end of the sweep: whether traps are filled there, nobody knows"
        units = {"trap_filled_voltage": "V", "trap_density": "1/m^3"}
        return {name: missing(unit, "not_reached", why) for name, unit in units.items()}
    reason = "where the current rises most steeply; a built-in voltage that is not taken out looks alike"
    density = trap_density(traps.voltage, layer.thickness, layer.permittivity)
    relative = sqrt(
        (traps.uncertainty / traps.voltage) ** 2
        + (2 * layer.thickness_uncertainty / layer.thickness) ** 2
        + (layer.permittivity_uncertainty / layer.permittivity) ** 2
    )
    return {
        "trap_filled_voltage": Figure(traps.voltage, "V", "ok", uncertainty=traps.uncertainty, reason=reason),
        "trap_density": Figure(density, "1/m^3", "ok", uncertainty=density * relative, reason=reason),
    }


def asymmetry(found: Mapping[str, Analysed]) -> Figure:
    """Return the mean of lg(J+/J-) over the logarithm of the voltages that both polarities cover; 0: symmetrical."""
    if len(found) < 2:
        return missing("1")
    positive, negative = (found[name].curve for name in ("positive", "negative"))
    if not (positive.voltage.size and negative.voltage.size):
        return missing("1", "none", "in one polarity no current stands out from none")
    low, high = (of(positive.voltage[end], negative.voltage[end]) for of, end in ((max, 0), (min, -1)))
    x = np.log10(positive.voltage[(positive.voltage >= low) & (positive.voltage <= high)])
    if x.size < 2:
        return missing("1", "none", "the polarities have no voltages in common")
    other = np.interp(x, np.log10(negative.voltage), np.log10(negative.current_density))
    ratio = np.interp(x, np.log10(positive.voltage), np.log10(positive.current_density)) - other
    return Figure(float(np.trapezoid(ratio, x) / np.ptp(x)), "1", "ok")
