"""Where things stand in a picture: its axes, and the legend above them, where it hides no data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from acquire.photometry.customary_units import QUANTITIES
from acquire.report.captions import Told
from acquire.report.drawing import typeset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "0.55"

#: A legend of one column has room for so many letters.
LONGEST_LABEL = 48

#: What bands and bars are, in legends.
BAND = "u (k = 1)"

POINTS_PER_INCH = 72.0

#: Points, for which the heights of figures are given; and how wide a letter is in a long text, as a part of its size.
USUAL_LETTER, _LETTER_WIDTH = 8.0, 0.53

#: Titles of axes and what stands in their place where there is no room.
SHORT_TITLES = {typeset(one.title): typeset(one.heading) for one in QUANTITIES.values()}

#: Room beside axes with a title and numbers, below such, and where there is neither; in sizes of letters.
_SIDE, _BELOW, _MARGIN = 4.9, 3.2, 1.0


def legend(figure: Figure, told: Told) -> int:
    """One legend above all axes: the lines, then what bands and hollow points are. Returns how many rows it has."""
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
    return [(line, shortened(label)) for label, line in by_label.items()]


def shortened(label: str) -> str:
    """A name that a legend has room for, in one line."""
    line = " ".join(label.split())
    return line if len(line) <= LONGEST_LABEL else line[: LONGEST_LABEL - 1] + "…"


def _explained(told: Told) -> Iterator[tuple[Any, str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if told.doubtful:
        yield Line2D([], [], linestyle="none", marker="$!$", markersize=8, color="black"), told.doubtful
    if told.reverse:
        yield Line2D([], [], linestyle="--", marker="none", color=GREY), "reverse"
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


def arrange(figure: Figure, legend_rows: int, rows_below: int = 0) -> None:
    """Give the axes of a figure their places: room for titles and numbers by the size of letters, the rest is theirs.

    The figure grows by its legend, by larger letters, and by ``rows_below`` its axes beside a number and a title.
    Nothing is measured, so pictures of one kind have their axes at the same places.
    """
    letter = _size("font.size") / POINTS_PER_INCH  # inch
    top = 0.6 + 1.2 * legend_rows if legend_rows else _MARGIN
    below = _BELOW + 1.1 * max(rows_below, 0)
    rows, columns = _grid(figure)
    larger = (rows * (_BELOW + _MARGIN) - _MARGIN) * (letter - USUAL_LETTER / POINTS_PER_INCH)
    figure.set_figheight(figure.get_figheight() + larger + (top + below - _BELOW) * letter)
    width, height = figure.get_figwidth() / letter, figure.get_figheight() / letter
    right = _SIDE if any(_on_the_right(axes) for axes in figure.axes) else _MARGIN
    figure.subplots_adjust(
        left=_SIDE / width,
        right=1.0 - right / width,
        bottom=below / height,
        top=1.0 - top / height,
        wspace=_gap(_SIDE + _MARGIN, width - _SIDE - right, columns),
        hspace=_gap(_BELOW + _MARGIN, height - below - top, rows),
    )
    for axes in figure.axes:
        _shorten_titles(axes, figure.get_figwidth(), figure.get_figheight())


def _shorten_titles(axes: Axes, width: float, height: float) -> None:
    """Give a title that is longer than its axis its short form: "EQE (%)" for "External quantum efficiency (%)"."""
    place = axes.get_position()
    for axis, room in ((axes.xaxis, place.width * width), (axes.yaxis, place.height * height)):
        title = axis.get_label_text()
        length = _LETTER_WIDTH * len(title) * _size("axes.labelsize") / POINTS_PER_INCH
        if length > room + 0.5 * _BELOW * _size("font.size") / POINTS_PER_INCH:
            axis.set_label_text(SHORT_TITLES.get(title, title))


def _on_the_right(axes: Axes) -> bool:
    return str(axes.yaxis.get_label_position()) == "right"


def _grid(figure: Figure) -> tuple[int, int]:
    """How many rows and columns of axes a figure has."""
    place = figure.axes[0].get_subplotspec()
    return (1, 1) if place is None else place.get_gridspec().get_geometry()


def _gap(gap: float, room: float, count: int) -> float:
    """A gap between axes as a part of their size, of which there are ``count`` in a room."""
    return gap * count / max(room - gap * (count - 1), gap)
