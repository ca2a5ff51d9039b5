"""What becomes of run files with a flipped bit, and of run files that were cut off in the middle.

    python -m tests.endurance.damage_table [--cases N] [--seed N]

A small finished and a small unfinished run file, each with N flipped bits (one a copy) and cut off at N places. Every
copy is read, shown and exported, an unfinished one is recovered and read again. Every number and text that comes back
is compared with that of the undamaged file: it is the same, or something was said.
"""

from __future__ import annotations

import argparse
import io
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

from acquire.cli import results
from acquire.records import Event, Record
from acquire.run_file import finish as finishing
from acquire.run_file import read as reading
from acquire.run_file import reading_apart
from acquire.run_file.export.csv_files import export_csv
from tests.conftest import CONFIGS, run_sweep_file

SWEEP = CONFIGS / "sweeps" / "quick_look.yaml"
OUTCOMES = ("refused", "said", "the same", "SILENTLY OTHER", "CRASHED")


@dataclass(frozen=True)
class Case:
    """One damaged copy: of a finished file or not, what was done to it, where."""

    finished: bool
    damage: str
    place: int

    def apply(self, content: bytes) -> bytes:
        """The content with this damage; ``place`` is a bit or a length."""
        if self.damage == "cut off":
            return content[: self.place]
        changed = bytearray(content)
        changed[self.place // 8] ^= 1 << self.place % 8
        return bytes(changed)


@dataclass(frozen=True)
class Outcome:
    """What became of a case, and the details where that is wrong."""

    case: Case
    result: str
    details: str = ""

    @property
    def wrong(self) -> bool:
        """Whether that must not be."""
        return self.result.isupper()


@dataclass(frozen=True)
class Truth:
    """The undamaged files: their content, and what is to come of them."""

    content: dict[bool, bytes]
    read: dict[bool, dict[str, Any]]
    recovered: dict[str, Any]


def truth(folder: Path) -> Truth:
    """Run a small sweep; its file just before it is finished, and finished."""
    runs, unfinished = folder / "runs", folder / "unfinished.h5"

    def watch(event: Event) -> None:
        if isinstance(event, Record):
            shutil.copy(next(runs.glob("*.h5")), unfinished)

    run = run_sweep_file(SWEEP, runs, watch=watch).run
    assert run is not None
    content = {True: run.path.read_bytes(), False: unfinished.read_bytes()}
    read = {True: _values(run), False: _values(reading.read_run(unfinished))}
    return Truth(content, read, _values(finishing.recover(unfinished)))


def _values(run: reading.Run) -> dict[str, Any]:
    """All that a run holds, but where it was and what its checksums say."""
    return {name: value for name, value in asdict(run).items() if name not in ("path", "integrity")}


def cases(true: Truth, number: int, seed: int) -> list[Case]:
    """So many of each kind."""
    chance = random.Random(seed)
    return [
        Case(finished, damage, chance.randrange(len(content) * (8 if damage == "flipped" else 1)))
        for finished, content in true.content.items()
        for damage in ("flipped", "cut off")
        for _ in range(number)
    ]


def carry_out(wanted: Sequence[Case], true: Truth) -> Iterator[Outcome]:
    """Read, show, export and recover a damaged copy of each case."""
    with tempfile.TemporaryDirectory() as name:
        paths = {Path(name) / f"{index}.h5": case for index, case in enumerate(wanted)}
        for path, case in paths.items():
            path.write_bytes(case.apply(true.content[case.finished]))
        read = dict(reading_apart._answers("read_run", list(paths)))
        recovered = dict(reading_apart._answers("recover", [path for path, case in paths.items() if not case.finished]))
        again = dict(reading_apart._answers("read_run", [path for path, case in paths.items() if not case.finished]))
        for path, case in paths.items():
            results = [_judged(read[path], true.read[case.finished], Path(name))]
            if not case.finished:
                after = recovered[path] if isinstance(recovered[path], Exception) else recovered[path][0]
                results.append(_judged(after, true.recovered, Path(name)))
                if not isinstance(after, Exception):
                    results.append(_judged(again[path], true.recovered, Path(name)))
            yield Outcome(case, *max(results, key=lambda result: OUTCOMES.index(result[0])))


def _judged(answer: Any, expected: dict[str, Any], folder: Path) -> tuple[str, str]:
    if isinstance(answer, reading.ArchiveError):
        return "refused", ""
    if isinstance(answer, Exception):
        return "CRASHED", repr(answer)
    try:
        said = _said(answer, folder)
    except Exception as error:
        return "CRASHED", f"{type(error).__name__}: {error}"
    if "DAMAGED" in said or "not verifiable" in said:
        return "said", ""
    try:
        np.testing.assert_equal(_values(answer), expected)
    except AssertionError as error:
        return "SILENTLY OTHER", str(error)
    return "the same", ""


def _said(run: reading.Run, folder: Path) -> str:
    """All that the commands print of a run."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out), tempfile.TemporaryDirectory(dir=folder) as exported:
        results.print_description(run)
        for as_json in (True, False):
            results.print_run(run, as_json)
        export_csv(replace(run, path=Path("run.h5")), Path(exported))
        with suppress(typer.Exit):
            results.tell_damage(run)
    return out.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        true = truth(Path(name))
    done = list(carry_out(cases(true, arguments.cases, arguments.seed), true))
    print(f"{'':24}" + "".join(f"{outcome:>16}" for outcome in OUTCOMES))
    for finished in (True, False):
        for damage in ("flipped", "cut off"):
            found = Counter(o.result for o in done if (o.case.finished, o.case.damage) == (finished, damage))
            kind = f"{'finished' if finished else 'unfinished'}, {damage}"
            print(f"{kind:24}" + "".join(f"{found[outcome]:16d}" for outcome in OUTCOMES))
    wrong = [outcome for outcome in done if outcome.wrong]
    for outcome in wrong:
        print(f"{outcome.case}: {outcome.result}\n{outcome.details}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
