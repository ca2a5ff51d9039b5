"""The CIE 1931 chromaticity diagram: where the spectra of runs lie, on the whole and from near with uncertainties."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from acquire.photometry.colour import EQUAL_ENERGY, spectral_locus
from acquire.photometry.customary_units import axis_title
from acquire.records import FloatArray
from acquire.report.drawing import Look
from acquire.report.spectra_picture import Line
from acquire.report.style import DOUBLE, NothingToDraw, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Wavelengths that are named along the locus, nm.
_NAMED = (460, 480, 490, 500, 510, 520, 540, 560, 580, 600, 620, 700)
_FIRST = 380  # nm, of the locus

_WHOLE_X, _WHOLE_Y = (-0.105, 0.845), (-0.05, 0.9)  # as wide as high, as the view from near is

#: The view from near is at least so wide, and so many times the largest uncertainty.
_LEAST_VIEW, _UNCERTAINTIES = 0.01, 8.0


def draw_chromaticity(lines: Sequence[Line], looks: Sequence[Look]) -> Figure:
    """The whole diagram on the left, and the part where the points are on the right.

    :raises NothingToDraw: no spectrum has a chromaticity.
    """
    known = [line for line in lines if np.isfinite([line.spectrum.x, line.spectrum.y]).all()]
    if not known:
        raise NothingToDraw("no spectrum has a chromaticity")
    figure = new_figure(DOUBLE, 79.0)
    whole, near = figure.subplots(1, 2)
    _draw_locus(whole)
    points = np.array([(line.spectrum.x, line.spectrum.y) for line in known])
    spread = np.array([_uncertainty(line) for line in known])
    for axes in (whole, near):
        for line, (x, y), (u_x, u_y), look in zip(known, points, spread, cycle(looks), strict=False):
            _draw_point(axes, line, (x, y), (u_x, u_y), look.marker)
    _look_near(whole, near, points, spread)
    for axes in (whole, near):
        axes.set_xlabel(axis_title("chromaticity_x"))
        axes.set_ylabel(axis_title("chromaticity_y"))
        axes.set_aspect("equal", adjustable="box")
    return figure


def _uncertainty(line: Line) -> tuple[float, float]:
    """The uncertainties of x and y, by those of the point at which a spectrum was taken; NaN where there are none."""
    table, at = line.run.tables["jvl"], line.spectrum.point_index
    if not 0 <= at < line.run.points or line.run.rows.get("lifetime"):
        return np.nan, np.nan
    return float(table["chromaticity_x_uncertainty"][at]), float(table["chromaticity_y_uncertainty"][at])


def _draw_point(axes: Axes, line: Line, at: Sequence[float], u: Sequence[float], marker: str) -> None:
    colour = line.look.colour
    axes.errorbar(
        [at[0]], [at[1]], xerr=_bar(u[0]), yerr=_bar(u[1]), fmt=marker or "o", color=colour, elinewidth=0.7,
        capsize=1.5, markeredgecolor="black", markeredgewidth=0.4, label=line.label, zorder=3,
    )  # fmt: skip


def _bar(uncertainty: float) -> list[float] | None:
    return [uncertainty] if np.isfinite(uncertainty) else None


def _look_near(whole: Axes, near: Axes, points: FloatArray, spread: FloatArray) -> None:
    """Show all points with their bars on the right, and frame that part on the left."""
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import MaxNLocator

    largest = np.nanmax(spread) if np.isfinite(spread).any() else 0.0
    low, high = points.min(axis=0), points.max(axis=0)
    width = max(1.3 * float((high - low).max()) + 4.0 * largest, _UNCERTAINTIES * largest, _LEAST_VIEW)
    corner = (low + high) / 2 - width / 2
    near.set_xlim(corner[0], corner[0] + width)
    near.set_ylim(corner[1], corner[1] + width)
    near.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    wide = max(width, 0.03)
    frame: dict[str, Any] = {"fill": False, "edgecolor": "black", "linewidth": 0.6}
    whole.add_patch(Rectangle(tuple((low + high) / 2 - wide / 2), wide, wide, **frame))


def _draw_locus(axes: Axes) -> None:
    locus = spectral_locus()
    closed = np.vstack([locus, locus[:1]])
    _draw_colours(axes, closed)
    axes.plot(*closed.T, "-", color="black", linewidth=0.8, label="_locus")
    axes.plot(*EQUAL_ENERGY, "+", color="black", markersize=5, label="_white")
    axes.annotate("E", EQUAL_ENERGY, (3, 2), textcoords="offset points", fontsize="x-small")
    middle = np.array(EQUAL_ENERGY)
    for wavelength in _NAMED:
        at = locus[wavelength - _FIRST]
        out = (at - middle) / np.hypot(*(at - middle))
        axes.plot(*np.array([at, at + 0.012 * out]).T, "-", color="black", linewidth=0.6, label="_tick")
        x, y = at + 0.05 * out
        axes.text(x, y, str(wavelength), ha="center", va="center", fontsize="x-small")
    axes.set_xlim(*_WHOLE_X)
    axes.set_ylim(*_WHOLE_Y)


#: From X, Y, Z to linear sRGB; IEC 61966-2-1:1999.
_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])

_DOTS = 120  # of the coloured background, in each direction


def _draw_colours(axes: Axes, closed: FloatArray) -> None:
    """Pale colours inside the locus, for orientation: no screen shows the real ones."""
    from matplotlib.patches import Polygon

    x, y = np.meshgrid(np.linspace(0.0, 0.75, _DOTS), np.linspace(1e-3, 0.85, _DOTS))
    rgb = np.stack([x, y, 1.0 - x - y], axis=-1) @ _TO_RGB.T
    rgb = np.clip(rgb / rgb.max(axis=-1, keepdims=True), 0.0, 1.0) ** (1 / 2.2)
    edge = axes.add_patch(Polygon(closed, facecolor="none", edgecolor="none"))
    extent = (0.0, 0.75, 1e-3, 0.85)
    shown = axes.imshow(0.45 * rgb + 0.55, origin="lower", extent=extent, interpolation="none", aspect="auto")
    shown.set_clip_path(edge)
