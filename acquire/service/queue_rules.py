"""What may become of the items of the queue: pure rules, from one state of the queue to the next.

Each rule takes the queue as it is and gives it as it will be, or refuses. Two promises follow from them, whoever is
killed and whenever: an item begins only once for each time that somebody with a name wanted it, and behind an end that
is not good nothing begins before somebody has looked.

- An item is claimed (``running``) before its process is started, and the process begins it. Who claims it names the
  attempt; an attempt that has begun, or was given up, is never begun again.
- An item that failed, was stopped or was interrupted is in ``needs_person``, out of which only :func:`release` leads.
- An end that may leave the bench in need of a person (:attr:`Ending.harmless` is false) locks the bench as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

MOST_ASKED = 100  # items of viewers that nobody has approved: they keep no operator out
MOST_OPEN = 500  # items that are not over: whoever adds them, the queue stays short enough to be read
LONGEST_NAME, LONGEST_NOTE = 200, 1000  # characters

#: Who locks the bench when a run ended in a way that somebody must look at.
ITSELF = "the queue"


class ItemState(StrEnum):
    """How an item of the queue stands."""

    WAITING = "waiting"  # for its turn
    HELD = "held"  # kept back by somebody
    ASKED = "asked"  # added by a viewer: waits for an operator's yes
    RUNNING = "running"  # claimed; begun or about to be
    DONE = "done"
    NEEDS_PERSON = "needs_person"  # failed, stopped, interrupted or not as it was shown: the reason says which
    REMOVED = "removed"


#: Those of which nothing is to come any more.
OVER = (ItemState.DONE, ItemState.REMOVED)


class Outcome(StrEnum):
    """How the process of an item ended."""

    COMPLETED = "completed"  # or stopped by a rule of its sweep
    FAILED = "failed"
    REFUSED = "refused"  # a wrong file: nothing was opened
    NOT_SWEPT = "not_swept"  # the pretest spoke against the device
    STOPPED = "stopped"  # somebody asked for its end
    INTERRUPTED = "interrupted"  # nobody can say how far it was


@dataclass(frozen=True)
class Request:
    """What somebody wants to be run: a recipe, and what is said in place of what stands in it; None says nothing."""

    recipe: str
    bench: str | None = None
    sample: str | None = None
    pixel: str | None = None
    area: str | None = None
    user: str | None = None
    batch: str | None = None
    note: str | None = None

    @property
    def name(self) -> str:
        """What people call it: sample and pixel where they are said, and the recipe."""
        return ", ".join(filter(None, [self.sample, self.pixel and f"pixel {self.pixel}", self.recipe]))


@dataclass(frozen=True)
class Ending:
    """How an item ended. ``output_off``: whether that is known of the source; ``figures``: texts, for who is told."""

    outcome: Outcome
    reason: str = ""
    run_id: str | None = None
    run: str | None = None
    output_off: bool = False
    figures: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()

    @property
    def harmless(self) -> bool:
        """Whether the next item may begin without anybody having looked."""
        if self.outcome in (Outcome.STOPPED, Outcome.INTERRUPTED):
            return False
        return self.outcome in (Outcome.COMPLETED, Outcome.REFUSED) or self.output_off


@dataclass(frozen=True)
class Item:
    """An item of the queue. Times are ISO 8601 with offset, empty where there was none yet.

    ``by`` added it; ``person`` is who let it run last, by adding, approving or releasing it. ``attempt`` counts how
    often it was claimed, ``begun`` is whether the process of this attempt has begun. ``estimate`` is what was shown of
    it (:class:`acquire.service.queue_estimate.Estimate` as plain values): it is run only as it was shown.
    """

    id: int
    request: Request
    state: ItemState
    by: str
    added: str
    person: str = ""
    reason: str = ""
    attempt: int = 0
    begun: bool = False
    process: int = 0
    started: str = ""
    ended: str = ""
    outcome: str = ""
    run_id: str | None = None
    run: str | None = None
    log: str = ""
    repeat_of: int | None = None
    estimate: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class BenchLock:
    """Why nothing is to begin on the bench: who says so, and what else there is to know."""

    name: str
    note: str
    since: str


@dataclass(frozen=True)
class Queue:
    """The items in their order, those that are over left out where they do not matter; the lock of the bench."""

    items: tuple[Item, ...] = ()
    lock: BenchLock | None = None
    next_id: int = 1

    def item(self, number: int) -> Item:
        """The item of this number.

        :raises Absent: there is none.
        """
        for item in self.items:
            if item.id == number:
                return item
        raise Absent(f"the queue has no item {number}", "look at the queue again: somebody may have removed it")

    @property
    def running(self) -> Item | None:
        """The item that runs, if one does."""
        return next((item for item in self.items if item.state == ItemState.RUNNING), None)

    @property
    def next(self) -> Item | None:
        """The item that is to begin next, if one may: none while another runs or the bench is locked."""
        if self.lock is not None or self.running is not None:
            return None
        return next((item for item in self.items if item.state == ItemState.WAITING), None)


class Refused(Exception):
    """What was asked of the queue does not go; nothing was changed. ``hint`` says what does."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}; {hint}" if hint else message)


class Absent(Refused):
    """There is no such item, or nothing of what was asked for."""


#: What people do with an item: the states it must be in, and the one in which it is then.
DEEDS: Mapping[str, tuple[tuple[ItemState, ...], ItemState]] = {
    "approve": ((ItemState.ASKED,), ItemState.WAITING),
    "hold": ((ItemState.WAITING,), ItemState.HELD),
    "release": ((ItemState.HELD, ItemState.NEEDS_PERSON), ItemState.WAITING),
    "remove": (
        (ItemState.WAITING, ItemState.HELD, ItemState.ASKED, ItemState.NEEDS_PERSON, ItemState.DONE),
        ItemState.REMOVED,
    ),
}

IN_WORDS: Mapping[ItemState, str] = {
    ItemState.WAITING: "waits for its turn",
    ItemState.HELD: "is held",
    ItemState.ASKED: "waits for an operator's yes",
    ItemState.RUNNING: "is running",
    ItemState.DONE: "is done",
    ItemState.NEEDS_PERSON: "waits for a person",
    ItemState.REMOVED: "was removed",
}


# --- by people -------------------------------------------------------------------------------------------------


def add(
    queue: Queue,
    request: Request,
    by: str,
    moment: str,
    *,
    operator: bool,
    estimate: Mapping[str, Any] | None = None,
    repeat_of: int | None = None,
) -> Queue:
    """An item more, at the end. One by a viewer waits for an operator's yes.

    :raises Refused: nobody is named, or the queue is full.
    """
    name = _named(by)
    if sum(item.state not in OVER for item in queue.items) >= MOST_OPEN:
        raise Refused(f"the queue is full: {MOST_OPEN} items are not over", "remove some of them")
    if not operator and sum(item.state == ItemState.ASKED for item in queue.items) >= MOST_ASKED:
        raise Refused(f"{MOST_ASKED} items wait for an operator's yes already", "ask an operator")
    state, person = (ItemState.WAITING, name) if operator else (ItemState.ASKED, "")
    item = Item(queue.next_id, request, state, name, moment, person, repeat_of=repeat_of, estimate=estimate)
    return replace(queue, items=(*queue.items, item), next_id=queue.next_id + 1)


def repeat(
    queue: Queue,
    number: int,
    by: str,
    moment: str,
    *,
    operator: bool,
    estimate: Mapping[str, Any] | None = None,
) -> Queue:
    """The same once more, as an item of its own at the end.

    :raises Refused: there is no such item, nobody is named, or the queue is full.
    """
    item = queue.item(number)
    shown = estimate or item.estimate
    return add(queue, item.request, by, moment, operator=operator, estimate=shown, repeat_of=number)


def do(queue: Queue, deed: str, number: int, by: str, estimate: Mapping[str, Any] | None = None) -> Queue:
    """One of :data:`DEEDS`, by somebody with a name; ``estimate``: what was shown to who lets the item run.

    :raises Refused: the item is not in a state for it, or nobody is named.
    """
    name, item = _named(by), queue.item(number)
    before, after = DEEDS[deed]
    if item.state not in before:
        raise Refused(f"item {number} {IN_WORDS[item.state]}: it cannot be {_past(deed)}", _remedy(item.state))
    if after == ItemState.WAITING:
        return _with(queue, replace(item, state=after, person=name, reason="", estimate=estimate or item.estimate))
    reason = f"held by {name}" if after == ItemState.HELD else item.reason
    return _with(queue, replace(item, state=after, reason=reason))


def move(queue: Queue, number: int, to: int) -> Queue:
    """The item at place ``to``, 0 the first, of those that are not over.

    :raises Refused: there is no such item, or it runs or is over.
    """
    item = queue.item(number)
    if item.state in (*OVER, ItemState.RUNNING):
        raise Refused(f"item {number} {IN_WORDS[item.state]}: it has no place any more", _remedy(item.state))
    others = [one for one in queue.items if one.id != number]
    still = [one for one in others if one.state not in (*OVER, ItemState.RUNNING)]
    before = still[max(to, 0)] if max(to, 0) < len(still) else None
    at = len(others) if before is None else others.index(before)
    return replace(queue, items=(*others[:at], item, *others[at:]))


def lock_bench(queue: Queue, name: str, note: str, moment: str) -> Queue:
    """Nothing begins until the bench is unlocked; a run that goes on is not touched.

    :raises Refused: nobody is named, or somebody else has locked it.
    """
    name = _named(name)
    if queue.lock is not None and queue.lock.name not in (name, ITSELF):
        raise Refused(f"the bench is locked by {queue.lock.name} already ({queue.lock.note})", "ask who locked it")
    return replace(queue, lock=BenchLock(name, line(note, LONGEST_NOTE), moment))


def unlock_bench(queue: Queue, by: str) -> Queue:
    """The queue goes on, because somebody with a name says so.

    :raises Refused: nobody is named.
    :raises Absent: it is not locked.
    """
    _named(by)
    if queue.lock is None:
        raise Absent("the bench is not locked")
    return replace(queue, lock=None)


# --- by the runner and the process of an item ------------------------------------------------------------------


def claim(queue: Queue, number: int, moment: str, log: str) -> Queue:
    """The next item, about to be begun: its process is started after this is on the disk.

    :raises Refused: it is not its turn.
    """
    item = queue.next
    if item is None or item.id != number:
        raise Refused(f"it is not the turn of item {number}")
    claimed = replace(
        item,
        state=ItemState.RUNNING,
        attempt=item.attempt + 1,
        begun=False,
        process=0,
        started=moment,
        ended="",
        outcome="",
        run_id=None,
        run=None,
        log=log,
    )
    return _with(queue, claimed)


def begin(queue: Queue, number: int, attempt: int, process: int) -> Queue:
    """The process of an attempt begins: once, and only while the attempt stands.

    :raises Refused: it was given up meanwhile, or has begun before.
    """
    item = _running(queue, number, attempt)
    if item.begun:
        raise Refused(f"attempt {attempt} of item {number} has begun already, in process {item.process}")
    return _with(queue, replace(item, begun=True, process=process))


def note_run(queue: Queue, number: int, attempt: int, run_id: str | None, run: str | None) -> Queue:
    """Which run, and which run file, the item has.

    :raises Refused: the attempt is over.
    """
    return _with(queue, replace(_running(queue, number, attempt), run_id=run_id, run=run))


def end(queue: Queue, number: int, attempt: int, ending: Ending, moment: str) -> Queue:
    """An attempt is over. What was not good waits for a person, and may lock the bench.

    :raises Refused: the attempt is over already.
    """
    item = _running(queue, number, attempt)
    good = ending.outcome == Outcome.COMPLETED
    ended = replace(
        item,
        state=ItemState.DONE if good else ItemState.NEEDS_PERSON,
        outcome=str(ending.outcome),
        reason=ending.reason if good else f"{OUTCOMES[ending.outcome]}{f': {ending.reason}' if ending.reason else ''}",
        ended=moment,
        run_id=ending.run_id or item.run_id,
        run=ending.run or item.run,
        process=0,
    )
    queue = _with(queue, ended)
    if ending.harmless or queue.lock is not None:
        return queue
    note = f"item {number} ({item.request.name}) {ended.reason}. Look at the bench, then unlock it"
    return replace(queue, lock=BenchLock(ITSELF, line(note, LONGEST_NOTE), moment))


def decline(queue: Queue, number: int, reason: str) -> Queue:
    """A waiting item that cannot be begun as it was shown waits for a person instead.

    :raises Refused: it does not wait for its turn any more.
    """
    item = queue.item(number)
    if item.state != ItemState.WAITING:
        raise Refused(f"item {number} {IN_WORDS[item.state]}")
    return _with(queue, replace(item, state=ItemState.NEEDS_PERSON, reason=reason))


OUTCOMES: Mapping[Outcome, str] = {
    Outcome.COMPLETED: "completed",
    Outcome.FAILED: "failed",
    Outcome.REFUSED: "was refused before anything was opened",
    Outcome.NOT_SWEPT: "was not swept",
    Outcome.STOPPED: "was stopped",
    Outcome.INTERRUPTED: "was interrupted",
}


# --- words and small parts -------------------------------------------------------------------------------------


def line(text: str, longest: int) -> str:
    """A text from outside in one line, of which nothing can be taken for anything but text."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:longest]


def _named(by: str) -> str:
    name = by.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Refused("nobody is named", f"say who wants it: a name of up to {LONGEST_NAME} letters")
    return name


def _running(queue: Queue, number: int, attempt: int) -> Item:
    item = queue.item(number)
    if item.state != ItemState.RUNNING or item.attempt != attempt:
        raise Refused(f"attempt {attempt} of item {number} is over: it {IN_WORDS[item.state]}")
    return item


def _with(queue: Queue, item: Item) -> Queue:
    return replace(queue, items=tuple(item if one.id == item.id else one for one in queue.items))


def _past(deed: str) -> str:
    return {"approve": "approved", "hold": "held", "release": "released", "remove": "removed"}[deed]


def _remedy(state: ItemState) -> str:
    return {
        ItemState.RUNNING: "stop its run first",
        ItemState.ASKED: "an operator approves it first",
        ItemState.DONE: "repeat it",
        ItemState.REMOVED: "add it anew",
    }.get(state, "look at the queue again")
