"""Arcs: the vector of the metrology page, an independent program, and arcs of every size that a laboratory meets."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from acquire.evaluation.figure import Figure
from acquire.spectroscopy.dc_check import differential_resistance, verdict
from acquire.spectroscopy.impedance import arc, figures_of, fitted_arc, judged
from acquire.spectroscopy.kramers_kronig import linear_kramers_kronig, residuals_of
from acquire.spectroscopy.roles import ImpedanceSpectrum

FREQUENCIES = np.geomspace(1.0, 1e6, 40)


def noisy(z, part, seed=1):
    chance = np.random.default_rng(seed)
    return z * np.exp(part * (chance.normal(size=z.size) + 1j * chance.normal(size=z.size)))


def spectrum_of(series, parallel, capacitance, exponent=1.0, noise=1e-3, frequencies=FREQUENCIES, seed=1):
    return ImpedanceSpectrum(frequencies, noisy(arc(frequencies, series, parallel, capacitance, exponent), noise, seed))


def test_an_arc_is_that_of_the_reference():
    """Z1 of the reference vectors."""
    found = arc(np.array([1e3, 1e4, 1e5]), 25.0, 1670.0, 3.5e-9)
    expected = [1692.75064 - 61.2485059j, 1496.52878 - 540.422156j, 140.272451 - 423.340590j]
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    fit = fitted_arc(spectrum_of(25.0, 1670.0, 3.5e-9, noise=0.0))
    assert fit.apex == pytest.approx(27229.2460, rel=1e-6)
    assert (fit.series_resistance, fit.recombination_resistance) == pytest.approx((25.0, 1670.0), rel=1e-6)


@pytest.mark.parametrize("published", [1670.0, 1250.0, 210.0])
def test_the_published_recombination_resistances_come_back(published):
    figure = judged(spectrum_of(25.0, published, 3.5e-9)).figures["recombination_resistance"]
    assert figure.status == "ok"
    assert abs(figure.value - published) < 4 * figure.uncertainty < 0.01 * published


def test_a_depressed_arc_is_told_from_a_capacitor():
    found = judged(spectrum_of(100.0, 5000.0, 1e-8, exponent=0.85))
    assert found.fit.model == "cole_cole"
    assert found.figures["cpe_exponent"].value == pytest.approx(0.85, abs=4 * found.figures["cpe_exponent"].uncertainty)
    assert "cpe_exponent" not in judged(spectrum_of(100.0, 5000.0, 1e-8)).figures


def test_the_same_as_an_independent_program():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from impedance import validation
        from impedance.models.circuits import CustomCircuit

        validation.circuit_elements["np"] = np  # it writes numbers as numpy 2 shows them, np.float64(1.0)

        spectrum = spectrum_of(100.0, 5000.0, 1e-8, exponent=0.85, noise=2e-3)
        other = CustomCircuit("R0-p(R1,CPE1)", initial_guess=[100.0, 5000.0, 1e-7, 0.9])
        other.fit(spectrum.frequency, spectrum.impedance, weight_by_modulus=True)
        series, parallel, admittance, exponent = other.parameters_
        elements, _, _, real, imaginary = validation.linKK(
            spectrum.frequency, spectrum.impedance, c=None, max_M=12, fit_type="complex", add_cap=True
        )
    found = fitted_arc(spectrum)
    assert found.series_resistance == pytest.approx(series, rel=2e-3)
    assert found.recombination_resistance == pytest.approx(parallel, rel=5e-4)
    assert found.exponent == pytest.approx(exponent, abs=5e-4)
    capacitance = (parallel * admittance) ** (1 / exponent) / parallel
    assert found.capacitance == pytest.approx(capacitance, rel=2e-3)
    np.testing.assert_allclose(residuals_of(*_of(spectrum), elements), real + 1j * imaginary, atol=2e-5)


def _of(spectrum):
    return spectrum.frequency, spectrum.impedance


def test_an_arc_above_the_frequencies_hides_in_the_series_resistance():
    """R_s is told only as far as no arc beyond the last frequency may be a part of it."""
    for series, parallel, capacitance, exponent, seed in (
        (4.64, 0.0679, 7.1e-8, 0.9, 147624077),
        (1e6, 1e4, 1e-13, 1.0, 3),
        (10.0, 0.02, 1e-7, 0.75, 4),
    ):
        found = judged(spectrum_of(series, parallel, capacitance, exponent, seed=seed)).figures["series_resistance"]
        assert found.status == "not_determined", (series, parallel)


@settings(
    max_examples=30, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(st.floats(0, 9), st.floats(0, 9), st.floats(-12, -3), st.sampled_from([1.0, 0.9, 0.75]), st.integers(0, 1000))
def test_from_an_ohm_to_a_gigaohm_nothing_is_stated_that_is_wrong(series, parallel, capacitance, exponent, seed):
    truth = 10.0**series, 10.0**parallel, 10.0**capacitance
    found = judged(spectrum_of(*truth, exponent=exponent, seed=seed)).figures
    true = {
        "series_resistance": truth[0],
        "recombination_resistance": truth[1],
        "capacitance": truth[2],
        "cpe_exponent": exponent,
        "dc_resistance": truth[0] + truth[1],
        "apex_frequency": 1 / (2 * np.pi * truth[1] * truth[2]),
    }
    for name, figure in found.items():
        if figure.status == "not_determined":
            assert np.isnan(figure.value)
            continue
        assert abs(figure.value - true[name]) < 4 * figure.uncertainty + 1e-6 * abs(true[name]), (
            name,
            truth,
            exponent,
            seed,
        )
    if 10 < true["apex_frequency"] < 1e5 and 0.03 < truth[1] / truth[0] < 300 and exponent >= 0.9:
        assert all(figure.status == "ok" for figure in found.values())


def test_what_the_frequencies_do_not_reach_has_no_value():
    """Below the apex only the sum of both resistances is seen; far above it only capacitance."""
    below = judged(spectrum_of(100.0, 1000.0, 1e-13)).figures
    assert below["recombination_resistance"].status == below["capacitance"].status == "not_determined"
    above = judged(spectrum_of(1.0, 1e9, 1e-6)).figures
    assert above["recombination_resistance"].status == above["dc_resistance"].status == "not_determined"
    assert above["capacitance"].value == pytest.approx(1e-6, rel=0.01)


def test_a_device_that_drifts_is_found():
    clean = spectrum_of(25.0, 1670.0, 3.5e-9)
    assert linear_kramers_kronig(*_of(clean)).passed
    ageing = 1670.0 * (1 + 0.3 * np.linspace(1, 0, FREQUENCIES.size))  # from high to low frequency in an hour
    drifted = np.array([arc(f, 25.0, r, 3.5e-8)[0] for f, r in zip(FREQUENCIES[:, None], ageing, strict=True)])
    found = judged(ImpedanceSpectrum(FREQUENCIES, noisy(drifted, 1e-3)))
    assert found.figures["recombination_resistance"].status == "doubtful"
    assert not found.test.passed or "not one arc" in found.figures["recombination_resistance"].reason


def test_two_arcs_are_not_one():
    both = arc(FREQUENCIES, 10.0, 1000.0, 1e-9) + arc(FREQUENCIES, 0.0, 1000.0, 1e-5)
    found = judged(ImpedanceSpectrum(FREQUENCIES, noisy(both, 1e-3)))
    assert found.test.passed
    assert found.figures["recombination_resistance"].status == "doubtful"
    assert "not one arc" in found.figures["recombination_resistance"].reason


def test_a_sweep_says_the_same_resistance_or_not():
    voltage = np.arange(4.0, 8.0, 0.1)
    current = 1e-6 * np.exp((voltage - 4.0) / 0.3)
    by_sweep = differential_resistance(voltage, current, 6.0)
    assert by_sweep.value == pytest.approx(0.3 / (1e-6 * np.exp(2.0 / 0.3)), rel=1e-6)
    assert verdict(Figure(1.02 * by_sweep.value, "ohm", "ok", uncertainty=1.0), by_sweep)[0] is True
    agrees, words = verdict(Figure(0.7 * by_sweep.value, "ohm", "ok", uncertainty=1.0), by_sweep)
    assert agrees is False
    assert "-30.0%" in words
    assert differential_resistance(voltage, current, 9.0).status == "not_reached"


def test_a_figure_of_a_failed_test_is_doubtful():
    found = judged(spectrum_of(25.0, 1670.0, 3.5e-9))
    from dataclasses import replace

    figures = figures_of(found.fit, replace(found.test, drift=0.1))
    assert {figure.status for figure in figures.values()} == {"doubtful"}
