"""The end of a run file: final results from the recorded rows, written whole and put in place in one step.

:func:`finish` is the one way in which a run file becomes final, after a clean end and after a crash alike, so that
there is never a moment without a valid file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import h5py
import numpy as np

from acquire.evaluation.decay import DecayConditions
from acquire.evaluation.figure import Figure
from acquire.evaluation.lifetime import FinalLifetime
from acquire.records import (
    DERIVED,
    ROUTES,
    Columns,
    Note,
    RunStatus,
    RunStop,
)
from acquire.run_file import exchange
from acquire.run_file.checksums import seal, sealed, with_file_checksum
from acquire.run_file.figures_group import PLACE as PLACE_OF_FIGURES
from acquire.run_file.figures_group import checksum_of_figures, write_figures
from acquire.run_file.hdf5 import (
    file_in_memory,
    image_of,
    make_scales,
    nx_group,
    read_only,
    write_array,
    write_text,
)
from acquire.run_file.layout import (
    FORMAT_VERSION,
    NOTE_BYTES,
    NOTE_COLUMNS,
    TABLES,
    Table,
    columns_in,
    default_plot,
    known_before,
    storable,
    tables_in,
    write_flag_meanings,
)
from acquire.run_file.lifetime import lifetime_of
from acquire.run_file.long_tables import FinalPiece, lay_out_long_tables
from acquire.run_file.on_demand import on_demand
from acquire.run_file.placing import Waiting, locked_alone, replace_file
from acquire.run_file.read import (
    ArchiveError,
    Run,
    _first_line,
    _read_own,
    _stamp,
    points_if_unfinished,
    read_run,
    table_of,
)
from acquire.run_file.results import final_results, last_time
from acquire.run_file.stress import stress_of
from acquire.run_file.stress_group import write_stress
from acquire.run_file.summary import summary_of, write_summary
from acquire.run_file.unchanged import inventory
from acquire.safety.guardian_log import guardian_remarks

CUT_OFF = "the program ended before the run did; the file was finished afterwards"


def recover(path: Path) -> Run:
    """Finish a run file that was cut off: its status becomes failed, or interrupted. A finished file stays as it is.

    :raises ArchiveError: as :func:`finish`; or its run is still going on, or another program has it open.
    """
    if points_if_unfinished(path) is None:
        return read_run(path)
    if path.is_symlink():
        raise ArchiveError(f"{path}: is a link; name the file itself, {path.resolve()}")
    try:
        with locked_alone(path):
            return finish(path)
    except OSError as error:
        raise ArchiveError(
            f"{path}: is left alone: its run is still going on, or another program has it open ({_first_line(error)})"
        ) from error


def finish(path: Path, stop: RunStop | None = None, run_id: str = "", waiting: Waiting | None = None) -> Run:
    """Compute the final results from the recorded rows and close a run file for good.

    Without ``stop`` the run was cut off: its status becomes failed (interrupted where it can be gone on with), unless
    it had still said how it ended. A file
    that is finished already stays as it is. With ``run_id`` it is the file of that run, which has just ended here.
    The caller sees to it that no run records into the file any more (:func:`recover` asks). A file that a viewer has
    open, where that is in the way, is waited for as ``waiting`` says.

    :raises ArchiveError: it is not a run file, not the one that is meant, or the new file cannot be put in its place.
    """
    before = _stamp(path)
    run = _read_own(path) if run_id else read_run(path)
    if run_id and run.run_id != run_id:
        raise ArchiveError(f"{path}: is the file of another run ({run.run_id}), not of {run_id}")
    if run.finished:
        return run
    if run.version > FORMAT_VERSION:
        raise ArchiveError(
            f"{path}: was written by {run.program}, which records more than this program knows of; finish it with that "
            "program, or a newer one. It stays as it is"
        )
    watched = guardian_remarks(path)
    try:
        lifetime = _final_lifetime(run)
        finished = _with_results(run, stop, watched, lifetime)
        with h5py.File(path, "r", locking=False) as old, file_in_memory() as new:
            _write_finished(old, new, finished, run.tables["jvl"])
            late = lay_out_long_tables(new["entry"], finished, lifetime.pieces if lifetime else {})
            new["entry"].attrs["default"] = default_plot(new["entry"])
            kept = {name: text for name, text in sealed(old["entry"]).items() if name in known_before(old["entry"])}
            figures = {PLACE_OF_FIGURES: checksum_of_figures(finished.figures, finished.tables["jvl"])}
            seal(new["entry"], [*new["entry"]], **kept, **late.checksums, **figures)
            write_summary(new, summary_of(finished))
            content = late.content(image_of(new), path)
            if isinstance(content, bytes) and not run.integrity.damaged:  # else its parts tell what is different
                with read_only(content) as whole:
                    content = with_file_checksum(content, inventory(on_demand(whole)).as_text())
    except Exception as error:  # h5py meets damage with almost any exception
        raise ArchiveError(f"{path}: is damaged and stays as it is ({_first_line(error)})") from error
    if _stamp(path) != before:
        raise ArchiveError(f"{path}: was changed by somebody else while it was finished, and stays as it is")
    try:
        replace_file(path, content, waiting=waiting)
    except OSError as error:
        raise ArchiveError(
            f"{path}: all rows are in it, but it could not be finished ({_first_line(error)}); close other programs "
            f"that have it open, make room on the disk, then run: acquire recover {path}"
        ) from error
    return finished


def _with_results(
    run: Run, stop: RunStop | None, watched: Sequence[tuple[datetime, str]], lifetime: _LongResults | None
) -> Run:
    """The run with its final results, and how it ended."""
    stop = _with_last_remark(stop or _ending(run), watched)
    results, figures, notes = _final_results(run, lifetime.final if lifetime else None)
    if lifetime is not None:
        notes = [*notes, *lifetime.notes]
        figures = figures if lifetime.final else {}
    start = datetime.fromisoformat(run.start_time)
    notes += [Note(last_time(run), f"DAMAGED: {text}") for text in run.integrity.damaged]
    notes += [Note((when - start).total_seconds(), text) for when, text in watched]
    return replace(
        run,
        status=stop.status,
        stop_reason=storable(stop.reason),
        end_time=stop.end_time,
        tables={**run.tables, **results, "notes": _appended(run.tables["notes"], _new(run, notes))},
        figures=figures,
        finished=True,
        version=FORMAT_VERSION,
        stress=stress_of(run),
    )


@dataclass(frozen=True)
class _LongResults:
    """What comes of the rows of a long table, which are read piece by piece."""

    final: FinalLifetime | None
    pieces: Mapping[str, FinalPiece]
    notes: Sequence[Note] = ()


def _final_lifetime(run: Run) -> _LongResults | None:
    """The final values of a lifetime; should computing fail, its live ones stand; None where the run is none."""
    if "lifetime" not in run.rows or DecayConditions.of(run.configuration) is None:
        return None
    try:
        final = lifetime_of(run)
    except Exception as error:
        text = f"the final evaluation failed ({type(error).__name__}: {error}); the live values were kept"
        return _LongResults(None, {}, [Note(0.0, text)])
    return _LongResults(final, {"lifetime": final.in_order()})


def _new(run: Run, notes: Sequence[Note]) -> Sequence[Note]:
    """Notes without those that an earlier finish left in a run that was gone on with."""
    there = set(run.tables["notes"]["text"].tolist()) if run.resumable else set()
    return [note for note in notes if storable(note.text, NOTE_BYTES).encode() not in there]


def _appended(table: Columns, notes: Sequence[Note]) -> Columns:
    more = table_of([replace(note, text=storable(note.text, NOTE_BYTES)) for note in notes], NOTE_COLUMNS)
    return {name: np.concatenate([table[name], values]) for name, values in more.items()}


def _ending(run: Run) -> RunStop:
    """How a run ended, as it had still said itself; or that it was cut off, with its last row."""
    if run.status is not RunStatus.RUNNING:
        return RunStop(run.status, run.stop_reason, run.end_time)
    end = datetime.fromisoformat(run.start_time) + timedelta(seconds=last_time(run))
    if run.resumable:
        return RunStop(RunStatus.INTERRUPTED, f"{CUT_OFF}; acquire run --resume goes on with it", end.isoformat())
    return RunStop(RunStatus.FAILED, CUT_OFF, end.isoformat())


def _with_last_remark(stop: RunStop, watched: Sequence[tuple[datetime, str]]) -> RunStop:
    """The end of a run, and how its guardian's work ended if it had to act."""
    if not watched:
        return stop
    when, text = watched[-1]
    return replace(stop, reason=f"{stop.reason}; the guardian at {when:%H:%M:%S}: {text}")


def _final_results(
    run: Run, lifetime: FinalLifetime | None
) -> tuple[Mapping[str, Columns], Mapping[str, Figure], list[Note]]:
    """Final tables, figures, notes; should computing fail, the live ones stand, with a note that says so."""
    try:
        return final_results(run, run.spectra, lifetime)
    except Exception as error:  # whatever it is, the rows must not stay unfinished for it
        text = f"the final evaluation failed ({type(error).__name__}: {error}); the live values were kept"
        return {}, lifetime.figures if lifetime else {}, [Note(0.0, text)]


# --- writing the finished file -----------------------------------------------------------------------------


def _write_finished(old: h5py.File, new: h5py.File, run: Run, live: Columns) -> None:
    for name, value in old.attrs.items():
        new.attrs[name] = value
    new.attrs["format_version"] = "{}.{}".format(*FORMAT_VERSION)
    entry = nx_group(new, "entry", "NXentry", default="jvl")
    for name in (*known_before(old["entry"]), *({"remarks"} & set(old["entry"]))):
        old.copy(old["entry"][name], entry, name)
    write_text(entry, "status", run.status)
    write_text(entry, "stop_reason", run.stop_reason)
    write_text(entry, "end_time", run.end_time)
    for table in TABLES:
        if not table.streamed and (not table.optional or table.name in old["entry"]):
            _write_table(entry, table, run)
    for name, value in {"revision": 1, "parent": "/entry/jvl_live"}.items():
        entry["jvl"].attrs[name] = value
    write_flag_meanings(entry["jvl/flags"])
    _write_live_values(entry, live)
    old.copy(old["entry/spectra/wavelength"], entry["spectra"], "wavelength")
    for table in tables_in(entry):
        make_scales(entry[table.name], table.scales)
    write_figures(entry, run.figures, run.tables["jvl"])
    if run.stress is not None:
        write_stress(entry, run.stress)
    exchange.write(entry, run.exchange)


def _write_table(entry: h5py.Group, table: Table, run: Run) -> None:
    group = entry.create_group(table.name)
    for name, value in table.attributes.items():
        group.attrs[name] = value
    for column in columns_in(table.columns(run.source_unit), run.calibration.conditions.meter_unit):
        values = run.tables[table.name][column.name].astype(column.dtype, copy=False)
        write_array(group, column.name, values, column.unit, column.meaning)


def _write_live_values(entry: h5py.Group, live: Columns) -> None:
    """The derived values as they were shown while the run went on."""
    group = nx_group(entry, "jvl_live", "NXcollection", revision=0)
    group.attrs["meaning"] = "derived values as shown while the run went on; /entry/jvl holds the final ones"
    for name, unit in {**DERIVED, **ROUTES}.items():
        write_array(group, name, live[name], unit, name.replace("_", " "))
    sources = live["spectrum_source"].astype("S12", copy=False)
    write_array(group, "spectrum_source", sources, "", "which spectrum the efficiency used")
