"""Readings with a number missing: repeated, marked or the end of the sweep, as the sweep file says; never silent."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, isnan
from pathlib import Path
from typing import Any

import pytest

from acquire.records import DarkReading, ExposureSample, Note, PointFlag, Record
from drivers.simulated.bench import SimulatedBench
from tests.conftest import CONFIGS
from tests.support.attempt import LIQ, QUICK, Attempt
from tests.support.bad_replies import Replies, damage_readings

SMU, METER = "GPIB0::24::INSTR", "GPIB0::16::INSTR"
DARK = 3  # readings before the first point of the quick look


def overflow(reply: bytes) -> bytes:
    return b"+9.9E37\n"


def unreadable(reply: bytes) -> bytes:
    return b"+1.0E\xb0-0,?\n"


def truncated(reply: bytes) -> bytes:
    return b"+1.00\n"


def over_range(reply: bytes) -> bytes:
    voltage, _, *others, status = reply.split(b",")
    return b",".join([voltage, b"+9.900000E+37", *others, f"{float(status) + 1:.6E}\n".encode()])


def no_current(reply: bytes) -> bytes:
    voltage, _, *others = reply.split(b",")
    return b",".join([voltage, b"+9.910000E+37", *others])


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(QUICK, tmp_path / "runs")


@pytest.fixture
def rule(attempt: Attempt, sweep_file: Callable[..., Path]) -> Callable[[str], None]:
    """Give the quick look another rule for bad readings."""

    def write(name: str) -> None:
        attempt.sweep = sweep_file("quick_look.yaml", {"  nplc: 0.1": f"  bad_reading: {name}\n  nplc: 0.1"})

    return write


def damage(attempt: Attempt, resource: str, replies: Replies) -> list[int]:
    count = [0]

    def prepare(simulated: SimulatedBench) -> None:
        damage_readings(simulated.twins[resource], replies, count)

    attempt.prepare_bench = prepare
    return count


def points(attempt: Attempt) -> list[Record]:
    return attempt.reported


def notes(attempt: Attempt) -> list[str]:
    return [event.text for event in attempt.events if isinstance(event, Note)]


CASES = [
    (METER, overflow, PointFlag.PHOTODIODE_OVERFLOW, "the photodiode meter read overflow"),
    (METER, unreadable, PointFlag.NO_PHOTODIODE_READING, "no photodiode signal was read"),
    (SMU, truncated, PointFlag.NO_SOURCE_READING | PointFlag.NO_PHOTODIODE_READING, "no voltage or no current"),
    (SMU, unreadable, PointFlag.NO_SOURCE_READING | PointFlag.NO_PHOTODIODE_READING, "no voltage or no current"),
    (SMU, over_range, PointFlag.OVER_RANGE | PointFlag.NO_SOURCE_READING, "over-range"),
    (SMU, no_current, PointFlag.NO_SOURCE_READING, "no voltage or no current"),
]


@pytest.mark.parametrize(("resource", "bad", "flags", "words"), CASES)
def test_a_bad_reading_is_repeated_once(
    resource: str, bad: Callable[[bytes], bytes], flags: PointFlag, words: str, attempt: Attempt
) -> None:
    damage(attempt, resource, {DARK + 4: bad})
    result = attempt.run()
    assert not result.error
    repeated = [record.reading.index for record in points(attempt) if record.flags & PointFlag.READING_REPEATED]
    assert repeated == [4]
    reading = points(attempt)[4].reading
    assert not reading.flags & flags
    assert reading.voltage == pytest.approx(2.0, abs=1e-3)
    assert isfinite(reading.photodiode_signal)
    assert [text for text in notes(attempt) if "point 5, 2 V" in text and words in text and "read again" in text]
    assert all(not record.flags & flags for record in points(attempt)), "the readings after it are in step"
    attempt.check_what_is_left("stopped")


@pytest.mark.parametrize(("resource", "bad", "flags", "words"), CASES)
def test_one_that_is_bad_again_is_marked(
    resource: str, bad: Callable[[bytes], bytes], flags: PointFlag, words: str, attempt: Attempt
) -> None:
    damage(attempt, resource, {DARK + 4: bad, DARK + 5: bad})
    result = attempt.run()
    assert not result.error
    record = points(attempt)[4]
    assert record.flags & (flags | PointFlag.READING_REPEATED) == flags | PointFlag.READING_REPEATED
    assert isnan(record.reading.photodiode_signal) or isnan(record.reading.voltage + record.reading.current)
    assert not points(attempt)[5].flags & (flags | PointFlag.READING_REPEATED)
    assert any(words in text and "recorded as missing" in text for text in notes(attempt))


@pytest.mark.parametrize(("resource", "bad", "flags", "words"), CASES[:3:2])
def test_with_mark_nothing_is_repeated(
    resource: str, bad: Callable[[bytes], bytes], flags: PointFlag, words: str, attempt: Attempt, rule: Any
) -> None:
    rule("mark")
    damage(attempt, resource, {DARK + 4: bad})
    result = attempt.run()
    assert not result.error
    assert points(attempt)[4].flags & flags == flags
    assert not any(record.flags & PointFlag.READING_REPEATED for record in points(attempt))
    assert [words in text for text in notes(attempt)] == [True]
    attempt.check_what_is_left("stopped")


@pytest.mark.parametrize(("resource", "bad", "flags", "words"), CASES[:3:2])
def test_with_stop_the_run_ends_and_says_where_and_why(
    resource: str, bad: Callable[[bytes], bytes], flags: PointFlag, words: str, attempt: Attempt, rule: Any
) -> None:
    rule("stop")
    damage(attempt, resource, {DARK + 4: bad})
    result = attempt.run()
    assert not result.error
    assert result.run is not None
    assert result.run.status == "stopped"
    assert words in result.run.stop_reason
    assert "point 5, level 2" in result.run.stop_reason
    assert len(points(attempt)) == 5
    assert points(attempt)[4].flags & flags == flags
    attempt.check_what_is_left("stopped")


def test_the_reply_that_made_no_sense_is_in_the_note(attempt: Attempt) -> None:
    damage(attempt, METER, {DARK + 4: lambda reply: b"hello\n"})
    attempt.run()
    assert [text for text in notes(attempt) if METER in text and "'hello" in text]


def test_the_flags_are_in_the_file_and_stay(attempt: Attempt) -> None:
    damage(attempt, METER, {DARK + 4: overflow, DARK + 6: overflow, DARK + 7: overflow})
    result = attempt.run()
    assert result.run is not None
    flags = [record.flags for record in result.run.records]
    assert flags[4] & PointFlag.READING_REPEATED
    assert flags[5] & PointFlag.READING_REPEATED
    assert flags[5] & PointFlag.PHOTODIODE_OVERFLOW
    assert isnan(result.run.records[5].luminance)


def test_a_reading_in_compliance_is_not_bad(attempt: Attempt, sweep_file: Callable[..., Path]) -> None:
    changes = {"compliance: 10 mA": "compliance: 1 mA", "current_range: 10 mA": "bad_reading: stop"}
    attempt.sweep = sweep_file("quick_look.yaml", {**changes, "\nstop:": "\nstop:\n  on_compliance: continue"})
    result = attempt.run()
    assert not result.error
    assert any(record.flags & PointFlag.COMPLIANCE for record in points(attempt))
    assert not any(record.flags & PointFlag.READING_REPEATED for record in points(attempt))
    assert notes(attempt) == []


def test_many_bad_readings_make_few_notes(attempt: Attempt) -> None:
    damage(attempt, METER, dict.fromkeys(range(DARK + 4, DARK + 18), overflow))
    attempt.run()
    bad = sum(bool(record.flags & PointFlag.PHOTODIODE_OVERFLOW) for record in points(attempt))
    assert bad == 7
    assert sum("overflow" in text for text in notes(attempt)) == 4
    assert any(text.startswith("6 more readings: the photodiode meter read overflow") for text in notes(attempt))


def test_a_device_is_not_driven_blindly(attempt: Attempt, rule: Any) -> None:
    rule("mark")
    damage(attempt, SMU, dict.fromkeys(range(DARK + 4, DARK + 18), truncated))
    result = attempt.run()
    assert "3 times in a row" in result.error
    assert "driven blindly" in result.error
    assert len(points(attempt)) == 7
    attempt.check_what_is_left("failed")


def test_now_and_then_a_reading_of_the_source_may_be_missing(attempt: Attempt, rule: Any) -> None:
    rule("mark")
    damage(attempt, SMU, dict.fromkeys([DARK + 4, DARK + 5, DARK + 7, DARK + 8], truncated))
    result = attempt.run()
    assert not result.error
    assert sum(bool(record.flags & PointFlag.NO_SOURCE_READING) for record in points(attempt)) == 4


def test_a_level_is_not_repeated_where_a_limit_was_passed(attempt: Attempt) -> None:
    def too_much(reply: bytes) -> bytes:
        return b",".join([b"+2.100000E+01", *reply.split(b",")[1:]])

    counts = [0], [0]

    def prepare(simulated: SimulatedBench) -> None:
        damage_readings(simulated.twins[SMU], {DARK + 4: too_much}, counts[0])
        damage_readings(simulated.twins[METER], {DARK + 4: overflow}, counts[1])

    attempt.prepare_bench = prepare
    result = attempt.run()
    assert "point 5: measured 21 V at level 2 V is beyond" in result.error
    assert counts == ([DARK + 5], [DARK + 5])
    assert points(attempt)[4].flags & PointFlag.PHOTODIODE_OVERFLOW


def test_a_bad_dark_reading_is_repeated(attempt: Attempt) -> None:
    count = damage(attempt, METER, {1: overflow})
    attempt.run()
    dark = [event for event in attempt.events if isinstance(event, DarkReading)]
    assert len(dark) == DARK
    assert all(isfinite(reading.photodiode_signal) for reading in dark)
    assert count[0] == DARK + 1 + len(points(attempt))
    assert "dark reading, 0 V: the photodiode meter read overflow; read again" in notes(attempt)


def test_a_dark_reading_that_stays_bad_is_left_out_of_the_zero(attempt: Attempt, rule: Any) -> None:
    rule("mark")
    damage(attempt, METER, {1: overflow})
    result = attempt.run()
    assert result.run is not None
    assert [isnan(reading.photodiode_signal) for reading in result.run.dark] == [False, True, False]
    assert not any(isnan(record.luminance) for record in result.run.records)


def test_a_sweep_without_a_photodiode_zero_does_not_begin(attempt: Attempt) -> None:
    damage(attempt, METER, dict.fromkeys(range(1, 40), overflow))
    result = attempt.run()
    assert "1 of 3 have a photodiode signal" in result.error
    assert "dark.before: false" in result.error
    assert points(attempt) == []
    attempt.check_what_is_left("failed")


def test_bad_dark_readings_after_the_sweep_cost_nothing_but_the_drift(
    attempt: Attempt, sweep_file: Callable[..., Path]
) -> None:
    attempt.sweep = sweep_file("quick_look.yaml", {"  after: false": "  after: true"})
    damage(attempt, METER, dict.fromkeys(range(DARK + 1, 400), overflow))
    result = attempt.run()
    assert not result.error
    assert result.run is not None
    assert isfinite(result.run.records[0].luminance)
    assert any("dark readings after the sweep: 0 of 3" in text for text in notes(attempt))


def test_with_stop_a_bad_dark_reading_ends_the_run(attempt: Attempt, rule: Any) -> None:
    rule("stop")
    damage(attempt, METER, {1: overflow})
    result = attempt.run()
    assert not result.error
    assert result.run is not None
    assert result.run.status == "stopped"
    assert result.run.stop_reason == "the photodiode meter read overflow (dark reading 2 of 3)"
    assert points(attempt) == []
    attempt.check_what_is_left("stopped")


def test_with_stop_bad_dark_readings_after_the_sweep_have_nothing_left_to_stop(
    attempt: Attempt, sweep_file: Callable[..., Path]
) -> None:
    changes = {"  after: false": "  after: true", "  nplc: 0.1": "  bad_reading: stop\n  nplc: 0.1"}
    attempt.sweep = sweep_file(
        "quick_look.yaml", {**changes, "stop: 8 V": "stop: 4 V", "no_light_by: 7 V": "no_light_by: 4 V"}
    )
    damage(attempt, METER, dict.fromkeys(range(DARK + 9, 400), overflow))
    result = attempt.run()
    assert result.run is not None
    assert result.run.status == "completed"
    assert [isnan(reading.photodiode_signal) for reading in result.run.dark] == [False] * DARK + [True] * DARK


def test_a_bad_sample_during_a_spectrum_is_marked_and_the_spectrum_counts(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acquire.bench import bench as bench_module

    replies: Replies = {}
    attempt.sweep = LIQ
    count = damage(attempt, METER, replies)
    original = bench_module.BenchInRun.start_exposure

    def start_exposure(self: Any, mode: Any) -> None:
        if not replies:
            replies[count[0]] = overflow
        original(self, mode)

    monkeypatch.setattr(bench_module.BenchInRun, "start_exposure", start_exposure)
    result = attempt.run()
    assert result.run is not None
    assert result.run.status == "completed"
    samples = [event for event in attempt.events if isinstance(event, ExposureSample)]
    assert [isnan(sample.photodiode_signal) for sample in samples].count(True) == 1
    assert isfinite(result.run.spectra[0].photodiode_signal)
    assert any("the photodiode meter read overflow; recorded as missing" in text for text in notes(attempt))


def test_hardware_timing_marks_what_it_cannot_repeat(
    attempt: Attempt, sweep_file: Callable[..., Path], bench_file: Callable[..., Path]
) -> None:
    bench = bench_file({"visa: simulated": "visa: simulated\ntrigger_link: true"})
    attempt.sweep = sweep_file(
        "quick_look.yaml",
        {
            f"{CONFIGS.as_posix()}/benches/simulated.yaml": bench.as_posix(),
            "  nplc: 0.1": "  timing: hardware\n  photodiode_range: 100 mV\n  nplc: 0.1",
            "luminance_above: 1000 cd/m^2": "luminance_above: 100000 cd/m^2",
        },
    )
    result = attempt.run()
    assert not result.error
    bad = [record for record in points(attempt) if record.flags & PointFlag.PHOTODIODE_OVERFLOW]
    assert bad
    assert not any(record.flags & PointFlag.READING_REPEATED for record in points(attempt))
    assert sum("overflow" in text for text in notes(attempt)) == 2
