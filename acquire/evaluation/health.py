"""Whether a bench is as it was: the quantities of a check, and what the history of all checks says of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import hypot, isfinite, log, nan, sqrt
from statistics import fmean, stdev

import numpy as np

from acquire.evaluation.budget import (
    Signals,
    current_limit,
    device_voltage_uncertainty,
    lead_uncertainty,
    relative_limit,
)
from acquire.evaluation.calibration import Calibration
from acquire.evaluation.control_chart import FALSE_ALARMS, Change, Scatter, latest_change, limit_of
from acquire.evaluation.evaluate import dark_level
from acquire.evaluation.luminance_factor import found_factor
from acquire.records import BAD_READING, LIMITED, Columns, DarkReading, FloatArray, Spectrum


class Kind(StrEnum):
    """What sort of quantity a check reads."""

    LIGHT = "light"
    DARK_LEVEL = "dark_level"
    DARK_SCATTER = "dark_scatter"
    RESISTANCE = "resistance"


#: Those whose changes are counted as shares of their value; a dark level may as well be 0.
RELATIVE = (Kind.LIGHT, Kind.DARK_SCATTER, Kind.RESISTANCE)

#: Light is what checks are for: so much of all false alarms is its share, the rest is that of all others.
LIGHT_SHARE = 0.75

#: Beyond so many standard uncertainties a known resistor does not read what it is.
OFF_NOMINAL = 3.0

#: Two readings that are exactly the same scatter all the same, as a share of their value.
LEAST_SCATTER = 1e-6


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that a check has read, with its standard ``uncertainty`` (k = 1), NaN when unknown.

    ``scatter`` is that expected from check to check, ``stated`` beforehand or else the least there must be: in the unit
    of the value for a dark level, else as a share. ``nominal`` is what it must be, NaN where nobody knows.
    """

    kind: Kind
    value: float
    unit: str
    uncertainty: float
    scatter: float
    stated: bool = False
    nominal: float = nan
    nominal_uncertainty: float = nan

    @property
    def off_nominal(self) -> bool:
        """Whether it is not what it must be, both uncertainties taken into account."""
        spread = hypot(self.uncertainty, self.nominal_uncertainty)
        return isfinite(self.nominal) and not abs(self.value - self.nominal) <= OFF_NOMINAL * spread

    @property
    def charted(self) -> float:
        """The number that a control chart follows; NaN where there is none."""
        if self.kind not in RELATIVE:
            return self.value
        return log(self.value) if self.value > 0.0 else nan


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a bench; ``failure`` says why there is none of what it should have read, empty where there is."""

    date: str
    sample: str
    failure: str = ""
    run_id: str = ""
    run_file: str = ""
    run_sha256: str = ""
    quantities: Mapping[str, Quantity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody knows what changed: all quantities begin anew with the next check."""

    date: str
    reason: str
    user: str = ""


Entry = Check | Acceptance


@dataclass(frozen=True, slots=True)
class Alarm:
    """A quantity that is not what it was. ``change`` is a share, NaN where it is none; ``date`` that of the check."""

    name: str
    kind: Kind
    date: str
    text: str
    change: float = nan


@dataclass(frozen=True)
class Chart:
    """A quantity since the last acceptance: dates and values (n,) of its checks, and how sure a change is.

    ``change`` is what the last check says; ``limit`` [standard deviations] that beyond which there is an alarm, and
    ``unit`` that of the values.
    """

    kind: Kind
    unit: str
    dates: tuple[str, ...]
    values: FloatArray
    expected: Scatter
    change: Change
    limit: float

    @property
    def deviations(self) -> FloatArray:
        """How far each check (n,) is from the mean of those before the most likely change, or of all without alarm.

        As a share, but for a dark level: that in its own unit.
        """
        charted = np.log(self.values) if self.kind in RELATIVE else self.values
        changed = self.change.deviations > self.limit
        shift: FloatArray = charted - charted[: self.change.first if changed else None].mean()
        return np.expm1(shift) if self.kind in RELATIVE else shift

    @property
    def scatter(self) -> float:
        """How much the checks scatter, no change counted; NaN of too few."""
        return self.change.scatter


@dataclass(frozen=True)
class Health:
    """What a history of checks says of its bench, all since the last acceptance: ``last`` is the last check."""

    charts: Mapping[str, Chart]
    alarms: tuple[Alarm, ...]
    last: Check | None
    accepted: Acceptance | None = None

    @property
    def in_control(self) -> bool:
        """Whether nothing speaks against the bench: no alarm, and the last check gave what it should."""
        return not self.alarms and not (self.last and self.last.failure)

    @property
    def against(self) -> str:
        """What a run on this bench must say of it, empty where nothing is known against it."""
        if self.alarms:
            gravest = max(self.alarms, key=lambda alarm: (alarm.kind is Kind.LIGHT, abs(alarm.change)))
            others = f"; and {len(self.alarms) - 1} more" if len(self.alarms) > 1 else ""
            return f"{gravest.text}{others}"
        return f"check of {self.last.date[:16]}: {self.last.failure}" if self.last and self.last.failure else ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a technician should know beside: quantities that scatter more than is stated."""
        return tuple(
            f"{name} scatters by {100.0 * chart.scatter:.2g} % from check to check, not by the stated "
            f"{100.0 * chart.expected.expected:.2g} %: find out why, or set health.scatter in the bench file"
            for name, chart in self.charts.items()
            if chart.change.contradicted
        )

    @property
    def light_change(self) -> float:
        """The largest change that an alarm found of light, as a share; NaN without one."""
        found = [alarm.change for alarm in self.alarms if alarm.kind is Kind.LIGHT]
        return max(found, key=abs, default=nan)


# --- a check -----------------------------------------------------------------------------------------------


def dark_quantities(dark: Sequence[DarkReading], unit: str) -> dict[str, Quantity]:
    """Level and scatter of the photodiode's signal before the sweep, or after it where none were read before."""
    level = dark_level([one for one in dark if not one.after]) or dark_level(dark)
    if level is None or not isfinite(level.deviation):
        return {}
    mean_scatter = max(level.deviation / sqrt(level.readings), LEAST_SCATTER * abs(level.signal))
    share = 1.0 / sqrt(2.0 * (level.readings - 1))  # of a standard deviation: JCGM 100:2008, E.4.3
    found = {"dark level": Quantity(Kind.DARK_LEVEL, level.signal, unit, mean_scatter, mean_scatter)}
    if mean_scatter > 0.0 and level.deviation > 0.0:
        found["dark scatter"] = Quantity(Kind.DARK_SCATTER, level.deviation, unit, level.deviation * share, share)
    return {name: one for name, one in found.items() if one.scatter > 0.0}


def light_quantities(
    spectra: Sequence[Spectrum],
    dark: Sequence[DarkReading],
    levels: FloatArray,
    source: tuple[str, str],
    calibration: Calibration,
    scatter: float,
) -> dict[str, Quantity]:
    """Photocurrent over luminance of the spectra, at each level that was sent.

    ``levels`` (n,) are those of the run's points, ``source`` the name of the device and the unit of its level;
    ``scatter`` is the share by which the ratio is stated to scatter from check to check.

    :raises ValueError: no spectrum can be used; the message says why each cannot.
    """
    found = found_factor(spectra, dark, calibration)
    used = [levels[spectrum.point_index] for spectrum in spectra if spectrum.index not in found.left_out]
    ratios: dict[float, list[float]] = {}
    for level, ratio in zip(used, found.photocurrent / found.luminance, strict=True):
        ratios.setdefault(round(float(level), 9), []).append(float(ratio))
    spread, (sample, unit) = _pooled_spread(list(ratios.values())), source
    return {
        f"ratio of {sample} at {level:g} {unit}": Quantity(
            Kind.LIGHT,
            fmean(same),
            "A m^2/cd",
            fmean(same) * spread / sqrt(len(same)),
            scatter,
            stated=True,
        )
        for level, same in ratios.items()
    }


def _pooled_spread(groups: Sequence[Sequence[float]]) -> float:
    """The relative standard deviation of repeated values, all groups together; NaN where nothing was repeated."""
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum(((value / fmean(group) - 1.0) ** 2 for group in groups for value in group), 0.0)
    return sqrt(squares / freedom) if freedom else nan


def resistance_quantity(
    points: Columns, calibration: Calibration, sample: str, nominal: float, nominal_uncertainty: float
) -> dict[str, Quantity]:
    """The resistance [ohm] that the source meter reads, from the points in the upper half of the levels.

    :raises ValueError: there is none that can be used.
    """
    level, usable = np.abs(points["source_level"]), points["flags"] & int(LIMITED | BAD_READING) == 0
    chosen = usable & (level >= level.max(initial=0.0) / 2) & (points["current"] != 0.0)
    if not chosen.any():
        raise ValueError("the resistor was not read: every level was limited, or carried no current")
    voltage, current = points["voltage"][chosen], points["current"][chosen]
    conditions = calibration.conditions
    read = conditions.device_voltage(voltage, current) / conditions.emitted_current(current)
    value, relative = float(read.mean()), _relative_uncertainty(voltage, current, calibration)
    repeats = stdev(read.tolist()) / sqrt(len(read)) / abs(value) if len(read) > 1 else 0.0
    quantity = Quantity(
        Kind.RESISTANCE,
        value,
        "ohm",
        hypot(relative, repeats) * abs(value),
        max(repeats, LEAST_SCATTER),
        nominal=nominal,
        nominal_uncertainty=nominal_uncertainty,
    )
    return {f"resistance of {sample}": quantity}


def _relative_uncertainty(voltage: FloatArray, current: FloatArray, calibration: Calibration) -> float:
    """That of a quotient, by both limits of error: they are the same for all points, and no mean makes them less."""
    nothing = np.full(voltage.shape, nan)
    signals = Signals(current, voltage, nothing, nothing)
    of_voltage = np.hypot(device_voltage_uncertainty(signals, calibration), lead_uncertainty(signals, calibration))
    of_current = relative_limit(current_limit(current, calibration.conditions), current)
    return float(np.hypot(of_voltage, of_current).mean())


# --- a history ---------------------------------------------------------------------------------------------


def health_of(entries: Sequence[Entry]) -> Health:
    """What a history says of its bench.

    An alarm stays until an acceptance, whatever later checks say; whether a check alarms depends on those before it
    alone. What a check that failed has read counts for nothing.
    """
    start = max((place for place, entry in enumerate(entries) if isinstance(entry, Acceptance)), default=-1)
    accepted = entries[start] if start >= 0 else None
    assert accepted is None or isinstance(accepted, Acceptance)
    since = [entry for entry in entries[start + 1 :] if isinstance(entry, Check)]
    charts: dict[str, Chart] = {}
    alarms: dict[str, Alarm] = {}
    for check in (one for one in since if not one.failure):
        counts = _counted({**_kinds(charts), **{name: one.kind for name, one in check.quantities.items()}})
        for name, quantity in check.quantities.items():
            if quantity.off_nominal:
                alarms.setdefault(name, _off_nominal(name, quantity, check))
            if not isfinite(quantity.charted):
                continue
            charts[name] = chart = _continued(charts.get(name), quantity, check.date, counts)
            if chart.change.deviations > chart.limit:
                alarms.setdefault(name, _changed(name, chart))
    return Health(charts, tuple(alarms.values()), since[-1] if since else None, accepted)


def _kinds(charts: Mapping[str, Chart]) -> dict[str, Kind]:
    return {name: chart.kind for name, chart in charts.items()}


def _counted(kinds: Mapping[str, Kind]) -> dict[bool, int]:
    """How many quantities of light there are, and how many others."""
    light = sum(kind is Kind.LIGHT for kind in kinds.values())
    return {True: light, False: len(kinds) - light}


def _continued(chart: Chart | None, quantity: Quantity, date: str, counts: Mapping[bool, int]) -> Chart:
    dates = (*(chart.dates if chart else ()), date)
    values = np.append(chart.values if chart else np.empty(0), quantity.value)
    scatter = _expected(chart, quantity)
    light = quantity.kind is Kind.LIGHT
    share = FALSE_ALARMS * (LIGHT_SHARE if light else 1.0 - LIGHT_SHARE) / counts[light]
    charted = np.log(values) if quantity.kind in RELATIVE else values
    return Chart(quantity.kind, quantity.unit, dates, values, scatter, latest_change(charted, scatter), limit_of(share))


def _expected(chart: Chart | None, quantity: Quantity) -> Scatter:
    """What is stated counts as it is stated now; of what is only the least there must be, the largest so far."""
    if chart is None or quantity.stated:
        return Scatter(quantity.scatter, quantity.stated)
    return Scatter(max(chart.expected.expected, quantity.scatter), stated=False)


def _changed(name: str, chart: Chart) -> Alarm:
    size, since = chart.change.size, chart.dates[chart.change.first]
    relative = chart.kind in RELATIVE
    share = float(np.expm1(size)) if relative else nan
    by = f"{100.0 * share:+.2f} %" if relative else f"{size:+.3g} {chart.unit}"
    count = len(chart.dates) - chart.change.first
    text = (
        f"{name} changed by {by} with the check of {since[:16]} ({chart.change.first} checks before it, {count} since; "
        f"{chart.change.deviations:.1f} standard deviations, limit {chart.limit:.1f})"
    )
    return Alarm(name, chart.kind, chart.dates[-1], text, share)


def _off_nominal(name: str, quantity: Quantity, check: Check) -> Alarm:
    share = quantity.value / quantity.nominal - 1.0
    spread = hypot(quantity.uncertainty, quantity.nominal_uncertainty) / abs(quantity.nominal)
    text = (
        f"{name} reads {quantity.value:.6g} {quantity.unit} in place of {quantity.nominal:.6g} {quantity.unit}: "
        f"{100.0 * share:+.3f} %, and u = {100.0 * spread:.2g} % (check of {check.date[:16]})"
    )
    return Alarm(name, quantity.kind, check.date, text, share)


def summary(health: Health) -> dict[str, object]:
    """The health of a bench as a part of the JSON object of ``--json``: plain values, None for what is unknown."""
    return {
        "in_control": health.in_control,
        "against": health.against,
        "alarms": [
            {
                "quantity": one.name,
                "kind": str(one.kind),
                "date": one.date,
                "text": one.text,
                "change": _known(one.change),
            }
            for one in health.alarms
        ],
        "last_check": health.last.date if health.last else None,
        "accepted": {"date": health.accepted.date, "reason": health.accepted.reason} if health.accepted else None,
        "quantities": {name: dict(_plain(chart)) for name, chart in health.charts.items()},
    }


def _plain(chart: Chart) -> Iterator[tuple[str, object]]:
    yield "kind", str(chart.kind)
    yield "unit", chart.unit
    yield "dates", list(chart.dates)
    yield "values", chart.values.tolist()
    yield "deviations", chart.deviations.tolist()
    yield "scatter", _known(chart.scatter)
    yield "expected_scatter", chart.expected.expected
    yield "scatter_is_stated", chart.expected.stated
    yield "statistic", chart.change.deviations
    yield "limit", chart.limit


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
