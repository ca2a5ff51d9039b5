"""The queue as a service has it: on disk, run in a thread, told of to people; and what pages are told of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from acquire.service.notification_settings import read_settings
from acquire.service.other_runs import OtherRuns
from acquire.service.queue import QueueUnusable, RunQueue
from acquire.service.queue_estimate import estimate
from acquire.service.queue_rules import Item, ItemState, Queue, Refused, Request
from acquire.service.queue_runner import Places, QueueRunner
from acquire.service.run_processes import start_process
from acquire.service.telling import Telling

SHOWN_OVER = 50  # items that are over, in what pages are told
SHOWN_MESSAGES = 20
STATES = (ItemState.WAITING, ItemState.HELD, ItemState.ASKED, ItemState.NEEDS_PERSON)


class QueueService:
    """The queue of a service; nothing in it touches a run that goes on.

    :raises acquire.service.queue.QueueUnusable: the file of the queue cannot be used.
    :raises acquire.config.ConfigurationError: the file of settings is wrong.
    """

    def __init__(
        self, data: Path, recipes: Path, runs: Path, mailboxes: Path | None = None, *, real_time: bool = False
    ) -> None:
        self.places = Places(recipes, runs, data)
        read_settings(data)  # before anything else is opened
        self.queue = RunQueue(self.places.queue)
        self.runner = QueueRunner(self.queue, self.places, start_process, mailboxes=mailboxes, real_time=real_time)
        self.telling = Telling(data, self.queue.messages, OtherRuns(self.queue.messages, runs, mailboxes))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.runner.run, args=(self._over,), name="queue", daemon=True)

    def start(self) -> None:
        """Run the queue from now on, and tell people."""
        self._thread.start()
        self.telling.start()

    def stop(self) -> None:
        """Begin nothing any more; a run that goes on does so, and is found again by the next service."""
        if self._over.is_set():
            return
        self._over.set()
        self.runner.wake()
        if self._thread.is_alive():
            self._thread.join(10.0)
        self.telling.stop()
        self.queue.close()

    # --- what is told of it ------------------------------------------------------------------------------------

    @property
    def lock(self) -> dict[str, str] | None:
        """The lock of the bench, None without one, or where nobody knows."""
        with suppress(QueueUnusable):
            lock = self.queue.now(over=0).lock
            return None if lock is None else asdict(lock)
        return None

    @property
    def last_change(self) -> int:
        """The number of the newest change: the same for as long as nothing changes."""
        return self.queue.last_change

    def status(self) -> dict[str, Any]:
        """How many items are in which state, and the name of the one that is next."""
        try:
            now = self.queue.now(over=0)
        except QueueUnusable as error:  # what runs is shown all the same
            return {**dict.fromkeys(map(str, STATES), 0), "head": str(error)}
        counted = {str(state): sum(item.state == state for item in now.items) for state in STATES}
        first = next((item for item in now.items if item.state == ItemState.WAITING), None)
        return {**counted, "head": None if first is None else first.request.name}

    def answer(self) -> dict[str, Any]:
        """The items in order, behind them those that are over; why nothing begins, if so; what people were told."""
        try:
            now, messages = self.queue.now(over=SHOWN_OVER), self.queue.messages.newest(SHOWN_MESSAGES)
        except QueueUnusable as error:
            nothing: dict[str, Any] = {"items": [], "lock": None, "runs_here": False, "messages": []}
            return {**nothing, "paused": True, "why": str(error)}
        why = self._why_nothing_begins(now)
        return {
            "items": list(_told(now)),
            "paused": bool(why),
            "why": why,
            "lock": None if now.lock is None else asdict(now.lock),
            "runs_here": self.runner.runs_here,
            "messages": [asdict(message) for message in messages],
        }

    def _why_nothing_begins(self, now: Queue) -> str:
        if now.lock is not None:
            return f"the bench is locked by {now.lock.name}: {now.lock.note}".rstrip(": ")
        if not self.runner.runs_here and self._thread.is_alive():
            return self.runner.waits_for or "another service runs this queue"
        return self.runner.waits_for

    def told(self, item: Item) -> dict[str, Any]:
        """An item as pages are told of it."""
        return next(one for one in _told(Queue((item,))) if one["id"] == item.id)

    def why_not_now(self) -> str:
        """Why no run may be started beside the queue now; empty where one may."""
        try:
            now = self.queue.now(over=0)
        except QueueUnusable as error:
            return str(error)
        if now.lock is not None:
            return f"the bench is locked by {now.lock.name}: {now.lock.note}".rstrip(": ")
        running = now.running
        return "" if running is None else f"item {running.id} of the queue runs ({running.request.name})"

    # --- with what is shown before it starts -------------------------------------------------------------------

    def add(self, request: Request, by: str, *, operator: bool, key: str | None = None) -> Item:
        """Another item, with what it is going to do; with a ``key`` that was used before, what it made then.

        :raises acquire.config.ConfigurationError: its recipe is wrong.
        :raises acquire.service.queue_rules.Refused: nobody is named, or the queue is full.
        """
        shown = estimate(request, self.places.recipes)
        item = self.queue.add(request, by, operator=operator, estimate=shown, key=key)
        self.runner.wake()
        return item

    def do(self, deed: str, number: int, by: str) -> Item:
        """Approve, hold, release or remove an item; one that needed a person is shown anew.

        :raises acquire.config.ConfigurationError: its recipe is wrong now.
        :raises acquire.service.queue_rules.Refused: it is not in a state for it, or nobody is named.
        """
        item = self.queue.item(number)
        anew = deed == "release" and item.state == ItemState.NEEDS_PERSON
        shown = estimate(item.request, self.places.recipes) if anew else None
        item = self.queue.do(deed, number, by, shown)
        self.runner.wake()
        return item

    def repeat(self, number: int, by: str, times: int, *, operator: bool, key: str | None = None) -> Item:
        """The same so many times more; the first of them. With a ``key`` that was used before, what it made then.

        :raises acquire.config.ConfigurationError: its recipe is wrong now.
        :raises acquire.service.queue_rules.Refused: there is no such item, nobody is named, or the queue is full.
        """
        if times < 1:
            raise Refused("an item is repeated once at least", "say how many times")
        shown = estimate(self.queue.item(number).request, self.places.recipes)
        item = self.queue.repeat(number, by, times, operator=operator, estimate=shown, key=key)
        self.runner.wake()
        return item


def _told(queue: Queue) -> list[dict[str, Any]]:
    """The items with their places, and when each is going to begin by the estimates.

    Nothing in it changes by itself while time goes on: ``begins_in`` [s] counts from the end of what runs, and
    ``begins_at`` is known only while something does.
    """
    told, ahead, place, free = [], 0.0, 0, _free_at(queue.running)
    for item in queue.items:
        shown: Mapping[str, Any] = item.estimate or {}
        waits = item.state == ItemState.WAITING
        there = item.state not in (ItemState.DONE, ItemState.REMOVED, ItemState.RUNNING)
        at = (free + timedelta(seconds=ahead)).isoformat(timespec="seconds") if waits and free else None
        told.append(
            {
                **{name: value for name, value in asdict(item).items() if name not in _NOT_TOLD},
                **asdict(item.request),
                **{name: shown.get(name) for name in _SHOWN},
                "bench_name": shown.get("bench"),
                "cautions": shown.get("cautions", []),
                "position": place if there else None,
                "begins_in": ahead if waits else None,
                "begins_at": at,
            }
        )
        place += there
        ahead += (shown.get("seconds") or 0.0) if waits else 0.0
    return told


def _free_at(running: Item | None) -> datetime | None:
    """When the running item ends by its estimate; None without one."""
    if running is None or running.estimate is None:
        return None
    return datetime.fromisoformat(running.started) + timedelta(seconds=float(running.estimate["seconds"]))


_NOT_TOLD = ("request", "estimate", "log", "process", "begun")
_SHOWN = ("title", "kind", "seconds", "points", "spectra", "limits", "compliance", "compliance_unit")
