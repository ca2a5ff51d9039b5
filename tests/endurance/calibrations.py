"""Calibrations of the photodiode on the simulated bench, each with other noise, and how often the truth is in them.

    python -m tests.endurance.calibrations --runs 1000 --seed 1 --jobs 2

Each is a whole run of the shipped sweep that calibrates, through instruments, run file and calibration file. The truth
is what the simulated device and photodiode are, without any noise: the mean of ln(L/s) over the levels. It must lie in
the 95 % interval of the calibration file (Student's t) in 93 % to 97 % of the runs; otherwise the exit status is 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from math import exp, log, sqrt
from pathlib import Path
from statistics import fmean, stdev

from acquire import session
from acquire.bench import simulated as simulation
from acquire.bench.site import Site
from acquire.config import load_calibration
from acquire.photometry.student import coverage_factor
from acquire.safety.interruption import StopRequest
from acquire.upkeep import calibrate
from drivers.simulated.bench import build_fixture, build_simulated_bench
from drivers.simulated.clock import VirtualClock

SWEEP = Path(__file__).parents[2] / "configs" / "sweeps" / "calibrate_photodiode.yaml"
LEVEL, LEAST, MOST = 0.95, 0.93, 0.97


def true_factor(prepared: session.PreparedRun) -> float:
    """k_L [cd m^-2 A^-1] of the simulated device and photodiode at the levels of a sweep."""
    fixture = build_fixture(simulation.simulated_bench_options(prepared.loaded), VirtualClock())
    load, photodiode = fixture.load, fixture.photodiode
    currents = [load.current(step.level) for step in prepared.plan.steps]
    return exp(fmean(log(load.luminance(i) / load.photocurrent(i, photodiode)) for i in currents))


def errors_of(seeds: range, sweep: Path = SWEEP) -> list[tuple[float, float]]:
    """Of a calibration with each seed: ln of its factor over the true one, and its u, as they stand in its file."""
    prepared = session.prepare(sweep)
    truth, options = true_factor(prepared), simulation.simulated_bench_options(prepared.loaded)
    errors = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as name:
            bench = build_simulated_bench(replace(options, seed=seed))
            site = Site(bench.library, bench.clock.now, bench.clock.advance)
            result = session.run(prepared, Path(name), [], StopRequest(), site)
            assert result.run is not None, result.error
            made = calibrate.made(prepared, result.run, Path(name))
            certificate = load_calibration(made.path)[0].certificate
        assert certificate is not None
        factor = certificate.luminance_factor
        assert factor is not None
        assert factor.uncertainty is not None
        errors.append((log(factor.factor / truth), factor.uncertainty))
    return errors


def inside(errors: list[tuple[float, float]], degrees_of_freedom: int) -> int:
    """How many of the intervals hold the truth."""
    half = coverage_factor(degrees_of_freedom, LEVEL)
    return sum(abs(error) <= half * uncertainty for error, uncertainty in errors)


def main() -> int:
    """Entry point."""
    arguments = argparse.ArgumentParser(description="calibrate again and again, and compare with the truth")
    arguments.add_argument("--runs", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--jobs", type=int, default=2)
    given = arguments.parse_args()
    started = time.monotonic()
    last = given.seed + given.runs
    shares = [range(given.seed + job, last, given.jobs) for job in range(given.jobs)]
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        errors = [error for share in pool.map(errors_of, shares) for error in share]
    levels = len(session.prepare(SWEEP).plan.steps)
    held, count = inside(errors, levels - 1), len(errors)
    scatter, claimed = stdev(error for error, _ in errors), sqrt(fmean(u**2 for _, u in errors))
    bias = fmean(error for error, _ in errors)
    print(f"{count} calibrations of {levels} levels, seeds {given.seed} to {last - 1}")
    print(f"ln(k_L/truth): mean {100 * bias:+.4f} %, standard deviation {100 * scatter:.4f} %, u {100 * claimed:.4f} %")
    counting = sqrt(count * LEVEL * (1 - LEVEL))
    print(f"the truth is in {held} of {count} 95 % intervals ({LEVEL * count:.0f} +- {counting:.0f} expected)")
    print(f"{time.monotonic() - started:.0f} s")
    return int(not LEAST * count <= held <= MOST * count)


if __name__ == "__main__":
    sys.exit(main())
