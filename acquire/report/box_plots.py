"""A figure of merit over a batch: every device a dot, a box for each group, the device shown marked by its rank."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from acquire.photometry.customary_units import QUANTITIES, customary, figure_title, more_is_better, quantity_of_figure
from acquire.records import FloatArray
from acquire.report.arranging import arrange, legend
from acquire.report.captions import Told
from acquire.report.curves import Mask
from acquire.report.drawing import Look, ends, looks, typeset
from acquire.report.style import DOUBLE, SINGLE, NothingToDraw, Style, journal, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Of fewer devices a box would say more than they do: dots and their median alone.
LEAST_FOR_BOX = 5

#: Wider than this many groups, a picture takes two columns.
_IN_ONE_COLUMN = 5

#: A title of more letters is longer than its axis.
_LONG = 26

#: Room beside the axes, and a letter below them at its widest, in mm.
_BESIDE, _LETTER = 18.0, 1.5

#: What hollow dots are.
NOT_OK = "status not ok"

_BOX, _SPREAD = 0.55, 0.18  # of the distance between groups


@dataclass(frozen=True)
class Rank:
    """The place of a device among those of its group that have a value, 1 for the best."""

    place: int
    of: int

    def __str__(self) -> str:
        return f"device shown: rank {self.place} of {self.of}"


def rank(values: Sequence[float], value: float, figure: str) -> Rank:
    """The rank of a value among others by a figure of merit; equal values share the better place."""
    known = np.array([one for one in values if np.isfinite(one)])
    better = known > value if more_is_better(figure) else known < value
    return Rank(int(better.sum()) + 1, len(known))


def box_plots(
    groups: Mapping[str, Sequence[float]],
    quantity: str,
    marked: tuple[str, int] | None = None,
    style: Style | None = None,
    not_ok: Mapping[str, Sequence[bool]] | None = None,
) -> Figure:
    """Draw a figure of merit of the devices of each group.

    ``groups``: the values [SI] by the name of a group, NaN for a device without one; ``quantity`` the name of the
    figure of merit, or of a quantity; ``marked``: the device shown elsewhere, by its group and its place there; its
    rank is that in its group; ``not_ok``: of which of the values something is to be known, they are hollow.

    :raises NothingToDraw: no device has a value.
    :raises ImportError: matplotlib, the extra ``report``, is not installed.
    """
    unit = quantity_of_figure(quantity)
    arrays = {name: customary(np.asarray(values, float), unit) for name, values in groups.items()}
    everything = np.concatenate([*arrays.values(), np.empty(0)])
    known = everything[np.isfinite(everything)]
    if not known.size:
        raise NothingToDraw(f"no device has a value of {figure_title(quantity)}")
    chosen, told = style or journal(), Told()
    with chosen.applied():
        width = SINGLE if len(arrays) <= _IN_ONE_COLUMN else DOUBLE
        names = _names(arrays, width - _BESIDE)
        figure = new_figure(width, 62.0)
        axes = figure.subplots()
        for place, (group, values) in enumerate(arrays.items()):
            hollow = np.asarray(not_ok[group], bool) if not_ok else np.zeros(len(values), bool)
            _draw_group(axes, place, values, hollow, looks(chosen, 1)[0])
        if marked is not None:
            _mark(axes, arrays, marked, quantity, looks(chosen, 2)[1])
        _name(axes, names, quantity)
        axes.set_ylim(*_room(known))
        arrange(figure, legend(figure, told), max(name.count("\n") for name in names) - 1)
    figure.set_label(_caption(quantity, arrays, not_ok))
    return figure


def _room(known: FloatArray) -> tuple[float, float]:
    low, high = ends(known, False)
    return (0.0 if 0.0 <= known.min() < 0.3 * known.max() else low), high


def _names(arrays: Mapping[str, FloatArray], width: float) -> list[str]:
    """The name of each group in lines that fit below it, and how many of its devices have a value; width in mm."""
    letters = max(6, int(width / len(arrays) / _LETTER))
    lines = [wrap(name, letters, max_lines=3, placeholder="…") or [""] for name in arrays]
    return ["\n".join([*one, _count(values)]) for one, values in zip(lines, arrays.values(), strict=True)]


def _count(values: FloatArray) -> str:
    known = int(np.isfinite(values).sum())
    return f"n = {known}" if known == values.size else f"n = {known} of {values.size}"


def _name(axes: Axes, names: Sequence[str], quantity: str) -> None:
    axes.set_ylabel(_title(quantity))
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_xticks(range(len(names)), names, parse_math=False)
    axes.tick_params(axis="x", which="both", top=False, bottom=False)
    axes.set_xticks([], minor=True)


def _title(figure: str) -> str:
    """The title of an axis of a figure of merit, short enough for its side: "Maximum EQE (%)"."""
    quantity, title = QUANTITIES[quantity_of_figure(figure)], figure_title(figure)
    if len(title) > _LONG:
        title = re.sub(re.escape(quantity.long_name), quantity.symbol, title, flags=re.IGNORECASE)
    return typeset(title if quantity.unit == "1" else f"{title} ({quantity.unit})")


def _draw_group(axes: Axes, place: int, values: FloatArray, not_ok: Mask, look: Look) -> None:
    order = np.argsort(values)[: int(np.isfinite(values).sum())]  # NaN comes last
    known, hollow = values[order], not_ok[order]
    if known.size >= LEAST_FOR_BOX:
        line = {"color": "black", "linewidth": 0.8}
        axes.boxplot(
            [known], positions=[place], widths=_BOX, whis=(0, 100), manage_ticks=False,
            boxprops=line, whiskerprops=line, capprops=line, medianprops={**line, "linewidth": 1.6},
        )  # fmt: skip
    elif known.size:
        median = [float(np.median(known))] * 2
        axes.plot([place - _BOX / 2, place + _BOX / 2], median, "-", color="black", linewidth=1.6)
    x = place + swarm(known)
    axes.plot(x, known, "o", color=look.colour, alpha=0.8, markeredgewidth=0, label="_devices")
    if hollow.any():
        white = {"markerfacecolor": "white", "markeredgecolor": look.colour}
        axes.plot(x[hollow], known[hollow], "o", linestyle="none", label=NOT_OK, **white)


def swarm(ordered: FloatArray) -> FloatArray:
    """How far from the middle each of some values in order stands, so that near ones do not hide each other (n,)."""
    if ordered.size < 2 or not np.ptp(ordered):
        return _SPREAD * np.linspace(-1.0, 1.0, ordered.size) if ordered.size > 1 else np.zeros(ordered.size)
    near = np.abs(ordered[:, None] - ordered) < 0.05 * np.ptp(ordered)
    row = np.array([int(one[:i].sum()) for i, one in enumerate(near)])
    side = np.where(row % 2, 1.0, -1.0) * ((row + 1) // 2)
    return np.asarray(_SPREAD * side / max(1.0, np.abs(side).max()))


def _mark(axes: Axes, arrays: Mapping[str, FloatArray], marked: tuple[str, int], quantity: str, look: Look) -> None:
    group, place = marked
    value = float(arrays[group][place])
    if not np.isfinite(value):
        return
    known = np.sort(arrays[group][np.isfinite(arrays[group])])
    x = list(arrays).index(group) + swarm(known)[np.searchsorted(known, value)]
    mark: dict[str, Any] = {
        "markerfacecolor": "none",
        "markeredgecolor": look.colour,
        "markersize": 8,
        "markeredgewidth": 1.4,
    }
    axes.plot([x], [value], "o", linestyle="none", label=str(rank(known.tolist(), value, quantity)), **mark)


def _caption(quantity: str, arrays: Mapping[str, FloatArray], not_ok: Mapping[str, Sequence[bool]] | None) -> str:
    dead = {name: int((~np.isfinite(values)).sum()) for name, values in arrays.items()}
    without = ", ".join(f"{count} of {name}" for name, count in dead.items() if count)
    return (
        f"{figure_title(quantity)}. Dots: devices. Boxes: quartiles and median, whiskers to the least and the largest; "
        f"of fewer than {LEAST_FOR_BOX} devices the median alone."
        + (f" Without a value: {without}." if without else "")
        + (f" Hollow: {NOT_OK}, as the tables say." if any(any(here) for here in (not_ok or {}).values()) else "")
    )
