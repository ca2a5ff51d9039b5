"""Histories of a bench's checks, made up by chance, and what its control charts find in them.

    python -m tests.endurance.control_charts --histories 10000 --seed 1 --jobs 2

Each history is one of a whole bench: the ratio on its stable source, which scatters by 0.3 % from check to check as is
stated, and dark level, dark scatter and a resistor, whose scatter the charts have to find by themselves. First the
ratio changes by 1 % after some checks, and that has to be found within five; then nothing changes in 100 checks, and
every alarm is false. The exit status is 1 where less than 95 % of the changes after ten checks or more are found, or
more than 1 % of histories alarm falsely. Beside it: what happens where the stated scatter is not true.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from math import exp, sqrt

import numpy as np

from acquire.evaluation.health import Check, Kind, Quantity, health_of

STATED, STEP, WITHIN, CHECKS = 0.003, 0.01, 5, 100
MOST_FALSE, LEAST_FOUND = 0.01, 0.95

#: After so many checks the step comes; from the first of them on that is promised, it must be found.
BEFORE = (5, 8, 10, 12, 15, 20, 50)
PROMISED_FROM = 10

#: What the ratio really scatters by, in place of what is stated.
NOT_AS_STATED = (0.0015, 0.005, 0.009)

RATIO = "ratio"


def check(number: int, deviates: np.ndarray, scatter: float = STATED, step: float = 0.0) -> Check:
    """A check whose quantities are off by ``deviates`` (4,) of their own scatter; the ratio also by ``step``."""
    quantities = {
        RATIO: Quantity(
            Kind.LIGHT, 8.5e-11 * exp(scatter * deviates[0] + step), "A m^2/cd", 1e-14, STATED, stated=True
        ),
        "dark level": Quantity(Kind.DARK_LEVEL, 1e-4 + 3e-6 * deviates[1], "V", 7e-7, 7e-7),
        "dark scatter": Quantity(Kind.DARK_SCATTER, 3e-6 * exp(0.25 * deviates[2]), "V", 5e-7, 0.16),
        "resistance": Quantity(Kind.RESISTANCE, 1000.0 * exp(2e-5 * deviates[3]), "ohm", 0.4, 5e-6),
    }
    return Check(f"check {number}", "source", quantities=quantities)


def false_alarms(seeds: range, scatter: float = STATED, checks: int = CHECKS) -> list[bool]:
    """Whether each history in which nothing changes alarms all the same."""
    return [bool(health_of(_history(seed, checks, scatter)).alarms) for seed in seeds]


def found(seeds: range, before: int) -> list[bool]:
    """Whether a step of the ratio after ``before`` checks is found by the fifth check with it."""
    return [_is_found(seed, before) for seed in seeds]


def _history(seed: int, count: int, scatter: float = STATED, before: int = sys.maxsize) -> list[Check]:
    deviates = np.random.default_rng(seed).standard_normal((count, 4))
    return [check(number, one, scatter, STEP if number >= before else 0.0) for number, one in enumerate(deviates)]


def _is_found(seed: int, before: int) -> bool:
    """An alarm of before the step is none of it: such a history counts as one in which it was not found.

    The other quantities change nothing for the ratio, and are left out.
    """
    history = _history(seed, before + WITHIN, before=before)
    alone = [replace(one, quantities={RATIO: one.quantities[RATIO]}) for one in history]
    return any(int(alarm.date.split()[1]) >= before for alarm in health_of(alone).alarms)


def _share(pool: ProcessPoolExecutor, jobs: int, seeds: range, asked: Callable[[range], list[bool]]) -> float:
    parts = [seeds[job::jobs] for job in range(jobs)]
    outcomes = [one for part in pool.map(asked, parts) for one in part]
    return sum(outcomes) / len(outcomes)


def main() -> int:
    """Entry point."""
    arguments = argparse.ArgumentParser(description="control charts of histories made up by chance")
    arguments.add_argument("--histories", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--jobs", type=int, default=2)
    given = arguments.parse_args()
    started, right = time.monotonic(), True
    seeds = range(given.seed, given.seed + given.histories)
    few = seeds[: max(1, given.histories // 10)]
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        for before in BEFORE:
            share = _share(pool, given.jobs, seeds, partial(found, before=before))
            promised = before >= PROMISED_FROM
            right &= share >= LEAST_FOUND or not promised
            print(
                f"a step of 1 % after {before} checks is found within {WITHIN} in {_percent(share, len(seeds))}"
                f"{'' if promised else ' (not promised)'}"
            )
        share = _share(pool, given.jobs, seeds, false_alarms)
        right &= share <= MOST_FALSE
        print(f"{_percent(share, len(seeds))} of {len(seeds)} histories of {CHECKS} checks alarm falsely")
        for scatter in NOT_AS_STATED:
            share = _share(pool, given.jobs, few, partial(false_alarms, scatter=scatter))
            really = f"{100 * scatter:g} %, where {100 * STATED:g} % is stated"
            print(f"{_percent(share, len(few))} of {len(few)} do where the ratio scatters by {really}")
    print(f"{time.monotonic() - started:.0f} s")
    return int(not right)


def _percent(share: float, count: int) -> str:
    return f"{100 * share:.2f} % +- {100 * sqrt(share * (1 - share) / count):.2f} %"


if __name__ == "__main__":
    sys.exit(main())
