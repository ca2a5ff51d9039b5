"""What a device has been through: charge, hours under stress, largest levels, exposures. Pure.

A level counts from its reading to the next one, a pulse as long as it lasted. Where a branch or a cycle ends, a rest
or a break may follow, at which nothing was read, and where the run was paused the output was off: there no more than
the usual distance of two readings counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from acquire.records import Columns, FloatArray, PointFlag


@dataclass(frozen=True)
class Stress:
    """What a device has been through, as far as it was read.

    ``charge`` [C] without its sign, ``time`` [s] at levels other than zero, the largest ``voltage`` [V] and ``current``
    [A] without their signs; ``exposures`` of the spectroradiometer, which took ``exposure_time`` [s].
    """

    charge: float = 0.0
    time: float = 0.0
    voltage: float = 0.0
    current: float = 0.0
    exposures: int = 0
    exposure_time: float = 0.0

    def __add__(self, other: Stress) -> Stress:
        """Both, one after the other."""
        return Stress(
            self.charge + other.charge,
            self.time + other.time,
            max(self.voltage, other.voltage),
            max(self.current, other.current),
            self.exposures + other.exposures,
            self.exposure_time + other.exposure_time,
        )


#: The quantities of a stress with their SI units: name -> unit.
UNITS = {"charge": "C", "time": "s", "voltage": "V", "current": "A", "exposures": "1", "exposure_time": "s"}


def total(parts: Iterable[Stress]) -> Stress:
    """What several runs come to."""
    return sum(parts, Stress())


def stress_of_sweep(points: Columns, samples: Columns) -> Stress:
    """What the points (n,) of a sweep, and the samples (m,) read during exposures, have put on the device."""
    time = np.concatenate([points["time"], samples["time"]])
    order = np.argsort(time, kind="stable")
    level = np.concatenate([points["source_level"], np.full(len(samples["time"]), np.nan)])[order]
    where = np.concatenate([_places(points), np.full(len(samples["time"]), -1)])[order]
    voltage, current = (np.concatenate([points[name], samples[name]])[order] for name in ("voltage", "current"))
    known = np.isfinite(time[order])
    time, level, where = time[order][known], _carried(level[known]), _carried_place(where[known])
    if not time.size:
        return Stress()
    steps = np.diff(time)
    usual = float(np.median(steps)) if steps.size else 0.0
    lasting = np.append(np.where(np.diff(where) == 0, steps, np.minimum(steps, usual)), usual)
    pulses = points.get("pulse_width", np.full(len(points["time"]), np.nan))
    width = np.concatenate([pulses, np.full(len(samples["time"]), np.nan)])[order][known]
    lasting = np.where(np.isfinite(width), width, lasting)
    return _stress(lasting, level, voltage[known], current[known])


def _places(points: Columns) -> np.ndarray:
    """A number for the branch and the cycle of each point (n,), the same within one of them; a pause parts it."""
    branch, cycle = points["branch"], points["cycle"]
    if not len(branch):
        return np.empty(0, int)
    changed = (branch[1:] != branch[:-1]) | (cycle[1:] != cycle[:-1])
    if "flags" in points:
        changed |= points["flags"][1:] & int(PointFlag.AFTER_PAUSE) != 0
    return np.concatenate([[0], np.cumsum(changed)])


def _carried(values: FloatArray) -> FloatArray:
    """Each value that is missing is that before it; 0 before the first."""
    index = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), -1))
    return np.where(index >= 0, values[np.maximum(index, 0)], 0.0)


def _carried_place(places: np.ndarray) -> np.ndarray:
    index = np.maximum.accumulate(np.where(places >= 0, np.arange(len(places)), -1))
    return np.where(index >= 0, places[np.maximum(index, 0)], 0)


def _stress(lasting: FloatArray, level: FloatArray, voltage: FloatArray, current: FloatArray) -> Stress:
    driven = level != 0.0
    charge = np.abs(_carried(current)) * lasting
    return Stress(
        charge=float(charge[driven].sum()),
        time=float(lasting[driven].sum()),
        voltage=_largest(voltage),
        current=_largest(current),
    )


def _largest(values: FloatArray) -> float:
    return float(np.nanmax(np.abs(values), initial=0.0))


def stress_of_lifetime(pieces: Iterable[Columns]) -> Stress:
    """What a lifetime has put on the device, from its rows piece by piece: ``stress_time``, ``voltage``, ``current``.

    ``stress_time`` [s] leaves breaks and gaps out by itself; it may begin below zero, with the burn-in.
    """
    found, last = Stress(), {name: np.empty(0) for name in ("stress_time", "voltage", "current")}
    for piece in pieces:
        time, voltage, current = (np.concatenate([last[name], piece[name]]) for name in last)
        known = np.isfinite(time)
        time, voltage, current = np.maximum.accumulate(time[known]), voltage[known], current[known]
        if not time.size:
            continue
        lasting, flowing = np.diff(time), _carried(current)
        charge = float((np.abs(flowing[:-1]) * lasting).sum())
        found += Stress(charge, float(lasting.sum()), _largest(voltage), _largest(current))
        last = {"stress_time": time[-1:], "voltage": voltage[-1:], "current": flowing[-1:]}
    return found


def with_exposures(stress: Stress, starts: FloatArray, stops: FloatArray) -> Stress:
    """The stress, and the exposures (n,) from ``starts`` to ``stops`` [s]."""
    lasting = np.asarray(stops) - np.asarray(starts)
    return stress + Stress(exposures=len(lasting), exposure_time=float(np.nansum(lasting)))
