"""The picture of an electron-only or hole-only device: current against the voltage across its layer, and its slope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from acquire.evaluation.transport import SLOPE_TOLERANCE, SPACE_CHARGE_SLOPE
from acquire.photometry.customary_units import customary
from acquire.records import Columns
from acquire.report.captions import Told
from acquire.report.drawing import Look, ends, number_decades, scale
from acquire.report.style import SINGLE, NothingToDraw, new_figure
from acquire.run_file.read import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DECADES = ("layer_voltage", "current_density")
_SIGNS = {1: "positive", -1: "negative"}


def draw_transport(runs: Sequence[tuple[Run, str, Look]], opposite: Look, told: Told) -> Figure:
    """Draw each polarity of each run; the window of its fit with the law, and the slope from which it follows.

    ``opposite`` is the look of the negative voltages where there is one run only.

    :raises NothingToDraw: no run is of such a device, or none of its points stands out from no current.
    """
    if not any(run.tables["transport"]["point_index"].size for run, _, _ in runs):
        raise NothingToDraw("no point is of an electron-only or hole-only device")
    figure = new_figure(SINGLE, 110.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.0, 1.0))
    scale(upper, _DECADES, "layer_voltage", "current_density")
    scale(lower, _DECADES, "layer_voltage", "local_slope")
    upper.set_xlabel("")
    lower.axhspan(SPACE_CHARGE_SLOPE - SLOPE_TOLERANCE, SPACE_CHARGE_SLOPE + SLOPE_TOLERANCE, color="0.9", zorder=0)
    for run, label, look in runs:
        for sign, name in _SIGNS.items():
            rows = run.tables["transport"]["polarity"] == sign
            if rows.any():
                table = {column: values[rows] for column, values in run.tables["transport"].items()}
                chosen = opposite if len(runs) == 1 and sign < 0 else look
                _draw(upper, lower, table, chosen, _called(label, name, len(runs)))
    _set_ends(upper, lower, [run.tables["transport"] for run, _, _ in runs])
    told.more.append("Full marks and the line through them: the window of the fit; grey: a slope of 2.0 ± 0.1")
    return figure


def _called(label: str, polarity: str, runs: int) -> str:
    return f"{polarity} voltages" if runs == 1 else f"{label}, {polarity} voltages"


def _draw(upper: Axes, lower: Axes, table: Columns, look: Look, label: str) -> None:
    voltage, density = table["layer_voltage"], customary(table["current_density"], "current_density")
    negative = bool(table["polarity"][0] < 0)
    inside = table["inside"].astype(bool)
    marker = "s" if negative else "o"
    for axes, values in ((upper, density), (lower, table["local_slope"])):
        for here, face in ((~inside, "white"), (inside, look.colour)):
            axes.plot(
                voltage[here],
                values[here],
                linestyle="none",
                marker=marker,
                markersize=2.5 if negative else 4.5,  # where both are alike, both can be seen
                markeredgecolor=look.colour,
                markerfacecolor=face,
                label=label if axes is upper and face != "white" else f"_{label}",
            )
    if inside.any():
        fitted = customary(table["fitted_current_density"], "current_density")
        line = "--" if negative else "-"
        upper.plot(voltage[inside], fitted[inside], color="black", linestyle=line, marker="none", label="_fit")


def _set_ends(upper: Axes, lower: Axes, tables: Sequence[Columns]) -> None:
    voltage, density, slope = (
        np.concatenate([table[name] for table in tables])
        for name in ("layer_voltage", "current_density", "local_slope")
    )
    upper.set_xlim(*ends(voltage, True))
    upper.set_ylim(*ends(customary(density, "current_density"), True))
    lower.set_ylim(0.0, min(max(ends(slope[np.isfinite(slope)], False)[1], 3.0), 8.0))
    number_decades(upper.yaxis)
    number_decades(lower.xaxis)
