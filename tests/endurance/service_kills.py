"""A service that is killed, and a page that is cut off, while runs go on: the page has what the file holds.

    python -m tests.endurance.service_kills --kills 10 --disconnects 100 --seed 1

Runs are started through the service, on a simulated bench behind TCP ports, in real time. The service gets SIGKILL (on
Windows TerminateProcess) at random moments of them and is started again; the connection of the page breaks every few
tenths of a second. When a run has ended, what the page has got by the stream must be, row by row and to the last bit,
what was recorded, and what it fetches then must be the final file; the run must have gone on to its end as if nothing
had happened; the restarted service must have found it, and list it in its history. The last run is stopped through a
service that did not start it, and its output must be off within two seconds. Exit status 1 if anything of that fails.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from acquire.records import Columns
from acquire.run_file.read import read_run
from tests.support.service import Page, ServiceProcess, bench_in_real_time, sweep_in_real_time

POINTS = 1500
OFF_WITHIN = 2.0  # s
DECIDED_ANEW = {"flags", "log10_distance", "spectrum_source", "spectrum_weight"} | {
    "spectrum_index",
    "spectrum_index_upper",
}


@dataclass
class Tally:
    """What came of it."""

    kills: int = 0
    disconnects: int = 0
    runs: int = 0
    rows: int = 0
    off_after: float = 0.0
    wrong: list[str] = field(default_factory=list)


def recorded(path: Path) -> Columns:
    """The points of a finished run as they were recorded: derived values as they were shown while it went on.

    What is decided anew at the end and was not kept is left out.
    """
    held = {name: column for name, column in read_run(path).tables["jvl"].items() if name not in DECIDED_ANEW}
    with h5py.File(path) as file:
        for name, column in file["entry/jvl_live"].items():
            if name in held:
                held[name] = column[()]
    return held


def wrong_with(
    service: ServiceProcess, page: Page, run_id: str, points: int | None, status: str = "completed"
) -> list[str]:
    """What is not as it must be behind a run that has ended so, with so many points where that is known."""
    path = next(service.runs.glob(f"*_{run_id[:8]}.h5"))
    final, held = read_run(path), recorded(path)
    wrong = [] if str(final.status) == status else [f"its status is {final.status}: {final.stop_reason}"]
    there = page.data.rows.get((run_id, "jvl"), [])
    shown = {name: values[: len(there)] for name, values in held.items()}  # the last ones came with the final file
    wrong += [f"live {name}" for name in page.data.differences(run_id, "jvl", shown)]
    if points not in (None, final.points) or not there:
        wrong.append(f"{final.points} points, {len(there)} live, of {points}")
    fetched = service.get(f"runs/{run_id}/columns?table=jvl&points=100000")
    for name, column in final.tables["jvl"].items():
        values = fetched["columns"][name]
        if column.dtype.kind == "f":
            back = np.array([np.nan if value is None else value for value in values])
            same = back[np.isfinite(column)].tobytes() == column[np.isfinite(column)].tobytes()
        else:
            same = [text.decode() if isinstance(text, bytes) else text for text in column.tolist()] == values
        wrong += [] if same else [f"fetched {name}"]
    if service.get("history")["runs"][0]["run_id"] != run_id:
        wrong.append("it is not in the history")
    return wrong


def killed_and_stopped(folder: Path) -> list[str]:
    """One run: its service is killed, and one that is started anew stops it; what is not as it must be."""
    with bench_in_real_time(folder / "recipes"):
        recipe = sweep_in_real_time(folder / "recipes", 10 * POINTS)
        service = ServiceProcess(folder, folder / "recipes")
        page = Page(service)
        try:
            service.start()
            run_id = service.started(recipe)
            with page.open():
                page.wait_for_rows(run_id, "jvl", 20, 60.0)
                service.kill()
                service.start()
                wrong = [] if _is_known(service, run_id) else ["the service that was started again does not know it"]
                page.wait_for_rows(run_id, "jvl", 5 + len(page.data.rows[run_id, "jvl"]), 60.0)
                said = service.post(f"runs/{run_id}/stop")
                wrong += [] if said["output"] == "off" and said["output_asked"] else [f"stopped: {said}"]
                page.wait_for_end(run_id, 60.0)
            return wrong + wrong_with(service, page, run_id, None, "stopped")
        finally:
            service.stop()


def killed_in_runs(folder: Path, kills: int, disconnects: int, seed: int, points: int = POINTS) -> Tally:
    """Runs with so many kills of the service and so many broken connections of its page."""
    chance, tally = random.Random(seed), Tally()
    recipes = folder / "recipes"
    with bench_in_real_time(recipes):
        recipe = sweep_in_real_time(recipes, points)
        service = ServiceProcess(folder, recipes)
        try:
            _kill_in_runs(service, recipe, tally, chance, kills, disconnects, points)
            tally.off_after = _stopped_by_another(service, recipe, tally)
        finally:
            service.stop()
    return tally


def _kill_in_runs(
    service: ServiceProcess,
    recipe: str,
    tally: Tally,
    chance: random.Random,
    kills: int,
    disconnects: int,
    points: int,
) -> None:
    service.start()
    while tally.kills < kills or tally.disconnects < disconnects:
        run_id = service.started(recipe)
        page = Page(service, lambda: chance.uniform(0.05, 0.5))
        with page.open():
            while tally.kills < kills and run_id not in page.data.ends:
                time.sleep(chance.uniform(0.2, 2.0))
                service.kill()
                tally.kills += 1
                service.start()
                if run_id not in page.data.ends and not _is_known(service, run_id):
                    tally.wrong.append(f"{run_id}: the service that was started again does not know it")
            while page.cuts < disconnects - tally.disconnects and _goes_on(service, run_id):
                time.sleep(0.2)
            page.wait_for_end(run_id, 300.0)
        tally.runs += 1
        tally.disconnects += page.cuts
        tally.rows += len(page.data.rows.get((run_id, "jvl"), []))
        tally.wrong += [f"{run_id}: {text}" for text in wrong_with(service, page, run_id, points)]


def _goes_on(service: ServiceProcess, run_id: str) -> bool:
    return not service.get(f"runs/{run_id}")["finished"]


def _is_known(service: ServiceProcess, run_id: str) -> bool:
    """Whether it is among the runs that go on, or has just ended."""
    running = [run["run_id"] for run in service.get("status")["runs"]]
    return run_id in running or bool(service.get(f"runs/{run_id}")["finished"])


def _stopped_by_another(service: ServiceProcess, recipe: str, tally: Tally) -> float:
    """How long a stop takes, in s, by a service that did not start the run."""
    run_id = service.started(recipe)
    service.kill()
    service.start()
    began = time.monotonic()
    said = service.post(f"runs/{run_id}/stop")
    lasted = time.monotonic() - began
    if said["output"] != "off" or lasted > OFF_WITHIN:
        tally.wrong.append(f"stopped: output {said['output']} after {lasted:.1f} s")
    return lasted


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--disconnects", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = killed_in_runs(Path(folder), given.kills, given.disconnects, given.seed)
    print(
        f"{tally.runs} runs, {tally.kills} kills of the service, {tally.disconnects} broken connections, "
        f"{tally.rows} points shown live; output off {tally.off_after:.2f} s after the stop"
    )
    for text in tally.wrong:
        print(text)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
