"""What is said about a picture: in its legend, and in the sentences below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from acquire.evaluation.figure import Figure
from acquire.records import Finding, Severity
from acquire.report.curves import Curves
from acquire.run_file.read import Run


def labels_of(runs: Sequence[Run]) -> list[str]:
    """What runs are called in a legend: by sample and pixel, and where these are the same by when they began."""
    began = [run.start_time[:19].replace("T", " ") for run in runs]
    names = [_name(run) for run in runs]
    names = [f"{name}, {at}" if names.count(name) > 1 else name for name, at in zip(names, began, strict=True)]
    return [
        f"{name}, {run.run_id[:8]}" if names.count(name) > 1 else name for name, run in zip(names, runs, strict=True)
    ]


def _name(run: Run) -> str:
    pixel = run.sample_fields.get("pixel", "")
    return f"{run.sample}, {pixel}" if pixel else run.sample


@dataclass
class Told:
    """What is to be said below a picture: gathered while it is drawn."""

    counted: dict[str, tuple[Counter[str], Counter[str]]] = field(default_factory=dict)
    bands: bool = False
    bars: bool = False
    reverse: bool = False
    by_amount: bool = False
    beyond: bool = False
    more: list[str] = field(default_factory=list)
    doubtful: str = ""

    def doubt(
        self, runs: Sequence[Run], names: Sequence[str], touched: Callable[[Mapping[str, Figure]], tuple[str, ...]]
    ) -> list[str]:
        """What runs are called when it is said with the name that something speaks against what is drawn of one.

        ``touched`` are the figures of merit that a finding must touch to concern the picture. A picture of one run
        has no name of it; there the legend says it.
        """
        doubts = [_speaks_against(run, touched(run.figures)) for run in runs]
        for name, found in zip(names, doubts, strict=True):
            if found is not None:
                self.more.append(f"{found.severity.capitalize()}{f', {name}' if len(runs) > 1 else ''}: {found.text}")
                self.doubtful = f"{found.severity}: see its findings" if len(runs) == 1 else ""
        return [name if one is None else f"{one.severity}: {name}" for name, one in zip(names, doubts, strict=True)]

    def count(self, run_id: str, drawn: Curves, of: str = "") -> None:
        """Remember what curves leave out, ``of`` which quantity where a picture shows the rest of these points.

        Of several quantities of the same points the largest number counts.
        """
        left_out, hollow = self.counted.get(run_id, (Counter[str](), Counter[str]()))
        missing = Counter({f"of {of}, {why}" if of else why: count for why, count in drawn.left_out.items()})
        self.by_amount |= drawn.by_amount
        self.counted[run_id] = (left_out | missing, hollow | Counter(drawn.hollow))

    @property
    def left_out(self) -> Counter[str]:
        """How many points of all runs are left out, by why."""
        return sum((left_out for left_out, _ in self.counted.values()), Counter[str]())

    @property
    def hollow(self) -> Counter[str]:
        """The same of points that are hollow."""
        return sum((hollow for _, hollow in self.counted.values()), Counter[str]())

    def caption(self, title: str) -> str:
        """All of it as sentences."""
        sentences = [title, *self.more]
        if self.bands or self.bars:
            sentences.append(f"{'Bands' if self.bands else 'Bars'}: standard uncertainty (k = 1)")
        if self.hollow:
            sentences.append(f"Hollow: {in_words(self.hollow)}")
        if self.left_out:
            sentences.append(f"Left out: {in_words(self.left_out)}")
        if self.by_amount:
            sentences.append("Below 0 V: the amount of the current density")
        if self.beyond:
            sentences.append("Points with a relative uncertainty above 20 % run beyond the axis")
        return " ".join(f"{sentence}." for sentence in sentences)


def _speaks_against(run: Run, figures: Collection[str]) -> Finding | None:
    """The gravest finding that speaks against one of these figures, or against a run as a whole."""
    grave = (one for one in run.findings if one.severity is not Severity.NOTE)
    return next((one for one in grave if not one.figures or not set(figures).isdisjoint(one.figures)), None)


def in_words(counts: Counter[str]) -> str:
    """Points by why: "2 points compliance, 1 point late"."""
    return ", ".join(f"{number} point{'s' * (number != 1)} {why}" for why, number in counts.items())
