"""What the flags of points mean for the figures made from them, and maxima at an end of the sweep. Pure.

A figure is made from one point or from the two that it lies between. It is ``ok`` only where nothing is to be known of
these; otherwise its status is the first of the following that holds, and its reason names them all:

``lower_bound`` (the amplifier was at its limit, or the spectrum is cut off), ``compliance``, ``below_dark_noise``,
``bad_reading`` (one in between is missing), ``reading_repeated``, ``at_end_of_sweep`` (see
:mod:`acquire.evaluation.figures`), ``assumed_spectrum`` (it rests on a spectrum that was not measured in this run).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import isfinite

import numpy as np

from acquire.evaluation.figure import Figure
from acquire.evaluation.figures import TURN_ON_LUMINANCE
from acquire.photometry.elementwise import IntArray
from acquire.records import BAD_READING, LIMITED, Branch, Columns, FloatArray, PointFlag

_LIGHT = ("luminance", "current_efficiency", "power_efficiency", "external_quantum_efficiency", "wall_plug_efficiency")
_PHOTONS = ("external_quantum_efficiency", "wall_plug_efficiency")
_MAXIMUM = re.compile(r"(?:(?P<value>\w+)_at_)?(?P<of>\w+_efficiency|luminance)_max(?:_estimate)?")
_AT_LUMINANCE = re.compile(r"(?P<value>\w+)_at_(?P<level>\d+)_cd_m2")
_ROLL_OFF = re.compile(r"roll_off_(?P<value>\w+)_(?P<share>50|90)")


@lru_cache(maxsize=256)
def _parts_of(name: str) -> tuple[re.Match[str] | None, re.Match[str] | None, re.Match[str] | None]:
    """What the name of a figure says: of a maximum, at a luminance, of a roll-off."""
    return _MAXIMUM.fullmatch(name), _AT_LUMINANCE.fullmatch(name), _ROLL_OFF.fullmatch(name)


_STAND_INS = {b"assumed": "an assumed one", b"reference": "one of an earlier run"}


@dataclass(frozen=True)
class _Sweep:
    """The points of a rising branch that figures are made from, as rows of all ``points``.

    ``by_photodiode``: their luminance is that of the photodiode; else its flags say nothing of them.
    """

    points: Columns
    rows: IntArray
    by_photodiode: bool = True

    def column(self, name: str) -> FloatArray:
        """A column of the branch."""
        return np.asarray(self.points[name][self.rows])

    @cached_property
    def flags(self) -> IntArray:
        """Their flags."""
        return np.asarray(self.points["flags"][self.rows]).astype(int)

    def some(self, at: IntArray, flags: PointFlag) -> bool:
        """Whether one of the points ``at`` these places has one of the flags."""
        return bool((self.flags[at] & int(flags)).any())

    def crossing(self, level: float) -> IntArray:
        """The places on both sides of a luminance, and all in between."""
        dark = self.flags & int(PointFlag.BELOW_DARK_NOISE) != 0 if self.by_photodiode else False
        luminance = np.where(dark, np.minimum(self.column("luminance"), 0.0), self.column("luminance"))
        known = np.flatnonzero(np.isfinite(luminance))
        above = luminance[known] >= level
        rising = np.flatnonzero(above[1:] & ~above[:-1])
        lasting = [i for i in rising.tolist() if i + 2 >= above.size or above[i + 2]]
        if not lasting:
            return np.empty(0, int)
        return np.arange(known[lasting[0]], known[lasting[0] + 1] + 1)

    def limited_beyond(self) -> bool:
        """Whether points of the same branch, left out because something limited the source, follow the last."""
        branch = self.points["branch"] == self.points["branch"][self.rows[-1]]
        cycle = self.points["cycle"] == self.points["cycle"][self.rows[-1]]
        others = np.flatnonzero(branch & cycle & (self.points["flags"] & int(LIMITED) != 0))
        return bool((others > self.rows.max()).any()) if self.rows[-1] >= self.rows[0] else bool(others.size)


#: The cycle that figures are made from: what a device is like before it was driven any further.
FIRST_CYCLE = 0


def rising_rows(points: Columns) -> IntArray:
    """The rows that figures are made from: forward, else reverse from low to high; limited points not."""
    forward = rows_of(points, Branch.FORWARD)
    return forward if forward.size else rows_of(points, Branch.REVERSE)[::-1]


def rows_of(points: Columns, branch: Branch) -> IntArray:
    """The rows of a branch in the first cycle, but for points where the limit, not the level, decided."""
    here = (points["branch"] == branch.encode()) & (points["cycle"] == FIRST_CYCLE)
    return in_order_of_levels(points, np.flatnonzero(here & (points["flags"] & int(LIMITED) == 0)))


def in_order_of_levels(points: Columns, rows: IntArray) -> IntArray:
    """The rows of a branch (n,) as it leads through its levels: those that were added stand between their neighbours.

    A branch without such rows stays as it was measured.
    """
    added = points["flags"][rows] & int(PointFlag.REFINED) != 0
    if not added.any():
        return rows
    level = points["source_level"][rows]
    planned = level[~added]
    rising = planned.size < 2 or planned[-1] >= planned[0]
    return rows[np.argsort(level if rising else -level, kind="stable")]


def source_of_figures(points: Columns) -> tuple[Branch, int]:
    """Branch and cycle of the points that figures are made from."""
    rows = rising_rows(points)
    branch = Branch(points["branch"][rows[0]].decode()) if rows.size else Branch.FORWARD
    return branch, FIRST_CYCLE


def flagged(
    figures: Mapping[str, Figure], points: Columns, *, shape_in_luminance: bool, by_photodiode: bool = True
) -> dict[str, Figure]:
    """The figures with what the flags of their points mean for them.

    ``shape_in_luminance``: a luminance depends on which spectrum it was computed with; ``by_photodiode``: it is that
    of the photodiode, not of spectra alone.
    """
    rows = rising_rows(points)
    if not rows.size:
        return dict(figures)
    sweep = _Sweep(points, rows, by_photodiode)
    return {
        name: _flagged(name, figure, figures, sweep, shape_in_luminance=shape_in_luminance)
        for name, figure in figures.items()
    }


def _flagged(
    name: str, figure: Figure, figures: Mapping[str, Figure], sweep: _Sweep, *, shape_in_luminance: bool
) -> Figure:
    if figure.status not in ("ok", "at_end_of_sweep") or not isfinite(figure.value):
        return figure
    told = dict(_told(name, figures, sweep, shape_in_luminance=shape_in_luminance))
    if not told:
        return figure
    reasons = dict.fromkeys(filter(None, [*told.values(), "" if "at_end_of_sweep" in told else figure.reason]))
    return replace(figure, status=next(iter(told)), reason="; ".join(reasons))


def _told(
    name: str, figures: Mapping[str, Figure], sweep: _Sweep, *, shape_in_luminance: bool
) -> Iterator[tuple[str, str]]:
    """Every status that a figure has for its points, with its reason, the first that counts first."""
    of_maximum, of_level, of_roll_off = _parts_of(name)
    if of_maximum is not None:
        value, at = of_maximum["value"] or of_maximum["of"], _place_of_maximum(of_maximum["of"], figures, sweep)
    elif of_level is not None:
        value, at = of_level["value"], sweep.crossing(float(of_level["level"]))
    elif name in ("turn_on_voltage", "turn_on_voltage_hysteresis"):
        value, at = "turn_on_voltage", sweep.crossing(TURN_ON_LUMINANCE)
    elif of_roll_off is not None:
        value, at = of_roll_off["value"], _places_of_roll_off(int(of_roll_off["share"]), figures, sweep)
        top = figures["external_quantum_efficiency_max"]
        if top.status == "at_end_of_sweep":
            yield top.status, f"its maximum of EQE: {top.reason}"
    else:
        return
    if not at.size:
        return
    light = value in _LIGHT
    beside = of_maximum is not None or name.startswith("roll_off")
    around = np.arange(max(at[0] - 1, 0), min(at[-1] + 2, sweep.rows.size)) if beside else at
    if sweep.by_photodiode and sweep.some(around, PointFlag.AMPLIFIER_LIMIT):
        yield "lower_bound", "the photodiode's amplifier was at its limit: there was more light than this"
    elif value in _PHOTONS and sweep.some(at, PointFlag.SPECTRUM_TRUNCATED):
        yield "lower_bound", "the spectrum is cut off at 380 or 780 nm: photons beyond are not counted"
    if sweep.some(at, PointFlag.OVER_VOLTAGE):
        yield "compliance", "the over-voltage protection had tripped"
    if sweep.by_photodiode and sweep.some(at, PointFlag.BELOW_DARK_NOISE):
        yield "below_dark_noise", "the light is not told from the noise of the dark readings"
    if not of_maximum and sweep.some(at, BAD_READING):
        yield "bad_reading", "a reading between the two points that it lies between is missing"
    if sweep.some(at, PointFlag.READING_REPEATED):
        yield "reading_repeated", "a number of the first reading was missing, and the level was read once more"
    if figures[name].status == "at_end_of_sweep":
        yield figures[name].status, _end(figures[name].reason, sweep)
    stand_in = set(np.asarray(sweep.points["spectrum_source"][sweep.rows[at]]).tolist()) & set(_STAND_INS)
    if stand_in and (value in _PHOTONS or (shape_in_luminance and (light or not of_maximum))):
        which = " and ".join(_STAND_INS[source] for source in sorted(stand_in))
        yield "assumed_spectrum", f"there was no spectrum of this run to compute it with, but {which}"


def _place_of_maximum(quantity: str, figures: Mapping[str, Figure], sweep: _Sweep) -> IntArray:
    top = figures.get(f"{quantity}_max")
    if top is None or quantity not in sweep.points:
        return np.empty(0, int)
    found = np.flatnonzero(sweep.column(quantity) == top.value)
    # The voltage as read is not that of the figure where leads or polarity were taken out of it
    nearest = np.argsort(abs(abs(sweep.column("voltage")[found]) - abs(top.voltage)), kind="stable")
    return np.asarray(found[nearest[:1]])


def _places_of_roll_off(share: int, figures: Mapping[str, Figure], sweep: _Sweep) -> IntArray:
    """The places from the maximum of EQE to the first point at which it has fallen to a share [%] of it."""
    top = _place_of_maximum("external_quantum_efficiency", figures, sweep)
    if not top.size:
        return top
    efficiency = sweep.column("external_quantum_efficiency")
    beyond = np.flatnonzero(efficiency[top[0] :] <= share / 100 * efficiency[top[0]])
    return np.arange(top[0], top[0] + beyond[0] + 1) if beyond.size else np.empty(0, int)


def _end(reason: str, sweep: _Sweep) -> str:
    """Why a maximum is at an end of the sweep, or that there is none beyond because the source was limited."""
    if reason.endswith("last point") and sweep.limited_beyond():
        return f"{reason} before the source was limited"
    return reason
