"""Runs of many kinds by many areas, calibrations and angular factors: computed again, each number is the same.

``python -m tests.endurance.recompute_unchanged [--files N] [--seed N]``: copies of the recordings, each with an
analysis by changes made up by chance, read back from its file and computed again without a change, to the last bit.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from acquire.recompute.changes import Changes, read_changes
from acquire.recompute.recompute import Wanted, compute, recompute
from acquire.run_file.finish import recover
from acquire.run_file.read import Run, read_run

RECORDINGS = sorted((Path(__file__).parents[1] / "recordings").glob("*.h5"))

CALIBRATION = """kind: calibration
id: by-chance
date: 2026-01-05
detector: {{serial: chance}}
luminance_factor: {{factor: {factor:.6g} cd/m^2/A, uncertainty: {spread:.3g} %, levels: 5}}
"""


def changes_by_chance(run: Run, folder: Path, chance: random.Random) -> Changes:
    """An area, and for a device that shines perhaps a factor and readings at angles."""
    area = f"{chance.uniform(1, 40):.6g} mm^2 +- {chance.uniform(0.01, 0.5):.3g} mm^2"
    calibration = angles = None
    if not run.calibration.layer.stated and chance.random() < 0.6:
        calibration = folder / "calibration.yaml"
        text = CALIBRATION.format(factor=10 ** chance.uniform(9, 11), spread=chance.uniform(0.1, 3))
        calibration.write_text(text, encoding="utf-8")
    if not run.calibration.layer.stated and chance.random() < 0.5:
        angles = folder / "angles.csv"
        slope = chance.uniform(-0.3, 0.3)
        rows = [f"{angle},{1 + slope * angle / 90:.6f}" for angle in range(0, 85, 5)]
        angles.write_text("\n".join(["angle_deg,radiance", *rows]), encoding="utf-8")
    return read_changes(area, calibration, angles=angles, another_photodiode=True)


def differing(number: int, seed: int, folder: Path) -> list[str]:
    """What is not the same in one varied file."""
    chance = random.Random(seed * 1_000_003 + number)
    path = Path(shutil.copy(RECORDINGS[number % len(RECORDINGS)], folder / f"{number}.h5"))
    run = recover(path)
    recompute(path, Wanted(changes_by_chance(run, folder, chance)))
    shown = read_run(path, "latest")
    found = compute(shown, shown, Changes())
    path.unlink()
    return [f"{path.name}: {one}" for one in found.unchanged]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begun, wrong = time.perf_counter(), list[str]()
    with TemporaryDirectory() as folder:
        for number in range(given.files):
            wrong += differing(number, given.seed, Path(folder))
    print(f"{given.files} files, seed {given.seed}, {time.perf_counter() - begun:.0f} s: {len(wrong)} numbers differ")
    print(*wrong[:20], sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
