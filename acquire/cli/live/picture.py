"""A small J-V-L picture made of characters: current density and luminance, both logarithmic, over voltage."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isfinite, log10

from rich.text import Text

from acquire.photometry.customary_units import customary

#: V, A/m^2, cd/m^2.
Point = tuple[float, float, float]

#: Decades shown at most below the largest value: what is below is noise.
MOST_DECADES = 8

#: Columns and rows below which nothing can be seen.
LEAST_SIZE = (24, 6)

_ASCII = str.maketrans("┌┐└┘─│┤├┬┴┼", "++++-|||+++")


def picture(points: Sequence[Point], width: int, height: int, *, letters: bool) -> list[Text]:
    """The lines of a picture of that many characters; J left, L right.

    ``letters``: drawn with J and L and nothing beyond ASCII; otherwise with braille dots in two colours.
    """
    current = [(v, customary(j, "current_density")) for v, j, _ in points if isfinite(v) and j > 0.0]
    light = [(v, x) for v, _, x in points if isfinite(v) and x > 0.0]
    if width < LEAST_SIZE[0] or height < LEAST_SIZE[1] or len(current) < 2:
        return []
    return [_line(text, letters=letters) for text in _drawn(current, light, width, height, letters=letters)]


def _line(text: str, *, letters: bool) -> Text:
    return Text.from_ansi(text.translate(_ASCII) if letters else text)


def _drawn(
    current: list[tuple[float, float]], light: list[tuple[float, float]], width: int, height: int, *, letters: bool
) -> list[str]:
    """Drawn by plotext, whose one figure belongs to the thread that draws."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height - 1)
    for values, side, letter, colour in ((current, "left", "J", "cyan"), (light, "right", "L", "orange")):
        if not values:
            continue
        low, high = _decades([value for _, value in values])
        shown = [(v, log10(value)) for v, value in values if log10(value) >= low]
        x, y = [v for v, _ in shown], [value for _, value in shown]
        marker = letter if letters else "braille"
        plotext.scatter(x, y, yside=side, marker=marker, color=None if letters else colour)
        plotext.ylim(low, high, yside=side)
        ticks = _ticks(low, high, height - 4)
        plotext.yticks(ticks, [f"1e{tick:d}" for tick in ticks], yside=side)
    head = f"{'J (mA/cm^2)':<{width // 2}}{'L (cd/m^2)':>{width - width // 2}}"
    return [head, *plotext.build().splitlines()]


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The whole decades that hold the values, so many at most."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return max(low, high - MOST_DECADES), max(high, low + 1)


def _ticks(low: int, high: int, room: int) -> list[int]:
    """Decades to be named, as many as there is room for."""
    step = max(ceil((high - low + 1) / max(room, 2)), 1)
    return list(range(high, low - 1, -step))[::-1]
