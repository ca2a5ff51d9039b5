"""Figures of merit of many runs taken together: how many, mean, deviation, median, the best. Pure.

Sums are exact (``math.fsum``, one rounding at the end), so that no number depends on the order in which runs come.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, isfinite, nan, sqrt

from acquire.photometry.customary_units import more_is_better
from acquire.run_file.summary import RunSummary

#: By what runs can be counted together.
TOGETHER: Mapping[str, Callable[[RunSummary], str]] = {
    "sample": lambda run: run.sample,
    "pixel": lambda run: run.pixel,
    "batch": lambda run: run.batch,
    "group": lambda run: run.group,
    "structure": lambda run: run.structure,
    "user": lambda run: run.user,
    "title": lambda run: run.title,
    "status": lambda run: run.state,
    "month": lambda run: run.start_time[:7],
}


@dataclass(frozen=True)
class Statistic:
    """Of one figure of merit of the runs that belong together, SI.

    ``together``: what these runs share, in the order of the fields that were asked for. ``runs``: how many there are,
    ``n`` of them have the figure, ``not_ok`` of these with another status than ok; a value that physics forbids
    (``impossible``) counts for none. ``deviation``: sample standard deviation (n - 1), NaN for one. ``best``: run_id.
    """

    together: tuple[str, ...]
    figure: str
    unit: str
    runs: int
    n: int
    not_ok: int
    mean: float
    deviation: float
    median: float
    least: float
    largest: float
    best: str


def statistics_of(runs: Iterable[RunSummary], by: Sequence[str], figures: Sequence[str]) -> list[Statistic]:
    """The statistics of some figures of merit, the groups by name.

    :raises KeyError: ``by`` names what is none of :data:`TOGETHER`.
    """
    groups: dict[tuple[str, ...], list[RunSummary]] = {}
    for run in runs:
        groups.setdefault(tuple(TOGETHER[name](run) for name in by), []).append(run)
    return [one for key in sorted(groups) for one in _of_group(key, groups[key], figures)]


def _of_group(key: tuple[str, ...], runs: Sequence[RunSummary], figures: Sequence[str]) -> Iterator[Statistic]:
    in_order = sorted(runs, key=lambda run: run.run_id)
    for name in figures:
        having = [
            run
            for run in in_order
            if (figure := run.figures.get(name)) and isfinite(figure.value) and figure.status != "impossible"
        ]
        if having:
            yield _statistic(key, name, having, len(runs))


def _statistic(key: tuple[str, ...], name: str, having: Sequence[RunSummary], runs: int) -> Statistic:
    values = [run.figures[name].value for run in having]
    n, mean = len(values), fsum(values) / len(values)
    best = max(values) if _more_is_better(name) else min(values)
    return Statistic(
        together=key,
        figure=name,
        unit=having[0].figures[name].unit,
        runs=runs,
        n=n,
        not_ok=sum(run.figures[name].status != "ok" for run in having),
        mean=mean,
        deviation=sqrt(fsum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else nan,
        median=statistics.median(values),
        least=min(values),
        largest=max(values),
        best=having[values.index(best)].run_id,
    )


def _more_is_better(name: str) -> bool:
    try:
        return more_is_better(name)
    except KeyError:  # a figure of a newer version
        return True
