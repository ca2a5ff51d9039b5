"""A lifetime out of its run file, finished or still going on: evaluated piece by piece."""

from __future__ import annotations

from acquire.evaluation.final import final_evaluation
from acquire.evaluation.lifetime import READ, FinalLifetime, final_lifetime
from acquire.run_file.columns import segments
from acquire.run_file.read import ArchiveError, Run


def lifetime_of(run: Run) -> FinalLifetime:
    """The final values of a lifetime, by all that is known of it so far.

    :raises ArchiveError: the run is no lifetime, or its file cannot be read any more.
    """
    final = final_lifetime(
        final_evaluation(run.dark, run.spectra, run.calibration),
        run.configuration,
        run.source_unit,
        run.start_time[:10],
        lambda: segments(run.path, "lifetime", READ),
    )
    if final is None:
        raise ArchiveError(f"{run.path}: is the file of no lifetime; acquire lifetime takes runs that kept one level")
    return final
