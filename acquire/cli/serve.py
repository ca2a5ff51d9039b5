"""``acquire serve``: the bench in a browser; ``acquire token``: a new token for it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acquire.cli.arguments import FAILED, USAGE
from acquire.cli.terminal import complain, say

if TYPE_CHECKING:
    from acquire.service.settings import Settings

EXTRA = ("fastapi", "uvicorn")

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="folder of tokens, queue and logs, on a local disk", metavar="DIR"),
]


def serve(
    port: Annotated[int, typer.Option("--port", help="port", min=1, max=65535)] = 8400,
    host: Annotated[
        str, typer.Option("--host", help="address to listen on; others than loopback need TLS")
    ] = "127.0.0.1",
    data: DataOption = None,
    runs: Annotated[Path, typer.Option("--runs", help="folder of the run files", metavar="DIR")] = Path("runs"),
    recipes: Annotated[
        Path, typer.Option("--recipes", help="folder of sweeps, batches and benches", metavar="DIR")
    ] = Path("configs"),
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="certificate (PEM)", metavar="FILE")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="its key (PEM)", metavar="FILE")] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="name under which browsers reach it", metavar="NAME")
    ] = None,
    behind_proxy: Annotated[
        str | None,
        typer.Option("--behind-proxy", help="name of the encrypting proxy in front of it", metavar="NAME"),
    ] = None,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="runs on simulated benches take the time of real ones")
    ] = False,
) -> None:
    """Serve the bench to browsers: live curves, queue, history; until Ctrl-C. Runs go on by themselves."""
    _need_extra()
    from acquire.config import ConfigurationError
    from acquire.service.queue import QueueUnusable
    from acquire.service.serving import serve as serve_until_end
    from acquire.service.settings import Settings, SettingsError, data_folder, refuse_what_is_open
    from acquire.service.tokens import TokensError

    settings = Settings(
        data=(data or data_folder()).absolute(),
        runs=runs.absolute(),
        recipes=recipes.absolute(),
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        proxy=behind_proxy,
        names=tuple(name or ()),
        real_time=real_time,
    )
    try:
        refuse_what_is_open(settings)
        _tell_tokens(settings, f"--data {data}" if data else "")
        where = f"https://{behind_proxy}/" if behind_proxy else settings.address
        say(sys.stderr, f"serving {where}; Ctrl-C ends it")
        serve_until_end(settings)
    except SettingsError as error:
        raise complain(error, USAGE) from error
    except (TokensError, QueueUnusable) as error:
        raise complain(error, FAILED) from error
    except ConfigurationError as error:
        raise complain(error, USAGE) from error


def _need_extra() -> None:
    """:raises typer.Exit: what the service is made with is not installed."""
    if missing := [name for name in EXTRA if find_spec(name) is None]:
        hint = 'pip install "jvl-bench[page]"'
        raise complain(f'the service needs {" and ".join(missing)}, the extra "page": {hint}', FAILED)


def _tell_tokens(settings: Settings, where: str) -> None:
    """Make tokens at the first start and show them once, to a person only: never into a log.

    :raises acquire.service.tokens.TokensError: they cannot be written.
    """
    from acquire.service.tokens import Tokens

    new = Tokens(settings.data).begin()
    command = f"acquire token operator {where}".rstrip()
    if not new:
        return
    if sys.stdout is not None and sys.stdout.isatty():
        for role, token in new.items():
            say(sys.stdout, f"token of {role}s: {token}")
        say(sys.stdout, f"They are shown only now; write them down. A new one: {command}")
    else:
        say(sys.stderr, f"there are no tokens yet; make one to log in with: {command}")


def token(
    role: Annotated[str, typer.Argument(help="operator, who may do things, or viewer", metavar="ROLE")],
    data: DataOption = None,
) -> None:
    """Make a new token to log in to the page with; the old one, and all its logins, end at once."""
    from acquire.service.settings import data_folder
    from acquire.service.tokens import Role, Tokens, TokensError

    if role not in list(Role):
        raise complain(f"'{role}' is none of {', '.join(Role)}", USAGE)
    try:
        made = Tokens((data or data_folder()).absolute()).renew(Role(role))
    except TokensError as error:
        raise complain(error, FAILED) from error
    say(sys.stdout, made)
