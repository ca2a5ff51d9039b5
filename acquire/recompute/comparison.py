"""Two sets of results of one run, number by number: the same to the last bit, or how far apart. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from acquire.evaluation.figure import Figure
from acquire.records import Columns

Column = np.ndarray[Any, Any]

#: Another machine, or another version of the numerical libraries, may differ by so much, relative.
ROUNDING = 1e-12

#: Of a figure of merit: what is compared beside its value.
_OF_A_FIGURE = ("uncertainty", "voltage", "current_density", "luminance", "expanded_uncertainty")


@dataclass(frozen=True)
class Difference:
    """What is not the same: its ``place``, in how many of how many ``rows``, and the largest relative difference.

    ``largest`` is infinite where one of the two is missing, or both are texts.
    """

    place: str
    rows: int
    of: int
    largest: float

    @property
    def by_rounding(self) -> bool:
        """Whether another machine may make as much of a difference."""
        return self.largest <= ROUNDING

    def and_in(self, other: Difference) -> Difference:
        """This difference with that of further rows of the same place."""
        return Difference(self.place, self.rows + other.rows, self.of + other.of, max(self.largest, other.largest))

    def __str__(self) -> str:
        """In one line."""
        far = f"by up to {self.largest:.2g} of it" if np.isfinite(self.largest) else "not at all the same"
        where = f" in {self.rows} of {self.of} rows" if self.of > 1 else ""
        return f"{self.place}: {far}{where}"


def differences(
    one: Mapping[str, Columns], other: Mapping[str, Columns], names: Mapping[str, Sequence[str]]
) -> Iterator[Difference]:
    """Where columns differ: of each table those with these ``names``."""
    for table, columns in names.items():
        for name in columns:
            if (found := difference(f"{table}/{name}", one[table][name], other[table][name])) is not None:
                yield found


def difference(place: str, one: Column, other: Column) -> Difference | None:
    """How two arrays of the same rows differ, None where they are the same to the last bit; NaN is the same as NaN."""
    if one.shape != other.shape:
        return Difference(place, max(len(one), len(other)), max(len(one), len(other)), np.inf)
    if one.dtype.kind == "S" or other.dtype.kind == "S":
        apart = one != other
        return Difference(place, int(apart.sum()), len(one), np.inf) if apart.any() else None
    with np.errstate(invalid="ignore"):
        apart = ~((one == other) | (np.isnan(one) & np.isnan(other))) if one.dtype.kind == "f" else one != other
    if not apart.any():
        return None
    a, b = one[apart].astype(float), other[apart].astype(float)
    scale = np.maximum(abs(a), abs(b))
    relative = np.where(np.isfinite(a) & np.isfinite(b), abs(a - b) / np.where(scale > 0, scale, 1.0), np.inf)
    return Difference(place, int(apart.sum()), len(one), float(relative.max()))


def figure_differences(one: Mapping[str, Figure], other: Mapping[str, Figure]) -> Iterator[Difference]:
    """Where figures of merit that are in both differ: value, uncertainty, place; status as a text."""
    for name in one:
        if name in other:
            yield from _of_figure(name, one[name], other[name])


def _of_figure(name: str, one: Figure, other: Figure) -> Iterator[Difference]:
    for part in ("value", *_OF_A_FIGURE):
        a, b = getattr(one, part), getattr(other, part)
        if a == b or (isnan(a) and isnan(b)):
            continue
        pair = (np.array([getattr(figure, part)]) for figure in (one, other))
        place = f"figures_of_merit/{name}" + ("" if part == "value" else f" ({part.replace('_', ' ')})")
        if (found := difference(place, *pair)) is not None:
            yield found
    if one.status != other.status:
        yield Difference(f"figures_of_merit/{name} (status)", 1, 1, np.inf)
