"""Results of many runs computed anew, each in its own file, spread over processes."""

from __future__ import annotations

import base64
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from acquire.archive.spread import Workers, shared_out
from acquire.recompute.recompute import NameTaken, Recomputed, Wanted, recompute, recompute_only
from acquire.run_file.placing import Waiting
from acquire.run_file.read import ArchiveError
from acquire.run_file.reading_apart import answers_of
from acquire.run_file.summary import RunSummary, summary_of

IN_A_TASK = 2000  # files at most, for which a process is started: that takes as long as thirty of them
PATIENCE = 45.0  # s: files of one folder are replaced by turns; less than the process may take for a file
COMMAND = (sys.executable, "-m", "acquire.archive.recomputing_apart")


@dataclass(frozen=True)
class Outcome:
    """What came of one file: the name of the analysis that was ``added``, empty for none; why there is none.

    ``identical``: the numbers in the file are, to the last bit, those that this program computes of its readings; None
    where they were not compared. ``there``: it had an analysis of this name already. ``refused``: why nothing came of
    it. ``summary``: the run in short, with its new results, where they were asked for instead of an analysis.
    """

    path: Path
    added: str = ""
    identical: bool | None = None
    there: bool = False
    refused: str = ""
    summary: RunSummary | None = None


def recompute_all(paths: Sequence[Path], wanted: Wanted, workers: Workers, *, into_files: bool = True) -> list[Outcome]:
    """Recompute runs, as :func:`acquire.recompute.recompute.recompute` each, in the order of ``paths``.

    With a name, a file that has an analysis of it already is passed over: what was interrupted goes on so. Not
    ``into_files``: no file is changed, and each outcome has a summary by the new results.
    """
    wanted = replace(wanted, time=wanted.time or datetime.now(UTC).astimezone().isoformat(timespec="seconds"))
    plain = base64.b64encode(pickle.dumps(wanted)).decode()
    what = "recompute" if into_files else "recompute_only"
    tasks = [(some, plain, what) for some in shared_out(paths, workers, IN_A_TASK)]
    return [one for some in workers.results(_recompute_some, tasks) for one in some]


def _recompute_some(task: tuple[list[Path], str, str]) -> list[Outcome]:
    """What comes of some files in a process of their own; one that it dies of costs no other."""
    paths, wanted, what = task
    answers = answers_of(COMMAND, what, paths, beside={"wanted": wanted})
    return [Outcome(path, refused=str(one)) if isinstance(one, ArchiveError) else one for path, one in answers]


def recompute_one(path: Path, wanted: Wanted) -> Outcome:
    """Compute the results of one run anew.

    :raises ArchiveError: nothing was added.
    """
    try:
        found: Recomputed = recompute(path, wanted, Waiting(patience=PATIENCE), beside_parent=False)
    except NameTaken:
        return Outcome(path, there=True)
    return Outcome(path, "" if found.analysis is None else found.analysis.name, _is_identical(found))


def recompute_one_only(path: Path, wanted: Wanted) -> Outcome:
    """The same without an addition to its file.

    :raises ArchiveError: nothing was computed.
    """
    found = recompute_only(path, wanted)
    return Outcome(path, identical=_is_identical(found), summary=summary_of(found.run))


def _is_identical(found: Recomputed) -> bool | None:
    return not found.computation.unchanged if found.computation.compared else None
