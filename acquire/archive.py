"""The run file afterwards: read it, finish it, recover it, export it.

:func:`finish` is the one way in which a run file becomes final, after a clean end and after a crash alike. It
writes a complete new file beside the old one and puts it in its place in one step, so that there is never a
moment without a valid file.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from acquire.cells import text_cell
from acquire.checksums import PLACE, Integrity, seal, sealed, verify
from acquire.evaluate import Calibration, cautions, contact_cautions, evaluate_run, figures_of_run, final_evaluation
from acquire.figures import Figure
from acquire.hdf5 import (
    file_in_memory,
    image_of,
    nx_group,
    plain_member,
    read_array,
    refuse_what_no_run_file_holds,
    set_text,
    write_array,
    write_text,
)
from acquire.recorded_rows import whole_rows
from acquire.recorder import (
    BEFORE_THE_RUN,
    NOTE_BYTES,
    NOTE_COLUMNS,
    TABLES,
    WAVELENGTHS,
    Column,
    columns_of,
    ending_check,
    storable,
    table_attributes,
    write_flag_meanings,
)
from acquire.records import (
    DERIVED,
    READING_FLAGS,
    Branch,
    Columns,
    DarkReading,
    Event,
    ExposureSample,
    Note,
    PointFlag,
    Reading,
    Record,
    RunStatus,
    RunStop,
    Spectrum,
)
from acquire.run_files import guardian_remarks, nobody_else, put_in_place
from acquire.yaml_source import LARGEST_RUN_FILE, what_is

CUT_OFF = "the program ended before the run did; the file was finished afterwards"


LONGEST_TEXT = 1 << 20  # bytes; a configuration file may be as long


class ArchiveError(Exception):
    """A run file that cannot be read or finished; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Run:
    """Everything a run file holds, as the engine recorded it, and its results."""

    path: Path
    run_id: str
    title: str
    sample: str
    start_time: str
    end_time: str
    status: RunStatus
    stop_reason: str
    source_unit: str
    instruments: Mapping[str, str]
    calibration: Calibration
    tables: Mapping[str, Columns]
    figures: Mapping[str, Figure]
    finished: bool
    integrity: Integrity

    @property
    def points(self) -> int:
        """How many points were measured."""
        return _length(self.tables["jvl"])

    @cached_property
    def dark(self) -> tuple[DarkReading, ...]:
        """The readings without light."""
        return tuple(DarkReading(**{**row, "after": bool(row["after"])}) for row in _rows(self.tables["dark"]))

    @cached_property
    def spectra(self) -> tuple[Spectrum, ...]:
        """The spectra; their samples are not copied."""
        return tuple(_spectrum(index, row) for index, row in enumerate(_rows(self.tables["spectra"])))

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What was worth a remark."""
        return tuple(Note(**row) for row in _rows(self.tables["notes"]))

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """The points one by one, each an object: for a look at a few. Nothing that handles whole runs asks for it."""
        return tuple(_record(index, row) for index, row in enumerate(_rows(self.tables["jvl"])))

    @cached_property
    def exposure_samples(self) -> tuple[ExposureSample, ...]:
        """The readings during spectra one by one, each an object, like :attr:`records`."""
        return tuple(ExposureSample(**row) for row in _rows(self.tables["exposure_samples"]))


def read_run(path: Path) -> Run:
    """Read a run file, finished or not.

    :raises ArchiveError: there is no such file, or it is not a run file of this program.
    """
    with _file(path) as file:
        refuse_what_no_run_file_holds(file)
        entry = file["entry"]
        run = _read(path, entry)
        integrity = verify(entry, _SEALED if run.finished else BEFORE_THE_RUN)
        return replace(run, integrity=replace(integrity, damaged=(*integrity.damaged, *run.integrity.damaged)))


def _read_own(path: Path) -> Run:
    """Read a file that this process has written and compared with what it wrote. :raises ArchiveError: as above."""
    with _file(path) as file:
        return _read(path, file["entry"])


@contextmanager
def _file(path: Path) -> Iterator[h5py.File]:
    """An open run file; whatever goes wrong inside, with damage for example, is an ArchiveError."""
    found = what_is(path)
    if found not in ("file", "nothing"):
        mend = "; name one run file in it" if found == "folder" else ""
        raise ArchiveError(f"{path}: is a {found}{mend}")
    try:
        if path.stat().st_size > LARGEST_RUN_FILE:
            raise ValueError(f"it is larger than {LARGEST_RUN_FILE >> 20} MB")
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except FileNotFoundError as error:
        raise ArchiveError(f"{path}: there is no such file") from error
    except MemoryError as error:
        raise ArchiveError(f"{path}: needs more memory than there is for a run file") from error
    except Exception as error:  # h5py meets damage with almost any exception
        raise ArchiveError(f"{path}: is not a run file of this program ({_first_line(error)})") from error


#: Names of run files, as :func:`acquire.session.file_name` makes them.
_RUN_FILE = re.compile(r"\d{8}T\d{6}_[A-Za-z0-9-]+_[0-9a-f]{8}\.h5")


def run_files_in(folder: Path) -> list[Path]:
    """The run files in a folder, the newest first; files of other names are left out. Opens none of them.

    :raises OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if _RUN_FILE.fullmatch(entry.name) and entry.is_file()]
    return [folder / name for name in sorted(names, reverse=True)]


def points_if_unfinished(path: Path) -> int | None:
    """How many points an unfinished run file has, going on or cut off; None for a finished one. Reads little of it.

    :raises ArchiveError: as :func:`read_run`.
    """
    with _file(path) as file:
        recording = plain_member(plain_member(file, "entry"), "recording")
        if recording is None:
            return None
        return int(plain_member(recording, "jvl_rows")[()])


def points_if_cut_off(path: Path) -> int | None:
    """The same, None as well for a file that is still written. :raises ArchiveError: as :func:`read_run`."""
    points = points_if_unfinished(path)
    if points is None:
        return None
    try:
        with nobody_else(path):
            return points
    except OSError:
        return None


def recover(path: Path) -> Run:
    """Finish a run file that was cut off: its status becomes failed. A finished file stays as it is.

    :raises ArchiveError: as :func:`finish`; or its run is still going on, or another program has it open.
    """
    if points_if_unfinished(path) is None:
        return read_run(path)
    if path.is_symlink():
        raise ArchiveError(f"{path}: is a link; name the file itself, {path.resolve()}")
    try:
        with nobody_else(path):
            return finish(path)
    except OSError as error:
        raise ArchiveError(
            f"{path}: is left alone: its run is still going on, or another program has it open ({_first_line(error)})"
        ) from error


def finish(path: Path, stop: RunStop | None = None, run_id: str = "") -> Run:
    """Compute the final results from the recorded rows and close a run file for good.

    Without ``stop`` the run was cut off: its status becomes failed, unless it had still said how it ended. A file
    that is finished already stays as it is. With ``run_id`` it is the file of that run, which has just ended here.
    The caller sees to it that nobody records into the file any more (:func:`recover` asks).

    :raises ArchiveError: it is not a run file, not the one that is meant, or the new file cannot be put in its place.
    """
    before = _stamp(path)
    run = _read_own(path) if run_id else read_run(path)
    if run_id and run.run_id != run_id:
        raise ArchiveError(f"{path}: is the file of another run ({run.run_id}), not of {run_id}")
    if run.finished:
        return run
    watched = guardian_remarks(path)
    try:
        finished = _with_results(run, stop, watched)
        with h5py.File(path, "r", locking=False) as old, file_in_memory() as new:
            _write_finished(old, new, finished, run.tables["jvl"])
            kept = {name: text for name, text in sealed(old["entry"]).items() if name in BEFORE_THE_RUN}
            seal(new["entry"], [*new["entry"]], **kept)
            image = image_of(new)
    except Exception as error:  # h5py meets damage with almost any exception
        raise ArchiveError(f"{path}: is damaged and stays as it is ({_first_line(error)})") from error
    if _stamp(path) != before:
        raise ArchiveError(f"{path}: was changed by somebody else while it was finished, and stays as it is")
    try:
        put_in_place(path, image)
    except OSError as error:
        raise ArchiveError(
            f"{path}: all rows are in it, but it could not be finished ({_first_line(error)}); close other programs "
            f"that have it open, make room on the disk, then run: acquire recover {path}"
        ) from error
    return finished


def _stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of change of a file; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _with_results(run: Run, stop: RunStop | None, watched: Sequence[tuple[datetime, str]]) -> Run:
    """The run with its final results, and how it ended."""
    stop = _with_last_remark(stop or _ending(run), watched)
    points, figures, notes = _final_results(run)
    start = datetime.fromisoformat(run.start_time)
    notes += [Note(_last_time(run), f"DAMAGED: {text}") for text in run.integrity.damaged]
    notes += [Note((when - start).total_seconds(), text) for when, text in watched]
    return replace(
        run,
        status=stop.status,
        stop_reason=storable(stop.reason),
        end_time=stop.end_time,
        tables={**run.tables, "jvl": points, "notes": _appended(run.tables["notes"], notes)},
        figures=figures,
        finished=True,
    )


def _appended(table: Columns, notes: Sequence[Note]) -> Columns:
    more = table_of([replace(note, text=storable(note.text, NOTE_BYTES)) for note in notes], NOTE_COLUMNS)
    return {name: np.concatenate([table[name], values]) for name, values in more.items()}


def table_of(events: Sequence[Event], columns: Sequence[Column]) -> Columns:
    """Events as the rows of their table: for few of them."""
    return {column.name: _column_of(events, column) for column in columns}


def _column_of(events: Sequence[Event], column: Column) -> np.ndarray[Any, Any]:
    values = map(attrgetter(column.source), events)
    return np.array([str(v).encode() for v in values] if column.dtype[0] == "S" else list(values), column.dtype)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _ending(run: Run) -> RunStop:
    """How a run ended, as it had still said itself; or that it was cut off, with its last row."""
    if run.status is not RunStatus.RUNNING:
        return RunStop(run.status, run.stop_reason, run.end_time)
    end = datetime.fromisoformat(run.start_time) + timedelta(seconds=_last_time(run))
    return RunStop(RunStatus.FAILED, CUT_OFF, end.isoformat())


def _last_time(run: Run) -> float:
    """When the last row was written [s]; a damaged one has no time."""
    columns = [run.tables[name]["time"] for name in ("jvl", "dark", "exposure_samples")]
    return max(float(time[np.isfinite(time)].max(initial=0.0)) for time in columns)


def _with_last_remark(stop: RunStop, watched: Sequence[tuple[datetime, str]]) -> RunStop:
    """The end of a run, and how its guardian's work ended if it had to act."""
    if not watched:
        return stop
    when, text = watched[-1]
    return replace(stop, reason=f"{stop.reason}; the guardian at {when:%H:%M:%S}: {text}")


def _final_results(run: Run) -> tuple[Columns, Mapping[str, Figure], list[Note]]:
    """Final columns and figures; should computing fail, the live ones stand, with a note that says so."""
    live = run.tables["jvl"]
    try:
        evaluation = final_evaluation(run.dark, run.spectra, run.calibration)
        points = {**live, **evaluate_run(live, evaluation)}
        texts = cautions(points, run.dark) + contact_cautions(points, run.dark, run.calibration, run.source_unit)
        notes = [Note(run.dark[0].time if run.dark else 0.0, text) for text in texts]
        return points, figures_of_run(points, run.spectra, evaluation), notes
    except Exception as error:  # whatever it is, the rows must not stay unfinished for it
        text = f"the final evaluation failed ({type(error).__name__}: {error}); the live values were kept"
        return live, {}, [Note(0.0, text)]


# --- reading -----------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"it holds a text of {len(value)} bytes")
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _read(path: Path, entry: h5py.Group) -> Run:
    recording = entry.get("recording")
    source_unit = _text(entry["jvl/source_level"].attrs["units"])
    found = {name: _table(entry, name, columns_of(name, source_unit)) for name in TABLES}
    said = [text for _, texts in found.values() for text in texts]
    if recording is not None and "ending_check" in recording:
        said += _wrong_ending(entry)
    return Run(
        path=path,
        run_id=_text(entry["run_id"][()]),
        title=_text(entry["title"][()]),
        sample=_text(entry["sample/name"][()]),
        start_time=_text(entry["start_time"][()]),
        end_time=_text(entry["end_time"][()]),
        status=RunStatus(_text(entry["status"][()])),
        stop_reason=_text(entry["stop_reason"][()]),
        source_unit=source_unit,
        instruments={
            role: f"{_text(group.attrs['identification'])} at {_text(group.attrs['resource'])}"
            for role, group in entry["instrument"].items()
        },
        calibration=read_calibration(entry["calibration"]),
        tables={name: columns for name, (columns, _) in found.items()},
        figures={name: _figure(dataset) for name, dataset in entry.get("figures_of_merit", {}).items()},
        finished=recording is None,
        integrity=Integrity(damaged=tuple(said)),
    )


#: Members of the entry of a finished file, each with its checksum.
_SEALED = (*BEFORE_THE_RUN, "status", "stop_reason", "end_time", *TABLES, "jvl_live", "figures_of_merit")


def _wrong_ending(entry: h5py.Group) -> list[str]:
    """What is to be said when the texts of an ending are not as they were written."""
    texts = [bytes(read_array(entry, name)[()]) for name in ("stop_reason", "end_time", "status")]
    right = ending_check(texts) == int(read_array(entry["recording"], "ending_check")[()])
    return [] if right else ["status, stop_reason or end_time are not as they were written"]


#: Columns that no row is without: where one of them is blank, a power cut came between the counter and the row.
_ALWAYS_WRITTEN = {
    "jvl": ("branch", "time"),
    "dark": ("time",),
    "exposure_samples": ("time",),
    "notes": ("time",),
    "spectra": ("branch", "start", "stop"),
}


def _table(entry: h5py.Group, table: str, columns: Sequence[Column]) -> tuple[Columns, tuple[str, ...]]:
    """The columns of a table, as far as it was written and is whole, and what is to be said about it.

    :raises ValueError: they do not fit each other, or hold what no run has.
    """
    arrays: dict[str, np.ndarray[Any, Any]]
    if "recording" in entry:
        counted = int(read_array(entry["recording"], f"{table}_rows")[()])
        if counted < 0 and PLACE not in entry:  # else the rows tell by themselves how many they are
            raise ValueError(f"{table} is said to have {counted} rows")
        counted = max(counted, 0)
        written = _written([read_array(entry[table], name, counted) for name in _ALWAYS_WRITTEN[table]])
        arrays, remarks = whole_rows(entry, table, columns, counted, written)
    else:
        arrays, remarks = {column.name: read_array(entry[table], column.name) for column in columns}, ()
    return {column.name: _checked(arrays[column.name], column, _length(arrays)) for column in columns}, remarks


def _length(table: Columns) -> int:
    """How many rows a table has."""
    return len(next(iter(table.values())))


def _checked(array: np.ndarray[Any, Any], column: Column, rows: int) -> np.ndarray[Any, Any]:
    """A column of the shape, kind and words that it must have."""
    expected = (rows, WAVELENGTHS) if column.is_spectrum else (rows,)
    if array.shape != expected or (array.dtype.kind == "S") != (column.dtype[0] == "S"):
        raise ValueError(f"{column.name} is no column of {rows} rows")
    if column.name == "branch" and not np.isin(array, _BRANCHES).all():
        raise ValueError("a branch is neither forward nor reverse")
    return array if array.dtype.kind == "S" else array.astype(column.dtype, copy=False)


_BRANCHES = [branch.encode() for branch in Branch]


def _written(always: Sequence[np.ndarray[Any, Any]]) -> int:
    """How many of the counted rows are there: all, unless the system had saved the counter before the rows."""
    blank = [values == b"" if values.dtype.kind == "S" else np.isnan(values) for values in always]
    return min(int(np.argmax(values)) if values.any() else len(values) for values in blank)


def _rows(table: Columns) -> Iterator[dict[str, Any]]:
    """The rows of a table one by one, each a dictionary: for few rows."""
    plain = {name: _plain_values(array) for name, array in table.items()}
    return (dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True))


def _plain_values(array: np.ndarray[Any, Any]) -> list[Any]:
    if array.dtype.kind == "S":
        return [_text(value) for value in array]
    return list(array) if array.ndim > 1 else array.tolist()


_READING_FIELDS = {field.name for field in fields(Reading)}


def _record(index: int, row: dict[str, Any]) -> Record:
    flags = PointFlag(row.pop("flags"))
    branch = Branch(row.pop("branch"))
    reading_values = {name: row.pop(name) for name in list(row) if name in _READING_FIELDS}
    reading = Reading(index=index, branch=branch, flags=flags & READING_FLAGS, **reading_values)
    return Record(reading=reading, flags=flags, **row)


def _spectrum(index: int, row: dict[str, Any]) -> Spectrum:
    return Spectrum(index=index, branch=Branch(row.pop("branch")), **row)


def _figure(dataset: h5py.Dataset) -> Figure:
    attributes = dataset.attrs
    return Figure(
        value=float(dataset[()]),
        unit=_text(attributes["units"]),
        status=_text(attributes["status"]),
        **{name: float(attributes[name]) for name in _FIGURE_DETAILS if name in attributes},
    )


_FIGURE_DETAILS = ("voltage", "current_density", "luminance", "uncertainty")


# --- the calibration ---------------------------------------------------------------------------------------


def write_calibration(group: h5py.Group, calibration: Calibration) -> None:
    """What turns signals into light, complete: numbers and curves."""
    for name, (value, unit) in calibration.described().items():
        if isinstance(value, str):
            set_text(group, name, value)
        else:
            write_array(group, name, value, unit, name.replace("_", " "))


def read_calibration(group: h5py.Group) -> Calibration:
    """The calibration of a run, from its file alone."""
    values: dict[str, Any] = {name: read_array(group, name)[()] for name in group}
    values |= {name: _text(value) for name, value in group.attrs.items() if name != "NX_class"}
    return Calibration.from_described(values)


# --- writing the finished file -----------------------------------------------------------------------------


def _write_finished(old: h5py.File, new: h5py.File, run: Run, live: Columns) -> None:
    for name, value in old.attrs.items():
        new.attrs[name] = value
    entry = nx_group(new, "entry", "NXentry", default="jvl")
    for name in BEFORE_THE_RUN:
        old.copy(old["entry"][name], entry, name)
    write_text(entry, "status", run.status)
    write_text(entry, "stop_reason", run.stop_reason)
    write_text(entry, "end_time", run.end_time)
    _write_table(entry, "jvl", run, revision=1, parent="/entry/jvl_live")
    write_flag_meanings(entry["jvl/flags"])
    _write_live_values(entry, live)
    for table in TABLES:
        if table != "jvl":
            _write_table(entry, table, run)
    old.copy(old["entry/spectra/wavelength"], entry["spectra"], "wavelength")
    _write_figures(entry, run.figures)


def _write_table(entry: h5py.Group, table: str, run: Run, **attributes: Any) -> None:
    group = entry.create_group(table)
    for name, value in (table_attributes(table) | attributes).items():
        group.attrs[name] = value
    for column in columns_of(table, run.source_unit):
        values = run.tables[table][column.name].astype(column.dtype, copy=False)
        write_array(group, column.name, values, column.unit, column.meaning)


def _write_live_values(entry: h5py.Group, live: Columns) -> None:
    """The derived values as they were shown while the run went on."""
    group = nx_group(entry, "jvl_live", "NXcollection", revision=0)
    group.attrs["meaning"] = "derived values as shown while the run went on; /entry/jvl holds the final ones"
    for name, unit in DERIVED.items():
        write_array(group, name, live[name], unit, name.replace("_", " "))
    sources = live["spectrum_source"].astype("S12", copy=False)
    write_array(group, "spectrum_source", sources, "", "which spectrum the efficiency used")


def _write_figures(entry: h5py.Group, figures: Mapping[str, Figure]) -> None:
    group = nx_group(entry, "figures_of_merit", "NXcollection")
    for name, figure in figures.items():
        dataset = write_array(group, name, float(figure.value), figure.unit, name.replace("_", " "))
        set_text(dataset, "status", figure.status)
        for detail in _FIGURE_DETAILS:
            if np.isfinite(value := getattr(figure, detail)):
                dataset.attrs[detail] = value


# --- export ------------------------------------------------------------------------------------------------

#: Customary units where people read: SI unit -> (unit, factor).
_CUSTOMARY = {"current_density": ("mA/cm^2", 0.1), "external_quantum_efficiency": ("%", 100.0)}


def export_csv(run: Run, folder: Path) -> list[Path]:
    """Write the CSV twins of a run: points, spectra, figures of merit; rows of long name, unit, comment on top.

    Numbers have full precision. Existing files are not overwritten.

    :raises ArchiveError: a file exists or cannot be written.
    """
    stem = run.path.stem
    tables = {
        f"{stem}_jvl.csv": _jvl_rows(run),
        f"{stem}_spectra.csv": _spectra_rows(run),
        f"{stem}_figures.csv": _figure_rows(run),
    }
    existing = [name for name in tables if (folder / name).exists()]
    if existing:
        raise ArchiveError(f"{folder / existing[0]}: exists already; choose another folder with --to")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in tables.items():
            with (folder / name).open("x", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerows(rows)
    except OSError as error:
        raise ArchiveError(f"{folder}: cannot be written ({error})") from error
    return [folder / name for name in tables]


#: Rows of a table turned into text at once.
_BLOCK = 4096


def _jvl_rows(run: Run) -> Iterator[Sequence[Any]]:
    columns = columns_of("jvl", run.source_unit)
    converted = [_CUSTOMARY.get(c.name.removesuffix("_uncertainty"), (c.unit, 1.0)) for c in columns]
    yield [c.name.replace("_", " ") for c in columns]
    yield [text_cell(unit) for unit, _ in converted]
    yield [text_cell(run.sample) if i == 0 else c.meaning for i, c in enumerate(columns)]
    for first in range(0, run.points, _BLOCK):
        block = [run.tables["jvl"][c.name][first : first + _BLOCK] for c in columns]
        yield from zip(*(_cells(array, f) for array, (_, f) in zip(block, converted, strict=True)), strict=True)


def _cells(array: np.ndarray[Any, Any], factor: float = 1.0) -> list[Any]:
    """A part of a column as the CSV writer takes it, which writes numbers in full precision; empty for NaN."""
    if array.dtype.kind == "S":
        words, which = np.unique(array, return_inverse=True)  # the same few at every point
        texts = [text_cell(_text(word)) for word in words]
        return [texts[i] for i in which.tolist()]
    if array.dtype.kind != "f":
        return list(array.tolist())
    values: list[Any] = (array if factor == 1.0 else array * factor).tolist()
    return ["" if value != value else value for value in values] if np.isnan(array).any() else values


def _spectra_rows(run: Run) -> Iterator[Sequence[Any]]:
    yield ["wavelength", *("spectral radiance" for _ in run.spectra)]
    yield ["nm", *("W/(m^2 sr nm)" for _ in run.spectra)]
    comments = (f"{spectrum.luminance:.6g} cd/m^2, point {spectrum.point_index}" for spectrum in run.spectra)
    yield [text_cell(run.sample), *comments]
    radiance = run.tables["spectra"]["spectral_radiance"]
    for i, wavelength in enumerate(range(380, 781)):
        yield [wavelength, *_cells(radiance[:, i])]


def _figure_rows(run: Run) -> Iterator[Sequence[Any]]:
    yield ["figure of merit", "value", "unit", "status", "standard uncertainty"]
    yield [""] * 5
    yield [text_cell(run.sample), "", "", "", ""]
    for name, figure in run.figures.items():
        value, uncertainty = _cells(np.array([figure.value, figure.uncertainty]))
        yield [text_cell(name), value, text_cell(figure.unit), text_cell(figure.status), uncertainty]
