"""Routes: the queue, and the lock of the bench."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from acquire.config import ConfigurationError
from acquire.service import recipes
from acquire.service.access import Operator, Viewer
from acquire.service.answers import Line, Name, Number, Taken
from acquire.service.errors import RequestRefused, not_found
from acquire.service.queue import QueueUnusable
from acquire.service.queue_rules import Absent, Refused, Request
from acquire.service.routes_runs import Key
from acquire.service.shared import Here
from acquire.service.tokens import Role

router = APIRouter(tags=["queue"])
ItemId = Annotated[int, InPath(ge=1, le=2**53)]
Person = Annotated[Line | None, Field(description="Who wants it, by name.")]
MOST_TIMES = 50


class BenchLockTold(BaseModel):
    """Why nothing is to begin on the bench."""

    name: str
    note: str
    since: str


class BenchLockWish(Taken):
    """Who locks the bench, and what else there is to know."""

    name: Name
    note: Annotated[Line, Field(description="Why, and until when.")] = ""


class BenchLocked(BaseModel):
    """The lock of the bench, null without one."""

    lock: BenchLockTold | None


class ItemTold(BaseModel):
    """An item of the queue; times empty where there was none, limits in V, A, W, ``begins_in`` in s after what runs."""

    id: int
    state: Literal["waiting", "held", "asked", "running", "done", "needs_person", "removed"]
    recipe: str
    bench: str | None
    sample: str | None
    pixel: str | None
    area: str | None
    user: str | None
    batch: str | None
    note: str | None
    by: str
    person: str
    added: str
    reason: str
    attempt: int
    started: str
    ended: str
    outcome: str
    run_id: str | None
    run: str | None
    repeat_of: int | None
    title: str | None
    kind: str | None
    bench_name: str | None
    seconds: Number
    points: int | None
    spectra: int | None
    limits: dict[str, Number] | None
    compliance: Number
    compliance_unit: str | None
    cautions: list[str]
    position: int | None
    begins_in: Number
    begins_at: str | None


class MessageTold(BaseModel):
    """What came of telling people: on which channel, ``waiting``, ``sent`` or ``given up``, the last error."""

    seq: int
    channel: str
    state: str
    tries: int
    error: str


class QueueTold(BaseModel):
    """The queue in its order, and why nothing begins, if so."""

    items: list[ItemTold]
    paused: bool
    why: str
    lock: BenchLockTold | None
    runs_here: bool
    messages: list[MessageTold]


class ItemWish(Taken):
    """A recipe to be run, and what is said in place of what stands in it; who wants it, else the user."""

    recipe: Name
    bench: Line | None = None
    sample: Line | None = None
    pixel: Line | None = None
    area: Line | None = None
    user: Line | None = None
    batch: Line | None = None
    note: Line | None = None
    person: Person = None


class DeedWish(Taken):
    """Who wants it."""

    person: Person = None


class MoveWish(DeedWish):
    """At which place the item is to stand, 0 the first."""

    to: Annotated[int, Field(ge=0, le=10_000)]


class RepeatWish(DeedWish):
    """How many times more."""

    times: Annotated[int, Field(ge=1, le=MOST_TIMES)] = 1


@contextmanager
def refusals() -> Iterator[None]:
    """Inside, what the queue refuses is an answer.

    :raises RequestRefused: it does.
    """
    try:
        yield
    except Absent as error:
        raise not_found(error.message, error.hint, "id") from error
    except Refused as error:
        nobody = error.message == "nobody is named"
        where = "person" if nobody else ""
        raise RequestRefused(422 if nobody else 409, error.message, error.hint, where=where) from error
    except ConfigurationError as error:
        raise recipes.refuse_wrong(error) from error
    except QueueUnusable as error:
        raise RequestRefused(503, str(error), "see the log of the service") from error


@router.get("/queue")
def list_queue(_: Viewer, here: Here) -> QueueTold:
    """The queue: what is not over in its order, then the newest of what is."""
    with refusals():
        return QueueTold(**here.queue.answer())


@router.post("/queue", status_code=201)
def add(
    wish: ItemWish,
    login: Viewer,
    here: Here,
    idempotency_key: Key = None,
) -> ItemTold:
    """Add an item; one of a viewer waits for an operator's yes. The same key never adds two."""
    recipes.recipe_in(here.settings.recipes, wish.recipe)
    if wish.bench:
        recipes.recipe_in(here.settings.recipes, wish.bench)
    said: dict[str, Any] = {name: value or None for name, value in wish.model_dump(exclude={"person"}).items()}
    with refusals():
        by = wish.person or wish.user or ""
        return _told(
            here, here.queue.add(Request(**said), by, operator=login.role is Role.OPERATOR, key=idempotency_key)
        )


@router.post("/queue/{id}/move")
def move(id: ItemId, wish: MoveWish, login: Operator, here: Here) -> ItemTold:  # noqa: A002  # the name in the path
    """Move an item to another place."""
    with refusals():
        return _told(here, here.queue.queue.move(id, wish.to, wish.person or str(login.role)))


@router.post("/queue/{id}/repeat")
def repeat(
    id: ItemId,  # noqa: A002
    wish: RepeatWish,
    login: Viewer,
    here: Here,
    idempotency_key: Key = None,
) -> ItemTold:
    """Add the same once more, or several times; of a viewer they wait for an operator's yes. The first is given."""
    with refusals():
        operator, by = login.role is Role.OPERATOR, wish.person or ""
        return _told(here, here.queue.repeat(id, by, wish.times, operator=operator, key=idempotency_key))


@router.post("/queue/{id}/{deed}")
def do(
    id: ItemId,  # noqa: A002
    deed: Literal["hold", "release", "remove", "approve"],
    wish: DeedWish,
    login: Operator,
    here: Here,
) -> ItemTold:
    """Hold, release, remove or approve an item; who lets one run is named."""
    by = wish.person or (str(login.role) if deed in ("hold", "remove") else "")
    with refusals():
        return _told(here, here.queue.do(deed, id, by))


@router.get("/bench-lock")
def read_lock(_: Viewer, here: Here) -> BenchLocked:
    """The lock of the bench."""
    with refusals():
        return BenchLocked.model_validate({"lock": here.queue.lock})


@router.post("/bench-lock")
def lock(wish: BenchLockWish, _: Operator, here: Here) -> BenchLocked:
    """Let nothing begin until the bench is unlocked; a run that goes on is not touched."""
    with refusals():
        here.queue.queue.lock_bench(wish.name, wish.note)
        return BenchLocked.model_validate({"lock": here.queue.lock})


@router.delete("/bench-lock")
def unlock(_: Operator, here: Here, person: Annotated[Name, Query()]) -> BenchLocked:
    """Let the queue go on."""
    with refusals():
        here.queue.queue.unlock_bench(person)
        here.queue.runner.wake()
        return BenchLocked(lock=None)


def _told(here: Any, item: Any) -> ItemTold:
    return ItemTold(**here.queue.told(item))
