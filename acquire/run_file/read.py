"""A run file as it is read, finished or not; every name and unit as :mod:`acquire.run_file.layout` says."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property, lru_cache
from math import isfinite
from operator import attrgetter
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from acquire.config.yaml_source import LARGEST_LONG_RUN_FILE, what_is
from acquire.evaluation.calibration import Calibration
from acquire.evaluation.device_stress import Stress
from acquire.evaluation.evidence import DarkLevel, dark_level
from acquire.evaluation.figure import Figure
from acquire.evaluation.flagged import source_of_figures
from acquire.records import (
    READING_FLAGS,
    Branch,
    Columns,
    DarkReading,
    Event,
    Exchange,
    ExposureSample,
    Finding,
    FloatArray,
    Note,
    PointFlag,
    Reading,
    Record,
    RepeatedReading,
    RunStatus,
    Severity,
    Spectrum,
)
from acquire.run_file import exchange
from acquire.run_file.analyses import (
    COMPUTED,
    COMPUTED_OF_SPECTRA,
    OWN,
    Analysis,
    Results,
    named,
    read_analyses,
    read_results,
)
from acquire.run_file.checksums import (
    Integrity,
    damaged_texts,
    has_file_checksum,
    verify,
    written_in,
)
from acquire.run_file.figures_group import LONGEST_TEXT, PLACES, checksum_of_figures, read_figures
from acquire.run_file.figures_group import PLACE as PLACE_OF_FIGURES
from acquire.run_file.figures_group import text as _text
from acquire.run_file.hdf5 import (
    plain_member,
    read_array,
    read_only,
    refuse_large_attributes,
    refuse_what_no_run_file_holds,
)
from acquire.run_file.layout import (
    BEFORE_THE_RUN,
    BEFORE_VERSIONS,
    FORMAT_VERSION,
    TABLES,
    Column,
    Table,
    Version,
    ending_check,
    read_calibration,
    version_of,
)
from acquire.run_file.loaded import LARGEST, HeldGroup, load
from acquire.run_file.naming import is_run_file, moment_in
from acquire.run_file.on_demand import OnDemand, on_demand
from acquire.run_file.placing import locked_alone
from acquire.run_file.remarks import Remark, RemarkKind, read_remarks, standing
from acquire.run_file.streamed import rows_of_streamed
from acquire.run_file.stress_group import read_stress
from acquire.run_file.tables import ALL, length, read_table

LONGEST_CONFIGURATION = 16 * LONGEST_TEXT  # of all such files together, with every default filled in


#: The attribute of the root that says a run in short; see :mod:`acquire.run_file.summary`.
SUMMARY = "summary"


class ArchiveError(Exception):
    """A run file that cannot be read or finished; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Run:
    """Everything a run file holds, as the engine recorded it, and its results.

    ``rows``: how many there are of the tables that are not among ``tables`` but read piece by piece, by
    :mod:`acquire.run_file.columns`. ``stress`` of a finished one. ``analyses`` were made of it afterwards; its results
    are those of ``analysis``, None for its own.
    """

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
    version: Version
    program: str
    exchange: Columns
    user: str = ""
    sample_fields: Mapping[str, str | float] = field(default_factory=dict)
    resolved_json: str = ""
    remarks: tuple[Remark, ...] = ()
    stress: Stress | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    analyses: tuple[Analysis, ...] = ()
    analysis: Analysis | None = None

    @property
    def source_of_figures(self) -> tuple[str, int]:
        """The branch and the cycle of the points that the figures of merit are made from."""
        branch, cycle = source_of_figures(self.tables["jvl"])
        return str(branch), cycle

    def summary(self) -> dict[str, Any]:
        """The run as the JSON object of ``--json``: only plain values, None for a number that is missing."""
        return {
            "run_id": self.run_id,
            "path": str(self.path),
            "status": str(self.status),
            "stop_reason": self.stop_reason,
            "figures_of_merit": {
                name: {
                    "value": _known(figure.value),
                    "unit": figure.unit,
                    "uncertainty": _known(figure.uncertainty),
                    "coverage_factor": _known(figure.coverage_factor),
                    "expanded_uncertainty": _known(figure.expanded_uncertainty),
                    "status": figure.status,
                    "reason": figure.reason,
                    "at": {place: _known(getattr(figure, place)) for place in PLACES},
                }
                for name, figure in self.figures.items()
            },
            "figures_from": dict(zip(("branch", "cycle"), self.source_of_figures, strict=True)),
            "dark": {
                when: {
                    "photodiode_signal": level.signal,
                    "standard_deviation": level.deviation,
                    "unit": self.calibration.conditions.meter_unit,
                    "readings": level.readings,
                    "time": level.time,
                }
                for when, level in self.dark_levels.items()
            },
            "findings": [_plain(finding) for finding in self.findings],
            "photodiode": self._photodiode(),
            "tags": list(self.tags),
            "comments": list(self.comments),
            "verifiable": self.integrity.verifiable,
            "damaged": list(self.integrity.damaged),
            "analysis": OWN if self.analysis is None else self.analysis.name,
            "analyses": [one.plain() for one in self.analyses],
        }

    def _photodiode(self) -> dict[str, Any]:
        """What turned the photodiode's signal into light, None without a calibration; the mean mismatch factor."""
        photodiode, factors = self.calibration.photodiode, self.mismatch_factors
        return {
            "calibration": None if photodiode is None else photodiode.identification,
            "method": None if photodiode is None else photodiode.method,
            "mismatch_factor": float(factors.mean()) if factors.size else None,
        }

    @property
    def stem(self) -> str:
        """The name of what is written of it: that of its file, and of the analysis by which its results are."""
        return self.path.stem if self.analysis is None else f"{self.path.stem}_{self.analysis.name}"

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that stand."""
        return standing(self.remarks, RemarkKind.TAG)

    @property
    def comments(self) -> tuple[str, ...]:
        """What was said of the run after it."""
        return standing(self.remarks, RemarkKind.COMMENT)

    @cached_property
    def configuration(self) -> Mapping[str, Any]:
        """The sweep, bench, calibration and device with every default filled in, SI; empty where the file has none."""
        return parsed(self.resolved_json)

    def configured(self, *place: str) -> Any:
        """A value of the configuration, SI: ``configured("sweep", "measure", "nplc")``; None where there is none."""
        found: Any = self.configuration
        for key in place:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    @property
    def mismatch_factors(self) -> FloatArray:
        """The mismatch factors of the spectra (n,), where there are any."""
        factors: FloatArray = self.tables["spectra"]["mismatch_factor"]
        return factors[np.isfinite(factors)]

    @property
    def resumable(self) -> bool:
        """Whether its plan is one that can be gone on with after a break."""
        return length(self.tables["parts"]) > 0

    @property
    def points(self) -> int:
        """How many points were measured."""
        return length(self.tables["jvl"])

    @cached_property
    def dark(self) -> tuple[DarkReading, ...]:
        """The readings without light."""
        return tuple(DarkReading(**{**row, "after": bool(row["after"])}) for row in _rows(self.tables["dark"]))

    @cached_property
    def repeated(self) -> tuple[RepeatedReading, ...]:
        """The levels that were read once more when the sweep was over."""
        return tuple(RepeatedReading(**row) for row in _rows(self.tables["repeated"]))

    @cached_property
    def dark_levels(self) -> Mapping[str, DarkLevel]:
        """The mean and scatter of the photodiode's signal without light, ``before`` the sweep and ``after`` it."""
        sides = {when: dark_level([one for one in self.dark if one.after == after]) for when, after in _WHEN.items()}
        return {when: level for when, level in sides.items() if level is not None}

    @cached_property
    def spectra(self) -> tuple[Spectrum, ...]:
        """The spectra; their samples are not copied."""
        return tuple(_spectrum(index, row) for index, row in enumerate(_rows(self.tables["spectra"])))

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What was worth a remark."""
        return tuple(Note(**row) for row in _rows(self.tables["notes"]))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What contradicts its numbers, the gravest first; of a run that is not finished, what was found so far."""
        found = [_finding(row) for row in _rows(self.tables["findings"])]
        return tuple(sorted(found, key=lambda finding: -list(Severity).index(finding.severity)))

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """The points one by one, each an object: for a look at a few. Nothing that handles whole runs asks for it."""
        return tuple(_record(index, row) for index, row in enumerate(_rows(self.tables["jvl"])))

    @cached_property
    def exposure_samples(self) -> tuple[ExposureSample, ...]:
        """The readings during spectra one by one, each an object, like :attr:`records`."""
        return tuple(ExposureSample(**row) for row in _rows(self.tables["exposure_samples"]))

    @cached_property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What was sent to the instruments and received from them, message by message; empty where it was not kept."""
        return tuple(exchange.exchanges_of(self.exchange))


@lru_cache(maxsize=8)
def parsed(resolved_json: str) -> Mapping[str, Any]:
    """A configuration as a run file keeps it; empty for a text that is none."""
    try:
        found = json.loads(resolved_json)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


_WHEN = {"before": False, "after": True}


def _known(value: float) -> float | None:
    """A number as JSON has it."""
    return value if isfinite(value) else None


def read_run(path: Path, analysis: str | None = None) -> Run:
    """Read a run file, finished or not.

    ``analysis``: by which of its analyses its results are; ``latest`` is the newest, ``run`` or None the run's own.

    :raises ArchiveError: there is no such file, or it is not a run file of this program; or it has no such analysis.
    """
    with opened(path) as (file, as_written):
        return by_analysis(whole(path, file, as_written=as_written), file["entry"], analysis)


def by_analysis(run: Run, entry: h5py.Group, name: str | None) -> Run:
    """The run of an entry with the results of one of its analyses, or its own.

    :raises ArchiveError: there is none of this name, or its numbers are damaged.
    """
    if name is None:
        return run
    try:
        analysis = named(run.analyses, name)
        if analysis is None:
            return run
        rows = {table: length(columns) for table, columns in run.tables.items()}
        return with_results(run, read_results(entry, analysis.name, run.source_unit, rows, run.calibration), analysis)
    except (ValueError, KeyError) as error:
        raise ArchiveError(f"{run.path}: {_first_line(error)}") from error


def with_results(run: Run, results: Results, analysis: Analysis | None = None) -> Run:
    """The run with these results in place of its own; its readings are the same."""
    uncertainty = results.calibration.uncertainty.emissive_area
    said = {
        "emissive_area": results.calibration.conditions.emissive_area,
        "emissive_area_uncertainty": uncertainty or None,
    }
    sample = {**run.sample_fields, **{name: value for name, value in said.items() if value is not None}}
    tables: dict[str, Columns] = {name: {**run.tables[name], **columns} for name, columns in results.tables.items()}
    if "notes" in tables:
        tables["notes"] = _both(run.tables["notes"], results.tables["notes"])
    return replace(
        run,
        analysis=analysis,
        calibration=results.calibration,
        tables={**run.tables, **tables},
        figures=results.figures,
        sample_fields=sample,
    )


def _both(before: Columns, more: Columns) -> Columns:
    """Notes, and those that came with an analysis and were not there before."""
    new = ~np.isin(more["text"], before["text"])
    return {name: np.concatenate([before[name], values[new]]) for name, values in more.items()}


def whole(path: Path, file: h5py.File | HeldGroup, *, as_written: bool = False) -> Run:
    """The run in an open file, and what its checksums say of it; of one that is ``as_written`` they need not be asked.

    :raises Exception: h5py cannot read it.
    """
    if as_written:
        return _read(path, file)
    if (found := _at_one_go(path, file)) is not None:
        return found[0]
    refuse_what_no_run_file_holds(file, _growing_groups(file))
    run = _read(path, file)
    return _verified(run, file, verify(file["entry"], _SEALED if run.finished else BEFORE_THE_RUN))


def _at_one_go(path: Path, file: h5py.File) -> tuple[Run, Mapping[str, str]] | None:
    """The same of a finished file, each object of it read once, and the checksums of what is in its entry.

    None of a file that is not finished, or that cannot be read: why, reading it part by part tells.
    """
    try:
        if "recording" in plain_member(file, "entry"):
            return None
        loaded = load(file)
        run, root = _read(path, loaded.root), loaded.root
        return _verified(run, root, verify(root["entry"], _SEALED, loaded.digests)), loaded.digests
    except Exception:  # h5py meets damage with almost any exception
        return None


def _verified(run: Run, file: h5py.File | HeldGroup, integrity: Integrity) -> Run:
    said = (*integrity.damaged, *run.integrity.damaged, *damaged_texts(file, [SUMMARY]))
    return replace(run, integrity=replace(integrity, damaged=said))


def _growing_groups(file: h5py.File) -> list[str]:
    """The groups of a file that is not finished whose tables may grow."""
    entry = plain_member(file, "entry")
    if entry is None or "recording" not in entry:
        return []
    return ["/entry/recording", *(f"/entry/{table.name}" for table in TABLES)]


def to_compute(path: Path, file: h5py.File | HeldGroup, *, as_written: bool) -> Run:
    """The run in an open file, for its results to be computed: its readings alone where it is ``as_written``.

    :raises Exception: h5py cannot read it.
    """
    if as_written and version_of(file) == FORMAT_VERSION:
        return readings(path, file)
    return whole(path, file, as_written=as_written)


def readings(path: Path, file: HeldGroup) -> Run:
    """The run in a file that is as it was written, without its own results: only what they are computed from.

    The columns that are computed are blank, tables of results empty, and there are no figures; nor are there messages.

    :raises Exception: h5py cannot read it.
    """
    return _read(path, file, without=_COMPUTED)


#: The columns that are computed, by table, or all of them; of the flags, some are of the reading itself.
_COMPUTED = {
    "jvl": frozenset(COMPUTED) - {"flags"},
    "spectra": frozenset(COMPUTED_OF_SPECTRA),
    **dict.fromkeys(("findings", "branches", "transport"), ALL),
}


def with_own_results(run: Run, entry: HeldGroup, likely: Results | None = None) -> Run:
    """A run that was read without them, with its own computed columns and figures; those of an analysis stay.

    ``likely``: what they may be; where the checksum of figures is that of these, they are not read one by one.

    :raises Exception: h5py cannot read them.
    """
    if run.analysis is not None:
        return run
    tables = {
        table.name: {**run.tables[table.name], **_computed_columns(entry, table, run)}
        for table in TABLES
        if table.name in _COMPARED
    }
    figures = None if likely is None else _if_the_same(likely, entry, run.tables["jvl"])
    return replace(run, tables={**run.tables, **tables}, figures=read_figures(entry) if figures is None else figures)


def _if_the_same(likely: Results, entry: HeldGroup, points: Columns) -> Mapping[str, Figure] | None:
    if not isinstance(entry, OnDemand) or "checksums" not in entry:
        return None
    found = checksum_of_figures(likely.figures, {**points, **likely.tables.get("jvl", {})})
    same = found == entry["checksums"].attrs.get(PLACE_OF_FIGURES)
    return dict(sorted(likely.figures.items())) if same else None


_COMPARED = ("jvl", "spectra")  # of the tables that are computed


def _computed_columns(entry: HeldGroup, table: Table, run: Run) -> Columns:
    others = {one.name for one in table.columns(run.source_unit)} - _COMPUTED[table.name]
    columns, _ = read_table(entry, table, run.source_unit, run.version, others)
    return {name: columns[name] for name in _COMPUTED[table.name] if name in columns}


def _read_own(path: Path) -> Run:
    """Read a file that this process has written and compared with what it wrote.

    :raises ArchiveError: as above.
    """
    with _file(path) as file:
        return _read(path, file)


@contextmanager
def _file(path: Path) -> Iterator[h5py.File]:
    """An open run file; whatever goes wrong inside, with damage for example, is an ArchiveError."""
    with _as_archive_error(path):
        refuse_what_is_no_file(path)
        with h5py.File(path, "r", locking=False) as file:
            refuse_newer(path, file)
            yield file


@contextmanager
def opened(path: Path) -> Iterator[tuple[h5py.File | HeldGroup, bool]]:
    """A run file, and whether it is known to be as it was written: then what is asked for is read, and nothing else.

    :raises ArchiveError: it cannot be read; whatever goes wrong inside is one.
    """
    with _as_archive_error(path):
        refuse_what_is_no_file(path)
        is_small = path.stat().st_size <= LARGEST
        if is_small and has_file_checksum(path) and (written := written_in(path.read_bytes())) is not None:
            with read_only(written.image) as file:
                root = on_demand(file)
                refuse_newer(path, root)
                yield root, True
                return
        with h5py.File(path, "r", locking=False) as file:
            refuse_newer(path, file)
            yield file, False


def refuse_what_is_no_file(path: Path) -> None:
    """See that there is a file, not a folder or a pipe, and not too large a one.

    :raises ArchiveError: there is none.
    :raises OSError: it cannot be asked.
    :raises ValueError: it is larger than any run file.
    """
    found = what_is(path)
    if found not in ("file", "nothing"):
        hint = "; name one run file in it" if found == "folder" else ""
        raise ArchiveError(f"{path}: is a {found}{hint}")
    if path.stat().st_size > LARGEST_LONG_RUN_FILE:
        raise ValueError(f"it is larger than {LARGEST_LONG_RUN_FILE >> 20} MB")


@contextmanager
def _as_archive_error(path: Path) -> Iterator[None]:
    """What goes wrong inside with a run file, as an error that names it."""
    try:
        yield
    except ArchiveError:
        raise
    except FileNotFoundError as error:
        raise ArchiveError(f"{path}: there is no such file") from error
    except MemoryError as error:
        raise ArchiveError(f"{path}: needs more memory than there is for a run file") from error
    except Exception as error:  # h5py meets damage with almost any exception
        raise ArchiveError(f"{path}: is not a run file of this program ({_first_line(error)})") from error


def refuse_newer(path: Path, file: h5py.File | HeldGroup) -> None:
    """:raises ArchiveError: a file is of a newer major version of the format than this program knows."""
    if isinstance(file, h5py.File):
        refuse_large_attributes(file)
    version = version_of(file)
    if version[0] > FORMAT_VERSION[0]:
        mine = "{}.{}".format(*FORMAT_VERSION)
        raise ArchiveError(
            f"{path}: was written by {_text(file.attrs.get('creator', 'an unknown program'))} in format "
            f"{version[0]}.{version[1]}, and this program knows {mine}; open it with that program, or a newer one"
        )


def refuse_what_is_open_or_wrong(run: Run, what: str) -> None:
    """See that a run is over and its file whole, before ``what`` is done; else that was not done.

    :raises ArchiveError: it is not finished, damaged, or of a newer version than this program's.
    """
    if not run.finished:
        raise ArchiveError(
            f"{run.path}: is not finished: its run is going on, or was cut off; nothing was {what}. Try again when it "
            f"is over, or after: acquire recover {run.path}"
        )
    if run.integrity.damaged:
        raise ArchiveError(f"{run.path}: is damaged, and nothing is {what}: {run.integrity}")
    if run.version > FORMAT_VERSION:
        raise ArchiveError(f"{run.path}: was written by {run.program}, a newer program; nothing was {what} by this one")


def run_files_in(folder: Path) -> list[Path]:
    """The run files in a folder, the newest first; files of other names are left out. Opens none of them.

    :raises OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        found = [(_moment(entry), entry.name) for entry in entries if is_run_file(entry.name) and entry.is_file()]
    return [folder / name for _, name in sorted(found, reverse=True)]


def hdf5_files_in(folder: Path) -> list[Path]:
    """Every HDF5 file in a folder by its ending, the oldest first: a run file may have been given another name.

    :raises OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        found = [(_moment(entry), entry.name) for entry in entries if entry.name.endswith(".h5") and entry.is_file()]
    return [folder / name for _, name in sorted(found)]


def _moment(entry: os.DirEntry[str]) -> str:
    """When a run file was made, to sort by: as its name says it, else as the file system does."""
    return moment_in(entry.name) or f"{datetime.fromtimestamp(entry.stat().st_mtime).astimezone():%Y%m%dT%H%M%S}"


def points_if_unfinished(path: Path) -> int | None:
    """How many points an unfinished run file has, going on or cut off; None for a finished one. Reads little of it.

    :raises ArchiveError: as :func:`read_run`.
    """
    with _file(path) as file:
        recording = plain_member(plain_member(file, "entry"), "recording")
        if recording is None:
            return None
        counters = [plain_member(recording, name) for name in ("jvl_rows", "lifetime_rows")]
        return sum(int(counter[()]) for counter in counters if counter is not None)


def points_if_cut_off(path: Path) -> int | None:
    """The same, None as well for a file that is still written.

    :raises ArchiveError: as :func:`read_run`.
    """
    points = points_if_unfinished(path)
    if points is None:
        return None
    try:
        with locked_alone(path):
            return points
    except OSError:
        return None


def table_of(events: Sequence[Event], columns: Sequence[Column]) -> Columns:
    """Events as the rows of their table: for few of them."""
    return {column.name: _column_of(events, column) for column in columns}


def _column_of(events: Sequence[Event], column: Column) -> np.ndarray[Any, Any]:
    values = map(attrgetter(column.source), events)
    return np.array([str(v).encode() for v in values] if column.dtype[0] == "S" else list(values), column.dtype)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Number, size and time of change of a file; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


# --- reading -----------------------------------------------------------------------------------------------


def _read(path: Path, file: h5py.File | HeldGroup, without: Mapping[str, Collection[str]] | None = None) -> Run:
    entry, version = file["entry"], version_of(file)
    recording = entry.get("recording")
    source_unit = _text(entry["jvl/source_level"].attrs["units"])
    left_out = without or {}
    found = {
        table.name: read_table(entry, table, source_unit, version, left_out.get(table.name, ()))
        for table in TABLES
        if not table.streamed
    }
    messages, remarks = _exchanged(entry, recording) if without is None else (exchange.columns_of([]), ())
    said = [text for _, texts in found.values() for text in texts] + [*remarks]
    analyses = _analyses(entry, said)
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
            _text(role): f"{_text(group.attrs['identification'])} at {_text(group.attrs['resource'])}"
            for role, group in entry["instrument"].items()
        },
        calibration=_calibration(entry),
        tables={name: columns for name, (columns, _) in found.items()},
        figures={} if without else read_figures(entry),
        finished=recording is None,
        integrity=Integrity(damaged=tuple(said)),
        version=version,
        program=_text(file.attrs.get("creator", "")),
        exchange=messages,
        user=_text_if_any(entry, "user/name"),
        sample_fields={_text(name): _sample_field(dataset) for name, dataset in entry["sample"].items()},
        resolved_json=_text_if_any(entry, "configuration/resolved_json"),
        remarks=read_remarks(entry),
        stress=read_stress(entry),
        rows={table.name: rows_of_streamed(entry, table) for table in TABLES if table.streamed},
        analyses=analyses,
    )


def _calibration(entry: h5py.Group | OnDemand) -> Calibration:
    """The calibration; of a file that is as it was written, it is known by its checksum once it was read."""
    if not isinstance(entry, OnDemand):
        return read_calibration(entry["calibration"])
    checksum = entry["checksums"].attrs.get("calibration", "")
    if (found := _KNOWN.get(checksum)) is None:
        found = read_calibration(entry["calibration"])
        if checksum:
            _KNOWN[checksum] = found
            while len(_KNOWN) > _MOST_KNOWN:
                _KNOWN.pop(next(iter(_KNOWN)), None)
    return found


_KNOWN, _MOST_KNOWN = dict[str, Calibration](), 32  # many runs of a bench have one


def _exchanged(entry: h5py.Group, recording: h5py.Group | None) -> tuple[Columns, tuple[str, ...]]:
    return (exchange.read(entry), ()) if recording is None else exchange.recorded(recording)


def _analyses(entry: h5py.Group, said: list[str]) -> tuple[Analysis, ...]:
    """The analyses; damage to them costs nothing of the run itself, and is said."""
    try:
        return read_analyses(entry)
    except Exception as error:  # h5py meets damage with almost any exception
        said.append(f"/entry/analyses cannot be read ({_first_line(error)})")
        return ()


def _text_if_any(entry: h5py.Group, name: str) -> str:
    return _text(entry[name][()], LONGEST_CONFIGURATION) if name in entry else ""


def _sample_field(dataset: h5py.Dataset) -> str | float:
    value = dataset[()]
    return float(value) if isinstance(value, float) else _text(value)


#: Members of the entry of a finished file, each with its checksum.
_SEALED = (
    *BEFORE_THE_RUN,
    "status",
    "stop_reason",
    "end_time",
    *(table.name for table in TABLES if table.since == BEFORE_VERSIONS),
    "jvl_live",
    "figures_of_merit",
)


def _wrong_ending(entry: h5py.Group) -> list[str]:
    """What is to be said when the texts of an ending are not as they were written."""
    texts = [bytes(read_array(entry, name)[()]) for name in ("stop_reason", "end_time", "status")]
    right = ending_check(texts) == int(read_array(entry["recording"], "ending_check")[()])
    return [] if right else ["status, stop_reason or end_time are not as they were written"]


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


def _finding(row: dict[str, Any]) -> Finding:
    severity, names = Severity(row.pop("severity")), row.pop("figures").split()
    return Finding(severity=severity, figures=tuple(names), **row)


def _plain(finding: Finding) -> dict[str, Any]:
    """A finding as a JSON object."""
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "text": finding.text,
        "value": finding.value if isfinite(finding.value) else None,
        "limit": finding.limit if isfinite(finding.limit) else None,
        "figures": list(finding.figures),
        "remedy": finding.remedy,
        "time": finding.time if isfinite(finding.time) else None,
    }
