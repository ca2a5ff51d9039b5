"""Runs that are given away: what the crate says is true and complete, and what cannot be given away is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from acquire.cli.commands import app
from acquire.config.package import PackageFile, Person
from acquire.fair import package
from acquire.fair.entities import figures_of
from acquire.fair.package import PackageError, pack
from acquire.recompute.changes import read_changes
from acquire.recompute.recompute import Wanted, recompute
from acquire.report import pictures
from acquire.run_file.checksums import Integrity
from acquire.run_file.documented import DocumentedRun, read_documented
from tests.conftest import CONFIGS, ROOT
from tests.support.crates import METADATA, as_list, graph_of, problems, references
from tests.support.run_files import a_run, a_simulated_run

RECORDING = next((ROOT / "tests" / "recordings").glob("*_2acaeb90.h5"))
NOW = datetime(2026, 3, 31, 14, 25, tzinfo=UTC)
ABOUT = PackageFile(
    kind="package",
    people=(Person(name="Zoë Łukasiewicz", orcid="0000-0002-1825-0097", affiliation="Universität Köln"),),
)


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_simulated_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take seconds, and are drawn in one test."""
    monkeypatch.setattr("acquire.report.assembled.illustrated", lambda report, formats: ())


@pytest.fixture(scope="module")
def old_crate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crate of a run file of an earlier revision, without pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acquire.report.assembled.illustrated", lambda report, formats: ())
        return packed([read_documented(RECORDING)], tmp_path_factory.mktemp("old") / "crate")


def packed(runs: list[DocumentedRun], folder: Path, granted: str = "CC-BY-4.0") -> Path:
    return pack(runs, folder, ABOUT, granted, NOW, "acquire 0.1.0").parent


def of_type(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [one for one in graph_of(folder).values() if kind in as_list(one["@type"])]


# --- what a crate says ---


@pytest.mark.slow  # a picture, and the report around it
def test_a_crate_with_pictures_keeps_the_rules(run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PICTURES", {"jvl": pictures.PICTURES["jvl"]})  # each takes a second
    folder = packed([read_documented(run_file)], tmp_path / "crate")
    assert problems(folder) == []
    kinds = {one["encodingFormat"] for one in of_type(folder, "File")}
    assert {"application/x-hdf5", "text/csv", "text/html", "image/png", "application/xml"} <= kinds
    assert (folder / "runs" / run_file.name).read_bytes() == run_file.read_bytes()
    run = graph_of(folder)[f"runs/{run_file.name}"]
    assert run["conformsTo"] == {"@id": "NXjvl.nxdl.xml"}


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda graph: graph["./"].pop("license"), "the root has no license"),
        (lambda graph: graph["#packing"].pop("instrument"), "#packing: its instrument is [], not software"),
        (lambda graph: graph["./"].pop("conformsTo"), "the root does not conform to the profile"),
        (lambda graph: graph.pop("#software-acquire-0.1.0"), "refers to #software-acquire-0.1.0, which is not there"),
        (lambda graph: graph["./"]["hasPart"].pop(), "is not listed"),
    ],
)
def test_the_rules_can_be_broken(spoil: Callable[[Any], object], found: str, old_crate: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(old_crate, tmp_path / "crate")
    content = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    graph = {entity["@id"]: entity for entity in content["@graph"]}
    spoil(graph)
    (folder / METADATA).write_text(json.dumps({**content, "@graph": [*graph.values()]}), encoding="utf-8")
    assert any(found in text for text in problems(folder))


@pytest.mark.usefixtures("undrawn")
def test_a_run_and_its_instruments_are_told(run_file: Path, tmp_path: Path) -> None:
    one = read_documented(run_file)
    one = replace(one, run=replace(one.run, user="Zoë Łukasiewicz"))
    folder = packed([one], tmp_path / "crate")
    graph = graph_of(folder)
    action, use = graph[f"#run-{one.run.run_id}"], graph[f"#instruments-of-{one.run.run_id}"]
    assert action["agent"] == {"@id": "https://orcid.org/0000-0002-1825-0097"}
    assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert datetime.fromisoformat(action["endTime"]) > datetime.fromisoformat(action["startTime"])
    instruments = [graph[name] for name in references(use["instrument"])]
    assert {one["model"] for one in instruments} == {"MODEL 2400", "MODEL 2000"}
    assert all("simulated" in one["name"] for one in instruments), "nobody takes a simulation for a measurement"
    assert "simulated" in graph["./"]["description"]
    assert "simulated" in graph["./"]["keywords"]


@pytest.mark.usefixtures("undrawn")
def test_results_of_an_analysis_are_given_away_as_such(tmp_path: Path) -> None:
    path = Path(shutil.copy(RECORDING, tmp_path / "run.h5"))
    recompute(path, Wanted(read_changes(area="15 mm^2"), name="wider", reason="measured again"))
    own, wider = (packed([read_documented(path, name)], tmp_path / name) for name in ("run", "wider"))
    (action,) = of_type(wider, "UpdateAction")
    assert "emissive area" in action["description"]
    assert "measured again" in action["description"]
    assert of_type(own, "UpdateAction") == []
    values = [{one["propertyID"]: one for one in of_type(folder, "PropertyValue")} for folder in (own, wider)]
    assert all(one["name"].endswith(", by analysis wider") for one in values[1].values())
    assert any(values[1][name]["value"] != one["value"] for name, one in values[0].items() if name in values[1])
    tables = {file.name for file in (wider / "tables").rglob("*.csv")}
    assert tables
    assert all(file.startswith("run_wider_") for file in tables)
    assert all(one["description"] != "Table of the run" for one in of_type(wider, "File"))
    assert problems(wider) == []


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_failed_is_told_as_failed(tmp_path: Path) -> None:
    one = read_documented(RECORDING)
    from acquire.records import RunStatus

    failed = replace(one, run=replace(one.run, status=RunStatus.FAILED, stop_reason="the meter stopped answering"))
    action = graph_of(packed([failed], tmp_path / "crate"))[f"#run-{one.run.run_id}"]
    assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert action["error"] == "the meter stopped answering"


def test_a_figure_with_something_against_it_is_no_measured_variable() -> None:
    run = read_documented(RECORDING).run
    told = {one["propertyID"] for one in figures_of(run)}
    assert told == {name for name, figure in run.figures.items() if figure.status == "ok"}
    assert told
    spoilt = {name: replace(figure, status="doubtful") for name, figure in run.figures.items()}
    assert [*figures_of(replace(run, figures=spoilt))] == []


@pytest.mark.usefixtures("undrawn")
def test_without_a_licence_nobody_is_given_a_right(tmp_path: Path) -> None:
    folder = packed([read_documented(RECORDING)], tmp_path / "crate", "none")
    graph = graph_of(folder)
    assert "stated no licence" in graph[graph["./"]["license"]["@id"]]["description"]


def test_an_old_run_file_declares_no_definition(old_crate: Path) -> None:
    assert not (old_crate / "NXjvl.nxdl.xml").exists()
    assert problems(old_crate) == []


# --- several runs, odd names ---


@pytest.mark.usefixtures("undrawn")
def test_two_runs_of_one_name_keep_apart(run_file: Path, tmp_path: Path) -> None:
    runs = []
    for number, recording in enumerate((RECORDING, run_file)):
        place = tmp_path / str(number) / "run.h5"
        place.parent.mkdir()
        shutil.copy(recording, place)
        runs.append(read_documented(place))
    folder = packed(runs, tmp_path / "crate")
    assert len([*(folder / "runs").iterdir()]) == 2
    assert len([*(folder / "tables").iterdir()]) == 2
    assert problems(folder) == []


@pytest.mark.usefixtures("undrawn")
def test_a_run_named_twice_is_packed_once(tmp_path: Path) -> None:
    one = read_documented(RECORDING)
    folder = packed([one, one], tmp_path / "crate")
    assert len([*(folder / "runs").iterdir()]) == 1


@pytest.mark.usefixtures("undrawn")
def test_names_of_every_script(tmp_path: Path) -> None:
    place = tmp_path / "試料 μ & ü%20.h5"
    shutil.copy(RECORDING, place)
    one = read_documented(place)
    folder = packed([replace(one, run=replace(one.run, sample="試料 #1/ü <b>"))], tmp_path / "Päckchen")
    assert problems(folder) == []
    assert (folder / "runs" / place.name).is_file()


@pytest.mark.usefixtures("undrawn")
def test_a_huge_file_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "run.h5"
    shutil.copy(RECORDING, place)
    monkeypatch.setattr(package, "LARGEST_COPIED", 1)
    monkeypatch.setattr(shutil, "copyfile", lambda *_: pytest.fail("copied"))
    folder = packed([read_documented(place)], tmp_path / "crate")
    assert (folder / "runs" / "run.h5").samefile(place)


# --- what is refused ---


def test_what_is_not_finished_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path).close()
    with pytest.raises(PackageError, match=r"is not finished.*acquire recover .*run\.h5"):
        packed([read_documented(path)], tmp_path / "crate")
    assert not (tmp_path / "crate").exists()


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    one = read_documented(RECORDING)
    damaged = replace(one, run=replace(one.run, integrity=Integrity(damaged=("/entry/jvl is not as it was written",))))
    with pytest.raises(PackageError, match=r"DAMAGED.*undamaged copy"):
        packed([damaged], tmp_path / "crate")


def test_one_run_in_two_states_is_refused(tmp_path: Path) -> None:
    one = read_documented(RECORDING)
    with pytest.raises(PackageError, match=r"is the run of .*not the same file"):
        packed([one, replace(one, sha256="0" * 64)], tmp_path / "crate")


@pytest.mark.usefixtures("undrawn")
def test_what_stands_there_stays(tmp_path: Path) -> None:
    folder = tmp_path / "crate"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(PackageError, match="is not empty"):
        packed([read_documented(RECORDING)], folder)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


@pytest.mark.usefixtures("undrawn")
def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(PackageError, match="No space left"):
        packed([read_documented(RECORDING)], tmp_path / "crate")
    assert [*tmp_path.iterdir()] == []


# --- the command ---


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "under which licence may others use the data?"),
        (["--license", "MIT please"], "is no licence known here; write one of CC0-1.0"),
        (["--license", "none"], "there is no such file"),
    ],
)
def test_the_command_says_what_is_missing(arguments: list[str], says: str, tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["package", "nothing.h5", "--to", str(tmp_path / "crate"), *arguments])
    assert answer.exit_code in (1, 2)
    assert says in answer.stderr
    assert not (tmp_path / "crate").exists()


def test_a_wrong_file_about_people_is_refused_at_once(tmp_path: Path) -> None:
    about = tmp_path / "about.yaml"
    about.write_text(
        "kind: package\nlicense: free\npeople:\n- {name: A, orcid: 0000-0002-1825-0098}\n- {name: A}\n", "utf-8"
    )
    answer = CliRunner().invoke(app, ["package", "nothing.h5", "--to", str(tmp_path / "crate"), "--about", str(about)])
    assert answer.exit_code == 2
    for says in ("license: is no licence", "orcid: is no ORCID iD", "is there already"):
        assert says in answer.stderr


# --- data of other programs ---


@pytest.mark.usefixtures("undrawn")
def test_what_another_program_measured_is_told_so(tmp_path: Path) -> None:
    text = (
        "### Measurement data ###\nOLEDVoltage\tOLEDCurrent\tPhotodiode Voltage\nV\tmA\tV\n1.0\t0.1\t0.2\n2.0\t1\t2\n"
    )
    old = tmp_path / "2021-03-02_batch7_d1_p3_jvl.csv"
    old.write_text(text, encoding="utf-8")
    mapping = CONFIGS / "mappings" / "gatherlab.yaml"
    answer = CliRunner().invoke(app, ["import", str(old), "--mapping", str(mapping), "--output", str(tmp_path)])
    assert answer.exit_code == 0, answer.output
    one = read_documented(next(tmp_path.glob("*.h5")))
    folder = packed([one], tmp_path / "crate")
    assert problems(folder) == []
    graph = graph_of(folder)
    assert "Another program measured this run" in graph[f"#run-{one.run.run_id}"]["description"]
    assert "GatherLab" in graph[f"#run-{one.run.run_id}"]["description"]
    assert of_type(folder, "Action") == [], "no instrument is known"
