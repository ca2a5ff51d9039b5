"""A simulated device that warms itself up: against the differential equation, solved by another method."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.integrate import solve_ivp

from drivers.simulated.clock import VirtualClock
from drivers.simulated.device import LightEmittingDevice, device_from_parameters
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.photodiode import photodiode_from_parameters

PARAMETERS = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text(encoding="utf-8"))
HEAT = {"enabled_default": True, "R_th_K_W": 300.0, "tau_th_s": 1.0, "k_V_1_K": 3e-4, "k_L_1_K": 0.006}


def device(**changes: Any) -> LightEmittingDevice:
    shared = PARAMETERS["shared"] | {"self_heating": HEAT | changes}
    return device_from_parameters(PARAMETERS["devices"][0] | {"shared": shared})


def on_fixture(load: LightEmittingDevice) -> TestFixture:
    return TestFixture(VirtualClock(), load, photodiode_from_parameters(PARAMETERS["shared"]), NoiseSettings.none())


def test_it_warms_up_as_the_equation_says() -> None:
    load, twin = device(), device()
    fixture = on_fixture(load)
    fixture.drive_voltage(8.0, 0.1)

    def slope(_: float, rise: Any) -> list[float]:
        twin.temperature_rise = float(rise[0])
        return [300.0 * 8.0 * twin.current(8.0) - float(rise[0])]

    solved = solve_ivp(slope, (0.0, 5.0), [0.0], t_eval=[0.1, 1.0, 5.0], rtol=1e-8)
    for time, rise in zip(solved.t, solved.y[0], strict=True):
        fixture.clock.advance(float(time) - fixture.clock.now())
        fixture.operating_point()
        assert load.temperature_rise == pytest.approx(rise, rel=5e-3)


def test_a_warm_device_conducts_better_and_shines_less() -> None:
    load, cold = device(), device(enabled_default=False)
    load.temperature_rise = 50.0
    assert load.voltage(0.01) == pytest.approx(cold.voltage(0.01) / 1.015)
    assert load.current(load.voltage(0.01)) == pytest.approx(0.01)
    assert load.luminance(0.01) == pytest.approx(cold.luminance(0.01) * 0.740818, rel=1e-6)
    assert load.current(0.0) == 0.0


def test_it_cools_down_when_the_output_is_off() -> None:
    load = device()
    fixture = on_fixture(load)
    load.temperature_rise = 40.0
    fixture.disconnect()
    fixture.clock.advance(2.0)
    fixture.operating_point()
    assert load.temperature_rise == pytest.approx(40.0 * 0.135335, rel=1e-5)
