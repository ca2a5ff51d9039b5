"""The CS-2000A twin: the numbers in its replies."""

import numpy as np
import pytest

from drivers.cie import WAVELENGTH, cie_1931_2deg
from drivers.simulated.cs2000a.colour import (
    block_fields,
    colorimetry,
    field_text,
)
from drivers.simulated.device import device_from_parameters
from drivers.simulated.fixture import NoiseSettings
from tests.twins.cs2000a.conftest import LIQ, WHITE, Bench, Glow, exchange, hexadecimal


def test_text_replies_agree_with_an_independent_evaluation():
    bench = Bench(device_from_parameters(LIQ))
    bench.fixture.drive_voltage(5.0, 0.1)
    bench.measure()
    spectrum = np.concatenate([hexadecimal(bench.ask(f"MEDR,1,1,{block}")) for block in (1, 2, 3, 4)])
    x_bar, y_bar, z_bar = cie_1931_2deg()
    tristimulus = [683.0 * float(np.sum(column * spectrum)) for column in (x_bar, y_bar, z_bar)]
    x, y = tristimulus[0] / sum(tristimulus), tristimulus[1] / sum(tristimulus)
    assert bench.ask("MEDR,2,0,2") == f"OK00,{x:.4f},{y:.4f},{tristimulus[1]:.3f}"
    assert bench.values("MEDR,2,0,1") == pytest.approx(tristimulus, rel=5.1e-5)
    assert bench.values("MEDR,2,0,100")[0] == pytest.approx(float(spectrum.sum()), rel=5.1e-5)
    u, v = 4.0 * x / (-2.0 * x + 12.0 * y + 3.0), 9.0 * y / (-2.0 * x + 12.0 * y + 3.0)
    assert bench.values("MEDR,2,0,3")[:2] == pytest.approx([u, v], abs=5.1e-5)


def test_colour_agrees_with_colour_science():
    colour = pytest.importorskip("colour")
    values = colorimetry(WHITE)
    cmfs = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().trim(colour.SpectralShape(380, 780, 1))
    distribution = colour.SpectralDistribution(WHITE / WHITE.max(), WAVELENGTH)
    xyz = colour.sd_to_XYZ(distribution, cmfs, illuminant=None, k=1.0, method="Integration")
    x, y = colour.XYZ_to_xy(xyz)
    assert (values.observer_2deg.x, values.observer_2deg.y) == pytest.approx((x, y), abs=1e-6)


@pytest.mark.parametrize(
    ("spectrum", "fields"),
    [
        (np.ones(401), " 5455,-0.0044"),
        (WAVELENGTH**-5 / np.expm1(1.438776877e7 / WAVELENGTH / 3000.0), " 3000,+0.0000"),
        (np.exp(-4.0 * np.log(2.0) * ((WAVELENGTH - 520.0) / 19.0) ** 2), "-9999,-9.9999"),
    ],
)
def test_correlated_colour_temperature(spectrum, fields):
    two = [field_text(field) for field in block_fields(colorimetry(spectrum), 4)]
    assert ",".join(two[:2]) == fields


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([(1.0, 520.0, 19.0)], (520.069095, 93.8797252)),
        ([(1.0, 465.0, 20.0)], (465.895087, 99.2047796)),
        ([(1.0, 630.0, 30.0)], (622.137617, 100.0)),
        ([(1.0, 450.0, 20.0), (1.0, 640.0, 20.0)], (-561.627387, 90.3028402)),
    ],
)
def test_dominant_wavelength_and_purity(lines, expected):
    spectrum = sum(
        height * np.exp(-4.0 * np.log(2.0) * ((WAVELENGTH - mean) / width) ** 2) for height, mean, width in lines
    )
    two = colorimetry(spectrum).observer_2deg
    # the vectors integrate by trapezoids, the meter sums
    assert (two.dominant_wavelength, two.purity) == pytest.approx(expected, rel=1e-5)


def test_blocks_repeat_the_fields_of_block_zero():
    values = colorimetry(WHITE)
    every = block_fields(values, 0)
    assert len(every) == 24
    for offset, first in ((0, 2), (10, 13)):
        assert block_fields(values, offset + 1) == every[first : first + 3]
        for number, place in ((2, 3), (3, 5), (4, 7), (5, 9)):
            assert block_fields(values, offset + number) == [*every[first + place : first + place + 2], every[1]]
    assert block_fields(values, 100) == every[:1]
    assert block_fields(values, 101) == every[1:2]


def test_sizes_of_replies_in_bytes():
    bench = Bench(Glow(WHITE, 133.99))
    bench.measure()
    for block, text, hexes in ((1, 1006, 906), (2, 1006, 906), (3, 1006, 906), (4, 1016, 915)):
        assert len(exchange(bench, f"MEDR,1,0,{block}\r\n".encode())) == text
        assert len(exchange(bench, f"MEDR,1,1,{block}\r\n".encode())) == hexes
    assert len(exchange(bench, b"MEDR,2,0,00\r\n")) == 195


def test_noise_is_seeded_scaled_and_clipped():
    noise = NoiseSettings(spectrum_floor=1e-7, spectrum_relative=1e-3, spectrum_common=1.5e-3)

    def spectra(level, seed):
        bench = Bench(Glow(WHITE, level), noise=noise, seed=seed)
        bench.ask("SPMS,0,2")
        bench.measure()
        return np.concatenate([hexadecimal(bench.ask(f"MEDR,1,1,{block}")) for block in (1, 2, 3, 4)])

    bright = spectra(100.0, 1) / Glow(WHITE, 100.0).spectral_radiance(0.0)
    assert np.std(bright / bright.mean()) == pytest.approx(1e-3, rel=0.3)
    assert abs(bright.mean() - 1.0) < 6e-3
    dark = spectra(0.0, 1)
    assert np.count_nonzero(dark == 0.0) == pytest.approx(200, abs=50)
    assert dark.max() == pytest.approx(3.0 * 1e-7 / np.sqrt(120.0), rel=0.4)
    assert (spectra(0.0, 1) == dark).all()
    assert (spectra(0.0, 2) != dark).any()
