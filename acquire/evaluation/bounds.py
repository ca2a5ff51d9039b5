"""What physics does not allow: more photons than electrons, more light than power. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from acquire.evaluation.known import Known
from acquire.evaluation.touched import per_current
from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.records import Columns, Finding, FloatArray, PointFlag, Severity

#: Points that say nothing of an efficiency.
_LEFT_OUT = (
    PointFlag.COMPLIANCE
    | PointFlag.RANGE_COMPLIANCE
    | PointFlag.OVER_RANGE
    | PointFlag.PHOTODIODE_OVERFLOW
    | PointFlag.BELOW_DARK_NOISE
    | PointFlag.DAMAGED
)

#: Luminance [cd/m^2] from which on an efficiency is held against physics.
LEAST_LUMINANCE = 1.0


@dataclass(frozen=True)
class _Bound:
    """A quantity (n,) of points and the most that it can be."""

    code: str
    quantity: str
    most: float
    text: Callable[[float], str]


BOUNDS: Sequence[_Bound] = (
    _Bound(
        "more_photons_than_electrons",
        "external_quantum_efficiency",
        1.0,
        lambda value: f"EQE is {100 * value:.4g} %: more photons than electrons",
    ),
    _Bound(
        "beyond_luminous_efficacy",
        "power_efficiency",
        MAXIMUM_LUMINOUS_EFFICACY,
        lambda value: (
            f"the power efficiency is {value:.4g} lm/W, beyond the 683 lm/W that all power as 555 nm light has"
        ),
    ),
)


def beyond_physics(known: Known) -> Iterator[Finding]:
    """Ask whether an efficiency is beyond what energy and the number of electrons allow."""
    points = known.points
    lit = (points["flags"] & int(_LEFT_OUT) == 0) & (points["luminance"] >= LEAST_LUMINANCE)
    for bound in BOUNDS:
        if (finding := _beyond(bound, points, lit, known)) is not None:
            yield finding


def _beyond(bound: _Bound, points: Columns, lit: FloatArray, known: Known) -> Finding | None:
    values = np.where(lit & (points["current"] != 0), points[bound.quantity], -np.inf)
    if not values.size or not (worst := float(np.nan_to_num(values, nan=-np.inf).max())) > bound.most:
        return None
    at = int(np.nanargmax(values))
    spread = float(np.nan_to_num(points[f"{bound.quantity}_uncertainty"][at]))
    beyond = worst - 3 * spread > bound.most
    return Finding(
        known.time,
        bound.code,
        Severity.IMPOSSIBLE if beyond else Severity.DOUBTFUL,
        f"{bound.text(worst)} (at {points['voltage'][at]:.4g} V)",
        per_current(known.figures),
        "Check current, pixel area, and what turns the photodiode's signal into luminance: gain, distance, units",
        worst,
        bound.most,
    )
