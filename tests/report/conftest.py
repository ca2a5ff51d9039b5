"""A recorded run, the same run with something changed, and devices of a batch made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.evaluation.figure import Figure
from acquire.records import RunStatus
from acquire.run_file.documented import DocumentedRun, read_documented
from acquire.run_file.read import Run, read_run

RECORDINGS = Path(__file__).parents[1] / "recordings"

#: Makes a device like the recorded one, by its name.
MakeDevice = Callable[..., DocumentedRun]


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


@pytest.fixture(scope="session")
def recorded(run: Run) -> DocumentedRun:
    """The recorded run with all that its file says of it."""
    return read_documented(run.path)


@pytest.fixture(scope="session")
def device(recorded: DocumentedRun) -> MakeDevice:
    """Make a device with its EQE (a fraction; None: it never shone), in a batch, with an ending."""

    def make(
        name: str,
        eqe: float | None = 0.06,
        *,
        batch: str = "B7",
        status: RunStatus = RunStatus.COMPLETED,
        reason: str = "",
        start: str = "2026-11-28T09:00:00+00:00",
    ) -> DocumentedRun:
        dark = eqe is None
        figures = dict(recorded.run.figures)
        for figure in ("luminance_max", "current_efficiency_max", "power_efficiency_max", "turn_on_voltage"):
            figures[figure] = missing(figures[figure]) if dark else figures[figure]
        best = figures["external_quantum_efficiency_max"]
        figures["external_quantum_efficiency_max"] = missing(best) if dark else replace(best, value=eqe)
        fields = {**recorded.run.sample_fields, "name": name, "batch": batch}
        changed = replace(
            recorded.run,
            run_id=f"{name} {start}",
            path=Path(f"{name}.h5"),
            sample=name,
            sample_fields=fields,
            figures=figures,
            status=status,
            stop_reason=reason,
            start_time=start,
        )
        return replace(recorded, run=changed)

    return make


def missing(figure: Figure) -> Figure:
    """A figure that a dark device has."""
    return replace(figure, value=nan, uncertainty=nan, status="not_reached")
