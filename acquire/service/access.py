"""What every request has to pass before anything is done for it: where it comes from, how long it is, how often.

Outermost layer of the app (ASGI), so that static files and errors pass it too. It also gives each answer the headers
that keep a page from loading, or being loaded by, anything else.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acquire.service.errors import RequestRefused
from acquire.service.settings import Settings
from acquire.service.tokens import Login, Role, Tokens, TokensError

COOKIE = "jvl_session"
MARK = "x-csrf-token"
LONGEST_BODY = 2 << 20  # bytes
LONGEST_QUERY = 8192
SAFE = ("GET", "HEAD")
METHODS = (*SAFE, "POST", "PUT", "DELETE")

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; worker-src 'self'; manifest-src 'self'; media-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-src 'self'; frame-ancestors 'none'"
)
#: A report is one page with its pictures and styles inside, and nothing that runs.
REPORT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-popups; base-uri 'none'"

_HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class Gate:
    """Lets in what may come in: hosts, origins, methods, lengths, rates."""

    def __init__(self, app: ASGIApp, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._hosts, self._origins, self._secure = settings.hosts, settings.origins, settings.secure
        self._requests = Rate(50.0, 400.0, now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or hand it on."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # no web sockets here
            return await send({"type": "websocket.close", "code": 1008})

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    if name not in headers:
                        headers[name] = value
                if self._secure:
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        try:
            self._refuse(scope)
        except RequestRefused as refusal:
            return await refusal.answer()(scope, receive, sent)
        return await self._app(scope, _bounded(receive), sent)

    def _refuse(self, scope: Scope) -> None:
        """:raises RequestRefused: it may not come in."""
        headers, method = Headers(scope=scope), str(scope["method"])
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            hint = "open it under the address that it was started with"
            raise RequestRefused(421, "the service is not reached under this name", hint)
        if method not in METHODS:
            raise RequestRefused(405, f"no request is made with {method[:20]}")
        _refuse_foreign(headers, method, self._origins)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > LONGEST_BODY:
            raise RequestRefused(413, f"more than {LONGEST_BODY >> 20} MB are not taken")
        if len(scope["query_string"]) > LONGEST_QUERY:
            raise RequestRefused(413, "the address is too long")
        if not self._requests.allows(address_of(scope)):
            raise RequestRefused(429, "too many requests", "wait a second", headers={"retry-after": "1"})


def _refuse_foreign(headers: Headers, method: str, origins: frozenset[str]) -> None:
    """:raises RequestRefused: another site's page asks."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    foreign = origin is not None and origin.lower() not in origins
    if not foreign and method not in SAFE and origin is None:
        foreign = site not in ("same-origin", "none")
    if foreign:
        hint = "open the page of the service itself"
        raise RequestRefused(403, "a page of another site may not ask this", hint, code="foreign_origin")


def _bounded(receive: Receive) -> Receive:
    """Gives no more of a body than is taken."""
    left = LONGEST_BODY

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"more than {LONGEST_BODY >> 20} MB are not taken")
        return message

    return bounded


def address_of(scope: Mapping[str, Any]) -> str:
    """From which computer a request comes."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class Rate:
    """How often somebody may: ``burst`` at once, ``rate`` [1/s] in the long run. Forgets who was long quiet."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic, most: int = 4096) -> None:
        self._rate, self._burst, self._now, self._most = rate, burst, now, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, who: str) -> bool:
        """Whether one more may be; counts it."""
        now = self._now()
        left, since = self._left.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1.0
        self._left[who] = (left - 1.0 if allowed else left, now)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return allowed


# --- who asks --------------------------------------------------------------------------------------------------


def cookie_in(headers: Headers) -> str:
    """The cookie of a login, empty without one."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def viewer(request: Request) -> Login:
    """Who asks; at least a viewer.

    :raises RequestRefused: nobody who is logged in, or a request that changes something and is not of our page.
    """
    tokens: Tokens = request.app.state.tokens
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        login = tokens.login_with(token.strip()) if scheme.lower() == "bearer" else None
        if login is None:
            refuse_guesses(request)
            raise RequestRefused(401, "this token is not known here", "log in with the token that you were given")
        return login
    login = tokens.login_of(cookie_in(request.headers))
    if login is None:
        raise RequestRefused(401, "nobody is logged in", "log in with the token that you were given")
    if request.method not in SAFE and not _is_ours(request, tokens.mark_of(login)):
        raise RequestRefused(403, f"the header {MARK} is missing or wrong", "load the page again", code="csrf")
    return login


def still_logged_in(request: Request) -> Callable[[], bool]:
    """Whether somebody who came in would do so now: an answer may last longer than a login."""
    tokens: Tokens = request.app.state.tokens
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    cookie = cookie_in(request.headers)

    def may() -> bool:
        try:
            return (tokens.login_with(token) if token else tokens.login_of(cookie)) is not None
        except TokensError:
            return False

    return may


def _is_ours(request: Request, mark: str) -> bool:
    return compare_digest(request.headers.get(MARK, "").encode(), mark.encode())


def refuse_guesses(request: Request) -> None:
    """:raises RequestRefused: too many tokens were tried."""
    guesses: Rate = request.app.state.guesses
    if not (guesses.allows(address_of(request.scope)) and guesses.allows("everybody")):
        hint = "wait a minute"
        raise RequestRefused(429, "too many tokens were tried", hint, headers={"retry-after": "60"})


Viewer = Annotated[Login, Depends(viewer)]


def operator(login: Viewer) -> Login:
    """Who asks, who may do things.

    :raises RequestRefused: a viewer.
    """
    if login.role is not Role.OPERATOR:
        raise RequestRefused(403, "viewers may look, and not do this", "ask an operator, or log in as one")
    return login


Operator = Annotated[Login, Depends(operator)]
