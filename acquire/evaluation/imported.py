"""The points of a run that another program measured. Pure.

Its numbers stand as they are. What it did not give, and what follows from what it gave alone, is computed: J = I/A,
CE = L/J, PE = pi CE/V for a Lambertian device. EQE takes a spectrum and is never made up. No uncertainty is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, nan
from typing import Any

import numpy as np

from acquire.photometry.efficiency import current_density, current_efficiency, power_efficiency
from acquire.records import Branch, FloatArray, PointFlag, Reading, Record

#: From here on a number is what an instrument says in place of one: SCPI's 9.9e37 for over-range (SCPI-1999, 7.2.1.4).
NO_NUMBER = 9.9e37


def imported_records(columns: Mapping[str, FloatArray], area: float, *, by_turn: bool) -> list[Record]:
    """The points of a run from the columns (n,) that there are, by the names of run files, SI.

    ``area`` m^2, NaN: not known. ``by_turn``: the levels rise to the largest and fall from there on.
    """
    count = len(next(iter(columns.values())))
    unknown = np.full(count, nan)
    over = {name: np.abs(values) >= NO_NUMBER for name, values in columns.items()}
    given = {name: np.where(over[name], nan, values) for name, values in columns.items()}
    level = given.get("source_level", unknown)
    voltage = given.get("voltage", level)
    derived = _derived(given, voltage, area, unknown)
    flags = _flags(given, voltage, derived, over)
    branches = _branches(level if np.isfinite(level).any() else voltage, by_turn=by_turn)
    no_light = given.get("photodiode_signal", unknown)
    plain: list[dict[str, Any]] = [
        {name: float(values[row]) for name, values in derived.items()} for row in range(count)
    ]
    return [
        Record(
            Reading(
                index=row,
                branch=branches[row],
                source_level=float(level[row]),
                time=float(given.get("time", unknown)[row]),
                voltage=float(voltage[row]),
                current=float(given.get("current", unknown)[row]),
                photodiode_signal=float(no_light[row]),
                flags=flags[row],
            ),
            flags[row],
            **plain[row],
        )
        for row in range(count)
    ]


def _derived(
    given: Mapping[str, FloatArray], voltage: FloatArray, area: float, unknown: FloatArray
) -> dict[str, FloatArray]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # missing numbers stay missing
        by_area = current_density(given["current"], area) if "current" in given and isfinite(area) else unknown
        density = given.get("current_density", by_area)
        luminance = given.get("luminance", unknown)
        efficiency = given.get("current_efficiency", current_efficiency(luminance, density))
        by_voltage = power_efficiency(efficiency, voltage)
    return {
        "current_density": density,
        "luminance": luminance,
        "current_efficiency": efficiency,
        "power_efficiency": given.get("power_efficiency", by_voltage),
        "external_quantum_efficiency": given.get("external_quantum_efficiency", unknown),
        "chromaticity_x": given.get("chromaticity_x", unknown),
        "chromaticity_y": given.get("chromaticity_y", unknown),
    }


def _flags(
    given: Mapping[str, FloatArray],
    voltage: FloatArray,
    derived: Mapping[str, FloatArray],
    over: Mapping[str, np.ndarray[tuple[int], np.dtype[np.bool_]]],
) -> list[PointFlag]:
    """Why a number is missing at each point."""
    nothing = np.zeros(voltage.shape, bool)
    current = given.get("current", derived["current_density"])
    no_light = ~np.isfinite(derived["luminance"]) & ~np.isfinite(given.get("photodiode_signal", derived["luminance"]))
    meanings = {
        PointFlag.NO_SOURCE_READING: ~np.isfinite(voltage) | ~np.isfinite(current),
        PointFlag.OVER_RANGE: over.get("current", nothing) | over.get("voltage", nothing),
        PointFlag.PHOTODIODE_OVERFLOW: over.get("photodiode_signal", nothing),
        PointFlag.NO_PHOTODIODE_READING: no_light,
        PointFlag.NO_SPECTRUM: ~np.isfinite(derived["external_quantum_efficiency"]),
    }
    total = sum(int(flag) * there.astype(int) for flag, there in meanings.items())
    return [PointFlag(one) for one in np.asarray(total).tolist()]


def _branches(level: FloatArray, *, by_turn: bool) -> list[Branch]:
    """Forward to the level farthest from the first, reverse behind it."""
    known = np.flatnonzero(np.isfinite(level))
    if not by_turn or not known.size:
        return [Branch.FORWARD] * len(level)
    turn = int(known[np.argmax(np.abs(level[known] - level[known[0]]))])
    last = int(known[np.flatnonzero(level[known] == level[turn])[-1]])  # a level that is measured twice at the turn
    turn = last if np.all(level[turn : last + 1][np.isfinite(level[turn : last + 1])] == level[turn]) else turn
    return [Branch.FORWARD if row <= turn else Branch.REVERSE for row in range(len(level))]
