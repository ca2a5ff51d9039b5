"""How the light of a device fades under a level that is kept: taken in piece by piece, whatever its length. Pure.

Times are those under stress (:mod:`acquire.evaluation.stress`). What is kept of a course of millions of points is the
median of each hundredth of a decade of time; a course of which no two points share one is kept as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.photometry.lifetime import running_median
from acquire.records import Columns, FloatArray

#: Parts of a decade of time of which one value is kept each.
PARTS_OF_A_DECADE = 100

_KEPT = ("stress_time", "luminance", "voltage", "current", "external_quantum_efficiency")
_OF_A_POINT = ("stress_time", "luminance", "voltage", "luminance_uncertainty", "spread")
#: The columns that a decay is made from; ``spread`` is the part of u(L)/L that no other point shares.
COLUMNS = (*_KEPT, *_OF_A_POINT[3:])

_ROUNDING = 1e-3  # s
_SLOWEST_LINE = 50.0  # Hz


@dataclass(frozen=True, slots=True)
class DecayConditions:
    """How a lifetime was run, times in s.

    ``settle``: how long the level had been on when the first reading began to integrate, ``reading`` how long that
    takes at most; ``reference``: how often a spectrum says what the photodiode's luminance is worth.
    """

    burn_in: float = 0.0
    initial_time: float = 1.0
    settle: float = 0.0
    reading: float = 0.0
    reference: str = "never"

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> DecayConditions | None:
        """Those of a run, from its configuration with every default filled in; None where it is no lifetime."""
        sweep = configuration.get("sweep")
        lifetime = sweep.get("lifetime") if isinstance(sweep, Mapping) else None
        if not isinstance(sweep, Mapping) or not isinstance(lifetime, Mapping):
            return None
        measure = sweep.get("measure", {})
        conversions = 3 if measure.get("autozero", True) else 1  # the signal, zero and reference beside it
        return cls(
            burn_in=float(lifetime.get("burn_in", 0.0)),
            initial_time=float(lifetime.get("initial_time", 1.0)),
            settle=float(measure.get("settle", 0.0)),
            reading=conversions * float(measure.get("nplc", 1.0)) * measure.get("filter_count", 1) / _SLOWEST_LINE,
            reference=lifetime.get("reference", "never"),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A point of the course: ``time`` under stress [s], cd/m^2, V.

    ``luminance_uncertainty`` is standard (k = 1), ``spread`` the relative part of it that no other point shares.
    """

    time: float
    luminance: float
    voltage: float
    luminance_uncertainty: float = nan
    spread: float = nan


@dataclass(frozen=True, eq=False)
class Course:
    """What is kept of a decay, each (n,): ``time`` under stress [s], ``luminance`` [cd/m^2], ``voltage`` [V],
    ``current`` [A], ``external_quantum_efficiency`` [1]; ``points`` is how many points each value is the median of.
    """

    time: FloatArray
    luminance: FloatArray
    voltage: FloatArray
    current: FloatArray
    external_quantum_efficiency: FloatArray
    points: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.time.size)


@dataclass(eq=False)
class Decay:
    """A decay as it is taken in: :meth:`add` the points in order, in pieces of any length.

    ``rows`` points so far; ``first`` is the one from which L_0 by time is taken, ``last`` the last one with light,
    ``largest`` the largest luminance of all [cd/m^2], ``stress`` the time under stress of the last point [s].
    """

    conditions: DecayConditions = field(default_factory=DecayConditions)
    rows: int = 0
    stress: float = nan
    largest: float = nan
    first: Moment | None = None
    last: Moment | None = None
    _open: dict[str, FloatArray] = field(default_factory=dict)
    _closed: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, points: Columns) -> None:
        """Take in further points, by the columns of :data:`COLUMNS` (n,)."""
        values = {name: np.asarray(points[name], float) for name in COLUMNS}
        if not values["stress_time"].size:
            return
        self.rows += values["stress_time"].size
        known = np.isfinite(values["stress_time"])
        if not known.all():
            values = {name: column[known] for name, column in values.items()}
        if values["stress_time"].size:
            self.stress = float(values["stress_time"][-1])
            self._look(values)
            self._keep({name: values[name] for name in _KEPT})

    def _look(self, values: Mapping[str, FloatArray]) -> None:
        """Note the point of L_0 by time, and the last one."""
        lit = np.flatnonzero(np.isfinite(values["luminance"]) & (values["stress_time"] >= -_ROUNDING))
        if not lit.size:
            return
        self.last = self._moment(values, int(lit[-1]))
        self.largest = float(np.nanmax(np.append(values["luminance"][lit], self.largest)))
        late = lit[values["stress_time"][lit] >= self.conditions.initial_time - _ROUNDING]
        if self.first is None and late.size:
            self.first = self._moment(values, int(late[0]))

    @staticmethod
    def _moment(values: Mapping[str, FloatArray], i: int) -> Moment:
        return Moment(*(float(values[name][i]) for name in _OF_A_POINT))

    def _keep(self, values: dict[str, FloatArray]) -> None:
        """Close every part of a decade that is complete."""
        after = values["stress_time"] > 0.0
        values = {name: column[after] for name, column in values.items()}
        if self._open:
            values = {name: np.concatenate([self._open[name], column]) for name, column in values.items()}
        if not values["stress_time"].size:
            return
        part = np.floor(np.log10(values["stress_time"]) * PARTS_OF_A_DECADE)
        edges = np.flatnonzero(np.diff(part)) + 1
        for start, stop in _pieces(edges):
            self._closed.append(_medians({name: column[start:stop] for name, column in values.items()}))
        self._open = {name: column[int(edges[-1]) if edges.size else 0 :] for name, column in values.items()}

    def course(self) -> Course:
        """What is kept of it so far."""
        rows = [*self._closed, *([_medians(self._open)] if self._open else [])]
        columns = np.array(rows, float).reshape(len(rows), 1 + len(_KEPT)).T
        time, luminance, voltage, current, efficiency, points = columns
        return Course(time, luminance, voltage, current, efficiency, points.astype(np.int64))

    def largest_lasting(self) -> float:
        """L_0 by maximum [cd/m^2]: the largest luminance of the course, a blip left out; NaN without any."""
        luminance = self.course().luminance
        luminance = running_median(luminance[np.isfinite(luminance)])
        return float(luminance.max()) if luminance.size else self.largest


def _pieces(edges: npt.NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    start = 0
    for stop in edges.tolist():
        yield start, stop
        start = stop


def _medians(values: Mapping[str, FloatArray]) -> tuple[float, ...]:
    """The median of each column, missing numbers left out, and how many points there are."""
    count = values["stress_time"].size
    if count == 1:
        return (*(float(column[0]) for column in values.values()), 1.0)
    return (*(_median(column) for column in values.values()), float(count))


def _median(column: FloatArray) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if known.size else nan
