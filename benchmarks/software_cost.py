"""What a point costs in software: this program against a bare PyVISA loop, on twins that answer at once.

    python benchmarks/software_cost.py [--points N] [--repeats N]

Both sides talk to the same twins in this process, so the twins' own cost is in both figures. Our side does
everything a run does: limits, both meters, decoding, photometry with uncertainties, and the record in the file.
The two are run in turn; medians and the spread (smallest to largest) are printed, and their ratio.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyvisa
from common import our_time_per_point, spread, write_bench, write_sweep

from acquire.bench.simulated import simulated_bench
from acquire.config import load_sweep


def bare_time_per_point(sweep: Path, points: int) -> float:
    """Seconds a point of the shortest PyVISA loop: set, start both meters, read both, keep the text."""
    bench = simulated_bench(load_sweep(sweep))
    manager = pyvisa.ResourceManager(bench.library)
    smu = manager.open_resource("GPIB0::24::INSTR")
    meter = manager.open_resource("GPIB0::16::INSTR")
    for message in ("*RST", ":SENS:FUNC 'VOLT','CURR'", ":SENS:CURR:PROT 0.1", ":FORM:ELEM VOLT,CURR,STAT", ":OUTP ON"):
        smu.write(message)
    for message in ("*RST", ":INIT:CONT OFF"):
        meter.write(message)
    replies = []
    start = time.perf_counter()
    for point in range(points):
        smu.write(f":SOUR:VOLT {7.0 * point / (points - 1):.4f};:READ?")
        meter.write(":READ?")
        replies.append((smu.read(), meter.read()))
    elapsed = time.perf_counter() - start
    smu.write(":SOUR:VOLT 0;:OUTP OFF")
    manager.close()
    return elapsed / points


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1001)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    ours: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep = write_sweep(folder / "sweep.yaml", write_bench(folder / "bench.yaml", instant=True), arguments.points)
        turns: tuple[Callable[[], None], ...] = (
            lambda: ours.append(our_time_per_point(sweep, folder / "runs")),
            lambda: bare.append(bare_time_per_point(sweep, arguments.points)),
        )
        for _ in range(arguments.repeats):
            for turn in turns:
                turn()
    ratio = statistics.median(o / b for o, b in zip(ours, bare, strict=True))
    print(f"{platform.python_implementation()} {platform.python_version()}, {arguments.points} points, in turn")
    print(f"a point of a recorded run   {spread(ours)}")
    print(f"a point of a bare loop      {spread(bare)}")
    print(f"ratio, median of pairs      {ratio:.2f}")


if __name__ == "__main__":
    main()
