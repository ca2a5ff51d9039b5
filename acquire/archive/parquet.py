"""Many runs as Parquet files, for pandas, Polars, DuckDB and R: one row a run, one a point, one a spectrum; SI.

``runs.parquet`` has what the summaries say, ``jvl/`` and ``spectra/`` a part for every so many runs. Which runs stand
in which part, and every byte of it, depend on the runs alone, not on who wrote it. What each number is and its unit
stand in the metadata of its field. Apache Arrow (pyarrow) writes them, the extra ``archive``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from acquire.archive.apart import Apart
from acquire.archive.spread import Workers
from acquire.run_file.export.sheets import in_papers_order
from acquire.run_file.layout import SPECTRUM_COLUMNS, Column, jvl_columns
from acquire.run_file.placing import name_beside, put_in_place
from acquire.run_file.read import ArchiveError, Run
from acquire.run_file.reading_apart import read_runs
from acquire.run_file.summary import RunSummary

if TYPE_CHECKING:
    import pyarrow

IN_A_PART = 200  # runs


@dataclass(frozen=True)
class Written:
    """What an export wrote: runs, points and spectra; files that could not be read, with the reason."""

    runs: int = 0
    points: int = 0
    spectra: int = 0
    skipped: tuple[tuple[Path, str], ...] = ()


def export_parquet(runs: Sequence[RunSummary], folder: Path, workers: Workers, *, force: bool = False) -> Written:
    """Write some runs, in the order of their identities, into a folder.

    :raises ArchiveError: the folder has something in it, and ``force`` is not given; it cannot be written; pyarrow is
        not installed.
    """
    _refuse(folder, force)
    in_order = sorted(runs, key=lambda run: run.run_id)
    parts = [in_order[start : start + IN_A_PART] for start in range(0, len(in_order), IN_A_PART)]
    tasks = [([run.path for run in part], folder.absolute(), number) for number, part in enumerate(parts)]
    done = Written()
    try:
        for name in _FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
            for left in (folder / name).glob("part-*.parquet"):
                left.unlink()
        for part in workers.results(Apart(_write_part), tasks):
            done = Written(
                done.runs + part.runs,
                done.points + part.points,
                done.spectra + part.spectra,
                done.skipped + part.skipped,
            )
        unread = {path for path, _ in done.skipped}
        _write(_runs_table([run for run in in_order if run.path not in unread]), folder / "runs.parquet")
    except OSError as error:
        raise ArchiveError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return done


_FOLDERS = ("jvl", "spectra")


def _refuse(folder: Path, force: bool) -> None:
    """:raises ArchiveError: nothing can be written there."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ArchiveError(
            'Parquet files need pyarrow, the extra "archive": pip install "jvl-bench[archive]"'
        ) from error
    try:
        if not force and any(folder.iterdir()):
            raise ArchiveError(f"{folder}: is not empty; choose another folder, or replace what is there with --force")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ArchiveError(f"{folder}: cannot be written ({error.strerror or error})") from error


def _write_part(task: tuple[list[Path], Path, int]) -> Written:
    """Write the points and spectra of some runs: the work of one process."""
    paths, folder, number = task
    read, skipped = list[Run](), list[tuple[Path, str]]()
    for path, run in read_runs(paths):
        if isinstance(run, ArchiveError):
            skipped.append((path, str(run)))
        elif run.integrity.damaged:
            skipped.append((path, f"{path}: {run.integrity}"))
        else:
            read.append(run)
    name = f"part-{number:05d}.parquet"
    _write(_rows_table(read, "jvl", jvl_columns("V")), folder / "jvl" / name)
    _write(_rows_table(read, "spectra", SPECTRUM_COLUMNS), folder / "spectra" / name)
    points, spectra = (sum(_rows(run, table) for run in read) for table in _FOLDERS)
    return Written(len(read), points, spectra, tuple(skipped))


def _rows(run: Run, table: str) -> int:
    return len(next(iter(run.tables[table].values())))


def _write(table: pyarrow.Table, path: Path) -> None:
    """Write a table so that it has its name once it is whole."""
    from pyarrow import parquet

    beside = name_beside(path)
    try:
        parquet.write_table(table, beside, compression="zstd")
        put_in_place(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _rows_table(runs: Sequence[Run], name: str, columns: Sequence[Column]) -> pyarrow.Table:
    """The rows of a table of all these runs, each with the run it is of and the units that differ from run to run."""
    import pyarrow as pa

    of_run = {
        "run_id": [run.run_id for run in runs],
        "source_unit": [run.source_unit for run in runs],
        "photodiode_unit": [run.calibration.conditions.meter_unit for run in runs],
    }
    counts = [_rows(run, name) for run in runs]
    arrays, kinds = list[Any](), list[Any]()
    for key, texts in of_run.items():
        arrays.append(pa.array(np.repeat(np.array(texts, object), counts), pa.string()))
        kinds.append(pa.field(key, pa.string()))
    for column in columns:
        values = [run.tables[name][column.name] for run in runs]
        arrays.append(_array(column, np.concatenate(values) if values else np.empty((0,), "f8")))
        unit = "of source_unit" if column.name == "source_level" else column.unit
        unit = "of photodiode_unit" if column.name == "photodiode_signal" else unit
        kinds.append(pa.field(column.name, arrays[-1].type, metadata={"unit": unit, "meaning": column.meaning}))
    return pa.Table.from_arrays(arrays, schema=pa.schema(kinds))


def _array(column: Column, values: np.ndarray[Any, Any]) -> Any:
    import pyarrow as pa

    if column.is_spectrum:
        flat = np.ascontiguousarray(values, "f8").ravel()
        size = values.shape[1] if values.ndim == 2 else 401
        return pa.FixedSizeListArray.from_arrays(pa.array(flat), size)
    if column.dtype.startswith("S"):
        return pa.array([value.decode(errors="replace") for value in values.astype("S").tolist()], pa.string())
    return pa.array(values.astype(column.dtype))


# --- a row for each run --------------------------------------------------------------------------------------


def _runs_table(runs: Sequence[RunSummary]) -> pyarrow.Table:
    """What the summaries say."""
    import pyarrow as pa

    arrays, kinds = list[Any](), list[Any]()
    for name, values, meaning in _columns(runs):
        kind = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[_kind(values)]
        arrays.append(pa.array(values, kind))
        kinds.append(pa.field(name, kind, metadata=meaning))
    return pa.Table.from_arrays(arrays, schema=pa.schema(kinds))


def _kind(values: Sequence[Any]) -> type:
    return type(next((value for value in values if value is not None), ""))


_UNITS = {"emissive_area": "m^2", "first_level": "of source_unit", "last_level": "of source_unit"}
_UNITS["reached_level"] = "of source_unit"


def _columns(runs: Sequence[RunSummary]) -> Iterator[tuple[str, list[Any], Mapping[str, str]]]:
    """Name, values and metadata of each column."""
    plain = [one for one in fields(RunSummary) if str(one.type) in ("str", "int", "float")]
    for one in plain:
        yield one.name, [getattr(run, one.name) for run in runs], {"unit": _UNITS.get(one.name, "")}
    yield "finished", [run.finished for run in runs], {}
    yield "tags", [run.tag for run in runs], {}
    yield "findings", [" ".join(code for codes in run.findings.values() for code in codes) for run in runs], {}
    yield "path", [run.path.as_posix() for run in runs], {}
    names = {name for run in runs for name in run.figures}
    for name in sorted(names, key=in_papers_order):
        found = [run.figures.get(name) for run in runs]
        unit = {"unit": next(one.unit for one in found if one is not None)}
        yield name, [None if one is None else one.value for one in found], unit
        yield f"{name}_uncertainty", [None if one is None else one.uncertainty for one in found], unit
        yield f"{name}_status", [None if one is None else one.status for one in found], {}
