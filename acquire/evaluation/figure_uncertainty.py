"""How well the figures of merit of a sweep are known: each from the budgets of the points behind it. Pure.

A figure at a given luminance lies between two points: what both share (scale, area, wavelength) moves it as a whole,
the scatter of each of the two counts for itself, and how far the curve departs from the straight line between them
is judged from the points on either side. At a *given* luminance an error of the luminance scale moves the place on
the curve, so that it enters through the local slope: CE(L) = L/J(L) moves by d ln J/d ln L, not by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, log, nan

import numpy as np

from acquire.evaluation.figure import Figure, JVLCurve
from acquire.evaluation.figures import LUMINANCE_LEVELS, TURN_ON_LUMINANCE, _upward_crossing, told_from_noise
from acquire.photometry.terms import (
    OF_A_POINT,
    Distribution,
    Part,
    Sensitivity,
    Term,
    between,
    combined,
    coverage_factor,
    terms,
    total,
)
from acquire.photometry.uncertainty import Budget, rectangular
from acquire.records import FloatArray


@dataclass(frozen=True, eq=False)
class BudgetedCurve:
    """A rising branch, and the budget of each of its points by its place on the branch.

    ``ammeter`` (n,) is the relative standard uncertainty of the current alone, by the meter's limit of error.
    """

    curve: JVLCurve
    budget: Callable[[int], Budget[float]]
    ammeter: FloatArray


@dataclass(frozen=True, slots=True)
class FigureBudget:
    """The terms of a figure; ``relative`` when they are of its logarithm, else they are in its unit."""

    terms: tuple[Term, ...]
    relative: bool = True

    def uncertainty(self, value: float) -> float:
        """The standard uncertainty (k = 1) in the unit of the figure; NaN when it is not known."""
        u = total(self.terms) * (abs(value) if self.relative else 1.0)
        return u if self.terms and isfinite(u) else nan


def with_uncertainties(figures: Mapping[str, Figure], budgets: Mapping[str, FigureBudget]) -> dict[str, Figure]:
    """Return the figures with standard and expanded uncertainty where there is a budget."""
    return {
        name: _known(figure, budgets[name]) if name in budgets else _expanded(figure)
        for name, figure in figures.items()
    }


def _known(figure: Figure, budget: FigureBudget) -> Figure:
    u, k = budget.uncertainty(figure.value), coverage_factor(budget.terms)
    return replace(figure, uncertainty=u, coverage_factor=k, expanded_uncertainty=k * u)


def _expanded(figure: Figure) -> Figure:
    """A figure whose uncertainty was told already: of its terms nothing is known, and it is taken to be normal."""
    if not isfinite(figure.uncertainty) or isfinite(figure.coverage_factor):
        return figure
    k = coverage_factor([Term("all", figure.uncertainty, 1.0, Distribution.NORMAL, Part.COMMON)])
    return replace(figure, coverage_factor=k, expanded_uncertainty=k * figure.uncertainty)


def figure_budgets(
    figures: Mapping[str, Figure], forward: BudgetedCurve | None, reverse: BudgetedCurve | None = None
) -> dict[str, FigureBudget]:
    """Return the budget of every figure that has a value and of which one is known, by name.

    ``forward`` and ``reverse`` are rising, the latter from low to high; the forward one decides, as in
    :func:`~acquire.evaluation.figures.figures_of_merit`.
    """
    rising = forward or reverse
    if rising is None:
        return {}
    found = {
        **dict(_at_turn_on(rising)),
        **dict(_at_maxima(figures, rising)),
        **dict(_at_levels(rising)),
        **dict(_at_roll_off(figures, rising)),
        **dict(_of_hysteresis(figures, forward, reverse)),
    }
    return {name: budget for name, budget in found.items() if name in figures and _has_interval(figures[name])}


def _has_interval(figure: Figure) -> bool:
    """Whether it is a value with something on either side of it, not a bound."""
    return isfinite(figure.value) and figure.status != "von_upper_bound"


# --- between two points ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Crossing:
    """Where a branch first rises through a luminance: its neighbours, and what the curve does between them.

    ``voltage_slope`` dV/d ln L [V], ``current_slope`` d ln J/d ln L, ``factor_slope`` d ln kappa/d ln L; the
    ``*_bend`` are how far V [V] and ln J lie off the straight line.
    """

    lower: int
    upper: int
    weight: float
    voltage: float
    voltage_slope: float
    current_slope: float
    factor_slope: float
    voltage_bend: float
    current_bend: float


def _crossing(curve: JVLCurve, luminance: float) -> _Crossing | None:
    """Return where the branch rises through ``luminance`` [cd/m^2]; None when it does not do so between two points."""
    complete = np.flatnonzero(np.isfinite(curve.voltage) & np.isfinite(curve.luminance))
    place, _ = _upward_crossing(told_from_noise(curve.luminance, curve.luminance_noise)[complete], luminance)
    if place is None:
        return None
    i, j = int(complete[place - 1]), int(complete[place])
    if not (curve.luminance[i] > 0 and curve.luminance[j] > curve.luminance[i]):
        return None
    around = [int(k) for k in complete[max(place - 2, 0) : place + 2] if curve.luminance[k] > 3 * _noise(curve, int(k))]
    with np.errstate(divide="ignore", invalid="ignore"):
        x, ln_j = np.log(curve.luminance), np.log(curve.current_density)
        ln_factor = np.log(curve.external_quantum_efficiency / curve.current_efficiency)
    target = log(luminance)
    weight = float((target - x[i]) / (x[j] - x[i]))
    return _Crossing(
        lower=i,
        upper=j,
        weight=weight,
        voltage=float((1 - weight) * curve.voltage[i] + weight * curve.voltage[j]),
        voltage_slope=_slope(x, curve.voltage, i, j),
        current_slope=_slope(x, ln_j, i, j),
        factor_slope=_slope(x, ln_factor, i, j),
        voltage_bend=_bend(x, curve.voltage, i, j, around, target),
        current_bend=_bend(x, ln_j, i, j, around, target),
    )


def _noise(curve: JVLCurve, i: int) -> float:
    return float(np.nan_to_num(curve.luminance_noise[i]))


def _slope(x: FloatArray, y: FloatArray, i: int, j: int) -> float:
    return float((y[j] - y[i]) / (x[j] - x[i]))


def _bend(x: FloatArray, y: FloatArray, i: int, j: int, around: Sequence[int], target: float) -> float:
    """Return how far a curve lies off its chord, (x - x_i)(x - x_j) y''/2, from the neighbours on either side.

    The remainder of linear interpolation (Abramowitz and Stegun, 25.2.1), with divided differences for the
    derivative; the mean of those with the point before and with the point after, as far as they are bright enough.
    """
    chord = _slope(x, y, i, j)
    seconds = [
        (chord - _slope(x, y, k, i)) / (x[j] - x[k]) if k < i else (_slope(x, y, j, k) - chord) / (x[k] - x[i])
        for k in around
        if k not in (i, j) and (x[k] < x[i] if k < i else x[k] > x[j])
    ]
    finite = [float(second) for second in seconds if isfinite(second)]
    return (target - float(x[i])) * (target - float(x[j])) * sum(finite) / len(finite) if finite else 0.0


def _between(branch: BudgetedCurve, crossing: _Crossing, sensitivity: Sensitivity, bend: float) -> Iterator[Term]:
    """The terms of a figure between two points; ``bend`` is that of its logarithm."""
    lower, upper = (terms(branch.budget(i), sensitivity) for i in (crossing.lower, crossing.upper))
    yield from between(lower, upper, crossing.weight)
    if bend:
        yield _term("interpolation", abs(bend), Distribution.RECTANGULAR)


def _term(name: str, limit: float, distribution: Distribution, part: Part = Part.INDEPENDENT) -> Term:
    """A term of a figure of its own, from its limit."""
    return Term(name, rectangular(limit), 1.0, distribution, part)


def _at_turn_on(branch: BudgetedCurve) -> Iterator[tuple[str, FigureBudget]]:
    crossing = _crossing(branch.curve, TURN_ON_LUMINANCE)
    if crossing is not None:
        yield "turn_on_voltage", FigureBudget(tuple(_turn_on_terms(branch, crossing)))


def _turn_on_terms(branch: BudgetedCurve, crossing: _Crossing) -> Iterator[Term]:
    """The voltage at a given luminance: the voltmeter, and all that moves luminance, through the slope."""
    sensitivity = Sensitivity(voltage=1, luminance=-crossing.voltage_slope / crossing.voltage)
    return _between(branch, crossing, sensitivity, crossing.voltage_bend / crossing.voltage)


def _at_levels(branch: BudgetedCurve) -> Iterator[tuple[str, FigureBudget]]:
    for level in LUMINANCE_LEVELS:
        if (crossing := _crossing(branch.curve, level)) is not None:
            for name, (sensitivity, bend) in _at_luminance(crossing).items():
                budget = FigureBudget(tuple(_between(branch, crossing, sensitivity, bend)))
                yield f"{name}_at_{level:.0f}_cd_m2", budget


def _at_luminance(at: _Crossing) -> dict[str, tuple[Sensitivity, float]]:
    """How each quantity at a given luminance follows the errors of the points, and how far its curve is bent."""
    along, climb = at.current_slope, at.voltage_slope / at.voltage
    bend, voltage_bend = at.current_bend, at.voltage_bend / at.voltage
    factor_slope = at.factor_slope if isfinite(at.factor_slope) else 0.0
    return {
        "voltage": (Sensitivity(voltage=1, luminance=-climb), voltage_bend),
        "current_density": (Sensitivity(current_density=1, luminance=-along), bend),
        "current_efficiency": (Sensitivity(current_density=-1, luminance=along), bend),
        "power_efficiency": (
            Sensitivity(current_density=-1, luminance=along + climb, voltage=-1, angular_factor=1),
            bend + voltage_bend,
        ),
        "external_quantum_efficiency": (
            Sensitivity(current_density=-1, luminance=along - factor_slope, angular_factor=1, quantum_factor=1),
            bend,
        ),
    }


# --- at a point --------------------------------------------------------------------------------------------

_MAXIMA = ("luminance", "current_efficiency", "power_efficiency", "external_quantum_efficiency")


def _at_maxima(figures: Mapping[str, Figure], branch: BudgetedCurve) -> Iterator[tuple[str, FigureBudget]]:
    """The maxima are samples: their budget is that of the point, and so are those of V, J, L there."""
    for quantity in _MAXIMA:
        name = f"{quantity}_max"
        if (at := _place_of(figures.get(name), branch.curve, quantity)) is None:
            continue
        budget = branch.budget(at)
        of_quantity = FigureBudget(tuple(terms(budget, OF_A_POINT[quantity])))
        yield name, of_quantity
        yield f"{name}_estimate", of_quantity
        for place in ("voltage", "current_density", "luminance"):
            yield f"{place}_at_{name}", FigureBudget(tuple(terms(budget, OF_A_POINT[place])))


def _place_of(top: Figure | None, curve: JVLCurve, quantity: str) -> int | None:
    """Return where on the branch a maximum lies."""
    if top is None or not isfinite(top.value):
        return None
    found = np.flatnonzero((getattr(curve, quantity) == top.value) & (curve.voltage == top.voltage))
    return int(found[0]) if found.size else None


# --- ratios ------------------------------------------------------------------------------------------------


def _at_roll_off(figures: Mapping[str, Figure], branch: BudgetedCurve) -> Iterator[tuple[str, FigureBudget]]:
    """Where EQE has fallen to a share of its maximum: what all points share drops out of the share.

    It stays in the abscissa, and the scatter of three points enters through the slope.
    """
    curve, eqe = branch.curve, branch.curve.external_quantum_efficiency
    top = _place_of(figures.get("external_quantum_efficiency_max"), curve, "external_quantum_efficiency")
    if top is None:
        return
    for name, (quantity, share) in _ROLL_OFFS.items():
        beyond = top + np.flatnonzero(np.isfinite(eqe[top:]) & (getattr(curve, quantity)[top:] > 0))
        fallen = np.flatnonzero(eqe[beyond] <= share * eqe[top])
        if fallen.size and fallen[0] > 0:
            j = int(fallen[0])
            yield name, FigureBudget(tuple(_fallen(branch, quantity, share, (top, int(beyond[j - 1]), int(beyond[j])))))


_ROLL_OFFS = {
    "roll_off_current_density_50": ("current_density", 0.5),
    "roll_off_current_density_90": ("current_density", 0.9),
    "roll_off_luminance_50": ("luminance", 0.5),
    "roll_off_luminance_90": ("luminance", 0.9),
}


def _fallen(branch: BudgetedCurve, quantity: str, share: float, places: tuple[int, int, int]) -> list[Term]:
    """The terms of ln x where EQE = share of the maximum, x a quantity: of that at the maximum and on both sides.

    How far EQE over ln x is bent between the two is judged from the points on either side, as at a luminance.
    """
    top, i, j = places
    eqe, abscissa = branch.curve.external_quantum_efficiency, getattr(branch.curve, quantity)
    limit = share * eqe[top]
    weight = float((eqe[i] - limit) / (eqe[i] - eqe[j]))
    slope = log(abscissa[j] / abscissa[i]) / float(eqe[j] - eqe[i])  # d ln x/d EQE
    parts = [
        *_of_ratio_and_place(branch.budget(top), quantity, slope * limit, 0.0),
        *_of_ratio_and_place(branch.budget(i), quantity, -(1 - weight) * slope * eqe[i], 1 - weight),
        *_of_ratio_and_place(branch.budget(j), quantity, -weight * slope * eqe[j], weight),
    ]
    found = combined(parts, apart=(Part.INDEPENDENT, Part.METER))
    if abscissa[i] == abscissa[j]:
        return found
    logarithm = np.log(abscissa, where=abscissa > 0, out=np.full(abscissa.shape, nan))
    x = logarithm if abscissa[j] > abscissa[i] else -logarithm
    around = range(max(i - 1, 0), min(j + 2, len(eqe)))
    bend = _bend(x, eqe, i, j, around, float((1 - weight) * x[i] + weight * x[j])) * slope
    return [*found, _term("interpolation", abs(bend), Distribution.RECTANGULAR)] if bend else found


def _of_ratio_and_place(budget: Budget[float], quantity: str, ratio: float, place: float) -> list[Term]:
    """What the errors of one point do to a ratio of EQE, where those that all points share drop out, and to x."""
    of_eqe = terms(budget, OF_A_POINT["external_quantum_efficiency"])
    of_place = terms(budget, OF_A_POINT[quantity])
    apart = [term for term in of_eqe if term.part is not Part.COMMON]
    return combined([*_times(apart, ratio), *_times(of_place, place)])


def _times(of_point: Sequence[Term], factor: float) -> list[Term]:
    return [term._replace(sensitivity=factor * term.sensitivity) for term in of_point]


def _of_hysteresis(
    figures: Mapping[str, Figure], forward: BudgetedCurve | None, reverse: BudgetedCurve | None
) -> Iterator[tuple[str, FigureBudget]]:
    """What both branches share drops out of their difference; these figures may be zero, their terms are absolute."""
    if forward is None or reverse is None:
        return
    crossings = [_crossing(branch.curve, TURN_ON_LUMINANCE) for branch in (forward, reverse)]
    if None not in crossings:
        yield (
            "turn_on_voltage_hysteresis",
            FigureBudget(tuple(_turn_on_difference((forward, reverse), crossings)), False),
        )
    branches = [_ammeter(branch) for branch in (forward, reverse)]
    index = figures.get("hysteresis_index")
    if index is not None and isfinite(index.value):
        # HI = (A_r - A_f)/(A_r + A_f): d HI = (1 - HI^2)/2 d ln(A_r/A_f)
        factor = (1 - index.value**2) / 2
        yield "hysteresis_index", _of_ratio([factor * by_area for by_area, _ in branches])
    yield "hysteresis_index_log", _of_ratio([in_log / log(10) for _, in_log in branches])


def _turn_on_difference(
    branches: tuple[BudgetedCurve, BudgetedCurve], crossings: Sequence[_Crossing | None]
) -> list[Term]:
    parts: list[Term] = []
    for branch, crossing, sign in zip(branches, crossings, (1.0, -1.0), strict=True):
        if crossing is not None:
            parts += _times(list(_turn_on_terms(branch, crossing)), sign * crossing.voltage)
    return combined(parts, apart=(Part.INDEPENDENT, Part.METER))


def _of_ratio(each: Sequence[float]) -> FigureBudget:
    """The ammeter's limit of error, alike along a branch and taken as independent between the two."""
    parts = [Term("ammeter", u, 1.0, Distribution.RECTANGULAR, Part.METER) for u in each if isfinite(u)]
    return FigureBudget(tuple(combined(parts, apart=(Part.INDEPENDENT, Part.METER))), relative=False)


def _ammeter(branch: BudgetedCurve) -> tuple[float, float]:
    """The relative uncertainty of the current of a branch, weighted by the current, and its plain mean."""
    density = branch.curve.current_density
    lit = np.flatnonzero(np.isfinite(density) & (density > 0))
    if not lit.size:
        return nan, nan
    return float(np.average(branch.ammeter[lit], weights=density[lit])), float(branch.ammeter[lit].mean())
