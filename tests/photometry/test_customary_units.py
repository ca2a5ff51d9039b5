"""The table of quantities: its factors by a library of units, its names in front of every column and figure."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pint
import pytest

from acquire.evaluation.figure import JVLCurve
from acquire.evaluation.figures import figures_of_merit
from acquire.evaluation.spectral_figures import SPECTRAL_FIGURES
from acquire.photometry.customary_units import (
    QUANTITIES,
    axis_title,
    customary,
    figure_title,
    quantity_of_figure,
)
from acquire.records import DERIVED, ROUTES

UNITS = pint.UnitRegistry()


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_factor_is_that_of_its_units(name: str) -> None:
    quantity = QUANTITIES[name]
    stored = UNITS.Quantity(1.0, "" if quantity.si_unit == "1" else quantity.si_unit.replace(" sr nm", " * sr * nm"))
    read = stored.to("" if quantity.unit == "1" else quantity.unit.replace(" sr nm", " * sr * nm"))
    assert read.magnitude == pytest.approx(quantity.factor + quantity.zero, rel=1e-9)


def test_long_names_and_titles_tell_quantities_apart() -> None:
    assert len({one.long_name for one in QUANTITIES.values()}) == len(QUANTITIES)
    assert axis_title("voltage") == "Voltage (V)"
    assert axis_title("current_density") == "Current density (mA/cm^2)"
    assert axis_title("chromaticity_x") == "CIE 1931 x"
    assert QUANTITIES["external_quantum_efficiency"].heading == "EQE (%)"


def test_what_is_derived_is_stored_in_the_unit_that_the_table_converts_from() -> None:
    for name, unit in {**DERIVED, **ROUTES}.items():
        assert QUANTITIES[name].si_unit == unit
    assert customary(500.0, "current_density") == pytest.approx(50.0)


def test_every_figure_of_merit_has_its_quantity_and_its_own_title() -> None:
    branch = JVLCurve(*(np.geomspace(1.0, 20_000.0, 5) for _ in fields(JVLCurve)))
    figures = {**figures_of_merit(branch, branch), **dict.fromkeys(SPECTRAL_FIGURES)}
    titles = [figure_title(name) for name in figures]
    assert len(set(titles)) == len(figures)
    for name, figure in figures.items():
        unit = figure.unit if figure else SPECTRAL_FIGURES[name]
        assert QUANTITIES[quantity_of_figure(name)].si_unit == unit, name
    assert figure_title("current_efficiency_at_1000_cd_m2") == "Current efficiency at 1000 cd/m^2"
    assert figure_title("luminance_max") == "Maximum luminance"
    assert figure_title("voltage_at_luminance_max") == "Voltage at maximum luminance"
    assert figure_title("luminance_change") == "Change of luminance"
    with pytest.raises(KeyError):
        figure_title("something_else")
