"""A run of an electron-only or hole-only device: polarities, their figures with budgets, what the fit used. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log, sqrt

import numpy as np

from acquire.evaluation.budget import current_limit, voltage_limit
from acquire.evaluation.calibration import Calibration
from acquire.evaluation.figure import Figure
from acquire.evaluation.figure_uncertainty import FigureBudget, with_uncertainties
from acquire.evaluation.transport import (
    SPACE_CHARGE_SLOPE,
    Analysed,
    LayerCurve,
    SpaceChargeFit,
    analysed,
    asymmetry,
    transport_figures,
)
from acquire.photometry.elementwise import IntArray
from acquire.photometry.terms import Distribution, Part, Term
from acquire.photometry.transport import FIELD_FACTOR, space_charge_density
from acquire.photometry.uncertainty import rectangular
from acquire.records import DIRECTIONS, LIMITED, Columns, FloatArray, TransportPoint

#: The sign of the voltage, by what a polarity is called.
POLARITIES: Mapping[str, float] = {"positive": 1.0, "negative": -1.0}


def polarities(points: Columns, calibration: Calibration, floor: float) -> dict[str, Analysed]:
    """Analyse each polarity of a run's points; ``floor`` [A/m^2] is what a current has to stand out from."""
    found = {}
    for name, sign in POLARITIES.items():
        rows = _rows(points, calibration, sign)
        if rows.size:
            found[name] = analysed(name, _curve(points, rows, calibration, sign, floor), calibration.layer)
    return found


def single_carrier_figures(found: Mapping[str, Analysed], calibration: Calibration) -> dict[str, Figure]:
    """The figures of merit of a run without light from what :func:`polarities` found, with their uncertainties."""
    figures: dict[str, Figure] = {}
    for one in found.values():
        figures |= transport_figures(one, calibration.layer)
    if len(found) > 1:
        figures["polarity_asymmetry"] = asymmetry(found)
    return with_uncertainties(figures, single_carrier_budgets(found, calibration))


def single_carrier_budgets(found: Mapping[str, Analysed], calibration: Calibration) -> dict[str, FigureBudget]:
    """Where the uncertainty of each mobility, and of its field activation, comes from."""
    budgets = {}
    for name, one in found.items():
        if (fit := one.fit) is None:
            continue
        budgets[f"mobility_{name}"] = FigureBudget(tuple(_of_mobility(one.curve, fit, calibration)))
        if calibration.layer.field_activated:
            of_activation = tuple(_of_activation(one.curve, fit, calibration))
            budgets[f"field_activation_{name}"] = FigureBudget(of_activation, relative=False)
    return budgets


def transport_points(found: Mapping[str, Analysed], calibration: Calibration) -> list[TransportPoint]:
    """What the analysis used and made of each point: a row for each that stands out from no current."""
    return [row for one in found.values() for row in _points(one, calibration)]


def _points(found: Analysed, calibration: Calibration) -> Iterator[TransportPoint]:
    curve, fit, layer = found.curve, found.fit, calibration.layer
    inside = set() if fit is None else set(fit.inside.tolist())
    for place, row in enumerate(curve.row.tolist()):
        voltage = float(curve.voltage[place])
        fitted = (
            space_charge_density(voltage, fit.mobility, layer.thickness, layer.permittivity, fit.field_activation)
            if fit is not None
            else np.nan
        )
        yield TransportPoint(
            point_index=row,
            polarity=int(POLARITIES[found.polarity]),
            layer_voltage=voltage,
            current_density=float(curve.current_density[place]),
            local_slope=float(curve.slope[place]),
            fitted_current_density=fitted,
            inside=place in inside,
        )


def _rows(points: Columns, calibration: Calibration, sign: float) -> IntArray:
    """The points of a polarity: of the first cycle that has any, its forward branch, else its reverse one."""
    voltage, current = points["voltage"], points["current"]
    driven = (sign * calibration.conditions.polarity * voltage > 0) & (points["flags"] & int(LIMITED) == 0)
    driven &= np.isfinite(current)
    for cycle in np.unique(points["cycle"]).tolist():
        for branch in DIRECTIONS:
            rows = np.flatnonzero(driven & (points["cycle"] == cycle) & (points["branch"] == branch.encode()))
            if rows.size > 1:
                return rows
    return np.empty(0, int)


def _curve(points: Columns, rows: IntArray, calibration: Calibration, sign: float, floor: float) -> LayerCurve:
    conditions, layer = calibration.conditions, calibration.layer
    read, volts = points["current"][rows], points["voltage"][rows]
    current = sign * conditions.polarity * read
    built_in = layer.built_in_voltage if sign > 0 else layer.reverse_built_in_voltage
    across = sign * conditions.device_voltage(volts, read) - built_in - current * layer.series_resistance
    density = current / conditions.emissive_area
    kept = np.flatnonzero((across > 0) & (density > floor))
    kept = kept[np.argsort(across[kept], kind="stable")]
    kept = kept[np.diff(across[kept], prepend=-1.0) > 0]  # a level read twice counts once
    return LayerCurve(
        row=rows[kept],
        voltage=across[kept],
        current=current[kept],
        current_density=density[kept],
        current_limit=rectangular(current_limit(read[kept], conditions)) / current[kept],
        voltage_limit=rectangular(voltage_limit(volts[kept], conditions)),
    )


# --- budgets -------------------------------------------------------------------------------------------------


def _of_mobility(curve: LayerCurve, fit: SpaceChargeFit, calibration: Calibration) -> Iterator[Term]:
    """The terms of ln mu: those of the layer enter by its law, those of each point by its weight in the fit."""
    layer, uncertainty = calibration.layer, calibration.uncertainty
    for name, value, spread, power in (
        ("thickness", layer.thickness, layer.thickness_uncertainty, 3.0),
        ("permittivity", layer.permittivity, layer.permittivity_uncertainty, -1.0),
        ("area", calibration.conditions.emissive_area, uncertainty.emissive_area, -1.0),
    ):
        yield Term(name, spread / value, power, Distribution.NORMAL, Part.COMMON)
    yield from _of_points(curve, fit, fit.of_mobility, calibration)
    if not layer.field_activated:
        voltage = curve.voltage[fit.inside]
        limit = abs(fit.slope - SPACE_CHARGE_SLOPE) * log(float(voltage[-1] / voltage[0])) / 2
        yield Term("slope other than 2", rectangular(limit), 1.0, Distribution.RECTANGULAR, Part.COMMON)


def _of_activation(curve: LayerCurve, fit: SpaceChargeFit, calibration: Calibration) -> Iterator[Term]:
    """The terms of gamma, in its unit."""
    layer = calibration.layer
    by_thickness = fit.field_activation / 2
    relative = layer.thickness_uncertainty / layer.thickness
    yield Term("thickness", relative, by_thickness, Distribution.NORMAL, Part.COMMON)
    yield from _of_points(curve, fit, fit.of_activation, calibration)


def _of_points(
    curve: LayerCurve, fit: SpaceChargeFit, estimator: FloatArray, calibration: Calibration
) -> Iterator[Term]:
    """What moves the points of the window, through the sum that the fit makes of them."""
    layer, inside = calibration.layer, fit.inside
    voltage, current = curve.voltage[inside], curve.current[inside]
    field = FIELD_FACTOR * fit.field_activation / (2 * np.sqrt(voltage * layer.thickness))
    per_volt = estimator * -(SPACE_CHARGE_SLOPE / voltage + field)  # of ln J - 2 ln V, and of what is fitted to it
    leads = calibration.uncertainty.lead_resistance
    for name, spread, sensitivity, unit in (
        ("built-in voltage", layer.built_in_voltage_uncertainty, -per_volt.sum(), "V"),
        ("series resistance", layer.series_resistance_uncertainty, -(per_volt @ current), "ohm"),
        ("leads", leads, -(per_volt @ current), "ohm"),
    ):
        yield Term(name, spread, float(sensitivity), Distribution.NORMAL, Part.COMMON, unit)
    ammeter, voltmeter = estimator @ curve.current_limit[inside], per_volt @ curve.voltage_limit[inside]
    yield Term("ammeter", abs(float(ammeter)), 1.0, Distribution.RECTANGULAR, Part.METER)
    yield Term("voltmeter", abs(float(voltmeter)), 1.0, Distribution.RECTANGULAR, Part.METER)
    scatter = fit.scatter * sqrt(float(estimator @ estimator))
    freedom = max(fit.degrees_of_freedom, 1.0)
    yield Term("scatter", scatter, 1.0, Distribution.NORMAL, Part.INDEPENDENT, degrees_of_freedom=freedom)
