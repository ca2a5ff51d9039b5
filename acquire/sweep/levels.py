"""The levels of a sweep in the order in which they are sent: stretches, branches, polarities, cycles. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from acquire.config import Source
from acquire.config.source_quantities import Stretch, intervals_of_decades
from acquire.config.sweep import Held as HeldSection
from acquire.records import Branch, Held, Step


@dataclass(frozen=True)
class Passage:
    """The levels (V or A) of one branch of one cycle, each with the time that it is held before its reading [s]."""

    branch: Branch
    cycle: int
    levels: tuple[float, ...]
    holds: tuple[float, ...]


def passages(source: Source) -> Iterator[Passage]:
    """Every branch of every cycle; with both polarities the opposite one is the next cycle.

    A branch that leads away from zero is forward, one that leads back is reverse, wherever the file starts.
    """
    levels = levels_of(source)
    holds = source.holds or (0.0,) * len(levels)
    out, back = Branch.FORWARD, Branch.REVERSE
    if abs(levels[-1]) < abs(levels[0]):
        out, back = back, out
    sides = [(tuple(levels), tuple(holds))]
    if source.both_polarities:
        sides.append(_opposite(levels, holds))
    for cycle in range(source.cycles * len(sides)):
        there, times = sides[cycle % len(sides)]
        if source.direction != "reverse":
            yield Passage(out, cycle, there, times)
        if source.direction != "forward":
            yield Passage(back, cycle, there[::-1], times[::-1])


def _opposite(levels: Sequence[float], holds: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The levels with the other sign; through 0, which comes first."""
    mirrored = tuple(0.0 - level for level in levels)
    return (mirrored, tuple(holds)) if mirrored[0] == 0.0 else ((0.0, *mirrored), (0.0, *holds))


def levels_of(source: Source) -> list[float]:
    """The levels of one branch from start to stop; one that ends a stretch and begins the next is sent once."""
    if source.levels:
        return list(source.levels)
    levels: list[float] = []
    for part in source.parts():
        stretch = stretch_levels(part)
        levels += stretch[1:] if levels and levels[-1] == stretch[0] else stretch
    return levels


def stretch_levels(part: Stretch) -> list[float]:
    """The levels of one stretch that has a start, both ends included."""
    assert part.start is not None
    if part.points_per_decade is not None:
        return decades(part.start, part.stop, part.points_per_decade)
    return staircase(part.start, part.stop, part.step, part.points)


def decades(start: float, stop: float, per_decade: float) -> list[float]:
    """Levels from start to stop, both exact, equidistant in their logarithm, at least ``per_decade`` a decade.

    Neither is 0, both have the same sign.
    """
    intervals = intervals_of_decades(start, stop, per_decade)
    if not intervals:
        return [start]
    between = [float(f"{start * (stop / start) ** (i / intervals):.9g}") for i in range(1, intervals)]
    return [start, *between, stop]


def staircase(start: float, stop: float, step: float | None, points: int | None) -> list[float]:
    """Levels from start to stop, both exact.

    With ``step``: its sign is that of the way to go; a last step that does not fit is shorter. With ``points``:
    that many equidistant levels, both ends included.
    """
    span = stop - start
    if points is not None:
        return [start] if points == 1 else _equidistant(start, stop, points - 1)
    if span == 0.0 or not step:
        return [start]
    ratio = abs(span / step)
    whole = round(ratio)
    if whole >= 1 and abs(ratio - whole) < 1e-6:
        return _equidistant(start, stop, whole)
    size = abs(step) if span > 0 else -abs(step)
    return [_tidy(start + i * size) for i in range(int(ratio) + 1)] + [stop]


def _equidistant(start: float, stop: float, intervals: int) -> list[float]:
    levels = [_tidy(start + (stop - start) * i / intervals) for i in range(intervals)]
    return [*levels, stop]


def _tidy(level: float) -> float:
    """0.30000000000000004 is 0.3: twelve decimals are far below any source's resolution."""
    return round(level, 12)


def steps_of(source: Source, spectrum_levels: Sequence[float]) -> tuple[Step, ...]:
    """Every step of a sweep; a spectrum is due at the step of each branch nearest to each of ``spectrum_levels``."""
    steps: list[Step] = []
    before = _held(source.pre_bias)
    for passage in passages(source):
        due = _nearest(passage.levels, spectrum_levels)
        for i, (level, hold) in enumerate(zip(passage.levels, passage.holds, strict=True)):
            held = before if i == 0 else None
            steps.append(Step(len(steps), passage.branch, level, i in due, passage.cycle, hold, held))
        before = _held(source.rest)
    return tuple(steps)


def _held(section: HeldSection | None) -> Held | None:
    return None if section is None else Held(section.level or 0.0, section.time)


def _nearest(levels: Sequence[float], wanted: Sequence[float]) -> set[int]:
    """The index of the level nearest to each wanted one that lies within them."""
    low, high = min(levels), max(levels)
    return {min(range(len(levels)), key=lambda i: abs(levels[i] - level)) for level in wanted if low <= level <= high}


def branches_of(steps: Sequence[Step]) -> list[tuple[Step, ...]]:
    """The steps of each branch of each cycle, in the order in which they are sent."""
    return [tuple(group) for _, group in groupby(steps, key=lambda step: (step.cycle, step.branch))]
