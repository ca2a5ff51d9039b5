"""Which range holds a value, and which setting of a delay is long enough. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence


def reach(nominal: float, full_scale: float = 1.0) -> float:
    """The largest value that a nominal range holds, with allowance for rounding."""
    return nominal * full_scale * (1 + 1e-9)


def smallest_range(value: float, ranges: Sequence[float], full_scale: float = 1.0) -> float:
    """The smallest nominal range that holds ``value`` (either sign).

    ``full_scale`` is how far a range reaches beyond its nominal value (1.05 for the 2400, 1.2 for the 2000).

    :raises ValueError: no range is large enough, or the value is not a number.
    """
    for nominal in sorted(ranges):
        if abs(value) <= reach(nominal, full_scale):
            return nominal
    raise ValueError(f"no range up to {max(ranges):g} holds {value:g}")


def delay_setting(seconds: float, step: float) -> float:
    """The shortest delay, in whole steps of an instrument's setting, that is not below ``seconds``."""
    return math.ceil(seconds / step - 1e-6) * step
