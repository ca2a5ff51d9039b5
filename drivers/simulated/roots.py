"""Where a rising function is zero."""

from __future__ import annotations

from collections.abc import Callable


def rising_root(f: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Find where a rising f is zero in [low, high]: Newton's steps, halving where they leave the bracket."""
    x = high
    for _ in range(200):
        value, slope = f(x)
        if value > 0.0:
            high = x
        else:
            low = x
        following, close = x - value / slope, 1e-9  # Newton's next step would be of the order of the square
        if not low <= following <= high:
            following, close = 0.5 * (low + high), 1e-15
        if abs(following - x) <= close * abs(x):
            return following
        x = following
    return x
