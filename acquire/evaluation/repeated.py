"""What was measured more than once: how far the readings of one level lie apart. Pure."""

from __future__ import annotations

from math import sqrt

import numpy as np

from acquire.evaluation.figure import Figure, missing
from acquire.evaluation.figures import TURN_ON_LUMINANCE
from acquire.records import LIMITED, Columns, FloatArray, of_sweep

#: The quantities of which the spread is given.
_REPEATED = ("current_density", "luminance", "current_efficiency")


def repeatability(points: Columns) -> dict[str, Figure]:
    """The relative standard deviation of the readings of one level, pooled over all levels read more than once.

    Both branches count: what a device remembers is part of it, and so is what it lost meanwhile. Only points with
    light (1 cd/m^2) take part. Its own uncertainty is s / sqrt(2 nu), nu the degrees of freedom.
    """
    usable = (
        of_sweep(points["branch"]) & (points["flags"] & int(LIMITED) == 0) & (points["luminance"] >= TURN_ON_LUMINANCE)
    )
    levels = np.round(points["source_level"][usable], 9)  # a level is one number, however it was computed
    return {f"{name}_repeatability": _pooled(levels, points[name][usable]) for name in _REPEATED}


def _pooled(levels: FloatArray, values: FloatArray) -> Figure:
    known = np.isfinite(levels) & np.isfinite(values) & (values > 0)
    levels, logarithms = levels[known], np.log(values[known])
    _, group, sizes = np.unique(levels, return_inverse=True, return_counts=True)
    freedom, repeated = levels.size - sizes.size, int((sizes > 1).sum())
    if not freedom:
        return missing("1", "none", "no level with light was read more than once")
    means = np.bincount(group, logarithms) / sizes
    value = sqrt(float(((logarithms - means[group]) ** 2).sum()) / freedom)
    how_many = f"{repeated} levels, {freedom} repeats"
    return Figure(value, "1", "ok", uncertainty=value / sqrt(2 * freedom), reason=how_many)
