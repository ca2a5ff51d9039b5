"""The picture of a lifetime: luminance over L_0, and the voltage, against the time under stress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from acquire.photometry.customary_units import QUANTITIES, customary
from acquire.report.captions import Told
from acquire.report.drawing import Look, ends, number_decades
from acquire.report.style import SINGLE, NothingToDraw, new_figure
from acquire.run_file.lifetime import lifetime_of
from acquire.run_file.read import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The shares of L_0 that are marked.
_SHARES = (0.95, 0.90, 0.80, 0.50)


def draw_lifetime(runs: Sequence[tuple[Run, str, Look]], told: Told) -> Figure:
    """Draw each lifetime: median values of each hundredth of a decade, which for a short one are its points.

    :raises NothingToDraw: none of the runs is a lifetime with light.
    """
    drawn = []
    for run, label, look in runs:
        if not run.rows.get("lifetime"):
            continue
        final = lifetime_of(run)
        course = final.course
        if course is not None and len(course) and final.initial > 0:
            known = np.isfinite(course.luminance)
            drawn.append(
                (course.time[known], course.luminance[known] / final.initial, course.voltage[known], label, look)
            )
    if not drawn:
        raise NothingToDraw("none of the runs is a lifetime with light")
    figure = new_figure(SINGLE, 110.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.0, 1.0))
    for time, ratio, voltage, label, look in drawn:
        hours = customary(time, "time_under_stress")
        for axes, values in ((upper, customary(ratio, "relative_luminance")), (lower, voltage)):
            axes.plot(hours, values, color=look.colour, marker="none", label=label if axes is upper else f"_{label}")
    upper.set_xscale("log")
    lower.set_xlabel(QUANTITIES["time_under_stress"].title)
    upper.set_ylabel(QUANTITIES["relative_luminance"].title)
    lower.set_ylabel(QUANTITIES["voltage"].title)
    for share in _SHARES:
        upper.axhline(100 * share, color="0.8", linewidth=0.5, zorder=0)
    upper.set_xlim(*ends(customary(np.concatenate([one[0] for one in drawn]), "time_under_stress"), True))
    upper.set_ylim(0.0, max(105.0, 100 * max(float(one[1].max()) for one in drawn) * 1.05))
    number_decades(lower.xaxis)
    lower.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    told.more.append("Grey lines: 95, 90, 80 and 50 % of L_0; gaps and the burn-in are no part of the time")
    return figure
