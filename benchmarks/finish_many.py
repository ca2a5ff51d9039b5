"""What a point costs after the run: finishing, showing and exporting a run file of many points, time and memory.

    python benchmarks/finish_many.py [--points N] [--repeats N]

A file of that many points with twenty spectra is recorded, up and down again, then each command works on it in a
fresh interpreter. Printed are medians of processor time with their spread, the largest growth of memory over the
interpreter with everything imported, and the ratio to evaluating one point after another, as a running sweep does.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from acquire.config.sweep import MOST_POINTS
from acquire.evaluation.calibration import Calibration, Conditions, StandInSpectra
from acquire.evaluation.evaluate import Evidence, evaluate, with_uncertainties
from acquire.evaluation.spectrum import with_colorimetry
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.luminous import luminance
from acquire.photometry.photodiode import calibration_from_geometry, etendue_of_discs
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, DarkReading, ExposureSample, Reading, Record, RunStart, Spectrum
from acquire.run_file import export, layout
from acquire.run_file import finish as finishing
from acquire.run_file import read as run_files
from acquire.run_file.recorder import create_run_file

AREA, GAIN, SPECTRA = 1.4e-5, 5e6, 20
START = RunStart(
    run_id="0", title="many points", start_time="2026-01-02T03:04:05+01:00", program="acquire", version="0",
    sample={"name": "many"}, user="", sweep_yaml="", bench_yaml="", resolved_json="{}", file_hashes={},
    instruments=(), source_unit="V",
)  # fmt: skip


def a_calibration() -> Calibration:
    responsivity = 6.0e-4 * WAVELENGTH - 0.012
    light = calibration_from_geometry(etendue_of_discs(AREA, 1e-4, 0.1), responsivity)
    line = gaussian(530.0, 30.0)
    return Calibration(photodiode=light, conditions=Conditions(AREA, GAIN), stand_in=StandInSpectra(assumed=line))


def readings(points: int) -> Iterator[Reading]:
    """From 2 V to 8 V and back; 1 mA and 1000 cd/m^2 at 6.5 V, a decade a volt."""
    for index in range(points):
        rising = index < points // 2
        way = 2 * index / points if rising else 2 - 2 * index / points
        voltage = 2.0 + 6.0 * way
        share = 10.0 ** (voltage - 6.5)
        branch = Branch.FORWARD if rising else Branch.REVERSE
        yield Reading(index, branch, voltage, 0.02 * index, voltage, 1e-3 * share, 0.44 * share + 1e-4)


def record(path: Path, points: int) -> float:
    """Record an unfinished file; returns the seconds that evaluating one point after another takes."""
    calibration = a_calibration()
    dark = [DarkReading(-1.0, 0.0, 0.0, 1e-4 + step, False) for step in (-2e-5, 0.0, 2e-5)]
    evidence = Evidence(calibration).with_dark(dark)
    capacity = {Record: points, DarkReading: 3, Spectrum: SPECTRA, ExposureSample: 1}
    recorder = create_run_file(
        path,
        START,
        capacity,
        lambda group: layout.write_calibration(group, calibration),
    )
    for event in dark:
        recorder(event)
    evaluating, taken, now = 0.0, 0, time.process_time
    for reading in readings(points):
        begin = now()
        event = with_uncertainties(evaluate(reading, evidence), evidence)
        evaluating += now() - begin
        recorder(event)
        if reading.index == (taken + 1) * points // (SPECTRA + 1):
            line = gaussian(519.0 + 0.1 * taken, 20.0)
            radiance = line * ((reading.photodiode_signal - 1e-4) / 0.44 * 1000.0 / luminance(line))
            moment = (reading.time, reading.time + 0.01)
            spectrum = with_colorimetry(Spectrum(taken, reading.index, reading.branch, *moment, radiance, 0.01))
            recorder(spectrum)
            evidence, taken = evidence.with_spectrum(spectrum), taken + 1
    recorder.close()
    return evaluating


def peak_memory() -> float:
    """The most memory this process has had [MB]; nought where the system does not say (Windows)."""
    if sys.platform == "win32":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


JOBS: dict[str, Callable[[Path], object]] = {
    "finish": finishing.finish,
    "show": run_files.read_run,
    "export": lambda path: export.export_csv(run_files.read_run(path), path.with_suffix("")),
}


def job(name: str, path: Path, points: int) -> None:
    """Do one job in this interpreter and print its seconds and MB."""
    before, begin = peak_memory(), time.process_time()
    if name == "record":
        print(record(path, points), 0.0)
        return
    JOBS[name](path)
    print(time.process_time() - begin, peak_memory() - before)


def in_fresh_interpreter(name: str, path: Path, points: int) -> tuple[float, float]:
    """One that is started from a small one: on Linux, the peak of memory is inherited."""
    command = [sys.executable, __file__, "--job", name, "--file", path, "--points", str(points)]
    seconds, megabytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), float(megabytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=MOST_POINTS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--job", choices=["record", *JOBS], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        job(arguments.job, arguments.file, arguments.points)
        return
    points = arguments.points
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.h5"
        one_by_one = in_fresh_interpreter("record", path, points)[0] / points
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in JOBS}
        for repeat in range(arguments.repeats):
            again = Path(folder) / f"{repeat}.h5"
            shutil.copy(path, again)
            for name, all_results in results.items():
                all_results.append(in_fresh_interpreter(name, again, points))
            shutil.rmtree(again.with_suffix(""))
            again.unlink()
        size = path.stat().st_size / (1 << 20)
    print(f"{platform.python_implementation()} {platform.python_version()}, {points} points, a file of {size:.0f} MB")
    print(f"evaluated one by one   {one_by_one * 1e6:7.2f} us a point")
    for name, all_results in results.items():
        times = [seconds / points for seconds, _ in all_results]
        typical = statistics.median(times)
        print(
            f"{name:8} {typical * 1e6:7.2f} us a point ({min(times) * 1e6:.2f} to {max(times) * 1e6:.2f}), "
            f"{typical / one_by_one:5.2f} of one by one, {max(memory for _, memory in all_results):4.0f} MB more"
        )


if __name__ == "__main__":
    main()
