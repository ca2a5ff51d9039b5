"""What physics does not allow: more photons than electrons, more light than power; light without current. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from acquire.evaluation.budget import current_limit
from acquire.evaluation.calibration import LuminanceRoute
from acquire.evaluation.known import Known
from acquire.evaluation.touched import per_current
from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.elementwise import BoolArray
from acquire.records import LIMITED, Finding, PointFlag, Severity

#: Points that say nothing of an efficiency.
_LEFT_OUT = LIMITED | PointFlag.PHOTODIODE_OVERFLOW | PointFlag.BELOW_DARK_NOISE | PointFlag.DAMAGED

#: Luminance [cd/m^2] from which on an efficiency is held against physics.
LEAST_LUMINANCE = 1.0

#: A quantum efficiency beyond this was never seen of a planar device: total reflection keeps most of the light inside
#: (Forrest, Bradley, Thompson 2003, doi 10.1002/adma.200302151). Of a slip it is the first sign.
UNLIKELY_EFFICIENCY = 0.5

#: Standard uncertainties within which an efficiency beyond a bound may be below it after all.
CERTAIN = 3.0


@dataclass(frozen=True)
class _Bound:
    """A quantity of points, the most that it can be, and what to say of a value beyond that."""

    code: str
    quantity: str
    most: Callable[[Known], float]
    text: Callable[[float, float], str]


def most_efficacy(known: Known) -> float:
    """The luminous efficacy [lm/W] of the light of a run, the largest of its spectra; K_m where none is known."""
    return max((pair.efficacy for pair in known.pairs if pair.usable), default=MAXIMUM_LUMINOUS_EFFICACY)


BOUNDS: Sequence[_Bound] = (
    _Bound(
        "more_photons_than_electrons",
        "external_quantum_efficiency",
        lambda _: 1.0,
        lambda value, _: f"the quantum efficiency is {100 * value:.4g} %: more photons than electrons",
    ),
    _Bound(
        "more_light_than_power",
        "power_efficiency",
        most_efficacy,
        lambda value, most: (
            f"the power efficiency is {value:.4g} lm/W where light of this colour has {most:.4g} lm/W: "
            f"{100 * value / most:.4g} % of the power would be light"
        ),
    ),
)


def beyond_physics(known: Known) -> Iterator[Finding]:
    """Ask whether an efficiency is beyond what the number of electrons and energy allow."""
    lit = _lit(known)
    for bound in BOUNDS:
        if (finding := _beyond(bound, lit, known)) is not None:
            yield finding


def unlikely_efficiency(known: Known) -> Iterator[Finding]:
    """Ask whether a quantum efficiency is one that no planar device has: nothing else tells of a wrong pixel area."""
    values = known.points["external_quantum_efficiency"]
    values = np.where(_lit(known) & np.isfinite(values), values, -inf)
    if not UNLIKELY_EFFICIENCY < (worst := float(values.max(initial=-inf))) <= 1.0:
        return
    yield Finding(
        known.time,
        "unlikely_efficiency",
        Severity.DOUBTFUL,
        f"the quantum efficiency is {100 * worst:.4g} %: no planar device has more than some "
        f"{100 * UNLIKELY_EFFICIENCY:.0f} % (at {known.points['voltage'][int(values.argmax())]:.4g} V)",
        per_current(known.figures),
        "Compare pixel area, current range, gain and distance, filter and lens with the bench file; with an "
        "out-coupling lens on the device this may be right",
        worst,
        UNLIKELY_EFFICIENCY,
    )


def current_not_resolved(known: Known) -> Iterator[Finding]:
    """Ask whether the current behind a figure is told from none: else that efficiency means nothing.

    Points that no figure is made from have their own uncertainty.
    """
    conditions, current = known.evidence.calibration.conditions, known.points["current"]
    if conditions.luminance_route == LuminanceRoute.IMPORTED:
        return  # by a meter of which nothing is known
    limit = current_limit(current, conditions)
    lost = _lit(known) & (np.abs(current) <= limit)
    if not lost.any():
        return
    light, largest = (float(np.max(values[lost])) for values in (known.points["luminance"], np.abs(current)))
    most = float(limit[lost].max())
    density = most / conditions.emissive_area
    of_current = per_current(known.figures) if known.figures else ()  # while a run goes on there are none
    touched = tuple(name for name in of_current if abs(known.figures[name].current_density) <= density)
    if not touched:
        return
    yield Finding(
        known.time,
        "current_not_resolved",
        Severity.DOUBTFUL,
        f"{int(lost.sum())} points with light, up to {light:.4g} cd/m^2, have a current of at most {largest:.3g} A, "
        f"and the source may be wrong by {most:.3g} A on the range it was read on: their efficiencies mean nothing",
        touched,
        "Take a smaller current range, or automatic ones; where no current flows at all, the light is not the "
        "device's, or the device is not contacted",
        largest,
        most,
    )


def _lit(known: Known) -> BoolArray:
    """The points (n,) that say something of an efficiency."""
    points = known.points
    lit = (points["flags"] & int(_LEFT_OUT) == 0) & (points["luminance"] >= LEAST_LUMINANCE)
    if known.spectra:  # what was computed with an assumed line is computed anew once they are all known
        lit &= points["spectrum_index"] >= 0
    return np.asarray(lit)


def _beyond(bound: _Bound, lit: BoolArray, known: Known) -> Finding | None:
    values = np.where(lit & np.isfinite(known.points[bound.quantity]), known.points[bound.quantity], -inf)
    most = bound.most(known)
    if not (worst := float(values.max(initial=-inf))) > most:
        return None
    at = int(values.argmax())
    spread = float(np.nan_to_num(known.points[f"{bound.quantity}_uncertainty"][at]))
    return Finding(
        known.time,
        bound.code,
        Severity.IMPOSSIBLE if worst - CERTAIN * spread > most else Severity.DOUBTFUL,
        f"{bound.text(worst, most)} (at {known.points['voltage'][at]:.4g} V)",
        per_current(known.figures),
        "Check current, pixel area, and what turns the photodiode's signal into luminance: gain, distance, units",
        worst,
        most,
    )
