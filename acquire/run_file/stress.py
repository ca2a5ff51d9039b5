"""What a run has put on its device, from the rows of its file."""

from __future__ import annotations

from acquire.evaluation.device_stress import Stress, stress_of_lifetime, stress_of_sweep, with_exposures
from acquire.run_file.columns import segments
from acquire.run_file.read import Run


def stress_of(run: Run) -> Stress:
    """The stress as far as a run has been recorded; the long table of a lifetime is read piece by piece."""
    points, samples, spectra = (run.tables[name] for name in ("jvl", "exposure_samples", "spectra"))
    aged = Stress()
    if run.rows.get("lifetime"):
        aged = stress_of_lifetime(segments(run.path, "lifetime", ("stress_time", "voltage", "current")))
        samples = {name: values[:0] for name, values in samples.items()}  # taken while it ages
    return with_exposures(stress_of_sweep(points, samples) + aged, spectra["start"], spectra["stop"])
