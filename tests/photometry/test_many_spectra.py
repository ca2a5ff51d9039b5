"""Many spectra at once give, to the last bit, what one at a time does, however many there are at once."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from acquire.photometry import luminous, many_spectra
from acquire.photometry.factors import spectral_factors
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.many_spectra import Colorimetry, colorimetry
from acquire.photometry.photodiode import PhotodiodeCalibration, calibration_from_factor
from acquire.photometry.spectra import gaussian
from acquire.records import FloatArray

RESPONSIVITY = 6e-4 * WAVELENGTH - 0.012
PHOTODIODE = calibration_from_factor(1.13e10, RESPONSIVITY, gaussian(550, 60))


def spectra() -> FloatArray:
    """Lines of all widths and places, from bright to lost in noise, cut off, with two lobes, flat, dark."""
    random = np.random.default_rng(7)
    centre, width = random.uniform(370, 790, (300, 1)), random.uniform(6, 120, (300, 1))
    lines = np.exp(-(((WAVELENGTH - centre) / width) ** 2)) * 10 ** random.uniform(-6, 1, (300, 1))
    lines[::3] += 0.6 * lines[::3, ::-1]
    noisy = lines + random.normal(0, 1e-5, lines.shape)
    special = [
        np.ones(401),
        np.zeros(401),
        -np.ones(401),
        gaussian(450, 20) + gaussian(640, 20),
        WAVELENGTH[::-1] - 300,
    ]
    special += [np.where(WAVELENGTH == 380, 1.0, 0.0), np.where(WAVELENGTH == 780, 1.0, 0.0), np.full(401, nan)]
    return np.concatenate([lines, noisy, special])


def one_by_one(rows: FloatArray, photodiode: PhotodiodeCalibration | None) -> list[list[float]]:
    """The same by the functions for one spectrum."""
    return [_one(row, photodiode) for row in rows]


def _one(row: FloatArray, photodiode: PhotodiodeCalibration | None) -> list[float]:
    if not np.isfinite(row).all():
        return [nan] * 6
    luminance = luminous.luminance(row)
    factors = None
    for calibration in (photodiode, None):
        try:
            factors = factors or spectral_factors(row, calibration)
        except ValueError:
            continue
    if factors is None:
        return [luminance, *[nan] * 5]
    of = factors.calibration
    mismatch = nan if of is None else of.mismatch(factors.luminance_per_photocurrent)
    of_line = [factors.peak_wavelength, factors.fwhm]
    return [luminance, factors.chromaticity_x, factors.chromaticity_y, *of_line, mismatch]


@pytest.mark.parametrize("photodiode", [None, PHOTODIODE], ids=["no photodiode", "photodiode"])
@pytest.mark.parametrize("block", [1, 7, many_spectra.BLOCK])
def test_they_are_the_numbers_of_one_at_a_time(
    block: int, photodiode: PhotodiodeCalibration | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_spectra, "BLOCK", block)
    rows = spectra()
    wanted = np.array(one_by_one(rows, photodiode)).T
    for name, found, expected in zip(Colorimetry._fields, colorimetry(rows, photodiode), wanted, strict=True):
        np.testing.assert_array_equal(found, expected, err_msg=name)


def test_published_lines_have_their_published_numbers() -> None:
    found = colorimetry(np.array([gaussian(520, 19), gaussian(465, 20), gaussian(630, 30)]))
    np.testing.assert_allclose(found.x, [0.0906586075, 0.135305845, 0.695648705], rtol=1e-6)
    np.testing.assert_allclose(found.y, [0.803191598, 0.0447108249, 0.304229561], rtol=1e-6)


def test_nothing_and_what_is_no_spectrum() -> None:
    assert all(len(column) == 0 for column in colorimetry(np.empty((0, 401))))
    with pytest.raises(ValueError, match="401 samples"):
        colorimetry(np.ones((3, 400)))
