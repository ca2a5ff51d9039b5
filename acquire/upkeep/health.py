"""A check of a bench: a sweep that can make one, what its run says, and the history that is kept of all checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getuser
from typing import Any

from acquire.bench.preparation import PreparedRun, history_of
from acquire.config import BenchFile, ConfigurationError
from acquire.config.yaml_source import Problem
from acquire.evaluation.health import (
    Acceptance,
    Check,
    Health,
    Quantity,
    dark_quantities,
    health_of,
    light_quantities,
    resistance_quantity,
    summary,
)
from acquire.run_file import checksums
from acquire.run_file.health_history import History, append, read_history
from acquire.run_file.read import Run


@dataclass(frozen=True)
class BenchHealth:
    """The history of a bench's checks and what it says."""

    history: History
    health: Health

    def summary(self) -> dict[str, Any]:
        """The JSON object of ``--json``: plain values, None for what is unknown."""
        said = summary(self.health)
        return {"history": str(self.history.path), **said, "remarks": [*self.history.remarks, *self.health.remarks]}


def bench_health(bench: BenchFile) -> BenchHealth:
    """Read what is known of a bench.

    :raises OSError: its history cannot be read.
    """
    history = read_history(history_of(bench))
    return BenchHealth(history, health_of(history.entries))


def require_suited(prepared: PreparedRun) -> None:
    """Refuse a sweep that checks nothing.

    :raises acquire.config.ConfigurationError: it has neither spectra nor a known resistor, or no dark readings.
    """
    if problems := list(_unsuited(prepared)):
        raise ConfigurationError(problems)


def _unsuited(prepared: PreparedRun) -> Iterator[Problem]:
    plan, path = prepared.plan, prepared.loaded.sweep_path
    if not plan.spectra.most and prepared.loaded.sweep.sample.known_resistance is None:
        hint = "configs/sweeps/health.yaml and health_resistor.yaml are examples"
        yield Problem(path, None, None, "spectra", "a check needs a spectrum, or sample.known_resistance", hint)
    if not plan.dark.readings_before + plan.dark.readings_after:
        yield Problem(path, None, None, "dark", "a check needs dark readings", "write dark.before: true")


def check_of(prepared: PreparedRun, run: Run | None, error: str) -> Check:
    """What a run says of its bench; a run that failed, for ``error``, is a check that failed."""
    sample = prepared.loaded.sweep.sample.name
    now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    if run is None:
        return Check(now, sample, _first_line(error) or "there is no run file")
    digest = checksums.of_file(run.path)
    quantities, failure = _read(prepared, run)
    if run.integrity.damaged:
        failure = str(run.integrity)
    return Check(run.start_time, sample, _first_line(error) or failure, run.run_id, run.path.name, digest, quantities)


def _read(prepared: PreparedRun, run: Run) -> tuple[dict[str, Quantity], str]:
    """All that a run has read of its bench, and why something is missing; empty when nothing is."""
    bench, sample = prepared.loaded.bench, prepared.loaded.sweep.sample
    points, conditions = run.tables["jvl"], run.calibration.conditions
    found = dark_quantities(run.dark, conditions.meter_unit)
    failures = [] if found else ["there are no dark readings"]
    try:
        if prepared.plan.spectra.most:
            source = sample.name, run.source_unit
            levels = points["source_level"]
            found |= light_quantities(run.spectra, run.dark, levels, source, run.calibration, bench.health.scatter)
        if sample.known_resistance is not None:
            nominal = sample.known_resistance, sample.known_resistance_uncertainty or 0.0
            found |= resistance_quantity(points, run.calibration, sample.name, *nominal)
    except ValueError as error:
        failures.append(str(error))
    return found, "; ".join(failures)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def acceptance(reason: str) -> Acceptance:
    """What is recorded when somebody says that a change is known: when, why, who."""
    try:
        user = getuser()
    except (OSError, KeyError, ImportError):  # a container may know no name for its user
        user = "unknown"
    return Acceptance(datetime.now(UTC).astimezone().isoformat(timespec="seconds"), reason, user)


def recorded(bench: BenchFile, *entries: Acceptance | Check) -> BenchHealth:
    """Add to the history of a bench, and say what all of it says now.

    :raises OSError: it cannot be written or read.
    """
    append(history_of(bench), bench.name, *entries)
    return bench_health(bench)
