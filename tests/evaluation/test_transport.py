"""The mobility of an electron-only device: only where its window allows one, and then the right one."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from acquire.evaluation.layer import Layer
from acquire.evaluation.transport import (
    Analysed,
    LayerCurve,
    analysed,
    asymmetry,
    local_slope,
    transport_figures,
    widest_window,
)
from acquire.records import FloatArray

LAYER = Layer(carriers="electrons", thickness=80e-9, permittivity=3.0)
EPSILON_0 = 8.8541878188e-12
VOLTAGE = np.logspace(-1, 1, 41)


def law(voltage: FloatArray, mobility: float = 1e-12, gamma: float = 0.0) -> FloatArray:
    """The law once more, in one line."""
    factor = 9 / 8 * EPSILON_0 * 3.0 * mobility / 80e-9**3
    return np.asarray(factor * voltage**2 * np.exp(0.891 * gamma * np.sqrt(voltage / 80e-9)))


def found(voltage: FloatArray, density: FloatArray, layer: Layer = LAYER) -> Analysed:
    nothing = np.zeros(voltage.size)
    curve = LayerCurve(np.arange(voltage.size), voltage, density * 14e-6, density, nothing, nothing)
    return analysed("positive", curve, layer)


def figures(voltage: FloatArray, density: FloatArray, layer: Layer = LAYER) -> dict:
    return transport_figures(found(voltage, density, layer), layer)


def test_slope_of_three_points() -> None:
    slope = local_slope(np.array([1.0, 2.0, 4.0]), np.array([10.0, 41.0, 163.0]))
    assert slope[1] == pytest.approx(2.01340003, rel=1e-8)


def test_a_square_law_gives_its_mobility() -> None:
    one = figures(VOLTAGE, law(VOLTAGE))
    assert one["mobility_positive"].value == pytest.approx(1e-12, rel=1e-9)
    assert one["mobility_positive"].status == "ok"
    assert one["space_charge_slope_positive"].value == pytest.approx(2.0)
    assert (one["window_start_positive"].value, one["window_end_positive"].value) == (0.1, 10.0)


def test_a_stack_has_an_effective_mobility() -> None:
    mobility = figures(VOLTAGE, law(VOLTAGE), replace(LAYER, layers=2.0))["mobility_positive"]
    assert mobility.status == "effective"
    assert mobility.reason.startswith("of 2 layers taken as one")


def test_a_mobility_that_rises_with_the_field_has_no_honest_slope_of_two() -> None:
    density = law(VOLTAGE, gamma=3e-4)
    plain = figures(VOLTAGE, density)["mobility_positive"]
    assert (plain.status, isnan(plain.value)) == ("not_reached", True)
    assert "law: field_activated" in plain.reason
    activated = figures(VOLTAGE, density, replace(LAYER, law="field_activated"))
    assert activated["mobility_positive"].value == pytest.approx(1e-12, rel=1e-6)
    assert activated["field_activation_positive"].value == pytest.approx(3e-4, rel=1e-6)


@pytest.mark.parametrize(
    ("density", "word"),
    [
        (1e-3 * VOLTAGE, "it runs from 1.00"),
        (1e-3 * VOLTAGE**3, "at the end it is 3.00"),
        (law(np.maximum(VOLTAGE - 0.09, 1e-6)), "built-in voltage is left in"),
    ],
)
def test_where_the_window_vanishes_there_is_no_mobility(density: FloatArray, word: str) -> None:
    one = figures(VOLTAGE[:20], density[:20])
    assert {figure.status for figure in one.values()} == {"not_reached"}
    assert all(isnan(figure.value) for figure in one.values())
    assert word in one["mobility_positive"].reason


def test_a_window_of_less_than_half_a_decade_is_none() -> None:
    voltage = np.array([1.0, 2.0, 3.1, 3.2])
    allowed = np.array([True, True, True, False])
    assert widest_window(voltage, allowed) is None
    assert widest_window(voltage, np.ones(4, bool)).tolist() == [0, 1, 2, 3]


def test_below_the_filling_of_traps_a_slope_of_two_is_no_mobility() -> None:
    filled = (VOLTAGE / 1.0) ** 20
    density = law(VOLTAGE) * 0.01 ** (1 / (1 + filled))
    one = figures(VOLTAGE, density)
    assert one["trap_filled_voltage_positive"].value == pytest.approx(1.0, rel=0.05)
    assert one["mobility_positive"].value == pytest.approx(1e-12, rel=0.02)
    assert one["window_start_positive"].value > 1.0
    before = figures(VOLTAGE[:22], density[:22])  # up to 1.26 V
    assert before["mobility_positive"].status == "not_reached"
    assert before["trap_filled_voltage_positive"].status == "not_reached"
    assert isnan(before["trap_density_positive"].value)
    assert "ends before all traps are filled" in before["mobility_positive"].reason


def test_asymmetry_is_that_of_the_currents() -> None:
    both = {
        "positive": found(VOLTAGE, law(VOLTAGE)),
        "negative": found(VOLTAGE, law(VOLTAGE) / 10),
    }
    assert asymmetry(both).value == pytest.approx(1.0)
    assert asymmetry({"positive": both["positive"]}).status == "none"
