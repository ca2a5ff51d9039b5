"""Routes: runs that go on, and what is asked of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi import Path as InPath
from starlette.responses import Response as Plain

from acquire.safety.lock import clock_time
from acquire.safety.running import NotAllowed, NotHeard, NotRunning, RunningNow, post, seen, stopping
from acquire.service.access import Operator, Viewer
from acquire.service.answers import (
    AnswerWish,
    Columns,
    Done,
    FiguresTold,
    Level,
    Nothing,
    RunTold,
    RunWish,
    Started,
)
from acquire.service.errors import RequestRefused
from acquire.service.figures import spectrum_of
from acquire.service.followed import CUT_OFF
from acquire.service.reading import Unreadable
from acquire.service.shared import Here, Shared
from acquire.service.starting import Wish

router = APIRouter(tags=["runs"])
Address = Annotated[str, InPath(pattern=r"^[0-9A-Za-z-]{1,80}$")]
Key = Annotated[str | None, Header(max_length=200)]
Names = Annotated[str, Query(max_length=2000, pattern=r"^[A-Za-z0-9_,]*$")]
MOST_POINTS = 100_000
OFF_WITHIN = 10.0  # s that an answer to a stop waits for the output


@router.post("/runs", status_code=202)
def start_run(
    wish: RunWish,
    _: Operator,
    here: Here,
    idempotency_key: Key = None,
) -> Started:
    """Start a run now, in a process of its own that outlives the service; the same key never starts two.

    :raises RequestRefused: no recipe is named, it is wrong, or the run did not begin.
    """
    here.refuse_beside_queue()
    if not wish.recipe:
        hint = "choose the sweep whose limits hold" if wish.manual else "choose one"
        raise RequestRefused(422, "no recipe is named", hint, where="recipe")
    start = here.starter.start_by_hand if wish.manual else here.starter.start
    return start(wish_of(wish, wish.recipe), idempotency_key)


def wish_of(wish: RunWish, recipe: str) -> Wish:
    """What is wanted, by this recipe."""
    said = {name: getattr(wish, name) or None for name in Wish.__dataclass_fields__ if name != "recipe"}
    return Wish(recipe=recipe, **said)


@router.get("/runs/{run_id}")
def run_told(run_id: Address, _: Viewer, here: Here) -> RunTold:
    """A run, and how far its file is written."""
    told, _parts = here.read("look", run_id)
    followed = here.watch.run(run_id)
    if not told["finished"] and _is_cut_off(here, run_id):
        told, followed = {**told, **CUT_OFF}, None
    now = here.watch.now_of(followed) if followed else here.watch.now_without_process(told)
    return RunTold(
        **{**now, "finished": told["finished"]},
        **{name: told[name] for name in ("status", "stop_reason", "end_time", "rows")},
        revision="final" if told["finished"] else "recorded",
        columns=told["units"],
        wavelengths=list(range(380, 781)),
    )


def _is_cut_off(here: Shared, run_id: str) -> bool:
    """Whether nobody is at a run any more that is not finished."""
    if here.watch.process_of(run_id) is not None:
        return False
    try:
        return not here.files.goes_on(here.path_of(run_id))
    except Unreadable:
        return False


@router.get("/runs/{run_id}/columns", response_model=Columns)
def columns(
    run_id: Address,
    _: Viewer,
    here: Here,
    table: Annotated[str, Query(pattern=r"^[a-z_]{1,40}$")] = "jvl",
    names: Names = "",
    points: Annotated[int, Query(ge=4, le=MOST_POINTS)] = 2000,
    first: Annotated[int, Query(alias="from", ge=0, le=1 << 40)] = 0,
    last: Annotated[int | None, Query(alias="to", ge=0, le=1 << 40)] = None,
    x: Annotated[str, Query(pattern=r"^[a-z0-9_]{0,60}$")] = "",
    scale: Literal["linear", "log"] = "linear",
    x_from: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    x_to: Annotated[float | None, Query(allow_inf_nan=False)] = None,
) -> Response:
    """Columns of a table; where there are more rows than ``points``, the extremes of each pixel: spikes stay.

    :raises RequestRefused: no column is named for the bounds, or the run has none such.
    """
    if (x_from is not None or x_to is not None) and not x:
        raise RequestRefused(422, "x_from and x_to need x", "name the column: x=time", where="x")
    _, parts = here.read(
        "columns",
        run_id,
        table=table,
        names=[name for name in names.split(",") if name] or None,
        first=first,
        last=last,
        points=points,
        x=x or None,
        scale=scale,
        x_from=x_from,
        x_to=x_to,
    )
    return Plain(parts[0], media_type="application/json")


@router.get("/runs/{run_id}/spectra/{row}")
def spectrum(
    run_id: Address, row: Annotated[int, InPath(ge=0, le=1 << 31)], _: Viewer, here: Here
) -> dict[str, object]:
    """One spectrum: samples at its wavelengths, and what is said of it."""
    return spectrum_of(here.read("row", run_id, table="spectra", row=row)[0])


@router.get("/runs/{run_id}/figures")
def figures(run_id: Address, _: Viewer, here: Here) -> FiguresTold:
    """Figures of merit, findings and notes, as the file has them."""
    return FiguresTold.model_validate(here.read("figures", run_id)[0])


# --- asked of a run ---------------------------------------------------------------------------------------------


@router.post("/runs/{run_id}/stop")
def stop(run_id: Address, _wish: Nothing, login: Operator, here: Here) -> Done:
    """End a run now; answers when its output is off, or with what is known after 10 s."""
    process = _process(here, run_id)
    last: RunningNow | None = None
    try:
        for now in stopping(process, _by(login), patience=OFF_WITHIN, until_off=True):
            last = now
    except NotHeard as problem:
        if last is None:
            raise _refused(problem) from problem
        return _done(last, accepted=True, message=f"asked to stop; {problem}")
    return _stopped(process, last or process)


@router.post("/runs/{run_id}/level")
def level(run_id: Address, wish: Level, login: Operator, here: Here) -> Done:
    """Set a level by hand."""
    return _asked(here, run_id, "level", login, level=wish.level)


@router.post("/runs/{run_id}/answer")
def answer(run_id: Address, wish: AnswerWish, login: Operator, here: Here) -> Done:
    """Answer what a run asks of a person."""
    return _asked(here, run_id, "answer", login, question=wish.question, answer=wish.answer)


@router.post("/runs/{run_id}/{deed}")
def ask(
    run_id: Address,
    deed: Literal["pause", "resume", "off", "spectrum", "end"],
    _wish: Nothing,
    login: Operator,
    here: Here,
) -> Done:
    """Pause a run (ramped down and switched off) or let it go on; by hand: output off, a spectrum, the end."""
    return _asked(here, run_id, deed, login)


def _by(login: Operator) -> str:
    return f"{login.role} (page)"


def _process(here: Shared, address: str) -> RunningNow:
    """:raises RequestRefused: no such run goes on."""
    if (found := here.watch.process_of(address)) is None:
        raise RequestRefused(409, "this run does not go on any more", "look it up in the history", where="run_id")
    return found


def _asked(here: Shared, address: str, deed: str, login: Operator, **more: str) -> Done:
    process = _process(here, address)
    try:
        said = post(process, {"kind": deed, **more}, _by(login))
    except NotHeard as problem:
        raise _refused(problem) from problem
    if not said.done:
        raise RequestRefused(409, said.text or "not done", where="run_id")
    return _done(seen(process) or process, accepted=True, message=said.text)


def _refused(problem: NotHeard) -> RequestRefused:
    if isinstance(problem, NotAllowed):
        return RequestRefused(403, str(problem.args[0]), problem.hint)
    if isinstance(problem, NotRunning):
        return RequestRefused(409, str(problem.args[0]), problem.hint or "look it up in the history", where="run_id")
    return RequestRefused(503, str(problem.args[0]), problem.hint)


def _done(process: RunningNow, *, accepted: bool, message: str) -> Done:
    return Done(
        accepted=accepted,
        message=message,
        phase=process.phase,
        output=process.output or "unknown",
        output_asked=process.asked or None,
    )


def _stopped(before: RunningNow, now: RunningNow) -> Done:
    if before.phase == "asking" and now.output != "on" and not now.asked:
        off = replace(now, output="off")  # of this batch; it had not come to its first run
        return _done(off, accepted=True, message="the batch ends; it had not switched anything on")
    return _done(now, accepted=True, message=_of_output(now))


def _of_output(process: RunningNow) -> str:
    if process.output == "off":
        return f"output off, asked at {clock_time(process.asked)}" if process.asked else "output off"
    return f"asked to stop; the output is {process.output or 'unknown'}"
