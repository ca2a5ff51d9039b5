"""What the benchmarks share: a sweep made to measure, our own time a point, medians with their spread."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from acquire import session
from acquire.records import Event, Record
from acquire.safety.interruption import StopRequest

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
DEVICE = CONFIGS / "devices" / "sppo13_liq.yaml"


def write_bench(path: Path, *, instant: bool, trigger_link: bool = False) -> Path:
    """The shipped simulated bench; ``instant`` takes every duration out of the instruments."""
    text = (CONFIGS / "benches" / "simulated.yaml").read_text(encoding="utf-8")
    text = text.replace("../", f"{CONFIGS.as_posix()}/")
    text = text.replace("  noise: true", f"  noise: true\n  instant: {str(instant).lower()}")
    text = text.replace(
        "photodiode:\n  amplifier", f"trigger_link: {str(trigger_link).lower()}\nphotodiode:\n  amplifier"
    )
    path.write_text(text, encoding="utf-8")
    return path


def write_sweep(path: Path, bench: Path, points: int, *, nplc: float = 1.0, timing: str = "stepped") -> Path:
    """A sweep of that many points from 0 V to 7 V without spectra and without settling time, on fixed ranges."""
    path.write_text(
        f"""kind: sweep
title: what a point costs
bench: {bench.as_posix()}
sample:
  name: cost
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: {DEVICE.as_posix()}
source: {{function: voltage, start: 0 V, stop: 7 V, points: {points}, compliance: 100 mA}}
measure:
  settle: 0 s
  nplc: {nplc}
  timing: {timing}
  current_range: 100 mA
  photodiode_range: 10 V
dark: {{readings: 2}}
""",
        encoding="utf-8",
    )
    return path


def our_time_per_point(sweep: Path, output: Path) -> float:
    """Seconds a point, between the first and the last record of a whole run, the record on the disk included."""
    moments: list[float] = []

    def watch(event: Event) -> None:
        if isinstance(event, Record):
            moments.append(time.perf_counter())

    result = session.run(session.prepare(sweep), output, watch, StopRequest())
    if result.error or result.run is None:
        raise SystemExit(f"the run failed: {result.error}")
    return (moments[-1] - moments[0]) / (len(moments) - 1)


def spread(seconds: list[float]) -> str:
    """Median and range in ms."""
    return f"{statistics.median(seconds) * 1e3:8.3f} ms ({min(seconds) * 1e3:.3f} to {max(seconds) * 1e3:.3f})"


def run_shipped(name: str, folder: Path) -> Path:
    """The run file of a shipped sweep, made in ``folder`` once."""
    named = folder / f"{Path(name).stem}.h5"
    if not named.exists():
        result = session.run(session.prepare(CONFIGS / "sweeps" / name), folder, [], StopRequest())
        assert result.run is not None
        result.run.path.rename(named)
    return named
