"""The one form of every plan: a schedule that says the next step from what was measured so far. Pure.

A schedule is a generator. It gives a step, receives the record that was made of it, and gives the next one, until the
run is over; it sees records and nothing else: no clock, no instrument, no file. A staircase is its simplest case.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

from acquire.records import Record, Step

#: How often a schedule is asked again while its steps want the output off, s.
LOOK_AGAIN = 0.2

#: Gives steps, receives the record of each; returns why the run is over, nothing where all of it was done.
Schedule = Generator[Step, Record, str | None]


class Course(Protocol):
    """Steps that are not all known beforehand, with what is known of them: the most rows, the largest level."""

    @property
    def most_points(self) -> int:
        """The most steps that a schedule of this course ever gives."""

    @property
    def largest_level(self) -> float:
        """The largest level that a schedule of this course ever gives, without its sign, V or A."""

    def schedule(self) -> Schedule:
        """The steps of one run, from its first."""


class BeyondPlan(Exception):
    """A schedule asked for more than its plan states: more rows, or a larger level."""


@dataclass(frozen=True, slots=True)
class Over:
    """A schedule has no further step; ``reason`` says why where that is more than that all was done."""

    reason: str = ""


def in_order(steps: Iterable[Step]) -> Schedule:
    """A staircase: the steps one after another, whatever is measured."""
    yield from (step for step in steps)  # a generator takes the records, which a tuple would not
    return None


def next_step(schedule: Schedule, record: Record | None) -> Step | Over:
    """The step that follows from ``record``, the one before; the first step without one."""
    try:
        return next(schedule) if record is None else schedule.send(record)
    except StopIteration as end:
        return Over(end.value or "")


def require_planned(step: Step, most_points: int, largest_level: float) -> None:
    """:raises BeyondPlan: the step is more than what was stated, and shown, before the run."""
    if step.index >= most_points:
        raise BeyondPlan(f"step {step.index + 1} of a schedule with at most {most_points}")
    before = 0.0 if step.before is None else abs(step.before.level)
    if not max(abs(step.level), before) <= largest_level:
        raise BeyondPlan(f"level {step.level:g} of a schedule up to {largest_level:g}")
