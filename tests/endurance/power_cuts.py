"""A lifetime of 1,000 hours with the power cut a hundred times, gone on with each time: what is left of it.

    python -m tests.endurance.power_cuts --cuts 100 --seed 1

The run is a process of its own on virtual time. It gets SIGKILL (on Windows TerminateProcess) at a random moment; then
everything that it wrote since the file was last pushed to the disk is taken back, or a random part of that, as a disk
without power may keep it: writes are put down beforehand, with what was there. The next process goes on with the file,
every fourth time after ``acquire recover``. In the end it must be one record: no row lost but those of the last second,
rows and time under stress rising, a part for each process with its gap, the output off when each of them began, and
figures that are those of the device. While nothing is due the source is read every ten minutes here, not every two
seconds: two million readings more would show nothing more. That the output goes off when a process is killed is the
subject of the kill table. Exit status 1 if anything of that fails.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from math import log
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np

from acquire import session
from acquire.bench.resuming import age, take_up
from acquire.bench.simulated import simulated_bench
from acquire.records import Event, Record
from acquire.run_file import recorder
from acquire.run_file.columns import read_columns
from acquire.run_file.finish import recover
from acquire.run_file.read import read_run
from acquire.safety.interruption import StopRequest
from acquire.sweep import engine

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
HOURS = 1000
TAU, BETA = 400 * 3600.0, 0.8
LAST_SECOND = 1.0  # s
LATEST_KILL = 0.02  # s, after the row by which it comes
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows ends a process at once by either
UNSYNCED = "unsynced"
_HEAD = struct.Struct("<qqq")  # where, size of the file before, bytes that were there

RECIPE = """kind: sweep
title: power cuts
bench: {configs}/benches/simulated.yaml
sample:
  name: fading
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: device.yaml
source: {{function: current, levels: [1.552342 mA], compliance: 10 V}}
dark: {{readings: 3}}
lifetime:
  sampling:
    - {{every: 1 s, until: 1 min}}
    - {{every: 1 min, until: 1 h}}
    - {{every: {every}, until: {hours} h}}
  spectra_at: [1 s, {half} h]
spectra: {{speed: fast}}
"""


def written(folder: Path, hours: int, every: str) -> Path:
    """The recipe and its device, which lives for hundreds of hours."""
    device = (CONFIGS / "devices" / "sppo13_fading.yaml").read_text(encoding="utf-8")
    assert "time_constant: 180 s" in device
    (folder / "device.yaml").write_text(
        device.replace("time_constant: 180 s", "time_constant: 400 h"), encoding="utf-8"
    )
    path = folder / "recipe.yaml"
    path.write_text(
        RECIPE.format(configs=CONFIGS.as_posix(), hours=hours, half=hours / 2, every=every), encoding="utf-8"
    )
    return path


# --- the process that is killed ------------------------------------------------------------------------------


def child(recipe: Path, folder: Path, rows: int, delay: float) -> None:
    """Begin the run, or go on with it, and say every row when it is recorded; killed ``delay`` s after so many."""
    runs = sorted(folder.glob("*.h5"))
    taken_up = take_up(runs[0]) if runs else None
    prepared = taken_up.prepared if taken_up else session.prepare(recipe)
    simulated = simulated_bench(prepared.loaded)
    if taken_up is not None:
        age(simulated.fixture.load, taken_up)
    smu = simulated.twins["GPIB0::24::INSTR"]
    assert not any(entry.output_on for entry in smu.output_log), "the output was on before the run"
    _writes_put_down(folder / UNSYNCED, simulated.clock.now)
    engine.LONGEST_UNREAD = 600.0
    site = session.simulated_site(simulated)

    said = 0

    def say(event: Event) -> None:
        nonlocal said
        if isinstance(event, Record):
            print(f"row {event.reading.time!r}", flush=True)
            said += 1
            if said == rows:  # killed from here, because a pipe is behind
                threading.Timer(delay, lambda: os.kill(os.getpid(), KILL)).start()

    if taken_up is not None:
        result = session.resume(taken_up, say, StopRequest(), site)
    else:
        result = session.run(prepared, folder, say, StopRequest(), site)
    print(f"end {result.error or (result.run and result.run.status)}", flush=True)


def _writes_put_down(path: Path, now: object) -> None:
    """Put down every write since the last push to the disk, with what was there; seconds are those of the run."""
    stream = path.open("w+b", buffering=0)

    def write(descriptor: int, data: bytes, offset: int) -> int:
        size = os.fstat(descriptor).st_size
        os.lseek(descriptor, offset, os.SEEK_SET)
        before = os.read(descriptor, len(data))
        stream.write(_HEAD.pack(offset, size, len(before)) + before)
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)

    def pushed(_descriptor: int) -> None:
        stream.seek(0)
        stream.truncate()

    recorder._positioned_writer = lambda: write
    os.fsync = pushed  # type: ignore[assignment]
    recorder.time = SimpleNamespace(monotonic=now)  # type: ignore[assignment]


# --- the one that kills --------------------------------------------------------------------------------------


def cut(recipe: Path, folder: Path, rows: int, delay: float = 0.0) -> list[float]:
    """Run until it is killed, which is soon after so many rows; the times of all rows that were said."""
    given = [str(recipe), str(folder), str(rows), str(delay)]
    command = [sys.executable, "-m", "tests.endurance.power_cuts", "--child", *given]
    said, left = list[float](), ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("row "):
                said.append(float(line[4:]))
            left = line
    if not 0 < rows <= len(said) and not left.startswith("end completed"):
        raise AssertionError(f"a part ended by itself, status {process.returncode}: {left}")
    return said


def without_power(run: Path, unsynced: Path, chance: random.Random) -> int:
    """Take back what was written since the last push to the disk, all of it or some; how many writes."""
    writes = list(_put_down(unsynced.read_bytes()))
    lost = writes if chance.random() < 0.5 else [one for one in writes if chance.random() < 0.5]
    with run.open("r+b") as stream:
        for offset, size, before in reversed(lost):
            stream.seek(offset)
            stream.write(before)
            if len(lost) == len(writes):
                stream.truncate(max(size, offset + len(before)) if size else None)
    return len(lost)


def _put_down(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + _HEAD.size <= len(content):
        offset, size, length = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        yield offset, size, content[at : at + length]
        at += length


def power_cuts(folder: Path, cuts: int, seed: int, hours: int = HOURS, every: str = "10 min") -> Iterator[str]:
    """Cut the power so often; what is wrong."""
    recipe, chance = written(folder, hours, every), random.Random(seed)
    rows = 120 + hours * (6 if every == "10 min" else 1)
    for number in range(cuts):
        most = max(round(1.6 * rows / (cuts + 1)), 2)  # on average fewer than there are for each
        said = cut(recipe, folder, chance.randint(1, most), chance.uniform(0.0, LATEST_KILL))
        if not (runs := sorted(folder.glob("*.h5"))):
            continue
        without_power(runs[0], folder / UNSYNCED, chance)
        yield from (f"cut {number + 1}: {what}" for what in _after_a_cut(runs[0], said))
        if number % 4 == 3:
            with suppress(AssertionError):
                assert recover(runs[0]).status == "interrupted"
                continue
            yield f"cut {number + 1}: was not recovered as interrupted"
    cut(recipe, folder, 0)
    (run,) = folder.glob("*.h5")
    yield from _in_the_end(run, cuts, hours)


def _after_a_cut(run: Path, said: list[float]) -> Iterator[str]:
    with h5py.File(run, "r", locking=False):
        pass  # opens with nothing but h5py
    there = read_columns(run, "lifetime", ("time",))["time"]
    lost = [time for time in said if time > (there[-1] if there.size else -1.0) + 1e-6]
    if lost and lost[0] < said[-1] - LAST_SECOND:
        yield f"{len(lost)} rows were lost, the first of them {said[-1] - lost[0]:.1f} s before the cut"
    known = set(np.round(there, 5).tolist())
    if missing := [time for time in said if round(time, 5) not in known and time not in lost]:
        yield f"{len(missing)} rows in between are missing"


def _in_the_end(path: Path, cuts: int, hours: int) -> Iterator[str]:
    run = read_run(path)
    if run.status != "completed" or run.integrity.damaged:
        yield f"status {run.status}, {run.integrity}"
    rows = read_columns(path, "lifetime", ("time", "stress_time", "part", "luminance"))
    parts = run.tables["parts"]
    if not (np.diff(rows["time"]) > 0).all() or not (np.diff(rows["stress_time"]) > 0).all():
        yield "times do not rise"
    if len(parts["time"]) != cuts + 1 or not (np.nan_to_num(parts["gap"][1:], nan=-1.0) >= 0).all():
        yield f"{len(parts['time'])} parts after {cuts} cuts"
    if not np.isin(np.diff(rows["part"]), (0, 1)).all() and cuts < 10:
        yield "rows of parts are out of order"
    if abs(rows["stress_time"][-1] - hours * 3600) > 1:
        yield f"ended after {rows['stress_time'][-1]:.1f} s under stress"
    first = (1.0 / TAU) ** BETA
    for share in (80, 50):
        value, truth = run.figures[f"lifetime_{share}"].value, TAU * (log(100 / share) + first) ** (1 / BETA)
        if value < hours * 3600 and not abs(value / truth - 1) < 0.02:
            yield f"T{share} is {value / 3600:.1f} h; the device's is {truth / 3600:.1f} h"


def main() -> int:
    """Cut the power; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=int, default=HOURS)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        recipe, folder, rows, delay = given.child
        child(Path(recipe), Path(folder), int(rows), float(delay))
        return 0
    with tempfile.TemporaryDirectory() as place:
        wrong = list(power_cuts(Path(place), given.cuts, given.seed, given.hours))
        (run,) = Path(place).glob("*.h5")
        rows = read_run(run).rows["lifetime"]
    print(f"{given.cuts} power cuts in {given.hours} h, seed {given.seed}: {rows} rows in one record")
    print(
        "\n".join(wrong)
        or "nothing wrong: at most the last second lost each time, every gap marked, figures as the device's"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
