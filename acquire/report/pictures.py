"""The pictures of runs, by name: J-V-L, efficiencies, spectra, colour; of one run, or of several over each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from acquire.evaluation.figure import Figure as FigureOfMerit
from acquire.evaluation.touched import electrical, luminous, spectral
from acquire.records import Branch, FloatArray
from acquire.report.arranging import GREY, arrange, legend
from acquire.report.box_plots import box_plots, rank
from acquire.report.captions import Told, in_words, labels_of
from acquire.report.chromaticity_picture import draw_chromaticity
from acquire.report.curves import Curve, Curves, curves
from acquire.report.drawing import Look, draw_curve, ends, looks, scale, set_limits, title_of
from acquire.report.lifetime_picture import draw_lifetime
from acquire.report.spectra_picture import draw_spectra, lines_of
from acquire.report.style import (
    DOUBLE,
    SINGLE,
    NothingToDraw,
    PictureError,
    Style,
    StyleError,
    as_svg,
    caption_of,
    journal,
    new_figure,
    read_style,
    rendered,
    save,
)
from acquire.report.transport_picture import draw_transport
from acquire.run_file.read import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "MOST_NAMED",
    "PICTURES",
    "NothingToDraw",
    "Picture",
    "PictureError",
    "Style",
    "StyleError",
    "as_svg",
    "box_plots",
    "caption_of",
    "labels_of",
    "rank",
    "read_style",
    "rendered",
    "save",
]

#: So many runs have a colour and a name in a picture; the others are grey.
MOST_NAMED = 8


@dataclass(frozen=True, eq=False)
class Named:
    """A run with what it is called in a legend and how it looks there."""

    run: Run
    label: str
    look: Look


@dataclass(frozen=True)
class Picture:
    """One kind of picture: ``name`` of its file, ``title`` for people, what draws it, and ``figures``: those of a run
    that say the same as it, so that what speaks against them speaks against it."""

    name: str
    title: str
    _draw: Callable[[Sequence[Named], Style, Told], Figure]
    figures: Callable[[Mapping[str, FigureOfMerit]], tuple[str, ...]]

    def draw(self, runs: Sequence[Run], style: Style | None = None, labels: Sequence[str] | None = None) -> Figure:
        """Draw one run, or several over each other; :func:`caption_of` says what bands are and what is left out.

        ``labels`` are what the runs are called, by themselves as :func:`labels_of`. Of more than :data:`MOST_NAMED`
        runs the first have colours and the rest are grey.

        :raises NothingToDraw: no run has anything of it.
        :raises ImportError: matplotlib, the extra ``report``, is not installed.
        """
        chosen, told = style or journal(), Told()
        names = told.doubt(runs, labels_of(runs) if labels is None else labels, self.figures)
        colours = looks(chosen, min(len(runs), MOST_NAMED)) + [Look(GREY, behind=True)] * max(0, len(runs) - MOST_NAMED)
        with chosen.applied():
            named = [Named(*one) for one in zip(runs, names, colours, strict=True)]
            figure = self._draw(named, chosen, told)
            arrange(figure, legend(figure, told))
        figure.set_label(told.caption(self.title))
        return figure


# --- curves ------------------------------------------------------------------------------------------------------

_DECADES = ("current_density", "luminance")


def _panels(
    named: Sequence[Named],
    style: Style,
    told: Told,
    rows: Sequence[Sequence[tuple[str, str]]],
    decades: Sequence[str] = _DECADES,
    height: float = 62.0,
) -> Figure:
    """A picture of panels, each one quantity against another (y, x); a row in which nothing can be drawn is dropped."""
    found = [[(pair, [curves(one.run, pair[1], pair[0], decades) for one in named]) for pair in row] for row in rows]
    for pair, all_of in chain.from_iterable(found):
        for one, drawn in zip(named, all_of, strict=True):
            told.count(one.run.run_id, drawn, _of(*pair))
    kept = [row for row in found if any(drawn.branches for _, all_of in row for drawn in all_of)]
    if not kept:
        raise NothingToDraw(_why(rows, told))
    wide = len(kept[0]) > 1
    figure = new_figure(DOUBLE if wide else SINGLE, 10.0 + height * len(kept))
    grid = figure.subplots(len(kept), len(kept[0]), squeeze=False)
    for line, row in zip(grid, kept, strict=True):
        for axes, ((y, x), all_of) in zip(line, row, strict=True):
            scale(axes, decades, x, y)
            _draw_all(axes, named, all_of, style, told)
            everything = [curve for drawn in all_of for curve in drawn.branches]
            if everything:
                told.beyond |= set_limits(axes, everything, (x in decades, y in decades))
    return figure


def _of(y: str, x: str) -> str:
    """Against voltage, points without a luminance still have a current density: what is left out has its quantity."""
    return y.replace("_", " ") if x == "voltage" else ""


def _why(rows: Sequence[Sequence[tuple[str, str]]], told: Told) -> str:
    asked = title_of(rows[0][0][0])
    return f"no point has a value of {asked}: {in_words(told.left_out) or 'there is no point'}"


def _draw_all(axes: Axes, named: Sequence[Named], all_of: Sequence[Curves], style: Style, told: Told) -> None:
    for place, (one, drawn) in enumerate(zip(named, all_of, strict=True)):
        for curve in drawn.branches:
            look, label = _look(one, curve, drawn) if len(named) > 1 else _look_alone(curve, style)
            if place >= MOST_NAMED:
                label = f"{len(named) - MOST_NAMED} more"
            told.reverse |= len(named) > 1 and curve.branch is Branch.REVERSE
            told.bands |= draw_curve(axes, curve, look, label)


#: Cycles of one run that have a name each; more of them are drawn without.
MOST_CYCLES_NAMED = 4


def _look_alone(curve: Curve, style: Style) -> tuple[Look, str]:
    """Of one run each branch has a colour."""
    forward, reverse = looks(style, 2 * curve.cycle + 2)[-2:]
    look = forward if curve.branch is Branch.FORWARD else Look(reverse.colour, reverse.marker, "--")
    return look, curve.name if curve.cycle < MOST_CYCLES_NAMED else f"_{curve.name}"


def _look(one: Named, curve: Curve, drawn: Curves) -> tuple[Look, str]:
    """Of several runs the reverse branch is dashed; only the first branch of each has marks and a name."""
    forward = curve.branch is Branch.FORWARD
    if curve is drawn.branches[0]:
        return one.look if forward else replace(one.look, line="--"), one.label
    return replace(one.look, marker="", line="-" if forward else "--"), f"_{curve.name}"


def _jvl(named: Sequence[Named], style: Style, told: Told) -> Figure:
    """One run on two axes; several in two panels, where two axes could not be told apart."""
    pairs = (("current_density", "voltage"), ("luminance", "voltage"))
    if len(named) > 1:
        return _panels(named, style, told, [pairs])
    current, light = (curves(named[0].run, x, y, _DECADES) for y, x in pairs)
    for pair, drawn in zip(pairs, (current, light), strict=True):
        told.count(named[0].run.run_id, drawn, _of(*pair))
    if not (current.branches or light.branches):
        raise NothingToDraw(_why([pairs], told))
    if (cycles := len({curve.cycle for curve in (*current.branches, *light.branches)})) > 1:
        told.more.append(f"All {cycles} cycles are drawn alike")
    figure = new_figure(SINGLE, 66.0)
    left = figure.subplots()
    sides = [(left, "current_density", "J", current)]
    if light.branches:
        sides.append((left.twinx(), "luminance", "L", light))
    else:
        told.more.append("No luminance: no point has one")
    first, second, third, fourth = looks(style, 4)
    marks = {"J": (first.marker, third.marker), "L": (second.marker, fourth.marker)}
    colours = {"J": first.colour, "L": second.colour}
    for axes, quantity, symbol, drawn in sides:
        both = [Look(colours[symbol], mark, line) for mark, line in zip(marks[symbol], ("-", "--"), strict=True)]
        _draw_side(axes, quantity, symbol, drawn, both, told)
    left.set_xlim(*_span([curve.x for _, _, _, drawn in sides for curve in drawn.branches]))
    return figure


def _span(arrays: Sequence[FloatArray]) -> tuple[float, float]:
    """The ends of a linear axis on which all of some arrays can be seen."""
    return ends(np.concatenate([array[np.isfinite(array)] for array in arrays]), False)


def _draw_side(axes: Axes, quantity: str, symbol: str, drawn: Curves, pair: Sequence[Look], told: Told) -> None:
    """One of two y axes, in a colour of its own."""
    scale(axes, _DECADES, "voltage", quantity)
    for curve in drawn.branches:
        label = f"{symbol}, {curve.branch}" if len(drawn.branches) > 1 else symbol
        label = f"_{label}" if curve.cycle else label  # of further cycles, which look the same
        told.bands |= draw_curve(axes, curve, pair[curve.branch is Branch.REVERSE], label)
    if drawn.branches:
        set_limits(axes, drawn.branches, (False, True))
    axes.yaxis.label.set_color(pair[0].colour)
    axes.tick_params(axis="y", which="both", colors=pair[0].colour, right=symbol == "L", left=symbol == "J")


def _efficiency(named: Sequence[Named], style: Style, told: Told) -> Figure:
    rows = [
        [(y, x) for x in ("current_density", "luminance")]
        for y in ("current_efficiency", "external_quantum_efficiency")
    ]
    return _panels(named, style, told, rows, height=55.0)


def _power_efficiency(named: Sequence[Named], style: Style, told: Told) -> Figure:
    return _panels(named, style, told, [[("power_efficiency", x) for x in ("current_density", "luminance")]])


def _jvl_log(named: Sequence[Named], style: Style, told: Told) -> Figure:
    return _panels(named, style, told, [[("current_density", "voltage")]], ("current_density", "voltage"))


def _spectra(named: Sequence[Named], _style: Style, told: Told) -> Figure:
    return draw_spectra(lines_of([(one.run, one.label, one.look) for one in named], told))


def _chromaticity(named: Sequence[Named], style: Style, told: Told) -> Figure:
    told.bars = True
    told.more.append("Right: the part framed on the left")
    return draw_chromaticity(lines_of([(one.run, one.label, one.look) for one in named], told), looks(style, 8))


def _transport(named: Sequence[Named], style: Style, told: Told) -> Figure:
    return draw_transport([(one.run, one.label, one.look) for one in named], looks(style, 2)[1], told)


def _lifetime(named: Sequence[Named], _style: Style, told: Told) -> Figure:
    return draw_lifetime([(one.run, one.label, one.look) for one in named], told)


def of_lifetimes(figures: Mapping[str, FigureOfMerit]) -> tuple[str, ...]:
    """The figures of a lifetime."""
    return tuple(name for name in figures if name.startswith("lifetime_"))


_ALL = (
    Picture("jvl", "Current density and luminance against voltage", _jvl, luminous),
    Picture("efficiency", "Current efficiency and external quantum efficiency", _efficiency, luminous),
    Picture("power_efficiency", "Power efficiency", _power_efficiency, luminous),
    Picture("spectra", "Electroluminescence spectra", _spectra, spectral),
    Picture("chromaticity", "Chromaticity, CIE 1931", _chromaticity, spectral),
    Picture("jvl_log", "Current density against voltage, both logarithmic", _jvl_log, electrical),
    Picture("transport", "Space-charge limited current and its slope", _transport, electrical),
    Picture("lifetime", "Luminance over L_0 and voltage against time under stress", _lifetime, of_lifetimes),
)

#: Those that show nothing of a device that is not to shine, and those that show nothing of any other.
OF_LIGHT = ("jvl", "efficiency", "power_efficiency", "spectra", "chromaticity")
OF_TRANSPORT = ("transport",)

#: Every picture by its name, in the order of a report.
PICTURES: Mapping[str, Picture] = {picture.name: picture for picture in _ALL}
