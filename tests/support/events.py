"""Events as a run emits them, for who only looks at them."""

from __future__ import annotations

from typing import Any

from acquire.records import Branch, PointFlag, Reading, Record, RunStart

READING = Reading(0, Branch.FORWARD, 6.7, 12.0, 6.7, 7.5e-3, 0.5)
RECORD = Record(READING, PointFlag.EQE_PROVISIONAL, 536.7, 11272.4, 20.99, 9.844, 0.05639, spectrum_source="nearest")


def a_run_start(**different: Any) -> RunStart:
    """The beginning of a run of 17 points of 0.1 s, sourcing V."""
    usual: dict[str, Any] = {
        "run_id": "0b7e",
        "title": "test",
        "start_time": "2026-01-02T03:04:05+01:00",
        "program": "acquire",
        "version": "0",
        "sample": {"name": "S1"},
        "user": "",
        "sweep_yaml": "",
        "bench_yaml": "",
        "resolved_json": "{}",
        "file_hashes": {},
        "instruments": (),
        "source_unit": "V",
        "points": 17,
        "duration": 1.7,
        "time_per_point": 0.1,
    }
    return RunStart(**(usual | different))
