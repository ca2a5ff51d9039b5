"""Decays: the published rates, decays drawn photon by photon, and how many exponentials they support."""

import numpy as np
import pytest

from acquire.spectroscopy.pl_decay import averages, figures_of, judged, rate_figures, rates, response_to
from acquire.spectroscopy.roles import MeasuredDecay

TABLE_1 = [  # PLQY, tau [ns]: k_r, k_nr [1e-2/ns]
    (0.334, 5.64, 5.92198582, 11.8085106),
    (0.227, 2.55, 8.90196078, 30.3137255),
    (0.705, 8.76, 8.04794521, 3.36757991),
    (0.471, 7.16, 6.57821229, 7.38826816),
]


def drawn(shares, lifetimes, photons=100_000, width=0.2, channels=300, seed=1, background=3.0, spread=0.15):
    """Photon by photon: when its excitation comes, how long its component takes, the channel it is counted in."""
    chance = np.random.default_rng(seed)
    yields = np.array(shares) * np.array(lifetimes)
    which = chance.choice(len(shares), photons, p=yields / yields.sum())
    begun = chance.normal(5.0, spread, photons)
    arrived = begun + chance.exponential(np.array(lifetimes)[which])
    edges = np.arange(channels + 1) * width
    counts = np.histogram(arrived, edges)[0] + chance.poisson(background, channels)
    response = np.histogram(chance.normal(5.0, spread, 500_000), edges)[0]
    return MeasuredDecay(edges[:-1] * 1e-9, counts.astype(float), response.astype(float))


@pytest.mark.parametrize(("plqy", "tau", "k_r", "k_nr"), TABLE_1)
def test_the_published_rates(plqy, tau, k_r, k_nr):
    """L2 of the reference vectors: Table 1 of the paper."""
    found = rates(plqy, tau * 1e-9)
    assert found == pytest.approx((k_r * 1e7, k_nr * 1e7), rel=1e-8)


def test_the_averages_of_the_reference():
    """L1 of the reference vectors."""
    assert averages(np.array([0.5, 0.3, 0.2]), np.array([1.0, 5.0, 20.0])) == pytest.approx((14.6666667, 6.0), rel=1e-8)


def test_a_response_is_convolved_exactly():
    """Against the integral over each channel, of light spread evenly over the channel in which it comes."""
    excitation = np.zeros(40)
    excitation[3] = 1.0
    found = response_to(excitation, 0.7, 0.5)
    fine = 400
    begun = (3 + (np.arange(fine) + 0.5) / fine) * 0.5
    edges = np.arange(41) * 0.5
    passed = 1 - np.exp(-np.maximum(edges[None, :] - begun[:, None], 0.0) / 0.7)
    np.testing.assert_allclose(found, np.diff(passed.mean(axis=0)), atol=2e-6)
    assert response_to(excitation, 0.7, 0.5).sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("shares", "lifetimes"), [((1.0,), (5.64,)), ((0.7, 0.3), (1.0, 8.0)), ((0.6, 0.3, 0.1), (0.6, 3.0, 14.0))]
)
def test_as_many_exponentials_as_were_put_in(shares, lifetimes):
    found = judged(drawn(shares, lifetimes, photons=300_000, channels=450))
    assert found.supported == len(shares)
    assert found.remarks == ()
    figures = figures_of(found)
    tau_int, tau_amp = averages(np.array(shares), np.array(lifetimes))
    expected = {"pl_lifetime_intensity_average": tau_int * 1e-9, "pl_lifetime_amplitude_average": tau_amp * 1e-9}
    expected |= {f"pl_lifetime_{i}": tau * 1e-9 for i, tau in enumerate(lifetimes, 1)}
    expected |= {f"pl_amplitude_{i}": share for i, share in enumerate(shares, 1)}
    for name, value in expected.items():
        assert figures[name].status == "ok"
        assert figures[name].value == pytest.approx(value, abs=max(4.5 * figures[name].uncertainty, 1e-12)), name


@pytest.mark.parametrize("spread", [0.05, 0.1, 0.15, 0.6])
def test_averages_are_within_their_u_whatever_the_response_is_in_channels(spread):
    """Of a response of 0.6 to 7 channels; of one that is shorter than a channel figures are doubtful, and say so."""
    shares, lifetimes = np.array([0.7, 0.3]), np.array([1.0, 6.0])
    expected = averages(shares, lifetimes)[1] * 1e-9
    off = []
    for seed in range(3):
        found = judged(drawn(shares, lifetimes, 200_000, seed=seed, spread=spread), exponentials=2)
        figure = figures_of(found)["pl_lifetime_amplitude_average"]
        off.append((figure.value - expected) / figure.uncertainty)
        short = spread == 0.05
        assert (figure.status == "doubtful") == short == any("shorter than a channel" in one for one in found.remarks)
        assert figure.uncertainty < (0.2 if spread < 0.17 else 0.015) * figure.value
    assert np.sqrt(np.mean(np.square(off))) < 2.0
    assert np.abs(off).max() < 3.5


def test_an_exponential_too_many_is_no_figure():
    found = judged(drawn((1.0,), (5.0,)), exponentials=2)
    assert found.supported == 1
    assert "support 1" in found.remarks[0]
    figures = figures_of(found)
    assert figures["pl_lifetime_2"].status == "not_determined"
    assert np.isnan(figures["pl_lifetime_2"].value)
    assert figures["pl_lifetime_intensity_average"].value == pytest.approx(5e-9, rel=0.02)


def test_without_a_response_the_tail_is_fitted():
    decay = drawn((1.0,), (5.64,))
    found = judged(MeasuredDecay(decay.time, decay.counts), begin=7e-9)
    figure = figures_of(found)["pl_lifetime_1"]
    assert abs(figure.value - 5.64e-9) < 4 * figure.uncertainty < 1e-10


def test_values_of_unknown_scale_are_said_to_be_none():
    decay = drawn((1.0,), (5.64,))
    one = MeasuredDecay(decay.time, decay.counts / decay.counts.max())
    found = judged(one, begin=7e-9)
    assert not found.poisson
    assert "no counts" in found.remarks[0]
    by_counts = figures_of(judged(MeasuredDecay(decay.time, decay.counts), begin=7e-9))["pl_lifetime_1"]
    figure = figures_of(found)["pl_lifetime_1"]
    assert figure.value == pytest.approx(by_counts.value, rel=1e-4)
    assert figure.uncertainty == pytest.approx(by_counts.uncertainty, rel=0.2)


def test_what_is_no_exponential_is_not_described():
    time = np.arange(600) * 0.1e-9
    counts = np.random.default_rng(1).poisson(1e4 * np.exp(-np.sqrt(time / 0.5e-9)) + 3).astype(float)
    oscillating = counts * (1 + 0.2 * np.sin(time / 1e-9))
    found = judged(MeasuredDecay(time, np.round(oscillating)))
    assert "do not describe" in found.remarks[-1]
    assert figures_of(found)["pl_lifetime_intensity_average"].status == "doubtful"


def test_rates_carry_both_uncertainties_and_say_when_they_are_nominal():
    one = figures_of(judged(drawn((1.0,), (5.64,))))
    found = rate_figures(one, 0.334, 0.01, "intensity")
    assert found["radiative_rate"].status == "ok"
    tau, u = one["pl_lifetime_intensity_average"].value, one["pl_lifetime_intensity_average"].uncertainty
    by_hand = 0.334 / tau * np.hypot(0.01 / 0.334, u / tau)
    assert found["radiative_rate"].uncertainty == pytest.approx(by_hand, rel=1e-9)
    assert found["nonradiative_rate"].value == pytest.approx(0.666 / tau, rel=1e-9)
    two = figures_of(judged(drawn((0.7, 0.3), (1.0, 8.0))))
    assert rate_figures(two, 0.334, 0.0, "intensity")["radiative_rate"].status == "nominal"
    assert rate_figures(two, 0.334, 0.0, "amplitude")["radiative_rate"].status == "ok"
