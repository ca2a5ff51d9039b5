"""Which spectrum the EQE of a point rests on, and which spectra are fit to be used.

A spectrum takes seconds to minutes, so there are fewer of them than points. Every point states its choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from math import inf, nan
from typing import Self

import numpy as np
import numpy.typing as npt

from acquire.photometry.elementwise import BoolArray, IntArray, Q, log10
from acquire.photometry.spectra import log_weight
from acquire.records import Branch, FloatArray

#: Largest change of ln L during an exposure that still counts as measured at this very point.
DRIFT_LIMIT = 0.05
#: Relative difference of kappa between two neighbouring spectra above which a point is flagged.
SPECTRAL_SHIFT_LIMIT = 0.01
#: Least ratio of the peak to the noise of one sample.
SIGNAL_TO_NOISE_LIMIT = 20.0


class SpectrumSource(StrEnum):
    """Where the spectrum of a point comes from, best first."""

    MEASURED = "measured"
    INTERPOLATED = "interpolated"
    NEAREST = "nearest"
    REFERENCE = "reference"
    ASSUMED = "assumed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SpectrumCandidate:
    """A spectrum of this device to choose from.

    ``index`` its own, ``point_index``, ``branch`` and ``cycle`` of the point where it was taken, ``luminance`` [cd/m^2]
    there by the same photodiode as that of the points, whatever the spectrum itself says, ``drift`` the change of
    ln L during the exposure (NaN when unknown), ``usable`` no :func:`spectrum_defects`.
    """

    index: int
    point_index: int
    branch: str
    luminance: float
    drift: float = nan
    usable: bool = True
    cycle: int = 0

    def counts_for(self, branch: str, cycle: int) -> bool:
        """Whether points of a branch in a cycle lie between such spectra: their own, or taken afterwards at its levels.

        A point that was read afterwards is of no branch: it lies between all of them.
        """
        apart = Branch.AFTERWARDS in (branch, self.branch)
        return apart or (self.branch == branch and self.cycle == cycle)


@dataclass(frozen=True, slots=True)
class SpectrumChoice:
    """The spectrum of one point.

    ``index`` of the (lower) spectrum and ``index_upper``, -1 where there is none; ``weight`` w of the upper one,
    NaN unless interpolated; ``log10_distance`` |lg(L/L_i)|, 0 for measured and, when interpolated, that to the
    nearer one; NaN when it means nothing.
    """

    source: SpectrumSource
    index: int = -1
    index_upper: int = -1
    weight: float = nan
    log10_distance: float = nan


#: The choices that name no spectrum of this device, made once: most points of a sweep have one of them.
NO_SPECTRUM, _REFERENCE, _ASSUMED = (
    SpectrumChoice(source) for source in (SpectrumSource.NONE, SpectrumSource.REFERENCE, SpectrumSource.ASSUMED)
)


def choose_spectrum(
    point_index: int,
    branch: str,
    luminance: float,
    candidates: Iterable[SpectrumCandidate],
    *,
    cycle: int = 0,
    reference: bool = False,
    assumed: bool = False,
) -> SpectrumChoice:
    """Choose the spectrum for a point of this ``luminance`` [cd/m^2].

    In this order: measured at this point; interpolated in ln L between the neighbours below and above on the
    same branch of the same ``cycle``, those taken afterwards among them; the nearest in ln L of these, where there are
    none of all; the ``reference`` or ``assumed`` one
    when there is such; none. Of equals the one nearer in the sweep. Without positive luminance there is no
    distance: the faintest spectrum counts as nearest. While a sweep runs ``candidates`` are the spectra taken so
    far, and the choice is provisional.
    """
    usable = [c for c in candidates if c.usable and c.luminance > 0]
    if not usable:
        return _REFERENCE if reference else _ASSUMED if assumed else NO_SPECTRUM
    for candidate in usable:
        if candidate.point_index == point_index and not abs(candidate.drift) >= DRIFT_LIMIT:
            return SpectrumChoice(SpectrumSource.MEASURED, candidate.index, log10_distance=0.0)
    own = [c for c in usable if c.counts_for(branch, cycle)]
    return _from_neighbours(point_index, luminance, own or usable, interpolate=bool(own))


def _from_neighbours(
    point_index: int, luminance: float, candidates: list[SpectrumCandidate], *, interpolate: bool
) -> SpectrumChoice:
    def brightness(candidate: SpectrumCandidate) -> tuple[float, int]:
        return candidate.luminance, abs(candidate.point_index - point_index)

    def faintness(candidate: SpectrumCandidate) -> tuple[float, int]:
        return -candidate.luminance, abs(candidate.point_index - point_index)

    if not luminance > 0:
        return SpectrumChoice(SpectrumSource.NEAREST, min(candidates, key=brightness).index)
    below = min((c for c in candidates if c.luminance <= luminance), key=faintness, default=None)
    above = min((c for c in candidates if c.luminance >= luminance), key=brightness, default=None)
    distances = {c.index: abs(log10(c.luminance / luminance)) for c in (below, above) if c is not None}
    nearest = min(distances, key=distances.__getitem__)
    if not interpolate or below is None or above is None or below is above:
        return SpectrumChoice(SpectrumSource.NEAREST, nearest, log10_distance=distances[nearest])
    weight = log_weight(luminance, below.luminance, above.luminance)
    return SpectrumChoice(SpectrumSource.INTERPOLATED, below.index, above.index, weight, distances[nearest])


@dataclass(frozen=True, slots=True)
class SpectrumChoices:
    """The spectra of many points: each part of a :class:`SpectrumChoice` as an array (n,); ``source`` as bytes."""

    source: npt.NDArray[np.bytes_]
    index: IntArray
    index_upper: IntArray
    weight: FloatArray
    log10_distance: FloatArray

    @property
    def measured(self) -> BoolArray:
        """Where the spectrum is of this very point."""
        return np.asarray(self.source == SpectrumSource.MEASURED.encode())

    @property
    def interpolated(self) -> BoolArray:
        """Where the spectrum is interpolated."""
        return np.asarray(self.source == SpectrumSource.INTERPOLATED.encode())

    def replaced(self, where: BoolArray, others: Self) -> Self:
        """These choices, but the others where ``where`` holds."""
        parts = [field.name for field in fields(self)]
        return type(self)(*(np.where(where, getattr(others, part), getattr(self, part)) for part in parts))


def choose_spectra(
    point_index: IntArray,
    branch: npt.NDArray[np.bytes_],
    luminance: FloatArray,
    candidates: Sequence[SpectrumCandidate],
    *,
    cycle: IntArray | int = 0,
    reference: bool = False,
    assumed: bool = False,
) -> SpectrumChoices:
    """Choose the spectra of many points (n,): :func:`choose_spectrum` for each of them, without a loop over them.

    The working memory grows with the number of points times that of candidates.
    """
    usable = [c for c in candidates if c.usable and c.luminance > 0]
    if not usable:
        return _stand_ins(len(point_index), reference=reference, assumed=assumed)
    taken_at = np.array([c.point_index for c in usable])
    steady = np.array([not abs(c.drift) >= DRIFT_LIMIT for c in usable])
    measured = steady & (taken_at == point_index[:, None])
    own = _counting(branch, np.asarray(cycle), usable)
    choices = _from_neighbours_of_all(point_index, own, luminance, usable)
    index = np.array([c.index for c in usable])[measured.argmax(axis=1)]
    return choices.replaced(measured.any(axis=1), _uniform(SpectrumSource.MEASURED, index, 0.0))


def only(choices: SpectrumChoices, kept: BoolArray) -> SpectrumChoices:
    """The choices that are ``kept``, and none for the other points."""
    nowhere = np.full(choices.index.shape, -1)
    return _uniform(SpectrumSource.NONE, nowhere, nan).replaced(kept, choices)


def _uniform(source: SpectrumSource, index: IntArray, log10_distance: float) -> SpectrumChoices:
    """One kind of choice for all points."""
    unknown = np.full(index.shape, nan)
    sources = np.full(index.shape, source.encode(), "S12")
    return SpectrumChoices(sources, index, np.full_like(index, -1), unknown, np.full(index.shape, log10_distance))


def _stand_ins(count: int, *, reference: bool, assumed: bool) -> SpectrumChoices:
    stand_in = SpectrumSource.ASSUMED if assumed else SpectrumSource.NONE
    return _uniform(SpectrumSource.REFERENCE if reference else stand_in, np.full(count, -1), nan)


def _counting(branch: npt.NDArray[np.bytes_], cycle: IntArray, candidates: Sequence[SpectrumCandidate]) -> BoolArray:
    """For each point (n,) whether each of m candidates counts for its branch and cycle (n, m)."""
    branches, cycles = np.array([c.branch.encode() for c in candidates]), np.array([c.cycle for c in candidates])
    rows, afterwards = branch[:, None], Branch.AFTERWARDS.encode()
    same = (branches == rows) & (cycles == cycle.reshape(-1, 1))
    return np.asarray(same | (branches == afterwards) | (rows == afterwards))


def _from_neighbours_of_all(
    point_index: IntArray,
    own: BoolArray,
    luminance: FloatArray,
    candidates: Sequence[SpectrumCandidate],
) -> SpectrumChoices:
    index = np.array([c.index for c in candidates])
    light = np.array([c.luminance for c in candidates])
    steps = abs(np.array([c.point_index for c in candidates]) - point_index[:, None])
    interpolate = np.asarray(own.any(axis=1))
    allowed = own | ~interpolate[:, None]
    # A point without light lies below every spectrum, so that its neighbour above is the faintest
    lit = luminance > 0
    level = np.where(lit, luminance, 0.0)
    has_below, below = _least(-light, steps, allowed & (light <= level[:, None]))
    has_above, above = _least(light, steps, allowed & (light >= level[:, None]))
    down, up = (_log10_distance(light[at], level, has & lit) for has, at in ((has_below, below), (has_above, above)))
    between = interpolate & has_below & has_above & (below != above) & lit
    weight = np.full(level.shape, nan)
    weight[between] = log_weight(level[between], light[below[between]], light[above[between]])
    return SpectrumChoices(
        np.where(between, SpectrumSource.INTERPOLATED.encode(), SpectrumSource.NEAREST.encode()).astype("S12"),
        index[np.where(between | (has_below & (down <= up)), below, above)],
        np.where(between, index[above], -1),
        weight,
        np.where(lit, np.minimum(down, up), nan),
    )


def _log10_distance(one: FloatArray, other: FloatArray, comparable: BoolArray) -> FloatArray:
    """|lg(one/other)|, infinite where it is not known."""
    distance = np.full(one.shape, inf)
    distance[comparable] = abs(log10(one[comparable] / other[comparable]))
    return distance


def _least(first: FloatArray, second: IntArray, allowed: BoolArray) -> tuple[BoolArray, IntArray]:
    """In each row, whether a column is allowed, and which of those has the least ``first``, of equals ``second``."""
    ranked = np.where(allowed, first, inf)
    tied = allowed & (ranked == ranked.min(axis=1, keepdims=True))
    return np.asarray(allowed.any(axis=1)), np.where(tied, second, np.iinfo(np.int64).max).argmin(axis=1)


def spectral_shift(kappa_lower: Q, kappa_upper: Q) -> Q:
    """Return the relative difference of two kappa [A/cd]; flag it above ``SPECTRAL_SHIFT_LIMIT``.

    Half of it is added to the uncertainty of kappa: :attr:`~acquire.photometry.uncertainty.Budget.spectral_shift`.
    """
    return abs(kappa_upper - kappa_lower) / ((kappa_upper + kappa_lower) / 2)


def spectrum_defects(signal_to_noise: float, *, saturated: bool = False) -> tuple[str, ...]:
    """Return why the shape of a spectrum must not be used; empty when nothing speaks against it.

    That its luminance is not that of the photodiode says nothing against its shape: a gain, a distance or an area
    that is wrong is one factor for all wavelengths.
    """
    defects = []
    if not signal_to_noise >= SIGNAL_TO_NOISE_LIMIT:
        defects.append(f"signal to noise {signal_to_noise:.3g} is below {SIGNAL_TO_NOISE_LIMIT:g}")
    if saturated:
        defects.append("the spectroradiometer was saturated")
    return tuple(defects)
