"""What of a run is drawn: its branches in the units in which the field reads them, without what must not be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.evaluation.flagged import in_order_of_levels
from acquire.photometry.choice import SpectrumSource
from acquire.photometry.customary_units import customary
from acquire.records import BAD_READING, DIRECTIONS, LIMITED, Branch, FloatArray, PointFlag
from acquire.run_file.read import Run

Mask = npt.NDArray[np.bool_]

_STAND_INS = [source.value.encode() for source in (SpectrumSource.ASSUMED, SpectrumSource.REFERENCE)]

#: Quantities that come of the source meter alone; all others need light.
_ELECTRICAL = ("voltage", "current_density")

_NEVER = PointFlag.DAMAGED | PointFlag.OVER_RANGE | PointFlag.NO_SOURCE_READING

#: The flags of points that are left out.
_LEFT_OUT = _NEVER | BAD_READING | PointFlag.BELOW_DARK_NOISE | PointFlag.AMPLIFIER_LIMIT

#: The flags of points that are drawn hollow.
_HOLLOW = LIMITED | PointFlag.OVER_VOLTAGE | PointFlag.LEVEL_NOT_REACHED | PointFlag.LATE

#: The same for the quantum efficiency.
_HOLLOW_EQE = _HOLLOW | PointFlag.EQE_PROVISIONAL | PointFlag.SPECTRUM_TRUNCATED


@dataclass(frozen=True, eq=False)
class Curve:
    """The points of one branch of one cycle in the order in which they were measured.

    ``x``, ``y``, and the standard uncertainty of ``y`` (n,) in customary units, NaN where a point is left out;
    ``hollow`` (n,) where a flag says something against it.
    """

    branch: Branch
    x: FloatArray
    y: FloatArray
    uncertainty: FloatArray
    hollow: Mask
    cycle: int = 0

    @property
    def name(self) -> str:
        """What it is called beside others of its run."""
        return f"{self.branch}, cycle {self.cycle}" if self.cycle else str(self.branch)


@dataclass(frozen=True, eq=False)
class Curves:
    """The branches that have anything to draw, and how many points are left out or hollow, by why.

    ``by_amount``: whether currents in reverse are among them, of which the amount is drawn.
    """

    branches: tuple[Curve, ...]
    left_out: Mapping[str, int]
    hollow: Mapping[str, int]
    by_amount: bool = False


def curves(run: Run, x: str, y: str, logarithmic: Sequence[str] = ()) -> Curves:
    """Quantity ``y`` of a run against ``x``, both named as columns of the run; ``logarithmic`` those on such an axis.

    A current density below zero at a voltage below zero is a current in reverse: on a logarithmic axis it is drawn by
    its amount.
    """
    table, quantities = run.tables["jvl"], (x, y)
    flags = table["flags"]
    values = {name: _values(run, name, name in logarithmic) for name in quantities}
    why, out = Counter[str](), np.zeros(len(flags), bool)
    for reason, here in (*_flagged(flags, _refused(quantities)), *_not_drawable(values, logarithmic)):
        why[reason] += int(np.count_nonzero(here & ~out))
        out |= here
    doubted = [*_flagged(flags, _marked(quantities)), ("assumed spectrum", _by_stand_in(run, quantities))]
    hollow = np.logical_or.reduce([here for _, here in doubted])
    words = {word: int(np.count_nonzero(here & ~out)) for word, here in doubted}
    blank = {name: np.where(out, np.nan, array) for name, array in values.items()}
    uncertainty = np.where(out, np.nan, _uncertainty(run, y))
    return Curves(
        tuple(
            Curve(branch, blank[x][rows], blank[y][rows], uncertainty[rows], hollow[rows] & ~out[rows], cycle)
            for branch, cycle, here in branches(run)
            if not out[here].all()
            for rows in [in_order_of_levels(table, np.flatnonzero(here))]
        ),
        +why,
        +Counter(words),
        any((_in_reverse(run, name) & ~out).any() for name in values if name in logarithmic),
    )


def branches(run: Run) -> Iterator[tuple[Branch, int, Mask]]:
    """The branches of each cycle of a run, and which points are of each; what was read afterwards is of none."""
    column, cycles = run.tables["jvl"]["branch"], run.tables["jvl"]["cycle"]
    for cycle in np.unique(cycles).tolist():
        for branch in DIRECTIONS:
            here = (column == branch.value.encode()) & (cycles == cycle)
            if here.any():
                yield branch, cycle, here


def _values(run: Run, quantity: str, logarithmic: bool) -> FloatArray:
    found = customary(run.tables["jvl"][quantity], quantity)
    return np.where(_in_reverse(run, quantity), -found, found) if logarithmic else found


def _in_reverse(run: Run, quantity: str) -> Mask:
    """At which points a current flows in reverse, driven so (n,); nowhere for other quantities."""
    if quantity != "current_density":
        return np.zeros(run.points, bool)
    found: Mask = (run.tables["jvl"][quantity] < 0) & (run.tables["jvl"]["voltage"] < 0)
    return found


def _uncertainty(run: Run, quantity: str) -> FloatArray:
    column = run.tables["jvl"].get(f"{quantity}_uncertainty")
    return np.full(run.points, np.nan) if column is None else customary(column, quantity)


def _refused(quantities: Sequence[str]) -> PointFlag:
    return _NEVER if set(quantities) <= set(_ELECTRICAL) else _LEFT_OUT


def _marked(quantities: Sequence[str]) -> PointFlag:
    return _HOLLOW_EQE if "external_quantum_efficiency" in quantities else _HOLLOW


def _by_stand_in(run: Run, quantities: Sequence[str]) -> Mask:
    """At which points light was computed with a spectrum that was not measured in this run (n,)."""
    photodiode = run.calibration.photodiode
    by_shape = photodiode is not None and photodiode.responsivity is not None
    if "external_quantum_efficiency" in quantities or (by_shape and not set(quantities) <= set(_ELECTRICAL)):
        return np.isin(run.tables["jvl"]["spectrum_source"], _STAND_INS)
    return np.zeros(run.points, bool)


def _flagged(flags: npt.NDArray[np.uint32], which: PointFlag) -> Iterator[tuple[str, Mask]]:
    for flag in which:
        yield (flag.name or "").lower().replace("_", " "), (flags & int(flag)) != 0


def _not_drawable(values: Mapping[str, FloatArray], logarithmic: Sequence[str]) -> Iterator[tuple[str, Mask]]:
    yield "no value", ~np.logical_and.reduce([np.isfinite(array) for array in values.values()])
    for name in values.keys() & set(logarithmic):
        with np.errstate(invalid="ignore"):
            yield "not above zero on a logarithmic axis", values[name] <= 0


# --- 100 000 points in a picture 1000 dots wide -----------------------------------------------------------------

#: A line has about so many points at most.
MOST_DRAWN = 2000


def thinned(y: FloatArray, most: int = MOST_DRAWN) -> npt.NDArray[np.intp]:
    """Which points draw the same line: all of few; of many the least and the largest of each short stretch.

    The first and last stay; a stretch without any value stays a gap.
    """
    count = len(y)
    if count <= most:
        return np.arange(count)
    length = -(-count // (most // 2))
    starts = np.arange(0, count, length)
    padded = np.full(len(starts) * length, np.nan)
    padded[:count] = y
    rows = padded.reshape(-1, length)
    low = np.where(np.isnan(rows), np.inf, rows).argmin(axis=1)
    high = np.where(np.isnan(rows), -np.inf, rows).argmax(axis=1)
    return np.unique([0, count - 1, *(starts + low), *(starts + high)])


def to_mark(y: FloatArray, about: int = 18) -> list[int]:
    """At which points of a line a mark stands: about so many of many, and wherever a point stands alone."""
    places = np.flatnonzero(np.isfinite(y))
    every = max(1, len(places) // about)
    marked: list[int] = np.union1d(places[::every], np.flatnonzero(stands_alone(y))).tolist()
    return marked


def stands_alone(y: FloatArray) -> Mask:
    """Which points have no neighbour, so that no line shows them (n,)."""
    known = np.isfinite(y)
    alone: Mask = known & ~np.append(known[1:], False) & ~np.insert(known[:-1], 0, False)
    return alone
