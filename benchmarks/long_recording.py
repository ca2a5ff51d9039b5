"""The process of `benchmarks/long_run.py` that records; its parent stays small: the peak of memory is inherited."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from math import exp
from pathlib import Path

from acquire.bench.preparation import prepare
from acquire.config import resolved
from acquire.records import LifetimePoint, Part, PointFlag, Record
from acquire.run_file import layout
from acquire.run_file.layout import TABLE, Capacity, Growing
from acquire.run_file.long_tables import LIVE
from acquire.run_file.recorder import RunRecorder, create_run_file
from benchmarks.common import CONFIGS
from benchmarks.finish_many import START, a_calibration, peak_memory

EARLY, COMPARED = 1_000, 100_000  # so many readings after so many are compared with the last ones
WINDOW = 1_000


def a_point(row: int) -> LifetimePoint:
    """A device that fades to 80 % in a thousand hours and rises by a tenth of a volt."""
    share = exp(-((row / 3.6e6) ** 0.7) * 0.223)
    light = (71.4, 1000.0 * share, 20.0 * share, share, 0.01, 0.1 * share, 0.005)
    moment = (float(row), float(row))
    return LifetimePoint(*moment, 1e-3, 5.1 - 0.1 * share, 1e-3, 0.44 * share, 0, PointFlag.NONE, 0, -1, *light)


def new_recorder(path: Path, rows: int) -> RunRecorder:
    """A file of the shipped lifetime, whatever its own end is, with room for so many readings."""
    loaded = prepare(CONFIGS / "sweeps" / "lifetime.yaml").loaded
    start = replace(START, source_unit="A", resolved_json=json.dumps(resolved(loaded)))
    calibration = a_calibration()
    capacity: Capacity = {Record: 1, LifetimePoint: Growing(rows), Part: Growing(64, 8)}
    recorder = create_run_file(path, start, capacity, lambda group: layout.write_calibration(group, calibration))
    recorder(Part(0.0, START.start_time))
    return recorder


def windows(recorder: RunRecorder, rows: int, first: int = 0) -> Iterator[tuple[float, float]]:
    """Record readings; the time that each window of them took by the processor's clock and by the wall's [s]."""
    for begin in range(first, first + rows, WINDOW):
        points = [a_point(row) for row in range(begin, min(begin + WINDOW, first + rows))]
        used, now = time.process_time(), time.perf_counter()
        for point in points:
            recorder(point)
        yield time.process_time() - used, time.perf_counter() - now


def record(path: Path, rows: int) -> None:
    """Record a lifetime that is cut off, and at its end, window by window in turns, one that begins.

    Prints the cost of a reading late and early [s], by the processor's clock and the wall's; memory [MB], bytes a row.
    """
    recorder = new_recorder(path, rows)
    for _ in windows(recorder, rows - COMPARED):
        pass
    memory = peak_memory()
    fresh = new_recorder(path.with_name("fresh.h5"), EARLY + COMPARED)
    for _ in windows(fresh, EARLY):
        pass
    late, early = list[tuple[float, float]](), list[tuple[float, float]]()
    in_turns = zip(windows(recorder, COMPARED, rows - COMPARED), windows(fresh, COMPARED, EARLY), strict=True)
    for one, other in in_turns:
        late.append(one)
        early.append(other)
    for each in (recorder, fresh):
        each.close()
        each.let_go()
    fresh.path.unlink()
    print(*(sum(times) / COMPARED for found in (late, early) for times in zip(*found, strict=True)), memory, widths())


def widths() -> int:
    """Bytes that a row takes in the stored columns, live and final ones."""
    columns = TABLE["lifetime"].columns("A")
    return sum(int(one.dtype[2:]) * (2 if one.name in LIVE["lifetime"] else 1) for one in columns)


if __name__ == "__main__":
    record(Path(sys.argv[1]), int(sys.argv[2]))
