"""The final evaluation of a run: all its spectra and dark readings are known. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf

import numpy as np

from acquire.evaluation.calibration import Calibration
from acquire.evaluation.cautions import contact_cautions, light_cautions
from acquire.evaluation.evaluate import Evidence, budget_at, evaluate_run
from acquire.evaluation.figure_uncertainty import BudgetedCurve, FigureBudget, figure_budgets, with_uncertainties
from acquire.evaluation.figures import Figure, JVLCurve, SpectrumFigures, figures_of_merit
from acquire.evaluation.findings import findings, judged
from acquire.evaluation.known import Known
from acquire.photometry.elementwise import IntArray, quotient
from acquire.records import Branch, Columns, DarkReading, Finding, FloatArray, Note, PointFlag, Spectrum


@dataclass(frozen=True)
class FinalEvaluation:
    """All that is known of a run once it is over; built once, whatever is computed from it."""

    evidence: Evidence
    dark: Sequence[DarkReading]
    spectra: Sequence[Spectrum]

    def points(self, live: Columns) -> Columns:
        """The columns of a run's points (n,) with the final values in place of the ``live`` ones."""
        return {**live, **evaluate_run(live, self.evidence)}

    def figures(self, points: Columns) -> dict[str, Figure]:
        """The figures of merit of a run from its :meth:`points`."""
        usable = {candidate.index for candidate in self.evidence.candidates if candidate.usable}
        lines = [
            SpectrumFigures(spectrum.luminance, spectrum.x, spectrum.y, spectrum.peak_wavelength, spectrum.fwhm)
            for spectrum in self.spectra
            if spectrum.index in usable
        ]
        forward, reverse = (_curve(points, branch, self.evidence) for branch in (Branch.FORWARD, Branch.REVERSE))
        figures = figures_of_merit(forward, reverse, lines)
        return with_uncertainties(figures, self.budgets(points, figures))

    def budgets(self, points: Columns, figures: Mapping[str, Figure]) -> dict[str, FigureBudget]:
        """Where the uncertainty of each figure comes from, as far as it is known; from a run's :meth:`points`."""
        forward, reverse = (_budgeted(points, branch, self.evidence) for branch in (Branch.FORWARD, Branch.REVERSE))
        return figure_budgets(figures, forward, reverse)

    def judged(self, points: Columns, source_unit: str) -> tuple[dict[str, Figure], list[Finding]]:
        """The :meth:`figures`, none of them called ok that something contradicts, and what was found.

        ``source_unit`` is that of the source's level, V or A.
        """
        figures = self.figures(points)
        time = points["time"]
        last = float(time[np.isfinite(time)].max(initial=0.0))
        found = findings(Known(self.evidence, points, self.spectra, self.dark, source_unit, last, figures))
        return judged(figures, found), found

    def cautions(self, points: Columns, source_unit: str) -> list[Note]:
        """What the readings of a run say against it, noted at the first dark reading, where a run begins.

        ``source_unit`` is that of the source's level, V or A.
        """
        conditions = self.evidence.calibration.conditions
        texts = light_cautions(points, self.dark) + contact_cautions(points, self.dark, conditions, source_unit)
        return [Note(self.dark[0].time if self.dark else 0.0, text) for text in texts]


def final_evaluation(
    dark: Sequence[DarkReading], spectra: Sequence[Spectrum], calibration: Calibration
) -> FinalEvaluation:
    """The evaluation that knows a whole run."""
    evidence = Evidence(calibration, final=True).with_dark(dark)
    for spectrum in spectra:
        evidence = evidence.with_spectrum(spectrum)
    return FinalEvaluation(evidence, dark, spectra)


def _curve(points: Columns, branch: Branch, evidence: Evidence) -> JVLCurve | None:
    """One branch; points where the limit, not the level, decided are left out."""
    chosen = _rows(points, branch)
    if not chosen.size:
        return None
    columns = {name: points[name][chosen] for name in _CURVE_COLUMNS}
    signal, time = points["photodiode_signal"][chosen], points["time"][chosen]
    return JVLCurve(**columns, luminance_noise=_luminance_noise(columns["luminance"], signal, time, evidence))


def _rows(points: Columns, branch: Branch) -> IntArray:
    limited = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE | PointFlag.OVER_RANGE
    return np.flatnonzero((points["branch"] == branch.encode()) & (points["flags"] & int(limited) == 0))


def _budgeted(points: Columns, branch: Branch, evidence: Evidence) -> BudgetedCurve | None:
    """One branch from low to high, with the budgets of its points."""
    curve, rows = _curve(points, branch, evidence), _rows(points, branch)
    if curve is None:
        return None
    if branch is Branch.REVERSE:
        curve, rows = curve.reversed(), rows[::-1]
    density = points["current_density"][rows]
    spread = points["current_density_independent_uncertainty"][rows]
    ammeter = quotient(spread, abs(density), density != 0, inf)
    return BudgetedCurve(curve, lambda i: budget_at(points, int(rows[i]), evidence), ammeter)


_CURVE_COLUMNS = [field.name for field in fields(JVLCurve) if field.name != "luminance_noise"]


def _luminance_noise(luminance: FloatArray, signal: FloatArray, time: FloatArray, evidence: Evidence) -> FloatArray:
    """The scatter of the dark readings as a luminance [cd/m^2] at each point (n,)."""
    light = evidence.photocurrent(signal, time)
    per_photocurrent = quotient(luminance, light, light != 0, 0.0)
    return evidence.dark_deviation / evidence.calibration.conditions.amplifier_gain * per_photocurrent
