"""What the simulated bench can do wrong, each by the physics that it stands for."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.simulated.bench import SimulatedBenchOptions, build_simulated_bench
from drivers.simulated.clock import VirtualClock
from drivers.simulated.cs2000a.model import CS2000AOptions, filled_share
from drivers.simulated.device import device_from_parameters
from drivers.simulated.fixture import NoiseSettings, TestFixture, pattern_from_parameters
from drivers.simulated.loads import Reversed
from drivers.simulated.photodiode import Move, photodiode_from_parameters
from tests.twins.cs2000a.conftest import Bench

PARAMETERS = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text())
SHARED = PARAMETERS["shared"]
LIQ = {**PARAMETERS["devices"][2], "shared": SHARED}


def a_fixture(**photodiode: float) -> TestFixture:
    diode = replace(photodiode_from_parameters(SHARED), dark_current=0.0, **photodiode)
    return TestFixture(VirtualClock(), device_from_parameters(LIQ), diode, NoiseSettings.none())


def test_an_amplifier_puts_out_no_more_than_its_rail() -> None:
    fixture = a_fixture(gain=5e7, rail=10.5)
    fixture.drive_voltage(5.0, 1.0)
    free = fixture.photodiode_voltage()
    assert free == pytest.approx(5e7 * fixture.photodiode_current())
    assert 0.1 < free < 10.5
    for level in (6.5, 7.0):
        fixture.drive_voltage(level, 1.0)
        assert fixture.photodiode_voltage() == 10.5


def test_an_inverting_amplifier_has_its_rail_below_zero() -> None:
    fixture = a_fixture(gain=-5e7, rail=10.5)
    fixture.drive_voltage(5.0, 1.0)
    assert -10.5 < fixture.photodiode_voltage() < -0.1
    fixture.drive_voltage(7.0, 1.0)
    assert fixture.photodiode_voltage() == -10.5


def test_a_photodiode_that_is_pushed_away_gets_less_light_from_then_on() -> None:
    fixture = a_fixture()
    fixture.move = Move(5.0, replace(fixture.photodiode, etendue=fixture.photodiode.etendue / 2))
    fixture.drive_voltage(6.0, 1.0)
    before = fixture.photodiode_current()
    fixture.clock.advance(4.999)
    assert fixture.photodiode_current() == before
    fixture.clock.advance(0.001)
    assert fixture.photodiode_current() == pytest.approx(before / 2)


def test_a_reversed_device_does_at_negative_levels_what_it_did_at_positive_ones() -> None:
    device = device_from_parameters(LIQ)
    reversed_ = Reversed(device)
    current = device.current(6.0)
    assert reversed_.current(-6.0) == -current
    assert reversed_.voltage(-current) == pytest.approx(-6.0)
    assert reversed_.luminance(-current) == device.luminance(current) > 2000.0
    assert reversed_.luminance(current) == 0.0
    assert (reversed_.spectral_radiance(-current) == device.spectral_radiance(current)).all()


def test_a_bench_with_a_reversed_device_ages_it_the_same_way() -> None:
    left = []
    ageing = {**LIQ["degradation"], "tau_ref_s": 50.0}  # within a minute: the meters read on all the time
    for polarity, level in (("positive", 6.0), ("negative", -6.0)):
        load = {**LIQ, "polarity": polarity, "degradation": ageing}
        options = SimulatedBenchOptions(load, noise=False, degradation=True)
        worn = build_simulated_bench(options)
        worn.fixture.drive_voltage(level, 1.0)
        fresh = worn.fixture.luminance()
        worn.clock.advance(60.0)
        left.append(worn.fixture.luminance() / fresh)
    assert left[0] == left[1] < 0.5


@pytest.mark.parametrize(
    ("angular", "angle", "share"),
    [
        ({}, 60.0, 1.0),
        ({"cosine_power": 1.6}, 60.0, 0.5**0.6),
        ({"cosine_power": 0.6}, 60.0, 0.5**-0.4),
        ({"sine_squared": 0.2}, 90.0, 1.2),
        ({"sine_squared": 0.2}, -30.0, 1.05),
    ],
)
def test_a_turned_device_shows_its_pattern(angular: dict[str, float], angle: float, share: float) -> None:
    assert pattern_from_parameters({"angular": angular})(angle) == pytest.approx(share)


def test_the_pattern_has_the_angular_factor_of_its_formula() -> None:
    """F = int l(t) sin 2t dt: 1.1 for 1 + 0.2 sin^2, 2/(n + 1) for an intensity of cos^n."""
    angles = np.linspace(0.0, 90.0, 9001)
    for angular, factor in (({"sine_squared": 0.2}, 1.1), ({"cosine_power": 1.6}, 2 / 2.6)):
        pattern = [pattern_from_parameters({"angular": angular})(angle) for angle in angles.tolist()]
        assert np.trapezoid(pattern * np.sin(2 * np.deg2rad(angles)), np.deg2rad(angles)) == pytest.approx(
            factor, rel=1e-5
        )


def test_only_the_spectroradiometer_sees_that_the_device_is_turned() -> None:
    turned = {**LIQ, "shared": {**SHARED, "angular": {"cosine_power": 2.0}}}
    straight, aside = (
        build_simulated_bench(SimulatedBenchOptions(turned, noise=False, device_angle=angle)).fixture
        for angle in (0.0, 60.0)
    )
    for fixture in (straight, aside):
        fixture.drive_voltage(6.0, 1.0)
    assert aside.spectral_radiance() == pytest.approx(0.5 * straight.spectral_radiance())
    assert aside.photodiode_current() == straight.photodiode_current()


@pytest.mark.parametrize(
    ("angle", "lens", "share"), [(0, 0, 14 / (math.pi * 2.5**2)), (1, 0, 1.0), (2, 0, 1.0), (0, 1, 1.0)]
)
def test_how_much_of_the_spot_a_pixel_of_14_mm2_fills(angle: int, lens: int, share: float) -> None:
    assert filled_share(14e-6, angle, lens) == pytest.approx(share)


def test_a_load_without_an_area_fills_every_spot() -> None:
    assert filled_share(math.nan, 0, 0) == 1.0


def test_the_meter_reads_the_share_of_its_spot_that_shines() -> None:
    read = []
    for options in (CS2000AOptions(angle=0), CS2000AOptions(angle=0, dark_surround=True)):
        bench = Bench(options=options)
        bench.fixture.emitting_area = 14e-6
        bench.measure()
        read.append(sum(bench.values("MEDR,1,0,2")))
    assert read[1] / read[0] == pytest.approx(14 / (math.pi * 2.5**2), rel=1e-4)
