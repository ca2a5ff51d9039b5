"""Recorded runs made again from their files: each recording without a difference, and each planted change found."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire.bench.simulated import simulated_bench
from acquire.bench.site import Site
from acquire.config import LoadedSweep
from acquire.records import Event, Exchange, Record
from acquire.replay import replay as replaying
from acquire.replay.replay import Replayed, replay
from acquire.run_file import exchange
from acquire.run_file.read import ArchiveError, read_run
from acquire.run_file.recorder import EXCHANGE_FULL
from tests.support import recorded_sweeps
from tests.support.attempt import Attempt
from tests.support.command import acquire
from tests.support.run_files import a_cut_off_run

RECORDINGS = Path(__file__).parents[1] / "recordings"
WITH_MESSAGES = sorted(RECORDINGS.glob("replay_*.h5"))
STEPPED = RECORDINGS / "replay_stepped.h5"
OLD = RECORDINGS / "20261128T080939_SPPO13-Liq_2acaeb90.h5"

Messages = list[Exchange]


def test_there_is_a_recording_of_each_recipe() -> None:
    there = {path.stem.removeprefix("replay_") for path in WITH_MESSAGES}
    assert there >= {*recorded_sweeps.SWEEPS, "paused", "by_hand"}
    assert sum(path.stat().st_size for path in RECORDINGS.iterdir()) < 3e6


@pytest.mark.parametrize("path", WITH_MESSAGES, ids=lambda path: path.stem.removeprefix("replay_"))
def test_a_recording_names_no_folder_of_the_computer_it_was_made_on(path: Path) -> None:
    with h5py.File(path) as file:
        texts = [text[()].decode() for text in file["entry/configuration"].values()]
        hashes = json.loads(file["entry/configuration"].attrs["file_hashes"])
    assert not [name for name in hashes if Path(name).is_absolute()]
    assert not re.search(r"(?<![.\w])(?:/(?:home|root|tmp|work|Users|var)/|[A-Z]:\\)", " ".join(texts))


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


def test_last_bits_of_another_machine_are_no_difference_but_are_told(tmp_path: Path) -> None:
    path = Path(shutil.copy(RECORDINGS / "replay_spectra_and_back.h5", tmp_path / "elsewhere.h5"))
    with h5py.File(path, "r+") as file:
        computed = file["entry/jvl/luminance"]
        computed[...] = np.nextafter(computed[...], np.inf)
        file["entry/figures_of_merit/luminance_max"][()] *= 1 + 3e-15
    found = replay(path)
    assert found.same, found
    assert 1e-16 < found.rounding < 1e-14
    with h5py.File(path, "r+") as file:
        file["entry/jvl/luminance"][...] *= 1 + 1e-9
        read = file["entry/jvl/current"]
        read[2] = np.nextafter(read[2], np.inf)  # what an instrument said is the same everywhere
    found = replay(path)
    assert [(one.table, one.column, one.row) for one in found.numbers] == [("jvl", "current", 2)]
    assert "jvl/luminance" in {one.place for one in found.computed}


# --- what people asked, and clocks that go on -------------------------------------------------------------------


def test_a_lifetime_that_was_paused_replays(tmp_path: Path) -> None:
    found = replay(recorded_sweeps.record("lifetime_paused", tmp_path))
    assert found.same, (found.deviation, found.numbers, found.error)
    assert found.exchanged == found.messages
    assert len(found.run.tables["pauses"]["time"]) == 1


@pytest.mark.parametrize("ending", ["nobody", "a stop"])
def test_a_run_that_ended_in_its_pause_ends_so_again(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pause(attempt: Attempt, _after: object) -> None:
        def watch(event: Event) -> None:
            if isinstance(event, Record) and event.reading.index == 3:
                attempt.stop.pause.ask("Ada", 30.0)

        def wait(_: float) -> None:
            if ending == "a stop":
                attempt.stop.note("stopped from elsewhere by Ada")

        attempt.watch, attempt.stop.pause.wait = watch, wait  # type: ignore[method-assign]

    monkeypatch.setattr(recorded_sweeps, "_pause", pause)
    found = replay(recorded_sweeps.record("stepped", tmp_path))
    assert (found.run.status, found.run.tables["pauses"]["ended"].tolist()) == ("stopped", [1])
    assert found.same, (found.deviation, found.numbers, found.error)
    assert found.exchanged == found.messages or (ending == "a stop" and "a person ended the run" in found.bounded)


@pytest.mark.parametrize("name", ["stepped", "lifetime"])
def test_times_of_a_real_bench_may_lie_a_little_after_those_of_its_messages(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def site(attempt: Attempt, loaded: LoadedSweep) -> Site:
        simulated = attempt.simulated = simulated_bench(loaded)

        def now() -> float:  # the program itself takes its time
            simulated.clock.advance(23e-6)
            return simulated.clock.now()

        return Site(simulated.library, now, simulated.clock.advance)

    monkeypatch.setattr(Attempt, "_site", site)
    path = recorded_sweeps.record(name, tmp_path)
    assert not replay(path).same  # on a bench that is simulated, times are those of the messages to the last bit
    monkeypatch.setattr(replaying, "_on_a_real_clock", lambda run: True)
    found = replay(path)
    assert found.same, (found.deviation, found.numbers, found.error)
    assert 0 < found.late < 0.01
    monkeypatch.setattr(replaying, "MOST_LATE", 1e-6)
    (late,) = replay(path).numbers
    assert "s apart" in str(late)


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
