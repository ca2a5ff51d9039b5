"""A budget written out: the same sums as the formulas, and coverage factors against what is known in closed form."""

from __future__ import annotations

from math import hypot, inf, isnan, nan, sqrt

import numpy as np
import pytest

from acquire.photometry.terms import (
    OF_A_POINT,
    Distribution,
    Part,
    Sensitivity,
    Term,
    between,
    combined,
    coverage_factor,
    effective_degrees_of_freedom,
    terms,
    total,
)
from acquire.photometry.uncertainty import Budget, common_part, independent_uncertainty, relative_uncertainty
from tests.photometry.worked_example import WORKED_EXAMPLE

EVERYTHING = WORKED_EXAMPLE._replace(
    noise=0.004,
    dark=0.002,
    responsivity=0.003,
    spectral_shift=0.006,
    spot=0.007,
    drift=0.0012,
    quantum_noise=0.0021,
    repeatability=0.0015,
    angular_factor=0.02887,
    calibration_degrees_of_freedom=4,
)


def rectangular_term(u: float, name: str = "scale", part: Part = Part.COMMON) -> Term:
    return Term(name, u, 1.0, Distribution.RECTANGULAR, part)


def normal_term(u: float, name: str = "noise", part: Part = Part.INDEPENDENT, freedom: float = inf) -> Term:
    return Term(name, u, 1.0, Distribution.NORMAL, part, degrees_of_freedom=freedom)


@pytest.mark.parametrize("budget", [WORKED_EXAMPLE, EVERYTHING, EVERYTHING._replace(area_in_luminance=1.0)])
@pytest.mark.parametrize("quantity", [name for name in OF_A_POINT if name != "voltage"])
def test_the_terms_add_up_to_what_the_formulas_give(budget: Budget[float], quantity: str) -> None:
    listed = terms(budget, OF_A_POINT[quantity])
    assert total(listed) == pytest.approx(getattr(relative_uncertainty(budget), quantity), rel=1e-12)
    scatter = hypot(*(term.contribution for term in listed if term.part is not Part.COMMON))
    assert scatter == pytest.approx(getattr(independent_uncertainty(budget), quantity), rel=1e-12)
    common = hypot(*(term.contribution for term in listed if term.part is Part.COMMON))
    assert common == pytest.approx(getattr(relative_uncertainty(common_part(budget)), quantity), rel=1e-12)


def test_the_worked_example_to_its_digits() -> None:
    percent = {term.name: 100 * term.contribution for term in terms(WORKED_EXAMPLE, OF_A_POINT["power_efficiency"])}
    expected = {
        "ammeter": -0.0420,
        "voltmeter": -0.0231,
        "emitting area": 1.1389,
        "luminance scale": 1.1547,
        "spot and uniformity": 1.0,
        "repositioning": 0.5,
        "luminance factor": 0.2,
        "linearity": 0.1155,
        "photodiode meter": 0.0043,
        "wavelength scale": 0.3782,
    }
    assert percent == pytest.approx(expected, abs=1e-4)
    [wavelength] = [t for t in terms(WORKED_EXAMPLE, OF_A_POINT["external_quantum_efficiency"]) if t.unit == "nm"]
    assert 100 * wavelength.contribution == pytest.approx(0.3782 - 0.3449, abs=2e-4)


def test_one_rectangular_term_is_covered_by_its_95_percent_quantile() -> None:
    assert coverage_factor([rectangular_term(0.01)]) == pytest.approx(0.95 * sqrt(3), rel=1e-5)


def test_two_equal_rectangular_terms_make_a_triangle() -> None:
    """Half width 2a, u = a sqrt(2/3), 95 % within 2a(1 - sqrt(0.05)): JCGM 101:2008, table 2 has 1.90."""
    exact = 2 * (1 - sqrt(0.05)) / sqrt(2 / 3)
    assert coverage_factor([rectangular_term(0.01), rectangular_term(0.01, "other")]) == pytest.approx(exact, rel=1e-5)


def test_a_normal_term_is_covered_by_1_96() -> None:
    assert coverage_factor([normal_term(0.01)]) == pytest.approx(1.959964, rel=1e-6)


def test_four_equal_rectangular_terms_as_in_the_supplement_to_the_guide() -> None:
    """JCGM 101:2008, 9.2.3: standard uncertainties of 1 each, 95 % interval +-3.88."""
    four = [rectangular_term(1.0, str(i)) for i in range(4)]
    assert total(four) == pytest.approx(2.0)
    assert coverage_factor(four) * total(four) == pytest.approx(3.88, abs=5e-3)


def test_a_dominating_rectangular_term_as_in_the_supplement_to_the_guide() -> None:
    """JCGM 101:2008, 9.2.4: one of 10 beside three of 1, u = 10.1; the exact 95 % interval is +-17.0."""
    parts = [rectangular_term(10.0, "large"), *(rectangular_term(1.0, str(i)) for i in range(3))]
    assert coverage_factor(parts) * total(parts) == pytest.approx(17.0, abs=0.05)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mixture_agrees_with_a_monte_carlo(seed: int) -> None:
    chance = np.random.default_rng(seed)
    sizes = chance.uniform(0.1, 2.0, 5)
    parts = [rectangular_term(float(u), str(i)) for i, u in enumerate(sizes[:3])]
    parts += [normal_term(float(u), f"n{i}") for i, u in enumerate(sizes[3:])]
    errors = sqrt(3) * sizes[:3] @ chance.uniform(-1, 1, (3, 400_000)) + sizes[3:] @ chance.standard_normal(
        (2, 400_000)
    )
    assert coverage_factor(parts) * total(parts) == pytest.approx(float(np.quantile(abs(errors), 0.95)), rel=6e-3)


def test_few_readings_widen_as_students_distribution() -> None:
    """JCGM 100:2008, table G.2."""
    for freedom, factor in {2: 4.30, 4: 2.78, 9: 2.26, 50: 2.01}.items():
        assert coverage_factor([normal_term(0.01, freedom=freedom)]) == pytest.approx(factor, abs=5e-3)


def test_effective_degrees_of_freedom_as_in_the_guide() -> None:
    """JCGM 100:2008, H.1.6: Y with 25 nm, 5.8 nm, 3.9 nm, 6.7 nm, 2.9 nm and 16.6 nm."""
    sizes = {25.0: 18, 5.8: 24, 3.9: 5, 6.7: 8, 2.9: inf, 16.6: 2}
    parts = [normal_term(u, str(u), freedom=n) for u, n in sizes.items()]
    whole = total(parts)
    assert effective_degrees_of_freedom(parts) == pytest.approx(whole**4 / sum(u**4 / n for u, n in sizes.items()))
    assert effective_degrees_of_freedom([normal_term(1.0)]) == inf


def test_nothing_uncertain_or_something_unknown_has_no_factor() -> None:
    assert isnan(coverage_factor([]))
    assert isnan(coverage_factor([normal_term(nan)]))


def test_between_two_points_scatter_averages_and_the_rest_does_not() -> None:
    lower = [rectangular_term(0.02), rectangular_term(0.001, "meter", Part.METER), normal_term(0.03)]
    upper = [rectangular_term(0.02), rectangular_term(0.003, "meter", Part.METER), normal_term(0.01)]
    scale, meter, noise = between(lower, upper, 0.25)
    assert scale.contribution == pytest.approx(0.02)
    assert meter.contribution == pytest.approx(0.75 * 0.001 + 0.25 * 0.003)
    assert noise.contribution == pytest.approx(hypot(0.75 * 0.03, 0.25 * 0.01))


def test_what_is_common_drops_out_of_a_difference() -> None:
    parts = [rectangular_term(0.02), rectangular_term(0.02)._replace(sensitivity=-1.0)]
    assert combined(parts) == []
    apart = combined([part._replace(part=Part.METER) for part in parts], apart=(Part.METER,))
    assert total(apart) == pytest.approx(0.02 * sqrt(2))


def test_an_unknown_uncertainty_of_what_does_not_enter_is_left_out() -> None:
    dark = Budget(current=0.01, meter=inf, luminance_sensitivity=nan, wavelength=0.17)
    assert total(terms(dark, OF_A_POINT["current_density"])) == pytest.approx(0.01)
    assert isnan(coverage_factor(terms(dark, OF_A_POINT["luminance"])))
    assert not terms(dark, Sensitivity())


def test_an_assumed_angular_factor_has_limits_and_a_measured_one_scatters() -> None:
    by_angle = [
        [term.distribution for term in terms(budget, OF_A_POINT["power_efficiency"]) if term.name == "angular factor"]
        for budget in (EVERYTHING, EVERYTHING._replace(angular_factor_measured=True))
    ]
    assert by_angle == [[Distribution.RECTANGULAR], [Distribution.NORMAL]]
