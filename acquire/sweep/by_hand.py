"""Levels that a person sets while the run goes on: what may be typed, and the schedule that follows it. Pure.

Where the commands come from is not known here: :attr:`ByHand.take` gives the next one, or none at the moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import pairwise
from math import inf, nan

from acquire.config.quantities import QuantityError, parse_quantity
from acquire.records import Branch, Step
from acquire.sweep.afterwards import AfterwardsPlan
from acquire.sweep.plan import SweepPlan
from acquire.sweep.schedule import LOOK_AGAIN, Schedule

#: The most rows and spectra of a run by hand, and how often the meters are read, s: over two hours.
MOST_ROWS, MOST_SPECTRA, PERIOD = 20_000, 30, 0.4

#: So many steps lie between the ends of the levels, where a sweep file has none that is always the same.
_STEPS = 50


class UnknownCommand(ValueError):
    """What was typed is no command, or not allowed; ``hint`` says what is."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Doing(Enum):
    """What a command asks for."""

    SET = auto()
    MOVE = auto()
    STEP = auto()
    WAIT = auto()
    SPECTRUM = auto()
    OFF = auto()
    QUIT = auto()


@dataclass(frozen=True)
class Command:
    """What was typed: ``amount`` is a level or a step [V or A], a number of steps, or a time [s]."""

    doing: Doing
    amount: float = 0.0


@dataclass(frozen=True)
class Reach:
    """What may be set by hand: from ``lowest`` to ``highest`` in ``unit``, V or A; ``step`` is that of + and -."""

    unit: str
    lowest: float
    highest: float
    step: float
    spectra: bool


COMMANDS = "a level such as '{example}', +, -, step {step}, spectrum, wait 5 s, off, quit"

_WORDS = {
    "spectrum": Doing.SPECTRUM,
    "s": Doing.SPECTRUM,
    "off": Doing.OFF,
    "quit": Doing.QUIT,
    "q": Doing.QUIT,
    "exit": Doing.QUIT,
}


def command_of(text: str, reach: Reach) -> Command | None:
    """The command that a line stands for; None for an empty one.

    :raises UnknownCommand: it is none, or goes beyond what may be set.
    """
    line = " ".join(text.split())
    word, _, rest = line.partition(" ")
    if not line:
        return None
    if set(line) in ({"+"}, {"-"}):
        return Command(Doing.MOVE, float(len(line)) if line[0] == "+" else -float(len(line)))
    if (known := _WORDS.get(line.lower())) is not None:
        if known is Doing.SPECTRUM and not reach.spectra:
            raise UnknownCommand("there is no spectrum", "the sweep file has no section spectra")
        return Command(known)
    if word.lower() == "wait":
        return Command(Doing.WAIT, _positive(rest, "s", "5 s"))
    if word.lower() == "step":
        return Command(Doing.STEP, _positive(rest, reach.unit, _example(reach)))
    return Command(Doing.SET, _within(_quantity(line, reach.unit, _example(reach)), reach))


def _example(reach: Reach) -> str:
    return "3.2 V" if reach.unit == "V" else "1 mA"


def _positive(text: str, unit: str, example: str) -> float:
    value = _quantity(text, unit, example)
    if not value > 0.0:
        raise UnknownCommand(f"{text} is not above zero", f"write it like '{example}'")
    return value


def _quantity(text: str, unit: str, example: str) -> float:
    try:
        return parse_quantity(text, unit, example)
    except QuantityError as error:
        step = "50 mV" if unit == "V" else "0.1 mA"
        known = COMMANDS.format(example=example, step=step)
        raise UnknownCommand(str(error), f"{error.hint}; what may be typed: {known}") from None


def _within(level: float, reach: Reach) -> float:
    if not reach.lowest <= level <= reach.highest:
        span = f"{reach.lowest:g} {reach.unit} to {reach.highest:g} {reach.unit}"
        raise UnknownCommand(f"{level:g} {reach.unit} is beyond the levels of the sweep file, {span}")
    return level


@dataclass(frozen=True)
class ByHand:
    """The schedule of a run by hand; a :class:`~acquire.sweep.schedule.Course`.

    A reading, and a row, every :data:`PERIOD` at the level that was set last; ``take`` gives the next command, None
    where there is none at the moment.
    """

    reach: Reach
    take: Callable[[], Command | None]
    most_points: int = MOST_ROWS

    @property
    def largest_level(self) -> float:
        """The largest level that may be set, V or A."""
        return max(abs(self.reach.lowest), abs(self.reach.highest))

    def schedule(self) -> Schedule:
        """A step for each reading, at zero until a level is set.

        Without a record it was not read, as the output is off or the run was paused: what was asked for meanwhile
        comes first then.
        """
        hand, step, first = Step(0, Branch.BY_HAND, 0.0), self.reach.step, nan
        now, quiet_until = 0.0, -inf
        while hand.index < self.most_points:
            command = self.take() if now >= quiet_until else None
            hand = replace(hand, spectrum=False, due=now + PERIOD if hand.index else 0.0)
            if command is not None:
                if command.doing is Doing.QUIT:
                    return None
                if command.doing is Doing.STEP:
                    step = command.amount
                elif command.doing is Doing.WAIT:
                    quiet_until = now + command.amount
                else:
                    hand = self._obeyed(hand, command, step)
            record = yield hand
            if hand.off or record is None:
                now += LOOK_AGAIN
                continue
            first = record.reading.time if first != first else first
            now, hand = record.reading.time - first, replace(hand, index=hand.index + 1)
        return f"all {self.most_points} rows of a run by hand are used"

    def _obeyed(self, hand: Step, command: Command, step: float) -> Step:
        """The next step as it was asked for, at once."""
        if command.doing is Doing.OFF:
            return replace(hand, level=0.0, off=True, due=0.0)
        if command.doing is Doing.SPECTRUM:
            return hand if hand.off else replace(hand, spectrum=True, due=0.0)
        level = command.amount if command.doing is Doing.SET else round(hand.level + command.amount * step, 12)
        level = min(max(level, self.reach.lowest), self.reach.highest)
        return replace(hand, level=level, off=False, due=0.0)


def by_hand(plan: SweepPlan, take: Callable[[], Command | None]) -> SweepPlan:
    """A run by hand within what a sweep may do: its levels and zero, its compliance, its stop rules on amounts.

    What ends a sweep by the course of a branch plays no part, nor do spectra that nobody asked for.
    """
    levels = [step.level for step in plan.steps] or [plan.largest_level]
    lowest, highest = min(*levels, 0.0), max(*levels, 0.0)
    distances = {round(abs(other - one), 12) for one, other in pairwise(levels)} - {0.0}
    step = distances.pop() if len(distances) == 1 else float(f"{(highest - lowest) / _STEPS:.1g}")
    spectra = replace(
        plan.spectra,
        at_luminance=(),
        every_points=0,
        first_in_clear_light=False,
        as_needed=0.0,
        afterwards=AfterwardsPlan(),
        most=MOST_SPECTRA if plan.spectra.most else 0,
        first_again=False,
    )
    course = ByHand(Reach(plan.source_unit, lowest, highest, step, bool(plan.spectra.most)), take)
    rules = replace(plan.stop_rules, luminance_below_maximum=0.0, eqe_below_maximum=0.0, no_light_by=inf)
    return replace(
        plan,
        steps=(),
        course=course,
        spectra=spectra,
        stop_rules=rules,
        hardware_timed=False,
        exposures=(),
        duration=course.most_points * PERIOD,
    )
