"""How fast results are computed anew: spectra a second a core, against one at a time; and a whole run file.

``python -m benchmarks.recompute [SPECTRA]``. One core: OPENBLAS_NUM_THREADS=1. Times are of the processor, the best of
several rounds.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from acquire.photometry import luminous
from acquire.photometry.factors import spectral_factors
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.many_spectra import colorimetry
from acquire.photometry.photodiode import PhotodiodeCalibration, calibration_from_factor
from acquire.photometry.spectra import gaussian
from acquire.recompute.changes import Changes, read_changes
from acquire.recompute.recompute import Wanted, compute, recompute
from acquire.records import FloatArray
from acquire.run_file.read import read_run

ROUNDS = 11
ONE_AT_A_TIME = 500
RECORDING = Path(__file__).parents[1] / "tests" / "recordings" / "replay_spectra_and_back.h5"


def best(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The least processor time of several rounds [s]."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        action()
        times.append(time.process_time() - begun)
    return min(times)


def lines(count: int) -> FloatArray:
    """So many lines with noise, from 450 to 650 nm."""
    random = np.random.default_rng(1)
    centre = random.uniform(450, 650, (count, 1))
    return np.asarray(np.exp(-(((WAVELENGTH - centre) / 15) ** 2)) + random.normal(0, 1e-4, (count, 401)))


def one_at_a_time(spectra: FloatArray, photodiode: PhotodiodeCalibration) -> None:
    """Luminance, colour, peak, width and mismatch of each by itself."""
    for spectrum in spectra:
        luminous.luminance(spectrum)
        photodiode.mismatch(spectral_factors(spectrum, photodiode).luminance_per_photocurrent)


def of_spectra(count: int) -> None:
    spectra = lines(count)
    photodiode = calibration_from_factor(1e10, 6e-4 * WAVELENGTH - 0.012, gaussian(550, 60))
    together = count / best(lambda: colorimetry(spectra, photodiode))
    apart = ONE_AT_A_TIME / best(lambda: one_at_a_time(spectra[:ONE_AT_A_TIME], photodiode))
    print(f"photometry: {together:,.0f} spectra/s a core, of {count} at once; {apart:,.0f}/s one at a time")
    print(f"            {together / apart:.1f} times as many; 100,000/s are asked for: {together / 1e5:.2f} times that")


def of_files() -> None:
    changes = read_changes("14.28 mm^2")
    run = read_run(RECORDING)
    reading, computing = best(lambda: read_run(RECORDING)), best(lambda: compute(run, run, changes))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"

        def added() -> None:
            shutil.copy(RECORDING, path)
            recompute(path, Wanted(changes))

        whole = best(added)
    points, spectra = run.points, len(run.spectra)
    print(f"a run of {points} points and {spectra} spectra: read and verified {reading * 1e3:.0f} ms, ", end="")
    print(f"computed {computing * 1e3:.0f} ms, with its analysis in the file {whole * 1e3:.0f} ms")
    same = compute(run, run, Changes())
    print(f"unchanged: {len(same.unchanged)} of {same.compared} columns and figures differ")


if __name__ == "__main__":
    of_spectra(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
    of_files()
