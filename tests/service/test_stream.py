"""What a page has got of a run is what its file holds, however often page and service were away."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.records import DarkReading, ExposureSample, Note, Record, RunStatus, RunStop, Spectrum
from acquire.run_file import layout, recorder
from acquire.run_file.finish import finish
from acquire.run_file.read import read_run
from acquire.service import followed
from acquire.service import stream as stream_module
from acquire.service.cursors import cursor_of
from acquire.service.errors import RequestRefused
from acquire.service.reading import Reader, Unreadable
from acquire.service.routes_access import events
from acquire.service.run_files import RunFiles
from acquire.service.stream import LiveResponse, Stream, Viewer
from acquire.service.tokens import Login, Role, Tokens
from acquire.service.watching import Watch
from tests.support.coroutines import carried_out
from tests.support.run_files import a_record, a_start
from tests.support.stream_reader import PageData

RUN = "0b7e1234-0000-4000-8000-000000000000"
NAME = "20260102T030405_S1_0b7e1234.h5"


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    found = Reader()
    yield found
    found.close()


def begun(folder: Path) -> recorder.RunRecorder:
    """A run that goes on, with room for 400 points."""
    calibration = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
    capacity = {Record: 400, DarkReading: 2, Spectrum: 2, ExposureSample: 3, Note: 200}
    start = replace(a_start(), run_id=RUN)
    return recorder.create_run_file(
        folder / NAME, start, capacity, lambda group: layout.write_calibration(group, calibration)
    )


def a_service(folder: Path, reader: Reader) -> Stream:
    """A service that has just been started, without its threads."""
    return Stream(Watch(RunFiles(folder, reader), reader), lambda: {"now": "", "runs": []}, lambda: {"items": []})


def seen(stream: Stream, page: PageData, most: int | None = None) -> None:
    """Let a page take what is new for it; with ``most`` its connection breaks after so many events."""

    async def take() -> None:
        stream.watch.look()
        number = 0
        async for event in Viewer(stream, cursor_of(page.cursor)).new():
            if number == most:
                return
            page.take(event)
            number += 1

    carried_out(take())


def test_a_page_that_is_often_away_has_every_row_once(tmp_path: Path, reader: Reader) -> None:
    chance, record, page = random.Random(1), begun(tmp_path), PageData()
    stream = a_service(tmp_path, reader)
    index = 0
    while index < 150:
        for _ in range(chance.randrange(40)):
            record(a_record(index, luminance=1.0 / (3 * index + 1)))
            index += 1
            if chance.random() < 0.2 and index < 140:
                record(Note(1.0 * index, f"note {index} with a \u00b5"))
        if chance.random() < 0.3:
            stream = a_service(tmp_path, reader)  # killed, and started again
        seen(stream, page, chance.choice([None, 1, 2, 3, 5]))
    seen(stream, page)
    held = read_run(tmp_path / NAME).tables
    assert len(held["notes"]["time"]) > 10
    for table in ("jvl", "notes"):
        assert page.differences(RUN, table, held[table]) == []
    record.conclude(RunStop(status=RunStatus.COMPLETED, reason="over", end_time="2026-01-02T03:04:06+01:00"))
    record.close()
    record.let_go()
    finish(tmp_path / NAME)
    away = PageData(cursor=page.cursor)
    seen(stream, page)
    assert page.ends[RUN]["status"] == "completed"
    seen(a_service(tmp_path, reader), away)  # it was away when the run ended, and so was the service
    assert away.ends[RUN]["revision"] == "final"
    assert RUN not in cursor_of(page.cursor)


def test_a_run_that_begins_and_ends_between_two_looks_of_a_page_is_told_once(tmp_path: Path, reader: Reader) -> None:
    record, stream = begun(tmp_path), a_service(tmp_path, reader)
    there = Viewer(stream, cursor_of(""))  # before anything is known of the run

    async def kinds(viewer: Viewer) -> list[bytes]:
        return [event.split(b"event: ")[1].split(b"\n")[0] async for event in viewer.new()]

    record(a_record(0))
    stream.watch.look()
    record.conclude(RunStop(status=RunStatus.COMPLETED, reason="over", end_time="2026-01-02T03:04:06+01:00"))
    record.close()
    record.let_go()
    finish(tmp_path / NAME)
    stream.watch.look()
    assert [run.over for run in stream.watch.followed()] == [True]
    assert [kind for kind in carried_out(kinds(there)) if kind != b"heartbeat"] == [b"run", b"figures", b"end"]
    assert carried_out(kinds(there)) == []
    assert carried_out(kinds(Viewer(stream, cursor_of("")))) == []  # of before this one came


def test_a_run_whose_process_was_killed_is_told_as_cut_off(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, page, stream = begun(tmp_path), PageData(), a_service(tmp_path, reader)
    record(a_record(0))
    seen(stream, page)
    assert len(page.rows[RUN, "jvl"]) == 1
    record.close()
    record.let_go()  # nobody has it open any more, and it is not finished
    monkeypatch.setattr("acquire.service.watching.LOOK_AT_HELD", 0.0)
    seen(stream, page)
    seen(stream, page)
    assert page.ends[RUN]["status"] == "cut off"


def test_a_run_that_was_cut_off_does_not_come_back(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, page, stream = begun(tmp_path), PageData(), a_service(tmp_path, reader)
    record(a_record(0))
    seen(stream, page)
    record.close()
    record.let_go()
    monkeypatch.setattr("acquire.service.watching.LOOK_AT_HELD", 0.0)
    seen(stream, page)
    seen(stream, page)
    assert [said["held"] for _, said in stream.watch.files.summaries()] == [False]
    monkeypatch.setattr("acquire.service.watching.LOOK_AT_FOLDER", 0.0)  # as if long after its end
    stream.watch.look()
    assert stream.watch.runs_now() == []
    assert stream.watch.counted["runs"] == 1


def test_what_is_long_already_is_fetched_as_a_picture(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "LONGEST_BACKLOG", 50)
    record, page = begun(tmp_path), PageData()
    for index in range(60):
        record(a_record(index))
    stream = a_service(tmp_path, reader)
    seen(stream, page)
    assert "reload" in page.kinds
    assert (RUN, "jvl") not in page.rows
    page.rows[RUN, "jvl"] = [{}] * 60
    record(a_record(60))
    seen(stream, page)
    assert len(page.rows[RUN, "jvl"]) == 61
    record.close()


def test_a_file_that_is_no_run_file_ends_nothing(tmp_path: Path, reader: Reader) -> None:
    (tmp_path / NAME).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    files = RunFiles(tmp_path, reader)
    files.refresh()
    assert files.summaries() == []
    with pytest.raises(Unreadable):
        reader.look(tmp_path / NAME)
    with pytest.raises(Unreadable):
        reader.look(tmp_path / "none.h5")
    begun_in = tmp_path / "inside"
    begun(begun_in).close()
    files.refresh()
    assert files.path_of(RUN) == begun_in / NAME
    assert files.path_of("../" + NAME) is None


def test_a_viewer_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acquire.service.stream.LONGEST_SEND", 0.01)
    sent: list[dict[str, object]] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"event"
        finally:
            sent.append({"type": "let go"})

    async def send(message: dict[str, object]) -> None:
        sent.append(message)
        if len(sent) > 3:
            await asyncio.Event().wait()  # the socket is full

    live = LiveResponse(endless(), lambda: None)
    carried_out(live.stream_response(send))  # type: ignore[arg-type]
    assert len(sent) in (4, 5)


def test_the_places_of_pages_are_counted_when_they_ask(tmp_path: Path, reader: Reader) -> None:
    stream = Stream(Watch(RunFiles(tmp_path, reader), reader), dict, dict)
    state = SimpleNamespace(stream=stream, tokens=Tokens(tmp_path))
    scope = {"type": "http", "headers": [], "app": SimpleNamespace(state=state)}

    async def opened() -> list[LiveResponse]:
        """As many as may be, asked for before anything is sent to one of them."""
        pages: list[LiveResponse] = []
        with suppress(RequestRefused):
            while len(pages) < 100:
                pages.append(await events(Login(Role.VIEWER), Request(scope)))  # type: ignore[arg-type]
        return pages

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None: ...

    pages = carried_out(opened())
    assert len(pages) == stream_module.MOST_OF_ONE
    carried_out(pages[0](scope, receive, send))  # type: ignore[arg-type]
    assert stream.places["viewer"] == len(pages) - 1
    pages.clear()  # they were never answered
    gc.collect()
    assert stream.places.total() == 0
    assert len(carried_out(opened())) == stream_module.MOST_OF_ONE


def test_what_a_run_asks_is_told_once_and_again_when_it_is_answered(tmp_path: Path, reader: Reader) -> None:
    asked: list[dict[str, object] | None] = [{"id": "q1", "text": "put B13 in", "choices": []}]
    watch = Watch(RunFiles(tmp_path, reader), reader)
    state = lambda: {"now": "", "runs": [{"address": "77-ab", "question": asked[0]}]}  # noqa: E731
    stream = Stream(watch, state, lambda: {"items": []})
    viewer = Viewer(stream, {})

    async def events() -> list[bytes]:
        await stream.look()
        return [event async for event in viewer.new() if b"event: question" in event]

    assert b"put B13 in" in carried_out(events())[0]
    assert carried_out(events()) == []
    asked[0] = None
    assert b'{"run_id":"77-ab","question":null}' in carried_out(events())[0]


def test_a_reading_process_that_dies_is_started_again(tmp_path: Path, reader: Reader) -> None:
    begun(tmp_path).close()
    assert reader.look(tmp_path / NAME)["run_id"] == RUN
    process = reader._process
    assert process is not None
    process.kill()
    process.wait()
    assert reader.look(tmp_path / NAME)["run_id"] == RUN
    closed = Reader()
    closed.close()
    with pytest.raises(Unreadable):
        closed.look(tmp_path / NAME)
