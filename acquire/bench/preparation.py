"""A sweep prepared for its bench: read, checked, planned and calibrated, before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan
from pathlib import Path

import numpy as np

from acquire.config import BenchFile, ConfigurationError, LoadedSweep, load_sweep
from acquire.config.yaml_source import Problem
from acquire.evaluation.calibration import Calibration, calibration_of
from acquire.evaluation.health import health_of
from acquire.records import FloatArray
from acquire.run_file.health_history import history_path, read_history
from acquire.run_file.read import ArchiveError
from acquire.run_file.reading_apart import read_run
from acquire.sweep.plan import SweepPlan, make_plan


@dataclass(frozen=True)
class PreparedRun:
    """A sweep that was read, checked, planned and calibrated; nothing is opened yet."""

    loaded: LoadedSweep
    plan: SweepPlan
    calibration: Calibration


def prepare(sweep: Path, bench: Path | None = None) -> PreparedRun:
    """Read, check and plan a sweep.

    :raises acquire.config.ConfigurationError: with every problem at once.
    """
    loaded = load_sweep(sweep, bench)
    plan = make_plan(loaded.sweep, loaded.bench)
    np.ones((2, 401)) @ np.ones(401)  # OpenBLAS takes its memory now: where it gets none, it ends the process at once
    try:
        reference = _reference_spectrum(loaded.reference_path)
    except ArchiveError as error:
        hint = "name a run file with spectra, or remove the key"
        problem = Problem(loaded.sweep_path, None, None, "sample.reference", str(error), hint)
        raise ConfigurationError([problem]) from error
    calibration = calibration_of(loaded, plan.source_range, reference)
    alarm, change = _known_against(loaded.bench)
    conditions = replace(calibration.conditions, bench_alarm=alarm, bench_light_change=change)
    return PreparedRun(loaded, plan, replace(calibration, conditions=conditions))


def _known_against(bench: BenchFile) -> tuple[str, float]:
    """What the last check of a bench says against it, and by what share it found light changed; no run waits for it."""
    path = history_of(bench)
    try:
        history = read_history(path)
    except OSError as error:
        return f"{path}: the history of its checks cannot be read ({error.strerror or error})", nan
    health = health_of(history.entries)
    return health.against, health.light_change


def history_of(bench: BenchFile) -> Path:
    """Where the history of a bench's checks is."""
    return history_path(Path(bench.health.history), bench.name)


def _reference_spectrum(path: Path | None) -> FloatArray | None:
    """The spectrum nearest to 100 cd/m^2 of an earlier run.

    :raises acquire.run_file.read.ArchiveError: there is none.
    """
    if path is None:
        return None
    lit = [spectrum for spectrum in read_run(path).spectra if spectrum.luminance > 0.0]
    if not lit:
        raise ArchiveError(f"{path}: holds no spectrum")
    return min(lit, key=lambda spectrum: abs(np.log(spectrum.luminance / 100.0))).spectral_radiance
