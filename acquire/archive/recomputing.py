"""Results of many runs computed anew, each in its own file, spread over processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from acquire.archive.apart import Apart
from acquire.archive.spread import Workers
from acquire.recompute.recompute import Recomputed, Wanted, recompute
from acquire.run_file.placing import Waiting
from acquire.run_file.read import ArchiveError
from acquire.run_file.reading_apart import read_runs

IN_A_TASK = 100  # files
PATIENCE = 24 * 3600.0  # s: files of one folder are changed by turns, and others may have many before us


@dataclass(frozen=True)
class Outcome:
    """What came of one file: the name of the analysis that was ``added``, empty for none; why there is none.

    ``identical``: the numbers in the file are, to the last bit, those that this program computes of its readings; None
    where they were not compared. ``there``: it had an analysis of this name already. ``refused``: why nothing came of
    it.
    """

    path: Path
    added: str = ""
    identical: bool | None = None
    there: bool = False
    refused: str = ""


def recompute_all(paths: Sequence[Path], wanted: Wanted, workers: Workers) -> list[Outcome]:
    """Recompute runs, as :func:`acquire.recompute.recompute.recompute` each, in the order of ``paths``.

    Files of one folder are changed one after the other, whoever does it: more processes help where there are several.

    With a name, a file that has an analysis of it already is passed over: what was interrupted goes on so.
    """
    wanted = replace(wanted, time=wanted.time or datetime.now(UTC).astimezone().isoformat(timespec="seconds"))
    tasks = [(list(paths[start : start + IN_A_TASK]), wanted) for start in range(0, len(paths), IN_A_TASK)]
    return [one for some in workers.results(Apart(_recompute_some), tasks) for one in some]


def _recompute_some(task: tuple[list[Path], Wanted]) -> list[Outcome]:
    """The work of one process; a file that takes a reader down is met by a process of its own first."""
    paths, wanted = task
    done = []
    for path, run in read_runs(paths):
        if isinstance(run, ArchiveError):
            done.append(Outcome(path, refused=str(run)))
        elif wanted.name and any(one.name == wanted.name for one in run.analyses):
            done.append(Outcome(path, there=True))
        else:
            done.append(_recomputed(path, wanted))
    return done


def _recomputed(path: Path, wanted: Wanted) -> Outcome:
    try:
        found: Recomputed = recompute(path, wanted, Waiting(patience=PATIENCE))
    except ArchiveError as error:
        return Outcome(path, refused=str(error))
    compared = found.computation.compared
    identical = not found.computation.unchanged if compared else None
    return Outcome(path, "" if found.analysis is None else found.analysis.name, identical)
