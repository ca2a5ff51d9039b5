"""Work on an archive by one process, several, and the workers of a Dask scheduler: the same to the last bit?

    python -m tests.endurance.archive_workers --files 200 --seed 1

Recordings are copied with other identities, so many of them, and one that is broken. They are indexed, exported as
Parquet, taken together, and recomputed by a larger area (each time on copies of the copies): by 1, 2 and 8 processes of
this computer, and over TCP by 1 and 2 worker processes of a scheduler, started as Dask's documents say. Everything
must be the same as by one process: each row of the catalogue, each byte of the Parquet files, each digit of the
statistics, each number of the analyses. Exit status 1 if anything differs. Printed is also how long each took; where
fewer cores are free than there are workers, more of them are no faster.
"""

from __future__ import annotations

import argparse
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import h5py

from acquire.archive import catalogue as cataloguing
from acquire.archive import parquet, recomputing
from acquire.archive.catalogue import Catalogue
from acquire.archive.scheduler import Scheduler
from acquire.archive.spread import Here, Workers
from acquire.archive.statistics import statistics_of
from acquire.archive.tables import figures_asked, markdown, statistics_table
from acquire.recompute.changes import read_changes
from acquire.recompute.recompute import Wanted
from acquire.run_file.read import read_run
from acquire.run_file.summary import read_summary, write_summary
from tests.support.catalogued import content

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "tests" / "recordings" / "20261128T080939_SPPO13-Liq_2acaeb90.h5"
LATER = 2e10  # s since 1970: no file was changed a moment ago
PATIENCE = 60.0  # s for a worker to be there


def make_files(folder: Path, number: int, seed: int) -> None:
    """Copies of a recording, each with an identity, a sample and figures of its own."""
    chosen = random.Random(seed)
    folder.mkdir()
    summary = read_summary(TEMPLATE)
    for one in range(number):
        path = folder / f"{one % 2}" / f"run_{one:06d}.h5"
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(TEMPLATE, path)
        figures = {
            name: replace(figure, value=figure.value * chosen.uniform(0.5, 2.0))
            for name, figure in summary.figures.items()
        }
        run_id = str(UUID(int=chosen.getrandbits(128), version=4))
        with h5py.File(path, "r+") as file:
            write_summary(file, replace(summary, run_id=run_id, sample=f"S{one % 7}", figures=figures))
    (folder / "broken.h5").write_bytes(TEMPLATE.read_bytes()[:5000])


@contextmanager
def scheduler_with(workers: int) -> Iterator[Scheduler]:
    """A scheduler and so many worker processes on loopback, each a program of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with ExitStack() as ended, tempfile.TemporaryDirectory() as scratch:
        where = ["scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"]
        each = ["worker", address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--local-directory", scratch]
        for command in (where, *[each] * workers):
            process = subprocess.Popen([*dask, *command], cwd=ROOT, **quiet)
            ended.callback(process.wait)
            ended.callback(process.terminate)
        _wait_for(address, workers)
        yield Scheduler(address)


def _wait_for(address: str, workers: int) -> None:
    from distributed import Client

    until = time.monotonic() + PATIENCE
    while True:
        try:
            with Client(address, timeout=5, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=PATIENCE)
                return
        except OSError:
            if time.monotonic() > until:
                raise


def all_of_it(folder: Path, work: Path, workers: Workers) -> tuple[dict[str, object], dict[str, float]]:
    """What comes of everything that is done with an archive, and how long each took [s]."""
    work.mkdir()
    catalogue = Catalogue(work / "catalogue.sqlite", now=lambda: LATER)
    results, took = dict[str, object](), dict[str, float]()

    begun = time.perf_counter()
    skipped = catalogue.index([folder], workers).skipped
    took["index"] = time.perf_counter() - begun
    results["catalogue"], results["skipped"] = content(catalogue), skipped

    runs = catalogue.find()
    found = statistics_of(runs, ["sample"], figures_asked(runs))
    results["statistics"] = (found, markdown(statistics_table(found, ["sample"])))

    begun = time.perf_counter()
    parquet.export_parquet(runs, work / "parquet", workers)
    took["export"] = time.perf_counter() - begun
    files = sorted((work / "parquet").rglob("*.parquet"))
    results["parquet"] = [(one.relative_to(work), sha256(one.read_bytes()).hexdigest()) for one in files]

    copies = shutil.copytree(folder, work / "copies")
    paths = sorted(copies.rglob("run_*.h5"))
    wanted = Wanted(read_changes(area="14.28 mm^2"), name="larger", time="2026-11-28T12:00:00+01:00")
    begun = time.perf_counter()
    done = recomputing.recompute_all(paths, wanted, workers)
    took["recompute"] = time.perf_counter() - begun
    results["recomputed"] = [(one.path.name, one.added, one.identical, one.refused) for one in done]
    added = [path for path, one in zip(paths, done, strict=True) if one.added]
    analyses = [read_run(path, analysis="larger") for path in added[:: max(len(added) // 10, 1)]]
    results["analyses"] = [(run.figures, run.tables["jvl"]["luminance"].tobytes()) for run in analyses]
    shutil.rmtree(copies)
    return results, took


def compared(number: int, seed: int, in_a_task: int, dask: bool) -> list[str]:
    """What differs from the work of one process; prints how long each took."""
    wrong, first = list[str](), dict[str, object]()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as afterwards:
        for module, name in ((cataloguing, "IN_A_TASK"), (recomputing, "IN_A_TASK"), (parquet, "IN_A_PART")):
            afterwards.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, in_a_task)
        folder = Path(temporary) / "runs"
        make_files(folder, number, seed)

        def by(name: str, workers: Workers) -> None:
            results, took = all_of_it(folder, Path(temporary) / name.replace(" ", "_"), workers)
            first.update({} if first else results)
            wrong.extend(f"{name}: another {what}" for what in results if str(results[what]) != str(first[what]))
            print(f"{name:<22}{'  '.join(f'{what} {seconds:.1f} s' for what, seconds in took.items())}", flush=True)

        for jobs in (1, 2, 8):
            by(f"{jobs} processes", Here(jobs))
        for workers in (1, 2) if dask else ():
            with scheduler_with(workers) as scheduler:
                by(f"{workers} workers over TCP", scheduler)
    return wrong


def main() -> int:
    """Compare, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=200, help="run files that are made")
    parser.add_argument("--task", type=int, default=25, help="files a task")
    parser.add_argument("--seed", type=int, default=1, help="of identities and figures")
    wanted = parser.parse_args()
    wrong = compared(wanted.files, wanted.seed, wanted.task, dask=True)
    print(*(wrong or ["everything is the same to the last bit"]), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
