"""The final evaluation of a lifetime: all its spectra and dark readings are known. Pure, and in bounded memory.

The rows are handed over piece by piece, as often as needed; none of this holds more than a piece of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, hypot, isfinite, nan, sqrt
from typing import Any, NamedTuple

import numpy as np

from acquire.evaluation.decay import Course, Decay, DecayConditions
from acquire.evaluation.evaluate import Evidence, evaluate_run
from acquire.evaluation.evidence import MeasuredSpectrum
from acquire.evaluation.figure import Figure
from acquire.evaluation.final import FinalEvaluation
from acquire.evaluation.findings import findings, judged
from acquire.evaluation.flagged import FIRST_CYCLE
from acquire.evaluation.known import Known
from acquire.evaluation.lifetime_figures import lifetime_figures
from acquire.photometry.elementwise import quotient
from acquire.photometry.uncertainty import rectangular
from acquire.records import Branch, Columns, Finding, FloatArray, Note

#: The rows of a run, piece by piece, from the first one each time.
Pieces = Callable[[], Iterable[Columns]]

#: What of a row does not change any more.
READ = ("time", "stress_time", "source_level", "voltage", "current", "photodiode_signal", "flags")


class Referenced(NamedTuple):
    """What the photodiode's luminance is ``worth`` at a ``time`` of the run [s]: that by a spectrum over it.

    ``noise`` is what scatters of it, relative (k = 1). Between two of them it is linear in time.
    """

    time: float
    worth: float
    noise: float


@dataclass(frozen=True)
class FinalLifetime:
    """The final values of a lifetime: of its rows by :meth:`points`, ``figures``, and the ``course`` for a picture.

    ``initial`` is L_0 by time [cd/m^2] with its relative ``spread``; ``references`` are there where the photodiode is
    referenced to spectra. ``findings`` and ``cautions`` are what the first rows, the spectra and the bench say against
    it; the figures are judged by them.
    """

    evidence: Evidence
    conditions: DecayConditions
    references: Sequence[Referenced] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    course: Course | None = None
    initial: float = nan
    spread: float = nan
    findings: Sequence[Finding] = ()
    cautions: Sequence[Note] = ()

    def points(self, piece: Columns, first_row: int = 0) -> Columns:
        """The final values of a piece of the rows, of which the first has the number ``first_row``."""
        values = _evaluated(piece, first_row, self.evidence, self.references)
        ratio = values["luminance"] / self.initial
        names = ("flags", "spectrum_index", "current_density", "luminance", "luminance_uncertainty", *_EQE)
        return {
            **{name: values[name] for name in names},
            "relative_luminance": ratio,
            "relative_luminance_uncertainty": ratio * np.hypot(values["spread"], self.spread),
        }

    def in_order(self) -> Callable[[Columns], Columns]:
        """:meth:`points` for pieces that are handed over one after the other, from the first row on."""
        rows = 0

        def final(piece: Columns) -> Columns:
            nonlocal rows
            values = self.points(piece, rows)
            rows += len(piece["time"])
            return values

        return final


_ROUNDING = 1e-3  # s

_EQE = ("external_quantum_efficiency", "external_quantum_efficiency_uncertainty")


def final_lifetime(
    final: FinalEvaluation, configuration: Mapping[str, Any], source_unit: str, day: str, pieces: Pieces
) -> FinalLifetime | None:
    """The final values of a lifetime from its rows; None where the ``configuration`` is that of no lifetime.

    ``final`` knows dark readings and spectra, these with the numbers of the rows at which they were taken.
    ``source_unit`` is that of the source's level, V or A; ``day`` that of the run, as 2026-03-31.
    """
    conditions = DecayConditions.of(configuration)
    if conditions is None:
        return None
    evidence, rows = final.evidence, dict[str, Any]()
    references = _references(evidence, conditions, pieces)
    decay = Decay(conditions)
    for first_row, piece in _numbered(pieces()):
        values = _evaluated(piece, first_row, evidence, references)
        decay.add({**piece, **values})
        if not rows:
            rows = {name: column[:ROWS_ASKED] for name, column in {**_as_points(piece), **values}.items()}
    first = decay.first
    figures = lifetime_figures(decay, hypot(_factor_spread(evidence), _reference_noise(references)), _offset(evidence))
    found, cautions = _held_against(final, rows, figures, source_unit, day) if rows else ([], [])
    return FinalLifetime(
        evidence,
        conditions,
        references,
        judged(figures, found),
        decay.course(),
        figures["initial_luminance"].value,
        nan if first is None else first.spread,
        found,
        cautions,
    )


#: So many rows, the first ones, are held against the run, its calibration and physics.
ROWS_ASKED = 1000


def _held_against(
    final: FinalEvaluation, rows: Columns, figures: Mapping[str, Figure], source_unit: str, day: str
) -> tuple[list[Finding], list[Note]]:
    last = float(rows["time"][np.isfinite(rows["time"])].max(initial=0.0))
    found = findings(Known(final.evidence, rows, final.spectra, source_unit, last, figures, day))
    return found, final.cautions(rows, source_unit, found)


def _offset(evidence: Evidence) -> float:
    """What the photodiode's zero leaves open of a luminance [cd/m^2], k = 1: scatter and drift of the dark level."""
    levels = [level for level in (evidence.dark_before, evidence.dark_after) if level is not None]
    scatter = max((level.deviation / sqrt(level.readings) for level in levels), default=0.0)
    drift = abs(levels[-1].signal - levels[0].signal) / sqrt(12) if len(levels) > 1 else 0.0
    factors = [*_factors(evidence), 0.0]
    return hypot(scatter, drift) / abs(evidence.calibration.conditions.transfer) * factors[0]


def _factors(evidence: Evidence) -> list[float]:
    """The luminance per photocurrent [cd m^-2 A^-1] by each of the spectra."""
    found = [evidence.factors_of(one.index).luminance_per_photocurrent for one in evidence.candidates if one.usable]
    found += [evidence.latest_factors.luminance_per_photocurrent] if not found and evidence.latest_factors else []
    return [factor for factor in found if factor > 0]


def _factor_spread(evidence: Evidence) -> float:
    """How far luminance per photocurrent differs between the spectra, relative (k = 1)."""
    known = np.array(_factors(evidence))
    return float(np.log(known).std(ddof=1)) if known.size > 1 else 0.0


def _numbered(pieces: Iterable[Columns]) -> Iterator[tuple[int, Columns]]:
    row = 0
    for piece in pieces:
        yield row, piece
        row += len(piece["time"])


def _evaluated(
    piece: Columns, first_row: int, evidence: Evidence, references: Sequence[Referenced]
) -> dict[str, FloatArray]:
    """The derived values of some rows, with the ``spread`` of each luminance."""
    values = dict(evaluate_run(_as_points(piece), evidence, first_row))
    luminance, own = values["luminance"], values["luminance_independent_uncertainty"]
    values["spread"] = np.asarray(quotient(own, luminance, luminance > 0, nan), float)
    if references:
        worth = np.interp(piece["time"], [one.time for one in references], [one.worth for one in references])
        for name in ("luminance", "luminance_uncertainty", *_EQE):
            values[name] = values[name] * worth
    return values


def _as_points(piece: Columns) -> Columns:
    """Some rows as the points of one branch."""
    count = len(piece["time"])
    return {**piece, "branch": np.full(count, Branch.FORWARD.encode()), "cycle": np.full(count, FIRST_CYCLE)}


def _references(evidence: Evidence, conditions: DecayConditions, pieces: Pieces) -> list[Referenced]:
    """What the photodiode's luminance is worth by each spectrum that is to say so.

    Once: by the first one that was taken when L_0 was, or later.
    """
    if conditions.reference == "never" or evidence.alone:
        return []
    by_row = {one.spectrum.point_index: one for one in evidence.spectra if one.usable}
    found: list[Referenced] = []
    for first_row, piece in _numbered(pieces()):
        for row in sorted(row - first_row for row in by_row if first_row <= row < first_row + len(piece["time"])):
            if conditions.reference == "once" and not piece["stress_time"][row] >= conditions.initial_time - _ROUNDING:
                continue
            one = {name: column[row : row + 1] for name, column in piece.items()}
            luminance = float(_evaluated(one, first_row + row, evidence, ())["luminance"][0])
            found += _referenced(by_row[first_row + row], float(one["time"][0]), luminance, evidence)
            if found and conditions.reference == "once":
                return found
    return found


def _referenced(one: MeasuredSpectrum, time: float, luminance: float, evidence: Evidence) -> Iterator[Referenced]:
    """What a spectrum says of the photodiode's luminance; nothing without light of both.

    It is held against the photodiode's light in the middle of its exposure, by what that was at its row, at ``time``
    [s], ``luminance`` [cd/m^2], and at the end: a device fades meanwhile. When in between the meter sees light is not
    known: it seeks its exposure first, and looks as long without light.
    """
    spectrum = one.spectrum
    middle, drift = (spectrum.start + spectrum.stop) / 2, spectrum.drift if isfinite(spectrum.drift) else 0.0
    passed = (middle - time) / (spectrum.stop - time) if spectrum.stop > time else 0.0
    light = luminance * exp(drift * passed)
    if light > 0.0 and spectrum.luminance > 0.0:
        noise = hypot(evidence.calibrating_noise(one), rectangular(drift / 2))
        yield Referenced(middle, spectrum.luminance / light, noise)


def _reference_noise(references: Sequence[Referenced]) -> float:
    """What noise leaves open of two references beside each other, relative (k = 1); of one alone all have the same."""
    return max(one.noise for one in references) if len(references) > 1 else 0.0
