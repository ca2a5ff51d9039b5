"""A spectroradiometer that fails costs spectra, never the run; the source goes on being read meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from acquire import session
from acquire.records import Note, Record
from drivers.simulated.bench import SimulatedBench
from drivers.simulated.faults import FOR_GOOD, Fault, FaultKind, make_it_happen
from tests.conftest import CONFIGS
from tests.support.attempt import Attempt

SMU, METER = "GPIB0::24::INSTR", "ASRL3::INSTR"

#: Between two readings of the source while its output is on [s]; twice what a spectrum may take more than its plan.
LONGEST_GAP = 3.0
SOME_SECONDS = 10.0

SWEEP = f"""kind: sweep
title: three spectra
bench: {CONFIGS.as_posix()}/benches/simulated.yaml
sample:
  name: lost
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: {CONFIGS.as_posix()}/devices/sppo13_liq.yaml
source: {{function: voltage, start: 5 V, stop: 6.5 V, points: 4, compliance: 100 mA}}
measure: {{settle: 10 ms, nplc: 0.1, current_range: 100 mA, photodiode_range: 10 V}}
spectra: {{at_voltage: [5 V, 5.5 V, 6 V], speed: fast}}
dark: {{readings: 2}}
"""


@dataclass
class Watched:
    """A run, with what was said to whom and when the source was read."""

    attempt: Attempt
    happens: Fault | None = None
    twin_is: Callable[[Any], object] = lambda twin: None
    seen: list[tuple[int, str, str]] = field(default_factory=list)
    gap: float = 0.0
    duration: float = 0.0
    _last: float | None = None

    def run(self) -> Watched:
        self.attempt.prepare_bench = self._prepare
        self.result = self.attempt.run()
        assert self.attempt.simulated is not None
        self.duration = self.attempt.simulated.clock.now()
        return self

    @property
    def longest_spectrum(self) -> float:
        """The longest time from one point to the next, s."""
        times = [record.reading.time for record in self.attempt.reported]
        return max(after - before for before, after in pairwise(times))

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.attempt.events if isinstance(event, Note)]

    def _prepare(self, bench: SimulatedBench) -> None:
        smu: Any = bench.twins[SMU]
        self.twin_is(bench.twins[METER])
        if self.happens is not None:
            make_it_happen(bench, self.happens)
        before = bench.library.before_operation

        def look(number: int, resource: str, operation: str) -> None:
            if smu.output_on:
                if resource == METER:
                    self.seen.append((number, resource, operation))
                if (resource, operation) == (SMU, "read"):
                    self._source_read(bench.clock.now())
            else:
                self._last = None
            if before is not None:
                before(number, resource, operation)

        bench.library.before_operation = look

    def _source_read(self, now: float) -> None:
        self.gap = max(self.gap, now - self._last if self._last is not None else 0.0)
        self._last = now


@cache
def prepared(folder: Path) -> session.PreparedRun:
    path = folder / "three_spectra.yaml"
    path.write_text(SWEEP, encoding="utf-8")
    return session.prepare(path)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> session.PreparedRun:
    return prepared(tmp_path_factory.mktemp("sweep"))


@pytest.fixture
def run(sweep: session.PreparedRun, tmp_path: Path) -> Callable[..., Watched]:
    def carry_out(happens: Fault | None = None, **keywords: Any) -> Watched:
        return Watched(Attempt(sweep, tmp_path / "runs"), happens, **keywords).run()

    return carry_out


@pytest.fixture(scope="module")
def undisturbed(sweep: session.PreparedRun, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return Watched(Attempt(sweep, tmp_path_factory.mktemp("undisturbed"))).run()


def moments(undisturbed: Watched) -> list[int]:
    """Operations with the spectroradiometer on the way of the first spectrum."""
    numbers = [number for number, _, operation in undisturbed.seen]
    writes = [number for number, _, operation in undisturbed.seen if operation == "write"]
    start, conditions, _, block, _, _, colorimetry = writes[:7]
    befores = [start, (start + conditions) / 2, conditions, block, colorimetry]
    return [start, *(min(number for number in numbers if number > before) for before in befores[1:4])]


def test_nothing_happens(undisturbed: Watched) -> None:
    assert undisturbed.notes == []
    assert undisturbed.result.run is not None
    assert len(undisturbed.result.run.spectra) == 3
    assert undisturbed.gap < LONGEST_GAP


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.SILENT,
        FaultKind.REPLY_LOST,
        FaultKind.CONNECTION_LOST,
        # these are rows of the fault table too
        *(
            pytest.param(kind, marks=pytest.mark.long)
            for kind in (
                FaultKind.REPLY_GARBLED,
                FaultKind.REPLY_CUT,
                FaultKind.REPLY_DOUBLED,
                FaultKind.REPLY_OF_BEFORE,
                FaultKind.TIMEOUT,
            )
        ),
    ],
)
def test_the_source_is_read_and_the_run_completes_whatever_befalls_the_spectroradiometer(
    kind: FaultKind, run: Callable[..., Watched], undisturbed: Watched
) -> None:
    lasting = FOR_GOOD if kind in (FaultKind.CONNECTION_LOST, FaultKind.TIMEOUT) else 1
    gap = cost = longer = 0.0
    for number in moments(undisturbed):
        watched = run(Fault(kind, number, lasting))
        assert watched.result.run is not None, watched.result.error
        assert not watched.result.error
        assert watched.result.run.status == "completed"
        assert len(watched.attempt.reported) == 4
        lost = 3 - len(watched.result.run.spectra)
        assert lost == 0 or any(text.startswith("no spectrum at") for text in watched.notes)
        assert lost <= 1 or any("left alone for the rest of the run" in text for text in watched.notes)
        check_spectra(watched, undisturbed)
        gap, cost = max(gap, watched.gap), max(cost, watched.longest_spectrum - undisturbed.longest_spectrum)
        longer = max(longer, watched.duration - undisturbed.duration)
    print(f"{kind}: source not read for {gap:.2f} s, spectrum {cost:.1f} s longer, run {longer:.1f} s longer at most")
    assert gap < LONGEST_GAP
    assert cost < 1.5 * SOME_SECONDS
    assert longer < 2 * SOME_SECONDS


def check_spectra(watched: Watched, undisturbed: Watched) -> None:
    """No late or repeated line has become part of a spectrum."""
    assert watched.result.run is not None
    assert undisturbed.result.run is not None
    truths = {spectrum.point_index: spectrum for spectrum in undisturbed.result.run.spectra}
    assert not any("disagree" in text for text in watched.notes)
    for spectrum in watched.result.run.spectra:
        truth = truths[spectrum.point_index]
        assert spectrum.x == pytest.approx(truth.x, abs=0.003)
        assert spectrum.luminance == pytest.approx(truth.luminance, rel=0.05)


def test_a_meter_that_stays_silent_is_left_alone_after_the_second_spectrum(
    run: Callable[..., Watched], undisturbed: Watched
) -> None:
    watched = run(Fault(FaultKind.SILENT, moments(undisturbed)[0]))
    first, second = watched.notes
    assert "no spectrum at 5 V" in first
    assert "no answer to MEAS,1" in first
    assert "no spectrum at 5.5 V" in second
    assert "no answer to IDDR within 2 s" in second
    assert second.endswith("the spectroradiometer is left alone for the rest of the run")


def test_a_meter_that_answers_again_takes_the_next_spectrum(run: Callable[..., Watched], undisturbed: Watched) -> None:
    woken = []

    def wakes(event: Any) -> None:
        if isinstance(event, Record) and event.reading.index == 1:
            woken.append(watched.attempt.simulated)
            line: Any = watched.attempt.simulated.library.twins[METER]  # type: ignore[union-attr]
            line.silent = False

    watched = Watched(run().attempt, Fault(FaultKind.SILENT, moments(undisturbed)[0]))
    watched.attempt.watch = wakes
    watched.attempt.events.clear()
    watched.attempt.output = watched.attempt.output / "again"
    watched.run()
    assert woken
    assert watched.result.run is not None
    assert len(watched.result.run.spectra) == 2
    assert len(watched.notes) == 1


def test_leaving_a_silent_meter_takes_no_time(run: Callable[..., Watched], undisturbed: Watched) -> None:
    watched = run(Fault(FaultKind.SILENT, moments(undisturbed)[0]))
    assert watched.attempt.simulated is not None
    smu: Any = watched.attempt.simulated.twins[SMU]
    off = max(change.time for change in smu.output_log if not change.output_on)
    assert watched.duration - off < 2.0


@pytest.mark.parametrize("begins_after", [0.0, 2.0, 3.0])
def test_ctrl_c_during_a_spectrum_of_a_meter_that_went_silent(
    begins_after: float, run: Callable[..., Watched], undisturbed: Watched, tmp_path: Path
) -> None:
    watched = Watched(Attempt(run().attempt.sweep, tmp_path / "stopped"))
    watched.happens = Fault(FaultKind.SILENT, moments(undisturbed)[0])
    asked: list[float] = []

    def stop(event: Any) -> None:
        assert watched.attempt.simulated is not None
        now = watched.attempt.simulated.clock.now()
        if type(event).__name__ == "ExposureSample" and not asked and now > begins_after:
            asked.append(now)
            watched.attempt.stop.ask("interrupted by Ctrl-C")

    watched.attempt.watch = stop
    watched.run()
    assert watched.attempt.simulated is not None
    smu: Any = watched.attempt.simulated.twins[SMU]
    off = smu.output_log[-1]
    assert not off.output_on
    assert off.time - asked[0] < 1.1
    assert watched.duration - off.time < SOME_SECONDS
    watched.attempt.check_what_is_left("stopped")


def test_a_meter_that_has_lost_its_data_measures_once_more(run: Callable[..., Watched], undisturbed: Watched) -> None:
    lost = []

    def forgets(twin: Any) -> None:
        read = twin._commands["MEDR"][1]

        def no_data(parameters: list[str]) -> str:
            if len(lost) < 4:
                lost.append(parameters)
                twin._reading = None
            return str(read(parameters))

        twin._commands["MEDR"] = (twin._commands["MEDR"][0], no_data)

    watched = run(twin_is=forgets)
    assert watched.result.run is not None
    assert len(lost) == 4
    assert watched.notes == []
    first = watched.result.run.spectra[0]
    assert len(watched.result.run.spectra) == 3
    assert first.stop - first.start == pytest.approx(
        undisturbed.result.run.spectra[0].stop - undisturbed.result.run.spectra[0].start,  # type: ignore[union-attr]
        abs=1.0,
    )
    assert watched.gap < LONGEST_GAP


def test_the_source_is_read_more_often_than_samples_are_recorded(tmp_path: Path) -> None:
    path = tmp_path / "seldom.yaml"
    dim = {"start: 5 V": "start: 4 V", "[5 V, 5.5 V, 6 V]": "[4 V]", "speed: fast": "speed: fast, sample_every: 10 s"}
    text = SWEEP
    for old, new in dim.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    watched = Watched(Attempt(path, tmp_path / "runs")).run()
    assert watched.result.run is not None
    (spectrum,) = watched.result.run.spectra
    assert spectrum.stop - spectrum.start > 30
    samples = [sample.time for sample in watched.result.run.exposure_samples]
    assert all(after - before >= 10 for before, after in pairwise(samples[:-1]))
    assert len(samples) <= 6
    assert watched.gap < LONGEST_GAP
