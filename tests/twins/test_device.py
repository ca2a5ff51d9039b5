"""The simulated device against the published figures it was fitted to, and the fixture that holds it."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cie import WAVELENGTH, cie_1931_2deg, cie_1964_10deg
from drivers.simulated.clock import VirtualClock
from drivers.simulated.device import K_M, current_efficiency, device_from_parameters, junction_density
from drivers.simulated.fixture import AmbientLight, NoiseSettings, TestFixture, noise_from_parameters
from drivers.simulated.loads import OpenCircuit, Resistor, ShortCircuit
from drivers.simulated.photodiode import (
    Photodiode,
    coaxial_discs_etendue,
    linear_responsivity,
    photodiode_from_parameters,
)

PARAMETERS = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text())
SHARED = PARAMETERS["shared"]
DEVICES = {entry["id"]: {**entry, "shared": SHARED} for entry in PARAMETERS["devices"]}

PLANCK, LIGHT, CHARGE = 6.62607015e-34, 299792458.0, 1.602176634e-19

each_device = pytest.mark.parametrize("entry", DEVICES.values(), ids=DEVICES.keys())


def integral(values):
    return float(np.sum((values[1:] + values[:-1]) / 2.0))


def fixture_with(load, *, noise=None, seed=1, lead_resistance=0.0, photodiode=None):
    return TestFixture(
        VirtualClock(),
        load,
        photodiode or photodiode_from_parameters(SHARED),
        noise or NoiseSettings.none(),
        seed,
        lead_resistance,
    )


def liq(**effects):
    return device_from_parameters(DEVICES["sppo13_liq"], **effects)


def external_quantum_efficiency(spectral_radiance, density):
    """Photons per charge of a Lambertian emitter."""
    photons = math.pi * integral(spectral_radiance * WAVELENGTH * 1e-9) / (PLANCK * LIGHT)
    return CHARGE * photons / density


# the model against its parameter file


@each_device
def test_reference_points(entry):
    device = device_from_parameters(entry)
    photodiode = photodiode_from_parameters(SHARED)
    for point in entry["reference_points"]:
        current = device.current(point["V_V"])
        density = current / SHARED["device_area_m2"]
        light = device.luminance(current)
        radiance = device.spectral_radiance(current)
        x, y, z = (integral(radiance * column) for column in cie_1931_2deg())
        assert current == pytest.approx(point["I_A"], rel=1e-6)
        assert density == pytest.approx(point["J_A_m2"], rel=1e-6)
        assert light == pytest.approx(point["L_cd_m2"], rel=1e-6)
        assert K_M * y == pytest.approx(light, rel=1e-12)
        assert light / density == pytest.approx(point["CE_cd_A"], rel=1e-6)
        assert math.pi * light / density / point["V_V"] == pytest.approx(point["PE_lm_W"], rel=1e-6)
        efficiency = external_quantum_efficiency(radiance, density)
        assert 100.0 * efficiency == pytest.approx(point["EQE_pct"], rel=1e-5)
        assert x / (x + y + z) == pytest.approx(point["x"], rel=1e-6)
        assert y / (x + y + z) == pytest.approx(point["y"], rel=1e-6)
        assert photodiode.current(radiance) == pytest.approx(point["I_pd_A"], rel=1e-5)
        assert photodiode.gain * photodiode.current(radiance) == pytest.approx(point["V_dmm_V"], rel=1e-5)


def figures_of(device, voltages):
    """Turn-on voltage by a logarithmic crossing, and the maxima, on a list of voltages."""
    rows = []
    for voltage in voltages:
        current = device.current(voltage)
        density = current / SHARED["device_area_m2"]
        light = device.luminance(current)
        efficiency = light / density
        rows.append(
            (
                light,
                efficiency,
                math.pi * efficiency / voltage,
                100.0 * external_quantum_efficiency(device.spectral_radiance(current), density),
            )
        )
    table = np.array(rows)
    above = int(np.argmax(table[:, 0] >= 1.0))
    (l1, l2), (v1, v2) = table[above - 1 : above + 1, 0], voltages[above - 1 : above + 1]
    turn_on = v1 + (v2 - v1) * math.log(1.0 / l1) / math.log(l2 / l1)
    names = ("V_on_V", "L_max_cd_m2", "CE_max_cd_A", "PE_max_lm_W", "EQE_max_pct")
    return dict(zip(names, (turn_on, *table.max(axis=0)), strict=True))


@each_device
def test_figures_of_a_sweep_in_steps_of_a_tenth_of_a_volt(entry):
    voltages = [round(0.1 * step, 1) for step in range(1, 91)]
    found = figures_of(device_from_parameters(entry), voltages)
    for name, value in entry["fit"]["sampled_0p1V_values"].items():
        assert found[name] == pytest.approx(value, rel=1e-5 if name == "EQE_max_pct" else 1e-6), name


@each_device
def test_continuous_figures(entry):
    device = device_from_parameters(entry)
    expected = entry["fit"]["continuous_values"]
    points = entry["operating_points"]
    turn_on = np.array([-1e-6, 0.0, 1e-6]) + expected["V_on_V"]
    assert figures_of(device, list(turn_on))["V_on_V"] == pytest.approx(expected["V_on_V"], rel=1e-6)
    for name, voltage in (("L_max_cd_m2", "V_Lmax"), ("CE_max_cd_A", "V_CE"), ("PE_max_lm_W", "V_PE")):
        around = [points[voltage] + step * 1e-3 for step in range(-20, 21)]
        assert figures_of(device, [0.5, *around])[name] == pytest.approx(expected[name], rel=1e-6), name
    around = [points["V_CE"] + step * 1e-3 for step in range(-60, 61)]
    assert figures_of(device, [0.5, *around])["EQE_max_pct"] == pytest.approx(expected["EQE_max_pct"], rel=1e-5)


@each_device
def test_junction_resistance_at_six_volts(entry):
    device = device_from_parameters(entry)
    current = device.current(6.0)
    junction = 6.0 - current * SHARED["electrical"]["R_s_ohm"]
    density, slope = junction_density(junction, device.parameters)
    assert density == pytest.approx(current / SHARED["device_area_m2"], rel=1e-9)
    resistance = 1.0 / (slope * SHARED["device_area_m2"])
    assert resistance == pytest.approx(entry["fit"]["continuous_values"]["R_p_6V_ohm"], rel=1e-6)


@given(voltage=st.floats(-200.0, 200.0))
@settings(max_examples=100)
def test_current_and_voltage_are_inverse(voltage):
    device = liq()
    assert device.voltage(device.current(voltage)) == pytest.approx(voltage, rel=1e-9, abs=1e-12)


@given(low=st.floats(0.0, 20.0), step=st.floats(1e-3, 5.0))
@settings(max_examples=100)
def test_current_rises_with_voltage(low, step):
    device = liq()
    assert device.current(low + step) > device.current(low)


def test_slope_of_the_junction_is_the_derivative():
    device = liq().parameters
    for voltage in (-1.0, 0.5, 3.0, 6.0, 12.0, 300.0):
        step = 1e-6 * abs(voltage)
        difference = junction_density(voltage + step, device)[0] - junction_density(voltage - step, device)[0]
        assert junction_density(voltage, device)[1] == pytest.approx(difference / (2.0 * step), rel=1e-6)


def test_no_light_without_forward_current():
    device = liq()
    assert device.luminance(-1e-6) == 0.0
    assert device.luminance(0.0) == 0.0
    assert not device.spectral_radiance(0.0).any()
    assert current_efficiency(0.0, device.parameters) == 0.0


# photodiode


def test_etendue_of_coaxial_discs():
    assert coaxial_discs_etendue(14e-6, 1e-4, 0.1) == pytest.approx(1.39494011e-7, rel=1e-6)
    etendue = coaxial_discs_etendue(math.pi * 0.1**2, math.pi * 0.2**2, 0.5)
    assert etendue / (math.pi**2 * 0.1**2) == pytest.approx(0.13393, abs=5e-6)


def test_responsivity_formula():
    responsivity = linear_responsivity("6.0e-4*lambda_nm - 0.012")
    assert responsivity[[0, -1]] == pytest.approx([0.216, 0.456])
    with pytest.raises(ValueError, match="slope"):
        linear_responsivity("lambda_nm**2")


# colour-matching tables


def test_tables_have_the_published_sums():
    assert cie_1931_2deg(360, 830).sum(axis=1) == pytest.approx(
        [106.865469489595, 106.8569171011719, 106.892251278636], rel=1e-12
    )
    assert cie_1931_2deg().shape == cie_1964_10deg().shape == (3, 401)
    assert cie_1931_2deg()[1].max() == pytest.approx(1.0)


def test_ten_degree_table_agrees_with_colour_science():
    colour = pytest.importorskip("colour")
    theirs = colour.MSDS_CMFS["CIE 1964 10 Degree Standard Observer"].values
    assert pytest.approx(theirs, abs=1e-12) == cie_1964_10deg(360, 830).T


# the fixture


def test_voltage_source_at_its_level_and_at_its_limit():
    fixture = fixture_with(Resistor(1e3))
    assert fixture.drive_voltage(2.0, 0.1) == fixture.operating_point()
    assert fixture.operating_point().current == pytest.approx(2e-3)
    assert not fixture.operating_point().clamped
    clamped = fixture.drive_voltage(-2.0, 1e-3)
    assert (clamped.voltage, clamped.current, clamped.clamped) == pytest.approx((-1.0, -1e-3, True))


def test_current_source_at_its_level_and_at_its_limit():
    fixture = fixture_with(Resistor(1e3))
    assert fixture.drive_current(1e-3, 5.0).voltage == pytest.approx(1.0)
    clamped = fixture.drive_current(-10e-3, 5.0)
    assert (clamped.voltage, clamped.current, clamped.clamped) == pytest.approx((-5.0, -5e-3, True))


def test_open_and_shorted_terminals():
    opened = fixture_with(OpenCircuit())
    assert opened.drive_voltage(20.0, 0.1).current == 0.0
    assert opened.drive_current(1e-6, 21.0) == opened.operating_point()
    assert opened.operating_point().voltage == 21.0
    assert opened.operating_point().clamped
    shorted = fixture_with(ShortCircuit())
    point = shorted.drive_voltage(1.0, 0.1)
    assert (point.voltage, point.current, point.clamped) == (0.0, 0.1, True)
    assert shorted.drive_current(0.05, 21.0).voltage == 0.0


def test_disconnected_is_dark():
    fixture = fixture_with(liq())
    fixture.drive_voltage(6.0, 0.1)
    assert fixture.luminance() == pytest.approx(2604.24, rel=1e-5)
    assert fixture.disconnect().current == 0.0
    assert fixture.luminance() == 0.0
    assert not fixture.spectral_radiance().any()


def test_photodiode_sees_the_device_and_the_dark_current():
    fixture = fixture_with(liq())
    assert fixture.photodiode_voltage() == pytest.approx(5e6 * 2e-11)
    fixture.drive_voltage(6.0, 0.1)
    assert fixture.photodiode_voltage() == pytest.approx(1.10979408 + 1e-4, rel=1e-6)


def test_room_light_reaches_both_detectors():
    fixture = fixture_with(liq())
    fixture.ambient = AmbientLight(10.0)
    assert K_M * integral(fixture.spectral_radiance() * cie_1931_2deg()[1]) == pytest.approx(10.0)
    assert fixture.photodiode_current() > 10.0 * SHARED["photodiode"]["dark_current_A"]
    assert fixture.luminance() == 0.0


def test_two_wire_sensing_includes_the_leads():
    fixture = fixture_with(Resistor(1e3), lead_resistance=10.0)
    assert fixture.drive_voltage(1.01, 0.1).current == pytest.approx(1e-3)
    assert fixture.drive_voltage(-1.01, 0.1).current == pytest.approx(-1e-3)
    assert fixture.drive_current(1e-3, 5.0).voltage == pytest.approx(1.01)
    fixture.remote_sense = True
    assert fixture.drive_voltage(1.0, 0.1).current == pytest.approx(1e-3)


def test_leads_in_front_of_a_short():
    fixture = fixture_with(ShortCircuit(), lead_resistance=10.0)
    assert fixture.drive_voltage(0.5, 0.1).current == pytest.approx(0.05)


# history


def lag_of_a_sweep(rate):
    """Voltage shift of the J-V curve at 6 V on a staircase of 0.1 V at a rate (V/s)."""
    fixture = fixture_with(liq(hysteresis=True))
    for step in range(1, 61):
        point = fixture.drive_voltage(0.1 * step, 1.0)
        fixture.clock.advance(0.1 / rate)
        point = fixture.operating_point()
    return liq().voltage(point.current) - 6.0


def test_hysteresis_shifts_with_the_rate_and_vanishes_in_the_slow_limit():
    assert lag_of_a_sweep(0.1) == pytest.approx(-9e-3, abs=1.5e-3)
    assert -0.094 < lag_of_a_sweep(1.0) < -0.03
    assert lag_of_a_sweep(1e-3) == pytest.approx(0.0, abs=5e-4)


def test_current_source_follows_the_hysteresis():
    fixture = fixture_with(liq(hysteresis=True))
    current = liq().current(6.0)
    start = fixture.drive_current(current, 20.0).voltage
    fixture.clock.advance(100.0)
    end = fixture.operating_point().voltage
    assert start - end == pytest.approx(0.15 * 6.0 / 8.0, rel=0.05)
    assert end == pytest.approx(6.0, abs=1e-3)


@given(voltage=st.floats(-5.0, 12.0), charge=st.floats(0.0, 1.0))
@settings(max_examples=100)
def test_charged_device_inverts(voltage, charge):
    device = liq(hysteresis=True)
    device.charge = charge
    assert device.voltage(device.current(voltage)) == pytest.approx(voltage, rel=1e-9, abs=1e-9)


def test_half_life_at_constant_current():
    fixture = fixture_with(liq(degradation=True))
    reference = SHARED["degradation"]
    density = DEVICES["sppo13_liq"]["degradation"]["J_ref_A_m2"]
    fixture.drive_current(density * SHARED["device_area_m2"], 20.0)
    start = fixture.luminance()
    voltage = fixture.operating_point().voltage
    assert start == pytest.approx(1000.0, rel=1e-4)
    fixture.clock.advance(reference["T50_at_1000cd_m2_s"])
    assert fixture.luminance() / start == pytest.approx(0.5, rel=1e-5)
    rise = fixture.operating_point().voltage - voltage
    assert rise == pytest.approx(0.5 * reference["V_rise_at_full_loss_V"], rel=1e-5)


def test_history_does_not_depend_on_how_often_one_looks():
    lights = []
    for looks in (1, 50):
        fixture = fixture_with(liq(degradation=True, hysteresis=True))
        fixture.drive_voltage(6.5, 0.1)
        for _ in range(looks):
            fixture.clock.advance(100.0 / looks)
            lights.append(fixture.luminance())
    assert lights[0] == pytest.approx(lights[-1], rel=1e-3)


def test_without_history_time_changes_nothing():
    fixture = fixture_with(liq())
    point = fixture.drive_voltage(6.0, 0.1)
    fixture.clock.advance(1e6)
    assert fixture.operating_point() == point


# noise


def test_noise_settings_of_the_parameter_file_are_the_defaults():
    assert noise_from_parameters(SHARED) == NoiseSettings()
    assert noise_from_parameters({"noise": {"smu_V_rms_V": 1e-3}}) == NoiseSettings(smu_voltage=1e-3)


def test_dark_drift_is_seeded_and_independent_of_the_meters_noise():
    def drift(seed, draws):
        fixture = fixture_with(liq(), noise=noise_from_parameters(SHARED), seed=seed)
        readings = []
        for _ in range(5):
            fixture.rng.standard_normal(draws)
            fixture.clock.advance(100.0)
            readings.append(fixture.photodiode_current())
        return readings

    assert drift(1, 0) == drift(1, 7)
    assert drift(1, 0) != drift(2, 0)


def test_dark_drift_grows_as_a_random_walk():
    noise = noise_from_parameters(SHARED)
    photodiode = Photodiode(0.0, np.zeros(401), gain=1.0)
    ends = []
    for seed in range(200):
        fixture = fixture_with(OpenCircuit(), noise=noise, seed=seed, photodiode=photodiode)
        fixture.clock.advance(400.0)
        ends.append(fixture.photodiode_current())
    assert np.std(ends) == pytest.approx(2e-14 * 20.0, rel=0.2)


def test_no_noise_is_no_drift():
    fixture = fixture_with(liq())
    before = fixture.photodiode_current()
    fixture.clock.advance(1e4)
    assert fixture.photodiode_current() == before
