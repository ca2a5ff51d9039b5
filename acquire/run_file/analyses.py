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

from acquire.evaluation.calibration import Calibration
from acquire.evaluation.figure import Figure
from acquire.records import DERIVED, ROUTES, WITH_COMMON_PART, Columns
from acquire.run_file.figures_group import read_figures, write_figures
from acquire.run_file.hdf5 import nx_group, plain_member, read_array, set_text, write_array
from acquire.run_file.layout import (
    JVL_PLOT,
    TABLE,
    columns_in,
    read_calibration,
    storable,
    write_calibration,
    write_flag_meanings,
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


def write_analysis(entry: h5py.Group, analysis: Analysis, results: Results, source_unit: str, points: Columns) -> None:
    """Put one more analysis into the entry of a run with these ``points``."""
    if PLACE not in entry:
        set_text(
            nx_group(entry, PLACE, "NXcollection"), "meaning", "results computed anew; a group each, see its parent"
        )
    group = nx_group(entry[PLACE], analysis.name, "NXcollection")
    for name in ("parent", "time", "program", "reason", "user"):
        set_text(group, name, storable(getattr(analysis, name)))
    group.attrs["revision"] = analysis.revision
    for name in ("changed", "formulas"):
        set_text(group, name, storable("\n".join(getattr(analysis, name))))
    set_text(group, "files", storable(json.dumps(dict(analysis.files))))
    if analysis.certificate:
        write_array(
            group, "certificate", np.array(storable(analysis.certificate).encode()), "", "calibration file, JSON"
        )
    write_calibration(nx_group(group, "calibration", "NXcollection"), results.calibration)
    for name, columns in results.tables.items():
        _write_columns(group, name, columns, source_unit, results.calibration)
    if "current_density" in group.get("jvl", ()):
        _make_plot(group, points)
    write_figures(group, results.figures, {**points, **results.tables.get("jvl", {})})


def _make_plot(group: h5py.Group, points: Columns) -> None:
    """Let viewers plot an analysis as they do a run; links are refused in run files, so the voltage is there twice."""
    for name, value in JVL_PLOT.items():
        group["jvl"].attrs[name] = value
    write_array(group["jvl"], "voltage", points["voltage"], "V", "as in /entry/jvl")
    group.attrs["default"] = "jvl"


def _write_columns(group: h5py.Group, table: str, columns: Columns, source_unit: str, calibration: Calibration) -> None:
    known = columns_in(TABLE[table].columns(source_unit), calibration.conditions.meter_unit)
    beside = nx_group(group, table, "NXcollection")
    for column in known:
        if column.name in columns:
            values = columns[column.name].astype(column.dtype, copy=False)
            write_array(beside, column.name, values, column.unit, column.meaning)
    if "flags" in beside:
        write_flag_meanings(beside["flags"])


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


def read_results(entry: h5py.Group, name: str, source_unit: str, rows: Mapping[str, int]) -> Results:
    """The numbers of an analysis of a run whose tables have so many ``rows``.

    :raises ValueError: they do not fit the run.
    :raises KeyError: something of it is missing.
    """
    group = entry[PLACE][name]
    tables = {
        table: _columns(group[table], table, source_unit, rows[table])
        for table in ("jvl", "spectra", *WHOLE)
        if table in group
    }
    return Results(read_calibration(group["calibration"]), tables, read_figures(group))


def _columns(group: h5py.Group, table: str, source_unit: str, rows: int) -> Columns:
    columns_of = (one for one in TABLE[table].columns(source_unit) if table != "jvl" or one.name in COMPUTED)
    kinds = {one.name: one.dtype for one in columns_of if one.name in group}
    columns = {name: read_array(group, name) for name in kinds}
    shapes = {values.shape for values in columns.values()}
    if len(shapes) > 1 or (table not in WHOLE and shapes - {(rows,)}):
        raise ValueError(f"{table} of an analysis has not the {rows} rows of the run")
    if any((values.dtype.kind == "S") != (kinds[name][0] == "S") for name, values in columns.items()):
        raise ValueError(f"{table} of an analysis holds what it must not")
    return {
        name: values if values.dtype.kind == "S" else values.astype(kinds[name], copy=False)
        for name, values in columns.items()
    }
