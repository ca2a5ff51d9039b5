"""Whether the photodiode was calibrated at luminances like those of the run. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acquire.evaluation.calibration import LuminanceRoute
from acquire.evaluation.known import Known
from acquire.evaluation.touched import luminous
from acquire.records import LIMITED, Finding, FloatArray, PointFlag, Severity

#: Points whose luminance says nothing.
_LEFT_OUT = LIMITED | PointFlag.PHOTODIODE_OVERFLOW | PointFlag.BELOW_DARK_NOISE | PointFlag.DAMAGED

#: Luminance [cd/m^2] from which on points count: what a turn-on voltage is told by.
LEAST_LUMINANCE = 1.0

#: The device of the calibration, measured again, is not outside of it: relative.
MARGIN = 0.05


def outside_calibrated_span(known: Known) -> Iterator[Finding]:
    """Ask whether there are luminances at which nobody has looked whether the photodiode is linear."""
    calibration = known.evidence.calibration
    photodiode = calibration.photodiode
    if photodiode is None or calibration.conditions.luminance_route != LuminanceRoute.CALIBRATED:
        return
    luminance = _luminances(known)
    darker = luminance[luminance < photodiode.lowest * (1 - MARGIN)]
    brighter = luminance[luminance > photodiode.highest * (1 + MARGIN)]
    if not (darker.size or brighter.size):
        return
    parts = [f"{darker.size} points are darker, down to {darker.min():.4g} cd/m^2"] if darker.size else []
    parts += [f"{brighter.size} are brighter, up to {brighter.max():.4g} cd/m^2"] if brighter.size else []
    yield Finding(
        known.time,
        "outside_calibrated_span",
        Severity.NOTE,
        f"the photodiode was calibrated from {photodiode.lowest:.4g} to {photodiode.highest:.4g} cd/m^2: "
        f"{' and '.join(parts)}; nobody has looked whether it is linear there",
        luminous(known.figures),
        "Calibrate with levels as dark and as bright as what is measured, as far as the spectroradiometer goes",
        float(brighter.max() if brighter.size else darker.min()),
        float(photodiode.highest if brighter.size else photodiode.lowest),
    )


def _luminances(known: Known) -> FloatArray:
    """The luminances [cd/m^2] (n,) of points that shine."""
    luminance: FloatArray = known.points["luminance"]
    with np.errstate(invalid="ignore"):
        lit = luminance >= LEAST_LUMINANCE
    shining: FloatArray = luminance[lit & (known.points["flags"] & int(_LEFT_OUT) == 0)]
    return shining
