"""A run that was cut off, or stopped, and is gone on with in the same record: what is known of it, nothing opened yet.

All that is needed is in the run file itself. The same recipe goes on, on the same bench, with the same device; the time
under stress goes on where the last point was, and what came between is no part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite, nan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from acquire.bench.preparation import PreparedRun
from acquire.config import BenchFile, DeviceFile, LoadedSweep, SweepFile
from acquire.evaluation.decay import DecayConditions
from acquire.evaluation.lifetime_rows import LifetimeRows
from acquire.evaluation.stress import StressClock
from acquire.run_file.columns import segments
from acquire.run_file.placing import locked_alone
from acquire.run_file.read import ArchiveError, Run
from acquire.run_file.reading_apart import read_run
from acquire.run_file.tables import length
from acquire.sweep.lifetime import LifetimeCourse, Progress
from acquire.sweep.plan import make_plan


@dataclass(frozen=True)
class TakenUp:
    """A run to be gone on with: as it was read, and prepared with what is left of its plan.

    ``rows`` makes the rows of the new part; ``last`` is the time of the last row [s since the start of the run],
    ``stress`` [s] and ``current`` [A] how long and with what the device was driven before.
    """

    run: Run
    prepared: PreparedRun
    rows: LifetimeRows
    last: float
    stress: float
    current: float

    @property
    def started(self) -> datetime:
        """The moment at which the run began."""
        return datetime.fromisoformat(self.run.start_time)

    def elapsed(self, now: datetime) -> float:
        """How long ago the run began [s]; on virtual time, and by a clock that was set back, no less than its rows."""
        return max((now - self.started).total_seconds(), self.last)

    @property
    def why(self) -> str:
        """The reason why the part before ended."""
        return self.run.stop_reason or "it was cut off"


def take_up(path: Path, given: LoadedSweep | None = None) -> TakenUp:
    """Read a run that is to be gone on with; ``given`` is what somebody named for it: it must be the same.

    :raises ArchiveError: it cannot be gone on with: which, why, and what to do; nothing was opened, nothing written.
    """
    run = read_run(path)
    _refuse(run)
    if given is not None:
        from acquire.config import resolved

        _refuse_another(run, resolved(given))
    try:
        loaded = loaded_from(run)
        plan = make_plan(loaded.sweep, loaded.bench)
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        raise ArchiveError(f"{path}: its configuration is not understood by this program; start a new run") from error
    course = plan.course
    if not isinstance(course, LifetimeCourse):
        raise ArchiveError(f"{path}: its experiment cannot be gone on with; only a lifetime can. Start a new run")
    progress, rows, last, current = _so_far(run, course)
    spectra = replace(plan.spectra, first_index=length(run.tables["spectra"]))
    rules = replace(plan.stop_rules, paused_before=_paused_before(run))
    plan = replace(plan, course=course.gone_on_with(progress), spectra=spectra, stop_rules=rules)
    return TakenUp(
        run, PreparedRun(loaded, plan, run.calibration), rows, last, progress.stress + course.burn_in, current
    )


def _paused_before(run: Run) -> float:
    """How long a run was paused so far, s; files of before there were pauses have none."""
    pauses = run.tables.get("pauses")
    return float(pauses["duration"].sum()) if pauses is not None else 0.0


def _refuse(run: Run) -> None:
    """:raises ArchiveError: its state forbids it."""
    path = run.path
    if not run.resumable:
        raise ArchiveError(f"{path}: its experiment cannot be gone on with; only a lifetime can. Start a new run")
    if run.finished and run.status == "completed":
        raise ArchiveError(f"{path}: is complete ({run.stop_reason}); there is nothing to go on with. Start a new run")
    if path.is_symlink():
        raise ArchiveError(f"{path}: is a link; name the file itself, {path.resolve()}")
    try:
        with locked_alone(path):
            pass
    except OSError as error:
        raise ArchiveError(
            f"{path}: is left alone: its run is still going on, or another program has it open "
            f"({error.strerror or error}). Wait for its end, or end that program"
        ) from error


#: What of a configuration may differ: it says nothing of device, bench or recipe.
_FREE = ("overrides", "sweep.note", "sweep.user", "sweep.output")


def _refuse_another(run: Run, given: Mapping[str, Any]) -> None:
    """:raises ArchiveError: what was named is another recipe, bench or device than that of the run."""
    differing = [
        (place, before, now)
        for place, before, now in _differences(run.configuration, given, "")
        if not place.startswith(_FREE)
    ]
    if differing:
        lines = [f"  {place} was {before!r} and is {now!r} now" for place, before, now in differing[:8]]
        more = [f"  and {len(differing) - 8} more"] if len(differing) > 8 else []
        what = "\n".join(
            [f"{run.path}: was begun with another recipe, bench or device; nothing was opened:", *lines, *more]
        )
        raise ArchiveError(
            f"{what}\nName it as it was, or nothing: all that is needed is in the run file (acquire run --resume "
            f"{run.path.name})"
        )


def _differences(one: Any, other: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Where two configurations differ, and how."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in dict.fromkeys((*one, *other)):
            yield from _differences(one.get(name), other.get(name), f"{place}.{name}" if place else str(name))
    elif one != other and not (
        isinstance(one, list | tuple) and isinstance(other, list | tuple) and [*one] == [*other]
    ):
        yield place, one, other


def loaded_from(run: Run) -> LoadedSweep:
    """The files of a run as they were when it began, every default filled in.

    :raises KeyError: the run file says nothing of them.
    :raises pydantic.ValidationError: they are not what this program takes.
    """
    recorded = run.configuration
    device = recorded.get("device")
    return LoadedSweep(
        sweep=SweepFile.model_validate(recorded["sweep"]),
        sweep_path=run.path,
        sweep_text="",
        bench=BenchFile.model_validate(recorded["bench"]),
        bench_path=run.path,
        bench_text="",
        device=DeviceFile.model_validate(device) if device else None,
    )


_NAMES = ("time", "stress_time", "luminance", "voltage", "current", "relative_luminance_uncertainty")


def _so_far(run: Run, course: LifetimeCourse) -> tuple[Progress, LifetimeRows, float, float]:
    """How far a lifetime came, what makes its next rows, when the last one was, and the mean current."""
    progress = Progress(-course.burn_in)
    spread, last, charge, count = nan, _last_of_others(run), 0.0, 0
    for piece in segments(run.path, "lifetime", _NAMES):
        known = np.isfinite(piece["stress_time"]) & np.isfinite(piece["time"])
        columns = {name: column[known] for name, column in piece.items()}
        count += len(piece["time"])
        if not known.any():
            continue
        last = max(last, float(columns["time"].max()))
        charge += float(np.nansum(np.abs(columns["current"])))
        light = np.where(columns["stress_time"] >= -1e-3, columns["luminance"], nan)
        if np.isfinite(light).any():
            progress = replace(
                progress, largest_luminance=float(np.nanmax(np.append(light, progress.largest_luminance)))
            )
        late = np.flatnonzero((columns["stress_time"] >= course.initial_time - 1e-3) & (light > 0))
        if late.size and not isfinite(progress.initial_luminance):
            first = int(late[0])
            voltage, spread = (float(columns[name][first]) for name in ("voltage", "relative_luminance_uncertainty"))
            progress = replace(progress, initial_luminance=float(light[first]), initial_voltage=voltage)
        progress = replace(progress, stress=float(columns["stress_time"][-1]))
    cycles = run.tables["jvl"]["cycle"]
    progress = replace(progress, rows=count + len(cycles), curves=int(cycles.max(initial=0)))
    rows = LifetimeRows(
        DecayConditions(course.burn_in, course.initial_time, course.settle),
        StressClock(progress.stress, course.settle),
        part=length(run.tables["parts"]),
        count=count,
        initial_luminance=progress.initial_luminance,
        spread=spread / sqrt(2),  # of two luminances that are one
    )
    return progress, rows, last, charge / count if count else 0.0


def _last_of_others(run: Run) -> float:
    """The time of the last row of the other tables, s."""
    times = [run.tables[name]["time"] for name in ("jvl", "dark", "exposure_samples", "notes", "parts")]
    return max(float(time[np.isfinite(time)].max(initial=0.0)) for time in times)


def age(load: Any, taken_up: TakenUp) -> None:
    """Let a simulated device be as old as the run says it is: it began anew with this program."""
    with suppress(AttributeError):
        load.advance(0.0, taken_up.current, taken_up.stress)
