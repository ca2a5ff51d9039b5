"""A sweep that is carried out on a fake bench, and its events."""

from __future__ import annotations

from math import inf

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.evaluation.evaluate import Evidence
from acquire.records import Activity, Branch, Event, Note, Record, Step
from acquire.safety.pausing import PauseRequest
from acquire.sweep.engine import Outcome, run_sweep
from acquire.sweep.plan import DarkPlan, Stress, SweepPlan
from acquire.sweep.read_back import ReadBackLimits
from acquire.sweep.spectra import SpectraPlan
from acquire.sweep.stop_rules import StopRules
from tests.support.fake_bench import POINT_TIME, FakeBench

LEVELS = (2.0, 3.0, 4.0, 5.0, 6.0)
LIMITS = ReadBackLimits(True, 20.0, 0.1, inf, 20.1, 0.11, inf, 21.0, 0.105, 0.01, 0.001)
PLAN = SweepPlan(
    source_function="voltage",
    source_unit="V",
    source_range=20.0,
    largest_level=6.0,
    compliance=0.1,
    steps=tuple(Step(index, Branch.FORWARD, level) for index, level in enumerate(LEVELS)),
    dark=DarkPlan(Step(-1, Branch.FORWARD, 0.0), 2, 1),
    spectra=SpectraPlan(sample_every=0.2, most=1),
    stop_rules=StopRules(),
    settle=0.0,
    hardware_timed=False,
    most_stored=1024,
    time_per_point=POINT_TIME,
    time_per_reading=POINT_TIME,
    duration=1.0,
    exposures=(),
    stress=Stress(6.0, 0.1, 0.6),
    read_back=LIMITS,
    repeat_bad_readings=False,
)
EVIDENCE = Evidence(Calibration(conditions=Conditions(1.4e-5, 5e6)))
ALL = ["0 V", "0 V", "2 V", "3 V", "4 V", "5 V", "6 V", "0 V"]


class Sweep:
    """A sweep that is carried out on a bench, and its events."""

    def __init__(self, bench: FakeBench, plan: SweepPlan = PLAN) -> None:
        self.bench, self.plan = bench, plan
        self.events: list[Event] = []
        self.told: list[Activity] = []
        self.stop = ""
        self.pause = PauseRequest()

    def run(self) -> Outcome:
        try:
            return run_sweep(self.plan, self.bench, EVIDENCE, self._emit, lambda: self.stop, self.pause)
        finally:
            assert not self.bench.output_on

    def _emit(self, event: Event) -> None:
        if isinstance(event, Activity):
            self.told.append(event)
        else:
            self.events.append(event)

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Note)]

    @property
    def records(self) -> list[Record]:
        return [event for event in self.events if isinstance(event, Record)]
