"""What a request is refused with: one shape, whatever went wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

LOG = logging.getLogger("acquire.service")


class ProblemAnswer(BaseModel):
    """One thing that is wrong with what was sent: where, in which line, what, and how to mend it."""

    where: str
    line: int | None
    message: str
    hint: str


class ErrorContent(BaseModel):
    """Why a request was refused: a code for programs, a message and a hint for people."""

    code: str
    message: str
    hint: str = ""
    where: str = ""
    problems: list[ProblemAnswer] = []


class ErrorAnswer(BaseModel):
    """The one shape of all refusals."""

    error: ErrorContent


_CODES: Mapping[int, str] = {
    400: "invalid",
    401: "not_logged_in",
    403: "forbidden",
    404: "not_found",
    405: "method",
    409: "conflict",
    413: "too_large",
    421: "foreign_host",
    422: "invalid",
    429: "too_many",
    500: "internal",
    503: "unavailable",
}


class RequestRefused(Exception):
    """A request that is refused; ``status`` of HTTP, and what stands in the answer."""

    def __init__(
        self,
        status: int,
        message: str,
        hint: str = "",
        *,
        code: str = "",
        where: str = "",
        problems: Iterable[ProblemAnswer] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.content = ErrorContent(
            code=code or _CODES.get(status, "error"), message=message, hint=hint, where=where, problems=list(problems)
        )

    def answer(self) -> JSONResponse:
        """The answer to send."""
        return JSONResponse(ErrorAnswer(error=self.content).model_dump(), self.status, self.headers)


def not_found(what: str, hint: str = "", where: str = "") -> RequestRefused:
    """There is no such thing."""
    return RequestRefused(404, what, hint, where=where)


def answer_errors(app: FastAPI) -> None:
    """Give every error of an app the one shape."""

    @app.exception_handler(RequestRefused)
    async def _refused(request: Request, error: RequestRefused) -> JSONResponse:
        request.app.state.counts["refused"] += 1
        return error.answer()

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return RequestRefused(error.status_code, str(error.detail), headers=error.headers).answer()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [_problem(one) for one in error.errors()]
        first = problems[0] if problems else ProblemAnswer(where="", line=None, message="it cannot be read", hint="")
        message = f"{first.where}: {first.message}" if first.where else first.message
        return RequestRefused(422, message, where=first.where, problems=problems).answer()

    @app.exception_handler(Exception)
    async def _internal(request: Request, error: Exception) -> JSONResponse:
        request.app.state.counts["errors"] += 1
        LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        hint = "look into the log of the service"
        return RequestRefused(500, "the service made a mistake; runs are not touched by it", hint).answer()


def _problem(error: Mapping[str, Any]) -> ProblemAnswer:
    place = ".".join(str(part) for part in error.get("loc", ())[1:])
    return ProblemAnswer(where=place[:200], line=None, message=str(error.get("msg", ""))[:500], hint="")
