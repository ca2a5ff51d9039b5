"""What a run has put on its device, from the rows of its file."""

from __future__ import annotations

from acquire.evaluation.stress import Stress, stress_of_sweep, with_exposures
from acquire.run_file.read import Run


def stress_of(run: Run) -> Stress:
    """The stress as far as a run has been recorded."""
    points, samples, spectra = (run.tables[name] for name in ("jvl", "exposure_samples", "spectra"))
    return with_exposures(stress_of_sweep(points, samples), spectra["start"], spectra["stop"])
