"""The simulated electron-only device against the law of Mott and Gurney, worked out elsewhere."""

from dataclasses import replace

import pytest

from drivers.simulated.single_carrier import LayerParameters, SingleCarrierDevice, Traps

#: 1 m^2, so that currents are current densities.
LAYER = LayerParameters(area=1.0, thickness=100e-9, permittivity=3.5, mobility=4.78056748e-10)


def test_space_charge_current():
    assert SingleCarrierDevice(LAYER).current(3.0) == pytest.approx(150.0, rel=1e-8)


def test_field_activation():
    layer = replace(LAYER, mobility=1e-10, field_activation=3e-4)
    assert SingleCarrierDevice(layer).current(3.0) == pytest.approx(135.658192, rel=1e-8)


def test_trap_filled_voltage_is_where_the_current_rises_to_that_without_traps():
    layer = replace(LAYER, thickness=80e-9, permittivity=3.0, traps=Traps(1e23, 0.01))
    assert layer.trap_filled_voltage == pytest.approx(1.93014700, rel=1e-8)
    trapped, free = SingleCarrierDevice(layer), SingleCarrierDevice(replace(layer, traps=None))
    assert trapped.current(layer.trap_filled_voltage) == pytest.approx(0.1 * free.current(layer.trap_filled_voltage))
    assert trapped.current(0.5) == pytest.approx(0.01 * free.current(0.5), rel=1e-3)
    assert trapped.current(8.0) == pytest.approx(free.current(8.0), rel=1e-3)


@pytest.mark.parametrize("voltage", [-7.0, -1.5, -0.1, 0.05, 0.3, 0.31, 2.0, 9.0])
def test_the_voltage_at_a_current_undoes_the_current_at_a_voltage(voltage):
    layer = replace(
        LAYER, series_resistance=1e-3, leak_conductance=1e-4, built_in=0.3, reverse_built_in=0.9, field_activation=3e-4
    )
    device = SingleCarrierDevice(layer)
    assert device.voltage(device.current(voltage)) == pytest.approx(voltage, rel=1e-6)


def test_contacts_that_differ_make_it_lopsided():
    device = SingleCarrierDevice(replace(LAYER, built_in=0.2, reverse_built_in=0.9))
    assert device.current(-3.9) == pytest.approx(-150.0, rel=1e-8)
    assert device.current(3.2) == pytest.approx(150.0, rel=1e-8)
    assert device.current(-0.8) == 0.0
