"""One run of a sweep in this process and in virtual time, with something done to it, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from acquire import session
from acquire.bench.simulated import simulated_bench
from acquire.bench.site import Site
from acquire.config import LoadedSweep
from acquire.records import Activity, Event, Record, RunStart, RunStop
from acquire.safety.interruption import StopRequest
from drivers.simulated.bench import SimulatedBench
from tests.conftest import CONFIGS

QUICK = CONFIGS / "sweeps" / "quick_look.yaml"
LIQ = CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"


class Attempt:
    """A run that is yet to come: of a sweep file, or of a sweep that was prepared before.

    ``prepare_bench`` is given the simulated bench before anything is opened, ``watch`` every event but the start and
    the stop of the run. ``events`` are those that were recorded, ``told`` is what was said of what is being done.
    """

    def __init__(self, sweep: Path | session.PreparedRun, output: Path) -> None:
        self.sweep, self.output = sweep, output
        self.simulated: SimulatedBench | None = None
        self.reported: list[Record] = []
        self.events: list[Event] = []
        self.told: list[Activity] = []
        self.stop = StopRequest()
        self.prepare_bench: Callable[[SimulatedBench], object] = lambda simulated: None
        self.watch: Callable[[Event], None] = lambda event: None

    def run(self) -> session.RunResult:
        """Run it on a simulated bench that stays at hand."""
        prepared = session.prepare(self.sweep) if isinstance(self.sweep, Path) else self.sweep
        return session.run(prepared, self.output, self._watch, self.stop, self._site(prepared.loaded))

    def _site(self, loaded: LoadedSweep) -> Site:
        assert loaded.bench.simulated
        self.simulated = simulated_bench(loaded)
        self.prepare_bench(self.simulated)
        return Site(self.simulated.library, self.simulated.clock.now, self.simulated.clock.advance)

    def _watch(self, event: Event) -> None:
        if isinstance(event, RunStart | RunStop):
            return
        if isinstance(event, Activity):
            self.told.append(event)
        else:
            self.events.append(event)
        if isinstance(event, Record):
            self.reported.append(event)
        self.watch(event)

    def check_what_is_left(self, status: str) -> Path:
        """The output is off by the twin's own log, and the file is finished with every point that was reported."""
        assert self.simulated is not None
        smu: Any = self.simulated.twins["GPIB0::24::INSTR"]
        assert smu.output_log, "the output was never touched"
        assert not smu.output_log[-1].output_on
        (path,) = self.output.iterdir()
        with h5py.File(path) as file:
            assert file["entry/status"][()].decode() == status
            assert len(file["entry/jvl/voltage"]) >= len(self.reported)
            voltages = [record.reading.voltage for record in self.reported]
            recorded = file["entry/jvl/voltage"][: len(voltages)].tolist()
            assert recorded == pytest.approx(voltages, rel=0, abs=0, nan_ok=True)
        return path
