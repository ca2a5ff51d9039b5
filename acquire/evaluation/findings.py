"""Does anything here contradict anything else? The one place that asks, while a run goes on and when it is over. Pure.

A number of a run is held against what the run itself, its calibration and physics know of it. What is found says how
grave it is, in words with its values and limit, which figures of merit it touches, and what to do.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.evaluation.ageing import aged_during_the_sweep
from acquire.evaluation.before_findings import (
    alarm_of_the_bench,
    calibration_of_another_bench,
    calibration_of_the_day,
    likely_area,
    spot_beyond_the_pixel,
)
from acquire.evaluation.bounds import beyond_physics, current_not_resolved, unlikely_efficiency
from acquire.evaluation.calibration import Calibration
from acquire.evaluation.calibration_findings import outside_calibrated_span
from acquire.evaluation.connection_findings import light_outside_responsivity, loaded_photodiode
from acquire.evaluation.dark_findings import unsteady_dark
from acquire.evaluation.evidence import Evidence
from acquire.evaluation.figure import Figure
from acquire.evaluation.known import Known
from acquire.evaluation.light_compared import factor_of_the_run, photodiode_against_spectra
from acquire.evaluation.photodiode_findings import amplifier_at_limit, light_on_the_wrong_side
from acquire.evaluation.spectrum_findings import spectra_against_their_meter
from acquire.evaluation.surroundings_findings import unusual_temperature
from acquire.records import Branch, Columns, Finding, Record, Severity, Spectrum

Question = Callable[[Known], Iterator[Finding]]

#: What can be asked before the first point.
BEFORE: tuple[Question, ...] = (
    calibration_of_the_day,
    calibration_of_another_bench,
    likely_area,
    spot_beyond_the_pixel,
    alarm_of_the_bench,
)

#: What is asked of measured points and spectra, while they come and at the end.
MEASURED: tuple[Question, ...] = (
    photodiode_against_spectra,
    factor_of_the_run,
    spectra_against_their_meter,
    beyond_physics,
    unlikely_efficiency,
    current_not_resolved,
    amplifier_at_limit,
    light_on_the_wrong_side,
    loaded_photodiode,
    light_outside_responsivity,
)


#: What can be asked when the sweep is over.
AFTERWARDS: tuple[Question, ...] = (aged_during_the_sweep, unsteady_dark, unusual_temperature)

#: Everything that is asked of a whole run.
QUESTIONS = (*MEASURED, outside_calibrated_span, *AFTERWARDS, *BEFORE)


def findings(known: Known, questions: Sequence[Question] = QUESTIONS) -> list[Finding]:
    """What contradicts something else in what is known of a run, the gravest first."""
    found = [finding for question in questions for finding in _answers(question, known)]
    return sorted(found, key=lambda finding: -_RANKS[finding.severity])


def _answers(question: Question, known: Known) -> list[Finding]:
    """What a question finds; that it could not be asked costs neither the run nor the answers to the others."""
    try:
        return list(question(known))
    except Exception as problem:
        text = f"{question.__name__} could not be asked ({type(problem).__name__}: {problem})"
        return [Finding(known.time, "not_asked", Severity.NOTE, text)]


def findings_before(calibration: Calibration, source_unit: str, day: str) -> list[Finding]:
    """What is known against a run of this ``day``, as 2026-03-31, before its first point."""
    return findings(Known(Evidence(calibration), {}, (), source_unit, 0.0, day=day), BEFORE)


def judged(figures: Mapping[str, Figure], found: Sequence[Finding]) -> dict[str, Figure]:
    """The figures, each with the severity of the gravest finding that touches it as its status, and the reason."""
    return {name: _judged(name, figure, found) for name, figure in figures.items()}


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


#: What a finding says of a figure where its status says it more exactly.
_SAID_BY_STATUS = {"amplifier_at_limit": "lower_bound"}


def _judged(name: str, figure: Figure, found: Sequence[Finding]) -> Figure:
    against = [one for one in found if name in one.figures and one.severity is not Severity.NOTE]
    if not against or not isfinite(figure.value):
        return figure
    if figure.status in {_SAID_BY_STATUS.get(one.code, "") for one in against}:
        against = [one for one in against if one.code not in _SAID_BY_STATUS]
        if not against:
            return figure
    gravest = max(against, key=lambda one: _RANKS[one.severity])
    before = "" if figure.status == "ok" else f"{figure.status}{f' ({figure.reason})' if figure.reason else ''}"
    reasons = [*dict.fromkeys(one.text for one in (gravest, *against)), *([before] if before else [])]
    return replace(figure, status=str(gravest.severity), reason="; ".join(reasons))


_READ = ("cycle", "time", "source_level", "voltage", "current", "photodiode_signal")

#: What is asked of points while the run goes on, beside their branch.
_COLUMNS = (
    "flags",
    *_READ,
    "current_density",
    "luminance",
    "current_efficiency",
    "power_efficiency",
    "external_quantum_efficiency",
    "luminance_uncertainty",
    "power_efficiency_uncertainty",
    "spectrum_index",
    "external_quantum_efficiency_uncertainty",
)


_fetch = attrgetter(*(f"reading.{name}" if name in _READ else name for name in _COLUMNS))


_BRANCHES = tuple(Branch)


#: So many points are held against each other while a run goes on; of a longer one the last half of them.
MOST_WATCHED = 100_000


@dataclass
class Watch:
    """Asks while a run goes on, and tells each finding once, and again when it is graver."""

    source_unit: str
    _points: array[float] = field(default_factory=lambda: array("d"))  # row by row
    _branches: bytearray = field(default_factory=bytearray)
    _spectra: list[Spectrum] = field(default_factory=list)
    _told: dict[str, Severity] = field(default_factory=dict)

    def point(self, record: Record) -> None:
        """Take a point into account: some hundred bytes of it."""
        self._branches.append(_BRANCHES.index(record.reading.branch))
        self._points.extend(_fetch(record))
        if len(self._branches) > MOST_WATCHED:  # a lifetime has millions
            del self._branches[: MOST_WATCHED // 2]
            del self._points[: MOST_WATCHED // 2 * len(_COLUMNS)]

    def spectrum(self, spectrum: Spectrum, evidence: Evidence) -> list[Finding]:
        """Take a spectrum into account, and ask."""
        self._spectra.append(spectrum)
        known = Known(evidence, self._columns(), self._spectra, self.source_unit, spectrum.stop)
        new = [one for one in findings(known, MEASURED) if _RANKS[one.severity] > self._rank_told(one.code)]
        self._told |= {one.code: one.severity for one in new}
        return new

    def _rank_told(self, code: str) -> int:
        return _RANKS[self._told[code]] if code in self._told else -1

    def _columns(self) -> Columns:
        rows = np.array(self._points).reshape(-1, len(_COLUMNS))
        columns: dict[str, npt.NDArray[Any]] = {
            name: np.ascontiguousarray(values) for name, values in zip(_COLUMNS, rows.T, strict=True)
        }
        branch = np.array([one.encode() for one in _BRANCHES])[np.frombuffer(bytes(self._branches), np.uint8)]
        return {**columns, "flags": columns["flags"].astype(np.uint32), "branch": branch}
