"""Space-charge limited currents: the reference values of the formulas."""

import pytest

from acquire.photometry.transport import (
    mott_gurney_mobility,
    space_charge_density,
    trap_density,
    trap_filled_voltage,
)


def test_mobility_of_a_current() -> None:
    assert mott_gurney_mobility(150.0, 3.0, 100e-9, 3.5) == pytest.approx(4.78056748e-10, rel=1e-8)


def test_current_with_field_activation() -> None:
    assert space_charge_density(3.0, 1e-10, 100e-9, 3.5, 3e-4) == pytest.approx(135.658192, rel=1e-8)


def test_voltage_at_which_traps_are_filled() -> None:
    assert trap_filled_voltage(1e23, 80e-9, 3.0) == pytest.approx(1.93014700, rel=1e-8)
    assert trap_density(1.93014700, 80e-9, 3.0) == pytest.approx(1e23, rel=1e-8)
