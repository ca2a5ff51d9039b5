"""One page about a calibration of the photodiode: ln(L/s) against level and time, the spectrum, the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from acquire.evaluation.luminance_factor import FoundFactor
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.linearity import Slope
from acquire.records import Branch, FloatArray
from acquire.report.arranging import GREY
from acquire.report.drawing import looks, number_decades, title_of
from acquire.report.style import journal, new_figure, rendered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

A4 = (210.0, 297.0)  # mm


def calibration_picture(found: FoundFactor, title: str, lines: Sequence[str]) -> bytes:
    """Return the page of :func:`calibration_page` as PNG.

    :raises ImportError: matplotlib, the extra ``report``, is not installed.
    """
    return rendered(calibration_page(found, title, lines), "png")


def calibration_page(found: FoundFactor, title: str, lines: Sequence[str]) -> Figure:
    """Return a page, A4 upright; ``lines`` of text stand below the curves.

    :raises ImportError: as :func:`calibration_picture`.
    """
    with journal().applied():
        figure = new_figure(*A4)
        figure.set_layout_engine("constrained")
        figure.suptitle(title, parse_math=False)
        by_level, by_time, spectrum, text = figure.subplots(4, 1, height_ratios=(4, 3, 3, 2))
        _draw_level(by_level, found)
        _draw_time(by_time, found)
        _draw_spectrum(spectrum, found)
        text.axis("off")
        text.text(0.0, 1.0, "\n".join(lines), va="top", family="monospace", size=8, wrap=True, parse_math=False)
    return figure


def _draw_level(axes: Axes, found: FoundFactor) -> None:
    _draw_points(axes, found, found.luminance)
    slope, low = found.linearity.level, np.array(found.span)
    _draw_slope(axes, low, slope, np.log(low) - np.log(found.luminance).mean())
    axes.set_xscale("log")
    number_decades(axes.xaxis)
    axes.set_xlabel(title_of("luminance"))
    axes.set_title(f"k_L = {found.factor.factor:.5g} cd/m²/A")
    axes.legend(loc="best")


def _draw_time(axes: Axes, found: FoundFactor) -> None:
    _draw_points(axes, found, found.time)
    ends = np.array([found.time.min(), found.time.max()])
    _draw_slope(axes, ends, found.linearity.drift, ends - found.time.mean())
    axes.set_xlabel("Time since the start of the run (s)")


def _draw_points(axes: Axes, found: FoundFactor, where: FloatArray) -> None:
    """The levels as marks, and the 95 % interval of k_L as a band, in percent of k_L."""
    deviation = 100.0 * found.linearity.residuals
    for branch, look in zip(Branch, looks(journal(), len(Branch)), strict=True):
        here = np.array([one is branch for one in found.branch])
        if here.any():
            axes.plot(where[here], deviation[here], look.marker, color=look.colour, label=str(branch))
    axes.axhline(0.0, color="black", linewidth=0.8)
    if found.degrees_of_freedom:
        low, high = 100.0 * np.log(np.array(found.interval) / found.factor.factor)
        axes.axhspan(low, high, color=GREY, alpha=0.3, linewidth=0, label="95 % interval of k_L")
    axes.set_ylabel("ln(L/s) $-$ ln k_L (%)")
    axes.grid(visible=True, alpha=0.3)


def _draw_slope(axes: Axes, ends: FloatArray, slope: Slope, run: FloatArray) -> None:
    if slope.degrees_of_freedom:
        name = "slope, too large for chance" if slope.is_real else "slope, no larger than chance"
        axes.plot(ends, 100.0 * slope.value * run, "--", color=looks(journal(), 4)[3].colour, label=name)


def _draw_spectrum(axes: Axes, found: FoundFactor) -> None:
    axes.plot(WAVELENGTH, found.spectrum / found.spectrum.max(), "-")
    axes.set_xlabel(title_of("wavelength"))
    axes.set_ylabel(title_of("normalised_spectrum"))
    axes.set_xlim(float(WAVELENGTH[0]), float(WAVELENGTH[-1]))
    axes.grid(visible=True, alpha=0.3)
