"""The page about a calibration: what is drawn is what was found."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

from acquire.evaluation.luminance_factor import FoundFactor
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.linearity import linearity
from acquire.photometry.photodiode import LuminanceFactor
from acquire.photometry.spectra import gaussian
from acquire.records import Branch
from acquire.report.calibration_picture import calibration_page, calibration_picture

LIGHT = np.array([100.0, 300.0, 1000.0, 1000.0, 300.0, 100.0])
TIME = 10.0 * np.arange(6.0)
LOGARITHMS = 23.0 + np.array([1e-3, -2e-3, 5e-4, 0.0, 1e-3, -5e-4])
FOUND = FoundFactor(
    factor=LuminanceFactor(float(np.exp(LOGARITHMS.mean())), 4e-4, 6),
    branch=(Branch.FORWARD,) * 3 + (Branch.REVERSE,) * 3,
    time=TIME,
    luminance=LIGHT,
    photocurrent=LIGHT / np.exp(LOGARITHMS),
    mismatch=np.ones(6),
    spectrum=gaussian(520.0, 19.0) / 20.0,
    linearity=linearity(LOGARITHMS, LIGHT, TIME),
    left_out={},
)


def test_both_branches_are_drawn_in_percent_of_the_factor_against_level_and_time() -> None:
    by_level, by_time, spectrum, _ = calibration_page(FOUND, "title", []).axes
    for axes, where in ((by_level, LIGHT), (by_time, TIME)):
        marks = {line.get_label(): line for line in axes.lines}
        for name, rows in (("forward", slice(3)), ("reverse", slice(3, 6))):
            assert marks[name].get_xdata() == pytest.approx(where[rows])
            assert marks[name].get_ydata() == pytest.approx(100.0 * (LOGARITHMS - LOGARITHMS.mean())[rows])
        assert "slope, no larger than chance" in marks
    assert by_level.get_xscale() == "log"
    (line,) = spectrum.lines
    assert line.get_xdata() == pytest.approx(WAVELENGTH)
    assert line.get_ydata().max() == pytest.approx(1.0)


def test_the_slope_is_the_one_that_was_found() -> None:
    by_level, by_time, *_ = calibration_page(FOUND, "title", []).axes
    for axes, slope, measure in (
        (by_level, FOUND.linearity.level, np.log),
        (by_time, FOUND.linearity.drift, np.asarray),
    ):
        (line,) = (line for line in axes.lines if str(line.get_label()).startswith("slope"))
        rise = np.diff(line.get_ydata()) / np.diff(measure(line.get_xdata()))
        assert rise == pytest.approx(100.0 * slope.value)


def test_a_factor_without_uncertainty_has_no_band() -> None:
    two = replace(
        FOUND,
        factor=LuminanceFactor(1e10, np.nan, 2),
        branch=FOUND.branch[:2],
        luminance=LIGHT[:2],
        time=TIME[:2],
        linearity=linearity(LOGARITHMS[:2], LIGHT[:2], TIME[:2]),
    )
    by_level, *_ = calibration_page(two, "title", []).axes
    assert len(by_level.patches) == 0
    assert len(calibration_page(FOUND, "title", []).axes[0].patches) == 1


def test_the_picture_is_a_page_whatever_the_texts_hold() -> None:
    picture = calibration_picture(
        FOUND, r"$\frac{1 $^ \x", ["a $ line", "$$", "\\undefined{", "\N{CJK UNIFIED IDEOGRAPH-53F0}", "x" * 300]
    )
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height) == (2480, 3507)
