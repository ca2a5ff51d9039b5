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

#: Colours of the two curves, by names that plotext and rich share.
_J, _L = "cyan", "magenta"

_ASCII = str.maketrans("┌┐└┘─│┤├┬┴┼", "++++-|||+++")


def picture(
    points: Sequence[Point], span: tuple[float, float], width: int, height: int, *, letters: bool
) -> list[Text]:
    """The lines of a picture of that many characters; J left, L right, over a ``span`` of V (NaN: that of the points).

    ``letters``: drawn with J and L and nothing beyond ASCII; otherwise with braille dots in two colours.
    """
    current = [(v, customary(j, "current_density")) for v, j, _ in points if isfinite(v) and j > 0.0]
    light = [(v, x) for v, _, x in points if isfinite(v) and x > 0.0]
    if width < LEAST_SIZE[0] or height < LEAST_SIZE[1] or len(current) < 2:
        return []
    colours = ("", "") if letters else (_J, _L)
    half = width // 2
    head = Text.assemble((f"{'J (mA/cm^2)':<{half}}", colours[0]), (f"{'L (cd/m^2)':>{width - half}}", colours[1]))
    drawn = _drawn(current, light, span, width, height, letters=letters)
    return [head, *(Text.from_ansi(text.translate(_ASCII) if letters else text) for text in drawn)]


def _drawn(
    current: list[tuple[float, float]],
    light: list[tuple[float, float]],
    span: tuple[float, float],
    width: int,
    height: int,
    *,
    letters: bool,
) -> list[str]:
    """Drawn by plotext, whose one figure belongs to the thread that draws."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height - 1)
    for values, side, letter, colour in ((current, "left", "J", _J), (light, "right", "L", _L)):
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
    if span[0] < span[1]:
        plotext.xlim(*span)
        volts = _volts(*span, width // 8)
        plotext.xticks(volts, [f"{volt:g} V" for volt in volts])
    return list(plotext.build().splitlines())


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The whole decades that hold the values, so many at most."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return max(low, high - MOST_DECADES), max(high, low + 1)


def _volts(low: float, high: float, most: int) -> list[float]:
    """Round voltages to be named, so many at most."""
    rough = (high - low) / max(most, 2)
    size = 10.0 ** floor(log10(rough))
    step = next(step for step in (size, 2 * size, 5 * size, 10 * size) if step >= rough)
    return [round(step * n, 9) for n in range(ceil(low / step), floor(high / step) + 1)]


def _ticks(low: int, high: int, room: int) -> list[int]:
    """Decades to be named, as many as there is room for."""
    step = max(ceil((high - low + 1) / max(room, 2)), 1)
    return list(range(high, low - 1, -step))[::-1]
