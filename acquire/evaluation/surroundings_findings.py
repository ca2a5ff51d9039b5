"""Whether the air beside the bench was as rooms are in which devices are compared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from acquire.evaluation.known import Known
from acquire.evaluation.touched import luminous
from acquire.records import Columns, Finding, Severity

#: The standard atmosphere 23/50 in its wide class, 23 +- 2 degC (ISO 554), K.
USUAL, TOLERANCE = 296.15, 2.0

ZERO_CELSIUS = 273.15


def unusual_temperature(known: Known) -> Iterator[Finding]:
    """Ask whether the temperature stayed within 23 +- 2 degC, as far as it was logged."""
    yield from temperature_in([known.points], known.time, luminous(known.figures))


def temperature_in(pieces: Iterable[Columns], time: float, figures: tuple[str, ...] = ()) -> Iterator[Finding]:
    """The same of points that come piece by piece, asked at ``time`` [s]; ``figures`` are those that it touches."""
    count = outside = 0
    worst = USUAL
    for piece in pieces:
        temperature = piece.get("ambient_temperature", np.empty(0))
        away = np.abs(temperature[np.isfinite(temperature)] - USUAL)
        count += len(temperature)
        # What a logger of two decimals rounds is no departure
        outside += int(np.count_nonzero(away > TOLERANCE + 0.005))
        if away.size and away.max() > abs(worst - USUAL):
            worst = float(temperature[np.isfinite(temperature)][int(away.argmax())])
    if not outside:
        return
    found = worst - ZERO_CELSIUS
    low, high = (USUAL - ZERO_CELSIUS + sign * TOLERANCE for sign in (-1.0, 1.0))
    yield Finding(
        time,
        "ambient_temperature",
        Severity.NOTE,
        f"the air was at {found:.1f} degC; {outside} of {count} points were measured outside "
        f"{low:g} to {high:g} degC, at which devices are compared",
        figures,
        "Say the temperature beside the figures, or measure again when the room is as usual",
        found,
        high if found > high else low,
    )
