"""The final evaluation of a run: all its spectra and dark readings are known. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from math import inf, isfinite, nan

import numpy as np

from acquire.evaluation.ageing import changes_after_the_sweep, level_read_again
from acquire.evaluation.angular_remark import with_angular_factor
from acquire.evaluation.branches import branch_summaries
from acquire.evaluation.budget import current_limit
from acquire.evaluation.calibration import Calibration, LuminanceRoute
from acquire.evaluation.cautions import contact_cautions, light_cautions
from acquire.evaluation.evaluate import Evidence, budget_at, evaluate_run
from acquire.evaluation.evidence import scatter
from acquire.evaluation.figure import Figure, JVLCurve
from acquire.evaluation.figure_uncertainty import BudgetedCurve, FigureBudget, figure_budgets, with_uncertainties
from acquire.evaluation.figures import figures_of_merit, hysteresis_figures
from acquire.evaluation.findings import findings, judged
from acquire.evaluation.flagged import flagged, rows_of
from acquire.evaluation.known import Known
from acquire.evaluation.photodiode_findings import SIGNAL_FALLS, at_amplifier_limit
from acquire.evaluation.repeated import repeatability
from acquire.evaluation.single_carrier import (
    polarities,
    single_carrier_budgets,
    single_carrier_figures,
    transport_points,
)
from acquire.evaluation.spectral_figures import spectrum_figures, wall_plug
from acquire.evaluation.transport import Analysed
from acquire.photometry.elementwise import IntArray, quotient
from acquire.records import (
    DIRECTIONS,
    Branch,
    BranchSummary,
    Columns,
    DarkReading,
    Finding,
    FloatArray,
    Note,
    PointFlag,
    RepeatedReading,
    Spectrum,
    TransportPoint,
)


@dataclass(frozen=True)
class FinalEvaluation:
    """All that is known of a run once it is over; built once, whatever is computed from it."""

    evidence: Evidence
    dark: Sequence[DarkReading]
    spectra: Sequence[Spectrum]
    repeated: Sequence[RepeatedReading] = ()

    @property
    def imported(self) -> bool:
        """Whether another program measured the run: its numbers stand as they are, their uncertainties not known."""
        return self.evidence.calibration.conditions.luminance_route == LuminanceRoute.IMPORTED

    def points(self, live: Columns) -> Columns:
        """The columns of a run's points (n,) with the final values in place of the ``live`` ones."""
        if self.imported:
            return dict(live)
        points = {**live, **evaluate_run(live, self.evidence)}
        at_limit = at_amplifier_limit(points, self.evidence)
        return {**points, "flags": points["flags"] | at_limit * int(PointFlag.AMPLIFIER_LIMIT)}

    def figures(self, points: Columns) -> dict[str, Figure]:
        """The figures of merit of a run from its :meth:`points`."""
        forward, reverse = (_curve(points, branch, self.evidence, self.dark) for branch in DIRECTIONS)
        if self.evidence.calibration.layer.stated:
            back = hysteresis_figures(forward, reverse) if forward and reverse else {}
            return single_carrier_figures(self._polarities(points), self.evidence.calibration) | back
        figures = figures_of_merit(forward, reverse)
        if not figures or self.imported:
            return figures
        figures = with_uncertainties(figures, self.budgets(points, figures))
        changes = changes_after_the_sweep(level_read_again(points, self.repeated, self.evidence))
        figures |= with_uncertainties(self._spectral(points, figures) | repeatability(points) | changes, {})
        return with_angular_factor(figures, self.evidence.calibration)

    def budgets(self, points: Columns, figures: Mapping[str, Figure]) -> dict[str, FigureBudget]:
        """Where the uncertainty of each figure comes from, as far as it is known; from a run's :meth:`points`."""
        if self.evidence.calibration.layer.stated:
            return single_carrier_budgets(self._polarities(points), self.evidence.calibration)
        forward, reverse = (self._budgeted(points, branch) for branch in DIRECTIONS)
        return figure_budgets(figures, forward, reverse)

    def transport(self, points: Columns) -> list[TransportPoint]:
        """What was made of each point of a device without light, from a run's :meth:`points`; of any other none."""
        if not self.evidence.calibration.layer.stated:
            return []
        return transport_points(self._polarities(points), self.evidence.calibration)

    def _polarities(self, points: Columns) -> dict[str, Analysed]:
        floor = _current_density_floor(points["current"][:1], self.evidence, self.dark)
        return polarities(points, self.evidence.calibration, float(floor[0]) if floor.size else 0.0)

    def branches(self, points: Columns) -> list[BranchSummary]:
        """Each branch of each cycle in the order measured, from a run's :meth:`points`."""
        return list(branch_summaries(points, lambda rows: _curve_of(points, rows, self.evidence, self.dark)))

    def _budgeted(self, points: Columns, branch: Branch) -> BudgetedCurve | None:
        """One branch from low to high, with the budgets of its points."""
        curve, rows = _curve(points, branch, self.evidence, self.dark), rows_of(points, branch)
        if curve is None:
            return None
        if branch is Branch.REVERSE:
            curve, rows = curve.reversed(), rows[::-1]
        density = points["current_density"][rows]
        spread = points["current_density_independent_uncertainty"][rows]
        ammeter = quotient(spread, abs(density), density != 0, inf)
        return BudgetedCurve(curve, cache(lambda i: budget_at(points, int(rows[i]), self.evidence)), ammeter)

    def _spectral(self, points: Columns, figures: Mapping[str, Figure]) -> dict[str, Figure]:
        """Figures of the spectrum at the maximum of the current efficiency, of the brightest without any luminance."""
        indices = {candidate.index for candidate in self.evidence.candidates if candidate.usable}
        usable = [spectrum for spectrum in self.spectra if spectrum.index in indices]
        luminance = figures["current_efficiency_max"].luminance
        if not np.isfinite(points["luminance"]).any():
            luminance = max((spectrum.luminance for spectrum in usable), default=nan)
        spectral = spectrum_figures(usable, luminance, self.evidence.calibration.uncertainty.wavelength)
        efficacy = spectral["luminous_efficacy_of_radiation"]
        return spectral | {
            "wall_plug_efficiency_at_power_efficiency_max": wall_plug(figures["power_efficiency_max"], efficacy)
        }

    def judged(self, points: Columns, source_unit: str, day: str = "") -> tuple[dict[str, Figure], list[Finding]]:
        """The :meth:`figures`, none called ok that a flag or something else speaks against, and what was found.

        ``source_unit`` is that of the source's level, V or A; ``day`` that of the run, as 2026-03-31.
        """
        photodiode = None if self.evidence.alone else self.evidence.photodiode
        by_shape = photodiode is not None and photodiode.responsivity is not None
        figures = flagged(
            self.figures(points), points, shape_in_luminance=by_shape, by_photodiode=photodiode is not None
        )
        time = points["time"]
        last = float(time[np.isfinite(time)].max(initial=0.0))
        found = findings(Known(self.evidence, points, self.spectra, source_unit, last, figures, day, self.repeated))
        return judged(figures, found), found

    def cautions(self, points: Columns, source_unit: str, found: Sequence[Finding] = ()) -> list[Note]:
        """What the readings of a run say against it, noted at the first dark reading, where a run begins.

        ``source_unit`` is that of the source's level, V or A; ``found`` what is said in findings already.
        """
        conditions, layer = self.evidence.calibration.conditions, self.evidence.calibration.layer
        texts = contact_cautions(points, self.dark, conditions, source_unit)
        if not layer.stated and not any(finding.code == SIGNAL_FALLS for finding in found):  # which says it better
            texts = light_cautions(points, self.dark, conditions) + texts
        return [Note(self.dark[0].time if self.dark else 0.0, text) for text in texts]


def final_evaluation(
    dark: Sequence[DarkReading],
    spectra: Sequence[Spectrum],
    calibration: Calibration,
    repeated: Sequence[RepeatedReading] = (),
) -> FinalEvaluation:
    """The evaluation that knows a whole run."""
    evidence = Evidence(calibration, final=True).with_dark(dark)
    return FinalEvaluation(evidence.with_spectra(spectra), dark, spectra, repeated)


def _curve(points: Columns, branch: Branch, evidence: Evidence, dark: Sequence[DarkReading]) -> JVLCurve | None:
    """One branch of the first cycle; points where the limit, not the level, decided are left out."""
    chosen = rows_of(points, branch)
    return _curve_of(points, chosen, evidence, dark) if chosen.size else None


def _curve_of(points: Columns, chosen: IntArray, evidence: Evidence, dark: Sequence[DarkReading]) -> JVLCurve:
    """Some rows of a run's points as a curve."""
    columns = {name: points[name][chosen] for name in _CURVE_COLUMNS}
    columns["time"] = without_pauses(points["time"], points["flags"])[chosen]
    conditions = evidence.calibration.conditions
    columns["voltage"] = conditions.device_voltage(columns["voltage"], points["current"][chosen])
    signal, time = points["photodiode_signal"][chosen], points["time"][chosen]
    return JVLCurve(
        **columns,
        luminance_noise=_luminance_noise(columns["luminance"], signal, time, evidence),
        current_density_floor=_current_density_floor(points["current"][chosen], evidence, dark),
    )


def without_pauses(time: FloatArray, flags: IntArray) -> FloatArray:
    """Times (n,) [s] of the points of a run from which its pauses are taken out: no level stood so long.

    The point after a pause comes together with the one before it; what lies between two others stays.
    """
    gaps = np.where(flags[1:] & int(PointFlag.AFTER_PAUSE) != 0, np.diff(time), 0.0)
    return time - np.concatenate([[0.0], np.cumsum(np.nan_to_num(gaps))]) if time.size else time


_NOT_IN_THE_FILE = ("luminance_noise", "current_density_floor")
_CURVE_COLUMNS = [field.name for field in fields(JVLCurve) if field.name not in _NOT_IN_THE_FILE]


def _current_density_floor(current: FloatArray, evidence: Evidence, dark: Sequence[DarkReading]) -> FloatArray:
    """Three times what a current of 0 may read as [A/m^2] at each point (n,): limit of error, scatter in the dark."""
    conditions = evidence.calibration.conditions
    if conditions.luminance_route == LuminanceRoute.IMPORTED:
        return np.zeros(current.shape)  # by meters of which nothing is known
    in_the_dark = tuple(reading.current for reading in dark if isfinite(reading.current))
    offset = float(current_limit(0.0, conditions))
    return np.full(current.shape, 3 * max(scatter(in_the_dark), offset) / conditions.emissive_area)


def _luminance_noise(luminance: FloatArray, signal: FloatArray, time: FloatArray, evidence: Evidence) -> FloatArray:
    """The scatter of the dark readings as a luminance [cd/m^2] at each point (n,)."""
    if evidence.alone:
        return np.zeros(luminance.shape)  # the photodiode gives none of it
    light = evidence.photocurrent(signal, time)
    per_photocurrent = quotient(luminance, light, light != 0, 0.0)
    return evidence.dark_photocurrent * per_photocurrent
