"""Run files made by hand: a start, records and a recorder with room for a few."""

from __future__ import annotations

from pathlib import Path

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
from acquire.run_file import layout, recorder

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
