"""Whole runs that are paused from outside and go on, in virtual time: what their files say, against the device."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire import session
from acquire.bench.resuming import take_up
from acquire.records import Activity, Doing, Event, PointFlag, Record
from acquire.safety.interruption import StopRequest
from acquire.safety.mailbox import Request
from tests.conftest import CONFIGS
from tests.support.attempt import QUICK, Attempt

TAU, BETA, EXPONENT, REFERENCE, AREA = 180.0, 0.8, 1.2, 110.881571, 14e-6  # configs/devices/sppo13_fading.yaml


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause passes in virtual time."""
    monkeypatch.setattr("acquire.safety.pausing.sleep", lambda seconds: None)


class PausedAttempt(Attempt):
    """A run that is paused after some of its points, each time for ``lasting`` s by the clock of its bench."""

    def __init__(self, sweep: Path, output: Path, after: set[int], lasting: float, longest: float = 36_000.0) -> None:
        super().__init__(sweep, output)
        self.after, self.lasting, self.longest = after, lasting, longest
        self.outputs: list[bool] = []
        self.watch = self._ask
        self.stop.pause.wait = self._wait  # type: ignore[method-assign]
        self._until = 0.0

    def _ask(self, event: Event) -> None:
        assert self.simulated is not None
        if isinstance(event, Record) and event.reading.index in self.after:
            assert self.stop.pause.asked(Request("pause", "Ada", {"longest": self.longest})).done
        if isinstance(event, Activity) and event.doing is Doing.PAUSED:
            self._until = self.simulated.clock.now() + self.lasting

    def _wait(self, _: float) -> None:
        assert self.simulated is not None
        smu: Any = self.simulated.twins["GPIB0::24::INSTR"]
        self.outputs.append(smu.output_log[-1].output_on)
        if self.simulated.clock.now() >= self._until:
            assert self.stop.pause.taken_back(Request("resume", "Ada")).done


def test_a_paused_sweep_has_its_gap_marked_and_every_level_once(tmp_path: Path, no_waiting: None) -> None:
    attempt = PausedAttempt(QUICK, tmp_path, {4, 9}, 600.0)
    run = attempt.run().run
    plain = Attempt(QUICK, tmp_path).run().run
    assert run is not None
    assert plain is not None
    assert attempt.outputs
    assert not any(attempt.outputs)  # off, all the while
    points = run.tables["jvl"]
    assert points["source_level"].tolist() == plain.tables["jvl"]["source_level"].tolist()
    after = np.flatnonzero(points["flags"] & int(PointFlag.AFTER_PAUSE))
    pauses = run.tables["pauses"]
    assert pauses["point_index"].tolist() == after.tolist()
    assert pauses["duration"] == pytest.approx([600.0, 600.0], abs=10.0)
    assert [text.decode() if isinstance(text, bytes) else text for text in pauses["by"]] == ["Ada", "Ada"]
    gaps = points["time"][after] - points["time"][after - 1]
    assert (gaps >= pauses["duration"]).all()
    assert (gaps < pauses["duration"] + 15.0).all()  # a spectrum may come in between
    assert not (points["flags"] & int(PointFlag.LATE)).any()
    (branch,), (other,) = run.tables["branches"]["longest_dwell"], plain.tables["branches"]["longest_dwell"]
    assert branch == pytest.approx(other, rel=0.3)
    for name in ("turn_on_voltage", "luminance_max", "external_quantum_efficiency_max"):
        assert run.figures[name].status == plain.figures[name].status
        assert run.figures[name].value == pytest.approx(plain.figures[name].value, rel=0.02)


def lifetime(folder: Path, share: str) -> Path:
    """The shipped recipe, which ends at this share of L_0."""
    text = (CONFIGS / "sweeps" / "lifetime.yaml").read_text(encoding="utf-8")
    text = text.replace("../", f"{CONFIGS.as_posix()}/").replace("luminance_share: 30 %", f"luminance_share: {share}")
    (recipe := folder / "life.yaml").write_text(text, encoding="utf-8")
    return recipe


def test_a_run_nobody_goes_on_with_is_ended_with_its_output_off_and_a_lifetime_goes_on_in_its_file(
    tmp_path: Path, no_waiting: None
) -> None:
    result = PausedAttempt(lifetime(tmp_path, "93 %"), tmp_path, {4}, 1e9, longest=60.0).run()
    assert result.run is not None
    assert result.interrupted
    assert result.output == "off"
    assert result.run.stop_reason == "paused by Ada, and nobody went on within 60 s"
    assert result.run.tables["pauses"]["ended"].tolist() == [1]
    again = take_up(result.run.path)
    assert again.prepared.plan.stop_rules.paused_before == result.run.tables["pauses"]["duration"].sum() > 60.0
    went_on = session.resume(again, [], StopRequest()).run
    assert went_on is not None
    assert (went_on.status, went_on.tables["pauses"]["ended"].tolist()) == ("completed", [1])
    with h5py.File(went_on.path) as file:
        rows = file["entry/lifetime/stress_time"][:]
    assert (np.diff(rows) > 0).all()
    assert np.diff(rows).max() < 12.0


def test_in_a_lifetime_the_time_paused_is_no_stress_and_the_decay_is_that_of_the_device(
    tmp_path: Path, no_waiting: None
) -> None:
    attempt = PausedAttempt(lifetime(tmp_path, "80 %"), tmp_path, {6, 12}, 5000.0)
    run = attempt.run().run
    assert run is not None
    with h5py.File(run.path) as file:
        wanted = ("time", "stress_time", "flags", "relative_luminance")
        rows = {name: file["entry/lifetime"][name][:] for name in wanted}
    with_flag = np.flatnonzero(rows["flags"] & int(PointFlag.AFTER_PAUSE))
    assert run.tables["pauses"]["duration"] == pytest.approx([5000.0] * 2, abs=10.0)
    assert len(with_flag) == 2
    assert np.diff(rows["time"])[with_flag - 1] == pytest.approx([5000.0] * 2, abs=20.0)
    assert np.diff(rows["stress_time"]).max() < 12.0
    tau = TAU * (1.5e-3 / AREA / REFERENCE) ** -EXPONENT
    stress = rows["stress_time"]
    expected = np.exp(-((stress / tau) ** BETA) + (1.0 / tau) ** BETA)
    known = np.isfinite(rows["relative_luminance"]) & (stress >= 1.0)
    assert rows["relative_luminance"][known] == pytest.approx(expected[known], rel=0.02)
    assert stress[with_flag[1] :].size >= 3


def test_a_sweep_that_the_instruments_run_by_themselves_is_paused_between_two_of_its_blocks(
    sweep_file: Callable[..., Path], bench_file: Callable[..., Path], tmp_path: Path, no_waiting: None
) -> None:
    bench = bench_file({"visa: simulated": "visa: simulated\ntrigger_link: true"})
    path = sweep_file("table2_sppo13_liq.yaml", {f"{CONFIGS.as_posix()}/benches/simulated.yaml": bench.as_posix()})
    text = re.sub(r"spectra:.*?\n\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    fixed = "measure:\n  timing: hardware\n  current_range: 100 mA\n  photodiode_range: 10 V"
    (recipe := tmp_path / "blocks.yaml").write_text(text.replace("measure:", fixed), encoding="utf-8")
    attempt = PausedAttempt(recipe, tmp_path, {10}, 600.0)
    run = attempt.run().run
    assert run is not None, attempt.events
    assert run.status == "completed"
    assert not any(attempt.outputs)
    points = run.tables["jvl"]
    assert len(points["time"]) == 81
    (after,) = np.flatnonzero(points["flags"] & int(PointFlag.AFTER_PAUSE))
    assert after == run.tables["pauses"]["point_index"][0] > 10
    assert points["time"][after] - points["time"][after - 1] == pytest.approx(600.0, abs=30.0)
    assert np.diff(points["time"])[: after - 1].max() < 1.0
