"""The final evaluation of a lifetime: all its spectra and dark readings are known. Pure, and in bounded memory.

The rows are handed over piece by piece, as often as needed; none of this holds more than a piece of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, nan, sqrt
from typing import Any

import numpy as np

from acquire.evaluation.decay import Course, Decay, DecayConditions
from acquire.evaluation.evaluate import Evidence, evaluate_run
from acquire.evaluation.figure import Figure
from acquire.evaluation.flagged import FIRST_CYCLE
from acquire.evaluation.lifetime_figures import lifetime_figures
from acquire.photometry.elementwise import quotient
from acquire.records import Branch, Columns, FloatArray, Spectrum

#: The rows of a run, piece by piece, from the first one each time.
Pieces = Callable[[], Iterable[Columns]]

#: What of a row does not change any more.
READ = ("time", "stress_time", "source_level", "voltage", "current", "photodiode_signal", "flags")


@dataclass(frozen=True)
class FinalLifetime:
    """The final values of a lifetime: of its rows by :meth:`points`, ``figures``, and the ``course`` for a picture.

    ``initial`` is L_0 by time [cd/m^2] with its relative ``spread``; ``references`` the luminance by a spectrum over
    that by the photodiode, by the time of the run [s], where the photodiode is referenced to spectra.
    """

    evidence: Evidence
    conditions: DecayConditions
    references: Sequence[tuple[float, float]] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    course: Course | None = None
    initial: float = nan
    spread: float = nan

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


_EQE = ("external_quantum_efficiency", "external_quantum_efficiency_uncertainty")


def final_lifetime(
    evidence: Evidence, configuration: Mapping[str, Any], spectra: Sequence[Spectrum], pieces: Pieces
) -> FinalLifetime | None:
    """The final values of a lifetime from its rows; None where the ``configuration`` is that of no lifetime.

    ``spectra`` are those of the run, with the numbers of the rows at which they were taken.
    """
    conditions = DecayConditions.of(configuration)
    if conditions is None:
        return None
    references = _references(evidence, spectra, pieces) if conditions.referenced else ()
    decay = Decay(conditions)
    for first_row, piece in _numbered(pieces()):
        values = _evaluated(piece, first_row, evidence, references)
        decay.add({**piece, **values})
    first = decay.first
    return FinalLifetime(
        evidence,
        conditions,
        references,
        lifetime_figures(decay, _factor_spread(evidence), _offset(evidence)),
        decay.course(),
        nan if first is None else first.luminance,
        nan if first is None else first.spread,
    )


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
    piece: Columns, first_row: int, evidence: Evidence, references: Sequence[tuple[float, float]]
) -> dict[str, FloatArray]:
    """The derived values of some rows, with the ``spread`` of each luminance."""
    count = len(piece["time"])
    one = {"branch": np.full(count, Branch.FORWARD.encode()), "cycle": np.full(count, FIRST_CYCLE)}
    values = dict(evaluate_run({**piece, **one}, evidence, first_row))
    luminance, own = values["luminance"], values["luminance_independent_uncertainty"]
    values["spread"] = np.asarray(quotient(own, luminance, luminance > 0, nan), float)
    if references:
        when, ratio = np.array(references).T
        worth = np.interp(piece["time"], when, ratio)
        for name in ("luminance", "luminance_uncertainty", *_EQE):
            values[name] = values[name] * worth
    return values


def _references(evidence: Evidence, spectra: Sequence[Spectrum], pieces: Pieces) -> list[tuple[float, float]]:
    """What the photodiode's luminance is worth at the row of each spectrum: between them it is linear in time."""
    rows = {spectrum.point_index for spectrum in spectra}
    found: list[tuple[float, float]] = []
    for first_row, piece in _numbered(pieces()):
        for row in sorted(row for row in rows if first_row <= row < first_row + len(piece["time"])):
            one = {name: column[row - first_row : row - first_row + 1] for name, column in piece.items()}
            difference = float(_evaluated(one, row, evidence, ())["route_difference"][0])
            if np.isfinite(difference) and difference > -1:
                found.append((float(one["time"][0]), 1 / (1 + difference)))
    return found
