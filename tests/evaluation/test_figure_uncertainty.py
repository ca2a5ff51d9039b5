"""The uncertainty of figures, against a Monte Carlo through the functions that compute the figures themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from math import isnan, log, nan, pi, sqrt

import numpy as np
import pytest

from acquire.evaluation.figure import Figure, JVLCurve
from acquire.evaluation.figure_uncertainty import BudgetedCurve, FigureBudget, figure_budgets, with_uncertainties
from acquire.evaluation.figures import figures_of_merit
from acquire.photometry.terms import Part
from acquire.photometry.uncertainty import Budget
from acquire.records import FloatArray

#: Relative (k = 1), small enough for everything to be linear.
BUDGET = Budget(
    current=4e-4,
    voltage=2e-4,
    area=1.1e-3,
    luminance_scale=1.2e-3,
    uniformity=1e-3,
    meter=3e-4,
    noise=6e-4,
    wavelength=0.17,
    luminance_sensitivity=2e-3,
    eqe_sensitivity=3e-4,
    angular_factor=8e-4,
)
KAPPA = 2.7e-3


def curve_of(voltage: FloatArray, density: FloatArray, luminance: FloatArray, factor: FloatArray | float) -> JVLCurve:
    efficiency = luminance / density
    values = {
        "voltage": voltage,
        "current_density": density,
        "luminance": luminance,
        "current_efficiency": efficiency,
        "power_efficiency": pi * efficiency / voltage,
        "external_quantum_efficiency": KAPPA * factor * efficiency,
        "luminance_noise": np.zeros(voltage.shape),
    }
    unknown = np.full(voltage.shape, nan)
    return JVLCurve(**{field.name: values.get(field.name, unknown) for field in fields(JVLCurve)})


def device() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Efficiency that rises and falls, and a level at 1, 100 and 1000 cd/m^2 between two points."""
    voltage = np.arange(3.0, 8.0, 0.1)
    density = 1e-3 * np.exp((voltage - 3.0) / 0.35)
    efficiency = 25.0 / (1 + (0.5 / density) ** 0.6 + (density / 300.0) ** 1.5)
    return voltage, density, density * efficiency


def draws(size: int, count: int) -> list[dict[str, FloatArray]]:
    chance = np.random.default_rng(7)

    def rectangle(shape: int = 1) -> FloatArray:
        return sqrt(3) * chance.uniform(-1, 1, shape)

    found = []
    for _ in range(count):
        of_meters = {
            name: np.full(size, rectangle()) * getattr(BUDGET, name) for name in ("current", "voltage", "meter")
        }
        common = {
            "area": chance.standard_normal() * BUDGET.area,
            "scale": rectangle() * BUDGET.luminance_scale + chance.standard_normal() * BUDGET.uniformity,
            "wavelength": rectangle() * BUDGET.wavelength,
            "angle": rectangle() * BUDGET.angular_factor,
        }
        found.append({**of_meters, **common, "noise": chance.standard_normal(size) * BUDGET.noise})
    return found


def measured(error: dict[str, FloatArray]) -> JVLCurve:
    voltage, density, luminance = device()
    wavelength = error["wavelength"]
    light = error["scale"] + error["meter"] + error["noise"] + BUDGET.luminance_sensitivity * wavelength
    of_kappa = (BUDGET.eqe_sensitivity - BUDGET.luminance_sensitivity) * wavelength
    curve = curve_of(
        voltage * np.exp(error["voltage"]),
        density * np.exp(error["current"] - error["area"]),
        luminance * np.exp(light),
        np.exp(of_kappa + error["angle"]),
    )
    return replace(curve, power_efficiency=curve.power_efficiency * np.exp(error["angle"]))


def budgeted(curve: JVLCurve, budget: Callable[[int], Budget[float]] = lambda _: BUDGET) -> BudgetedCurve:
    return BudgetedCurve(curve, budget, np.full(len(curve), BUDGET.current))


TRUE = curve_of(*device(), 1.0)
COUNT = 700


@pytest.fixture(scope="module")
def scattered() -> dict[str, FloatArray]:
    runs = [figures_of_merit(measured(error)) for error in draws(len(TRUE), COUNT)]
    return {name: np.array([run[name].value for run in runs]) for name in runs[0]}


FIGURES = figures_of_merit(TRUE)
BUDGETS = figure_budgets(FIGURES, budgeted(TRUE))
FROM_INTERPOLATION = {
    name: [term for term in budget.terms if term.name == "interpolation"] for name, budget in BUDGETS.items()
}
QUANTITIES = ("voltage", "current_density", "current_efficiency", "power_efficiency", "external_quantum_efficiency")


@pytest.mark.parametrize(
    "name",
    [
        "turn_on_voltage",
        *(f"{quantity}_at_{level}_cd_m2" for quantity in QUANTITIES for level in (100, 1000)),
        *(f"{quantity}_max" for quantity in QUANTITIES[2:]),
        "luminance_max",
        "roll_off_current_density_90",
        "roll_off_luminance_50",
    ],
)
def test_the_spread_is_that_of_a_monte_carlo(name: str, scattered: dict[str, FloatArray]) -> None:
    """Meters err alike at all points here; in a roll-off they are taken as independent, which is on the safe side."""
    figure = FIGURES[name]
    budget = BUDGETS[name]
    without = FigureBudget(tuple(term for term in budget.terms if term.name != "interpolation"))
    spread = float(np.std(scattered[name]))
    stated = without.uncertainty(figure.value)
    assert stated == pytest.approx(spread, rel=0.05) or (name.startswith("roll_off") and spread < stated < 1.3 * spread)


@pytest.mark.parametrize("name", ["turn_on_voltage", "current_efficiency_at_1000_cd_m2", "voltage_at_100_cd_m2"])
def test_the_interpolation_is_judged_within_a_factor_of_two(name: str) -> None:
    """Against the true curve between the points, finely sampled."""
    voltage = np.arange(3.0, 8.0, 1e-3)
    density = 1e-3 * np.exp((voltage - 3.0) / 0.35)
    luminance = density * 25.0 / (1 + (0.5 / density) ** 0.6 + (density / 300.0) ** 1.5)
    truth = figures_of_merit(curve_of(voltage, density, luminance, 1.0))[name].value
    [term] = FROM_INTERPOLATION[name]
    error = abs(log(FIGURES[name].value / truth))
    assert 0.5 < sqrt(3) * term.uncertainty / error < 2


def test_efficiency_at_a_luminance_follows_the_scale_by_the_slope_of_the_curve() -> None:
    """Where J rises as L^s an error of the scale moves the place on the curve: CE(L) by s, not by one."""
    density = np.geomspace(1.0, 1e3, 13)
    curve = curve_of(np.linspace(4.0, 6.0, 13), density, 10.0 * density**0.5, 1.0)
    budgets = figure_budgets(figures_of_merit(curve), budgeted(curve))
    [scale] = [t for t in budgets["current_efficiency_at_100_cd_m2"].terms if t.name == "luminance scale"]
    assert scale.sensitivity == pytest.approx(2.0)


def test_what_is_shared_drops_out_of_a_roll_off_but_not_of_its_place() -> None:
    names = {term.name for term in BUDGETS["roll_off_current_density_50"].terms}
    assert "luminance scale" not in names
    assert {"emitting area", "ammeter", "noise of the light"} <= names
    assert "luminance scale" in {term.name for term in BUDGETS["roll_off_luminance_50"].terms}


def test_hysteresis_keeps_what_the_branches_do_not_share() -> None:
    voltage, density, luminance = device()
    reverse = curve_of(voltage, 1.1 * density, luminance, 1.0)
    figures = figures_of_merit(TRUE, reverse.reversed())
    budgets = figure_budgets(figures, budgeted(TRUE), budgeted(reverse))
    shift = budgets["turn_on_voltage_hysteresis"]
    assert not shift.relative
    scale = [term for term in shift.terms if term.name == "luminance scale"]
    assert all(abs(term.contribution) < 1e-9 for term in scale)
    assert {"voltmeter", "noise of the light"} <= {term.name for term in shift.terms}
    index = figures["hysteresis_index"].value
    assert budgets["hysteresis_index"].uncertainty(index) == pytest.approx(
        (1 - index**2) / 2 * sqrt(2) * BUDGET.current
    )
    assert budgets["hysteresis_index_log"].uncertainty(0.0) == pytest.approx(sqrt(2) * BUDGET.current / log(10))


def test_the_interval_is_told_with_the_figure() -> None:
    figures = with_uncertainties(FIGURES, BUDGETS)
    ce = figures["current_efficiency_at_1000_cd_m2"]
    assert 1.64 < ce.coverage_factor < 2.0
    assert ce.expanded_uncertainty == pytest.approx(ce.coverage_factor * ce.uncertainty)
    missing = figures["current_efficiency_at_10000_cd_m2"]
    assert missing.status == "not_reached"
    assert isnan(missing.uncertainty)
    assert isnan(missing.expanded_uncertainty)


def test_a_bound_has_no_interval() -> None:
    bound = Figure(4.0, "V", "von_upper_bound")
    assert "turn_on_voltage" not in figure_budgets({"turn_on_voltage": bound}, budgeted(TRUE))


def test_a_turn_on_voltage_carries_voltmeter_scatter_scale_and_interpolation() -> None:
    names = {term.name: term.part for term in BUDGETS["turn_on_voltage"].terms}
    assert names["voltmeter"] is Part.METER
    assert names["noise of the light"] is names["interpolation"] is Part.INDEPENDENT
    assert names["luminance scale"] is Part.COMMON
