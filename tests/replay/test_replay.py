"""Recorded runs made again from their files: each recording without a difference, and each planted change found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import h5py
import pytest

from acquire.records import Exchange
from acquire.replay.replay import Replayed, replay
from acquire.run_file import exchange
from acquire.run_file.read import ArchiveError, read_run
from acquire.run_file.recorder import EXCHANGE_FULL
from tests.support import recorded_sweeps
from tests.support.command import acquire
from tests.support.run_files import a_cut_off_run

RECORDINGS = Path(__file__).parents[1] / "recordings"
WITH_MESSAGES = sorted(RECORDINGS.glob("replay_*.h5"))
STEPPED = RECORDINGS / "replay_stepped.h5"
OLD = RECORDINGS / "20261128T080939_SPPO13-Liq_2acaeb90.h5"

Messages = list[Exchange]


def test_there_is_a_recording_of_each_recipe() -> None:
    assert {path.stem.removeprefix("replay_") for path in WITH_MESSAGES} >= set(recorded_sweeps.SWEEPS)
    assert sum(path.stat().st_size for path in RECORDINGS.iterdir()) < 2.5e6


@pytest.mark.parametrize("path", WITH_MESSAGES, ids=lambda path: path.stem.removeprefix("replay_"))
def test_a_recording_replays_message_by_message(path: Path) -> None:
    found = replay(path)
    assert found.same, (found.deviation, found.numbers, found.computed, found.error)
    assert (found.readings_only, found.bounded) == ("", "")
    assert found.exchanged == found.messages > 200
    assert found.compared > 150


# --- planted changes -------------------------------------------------------------------------------------------


def planted(source: Path, folder: Path, change: Callable[[Messages], Messages]) -> Replayed:
    """The replay of a file whose messages were changed."""
    path = Path(shutil.copy(source, folder / "planted.h5"))
    messages = change(list(read_run(path).exchanges))
    with h5py.File(path, "r+") as file:
        del file["entry/exchange"]
        exchange.write(file["entry"], exchange.columns_of(messages))
    found = replay(path)
    assert not found.same
    assert any("/entry/exchange" in text for text in found.run.integrity.damaged)
    return found


def readings_of(messages: Messages, role: str) -> list[int]:
    """Where the readings of an instrument are."""
    return [i for i, one in enumerate(messages) if one.received.count(b".") and one.instrument == role]


def test_a_changed_byte_of_a_reading_is_named_with_its_message(tmp_path: Path) -> None:
    at = 0

    def change(messages: Messages) -> Messages:
        nonlocal at
        at = readings_of(messages, "photodiode_meter")[-3]
        text = messages[at].received
        digit = text.index(b".") + 3
        other = text[:digit] + (b"1" if text[digit : digit + 1] != b"1" else b"2") + text[digit + 1 :]
        messages[at] = messages[at]._replace(received=other)
        return messages

    found = planted(STEPPED, tmp_path, change)
    assert found.deviation is None
    (one,) = [one for one in found.numbers if one.table in ("jvl", "dark")]
    assert (one.column, one.rows, one.message) == ("photodiode_signal", 1, at + 1)
    assert "received from photodiode_meter" in one.received
    assert f"by message {at + 1}" in str(one)


def test_another_order_of_messages_is_found_where_it_begins(tmp_path: Path) -> None:
    at = 0

    def change(messages: Messages) -> Messages:
        nonlocal at
        both = (i for i, (a, b) in enumerate(pairwise(messages)) if a.sent and b.sent and a.instrument != b.instrument)
        at = next(i for i in both if i > 250)
        messages[at], messages[at + 1] = messages[at + 1], messages[at]
        return messages

    found = planted(STEPPED, tmp_path, change)
    assert found.deviation is not None
    assert found.deviation.number == at + 1
    assert "sent to photodiode_meter" in found.deviation.expected
    assert "is sent to smu" in found.deviation.came


def test_a_missing_reply_is_found(tmp_path: Path) -> None:
    at = 0

    def change(messages: Messages) -> Messages:
        nonlocal at
        at = readings_of(messages, "smu")[-4]
        return [*messages[:at], *messages[at + 1 :]]

    found = planted(STEPPED, tmp_path, change)
    assert found.deviation is not None
    assert found.deviation.number == at + 1
    assert "after waiting for a reply of smu that is not recorded" in found.deviation.came


def test_a_recording_that_breaks_off_is_no_bounded_one(tmp_path: Path) -> None:
    found = planted(STEPPED, tmp_path, lambda messages: messages[:300])
    assert found.deviation is not None
    assert str(found.deviation).startswith("message 301 (): recorded is nothing more; the run goes on")


def test_a_changed_number_of_the_file_is_found(tmp_path: Path) -> None:
    path = Path(shutil.copy(RECORDINGS / "replay_spectra_and_back.h5", tmp_path / "planted.h5"))
    with h5py.File(path, "r+") as file:
        file["entry/jvl/current"][2] *= 1.01
        file["entry/spectra/spectral_radiance"][0, 140] *= 1.01
        file["entry/figures_of_merit/luminance_max"][()] *= 1.01
    found = replay(path)
    told = {(one.table, one.column, one.row): one for one in found.numbers}
    assert "received from smu" in told["jvl", "current", 2].received
    assert "received from spectroradiometer" in told["spectra", "spectral_radiance", 0].received
    assert ("figures_of_merit", "luminance_max", -1) in told
    assert any(one.place == "figures_of_merit/luminance_max" for one in found.computed)


# --- what cannot be exchanged again ----------------------------------------------------------------------------


def test_an_older_file_is_computed_from_its_readings_and_that_is_said() -> None:
    found = replay(OLD)
    assert "no message is kept" in found.readings_only
    assert (found.messages, found.exchanged) == (0, 0)
    assert found.same
    assert len(found.formulas) == 3
    assert found.compared > 50


def test_a_bounded_recording_is_followed_as_far_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_BYTES", 12_000)
    path = recorded_sweeps.record("stepped", tmp_path)
    assert any(note.text == EXCHANGE_FULL for note in read_run(path).notes)
    found = replay(path)
    assert found.same, (found.deviation, found.numbers, found.error)
    assert found.bounded
    assert 200 < found.exchanged == found.messages


def test_an_unfinished_file_is_refused(tmp_path: Path) -> None:
    a_cut_off_run(tmp_path / "cut.h5")
    with pytest.raises(ArchiveError, match="is not finished"):
        replay(tmp_path / "cut.h5")


def test_the_command_says_what_it_did(tmp_path: Path, read_here: None) -> None:
    said = acquire("replay", STEPPED, tmp_path / "nothing.h5")
    assert said.status == 1
    assert f"{STEPPED}: no difference: " in said.text
    assert "nothing.h5: there is no such file" in said.messages.decode()
    found = json.loads(acquire("replay", OLD, "--json").output)["runs"][0]
    assert (found["messages"], found["same"], found["deviation"]) == (0, True, None)
