"""Shorts, contacts that come off, the light of the room and a photodiode that drifts: device files switch them on."""

import math

import pytest

from drivers.simulated.bench import SimulatedBenchOptions, build_fixture
from drivers.simulated.clock import VirtualClock
from drivers.simulated.defects import Interrupted, Interruption, Short, Shorted
from drivers.simulated.fixture import AmbientLight, NoiseSettings, TestFixture
from drivers.simulated.loads import OpenCircuit, Resistor
from drivers.simulated.photodiode import Photodiode, linear_responsivity

DIODE = Photodiode(1.4e-7, linear_responsivity("6.0e-4*lambda_nm - 0.012"), 5e6)


def fixture_with(load) -> TestFixture:
    return TestFixture(VirtualClock(), load, DIODE, NoiseSettings.none())


def test_a_short_from_the_beginning_is_a_path_beside_the_device():
    load = Shorted(Resistor(1000.0), Short(resistance=10.0))
    assert load.current(1.0) == pytest.approx(1 / 1000 + 1 / 10)
    assert load.voltage(-0.101) == pytest.approx(-1.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_short_that_appears_above_a_voltage_stays(sign):
    fixture = fixture_with(Shorted(Resistor(1000.0), Short(resistance=10.0, above=5.0)))
    assert fixture.drive_voltage(sign * 4.9, 1.0).current == pytest.approx(sign * 4.9e-3)
    fixture.clock.advance(1.0)
    assert fixture.drive_voltage(sign * 5.1, 1.0).current == pytest.approx(sign * 5.1 * 0.101)
    fixture.clock.advance(0.1)
    assert fixture.drive_voltage(sign * 1.0, 1.0).current == pytest.approx(sign * 0.101)


def test_a_source_whose_limit_keeps_the_voltage_low_does_not_break_the_device():
    fixture = fixture_with(Shorted(Resistor(1000.0), Short(resistance=10.0, above=5.0)))
    assert fixture.drive_voltage(10.0, 4e-3).voltage == pytest.approx(4.0)
    fixture.clock.advance(10.0)
    assert fixture.drive_voltage(1.0, 1.0).current == pytest.approx(1e-3)


def test_a_current_source_breaks_a_device_too():
    fixture = fixture_with(Shorted(Resistor(1000.0), Short(resistance=10.0, above=5.0)))
    assert fixture.drive_current(4e-3, 20.0).voltage == pytest.approx(4.0)
    assert fixture.drive_current(6e-3, 20.0).voltage == pytest.approx(6e-3 / 0.101)
    fixture.clock.advance(0.1)
    assert fixture.drive_current(1e-3, 20.0).voltage == pytest.approx(1e-3 / 0.101)


def test_a_short_that_appears_after_a_time():
    fixture = fixture_with(Shorted(Resistor(1000.0), Short(resistance=10.0, after=60.0)))
    fixture.drive_voltage(1.0, 1.0)
    fixture.clock.advance(59.9)
    assert fixture.operating_point().current == pytest.approx(1e-3)
    fixture.clock.advance(0.2)
    assert fixture.operating_point().current == pytest.approx(0.101)


def test_a_contact_comes_off_again_and_again():
    fixture = fixture_with(Interrupted(Resistor(1000.0), Interruption(after=20.0, lasts=2.0, every=10.0)))
    fixture.drive_voltage(1.0, 1.0)
    off = []
    for second in range(60):
        fixture.clock.advance(0.5 if second == 0 else 1.0)  # 0.5, 1.5, ... 59.5 s
        off.append(fixture.operating_point().current == 0.0)
    assert [second for second, one in enumerate(off) if one] == [20, 21, 30, 31, 40, 41, 50, 51]


def test_a_contact_that_is_off_for_good():
    load = Interrupted(Resistor(1000.0), Interruption())
    assert load.current(5.0) == 0.0
    assert load.voltage(1e-3) == math.inf


def test_a_night_at_once_leaves_a_contact_where_it_belongs():
    load = Interrupted(OpenCircuit(), Interruption(after=0.0, lasts=600.0, every=3600.0))
    fixture = fixture_with(load)
    fixture.clock.advance(10 * 3600.0 + 300.0)
    fixture.operating_point()
    assert load.off
    fixture.clock.advance(400.0)
    fixture.operating_point()
    assert not load.off


def test_flickering_light_averages_out_over_whole_periods_of_the_mains():
    light = AmbientLight(2.0, 0.3, 100.0)
    assert light.mean(0.1234, 0.02) == pytest.approx(2.0)
    assert light.mean(0.02, 0.0) == pytest.approx(2.6)
    by_hand = sum(2.0 * (1 + 0.3 * math.cos(200 * math.pi * (0.1 - k * 1e-6))) for k in range(2000)) / 2000
    assert light.mean(0.1, 0.002) == pytest.approx(by_hand, rel=1e-3)
    assert light.mean(0.1, 0.002) != pytest.approx(2.0, rel=0.05)


def test_a_photodiode_drifts_steadily():
    shared = {"photodiode": SHARED_PHOTODIODE | {"dark_ramp_A_per_s": 5e-13}}
    options = SimulatedBenchOptions(load={"load": "open_circuit", "shared": shared}, noise=False)
    fixture = build_fixture(options, VirtualClock())
    before = fixture.photodiode_current()
    fixture.clock.advance(100.0)
    assert fixture.photodiode_current() - before == pytest.approx(5e-11)


SHARED_PHOTODIODE = {
    "area_m2": 1e-4,
    "distance_m": 0.1,
    "responsivity_A_W": "6.0e-4*lambda_nm - 0.012",
    "tia_V_A": 5e6,
    "dark_current_A": 2e-11,
    "dark_drift_A_per_sqrt_s": 0.0,
}
