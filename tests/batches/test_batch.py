"""Batches on the simulated bench: every pixel once, none twice, the switch never moved under voltage."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from acquire.batches import batch as batches
from acquire.bench.batch import PixelRun, PreparedBatch, prepare_batch
from acquire.cli.commands import app
from acquire.config import ConfigurationError
from acquire.records import Record, RunStart
from acquire.run_file import batch_index
from acquire.run_file.batch_index import BatchIndex, Entry, State
from acquire.run_file.read import ArchiveError, run_files_in
from acquire.run_file.reading_apart import read_run
from acquire.safety.interruption import REASONS, StopRequest
from acquire.session import RunResult
from tests.conftest import CONFIGS

pytestmark = pytest.mark.usefixtures("read_here")

SWEEP = """kind: sweep
title: three points
bench: {configs}/benches/simulated_switch.yaml
sample: {{name: SPPO13, emissive_area: 14 mm^2, expected_line: {{peak: 520 nm, fwhm: 20 nm}}}}
source: {{function: voltage, levels: [0 V, 5 V, 6 V], compliance: 10 mA}}
measure: {{settle: 1 ms, nplc: 0.1, current_range: 10 mA}}
dark: {{readings: 2, after: false}}
stop: {{short: {{voltage_below: 2 V, current_above: 1 mA}}}}
exchange: false
"""
BATCH = """kind: batch
title: two substrates
sweeps: sweep.yaml
substrates:
  - name: S1
    simulated_as: {configs}/devices/sppo13.yaml
    pixels: [{{name: A}}, {{name: B, simulated_as: {configs}/devices/sppo13_liq.yaml}}]
  - name: S2
    pixels: [{{name: A, simulated_as: {configs}/devices/shorted.yaml}}]
"""


class Operator:
    """Does what is asked for; ``watch`` sees every event, with the label of its pixel."""

    def __init__(self, watch: Callable[[str, Any], None] = lambda label, event: None, ready: bool = True) -> None:
        self.asked: list[str] = []
        self.told_of: list[tuple[str, str]] = []
        self._watch, self._ready = watch, ready

    def ready(self, to_do: str) -> bool:
        self.asked.append(to_do)
        return self._ready

    @contextmanager
    def shown(self, run: PixelRun, number: int, of: int) -> Iterator[Sequence[Any]]:
        yield [lambda event: self._watch(run.label, event)]

    def told(self, run: PixelRun, entry: Entry, result: RunResult | None) -> None:
        self.told_of.append((run.label, str(entry.state)))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedBatch:
    folder = tmp_path_factory.mktemp("batch")
    (folder / "sweep.yaml").write_text(SWEEP.format(configs=CONFIGS.as_posix()), encoding="utf-8")
    path = folder / "batch.yaml"
    path.write_text(BATCH.format(configs=CONFIGS.as_posix()), encoding="utf-8")
    return prepare_batch(path)


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The twins of the relay board of every simulated bench that a batch makes."""
    found: list[Any] = []
    original = batches.simulated_bench

    def made(loaded: Any) -> Any:
        bench = original(loaded)
        found.append(bench.twins["ASRL5::INSTR"])
        return bench

    monkeypatch.setattr(batches, "simulated_bench", made)
    return found


def states(index: BatchIndex) -> list[str]:
    return [str(entry.state) for entry in index.entries]


def test_an_interrupted_batch_goes_on_and_repeats_nothing_that_is_finished(
    prepared: PreparedBatch, boards: list[Any], tmp_path: Path
) -> None:
    folder, stop = tmp_path / "runs", StopRequest()

    def interrupt(label: str, event: Any) -> None:
        if label == "S1 B" and isinstance(event, Record) and event.reading.index == 0:
            stop.ask("interrupted by Ctrl-C")

    first = batches.run_batch(prepared, batches.index_of(prepared, folder), Operator(interrupt), stop)
    assert states(first.index) == ["measured", "interrupted", "waiting"]
    assert first.interrupted in REASONS
    assert [entry.pixel for entry in first.left] == ["B", "A"]

    operator = Operator()
    again = batches.run_batch(prepared, batches.index_of(prepared, folder), operator, StopRequest())
    assert operator.told_of == [("S1 B", "measured"), ("S2 A", "dead")]
    assert operator.asked == ["put substrate S1 in", "put substrate S2 in"]
    assert again.index == batch_index.read_index(again.index.path)
    kept, b, short = again.index.entries
    assert kept == first.index.entries[0]
    assert b.earlier == (first.index.entries[1].run,)
    assert short.reason.startswith("pretest: short: ")
    assert len(run_files_in(folder)) == 4

    # what was connected is what the files say: the device with Liq has three times the light at 6 V
    lit = {entry.pixel: read_run(folder / entry.run) for entry in (kept, b)}
    assert {pixel: run.sample for pixel, run in lit.items()} == {"A": "S1", "B": "S1"}
    luminance = {pixel: run.figures["luminance_max"].value for pixel, run in lit.items()}
    assert luminance["B"] > 3 * luminance["A"]
    assert [board.switched_live for board in boards] == [0, 0]
    assert [board.most_closed for board in boards] == [1, 1]
    assert boards[-1].contacts == ()

    done = batches.run_batch(prepared, batches.index_of(prepared, folder), Operator(), StopRequest())
    assert len(boards) == 2  # nothing was opened
    assert not done.left
    once_more = batches.index_of(prepared, folder, ["S1 B"])
    assert states(once_more) == ["measured", "waiting", "dead"]
    assert once_more.entries[1].earlier == (b.earlier[0], b.run)
    with pytest.raises(ConfigurationError, match="there is no pixel S1 C"):
        batches.index_of(prepared, folder, ["S1 C"])


def begun_and_killed(prepared: PreparedBatch, folder: Path) -> BatchIndex:
    """An index that says of its first run that it was begun, and no more."""
    index = batches.index_of(prepared, folder)
    index = index.with_entry(batch_index.begun(index.entries[0], "id", "20260331T101500_S1_00000000.h5", "now"))
    batch_index.write_index(index)
    return index


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (None, State.WAITING),
        (("completed", ""), State.MEASURED),
        (("stopped", "short: 10 mA"), State.MEASURED),
        (("stopped", "pretest: short: 3 ohm"), State.DEAD),
        (("stopped", "pretest: reversed: 1 mA at -3 V"), State.UNFIT),
        (("stopped", "pretest: nothing was read at -0.5 V"), State.FAILED),
        (("stopped", "interrupted by Ctrl-C"), State.INTERRUPTED),
        (("failed", "cut off"), State.INTERRUPTED),
    ],
)
def test_of_a_run_that_was_begun_its_file_says_what_became_of_it(
    prepared: PreparedBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: Any, state: State
) -> None:
    begun_and_killed(prepared, tmp_path)
    if ending is not None:
        (tmp_path / "20260331T101500_S1_00000000.h5").touch()
        run = type("Run", (), {"status": ending[0], "stop_reason": ending[1]})
        monkeypatch.setattr("acquire.run_file.reading_apart.recover", lambda path: (run, False))
    entry = batches.index_of(prepared, tmp_path).entries[0]
    assert entry.state is state
    assert bool(entry.run) == (ending is not None)


def test_a_run_file_that_cannot_be_asked_is_not_passed_over(prepared: PreparedBatch, tmp_path: Path) -> None:
    begun_and_killed(prepared, tmp_path)
    (tmp_path / "20260331T101500_S1_00000000.h5").write_bytes(b"no HDF5")
    with pytest.raises(ArchiveError, match="00000000"):
        batches.index_of(prepared, tmp_path)
    assert batches.index_of(prepared, tmp_path, ["S1 A"]).entries[0].state is State.WAITING


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "batch index", "format": 1, "pixels": [{}]}', "null",
                                  '{"kind": "batch index", "format": 99, "pixels": []}'])  # fmt: skip
def test_an_index_that_is_none_is_refused_and_stays(prepared: PreparedBatch, tmp_path: Path, text: str) -> None:
    path = batch_index.index_path(tmp_path, prepared.loaded.source.path)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArchiveError, match="Move it away to begin anew"):
        batches.index_of(prepared, tmp_path)
    assert path.read_text(encoding="utf-8") == text


def without_instruments(monkeypatch: pytest.MonkeyPatch, result: RunResult, path: str = "x.h5") -> None:
    """Every run comes to this result, and a bench that does nothing."""

    def run_on(bench: Any, prepared: Any, output: Path, *_: Any, begins: Any, **__: Any) -> RunResult:
        begins("id", output / path)
        return result

    class Bench:
        def select(self, pixel: str | None) -> None:
            assert pixel is None

    @contextmanager
    def opened(*_: Any, **__: Any) -> Iterator[Bench]:
        yield Bench()

    monkeypatch.setattr("acquire.session.run_on", run_on)
    monkeypatch.setattr("acquire.session.opened", opened)


def test_a_failure_of_the_bench_ends_the_batch(
    prepared: PreparedBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_instruments(monkeypatch, RunResult(None, "the meter does not answer"))
    result = batches.run_batch(prepared, batches.index_of(prepared, tmp_path), Operator(), StopRequest())
    assert states(result.index) == ["failed", "waiting", "waiting"]
    assert result.error == "the meter does not answer"
    assert batches.index_of(prepared, tmp_path).entries[0].reason == "the meter does not answer"


def test_a_pixel_that_was_found_dead_is_not_looked_at_again(
    prepared: PreparedBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_instruments(monkeypatch, RunResult(None, "never run"))
    other = replace(prepared, runs=(*prepared.runs[:1], replace(prepared.runs[0], sweep="other.yaml")))
    index = batches.index_of(other, tmp_path)
    index = index.with_entry(batch_index.ended(index.entries[0], "stopped", "pretest: open", interrupted=False))
    operator = Operator()
    result = batches.run_batch(other, index, operator, StopRequest())
    assert states(result.index) == ["dead", "dead"]
    assert result.index.entries[1].reason == "pretest: open"
    assert operator.told_of == [("S1 A", "dead")]
    assert not result.error
    assert not result.left


def test_who_puts_nothing_in_ends_the_batch(
    prepared: PreparedBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_instruments(monkeypatch, RunResult(None, "never run"))
    index = batches.index_of(prepared, tmp_path)
    result = batches.run_batch(prepared, index, Operator(ready=False), StopRequest())
    assert states(result.index) == ["waiting"] * 3
    assert result.interrupted == "left before the next pixel"


def test_ctrl_c_ends_a_question_at_once() -> None:
    stop = StopRequest()
    with pytest.raises(KeyboardInterrupt), stop.while_asking():
        stop.ask("interrupted by Ctrl-C")
    assert stop() == "interrupted by Ctrl-C"
    with pytest.raises(KeyboardInterrupt), stop.while_asking():
        pytest.fail("asked although the end was asked for")


def test_changed_batches_keep_what_was_measured() -> None:
    measured = Entry("S1", "A", "x.yaml", State.MEASURED, run="a.h5")
    index = BatchIndex(Path("b.batch.json"), entries=(measured, Entry("S1", "B", "x.yaml")))
    told = index.told_to_run([("S1", "C", "x.yaml")])
    assert [entry.pixel for entry in told.entries] == ["C", "A"]
    assert told.run_files == (Path("a.h5"),)


def test_the_command(prepared: PreparedBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, folder = str(prepared.loaded.source.path), str(tmp_path / "out")
    without_instruments(monkeypatch, RunResult(None, "the meter does not answer"))
    asked = CliRunner().invoke(app, ["run", path, "--output", folder, "--json"])
    assert asked.exit_code == 1
    said = json.loads(asked.stdout)
    assert said["status"] == "failed"
    assert [pixel["state"] for pixel in said["pixels"]] == ["failed", "waiting", "waiting"]
    assert "3 runs left, beginning with S1 A" in asked.stderr
    plan = CliRunner().invoke(app, ["plan", path, "--output", folder])
    assert plan.exit_code == 0
    assert "S1 A: sweep.yaml, 3 points" in plan.stdout
    assert "the meter does not answer" in plan.stdout
    for options in (["--pixel", "B"], ["--again"], ["--report"], ["--area", "1 mm^2"]):
        wrong = CliRunner().invoke(app, ["run", path, "--output", folder, *options])
        assert wrong.exit_code == 2
        assert options[0] in wrong.stderr
    sweep = str(prepared.loaded.runs[0].sweep)
    assert CliRunner().invoke(app, ["run", sweep, "--yes"]).exit_code == 2


def test_nobody_measures_one_device_under_several_names(prepared: PreparedBatch) -> None:
    from acquire.cli.batch import _require_somebody

    real = replace(prepared.runs[0].prepared.loaded, bench=prepared.bench.model_copy(update={"visa": "@py"}))
    runs = tuple(replace(run, prepared=replace(run.prepared, loaded=real)) for run in prepared.runs)
    with pytest.raises(BaseException, match="2"):
        _require_somebody(replace(prepared, runs=runs), yes=True)


def test_a_run_says_which_file_it_is_going_to_write(prepared: PreparedBatch, tmp_path: Path) -> None:
    """The index names the file before it is there, and a run of a pixel without a batch connects it too."""
    seen: list[tuple[str, str]] = []

    def watch(label: str, event: Any) -> None:
        if isinstance(event, RunStart):
            index = batch_index.read_index(tmp_path / "batch.batch.json")
            assert index is not None
            seen.extend((entry.run, str(entry.state)) for entry in index.entries[:1])
            assert seen[0] == (Path(event.path).name, "begun")
            raise RuntimeError("enough")

    first = replace(prepared, runs=prepared.runs[:1])
    batches.run_batch(first, batches.index_of(first, tmp_path), Operator(watch), StopRequest())
    assert seen


def test_two_at_once_do_not_carry_one_batch_out(prepared: PreparedBatch, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with batches.driven(prepared, folder) as index:
        words = rf"being carried out already, by .*{re.escape(index.path.name)} \(process {os.getpid()} of "
        with pytest.raises(ArchiveError, match=words), batches.driven(prepared, folder):
            pytest.fail("it was driven by two")
        with batches.driven(prepared, tmp_path / "elsewhere"):  # another folder is another batch
            pass
        batch_index.write_index(index)
    assert [one.name for one in folder.iterdir()] == [index.path.name]
    with batches.driven(prepared, folder):
        pass


def test_a_pixel_that_there_is_not_leaves_no_folder_behind(prepared: PreparedBatch, tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="there is no pixel S9 Z"),
        batches.driven(prepared, tmp_path / "runs", ["S9 Z"]),
    ):
        pytest.fail("there is such a pixel")
    assert not (tmp_path / "runs").exists()
