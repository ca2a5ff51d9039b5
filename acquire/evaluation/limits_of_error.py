"""A meter's limits of error, as it was set in a run. Pure."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property, partial
from math import inf, isfinite, nan
from typing import Any

import numpy as np

from acquire.photometry.elementwise import Q
from acquire.records import FloatArray
from drivers.specification import Span


class LimitsOfError:
    """What a meter may be wrong by: on its ``fixed`` range, NaN for autorange, with filter and auto-zero as set.

    Worked out once for a run, because each of its points asks several times.
    """

    def __init__(self, span: Span, fixed: float, nplc: float, *, filter_count: int, autozero: bool) -> None:
        self.span = span
        self._fixed = fixed if isfinite(fixed) else 0.0
        limit = partial(span.limit_of_error, nplc=nplc, filter_count=filter_count, autozero=autozero)
        # a share of the reading, and the limit of error of a reading of nothing
        self._lines = {one: (span.measuring[one].share, float(limit(0.0, one))) for one in span.ranges}

    def __call__(self, value: Q) -> Q:
        """The limit of error of a reading, or of each of many (n,), in its unit; NaN for no number."""
        if not isinstance(value, np.ndarray):
            if not -inf < value < inf:
                return nan
            share, offset = self._lines[self.used(value)]
            return abs(value) * share + offset
        shares, offsets = self._columns
        at = self._places(value)
        return np.where(np.isfinite(value), abs(value) * shares[at] + offsets[at], nan)

    def used(self, value: Q) -> Q:
        """The range a value was read on: the fixed one, or the smallest that holds it; the largest for no number."""
        if not isinstance(value, np.ndarray):
            return self._fixed or self.span.ranges[bisect_left(self.span.reaches, abs(value))]
        return np.asarray(self._ranges[self._places(value)], float)

    def offset(self, used: Q) -> Q:
        """The offset in the one-year accuracy of a range, or of each of many."""
        if not isinstance(used, np.ndarray):
            return self.span.measuring[used].offset
        offsets = np.array([self.span.measuring[one].offset for one in self.span.ranges])
        return np.asarray(offsets[np.searchsorted(self._ranges, used)], float)

    @cached_property
    def _ranges(self) -> FloatArray:
        return np.array(self.span.ranges)

    @cached_property
    def _columns(self) -> tuple[FloatArray, FloatArray]:
        shares, offsets = zip(*(self._lines[one] for one in self.span.ranges), strict=True)
        return np.array(shares), np.array(offsets)

    def _places(self, values: FloatArray) -> Any:
        """The place in the table of ranges of each value."""
        if self._fixed:
            return np.full(values.shape, self.span.ranges.index(self._fixed))
        return np.searchsorted(self.span.reaches, abs(values))
