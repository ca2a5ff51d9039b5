"""Reading of run files for the service, in a process of its own: ``python -m acquire.service.reader_process``.

A damaged file can take libhdf5 down, and with it the interpreter; reading many rows holds the interpreter for a while.
Neither may befall the process that serves viewers. On standard input comes a request a line (JSON); on standard output
goes an answer each: a count of parts, each a length and its bytes, the first part JSON about the others.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from acquire.records import Columns
from acquire.run_file import rows as files
from acquire.run_file.layout import TABLE
from acquire.run_file.read import ArchiveError, read_run
from acquire.service.figures import plain_figures
from acquire.service.json_text import compact, plain
from acquire.service.summaries import summary_row
from acquire.service.thinning import extremes, pixels, rows_within

NUMBER = struct.Struct("<Q")
SINGLE = {"notes": "note", "findings": "finding", "spectra": "spectrum"}  # a row of these is an event of its own
MOST_ROWS = 2000  # of an event
LONG = 20_000  # rows from which on columns are kept for the next picture
MOST_KEPT = 192 << 20  # bytes

Parts = tuple[Any, Sequence[bytes]]


def _look(path: Path) -> Parts:
    return asdict(files.look(path)), ()


def _rows(path: Path, run_id: str, wanted: Mapping[str, Sequence[int]]) -> Parts:
    """Events of rows: what each is about, and its text."""
    finished, found = files.read_rows(path, {table: (a, min(b, a + MOST_ROWS)) for table, (a, b) in wanted.items()})
    about, texts = list[dict[str, Any]](), list[bytes]()
    for rows in found:
        for start, stop, kind, content in _events(rows):
            about.append({"kind": kind, "table": rows.table, "from": start, "to": stop})
            texts.append(compact({"run_id": run_id, **content}))
    return {"finished": finished, "events": about, "totals": {rows.table: rows.total for rows in found}}, texts


def _events(rows: files.Rows) -> Iterator[tuple[int, int, str, dict[str, Any]]]:
    columns = {name: plain(values) for name, values in rows.columns.items()}
    if rows.table not in SINGLE:
        if rows.stop > rows.start:
            yield rows.start, rows.stop, "rows", {"table": rows.table, "from": rows.start, "columns": columns}
        return
    for index, row in enumerate(range(rows.start, rows.stop)):
        yield row, row + 1, SINGLE[rows.table], _of_one(rows.table, row, {k: v[index] for k, v in columns.items()})


def _of_one(table: str, row: int, values: dict[str, Any]) -> dict[str, Any]:
    if table == "findings":
        values["figures"] = values["figures"].split()
    if table == "spectra":
        values |= {"wavelength_start": 380, "wavelength_step": 1}
    return {"row": row, **values}


def _row(path: Path, table: str, row: int) -> Parts:
    _, found = files.read_rows(path, {table: (row, row + 1)})
    if found[0].stop == found[0].start:
        raise KeyError(f"row {row}")
    return _of_one(table, row, {name: plain(values)[0] for name, values in found[0].columns.items()}), ()


def _columns(
    path: Path,
    table: str,
    names: Sequence[str] | None,
    first: int,
    last: int | None,
    points: int,
    x: str | None,
    scale: str,
    x_from: float | None,
    x_to: float | None,
) -> Parts:
    """Columns of a table, thinned to what a picture of so many points needs."""
    seen = files.look(path)
    total, units = seen.rows.get(table, 0), seen.units.get(table, {})
    if table not in seen.units:
        raise KeyError(table)
    if missing := [name for name in (*(names or ()), *([x] if x else [])) if name not in units]:
        raise KeyError(missing[0])
    known = {column.name: column for column in TABLE[table].columns(seen.source_unit)}
    chosen = [name for name in names or units if not known[name].is_spectrum]
    numbers = [name for name in chosen if known[name].is_number and name != x]
    stop = total if last is None else min(last, total)
    start = min(max(first, 0), stop)
    rows = np.arange(start, stop)
    thinned = stop - start > points
    if thinned or x_from is not None or x_to is not None:
        held = _held(path, seen, table, [*numbers, *([x] if x else [])], total)
        of_x = held[x][start:stop] if x else None
        if of_x is not None and (x_from is not None or x_to is not None):
            rows = start + rows_within(of_x, x_from, x_to)
        thinned = len(rows) > points
        if thinned:
            begins = pixels(held[x][rows] if x else None, len(rows), max(points // 2, 1), log=scale == "log")
            drawn = [name for name in numbers if name not in _NOT_DRAWN] or numbers
            rows = rows[extremes([held[name][rows] for name in drawn], begins)]
        texts = [name for name in chosen if name not in held]
        picked = {name: held[name][rows] for name in chosen if name in held} | _some(path, table, texts, rows)
        for row in files.changed_rows(path, table, rows.tolist()):  # blank, as whoever reads them all has them
            at, blank = int(np.searchsorted(rows, row)), _all(path, table, chosen, row, row + 1)
            for name in chosen:
                picked[name][at] = blank[name][0]
        columns: Columns = {name: picked[name] for name in chosen}
    else:
        columns = _all(path, table, chosen, start, stop)
    about = {
        "run_id": seen.run_id,
        "table": table,
        "rows": total,
        "from": start,
        "to": stop,
        "thinned": thinned,
        "revision": "final" if seen.finished else "recorded",
        "row": rows.tolist(),
        "columns": {name: plain(values) for name, values in columns.items()},
        "units": {name: units[name] for name in chosen},
    }
    return {"totals": dict(seen.rows), "finished": seen.finished, "run_id": seen.run_id}, (compact(about),)


#: Numbers that mean no amount: their extremes are no feature of a picture.
_NOT_DRAWN = {"flags", "source_status", "cycle", "part", "spectrum_index", "spectrum_index_upper"}


def _all(path: Path, table: str, names: Sequence[str], start: int, stop: int) -> Columns:
    _, found = files.read_rows(path, {table: (start, stop)}, names)
    return found[0].columns


def _some(path: Path, table: str, names: Sequence[str], rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    if not names or not len(rows):
        return {name: np.empty(0, "S1") for name in names}
    start = int(rows[0])
    read = _all(path, table, names, start, int(rows[-1]) + 1)
    return {name: values[rows - start] for name, values in read.items()}


_kept: dict[tuple[str, bool, str, str], np.ndarray[Any, Any]] = {}


def _held(path: Path, seen: files.FollowedRun, table: str, names: Sequence[str], total: int) -> Columns:
    """Columns (total,) of a long table: what was read before, and what has come since."""
    keys = {name: (seen.run_id, seen.finished, table, name) for name in names}
    there = {name: _kept.pop(key, np.empty(0)) for name, key in keys.items()}
    for start in sorted({len(values) for values in there.values() if len(values) < total}):
        short = [name for name in names if len(there[name]) == start]
        fresh = files.read_numbers(path, table, short, start, total)
        for name in short:
            there[name] = fresh[name] if not start else np.concatenate([there[name], fresh[name]])
    if total >= LONG:
        _kept.update({key: there[name] for name, key in keys.items()})
        while sum(values.nbytes for values in _kept.values()) > MOST_KEPT:
            _kept.pop(next(iter(_kept)))
    return {name: values[:total] for name, values in there.items()}


def _figures(path: Path) -> Parts:
    run = read_run(path)
    content = run.summary()
    return {
        "run_id": run.run_id,
        "revision": "final" if run.finished else "recorded",
        "figures": plain_figures(content["figures_of_merit"]),
        "findings": content["findings"],
        "notes": [{"time": one.time if one.time == one.time else None, "text": one.text} for one in run.notes],
    }, ()


def _summaries(paths: Sequence[str]) -> Parts:
    """What a list says of each run file, None for one that cannot be read."""
    from acquire.run_file.summary import read_summary

    found = list[dict[str, Any] | None]()
    for path in paths:
        try:
            found.append(summary_row(read_summary(Path(path))))
        except ArchiveError:
            found.append(None)
    return found, ()


def _facts(path: Path) -> Parts:
    """What is to be said of how a run was done, label and text."""
    from acquire.run_file.conditions import facts_of

    return [[name.replace("_", " "), text] for name, text in facts_of(read_run(path)).items()], ()


_DEEDS: Mapping[str, Callable[..., Parts]] = {
    "look": _look,
    "rows": _rows,
    "row": _row,
    "columns": _columns,
    "figures": _figures,
    "facts": _facts,
}


def _answered(line: bytes) -> Parts:
    request = json.loads(line)
    deed = request.pop("deed")
    try:
        if deed == "summaries":
            return _summaries(request["paths"])
        return _DEEDS[deed](Path(request.pop("path")), **request)
    except ArchiveError as error:
        return {"error": "unreadable", "message": str(error)}, ()
    except KeyError as error:
        return {"error": "absent", "message": str(error.args[0])}, ()
    except MemoryError:
        return {"error": "unreadable", "message": "there is not memory enough for it"}, ()
    except Exception as error:
        return {"error": "unreadable", "message": f"{type(error).__name__}: {error}"}, ()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more requests."""
    for line in requests:
        about, parts = _answered(line)
        whole = [compact(about), *parts]
        answers.write(NUMBER.pack(len(whole)))
        for part in whole:
            answers.write(NUMBER.pack(len(part)) + part)
        answers.flush()


if __name__ == "__main__":
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except (BrokenPipeError, KeyboardInterrupt):  # the service is gone, and nobody waits for the rest
        os._exit(0)
