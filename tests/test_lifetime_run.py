"""Lifetimes from the recipe to the figures, against the parameters of the simulated device; and gone on with."""

import re
from dataclasses import replace
from datetime import date
from math import log
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire import session
from acquire.bench.preparation import prepare
from acquire.bench.resuming import take_up
from acquire.cli.live import rows
from acquire.cli.live.account import Account
from acquire.cli.live.outlook import Outlook, outlook_of
from acquire.config import load_sweep
from acquire.photometry.lifetime import acceleration
from acquire.records import Record
from acquire.run_file.finish import recover
from acquire.run_file.placing import locked_shared
from acquire.run_file.read import ArchiveError, read_run
from acquire.safety.interruption import StopRequest
from drivers.simulated.bench import SimulatedBench
from tests.conftest import CONFIGS
from tests.support.attempt import Attempt
from tests.support.events import READING, RECORD

RECIPE = CONFIGS / "sweeps" / "lifetime.yaml"
TAU, BETA, EXPONENT, REFERENCE, AREA = 180.0, 0.8, 1.2, 110.881571, 14e-6  # configs/devices/sppo13_fading.yaml


def recipe(folder: Path, name: str = "life.yaml", **changes: str) -> Path:
    text = RECIPE.read_text(encoding="utf-8").replace("../", f"{CONFIGS.as_posix()}/")
    for old, new in {"levels: [1.5 mA] ": "levels: [1.5 mA] ", **changes}.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def tau_at(current: float) -> float:
    return TAU * (current / AREA / REFERENCE) ** -EXPONENT


def lifetime_at(current: float, share: float, since: float = 1.0) -> float:
    """T_x by the device's own parameters, L_0 being the luminance at ``since`` s."""
    tau = tau_at(current)
    first = (since / tau) ** BETA
    return float(tau * (log(1 / share) + first) ** (1 / BETA))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory):
    """Finished runs of the recipe at three currents."""
    folder, runs = tmp_path_factory.mktemp("levels"), {}
    for current, text in ((1.5e-3, "1.5 mA"), (2.5e-3, "2.5 mA"), (4e-3, "4 mA")):
        path = recipe(folder, f"{text}.yaml".replace(" ", ""), **{"levels: [1.5 mA]": f"levels: [{text}]"})
        runs[current] = Attempt(path, folder / "runs").run().run
    return runs


def test_the_figures_are_those_of_the_device(three):
    for current, run in three.items():
        assert run.status == "completed"
        assert "of L_0" in run.stop_reason
        figures = run.figures
        truth = {f"lifetime_{share}": lifetime_at(current, share / 100) for share in (95, 90, 80, 50)}
        truth |= {"lifetime_time_constant": tau_at(current), "lifetime_stretching_exponent": BETA}
        for name, value in truth.items():
            assert figures[name].status == "ok"
            assert abs(figures[name].value - value) < 3 * figures[name].uncertainty, (current, name)
            assert figures[name].uncertainty < 0.06 * value


def test_three_levels_give_the_acceleration_of_the_device(three):
    runs = list(three.values())
    initial = np.array([run.figures["initial_luminance"].value for run in runs])
    t50 = [run.figures["lifetime_50"] for run in runs]
    found = acceleration(initial, np.array([t.value for t in t50]), np.array([t.uncertainty / t.value for t in t50]))
    # L goes with J^1 but for the roll-off of the device, so that n by luminance is a little above n by current
    slope = np.polyfit(np.log(list(three)), np.log(initial), 1)[0]
    assert abs(found.exponent - EXPONENT / slope) < found.half_width
    assert found.half_width < 0.15


def drifting(simulated: SimulatedBench) -> None:
    """The photodiode's channel loses 3 % a minute."""
    voltage = simulated.fixture.photodiode_voltage

    def faded(integrated: float = 0.0) -> float:
        return voltage(integrated) * (1 - 5e-4 * simulated.clock.now())

    simulated.fixture.photodiode_voltage = faded  # type: ignore[method-assign]


EVERY_MINUTE = "every\n  reference_every: 60 s"


@pytest.mark.parametrize(("reference", "drifts"), [("once", False), (EVERY_MINUTE, False), (EVERY_MINUTE, True)])
def test_a_photodiode_that_is_referenced_gives_the_lifetimes_of_the_device(reference, drifts, tmp_path):
    path = recipe(tmp_path, **{"  initial_time: 1 s": f"  reference: {reference}\n  initial_time: 1 s"})
    attempt = Attempt(path, tmp_path / "runs")
    if drifts:
        attempt.prepare_bench = drifting
    run = attempt.run().run
    assert run is not None
    assert run.figures["initial_luminance"].value == pytest.approx(951.3, rel=0.007)  # half of the fading meanwhile
    truth = {f"lifetime_{share}": lifetime_at(1.5e-3, share / 100) for share in (95, 90, 80, 50)}
    for name, value in truth.items():
        figure = run.figures[name]
        assert abs(figure.value - value) < 2 * figure.uncertainty, (name, figure)
        assert figure.value == pytest.approx(value, rel=0.02)


def test_referenced_once_the_first_spectrum_says_it_whatever_comes_later(tmp_path):
    path = recipe(tmp_path, **{"  initial_time: 1 s": "  reference: once\n  initial_time: 1 s"})
    attempt = Attempt(path, tmp_path / "runs")
    attempt.prepare_bench = drifting
    run = attempt.run().run
    assert run is not None
    assert len(run.spectra) == 2  # at L_0, and at half of it
    live = [one.luminance for one in attempt.reported]
    with h5py.File(run.path) as file:
        worth = file["entry/lifetime/luminance"][:] / live
    assert np.ptp(worth[2:]) < 1e-3 * worth[2]


def test_the_rows_are_in_a_table_of_their_own(three):
    run = three[1.5e-3]
    with h5py.File(run.path) as file:
        rows = file["entry/lifetime"]
        stress, ratio = rows["stress_time"][:], rows["relative_luminance"][:]
        assert stress[1] == pytest.approx(1.0)
        assert ratio[1] == 1.0
        assert (np.diff(stress) > 0).all()
        assert file["entry/spectra/point_index"][0] == 1
        assert len(file["entry/parts/time"]) == 1
        assert len(file["entry/jvl/time"]) == 0


def stopped_after(path: Path, folder: Path, rows: int):
    attempt = Attempt(path, folder)

    def watch(event):
        if isinstance(event, Record) and event.reading.index == rows:
            attempt.stop.note("interrupted by Ctrl-C")

    attempt.watch = watch
    result = attempt.run()
    assert result.run is not None
    assert result.interrupted
    return result.run


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that somebody stopped after a few points."""
    folder = tmp_path_factory.mktemp("stopped")
    return stopped_after(recipe(folder), folder / "runs", 3)


def test_a_run_goes_on_in_its_own_file(tmp_path, three):
    run = stopped_after(recipe(tmp_path), tmp_path / "runs", 20)
    before = run.rows["lifetime"]
    events = []
    result = session.resume(take_up(run.path), events.append, StopRequest())
    assert result.run is not None
    assert result.error == ""
    assert result.run.path == run.path
    assert result.run.status == "completed"
    with h5py.File(run.path) as file:
        entry = file["entry"]
        part, stress = entry["lifetime/part"][:], entry["lifetime/stress_time"][:]
        assert (part[:before] == 0).all()
        assert (part[before:] == 1).all()
        assert (np.diff(stress) > 0).all()
        assert stress[before] - stress[before - 1] < 0.2  # the gap is no part of it
        assert (np.diff(entry["lifetime/time"][:]) > 0).all()
        assert entry["parts/gap"][1] > 0
        assert entry["parts/reason"][1] == b"interrupted by Ctrl-C"
        relative = entry["lifetime/relative_luminance"][:]
        assert abs(relative[before] / relative[before - 1] - 1) < 0.01  # the simulated device is as old as it was
        assert [*np.diff(entry["spectra/point_index"][:])] > [0]
    for name in ("lifetime_80", "lifetime_50", "lifetime_time_constant"):
        whole, one = result.run.figures[name], three[1.5e-3].figures[name]
        assert abs(whole.value - one.value) < 0.02 * one.value


def test_a_run_that_was_recovered_stays_one_that_can_be_gone_on_with(tmp_path):
    run = stopped_after(recipe(tmp_path), tmp_path / "runs", 8)
    assert run.resumable
    again = stopped_again(run.path)
    assert read_run(again).tables["parts"]["time"].size == 2
    assert recover(again).rows["lifetime"] > 8


def stopped_again(path: Path) -> Path:
    taken_up, stop = take_up(path), StopRequest()

    def watch(event):
        if isinstance(event, Record) and event.reading.index == 14:
            stop.note("the terminal was closed")

    assert session.resume(taken_up, watch, stop).interrupted
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("levels: [1.5 mA] ", "levels: [1.6 mA] ", "sweep.source.levels"),
        ("name: SPPO13-fading", "name: another", "sweep.sample.name"),
        ("until: 6 min", "until: 7 min", "sweep.lifetime.sampling"),
        ("sppo13_fading.yaml", "sppo13_liq.yaml", "device"),
        ("benches/simulated.yaml", "benches/simulated_room.yaml", "bench.instruments"),
    ],
)
def test_another_recipe_or_device_is_refused(tmp_path, stopped, old, new, words):
    given = load_sweep(recipe(tmp_path, "other.yaml", **{old: new}))
    with pytest.raises(ArchiveError, match=re.escape(words)) as refused:
        take_up(stopped.path, given)
    assert "nothing was opened" in str(refused.value)


def test_the_same_recipe_is_not_refused(tmp_path, stopped):
    assert take_up(stopped.path, load_sweep(recipe(tmp_path))).rows.count == stopped.rows["lifetime"]


def test_what_is_complete_still_running_or_no_lifetime_is_refused(tmp_path, three, stopped):
    with pytest.raises(ArchiveError, match=r"is complete .*Start a new run"):
        take_up(three[1.5e-3].path)
    content = stopped.path.read_bytes()
    with locked_shared(stopped.path), pytest.raises(ArchiveError, match="still going on"):
        take_up(stopped.path)
    assert stopped.path.read_bytes() == content
    quick = Attempt(CONFIGS / "sweeps" / "quick_look.yaml", tmp_path / "quick").run().run
    assert quick is not None
    with pytest.raises(ArchiveError, match="only a lifetime can"):
        take_up(quick.path)


def test_the_screen_says_the_share_of_the_first_luminance(tmp_path, stopped):
    """What is shown of each point is what its row says; of a run that is gone on with, by the L_0 of its first part."""
    for prepared, run in ((prepare(recipe(tmp_path)), None), (take_up(stopped.path).prepared, stopped)):
        account = Account(outlook_of(prepared, date(2026, 1, 1)), lambda: 0.0)
        shown = rows.columns("A", share_of=account.share_told)
        assert "L/L_0" in {column.name for column in shown}
        if run is not None:
            assert account.outlook.lifetime.initial_luminance == run.figures["initial_luminance"].value
            continue
        for time, luminance in ((0.1, 900.0), (1.5, 1000.0), (2.5, 950.0)):
            reading = replace(READING, index=int(time), time=time, cycle=0)
            record = RECORD._replace(reading=reading, luminance=luminance)
            list(account.take(record))
        assert account.share_of(record) == pytest.approx(0.95)
        assert "95" in rows.row(record, shown)
    assert Account(Outlook(), lambda: 0.0).share_told is None
