"""What is computed of a whole run: final values, figures, findings; by the calibration that it has, or another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from acquire.evaluation.calibration import Calibration
from acquire.evaluation.decay import DecayConditions
from acquire.evaluation.figure import Figure
from acquire.evaluation.final import final_evaluation
from acquire.evaluation.lifetime import FinalLifetime
from acquire.evaluation.surroundings_findings import temperature_in
from acquire.photometry.many_spectra import colorimetry
from acquire.records import Columns, Finding, Note, Spectrum
from acquire.run_file.analyses import COMPUTED, COMPUTED_OF_SPECTRA, Results
from acquire.run_file.columns import read_columns, segments
from acquire.run_file.layout import (
    BRANCH_COLUMNS,
    FINDING_COLUMNS,
    MOST_FINDINGS,
    NOTE_BYTES,
    NOTE_COLUMNS,
    TRANSPORT_COLUMNS,
    storable,
)
from acquire.run_file.lifetime import lifetime_of
from acquire.run_file.read import Run, table_of


def final_results(
    run: Run, spectra: Sequence[Spectrum], lifetime: FinalLifetime | None = None
) -> tuple[dict[str, Columns], Mapping[str, Figure], list[Note]]:
    """Final tables, figures of merit and cautions of a run whose spectra are these; ``lifetime`` of its long table."""
    final = final_evaluation(run.dark, _of_points(run, spectra), run.calibration, run.repeated)
    points = final.points(run.tables["jvl"])
    of_points, found = final.judged(points, run.source_unit, run.start_time[:10])
    figures: Mapping[str, Figure] = of_points
    if lifetime is not None:  # which knows its own points and figures
        figures = lifetime.figures
        found = [*lifetime.findings, *(one for one in found if one.code not in {of.code for of in lifetime.findings})]
    found = [*found, *_of_long_tables(run)]
    tables = {
        "jvl": points,
        "findings": _findings_table(found),
        "branches": table_of(final.branches(points), BRANCH_COLUMNS),
        "transport": table_of(final.transport(points), TRANSPORT_COLUMNS),
    }
    cautions = final.cautions(points, run.source_unit, found) if lifetime is None else [*lifetime.cautions]
    return tables, figures, cautions


def results_of(run: Run, calibration: Calibration) -> Results:
    """The results of a run by this calibration, computed from nothing but its readings and the samples of its spectra.

    The rows of a lifetime's long table are not among them: they are computed when they are read, piece by piece
    (:func:`acquire.run_file.lifetime.lifetime_of`).
    """
    found = colorimetry(run.tables["spectra"]["spectral_radiance"], calibration.shape)
    each = zip(run.spectra, np.array(found).T.tolist(), strict=True)
    spectra = [replace(one, **dict(zip(COMPUTED_OF_SPECTRA, values, strict=True))) for one, values in each]
    columns = {**run.tables["spectra"], **found._asdict()}
    changed = replace(run, calibration=calibration, tables={**run.tables, "spectra": columns})
    lasting = run.rows.get("lifetime") and DecayConditions.of(run.configuration) is not None
    tables, figures, cautions = final_results(changed, spectra, lifetime_of(changed) if lasting else None)
    computed = {
        "jvl": {name: tables["jvl"][name] for name in COMPUTED},
        "spectra": found._asdict(),
        "findings": tables["findings"],
        "branches": tables["branches"],
        "notes": _notes_table(cautions),
    }
    if "transport" in run.tables and calibration.layer.stated:
        computed["transport"] = tables["transport"]
    return Results(calibration, computed, figures)


def _notes_table(notes: Sequence[Note]) -> Columns:
    return table_of([replace(note, text=storable(note.text, NOTE_BYTES)) for note in notes], NOTE_COLUMNS)


def _of_points(run: Run, spectra: Sequence[Spectrum]) -> Sequence[Spectrum]:
    """The spectra, by the numbers of the points at which they were taken; none is of a point between a lifetime's."""
    if DecayConditions.of(run.configuration) is None:
        return spectra
    return [replace(spectrum, point_index=-1) for spectrum in spectra]


def _of_long_tables(run: Run) -> Iterator[Finding]:
    """What the rows of a lifetime say of the room in which it was measured."""
    if run.rows.get("lifetime"):
        yield from temperature_in(segments(run.path, "lifetime", ("ambient_temperature",)), last_time(run))


def last_time(run: Run) -> float:
    """When the last row was written [s]; a damaged one has no time."""
    columns = [run.tables[name]["time"] for name in ("jvl", "dark", "exposure_samples")]
    columns += [read_columns(run.path, name, ["time"], rows - 100)["time"] for name, rows in run.rows.items() if rows]
    return max(float(time[np.isfinite(time)].max(initial=0.0)) for time in columns)


def _findings_table(found: Sequence[Finding]) -> Columns:
    """The final findings, in place of those that were told while the run went on; texts as the file holds them."""
    kept = [
        replace(one, text=storable(one.text, NOTE_BYTES), remedy=storable(one.remedy, NOTE_BYTES))
        for one in found[:MOST_FINDINGS]
    ]
    return table_of(kept, FINDING_COLUMNS)
