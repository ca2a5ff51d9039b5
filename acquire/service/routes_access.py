"""Routes: who may, and the state of things."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import Headers
from starlette.responses import StreamingResponse

from acquire import __version__
from acquire.service.access import COOKIE, Viewer, cookie_in, refuse_guesses, still_logged_in
from acquire.service.answers import Health, LoginWish, Me, Status
from acquire.service.cursors import NoCursor, cursor_of
from acquire.service.errors import RequestRefused
from acquire.service.metrics import metrics_text
from acquire.service.shared import Here
from acquire.service.stream import LiveResponse, Stream
from acquire.service.tokens import LOGIN_LASTS, Login, TokensError

router = APIRouter()
outside = APIRouter()


@router.post("/login", tags=["access"])
def login(wish: LoginWish, here: Here, request: Request, response: Response) -> Me:
    """Log in with a token: gives a cookie that only this service reads.

    :raises RequestRefused: a wrong token, or too many tries.
    """
    found = here.tokens.login_with(wish.token)
    if found is None:
        refuse_guesses(request)
        raise RequestRefused(401, "this token is not known here", "a new one is made with: acquire token operator")
    cookie = here.tokens.cookie_of(found)
    response.set_cookie(
        COOKIE, cookie, max_age=LOGIN_LASTS, path="/", httponly=True, samesite="strict", secure=here.settings.secure
    )
    now = here.tokens.login_of(cookie)
    assert now is not None
    return _me(here, now)


def _me(here: Here, login: Login) -> Me:
    return Me(role=login.role.value, name=login.role.value, csrf=here.tokens.mark_of(login))


@router.post("/logout", status_code=204, tags=["access"])
def logout(login: Viewer, here: Here, response: Response) -> None:
    """End this login.

    :raises RequestRefused: that cannot be written down, so that it would come back with the next service.
    """
    if login.number:
        try:
            here.tokens.end(login)
        except TokensError as error:
            hint = f"you are logged out until the service ends; to be safe, renew it: acquire token {login.role}"
            raise RequestRefused(503, str(error), hint) from error
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=here.settings.secure)


@router.get("/me", tags=["access"])
def me(login: Viewer, here: Here) -> Me:
    """Who is logged in."""
    return _me(here, login)


@router.get("/status", tags=["state"])
def status(_: Viewer, request: Request) -> Status:
    """What goes on: runs, bench, queue."""
    stream: Stream = request.app.state.stream
    return Status.model_validate(stream.state())


@router.get(
    "/events", tags=["state"], response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}}
)
async def events(
    login: Viewer, request: Request, cursor: Annotated[str, Query(max_length=4096)] = ""
) -> StreamingResponse:
    """What happens, as server-sent events, from a cursor on; without one from the beginning of the runs that go on.

    :raises RequestRefused: a wrong cursor, or too many pages.
    """
    stream: Stream = request.app.state.stream
    try:
        at = cursor_of(request.headers.get("last-event-id") or cursor)
    except NoCursor as error:
        raise RequestRefused(422, str(error), "leave the cursor out to begin anew", where="cursor") from error
    who = cookie_in(Headers(scope=request.scope)) or str(login.role)
    if (leave := stream.enter(who)) is None:
        raise RequestRefused(429, "too many pages are open", "close some of them", headers={"retry-after": "10"})
    return LiveResponse(stream.events(at, may=still_logged_in(request)), leave)


@outside.get("/health", tags=["state"], responses={503: {"model": Health}})
def health(here: Here, response: Response) -> Health:
    """Whether the service works: its thread that looks at runs lives, and its folders can be used."""
    problems = here.folders.problems()
    if not here.watch.alive:
        problems = ["nothing looks at the runs any more", *problems]
    response.status_code = 503 if problems else 200
    return Health(
        status="degraded" if problems else "ok",
        version=__version__,
        runs=sum(not run.over for run in here.watch.followed()),
        problems=problems,
    )


@outside.get("/metrics", tags=["state"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(_: Viewer, here: Here, request: Request) -> Response:
    """Numbers for Prometheus: points, problems, seconds since the last point, output."""
    text = metrics_text(here.watch, request.app.state.counts, len(request.app.state.stream.viewers))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
