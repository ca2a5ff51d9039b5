"""What is known of a run at one moment: what :mod:`acquire.evaluation.findings` asks its questions of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from acquire.evaluation.evidence import Evidence
from acquire.evaluation.figure import Figure
from acquire.evaluation.pairs import Pair, pairs
from acquire.records import Columns, RepeatedReading, Spectrum


@dataclass(frozen=True)
class Known:
    """All that is known of a run at one ``time`` [s since its start]; of figures none while it goes on.

    ``points`` are the columns (n,) of its points so far, ``source_unit`` is that of the source's level, V or A, ``day``
    that of the run, as 2026-03-31, empty where it does not matter; ``repeated`` what was read once more when the sweep
    was over.
    """

    evidence: Evidence
    points: Columns
    spectra: Sequence[Spectrum]
    source_unit: str
    time: float
    figures: Mapping[str, Figure] = field(default_factory=dict)
    day: str = ""
    repeated: Sequence[RepeatedReading] = ()

    @cached_property
    def pairs(self) -> list[Pair]:
        """The two luminances of each spectrum."""
        return pairs(self.evidence)
