"""Items begun in their turn, as they were shown, by one service; and how each ended."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from acquire.config import ConfigurationError, Problem
from acquire.service.queue import RunQueue
from acquire.service.queue_alone import alone
from acquire.service.queue_ending import ending_of
from acquire.service.queue_estimate import command_of, estimate
from acquire.service.queue_item import NOT_BEGUN, carry_out, item_lock
from acquire.service.queue_rules import Ending, ItemState, Outcome, Request
from acquire.service.queue_runner import Places, QueueRunner
from tests.conftest import CONFIGS


class Started:
    """A process that lives until it is told otherwise."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.command, self.log, self.living = list(command), log, True

    def lives(self) -> bool:
        return self.living


class Bench:
    """A queue with a runner, whose processes and plans are those of a test."""

    def __init__(self, folder: Path) -> None:
        self.places = Places(folder, folder / "runs", folder)
        (folder / "a.yaml").write_text("kind: sweep\n", encoding="utf-8")
        self.queue = RunQueue(self.places.queue)
        self.started: list[Started] = []
        self.shown: dict[str, Any] | Exception = {"limits": {"voltage": 5.0}, "digest": "1"}
        self.runner = self.another()

    def another(self) -> QueueRunner:
        mailboxes = self.places.data / "mailboxes"
        return QueueRunner(self.queue, self.places, self.start, estimate=self.estimate, mailboxes=mailboxes)

    def start(self, command: Sequence[str], log: Path) -> Started:
        self.started.append(Started(command, log))
        return self.started[-1]

    def estimate(self, request: Request, recipes: Path) -> dict[str, Any]:
        if isinstance(self.shown, Exception):
            raise self.shown
        return self.shown

    def add(self) -> int:
        assert not isinstance(self.shown, Exception)
        return self.queue.add(Request("a.yaml", sample="S1"), "Ann", operator=True, estimate=self.shown).id


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    place = Bench(tmp_path)
    yield place
    place.queue.close()


def test_an_item_is_claimed_before_its_process_is_started_and_one_runs_at_a_time(bench: Bench):
    first, second = bench.add(), bench.add()
    for _ in range(3):
        bench.runner.look()
    (process,) = bench.started
    at = process.command.index("--")
    assert process.command[at - 2 : at] == [str(first), "1"]
    assert process.command[at + 1 : at + 3] == ["run", str(bench.places.recipes / "a.yaml")]
    assert "--sample=S1" in process.command
    assert bench.queue.item(first).state == ItemState.RUNNING
    assert bench.queue.item(second).state == ItemState.WAITING


@pytest.mark.parametrize(
    ("kind", "simulated", "slowly"), [("sweep", True, True), ("batch", True, False), ("sweep", False, False)]
)
def test_a_sweep_on_a_simulated_bench_takes_the_time_that_the_service_wants(
    bench: Bench, kind: str, simulated: bool, slowly: bool
):
    assert not isinstance(bench.shown, Exception)
    bench.shown = {**bench.shown, "kind": kind, "simulated": simulated}
    bench.runner._real_time = True
    bench.add()
    bench.runner.look()
    (process,) = bench.started
    assert ("--real-time" in process.command) is slowly


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"limits": {"voltage": 50.0}, "digest": "1"}, "its largest levels"),
        ({"limits": {"voltage": 5.0}, "digest": "2"}, "its recipe"),
        (
            ConfigurationError([Problem(Path("a.yaml"), 3, None, "source.stop", "is too much")]),
            "source.stop: is too much",
        ),
    ],
)
def test_what_is_not_as_it_was_shown_is_not_begun(bench: Bench, changed: Any, said: str):
    number = bench.add()
    bench.shown = changed
    bench.runner.look()
    assert bench.started == []
    item = bench.queue.item(number)
    assert item.state == ItemState.NEEDS_PERSON
    assert said in item.reason
    if isinstance(changed, dict):
        bench.queue.do("release", number, "Bob", changed)
        bench.runner.look()
        assert len(bench.started) == 1


def test_a_process_that_is_gone_without_a_word_was_interrupted_and_locks_the_bench(bench: Bench):
    number, _ = bench.add(), bench.add()
    bench.runner.look()
    bench.queue.begin(number, 1, 4711)
    bench.runner.look()
    assert bench.queue.item(number).state == ItemState.RUNNING
    bench.started[0].living = False
    bench.runner.look()
    item = bench.queue.item(number)
    assert (item.state, item.outcome) == (ItemState.NEEDS_PERSON, "interrupted")
    bench.runner.look()
    assert len(bench.started) == 1
    bench.queue.unlock_bench("Ann")
    bench.runner.look()
    assert len(bench.started) == 2


def test_a_restarted_service_finds_a_run_that_lives_and_takes_its_end_from_its_log(bench: Bench):
    number = bench.add()
    bench.runner.look()
    bench.queue.begin(number, 1, 4711)
    restarted = bench.another()
    with alone(item_lock(bench.places.queue)) as ours:
        assert ours
        restarted.look()
    assert bench.queue.item(number).state == ItemState.RUNNING
    bench.started[0].log.parent.mkdir(exist_ok=True)
    told = {"run_id": "r1", "path": "runs/r1.h5", "status": "completed", "stop_reason": ""}
    bench.started[0].log.write_text(f'{json.dumps(told)}\n{{"exit_status": 0}}\n', encoding="utf-8")
    restarted.look()
    item = bench.queue.item(number)
    assert (item.state, item.run_id, item.run) == (ItemState.DONE, "r1", "runs/r1.h5")


def test_an_item_that_a_killed_service_had_not_begun_needs_a_person_and_a_late_process_of_it_is_refused(bench: Bench):
    number = bench.add()
    bench.runner.look()
    bench.another().look()  # another service, which knows of no process of it
    item = bench.queue.item(number)
    assert (item.state, item.reason) == (
        ItemState.NEEDS_PERSON,
        "was interrupted: before it began: nothing was switched on",
    )
    assert carry_out(bench.places.queue, number, 1, lambda: pytest.fail("it was run")) == NOT_BEGUN


def test_a_process_that_cannot_be_started_is_said_and_the_next_item_follows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    number, second = bench.add(), bench.add()

    def fail(command: Sequence[str], log: Path) -> Started:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(bench.runner, "_start", fail)
    bench.runner.look()
    assert bench.queue.item(number).reason == "failed: its process could not be started: Cannot allocate memory"
    monkeypatch.undo()
    bench.runner.look()
    assert bench.queue.item(second).state == ItemState.RUNNING


def test_of_two_services_on_one_queue_one_runs_it_and_the_other_takes_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("acquire.service.queue_runner.LOOK", 0.01)
    runners, ends = [bench.runner, bench.another()], [threading.Event(), threading.Event()]
    threads = [threading.Thread(target=runner.run, args=(end,)) for runner, end in zip(runners, ends, strict=True)]
    for thread in threads:
        thread.start()
    number = bench.add()
    try:
        wait_until(lambda: bench.queue.item(number).state == ItemState.RUNNING)
        assert sorted(runner.runs_here for runner in runners) == [False, True]
        first = [runner.runs_here for runner in runners].index(True)
        ends[first].set()
        wait_until(lambda: runners[1 - first].runs_here)
    finally:
        for end, thread in zip(ends, threads, strict=True):
            end.set()
            thread.join()
    assert len(bench.started) == 1


def wait_until(seen: Any) -> None:
    until = time.monotonic() + 10.0
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_runner_goes_on_whatever_happens(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("acquire.service.queue_runner.AFTER_TROUBLE", 0.01)
    bench.shown = OSError("the share is gone")
    over, number = threading.Event(), bench.queue.add(Request("a.yaml"), "Ann", operator=True).id
    thread = threading.Thread(target=bench.runner.run, args=(over,))
    thread.start()
    wait_until(lambda: bench.runner.waits_for == "the share is gone")
    bench.shown = {}
    wait_until(lambda: bench.queue.item(number).state == ItemState.RUNNING)
    over.set()
    thread.join()


# --- what is shown, and what is done --------------------------------------------------------------------------


def test_the_estimate_is_that_of_the_plan_and_sees_every_change(tmp_path: Path):
    plain = estimate(Request("sweeps/quick_look.yaml"), CONFIGS)
    assert plain["kind"] == "sweep"
    assert plain["limits"]["voltage"] == 8.0
    assert plain == estimate(Request("sweeps/quick_look.yaml"), CONFIGS)
    assert estimate(Request("sweeps/quick_look.yaml", area="5 mm^2"), CONFIGS)["digest"] != plain["digest"]
    batch = estimate(Request("batches/one_substrate.yaml"), CONFIGS)
    assert batch["kind"] == "batch"
    assert batch["runs"] > 1
    with pytest.raises(ConfigurationError, match="--pixel: of one run"):
        estimate(Request("batches/one_substrate.yaml", pixel="A"), CONFIGS)


@pytest.mark.parametrize("name", ["../secret.yaml", "/etc/passwd", "sweeps/../../x.yaml", "", "\0"])
def test_no_name_leads_out_of_the_folder_of_recipes(tmp_path: Path, name: str):
    with pytest.raises(ConfigurationError, match="leads out of the folder"):
        command_of(Request(name), tmp_path, tmp_path, "me")


def test_a_text_that_begins_with_a_hyphen_is_no_option(tmp_path: Path):
    command = command_of(Request("sweeps/quick_look.yaml", sample="--yes", note="-x"), CONFIGS, tmp_path, "me")
    assert command[-2:] == ["--sample=--yes", "--note=-x"]


FIGURES = {
    "turn_on_voltage": {"value": 2.451, "unit": "V", "status": "ok"},
    "external_quantum_efficiency_max": {"value": 0.0521, "unit": "1", "status": "at_last_point"},
    "luminance_max": {"value": None, "unit": "cd/m^2", "status": "not_reached"},
}


OFF = '{"status": "failed", "stop_reason": "x", "output": "is off: taken to zero, switched off, asked"}'
ON = '{"status": "failed", "stop_reason": "x", "output": "THE OUTPUT MAY STILL BE ON: press OUTPUT"}'


@pytest.mark.parametrize(
    ("lines", "outcome", "harmless"),
    [
        ([], Outcome.INTERRUPTED, False),
        (["Traceback (most recent call last):"], Outcome.INTERRUPTED, False),
        (['{"exit_status": 0}'], Outcome.COMPLETED, True),
        (['{"exit_status": 1}'], Outcome.FAILED, False),
        ([OFF, '{"exit_status": 1}'], Outcome.FAILED, True),
        ([ON, '{"exit_status": 1}'], Outcome.FAILED, False),
        (['{"exit_status": 2}'], Outcome.REFUSED, True),
        (['{"exit_status": 130}'], Outcome.STOPPED, False),
        (['{"exit_status": 77}'], Outcome.INTERRUPTED, False),
        (['{"exit_status": true}', '{"exit_sta'], Outcome.INTERRUPTED, False),
    ],
)
def test_how_an_item_ended_is_what_its_log_says(lines: list[str], outcome: Outcome, harmless: bool):
    ending = ending_of(lines)
    assert (ending.outcome, ending.harmless) == (outcome, harmless)


def test_of_a_batch_is_told_what_became_of_its_pixels():
    pixels = [{"state": "measured"}, {"state": "dead"}, {"state": "measured"}, "?"]
    told = {"kind": "batch", "index": "x.batch.json", "status": "completed", "stop_reason": "", "pixels": pixels}
    ending = ending_of([json.dumps(told), '{"exit_status": 0}'])
    assert (ending.figures, ending.run) == (("2 measured", "1 dead"), "x.batch.json")


def test_figures_and_findings_are_told_in_customary_units():
    findings = [{"severity": "doubtful", "text": "dark moved"}, {"severity": "note", "text": "not told"}]
    told = {"run_id": "r", "status": "completed", "stop_reason": "", "figures_of_merit": FIGURES, "findings": findings}
    ending = ending_of([json.dumps(told), '{"exit_status": 0}'])
    assert ending == Ending(
        Outcome.COMPLETED,
        run_id="r",
        figures=("V_on 2.45 V", "L_max - (not_reached)", "EQE_max 5.21 % (at_last_point)"),
        findings=("doubtful: dark moved",),
    )
