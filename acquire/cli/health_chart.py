"""A control chart as text: a line a check."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import numpy as np

from acquire.evaluation.health import RELATIVE, Chart, Quantity

#: So many checks of a quantity are drawn, the latest.
DRAWN = 30

#: Half the width of a drawn chart in letters, and how many scatters it is.
_HALF, _REACH = 20, 5.0


def last_line(name: str, quantity: Quantity, chart: Chart, width: int) -> str:
    """What the last check says of a quantity, in a line whose name takes ``width`` letters."""
    return f"{name:{width}}  {_value_text(quantity):36}  {_against_nominal(quantity)}{_against_history(chart)}"


def _value_text(quantity: Quantity) -> str:
    known = f", u = {quantity.uncertainty:.2g}" if isfinite(quantity.uncertainty) else ""
    return f"{quantity.value:.6g}{known} {quantity.unit}"


def _against_nominal(quantity: Quantity) -> str:
    if not isfinite(quantity.nominal):
        return ""
    share = 100.0 * (quantity.value / quantity.nominal - 1.0)
    nominal = f"{quantity.nominal:.6g}, u = {quantity.nominal_uncertainty:.2g} {quantity.unit}"
    return f"{share:+.3f} % from its value {nominal}; "


def _against_history(chart: Chart) -> str:
    count = len(chart.values)
    if count < 2:
        return "the first check"
    away = _deviation_text(chart, float(chart.deviations[-1]))
    return f"{away} from {count - 1} before; change {chart.change.deviations:.1f} of {chart.limit:.1f}"


def chart_lines(name: str, chart: Chart) -> Iterator[str]:
    """The chart of a quantity: its latest checks from left (less) to right (more) of their mean before any change."""
    unit = _scale(chart)
    alarm = "ALARM" if chart.change.deviations > chart.limit else "no change"
    yield f"{name}: {len(chart.values)} checks, {alarm} ({chart.change.deviations:.1f}, limit {chart.limit:.1f})"
    scatter = f"{_deviation_text(chart, unit, sign=False)}"
    yield f"  each : is a scatter of {scatter}, {'stated' if chart.expected.stated else 'found'}"
    rows = list(zip(chart.dates, chart.values, chart.deviations, strict=True))
    if len(rows) > DRAWN:
        yield f"  ({len(rows) - DRAWN} earlier checks are in the file)"
    for date, value, deviation in rows[-DRAWN:]:
        yield (
            f"  {date[:16].replace('T', ' ')}  {value:<12.6g} {_deviation_text(chart, float(deviation)):>12}  "
            f"{_bar(float(deviation) / unit)}"
        )


def _scale(chart: Chart) -> float:
    """What one scatter is on the chart: what is stated, or else what was found, at least what is expected."""
    own = chart.scatter if isfinite(chart.scatter) and not chart.expected.stated else 0.0
    return max(chart.expected.expected, own)


def _deviation_text(chart: Chart, deviation: float, *, sign: bool = True) -> str:
    plus = "+" if sign else ""
    return f"{100.0 * deviation:{plus}.3f} %" if chart.kind in RELATIVE else f"{deviation:{plus}.3g} {chart.unit}"


def _bar(deviation: float) -> str:
    """A line of dots with a colon at each scatter and a star where the check is, at the end of it at most."""
    letters = [" "] * (2 * _HALF + 1)
    per_scatter = _HALF / _REACH
    for place in range(-int(_REACH), int(_REACH) + 1):
        letters[_HALF + round(place * per_scatter)] = ":"
    letters[_HALF] = "|"
    at = float(np.clip(deviation, -_REACH, _REACH)) * per_scatter
    letters[_HALF + round(at)] = "*" if abs(deviation) <= _REACH else "<" if deviation < 0 else ">"
    return "".join(letters)
