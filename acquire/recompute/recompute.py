"""Results of a finished run computed anew from its raw readings, and put into its file as one more analysis."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acquire import __version__
from acquire.evaluation.decay import DecayConditions
from acquire.evaluation.formula_changes import formulas_changed
from acquire.evaluation.recalibrated import NotApplicable
from acquire.recompute.changes import Changes, changed
from acquire.recompute.comparison import Difference, difference, differences, figure_differences
from acquire.run_file.additions import add
from acquire.run_file.analyses import (
    COMPUTED,
    COMPUTED_OF_SPECTRA,
    LATEST,
    MOST_ANALYSES,
    NAME,
    OWN,
    PLACE,
    Analysis,
    Measured,
    Results,
    write_analysis,
)
from acquire.run_file.columns import segments
from acquire.run_file.layout import FORMAT_VERSION, TABLE
from acquire.run_file.lifetime import lifetime_of
from acquire.run_file.loaded import HeldGroup
from acquire.run_file.placing import Waiting
from acquire.run_file.read import (
    ArchiveError,
    Run,
    by_analysis,
    opened,
    refuse_what_is_open_or_wrong,
    to_compute,
    with_own_results,
    with_results,
)
from acquire.run_file.results import results_of

PROGRAM = f"acquire {__version__}"
LONGEST_REASON = 1000  # characters


@dataclass(frozen=True)
class Wanted:
    """A recomputation that is asked for: what is to be different, from which ``parent`` on, and what it is called.

    ``name`` empty: one is made up. ``time`` is when it was asked for (ISO 8601); empty: now.
    """

    changes: Changes = field(default_factory=Changes)
    parent: str = LATEST
    name: str = ""
    reason: str = ""
    user: str = ""
    time: str = ""


@dataclass(frozen=True)
class Computation:
    """What was computed of a run from its ``parent`` on: results, and what is different in them, in words.

    ``unchanged``: how the numbers of the parent differ from what this program computes of the same readings by the same
    calibration, ``compared`` columns and figures of them; nothing was compared where there was no need. ``formulas``
    says which formulas that comes from.
    """

    parent: Run
    results: Results
    said: tuple[str, ...]
    certificate: str
    unchanged: tuple[Difference, ...] = ()
    compared: int = 0
    formulas: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether the results are other ones than those of the parent, by more than rounding."""
        return bool(self.said or self.formulas)


@dataclass(frozen=True)
class Recomputed:
    """What came of a recomputation: the ``run`` with the results, and the ``analysis`` that was added to its file.

    None where nothing was added, because nothing is different.
    """

    run: Run
    analysis: Analysis | None
    computation: Computation


def compute(
    run: Run, parent: Run, changes: Changes, complete: Callable[[Run, Results], Run] = lambda run, _: run
) -> Computation:
    """Compute the results of a run with these changes, from a ``parent`` on: the same run, or it by an analysis.

    ``complete`` gives a parent with its numbers, where they are needed to be compared with those computed now.

    :raises acquire.evaluation.recalibrated.NotApplicable: what is to be different has no place in it.
    """
    after = changed(parent.calibration, certificate_of(parent), changes)
    results = results_of(run, after.calibration)
    if changes.any and run.version == FORMAT_VERSION:
        return Computation(parent, results, after.said, after.certificate)
    same = results_of(run, parent.calibration) if changes.any else results
    parent = complete(parent, same)
    unchanged, compared = compared_with(parent, same)
    formulas = formulas_changed(run.version, [one.place for one in unchanged if not one.by_rounding])
    return Computation(parent, results, after.said, after.certificate, unchanged, compared, tuple(formulas))


def certificate_of(run: Run) -> str:
    """The calibration file (JSON) by which the results of a run are; empty where it is not known."""
    if run.analysis is not None:
        return run.analysis.certificate
    found = run.configured("calibration")
    return json.dumps(found) if found else ""


def compared_with(run: Run, results: Results) -> tuple[tuple[Difference, ...], int]:
    """How results differ from those that a run has, and how many columns and figures were compared."""
    names = {
        name: [
            column.name
            for column in TABLE[name].columns(run.source_unit)
            if column.name in computed and (run.analysis is not None or column.since <= run.version)
        ]
        for name, computed in {"jvl": COMPUTED, "spectra": COMPUTED_OF_SPECTRA}.items()
    }
    of_rows, columns = _of_lifetime(run)
    apart = [
        *differences(run.tables, results.tables, names),
        *of_rows,
        *figure_differences(run.figures, results.figures),
    ]
    figures = [name for name in run.figures if name in results.figures]
    return tuple(apart), sum(map(len, names.values())) + columns + len(figures)


def _of_lifetime(run: Run) -> tuple[list[Difference], int]:
    """The same of the rows of a lifetime, piece by piece; those of an analysis are computed whenever they are read."""
    if not run.rows.get("lifetime") or run.analysis is not None or DecayConditions.of(run.configuration) is None:
        return [], 0
    final, found, columns = lifetime_of(run).in_order(), dict[str, Difference](), 0
    for piece in segments(run.path, "lifetime"):
        values = final(piece)
        columns = len(values)
        for name, column in values.items():
            column = column.astype(piece[name].dtype, copy=False)
            if (one := difference(f"lifetime/{name}", piece[name], column)) is not None:
                found[name] = one if name not in found else found[name].and_in(one)
    return list(found.values()), columns


def recompute(path: Path, wanted: Wanted, waiting: Waiting | None = None, *, beside_parent: bool = True) -> Recomputed:
    """Compute the results of a finished run anew, and add them to its file as an analysis.

    The readings and all earlier results stay as they are. With nothing to be different, the numbers of the parent are
    computed again and compared; only if they differ by more than rounding, an analysis by today's formulas is added.
    Not ``beside_parent``: the numbers of the parent are read only where they are compared, not to be told.

    :raises ArchiveError: nothing was added: the file cannot be read or takes no additions; there is no such parent; the
        name is taken; or what is to be different has no place in this run.
    """
    found: list[Recomputed] = []

    def change(run: Run, entry: HeldGroup) -> Callable[[Any], object] | None:
        name, computation = _name(run, wanted), _computed(run, entry, wanted, beside_parent=beside_parent)
        analysis = _analysis(run, name, wanted, computation) if computation.is_new else None
        found[:] = [Recomputed(with_results(run, computation.results, analysis), analysis, computation)]
        if analysis is None:
            return None
        measured = Measured(run.tables["jvl"], run.source_unit, run.calibration)
        return lambda entry: write_analysis(entry, analysis, computation.results, measured)

    after = add(path, PLACE, change, waiting, grows=True, of_readings=True)
    return replace(found[0], run=replace(found[0].run, analyses=after.analyses))


def recompute_only(path: Path, wanted: Wanted) -> Recomputed:
    """The same without an addition: the file is read, and not changed.

    :raises ArchiveError: the file cannot be read, is not finished or damaged; there is no such parent; or what is to be
        different has no place in this run.
    """
    with opened(path) as (file, as_written):
        run = to_compute(path, file, as_written=as_written)
        refuse_what_is_open_or_wrong(run, "computed")
        computation = _computed(run, file["entry"], wanted, beside_parent=False)
    return Recomputed(with_results(run, computation.results), None, computation)


def _computed(run: Run, entry: HeldGroup, wanted: Wanted, *, beside_parent: bool) -> Computation:
    """:raises ArchiveError: there is no such parent, or what is to be different has no place in this run."""
    parent = by_analysis(run, entry, wanted.parent)
    if beside_parent:
        parent = with_own_results(parent, entry)
    try:
        return compute(run, parent, wanted.changes, lambda run, computed: with_own_results(run, entry, computed))
    except NotApplicable as error:
        raise ArchiveError(f"{run.path}: {error}; nothing was added") from error


def _analysis(run: Run, name: str, wanted: Wanted, computation: Computation) -> Analysis:
    parent = computation.parent.analysis
    return Analysis(
        name,
        revision=run.analyses[-1].revision + 1 if run.analyses else 2,
        parent=OWN if parent is None else parent.name,
        time=wanted.time or datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        program=PROGRAM,
        reason=wanted.reason,
        user=wanted.user,
        changed=computation.said,
        formulas=computation.formulas,
        files=wanted.changes.files,
        certificate=computation.certificate,
    )


class NameTaken(ArchiveError):
    """A run that has an analysis of the name that was asked for."""


def objections(wanted: Wanted) -> list[str]:
    """What is wrong with what is asked for, whatever the file; empty where nothing is."""
    found = []
    if wanted.name and (NAME.fullmatch(wanted.name) is None or wanted.name in (OWN, LATEST)):
        found.append(
            f"--name: an analysis is called by up to 40 letters, digits, - and _, not '{OWN}' and not '{LATEST}'"
        )
    if len(wanted.reason) > LONGEST_REASON:
        found.append(f"--reason: has {len(wanted.reason)} characters; {LONGEST_REASON} is the most")
    return found


def _name(run: Run, wanted: Wanted) -> str:
    """What the new analysis is called.

    :raises ArchiveError: the name is taken, or there is no room for more.
    """
    taken = [one.name for one in run.analyses]
    if wanted.name in taken:
        raise NameTaken(
            f"{run.path}: has an analysis '{wanted.name}' already; nothing was added. Give the new one another --name"
        )
    if len(taken) >= MOST_ANALYSES:
        raise ArchiveError(f"{run.path}: has {len(taken)} analyses already, and takes no more")
    return wanted.name or _free(wanted.changes.what, taken)


def _free(name: str, taken: Sequence[str]) -> str:
    numbered = (f"{name}-{number}" for number in range(2, MOST_ANALYSES + 2))
    return next(one for one in (name, *numbered) if one not in taken)
