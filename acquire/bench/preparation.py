"""A sweep prepared for its bench: read, checked, planned and calibrated, before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from stat import S_ISDIR

import numpy as np

from acquire.config import BenchFile, ConfigurationError, LoadedSweep, Said, SaidByBatch, load_sweep
from acquire.config.yaml_source import Problem
from acquire.evaluation.calibration import Calibration
from acquire.evaluation.from_configuration import calibration_of
from acquire.evaluation.health import health_of
from acquire.records import FloatArray
from acquire.run_file.health_history import history_path, read_history
from acquire.run_file.read import ArchiveError
from acquire.run_file.reading_apart import read_run
from acquire.sweep.plan import SweepPlan, make_plan
from acquire.sweep.pretest import PretestPlan, make_pretest


@dataclass(frozen=True)
class PreparedRun:
    """A sweep that was read, checked, planned and calibrated; nothing is opened yet.

    ``pretest`` is carried out before it, where there is one.
    """

    loaded: LoadedSweep
    plan: SweepPlan
    calibration: Calibration
    pretest: PretestPlan | None = None


def prepare(
    sweep: Path, bench: Path | None = None, said: Sequence[Said | SaidByBatch] = (), *, with_pretest: bool = False
) -> PreparedRun:
    """Read, check and plan a sweep; ``said`` stands in place of what its file says.

    ``with_pretest``: the device is looked at first, at a low level, and not swept where that speaks against it.

    :raises acquire.config.ConfigurationError: with every problem at once.
    """
    loaded = load_sweep(sweep, bench, said)
    plan = make_plan(loaded.sweep, loaded.bench)
    np.ones((2, 401)) @ np.ones(401)  # OpenBLAS takes its memory now: where it gets none, it ends the process at once
    try:
        reference = _reference_spectrum(loaded.reference_path)
    except ArchiveError as error:
        hint = "name a run file with spectra, or remove the key"
        problem = Problem(loaded.sweep_path, None, None, "sample.reference", str(error), hint)
        raise ConfigurationError([problem]) from error
    calibration = _calibration(loaded, plan, reference)
    alarm, change = _known_against(loaded.bench)
    conditions = replace(calibration.conditions, bench_alarm=alarm, bench_light_change=change)
    pretest = make_pretest(loaded.sweep, loaded.bench, plan) if with_pretest else None
    return PreparedRun(loaded, plan, replace(calibration, conditions=conditions), pretest)


def _calibration(loaded: LoadedSweep, plan: SweepPlan, reference: FloatArray | None) -> Calibration:
    """What turns signals into light, with the spectra that stand in until one is measured.

    :raises acquire.config.ConfigurationError: the photodiode sees nothing of one of them.
    """
    try:
        calibration = calibration_of(loaded, plan.source_range, reference)
        _ = calibration.reference_factors, calibration.assumed_factors
    except ValueError as error:
        message = f"{error}: does the calibration belong to such a device?"
        hint = "compare sample.expected_line, sample.reference and the curves of the calibration"
        problem = Problem(loaded.bench_path, None, None, "photodiode.calibration", message, hint)
        raise ConfigurationError([problem]) from error
    return calibration


def _known_against(bench: BenchFile) -> tuple[str, float]:
    """What the last check of a bench says against it, and by what share it found light changed; no run waits for it."""
    path = history_of(bench)
    try:
        history = read_history(path)
    except OSError as error:
        return f"{path}: the history of its checks cannot be read ({error.strerror or error})", nan
    health = health_of(history.entries)
    return _storable(health.against), health.light_change


def _storable(text: str) -> str:
    """A text as a run file can keep it, whatever was found in the history."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:1000]


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


def run_folder(prepared: PreparedRun, output: Path | None = None) -> Path:
    """Where the run file goes: to ``output``, else where the sweep says, which is inside the current folder.

    :raises acquire.config.ConfigurationError: it is no folder and cannot become one, or takes no file; or a link leads
        the sweep's folder out of the current one.
    """
    sweep_path = prepared.loaded.sweep_path
    if output is not None:
        if message := _why_no_folder(output):
            hint = "name a folder, which may be a new one, in which files can be made"
            raise ConfigurationError([Problem(sweep_path, None, None, "", message, hint, option=f"--output {output}")])
        return output
    folder = Path(prepared.loaded.sweep.output.folder)
    try:
        leads_to = folder.resolve()
    except (OSError, RuntimeError) as error:  # a link that leads to itself, for example
        message, hint = f"'{folder}' cannot be a folder ({error})", "give it another name"
    else:
        if leads_to.is_relative_to(Path.cwd().resolve()):
            if not (why := _why_no_folder(folder)):
                return folder
            message, hint = f"'{folder}' {why}", "give it another name, or name a folder with --output"
        else:
            message = f"'{folder}' leads out of the current folder, to {leads_to}"
            hint = f"if that is meant: --output {folder}"
    raise ConfigurationError([Problem(sweep_path, None, None, "output", message, hint)])


def _why_no_folder(folder: Path) -> str:
    """Why no file can be made in a folder, or the folder itself not; empty where nothing is known against it."""
    for place in (folder, *folder.parents):
        which = "" if place == folder else f"cannot be made: '{place}' "
        try:
            mode = place.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):  # below a file, or below what is not there yet
            if place.is_symlink():
                return f"{which}is a link to what does not exist"
            continue
        except (OSError, ValueError) as error:
            return f"cannot be a folder ({getattr(error, 'strerror', None) or error})"
        if not S_ISDIR(mode):
            return f"{which}is a file"
        return "" if os.access(place, os.W_OK | os.X_OK) else f"{which}may not be written to"
    return ""


def name_fields(loaded: LoadedSweep) -> dict[str, str]:
    """What a run file's name may tell of a run, by the fields of :data:`acquire.config.template.FIELDS`."""
    sweep, sample = loaded.sweep, loaded.sweep.sample
    return {
        "title": sweep.title,
        "sample": sample.name,
        "pixel": sample.pixel,
        "batch": sample.batch,
        "group": sample.group,
        "user": sweep.user.name,
        "bench": loaded.bench.name,
    }
