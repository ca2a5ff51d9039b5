import json
from dataclasses import replace
from math import nan, pi
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.evaluation.figure import JVLCurve
from acquire.evaluation.figures import (
    figures_of_merit,
    hysteresis_index,
    hysteresis_index_log,
    maximum,
    roll_off,
    triplet_annihilation,
    turn_on_voltage,
    values_at_luminance,
)
from acquire.evaluation.ideality import ideality_factor, ohmic_leak

DEVICES = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text("utf-8"))


def curve(voltage, current_density, luminance, *, kappa=0.01 / 3.6, noise=0.0, relative=0.02):
    v, j, light = (np.asarray(column, float) for column in (voltage, current_density, luminance))
    with np.errstate(all="ignore"):
        ce = np.where(j > 0, light / j, nan)
        pe = np.where(v > 0, pi * ce / v, nan)
    return JVLCurve(
        time=np.arange(float(v.size)),
        voltage=v,
        current_density=j,
        luminance=light,
        current_efficiency=ce,
        power_efficiency=pe,
        external_quantum_efficiency=kappa * ce,
        luminance_noise=np.full(v.shape, noise),
        current_density_floor=np.zeros(v.shape),
        luminance_uncertainty=relative * light,
        current_efficiency_uncertainty=relative * ce,
        power_efficiency_uncertainty=relative * pe,
        external_quantum_efficiency_uncertainty=relative * kappa * ce,
    )


def swept(device, voltages):
    """The model of the simulated devices, section by section, without noise."""
    shared, own, ce = DEVICES["shared"], device["jv"], device["ce"]
    electrical, area = shared["electrical"], shared["device_area_m2"]
    junction = np.linspace(0.0, 9.0, 200_001)[1:]
    injected = own["J00_A_m2"] * np.expm1(junction / own["V_s_V"])
    space_charge = electrical["k_s_A_m2_V2"] * junction**2
    j = electrical["G_sh_S_m2"] * junction + injected * space_charge / (injected + space_charge)
    j = np.exp(np.interp(voltages, junction + j * area * electrical["R_s_ohm"], np.log(j)))
    efficiency = ce["C0_cd_A"] / (1 + (ce["J_t_A_m2"] / j) ** ce["a"] + (j / ce["J_h_A_m2"]) ** ce["b"])
    return curve(voltages, j, j * efficiency, kappa=0.01 / device["spectrum"]["cd_A_per_pct_at_J_ref"])


@pytest.mark.parametrize("device", DEVICES["devices"], ids=lambda device: device["id"])
def test_published_figures_of_the_simulated_devices(device):
    figures = figures_of_merit(swept(device, np.arange(5, 91) / 10), None)
    expected = device["fit"]["sampled_0p1V_values"]
    assert figures["turn_on_voltage"].value == pytest.approx(expected["V_on_V"], rel=1e-5)
    assert figures["luminance_max"].value == pytest.approx(expected["L_max_cd_m2"], rel=1e-5)
    assert figures["current_efficiency_max"].value == pytest.approx(expected["CE_max_cd_A"], rel=1e-5)
    assert figures["power_efficiency_max"].value == pytest.approx(expected["PE_max_lm_W"], rel=1e-5)
    # The spectrum drifts a little with current; here it does not.
    assert 100 * figures["external_quantum_efficiency_max"].value == pytest.approx(expected["EQE_max_pct"], rel=3e-4)
    points = device["operating_points"]
    assert figures["voltage_at_luminance_max"].value == pytest.approx(points["V_Lmax"], abs=0.06)
    assert figures["current_density_at_current_efficiency_max"].value == pytest.approx(points["J_CE"], rel=0.15)
    assert figures["luminance_at_power_efficiency_max"].value == pytest.approx(points["L_PE"], rel=0.25)


def test_turn_on():
    figure = turn_on_voltage(np.array([3.8, 4.0, 4.2, 4.4]), np.array([0.05, 0.5, 3, 11]))
    assert figure.value == pytest.approx(4.07737056, rel=1e-8)
    assert (figure.status, figure.unit, figure.voltage, figure.luminance) == ("ok", "V", figure.value, 1.0)


def test_uncertain_luminance_makes_an_uncertain_turn_on():
    figure = turn_on_voltage(np.array([4.0, 4.2, 4.4]), np.array([0.5, 3, 11]), relative_uncertainty=0.02)
    assert figure.uncertainty == pytest.approx(0.02 * 0.2 / np.log(6), rel=1e-9)


@pytest.mark.parametrize(
    ("luminance", "noise", "status", "value"),
    [
        ([0.05, 0.5, 3, 11], 0.2, "von_upper_bound", 4.2),
        ([-0.01, 0.0, 3, 11], 0.0, "von_upper_bound", 4.2),
        ([2, 3, 4, 5], 0.0, "above_at_start", nan),
        ([0.1, 0.2, 0.3, 0.4], 0.0, "not_reached", nan),
        ([0.1, 5, 0.3, 0.4], 0.0, "not_reached", nan),
        ([0.1, 0.2, 0.5, 2.0], 0.0, "unconfirmed", 4.3),
        ([5, 0.1, 0.5, 2.0], 0.0, "unconfirmed", 4.3),
        ([nan, nan, nan, nan], 0.0, "not_reached", nan),
    ],
)
def test_turn_on_that_is_not_there(luminance, noise, status, value):
    figure = turn_on_voltage(np.array([3.8, 4.0, 4.2, 4.4]), np.array(luminance), noise)
    assert figure.status == status
    assert figure.value == pytest.approx(value, nan_ok=True)


def test_a_single_spike_does_not_turn_a_device_on():
    voltage = np.arange(3.0, 4.3, 0.2)
    figure = turn_on_voltage(voltage, np.array([0.01, 7.0, 0.02, 0.2, 2.0, 20.0, 80.0]))
    assert voltage[3] < figure.value < voltage[4]


def test_missing_points_are_stepped_over():
    figure = turn_on_voltage(np.array([3.8, 3.9, 4.0, 4.2, 4.4]), np.array([0.05, nan, 0.5, 3, 11]))
    assert figure.value == pytest.approx(4.07737056, rel=1e-8)


@given(st.floats(0.2, 1.0), st.floats(1e-6, 1e-3), st.floats(1e-3, 1e3))
def test_turn_on_of_an_exponential_is_exact(slope, first, threshold):
    voltage = np.linspace(0, 40 * slope, 81)
    luminance = first * np.exp(voltage / slope)
    exact = slope * np.log(threshold / first)
    if exact > voltage[0]:
        assert turn_on_voltage(voltage, luminance, 0.0, threshold).value == pytest.approx(exact, rel=1e-9)


def test_values_at_a_luminance():
    figures = values_at_luminance(curve([5.0, 5.2, 5.4], [12.0, 20.0, 40.0], [80, 190, 300]), 100.0)
    assert figures["voltage"].value == pytest.approx(5.05159404, rel=1e-8)
    assert figures["current_density"].value == pytest.approx(13.6902573, rel=1e-8)
    assert figures["current_efficiency"].value == pytest.approx(7.30446463, rel=1e-8)
    assert figures["power_efficiency"].value == pytest.approx(4.54265569, rel=1e-8)
    assert figures["external_quantum_efficiency"].value == pytest.approx(7.30446463e-2 / 3.6, rel=1e-8)
    assert {figure.status for figure in figures.values()} == {"ok"}


@pytest.mark.parametrize(("target", "status"), [(50.0, "above_at_start"), (500.0, "not_reached")])
def test_a_luminance_never_crossed_has_no_values(target, status):
    figures = values_at_luminance(curve([5.0, 5.2, 5.4], [12.0, 20.0, 40.0], [80, 190, 300]), target)
    assert {figure.status for figure in figures.values()} == {status}
    assert np.isnan([figure.value for figure in figures.values()]).all()


def test_without_current_there_are_no_values():
    figures = values_at_luminance(curve([5.0, 5.2, 5.4], [-1.0, 20.0, 40.0], [80, 190, 300]), 100.0)
    assert {figure.status for figure in figures.values()} == {"none"}


def test_without_spectrum_only_eqe_is_missing():
    points = curve([5.0, 5.2, 5.4], [12.0, 20.0, 40.0], [80, 190, 300], kappa=nan)
    figures = values_at_luminance(points, 100.0)
    assert figures["external_quantum_efficiency"].status == "none"
    assert figures["power_efficiency"].status == "ok"
    assert maximum(points, "external_quantum_efficiency", "1").status == "none"


def test_maximum_counts_only_real_light():
    points = curve([1, 2, 3, 4], [1e-6, 1.0, 10.0, 100.0], [0.5, 5.0, 60.0, 300.0], noise=0.6)
    figure = maximum(points, "current_efficiency", "cd/A")
    # 5e5 cd/A in the dark and 5 cd/A at 5 cd/m^2 < 10 sigma do not take part.
    assert (figure.value, figure.voltage, figure.current_density, figure.luminance) == (6.0, 3.0, 10.0, 60.0)
    assert figure.uncertainty == pytest.approx(0.12)
    assert figure.status == "ok"


def test_a_maximum_without_its_voltage_says_so():
    figures = figures_of_merit(curve([3.0, nan], [1.0, 10.0], [5.0, 60.0]), None)
    assert figures["luminance_max"].status == "ok"
    assert figures["voltage_at_luminance_max"].status == "none"
    assert figures["current_density_at_luminance_max"].value == 10.0


def test_a_dark_device_has_no_maximum():
    assert maximum(curve([1, 2], [1, 2], [0.1, 0.9]), "luminance", "cd/m^2").status == "not_reached"


J = np.array([10.0, 20, 50, 100, 200, 500])
EQE = np.array([5, 6, 5.5, 4.2, 3.2, 1.9]) / 100


def test_roll_off():
    figure = roll_off(J, EQE, 0.5, "A/m^2")
    assert figure.value == pytest.approx(230.277516, rel=1e-8)
    assert figure.unit == "A/m^2"
    # 90 % is 5.4 %, between 5.5 % at 50 and 4.2 % at 100.
    assert roll_off(J, EQE, 0.9, "A/m^2").value == pytest.approx(50 * 2 ** (0.1 / 1.3), rel=1e-9)


def test_roll_off_never_reached():
    assert roll_off(J, EQE, 0.1, "A/m^2").status == "not_reached"
    assert roll_off(J[:2], EQE[:2], 0.5, "A/m^2").status == "not_reached"
    assert roll_off(J, np.full(6, nan), 0.5, "A/m^2").status == "none"


def test_roll_off_ignores_noise_in_the_dark():
    eqe = np.array([0.9, *EQE[1:]])
    assert roll_off(J, eqe, 0.5, "A/m^2", top=1).value == pytest.approx(230.277516, rel=1e-8)


def test_triplet_annihilation():
    shape = triplet_annihilation(np.array([0.5, 1.0]), 1.0)
    np.testing.assert_allclose(shape, [0.618033989, 0.5], rtol=1e-9)
    ratio = np.array([1e-3, 0.1, 2.0])
    textbook = (np.sqrt(1 + 8 * ratio) - 1) / (4 * ratio)
    np.testing.assert_allclose(triplet_annihilation(ratio * 30, 30.0), textbook, rtol=1e-12)
    assert triplet_annihilation(np.array([0.0]), 1.0)[0] == 1.0


FORWARD = (np.array([3.0, 4, 5]), np.array([1.0, 4, 10]))
REVERSE = (np.array([5.0, 4, 3]), np.array([10.0, 5, 1.2]))


def test_hysteresis():
    assert hysteresis_index(FORWARD, REVERSE).value == pytest.approx(0.0547263682, rel=1e-8)
    assert hysteresis_index_log(FORWARD, REVERSE).value == pytest.approx(0.0682503180, rel=1e-8)


def test_hysteresis_of_a_curve_with_itself_is_nought():
    assert hysteresis_index(FORWARD, FORWARD).value == 0.0
    assert hysteresis_index_log(FORWARD, FORWARD).value == 0.0


def test_hysteresis_counts_only_the_common_voltages():
    longer = (np.array([3.0, 4, 5, 6]), np.array([1.0, 4, 10, 1000]))
    assert hysteresis_index(longer, REVERSE).value == pytest.approx(0.0547263682, rel=1e-8)


def test_hysteresis_needs_an_overlap_and_known_currents():
    apart = (np.array([7.0, 8]), np.array([1.0, 2]))
    assert hysteresis_index(FORWARD, apart).status == "none"
    assert hysteresis_index(FORWARD, (FORWARD[0], np.full(3, nan))).status == "none"
    assert hysteresis_index_log(FORWARD, (FORWARD[0], -FORWARD[1])).status == "none"


def test_hysteresis_steps_over_missing_points():
    with_gap = (np.array([3.0, 3.5, 4, 5]), np.array([1.0, nan, 4, 10]))
    assert hysteresis_index(with_gap, REVERSE).value == pytest.approx(0.0547263682, rel=1e-8)
    assert hysteresis_index_log(with_gap, REVERSE).value == pytest.approx(0.0682503180, rel=1e-8)


def test_ideality_factor():
    figure = ideality_factor(np.array([1.0, 1.1]), np.array([1e-3, 2.5e-2]))
    assert figure.value == pytest.approx(1.20917198, rel=1e-8)


def test_ideality_is_found_under_leak_and_series_resistance():
    v = np.linspace(0.3, 1.2, 91)
    diode = 1e-9 * np.exp(v / (1.7 * 0.025692579))
    leak, resistance = 1e-4, 2e-3
    j = diode + leak * v
    figure = ideality_factor(v + j * resistance, j, leak_conductance=leak, series_resistance=resistance)
    assert figure.value == pytest.approx(1.7, rel=1e-6)
    naive = ideality_factor(v + j * resistance, j).value
    assert abs(naive - 1.7) > 1e-4


def test_ideality_needs_a_decade():
    assert ideality_factor(np.array([1.0, 1.1]), np.array([1.0, 9.0])).status == "not_reached"
    noisy = ideality_factor(np.array([1.0, 1.1, 1.2]), np.array([1e-3, 1.0, 5.0]), noise_floor=0.1)
    assert noisy.status == "not_reached"


def example():
    return curve(
        np.arange(3.0, 8.0, 0.5),
        [0.01, 0.1, 1, 8, 30, 100, 300, 800, 1500, 2500],
        [0.01, 0.3, 5, 60, 280, 1000, 2600, 4000, 4500, 3000],
    )


def test_all_figures_of_a_sweep():
    figures = figures_of_merit(example(), None)
    assert figures["luminance_max"].value == 4500.0
    assert figures["current_efficiency_max"].value == 10.0
    assert figures["current_efficiency_max"].luminance == 1000.0
    assert figures["voltage_at_1000_cd_m2"].value == 5.5
    assert figures["voltage_at_10000_cd_m2"].status == "not_reached"
    # CE is 10 at 100 A/m^2, 8.67 at 300, exactly 5 at 800.
    assert figures["roll_off_current_density_50"].value == pytest.approx(800)
    assert figures["roll_off_current_density_90"].value == pytest.approx(100 * 3**0.75)
    assert figures["roll_off_luminance_50"].value == pytest.approx(4000)
    # In ln L as far on the way from 1000 to 2600 cd/m^2 as in ln J above.
    assert figures["roll_off_luminance_90"].value == pytest.approx(1000 * 2.6**0.75)
    assert figures["turn_on_voltage"].status == "ok"
    assert figures["turn_on_voltage"].uncertainty > 0
    assert "hysteresis_index" not in figures
    assert all(figure.status == "ok" or np.isnan(figure.value) for figure in figures.values())


def test_the_summit_of_a_parabola_in_ln_j_is_found_between_samples():
    current = np.array([50.0, 100.0, 200.0, 400.0])
    efficiency = 10 * np.exp(-0.3 * np.log(current / 150) ** 2)
    figures = figures_of_merit(curve([5.0, 5.5, 6.0, 6.5], current, current * efficiency))
    top = figures["current_efficiency_max_estimate"]
    assert top.value == pytest.approx(10.0, rel=1e-12)
    assert top.current_density == pytest.approx(150.0, rel=1e-12)
    assert top.uncertainty == pytest.approx(0.02 * 10.0)
    assert figures["current_efficiency_max"].value < 9.8
    assert figures["luminance_max_estimate"].status == "none"
    assert "no neighbour" in figures["luminance_max_estimate"].reason


@pytest.mark.parametrize("device", DEVICES["devices"], ids=lambda device: device["id"])
def test_the_estimate_is_nearer_to_the_published_maximum_than_the_sample(device):
    figures = figures_of_merit(swept(device, np.arange(5, 91) / 10), None)
    for name, key in (("luminance_max", "L_max_cd_m2"), ("current_efficiency_max", "CE_max_cd_A")):
        published = device["published"][key]
        sample, estimate = (abs(figures[f"{name}{end}"].value / published - 1) for end in ("", "_estimate"))
        assert estimate < max(sample, 1e-5), name


def test_a_leak_is_seen_only_where_the_branch_begins_with_it():
    v = np.linspace(0.1, 1.2, 56)
    diode = 1e-9 * np.expm1(v / (1.7 * 0.025692579))
    assert ohmic_leak(v, diode + 1e-4 * v) == pytest.approx(1e-4, rel=0.02)
    assert ohmic_leak(v, diode) == 0.0
    assert ohmic_leak(v, diode + 1e-4 * v, noise_floor=1e-2) == 0.0
    light = 1e-9 * np.exp(v / (1.7 * 0.025692579))
    figures = figures_of_merit(curve(v, diode + 1e-4 * v, light))
    assert figures["ideality_factor"].value == pytest.approx(1.7, rel=0.02)
    assert "leak" in figures["ideality_factor"].reason
    assert figures["luminance_ideality_factor"].value == pytest.approx(1.7, rel=0.01)


def test_the_scatter_of_an_ideality_is_its_uncertainty():
    v = np.linspace(0.3, 0.6, 31)
    chance = np.random.default_rng(3)
    found = [
        ideality_factor(v, 1e-9 * np.exp(v / (1.5 * 0.025692579) + 0.02 * chance.standard_normal(v.size)))
        for _ in range(200)
    ]
    values, stated = (np.array([getattr(f, name) for f in found]) for name in ("value", "uncertainty"))
    assert values.mean() == pytest.approx(1.5, rel=0.1)  # the steepest of several stretches
    assert values.std() == pytest.approx(stated.mean(), rel=0.5)


def test_a_hysteresis_says_how_fast_it_was_measured():
    up = example()
    down = replace(example().reversed(), time=np.arange(20.0, 30.0))
    rate = figures_of_merit(up, down)["scan_rate"]
    assert (rate.value, rate.unit, rate.reason) == (pytest.approx(0.5), "V/s", "forward branch first")


def test_only_a_reverse_branch_is_read_from_low_to_high():
    forward, reverse = (figures_of_merit(*branches) for branches in ((example(), None), (None, example().reversed())))
    assert forward.keys() == reverse.keys()
    for name, figure in forward.items():
        assert reverse[name].status == figure.status
        assert reverse[name].value == pytest.approx(figure.value, nan_ok=True)


def test_both_branches_add_the_hysteresis():
    down = example().reversed()
    figures = figures_of_merit(example(), down)
    assert figures["hysteresis_index"].value == 0.0
    assert figures["turn_on_voltage_hysteresis"].value == 0.0
    later = curve(down.voltage + 0.1, down.current_density, down.luminance)
    assert figures_of_merit(example(), later)["turn_on_voltage_hysteresis"].value == pytest.approx(-0.1)


def test_dark_device_reaches_nothing():
    figures = figures_of_merit(curve([1, 2, 3], [0.1, 0.2, 0.3], [0.0, -0.01, 0.02]), None)
    assert figures["turn_on_voltage"].status == "not_reached"
    assert all(np.isnan(figure.value) for figure in figures.values())
    assert figures["roll_off_luminance_50"].status == "not_reached"


def test_empty_sweeps_have_no_figures():
    empty = curve([], [], [])
    assert figures_of_merit(None) == {}
    assert figures_of_merit(empty, empty) == {}
    assert figures_of_merit(empty, example().reversed())["luminance_max"].value == 4500.0


def test_one_point_is_a_sweep():
    figures = figures_of_merit(curve([5.0], [1.0], [20.0]), None)
    assert figures["luminance_max"].value == 20.0
    assert figures["turn_on_voltage"].status == "above_at_start"


def test_unequal_columns_are_refused():
    columns = {name: getattr(example(), name) for name in JVLCurve.__slots__}
    with pytest.raises(ValueError, match="equally long"):
        JVLCurve(**columns | {"voltage": np.zeros(3)})


def test_a_blip_of_noise_is_no_turn_on() -> None:
    """Where 3 sigma is above the threshold, two noisy points above it in the dark bound nothing."""
    voltage = np.linspace(0.0, 6.0, 13)
    light = np.array([0.1, 1.8, 1.5, -0.4, 0.3, 0.9, -1.0, 0.2, 2.0, 30.0, 200.0, 900.0, 3000.0])
    figure = turn_on_voltage(voltage, light, luminance_noise=1.0)
    assert (figure.status, figure.value) == ("von_upper_bound", 4.5)


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.02])
def test_the_steepest_decade_is_that_of_a_line_from_every_point(noise: float) -> None:
    """As plainly as it can be said: from each point the shortest stretch of a decade, if it rises all the way."""
    chance = np.random.default_rng(7)
    v = np.linspace(0.0, 4.0, 400)
    ln_j = np.cumsum(0.05 + 0.04 * np.sin(np.linspace(0.0, 9.0, v.size))) + noise * chance.standard_normal(v.size)
    slopes = []
    for first in range(v.size):
        reached = np.flatnonzero(ln_j[first:] >= ln_j[first] + np.log(10) * (1 - 1e-12))
        if reached.size and (np.diff(ln_j[first : first + reached[0] + 1]) > 0).all():
            stretch = slice(first, first + int(reached[0]) + 1)
            slopes.append(np.polyfit(ln_j[stretch], v[stretch], 1)[0])
    found = ideality_factor(v, np.exp(ln_j))
    assert found.status == ("ok" if slopes else "not_reached")
    if slopes:
        assert found.value == pytest.approx(min(slopes) * 1.602176634e-19 / (1.380649e-23 * 298.15), rel=1e-9)


def test_a_maximum_beyond_which_no_point_has_a_value_is_not_called_ok() -> None:
    """Luminance by spectra alone, at two of seven points: there may be more light where no spectrum was taken."""
    luminance = np.array([nan, nan, nan, 9.3, nan, 2607.0, nan])
    top = figures_of_merit(curve(np.arange(7.0), np.geomspace(1.0, 1000.0, 7), luminance))["luminance_max"]
    assert (top.value, top.status) == (2607.0, "at_end_of_sweep")
    assert top.reason == "the largest value is that of the last point that has one"
