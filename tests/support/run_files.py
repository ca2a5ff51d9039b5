"""Run files made by hand: a start, records and a recorder with room for a few; and copies of those made once.

``a_cut_off_run``, ``a_finished_run`` and ``a_simulated_run`` make a run at their first call in a session and copy it
from then on: for tests that need some run file, or one to write into. Copies share their ``run_id``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.records import (
    Branch,
    DarkReading,
    ExposureSample,
    InstrumentRecord,
    Note,
    PointFlag,
    Reading,
    Record,
    RunStart,
    Spectrum,
)
from acquire.run_file import finish, layout, recorder
from acquire.run_file.read import Run
from tests.conftest import CONFIGS, run_sweep_file

CAPACITY = {Record: 5, DarkReading: 2, Spectrum: 2, ExposureSample: 3, Note: 2}


def a_start() -> RunStart:
    return RunStart(
        run_id="0b7e", title="test", start_time="2026-01-02T03:04:05+01:00", program="acquire", version="0",
        sample={"name": "S1", "emissive_area": 1.4e-5}, user="", sweep_yaml="a: 1", bench_yaml="b: 2",
        resolved_json="{}", file_hashes={}, source_unit="V",
        instruments=(InstrumentRecord("smu", "MODEL 2400", "GPIB0::24::INSTR", {"nplc": 1.0, "filter": [1, 2]}),),
    )  # fmt: skip


def a_record(index: int, **values: float) -> Record:
    reading = Reading(index, Branch.FORWARD, 0.1 * index, 1.0 * index, 0.1 * index, 1e-3, 0.25, source_time=2.0)
    return Record(reading, PointFlag.EQE_PROVISIONAL | PointFlag.COMPLIANCE, spectrum_source="nearest", **values)


def a_run(path: Path, points: int = 3) -> recorder.RunRecorder:
    calibration = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
    record = recorder.create_run_file(
        path, a_start(), CAPACITY, lambda group: layout.write_calibration(group, calibration)
    )
    for index in range(points):
        record(a_record(index))
    return record


def a_cut_off_run(path: Path, points: int = 3) -> Path:
    """A file as :func:`a_run` leaves it when nobody finishes it."""
    path.write_bytes(_made_by_hand(points, finished=False))
    return path


def a_finished_run(path: Path, points: int = 3) -> Path:
    """The same, finished afterwards: its status is ``failed``."""
    path.write_bytes(_made_by_hand(points, finished=True))
    return path


def a_simulated_run(folder: Path, sweep: str = "quick_look.yaml") -> Path:
    """A whole run of a shipped sweep on the simulated bench, in ``folder`` under the name that it was given."""
    name, content = _simulated(sweep)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def status_of(path: Path) -> bytes:
    """What a run file says of how its run ended."""
    with h5py.File(path) as file:
        return bytes(file["entry/status"][()])


@cache
def _made_by_hand(points: int, *, finished: bool) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        a_run(path, points).close()
        if finished:
            finish.recover(path)
        return path.read_bytes()


@cache
def _simulated(sweep: str) -> tuple[str, bytes]:
    with TemporaryDirectory() as folder:
        result = run_sweep_file(CONFIGS / "sweeps" / sweep, Path(folder) / "runs")
        assert result.run is not None
        return result.run.path.name, result.run.path.read_bytes()


def all_of(run: Run) -> dict[str, object]:
    """All that was read, arrays by their bytes."""
    tables = {f"{name}/{column}": values for name, table in run.tables.items() for column, values in table.items()}
    tables |= {f"exchange/{column}": values for column, values in run.exchange.items()}
    arrays = {name: (values.dtype.str, values.shape, values.tobytes()) for name, values in tables.items()}
    fields = ("run_id", "title", "sample", "start_time", "status", "source_unit", "instruments", "version", "program")
    rest = ("user", "sample_fields", "resolved_json", "remarks", "stress", "rows", "figures", "integrity", "analyses")
    calibration = {name: str(value) for name, value in run.calibration.to_fields().items()}
    return {**arrays, **{name: str(getattr(run, name)) for name in (*fields, *rest)}, **calibration}
