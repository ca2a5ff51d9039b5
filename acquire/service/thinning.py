"""Which rows of a long table a picture needs: of each pixel the smallest and the largest value. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def rows_within(x: npt.NDArray[Any], lowest: float | None, highest: float | None) -> Indices:
    """The rows whose x lies within, and one more on either side of each stretch, so that a line leaves the picture.

    x (n,); a bound that is None is none.
    """
    inside = np.ones(len(x), bool)
    with np.errstate(invalid="ignore"):
        if lowest is not None:
            inside &= x >= lowest
        if highest is not None:
            inside &= x <= highest
    inside[:-1] |= inside[1:].copy()
    inside[1:] |= inside[:-1].copy()
    return np.flatnonzero(inside)


def pixels(x: npt.NDArray[Any] | None, rows: int, number: int, *, log: bool = False) -> Indices:
    """Where each pixel begins among so many rows, and behind the last one their number: (pixels + 1,).

    Pixels are equally wide in x, or in lg x, where x rises; else each has as many rows.
    """
    if x is not None and rows and np.isfinite(x).all() and (np.diff(x) >= 0.0).all():
        known = x[x > 0.0] if log else x
        if len(known) and known[0] < known[-1]:
            space = np.geomspace if log else np.linspace
            edges = np.searchsorted(x, space(known[0], known[-1], number + 1)[1:-1])
            return np.concatenate([[0], edges, [rows]]).astype(np.int64)
    return np.linspace(0, rows, number + 1).astype(np.int64)


def extremes(values: Sequence[npt.NDArray[Any]], begins: Indices) -> Indices:
    """The rows to draw, rising: of each pixel those of the smallest and the largest of each column, and both ends.

    Columns (n,); NaN counts as no value, so that a spike beside a gap stays.
    """
    rows = int(begins[-1])
    chosen = {0, rows - 1} if rows else set[int]()
    stretches = [(a, b) for a, b in pairwise(begins.tolist()) if b > a]
    for column in values:
        unknown = ~np.isfinite(column)
        low, high = (np.where(unknown, end, column) if unknown.any() else column for end in (np.inf, -np.inf))
        for begin, end in stretches:
            chosen.add(begin + int(low[begin:end].argmin()))
            chosen.add(begin + int(high[begin:end].argmax()))
    return np.array(sorted(chosen), dtype=np.int64)
