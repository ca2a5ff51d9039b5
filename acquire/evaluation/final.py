"""The final evaluation of a run: all its spectra and dark readings are known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from acquire.evaluation.calibration import Calibration
from acquire.evaluation.cautions import contact_cautions, light_cautions
from acquire.evaluation.evaluate import Evidence, evaluate_run
from acquire.evaluation.figures import Figure, JVLCurve, SpectrumFigures, figures_of_merit
from acquire.evaluation.findings import findings, judged
from acquire.evaluation.flagged import flagged
from acquire.evaluation.known import Known
from acquire.evaluation.pairs import pairs
from acquire.evaluation.photodiode_findings import at_amplifier_limit
from acquire.photometry.elementwise import quotient
from acquire.records import Branch, Columns, DarkReading, Finding, FloatArray, Note, PointFlag, Spectrum


@dataclass(frozen=True)
class FinalEvaluation:
    """All that is known of a run once it is over; built once, whatever is computed from it."""

    evidence: Evidence
    dark: Sequence[DarkReading]
    spectra: Sequence[Spectrum]

    def points(self, live: Columns) -> Columns:
        """The columns of a run's points (n,) with the final values in place of the ``live`` ones."""
        points = {**live, **evaluate_run(live, self.evidence)}
        at_limit = at_amplifier_limit(points, self.evidence)
        return {**points, "flags": points["flags"] | at_limit * int(PointFlag.AMPLIFIER_LIMIT)}

    def figures(self, points: Columns) -> dict[str, Figure]:
        """The figures of merit of a run from its :meth:`points`."""
        usable = {candidate.index for candidate in self.evidence.candidates if candidate.usable}
        lines = [
            SpectrumFigures(spectrum.luminance, spectrum.x, spectrum.y, spectrum.peak_wavelength, spectrum.fwhm)
            for spectrum in self.spectra
            if spectrum.index in usable
        ]
        forward, reverse = (_curve(points, branch, self.evidence) for branch in (Branch.FORWARD, Branch.REVERSE))
        return figures_of_merit(forward, reverse, lines)

    def judged(self, points: Columns, source_unit: str) -> tuple[dict[str, Figure], list[Finding]]:
        """The :meth:`figures`, none called ok that a flag or something else speaks against, and what was found.

        ``source_unit`` is that of the source's level, V or A.
        """
        photodiode = self.evidence.calibration.photodiode
        by_shape = photodiode is not None and photodiode.responsivity is not None
        figures = flagged(self.figures(points), points, shape_in_luminance=by_shape)
        time = points["time"]
        last = float(time[np.isfinite(time)].max(initial=0.0))
        compared = pairs(self.evidence, self.spectra)
        found = findings(Known(self.evidence, points, self.spectra, compared, self.dark, source_unit, last, figures))
        return judged(figures, found), found

    def cautions(self, points: Columns, source_unit: str) -> list[Note]:
        """What the readings of a run say against it, noted at the first dark reading, where a run begins.

        ``source_unit`` is that of the source's level, V or A.
        """
        conditions = self.evidence.calibration.conditions
        texts = light_cautions(points, self.dark, conditions) + contact_cautions(
            points, self.dark, conditions, source_unit
        )
        return [Note(self.dark[0].time if self.dark else 0.0, text) for text in texts]


def final_evaluation(
    dark: Sequence[DarkReading], spectra: Sequence[Spectrum], calibration: Calibration
) -> FinalEvaluation:
    """The evaluation that knows a whole run."""
    evidence = Evidence(calibration, final=True).with_dark(dark)
    return FinalEvaluation(evidence.with_spectra(spectra), dark, spectra)


def _curve(points: Columns, branch: Branch, evidence: Evidence) -> JVLCurve | None:
    """One branch; points where the limit, not the level, decided are left out."""
    limited = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE | PointFlag.OVER_RANGE
    chosen = (points["branch"] == branch.encode()) & (points["flags"] & int(limited) == 0)
    if not chosen.any():
        return None
    columns = {name: points[name][chosen] for name in _CURVE_COLUMNS}
    conditions = evidence.calibration.conditions
    columns["voltage"] = conditions.device_voltage(columns["voltage"], points["current"][chosen])
    signal, time = points["photodiode_signal"][chosen], points["time"][chosen]
    return JVLCurve(**columns, luminance_noise=_luminance_noise(columns["luminance"], signal, time, evidence))


_CURVE_COLUMNS = [field.name for field in fields(JVLCurve) if field.name != "luminance_noise"]


def _luminance_noise(luminance: FloatArray, signal: FloatArray, time: FloatArray, evidence: Evidence) -> FloatArray:
    """The scatter of the dark readings as a luminance [cd/m^2] at each point (n,)."""
    light = evidence.photocurrent(signal, time)
    per_photocurrent = quotient(luminance, light, light != 0, 0.0)
    return evidence.dark_deviation / abs(evidence.calibration.conditions.transfer) * per_photocurrent
