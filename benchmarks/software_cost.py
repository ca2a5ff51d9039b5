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

from acquire import session
from acquire.config import load_sweep
from acquire.interruption import StopRequest
from acquire.records import Event, Record
from acquire.simulation import simulated_bench

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def instant_sweep(folder: Path, points: int) -> Path:
    """A sweep of that many points without spectra, on twins with zero integration time and settling."""
    bench = (CONFIGS / "benches" / "simulated.yaml").read_text(encoding="utf-8")
    bench = bench.replace("../", f"{CONFIGS.as_posix()}/").replace("  noise: true", "  noise: true\n  instant: true")
    (folder / "bench.yaml").write_text(bench, encoding="utf-8")
    sweep = folder / "sweep.yaml"
    sweep.write_text(
        f"""kind: sweep
title: software cost
bench: bench.yaml
sample:
  name: cost
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: {(CONFIGS / "devices" / "sppo13_liq.yaml").as_posix()}
source: {{function: voltage, start: 0 V, stop: 7 V, points: {points}, compliance: 100 mA}}
measure: {{settle: 0 s}}
""",
        encoding="utf-8",
    )
    return sweep


def our_time_per_point(sweep: Path, output: Path) -> float:
    """Seconds a point, between the first and the last record of a whole run."""
    moments: list[float] = []

    def watch(event: Event) -> None:
        if isinstance(event, Record):
            moments.append(time.perf_counter())

    result = session.run(session.prepare(sweep), output, watch, StopRequest())
    if result.error or result.run is None:
        raise SystemExit(f"the run failed: {result.error}")
    return (moments[-1] - moments[0]) / (len(moments) - 1)


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


def spread(values: list[float]) -> str:
    """Median and range in ms."""
    return f"{statistics.median(values) * 1e3:.3f} ms ({min(values) * 1e3:.3f} to {max(values) * 1e3:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1001)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    ours: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep = instant_sweep(folder, arguments.points)
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
