"""Which spectrum the EQE of a point rests on, and which spectra are fit to be used.

A spectrum takes seconds to minutes, so there are fewer of them than points. Every point states its choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import log10, nan

from acquire.photometry.spectra import log_weight

#: Largest change of ln L during an exposure that still counts as measured at this very point.
DRIFT_LIMIT = 0.05
#: Relative difference of kappa between two neighbouring spectra above which a point is flagged.
SPECTRAL_SHIFT_LIMIT = 0.01
#: Least ratio of the peak to the noise of one sample.
SIGNAL_TO_NOISE_LIMIT = 20.0
#: Largest |L_spec/L_pd - 1|: beyond it something drifted, is misaligned, or k_L is out of date.
LUMINANCE_MISMATCH_LIMIT = 0.05


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

    ``index`` its own, ``point_index`` and ``branch`` of the point where it was taken, ``luminance`` [cd/m^2]
    there, ``drift`` the change of ln L during the exposure (NaN when unknown), ``usable`` no
    :func:`spectrum_defects`.
    """

    index: int
    point_index: int
    branch: str
    luminance: float
    drift: float = nan
    usable: bool = True


@dataclass(frozen=True, slots=True)
class SpectrumChoice:
    """The spectrum of one point.

    ``index`` of the (lower) spectrum and ``index_upper``, -1 where there is none; ``weight`` w of the upper one,
    NaN unless interpolated; ``lg_distance`` |lg(L/L_i)|, 0 for measured and, when interpolated, that to the
    nearer one; NaN when it means nothing.
    """

    source: SpectrumSource
    index: int = -1
    index_upper: int = -1
    weight: float = nan
    lg_distance: float = nan


def choose_spectrum(
    point_index: int,
    branch: str,
    luminance: float,
    candidates: Iterable[SpectrumCandidate],
    *,
    reference: bool = False,
    assumed: bool = False,
) -> SpectrumChoice:
    """Choose the spectrum for a point of this ``luminance`` [cd/m^2].

    In this order: measured at this point; interpolated in ln L between the neighbours below and above on the
    same branch; the nearest in ln L of that branch, else of the other; the ``reference`` or ``assumed`` one
    when there is such; none. Of equals the one nearer in the sweep. Without positive luminance there is no
    distance: the faintest spectrum counts as nearest. While a sweep runs ``candidates`` are the spectra taken so
    far, and the choice is provisional.
    """
    usable = [c for c in candidates if c.usable and c.luminance > 0]
    for candidate in usable:
        if candidate.point_index == point_index and not abs(candidate.drift) >= DRIFT_LIMIT:
            return SpectrumChoice(SpectrumSource.MEASURED, candidate.index, lg_distance=0.0)
    same_branch = [c for c in usable if c.branch == branch]
    if same_branch:
        return _from_neighbours(point_index, luminance, same_branch, interpolate=True)
    if usable:
        return _from_neighbours(point_index, luminance, usable, interpolate=False)
    if reference:
        return SpectrumChoice(SpectrumSource.REFERENCE)
    return SpectrumChoice(SpectrumSource.ASSUMED if assumed else SpectrumSource.NONE)


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
        return SpectrumChoice(SpectrumSource.NEAREST, nearest, lg_distance=distances[nearest])
    weight = log_weight(luminance, below.luminance, above.luminance)
    return SpectrumChoice(SpectrumSource.INTERPOLATED, below.index, above.index, weight, distances[nearest])


def spectral_shift(kappa_lower: float, kappa_upper: float) -> float:
    """Return the relative difference of two kappa [A/cd]; flag it above ``SPECTRAL_SHIFT_LIMIT``.

    Half of it is added to the uncertainty of kappa: :attr:`~acquire.photometry.uncertainty.Budget.spectral_shift`.
    """
    return abs(kappa_upper - kappa_lower) / ((kappa_upper + kappa_lower) / 2)


def spectrum_defects(
    signal_to_noise: float, *, saturated: bool = False, luminance_ratio: float = nan
) -> tuple[str, ...]:
    """Return why a spectrum must not be used for EQE; empty when nothing speaks against it.

    ``luminance_ratio`` L_spec/L_pd by spectroradiometer and photodiode; NaN when one of them is unknown.
    """
    defects = []
    if not signal_to_noise >= SIGNAL_TO_NOISE_LIMIT:
        defects.append(f"signal to noise {signal_to_noise:.3g} is below {SIGNAL_TO_NOISE_LIMIT:g}")
    if saturated:
        defects.append("the spectroradiometer was saturated")
    if abs(luminance_ratio - 1) > LUMINANCE_MISMATCH_LIMIT:
        percent = 100 * (luminance_ratio - 1)
        defects.append(f"its luminance differs by {percent:+.1f} % from that of the photodiode")
    return tuple(defects)
