"""A calibration of the photodiode: a sweep that can make one, and the files that come of its run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from acquire.bench.preparation import PreparedRun
from acquire.config import ConfigurationError, LoadedCalibration, LoadedSweep
from acquire.config.calibration import Detector
from acquire.config.yaml_source import Problem
from acquire.evaluation.before_findings import SPOT_LARGER_THAN_PIXEL
from acquire.evaluation.from_configuration import provenance_of
from acquire.evaluation.luminance_factor import FoundFactor, found_factor
from acquire.photometry.grid import WAVELENGTH
from acquire.records import FloatArray, Severity
from acquire.run_file import checksums
from acquire.run_file.placing import replace_file
from acquire.run_file.read import Run

HEAD = """\
# A luminance factor of the photodiode, made by 'acquire calibrate' on {day} and never changed afterwards.
# A bench uses it that names it: photodiode.calibration. {uncertainty}
"""


@dataclass(frozen=True, eq=False)
class MadeCalibration:
    """A luminance factor found by a run, and the files that hold it; ``path`` is the calibration file itself."""

    found: FoundFactor
    run: Run
    path: Path
    valid_until: date
    beside: tuple[Path, ...] = ()

    def summary(self) -> dict[str, Any]:
        """The calibration as a part of the JSON object of ``--json``: plain values, None for what is unknown."""
        factor, linearity = self.found.factor, self.found.linearity
        low, high = self.found.interval
        numbers = {
            "luminance_factor": factor.factor,
            "uncertainty": factor.relative_uncertainty,
            "interval_95_low": low,
            "interval_95_high": high,
            "luminance_from": self.found.span[0],
            "luminance_to": self.found.span[1],
            "linearity": linearity.level.value,
            "linearity_uncertainty": linearity.level.uncertainty,
            "drift": self.found.drift.value,
            "drift_uncertainty": self.found.drift.uncertainty,
            "former_luminance_factor": self.found.former,
        }
        return {
            "path": str(self.path),
            "levels": factor.levels,
            "degrees_of_freedom": self.found.degrees_of_freedom,
            **{name: value if isfinite(value) else None for name, value in numbers.items()},
            "valid_until": self.valid_until.isoformat(),
            "remarks": list(self.found.remarks()),
        }


def require_suited(prepared: PreparedRun) -> None:
    """Refuse a sweep that cannot calibrate.

    :raises acquire.config.ConfigurationError: not every level has a spectrum, or the dark signal stays unknown.
    """
    problems = list(_unsuited(prepared))
    if problems:
        raise ConfigurationError(problems)


def _unsuited(prepared: PreparedRun) -> Iterator[Problem]:
    plan, path = prepared.plan, prepared.loaded.sweep_path
    everywhere = plan.spectra.every_points == 1 and plan.spectra.every_above <= 0.0
    if not everywhere and not all(step.spectrum for step in plan.steps):
        hint = "write spectra: {every: {points: 1}}; configs/sweeps/calibrate_photodiode.yaml is an example"
        yield Problem(path, None, None, "spectra", "a calibration needs a spectrum at every level", hint)
    if not plan.dark.readings_before + plan.dark.readings_after:
        message = "without dark readings the photodiode's zero is unknown"
        yield Problem(path, None, None, "dark", message, "write dark.before: true")


def made(prepared: PreparedRun, run: Run, folder: Path) -> MadeCalibration:
    """Write the calibration that a finished run gives into ``folder``, under the name of the run.

    :raises ValueError: no level of the run can be used, or the levels contradict each other or the bench.
    :raises OSError: a file cannot be written, or one of this name is there already; then none is left behind.
    """
    found = found_factor(run.spectra, run.dark, run.calibration)
    if why := "; ".join(_against(found, run)):
        raise ValueError(why)
    day = datetime.fromisoformat(run.start_time).date()
    valid_until = day + timedelta(days=prepared.loaded.bench.photodiode.calibration_valid_days)
    stem = f"{run.path.stem}_calibration"
    curves = _curves(stem, found, prepared.loaded)
    content = _content(stem, found, run, prepared.loaded, curves)
    dated = {**content, "date": day.isoformat(), "valid_until": valid_until.isoformat()}
    text = _head(found, day) + yaml.safe_dump(_ordered(dated), sort_keys=False, allow_unicode=True, width=110)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.yaml"
    # The calibration file last: it never names a curve that is not there
    files = {folder / name: text for name, text in curves.values()}
    _written({**files, path: text})
    return MadeCalibration(found, run, path, valid_until, tuple(files))


#: The levels of a calibration may scatter by so much (standard deviation of ln(L/s)); beyond, they are of two minds.
MOST_SCATTER = 0.05

#: Findings of a run that speak against its spectra: a factor from these would carry the error into every later run.
AGAINST_SPECTRA = (SPOT_LARGER_THAN_PIXEL, "spectrum_contradicts_its_meter")


def _against(found: FoundFactor, run: Run) -> Iterator[str]:
    """What forbids to make a calibration of a run."""
    scatter = found.factor.relative_uncertainty * sqrt(found.factor.levels)
    if scatter > MOST_SCATTER:
        allowed = f"{100 * MOST_SCATTER:g} % are allowed"
        yield f"its levels differ by {100 * scatter:.2g} % (standard deviation of ln(L/s)), {allowed}"
        yield "; ".join(found.remarks()) or "did device or photodiode move, or the amplifier reach its limit?"
    for finding in run.findings:
        if finding.code in AGAINST_SPECTRA and finding.severity is not Severity.NOTE:
            yield f"{finding.text}. {finding.remedy}"


def _written(files: Mapping[Path, str]) -> None:
    """Write new files, all of them or none.

    :raises OSError: one cannot be written, or is there already.
    """
    there: list[Path] = []
    try:
        for path, text in files.items():
            replace_file(path, text.encode(), new=True)
            there.append(path)
    except OSError:
        for path in there:
            with suppress(OSError):
                path.unlink()
        raise


def _curves(stem: str, found: FoundFactor, loaded: LoadedSweep) -> dict[str, tuple[str, str]]:
    """Name and text of the CSV files beside a calibration file, by the key that names each."""
    spectrum = found.spectrum / found.spectrum.max()
    curves = {"spectrum": (f"{stem}_spectrum.csv", _csv("relative_power", WAVELENGTH, spectrum))}
    known = _known_photodiode(loaded)
    if known.responsivity is not None:
        text = _csv("responsivity_A_W", *known.responsivity)
        curves["responsivity"] = f"{stem}_responsivity.csv", text
    return curves


def _known_photodiode(loaded: LoadedSweep) -> LoadedCalibration:
    """What the bench's calibration so far says of the photodiode; nothing where it is that of a simulated one."""
    example = provenance_of(loaded.calibration).example and not loaded.bench.of_twins
    return LoadedCalibration() if example else loaded.calibration


def _csv(name: str, wavelength: FloatArray, values: FloatArray) -> str:
    rows = np.column_stack((wavelength, values)).tolist()
    return "\n".join((f"wavelength_nm,{name}", *(f"{at:g},{value:.9g}" for at, value in rows), ""))


def _head(found: FoundFactor, day: date) -> str:
    known = "" if found.degrees_of_freedom else "Its uncertainty is unknown: there were fewer than three levels."
    return HEAD.format(day=day, uncertainty=known).replace(" \n", "\n")


_ORDER = ("kind", "id", "date", "valid_until", "detector", "responsivity", "luminance_factor", "origin", "notes")


def _ordered(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in _ORDER if name in content}


def _content(
    stem: str, found: FoundFactor, run: Run, loaded: LoadedSweep, curves: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    certificate = _known_photodiode(loaded).certificate
    unnamed = Detector(serial=f"photodiode of {loaded.bench.name}")
    detector = certificate.detector if certificate else unnamed
    content: dict[str, Any] = {
        "kind": "calibration",
        "id": stem,
        "detector": {name: value for name, value in detector.model_dump().items() if value},
        "luminance_factor": _factor(found, curves["spectrum"][0]),
        "origin": _origin(run, loaded),
    }
    if remarks := list(found.remarks()):
        content["notes"] = "; ".join(remarks)
    if "responsivity" in curves:
        content["responsivity"] = curves["responsivity"][0]
    return content


def _factor(found: FoundFactor, spectrum: str) -> dict[str, Any]:
    factor, (low, high) = found.factor, found.span
    spread = {
        "uncertainty": _percent(factor.relative_uncertainty),
        "levels": factor.levels,
        "degrees_of_freedom": found.degrees_of_freedom,
    }
    return {
        "factor": f"{factor.factor:.9g} cd/m^2/A",
        **(spread if found.degrees_of_freedom else {"levels": factor.levels}),
        "luminance_from": f"{low:.6g} cd/m^2",
        "luminance_to": f"{high:.6g} cd/m^2",
        **_linearity(found),
        "spectrum": spectrum,
    }


def _linearity(found: FoundFactor) -> dict[str, Any]:
    level, drift = found.linearity.level, found.drift
    if not (level.degrees_of_freedom and drift.degrees_of_freedom):
        return {}
    return {
        "linearity": {
            "level": _percent(level.value),
            "level_uncertainty": _percent(level.uncertainty),
            "drift": _percent(drift.value),
            "drift_uncertainty": _percent(drift.uncertainty),
            "duration": f"{found.duration:.4g} s",
        }
    }


def _percent(share: float) -> str:
    return f"{100.0 * share:.4g} %"


def _origin(run: Run, loaded: LoadedSweep) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "run_file": run.path.name,
        "run_sha256": checksums.of_file(run.path),
        "sample": run.sample,
        "bench": loaded.bench.name,
        "simulated": loaded.bench.of_twins,
        "instruments": dict(run.instruments),
    }


def name_for_bench(path: Path, bench: Path) -> str:
    """How a bench file names a calibration file: relative to itself, where that is possible."""
    try:
        return Path(os.path.relpath(path, bench.parent)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.resolve().as_posix()
