"""The service served: its socket, its log, and its end."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

from acquire.service.app import application
from acquire.service.ending import end_runs
from acquire.service.settings import Settings, SettingsError
from acquire.service.shared import Shared
from acquire.service.stream import Stream

GRACE = 5  # s that connections have at the end


def serve(settings: Settings) -> None:
    """Serve until a signal ends it.

    :raises SettingsError: the port is taken, or the certificate is none.
    :raises acquire.service.tokens.TokensError: the tokens cannot be read or written.
    :raises acquire.service.queue.QueueUnusable: the file of the queue cannot be used.
    :raises acquire.config.ConfigurationError: the file of settings is wrong.
    """
    app = application(settings)
    config = uvicorn.Config(
        app,
        log_config=_log(),
        access_log=False,  # an address may hold what somebody looked for
        server_header=False,
        proxy_headers=settings.proxy is not None,
        forwarded_allow_ips="127.0.0.1",
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=32 << 10,
        ws="none",
    )
    try:
        config.load()
    except (OSError, ValueError) as error:
        raise SettingsError(f"the certificate or its key cannot be used ({error})") from error
    with _listening(settings) as listener:
        for reader in (app.state.shared.files.reader, app.state.shared.pictures):
            reader.begin()
        _Server(config, app.state.stream, app.state.shared).run(sockets=[listener])


class _Server(uvicorn.Server):
    """One that lets its viewers go and ends its runs as soon as it is asked to end."""

    def __init__(self, config: uvicorn.Config, stream: Stream, here: Shared) -> None:
        super().__init__(config)
        self._stream, self._here = stream, here

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: first what is on."""
        self._stream.end()
        ending = asyncio.create_task(asyncio.to_thread(self._end_runs))
        await super().shutdown(sockets)
        await ending

    def _end_runs(self) -> None:
        self._here.queue.stop()  # first: nothing begins behind what ends now
        end_runs(self._here.settings, held=self._here.queue.runner.runs_here)


def _listening(settings: Settings) -> socket.socket:
    """:raises SettingsError: nobody can listen there."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows would share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {settings.host}, port {settings.port}: {error.strerror or error}. Is a service running "
            "already? Another port: --port"
        ) from error
    return listener


def _log() -> dict[str, Any]:
    line = {"format": "%(asctime)s %(levelname)s %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "acquire": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        },
    }
