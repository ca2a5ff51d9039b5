"""Files that hold nothing but the summary of a run: all that a catalogue reads; and what a catalogue holds of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import h5py

from acquire.archive.catalogue import Catalogue
from acquire.evaluation.figure import Figure
from acquire.run_file.summary import RunSummary, write_summary


def a_summary(name: str, figures: Mapping[str, float] | None = None, **values: Any) -> RunSummary:
    """A summary whose run_id follows from ``name``; ``figures`` as plain numbers."""
    texts = dict.fromkeys(("title", "pixel", "batch", "group", "structure", "user", "end_time", "stop_reason"), "")
    usual: dict[str, Any] = {
        "path": Path(), "run_id": str(uuid5(NAMESPACE_URL, name)), **texts, "sample": name,
        "start_time": "2026-11-28T10:00:00+01:00", "status": "completed", "points": 3, "planned_points": 3,
        "spectra": 0, "emissive_area": 14e-6, "source_unit": "V", "first_level": 0.0, "last_level": 8.0,
        "reached_level": nan,
        "figures": {key: Figure(value, "1", "ok", uncertainty=0.1) for key, value in (figures or {}).items()},
    }  # fmt: skip
    return RunSummary(**{**usual, **values})


def write_run_file(path: Path, summary: RunSummary) -> Path:
    """A file with this summary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["format_version"] = "1.4"
        write_summary(file, summary)
    return path


def content(catalogue: Catalogue) -> list[Any]:
    """Everything a catalogue knows, whatever numbers its rows have."""
    with sqlite3.connect(catalogue.path) as db:
        files = "SELECT folders.path, files.path, size, run_id, finished, reason, summary FROM files JOIN folders"
        figures = "SELECT run_id, figure_names.name, value FROM figures JOIN runs USING (file) JOIN figure_names"
        return [
            sorted(db.execute(f"{files} ON folders.id = folder"), key=str),
            sorted(db.execute("SELECT run_id, start_time, sample, state, tags FROM runs")),
            sorted(db.execute(f"{figures} ON figure_names.id = figures.name")),
            sorted(db.execute("SELECT run_id, text FROM words JOIN runs ON runs.file = words.rowid")),
        ]
