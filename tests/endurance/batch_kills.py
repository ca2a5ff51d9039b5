"""A batch that is killed at random moments, and gone on with until it is done: every pixel once, none twice.

    python -m tests.endurance.batch_kills --kills 50 --seed 1

The batch has five pixels of one substrate behind a relay board, each a resistor of its own, served over TCP in real
time. The command of a user carries it out in a process of its own, which gets SIGKILL (on Windows TerminateProcess) at
a moment drawn evenly from its start to its usual end; then the same command goes on, until all is measured, and the
next batch begins, until there were so many kills. After each kill the output must be off within two seconds by the
twin's own log, and no guardian may be left. At the end of a batch each pixel must have one finished run, of its own
resistance, and no more; each file of a run that was cut off must be finished and named in the index; and the board must
never have had two relays closed, nor moved one under voltage. Exit status 1 if anything of that fails even once.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from acquire.bench import simulated as simulation
from acquire.run_file import batch_index
from acquire.run_file.batch_index import FINISHED, BatchIndex
from drivers.simulated.loads import Resistor
from drivers.simulated.serve import BenchServer, serving

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
PIXELS = 5
LEVELS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)  # V
LONGEST_ON = 2.0  # s from the kill until the output is off
LONGEST_RUN = 120.0  # s; what goes on as planned takes some
GUARDIAN_PATIENCE = 20.0  # s
BENCH_PIXELS = "pixels: {A: 1, B: 2, C: 3, D: 4}"

SWEEP = """kind: sweep
title: to be killed
bench: bench.yaml
sample: {{name: resistor, pixel: P1, emissive_area: 14 mm^2, simulated_as: {configs}/devices/resistor_1k.yaml}}
source: {{function: voltage, levels: [{levels}], compliance: 10 mA}}
measure: {{settle: 60 ms, nplc: 0.01, photodiode_nplc: 0.01, current_range: 10 mA, photodiode_range: 10 V}}
dark: {{readings: 2, after: false}}
"""


@dataclass
class Tally:
    """What came of the kills: how many, in how many batches, how long the output stayed on at most, what is wrong."""

    kills: int = 0
    batches: int = 0
    slowest_off: float = 0.0
    problems: list[str] = field(default_factory=list)


def resistance(pixel: str) -> float:
    """What is behind the relay of a pixel, ohm."""
    return 1e3 * int(pixel.removeprefix("P"))


def write_files(folder: Path, pixels: int = PIXELS) -> Path:
    """Bench, sweep and batch in a folder; the batch's path. The bench of the batch is ``on_ports.yaml``."""
    names = [f"P{relay}" for relay in range(1, pixels + 1)]
    wired = f"pixels: {{{', '.join(f'{name}: {relay}' for relay, name in enumerate(names, start=1))}}}"
    text = (CONFIGS / "benches" / "simulated_switch.yaml").read_text(encoding="utf-8")
    text = text.replace("../", f"{CONFIGS.as_posix()}/").replace(BENCH_PIXELS, wired)
    (folder / "bench.yaml").write_text(text, encoding="utf-8")
    levels = ", ".join(f"{level} V" for level in LEVELS)
    (folder / "sweep.yaml").write_text(SWEEP.format(configs=CONFIGS.as_posix(), levels=levels), encoding="utf-8")
    listed = ", ".join(f"{{name: {name}}}" for name in names)
    batch = f"kind: batch\ntitle: kills\nsweeps: sweep.yaml\nsubstrates:\n  - {{name: S, pixels: [{listed}]}}\n"
    (folder / "batch.yaml").write_text(batch, encoding="utf-8")
    return folder / "batch.yaml"


@contextmanager
def a_place(folder: Path) -> Iterator[BenchServer]:
    """The bench of the batch, served over TCP, with a resistor of its own behind each relay."""
    write_files(folder)
    path, options = simulation.simulated_bench_of_files(None, folder / "sweep.yaml")
    with serving(options, terminals=False) as server:
        server.fixture.put_in({relay: Resistor(1e3 * relay) for relay in range(1, PIXELS + 1)})
        ports = {port.role: port.tcp for port in server.ports}
        (folder / "on_ports.yaml").write_text(simulation.bench_file_on_ports(path, ports), encoding="utf-8")
        yield server


def wrong_with(folder: Path, index: BatchIndex) -> Iterator[str]:
    """What is wrong with the folder of a batch that is done."""
    files = {path.name: ending(path) for path in sorted(folder.glob("*.h5"))}
    named = [entry.run for entry in index.entries]
    for entry in index.entries:
        if entry.state not in FINISHED:
            yield f"{entry.pixel} is {entry.state}: {entry.reason}"
    for pixel in sorted({entry.pixel for entry in index.entries}):
        measured = [name for name, (of, status, *_) in files.items() if (of, status) == (pixel, "completed")]
        if len(measured) != 1:
            yield f"{pixel} was measured {len(measured)} times: {measured}"
        yield from (f"{name} of {pixel} is not in the index" for name in measured if name not in named)
    known = {*named, *(name for entry in index.entries for name in entry.earlier)}
    for name, (pixel, status, ohm, finished) in files.items():
        if name not in known:
            yield f"{name} ({pixel}, {status}) is not in the index"
        if not finished:
            yield f"{name} ({pixel}) is not finished"
        if ohm is not None and abs(ohm / resistance(pixel) - 1.0) > 0.01:
            yield f"{name}: {pixel} had {ohm:.5g} ohm"


def ending(path: Path) -> tuple[str, str, float | None, bool]:
    """Of a run file: pixel, status, resistance at its last level (ohm) if that is not zero, whether it is finished."""
    with h5py.File(path) as file:
        entry = file["entry"]
        jvl = entry["jvl"]
        rows = len(jvl["current"])
        current = float(jvl["current"][rows - 1]) if rows else 0.0
        ohm = float(jvl["voltage"][rows - 1]) / current if current > 1e-5 else None
        status = entry["status"][()].decode()
        return entry["sample/pixel"][()].decode(), status, ohm, "recording" not in entry


def wrong_with_board(board: Any) -> Iterator[str]:
    """What a relay board must never have done."""
    if board.most_closed > 1:
        yield f"{board.most_closed} relays were closed at a time"
    if board.switched_live:
        yield f"relays moved under voltage {board.switched_live} times"


def command(folder: Path, output: Path) -> list[str]:
    """The user's command that begins a batch, and that goes on with it."""
    files = [str(folder / "batch.yaml"), "--bench", str(folder / "on_ports.yaml"), "--output", str(output)]
    return [sys.executable, "-m", "acquire", "run", *files, "--yes", "--json"]


def carried_out(folder: Path, output: Path, moment: float | None) -> tuple[float, bool, str, float]:
    """Go on with a batch for ``moment`` s at most; how long that took, whether it was killed, what was said, when."""
    environment: Mapping[str, str] = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    started = time.monotonic()
    with subprocess.Popen(
        command(folder, output), cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            said = "".join(run.communicate(timeout=moment or LONGEST_RUN))
            ended = time.monotonic()
            return ended - started, False, said if run.returncode else "", ended
        except subprocess.TimeoutExpired:
            run.kill()
            ended = time.monotonic()
            try:  # guardians share the run's standard error: that ends when all have ended
                run.communicate(timeout=GUARDIAN_PATIENCE)
            except subprocess.TimeoutExpired:
                return ended - started, True, "a guardian is left", ended
            return ended - started, True, "", ended


def one_batch(server: BenchServer, folder: Path, output: Path, chance: random.Random, usual: float, most: int) -> Tally:
    """Kill and go on with one batch until it is done, with so many kills at most; ``usual`` is its duration, s."""
    tally = Tally(batches=1)
    twins: Mapping[str, Any] = server.twins
    for _ in range(10 * PIXELS):
        moment = chance.uniform(0.0, usual) if tally.kills < most else None
        _, killed, said, ended = carried_out(folder, output, moment)
        if said:
            tally.problems.append(said)
        if not killed:
            break
        tally.kills += 1
        last = twins["smu"].output_log[-1] if twins["smu"].output_log else None
        if last is not None:
            off_after = last.time - (ended - time.monotonic() + server.clock.now())
            tally.slowest_off = max(tally.slowest_off, off_after)
            if last.output_on or off_after > LONGEST_ON:
                tally.problems.append(f"the output stayed on for {off_after:.1f} s")
    index = batch_index.read_index(output / "batch.batch.json")
    tally.problems += wrong_with(output, index) if index else ["there is no index"]
    tally.problems += wrong_with_board(twins["pixel_switch"])
    return tally


def kills(number: int, seed: int) -> Tally:
    """Batches one after the other on one bench, until there were so many kills."""
    chance, total = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory() as name, a_place(Path(name)) as server:
        usual, _, said, _ = carried_out(Path(name), Path(name) / "usual", None)
        assert not said, said
        while total.kills < number:
            output = Path(name) / str(total.batches)
            one = one_batch(server, Path(name), output, chance, usual, number - total.kills)
            total.kills += one.kills
            total.batches += 1
            total.slowest_off = max(total.slowest_off, one.slowest_off)
            total.problems += one.problems
            print(
                f"batch {total.batches}: {one.kills} kills; {one.problems or 'every pixel once, none twice'}",
                flush=True,
            )
    return total


def main(given: Sequence[str] | None = None) -> int:
    """Entry point."""
    arguments = argparse.ArgumentParser(description="kill a batch at random moments and go on with it")
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=1)
    wanted = arguments.parse_args(given)
    started = time.monotonic()
    total = kills(wanted.kills, wanted.seed)
    took = time.monotonic() - started
    print(f"{total.kills} kills of {total.batches} batches of {PIXELS} pixels, {took:.0f} s")
    print(f"the output was off at most {total.slowest_off:.2f} s after a kill; {len(total.problems)} problems")
    return int(bool(total.problems))


if __name__ == "__main__":
    sys.exit(main())
