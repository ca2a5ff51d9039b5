"""That the kill table sees what it is there to see: each test plants a fault that a table before this one let pass."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acquire.evaluation import evaluate
from acquire.records import RunStatus, RunStop
from acquire.run_file import finish as finishing
from acquire.run_file import read as reading
from drivers.simulated.keithley2400.twin import OutputChange
from tests.endurance.fault_trial import Killed
from tests.endurance.kill_table import (
    LAST_LEVEL,
    REPORTED,
    as_reported,
    came_down,
    check_file,
    true_device,
    write_files,
)
from tests.support.attempt import Attempt
from tests.support.recomputed import Truth

# PyVISA says so when a message on GPIB ends without a line feed
pytestmark = pytest.mark.filterwarnings("ignore:read string doesn't end with termination characters")


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any], Truth]:
    """The folder of a run that was killed beyond its last spectrum, what it had reported, and its device."""
    folder = tmp_path_factory.mktemp("cut_off")
    attempt = Attempt(write_files(folder), folder / "runs")

    def watch(_event: object) -> None:
        if len(attempt.reported) == 45:
            raise Killed

    attempt.watch = watch
    with pytest.raises(Killed):
        attempt.run()
    assert attempt.simulated is not None
    reported = [
        [0.0, *json.loads(json.dumps(as_reported(event)))] for event in attempt.events if type(event) in REPORTED
    ]
    assert {table for _, table, *_ in reported} == {"jvl", "dark", "spectra", "exposure_samples", "notes"}
    return attempt.output, reported, true_device(attempt.simulated.fixture)


Check = Callable[[], list[str]]


@pytest.fixture
def check(cut_off: tuple[Path, list[Any], Truth], tmp_path: Path) -> Check:
    """What the table finds wrong with a copy of that run, which it recovers."""
    folder, reported, truth = cut_off
    shutil.copytree(folder, tmp_path / "runs")
    return lambda: check_file(tmp_path / "runs", reported, truth, recovered)[0]


def recovered(path: Path) -> str:
    """Recover a file in this process, where faults are planted."""
    finishing.recover(path)
    return ""


def test_nothing_is_wrong_with_a_run_that_is_recovered_as_it_should_be(check: Check) -> None:
    assert check() == []


def test_the_table_sees_a_killed_run_that_is_called_completed(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finishing, "_ending", lambda run: RunStop(RunStatus.COMPLETED, "", run.start_time))
    assert check() == ["wrong ending"]


def test_the_table_sees_a_killed_run_that_gives_no_reason(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finishing, "_ending", lambda run: RunStop(RunStatus.FAILED, "something", run.start_time))
    assert check() == ["wrong ending"]


@pytest.mark.parametrize("what", ["spectra", "notes", "dark", "exposure_samples"])
def test_the_table_sees_what_is_dropped_by_recovering(what: str, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[..., reading.Run] = finishing._with_results

    def without(*given: Any) -> reading.Run:
        run = original(*given)
        emptied = {name: column[:0] for name, column in run.tables[what].items()}
        return replace(run, tables={**run.tables, what: emptied})

    monkeypatch.setattr(finishing, "_with_results", without)
    assert "rows missing" in check()


def test_the_table_sees_results_that_do_not_follow_from_the_readings(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., float] = evaluate.current_efficiency
    monkeypatch.setattr(evaluate, "current_efficiency", lambda *given: 1.001 * original(*given))
    assert check() == ["wrong values"]


def test_the_table_sees_signals_that_the_device_did_not_give(
    cut_off: tuple[Path, list[Any], Truth], tmp_path: Path
) -> None:
    folder, reported, truth = cut_off
    shutil.copytree(folder, tmp_path / "runs")

    class Shifted(Truth):
        def __init__(self) -> None:
            self.__dict__.update(vars(truth))

        def at(self, level: float) -> Any:
            return truth.at(level - 4.0 / 49)  # as if every reading were that of the next point

    assert check_file(tmp_path / "runs", reported, Shifted(), recovered)[0] == ["wrong values"]


# --- the ramp ------------------------------------------------------------------------------------------------


def log(*levels: float) -> list[OutputChange]:
    """What a source puts out that is switched on, at these levels, and off."""
    lit = [OutputChange(0.0, True, "VOLT", level) for level in levels]
    return [*lit, OutputChange(0.0, False, "VOLT", 0.0)]


@pytest.mark.parametrize(
    ("levels", "ramp"),
    [
        ((), True),
        ((0.0,), True),
        ((0.0, 3.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0), True),
        ((0.0, 3.0, LAST_LEVEL, 0.0), True),  # on to the dark level, by the plan
        ((0.0, 3.0, 0.0), True),  # not known to be there yet
        ((0.0, 3.0, 5.0), False),
        ((0.0, 3.0, 5.0, 0.0), False),
        ((0.0, -3.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0), True),
        ((0.0, 3.0, 5.0, 4.0, 1.0), False),
    ],
)
def test_a_ramp_and_none(levels: tuple[float, ...], ramp: bool) -> None:
    assert came_down(log(*levels)) is ramp
