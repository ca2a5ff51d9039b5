"""Statistics of a batch: how many devices, which of them are dead and why, median and spread of the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, nan

import numpy as np

from acquire.photometry.customary_units import OF_CURVE, PAPER, QUANTITIES, more_is_better, quantity_of_figure
from acquire.records import RunStatus
from acquire.report.rounding import significant
from acquire.run_file.documented import DocumentedRun

#: What counts as dead, in the words that stand beside the numbers.
DEAD_MEANS = (
    "A device counts as dead when its sweep ran to its end, or was ended by the rules for a short, an open circuit, no "
    "light or compliance, and its light never reached 1 cd/m^2 (and ten times the dark noise); or when a pretest found "
    "a short or an open circuit, so that it was not swept. A run that failed, was "
    "interrupted before there was light, or found light at levels of the other sign says nothing of the device: it is "
    "not judged, and not counted."
)
COUNTED_ONCE = (
    "A device (sample name and pixel) counts once: with the last of its runs that saw light, or else with its last."
)

#: By which devices are ranked: the first of these that all living ones have.
RANKED_BY = ("external_quantum_efficiency_max", "current_efficiency_max", "luminance_max")

#: Runs that say nothing of their device, and why.
_NOT_JUDGED = {
    RunStatus.FAILED: "failed",
    RunStatus.RUNNING: "is not finished",
    RunStatus.INTERRUPTED: "was cut off",
}

_PRETEST_OF_THE_DEAD = re.compile(r"pretest: (short|open): ")
_RULES_OF_THE_DEAD = re.compile(r"short: |open circuit: |no light by |the source went into compliance")


class State(StrEnum):
    """Whether a device lives."""

    ALIVE = "alive"
    DEAD = "dead"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Device:
    """A device with the run that counts for it, and the number of its other runs; ``reason`` why it is not alive."""

    label: str
    group: str
    one: DocumentedRun
    state: State
    reason: str = ""
    other_runs: int = 0

    def value(self, figure: str) -> float:
        """A figure of merit, SI; NaN where there is none, or physics forbids it."""
        found = self.one.run.figures.get(figure)
        return nan if found is None or found.status == "impossible" else found.value


@dataclass(frozen=True)
class Statistics:
    """Of one figure of merit in one group, SI: ``n`` devices have it, ``not_ok`` of them with another status than ok.

    ``deviation`` is the sample standard deviation (n - 1), NaN for one device; the quartiles interpolate linearly.
    ``best`` is the label of the best device, with its status where that is not ok.
    """

    figure: str
    n: int
    not_ok: int
    median: float
    mean: float
    deviation: float
    lower_quartile: float
    upper_quartile: float
    smallest: float
    largest: float
    best: str


@dataclass(frozen=True)
class Batch:
    """The devices of some run files, in the order of the files."""

    devices: tuple[Device, ...]

    def of(self, state: State, group: str | None = None) -> tuple[Device, ...]:
        """The devices in a state, of one group or of all."""
        return tuple(one for one in self.devices if one.state is state and group in (None, one.group))

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups, in the order of the files."""
        return tuple(dict.fromkeys(one.group for one in self.devices))

    @property
    def is_one(self) -> bool:
        """Whether there is something to count: a group with more than one device."""
        return len(self.devices) > len(self.groups)

    def statistics(self, group: str) -> tuple[Statistics, ...]:
        """Those of every figure of the curve that a living device of the group has."""
        living = self.of(State.ALIVE, group)
        found = (_statistics(figure, living) for figure in OF_CURVE)
        return tuple(one for one in found if one is not None)

    def values(self, figure: str) -> dict[str, tuple[float, ...]]:
        """A figure of the devices that count by group, SI and NaN where there is none, for box plots."""
        return {group: tuple(one.value(figure) for one in self.counted(group)) for group in self.groups}

    def not_ok(self, figure: str) -> dict[str, tuple[bool, ...]]:
        """Of which of these :meth:`values` something is to be known: their status is another than ok."""
        return {
            group: tuple(
                (found := one.one.run.figures.get(figure)) is not None and found.status != "ok"
                for one in self.counted(group)
            )
            for group in self.groups
        }

    def counted(self, group: str) -> tuple[Device, ...]:
        """The devices of a group that count, living and dead."""
        return tuple(one for one in self.devices if one.group == group and one.state is not State.NOT_JUDGED)

    def ranked(self, group: str) -> tuple[str, tuple[Device, ...]]:
        """By which figure the living devices of a group are ranked, and they themselves, the best first."""
        living = self.of(State.ALIVE, group)
        by = next((name for name in RANKED_BY if all(isfinite(one.value(name)) for one in living)), RANKED_BY[-1])
        having = [one for one in living if isfinite(one.value(by))]
        return by, tuple(sorted(having, key=lambda one: -one.value(by)))

    def rank(self, device: Device) -> str:
        """A device's place in its group in words; empty for one that has none."""
        by, ranked = self.ranked(device.group)
        places = [place for place, one in enumerate(ranked, start=1) if one is device]
        return f"rank {places[0]} of {len(ranked)} by {PAPER[by]}" if places else ""


def batch_of(runs: Sequence[DocumentedRun]) -> Batch:
    """The devices that some runs are of, each with the run that counts for it."""
    by_device: dict[tuple[str, str, str], list[DocumentedRun]] = {}
    for one in runs:
        by_device.setdefault((group_of(one), one.run.sample, pixel_of(one)), []).append(one)
    return Batch(tuple(_device(key, these) for key, these in by_device.items()))


def group_of(one: DocumentedRun) -> str:
    """What a run is counted with: its sample's group, else its batch, else all of its name."""
    sample = one.run.sample_fields
    return str(sample.get("group") or sample.get("batch") or one.run.sample)


def pixel_of(one: DocumentedRun) -> str:
    """Which pixel a run is of; empty where none is named."""
    return str(one.run.sample_fields.get("pixel") or "")


def _device(key: tuple[str, str, str], runs: Sequence[DocumentedRun]) -> Device:
    group, sample, pixel = key
    in_time = sorted(runs, key=lambda one: one.run.start_time)
    judged = [(one, *judgement(one)) for one in in_time]
    living = [each for each in judged if each[1] is State.ALIVE]
    one, state, reason = (living or judged)[-1]
    return Device(f"{sample}, {pixel}" if pixel else sample, group, one, state, reason, len(runs) - 1)


def judgement(one: DocumentedRun) -> tuple[State, str]:
    """Whether the device of a run lives, by that run alone, and why not; as :data:`DEAD_MEANS` says."""
    run = one.run
    top = run.figures.get("luminance_max")
    if top is not None and isfinite(top.value):
        return State.ALIVE, ""
    if run.calibration.layer.stated:
        return State.NOT_JUDGED, "no light is expected of it"
    if run.status in _NOT_JUDGED:
        return State.NOT_JUDGED, f"the run {_NOT_JUDGED[run.status]}"
    if any(finding.code == "light_on_other_side" for finding in run.findings):
        return State.NOT_JUDGED, "its light is at levels of the other sign"
    if _PRETEST_OF_THE_DEAD.match(run.stop_reason):
        return State.DEAD, run.stop_reason
    if top is None or top.status != "not_reached":
        return State.NOT_JUDGED, "no luminance was measured"
    if run.status is RunStatus.STOPPED and not _RULES_OF_THE_DEAD.match(run.stop_reason):
        return State.NOT_JUDGED, f"stopped before there was light: {run.stop_reason}"
    return State.DEAD, "; ".join(_why_dead(one))


def _why_dead(one: DocumentedRun) -> Iterator[str]:
    run = one.run
    yield run.stop_reason or "no light to the end of the sweep"
    yield from (note.text for note in run.notes if "no current flowed" in note.text)


def _statistics(figure: str, devices: Sequence[Device]) -> Statistics | None:
    having = [one for one in devices if isfinite(one.value(figure))]
    if not having:
        return None
    values = np.array([one.value(figure) for one in having])
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75))
    best = int(values.argmax() if more_is_better(figure) else values.argmin())
    return Statistics(
        figure=figure,
        n=len(having),
        not_ok=sum(one.one.run.figures[figure].status != "ok" for one in having),
        median=float(median),
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)) if values.size > 1 else nan,
        lower_quartile=float(lower),
        upper_quartile=float(upper),
        smallest=float(values.min()),
        largest=float(values.max()),
        best=_with_status(having[best], figure),
    )


def _with_status(device: Device, figure: str) -> str:
    status = device.one.run.figures[figure].status
    return device.label if status == "ok" else f"{device.label} ({status.replace('_', ' ')})"


def statistic_text(figure: str, value: float, digits: int = 4) -> str:
    """A statistic of a figure in its customary unit, four digits; a dash where there is none."""
    quantity = QUANTITIES[quantity_of_figure(figure)]
    return f"{significant(value * quantity.factor, digits)} {quantity.unit}" if isfinite(value) else "-"
