"""What a long run costs: a point at its end beside one at its begin, memory, the size of its file.

    python benchmarks/long_run.py [--rows N]

A lifetime of that many readings (3,600,000 are a thousand hours, one a second) is recorded straight into its file, as
fast as it goes; then it is recovered, shown, exported and reported by the commands a technician has, each in a process
of its own. Printed are ratios and the most memory that each process, or one that it started, had.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from math import exp
from pathlib import Path

from acquire.records import LifetimePoint, Part, PointFlag, Record
from acquire.run_file import layout
from acquire.run_file.layout import TABLE, Growing
from acquire.run_file.long_tables import LIVE
from acquire.run_file.recorder import create_run_file
from benchmarks.finish_many import START, a_calibration, peak_memory

ROWS = 1_000_000
EARLY = 1_000  # readings, with which the last ones are compared
WINDOW = 1_000  # readings a duration is taken of, the median of
MOST_MEMORY, MOST_SIZE, MOST_COST = 400.0, 1.3, 1.2  # MB; ratios


def a_point(row: int) -> LifetimePoint:
    """A device that fades to 80 % in a thousand hours and rises by a tenth of a volt."""
    share = exp(-((row / 3.6e6) ** 0.7) * 0.223)
    light = (71.4, 1000.0 * share, 20.0 * share, share, 0.01, 0.1 * share, 0.005)
    moment = (float(row), float(row))
    return LifetimePoint(*moment, 1e-3, 5.1 - 0.1 * share, 1e-3, 0.44 * share, 0, PointFlag.NONE, 0, -1, *light)


def record(path: Path, rows: int) -> None:
    """Record a lifetime that is cut off; prints a reading's cost early and late [s], and this process's memory [MB]."""
    calibration = a_calibration()
    capacity = {Record: 1, LifetimePoint: Growing(rows), Part: Growing(64, 8)}
    recorder = create_run_file(path, START, capacity, lambda group: layout.write_calibration(group, calibration))
    recorder(Part(0.0, START.start_time))
    costs, now = list[float](), time.perf_counter
    for first in range(0, rows, WINDOW):
        points = [a_point(row) for row in range(first, min(first + WINDOW, rows))]
        begin = now()
        for point in points:
            recorder(point)
        costs.append((now() - begin) / len(points))
    recorder.close()
    recorder.let_go()
    several = max(20, len(costs) // 20)  # windows: a new segment comes once in four
    print(statistics.fmean(costs[:several]), statistics.fmean(costs[-several:]), peak_memory())


def in_process_of_its_own(*command: object) -> tuple[str, float, float]:
    """What a command says, its processor time [s], and the most memory that it or one it started had [MB]."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([sys.executable, *map(str, command)], stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{said}")
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return said, used.ru_utime + used.ru_stime, used.ru_maxrss / scale


def widths() -> int:
    """Bytes that a row takes in the stored columns, live and final ones."""
    columns = TABLE["lifetime"].columns("A")
    return sum(int(one.dtype[2:]) * (2 if one.name in LIVE["lifetime"] else 1) for one in columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.record:
        record(arguments.record, arguments.rows)
        return
    rows = arguments.rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "20260102T030405_many_00000000.h5"
        said, _, _ = in_process_of_its_own(__file__, "--rows", rows, "--record", path)
        early, late, memory = map(float, said.split())
        print(f"{rows} readings; columns of {widths()} bytes a row, live and final")
        print(
            f"recording  {early * 1e6:6.1f} us a reading at the begin, {late * 1e6:.1f} us at the end: "
            f"{late / early:.2f} (at most {MOST_COST}); {memory:4.0f} MB (at most {MOST_MEMORY:.0f})"
        )
        print(f"file while it is recorded  {path.stat().st_size / rows / widths():.2f} of rows times widths")
        commands = {
            "show, cut off": ("show", path),
            "recover": ("recover", path),
            "show": ("show", path),
            "export": ("export", path, "--to", Path(folder) / "csv"),
            "report": ("report", path, "--to", Path(folder) / "report"),
        }
        for name, command in commands.items():
            begin = time.perf_counter()
            _, seconds, memory = in_process_of_its_own("-m", "acquire", *command)
            print(
                f"{name:14} {memory:4.0f} MB (at most {MOST_MEMORY:.0f}), {seconds:6.1f} s of processor time, "
                f"{time.perf_counter() - begin:6.1f} s",
                flush=True,
            )
            if name == "recover":
                size = path.stat().st_size / rows / widths()
                print(f"finished file  {size:.2f} of rows times widths (at most {MOST_SIZE})")


if __name__ == "__main__":
    main()
