"""One page about a calibration of the photodiode: ln(L/s) against level and time, the spectrum, the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

import numpy as np

from acquire.evaluation.luminance_factor import FoundFactor
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.linearity import Slope
from acquire.records import Branch, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

A4 = (8.27, 11.69)  # inches
DOTS_PER_INCH = 150

#: How the levels of each branch are drawn: mark, colour, name.
_BRANCHES = {Branch.FORWARD: ("^", "tab:blue", "forward"), Branch.REVERSE: ("v", "tab:orange", "reverse")}


def calibration_picture(found: FoundFactor, title: str, lines: Sequence[str]) -> bytes:
    """Return the page of :func:`calibration_page` as PNG.

    :raises ImportError: matplotlib, the extra ``report``, is not installed.
    """
    page, figure = BytesIO(), calibration_page(found, title, lines)
    with catch_warnings():
        simplefilter("ignore")  # a letter that the font does not have is drawn as a box
        figure.savefig(page, format="png", dpi=DOTS_PER_INCH)
    return page.getvalue()


def calibration_page(found: FoundFactor, title: str, lines: Sequence[str]) -> Figure:
    """Return a page, A4 upright; ``lines`` of text stand below the curves.

    :raises ImportError: as :func:`calibration_picture`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=A4, layout="constrained")
    FigureCanvasAgg(figure)
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
    axes.set_xlabel("luminance (cd/m$^2$)")
    axes.set_title(f"k_L = {found.factor.factor:.5g} cd/m$^2$/A", size="medium")
    axes.legend(loc="best", fontsize=8)


def _draw_time(axes: Axes, found: FoundFactor) -> None:
    _draw_points(axes, found, found.time)
    ends = np.array([found.time.min(), found.time.max()])
    _draw_slope(axes, ends, found.linearity.drift, ends - found.time.mean())
    axes.set_xlabel("time since the start of the run (s)")


def _draw_points(axes: Axes, found: FoundFactor, where: FloatArray) -> None:
    """The levels as marks, and the 95 % interval of k_L as a band, in percent of k_L."""
    deviation = 100.0 * found.linearity.residuals
    for branch, (mark, colour, name) in _BRANCHES.items():
        here = np.array([one is branch for one in found.branch])
        if here.any():
            axes.plot(where[here], deviation[here], mark, color=colour, label=name)
    axes.axhline(0.0, color="black", linewidth=0.8)
    if found.degrees_of_freedom:
        low, high = 100.0 * np.log(np.array(found.interval) / found.factor.factor)
        axes.axhspan(low, high, color="tab:gray", alpha=0.3, label="95 % interval of k_L")
    axes.set_ylabel("ln(L/s) $-$ ln k_L (%)")
    axes.grid(visible=True, alpha=0.3)


def _draw_slope(axes: Axes, ends: FloatArray, slope: Slope, run: FloatArray) -> None:
    if slope.degrees_of_freedom:
        name = "slope, too large for chance" if slope.is_real else "slope, no larger than chance"
        axes.plot(ends, 100.0 * slope.value * run, "--", color="tab:red", label=name)


def _draw_spectrum(axes: Axes, found: FoundFactor) -> None:
    axes.plot(WAVELENGTH, found.spectrum / found.spectrum.max(), color="tab:green")
    axes.set_xlabel("wavelength (nm)")
    axes.set_ylabel("mean spectrum (1)")
    axes.set_xlim(float(WAVELENGTH[0]), float(WAVELENGTH[-1]))
    axes.grid(visible=True, alpha=0.3)
