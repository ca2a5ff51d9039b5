"""Another source-measure unit takes its place by one row in the table of models: plan, run, guardian and file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from acquire import session
from acquire.bench import survey
from acquire.bench.opening import guardian_order
from acquire.bench.simulated import simulated_bench, simulated_bench_options
from acquire.bench.site import Site
from acquire.config import load_sweep
from acquire.evaluation.from_configuration import calibration_of
from acquire.safety.guardian import Order
from acquire.safety.interruption import StopRequest
from acquire.safety.off_first import LastLevel, SourceAddress, make_safe_until_confirmed
from acquire.sweep.plan import make_plan
from drivers import models
from drivers.simulated.visa import SimulatedVisaLibrary
from drivers.specification import SerialLine
from tests.conftest import CONFIGS
from tests.support.keithley2450.specification import SPECIFICATION
from tests.support.keithley2450.twin import Keithley2450Twin

SMU = "GPIB0::24::INSTR"


class Place:
    """The shipped simulated bench with a 2450 as its source."""

    def __init__(self) -> None:
        loaded = load_sweep(CONFIGS / "sweeps" / "quick_look.yaml")
        there = loaded.bench.instruments
        other = there.model_copy(update={"smu": there.smu.model_copy(update={"model": "keithley2450"})})
        self.loaded = replace(loaded, bench=loaded.bench.model_copy(update={"instruments": other}))
        self.plan = make_plan(self.loaded.sweep, self.loaded.bench)
        simulated = simulated_bench(loaded)
        self.clock = simulated.clock
        self.twin = Keithley2450Twin(simulated.fixture)
        self.library = SimulatedVisaLibrary(simulated.clock, {**simulated.twins, SMU: self.twin})
        assert simulated_bench_options(loaded).smu == SMU

    def run(self, output: Path) -> session.RunResult:
        calibration = calibration_of(self.loaded, self.plan.source_range, None)
        prepared = session.PreparedRun(self.loaded, self.plan, calibration)
        site = Site(self.library, self.clock.now, self.clock.advance)
        return session.run(prepared, output, lambda event: None, StopRequest(), site)


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one row that the table of models gets."""
    added = models.Model(SPECIFICATION, "tests.support.keithley2450", "Keithley2450")
    monkeypatch.setitem(models.MODELS, "keithley2450", added)


@pytest.mark.usefixtures("row")
def test_the_plan_asks_the_specification_of_the_bench_s_own_source() -> None:
    place = Place()
    ordinary = load_sweep(CONFIGS / "sweeps" / "quick_look.yaml")
    assert place.plan.time_per_point != make_plan(ordinary.sweep, ordinary.bench).time_per_point
    assert place.plan.most_stored == 1024  # the photodiode meter's; the 2450 stores 100 000
    # at zero the level may be off by what source and meter may: 3 x (offset sourcing + offset measuring)
    assert place.plan.read_back.level_offset == pytest.approx(3 * 2 * 2e-4 * 20.0)


@pytest.mark.usefixtures("row")
def test_a_sweep_runs_on_it_and_the_file_names_it(tmp_path: Path) -> None:
    place = Place()
    result = place.run(tmp_path)
    assert result.error == ""
    assert result.run is not None
    assert len(result.run.records) > 5
    assert place.twin.errors == 0
    assert not place.twin.output_on
    assert ":SOUR:VOLT:ILIM 0.01" in place.twin.heard
    (path,) = tmp_path.iterdir()
    with h5py.File(path) as file:
        assert file["entry/instrument/smu"].attrs["model"] == "keithley2450"
        assert file["entry/instrument/photodiode_meter"].attrs["model"] == "keithley2000"
    conditions = result.run.calibration.conditions
    assert (conditions.source_meter, conditions.photodiode_meter) == ("keithley2450", "keithley2000")
    # 0.025 % and 0.02 % of the 10 mA range, rectangular, and nothing else: those of this model
    record = max(result.run.records, key=lambda record: record.reading.current)
    limit = 2.5e-4 * record.reading.current + 2e-4 * 0.01
    assert record.current_density_uncertainty == pytest.approx(limit / 3**0.5 / 14e-6, rel=1e-3)


@pytest.mark.usefixtures("row")
def test_its_guardian_s_order_names_it_and_speaks_its_language(tmp_path: Path) -> None:
    place = Place()
    real = replace(place.loaded, bench=place.loaded.bench.model_copy(update={"visa": "@py"}))
    order = guardian_order(real, tmp_path / "run.h5")
    assert order is not None
    assert Order.from_line(order.as_line()) == order
    assert order.source.model == "keithley2450"
    place.twin.receive(b":SOUR:VOLT 5\n:OUTP ON\n")
    address = SourceAddress("keithley2450", SMU, place.library, SerialLine())  # type: ignore[arg-type]
    make_safe_until_confirmed(address, LastLevel("VOLT", 5.0), 1.0, lambda _: None)
    assert not place.twin.output_on
    assert place.twin.errors == 0


def test_a_guardian_that_does_not_know_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as known:
        known.setitem(models.MODELS, "keithley2450", models.Model(SPECIFICATION, "tests.support.keithley2450", ""))
        order = Order(str(tmp_path), SourceAddress("keithley2450", SMU, "", SerialLine())).as_line()
    with pytest.raises(ValueError, match="nobody here can speak with a 'keithley2450'"):
        Order.from_line(order)


@pytest.mark.usefixtures("row")
def test_it_is_asked_who_it_is_and_whether_its_output_is_on() -> None:
    place = Place()
    place.twin.receive(b":OUTP ON\n")
    answer = survey.examine_on(place.loaded.bench, place.library, place.clock.now)[0]
    assert answer.identity is not None
    assert answer.identity.model == "MODEL 2450"
    assert answer.details == {"output": "on"}
    assert [finding.what for finding in answer.findings] == ["THE OUTPUT IS ON"]
    assert survey.sources([answer]) == [("keithley2450", SMU)]
