"""The air beside the bench: its values stand beside each point, and a logger that fails costs nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire import session
from acquire.bench.room import EVERY, LONGEST_AGE, LONGEST_PAUSE, MOST_REMARKS, SHORT_WAIT, Room
from acquire.bench.simulated import simulated_bench
from acquire.bench.site import Site
from acquire.records import Surroundings
from acquire.safety.interruption import StopRequest
from drivers.errors import InstrumentTimeout, UnexpectedReply
from drivers.hmp110.messages import RoomReading, identity_of, room_reading
from tests.conftest import CONFIGS

CELSIUS = 273.15


@dataclass
class Logger:
    """Answers ``delay`` s after it was asked, or fails as told."""

    time: float = 0.0
    delay: float = 0.03
    problem: Exception | None = None
    asked_at: float | None = None
    questions: int = 0
    waited: list[float] = field(default_factory=list)

    @property
    def asked(self) -> bool:
        return self.asked_at is not None

    def trigger(self) -> None:
        self.questions += 1
        self.asked_at = self.time

    def poll(self, timeout: float = 0.0) -> RoomReading | None:
        assert self.asked_at is not None
        self.waited.append(timeout)
        if self.problem is not None:
            self.asked_at = None
            raise self.problem
        ready = self.asked_at + self.delay
        if ready > self.time + timeout:
            self.time += timeout
            return None
        self.time, self.asked_at = max(self.time, ready), None
        return RoomReading(295.0 + self.time / 1000, 0.4)


def points(room: Room, logger: Logger, count: int, every: float) -> list[Surroundings]:
    found = []
    for _ in range(count):
        started = logger.time
        room.look()
        logger.time += every
        found.append(room.at(started))
    return found


def test_points_in_quick_succession_never_wait_and_seldom_ask() -> None:
    logger = Logger()
    found = points(Room(logger, lambda: logger.time), logger, 1000, 0.1)
    assert all(wait in (0.0, SHORT_WAIT) for wait in logger.waited)
    assert logger.waited.count(SHORT_WAIT) <= 1  # for the first point of all
    assert logger.time == pytest.approx(100.0, abs=SHORT_WAIT)
    assert logger.questions <= 100 / EVERY + 1
    assert all(math.isfinite(one.temperature) for one in found)


def test_points_far_apart_have_the_value_of_their_own_time() -> None:
    logger = Logger()
    room, hour = Room(logger, lambda: logger.time), 3600.0
    for n in range(5):
        logger.time = started = n * hour
        room.look()
        assert room.at(started).temperature == pytest.approx(295.0 + started / 1000, abs=1e-3)


def test_a_value_that_is_too_old_is_none() -> None:
    logger = Logger()
    room = Room(logger, lambda: logger.time)
    points(room, logger, 10, 0.1)
    logger.delay = 1e9
    logger.time += LONGEST_AGE + EVERY
    room.look()
    before = logger.time
    assert math.isnan(room.at(logger.time).temperature)
    assert logger.time - before <= SHORT_WAIT


@pytest.mark.parametrize("problem", [InstrumentTimeout("it", "silent"), UnexpectedReply("it", "SEND", "@#!")])
def test_a_logger_that_fails_is_asked_less_and_less_and_said_once(problem: Exception) -> None:
    logger = Logger(problem=problem)
    room = Room(logger, lambda: logger.time)
    found = points(room, logger, 20_000, 1.0)
    assert all(math.isnan(one.temperature) for one in found)
    assert logger.waited.count(SHORT_WAIT) <= 1
    assert len(room.remarks()) == 1
    assert logger.questions < 20_000 / LONGEST_PAUSE + 12
    logger.problem = None
    assert math.isfinite(points(room, logger, 700, 1.0)[-1].temperature)
    assert ["answers again" in text for text in room.remarks()] == [True]


def test_a_bad_contact_makes_no_flood_of_remarks() -> None:
    logger = Logger()
    room = Room(logger, lambda: logger.time)
    for _ in range(2 * MOST_REMARKS):
        logger.problem = InstrumentTimeout("it", "silent")
        points(room, logger, 50, 30.0)
        logger.problem = None
        points(room, logger, 50, 30.0)
    said = room.remarks()
    assert len(said) == MOST_REMARKS
    assert "no more" in said[-1]


def test_without_a_logger_there_is_nothing() -> None:
    room = Room(None, lambda: 0.0)
    room.look()
    assert math.isnan(room.at(0.0).relative_humidity)


@pytest.mark.parametrize(
    ("line", "temperature", "humidity"),
    [
        ("T= 22.6 'C RH= 22.8 %RH Td= 0.3 'C", 22.6, 0.228),
        ("T=  19.81 'C RH=  19.31 %RH Td=  -3.76 'C ", 19.81, 0.1931),
        ("RH= 98.4 %RH T= 31.1 'C", 31.1, 0.984),
        ("RH= 16.03%RH T= 74.66'F", (74.66 - 32) / 1.8, 0.1603),
        ("T= -5.0 'C", -5.0, math.nan),
        ("T= ****** 'C RH= 40.0 %RH", math.nan, 0.4),
    ],
)
def test_lines_as_the_guides_print_them(line: str, temperature: float, humidity: float) -> None:
    found = room_reading(line)
    assert found is not None
    assert found.temperature == pytest.approx(temperature + CELSIUS, nan_ok=True)
    assert found.relative_humidity == pytest.approx(humidity, nan_ok=True)


@pytest.mark.parametrize(
    "line",
    ["", "RH= 40 %RH", "Td= 8.7 'C", "T= 2260 'C RH= 41 %RH", "T= 22.6 'C RH= 410 %RH", "T= 22.6 K", "T= abc 'C"],
)
def test_what_is_no_reading_is_none(line: str) -> None:
    assert room_reading(line) is None


def test_other_probes_of_the_family_are_known_by_their_first_line() -> None:
    found = identity_of(["", "HMP155 1.20", "Serial number  : E4820017"])
    assert found is not None
    assert (found.model, found.serial, found.firmware) == ("HMP155", "E4820017", "1.20")
    assert identity_of(["KEITHLEY INSTRUMENTS INC.,MODEL 2000,1,A"]) is None


# --- in a run --------------------------------------------------------------------------------------------------


def bench_with_logger(folder: Path, options: str = "{}") -> Path:
    text = (CONFIGS / "benches" / "simulated.yaml").read_text(encoding="utf-8")
    for old, new in {
        "../": f"{CONFIGS.as_posix()}/",
        "\nphotodiode:\n": "\n  surroundings:\n    model: hmp110\n    resource: ASRL4::INSTR\n\nphotodiode:\n",
        "  noise: true\n": f"  noise: true\n  options: {{surroundings: {options}}}\n",
    }.items():
        assert old in text, old
        text = text.replace(old, new, 1 if "\n" in old else -1)
    path = folder / "bench.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def slow_sweep(folder: Path) -> Path:
    """A point every two seconds."""
    text = (CONFIGS / "sweeps" / "quick_look.yaml").read_text(encoding="utf-8")
    path = folder / "slow.yaml"
    path.write_text(text.replace("../", f"{CONFIGS.as_posix()}/").replace("settle: 20 ms", "settle: 2 s"), "utf-8")
    return path


def carried_out(folder: Path, options: str = "{}", happens: Any = None) -> tuple[h5py.File, session.RunResult, float]:
    prepared = session.prepare(slow_sweep(folder), bench_with_logger(folder, options))
    simulated = simulated_bench(prepared.loaded)
    twin: Any = simulated.twins["ASRL4::INSTR"]

    def watch(event: Any) -> None:
        if happens is not None:
            happens(event, twin)

    site = Site(simulated.library, simulated.clock.now, simulated.clock.advance)
    result = session.run(prepared, folder, watch, StopRequest(), site)
    assert result.run is not None
    return h5py.File(result.run.path), result, simulated.clock.now()


def test_the_air_stands_beside_each_point(tmp_path: Path) -> None:
    file, result, _ = carried_out(tmp_path, "{temperature: 22.6, humidity: 41, warming: 100}")
    with file:
        points = file["entry/jvl"]
        temperature, time = points["ambient_temperature"][()], points["time"][()]
        assert not result.failed
        # The room warms by 100 K an hour: each value is that of its time, to the age of the value and two decimals
        assert np.allclose(temperature, CELSIUS + 22.6 + 100 * time / 3600, atol=100 * (EVERY + 3) / 3600)
        assert np.ptp(temperature) > 0
        assert np.allclose(points["relative_humidity"], 0.41)
        assert points["ambient_temperature"].attrs["units"] == "K"
        assert file["entry/instrument/surroundings"].attrs["identification"] == "VAISALA, HMP110, H1234567, 1.03"


def test_a_logger_that_fails_costs_its_values_and_no_time(tmp_path: Path) -> None:
    def happens(event: Any, twin: Any) -> None:
        reading = getattr(event, "reading", None)
        twin.silent |= reading is not None and reading.index == 2
        twin.garbled |= reading is not None and reading.index == 8

    runs = {}
    for name, options, befalls in (("whole", "{}", None), ("breaks", "{}", happens), ("dead", "{silent: true}", None)):
        (tmp_path / name).mkdir()
        file, result, ended = carried_out(tmp_path / name, options, befalls)
        with file:
            assert not result.failed
            temperature, time = (file["entry/jvl"][column][()] for column in ("ambient_temperature", "time"))
            notes = [text.decode() for text in file["entry/notes/text"][()] if b"HMP110" in text]
        runs[name] = temperature, time, notes, ended
    for name in ("breaks", "dead"):
        assert runs[name][1] == pytest.approx(runs["whole"][1], abs=3.5)
        assert np.diff(runs[name][1]) == pytest.approx(np.diff(runs["whole"][1]), abs=1e-6)  # no point waits
        assert [len(runs[name][2]), len(runs["whole"][2])] == [1, 0]
    assert np.isfinite(runs["whole"][0]).all()
    assert np.isnan(runs["dead"][0]).all()
