"""A bench of its own for the engine: a device that lights up at 3 V, a clock that counts readings, and a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from acquire.photometry.spectra import gaussian
from acquire.records import PointFlag, Reading, Spectrum, Step
from acquire.sweep.exposure import ExposureMode

POINT_TIME = 0.1  # s
EXPOSURE = 0.5  # s


@dataclass
class FakeBench:
    """Answers at once, and counts time instead of taking it; ``happens`` may do anything while a level is held."""

    happens: Callable[[FakeBench, Step], None] = lambda bench, step: None
    flags: dict[int, list[PointFlag]] = field(default_factory=dict)  # of the next readings of a point
    remark: str = ""
    queued: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    output_on: bool = False
    time: float = 0.0
    takes_spectra: bool = True
    waits: list[float] = field(default_factory=list)
    stages: list[tuple[str, float]] = field(default_factory=list)  # of an exposure, one after the other

    def now(self) -> float:
        return self.time

    def switch_off(self) -> None:
        self.output_on = False
        self.log.append("off")

    def switch_on(self) -> None:
        assert not self.output_on
        self.output_on = True
        self.log.append("on")

    def wait(self, duration: float) -> None:
        self.waits.append(duration)
        self.time += max(duration, 0.0)

    @contextmanager
    def energised(self) -> Iterator[None]:
        self.output_on = True
        try:
            yield
        finally:
            self.output_on = False

    def trigger(self, step: Step) -> None:
        assert self.output_on
        self.log.append(f"{step.level:g} V")

    def collect(self, step: Step, time: float) -> Reading:
        self.time += POINT_TIME
        self.happens(self, step)
        flags = self.flags.get(step.index, [])
        flag = flags.pop(0) if flags else PointFlag.NONE
        light = max(step.level - 3.0, 0.0) + 1e-4
        return Reading(
            step.index, step.branch, step.level, time, step.level, 1e-4, light, flags=flag, remark=flag and self.remark
        )

    def queued_errors(self) -> list[str]:
        errors, self.queued = self.queued, []
        return errors

    def start_exposure(self, mode: ExposureMode) -> None:
        self.log.append("spectrum")
        self._exposed_until = self.time + EXPOSURE

    @property
    def exposure_stage(self) -> tuple[str, float]:
        return self.stages.pop(0) if self.stages else ("", EXPOSURE - 0.1)

    def exposure_finished(self, wait: float) -> bool:
        self.time += wait
        return self.time >= self._exposed_until

    def read_spectrum(self, index: int, step: Step) -> Spectrum:
        radiance = np.asarray(gaussian(520.0, 20.0)) * 1e-3
        return Spectrum(index, step.index, step.branch, self.time - EXPOSURE, self.time, radiance, 0.4)

    def run_burst(self, steps: Sequence[Step], stop_requested: Callable[[], str]) -> list[Reading]:
        self.log.append(f"burst of {len(steps)}")
        return [self.collect(step, self.time) for step in steps]
