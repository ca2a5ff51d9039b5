"""What was sent and received stands in the run file, and the run can be made again from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire.bench.exchange_log import ExchangeLog
from acquire.evaluation.calibration import Calibration, Conditions
from acquire.records import Exchange, Finding, Note, RunStatus, RunStop
from acquire.run_file import exchange, layout, recorder
from acquire.run_file import finish as finishing
from acquire.run_file import read as reading
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.run_files import CAPACITY, a_record, a_simulated_run, a_start

SWEEPS = CONFIGS / "sweeps"
CALIBRATION = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
ROLES = {"smu": "GPIB0::24::INSTR", "photodiode_meter": "GPIB0::16::INSTR", "spectroradiometer": "ASRL3::INSTR"}


def a_recording(path: Path, log: ExchangeLog, room: int) -> recorder.RunRecorder:
    return recorder.create_run_file(
        path,
        a_start(),
        {**CAPACITY, Exchange: room},
        lambda group: layout.write_calibration(group, CALIBRATION),
        log,
    )


@pytest.fixture
def log() -> ExchangeLog:
    return ExchangeLog(iter(np.arange(0.0, 100.0, 0.5)).__next__)


def recorded_points(path: Path, log: ExchangeLog, room: int = 10_000, points: int = 3) -> recorder.RunRecorder:
    record = a_recording(path, log, room)
    tap = log.tap("smu")
    for index in range(points):
        tap(f":SOUR:VOLT {index};:READ?".encode(), b"")
        tap(b"", b"+1.0E+00,\xff")
        tap(b"", b"+2.0E-03\n")
        record(a_record(index))
    return record


def expected_exchanges(points: int) -> list[Exchange]:
    both = [
        (
            Exchange(0.5 + 1.5 * index, "smu", f":SOUR:VOLT {index};:READ?".encode(), b""),
            Exchange(1.5 + 1.5 * index, "smu", b"", b"+1.0E+00,\xff+2.0E-03\n"),
        )
        for index in range(points)
    ]
    return [message for pair in both for message in pair]


def test_last_messages_that_cannot_be_written_are_not_lost_without_a_word(tmp_path: Path, log: ExchangeLog) -> None:
    record = recorded_points(tmp_path / "run.h5", log)
    log.tap("smu")(b":OUTP OFF", b"")
    write = record._write
    refused = iter([OSError(28, "No space left on device")])

    def once_full(descriptor: int, data: bytes, offset: int) -> int:
        for problem in refused:
            raise problem
        return write(descriptor, data, offset)

    record._write = once_full
    with pytest.raises(recorder.RecordingError, match="No space left on device"):
        record.conclude(RunStop(RunStatus.COMPLETED, "", "2026-11-22T12:00:00+00:00"))
    record.close()
    assert finishing.finish(tmp_path / "run.h5").status == "completed"


def test_every_message_is_there_before_and_after_the_file_is_finished(tmp_path: Path, log: ExchangeLog) -> None:
    path = tmp_path / "run.h5"
    recorded_points(path, log).close()
    before = reading.read_run(path).exchanges
    assert [message[1:] for message in before] == [message[1:] for message in expected_exchanges(3)]
    assert finishing.finish(path).exchanges == before
    after = reading.read_run(path)
    assert after.exchanges == before
    assert (after.integrity.verifiable, after.integrity.damaged) == (True, ())
    with h5py.File(path) as file:
        group = file["entry/exchange"]
        assert group["sent"].compression == "gzip"
        assert bytes(group["sent"][: group["sent_end"][0]]) == b":SOUR:VOLT 0;:READ?"
        assert group["time"].attrs["units"] == "s"


def test_when_the_room_is_full_it_is_said_once_and_recording_goes_on(tmp_path: Path, log: ExchangeLog) -> None:
    path = tmp_path / "run.h5"
    record = recorded_points(path, log, room=200, points=5)
    record.conclude(RunStop(RunStatus.COMPLETED, "", "2026-01-02T03:05:00+01:00"))
    record.close()
    assert not log.on
    run = finishing.finish(path)
    assert run.points == 5
    assert 0 < len(run.exchanges) < 10
    assert [note.text for note in run.notes if note.text == recorder.EXCHANGE_FULL] == [recorder.EXCHANGE_FULL]


def test_a_changed_byte_is_said_and_nothing_from_there_is_used(tmp_path: Path, log: ExchangeLog) -> None:
    path = tmp_path / "run.h5"
    recorded_points(path, log).close()
    content = bytearray(path.read_bytes())
    content[content.index(b":SOUR:VOLT 1;") + 3] ^= 4
    path.write_bytes(content)
    run = reading.read_run(path)
    assert [message.sent for message in run.exchanges] == [b":SOUR:VOLT 0;:READ?", b""]
    assert any("/entry/exchange was changed in the file" in text for text in run.integrity.damaged)
    assert run.points == 3


def test_what_is_exchanged_at_points_that_come_fast_is_written_together(
    tmp_path: Path, log: ExchangeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "EXCHANGE_INTERVAL", 1e9)
    path = tmp_path / "run.h5"
    record = recorded_points(path, log)
    assert path.read_bytes().count(b":SOUR:VOLT") == 1
    record.close()
    assert path.read_bytes().count(b":SOUR:VOLT") == 3


def test_a_changed_byte_in_the_last_message_before_a_crash_is_said(
    tmp_path: Path, log: ExchangeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came after the last sync counts by its own check alone; that it fails is not silence."""
    monkeypatch.setattr(recorder, "EXCHANGE_INTERVAL", -1.0)
    path = tmp_path / "run.h5"
    record = recorded_points(path, log)
    content = bytearray(path.read_bytes())
    record.close()
    content[content.index(b":SOUR:VOLT 2;") + 3] ^= 4
    path.write_bytes(content)
    assert any("/entry/exchange was changed in the file" in text for text in reading.read_run(path).integrity.damaged)


def test_a_changed_byte_of_a_finished_file_is_said(tmp_path: Path, log: ExchangeLog) -> None:
    path = tmp_path / "run.h5"
    recorded_points(path, log).close()
    finishing.finish(path)
    with h5py.File(path, "r+") as file:
        file["entry/exchange/received"][0] += 1
    assert any("/entry/exchange is not as it was written" in text for text in reading.read_run(path).integrity.damaged)


def test_there_is_room_for_what_the_shipped_sweeps_exchange(tmp_path: Path) -> None:
    for name in ("quick_look.yaml", "hysteresis.yaml"):
        run = reading.read_run(a_simulated_run(tmp_path, name))
        used = len(exchange.frame(run.exchanges, 0))
        small = [table for table in layout.TABLES if not table.streamed]
        kinds = {table.event: len(next(iter(run.tables[table.name].values()))) for table in small}
        del kinds[Note], kinds[Finding]
        assert used < exchange.room_for_exchange(kinds) / 1.5


@pytest.mark.parametrize(("line", "kept"), [("exchange: false", False), ("exchange: true", True)])
def test_the_sweep_file_says_whether_it_is_kept(
    line: str, kept: bool, sweep_file: Callable[..., Path], tmp_path: Path
) -> None:
    sweep = sweep_file("quick_look.yaml", {"kind: sweep": f"kind: sweep\n{line}"})
    run = run_sweep_file(sweep, tmp_path / "runs").run
    assert run is not None
    assert bool(run.exchanges) is kept
    with h5py.File(run.path) as file:
        assert ("exchange" in file["entry"]) is kept
