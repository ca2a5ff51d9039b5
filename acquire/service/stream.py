"""The live stream: one connection a viewer, each at its own pace, from wherever it was.

Nothing is queued for anybody: a viewer takes what is new for it when it has sent what was before. Who does not read
fills its own socket, and is cut off after a while.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from acquire.service.cursors import Cursor, cursor_text
from acquire.service.followed import CUT_OFF, ORDER, Chunk, FollowedRun, ending_of, longest_backlog
from acquire.service.json_text import compact
from acquire.service.reading import NotThere, Unreadable
from acquire.service.watching import Watch

LOG = logging.getLogger("acquire.service")

LONGEST_SEND = 30.0  # s that a viewer may take nothing
HEARTBEAT = 1.0  # s
MOST_ENDINGS = 100
MOST_VIEWERS = 64  # pages at once
MOST_OF_ONE = 12  # of one login
STATE_INTERVAL = 0.5  # s between two looks at the state and the queue


def _always() -> bool:
    return True


class Stream:
    """What all viewers have in common; ``state`` and ``queue`` give what these events say, and must be quick."""

    def __init__(self, watch: Watch, state: Callable[[], dict[str, Any]], queue: Callable[[], dict[str, Any]]) -> None:
        self.watch, self.state, self.queue = watch, state, queue
        self.viewers: set[asyncio.Event] = set()
        self.places: Counter[str] = Counter()  # pages by their login
        self.told: dict[str, bytes] = {}  # the last state and queue
        self.questions: dict[str, bytes] = {}  # what runs ask of people, by their addresses
        self.endings: dict[str, bytes] = {}  # the last events of runs that ended while somebody was away
        self._marks: dict[str, bytes] = {}
        self._looking: asyncio.Task[None] | None = None
        self._over = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Wake viewers whenever there is something new; called in the event loop."""
        self._loop = asyncio.get_running_loop()
        await self.look()
        self._looking = asyncio.create_task(self._look_on())
        self.watch.changed = self.wake

    async def _look_on(self) -> None:
        while not self._over:
            await asyncio.sleep(STATE_INTERVAL)
            try:
                await self.look()
            except Exception:
                LOG.exception("the state cannot be told; it is tried again")

    async def look(self) -> None:
        """Look at the state and the queue once, for all viewers."""
        for kind, source in (("state", self.state), ("queue", self.queue)):
            content = await run_in_threadpool(source)
            mark = compact({key: value for key, value in content.items() if key != "now"})
            if kind == "state":
                self.questions = _questions(content["runs"])
            if mark != self._marks.get(kind):
                self._marks[kind], self.told[kind] = mark, compact(content)
                self._wake_all()

    def wake(self) -> None:
        """Let every viewer look; from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for viewer in self.viewers:
            viewer.set()

    def end(self) -> None:
        """Let all viewers go; called in the event loop."""
        self._over = True
        if self._looking is not None:
            self._looking.cancel()
        self._wake_all()

    def enter(self, who: str) -> Callable[[], None] | None:
        """Take a place for one more page of this login, at once; what gives it back, None where there is none left."""
        if self.places.total() >= MOST_VIEWERS or self.places[who] >= MOST_OF_ONE:
            return None
        self.places[who] += 1
        taken = [who]

        def leave() -> None:
            while taken:
                self.places -= Counter((taken.pop(),))

        return leave

    async def events(self, cursor: Cursor, *, may: Callable[[], bool] = _always) -> AsyncIterator[bytes]:
        """All events of a viewer that is at ``cursor``, until the service ends, or its login does (``may``)."""
        wake = asyncio.Event()
        self.viewers.add(wake)
        try:
            viewer = Viewer(self, cursor)
            while not self._over and may():
                wake.clear()
                async for event in viewer.new():
                    yield event
                with suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), viewer.patience())
        finally:
            self.viewers.discard(wake)


class LiveResponse(StreamingResponse):
    """A stream whose reader is cut off once it has taken nothing for a while: it comes back with its cursor.

    Its place is given back (``leave``) when it is over, and also where it never began.
    """

    def __init__(self, events: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self._leave = weakref.finalize(self, leave)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, for as long as somebody listens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()

    async def stream_response(self, send: Send) -> None:
        """Send what there is, for as long as it is taken."""

        async def limited(message: Message) -> None:
            async with asyncio.timeout(LONGEST_SEND):
                await send(message)

        try:
            await super().stream_response(limited)
        except TimeoutError:
            LOG.info("a viewer that takes nothing was cut off")


class Viewer:
    """Where one viewer is."""

    def __init__(self, stream: Stream, cursor: Cursor) -> None:
        self._stream, self._cursor = stream, cursor
        self._announced: weakref.WeakSet[FollowedRun] = weakref.WeakSet()
        # A run that begins and ends between two looks of this viewer is told; one that was over before it came is not.
        self._past = weakref.WeakSet(run for run in stream.watch.followed() if run.over and run.run_id not in cursor)
        self._said: dict[str, bytes] = {}
        self._questions: dict[str, bytes] = {}
        self._beat = time.monotonic()

    def patience(self) -> float:
        """How long it may be waited for something new, s."""
        return max(self._beat + HEARTBEAT - time.monotonic(), 0.0)

    async def new(self) -> AsyncIterator[bytes]:
        """What is new since the last time."""
        if (text := self._changed("state")) is not None:
            yield self._event("state", text)
        for event in self._asked():
            yield event
        runs = {run.run_id: run for run in self._stream.watch.followed()}
        for run in runs.values():
            if run in self._past:
                continue
            async for event in self._of_run(run):
                yield event
        for run_id in [one for one in self._cursor if one not in runs]:
            if (end := await self._away(run_id)) is not None:
                yield end
        if (text := self._changed("queue")) is not None:
            yield self._event("queue", text)
        if time.monotonic() >= self._beat + HEARTBEAT:
            self._beat = time.monotonic()
            yield self._event("heartbeat", compact({"now": datetime.now().astimezone().isoformat()}))

    def _event(self, kind: str, text: bytes) -> bytes:
        return b"id: %s\nevent: %s\ndata: %s\n\n" % (cursor_text(self._cursor).encode(), kind.encode(), text)

    def _changed(self, kind: str) -> bytes | None:
        text = self._stream.told.get(kind)
        if text is None or self._said.get(kind) is text:
            return None
        self._said[kind] = text
        return text

    def _asked(self) -> list[bytes]:
        """Questions that are new, and those that were answered."""
        now = self._stream.questions
        changed = [one for one in {**now, **self._questions} if now.get(one) != self._questions.get(one)]
        gone = {one: compact({"run_id": one, "question": None}) for one in changed}
        self._questions = dict(now)
        return [self._event("question", now.get(one, gone[one])) for one in changed]

    async def _of_run(self, run: FollowedRun) -> AsyncIterator[bytes]:
        if not run.told and not run.over:
            return
        at = self._cursor.setdefault(run.run_id, {})
        if run not in self._announced and run.told:
            self._announced.add(run)
            content = {**self._stream.watch.now_of(run), "columns": run.told["units"]}
            yield self._event("run", compact(content))
        if run.ending is None and not run.problem:
            for table in sorted(run.totals, key=_place):
                async for event in self._of_table(run, table, at):
                    yield event
        if run.ending is not None:
            figures, end = run.ending
            yield self._event("figures", figures)
            self._past.add(run)
            del self._cursor[run.run_id]
            yield self._event("end", end)
        elif run.problem:
            self._past.add(run)
            del self._cursor[run.run_id]
            yield self._event("gone", compact({"run_id": run.run_id, "message": run.problem}))

    async def _of_table(self, run: FollowedRun, table: str, at: dict[str, int]) -> AsyncIterator[bytes]:
        while (chunk := run.next_chunk(table, at.get(table, 0))) is not None:
            if not chunk.text and chunk.stop - chunk.start > longest_backlog(table):
                at[table] = chunk.stop
                content = {"run_id": run.run_id, "table": table, "rows": chunk.stop}
                yield self._event("reload", compact(content))
                continue
            for one in [chunk] if chunk.text else await self._read(run, chunk):
                at[table] = one.stop
                yield self._event(one.kind, one.text)
            if at.get(table, 0) <= chunk.start:
                return  # nothing could be read: the run has ended meanwhile

    async def _read(self, run: FollowedRun, chunk: Chunk) -> list[Chunk]:
        try:
            return await run_in_threadpool(run.read, chunk.table, chunk.start, chunk.stop)
        except (Unreadable, NotThere):
            return []

    async def _away(self, run_id: str) -> bytes | None:
        """What became of a run that ended while the viewer, or the service, was away; None while that is not known."""
        try:
            end = self._stream.endings.get(run_id) or await run_in_threadpool(_end_of, self._stream.watch, run_id)
        except (Unreadable, NotThere) as error:
            del self._cursor[run_id]
            return self._event("gone", compact({"run_id": run_id, "message": str(error)}))
        if end is not None:
            self._stream.endings[run_id] = end
            while len(self._stream.endings) > MOST_ENDINGS:
                del self._stream.endings[next(iter(self._stream.endings))]
            del self._cursor[run_id]
            return self._event("end", end)
        return None


def _questions(runs: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    asked = {str(run["address"]): run["question"] for run in runs if run["question"]}
    return {one: compact({"run_id": one, "question": question}) for one, question in asked.items()}


def _end_of(watch: Watch, run_id: str) -> bytes | None:
    """The last event of a run that is not followed; None where somebody still writes its file.

    :raises Unreadable: there is none, or it cannot be read.
    """
    path = watch.files.path_of(run_id)
    if path is None:
        raise Unreadable("its run file is not here any more")
    said = watch.files.reader.ask("summaries", paths=[str(path)])[0][0]
    if said is None or said["held"]:
        return None
    told = watch.files.look(path)
    if not told["finished"]:
        told = {**told, **CUT_OFF}
    return ending_of(watch.files.reader, path, told)[1]


def _place(table: str) -> tuple[int, str]:
    return (ORDER.index(table) if table in ORDER else len(ORDER), table)
