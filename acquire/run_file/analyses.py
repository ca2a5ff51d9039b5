"""Analyses of a finished run: results computed anew from its raw readings, ``/entry/analyses/NAME`` beside the first.

Nothing of the run itself is touched: its own results, ``/entry/jvl`` and the others, are revision 1, and each analysis
is one more, with its parent, when and by which program it was made, why, and what is different from the parent. It
holds only what is computed, in the rows of the run's own tables, and the whole calibration that it was computed with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from h5py import h5g

from acquire.evaluation.calibration import Calibration
from acquire.evaluation.figure import Figure
from acquire.records import DERIVED, ROUTES, WITH_COMMON_PART, Columns
from acquire.run_file.figures_group import FIGURES, read_figure_rows, read_figures, write_figure_rows
from acquire.run_file.hdf5 import nx_group, plain_member, read_array, set_number, set_text, write_array
from acquire.run_file.layout import (
    JVL_PLOT,
    TABLE,
    Column,
    read_calibration,
    read_fields,
    storable,
    write_fields,
    write_rows,
)

PLACE = "analyses"
MOST_ANALYSES = 12  # of a run
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
#: What stands for the results of the run itself, and for the newest analysis; no analysis is called so.
OWN, LATEST = "run", "latest"
LONGEST_CERTIFICATE = 1 << 20  # bytes

#: What of a point is computed: these columns of ``/entry/jvl`` an analysis has of its own.
COMPUTED = (
    *(f"{name}{ending}" for name in (*DERIVED, *ROUTES) for ending in ("", "_uncertainty")),
    *(f"{name}_independent_uncertainty" for name in WITH_COMMON_PART),
    "flags",
    "spectrum_source",
    "spectrum_index",
    "spectrum_index_upper",
    "spectrum_weight",
    "log10_distance",
)
#: What of a spectrum is computed from its samples and the calibration.
COMPUTED_OF_SPECTRA = ("luminance", "x", "y", "peak_wavelength", "fwhm", "mismatch_factor")
#: Tables that are the results themselves, whole in each analysis.
WHOLE = ("findings", "branches", "transport", "notes")
#: Where the calibration stands, as far as it is another one than that of the run.
DIFFERENT = "calibration_changes"


@dataclass(frozen=True)
class Analysis:
    """An analysis by its ``name``: which ``revision`` of the results, from which ``parent``, when (ISO 8601), why.

    ``changed`` says in words what is different from the parent; ``formulas`` what its program computed otherwise than
    the one that wrote the parent. ``files`` are those that were named for it, with their SHA-256. ``certificate`` is
    the calibration file (JSON) by which it was computed, as far as it is known.
    """

    name: str
    revision: int
    parent: str
    time: str
    program: str
    reason: str = ""
    user: str = ""
    changed: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    certificate: str = ""

    def plain(self) -> dict[str, Any]:
        """The analysis as a JSON object."""
        return {
            "name": self.name,
            "revision": self.revision,
            "parent": self.parent,
            "time": self.time,
            "program": self.program,
            "reason": self.reason,
            "user": self.user,
            "changed": list(self.changed),
            "formulas": list(self.formulas),
            "files": dict(self.files),
        }

    def __str__(self) -> str:
        """In one line: name, when, what is different, why."""
        said = "; ".join([*self.changed, *(["formulas of this program"] if self.formulas else [])]) or "nothing changed"
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.name}, {self.time[:16].replace('T', ' ')}, from {self.parent}: {said}{reason}"


@dataclass(frozen=True)
class Results:
    """What is computed of a run: columns by table in the rows of its own tables, figures, and by which calibration."""

    calibration: Calibration
    tables: Mapping[str, Columns]
    figures: Mapping[str, Figure]


# --- written ---------------------------------------------------------------------------------------------------


def write_analysis(entry: h5py.Group, analysis: Analysis, results: Results, run: Measured) -> None:
    """Put one more analysis of a run into an entry.

    It is one of perhaps many, and made of a hundred thousand runs in one go: so it says only what is its own. What a
    column means is said at that of the run; of the calibration there is what is different from that of the run; and
    tables whose rows are read together are one data set each.
    """
    if PLACE not in entry:
        set_text(
            nx_group(entry, PLACE, "NXcollection"), "meaning", "results computed anew; a group each, see its parent"
        )
    group = nx_group(h5py.Group(h5g.open(entry.id, PLACE.encode())), analysis.name, "NXcollection")
    for name in ("parent", "time", "program", "reason", "user"):
        set_text(group, name, storable(getattr(analysis, name)))
    set_number(group, "revision", analysis.revision)
    for name in ("changed", "formulas"):
        set_text(group, name, storable("\n".join(getattr(analysis, name))))
    set_text(group, "files", storable(json.dumps(dict(analysis.files))))
    if analysis.certificate:
        write_array(
            group, "certificate", np.array(storable(analysis.certificate).encode()), "", "calibration file, JSON"
        )
    _write_calibration(group, results.calibration, run.calibration)
    for name, columns in results.tables.items():
        if name == "jvl":
            _write_points(group, columns, run)
        elif name in WHOLE or len(next(iter(columns.values()))):
            write_rows(group, name, _known(name, columns, run.source_unit), columns)
    write_figure_rows(group, results.figures, {**run.points, **results.tables.get("jvl", {})})


@dataclass(frozen=True)
class Measured:
    """What an analysis is of: the ``points`` of a run, the unit of its source, the calibration of its own results."""

    points: Columns
    source_unit: str
    calibration: Calibration


def _write_calibration(group: h5py.Group, calibration: Calibration, of_run: Calibration) -> None:
    """Those numbers, curves and texts that are other ones than those of the run."""
    own, other = of_run.to_fields(), calibration.to_fields()
    different = {name: (value, unit) for name, (value, unit) in other.items() if not _is_same(value, own.get(name))}
    beside = nx_group(group, DIFFERENT, "NXcollection")
    set_text(beside, "meaning", "what is other than in /entry/calibration; the names under without are not there")
    set_text(beside, "without", " ".join(own.keys() - other.keys()))
    write_fields(beside, different)


def _is_same(value: Any, own: tuple[Any, str] | None) -> bool:
    if own is None or isinstance(value, str) or isinstance(own[0], str):
        return own is not None and bool(value == own[0])
    return np.array_equal(value, own[0], equal_nan=True)


def _write_points(group: h5py.Group, columns: Columns, run: Measured) -> None:
    """What of a point is computed: what viewers plot as they do it of a run, and all the rest as one table."""
    jvl = nx_group(group, "jvl", "NXdata")
    set_text(jvl, "meaning", "computed anew; what each column means is said in /entry/jvl")
    shown = {name: columns[name] for name in _SHOWN if name in columns}
    if shown:
        for name, value in JVL_PLOT.items():
            if name != "NX_class":
                set_text(jvl, name, value)
        # links are refused in run files, so the voltage is there twice
        write_array(jvl, "voltage", run.points["voltage"], "V", "voltage")
        set_text(group, "default", "jvl")
    for name, values in shown.items():
        write_array(jvl, name, values, DERIVED[name], name.replace("_", " "))
    write_rows(jvl, _REST, [one for one in _known("jvl", columns, run.source_unit) if one.name not in shown], columns)


_SHOWN = (str(JVL_PLOT["signal"]), *JVL_PLOT["auxiliary_signals"])
_REST = "computed"  # the table of the columns that are not shown


def _known(table: str, columns: Columns, source_unit: str) -> list[Column]:
    return [one for one in TABLE[table].columns(source_unit) if one.name in columns]


# --- read ------------------------------------------------------------------------------------------------------


def read_analyses(entry: h5py.Group) -> tuple[Analysis, ...]:
    """The analyses of an entry, the oldest first, without their numbers.

    :raises ValueError: they make no sense.
    """
    groups = plain_member(entry, PLACE)
    if groups is None:
        return ()
    if len(groups) > MOST_ANALYSES:
        raise ValueError(f"{PLACE} holds more than {MOST_ANALYSES}")
    found = [_analysis(name, plain_member(groups, name)) for name in groups]
    return tuple(sorted(found, key=lambda one: one.revision))


def _analysis(name: str, group: h5py.Group) -> Analysis:
    if NAME.fullmatch(name) is None:
        raise ValueError("an analysis has a name that none has")
    files = json.loads(_text(group, "files"))
    if not isinstance(files, dict):
        raise ValueError(f"the files of analysis {name} make no sense")
    certificate = bytes(read_array(group, "certificate")[()]).decode() if "certificate" in group else ""
    return Analysis(
        name,
        revision=int(group.attrs["revision"]),
        parent=_text(group, "parent"),
        time=_text(group, "time"),
        program=_text(group, "program"),
        reason=_text(group, "reason"),
        user=_text(group, "user"),
        changed=_lines(group, "changed"),
        formulas=_lines(group, "formulas"),
        files={str(path): str(digest) for path, digest in files.items()},
        certificate=certificate,
    )


def _lines(group: h5py.Group, name: str) -> tuple[str, ...]:
    return tuple(filter(None, _text(group, name).split("\n")))


def _text(group: h5py.Group, name: str) -> str:
    text = group.attrs[name]
    if not isinstance(text, str):
        raise ValueError(f"{name} of an analysis is no text")
    return text


def named(analyses: Sequence[Analysis], name: str) -> Analysis | None:
    """The analysis of this name, the newest for ``latest``; None for the run's own results.

    :raises ValueError: there is none of this name; the message names those that there are.
    """
    if name == OWN or (name == LATEST and not analyses):
        return None
    if name == LATEST:
        return analyses[-1]
    if (found := next((one for one in analyses if one.name == name), None)) is None:
        there = f"there is: {', '.join(one.name for one in analyses)}" if analyses else "it has none"
        raise ValueError(f"has no analysis '{name}'; {there}")
    return found


def read_results(
    entry: h5py.Group, name: str, source_unit: str, rows: Mapping[str, int], calibration: Calibration
) -> Results:
    """The numbers of an analysis of a run by this ``calibration``, whose tables have so many ``rows``.

    :raises ValueError: they do not fit the run.
    :raises KeyError: something of it is missing.
    """
    group = entry[PLACE][name]
    tables = {
        table: _columns(group[table], table, source_unit, rows[table])
        for table in ("jvl", "spectra", *WHOLE)
        if table in group
    }
    if FIGURES not in group:  # as it was written before there were tables of rows
        return Results(read_calibration(group["calibration"]), tables, read_figures(group))
    return Results(_calibration(group[DIFFERENT], calibration), tables, read_figure_rows(group))


def _calibration(group: h5py.Group, of_run: Calibration) -> Calibration:
    own = {name: value for name, (value, _) in of_run.to_fields().items()}
    for name in _text(group, "without").split():
        del own[name]
    return Calibration.from_fields({**own, **read_fields(group)})


def _columns_in(found: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of a data set of rows, or of a group of columns beside such a one."""
    if not isinstance(found, Mapping):
        rows = found[()]
        return {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
    alone = {name: read_array(found, name) for name in found if name != _REST}
    return alone | (_columns_in(found[_REST]) if _REST in found else {})


def _columns(found: Any, table: str, source_unit: str, rows: int) -> Columns:
    """The columns of a group, or of a data set of rows."""
    columns_of = (one for one in TABLE[table].columns(source_unit) if table != "jvl" or one.name in COMPUTED)
    there = _columns_in(found)
    kinds = {one.name: one.dtype for one in columns_of if one.name in there}
    columns = {name: there[name] for name in kinds}
    shapes = {values.shape for values in columns.values()}
    if len(shapes) > 1 or (table not in WHOLE and shapes - {(rows,)}):
        raise ValueError(f"{table} of an analysis has not the {rows} rows of the run")
    if any((values.dtype.kind == "S") != (kinds[name][0] == "S") for name, values in columns.items()):
        raise ValueError(f"{table} of an analysis holds what it must not")
    return {
        name: values if values.dtype.kind == "S" else values.astype(kinds[name], copy=False)
        for name, values in columns.items()
    }
