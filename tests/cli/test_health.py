"""``acquire health``: it asks first, keeps every check, finds what moved, and runs on the bench say so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from acquire import session
from acquire.bench.preparation import history_of
from acquire.cli.commands import COMPLETED, FAILED, INTERRUPTED, USAGE, app
from acquire.config import load_bench
from acquire.evaluation.health import Check
from acquire.records import Severity
from acquire.run_file.health_history import append, read_history
from acquire.run_file.read import read_run
from acquire.safety.interruption import StopRequest
from acquire.upkeep.health import check_of
from tests.conftest import CONFIGS

SWEEP, RESISTOR = (CONFIGS / "sweeps" / name for name in ("health.yaml", "health_resistor.yaml"))
BENCH = CONFIGS / "benches" / "simulated.yaml"
RATIO = "ratio of check source at 0.005 A"


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder without any history."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def health(*arguments: object, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["health", *map(str, arguments)], input=answer)


def moved_bench(bench_file: Callable[..., Path], distance: str) -> Path:
    return bench_file({"distance: 100 mm": f"distance: {distance}"})


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """A check of the shipped bench."""
    prepared = session.prepare(SWEEP)
    result = session.run(prepared, tmp_path_factory.mktemp("runs"), [], StopRequest())
    return check_of(prepared, result.run, result.error)


@pytest.fixture
def grown(desk: Path, first: Check) -> Callable[[int], None]:
    """Write a history: the ``first`` check, and the same some tenths of a percent apart until there are ``count``."""

    def grow(count: int) -> None:
        factors = (1.0 + 0.003 * (-1) ** number * (number > 0) for number in range(count))
        ratios = (replace(first.quantities[RATIO], value=first.quantities[RATIO].value * by) for by in factors)
        checks = (replace(first, quantities={**first.quantities, RATIO: ratio}) for ratio in ratios)
        append(history_of(load_bench(BENCH)), "simulated bench", *checks)

    return grow


def test_a_check_is_kept_with_its_run_and_agrees_with_the_simulated_truth() -> None:
    done = health(SWEEP, "--yes", "--json")
    assert done.exit_code == COMPLETED, done.stderr
    said = json.loads(done.stdout)
    assert said["health"]["in_control"] is True
    assert said["health"]["history"] == str(history_of(load_bench(BENCH)))
    (check,) = read_history(history_of(load_bench(BENCH))).entries
    assert isinstance(check, Check)
    path = Path(said["path"])
    assert (check.run_id, check.run_file) == (said["run_id"], path.name)
    assert check.run_sha256 == sha256(path.read_bytes()).hexdigest()
    run = read_run(path)
    assert check.quantities["dark level"].value == pytest.approx(run.dark_levels["before"].signal)
    ratio = check.quantities[RATIO]
    assert 1.0 / ratio.value == pytest.approx(1.1727e10, rel=2e-3), "as docs/how-to/calibrate.md has it"
    assert 0.0 < ratio.uncertainty < 3e-3 * ratio.value


def test_the_resistor_is_held_against_its_value_and_another_one_alarms(
    sweep_file: Callable[..., Path],
) -> None:
    done = health(RESISTOR, "--yes")
    assert done.exit_code == COMPLETED, done.stderr
    assert re.search(
        r"resistance of check resistor  \S+, u = 0\.45 ohm +[+-]0\.0\d\d % "
        r"from its value 1000, u = 0\.58 ohm; the first check",
        done.stdout,
    )
    assert "in control" in done.stdout
    wrong = sweep_file("health_resistor.yaml", {"known_resistance: 1000 ohm": "known_resistance: 1003 ohm"})
    alarmed = health(wrong, "--yes")
    assert alarmed.exit_code == FAILED
    assert "ALARM: resistance of check resistor reads" in alarmed.stdout
    assert "in place of 1003 ohm" in alarmed.stdout


def test_a_photodiode_that_was_moved_is_found_and_every_run_says_so_until_it_is_accepted(
    bench_file: Callable[..., Path], grown: Callable[[int], None]
) -> None:
    grown(12)
    moved = moved_bench(bench_file, "99.0 mm")
    steps = [health(SWEEP, "--bench", moved, "--yes") for _ in range(2)]
    assert steps[-1].exit_code == FAILED
    assert f"ALARM: {RATIO} changed by +2.0" in steps[-1].stdout
    run = CliRunner().invoke(app, ["run", str(CONFIGS / "sweeps" / "quick_look.yaml"), "--json"])
    said = json.loads(run.stdout)
    (finding,) = [one for one in said["findings"] if one["code"] == "bench_check_failed"]
    assert finding["severity"] == "note"
    assert RATIO in finding["text"]
    finished = read_run(Path(said["path"]))
    assert "bench_check_failed" in {one.code for one in finished.findings}
    assert RATIO in finished.calibration.conditions.bench_alarm
    again = health("--history", "--bench", BENCH)
    assert again.exit_code == FAILED
    assert "ALARM" in again.stdout
    accepted = health("--accept", "photodiode put back", "--bench", BENCH)
    assert accepted.exit_code == COMPLETED
    assert "photodiode put back" in accepted.stdout
    assert session.prepare(SWEEP).calibration.conditions.bench_alarm == ""
    assert len(read_history(history_of(load_bench(BENCH))).entries) == 15


def test_light_that_changed_by_more_than_five_percent_makes_a_run_doubtful(
    bench_file: Callable[..., Path], grown: Callable[[int], None]
) -> None:
    grown(5)
    alarmed = health(SWEEP, "--bench", moved_bench(bench_file, "96 mm"), "--yes", "--json")
    assert alarmed.exit_code == FAILED
    (alarm,) = json.loads(alarmed.stdout)["health"]["alarms"]
    assert alarm["change"] == pytest.approx(0.085, abs=0.005)
    result = json.loads(CliRunner().invoke(app, ["run", str(CONFIGS / "sweeps" / "quick_look.yaml"), "--json"]).stdout)
    (finding,) = [one for one in result["findings"] if one["code"] == "bench_check_failed"]
    assert finding["severity"] == Severity.DOUBTFUL
    assert result["figures_of_merit"]["luminance_max"]["status"] == "doubtful"


def test_a_reason_given_with_a_check_begins_anew_with_this_one(
    bench_file: Callable[..., Path], grown: Callable[[int], None]
) -> None:
    grown(5)
    moved = moved_bench(bench_file, "96 mm")
    done = health(SWEEP, "--bench", moved, "--yes", "--accept", "photodiode moved", "--json")
    assert done.exit_code == COMPLETED, done.stderr
    said = json.loads(done.stdout)["health"]
    assert said["accepted"]["reason"] == "photodiode moved"
    assert len(said["quantities"][RATIO]["values"]) == 1


def test_a_run_that_fails_is_a_check_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "run", lambda *given, **options: session.RunResult(None, "the source does not answer"))
    failed = health(SWEEP, "--yes", "--accept", "never mind")
    assert failed.exit_code == FAILED
    assert "FAILED: the check of" in failed.stdout
    assert "nothing was accepted" in failed.stderr
    assert session.prepare(SWEEP).calibration.conditions.bench_alarm.endswith("the source does not answer")


def test_an_interrupted_run_is_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "run", lambda *given, **options: session.RunResult(None, "Ctrl-C", interrupted=True))
    assert health(SWEEP, "--yes").exit_code == INTERRUPTED
    assert not history_of(load_bench(BENCH)).exists()


@pytest.mark.parametrize("command", ["health", "calibrate"])
def test_a_service_finds_what_it_started_by_its_name_and_no_keyboard_is_read(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def run(prepared: object, folder: Path, spectator: object, stop: StopRequest, **_: object) -> session.RunResult:
        names.append(stop.mailbox.started_for)
        return session.RunResult(None, "ended", interrupted=True)

    monkeypatch.setattr(session, "run", run)
    recipe = SWEEP if command == "health" else SWEEP.with_name("calibrate_photodiode.yaml")
    done = CliRunner().invoke(app, [command, str(recipe), "--remote", "b0b0", "--json"])
    assert done.exit_code == INTERRUPTED, done.output
    assert names == ["b0b0"]


def test_a_damaged_line_is_said(grown: Callable[[int], None]) -> None:
    grown(3)
    path = history_of(load_bench(BENCH))
    path.write_bytes(path.read_bytes().replace(b"8.5", b"9.5", 1))
    shown = health("--history", "--bench", BENCH)
    assert shown.exit_code == COMPLETED
    assert "line 1 is damaged and was skipped" in shown.stdout
    assert f"{RATIO}: 2 checks, no change" in shown.stdout


def test_a_history_that_cannot_be_read_stops_a_check_before_the_output_goes_on_but_no_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history_of(load_bench(BENCH)).mkdir(parents=True)
    assert "cannot be read" in session.prepare(SWEEP).calibration.conditions.bench_alarm
    monkeypatch.setattr(session, "run", lambda *given, **options: pytest.fail("the output went on"))
    refused = health(SWEEP, "--yes")
    assert refused.exit_code == FAILED
    assert "the history of checks cannot be used" in refused.stderr


def test_whatever_letters_are_in_a_history_a_run_is_prepared() -> None:
    append(history_of(load_bench(BENCH)), "simulated bench", Check("2026-03-01", "LED", "\x00\ud800\n\x1b" * 2000))
    assert session.prepare(SWEEP).calibration.conditions.bench_alarm.startswith("check of 2026-03-01: ????")


def test_without_a_terminal_it_refuses_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "run", lambda *given, **options: pytest.fail("the output went on"))
    refused = health(SWEEP)
    assert refused.exit_code == USAGE
    assert "--yes" in refused.stderr


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_only_a_yes_switches_the_output_on(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "run", lambda *given, **options: pytest.fail("the output went on"))
    monkeypatch.setattr("acquire.cli.terminal.somebody_to_ask", lambda: True)
    asked = health(SWEEP, answer=answer)
    assert asked.exit_code == INTERRUPTED
    assert "check source: 5 points" in asked.stderr
    assert "Output on? [y/N]" in asked.stderr


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("health.yaml", "spectra:\n  every:\n    points: 1\n", "", "needs a spectrum, or sample.known_resistance"),
        ("health.yaml", "dark:\n", "dark:\n  before: false\n  after: false\n", "needs dark readings"),
    ],
)
def test_a_sweep_that_checks_nothing_is_refused(
    name: str, old: str, new: str, said: str, sweep_file: Callable[..., Path]
) -> None:
    refused = health(sweep_file(name, {old: new}), "--yes")
    assert refused.exit_code == USAGE
    assert said in refused.stderr


def test_without_a_bench_or_a_sweep_it_says_what_is_missing() -> None:
    for arguments in (["--history"], ["--accept", "why"], ["--yes"]):
        refused = health(*arguments)
        assert refused.exit_code == USAGE
        assert "Name the bench with --bench" in refused.stderr or "name a sweep" in refused.stderr


def test_the_history_is_drawn(grown: Callable[[int], None]) -> None:
    grown(6)
    shown = health("--history", SWEEP)
    assert shown.exit_code == COMPLETED
    assert f"{RATIO}: 6 checks, no change" in shown.stdout
    rows = [line for line in shown.stdout.splitlines() if "*" in line]
    assert len(rows) == 18, "three quantities, a line a check"
    as_json = json.loads(health("--history", "--bench", BENCH, "--json").stdout)
    assert len(as_json["health"]["quantities"][RATIO]["deviations"]) == 6
