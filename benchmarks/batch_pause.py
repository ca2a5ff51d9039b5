"""How long a batch pauses between two pixels: from the output going off to the next pixel's first point.

    python benchmarks/batch_pause.py [--pixels 12]

The bench is simulated, behind TCP ports as a real one is behind its bus, with instruments that take no time: what is
measured is the program's, its files and its guardian's, and what the relays need. Beside it stands the processor time
of the program alone, which does not depend on what else the computer does. Exit status 1 if the pause is a second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from acquire.batches import batch as batches
from acquire.bench import simulated as simulation
from acquire.bench.batch import prepare_batch
from acquire.records import Record, RunStop
from acquire.safety.interruption import StopRequest
from drivers.simulated.serve import serving

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"

SWEEP = """kind: sweep
title: a pause
bench: bench.yaml
sample: {{name: SPPO13, emissive_area: 14 mm^2, pixel: P0, expected_line: {{peak: 520 nm, fwhm: 20 nm}},
         simulated_as: {configs}/devices/sppo13.yaml}}
source: {{function: voltage, start: 0 V, stop: 6 V, points: 25, compliance: 100 mA}}
measure: {{settle: 0 ms, nplc: 0.01, photodiode_nplc: 0.01, current_range: 100 mA, photodiode_range: 10 V}}
"""
BENCH_PIXELS = "pixels: {A: 1, B: 2, C: 3, D: 4}"


class Watch:
    """Takes note of when the output went off, and of when the next pixel's first point was there."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.computing: list[float] = []
        self._off = self._computed = 0.0

    def __call__(self, event: Any) -> None:
        if isinstance(event, RunStop):  # recorded as soon as the output is off
            self._off, self._computed = time.perf_counter(), time.thread_time()
        if isinstance(event, Record) and event.reading.index == 0 and self._off:
            self.pauses.append(time.perf_counter() - self._off)
            self.computing.append(time.thread_time() - self._computed)

    def ready(self, _to_do: str) -> bool:
        return True

    @contextmanager
    def shown(self, _run: Any, _number: int, _of: int) -> Iterator[Sequence[Any]]:
        yield [self]

    def told(self, run: Any, entry: Any, result: Any) -> None:  # noqa: ARG002
        assert entry.state == "measured", (run.label, entry)


def write_files(folder: Path, pixels: int) -> Path:
    """Bench, sweep and batch in a folder; the sweep's path."""
    names = [f"P{number}" for number in range(pixels)]
    text = (CONFIGS / "benches" / "simulated_switch.yaml").read_text(encoding="utf-8")
    wired = f"pixels: {{{', '.join(f'{name}: {relay}' for relay, name in enumerate(names, start=1))}}}"
    text = text.replace("../", f"{CONFIGS.as_posix()}/").replace(BENCH_PIXELS, wired)
    text = text.replace("simulation:\n", "simulation:\n  instant: true\n  options: {pixel_switch: {relays: 32}}\n")
    (folder / "bench.yaml").write_text(text, encoding="utf-8")
    (folder / "sweep.yaml").write_text(SWEEP.format(configs=CONFIGS.as_posix()), encoding="utf-8")
    listed = "\n".join(f"      - name: {name}" for name in names)
    batch = (
        "kind: batch\ntitle: pauses\npretest: false\nbench: on_ports.yaml\n"
        "sweeps: sweep.yaml\nsubstrates:\n  - name: S\n    pixels:\n"
    )
    (folder / "batch.yaml").write_text(f"{batch}{listed}\n", encoding="utf-8")
    return folder / "sweep.yaml"


def pauses(pixels: int) -> Watch:
    """Carry out a batch of so many pixels."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, options = simulation.simulated_bench_of_files(None, write_files(folder, pixels))
        with serving(options, terminals=False) as server:
            ports = {port.role: port.tcp for port in server.ports}
            text = simulation.bench_file_on_ports(path, ports)
            (folder / "on_ports.yaml").write_text(text, encoding="utf-8")
            watch, batch = Watch(), prepare_batch(folder / "batch.yaml")
            result = batches.run_batch(batch, batches.index_of(batch, folder / "runs"), watch, StopRequest())
            assert not result.error, result.error
    return watch


def main() -> int:
    """Entry point."""
    arguments = argparse.ArgumentParser(description="how long a batch pauses between two pixels")
    arguments.add_argument("--pixels", type=int, default=12)
    watch = pauses(arguments.parse_args().pixels)
    for name, found in (("pause", watch.pauses), ("of it computing", watch.computing)):
        print(f"{name:16} median {median(found):.2f} s, {min(found):.2f} to {max(found):.2f} s of {len(found)}")
    return int(median(watch.pauses) > 1.0)


if __name__ == "__main__":
    sys.exit(main())
