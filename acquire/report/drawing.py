"""Lines, bands, axes and legends, as every picture has them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from math import floor, inf, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from acquire.photometry.customary_units import axis_title
from acquire.records import FloatArray
from acquire.report.curves import Curve, Curves, thinned, to_mark
from acquire.report.style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
GREY = "0.55"

#: What bands and bars are, in legends.
BAND = "u (k = 1)"

POINTS_PER_INCH = 72.0

#: Room beside axes with a title and numbers, below such, and where there is neither; in sizes of letters.
_SIDE, _BELOW, _MARGIN = 4.9, 3.2, 1.0

#: A point counts for the ends of a linear axis where its uncertainty is below this part of it.
_SURE = 0.2


@dataclass(frozen=True)
class Look:
    """How a line is drawn; ``marker`` is empty for a line without marks."""

    colour: Any
    marker: str = ""
    line: str = "-"


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


@dataclass
class Told:
    """What is to be said below a picture: gathered while it is drawn."""

    left_out: Counter[str] = field(default_factory=Counter)
    hollow: Counter[str] = field(default_factory=Counter)
    bands: bool = False
    bars: bool = False
    beyond: bool = False
    more: list[str] = field(default_factory=list)

    def count(self, drawn: Curves) -> None:
        """Remember what one curve leaves out; of several quantities of the same points the largest number counts."""
        self.left_out |= Counter(drawn.left_out)
        self.hollow |= Counter(drawn.hollow)

    def caption(self, title: str) -> str:
        """All of it as sentences."""
        sentences = [title, *self.more]
        if self.bands or self.bars:
            sentences.append(f"{'Bands' if self.bands else 'Bars'}: standard uncertainty (k = 1)")
        if self.hollow:
            sentences.append(f"Hollow: {in_words(self.hollow)}")
        if self.left_out:
            sentences.append(f"Left out: {in_words(self.left_out)}")
        if self.beyond:
            sentences.append("Points with a relative uncertainty above 20 % run beyond the axis")
        return " ".join(f"{sentence}." for sentence in sentences)


def in_words(counts: Counter[str]) -> str:
    """Points by why: "2 points compliance, 1 point late"."""
    return ", ".join(f"{number} point{'s' * (number != 1)} {why}" for why, number in counts.items())


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


def number_decades(axis: Any) -> None:
    """A number at each decade, or at every second or third of many; on a short axis at 1, 2, 5 as well, in plain."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    few = log10(high / low) < _FEW_DECADES
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=9))
    axis.set_major_formatter(FuncFormatter(_plain if few else _decade))
    axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10)), numticks=99))
    axis.set_minor_formatter(NullFormatter())


def _plain(value: float, _place: int) -> str:
    return f"{value:g}" if 1e-4 < value < 1e5 else _decade(value, 0)


def _decade(value: float, _place: int) -> str:
    """10 with its exponent, as letters that stay text in every format; before it 2 or 5 where it is none."""
    if not 0 < value < inf:
        return ""  # beyond the numbers there are
    power = floor(log10(value) + 1e-9)
    digit = round(value / 10.0**power)
    return ("" if digit == 1 else f"{digit}·") + "10" + str(power).translate(_EXPONENTS)


def draw_curve(axes: Axes, curve: Curve, look: Look, label: str) -> bool:
    """A line with its band and its hollow points; whether there is a band."""
    keep = thinned(curve.y)
    x, y, u, hollow = curve.x[keep], curve.y[keep], curve.uncertainty[keep], curve.hollow[keep]
    marks = to_mark(y) if look.marker else []
    axes.plot(x, y, color=look.colour, linestyle=look.line, marker=look.marker or "none", markevery=marks, label=label)
    alone = [i for i in to_mark(y) if not look.marker and _alone(y, i)]
    if alone:
        axes.plot(x[alone], y[alone], ".", color=look.colour, label="_alone")
    if hollow.any():
        style: dict[str, Any] = {
            "marker": look.marker or "o",
            "markeredgecolor": look.colour,
            "markerfacecolor": "white",
        }
        axes.plot(x[hollow], y[hollow], linestyle="none", label="_hollow", zorder=3, **style)
    return _draw_band(axes, x, y, u, look)


def _alone(y: FloatArray, place: int) -> bool:
    return not np.isfinite(y[max(place - 1, 0) : place + 2]).sum() > 1


def _draw_band(axes: Axes, x: FloatArray, y: FloatArray, u: FloatArray, look: Look) -> bool:
    if not np.isfinite(u).any():
        return False
    low = y - u
    if axes.get_yscale() == "log":
        low = np.maximum(low, np.nanmin(y[y > 0]) / 1e3)
    axes.fill_between(x, low, y + u, color=look.colour, alpha=0.25, linewidth=0, zorder=1)
    return True


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


def legend(figure: Figure, told: Told) -> int:
    """One legend above the axes, where it hides no data: the lines, then what bands and hollow points are.

    Returns how many rows it has.
    """
    entries = [*_lines(figure), *_explained(told)]
    if not entries:
        return 0
    columns = _columns(figure, [label for _, label in entries])
    handles, labels = zip(*entries, strict=True)
    made = figure.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 1.0), ncols=columns)
    for text in made.get_texts():
        text.set_parse_math(False)  # a sample may be called $1
    return -(-len(entries) // columns)


def _lines(figure: Figure) -> list[tuple[Any, str]]:
    by_label = {
        label: line for axes in figure.axes for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    return [(line, label) for label, line in by_label.items()]


def _explained(told: Told) -> Iterator[tuple[Any, str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if told.bands:
        yield Patch(color=GREY, alpha=0.4, linewidth=0), BAND
    if told.bars:
        yield Line2D([], [], linestyle="none", marker="|", markersize=8, color=GREY), BAND
    for why in told.hollow:
        yield Line2D([], [], linestyle="none", marker="o", markeredgecolor=GREY, markerfacecolor="white"), why


def _columns(figure: Figure, labels: Sequence[str]) -> int:
    """How many entries stand side by side: as many as fit when each letter is as wide as most are at most."""
    entry = 0.62 * max(map(len, labels)) + _parameter("legend.handlelength") + 2.2
    room = figure.get_figwidth() * POINTS_PER_INCH / (entry * _size("legend.fontsize"))
    return int(min(max(room, 1), len(labels)))


def _size(name: str) -> float:
    """A font size of the style, in points."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=_parameter(name)).get_size_in_points()


def _parameter(name: Any) -> Any:
    from matplotlib import rcParams

    return rcParams[name]


def arrange(figure: Figure, legend_rows: int) -> None:
    """Give the axes of a figure their places: room for titles and numbers by the size of letters, the rest is theirs.

    Nothing is measured, so pictures of one kind have their axes at the same places.
    """
    letter = _size("font.size") / POINTS_PER_INCH  # inch
    width, height = figure.get_figwidth() / letter, figure.get_figheight() / letter
    right = _SIDE if any(_on_the_right(axes) for axes in figure.axes) else _MARGIN
    top = 0.6 + 1.2 * legend_rows if legend_rows else _MARGIN
    rows, columns = _grid(figure)
    figure.subplots_adjust(
        left=_SIDE / width,
        right=1.0 - right / width,
        bottom=_BELOW / height,
        top=1.0 - top / height,
        wspace=_gap(_SIDE + _MARGIN, width - _SIDE - right, columns),
        hspace=_gap(_BELOW + _MARGIN, height - _BELOW - top, rows),
    )


def _on_the_right(axes: Axes) -> bool:
    return str(axes.yaxis.get_label_position()) == "right"


def _grid(figure: Figure) -> tuple[int, int]:
    """How many rows and columns of axes a figure has."""
    place = figure.axes[0].get_subplotspec()
    return (1, 1) if place is None else place.get_gridspec().get_geometry()


def _gap(gap: float, room: float, count: int) -> float:
    """A gap between axes as a part of their size, of which there are ``count`` in a room."""
    return gap * count / max(room - gap * (count - 1), gap)
