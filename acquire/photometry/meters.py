"""Accuracy of the two meters, one year, 23 +- 5 C, as standard uncertainties (limit / sqrt 3).

Keithley 2400: SPEC-2400 Rev. H, measure accuracy at 1 PLC. Keithley 2000: specifications in the Model 2000
Repair Manual Rev. E, DC volts, 1 PLC without filter. Faster readings or a filter are not told apart here.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan

from acquire.photometry.uncertainty import rectangular

#: range -> (share of reading, offset), V.
SOURCE_METER_VOLTAGE: Mapping[float, tuple[float, float]] = {
    0.2: (0.012e-2, 300e-6),
    2.0: (0.012e-2, 300e-6),
    20.0: (0.015e-2, 1.5e-3),
    200.0: (0.015e-2, 10e-3),
}
#: range -> (share of reading, offset), A.
SOURCE_METER_CURRENT: Mapping[float, tuple[float, float]] = {
    1e-6: (0.029e-2, 300e-12),
    1e-5: (0.027e-2, 700e-12),
    1e-4: (0.025e-2, 6e-9),
    1e-3: (0.027e-2, 60e-9),
    1e-2: (0.035e-2, 600e-9),
    1e-1: (0.055e-2, 6e-6),
    1.0: (0.22e-2, 570e-6),
}
#: range -> (share of reading, offset), V.
MULTIMETER_VOLTAGE: Mapping[float, tuple[float, float]] = {
    0.1: (50e-6, 50e-6 * 0.1),
    1.0: (30e-6, 9e-6 * 1.0),
    10.0: (30e-6, 5e-6 * 10.0),
    100.0: (45e-6, 8e-6 * 100.0),
    1000.0: (45e-6, 6e-6 * 1000.0),
}


def reading_uncertainty(
    reading: float, accuracy: Mapping[float, tuple[float, float]], measure_range: float | None = None
) -> float:
    """Return the standard uncertainty of a reading, in its own unit.

    ``measure_range`` is rounded up to the next one of the table; None means auto range: the smallest that
    holds the reading with 5 % over-range. NaN for a reading that is NaN. Raises ValueError beyond the largest
    range.
    """
    if isnan(reading):
        return nan
    needed = abs(reading) / 1.05 if measure_range is None else measure_range
    for full_scale, (share, offset) in accuracy.items():
        if needed <= full_scale * (1 + 1e-9):
            return rectangular(share * abs(reading) + offset)
    raise ValueError(f"{needed:g} is beyond the largest range of the meter, {max(accuracy):g}")
