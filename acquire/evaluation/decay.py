"""How the light of a device fades under a level that is kept: taken in piece by piece, whatever its length. Pure.

Time is that under stress: it stands still while the levels of a curve are gone through and while the program was not
running, and counts from the end of the burn-in. What is kept of a course of millions of points is the median of each
hundredth of a decade of time; a course of which no two points share one is kept as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.records import Columns, FloatArray

#: Parts of a decade of time of which one value is kept each.
PARTS_OF_A_DECADE = 100

#: What of the points is kept, and what of the first of them.
_KEPT = ("luminance", "voltage", "current", "external_quantum_efficiency")
#: The columns that a decay is made from.
COLUMNS = ("time", "cycle", *_KEPT, "luminance_uncertainty", "luminance_independent_uncertainty")

_ROUNDING = 1e-3  # s


@dataclass(frozen=True, slots=True)
class DecayConditions:
    """How a lifetime was run: times in s, ``by_maximum`` whether its end refers to the largest luminance.

    ``settle``: how long the level had been on when the first reading began to integrate.
    """

    burn_in: float = 0.0
    initial_time: float = 1.0
    by_maximum: bool = False
    settle: float = 0.0
    referenced: bool = False

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> DecayConditions | None:
        """Those of a run, from its configuration with every default filled in; None where it is no lifetime."""
        sweep = configuration.get("sweep")
        lifetime = sweep.get("lifetime") if isinstance(sweep, Mapping) else None
        if not isinstance(sweep, Mapping) or not isinstance(lifetime, Mapping):
            return None
        measure = sweep.get("measure")
        settle = measure.get("settle", 0.0) if isinstance(measure, Mapping) else 0.0
        return cls(
            burn_in=float(lifetime.get("burn_in", 0.0)),
            initial_time=float(lifetime.get("initial_time", 1.0)),
            by_maximum=lifetime.get("initial_luminance") == "by_maximum",
            settle=float(settle),
            referenced=lifetime.get("reference", "never") != "never",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A point of the course: ``time`` under stress [s], SI values, standard uncertainties of the luminance."""

    time: float
    luminance: float
    voltage: float
    luminance_uncertainty: float = nan
    independent_uncertainty: float = nan


@dataclass(frozen=True, eq=False)
class Course:
    """What is kept of a decay, each (n,): ``time`` under stress [s], ``luminance`` [cd/m^2], ``voltage`` [V], and so on.

    ``points`` is how many points each value is the median of.
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

    ``restarts`` (n,) are the times of the run [s] from which it was gone on with; what passed between the last point
    before one and the first after it is not counted. ``stress`` [s] is the time under stress with the burn-in up to
    the last point, ``first`` the point from which L_0 by time is taken, ``rows`` all points and ``curves`` how many
    curves were gone through; ``references`` are the luminance by a spectrum over that by the photodiode, by the time
    of the run [s].
    """

    conditions: DecayConditions = field(default_factory=DecayConditions)
    restarts: FloatArray = field(default_factory=lambda: np.empty(0))
    references: Sequence[tuple[float, float]] = ()
    stress: float = 0.0
    rows: int = 0
    curves: int = 0
    largest: float = nan
    first: Moment | None = None
    last: Moment | None = None
    _before: tuple[float, bool] | None = None  # time of the run of the last row, and whether it was one of the course
    _begun: bool = False
    _open: dict[str, FloatArray] = field(default_factory=dict)
    _closed: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, points: Columns) -> None:
        """Take in further points, by the columns of :data:`COLUMNS` (n,)."""
        time = np.asarray(points["time"], float)
        if not time.size:
            return
        cycle = points["cycle"]
        self.rows += time.size
        self.curves = max(self.curves, int(cycle.max()))
        course = cycle == 0
        stress = self._stress(time, course)
        kept = course & np.isfinite(time)
        values = {name: np.asarray(points[name], float)[kept] for name in COLUMNS if name != "cycle"}
        values["luminance"] = values["luminance"] * self._worth(values["time"])
        values["stress"] = stress[kept] - self.conditions.burn_in
        self._look(values)
        self._keep({name: values[name] for name in ("stress", *_KEPT)})

    def _stress(self, time: FloatArray, course: npt.NDArray[np.bool_]) -> FloatArray:
        """The time under stress at each point: what follows a point of the course counts, within one part of the run."""
        if self._before is None:
            before, of_course = time[0], False
        else:
            before, of_course = self._before
        times, counts = np.append(before, time), np.append(of_course, course)
        part = np.searchsorted(self.restarts, times, "right")
        steps = np.where(counts[:-1] & (part[1:] == part[:-1]), np.diff(times), 0.0)
        steps = np.nan_to_num(steps)
        if not self._begun and course.any():  # the first reading of all comes when the level has settled
            steps[int(np.argmax(course))] += self.conditions.settle
            self._begun = True
        stress = self.stress + np.cumsum(steps)
        self.stress, self._before = float(stress[-1]), (float(time[-1]), bool(course[-1]))
        return np.asarray(stress, float)

    def _worth(self, time: FloatArray) -> FloatArray | float:
        """What a luminance by the photodiode is worth, by the spectra before and after it, linear in time."""
        known = [(when, ratio) for when, ratio in self.references if np.isfinite(ratio) and ratio > 0]
        if not (self.conditions.referenced and known):
            return 1.0
        when, ratio = zip(*known, strict=True)
        return np.asarray(np.interp(time, when, ratio), float)

    def _look(self, values: Mapping[str, FloatArray]) -> None:
        """Note the point of L_0 by time, and the last one."""
        lit = np.flatnonzero(np.isfinite(values["luminance"]) & (values["stress"] >= -_ROUNDING))
        if not lit.size:
            return
        self.last = self._moment(values, int(lit[-1]))
        self.largest = float(np.nanmax(np.append(values["luminance"][lit], self.largest)))
        late = lit[values["stress"][lit] >= self.conditions.initial_time - _ROUNDING]
        if self.first is None and late.size:
            self.first = self._moment(values, int(late[0]))

    @staticmethod
    def _moment(values: Mapping[str, FloatArray], i: int) -> Moment:
        names = ("stress", "luminance", "voltage", "luminance_uncertainty", "luminance_independent_uncertainty")
        return Moment(*(float(values[name][i]) for name in names))

    def _keep(self, values: dict[str, FloatArray]) -> None:
        """Close every part of a decade that is complete."""
        after = values["stress"] > 0.0
        values = {name: column[after] for name, column in values.items()}
        if self._open:
            values = {name: np.concatenate([self._open[name], column]) for name, column in values.items()}
        if not values["stress"].size:
            return
        part = np.floor(np.log10(values["stress"]) * PARTS_OF_A_DECADE)
        edges = np.flatnonzero(np.diff(part)) + 1
        for start, stop in _pieces(edges):
            self._closed.append(_medians({name: column[start:stop] for name, column in values.items()}))
        self._open = {name: column[int(edges[-1]) if edges.size else 0 :] for name, column in values.items()}

    def course(self) -> Course:
        """What is kept of it so far."""
        rows = [*self._closed, *([_medians(self._open)] if self._open else [])]
        columns = np.array(rows, float).reshape(len(rows), 2 + len(_KEPT)).T
        return Course(*columns[:-1], points=columns[-1].astype(np.int64))

    def largest_lasting(self) -> float:
        """L_0 by maximum [cd/m^2]: the largest luminance of the course, a blip left out; NaN without any."""
        from acquire.photometry.lifetime import running_median

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
    count = values["stress"].size
    if count == 1:
        return (*(float(column[0]) for column in values.values()), 1.0)
    return (*(_median(column) for column in values.values()), float(count))


def _median(column: FloatArray) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if known.size else nan


def no_light(moment: Moment | None) -> bool:
    """Whether there is no luminance to refer to."""
    return moment is None or isnan(moment.luminance) or moment.luminance <= 0.0
