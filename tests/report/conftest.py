"""Run files that reports are made of: a recorded one, and devices made from it by changing what is asked about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from acquire.evaluation.figure import Figure
from acquire.records import RunStatus
from acquire.run_file.documented import DocumentedRun, read_documented
from tests.conftest import ROOT

RECORDING = ROOT / "tests/recordings/20261128T080939_SPPO13-Liq_2acaeb90.h5"

#: Makes a device like the recorded one, by its name.
MakeDevice = Callable[..., DocumentedRun]


@pytest.fixture(scope="session")
def recorded() -> DocumentedRun:
    """A finished run with spectra, both directions."""
    return read_documented(RECORDING)


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
        run = replace(
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
        return replace(recorded, run=run)

    return make


def missing(figure: Figure) -> Figure:
    """A figure that a dark device has."""
    return replace(figure, value=nan, uncertainty=nan, status="not_reached")
