"""A pretest: what is right, short, open, reversed; at its own limits, and before anything of the sweep."""

from __future__ import annotations

from math import nan
from pathlib import Path

import pytest
from typer.testing import CliRunner

from acquire import session
from acquire.cli.arguments import UNFIT
from acquire.cli.commands import app
from acquire.config import load_sweep
from acquire.records import Branch, Event, Note, PointFlag, Reading
from acquire.safety.guardian import NoGuard
from acquire.sweep.plan import make_plan
from acquire.sweep.pretest import AT_ZERO, PretestPlan, judged, make_pretest, pretested
from tests.conftest import CONFIGS
from tests.support.attempt import QUICK, Attempt
from tests.support.fake_bench import FakeBench

LOADED = load_sweep(QUICK)


def pretest_of(**keys: object) -> PretestPlan:
    sweep = LOADED.sweep.model_copy(update=keys)
    return make_pretest(sweep, LOADED.bench, make_plan(sweep, LOADED.bench))


PRETEST = pretest_of()


def read(*currents: float, light: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0), signs: float = 1.0) -> list[Reading]:
    """The readings of a pretest: currents and photodiode signals at the four levels, low ones first."""
    values = [(0.0, 1e-3 + 1e-6 * (i % 2)) for i in range(AT_ZERO)]
    values += [(current, 1e-3 + more) for current, more in zip(currents, light, strict=False)]
    steps = zip(PRETEST.plan.steps, values, strict=False)
    return [
        Reading(step.index, Branch.FORWARD, signs * step.level, 0.0, signs * step.level, current, signal)
        for step, (current, signal) in steps
    ]


@pytest.mark.parametrize(
    ("readings", "against"),
    [
        (read(1e-9, -1e-9, 1e-7, -1e-8), ""),
        (read(1e-9, -1e-9, 1e-7, -1e-7), ""),
        (read(0.5e-3, -0.5e-3, 1e-3, -1e-3), ""),  # 1 kilohm
        (read(1e-9, -1e-9, 1e-7, -1e-8, light=(0.0, 0.0, 0.5, 0.0)), ""),
        (read(8e-3, -1e-9), "short: 62.5 ohm, 0.008 A at 0.5 V"),
        (read(1e-9, -8e-3), "short: 62.5 ohm, -0.008 A at -0.5 V"),
        (read(1e-10, -1e-10, 5e-10, -1.9e-9), "open: no more than 1.9e-09 A up to 3 V, less than 2e-09 A"),
        (read(1e-9, -1e-9, 1e-8, -1.1e-7), "reversed: -1.1e-07 A at -3 V, 1e-08 A at 3 V"),
        (read(1e-9, -1e-9, 1e-7, -1e-7, light=(0.0, 0.0, 0.0, 0.01)), "reversed: light at -3 V, none at 3 V"),
        (read(1e-9, -1e-9, nan, -1e-7), "nothing was read at 3 V"),
    ],
)
def test_what_readings_say_of_a_device(readings: list[Reading], against: str) -> None:
    verdict = judged(readings, PRETEST)
    assert verdict.against.startswith(against)
    assert bool(verdict.against) == bool(against)
    assert verdict.text


def test_a_device_that_emits_at_negative_voltages_is_held_to_these() -> None:
    negative = pretest_of(sample=LOADED.sweep.sample.model_copy(update={"polarity": "negative"}))
    assert [step.level for step in negative.plan.steps][AT_ZERO:] == [-0.5, 0.5, -3.0, 3.0]
    assert not judged(read(-1e-9, 1e-9, -1e-7, 1e-8, signs=-1.0), negative).against


def test_a_pretest_is_never_beyond_its_own_limits_nor_those_of_its_sweep() -> None:
    assert (PRETEST.plan.largest_level, PRETEST.plan.compliance) == (3.0, 1e-3)
    source = LOADED.sweep.source
    small = source.model_copy(update={"stop": 0.4, "step": 0.1, "compliance": 1e-5})
    pretest = pretest_of(source=small)
    assert (pretest.plan.largest_level, pretest.plan.compliance) == (0.4, 1e-5)
    current = source.model_copy(
        update={"function": "current", "start": 1e-6, "stop": 1e-4, "step": None, "points": 5, "compliance": 2.0}
    )
    pretest = pretest_of(source=current)
    assert (pretest.plan.source_function, pretest.plan.largest_level, pretest.plan.compliance) == ("voltage", 2.0, 1e-4)


def sweep_of(device: str, folder: Path, *, polarity: str = "positive") -> Path:
    text = QUICK.read_text(encoding="utf-8").replace("../", f"{CONFIGS.as_posix()}/")
    assert "sppo13.yaml" in text
    text = text.replace("sppo13.yaml", device).replace("sample:\n", f"sample:\n  polarity: {polarity}\n")
    path = folder / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("device", "polarity", "against"),
    [("shorted.yaml", "positive", "short: "), ("open.yaml", "positive", "open: "), ("sppo13.yaml", "negative", "rev")],
)
def test_a_device_that_is_not_fit_is_not_swept_and_its_file_says_why(
    device: str, polarity: str, against: str, tmp_path: Path
) -> None:
    sweep = sweep_of(device, tmp_path, polarity=polarity)
    attempt = Attempt(session.prepare(sweep, with_pretest=True), tmp_path / "runs")
    result = attempt.run()
    assert result.run is not None
    assert not result.failed
    assert result.pretest_against.startswith(against)
    assert result.run.stop_reason == f"pretest: {result.pretest_against}"
    assert result.output is session.Output.OFF
    assert result.run.points == 0
    assert not result.run.dark
    assert [one.text for one in attempt.events if isinstance(one, Note)][-1] == result.run.stop_reason
    attempt.check_what_is_left("stopped")
    smu = attempt.simulated.twins["GPIB0::24::INSTR"]  # type: ignore[union-attr]
    assert max(abs(one.level) for one in smu.output_log) <= 3.0


def test_a_number_that_is_missing_is_read_once_more() -> None:
    """That a reply was garbled is no matter of the device."""
    bench, events = FakeBench(flags={AT_ZERO: [PointFlag.NO_SOURCE_READING]}), list[Event]()
    pretested(PRETEST, bench, events.append, lambda: "")
    levels = [f"{step.level:g} V" for step in PRETEST.plan.steps]
    assert bench.log == [*levels[: AT_ZERO + 1], *levels[AT_ZERO:]]
    (note,) = [one.text for one in events if isinstance(one, Note) and "read again" in one.text]
    assert note.startswith("pretest: ")


def test_the_guardian_is_told_what_is_a_pretest_and_what_a_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(NoGuard, "beat", lambda _self, doing, *_: told.append(doing))
    Attempt(session.prepare(QUICK, with_pretest=True), tmp_path).run()
    assert told[0] == "pretest reading 1"
    assert told.count("pretest reading 4") == told.count("point 1") == 1
    assert told.index("pretest reading 4") < told.index("dark reading 1") < told.index("point 1")


def test_a_stop_during_the_pretest_ends_the_run_and_nothing_is_swept(tmp_path: Path) -> None:
    attempt = Attempt(session.prepare(QUICK, with_pretest=True), tmp_path)
    attempt.prepare_bench = lambda simulated: simulated.clock.call_at(1.2, lambda: attempt.stop.note("enough"))
    result = attempt.run()
    assert result.interrupted
    assert not result.pretest_against
    assert not attempt.reported
    attempt.check_what_is_left("stopped")


def test_the_command_says_it_and_its_exit_status_is_one_of_its_own(tmp_path: Path) -> None:
    sweep = sweep_of("shorted.yaml", tmp_path)
    result = CliRunner().invoke(app, ["run", str(sweep), "--pretest", "--no-plot", "--output", str(tmp_path / "runs")])
    assert result.exit_code == UNFIT
    assert "stopped (pretest: short: " in result.output
