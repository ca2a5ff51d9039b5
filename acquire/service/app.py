"""The service as an ASGI application: gate, routes, the page's files, and what lives as long as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from acquire import __version__
from acquire.service import queue_routes, routes_access, routes_history, routes_recipes, routes_runs, routes_upkeep
from acquire.service.access import Gate, Rate
from acquire.service.errors import ErrorAnswer, answer_errors, not_found
from acquire.service.folders import Folders
from acquire.service.history import History
from acquire.service.queue_service import QueueService
from acquire.service.reading import Reader
from acquire.service.run_files import RunFiles
from acquire.service.run_starter import RunStarter
from acquire.service.settings import Settings
from acquire.service.shared import Shared
from acquire.service.stream import Stream
from acquire.service.tokens import Tokens
from acquire.service.watching import Watch

BASE = "/api/v1"
PAGE = Path(__file__).with_name("page")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".html": "text/html"}


class PageFiles(StaticFiles):
    """The files of the page, with the media types that modules need, whatever the system's registry says."""

    def file_response(self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200) -> Response:
        """One of the files; a browser asks whether it changed each time it loads it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if kind := _TYPES.get(Path(full_path).suffix.lower()):
            response.headers["content-type"] = f"{kind}; charset=utf-8"
        response.headers["cache-control"] = "no-cache"
        return response


def application(settings: Settings, mailboxes: Path | None = None) -> FastAPI:
    """The service; ``mailboxes``: where runs are spoken to, if not in the usual place.

    :raises acquire.service.tokens.TokensError: its tokens cannot be read or written.
    :raises acquire.service.queue.QueueUnusable: the file of the queue cannot be used.
    :raises acquire.config.ConfigurationError: the file of settings is wrong.
    """
    reader, pictures = Reader(), Reader()
    files = RunFiles(settings.runs, reader)
    watch = Watch(files, reader, mailboxes)
    tokens = Tokens(settings.data)
    tokens.begin()
    queue = QueueService(settings.data, settings.recipes, settings.runs, mailboxes, real_time=settings.real_time)
    history, starter = History(settings.data, files), RunStarter(settings, watch)
    here = Shared(settings, tokens, pictures, files, history, watch, starter, queue, Folders(settings))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(watch.look)
        await app.state.stream.start()
        watch.start()
        queue.start()
        try:
            yield
        finally:
            await run_in_threadpool(queue.stop)
            app.state.stream.end()
            await run_in_threadpool(watch.stop)
            for one in (reader, pictures):
                await run_in_threadpool(one.close)

    app = FastAPI(
        title="J-V-L bench service",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{BASE}/openapi.json",
        lifespan=lifespan,
        responses={"4XX": {"model": ErrorAnswer, "description": "refused"}},
        middleware=[Middleware(Gate, settings=settings)],
    )
    app.state.shared, app.state.tokens = here, tokens
    app.state.guesses = Rate(1.0 / 6.0, 10.0)
    app.state.counts = {"errors": 0, "refused": 0}
    app.state.stream = Stream(watch, lambda: state_of(here), queue.answer)
    answer_errors(app)
    for module in (routes_access, routes_recipes, routes_runs, routes_history, routes_upkeep, queue_routes):
        app.include_router(module.router, prefix=BASE)
    app.include_router(routes_access.outside)
    _serve_page(app)
    return app


def state_of(here: Shared) -> dict[str, Any]:
    """What ``GET status`` says."""
    runs = here.watch.runs_now()
    return {
        "version": __version__,
        "service_started": here.started,
        "now": datetime.now().astimezone().isoformat(timespec="seconds"),
        "bench": {"held": bool(runs), "lock": here.queue.lock},
        "runs": runs,
        "queue": here.queue.status(),
        "last_output": here.watch.outputs.known,
    }


def _serve_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    def index() -> FileResponse:
        """The page."""
        if not (PAGE / "index.html").is_file():
            raise not_found("this installation has no page")
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    if PAGE.is_dir():
        app.mount("/page", PageFiles(directory=PAGE), name="page")
