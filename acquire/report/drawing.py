"""Lines, bands and axes, as every picture has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import floor, inf, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from acquire.photometry.customary_units import axis_title
from acquire.records import FloatArray
from acquire.report.curves import Curve, stands_alone, thinned, to_mark
from acquire.report.style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
GREY = "0.55"

#: Where a band that reaches zero ends on a logarithmic axis, as a part of the least value.
_FAR_BELOW = 1e-15

#: A point counts for the ends of a linear axis where its uncertainty is below this part of it.
_SURE = 0.2


@dataclass(frozen=True)
class Look:
    """How a line is drawn; ``marker`` is empty for a line without marks; ``behind`` the others, without a band."""

    colour: Any
    marker: str = ""
    line: str = "-"
    behind: bool = False


def looks(style: Style, count: int) -> list[Look]:
    """Looks that can be told apart without colour as well; after the last of the style's colours they begin anew."""
    colours, markers = style.cycle("color") or ["black"], style.cycle("marker") or MARKERS
    return [Look(*pair) for pair in islice(zip(cycle(colours), cycle(markers), strict=False), count)]


_EXPONENTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def typeset(text: str) -> str:
    """A unit as it is printed: cm^2 as cm²."""
    return re.sub(r"\^(-?\d+)", lambda found: found[1].translate(_EXPONENTS), text)


def title_of(quantity: str) -> str:
    """The title of an axis, typeset."""
    return typeset(axis_title(quantity))


def scale(axes: Axes, logarithmic: Sequence[str], x: str, y: str) -> None:
    """Give axes their titles and, where it is asked for, decades."""
    axes.set_xlabel(title_of(x))
    axes.set_ylabel(title_of(y))
    for name, which in ((x, axes.xaxis), (y, axes.yaxis)):
        if name in logarithmic:
            set_decades(which)


def set_decades(axis: Any) -> None:
    """A logarithmic axis; :func:`number_decades` gives it its numbers when its ends are known."""
    axis._set_axes_scale("log")


#: An axis of fewer decades has numbers between them.
_FEW_DECADES = 1.7

#: With fewer numbers an axis cannot be read.
_LEAST_NUMBERS = 2


def number_decades(axis: Any) -> None:
    """A number at each decade, or at every second or third of many; on a short axis more of them, in plain."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    low, high = axis.get_view_interval()
    few = log10(high / low) < _FEW_DECADES
    major = LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=9)
    minor = LogLocator(subs=tuple(range(2, 10)), numticks=99)
    within = sum(low <= value <= high for value in major.tick_values(low, high))
    axis.set_major_locator(major if within >= _LEAST_NUMBERS else MaxNLocator(4, steps=[1, 2, 5, 10]))
    axis.set_minor_locator(minor if within >= _LEAST_NUMBERS else NullLocator())
    axis.set_major_formatter(FuncFormatter(_plain if few else _decade))
    axis.set_minor_formatter(NullFormatter())


def _plain(value: float, _place: int) -> str:
    return f"{value:g}" if 1e-4 < value < 1e5 else _decade(value, 0)


def _decade(value: float, _place: int) -> str:
    """A number as a power of ten, times what is left, in letters that stay text in every format."""
    if not 0 < value < inf:
        return ""  # beyond the numbers there are
    power = floor(log10(value) + 1e-9)
    before = f"{value / 10.0**power:.4g}"
    return ("" if before == "1" else f"{before}·") + "10" + str(power).translate(_EXPONENTS)


def draw_curve(axes: Axes, curve: Curve, look: Look, label: str) -> bool:
    """A line with its band and its hollow points; whether there is a band.

    A point that stands alone has a mark, and a bar in place of the band, whatever the look.
    """
    keep = thinned(curve.y)
    x, y, u, hollow = curve.x[keep], curve.y[keep], curve.uncertainty[keep], curve.hollow[keep]
    alone = stands_alone(y)
    marks = to_mark(y) if look.marker else np.flatnonzero(alone).tolist()
    marker = look.marker or ("." if marks else "none")
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "zorder": 1.5 if look.behind else 2}
    axes.plot(x, y, marker=marker, markevery=marks, label=label, **style)
    if hollow.any():
        mark: dict[str, Any] = {"markeredgecolor": look.colour, "markerfacecolor": "white", "label": "_hollow"}
        axes.plot(x[hollow], y[hollow], linestyle="none", marker=look.marker or "o", zorder=3, **mark)
    if look.behind or not np.isfinite(u).any():
        return False
    low, high = _reach(axes, y, u)
    axes.fill_between(x, low, high, color=look.colour, alpha=0.2, linewidth=0, zorder=1)
    axes.vlines(x[alone], low[alone], high[alone], color=look.colour, alpha=0.5, linewidth=1.0, zorder=1)
    return True


def _reach(axes: Axes, y: FloatArray, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ends of a band; on a logarithmic axis one that reaches zero runs far out below."""
    if axes.get_yscale() != "log":
        return y - u, y + u
    return np.maximum(y - u, np.nanmin(y) * _FAR_BELOW), y + u


def set_limits(axes: Axes, drawn: Iterable[Curve], logarithmic: tuple[bool, bool]) -> bool:
    """Ends of the axes that show all points; whether any point of great uncertainty is beyond a linear axis."""
    curves = list(drawn)
    x, y, u = (np.concatenate([getattr(c, name) for c in curves]) for name in ("x", "y", "uncertainty"))
    known = np.isfinite(x) & np.isfinite(y)
    axes.set_xlim(*ends(x[known], logarithmic[0]))
    if logarithmic[0]:
        number_decades(axes.xaxis)
    if logarithmic[1]:
        axes.set_ylim(*ends(y[known], True))
        number_decades(axes.yaxis)
        return False
    sure = known & ~(u > _SURE * np.abs(y))
    trusted = y[sure] if sure.any() else y[known]
    low, high = ends(trusted, False)
    axes.set_ylim(0.0 if trusted.min() >= 0 else low, high)
    return bool(((y[known] > high) | (y[known] < axes.get_ylim()[0])).any())


def ends(values: FloatArray, logarithmic: bool) -> tuple[float, float]:
    """The ends of an axis that shows values, with a little room."""
    low, high = float(values.min()), float(values.max())
    if logarithmic:
        room = max((high / low) ** 0.04, 1.2) if high / low < 1e300 else 10.0
        return low / room, high * room
    room = 0.04 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room
