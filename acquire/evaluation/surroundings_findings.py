"""Whether the air beside the bench was as rooms are in which devices are compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acquire.evaluation.known import Known
from acquire.evaluation.touched import luminous
from acquire.records import Finding, Severity

#: The standard atmosphere 23/50 in its wide class, 23 +- 2 degC (ISO 554), K.
USUAL, TOLERANCE = 296.15, 2.0

ZERO_CELSIUS = 273.15


def unusual_temperature(known: Known) -> Iterator[Finding]:
    """Ask whether the temperature stayed within 23 +- 2 degC, as far as it was logged."""
    temperature = known.points.get("ambient_temperature")
    if temperature is None or not np.isfinite(temperature).any():
        return
    away = np.abs(temperature - USUAL)
    # What a logger of two decimals rounds is no departure
    outside = int(np.count_nonzero(away > TOLERANCE + 0.005))
    if not outside:
        return
    worst = float(temperature[int(np.nanargmax(away))]) - ZERO_CELSIUS
    low, high = (USUAL - ZERO_CELSIUS + sign * TOLERANCE for sign in (-1.0, 1.0))
    yield Finding(
        known.time,
        "ambient_temperature",
        Severity.NOTE,
        f"the air was at {worst:.1f} degC; {outside} of {len(temperature)} points were measured outside "
        f"{low:g} to {high:g} degC, at which devices are compared",
        luminous(known.figures),
        "Say the temperature beside the figures, or measure again when the room is as usual",
        worst,
        high if worst > high else low,
    )
