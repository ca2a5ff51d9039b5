"""The bench checked from the page: what came of it, and what all checks say."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acquire.service.errors import RequestRefused
from acquire.service.upkeep import begin_log, jobs
from acquire.service.upkeep_deeds import use, uses
from tests.conftest import CONFIGS

API = "/api/v1"
MADE = {
    "path": "calibrations/c.yaml",
    "luminance_factor": 1.17e10,
    "uncertainty": 3.6e-4,
    "levels": 12,
    "luminance_from": 504.5,
    "luminance_to": 8719.7,
    "former_luminance_factor": None,
    "valid_until": "2027-02-27",
    "remarks": ["spectrum 3 is not used"],
    "linearity": 0.0,
}


def log_of(folder: Path, name: str, *lines: Any) -> None:
    kind = name.split("-")[0]
    begin_log(
        folder / f"{name}.log", kind, recipe="sweeps/x.yaml", bench=None, user="Ann", started=f"2026-01-0{name[-1]}"
    )
    with (folder / f"{name}.log").open("a") as log:
        log.writelines(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)


def test_what_came_of_upkeep_is_told_from_its_logs(tmp_path: Path) -> None:
    done = {"run_id": "r-1", "status": "completed", "stop_reason": ""}
    log_of(tmp_path, "calibrate-1", "# output on", {**done, "calibration": MADE})
    log_of(tmp_path, "calibrate-2", {**done, "calibration": None}, "acquire: no calibration was made: levels differ")
    log_of(tmp_path, "calibrate-3", "# output on")
    log_of(tmp_path, "calibrate-4", "# output on")
    log_of(tmp_path, "calibrate-5", {**done, "status": "interrupted", "stop_reason": "asked", "calibration": None})
    (tmp_path / "calibrate-6.log").write_text("not JSON\n")
    (tmp_path / "0123abcd.log").write_text(json.dumps(done))
    told = {one.start_id[-1]: one for one in jobs(tmp_path, {"calibrate-3"})}
    states = {name: one.state for name, one in told.items()}
    assert states == {"1": "completed", "2": "failed", "3": "running", "4": "interrupted", "5": "interrupted"}
    assert list(told) == ["5", "4", "3", "2", "1"], "the newest first"
    assert told["1"].calibration is not None
    assert (told["1"].calibration.luminance_factor, told["1"].user, told["1"].run_id) == (1.17e10, "Ann", "r-1")
    assert told["2"].said == ["acquire: no calibration was made: levels differ"]
    assert told["5"].said == ["asked"]


BENCH = "benches/simulated.yaml"


def test_a_bench_uses_a_calibration_that_was_made(tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    shutil.copytree(CONFIGS, folder)
    new = tmp_path / "calibrations" / "new.yaml"
    new.parent.mkdir()
    text = (folder / "calibrations" / "simulated_photodiode.yaml").read_text("utf-8")
    for file in (folder / "calibrations").glob("*.csv"):
        shutil.copy(file, new.parent)
    new.write_text(text, "utf-8")
    log_of(tmp_path, "calibrate-1", {"status": "completed", "calibration": {**MADE, "path": str(new)}})
    (job,) = jobs(tmp_path, ())
    job = job.model_copy(update={"recipe": "sweeps/calibrate_photodiode.yaml"})
    before = (folder / BENCH).read_text("utf-8")
    assert not uses(folder, job)
    assert use(folder, job, "Ann") == BENCH
    assert uses(folder, job)
    after = (folder / BENCH).read_text("utf-8")
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    (line,) = changed
    assert line.startswith(
        "  calibration: ../../calibrations/new.yaml  # ../calibrations/simulated_photodiode.yaml until 20"
    )
    assert line.endswith(", by Ann")
    assert len(after.splitlines()) == len(before.splitlines())
    assert use(folder, job, "Ann") == BENCH, "once more changes nothing"
    assert (folder / BENCH).read_text("utf-8") == after
    new.unlink()
    (folder / BENCH).write_text(before, "utf-8")
    with pytest.raises(RequestRefused):
        use(folder, job, "Ann")
    assert (folder / BENCH).read_text("utf-8") == before, "a bench that would be wrong is not written"


@pytest.mark.slow  # a process of its own
def test_a_check_that_is_sent_twice_is_one_and_is_told(
    operator: TestClient, viewer: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the history of checks is written there
    wish = {"user": "Ann"}
    first, again = (
        operator.post(f"{API}/health-check", json=wish, headers={"Idempotency-Key": "h1"}) for _ in range(2)
    )
    assert first.status_code == 202, first.text
    assert first.json()["start_id"] == again.json()["start_id"]
    until = time.monotonic() + 60.0
    while (told := viewer.get(f"{API}/upkeep").json())["jobs"][0]["state"] == "running" and time.monotonic() < until:
        time.sleep(0.1)
    (job,) = told["jobs"]
    assert (job["kind"], job["state"], job["user"], job["said"]) == ("health", "completed", "Ann", ["in control"])
    assert job["health"]["in_control"]
    ratio = next(one for one in job["health"]["quantities"] if one["name"].startswith("ratio"))
    assert (ratio["checks"], ratio["relative"]) == (1, True)
    bench = next(one for one in told["benches"] if "benches/simulated.yaml" in one["names"])
    assert bench["health"]["last_check"] == job["health"]["last_check"]
    assert bench["calibration"] == "simulated-photodiode-1"
    assert not bench["expired"]
    assert operator.get(f"{API}/history/{job['run_id']}").json()["user"] == "Ann"
    known = {"bench": BENCH, "reason": "lamp replaced", "person": "Ann"}
    assert viewer.post(f"{API}/upkeep/accept", json=known).status_code == 403
    told = operator.post(f"{API}/upkeep/accept", json=known).json()
    health = next(one for one in told["benches"] if BENCH in one["names"])["health"]
    assert health["accepted"].startswith("lamp replaced")
    assert health["quantities"] == []
    assert operator.post(f"{API}/upkeep/use", json={"start_id": "calibrate-12ab", "person": "Ann"}).status_code == 404
