"""All runs: found, compared, taken away as files; whatever happens to the catalogue."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.records import DarkReading, ExposureSample, Note, Record, RunStatus, RunStop, Spectrum
from acquire.run_file import layout, recorder
from acquire.run_file.finish import finish
from acquire.run_file.read import read_run
from acquire.service.app import application
from acquire.service.settings import Settings
from acquire.service.tokens import Role, Tokens
from tests.conftest import CONFIGS, ROOT
from tests.service.conftest import HOST
from tests.support.run_files import a_record, a_start

API = "/api/v1"
RUNS = {"0000aaaa-1": "OLED-7", "0000bbbb-2": "OLED-8", "0000cccc-3": "LED"}


def a_finished_run(folder: Path, run_id: str, sample: str, points: int = 12) -> Path:
    path = folder / f"20260102T030405_{sample}_{run_id[:8]}.h5"
    calibration = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
    start = replace(
        a_start(),
        run_id=run_id,
        sample={"name": sample, "pixel": "A", "emissive_area": 1.4e-5},
        start_time=f"2026-01-0{run_id[-1]}T03:04:05+01:00",
    )
    capacity = {Record: 40, DarkReading: 2, Spectrum: 2, ExposureSample: 3, Note: 2}
    record = recorder.create_run_file(path, start, capacity, lambda group: layout.write_calibration(group, calibration))
    for index in range(points):
        record(a_record(index, luminance=10.0 * index, current_density=1.0 + index))
    record.conclude(RunStop(status=RunStatus.COMPLETED, reason="", end_time="2026-01-02T03:05:06+01:00"))
    record.close()
    finish(path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    for run_id, sample in RUNS.items():
        a_finished_run(folder, run_id, sample)
    return folder


@pytest.fixture(scope="module")
def browser(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("data")
    token = Tokens(data).begin()[Role.OPERATOR]
    headers = {"authorization": f"Bearer {token}"}
    with TestClient(application(Settings(data, place, CONFIGS)), base_url=HOST, headers=headers) as client:
        client.app.state.data = data  # type: ignore[attr-defined]
        yield client


def found(browser: TestClient, asked: str = "") -> list[str]:
    answer = browser.get(f"{API}/history?{asked}")
    assert answer.status_code == 200, answer.text
    return [run["sample"] for run in answer.json()["runs"]]


def test_runs_are_found_by_what_is_known_of_them(browser: TestClient) -> None:
    assert found(browser) == ["LED", "OLED-8", "OLED-7"]
    assert found(browser, "sort=start_time&limit=1&offset=1") == ["OLED-8"]
    assert found(browser, "sort=sample") == ["LED", "OLED-7", "OLED-8"]
    assert found(browser, "sample=oled") == ["OLED-8", "OLED-7"]
    assert found(browser, "from=2026-01-02&to=2026-01-02") == ["OLED-8"]
    assert found(browser, "status=failed") == []
    assert found(browser, "text=led%200000cccc") == ["LED"]
    assert found(browser, "figure=luminance_max>1e9") == []
    for wrong, said in {
        "figure=nonsense": "says nothing of a figure",
        "figure=luminence_max>1": "there is no figure 'luminence_max'",
        "figure=luminance_max>1e999": "beyond all numbers",
        "figure=luminance_max>=5&figure=luminance_max<=3": "no luminance_max is above 5 and below 3",
    }.items():
        answer = browser.get(f"{API}/history?{wrong}")
        assert (answer.status_code, said in answer.json()["error"]["message"]) == (422, True), answer.text
    for wrong in ("figure=nonsense", "sort=nothing", "limit=0", "limit=2000"):
        assert browser.get(f"{API}/history?{wrong}").status_code == 422


def test_figures_are_searched_like_the_files_have_them(browser: TestClient, place: Path) -> None:
    recording = ROOT / "tests" / "recordings" / "replay_stepped.h5"
    copied = Path(shutil.copy(recording, place))
    browser.app.state.shared.history.refresh(0.0)  # type: ignore[attr-defined]
    value = read_run(copied).figures["luminance_max"].value
    sample = read_run(copied).sample
    assert found(browser, f"figure=luminance_max>={value!r}") == [sample]
    assert found(browser, f"figure=luminance_max>{value!r}") == []
    assert found(browser, f"figure=luminance_max<{value!r}&figure=luminance_max>0") == []
    run_id = read_run(copied).run_id
    figures = browser.get(f"{API}/compare?runs={run_id},{next(iter(RUNS))}").json()["figures"]
    compared = next(one for one in figures if one["name"] == "luminance_max")["values"][0]
    assert compared["value"] == value
    held = read_run(copied).figures["luminance_max"].expanded_uncertainty
    assert compared["expanded_uncertainty"] == held, "as on the page of the run and in its report"
    copied.unlink()
    browser.app.state.shared.history.refresh(0.0)  # type: ignore[attr-defined]
    assert len(found(browser)) == 3


def test_a_catalogue_that_is_deleted_comes_back_as_it_was(browser: TestClient) -> None:
    before = browser.get(f"{API}/history").json()
    data: Path = browser.app.state.data  # type: ignore[attr-defined]
    for file in data.glob("catalogue.sqlite*"):
        file.unlink()
    browser.app.state.shared.history._looked = -1e9  # type: ignore[attr-defined]
    assert browser.get(f"{API}/history").json() == before


def test_runs_are_compared_figure_by_figure(browser: TestClient) -> None:
    one, other, _ = RUNS
    answer = browser.get(f"{API}/compare?runs={one},{other}").json()
    assert [run["run_id"] for run in answer["runs"]] == [one, other]
    assert all(len(figure["values"]) == 2 and figure["title"] for figure in answer["figures"])
    assert browser.get(f"{API}/compare?runs={one},0000dead-1").status_code == 404


def test_columns_are_the_numbers_of_the_file(browser: TestClient, place: Path) -> None:
    run_id = next(iter(RUNS))
    held = read_run(next(place.glob("*_0000aaaa.h5"))).tables["jvl"]
    answer = browser.get(f"{API}/runs/{run_id}/columns?names=voltage,luminance,branch").json()
    assert answer["columns"]["voltage"] == held["voltage"].tolist()
    assert answer["columns"]["branch"] == [text.decode() for text in held["branch"].tolist()]
    few = browser.get(f"{API}/runs/{run_id}/columns?names=voltage&points=4").json()
    assert few["thinned"]
    assert few["row"][0] == 0
    assert few["row"][-1] == 11
    assert max(few["columns"]["voltage"]) == max(held["voltage"].tolist())
    for wrong in ("table=nothing", "names=nothing", "x_from=1", "points=1"):
        assert browser.get(f"{API}/runs/{run_id}/columns?{wrong}").status_code in (404, 422)
    assert browser.get(f"{API}/runs/{run_id}/spectra/0").status_code == 404
    told = browser.get(f"{API}/runs/{run_id}").json()
    assert (told["status"], told["revision"], told["rows"]["jvl"]) == ("completed", "final", 12)
    assert browser.get(f"{API}/history/{run_id}").json()["facts"]
    assert browser.get(f"{API}/runs/{run_id}/figures").json()["revision"] == "final"


def test_a_file_is_taken_away_as_it_is(browser: TestClient, place: Path) -> None:
    run_id = next(iter(RUNS))
    answer = browser.get(f"{API}/history/{run_id}/download?format=h5")
    assert answer.content == next(place.glob("*_0000aaaa.h5")).read_bytes()
    assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.slow  # makes the tables in a process of its own
def test_tables_are_taken_away(browser: TestClient) -> None:
    answer = browser.get(f"{API}/history/{next(iter(RUNS))}/download?format=csv")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert any(name.endswith(".csv") for name in archive.namelist())


def test_what_is_said_of_a_run_stands_in_its_file(browser: TestClient, place: Path) -> None:
    run_id = list(RUNS)[2]
    answer = browser.post(f"{API}/history/{run_id}/tag", json={"tags": ["bad contact"], "user": "Ann"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["tags"] == ["bad contact"]
    assert read_run(next(place.glob("*_0000cccc.h5"))).tags == ("bad contact",)
    assert browser.post(f"{API}/history/{run_id}/tag", json={}).status_code == 422


def test_a_run_that_was_cut_off_is_not_said_to_go_on(browser: TestClient, place: Path) -> None:
    path = place / "20260102T030405_S1_0000dddd.h5"
    calibration = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
    capacity = {Record: 4, DarkReading: 2, Spectrum: 2, ExposureSample: 3, Note: 2}
    start = replace(a_start(), run_id="0000dddd-4")
    record = recorder.create_run_file(path, start, capacity, lambda group: layout.write_calibration(group, calibration))
    record(a_record(0))
    try:
        assert browser.get(f"{API}/runs/0000dddd-4").json()["status"] == "running"
        record.close()
        record.let_go()  # as after a kill
        told = browser.get(f"{API}/runs/0000dddd-4").json()
    finally:
        path.unlink()
    assert (told["status"], told["phase"], told["finished"]) == ("cut off", "ended", False)
