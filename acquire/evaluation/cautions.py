"""What the readings of a run say against it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, isfinite

import numpy as np

from acquire.evaluation.budget import current_limit
from acquire.evaluation.calibration import Conditions
from acquire.evaluation.evidence import scatter
from acquire.records import Columns, DarkReading, FloatArray, PointFlag, Reading

#: Below this an intact device may carry next to nothing: visible light takes 1.6 eV to 3.3 eV, V.
LEAST_VOLTAGE = 2.0

#: So many points may stray below the dark readings without a caution.
FEW_POINTS = 3

_IN_COMPLIANCE = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE


def light_cautions(points: Columns, dark: Sequence[DarkReading], conditions: Conditions) -> list[str]:
    """What says that the dark readings were not dark: points with less light than they have."""
    more_light = copysign(1.0, conditions.transfer)
    signals = [more_light * one.photodiode_signal for one in dark if isfinite(one.photodiode_signal)]
    if len(signals) < 2:
        return []
    faint = min(signals) - 10 * scatter(tuple(signals))
    below = int((more_light * points["photodiode_signal"] < faint).sum())
    if below < FEW_POINTS:
        return []
    return [
        f"{below} points have less light than the dark readings: "
        "did the device shine at the dark level, or did stray light change?"
    ]


def contact_cautions(
    points: Columns, dark: Sequence[DarkReading], conditions: Conditions, source_unit: str
) -> list[str]:
    """What says that no device was contacted: voltage, but nowhere a current that differs from zero.

    With a current source (``source_unit`` A) the voltage is that of the compliance, from the first level on.
    """
    driven = (points["source_level"] != 0.0) & np.isfinite(points["current"])
    current, voltages = points["current"][driven], points["voltage"][driven]
    # Forward only: in reverse an intact diode carries next to nothing
    reached = float(np.max(conditions.polarity * voltages[np.isfinite(voltages)], initial=0.0))
    if reached < LEAST_VOLTAGE or (np.abs(current) > _least_current(current, dark, conditions)).any():
        return []
    if source_unit == "V":
        return [f"no current flowed up to {reached:.3g} V: is the device contacted?"]
    if not (points["flags"][driven] & int(_IN_COMPLIANCE)).all():
        return []
    return [f"in compliance from the first level on: no current flowed at {reached:.3g} V: is the device contacted?"]


def contact_doubts(reading: Reading, conditions: Conditions) -> str:
    """What the first reading of a level that is kept says against its contact; empty where nothing does."""
    if abs(reading.voltage) < LEAST_VOLTAGE or not abs(reading.current) <= current_limit(reading.current, conditions):
        return ""
    return f"no current flows at {reading.voltage:.3g} V ({reading.current:.3g} A): is the device contacted?"


def _least_current(current: FloatArray, dark: Sequence[DarkReading], conditions: Conditions) -> FloatArray:
    """What differs from zero for certain [A] (n,): the meter's limit of error and the scatter of the dark readings."""
    currents = tuple(reading.current for reading in dark if isfinite(reading.current))
    return current_limit(current, conditions) + 3.0 * scatter(currents)
