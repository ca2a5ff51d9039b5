"""A recorded run, and the same run with something changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.run_file.read import Run, read_run

RECORDINGS = Path(__file__).parents[1] / "recordings"


@pytest.fixture(scope="session")
def run() -> Run:
    """18 points there and back, two of them in compliance, with four spectra."""
    return read_run(next(path for path in RECORDINGS.glob("*.h5") if "acaeb90" in path.name))


@pytest.fixture(scope="session")
def changed(run: Run) -> Callable[..., Run]:
    """The run with other columns: of points by name, ``spectra`` by a mapping, ``rows`` of points and ``taken`` spectra
    by index; other fields of the run by ``fields``."""

    def change(
        rows: Any = slice(None), taken: Any = slice(None), fields: Any = None, spectra: Any = None, **columns: Any
    ) -> Run:
        points = {name: array[rows] for name, array in run.tables["jvl"].items()}
        lines = {name: array[taken] for name, array in run.tables["spectra"].items()}
        count = len(points["voltage"])
        points |= {
            name: np.broadcast_to(np.asarray(value), count).astype(points[name].dtype)
            for name, value in columns.items()
        }
        tables = {**run.tables, "jvl": points, "spectra": {**lines, **(spectra or {})}}
        return replace(run, tables=tables, **(fields or {}))

    return change
