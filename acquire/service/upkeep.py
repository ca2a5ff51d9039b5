"""Upkeep of the bench as pages see it: checks and calibrations that were started from them, and what checks say now.

A job is a log in the folder of the service, ``health-ID.log`` or ``calibrate-ID.log``: what is told of it outlives the
service. What a bench's checks say comes from its history, whoever made them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from acquire.config import ConfigurationError, load_bench
from acquire.config.loading import load_calibration
from acquire.service import recipes
from acquire.service.answers import Number
from acquire.service.run_processes import result_in

if TYPE_CHECKING:
    from acquire.config import BenchFile

KINDS = ("health", "calibrate")
MOST_JOBS = 10
LONGEST_HEAD = 4096  # bytes
#: How lines begin by which the commands say what came of it; the others tell of the run while it goes on.
_WORDS = ("acquire: ", "note: ", "ALARM: ", "FAILED: ", "in control", "accepted on ")


class QuantityTold(BaseModel):
    """What the last check says of a quantity; ``deviation`` from the checks before, a share where ``relative``."""

    name: str
    unit: str
    value: Number
    checks: int
    deviation: Number
    relative: bool
    change: Number
    limit: Number


class HealthTold(BaseModel):
    """What all checks of a bench say; ``change`` beyond ``limit`` is an alarm, which stays until it is accepted."""

    in_control: bool
    last_check: str | None
    failure: str
    alarms: list[str]
    accepted: str
    remarks: list[str]
    quantities: list[QuantityTold]


class CalibrationTold(BaseModel):
    """A luminance factor that was made [cd/(m^2 A)], relative uncertainty (k = 1), the former one; its file.

    ``identity``: its name, by which runs cite it; ``used``: the bench with which it was made uses it.
    """

    path: str
    identity: str
    used: bool = False
    luminance_factor: Number
    uncertainty: Number
    levels: int
    luminance_from: Number
    luminance_to: Number
    former_luminance_factor: Number
    valid_until: str
    remarks: list[str]


class JobTold(BaseModel):
    """A check or a calibration that was started from a page, and what came of it."""

    start_id: str
    kind: Literal["health", "calibrate"]
    recipe: str
    bench: str
    user: str
    started: str
    state: Literal["running", "completed", "failed", "interrupted"]
    run_id: str | None
    said: list[str]
    health: HealthTold | None
    calibration: CalibrationTold | None


class BenchTold(BaseModel):
    """A bench that was checked: what its checks say, the calibration that it uses and the last day of that.

    ``names``: its files, where several are of one bench and have one history.
    """

    names: list[str]
    title: str
    health: HealthTold
    calibration: str
    valid_until: str
    expired: bool


class UpkeepTold(BaseModel):
    """Upkeep of the benches, the newest jobs first."""

    jobs: list[JobTold]
    benches: list[BenchTold]


# --- jobs ------------------------------------------------------------------------------------------------------


def begin_log(log: Path, kind: str, **said: str | None) -> None:
    """Write of a job that is about to begin what its log is not going to say.

    :raises OSError: it cannot be written.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(json.dumps({"upkeep": kind, **said}) + "\n", "utf-8", newline="\n")


def jobs(logs: Path, alive: Collection[str]) -> list[JobTold]:
    """The newest jobs; ``alive``: the start_ids of processes that go on."""
    found = [path for kind in KINDS for path in logs.glob(f"{kind}-*.log")]
    told: list[JobTold] = []
    for path in sorted(found, key=_written, reverse=True)[:MOST_JOBS]:
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            told.append(_job(path, path.stem in alive))
    return sorted(told, key=lambda job: job.started, reverse=True)


def _written(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _job(log: Path, lives: bool) -> JobTold:
    with log.open("rb") as stream:
        head: Mapping[str, Any] = json.loads(stream.readline(LONGEST_HEAD))
    kind = str(head["upkeep"])
    result = result_in(log) or {}
    ended = "status" in result
    made = result.get("calibration" if kind == "calibrate" else kind)
    said = [line for line in _tail(log) if line.startswith(_WORDS)]
    good = ended and made is not None and result["status"] in ("completed", "stopped")
    state = "completed" if good else "failed" if ended else "running" if lives else "interrupted"
    # Validated: what stands in a log may have been written by anybody
    return JobTold.model_validate(
        {
            "start_id": log.stem,
            "kind": kind,
            **{name: str(head.get(name) or "") for name in ("recipe", "bench", "user", "started")},
            "state": "interrupted" if result.get("status") == "interrupted" else state,
            "run_id": result.get("run_id") or None,
            "said": said or [str(result["stop_reason"])] if result.get("stop_reason") else said,
            "health": _of_summary(made) if made and kind == "health" else None,
            "calibration": _of_made(made) if made and kind == "calibrate" else None,
        }
    )


def _of_made(made: Mapping[str, Any]) -> CalibrationTold:
    said = {name: made[name] for name in CalibrationTold.model_fields if name in made}
    return CalibrationTold(identity=Path(str(made["path"])).stem, **said)


def _tail(log: Path) -> list[str]:
    with log.open("rb") as stream:
        lines = stream.read(1 << 22).decode(errors="replace").splitlines()
    return [line for line in lines if not line.startswith("{")]


# --- benches ---------------------------------------------------------------------------------------------------


def benches(folder: Path) -> list[BenchTold]:
    """The benches of a folder of recipes that were checked; one whose file is wrong is left out."""
    told: dict[tuple[Path, str], BenchTold] = {}
    for recipe in recipes.listed(folder):
        if recipe.kind == "bench":
            with suppress(ConfigurationError, OSError):
                _add_bench(told, folder / recipe.name, recipe)
    return list(told.values())


def _add_bench(told: dict[tuple[Path, str], BenchTold], path: Path, recipe: recipes.Recipe) -> None:
    from acquire.upkeep.health import bench_health

    bench = load_bench(path)
    found = bench_health(bench)
    if found.health.last is None and found.health.accepted is None:
        return
    name, until = _calibration_of(path, bench)
    if before := told.get((found.history.path, name)):
        before.names.append(recipe.name)
        return
    told[found.history.path, name] = BenchTold(
        names=[recipe.name],
        title=recipe.title,
        health=_of_summary({**found.summary(), "failure": found.health.last.failure if found.health.last else ""}),
        calibration=name,
        valid_until=until.isoformat() if until else "",
        expired=until is not None and until < datetime.now().astimezone().date(),
    )


def _calibration_of(path: Path, bench: BenchFile) -> tuple[str, date | None]:
    """Name of the calibration that a bench uses, and its last day; empty without one."""
    if bench.photodiode.calibration is None:
        return "", None
    certificate = load_calibration(path.parent / bench.photodiode.calibration)[0].certificate
    return ("", None) if certificate is None else (certificate.id, certificate.valid_until)


def _of_summary(said: Mapping[str, Any]) -> HealthTold:
    accepted = said.get("accepted")
    return HealthTold(
        in_control=said["in_control"],
        last_check=said["last_check"],
        failure=said.get("failure", ""),
        alarms=[one["text"] for one in said["alarms"]],
        accepted=f"{accepted['reason']} ({accepted['date'][:10]})" if accepted else "",
        remarks=said["remarks"],
        quantities=[_quantity(name, one) for name, one in said["quantities"].items()],
    )


def _quantity(name: str, one: Mapping[str, Any]) -> QuantityTold:
    return QuantityTold(
        name=name,
        unit=one["unit"],
        value=one["values"][-1] if one["values"] else None,
        checks=len(one["values"]),
        deviation=one["deviations"][-1] if one["deviations"] else None,
        relative=one["kind"] != "dark_level",
        change=one["statistic"],
        limit=one["limit"],
    )
