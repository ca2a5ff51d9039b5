"""What an archive costs: indexing run files, computing them anew, searching among very many; by one process and two.

    python -m benchmarks.archive_index [--files N] [--recompute N] [--rows N] [--folder DIR]

A few short runs are made on the simulated bench, then copied with other identities, names and figures; nothing of
them is shipped. Printed are processor time and wall-clock time a file, as ratios to opening a file and reading one
attribute with plain h5py and to reading whole files; the same of computing ``--recompute`` of them anew, without
anything different and by a larger area, into a table and into the files; and how long a search takes among ``--rows``
runs of a catalogue that is filled directly.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import UUID

import h5py

from acquire.archive.catalogue import Catalogue
from acquire.archive.criteria import Criteria
from acquire.archive.recomputing import Outcome, recompute_all
from acquire.archive.spread import Here
from acquire.recompute.changes import read_changes
from acquire.recompute.recompute import Wanted
from acquire.run_file.checksums import with_file_checksum
from acquire.run_file.hdf5 import read_only
from acquire.run_file.on_demand import on_demand
from acquire.run_file.read import read_run
from acquire.run_file.summary import RunSummary, read_summary, text_of, write_summary
from acquire.run_file.unchanged import inventory
from benchmarks.common import run_shipped

TEMPLATES = ("quick_look.yaml", "logarithmic.yaml")
MEGA = 1 << 20


def varied(summary: RunSummary, random: Random) -> RunSummary:
    """The same run of another device: identity, names, date and every figure are others."""
    figures = {name: replace(one, value=one.value * random.uniform(0.3, 3.0)) for name, one in summary.figures.items()}
    day = f"{2016 + random.randrange(10)}-{1 + random.randrange(12):02d}-{1 + random.randrange(28):02d}"
    return replace(
        summary,
        run_id=str(UUID(int=random.getrandbits(128), version=4)),
        sample=f"S{random.randrange(5000):04d}",
        pixel="ABCD"[random.randrange(4)],
        batch=f"B{random.randrange(300)}",
        user=("Ada", "Emmy", "Lise")[random.randrange(3)],
        start_time=f"{day}T{random.randrange(24):02d}:00:00+01:00",
        figures=figures,
    )


def make_files(folder: Path, number: int) -> list[Path]:
    """Copies of a few small runs, a thousand to a folder."""
    random, paths = Random(1), list[Path]()
    templates = [run_shipped(name, folder.parent / "templates") for name in TEMPLATES]
    contents = [(path.read_bytes(), read_summary(path)) for path in templates]
    for one in range(number):
        content, summary = contents[one % len(contents)]
        other = varied(summary, random)
        path = folder / f"{one // 1000:03d}" / f"run_{other.run_id[:8]}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            write_summary(file, other)
        seal_whole(path)
        paths.append(path)
    return paths


def seal_whole(path: Path) -> None:
    """Put behind a file what a finished one has there."""
    image = path.read_bytes()
    with read_only(image) as file:
        path.write_bytes(with_file_checksum(image, inventory(on_demand(file)).as_text()))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor time [s], that of processes it waited for included."""
    before, wall = os.times(), time.perf_counter()
    work()
    after = os.times()
    cpu = sum(getattr(after, name) - getattr(before, name) for name in ("user", "system", "children_user"))
    return time.perf_counter() - wall, cpu + after.children_system - before.children_system


def of_recomputing(paths: list[Path]) -> None:
    """Compute half of these files anew by one process, the other half by two, each way; the last one changes them."""
    ways = {
        "compared, nothing different": (Wanted(), True),
        "by another area, into a table": (Wanted(read_changes(area="14.28 mm^2")), False),
        "by another area, into the files": (Wanted(read_changes(area="14.28 mm^2"), name="area"), True),
    }
    for name, (wanted, into_files) in ways.items():
        # Other files for each: one that has an analysis takes the next one more slowly
        walls = [_recomputed(name, paths[jobs - 1 :: 2], wanted, jobs, into_files=into_files) for jobs in (1, 2)]
        print(f"  efficiency of two: {walls[0] / walls[1] / 2:.2f}")


def _recomputed(name: str, paths: list[Path], wanted: Wanted, jobs: int, *, into_files: bool) -> float:
    """How long that takes [s]; every file must be computed, and the same where nothing is different."""
    done = list[Outcome]()
    wall, cpu = timed(lambda: done.extend(recompute_all(paths, wanted, Here(jobs), into_files=into_files)))
    assert len(done) == len(paths)
    assert not any(one.refused or one.there or one.identical is False for one in done)
    print(
        f"{name}, {jobs} jobs: {len(paths)} files in {wall:.1f} s, {1e3 * cpu / len(paths):.1f} ms a file of processor "
        f"time; 100 000 would take {1e5 * wall / len(paths) / 60:.1f} min"
    )
    return wall


def of_files(folder: Path, number: int, recomputed: int) -> None:
    paths = make_files(folder / "runs", number)
    sizes = sum(path.stat().st_size for path in paths)
    print(f"{number} run files of {sizes / number / 1024:.0f} kB, {sizes / MEGA:.0f} MB in all")

    def bare() -> None:
        for path in paths[:1000]:
            with h5py.File(path, "r", locking=False) as file:
                file.attrs["summary"]

    bare()
    _, attribute = timed(bare)
    _, whole = timed(lambda: [read_run(path) for path in paths[:100]])
    attribute, whole = attribute / len(paths[:1000]), whole / len(paths[:100])
    print(
        f"plain h5py, one attribute: {1e3 * attribute:.2f} ms a file of processor time; whole file {1e3 * whole:.1f} ms"
    )
    for jobs in (1, 2):
        catalogue = Catalogue(folder / f"catalogue_{jobs}.sqlite")
        wall, cpu = timed(lambda catalogue=catalogue, jobs=jobs: catalogue.index([folder / "runs"], Here(jobs)))
        ratios = (
            f"{cpu / number / attribute:.1f} times one attribute, 1/{whole * number / cpu:.0f} of reading whole files"
        )
        print(f"index, {jobs} jobs: {wall:.1f} s, {1e3 * cpu / number:.2f} ms a file of processor time: {ratios}")
    wall, cpu = timed(lambda: catalogue.index([folder / "runs"]))
    print(f"again, nothing changed: {wall:.2f} s; the catalogue has {catalogue.path.stat().st_size / MEGA:.0f} MB")
    searches(catalogue)
    if recomputed:
        of_recomputing(paths[:recomputed])


# --- searches ----------------------------------------------------------------------------------------------------


_FILLED = """
INSERT INTO folders VALUES (1, '/runs');
INSERT INTO files SELECT value, 1, value || '.h5', 0, 0, 1, printf('%032x', value), 1, '', :summary FROM numbers;
INSERT INTO runs SELECT
    value, printf('%032x', value),
    printf('%d-%02d-%02dT%02d:00:00+01:00', 2016 + abs(random()) % 10, 1 + abs(random()) % 12, 1 + abs(random()) % 28,
           abs(random()) % 24),
    printf('s%04d', abs(random()) % 5000), substr('abcd', 1 + abs(random()) % 4, 1), printf('b%d', abs(random()) % 300),
    '', substr('ada emmylise', 1 + 4 * (abs(random()) % 3), 4), 'completed', '' FROM numbers;
UPDATE runs SET operator = trim(operator);
INSERT INTO words (rowid, text) SELECT file, sample || char(10) || batch || char(10) || operator || char(10) || run_id
    FROM runs;
INSERT INTO figures SELECT file, id, scale * (0.3 + 2.7 * (abs(random()) % 1000000) / 1e6) FROM runs, scales
    ORDER BY file, id;
CREATE INDEX figures_by_value ON figures (name, value);
"""


def fill(catalogue: Catalogue, folder: Path, rows: int) -> None:
    """Put so many runs into a catalogue, without files, ten figures each; all have the summary of one."""
    template = read_summary(run_shipped(TEMPLATES[0], folder / "templates"))
    figures = [(name, figure.value) for name, figure in template.figures.items() if figure.value == figure.value][:10]
    catalogue.count()
    with closing(sqlite3.connect(catalogue.path)) as db:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -524288"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("DROP INDEX figures_by_value")
        db.execute("CREATE TEMP TABLE scales (id INTEGER, scale REAL)")
        for number, (name, value) in enumerate(figures, 1):
            db.execute("INSERT INTO figure_names VALUES (?, ?)", (number, name))
            db.execute("INSERT INTO scales VALUES (?, ?)", (number, value))
        db.execute("CREATE TEMP TABLE numbers (value INTEGER PRIMARY KEY)")
        db.executemany("INSERT INTO numbers VALUES (?)", ((one,) for one in range(1, rows + 1)))
        summary = zlib.compress(text_of(template).encode(), 1)
        for statement in _FILLED.strip().split(";\n"):
            db.execute(statement, {"summary": summary} if ":summary" in statement else {})
        db.commit()


QUESTIONS: dict[str, Criteria] = {
    "newest hundred": Criteria(limit=100),
    "a sample": Criteria(sample="S0123", limit=100),
    "a text, rare": Criteria(text="s0777", limit=100),
    "a text, frequent": Criteria(text="emmy", limit=100),
    "a figure, rare": Criteria(figures={"luminance_max": (4700.0, 4701.0)}, limit=100),
    "a figure, frequent": Criteria(figures={"luminance_max": (1000.0, 3000.0)}, limit=100),
    "two figures, a user, a year": Criteria(
        user="Ada",
        since="2019",
        until="2020",
        figures={"luminance_max": (2000.0, 4000.0), "turn_on_voltage": (2.0, 9.0)},
        limit=100,
    ),
    "a text, a figure": Criteria(text="B271", figures={"luminance_max": (3000.0, 9000.0)}, limit=100),
}


def searches(catalogue: Catalogue) -> None:
    rows = catalogue.count()
    for name, criteria in QUESTIONS.items():
        found = catalogue.find(criteria)
        spans = []
        for _ in range(5):
            begun, cpu = time.perf_counter(), time.process_time()
            catalogue.find(criteria)
            spans.append((time.perf_counter() - begun, time.process_time() - cpu))
        wall, cpu = (1e3 * statistics.median(span) for span in zip(*spans, strict=True))
        print(f"  {rows} runs: {name}: {wall:.1f} ms, {cpu:.1f} ms of processor time, {len(found)} runs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000, help="run files that are made and indexed")
    parser.add_argument("--recompute", type=int, default=1000, help="how many of them are computed anew")
    parser.add_argument("--rows", type=int, default=0, help="runs of a catalogue that is filled directly")
    parser.add_argument("--folder", type=Path, help="where; default: a folder that is removed afterwards")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = wanted.folder or Path(temporary)
        if wanted.files:
            of_files(folder, wanted.files, wanted.recompute)
        if wanted.rows:
            catalogue = Catalogue(folder / "filled.sqlite")
            if catalogue.count() != wanted.rows:
                fill(catalogue, folder, wanted.rows)
            print(f"a catalogue filled with {wanted.rows} runs: {catalogue.path.stat().st_size / MEGA:.0f} MB")
            searches(catalogue)


if __name__ == "__main__":
    main()
