"""What this program computes otherwise than an earlier one did, by the version of the format that came with it. Pure.

One row for each change of a formula that moves a number of a run by more than rounding. Who changes one adds it here,
and says which numbers it moves: no other change is ever told of a number, and one that moves without a row is told to
have none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

Version = tuple[int, int]


@dataclass(frozen=True)
class FormulaChange:
    """A formula that changed with a version: what is different, and the numbers that it moves, as patterns."""

    since: Version
    text: str
    moves: tuple[str, ...]

    def explains(self, place: str) -> bool:
        """Whether it moves the number at this place."""
        return any(fnmatchcase(place, pattern) for pattern in self.moves)


_ALL_UNCERTAINTIES = ("jvl/*_uncertainty", "figures_of_merit/*uncertainty)")

FORMULA_CHANGES: tuple[FormulaChange, ...] = (
    FormulaChange(
        (1, 1),
        "the offset of the photodiode's meter drops out of an uncertainty where light and dark were read on one range; "
        "filter, auto-zero, the mean of the dark readings and R(lambda) are in the budget",
        _ALL_UNCERTAINTIES,
    ),
    FormulaChange(
        (1, 1),
        "every figure of merit has an uncertainty that follows from those of its points, a coverage factor and a 95 % "
        "interval",
        ("figures_of_merit/*uncertainty)",),
    ),
    FormulaChange(
        (1, 1),
        "no figure is called ok that a finding or a flag speaks against, and no maximum at an end of the sweep",
        ("figures_of_merit/*(status)",),
    ),
    FormulaChange(
        (1, 5),
        "a photodiode that is referenced to spectra is held against the middle of each exposure, and once is once",
        (
            "lifetime/*luminance*",
            "lifetime/external_quantum_efficiency*",
            "figures_of_merit/lifetime_*",
            "figures_of_merit/initial_luminance*",
            "figures_of_merit/largest_luminance*",
        ),
    ),
)


def is_explained(since: Version, place: str) -> bool:
    """Whether a formula that changed after this version of the format moves the number at this place."""
    return any(one.since > since and one.explains(place) for one in FORMULA_CHANGES)


def formulas_changed(since: Version, places: Iterable[str]) -> list[str]:
    """Which formulas changed after this version of the format and move numbers at these places, as the table states.

    The last line names the places of which the table says nothing.
    """
    later = [one for one in FORMULA_CHANGES if one.since > since]
    left = list(places)
    told = [one.text for one in later if any(one.explains(place) for place in left)]
    left = [place for place in left if not any(one.explains(place) for one in later)]
    return told + (
        [f"no change of a formula is stated for: {', '.join(left[:8])}{' ...' if len(left) > 8 else ''}"]
        if left
        else []
    )
