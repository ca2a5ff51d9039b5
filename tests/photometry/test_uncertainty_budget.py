from math import hypot, sqrt

import numpy as np
import pytest

from acquire.photometry.uncertainty import (
    Budget,
    chromaticity_uncertainty,
    common_part,
    correlations,
    rectangular,
    relative_uncertainty,
)
from tests.photometry.worked_example import WORKED_EXAMPLE


def test_terms_of_the_worked_example():
    terms = {
        "current": 0.0420,
        "voltage": 0.0231,
        "area": 1.1389,
        "luminance_scale": 1.1547,
        "linearity": 0.1155,
        "meter": 0.0043,
        "wavelength": 17.32,
    }
    for name, percent in terms.items():
        assert 100 * getattr(WORKED_EXAMPLE, name) == pytest.approx(percent, rel=1e-2 if name == "meter" else 2e-3)


def test_worked_example():
    u = relative_uncertainty(WORKED_EXAMPLE)
    assert 100 * u.luminance == pytest.approx(1.6672, rel=1e-3)
    assert 100 * u.current_density == pytest.approx(1.1397, rel=1e-3)
    assert 100 * u.current_efficiency == pytest.approx(2.0196, rel=1e-3)
    assert 100 * u.power_efficiency == pytest.approx(2.0197, rel=1e-3)
    assert 100 * u.external_quantum_efficiency == pytest.approx(1.9841, rel=1e-3)


def changed(budget, **terms):
    return budget._replace(**terms)


def test_an_uncertain_angular_factor_dominates():
    u = relative_uncertainty(changed(WORKED_EXAMPLE, angular_factor=rectangular(5e-2)))
    assert 100 * u.power_efficiency == pytest.approx(3.523, rel=1e-3)
    assert 100 * u.external_quantum_efficiency == pytest.approx(3.503, rel=1e-3)
    assert u.current_efficiency == relative_uncertainty(WORKED_EXAMPLE).current_efficiency


def test_correlations_of_the_worked_example():
    r = correlations(WORKED_EXAMPLE)
    assert r.current_and_power_efficiency == pytest.approx(0.99993, abs=1e-5)
    assert r.current_and_quantum_efficiency == pytest.approx(0.985, abs=5e-4)
    assert r.luminance_and_current_efficiency == pytest.approx(0.826, abs=1e-3)
    assert r.current_density_and_current_efficiency == pytest.approx(-0.564, abs=5e-4)


def test_budget_agrees_with_a_monte_carlo():
    rng = np.random.default_rng(1)
    draw = {name: rng.standard_normal(400_000) for name in Budget._fields}
    b = changed(WORKED_EXAMPLE, angular_factor=2e-2)
    light = sum(
        getattr(b, name) * draw[name]
        for name in ("luminance_scale", "uniformity", "repositioning", "calibration", "linearity", "meter")
    )
    shift = b.wavelength * draw["wavelength"]
    ln_j = b.current * draw["current"] - b.area * draw["area"]
    ln_l = light + b.luminance_sensitivity * shift
    ln_ce = ln_l - ln_j
    ln_pe = ln_ce - b.voltage * draw["voltage"] + b.angular_factor * draw["angular_factor"]
    ln_eqe = light + b.eqe_sensitivity * shift - ln_j + b.angular_factor * draw["angular_factor"]
    spread = [float(np.std(values)) for values in (ln_j, ln_l, ln_ce, ln_pe, ln_eqe)]
    assert spread == pytest.approx(tuple(relative_uncertainty(b)), rel=5e-3)
    of_narrow = changed(b, angular_factor=0.0)
    ln_eqe_narrow = ln_eqe - b.angular_factor * draw["angular_factor"]
    r = correlations(of_narrow)
    assert np.corrcoef(ln_ce, ln_eqe_narrow)[0, 1] == pytest.approx(r.current_and_quantum_efficiency, abs=1e-3)
    assert np.corrcoef(ln_ce, ln_j)[0, 1] == pytest.approx(r.current_density_and_current_efficiency, abs=5e-3)


def test_common_part_leaves_what_scatters_from_point_to_point():
    common = common_part(changed(WORKED_EXAMPLE, spectral_shift=0.01))
    assert (common.current, common.voltage, common.meter, common.spectral_shift) == (0, 0, 0, 0)
    u, whole = relative_uncertainty(common), relative_uncertainty(WORKED_EXAMPLE)
    assert u.current_density == pytest.approx(WORKED_EXAMPLE.area)
    assert 0.999 * whole.luminance < u.luminance < whole.luminance


def test_half_the_shift_between_spectra_enters_eqe_alone():
    u, shifted = (relative_uncertainty(Budget(area=3e-2, spectral_shift=s)) for s in (0.0, 4e-2))
    assert shifted.external_quantum_efficiency == pytest.approx(5e-2)
    assert shifted.current_efficiency == u.current_efficiency


def test_narrow_lines_owe_their_colour_to_the_wavelength_scale():
    assert chromaticity_uncertainty(rectangular(0.0015), 0.01, 0.1732) == pytest.approx(
        hypot(0.0015 / sqrt(3), 0.001732)
    )


def test_an_area_that_enters_luminance_as_it_does_current_density_drops_out_of_efficiency():
    """By first principles L goes with 1/A as J does: CE, PE and EQE do not know the area."""
    by_geometry = changed(WORKED_EXAMPLE, area_in_luminance=1.0)
    u, other = relative_uncertainty(by_geometry), relative_uncertainty(WORKED_EXAMPLE)
    assert u.current_density == other.current_density
    assert u.luminance == pytest.approx(hypot(other.luminance, WORKED_EXAMPLE.area))
    without = relative_uncertainty(changed(WORKED_EXAMPLE, area=0.0))
    assert u.current_efficiency == pytest.approx(without.current_efficiency)
    assert u.external_quantum_efficiency == pytest.approx(without.external_quantum_efficiency)
    r = correlations(by_geometry)
    rng = np.random.default_rng(3)
    light, area, current = (rng.standard_normal(400_000) for _ in range(3))
    ln_l = without.luminance * light - by_geometry.area * area
    ln_j = by_geometry.current * current - by_geometry.area * area
    ln_ce = ln_l - ln_j
    assert np.corrcoef(ln_l, ln_ce)[0, 1] == pytest.approx(r.luminance_and_current_efficiency, abs=5e-3)
    assert np.corrcoef(ln_j, ln_ce)[0, 1] == pytest.approx(r.current_density_and_current_efficiency, abs=5e-3)
